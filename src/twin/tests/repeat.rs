//! A process on a part is the same whenever it is begun: press, screw and leak test after different waits give
//! bit-equal curves of position and of the sensor.
//!
//! Not equal, and not meant to be: what the sensors show while no parts are under them, and the ambient
//! temperature; both go on by the time of the plant. Waiting parts show one constant sample.

mod common;

use cellwright_model::plant::PartKind;
use cellwright_twin::plant::{Cursors, Truth};
use common::bench::{Bench, CLOSE, PRESS, TEST};

fn truth() -> Truth {
    let description = common::description(&common::cell());
    let good = |seed: &u64| {
        let t = Truth { description: description.clone(), seed: *seed };
        [PartKind::Hub, PartKind::Cannula, PartKind::Cap].iter().all(|&k| t.defect(k, 0).is_none())
    };
    let seed = (1..).find(good).expect("most units are good");
    Truth { description, seed }
}

/// A curve by the bits of its numbers.
type Bits = Vec<(u64, u64)>;

/// One more sample of where an axis is and what a sensor shows.
fn sample(b: &Bench, axis: &str, sensor: &str, curve: &mut Bits) {
    curve.push((b.at(axis).to_bits(), b.quantity(sensor).to_bits()));
}

fn press(b: &mut Bench) -> Bits {
    let mut curve = Vec::new();
    let at = |b: &Bench, curve: &mut Bits| sample(b, "press_z", "ai.load_cell", curve);
    let felt = |b: &Bench| b.quantity("ai.load_cell") >= 5.0;
    b.move_until("press_z", 38.0, 60.0, |b| (at(b, &mut curve), false).1);
    b.move_until("press_z", 41.5, 2.0, |b| (at(b, &mut curve), felt(b)).1);
    let contact = b.at("press_z");
    b.move_until("press_z", contact + 12.4, 2.0, |b| (at(b, &mut curve), false).1);
    b.move_until("press_z", 0.0, 60.0, |b| (at(b, &mut curve), false).1);
    curve
}

fn screw(b: &mut Bench) -> Bits {
    let mut curve = Vec::new();
    let at = |b: &Bench, curve: &mut Bits| sample(b, "driver_1", "ai.torque_1", curve);
    let felt = |b: &Bench| b.quantity("ai.torque_1") >= 0.10;
    b.move_until("driver_1", 540.0, 1800.0, |b| (at(b, &mut curve), felt(b)).1);
    b.move_until("driver_1", 720.0, 360.0, |b| (at(b, &mut curve), felt(b)).1);
    b.torque_until("driver_1", 0.5, 0.6, |b| (at(b, &mut curve), b.quantity("ai.torque_1") >= 0.35).1);
    b.move_until("driver_1", 0.0, 1800.0, |b| (at(b, &mut curve), false).1);
    curve
}

fn leak(b: &mut Bench) -> Bits {
    let mut curve = Vec::new();
    let mut run = |b: &mut Bench, ms: u32| {
        for _ in 0..ms {
            b.run(1);
            sample(b, "table", "ai.leak_1", &mut curve);
        }
    };
    ["do.clamp_test", "do.valve_vent", "do.valve_fill"].iter().for_each(|name| b.set(name, 1.0));
    run(b, 1_000);
    b.set("do.valve_fill", 0.0);
    run(b, 2_000);
    b.set("do.valve_vent", 0.0);
    run(b, 300);
    b.set("do.clamp_test", 0.0);
    b.run(3_000);
    curve
}

/// Two units through all stations with waits between: curves of the second one, and a sample of the ambient
/// temperature.
fn second_unit(waits: [u64; 5]) -> ([Bits; 4], u64) {
    let mut b = Bench::new(truth(), &Cursors::default());
    let mut curves = [const { Vec::new() }; 4];
    for unit in 0..2 {
        b.run(waits[0]);
        b.load(unit);
        b.move_to("table", PRESS, 300.0);
        b.run(waits[1]);
        curves[0] = press(&mut b);
        b.move_to("table", CLOSE, 300.0);
        assert!(b.at_pocket(1, "cap_tray", unit, true));
        b.at_pose(1, "close", false);
        b.move_to("driver_1", 0.0, 1800.0);
        b.run(waits[2]);
        curves[1] = screw(&mut b);
        b.move_to("table", TEST, 300.0);
        b.run(waits[3]);
        curves[2] = leak(&mut b);
        b.run(waits[4]);
        curves[3] = leak(&mut b);
        assert!(b.at_pose(1, "test", true));
        b.at_pocket(1, "good_tray", unit, false);
    }
    let ambient = b.quantity("ai.ambient").to_bits();
    (curves, ambient)
}

#[test]
fn curves_are_bit_equal_whenever_the_process_begins() {
    let (at_once, ambient) = second_unit([500; 5]);
    assert!(at_once.iter().all(|curve| curve.len() > 1_000));
    assert_ne!(at_once[2], at_once[3], "the second attempt of a leak test has noise of its own");
    for waits in
        [[501, 733, 1_009, 650, 877], [5_000, 500, 12_345, 500, 2_000], [997, 4_321, 503, 9_999, 501]]
    {
        let (later, then) = second_unit(waits);
        for (name, (a, b)) in ["press", "screw", "leak", "leak again"].iter().zip(at_once.iter().zip(&later))
        {
            let differs = a.iter().zip(b).position(|(x, y)| x != y);
            assert_eq!((differs, a.len()), (None, b.len()), "{name} after {waits:?}");
        }
        assert_ne!(then, ambient, "the ambient sensor goes on by time");
    }
}
