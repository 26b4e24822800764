//! Tightening under torque control: into CST, a ramp of the commanded motor torque until the judging
//! sensor reads the target, a hold, torque off, back into CSP from the actual position. It turns in the
//! direction of positive torque; loosening is a move.

use cellwright_driver_api::cyclic::DriveMode;
use cellwright_model::job::{JobEnd, Tighten};
use cellwright_model::{DurationNs, TimeNs};

use crate::axis::{Moment, Servo};
use crate::job::{Away, End, Watch, analog_invalid};

/// The commanded torque goes from its highest to zero in this time: quick, without a knock.
const RELEASE_S: f64 = 0.010;
/// Longest wait for rest without torque before CSP is asked for.
const COAST_MAX: DurationNs = DurationNs::from_millis(100);
/// Above the speed limit the torque is reduced, down to nothing at this multiple of it ...
const SPEED_BAND: f64 = 1.2;
/// ... and the ramp runs back this many times as fast as it rises.
const RAMP_BACK: f64 = 4.0;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    ToCst,
    Ramp { at_max_since: Option<TimeNs> },
    Hold { since: TimeNs },
    Release,
    Coast { since: TimeNs },
    ToCsp,
}

/// See the module.
pub(crate) struct Tightening {
    spec: Tighten,
    phase: Phase,
    /// Ramp of the commanded torque, N·m.
    torque_nm: f64,
    /// Where CST was first reached; kept over a hold, so that the angle bound is one for the job.
    start_au: Option<f64>,
    watch: Watch,
    /// As of the end of ramp or hold, before the torque went down.
    result: Watch,
}

impl Tightening {
    pub(crate) fn new(spec: Tighten) -> Tightening {
        Tightening {
            spec,
            phase: Phase::ToCst,
            torque_nm: 0.0,
            start_au: None,
            watch: Watch::NEW,
            result: Watch::NEW,
        }
    }

    pub(crate) fn begin(&mut self) {
        self.phase = Phase::ToCst;
        self.torque_nm = 0.0;
    }

    pub(crate) fn result(&self) -> &Watch {
        &self.result
    }

    /// One cycle; `ending`: the job's end is settled, torque goes down and CSP is asked for.
    pub(crate) fn step(&mut self, ending: bool, servo: &mut Servo, m: &Moment) -> Away {
        let end = self.advance(ending, servo, m);
        servo.output.mode = match self.phase {
            Phase::ToCsp => DriveMode::Csp,
            _ => DriveMode::Cst,
        };
        servo.output.torque_nm = match self.phase {
            Phase::Ramp { .. } | Phase::Hold { .. } => self.torque_nm * self.speed_factor(servo),
            Phase::Release => self.torque_nm,
            Phase::ToCst | Phase::Coast { .. } | Phase::ToCsp => 0.0,
        };
        end
    }

    fn advance(&mut self, ending: bool, servo: &Servo, m: &Moment) -> Away {
        match self.phase {
            Phase::Ramp { .. } | Phase::Hold { .. } if ending => {
                self.release();
                self.lower(m);
            }
            Phase::Release => self.lower(m),
            // With stale inputs nothing else is decided, and nothing rises.
            _ if !m.fresh => {}
            Phase::ToCst => self.await_cst(ending, servo),
            Phase::Ramp { .. } | Phase::Hold { .. } => return self.turn(servo, m),
            Phase::Coast { since } if servo.slow() || m.now.since(since) >= COAST_MAX => {
                self.phase = Phase::ToCsp;
            }
            Phase::ToCsp if servo.following() => return Away::Back,
            Phase::Coast { .. } | Phase::ToCsp => {}
        }
        Away::Running
    }

    /// A mode that was asked for is not taken back before the drive displays it: displayed late, it would
    /// look as if the drive had left CSP by itself.
    fn await_cst(&mut self, ending: bool, servo: &Servo) {
        if !servo.input.follows(DriveMode::Cst) {
            return;
        }
        if ending {
            self.phase = Phase::ToCsp;
        } else {
            self.start_au.get_or_insert(servo.input.position_au);
            self.phase = Phase::Ramp { at_max_since: None };
        }
    }

    fn lower(&mut self, m: &Moment) {
        self.torque_nm -= self.spec.torque_max_nm / RELEASE_S * m.dt;
        if self.torque_nm <= 0.0 {
            self.torque_nm = 0.0;
            self.phase = Phase::Coast { since: m.now };
        }
    }

    fn release(&mut self) {
        self.result = self.watch;
        self.phase = Phase::Release;
    }

    /// Ramp and hold: what both watch, then what each does.
    fn turn(&mut self, servo: &Servo, m: &Moment) -> Away {
        let Some(value) = m.analogs.get(self.spec.sensor) else {
            return self.end(End::Fault(analog_invalid(servo, self.spec.sensor)));
        };
        self.watch.see(value);
        let position_au = servo.input.position_au;
        let turned = (position_au - self.start_au.unwrap_or(position_au)).abs();
        if turned > self.spec.angle_max_au {
            self.watch.trigger_au = position_au;
            return self.end(End::Done(JobEnd::Tripped));
        }
        match self.phase {
            Phase::Hold { since } if m.now.since(since) >= self.spec.hold => {
                self.end(End::Done(JobEnd::Triggered))
            }
            Phase::Ramp { .. } if value >= self.spec.target_nm => {
                self.watch.trigger_au = position_au;
                self.phase = Phase::Hold { since: m.now };
                Away::Running
            }
            Phase::Ramp { at_max_since } => self.ramp(at_max_since, servo, m),
            _ => Away::Running,
        }
    }

    fn ramp(&mut self, at_max_since: Option<TimeNs>, servo: &Servo, m: &Moment) -> Away {
        let rise = self.spec.ramp_nm_s * m.dt;
        let fast = servo.input.velocity_au_s.abs() > self.spec.speed_max_au_s;
        let torque = if fast { self.torque_nm - RAMP_BACK * rise } else { self.torque_nm + rise };
        self.torque_nm = torque.clamp(0.0, self.spec.torque_max_nm);
        if self.torque_nm < self.spec.torque_max_nm {
            self.phase = Phase::Ramp { at_max_since: None };
            return Away::Running;
        }
        let since = at_max_since.unwrap_or(m.now);
        self.phase = Phase::Ramp { at_max_since: Some(since) };
        if m.now.since(since) >= self.spec.stall {
            return self.end(End::Done(JobEnd::Limit));
        }
        Away::Running
    }

    fn end(&mut self, end: End) -> Away {
        self.release();
        Away::End(end)
    }

    fn speed_factor(&self, servo: &Servo) -> f64 {
        let limit = self.spec.speed_max_au_s;
        let v = servo.input.velocity_au_s.abs();
        ((SPEED_BAND * limit - v) / ((SPEED_BAND - 1.0) * limit)).clamp(0.0, 1.0)
    }
}
