//! The twin camera: answers the protocol about the scene in front of it.

use cellwright_driver_api::message::{Line, LineAnswers, LineBuffer, MessageTwin};
use cellwright_model::cell::{Camera, CameraJob};
use cellwright_model::{CameraId, DurationNs, TimeNs};

/// What cameras see of the plant.
pub trait CameraScene {
    /// A number that tells subjects apart; `None` if nothing stands in front of the camera.
    fn subject(&self, camera: CameraId) -> Option<u64>;
    /// A measure of what stands there, in the canonical unit; `None` if it has none of this name.
    /// `exposure` counts the pictures of one subject from 0: each has its own noise.
    fn measure(&self, camera: CameraId, name: &str, exposure: u64) -> Option<f64>;
}

/// One camera. Serves one request at a time; another one meanwhile is answered `ERR … busy`.
pub struct CameraTwin {
    id: CameraId,
    jobs: Vec<CameraJob>,
    answer_time: DurationNs,
    lines: LineBuffer,
    answers: LineAnswers,
    seen: Option<(u64, u64)>,
}

impl CameraTwin {
    /// `answer_time`: from trigger to result.
    pub fn new(id: CameraId, camera: &Camera, answer_time: DurationNs) -> CameraTwin {
        CameraTwin {
            id,
            jobs: camera.jobs.clone(),
            answer_time,
            lines: LineBuffer::default(),
            answers: LineAnswers::default(),
            seen: None,
        }
    }

    fn line(&mut self, now: TimeNs, line: &str, scene: &dyn CameraScene) {
        let mut fields = line.split(' ');
        let (word, id, job) = (fields.next(), fields.next(), fields.next());
        let (Some("TRIGGER"), Some(id), Some(job), None) = (word, id, job, fields.next()) else {
            return self.answers.refuse("0", "bad-request", "expected TRIGGER id job@version");
        };
        if id.parse::<u32>().is_err() {
            return self.answers.refuse("0", "bad-request", "the id is no number");
        }
        if self.answers.busy() {
            return self.answers.refuse(id, "busy", "a job is under way");
        }
        let known = self.jobs.iter().find(|j| job == format!("{}@{}", j.name, j.version)).cloned();
        let Some(known) = known else { return self.answers.refuse(id, "unknown-job", job) };
        let answer = match self.expose(&known, scene) {
            Some(values) => format!("OK {id} {job}{values}\n"),
            None => format!("ERR {id} no-part nothing to measure in view\n"),
        };
        self.answers.answer(now + self.answer_time, answer);
    }

    fn expose(&mut self, job: &CameraJob, scene: &dyn CameraScene) -> Option<String> {
        let subject = scene.subject(self.id)?;
        let exposure = match self.seen {
            Some((last, count)) if last == subject => count + 1,
            _ => 0,
        };
        self.seen = Some((subject, exposure));
        let mut values = String::new();
        for m in &job.measures {
            let value = scene.measure(self.id, &m.name, exposure)?;
            let digits = decimals(m.resolution);
            values += &format!(" {}={value:.digits$}{}", m.name, m.dimension.unit());
        }
        Some(values)
    }
}

/// Decimals that a resolution needs: 0.1 takes one, 1 and 10 take none.
fn decimals(resolution: f64) -> usize {
    (0..12).find(|&d| resolution * 10f64.powi(d) > 0.999).unwrap_or(12) as usize
}

impl MessageTwin for CameraTwin {
    type Scene = dyn CameraScene;

    fn on_connect(&mut self) {
        self.lines.clear();
        self.answers.clear();
    }

    fn receive(&mut self, now: TimeNs, bytes: &[u8], scene: &(dyn CameraScene + 'static)) {
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
