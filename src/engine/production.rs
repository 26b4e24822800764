//! Orders and units: what is opened when, what is counted at the end, what a person has to take out first.

use cellwright_model::outcome::{FaultClass, UnitResult};
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::{RobotId, UnitId};

use crate::alarms;
use crate::api::{Question, QuestionKind, Source};
use crate::branch::Flow;
use crate::cell_chart::Trigger;
use crate::core::Core;
use crate::ledger::Cx;
use crate::parts::Leftover;
use crate::record::{Location, PartRef, Record};
use crate::unit::Unit;

/// The answer that says that what was asked for has been taken out.
pub const REMOVED: &str = "removed";
/// A part in a gripper that no unit has taken in, and whose it is.
const UNKNOWN_PART: &str = "part";
const UNKNOWN_SERIAL: &str = "unknown";

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

    /// A gripper that was closing when its step was broken off may hold a part that nobody has entered: it is
    /// entered as taken from where the cobot was, so that a person is asked for it before anything moves.
    pub(crate) fn look_into_grippers(&mut self, cx: &mut Cx<'_>) {
        for (i, state) in cx.machine.robots.iter().enumerate().take(cx.cell.robots.len()) {
            let robot = RobotId(i as u16);
            let at = Location::Gripper(robot);
            if !state.holding || self.parts.leftovers.iter().any(|l| l.at == at) {
                continue;
            }
            let from = match self.parts.last_pocket.get(&robot).copied() {
                // Not accounted for: the cursor still points at the pocket that is empty now.
                Some((tray, n)) if self.parts.pocket(cx.cell, tray) == Some(n) => {
                    let next = self.parts.advance(tray);
                    cx.record(Record::TrayCursor { tray, next });
                    Location::Tray { tray, pocket: n }
                }
                _ => Location::Hand,
            };
            let part = PartRef::Component(UNKNOWN_PART.into());
            let serial = UNKNOWN_SERIAL.to_string();
            let left = Leftover { serial: serial.clone(), part: part.clone(), at };
            cx.record(Record::PartMoved { unit: None, serial, part, from, to: at, verified: false });
            self.parts.leftovers.push(left);
        }
    }

    /// Nothing lies where the next unit would meet it; otherwise a person is asked to take it out.
    pub(crate) fn reconciled(&mut self, cx: &mut Cx<'_>) -> bool {
        if self.parts.leftovers.is_empty() {
            return true;
        }
        let Some(id) = self.reconcile else {
            let what: Vec<String> =
                self.parts.leftovers.iter().map(|l| describe(cx, &l.serial, &l.part, &l.at)).collect();
            let prompt = format!("Take out by hand: {}", what.join("; "));
            self.reconcile = Some(cx.ask(|id| Question {
                id,
                kind: QuestionKind::Reconcile,
                unit: None,
                serial: None,
                step: None,
                tray: None,
                prompt,
                answers: vec![REMOVED.into()],
            }));
            return false;
        };
        if cx.ledger.questions.get(&id).is_some_and(|a| a.answer.is_none()) {
            return false;
        }
        cx.ledger.questions.remove(&id);
        self.reconcile = None;
        for left in core::mem::take(&mut self.parts.leftovers) {
            cx.record(Record::PartMoved {
                unit: None,
                serial: left.serial,
                part: left.part,
                from: left.at,
                to: Location::Hand,
                verified: false,
            });
        }
        true
    }
}

fn describe(cx: &Cx<'_>, serial: &str, part: &PartRef, at: &Location) -> String {
    let what = match part {
        PartRef::Unit => format!("unit {serial}"),
        PartRef::Component(name) => format!("{name} of {serial}"),
    };
    let place = match at {
        Location::Nest(n) => format!("nest {n}"),
        Location::Gripper(r) => {
            cx.cell.robots.get(r.index()).map(|r| format!("gripper of {}", r.name)).unwrap_or_default()
        }
        Location::Tray { tray, .. } | Location::Bin(tray) => {
            cx.cell.trays.get(tray.index()).map(|t| t.name.clone()).unwrap_or_default()
        }
        Location::Hand => "hand".into(),
    };
    format!("{what} from {place}")
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
