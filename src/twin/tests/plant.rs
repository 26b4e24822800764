//! The machine moved through its drives: what a unit goes through, station by station.

mod common;

use cellwright_model::plant::{Defect, PartKind};
use cellwright_model::{InputId, StationId};
use cellwright_twin::plant::process::press_resistance;
use cellwright_twin::plant::{Assembly, Cursors, Injection, TrayLoad, Truth, Used};
use common::bench::{Bench, CLOSE, LOAD, PRESS, TEST};

/// A truth whose first unit is good, and cursors for a bench.
fn bench() -> Bench {
    let description = common::description(&common::cell());
    let good = |seed: &u64| {
        let t = Truth { description: description.clone(), seed: *seed };
        PartKind::ALL.iter().all(|&k| t.defect(k, 0).is_none())
    };
    let seed = (1..).find(good).expect("most units are good");
    Bench::new(Truth { description, seed }, &Cursors::default())
}

/// A bench whose n-th part has a defect, that part being the next one.
fn bench_with(defect: Defect) -> Bench {
    let description = common::description(&common::cell());
    let only = |seed: &u64| {
        let t = Truth { description: description.clone(), seed: *seed };
        PartKind::ALL.iter().all(|&k| t.defect(k, 0) == (k == defect.kind()).then_some(defect))
    };
    let seed = (1..).find(only).expect("such a unit exists");
    Bench::new(Truth { description, seed }, &Cursors::default())
}

fn unit(b: &Bench, station: &str) -> Assembly {
    let station = b.cell.station(station).expect("a station");
    *b.plant.places().at_station(station).expect("a nest at the station")
}

#[test]
fn every_axis_follows_its_drive_within_the_guard() {
    let mut b = bench();
    for (name, to, speed) in [
        ("press_z", 38.0, 60.0),
        ("feeder_x", 110.0, 300.0),
        ("table", 270.0, 300.0),
        ("driver_1", 540.0, 1800.0),
    ] {
        let guard = b.cell.axes[b.axis(name).index()].following_error_max_au;
        let error = format!("axis.{name}.position");
        let mut last = b.at(name);
        let mut jump = 0.0f64;
        b.move_until(name, to, speed, |b| {
            jump = jump.max((b.quantity(&error) - last).abs());
            last = b.quantity(&error);
            false
        });
        assert!(jump <= speed * 1e-3 * 1.5, "{name} moves {jump} in a millisecond");
        assert!((b.at(name) - to).abs() < guard * 0.01, "{name} rests at {}", b.at(name));
    }
}

/// Presses to a depth from where 5 N are felt; the curve of (depth, force) and where contact was.
fn press(b: &mut Bench, depth_mm: f64) -> (f64, Vec<(f64, f64)>) {
    b.move_to("table", PRESS, 300.0);
    b.move_to("press_z", 38.0, 60.0);
    b.move_until("press_z", 41.5, 2.0, |b| b.quantity("ai.load_cell") >= 5.0);
    let contact = b.at("press_z");
    let mut curve = Vec::new();
    b.move_until("press_z", contact + depth_mm, 2.0, |b| {
        curve.push((b.at("press_z") - contact, b.quantity("ai.load_cell")));
        curve.last().is_some_and(|(_, force)| *force > 180.0)
    });
    curve.push((b.at("press_z") - contact, b.quantity("ai.load_cell")));
    (contact, curve)
}

#[test]
fn a_good_press_fit_gives_its_curve_and_springs_back() {
    let mut b = bench();
    b.load(0);
    let (contact, curve) = press(&mut b, 12.40);
    assert!((contact - b.truth.hub(0).contact_mm).abs() < 0.15, "contact at {contact}");
    let (depth, force) = *curve.last().expect("a curve");
    assert!((depth - 12.40).abs() < 0.01, "{depth}");
    assert!((84.0..136.0).contains(&force), "{force} N at the end");
    for (_, force) in curve.iter().filter(|(d, _)| (10.0..12.0).contains(d)) {
        assert!((22.0..138.0).contains(force), "{force} N in the window");
    }
    let seated = unit(&b, "press").seated_mm;
    assert!((12.2..12.5).contains(&seated), "seated {seated} mm");
    // Back by a tenth of a millimetre the force is gone; the cannula stays.
    b.move_to("press_z", contact + 12.40 - 0.20, 2.0);
    assert!(b.quantity("ai.load_cell").abs() < 2.0);
    b.move_to("press_z", 0.0, 60.0);
    assert_eq!(unit(&b, "press").seated_mm, seated);
}

#[test]
fn force_follows_the_stated_law_along_the_whole_stroke() {
    let mut b = bench();
    b.load(0);
    let press_physics = b.truth.description.press.expect("a press");
    let fit = b.truth.fit(0, 0);
    let (_, curve) = press(&mut b, 12.40);
    let contact = b.truth.hub(0).contact_mm;
    let touched = b.at("press_z");
    // Axis position of each sample: the curve's depth counts from where 5 N were felt.
    let felt = touched - curve.last().expect("a curve").0;
    for (depth, force) in curve.iter().filter(|(d, _)| *d > 0.5) {
        let seated = felt + depth - contact - force / press_physics.stiffness_n_per_mm;
        let law = press_resistance(&press_physics, fit, seated).0 + 0.3;
        assert!((force - law).abs() < 1.5, "{force} N at {seated} mm, the law says {law}");
    }
}

#[test]
fn an_oversize_part_trips_and_a_loose_hub_holds_too_little() {
    let peak = |b: &mut Bench| {
        b.load(0);
        let (_, curve) = press(b, 12.40);
        curve.iter().fold(0.0f64, |m, (_, f)| m.max(*f))
    };
    assert!(peak(&mut bench_with(Defect::HubOversize)) > 180.0);
    assert!(peak(&mut bench_with(Defect::CannulaOversize)) > 180.0);
    assert!(peak(&mut bench_with(Defect::HubUndersize)) < 66.0);
}

#[test]
fn without_a_part_under_it_the_ram_meets_nothing() {
    let mut b = bench();
    b.load(0);
    b.move_to("table", PRESS - 1.0, 300.0);
    b.move_to("press_z", 50.0, 60.0);
    assert!(b.quantity("ai.load_cell").abs() < 2.0);
}

/// Cap placed, run down to snug by position, tightened by torque: (angle of snug, angle, torque, cap).
fn screw(b: &mut Bench) -> (f64, f64, f64) {
    b.load(0);
    b.move_to("table", CLOSE, 300.0);
    assert!(b.at_pocket(1, "cap_tray", 0, true));
    b.at_pose(1, "close", false);
    b.move_to("driver_1", 0.0, 1800.0);
    b.move_until("driver_1", 540.0, 1800.0, |b| b.quantity("ai.torque_1") >= 0.10);
    b.move_until("driver_1", 720.0, 360.0, |b| b.quantity("ai.torque_1") >= 0.10);
    let snug = b.at("driver_1");
    let (mut angle, mut torque) = (0.0, 0.0);
    b.torque_until("driver_1", 0.5, 0.6, |b| {
        (angle, torque) = (b.at("driver_1"), b.quantity("ai.torque_1"));
        torque >= 0.35
    });
    (snug, angle, torque)
}

#[test]
fn a_good_cap_is_tightened_and_stays_tight() {
    let mut b = bench();
    let (snug, angle, torque) = screw(&mut b);
    assert!((560.0..700.0).contains(&snug), "snug at {snug}");
    assert!((0.33..0.375).contains(&torque), "{torque} N·m after the hold");
    assert!((15.0..45.0).contains(&(angle - snug)), "{} deg from snug", angle - snug);
    assert!(b.quantity("ai.torque_1").abs() < 0.03, "{} N·m after release", b.quantity("ai.torque_1"));
    let turned = unit(&b, "close").cap_turned_deg;
    // The bit's freewheel: turned back, it takes the cap along nowhere.
    b.move_to("driver_1", 0.0, 1800.0);
    assert!(b.quantity("ai.torque_1").abs() < 0.01);
    assert_eq!(unit(&b, "close").cap_turned_deg, turned);
}

#[test]
fn a_cross_threaded_cap_binds_early_and_a_stripped_one_never() {
    let mut b = bench_with(Defect::CapCrossThread);
    let (bound, _, _) = screw(&mut b);
    assert!(bound < 440.0, "bound at {bound}");
    let mut b = bench_with(Defect::CapStripped);
    let (snug, _, torque) = screw(&mut b);
    assert!((snug - 720.0).abs() < 1.0 && torque < 0.085, "{snug} deg, {torque} N·m");
}

/// Fills, lets settle and measures for two seconds: pressure after filling, decay in Pa/s.
fn leak(b: &mut Bench, clamp: bool) -> (f64, f64) {
    b.load(0);
    b.move_to("table", CLOSE, 300.0);
    b.at_pocket(1, "cap_tray", 0, true);
    b.at_pose(1, "close", false);
    b.move_to("table", TEST, 300.0);
    b.set("do.clamp_test", f64::from(u8::from(clamp)));
    b.set("do.valve_vent", 1.0);
    b.set("do.valve_fill", 1.0);
    b.run(1_000);
    b.set("do.valve_fill", 0.0);
    b.run(1_000);
    let filled = b.quantity("ai.leak_1");
    let samples: Vec<f64> = (0..2_000)
        .map(|_| {
            b.run(1);
            b.quantity("ai.leak_1")
        })
        .collect();
    let (early, late) =
        (samples[..500].iter().sum::<f64>() / 500.0, samples[1_500..].iter().sum::<f64>() / 500.0);
    (filled, (early - late) / 1.5)
}

#[test]
fn a_tight_unit_holds_pressure_a_leaky_one_does_not_and_the_vent_is_spring_open() {
    let mut b = bench();
    let (filled, decay) = leak(&mut b, true);
    let rate = b.truth.cap(0).leak_pa_s;
    assert!((filled - 50_000.0).abs() < 500.0, "{filled} Pa");
    assert!((decay - rate).abs() < 1.5, "{decay} Pa/s, the cap leaks {rate}");
    b.set("do.valve_vent", 0.0);
    b.run(2_000);
    assert!(b.quantity("ai.leak_1") < 200.0);
    let (_, decay) = leak(&mut bench_with(Defect::LeakySeal), true);
    assert!(decay > 20.0, "{decay} Pa/s");
    let (filled, _) = leak(&mut bench(), false);
    assert!(filled < 40_000.0, "an open volume holds {filled} Pa");
}

#[test]
fn parts_are_numbered_as_their_sources_give_them() {
    let mut b = bench();
    b.load(0);
    let (hub, lane) = (b.tray("hub_tray"), b.tray("lane_2"));
    assert_eq!(unit(&b, "load"), Assembly { hub: Some(0), cannula: Some(0), ..Assembly::default() });
    assert_eq!(b.plant.places().trays[hub.index()].moved, 1);
    assert_eq!(b.plant.places().trays[lane.index()].moved, 1);
    // An emptied pocket gives nothing; a pocket further on gives the next number.
    assert!(!b.at_pocket(0, "hub_tray", 0, true));
    assert!(b.at_pocket(0, "hub_tray", 5, true));
    // The nest is taken: the part is lost, and said to have collided.
    b.at_pose(0, "load", false);
    assert_eq!((b.plant.places().lost, b.plant.places().collisions), (1, 1));
    assert_eq!(unit(&b, "load").hub, Some(0));
    // Sources that gave parts before go on from there.
    let truth = (*b.truth).clone();
    // The tray that is there now was begun when the one before it still had parts.
    let hubs = Used { next: 3, moved: 253 + 17 };
    let mut b = Bench::new(truth, &Cursors(vec![hubs, Used { next: 7, moved: 7 }]));
    assert!(!b.at_pocket(0, "hub_tray", 2, true));
    b.move_to("table", LOAD, 300.0);
    assert!(b.at_pocket(0, "hub_tray", 3, true));
    b.at_pose(0, "load", false);
    assert_eq!(unit(&b, "load").hub, Some(270));
}

#[test]
fn a_unit_goes_to_the_tray_or_the_bin_and_its_sensor_sees_it() {
    let mut b = bench();
    b.load(0);
    let seen = |b: &Bench| {
        ["load", "press", "close", "test"].map(|s| b.quantity(&format!("di.{s}.nest_hub_present")) == 1.0)
    };
    assert_eq!(seen(&b), [true, false, false, false], "only where the nest stands");
    b.move_until("table", TEST, 300.0, |b| b.at("table") > 45.0);
    assert_eq!(seen(&b), [false; 4], "no station sees a nest between two of them");
    b.move_to("table", TEST, 300.0);
    assert_eq!(seen(&b), [false, false, false, true]);
    assert!(b.at_pose(1, "test", true));
    b.run(1);
    assert_eq!(seen(&b), [false; 4]);
    assert_eq!(b.quantity("di.good_pocket_filled"), 0.0);
    b.at_pocket(1, "good_tray", 0, false);
    b.run(1);
    assert_eq!(b.quantity("di.good_pocket_filled"), 1.0);
    assert_eq!(b.plant.places().trays[b.tray("good_tray").index()].moved, 1);

    b.load(1);
    assert!(b.at_pose(1, "load", true));
    b.run(1);
    assert_eq!(b.quantity("di.good_pocket_filled"), 0.0, "until the gripper takes the next unit");
    b.at_pocket(1, "reject_bin", 0, false);
    let pulse: Vec<u64> = (0..1_000)
        .filter(|_| {
            b.run(1);
            b.quantity("di.bin_drop") > 0.5
        })
        .collect();
    assert_eq!((pulse.first(), pulse.len()), (Some(&119), 300), "falls, then a pulse");
    let bin = &b.plant.places().trays[b.tray("reject_bin").index()];
    assert_eq!((bin.moved, bin.bin[0].hub), (1, Some(1)));
}

#[test]
fn a_gripper_that_misses_does_so_by_the_seed_and_the_part_stays() {
    let mut truth = (*bench().truth).clone();
    truth.description.grippers.miss = 0.5;
    let mut b = Bench::new(truth, &Cursors::default());
    let mut tries = Vec::new();
    for n in 0..40 {
        let mut count = 1;
        while !b.at_pocket(0, "hub_tray", n, true) {
            count += 1;
            assert!(count < 50);
        }
        tries.push(count);
        b.at_pose(0, "home", false);
    }
    let expected: Vec<u64> = (0..40)
        .map(|n| 1 + (0..).find(|&i| !b.truth.grip_misses(PartKind::Hub, n, i)).expect("it grips at last"))
        .collect();
    assert_eq!(tries, expected);
    assert!(tries.iter().any(|&c| c > 1) && tries.contains(&1));
}

#[test]
fn an_empty_tray_is_exchanged_for_a_full_one_and_the_count_goes_on() {
    let mut b = bench();
    let tray = b.tray("hub_tray");
    for n in 0..260 {
        if n == 250 {
            assert!((0..250).all(|n| !b.at_pocket(0, "hub_tray", n, true)), "used up");
            b.plant.inject(Injection::Exchange { tray, load: TrayLoad::default() });
        }
        assert!(b.at_pocket(0, "hub_tray", n % 250, true), "part {n}");
        b.at_pose(0, "home", false);
    }
    assert_eq!(b.plant.places().trays[b.tray("hub_tray").index()].moved, 260);
}

#[test]
fn a_jammed_axis_stands_still_and_an_empty_lane_gives_nothing() {
    let mut b = bench();
    b.plant.inject(Injection::LaneEmpty(true));
    b.run(1);
    assert_eq!(b.quantity("di.lane_part_ready"), 0.0);
    b.load(0);
    assert_eq!(unit(&b, "load").cannula, None);
    let axis = b.axis("press_z");
    let before = b.at("press_z");
    b.plant.inject(Injection::AxisJam { axis, jammed: true });
    b.move_to("press_z", 10.0, 60.0);
    assert_eq!(b.at("press_z"), before);
}

#[test]
fn safety_inputs_take_the_torque_and_inputs_can_be_stuck() {
    let mut b = bench();
    assert_eq!((b.quantity("di.estop_ok"), b.quantity("di.guard_ok"), b.quantity("sto")), (1.0, 1.0, 1.0));
    b.plant.inject(Injection::EStop(true));
    b.run(1);
    assert_eq!((b.quantity("di.estop_ok"), b.quantity("di.guard_ok"), b.quantity("sto")), (0.0, 1.0, 0.0));
    b.plant.inject(Injection::EStop(false));
    b.plant.inject(Injection::GuardOpen(true));
    b.run(1);
    assert_eq!((b.quantity("di.estop_ok"), b.quantity("di.guard_ok"), b.quantity("sto")), (1.0, 0.0, 0.0));
    let air = b.cell.input("air_ok").expect("an input");
    b.plant.inject(Injection::InputStuck { input: air, level: Some(false) });
    b.run(1);
    assert_eq!(b.quantity("di.air_ok"), 0.0);
    b.plant.inject(Injection::InputStuck { input: air, level: None });
    b.plant.inject(Injection::InputStuck { input: InputId(999), level: Some(true) });
    b.run(1);
    assert_eq!(b.quantity("di.air_ok"), 1.0);
    let cell_load = b.cell.analog("load_cell").expect("a channel");
    b.plant.inject(Injection::AnalogOffset { analog: cell_load, offset: 40.0 });
    b.run(1);
    assert!((b.quantity("ai.load_cell") - 40.3).abs() < 1.5);
}

#[test]
fn nests_are_at_stations_as_the_cell_file_says_and_at_none_in_between() {
    let mut b = bench();
    let nest = |b: &Bench, station: u16| b.plant.places().station_nest[StationId(station).index()];
    b.move_to("table", LOAD, 300.0);
    // Nest k is at a station when the table stands k pitches before it.
    assert_eq!((0..4).map(|s| nest(&b, s)).collect::<Vec<_>>(), [Some(0), Some(1), Some(2), Some(3)]);
    b.move_to("table", PRESS, 300.0);
    assert_eq!((0..4).map(|s| nest(&b, s)).collect::<Vec<_>>(), [Some(3), Some(0), Some(1), Some(2)]);
    b.move_to("table", 45.0, 300.0);
    assert!((0..4).all(|s| nest(&b, s).is_none()));
}
