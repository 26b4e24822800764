//! A real cobot over ROS 2: any robot that follows joint trajectories (`ros2_control`, a UR among them).
//!
//! [`client::RobotClient`] takes the twin's end of the rings of [`crate::link`] and says what ROS has to be asked; time
//! and messages are its arguments, so that all of it is tested without ROS. `shell` (feature `ros2`) is the thin rest:
//! one node, one thread, r2r.
//!
//! Terms: a *goal* is one motion that was sent to the robot's action server; it is *acknowledged* when the server has
//! taken it, and *over* with its terminal result. The *watchdog* is how old the joint states may be. A robot is *at rest*
//! when every joint was slower than a bound for a stated time, by states that came without a gap.
//!
//! What is believed: a motion has ended when its result is there **and** the joints are at rest. A goal that nobody
//! acknowledged may be moving the robot; so may one whose cancelling was accepted. Nothing here is a safety function.

use cellwright_model::DurationNs;

/// A client reports at least every 100 ms ([`client`]); a link without a report for so long has a thread behind it that
/// stands, which is silence too.
pub const SILENCE_MAX: DurationNs = DurationNs::from_millis(500);

pub mod client;
pub use cellwright_model::ros2 as config;
pub mod joints;
#[cfg(feature = "ros2")]
pub mod shell;
pub mod status;
pub mod trajectory;
