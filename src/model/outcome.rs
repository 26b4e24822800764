//! How a measurement is judged, how a step ends, what the cell says of a unit (DESIGN words).

use serde::{Deserialize, Serialize};

/// Judges a measurement. `Invalid`: the sensor or the curve is not trusted; never a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Pass,
    Marginal,
    Fail,
    Invalid,
}

/// Ends a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    Passed,
    Failed,
    Faulted,
    TimedOut,
    Aborted,
    Interrupted,
    /// Its `when:` did not hold: nothing was done.
    Skipped,
}

/// What the cell says of a unit; disposition and release are decided by people later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitResult {
    Good,
    Ng,
    Interrupted,
}

/// Where an event comes from; a production store refuses `Twin` (house rule 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    Real,
    Twin,
}

impl Origin {
    /// The word written into records.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Real => "real",
            Origin::Twin => "twin",
        }
    }
}

/// Why the unit was made (house rule 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    Production,
    Validation,
    Trial,
    Challenge,
    Rework,
    Simulation,
}

/// Class of a machine fault: what the cell does about it (house rule 4). Ordered by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultClass {
    RejectPart,
    Hold,
    Stop,
    Abort,
}

impl Purpose {
    /// The word written into records.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Production => "production",
            Purpose::Validation => "validation",
            Purpose::Trial => "trial",
            Purpose::Challenge => "challenge",
            Purpose::Rework => "rework",
            Purpose::Simulation => "simulation",
        }
    }
}

impl StepOutcome {
    /// The word written into records.
    pub fn as_str(self) -> &'static str {
        match self {
            StepOutcome::Passed => "passed",
            StepOutcome::Failed => "failed",
            StepOutcome::Faulted => "faulted",
            StepOutcome::TimedOut => "timed-out",
            StepOutcome::Aborted => "aborted",
            StepOutcome::Interrupted => "interrupted",
            StepOutcome::Skipped => "skipped",
        }
    }
}

impl UnitResult {
    /// The word written into records.
    pub fn as_str(self) -> &'static str {
        match self {
            UnitResult::Good => "good",
            UnitResult::Ng => "ng",
            UnitResult::Interrupted => "interrupted",
        }
    }
}
