//! Volumes that several bodies share, one at a time: zones (`zones:` in cell.yaml). They keep machines from running into
//! each other; they protect no person.
//!
//! *Body*: an axis, the table, a cobot. *Inside*: measured there, or nobody knows where it is.

mod way;

pub use way::{Reach, Way, Whereabouts};

use serde::{Deserialize, Serialize};

use crate::cell::Cell;
use crate::limits::{JOINTS, ROBOT_MOVING_AGE_MAX};
use crate::plan::Resource;
use crate::robot::{Joints, RobotState};
use crate::{AxisId, RobotId, TimeNs};

/// A shared volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    pub name: String,
    /// Two at the least, each once.
    pub bodies: Vec<Body>,
}

/// Something that can be in a zone, and where it is when it is inside.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// Inside while its position is within these (au), the ends included.
    Axis { axis: AxisId, lo_au: f64, hi_au: f64 },
    /// The index table: inside while it turns.
    Table { axis: AxisId },
    /// Inside while each of these joints is within its range.
    Robot { robot: RobotId, volume: JointBox },
}

/// A box in joint space: ranges of some joints in degrees, the ends included; the others do not matter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JointBox(pub [Option<(f64, f64)>; JOINTS]);

/// A body without its volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mover {
    Axis(AxisId),
    Robot(RobotId),
}

impl Body {
    /// What moves.
    pub fn mover(&self) -> Mover {
        match self {
            Body::Axis { axis, .. } | Body::Table { axis } => Mover::Axis(*axis),
            Body::Robot { robot, .. } => Mover::Robot(*robot),
        }
    }
}

impl Mover {
    /// Its name in the cell.
    pub fn name(self, cell: &Cell) -> &str {
        match self {
            Mover::Axis(axis) => cell.axes.get(axis.index()).map_or("an axis", |a| &a.name),
            Mover::Robot(robot) => cell.robots.get(robot.index()).map_or("a cobot", |r| &r.name),
        }
    }

    /// What a step holds that moves it.
    pub fn resource(self) -> Resource {
        match self {
            Mover::Axis(axis) => Resource::Axis(axis),
            Mover::Robot(robot) => Resource::Robot(robot),
        }
    }
}

impl Zone {
    /// The table is one of its bodies.
    pub fn has_table(&self) -> bool {
        self.bodies.iter().any(|b| matches!(b, Body::Table { .. }))
    }

    /// The volume of a cobot in it.
    pub fn volume(&self, robot: RobotId) -> Option<&JointBox> {
        self.bodies.iter().find_map(|b| match b {
            Body::Robot { robot: r, volume } if *r == robot => Some(volume),
            _ => None,
        })
    }

    /// An axis is inside somewhere between two positions (au).
    pub fn meets_axis(&self, axis: AxisId, from_au: f64, to_au: f64) -> bool {
        self.bodies.iter().any(|b| match b {
            Body::Axis { axis: a, lo_au, hi_au } => *a == axis && overlap((from_au, to_au), (*lo_au, *hi_au)),
            Body::Table { axis: a } => *a == axis && from_au != to_au,
            Body::Robot { .. } => false,
        })
    }

    /// A cobot is inside somewhere on a joint move.
    pub fn meets_robot(&self, robot: RobotId, from: &Joints, to: &Joints) -> bool {
        self.volume(robot).is_some_and(|volume| volume.is_met(from, to))
    }
}

impl JointBox {
    /// These joints are in it; not a number is.
    pub fn holds(&self, joints: &Joints) -> bool {
        self.is_met(joints, joints)
    }

    /// A joint move between these may come into it. Each joint goes from one to the other without turning round, at its
    /// own pace: whatever it passes lies in the box around both.
    pub fn is_met(&self, from: &Joints, to: &Joints) -> bool {
        self.0
            .iter()
            .zip(from.iter().zip(to))
            .all(|(range, (a, b))| range.is_none_or(|r| overlap((*a, *b), r)))
    }

    /// A cobot in this state counts as inside: it is, it may be on its way in since it was heard, or it is not heard.
    pub fn may_hold(&self, state: &RobotState, now: TimeNs) -> bool {
        let silent = state.moving && now.since(state.stamp) > ROBOT_MOVING_AGE_MAX;
        state.lost || silent || !state.is_known(now) || self.holds(&state.joints)
    }
}

/// The direction (1 or -1) in which an axis leaves its volume: towards its home, which is outside.
pub fn way_out(at_au: f64, home_au: f64) -> f64 {
    if home_au < at_au { -1.0 } else { 1.0 }
}

/// A way and a range have a point in common; a way with an end that is not a number has.
fn overlap((a, b): (f64, f64), (lo, hi): (f64, f64)) -> bool {
    a.is_nan() || b.is_nan() || (a.max(b) >= lo && a.min(b) <= hi)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DurationNs;

    const PAN: JointBox = JointBox([Some((-60.0, -20.0)), Some((-80.0, 0.0)), None, None, None, None]);

    fn at(pan: f64, lift: f64) -> Joints {
        [pan, lift, 0.0, 0.0, 0.0, 0.0]
    }

    #[test]
    fn every_joint_has_to_be_in_its_range() {
        assert!(PAN.holds(&at(-60.0, -80.0)));
        assert!(!PAN.holds(&at(-40.0, -90.0)));
        assert!(!PAN.holds(&at(0.0, -70.0)));
        assert!(PAN.holds(&at(f64::NAN, -70.0)), "what is not known is inside");
        assert!(PAN.is_met(&at(0.0, -70.0), &at(f64::NAN, -70.0)), "and so is a way whose end is not");
    }

    #[test]
    fn a_move_may_come_into_it_where_the_box_around_it_does() {
        assert!(PAN.is_met(&at(0.0, -70.0), &at(-90.0, -70.0)), "through it");
        assert!(PAN.is_met(&at(0.0, -70.0), &at(-40.0, -90.0)), "over its corner");
        assert!(!PAN.is_met(&at(0.0, -90.0), &at(-90.0, -90.0)), "above it");
        assert!(!PAN.is_met(&at(0.0, -70.0), &at(40.0, -70.0)));
    }

    #[test]
    fn who_is_not_heard_is_inside() {
        let now = TimeNs(10_000_000_000);
        let rest = RobotState { stamp: now, joints: at(0.0, -90.0), ..RobotState::default() };
        assert!(!PAN.may_hold(&rest, now));
        assert!(!PAN.may_hold(&rest, now + DurationNs::from_millis(2_900)));
        assert!(PAN.may_hold(&rest, now + DurationNs::from_millis(3_100)));
        assert!(PAN.may_hold(&RobotState { lost: true, ..rest }, now));
        let moving = RobotState { moving: true, ..rest };
        assert!(!PAN.may_hold(&moving, now + DurationNs::from_millis(100)));
        assert!(PAN.may_hold(&moving, now + DurationNs::from_millis(300)));
    }

    #[test]
    fn an_axis_leaves_towards_its_home() {
        assert_eq!((way_out(29.0, 0.0), way_out(0.0, 20.0)), (-1.0, 1.0));
    }

    #[test]
    fn axes_are_inside_on_their_way_too() {
        let (press, table) = (AxisId(1), AxisId(3));
        let axis = Body::Axis { axis: press, lo_au: 20.0, hi_au: 62.0 };
        let zone = Zone { name: "press".into(), bodies: vec![axis, Body::Table { axis: table }] };
        assert!(zone.meets_axis(press, 0.0, 20.0));
        assert!(!zone.meets_axis(press, 0.0, 19.9));
        assert!(!zone.meets_axis(AxisId(0), 0.0, 60.0));
        assert!(zone.meets_axis(table, 0.0, 90.0) && !zone.meets_axis(table, 90.0, 90.0));
    }
}
