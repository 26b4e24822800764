//! The driver against the twin drive on a rigid axis, process data to process data.

use cellwright_driver_api::cyclic::{AxisDriver, AxisInput, AxisOutput, DriveMode, DriveState, HomingState};
use cellwright_driver_api::twin::{PlantPort, Quantities, SubDeviceModel};
use cellwright_model::reference::{Homing, HomingMethod};
use cellwright_model::{DurationNs, TimeNs};
use cellwright_servo_cia402::driver::{
    AxisBounds, INPUT_BYTES, OUTPUT_BYTES, ServoDriver, ServoLayout, ServoParameters, homing, start_up,
};
use cellwright_servo_cia402::twin::{ServoConfig, ServoTwin};

const MS: u64 = 1_000_000;
const COUNTS: f64 = 1_000.0;
const START_AU: f64 = 12.345;
const ON: AxisOutput = AxisOutput {
    power: true,
    quick_stop: false,
    reset_fault: true,
    mode: DriveMode::Csp,
    position_au: 0.0,
    velocity_au_s: 0.0,
    torque_nm: 0.0,
    home: false,
};

struct Pair {
    driver: ServoDriver,
    twin: ServoTwin,
    plant: Quantities,
    inertia: f64,
    now: u64,
    input: AxisInput,
    /// What goes with the next exchange.
    outputs: [u8; OUTPUT_BYTES],
}

impl Pair {
    fn new() -> Pair {
        let mut plant = Quantities::default();
        plant.add("axis.x.position", START_AU);
        plant.add("axis.x.velocity", 0.0);
        plant.add("axis.x.torque", 0.0);
        plant.add("sto", 1.0);
        let config = ServoConfig::for_axis("x", COUNTS, 1.0, 200.0);
        let inertia = config.inertia_nm_s2_per_au;
        let parameters = ServoParameters {
            counts_per_au: COUNTS,
            torque_rated_nm: 1.0,
            transition_timeout: DurationNs::from_millis(500),
        };
        Pair {
            driver: ServoDriver::with_layout(parameters, ServoLayout::default(), DurationNs::from_millis(1)),
            twin: ServoTwin::new(config, &plant).unwrap(),
            plant,
            inertia,
            now: 0,
            input: AxisInput::default(),
            outputs: [0; OUTPUT_BYTES],
        }
    }

    fn get(&self, what: &str) -> f64 {
        self.plant.get(self.plant.resolve(what).unwrap())
    }

    fn set(&mut self, what: &str, value: f64) {
        let ix = self.plant.resolve(what).unwrap();
        self.plant.set(ix, value);
    }

    /// One exchange of inputs and of the outputs encoded before it; then a millisecond of drive and mechanics.
    fn cycle(&mut self, output: AxisOutput) {
        self.cycle_with(|_| output);
    }

    fn cycle_with(&mut self, output: impl FnOnce(&AxisInput) -> AxisOutput) {
        self.now += MS;
        let mut inputs = [0; INPUT_BYTES];
        self.twin.inputs(&mut inputs);
        self.input = self.driver.decode(&inputs);
        self.twin.outputs(&self.outputs);
        let output = output(&self.input);
        self.driver.encode(TimeNs(self.now), &output, &mut self.outputs);
        self.millisecond();
    }

    /// Of drive and mechanics in the substeps of the twin's world, with the outputs that it has.
    fn millisecond(&mut self) {
        for _ in 0..8 {
            self.twin.step(MS / 8, &mut self.plant);
            let v = self.get("axis.x.velocity") + self.get("axis.x.torque") / self.inertia * 125e-6;
            self.set("axis.x.velocity", v);
            self.set("axis.x.position", self.get("axis.x.position") + v * 125e-6);
        }
    }

    /// Until the drive follows the mode. As the cycle does it: the setpoint is a far one until the drive
    /// follows, and the actual position in the cycle in which it is first seen to.
    fn until_follows(&mut self, output: AxisOutput) {
        for _ in 0..200 {
            self.cycle_with(|input| match input.follows(output.mode) {
                true => AxisOutput { position_au: input.position_au, ..output },
                false => output,
            });
            if self.input.follows(output.mode) {
                return;
            }
        }
        panic!("never followed {output:?}: {:?}", self.input);
    }
}

/// A driver that sent its setpoint (0) instead of the actual position would move the axis by 12 au.
#[test]
fn enabling_does_not_move_the_axis() {
    let mut p = Pair::new();
    p.until_follows(ON);
    assert!((p.get("axis.x.position") - START_AU).abs() < 1e-3);
    assert_eq!(p.input.following_error_au.abs() * COUNTS, 0.0);
}

#[test]
fn positions_are_followed_and_torques_after_the_mode_is_displayed() {
    let mut p = Pair::new();
    p.until_follows(ON);
    for n in 0..500 {
        p.cycle(AxisOutput { position_au: START_AU + f64::from(n) * 0.01, ..ON });
    }
    p.cycle(AxisOutput { position_au: START_AU + 5.0, ..ON });
    assert!((p.input.position_au - START_AU - 5.0).abs() < 0.1, "{:?}", p.input);
    let cst = AxisOutput { mode: DriveMode::Cst, torque_nm: 0.02, position_au: START_AU + 5.0, ..ON };
    p.until_follows(cst);
    (0..20).for_each(|_| p.cycle(cst));
    assert!((p.input.torque_nm - 0.02).abs() < 2e-3, "{:?}", p.input);
}

#[test]
fn sto_is_shown_as_such_and_the_drive_stays_off_until_power_is_asked_for_again() {
    let mut p = Pair::new();
    p.until_follows(ON);
    p.set("sto", 0.0);
    (0..3).for_each(|_| p.cycle(ON));
    assert!(p.input.sto && !p.input.faulted() && p.input.error_code == 0, "{:?}", p.input);
    p.set("sto", 1.0);
    (0..100).for_each(|_| p.cycle(ON));
    assert_eq!(p.input.state, DriveState::SwitchOnDisabled);
    p.cycle(AxisOutput { power: false, ..ON });
    p.until_follows(ON);
}

#[test]
fn a_fault_is_reset_on_the_way_to_operation_enabled() {
    let mut p = Pair::new();
    p.until_follows(ON);
    // Lifted away by force: the following error window is left for its time-out.
    for _ in 0..100 {
        p.set("axis.x.position", START_AU + 50.0);
        p.set("axis.x.velocity", 0.0);
        p.cycle(AxisOutput { position_au: START_AU, reset_fault: false, ..ON });
    }
    assert_eq!((p.input.state, p.input.error_code), (DriveState::Fault, 0x8611));
    p.cycle(AxisOutput { power: false, ..ON });
    p.until_follows(ON);
    assert_eq!(p.input.error_code, 0);
}

/// A drive that interpolates over another time than the cycle's would stop between its targets.
#[test]
fn a_drive_told_the_period_of_the_cycle_moves_evenly_from_target_to_target() {
    for period_ms in [1, 2, 4] {
        let mut p = Pair::new();
        let axis = AxisBounds {
            counts_per_au: COUNTS,
            torque_max_nm: 1.0,
            torque_rated_nm: 1.0,
            velocity_max: 200.0,
            following_error_max: 10.0,
            period: DurationNs::from_millis(period_ms),
        };
        for o in start_up(&axis, false) {
            p.twin.object_write(o.index, o.sub, o.bytes()).unwrap();
        }
        p.until_follows(ON);
        let (mut slowest, mut fastest) = (f64::MAX, 0.0f64);
        for n in 0..400 / period_ms {
            let position_au = START_AU + (n * period_ms) as f64 * 0.01;
            p.cycle(AxisOutput { position_au, ..ON });
            for _ in 1..period_ms {
                p.millisecond();
                if n * period_ms > 200 {
                    let v = p.get("axis.x.velocity");
                    (slowest, fastest) = (slowest.min(v), fastest.max(v));
                }
            }
        }
        let even = period_ms == 1 || (9.5..10.5).contains(&slowest) && (9.5..10.5).contains(&fastest);
        assert!(even, "{slowest} to {fastest} au/s with a cycle of {period_ms} ms");
        let shown = p.input.position_au - START_AU;
        assert!((3.8..4.0).contains(&shown), "{shown} with a cycle of {period_ms} ms");
    }
}

/// Through all modes and back at 50 au/s: no cycle changes the velocity by more than rated torque does in it
/// (2,000 au/s²; the motor can do three times that), and none takes it further than that from where it was.
#[test]
fn no_change_of_mode_in_motion_is_a_jump() {
    let mut p = Pair::new();
    p.until_follows(ON);
    let mut position_au = p.input.position_au;
    for n in 1..=200 {
        position_au += (0.25 * f64::from(n)).min(50.0) * 1e-3;
        p.cycle(AxisOutput { position_au, ..ON });
    }
    (0..100).for_each(|_| {
        position_au += 0.05;
        p.cycle(AxisOutput { position_au, ..ON });
    });
    for mode in [DriveMode::Cst, DriveMode::Csv, DriveMode::Csp] {
        let (mut confirmed, mut last) = (0, p.get("axis.x.velocity"));
        assert!((last - 50.0).abs() < 2.0, "before {mode:?}: {last} au/s");
        let mut first = None;
        for _ in 0..40 {
            p.cycle_with(|input| {
                position_au += 0.05;
                if mode == DriveMode::Csp && input.follows(mode) {
                    // The first setpoint is where the axis will be.
                    first = first.or(Some(input.position_au + 0.1));
                    position_au = first.map_or(position_au, |at| at + 0.05 * f64::from(confirmed));
                }
                confirmed += i32::from(input.follows(mode));
                AxisOutput { mode, position_au, velocity_au_s: 50.0, ..ON }
            });
            let v = p.get("axis.x.velocity");
            assert!((v - last).abs() < 2.0 && (v - 50.0).abs() < 2.0, "to {mode:?}: {last} to {v} au/s");
            last = v;
        }
        assert!(confirmed >= 30, "{mode:?} was confirmed {confirmed} cycles long");
    }
}

/// A mode that the drive does not have is never confirmed: overdue, and the axis stays in the mode that it has.
#[test]
fn a_refused_mode_moves_nothing_and_is_overdue() {
    let mut p = Pair::new();
    p.until_follows(ON);
    let at = p.input.position_au;
    let outputs_mode = |p: &Pair| p.outputs[2] as i8;
    for _ in 0..600 {
        p.cycle(AxisOutput { mode: DriveMode::Cst, position_au: at, torque_nm: 0.5, ..ON });
        assert_eq!(outputs_mode(&p), 10);
        // The drive is told a mode of its maker's instead.
        p.outputs[2] = 0xFD;
    }
    assert!(p.input.overdue.is_some() && p.input.mode == Some(DriveMode::Csp), "{:?}", p.input);
    assert!((p.get("axis.x.position") - at).abs() < 1e-3);
}

/// Each method by driver and drive together, then back into CSP from where home was found. Switches at 5 and 20 au,
/// an index pulse every 5 au.
#[test]
fn every_homing_method_ends_at_the_position_that_home_has() {
    use HomingMethod::{Current, IndexNegative, IndexPositive, NegativeLimit, PositiveLimit};
    let table = [
        (NegativeLimit, 5.0),
        (PositiveLimit, 20.0),
        (IndexNegative, 10.0),
        (IndexPositive, 15.0),
        (Current, START_AU),
    ];
    for (method, home_at) in table {
        let mut p = Pair::new();
        p.plant.add("axis.x.limit_negative", 0.0);
        p.plant.add("axis.x.limit_positive", 0.0);
        let mut config = ServoConfig::for_axis("x", COUNTS, 1.0, 200.0);
        (config.incremental, config.index_every_au) = (true, 5.0);
        p.twin = ServoTwin::new(config, &p.plant).unwrap();
        let settings = Homing {
            method,
            switch_speed: 20.0,
            zero_speed: 2.0,
            acceleration: 500.0,
            found_au: 100.0,
            within: DurationNs(0),
        };
        for o in homing(&settings, COUNTS) {
            p.twin.object_write(o.index, o.sub, o.bytes()).unwrap();
        }
        p.until_follows(ON);
        assert!(p.input.position_au.abs() < 0.01, "an incremental encoder begins at zero");
        let homes = AxisOutput { mode: DriveMode::Homing, home: true, ..ON };
        let attained = HomingState::Attained { at_rest: true };
        let ms = (0..10_000).find(|_| {
            let x = p.get("axis.x.position");
            p.set("axis.x.limit_negative", f64::from(u8::from(x <= 5.0)));
            p.set("axis.x.limit_positive", f64::from(u8::from(x >= 20.0)));
            p.cycle(homes);
            p.input.homing == Some(attained)
        });
        assert!(ms.is_some(), "{method:?}: {:?}", p.input);
        let wanted = p.get("axis.x.position") - home_at + 100.0;
        assert!((p.input.position_au - wanted).abs() < 0.02, "{method:?}: {:?}, not {wanted}", p.input);
        let stands = p.get("axis.x.position");
        p.until_follows(AxisOutput { position_au: p.input.position_au, ..ON });
        assert!((p.get("axis.x.position") - stands).abs() < 0.02, "{method:?} is left without a jump");
    }
}
