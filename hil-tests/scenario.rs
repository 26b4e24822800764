//! Scenario files: given a cell and an order, when this happens do that, then expect. One source for every
//! bench: a file names the machine and what is done to it, never how a bench does it.
//!
//! The runner here is in process and in virtual time; the auditors of motion and states look on.

mod read;
mod run;

use cellwright_model::material::Label;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::{DurationNs, TrayId};
use cellwright_twin::plant::Injection;

pub use read::read;
pub use run::run;

/// A scenario, checked against its cell.
#[derive(Debug)]
pub struct Scenario {
    pub given: Given,
    pub when: Vec<When>,
    pub expect: Expect,
}

/// What is there at the beginning.
#[derive(Debug)]
pub struct Given {
    pub units: u32,
    pub seed: u64,
    pub operator: Operator,
    /// In place of what the plant has.
    pub material: Vec<Load>,
    /// Share of grips that miss, of one.
    pub miss: Option<f64>,
}

/// Who brings the cell into Execute and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// The automatic one; what the scenario answers itself is left to it.
    Automatic,
    /// Only what the scenario does.
    Scripted,
}

/// Material of a tray or lane.
#[derive(Debug, Clone)]
pub struct Load {
    pub tray: TrayId,
    /// As scanned or typed.
    pub label: Label,
    pub next: Option<u32>,
    /// Parts of what was there before.
    pub left: Option<u32>,
}

/// One entry: waits for its moment, after the entry before it; then acts.
#[derive(Debug)]
pub struct When {
    /// `file:line:column`, for what is said when it does not come.
    pub place: String,
    pub at: Moment,
    pub within: DurationNs,
    pub acts: Vec<Act>,
    /// From the cycle in which the controller takes the acts: every axis that moves decelerates.
    pub decelerates_within: Option<u64>,
}

/// What is waited for.
#[derive(Debug, Clone)]
pub enum Moment {
    Now,
    Cycle(u64),
    Time(DurationNs),
    State(CellState),
    /// A step is in a phase of its branch (`gate`, `preparing`, `running`, …).
    Step {
        step: String,
        phase: String,
    },
    /// A step has ended.
    Ended(String),
    Alarm(String),
    /// Of this kind: `recipe`, `decision`, `reconcile`, `identity`.
    Question(String),
}

/// What is done.
#[derive(Debug, Clone)]
pub enum Act {
    Command(CellCommand),
    /// The youngest open question.
    Answer(String),
    AcknowledgeAll,
    Load(Load),
    Order(u32),
    Wait(DurationNs),
    Machine(Injection),
    Supply {
        position: usize,
        on: bool,
    },
    Store {
        refuses: bool,
    },
    Controller {
        killed: bool,
    },
}

/// What must be so at the end.
#[derive(Debug, Default)]
pub struct Expect {
    pub state: Option<(String, CellState)>,
    pub within: DurationNs,
    /// Every alarm that was raised, by its code, and no other.
    pub alarms: Option<Vec<(String, ExpectedAlarm)>>,
    /// Place, then good, ng, interrupted.
    pub units: Option<(String, [usize; 3])>,
    pub steps: Vec<(String, ExpectedStep)>,
    /// A place of the machine and what is truly in it.
    pub parts: Vec<(String, String, String)>,
    /// A tray, lane or bin and how many parts it truly gave or took.
    pub counts: Vec<(String, String, u32)>,
}

/// One alarm.
#[derive(Debug)]
pub struct ExpectedAlarm {
    pub code: String,
    pub first_out: Option<bool>,
    pub at: Option<String>,
}

/// The outcome of a step.
#[derive(Debug)]
pub struct ExpectedStep {
    pub step: String,
    pub outcome: String,
    pub cause: Option<String>,
}
