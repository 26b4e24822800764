//! One scenario on its cell, cycle by cycle: waits for moments, acts, hears what is said.

use cellwright_controller::{AutoOperator, Input, Load, Notice, Order, Question, QuestionKind, Source};
use cellwright_model::DurationNs;
use cellwright_model::TimeNs;
use cellwright_recipe::scenario_text::{Act, Loaded, Moment, Operator, Scenario, When};

use super::seen::{Seen, listed, word};
use super::{OPERATOR, Played, Unmet};
use crate::audit::Auditors;
use crate::{SimError, Told, VirtualCell, hands, wiring};

/// Slower than this share of its highest velocity, an axis does not move.
const REST_SHARE: f64 = 1e-3;
/// Cycles in which a deceleration is looked for before it is given up.
const DECELERATION_MAX: u64 = 1_000;

/// See the module text.
pub(super) struct Player<'s> {
    scenario: &'s Scenario,
    cell: VirtualCell,
    auditors: Auditors,
    operator: Option<AutoOperator>,
    by: Source,
    seen: Seen,
    questions: Vec<Question>,
    /// The scenario answers decisions itself from here on.
    answers_left: usize,
    said: Vec<String>,
    unmet: Vec<Unmet>,
}

impl<'s> Player<'s> {
    pub(super) fn new(cell: VirtualCell, scenario: &'s Scenario) -> Player<'s> {
        let given = &scenario.given;
        let mut loads = wiring::loads(cell.cell(), cell.materials());
        for Loaded { tray, label, .. } in &given.material {
            loads.retain(|l| l.tray != *tray);
            loads.push(Load { tray: *tray, label: label.clone() });
        }
        let order = Order::units("TEST", cell.plan().clone(), given.units);
        let answers = scenario.when.iter().flat_map(|w| &w.acts).filter(|a| matches!(a, Act::Answer(_)));
        Player {
            scenario,
            auditors: Auditors::new(&cell),
            operator: (given.operator == Operator::Automatic)
                .then(|| AutoOperator::new(OPERATOR, order, loads)),
            by: Source::new("test", "test"),
            seen: Seen::default(),
            questions: Vec::new(),
            answers_left: answers.count(),
            said: Vec::new(),
            unmet: Vec::new(),
            cell,
        }
    }

    /// To its end, or to the first moment that does not come.
    pub(super) fn play(mut self) -> Result<Played, SimError> {
        if self.entries()? {
            self.end()?;
        }
        self.auditors.end(&self.cell);
        let expect = &self.scenario.expect;
        for finding in self.auditors.findings().iter() {
            let expected = "nothing that may not be".to_owned();
            self.unmet.push(Unmet { span: expect.span, expected, came: finding.to_string() });
        }
        self.unmet.extend(self.seen.unmet(expect, &self.cell));
        let virtual_s = self.cell.now().since(TimeNs(0)).as_secs_f64();
        Ok(Played { said: self.said, unmet: self.unmet, virtual_s })
    }

    /// False: one did not come.
    fn entries(&mut self) -> Result<bool, SimError> {
        for when in &self.scenario.when {
            let deadline = self.cell.now() + when.within;
            while !self.has_come(&when.at) {
                if self.cell.now() >= deadline {
                    let expected = format!("this within {} s", when.within.as_secs_f64());
                    self.unmet.push(Unmet { span: when.span, expected, came: self.stands() });
                    return Ok(false);
                }
                self.tick()?;
            }
            for act in &when.acts {
                self.act(act, when)?;
            }
            if let Some(limit) = when.decelerates_within {
                self.reaction(when, limit)?;
            }
        }
        Ok(true)
    }

    fn end(&mut self) -> Result<(), SimError> {
        let expect = &self.scenario.expect;
        let (span, state) = expect.state;
        let deadline = self.cell.now() + expect.within;
        while self.cell.state() != state {
            if self.cell.now() >= deadline {
                let expected = format!("{} within {} s", state.name(), expect.within.as_secs_f64());
                self.unmet.push(Unmet { span, expected, came: self.stands() });
                return Ok(());
            }
            self.tick()?;
        }
        // What the last transition says is in the record with the next cycle.
        for _ in 0..3 {
            self.tick()?;
        }
        Ok(())
    }

    fn stands(&self) -> String {
        let Some(status) = self.cell.status() else { return "a dead controller".to_owned() };
        let branch = |b: &cellwright_controller::BranchStatus| {
            format!("{} {}", b.step.as_deref().unwrap_or("-"), word(&format!("{:?}", b.state)))
        };
        let steps = listed(status.units.iter().flat_map(|u| &u.branches).map(branch));
        let questions = listed(status.questions.iter().map(|q| format!("`{}`", q.prompt)));
        let alarms = listed(status.alarms.iter().map(|a| a.code.to_string()));
        format!("{}: steps {steps}, questions {questions}, alarms {alarms}", status.state.name())
    }

    fn tick(&mut self) -> Result<(), SimError> {
        let mut inputs = Vec::new();
        if let Some(operator) = &mut self.operator {
            let _progress = operator.react(self.cell.state(), &mut inputs);
        }
        inputs.into_iter().for_each(|input| self.cell.give(input));
        let told = self.cell.tick()?;
        self.auditors.look(&self.cell, &told);
        self.hear(told);
        Ok(())
    }

    fn hear(&mut self, told: Told) {
        told.events.iter().for_each(|e| self.seen.event(e));
        for notice in told.notices {
            match notice {
                Notice::Ask(question) => self.asked(question),
                Notice::Withdrawn(id) => self.questions.retain(|q| q.id != id),
                Notice::Alarm(alarm) => self.seen.alarm(&alarm),
                Notice::TrayAtEnd(tray) => {
                    if let Some(operator) = &self.operator {
                        self.cell.inject(hands::exchange(tray));
                        self.cell.give(operator.exchange(tray));
                    }
                }
                Notice::Answered { request, result: Err(why), .. } => {
                    self.said.push(format!("refused: {request}: {why}"));
                }
                Notice::Answered { .. } => {}
            }
        }
    }

    /// What the automatic operator answers, or what is given for that step; the rest is left to the scenario.
    fn asked(&mut self, question: Question) {
        let own = question.kind != QuestionKind::Recipe && self.answers_left > 0;
        let given = self.given(&question).cloned();
        let operator = self.operator.as_mut().filter(|_| !own);
        match operator.and_then(|o| o.answer(&question)) {
            Some(mut input) => {
                if let Input::Answer { answer, .. } = &mut input {
                    *answer = given.unwrap_or_else(|| answer.clone());
                    wiring::acts(&question, answer).into_iter().for_each(|act| self.cell.inject(act));
                }
                self.cell.give(input);
            }
            None => self.questions.push(question),
        }
    }

    fn given(&self, question: &Question) -> Option<&String> {
        let step = question.step.filter(|_| question.kind == QuestionKind::Recipe)?;
        self.scenario.given.answers.get(&self.cell.plan().steps.get(step.index())?.id)
    }

    fn has_come(&self, moment: &Moment) -> bool {
        match moment {
            Moment::Now => true,
            Moment::Cycle(n) => self.cell.rt().cycle >= *n,
            Moment::Time(t) => self.cell.now() >= TimeNs(t.0),
            Moment::State(state) => self.cell.state() == *state,
            Moment::Step { step, phase } => self.cell.status().is_some_and(|status| {
                let mut branches = status.units.iter().flat_map(|u| &u.branches);
                branches.any(|b| b.step.as_ref() == Some(step) && word(&format!("{:?}", b.state)) == *phase)
            }),
            Moment::Ended(step) => self.seen.has_ended(step),
            Moment::Alarm(code) => self.seen.has_raised(code),
            Moment::Question(kind) => self.questions.iter().any(|q| word(&format!("{:?}", q.kind)) == *kind),
        }
    }

    fn act(&mut self, act: &Act, when: &When) -> Result<(), SimError> {
        let by = self.by.clone();
        match act {
            Act::Command(command) => self.cell.give(Input::Command { command: *command, by }),
            Act::Answer(answer) => self.answer(answer, when),
            Act::AcknowledgeAll => self.cell.give(Input::AcknowledgeAll { by }),
            Act::Load(l) => {
                // A person exchanges the tray first, and then says it.
                if l.next.is_some() {
                    self.cell.inject(hands::exchange(l.tray));
                }
                let Loaded { tray, label, next, left } = l.clone();
                self.cell.give(Input::MaterialLoaded { tray, label, next, left, by });
            }
            Act::Order(units) => {
                let order = Order::units("TEST-2", self.cell.plan().clone(), *units);
                self.cell.give(Input::Order { order, by });
            }
            Act::Wait(time) => return self.wait(*time),
            Act::Machine(injection) => self.cell.inject(*injection),
            Act::Fault(fault) => self.cell.strike(*fault),
            Act::Store { refuses } => {
                self.cell.store_refuses(refuses.then_some("no space left on the device"));
            }
            Act::Controller { killed: true } => self.cell.kill(),
            Act::Controller { killed: false } => {
                self.questions.clear();
                self.cell.restart()?;
            }
        }
        Ok(())
    }

    fn answer(&mut self, answer: &str, when: &When) {
        self.answers_left = self.answers_left.saturating_sub(1);
        let Some(question) = self.questions.pop() else {
            let expected = format!("a question to be answered `{answer}`");
            self.unmet.push(Unmet { span: when.span, expected, came: "none".to_owned() });
            return;
        };
        wiring::acts(&question, answer).into_iter().for_each(|act| self.cell.inject(act));
        let by = self.by.clone();
        self.cell.give(Input::Answer { id: question.id, answer: answer.to_owned(), reason: None, by });
    }

    fn wait(&mut self, time: DurationNs) -> Result<(), SimError> {
        let until = self.cell.now() + time;
        while self.cell.now() < until {
            self.tick()?;
        }
        Ok(())
    }

    /// Cycles from the one in which the controller takes what was given to the first setpoint of every
    /// moving axis that is slower than the one before.
    fn reaction(&mut self, when: &When, limit: u64) -> Result<(), SimError> {
        let dt = self.cell.cell().cycle.as_secs_f64();
        let names: Vec<String> = self.cell.cell().axes.iter().map(|a| a.name.clone()).collect();
        let rest: Vec<f64> = self.cell.cell().axes.iter().map(|a| REST_SHARE * a.velocity_max).collect();
        let mut setpoints = self.setpoints();
        // The cycle in which the controller takes it: its setpoints were made before that.
        self.tick()?;
        let taken = self.cell.rt().cycle;
        let now = self.setpoints();
        let mut speeds: Vec<f64> = now.iter().zip(&setpoints).map(|(n, l)| (n - l) / dt).collect();
        setpoints = now;
        let mut open: Vec<usize> = (0..names.len()).filter(|&i| speeds[i].abs() > rest[i]).collect();
        if open.is_empty() {
            self.said.push("no axis was moving".to_owned());
        }
        let mut late = Vec::new();
        while !open.is_empty() && self.cell.rt().cycle < taken + DECELERATION_MAX {
            self.tick()?;
            let now = self.setpoints();
            let new: Vec<f64> = now.iter().zip(&setpoints).map(|(n, l)| (n - l) / dt).collect();
            let after = self.cell.rt().cycle - taken;
            open.retain(|&i| {
                let slower = new[i].abs() < speeds[i].abs() * (1.0 - 1e-9);
                if slower {
                    let axis = &names[i];
                    self.said.push(format!("{axis} decelerates {after} cycles after the controller's step"));
                    late.extend((after > limit).then(|| format!("{axis} after {after}")));
                }
                !slower
            });
            (setpoints, speeds) = (now, new);
        }
        late.extend(open.iter().map(|&i| format!("{} never", names[i])));
        if !late.is_empty() {
            let expected = format!("deceleration within {limit} cycles");
            self.unmet.push(Unmet { span: when.span, expected, came: late.join(", ") });
        }
        Ok(())
    }

    fn setpoints(&self) -> Vec<f64> {
        self.cell.rt().axes.iter().take(self.cell.cell().axes.len()).map(|a| a.setpoint_au).collect()
    }
}
