//! cell.yaml and taught.yaml: what is read, and what is refused where. A case changes one piece of the
//! embedded cell; `«` marks where the diagnostic must point.

mod common;

use cellwright_model::cell::{ButtonAct, Light, Lights, StartUpValue};
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::pdos::{Direction, FixedPdos, Mapped};
use cellwright_model::reference::{Homing, HomingMethod, Reference};
use cellwright_model::timing::{DistributedClocks, Receive, Timing};
use cellwright_model::wiring::Upstream;
use cellwright_model::{AxisId, Dimension, DurationNs};
use cellwright_recipe::{Sources, load_cell, render};
use common::{CELL, Files, cell, marked, once, repository, rows};

#[test]
fn reads_the_embedded_cell() {
    let cell = cell();
    assert_eq!(cell.id, "cannula-cell");
    assert_eq!(cell.cycle.0, 1_000_000);
    assert_eq!(cell.segment.len(), 9);
    let press = &cell.axes[cell.axis("press_z").unwrap().index()];
    assert_eq!((press.subdevice, press.counts_per_au, press.travel_hi_au), (6, 10_000.0, 62.0));
    assert_eq!(cell.digital_inputs[cell.input("bin_drop").unwrap().index()].bit, 7);
    let leak = &cell.analogs[cell.analog("leak_1").unwrap().index()];
    assert_eq!((leak.dimension, leak.scale, leak.range_hi), (Dimension::Pressure, 2.0, 62_000.0));
    assert_eq!(cell.equipment[leak.equipment.unwrap()].id, "PT-0042");
    let tester = &cell.leak_testers[cell.leak_tester("leak_1").unwrap().index()];
    assert_eq!(Some(tester.vent_closed), cell.output("valve_vent"));
    assert_eq!(cell.robots[0].pose("load.above").unwrap()[1], -70.0);
    assert_eq!(cell.sequences.homing_order.len(), 4);
    let zero = cell.sequences.zero[2];
    assert_eq!((Some(zero.analog), zero.within), (cell.analog("leak_1"), 1_000.0));
    assert_eq!(cell.table.as_ref().map(|t| t.axis), Some(AxisId(3)));
    assert_eq!(cell.manual.speed, 0.1);
    assert_eq!(cell.hash.len(), 64);
    let reset = cell.panel.buttons.iter().find(|b| Some(b.input) == cell.input("reset_button")).unwrap();
    let command = ButtonAct::Command;
    assert_eq!(
        reset.acts,
        [ButtonAct::Acknowledge, command(CellCommand::Clear), command(CellCommand::Reset)]
    );
    assert!(cell.panel.lights.is_empty(), "the usual ones");
}

#[test]
fn segments_branch() {
    let lines = |from: &str, to: &str| {
        let text = repository(CELL).replace(from, to);
        load_cell(&Files::with(CELL, text), CELL, None, &mut Sources::default())
    };
    let (cell, warnings) =
        lines("serial: 1003 }", "serial: 1003, after: { device: coupler, port: 2 } }").unwrap();
    assert!(warnings.is_empty());
    let upstreams: Vec<_> =
        cell.segment.iter().map(|s| s.upstream.map(|Upstream { position, port }| (position, port))).collect();
    let expected = [(0, 1), (1, 1), (0, 2), (3, 1), (4, 1), (5, 1), (6, 1), (7, 1)].map(Some);
    assert_eq!((upstreams[0], &upstreams[1..]), (None, &expected[..]));
    // A wrong order is told with the right one.
    let mut sources = Sources::default();
    let text =
        repository(CELL).replace("serial: 1003 }", "serial: 1003, after: { device: coupler, port: 3 } }");
    let list = load_cell(&Files::with(CELL, text), CELL, None, &mut sources).unwrap_err();
    let said = list[0].help.clone();
    assert!(said.contains("coupler, do_1, ai_1, drive_1, drive_2, drive_3, drive_4, di_1, di_2"), "{said}");
}

#[test]
fn how_the_cycle_waits_and_what_it_follows() {
    let dc = |sync0, shift| Some(DistributedClocks { sync0: DurationNs(sync0), shift: DurationNs(shift) });
    let embedded = Timing { dc: dc(1_000_000, 300_000), ..Timing::default() };
    assert_eq!(cell().realtime, embedded);
    let text = repository(CELL);
    let (before, rest) = text.split_once("realtime:\n").unwrap();
    let after = &rest[rest.find("units_in_flight_max").unwrap()..];
    let read = |realtime: &str| {
        let text = format!("{before}realtime: {realtime}\n{after}");
        load_cell(&Files::with(CELL, text), CELL, None, &mut Sources::default()).unwrap().0.realtime
    };
    let spun = read("{ receive: spin, spin: 50 us, dc: { shift: 250 us } }");
    let wanted = Timing { receive: Receive::Spin, spin: DurationNs(50_000), dc: dc(1_000_000, 250_000) };
    assert_eq!(spun, wanted, "SYNC0 is the cycle if nothing is said");
    assert_eq!(read("{ receive: blocking }"), Timing::default(), "asleep, by its own clock");
}

#[test]
fn lights_of_a_state_are_those_that_are_named() {
    let text = repository(CELL).replace(
        "  buttons:  ",
        "  lights: { held: { amber: blinking }, execute: { green: steady } }\n  buttons:  ",
    );
    let (cell, warnings) = load_cell(&Files::with(CELL, text), CELL, None, &mut Sources::default()).unwrap();
    assert!(warnings.is_empty());
    let held = Lights { amber: Light::Blinking, ..Lights::default() };
    let execute = Lights { green: Light::Steady, ..Lights::default() };
    assert_eq!(cell.panel.lights, [(CellState::Held, held), (CellState::Execute, execute)]);
}

/// Diagnostics of a cell text as (code, place), and as rows.
fn diagnose(text: &str) -> (Vec<(String, String)>, Vec<String>) {
    let mut sources = Sources::default();
    let list = match load_cell(&Files::with(CELL, text), CELL, None, &mut sources) {
        Ok((_, warnings)) => warnings,
        Err(list) => list,
    };
    assert!(list.iter().all(|d| render(&list, &sources).contains(d.code.as_str())));
    let place = |d: &cellwright_recipe::Diagnostic| {
        let (start, _) = sources.places(d.span);
        (d.code.as_str().to_string(), format!("{}:{}", start.line, start.column))
    };
    (list.iter().map(place).collect(), rows(&list, &sources))
}

/// The embedded cell with more said of drive_4.
fn with_drive(more: &str) -> String {
    repository(CELL).replace("serial: 2004 }", &format!("serial: 2004, {more} }}"))
}

#[test]
fn process_data_and_start_up_objects_of_a_drive() {
    let text = with_drive(
        "pdos: { rx: { 0x1701: [0x6040/16, 0x607A:00/32] }, tx: { 0x1B01: [0x603F/16, gap/8, gap/8, 0x6041/16, \
         0x6064/32] }, fixed: mapping }, start_up: [{ index: 0x605A, value: -2, type: i16 }]",
    );
    let (cell, _) = load_cell(&Files::with(CELL, text), CELL, None, &mut Sources::default()).unwrap();
    let drive = &cell.segment[8];
    let pdos = drive.pdos.as_ref().unwrap();
    assert_eq!((pdos.rx[0].index, pdos.fixed), (0x1701, Some(FixedPdos::Mapping)));
    assert_eq!(pdos.rx[0].entries, [Mapped::new(0x6040, 0, 16), Mapped::new(0x607A, 0, 32)]);
    assert_eq!((pdos.bytes(Direction::Tx), pdos.find(Direction::Tx, 0x6064)), (10, Some((48, 32))));
    assert_eq!(drive.start_up, [StartUpValue { index: 0x605A, sub: 0, value: -2, bytes: 2 }]);
}

#[test]
fn wrong_process_data() {
    const TX: &str = "tx: { 0x1A00: [0x6041/16, 0x6064/32] }";
    let cases: &[(&str, &str)] = &[
        ("«pdos: { rx: { 0x1600: [0x6040/16] }, TX }", "R0921"),
        ("«pdos: { rx: { 0x1600: [0x6040/16, gap/4, 0x607A/32] }, TX }", "R0921"),
        ("«pdos: { rx: { 0x1600: [0x6040/32, 0x607A/32] }, TX }", "R0921"),
        ("pdos: { rx: { «0x1A00: [0x6040/16, 0x607A/32] }, TX }", "R0920"),
        ("pdos: { rx: { 0x1600: [«6040/16, 0x607A/32] }, TX }", "R0920"),
        ("pdos: { rx: { 0x1600: [0x6040/16, «0x607A] }, TX }", "R0920"),
        ("pdos: { rx: { 0x1600: [0x6040/16, 0x607A/32] }, TX, fixed: «yes-all }", "R0105"),
        ("start_up: [{ index: 0x605A, value: «40000, type: i16 }]", "R0112"),
        ("start_up: [{ index: «0x1C12, value: 0, type: u8 }]", "R0112"),
        ("start_up: [{ index: 0x605A, value: 1, type: «int }]", "R0105"),
        ("start_up: [{ index: 0x605A, value: «two, type: i16 }]", "R0104"),
    ];
    for (more, code) in cases {
        let (text, places) = marked(&with_drive(&more.replace("TX", TX)));
        let (found, rows) = diagnose(&text);
        assert_eq!(found, [(code.to_string(), places[0].clone())], "{more}\n{}", rows.join("\n"));
    }
    let other = repository(CELL).replace("serial: 1002 }", "serial: 1002, pdos: { rx: {}, tx: {} } }");
    assert_eq!(diagnose(&other).0[0].0, "R0903");
}

/// The embedded cell whose left cobot says something else, or more, of itself in ROS 2.
fn with_ros2(from: &str, to: &str) -> String {
    let text = repository(CELL);
    let (before, after) = text.split_once(from).expect("it stands there");
    format!("{before}{to}{after}")
}

#[test]
fn wrong_names_and_bounds_of_a_ros_2_robot() {
    const JOINTS: &str = "joints: [shoulder_pan_joint, shoulder_lift_joint, ";
    const NAMESPACE: &str = "namespace: /robot_l\n";
    let more = |line: &str| format!("{NAMESPACE}      {line}\n");
    let cases: &[(&str, String, &str)] = &[
        (NAMESPACE, "namespace: «robot_l\n".into(), "R0922"),
        (NAMESPACE, "namespace: «/robot-l\n".into(), "R0922"),
        (JOINTS, "joints: «[shoulder_pan_joint, shoulder_pan_joint, ".into(), "R0922"),
        (JOINTS, "joints: «[shoulder_pan_joint, ".into(), "R0108"),
        ("action: gripper", "action: 1gripper".into(), "R0922"),
        ("message: std_msgs/msg/Int8", "message: Int8".into(), "R0922"),
        ("watchdog: 150 ms", "watchdog: «1001 ms".into(), "R0922"),
        ("watchdog: 150 ms", "watchdog: «2 ms".into(), "R0922"),
        (NAMESPACE, more("action: «a//b"), "R0922"),
        (NAMESPACE, more("point_period: «1 ms"), "R0922"),
        (NAMESPACE, more("acknowledge_timeout: «8 s"), "R0922"),
        (NAMESPACE, more("result_grace: «8 s"), "R0922"),
        (NAMESPACE, more("rest: «{ speed: 1 deg/s, during: 0 s }"), "R0922"),
        (NAMESPACE, more("rest: { speed: «0 deg/s, during: 1 s }"), "R0207"),
        (NAMESPACE, more("target_tolerance: «0 deg"), "R0207"),
        (NAMESPACE, more("joint_states_qos: «best"), "R0105"),
        (NAMESPACE, more("remap: a"), "R0101"),
        (NAMESPACE, more("speed_scaling: «{ topic: s, message: Float64, field: data }"), "R0922"),
        (NAMESPACE, more("loads: «[{ service: s, message: SetLoad, grip: '{}', release: '{}' }]"), "R0922"),
        (NAMESPACE, more("loads: «[{ service: s, message: a/srv/B, grip: '0.2', release: '{}' }]"), "R0922"),
        (NAMESPACE, more("loads: [{ «service: s, message: a/srv/B, grip: '{}' }]"), "R0102"),
    ];
    for (from, to, code) in cases {
        let (text, places) = marked(&with_ros2(from, to));
        let (found, rows) = diagnose(&text);
        assert_eq!(found.len(), 1, "{to}\n{}", rows.join("\n"));
        assert_eq!(found[0].0, *code, "{to}\n{}", rows.join("\n"));
        if let Some(place) = places.first() {
            assert_eq!(found[0].1, *place, "{to}");
        }
    }
    // Each of several is told.
    let both = repository(CELL).replace("namespace: /robot_", "namespace: robot_");
    assert_eq!(diagnose(&both).0.iter().filter(|(code, _)| code == "R0922").count(), 2);
}

#[test]
fn what_a_ros_2_robot_is_called_and_held_to() {
    let text = with_ros2(
        "namespace: /robot_l\n",
        "namespace: /left\n      joint_states_qos: reliable\n      rest: { speed: 1 deg/s, during: 0.2 s }\n      \
         speed_scaling: { topic: scale, message: std_msgs/msg/Float64, field: data, qos: reliable }\n      \
         loads: [{ service: s, message: a/srv/B, grip: '{\"m\": 1}', release: '{}', accepted: ok }]\n",
    );
    let (cell, _) = load_cell(&Files::with(CELL, text), CELL, None, &mut Sources::default()).unwrap();
    let robot = cell.robots[0].ros2.as_ref().expect("it has one");
    assert_eq!((robot.name.as_str(), robot.full("joint_states").as_str()), ("robot_l", "/left/joint_states"));
    assert!(robot.joint_states_qos.reliable && !robot.joint_states_qos.latched);
    assert_eq!((robot.rest.speed_max, robot.rest.during), (1.0, DurationNs::from_millis(200)));
    assert_eq!(robot.watchdog, DurationNs::from_millis(150));
    assert_eq!(robot.answer_timeout, cell.robots[0].answer_timeout);
    let scaling = robot.speed_scaling.as_ref().expect("a topic");
    assert_eq!((scaling.topic.as_str(), scaling.qos.latched), ("scale", false));
    let [load] = &robot.loads[..] else { panic!("{:?}", robot.loads) };
    assert_eq!((load.grip.as_str(), load.accepted.as_deref()), ("{\"m\": 1}", Some("ok")));
    let gripper = robot.gripper.as_ref().expect("a gripper");
    assert_eq!((gripper.open_m, gripper.closed_m, gripper.effort_n), (0.04, 0.0, 20.0));
    let safety = robot.safety_mode.as_ref().expect("a topic");
    assert_eq!((safety.message.as_str(), safety.qos.latched), ("std_msgs/msg/UInt8", true));
}

/// The embedded cell whose press says where it has its zero from.
fn with_reference(reference: &str) -> String {
    let (before, after) =
        repository(CELL).split_once("  press_z:\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    format!("{before}  press_z:\n    reference: {reference}\n{after}")
}

#[test]
fn where_an_axis_has_its_zero_from() {
    let read = |reference: &str| {
        let text = with_reference(reference);
        let (cell, _) = load_cell(&Files::with(CELL, text), CELL, None, &mut Sources::default()).unwrap();
        cell.axes[cell.axis("press_z").unwrap().index()].reference
    };
    assert_eq!((cell().axes[1].reference, read("absolute")), (Reference::Absolute, Reference::Absolute));
    let switch = "{ homing: 17, found: -2 mm, switch_speed: 20 mm/s, zero_speed: 2 mm/s, \
                  acceleration: 500 mm/s², timeout: 90 s }";
    let wanted = Homing {
        method: HomingMethod::NegativeLimit,
        switch_speed: 20.0,
        zero_speed: 2.0,
        acceleration: 500.0,
        found_au: -2.0,
        within: DurationNs::from_millis(90_000),
    };
    assert_eq!(read(switch), Reference::Homing(wanted));
    let here = read("{ homing: 37, found: 1.5 mm }");
    assert_eq!(here.homing().map(|h| (h.method, h.found_au)), Some((HomingMethod::Current, 1.5)));
}

#[test]
fn wrong_references() {
    let speeds = "zero_speed: 2 mm/s, acceleration: 500 mm/s²";
    let cases: &[(&str, &str)] = &[
        ("«relative", "R0105"),
        ("{ homing: «35, found: 0 mm }", "R0105"),
        ("{ homing: 37, found: «0 deg }", "R0203"),
        ("{ «homing: 33, found: 0 mm, acceleration: 500 mm/s² }", "R0102"),
        ("{ «homing: 17, found: 0 mm, SPEEDS }", "R0102"),
        ("{ homing: 33, found: 0 mm, «switch_speed: 20 mm/s, SPEEDS }", "R0101"),
        ("{ homing: 17, found: 0 mm, switch_speed: «201 mm/s, SPEEDS }", "R0112"),
        ("{ homing: 33, found: 0 mm, timeout: «700 s, SPEEDS }", "R0112"),
    ];
    for (reference, code) in cases {
        let (text, places) = marked(&with_reference(&reference.replace("SPEEDS", speeds)));
        let (found, rows) = diagnose(&text);
        assert_eq!(found, [(code.to_string(), places[0].clone())], "{reference}\n{}", rows.join("\n"));
    }
    // Its drive cannot be told the mode.
    let pdos = "pdos: { rx: { 0x1701: [0x6040/16, 0x607A/32] }, tx: { 0x1B01: [0x6041/16, 0x6064/32] } }";
    let text = with_reference("{ homing: 37, found: 0 mm }")
        .replace("serial: 2002 }", &format!("serial: 2002, {pdos} }}"));
    let codes: Vec<_> = diagnose(&text).0.into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["R0102", "R0102"]);
}

#[test]
fn wrong_cells() {
    let cases: &[(&str, &str, &str)] = &[
        ("cell: 1 ", "cell: «2 ", "R0110"),
        ("cycle: 1 ms", "cycle: «100 us", "R0906"),
        ("cycle: 1 ms", "cycle: «1", "R0201"),
        ("receive: blocking", "receive: «asleep", "R0105"),
        ("spin: 0 us", "spin: «600 us", "R0112"),
        ("spin: 0 us", "spin: «-1 us", "R0112"),
        ("shift: 300 us", "shift: «1 ms", "R0112"),
        ("sync0: 1 ms", "sync0: «700 us", "R0112"),
        ("dc: { sync0: 1 ms, shift: 300 us }", "dc: { «sync0: 2 ms }", "R0102"),
        ("units_in_flight_max: 4", "units_in_flight_max: «0", "R0112"),
        ("serial_prefix: \"CW-\"", "serial_prefix: «\"C W\"", "R0113"),
        ("di_1,     kind: digital-input-16, ", "di_1,     kind: «digital-inputs, ", "R0105"),
        (
            "serial: 2004 }",
            "serial: 2004 }\n  - { name: «drive_4, kind: coupler, vendor: 1, product: 1, revision: 1, serial: 1 }",
            "R0107",
        ),
        ("serial: 1005 }", "serial: 1005, after: { device: «di_7, port: 2 } }", "R0316"),
        ("serial: 1005 }", "serial: 1005, after: { device: coupler, port: «4 } }", "R0112"),
        ("serial: 1005 }", "serial: 1005, after: «{ device: coupler, port: 1 } }", "R0916"),
        ("serial: 1001 }", "serial: 1001, after: «{ device: di_1, port: 1 } }", "R0917"),
        ("  - { name: di_2,", "  - «{ name: di_2, after: { device: drive_4, port: 1 },", "R0917"),
        (
            "  - { name: ai_1,  ",
            "  - «{ name: extra, kind: coupler, vendor: 1, product: 1, revision: 1, serial: 1, after: \
          { device: do_1, port: 2 } }\n  - { name: ai_1, after: { device: do_1, port: 1 },",
            "R0917",
        ),
        (
            "serial: 2003 }\n",
            "serial: 2003, after: { device: ai_1, port: 2 } }\n  - { name: extra, kind: coupler, vendor: 1, product: 1, \
             revision: 1, serial: 1, after: «{ device: coupler, port: 2 } }\n",
            "R0918",
        ),
        ("drive: drive_2", "drive: «drive_9", "R0316"),
        ("drive: drive_2", "drive: «drive_1", "R0911"),
        ("drive: drive_2", "drive: «ai_1", "R0903"),
        ("counts: 10000 / mm", "counts: «10000 / deg", "R0204"),
        ("travel: -1 .. 62 mm", "travel: «62 .. -1 mm", "R0206"),
        ("velocity_max: 200 mm/s", "velocity_max: «0 mm/s", "R0207"),
        ("    home: 0 mm\n  press_z", "    home: «200 mm\n  press_z", "R0908"),
        ("travel: -720000 .. 720000 deg\n", "travel: «-72000000 .. 72000000 deg\n", "R0112"),
        ("estop_ok:             { device: di_1, bit: 0 }", "estop_ok: { device: di_1, bit: «16 }", "R0901"),
        ("guard_ok:             { device: di_1, bit: 1 }", "guard_ok: { device: di_1, bit: «0 }", "R0902"),
        ("lane_part_ready:      {", "«loud.lane_part_ready: {", "R0306"),
        ("valve_fill:  { device: do_1,", "valve_fill:  { device: «di_1,", "R0903"),
        ("ambient:   { device: ai_1, channel: 3", "ambient: { device: ai_1, channel: «4", "R0901"),
        ("range: -50 .. 500 N,", "range: «-50 .. 500 mm,", "R0203"),
        ("equipment: LC-0231 }", "equipment: «LC-0232 }", "R0318"),
        ("safety: [estop_ok, guard_ok]", "safety: [estop_ok, «gard_ok]", "R0303"),
        ("safety: [estop_ok, guard_ok]", "safety: «[]", "R0109"),
        ("manual: { speed: 10 % }", "manual: { speed: «26 % }", "R0112"),
        ("manual: { speed: 10 % }", "manual: { speed: «0 % }", "R0207"),
        ("manual: { speed: 10 % }", "manual: { speed: 10 %, «sped: 10 % }", "R0101"),
        ("safety: [estop_ok, guard_ok]", "safety: [estop_ok, «estop_ok]", "R0107"),
        ("axes: [press_z], ", "axes: [«pres_z], ", "R0302"),
        ("velocity: 400 deg/s\n", "velocity: «500 deg/s\n", "R0703"),
        ("load:       [35, -62, 98, -126, -90, 35]", "load: «[35, -62, 98, -126, -90, 400]", "R0907"),
        ("load:       [35, -62, 98, -126, -90, 35]", "load: «[35, -62, 98, -126, -90]", "R0108"),
        ("load:       [35, -62, 98, -126, -90, 35]", "load: [35, -62, «x, -126, -90, 1]", "R0104"),
        ("cannula-tip@4: {", "«cannula-tip: {", "R0111"),
        ("unit: um,", "unit: «ux,", "R0202"),
        ("scan_1: { address: 127.0.0.1:0", "scan_1: { address: «nowhere", "R0914"),
        ("within: -1 .. 5 mm }", "within: «1 .. 5 mm }", "R0908"),
        ("fed: 110 mm", "fed: «130 mm", "R0908"),
        ("pressure: leak_1,", "pressure: «load_cell,", "R0203"),
        ("clamp: clamp_test }", "clamp: «clamp_tst }", "R0304"),
        (
            "homing_order: [press_z, driver_1, feeder_x, table]",
            "homing_order: «[press_z, driver_1, feeder_x]",
            "R0912",
        ),
        ("homing_speed: 20 %", "homing_speed: «120 %", "R0112"),
        ("start_when: air_ok", "start_when: «air_okay", "R0303"),
        ("green: lamp_green ", "green: «lamp_gren ", "R0304"),
        ("amber: lamp_amber", "amber: «lamp_green", "R0107"),
        ("stop_button: stop", "«stop_buton: stop", "R0303"),
        ("stop_button: stop", "«estop_ok: stop", "R0915"),
        ("stop_button: stop", "stop_button: «stopp", "R0105"),
        ("stop_button: stop", "stop_button: «mode fast", "R0105"),
        ("stop_button: stop", "stop_button: «[]", "R0109"),
        ("stop_button: stop", "«start_button: stop", "R0010"),
        ("[ack, clear, reset]", "[ack, clear, «ack]", "R0107"),
        ("  buttons:  ", "  lights: { «hold: { amber: steady } }\n  buttons:  ", "R0105"),
        ("  buttons:  ", "  lights: { held: { amber: «bright } }\n  buttons:  ", "R0105"),
        ("  buttons:  ", "  lights: { held: { «yellow: steady } }\n  buttons:  ", "R0101"),
        ("{ analog: load_cell, within: 2 N }", "{ analog: «load_sell, within: 2 N }", "R0305"),
        ("{ analog: load_cell, within: 2 N }", "{ analog: load_cell, within: «2 mm }", "R0203"),
        ("{ analog: load_cell, within: 2 N }", "{ analog: load_cell, within: «0 N }", "R0207"),
        ("{ analog: load_cell, within: 2 N }", "{ «analog: load_cell }", "R0102"),
        ("{ analog: leak_1, within: 1 kPa }", "{ analog: «load_cell, within: 1 N }", "R0107"),
        ("calibration_due: 2027-06-30", "calibration_due: «2027-06-31", "R0910"),
        ("kind: good\n", "kind: good\n    «part: X-1\n", "R0101"),
        ("kind: good\n", "kind: good\n    «locked: bin_locked\n", "R0101"),
        ("drop: bin_drop ", "drop: «bin_drops ", "R0303"),
        ("capacity: 200", "capacity: «0", "R0112"),
        ("[press_z], presence: [nest_hub", "[press_z], presence: [«press_hub", "R0303"),
        (
            "[press_z], presence: [nest_hub_present, nest_cannula_present, nest_cap_present]",
            "[press_z], presence: [nest_cap_present, «nest_cap_present]",
            "R0107",
        ),
        ("\"04012345678932", "«\"04012345678931", "R0113"),
        ("\"04012345678932", "«\"04012345678925", "R0107"),
        ("  HUB-23: { gtin: \"04012345678901\" }\n  CAN-23", "  «CAN-23", "R0102"),
        ("units_in_flight_max: 4", "units_in_flight_max: «04", "R0104"),
        ("guard_ok:             { device: di_1, bit: 1 }", "guard_ok: { device: di_1, bit: «01 }", "R0104"),
        ("load:       [35, -62, 98, -126, -90, 35]", "load: [«035, -62, 98, -126, -90, 35]", "R0104"),
        ("load:       [35, -62, 98, -126, -90, 35]", "load: [35, «-062, 98, -126, -90, 35]", "R0104"),
        ("load:       [35, -62, 98, -126, -90, 35]", "load: [35, «-00.5, 98, -126, -90, 35]", "R0104"),
        ("cannula-tip@4: {", "«cannula-tip@04: {", "R0111"),
        ("scan_1: { address: 127.0.0.1:0", "scan_1: { address: «127.0.0.1:08080", "R0914"),
        // What cannot be meant together.
        ("start_when: air_ok", "start_when: «air_ok and not air_ok", "R0406"),
        ("start_when: air_ok", "start_when: «false", "R0406"),
        ("start_when: air_ok", "start_when: «true", "R0406"),
        ("start_when: air_ok", "start_when: «load_cell > 600 N", "R0406"),
        ("test:  { at: 270 deg", "test:  { at: «180 deg", "R0930"),
        ("test:  { at: 270 deg", "test:  { at: «-360 deg", "R0930"),
        ("test:  { at: 270 deg", "test:  { at: «-180 deg", "R0930"),
        ("row_end:    [70, -70, 100, -120, -90, 70]", "row_end: «[40, -70, 100, -120, -90, 40]", "R0930"),
        ("column_end: [40, -50, 80, -120, -90, 40]", "column_end: «[40, -70, 100, -120, -90, 40]", "R0930"),
        ("first:      [90, -70, 100, -120, -90, 90]", "first: «[40, -70, 100, -120, -90, 40]", "R0930"),
        ("load.above: [35, -70, 90, -110, -90, 35]", "load.above: «[35, -62, 98, -126.0, -90, 35]", "R0930"),
        ("load.above: [35, -70,", "«lod.above: [35, -70,", "R0707"),
        ("amber: lamp_amber", "amber: «clamp_test", "R0931"),
        ("buzzer: buzzer", "buzzer: «valve_vent", "R0931"),
        (
            "vent_closed: valve_vent, clamp: clamp_test",
            "vent_closed: valve_vent, clamp: «valve_fill",
            "R0931",
        ),
        ("stop_button: stop", "«bin_drop: stop", "R0931"),
        ("drop: bin_drop ", "drop: «guard_ok ", "R0931"),
        (
            "drop: bin_drop                           # without it a reject is not complete\n    locked: bin_closed",
            "drop: bin_drop\n    locked: «bin_drop",
            "R0931",
        ),
        ("[press_z], presence: [nest_hub", "[press_z], presence: [«load.nest_hub", "R0716"),
        ("axes: [driver_1], ", "axes: [driver_1, «table], ", "R0931"),
        (
            "- { axis: feeder_x, within: -2 .. 5 mm }",
            "- { axis: feeder_x, within: -2 .. 5 mm }\n    \
          - { axis: «table, within: -10 .. 10 deg }",
            "R0931",
        ),
        (
            "- { axis: feeder_x, within: -2 .. 5 mm }",
            "- { axis: feeder_x, within: -2 .. 5 mm }\n    \
          - { axis: «press_z, within: -1 .. 9 mm }",
            "R0107",
        ),
        ("clear_when:\n    - { axis: press_z, within: -1 .. 5 mm }\n    ", "clear_when:\n    «", "R0932"),
        ("serial: 1005 }", "serial: «1002 }", "R0107"),
        (
            "scan_1: { address: 127.0.0.1:0, station: load, answer_timeout: 2 s }\n  scan_2: { address: 127.0.0.1:0",
            "scan_1: { address: 10.0.0.1:51, station: load, answer_timeout: 2 s }\n  scan_2: { address: «10.0.0.1:51",
            "R0107",
        ),
        ("namespace: /robot_r", "«namespace: /robot_l", "R0107"),
        ("serial: \"T20911\"", "serial: «\"A77120\"", "R0107"),
        ("resolution: 0.1 degC,  equipment: TT-0009", "resolution: 0.1 degC", "R0933"),
        ("robots_home: [robot_l, robot_r]", "robots_home: «[robot_l]", "R0912"),
        (
            "amber: lamp_amber\n  red: lamp_red",
            "lights: { held: { «amber: steady } }\n  red: lamp_red",
            "R0304",
        ),
        // Numbers that cannot be meant together.
        ("following_error_max: 1 mm", "following_error_max: «0.1 mm", "R0905"),
        ("following_error_max: 1 mm", "following_error_max: «0.00001 mm", "R0905"),
        ("following_error_max: 1 mm", "following_error_max: «63 mm", "R0112"),
        ("range: -50 .. 500 N,", "range: «50 .. 50 N,", "R0904"),
        ("range: -50 .. 500 N,", "range: «-50 .. 700 N,", "R0807"),
        ("resolution: 0.1 N, ", "resolution: «600 N, ", "R0807"),
        ("{ analog: load_cell, within: 2 N }", "{ analog: load_cell, within: «60 N }", "R0704"),
        ("range: -50 .. 500 N,", "range: 5 .. 500 N,", "R0704"),
        ("retracted: 0 mm, fed: 110 mm", "retracted: 0 mm, fed: «0 mm", "R0904"),
        ("retracted: 0 mm, fed: 110 mm", "retracted: «20 mm, fed: 110 mm", "R0908"),
    ];
    let mut failed = Vec::new();
    for (from, to, code) in cases {
        let (text, places) = marked(&once(&repository(CELL), from, to));
        let (found, rows) = diagnose(&text);
        let place = |at: &String| places.first().is_none_or(|place| place == at);
        if !matches!(&found[..], [(found, at)] if found == code && place(at)) {
            failed.push(format!("`{to}` expected {code} {places:?}\n  found {}", rows.join("\n        ")));
        }
    }
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

/// What two testers may share: everything but themselves at one station, at two only the sensor, by valves.
#[test]
fn testers_beside_each_other() {
    let tester = "clamp: clamp_test }\n";
    let with = |station: &str| {
        let other = format!(
            "{tester}  other: {{ station: {station}, pressure: leak_1, fill: valve_fill, vent_closed: valve_vent, \
             clamp: clamp_test }}\n"
        );
        severities(&once(&repository(CELL), tester, &other))
    };
    assert!(with("test").is_empty());
    let mut close = with("close");
    close.sort();
    assert_eq!(close, ["R0931 error", "R0931 error", "R0931 error", "R0931 warning"]);
}

/// `R0123 warning` of each diagnostic.
fn severities(text: &str) -> Vec<String> {
    let mut sources = Sources::default();
    let list = match load_cell(&Files::with(CELL, text), CELL, None, &mut sources) {
        Ok((_, warnings)) => warnings,
        Err(list) => list,
    };
    list.iter().map(|d| format!("{} {}", d.code.as_str(), d.severity.as_str())).collect()
}

/// One sensor for what falls into either of two bins is warned about, and the cell loads.
#[test]
fn two_bins_above_one_sensor() {
    let text = repository(CELL);
    let from = text.find("  reject_bin:").expect("a bin");
    let to = text.find("  rework_tray:").expect("the tray behind it");
    let other = text[from..to].replace("reject_bin", "other_bin").replace("[150, -75", "[140, -75");
    let other = other.replace("    locked: bin_closed ", "    # no lock ");
    assert_eq!(severities(&format!("{}{other}{}", &text[..to], &text[to..])), ["R0931 warning"]);
}

/// Two names that cannot be read are not one name.
#[test]
fn axes_that_cannot_be_read_are_not_compared() {
    let feeder = "- { axis: feeder_x, within: -2 .. 5 mm }";
    let more =
        format!("{feeder}\n    - {{ axis: [], within: 0 .. 1 mm }}\n    - {{ axis: [], within: 0 .. 2 mm }}");
    let said = severities(&once(&repository(CELL), feeder, &more));
    assert_eq!(said, ["R0103 error", "R0103 error"]);
}

/// A scale is rounded: a range up to the last count is right. Beyond, the terminal reports overrange.
#[test]
fn a_range_up_to_the_last_count() {
    let from = "scale: 0.02 N,       range: -50 .. 500 N,     resolution: 0.1 N, ";
    let with = |range: &str| {
        let to = format!("scale: 0.0061037 N, range: {range}, resolution: 0.1 N, ");
        severities(&once(&repository(CELL), from, &to))
    };
    assert_eq!(with("-200 .. 200 N"), [""; 0]);
    assert_eq!(with("-200 .. 200.1 N"), ["R0807 warning"]);
}

#[test]
fn limits_that_cannot_be_reached_together() {
    let base = repository(CELL);
    let codes = |text: &str| diagnose(text).0.into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    assert_eq!(
        codes(&base.replace("acceleration_max: 3000 mm/s²", "acceleration_max: 9000 mm/s²")),
        ["R0905"]
    );
    // The zone of this axis lies beyond it, too.
    assert_eq!(codes(&base.replace("travel: -1 .. 62 mm", "travel: -1 .. 10 mm")), ["R0905", "R0925"]);
    assert_eq!(codes(&base.replace("test:  { at: 270 deg", "test:  { at: 280 deg")), ["R0913"]);
    let table = "travel: -720000 .. 720000 deg  ";
    assert_eq!(base.matches(table).count(), 1);
    assert_eq!(codes(&base.replace(table, "travel: -5 .. 260 deg  ")), ["R0909"]);
    // 1,000 counts a degree: beyond 2,147,483 deg they leave the 32 bits of a drive's position.
    assert_eq!(codes(&base.replace(table, "travel: 0 .. 2147484 deg  ")), ["R0112"]);
    assert!(codes(&base.replace(table, "travel: 0 .. 2147483 deg  ")).is_empty());
    assert_eq!(
        codes(&base.replace("      home:       [0, -90, 90, -90, -90, 0]\n", "")),
        ["R0709"].map(|_| "R0707")
    );
}

const TAUGHT: &str = "cells/cannula-cell/taught.yaml";

fn taught(text: &str) -> Result<cellwright_model::cell::Cell, Vec<String>> {
    let mut sources = Sources::default();
    load_cell(&Files::with(TAUGHT, text), CELL, Some(TAUGHT), &mut sources)
        .map(|(cell, _)| cell)
        .map_err(|list| rows(&list, &sources))
}

#[test]
fn taught_poses_replace_and_offsets_shift() {
    let text = "taught: 1\ncell: cannula-cell\nrobots:\n  robot_r:\n    offset: [0, 0, 0.5, 0, 0, 0]\n    poses: { test: [-10, -58, 94.2, -126, -90, -10] }\n";
    let (plain, touched) = (cell(), taught(text).unwrap());
    let robot = |c: &cellwright_model::cell::Cell, pose: &str| c.robots[1].pose(pose).unwrap();
    assert_eq!(robot(&touched, "test")[2], 94.2);
    assert_eq!(robot(&touched, "close")[2], robot(&plain, "close")[2] + 0.5);
    assert_eq!(touched.robots[0], plain.robots[0]);
    let tray = plain.tray("good_tray").unwrap().index();
    let pocket = |c: &cellwright_model::cell::Cell| c.trays[tray].pocket_joints(0, false).unwrap();
    assert_eq!(pocket(&touched)[2], pocket(&plain)[2] + 0.5);
    assert_eq!(touched.hash, plain.hash);
    assert_ne!(touched.taught_hash, plain.taught_hash);
    for (from, to, code) in [
        ("cell: cannula-cell", "cell: other-cell", "R0701 2:7"),
        ("robot_r:", "robot_x:", "R0307 4:3"),
        ("test:", "tets:", "R0311 6:14"),
        ("94.2", "194.2", "R0907 6:20"),
        ("offset:", "offsets:", "R0101 5:5"),
    ] {
        let rows = taught(&text.replace(from, to)).unwrap_err();
        assert!(rows.len() == 1 && rows[0].starts_with(code), "{code}: {rows:?}");
    }
}
