//! Where parts come from and where they are: tray cursors, lots, and what is left in the cell.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cellwright_model::cell::{Cell, TrayKind};
use cellwright_model::event;
use cellwright_model::limits::IDENTITIES_MAX;
use cellwright_model::material::LotShare;
use cellwright_model::{RobotId, TrayId};

use crate::engine::EngineConfig;
use crate::material::Barred;
use crate::record::{Location, PartRef, Route};

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

/// A part whose step was broken off: it is where it was recorded last, or one place further on its route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    pub route: Route,
    /// Place of the route where it was recorded last.
    pub at: usize,
}

impl Doubt {
    /// `at`: where it was recorded last; nowhere: at the beginning of the route.
    pub(crate) fn new(route: Route, at: Option<Location>) -> Doubt {
        let at = at.and_then(|at| route.places.iter().rposition(|p| *p == at)).unwrap_or(0);
        Doubt { route, at }
    }
}

/// What the journal says of parts: leftovers, and doubts. `parts`: id and place of each; names as in the record.
/// A place that the cell does not have any more is nothing that a unit could meet.
pub fn journalled<'a>(
    cell: &Cell,
    parts: impl Iterator<Item = (&'a str, &'a str)>,
    doubts: &[event::Route],
) -> (Vec<Leftover>, Vec<Doubt>) {
    let mut recorded = BTreeMap::new();
    let mut leftovers = Vec::new();
    for (id, place) in parts {
        let Some(at) = Location::read(place, cell) else { continue };
        recorded.insert(id.to_string(), at);
        if matches!(at, Location::Nest(_) | Location::Gripper(_)) {
            let (serial, part) = PartRef::read(id, &cell.serial_prefix);
            leftovers.push(Leftover { serial, part, at });
        }
    }
    let doubt = |d: &event::Route| {
        let (serial, part) = PartRef::read(&d.part, &cell.serial_prefix);
        let places: Vec<_> = d.places.iter().filter_map(|p| Location::read(p, cell)).collect();
        let seen_by = d.seen_by.as_ref().and_then(|(i, s)| cell.input(i).zip(cell.station(s)));
        let whole = places.len() == d.places.len() && !places.is_empty();
        whole.then(|| Doubt::new(Route { serial, part, places, seen_by }, recorded.get(&d.part).copied()))
    };
    (leftovers, doubts.iter().filter_map(doubt).collect())
}

/// Serials of parts that are in units; the oldest is forgotten when [`IDENTITIES_MAX`] are known.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    /// Unit by part number and serial.
    units: BTreeMap<(String, String), String>,
    order: VecDeque<(String, String)>,
}

impl Identities {
    /// The part with this serial is in this unit. `Ok(true)`: that is new. Error: the unit that it was in
    /// before.
    pub(crate) fn take(&mut self, part: &str, serial: &str, unit: &str) -> Result<bool, String> {
        let key = (part.to_string(), serial.to_string());
        match self.units.get(&key) {
            Some(known) if known == unit => return Ok(false),
            Some(known) => return Err(known.clone()),
            None => {}
        }
        if self.order.len() >= IDENTITIES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.units.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.units.insert(key, unit.to_string());
        Ok(true)
    }
}

/// All trays, and what is left in nests and grippers.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) trays: Vec<TrayState>,
    pub(crate) leftovers: Vec<Leftover>,
    pub(crate) doubts: Vec<Doubt>,
    pub(crate) identities: Identities,
    /// Nests that nobody has seen empty, though a sensor could.
    pub(crate) unseen: BTreeSet<u16>,
    /// The pocket over which each cobot last was.
    pub(crate) last_pocket: BTreeMap<RobotId, (TrayId, u32)>,
    pub(crate) barred: Barred,
}

impl Parts {
    pub(crate) fn new(cell: &Cell, config: EngineConfig) -> Parts {
        let EngineConfig { trays: known, leftovers, doubts, identities: used, .. } = config;
        let mut identities = Identities::default();
        for (part, serial, unit) in used {
            identities.take(&part, &serial, &unit).ok();
        }
        let mut trays = vec![TrayState::default(); cell.trays.len()];
        for (id, state) in known {
            if let Some(tray) = trays.get_mut(id.index()) {
                *tray = state;
            }
        }
        let sensed = cell.stations.iter().any(|s| !s.presence.is_empty());
        let unseen = (0..crate::table::nests(cell)).filter(|_| sensed).collect();
        Parts {
            trays,
            leftovers,
            doubts,
            identities,
            unseen,
            last_pocket: BTreeMap::new(),
            barred: Barred::default(),
        }
    }

    /// The pocket that is next; a bin has one. `None`: empty, full, or no such tray.
    pub(crate) fn pocket(&self, cell: &Cell, tray: TrayId) -> Option<u32> {
        let (kind, next) = (cell.trays.get(tray.index())?, self.trays.get(tray.index())?.next);
        match kind.kind {
            TrayKind::Reject => {
                let capacity = kind.bin.and_then(|b| b.capacity);
                capacity.is_none_or(|most| next < most).then_some(0)
            }
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
