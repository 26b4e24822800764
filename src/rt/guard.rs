//! The guards: what may never be commanded, and what may never be measured while a drive is on.
//!
//! *Setpoint guard*: the last look at a setpoint before it is encoded. It knows nothing of profiles, so
//! that a mistake there is caught here: travel, step (velocity) and change of step (acceleration).
//! *Input guard*: limits of the cell description against actual values.

use cellwright_driver_api::cyclic::AxisInput;
use cellwright_model::job::{RtFault, RtFaultKind};
use cellwright_model::outcome::FaultClass;
use cellwright_model::{AxisId, DurationNs, TimeNs};

use crate::motion::Limits;

/// Room for rounding in the step and in its change.
const ROUNDING: f64 = 1e-6;
/// Actual velocity above its limit by this factor is a fault: regulation overshoots a little.
const VELOCITY_OVERSHOOT: f64 = 1.2;
/// Actual torque above its limit by this factor ...
const TORQUE_OVERSHOOT: f64 = 1.05;
/// ... for this long: shorter peaks are those of the drive's own current limiter.
const TORQUE_TIME: DurationNs = DurationNs::from_millis(10);
/// Cycles between sending a setpoint and reading a position that follows it.
const CYCLES_TO_FOLLOW: f64 = 3.0;

/// A fault of abort class on an axis.
pub(crate) fn abort_fault(kind: RtFaultKind, axis: AxisId, value: f64, limit: f64) -> RtFault {
    RtFault { kind, axis: Some(axis), value, limit, class: FaultClass::Abort }
}

/// Remembers the last setpoint and its speed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SetpointGuard {
    p: f64,
    v: f64,
}

impl SetpointGuard {
    /// The setpoint is `p`, at rest: seeded from the actual position.
    pub(crate) fn seed(&mut self, p: f64) {
        *self = SetpointGuard { p, v: 0.0 };
    }

    /// Last setpoint let through, and the speed at which it was approached (au, au/s).
    pub(crate) fn last(&self) -> (f64, f64) {
        (self.p, self.v)
    }

    /// Takes a setpoint that decelerates to rest after a refused one.
    pub(crate) fn force(&mut self, p: f64, v: f64) {
        *self = SetpointGuard { p, v };
    }

    /// Lets `p` through, or says why not.
    ///
    /// An axis outside its travel (pushed by hand, encoder noise at the end) may move back, not further out.
    pub(crate) fn check(&mut self, axis: AxisId, limits: &Limits, p: f64, dt: f64) -> Result<(), RtFault> {
        let lo = limits.travel_lo.min(self.p) - ROUNDING;
        let hi = limits.travel_hi.max(self.p) + ROUNDING;
        let fault = |value, limit| abort_fault(RtFaultKind::SetpointStep, axis, value, limit);
        if !(lo..=hi).contains(&p) {
            return Err(fault(p, if p < lo { limits.travel_lo } else { limits.travel_hi }));
        }
        let v = (p - self.p) / dt;
        if v.abs() > limits.velocity * (1.0 + ROUNDING) + ROUNDING {
            return Err(fault(v * dt, limits.velocity * dt));
        }
        let dv_max = limits.acceleration * dt;
        if (v - self.v).abs() > dv_max * (1.0 + 1e-3) + ROUNDING {
            return Err(fault((v - self.v) * dt, dv_max * dt));
        }
        *self = SetpointGuard { p, v };
        Ok(())
    }
}

/// What the input guard needs of an axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputLimits {
    pub(crate) following_error_au: f64,
    pub(crate) torque_nm: f64,
}

impl InputLimits {
    /// Furthest that a setpoint may be from the actual position: the following error and what is under way.
    pub(crate) fn lead_max(&self, motion: &Limits, dt: f64) -> f64 {
        self.following_error_au + CYCLES_TO_FOLLOW * motion.velocity * dt
    }
}

/// Watches actual values of a drive that is on.
///
/// An axis may be outside its travel when its drive is switched on: it coasted there when the torque was
/// removed, or was pushed by hand. Then the way back is open, and each step back closes behind it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InputGuard {
    torque_above_since: Option<TimeNs>,
    /// Travel, widened to where the axis was switched on.
    lo: f64,
    hi: f64,
}

impl InputGuard {
    /// The drive was switched on at `position_au`.
    pub(crate) fn begin(&mut self, limits: &Limits, position_au: f64) {
        *self = InputGuard {
            torque_above_since: None,
            lo: limits.travel_lo.min(position_au),
            hi: limits.travel_hi.max(position_au),
        };
    }

    fn position(&mut self, limits: &Limits, tolerance: f64, position_au: f64) -> Result<(), f64> {
        if position_au < self.lo - tolerance {
            return Err(limits.travel_lo);
        }
        if position_au > self.hi + tolerance {
            return Err(limits.travel_hi);
        }
        self.lo = self.lo.max(position_au).min(limits.travel_lo);
        self.hi = self.hi.min(position_au).max(limits.travel_hi);
        Ok(())
    }

    /// First value beyond its limit. `deviation`: distance between setpoint and actual position while
    /// the drive follows positions.
    pub(crate) fn check(
        &mut self,
        axis: AxisId,
        limits: (&Limits, &InputLimits),
        input: &AxisInput,
        deviation: Option<f64>,
        (now, dt): (TimeNs, f64),
    ) -> Option<RtFault> {
        let (motion, own) = limits;
        let fault = |kind, value, limit| Some(abort_fault(kind, axis, value, limit));
        if let Err(limit) = self.position(motion, own.following_error_au, input.position_au) {
            return fault(RtFaultKind::Position, input.position_au, limit);
        }
        let velocity_limit = motion.velocity * VELOCITY_OVERSHOOT;
        if input.velocity_au_s.abs() > velocity_limit {
            return fault(RtFaultKind::Velocity, input.velocity_au_s, velocity_limit);
        }
        if let Some(deviation) = deviation {
            if input.following_error_au.abs() > own.following_error_au {
                return fault(RtFaultKind::FollowingError, input.following_error_au, own.following_error_au);
            }
            // A drive that reports none is held to the distance itself, less what is under way.
            let limit = own.lead_max(motion, dt);
            if deviation.abs() > limit {
                return fault(RtFaultKind::FollowingError, deviation, limit);
            }
        }
        self.torque(axis, own, input, now)
    }

    fn torque(&mut self, axis: AxisId, own: &InputLimits, input: &AxisInput, now: TimeNs) -> Option<RtFault> {
        let limit = own.torque_nm * TORQUE_OVERSHOOT;
        if input.torque_nm.abs() <= limit {
            self.torque_above_since = None;
            return None;
        }
        let since = *self.torque_above_since.get_or_insert(now);
        (now.since(since) >= TORQUE_TIME)
            .then(|| abort_fault(RtFaultKind::Torque, axis, input.torque_nm, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DT: f64 = 0.001;
    const X: AxisId = AxisId(3);
    const LIMITS: Limits =
        Limits { travel_lo: -1.0, travel_hi: 62.0, velocity: 200.0, acceleration: 3000.0, jerk: 1e5 };
    const OWN: InputLimits = InputLimits { following_error_au: 1.0, torque_nm: 1.6 };

    fn guard_at(p: f64, v: f64) -> SetpointGuard {
        SetpointGuard { p, v }
    }

    #[test]
    fn setpoints_beyond_travel_step_or_acceleration_are_refused() {
        let refused = |mut g: SetpointGuard, p: f64| g.check(X, &LIMITS, p, DT).unwrap_err();
        assert!(guard_at(10.0, 0.0).check(X, &LIMITS, 10.003, DT).is_ok());
        let step = refused(guard_at(10.0, 0.0), 10.0031);
        assert_eq!(
            (step.kind, step.axis, step.class),
            (RtFaultKind::SetpointStep, Some(X), FaultClass::Abort)
        );
        assert_eq!(refused(guard_at(10.0, 199.0), 10.201).limit, 0.2);
        assert_eq!(refused(guard_at(61.9, 150.0), 62.05).limit, 62.0);
        assert_eq!(refused(guard_at(-0.9, -150.0), -1.05).limit, -1.0);
        assert!(guard_at(10.0, 0.0).check(X, &LIMITS, f64::NAN, DT).is_err());
    }

    #[test]
    fn from_outside_the_travel_only_the_way_back_is_open() {
        assert!(guard_at(62.5, 0.0).check(X, &LIMITS, 62.499, DT).is_ok());
        assert!(guard_at(62.5, 0.0).check(X, &LIMITS, 62.501, DT).is_err());
    }

    #[test]
    fn actual_values_beyond_their_limits_are_faults() {
        let mut g = InputGuard::default();
        g.begin(&LIMITS, 30.0);
        let ok =
            AxisInput { position_au: 30.0, velocity_au_s: 100.0, torque_nm: 1.0, ..AxisInput::default() };
        let mut kind = |input: AxisInput, deviation: Option<f64>| {
            g.check(X, (&LIMITS, &OWN), &input, deviation, (TimeNs(0), DT)).map(|f| f.kind)
        };
        assert_eq!(kind(ok, Some(0.5)), None);
        assert_eq!(kind(AxisInput { position_au: 63.1, ..ok }, None), Some(RtFaultKind::Position));
        assert_eq!(kind(AxisInput { position_au: -2.1, ..ok }, None), Some(RtFaultKind::Position));
        assert_eq!(kind(AxisInput { velocity_au_s: -241.0, ..ok }, None), Some(RtFaultKind::Velocity));
        let lagging = AxisInput { following_error_au: 1.01, ..ok };
        assert_eq!(kind(lagging, Some(0.0)), Some(RtFaultKind::FollowingError));
        assert_eq!(kind(lagging, None), None, "a drive under torque control follows no position");
        assert_eq!(kind(ok, Some(1.7)), Some(RtFaultKind::FollowingError));
    }

    #[test]
    fn an_axis_switched_on_outside_its_travel_may_come_back_only() {
        let mut g = InputGuard::default();
        g.begin(&LIMITS, 70.0);
        let mut at = |position_au| {
            let input = AxisInput { position_au, ..AxisInput::default() };
            g.check(X, (&LIMITS, &OWN), &input, None, (TimeNs(0), DT)).map(|f| (f.kind, f.limit))
        };
        assert_eq!(at(70.5), None);
        assert_eq!(at(66.0), None);
        assert_eq!(at(67.5), Some((RtFaultKind::Position, 62.0)), "closed behind it");
        assert_eq!(at(50.0), None);
        assert_eq!(at(63.1), Some((RtFaultKind::Position, 62.0)));
    }

    #[test]
    fn torque_has_to_stay_above_its_limit() {
        let mut g = InputGuard::default();
        g.begin(&LIMITS, 0.0);
        let high = AxisInput { torque_nm: -1.7, ..AxisInput::default() };
        let at = |ms: u64| (TimeNs(ms * 1_000_000), DT);
        assert_eq!(g.check(X, (&LIMITS, &OWN), &high, None, at(0)), None);
        assert_eq!(g.check(X, (&LIMITS, &OWN), &AxisInput::default(), None, at(5)), None);
        assert_eq!(g.check(X, (&LIMITS, &OWN), &high, None, at(6)), None);
        assert_eq!(g.check(X, (&LIMITS, &OWN), &high, None, at(15)), None);
        assert_eq!(
            g.check(X, (&LIMITS, &OWN), &high, None, at(16)).map(|f| f.kind),
            Some(RtFaultKind::Torque)
        );
    }
}
