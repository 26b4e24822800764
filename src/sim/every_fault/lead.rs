//! What leads to each step, and when: runs without a fault, of good parts first.

use cellwright_controller::{AutoOperator, Input, Notice, Order, Progress, Question, QuestionKind};
use cellwright_model::event::{Event, EventData};
use cellwright_model::outcome::StepOutcome;
use cellwright_model::plan::{Plan, Primitive};
use cellwright_model::plant::{Defect, GivenParts, PartKind};
use cellwright_model::{DurationNs, TimeNs};
use cellwright_recipe::scenario_text::Setup;

use super::prepared;
use crate::{Options, SimError, Told, VirtualCell, hands, wiring};

/// Virtual time in which a unit without a fault must be finished.
const UNIT_MAX: DurationNs = DurationNs::from_millis(900_000);
/// As records name who answers.
pub(super) const OPERATOR: &str = "auto:every-fault";

/// What leads to a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lead {
    GoodParts,
    BadPart(Defect),
    /// No scanner reads a label that is printed.
    UnreadableLabels,
    /// To what this step asks, this is answered.
    Answer {
        step: String,
        answer: String,
    },
}

impl Lead {
    pub(super) fn parts(&self) -> Vec<GivenParts> {
        let bad = |kind: PartKind| match self {
            Lead::BadPart(defect) if defect.kind() == kind => vec![Some(*defect)],
            _ => Vec::new(),
        };
        PartKind::ALL.map(|kind| GivenParts { kind, defects: bad(kind) }).into()
    }

    /// Share of the labels that no scanner reads.
    pub(super) fn unreadable(&self) -> f64 {
        if *self == Lead::UnreadableLabels { 1.0 } else { 0.0 }
    }

    /// What is answered to a question of the recipe in the place of the first answer.
    fn answer(&self, plan: &Plan, question: &Question) -> Option<&str> {
        let Lead::Answer { step, answer } = self else { return None };
        let asked = question.step.and_then(|s| plan.steps.get(s.index()))?;
        (asked.id == *step && question.kind == QuestionKind::Recipe).then_some(answer)
    }
}

/// All there are, the likely ones first.
fn leads(plan: &Plan) -> Vec<Lead> {
    let mut leads = vec![Lead::GoodParts];
    for step in &plan.steps {
        for op in &step.ops {
            if let Primitive::Ask { answers, pass, .. } = op {
                let refusing = answers.iter().filter(|a| !pass.contains(a));
                leads.extend(
                    refusing.map(|a| Lead::Answer { step: step.id.clone(), answer: a.clone() }).take(1),
                );
            }
        }
    }
    if plan.steps.iter().flat_map(|s| &s.ops).any(|op| matches!(op, Primitive::ReadLabel { .. })) {
        leads.push(Lead::UnreadableLabels);
    }
    leads.extend(Defect::ALL.map(Lead::BadPart));
    leads
}

/// For each step of the row the first lead that comes to it, and the middle of its first attempt.
///
/// # Errors
/// A cell that cannot be simulated at all.
pub(super) fn reach(setup: &Setup, seed: u64) -> Result<Vec<Option<(Lead, TimeNs)>>, SimError> {
    let mut reached: Vec<Option<(Lead, TimeNs)>> = vec![None; setup.plan.steps.len()];
    for lead in leads(&setup.plan) {
        if reached.iter().all(Option::is_some) {
            break;
        }
        for (step, at) in middles(setup, &lead, seed)? {
            let place = setup.plan.steps.iter().position(|s| s.id == step);
            if let Some(slot) = place.and_then(|i| reached.get_mut(i)).filter(|slot| slot.is_none()) {
                *slot = Some((lead.clone(), at));
            }
        }
    }
    Ok(reached)
}

/// The middle of each first attempt, by the id of its step.
fn middles(setup: &Setup, lead: &Lead, seed: u64) -> Result<Vec<(String, TimeNs)>, SimError> {
    let options = Options { seed, operator: Some(OPERATOR.to_owned()), ..Options::default() };
    let mut cell = VirtualCell::new(prepared(setup, lead), options)?;
    let mut desk = Desk::new(&cell, lead.clone());
    let mut middles = Vec::new();
    let limit = TimeNs(UNIT_MAX.0);
    while cell.now() < limit && desk.react(&mut cell) == Progress::Running {
        let told = cell.tick()?;
        middles.extend(told.events.iter().filter_map(middle));
        desk.hear(&mut cell, told);
    }
    Ok(middles)
}

fn middle(event: &Event) -> Option<(String, TimeNs)> {
    let EventData::StepOutcome(step) = &event.draft.data else { return None };
    let done = step.attempt == 1 && step.outcome != StepOutcome::Skipped;
    let at = event.draft.time.monotonic_ns.saturating_sub(step.duration_ns / 2);
    done.then(|| (step.step.clone(), TimeNs(at)))
}

/// The operator, who makes one unit and answers as the lead has it.
pub(super) struct Desk {
    operator: AutoOperator,
    lead: Lead,
}

impl Desk {
    pub(super) fn new(cell: &VirtualCell, lead: Lead) -> Desk {
        let order = Order::units("EVERY-FAULT", cell.plan().clone(), 1);
        let loads = wiring::loads(cell.cell(), cell.materials());
        Desk { operator: AutoOperator::new(OPERATOR, order, loads), lead }
    }

    /// What is commanded in this state of the cell.
    pub(super) fn react(&mut self, cell: &mut VirtualCell) -> Progress {
        let mut inputs = Vec::new();
        let progress = self.operator.react(cell.state(), &mut inputs);
        inputs.into_iter().for_each(|input| cell.give(input));
        progress
    }

    pub(super) fn hear(&mut self, cell: &mut VirtualCell, told: Told) {
        for notice in told.notices {
            match notice {
                Notice::Ask(question) => self.answer(cell, &question, None),
                Notice::TrayAtEnd(tray) => {
                    cell.inject(hands::exchange(tray));
                    cell.give(self.operator.exchange(tray));
                }
                _ => {}
            }
        }
    }

    /// Answers; `instead`: this.
    pub(super) fn answer(&mut self, cell: &mut VirtualCell, question: &Question, instead: Option<&str>) {
        let Some(mut input) = self.operator.answer(question) else { return };
        if let Input::Answer { answer, .. } = &mut input {
            if let Some(other) = instead.or_else(|| self.lead.answer(cell.plan(), question)) {
                *answer = other.to_owned();
            }
            wiring::acts(question, answer).into_iter().for_each(|act| cell.inject(act));
        }
        cell.give(input);
    }
}
