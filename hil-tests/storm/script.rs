//! What any operator does to bring a cell to rest: acknowledge, answer, clear, stop.

use cellwright_controller::{Input, Notice, Question, QuestionKind, Source};
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_sim::{Told, VirtualCell};
use cellwright_twin::plant::Injection;

/// Cycles between two looks at the cell: an operator who presses no faster than a person could read.
const LOOK_EVERY: u64 = 200;

/// See the module text.
pub struct Script {
    by: Source,
    questions: Vec<Question>,
    cycles: u64,
}

impl Script {
    /// `questions`: those that nobody has answered yet.
    pub fn new(questions: Vec<Question>) -> Script {
        Script { by: Source::new("script", "test"), questions, cycles: 0 }
    }

    /// Stopped, at rest, and nothing open.
    pub fn done(&self, cell: &VirtualCell) -> bool {
        self.cycles > 0
            && cell.state() == CellState::Stopped
            && cell.rt().at_rest
            && cell.status().is_some_and(|s| s.units.is_empty())
    }

    /// One cycle.
    pub fn act(&mut self, cell: &mut VirtualCell) {
        self.cycles += 1;
        if !self.cycles.is_multiple_of(LOOK_EVERY) {
            return;
        }
        cell.give(Input::AcknowledgeAll { by: self.by.clone() });
        for question in core::mem::take(&mut self.questions) {
            if question.kind == QuestionKind::Reconcile {
                cell.inject(Injection::TakeOut);
            }
            let sober = ["reject", "remove-by-hand", "abort"];
            let answer = question.answers.iter().find(|a| sober.contains(&a.as_str()));
            let Some(answer) = answer.or(question.answers.first()).cloned() else { continue };
            cell.give(Input::Answer { id: question.id, answer, reason: None, by: self.by.clone() });
        }
        let command = match cell.state() {
            CellState::Aborted => CellCommand::Clear,
            CellState::Stopped | CellState::Stopping | CellState::Clearing | CellState::Aborting => return,
            _ => CellCommand::Stop,
        };
        cell.give(Input::Command { command, by: self.by.clone() });
    }

    /// What the cell says.
    pub fn hear(&mut self, _: &mut VirtualCell, told: Told) {
        for notice in told.notices {
            match notice {
                Notice::Ask(question) => self.questions.push(question),
                Notice::Withdrawn(id) => self.questions.retain(|q| q.id != id),
                _ => {}
            }
        }
    }

    /// For the message of a run that did not come to rest.
    pub fn where_it_stands(&self, cell: &VirtualCell) -> String {
        let Some(status) = cell.status() else { return "there is no controller".to_owned() };
        let alarms: Vec<String> =
            status.alarms.iter().map(|a| format!("{} at {}: {}", a.code, a.place, a.cause)).collect();
        format!(
            "{}, at rest: {}, units {:?}, questions {:?}, alarms {alarms:?}",
            status.state.name(),
            cell.rt().at_rest,
            status.units,
            status.questions
        )
    }
}
