//! A robot elsewhere that works in the twin's plant: its arm is there, its gripper's parts are here.
//!
//! Every request goes to the robot. Where it says that it is, the twin cobot stands ([`FollowEnds`], once for each step of
//! it); a grip that the robot has done is done in the plant then, at that place, and the plant says what is held. So parts
//! move with the robot, and a robot that is not where the cell thinks it is grips beside them, as a real one would.

use cellwright_driver_api::message::RobotDriver;
use cellwright_model::robot::{Joints, RobotCommand, RobotReply, RobotReport, RobotRequest, RobotState};
use cellwright_model::{DurationNs, RequestId, TimeNs};

use crate::link::{CobotLink, link};
use crate::twin::CobotEnds;

/// Joints and their speeds, by the robot's last word.
pub(crate) type Pose = (Joints, Joints);

/// What the twin cobot has of the robot that it follows.
pub struct FollowEnds {
    pub(crate) ends: CobotEnds,
    pub(crate) pose: triple_buffer::Output<Pose>,
}

/// The driver of both; see the module text.
pub struct FollowedCobot {
    robot: CobotLink,
    /// Of the twin: it grips.
    twin: CobotLink,
    pose: triple_buffer::Input<Pose>,
    /// A grip that was asked of the robot; requests come one after the other.
    gripping: Option<(RequestId, bool)>,
}

/// A driver of `robot` whose gripper works in the plant. `start`: where the twin cobot stands until the robot is heard;
/// `answer_timeout`: of a grip in the plant.
pub fn follow(robot: CobotLink, start: Joints, answer_timeout: DurationNs) -> (FollowedCobot, FollowEnds) {
    let (twin, ends) = link(answer_timeout);
    let (pose, seen) = triple_buffer::triple_buffer(&(start, Joints::default()));
    (FollowedCobot { robot, twin, pose, gripping: None }, FollowEnds { ends, pose: seen })
}

impl FollowedCobot {
    /// What the robot has answered, as the controller is told it; `None`: it is the plant's turn.
    fn answered(&mut self, now: TimeNs, id: RequestId, reply: RobotReply) -> Option<RobotReply> {
        let grip = self.gripping.take_if(|(of, _)| *of == id);
        match (reply, grip) {
            (RobotReply::Done { .. }, Some((id, close))) => {
                self.twin.command(now, RobotRequest { id, command: RobotCommand::Grip { close } });
                None
            }
            (RobotReply::Done { .. }, None) => Some(RobotReply::Done { holding: self.twin.state().holding }),
            (other, _) => Some(other),
        }
    }
}

impl RobotDriver for FollowedCobot {
    fn command(&mut self, now: TimeNs, request: RobotRequest) {
        if let RobotCommand::Grip { close } = request.command
            && self.gripping.is_none()
        {
            self.gripping = Some((request.id, close));
        }
        self.robot.command(now, request);
    }

    fn poll(&mut self, now: TimeNs) -> Option<RobotReport> {
        while let Some(report) = self.twin.poll(now) {
            if let RobotReport::Reply { .. } = report {
                return Some(report);
            }
        }
        while let Some(report) = self.robot.poll(now) {
            match report {
                RobotReport::State(state) => {
                    // Before the robot was heard for the first time it is nowhere.
                    if state.stamp != TimeNs::default() {
                        self.pose.write((state.joints, state.speeds));
                    }
                    return Some(RobotReport::State(self.state()));
                }
                RobotReport::Reply { id, reply } => {
                    if let Some(reply) = self.answered(now, id, reply) {
                        return Some(RobotReport::Reply { id, reply });
                    }
                }
            }
        }
        None
    }

    fn state(&self) -> RobotState {
        RobotState { holding: self.twin.state().holding, ..self.robot.state() }
    }

    fn deadline(&self) -> Option<TimeNs> {
        [self.robot.deadline(), self.twin.deadline()].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use cellwright_model::robot::RobotRefusal;

    use super::*;
    use crate::twin::{CobotModel, JointLimits, TwinCobot, Workspace};

    const AT: Joints = [10.0, -80.0, 90.0, -90.0, -90.0, 5.0];
    const ANSWER: DurationNs = DurationNs::from_millis(1_000);

    /// A plant with one part, at [`AT`].
    #[derive(Default)]
    struct OnePart {
        held: bool,
    }

    impl Workspace for OnePart {
        fn grip(&mut self, joints: &Joints, close: bool) -> bool {
            self.held = close && (0..6).all(|j| (joints[j] - AT[j]).abs() < 0.1);
            self.held
        }
        fn holds(&self) -> bool {
            self.held
        }
    }

    struct Rig {
        driver: FollowedCobot,
        /// The robot's ends.
        robot: CobotEnds,
        twin: TwinCobot,
        plant: OnePart,
        now: TimeNs,
    }

    fn rig() -> Rig {
        let limits = JointLimits::alike();
        let model = CobotModel { limits, start: [0.0; 6], grip_time: DurationNs::from_millis(150) };
        let (robot, ends) = link(ANSWER);
        let (driver, follows) = follow(robot, [0.0; 6], ANSWER);
        let (_unused, twin_ends) = link(ANSWER);
        let mut twin = TwinCobot::new(model, twin_ends).expect("a usable model");
        twin.follow(follows);
        Rig { driver, robot: ends, twin, plant: OnePart::default(), now: TimeNs(1) }
    }

    impl Rig {
        fn says(&mut self, report: RobotReport) {
            self.robot.reports.push(report).expect("room");
        }

        /// A few milliseconds of both; what the controller is told.
        fn pass(&mut self) -> Vec<(u32, RobotReply)> {
            let mut told = Vec::new();
            for _ in 0..5 {
                self.now = self.now + DurationNs::from_millis(2);
                self.twin.step(self.now, &mut self.plant);
                while let Some(report) = self.driver.poll(self.now) {
                    if let RobotReport::Reply { id, reply } = report {
                        told.push((id.0, reply));
                    }
                }
            }
            told
        }

        fn stands(&mut self, joints: Joints) {
            let state = RobotState { stamp: self.now, joints, ..RobotState::default() };
            self.says(RobotReport::State(state));
            self.pass();
        }

        fn grip(&mut self, id: u32, close: bool) {
            let command = RobotCommand::Grip { close };
            self.driver.command(self.now, RobotRequest { id: RequestId(id), command });
            assert_eq!(self.robot.requests.pop().expect("asked of the robot").command, command);
        }
    }

    #[test]
    fn the_twin_stands_where_the_robot_is_and_grips_there_when_the_robot_has() {
        let mut rig = rig();
        rig.stands(AT);
        assert_eq!(rig.twin.state().joints, AT);
        rig.grip(1, true);
        assert!(rig.pass().is_empty() && !rig.plant.held, "not before the robot has");
        rig.says(RobotReport::Reply { id: RequestId(1), reply: RobotReply::Done { holding: false } });
        assert_eq!(rig.pass(), [(1, RobotReply::Done { holding: true })]);
        assert!(rig.driver.state().holding);
        // A move's answer says what is held, too.
        rig.says(RobotReport::Reply { id: RequestId(9), reply: RobotReply::Done { holding: false } });
        assert!(rig.pass().is_empty(), "nobody asked for it");
    }

    #[test]
    fn beside_the_part_it_grips_nothing_and_a_refused_grip_is_none() {
        let mut rig = rig();
        rig.stands([11.0, -80.0, 90.0, -90.0, -90.0, 5.0]);
        rig.grip(1, true);
        rig.says(RobotReport::Reply { id: RequestId(1), reply: RobotReply::Done { holding: true } });
        assert_eq!(rig.pass(), [(1, RobotReply::Done { holding: false })]);
        rig.stands(AT);
        rig.grip(2, true);
        let refused = RobotReply::Rejected(RobotRefusal::ProtectiveStop);
        rig.says(RobotReport::Reply { id: RequestId(2), reply: refused });
        assert_eq!(rig.pass(), [(2, refused)]);
        assert!(!rig.plant.held);
    }
}
