//! The controller: joins the engine, the real-time cycle and the message devices. Synchronous and
//! sans-I/O: [`Controller::step`] takes what has arrived and says what is to be sent; `run` pumps it from
//! tokio with the real clock, `simulate` on one thread with virtual time.
//!
//! Order within a step, so that equal inputs give equal outputs: events of the cycle, message devices by
//! id, operator, acknowledged transactions, timers by (deadline, id), then one tick of conditions.

mod devices;
mod ledger;
mod operator;
mod timers;

pub use cellwright_engine::api::{
    Alarm, Answered, BreakRequest, DeviceReply, Input, MachineFault, ManualRequest, Order, Question,
    QuestionKind, Source, Ticket, Work,
};
pub use cellwright_engine::catalogue::{self, AlarmCode};
pub use cellwright_engine::{
    BranchStatus, Doubt, Engine, EngineConfig, EngineError, LeftUnit, ManualStatus, OrderStatus, RESTART,
    RESUME, Status, TrayState, UnitStatus, journalled,
};
pub use devices::{DeviceId, Devices, StreamEvent};
pub use ledger::{Ledger, LedgerSettings, TrayUse, recipe_ref};
pub use operator::{AutoOperator, Load, Progress};

use std::collections::VecDeque;
use std::sync::Arc;

use cellwright_engine::api::{Machine, Output};
use cellwright_model::cell::Cell;
use cellwright_model::event::Transaction;
use cellwright_model::job::{Refusal, RtCommand, RtEvent, RtEventKind, RtStatus, UrgentWord};
use cellwright_model::robot::RobotState;
use cellwright_model::{Date, TimeNs, TrayId};
use cellwright_rt::ControllerEnds;

/// What has arrived since the last step.
#[derive(Debug, Default)]
pub struct Inputs {
    /// From byte streams of cameras, scanners and printers, in the order of arrival.
    pub streams: Vec<(DeviceId, StreamEvent)>,
    /// Commands, orders, answers, acknowledgements, material; faults that the caller noticed.
    pub operator: Vec<Input>,
    /// The same from someone who waits for the answer: [`Notice::Answered`] names it.
    pub asked: Vec<(AskId, Input)>,
    /// Transactions that are durable now, in their order.
    pub persisted: Vec<Ticket>,
    /// Time of day at `now`, ns since 1970-01-01T00:00:00Z.
    pub wall_unix_ns: i128,
}

/// Names one request whose answer somebody waits for; the caller's own count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskId(pub u64);

/// What is to be done after a step. The caller empties it.
#[derive(Debug, Default)]
pub struct Outputs {
    /// To be made durable, in this order; acknowledged by [`Inputs::persisted`].
    pub transactions: Vec<Transaction>,
    /// Bytes for cameras, scanners and printers.
    pub streams: Vec<(DeviceId, Vec<u8>)>,
    /// For people.
    pub notices: Vec<Notice>,
}

/// Something a person is told at once; its record travels in a transaction.
#[derive(Debug, Clone)]
pub enum Notice {
    Ask(Question),
    /// The question is no longer asked.
    Withdrawn(cellwright_model::RequestId),
    Alarm(Alarm),
    /// The last pocket of a tray was used: it has to be exchanged before the next part.
    TrayAtEnd(TrayId),
    /// A request was taken or refused. It may be told once `ticket` is durable.
    Answered {
        /// Of [`Inputs::asked`].
        ask: Option<AskId>,
        request: Answered,
        by: Source,
        result: Result<(), String>,
        ticket: Ticket,
    },
}

/// See the module text.
pub struct Controller {
    cell: Arc<Cell>,
    engine: Engine,
    ends: ControllerEnds,
    status: RtStatus,
    /// The last urgent word, and the newest cycle when it was given.
    word: (UrgentWord, u64),
    devices: Devices,
    timers: timers::Timers,
    ledger: Ledger,
    /// The day that the engine knows.
    today: Option<Date>,
    /// Inputs that outputs of the engine caused within a step (a refused command).
    follow_up: VecDeque<Input>,
    scratch: Vec<Output>,
    events: Vec<RtEvent>,
}

/// Inputs that one step hands to the engine at the most, follow-ups included: far above what rings and
/// devices can hold; reaching it is a loop between engine and refusals, which the next step goes on with.
const INPUTS_PER_STEP_MAX: usize = 8192;

impl Controller {
    /// Joins the parts. `ends`: the controller's side of the rings of the cycle.
    pub fn new(
        cell: Arc<Cell>,
        engine: Engine,
        ends: ControllerEnds,
        devices: Devices,
        settings: LedgerSettings,
    ) -> Controller {
        Controller {
            cell: cell.clone(),
            engine,
            ends,
            status: RtStatus::default(),
            word: (UrgentWord::None, 0),
            devices,
            timers: timers::Timers::default(),
            ledger: Ledger::new(cell, settings),
            today: None,
            follow_up: VecDeque::new(),
            scratch: Vec::new(),
            events: Vec::new(),
        }
    }

    /// The latest snapshot of the cycle.
    pub fn status(&self) -> &RtStatus {
        &self.status
    }

    /// The engine, for what it can say of itself (state, units, what they wait for).
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The cell that it controls.
    pub fn cell(&self) -> &Arc<Cell> {
        &self.cell
    }

    /// What the engine is doing, for people.
    pub fn engine_status(&self) -> Status {
        self.engine.status(Machine { rt: &self.status, robots: self.devices.robot_states() })
    }

    /// The last known state of each cobot, by its id.
    pub fn robots(&self) -> &[RobotState] {
        self.devices.robot_states()
    }

    /// The last urgent word, and the newest cycle when it was given to the next ones.
    pub fn urgent_word(&self) -> (UrgentWord, u64) {
        self.word
    }

    /// How many stops were handed to the driver of each cobot, by its id.
    pub fn robot_stops(&self) -> &[u64] {
        self.devices.robot_stops()
    }

    /// When the next step has something to do without new inputs from outside the cycle.
    pub fn deadline(&self) -> Option<TimeNs> {
        match (self.timers.next(), self.devices.deadline()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// One step at `now`; see the module text for the order within.
    pub fn step(&mut self, now: TimeNs, inputs: &mut Inputs, out: &mut Outputs) {
        let wall = inputs.wall_unix_ns;
        let mut budget = INPUTS_PER_STEP_MAX;
        let mut feed = |this: &mut Controller, ask: Option<AskId>, input: Input| {
            this.handle(now, wall, ask, input, out);
            while let Some(next) = this.follow_up.pop_front() {
                budget = budget.saturating_sub(1);
                if budget == 0 {
                    this.follow_up.push_front(next);
                    return;
                }
                this.handle(now, wall, None, next, out);
            }
        };

        let today = Date::of_unix_ns(wall);
        if self.today.replace(today) != Some(today) {
            feed(self, None, Input::Today(today));
        }
        self.drain_cycle();
        while let Some(finished) = self.ends.next_curve() {
            // The copy is as large as what was kept; the buffer itself goes back to the cycle.
            let curve = Arc::new(finished.curve.clone());
            self.ends.give_back(finished.curve);
            feed(self, None, Input::Curve { capture: finished.capture, curve });
        }
        let mut events = core::mem::take(&mut self.events);
        for event in events.drain(..) {
            feed(self, None, Input::Rt(event));
        }
        self.events = events;
        while let Some(serials) = self.ends.pop_found() {
            feed(self, None, Input::Segment(serials));
        }
        while let Some(fault) = self.ends.pop_bring_up_fault() {
            feed(self, None, Input::MachineFault(bring_up_fault(&fault)));
        }

        for (device, event) in inputs.streams.drain(..) {
            self.devices.receive(now, device, event);
        }
        while let Some(input) = self.devices.poll(now) {
            feed(self, None, input);
        }
        for input in inputs.operator.drain(..) {
            feed(self, None, input);
        }
        for (ask, input) in inputs.asked.drain(..) {
            feed(self, Some(ask), input);
        }
        for ticket in inputs.persisted.drain(..) {
            feed(self, None, Input::Persisted(ticket));
        }
        while let Some(id) = self.timers.pop_due(now) {
            feed(self, None, Input::Timer(id));
        }
        feed(self, None, Input::Tick);
        out.notices.extend(self.ledger.trays_at_end().map(Notice::TrayAtEnd));
        self.devices.transmit(&mut out.streams);
        // With what was asked of them in this step.
        if !self.cell.zones.is_empty() {
            self.ends.tell_robots(self.devices.robot_states());
        }
    }

    /// Takes everything out of the rings first, then the curves: a curve is pushed before the event that
    /// ends its capture, so every drained event finds its curve already handed over.
    fn drain_cycle(&mut self) {
        while let Some(event) = self.ends.next_event() {
            self.events.push(event);
        }
        self.status = *self.ends.status();
    }

    fn handle(&mut self, now: TimeNs, wall: i128, mut ask: Option<AskId>, input: Input, out: &mut Outputs) {
        let mut outputs = core::mem::take(&mut self.scratch);
        let machine = Machine { rt: &self.status, robots: self.devices.robot_states() };
        self.engine.handle(now, input, machine, &mut outputs);
        for output in outputs.drain(..) {
            self.carry_out(now, wall, &mut ask, output, out);
        }
        self.scratch = outputs;
    }

    /// `ask`: the input's own, taken by the first answer, which is its; the engine may answer commands of
    /// its own after it.
    fn carry_out(
        &mut self,
        now: TimeNs,
        wall: i128,
        ask: &mut Option<AskId>,
        output: Output,
        out: &mut Outputs,
    ) {
        match output {
            Output::Rt(command) => self.command(command),
            Output::Urgent(urgent) => {
                if urgent.word != self.word.0 {
                    // The newest cycle there is, not the one that the step began with.
                    self.word = (urgent.word, self.ends.status().cycle);
                }
                let epoch = self.ends.set_urgent_but(urgent.word, urgent.except);
                debug_assert_eq!(epoch, urgent.epoch, "the engine is the only one that sets the urgent word");
            }
            Output::BringUp => self.ends.request_bring_up(),
            Output::Robot { robot, request } => self.devices.robot(now, robot, request),
            Output::Inspect { camera, id, job, version, .. } => {
                let failed = self.devices.inspect(now, camera, id, job, version);
                self.follow_up.extend(failed);
            }
            Output::Scan { scanner, id, .. } => {
                let failed = self.devices.scan(now, scanner, id);
                self.follow_up.extend(failed);
            }
            Output::Print { printer, id, label, .. } => {
                let failed = self.devices.print(now, printer, id, &label);
                self.follow_up.extend(failed);
            }
            Output::Ask(question) => out.notices.push(Notice::Ask(question)),
            Output::Withdraw { id } => out.notices.push(Notice::Withdrawn(id)),
            Output::Timer { id, at } => self.timers.set(at, id),
            Output::Persist(transaction) => {
                let clock = ledger::WallClock { now, unix_ns: wall };
                out.transactions.push(self.ledger.enter(transaction, clock, &self.status));
            }
            Output::Alarm(alarm) => out.notices.push(Notice::Alarm(alarm)),
            Output::Answered { request, by, result, ticket } => {
                out.notices.push(Notice::Answered { ask: ask.take(), request, by, result, ticket });
            }
        }
    }

    /// A full ring refuses: the job never began.
    fn command(&mut self, command: RtCommand) {
        if self.ends.send(command).is_err() {
            let kind = RtEventKind::Refused(Refusal::Busy);
            let event = RtEvent { cycle: self.status.cycle, job: command.job, kind };
            self.follow_up.push_back(Input::Rt(event));
        }
    }
}

fn bring_up_fault(fault: &cellwright_rt::bus::BusFault) -> MachineFault {
    AlarmCode::BringUp.fault(fault.place(), &[("cause", &fault.cause())]).with_first(fault.remedy())
}
