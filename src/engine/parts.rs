//! Where parts come from and where they are: tray cursors, lots, and what is left in the cell.
//!
//! A part is where it was recorded last, or it is in doubt: there, or one place further on its route. A part has one doubt at
//! most. An attempt that is broken off before the last place of its route is recorded leaves one; so does an attempt that
//! ended without having passed, for a unit and for what a person carries. (A component that a cobot or a feeder brings is
//! met at its gripper or in the nest, before anything is put there.) It is over when the part is recorded anywhere, when a
//! sensor sees it where it was, or when a person who was sent to all its places says that it is taken out. While one is
//! open, no further unit begins, and Reset does not end.

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

    /// Where it was recorded last.
    pub(crate) fn here(&self) -> Option<Location> {
        self.route.places.get(self.at).copied()
    }

    /// Where it may be as well.
    pub(crate) fn next(&self) -> Option<Location> {
        self.route.places.get(self.at + 1).copied()
    }

    /// Where it is if at neither: with whoever said that he carries it.
    pub(crate) fn else_at(&self) -> Option<Location> {
        self.route.places.get(self.at + 2).copied().filter(|at| *at == Location::Hand)
    }

    fn is_of(&self, serial: &str, part: &PartRef) -> bool {
        self.route.serial == serial && self.route.part == *part
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

    /// Serial of a unit that is left in the tray, or that is recorded there and may lie there still, or may have come
    /// there: whoever takes the tray away would take it along.
    pub(crate) fn unsettled_in(&self, tray: TrayId) -> Option<&str> {
        let left = self.leftovers.iter().map(|l| (&l.serial, Some(l.at)));
        let doubts =
            self.doubts.iter().flat_map(|d| [(&d.route.serial, d.here()), (&d.route.serial, d.next())]);
        let mut at = left.chain(doubts);
        at.find(|(_, at)| at.is_some_and(|at| at.tray() == Some(tray))).map(|(serial, _)| serial.as_str())
    }

    /// Nothing is left anywhere, and nothing in doubt.
    pub(crate) fn all_known(&self) -> bool {
        self.leftovers.is_empty() && self.doubts.is_empty()
    }

    /// This is in doubt from now on. `false`: it has been before. The first doubt about a unit stays, since what was done
    /// after it began where the unit no longer was; a new part in a component's place has a doubt of its own.
    pub(crate) fn doubt(&mut self, doubt: Doubt) -> bool {
        let known = self.doubts.iter().position(|d| d.is_of(&doubt.route.serial, &doubt.route.part));
        match known {
            Some(_) if doubt.route.part == PartRef::Unit => return false,
            Some(known) => self.doubts[known] = doubt,
            None => self.doubts.push(doubt),
        }
        true
    }

    /// A doubt about a part is over. `true`: there was one.
    pub(crate) fn forget_doubt(&mut self, serial: &str, part: &PartRef) -> bool {
        let before = self.doubts.len();
        self.doubts.retain(|d| !d.is_of(serial, part));
        self.doubts.len() < before
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
