//! Orders and units: what is opened when, what is counted at the end.

use cellwright_model::UnitId;
use cellwright_model::outcome::{FaultClass, UnitResult};
use cellwright_model::packml::{CellCommand, CellState};

use crate::alarms;
use crate::api::Source;
use crate::branch::Flow;
use crate::cell_chart::Trigger;
use crate::core::Core;
use crate::ledger::Cx;
use crate::record::Record;
use crate::unit::Unit;

impl Core {
    /// Ends units that are closed, opens the next, ends the order. `true` if anything happened.
    pub(crate) fn produce(&mut self, cx: &mut Cx<'_>) -> bool {
        let mut moved = self.reap(cx);
        if self.state() != CellState::Execute || self.flow() != Flow::Run {
            return moved;
        }
        let (open, finished) = match &self.order {
            None => return moved,
            Some(o) => (o.opened < o.order.units, o.closed >= o.order.units),
        };
        if finished && self.units.is_empty() {
            let id = self.order.take().map(|o| o.order.id).unwrap_or_default();
            let cause = format!("order {id} is finished");
            return self.trigger(cx, Trigger::Command(CellCommand::Complete), &cause) || moved;
        }
        // One unit at a time: the carriers of more need the pipelined schedule.
        if open && self.units.is_empty() && self.store_fault.is_none() && self.reconciled(cx) {
            self.open_unit(cx);
            moved = true;
        }
        moved
    }

    fn open_unit(&mut self, cx: &mut Cx<'_>) {
        let Some(open) = &mut self.order else { return };
        self.counter += 1;
        self.last_unit = self.last_unit.wrapping_add(1).max(1);
        open.opened += 1;
        let id = UnitId(self.last_unit);
        let unit = Unit::open(cx, id, self.counter, &open.order.id, &open.order.plan);
        self.units.insert(id, unit);
    }

    fn reap(&mut self, cx: &mut Cx<'_>) -> bool {
        let wait = !self.flow().ends();
        let closed: Vec<UnitId> =
            self.units.iter().filter(|(_, u)| u.closed(cx, wait)).map(|(id, _)| *id).collect();
        for id in &closed {
            let Some(unit) = self.units.remove(id) else { continue };
            self.parts.leftovers.extend(unit.data.leftovers());
            if let Some(open) = &mut self.order {
                open.closed += 1;
            }
            self.count_ng(cx, unit.result);
        }
        !closed.is_empty()
    }

    /// So many ng in a row: something is wrong with more than a part.
    fn count_ng(&mut self, cx: &mut Cx<'_>, result: Option<UnitResult>) {
        match result {
            Some(UnitResult::Ng) => self.ng_in_row += 1,
            Some(UnitResult::Good) => self.ng_in_row = 0,
            _ => return,
        }
        let max = cx.cell.consecutive_ng_max;
        if max > 0 && self.ng_in_row >= max {
            self.ng_in_row = 0;
            let fault = alarms::fault(
                FaultClass::Hold,
                "consecutive-ng",
                format!("{max} units in a row are not good"),
                "cell",
                "look at material, tools and sensors; then Unhold, or Stop",
            );
            self.react(cx, &fault);
        }
    }
}

impl Core {
    /// Work. Errors: the reason.
    pub(crate) fn take_order(&mut self, cx: &mut Cx<'_>, order: crate::api::Order, by: &Source) {
        let (id, units) = (order.id.clone(), order.units);
        let result = self.accept_order(cx, order);
        let ticket =
            cx.record(Record::Order { order: id.clone(), units, by: by.clone(), result: result.clone() });
        let request = crate::api::Answered::Order(id);
        cx.out.push(crate::api::Output::Answered { request, by: by.clone(), result, ticket });
    }

    fn accept_order(&mut self, cx: &Cx<'_>, order: crate::api::Order) -> Result<(), String> {
        if let Some(open) = &self.order {
            return Err(format!("order {} is under way", open.order.id));
        }
        if matches!(self.state(), CellState::Completing) {
            return Err("the cell is completing".into());
        }
        if order.units == 0 {
            return Err("an order has at least one unit".into());
        }
        crate::validate::plan(&order.plan, cx.cell)?;
        self.order = Some(crate::core::OpenOrder { order, opened: 0, closed: 0 });
        Ok(())
    }
}
