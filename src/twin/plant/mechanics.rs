//! Mechanics of an axis: inertia, dry and viscous friction, transmission, hard stops.

use cellwright_model::cell::AxisKind;
use cellwright_model::plant::AxisPhysics;

const TAU: f64 = core::f64::consts::TAU;

/// State of one axis; position and velocity in au.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AxisMechanics {
    pub(crate) position_au: f64,
    pub(crate) velocity_au_s: f64,
    /// Effort of the process on the axis, against its positive direction: N or N·m at the axis.
    pub(crate) load: f64,
    /// The same of whatever else is in its way.
    pub(crate) added_load: f64,
    /// The axis is jammed: it does not move whatever the torque.
    pub(crate) jammed: bool,
    /// The holding brake is on.
    pub(crate) braked: bool,
    rad_per_au: f64,
    inertia_kgm2: f64,
    coulomb_nm: f64,
    brake_nm: f64,
    viscous_nm_s: f64,
    /// Torque at the motor for one unit of effort at the axis.
    nm_per_effort: f64,
    stops_au: (f64, f64),
    limit_switches: Option<(f64, f64)>,
}

impl AxisMechanics {
    pub(crate) fn new(physics: &AxisPhysics, kind: AxisKind) -> AxisMechanics {
        let rad_per_au = TAU / physics.au_per_revolution;
        let nm_per_effort = match kind {
            // Work in joule: one newton over `au_per_revolution` millimetres in one turn.
            AxisKind::Linear => physics.au_per_revolution * 1e-3 / TAU,
            AxisKind::Rotary => physics.au_per_revolution / 360.0,
        };
        AxisMechanics {
            position_au: physics.start_au,
            velocity_au_s: 0.0,
            load: 0.0,
            added_load: 0.0,
            jammed: false,
            braked: false,
            rad_per_au,
            inertia_kgm2: physics.inertia_kgm2,
            coulomb_nm: physics.coulomb_nm,
            brake_nm: physics.brake_nm,
            viscous_nm_s: physics.viscous_nm / (physics.viscous_at_au_s * rad_per_au),
            nm_per_effort,
            stops_au: (physics.stop_lo_au, physics.stop_hi_au),
            limit_switches: physics.limit_switches,
        }
    }

    /// Whether the negative and the positive limit switch are on.
    pub(crate) fn limit_switches(&self) -> [bool; 2] {
        self.limit_switches.map_or([false; 2], |(lo, hi)| [self.position_au <= lo, self.position_au >= hi])
    }

    /// Moves by `dt_s` under the motor's torque: explicit in the torques, then dry friction takes what
    /// momentum it can, then the position follows the new velocity (symplectic Euler).
    pub(crate) fn step(&mut self, motor_nm: f64, dt_s: f64) {
        if self.jammed {
            self.velocity_au_s = 0.0;
            return;
        }
        let omega = self.velocity_au_s * self.rad_per_au;
        let driving =
            motor_nm - (self.load + self.added_load) * self.nm_per_effort - self.viscous_nm_s * omega;
        let free = omega + driving / self.inertia_kgm2 * dt_s;
        let friction = self.coulomb_nm + if self.braked { self.brake_nm } else { 0.0 };
        let dry = friction / self.inertia_kgm2 * dt_s;
        let omega = if free.abs() <= dry { 0.0 } else { free - dry * free.signum() };
        self.velocity_au_s = omega / self.rad_per_au;
        self.position_au += self.velocity_au_s * dt_s;
        let (lo, hi) = self.stops_au;
        if self.position_au < lo || self.position_au > hi {
            self.position_au = self.position_au.clamp(lo, hi);
            self.velocity_au_s = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cellwright_model::AxisId;

    const DT: f64 = 125e-6;

    fn press() -> AxisPhysics {
        AxisPhysics {
            axis: AxisId(0),
            inertia_kgm2: 1e-4,
            au_per_revolution: 5.0,
            coulomb_nm: 0.015,
            viscous_nm: 0.03,
            viscous_at_au_s: 200.0,
            start_au: 0.0,
            stop_lo_au: -3.0,
            stop_hi_au: 65.0,
            limit_switches: Some((-2.0, 64.0)),
            index_every_au: 5.0,
            index_at_au: 0.0,
            brake_nm: 0.5,
        }
    }

    #[test]
    fn torque_below_dry_friction_moves_nothing_and_above_it_accelerates_as_newton_says() {
        let mut a = AxisMechanics::new(&press(), AxisKind::Linear);
        (0..800).for_each(|_| a.step(0.0149, DT));
        assert_eq!((a.position_au, a.velocity_au_s), (0.0, 0.0));
        (0..80).for_each(|_| a.step(0.115, DT));
        // 0.1 N·m on 1e-4 kg·m² for 10 ms: 10 rad/s, 7.96 mm/s, less a little viscous friction.
        assert!((a.velocity_au_s - 7.9).abs() < 0.1, "{}", a.velocity_au_s);
    }

    #[test]
    fn a_load_needs_the_torque_that_the_screw_makes_of_it() {
        let mut a = AxisMechanics::new(&press(), AxisKind::Linear);
        a.load = 200.0;
        // 200 N on 5 mm a turn are 0.159 N·m; with dry friction it stands between 0.144 and 0.174.
        for (nm, moves) in [(0.150, false), (0.170, false), (0.180, true)] {
            let mut b = a;
            (0..400).for_each(|_| b.step(nm, DT));
            assert_eq!(b.position_au > 0.01, moves, "{nm} N·m: {} mm", b.position_au);
        }
    }

    #[test]
    fn a_brake_holds_what_the_motor_does_not_and_lets_go() {
        let mut a = AxisMechanics::new(&press(), AxisKind::Linear);
        // 500 N on 5 mm a turn are 0.4 N·m, less than brake and friction.
        (a.load, a.braked) = (500.0, true);
        (0..800).for_each(|_| a.step(0.0, DT));
        assert_eq!((a.position_au, a.limit_switches()), (0.0, [false; 2]));
        a.braked = false;
        (0..8_000).for_each(|_| a.step(0.0, DT));
        assert_eq!((a.position_au, a.limit_switches()), (-3.0, [true, false]));
    }

    #[test]
    fn hard_stops_hold() {
        let mut a = AxisMechanics::new(&press(), AxisKind::Linear);
        (0..80_000).for_each(|_| a.step(1.0, DT));
        assert_eq!((a.position_au, a.velocity_au_s), (65.0, 0.0));
    }
}
