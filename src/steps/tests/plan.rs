//! The embedded recipe as a Plan: the structure of what the engine executes, and that equal text gives an
//! equal Plan.

#[path = "../../recipe/tests/common/mod.rs"]
mod common;

use cellwright_model::cell::Cell;
use cellwright_model::expr::Expr;
use cellwright_model::outcome::FaultClass;
use cellwright_model::plan::*;
use cellwright_model::{DurationNs, StepIx};
use cellwright_recipe::{Sources, compile};
use cellwright_steps::TABLE;
use common::{Files, cell, repository, rows, step};

const RECIPE: &str = "recipes/cannula-hub/cannula-hub.recipe.yaml";

fn compiled(files: &Files, variant: Option<&str>) -> (Plan, Vec<String>) {
    let mut sources = Sources::default();
    match compile(files, RECIPE, &cell(), variant, TABLE, &mut sources) {
        Ok((plan, warnings)) => (plan, rows(&warnings, &sources)),
        Err(list) => panic!("{}", rows(&list, &sources).join("\n")),
    }
}

fn plan(variant: Option<&str>) -> Plan {
    let (plan, warnings) = compiled(&Files::default(), variant);
    assert_eq!(warnings, Vec::<String>::new());
    plan
}

fn fail(cause: &str) -> Meaning {
    Meaning::Fail(cause.into())
}

#[test]
fn the_graph_is_that_of_the_text() {
    let (plan, cell) = (plan(None), cell());
    let ids: Vec<_> = plan.steps.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "place-hub",
            "id-hub",
            "feed/push",
            "press-cannula",
            "place-cap",
            "seal-cap",
            "leak",
            "tip",
            "look",
            "to-tray",
            "to-bin"
        ]
    );
    assert!(plan.steps.iter().enumerate().all(|(i, s)| s.n as usize == i + 1));
    let Node::Parallel { id, branches } = &plan.body[0] else { panic!("{:?}", plan.body) };
    assert_eq!(id, "load");
    assert_eq!(branches[0].body, [Node::Step(StepIx(0)), Node::Step(StepIx(1))]);
    assert_eq!(branches[1].body, [Node::Step(StepIx(2))]);
    assert_eq!(plan.body[1..], (3..10).map(|i| Node::Step(StepIx(i))).collect::<Vec<_>>());
    assert_eq!(plan.on_reject, [Node::Step(StepIx(10))]);
    let stations: Vec<_> =
        plan.steps.iter().map(|s| s.station.map(|s| cell.stations[s.index()].name.as_str())).collect();
    let at = |names: &[&'static str]| names.iter().map(|n| Some(*n)).collect::<Vec<_>>();
    assert_eq!(
        stations[..10],
        at(&["load", "load", "load", "press", "close", "close", "test", "test", "test", "test"])
    );
    assert_eq!(stations[10], None);
    assert_eq!(plan.invariants[0].otherwise, FaultClass::Hold);
    assert_eq!(plan.components[0].identify, Identify::PerUnit);
    assert_eq!(plan.specification.as_ref().map(|s| s.id.as_str()), Some("DS-0142"));
    assert!(plan.params.contains(&("feed/lane".into(), "2".into())));
}

#[test]
fn every_way_through_a_step_is_bounded() {
    let plan = plan(None);
    for step in &plan.steps {
        assert!(step.timeout >= DurationNs::from_millis(1000), "{}", step.id);
        assert!(step.resources.windows(2).all(|w| w[0] < w[1]), "{}: {:?}", step.id, step.resources);
        for op in step.ops.iter().chain(&step.cleanup) {
            if let Primitive::WaitUntil { timeout, .. } = op {
                assert!(timeout.0 > 0, "{}", step.id);
            }
        }
        // Every register that a target counts from has been written before.
        let mut written = Vec::new();
        for op in &step.ops {
            let wanted = match op {
                Primitive::MoveTo { target: Target::FromRegister { register, .. }, .. }
                | Primitive::ApproachUntil { limit: Target::FromRegister { register, .. }, .. }
                | Primitive::RequireRegister { register, .. } => Some(register.clone()),
                _ => None,
            };
            assert!(wanted.is_none_or(|r| written.contains(&r)), "{}: {op:?}", step.id);
            match op {
                Primitive::Mark { register, .. } => written.push(register.clone()),
                Primitive::ApproachUntil { register: Some(r), .. } => written.push(format!("{r}.trigger")),
                _ => {}
            }
        }
    }
}

#[test]
fn picking_takes_one_part_and_no_second() {
    let (plan, cell) = (plan(None), cell());
    let step = step(&plan, "place-hub");
    let robot = cell.robot("robot_l").unwrap();
    let tray = cell.tray("hub_tray").unwrap();
    let hub = PlaceWhat::Component("hub".into());
    let at = |op: &Primitive| step.ops.iter().position(|o| o == op).unwrap_or_else(|| panic!("{op:?}"));
    let missing = Meaning::Fault("grip-failed".into());
    let grip = at(&Primitive::Robot {
        robot,
        request: RobotOp::Grip { close: true, expect_holding: true, missing },
    });
    let no_return = at(&Primitive::PointOfNoReturn);
    let consume = at(&Primitive::Consume { component: "hub".into(), source: Some(tray) });
    let held = at(&Primitive::PlacePart { what: hub.clone(), to: Place::Gripper(robot), verify: None });
    let verify = cell.input("load.nest_hub_present");
    let placed = at(&Primitive::PlacePart { what: hub, to: Place::Nest, verify });
    assert!(grip < no_return && no_return < consume && consume < held && held < placed);
    assert!(verify.is_some());
    let home = RobotOp::MovePose { pose: "home".into(), speed: 1.0 };
    assert_eq!(step.ops.last(), Some(&Primitive::Robot { robot, request: home }));
    assert_eq!(step.timeout, DurationNs::from_millis(8000));
    assert_eq!(step.on_hold, OnHold::Stop);
    assert!(step.irreversible);
}

#[test]
fn a_press_is_contact_then_depth_and_always_goes_home() {
    let (plan, cell) = (plan(None), cell());
    let step = step(&plan, "press-cannula");
    let (axis, force) = (cell.axis("press_z").unwrap(), cell.analog("load_cell").unwrap());
    let moves: Vec<_> = step
        .ops
        .iter()
        .filter_map(|op| match op {
            Primitive::ApproachUntil {
                limit,
                until,
                trip,
                at_limit,
                at_trip,
                register,
                velocity_au_s,
                ..
            } => Some((
                limit,
                until,
                trip.map(|t| t.1),
                at_limit,
                at_trip,
                register.as_deref(),
                *velocity_au_s,
            )),
            _ => None,
        })
        .collect();
    let depth = Target::FromRegister { register: "contact.trigger".into(), offset: 12.4 };
    assert_eq!(moves.len(), 3);
    assert_eq!(moves[0].1, &Stop::Position(Target::Value(38.0)));
    assert_eq!((moves[0].2, moves[0].4, moves[0].6), (Some(5.0), &fail("contact-position"), 60.0));
    assert_eq!((moves[1].0, moves[1].1), (&Target::Value(41.5), &Stop::AnalogAtLeast(force, 5.0)));
    assert_eq!(
        (moves[1].3, moves[1].4, moves[1].5),
        (&fail("no-contact"), &fail("force-trip"), Some("contact"))
    );
    assert_eq!((moves[2].0, moves[2].1), (&depth, &Stop::Position(depth.clone())));
    assert_eq!((moves[2].2, moves[2].6), (Some(180.0), 2.0));
    let Primitive::WaitUntil { condition, late, .. } = &step.ops[0] else { panic!("{:?}", step.ops[0]) };
    assert_eq!(condition, &Expr::And(vec![Expr::above(force, -2.0), Expr::below(force, 2.0)]));
    assert_eq!(late, &Meaning::Fault("zero-offset".into()));
    let between =
        |op: &Primitive| matches!(op, Primitive::RequireRegister { within, .. } if *within == (39.0, 41.5));
    assert!(step.ops.iter().any(between));
    assert_eq!(step.cleanup, [Primitive::MoveTo { axis, target: Target::Value(0.0), velocity_au_s: 60.0 }]);
    assert!(step.irreversible && step.on_hold == OnHold::Finish && step.on_fail == Handler::Reject);
    let m = &step.measurements[0];
    assert_eq!(
        (m.name.as_str(), m.lo, m.hi, m.warn, m.unit.as_str()),
        ("seat_force", 70.0, 150.0, Some((80.0, 140.0)), "N")
    );
    assert_eq!((m.resolution, m.spc, m.spec.as_deref()), (0.1, true, Some("DS-0142/4.2")));
    let feature = CurveFeature::ValueAtEnd;
    assert_eq!(m.of, Feature::Curve { curve: "press".into(), feature });
    let w = &step.windows[0];
    assert_eq!(w.origin.as_deref(), Some("contact.trigger"));
    assert_eq!(w.shape, WindowShape::Within { position: (10.0, 12.0), value: (20.0, 140.0) });
    assert_eq!(
        step.equipment.iter().map(|e| cell.equipment[*e].id.as_str()).collect::<Vec<_>>(),
        ["LC-0231"]
    );
    assert!(matches!(&step.check_before, Some(Expr::And(list)) if list.len() == 2));
}

#[test]
fn a_screw_counts_from_where_it_starts() {
    let (plan, cell) = (plan(None), cell());
    let step = step(&plan, "seal-cap");
    let axis = cell.axis("driver_1").unwrap();
    assert_eq!(
        step.ops[..2],
        [
            Primitive::MoveTo { axis, target: Target::Value(0.0), velocity_au_s: 6000.0 },
            Primitive::Mark { axis, register: "start".into() },
        ]
    );
    let turns: Vec<_> = step
        .ops
        .iter()
        .filter_map(|op| match op {
            Primitive::ApproachUntil {
                limit: Target::FromRegister { offset, .. },
                at_limit,
                at_trip,
                trip,
                velocity_au_s,
                ..
            } => Some((*offset, at_limit.clone(), at_trip.clone(), trip.map(|t| t.1), *velocity_au_s)),
            _ => None,
        })
        .collect();
    assert_eq!(turns[0], (540.0, Meaning::Ok, fail("cross-thread"), Some(0.1), 1800.0));
    assert_eq!(turns[1], (720.0, fail("stripped"), Meaning::Ok, None, 360.0));
    let tighten = step.ops.iter().find_map(|op| match op {
        Primitive::Tighten { target_nm, torque_max_nm, hold, at_limit, .. } => {
            Some((*target_nm, *torque_max_nm, *hold, at_limit))
        }
        _ => None,
    });
    let Some((target, most, hold, at_limit)) = tighten else { panic!("no tightening") };
    assert_eq!((target, hold), (0.35, DurationNs::from_millis(100)));
    assert!(most > target && most <= cell.axes[axis.index()].torque_max_nm);
    assert_eq!(at_limit, &Meaning::Fault("torque-not-reached".into()));
    let features: Vec<_> = step.measurements.iter().map(|m| (&m.of, m.unit.as_str())).collect();
    let curve = |feature| Feature::Curve { curve: "tightening".into(), feature };
    let (torque, angle) =
        (curve(CurveFeature::ValuePeak), curve(CurveFeature::TravelFromLevel { level: 0.1 }));
    assert_eq!(features, [(&torque, "N·m"), (&angle, "deg")]);
}

#[test]
fn a_leak_test_always_vents_before_it_unclamps() {
    let (plan, cell) = (plan(None), cell());
    let step = step(&plan, "leak");
    let outputs = |ops: &[Primitive]| -> Vec<(String, bool)> {
        let name = |op: &Primitive| match op {
            Primitive::SetOutput { output, value } => {
                Some((cell.digital_outputs[output.index()].name.clone(), *value))
            }
            _ => None,
        };
        ops.iter().filter_map(name).collect()
    };
    let list = |pairs: &[(&str, bool)]| pairs.iter().map(|(n, v)| (n.to_string(), *v)).collect::<Vec<_>>();
    assert_eq!(
        outputs(&step.ops),
        list(&[("clamp_test", true), ("valve_vent", true), ("valve_fill", true), ("valve_fill", false)])
    );
    assert_eq!(
        outputs(&step.cleanup),
        list(&[("valve_fill", false), ("valve_vent", false), ("clamp_test", false)])
    );
    assert!(matches!(step.cleanup[2], Primitive::WaitUntil { .. }));
    assert_eq!(
        step.on_fail,
        Handler::Retry { times: 1, after: DurationNs::from_millis(10_000), then: Then::Reject }
    );
    let m = &step.measurements[0];
    assert_eq!((m.lo, m.hi, m.low_is_invalid, m.resolution), (-2.0, 12.0, true, 0.1));
    let gross =
        |op: &Primitive| matches!(op, Primitive::WaitUntil { late, .. } if *late == fail("gross-leak"));
    assert!(step.ops.iter().any(gross));
}

#[test]
fn a_variant_is_its_own_plan() {
    let (default, variant) = (plan(None), plan(Some("25g")));
    assert_eq!(variant.variant.as_deref(), Some("25g"));
    assert_eq!(variant.components[1].part, "CAN-25");
    let m = &step(&variant, "press-cannula").measurements[0];
    assert_eq!((m.lo, m.hi, m.warn), (60.0, 130.0, Some((70.0, 120.0))));
    assert_eq!(default.recipe_hash, variant.recipe_hash);
    assert_ne!(default.hash().unwrap(), variant.hash().unwrap());
}

#[test]
fn equal_text_gives_an_equal_plan_and_every_byte_counts() {
    let hash = plan(None).recipe_hash;
    assert_eq!(plan(None).hash().unwrap(), plan(None).hash().unwrap());
    for path in [RECIPE, "recipes/cannula-hub/feed-cannula.recipe.yaml"] {
        let (changed, _) = compiled(&Files::with(path, repository(path) + "# touched\n"), None);
        assert_ne!(changed.recipe_hash, hash, "{path}");
        assert_eq!(changed.steps, plan(None).steps);
    }
}

#[test]
fn other_kinds_and_fields_reach_the_plan() {
    let base = repository(RECIPE);
    let more = "  - wait: { id: calm, until: leak_1 < 2 kPa and (air_ok or not bin_drop), hold: 100 ms, timeout: 3 s }
  - check: { id: seated, station: close, that: nest_cap_present and not close.nest_cannula_present, on_fail: reject }
  - move: { id: up, axis: press_z, to: 1 mm, velocity: 20 mm/s, on_fault: { retry: 2, after: 1 s, then: ask } }
  - move: { id: park, robot: robot_r, pose: home, speed: 50 % }
  - set: { id: blow, output: spare, to: true, on_hold: finish, on_fault: reject }
  - confirm:";
    let text = base.replacen("  - confirm:", more, 1);
    let cell_text = repository(common::CELL)
        .replace("    buzzer: ", "    spare: { device: do_1, bit: 9, off_state: false }\n    buzzer: ");
    let files = Files(
        [(RECIPE.to_string(), text.into_bytes()), (common::CELL.to_string(), cell_text.into_bytes())].into(),
    );
    let mut sources = Sources::default();
    let (cell, _): (Cell, _) =
        cellwright_recipe::load_cell(&files, common::CELL, None, &mut sources).unwrap();
    let plan = match compile(&files, RECIPE, &cell, None, TABLE, &mut sources) {
        Ok((plan, _)) => plan,
        Err(list) => panic!("{}", rows(&list, &sources).join("\n")),
    };
    let Primitive::WaitUntil { condition: Expr::And(list), hold, timeout, .. } = &step(&plan, "calm").ops[0]
    else {
        panic!("{:?}", step(&plan, "calm"))
    };
    assert_eq!(list[0], Expr::below(cell.analog("leak_1").unwrap(), 2000.0));
    assert!(matches!(&list[1], Expr::Or(l) if matches!(l[1], Expr::Not(_))));
    assert_eq!((hold.0, timeout.0), (100_000_000, 3_000_000_000));
    let Primitive::Check { condition: Expr::And(seated), .. } = &step(&plan, "seated").ops[0] else {
        panic!("{:?}", step(&plan, "seated"))
    };
    let at_close = |name| Expr::Input(cell.input(name).unwrap());
    assert_eq!(seated[0], at_close("close.nest_cap_present"), "the short name means the step's station");
    assert_eq!(seated[1], Expr::Not(Box::new(at_close("close.nest_cannula_present"))));
    assert_eq!(step(&plan, "calm").timeout.0, 3_000_000_000);
    assert_eq!(
        step(&plan, "up").on_fault,
        Handler::Retry { times: 2, after: DurationNs::from_millis(1000), then: Then::Ask }
    );
    assert_eq!(step(&plan, "blow").on_fault, Handler::Reject);
    assert_eq!(step(&plan, "blow").on_hold, OnHold::Finish);
    assert!(
        matches!(&step(&plan, "park").ops[0], Primitive::Robot { request: RobotOp::MovePose { speed, .. }, .. } if *speed == 0.5)
    );
}

/// The recipe as the design page writes it: one limit in it never warns in one variant.
#[test]
fn warning_limits_beyond_a_variants_limits_are_told() {
    let text = repository(RECIPE)
        .replace("warn: $seat_warn", "warn: 80 .. 140 N")
        .replace("  seat_warn:   { default: 80 .. 140 N }\n", "")
        .replace(", seat_warn: 70 .. 120 N", "");
    let (_, warnings) = compiled(&Files::with(RECIPE, text), None);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("R0808 41:68"), "{warnings:?}");
}

#[test]
fn a_longer_check_is_waited_for_and_its_first_input_bears_witness() {
    let text =
        repository(RECIPE).replace("check: nest_cap_present }", "check: air_ok and nest_cap_present }");
    let (plan, _) = compiled(&Files::with(RECIPE, text), None);
    let step = step(&plan, "place-cap");
    let placed =
        step.ops.iter().position(|op| matches!(op, Primitive::PlacePart { to: Place::Nest, .. })).unwrap();
    let air = cell().input("air_ok");
    assert!(matches!(&step.ops[placed], Primitive::PlacePart { verify, .. } if *verify == air));
    let Primitive::WaitUntil { condition: Expr::And(list), late, .. } = &step.ops[placed - 1] else {
        panic!("{:?}", step.ops[placed - 1])
    };
    assert_eq!((list.len(), late), (2, &Meaning::Fault("not-verified".into())));
}

#[test]
fn the_reference_names_every_kind() {
    let text = repository("recipes/README.md");
    for kind in TABLE {
        assert!(text.contains(&format!("| `{}` |", kind.name())), "{}", kind.name());
    }
}
