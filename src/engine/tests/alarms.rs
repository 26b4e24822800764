//! Alarms: the cause before its consequences, and none cleared while its cause can be seen.

mod common;

use std::sync::Arc;

use cellwright_engine::EngineConfig;
use cellwright_engine::api::*;
use cellwright_engine::catalogue::AlarmCode;
use cellwright_model::JobId;
use cellwright_model::job::*;
use cellwright_model::outcome::FaultClass;
use cellwright_model::packml::{CellCommand, CellState};

use common::cell as c;
use common::{Bench, plan};

fn cycle_event(job: JobId, kind: RtEventKind) -> Input {
    Input::Rt(RtEvent { cycle: 1, job, kind })
}

/// What the cycle ended by its own abort is not judged before the cause is told.
#[test]
fn a_consequence_is_not_taken_for_the_cause() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("press");
    b.ticks(10);
    b.rt.aborted = true;
    b.break_jobs();
    b.ticks(20);
    assert_eq!((b.engine.state(), b.alarms.len()), (CellState::Execute, 0), "the cause is waited for");
    let fault = RtFault {
        kind: RtFaultKind::DriveDisabled,
        axis: Some(c::PRESS),
        value: 0.0,
        limit: 0.0,
        class: FaultClass::Abort,
    };
    b.put(cycle_event(JobId(0), RtEventKind::Fault(fault)));
    b.until(CellState::Aborted);
    assert_eq!((b.alarms[0].code, b.alarms[0].first_out), (AlarmCode::DriveDisabled, true));
    assert!(b.alarms.iter().skip(1).all(|a| !a.first_out), "{:?}", b.alarms);
}

#[test]
fn an_abort_of_the_cycle_without_a_cause_is_said_in_the_end() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("press");
    b.rt.aborted = true;
    b.break_jobs();
    b.until(CellState::Aborted);
    assert_eq!(b.alarms[0].code, AlarmCode::CycleAborted);
}

/// Seen in one input: the safety input in the snapshot, the drive in the event.
#[test]
fn of_causes_seen_together_the_most_fundamental_is_first() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("press");
    b.refuse(c::ESTOP_OK);
    let fault = RtFault {
        kind: RtFaultKind::DriveDisabled,
        axis: Some(c::PRESS),
        value: 0.0,
        limit: 0.0,
        class: FaultClass::Abort,
    };
    b.put(cycle_event(JobId(0), RtEventKind::Fault(fault)));
    let told: Vec<_> = b.alarms.iter().map(|a| (a.code, a.first_out, a.follows)).collect();
    assert_eq!(
        told,
        [(AlarmCode::SafetyInput, true, None), (AlarmCode::DriveDisabled, false, Some(b.alarms[0].id))]
    );
}

#[test]
fn an_alarm_stays_while_its_cause_can_be_seen() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("load");
    b.put(Input::Store { writable: false, cause: "no space".into() });
    b.until(CellState::Held);
    b.command(CellCommand::Stop);
    b.until(CellState::Stopped);
    b.command(CellCommand::Reset);
    b.ticks(1_000);
    assert!(!b.alarms.iter().any(|a| a.code == AlarmCode::Store && a.cleared.is_some()));
    b.put(Input::Store { writable: true, cause: String::new() });
    assert!(b.alarms.iter().any(|a| a.code == AlarmCode::Store && a.cleared.is_some()));
}

#[test]
fn resetting_looks_whether_sensors_read_zero() {
    let with_zero = || {
        let mut cell = c::cell();
        cell.sequences.zero = vec![cellwright_model::cell::ZeroSensor { analog: c::FORCE, within: 2.0 }];
        let mut b = Bench::with(cell, EngineConfig::default());
        b.command(CellCommand::Clear);
        b.until(CellState::Stopped);
        b
    };
    let force = usize::from(c::FORCE.0);
    let mut b = with_zero();
    (b.rt.analogs[force], b.rt.analog_valid) = (1.5, 1 << c::FORCE.0);
    b.command(CellCommand::Reset);
    b.until(CellState::Idle);

    let mut b = with_zero();
    (b.rt.analogs[force], b.rt.analog_valid) = (-2.5, 1 << c::FORCE.0);
    b.command(CellCommand::Reset);
    b.until(CellState::Stopped);
    let alarm = b.alarms.last().expect("an alarm");
    assert_eq!((alarm.code, alarm.cleared), (AlarmCode::ZeroOffset, None));
    assert!(alarm.cause.contains("-2.500 N") && alarm.cause.contains("±2 N"), "{}", alarm.cause);
    assert!(alarm.remedy.ends_with("; then Reset, Start"), "{}", alarm.remedy);

    // A channel that is not trusted, and for ever: said after its time.
    let mut b = with_zero();
    b.rt.analog_valid = 0;
    b.command(CellCommand::Reset);
    b.until(CellState::Stopped);
    assert_eq!(b.alarms.last().expect("an alarm").code, AlarmCode::AnalogInvalid);
}

/// The bounds of waits for the cycle and for the record, where nothing else would end them.
#[test]
fn a_cycle_that_stands_is_noticed_in_every_state_that_waits_for_it() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("press");
    let before = b.now_ms();
    b.cycle_stands = true;
    b.until(CellState::Aborting);
    assert!((1_000..1_100).contains(&(b.now_ms() - before)), "{}", b.now_ms() - before);
    assert_eq!((b.alarms[0].code, b.alarms[0].first_out), (AlarmCode::CycleSilent, true));
    // Aborted after its own deadline: rest is not reported any more.
    b.until(CellState::Aborted);
}

#[test]
fn a_store_that_says_nothing_is_noticed() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_running("press");
    b.persist_ms = None;
    b.until(CellState::Held);
    let alarm = b.alarms[0].clone();
    assert_eq!((alarm.code, alarm.first_out), (AlarmCode::Store, true));
    assert!(alarm.cause.contains("10 s"), "{}", alarm.cause);
    b.command(CellCommand::Unhold);
    b.ticks(10);
    assert_eq!(b.engine.state(), CellState::Held, "not as long as it lasts");
    b.persist_again();
    b.ticks(10);
    assert!(b.alarms.iter().any(|a| a.code == AlarmCode::Store && a.cleared.is_some()));
    b.command(CellCommand::Unhold);
    b.until(CellState::Completed);
}
