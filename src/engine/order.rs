//! The order under way: which unit is opened next, and when it is over.

use cellwright_model::Date;
use cellwright_model::order::{NextStart, OrderProgress, short_cause};
use cellwright_model::outcome::UnitResult;

use crate::api::{MachineFault, Order, Work};
use crate::catalogue::AlarmCode;

/// An order under way.
#[derive(Debug)]
pub(crate) struct OpenOrder {
    pub(crate) order: Order,
    /// All that was made of it, in earlier runs too.
    pub(crate) progress: OrderProgress,
}

/// What the order asks for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another unit; `None`: under the next serial of the cell's counter.
    Open(Option<String>),
    /// Nothing, until a unit has come to its end.
    Wait,
    Complete,
    /// It does not come to its quantity.
    Short(MachineFault),
}

impl OpenOrder {
    pub(crate) fn new(order: Order) -> OpenOrder {
        let progress = match &order.work {
            Work::Units(_) => OrderProgress::default(),
            Work::Terms { done, .. } => *done,
        };
        OpenOrder { order, progress }
    }

    pub(crate) fn next(&self) -> Next {
        let done = &self.progress;
        match &self.order.work {
            Work::Units(units) if done.started < *units => Next::Open(None),
            Work::Units(units) if done.closed() < *units => Next::Wait,
            Work::Units(_) => Next::Complete,
            Work::Terms { terms, .. } => match terms.next(done) {
                NextStart::Open(serial) => Next::Open(Some(serial)),
                NextStart::Wait => Next::Wait,
                NextStart::Complete => Next::Complete,
                NextStart::Short => {
                    let (place, cause) = (format!("order {}", terms.id), short_cause(terms, done));
                    Next::Short(AlarmCode::OrderShort.fault(place, &[("cause", &cause)]))
                }
            },
        }
    }

    /// The training of whoever works the cell is over: no further unit is opened.
    pub(crate) fn lapsed(&self, today: Option<Date>) -> Option<MachineFault> {
        let clearance = &self.order.clearance;
        let who = clearance.operator()?;
        let cause = clearance.lapsed(who, today)?;
        Some(AlarmCode::TrainingLapsed.fault(who, &[("cause", &cause)]))
    }

    pub(crate) fn opened(&mut self) {
        self.progress.open_one();
    }

    /// A unit of an earlier run goes on. Of an order file it has been started already.
    pub(crate) fn reopened(&mut self) {
        match &self.order.work {
            Work::Units(_) => self.progress.open_one(),
            Work::Terms { .. } => self.progress.resume_one(),
        }
    }

    /// A unit that ended without a result was interrupted.
    pub(crate) fn closed(&mut self, result: Option<UnitResult>) {
        self.progress.close_one(result.unwrap_or(UnitResult::Interrupted));
    }

    /// Whether it can be taken at all. Errors: the reason.
    pub(crate) fn check(&self) -> Result<(), String> {
        match (&self.order.work, self.next()) {
            (Work::Units(0), _) => Err("an order has at least one unit".into()),
            (_, Next::Complete) => Err(format!("order {} is complete", self.order.id)),
            (_, Next::Short(fault)) => Err(fault.cause),
            _ => Ok(()),
        }
    }
}
