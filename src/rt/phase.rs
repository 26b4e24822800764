//! The cycle's instant, regulated to the reference clock of the segment.
//!
//! *Phase*: by how much the frame of a cycle passes the reference clock after its instant, the configured shift after
//! a SYNC0 pulse. What is regulated is the phase of the instant that was asked for; that its thread was woken late is
//! taken out, for it says nothing of the clocks. A PI of which each step is bounded: a period is never
//! longer or shorter than that by more, so that neither a jump of the clock nor a wrong reading makes a burst of cycles.

use cellwright_model::{DurationNs, TimeNs};

use crate::bus::Reference;

/// Share of a phase that is taken off at once, and of it that is remembered as drift: critically damped, settled after
/// about 100 cycles, slow enough that the wake-up's unrest does not reach the instants.
const PROPORTIONAL: f64 = 1.0 / 16.0;
const INTEGRAL: f64 = PROPORTIONAL * PROPORTIONAL / 4.0;
/// Largest correction of one period as a share of it: half a period is made up for in 50 cycles.
const STEP_MAX: f64 = 0.01;
/// Largest drift that is remembered, as a share: quartzes are within 100 ppm of each other.
const DRIFT_MAX: f64 = 500e-6;
/// A phase below this share of the period means that the cycle is locked ...
const LOCKED: f64 = 0.01;
/// ... and one above this share, while it is locked, that the clock has jumped, if as many readings in a row agree.
const JUMPED: f64 = 0.0625;
const JUMPED_READINGS: u32 = 4;

/// What one cycle's reading led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// To be added to the next instant, ns; at most a hundredth of the period.
    pub correction_ns: i64,
    /// The clock has jumped: counted once, when it is believed.
    pub jumped: bool,
}

/// The regulator. Knows no clock; time is an argument.
#[derive(Debug, Clone)]
pub struct PhaseLock {
    period: DurationNs,
    shift: DurationNs,
    /// Correction of each period for the drift of the clocks, ns.
    drift_ns: f64,
    /// What was rounded off.
    rest_ns: f64,
    locked: bool,
    /// Readings in a row that say of about the same phase that the clock has jumped, and that phase.
    odd: u32,
    odd_phase: f64,
}

impl PhaseLock {
    /// Frames are to pass the reference clock `shift` after whole multiples of `period` of its time.
    pub fn new(period: DurationNs, shift: DurationNs) -> PhaseLock {
        PhaseLock { period, shift, drift_ns: 0.0, rest_ns: 0.0, locked: false, odd: 0, odd_phase: 0.0 }
    }

    /// The clocks were set anew: what was known of them is void.
    pub fn reset(&mut self) {
        *self = PhaseLock::new(self.period, self.shift);
    }

    /// Whether the last phases were small.
    pub fn is_locked(&self) -> bool {
        self.locked
    }

    /// The first instant from `earliest` on that needs no correction.
    pub fn first(&self, earliest: TimeNs, reference: Option<Reference>) -> TimeNs {
        reference.map_or(earliest, |r| r.aligned(earliest, self.period, self.shift))
    }

    /// By how much the frame of `reference` missed its instant, whatever the reason, ns.
    pub fn missed_by(&self, reference: &Reference) -> u64 {
        reference.phase(reference.sent, self.period, self.shift).unsigned_abs()
    }

    /// The cycle that was asked for at `due` has read the reference clock, or not. `periods`: to the next instant,
    /// above one if some were slept through.
    pub fn step(&mut self, due: TimeNs, reference: Option<Reference>, periods: u64) -> Step {
        let drift_ns = self.drift_ns * periods as f64;
        let Some(phase) = reference.map(|r| r.phase(due, self.period, self.shift) as f64) else {
            return self.correct(drift_ns, false);
        };
        let period = self.period.0 as f64;
        if self.locked && phase.abs() > JUMPED * period {
            // A frame that was late on its way is late by something else each time.
            let same = (phase - self.odd_phase).abs() < LOCKED * period;
            self.odd = if same { self.odd + 1 } else { 1 };
            self.odd_phase = phase;
            if self.odd < JUMPED_READINGS {
                return self.correct(drift_ns, false);
            }
            (self.locked, self.odd) = (false, 0);
            return self.correct(drift_ns - PROPORTIONAL * phase, true);
        }
        self.odd = 0;
        self.locked |= phase.abs() < LOCKED * period;
        let wanted = drift_ns - PROPORTIONAL * phase;
        // No drift is learnt from what the bound of a step holds back.
        if wanted.abs() < STEP_MAX * period {
            let most = DRIFT_MAX * period;
            self.drift_ns = (self.drift_ns - INTEGRAL * phase).clamp(-most, most);
        }
        self.correct(wanted, false)
    }

    fn correct(&mut self, wanted_ns: f64, jumped: bool) -> Step {
        let most = STEP_MAX * self.period.0 as f64;
        let bounded = (wanted_ns + self.rest_ns).clamp(-most, most);
        let correction = bounded.trunc();
        self.rest_ns = bounded - correction;
        Step { correction_ns: correction as i64, jumped }
    }
}
