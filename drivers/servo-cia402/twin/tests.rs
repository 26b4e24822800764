//! The drive on a rigid axis: enabling, following, faults, modes, stops, objects.

mod homing;
mod stopping;

use cellwright_driver_api::twin::Quantities;

use super::*;

const MS: u64 = 1_000_000;
const COUNTS: f64 = 1_000.0;
const VELOCITY_MAX: f64 = 200.0;

/// What a TxPDO says.
#[derive(Debug, Clone, Copy)]
struct Inputs {
    statusword: u16,
    mode: i8,
    position: i32,
    velocity: i32,
    torque: i16,
    following_error: i32,
    error_code: u16,
}

/// A drive, a rigid axis with dry friction, and a MainDevice that sends every cycle.
struct Bench {
    twin: ServoTwin,
    plant: Quantities,
    inertia: f64,
    friction: f64,
    /// Torque that pulls the axis down, N·m; its brake holds it 20 ms after it is told to, and lets go at once.
    weight: f64,
    braked_for_ms: f64,
    controlword: u16,
    mode: i8,
    target: i32,
    torque: i16,
    velocity: i32,
    /// Steps of drive and mechanics in a cycle of 1 ms.
    substeps: u32,
}

impl Bench {
    fn at(position: f64) -> Bench {
        let mut plant = Quantities::default();
        plant.add("axis.x.position", position);
        for what in ["velocity", "torque", "brake"] {
            plant.add(&format!("axis.x.{what}"), 0.0);
        }
        plant.add("sto", 1.0);
        let config = ServoConfig::for_axis("x", COUNTS, 1.0, VELOCITY_MAX);
        let inertia = config.inertia_nm_s2_per_au;
        let twin = ServoTwin::new(config, &plant).expect("a drive");
        let target = (position * COUNTS) as i32;
        Bench {
            twin,
            plant,
            inertia,
            friction: 0.05,
            weight: 0.0,
            braked_for_ms: 0.0,
            controlword: 0,
            mode: MODE_CSP,
            target,
            torque: 0,
            velocity: 0,
            substeps: 1,
        }
    }

    fn enabled_at(position: f64) -> Bench {
        let mut bench = Bench::at(position);
        bench.cycles(25);
        bench.enable();
        bench
    }

    fn enable(&mut self) {
        for (controlword, cycles) in [(6, 2), (7, 3), (15, 8)] {
            self.controlword = controlword;
            self.cycles(cycles);
        }
        assert_eq!(self.state(), 0x27, "operation enabled");
    }

    fn get(&self, what: &str) -> f64 {
        self.plant.get(self.plant.resolve(what).expect("a quantity"))
    }

    fn set(&mut self, what: &str, value: f64) {
        let ix = self.plant.resolve(what).expect("a quantity");
        self.plant.set(ix, value);
    }

    /// One cycle: process data out, a millisecond of drive and mechanics, process data in.
    fn cycle(&mut self) -> Inputs {
        let mut out = [0u8; 14];
        out[..2].copy_from_slice(&self.controlword.to_le_bytes());
        out[2] = self.mode as u8;
        out[4..8].copy_from_slice(&self.target.to_le_bytes());
        out[8..10].copy_from_slice(&self.torque.to_le_bytes());
        out[10..].copy_from_slice(&self.velocity.to_le_bytes());
        self.twin.outputs(&out);
        self.silent_cycle()
    }

    /// A cycle without a frame.
    fn silent_cycle(&mut self) -> Inputs {
        for _ in 0..self.substeps {
            self.twin.step(MS / u64::from(self.substeps), &mut self.plant);
            self.move_axis(1e-3 / f64::from(self.substeps));
        }
        self.inputs()
    }

    fn silent_cycles(&mut self, n: u32) {
        for _ in 0..n {
            self.silent_cycle();
        }
    }

    fn move_axis(&mut self, dt: f64) {
        let (x, v, torque) =
            (self.get("axis.x.position"), self.get("axis.x.velocity"), self.get("axis.x.torque"));
        self.braked_for_ms = if self.get("axis.x.brake") > 0.5 { self.braked_for_ms + dt * 1e3 } else { 0.0 };
        if self.weight > 0.0 && self.braked_for_ms >= 20.0 {
            self.set("axis.x.velocity", 0.0);
            return;
        }
        let free = v + (torque - self.weight) / self.inertia * dt;
        let loss = self.friction / self.inertia * dt;
        let v = free - loss.min(free.abs()).copysign(free);
        self.set("axis.x.velocity", v);
        self.set("axis.x.position", x + v * dt);
    }

    fn cycles(&mut self, n: u32) -> Inputs {
        (1..n).for_each(|_| {
            self.cycle();
        });
        self.cycle()
    }

    fn inputs(&self) -> Inputs {
        let mut d = [0u8; 20];
        self.twin.inputs(&mut d);
        let i32_at = |at: usize| i32::from_le_bytes([d[at], d[at + 1], d[at + 2], d[at + 3]]);
        let u16_at = |at: usize| u16::from_le_bytes([d[at], d[at + 1]]);
        Inputs {
            statusword: u16_at(0),
            mode: d[2] as i8,
            position: i32_at(4),
            velocity: i32_at(8),
            torque: u16_at(12) as i16,
            following_error: i32_at(14),
            error_code: u16_at(18),
        }
    }

    fn state(&self) -> u16 {
        let statusword = self.inputs().statusword;
        if statusword & 0x4F == 0x40 || statusword & 0x08 != 0 {
            statusword & 0x4F
        } else {
            statusword & 0x6F
        }
    }

    /// Moves to `to` by a ramp of constant velocity; returns the largest following error seen.
    fn ramp(&mut self, to: f64, velocity: f64) -> i32 {
        let (from, mut worst) = (f64::from(self.target) / COUNTS, 0);
        let cycles = ((to - from).abs() / velocity * 1e3).ceil() as u32;
        for i in 1..=cycles {
            self.target = ((from + (to - from) * f64::from(i) / f64::from(cycles)) * COUNTS) as i32;
            worst = worst.max(self.cycle().following_error.abs());
        }
        worst
    }
}

#[test]
fn a_drive_boots_and_waits() {
    let mut bench = Bench::at(12.5);
    assert_eq!(bench.cycle().statusword & 0x6F, 0, "not ready");
    let inputs = bench.cycles(24);
    assert_eq!(inputs.statusword, 0x0250);
    assert_eq!((inputs.position, inputs.mode, inputs.error_code), (12_500, MODE_CSP, 0));
    assert_eq!(bench.get("axis.x.brake"), 1.0);
}

#[test]
fn enabling_holds_the_position() {
    let mut bench = Bench::enabled_at(12.5);
    let inputs = bench.cycles(50);
    assert_eq!(inputs.statusword & 0x126F, 0x1227, "enabled, remote, follows");
    assert!((inputs.position - 12_500).abs() <= 1 && inputs.velocity.abs() <= 10, "{inputs:?}");
    assert_eq!(bench.get("axis.x.brake"), 0.0);
}

#[test]
fn the_setpoint_is_followed_closely_at_every_step_time() {
    for substeps in [1, 2, 8] {
        let mut bench = Bench { substeps, ..Bench::enabled_at(0.0) };
        let worst = bench.ramp(20.0, 100.0);
        assert!(worst < 1_000, "{substeps}: {worst} counts behind");
        let inputs = bench.cycles(200);
        assert!((inputs.position - 20_000).abs() <= 5, "{substeps}: {inputs:?}");
        assert!(inputs.following_error.abs() <= 5, "{substeps}: {inputs:?}");
        assert_eq!(inputs.error_code, 0);
    }
}

/// Lost and late frames: the next targets lie further on, and the axis is there.
#[test]
fn a_few_missing_targets_leave_no_jolt_and_more_of_them_an_axis_that_stands() {
    let mut bench = Bench { substeps: 8, ..Bench::enabled_at(0.0) };
    let undisturbed = bench.ramp(10.0, 100.0);
    bench.target += 3 * 100;
    bench.silent_cycles(2);
    let worst = bench.cycle().following_error.abs().max(bench.ramp(20.0, 100.0));
    assert!(worst <= undisturbed + 20, "{worst} counts behind, {undisturbed} undisturbed");
    bench.silent_cycles(4);
    let demand = |bench: &Bench| bench.inputs().position + bench.inputs().following_error;
    // The last targets were rounded to counts.
    assert!((demand(&bench) - 20_300).abs() <= 20, "three periods beyond, no more: {}", demand(&bench));
    bench.silent_cycles(400);
    assert!((bench.inputs().position - 20_300).abs() <= 25, "{:?}", bench.inputs());
    assert_eq!(bench.inputs().error_code, 0);
}

/// A MainDevice that does not keep to the interpolation period, or that jumps, gets what it asks for and no more.
#[test]
fn targets_at_odd_times_and_jumps_are_never_overrun() {
    for silent in [0, 1, 3, 4, 9] {
        let mut bench = Bench { substeps: 8, ..Bench::enabled_at(0.0) };
        bench.cycles(40);
        let mut highest = 0;
        for step in 1..=30 {
            bench.target = step * 300;
            bench.cycle();
            for _ in 0..silent {
                let inputs = bench.silent_cycle();
                if step < 5 {
                    // The row before was regular: the first ones are missed targets to the drive.
                    continue;
                }
                highest = highest.max(inputs.position + inputs.following_error - bench.target);
            }
        }
        assert!(highest <= 1, "{silent}: {highest} counts beyond");
        // One jump, and then nothing more: at once, in a regular row.
        bench.cycles(40);
        bench.target += 500;
        bench.cycle();
        bench.silent_cycles(400);
        assert!((bench.inputs().position - bench.target).abs() <= 5, "{silent}: {:?}", bench.inputs());
    }
}

#[test]
fn a_load_on_the_axis_is_held() {
    let mut bench = Bench::enabled_at(5.0);
    bench.friction = 0.9;
    bench.ramp(10.0, 50.0);
    let inputs = bench.cycles(300);
    assert!((inputs.position - 10_000).abs() <= 10, "{inputs:?}");
    assert!(inputs.torque.abs() <= 1_000, "{inputs:?}");
}

#[test]
fn a_setpoint_far_away_runs_at_the_velocity_limit_into_a_following_error() {
    let mut bench = Bench::enabled_at(0.0);
    bench.target = 500_000;
    let mut fastest = 0;
    for _ in 0..300 {
        let inputs = bench.cycle();
        fastest = fastest.max(inputs.velocity);
    }
    let inputs = bench.inputs();
    assert_eq!((bench.state(), inputs.error_code), (0x08, ERROR_FOLLOWING));
    assert!(f64::from(fastest) <= VELOCITY_MAX * COUNTS * 1.1, "{fastest}");
    assert_eq!((inputs.torque, bench.get("axis.x.torque")), (0, 0.0));
    assert_eq!(inputs.velocity, 0);
    let emergency = bench.twin.emergency().expect("an emergency");
    assert_eq!((emergency.code, emergency.error_register), (ERROR_FOLLOWING, 0x81));
    assert_eq!(bench.twin.emergency(), None);
}

#[test]
fn the_following_error_has_its_time() {
    let mut bench = Bench::enabled_at(0.0);
    // The window is 10 au, the time 10 ms: 0.1 au beyond it are made good within.
    bench.target = 10_100;
    let cycles = (0..50).take_while(|_| bench.cycle().error_code == 0).count();
    assert_eq!(cycles, 50);
    bench.target = 40_000;
    let cycles = (0..50).take_while(|_| bench.cycle().error_code == 0).count();
    assert!((9..=12).contains(&cycles), "{cycles}");
}

#[test]
fn a_fault_is_reset_and_the_drive_enabled_again_from_where_it_is() {
    let mut bench = Bench::enabled_at(0.0);
    bench.target = 500_000;
    bench.cycles(300);
    bench.controlword = 0;
    bench.cycles(2);
    assert_eq!(bench.state(), 0x08);
    bench.controlword = 0x80;
    assert_eq!(bench.cycles(2).error_code, 0);
    bench.twin.emergency();
    assert_eq!(bench.twin.emergency().map(|e| e.code), Some(0), "error reset");
    let stands = bench.inputs().position;
    bench.target = stands;
    bench.enable();
    assert!((bench.cycles(50).position - stands).abs() <= 1);
}

#[test]
fn torque_mode_accelerates_up_to_the_velocity_limit() {
    let mut bench = Bench::enabled_at(0.0);
    bench.friction = 0.0;
    bench.mode = MODE_CST;
    bench.torque = 200;
    let inputs = bench.cycles(12);
    assert_eq!((inputs.mode, inputs.following_error), (MODE_CST, 0));
    assert!((inputs.torque - 200).abs() <= 2, "{inputs:?}");
    // 0.2 N·m on this inertia: 400 au/s².
    let before = inputs.velocity;
    let after = bench.cycles(100).velocity;
    assert!((f64::from(after - before) - 400.0 * COUNTS * 0.1).abs() < 400.0, "{before} {after}");
    let inputs = bench.cycles(2_000);
    assert!((f64::from(inputs.velocity) / COUNTS - VELOCITY_MAX).abs() < 2.0, "{inputs:?}");
    assert_ne!(inputs.statusword & (1 << 11), 0, "internal limit");
}

#[test]
fn the_motor_speed_bounds_an_axis_under_torque() {
    let mut bench = Bench::enabled_at(0.0);
    bench.friction = 0.0;
    (bench.mode, bench.torque) = (MODE_CST, 200);
    bench.twin.object_write(0x6080, 0, &30_000u32.to_le_bytes()).unwrap();
    let fastest = (0..1_000).map(|_| bench.cycle().velocity).max();
    assert!((29_000..30_500).contains(&fastest.unwrap_or(0)), "{fastest:?}");
    assert_ne!(bench.inputs().statusword & STATUS_LIMIT, 0);
    assert_eq!(bench.twin.object_write(0x6080, 0, &[0; 4]), Err(SdoAbort::VALUE_RANGE));
}

#[test]
fn velocity_mode_runs_at_its_target_and_stops_at_zero() {
    let mut bench = Bench::enabled_at(0.0);
    bench.mode = MODE_CSV;
    bench.cycles(2);
    for n in 1..=100 {
        bench.velocity = n * 1_000;
        bench.cycle();
    }
    let inputs = bench.cycles(200);
    assert_eq!((inputs.mode, inputs.following_error), (MODE_CSV, 0));
    assert!((inputs.velocity - 100_000).abs() < 500, "{inputs:?}");
    // No faster than its limit, whatever it is told.
    bench.velocity = i32::MAX;
    let fastest = bench.cycles(500).velocity;
    assert!(f64::from(fastest) <= VELOCITY_MAX * COUNTS * 1.1, "{fastest}");
    bench.velocity = 0;
    let inputs = bench.cycles(500);
    assert!(inputs.velocity.abs() <= 10 && inputs.error_code == 0, "{inputs:?}");
}

#[test]
fn torque_is_limited_to_its_maximum() {
    let mut bench = Bench::enabled_at(0.0);
    bench.mode = MODE_CST;
    bench.torque = 2_000;
    bench.twin.object_write(0x6072, 0, &500u16.to_le_bytes()).unwrap();
    bench.friction = 0.6;
    let inputs = bench.cycles(5);
    assert_eq!((inputs.torque, inputs.velocity), (500, 0));
}

#[test]
fn a_mode_change_starts_from_the_actual_position() {
    let mut bench = Bench::enabled_at(10.0);
    bench.mode = MODE_CST;
    bench.torque = 150;
    bench.cycles(60);
    bench.torque = 0;
    bench.cycles(100);
    let stands = bench.inputs().position;
    assert!(stands > 10_100);
    // The setpoint is right in the same cycle as the mode.
    (bench.mode, bench.target) = (MODE_CSP, stands);
    let worst = (0..50).map(|_| (bench.cycle().position - stands).abs()).max();
    assert!(worst <= Some(2), "{worst:?}");
    assert_eq!(bench.inputs().mode, MODE_CSP);
    // An unsupported mode is not confirmed.
    bench.mode = 1;
    assert_eq!(bench.cycles(5).mode, MODE_CSP);
}

#[test]
fn sto_takes_the_torque_away_without_a_fault() {
    let mut bench = Bench::enabled_at(10.0);
    bench.friction = 0.0;
    bench.ramp(20.0, 100.0);
    bench.set("sto", 0.0);
    let inputs = bench.cycle();
    assert_eq!((inputs.torque, bench.get("axis.x.torque")), (0, 0.0), "at once");
    assert_eq!((inputs.statusword & 0x405F, inputs.error_code), (0x4040, 0), "STO shown, voltage gone");
    bench.controlword = 6;
    assert_eq!(bench.cycles(20).statusword & 0x4F, 0x40, "no way up");
    bench.set("sto", 1.0);
    assert_eq!(bench.cycles(2).statusword & 0x406F, 0x0021);
}

#[test]
fn an_sto_of_the_axis_goes_before_the_common_one() {
    let mut plant = Bench::at(0.0).plant;
    plant.add("sto.x", 0.0);
    let mut twin = ServoTwin::new(ServoConfig::for_axis("x", COUNTS, 1.0, VELOCITY_MAX), &plant).unwrap();
    twin.step(MS, &mut plant);
    assert_ne!(twin.statusword() & STATUS_STO, 0);
}

#[test]
fn quick_stop_ramps_down_and_switches_off() {
    let mut bench = Bench::enabled_at(0.0);
    bench.ramp(20.0, 100.0);
    bench.controlword = 0x0B;
    let from = bench.inputs();
    bench.cycle();
    assert_eq!(bench.state(), 0x07);
    // 2 000 au/s²: 100 au/s stop within 50 ms and 2.5 au.
    let inputs = bench.cycles(70);
    assert_eq!(bench.state(), 0x40);
    assert_eq!((inputs.velocity, inputs.error_code), (0, 0));
    let way = f64::from(inputs.position - from.position) / COUNTS;
    assert!((2.0..3.2).contains(&way), "{way}");
}

#[test]
fn losing_the_main_device_while_enabled_is_a_fault() {
    let mut bench = Bench::enabled_at(0.0);
    bench.ramp(20.0, 100.0);
    bench.twin.outputs_off();
    bench.silent_cycle();
    assert_eq!((bench.state(), bench.inputs().error_code), (0x0F, ERROR_COMMUNICATION));
    (0..100).for_each(|_| {
        bench.silent_cycle();
    });
    assert_eq!((bench.state(), bench.inputs().velocity), (0x08, 0));
    // While it is off, nothing happens.
    let mut bench = Bench::at(0.0);
    bench.cycles(25);
    bench.twin.outputs_off();
    bench.silent_cycle();
    assert_eq!((bench.state(), bench.inputs().error_code), (0x40, 0));
}

#[test]
fn the_reaction_to_a_lost_main_device_is_an_object() {
    let mut bench = Bench::enabled_at(0.0);
    bench.twin.object_write(0x6007, 0, &[0, 0]).unwrap();
    bench.twin.outputs_off();
    bench.silent_cycle();
    assert_eq!((bench.state(), bench.inputs().error_code), (0x27, 0), "no action");
    for (option, state) in [(2i16, 0x40), (3, 0x07)] {
        let mut bench = Bench::enabled_at(0.0);
        bench.twin.object_write(0x6007, 0, &option.to_le_bytes()).unwrap();
        bench.ramp(20.0, 100.0);
        bench.twin.outputs_off();
        bench.silent_cycle();
        assert_eq!((bench.state(), bench.inputs().error_code), (state, 0));
        (0..100).for_each(|_| {
            bench.silent_cycle();
        });
        assert_eq!(bench.state(), 0x40);
    }
}

#[test]
fn software_position_limits_hold_the_setpoint_back() {
    let mut bench = Bench::enabled_at(5.0);
    bench.twin.object_write(0x607D, 1, &0i32.to_le_bytes()).unwrap();
    bench.twin.object_write(0x607D, 2, &8_000i32.to_le_bytes()).unwrap();
    bench.ramp(12.0, 50.0);
    let inputs = bench.cycles(100);
    assert!((inputs.position - 8_000).abs() <= 5, "{inputs:?}");
    assert_ne!(inputs.statusword & STATUS_LIMIT, 0);
    assert_eq!(inputs.error_code, 0);
}

#[test]
fn the_encoder_wraps_at_32_bits() {
    let edge = f64::from(i32::MAX) / COUNTS;
    let mut bench = Bench::enabled_at(edge - 1.0);
    for _ in 0..100 {
        bench.target = bench.target.wrapping_add(50);
        bench.cycle();
    }
    let inputs = bench.cycles(100);
    assert_eq!(inputs.error_code, 0);
    assert!(inputs.position < 0, "{inputs:?}");
    assert!((bench.get("axis.x.position") - (edge + 4.0)).abs() < 0.1);
}

#[test]
fn power_comes_back_without_memory() {
    let mut bench = Bench::enabled_at(3.0);
    bench.twin.object_write(0x6065, 0, &7u32.to_le_bytes()).unwrap();
    bench.twin.power_cycle();
    let inputs = bench.silent_cycle();
    assert_eq!((inputs.statusword & 0x6F, inputs.torque, inputs.position), (0, 0, 3_000));
    let mut data = [0; 4];
    bench.twin.object_read(0x6065, 0, &mut data).unwrap();
    assert_eq!(u32::from_le_bytes(data), 10_000);
}

#[test]
fn objects_keep_type_range_and_access() {
    let mut twin = Bench::at(0.0).twin;
    let mut data = [0; 8];
    let mut len = |twin: &ServoTwin, index, sub| twin.object_read(index, sub, &mut data);
    for (index, sub, bytes) in [
        (0x6041, 0, 2),
        (0x6061, 0, 1),
        (0x6064, 0, 4),
        (0x6076, 0, 4),
        (0x607D, 0, 1),
        (0x607D, 2, 4),
        (0x60C2, 2, 1),
    ] {
        assert_eq!(len(&twin, index, sub), Ok(bytes), "{index:#06x}:{sub}");
    }
    assert_eq!(len(&twin, 0x6041, 1), Err(SdoAbort::NO_SUBINDEX));
    assert_eq!(len(&twin, 0x60B8, 0), Err(SdoAbort::NO_OBJECT));
    let mut write = |index, sub, data: &[u8]| twin.object_write(index, sub, data);
    assert_eq!(write(0x6041, 0, &[0, 0]), Err(SdoAbort::READ_ONLY));
    assert_eq!(write(0x607D, 0, &[3]), Err(SdoAbort::READ_ONLY));
    assert_eq!(write(0x60B8, 0, &[0]), Err(SdoAbort::NO_OBJECT));
    assert_eq!(write(0x607D, 3, &[0; 4]), Err(SdoAbort::NO_SUBINDEX));
    assert_eq!(write(0x6065, 0, &[0; 2]), Err(SdoAbort::LENGTH));
    assert_eq!(write(0x6060, 0, &[3]), Err(SdoAbort::VALUE_RANGE));
    assert_eq!(write(0x605A, 0, &[9, 0]), Err(SdoAbort::VALUE_RANGE));
    assert_eq!(write(0x605D, 0, &[0, 0]), Err(SdoAbort::VALUE_RANGE));
    assert_eq!(write(0x6085, 0, &[0; 4]), Err(SdoAbort::VALUE_RANGE));
    assert_eq!(write(0x60C2, 1, &[2]), Ok(()));
    assert_eq!(write(0x605A, 0, &[6, 0]), Ok(()));
}

#[test]
fn an_axis_that_the_plant_lacks_is_named() {
    let mut plant = Quantities::default();
    plant.add("axis.x.position", 0.0);
    let e = ServoTwin::new(ServoConfig::for_axis("x", COUNTS, 1.0, VELOCITY_MAX), &plant).unwrap_err();
    assert_eq!(e.quantity, "axis.x.velocity");
}
