//! A plan on a machine: what is made, what is recorded, and in which order.

mod common;

use std::sync::Arc;

use cellwright_engine::api::*;
use cellwright_engine::record::{Location, Record};
use cellwright_engine::{REJECT, REMOVE, REMOVED, RETRY};
use cellwright_model::job::{JobEnd, RtOp, UrgentWord};
use cellwright_model::material::Label;
use cellwright_model::outcome::{StepOutcome, UnitResult, Verdict};
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::robot::RobotCommand;

use common::cell as c;
use common::{Bench, plan};

fn completed(bench: &mut Bench) {
    bench.until(CellState::Completed);
    assert_eq!(bench.engine.program_errors(), 0);
    bench.ticks(10);
    assert!(bench.tickets_open.is_empty());
}

#[test]
fn a_good_unit_from_start_to_end() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 2);
    completed(&mut b);
    let unit = ["feed 1 passed", "load 1 passed", "scan 1 passed", "press 1 passed", "inspect 1 passed"];
    let path = b.path();
    assert_eq!(path.len(), 12, "{path:?}");
    assert_eq!(path[..5], unit);
    assert_eq!(path[5], "to-tray 1 passed");
    let closed = b.closed();
    assert_eq!(closed.len(), 2);
    assert!(closed.iter().all(|u| u.result == UnitResult::Good && u.cause.is_none() && !u.retested));
    assert_eq!((closed[0].serial.as_str(), closed[1].serial.as_str()), ("T-000001", "T-000002"));
    let hub = &closed[0].components[1];
    assert_eq!((hub.name.as_str(), hub.part.as_str(), hub.lot.as_deref()), ("hub", "HUB", Some("HL")));
    assert!(hub.serial.is_some());
    assert_eq!(closed[0].components[0].lot.as_deref(), Some("C-1"));
    // Every place a part has been at, one after another; the second unit goes to the next pocket.
    let moves = b.moves_of_parts();
    let hub: Vec<_> = moves.iter().filter(|m| m.0.contains("hub")).map(|m| (m.1, m.2)).take(2).collect();
    assert_eq!(hub, [(Location::Gripper(c::ROBOT), false), (Location::Nest(0), true)]);
    let pockets: Vec<_> =
        moves.iter().filter(|m| matches!(m.1, Location::Tray { .. })).map(|m| m.1).collect();
    assert_eq!(
        pockets,
        [Location::Tray { tray: c::GOOD, pocket: 0 }, Location::Tray { tray: c::GOOD, pocket: 1 }]
    );
}

#[test]
fn the_record_of_a_step_has_measurements_and_curve() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    completed(&mut b);
    let press =
        b.outcomes().into_iter().find(|s| s.plan.step(s.step).id == "press").expect("a press").clone();
    assert_eq!(press.station, Some(c::WORK));
    assert_eq!(press.curves.len(), 1);
    let rows: Vec<_> = press.measurements.iter().map(|m| (m.name.as_str(), m.value, m.verdict)).collect();
    assert_eq!(rows, [("seat_force", Some(100.0), Verdict::Pass), ("window-1", Some(100.0), Verdict::Pass)]);
    let inspect = b.outcomes().into_iter().find(|s| s.plan.step(s.step).id == "inspect").expect("it").clone();
    // 0.010 mm as 10 um, and who looked.
    assert_eq!(inspect.measurements[0].value, Some(10.0));
    assert_eq!(inspect.operator.as_deref(), Some("anna"));
}

#[test]
fn intent_before_the_step_and_outcome_before_the_next() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    let mut open: Vec<(u16, u16)> = vec![];
    completed(&mut b);
    for record in &b.records {
        match record {
            Record::StepIntent { step, attempt, .. } => open.push((step.0, *attempt)),
            Record::StepOutcome(s) => {
                let place = open.iter().position(|o| *o == (s.step.0, s.attempt)).expect("an intent first");
                open.remove(place);
            }
            Record::UnitClosed(_) => assert!(open.is_empty()),
            _ => {}
        }
    }
}

#[test]
fn nothing_goes_on_before_it_is_durable() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("press");
    b.persist_ms = None;
    b.ticks(5_000);
    // The press ran to its end; its outcome is not durable, so nothing follows.
    assert_eq!(b.path().last().map(String::as_str), Some("press 1 passed"));
    assert_eq!(b.step().as_deref(), Some("press"));
    assert!(!b.records.iter().any(|r| matches!(r, Record::StepIntent { step, .. } if step.0 == 4)));
    b.persist_again();
    completed(&mut b);
    assert_eq!(b.closed()[0].result, UnitResult::Good);
}

#[test]
fn no_motion_before_the_intent_is_durable() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("inspect");
    b.persist_ms = None;
    b.until_true("outcome", |b| b.path().last().is_some_and(|p| p.starts_with("inspect")));
    let robot = b.robot_commands.len();
    b.ticks(2_000);
    assert_eq!(b.robot_commands.len(), robot);
    b.persist_again();
    completed(&mut b);
}

#[test]
fn a_bad_part_takes_the_reject_path() {
    let mut b = Bench::new();
    b.forces.push_back(160.0);
    b.produce(Arc::new(plan()), 2);
    completed(&mut b);
    let path = b.path();
    assert_eq!(path[3..5], ["press 1 failed", "to-bin 1 passed"]);
    let closed = b.closed();
    assert_eq!(closed[0].result, UnitResult::Ng);
    assert_eq!(closed[0].cause.as_deref(), Some("press/seat_force"));
    assert_eq!(closed[1].result, UnitResult::Good);
    let press = b.outcomes().into_iter().find(|s| s.outcome == StepOutcome::Failed).expect("it").clone();
    assert_eq!(press.measurements[0].verdict, Verdict::Fail);
    assert_eq!(press.curves.len(), 1, "the curve of a failed step is kept");
    let moves = b.moves_of_parts();
    assert!(moves.contains(&("Unit".into(), Location::Bin(c::BIN), true)));
    // Retracted before the table or the cobot moves on.
    assert_eq!(b.rt.axes[0].actual_au, 0.0);
}

#[test]
fn a_tripped_press_is_recorded_with_what_was_measured() {
    let mut b = Bench::new();
    b.approach_ends.extend([JobEnd::Tripped]);
    b.produce(Arc::new(plan()), 1);
    completed(&mut b);
    let press = b.outcomes().into_iter().find(|s| s.outcome == StepOutcome::Failed).expect("it").clone();
    assert_eq!(press.cause.as_deref(), Some("force-trip"));
    assert_eq!(press.curves.len(), 1);
    assert_eq!(b.closed()[0].cause.as_deref(), Some("press/force-trip"));
}

#[test]
fn every_attempt_is_kept_and_the_unit_is_marked() {
    let mut b = Bench::new();
    b.burrs.extend([0.026, 0.012]);
    b.produce(Arc::new(plan()), 1);
    completed(&mut b);
    let path = b.path();
    assert_eq!(path[4..6], ["inspect 1 failed", "inspect 2 passed"]);
    assert!(b.closed()[0].retested && b.closed()[0].result == UnitResult::Good);
    let outcomes = b.outcomes();
    let again = outcomes[5].start.since(outcomes[4].end);
    assert!(again.0 >= 200_000_000, "after 200 ms, not {again:?}");

    let mut b = Bench::new();
    b.burrs.extend([0.026, 0.030]);
    b.produce(Arc::new(plan()), 1);
    completed(&mut b);
    assert_eq!(b.path()[4..7], ["inspect 1 failed", "inspect 2 failed", "to-bin 1 passed"]);
    assert_eq!(b.closed()[0].cause.as_deref(), Some("inspect/burr"));
}

#[test]
fn a_failed_branch_lets_the_other_end_and_skips_the_rest() {
    let mut b = Bench::new();
    b.scans.push_back(DeviceReply::NoRead);
    b.produce(Arc::new(plan()), 1);
    completed(&mut b);
    let path = b.path();
    assert_eq!(path, ["feed 1 passed", "load 1 passed", "scan 1 failed", "to-bin 1 passed"]);
    assert_eq!(b.closed()[0].cause.as_deref(), Some("scan/no-read"));
}

#[test]
fn a_fault_asks_and_offers_what_the_step_permits() {
    let mut b = Bench::new();
    b.grips.push_back(false);
    b.produce(Arc::new(plan()), 1);
    b.until_true("a question", |b| !b.questions.is_empty());
    assert_eq!(b.questions[0].answers, [RETRY, REJECT, REMOVE, "abort"]);
    assert_eq!(b.questions[0].kind, QuestionKind::Decision);
    let alarm = b.alarms.last().expect("an alarm").clone();
    assert_eq!((alarm.code.word(), alarm.place.as_str(), alarm.first_out), ("grip-failed", "load", true));
    b.ticks(3_000);
    assert_eq!(b.engine.state(), CellState::Execute, "it waits, the cell does not stop");
    b.put(Input::Answer {
        id: b.questions[0].id,
        answer: "maybe".into(),
        reason: None,
        by: common::machine::who(),
    });
    assert!(b.answered.last().expect("an answer").1.is_err());
    b.answer(RETRY);
    completed(&mut b);
    assert_eq!(b.path()[..3], ["feed 1 passed", "load 1 faulted", "load 2 passed"]);
    assert!(b.alarms.iter().any(|a| a.code.word() == "grip-failed" && a.cleared.is_some()));
    assert_eq!(b.closed()[0].result, UnitResult::Good);
}

#[test]
fn what_cannot_be_done_again_is_not_offered_again() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("press");
    b.ticks(85);
    // Beyond the contact the press is stuck: the step times out.
    b.stuck = true;
    b.until_true("a cancel", |b| b.commands.iter().any(|op| matches!(op, RtOp::Cancel { .. })));
    b.stuck = false;
    b.until_true("a question", |b| !b.questions.is_empty());
    assert_eq!(b.questions[0].answers, [REJECT, REMOVE, "abort"]);
    b.answer(REMOVE);
    completed(&mut b);
    assert_eq!(b.path().last().map(String::as_str), Some("press 1 timed-out"));
    let closed = b.closed();
    assert_eq!((closed[0].result, closed[0].cause.as_deref()), (UnitResult::Ng, Some("press/timed-out")));
    for part in ["hub", "cannula"] {
        let moved = (format!("Component({part:?})"), Location::Hand, false);
        assert!(b.moves_of_parts().contains(&moved), "{part}");
    }
}

#[test]
fn rejected_by_a_person_and_aborted_by_a_person() {
    let mut b = Bench::new();
    b.refuse(c::PRESENT);
    b.produce(Arc::new(plan()), 1);
    b.until_true("a question", |b| !b.questions.is_empty());
    assert_eq!(b.path().last().map(String::as_str), Some("load 1 faulted"));
    assert_eq!(b.outcomes().last().expect("it").cause.as_deref(), Some("not-verified"));
    b.answer(REJECT);
    completed(&mut b);
    assert_eq!(b.closed()[0].cause.as_deref(), Some("load/not-verified"));

    let mut b = Bench::new();
    b.grips.push_back(false);
    b.produce(Arc::new(plan()), 1);
    b.until_true("a question", |b| !b.questions.is_empty());
    b.answer("abort");
    b.until(CellState::Aborted);
    assert_eq!(b.closed()[0].result, UnitResult::Interrupted);
    assert_eq!(b.urgents.last(), Some(&UrgentWord::Abort));
}

#[test]
fn a_drop_that_is_seen_for_a_moment_counts() {
    let mut b = Bench::new();
    b.forces.push_back(160.0);
    b.refuse(c::DROP);
    b.produce(Arc::new(plan()), 1);
    b.until_running("to-bin");
    b.ticks(95);
    b.allow(c::DROP);
    b.ticks(3);
    b.refuse(c::DROP);
    completed(&mut b);
    assert_eq!(b.path().last().map(String::as_str), Some("to-bin 1 passed"));
}

#[test]
fn the_table_turns_once_and_only_when_it_may() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    let seen = b.commands.len();
    completed(&mut b);
    let turns: Vec<f64> = b.commands[seen..]
        .iter()
        .filter_map(|op| match op {
            RtOp::MoveTo { axis, target_au, .. } if *axis == c::TABLE => Some(*target_au),
            _ => None,
        })
        .collect();
    assert_eq!(turns, [90.0]);
}

#[test]
fn a_lane_without_a_lot_is_a_fault() {
    let mut b = Bench::new();
    let label = Label::Typed { part: "OTHER".into(), lot: "X".into(), expiry: None, quantity: None };
    b.load(c::LANE, label, None, None);
    assert!(b.answered.last().expect("answered").1.is_err(), "another part is refused");
    let mut p = plan();
    p.components[1].part = "CAN-9".into();
    b.produce(Arc::new(p), 1);
    b.until_true("a question", |b| !b.questions.is_empty());
    assert!(b.questions[0].prompt.contains("wrong-part"), "{}", b.questions[0].prompt);
}

#[test]
fn what_is_left_is_taken_out_before_the_next_unit() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 2);
    b.until_running("press");
    b.command(CellCommand::Stop);
    b.until(CellState::Stopped);
    assert_eq!(b.closed()[0].result, UnitResult::Interrupted);
    b.command(CellCommand::Reset);
    b.until_true("a question", |b| !b.questions.is_empty());
    assert!(b.questions[0].prompt.contains("hub of T-000001 from nest 0"), "{}", b.questions[0].prompt);
    b.ticks(1_000);
    assert_eq!(b.engine.state(), CellState::Resetting, "nothing is made before");
    b.answer(REMOVED);
    b.until(CellState::Idle);
    b.command(CellCommand::Start);
    completed(&mut b);
    assert_eq!(b.closed().len(), 2);
}

/// The answer of the gripper comes after the abort, when nobody waits for it any more.
#[test]
fn a_part_gripped_during_an_abort_is_asked_for_and_its_pocket_is_not_picked_again() {
    let grips = |b: &Bench| b.robot_commands.last() == Some(&RobotCommand::Grip { close: true });
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 2);
    b.until_true("a grip", grips);
    b.command(CellCommand::Abort);
    b.until(CellState::Aborted);
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
    b.command(CellCommand::Reset);
    b.until_true("a question", |b| !b.questions.is_empty());
    assert!(b.questions[0].prompt.contains("from gripper of robot"), "{}", b.questions[0].prompt);
    let taken = Location::Tray { tray: c::SOURCE, pocket: 0 };
    let entered = |r: &Record| matches!(r, Record::PartMoved { from, to: Location::Gripper(_), unit: None, .. } if *from == taken);
    assert_eq!(b.records.iter().filter(|r| entered(r)).count(), 1);
    b.answer(REMOVED);
    b.until(CellState::Idle);
    b.command(CellCommand::Start);
    completed(&mut b);
    assert_eq!(b.closed()[1].result, UnitResult::Good);
    let second = Location::Tray { tray: c::SOURCE, pocket: 1 };
    assert!(b.records.iter().any(|r| matches!(r, Record::PartMoved { from, .. } if *from == second)));
}

#[test]
fn an_empty_tray_asks_for_material_and_goes_on() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 12);
    b.until_true("a question", |b| !b.questions.is_empty());
    // Ten pockets, ten units; the eleventh finds none.
    assert_eq!(b.closed().len(), 10);
    assert_eq!(b.questions[0].tray, Some(c::SOURCE));
    assert!(b.questions[0].prompt.contains("tray-empty: source"), "{}", b.questions[0].prompt);
    let label = Label::Typed { part: "HUB".into(), lot: "H-2".into(), expiry: None, quantity: None };
    b.load(c::SOURCE, label, Some(0), None);
    b.load(c::GOOD, Label::Empty, Some(0), None);
    b.answer(RETRY);
    completed(&mut b);
    assert_eq!(b.closed().len(), 12);
    assert!(b.closed().iter().all(|u| u.result == UnitResult::Good));
}
