//! What goes into the engine and what comes out of it. The controller joins both sides to the real-time
//! cycle, the message devices, the operator and the outbox.
//!
//! *Input*: something that happened, with the time at which it is handed over. *Output*: something the
//! engine wants done; nothing has happened until an input says so. *Ticket*: names one transaction of
//! the record; the engine waits for [`Input::Persisted`] before it goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use cellwright_model::approval::Clearance;
use cellwright_model::curve::Curve;
use cellwright_model::event::AlarmClass;
use cellwright_model::expr::{Expr, SignalView};
use cellwright_model::job::{RtCommand, RtEvent, RtStatus, Urgent};
use cellwright_model::label::UnitLabel;
use cellwright_model::material::{Label, Quarantined};
use cellwright_model::order::{OrderProgress, OrderTerms};
use cellwright_model::outcome::Purpose;
use cellwright_model::packml::{CellCommand, CellMode};
use cellwright_model::plan::Plan;
use cellwright_model::robot::{RobotReply, RobotRequest, RobotState};
use cellwright_model::{
    AnalogId, AxisId, CameraId, Date, InputId, JobId, OutputId, PrinterId, RequestId, RobotId, ScannerId,
    StepIx, TimeNs, TrayId, UnitId,
};

use crate::catalogue::{Act, AlarmCode};
use crate::record::{Location, Transaction};

/// Names one transaction of the record; counts up from 1, and commits are acknowledged in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Names one wake-up; counts up from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerId(pub u64);

/// Who asked for something, and from where (`ctl`, `panel`, `auto`, `engine`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub who: String,
    pub from: String,
}

impl Source {
    /// A person or program by name.
    pub fn new(who: impl Into<String>, from: impl Into<String>) -> Source {
        Source { who: who.into(), from: from.into() }
    }
    /// A person, by the id in users.yaml, for whom a user of the cell PC asks.
    pub fn on_behalf(id: &str, user: &str, from: impl Into<String>) -> Source {
        Source::new(format!("{id} ({user})"), from)
    }
    /// The person's id, whoever asks for him.
    pub fn person(&self) -> &str {
        self.who.split_once(" (").map_or(&self.who, |(id, _)| id)
    }
    /// The controller itself: a fault, a safety signal, the end of an order.
    pub fn inside() -> Source {
        Source::new("cellwright", "engine")
    }
}

/// Units to be made by one Plan.
#[derive(Debug, Clone)]
pub struct Order {
    /// Order number, as the record names it.
    pub id: String,
    pub plan: Arc<Plan>,
    /// By serial: of units that are made with other values of some parameters.
    pub sets: BTreeMap<String, Arc<Plan>>,
    pub work: Work,
    /// As the record names it.
    pub purpose: Purpose,
    /// Whether it may be made at all: asked at Start.
    pub clearance: Clearance,
}

/// How much is to be made, and under which serials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// So many units are opened, whatever they become; at least 1. Serials of the cell's counter.
    Units(u32),
    /// Good units and serials of an order file; `done`: what earlier runs made of it.
    Terms { terms: Arc<OrderTerms>, done: OrderProgress },
}

impl Order {
    /// So many units, whatever they become.
    pub fn units(id: impl Into<String>, plan: Arc<Plan>, units: u32) -> Order {
        let (sets, work) = (BTreeMap::new(), Work::Units(units));
        Order { id: id.into(), plan, sets, work, purpose: Purpose::Trial, clearance: Clearance::NotAsked }
    }
    /// By an order file, from where earlier runs came to.
    pub fn by_terms(terms: Arc<OrderTerms>, plan: Arc<Plan>, done: OrderProgress) -> Order {
        Order {
            id: terms.id.clone(),
            plan,
            sets: BTreeMap::new(),
            purpose: terms.purpose,
            work: Work::Terms { terms, done },
            clearance: Clearance::NotAsked,
        }
    }
    /// With the Plans of single serials: one for each that the terms give a set of values.
    pub fn with_sets(self, sets: BTreeMap<String, Arc<Plan>>) -> Order {
        Order { sets, ..self }
    }
    /// By which a unit is made.
    pub fn plan_of(&self, serial: &str) -> &Arc<Plan> {
        self.sets.get(serial).unwrap_or(&self.plan)
    }
    /// For another purpose than that of the terms, or than trial.
    pub fn with_purpose(self, purpose: Purpose) -> Order {
        Order { purpose, ..self }
    }
    /// With the word of the gate.
    pub fn cleared(self, clearance: Clearance) -> Order {
        Order { clearance, ..self }
    }
}

/// What the controller knows of the machine in this moment: the latest snapshot of the cycle, and the
/// last known state of each cobot (place = [`RobotId`]).
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    pub rt: &'a RtStatus,
    pub robots: &'a [RobotState],
}

impl Machine<'_> {
    /// The inputs of this snapshot were received in its own cycle.
    pub fn fresh(&self) -> bool {
        self.rt.fresh_cycle == self.rt.cycle && self.rt.bus.operational
    }
    /// Whether a condition holds; `None` while inputs are stale or a channel is not trusted.
    pub fn holds(&self, condition: &Expr) -> Option<bool> {
        if self.fresh() { condition.eval(self) } else { None }
    }
    /// Every axis and every cobot is at rest, as far as is known.
    pub fn at_rest(&self) -> bool {
        self.rt.at_rest && self.robots.iter().all(|r| !r.moving)
    }
}

impl SignalView for Machine<'_> {
    fn input(&self, id: InputId) -> bool {
        1u64.checked_shl(u32::from(id.0)).is_some_and(|bit| self.rt.inputs & bit != 0)
    }
    fn analog(&self, id: AnalogId) -> Option<f64> {
        let valid = 1u64.checked_shl(u32::from(id.0)).is_some_and(|bit| self.rt.analog_valid & bit != 0);
        self.rt.analogs.get(id.index()).copied().filter(|_| valid)
    }
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// A PackML command. Answered by [`Output::Answered`], recorded either way.
    Command { command: CellCommand, by: Source },
    /// Change of mode; taken in Stopped, Idle and Aborted only.
    Mode { mode: CellMode, by: Source },
    /// Work. Begins in Execute; one order at a time, a second one is rejected.
    Order { order: Order, by: Source },
    /// From the cycle, in its order.
    Rt(RtEvent),
    /// The curve of the capture that job `capture` ([`cellwright_model::job::RtOp::CaptureStart`]) began.
    Curve { capture: JobId, curve: Arc<Curve> },
    /// Ends a cobot request.
    Robot { id: RequestId, reply: RobotReply },
    /// Ends a request to a camera, scanner or printer.
    Device { id: RequestId, reply: DeviceReply },
    /// A person's (or automatic operator's) answer to [`Output::Ask`].
    /// `reason`: why, in the person's words; kept with the answer.
    Answer { id: RequestId, answer: String, reason: Option<String>, by: Source },
    /// The transaction is durable.
    Persisted(Ticket),
    /// The store can no longer (or can again) be written: no new unit, the cell holds.
    Store { writable: bool, cause: String },
    /// A time asked for by [`Output::Timer`] has come.
    Timer(TimerId),
    /// New machine snapshot: conditions, invariants, safety inputs and rest are looked at again.
    /// Expected at least every 5 ms.
    Tick,
    /// The segment came up: serial numbers of its SubDevices (object 0x1018, sub-index 4) by position; 0: it has none.
    Segment(Vec<u32>),
    /// A fault that does not come through the cycle (bring-up, a device's connection, the controller).
    MachineFault(MachineFault),
    /// A person has loaded a tray or lane, put an empty tray for units, or emptied a bin. `next`: first
    /// pocket to be used, when it begins anew (a lane: it was emptied before). `left`: how many parts of what
    /// was there before are left, counted by the person; they are used first.
    MaterialLoaded { tray: TrayId, label: Label, next: Option<u32>, left: Option<u32>, by: Source },
    /// The day by the wall clock, UTC: at the beginning, and whenever it changes.
    Today(Date),
    /// The list of quarantined lots as it was read just now, or why it cannot be read. Given before each
    /// load.
    Quarantine(Result<Vec<Quarantined>, String>),
    /// A person has seen the alarm.
    Acknowledge { alarm: u32, by: Source },
    /// A person has seen every alarm that is active.
    AcknowledgeAll { by: Source },
    /// Where branches wait for a person; taken in mode Maintenance only.
    Break { request: BreakRequest, by: Source },
    /// Something done by hand; taken in mode Manual, in Stopped only.
    Manual { request: ManualRequest, by: Source },
    /// Someone asked for what the caller refuses by itself (a name that the cell does not have, no right to
    /// ask): nothing is done, and it is answered and recorded.
    Refused { what: String, why: String, by: Source },
}

/// Breaks: where branches wait in their gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BreakRequest {
    /// Before these steps of the order's Plan, besides those that there are.
    Before(Vec<String>),
    /// Before every step.
    EveryStep,
    /// Nowhere any more; what stands at a break goes on.
    Clear,
    /// What stands at a break goes on, to the next one.
    Next,
}

/// What a person does by hand. What moves belongs to the one ([`Source`]) that began it: only they
/// renew it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ManualRequest {
    /// Begins to move an axis towards an end of its travel, at `share` (above 0, up to 1) of the reduced
    /// speed of the cell file. It goes on for [`crate::JOG_WINDOW`], and as long as it is renewed.
    Jog { axis: AxisId, positive: bool, share: f64 },
    /// The key is still held. Not answered; where this person moves nothing, nothing happens.
    Renew,
    /// The key was let go: jerk-limited to rest. Not answered.
    Release,
    /// The person's client is gone: to rest, and the drives off that were switched on for it. Not answered.
    Leave,
    /// Writes an output that is not the panel's. What is out of its off state goes there when the mode ends.
    Output { output: OutputId, on: bool },
    /// Opens or closes a gripper.
    Grip { robot: RobotId, close: bool },
    /// Begins to bring a cobot to its pose `home`, at the reduced speed of the cell file. It goes on for
    /// [`crate::JOG_WINDOW`], and as long as it is renewed.
    Home { robot: RobotId },
}

/// Answer of a camera, scanner or printer.
#[derive(Debug, Clone, PartialEq)]
pub enum DeviceReply {
    /// Values of an inspection job; units as the device states them.
    Inspected(Vec<DeviceValue>),
    /// A code was read: AI (01), (10), (17) as `YYYY-MM-DD`, (21).
    Scanned {
        text: String,
        gtin: Option<String>,
        lot: Option<String>,
        expiry: Option<String>,
        serial: Option<String>,
    },
    /// The device works and found no readable code: the part's fault.
    NoRead,
    /// A code was read that is no right element string: why.
    BadCode { cause: String },
    /// The printer has printed the label.
    Printed,
    /// The printer has taken nothing of the label: why.
    NotPrinted { cause: String },
    /// The device could not: not connected, no answer in time, an answer that is none.
    Failed { cause: String },
}

/// A named value with its unit (`um`, `mm` ...).
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceValue {
    pub name: String,
    pub value: f64,
    pub unit: String,
}

/// A fault of the machine in words (house rule 4: object, value and limit belong into `cause`). Made by
/// [`AlarmCode::fault`], so that the catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineFault {
    pub class: AlarmClass,
    pub code: AlarmCode,
    pub cause: String,
    pub place: String,
    /// What is done at the machine before any command helps.
    pub first: &'static str,
}

/// Something the engine wants done.
#[derive(Debug, Clone)]
pub enum Output {
    /// Into the command ring. If the ring is full, answer with `RtEventKind::Refused` for its job.
    Rt(RtCommand),
    /// Into the latest-value buffer of the urgent word, before any command that follows in the list.
    Urgent(Urgent),
    /// Bring the segment up again (Clearing, when it is not operational). Success shows in
    /// `RtStatus::bus`, failure comes back as [`Input::MachineFault`].
    BringUp,
    Robot {
        robot: RobotId,
        request: RobotRequest,
    },
    Inspect {
        camera: CameraId,
        id: RequestId,
        unit: UnitId,
        job: String,
        version: u32,
    },
    Scan {
        scanner: ScannerId,
        id: RequestId,
        unit: UnitId,
    },
    /// The label is printed and put on the unit.
    Print {
        printer: PrinterId,
        id: RequestId,
        unit: UnitId,
        label: UnitLabel,
    },
    /// A person is asked.
    Ask(Question),
    /// The answer to a device request or question is no longer wanted; a late one is ignored.
    Withdraw {
        id: RequestId,
    },
    /// Hand [`Input::Timer`] back at `at` or later.
    Timer {
        id: TimerId,
        at: TimeNs,
    },
    /// One transaction of the record; hand [`Input::Persisted`] back when it is durable.
    Persist(Transaction),
    /// An alarm was raised, acknowledged or cleared. Shown at once: it must reach a person even when
    /// the store does not work; its record travels in a transaction.
    Alarm(Alarm),
    /// Answers a command, mode change, order, answer or acknowledgement. `ticket`: its record.
    Answered {
        request: Answered,
        by: Source,
        result: Result<(), String>,
        ticket: Ticket,
    },
}

/// What [`Output::Answered`] answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    Command(CellCommand),
    Mode(CellMode),
    Order(String),
    Question(RequestId),
    Material(TrayId),
    Alarm(u32),
    Alarms,
    /// In words: `jog press_z +`.
    Manual(String),
    /// [`Input::Refused`].
    Other(String),
}

impl core::fmt::Display for Answered {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Answered::Command(command) => f.write_str(command.name()),
            Answered::Mode(mode) => write!(f, "mode {}", mode.name()),
            Answered::Order(id) => write!(f, "order {id}"),
            Answered::Question(id) => write!(f, "answer to question {}", id.0),
            Answered::Material(tray) => write!(f, "material of tray {}", tray.0),
            Answered::Alarm(id) => write!(f, "acknowledgement of alarm {id}"),
            Answered::Alarms => f.write_str("acknowledgement of all alarms"),
            Answered::Manual(what) => f.write_str(what),
            Answered::Other(what) => f.write_str(what),
        }
    }
}

/// A question to a person. Unanswered, it waits; the step's timeout withdraws it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub id: RequestId,
    pub kind: QuestionKind,
    pub unit: Option<UnitId>,
    pub serial: Option<String>,
    pub step: Option<StepIx>,
    /// A tray that is used up (empty source, full good tray) is the reason: load it
    /// ([`Input::MaterialLoaded`] with `next: Some(0)`), then answer `retry`.
    pub tray: Option<TrayId>,
    /// Places that a person is asked to empty; of a decision: where the unit and its parts are or may be, to be
    /// emptied if it is removed by hand.
    pub places: Vec<Location>,
    /// From where to where a person is asked to carry a part or the unit, by a step of the recipe.
    pub carry: Option<(Location, Location)>,
    pub prompt: String,
    /// One of these is the answer; anything else is rejected.
    pub answers: Vec<String>,
}

/// Why a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuestionKind {
    /// The recipe asks (`confirm`).
    Recipe,
    /// The machine could not: what becomes of the unit (house term `on_fault: ask`).
    Decision,
    /// Parts are left in the cell that the next unit would meet.
    Reconcile,
    /// A SubDevice is another one of its type than before.
    Identity,
}

/// An alarm: raised once for a cause and place while it is active, not again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Counts up from 1 in the life of a controller.
    pub id: u32,
    pub class: AlarmClass,
    pub code: AlarmCode,
    pub cause: String,
    pub place: String,
    /// What a person does, in order: `acts` as a sentence.
    pub remedy: String,
    pub acts: Vec<Act>,
    /// Nothing that was active explains it: look here first.
    pub first_out: bool,
    /// The first-out alarm that it follows from.
    pub follows: Option<u32>,
    pub raised: TimeNs,
    pub acknowledged: Option<TimeNs>,
    /// Who acknowledged it, and from where.
    pub acknowledged_by: Option<Source>,
    pub cleared: Option<TimeNs>,
    /// Raised again while it was active.
    pub repeats: u32,
    /// Alarms that followed from it, those that are not listed included.
    pub consequences: u32,
}
