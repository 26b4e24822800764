//! The automatic operator of the twin: brings the cell from Aborted into Execute once, loads material, confirms
//! what the recipe asks, and rejects the part where the machine could not. A cell that falls out of Execute is
//! left to a person: the one at the keys, if it is attended, or the one who has commanded it from elsewhere.
//! Never used for production.

use cellwright_engine::api::{Input, Order, Question, QuestionKind, Source};
use cellwright_model::TrayId;
use cellwright_model::material::Label;
use cellwright_model::packml::{CellCommand, CellState};

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
    was_executing: bool,
    attended: bool,
    /// A person has commanded the cell, and it has not come to Execute since: it is theirs.
    in_hand: bool,
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
            was_executing: false,
            attended: false,
            in_hand: false,
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
        if self.given.last() == Some(&command) {
            return Progress::Running;
        }
        if self.given.contains(&command) {
            return self.needs_person(state);
        }
        self.given.push(command);
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

    /// Its answer to a question; see [`AutoOperator::choice`].
    pub fn answer(&self, question: &Question) -> Option<Input> {
        let answer = AutoOperator::choice(question)?.to_owned();
        Some(Input::Answer { id: question.id, answer, reason: None, by: self.source() })
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
    use super::*;

    fn operator() -> AutoOperator {
        AutoOperator {
            who: "auto:test".into(),
            order: None,
            loads: Vec::new(),
            loaded: true,
            given: Vec::new(),
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
    fn on_its_way_to_execute_it_gives_way_too() {
        let mut o = operator();
        assert_eq!(react(&mut o, CellState::Aborted), (Progress::Running, 1));
        o.commanded();
        assert_eq!(react(&mut o, CellState::Stopped), (Progress::Running, 0));
    }
}
