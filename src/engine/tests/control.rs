//! Commands, faults and signals at any moment: what the cell and its units make of them.

mod common;

use std::sync::Arc;

use cellwright_engine::api::*;
use cellwright_engine::record::Record;
use cellwright_model::DurationNs;
use cellwright_model::expr::Expr;
use cellwright_model::job::*;
use cellwright_model::outcome::{FaultClass, StepOutcome, UnitResult};
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::plan::{Handler, Meaning, OnHold, Primitive, Resource, Target, Then};
use cellwright_model::robot::RobotCommand;
use cellwright_model::{JobId, RobotId};

use common::cell as c;
use common::machine::who;
use common::{Bench, plan};

fn rejected(b: &Bench) -> &str {
    match b.answered.last() {
        Some((_, Err(reason))) => reason,
        other => panic!("not rejected: {other:?}"),
    }
}

#[test]
fn power_up_is_aborted_and_only_clear_leads_out() {
    let mut b = Bench::new();
    b.ticks(10);
    assert_eq!(b.engine.state(), CellState::Aborted);
    assert_eq!(b.urgents, [UrgentWord::Abort]);
    b.command(CellCommand::Start);
    assert_eq!(rejected(&b), "Start is not taken in Aborted");
    assert!(b.records.iter().any(|r| matches!(r, Record::Command { result: Err(_), .. })));
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
    assert_eq!(b.urgents, [UrgentWord::Abort, UrgentWord::None]);
    assert_eq!(b.states(), [CellState::Clearing, CellState::Stopped]);
}

#[test]
fn clear_brings_the_segment_up_and_waits_for_safety() {
    let mut b = Bench::new();
    b.rt.bus.operational = false;
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
    assert_eq!(b.bring_ups, 1);

    let mut b = Bench::new();
    b.tick();
    b.refuse(c::ESTOP_OK);
    b.command(CellCommand::Clear);
    assert!(rejected(&b).contains("estop_ok"), "{}", rejected(&b));
    b.allow(c::ESTOP_OK);
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
}

#[test]
fn resetting_goes_by_the_cell_file() {
    let mut b = Bench::new();
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
    let from = b.commands.len();
    b.command(CellCommand::Reset);
    b.until(CellState::Idle);
    let ops: Vec<&RtOp> =
        b.commands[from..].iter().filter(|o| !matches!(o, RtOp::SetOutputs { mask: 2, .. })).collect();
    assert_eq!(*ops[0], RtOp::SetOutputs { mask: 1, value: 0 }, "outputs off, but not the panel's");
    assert_eq!(*ops[1], RtOp::Enable { axes: 0b11 });
    let home = |axis| RtOp::MoveTo { axis, target_au: 0.0, velocity_au_s: 20.0 };
    assert_eq!((*ops[2], *ops[3]), (home(c::PRESS), home(c::TABLE)));
    assert_eq!(b.robot_commands, [RobotCommand::MoveJ { to: [0.0; 6], speed: 0.2 }]);
}

#[test]
fn resetting_looks_for_a_zero_that_nobody_knows_axis_by_axis_and_once() {
    let mut b = Bench::new();
    b.rt.axes[c::PRESS.index()].referenced = false;
    b.rt.axes[c::TABLE.index()].referenced = false;
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
    let reset = |b: &mut Bench| {
        let from = b.commands.len();
        b.command(CellCommand::Reset);
        b.until(CellState::Idle);
        let motion = |op: &&RtOp| matches!(op, RtOp::Home { .. } | RtOp::MoveTo { .. });
        b.commands[from..].iter().filter(motion).copied().collect::<Vec<_>>()
    };
    let home = |axis| RtOp::MoveTo { axis, target_au: 0.0, velocity_au_s: 20.0 };
    let zero = |axis| RtOp::Home { axis };
    let wanted = [zero(c::PRESS), home(c::PRESS), zero(c::TABLE), home(c::TABLE)];
    assert_eq!(reset(&mut b), wanted, "the press is out of the way before the table turns");
    b.command(CellCommand::Stop);
    b.until(CellState::Stopped);
    assert_eq!(reset(&mut b), [home(c::PRESS), home(c::TABLE)]);
}

#[test]
fn the_table_goes_home_the_short_way_and_does_not_unwind() {
    let mut b = Bench::new();
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
    b.rt.axes[c::TABLE.index()].actual_au = 270.2;
    b.rt.axes[c::PRESS.index()].actual_au = 270.2;
    b.command(CellCommand::Reset);
    b.until(CellState::Idle);
    let to = |wanted| {
        b.commands.iter().find_map(|op| match op {
            RtOp::MoveTo { axis, target_au, .. } if *axis == wanted => Some(*target_au),
            _ => None,
        })
    };
    assert_eq!(
        (to(c::TABLE), to(c::PRESS)),
        (Some(360.0), Some(0.0)),
        "a turn on is home for the table only"
    );
}

#[test]
fn hold_in_the_middle_of_a_motion_and_on_from_there() {
    let mut p = plan();
    p.steps[3].on_hold = OnHold::Stop;
    let mut b = Bench::new();
    b.produce(Arc::new(p), 1);
    b.until_running("press");
    b.ticks(10);
    b.command(CellCommand::Hold);
    b.until(CellState::Held);
    assert_eq!(b.urgents.last(), Some(&UrgentWord::Hold));
    let sent = b.commands.len();
    b.ticks(20_000);
    assert_eq!(b.engine.state(), CellState::Held);
    assert_eq!(b.commands.len(), sent, "nothing is sent while held");
    b.command(CellCommand::Unhold);
    b.until(CellState::Completed);
    assert!(b.urgents.contains(&UrgentWord::Resume));
    // 20 s of Hold did not run the step's 10 s out.
    assert_eq!(b.closed()[0].result, UnitResult::Good);
    assert!(b.path().contains(&"press 1 passed".to_string()));
}

#[test]
fn a_step_that_must_be_finished_is_finished_first() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("press");
    b.ticks(10);
    b.command(CellCommand::Hold);
    b.until(CellState::Held);
    assert_eq!(b.path().last().map(String::as_str), Some("press 1 passed"));
    assert_eq!(b.rt.axes[0].actual_au, 0.0, "cleaned up too");
    b.ticks(500);
    assert_eq!(b.path().len(), 4);
    b.command(CellCommand::Unhold);
    b.until(CellState::Completed);
    assert_eq!(b.closed()[0].result, UnitResult::Good);
}

#[test]
fn a_cobot_is_stopped_by_hold_and_asked_again() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("load");
    b.ticks(5);
    let sent = b.robot_commands.clone();
    b.command(CellCommand::Hold);
    b.until(CellState::Held);
    assert_eq!(b.robot_commands.last(), Some(&RobotCommand::Stop));
    b.command(CellCommand::Unhold);
    b.until(CellState::Completed);
    assert_eq!(b.robot_commands[sent.len() + 1], *sent.last().expect("a move"), "the same move again");
    assert_eq!(b.closed()[0].result, UnitResult::Good);
    assert_eq!(b.engine.program_errors(), 0);
}

#[test]
fn stop_cleans_up_and_interrupts() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("press");
    b.until_true("pressing", |b| b.rt.axes[0].actual_au > 30.0);
    b.command(CellCommand::Stop);
    b.until(CellState::Stopped);
    assert_eq!(b.rt.axes[0].actual_au, 0.0, "retracted by the cleanup");
    let last = b.outcomes().last().copied().expect("an outcome").clone();
    assert_eq!((last.outcome, last.cause.as_deref()), (StepOutcome::Interrupted, Some("interrupted")));
    assert_eq!(last.curves.len(), 1, "what was captured is kept");
    assert_eq!(b.closed()[0].result, UnitResult::Interrupted);
}

#[test]
fn stop_while_held_and_while_asked() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("load");
    b.command(CellCommand::Hold);
    b.until(CellState::Held);
    b.command(CellCommand::Stop);
    b.until(CellState::Stopped);
    assert_eq!(b.closed()[0].result, UnitResult::Interrupted);

    let mut b = Bench::new();
    b.grips.push_back(false);
    b.produce(Arc::new(plan()), 1);
    b.until_true("a question", |b| !b.questions.is_empty());
    b.command(CellCommand::Stop);
    b.until(CellState::Stopped);
    assert!(b.questions.is_empty(), "withdrawn");
    assert_eq!(b.path().iter().filter(|p| p.starts_with("load")).count(), 1, "recorded once");
}

#[test]
fn abort_ends_everything_without_cleanup() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("press");
    b.until_true("pressing", |b| b.rt.axes[0].actual_au > 30.0);
    let at = b.rt.axes[0].actual_au;
    b.command(CellCommand::Abort);
    b.until(CellState::Aborted);
    assert_eq!(b.rt.axes[0].actual_au, at, "no commanded motion");
    assert_eq!(b.outcomes().last().expect("it").outcome, StepOutcome::Aborted);
    assert_eq!(b.closed()[0].result, UnitResult::Interrupted);
    // Clear gives the capture's slot back.
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
    assert!(matches!(
        b.commands.iter().rev().find(|o| !matches!(o, RtOp::SetOutputs { .. })),
        Some(RtOp::CaptureEnd { .. })
    ));
}

#[test]
fn a_lost_safety_input_aborts_from_everywhere() {
    for state in [CellState::Idle, CellState::Execute, CellState::Held, CellState::Stopped] {
        let mut b = Bench::new();
        b.command(CellCommand::Clear);
        b.until(CellState::Stopped);
        if state != CellState::Stopped {
            b.command(CellCommand::Reset);
            b.until(CellState::Idle);
        }
        if matches!(state, CellState::Execute | CellState::Held) {
            b.order(Arc::new(plan()), 1);
            b.command(CellCommand::Start);
            b.until_running("press");
        }
        if state == CellState::Held {
            b.command(CellCommand::Hold);
            b.until(CellState::Held);
        }
        b.refuse(c::ESTOP_OK);
        b.tick();
        assert!(matches!(b.engine.state(), CellState::Aborting | CellState::Aborted), "{state:?}");
        b.until(CellState::Aborted);
        let alarm = b.alarms.last().expect("an alarm");
        assert_eq!((alarm.code.word(), alarm.cause.as_str()), ("safety-input", "off: estop_ok"));
        b.ticks(50);
        b.allow(c::ESTOP_OK);
        b.ticks(50);
        assert_eq!(b.engine.state(), CellState::Aborted, "released: a person clears");
    }
}

#[test]
fn faults_of_the_cycle_act_by_class() {
    for (class, state) in [
        (FaultClass::Abort, CellState::Aborted),
        (FaultClass::Stop, CellState::Stopped),
        (FaultClass::Hold, CellState::Held),
    ] {
        let mut b = Bench::new();
        b.produce(Arc::new(plan()), 1);
        b.until_running("load");
        let fault = RtFault {
            kind: RtFaultKind::FollowingError,
            axis: Some(c::PRESS),
            value: 3.0,
            limit: 1.0,
            class,
        };
        b.put(Input::Rt(RtEvent { cycle: 1, job: JobId(0), kind: RtEventKind::Fault(fault) }));
        b.until(state);
        let alarm = &b.alarms[0];
        assert_eq!((alarm.code.word(), alarm.place.as_str()), ("following-error", "press"));
        assert!(alarm.cause.contains("3.000") && alarm.cause.contains("1.000") && !alarm.remedy.is_empty());
    }
}

#[test]
fn an_invariant_holds_the_cell_until_it_holds_again() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("load");
    b.refuse(c::AIR);
    b.until(CellState::Held);
    assert_eq!(b.alarms[0].code.word(), "invariant");
    b.command(CellCommand::Unhold);
    assert_eq!(rejected(&b), "the invariant `air` does not hold");
    b.allow(c::AIR);
    b.tick();
    b.command(CellCommand::Unhold);
    b.until(CellState::Completed);
    assert_eq!(b.closed()[0].result, UnitResult::Good);

    let mut p = plan();
    p.invariants[0].otherwise = FaultClass::RejectPart;
    let mut b = Bench::new();
    b.produce(Arc::new(p), 1);
    b.until_running("press");
    b.refuse(c::AIR);
    b.until(CellState::Completed);
    assert_eq!(b.closed()[0].cause.as_deref(), Some("press/invariant air"));
    assert_eq!(b.path().last().map(String::as_str), Some("to-bin 1 passed"));
}

#[test]
fn suspend_lets_steps_end_and_begins_none() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("press");
    b.command(CellCommand::Suspend);
    b.until(CellState::Suspended);
    assert_eq!(b.path().last().map(String::as_str), Some("press 1 passed"));
    b.ticks(1_000);
    assert_eq!(b.path().len(), 4);
    b.command(CellCommand::Unsuspend);
    b.until(CellState::Completed);
    assert_eq!(b.closed()[0].result, UnitResult::Good);
}

#[test]
fn complete_finishes_what_is_open_and_opens_nothing() {
    for hold_first in [false, true] {
        let mut b = Bench::new();
        b.produce(Arc::new(plan()), 5);
        b.until_running("load");
        if hold_first {
            b.command(CellCommand::Hold);
            b.until(CellState::Held);
        }
        b.command(CellCommand::Complete);
        b.until(CellState::Completed);
        assert_eq!(b.closed().len(), 1);
        assert_eq!(b.closed()[0].result, UnitResult::Good);
    }
}

#[test]
fn start_waits_for_its_conditions_and_gives_up() {
    let mut b = Bench::new();
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
    b.command(CellCommand::Reset);
    b.until(CellState::Idle);
    b.refuse(c::AIR);
    b.command(CellCommand::Start);
    b.until(CellState::Stopped);
    assert_eq!(b.alarms[0].code.word(), "start-condition");
}

#[test]
fn a_store_that_cannot_be_written_holds_and_opens_no_unit() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 2);
    b.until_running("press");
    b.put(Input::Store { writable: false, cause: "no space left".into() });
    b.persist_ms = None;
    // Its outcome is not durable, so the step is not over; the press itself has been finished.
    b.until(CellState::Held);
    assert_eq!(b.rt.axes[0].actual_au, 0.0);
    assert_eq!(b.path().last().map(String::as_str), Some("press 1 passed"));
    b.command(CellCommand::Unhold);
    assert_eq!(rejected(&b), "the store cannot be written: no space left");
    b.command(CellCommand::Stop);
    b.until(CellState::Stopped);
    assert_eq!(b.closed()[0].result, UnitResult::Interrupted);
    b.persist_again();
    b.ticks(5);
    b.put(Input::Store { writable: true, cause: String::new() });
    assert!(b.alarms.iter().any(|a| a.code.word() == "store" && a.cleared.is_some()));
}

#[test]
fn so_many_ng_in_a_row_hold_the_cell() {
    let mut b = Bench::new();
    b.forces.extend([160.0; 3]);
    b.produce(Arc::new(plan()), 5);
    b.until(CellState::Held);
    assert_eq!(b.closed().len(), 3);
    assert_eq!(b.alarms.last().expect("it").code.word(), "consecutive-ng");
    b.command(CellCommand::Unhold);
    b.until(CellState::Completed);
    assert_eq!(b.closed().len(), 5);
}

#[test]
fn modes_are_masks_and_change_at_rest_only() {
    let mut b = Bench::new();
    b.put(Input::Mode { mode: CellMode::Maintenance, by: who() });
    assert!(b.answered.last().is_some_and(|a| a.1.is_ok()));
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
    b.command(CellCommand::Reset);
    b.until(CellState::Idle);
    b.put(Input::Mode { mode: CellMode::Manual, by: who() });
    assert!(rejected(&b).contains("does not change to Manual in Idle"));
    b.put(Input::Mode { mode: CellMode::Production, by: who() });
    b.order(Arc::new(plan()), 1);
    b.command(CellCommand::Start);
    b.until(CellState::Execute);
    b.put(Input::Mode { mode: CellMode::Manual, by: who() });
    assert!(rejected(&b).contains("does not change"));
}

#[test]
fn orders_that_cannot_be_worked_are_refused() {
    let mut b = Bench::new();
    let with = |f: &dyn Fn(&mut cellwright_model::plan::Plan)| {
        let mut p = plan();
        f(&mut p);
        Arc::new(p)
    };
    let bad: Vec<(Arc<_>, &str)> = vec![
        (with(&|p| p.cell_hash = "other".into()), "another state of cell"),
        (with(&|p| p.format = 99), "plan format"),
        (with(&|p| p.steps[0].resources = vec![Resource::Robot(RobotId(7))]), "no robot 7"),
        (with(&|p| p.body.push(p.body[1].clone())), "used twice"),
        (with(&|p| drop(p.steps.pop())), "no step 6"),
        (with(&|p| p.steps[3].cleanup = vec![p.steps[4].ops[3].clone()]), "cleanup cannot ask"),
        (with(&|p| p.invariants[0].check = Expr::Input(cellwright_model::InputId(40))), "no input 40"),
    ];
    for (plan, reason) in bad {
        b.order(plan, 1);
        assert!(rejected(&b).contains(reason), "{} / {reason}", rejected(&b));
    }
    b.order(Arc::new(plan()), 0);
    assert!(rejected(&b).contains("at least one"));
    b.order(Arc::new(plan()), 1);
    b.order(Arc::new(plan()), 1);
    assert_eq!(rejected(&b), "order A-1 is under way");
}

#[test]
fn a_dead_cobot_and_a_dead_cycle_are_noticed() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("load");
    b.robot_dead = true;
    b.until_true("a question", |b| !b.questions.is_empty());
    assert!(b.questions[0].prompt.contains("robot-timed-out"), "{}", b.questions[0].prompt);

    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("load");
    b.command(CellCommand::Stop);
    // The cycle never says that it has seen the word.
    for _ in 0..20_000 {
        b.rt.urgent_epoch = 0;
        b.tick();
    }
    assert_eq!(b.engine.state(), CellState::Aborted);
    assert!(b.alarms.iter().any(|a| a.code.word() == "no-rest"));
}

#[test]
fn what_two_steps_need_they_have_one_after_another() {
    let valve = |value| Primitive::SetOutput { output: c::VALVE, value };
    let dwell = Primitive::Dwell { duration: DurationNs::from_millis(50) };
    let mut steps = Vec::new();
    for (i, id) in ["a", "b", "c"].into_iter().enumerate() {
        let mut s = c::step(id, i as u32 + 1, vec![valve(true), dwell.clone(), valve(false)]);
        s.resources = vec![Resource::Robot(c::ROBOT)];
        steps.push(s);
    }
    let mut p = cellwright_model::plan::Plan::clone(&c::plan_of(steps));
    let branches = p
        .body
        .iter()
        .enumerate()
        .map(|(i, n)| cellwright_model::plan::Branch { name: i.to_string(), body: vec![n.clone()] });
    p.body = vec![cellwright_model::plan::Node::Parallel { id: "all".into(), branches: branches.collect() }];
    let mut b = Bench::new();
    b.produce(Arc::new(p), 1);
    b.ticks(20);
    let status = b.engine.status(Machine { rt: &b.rt, robots: &b.robots });
    let waits: Vec<_> = status.units[0].branches.iter().filter_map(|b| b.waits_for.clone()).collect();
    assert!(waits.contains(&"the branches of all".to_string()), "{waits:?}");
    assert!(waits.contains(&"robot, held by a".to_string()), "{waits:?}");
    b.until(CellState::Completed);
    let times: Vec<_> = b.outcomes().iter().map(|s| (s.start, s.end)).collect();
    assert!(times.windows(2).all(|w| w[0].1 <= w[1].0), "{times:?}");
}

#[test]
fn timeouts_end_what_waits() {
    let wait = |late| Primitive::WaitUntil {
        condition: Expr::Not(Box::new(Expr::Input(c::PRESENT))),
        hold: DurationNs(0),
        timeout: DurationNs::from_millis(100),
        late,
    };
    let fail = c::step("wait", 1, vec![wait(Meaning::Fail("late".into()))]);
    let mut b = Bench::new();
    b.produce(c::plan_of(vec![fail.clone()]), 1);
    b.until(CellState::Completed);
    assert_eq!(b.closed()[0].cause.as_deref(), Some("wait/late"));

    // The step's own timeout ends a question too; the fault policy rejects.
    let ask = Primitive::Ask {
        prompt: "well?".into(),
        answers: vec!["ok".into()],
        pass: vec!["ok".into()],
        otherwise: Meaning::Ok,
    };
    let mut step = c::step("ask", 1, vec![ask]);
    step.timeout = DurationNs::from_millis(500);
    step.on_fault = Handler::Retry { times: 1, after: DurationNs::from_millis(10), then: Then::Ask };
    let mut b = Bench::new();
    b.produce(c::plan_of(vec![step]), 1);
    b.until_true("a decision", |b| b.questions.iter().any(|q| q.kind == QuestionKind::Decision));
    assert_eq!(b.path(), ["ask 1 timed-out", "ask 2 timed-out"]);
    assert_eq!(b.questions.len(), 1, "the recipe's question is withdrawn");
    b.answer("reject");
    b.until(CellState::Completed);
}

#[test]
fn a_step_that_passes_unmeasured_does_not_pass() {
    use cellwright_model::plan::Feature;
    let mut step = c::step(
        "s",
        1,
        vec![Primitive::MoveTo { axis: c::PRESS, target: Target::Value(1.0), velocity_au_s: 1.0 }],
    );
    step.measurements = vec![c::measurement("m", Feature::Register("never".into()), 0.0, 1.0)];
    step.on_fault = Handler::Reject;
    let mut b = Bench::new();
    b.produce(c::plan_of(vec![step]), 1);
    b.until(CellState::Completed);
    assert_eq!(b.closed()[0].cause.as_deref(), Some("s/not-measured: m"));
}

#[test]
fn stale_inputs_are_not_looked_at() {
    let check =
        Primitive::Check { condition: Expr::Input(c::PRESENT), otherwise: Meaning::Fail("gone".into()) };
    let mut b = Bench::new();
    let dwell = Primitive::Dwell { duration: DurationNs::from_millis(20) };
    b.produce(c::plan_of(vec![c::step("s", 1, vec![dwell, check])]), 1);
    b.until_running("s");
    // The last inputs say "gone", but they are old by now.
    b.stale = true;
    b.refuse(c::PRESENT);
    b.ticks(200);
    assert!(b.path().is_empty(), "{:?}", b.path());
    b.stale = false;
    b.allow(c::PRESENT);
    b.until(CellState::Completed);
    assert_eq!(b.path(), ["s 1 passed"]);
}

#[test]
fn a_cell_for_more_units_than_nests_is_refused_with_the_remedy() {
    let mut cell = c::cell();
    cell.units_in_flight_max = 5;
    let error = cellwright_engine::Engine::new(Arc::new(cell), Default::default()).err().expect("refused");
    assert!(error.to_string().contains("set it to 1 .. 4"), "{error}");
}

#[test]
fn equal_inputs_give_equal_outputs() {
    let run = || {
        let mut b = Bench::new();
        b.forces.extend([100.0, 160.0]);
        b.produce(Arc::new(plan()), 3);
        b.until(CellState::Completed);
        (format!("{:?}", b.commands), b.path(), b.now)
    };
    assert_eq!(run(), run());
}
