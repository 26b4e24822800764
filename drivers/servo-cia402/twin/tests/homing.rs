//! Homing in virtual time: every method, from where it may begin, and what goes wrong.

use super::*;

/// Switches at -10 and 110 au, an index pulse every 5 au, an encoder that begins at zero where it gets its supply.
fn bench(at: f64) -> Bench {
    let mut bench = Bench::at(at);
    bench.plant.add("axis.x.limit_negative", 0.0);
    bench.plant.add("axis.x.limit_positive", 0.0);
    let mut config = ServoConfig::for_axis("x", COUNTS, 1.0, VELOCITY_MAX);
    (config.incremental, config.index_every_au) = (true, 5.0);
    bench.twin = ServoTwin::new(config, &bench.plant).expect("a drive");
    bench.target = 0;
    bench.cycles(25);
    assert_eq!(bench.inputs().position, 0, "an incremental encoder begins at zero");
    bench.enable();
    bench
}

fn write(bench: &mut Bench, index: u16, sub: u8, value: i32, bytes: usize) {
    bench.twin.object_write(index, sub, &value.to_le_bytes()[..bytes]).unwrap();
}

/// A cycle, the switches as the axis stands.
fn cycle(bench: &mut Bench) -> Inputs {
    let x = bench.get("axis.x.position");
    bench.set("axis.x.limit_negative", f64::from(u8::from(x <= -10.0)));
    bench.set("axis.x.limit_positive", f64::from(u8::from(x >= 110.0)));
    bench.cycle()
}

/// Bits 10, 12 and 13: at rest, attained, error.
fn said(inputs: &Inputs) -> (bool, bool, bool) {
    let bit = |n: u16| inputs.statusword & 1 << n != 0;
    (bit(10), bit(12), bit(13))
}

/// Homes by a method with an offset; the statusword's bits when it is over, and the fastest on the way, au/s.
fn home(bench: &mut Bench, method: i8, offset: i32) -> ((bool, bool, bool), f64) {
    write(bench, 0x6098, 0, method.into(), 1);
    write(bench, 0x607C, 0, offset, 4);
    write(bench, 0x6099, 1, 40_000, 4);
    write(bench, 0x6099, 2, 4_000, 4);
    write(bench, 0x609A, 0, 1_000_000, 4);
    bench.mode = MODE_HOMING;
    bench.controlword = 0x0F;
    cycle(bench);
    let first = cycle(bench);
    assert_eq!((first.mode, said(&first).1), (MODE_HOMING, false), "not begun");
    bench.controlword = 0x1F;
    let mut fastest = 0.0f64;
    for _ in 0..20_000 {
        let inputs = cycle(bench);
        fastest = fastest.max(f64::from(inputs.velocity.abs()) / COUNTS);
        let (at_rest, attained, error) = said(&inputs);
        if at_rest && (attained || error) {
            return (said(&inputs), fastest);
        }
    }
    panic!("not homed within 20 s: {:?}", bench.inputs());
}

const ATTAINED: (bool, bool, bool) = (true, true, false);

/// The position that is shown is the one that counts from home, within `within` counts.
fn shows(bench: &mut Bench, home_au: f64, offset: i32, within: i32) {
    let x = bench.get("axis.x.position");
    let inputs = cycle(bench);
    let wanted = ((x - home_au) * COUNTS).round() as i32 - offset;
    assert!((inputs.position - wanted).abs() <= within, "{} at {x}, not {wanted}", inputs.position);
    assert!(inputs.velocity.abs() < 200, "{inputs:?}");
}

#[test]
fn limit_switches_are_searched_fast_and_left_slowly() {
    for (method, start, home_au) in [(17, 12.0, -10.0), (18, 90.0, 110.0)] {
        let mut bench = bench(start);
        let (said, fastest) = home(&mut bench, method, 2_500);
        assert_eq!(said, ATTAINED, "method {method}");
        assert!((38.0..44.0).contains(&fastest), "method {method}: {fastest} au/s");
        // The edge is seen within a cycle of 4 au/s, and one of the switches' own.
        shows(&mut bench, home_au, 2_500, 15);
    }
}

#[test]
fn an_axis_on_its_switch_only_leaves_it() {
    let mut bench = bench(-12.0);
    let (said, fastest) = home(&mut bench, 17, 0);
    assert_eq!(said, ATTAINED);
    assert!(fastest < 6.0, "{fastest} au/s");
    shows(&mut bench, -10.0, 0, 15);
}

#[test]
fn an_index_pulse_is_home_whatever_the_cycle_has_passed_since() {
    for (method, start, home_au) in [(33, 12.0, 10.0), (34, 12.0, 15.0)] {
        let mut bench = bench(start);
        let (said, fastest) = home(&mut bench, method, -700);
        assert_eq!(said, ATTAINED, "method {method}");
        assert!(fastest < 6.0, "{fastest} au/s");
        shows(&mut bench, home_au, -700, 8);
    }
}

#[test]
fn home_can_be_where_the_axis_stands() {
    let mut bench = bench(33.0);
    let (said, fastest) = home(&mut bench, 37, 1_000);
    assert_eq!(said, ATTAINED);
    assert!(fastest < 0.5);
    shows(&mut bench, 33.0, 1_000, 2);
    // Back in CSP from where it is, without a jump.
    (bench.mode, bench.controlword) = (MODE_CSP, 0x0F);
    bench.target = bench.inputs().position;
    let stands = bench.target;
    let inputs = bench.cycles(50);
    assert!((inputs.position - stands).abs() <= 2 && inputs.mode == MODE_CSP, "{inputs:?}");
}

#[test]
fn what_is_not_found_is_an_error_and_what_is_taken_back_is_interrupted() {
    // The index pulse would come behind the switch.
    let mut bench = bench(109.0);
    bench.twin.config.index_every_au = 500.0;
    let (said_then, _) = home(&mut bench, 34, 0);
    assert_eq!(said_then, (true, false, true));
    assert_eq!(home(&mut bench, 0, 0).0, (true, false, true), "no method");
    let mut bench = super::homing::bench(50.0);
    write(&mut bench, 0x6098, 0, 17, 1);
    (bench.mode, bench.controlword) = (MODE_HOMING, 0x0F);
    cycle(&mut bench);
    bench.controlword = 0x1F;
    (0..200).for_each(|_| {
        cycle(&mut bench);
    });
    assert_eq!(said(&bench.inputs()), (false, false, false), "in progress");
    bench.controlword = 0x0F;
    (0..400).for_each(|_| {
        cycle(&mut bench);
    });
    let inputs = bench.inputs();
    assert_eq!((said(&inputs), inputs.velocity.abs() < 200), ((true, false, false), true), "{inputs:?}");
    bench.controlword = 0x1F;
    (0..100).for_each(|_| {
        cycle(&mut bench);
    });
    assert_eq!(said(&bench.inputs()), (false, false, false), "begun anew");
    assert_eq!(bench.twin.object_write(0x6098, 0, &[35]), Err(SdoAbort::VALUE_RANGE));
}

#[test]
fn an_incremental_encoder_forgets_home_with_its_supply_and_an_absolute_one_does_not() {
    let mut bench = bench(12.0);
    assert_eq!(home(&mut bench, 33, 0).0, ATTAINED);
    let homed = cycle(&mut bench).position;
    assert!(homed.abs() < 500, "{homed}");
    bench.twin.power_cycle();
    let inputs = bench.silent_cycle();
    assert!(inputs.position.abs() <= 5 && !said(&inputs).1, "{inputs:?}");
    bench.twin.config.incremental = false;
    bench.twin.zero_counts = 7_000;
    let before = bench.silent_cycle().position;
    bench.twin.power_cycle();
    assert_eq!(bench.silent_cycle().position, before);
}
