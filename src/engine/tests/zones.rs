//! Zones as a recipe meets them: a step begins when everything that it comes into is free, and what stands there and is
//! moved by nobody becomes an alarm.

mod common;

use std::sync::Arc;

use cellwright_engine::catalogue::AlarmCode;
use cellwright_model::cell::Cell;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::plan::{Plan, Primitive, RobotOp};
use cellwright_model::robot::RobotCommand;
use cellwright_model::zone::{Body, JointBox, Zone};

use common::cell as c;
use common::{Bench, plan};

/// Joints of the cobot in the zone, at no station.
const INSIDE: [f64; 6] = [25.0; 6];

/// The press and the cobot share a volume: below 10 mm of the one, from 15 to 30 degrees of the other.
fn zoned() -> Cell {
    let mut joints = [None; 6];
    joints[0] = Some((15.0, 30.0));
    let press = Body::Axis { axis: c::PRESS, lo_au: 10.0, hi_au: 365.0 };
    let robot = Body::Robot { robot: c::ROBOT, volume: JointBox(joints) };
    Cell { zones: vec![Zone { name: "shared".into(), bodies: vec![press, robot] }], ..c::cell() }
}

fn bench() -> Bench {
    let mut b = Bench::with(zoned(), Default::default());
    b.produce(Arc::new(plan()), 2);
    b
}

fn waits_for(b: &Bench) -> Option<String> {
    b.status().units.first().and_then(|u| u.branches.first()).and_then(|branch| branch.waits_for.clone())
}

fn alarm(b: &Bench) -> Option<AlarmCode> {
    b.status().alarms.first().map(|a| a.code)
}

#[test]
fn what_is_free_is_taken_and_units_are_made_as_without_zones() {
    let mut b = bench();
    b.until(CellState::Completed);
    let mut plain = Bench::new();
    plain.produce(Arc::new(plan()), 2);
    plain.until(CellState::Completed);
    assert_eq!(b.outcomes().len(), plain.outcomes().len());
    assert_eq!(b.engine.program_errors(), 0);
}

#[test]
fn a_cobot_that_stands_inside_keeps_the_press_out_until_it_has_gone() {
    let mut b = bench();
    b.until_running("scan");
    b.robots[0].joints = INSIDE;
    b.until_true("the press waits", |b| waits_for(b).is_some_and(|w| w.contains("zone shared")));
    assert_eq!(waits_for(&b).as_deref(), Some("zone shared, in which robot stands"));
    b.ticks(2_000);
    assert_eq!((b.rt.axes[c::PRESS.index()].actual_au, alarm(&b)), (0.0, None));
    b.robots[0].joints = [0.0; 6];
    b.until(CellState::Completed);
    assert!(b.alarms.is_empty(), "{:?}", b.alarms);
}

#[test]
fn nobody_moves_it_and_a_person_is_told() {
    let mut b = bench();
    b.until_running("scan");
    b.robots[0].joints = INSIDE;
    b.until(CellState::Held);
    assert_eq!(alarm(&b), Some(AlarmCode::ZoneNotClear));
    let alarm = b.status().alarms[0].clone();
    assert_eq!((alarm.place.as_str(), alarm.cause.as_str()), ("robot", "robot stands in zone shared"));
    b.robots[0].joints = [0.0; 6];
    b.command(CellCommand::Unhold);
    b.until(CellState::Completed);
}

#[test]
fn a_cobot_that_is_not_heard_is_inside() {
    let mut b = bench();
    b.until_running("scan");
    b.robot_mute = true;
    b.command(CellCommand::Hold);
    b.until(CellState::Held);
    b.ticks(4_000);
    b.command(CellCommand::Unhold);
    b.until_true("the press waits", |b| waits_for(b).is_some_and(|w| w.contains("zone shared")));
}

#[test]
fn resetting_brings_no_cobot_through_a_zone_in_which_the_press_is() {
    let mut b = Bench::with(zoned(), Default::default());
    b.robots[0].joints = INSIDE;
    b.rt.axes[c::PRESS.index()].actual_au = 40.0;
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
    b.command(CellCommand::Reset);
    b.until_true("an alarm", |b| alarm(b).is_some());
    let told = b.status().alarms[0].clone();
    assert_eq!((told.code, told.place.as_str()), (AlarmCode::Resetting, "robot"));
    assert!(told.cause.contains("press is in zone shared"), "{}", told.cause);
    let moves = b.robot_commands.iter().filter(|c| matches!(c, RobotCommand::MoveJ { .. }));
    assert_eq!(moves.count(), 0);
}

#[test]
fn an_axis_that_has_no_reference_yet_may_be_anywhere() {
    let mut b = Bench::with(zoned(), Default::default());
    b.robots[0].joints = INSIDE;
    b.rt.axes[c::PRESS.index()].referenced = false;
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
    b.command(CellCommand::Reset);
    b.until_true("an alarm", |b| alarm(b).is_some());
    let told = b.status().alarms[0].clone();
    assert!(told.cause.contains("press is in zone shared"), "{}", told.cause);
}

#[test]
fn a_cobot_that_was_moved_by_hand_in_a_hold_goes_through_no_zone_that_its_step_has_not() {
    let mut b = bench();
    b.until_running("load");
    b.ticks(5);
    b.command(CellCommand::Hold);
    b.until(CellState::Held);
    b.robots[0].joints = INSIDE;
    b.command(CellCommand::Unhold);
    b.until_true("a question", |b| !b.questions.is_empty());
    let causes: Vec<_> = b.outcomes().iter().filter_map(|o| o.cause.clone()).collect();
    assert_eq!(causes, ["zone-not-reserved: shared"]);
}

/// The plan, with its cobot left at its station while the unit is inspected there.
fn parked() -> Plan {
    let mut p = plan();
    let inspect = p.steps.iter().position(|s| s.id == "inspect").expect("a step");
    let robot = |pose: &str| Primitive::Robot {
        robot: c::ROBOT,
        request: RobotOp::MovePose { pose: pose.into(), speed: 0.5 },
    };
    p.steps[inspect].resources.push(cellwright_model::plan::Resource::Robot(c::ROBOT));
    p.steps[inspect].ops.insert(0, robot("work.above"));
    p
}

#[test]
fn a_cobot_that_a_step_leaves_elsewhere_is_kept_for_its_unit() {
    let mut cell = c::cell();
    cell.units_in_flight_max = 4;
    let mut b = Bench::with(cell, Default::default());
    b.auto.clear();
    b.produce(Arc::new(parked()), 3);
    b.until_true("a question", |b| !b.questions.is_empty());
    // While the first unit waits for a person with the cobot above it, no other one takes the cobot.
    let commands = b.robot_commands.len();
    b.ticks(3_000);
    assert_eq!(b.robot_commands.len(), commands, "{:?}", b.status().units);
    let first = b.status().units[0].serial.clone();
    b.auto.insert("No visible damage".into(), "ok".into());
    b.answer("ok");
    b.until(CellState::Completed);
    let unloaded = |o: &&cellwright_engine::record::StepResult| o.plan.step(o.step).id == "to-tray";
    assert_eq!(b.outcomes().into_iter().find(unloaded).map(|o| o.serial.clone()), Some(first));
}
