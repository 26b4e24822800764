//! Zones: what a step comes into, what it leaves inside, and who then waits for whom. A step takes its zones all at once
//! and until it ends, so steps never wait for each other in a circle. What one of them leaves behind may: a body that
//! stands in a zone keeps others out, and a cobot that is not at home is kept for its unit.

use std::collections::{BTreeMap, BTreeSet};

use cellwright_model::cell::Cell;
use cellwright_model::plan::{Branch, Node as PlanNode, Resource, RobotOp};
use cellwright_model::robot::Joints;
use cellwright_model::zone::{Body, Mover, Reach, Way, Whereabouts, Zone};
use cellwright_model::{AxisId, RobotId, StationId, TrayId, ZoneId};

use super::motion::may_reject;
use super::steps::Walked;
use crate::code::Code;
use crate::decode::Decoder;

/// `said`: steps of which something is said already; the same again is noise.
pub(super) fn check(d: &mut Decoder<'_>, cell: &Cell, walked: &Walked, said: BTreeSet<usize>) {
    let mut walk = Walk {
        d,
        said,
        cell,
        walked,
        spots: BTreeMap::new(),
        left: BTreeMap::new(),
        at_rejection: BTreeMap::new(),
        waits: BTreeMap::new(),
        at: None,
    };
    walk.path(&walked.body);
    walk.left = core::mem::take(&mut walk.at_rejection);
    walk.path(&walked.on_reject);
    if cell.units_in_flight_max > 1 {
        walk.circles();
    }
}

/// What a step has left.
#[derive(Debug, Clone, PartialEq)]
struct Left {
    ix: usize,
    /// It is inside these.
    zones: Vec<ZoneId>,
}

/// What is kept, or needed, beyond one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Robot(RobotId),
    Zone(ZoneId),
}

/// What one branch does: the zones that its movers come into, and those in which it leaves one of them for a while.
#[derive(Default)]
struct Uses {
    comes: BTreeMap<(ZoneId, Mover), usize>,
    stands: BTreeMap<(ZoneId, Mover), usize>,
}

struct Walk<'w, 'd> {
    /// Of each step that leaves something one thing is said.
    said: BTreeSet<usize>,
    d: &'w mut Decoder<'d>,
    cell: &'w Cell,
    walked: &'w Walked,
    /// Where it was left, if not at home.
    spots: BTreeMap<Mover, Reach>,
    /// Cobots that are not at home, and axes in zones.
    left: BTreeMap<Mover, Left>,
    /// What stood so when a step may have rejected the unit.
    at_rejection: BTreeMap<Mover, Left>,
    /// A unit that keeps one thing asks for another, at a station: the first step at which it does.
    waits: BTreeMap<(Thing, Thing, Option<StationId>), usize>,
    at: Option<StationId>,
}

impl Walk<'_, '_> {
    fn path(&mut self, path: &[PlanNode]) -> Uses {
        let mut uses = Uses::default();
        for node in path {
            let more = match node {
                PlanNode::Step(ix) => self.step(ix.index()),
                PlanNode::Parallel { branches, .. } => self.parallel(branches),
                // The second round begins with what the first one has left; what is said twice is told once.
                PlanNode::Repeat { body, .. } => {
                    self.path(body);
                    self.path(body)
                }
            };
            uses.comes.extend(more.comes);
            uses.stands.extend(more.stands);
        }
        uses
    }

    /// Each branch finds what stood there before them.
    fn parallel(&mut self, branches: &[Branch]) -> Uses {
        let (spots, left) = (self.spots.clone(), self.left.clone());
        let (mut after, mut where_to) = (left.clone(), spots.clone());
        let mut all = Uses::default();
        for branch in branches {
            (self.spots, self.left) = (spots.clone(), left.clone());
            let uses = self.path(&branch.body);
            self.meet(&all, &uses);
            after.retain(|mover, _| self.left.contains_key(mover) || !left.contains_key(mover));
            after.extend(
                self.left.iter().filter(|(m, l)| left.get(m) != Some(l)).map(|(m, l)| (*m, l.clone())),
            );
            where_to
                .extend(self.spots.iter().filter(|(m, s)| spots.get(m) != Some(s)).map(|(m, s)| (*m, *s)));
            all.comes.extend(uses.comes);
            all.stands.extend(uses.stands);
        }
        (self.spots, self.left) = (where_to, after);
        all
    }

    /// What stands in a zone in one branch, and what comes into it in another.
    fn meet(&mut self, before: &Uses, uses: &Uses) {
        for (stands, comes) in [(&before.stands, &uses.comes), (&uses.stands, &before.comes)] {
            for ((zone, stander), first) in stands {
                let other = comes.iter().find(|((z, mover), _)| z == zone && mover != stander);
                let Some(((_, mover), second)) = other else { continue };
                if self.said.contains(first) || self.said.contains(second) {
                    continue;
                }
                self.said.insert(*first);
                let (a, b) = (self.name(*stander), self.name(*mover));
                let zone = &self.cell.zones[zone.index()].name;
                let message =
                    format!("{a} stands in zone `{zone}` in one branch, where {b} comes in the other");
                let labels =
                    vec![(self.walked.effects[*first.min(second)].span, "beside this step".to_string())];
                let help = "put both steps into one branch, or one of them behind the `parallel`";
                let span = self.walked.effects[*first.max(second)].span;
                self.d.sink.error_with(Code::Beside, span, message, help, labels);
            }
        }
    }

    fn step(&mut self, ix: usize) -> Uses {
        let step = &self.walked.steps[ix];
        let before = Before { cell: self.cell, spots: &self.spots, station: step.station };
        let way = Way::of(step, &self.cell.zones, &before);
        let mut uses = Uses::default();
        uses.comes.extend(way.comes.iter().map(|key| (*key, ix)));
        self.turns(step.station);
        if !self.shut_out(ix, &way) && may_reject(step) {
            self.at_rejection.extend(self.left.iter().map(|(mover, left)| (*mover, left.clone())));
        }
        self.asks(ix, &way);
        for (mover, spot) in way.ends {
            let zones = inside(self.cell, mover, &spot);
            uses.stands.extend(zones.iter().map(|zone| ((*zone, mover), ix)));
            let home = is_home(self.cell, mover, &spot);
            if home || (zones.is_empty() && matches!(mover, Mover::Axis(_))) {
                // What is only done under a condition may be left out.
                if step.when.is_none() {
                    self.left.remove(&mover);
                }
            } else {
                self.left.insert(mover, Left { ix, zones });
            }
            self.spots.insert(mover, spot);
        }
        uses
    }

    /// The table brings the unit to another station: what stands in its zones it would run into, and a cobot that is kept
    /// meanwhile keeps the units at other stations waiting, which keep the table.
    fn turns(&mut self, to: Option<StationId>) {
        let Some(to) = to else { return };
        let moved = self.at.replace(to).is_some_and(|from| from != to);
        if !moved || self.cell.table.is_none() {
            return;
        }
        let table = |zone: &ZoneId| self.cell.zones[zone.index()].has_table();
        let others = self.cell.units_in_flight_max > 1;
        let station = &self.cell.stations[to.index()].name;
        for (mover, left) in &self.left {
            if self.said.contains(&left.ix) {
                continue;
            }
            let zone = left.zones.iter().find(|z| table(z)).map(|z| &self.cell.zones[z.index()].name);
            let why = match (zone, mover) {
                (Some(zone), _) => format!("in zone `{zone}` of the table"),
                (None, Mover::Robot(_)) if others => {
                    "elsewhere than at home, where other units wait for it,".into()
                }
                _ => continue,
            };
            self.said.insert(left.ix);
            let message =
                format!("{} is left {why} when the table brings the unit to `{station}`", self.name(*mover));
            let help = "bring it home before, in a step at the station where the unit is";
            self.d.sink.error(Code::LeftInTheWay, self.walked.effects[left.ix].span, message, help);
        }
    }

    /// Something of the unit's own stands where the step comes in: it would wait for ever. `true`: it is said.
    fn shut_out(&mut self, ix: usize, way: &Way) -> bool {
        let step = &self.walked.steps[ix];
        let mut said = false;
        for (mover, left) in &self.left {
            if step.resources.contains(&mover.resource()) {
                continue;
            }
            let Some((zone, with)) = way.comes.iter().find(|(zone, _)| left.zones.contains(zone)) else {
                continue;
            };
            if !self.said.insert(left.ix) {
                continue;
            }
            let zone = &self.cell.zones[zone.index()].name;
            let (a, b) = (self.name(*mover), self.name(*with));
            let message = format!("{a} is left in zone `{zone}`, where `{}` comes with {b}", step.id);
            let labels = vec![(self.walked.effects[ix].span, "comes in there".to_string())];
            let help = "bring it out before: only one body at a time is in a zone";
            self.d.sink.error_with(
                Code::LeftInTheWay,
                self.walked.effects[left.ix].span,
                message,
                help,
                labels,
            );
            said = true;
        }
        said
    }

    /// What is kept when the step asks for more.
    fn asks(&mut self, ix: usize, way: &Way) {
        let mut kept = BTreeSet::new();
        for (mover, left) in &self.left {
            if let Mover::Robot(robot) = mover {
                kept.insert(Thing::Robot(*robot));
            }
            kept.extend(left.zones.iter().map(|z| Thing::Zone(*z)));
        }
        let robots = self.walked.steps[ix].resources.iter().filter_map(|r| match r {
            Resource::Robot(robot) => Some(Thing::Robot(*robot)),
            _ => None,
        });
        let needs = robots.chain(way.comes.iter().map(|(zone, _)| Thing::Zone(*zone)));
        let asked: Vec<Thing> = needs.filter(|n| !kept.contains(n)).collect();
        for keeps in kept {
            for needs in &asked {
                self.waits.entry((keeps, *needs, self.walked.steps[ix].station)).or_insert(ix);
            }
        }
    }

    /// Two units in flight that wait for what the other one keeps. At one station there is one of them.
    fn circles(&mut self) {
        let mut told = BTreeSet::new();
        for ((keeps, needs, station), ix) in &self.waits {
            let Some(back) = self.back(*needs, *keeps, *station) else { continue };
            if !told.insert((*ix.min(&back), *ix.max(&back))) {
                continue;
            }
            let message = format!(
                "two units in flight can wait for each other: one keeps {} and needs {}, the other one the reverse, at `{}`",
                self.thing(*keeps),
                self.thing(*needs),
                self.walked.steps[back].id,
            );
            let labels = vec![(self.walked.effects[back].span, "and here".to_string())];
            let help = "bring cobots home before a step that needs another one";
            self.d.sink.error_with(Code::Beside, self.walked.effects[*ix].span, message, help, labels);
        }
    }

    /// The step of the last of the waits that lead from one thing to another, at other stations.
    fn back(&self, from: Thing, to: Thing, but: Option<StationId>) -> Option<usize> {
        let (mut seen, mut next) = (BTreeSet::from([from]), vec![from]);
        while let Some(at) = next.pop() {
            for ((keeps, needs, station), ix) in &self.waits {
                if *keeps != at || (but.is_some() && *station == but) {
                    continue;
                }
                if *needs == to {
                    return Some(*ix);
                }
                if seen.insert(*needs) {
                    next.push(*needs);
                }
            }
        }
        None
    }

    fn name(&self, mover: Mover) -> String {
        format!("`{}`", mover.name(self.cell))
    }

    fn thing(&self, thing: Thing) -> String {
        match thing {
            Thing::Robot(robot) => self.name(Mover::Robot(robot)),
            Thing::Zone(zone) => format!("zone `{}`", self.cell.zones[zone.index()].name),
        }
    }
}

/// It cannot be elsewhere than at home.
fn is_home(cell: &Cell, mover: Mover, spot: &Reach) -> bool {
    match (mover, spot) {
        (Mover::Robot(robot), Reach::Robot(lo, hi)) => {
            lo == hi && cell.robots[robot.index()].pose("home").as_ref() == Some(lo)
        }
        (Mover::Axis(axis), Reach::Axis(lo, hi)) => lo == hi && *lo == cell.axes[axis.index()].home_au,
        _ => false,
    }
}

fn inside(cell: &Cell, mover: Mover, reach: &Reach) -> Vec<ZoneId> {
    // A table that stands is in none.
    let turns =
        |zone: &Zone| zone.bodies.iter().any(|b| matches!(b, Body::Table { .. }) && b.mover() == mover);
    let zones = cell.zones.iter().enumerate().filter(|(_, zone)| reach.meets(zone, mover) && !turns(zone));
    zones.map(|(i, _)| ZoneId(i as u16)).collect()
}

/// The machine as the steps before have left it: at home what none has moved.
struct Before<'c> {
    cell: &'c Cell,
    spots: &'c BTreeMap<Mover, Reach>,
    station: Option<StationId>,
}

impl Whereabouts for Before<'_> {
    fn before(&self, mover: Mover) -> Reach {
        self.spots.get(&mover).copied().unwrap_or_else(|| match mover {
            Mover::Axis(axis) => {
                let home = self.cell.axes[axis.index()].home_au;
                Reach::Axis(home, home)
            }
            Mover::Robot(robot) => {
                Reach::at(self.cell.robots[robot.index()].pose("home").unwrap_or_default())
            }
        })
    }

    fn travel(&self, axis: AxisId) -> (f64, f64) {
        let axis = &self.cell.axes[axis.index()];
        (axis.travel_lo_au, axis.travel_hi_au)
    }

    /// Of a tray any of its pockets; on the reject path any station.
    fn target(&self, robot: RobotId, request: &RobotOp) -> Option<Reach> {
        let described = &self.cell.robots[robot.index()];
        match request {
            RobotOp::MovePose { pose, .. } => described.pose(pose).map(Reach::at),
            RobotOp::MoveTray { tray, above, .. } => self.tray(*tray, *above),
            RobotOp::LeaveTray { tray, .. } => self.tray(*tray, true),
            RobotOp::MoveStation { above, .. } => {
                let stations = self.cell.stations.iter().enumerate();
                let here = stations.filter(|(i, _)| self.station.is_none_or(|s| s.index() == *i));
                around(here.filter_map(|(_, s)| described.pose(&s.pose(*above))))
            }
            RobotOp::Grip { .. } => None,
        }
    }
}

impl Before<'_> {
    /// Pockets lie between the corners of their grid.
    fn tray(&self, tray: TrayId, above: bool) -> Option<Reach> {
        let tray = &self.cell.trays[tray.index()];
        let (rows, columns) = (u32::from(tray.rows), u32::from(tray.columns));
        let corners = [0, columns - 1, (rows - 1) * columns, rows * columns - 1];
        around(corners.into_iter().filter_map(|n| tray.pocket_joints(n, above)))
    }
}

/// The box around some places; `None` if there are none.
fn around(places: impl Iterator<Item = Joints>) -> Option<Reach> {
    places.map(Reach::at).reduce(Reach::around)
}
