//! A serial chain of revolute joints, from a base link to a tip link, as `urdf` reads it.

use nalgebra::{Unit, Vector3};
use thiserror::Error;

use crate::pose::Pose;

/// Joints of one chain: a redundant arm on a turning column, and room.
pub const CHAIN_JOINTS_MAX: usize = 12;

/// How far and how fast a joint goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JointLimits {
    pub lower_rad: f64,
    pub upper_rad: f64,
    /// Largest speed either way.
    pub velocity_rad_s: f64,
    /// Largest torque either way, in newton metres.
    pub effort_nm: f64,
}

impl JointLimits {
    /// A joint at `at_rad` is within them; a nanoradian beyond is the rounding of whoever computed it.
    pub fn contain(&self, at_rad: f64) -> bool {
        (self.lower_rad - LIMIT_SLACK_RAD..=self.upper_rad + LIMIT_SLACK_RAD).contains(&at_rad)
    }
}

/// See [`JointLimits::contain`].
pub(crate) const LIMIT_SLACK_RAD: f64 = 1e-9;

/// A revolute joint.
#[derive(Debug, Clone, PartialEq)]
pub struct Joint {
    pub name: String,
    /// The joint's frame at 0 rad, given in the frame of the joint before it (of the base link for the first one); what
    /// fixed joints lie between is folded in.
    pub origin: Pose,
    /// The axis it turns about, in its own frame.
    pub axis: Unit<Vector3<f64>>,
    pub limits: JointLimits,
}

/// A link of the chain, the base link included.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    pub name: String,
    /// So many joints lie between the base link and it.
    pub joints_before: usize,
    /// Its frame in that of the last of these joints, after the joint's turn; in the base link's if there is none.
    pub offset: Pose,
}

/// Base link, joints in order, tip link. It has between one and [`CHAIN_JOINTS_MAX`] joints, and its last link is
/// the tip.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    joints: Vec<Joint>,
    links: Vec<Link>,
}

/// Why joints and links are no chain.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAChain {
    #[error("there are {0} revolute joints; a chain has 1 to {CHAIN_JOINTS_MAX}")]
    Joints(usize),
    #[error("there is no link")]
    NoLink,
    #[error("link `{0}` hangs behind more joints than the chain has")]
    BehindNothing(String),
}

impl Chain {
    /// A chain of these joints; `links` go from the base link to the tip. Errors: [`NotAChain`].
    pub fn new(joints: Vec<Joint>, links: Vec<Link>) -> Result<Self, NotAChain> {
        if joints.is_empty() || joints.len() > CHAIN_JOINTS_MAX {
            return Err(NotAChain::Joints(joints.len()));
        }
        if links.is_empty() {
            return Err(NotAChain::NoLink);
        }
        match links.iter().find(|l| l.joints_before > joints.len()) {
            Some(link) => Err(NotAChain::BehindNothing(link.name.clone())),
            None => Ok(Self { joints, links }),
        }
    }

    pub fn joints(&self) -> &[Joint] {
        &self.joints
    }

    /// From the base link to the tip.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The last link: the flange of an arm.
    pub fn tip(&self) -> &Link {
        // `new` lets no chain without a link be.
        &self.links[self.links.len() - 1]
    }
}
