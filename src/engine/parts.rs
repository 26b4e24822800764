//! Where parts come from and where they are: tray cursors, lots, and what is left in the cell.

use std::collections::BTreeMap;

use cellwright_model::cell::{Cell, TrayKind};
use cellwright_model::plan::Component;
use cellwright_model::{RobotId, TrayId};

use crate::record::{Location, PartRef};

/// What is known of one tray or lane.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrayState {
    /// First pocket that has not been used, or the count of parts taken from a lane.
    pub next: u32,
    pub part: Option<String>,
    pub lot: Option<String>,
}

/// A part or unit that the next unit would meet: something a person has to take out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    pub serial: String,
    pub part: PartRef,
    pub at: Location,
}

/// All trays, and what is left in nests and grippers.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) trays: Vec<TrayState>,
    pub(crate) leftovers: Vec<Leftover>,
    /// The pocket over which each cobot last was.
    pub(crate) last_pocket: BTreeMap<RobotId, (TrayId, u32)>,
}

impl Parts {
    pub(crate) fn new(cell: &Cell, known: &[(TrayId, TrayState)], leftovers: Vec<Leftover>) -> Parts {
        let mut trays: Vec<TrayState> =
            cell.trays.iter().map(|t| TrayState { next: 0, part: t.part.clone(), lot: None }).collect();
        for (id, state) in known {
            if let Some(tray) = trays.get_mut(id.index()) {
                *tray = state.clone();
            }
        }
        Parts { trays, leftovers, last_pocket: BTreeMap::new() }
    }

    /// The pocket that is next; a bin has one for ever. `None`: empty, full, or no such tray.
    pub(crate) fn pocket(&self, cell: &Cell, tray: TrayId) -> Option<u32> {
        let (kind, next) = (cell.trays.get(tray.index())?, self.trays.get(tray.index())?.next);
        match kind.kind {
            TrayKind::Reject => Some(0),
            TrayKind::Lane => Some(next),
            TrayKind::Source | TrayKind::Good => (next < kind.pockets()).then_some(next),
        }
    }

    /// The cursor moves on; its new value.
    pub(crate) fn advance(&mut self, tray: TrayId) -> u32 {
        match self.trays.get_mut(tray.index()) {
            Some(t) => {
                t.next = t.next.saturating_add(1);
                t.next
            }
            None => 0,
        }
    }

    /// Lot of a component taken from a tray. Errors: the cause in a word.
    pub(crate) fn lot_of(&self, component: &Component, tray: TrayId) -> Result<Option<String>, String> {
        let Some(state) = self.trays.get(tray.index()) else { return Err("unknown-tray".into()) };
        match &state.part {
            Some(part) if *part != component.part => {
                Err(format!("wrong-part: {part} where {} is asked for", component.part))
            }
            _ => Ok(state.lot.clone()),
        }
    }
}
