//! Full turns, limits, and which posture is the nearest.

use std::f64::consts::{PI, TAU};

use crate::arm::{ARM_JOINTS, Posture};
use crate::chain::{Joint, LIMIT_SLACK_RAD};

/// A joint that would have to go beyond its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct OutsideLimit {
    pub joint: String,
    /// Where it would have to stand, by that full turn which is outside least.
    pub at_rad: f64,
    pub lower_rad: f64,
    pub upper_rad: f64,
}

impl OutsideLimit {
    pub(crate) fn new(joint: &Joint, at_rad: f64) -> Self {
        let (lower_rad, upper_rad) = (joint.limits.lower_rad, joint.limits.upper_rad);
        Self { joint: joint.name.clone(), at_rad, lower_rad, upper_rad }
    }
}

/// As a person reads them, in degrees.
pub(crate) fn list(outside: &[OutsideLimit]) -> String {
    let one = |o: &OutsideLimit| {
        let [at, lower, upper] = [o.at_rad, o.lower_rad, o.upper_rad].map(f64::to_degrees);
        format!("joint `{}` at {at:.2} degrees, limits {lower:.2} to {upper:.2}", o.joint)
    };
    outside.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// The same direction above -pi and up to pi.
pub fn wrapped_rad(angle_rad: f64) -> f64 {
    let wrapped = angle_rad - TAU * (angle_rad / TAU).round();
    if wrapped <= -PI { wrapped + TAU } else { wrapped }
}

/// The same posture by those full turns of each joint that are nearest to `seed`, whatever the limits.
pub fn nearest_turn(posture: &Posture, seed: &Posture) -> Posture {
    let joints = posture.rad();
    Posture::from_rad(core::array::from_fn(|j| nearest_turn_of(joints[j], seed.rad()[j])))
}

/// The same posture by those full turns of each joint within its limits that are nearest to `seed`. Error: the joints
/// that no full turn brings within their limits.
pub fn nearest_within(
    posture: &Posture,
    seed: &Posture,
    joints: &[Joint],
) -> Result<Posture, Vec<OutsideLimit>> {
    let mut chosen = [0.0; ARM_JOINTS];
    let mut outside = Vec::new();
    for (j, joint) in joints.iter().enumerate().take(ARM_JOINTS) {
        match turn_within(posture.rad()[j], seed.rad()[j], joint) {
            Ok(at) => chosen[j] = at,
            Err(at) => outside.push(OutsideLimit::new(joint, at)),
        }
    }
    if outside.is_empty() { Ok(Posture::from_rad(chosen)) } else { Err(outside) }
}

/// Of `at` and its full turns the one within the limits that is nearest to `seed`, or else the one that is outside
/// least.
fn turn_within(at: f64, seed: f64, joint: &Joint) -> Result<f64, f64> {
    let limits = &joint.limits;
    // The first and the last full turn within the limits, rounding as in `JointLimits::contain`.
    let first = at + TAU * ((limits.lower_rad - LIMIT_SLACK_RAD - at) / TAU).ceil();
    let last = at + TAU * ((limits.upper_rad + LIMIT_SLACK_RAD - at) / TAU).floor();
    if first <= last {
        return Ok(nearest_turn_of(at, seed).max(first).min(last));
    }
    Err(nearest_turn_of(at, (limits.lower_rad + limits.upper_rad) / 2.0))
}

fn nearest_turn_of(at: f64, seed: f64) -> f64 {
    seed + wrapped_rad(at - seed)
}

/// The sum of the squares of the joints' ways, in square radians.
pub fn square_distance(a: &Posture, b: &Posture) -> f64 {
    a.rad().iter().zip(b.rad()).map(|(a, b)| (a - b).powi(2)).sum()
}
