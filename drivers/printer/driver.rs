//! The driver: sends a label only to a printer that is ready, and believes it printed when the printer says that
//! nothing waits and nothing remains.
//!
//! *Poll*: `~HS`. Its answers bear no number; they come in the order of the polls, so that a poll without an answer
//! is *owed* one. A request that finds answers owed, because one before it ended without them, sends nothing until
//! they have come, or the printer has been quiet for [`QUIET`].

use cellwright_driver_api::message::{
    Answer, DeviceError, Line, LineBuffer, MessageCounters, MessageDriver, PrintEnd, PrintRequest,
};
use cellwright_model::cell::Printer;
use cellwright_model::{DurationNs, RequestId, TimeNs};

use crate::status::{HostStatus, StatusReader};
use crate::zpl;

/// From an answer to the next poll.
const POLL: DurationNs = DurationNs::from_millis(50);
/// A printer answers a poll within milliseconds: one that has said nothing for so long will not.
const QUIET: DurationNs = DurationNs::from_millis(300);
const STATUS: &str = "~HS\n";
/// Whatever waits in the printer is thrown away.
const CANCEL: &str = "~JA\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Answers are owed to earlier polls; until then.
    Quiet(TimeNs),
    /// Asked how it is; nothing of the label was sent.
    Ready,
    /// The label was sent.
    Printing,
}

#[derive(Debug)]
struct Job {
    id: RequestId,
    deadline: TimeNs,
    format: String,
    phase: Phase,
    /// The next poll, while none is under way.
    poll: Option<TimeNs>,
}

/// Driver of one printer of the cell.
pub struct ZplPrinter {
    timeout: DurationNs,
    connected: bool,
    lines: LineBuffer,
    reader: StatusReader,
    out: Vec<u8>,
    job: Option<Job>,
    answer: Option<Answer<PrintEnd>>,
    counters: MessageCounters,
    /// Polls without an answer.
    owed: u32,
    /// A label may wait in the printer of which nobody wants to hear any more.
    stale: bool,
}

impl ZplPrinter {
    /// Not connected yet.
    pub fn new(printer: &Printer) -> ZplPrinter {
        ZplPrinter {
            timeout: printer.answer_timeout,
            connected: false,
            lines: LineBuffer::default(),
            reader: StatusReader::default(),
            out: Vec::new(),
            job: None,
            answer: None,
            counters: MessageCounters::default(),
            owed: 0,
            // Of whoever drove it before.
            stale: true,
        }
    }

    fn ask(&mut self) {
        self.out.extend_from_slice(STATUS.as_bytes());
        self.owed = self.owed.saturating_add(1);
    }

    /// Throws away what waits in the printer: a label that comes out later would belong to no unit.
    fn cancel(&mut self) {
        if self.stale && self.connected {
            self.stale = false;
            self.out.extend_from_slice(CANCEL.as_bytes());
        }
    }

    fn notice_time(&mut self, now: TimeNs) {
        if self.job.as_ref().is_some_and(|j| now >= j.deadline) {
            return self.fail(DeviceError::TimedOut);
        }
        let Some(job) = &mut self.job else { return };
        let quiet = matches!(job.phase, Phase::Quiet(until) if now >= until);
        if quiet {
            self.owed = 0;
            job.phase = Phase::Ready;
        }
        if quiet || job.poll.take_if(|at| now >= *at).is_some() {
            self.ask();
        }
    }

    /// A whole answer to a poll.
    fn told(&mut self, now: TimeNs, status: HostStatus) {
        let expected =
            self.owed == 1 && self.job.as_ref().is_some_and(|j| !matches!(j.phase, Phase::Quiet(_)));
        self.owed = self.owed.saturating_sub(1);
        if !expected {
            self.counters.stray += 1;
            return self.no_longer_owed(now);
        }
        let Some(job) = &mut self.job else { return };
        match (job.phase, status.trouble) {
            (Phase::Printing, Some(trouble)) => self.end(Ok(PrintEnd::Broken(trouble))),
            (_, Some(trouble)) => self.end(Ok(PrintEnd::NotPrinted(trouble))),
            (Phase::Printing, None) if status.idle() => self.end(Ok(PrintEnd::Printed)),
            (Phase::Ready, None) if status.idle() => {
                job.phase = Phase::Printing;
                self.out.extend_from_slice(job.format.as_bytes());
                self.ask();
            }
            _ => job.poll = Some(now + POLL),
        }
    }

    /// An answer that nobody waits for any more: with the last of them a request may begin.
    fn no_longer_owed(&mut self, now: TimeNs) {
        let owed = self.owed;
        let Some(job) = &mut self.job else { return };
        if let Phase::Quiet(_) = job.phase {
            job.phase = if owed == 0 { Phase::Ready } else { Phase::Quiet(now + QUIET) };
            if owed == 0 {
                self.ask();
            }
        }
    }

    fn unreadable(&mut self, error: DeviceError) {
        match error {
            DeviceError::TooLong => self.counters.too_long += 1,
            _ => self.counters.garbage += 1,
        }
        self.fail(error);
    }

    fn fail(&mut self, error: DeviceError) {
        if self.job.is_none() {
            return;
        }
        match error {
            DeviceError::TimedOut => self.counters.timed_out += 1,
            DeviceError::Disconnected => self.counters.disconnected += 1,
            _ => {}
        }
        self.end(Err(error));
    }

    fn end(&mut self, result: Result<PrintEnd, DeviceError>) {
        let Some(job) = self.job.take() else { return };
        self.stale |= job.phase == Phase::Printing && result != Ok(PrintEnd::Printed);
        self.cancel();
        self.answer = Some(Answer { id: job.id, result });
    }

    fn forget_bytes(&mut self) {
        self.lines.clear();
        self.reader.clear();
        self.out.clear();
        self.owed = 0;
    }
}

impl MessageDriver for ZplPrinter {
    type Request = PrintRequest;
    type Reply = PrintEnd;

    fn request(&mut self, now: TimeNs, id: RequestId, request: &PrintRequest) -> Result<(), DeviceError> {
        if self.job.is_some() || self.answer.is_some() {
            return Err(DeviceError::Busy);
        }
        if !self.connected {
            return Err(DeviceError::Disconnected);
        }
        let format = zpl::format(&request.element_string, &request.lines).map_err(DeviceError::BadRequest)?;
        let phase = if self.owed == 0 { Phase::Ready } else { Phase::Quiet(now + QUIET) };
        self.job = Some(Job { id, deadline: now + self.timeout, format, phase, poll: None });
        if phase == Phase::Ready {
            self.ask();
        }
        self.counters.requests += 1;
        Ok(())
    }

    fn poll(&mut self, now: TimeNs) -> Option<Answer<PrintEnd>> {
        self.notice_time(now);
        self.answer.take()
    }

    fn on_connect(&mut self, _now: TimeNs) {
        self.connected = false;
        self.fail(DeviceError::Disconnected);
        self.forget_bytes();
        self.connected = true;
        self.cancel();
    }

    fn on_disconnect(&mut self, _now: TimeNs) {
        self.connected = false;
        self.fail(DeviceError::Disconnected);
        self.forget_bytes();
    }

    fn receive(&mut self, now: TimeNs, bytes: &[u8]) {
        self.notice_time(now);
        let mut lines = core::mem::take(&mut self.lines);
        lines.push(bytes, |line| match line {
            Line::Text(text) => match self.reader.push(text) {
                Ok(Some(status)) => self.told(now, status),
                Ok(None) => {}
                Err(what) => self.unreadable(DeviceError::Garbage(what)),
            },
            Line::NotText => {
                self.reader.clear();
                self.unreadable(DeviceError::Garbage("not UTF-8".into()));
            }
            Line::TooLong => {
                self.reader.clear();
                self.unreadable(DeviceError::TooLong);
            }
        });
        self.lines = lines;
    }

    fn transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.out);
    }

    fn deadline(&self) -> Option<TimeNs> {
        if self.answer.is_some() {
            return Some(TimeNs(0));
        }
        let job = self.job.as_ref()?;
        let next = match job.phase {
            Phase::Quiet(until) => Some(until),
            Phase::Ready | Phase::Printing => job.poll,
        };
        Some(next.map_or(job.deadline, |at| at.min(job.deadline)))
    }

    fn counters(&self) -> MessageCounters {
        self.counters
    }
}
