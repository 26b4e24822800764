//! What any operator does to bring a cell to rest: acknowledge, answer, clear, stop, reset. Reset, it knows where
//! every part is.

use cellwright_controller::{Alarm, AlarmCode, Input, Notice, Question, Source};
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_twin::plant::Injection;

use crate::{Told, VirtualCell, wiring};

/// Cycles between two looks at the cell: an operator who presses no faster than a person could read.
const LOOK_EVERY: u64 = 200;
/// Cycles at rest after a reset, in which the auditors look.
const REST: u64 = 100;

/// What lies in the machine loads a sensor that has to read zero: the remedy says that it is taken out.
pub fn empty_if_told(cell: &mut VirtualCell, alarm: &Alarm) {
    if alarm.code == AlarmCode::ZeroOffset && alarm.cleared.is_none() {
        cell.inject(Injection::TakeOut);
    }
}

/// See the module text.
pub struct Script {
    by: Source,
    questions: Vec<Question>,
    cycles: u64,
    rested: u64,
    /// By this script, so that everything that was in doubt is settled.
    was_reset: bool,
}

impl Script {
    /// `questions`: those that nobody has answered yet.
    pub fn new(questions: Vec<Question>) -> Script {
        Script { by: Source::new("script", "test"), questions, cycles: 0, rested: 0, was_reset: false }
    }

    /// Reset, at rest, and nothing open.
    pub fn done(&self) -> bool {
        self.rested > REST && self.questions.is_empty()
    }

    /// One cycle.
    pub fn act(&mut self, cell: &mut VirtualCell) {
        self.cycles += 1;
        let rests = cell.state() == CellState::Idle && self.was_reset && cell.rt().at_rest;
        self.rested = if rests { self.rested + 1 } else { 0 };
        if !self.cycles.is_multiple_of(LOOK_EVERY) {
            return;
        }
        cell.give(Input::AcknowledgeAll { by: self.by.clone() });
        for question in core::mem::take(&mut self.questions) {
            let sober = ["reject", "remove-by-hand", "abort"];
            let answer = question.answers.iter().find(|a| sober.contains(&a.as_str()));
            let Some(answer) = answer.or(question.answers.first()).cloned() else { continue };
            wiring::acts(&question, &answer).into_iter().for_each(|act| cell.inject(act));
            cell.give(Input::Answer { id: question.id, answer, reason: None, by: self.by.clone() });
        }
        let command = match cell.state() {
            CellState::Aborted => CellCommand::Clear,
            CellState::Stopped => {
                self.was_reset = true;
                cell.give(Input::Mode { mode: CellMode::Production, by: self.by.clone() });
                CellCommand::Reset
            }
            CellState::Idle if self.was_reset => return,
            CellState::Stopping | CellState::Clearing | CellState::Aborting | CellState::Resetting => return,
            _ => CellCommand::Stop,
        };
        cell.give(Input::Command { command, by: self.by.clone() });
    }

    /// What the cell says.
    pub fn hear(&mut self, cell: &mut VirtualCell, told: &Told) {
        for notice in &told.notices {
            match notice {
                Notice::Ask(question) => self.questions.push(question.clone()),
                Notice::Withdrawn(id) => self.questions.retain(|q| q.id != *id),
                Notice::Alarm(alarm) => empty_if_told(cell, alarm),
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
