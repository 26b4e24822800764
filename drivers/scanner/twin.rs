//! The twin scanner: answers the protocol about the code in front of it.

use cellwright_driver_api::message::{Line, LineAnswers, LineBuffer, MessageTwin};
use cellwright_model::{DurationNs, ScannerId, TimeNs};

/// What scanners see of the plant.
pub trait ScannerScene {
    /// The element string of the code in front of the scanner, FNC1 as U+001D.
    fn code(&self, scanner: ScannerId) -> Option<String>;
}

/// One scanner. Serves one request at a time; another one meanwhile is answered `ERR … busy`.
pub struct ScannerTwin {
    id: ScannerId,
    answer_time: DurationNs,
    lines: LineBuffer,
    answers: LineAnswers,
}

impl ScannerTwin {
    /// `answer_time`: from request to answer.
    pub fn new(id: ScannerId, answer_time: DurationNs) -> ScannerTwin {
        ScannerTwin { id, answer_time, lines: LineBuffer::default(), answers: LineAnswers::default() }
    }

    fn line(&mut self, now: TimeNs, line: &str, scene: &dyn ScannerScene) {
        let id = line.strip_prefix("READ ").filter(|id| id.parse::<u32>().is_ok());
        let Some(id) = id else { return self.answers.refuse("0", "bad-request", "expected READ id") };
        if self.answers.busy() {
            return self.answers.refuse(id, "busy", "a reading is under way");
        }
        let answer = match scene.code(self.id) {
            Some(code) => format!("CODE {id} {code}\n"),
            None => format!("ERR {id} no-read no code in view\n"),
        };
        self.answers.answer(now + self.answer_time, answer);
    }
}

impl MessageTwin for ScannerTwin {
    type Scene = dyn ScannerScene;

    fn on_connect(&mut self) {
        self.lines.clear();
        self.answers.clear();
    }

    fn receive(&mut self, now: TimeNs, bytes: &[u8], scene: &(dyn ScannerScene + 'static)) {
        let mut lines = core::mem::take(&mut self.lines);
        lines.push(bytes, |line| match line {
            Line::Text(text) => self.line(now, text, scene),
            Line::NotText | Line::TooLong => {
                self.answers.refuse("0", "bad-request", "no line of the protocol")
            }
        });
        self.lines = lines;
    }

    fn transmit(&mut self, now: TimeNs, out: &mut Vec<u8>) {
        self.answers.transmit(now, out);
    }

    fn deadline(&self) -> Option<TimeNs> {
        self.answers.deadline()
    }
}
