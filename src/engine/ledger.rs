//! What is under way outside the engine, under which id, and what has come back of it.
//!
//! *Job*: one order to the cycle. *Request*: one order to a cobot, camera, scanner, printer, or a question to a
//! person. An answer to an id that is not in the book (withdrawn, aborted, doubled) is ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cellwright_model::cell::Cell;
use cellwright_model::curve::Curve;
use cellwright_model::job::{
    JobResult, Refusal, RtCommand, RtEvent, RtEventKind, RtFault, RtOp, Urgent, UrgentWord,
};
use cellwright_model::robot::{RobotCommand, RobotReply, RobotRequest};
use cellwright_model::{JobId, RequestId, RobotId, TimeNs};

use crate::api::{DeviceReply, Machine, Output, Question, Source, Ticket, TimerId};
use crate::record::{Record, Transaction};

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum JobEnded {
    Done(JobResult),
    Stopped,
    Refused(Refusal),
    Fault(RtFault),
}

/// What ended a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Robot(RobotReply),
    Device(DeviceReply),
}

/// A question with its answer.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) question: Question,
    pub(crate) answer: Option<(String, Source)>,
}

/// The book. Bounded by what branches can have under way: one operation each.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    last_job: u32,
    last_request: u32,
    last_timer: u64,
    last_ticket: u64,
    pub(crate) urgent: Urgent,
    jobs: BTreeMap<JobId, Option<JobEnded>>,
    requests: BTreeMap<RequestId, Option<Reply>>,
    /// Requests to cobots without an answer: something may be moving.
    robots_awaited: BTreeSet<RequestId>,
    pub(crate) questions: BTreeMap<RequestId, Asked>,
    curves: BTreeMap<JobId, Arc<Curve>>,
    /// Captures that may still hold a slot of the cycle.
    captures: BTreeSet<JobId>,
    /// With the time at which each was made.
    unpersisted: BTreeMap<Ticket, TimeNs>,
    records: Vec<Record>,
}

impl Ledger {
    /// Takes an event of the cycle. Returns the fault, if it is one.
    pub(crate) fn on_rt(&mut self, event: &RtEvent) -> Option<RtFault> {
        let ended = match event.kind {
            RtEventKind::Accepted | RtEventKind::Held { .. } => return None,
            RtEventKind::Done(result) => JobEnded::Done(result),
            RtEventKind::Stopped { .. } => JobEnded::Stopped,
            RtEventKind::Refused(why) => JobEnded::Refused(why),
            RtEventKind::Fault(fault) => JobEnded::Fault(fault),
        };
        if let Some(entry) = self.jobs.get_mut(&event.job)
            && entry.is_none()
        {
            *entry = Some(ended);
        }
        match ended {
            JobEnded::Fault(fault) => Some(fault),
            _ => None,
        }
    }

    /// A curve arrived; kept only if its capture is one of ours.
    pub(crate) fn on_curve(&mut self, capture: JobId, curve: Arc<Curve>) {
        if self.captures.contains(&capture) {
            self.curves.insert(capture, curve);
        }
    }

    pub(crate) fn on_reply(&mut self, id: RequestId, reply: Reply) {
        self.robots_awaited.remove(&id);
        if let Some(entry @ None) = self.requests.get_mut(&id) {
            *entry = Some(reply);
        }
    }

    pub(crate) fn on_persisted(&mut self, ticket: Ticket) {
        self.unpersisted.remove(&ticket);
    }

    pub(crate) fn is_persisted(&self, ticket: Ticket) -> bool {
        !self.unpersisted.contains_key(&ticket)
    }

    /// When the oldest record that is not durable was made.
    pub(crate) fn oldest_unpersisted(&self) -> Option<TimeNs> {
        self.unpersisted.first_key_value().map(|(_, at)| *at)
    }

    /// How the job ended, once; its entry is gone then.
    pub(crate) fn take_job(&mut self, id: JobId) -> Option<JobEnded> {
        let ended = (*self.jobs.get(&id)?)?;
        self.jobs.remove(&id);
        Some(ended)
    }

    /// The job has ended, and nobody has looked at how.
    pub(crate) fn has_ended(&self, id: JobId) -> bool {
        matches!(self.jobs.get(&id), Some(Some(_)))
    }

    /// How these end does not matter any more.
    pub(crate) fn forget_jobs(&mut self, jobs: impl IntoIterator<Item = JobId>) {
        for id in jobs {
            self.jobs.remove(&id);
        }
    }

    /// The reply, once; its entry is gone then.
    pub(crate) fn take_reply(&mut self, id: RequestId) -> Option<Reply> {
        let reply = self.requests.get_mut(&id)?.take()?;
        self.requests.remove(&id);
        Some(reply)
    }

    /// Whether the request is still unanswered.
    pub(crate) fn awaits(&self, id: RequestId) -> bool {
        matches!(self.requests.get(&id), Some(None))
    }

    /// The reply, where it is not looked at yet and stays so.
    pub(crate) fn reply(&self, id: RequestId) -> Option<&Reply> {
        self.requests.get(&id)?.as_ref()
    }

    /// Some cobot has not answered: it may be moving.
    pub(crate) fn robots_busy(&self) -> bool {
        !self.robots_awaited.is_empty()
    }

    pub(crate) fn forget_request(&mut self, id: RequestId) {
        self.requests.remove(&id);
        self.robots_awaited.remove(&id);
    }

    /// The curve of a capture, once.
    pub(crate) fn take_curve(&mut self, capture: JobId) -> Option<Arc<Curve>> {
        self.captures.remove(&capture);
        self.curves.remove(&capture)
    }

    pub(crate) fn has_curve(&self, capture: JobId) -> bool {
        self.curves.contains_key(&capture)
    }

    /// After an abort: nothing that was under way counts any more. Captures are kept, to be ended later.
    pub(crate) fn forget_all(&mut self) {
        self.jobs.clear();
        self.requests.clear();
        self.robots_awaited.clear();
        self.curves.clear();
    }
}

/// What every part of the engine works with while one input is handled.
pub(crate) struct Cx<'a> {
    pub(crate) now: TimeNs,
    pub(crate) machine: Machine<'a>,
    pub(crate) cell: &'a Cell,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) out: &'a mut Vec<Output>,
}

impl Cx<'_> {
    /// Sends a job to the cycle.
    pub(crate) fn job(&mut self, op: RtOp) -> JobId {
        let id = self.ledger.next_job();
        self.ledger.jobs.insert(id, None);
        if matches!(op, RtOp::CaptureStart { .. }) {
            self.ledger.captures.insert(id);
        }
        self.out.push(Output::Rt(RtCommand { job: id, op }));
        id
    }

    /// Sends a job whose end does not matter (lamps, ends of captures that nobody waits for).
    pub(crate) fn job_unwatched(&mut self, op: RtOp) {
        let id = self.ledger.next_job();
        self.out.push(Output::Rt(RtCommand { job: id, op }));
    }

    pub(crate) fn robot(&mut self, robot: RobotId, command: RobotCommand) -> RequestId {
        let id = self.ledger.next_request();
        self.ledger.requests.insert(id, None);
        self.ledger.robots_awaited.insert(id);
        self.out.push(Output::Robot { robot, request: RobotRequest { id, command } });
        id
    }

    /// Stops a cobot. Believed is the end of the request under way and its rest, not this one's answer.
    pub(crate) fn stop_robot(&mut self, robot: RobotId) {
        let id = self.ledger.next_request();
        self.out.push(Output::Robot { robot, request: RobotRequest { id, command: RobotCommand::Stop } });
    }

    /// An id for a request to a camera, scanner or printer, entered into the book.
    pub(crate) fn device(&mut self) -> RequestId {
        let id = self.ledger.next_request();
        self.ledger.requests.insert(id, None);
        id
    }

    pub(crate) fn ask(&mut self, question: impl FnOnce(RequestId) -> Question) -> RequestId {
        let id = self.ledger.next_request();
        let question = question(id);
        self.ledger.questions.insert(id, Asked { question: question.clone(), answer: None });
        self.out.push(Output::Ask(question));
        id
    }

    /// Takes a question or device request back.
    pub(crate) fn withdraw(&mut self, id: RequestId) {
        let asked = self.ledger.questions.remove(&id).is_some_and(|a| a.answer.is_none());
        let requested = matches!(self.ledger.requests.remove(&id), Some(None));
        if asked || requested {
            self.out.push(Output::Withdraw { id });
        }
    }

    /// Asks to be woken: time is looked at again then.
    pub(crate) fn wake_at(&mut self, at: TimeNs) {
        self.ledger.last_timer += 1;
        self.out.push(Output::Timer { id: TimerId(self.ledger.last_timer), at });
    }

    pub(crate) fn urgent(&mut self, word: UrgentWord) {
        self.send_urgent(word, 0);
    }

    /// Hold for all axes but these (bit = AxisId).
    pub(crate) fn urgent_hold(&mut self, except: u64) {
        self.send_urgent(UrgentWord::Hold, except);
    }

    fn send_urgent(&mut self, word: UrgentWord, except: u64) {
        self.ledger.urgent = Urgent { word, epoch: self.ledger.urgent.epoch.wrapping_add(1), except };
        self.out.push(Output::Urgent(self.ledger.urgent));
    }

    /// The cycle has seen the last urgent word.
    pub(crate) fn urgent_applied(&self) -> bool {
        self.machine.rt.urgent_epoch == self.ledger.urgent.epoch
    }

    /// Puts a record into the transaction of this input; its ticket.
    pub(crate) fn record(&mut self, record: Record) -> Ticket {
        let ticket = Ticket(self.ledger.last_ticket + 1);
        self.ledger.unpersisted.insert(ticket, self.now);
        self.ledger.records.push(record);
        ticket
    }

    /// Ends the transaction of this input.
    pub(crate) fn flush(&mut self) {
        if self.ledger.records.is_empty() {
            return;
        }
        self.ledger.last_ticket += 1;
        let records = core::mem::take(&mut self.ledger.records);
        let ticket = Ticket(self.ledger.last_ticket);
        self.out.push(Output::Persist(Transaction { ticket, at: self.now, records }));
    }

    /// Gives slots back that captures may still hold after an abort.
    pub(crate) fn end_stray_captures(&mut self) {
        for capture in core::mem::take(&mut self.ledger.captures) {
            self.job_unwatched(RtOp::CaptureEnd { capture });
        }
    }
}

impl Ledger {
    /// Never 0: that is the machine's own id in events.
    fn next_job(&mut self) -> JobId {
        self.last_job = self.last_job.wrapping_add(1).max(1);
        JobId(self.last_job)
    }
    fn next_request(&mut self) -> RequestId {
        self.last_request = self.last_request.wrapping_add(1).max(1);
        RequestId(self.last_request)
    }
}
