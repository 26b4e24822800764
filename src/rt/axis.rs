//! One axis: its drive as last heard, its setpoint, its guards, its power, and its job.
//!
//! *Seeding* (house rule 6): in every cycle in which the drive does not follow positions (off, coming
//! up, under torque control, changing its mode) the setpoint is the actual position, at rest. It is so,
//! too, in the first cycle in which the drive follows; from then on only the profile moves it.

use cellwright_driver_api::cyclic::{AxisInput, AxisOutput, DriveMode, DriveState};
use cellwright_model::job::{AxisStatus, RtEventKind, RtFault, RtFaultKind};
use cellwright_model::{AxisId, DurationNs, JobId, TimeNs, cell};

use crate::capture::Captured;
use crate::events::Events;
use crate::guard::{InputGuard, InputLimits, SetpointGuard, abort_fault};
use crate::io::Analogs;
use crate::job::{AxisJob, End, Step};
use crate::motion::{Limits, Motion, State};

/// Slower than this share of its highest velocity an axis counts as at rest.
const REST_SHARE: f64 = 0.01;
/// In an abort, an axis that has no torque is waited for this long to come to rest ...
const COAST_MAX: DurationNs = DurationNs::from_millis(2_000);
/// ... and one whose actual values are not known this long after the abort began, once its setpoint stands.
const BLIND_MAX: DurationNs = DurationNs::from_millis(100);

/// Error codes of the sensors of a drive, its encoder among them (CiA 402, table of error codes: 0x73xx).
const ENCODER_ERRORS: core::ops::RangeInclusive<u16> = 0x7300..=0x73FF;

/// What one cycle brings to every axis.
pub(crate) struct Moment<'a> {
    pub(crate) now: TimeNs,
    /// Period of the cycle, s.
    pub(crate) dt: f64,
    /// The inputs are this cycle's.
    pub(crate) fresh: bool,
    /// Cycles in a row without.
    pub(crate) stale_cycles: u32,
    pub(crate) analogs: &'a Analogs,
}

/// What is wanted of the drive's power stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    Off,
    /// On the way to Operation enabled in CSP.
    Enabling,
    /// Was there; may only be left by us.
    On,
}

/// Which modes beside CSP a drive can be asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Modes {
    pub(crate) torque: bool,
    pub(crate) homing: bool,
}

/// Everything of an axis but its job.
pub(crate) struct Servo {
    pub(crate) id: AxisId,
    pub(crate) position: usize,
    pub(crate) limits: Limits,
    pub(crate) own: InputLimits,
    pub(crate) rest_au_s: f64,
    pub(crate) window_au: f64,
    pub(crate) input: AxisInput,
    pub(crate) output: AxisOutput,
    pub(crate) power: Power,
    pub(crate) motion: Motion,
    /// The drive followed positions when last heard.
    following: bool,
    /// How long it may look for its reference; `None`: it always has one.
    pub(crate) homes_within: Option<DurationNs>,
    referenced: bool,
    /// Modes that the process data of its drive carry.
    pub(crate) modes: Modes,
    /// It stopped doing so without being asked.
    strayed: bool,
    setpoint_guard: SetpointGuard,
    input_guard: InputGuard,
}

/// One axis.
pub(crate) struct Axis {
    pub(crate) servo: Servo,
    pub(crate) job: Option<AxisJob>,
    /// Since when an abort brings it to rest and switches it off.
    off_since: Option<TimeNs>,
}

impl Servo {
    fn new(id: AxisId, axis: &cell::Axis, modes: Modes, dt: f64) -> Servo {
        let homes_within = axis.reference.homing().map(|h| h.within);
        let limits = Limits {
            travel_lo: axis.travel_lo_au,
            travel_hi: axis.travel_hi_au,
            velocity: axis.velocity_max,
            acceleration: axis.acceleration_max,
            jerk: axis.jerk_max,
        };
        let own =
            InputLimits { following_error_au: axis.following_error_max_au, torque_nm: axis.torque_max_nm };
        Servo {
            id,
            position: axis.subdevice,
            limits,
            own,
            rest_au_s: REST_SHARE * axis.velocity_max,
            window_au: axis.in_position_au(),
            input: AxisInput::default(),
            output: AxisOutput::default(),
            power: Power::Off,
            motion: Motion::new(limits, dt),
            following: false,
            homes_within,
            referenced: homes_within.is_none(),
            modes,
            strayed: false,
            setpoint_guard: SetpointGuard::default(),
            input_guard: InputGuard::default(),
        }
    }

    /// Follows position setpoints.
    pub(crate) fn following(&self) -> bool {
        self.following
    }

    /// It is known where the axis is.
    pub(crate) fn referenced(&self) -> bool {
        self.referenced
    }

    /// Nobody knows any more where the axis is, if it is one that has to be homed.
    pub(crate) fn lose_reference(&mut self) {
        self.referenced &= self.homes_within.is_none();
    }

    /// The drive shows positions from its reference from now on.
    pub(crate) fn find_reference(&mut self) {
        self.referenced = true;
        self.input_guard.begin(&self.limits, self.input.position_au);
    }

    pub(crate) fn slow(&self) -> bool {
        self.input.velocity_au_s.abs() < self.rest_au_s
    }

    /// The drive is on its quick stop ramp.
    fn stops_itself(&self) -> bool {
        self.output.quick_stop && self.input.state == DriveState::QuickStop
    }

    /// At the setpoint and at rest, as measured.
    pub(crate) fn in_position(&self) -> bool {
        self.slow() && (self.input.position_au - self.motion.state().p).abs() <= self.window_au
    }

    /// Setpoint = actual position, at rest.
    pub(crate) fn seed(&mut self) {
        self.motion.seed(self.input.position_au);
        self.setpoint_guard.seed(self.input.position_au);
        self.output.position_au = self.input.position_au;
    }

    /// Takes in what a valid exchange brought.
    pub(crate) fn observe(&mut self, input: AxisInput) {
        self.input = input;
        // Also while CST is asked for and not yet displayed: until then the setpoint is held.
        let follows = input.follows(DriveMode::Csp) && self.power != Power::Off;
        if !(self.following && follows) {
            self.seed();
        }
        self.strayed |= self.following && !follows && self.output.mode == DriveMode::Csp;
        self.following = follows;
        if self.power == Power::Enabling && follows {
            self.power = Power::On;
            self.output.reset_fault = false;
            self.input_guard.begin(&self.limits, input.position_au);
        }
    }

    /// Asks for Operation enabled, with a fault reset on the way.
    pub(crate) fn switch_on(&mut self) {
        if self.power == Power::Off {
            self.power = Power::Enabling;
            self.strayed = false;
            self.output = AxisOutput { power: true, reset_fault: true, ..self.resting() };
        }
    }

    /// Torque off, from the next exchange on.
    pub(crate) fn switch_off(&mut self) {
        self.power = Power::Off;
        self.following = false;
        self.output = self.resting();
        self.seed();
    }

    fn resting(&self) -> AxisOutput {
        AxisOutput { position_au: self.input.position_au, ..AxisOutput::default() }
    }

    /// First thing that may not be while the drive is on. Loss of torque by STO is not among them.
    pub(crate) fn check_input(&mut self, m: &Moment) -> Option<RtFault> {
        if self.power != Power::On || self.input.sto {
            return None;
        }
        let id = self.id;
        let fault = |kind, value| Some(abort_fault(kind, id, value, 0.0));
        if self.input.faulted() {
            if ENCODER_ERRORS.contains(&self.input.error_code) {
                self.lose_reference();
            }
            return fault(RtFaultKind::Drive, f64::from(self.input.error_code));
        }
        if !self.input.enabled() || self.strayed {
            return fault(RtFaultKind::DriveDisabled, f64::from(self.input.state as u8));
        }
        if let Some(timeout) = self.input.overdue {
            // Enabled: what does not come is the mode.
            let mode = f64::from(self.output.mode.code());
            return Some(abort_fault(RtFaultKind::DriveMode, self.id, mode, timeout.as_secs_f64()));
        }
        // The setpoint still standing is the one that the last exchange carried.
        let deviation = self.following.then_some(self.output.position_au - self.input.position_au);
        // Without a reference its position says nothing of its travel.
        let travel = if self.referenced { self.limits } else { self.limits.unbounded() };
        let found =
            self.input_guard.check(self.id, (&travel, &self.own), &self.input, deviation, (m.now, m.dt));
        // Where no axis can be in one cycle: rather its encoder jumped.
        if found.is_some_and(|f| matches!(f.kind, RtFaultKind::Position | RtFaultKind::Velocity)) {
            self.lose_reference();
        }
        found
    }

    /// Moves the setpoint by one cycle and looks at it once more.
    fn advance(&mut self, m: &Moment) -> Result<(), RtFault> {
        if !self.following {
            return Ok(());
        }
        let p = self.motion.step(m.dt).p;
        let mut checked = self.setpoint_guard.check(self.id, &self.limits, p, m.dt);
        if checked.is_err() {
            self.brake_from_last(m.dt);
        } else if !m.fresh && self.lead(p) > self.own.lead_max(&self.limits, m.dt) {
            // With stale inputs a move goes on as far as the following error permits. Further ahead, what a drive
            // that got nothing meanwhile is given next would be a jump: from here on it brakes by itself.
            self.output.quick_stop = true;
            if !self.motion.brakes() {
                self.motion.brake();
                let cycles = f64::from(m.stale_cycles);
                checked = Err(abort_fault(RtFaultKind::StaleInput, self.id, cycles, cycles - 1.0));
            }
        }
        self.output.position_au = self.motion.state().p;
        checked
    }

    /// From what was really commanded to rest, by arithmetic that needs no planner.
    fn brake_from_last(&mut self, dt: f64) {
        let (last, v) = self.setpoint_guard.last();
        self.motion.brake_from(State { p: last, v, a: 0.0 });
        let p = self.motion.step(dt).p;
        self.setpoint_guard.force(p, (p - last) / dt);
    }

    /// How far a setpoint is ahead of the last actual position.
    fn lead(&self, p: f64) -> f64 {
        (p - self.input.position_au).abs()
    }
}

impl Axis {
    pub(crate) fn new(id: AxisId, axis: &cell::Axis, modes: Modes, dt: f64) -> Axis {
        Axis { servo: Servo::new(id, axis, modes, dt), job: None, off_since: None }
    }

    /// Neither moves nor is about to.
    pub(crate) fn at_rest(&self) -> bool {
        self.servo.motion.at_rest() && self.job.as_ref().is_none_or(AxisJob::is_held)
    }

    /// One cycle of its job and its setpoint. `Err`: a fault of the machine.
    pub(crate) fn advance(&mut self, m: &Moment, events: &mut Events) -> Result<(), RtFault> {
        if let Some(job) = &mut self.job {
            match job.step(&mut self.servo, m) {
                Step::Running => {}
                Step::Held => {
                    events.emit(job.id, RtEventKind::Held { actual_au: self.servo.input.position_au })
                }
                Step::Over(kind) => self.end_job(kind, events),
            }
        }
        self.servo.advance(m)
    }

    fn end_job(&mut self, kind: RtEventKind, events: &mut Events) {
        let Some(job) = self.job.take() else { return };
        events.emit(job.id, kind);
        if let Some(cancel) = job.cancelled_by {
            events.emit(cancel, RtEventKind::Done(at(self.servo.input.position_au)));
        }
    }

    /// Ends the job in a fault at once; the axis brakes without it. The job that was there, if any.
    pub(crate) fn fault_job(&mut self, fault: RtFault, events: &mut Events) -> bool {
        let had = self.job.is_some();
        self.end_job(RtEventKind::Fault(fault), events);
        had
    }

    /// Jerk-limited to rest; the job is kept.
    pub(crate) fn hold(&mut self) {
        if let Some(job) = &mut self.job {
            job.hold(&mut self.servo);
        }
    }

    /// A job that was held goes on, once it is at rest.
    pub(crate) fn resume(&mut self) {
        if let Some(job) = &mut self.job {
            job.resume();
        }
    }

    /// Jerk-limited to rest; the job ends in Stopped, `cancel` then in Done.
    pub(crate) fn stop(&mut self, cancel: Option<JobId>) {
        if let Some(job) = &mut self.job {
            job.cancelled_by = job.cancelled_by.or(cancel);
            job.end_by(&mut self.servo, End::Stopped);
        }
    }

    /// Highest deceleration to rest; the job ends in Stopped; then the drive is switched off.
    pub(crate) fn abort(&mut self, m: &Moment) {
        match &mut self.job {
            Some(job) => job.abort(&mut self.servo),
            None => self.servo.motion.brake(),
        }
        self.servo.output.torque_nm = 0.0;
        let since = *self.off_since.get_or_insert(m.now);
        let wait = if m.fresh || !self.servo.motion.at_rest() { COAST_MAX } else { BLIND_MAX };
        let waited_out = m.now.since(since) >= wait;
        if waited_out && let Some(job) = &mut self.job {
            job.give_up_waiting();
        }
        let still = self.servo.motion.at_rest() && (m.fresh && self.servo.slow() || waited_out);
        if self.servo.stops_itself() && !(self.servo.slow() || waited_out) {
            return;
        }
        if self.servo.power == Power::Enabling || !self.servo.input.enabled() || self.job.is_none() && still {
            self.servo.switch_off();
        }
    }

    /// Ends the job in Stopped and takes the power back at once: the bus is about to be reset.
    pub(crate) fn end_now(&mut self, events: &mut Events) {
        self.end_job(RtEventKind::Stopped { actual_au: self.servo.input.position_au }, events);
        self.servo.switch_off();
        // What becomes of its supply meanwhile, nobody sees.
        self.servo.lose_reference();
        self.off_since = None;
    }

    /// The abort is over.
    pub(crate) fn abort_cleared(&mut self) {
        self.off_since = None;
    }

    /// For captures of it.
    pub(crate) fn captured(&self) -> Captured {
        let held = self.job.as_ref().is_some_and(AxisJob::is_held);
        Captured { position_au: self.servo.input.position_au, held }
    }

    pub(crate) fn status(&self) -> AxisStatus {
        let s = &self.servo;
        AxisStatus {
            setpoint_au: s.motion.state().p,
            actual_au: s.input.position_au,
            velocity_au_s: s.input.velocity_au_s,
            torque_nm: s.input.torque_nm,
            following_error_au: s.input.following_error_au,
            enabled: s.power == Power::On && s.input.enabled(),
            fault: s.input.faulted(),
            sto: s.input.sto,
            moving: !self.at_rest(),
            referenced: s.referenced,
        }
    }
}

/// A result without a condition.
pub(crate) fn at(position_au: f64) -> cellwright_model::job::JobResult {
    cellwright_model::job::JobResult {
        end: cellwright_model::job::JobEnd::Target,
        position_au,
        trigger_au: 0.0,
        value: 0.0,
        peak: 0.0,
    }
}
