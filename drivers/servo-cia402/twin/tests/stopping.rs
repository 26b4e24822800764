//! How motion ends: option codes, halt, fault reaction, brake.

use super::*;

/// Way in au and time in ms from 100 au/s to rest after a controlword, and the state then.
fn stopped_by(bench: &mut Bench, controlword: u16) -> (f64, u32, u16) {
    bench.ramp(20.0, 100.0);
    bench.controlword = controlword;
    let from = bench.inputs().position;
    let ms = (1..=400).find(|_| bench.cycle().velocity < 2_000).unwrap_or(u32::MAX);
    let inputs = bench.cycles(20);
    assert_eq!(inputs.error_code, 0);
    (f64::from(inputs.position - from) / COUNTS, ms, bench.state())
}

/// Slow down ramp 1,000 au/s², quick stop ramp 2,000, the motor's limit 6,000: from 100 au/s to rest in 100, 50, 17 ms.
#[test]
fn option_codes_say_how_and_where_a_stop_ends() {
    const NEVER: u32 = u32::MAX;
    // (object, option, controlword, ms to rest, state then)
    let table: &[(u16, i16, u16, [u32; 2], u16)] = &[
        (0x605A, 0, 0x0B, [1, NEVER], 0x40),
        (0x605A, 1, 0x0B, [95, 130], 0x40),
        (0x605A, 2, 0x0B, [45, 75], 0x40),
        (0x605A, 3, 0x0B, [14, 45], 0x40),
        (0x605A, 5, 0x0B, [95, 130], 0x07),
        (0x605A, 6, 0x0B, [45, 75], 0x07),
        (0x605A, 7, 0x0B, [14, 45], 0x07),
        (0x605B, 1, 0x06, [95, 130], 0x21),
        (0x605C, 1, 0x07, [95, 130], 0x23),
        (0x605D, 1, 0x10F, [95, 130], 0x27),
        (0x605D, 2, 0x10F, [45, 75], 0x27),
        (0x605D, 3, 0x10F, [14, 45], 0x27),
    ];
    for (object, option, controlword, [least, most], state) in table {
        let mut bench = Bench::enabled_at(0.0);
        bench.twin.object_write(*object, 0, &option.to_le_bytes()).unwrap();
        let what = format!("{object:#06x} = {option}");
        let (way, ms, then) = stopped_by(&mut bench, *controlword);
        assert!((*least..=*most).contains(&ms), "{what}: {ms} ms, {way} au");
        assert_eq!(then, *state, "{what}");
    }
    // Without a ramp the torque is gone at once: the axis coasts by its friction.
    for (object, controlword, state) in [(0x605A, 0x0B, 0x40), (0x605B, 0x06, 0x21), (0x605C, 0x07, 0x23)] {
        let mut bench = Bench::enabled_at(0.0);
        bench.twin.object_write(object, 0, &[0, 0]).unwrap();
        bench.ramp(20.0, 100.0);
        bench.controlword = controlword;
        let inputs = bench.cycle();
        assert_eq!((inputs.torque, bench.get("axis.x.torque")), (0, 0.0), "{object:#06x}");
        assert_eq!(bench.state(), state, "{object:#06x}");
    }
}

#[test]
fn a_halt_is_taken_back_and_the_fault_reaction_has_its_ramp() {
    let mut bench = Bench::enabled_at(0.0);
    let (_, _, state) = stopped_by(&mut bench, 0x10F);
    assert_eq!(state, 0x27);
    assert_eq!(bench.inputs().statusword & STATUS_FOLLOWS, 0, "it follows no setpoint");
    bench.target = bench.inputs().position;
    bench.controlword = 0x0F;
    let stands = bench.target;
    let inputs = bench.cycles(50);
    assert!((inputs.position - stands).abs() <= 2, "{inputs:?}");
    assert_ne!(inputs.statusword & STATUS_FOLLOWS, 0);
    for (option, most) in [(1i16, 130), (2, 75), (3, 45)] {
        let mut bench = Bench::enabled_at(0.0);
        bench.twin.object_write(0x605E, 0, &option.to_le_bytes()).unwrap();
        bench.ramp(20.0, 100.0);
        bench.twin.outputs_off();
        let ms = (1..=400).find(|_| bench.silent_cycle().velocity < 2_000).unwrap();
        assert!((most - 45..=most).contains(&ms), "{option}: {ms} ms");
        (0..20).for_each(|_| {
            bench.silent_cycle();
        });
        assert_eq!((bench.state(), bench.inputs().error_code), (0x08, ERROR_COMMUNICATION));
    }
}

/// A vertical axis that falls wherever nothing holds it: 0.3 N·m at the motor.
#[test]
fn a_vertical_axis_is_held_by_its_brake_or_its_torque_at_every_moment() {
    let mut bench = Bench::at(10.0);
    bench.weight = 0.3;
    let brake = BrakeTimes { release_ns: 30_000_000, engage_ns: 20_000_000 };
    bench.twin.config.brake = brake;
    bench.twin.power_cycle();
    bench.cycles(25);
    for (controlword, cycles) in [(6, 2), (7, 3), (15, 120)] {
        bench.controlword = controlword;
        bench.cycles(cycles);
    }
    assert_eq!((bench.state(), bench.get("axis.x.brake")), (0x27, 0.0));
    assert!((bench.inputs().position - 10_000).abs() < 20, "{:?}", bench.inputs());
    // Disable operation: to rest, the brake, then the torque.
    bench.controlword = 7;
    let still = bench.inputs().position;
    bench.cycles(10);
    assert_eq!((bench.state(), bench.get("axis.x.brake")), (0x27, 1.0), "brake and torque");
    bench.cycles(40);
    assert_eq!((bench.state(), bench.get("axis.x.torque")), (0x23, 0.0));
    assert!((bench.inputs().position - still).abs() < 20, "{:?}", bench.inputs());
    // Torque that is taken away leaves the axis to fall until the brake holds.
    bench.controlword = 15;
    bench.cycles(120);
    let still = bench.inputs().position;
    bench.controlword = 0;
    bench.cycles(60);
    assert!(still - bench.inputs().position > 50, "{still} {:?}", bench.inputs());
}
