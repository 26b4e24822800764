//! Where a frame stands in another: arithmetic of poses, and the ways in and out in other units.
//!
//! Axes and units follow REP-103: right-handed frames, metres, radians; roll, pitch, yaw turn about the fixed axes
//! x, y, z in this order, as `rpy` of a URDF does.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};

/// A frame in another one, or the motion that takes the other one there: translation in metres, rotation as a unit
/// quaternion. `a * b` is `b`, given in `a`, seen from where `a` is given.
pub type Pose = Isometry3<f64>;

/// How far two poses are apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// Distance of the origins in metres.
    pub distance_m: f64,
    /// Angle of the one rotation that turns one into the other, in radians, 0 to pi.
    pub angle_rad: f64,
}

impl Gap {
    /// Neither is larger than its bound.
    pub fn is_within(self, distance_m: f64, angle_rad: f64) -> bool {
        self.distance_m <= distance_m && self.angle_rad <= angle_rad
    }
}

/// How far `a` and `b` are apart, given in the same frame.
pub fn gap(a: &Pose, b: &Pose) -> Gap {
    let distance_m = (a.translation.vector - b.translation.vector).norm();
    Gap { distance_m, angle_rad: a.rotation.angle_to(&b.rotation) }
}

/// A pose from metres and radians.
pub fn pose(xyz_m: [f64; 3], rpy_rad: [f64; 3]) -> Pose {
    let rotation = UnitQuaternion::from_euler_angles(rpy_rad[0], rpy_rad[1], rpy_rad[2]);
    Pose::from_parts(Translation3::from(Vector3::from(xyz_m)), rotation)
}

/// A pose from millimetres and degrees, as people write them.
pub fn pose_from_mm_deg(xyz_mm: [f64; 3], rpy_deg: [f64; 3]) -> Pose {
    pose(xyz_mm.map(|v| v / 1000.0), rpy_deg.map(f64::to_radians))
}

/// Millimetres, and roll, pitch, yaw in degrees, as people read them. At a pitch of 90 degrees roll and yaw turn about
/// the same axis; the roll is then told as 0.
pub fn pose_to_mm_deg(pose: &Pose) -> ([f64; 3], [f64; 3]) {
    let (roll, pitch, yaw) = pose.rotation.euler_angles();
    let t = pose.translation.vector * 1000.0;
    ([t.x, t.y, t.z], [roll, pitch, yaw].map(f64::to_degrees))
}

/// Every number of it is finite.
pub fn is_finite(pose: &Pose) -> bool {
    let numbers = pose.translation.vector.iter().chain(pose.rotation.coords.iter());
    numbers.into_iter().all(|v| v.is_finite())
}

/// Away from `target` by `distance_m` against the direction in which its own z axis looks: where an approach along the
/// tool begins, and a retreat ends.
pub fn back_along_z(target: &Pose, distance_m: f64) -> Pose {
    target * Translation3::new(0.0, 0.0, -distance_m)
}

/// The part `share` (0 to 1) of the way from `from` to `to`: on the straight line, and evenly about the one axis of
/// the turn between them. `None` for a half turn, which could go either way around.
pub fn between(from: &Pose, to: &Pose, share: f64) -> Option<Pose> {
    let turn = (to.rotation * from.rotation.inverse()).scaled_axis();
    if turn.norm() > std::f64::consts::PI - HALF_TURN_RAD {
        return None;
    }
    let at = from.translation.vector.lerp(&to.translation.vector, share);
    Some(Pose::from_parts(
        Translation3::from(at),
        UnitQuaternion::from_scaled_axis(turn * share) * from.rotation,
    ))
}

/// So near to a half turn nobody could have meant one of the two ways around.
const HALF_TURN_RAD: f64 = 1e-6;

/// What takes `from` to `to`, seen from the frame in which both are given: metres, then the axis of the turn times its
/// angle in radians (Siciliano et al., Robotics, 3.7.3: position and orientation error).
pub(crate) fn error(from: &Pose, to: &Pose) -> nalgebra::Vector6<f64> {
    let moved = to.translation.vector - from.translation.vector;
    let turned = (to.rotation * from.rotation.inverse()).scaled_axis();
    nalgebra::Vector6::new(moved.x, moved.y, moved.z, turned.x, turned.y, turned.z)
}
