//! A cobot that is not heard any more in the middle of its way, or held by its safeguard: held at once, and on command it
//! goes on from where it is. Of no other stop of its own does it go on by Unhold.

mod common;

use std::sync::Arc;

use cellwright_engine::api::Input;
use cellwright_engine::catalogue::AlarmCode;
use cellwright_model::outcome::UnitResult;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::robot::{RobotCommand, RobotRefusal, RobotReply};

use common::{Bench, plan};

fn moves(b: &Bench) -> Vec<RobotCommand> {
    b.robot_commands.iter().filter(|c| matches!(c, RobotCommand::MoveJ { .. })).copied().collect()
}

/// It is heard again, and was seen at rest: what it was moved for is over.
fn heard_again(b: &mut Bench) {
    b.robots[0].lost = false;
    ended_by(b, RobotRefusal::NotConnected);
}

/// Its move has ended, and not as it was asked.
fn ended_by(b: &mut Bench, why: RobotRefusal) {
    b.robots[0].moving = false;
    if let Some((id, ..)) = b.robot_move.take() {
        b.put(Input::Robot { id, reply: RobotReply::Faulted(why) });
    }
}

/// In production, the cobot on its way.
fn under_way() -> Bench {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_true("a cobot under way", |b| b.robots[0].moving);
    b
}

/// By command, to where it was on its way to, and the unit is as good as any.
fn goes_on_by_unhold(mut b: Bench, last: RobotCommand) {
    b.command(CellCommand::Unhold);
    b.until_true("it moves again", |b| b.robots[0].moving);
    assert_eq!(moves(&b).last(), Some(&last), "to where it was on its way to");
    b.until(CellState::Completed);
    assert_eq!(b.closed()[0].result, UnitResult::Good);
    assert!(!b.closed()[0].retested && b.questions.is_empty());
}

#[test]
fn silence_holds_at_once_and_the_cobot_is_asked_again_when_it_is_back() {
    let mut b = under_way();
    let last = *moves(&b).last().expect("it moves");
    b.robots[0].lost = true;
    b.ticks(2);
    assert_eq!(b.status().state, CellState::Holding);
    assert!(b.alarms.iter().any(|a| a.code == AlarmCode::RobotLost), "{:?}", b.alarms);
    assert_eq!(b.robot_commands.last(), Some(&RobotCommand::Stop));
    b.ticks(3_000);
    assert_eq!(b.status().state, CellState::Holding, "nobody knows whether it stands");

    let before = moves(&b).len();
    heard_again(&mut b);
    b.until(CellState::Held);
    b.ticks(100);
    assert_eq!(moves(&b).len(), before, "nothing moves before a person says so");
    goes_on_by_unhold(b, last);
}

#[test]
fn what_is_not_heard_is_neither_unheld_nor_started() {
    let mut b = under_way();
    b.command(CellCommand::Hold);
    b.until(CellState::Held);
    b.robots[0].lost = true;
    b.ticks(2);
    b.command(CellCommand::Unhold);
    b.ticks(10);
    assert_eq!(b.status().state, CellState::Held);
    b.robots[0].lost = false;
    b.command(CellCommand::Unhold);
    b.until(CellState::Completed);
}

#[test]
fn a_safeguard_stop_holds_and_goes_on_by_unhold_once_it_is_reset() {
    let mut b = under_way();
    let last = *moves(&b).last().expect("it moves");
    b.robots[0].safeguard = true;
    ended_by(&mut b, RobotRefusal::SafeguardStop);
    b.until(CellState::Held);
    assert!(b.alarms.iter().any(|a| a.code == AlarmCode::RobotSafeguard), "{:?}", b.alarms);
    let before = moves(&b).len();
    b.command(CellCommand::Unhold);
    b.ticks(10);
    assert_eq!(b.status().state, CellState::Held, "it is not reset");
    b.robots[0].safeguard = false;
    b.ticks(100);
    assert_eq!((b.status().state, moves(&b).len()), (CellState::Held, before), "nobody has said so");
    goes_on_by_unhold(b, last);
}

#[test]
fn what_a_safeguard_stopped_and_let_go_again_at_once_is_asked_of_a_person() {
    let mut b = under_way();
    let before = moves(&b).len();
    ended_by(&mut b, RobotRefusal::SafeguardStop);
    b.until_true("a person is asked", |b| !b.questions.is_empty());
    b.ticks(1_000);
    assert_eq!(moves(&b).len(), before, "nobody has seen the cell held");
}

#[test]
fn of_a_protective_stop_or_an_emergency_stop_nothing_goes_on_by_unhold() {
    for why in [RobotRefusal::ProtectiveStop, RobotRefusal::EmergencyStop, RobotRefusal::LocalControl] {
        let mut b = under_way();
        let before = moves(&b).len();
        ended_by(&mut b, why);
        b.until_true("a person is asked", |b| !b.questions.is_empty());
        b.command(CellCommand::Hold);
        b.until(CellState::Held);
        b.command(CellCommand::Unhold);
        b.ticks(1_000);
        assert_eq!((moves(&b).len(), b.questions.len()), (before, 1), "{why:?}");
    }
}

#[test]
fn a_cobot_that_is_slowed_is_waited_for() {
    let mut b = under_way();
    b.robots[0].slowed = 0.5;
    // Its driver answers after 2 s at full speed, and the engine waits for that one second more.
    let (id, command, _) = b.robot_move.take().expect("it moves");
    b.robot_move = Some((id, command, b.now + 4_000));
    b.until(CellState::Completed);
    assert_eq!(b.closed()[0].result, UnitResult::Good);
    assert!(b.questions.is_empty());
}

#[test]
fn a_grip_of_a_slowed_cobot_has_no_more_time() {
    let mut b = under_way();
    b.robots[0].slowed = 0.5;
    let grips = |b: &Bench| matches!(b.robot_move, Some((_, RobotCommand::Grip { .. }, _)));
    b.until_true("it grips", grips);
    b.robot_dead = true;
    b.ticks(3_100);
    assert!(b.questions.first().is_some_and(|q| q.prompt.contains("robot-timed-out")), "{:?}", b.questions);
}

/// In a reset that waits for its cobot, which answers after `ms`.
fn resetting(slowed: f64, ms: u64) -> Bench {
    let mut b = Bench::new();
    b.robots[0].slowed = slowed;
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
    b.command(CellCommand::Reset);
    b.until_true("a cobot on its way home", |b| b.robot_move.is_some());
    let (id, command, _) = b.robot_move.take().expect("it moves");
    b.robot_move = Some((id, command, b.now + ms));
    b
}

#[test]
fn a_cobot_that_is_slowed_on_its_way_home_is_waited_for_and_not_for_ever() {
    resetting(0.9, 45_000).until(CellState::Idle);
    // At half its speed it has twice the 30 s.
    for (slowed, most_ms) in [(0.0, 30_000), (0.5, 60_000)] {
        let mut b = resetting(slowed, 1_000_000);
        b.ticks(most_ms - 100);
        assert_eq!(b.status().state, CellState::Resetting, "{slowed}");
        b.ticks(200);
        assert_ne!(b.status().state, CellState::Resetting, "{slowed}");
        assert!(b.alarms.iter().any(|a| a.cause.contains("timed-out")), "{:?}", b.alarms);
    }
}
