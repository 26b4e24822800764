//! The twin scanner: answers the protocol about the code in front of it.

use cellwright_driver_api::message::{Line, LineBuffer, MessageTwin};
use cellwright_model::{DurationNs, ScannerId, TimeNs};

/// What scanners see of the plant.
pub trait ScannerScene {
    /// The element string of the code in front of the scanner, FNC1 as U+001D.
    fn code(&self, scanner: ScannerId) -> Option<String>;
}

/// Bytes of refusals that wait to be sent; more are dropped, as a device with a full buffer does.
const REFUSALS_BYTES_MAX: usize = 4096;

/// One scanner. Serves one request at a time; another one meanwhile is answered `ERR … busy`.
pub struct ScannerTwin {
    id: ScannerId,
    answer_time: DurationNs,
    lines: LineBuffer,
    due: Option<(TimeNs, String)>,
    at_once: Vec<u8>,
}

impl ScannerTwin {
    /// `answer_time`: from request to answer.
    pub fn new(id: ScannerId, answer_time: DurationNs) -> ScannerTwin {
        ScannerTwin { id, answer_time, lines: LineBuffer::default(), due: None, at_once: Vec::new() }
    }

    fn refuse(&mut self, id: &str, code: &str, words: &str) {
        let line = format!("ERR {id} {code} {words}\n");
        if self.at_once.len() + line.len() <= REFUSALS_BYTES_MAX {
            self.at_once.extend_from_slice(line.as_bytes());
        }
    }

    fn line(&mut self, now: TimeNs, line: &str, scene: &dyn ScannerScene) {
        let id = line.strip_prefix("READ ").filter(|id| id.parse::<u32>().is_ok());
        let Some(id) = id else { return self.refuse("0", "bad-request", "expected READ id") };
        if self.due.is_some() {
            return self.refuse(id, "busy", "a reading is under way");
        }
        let answer = match scene.code(self.id) {
            Some(code) => format!("CODE {id} {code}\n"),
            None => format!("ERR {id} no-read no code in view\n"),
        };
        self.due = Some((now + self.answer_time, answer));
    }
}

impl MessageTwin for ScannerTwin {
    type Scene = dyn ScannerScene;

    fn on_connect(&mut self) {
        self.lines.clear();
        self.due = None;
        self.at_once.clear();
    }

    fn receive(&mut self, now: TimeNs, bytes: &[u8], scene: &(dyn ScannerScene + 'static)) {
        let mut lines = core::mem::take(&mut self.lines);
        lines.push(bytes, |line| match line {
            Line::Text(text) => self.line(now, text, scene),
            Line::NotText | Line::TooLong => self.refuse("0", "bad-request", "no line of the protocol"),
        });
        self.lines = lines;
    }

    fn transmit(&mut self, now: TimeNs, out: &mut Vec<u8>) {
        out.append(&mut self.at_once);
        if let Some((_, answer)) = self.due.take_if(|(at, _)| now >= *at) {
            out.extend_from_slice(answer.as_bytes());
        }
    }

    fn deadline(&self) -> Option<TimeNs> {
        if !self.at_once.is_empty() {
            return Some(TimeNs(0));
        }
        self.due.as_ref().map(|(at, _)| *at)
    }
}
