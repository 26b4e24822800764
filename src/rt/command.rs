//! What becomes of a command: refused with the reason, or accepted and begun. Order of the reasons:
//! what does not exist, what may not be now (aborted, urgent word, safety input, stale inputs), what is
//! taken, what is beyond a limit.

use cellwright_model::job::{Approach, Refusal, RtCommand, RtEventKind, RtOp, Tighten, Until, UrgentWord};
use cellwright_model::{AnalogId, AxisId, DurationNs, JobId, TimeNs};

use crate::axis::{Axis, Moment, Power, at};
use crate::cycle::Cycle;
use crate::job::{AxisJob, Behind};

/// Room for rounding where a value given equals its limit.
const ROUNDING: f64 = 1e-9;

impl Cycle {
    /// Takes every command that waits: at most a ring of them.
    pub(crate) fn take_commands(&mut self, now: TimeNs, fresh: bool) {
        while let Ok(command) = self.commands.pop() {
            if let Err(refusal) = self.take(command, now, fresh) {
                self.events.emit(command.job, RtEventKind::Refused(refusal));
            }
        }
    }

    fn take(&mut self, RtCommand { job, op }: RtCommand, now: TimeNs, fresh: bool) -> Result<(), Refusal> {
        match op {
            RtOp::Enable { axes } => self.enable(job, axes, fresh),
            RtOp::Disable { axes } => self.disable(job, axes),
            RtOp::MoveTo { axis, target_au, velocity_au_s } => {
                let a = self.placed_axis(axis, fresh)?;
                in_travel(a, target_au)?;
                positive_to(velocity_au_s, a.servo.limits.velocity)?;
                self.begin(axis, AxisJob::move_to(job, target_au, velocity_au_s))
            }
            RtOp::MoveWhile { axis, target_au, velocity_au_s, window } => {
                let a = self.placed_axis(axis, fresh)?;
                in_travel(a, target_au)?;
                positive_to(velocity_au_s, a.servo.limits.velocity)?;
                self.begin(axis, AxisJob::move_to(job, target_au, velocity_au_s).renewed_within(window, now))
            }
            RtOp::Renew { axis } => {
                let job_of = self.axes.get_mut(axis.index()).and_then(|a| a.job.as_mut());
                job_of.is_some_and(|j| j.renew(now)).then_some(()).ok_or(Refusal::Unknown)?;
                self.done_at_once(job, 0.0);
                Ok(())
            }
            RtOp::ApproachUntil { axis, approach } => self.approach(job, axis, &approach, fresh),
            RtOp::Tighten { axis, tighten } => self.tighten(job, axis, tighten, fresh),
            RtOp::Home { axis } => self.home(job, axis, fresh),
            RtOp::Cancel { axis } => self.cancel(job, axis),
            RtOp::SetOutputs { mask, value } => self.set_outputs(job, mask, value, fresh),
            RtOp::CaptureStart { axis, analog, limit } => self.capture_start(job, axis, analog, limit, fresh),
            RtOp::CaptureEnd { capture } => {
                self.captures.end(capture).then_some(()).ok_or(Refusal::Unknown)?;
                self.done_at_once(job, 0.0);
                Ok(())
            }
        }
    }

    fn done_at_once(&mut self, job: JobId, position_au: f64) {
        self.events.emit(job, RtEventKind::Accepted);
        self.events.emit(job, RtEventKind::Done(at(position_au)));
    }

    fn not_aborted(&self) -> Result<(), Refusal> {
        if self.aborted { Err(Refusal::Urgent) } else { Ok(()) }
    }

    /// Nothing starts now on these axes: why.
    fn may_start(&self, axes: u64, fresh: bool) -> Result<(), Refusal> {
        self.not_aborted()?;
        let held = self.word == UrgentWord::Hold && axes & !self.hold_except != 0;
        if held || matches!(self.word, UrgentWord::Stop | UrgentWord::Abort) {
            return Err(Refusal::Urgent);
        }
        if !fresh {
            return Err(Refusal::StaleInput);
        }
        if !self.safety_ok { Err(Refusal::SafetyInput) } else { Ok(()) }
    }

    fn known_mask(&self, mask: u64) -> Result<(), Refusal> {
        let known = self.axes.iter().enumerate().fold(0, |m, (i, _)| m | 1u64 << i);
        if mask & !known == 0 { Ok(()) } else { Err(Refusal::Unknown) }
    }

    fn enable(&mut self, job: JobId, mask: u64, fresh: bool) -> Result<(), Refusal> {
        self.known_mask(mask)?;
        self.may_start(mask, fresh)?;
        if (mask & self.busy()) != 0 {
            return Err(Refusal::AxisBusy);
        }
        if !self.power.begin(job, mask, true, &mut self.axes) {
            return Err(Refusal::AxisBusy);
        }
        self.events.emit(job, RtEventKind::Accepted);
        Ok(())
    }

    /// A stop and torque off are possible in every state but an abort, which does both by itself.
    fn disable(&mut self, job: JobId, mask: u64) -> Result<(), Refusal> {
        self.known_mask(mask)?;
        self.not_aborted()?;
        if mask & self.power.disabling() != 0 {
            return Err(Refusal::AxisBusy);
        }
        self.power.cancel_enable(mask, &mut self.axes, &mut self.events);
        if !self.power.begin(job, mask, false, &mut self.axes) {
            return Err(Refusal::AxisBusy);
        }
        self.events.emit(job, RtEventKind::Accepted);
        Ok(())
    }

    /// Axes that have a job.
    fn busy(&self) -> u64 {
        let jobs = self.axes.iter().enumerate().filter(|(_, a)| a.job.is_some());
        jobs.fold(self.power.busy(), |mask, (i, _)| mask | 1 << i)
    }

    /// The axis, if a job of motion may start on it.
    fn free_axis(&self, id: AxisId, fresh: bool) -> Result<&Axis, Refusal> {
        let axis = self.axes.get(id.index()).ok_or(Refusal::Unknown)?;
        self.may_start(1 << id.index(), fresh)?;
        if self.busy() >> id.index() & 1 == 1 || !axis.servo.motion.at_rest() {
            return Err(Refusal::AxisBusy);
        }
        if axis.servo.power != Power::On || !axis.servo.following() {
            return Err(Refusal::NotEnabled);
        }
        Ok(axis)
    }

    /// The same, if it is known where it is.
    fn placed_axis(&self, id: AxisId, fresh: bool) -> Result<&Axis, Refusal> {
        let axis = self.free_axis(id, fresh)?;
        if axis.servo.referenced() { Ok(axis) } else { Err(Refusal::NoReference) }
    }

    fn home(&mut self, job: JobId, id: AxisId, fresh: bool) -> Result<(), Refusal> {
        let servo = &self.free_axis(id, fresh)?.servo;
        let within = servo.homes_within.ok_or(Refusal::Unknown)?;
        if !servo.modes.homing {
            return Err(Refusal::NoMode);
        }
        self.begin(id, AxisJob::home(job, within))
    }

    fn begin(&mut self, id: AxisId, mut job: AxisJob) -> Result<(), Refusal> {
        let axis = self.axes.get_mut(id.index()).ok_or(Refusal::Unknown)?;
        let max = axis.servo.limits.velocity;
        job.begin(&mut axis.servo).map_err(|_| Refusal::Limit { value: f64::NAN, max })?;
        self.events.emit(job.id, RtEventKind::Accepted);
        axis.job = Some(job);
        Ok(())
    }

    fn approach(&mut self, job: JobId, id: AxisId, a: &Approach, fresh: bool) -> Result<(), Refusal> {
        let axis = self.placed_axis(id, fresh)?;
        in_travel(axis, a.limit_au)?;
        positive_to(a.velocity_au_s, axis.servo.limits.velocity)?;
        match a.until {
            Until::Position(p) => in_travel(axis, p)?,
            Until::AnalogAtLeast(analog, level) => self.channel(analog, level)?,
        }
        if let Some(trip) = a.trip {
            self.channel(trip.analog, trip.above)?;
        }
        let start_au = axis.servo.motion.state().p;
        let begun = AxisJob::approach(job, a, start_au, axis.servo.window_au);
        let begun = begun.map_err(|Behind(from, to)| {
            let value_au = if let Until::Position(p) = a.until { p } else { to };
            Refusal::Travel { value_au, lo_au: from.min(to), hi_au: from.max(to) }
        })?;
        self.begin(id, begun)
    }

    fn channel(&self, analog: AnalogId, level: f64) -> Result<(), Refusal> {
        if !self.signals.has_analog(analog) {
            return Err(Refusal::Unknown);
        }
        if level.is_finite() { Ok(()) } else { Err(Refusal::Limit { value: level, max: f64::MAX }) }
    }

    fn tighten(&mut self, job: JobId, id: AxisId, t: Tighten, fresh: bool) -> Result<(), Refusal> {
        let axis = self.placed_axis(id, fresh)?;
        if !axis.servo.modes.torque {
            return Err(Refusal::NoMode);
        }
        self.channel(t.sensor, t.target_nm)?;
        positive_to(t.target_nm, f64::MAX)?;
        positive_to(t.ramp_nm_s, f64::MAX)?;
        positive_to(t.torque_max_nm, axis.servo.own.torque_nm)?;
        positive_to(t.angle_max_au, axis.servo.limits.travel_hi - axis.servo.limits.travel_lo)?;
        positive_to(t.speed_max_au_s, axis.servo.limits.velocity)?;
        self.begin(id, AxisJob::tighten(job, t))
    }

    fn cancel(&mut self, job: JobId, id: AxisId) -> Result<(), Refusal> {
        let bit = 1u64 << id.index().min(63);
        let axis = self.axes.get_mut(id.index()).ok_or(Refusal::Unknown)?;
        if self.aborted {
            return Err(Refusal::Urgent);
        }
        if axis.job.as_ref().is_some_and(|j| j.cancelled_by.is_some()) || self.power.disabling() & bit != 0 {
            return Err(Refusal::AxisBusy);
        }
        if axis.job.is_some() {
            self.events.emit(job, RtEventKind::Accepted);
            axis.stop(Some(job));
            return Ok(());
        }
        let position_au = axis.servo.input.position_au;
        self.power.cancel_enable(bit, &mut self.axes, &mut self.events);
        self.done_at_once(job, position_au);
        Ok(())
    }

    fn set_outputs(&mut self, job: JobId, mask: u64, value: u64, fresh: bool) -> Result<(), Refusal> {
        if mask & !self.signals.output_mask() != 0 {
            return Err(Refusal::Unknown);
        }
        // Lamps say what happened while everything else is in its off state.
        if mask & !self.signals.panel != 0 {
            self.not_aborted()?;
        }
        if !fresh {
            return Err(Refusal::StaleInput);
        }
        self.signals.outputs = self.signals.outputs & !mask | value & mask;
        self.done_at_once(job, 0.0);
        Ok(())
    }

    fn capture_start(
        &mut self,
        job: JobId,
        axis: Option<AxisId>,
        analog: Option<AnalogId>,
        limit: DurationNs,
        fresh: bool,
    ) -> Result<(), Refusal> {
        let known_axis = axis.is_none_or(|a| a.index() < self.axes.len());
        if !known_axis || !analog.is_none_or(|a| self.signals.has_analog(a)) {
            return Err(Refusal::Unknown);
        }
        self.not_aborted()?;
        if !fresh {
            return Err(Refusal::StaleInput);
        }
        if !self.captures.start(job, axis, analog, limit) {
            return Err(Refusal::NoBuffer);
        }
        self.done_at_once(job, 0.0);
        Ok(())
    }

    /// A new urgent word, if there is one.
    pub(crate) fn take_urgent(&mut self) {
        let urgent = *self.urgent.read();
        if urgent.epoch == self.epoch || self.winding_down {
            return;
        }
        self.epoch = urgent.epoch;
        self.hold_except = urgent.except;
        self.apply(urgent.word);
    }

    /// Acts on a word.
    pub(crate) fn apply(&mut self, word: UrgentWord) {
        let ends_motion = matches!(word, UrgentWord::Hold | UrgentWord::Stop | UrgentWord::Abort);
        // The same word again only extends it to what has finished since.
        if ends_motion && self.word != word {
            let except = if word == UrgentWord::Hold { self.hold_except } else { 0 };
            self.reacting.begin(self.number, &self.axes, except);
        }
        self.word = word;
        self.clear_wanted = false;
        match word {
            UrgentWord::None => self.clear_wanted = self.aborted,
            UrgentWord::Hold => {
                let except = self.hold_except;
                let held = |(i, _): &(usize, &mut Axis)| except >> i & 1 == 0;
                self.axes.iter_mut().enumerate().filter(held).for_each(|(_, a)| a.hold());
            }
            UrgentWord::Resume => self.axes.iter_mut().for_each(Axis::resume),
            UrgentWord::Stop => {
                self.axes.iter_mut().for_each(|a| a.stop(None));
                self.power.cancel_enable(u64::MAX, &mut self.axes, &mut self.events);
            }
            UrgentWord::Abort => self.latch_abort(),
        }
    }

    /// From now on: highest deceleration, drives off, outputs in their off state, commands refused;
    /// until a word `None` comes after it.
    pub(crate) fn latch_abort(&mut self) {
        self.signals.off();
        self.power.cancel_enable(u64::MAX, &mut self.axes, &mut self.events);
        self.aborted = true;
        self.clear_wanted = false;
    }

    /// Carries an abort on, and clears it once it is complete and that was asked for.
    pub(crate) fn abort_progress(&mut self, m: &Moment) {
        if !self.aborted {
            return;
        }
        for axis in &mut self.axes {
            axis.abort(m);
        }
        let off = |a: &Axis| a.servo.power == Power::Off && a.job.is_none();
        if self.clear_wanted && self.axes.iter().all(off) {
            self.aborted = false;
            self.clear_wanted = false;
            self.axes.iter_mut().for_each(Axis::abort_cleared);
        }
    }
}

fn in_travel(axis: &Axis, value_au: f64) -> Result<(), Refusal> {
    let (lo_au, hi_au) = (axis.servo.limits.travel_lo, axis.servo.limits.travel_hi);
    if (lo_au..=hi_au).contains(&value_au) { Ok(()) } else { Err(Refusal::Travel { value_au, lo_au, hi_au }) }
}

/// A finite positive number up to `max`.
fn positive_to(value: f64, max: f64) -> Result<(), Refusal> {
    if value > 0.0 && value <= max * (1.0 + ROUNDING) && value.is_finite() {
        Ok(())
    } else {
        Err(Refusal::Limit { value, max })
    }
}
