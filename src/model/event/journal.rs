//! What is made durable together with events: where a restarted controller picks up.
//!
//! An *intent* says that a step is about to begin; the step's outcome closes it. A unit that is open
//! at a restart is interrupted, and its open intents are the steps that were under way.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Component, Context, Curve, EventDraft, Stamp, UnitContext};
use crate::material::LotShare;
use crate::order::{OrderProgress, OrderTerms};
use crate::outcome::UnitResult;

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JournalEntry {
    /// A unit was opened, with all that an event about its interruption needs.
    /// `resumes`: it goes on where an earlier opening was interrupted, with what is known of it.
    UnitOpened {
        context: Arc<Context>,
        unit: Arc<UnitContext>,
        time: Stamp,
        #[serde(default)]
        resumes: bool,
    },
    /// The unit is about to be closed because the controller died, and lies in the cell. What is known of it is kept
    /// until a part of it is taken out, or it is opened again.
    UnitLeft { serial: String },
    /// It is not gone on with, whoever takes it out when.
    UnitForgotten { serial: String },
    /// A component became part of the unit; the outcome of its step says so, too, but later.
    ComponentUsed { serial: String, component: Component },
    /// An attempt of a step is about to begin. A step-outcome event of the same serial, `n` and
    /// attempt closes it; so does the end of the unit.
    StepIntent {
        serial: String,
        step: String,
        n: u32,
        attempt: u32,
        station: Option<String>,
        time: Stamp,
        #[serde(default)]
        route: Option<Route>,
    },
    /// The unit came to its end. A unit-result event of that serial says the same.
    UnitClosed { serial: String, result: UnitResult },
    /// An order file was taken. Its terms are those it was begun with, but for the due date.
    OrderTaken { terms: Arc<OrderTerms> },
    /// How far an order is that was taken; it never goes back.
    OrderProgress { order: String, progress: OrderProgress },
    /// The next serial takes this number; it never goes back.
    SerialCounter(u64),
    /// The next pick from (or place into) a tray uses this pocket.
    TrayCursor { tray: String, pocket: u32 },
    /// How many parts a tray or lane gave or took so far, exchanged ones included.
    PickCount { tray: String, picks: u64 },
    /// What lies in a tray or lane, by lot.
    TrayLots { tray: String, lots: Vec<LotShare> },
    /// A part is now there; see [`super::PartMoved`].
    PartMoved { part: String, from: String, to: String, verified: bool },
    /// A part is no longer followed: it left the cell, or is part of a unit that is followed as a whole. Settles
    /// a doubt about it, as a move does.
    PartLeft { part: String },
    /// The serial on a part (of this part number) is that of a part in this unit. The last
    /// [`crate::limits::IDENTITIES_MAX`] are kept.
    PartIdentified { part: String, serial: String, unit: String },
    /// The parts of a unit (`serial/…`) are followed with it from now on.
    PartsJoined { serial: String },
    /// The step that moved the part was broken off: it is at the place of the route where it was recorded
    /// last, or at the next one.
    PartDoubt { route: Route },
    /// It is where it was recorded last.
    PartSettled { part: String },
    /// Whatever lay in the tray or bin has left the cell.
    TrayEmptied { tray: String },
    /// The SubDevice of this name has this serial number from now on.
    SubDevice { name: String, serial: u32 },
}

/// Where a step takes a part, place by place; the names are those of [`super::PartMoved`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub part: String,
    pub places: Vec<String>,
    /// The input that sees it at the last place, and the station at which that looks.
    pub seen_by: Option<(String, String)>,
}

/// What is made durable at once, all or nothing.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// Comes back when the transaction is durable.
    pub ticket: u64,
    pub journal: Vec<JournalEntry>,
    pub events: Vec<EventDraft>,
    /// Curves that the events refer to.
    pub curves: Vec<Arc<Curve>>,
}
