//! Where the links of an arm are, which joints bring its flange to a pose, and what a straight line asks of them. Pure:
//! no files, no clock, no randomness, and nothing of a cell.
//!
//! Terms. *Chain*: links joined by revolute joints, from a base link to a tip link. *Flange*: the tip link of an arm.
//! *Tool*: the pose of the tool centre point (TCP) in the flange's frame. *Posture*: positions of the six joints.
//! *Pose*: where a frame stands in another one. *Seed*: the posture that a posture to be found shall be near to.
//!
//! Inside everything is in metres, radians and seconds and right-handed (REP-103); names say so. Degrees and
//! millimetres, as the rest of the house has them for joints and for people, go in and out by `Posture::from_deg`,
//! `Posture::to_deg`, `pose_from_mm_deg` and `pose_to_mm_deg` only.
//!
//! | file | subject |
//! | --- | --- |
//! | `xml` | XML text to a tree with places |
//! | `urdf` | URDF text to a chain |
//! | `chain` | joints, limits, links |
//! | `pose` | arithmetic of poses |
//! | `forward` | joints to poses; the Jacobian |
//! | `arm` | a chain of six joints, and how freely it moves |
//! | `inverse` | poses to postures: `closed_form`, `numeric`, `choose` |
//! | `frames` | world, base, and frames of stations by three taught points |
//! | `pallet` | pockets in rows and columns by three taught points |
//! | `line` | straight lines of the TCP: approach and retreat |
//!
//! What is found says nothing of collisions, and protects nobody.

pub mod arm;
pub mod chain;
pub mod forward;
pub mod frames;
pub mod inverse;
pub mod line;
pub mod pallet;
pub mod pose;
pub mod urdf;
mod xml;

pub use arm::{Arm, Dexterity, NotSixAxes, Posture};
pub use chain::{Chain, Joint, JointLimits, Link};
pub use frames::{Frame, Frames};
pub use inverse::{Chosen, NoPosture, SINGULAR_VALUE_MIN};
pub use line::{Line, LineError, LineRules};
pub use pallet::Pallet;
pub use pose::{Pose, gap, pose, pose_from_mm_deg, pose_to_mm_deg};
pub use urdf::UrdfError;
pub use xml::Place;

#[cfg(test)]
mod tests;
