//! The messages of `FollowJointTrajectory` and `JointState`, written down once more: field by field as their definitions
//! say, so that what the driver sends is read by another's understanding of it.

use ros2_client::Message;
use serde::{Deserialize, Serialize};

/// `builtin_interfaces`: `Time` and `Duration` alike.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Seconds {
    pub sec: i32,
    pub nanosec: u32,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Header {
    pub stamp: Seconds,
    pub frame_id: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct JointState {
    pub header: Header,
    pub name: Vec<String>,
    pub position: Vec<f64>,
    pub velocity: Vec<f64>,
    pub effort: Vec<f64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Point {
    pub positions: Vec<f64>,
    pub velocities: Vec<f64>,
    pub accelerations: Vec<f64>,
    pub effort: Vec<f64>,
    pub time_from_start: Seconds,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct JointTrajectory {
    pub header: Header,
    pub joint_names: Vec<String>,
    pub points: Vec<Point>,
}

/// Translations and rotations, then twists.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MultiPoint {
    pub transforms: Vec<[f64; 7]>,
    pub velocities: Vec<[f64; 6]>,
    pub accelerations: Vec<[f64; 6]>,
    pub time_from_start: Seconds,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MultiTrajectory {
    pub header: Header,
    pub joint_names: Vec<String>,
    pub points: Vec<MultiPoint>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Tolerance {
    pub name: String,
    pub position: f64,
    pub velocity: f64,
    pub acceleration: f64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ComponentTolerance {
    pub joint_name: String,
    pub component: u16,
    pub position: f64,
    pub velocity: f64,
    pub acceleration: f64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Goal {
    pub trajectory: JointTrajectory,
    pub multi_dof_trajectory: MultiTrajectory,
    pub path_tolerance: Vec<Tolerance>,
    pub component_path_tolerance: Vec<ComponentTolerance>,
    pub goal_tolerance: Vec<Tolerance>,
    pub component_goal_tolerance: Vec<ComponentTolerance>,
    pub goal_time_tolerance: Seconds,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    pub error_code: i32,
    pub error_string: String,
}

/// Never sent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Feedback {
    pub header: Header,
    pub joint_names: Vec<String>,
    pub points: [Point; 3],
    pub multi_dof_joint_names: Vec<String>,
    pub multi_dof_points: [MultiPoint; 3],
}

impl Message for JointState {}
impl Message for Goal {}
impl Message for Outcome {}
impl Message for Feedback {}
