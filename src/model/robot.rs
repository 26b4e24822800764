//! What a cobot is asked and what it answers: joint space, copyable, without allocation.
//!
//! A cobot is moved by its own controller; the cell asks for a move and believes only a terminal answer
//! with joints at rest.

use serde::{Deserialize, Serialize};

use crate::limits::{JOINTS, ROBOT_STATE_AGE_MAX};
use crate::{RequestId, TimeNs};

/// Joint positions in degrees.
pub type Joints = [f64; JOINTS];

/// A request to one cobot. One is under way at a time; another is refused while it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RobotCommand {
    /// Jerk-limited joint move; `speed` is a share of the joints' maximum in 0 < speed <= 1.
    MoveJ { to: Joints, speed: f64 },
    /// Closes (true) or opens the gripper; the answer says whether something is held.
    Grip { close: bool },
    /// Ends the move under way with a jerk-limited stop. Answered when at rest.
    Stop,
}

/// Ends a request.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RobotReply {
    /// At rest at the target; `holding` as the gripper measures it.
    Done { holding: bool },
    /// Stopped before the target by `Stop`; at rest.
    Stopped,
    /// Not begun, with the reason.
    Rejected(RobotRefusal),
    /// Begun and not ended as asked.
    Faulted(RobotRefusal),
}

/// Why a cobot did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RobotRefusal {
    Busy,
    JointLimit,
    BadSpeed,
    ProtectiveStop,
    EmergencyStop,
    NotConnected,
    TimedOut,
}

/// Last known state, stamped.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RobotState {
    /// When it was measured.
    pub stamp: TimeNs,
    /// Joint positions in degrees.
    pub joints: Joints,
    /// Joint speeds in degrees per second.
    pub speeds: Joints,
    pub holding: bool,
    pub moving: bool,
}

impl RobotState {
    /// It is young enough to say where the cobot is.
    pub fn is_known(&self, now: TimeNs) -> bool {
        now.since(self.stamp) <= ROBOT_STATE_AGE_MAX
    }
}

/// What travels to a cobot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RobotRequest {
    pub id: RequestId,
    pub command: RobotCommand,
}

/// What comes back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RobotReport {
    State(RobotState),
    Reply { id: RequestId, reply: RobotReply },
}
