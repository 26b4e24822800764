//! All postures of an arm whose axes 2, 3 and 4 are parallel and whose axes 5 and 6 meet: the build of the UR series
//! and of most cobots like it. It is recognised by the axes themselves, as they stand at 0 rad.
//!
//! Terms. *Parallel direction*: that of axes 2, 3, 4; turns about them change nothing along it. *Meeting point*: of
//! axes 5 and 6; their turns do not move it. The pose is taken as the product of turns about the axes at 0 rad and the
//! flange at 0 rad (product of exponentials; Lynch and Park, Modern Robotics, 4.1 and 6.1), so that no frames have to
//! be laid into the arm:
//!
//! 1. Turned back about axis 1, the meeting point has the coordinate along the parallel direction that it has at 0 rad:
//!    two positions of joint 1.
//! 2. So has the direction of axis 6, turned back about axis 1: two positions of joint 5.
//! 3. The parallel direction, seen from the flange, is turned by joints 5 and 6 only: joint 6.
//! 4. What is left is a motion in the plane across the parallel direction, of an arm of two links: two positions of
//!    joint 3, then joints 2 and 4.

use nalgebra::{Rotation2, Translation3, Unit, UnitQuaternion, Vector2, Vector3};

use super::Shortfall;
use crate::arm::{ARM_JOINTS, Arm, Posture};
use crate::forward::Axis;
use crate::pose::Pose;

/// Axes this parallel, and meeting this closely, give postures from which the exact chain is reached in a few steps:
/// the differences of an arm that was calibrated are smaller.
const PARALLEL_RAD_MAX: f64 = 0.01;
const MEETING_M_MAX: f64 = 0.005;
/// Axes that have to cross do so by this at least (sine of the angle).
const CROSSING_MIN: f64 = 0.1;
/// Upper arm and forearm are longer than this.
const LINK_M_MIN: f64 = 0.01;
/// The sine of joint 5 below which axes 4 and 6 are in line, so that joint 6 may stand anywhere: the cosine, from which
/// it comes, has no more digits.
const IN_LINE: f64 = 1e-7;

/// The geometry, at 0 rad, in the base link's frame.
#[derive(Debug, Clone)]
pub(crate) struct ParallelAxes {
    first: Axis,
    fifth: Axis,
    sixth: Axis,
    /// The parallel direction, and two across it, right-handed: a turn about it leads from the first to the second.
    along: Vector3<f64>,
    across: [Vector3<f64>; 2],
    /// +1 or -1: joints 3 and 4 turn as joint 2 does, or against it.
    third_sign: f64,
    fourth_sign: f64,
    /// Points on axes 2 and 4.
    second_point: Vector3<f64>,
    fourth_point: Vector3<f64>,
    /// From axis 2 to axis 3 and from there to axis 4, across the parallel direction.
    upper_arm: Vector2<f64>,
    forearm: Vector2<f64>,
    meeting: Vector3<f64>,
    /// Undoes the flange at 0 rad.
    flange_back: Pose,
    /// What the real axes differ from parallel and meeting ones makes a pose look out of reach by this at most, in
    /// metres or in radians.
    slack: f64,
}

/// What the closed form gives.
pub(crate) struct Candidates {
    /// Exact if the axes are exactly as supposed, otherwise near.
    pub(crate) postures: Vec<Posture>,
    /// By how much the branch fails that comes nearest of those that fail.
    pub(crate) short: Option<Shortfall>,
}

impl ParallelAxes {
    pub(crate) fn of(arm: &Arm) -> Option<Self> {
        let zero = Posture::from_rad([0.0; ARM_JOINTS]);
        let axes = arm.chain().axes(zero.rad()).ok()?;
        let [first, second, third, fourth, fifth, sixth] = axes.try_into().ok()?;
        let along = second.direction;
        let skew = [third, fourth].iter().map(|a| a.direction.cross(&along).norm()).fold(0.0, f64::max);
        let crossings =
            [(first.direction, along), (fifth.direction, along), (fifth.direction, sixth.direction)];
        let (meeting, miss_m) = meeting(&fifth, &sixth)?;
        let fits = skew <= PARALLEL_RAD_MAX
            && miss_m <= MEETING_M_MAX
            && crossings.iter().all(|(a, b)| a.cross(b).norm() >= CROSSING_MIN);
        let across = basis_across(&along);
        let flat = |v: Vector3<f64>| Vector2::new(v.dot(&across[0]), v.dot(&across[1]));
        let upper_arm = flat(third.point - second.point);
        let forearm = flat(fourth.point - third.point);
        let links = upper_arm.norm().min(forearm.norm());
        (fits && links >= LINK_M_MIN).then_some(Self {
            along,
            across,
            third_sign: third.direction.dot(&along).signum(),
            fourth_sign: fourth.direction.dot(&along).signum(),
            second_point: second.point,
            fourth_point: fourth.point,
            upper_arm,
            forearm,
            meeting,
            flange_back: arm.flange(&zero).inverse(),
            slack: 1e-9 + 2.0 * miss_m + 2.0 * skew * (upper_arm.norm() + forearm.norm()),
            first,
            fifth,
            sixth,
        })
    }

    fn flat(&self, v: Vector3<f64>) -> Vector2<f64> {
        Vector2::new(v.dot(&self.across[0]), v.dot(&self.across[1]))
    }

    /// By how much a pose that looks out of reach is so for certain.
    pub(crate) fn proves(&self, short: &Shortfall) -> bool {
        short.by_m + short.by_rad > self.slack
    }

    /// Up to eight postures; where a joint may stand anywhere it stands as in `seed`.
    pub(crate) fn candidates(&self, flange: &Pose, seed: &Posture) -> Candidates {
        // The product of the six turns.
        let turns = flange * self.flange_back;
        let mut found = Candidates { postures: Vec::with_capacity(8), short: None };
        for q1 in self.first_joint(&turns, seed, &mut found) {
            let behind_first = about(&self.first, -q1) * turns;
            for q5 in self.fifth_joint(&behind_first, seed, &mut found) {
                let q6 = self.sixth_joint(&behind_first, q5, seed);
                let plane = behind_first * about(&self.sixth, -q6) * about(&self.fifth, -q5);
                for [q2, q3, q4] in self.planar_joints(&plane, seed, &mut found) {
                    found.postures.push(Posture::from_rad([q1, q2, q3, q4, q5, q6]));
                }
            }
        }
        found
    }

    /// Step 1 of the module.
    fn first_joint(&self, turns: &Pose, seed: &Posture, found: &mut Candidates) -> Vec<f64> {
        let axis = &self.first;
        let from_axis = turns.rotation * self.meeting + turns.translation.vector - axis.point;
        let fixed = axis.direction * axis.direction.dot(&from_axis);
        let a = self.along.dot(&(from_axis - fixed));
        let b = -self.along.dot(&axis.direction.cross(&from_axis));
        let c = self.along.dot(&(self.meeting - axis.point - fixed));
        found.note(c.abs() - a.hypot(b), 0.0);
        angles(a, b, c, self.slack, seed.rad()[0])
    }

    /// Step 2. The slack is an angle here: that of axes which are not quite parallel.
    fn fifth_joint(&self, behind_first: &Pose, seed: &Posture, found: &mut Candidates) -> Vec<f64> {
        let (fifth, sixth) = (self.fifth.direction, self.sixth.direction);
        let fixed = fifth * fifth.dot(&sixth);
        let a = self.along.dot(&(sixth - fixed));
        let b = self.along.dot(&fifth.cross(&sixth));
        let c = self.along.dot(&(behind_first.rotation * sixth - fixed));
        found.note(0.0, c.abs() - a.hypot(b));
        angles(a, b, c, self.slack, seed.rad()[4])
    }

    /// Step 3.
    fn sixth_joint(&self, behind_first: &Pose, q5: f64, seed: &Posture) -> f64 {
        let seen = behind_first.rotation.inverse() * self.along;
        let before = about(&self.fifth, -q5).rotation * self.along;
        let in_line = self.sixth.direction.cross(&before).norm() < IN_LINE;
        if in_line { seed.rad()[5] } else { angle_about(&self.sixth.direction, &seen, &before) }
    }

    /// Step 4: joints 2, 3 and 4.
    fn planar_joints(&self, plane: &Pose, seed: &Posture, found: &mut Candidates) -> Vec<[f64; 3]> {
        let whole = angle_about(&self.along, &self.across[0], &(plane.rotation * self.across[0]));
        let wrist = plane.rotation * self.fourth_point + plane.translation.vector - self.second_point;
        let wrist = self.flat(wrist);
        let (upper, fore, reach) = (self.upper_arm.norm(), self.forearm.norm(), wrist.norm());
        found.note((reach - upper - fore).max((upper - fore).abs() - reach), 0.0);
        let a = self.upper_arm.dot(&self.forearm);
        let b = self.upper_arm.dot(&Vector2::new(-self.forearm.y, self.forearm.x));
        let c = (reach.powi(2) - upper.powi(2) - fore.powi(2)) / 2.0;
        let third = angles(a, b, c, self.slack * (upper + fore), 0.0);
        let joints = third.into_iter().map(|third| {
            let folded = self.upper_arm + Rotation2::new(third) * self.forearm;
            // With the wrist on axis 2 the upper arm may point anywhere.
            let second =
                if folded.norm() < 1e-9 { seed.rad()[1] } else { angle_of(&wrist) - angle_of(&folded) };
            [second, self.third_sign * third, self.fourth_sign * (whole - second - third)]
        });
        joints.collect()
    }
}

impl Candidates {
    /// A branch fails by so much, if it does.
    fn note(&mut self, by_m: f64, by_rad: f64) {
        let (by_m, by_rad) = (by_m.max(0.0), by_rad.max(0.0));
        let nearer = self.short.is_none_or(|s| by_m + by_rad < s.by_m + s.by_rad);
        if by_m + by_rad > 0.0 && nearer {
            self.short = Some(Shortfall { by_m, by_rad, proven: true });
        }
    }
}

/// The point midway between two axes where they are closest, and how far they are apart there. `None` for parallel
/// ones.
fn meeting(a: &Axis, b: &Axis) -> Option<(Vector3<f64>, f64)> {
    let normal = a.direction.cross(&b.direction);
    let square = normal.norm_squared();
    if square < CROSSING_MIN.powi(2) {
        return None;
    }
    let between = b.point - a.point;
    let on_a = a.point + a.direction * (between.cross(&b.direction).dot(&normal) / square);
    let on_b = b.point + b.direction * (between.cross(&a.direction).dot(&normal) / square);
    Some(((on_a + on_b) / 2.0, (on_b - on_a).norm()))
}

/// Two unit vectors across `along`; a positive turn about it leads from the first to the second.
fn basis_across(along: &Vector3<f64>) -> [Vector3<f64>; 2] {
    // The coordinate axis that is least along it.
    let other = Vector3::ith(along.iamin(), 1.0);
    let first = Unit::new_normalize(other - along * along.dot(&other)).into_inner();
    [first, along.cross(&first)]
}

/// The turn by `angle` about an axis that stands still.
fn about(axis: &Axis, angle: f64) -> Pose {
    // A direction of an axis is a unit vector already.
    let turn = UnitQuaternion::from_axis_angle(&Unit::new_unchecked(axis.direction), angle);
    Pose::from_parts(Translation3::from(axis.point - turn * axis.point), turn)
}

/// The turn about `axis` that leads from `from` to `to`, both seen along it.
fn angle_about(axis: &Vector3<f64>, from: &Vector3<f64>, to: &Vector3<f64>) -> f64 {
    let from = from - axis * axis.dot(from);
    axis.dot(&from.cross(to)).atan2(from.dot(to))
}

fn angle_of(v: &Vector2<f64>) -> f64 {
    v.y.atan2(v.x)
}

/// The angles x with a cos x + b sin x = c: two, or none if |c| is larger than a and b allow by more than `slack`. With
/// a and b zero any angle does, and `free` is told.
fn angles(a: f64, b: f64, c: f64, slack: f64, free: f64) -> Vec<f64> {
    let size = a.hypot(b);
    if c.abs() > size + slack {
        return Vec::new();
    }
    if size <= f64::EPSILON {
        return vec![free];
    }
    let half = (c / size).clamp(-1.0, 1.0).acos();
    let middle = b.atan2(a);
    if half == 0.0 { vec![middle] } else { vec![middle - half, middle + half] }
}
