//! Runs a scenario in process and in virtual time, with the auditors looking on.

use cellwright_controller::{
    AutoOperator, Input, Load as TrayLoad, Notice, Order, Question, QuestionKind, Source,
};
use cellwright_model::event::{AlarmChange, Event, EventData};
use cellwright_model::outcome::UnitResult;
use cellwright_model::{DurationNs, TimeNs};
use cellwright_sim::audit::Auditors;
use cellwright_sim::{Latency, Options, Prepared, Storage, Told, VirtualCell, hands, wiring};
use cellwright_twin::plant::{Held, Places, Pocket};

use super::{Act, Expect, Moment, Operator, Scenario, When};

/// Slower than this share of its highest velocity, an axis does not move.
const REST_SHARE: f64 = 1e-3;
/// Cycles in which a deceleration is looked for before it is given up.
const DECELERATION_MAX: u64 = 1_000;

/// Runs it. What it printed on the way (reactions in cycles), or every expectation that was not met.
///
/// Errors: in words, with the place in the file.
pub fn run(scenario: &Scenario, mut prepared: Prepared) -> Result<Vec<String>, Vec<String>> {
    if let (Some(plant), Some(miss)) = (&mut prepared.plant, scenario.given.miss) {
        plant.grippers.miss = miss;
    }
    let folder = tempfile::tempdir().map_err(|e| vec![format!("no folder for the record: {e}")])?;
    // Only a scenario that kills the controller needs a record on a disk.
    let kills = |w: &When| w.acts.iter().any(|a| matches!(a, Act::Controller { .. }));
    let storage = if scenario.when.iter().any(kills) {
        Storage::Outbox { state: folder.path().to_owned(), latency: Latency::default() }
    } else {
        Storage::Instant
    };
    let seed = scenario.given.seed;
    let options = Options { seed, operator: Some(OPERATOR.to_owned()), storage, ..Options::default() };
    let cell = VirtualCell::new(prepared, options).map_err(|e| vec![e.to_string()])?;
    let mut player = Player::new(cell, scenario);
    let result = player.play(scenario);
    let mut missed: Vec<String> = result.err().into_iter().collect();
    player.auditors.end(&player.cell);
    missed.extend(player.auditors.findings().iter().map(|f| format!("auditor: {f}")));
    missed.extend(player.seen.unmet(&scenario.expect, &player.cell));
    missed.extend(player.slow);
    if missed.is_empty() {
        return Ok(player.said);
    }
    missed.extend(player.said.into_iter().filter(|line| line.starts_with("refused")));
    Err(missed)
}

const OPERATOR: &str = "auto:scenario";

struct Player {
    cell: VirtualCell,
    auditors: Auditors,
    operator: Option<AutoOperator>,
    by: Source,
    seen: Seen,
    questions: Vec<Question>,
    /// The scenario answers decisions itself from here on.
    answers_left: usize,
    said: Vec<String>,
    slow: Vec<String>,
}

/// What the record and the notices have shown.
#[derive(Default)]
struct Seen {
    alarms: Vec<(String, bool, String)>,
    steps: Vec<(String, String, Option<String>)>,
    units: [usize; 3],
}

impl Player {
    fn new(cell: VirtualCell, scenario: &Scenario) -> Player {
        let given = &scenario.given;
        let mut loads = wiring::loads(cell.cell(), cell.materials());
        for load in &given.material {
            loads.retain(|l| l.tray != load.tray);
            loads.push(TrayLoad { tray: load.tray, label: load.label.clone() });
        }
        let order = Order::units("SCENARIO", cell.plan().clone(), given.units);
        let answers = scenario.when.iter().flat_map(|w| &w.acts).filter(|a| matches!(a, Act::Answer(_)));
        Player {
            auditors: Auditors::new(&cell),
            operator: (given.operator == Operator::Automatic)
                .then(|| AutoOperator::new(OPERATOR, order, loads)),
            by: Source::new("scenario", "test"),
            seen: Seen::default(),
            questions: Vec::new(),
            answers_left: answers.count(),
            said: Vec::new(),
            slow: Vec::new(),
            cell,
        }
    }

    fn play(&mut self, scenario: &Scenario) -> Result<(), String> {
        for when in &scenario.when {
            let deadline = self.cell.now() + when.within;
            while !self.has_come(&when.at) {
                if self.cell.now() >= deadline {
                    let stands = self.stands();
                    return Err(format!(
                        "{}: {:?} did not come within {} s ({stands}); correct the moment, or what leads to it",
                        when.place,
                        when.at,
                        when.within.as_secs_f64()
                    ));
                }
                self.tick()?;
            }
            when.acts.iter().try_for_each(|act| self.act(act))?;
            if let Some(limit) = when.decelerates_within {
                self.reaction(when, limit)?;
            }
        }
        let Some((place, state)) = &scenario.expect.state else { return Ok(()) };
        let deadline = self.cell.now() + scenario.expect.within;
        while self.cell.state() != *state {
            if self.cell.now() >= deadline {
                let (name, stands) = (state.name(), self.stands());
                return Err(format!("{place}: {name} was not reached ({stands})"));
            }
            self.tick()?;
        }
        // What the last transition says is in the record with the next cycle.
        (0..3).try_for_each(|_| self.tick())
    }

    fn stands(&self) -> String {
        let Some(status) = self.cell.status() else { return "the controller is dead".to_owned() };
        let questions: Vec<&str> = status.questions.iter().map(|q| q.prompt.as_str()).collect();
        let alarms: Vec<String> = status.alarms.iter().map(|a| a.code.to_string()).collect();
        let steps: Vec<String> = status
            .units
            .iter()
            .flat_map(|u| &u.branches)
            .map(|b| format!("{} {:?}", b.step.as_deref().unwrap_or("-"), b.state))
            .collect();
        format!(
            "the cell is in {}, steps {steps:?}, questions {questions:?}, alarms {alarms:?}",
            status.state.name()
        )
    }

    fn tick(&mut self) -> Result<(), String> {
        let mut inputs = Vec::new();
        if let Some(operator) = &mut self.operator {
            let _progress = operator.react(self.cell.state(), &mut inputs);
        }
        inputs.into_iter().for_each(|input| self.cell.give(input));
        let told = self.cell.tick().map_err(|e| e.to_string())?;
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
                    self.said.push(format!("refused: {request:?}: {why}"));
                }
                Notice::Answered { .. } => {}
            }
        }
    }

    fn asked(&mut self, question: Question) {
        let own = question.kind != QuestionKind::Recipe && self.answers_left > 0;
        match &self.operator {
            Some(operator) if !own => {
                let answer = AutoOperator::choice(&question).unwrap_or_default();
                wiring::acts(&question, answer).into_iter().for_each(|act| self.cell.inject(act));
                operator.answer(&question).into_iter().for_each(|answer| self.cell.give(answer));
            }
            _ => self.questions.push(question),
        }
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
            Moment::Ended(step) => self.seen.steps.iter().any(|(s, ..)| s == step),
            Moment::Alarm(code) => self.seen.alarms.iter().any(|(c, ..)| c == code),
            Moment::Question(kind) => self.questions.iter().any(|q| word(&format!("{:?}", q.kind)) == *kind),
        }
    }

    fn act(&mut self, act: &Act) -> Result<(), String> {
        let by = self.by.clone();
        match act {
            Act::Command(command) => self.cell.give(Input::Command { command: *command, by }),
            Act::Answer(answer) => {
                let question = self.questions.pop().ok_or("an answer, and nothing was asked")?;
                self.answers_left = self.answers_left.saturating_sub(1);
                wiring::acts(&question, answer).into_iter().for_each(|act| self.cell.inject(act));
                let answer = answer.clone();
                self.cell.give(Input::Answer { id: question.id, answer, reason: None, by });
            }
            Act::AcknowledgeAll => self.cell.give(Input::AcknowledgeAll { by }),
            Act::Load(l) => {
                // What begins with a pocket is another tray.
                if l.next.is_some() {
                    self.cell.inject(hands::exchange(l.tray));
                }
                let (tray, label) = (l.tray, l.label.clone());
                self.cell.give(Input::MaterialLoaded { tray, label, next: l.next, left: l.left, by });
            }
            Act::Order(units) => {
                let order = Order::units("SCENARIO-2", self.cell.plan().clone(), *units);
                self.cell.give(Input::Order { order, by });
            }
            Act::Wait(time) => return self.wait(*time),
            Act::Machine(injection) => self.cell.inject(*injection),
            Act::Supply { position, on } => self.cell.set_power(*position, *on),
            Act::Store { refuses } => {
                self.cell.store_refuses(refuses.then_some("no space left on the device"));
            }
            Act::Controller { killed: true } => self.cell.kill(),
            Act::Controller { killed: false } => {
                self.questions.clear();
                self.cell.restart().map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }

    fn wait(&mut self, time: DurationNs) -> Result<(), String> {
        let until = self.cell.now() + time;
        while self.cell.now() < until {
            self.tick()?;
        }
        Ok(())
    }

    /// Cycles from the one in which the controller takes what was given to the first setpoint of every
    /// moving axis that is slower than the one before.
    fn reaction(&mut self, when: &When, limit: u64) -> Result<(), String> {
        let dt = self.cell.cell().cycle.as_secs_f64();
        let names: Vec<String> = self.cell.cell().axes.iter().map(|a| a.name.clone()).collect();
        let rest: Vec<f64> = self.cell.cell().axes.iter().map(|a| REST_SHARE * a.velocity_max).collect();
        let mut setpoints = setpoints(&self.cell);
        // The cycle in which the controller takes it: its setpoints were made before that.
        self.tick()?;
        let taken = self.cell.rt().cycle;
        let now = self.setpoints();
        let mut speeds: Vec<f64> = now.iter().zip(&setpoints).map(|(n, l)| (n - l) / dt).collect();
        setpoints = now;
        let mut open: Vec<usize> = (0..names.len()).filter(|&i| speeds[i].abs() > rest[i]).collect();
        if open.is_empty() {
            self.said.push(format!("{}: no axis was moving", when.place));
        }
        while !open.is_empty() && self.cell.rt().cycle < taken + DECELERATION_MAX {
            self.tick()?;
            let now = self.setpoints();
            let new: Vec<f64> = now.iter().zip(&setpoints).map(|(n, l)| (n - l) / dt).collect();
            let after = self.cell.rt().cycle - taken;
            open.retain(|&i| {
                let slower = new[i].abs() < speeds[i].abs() * (1.0 - 1e-9);
                if slower {
                    self.said
                        .push(format!("{} decelerates {after} cycles after the controller's step", names[i]));
                    if after > limit {
                        self.slow.push(format!(
                            "{}: {} decelerates only {after} cycles after",
                            when.place, names[i]
                        ));
                    }
                }
                !slower
            });
            (setpoints, speeds) = (now, new);
        }
        self.slow.extend(open.iter().map(|&i| format!("{}: {} never decelerates", when.place, names[i])));
        Ok(())
    }

    fn setpoints(&self) -> Vec<f64> {
        setpoints(&self.cell)
    }
}

fn setpoints(cell: &VirtualCell) -> Vec<f64> {
    cell.rt().axes.iter().take(cell.cell().axes.len()).map(|a| a.setpoint_au).collect()
}

/// `AwaitOperator` as `await-operator`.
fn word(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && i > 0 {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

impl Seen {
    fn alarm(&mut self, alarm: &cellwright_controller::Alarm) {
        if alarm.cleared.is_none() && alarm.acknowledged.is_none() {
            self.alarms.push((alarm.code.to_string(), alarm.first_out, alarm.place.clone()));
        }
    }

    fn event(&mut self, event: &Event) {
        match &event.draft.data {
            EventData::StepOutcome(s) => {
                self.steps.push((s.step.clone(), s.outcome.as_str().to_owned(), s.cause.clone()));
            }
            EventData::UnitResult(end) => {
                let place = match end.result {
                    UnitResult::Good => 0,
                    UnitResult::Ng => 1,
                    UnitResult::Interrupted => 2,
                };
                self.units[place] += 1;
            }
            EventData::Alarm(alarm) => {
                debug_assert!(!(alarm.change == AlarmChange::Raised && alarm.id.is_empty()))
            }
            _ => {}
        }
    }

    fn unmet(&self, expect: &Expect, cell: &VirtualCell) -> Vec<String> {
        let mut unmet = Vec::new();
        if let Some(expected) = &expect.alarms {
            for (place, e) in expected {
                let fits = |(code, first, at): &&(String, bool, String)| {
                    *code == e.code
                        && e.first_out.is_none_or(|f| f == *first)
                        && e.at.as_ref().is_none_or(|p| p == at)
                };
                if !self.alarms.iter().any(|a| fits(&a)) {
                    unmet.push(format!("{place}: no alarm {e:?}; raised were {:?}", self.alarms));
                }
            }
            let known = |code: &String| expected.iter().any(|(_, e)| e.code == *code);
            let others = self.alarms.iter().filter(|(code, ..)| !known(code));
            unmet.extend(
                others
                    .map(|a| format!("an alarm that nobody expected: {a:?}; add it, or its cause is wrong")),
            );
        }
        if let Some((place, units)) = &expect.units
            && *units != self.units
        {
            unmet.push(format!("{place}: units good, ng, interrupted are {:?}, not {units:?}", self.units));
        }
        for (place, e) in &expect.steps {
            let fits = |(step, outcome, cause): &(String, String, Option<String>)| {
                *step == e.step && *outcome == e.outcome && (e.cause.is_none() || *cause == e.cause)
            };
            if !self.steps.iter().any(fits) {
                let of: Vec<_> = self.steps.iter().filter(|(s, ..)| *s == e.step).collect();
                unmet.push(format!("{place}: no outcome {e:?}; of this step there are {of:?}"));
            }
        }
        let places = cell.places();
        for (place, at, expected) in &expect.parts {
            match content(cell, &places, at) {
                Some(found) if found == expected => {}
                Some(found) => unmet.push(format!("{place}: {at} is {found}, not {expected}")),
                None => unmet.push(format!("{place}: the machine has no place `{at}`")),
            }
        }
        for (place, tray, expected) in &expect.counts {
            let found = cell.cell().trays.iter().position(|t| t.name == *tray).map(|t| places.trays[t].moved);
            if found != Some(*expected) {
                unmet.push(format!("{place}: {tray} has moved {found:?} parts, not {expected}"));
            }
        }
        unmet
    }
}

/// What is truly in `nest/2`, `robot_l`, `good_tray/4`.
fn content(cell: &VirtualCell, places: &Places, at: &str) -> Option<&'static str> {
    if let Some(robot) = cell.cell().robots.iter().position(|r| r.name == at) {
        return places.grippers.get(robot).map(|held| match held {
            None => "empty",
            Some(Held::Part(_)) => "part",
            Some(Held::Unit(_)) => "unit",
        });
    }
    let (name, n) = at.split_once('/')?;
    let n: usize = n.parse().ok()?;
    if name == "nest" {
        return places.nests.get(n).map(|nest| if nest.is_empty() { "empty" } else { "unit" });
    }
    let tray = cell.cell().trays.iter().position(|t| t.name == name)?;
    places.trays.get(tray)?.pockets.get(n).map(|pocket| match pocket {
        Pocket::Empty => "empty",
        Pocket::Fresh => "fresh",
        Pocket::Unit(_) | Pocket::Earlier => "unit",
    })
}
