//! Where every part is: trays, lanes, grippers, nests, bins, and what a gripper does to that.
//!
//! A part is (kind, n): the n-th that its source gave, counted from 0 and on through exchanged trays. Its
//! traits follow from that alone. What holds hub, cannula and cap together is an *assembly*.

use cellwright_model::cell::{Cell, TrayKind};
use cellwright_model::label::PrinterTrouble;
use cellwright_model::limits::JOINTS;
use cellwright_model::plant::{GripperPhysics, PartKind};
use cellwright_model::robot::Joints;
use cellwright_model::serial::SerialText;
use cellwright_model::{RobotId, StationId, TrayId};

use super::balance::Count;
use super::parts::Truth;

/// Nests of a table at most; more than any index table of this size of product has.
pub const NESTS_MAX: usize = 16;
/// Cobots at most that reach into one plant.
pub const GRIPPERS_MAX: usize = 8;
/// Units in a bin that are known one by one; older ones are only counted.
pub const BIN_UNITS_MAX: usize = 256;
/// Loads of a source with another material than the one before that are known; older ones are forgotten.
const LOADS_MAX: usize = 64;
/// A nest is at a station within this angle of the table, deg.
const STATION_TOLERANCE_DEG: f64 = 0.5;

/// One part: kind and number from its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub kind: PartKind,
    pub n: u32,
}

/// What is joined in a nest, or was taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Assembly {
    pub hub: Option<u32>,
    pub cannula: Option<u32>,
    pub cap: Option<u32>,
    /// How deep the cannula sits in the hub, mm.
    pub seated_mm: f64,
    /// How far the cap has been turned on its thread, deg.
    pub cap_turned_deg: f64,
    /// A unit that came back finished, instead of parts.
    pub whole: Option<u32>,
    /// The serial on it, as whoever fetched it was told.
    pub bears: Option<SerialText>,
}

/// In a gripper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Held {
    Part(Part),
    Unit(Assembly),
}

/// A pocket of a tray.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Pocket {
    #[default]
    Empty,
    /// A part that has not been taken; it gets its number when it is.
    Fresh,
    Unit(Assembly),
    /// Filled before the plant came to be: what, it does not know.
    Earlier,
}

/// A tray, lane or bin.
#[derive(Debug, Clone, PartialEq)]
pub struct TrayState {
    /// Empty for a lane and for a bin.
    pub pockets: Vec<Pocket>,
    /// Parts that a source or lane has given, or units that a tray or bin has taken, exchanged ones included.
    pub moved: u32,
    /// The last units of a bin, the n-th at `n % BIN_UNITS_MAX`.
    pub bin: Vec<Assembly>,
    /// `moved` when a person emptied it last: a bin holds the units from this one on.
    pub emptied_at: u32,
    /// Times that a person exchanged, refilled or emptied it.
    pub exchanged: u32,
    /// Parts that lie in a bin.
    pub kept: Count,
    /// The bin is open, or not locked.
    pub open: bool,
    /// Parts that are left in a lane; `None`: it never ends.
    pub supply: Option<u32>,
    /// Which material the parts are of, in the order of their numbers.
    pub loads: Vec<Loaded>,
}

/// Material of the parts from one number on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    /// Number of the first part.
    pub from: u32,
    /// Place in the description's list of material.
    pub material: u16,
}

/// How far each tray, lane and bin was used before, by [`TrayId`]. Those beyond its end are new.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursors(pub Vec<Used>);

/// How far one was used: the tray that is there now, and all that were there before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// First pocket that has not been used. Says nothing of a lane.
    pub next: u32,
    /// Parts that a source has given, or units that a good tray or bin has taken, exchanged ones included.
    pub moved: u32,
}

/// See the module text.
#[derive(Debug, Clone, PartialEq)]
pub struct Places {
    pub nests: Vec<Assembly>,
    /// Nest that is at each station, by [`StationId`].
    pub station_nest: Vec<Option<u16>>,
    pub grippers: Vec<Option<Held>>,
    pub trays: Vec<TrayState>,
    /// Why each label printer stands, by its id.
    pub printers: Vec<Option<PrinterTrouble>>,
    /// Kind of the parts of each source, by [`TrayId`].
    pub kinds: Vec<Option<PartKind>>,
    /// Parts and units that were dropped beside everything.
    pub lost: u32,
    /// Units and parts that a person took out of nests, grippers and pockets, one by one.
    pub taken_out: u32,
    /// Parts that people brought, took (with exchanged trays and emptied bins), and that were lost.
    pub brought: Count,
    pub taken: Count,
    pub lost_parts: Count,
    /// Times a gripper or feeder found its place taken.
    pub collisions: u32,
    /// Counts every change of the fields above.
    pub changes: u64,
}

/// What a gripper is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    Nest(usize),
    Pocket(TrayId, u32),
    Bin(TrayId),
    Nothing,
}

/// What a release has set going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Released {
    InPocket,
    InBin,
    Elsewhere,
}

/// Fixed facts of the cell that places need.
#[derive(Debug)]
pub(crate) struct Layout {
    cell: Cell,
    gripper: GripperPhysics,
    /// Source of each material of the description.
    material: Vec<TrayId>,
}

impl Cursors {
    fn of(&self, tray: usize) -> Used {
        self.0.get(tray).copied().unwrap_or_default()
    }
}

impl Layout {
    pub(crate) fn new(cell: &Cell, truth: &Truth) -> Layout {
        let material = truth.description.material.iter().map(|m| m.source).collect();
        Layout { cell: cell.clone(), gripper: truth.description.grippers, material }
    }

    pub(crate) fn tray_kind(&self, tray: TrayId) -> Option<TrayKind> {
        self.cell.trays.get(tray.index()).map(|t| t.kind)
    }

    /// The material belongs into this source.
    pub(crate) fn brings(&self, material: u16, tray: TrayId) -> bool {
        self.material.get(usize::from(material)) == Some(&tray)
    }

    /// The robot that reaches a good tray.
    pub(crate) fn lays_in_good_tray(&self, robot: usize) -> bool {
        let of =
            |t: &cellwright_model::cell::Tray| t.reach.as_ref().is_some_and(|r| r.robot.index() == robot);
        self.cell.trays.iter().any(|t| t.kind == TrayKind::Good && of(t))
    }

    /// Nest at each station for an angle of the table.
    fn station_nests(&self, table_deg: f64, nests: usize, out: &mut [Option<u16>]) -> bool {
        let mut changed = false;
        let pitch = 360.0 / nests.max(1) as f64;
        for (station, at) in self.cell.stations.iter().zip(out) {
            // Nest k is here at table_au - k * pitch (model::cell::Station), on any turn.
            let offset = (station.table_au - table_deg) / pitch;
            let k = offset.round();
            let off_deg = (offset - k).abs() * pitch;
            let nest = (off_deg <= STATION_TOLERANCE_DEG).then(|| k.rem_euclid(nests.max(1) as f64) as u16);
            changed |= *at != nest;
            *at = nest;
        }
        changed
    }

    fn within_reach(&self, joints: &Joints, pose: &Joints) -> bool {
        (0..JOINTS).all(|j| (joints[j] - pose[j]).abs() <= self.gripper.reach_deg)
    }

    fn spot(&self, robot: usize, joints: &Joints, station_nest: &[Option<u16>]) -> Spot {
        let robot = RobotId(robot as u16);
        for (t, tray) in self.cell.trays.iter().enumerate() {
            if tray.reach.as_ref().is_none_or(|r| r.robot != robot) {
                continue;
            }
            let at = |n| tray.pocket_joints(n, false).is_some_and(|p| self.within_reach(joints, &p));
            if let Some(n) = (0..tray.pockets()).find(|&n| at(n)) {
                let id = TrayId(t as u16);
                return if tray.kind == TrayKind::Reject { Spot::Bin(id) } else { Spot::Pocket(id, n) };
            }
        }
        let Some(robot) = self.cell.robots.get(robot.index()) else { return Spot::Nothing };
        for (station, nest) in self.cell.stations.iter().zip(station_nest) {
            let pose = robot.pose(&station.name);
            if let (Some(nest), Some(pose)) = (nest, pose)
                && self.within_reach(joints, &pose)
            {
                return Spot::Nest(usize::from(*nest));
            }
        }
        Spot::Nothing
    }
}

impl Part {
    /// An assembly of nothing but this part.
    pub fn alone(self) -> Assembly {
        let mut unit = Assembly::default();
        match self.kind {
            PartKind::Hub => unit.hub = Some(self.n),
            PartKind::Cannula => unit.cannula = Some(self.n),
            PartKind::Cap => unit.cap = Some(self.n),
            PartKind::Unit => unit.whole = Some(self.n),
        }
        unit
    }
}

impl Assembly {
    /// Nothing in it.
    pub fn is_empty(&self) -> bool {
        PartKind::ALL.iter().all(|kind| self.part(*kind).is_none())
    }

    /// Number of the part of a kind.
    pub fn part(&self, kind: PartKind) -> Option<u32> {
        match kind {
            PartKind::Hub => self.hub,
            PartKind::Cannula => self.cannula,
            PartKind::Cap => self.cap,
            PartKind::Unit => self.whole,
        }
    }

    /// A sensor for parts of this kind sees one: alone, or in a finished unit.
    pub fn shows(&self, kind: PartKind) -> bool {
        self.part(kind).is_some() || self.whole.is_some()
    }

    /// The part by which it leaks, or not: its cap, once there is all below it. `None`: it is open.
    pub fn sealed(&self) -> Option<Part> {
        let capped = self.cap.filter(|_| self.hub.is_some() && self.cannula.is_some());
        let cap = capped.map(|n| Part { kind: PartKind::Cap, n });
        cap.or(self.whole.map(|n| Part { kind: PartKind::Unit, n }))
    }

    /// Puts a part in; false if one of its kind or a finished unit is there, or a cap would have no hub. A finished
    /// unit needs all of the room.
    fn insert(&mut self, part: Part) -> bool {
        if self.whole.is_some() || (part.kind == PartKind::Unit && !self.is_empty()) {
            return false;
        }
        let hub = self.hub;
        let slot = match part.kind {
            PartKind::Hub => &mut self.hub,
            PartKind::Cannula => &mut self.cannula,
            PartKind::Cap if hub.is_none() => return false,
            PartKind::Cap => &mut self.cap,
            PartKind::Unit => &mut self.whole,
        };
        if slot.is_some() {
            return false;
        }
        *slot = Some(part.n);
        true
    }
}

impl TrayState {
    fn new(moved: u32) -> TrayState {
        TrayState {
            pockets: Vec::new(),
            moved,
            bin: Vec::new(),
            emptied_at: moved,
            exchanged: 0,
            kept: Count::default(),
            open: false,
            supply: None,
            loads: Vec::new(),
        }
    }

    fn source(pockets: u32, used: Used, material: Option<u16>) -> TrayState {
        let pocket = |n| if n < used.next { Pocket::Empty } else { Pocket::Fresh };
        let mut loads = Vec::with_capacity(LOADS_MAX);
        loads.extend(material.map(|material| Loaded { from: 0, material }));
        TrayState { pockets: (0..pockets).map(pocket).collect(), loads, ..TrayState::new(used.moved) }
    }

    fn sink(pockets: u32, used: Used) -> TrayState {
        let pocket = |n| if n < used.next { Pocket::Earlier } else { Pocket::Empty };
        TrayState { pockets: (0..pockets).map(pocket).collect(), ..TrayState::new(used.moved) }
    }

    fn bin(used: Used) -> TrayState {
        TrayState { bin: vec![Assembly::default(); BIN_UNITS_MAX], ..TrayState::new(used.moved) }
    }

    /// Copies without allocating: both are of the same tray.
    fn copy_from(&mut self, other: &TrayState) {
        self.pockets.copy_from_slice(&other.pockets);
        self.bin.copy_from_slice(&other.bin);
        self.loads.clear();
        self.loads.extend_from_slice(&other.loads);
        (self.moved, self.emptied_at, self.kept) = (other.moved, other.emptied_at, other.kept);
        self.exchanged = other.exchanged;
        (self.open, self.supply) = (other.open, other.supply);
    }

    /// Place in the description's list of what the n-th part of this source is; `None`: not known any more.
    pub fn material(&self, n: u32) -> Option<usize> {
        self.loads.iter().rev().find(|l| l.from <= n).map(|l| usize::from(l.material))
    }
}

impl Places {
    pub(crate) fn new(cell: &Cell, truth: &Truth, cursors: &Cursors) -> Places {
        let material = &truth.description.material;
        let first = |t: usize| material.iter().position(|m| m.source.index() == t);
        let kinds: Vec<_> = (0..cell.trays.len()).map(|t| first(t).map(|m| material[m].kind)).collect();
        let first = |t| first(t).map(|m| m as u16);
        let nests = cell.table.as_ref().map_or(1, |t| usize::from(t.nests)).min(NESTS_MAX);
        let trays = cell.trays.iter().enumerate().map(|(t, tray)| match tray.kind {
            TrayKind::Source => TrayState::source(tray.pockets(), cursors.of(t), first(t)),
            TrayKind::Lane => TrayState::source(0, cursors.of(t), first(t)),
            TrayKind::Good => TrayState::sink(tray.pockets(), cursors.of(t)),
            TrayKind::Reject => TrayState::bin(cursors.of(t)),
        });
        let mut places = Places {
            nests: vec![Assembly::default(); nests],
            station_nest: vec![None; cell.stations.len()],
            grippers: vec![None; cell.robots.len().min(GRIPPERS_MAX)],
            trays: trays.collect(),
            printers: vec![None; cell.printers.len()],
            kinds,
            lost: 0,
            taken_out: 0,
            brought: Count::default(),
            taken: Count::default(),
            lost_parts: Count::default(),
            collisions: 0,
            changes: 1,
        };
        places.brought = places.balance().fresh;
        places
    }

    /// A lane has a part for its feeder.
    pub(crate) fn lane_has_part(&self, lane: TrayId) -> bool {
        self.trays.get(lane.index()).is_some_and(|t| t.supply != Some(0))
    }

    /// The assembly in the nest at a station, if a nest is there.
    pub fn at_station(&self, station: StationId) -> Option<&Assembly> {
        let nest = (*self.station_nest.get(station.index())?)?;
        self.nests.get(usize::from(nest))
    }

    pub(crate) fn at_station_mut(&mut self, station: StationId) -> Option<&mut Assembly> {
        let nest = (*self.station_nest.get(station.index())?)?;
        self.nests.get_mut(usize::from(nest))
    }

    pub(crate) fn turn_table(&mut self, layout: &Layout, table_deg: f64) {
        let nests = self.nests.len();
        if layout.station_nests(table_deg, nests, &mut self.station_nest) {
            self.changes += 1;
        }
    }

    /// The feeder of a lane pushes its next part towards the nest at `station`.
    pub(crate) fn feed(&mut self, lane: TrayId, station: StationId) {
        let Some(Some(kind)) = self.kinds.get(lane.index()).copied() else { return };
        let Some(tray) = self.trays.get_mut(lane.index()) else { return };
        let part = Part { kind, n: tray.moved };
        match &mut tray.supply {
            Some(0) => return,
            Some(left) => *left -= 1,
            None => self.brought.add(kind, 1),
        }
        tray.moved = tray.moved.wrapping_add(1);
        self.changes += 1;
        let fits = self.at_station_mut(station).is_some_and(|nest| nest.insert(part));
        if !fits {
            self.collide(&Held::Part(part));
        }
    }

    /// The gripper of a robot closes; true if it holds something.
    pub(crate) fn close(
        &mut self,
        layout: &Layout,
        robot: usize,
        joints: &Joints,
        misses: impl FnOnce(Part) -> bool,
    ) -> bool {
        match self.grippers.get(robot) {
            None => return false,
            Some(Some(_)) => return true,
            Some(None) => {}
        }
        let taken = match layout.spot(robot, joints, &self.station_nest) {
            Spot::Nest(nest) => self.take_unit(nest),
            Spot::Pocket(tray, n) => self.take_from_pocket(tray, n, misses),
            Spot::Bin(_) | Spot::Nothing => None,
        };
        if taken.is_some() {
            self.grippers[robot] = taken;
            self.changes += 1;
        }
        taken.is_some()
    }

    pub(crate) fn take_unit(&mut self, nest: usize) -> Option<Held> {
        let unit = core::mem::take(self.nests.get_mut(nest)?);
        (!unit.is_empty()).then_some(Held::Unit(unit))
    }

    pub(crate) fn take_from_pocket(
        &mut self,
        tray: TrayId,
        n: u32,
        misses: impl FnOnce(Part) -> bool,
    ) -> Option<Held> {
        let state = self.trays.get_mut(tray.index())?;
        let pocket = state.pockets.get_mut(n as usize)?;
        match *pocket {
            Pocket::Empty | Pocket::Earlier => None,
            Pocket::Unit(unit) => {
                *pocket = Pocket::Empty;
                Some(Held::Unit(unit))
            }
            Pocket::Fresh => {
                let part = Part { kind: self.kinds.get(tray.index()).copied().flatten()?, n: state.moved };
                if misses(part) {
                    return None;
                }
                *pocket = Pocket::Empty;
                state.moved = state.moved.wrapping_add(1);
                Some(Held::Part(part))
            }
        }
    }

    /// The gripper of a robot has opened.
    pub(crate) fn open(&mut self, layout: &Layout, robot: usize, joints: &Joints) -> Released {
        let Some(held) = self.grippers.get_mut(robot).and_then(Option::take) else {
            return Released::Elsewhere;
        };
        self.changes += 1;
        match layout.spot(robot, joints, &self.station_nest) {
            Spot::Nest(nest) => {
                if !self.put_in_nest(nest, held) {
                    self.collide(&held);
                }
                Released::Elsewhere
            }
            Spot::Pocket(tray, n) => {
                if self.put_in_pocket(tray, n, held) {
                    return Released::InPocket;
                }
                self.collide(&held);
                Released::Elsewhere
            }
            Spot::Bin(tray) => {
                self.drop_in_bin(tray, held);
                Released::InBin
            }
            Spot::Nothing => {
                self.dropped(&held);
                Released::Elsewhere
            }
        }
    }

    /// What was brought finds its place taken and falls beside it.
    fn collide(&mut self, held: &Held) {
        self.collisions += 1;
        self.dropped(held);
    }

    pub(crate) fn put_in_nest(&mut self, nest: usize, held: Held) -> bool {
        let Some(place) = self.nests.get_mut(nest) else { return false };
        match held {
            Held::Part(part) => place.insert(part),
            Held::Unit(unit) if place.is_empty() => {
                *place = unit;
                true
            }
            Held::Unit(_) => false,
        }
    }

    pub(crate) fn put_in_pocket(&mut self, tray: TrayId, n: u32, held: Held) -> bool {
        let Some(state) = self.trays.get_mut(tray.index()) else { return false };
        let Some(pocket) = state.pockets.get_mut(n as usize) else { return false };
        if *pocket != Pocket::Empty {
            return false;
        }
        *pocket = Pocket::Unit(unit_of(held));
        state.moved = state.moved.wrapping_add(1);
        true
    }

    pub(crate) fn drop_in_bin(&mut self, tray: TrayId, held: Held) {
        let Some(state) = self.trays.get_mut(tray.index()) else { return };
        state.kept.add_held(&held);
        if let Some(place) = state.bin.get_mut(state.moved as usize % BIN_UNITS_MAX) {
            *place = unit_of(held);
        }
        state.moved = state.moved.wrapping_add(1);
    }

    /// Copies without allocating: both are of the same cell.
    pub(crate) fn copy_from(&mut self, other: &Places) {
        self.nests.copy_from_slice(&other.nests);
        self.station_nest.copy_from_slice(&other.station_nest);
        self.grippers.copy_from_slice(&other.grippers);
        self.printers.copy_from_slice(&other.printers);
        for (mine, theirs) in self.trays.iter_mut().zip(&other.trays) {
            mine.copy_from(theirs);
        }
        (self.lost, self.taken_out) = (other.lost, other.taken_out);
        (self.brought, self.taken, self.lost_parts) = (other.brought, other.taken, other.lost_parts);
        (self.collisions, self.changes) = (other.collisions, other.changes);
    }
}

/// A single part that lies where units do.
fn unit_of(held: Held) -> Assembly {
    match held {
        Held::Unit(unit) => unit,
        Held::Part(part) => part.alone(),
    }
}
