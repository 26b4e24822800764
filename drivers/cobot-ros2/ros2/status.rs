//! What the robot says of itself, and what therefore must not be begun.

use cellwright_model::robot::RobotRefusal;

use super::config::Ros2Robot;

/// Which of the states a message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusKind {
    /// UR's `RobotMode`: 7 is running.
    RobotMode,
    /// UR's `SafetyMode`: 1 is normal, 2 reduced.
    SafetyMode,
    /// 1 while the program for external control runs.
    ProgramRunning,
    /// 1 while the pendant leaves the command to others.
    RemoteControl,
    /// Percent of the programmed speed.
    SpeedScaling,
}

impl StatusKind {
    /// In the order of [`Ros2Robot::status_topics`].
    pub const ALL: [StatusKind; 5] = [
        StatusKind::RobotMode,
        StatusKind::SafetyMode,
        StatusKind::ProgramRunning,
        StatusKind::RemoteControl,
        StatusKind::SpeedScaling,
    ];
}

/// The last word on each state; `None` in the inner place: nothing was heard yet.
#[derive(Debug, Clone, Copy)]
pub struct RobotStatus {
    /// By [`StatusKind::ALL`]; the outer `None`: this robot tells no such state.
    said: [Option<Option<i64>>; 5],
}

impl RobotStatus {
    pub fn new(robot: &Ros2Robot) -> RobotStatus {
        RobotStatus { said: robot.status_topics().map(|t| t.map(|_| None)) }
    }

    pub fn take(&mut self, kind: StatusKind, value: i64) {
        if let Some(said) = &mut self.said[kind as usize] {
            *said = Some(value);
        }
    }

    /// Its safeguard stop is active.
    pub fn safeguard(&self) -> bool {
        self.refusal() == Some(RobotRefusal::SafeguardStop)
    }

    /// What its speed scaling takes from the programmed speed, as a share; nothing while it says nothing.
    pub fn slowed(&self) -> f64 {
        let percent = self.said[StatusKind::SpeedScaling as usize].flatten().unwrap_or(100);
        1.0 - percent.clamp(0, 100) as f64 / 100.0
    }

    /// Why nothing may be begun, the gravest first; a state that was not heard yet is one.
    pub fn refusal(&self) -> Option<RobotRefusal> {
        let order = [
            StatusKind::SafetyMode,
            StatusKind::RemoteControl,
            StatusKind::RobotMode,
            StatusKind::ProgramRunning,
        ];
        order.into_iter().find_map(|kind| match self.said[kind as usize]? {
            Some(value) => refused_by(kind, value),
            None => Some(RobotRefusal::NotConnected),
        })
    }
}

/// Numbers of `ur_dashboard_msgs` (SafetyMode, RobotMode).
fn refused_by(kind: StatusKind, value: i64) -> Option<RobotRefusal> {
    match (kind, value) {
        (StatusKind::SafetyMode, 1 | 2) => None,
        // Safeguard, automatic mode safeguard, three-position enabling device.
        (StatusKind::SafetyMode, 5 | 12 | 13) => Some(RobotRefusal::SafeguardStop),
        // Of the system, of the robot.
        (StatusKind::SafetyMode, 6 | 7) => Some(RobotRefusal::EmergencyStop),
        // Protective stop, recovery, violation, fault, and whatever a later robot may say.
        (StatusKind::SafetyMode, _) => Some(RobotRefusal::ProtectiveStop),
        (StatusKind::RobotMode, 7) => None,
        (StatusKind::RobotMode, _) => Some(RobotRefusal::ProgramNotRunning),
        (StatusKind::ProgramRunning, 0) => Some(RobotRefusal::ProgramNotRunning),
        (StatusKind::RemoteControl, 0) => Some(RobotRefusal::LocalControl),
        (StatusKind::ProgramRunning | StatusKind::RemoteControl | StatusKind::SpeedScaling, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::{Qos, StatusTopic};
    use super::*;
    use cellwright_model::DurationNs;

    #[test]
    fn a_robot_without_states_is_never_refused_and_one_with_them_has_to_speak_first() {
        let joints = core::array::from_fn(|j| format!("joint_{j}"));
        let mut robot = Ros2Robot::new("r", joints, DurationNs::from_millis(1_000));
        let mut status = RobotStatus::new(&robot);
        status.take(StatusKind::SafetyMode, 3);
        assert_eq!(status.refusal(), None);
        let topic = |name: &str| {
            let (message, field) = ("std_msgs/msg/Int8".to_owned(), "data".to_owned());
            Some(StatusTopic { topic: name.into(), message, field, qos: Qos::default() })
        };
        robot.robot_mode = topic("robot_mode");
        robot.safety_mode = topic("safety_mode");
        robot.program_running = topic("program");
        robot.remote_control = topic("remote");
        let mut status = RobotStatus::new(&robot);
        assert_eq!(status.refusal(), Some(RobotRefusal::NotConnected));
        for (kind, value) in StatusKind::ALL.into_iter().zip([7, 1, 1, 1, 40]) {
            status.take(kind, value);
        }
        assert_eq!(status.refusal(), None);
        for (kind, value, refusal) in [
            (StatusKind::ProgramRunning, 0, RobotRefusal::ProgramNotRunning),
            (StatusKind::RobotMode, 3, RobotRefusal::ProgramNotRunning),
            (StatusKind::RemoteControl, 0, RobotRefusal::LocalControl),
            (StatusKind::SafetyMode, 3, RobotRefusal::ProtectiveStop),
            (StatusKind::SafetyMode, 5, RobotRefusal::SafeguardStop),
            (StatusKind::SafetyMode, 7, RobotRefusal::EmergencyStop),
            (StatusKind::SafetyMode, 9, RobotRefusal::ProtectiveStop),
        ] {
            status.take(kind, value);
            assert_eq!(status.refusal(), Some(refusal), "{kind:?} {value}");
            assert_eq!(status.safeguard(), refusal == RobotRefusal::SafeguardStop);
        }
    }
}
