//! One case: to the moment, the fault, how it ends; then mended and brought to rest.

use cellwright_controller::{Alarm, Notice, Question, QuestionKind};
use cellwright_model::DurationNs;
use cellwright_model::event::{AlarmClass, EventData};
use cellwright_model::outcome::UnitResult;
use cellwright_model::packml::CellState;
use cellwright_recipe::scenario_text::Setup;
use cellwright_twin::plant::Injection;

use super::catalogue::{What, mends};
use super::lead::{Desk, OPERATOR};
use super::{Case, End, Ended, prepared};
use crate::audit::Auditors;
use crate::script::Script;
use crate::{Options, SimError, Told, VirtualCell};

/// From the fault to its end, beside the timeout of the step at which it strikes.
const END_MAX: DurationNs = DurationNs::from_millis(120_000);
/// In which any operator has brought the cell to rest: its longest timeouts, one after the other.
const REST_MAX: DurationNs = DurationNs::from_millis(150_000);
/// Between two looks at what the cell is doing.
const LOOK_EVERY: u64 = 10;

struct Run<'a> {
    case: &'a Case,
    cell: VirtualCell,
    auditors: Auditors,
    desk: Desk,
    /// Asked, and not answered by this desk.
    open: Vec<Question>,
    result: Option<UnitResult>,
    struck: bool,
    say: &'a mut dyn FnMut(&str),
}

/// See the module text.
pub(super) fn strike(setup: &Setup, case: &Case, say: &mut dyn FnMut(&str)) -> Result<Ended, SimError> {
    let options = Options { seed: case.seed, operator: Some(OPERATOR.to_owned()), ..Options::default() };
    let cell = VirtualCell::new(prepared(setup, &case.lead), options)?;
    let timeout = setup.plan.steps.iter().find(|s| s.id == case.step).map_or(DurationNs(0), |s| s.timeout);
    let mut run = Run {
        case,
        auditors: Auditors::new(&cell),
        desk: Desk::new(&cell, case.lead.clone()),
        open: Vec::new(),
        result: None,
        struck: false,
        cell,
        say,
    };
    while run.cell.now() < case.at {
        run.desk.react(&mut run.cell);
        run.tick()?;
    }
    run.begin();
    let mut findings = Vec::new();
    let end = run.end(DurationNs(timeout.0.saturating_add(END_MAX.0)), &mut findings)?;
    (run.say)(&format!("ended: {end:?}"));
    run.mend();
    run.rest(&mut findings)?;
    run.auditors.end(&run.cell);
    findings.extend(run.auditors.findings().iter().map(ToString::to_string));
    let missing = run.cell.places().balance().missing();
    if missing.iter().any(|n| *n != 0) {
        findings.push(format!("parts are not in balance (hubs, cannulas, caps, units): {missing:?}"));
    }
    Ok(Ended { case: case.clone(), end, findings })
}

impl Run<'_> {
    fn tick(&mut self) -> Result<(), SimError> {
        let told = self.look()?;
        for notice in &told.notices {
            match notice {
                Notice::Ask(question) => self.asked(question),
                Notice::Withdrawn(id) => self.open.retain(|q| q.id != *id),
                _ => {}
            }
        }
        let others = told.notices.into_iter().filter(|n| !matches!(n, Notice::Ask(_)));
        self.desk.hear(&mut self.cell, Told { notices: others.collect(), ..Told::default() });
        Ok(())
    }

    /// One cycle, with everybody looking on.
    fn look(&mut self) -> Result<Told, SimError> {
        let told = self.cell.tick()?;
        self.auditors.look(&self.cell, &told);
        let now = self.cell.now().0 as f64 / 1e9;
        for event in &told.events {
            if let EventData::UnitResult(end) = &event.draft.data {
                self.result = Some(end.result);
            }
            (self.say)(&format!("{now:.3} {:?}", event.draft.data));
        }
        Ok(told)
    }

    /// What the step at hand asks is answered as the fault has it; a decision is left open: it is an end.
    fn asked(&mut self, question: &Question) {
        let at_hand = question.step.and_then(|s| self.cell.plan().steps.get(s.index()));
        let at_hand = at_hand.is_some_and(|s| s.id == self.case.step);
        let instead = match &self.case.fault.what {
            What::Silence if at_hand && question.kind == QuestionKind::Recipe => return self.leave(question),
            What::Answer(answer) if at_hand && question.kind == QuestionKind::Recipe => Some(answer.as_str()),
            _ => None,
        };
        if self.struck && question.kind != QuestionKind::Recipe {
            return self.leave(question);
        }
        self.desk.answer(&mut self.cell, question, instead);
    }

    fn leave(&mut self, question: &Question) {
        self.open.push(question.clone());
    }

    fn begin(&mut self) {
        self.struck = true;
        (self.say)(&format!("{:.3} strikes {}", self.cell.now().0 as f64 / 1e9, self.case.fault.name));
        if let What::Machine(Injection::GripperLoses(_)) = self.case.fault.what {
            self.auditors.expect_fall();
        }
        match &self.case.fault.what {
            What::Machine(injection) => self.cell.inject(*injection),
            What::Below(fault) => self.cell.strike(*fault),
            What::Unplug(device) => self.cell.plug(*device, false),
            What::Store => self.cell.store_refuses(Some("no space left on the device")),
            What::NestEmptied => self.cell.inject(Injection::TakeFromNest(0)),
            What::Answer(_) | What::Silence => {}
        }
    }

    fn mend(&mut self) {
        match &self.case.fault.what {
            What::Machine(injection) => {
                if let Some(mended) = mends(*injection) {
                    self.cell.inject(mended);
                }
            }
            What::Below(_) => self.cell.mend(),
            What::Unplug(device) => self.cell.plug(*device, true),
            What::Store => self.cell.store_refuses(None),
            What::NestEmptied | What::Answer(_) | What::Silence => {}
        }
    }

    /// Waits for the end of it.
    fn end(&mut self, most: DurationNs, findings: &mut Vec<String>) -> Result<Option<End>, SimError> {
        let deadline = self.cell.now() + most;
        for cycle in 0u64.. {
            self.desk.react(&mut self.cell);
            self.tick()?;
            if !cycle.is_multiple_of(LOOK_EVERY) {
                continue;
            }
            if let Some(end) = self.ended(findings) {
                return Ok(Some(end));
            }
            if self.cell.now() >= deadline {
                break;
            }
        }
        findings.push(format!(
            "it neither ends nor holds within {} s: {}",
            most.as_secs_f64(),
            self.stands()
        ));
        Ok(None)
    }

    fn ended(&self, findings: &mut Vec<String>) -> Option<End> {
        let decision = self.open.iter().any(|q| q.kind != QuestionKind::Recipe);
        let state = self.cell.state();
        type Make = fn(String) -> End;
        let (make, least): (Make, AlarmClass) = match state {
            CellState::Completed => {
                if self.result.is_none() {
                    findings.push("the order is complete, and its unit has no result".to_owned());
                }
                return Some(End::Result(self.result.unwrap_or(UnitResult::Interrupted)));
            }
            CellState::Aborted => (End::Abort, AlarmClass::Abort),
            CellState::Stopped => (End::Stop, AlarmClass::Stop),
            CellState::Suspended => (End::Waits, AlarmClass::Warning),
            CellState::Held => (End::Hold, AlarmClass::Warning),
            _ if decision => (End::Hold, AlarmClass::Warning),
            _ => return None,
        };
        let alarms = self.cell.status().map(|s| s.alarms).unwrap_or_default();
        let tells = |a: &&Alarm| a.class >= least && !a.remedy.trim().is_empty() && a.first_out;
        let alarm = alarms.iter().find(tells).map(|a| a.code.to_string());
        if alarm.is_none() {
            findings.push(format!("{} without an alarm that has a remedy: {}", state.name(), self.stands()));
        }
        Some(make(alarm.unwrap_or_default()))
    }

    fn stands(&self) -> String {
        Script::new(Vec::new()).where_it_stands(&self.cell)
    }

    fn rest(&mut self, findings: &mut Vec<String>) -> Result<(), SimError> {
        let mut script = Script::new(core::mem::take(&mut self.open));
        let deadline = self.cell.now() + REST_MAX;
        while !script.done() {
            if self.cell.now() >= deadline {
                findings
                    .push(format!("it cannot be brought to rest: {}", script.where_it_stands(&self.cell)));
                return Ok(());
            }
            script.act(&mut self.cell);
            let told = self.look()?;
            script.hear(&mut self.cell, &told);
        }
        Ok(())
    }
}
