//! Hold in the middle of everything that a cell does, in virtual time: how soon each axis decelerates and each
//! cobot is told to stop, that everything stands and goes on without a jump, and what becomes of the unit.
//!
//! A script lets units go through a recipe and holds whenever one of its moments has come. What decelerates is
//! seen in the setpoints, or, where torque is controlled, in what the drive was told below the wire; which steps
//! are finished first is what the recipe says. `-- --nocapture` shows the table.

mod bench;
mod moments;

use std::fmt::Write;

use bench::{Bench, Row};
use cellwright_model::event::StepEnded;
use cellwright_model::outcome::{StepOutcome, UnitResult, Verdict};
use cellwright_model::packml::CellState;
use cellwright_twin::plant::Injection;
use moments::{ALL, GATE, MORE, SUSPENDED, moments};

/// Every unit ends as without a hold, by the same measurements.
fn assert_as_undisturbed(held: &Bench, undisturbed: &Bench) {
    assert_eq!(held.results(), undisturbed.results());
    let (held, undisturbed) = (held.measured(), undisturbed.measured());
    assert!(held.len() >= 5 && held.keys().eq(undisturbed.keys()), "{held:?}, {undisturbed:?}");
    for (of, (value, width)) in &held {
        let (other, _) = undisturbed[of];
        assert!((value - other).abs() <= 0.05 * width, "{of:?}: {value}, without a hold {other}");
    }
}

fn print(title: &str, rows: &[Row]) {
    let mut table = format!(
        "{title}\nheld in | units | state | cycles to the first decelerating setpoint | Held after\n"
    );
    for row in rows {
        let _ = writeln!(table, "{row}");
    }
    println!("{table}");
}

const SEED: u64 = 7;
/// Its first unit leaks.
const LEAKY: u64 = 16;

/// A step that finishes first is held once in its course: the others in other courses.
const COURSES: [&[&str]; 3] = [
    &["press: in contact", "screw: seeks", "leak-test: stabilises"],
    &["press: dwell", "screw: tightens", "leak-test: tests"],
    &["press: retracts", "screw: holds torque", "leak-test: vents"],
];

#[test]
fn one_unit_held_in_everything_is_as_good_as_one_that_was_not() {
    let mut undisturbed = Bench::new(&[], 1, SEED);
    undisturbed.go_through(&[]);
    let later: Vec<&str> = COURSES.concat();
    let first = ALL.iter().filter(|m| !later.contains(&m.name)).collect();
    let courses = core::iter::once(first).chain(COURSES.iter().map(|names| moments(ALL, names)));
    let mut rows = Vec::new();
    for course in courses {
        let mut held = Bench::new(&[], 1, SEED);
        rows.extend(held.go_through(&course));
        assert_as_undisturbed(&held, &undisturbed);
    }
    print("the shipped recipe, one unit", &rows);
}

#[test]
fn four_units_in_flight_held_in_everything_are_as_good() {
    let mut undisturbed = Bench::new(&[], 10, SEED);
    undisturbed.go_through(&[]);
    let mut held = Bench::new(&[], 10, SEED);
    let rows = held.go_through(&ALL.iter().chain([&GATE]).collect::<Vec<_>>());
    print("the shipped recipe, up to four units in flight", &rows);
    assert_as_undisturbed(&held, &undisturbed);
}

#[test]
fn what_waits_moves_and_rests_between_attempts_is_held_too() {
    let more = "  - wait: { id: calm, until: air_ok, hold: 600 ms, timeout: 5 s }\n  \
                - move: { id: turn, axis: driver_1, to: 360 deg, velocity: 200 deg/s }\n  \
                - move: { id: park, station: close, robot: robot_r, pose: close.above }\n  \
                - pick-place: { id: place-cap";
    let words = [("  - pick-place: { id: place-cap", more)];
    let mut undisturbed = Bench::new(&words, 2, LEAKY);
    undisturbed.go_through(&[]);
    let mut held = Bench::new(&words, 2, LEAKY);
    let rows = held.go_through(&MORE.iter().collect::<Vec<_>>());
    print("waits, moves and a retry", &rows);
    assert_as_undisturbed(&held, &undisturbed);
}

#[test]
fn held_while_suspended_it_goes_on_when_the_cause_goes() {
    let mut b = Bench::new(&[], 2, SEED);
    b.until("the start", CellState::Execute);
    b.cell.inject(Injection::LaneEmpty(true));
    b.until("starved", CellState::Suspended);
    let row = b.hold(SUSPENDED);
    b.until("still starved", CellState::Suspended);
    b.cell.inject(Injection::LaneEmpty(false));
    b.until("supplied", CellState::Execute);
    b.go_through(&[]);
    print("starved", &[row]);
    assert!(b.results().values().all(|(result, _)| *result == UnitResult::Good), "{:?}", b.results());
}

const PRESS_STOPS: (&str, &str) = ("on_hold: finish", "on_hold: stop");
const SCREW_STOPS: (&str, &str) =
    ("screw:\n      id: seal-cap", "screw:\n      on_hold: stop\n      id: seal-cap");
const LEAK_STOPS: (&str, &str) =
    ("leak-test:\n      id: leak", "leak-test:\n      on_hold: stop\n      id: leak");
const STOPS: &[(&str, &str)] = &[PRESS_STOPS, SCREW_STOPS, LEAK_STOPS];

/// What stops by itself, told to finish first.
#[test]
fn any_step_may_be_finished_first() {
    let finish = |kind: &str, id: &str| {
        let head = |more: &str| format!("{kind}: {{ id: {id},{more}");
        (head(""), head(" on_hold: finish,"))
    };
    let words = [
        finish("pick-place", "place-hub"),
        finish("scan", "id-hub"),
        finish("feed", "push"),
        finish("inspect", "tip"),
        finish("confirm", "look"),
    ];
    let words: Vec<(&str, &str)> = words.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let mut undisturbed = Bench::new(&words, 1, SEED);
    undisturbed.go_through(&[]);
    let mut held = Bench::new(&words, 1, SEED);
    let names = [
        "feed: pushes",
        "scan: waits for the code",
        "table: turns",
        "inspect: waits for the camera",
        "confirm: waits for a person",
    ];
    let rows = held.go_through(&moments(ALL, &names));
    print("steps that finish first", &rows);
    assert_as_undisturbed(&held, &undisturbed);
}

/// Held before the part is touched, a step that stops goes on, and what it measures counts.
#[test]
fn a_step_that_stops_goes_on_where_nothing_is_spoilt() {
    let mut undisturbed = Bench::new(STOPS, 1, SEED);
    undisturbed.go_through(&[]);
    let mut held = Bench::new(STOPS, 1, SEED);
    let names = ["press: approach", "press: retracts", "screw: rundown", "screw: seeks", "leak-test: vents"];
    let rows = held.go_through(&moments(ALL, &names));
    print("steps that stop, where the part is not touched", &rows);
    assert_as_undisturbed(&held, &undisturbed);
}

fn assert_held(step: &StepEnded) {
    assert_eq!((step.outcome, step.cause.as_deref()), (StepOutcome::Faulted, Some("held")), "{step:?}");
    let counts = |v| v != Verdict::Invalid;
    assert!(!step.measurements.iter().any(|m| counts(m.verdict)), "{step:?}");
}

/// In the middle of what may not be broken, an irreversible step is over: the unit is not good, and the
/// record says by what.
#[test]
fn a_step_that_stops_where_it_is_spoilt_does_not_count() {
    let mut rows = Vec::new();
    for (step, names) in [
        ("press-cannula", &["press: in contact", "press: dwell"][..]),
        ("seal-cap", &["screw: tightens", "screw: holds torque"][..]),
    ] {
        for moment in moments(ALL, names) {
            let mut held = Bench::new(STOPS, 1, SEED);
            rows.extend(held.go_through(&[moment]));
            let of = held.of(step);
            assert_eq!(of.len(), 1, "{of:?}");
            assert_held(of[0]);
            let results: Vec<_> = held.results().into_values().collect();
            assert_eq!(results, [(UnitResult::Ng, Some(format!("{step}/held")))]);
        }
    }
    print("steps that stop, where the part is spent", &rows);
}

/// A leak test is repeated as often as it is held, and a leak is found all the same.
#[test]
fn a_leak_test_that_was_held_is_repeated() {
    let names = ["leak-test: fills", "leak-test: stabilises", "leak-test: tests"];
    for seed in [SEED, LEAKY] {
        let mut undisturbed = Bench::new(STOPS, 1, seed);
        undisturbed.go_through(&[]);
        let mut held = Bench::new(STOPS, 1, seed);
        let rows = held.go_through(&moments(ALL, &names));
        print("a leak test that stops", &rows);
        let (held_of, of) = (held.of("leak"), undisturbed.of("leak"));
        held_of[..3].iter().for_each(|step| assert_held(step));
        assert_eq!(
            held_of[3..].iter().map(|s| s.outcome).collect::<Vec<_>>(),
            of.iter().map(|s| s.outcome).collect::<Vec<_>>()
        );
        assert_eq!(held.results(), undisturbed.results());
        let expected = if seed == LEAKY { UnitResult::Ng } else { UnitResult::Good };
        assert!(held.results().values().all(|(result, _)| *result == expected), "{:?}", held.results());
    }
}
