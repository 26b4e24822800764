//! What a cobot is asked and what it answers: joint space, copyable, without allocation.
//!
//! A cobot is moved by its own controller; the cell asks for a move and believes only a terminal answer
//! with joints at rest.

use serde::{Deserialize, Serialize};

use crate::limits::{JOINTS, ROBOT_STATE_AGE_MAX};
use crate::{DurationNs, RequestId, TimeNs};

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
    /// A guard or a person in its field holds the robot.
    SafeguardStop,
    /// Its controller does not carry out what the cell sends.
    ProgramNotRunning,
    /// Its pendant has the command.
    LocalControl,
    /// It left its path while it moved.
    PathTolerance,
    /// It came to rest elsewhere than at the target.
    GoalTolerance,
    /// Its controller refused or ended the motion by itself.
    Aborted,
    /// The motion was cancelled, and not by a `Stop` of the cell.
    Cancelled,
    /// Its joints are not those that the cell names.
    JointNames,
    /// It did not take the payload or TCP that holds with what it grips.
    LoadRefused,
}

impl RobotRefusal {
    /// The word written into records and causes.
    pub fn as_str(self) -> &'static str {
        match self {
            RobotRefusal::Busy => "busy",
            RobotRefusal::JointLimit => "joint-limit",
            RobotRefusal::BadSpeed => "bad-speed",
            RobotRefusal::ProtectiveStop => "protective-stop",
            RobotRefusal::EmergencyStop => "emergency-stop",
            RobotRefusal::NotConnected => "not-connected",
            RobotRefusal::TimedOut => "timed-out",
            RobotRefusal::SafeguardStop => "safeguard-stop",
            RobotRefusal::ProgramNotRunning => "program-not-running",
            RobotRefusal::LocalControl => "local-control",
            RobotRefusal::PathTolerance => "path-tolerance",
            RobotRefusal::GoalTolerance => "goal-tolerance",
            RobotRefusal::Aborted => "aborted",
            RobotRefusal::Cancelled => "cancelled",
            RobotRefusal::JointNames => "joint-names",
            RobotRefusal::LoadRefused => "load-refused",
        }
    }

    /// What a person does first, on one line.
    pub fn remedy(self) -> &'static str {
        match self {
            RobotRefusal::Busy => "wait until the robot is at rest; a robot that was not heard may be moving",
            RobotRefusal::JointLimit => "teach a pose within the joint limits of the cell file",
            RobotRefusal::BadSpeed => "state a speed above 0 and at most 1",
            RobotRefusal::ProtectiveStop => {
                "see what the robot ran into, and release the protective stop on its pendant"
            }
            RobotRefusal::EmergencyStop => "release the emergency stop, and switch the robot on again",
            RobotRefusal::NotConnected => "see that the robot and its ROS nodes run, and its network cable",
            RobotRefusal::TimedOut => "look whether the robot moves before anything is asked of it again",
            RobotRefusal::SafeguardStop => "close the guard or leave the field, and reset the safeguard",
            RobotRefusal::ProgramNotRunning => {
                "switch the robot on, release its brakes, and start the program for external control"
            }
            RobotRefusal::LocalControl => "switch the robot to remote control on its pendant",
            RobotRefusal::PathTolerance => "see what holds the robot on its way, its payload, and the speed",
            RobotRefusal::GoalTolerance => "see what keeps the robot from its target, and its payload",
            RobotRefusal::Aborted => "read in the log of the robot's controller why it ended the motion",
            RobotRefusal::Cancelled => "see who else sends goals to this robot; only the cell may",
            RobotRefusal::JointNames => "name the joints in the cell as the robot's joint states do",
            RobotRefusal::LoadRefused => {
                "see in the log of the robot's driver why it took no payload or TCP, and `loads` in the cell file"
            }
        }
    }
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
    /// Its driver does not hear it any more: where it is, and whether it moves, nobody knows.
    #[serde(default)]
    pub lost: bool,
    /// Its safeguard stop is active: a guard or a person in its field holds it.
    #[serde(default)]
    pub safeguard: bool,
    /// What its own speed scaling takes from the programmed speed, as a share: 0 is as programmed, 1 stands.
    #[serde(default)]
    pub slowed: f64,
}

/// A robot that is slowed to less counts as one that moves at this share of its speed, so that every wait has an end.
const SLOWED_MAX: f64 = 0.95;

impl RobotState {
    /// Of a time that has passed, what its speed scaling took: deadlines of its motion are that much later.
    pub fn behind(&self, passed: DurationNs) -> DurationNs {
        DurationNs((passed.0 as f64 * self.slowed.clamp(0.0, SLOWED_MAX)) as u64)
    }

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
