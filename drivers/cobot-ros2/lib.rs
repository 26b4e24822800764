//! Six-axis cobots: the driver as the controller sees it, and the twin cobot.
//!
//! [`link`] joins a driver to whatever moves the robot over two rings of `Copy` messages; here that is
//! [`twin::TwinCobot`], which lives with the plant on the thread of the cycle. The driver of a real robot
//! ([`ros2`]: `FollowJointTrajectory` over ROS 2) takes the twin's end of the same rings; see README.md.

pub mod link;
mod motion;
pub mod ros2;
pub mod twin;
