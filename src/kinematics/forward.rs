//! Joints to poses, and how poses move with joints.

use nalgebra::{Isometry3, Matrix6xX, UnitQuaternion, Vector3};
use thiserror::Error;

use crate::chain::Chain;
use crate::pose::Pose;

/// Joints that do not fit a chain.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum WrongJoints {
    #[error("{given} joint positions were given, and the chain has {joints} joints")]
    Count { given: usize, joints: usize },
    #[error("the position of joint {0} (from 0) is not a finite number")]
    NotFinite(usize),
}

/// An axis of rotation as it stands in the base link's frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    /// Unit vector; a positive turn is right-handed about it.
    pub direction: Vector3<f64>,
    /// A point on it, in metres.
    pub point: Vector3<f64>,
}

impl Chain {
    fn fits(&self, joints_rad: &[f64]) -> Result<(), WrongJoints> {
        let joints = self.joints().len();
        if joints_rad.len() != joints {
            return Err(WrongJoints::Count { given: joints_rad.len(), joints });
        }
        match joints_rad.iter().position(|q| !q.is_finite()) {
            Some(at) => Err(WrongJoints::NotFinite(at)),
            None => Ok(()),
        }
    }

    /// Goes along the joints and shows each one's number and frame in the base link's after its turn.
    pub(crate) fn walk(&self, joints_rad: &[f64], mut each: impl FnMut(usize, &Pose)) {
        let mut at = Isometry3::identity();
        for (n, (joint, q)) in self.joints().iter().zip(joints_rad).enumerate() {
            at = at * joint.origin * UnitQuaternion::from_axis_angle(&joint.axis, *q);
            each(n, &at);
        }
    }

    /// The pose of every link in the base link's frame, from the base link to the tip, for joint positions in radians.
    /// Errors: another number of joints, a position that is not finite.
    pub fn link_poses(&self, joints_rad: &[f64]) -> Result<Vec<Pose>, WrongJoints> {
        self.fits(joints_rad)?;
        let mut after = vec![Isometry3::identity()];
        self.walk(joints_rad, |_, at| after.push(*at));
        Ok(self.links().iter().map(|l| after[l.joints_before] * l.offset).collect())
    }

    /// The pose of the tip link (the flange) in the base link's frame, for joint positions in radians. Errors as
    /// [`Chain::link_poses`].
    pub fn tip_pose(&self, joints_rad: &[f64]) -> Result<Pose, WrongJoints> {
        self.fits(joints_rad)?;
        Ok(self.tip_at(joints_rad))
    }

    /// As [`Chain::tip_pose`], for joints that are known to fit.
    pub(crate) fn tip_at(&self, joints_rad: &[f64]) -> Pose {
        let tip = self.tip();
        let mut last = Isometry3::identity();
        self.walk(joints_rad, |n, at| {
            if n < tip.joints_before {
                last = *at;
            }
        });
        last * tip.offset
    }

    /// The joints' axes in the base link's frame. Errors as [`Chain::link_poses`].
    pub fn axes(&self, joints_rad: &[f64]) -> Result<Vec<Axis>, WrongJoints> {
        self.fits(joints_rad)?;
        let mut axes = Vec::with_capacity(self.joints().len());
        self.walk(joints_rad, |n, at| axes.push(axis_at(self, n, at)));
        Ok(axes)
    }

    /// The geometric Jacobian of a point that is fixed to the tip, `tool` in the tip's frame, in the base link's
    /// frame: one column a joint, above the point's velocity in m/s, below the angular velocity in rad/s, for one
    /// rad/s of the joint (Siciliano et al., Robotics, 3.1.3). Errors as [`Chain::link_poses`].
    pub fn jacobian(&self, joints_rad: &[f64], tool: &Pose) -> Result<Matrix6xX<f64>, WrongJoints> {
        let axes = self.axes(joints_rad)?;
        let point = (self.tip_at(joints_rad) * tool).translation.vector;
        let mut jacobian = Matrix6xX::zeros(axes.len());
        for (mut column, axis) in jacobian.column_iter_mut().zip(&axes) {
            column.fixed_rows_mut::<3>(0).copy_from(&axis.direction.cross(&(point - axis.point)));
            column.fixed_rows_mut::<3>(3).copy_from(&axis.direction);
        }
        Ok(jacobian)
    }
}

/// The axis of joint `n`, whose frame stands `at` in the base link's.
pub(crate) fn axis_at(chain: &Chain, n: usize, at: &Pose) -> Axis {
    Axis { direction: at.rotation * chain.joints()[n].axis.into_inner(), point: at.translation.vector }
}
