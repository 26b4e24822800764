//! Buttons command the cell as people do, and lamps say what it waits for.

mod common;

use std::sync::Arc;

use cellwright_engine::api::*;
use cellwright_engine::record::Record;
use cellwright_model::cell::*;
use cellwright_model::job::RtOp;
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::{InputId, OutputId};

use common::{Bench, plan};

const START: InputId = InputId(6);
const RESET: InputId = InputId(7);
const GREEN: u64 = 1 << 1;
const AMBER: u64 = 1 << 2;
const RED: u64 = 1 << 3;
const BUZZER: u64 = 1 << 4;

/// The bench's cell with the inputs of two buttons.
fn cell() -> Cell {
    let mut cell = common::cell();
    for (i, name) in ["start_button", "reset_button"].iter().enumerate() {
        cell.digital_inputs.push(DigitalInput { name: (*name).into(), subdevice: 0, bit: 6 + i as u8 });
    }
    cell
}

/// Nothing but one button.
fn with_button(acts: Vec<ButtonAct>) -> Bench {
    let panel = Panel { buttons: vec![Button { input: RESET, acts }], ..Panel::default() };
    Bench::with(Cell { panel, ..cell() }, cellwright_engine::EngineConfig::default())
}

/// Two buttons and a whole tower; in Suspended its green one blinks.
fn bench() -> Bench {
    let mut cell = cell();
    for (i, name) in ["amber", "red", "buzzer"].iter().enumerate() {
        let bit = 2 + i as u8;
        cell.digital_outputs.push(DigitalOutput {
            name: (*name).into(),
            subdevice: 0,
            bit,
            off_state: false,
        });
    }
    let reset = [ButtonAct::Acknowledge, ButtonAct::Command(CellCommand::Clear)];
    cell.panel = Panel {
        green: Some(OutputId(1)),
        amber: Some(OutputId(2)),
        red: Some(OutputId(3)),
        buzzer: Some(OutputId(4)),
        lights: vec![(CellState::Suspended, Lights { green: Light::Blinking, ..Lights::default() })],
        buttons: vec![
            Button { input: START, acts: vec![ButtonAct::Command(CellCommand::Start)] },
            Button {
                input: RESET,
                acts: reset.into_iter().chain([ButtonAct::Command(CellCommand::Reset)]).collect(),
            },
        ],
    };
    let mut b = Bench::with(cell, cellwright_engine::EngineConfig::default());
    b.ticks(30);
    b
}

fn press(b: &mut Bench, button: InputId) {
    b.rt.inputs |= 1 << button.0;
    b.ticks(30);
    b.rt.inputs &= !(1 << button.0);
    b.ticks(30);
}

/// Lamps and buzzer that were on at some moment of the next second, and those that were on throughout.
fn seen(b: &mut Bench) -> (u64, u64) {
    let (mut some, mut all) = (0, u64::MAX);
    for _ in 0..1_000 {
        b.tick();
        some |= b.rt.outputs;
        all &= b.rt.outputs;
    }
    let panel = GREEN | AMBER | RED | BUZZER;
    (some & panel, all & panel)
}

fn commands(b: &Bench) -> Vec<(String, String, bool)> {
    let command = |r: &Record| match r {
        Record::Command { command, by, result } => {
            Some((command.name().to_owned(), format!("{} / {}", by.who, by.from), result.is_ok()))
        }
        _ => None,
    };
    b.records.iter().filter_map(command).collect()
}

#[test]
fn buttons_lead_from_aborted_to_execute_and_are_recorded_by_name() {
    let mut b = bench();
    press(&mut b, RESET);
    b.until(CellState::Stopped);
    press(&mut b, RESET);
    b.until(CellState::Idle);
    b.order(Arc::new(plan()), 1);
    press(&mut b, START);
    b.until(CellState::Execute);
    let by = |input: &str| format!("panel / panel {input}");
    assert_eq!(
        commands(&b),
        [
            ("Clear".into(), by("reset_button"), true),
            ("Reset".into(), by("reset_button"), true),
            ("Start".into(), by("start_button"), true)
        ]
    );
}

#[test]
fn a_button_that_nothing_takes_is_refused_and_recorded() {
    let mut b = bench();
    press(&mut b, START);
    assert_eq!(commands(&b), [("Start".into(), "panel / panel start_button".into(), false)]);
    assert_eq!(b.engine.state(), CellState::Aborted);
}

#[test]
fn a_button_held_at_power_up_does_nothing_until_it_was_released() {
    let mut b = bench();
    let mut held = with_button(vec![ButtonAct::Command(CellCommand::Clear)]);
    held.rt.inputs |= 1 << RESET.0;
    held.ticks(5_000);
    assert_eq!(held.engine.state(), CellState::Aborted, "stuck");
    held.rt.inputs &= !(1 << RESET.0);
    held.ticks(30);
    press(&mut held, RESET);
    held.until(CellState::Stopped);
    // Stale inputs: what was pressed in between counts for nothing.
    b.stale = true;
    b.ticks(5);
    b.rt.inputs |= 1 << RESET.0;
    b.ticks(5);
    b.stale = false;
    b.ticks(1_000);
    assert_eq!(commands(&b), []);
}

#[test]
fn an_abort_blinks_red_and_sounds_until_it_is_acknowledged() {
    let mut b = bench();
    assert_eq!(seen(&mut b), (RED, RED), "power-up is Aborted without an alarm");
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
    b.refuse(common::cell::ESTOP_OK);
    b.until(CellState::Aborted);
    assert_eq!(seen(&mut b), (RED | BUZZER, BUZZER), "red blinks, and in Aborted too");
    press(&mut b, RESET);
    assert_eq!(b.engine.state(), CellState::Aborted, "the button acknowledges first");
    assert_eq!(seen(&mut b), (RED, RED));
    let seen_by = b.alarms.iter().rev().find_map(|a| a.acknowledged_by.as_ref());
    assert_eq!(seen_by.map(|by| by.from.as_str()), Some("panel reset_button"));
}

#[test]
fn lamps_follow_the_state_the_cell_file_and_open_questions() {
    let mut b = bench();
    b.auto.clear();
    b.produce(Arc::new(plan()), 1);
    b.ticks(2);
    assert_eq!(b.rt.outputs & (GREEN | AMBER | RED), GREEN);
    b.until_true("the question", |b| !b.questions.is_empty());
    assert_eq!(seen(&mut b), (GREEN | AMBER, GREEN), "amber blinks: a person is asked");
    b.answer("ok");
    b.command(CellCommand::Suspend);
    b.until(CellState::Suspended);
    b.ticks(2);
    assert_eq!(seen(&mut b), (GREEN, 0), "the cell file's own");
}

#[test]
fn lamps_that_were_lost_are_shown_again_and_nothing_is_sent_for_nothing() {
    let mut b = bench();
    let sent = |b: &Bench| b.commands.iter().filter(|op| matches!(op, RtOp::SetOutputs { .. })).count();
    let before = sent(&b);
    b.ticks(2_000);
    assert_eq!(sent(&b), before);
    b.rt.outputs = 0;
    b.ticks(50);
    assert_eq!((b.rt.outputs & RED, sent(&b)), (RED, before + 1));
}

#[test]
fn a_key_changes_the_mode() {
    let acts = [CellMode::Maintenance, CellMode::Production].map(ButtonAct::Mode);
    let mut b = with_button(acts.to_vec());
    b.ticks(30);
    press(&mut b, RESET);
    assert_eq!(b.engine.mode(), CellMode::Maintenance);
    press(&mut b, RESET);
    assert_eq!(b.engine.mode(), CellMode::Production);
}

#[test]
fn what_the_caller_refuses_is_recorded_and_answered_and_all_alarms_can_be_seen_at_once() {
    let mut b = bench();
    let by = Source::new("maria", "ctl pid 7");
    b.put(Input::Refused { what: "material of x".into(), why: "there is no tray x".into(), by: by.clone() });
    let last = b.records.last();
    assert!(
        matches!(last, Some(Record::Request { what, by: of, result: Err(_) }) if what == "material of x" && *of == by),
        "{last:?}"
    );
    assert!(matches!(b.answered.last(), Some((Answered::Other(_), Err(why))) if why == "there is no tray x"));
    b.put(Input::AcknowledgeAll { by: by.clone() });
    assert!(matches!(b.answered.last(), Some((Answered::Alarms, Err(_)))), "there is none");
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
    b.refuse(common::cell::ESTOP_OK);
    b.until(CellState::Aborted);
    b.put(Input::AcknowledgeAll { by: by.clone() });
    assert!(matches!(b.answered.last(), Some((Answered::Alarms, Ok(())))));
    assert!(b.alarms.iter().any(|a| a.acknowledged_by == Some(by.clone())));
}
