//! The way of a step through the zones, operation by operation: where its movers come in, and where they are in the end.
//! What nobody knows is everywhere.

use std::collections::{BTreeMap, BTreeSet};

use super::{Mover, Zone};
use crate::limits::JOINTS;
use crate::plan::{Primitive, RobotOp, Step, Target};
use crate::robot::Joints;
use crate::{AxisId, RobotId, ZoneId};

/// Where something may be: a box around all of it, the ends included. Joints in degrees, an axis in its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reach {
    Axis(f64, f64),
    Robot(Joints, Joints),
}

/// What a way is looked at with.
pub trait Whereabouts {
    /// Where it is before the step.
    fn before(&self, mover: Mover) -> Reach;
    /// Where an axis can be at all.
    fn travel(&self, axis: AxisId) -> (f64, f64);
    /// Where a request leads a cobot; `None`: nowhere.
    fn target(&self, robot: RobotId, request: &RobotOp) -> Option<Reach>;
}

/// What a step comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Way {
    /// Zones, and with what it comes into them.
    pub comes: BTreeSet<(ZoneId, Mover)>,
    /// Where its movers are in the end.
    pub ends: BTreeMap<Mover, Reach>,
}

impl Reach {
    /// One place.
    pub fn at(joints: Joints) -> Reach {
        Reach::Robot(joints, joints)
    }

    /// A cobot of which nobody knows where it is.
    pub const ANYWHERE: Reach = Reach::Robot([f64::NEG_INFINITY; JOINTS], [f64::INFINITY; JOINTS]);

    /// The box around both; of things of two kinds, the first.
    pub fn around(self, other: Reach) -> Reach {
        match (self, other) {
            (Reach::Axis(a, b), Reach::Axis(c, d)) => Reach::Axis(a.min(c), b.max(d)),
            (Reach::Robot(a, b), Reach::Robot(c, d)) => Reach::Robot(
                core::array::from_fn(|j| a[j].min(c[j])),
                core::array::from_fn(|j| b[j].max(d[j])),
            ),
            (first, _) => first,
        }
    }

    /// The mover, anywhere in this box, may be in the zone.
    pub fn meets(&self, zone: &Zone, mover: Mover) -> bool {
        match (mover, self) {
            (Mover::Axis(axis), Reach::Axis(lo, hi)) => zone.meets_axis(axis, *lo, *hi),
            (Mover::Robot(robot), Reach::Robot(lo, hi)) => zone.meets_robot(robot, lo, hi),
            _ => false,
        }
    }
}

impl Way {
    /// Of a step, its cleanup included: that begins wherever the step is broken off.
    pub fn of(step: &Step, zones: &[Zone], of: &impl Whereabouts) -> Way {
        let mut walk =
            Walk { zones, of, now: BTreeMap::new(), passed: BTreeMap::new(), comes: BTreeSet::new() };
        step.ops.iter().for_each(|p| walk.pass(p));
        if !step.cleanup.is_empty() {
            walk.now = walk.passed.clone();
            step.cleanup.iter().for_each(|p| walk.pass(p));
        }
        Way { comes: walk.comes, ends: walk.now }
    }
}

struct Walk<'z, W> {
    zones: &'z [Zone],
    of: &'z W,
    now: BTreeMap<Mover, Reach>,
    /// All that it has passed.
    passed: BTreeMap<Mover, Reach>,
    comes: BTreeSet<(ZoneId, Mover)>,
}

impl<W: Whereabouts> Walk<'_, W> {
    fn pass(&mut self, primitive: &Primitive) {
        match primitive {
            Primitive::MoveTo { axis, target, .. } => {
                let (lo, hi) = self.bound(*axis, target);
                self.come(Mover::Axis(*axis), Reach::Axis(lo, hi));
            }
            Primitive::ApproachUntil { axis, limit, .. } => {
                let (lo, hi) = self.bound(*axis, limit);
                let mover = Mover::Axis(*axis);
                self.come(mover, self.at(mover).around(Reach::Axis(lo, hi)));
            }
            Primitive::Tighten { axis, angle_max_au, .. } => {
                let mover = Mover::Axis(*axis);
                let Reach::Axis(lo, hi) = self.at(mover) else { return };
                self.come(mover, Reach::Axis(lo - angle_max_au, hi + angle_max_au));
            }
            Primitive::Robot { robot, request } => {
                if let Some(to) = self.of.target(*robot, request) {
                    self.come(Mover::Robot(*robot), to);
                }
            }
            _ => {}
        }
    }

    fn bound(&self, axis: AxisId, target: &Target) -> (f64, f64) {
        match target {
            Target::Value(to) => (*to, *to),
            Target::FromRegister { .. } => self.of.travel(axis),
        }
    }

    fn at(&self, mover: Mover) -> Reach {
        self.now.get(&mover).copied().unwrap_or_else(|| self.of.before(mover))
    }

    fn come(&mut self, mover: Mover, to: Reach) {
        let way = self.at(mover).around(to);
        let met = self.zones.iter().enumerate().filter(|(_, zone)| way.meets(zone, mover));
        self.comes.extend(met.map(|(i, _)| (ZoneId(i as u16), mover)));
        let passed = self.passed.get(&mover).map_or(way, |p| p.around(way));
        self.passed.insert(mover, passed);
        self.now.insert(mover, to);
    }
}
