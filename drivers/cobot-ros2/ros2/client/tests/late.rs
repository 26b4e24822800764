//! Goals that nobody waits for any more, ends, and a thread that stands.

use super::*;

/// A goal without an acknowledgement that was given up: nothing was there to cancel, and the robot stood.
fn given_up() -> (Bench, GoalId) {
    let mut b = bench();
    b.ask_move(1);
    let goal = b.goal();
    b.pass(510);
    let now = b.now();
    b.client.cancel_answered(now, CancelAnswer::Nothing);
    b.pass(1_010);
    assert_eq!(b.answers(), [(1, RobotReply::Faulted(RobotRefusal::TimedOut))]);
    assert!(b.client.still() && !b.link.state().moving);
    (b, goal)
}

impl Bench {
    fn leave(&mut self) -> bool {
        let now = self.now();
        self.client.leave(now)
    }
}

#[test]
fn a_goal_that_is_taken_after_its_motion_was_given_up_is_cancelled_and_may_be_moving() {
    let (mut b, goal) = given_up();
    let before = b.cancels().len();
    let now = b.now();
    b.client.acknowledged(now, goal, true);
    b.speed = 20.0;
    b.pass(1);
    assert_eq!(b.cancels().len(), before + 1);
    assert!(!b.client.still());
    let now = b.now();
    b.client.cancel_answered(now, CancelAnswer::Accepted);
    // It comes to rest; until it was seen there for a second nothing begins, and a stop is not answered.
    b.pass(300);
    b.speed = 0.0;
    b.ask_move(2);
    b.ask(3, RobotCommand::Stop);
    b.pass(990);
    assert_eq!(b.answers()[1..], [(2, RobotReply::Rejected(RobotRefusal::Busy))]);
    assert!(b.link.state().moving);
    b.pass(30);
    assert_eq!(b.answers()[2..], [(3, RobotReply::Done { holding: false })]);
    assert!(b.client.still() && !b.link.state().moving);
    b.ask_move(4);
    assert_eq!(b.goals(), 2);
}

#[test]
fn a_late_goal_breaks_off_the_move_that_it_preempts() {
    let (mut b, late) = given_up();
    b.moving(2);
    let (now, before) = (b.now(), b.cancels().len());
    b.client.acknowledged(now, late, true);
    b.pass(1);
    assert_eq!(b.cancels().len(), before + 1);
    let now = b.now();
    b.client.cancel_answered(now, CancelAnswer::Accepted);
    b.over(GoalEnd::Aborted, 0);
    b.speed = 0.0;
    b.pass(900);
    assert_eq!(b.answers().len(), 1, "the late one may be moving it");
    b.pass(200);
    assert_eq!(b.answers()[1..], [(2, RobotReply::Faulted(RobotRefusal::TimedOut))]);
}

#[test]
fn a_late_goal_whose_cancel_nobody_answers_is_waited_for_as_long_as_any_other() {
    let (mut b, goal) = given_up();
    let now = b.now();
    b.client.acknowledged(now, goal, true);
    b.pass(ANSWER_MS + 990);
    assert!(!b.client.still());
    b.pass(30);
    assert!(b.client.still());
}

#[test]
fn at_its_end_a_client_cancels_what_may_be_moving_and_nothing_else() {
    let mut b = bench();
    assert!(!b.leave());
    b.ask_move(1);
    assert_eq!(b.answers(), [(1, RobotReply::Rejected(RobotRefusal::NotConnected))]);
    assert_eq!((b.cancels(), b.goals()), (vec![], 0));
    let mut b = bench();
    b.moving(1);
    b.ask(2, RobotCommand::Stop);
    let now = b.now();
    b.client.cancel_answered(now, CancelAnswer::Accepted);
    assert!(b.leave(), "it was not seen at rest");
    b.pass(1);
    assert_eq!(b.cancels().len(), 2);
    b.over(GoalEnd::Cancelled, 0);
    b.speed = 0.0;
    b.pass(120);
    assert!(!b.leave());
}

#[test]
fn at_its_end_a_client_cancels_a_goal_that_was_given_up_unanswered_and_waits_for_rest() {
    let (mut b, _) = given_up();
    let before = b.cancels().len();
    assert!(b.leave());
    b.pass(10);
    assert_eq!(b.cancels().len(), before + 1);
    let now = b.now();
    b.client.cancel_answered(now, CancelAnswer::Nothing);
    b.pass(990);
    assert!(b.client.open());
    b.pass(30);
    assert!(!b.client.open());
    // One that is taken on meanwhile is cancelled once more.
    let (mut b, goal) = given_up();
    let before = b.cancels().len();
    assert!(b.leave());
    b.pass(10);
    let now = b.now();
    b.client.cancel_answered(now, CancelAnswer::Nothing);
    b.client.acknowledged(now, goal, true);
    b.speed = 20.0;
    b.pass(1_100);
    assert!(b.client.open() && b.cancels().len() > before + 1, "{:?}", b.cancels());
}

#[test]
fn at_its_end_a_client_waits_for_the_rest_that_a_stop_waits_for() {
    let mut b = bench();
    b.speed = 20.0;
    b.pass(20);
    b.ask(1, RobotCommand::Stop);
    assert!(b.leave() && b.client.still());
    b.pass(500);
    assert!(b.client.open(), "it moves, if by no goal of ours");
    b.speed = 0.0;
    b.pass(150);
    assert!(!b.client.open());
}

#[test]
fn a_server_that_leaves_goals_unanswered_is_sent_no_more_of_them_and_that_is_said() {
    let mut b = bench();
    for id in 1..=4 {
        assert_eq!(b.client.problem(b.now()), None);
        b.ask_move(id);
        b.pass(510);
        let now = b.now();
        b.client.cancel_answered(now, CancelAnswer::Nothing);
        b.pass(1_010);
    }
    let problem = b.client.problem(b.now()).expect("a problem");
    assert!(problem.contains("4 goals"), "{problem}");
    b.ask_move(5);
    assert_eq!(b.answers().last(), Some(&(5, RobotReply::Rejected(RobotRefusal::NotConnected))));
    assert_eq!(b.goals(), 4);
    let (now, goal) = (b.now(), b.goal());
    b.client.acknowledged(now, goal, false);
    b.ask_move(6);
    assert_eq!(b.goals(), 5);
}

#[test]
fn a_move_whose_asker_is_gone_is_cancelled() {
    let mut b = bench();
    b.moving(1);
    assert_eq!(b.cancels(), [0u64; 0]);
    let (other, _ends) = link(DurationNs::from_millis(ANSWER_MS));
    b.link = other;
    b.pass(2);
    assert_eq!(b.cancels().len(), 1);
}

#[test]
fn a_driver_that_stands_is_silence_and_its_next_report_ends_it() {
    let (mut watched, mut ends) = link(DurationNs::from_millis(ANSWER_MS));
    watched = watched.watched(crate::ros2::SILENCE_MAX);
    let at = |ms: u64| TimeNs(ms * 1_000_000);
    let says = RobotReport::State(RobotState { stamp: at(1_000), ..RobotState::default() });
    ends.reports.push(says).expect("room");
    assert_eq!(watched.poll(at(1_000)), Some(says));
    assert_eq!(watched.poll(at(1_500)), None);
    assert!(watched.deadline().is_some_and(|at| at > TimeNs(1_500_000_000) && at < TimeNs(1_501_000_000)));
    assert!(
        matches!(watched.poll(at(1_501)), Some(RobotReport::State(s)) if s.lost && s.moving && s.stamp == at(1_000))
    );
    assert_eq!(watched.poll(at(9_000)), None, "told once");
    ends.reports.push(says).expect("room");
    assert_eq!(watched.poll(at(9_001)), Some(says));
    assert!(!watched.state().lost);
    // A twin is stepped by the cycle, and reports at rest once a second: nobody watches it.
    let (mut plain, _ends) = link(DurationNs::from_millis(ANSWER_MS));
    assert_eq!((plain.poll(at(1)), plain.poll(at(60_000))), (None, None));
}
