//! Auditors: they look at a cell in virtual time from outside, each cycle, and say what may not be.
//!
//! They share no judgement with what they look at: limits come from the cell description, what a drive
//! was told is read in its twin below the wire, transitions are held against the published table.

mod book;
pub mod motion;
pub mod places;
pub mod states;
pub mod zones;

use cellwright_model::TimeNs;
use cellwright_model::zone::Zone;

use crate::{Told, VirtualCell};

pub use motion::MotionAuditor;
pub use places::{PlacesAuditor, Seen};
pub use states::StateAuditor;
pub use zones::ZoneAuditor;

/// Findings that are kept; the first ones tell the story.
const FINDINGS_MAX: usize = 20;

/// Something that may not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub at: TimeNs,
    pub what: String,
}

impl core::fmt::Display for Finding {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:.3} s: {}", self.at.0 as f64 / 1e9, self.what)
    }
}

/// What an auditor has found; beyond [`FINDINGS_MAX`] only counted.
#[derive(Debug, Default)]
pub struct Findings {
    kept: Vec<Finding>,
    dropped: usize,
}

impl Findings {
    pub(crate) fn add(&mut self, at: TimeNs, what: impl FnOnce() -> String) {
        if self.kept.len() < FINDINGS_MAX {
            self.kept.push(Finding { at, what: what() });
        } else {
            self.dropped += 1;
        }
    }

    /// Kept and only counted ones.
    pub fn count(&self) -> usize {
        self.kept.len() + self.dropped
    }

    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.kept.iter()
    }
}

/// Motion, states, places and zones together.
pub struct Auditors {
    motion: MotionAuditor,
    places: PlacesAuditor,
    states: StateAuditor,
    zones: ZoneAuditor,
    findings: Findings,
}

impl Auditors {
    /// Auditors of a cell at power-up.
    pub fn new(cell: &VirtualCell) -> Auditors {
        Auditors {
            motion: MotionAuditor::new(cell.cell(), cell.plan()),
            places: PlacesAuditor::new(cell),
            states: StateAuditor::default(),
            zones: ZoneAuditor::new(cell.cell().zones.clone()),
            findings: Findings::default(),
        }
    }

    /// The same with zones that the controller need not know.
    pub fn with_zones(cell: &VirtualCell, zones: Vec<Zone>) -> Auditors {
        Auditors { zones: ZoneAuditor::new(zones), ..Auditors::new(cell) }
    }

    /// To be called after every [`VirtualCell::tick`], with what it told.
    pub fn look(&mut self, cell: &VirtualCell, told: &Told) {
        self.motion.look(cell, &mut self.findings);
        self.states.look(cell, told, &mut self.findings);
        self.places.look(cell, told, &mut self.findings);
        self.zones.look(cell, &mut self.findings);
    }

    /// A test lets a gripper lose what it holds: until the next reset, that something falls is no finding.
    pub fn expect_fall(&mut self) {
        self.places.expect_fall();
    }

    /// At the end, when the cell rests: what is still open has no end.
    pub fn end(&mut self, cell: &VirtualCell) {
        self.states.end(cell, &mut self.findings);
    }

    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// What was seen of places and parts.
    pub fn seen(&self) -> Seen {
        self.places.seen()
    }

    /// Cycles in which a body was in a zone.
    pub fn zone_visits(&self) -> u64 {
        self.zones.visits()
    }

    /// Units that were opened and ended: good, ng, interrupted.
    pub fn ended(&self) -> [usize; 3] {
        self.states.ended()
    }
}
