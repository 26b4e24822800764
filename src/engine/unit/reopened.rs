//! A unit that goes on after a restart: what is durable of its earlier openings holds on.

use cellwright_model::event::{Component, Measurement, Resumed, StepEnded};
use cellwright_model::outcome::StepOutcome;
use cellwright_model::{StationId, StepIx, UnitId};

use super::{Life, ROOT, Unit, UnitData};
use crate::api::Order;
use crate::ledger::Cx;
use crate::record::{ComponentUse, Location, PartRef};
use crate::resume::{How, Kept, LeftUnit};

impl Unit {
    /// Opens it once more under its serial; recorded, and not begun before that is durable.
    pub(crate) fn reopen(
        cx: &mut Cx<'_>,
        id: UnitId,
        (kept, station, counter): (Kept, Option<StationId>, u64),
        order: &Order,
    ) -> Unit {
        let Kept { offer, nest, parts, by } = kept;
        let (unit, point) = (offer.unit, offer.point);
        let resumed = Resumed {
            by: by.who.clone(),
            step: unit.plan.step(point.step).id.clone(),
            how: point.how.word().into(),
            carried: point.carried.clone(),
        };
        let serial = (unit.serial.clone(), counter);
        let mut this = Unit::open_as(cx, id, (nest, station), serial, order, Some(resumed));
        let data = &mut this.data;
        data.location = Some(Location::Nest(nest));
        for part in parts {
            if let PartRef::Component(name) = part.part {
                data.places.insert(name, part.at);
            }
        }
        data.nest_looked_at = true;
        data.remember(&unit);
        data.retested |= point.how == How::Redo;
        this.begins_at = Some((point, by));
        this
    }

    /// Its body begins, or goes on.
    pub(super) fn begin_body(&mut self, cx: &mut Cx<'_>) {
        self.life = Life::Working;
        self.spawn("body".into(), self.data.graph.body, None);
        if let (Some((point, by)), Some(branch)) = (self.begins_at.take(), self.branches.get_mut(&ROOT)) {
            let tried = self.data.tried.take().unwrap_or_default();
            branch.go_on_at(cx, &self.data.plan, &point, tried, by.who);
        }
    }
}

impl UnitData {
    /// What its attempts have shown.
    fn remember(&mut self, unit: &LeftUnit) {
        self.components = unit.known_components().iter().map(component).collect();
        let find = |id: &str| unit.plan.steps.iter().position(|s| s.id == id).map(|at| StepIx(at as u16));
        let mut tried = (0, 0);
        let mut before = None;
        for outcome in &unit.outcomes {
            let Some(ix) = find(&outcome.step) else { continue };
            self.count_attempt(ix, outcome.attempt);
            self.retested |= again(unit, outcome);
            if outcome.outcome == StepOutcome::Passed {
                self.made.remember(&outcome.step, outcome.measurements.iter().filter_map(value));
            }
            if let Some(label) = &outcome.label {
                self.labels.remember(ix, label);
            }
            if before != Some(ix) {
                tried = (0, 0);
            }
            match outcome.outcome {
                StepOutcome::Failed => tried.0 += 1,
                StepOutcome::Faulted | StepOutcome::TimedOut => tried.1 += 1,
                StepOutcome::Passed | StepOutcome::Skipped => tried = (0, 0),
                StepOutcome::Aborted | StepOutcome::Interrupted => {}
            }
            before = Some(ix);
        }
        for (id, attempt) in &unit.under_way {
            if let Some(ix) = find(id) {
                self.count_attempt(ix, *attempt);
            }
        }
        self.tried = Some(tried);
    }

    fn count_attempt(&mut self, ix: StepIx, attempt: u32) {
        let attempts = self.attempts_of.entry(ix).or_insert(0);
        *attempts = (*attempts).max(u16::try_from(attempt).unwrap_or(u16::MAX));
    }
}

/// The attempt before it did not pass.
fn again(unit: &LeftUnit, outcome: &StepEnded) -> bool {
    let before = |o: &&StepEnded| o.step == outcome.step && o.attempt + 1 == outcome.attempt;
    let passed = |o: &StepEnded| matches!(o.outcome, StepOutcome::Passed | StepOutcome::Skipped);
    unit.outcomes.iter().find(before).is_some_and(|o| !passed(o)) && outcome.outcome != StepOutcome::Skipped
}

fn component(c: &Component) -> ComponentUse {
    ComponentUse { name: c.name.clone(), part: c.part.clone(), lot: c.lot.clone(), serial: c.serial.clone() }
}

fn value(m: &Measurement) -> Option<(String, f64)> {
    Some((m.name.clone(), m.value?))
}
