//! What brings the axis to rest: stop ramps by their option codes, and the halt.

use super::ServoTwin;
use super::motion::Limits;
use super::pds::{Ramp, State};

/// Halt (CiA 402-2, 8.4.1).
const CONTROLWORD_HALT: u16 = 1 << 8;

impl ServoTwin {
    /// Bit 8 of the controlword: to rest, by 0x605D, and held there in Operation enabled.
    pub(super) fn is_halted(&self) -> bool {
        self.controlword & CONTROLWORD_HALT != 0
    }

    /// What brings the axis to rest now, if anything does.
    pub(super) fn ramp(&self) -> Option<Ramp> {
        match self.pds.state() {
            State::OperationEnabled if self.pds.is_slowing() => Some(Ramp::SlowDown),
            State::OperationEnabled => self.halted.then(|| Ramp::of(self.parameters.halt)),
            State::QuickStopActive => Some(Ramp::of(self.parameters.quick_stop)),
            State::FaultReactionActive => Some(Ramp::of(self.parameters.fault_reaction)),
            // The brake is about to let go: the axis is held.
            _ => self.pds.is_releasing().then_some(Ramp::SlowDown),
        }
    }

    /// au/s².
    pub(super) fn deceleration(&self, ramp: Ramp, limits: &Limits) -> f64 {
        match ramp {
            Ramp::SlowDown => f64::from(self.parameters.slow_down_deceleration) / self.config.counts_per_au,
            Ramp::QuickStop => f64::from(self.parameters.quick_stop_deceleration) / self.config.counts_per_au,
            Ramp::Limit => limits.torque / self.config.inertia_nm_s2_per_au,
        }
    }

    /// A halt begins at the actual velocity, and so does what follows when it is taken back.
    pub(super) fn step_halt(&mut self) {
        let halted = self.is_halted() && self.pds.state() == State::OperationEnabled;
        if halted != self.halted {
            self.halted = halted;
            self.motion.seed_moving(&self.actual);
        }
    }
}
