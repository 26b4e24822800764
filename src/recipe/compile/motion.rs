//! What steps leave behind in the machine: axes in the table's way, cobots at stations, outputs. A step holds what it
//! needs for itself, all at once and until it ends; so branches never wait for each other in a circle, and what is
//! left to look at is what stands there between one step and the next.

use std::collections::{BTreeMap, BTreeSet};

use cellwright_model::cell::{AxisClear, Cell};
use cellwright_model::plan::{Branch, Node as PlanNode, Primitive, Resource, RobotOp, Step, Target, Then};
use cellwright_model::zone::Mover;
use cellwright_model::{AxisId, OutputId, RobotId, StationId};

use super::flow::collect;
use super::steps::Walked;
use crate::code::Code;
use crate::decode::Decoder;

/// The steps of which something is said.
pub(super) fn check(d: &mut Decoder<'_>, cell: &Cell, walked: &Walked) -> BTreeSet<usize> {
    let mut left = BTreeMap::new();
    let mut said = BTreeSet::new();
    for (path, rejected) in [(&walked.body, false), (&walked.on_reject, true)] {
        let at_rejection = BTreeMap::new();
        let (d, said) = (&mut *d, &mut said);
        let mut way = Way { d, cell, walked, left, at_rejection, rejected, at: None, said };
        way.path(path);
        way.turns("the unit leaves the cell");
        way.forks(path);
        left = way.at_rejection;
    }
    said
}

/// Where something was left.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Left {
    /// By this step.
    ix: usize,
    /// It stands in these; in none: in the table's way all the same.
    stations: Vec<StationId>,
}

/// The way of one unit.
struct Way<'w, 'd> {
    d: &'w mut Decoder<'d>,
    cell: &'w Cell,
    walked: &'w Walked,
    /// What stands in the way of others.
    left: BTreeMap<Mover, Left>,
    /// What stood so when a step may have rejected the unit: its reject path begins with that.
    at_rejection: BTreeMap<Mover, Left>,
    /// This is the reject path.
    rejected: bool,
    at: Option<StationId>,
    said: &'w mut BTreeSet<usize>,
}

impl Way<'_, '_> {
    fn path(&mut self, path: &[PlanNode]) {
        for node in path {
            match node {
                PlanNode::Step(ix) => self.step(ix.index()),
                PlanNode::Parallel { branches, .. } => self.parallel(branches),
                PlanNode::Repeat { body, .. } => self.path(body),
            }
        }
    }

    /// Each branch finds what stood there before them; what two of them do to each other, `fork` says.
    fn parallel(&mut self, branches: &[Branch]) {
        let before = core::mem::take(&mut self.left);
        let mut after = before.clone();
        for branch in branches {
            self.left.clone_from(&before);
            self.path(&branch.body);
            after.retain(|mover, _| self.left.contains_key(mover) || !before.contains_key(mover));
            let changed = self.left.iter().filter(|(mover, left)| before.get(mover) != Some(left));
            after.extend(changed.map(|(mover, left)| (*mover, left.clone())));
        }
        self.left = after;
    }

    fn step(&mut self, ix: usize) {
        let walked = self.walked;
        let step = &walked.steps[ix];
        if let (Some(from), Some(to)) = (self.at, step.station)
            && from != to
        {
            let name = &self.cell.stations[to.index()].name;
            self.turns(&format!("the table brings the unit to `{name}`"));
        }
        if self.rejected {
            // Whatever it moves itself, it brings out.
            self.left.retain(|mover, _| !uses(step, *mover));
        }
        if step.station.is_none() {
            self.turns(&format!("`{}` begins, which has no `station:` that keeps the table", step.id));
        }
        self.at = step.station.or(self.at);
        if !self.meets(ix) && may_reject(step) {
            self.at_rejection.extend(self.left.iter().map(|(mover, left)| (*mover, left.clone())));
        }
        for p in step.ops.iter().chain(&step.cleanup) {
            let Some((mover, stations)) = reached(self.cell, p) else { continue };
            match stations {
                None => drop(self.left.remove(&mover)),
                Some(stations) => {
                    self.own_station(ix, mover, &stations);
                    self.left.insert(mover, Left { ix, stations });
                }
            }
        }
    }

    /// Where a step moves something, or a person reaches in, nothing else stands. `true`: something does, and it is said.
    fn meets(&mut self, ix: usize) -> bool {
        let step = &self.walked.steps[ix];
        let robot = step.resources.iter().any(|r| matches!(r, Resource::Robot(_)));
        let axis = step.resources.iter().any(|r| matches!(r, Resource::Axis(_)));
        let by_hand = step.kind == "by-hand";
        // Axes of a station are built to work together.
        let meets = |mover: &Mover| robot || by_hand || (axis && matches!(mover, Mover::Robot(_)));
        let before = self.d.sink.errors();
        let in_space = |s: &StationId| step.resources.contains(&Resource::StationSpace(*s));
        for (mover, left) in self.left.iter().filter(|(mover, _)| meets(mover)) {
            let Some(station) = left.stations.iter().find(|s| in_space(s)).filter(|_| !uses(step, *mover))
            else {
                continue;
            };
            let station = &self.cell.stations[station.index()].name;
            let message = format!("{} is left in `{station}`, where `{}` works", self.name(*mover), step.id);
            let labels = vec![(self.walked.effects[ix].span, "works there".to_string())];
            let (help, span) = (self.way_back(*mover), self.walked.effects[left.ix].span);
            self.said.insert(left.ix);
            self.d.sink.error_with(Code::LeftInTheWay, span, message, help, labels);
        }
        self.d.sink.errors() > before
    }

    /// A motion into a station stands in a step there: only then its nest is that of this unit, and stays.
    fn own_station(&mut self, ix: usize, mover: Mover, stations: &[StationId]) {
        let step = &self.walked.steps[ix];
        if !self.moves(ix) || stations.is_empty() || step.station.is_some_and(|s| stations.contains(&s)) {
            return;
        }
        let station = &self.cell.stations[stations[0].index()].name;
        let message = format!("{} moves into `{station}`, where another unit may stand", self.name(mover));
        let help = format!("write `station: {station}`: then the unit is there, and the table waits");
        self.said.insert(ix);
        self.d.sink.error(Code::OtherZone, self.walked.effects[ix].span, message, help);
    }

    /// The table turns now: nothing may stand in its way.
    fn turns(&mut self, why: &str) {
        if self.cell.table.is_none() {
            return;
        }
        for (mover, left) in core::mem::take(&mut self.left) {
            let after = if self.rejected { ", after a step has rejected the unit" } else { "" };
            let message = format!("{} is left in the table's way when {why}{after}", self.name(mover));
            let help = match self.rejected {
                false => self.way_back(mover),
                true => format!("{}, and in `on_reject` first of all", self.way_back(mover)),
            };
            self.said.insert(left.ix);
            self.d.sink.error(Code::LeftInTheWay, self.walked.effects[left.ix].span, message, help);
        }
    }

    fn way_back(&self, mover: Mover) -> String {
        match mover {
            Mover::Axis(axis) => {
                let clear = clear_of(self.cell, axis);
                let range = clear.map_or(String::new(), |c| format!("{} .. {}", c.lo_au, c.hi_au));
                let unit = self.cell.axes[axis.index()].unit();
                format!("move it back within {range} {unit} before")
            }
            Mover::Robot(_) => "move it to `home` before".to_string(),
        }
    }

    fn name(&self, mover: Mover) -> String {
        format!("`{}`", mover.name(self.cell))
    }

    /// Every fork of a path, those inside others too.
    fn forks(&mut self, path: &[PlanNode]) {
        for node in path {
            match node {
                PlanNode::Step(_) => {}
                PlanNode::Repeat { body, .. } => self.forks(body),
                PlanNode::Parallel { branches, .. } => {
                    self.fork(branches);
                    branches.iter().for_each(|b| self.forks(&b.body));
                }
            }
        }
    }

    fn fork(&mut self, branches: &[Branch]) {
        let mut before = Uses::default();
        for branch in branches {
            let mut steps = Vec::new();
            collect(&branch.body, &mut steps);
            let uses = Uses::of(self.cell, &self.walked.steps, &steps);
            self.outputs(&before, &uses);
            self.movers(&before, &uses);
            before.add(uses);
        }
    }

    fn outputs(&mut self, before: &Uses, uses: &Uses) {
        for ((output, value), ix) in &uses.outputs {
            if let Some(first) = before.outputs.get(&(*output, !value)) {
                let name = &self.cell.digital_outputs[output.index()].name;
                self.collide(
                    *first,
                    *ix,
                    &format!("`{name}` is switched in two branches, on in one and off in the other"),
                );
            }
        }
    }

    fn movers(&mut self, before: &Uses, uses: &Uses) {
        for (mover, ix) in &uses.movers {
            let other = before
                .movers
                .get(mover)
                .filter(|first| self.moves(**first) || uses.moved.contains_key(mover));
            if let Some(first) = other.copied() {
                let why = format!(
                    "{} is moved in two branches: where one leaves it, the other does not find it",
                    self.name(*mover)
                );
                self.collide(first, *ix, &why);
            }
        }
        let pairs = [(&before.standing, &uses.spaces), (&uses.standing, &before.spaces)];
        for (standing, spaces) in pairs {
            for ((station, robot), ix) in standing {
                let other = spaces.iter().find(|((s, r), _)| s == station && r != &Some(*robot));
                if let Some((_, other)) = other {
                    let station = &self.cell.stations[station.index()].name;
                    let why = format!(
                        "{} stands at `{station}` in one branch, where the other one works",
                        self.name(Mover::Robot(*robot))
                    );
                    self.collide(*ix.min(other), *ix.max(other), &why);
                }
            }
        }
    }

    fn moves(&self, ix: usize) -> bool {
        self.walked.steps[ix].kind == "move"
    }

    fn collide(&mut self, first: usize, second: usize, why: &str) {
        let labels = vec![(self.walked.effects[first].span, "beside this step".to_string())];
        let help = "put both steps into one branch, or one of them behind the `parallel`";
        self.said.extend([first, second]);
        self.d.sink.error_with(Code::Beside, self.walked.effects[second].span, why, help, labels);
    }
}

fn uses(step: &Step, mover: Mover) -> bool {
    step.resources.contains(&mover.resource())
}

/// What it finds, or that it could not, sends the unit to its reject path, and nobody is asked before.
pub(super) fn may_reject(step: &Step) -> bool {
    (step.judges() && step.on_fail.last() == Then::Reject) || step.on_fault.last() == Then::Reject
}

/// What one branch, or several, use: each with a step that does.
#[derive(Default)]
struct Uses {
    outputs: BTreeMap<(OutputId, bool), usize>,
    movers: BTreeMap<Mover, usize>,
    /// Those that a `move` brings somewhere for the steps behind it.
    moved: BTreeMap<Mover, usize>,
    /// Cobots that a `move` brings to a station.
    standing: BTreeMap<(StationId, RobotId), usize>,
    /// Stations whose space a step takes, with the cobot that works there.
    spaces: BTreeMap<(StationId, Option<RobotId>), usize>,
}

impl Uses {
    fn of(cell: &Cell, steps: &[Step], list: &[usize]) -> Uses {
        let mut uses = Uses::default();
        for ix in list {
            uses.operations(cell, &steps[*ix], *ix);
            uses.resources(&steps[*ix], *ix);
        }
        uses
    }

    fn operations(&mut self, cell: &Cell, step: &Step, ix: usize) {
        for p in step.ops.iter().chain(&step.cleanup) {
            if let Primitive::SetOutput { output, value } = p {
                self.outputs.entry((*output, *value)).or_insert(ix);
            }
            if let Some((Mover::Robot(robot), Some(stations))) = reached(cell, p) {
                for station in stations {
                    self.standing.entry((station, robot)).or_insert(ix);
                }
            }
        }
    }

    fn resources(&mut self, step: &Step, ix: usize) {
        let robot = step.resources.iter().find_map(|r| match r {
            Resource::Robot(robot) => Some(*robot),
            _ => None,
        });
        for resource in &step.resources {
            match resource {
                Resource::Axis(axis) => self.mover(Mover::Axis(*axis), step, ix),
                Resource::Robot(robot) => self.mover(Mover::Robot(*robot), step, ix),
                Resource::StationSpace(station) => {
                    self.spaces.entry((*station, robot)).or_insert(ix);
                }
                _ => {}
            }
        }
    }

    /// A `move` is kept before other steps that use the same: it is what others collide with.
    fn mover(&mut self, mover: Mover, step: &Step, ix: usize) {
        if step.kind == "move" {
            if self.moved.insert(mover, ix).is_none() {
                self.movers.insert(mover, ix);
            }
        } else {
            self.movers.entry(mover).or_insert(ix);
        }
    }

    fn add(&mut self, other: Uses) {
        self.outputs.extend(other.outputs);
        self.movers.extend(other.movers);
        self.moved.extend(other.moved);
        self.standing.extend(other.standing);
        self.spaces.extend(other.spaces);
    }
}

/// What a primitive moves, and the stations in which that stands afterwards: `None` where it is in nobody's way, an
/// empty list where it is in the table's way at no station in particular.
fn reached(cell: &Cell, primitive: &Primitive) -> Option<(Mover, Option<Vec<StationId>>)> {
    match primitive {
        Primitive::MoveTo { axis, target, .. } => {
            let clear =
                |c: &AxisClear| matches!(target, Target::Value(at) if (c.lo_au..=c.hi_au).contains(at));
            let in_the_way = clear_of(cell, *axis).is_some_and(|c| !clear(c));
            Some((Mover::Axis(*axis), in_the_way.then(|| stations_of(cell, *axis))))
        }
        Primitive::ApproachUntil { axis, .. } | Primitive::Tighten { axis, .. } => {
            let in_the_way = clear_of(cell, *axis).is_some();
            Some((Mover::Axis(*axis), in_the_way.then(|| stations_of(cell, *axis))))
        }
        Primitive::Robot { robot, request } => match request {
            RobotOp::MovePose { pose, .. } => {
                let station = cell.station(pose.strip_suffix(".above").unwrap_or(pose));
                Some((Mover::Robot(*robot), station.map(|s| vec![s])))
            }
            // On the way of a step that ends at home; a pose of it is said in the end.
            RobotOp::MoveStation { .. } | RobotOp::MoveTray { .. } | RobotOp::LeaveTray { .. } => {
                Some((Mover::Robot(*robot), None))
            }
            RobotOp::Grip { .. } => None,
        },
        _ => None,
    }
}

fn clear_of(cell: &Cell, axis: AxisId) -> Option<&AxisClear> {
    cell.table.as_ref()?.clear_when.iter().find(|c| c.axis == axis)
}

fn stations_of(cell: &Cell, axis: AxisId) -> Vec<StationId> {
    let of = |(n, s): (usize, &cellwright_model::cell::Station)| {
        s.axes.contains(&axis).then_some(StationId(n as u16))
    };
    cell.stations.iter().enumerate().filter_map(of).collect()
}
