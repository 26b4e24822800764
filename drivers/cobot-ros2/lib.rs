//! Six-axis cobots: the driver as the controller sees it, and the twin cobot.
//!
//! [`link`] joins a driver to whatever moves the robot over two rings of `Copy` messages; here that is
//! [`twin::TwinCobot`], which lives with the plant on the thread of the cycle. The driver of a real robot
//! ([`ros2`]: `FollowJointTrajectory` over ROS 2) takes the twin's end of the same rings; [`follow`]
//! joins a robot elsewhere to the twin's plant. See README.md.

pub mod follow;
pub mod link;
mod motion;
pub mod ros2;
pub mod twin;
