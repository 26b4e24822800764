//! Cobots: joint limits and taught poses, in degrees.

use cellwright_model::DurationNs;
use cellwright_model::cell::{Cell, Pose, Robot};
use cellwright_model::limits::{self, JOINTS};
use cellwright_model::robot::Joints;

use super::devices::answer_timeout;
use super::ros2::ros2;
use super::{ENTRIES_MAX, entries};
use crate::code::Code;
use crate::decode::{Decoder, Fields};
use crate::source::Span;
use crate::tree::Node;

/// Most that a pose may be touched up at the machine.
const TOUCH_UP_MAX_DEG: f64 = 5.0;

pub(super) fn robots(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &mut Cell) {
    let Some(node) = f.opt("robots", d, |_, n| Some(n)) else { return };
    for entry in entries(d, node, limits::ROBOTS_MAX) {
        let mut robot = Robot {
            name: entry.key.clone(),
            joint_lo: [f64::NAN; JOINTS],
            joint_hi: [f64::NAN; JOINTS],
            joint_velocity_max: [f64::NAN; JOINTS],
            joint_acceleration_max: [f64::NAN; JOINTS],
            joint_jerk_max: [f64::NAN; JOINTS],
            poses: Vec::new(),
            touch_up_deg: 0.0,
            answer_timeout: DurationNs(0),
            ros2: None,
        };
        if let Some(mut f) = d.fields(&entry.node) {
            joint_limits(d, &mut f, &mut robot);
            robot.answer_timeout = f.req("answer_timeout", d, answer_timeout).unwrap_or_default();
            robot.touch_up_deg = f.opt("touch_up", d, touch_up).unwrap_or(0.0);
            if let Some(node) = f.req("poses", d, |_, n| Some(n)) {
                poses(d, node, &mut robot);
            }
            robot.ros2 = f.opt("ros2", d, |d, n| ros2(d, n, &robot));
            f.finish(d);
        }
        cell.robots.push(robot);
    }
}

/// A number in degrees, as the joints of poses are.
fn touch_up(d: &mut Decoder<'_>, node: &Node) -> Option<f64> {
    let within = d.number(node)?;
    if !(0.0..=TOUCH_UP_MAX_DEG).contains(&within) {
        let message = format!("poses may be touched up by {within} deg");
        let help = format!("write 0 to {TOUCH_UP_MAX_DEG} deg: what is further away is another pose");
        d.sink.error(Code::OutOfRange, node.span, message, help);
        return None;
    }
    Some(within)
}

fn joint_limits(d: &mut Decoder<'_>, f: &mut Fields<'_>, robot: &mut Robot) {
    let Some(mut f) = f.req("joints", d, |d, n| d.fields(n)) else { return };
    let lo = f.req("lo", d, joints);
    let hi = f.req("hi", d, |d, n| {
        let hi = joints(d, n)?;
        let reversed = lo.and_then(|lo| (0..JOINTS).find(|&j| lo[j] >= hi[j]));
        if let Some(j) = reversed {
            let message = format!("joint {} has no room between its limits", j + 1);
            d.sink.error(Code::TravelEmpty, n.span, message, "`hi` is above `lo` for each joint");
        }
        Some(hi)
    });
    let mut positive = |field| f.req(field, d, positive_joints).unwrap_or([f64::NAN; JOINTS]);
    robot.joint_velocity_max = positive("velocity_max");
    robot.joint_acceleration_max = positive("acceleration_max");
    robot.joint_jerk_max = positive("jerk_max");
    robot.joint_lo = lo.unwrap_or([f64::NAN; JOINTS]);
    robot.joint_hi = hi.unwrap_or([f64::NAN; JOINTS]);
    f.finish(d);
}

fn positive_joints(d: &mut Decoder<'_>, node: &Node) -> Option<Joints> {
    let values = joints(d, node)?;
    if let Some(j) = values.iter().position(|v| *v <= 0.0) {
        let message = format!("joint {}: {} is not positive", j + 1, values[j]);
        d.sink.error(Code::NotPositive, node.span, message, "write values above zero");
    }
    Some(values)
}

/// Six numbers: degrees, or degrees per second to some power.
pub(super) fn joints(d: &mut Decoder<'_>, node: &Node) -> Option<Joints> {
    let list = d.list(node)?;
    if list.len() != JOINTS {
        let message = format!("{} numbers, a cobot has {JOINTS} joints", list.len());
        d.sink.error(Code::Capacity, node.span, message, format!("write {JOINTS} numbers in degrees"));
        return None;
    }
    let values: Vec<_> = list.iter().filter_map(|n| d.number(n)).collect();
    values.try_into().ok()
}

/// Refuses joints outside the limits of a robot.
pub(super) fn check_joints(d: &mut Decoder<'_>, span: Span, at: &Joints, robot: &Robot, what: &str) {
    for (j, value) in at.iter().enumerate() {
        let (lo, hi) = (robot.joint_lo[j], robot.joint_hi[j]);
        if *value < lo || *value > hi {
            let message = format!("{what}: joint {} of `{}` at {value} deg", j + 1, robot.name);
            let help = format!("joint {} moves within {lo} .. {hi} deg: teach it again", j + 1);
            d.sink.error(Code::JointLimit, span, message, help);
        }
    }
}

fn poses(d: &mut Decoder<'_>, node: &Node, robot: &mut Robot) {
    for entry in entries(d, node, ENTRIES_MAX) {
        let at = joints(d, &entry.node);
        let pose = Pose { name: entry.key.clone(), joints: at.unwrap_or([f64::NAN; JOINTS]) };
        if at.is_some() {
            check_joints(d, entry.node.span, &pose.joints, robot, "this pose");
        }
        robot.poses.push(pose);
    }
    if robot.pose("home").is_none() {
        let message = format!("`{}` has no pose `home`", robot.name);
        d.sink.error(Code::NoPose, node.span, message, "teach the pose to which `resetting` brings it");
    }
}
