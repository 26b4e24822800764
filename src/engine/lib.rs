//! The engine: a Plan and what happens in the machine become commands and records.
//!
//! It is pure: no I/O, no clock (time is an argument), no randomness; equal inputs give equal outputs.
//! *Cell chart*: PackML (ISA-TR88.00.02-2022). *Branch chart*: one machine for each active path of a
//! unit; the recipe's graph is data beside it. *Gate*: where a branch waits for its turn. *Attempt*: one
//! run of a step; every one is recorded.
//!
//! ```text
//! Input -> engine (take) -> core (commands, faults, acting states) -> unit -> branch (chart)
//!                                                                      -> step -> ops, messages, judge
//!          ledger: what is under way outside, under which id      resources, parts: who holds what, what is where
//! ```

mod acting;
mod alarms;
pub mod api;
mod bins;
mod branch;
pub mod branch_chart;
mod breaks;
pub mod catalogue;
pub mod cell_chart;
mod conditions;
mod core;
pub mod draw;
mod engine;
mod identity;
pub mod judge;
mod labels;
mod ledger;
mod manual;
mod material;
mod messages;
pub mod modes;
mod ops;
mod order;
mod panel;
mod parts;
mod presence;
mod production;
mod reconcile;
pub mod record;
mod resources;
mod resume;
mod route;
mod sequencer;
mod status;
mod step;
mod supply;
mod table;
mod unit;
mod validate;
mod watch;
mod zeroing;
mod zones;

pub use api::{
    Alarm, Answered, BreakRequest, DeviceReply, DeviceValue, Input, Machine, MachineFault, ManualRequest,
    Order, Output, Question, QuestionKind, Source, Ticket, TimerId, Work,
};
pub use branch::{ABORT, REJECT, REMOVE, RETRY};
pub use engine::{Engine, EngineConfig, EngineError};
pub use identity::CONFIRM;
pub use manual::{JOG_WINDOW, ManualStatus};
pub use modes::mask;
pub use parts::{Doubt, Leftover, TrayState, journalled};
pub use reconcile::REMOVED;
pub use resume::{How, LeftUnit, Point, RESTART, RESUME};
pub use status::{BranchStatus, OrderStatus, Status, UnitStatus};
