//! Files in which every table stands at least once: those that are shipped, with what they leave out put in.

use std::collections::BTreeMap;
use std::sync::Arc;

use cellwright_model::cell::Cell;
use cellwright_recipe::scenario_text::{Machine, Setup};
use cellwright_recipe::{
    Diagnostic, FileKind, Sources, compile, load_cell, load_faults, load_order, load_plant, load_quarantine,
    load_scenario, load_tests, load_users,
};
use cellwright_steps::TABLE;

use crate::common::{CELL, Files, once, repository};

/// So many mappings of a table are probed: trays are of four kinds.
pub(crate) const MAPPINGS: usize = 6;
/// So many values of a field.
pub(crate) const VALUES: usize = 2;

const RECIPE: &str = "recipes/cannula-hub/cannula-hub.recipe.yaml";
const FEED: &str = "recipes/cannula-hub/feed-cannula.recipe.yaml";
const QUICK: &str = "hil-tests/scenarios/quick.recipe.yaml";
const TAUGHT: &str = "cells/cannula-cell/taught.yaml";
const PLANT: &str = "cells/cannula-cell/plant.yaml";
const ORDER: &str = "recipes/cannula-hub/demo.order.yaml";
const OTHER: &str = "other.yaml";

pub(crate) struct Example {
    pub(crate) name: &'static str,
    pub(crate) kind: FileKind,
    pub(crate) text: String,
    /// Its place among the files that are read for it.
    pub(crate) file: u32,
}

fn example(name: &'static str, kind: FileKind, text: String) -> Example {
    let file = u32::from(matches!(kind, FileKind::Operation | FileKind::Taught));
    Example { name, kind, text, file }
}

/// A shipped file with pieces of it replaced, each of which stands there once.
fn changed(path: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(repository(path), |text, (from, to)| once(&text, from, to))
}

pub(crate) fn examples() -> Vec<Example> {
    vec![
        example("recipe", FileKind::Recipe, recipe()),
        example("quick recipe", FileKind::Recipe, quick()),
        example("recipe by hand", FileKind::Recipe, by_hand()),
        example("operation", FileKind::Operation, repository(FEED)),
        example("cell", FileKind::Cell, cell_text()),
        example("taught", FileKind::Taught, TAUGHT_TEXT.to_owned()),
        example("plant", FileKind::Plant, plant()),
        example("order", FileKind::Order, order()),
        example("users", FileKind::Users, USERS_TEXT.replace("KEY", &"8f4c".repeat(16))),
        example("quarantine", FileKind::Quarantine, QUARANTINE_TEXT.to_owned()),
        example("faults", FileKind::Faults, FAULTS_TEXT.to_owned()),
        example("tolerated", FileKind::Faults, TOLERATED_TEXT.to_owned()),
        example("tests", FileKind::Test, TEST_TEXT.to_owned()),
        example("scenario", FileKind::Scenario, SCENARIO_TEXT.to_owned()),
    ]
}

fn order() -> String {
    let sets = "sets: [{ serials: [IS0417-0002], params: { seat_depth: 12.38 mm } }]\n";
    let text = changed(ORDER, &[("quantity: 4 ", "variant: 25g\nquantity: 4 ")]);
    format!("{text}{sets}")
}

fn recipe() -> String {
    let steps = "  - wait: { id: w, station: test, until: air_ok, hold: 100 ms, timeout: 5 s, when: air_ok, on_hold: stop, after_restart: redo }
  - check: { id: c, station: test, that: air_ok, on_fault: { retry: 1, after: 1 s, then: ask } }
  - set: { id: s, station: test, check: air_ok, output: spare_lamp, to: true }
  - measure: { id: m, station: test, check: air_ok, sensor: leak_1, settle: 1 s, over: 1 s, measure: { x: { of: mean, \
                 limits: 0 .. 10 Pa, warn: 1 .. 9 Pa, spec: DS-0142/6, spc: true } } }
  - move: { id: up, check: air_ok, axis: press_z, to: 0 mm, velocity: 60 mm/s, on_fault: reject }
  - move: { id: park, robot: robot_r, pose: home, speed: 50 %, timeout: 20 s }
  - label: { id: mark, station: test, printer: label_1, scanner: scan_2, at: nest, on_fail: reject }
  - repeat: { id: again, at_most: 3, until: air_ok, steps: [{ wait: { id: w2, until: air_ok, timeout: 1 s } }] }
  - unload: { id: to-tray";
    changed(
        RECIPE,
        &[
            ("  - unload: { id: to-tray", steps),
            ("answers: [ok, ng, cannot-judge]", "answers: [ok, ng, cannot-judge], pass: [ok]"),
            (
                "rundown: { speed: 300 rpm,",
                "rundown: { engage: { speed: 60 rpm, angle: 90 deg }, speed: 300 rpm, seek_speed: 60 rpm,",
            ),
            ("max_force: 180 N,", "max_force: 180 N, stiffness: 60 N/mm,"),
            ("      test: 2 s\n", "      test: 2 s\n      recovery: 10 s\n"),
            ("- { depth: 10.0 .. 12.0 mm, force: 20 .. 140 N }", WINDOWS),
            ("hold: 100 ms }", "hold: 100 ms, time: 300 ms, max_angle: 180 deg }"),
            (
                "burr: { limits: 0 .. 25 um,",
                "burr: { of: burr, limits: 0 .. 25 um, warn: 1 .. 20 um, spc: true,",
            ),
            ("robot: robot_l, from", "robot: robot_l, speed: 90 %, component: hub, from"),
            ("component: hub, at: nest", "component: hub, scanner: scan_1, station: load, at: nest"),
            ("cannula-tip@4,", "cannula-tip@4, check: air_ok,"),
            ("decay: { limits", "decay: { of: pressure.decay, warn: -1 .. 10 Pa/s, limits"),
        ],
    )
}

fn by_hand() -> String {
    let by_robot = "pick-place: { id: place-cap, station: close, robot: robot_r, from: cap_tray.next, to: nest, check: \
                    nest_cap_present }";
    let by_hand = "by-hand: { id: place-cap, station: close, from: cap_tray.next, to: nest, component: cap, prompt: Put it \
                   on, check: nest_cap_present }";
    changed(RECIPE, &[(by_robot, by_hand)])
}

const WINDOWS: &str = "- { depth: 10.0 .. 12.0 mm, force: 20 .. 140 N }
        - pass-through: { depth: 4 .. 6 mm, force: 5 .. 80 N }
        - no-pass: { position: 42 .. 48 mm, force: 150 .. 400 N }
        - threshold: { depth: 2 .. 11 mm, force: 40 N }
        - envelope: [{ depth: 1 mm, force: 0 .. 60 N }, { depth: 12 mm, force: 30 .. 150 N }]
        - threshold: { position: 42 .. 51 mm, force: 40 N }
        - envelope: [{ position: 42 mm, force: 0 .. 60 N }, { position: 52 mm, force: 30 .. 150 N }]
        - pass-through: { position: 44 .. 46 mm, force: 5 .. 80 N }";

fn quick() -> String {
    changed(
        QUICK,
        &[
            ("until: { depth: 12.40 mm }", "until: { position: 53 mm }"),
            ("{ depth: 10.0 .. 12.0 mm,", "{ position: 50.0 .. 52.0 mm,"),
            ("from: lane_2, to", "from: lane_2, component: cannula, to"),
        ],
    )
}

fn cell_text() -> String {
    let drive = "serial: 2004, after: { device: drive_3, port: 1 }, pdos: { rx: { 0x1701: [0x6040/16, 0x607A:00/32] }, tx: { \
                 0x1B01: [0x603F/16, gap/8, gap/8, 0x6041/16, 0x6064/32] }, fixed: mapping }, start_up: [{ index: 0x605A, \
                 sub: 0, value: -2, type: i16 }] }";
    let feeder = "home: 0 mm\n    reference: { homing: 17, found: -1.5 mm, switch_speed: 20 mm/s, zero_speed: 2 mm/s, \
                  acceleration: 500 mm/s², timeout: 30 s }\n  press_z:";
    changed(
        CELL,
        &[
            ("serial: 2004 }", drive),
            ("home: 0 mm\n  press_z:", feeder),
            ("home: 0 mm\n  driver_1:", "home: 0 mm\n    reference: absolute\n  driver_1:"),
            ("  buttons:", "  lights: { held: { green: dark, amber: blinking, red: steady } }\n  buttons:"),
            ("scale: 0.02 N, ", "scale: 0.02 N, offset: 0 N, "),
            ("    poses:\n      home:       [0", "    touch_up: 1\n    poses:\n      home:       [0"),
            ("      watchdog: 150 ms                         # silent", ROS2_TEXT),
            ("signals:\n", "signals: # of everything\n"),
            ("  analogs:\n", "    spare_lamp: { device: do_1, bit: 7, off_state: false }\n  analogs:\n"),
        ],
    )
}

/// What the shipped cell leaves out of `ros2:`.
const ROS2_TEXT: &str = "      action: joint_trajectory_controller/follow_joint_trajectory
      joint_states: joint_states
      joint_states_qos: reliable
      rest: { speed: 0.5 deg/s, during: 100 ms }
      point_period: 25 ms
      target_tolerance: 0.5 deg
      loads: [{ service: set_payload, message: ur_msgs/srv/SetPayload, grip: '{\"mass\": 0.2}', release: '{\"mass\": 0.0}', accepted: success }]
      acknowledge_timeout: 500 ms
      result_grace: 1 s
      watchdog: 150 ms                         # silent";

fn plant() -> String {
    let more =
        "stops: -5 .. 130 mm, limit_switches: -4 .. 129 mm, index: 5 mm, index_at: 1 mm, brake: 1 N·m }";
    changed(PLANT, &[("stops: -5 .. 130 mm }", more)])
}

const TAUGHT_TEXT: &str = "taught: 1
cell: cannula-cell
robots:
  robot_r: { offset: [0, 0, 0.1, 0, 0, 0], poses: { test: [-10, -58, 94.2, -126, -90, -10] } }
";

const USERS_TEXT: &str = "users: 1
persons:
  anna: { name: Anna Berg, key: KEY, roles: [author], trained_until: 2027-12-31 }
";

const QUARANTINE_TEXT: &str = "quarantine: 1
lots:
  - { lot: H24-1187, part: HUB-23, reason: \"NC-2024-017: cracked bores\" }
";

const FAULTS_TEXT: &str = "faults: 1
about: One of each.
seed: 1
plan:
  - { at: power-on, wait: 1 ms, for: 1 s, drop: { way: back, share: 10 % } }
  - { at: operational, cycles: 20, late: { cycles: 1.2, share: 10 % } }
  - { at: operational, frames: 5, late: { by: 1 ms } }
  - { at: { axis: press_z, above: 20 mm }, duplicate: { share: 5 % } }
  - { at: { axis: press_z, below: 20 mm }, bad_fcs: { before: drive_2, share: 1 % } }
  - { at: { axis: driver_1, is: torque }, damage: { way: there } }
  - { at: operational, for: 1 s, stall: { way: back } }
  - { at: operational, mute: { device: drive_2 } }
  - { at: operational, power: { device: drive_2 } }
  - { at: operational, watchdog: { device: drive_2 } }
  - { at: operational, link: { device: ai_1, port: 1 } }
  - { at: operational, clock: { device: drive_2, jump: 250 us, drift: 100 ppm } }
  - { at: operational, input: { signal: guard_ok, level: false } }
  - { at: operational, wire_break: { analog: load_cell } }
  - { at: operational, drive_fault: { axis: press_z, code: 0x3220 } }
  - { at: operational, emergency: { axis: press_z, code: 0x3220 } }
  - { at: operational, load: { axis: press_z, effort: 3 kN } }
  - { at: operational, encoder: { axis: feeder_x, by: 5 mm } }
expect: { class: abort, alarm: drive, within: 5, counted: [lost-frames] }
";

const TOLERATED_TEXT: &str = "faults: 1
about: Nothing comes of it.
seed: 1
plan: [{ at: operational, frames: 1, drop: { way: there } }]
expect: { class: tolerated }
";

const TEST_TEXT: &str = "test: 1
about: One of each.
recipe: recipes/cannula-hub/cannula-hub.recipe.yaml
cell: cells/cannula-cell
tests:
  - id: each
    about: Everything that a test may say.
    variant: 25g
    given:
      units: 2
      seed: 7
      operator: automatic
      grips_missed: 0 %
      parts: { hub: [good, hub_oversize], cannula: good }
      answers: { look: ng }
      material:
        - { tray: hub_tray, typed: { part: HUB-23, lot: H24-1187, expiry: 2029-05-31, quantity: 5 }, next: 5, left: 3 }
        - { tray: cap_tray, scanned: CAP-07 }
        - { tray: lane_2, empty: true }
    when:
      - { at: { cycle: 5 }, within: 10 s, do: [{ wait: 1 s }], decelerates_within: 2 }
      - { at: { time: 5 s }, do: [{ command: hold }, { answer: ok }, { acknowledge: all }, { order: 2 }] }
      - { at: { state: Held }, do: [{ load: { tray: lane_2, empty: true } }, { store: works }, { controller: killed }] }
      - { at: { step: feed/push, phase: running }, do: [{ estop: pressed }, { guard: open }, { air: lost }, { lane: empty }] }
      - { at: { ended: leak }, do: [{ input: { name: guard_ok, level: free } }, { axis: { name: press_z, jammed: true } }] }
      - { at: { alarm: drive }, do: [{ analog: { name: leak_1, offset: 1 Pa } }, { hand: takes-out }] }
      - at: { question: decision }
        do:
          - { grip_missed: { robot: robot_r, grips: 2 } }
          - { part_lost: robot_r }
          - { protective_stop: { robot: robot_r, active: true } }
          - { printer: { name: label_1, state: paper-out } }
          - { supply: { device: drive_1, up: false } }
          - { replace: { device: drive_1, serial: 7 } }
          - { link: { device: coupler, port: 1, up: false } }
          - { fault: { wait: 1 ms, for: 1 s, drop: { way: back } } }
          - { fault: { cycles: 3, late: { by: 1 ms } } }
          - { fault: { frames: 3, drop: { way: back } } }
    expect:
      state: Aborted
      within: 60 s
      alarms: [{ code: drive, first_out: true, place: press_z }]
      units: { good: 1, ng: 1, interrupted: 1 }
      path: [feed/push, { step: leak, outcome: failed, cause: limit }]
      steps: [to-bin]
      measurements: { leak.decay: { attempt: 2, verdict: fail, within: 30 .. 90 Pa/s } }
      parts: { good_tray/0: unit, robot_l: empty }
      counts: { good_tray: 1 }
  - { id: least, about: Nothing is left out that has to be there., expect: { units: { good: 1 } } }
";

const SCENARIO_TEXT: &str = "scenario: 1
about: One of each.
given:
  cell: cannula-cell
  recipe: recipes/cannula-hub/cannula-hub.recipe.yaml
  units: 1
  seed: 7
  operator: scripted
  grips_missed: 1 %
  parts: { hub: good }
  answers: { look: ok }
  material: [{ tray: lane_2, empty: true }]
when: [{ at: now, do: [{ command: start }] }]
expect: { units: { good: 1 } }
";

/// Alarms that the examples name.
const ALARMS: &[&str] = &["drive"];

/// The cell of the examples.
fn cell() -> Cell {
    let files = Files::with(CELL, cell_text());
    load_cell(&files, CELL, None, &mut Sources::default()).expect("the cell of the examples holds").0
}

/// The shipped machine, once for each recipe and row: a test is read thousands of times.
fn setup(recipe: &str, variant: Option<&str>, sources: &mut Sources) -> Result<Setup, Vec<Diagnostic>> {
    use std::sync::Mutex;
    type Machines = BTreeMap<(String, Option<String>), Setup>;
    static MACHINES: Mutex<Machines> = Mutex::new(BTreeMap::new());
    let key = (recipe.to_owned(), variant.map(str::to_owned));
    let mut machines = MACHINES.lock().expect("nobody panicked here");
    if let Some(setup) = machines.get(&key) {
        return Ok(setup.clone());
    }
    let files = Files::default();
    let (cell, _) = load_cell(&files, CELL, None, sources)?;
    let (plant, _) = load_plant(&files, PLANT, &cell, sources)?;
    let (plan, _) = compile(&files, recipe, &cell, variant, TABLE, sources)?;
    let setup = Setup { cell: Arc::new(cell), plan: Arc::new(plan), plant: Arc::new(plant) };
    Ok(machines.entry(key).or_insert(setup).clone())
}

/// What is said of a text in the place of an example's.
pub(crate) fn diagnose(example: &Example, text: &str) -> Vec<Diagnostic> {
    use std::sync::OnceLock;
    static CELL_OF_ALL: OnceLock<Cell> = OnceLock::new();
    let cell = CELL_OF_ALL.get_or_init(cell);
    let (text, mut sources) = (text.to_owned().into_bytes(), Sources::default());
    let sources = &mut sources;
    let all = |result: Result<Vec<Diagnostic>, Vec<Diagnostic>>| result.unwrap_or_else(|list| list);
    match example.kind {
        FileKind::Recipe => {
            let near = BTreeMap::from([(RECIPE.to_owned(), text)]);
            all(compile(&Files(near), RECIPE, cell, None, TABLE, sources).map(|(_, w)| w))
        }
        FileKind::Operation => {
            all(compile(&Files::with(FEED, text), RECIPE, cell, None, TABLE, sources).map(|(_, w)| w))
        }
        FileKind::Cell => all(load_cell(&Files::with(CELL, text), CELL, None, sources).map(|(_, w)| w)),
        FileKind::Taught => {
            all(load_cell(&Files::with(TAUGHT, text), CELL, Some(TAUGHT), sources).map(|(_, w)| w))
        }
        FileKind::Plant => all(load_plant(&Files::with(PLANT, text), PLANT, cell, sources).map(|(_, w)| w)),
        FileKind::Order => {
            all(load_order(&Files::with(OTHER, text), OTHER, cell, None, sources).map(|(_, w)| w))
        }
        FileKind::Users => load_users(&Files::with(OTHER, text), OTHER, sources).err().unwrap_or_default(),
        FileKind::Quarantine => {
            load_quarantine(&Files::with(OTHER, text), OTHER, sources).err().unwrap_or_default()
        }
        FileKind::Faults => {
            load_faults(&Files::with(OTHER, text), OTHER, cell, sources).err().unwrap_or_default()
        }
        FileKind::Test => {
            let mut prepare = |m: &Machine<'_>, s: &mut Sources| setup(m.recipe, m.variant, s);
            let files = Files::with(OTHER, text);
            load_tests(&files, OTHER, ALARMS, &mut prepare, sources).err().unwrap_or_default()
        }
        FileKind::Scenario => {
            let mut prepare = |m: &Machine<'_>, s: &mut Sources| setup(m.recipe, m.variant, s);
            let files = Files::with(OTHER, text);
            load_scenario(&files, OTHER, ALARMS, &mut prepare, sources).err().unwrap_or_default()
        }
    }
}
