//! What a check is, and what it found.

use serde::Serialize;

use super::machine::Machine;

/// How a finding stands to a cell that shall run for months.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Grade {
    /// As it should be.
    Ok,
    /// This machine does not say.
    Unknown,
    /// Costs latency, or can.
    Warn,
    /// No cell should be run on this.
    Fail,
}

impl Grade {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Grade::Ok => "ok",
            Grade::Unknown => "?",
            Grade::Warn => "warn",
            Grade::Fail => "FAIL",
        }
    }
}

/// What one look saw.
pub(crate) struct Seen {
    pub(crate) grade: Grade,
    pub(crate) found: String,
}

impl Seen {
    pub(crate) fn new(grade: Grade, found: impl Into<String>) -> Seen {
        Seen { grade, found: found.into() }
    }

    pub(crate) fn ok(found: impl Into<String>) -> Seen {
        Seen::new(Grade::Ok, found)
    }

    pub(crate) fn warn(found: impl Into<String>) -> Seen {
        Seen::new(Grade::Warn, found)
    }

    pub(crate) fn fail(found: impl Into<String>) -> Seen {
        Seen::new(Grade::Fail, found)
    }

    pub(crate) fn unknown(found: impl Into<String>) -> Seen {
        Seen::new(Grade::Unknown, found)
    }
}

/// One thing that is looked at.
pub(crate) struct Check {
    /// Its name, stable for programs.
    pub(crate) name: &'static str,
    /// What it costs if it is not as it should be.
    pub(crate) why: &'static str,
    pub(crate) remedy: &'static str,
    pub(crate) look: fn(&Machine) -> Seen,
}

/// What a person or a program is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) subject: &'static str,
    pub(crate) check: &'static str,
    pub(crate) grade: Grade,
    pub(crate) found: String,
    pub(crate) why: &'static str,
    pub(crate) remedy: &'static str,
}

impl Check {
    pub(crate) fn on(&self, subject: &'static str, machine: &Machine) -> Finding {
        let Seen { grade, found } = (self.look)(machine);
        Finding { subject, check: self.name, grade, found, why: self.why, remedy: self.remedy }
    }
}
