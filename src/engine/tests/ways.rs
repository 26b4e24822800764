//! Ways through a plan: steps that are left out, rounds of a repeat, conditions over what was measured, and
//! handlers.

mod common;

use std::sync::Arc;

use cellwright_engine::RETRY;
use cellwright_engine::api::Question;
use cellwright_engine::record::Record;
use cellwright_model::DurationNs;
use cellwright_model::expr::{Expr, Term};
use cellwright_model::outcome::{StepOutcome, UnitResult};
use cellwright_model::packml::CellState;
use cellwright_model::plan::*;
use cellwright_model::{CameraId, StepIx};

use common::Bench;
use common::cell as c;

fn nothing(id: &str, n: u32) -> Step {
    c::step(id, n, vec![Primitive::Dwell { duration: DurationNs::from_millis(5) }])
}

/// A step that measures what the camera says (um), within 25.
fn look(id: &str, n: u32) -> Step {
    let of = Feature::Device("burr".into());
    Step {
        measurements: vec![MeasurementSpec { unit: "um".into(), ..c::measurement("burr", of, 0.0, 25.0) }],
        ..c::step(
            id,
            n,
            vec![Primitive::Inspect { camera: CameraId(0), job: "tip".into(), version: 4 }, Primitive::Judge],
        )
    }
}

fn burr_below(level: f64) -> Expr {
    let burr = Term::Measured { step: "look".into(), name: "burr".into() };
    Expr::Less(burr, Term::Constant(level))
}

fn only_if(when: Expr, step: Step) -> Step {
    Step { when: Some(when), ..step }
}

/// look, then again and again a step until the condition holds, then the last one.
fn repeating(at_most: u16, until: Expr) -> Arc<Plan> {
    let steps = vec![look("look", 1), nothing("last", 2)];
    let plan = c::plan_of(steps);
    let body = vec![Node::Step(StepIx(0))];
    let repeat = Node::Repeat { id: "again".into(), at_most, until, body };
    Arc::new(Plan { body: vec![repeat, Node::Step(StepIx(1))], ..(*plan).clone() })
}

fn completed(b: &mut Bench) {
    b.until(CellState::Completed);
    assert_eq!(b.engine.program_errors(), 0);
}

#[test]
fn a_step_is_left_out_and_the_record_says_why() {
    let mut b = Bench::new();
    b.burrs.push_back(0.010);
    let steps = vec![
        look("look", 1),
        only_if(burr_below(9.0), nothing("fine", 2)),
        only_if(burr_below(11.0), nothing("coarse", 3)),
        only_if(Expr::Always(false), nothing("never", 4)),
        only_if(Expr::Not(Box::new(Expr::Input(c::AIR))), nothing("without-air", 5)),
        nothing("last", 6),
    ];
    b.produce(c::plan_of(steps), 1);
    completed(&mut b);
    let path = [
        "look 1 passed",
        "fine 1 skipped",
        "coarse 1 passed",
        "never 1 skipped",
        "without-air 1 skipped",
        "last 1 passed",
    ];
    assert_eq!(b.path(), path);
    let causes: Vec<_> = b.outcomes().iter().filter_map(|o| o.cause.clone()).collect();
    assert_eq!(causes, ["when: look.burr < 9", "when: false", "when: not air"]);
    let unit = b.closed()[0].clone();
    assert_eq!((unit.result, unit.attempts, unit.retested), (UnitResult::Good, 3, false));
    let intents = b.records.iter().filter(|r| matches!(r, Record::StepIntent { .. })).count();
    assert_eq!(intents, 3, "what is left out has not been begun");
}

#[test]
fn a_sensor_of_a_station_is_asked_where_the_unit_stands() {
    let mut b = Bench::new();
    let at = |when, step| Step { station: Some(c::WORK), ..only_if(when, step) };
    // The table has turned before the sensor is asked; without a signal it does not turn for a step left out.
    let first = || Step { station: Some(c::LOAD), ..nothing("first", 1) };
    let steps = vec![first(), at(Expr::Not(Box::new(Expr::Input(c::PRESENT))), nothing("empty", 2))];
    b.produce(c::plan_of(steps), 1);
    completed(&mut b);
    assert_eq!(b.outcomes()[1].station, Some(c::WORK));
    let mut b = Bench::new();
    b.produce(c::plan_of(vec![first(), at(Expr::Always(false), nothing("never", 2))]), 1);
    completed(&mut b);
    assert_eq!(b.outcomes()[1].outcome, StepOutcome::Skipped);
    assert_ne!(b.outcomes()[1].station, Some(c::WORK));
}

#[test]
fn what_cannot_be_told_is_a_fault_and_not_a_no() {
    let mut b = Bench::new();
    let strong = Expr::above(c::FORCE, 5.0);
    b.rt.analog_valid = 0;
    b.produce(c::plan_of(vec![only_if(strong, nothing("asks", 1))]), 1);
    b.until_true("a question", |b| !b.questions.is_empty());
    let prompt = b.questions[0].prompt.clone();
    assert!(prompt.contains("signal-not-trusted"), "{prompt}");
    b.rt.analog_valid = 1;
    b.rt.analogs[0] = 2.0;
    b.answer(RETRY);
    completed(&mut b);
    assert_eq!(b.path(), ["asks 1 faulted", "asks 2 skipped"]);
}

#[test]
fn a_repeat_goes_on_until_its_condition_holds() {
    let mut b = Bench::new();
    b.burrs.extend([0.020, 0.015, 0.008, 0.002]);
    b.produce(repeating(5, burr_below(9.0)), 1);
    completed(&mut b);
    assert_eq!(b.path(), ["look 1 passed", "look 2 passed", "look 3 passed", "last 1 passed"]);
    let unit = b.closed()[0].clone();
    assert_eq!((unit.result, unit.retested), (UnitResult::Good, false), "a round is no second try");
}

#[test]
fn a_repeat_that_comes_to_its_end_without_it_condemns_the_unit() {
    let mut b = Bench::new();
    b.burrs.extend([0.020, 0.015, 0.012]);
    b.produce(repeating(3, burr_below(9.0)), 1);
    completed(&mut b);
    assert_eq!(b.path(), ["look 1 passed", "look 2 passed", "look 3 passed"]);
    let unit = b.closed()[0].clone();
    assert_eq!((unit.result, unit.cause.as_deref()), (UnitResult::Ng, Some("again/at-most")));
}

#[test]
fn a_bad_part_ends_a_repeat_at_once() {
    let mut b = Bench::new();
    b.burrs.extend([0.020, 0.026]);
    b.produce(repeating(3, burr_below(9.0)), 1);
    completed(&mut b);
    assert_eq!(b.path(), ["look 1 passed", "look 2 failed"]);
    assert_eq!(b.closed()[0].cause.as_deref(), Some("look/burr"));
}

#[test]
fn a_repeat_is_held_and_stopped_like_any_step() {
    use cellwright_model::packml::CellCommand::{Hold, Stop, Unhold};
    let mut b = Bench::new();
    b.burrs.extend([0.020, 0.015, 0.008]);
    b.produce(repeating(5, burr_below(9.0)), 1);
    b.until_true("the second round", |b| b.path().len() == 1);
    b.command(Hold);
    b.until(CellState::Held);
    b.command(Unhold);
    completed(&mut b);
    assert_eq!(b.path().len(), 4);
    let mut b = Bench::new();
    b.burrs.extend([0.020; 5]);
    b.produce(repeating(5, burr_below(9.0)), 1);
    b.until_true("the second round", |b| b.path().len() == 1);
    b.command(Stop);
    b.until(CellState::Stopped);
    assert_eq!(b.closed()[0].result, UnitResult::Interrupted);
}

#[test]
fn a_bad_part_may_be_a_persons_decision() {
    let ask = |handler, burrs: &[f64]| {
        let mut b = Bench::new();
        b.burrs.extend(burrs);
        b.produce(c::plan_of(vec![Step { on_fail: handler, ..look("look", 1) }]), 1);
        b.until_true("a question", |b| !b.questions.is_empty());
        (b.questions[0].clone(), b)
    };
    let (question, mut b) = ask(Handler::Ask, &[0.030, 0.020]);
    let Question { answers, .. } = question;
    assert_eq!(answers, ["retry", "reject", "remove-by-hand", "abort"]);
    b.answer("retry");
    completed(&mut b);
    assert_eq!(b.path(), ["look 1 failed", "look 2 passed"]);
    assert!(b.closed()[0].retested);

    let after = DurationNs::from_millis(10);
    let then_ask = Handler::Retry { times: 1, after, then: Then::Ask };
    let (_, mut b) = ask(then_ask, &[0.030, 0.030]);
    assert_eq!(b.path(), ["look 1 failed", "look 2 failed"], "asked after the second one");
    b.answer("reject");
    completed(&mut b);
    assert_eq!(b.closed()[0].cause.as_deref(), Some("look/burr"));
}

#[test]
fn a_fault_may_be_tried_again_and_then_condemn() {
    let mut b = Bench::new();
    let check = Primitive::Check { condition: Expr::above(c::FORCE, 5.0), otherwise: Meaning::Ok };
    b.rt.analog_valid = 0;
    let handler = Handler::Retry { times: 1, after: DurationNs(0), then: Then::Reject };
    b.produce(c::plan_of(vec![Step { on_fault: handler, ..c::step("weigh", 1, vec![check]) }]), 1);
    completed(&mut b);
    assert_eq!(b.path(), ["weigh 1 faulted", "weigh 2 faulted"]);
    assert_eq!(b.closed()[0].cause.as_deref(), Some("weigh/signal-not-trusted"));
}

#[test]
fn plans_that_repeat_what_cannot_be_undone_are_refused() {
    let mut plan = (*repeating(3, burr_below(9.0))).clone();
    plan.steps[0].irreversible = true;
    let mut b = Bench::new();
    b.until_idle();
    b.order(Arc::new(plan), 1);
    b.ticks(5);
    let refused = b.answered.iter().rev().find_map(|(_, result)| result.clone().err()).expect("a refusal");
    assert!(refused.contains("`again` repeats `look`"), "{refused}");
}
