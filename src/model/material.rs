//! Material: what the label on a box of parts says, what lies in a tray by lot, and what is barred.
//!
//! *Lot share*: the parts of one lot in a tray or lane, used before those of the next share.

use serde::{Deserialize, Serialize};

use crate::Date;

/// Shares that one tray or lane holds at most: one in use, and what was poured onto it; a further one is
/// refused until the first is used up.
pub const LOT_SHARES_MAX: usize = 8;
/// Entries of a quarantine list; a longer one is refused.
pub const QUARANTINED_MAX: usize = 10_000;

/// What a person says of the material that they put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// A GS1 element string as scanned: with FNC1 as U+001D, or in the bracketed form that is printed
    /// below a symbol; see [`crate::gs1`].
    Scanned(String),
    /// Typed from a label that has no code.
    Typed { part: String, lot: String, expiry: Option<String>, quantity: Option<u32> },
    /// No material: an empty tray for units, or a bin that was emptied.
    Empty,
}

/// The parts of one lot in a tray or lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotShare {
    /// Part number.
    pub part: String,
    pub lot: String,
    /// The last day on which it may be used.
    pub expiry: Option<Date>,
    /// Parts that are left of it; `None`: not counted, it lasts until other material is loaded.
    pub left: Option<u32>,
}

/// A lot that must not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Part number; `None`: the lot of any part.
    pub part: Option<String>,
    pub lot: String,
    /// In words, as the list has it.
    pub reason: String,
}

impl Quarantined {
    /// Whether it bars this lot.
    pub fn bars(&self, part: &str, lot: &str) -> bool {
        self.lot == lot && self.part.as_deref().is_none_or(|p| p == part)
    }
}

impl core::fmt::Display for Label {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            // A separator is no printable character.
            Label::Scanned(text) => f.write_str(&text.replace(crate::gs1::FNC1, " ")),
            Label::Typed { part, lot, .. } => write!(f, "{part} lot {lot}"),
            Label::Empty => f.write_str("empty"),
        }
    }
}
