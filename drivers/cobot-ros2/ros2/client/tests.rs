use cellwright_driver_api::message::RobotDriver;

use super::super::config::{Gripper, Qos, StatusTopic};
use super::*;
use crate::link::{CobotLink, link};

const ANSWER_MS: u64 = 4_000;
const PERIOD_MS: u64 = 10;
const TO: Joints = [30.0, -80.0, 90.0, -90.0, -90.0, 10.0];

/// Link and client with a robot of paper: where it is and what its server says, the test says.
struct Bench {
    link: CobotLink,
    client: RobotClient,
    ms: u64,
    joints: Joints,
    speed: f64,
    publishing: bool,
    /// With the time they came out.
    acts: Vec<(u64, Act)>,
    replies: Vec<(u64, u32, RobotReply)>,
}

fn names() -> [String; 6] {
    core::array::from_fn(|j| format!("joint_{j}"))
}

fn bench_of(change: impl FnOnce(&mut Ros2Robot)) -> Bench {
    let mut robot = Ros2Robot::new("robot_l", names(), DurationNs::from_millis(ANSWER_MS));
    change(&mut robot);
    let limits = JointLimits::alike();
    let (link, ends) = link(DurationNs::from_millis(ANSWER_MS));
    let mut client = RobotClient::new(robot, limits, ends).expect("a usable robot");
    client.served(true);
    let joints = [0.0, -90.0, 90.0, -90.0, -90.0, 0.0];
    let (acts, replies) = (Vec::new(), Vec::new());
    let mut bench = Bench { link, client, ms: 0, joints, speed: 0.0, publishing: true, acts, replies };
    bench.pass(200);
    bench
}

fn bench() -> Bench {
    bench_of(|_| {})
}

impl Bench {
    fn now(&self) -> TimeNs {
        TimeNs(self.ms * 1_000_000)
    }

    fn publish(&mut self, names: &[String]) {
        let positions = self.joints.map(f64::to_radians);
        let velocities = [self.speed.to_radians(); 6];
        let stamp = (0, self.ms as u32);
        let n = names.len();
        let (positions, velocities) = (&positions[..n], &velocities[..n]);
        self.client.joint_state(self.now(), JointSample { stamp, names, positions, velocities });
    }

    fn pass(&mut self, ms: u64) {
        for _ in 0..ms {
            self.ms += 1;
            if self.publishing && self.ms.is_multiple_of(PERIOD_MS) {
                self.publish(&names());
            }
            self.client.step(self.now());
            while let Some(act) = self.client.next_act() {
                self.acts.push((self.ms, act));
            }
            while let Some(report) = self.link.poll(self.now()) {
                if let RobotReport::Reply { id, reply } = report {
                    self.replies.push((self.ms, id.0, reply));
                }
            }
        }
    }

    fn ask(&mut self, id: u32, command: RobotCommand) {
        let now = self.now();
        self.link.command(now, RobotRequest { id: RequestId(id), command });
        self.pass(1);
    }

    fn ask_move(&mut self, id: u32) {
        self.ask(id, RobotCommand::MoveJ { to: TO, speed: 1.0 });
    }

    /// The goal that was sent last.
    fn goal(&self) -> GoalId {
        let sent = self.acts.iter().rev().find_map(|(_, act)| match act {
            Act::Move { goal, .. } | Act::Grip { goal, .. } => Some(*goal),
            Act::CancelAll | Act::Load { .. } => None,
        });
        sent.expect("a goal was sent")
    }

    fn cancels(&self) -> Vec<u64> {
        self.acts.iter().filter(|(_, act)| *act == Act::CancelAll).map(|(ms, _)| *ms).collect()
    }

    fn goals(&self) -> usize {
        self.acts.iter().filter(|(_, act)| matches!(act, Act::Move { .. })).count()
    }

    /// A move that was taken and is on its way.
    fn moving(&mut self, id: u32) {
        self.ask_move(id);
        let (now, goal) = (self.now(), self.goal());
        self.client.acknowledged(now, goal, true);
        self.speed = 20.0;
        self.pass(100);
    }

    fn over(&mut self, end: GoalEnd, code: i32) {
        let (now, goal) = (self.now(), self.goal());
        self.client.over(now, goal, end, code);
    }

    fn answers(&self) -> Vec<(u32, RobotReply)> {
        self.replies.iter().map(|(_, id, reply)| (*id, *reply)).collect()
    }
}

#[test]
fn a_move_is_done_with_its_result_and_at_rest_and_not_with_one_of_them() {
    let mut b = bench();
    b.moving(1);
    assert!(b.link.state().moving);
    b.joints = TO;
    b.over(GoalEnd::Succeeded, 0);
    b.pass(300);
    assert_eq!(b.answers(), [], "joints still move");
    b.speed = 0.0;
    b.pass(100);
    assert_eq!(b.answers(), [], "not long enough at rest");
    b.pass(20);
    assert_eq!(b.answers(), [(1, RobotReply::Done { holding: false })]);
    assert!(
        !b.link.state().moving && b.link.state().joints.iter().zip(TO).all(|(a, b)| (a - b).abs() < 1e-9)
    );

    let mut b = bench();
    b.moving(1);
    (b.joints, b.speed) = (TO, 0.0);
    b.pass(500);
    assert_eq!(b.answers(), [], "no result");
    assert_eq!(b.cancels(), [0u64; 0]);
}

#[test]
fn points_go_out_in_radians_under_the_names_of_the_cell() {
    let mut b = bench();
    b.ask_move(1);
    let Some((_, Act::Move { points, .. })) = b.acts.last() else { panic!("{:?}", b.acts) };
    assert_eq!(points.last().unwrap().positions, TO.map(f64::to_radians));
    assert_eq!(b.goals(), 1);
}

#[test]
fn an_accepted_cancel_is_not_a_stopped_robot() {
    let mut b = bench();
    b.moving(1);
    b.ask(2, RobotCommand::Stop);
    assert_eq!(b.cancels().len(), 1);
    let now = b.now();
    b.client.cancel_answered(now, CancelAnswer::Accepted);
    b.speed = 0.0;
    b.pass(1_000);
    assert_eq!(b.answers(), [], "no result");
    assert_eq!(b.cancels().len(), 1, "an accepted cancel is not sent again");
    b.over(GoalEnd::Cancelled, 0);
    b.pass(20);
    let done = RobotReply::Done { holding: false };
    assert_eq!(b.answers(), [(1, RobotReply::Stopped), (2, done)]);
}

#[test]
fn a_refused_cancel_is_sent_again_and_not_for_ever() {
    let mut b = bench();
    b.moving(1);
    b.ask(2, RobotCommand::Stop);
    for _ in 0..30 {
        let now = b.now();
        b.client.cancel_answered(now, CancelAnswer::Refused);
        b.pass(300);
    }
    let sent = b.cancels();
    assert_eq!(sent.len(), CANCELS_MAX as usize);
    assert!(sent.windows(2).all(|w| w[1] - w[0] == 300), "{sent:?}");
    // It went to its target in spite of it; the link has answered long since.
    assert!(b.answers().iter().all(|(_, r)| *r == RobotReply::Faulted(RobotRefusal::TimedOut)));
}

#[test]
fn a_lost_acknowledgement_may_be_moving() {
    let mut b = bench();
    b.ask_move(1);
    b.pass(498);
    assert_eq!(b.cancels(), [0u64; 0]);
    b.pass(2);
    assert_eq!(b.cancels().len(), 1);
    b.pass(ANSWER_MS - 502);
    assert_eq!(b.answers(), []);
    b.pass(2);
    assert_eq!(b.answers(), [(1, RobotReply::Faulted(RobotRefusal::TimedOut))]);
    // Nothing begins before it was seen at rest for a second more.
    b.ask_move(2);
    assert_eq!(b.answers()[1..], [(2, RobotReply::Rejected(RobotRefusal::Busy))]);
    b.pass(1_020);
    b.ask_move(3);
    assert_eq!(b.goals(), 2);
    assert_eq!(b.answers().len(), 2);
}

#[test]
fn a_lost_acknowledgement_whose_cancel_is_answered_ends_at_rest() {
    let mut b = bench();
    b.ask_move(1);
    b.speed = 20.0;
    b.pass(600);
    let now = b.now();
    b.client.cancel_answered(now, CancelAnswer::Accepted);
    b.pass(300);
    b.speed = 0.0;
    b.pass(1_005);
    assert_eq!(b.answers(), []);
    b.pass(20);
    assert_eq!(b.answers(), [(1, RobotReply::Faulted(RobotRefusal::TimedOut))]);
    assert!(b.ms < ANSWER_MS);
}

#[test]
fn a_late_acknowledgement_is_cancelled_anew_and_answers_nobody() {
    let mut b = bench();
    b.ask_move(1);
    b.pass(ANSWER_MS + 1);
    assert_eq!(b.answers(), [(1, RobotReply::Faulted(RobotRefusal::TimedOut))]);
    let (now, goal, before) = (b.now(), b.goal(), b.cancels().len());
    b.client.cancel_answered(now, CancelAnswer::Accepted);
    b.client.acknowledged(now, goal, true);
    b.pass(1);
    assert_eq!(b.cancels().len(), before + 1);
    b.over(GoalEnd::Cancelled, 0);
    b.pass(500);
    assert_eq!(b.answers().len(), 1);
    assert_eq!(b.link.stray(), 0);
    b.ask_move(2);
    assert_eq!(b.goals(), 2);
}

#[test]
fn silence_begins_nothing_and_cancels_within_the_watchdog() {
    let mut b = bench();
    b.moving(1);
    b.publishing = false;
    let silent = b.ms;
    b.pass(300);
    let first = b.cancels()[0];
    assert!((149..=152).contains(&(first - silent)), "{}", first - silent);
    let stamp = b.link.state().stamp;
    b.pass(ANSWER_MS);
    assert_eq!(b.answers(), [(1, RobotReply::Faulted(RobotRefusal::TimedOut))]);
    assert_eq!(b.link.state().stamp, stamp);
    assert!(b.client.problem(b.now()).unwrap().contains("/joint_states"));
    // A stop is not answered while nobody knows.
    b.ask(2, RobotCommand::Stop);
    b.pass(1_000);
    assert_eq!(b.answers().len(), 1);

    let mut b = bench();
    b.publishing = false;
    b.pass(160);
    b.ask_move(1);
    assert_eq!(b.answers(), [(1, RobotReply::Rejected(RobotRefusal::NotConnected))]);
    assert_eq!(b.goals(), 0);
}

#[test]
fn a_server_that_came_back_without_the_goal_ends_it_at_rest() {
    let mut b = bench();
    b.moving(1);
    b.publishing = false;
    b.pass(600);
    (b.publishing, b.speed) = (true, 0.0);
    let now = b.now();
    b.client.cancel_answered(now, CancelAnswer::Nothing);
    b.pass(900);
    assert_eq!(b.answers(), []);
    b.pass(200);
    assert_eq!(b.answers(), [(1, RobotReply::Faulted(RobotRefusal::NotConnected))]);
}

#[test]
fn a_result_that_does_not_come_is_cancelled() {
    let mut b = bench();
    b.moving(1);
    let Some((sent, Act::Move { points, .. })) = b.acts.last().cloned() else { panic!("{:?}", b.acts) };
    let due = sent + points.last().unwrap().after.0 / 1_000_000 + 1_000;
    (b.joints, b.speed) = (TO, 0.0);
    b.pass(due + 10 - b.ms);
    let cancel = b.cancels()[0];
    assert!(cancel.abs_diff(due) <= 2, "{cancel} instead of {due}");
    b.over(GoalEnd::Cancelled, 0);
    b.pass(20);
    assert_eq!(b.answers(), [(1, RobotReply::Faulted(RobotRefusal::TimedOut))]);
}

#[test]
fn results_are_told_apart() {
    use RobotRefusal as R;
    for (end, code, reply) in [
        (GoalEnd::Succeeded, 0, RobotReply::Done { holding: false }),
        (GoalEnd::Succeeded, -5, RobotReply::Faulted(R::GoalTolerance)),
        (GoalEnd::Aborted, -4, RobotReply::Faulted(R::PathTolerance)),
        (GoalEnd::Aborted, -5, RobotReply::Faulted(R::GoalTolerance)),
        (GoalEnd::Aborted, -2, RobotReply::Faulted(R::JointNames)),
        (GoalEnd::Aborted, -1, RobotReply::Faulted(R::Aborted)),
        (GoalEnd::Cancelled, 0, RobotReply::Faulted(R::Cancelled)),
        (GoalEnd::Unknown, 0, RobotReply::Faulted(R::Aborted)),
    ] {
        let mut b = bench();
        b.moving(1);
        (b.joints, b.speed) = (TO, 0.0);
        b.over(end, code);
        b.pass(150);
        assert_eq!(b.answers(), [(1, reply)], "{end:?} {code}");
    }
}

#[test]
fn done_elsewhere_is_not_done() {
    let mut b = bench();
    b.moving(1);
    b.joints = TO;
    b.joints[2] += 0.6;
    b.speed = 0.0;
    b.over(GoalEnd::Succeeded, 0);
    b.pass(150);
    assert_eq!(b.answers(), [(1, RobotReply::Faulted(RobotRefusal::GoalTolerance))]);
}

#[test]
fn a_goal_that_is_not_taken_is_rejected() {
    let mut b = bench();
    b.ask_move(1);
    let (now, goal) = (b.now(), b.goal());
    b.client.acknowledged(now, goal, false);
    b.pass(1);
    assert_eq!(b.answers(), [(1, RobotReply::Rejected(RobotRefusal::Aborted))]);
    b.ask_move(2);
    assert_eq!(b.goals(), 2);
    // Words on a goal of before change nothing.
    let now = b.now();
    b.client.acknowledged(now, goal, false);
    b.client.over(now, goal, GoalEnd::Succeeded, 0);
    b.pass(200);
    assert_eq!(b.answers().len(), 1);
}

#[test]
fn what_the_robot_says_of_itself_ends_a_move_and_begins_none() {
    let mut b = bench_of(|r| {
        let (message, field) = ("std_msgs/msg/UInt8".to_owned(), "data".to_owned());
        let topic = "safety_mode".to_owned();
        r.safety_mode = Some(StatusTopic { topic, message, field, qos: Qos::default() });
    });
    b.ask_move(1);
    assert_eq!(b.answers(), [(1, RobotReply::Rejected(RobotRefusal::NotConnected))]);
    b.client.status(StatusKind::SafetyMode, 1);
    b.moving(2);
    b.client.status(StatusKind::SafetyMode, 3);
    b.pass(1);
    assert_eq!(b.cancels().len(), 1);
    b.speed = 0.0;
    b.over(GoalEnd::Cancelled, 0);
    b.pass(150);
    assert_eq!(b.answers()[1..], [(2, RobotReply::Faulted(RobotRefusal::ProtectiveStop))]);
    b.client.status(StatusKind::SafetyMode, 5);
    b.ask_move(3);
    assert_eq!(b.answers()[2..], [(3, RobotReply::Rejected(RobotRefusal::SafeguardStop))]);
    assert!(b.client.problem(b.now()).unwrap().contains("safeguard-stop; close the guard"));
}

#[test]
fn wrong_joint_names_are_told() {
    let mut b = bench();
    b.publishing = false;
    for _ in 0..20 {
        let mut wrong = names();
        wrong[4] = "joint_x".into();
        b.publish(&wrong);
        b.pass(10);
    }
    b.ask_move(1);
    assert_eq!(b.answers(), [(1, RobotReply::Rejected(RobotRefusal::JointNames))]);
    let told = b.client.problem(b.now()).unwrap();
    assert!(told.contains("do not name `joint_4`") && told.contains("joint_x"), "{told}");
}

#[test]
fn nothing_begins_while_it_moves_by_itself() {
    let mut b = bench();
    b.speed = 5.0;
    b.pass(20);
    b.ask_move(1);
    assert_eq!(b.answers(), [(1, RobotReply::Rejected(RobotRefusal::Busy))]);
    // A stop cancels whatever moves it, and is answered at rest.
    b.ask(2, RobotCommand::Stop);
    assert_eq!(b.cancels().len(), 1);
    b.speed = 0.0;
    b.pass(150);
    assert_eq!(b.answers()[1..], [(2, RobotReply::Done { holding: false })]);
}

#[test]
fn a_gripper_that_is_stopped_by_a_part_holds_it() {
    let gripper = |r: &mut Ros2Robot| {
        r.gripper = Some(Gripper { action: "gripper".into(), open_m: 0.04, closed_m: 0.0, effort_n: 20.0 });
    };
    for (close, end, stalled, reply) in [
        (true, GoalEnd::Succeeded, true, RobotReply::Done { holding: true }),
        (true, GoalEnd::Aborted, true, RobotReply::Done { holding: true }),
        (true, GoalEnd::Succeeded, false, RobotReply::Done { holding: false }),
        (false, GoalEnd::Succeeded, false, RobotReply::Done { holding: false }),
        (false, GoalEnd::Aborted, true, RobotReply::Faulted(RobotRefusal::Aborted)),
    ] {
        let mut b = bench_of(gripper);
        b.ask(1, RobotCommand::Grip { close });
        let position_m = if close { 0.0 } else { 0.04 };
        assert!(matches!(b.acts[0].1, Act::Grip { position_m: p, effort_n: 20.0, .. } if p == position_m));
        b.ask_move(2);
        let (now, goal) = (b.now(), b.goal());
        b.client.grip_over(now, goal, end, stalled);
        b.pass(1);
        assert_eq!(b.answers(), [(2, RobotReply::Rejected(RobotRefusal::Busy)), (1, reply)]);
        assert_eq!(b.link.state().holding, reply == RobotReply::Done { holding: true });
    }
    let mut b = bench();
    b.ask(1, RobotCommand::Grip { close: true });
    assert_eq!(b.answers(), [(1, RobotReply::Rejected(RobotRefusal::NotConnected))]);
}

#[test]
fn a_gripper_that_never_answers_does_not_keep_the_robot() {
    let mut b = bench_of(|r| {
        r.gripper = Some(Gripper { action: "gripper".into(), open_m: 0.04, closed_m: 0.0, effort_n: 20.0 });
    });
    b.ask(1, RobotCommand::Grip { close: true });
    b.pass(ANSWER_MS + 1);
    assert_eq!(b.answers(), [(1, RobotReply::Faulted(RobotRefusal::TimedOut))]);
    b.ask_move(2);
    assert_eq!(b.goals(), 1);
}

#[test]
fn nothing_begins_before_its_servers_are_found() {
    let mut b = bench();
    b.client.served(false);
    b.ask_move(1);
    assert_eq!(b.answers(), [(1, RobotReply::Rejected(RobotRefusal::NotConnected))]);
    assert!(b.client.problem(b.now()).unwrap().contains("no server of /joint_trajectory_controller/"));
}

#[test]
fn silence_and_its_end_are_told_at_once() {
    let mut b = bench();
    b.moving(1);
    assert!(!b.link.state().lost);
    let last = b.ms - b.ms % PERIOD_MS;
    b.publishing = false;
    b.pass(last + 150 - b.ms);
    assert!(!b.link.state().lost, "not before its watchdog");
    b.pass(2);
    let state = b.link.state();
    assert!(state.lost && state.moving);
    assert_eq!(state.stamp, TimeNs(last * 1_000_000), "when it was heard last");
    b.publishing = true;
    b.pass(PERIOD_MS);
    assert!(!b.link.state().lost);
}

#[test]
fn rest_counts_from_the_first_of_the_same_answers_to_repeated_cancels() {
    let mut b = bench();
    b.ask_move(1);
    b.speed = 20.0;
    // Nobody acknowledges; each cancel, every 300 ms, finds nothing to cancel.
    let mut answered = 0;
    for _ in 0..200 {
        b.pass(10);
        if b.ms > 900 {
            (b.joints, b.speed) = (TO, 0.0);
        }
        let now = b.now();
        for _ in answered..b.cancels().len() {
            b.client.cancel_answered(now, CancelAnswer::Nothing);
        }
        answered = b.cancels().len();
    }
    assert!(answered > 2, "{answered}");
    assert_eq!(b.answers(), [(1, RobotReply::Faulted(RobotRefusal::TimedOut))]);
    let (at, ..) = b.replies[0];
    assert!((1_900..2_000).contains(&at), "a second at rest, and no more: {at}");
    assert!(!b.link.state().moving);
}

#[test]
fn a_client_that_is_gone_is_silence_too() {
    let mut b = bench();
    let (link, ends) = link(DurationNs::from_millis(ANSWER_MS));
    b.link = link;
    drop(ends);
    let now = b.now();
    assert!(matches!(b.link.poll(now), Some(RobotReport::State(state)) if state.lost));
    b.link.command(now, RobotRequest { id: RequestId(7), command: RobotCommand::Stop });
    let reply = RobotReply::Rejected(RobotRefusal::NotConnected);
    assert_eq!(b.link.poll(now), Some(RobotReport::Reply { id: RequestId(7), reply }));
}

mod late;
mod slow;
