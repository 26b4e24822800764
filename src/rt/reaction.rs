//! How soon what moves is commanded slower after an urgent word that ends motion.
//!
//! *Slower*: a setpoint of less speed than in the cycle before, or on its way there (the acceleration of an axis
//! that speeds up has to fall first); under torque control, less torque.

use cellwright_model::job::Reaction;
use cellwright_model::limits::AXES_MAX;

use crate::axis::Axis;

/// What an axis was commanded in the last cycle.
#[derive(Debug, Clone, Copy, Default)]
struct Commanded {
    v: f64,
    a: f64,
    torque_nm: f64,
}

impl Commanded {
    fn of(axis: &Axis) -> Commanded {
        let state = axis.servo.motion.state();
        Commanded { v: state.v, a: state.a, torque_nm: axis.servo.output.torque_nm }
    }

    fn moves(&self) -> bool {
        self.v != 0.0 || self.torque_nm != 0.0
    }

    fn slower_than(&self, last: &Commanded) -> bool {
        let speed = self.v.abs() < last.v.abs() || self.a * last.v.signum() < last.a * last.v.signum();
        if last.torque_nm == 0.0 { speed } else { self.torque_nm.abs() < last.torque_nm.abs() }
    }
}

/// See the module text.
#[derive(Debug, Default)]
pub(crate) struct Reacting {
    pub(crate) told: Reaction,
    /// Axes that are not slower yet.
    open: u64,
    last: [Commanded; AXES_MAX],
}

impl Reacting {
    /// A word is acted on in this cycle, before any axis is.
    pub(crate) fn begin(&mut self, cycle: u64, axes: &[Axis], except: u64) {
        self.open = 0;
        for ((i, axis), last) in axes.iter().enumerate().zip(&mut self.last) {
            *last = Commanded::of(axis);
            if last.moves() && except >> i & 1 == 0 {
                self.open |= 1 << i;
            }
        }
        self.told = Reaction { seen: cycle, moving: self.open, slower: 0 };
    }

    /// After the setpoints of a cycle.
    pub(crate) fn look(&mut self, cycle: u64, axes: &[Axis]) {
        if self.open == 0 {
            return;
        }
        for ((i, axis), last) in axes.iter().enumerate().zip(&mut self.last) {
            let now = Commanded::of(axis);
            if now.slower_than(last) {
                self.open &= !(1 << i);
            }
            *last = now;
        }
        if self.open == 0 {
            self.told.slower = cycle;
        }
    }
}
