//! The twin printer: takes formats, prints one after the other, and says how it is.
//!
//! What it prints is on the unit at the next bytes that it is sent after its time: a driver asks until it is told.

use std::collections::VecDeque;

use cellwright_driver_api::message::MessageTwin;
use cellwright_model::label::PrinterTrouble;
use cellwright_model::{DurationNs, PrinterId, TimeNs};

use crate::status::HostStatus;
use crate::zpl;

/// Bytes of one format; a longer one is dropped.
const FORMAT_BYTES_MAX: usize = 8192;
/// Formats that wait; more are dropped, as a printer with a full buffer does.
const FORMATS_MAX: usize = 16;
/// Bytes of answers that wait to be sent; more are dropped.
const ANSWERS_BYTES_MAX: usize = 4096;
/// Bytes of a command before a format.
const COMMAND_BYTES: usize = 3;

/// What printers see of the plant, and do to it.
pub trait PrinterScene {
    /// Why the printer does not print.
    fn trouble(&self, printer: PrinterId) -> Option<PrinterTrouble>;
    /// A label with this in its symbol is on whatever stands in front of the printer.
    fn printed(&self, printer: PrinterId, element_string: Option<&str>);
}

/// One printer. Formats outlive a connection, as in a real one.
pub struct PrinterTwin {
    id: PrinterId,
    print_time: DurationNs,
    bytes: Vec<u8>,
    formats: VecDeque<String>,
    /// When the first of them is printed, while it prints.
    due: Option<TimeNs>,
    answers: Vec<u8>,
}

impl PrinterTwin {
    /// `print_time`: of one label.
    pub fn new(id: PrinterId, print_time: DurationNs) -> PrinterTwin {
        PrinterTwin {
            id,
            print_time,
            bytes: Vec::new(),
            formats: VecDeque::new(),
            due: None,
            answers: Vec::new(),
        }
    }

    /// Prints what its time has come for.
    fn print(&mut self, now: TimeNs, scene: &dyn PrinterScene) {
        while let Some(format) = self.formats.front() {
            if scene.trouble(self.id).is_some() {
                self.due = None;
                return;
            }
            let due = *self.due.get_or_insert(now + self.print_time);
            if now < due {
                return;
            }
            scene.printed(self.id, zpl::element_string(format).as_deref());
            self.formats.pop_front();
            self.due = self.formats.front().map(|_| due + self.print_time);
        }
    }

    fn byte(&mut self, now: TimeNs, byte: u8, scene: &dyn PrinterScene) {
        self.bytes.push(byte);
        if self.bytes.starts_with(b"^XA") {
            if self.bytes.ends_with(b"^XZ") {
                let format = String::from_utf8_lossy(&self.bytes).into_owned();
                self.bytes.clear();
                if self.formats.len() < FORMATS_MAX {
                    self.formats.push_back(format);
                    self.print(now, scene);
                }
            } else if self.bytes.len() >= FORMAT_BYTES_MAX {
                self.bytes.clear();
            }
            return;
        }
        match self.bytes.as_slice() {
            b"~HS" => self.status(scene),
            b"~JA" => {
                self.formats.clear();
                self.due = None;
            }
            bytes => {
                let noise = usize::from(bytes.len() == COMMAND_BYTES);
                self.bytes.drain(..noise);
                return;
            }
        }
        self.bytes.clear();
    }

    fn status(&mut self, scene: &dyn PrinterScene) {
        let printing = u32::from(self.due.is_some());
        let status = HostStatus {
            trouble: scene.trouble(self.id),
            waiting: self.formats.len() as u32 - printing,
            remaining: printing,
        };
        let lines = status.lines();
        if self.answers.len() + lines.len() <= ANSWERS_BYTES_MAX {
            self.answers.extend_from_slice(lines.as_bytes());
        }
    }
}

impl MessageTwin for PrinterTwin {
    type Scene = dyn PrinterScene;

    fn on_connect(&mut self) {
        self.bytes.clear();
        self.answers.clear();
    }

    fn receive(&mut self, now: TimeNs, bytes: &[u8], scene: &(dyn PrinterScene + 'static)) {
        self.print(now, scene);
        bytes.iter().for_each(|byte| self.byte(now, *byte, scene));
    }

    fn transmit(&mut self, _now: TimeNs, out: &mut Vec<u8>) {
        out.append(&mut self.answers);
    }

    fn deadline(&self) -> Option<TimeNs> {
        (!self.answers.is_empty()).then_some(TimeNs(0))
    }
}
