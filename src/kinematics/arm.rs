//! A six-axis arm: a chain of exactly six joints, with what its geometry tells once and for all.

use nalgebra::{Matrix6, Vector6};
use thiserror::Error;

use crate::chain::Chain;
use crate::forward::axis_at;
use crate::inverse::closed_form::ParallelAxes;
use crate::pose::Pose;

/// Joints of an arm: as many as a pose has degrees of freedom, so that a pose is reached by single postures and not by
/// whole families of them.
pub const ARM_JOINTS: usize = 6;

/// Where the six joints of an arm stand. A type of its own, since the rest of the house tells joints in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Posture([f64; ARM_JOINTS]);

impl Posture {
    pub const fn from_rad(joints_rad: [f64; ARM_JOINTS]) -> Self {
        Self(joints_rad)
    }

    /// From degrees, as drivers and cell files have joints.
    pub fn from_deg(joints_deg: [f64; ARM_JOINTS]) -> Self {
        Self(joints_deg.map(f64::to_radians))
    }

    /// In radians.
    pub fn rad(&self) -> &[f64; ARM_JOINTS] {
        &self.0
    }

    /// In degrees, as drivers and cell files have joints.
    pub fn to_deg(self) -> [f64; ARM_JOINTS] {
        self.0.map(f64::to_degrees)
    }

    pub fn is_finite(&self) -> bool {
        self.0.iter().all(|q| q.is_finite())
    }

    /// The joint that is farthest from where it is in `other`, and by how much in radians, without a sign.
    pub fn farthest_from(&self, other: &Self) -> (usize, f64) {
        let gaps = self.0.iter().zip(&other.0).map(|(a, b)| (a - b).abs());
        gaps.enumerate().fold((0, 0.0), |most, gap| if gap.1 > most.1 { gap } else { most })
    }
}

/// A chain that is no six-axis arm.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the chain to link `{tip}` has {joints} joints; postures are found for {ARM_JOINTS}")]
pub struct NotSixAxes {
    pub tip: String,
    pub joints: usize,
}

/// How near an arm is to a posture from which it cannot move every way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dexterity {
    /// Of the Jacobian at the flange, its upper rows in metres a radian: so fast the flange moves or turns in its
    /// worst direction for one rad/s of the joints. 0 in a singularity.
    pub smallest_singular_value: f64,
    /// The determinant of the Jacobian, its size being Yoshikawa's measure of manipulability; its sign changes where
    /// a singularity is passed.
    pub determinant: f64,
}

/// A six-axis arm.
#[derive(Debug, Clone)]
pub struct Arm {
    chain: Chain,
    parallel: Option<ParallelAxes>,
}

impl Arm {
    /// Of a chain of six joints all of which lie before its tip. Error: another number of joints.
    pub fn new(chain: Chain) -> Result<Self, NotSixAxes> {
        let joints = chain.tip().joints_before;
        if joints != ARM_JOINTS || chain.joints().len() != ARM_JOINTS {
            return Err(NotSixAxes { tip: chain.tip().name.clone(), joints });
        }
        let mut arm = Self { chain, parallel: None };
        arm.parallel = ParallelAxes::of(&arm);
        Ok(arm)
    }

    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Its axes 2, 3 and 4 are parallel and 5 and 6 meet, so that all its postures are known in closed form.
    pub fn has_closed_form(&self) -> bool {
        self.parallel.is_some()
    }

    pub(crate) fn parallel(&self) -> Option<&ParallelAxes> {
        self.parallel.as_ref()
    }

    /// The flange in the base link's frame.
    pub fn flange(&self, posture: &Posture) -> Pose {
        self.chain.tip_at(posture.rad())
    }

    /// The tool centre point in the base link's frame; `tool` is its offset, in the flange's frame.
    pub fn tcp(&self, posture: &Posture, tool: &Pose) -> Pose {
        self.flange(posture) * tool
    }

    /// The Jacobian of the flange; rows and units as [`Chain::jacobian`].
    pub fn jacobian(&self, posture: &Posture) -> Matrix6<f64> {
        let point = self.flange(posture).translation.vector;
        let mut jacobian = Matrix6::zeros();
        self.chain.walk(posture.rad(), |n, at| {
            let axis = axis_at(&self.chain, n, at);
            let linear = axis.direction.cross(&(point - axis.point));
            let column = Vector6::new(
                linear.x,
                linear.y,
                linear.z,
                axis.direction.x,
                axis.direction.y,
                axis.direction.z,
            );
            jacobian.set_column(n, &column);
        });
        jacobian
    }

    /// How freely the flange moves from a posture; not at all from one that is not finite.
    pub fn dexterity(&self, posture: &Posture) -> Dexterity {
        if !posture.is_finite() {
            return Dexterity { smallest_singular_value: 0.0, determinant: 0.0 };
        }
        let jacobian = self.jacobian(posture);
        // What does not converge is taken for singular, so that nothing is moved by it.
        let values = jacobian.try_svd(false, false, f64::EPSILON, SVD_STEPS_MAX);
        let smallest_singular_value = values.map_or(0.0, |svd| svd.singular_values.min());
        Dexterity { smallest_singular_value, determinant: jacobian.determinant() }
    }
}

/// Steps of a singular value decomposition: six by six takes some twenty.
const SVD_STEPS_MAX: usize = 500;
