use std::sync::Arc;

use cellwright_engine::api::DeviceReply;
use cellwright_model::cell::*;
use cellwright_model::expr::Expr;
use cellwright_model::outcome::FaultClass;
use cellwright_model::plan::*;
use cellwright_model::reference::Reference;
use cellwright_model::timing::Timing;
use cellwright_model::*;

pub(crate) const PRESS: AxisId = AxisId(0);
pub(crate) const TABLE: AxisId = AxisId(1);
pub(crate) const ESTOP_OK: InputId = InputId(0);
pub(crate) const PRESENT: InputId = InputId(1);
pub(crate) const DROP: InputId = InputId(2);
pub(crate) const AIR: InputId = InputId(3);
/// Something lies in the nest at `load`, and the bin is locked; both are used by tests that say so.
pub(crate) const SEEN: InputId = InputId(4);
pub(crate) const LOCKED: InputId = InputId(5);
pub(crate) const VALVE: OutputId = OutputId(0);
pub(crate) const LAMP: OutputId = OutputId(1);
pub(crate) const FORCE: AnalogId = AnalogId(0);
pub(crate) const LOAD: StationId = StationId(0);
pub(crate) const WORK: StationId = StationId(1);
pub(crate) const ROBOT: RobotId = RobotId(0);
pub(crate) const SOURCE: TrayId = TrayId(0);
pub(crate) const GOOD: TrayId = TrayId(1);
pub(crate) const BIN: TrayId = TrayId(2);
pub(crate) const LANE: TrayId = TrayId(3);

fn axis(name: &str, home_au: f64) -> Axis {
    Axis {
        name: name.into(),
        kind: AxisKind::Linear,
        subdevice: 0,
        counts_per_au: 1000.0,
        travel_lo_au: -5.0,
        travel_hi_au: 365.0,
        velocity_max: 100.0,
        acceleration_max: 1000.0,
        jerk_max: 10_000.0,
        torque_rated_nm: 1.0,
        torque_max_nm: 2.0,
        following_error_max_au: 1.0,
        home_au,
        reference: Reference::Absolute,
    }
}

fn tray(name: &str, kind: TrayKind, part: Option<&str>) -> Tray {
    let pose = [0.0; 6];
    Tray {
        name: name.into(),
        kind,
        part: part.map(String::from),
        rows: 2,
        columns: 5,
        reach: Some(TrayReach {
            robot: ROBOT,
            first: pose,
            row_end: [5.0; 6],
            column_end: pose,
            above: [1.0; 6],
        }),
        feeder: None,
        bin: None,
    }
}

fn pose(name: &str, at: f64) -> Pose {
    Pose { name: name.into(), joints: [at; 6] }
}

/// Two axes, two stations on a table, a cobot, a camera, a scanner, four trays.
pub(crate) fn cell() -> Cell {
    let input = |name: &str, bit| DigitalInput { name: name.into(), subdevice: 0, bit };
    let output = |name: &str, bit| DigitalOutput { name: name.into(), subdevice: 0, bit, off_state: false };
    let station =
        |name: &str, table_au| Station { name: name.into(), table_au, axes: vec![], presence: vec![] };
    Cell {
        id: "bench".into(),
        site: "s".into(),
        line: "l".into(),
        cycle: DurationNs::from_millis(1),
        units_in_flight_max: 1,
        serial_prefix: "T-".into(),
        segment: vec![],
        axes: vec![axis("press", 0.0), axis("table", 0.0)],
        digital_inputs: vec![
            input("estop_ok", 0),
            input("present", 1),
            input("drop", 2),
            input("air", 3),
            input("load.seen", 4),
            input("locked", 5),
        ],
        digital_outputs: vec![output("valve", 0), output("lamp", 1)],
        analogs: vec![Analog {
            name: "force".into(),
            subdevice: 0,
            channel: 0,
            dimension: Dimension::Force,
            scale: 1.0,
            offset: 0.0,
            range_lo: -100.0,
            range_hi: 1000.0,
            resolution: 0.1,
            equipment: None,
        }],
        stations: vec![station("load", 0.0), station("work", 90.0)],
        table: Some(Table {
            axis: TABLE,
            nests: 4,
            velocity: 90.0,
            clear_when: vec![AxisClear { axis: PRESS, lo_au: -1.0, hi_au: 5.0 }],
        }),
        robots: vec![Robot {
            name: "robot".into(),
            joint_lo: [-180.0; 6],
            joint_hi: [180.0; 6],
            joint_velocity_max: [100.0; 6],
            joint_acceleration_max: [500.0; 6],
            joint_jerk_max: [5000.0; 6],
            touch_up_deg: 0.0,
            poses: vec![
                pose("home", 0.0),
                pose("load", 10.0),
                pose("load.above", 11.0),
                pose("work", 20.0),
                pose("work.above", 21.0),
            ],
            answer_timeout: DurationNs::from_millis(2_000),
            ros2: None,
        }],
        zones: vec![],
        cameras: vec![Camera {
            name: "cam".into(),
            address: String::new(),
            jobs: vec![],
            answer_timeout: DurationNs::from_millis(1_000),
            equipment: None,
        }],
        scanners: vec![Scanner {
            name: "scan".into(),
            address: String::new(),
            station: LOAD,
            answer_timeout: DurationNs::from_millis(1_000),
        }],
        printers: vec![Printer {
            name: "label".into(),
            address: String::new(),
            station: LOAD,
            answer_timeout: DurationNs::from_millis(1_000),
        }],
        trays: vec![
            tray("source", TrayKind::Source, Some("HUB")),
            tray("good", TrayKind::Good, None),
            tray("bin", TrayKind::Reject, None),
            tray("lane", TrayKind::Lane, Some("CAN")),
        ],
        leak_testers: vec![],
        safety: vec![ESTOP_OK],
        sequences: Sequences {
            homing_order: vec![PRESS, TABLE],
            homing_speed: 0.2,
            robots_home: vec![ROBOT],
            zero: vec![],
            start_when: Some(Expr::Input(AIR)),
        },
        manual: ManualLimits::default(),
        panel: Panel { green: Some(LAMP), ..Panel::default() },
        equipment: vec![],
        materials: vec![
            PartNumber { part: "HUB".into(), gtin: "04012345678901".into() },
            PartNumber { part: "CAN".into(), gtin: "04006381333931".into() },
        ],
        consecutive_ng_max: 3,
        stale_cycles_max: 20,
        realtime: Timing::default(),
        hash: "cell-hash".into(),
        taught_hash: "taught-hash".into(),
    }
}

/// A step without anything; tests fill in what they are about.
pub(crate) fn step(id: &str, n: u32, ops: Vec<Primitive>) -> Step {
    Step {
        id: id.into(),
        kind: "test".into(),
        n,
        when: None,
        station: None,
        resources: vec![],
        supply: None,
        check_before: None,
        check_after: None,
        timeout: DurationNs::from_millis(10_000),
        on_fail: Handler::Reject,
        on_fault: Handler::Ask,
        on_hold: OnHold::Stop,
        irreversible: false,
        after_restart: Default::default(),
        measurements: vec![],
        windows: vec![],
        ops,
        cleanup: vec![],
        equipment: vec![],
    }
}

pub(crate) fn robot(request: RobotOp) -> Primitive {
    Primitive::Robot { robot: ROBOT, request }
}

pub(crate) fn grip(close: bool) -> Primitive {
    robot(RobotOp::Grip { close, expect_holding: close, missing: Meaning::Fault("grip-failed".into()) })
}

fn pick_hub() -> Step {
    let tray = |above| robot(RobotOp::MoveTray { tray: SOURCE, above, speed: 0.5 });
    let station = |above| robot(RobotOp::MoveStation { above, speed: 0.5 });
    let hub = || PlaceWhat::Component("hub".into());
    Step {
        station: Some(LOAD),
        resources: vec![Resource::Robot(ROBOT), Resource::StationSpace(LOAD)],
        check_after: Some(Expr::Input(PRESENT)),
        ..step(
            "load",
            1,
            vec![
                tray(true),
                tray(false),
                grip(true),
                Primitive::Consume { component: "hub".into(), source: Some(SOURCE) },
                Primitive::PlacePart { what: hub(), to: Place::Gripper(ROBOT), verify: None },
                robot(RobotOp::LeaveTray { tray: SOURCE, speed: 0.5 }),
                station(true),
                station(false),
                grip(false),
                Primitive::PlacePart { what: hub(), to: Place::Nest, verify: Some(PRESENT) },
                robot(RobotOp::MovePose { pose: "home".into(), speed: 0.5 }),
            ],
        )
    }
}

/// What the scanner reads on a hub, another serial each time.
pub(crate) fn code_of_a_hub(id: RequestId) -> DeviceReply {
    DeviceReply::Scanned {
        text: "x".into(),
        gtin: Some("04012345678901".into()),
        lot: Some("HL".into()),
        expiry: None,
        serial: Some(format!("S{}", id.0)),
    }
}

fn scan() -> Step {
    Step {
        station: Some(LOAD),
        resources: vec![Resource::Scanner(ScannerId(0))],
        ..step("scan", 2, vec![Primitive::Scan { scanner: ScannerId(0), component: "hub".into() }])
    }
}

fn feed() -> Step {
    let can = || PlaceWhat::Component("cannula".into());
    Step {
        station: Some(LOAD),
        resources: vec![Resource::Tray(LANE)],
        ..step(
            "feed",
            3,
            vec![
                Primitive::Consume { component: "cannula".into(), source: Some(LANE) },
                Primitive::Dwell { duration: DurationNs::from_millis(30) },
                Primitive::PlacePart { what: can(), to: Place::Nest, verify: None },
            ],
        )
    }
}

pub(crate) fn measurement(name: &str, of: Feature, lo: f64, hi: f64) -> MeasurementSpec {
    MeasurementSpec {
        name: name.into(),
        of,
        unit: "N".into(),
        resolution: 0.1,
        lo,
        hi,
        warn: None,
        low_is_invalid: false,
        spec: None,
        spc: true,
    }
}

fn approach(limit: f64, until: Stop, register: &str) -> Primitive {
    Primitive::ApproachUntil {
        axis: PRESS,
        limit: Target::Value(limit),
        velocity_au_s: 2.0,
        until,
        trip: Some((FORCE, 180.0)),
        register: Some(register.into()),
        between: None,
        outside: Meaning::Ok,
        at_limit: Meaning::Fail("no-contact".into()),
        at_trip: Meaning::Fail("force-trip".into()),
    }
}

fn press() -> Step {
    let to = Target::FromRegister { register: "contact.trigger".into(), offset: 12.0 };
    let of = Feature::Curve { curve: "force".into(), feature: CurveFeature::ValueAtEnd };
    Step {
        station: Some(WORK),
        resources: vec![Resource::Axis(PRESS), Resource::StationSpace(WORK)],
        check_before: Some(Expr::Input(PRESENT)),
        irreversible: true,
        after_restart: Default::default(),
        on_hold: OnHold::Finish,
        measurements: vec![measurement("seat_force", of, 70.0, 150.0)],
        windows: vec![Window {
            curve: "force".into(),
            origin: Some("contact.trigger".into()),
            shape: WindowShape::Within { position: (10.0, 12.0), value: (20.0, 170.0) },
            unit: "N".into(),
            position_unit: "mm".into(),
        }],
        cleanup: vec![Primitive::MoveTo { axis: PRESS, target: Target::Value(0.0), velocity_au_s: 50.0 }],
        ..step(
            "press",
            4,
            vec![
                Primitive::MoveTo { axis: PRESS, target: Target::Value(30.0), velocity_au_s: 50.0 },
                Primitive::CaptureStart {
                    curve: "force".into(),
                    axis: Some(PRESS),
                    analog: Some(FORCE),
                    limit: DurationNs::from_millis(5_000),
                },
                approach(50.0, Stop::AnalogAtLeast(FORCE, 5.0), "contact"),
                Primitive::PointOfNoReturn,
                approach(60.0, Stop::Position(to), "seat"),
                Primitive::Dwell { duration: DurationNs::from_millis(20) },
                Primitive::CaptureEnd { curve: "force".into() },
                Primitive::Judge,
            ],
        )
    }
}

fn inspect() -> Step {
    Step {
        station: Some(WORK),
        resources: vec![Resource::Camera(CameraId(0))],
        on_fail: Handler::Retry { times: 1, after: DurationNs::from_millis(200), then: Then::Reject },
        measurements: vec![MeasurementSpec {
            unit: "um".into(),
            ..measurement("burr", Feature::Device("burr".into()), 0.0, 25.0)
        }],
        ..step(
            "inspect",
            5,
            vec![
                Primitive::SetOutput { output: VALVE, value: true },
                Primitive::Inspect { camera: CameraId(0), job: "tip".into(), version: 4 },
                Primitive::Judge,
                Primitive::Ask {
                    prompt: "No visible damage".into(),
                    answers: vec!["ok".into(), "ng".into()],
                    pass: vec!["ok".into()],
                    otherwise: Meaning::Fail("look".into()),
                },
            ],
        )
    }
}

fn unload(id: &str, n: u32, to: Place, verify: Option<InputId>, station: Option<StationId>) -> Step {
    let go = match to {
        Place::TrayNext(tray) | Place::Bin(tray) => {
            robot(RobotOp::MoveTray { tray, above: true, speed: 0.5 })
        }
        _ => robot(RobotOp::MovePose { pose: "home".into(), speed: 0.5 }),
    };
    Step {
        station,
        resources: vec![Resource::Robot(ROBOT), Resource::StationSpace(WORK)],
        check_after: verify.map(Expr::Input),
        ..step(
            id,
            n,
            vec![
                robot(RobotOp::MoveStation { above: false, speed: 0.5 }),
                grip(true),
                Primitive::PlacePart { what: PlaceWhat::Unit, to: Place::Gripper(ROBOT), verify: None },
                go,
                grip(false),
                Primitive::PlacePart { what: PlaceWhat::Unit, to, verify },
                robot(RobotOp::MovePose { pose: "home".into(), speed: 0.5 }),
            ],
        )
    }
}

/// fork {hub: load, scan | cannula: feed}, press, inspect, unload; rejected: to the bin.
pub(crate) fn plan() -> Plan {
    let steps = vec![
        pick_hub(),
        scan(),
        feed(),
        press(),
        inspect(),
        unload("to-tray", 6, Place::TrayNext(GOOD), None, Some(WORK)),
        unload("to-bin", 7, Place::Bin(BIN), Some(DROP), None),
    ];
    let branch = |name: &str, steps: &[u16]| Branch {
        name: name.into(),
        body: steps.iter().map(|s| Node::Step(StepIx(*s))).collect(),
    };
    let component = |name: &str, part: &str, identify, source| Component {
        name: name.into(),
        part: part.into(),
        identify,
        source,
    };
    Plan {
        format: PLAN_FORMAT,
        recipe_id: "test".into(),
        recipe_version: "1.0.0".into(),
        variant: None,
        specification: None,
        recipe_hash: "r".into(),
        cell_id: "bench".into(),
        cell_hash: "cell-hash".into(),
        taught_hash: "taught-hash".into(),
        params: vec![],
        set: vec![],
        components: vec![
            component("hub", "HUB", Identify::PerUnit, None),
            component("cannula", "CAN", Identify::PerLot, Some(LANE)),
        ],
        invariants: vec![Invariant {
            id: "air".into(),
            check: Expr::Input(AIR),
            otherwise: FaultClass::Hold,
        }],
        steps,
        body: vec![
            Node::Parallel {
                id: "load-all".into(),
                branches: vec![branch("hub", &[0, 1]), branch("cannula", &[2])],
            },
            Node::Step(StepIx(3)),
            Node::Step(StepIx(4)),
            Node::Step(StepIx(5)),
        ],
        on_reject: vec![Node::Step(StepIx(6))],
    }
}

/// A plan of these steps, one after another, without a reject path.
pub(crate) fn plan_of(steps: Vec<Step>) -> Arc<Plan> {
    let body = (0..steps.len()).map(|i| Node::Step(StepIx(i as u16))).collect();
    Arc::new(Plan { steps, body, on_reject: vec![], components: vec![], invariants: vec![], ..plan() })
}
