//! Going on with a unit after a restart. It was interrupted when the controller died, as any other; at Reset a person
//! may decide to go on with it instead of taking it out. Then it stays in its nest, and is the first to be opened again.
//!
//! *Left*: it lies in the cell since a controller died. *Kept*: a person has decided, and it waits for its order.

mod point;

use std::collections::BTreeSet;

use cellwright_model::RequestId;
use cellwright_model::cell::Cell;
use cellwright_model::event::Component;
use cellwright_model::plan::AfterRestart;

use crate::api::{Question, QuestionKind, Source};
use crate::catalogue::AlarmCode;
use crate::core::Core;
use crate::ledger::Cx;
use crate::order::Next;
use crate::parts::Leftover;
use crate::reconcile::REMOVED;
use crate::record::{Location, PartRef, Record};
use crate::table;
use crate::unit::Unit;

pub use point::{How, LeftUnit, Point, RESTART};

/// The answer that goes on with a unit.
pub const RESUME: &str = "resume";

/// A unit that could go on, if sensors find it.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) unit: LeftUnit,
    pub(crate) point: Point,
    /// Who wants it to go on; it does if sensors still find it.
    wanted_by: Option<Source>,
}

/// It goes on with the next order, which has to be its own.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) offer: Offer,
    pub(crate) nest: u16,
    pub(crate) parts: Vec<Leftover>,
    /// Who has decided.
    pub(crate) by: Source,
}

/// See the module text.
#[derive(Debug, Default)]
pub(crate) struct Resume {
    offers: Vec<Offer>,
    /// Why those are not offered whose recipe asks for it: serial and reason.
    refused: Vec<(String, String)>,
    /// The unit that a person is asked about.
    asked: Option<String>,
    kept: Vec<Kept>,
}

impl Resume {
    pub(crate) fn new(left: Vec<LeftUnit>) -> Resume {
        let mut resume = Resume::default();
        for unit in left {
            match unit.point() {
                Ok(point) => resume.offers.push(Offer { unit, point, wanted_by: None }),
                Err(Some(why)) => resume.refused.push((unit.serial, why)),
                Err(None) => {}
            }
        }
        resume
    }

    /// A unit that is kept stands in this nest.
    pub(crate) fn keeps(&self, nest: u16) -> bool {
        self.kept.iter().any(|k| k.nest == nest)
    }

    pub(crate) fn drop_question(&mut self) {
        self.asked = None;
        self.offers.iter_mut().for_each(|o| o.wanted_by = None);
    }

    /// Why units that are asked to be taken out cannot go on; for people.
    pub(crate) fn reasons(&self, left: &[Leftover]) -> String {
        let lies = |serial: &str| left.iter().any(|l| l.serial == serial);
        let of = self.refused.iter().filter(|(serial, _)| lies(serial));
        of.map(|(serial, why)| format!(". {serial} cannot go on: {why}")).collect()
    }
}

impl Core {
    /// Asks for the next unit that could go on and is seen where it was. `None`: there is none.
    pub(crate) fn ask_to_resume(&mut self, cx: &mut Cx<'_>) -> Option<RequestId> {
        let offer = self.resume.offers.iter().find(|o| self.seen_whole(o).is_some())?.clone();
        let nest = self.seen_whole(&offer)?;
        let (unit, point) = (&offer.unit, &offer.point);
        let step = unit.plan.step(point.step);
        let how = match (&step.after_restart, point.how) {
            (AfterRestart::VerifyThenSkip { check }, How::Verify) => {
                format!(
                    "was interrupted in {}; if {} holds, it goes on behind it",
                    step.id,
                    check.words(cx.cell)
                )
            }
            (_, How::Redo) => format!("was interrupted in {}, which is done once more", step.id),
            _ => format!("was interrupted before {}, and goes on there", step.id),
        };
        let prompt =
            format!("Unit {} in nest {nest} {how}: {RESUME}. Or take it out by hand: {REMOVED}", unit.serial);
        let parts = format!("unit {} in nest {nest}", unit.serial);
        self.raise(cx, &AlarmCode::PartsLeft.fault("cell", &[("parts", &parts)]), Some(REMOVED));
        self.resume.asked = Some(unit.serial.clone());
        let serial = Some(unit.serial.clone());
        Some(cx.ask(|id| Question {
            id,
            kind: QuestionKind::Reconcile,
            unit: None,
            serial,
            step: None,
            tray: None,
            places: vec![Location::Nest(nest)],
            carry: None,
            prompt,
            answers: vec![REMOVED.into(), RESUME.into()],
        }))
    }

    /// The nest in which it lies, with everything that was put in and nothing else, as sensors see; nothing of it is in doubt.
    fn seen_whole(&self, offer: &Offer) -> Option<u16> {
        let serial = &offer.unit.serial;
        if self.parts.doubts.iter().any(|d| d.route.serial == *serial) {
            return None;
        }
        let mut parts = self.parts.leftovers.iter().filter(|l| l.serial == *serial);
        let Location::Nest(nest) = parts.next()?.at else { return None };
        let at = Location::Nest(nest);
        let mut names = Vec::new();
        for left in self.parts.leftovers.iter().filter(|l| l.serial == *serial || l.at == at) {
            match &left.part {
                PartRef::Component(name) if left.serial == *serial && left.at == at => {
                    names.push(name.clone())
                }
                _ => return None,
            }
        }
        names.sort_unstable();
        let components = offer.unit.known_components();
        let known = |name: &String| components.iter().any(|c| c.name == *name);
        let whole = names == offer.point.in_nest && names.iter().all(known);
        let free = !self.resume.keeps(nest) && !self.units.values().any(|u| u.data.nest == nest);
        (whole && free && self.reconcile.sees(nest)).then_some(nest)
    }

    /// A person has answered. `false`: it was another question.
    pub(crate) fn decide_resume(&mut self, cx: &mut Cx<'_>, answer: &str, by: &Source) -> bool {
        let Some(serial) = self.resume.asked.take() else { return false };
        let Some(at) = self.resume.offers.iter().position(|o| o.unit.serial == serial) else { return true };
        if answer == RESUME {
            self.resume.offers[at].wanted_by = Some(by.clone());
        } else {
            self.resume.offers.remove(at);
            cx.record(Record::UnitForgotten { serial });
        }
        true
    }

    /// Everything was looked at once more since a person has decided: what is still whole is kept.
    pub(crate) fn keep_wanted(&mut self) {
        for offer in core::mem::take(&mut self.resume.offers) {
            let Some(by) = offer.wanted_by.clone() else {
                self.resume.offers.push(offer);
                continue;
            };
            let Some(nest) = self.seen_whole(&offer) else { continue };
            let (parts, left) = core::mem::take(&mut self.parts.leftovers)
                .into_iter()
                .partition(|l| l.serial == offer.unit.serial);
            self.parts.leftovers = left;
            self.parts.unseen.remove(&nest);
            self.resume.kept.push(Kept { offer, nest, parts, by });
        }
    }

    /// What is kept is left again: the cell is reset once more, and everything is decided anew.
    pub(crate) fn offer_anew(&mut self, cell: &Cell) {
        for kept in core::mem::take(&mut self.resume.kept) {
            let offer = self.leave_again(cell, kept);
            self.resume.offers.push(offer);
        }
        self.resume.drop_question();
    }

    /// The machine is moved by hand: what became of the units by that nobody knows.
    pub(crate) fn moved_by_hand(&mut self, cx: &mut Cx<'_>) {
        self.offer_anew(cx.cell);
        for offer in core::mem::take(&mut self.resume.offers) {
            self.forget(cx, offer, "the machine was moved by hand since".into());
        }
        // Those too that this controller does not offer, since it makes something else.
        let left = self.parts.leftovers.iter().map(|l| l.serial.clone());
        let serials: BTreeSet<_> =
            left.chain(self.parts.doubts.iter().map(|d| d.route.serial.clone())).collect();
        for serial in serials {
            cx.record(Record::UnitForgotten { serial });
        }
    }

    /// It is taken out, whichever controller comes to that.
    fn forget(&mut self, cx: &mut Cx<'_>, offer: Offer, why: String) {
        let serial = offer.unit.serial;
        cx.record(Record::UnitForgotten { serial: serial.clone() });
        self.resume.refused.push((serial, why));
    }

    fn leave_again(&mut self, cell: &Cell, kept: Kept) -> Offer {
        if cell.stations.iter().any(|s| !s.presence.is_empty()) {
            self.parts.unseen.insert(kept.nest);
        }
        self.parts.leftovers.extend(kept.parts);
        kept.offer
    }

    /// Opens a kept unit again. One that the order under way does not go on with is asked to be taken out. `true`:
    /// there was one.
    pub(crate) fn resume_kept(&mut self, cx: &mut Cx<'_>, next: &Next) -> bool {
        if self.resume.kept.is_empty() || self.store_fault.is_some() {
            return false;
        }
        let kept = self.resume.kept.remove(0);
        match self.not_of_this_order(&kept, next) {
            None => self.reopen(cx, kept),
            Some(why) => {
                let offer = self.leave_again(cx.cell, kept);
                self.forget(cx, offer, why);
            }
        }
        true
    }

    fn not_of_this_order(&self, kept: &Kept, next: &Next) -> Option<String> {
        let Some(open) = &self.order else { return Some("there is no order".into()) };
        let unit = &kept.offer.unit;
        if open.order.id != unit.order {
            return Some(format!("it belongs to order {}", unit.order));
        }
        if *open.order.plan_of(&unit.serial) != unit.plan {
            return Some("it was made by another recipe".into());
        }
        if matches!(next, Next::Complete) {
            return Some("the order is complete".into());
        }
        let barred = |c: &Component| self.parts.barred.lot(&c.part, c.lot.as_deref()?).err();
        let barred = unit.known_components().iter().find_map(barred);
        barred.or_else(|| open.order.clearance.lapsed(kept.by.person(), self.parts.barred.today))
    }

    fn reopen(&mut self, cx: &mut Cx<'_>, kept: Kept) {
        let Some(open) = &mut self.order else { return };
        open.reopened();
        self.last_unit = self.last_unit.wrapping_add(1).max(1);
        let id = cellwright_model::UnitId(self.last_unit);
        let station = table::station_of(cx, kept.nest);
        let unit = Unit::reopen(cx, id, (kept, station, self.counter), &open.order);
        self.units.insert(id, unit);
    }
}
