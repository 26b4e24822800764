//! Where the joints are, by the robot's joint states: by name, in degrees, and how old.

use cellwright_model::limits::JOINTS;
use cellwright_model::robot::Joints;
use cellwright_model::{DurationNs, TimeNs};

use super::config::{RestBound, Ros2Robot};

/// One message of the topic, as it came: radians, in the order of its names.
#[derive(Debug, Clone, Copy)]
pub struct JointSample<'a> {
    /// Time in its header, s and ns. Only whether it differs from that of the message before counts, so that a jump of
    /// the robot's clock does no harm.
    pub stamp: (i32, u32),
    pub names: &'a [String],
    pub positions: &'a [f64],
    pub velocities: &'a [f64],
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JointProblem {
    /// A joint of the robot does not stand in it; it has these.
    Missing { joint: String, has: Vec<String> },
    /// Not as many positions or velocities as names.
    Lengths { names: usize, positions: usize, velocities: usize },
    /// A value is no finite number.
    NoNumber { joint: String },
    /// The same message again: its stamp does not go on.
    Frozen,
}

impl core::fmt::Display for JointProblem {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            JointProblem::Missing { joint, has } => write!(
                f,
                "the joint states do not name `{joint}`; they name {}; name the joints as they do",
                has.join(", ")
            ),
            JointProblem::Lengths { names, positions, velocities } => write!(
                f,
                "joint states of {names} names, {positions} positions and {velocities} velocities; the robot has to \
                 publish both for every joint"
            ),
            JointProblem::NoNumber { joint } => {
                write!(f, "a value of `{joint}` is no number; see the robot's driver")
            }
            JointProblem::Frozen => {
                f.write_str("the stamp of the joint states does not go on; see the robot's driver")
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    at: TimeNs,
    stamp: (i32, u32),
    joints: Joints,
    speeds: Joints,
}

/// The last joint state, and since when the joints are at rest.
#[derive(Debug)]
pub struct JointWatch {
    names: [String; JOINTS],
    watchdog: DurationNs,
    rest: RestBound,
    seen: Option<Seen>,
    /// Slower than the bound in every state since.
    rest_since: Option<TimeNs>,
    problem: Option<JointProblem>,
}

/// Names of a message that a diagnostic repeats.
const NAMES_TOLD_MAX: usize = 16;

impl JointWatch {
    pub fn new(robot: &Ros2Robot) -> JointWatch {
        JointWatch {
            names: robot.joints.clone(),
            watchdog: robot.watchdog,
            rest: robot.rest,
            seen: None,
            rest_since: None,
            problem: None,
        }
    }

    /// A message that was received at `now`. One that is refused counts as silence.
    pub fn take(&mut self, now: TimeNs, sample: JointSample<'_>) {
        match self.read(sample) {
            Ok((joints, speeds)) => {
                let gap = self.seen.is_none_or(|s| now.since(s.at) > self.watchdog);
                let slow = speeds.iter().all(|v| v.abs() < self.rest.speed_max);
                self.rest_since = match self.rest_since {
                    Some(since) if slow && !gap => Some(since),
                    _ => slow.then_some(now),
                };
                self.seen = Some(Seen { at: now, stamp: sample.stamp, joints, speeds });
                self.problem = None;
            }
            Err(problem) => self.problem = Some(problem),
        }
    }

    /// Positions in degrees and speeds in degrees per second, in the cell's order.
    fn read(&self, sample: JointSample<'_>) -> Result<(Joints, Joints), JointProblem> {
        let JointSample { stamp, names, positions, velocities } = sample;
        if names.len() != positions.len() || names.len() != velocities.len() {
            let (names, positions, velocities) = (names.len(), positions.len(), velocities.len());
            return Err(JointProblem::Lengths { names, positions, velocities });
        }
        if self.seen.is_some_and(|s| s.stamp == stamp) {
            return Err(JointProblem::Frozen);
        }
        let (mut joints, mut speeds) = ([0.0; JOINTS], [0.0; JOINTS]);
        for (j, joint) in self.names.iter().enumerate() {
            let Some(at) = names.iter().position(|n| n == joint) else {
                let has = names.iter().take(NAMES_TOLD_MAX).cloned().collect();
                return Err(JointProblem::Missing { joint: joint.clone(), has });
            };
            (joints[j], speeds[j]) = (positions[at].to_degrees(), velocities[at].to_degrees());
            if !joints[j].is_finite() || !speeds[j].is_finite() {
                return Err(JointProblem::NoNumber { joint: joint.clone() });
            }
        }
        Ok((joints, speeds))
    }

    /// Joints (deg) and speeds (deg/s) with the time of their receipt, however old.
    pub fn last(&self) -> Option<(TimeNs, Joints, Joints)> {
        self.seen.map(|s| (s.at, s.joints, s.speeds))
    }

    /// The last state is not older than the watchdog.
    pub fn fresh(&self, now: TimeNs) -> bool {
        self.seen.is_some_and(|s| now.since(s.at) <= self.watchdog)
    }

    /// At rest for the stated time, by states up to now.
    pub fn rests(&self, now: TimeNs) -> bool {
        self.rests_for(now, TimeNs(0), self.rest.during)
    }

    /// At rest for `during` of the time after `from`, by states up to now.
    pub fn rests_for(&self, now: TimeNs, from: TimeNs, during: DurationNs) -> bool {
        let (Some(seen), Some(since)) = (self.seen, self.rest_since) else { return false };
        self.fresh(now) && seen.at.since(since.max(from)) >= during
    }

    /// What is wrong with the last message, if anything is.
    pub fn problem(&self) -> Option<&JointProblem> {
        self.problem.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD_MS: u64 = 10;

    fn names() -> Vec<String> {
        ["elbow", "lift", "pan", "finger", "wrist_1", "wrist_2", "wrist_3"].map(str::to_owned).into()
    }

    fn watch() -> JointWatch {
        let joints = ["pan", "lift", "elbow", "wrist_1", "wrist_2", "wrist_3"].map(str::to_owned);
        JointWatch::new(&Ros2Robot::new("r", joints, DurationNs::from_millis(4_000)))
    }

    fn at(ms: u64) -> TimeNs {
        TimeNs(ms * 1_000_000)
    }

    fn feed(watch: &mut JointWatch, ms: u64, speed: f64) {
        let positions = [0.3, 0.2, 0.1, 9.0, 0.4, 0.5, 0.6];
        let sample = JointSample {
            stamp: (7, ms as u32),
            names: &names(),
            positions: &positions,
            velocities: &[speed; 7],
        };
        watch.take(at(ms), sample);
    }

    #[test]
    fn joints_are_found_by_name_and_are_degrees() {
        let mut w = watch();
        feed(&mut w, 10, 0.1);
        let (when, joints, speeds) = w.last().unwrap();
        assert_eq!(when, at(10));
        for (j, rad) in [0.1f64, 0.2, 0.3, 0.4, 0.5, 0.6].into_iter().enumerate() {
            assert!((joints[j] - rad.to_degrees()).abs() < 1e-12);
            assert!((speeds[j] - 0.1f64.to_degrees()).abs() < 1e-12);
        }
    }

    #[test]
    fn at_rest_needs_its_time_without_a_gap_or_a_motion() {
        let mut w = watch();
        for ms in (0..=90).step_by(PERIOD_MS as usize) {
            feed(&mut w, ms, 0.001);
            assert!(!w.rests(at(ms)), "{ms}");
        }
        feed(&mut w, 100, 0.001);
        assert!(w.rests(at(100)) && w.rests(at(250)));
        assert!(!w.rests(at(251)), "older than the watchdog");
        assert!(!w.rests_for(at(100), at(1), DurationNs::from_millis(100)));
        feed(&mut w, 300, 0.001);
        assert!(!w.rests(at(300)), "a gap begins anew");
        feed(&mut w, 400, 0.001);
        assert!(w.rests(at(400)));
        feed(&mut w, 410, 0.1);
        feed(&mut w, 420, 0.001);
        assert!(!w.rests(at(420)));
    }

    #[test]
    fn what_is_no_joint_state_of_this_robot_is_silence_with_its_reason() {
        let mut w = watch();
        feed(&mut w, 0, 0.0);
        let all = names();
        let bad = |stamp, names, positions: &[f64], velocities: &[f64]| {
            let mut w = watch();
            feed(&mut w, 0, 0.0);
            w.take(at(100), JointSample { stamp, names, positions, velocities });
            assert_eq!(w.last().unwrap().0, at(0));
            w.problem().cloned()
        };
        let missing = JointProblem::Missing { joint: "wrist_1".into(), has: all[..4].to_vec() };
        assert_eq!(bad((8, 0), &all[..4], &[0.0; 4], &[0.0; 4]), Some(missing));
        let lengths = JointProblem::Lengths { names: 7, positions: 7, velocities: 0 };
        assert_eq!(bad((8, 0), &all, &[0.0; 7], &[]), Some(lengths));
        let none = JointProblem::NoNumber { joint: "pan".into() };
        assert_eq!(bad((8, 0), &all, &[f64::NAN; 7], &[0.0; 7]), Some(none));
        assert_eq!(bad((7, 0), &all, &[0.0; 7], &[0.0; 7]), Some(JointProblem::Frozen));
        // A clock that jumps back is no silence.
        assert_eq!(
            {
                w.take(
                    at(5),
                    JointSample { stamp: (-3, 0), names: &all, positions: &[0.0; 7], velocities: &[0.0; 7] },
                );
                w.last().unwrap().0
            },
            at(5)
        );
    }
}
