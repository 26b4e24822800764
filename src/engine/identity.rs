//! Which SubDevice stands where: one of the same type but another serial number than before blocks Production, and Start
//! in any mode, until a person confirms it.
//!
//! *Known* is a serial number that the cell file states, or that was confirmed or seen first here; the journal keeps
//! the latter, so that a restart still asks. In the other modes the machine may be set up with what is there.

use std::collections::BTreeMap;

use cellwright_model::RequestId;
use cellwright_model::cell::Cell;
use cellwright_model::packml::{CellCommand, CellMode};

use crate::api::{Question, QuestionKind};
use crate::core::Core;
use crate::ledger::Cx;
use crate::record::Record;

/// The answer that says that a SubDevice may be used in the place of the one before.
pub const CONFIRM: &str = "confirm";

/// A SubDevice that nobody has confirmed.
#[derive(Debug)]
struct Stranger {
    serial: u32,
    question: RequestId,
}

/// What is known of the serial numbers on the segment, by position.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    known: BTreeMap<usize, u32>,
    strangers: BTreeMap<usize, Stranger>,
}

impl Identities {
    /// As the journal has them.
    pub(crate) fn new(known: Vec<(usize, u32)>) -> Identities {
        Identities { known: known.into_iter().collect(), strangers: BTreeMap::new() }
    }

    /// Serial number that is expected at a position: the one that was seen last, or else that of the cell file.
    fn expected(&self, cell: &Cell, position: usize) -> Option<u32> {
        let stated = cell.segment.get(position).map(|s| s.serial).filter(|serial| *serial != 0);
        self.known.get(&position).copied().or(stated)
    }

    fn accepts(&self, cell: &Cell, position: usize, serial: u32) -> bool {
        let stated = cell.segment.get(position).map(|s| s.serial);
        stated.is_some_and(|stated| stated != 0 && stated == serial)
            || self.known.get(&position) == Some(&serial)
    }

    /// Why a command that leads towards production is refused.
    pub(crate) fn refusal(&self, cell: &Cell, mode: CellMode, command: CellCommand) -> Option<String> {
        let blocks = match command {
            CellCommand::Start => true,
            CellCommand::Reset => mode == CellMode::Production,
            _ => false,
        };
        let (position, stranger) = self.strangers.first_key_value().filter(|_| blocks)?;
        let what = told(cell, *position, self.expected(cell, *position), stranger.serial);
        Some(format!(
            "{what}: answer `{CONFIRM}` to question {}, or put the former one back",
            stranger.question.0
        ))
    }
}

/// `drive_2 has serial number 2099 where 2002 was`.
fn told(cell: &Cell, position: usize, before: Option<u32>, serial: u32) -> String {
    let name = cell.segment.get(position).map_or("?", |s| s.name.as_str());
    let number = |serial: u32| match serial {
        0 => "no serial number".to_owned(),
        serial => format!("serial number {serial}"),
    };
    let before = before.map_or_else(|| "an unknown one".to_owned(), number);
    format!("SubDevice {position} ({name}) has {} where {before} was", number(serial))
}

impl Core {
    /// The segment came up with these serial numbers.
    pub(crate) fn identify(&mut self, cx: &mut Cx<'_>, serials: &[u32]) {
        for (position, &serial) in serials.iter().enumerate().take(cx.cell.segment.len()) {
            let former = self.identities.strangers.remove(&position);
            let known = self.identities.accepts(cx.cell, position, serial);
            match former {
                Some(asked) if !known && asked.serial == serial => {
                    self.identities.strangers.insert(position, asked);
                    continue;
                }
                Some(asked) => cx.withdraw(asked.question),
                None => {}
            }
            match self.identities.expected(cx.cell, position) {
                _ if known => {}
                None => self.remember(cx, position, serial),
                before => {
                    let prompt = format!(
                        "{}. Confirm that it may be used there: parameters are written to it, what was calibrated or \
                         referenced on the former one is not",
                        told(cx.cell, position, before, serial)
                    );
                    let question = cx.ask(|id| Question {
                        id,
                        kind: QuestionKind::Identity,
                        unit: None,
                        serial: None,
                        step: None,
                        tray: None,
                        places: Vec::new(),
                        carry: None,
                        prompt,
                        answers: vec![CONFIRM.into()],
                    });
                    self.identities.strangers.insert(position, Stranger { serial, question });
                }
            }
        }
    }

    /// Takes answers; the record of an answer travels in the same transaction.
    pub(crate) fn poll_identities(&mut self, cx: &mut Cx<'_>) {
        let answered = |asked: &Stranger| {
            cx.ledger.questions.get(&asked.question).is_none_or(|question| question.answer.is_some())
        };
        let confirmed: Vec<usize> =
            self.identities.strangers.iter().filter(|(_, s)| answered(s)).map(|(p, _)| *p).collect();
        for position in confirmed {
            if let Some(stranger) = self.identities.strangers.remove(&position) {
                cx.ledger.questions.remove(&stranger.question);
                self.remember(cx, position, stranger.serial);
            }
        }
    }

    fn remember(&mut self, cx: &mut Cx<'_>, position: usize, serial: u32) {
        self.identities.known.insert(position, serial);
        cx.record(Record::SubDevice { position, serial });
    }
}
