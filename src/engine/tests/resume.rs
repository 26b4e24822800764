//! Where a unit that its controller has left would go on, and where not.

mod common;

use std::sync::Arc;

use cellwright_engine::{How, LeftUnit, RESTART};
use cellwright_model::event::{Component, StepEnded};
use cellwright_model::expr::Expr;
use cellwright_model::outcome::{FaultClass, StepOutcome};
use cellwright_model::plan::{AfterRestart, Node, Plan, Primitive, RobotOp};
use cellwright_model::{OutputId, RobotId, StepIx};

use common::{cell as c, plan};

const LOADED: [&str; 3] = ["load", "scan", "feed"];

fn asks() -> Plan {
    let mut plan = plan();
    for step in &mut plan.steps {
        match step.id.as_str() {
            "inspect" => step.after_restart = AfterRestart::Redo,
            "feed" => step.after_restart = AfterRestart::VerifyThenSkip { check: Expr::Input(c::SEEN) },
            _ => {}
        }
    }
    plan
}

fn ended(plan: &Plan, id: &str, attempt: u32, outcome: StepOutcome, cause: Option<&str>) -> StepEnded {
    let step = plan.steps.iter().find(|s| s.id == id).unwrap_or_else(|| panic!("a step {id}"));
    StepEnded {
        step: id.into(),
        n: step.n,
        station: None,
        attempt,
        start: String::new(),
        end: String::new(),
        duration_ns: 0,
        outcome,
        cause: cause.map(String::from),
        operator: None,
        training: None,
        equipment: Vec::new(),
        components: vec![Component { name: "hub".into(), part: "HUB".into(), lot: None, serial: None }],
        measurements: Vec::new(),
        curves: Vec::new(),
        label: None,
        environment: Vec::new(),
    }
}

fn left(plan: Plan, passed: &[&str], under_way: &[&str]) -> LeftUnit {
    let passed = passed.iter().map(|id| ended(&plan, id, 1, StepOutcome::Passed, None));
    LeftUnit {
        serial: "T-000001".into(),
        order: "A-1".into(),
        outcomes: passed.collect(),
        under_way: under_way.iter().map(|id| ((*id).to_owned(), 1)).collect(),
        components: Vec::new(),
        plan: Arc::new(plan),
    }
}

fn to(step: &'static str) -> Vec<&'static str> {
    LOADED.into_iter().chain(["press", "inspect"]).take_while(|s| *s != step).collect()
}

#[track_caller]
fn refused(unit: &LeftUnit, why: &str) {
    let said = unit.point().expect_err("not certain").unwrap_or_else(|| panic!("said nothing"));
    assert!(said.contains(why), "{said}");
}

#[test]
fn it_goes_on_at_the_step_that_was_under_way_or_comes_next() {
    let point = left(asks(), &to("inspect"), &["inspect"]).point().expect("certain");
    assert_eq!((point.at, point.step, point.how), (2, StepIx(4), How::Redo));
    let carried: Vec<_> = point.carried.iter().map(|c| c.step.as_str()).collect();
    assert_eq!(carried, ["load", "scan", "feed", "press"]);
    assert_eq!(point.in_nest, ["cannula", "hub"]);
    let point = left(asks(), &to("inspect"), &[]).point().expect("certain");
    assert_eq!((point.step, point.how), (StepIx(4), How::Begin));
}

#[test]
fn an_attempt_that_a_restart_has_ended_was_under_way() {
    let mut unit = left(asks(), &to("inspect"), &[]);
    let over = ended(&unit.plan, "inspect", 1, StepOutcome::Interrupted, Some(RESTART));
    unit.outcomes.push(over);
    assert_eq!(unit.point().expect("certain").how, How::Redo);
    let stopped = ended(&unit.plan, "inspect", 2, StepOutcome::Interrupted, Some("interrupted"));
    unit.outcomes.push(stopped);
    refused(&unit, "`inspect` had not passed");
}

#[test]
fn nothing_goes_on_that_the_recipe_does_not_ask_for() {
    assert_eq!(left(plan(), &to("inspect"), &["inspect"]).point(), Err(None));
    refused(&left(asks(), &to("press"), &["press"]), "`press` says `after_restart: never`");
    refused(&left(asks(), &to("press"), &[]), "`press` says `after_restart: never`");
}

#[test]
fn nothing_goes_on_of_which_anything_is_not_certain() {
    refused(&left(asks(), &["load", "scan"], &["feed"]), "among several branches");
    refused(&left(asks(), &to("inspect"), &["to-bin"]), "on its way out");
    refused(&left(asks(), &["load", "scan", "feed", "inspect"], &[]), "on its way out");
    let mut unit = left(asks(), &to("inspect"), &[]);
    unit.outcomes.push(ended(&unit.plan, "inspect", 1, StepOutcome::Failed, Some("burr")));
    refused(&unit, "`inspect` had not passed");
    unit.outcomes[0].step = "another".into();
    refused(&unit, "a step `another`");
    let mut rejects = asks();
    rejects.invariants[0].otherwise = FaultClass::RejectPart;
    refused(&left(rejects, &to("inspect"), &["inspect"]), "whether `air` had rejected it");
    let all = ["load", "scan", "feed", "press", "inspect", "to-tray"];
    refused(&left(asks(), &all, &[]), "had come to its end");
}

/// Which round it was nobody knows, but that it is over once what follows has begun.
#[test]
fn a_repeat_is_left_behind_once_what_follows_has_begun() {
    let mut plan = asks();
    plan.body[1] = Node::Repeat {
        id: "again".into(),
        at_most: 3,
        until: Expr::Input(c::SEEN),
        body: vec![Node::Step(StepIx(3))],
    };
    refused(&left(plan.clone(), &to("inspect"), &[]), "in which round is not known");
    assert_eq!(left(plan, &to("inspect"), &["inspect"]).point().expect("certain").how, How::Redo);
}

#[test]
fn what_is_verified_counts_as_put_in() {
    let mut plan = asks();
    plan.body = (0..6).map(|i| Node::Step(StepIx(i))).collect();
    let mut unit = left(plan, &["load", "scan"], &["feed"]);
    let point = unit.point().expect("certain");
    assert_eq!((point.how, point.in_nest), (How::Verify, vec!["cannula".to_owned(), "hub".to_owned()]));
    unit.under_way.clear();
    let point = unit.point().expect("certain");
    assert_eq!((point.how, point.in_nest), (How::Begin, vec!["hub".to_owned()]));
}

/// A Reset takes outputs off and brings axes and cobots home; what was done since is not known to need them.
#[test]
fn nothing_goes_on_where_a_reset_has_taken_back_what_was_set_up() {
    let clamped = |kind: &str, op: Primitive| {
        let mut plan = asks();
        let station = plan.steps[4].station;
        let press = &mut plan.steps[3];
        (press.kind, press.station, press.ops) = (kind.into(), station, vec![op]);
        left(plan, &to("inspect"), &["inspect"])
    };
    let output = |value| Primitive::SetOutput { output: OutputId(0), value };
    refused(&clamped("set", output(true)), "a Reset takes back what `press` has set up");
    assert_eq!(clamped("set", output(false)).point().expect("certain").how, How::Redo);
    let over = RobotOp::MovePose { pose: "home".into(), speed: 1.0 };
    let moved = Primitive::Robot { robot: RobotId(0), request: over };
    refused(&clamped("move", moved), "a Reset takes back what `press` has set up");
}
