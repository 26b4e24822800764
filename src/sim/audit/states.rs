//! Transitions of the cell are those of the table; every unit that is opened ends once.

use std::collections::BTreeMap;

use cellwright_engine::cell_chart::TABLE;
use cellwright_model::event::{Event, EventData};
use cellwright_model::outcome::UnitResult;
use cellwright_model::packml::CellState;

use super::Findings;
use crate::{Told, VirtualCell};

/// See the module text.
#[derive(Debug, Default)]
pub struct StateAuditor {
    last: Option<CellState>,
    /// Serial, and its end.
    units: BTreeMap<String, Option<UnitResult>>,
    program_errors: u32,
}

impl StateAuditor {
    pub(crate) fn look(&mut self, cell: &VirtualCell, told: &Told, findings: &mut Findings) {
        if cell.controller().is_none() {
            // Killed: the next one powers up in Aborted, which nothing records.
            self.last = None;
        }
        for event in &told.events {
            if let Err(what) = self.event(event) {
                findings.add(cell.now(), || what);
            }
        }
        let errors = cell.controller().map_or(0, |c| c.engine().program_errors());
        if errors > self.program_errors {
            findings.add(cell.now(), || format!("{errors} program errors of the engine"));
        }
        self.program_errors = errors;
    }

    fn event(&mut self, event: &Event) -> Result<(), String> {
        let serial = event.draft.unit.as_ref().map(|u| u.serial.clone());
        match (&event.draft.data, serial) {
            (EventData::CellState(change), _) => {
                let last = self.last.replace(change.to);
                match change.from {
                    // Power-up, whatever the last controller was at when it was killed.
                    None if change.to == CellState::Aborted => Ok(()),
                    None => Err(format!("powered up in {}", change.to.name())),
                    Some(from) if last.is_some_and(|l| l != from) => {
                        let last = last.map_or("nothing", CellState::name);
                        Err(format!("went to {} from {}, but was in {last}", change.to.name(), from.name()))
                    }
                    Some(from) if TABLE.iter().any(|t| t.from == from && t.to == change.to) => Ok(()),
                    Some(from) => Err(format!("no row of the table leads from {from:?} to {:?}", change.to)),
                }
            }
            (EventData::UnitOpened(opened), Some(serial)) => match self.units.insert(serial.clone(), None) {
                None => Ok(()),
                Some(Some(UnitResult::Interrupted)) if opened.resumed.is_some() => Ok(()),
                Some(_) => Err(format!("unit {serial} was opened twice")),
            },
            (EventData::UnitResult(end), Some(serial)) => {
                match self.units.insert(serial.clone(), Some(end.result)) {
                    Some(None) => Ok(()),
                    Some(Some(first)) => {
                        Err(format!("unit {serial} ended twice: {first:?}, {:?}", end.result))
                    }
                    None => Err(format!("unit {serial} ended and was never opened")),
                }
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn end(&self, cell: &VirtualCell, findings: &mut Findings) {
        for (serial, _) in self.units.iter().filter(|(_, end)| end.is_none()) {
            findings.add(cell.now(), || format!("unit {serial} has no end"));
        }
    }

    pub(crate) fn ended(&self) -> [usize; 3] {
        let count = |r| self.units.values().filter(|end| **end == Some(r)).count();
        [count(UnitResult::Good), count(UnitResult::Ng), count(UnitResult::Interrupted)]
    }
}
