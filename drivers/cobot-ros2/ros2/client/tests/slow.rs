//! A robot that is slowed, held by its safeguard, or told what it holds.

use super::super::super::config::Load;
use super::*;

fn topic(name: &str) -> Option<StatusTopic> {
    let (message, field) = ("std_msgs/msg/Float64".to_owned(), "data".to_owned());
    Some(StatusTopic { topic: name.into(), message, field, qos: Qos::default() })
}

/// When the move that was sent is over at the latest, ms after it was taken.
fn lasts_ms(b: &Bench) -> u64 {
    let Some((_, Act::Move { points, .. })) = b.acts.last() else { panic!("{:?}", b.acts) };
    points.last().unwrap().after.0 / 1_000_000 + 1_000
}

#[test]
fn a_motion_that_the_robot_slows_is_given_its_time_and_no_more() {
    let mut b = bench_of(|r| r.speed_scaling = topic("scaling"));
    b.client.status(StatusKind::SpeedScaling, 25);
    b.pass(10);
    assert_eq!(b.link.state().slowed, 0.75);
    b.moving(1);
    let lasts = lasts_ms(&b);
    // Four times as long, and longer than the link waits for a motion at its full speed.
    b.pass(4 * lasts - 100 - 20);
    assert!(b.ms > ANSWER_MS && b.cancels().is_empty() && b.answers().is_empty(), "{} ms", b.ms);
    b.pass(40);
    assert_eq!(b.cancels().len(), 1);
    (b.joints, b.speed) = (TO, 0.0);
    b.over(GoalEnd::Cancelled, 0);
    b.pass(150);
    assert_eq!(b.answers(), [(1, RobotReply::Faulted(RobotRefusal::TimedOut))]);
}

#[test]
fn a_slowed_motion_is_done_after_the_time_of_a_fast_one_is_over() {
    let mut b = bench_of(|r| r.speed_scaling = topic("scaling"));
    b.client.status(StatusKind::SpeedScaling, 10);
    b.moving(1);
    b.pass(3 * ANSWER_MS);
    assert_eq!((b.answers(), b.cancels()), (vec![], vec![]));
    (b.joints, b.speed) = (TO, 0.0);
    b.over(GoalEnd::Succeeded, 0);
    b.pass(150);
    assert_eq!(b.answers(), [(1, RobotReply::Done { holding: false })]);
}

#[test]
fn a_motion_that_stands_by_its_scaling_has_its_end_all_the_same() {
    let mut b = bench_of(|r| r.speed_scaling = topic("scaling"));
    b.client.status(StatusKind::SpeedScaling, 0);
    b.moving(1);
    b.speed = 0.0;
    b.pass(21 * ANSWER_MS);
    assert!(!b.cancels().is_empty());
    assert_eq!(b.answers(), [(1, RobotReply::Faulted(RobotRefusal::TimedOut))]);
}

/// At 5 %, the cell's end of the link and a request that nobody answers.
fn slowest() -> (CobotLink, impl FnMut(&mut CobotLink, u64, bool)) {
    let (mut cell, mut ends) = link(DurationNs::from_millis(ANSWER_MS));
    let says = |lost| RobotReport::State(RobotState { slowed: 0.95, lost, ..RobotState::default() });
    ends.reports.push(says(false)).expect("room");
    assert!(cell.poll(TimeNs(0)).is_some());
    // On to `ms`, heard or lost.
    let on = move |cell: &mut CobotLink, ms: u64, lost: bool| {
        let now = TimeNs(ms * 1_000_000);
        // With both rings: one that is gone is no robot.
        let ends = &mut ends;
        ends.reports.push(says(lost)).expect("room");
        assert_eq!(cell.poll(now), Some(says(lost)), "{ms} ms");
    };
    (cell, on)
}

#[test]
fn at_the_slowest_a_stop_and_a_grip_have_the_time_that_they_always_have() {
    for command in [RobotCommand::Stop, RobotCommand::Grip { close: true }] {
        let (mut cell, mut on) = slowest();
        cell.command(TimeNs(0), RobotRequest { id: RequestId(1), command });
        on(&mut cell, ANSWER_MS - 1, false);
        assert_eq!(cell.poll(TimeNs((ANSWER_MS - 1) * 1_000_000)), None);
        let reply = RobotReply::Faulted(RobotRefusal::TimedOut);
        let late = Some(RobotReport::Reply { id: RequestId(1), reply });
        assert_eq!(cell.poll(TimeNs(ANSWER_MS * 1_000_000)), late, "{command:?}");
    }
}

#[test]
fn at_the_slowest_a_move_is_given_no_time_while_nobody_hears_the_robot() {
    let (mut cell, mut on) = slowest();
    let command = RobotCommand::MoveJ { to: TO, speed: 1.0 };
    cell.command(TimeNs(0), RobotRequest { id: RequestId(1), command });
    // Of the first second it has used a twentieth.
    on(&mut cell, 1_000, true);
    assert_eq!(cell.deadline(), Some(TimeNs((ANSWER_MS + 950) * 1_000_000)));
    on(&mut cell, 3_000, true);
    on(&mut cell, 3_500, false);
    assert_eq!(cell.deadline(), Some(TimeNs((ANSWER_MS + 950) * 1_000_000)));
    // Heard again, it is given time again.
    on(&mut cell, 3_600, false);
    assert_eq!(cell.deadline(), Some(TimeNs((ANSWER_MS + 950 + 95) * 1_000_000)));
}

#[test]
fn a_slowed_motion_of_a_silent_robot_is_given_up_after_the_time_of_a_fast_one() {
    let mut b = bench_of(|r| r.speed_scaling = topic("scaling"));
    b.client.status(StatusKind::SpeedScaling, 5);
    b.pass(10);
    b.moving(1);
    b.publishing = false;
    b.pass(ANSWER_MS + 500);
    assert_eq!(b.answers(), [(1, RobotReply::Faulted(RobotRefusal::TimedOut))]);
}

#[test]
fn a_safeguard_stop_is_told_with_the_state_at_once_and_so_is_its_end() {
    let mut b = bench_of(|r| r.safety_mode = topic("safety"));
    b.client.status(StatusKind::SafetyMode, 1);
    b.pass(150);
    for (value, safeguard) in [(5, true), (1, false), (3, false), (7, false), (12, true)] {
        b.client.status(StatusKind::SafetyMode, value);
        b.pass(1);
        assert_eq!(b.link.state().safeguard, safeguard, "{value}");
        b.pass(5);
    }
}

fn loads(r: &mut Ros2Robot) {
    r.gripper = Some(Gripper { action: "gripper".into(), open_m: 0.04, closed_m: 0.0, effort_n: 20.0 });
    let load = |service: &str| Load {
        service: service.into(),
        message: "ur_msgs/srv/SetPayload".into(),
        grip: "{}".into(),
        release: "{}".into(),
        accepted: None,
    };
    r.loads = vec![load("payload"), load("tcp")];
}

impl Bench {
    /// The gripper has closed or opened, on a part or not.
    fn gripped(&mut self, id: u32, close: bool, stalled: bool) {
        self.ask(id, RobotCommand::Grip { close });
        let (now, goal) = (self.now(), self.goal());
        self.client.grip_over(now, goal, GoalEnd::Succeeded, stalled);
        self.pass(1);
    }

    fn told(&self) -> Vec<(usize, bool)> {
        let load = |(_, act): &(u64, Act)| match act {
            Act::Load { place, grip } => Some((*place, *grip)),
            _ => None,
        };
        self.acts.iter().filter_map(load).collect()
    }

    fn takes(&mut self, place: usize, taken: bool) {
        let now = self.now();
        self.client.load_told(now, place, taken);
        self.pass(1);
    }
}

#[test]
fn what_is_held_is_told_before_the_cell_hears_that_it_is_gripped_or_released() {
    let mut b = bench_of(loads);
    for (id, close) in [(1, true), (2, false)] {
        let before = b.told().len();
        b.gripped(id, close, close);
        assert_eq!(b.told()[before..], [(0, close)]);
        b.takes(1, true);
        assert_eq!(b.told().len(), before + 1, "no answer of that one");
        b.ask_move(10 + id);
        assert_eq!(b.answers().last(), Some(&(10 + id, RobotReply::Rejected(RobotRefusal::Busy))));
        b.takes(0, true);
        assert_eq!(b.told()[before..], [(0, close), (1, close)]);
        b.takes(1, true);
        assert_eq!(b.answers().last(), Some(&(id, RobotReply::Done { holding: close })));
    }
    // A grip that holds nothing changes no load.
    b.gripped(3, true, false);
    assert_eq!(b.answers().last(), Some(&(3, RobotReply::Done { holding: false })));
    assert_eq!(b.told().len(), 4);
}

#[test]
fn a_load_that_the_robot_does_not_take_is_a_fault_and_so_is_no_answer() {
    let mut b = bench_of(loads);
    b.gripped(1, true, true);
    b.takes(0, false);
    assert_eq!(b.answers(), [(1, RobotReply::Faulted(RobotRefusal::LoadRefused))]);
    assert!(b.link.state().holding, "it holds it all the same");
    b.gripped(2, true, true);
    b.pass(ANSWER_MS);
    assert_eq!(b.answers()[1..], [(2, RobotReply::Faulted(RobotRefusal::TimedOut))]);
    b.ask_move(3);
    assert_eq!(b.goals(), 1);
}
