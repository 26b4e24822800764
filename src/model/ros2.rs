//! What a robot is called in ROS 2 (`ros2:` of a robot in cell.yaml), and the bounds that it is held to.

use serde::{Deserialize, Serialize};

use crate::DurationNs;
use crate::limits::JOINTS;

/// Characters of a name of a topic, action or joint: far above what robots use, and a bound.
const NAME_CHARS_MAX: usize = 200;
/// A joint state comes at least ten times a second; a longer watchdog would watch nothing, a shorter one the machine.
const WATCHDOG: (DurationNs, DurationNs) = (DurationNs::from_millis(10), DurationNs::from_millis(1_000));
const POINT_PERIOD: (DurationNs, DurationNs) = (DurationNs::from_millis(5), DurationNs::from_millis(100));
/// The fields of [`Ros2Robot::status_topics`], in their order.
const STATES: [&str; 5] = ["robot_mode", "safety_mode", "program_running", "remote_control", "speed_scaling"];
/// Payload, TCP, and what else a robot wants to be told: few.
const LOADS_MAX: usize = 4;

/// Whether a message that was sent before we listened is wanted, and whether one may be lost: it has to fit what the
/// robot offers, or nothing is heard at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Qos {
    /// Lost messages are sent again. A publisher that offers best effort only is not heard with it.
    pub reliable: bool,
    /// The last message is kept for those that come later (transient local).
    pub latched: bool,
}

/// A topic that tells one state of the robot, as a number (or as a boolean: 0 or 1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusTopic {
    pub topic: String,
    /// `std_msgs/msg/Int8`, `ur_dashboard_msgs/msg/SafetyMode`, …; among the packages that r2r was built with.
    pub message: String,
    /// The field of the message that holds the state: `data`, `mode`.
    pub field: String,
    pub qos: Qos,
}

/// A gripper that is commanded by `control_msgs/action/GripperCommand`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gripper {
    pub action: String,
    /// Opening between the fingers when it is told to open, and to close on a part, m.
    pub open_m: f64,
    pub closed_m: f64,
    /// Highest force, N.
    pub effort_n: f64,
}

/// A service that is told what the gripper holds from now on: payload or TCP, in the robot's own message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    pub service: String,
    /// `ur_msgs/srv/SetPayload`, …; among the packages that r2r was built with.
    pub message: String,
    /// Its request when the gripper holds a part, and when it has let go: a JSON object with the message's fields.
    pub grip: String,
    pub release: String,
    /// The field of its answer that is true if it was taken, dots between names and places in lists; without one every
    /// answer is a yes.
    pub accepted: Option<String>,
}

/// When a robot is at rest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RestBound {
    /// Every joint slower than this, deg/s …
    pub speed_max: f64,
    /// … for so long.
    pub during: DurationNs,
}

/// One robot, by its names in ROS. Names that do not begin with `/` stand in the namespace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ros2Robot {
    /// Its name in the cell, for messages to people.
    pub name: String,
    /// Empty, or `/` and names.
    pub namespace: String,
    /// Its joints in the order of the cell's poses; those of the joint states may come in any order, among others.
    pub joints: [String; JOINTS],
    /// Of `control_msgs/action/FollowJointTrajectory`.
    pub action: String,
    pub joint_states: String,
    pub joint_states_qos: Qos,
    pub gripper: Option<Gripper>,
    /// Numbers of UR's `RobotMode` and `SafetyMode`. A topic that is named has to have told its state before a motion
    /// begins.
    pub robot_mode: Option<StatusTopic>,
    pub safety_mode: Option<StatusTopic>,
    /// True while the program that takes our commands runs on the robot.
    pub program_running: Option<StatusTopic>,
    /// True while the pendant leaves the command to us.
    pub remote_control: Option<StatusTopic>,
    /// At how many percent of its programmed speed it moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_scaling: Option<StatusTopic>,
    /// Told in this order after each grip that holds a part, and after each release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loads: Vec<Load>,
    /// Older joint states say nothing: no motion begins, and one under way is cancelled.
    pub watchdog: DurationNs,
    pub rest: RestBound,
    /// Between two points of a trajectory.
    pub point_period: DurationNs,
    /// How far a joint may rest from its target, deg.
    pub target_tolerance: f64,
    /// From a goal to its acknowledgement.
    pub acknowledge_timeout: DurationNs,
    /// From the end of a trajectory to its result.
    pub result_grace: DurationNs,
    /// From a request to its answer, as the link has it (`answer_timeout` of the cell file).
    pub answer_timeout: DurationNs,
}

/// A field that cannot be meant as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    pub robot: String,
    pub field: &'static str,
    pub cause: String,
    pub remedy: &'static str,
}

impl core::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "robot {}, {}: {}; {}", self.robot, self.field, self.cause, self.remedy)
    }
}

impl std::error::Error for ConfigError {}

impl Ros2Robot {
    /// A robot under `ros2_control` with the usual names and bounds, without gripper and states.
    pub fn new(name: &str, joints: [String; JOINTS], answer_timeout: DurationNs) -> Ros2Robot {
        Ros2Robot {
            name: name.into(),
            namespace: String::new(),
            joints,
            action: "joint_trajectory_controller/follow_joint_trajectory".into(),
            joint_states: "joint_states".into(),
            joint_states_qos: Qos::default(),
            gripper: None,
            robot_mode: None,
            safety_mode: None,
            program_running: None,
            remote_control: None,
            speed_scaling: None,
            loads: Vec::new(),
            watchdog: DurationNs::from_millis(150),
            rest: RestBound { speed_max: 0.5, during: DurationNs::from_millis(100) },
            point_period: DurationNs::from_millis(25),
            target_tolerance: 0.5,
            acknowledge_timeout: DurationNs::from_millis(500),
            result_grace: DurationNs::from_millis(1_000),
            answer_timeout,
        }
    }

    /// A topic or action by its whole name.
    pub fn full(&self, name: &str) -> String {
        if name.starts_with('/') { name.into() } else { format!("{}/{name}", self.namespace) }
    }

    /// The topics of states that are named, in a fixed order: robot mode, safety mode, program, remote control, speed
    /// scaling.
    pub fn status_topics(&self) -> [Option<&StatusTopic>; 5] {
        let Ros2Robot { robot_mode, safety_mode, program_running, remote_control, speed_scaling, .. } = self;
        [robot_mode, safety_mode, program_running, remote_control, speed_scaling].map(Option::as_ref)
    }

    /// Error: the first field that cannot be meant.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.problems().into_iter().next().map_or(Ok(()), Err)
    }

    /// Every field that cannot be meant, once.
    pub fn problems(&self) -> Vec<ConfigError> {
        let mut found = Vec::new();
        self.look_at_names(&mut found);
        self.look_at_loads(&mut found);
        self.look_at_joints(&mut found);
        self.look_at_times(&mut found);
        self.look_at_bounds(&mut found);
        found
    }

    fn error(&self, field: &'static str, cause: String, remedy: &'static str) -> ConfigError {
        ConfigError { robot: self.name.clone(), field, cause, remedy }
    }

    fn look_at_names(&self, found: &mut Vec<ConfigError>) {
        const REMEDY: &str = "names are letters, digits and `_`, `/` between them, and begin with no digit";
        if !(self.namespace.is_empty() || (self.namespace.starts_with('/') && ros_name(&self.namespace))) {
            let cause = format!("`{}` is no namespace, which begins with `/`", self.namespace);
            found.push(self.error("namespace", cause, REMEDY));
        }
        let states = || STATES.into_iter().zip(self.status_topics()).filter_map(|(f, t)| Some((f, t?)));
        let mut names = vec![("action", &self.action), ("joint_states", &self.joint_states)];
        names.extend(self.gripper.iter().map(|g| ("gripper", &g.action)));
        names.extend(states().map(|(field, topic)| (field, &topic.topic)));
        for (field, name) in names {
            if !ros_name(name) {
                found.push(self.error(field, format!("`{name}` is no name in ROS"), REMEDY));
            }
        }
        for (field, t) in states() {
            let of_a_package = t.message.split('/').count() == 3 && t.message.split('/').all(ros_word);
            if !of_a_package || !ros_word(&t.field) {
                found.push(self.error(
                    field,
                    format!("`{}` with the field `{}` is no type of a message", t.message, t.field),
                    "write `package/msg/Type` and the name of one of its fields",
                ));
            }
        }
    }

    fn look_at_loads(&self, found: &mut Vec<ConfigError>) {
        let mut wrong = |cause: String, remedy| found.push(self.error("loads", cause, remedy));
        if self.loads.len() > LOADS_MAX {
            wrong(format!("{} services", self.loads.len()), "name at most four");
        }
        if !self.loads.is_empty() && self.gripper.is_none() {
            wrong("there is no `gripper` that would hold something".into(), "name its gripper, or no loads");
        }
        for load in &self.loads {
            let of_a_package = load.message.split('/').count() == 3 && load.message.split('/').all(ros_word);
            if !ros_name(&load.service) || !of_a_package {
                let cause = format!("`{}` of `{}` is no service in ROS", load.service, load.message);
                wrong(cause, "write the service's name, and `package/srv/Type`");
            }
            for request in [&load.grip, &load.release] {
                if !matches!(serde_json::from_str(request), Ok(serde_json::Value::Object(_))) {
                    wrong(
                        format!("`{request}` is no request"),
                        "write a JSON object with the fields of the message",
                    );
                }
            }
        }
    }

    fn look_at_joints(&self, found: &mut Vec<ConfigError>) {
        for (j, joint) in self.joints.iter().enumerate() {
            if joint.is_empty() || joint.len() > NAME_CHARS_MAX {
                let cause = format!("joint {} has no name that can be one", j + 1);
                found.push(self.error("joints", cause, "name it as joint_states does"));
            } else if self.joints[..j].contains(joint) {
                let cause = format!("`{joint}` stands twice");
                let remedy = "name each of the six joints once, in the order of the poses";
                found.push(self.error("joints", cause, remedy));
            }
        }
    }

    fn look_at_times(&self, found: &mut Vec<ConfigError>) {
        let within = |v: DurationNs, (lo, hi): (DurationNs, DurationNs)| v >= lo && v <= hi;
        if !within(self.watchdog, WATCHDOG) {
            let cause = format!("{} s is no watchdog", self.watchdog.as_secs_f64());
            found.push(self.error("watchdog", cause, "state some periods of the joint states, 10 ms to 1 s"));
        }
        if !within(self.point_period, POINT_PERIOD) {
            let cause = format!("{} s between two points", self.point_period.as_secs_f64());
            found.push(self.error("point_period", cause, "state 5 ms to 100 ms"));
        }
        if self.acknowledge_timeout.0 == 0 || self.acknowledge_timeout >= self.answer_timeout {
            found.push(self.error(
                "acknowledge_timeout",
                "it is not within the robot's answer_timeout".into(),
                "state a shorter one, or a longer answer_timeout",
            ));
        }
        if self.result_grace >= self.answer_timeout {
            found.push(self.error(
                "result_grace",
                "it is not within the robot's answer_timeout".into(),
                "state a shorter one, or a longer answer_timeout",
            ));
        }
    }

    fn look_at_bounds(&self, found: &mut Vec<ConfigError>) {
        const POSITIVE: &str = "state a value above zero";
        let positive = |v: f64| v.is_finite() && v > 0.0;
        if !positive(self.rest.speed_max) || self.rest.during.0 == 0 {
            found.push(self.error("rest", "a bound is not above zero".into(), POSITIVE));
        }
        if !positive(self.target_tolerance) {
            let cause = format!("{} deg", self.target_tolerance);
            found.push(self.error("target_tolerance", cause, POSITIVE));
        }
        if let Some(g) = &self.gripper
            && ![g.open_m, g.closed_m, g.effort_n].iter().all(|v| v.is_finite() && *v >= 0.0)
        {
            found.push(self.error("gripper", "an opening or force is negative".into(), POSITIVE));
        }
    }
}

/// A word of a name.
fn ros_word(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Absolute or relative; no substitutions, no private names.
fn ros_name(name: &str) -> bool {
    let inner = name.strip_prefix('/').unwrap_or(name);
    name.len() <= NAME_CHARS_MAX && inner.split('/').all(ros_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn robot() -> Ros2Robot {
        let joints = core::array::from_fn(|j| format!("joint_{j}"));
        Ros2Robot::new("robot_l", joints, DurationNs::from_millis(4_000))
    }

    #[test]
    fn the_usual_names_are_fine_and_stand_in_the_namespace() {
        let mut r = robot();
        assert_eq!(r.check(), Ok(()));
        assert_eq!(r.full(&r.joint_states), "/joint_states");
        r.namespace = "/cell/left".into();
        assert_eq!(r.check(), Ok(()));
        assert_eq!(r.full("joint_states"), "/cell/left/joint_states");
        assert_eq!(r.full("/elsewhere"), "/elsewhere");
        r.gripper = Some(Gripper { action: "gripper".into(), open_m: 0.04, closed_m: 0.0, effort_n: 20.0 });
        r.loads = vec![load()];
        assert_eq!(r.check(), Ok(()));
    }

    fn load() -> Load {
        Load {
            service: "set_payload".into(),
            message: "ur_msgs/srv/SetPayload".into(),
            grip: r#"{"mass": 0.25}"#.into(),
            release: r#"{"mass": 0.0}"#.into(),
            accepted: Some("success".into()),
        }
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_its_field() {
        type Change = fn(&mut Ros2Robot);
        let wrong: [(&str, Change); 18] = [
            ("namespace", |r| r.namespace = "left".into()),
            ("action", |r| r.action = "a//b".into()),
            ("joint_states", |r| r.joint_states = "joint states\0".into()),
            ("joint_states", |r| r.joint_states = "x/2y".into()),
            ("joints", |r| r.joints[3] = String::new()),
            ("joints", |r| r.joints[3] = "joint_1".into()),
            ("watchdog", |r| r.watchdog = DurationNs::from_millis(1_001)),
            ("rest", |r| r.rest.speed_max = f64::NAN),
            ("target_tolerance", |r| r.target_tolerance = 0.0),
            ("point_period", |r| r.point_period = DurationNs::from_millis(1)),
            ("acknowledge_timeout", |r| r.acknowledge_timeout = r.answer_timeout),
            ("robot_mode", |r| {
                let (topic, message) = ("mode".to_owned(), "Int8".to_owned());
                let field = "data".to_owned();
                r.robot_mode = Some(StatusTopic { topic, message, field, qos: Qos::default() });
            }),
            ("speed_scaling", |r| {
                let (topic, message) = ("9scale".to_owned(), "std_msgs/msg/Float64".to_owned());
                let field = "data".to_owned();
                r.speed_scaling = Some(StatusTopic { topic, message, field, qos: Qos::default() });
            }),
            ("loads", |r| (r.loads, r.gripper) = (vec![load()], None)),
            ("loads", |r| r.loads = vec![load(); 5]),
            ("loads", |r| r.loads = vec![Load { service: "a b".into(), ..load() }]),
            ("loads", |r| r.loads = vec![Load { message: "SetPayload".into(), ..load() }]),
            ("loads", |r| r.loads = vec![Load { release: "[0.2]".into(), ..load() }]),
        ];
        for (field, change) in wrong {
            let mut r = robot();
            r.gripper =
                Some(Gripper { action: "gripper".into(), open_m: 0.04, closed_m: 0.0, effort_n: 20.0 });
            change(&mut r);
            let error = r.check().expect_err(field);
            assert_eq!(error.field, field, "{error}");
            assert!(!error.cause.is_empty() && !error.remedy.is_empty());
        }
    }
}
