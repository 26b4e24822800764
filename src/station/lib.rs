//! The tokio side of `run`: pumps the controller with the real clock, moves bytes to message devices,
//! commits what it says, and tells it to people and subscribers once it is durable.
//!
//! Terms: *told* is what leaves the process (a printed line, a published sample): only after its commit.

mod client;
mod control;
mod far;
pub mod protocol;
mod recovery;
mod requests;
mod serve;
mod snapshot;
mod streams;
mod users;

pub use client::{Client, ClientError};
pub use control::{Control, ControlError, ControlServer, SOCKET, input};
pub use far::{Acted, FarError, FarHands, FarLine, FarServer, FarTwin, Hello};
pub use recovery::interrupted;
pub use serve::serve_twin;
pub use snapshot::{
    AlarmSeen, AxisSeen, BranchSeen, Counts, HomingSeen, JogSeen, ManualSeen, OrderSeen, Publisher,
    QuestionSeen, ReactionSeen, RobotSeen, Snapshot, Snapshots, TraySeen, UnitSeen,
};

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use cellwright_controller::{
    Alarm, AlarmCode, Answered, AutoOperator, Controller, DeviceId, Input, Inputs, Notice, Outputs, Progress,
    Question, Source, Ticket,
};
use cellwright_model::curve::Curve;
use cellwright_model::event::{Event, EventData, Stamp, Transaction};
use cellwright_model::limits::OUTBOX_BACKLOG_MAX;
use cellwright_model::material::Quarantined;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::{DurationNs, TimeNs, TrayId};
use cellwright_trace::outbox::SubmitError;
use cellwright_trace::{Ack, OutboxWriter};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};

use protocol::Said;
use requests::Requests;

/// How often the controller is pumped: well below the 5 ms in which the rings must be drained.
const TICK: Duration = Duration::from_millis(1);
/// From the first Ctrl-C: a stop that has not ended by then becomes an abort.
const STOP_MAX: DurationNs = DurationNs::from_millis(15_000);
/// From an abort to the end, at rest or not: the drives' own brake ramps are shorter.
const ABORT_MAX: DurationNs = DurationNs::from_millis(2_000);
/// For the last commits, when all is over.
const FLUSH_MAX: DurationNs = DurationNs::from_millis(5_000);

/// Where commands come from that no person has given: a signal, the station itself.
const PROCESS: &str = "process";
const PROGRAM: &str = "program";

/// See [`Station::quarantine`].
pub type ReadQuarantine = Box<dyn FnMut() -> Result<Vec<Quarantined>, String> + Send>;

/// What a station pumps.
pub struct Station<'a> {
    pub controller: Controller,
    /// Of the twin; on a real bus people command the cell.
    pub operator: Option<AutoOperator>,
    pub writer: OutboxWriter,
    pub acks: Receiver<Ack>,
    /// Cameras, scanners and printers, `host:port`.
    pub addresses: Vec<(DeviceId, String)>,
    /// Commands of people at this terminal, and signals.
    pub commands: mpsc::Receiver<Asked>,
    /// What the cell is doing, for whoever draws it.
    pub snapshots: Publisher,
    /// Reads the list of quarantined lots, or says why it cannot be read; called before each load of
    /// material.
    pub quarantine: ReadQuarantine,
    /// The clock of the cycle.
    pub now: fn() -> TimeNs,
    /// Time of day in ns since 1970-01-01T00:00:00Z.
    pub wall_unix_ns: fn() -> i128,
    /// False once the real-time thread has ended by itself.
    pub cycle_alive: &'a (dyn Fn() -> bool + Sync),
}

/// What someone asked for.
#[derive(Debug)]
pub enum Asked {
    /// A command, an answer, an acknowledgement; whoever asks sees what comes of it.
    Input(Input),
    /// The same, from someone who waits for what is said to it.
    Request { input: Input, reply: oneshot::Sender<Said> },
    /// What the cell is doing: answered with [`Said::Status`].
    Status { reply: oneshot::Sender<Said> },
    /// Ctrl-C: the first stops with bounded motion, the second aborts.
    Interrupt,
}

/// Eyes and hands of a person at a running cell.
#[derive(Debug, Clone)]
pub struct Desk {
    /// What the cell is doing, at most every 50 ms.
    pub snapshots: Snapshots,
    /// Takes commands, answers, interrupts.
    pub ask: mpsc::Sender<Asked>,
}

/// What is told, in its order.
#[derive(Debug)]
pub enum Told<'a> {
    /// Durable.
    Event(&'a Event),
    /// The curves of an attempt, told after its event, in the order in which that names them.
    Curves {
        event: &'a Event,
        curves: &'a [Arc<Curve>],
    },
    /// Shown at once, so that it reaches a person even when the store does not work.
    Alarm(&'a Alarm),
    /// Something that a person should know and that is no alarm of the cell.
    Warning(&'a str),
    Ask(&'a Question),
    /// A source is used up, a good tray full: to be exchanged.
    TrayAtEnd(TrayId),
    /// Someone's command was refused.
    Refused {
        what: String,
        why: &'a str,
    },
    /// A person commands the cell besides the automatic operator, who leaves it to them from now on, until it
    /// executes again.
    InHand {
        command: CellCommand,
        by: &'a Source,
    },
    /// The store refuses, or works again.
    Store(Option<String>),
}

/// How a station ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The order is complete.
    Completed,
    /// Stopped as asked, at rest, flushed.
    Stopped,
    /// Asked twice: aborted.
    Aborted,
    /// The cell stopped by itself in this state, and there was no person to ask.
    NeedsPerson(CellState),
    /// The real-time thread ended by itself.
    CycleEnded,
}

/// How it ended.
#[derive(Debug)]
pub struct Outcome {
    pub end: End,
    /// Transactions that the writer never took; nothing of them was told.
    pub untaken: usize,
    /// Still running, so that delivery can go on with it: finish it.
    pub writer: OutboxWriter,
}

impl Station<'_> {
    /// Pumps until the order is complete, someone asks to stop, or the cell needs a person.
    pub async fn run(self, told: &mut (dyn FnMut(Told<'_>) + Send)) -> Outcome {
        let streams = streams::Streams::connect(&self.addresses);
        let mut pump = Pump {
            pending: VecDeque::new(),
            curves: BTreeMap::new(),
            overdue: false,
            open_tickets: 0,
            inputs: Inputs::default(),
            outputs: Outputs::default(),
            ending: None,
            interrupted: false,
            quarantine_read: false,
            tally: snapshot::Tally::default(),
            requests: Requests::default(),
            streams,
            station: self,
        };
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let end = loop {
            tokio::select! {
                biased;
                asked = pump.station.commands.recv() => match asked {
                    Some(asked) => pump.asked(asked),
                    None => { ticks.tick().await; }
                },
                _ = ticks.tick() => {}
            }
            if let Some(end) = pump.step(told) {
                break end;
            }
        };
        pump.flush(&mut ticks, told).await;
        Outcome { end, untaken: pump.pending.len(), writer: pump.station.writer }
    }
}

/// A station on its way to the end.
struct Ending {
    end: End,
    deadline: TimeNs,
}

struct Pump<'a> {
    station: Station<'a>,
    streams: streams::Streams,
    inputs: Inputs,
    outputs: Outputs,
    /// Not yet taken by the writer, in order.
    pending: VecDeque<Transaction>,
    /// Curves of the transactions that are not acknowledged; those hold them as well.
    curves: BTreeMap<u64, Vec<Arc<Curve>>>,
    /// More than [`OUTBOX_BACKLOG_MAX`] were pending, and not all have been taken since.
    overdue: bool,
    /// Submitted or pending, not yet acknowledged.
    open_tickets: usize,
    ending: Option<Ending>,
    /// Ctrl-C came once.
    interrupted: bool,
    /// The list of quarantined lots has been read once.
    quarantine_read: bool,
    tally: snapshot::Tally,
    requests: Requests,
}

impl Pump<'_> {
    fn asked(&mut self, asked: Asked) {
        match asked {
            Asked::Input(input) => self.inputs.operator.push(input),
            Asked::Request { input, reply } => {
                let now = (self.station.now)();
                self.requests.begin(now, input, reply, &mut self.inputs.asked);
            }
            Asked::Status { reply } => {
                let snapshot = self.snapshot((self.station.now)());
                // Whoever asked may be gone.
                let _ = reply.send(Said::Status(Box::new(snapshot)));
            }
            Asked::Interrupt => self.interrupt(),
        }
    }

    fn interrupt(&mut self) {
        let first = !core::mem::replace(&mut self.interrupted, true);
        match &self.ending {
            None => self.stop(End::Stopped),
            // It stops by itself already.
            Some(_) if first => {}
            // Asking once more gives it no more time.
            Some(Ending { end: End::Aborted, .. }) => {}
            Some(_) => self.abort(End::Aborted),
        }
    }

    /// Who asks is not known of a signal; what the station decides is its own.
    fn command(&mut self, command: CellCommand) {
        let by =
            if self.interrupted { Source::new("signal", PROCESS) } else { Source::new("station", PROGRAM) };
        self.inputs.operator.push(Input::Command { command, by });
    }

    /// Stop with bounded motion; in a state that knows no Stop it is over already.
    fn stop(&mut self, end: End) {
        let state = self.state();
        if !at_end(state) && !matches!(state, CellState::Stopping | CellState::Aborting | CellState::Clearing)
        {
            self.command(CellCommand::Stop);
        }
        self.ending = Some(Ending { end, deadline: (self.station.now)() + STOP_MAX });
    }

    fn abort(&mut self, end: End) {
        if !matches!(self.state(), CellState::Aborting | CellState::Aborted) {
            self.command(CellCommand::Abort);
        }
        self.ending = Some(Ending { end, deadline: (self.station.now)() + ABORT_MAX });
    }

    fn snapshot(&self, now: TimeNs) -> Snapshot {
        let stamp = Stamp { wall_unix_ns: (self.station.wall_unix_ns)(), monotonic_ns: now.0 };
        snapshot::take(&self.station.controller, &self.tally, stamp)
    }

    fn state(&self) -> CellState {
        self.station.controller.engine().state()
    }

    /// One step; the end, if this was the last.
    fn step(&mut self, told: &mut (dyn FnMut(Told<'_>) + Send)) -> Option<End> {
        let now = (self.station.now)();
        self.pump(now, told);
        if !(self.station.cycle_alive)() {
            return Some(End::CycleEnded);
        }
        if let Some(ending) = &self.ending {
            let (end, late) = (ending.end.clone(), now >= ending.deadline);
            let rest = at_end(self.state()) && self.station.controller.status().at_rest;
            if rest || (late && end == End::Aborted) {
                return Some(end);
            }
            if late {
                self.abort(End::Aborted);
            }
            return None;
        }
        let state = self.state();
        let operator = self.station.operator.as_mut()?;
        match operator.react(state, &mut self.inputs.operator) {
            Progress::Running => None,
            Progress::Completed => Some(End::Completed),
            Progress::NeedsPerson(state) => {
                self.stop(End::NeedsPerson(state));
                None
            }
        }
    }

    /// Before material is loaded, and at the beginning for what is loaded already.
    fn read_quarantine(&mut self) {
        let loads = |input: &Input| matches!(input, Input::MaterialLoaded { .. });
        let due = self.inputs.operator.iter().any(loads) || self.inputs.asked.iter().any(|(_, i)| loads(i));
        if due || !core::mem::replace(&mut self.quarantine_read, true) {
            let list = (self.station.quarantine)();
            self.inputs.operator.insert(0, Input::Quarantine(list));
        }
    }

    /// Moves everything that is there through the controller once.
    fn pump(&mut self, now: TimeNs, told: &mut (dyn FnMut(Told<'_>) + Send)) {
        self.streams.drain(&mut self.inputs.streams);
        while let Ok(ack) = self.station.acks.try_recv() {
            self.acknowledged(ack, told);
        }
        self.read_quarantine();
        self.inputs.wall_unix_ns = (self.station.wall_unix_ns)();
        self.station.controller.step(now, &mut self.inputs, &mut self.outputs);
        for (device, bytes) in self.outputs.streams.drain(..) {
            self.streams.send(device, bytes);
        }
        self.open_tickets += self.outputs.transactions.len();
        let with_curves = self.outputs.transactions.iter().filter(|t| !t.curves.is_empty());
        self.curves.extend(with_curves.map(|t| (t.ticket, t.curves.clone())));
        self.pending.extend(self.outputs.transactions.drain(..));
        self.submit();
        let notices = core::mem::take(&mut self.outputs.notices);
        for notice in notices {
            self.notice(notice, told);
        }
        self.requests.expire(now, self.tally.store_fault.as_deref());
        if self.station.snapshots.due(now.0) {
            let snapshot = self.snapshot(now);
            self.station.snapshots.publish(snapshot);
        }
    }

    fn acknowledged(&mut self, ack: Ack, told: &mut (dyn FnMut(Told<'_>) + Send)) {
        match ack {
            Ack::Durable { ticket, events } => {
                self.open_tickets = self.open_tickets.saturating_sub(1);
                let curves = self.curves.remove(&ticket).unwrap_or_default();
                let mut curves = curves.as_slice();
                for event in &events {
                    self.tally.count(event);
                    told(Told::Event(event));
                    if let EventData::StepOutcome(step) = &event.draft.data {
                        let (own, rest) = curves.split_at(step.curves.len().min(curves.len()));
                        curves = rest;
                        told(Told::Curves { event, curves: own });
                    }
                }
                self.requests.durable(ticket);
                self.inputs.persisted.push(Ticket(ticket));
            }
            Ack::Refused { ticket, error } => {
                self.requests.lost(ticket, &error.to_string());
                self.curves.remove(&ticket);
                self.open_tickets = self.open_tickets.saturating_sub(1);
                let fault = AlarmCode::RecordRefused.fault("outbox", &[("error", &error.to_string())]);
                self.inputs.operator.push(Input::MachineFault(fault));
            }
            Ack::Failing { error, .. } => {
                let cause = error.to_string();
                self.tally.store_fault = Some(cause.clone());
                told(Told::Store(Some(cause.clone())));
                self.inputs.operator.push(Input::Store { writable: false, cause });
            }
            Ack::Recovered => {
                self.tally.store_fault = None;
                told(Told::Store(None));
                self.inputs.operator.push(Input::Store { writable: true, cause: String::new() });
            }
        }
    }

    /// As much as the writer takes; the rest waits here in its order. The engine waits for its commits, so
    /// little ever does.
    fn submit(&mut self) {
        while let Some(transaction) = self.pending.pop_front() {
            match self.station.writer.submit(transaction) {
                Ok(()) => {}
                Err(SubmitError::Full(back) | SubmitError::Ended(back)) => {
                    self.pending.push_front(*back);
                    break;
                }
            }
        }
        self.watch_backlog();
    }

    /// Too much waits here besides what the writer has: the cell holds until all of it is taken.
    fn watch_backlog(&mut self) {
        let waiting = self.pending.len();
        let (overdue, cause) = match self.overdue {
            false if waiting > OUTBOX_BACKLOG_MAX => {
                (true, format!("{waiting} transactions wait for the disk"))
            }
            true if waiting == 0 => (false, String::new()),
            _ => return,
        };
        self.overdue = overdue;
        self.inputs.operator.push(Input::Store { writable: !overdue, cause });
    }

    fn notice(&mut self, notice: Notice, told: &mut (dyn FnMut(Told<'_>) + Send)) {
        match notice {
            Notice::Ask(question) => {
                told(Told::Ask(&question));
                let answer = self.station.operator.as_mut().and_then(|o| o.answer(&question));
                self.inputs.operator.extend(answer);
            }
            Notice::Alarm(alarm) => told(Told::Alarm(&alarm)),
            Notice::TrayAtEnd(tray) => {
                told(Told::TrayAtEnd(tray));
                let exchanged = self.station.operator.as_ref().map(|o| o.exchange(tray));
                self.inputs.operator.extend(exchanged);
            }
            Notice::Answered { ask, request, by, result, ticket } => {
                if let (Answered::Command(command), Ok(())) = (&request, &result) {
                    self.taken(*command, &by, told);
                }
                match (ask, result) {
                    (Some(id), result) => self.requests.answered(id, &request, &result, ticket.0),
                    (None, Err(why)) => told(Told::Refused { what: request.to_string(), why: &why }),
                    (None, Ok(())) => {}
                }
            }
            Notice::Withdrawn(_) => {}
        }
    }

    /// A command was taken. What a person has brought to rest is left to them by the automatic operator.
    fn taken(&mut self, command: CellCommand, by: &Source, told: &mut (dyn FnMut(Told<'_>) + Send)) {
        let Some(operator) = &mut self.station.operator else { return };
        if !operator.is(by) && by.from != PROGRAM && by.from != PROCESS && self.ending.is_none() {
            operator.commanded();
            told(Told::InHand { command, by });
        }
    }

    /// Waits for the acknowledgement of everything that was said, within its bound.
    async fn flush(&mut self, ticks: &mut tokio::time::Interval, told: &mut (dyn FnMut(Told<'_>) + Send)) {
        let until = (self.station.now)() + FLUSH_MAX;
        while self.open_tickets > 0 && (self.station.now)() < until {
            ticks.tick().await;
            self.pump((self.station.now)(), told);
        }
    }
}

/// States in which nothing moves and no unit is in work.
fn at_end(state: CellState) -> bool {
    matches!(state, CellState::Stopped | CellState::Aborted | CellState::Completed)
}
