//! `run --robots ros2`: cobots that ROS 2 reaches, if this program was built with it.
//!
//! The one place that knows whether it was: without the feature `ros2` the same names stand here, and refuse.

#[cfg(feature = "ros2")]
mod with;
#[cfg(not(feature = "ros2"))]
mod without;

#[cfg(feature = "ros2")]
pub(crate) use with::{Connection, Teller, connect};
#[cfg(not(feature = "ros2"))]
pub(crate) use without::{Connection, Teller, connect};

use cellwright_cobot_ros2::link::CobotLink;

/// The cobots of a cell over ROS 2.
#[cfg_attr(not(feature = "ros2"), allow(dead_code, reason = "there are none then"))]
pub(crate) struct Cobots {
    /// In the order of the cell.
    pub(crate) robots: Vec<CobotLink>,
    /// Ended after everything that asks them.
    pub(crate) connection: Connection,
}
