//! Mode Manual: who may move what, how far, and what ends it.

mod common;
#[path = "manual/home.rs"]
mod home;

use std::cell::Cell;
use std::sync::Arc;

use cellwright_engine::api::*;
use cellwright_engine::record::Record;
use cellwright_engine::{JOG_WINDOW, ManualStatus};
use cellwright_model::job::RtOp;
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::robot::RobotCommand;
use cellwright_model::{AxisId, InputId, OutputId, RobotId};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use common::cell as c;
use common::machine::who;
use common::{Bench, plan};

/// Reduced speed of the bench's axes: a tenth of 100 au/s.
const REDUCED_AU_S: f64 = 10.0;
/// A jog ends so far within its range: three in-position windows of 1 % of a following error of 1 au.
const ROOM_AU: f64 = 0.03;

fn in_manual() -> Bench {
    let mut b = Bench::new();
    b.gliding = true;
    b.command(CellCommand::Clear);
    b.until(CellState::Stopped);
    mode(&mut b, CellMode::Manual);
    assert_eq!(b.engine.mode(), CellMode::Manual);
    b
}

fn mode(b: &mut Bench, mode: CellMode) {
    b.put(Input::Mode { mode, by: who() });
}

fn by_hand(b: &mut Bench, request: ManualRequest) {
    b.put(Input::Manual { request, by: who() });
}

fn jog(b: &mut Bench, axis: AxisId, positive: bool) {
    by_hand(b, ManualRequest::Jog { axis, positive, share: 1.0 });
}

/// Holds the key for so long.
fn held(b: &mut Bench, ms: u64) {
    for i in 0..ms {
        if i % 50 == 0 {
            by_hand(b, ManualRequest::Renew);
        }
        b.tick();
    }
}

fn status(b: &Bench) -> ManualStatus {
    b.engine.status(Machine { rt: &b.rt, robots: &b.robots }).manual
}

fn at(b: &Bench, axis: AxisId) -> f64 {
    b.rt.axes[axis.index()].actual_au
}

fn refusal(b: &Bench) -> &str {
    match b.answered.last() {
        Some((Answered::Manual(_), Err(why))) => why,
        other => panic!("not refused: {other:?}"),
    }
}

/// Nothing is under way, and nothing is left on.
fn taken_back(status: &ManualStatus) -> bool {
    let ManualStatus { jog, homing, enabled, outputs, acts, last: _, last_done: _ } = status;
    jog.is_none() && homing.is_none() && (*enabled, *outputs, *acts) == (0, 0, 0)
}

/// (what, result) of the requests in the record.
fn requests(b: &Bench) -> Vec<(&str, &Result<(), String>)> {
    fn request(r: &Record) -> Option<(&str, &Result<(), String>)> {
        match r {
            Record::Request { what, result, .. } => Some((what.as_str(), result)),
            _ => None,
        }
    }
    b.records.iter().filter_map(request).collect()
}

#[test]
fn a_held_key_moves_at_reduced_speed_and_letting_go_ends_it() {
    let mut b = in_manual();
    jog(&mut b, c::PRESS, true);
    assert_eq!(status(&b).jog, Some((c::PRESS, "anna".into())));
    held(&mut b, 200);
    let fast = b.commands.iter().find_map(|op| match op {
        RtOp::MoveWhile { velocity_au_s, window: JOG_WINDOW, .. } => Some(*velocity_au_s),
        _ => None,
    });
    assert_eq!(fast, Some(REDUCED_AU_S));
    assert!(
        b.commands.contains(&RtOp::Renew { axis: c::PRESS }),
        "the cycle is told that it is still wanted"
    );
    assert!(b.commands.contains(&RtOp::Enable { axes: 1 }), "its drive only");
    let reached = at(&b, c::PRESS);
    assert!((1.8..=2.0).contains(&reached), "{reached}");
    by_hand(&mut b, ManualRequest::Release);
    b.ticks(5);
    assert!(at(&b, c::PRESS) - reached <= 0.02);
    assert_eq!(status(&b).jog, None);
    let said = requests(&b);
    assert_eq!(said[said.len() - 2], ("jog press +", &Ok(())));
    let (end, result) = said[said.len() - 1];
    assert!(end.starts_with("jog press + ended, from 0.000 mm to ") && end.ends_with(": let go"), "{end}");
    assert!(result.is_ok());
}

#[test]
fn without_renewal_it_rests_after_the_window_and_only_its_person_renews() {
    let mut b = in_manual();
    jog(&mut b, c::PRESS, true);
    let stranger = Source::new("ben", "elsewhere");
    for _ in 0..400 {
        b.put(Input::Manual { request: ManualRequest::Renew, by: stranger.clone() });
        b.tick();
    }
    assert_eq!(status(&b).jog, None);
    let window_s = JOG_WINDOW.0 as f64 / 1e9;
    assert!((0.0..=REDUCED_AU_S * window_s + 0.03).contains(&at(&b, c::PRESS)), "{}", at(&b, c::PRESS));
    assert!(status(&b).last.is_some_and(|l| l.contains("not renewed for 250 ms")));
    // A late renewal moves nothing.
    let rests = at(&b, c::PRESS);
    held(&mut b, 100);
    assert_eq!(at(&b, c::PRESS), rests);
}

#[test]
fn one_axis_at_a_time_and_a_share_of_the_speed() {
    let mut b = in_manual();
    jog(&mut b, c::PRESS, true);
    b.ticks(20);
    jog(&mut b, c::TABLE, true);
    assert_eq!(refusal(&b), "one axis at a time: `jog press +` by anna has not ended");
    by_hand(&mut b, ManualRequest::Release);
    b.ticks(5);
    for share in [0.0, -1.0, 1.5, f64::NAN] {
        by_hand(&mut b, ManualRequest::Jog { axis: c::PRESS, positive: true, share });
        assert!(refusal(&b).contains("above 0 and up to 1"), "{share}");
    }
    by_hand(&mut b, ManualRequest::Jog { axis: AxisId(9), positive: true, share: 1.0 });
    assert_eq!(refusal(&b), "there is no such axis");
}

#[test]
fn it_ends_within_the_travel_and_does_not_begin_at_its_end() {
    let mut b = in_manual();
    jog(&mut b, c::PRESS, false);
    held(&mut b, 1_000);
    assert_eq!(at(&b, c::PRESS), -5.0 + ROOM_AU);
    assert_eq!(status(&b).jog, None);
    assert!(status(&b).last.is_some_and(|l| l.ends_with(": at the end of its way")));
    jog(&mut b, c::PRESS, false);
    assert_eq!(refusal(&b), "press is at the end of its travel (-5.000 mm)");
    jog(&mut b, c::PRESS, true);
    held(&mut b, 100);
    assert!(at(&b, c::PRESS) > -4.5);
}

#[test]
fn the_table_turns_only_while_the_press_is_out_of_its_way() {
    let mut b = in_manual();
    b.rt.axes[0].actual_au = 30.0;
    jog(&mut b, c::TABLE, true);
    let why = "press at 30.000 mm is in the table's way: bring it within -1 .. 5 mm first";
    assert_eq!(refusal(&b), why);
    b.rt.axes[0].actual_au = 0.0;
    jog(&mut b, c::TABLE, true);
    held(&mut b, 200);
    assert!(at(&b, c::TABLE) > 1.0);
    // Somebody pushes the press down meanwhile.
    b.rt.axes[0].actual_au = 6.0;
    let stopped = at(&b, c::TABLE);
    held(&mut b, 100);
    assert!(at(&b, c::TABLE) - stopped <= 0.02);
    assert_eq!(requests(&b).last().map(|(_, r)| r.is_err()), Some(true));
}

#[test]
fn the_press_leaves_its_clear_range_only_while_the_table_stands_at_a_station() {
    let mut b = in_manual();
    b.rt.axes[1].actual_au = 45.0;
    jog(&mut b, c::PRESS, true);
    held(&mut b, 1_000);
    assert_eq!(at(&b, c::PRESS), 5.0 - ROOM_AU, "to the end of the range");
    // It rests one window off its target, and coasted by another: still out of the table's way.
    b.rt.axes[0].actual_au += 0.02;
    b.rt.axes[1].actual_au = 90.0;
    jog(&mut b, c::TABLE, true);
    held(&mut b, 100);
    by_hand(&mut b, ManualRequest::Release);
    b.ticks(3);
    assert!(at(&b, c::TABLE) > 90.5, "{:?}", requests(&b));
    b.rt.axes[1].actual_au = 45.0;
    jog(&mut b, c::PRESS, true);
    assert!(refusal(&b).contains("only into -1 .. 5 mm while the table stands between two stations"));
    // Further out there is only the way back.
    b.rt.axes[0].actual_au = 20.0;
    jog(&mut b, c::PRESS, true);
    assert!(refusal(&b).contains("between two stations"), "{}", refusal(&b));
    jog(&mut b, c::PRESS, false);
    held(&mut b, 100);
    by_hand(&mut b, ManualRequest::Release);
    b.ticks(3);
    assert!(at(&b, c::PRESS) < 20.0);
    b.rt.axes[1].actual_au = 90.05;
    jog(&mut b, c::PRESS, true);
    held(&mut b, 300);
    assert!(at(&b, c::PRESS) > 20.0);
    // The table is pushed away from its station: the press rests.
    b.rt.axes[1].actual_au = 93.0;
    b.ticks(2);
    let rests = at(&b, c::PRESS);
    held(&mut b, 100);
    assert_eq!(at(&b, c::PRESS), rests);
}

#[test]
fn a_cobot_that_is_not_at_home_keeps_the_table_and_the_stations() {
    let mut b = in_manual();
    b.robots[0].joints = [20.0; 6];
    jog(&mut b, c::TABLE, true);
    assert_eq!(refusal(&b), "robot is not at home: bring it there first");
    jog(&mut b, c::PRESS, true);
    held(&mut b, 1_000);
    assert_eq!(at(&b, c::PRESS), 5.0 - ROOM_AU);
    assert!(b.robot_commands.is_empty(), "a jog moves no cobot");
}

#[test]
fn only_in_manual_in_stopped_with_fresh_inputs_and_a_store() {
    let mut b = Bench::new();
    b.tick();
    jog(&mut b, c::PRESS, true);
    assert_eq!(refusal(&b), "the mode is Production: change to Manual first");
    mode(&mut b, CellMode::Manual);
    jog(&mut b, c::PRESS, true);
    assert_eq!(refusal(&b), "the cell is in Aborted: by hand only in Stopped, after Clear");
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    let moves = b.commands.len();
    jog(&mut b, c::PRESS, true);
    assert_eq!(refusal(&b), "the mode is Production: change to Manual first");
    mode(&mut b, CellMode::Manual);
    assert_eq!(b.engine.mode(), CellMode::Production, "not while it works");
    assert_eq!(b.commands.len(), moves);
    let mut b = in_manual();
    b.command(CellCommand::Reset);
    assert!(matches!(b.answered.last(), Some((_, Err(why))) if why.contains("mode Manual")));
    b.stale = true;
    b.tick();
    jog(&mut b, c::PRESS, true);
    assert_eq!(refusal(&b), "the inputs are not fresh");
    b.stale = false;
    b.tick();
    b.put(Input::Store { writable: false, cause: "full".into() });
    jog(&mut b, c::PRESS, true);
    assert_eq!(refusal(&b), "the store cannot be written: full");
    assert!(
        !b.commands
            .iter()
            .any(|op| matches!(op, RtOp::Enable { .. } | RtOp::MoveTo { .. } | RtOp::MoveWhile { .. }))
    );
}

#[test]
fn stop_a_lost_safety_input_and_a_fault_end_it() {
    let mut b = in_manual();
    jog(&mut b, c::PRESS, true);
    held(&mut b, 50);
    b.command(CellCommand::Stop);
    assert!(matches!(b.answered.last(), Some((Answered::Command(CellCommand::Stop), Ok(())))));
    held(&mut b, 3);
    assert_eq!((status(&b).jog, b.engine.state()), (None, CellState::Stopped));
    b.command(CellCommand::Stop);
    assert!(b.answered.last().is_some_and(|(_, r)| r.is_err()), "nothing to stop any more");

    jog(&mut b, c::PRESS, true);
    held(&mut b, 50);
    b.refuse(c::ESTOP_OK);
    held(&mut b, 2);
    let rests = at(&b, c::PRESS);
    b.until(CellState::Aborted);
    assert_eq!(at(&b, c::PRESS), rests);
    assert!(taken_back(&status(&b)));
    assert!(status(&b).last.is_some_and(|l| l.ends_with("safety-input")));

    let mut b = in_manual();
    jog(&mut b, c::PRESS, true);
    held(&mut b, 50);
    b.put(Input::Store { writable: false, cause: "full".into() });
    held(&mut b, 3);
    assert_eq!(status(&b).jog, None);
    assert!(status(&b).last.is_some_and(|l| l.ends_with(": store")));
}

#[test]
fn the_end_of_the_mode_takes_everything_back_and_reset_waits_for_it() {
    let mut b = in_manual();
    by_hand(&mut b, ManualRequest::Output { output: c::VALVE, on: true });
    b.ticks(3);
    assert!(matches!(b.answered.last(), Some((Answered::Manual(_), Ok(())))));
    assert_eq!((b.rt.outputs & 1, status(&b).outputs), (1, 1));
    jog(&mut b, c::PRESS, true);
    held(&mut b, 50);
    mode(&mut b, CellMode::Production);
    b.command(CellCommand::Reset);
    assert!(b.answered.last().is_some_and(|(_, r)| r.is_err()), "not before it is taken back");
    b.ticks(10);
    assert_eq!(status(&b).jog, None);
    assert!(!b.rt.axes[0].enabled);
    assert_eq!(b.rt.outputs & 1, 0);
    b.command(CellCommand::Reset);
    b.until(CellState::Idle);
}

#[test]
fn drives_go_off_when_their_person_leaves_or_does_nothing() {
    let mut b = in_manual();
    jog(&mut b, c::PRESS, true);
    held(&mut b, 50);
    by_hand(&mut b, ManualRequest::Leave);
    b.ticks(5);
    assert_eq!((status(&b).jog, status(&b).enabled, b.rt.axes[0].enabled), (None, 0, false));
    jog(&mut b, c::PRESS, true);
    held(&mut b, 50);
    by_hand(&mut b, ManualRequest::Release);
    b.ticks(4_900);
    assert!(b.rt.axes[0].enabled, "a pause between two keys");
    b.ticks(200);
    assert!(!b.rt.axes[0].enabled);
    // A drive that was on before is not ours to switch off.
    b.rt.axes[1].enabled = true;
    jog(&mut b, c::TABLE, true);
    held(&mut b, 20);
    by_hand(&mut b, ManualRequest::Leave);
    b.ticks(6_000);
    assert!(b.rt.axes[1].enabled);
}

#[test]
fn outputs_of_the_panel_are_not_set_by_hand_and_grippers_answer() {
    let mut b = in_manual();
    by_hand(&mut b, ManualRequest::Output { output: c::LAMP, on: true });
    assert_eq!(refusal(&b), "the panel's lamps and buzzer show what the cell does");
    by_hand(&mut b, ManualRequest::Output { output: OutputId(40), on: true });
    assert_eq!(refusal(&b), "there is no such output");
    by_hand(&mut b, ManualRequest::Grip { robot: c::ROBOT, close: true });
    b.ticks(5);
    by_hand(&mut b, ManualRequest::Grip { robot: c::ROBOT, close: false });
    assert_eq!(refusal(&b), "a cobot has not answered yet");
    b.ticks(20);
    assert_eq!(b.robot_commands, [RobotCommand::Grip { close: true }]);
    let last = requests(&b).last().map(|(w, r)| (w.to_string(), r.is_ok()));
    assert_eq!(last, Some(("close the gripper of robot ended".to_string(), true)));
    by_hand(&mut b, ManualRequest::Grip { robot: RobotId(7), close: true });
    assert_eq!(refusal(&b), "there is no such cobot");
    b.robot_dead = true;
    by_hand(&mut b, ManualRequest::Grip { robot: c::ROBOT, close: false });
    b.ticks(2_100);
    let late = Err("the cobot did not answer in time".to_string());
    assert_eq!(requests(&b).last(), Some(&("open the gripper of robot ended", &late)));
}

#[test]
fn an_axis_that_does_not_come_to_rest_aborts() {
    let mut b = in_manual();
    jog(&mut b, c::PRESS, true);
    b.ticks(5);
    b.deaf = true;
    by_hand(&mut b, ManualRequest::Release);
    b.ticks(5_100);
    assert!(b.states().contains(&CellState::Aborting));
    assert!(b.alarms.iter().any(|a| a.code.word() == "no-rest"));
}

/// Something that happens.
#[derive(Debug, Clone)]
enum Event {
    Jog(u16, bool, f64),
    Hold(u64),
    Release,
    Leave,
    Ticks(u64),
    Output(u16, bool),
    Grip(bool),
    Mode(u8),
    Command(CellCommand),
    EStop(bool),
    Stale(bool),
    RobotAway(bool),
    Home,
    Store(bool),
}

fn event() -> impl Strategy<Value = Event> {
    use CellCommand::{Abort, Clear, Reset, Stop};
    prop_oneof![
        6 => (0u16..3, any::<bool>(), 0.1..1.2f64).prop_map(|(a, p, s)| Event::Jog(a, p, s)),
        6 => (1u64..900).prop_map(Event::Hold),
        3 => Just(Event::Release),
        1 => Just(Event::Leave),
        4 => (1u64..400).prop_map(Event::Ticks),
        1 => (0u16..3, any::<bool>()).prop_map(|(o, on)| Event::Output(o, on)),
        1 => any::<bool>().prop_map(Event::Grip),
        1 => (0u8..3).prop_map(Event::Mode),
        2 => Just(Event::Mode(2)),
        3 => prop::sample::select(vec![Abort, Clear, Reset, Stop]).prop_map(Event::Command),
        1 => Just(Event::EStop(false)),
        3 => Just(Event::EStop(true)),
        1 => Just(Event::Stale(true)),
        3 => Just(Event::Stale(false)),
        3 => Just(Event::RobotAway(true)),
        2 => Just(Event::RobotAway(false)),
        4 => Just(Event::Home),
        1 => Just(Event::Store(false)),
        3 => Just(Event::Store(true)),
    ]
}

/// A condition may have ended so many ms ago: the engine looks once a millisecond, the machine follows.
const GRACE_MS: u64 = 3;

/// What is looked at after every millisecond in Stopped.
#[derive(Default)]
struct Watch {
    before: [f64; 2],
    was_stopped: bool,
    renewed: u64,
    /// When a hand was last on a key that may move anything, the way of the table last free, the stations last.
    may: u64,
    table_free: u64,
    stations_free: u64,
    moved_ms: [u64; 2],
    robot_ms: u64,
}

fn out_of_the_way(press: f64) -> bool {
    (-1.0..=5.0).contains(&press)
}

impl Watch {
    fn look(&mut self, b: &Bench) {
        let home = b.robots[0].joints == [0.0; 6] && !b.robots[0].moving;
        let turns = at(b, c::TABLE) / 90.0;
        if b.engine.mode() == CellMode::Manual && b.rt.safety_ok && b.now <= self.renewed + 250 {
            self.may = b.now;
        }
        if home && out_of_the_way(at(b, c::PRESS)) {
            self.table_free = b.now;
        }
        if home && (turns - turns.round()).abs() * 90.0 <= 0.1 {
            self.stations_free = b.now;
        }
    }

    fn tick(&mut self, b: &mut Bench) -> Result<(), TestCaseError> {
        self.look(b);
        b.tick();
        let now = [at(b, c::PRESS), at(b, c::TABLE)];
        let stopped = b.engine.state() == CellState::Stopped;
        if stopped && self.was_stopped {
            self.moved(b, now)?;
        }
        (self.before, self.was_stopped) = (now, stopped);
        Ok(())
    }

    fn moved(&mut self, b: &Bench, now: [f64; 2]) -> Result<(), TestCaseError> {
        let moved: Vec<usize> = (0..2).filter(|i| now[*i] != self.before[*i]).collect();
        prop_assert!(moved.len() <= 1, "one axis at a time");
        let within = |since: u64| b.now <= since + GRACE_MS;
        if b.robots[0].moving {
            self.robot_ms += 1;
            prop_assert!(moved.is_empty(), "an axis while the cobot moves");
            prop_assert!(within(self.may), "nobody's hand on the cobot, mode {:?}", b.engine.mode());
        }
        for i in moved {
            self.moved_ms[i] += 1;
            prop_assert!((-5.0..=365.0).contains(&now[i]), "beyond the travel: {:?}", now);
            prop_assert!((now[i] - self.before[i]).abs() <= REDUCED_AU_S / 1_000.0 + 1e-9, "too fast");
            prop_assert!(b.rt.axes[i].enabled, "a drive that is off");
            prop_assert!(within(self.may), "nobody's hand, mode {:?}", b.engine.mode());
            prop_assert!(i == 0 || within(self.table_free), "the table under the press: {:?}", now);
            let outward = (now[0] - 2.0).abs() > (self.before[0] - 2.0).abs();
            let reaches = i == 0 && outward && !out_of_the_way(now[0]);
            prop_assert!(!reaches || within(self.stations_free), "the press into a turning table: {:?}", now);
        }
        Ok(())
    }
}

fn happen(b: &mut Bench, watch: &mut Watch, event: Event) -> Result<(), TestCaseError> {
    let mut ticks = 1;
    match event {
        Event::Jog(axis, positive, share) => {
            by_hand(b, ManualRequest::Jog { axis: AxisId(axis), positive, share });
            watch.renewed = b.now;
        }
        Event::Hold(ms) => {
            for i in 0..ms {
                if i % 40 == 0 {
                    by_hand(b, ManualRequest::Renew);
                    watch.renewed = b.now;
                }
                watch.tick(b)?;
            }
        }
        Event::Release => by_hand(b, ManualRequest::Release),
        Event::Leave => by_hand(b, ManualRequest::Leave),
        Event::Ticks(n) => ticks = n,
        Event::Output(output, on) => by_hand(b, ManualRequest::Output { output: OutputId(output), on }),
        Event::Grip(close) => by_hand(b, ManualRequest::Grip { robot: c::ROBOT, close }),
        Event::Mode(n) => mode(b, CellMode::ALL[usize::from(n)]),
        Event::Command(command) => b.command(command),
        Event::EStop(true) => b.allow(InputId(0)),
        Event::EStop(false) => b.refuse(InputId(0)),
        Event::Stale(stale) => b.stale = stale,
        Event::RobotAway(away) if !b.robots[0].moving => {
            b.robots[0].joints = [if away { 20.0 } else { 0.0 }; 6];
        }
        Event::RobotAway(_) => {}
        Event::Home => {
            by_hand(b, ManualRequest::Home { robot: c::ROBOT });
            watch.renewed = b.now;
        }
        Event::Store(writable) => b.put(Input::Store { writable, cause: "full".into() }),
    }
    for _ in 0..ticks {
        watch.tick(b)?;
    }
    Ok(())
}

/// Left alone, everything is taken back, and every jog that began has an end in the record.
fn left_alone(b: &mut Bench) -> Result<(), TestCaseError> {
    prop_assert_eq!(b.engine.program_errors(), 0);
    b.stale = false;
    b.allow(InputId(0));
    b.ticks(JOG_WINDOW.0 / 1_000_000 + 10);
    mode(b, CellMode::Production);
    b.ticks(50);
    prop_assert!(taken_back(&status(b)));
    let said = requests(b);
    let motions = said.iter().filter(|(what, _)| what.starts_with("jog") || what.starts_with("bring"));
    let (ends, begins): (Vec<_>, Vec<_>) = motions.partition(|(what, _)| what.contains(" ended"));
    prop_assert_eq!(begins.iter().filter(|(_, r)| r.is_ok()).count(), ends.len());
    Ok(())
}

/// The same sequences each time: the runner has a fixed seed.
#[test]
fn whatever_hands_do_the_limits_hold() {
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let (moved, robot) = (Cell::new([0; 2]), Cell::new(0));
    let result = runner.run(&prop::collection::vec(event(), 1..60), |events| {
        let (mut b, mut watch) = (in_manual(), Watch::default());
        for e in events {
            happen(&mut b, &mut watch, e)?;
        }
        moved.set([moved.get()[0] + watch.moved_ms[0], moved.get()[1] + watch.moved_ms[1]]);
        robot.set(robot.get() + watch.robot_ms);
        left_alone(&mut b)
    });
    result.unwrap_or_else(|e| panic!("{e}"));
    assert!(moved.get().iter().all(|ms| *ms > 10_000), "each axis was moved a lot: {moved:?} ms");
    assert!(robot.get() > 400, "and the cobot some: {robot:?} ms");
}
