//! Fault plans: what is read, and what is refused, each mistake at its place.

mod common;

use cellwright_model::DurationNs;
use cellwright_model::faults::{
    Counted, Fault, FaultEntry, FaultMoment, FaultPlan, Lasts, ReactionClass, Way,
};
use cellwright_recipe::{Sources, load_faults};
use common::{Files, cell, rows};

const PATH: &str = "x.faults.yaml";
const HEAD: &str = "faults: 1\nabout: a test\nseed: 7\n";

fn read(text: &str) -> Result<FaultPlan, Vec<String>> {
    let mut sources = Sources::default();
    load_faults(&Files::with(PATH, text), PATH, &cell(), &mut sources).map_err(|list| rows(&list, &sources))
}

fn entry(text: &str) -> Result<FaultEntry, Vec<String>> {
    read(&format!("{HEAD}plan:\n  - {{ {text} }}\n")).map(|plan| plan.entries[0])
}

#[test]
fn a_plan_says_when_how_long_what_and_what_must_follow() {
    let text = format!(
        "{HEAD}plan:\n  - {{ at: {{ axis: press_z, above: 20 mm }}, wait: 3 ms, cycles: 5, drop: {{ share: 50 %, way: back }} }}\n\
         expect: {{ class: abort, alarm: stale-input, within: 23, counted: [lost-frames] }}\n"
    );
    let plan = read(&text).expect("a right plan");
    let press = cell().axes.iter().position(|a| a.name == "press_z").expect("an axis") as u16;
    let entry = FaultEntry {
        at: FaultMoment::Above(cellwright_model::AxisId(press), 20.0),
        wait: DurationNs::from_millis(3),
        // The embedded cell's cycle is 1 ms.
        lasts: Lasts::Time(DurationNs::from_millis(5)),
        fault: Fault::Drop { share: 0.5, way: Way::Back },
    };
    assert_eq!((plan.seed, &plan.entries[..]), (7, &[entry][..]));
    let expected = plan.expected.expect("an expectation");
    assert_eq!((expected.class, expected.within_cycles), (ReactionClass::Abort, 23));
    assert_eq!(
        (expected.alarm.as_deref(), &expected.counted[..]),
        (Some("stale-input"), &[Counted::LostFrames][..])
    );
}

#[test]
fn every_kind_of_fault_can_be_written() {
    for text in [
        "drop: { way: there }",
        "late: { by: 1.5 ms }",
        "late: { cycles: 1.2, share: 10 % }",
        "duplicate: {}",
        "bad_fcs: { before: drive_2 }",
        "damage: { way: back }",
        "for: 2 s, stall: { way: back }",
        "mute: { device: ai_1 }",
        "power: { device: coupler }",
        "watchdog: { device: drive_1 }",
        "link: { device: ai_1, port: 1 }",
        "clock: { device: drive_2, jump: -250 us, drift: 100 ppm }",
        "input: { signal: guard_ok, level: false }",
        "wire_break: { analog: load_cell }",
        "drive_fault: { axis: press_z, code: 0x3220 }",
        "emergency: { axis: press_z, code: 0x3220 }",
        "load: { axis: press_z, effort: 3 kN }",
        "load: { axis: table, effort: 3 N·m }",
        "encoder: { axis: table, by: 5 deg }",
    ] {
        entry(&format!("at: operational, {text}")).unwrap_or_else(|rows| panic!("{text}: {rows:?}"));
    }
}

#[test]
fn each_mistake_is_told() {
    for (text, code) in [
        ("drop: { way: back }", "R0102"),
        ("at: tomorrow, drop: { way: back }", "R0105"),
        ("at: { axis: press_y, above: 2 mm }, drop: { way: back }", "R0302"),
        ("at: { axis: press_z, above: 2 deg }, drop: { way: back }", "R0203"),
        ("at: { axis: press_z }, drop: { way: back }", "R0103"),
        ("at: operational", "R0103"),
        ("at: operational, mute: { device: ai_1 }, power: { device: ai_1 }", "R0103"),
        ("at: operational, drop: { way: sideways }", "R0105"),
        ("at: operational, drop: { way: back, share: 120 % }", "R0112"),
        ("at: operational, for: 1 s, frames: 2, drop: { way: back }", "R0103"),
        ("at: operational, frames: 2, power: { device: ai_1 }", "R0103"),
        ("at: operational, stall: { way: back }", "R0103"),
        ("at: operational, for: 1 h, stall: { way: back }", "R0103"),
        ("at: operational, power: { device: ai_9 }", "R0316"),
        ("at: operational, link: { device: ai_1, port: 4 }", "R0112"),
        ("at: operational, clock: { device: ai_1, drift: 1 % }", "R0112"),
        ("at: operational, drive_fault: { axis: press_z, code: 0x10000 }", "R0112"),
        ("at: operational, input: { signal: guard_okay, level: false }", "R0303"),
    ] {
        let rows = entry(text).expect_err(text);
        assert!(rows.iter().any(|r| r.contains(code)), "{text}: {rows:?}, not {code}");
    }
}
