//! Reconciling: what journal and machine do not agree on is settled before anything moves that could meet it.

use cellwright_model::RobotId;

use crate::api::{Question, QuestionKind};
use crate::core::Core;
use crate::ledger::Cx;
use crate::parts::Leftover;
use crate::record::{Location, PartRef, Record};

/// The answer that says that what was asked for has been taken out.
pub const REMOVED: &str = "removed";
/// A part in a gripper that no unit has taken in, and whose it is.
const UNKNOWN_PART: &str = "part";
const UNKNOWN_SERIAL: &str = "unknown";

impl Core {
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
