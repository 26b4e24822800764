//! What the engine wants kept: domain records in transactions. The controller turns them into journal
//! entries and events, adds wall time, hashes and the context of the order.
//!
//! *Intent*: a step is about to begin. *Outcome*: how an attempt ended. All records of one transaction
//! become durable together or not at all.

use std::sync::Arc;

use cellwright_model::cell::Cell;
use cellwright_model::curve::Curve;
use cellwright_model::event::Resumed;
use cellwright_model::label::{LabelFate, UnitLabel};
use cellwright_model::material::LotShare;
use cellwright_model::outcome::{StepOutcome, UnitResult, Verdict};
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::plan::Plan;
use cellwright_model::{InputId, PrinterId, RobotId, StationId, StepIx, TimeNs, TrayId, UnitId};

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
    /// The SubDevice at this position has this serial number: seen there first, or confirmed by a person.
    SubDevice {
        position: usize,
        serial: u32,
    },
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
        /// It goes on after a restart.
        resumed: Option<Resumed>,
    },
    /// A unit that a dead controller left is not gone on with any more.
    UnitForgotten {
        serial: String,
    },
    /// A component became part of the unit.
    ComponentUsed {
        serial: String,
        component: ComponentUse,
    },
    /// An attempt of a step is about to begin. `route`: where it takes a part or the unit.
    StepIntent {
        unit: UnitId,
        serial: String,
        step: StepIx,
        attempt: u16,
        route: Option<Route>,
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
    /// Where the part is on its route is not known: the attempt was broken off.
    PartDoubt {
        route: Route,
    },
    /// A code on a part is its identity from now on, in this unit.
    PartIdentified {
        unit: String,
        part: String,
        serial: String,
    },
    /// The part is where it was recorded last: a doubt about it is settled.
    PartSettled {
        serial: String,
        part: PartRef,
    },
    /// The part is no longer followed by itself: it is in a unit that is followed as a whole.
    PartJoined {
        serial: String,
        part: PartRef,
    },
    /// The parts of the unit are no longer followed by themselves: they went with it.
    TogetherMoved {
        serial: String,
    },
    /// Whatever lay in the tray or bin has left the cell with it.
    TrayEmptied {
        tray: TrayId,
    },
    /// The next pocket of a tray, or the next part of a lane, counted from 0.
    TrayCursor {
        tray: TrayId,
        next: u32,
    },
    /// Another tray is there, and this is its next pocket: nothing was taken by that.
    TrayBegun {
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
    /// Of a step that prints one.
    pub label: Option<Labelled>,
    /// Components of the unit as known now.
    pub components: Vec<ComponentUse>,
    /// Places in `Cell::equipment`.
    pub equipment: Vec<usize>,
}

/// A label that an attempt has asked a printer for, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    pub printer: PrinterId,
    pub content: UnitLabel,
    pub fate: LabelFate,
    /// Labels that have, or may have, been printed for this unit so far, this one included.
    pub printed: u32,
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

/// Where a step takes a part, place by place. Each change of place is recorded before the next one begins, so
/// that of a step which was broken off at most one is not recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub serial: String,
    pub part: PartRef,
    /// From its source to where it is put.
    pub places: Vec<Location>,
    /// The input that sees it at the last place, and the station at which that looks.
    pub seen_by: Option<(InputId, StationId)>,
}

impl PartRef {
    /// The part's name in the record: `serial/component`, or the serial of the unit.
    pub fn id(&self, serial: &str) -> String {
        match self {
            PartRef::Component(name) => format!("{serial}/{name}"),
            PartRef::Unit => serial.to_owned(),
        }
    }

    /// Serial and part of such a name. A serial holds `/` only if the cell's prefix does.
    pub fn read(id: &str, prefix: &str) -> (String, PartRef) {
        let begin = if id.starts_with(prefix) { prefix.len() } else { 0 };
        match id[begin..].split_once('/') {
            Some((rest, name)) => (id[..begin + rest.len()].into(), PartRef::Component(name.into())),
            None => (id.into(), PartRef::Unit),
        }
    }
}

impl Location {
    /// `hub_tray/7`, `robot_r`, `nest/0`, `reject_bin`, `hand`.
    pub fn word(&self, cell: &Cell) -> String {
        let tray = |id: &TrayId| cell.trays.get(id.index()).map_or("?", |t| t.name.as_str());
        match self {
            Location::Tray { tray: id, pocket } => format!("{}/{pocket}", tray(id)),
            Location::Gripper(robot) => {
                cell.robots.get(robot.index()).map_or("?", |r| r.name.as_str()).to_owned()
            }
            Location::Nest(n) => format!("nest/{n}"),
            Location::Bin(id) => tray(id).to_owned(),
            Location::Hand => "hand".to_owned(),
        }
    }

    /// The tray or bin that it is in.
    pub fn tray(&self) -> Option<TrayId> {
        match self {
            Location::Tray { tray, .. } | Location::Bin(tray) => Some(*tray),
            _ => None,
        }
    }

    /// The place of a word. `None`: the cell has no such place (any more).
    pub fn read(word: &str, cell: &Cell) -> Option<Location> {
        if word == "hand" {
            return Some(Location::Hand);
        }
        if let Some((name, n)) = word.split_once('/') {
            let n = n.parse::<u32>().ok()?;
            return match name {
                "nest" => u16::try_from(n).ok().map(Location::Nest),
                name => cell.tray(name).map(|tray| Location::Tray { tray, pocket: n }),
            };
        }
        cell.tray(word).map(Location::Bin).or_else(|| cell.robot(word).map(Location::Gripper))
    }
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
