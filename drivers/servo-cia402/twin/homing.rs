//! Homing (CiA 402-2, mode 6): the axis finds where it is.
//!
//! | method (0x6098) | the home position is |
//! | --- | --- |
//! | 17, 18 | where the negative, positive limit switch is left again |
//! | 33, 34 | the next index pulse in negative, positive direction |
//! | 37 | where the axis stands |
//!
//! The zero of the positions lies 0x607C, the home offset, beyond the home position. It is begun by the rising edge
//! of bit 4 of the controlword and interrupted when the bit goes.

use super::ServoTwin;
use super::motion::{Actual, Limits};

pub(super) const METHODS: [i8; 6] = [0, 17, 18, 33, 34, 37];
/// Homing operation start (CiA 402-2, mode hm).
const CONTROLWORD_HOMING: u16 = 1 << 4;
/// Slower than this share of the slower speed for this time, s, the axis stands.
const REST_SHARE: f64 = 0.05;
const REST_S: f64 = 0.020;

/// How an axis is homed; au/s, au/s².
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Settings {
    pub(super) method: i8,
    pub(super) switch_speed: f64,
    pub(super) zero_speed: f64,
    pub(super) acceleration: f64,
}

/// What the drive sees in one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) dt: f64,
    pub(super) actual: Actual,
    /// Negative and positive limit switch.
    pub(super) limits: [bool; 2],
    /// An index pulse was passed in this step, here.
    pub(super) index: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// Not begun, or interrupted.
    Idle,
    ToSwitch,
    OffSwitch,
    ToIndex,
    /// To rest, home being here; or, without one, in an error.
    ToRest(Option<f64>),
    Attained,
    Error,
}

/// One homing after another.
#[derive(Debug, Clone)]
pub(super) struct Homing {
    phase: Phase,
    settings: Settings,
    /// Velocity that is commanded.
    velocity: f64,
    start: bool,
    /// It has stood for so long, s.
    stood_s: f64,
}

/// What the drive does in this step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Does {
    /// Stays where it is.
    Holds,
    /// au/s.
    Runs(f64),
    /// Stands, and home is there.
    Found(f64),
}

impl Homing {
    pub(super) fn new() -> Homing {
        let settings = Settings { method: 0, switch_speed: 0.0, zero_speed: 0.0, acceleration: 0.0 };
        Homing { phase: Phase::Idle, settings, velocity: 0.0, start: false, stood_s: 0.0 }
    }

    /// Bits 10 (at rest), 12 (attained) and 13 (error) of the statusword.
    pub(super) fn statusword(&self) -> u16 {
        const AT_REST: u16 = 1 << 10;
        match self.phase {
            Phase::Idle => AT_REST,
            Phase::Attained => AT_REST | 1 << 12,
            Phase::Error => AT_REST | 1 << 13,
            Phase::ToRest(None) => 1 << 13,
            _ => 0,
        }
    }

    /// The mode or Operation enabled was left.
    pub(super) fn leave(&mut self) {
        if !matches!(self.phase, Phase::Attained | Phase::Error) {
            self.phase = Phase::Idle;
        }
        (self.velocity, self.start) = (0.0, false);
    }

    /// Halted: what is under way goes on from rest.
    pub(super) fn halted(&mut self) {
        self.velocity = 0.0;
    }

    /// One step; `start`: bit 4 of the controlword.
    pub(super) fn step(&mut self, start: bool, settings: Settings, seen: &Seen) -> Does {
        let was = core::mem::replace(&mut self.start, start);
        let edge = start && !was;
        if edge {
            self.settings = settings;
            self.begin(seen);
        } else if !start && matches!(self.phase, Phase::ToSwitch | Phase::OffSwitch | Phase::ToIndex) {
            self.phase = Phase::Idle;
        }
        self.look(seen);
        self.run(seen)
    }

    /// Direction of the method.
    fn sign(&self) -> f64 {
        if matches!(self.settings.method, 17 | 33) { -1.0 } else { 1.0 }
    }

    /// (the switch ahead, the one behind).
    fn switches(&self, seen: &Seen) -> (bool, bool) {
        let [negative, positive] = seen.limits;
        if self.sign() < 0.0 { (negative, positive) } else { (positive, negative) }
    }

    fn begin(&mut self, seen: &Seen) {
        let (ahead, _) = self.switches(seen);
        self.phase = match self.settings.method {
            17 | 18 if ahead => Phase::OffSwitch,
            17 | 18 => Phase::ToSwitch,
            33 | 34 => Phase::ToIndex,
            37 => Phase::ToRest(Some(seen.actual.position)),
            _ => Phase::Error,
        };
    }

    fn look(&mut self, seen: &Seen) {
        let (ahead, behind) = self.switches(seen);
        self.phase = match self.phase {
            Phase::ToSwitch if ahead => Phase::OffSwitch,
            // The other switch: the axis runs away from the one that it looks for.
            Phase::ToSwitch if behind && self.velocity * self.sign() < 0.0 => Phase::ToRest(None),
            Phase::OffSwitch if behind => Phase::ToRest(None),
            // Only on the way out: while it still brakes it may lose the switch and come to it again.
            Phase::OffSwitch if !ahead && self.velocity * self.sign() < 0.0 => {
                Phase::ToRest(Some(seen.actual.position))
            }
            Phase::ToIndex if seen.index.is_some() => Phase::ToRest(seen.index),
            Phase::ToIndex if ahead => Phase::ToRest(None),
            phase => phase,
        };
    }

    fn run(&mut self, seen: &Seen) -> Does {
        let s = &self.settings;
        let wanted = match self.phase {
            Phase::ToSwitch => self.sign() * s.switch_speed,
            Phase::OffSwitch => -self.sign() * s.zero_speed,
            Phase::ToIndex => self.sign() * s.zero_speed,
            Phase::ToRest(_) | Phase::Idle | Phase::Attained | Phase::Error => 0.0,
        };
        let change = s.acceleration * seen.dt;
        self.velocity += (wanted - self.velocity).clamp(-change, change);
        let slow = self.velocity == 0.0 && seen.actual.velocity.abs() <= REST_SHARE * s.zero_speed;
        self.stood_s = if slow { self.stood_s + seen.dt } else { 0.0 };
        let rests = self.stood_s >= REST_S;
        match self.phase {
            Phase::ToRest(Some(home)) if rests => {
                self.phase = Phase::Attained;
                Does::Found(home)
            }
            Phase::ToRest(None) if rests => {
                self.phase = Phase::Error;
                Does::Holds
            }
            Phase::Idle | Phase::Attained | Phase::Error if rests => Does::Holds,
            _ => Does::Runs(self.velocity),
        }
    }
}

impl ServoTwin {
    pub(super) fn step_homing(&mut self, dt: f64, limits: &Limits) {
        let p = &self.parameters;
        let au = |counts: u32| f64::from(counts) / self.config.counts_per_au;
        let settings = Settings {
            method: p.homing_method,
            switch_speed: au(p.homing_switch_speed).min(limits.velocity),
            zero_speed: au(p.homing_zero_speed).min(limits.velocity),
            acceleration: au(p.homing_acceleration),
        };
        let seen = Seen { dt, actual: self.actual, limits: self.limit_switches, index: self.index_passed() };
        match self.homing.step(self.controlword & CONTROLWORD_HOMING != 0, settings, &seen) {
            Does::Runs(velocity) => {
                self.motion.retarget(dt);
                self.motion.run(dt, velocity, &self.actual, limits);
            }
            Does::Holds => self.motion.hold(dt, &self.actual, limits),
            Does::Found(home) => {
                let home = (home * self.config.counts_per_au).round() as i64;
                self.zero_counts = home + i64::from(self.parameters.home_offset);
                self.motion.hold(dt, &self.actual, limits);
            }
        }
    }

    /// The index pulse between the step before and this one.
    fn index_passed(&self) -> Option<f64> {
        let (every, at) = (self.config.index_every_au, self.config.index_at_au);
        let (from, to) = (self.before_au.min(self.actual.position), self.before_au.max(self.actual.position));
        let index = at + ((to - at) / every).floor() * every;
        (every > 0.0 && index > from).then_some(index)
    }
}
