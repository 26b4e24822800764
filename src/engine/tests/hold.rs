//! Hold in the middle of a process that has to be unbroken: nothing that was measured counts, and the record
//! says why.

mod common;

use std::sync::Arc;

use cellwright_engine::catalogue::AlarmCode;
use cellwright_engine::record::Record;
use cellwright_model::StepIx;
use cellwright_model::job::*;
use cellwright_model::outcome::{UnitResult, Verdict};
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::plan::{OnHold, Plan, Primitive};

use common::cell as c;
use common::{Bench, plan};

/// The press stops at Hold, and from contact on it is one process.
fn unbroken_press(irreversible: bool) -> Arc<Plan> {
    let mut p = plan();
    let press = &mut p.steps[3];
    (press.on_hold, press.irreversible) = (OnHold::Stop, irreversible);
    let at = press.ops.iter().position(|op| matches!(op, Primitive::PointOfNoReturn)).expect("there");
    press.ops.insert(at, Primitive::Unbroken);
    Arc::new(p)
}

fn held_in_contact(b: &mut Bench) {
    b.until_running("press");
    let approaches =
        |b: &Bench| b.commands.iter().filter(|op| matches!(op, RtOp::ApproachUntil { .. })).count();
    b.until_true("contact", |b| approaches(b) == 2);
    b.ticks(2);
    b.command(CellCommand::Hold);
    b.until(CellState::Held);
    assert!(matches!(b.commands.last(), Some(RtOp::Cancel { axis: c::PRESS })), "it does not go on");
    b.ticks(100);
    b.command(CellCommand::Unhold);
}

fn of_press(b: &Bench, attempt: u16) -> (Option<String>, Vec<Verdict>) {
    let found = b.records.iter().find_map(|r| match r {
        Record::StepOutcome(s) if s.step == StepIx(3) && s.attempt == attempt => Some(s),
        _ => None,
    });
    let s = found.expect("an outcome of the press");
    (s.cause.clone(), s.measurements.iter().map(|m| m.verdict).collect())
}

#[test]
fn what_hold_has_broken_does_not_count_and_is_repeated() {
    let mut b = Bench::new();
    b.produce(unbroken_press(false), 1);
    held_in_contact(&mut b);
    b.until(CellState::Completed);
    let (cause, verdicts) = of_press(&b, 1);
    assert_eq!(cause.as_deref(), Some("held"));
    assert!(!verdicts.is_empty() && verdicts.iter().all(|v| *v == Verdict::Invalid), "{verdicts:?}");
    assert_eq!(of_press(&b, 2).0, None);
    assert_eq!(b.closed()[0].result, UnitResult::Good);
    assert!(b.closed()[0].retested && b.alarms.is_empty(), "{:?}", b.alarms);
}

#[test]
fn what_hold_has_broken_and_cannot_be_repeated_needs_a_person() {
    let mut b = Bench::new();
    b.produce(unbroken_press(true), 1);
    held_in_contact(&mut b);
    b.until_true("a question", |b| !b.questions.is_empty());
    assert!(!b.questions[0].answers.iter().any(|a| a == "retry"), "{:?}", b.questions);
    assert!(b.alarms.iter().any(|a| a.code == AlarmCode::Held && a.place == "press"), "{:?}", b.alarms);
    b.answer("reject");
    b.until(CellState::Completed);
    assert_eq!(of_press(&b, 1).0.as_deref(), Some("held"));
    let closed = b.closed();
    assert_eq!((closed[0].result, closed[0].cause.as_deref()), (UnitResult::Ng, Some("press/held")));
}

#[test]
fn held_before_the_process_begins_an_attempt_goes_on() {
    let mut b = Bench::new();
    b.produce(unbroken_press(true), 1);
    b.until_running("press");
    b.ticks(2);
    b.command(CellCommand::Hold);
    b.until(CellState::Held);
    b.command(CellCommand::Unhold);
    b.until(CellState::Completed);
    assert_eq!(of_press(&b, 1).0, None);
    assert_eq!(b.closed()[0].result, UnitResult::Good);
}
