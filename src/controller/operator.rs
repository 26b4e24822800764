//! The automatic operator of the twin: brings the cell from Aborted into Execute once, loads material, confirms
//! what the recipe asks, and rejects the part where the machine could not. A cell that falls out of Execute is
//! left to a person: the one at the keys, if it is attended, or the one who has commanded it from elsewhere.
//! Never used for production.

use cellwright_engine::RETRY;
use cellwright_engine::api::{Input, Order, Question, QuestionKind, Source};
use cellwright_model::material::Label;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::{StepIx, TrayId, UnitId};

/// What did not help so often in a row will not help.
const RETRIES_MAX: u32 = 5;

/// What the operator loads into a tray or lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    pub tray: TrayId,
    pub label: Label,
}

/// See the module text.
#[derive(Debug)]
pub struct AutoOperator {
    who: String,
    order: Option<Order>,
    loads: Vec<Load>,
    loaded: bool,
    /// Commands given so far on the way to Execute: each only once, so that a cell which falls back is
    /// not started again by a program.
    given: Vec<CellCommand>,
    /// In which state the last of them was given, and whether the cell has left it since.
    gave_in: Option<CellState>,
    left: bool,
    was_executing: bool,
    attended: bool,
    /// A person has commanded the cell, and it has not come to Execute since: it is theirs.
    in_hand: bool,
    /// Which step of which unit was tried again last, and how often in a row.
    retried: (Option<UnitId>, Option<StepIx>, u32),
    /// It has no better answer than one that did not help: only a person has.
    at_a_loss: bool,
}

/// How the run stands, as the automatic operator sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// On the way, or at work.
    Running,
    /// The order is complete.
    Completed,
    /// The cell stopped by itself: a person is needed, and there is none.
    NeedsPerson(CellState),
}

impl AutoOperator {
    /// An operator by the name that records show (`auto:ID`), with the order to be made and the material.
    pub fn new(who: impl Into<String>, order: Order, loads: Vec<Load>) -> AutoOperator {
        AutoOperator {
            who: who.into(),
            order: Some(order),
            loads,
            loaded: false,
            given: Vec::new(),
            gave_in: None,
            left: false,
            was_executing: false,
            attended: false,
            in_hand: false,
            retried: (None, None, 0),
            at_a_loss: false,
        }
    }

    /// With a person at the keys: what needs one waits for them.
    pub fn attended(self) -> AutoOperator {
        AutoOperator { attended: true, ..self }
    }

    /// A person's command was taken. Until the cell executes again nothing is commanded besides theirs, and
    /// however long it rests, the run does not end by itself.
    pub fn commanded(&mut self) {
        self.in_hand = true;
    }

    /// What it does in this state of the cell, appended to `inputs`.
    pub fn react(&mut self, state: CellState, inputs: &mut Vec<Input>) -> Progress {
        if !core::mem::replace(&mut self.loaded, true) {
            inputs.extend(self.loads.iter().map(|load| self.load(load, None)));
        }
        if self.at_a_loss && !self.attended {
            return Progress::NeedsPerson(state);
        }
        self.left |= self.gave_in.is_some_and(|gave_in| gave_in != state);
        match state {
            CellState::Execute => {
                self.was_executing = true;
                self.in_hand = false;
                Progress::Running
            }
            CellState::Completed => Progress::Completed,
            _ if self.in_hand => Progress::Running,
            CellState::Held | CellState::Stopped | CellState::Aborted | CellState::Idle
                if self.was_executing =>
            {
                self.needs_person(state)
            }
            CellState::Aborted => self.give(CellCommand::Clear, state, inputs),
            CellState::Stopped => self.give(CellCommand::Reset, state, inputs),
            CellState::Idle => {
                if let Some(order) = self.order.take() {
                    inputs.push(Input::Order { order, by: self.source() });
                }
                self.give(CellCommand::Start, state, inputs)
            }
            _ => Progress::Running,
        }
    }

    fn give(&mut self, command: CellCommand, state: CellState, inputs: &mut Vec<Input>) -> Progress {
        // Not taken yet; or taken, and the cell is back where it was.
        if self.given.last() == Some(&command) && !self.left {
            return Progress::Running;
        }
        if self.given.contains(&command) {
            return self.needs_person(state);
        }
        self.given.push(command);
        (self.gave_in, self.left) = (Some(state), false);
        inputs.push(Input::Command { command, by: self.source() });
        Progress::Running
    }

    fn needs_person(&self, state: CellState) -> Progress {
        if self.attended { Progress::Running } else { Progress::NeedsPerson(state) }
    }

    /// What it answers to a question: the first that the recipe offers (`ok`), rejection of the part where the
    /// machine could not, the first proposal where parts are to be reconciled. `None`: there is nothing to choose,
    /// or only a person can say what stands there.
    pub fn choice(question: &Question) -> Option<&str> {
        let preferred = match question.kind {
            QuestionKind::Decision => question.answers.iter().find(|a| *a == "reject"),
            QuestionKind::Recipe | QuestionKind::Reconcile => None,
            QuestionKind::Identity => return None,
        };
        preferred.or_else(|| question.answers.first()).map(String::as_str)
    }

    /// Its answer to a question; see [`AutoOperator::choice`]. The same step of a unit is tried again a few times only.
    pub fn answer(&mut self, question: &Question) -> Option<Input> {
        let answer = AutoOperator::choice(question)?.to_owned();
        if answer == RETRY && self.retries(question) > RETRIES_MAX {
            self.at_a_loss = true;
            return None;
        }
        Some(Input::Answer { id: question.id, answer, reason: None, by: self.source() })
    }

    fn retries(&mut self, question: &Question) -> u32 {
        let (unit, step, times) = self.retried;
        let again = (unit, step) == (question.unit, question.step);
        self.retried = (question.unit, question.step, if again { times + 1 } else { 1 });
        self.retried.2
    }

    /// Exchanges a tray: the same material, from the first pocket on; an empty one for finished units.
    pub fn exchange(&self, tray: TrayId) -> Input {
        let empty = Load { tray, label: Label::Empty };
        let load = self.loads.iter().find(|l| l.tray == tray).unwrap_or(&empty);
        self.load(load, Some(0))
    }

    fn load(&self, load: &Load, next: Option<u32>) -> Input {
        let Load { tray, label } = load.clone();
        Input::MaterialLoaded { tray, label, next, left: None, by: self.source() }
    }

    /// Whether this is its own name.
    pub fn is(&self, by: &Source) -> bool {
        *by == self.source()
    }

    fn source(&self) -> Source {
        Source::new(self.who.clone(), "auto")
    }
}

#[cfg(test)]
mod tests {
    use cellwright_model::RequestId;

    use super::*;

    fn operator() -> AutoOperator {
        AutoOperator {
            who: "auto:test".into(),
            order: None,
            loads: Vec::new(),
            loaded: true,
            retried: (None, None, 0),
            at_a_loss: false,
            given: Vec::new(),
            gave_in: None,
            left: false,
            was_executing: false,
            attended: false,
            in_hand: false,
        }
    }

    fn react(o: &mut AutoOperator, state: CellState) -> (Progress, usize) {
        let mut inputs = Vec::new();
        let progress = o.react(state, &mut inputs);
        (progress, inputs.len())
    }

    #[test]
    fn what_a_person_has_stopped_waits_for_them() {
        for state in [CellState::Held, CellState::Stopped, CellState::Aborted, CellState::Idle] {
            let mut o = operator();
            react(&mut o, CellState::Execute);
            o.commanded();
            for _ in 0..10_000 {
                assert_eq!(react(&mut o, state), (Progress::Running, 0), "{state:?}");
            }
            // Back in Execute it is the program's again: what then stops by itself needs a person.
            react(&mut o, CellState::Execute);
            assert_eq!(react(&mut o, state), (Progress::NeedsPerson(state), 0));
        }
    }

    #[test]
    fn a_cell_that_falls_back_on_its_way_needs_a_person() {
        let mut o = operator();
        assert_eq!(react(&mut o, CellState::Stopped), (Progress::Running, 1));
        assert_eq!(react(&mut o, CellState::Stopped), (Progress::Running, 0), "not taken yet");
        react(&mut o, CellState::Resetting);
        let needs_person = Progress::NeedsPerson(CellState::Stopped);
        assert_eq!(react(&mut o, CellState::Stopped), (needs_person, 0), "never a second Reset by a program");
    }

    #[test]
    fn what_does_not_help_is_left_to_a_person() {
        let mut o = operator();
        react(&mut o, CellState::Execute);
        let asks = |n: u32, step: u16| Question {
            id: RequestId(n),
            kind: QuestionKind::Decision,
            unit: None,
            serial: None,
            step: Some(StepIx(step)),
            tray: None,
            places: Vec::new(),
            carry: None,
            prompt: "the nest is empty".into(),
            answers: vec![RETRY.into(), "remove-by-hand".into()],
        };
        let answered = |o: &mut AutoOperator, step| (0..20).filter_map(|n| o.answer(&asks(n, step))).count();
        for step in [1, 2] {
            assert_eq!((0..3).filter_map(|n| o.answer(&asks(n, step))).count(), 3, "each step anew");
        }
        assert_eq!(react(&mut o, CellState::Execute).0, Progress::Running);
        assert_eq!(answered(&mut o, 3), RETRIES_MAX as usize);
        let needs_person = Progress::NeedsPerson(CellState::Execute);
        assert_eq!(react(&mut o, CellState::Execute).0, needs_person);
    }

    #[test]
    fn on_its_way_to_execute_it_gives_way_too() {
        let mut o = operator();
        assert_eq!(react(&mut o, CellState::Aborted), (Progress::Running, 1));
        o.commanded();
        assert_eq!(react(&mut o, CellState::Stopped), (Progress::Running, 0));
    }
}
