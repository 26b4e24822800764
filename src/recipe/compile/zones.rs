//! Zones: what a step comes into, what it leaves inside, and who then waits for whom. A step takes its zones all at once
//! and until it ends, so steps never wait for each other in a circle. What one of them leaves behind may: a body that
//! stands in a zone keeps others out, and a cobot that is not at home is kept for its unit.

use std::collections::{BTreeMap, BTreeSet};

use cellwright_model::cell::Cell;
use cellwright_model::plan::{Branch, Node as PlanNode, Primitive, Resource, RobotOp, Step, Target};
use cellwright_model::robot::Joints;
use cellwright_model::zone::{Body, Mover, Zone};
use cellwright_model::{AxisId, RobotId, TrayId, ZoneId};

use super::motion::may_reject;
use super::steps::Walked;
use crate::code::Code;
use crate::decode::Decoder;

/// `said`: steps of which something is said already; the same again is noise.
pub(super) fn check(d: &mut Decoder<'_>, cell: &Cell, walked: &Walked, said: &BTreeSet<usize>) {
    let mut walk = Walk {
        d,
        said,
        cell,
        walked,
        spots: BTreeMap::new(),
        left: BTreeMap::new(),
        at_rejection: BTreeMap::new(),
        waits: Vec::new(),
    };
    walk.path(&walked.body);
    walk.left = core::mem::take(&mut walk.at_rejection);
    walk.path(&walked.on_reject);
    if cell.units_in_flight_max > 1 {
        walk.circles();
    }
}

/// Where something may be: a box around all of it. Joints in degrees, an axis in its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Spot {
    Axis(f64, f64),
    Robot(Joints, Joints),
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

/// A unit that keeps one thing asks for another: at this step.
#[derive(Debug, Clone, Copy)]
struct Wait {
    keeps: Thing,
    needs: Thing,
    ix: usize,
}

/// What one branch does: the zones that its movers come into, and those in which it leaves one of them for a while.
#[derive(Default)]
struct Uses {
    comes: BTreeMap<(ZoneId, Mover), usize>,
    stands: BTreeMap<(ZoneId, Mover), usize>,
}

struct Walk<'w, 'd> {
    said: &'w BTreeSet<usize>,
    d: &'w mut Decoder<'d>,
    cell: &'w Cell,
    walked: &'w Walked,
    /// Where it was left, if not at home.
    spots: BTreeMap<Mover, Spot>,
    /// Cobots that are not at home, and axes in zones.
    left: BTreeMap<Mover, Left>,
    /// What stood so when a step may have rejected the unit.
    at_rejection: BTreeMap<Mover, Left>,
    waits: Vec<Wait>,
}

impl Walk<'_, '_> {
    fn path(&mut self, path: &[PlanNode]) -> Uses {
        let mut uses = Uses::default();
        for node in path {
            let more = match node {
                PlanNode::Step(ix) => self.step(ix.index()),
                PlanNode::Parallel { branches, .. } => self.parallel(branches),
                PlanNode::Repeat { body, .. } => self.path(body),
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
        let way = Way::of(self.cell, step, self.spots.clone());
        let mut uses = Uses::default();
        uses.comes.extend(way.comes.iter().map(|key| (*key, ix)));
        if !self.shut_out(ix, &way) && may_reject(step) {
            self.at_rejection.extend(self.left.iter().map(|(mover, left)| (*mover, left.clone())));
        }
        self.asks(ix, &way);
        for (mover, spot) in way.spots {
            let zones = inside(self.cell, mover, &spot);
            uses.stands.extend(zones.iter().map(|zone| ((*zone, mover), ix)));
            let home = is_home(self.cell, mover, &spot);
            if home || (zones.is_empty() && matches!(mover, Mover::Axis(_))) {
                self.left.remove(&mover);
            } else {
                self.left.insert(mover, Left { ix, zones });
            }
            self.spots.insert(mover, spot);
        }
        uses
    }

    /// Something of the unit's own stands where the step comes in: it would wait for ever. `true`: it is said.
    fn shut_out(&mut self, ix: usize, way: &Way<'_>) -> bool {
        let step = &self.walked.steps[ix];
        let mut said = false;
        for (mover, left) in &self.left {
            if step.resources.contains(&own(*mover)) {
                continue;
            }
            let Some((zone, with)) = way.comes.iter().find(|(zone, _)| left.zones.contains(zone)) else {
                continue;
            };
            if self.said.contains(&left.ix) {
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
    fn asks(&mut self, ix: usize, way: &Way<'_>) {
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
            self.waits.extend(asked.iter().map(|needs| Wait { keeps, needs: *needs, ix }));
        }
    }

    /// Two units in flight that wait for what the other one keeps.
    fn circles(&mut self) {
        let mut told = BTreeSet::new();
        for i in 0..self.waits.len() {
            let first = self.waits[i];
            let Some(back) = self.back(first.needs, first.keeps) else { continue };
            let pair = (first.ix.min(back.ix), first.ix.max(back.ix));
            if !told.insert(pair) {
                continue;
            }
            let step = |ix: usize| &self.walked.steps[ix].id;
            let message = format!(
                "two units in flight can wait for each other: one keeps {} and needs {}, the other one the reverse, at `{}`",
                self.thing(first.keeps),
                self.thing(first.needs),
                step(back.ix),
            );
            let labels = vec![(self.walked.effects[back.ix].span, "and here".to_string())];
            let help = "bring cobots home before a step that needs another one";
            self.d.sink.error_with(Code::Beside, self.walked.effects[first.ix].span, message, help, labels);
        }
    }

    /// The last of the waits that lead from one thing to another.
    fn back(&self, from: Thing, to: Thing) -> Option<Wait> {
        let (mut seen, mut next) = (BTreeSet::from([from]), vec![from]);
        while let Some(at) = next.pop() {
            for wait in self.waits.iter().filter(|w| w.keeps == at) {
                if wait.needs == to {
                    return Some(*wait);
                }
                if seen.insert(wait.needs) {
                    next.push(wait.needs);
                }
            }
        }
        None
    }

    fn name(&self, mover: Mover) -> String {
        match mover {
            Mover::Axis(axis) => format!("`{}`", self.cell.axes[axis.index()].name),
            Mover::Robot(robot) => format!("`{}`", self.cell.robots[robot.index()].name),
        }
    }

    fn thing(&self, thing: Thing) -> String {
        match thing {
            Thing::Robot(robot) => self.name(Mover::Robot(robot)),
            Thing::Zone(zone) => format!("zone `{}`", self.cell.zones[zone.index()].name),
        }
    }
}

fn own(mover: Mover) -> Resource {
    match mover {
        Mover::Axis(axis) => Resource::Axis(axis),
        Mover::Robot(robot) => Resource::Robot(robot),
    }
}

/// It cannot be elsewhere than at home.
fn is_home(cell: &Cell, mover: Mover, spot: &Spot) -> bool {
    match (mover, spot) {
        (Mover::Robot(robot), Spot::Robot(lo, hi)) => {
            lo == hi && cell.robots[robot.index()].pose("home").as_ref() == Some(lo)
        }
        (Mover::Axis(axis), Spot::Axis(lo, hi)) => lo == hi && *lo == cell.axes[axis.index()].home_au,
        _ => false,
    }
}

fn inside(cell: &Cell, mover: Mover, spot: &Spot) -> Vec<ZoneId> {
    let is_in = |zone: &Zone| meets(zone, mover, spot, spot);
    let zones = cell.zones.iter().enumerate().filter(|(_, zone)| is_in(zone));
    // A table that stands is in none.
    let turns =
        |zone: &Zone| zone.bodies.iter().any(|b| matches!(b, Body::Table { .. }) && b.mover() == mover);
    zones.filter(|(_, zone)| !turns(zone)).map(|(i, _)| ZoneId(i as u16)).collect()
}

/// On a way from one spot to another a body may be in the zone.
fn meets(zone: &Zone, mover: Mover, from: &Spot, to: &Spot) -> bool {
    match (mover, from, to) {
        (Mover::Axis(axis), Spot::Axis(a, b), Spot::Axis(c, e)) => {
            zone.meets_axis(axis, a.min(*c), b.max(*e))
        }
        (Mover::Robot(robot), Spot::Robot(a, b), Spot::Robot(c, e)) => {
            let lo = core::array::from_fn(|j| a[j].min(c[j]));
            let hi = core::array::from_fn(|j| b[j].max(e[j]));
            zone.meets_robot(robot, &lo, &hi)
        }
        _ => false,
    }
}

/// The way of one step.
struct Way<'c> {
    cell: &'c Cell,
    /// Where its movers are, in the end.
    spots: BTreeMap<Mover, Spot>,
    comes: BTreeSet<(ZoneId, Mover)>,
    before: BTreeMap<Mover, Spot>,
}

impl<'c> Way<'c> {
    fn of(cell: &'c Cell, step: &Step, before: BTreeMap<Mover, Spot>) -> Way<'c> {
        let mut way = Way { cell, spots: BTreeMap::new(), comes: BTreeSet::new(), before };
        for primitive in step.ops.iter().chain(&step.cleanup) {
            way.pass(step, primitive);
        }
        way
    }

    fn pass(&mut self, step: &Step, primitive: &Primitive) {
        match primitive {
            Primitive::MoveTo { axis, target: Target::Value(to), .. } => self.axis(*axis, *to, *to),
            Primitive::MoveTo { axis, .. } => {
                let axis_of = &self.cell.axes[axis.index()];
                self.axis(*axis, axis_of.travel_lo_au, axis_of.travel_hi_au);
            }
            Primitive::ApproachUntil { axis, limit, .. } => {
                let axis_of = &self.cell.axes[axis.index()];
                let limit = if let Target::Value(to) = limit { *to } else { axis_of.travel_hi_au };
                let Spot::Axis(lo, hi) = self.spot(Mover::Axis(*axis)) else { return };
                self.axis(*axis, lo.min(limit), hi.max(limit));
            }
            Primitive::Robot { robot, request } => {
                if let Some(spot) = self.target(step, *robot, request) {
                    self.come(Mover::Robot(*robot), spot);
                }
            }
            _ => {}
        }
    }

    fn axis(&mut self, axis: AxisId, lo: f64, hi: f64) {
        self.come(Mover::Axis(axis), Spot::Axis(lo, hi));
    }

    fn come(&mut self, mover: Mover, to: Spot) {
        let from = self.spot(mover);
        for (i, zone) in self.cell.zones.iter().enumerate() {
            if meets(zone, mover, &from, &to) {
                self.comes.insert((ZoneId(i as u16), mover));
            }
        }
        self.spots.insert(mover, to);
    }

    /// Where it is now: at home if nothing has moved it.
    fn spot(&self, mover: Mover) -> Spot {
        let known = self.spots.get(&mover).or_else(|| self.before.get(&mover)).copied();
        known.unwrap_or_else(|| match mover {
            Mover::Axis(axis) => {
                let home = self.cell.axes[axis.index()].home_au;
                Spot::Axis(home, home)
            }
            Mover::Robot(robot) => {
                let home = self.cell.robots[robot.index()].pose("home").unwrap_or_default();
                Spot::Robot(home, home)
            }
        })
    }

    /// Where a request leads: of a tray to any of its pockets.
    fn target(&self, step: &Step, robot: RobotId, request: &RobotOp) -> Option<Spot> {
        let described = &self.cell.robots[robot.index()];
        let pose = |name: &str| described.pose(name).map(|at| Spot::Robot(at, at));
        match request {
            RobotOp::MovePose { pose: name, .. } => pose(name),
            RobotOp::MoveTray { tray, above, .. } => self.tray(*tray, *above),
            RobotOp::LeaveTray { tray, .. } => self.tray(*tray, true),
            RobotOp::MoveStation { above, .. } => {
                // On the reject path it may be any.
                let stations = self.cell.stations.iter().enumerate();
                let here = stations.filter(|(i, _)| step.station.is_none_or(|s| s.index() == *i));
                let name = |s: &str| if *above { format!("{s}.above") } else { s.to_string() };
                around(here.filter_map(|(_, s)| described.pose(&name(&s.name))))
            }
            RobotOp::Grip { .. } => None,
        }
    }

    /// Pockets lie between the corners of their grid.
    fn tray(&self, tray: TrayId, above: bool) -> Option<Spot> {
        let tray = &self.cell.trays[tray.index()];
        let (rows, columns) = (u32::from(tray.rows), u32::from(tray.columns));
        let corners = [0, columns - 1, (rows - 1) * columns, rows * columns - 1];
        around(corners.into_iter().filter_map(|n| tray.pocket_joints(n, above)))
    }
}

/// The box around some places; `None` if there are none.
fn around(places: impl Iterator<Item = Joints>) -> Option<Spot> {
    let boxed = |(lo, hi): (Joints, Joints), at: Joints| {
        let least: Joints = core::array::from_fn(|j| lo[j].min(at[j]));
        let most: Joints = core::array::from_fn(|j| hi[j].max(at[j]));
        (least, most)
    };
    let ends =
        places.fold(None, |so_far: Option<(Joints, Joints)>, at| Some(boxed(so_far.unwrap_or((at, at)), at)));
    ends.map(|(lo, hi)| Spot::Robot(lo, hi))
}
