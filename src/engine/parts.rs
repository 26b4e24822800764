//! Where parts come from and where they are: tray cursors, lots, and what is left in the cell.

use std::collections::BTreeMap;

use cellwright_model::cell::{Cell, TrayKind};
use cellwright_model::material::LotShare;
use cellwright_model::{RobotId, TrayId};

use crate::material::Barred;
use crate::record::{Location, PartRef};

/// What is known of one tray or lane.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrayState {
    /// First pocket that has not been used, or the count of parts taken from a lane.
    pub next: u32,
    /// What lies in it, by lot: the first is used first. Empty: nobody has said it.
    pub lots: Vec<LotShare>,
}

impl TrayState {
    /// The share in use; `None`: there is none, or nothing is left of it.
    pub fn share(&self) -> Option<&LotShare> {
        self.lots.iter().find(|s| s.left != Some(0))
    }
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
    pub(crate) barred: Barred,
}

impl Parts {
    pub(crate) fn new(cell: &Cell, known: &[(TrayId, TrayState)], leftovers: Vec<Leftover>) -> Parts {
        let mut trays = vec![TrayState::default(); cell.trays.len()];
        for (id, state) in known {
            if let Some(tray) = trays.get_mut(id.index()) {
                *tray = state.clone();
            }
        }
        Parts { trays, leftovers, last_pocket: BTreeMap::new(), barred: Barred::default() }
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
}
