//! Several mistakes in one step: each is told at its place in one run, and nothing that follows from another one is.

#[path = "../../recipe/tests/common/mod.rs"]
mod common;

use cellwright_recipe::{Sources, compile};
use cellwright_steps::TABLE;
use common::{Files, cell, marked, places, repository, rows};

const RECIPE: &str = "recipes/cannula-hub/cannula-hub.recipe.yaml";

/// Changes of the recipe, `«` at each mistake; and what is told, in the order of the marks.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

/// Why a case does not hold.
fn broken((changes, codes): &Case<'_>) -> Result<(), String> {
    let mut text = repository(RECIPE);
    for (from, to) in *changes {
        if text.matches(from).count() != 1 {
            return Err(format!("`{from}` stands {} times", text.matches(from).count()));
        }
        text = text.replacen(from, to, 1);
    }
    let (text, marks) = marked(&text);
    let mut sources = Sources::default();
    let list = match compile(&Files::with(RECIPE, text), RECIPE, &cell(), None, TABLE, &mut sources) {
        Ok((_, warnings)) => warnings,
        Err(list) => list,
    };
    let expected: Vec<_> = codes.iter().zip(&marks).map(|(code, at)| format!("{code} {at}")).collect();
    if codes.len() == marks.len() && places(&list, &sources) == expected {
        return Ok(());
    }
    Err(format!("{changes:?}\n  expected {expected:?}\n  found {}", rows(&list, &sources).join("\n        ")))
}

fn all(cases: &[Case<'_>]) {
    let failed: Vec<_> = cases.iter().filter_map(|case| broken(case).err()).collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

const WINDOW: &str = "- { depth: 10.0 .. 12.0 mm, force: 20 .. 140 N }";
const SEAT: &str = "seat_force: { of: force.at_end, limits: $seat_force,";

#[test]
fn in_a_press() {
    all(&[
        // An axis, a sensor, that is not there: positions, speeds and forces are looked at all the same.
        (
            &[("axis: press_z", "axis: «pres_z"), ("velocity: 60 mm/s", "velocity: «260 mm/s")],
            &["R0302", "R0703"],
        ),
        (
            &[
                ("axis: press_z", "axis: «driver_1"),
                ("to: 38.0 mm", "to: «38.0 N"),
                ("dwell: 200 ms", "dwell: «200"),
            ],
            &["R0706", "R0203", "R0201"],
        ),
        (
            &[("force: load_cell", "force: «torque_1"), ("max_force: 180 N", "max_force: «580 N")],
            &["R0203", "R0704"],
        ),
        (
            &[
                ("force: load_cell", "force: «load_cel"),
                (WINDOW, "- { depth: 10 .. 12 mm, force: «20 .. 640 N }"),
            ],
            &["R0305", "R0807"],
        ),
        // One group of fields does not hide another one, nor the windows, nor what is measured.
        (
            &[
                ("zero: { within: 2 N }", "zero: { within: «2 mm }"),
                ("between: 39.0 .. 41.5 mm", "between: «37.0 .. 41.5 mm"),
                (SEAT, "seat_force: { of: «force.at_and, limits: $seat_force,"),
            ],
            &["R0203", "R0711", "R0319"],
        ),
        (
            &[
                ("until: { depth: $seat_depth }", "until: { «dept: $seat_depth }"),
                ("max_force: 180 N", "max_force: «18 s"),
                (
                    "spc: true }\n      on_fail: reject                      #",
                    "spc: «maybe }\n      on_fail: reject #",
                ),
            ],
            &["R0101", "R0203", "R0105"],
        ),
        (
            &[
                ("to: 38.0 mm", "to: «63 mm"),
                ("until: { depth: $seat_depth }", "until: «{ position: 50 mm, depth: $seat_depth }"),
                (WINDOW, "- { depth: «12.0 .. 10.0 mm, force: 20 .. 140 N }"),
            ],
            &["R0702", "R0711", "R0206"],
        ),
        // What every step may have.
        (
            &[
                ("zero: { within: 2 N }", "zero: { within: «2 mm }"),
                ("on_hold: finish", "after_restart: «redo"),
            ],
            &["R0203", "R0820"],
        ),
        // A step with a mistake still measures: whoever asks for that is not wrong.
        (
            &[
                ("zero: { within: 2 N }", "zero: { within: «2 mm }"),
                (
                    "check: nest_cap_present }",
                    "check: nest_cap_present, when: press-cannula.seat_force > 90 N }",
                ),
            ],
            &["R0203"],
        ),
    ]);
}

#[test]
fn in_a_screw() {
    all(&[
        (
            &[
                ("axis: driver_1", "axis: «driver_9"),
                ("speed: 300 rpm", "speed: «3000 rpm"),
                ("target: 0.35 N·m", "target: «0.35 N"),
            ],
            &["R0302", "R0703", "R0203"],
        ),
        (
            &[
                ("torque_sensor: torque_1", "torque_sensor: «torque_2"),
                ("target: 0.35 N·m", "target: «1.35 N·m"),
                ("limits: 15 .. 60 deg", "limits: «60 .. 15 deg"),
            ],
            &["R0305", "R0704", "R0206"],
        ),
        (
            &[
                ("angle: 540 .. 720 deg }", "angle: «540 deg }"),
                ("snug: 0.10 N·m", "snug: «0.10"),
                ("torque: { limits: 0.32", "«torqe: { limits: 0.32"),
            ],
            &["R0205", "R0201", "R0319"],
        ),
        (
            &[
                (
                    "rundown: { speed: 300 rpm, angle",
                    "rundown: { speed: «300 mm/s, seek_speed: «2000 rpm, angle",
                ),
                ("hold: 100 ms }", "hold: 100 ms, «holt: 3 s }"),
            ],
            &["R0203", "R0703", "R0101"],
        ),
    ]);
}

#[test]
fn in_a_leak_test() {
    all(&[
        (
            &[
                ("channel: leak_1", "channel: «leak_7"),
                ("fill: { pressure: 50 kPa", "fill: { pressure: «90 kPa"),
                ("limits: -2 .. 12 Pa/s", "limits: «-2 .. 12 Pa"),
            ],
            &["R0315", "R0704", "R0203"],
        ),
        (
            &[
                ("      stabilise: 1 s", "      stabilise: «0 s"),
                ("      test: 2 s", "      test: «2 mm"),
                ("decay: { limits", "«decai: { limits"),
            ],
            &["R0207", "R0203", "R0319"],
        ),
        (
            &[
                ("within: 2 kPa, time: 1 s", "within: «2, time: «1"),
                ("{ retry: 1, after: 10 s,", "{ retry: 1, after: «10,"),
            ],
            &["R0201", "R0201", "R0201"],
        ),
    ]);
}

#[test]
fn in_steps_of_cobots_and_people() {
    all(&[
        (
            &[(
                "robot: robot_r, from: cap_tray.next, to: nest, check: nest_cap_present }",
                "robot: «robot_x, speed: «140 %, from: «cup_tray.next, to: nest, component: «cup, check: nest_cap_present }",
            )],
            &["R0307", "R0112", "R0310", "R0312"],
        ),
        (
            &[(
                "robot: robot_r, from: nest, to: good_tray.next, check: good_pocket_filled }",
                "robot: «robot_x, from: «nst, to: «good_tray, check: «good_pocket }",
            )],
            &["R0307", "R0105", "R0105", "R0303"],
        ),
        (
            &[(
                "prompt: No visible damage, answers: [ok, ng, cannot-judge] }",
                "prompt: «\"\", answers: [ok, «a b, ng], timeout: «5 }",
            )],
            &["R0113", "R0106", "R0201"],
        ),
        (
            &[(
                "  - confirm: {",
                "  - by-hand: { id: fetch, station: «tset, from: «cup_tray.next, to: nest, component: «cup, check: «x }\n  - confirm: {",
            )],
            &["R0306", "R0310", "R0312", "R0303"],
        ),
    ]);
}

#[test]
fn in_devices_and_moves() {
    all(&[
        (
            &[(
                "camera: cam_1, job: cannula-tip@4, measure: { burr: { limits: 0 .. 25 um,",
                "camera: «cam_2, job: «cannula-tip@5, measure: { burr: { limits: «0 .. 25 deg,",
            )],
            &["R0308", "R0314", "R0203"],
        ),
        (
            &[(
                "job: cannula-tip@4, measure: { burr: { limits: 0 .. 25 um,",
                "job: «tip, measure: { burr: { limits: «25 .. 0 um, spc: «maybe,",
            )],
            &["R0111", "R0206", "R0105"],
        ),
        (
            &[(
                "  - confirm: {",
                "  - label: { id: l, station: test, printer: «label_9, at: «nst, scanner: «scan_9 }\n  - confirm: {",
            )],
            &["R0321", "R0105", "R0309"],
        ),
        (
            &[(
                "at: nest, timeout: 5 s, on_fail: reject }",
                "at: «nst, scanner: «scan_9, timeout: «5, on_fail: reject }",
            )],
            &["R0105", "R0309", "R0201"],
        ),
        (
            &[(
                "  - confirm: {",
                "  - move: { id: up, station: test, axis: «pres_z, to: «5 N, velocity: «5 mm }\n  - confirm: {",
            )],
            &["R0302", "R0203", "R0203"],
        ),
        (
            &[(
                "  - confirm: {",
                "  - move: { id: up, «robto: robot_r, pose: home, speed: «140 % }\n  - confirm: {",
            )],
            &["R0101", "R0112"],
        ),
        (
            &[(
                "  - confirm: {",
                "  - measure: { id: m, station: test, sensor: «leak_9, settle: «5, over: «0 s, measure: { «men: { limits: «5 .. 1 Pa, spec: DS-0142/6 } } }\n  - confirm: {",
            )],
            &["R0305", "R0201", "R0207", "R0319", "R0206"],
        ),
        (
            &[(
                "  - confirm: {",
                "  - wait: { id: w, until: «air, hold: «5, timeout: «5 mm }\n  - check: { id: c, that: «air, on_fail: «rejct }\n  - set: { id: s, output: «lamp, to: «on-ish }\n  - confirm: {",
            )],
            &["R0303", "R0201", "R0203", "R0303", "R0105", "R0304", "R0105"],
        ),
    ]);
}

#[test]
fn around_and_in_the_file() {
    all(&[
        // What becomes of the unit is looked at, too, where the mistake does not hide it.
        (
            &[
                ("zero: { within: 2 N }", "zero: { within: «2 mm }"),
                (
                    "  - unload: { id: to-tray, station: test, robot: robot_r, from: nest, to: good_tray.next, check: good_pocket_filled }\n",
                    "",
                ),
                ("  - confirm: { id: look", "  - «confirm: { id: look"),
            ],
            &["R0203", "R0812"],
        ),
        (
            &[
                ("cap:     { part: CAP-07, identify: per-lot", "«cap: { part: CAP-07, identify: per-unit"),
                ("      stabilise: 1 s", "      stabilise: «1"),
            ],
            &["R0804", "R0201"],
        ),
        // A component that cannot be read, a part that is refused: nobody calls its source wrong.
        (&[("part: HUB-23", "part: «*hub")], &["R0007"]),
        (&[("identify: per-lot, source: cap_tray", "identify: per-lot, source: «cap_tary")], &["R0310"]),
        (&[("components:\n", "«componets:\n")], &["R0101"]),
        (
            &[
                ("  - parallel:\n      id: load\n", "  - parallel:\n      «di: load\n"),
                ("check: bin_drop", "check: «bin_drp"),
            ],
            &["R0101", "R0303"],
        ),
        // A step of an unknown kind may be the one that is missing.
        (&[("  - unload: { id: to-tray", "  - «unlod: { id: to-tray")], &["R0313"]),
        // Where the unit is, is not known behind a station that is not there.
        (
            &[
                ("  - inspect: { id: tip, station: test", "  - inspect: { id: tip, station: «tset"),
                ("  - confirm: {", "  - scan: { id: again, component: hub, at: nest }\n  - confirm: {"),
            ],
            &["R0306"],
        ),
    ]);
}
