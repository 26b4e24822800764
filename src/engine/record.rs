//! What the engine wants kept: domain records in transactions. The controller turns them into journal
//! entries and events, adds wall time, hashes and the context of the order.
//!
//! *Intent*: a step is about to begin. *Outcome*: how an attempt ended. All records of one transaction
//! become durable together or not at all.

use std::sync::Arc;

use cellwright_model::curve::Curve;
use cellwright_model::material::LotShare;
use cellwright_model::outcome::{StepOutcome, UnitResult, Verdict};
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::plan::Plan;
use cellwright_model::{RobotId, StationId, StepIx, TimeNs, TrayId, UnitId};

use crate::api::{Alarm, Source, Ticket, Work};

/// Records that become durable together.
#[derive(Debug, Clone)]
pub struct Transaction {
    pub ticket: Ticket,
    /// When it was made.
    pub at: TimeNs,
    pub records: Vec<Record>,
}

/// One fact for the record.
#[derive(Debug, Clone)]
pub enum Record {
    /// The cell changed its state; `cause` in words.
    CellState {
        from: CellState,
        to: CellState,
        mode: CellMode,
        cause: String,
    },
    /// A command, taken (`Ok`) or rejected with the reason.
    Command {
        command: CellCommand,
        by: Source,
        result: Result<(), String>,
    },
    Mode {
        mode: CellMode,
        by: Source,
        result: Result<(), String>,
    },
    Order {
        order: String,
        work: Work,
        by: Source,
        result: Result<(), String>,
    },
    /// Raised, acknowledged or cleared: see its times.
    Alarm(Alarm),
    /// Another request of a person (acknowledgement, material, an answer that was refused).
    Request {
        what: String,
        by: Source,
        result: Result<(), String>,
    },
    /// A person's answer; `prompt` as it was asked.
    Answer {
        unit: Option<UnitId>,
        serial: Option<String>,
        step: Option<StepIx>,
        prompt: String,
        answer: String,
        /// Why, in the person's words.
        reason: Option<String>,
        by: Source,
    },
    /// A unit is opened under this serial. `counter` is the serial counter from now on.
    UnitOpened {
        unit: UnitId,
        serial: String,
        counter: u64,
        order: String,
        plan: Arc<Plan>,
    },
    /// An attempt of a step is about to begin.
    StepIntent {
        unit: UnitId,
        serial: String,
        step: StepIx,
        attempt: u16,
    },
    StepOutcome(Box<StepResult>),
    /// A part or unit is somewhere else now. `verified`: a sensor saw it there.
    PartMoved {
        unit: Option<UnitId>,
        serial: String,
        part: PartRef,
        from: Location,
        to: Location,
        verified: bool,
    },
    /// The next pocket of a tray, or the next part of a lane, counted from 0.
    TrayCursor {
        tray: TrayId,
        next: u32,
    },
    /// Material was put in; `None`: an empty tray, or an emptied bin.
    Material {
        tray: TrayId,
        share: Option<LotShare>,
        by: Source,
    },
    /// What lies in a tray or lane from now on, by lot.
    TrayLots {
        tray: TrayId,
        lots: Vec<LotShare>,
    },
    /// The last word of the cell on a unit.
    UnitClosed(Box<UnitSummary>),
}

/// How one attempt of a step ended.
#[derive(Debug, Clone)]
pub struct StepResult {
    pub unit: UnitId,
    pub serial: String,
    pub plan: Arc<Plan>,
    pub step: StepIx,
    /// From 1.
    pub attempt: u16,
    /// Where the unit's nest stood.
    pub station: Option<StationId>,
    /// When its operations began (or would have).
    pub start: TimeNs,
    pub end: TimeNs,
    pub outcome: StepOutcome,
    /// Why it did not pass: a measurement's name or a cause word (`force-trip`); `None` when passed.
    pub cause: Option<String>,
    /// Who answered within the step.
    pub operator: Option<String>,
    pub measurements: Vec<Measured>,
    pub curves: Vec<NamedCurve>,
    /// Components of the unit as known now.
    pub components: Vec<ComponentUse>,
    /// Places in `Cell::equipment`.
    pub equipment: Vec<usize>,
}

/// A judged value. The value is the one that was judged: rounded to its resolution first.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    pub name: String,
    /// `None`: nothing that could be measured (verdict invalid).
    pub value: Option<f64>,
    pub unit: String,
    pub lo: f64,
    pub hi: f64,
    pub verdict: Verdict,
    pub spec: Option<String>,
    pub spc: bool,
}

/// A curve of a step under its name.
#[derive(Debug, Clone)]
pub struct NamedCurve {
    pub name: String,
    pub curve: Arc<Curve>,
}

/// A component that became part of the unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentUse {
    pub name: String,
    pub part: String,
    pub lot: Option<String>,
    pub serial: Option<String>,
}

/// A part in terms of its unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartRef {
    /// By its name in the recipe.
    Component(String),
    /// The unit with everything in it.
    Unit,
}

/// Where a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// In a pocket, counted row by row from 0; for a lane the count of its parts.
    Tray {
        tray: TrayId,
        pocket: u32,
    },
    Gripper(RobotId),
    /// In a nest of the table.
    Nest(u16),
    Bin(TrayId),
    /// Taken out by a person.
    Hand,
}

/// The last word of the cell on a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitSummary {
    pub unit: UnitId,
    pub serial: String,
    pub order: String,
    pub result: UnitResult,
    /// `<step>/<measurement or cause>` when it is not good.
    pub cause: Option<String>,
    /// Some step needed more than one attempt.
    pub retested: bool,
    pub components: Vec<ComponentUse>,
    /// Attempts that were recorded.
    pub attempts: u32,
}
