//! The job of one axis, from its acceptance to its one end.
//!
//! Phases of a profile job: *moving* along its profile; *stopping* for an end that was asked for
//! (condition, trip, cancel, hold); *settling* until the actual values have come to rest; *held*.
//! An end that weighs more replaces one that weighs less while the axis is still on its way to rest:
//! held < triggered < tripped < stopped < fault.

use cellwright_model::job::{
    Approach, JobEnd, JobResult, RtEventKind, RtFault, RtFaultKind, Tighten, Trip, Until,
};
use cellwright_model::outcome::FaultClass;
use cellwright_model::{AnalogId, DurationNs, JobId, TimeNs};

use crate::axis::{Moment, Servo};
use crate::home::Seeking;
use crate::motion::PlanFailed;
use crate::tighten::Tightening;

/// After its profile an axis gets so long to come to rest in position. A drive that holds against a
/// force keeps some deviation: then the job ends all the same, and its result says where the axis is.
const SETTLE_MAX: DurationNs = DurationNs::from_millis(100);

/// How a job is to end once the axis is at rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum End {
    Held,
    Done(JobEnd),
    Stopped,
    Fault(RtFault),
}

impl End {
    fn weight(&self) -> u8 {
        match self {
            End::Held => 0,
            End::Done(JobEnd::Tripped) => 2,
            End::Done(_) => 1,
            End::Stopped => 3,
            End::Fault(_) => 4,
        }
    }
}

/// What a cycle did to a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    Running,
    /// Came to rest and is kept.
    Held,
    Over(RtEventKind),
}

/// Value and highest value of a channel, and the position at which it mattered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Watch {
    pub(crate) trigger_au: f64,
    pub(crate) value: f64,
    pub(crate) peak: Option<f64>,
}

impl Watch {
    pub(crate) const NEW: Watch = Watch { trigger_au: 0.0, value: 0.0, peak: None };

    pub(crate) fn see(&mut self, value: f64) {
        self.value = value;
        self.peak = Some(self.peak.map_or(value, |peak| peak.max(value)));
    }
}

/// A move to `target_au` with what is watched on the way.
#[derive(Debug, Clone, Copy)]
struct Profile {
    target_au: f64,
    velocity_au_s: f64,
    /// What arriving means.
    arrived: JobEnd,
    condition: Option<(AnalogId, f64)>,
    trip: Option<Trip>,
    condition_watch: Watch,
    trip_watch: Watch,
}

enum Task {
    Profile(Profile),
    Tighten(Tightening),
    Home(Seeking),
}

/// What a cycle came to of a task that leaves CSP for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Away {
    Running,
    /// It is over, with this end; the way back comes next.
    End(End),
    /// In CSP again.
    Back,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Moving,
    Stopping,
    Settling(TimeNs),
    Held,
    /// Not in CSP, or changing to or from another mode.
    Away,
}

/// See the module.
pub(crate) struct AxisJob {
    pub(crate) id: JobId,
    /// The job of the `Cancel` that stops this one.
    pub(crate) cancelled_by: Option<JobId>,
    task: Task,
    phase: Phase,
    end: Option<End>,
    resume: bool,
    /// The axis has no torque and does not come to rest in time.
    gave_up: bool,
    /// It is wanted for so long after it was renewed last.
    lease: Option<Lease>,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    window: DurationNs,
    renewed: TimeNs,
}

/// An approach whose position lies behind its start (au): from, to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Behind(pub(crate) f64, pub(crate) f64);

impl AxisJob {
    fn new(id: JobId, task: Task) -> AxisJob {
        AxisJob {
            id,
            cancelled_by: None,
            task,
            phase: Phase::Moving,
            end: None,
            resume: false,
            gave_up: false,
            lease: None,
        }
    }

    pub(crate) fn move_to(id: JobId, target_au: f64, velocity_au_s: f64) -> AxisJob {
        AxisJob::new(id, Task::Profile(profile(target_au, velocity_au_s, JobEnd::Target)))
    }

    /// The same, ended in Stopped once it is not renewed for `window`.
    pub(crate) fn renewed_within(self, window: DurationNs, now: TimeNs) -> AxisJob {
        AxisJob { lease: Some(Lease { window, renewed: now }), ..self }
    }

    /// It is still wanted. `false`: it asks nobody.
    pub(crate) fn renew(&mut self, now: TimeNs) -> bool {
        self.lease.as_mut().map(|l| l.renewed = now).is_some()
    }

    /// `start_au`: the present setpoint. Refuses a position to go to that lies behind it.
    pub(crate) fn approach(
        id: JobId,
        a: &Approach,
        start_au: f64,
        window_au: f64,
    ) -> Result<AxisJob, Behind> {
        let mut task = profile(a.limit_au, a.velocity_au_s, JobEnd::Limit);
        task.trip = a.trip;
        match a.until {
            Until::AnalogAtLeast(analog, level) => task.condition = Some((analog, level)),
            Until::Position(p) => {
                let way = a.limit_au - start_au;
                if (p - start_au) * way.signum() < -window_au {
                    return Err(Behind(start_au, a.limit_au));
                }
                if (p - start_au).abs() <= way.abs() {
                    (task.target_au, task.arrived) = (p, JobEnd::Target);
                }
            }
        }
        Ok(AxisJob::new(id, Task::Profile(task)))
    }

    pub(crate) fn tighten(id: JobId, spec: Tighten) -> AxisJob {
        AxisJob::new(id, Task::Tighten(Tightening::new(spec)))
    }

    pub(crate) fn home(id: JobId, within: DurationNs) -> AxisJob {
        AxisJob::new(id, Task::Home(Seeking::new(within)))
    }

    pub(crate) fn is_held(&self) -> bool {
        self.phase == Phase::Held
    }

    /// Sets the axis going, from rest.
    pub(crate) fn begin(&mut self, servo: &mut Servo) -> Result<(), PlanFailed> {
        self.end = None;
        self.phase = match &mut self.task {
            Task::Profile(p) => {
                servo.motion.go_to(p.target_au, p.velocity_au_s)?;
                Phase::Moving
            }
            Task::Tighten(t) => {
                t.begin();
                Phase::Away
            }
            Task::Home(s) => {
                s.begin();
                Phase::Away
            }
        };
        Ok(())
    }

    /// Brings the axis to rest for `end`, unless it already stops for one that weighs as much.
    pub(crate) fn end_by(&mut self, servo: &mut Servo, end: End) {
        if self.end.is_some_and(|e| e.weight() >= end.weight()) {
            return;
        }
        self.end = Some(end);
        match end {
            End::Done(JobEnd::Tripped) | End::Fault(_) => servo.motion.brake(),
            _ => servo.motion.stop(),
        }
        match self.phase {
            Phase::Moving => self.phase = Phase::Stopping,
            // At rest already: over with the next step.
            Phase::Held => self.phase = Phase::Settling(TimeNs(0)),
            Phase::Stopping | Phase::Settling(_) | Phase::Away => {}
        }
    }

    pub(crate) fn hold(&mut self, servo: &mut Servo) {
        self.resume = false;
        // What has arrived is at rest without being held.
        if self.end.is_none() && matches!(self.phase, Phase::Moving | Phase::Away) {
            self.end_by(servo, End::Held);
        }
    }

    pub(crate) fn resume(&mut self) {
        self.resume = self.phase == Phase::Held || self.end == Some(End::Held);
    }

    /// Highest deceleration, torque off and homing interrupted at once, Stopped.
    pub(crate) fn abort(&mut self, servo: &mut Servo) {
        self.end_by(servo, End::Stopped);
        servo.motion.brake();
        if self.phase == Phase::Away {
            (servo.output.torque_nm, servo.output.home) = (0.0, false);
            self.phase = Phase::Stopping;
        }
    }

    pub(crate) fn give_up_waiting(&mut self) {
        self.gave_up = true;
    }

    /// One cycle.
    pub(crate) fn step(&mut self, servo: &mut Servo, m: &Moment) -> Step {
        if m.fresh {
            self.watch(servo, m);
        }
        if self.lease.is_some_and(|l| m.now.since(l.renewed) >= l.window) {
            self.end_by(servo, End::Stopped);
        }
        match self.phase {
            Phase::Held => self.go_on(servo, m),
            Phase::Away => self.away(servo, m),
            Phase::Moving | Phase::Stopping if !servo.motion.at_rest() => Step::Running,
            Phase::Moving | Phase::Stopping => {
                self.phase = Phase::Settling(m.now);
                self.settle(servo, m, m.now)
            }
            Phase::Settling(since) => self.settle(servo, m, since),
        }
    }

    fn go_on(&mut self, servo: &mut Servo, m: &Moment) -> Step {
        if self.resume && m.fresh && servo.following() {
            self.resume = false;
            // House rule 6: from the actual position.
            servo.seed();
            if self.begin(servo).is_err() {
                self.end_by(servo, End::Fault(plan_fault(servo)));
            }
        }
        Step::Running
    }

    fn away(&mut self, servo: &mut Servo, m: &Moment) -> Step {
        let ending = self.end.is_some();
        let did = match &mut self.task {
            Task::Tighten(t) => t.step(ending, servo, m),
            Task::Home(s) => s.step(ending, servo, m),
            Task::Profile(_) => return Step::Running,
        };
        match did {
            Away::Running => Step::Running,
            Away::End(end) => {
                self.end_by(servo, end);
                Step::Running
            }
            Away::Back => {
                self.phase = Phase::Settling(m.now);
                self.settle(servo, m, m.now)
            }
        }
    }

    fn settle(&mut self, servo: &Servo, m: &Moment, since: TimeNs) -> Step {
        let at_rest = match self.end {
            None | Some(End::Done(_)) => servo.in_position(),
            _ => servo.slow(),
        };
        let waited_out = servo.following() && m.now.since(since) >= SETTLE_MAX;
        if !self.gave_up && !(m.fresh && (at_rest || waited_out)) {
            return Step::Running;
        }
        self.finish(servo)
    }

    fn finish(&mut self, servo: &Servo) -> Step {
        let actual_au = servo.input.position_au;
        match self.end.take() {
            Some(End::Held) => {
                self.phase = Phase::Held;
                Step::Held
            }
            Some(End::Stopped) => Step::Over(RtEventKind::Stopped { actual_au }),
            Some(End::Fault(fault)) => Step::Over(RtEventKind::Fault(fault)),
            Some(End::Done(end)) => Step::Over(RtEventKind::Done(self.result(end, actual_au))),
            None => {
                let end = match &self.task {
                    Task::Profile(p) => p.arrived,
                    Task::Tighten(_) => JobEnd::Limit,
                    Task::Home(_) => JobEnd::Target,
                };
                Step::Over(RtEventKind::Done(self.result(end, actual_au)))
            }
        }
    }

    fn result(&self, end: JobEnd, position_au: f64) -> JobResult {
        let watch = match &self.task {
            Task::Profile(p) if end == JobEnd::Tripped || p.condition.is_none() => &p.trip_watch,
            Task::Profile(p) => &p.condition_watch,
            Task::Tighten(t) => t.result(),
            Task::Home(_) => &Watch::NEW,
        };
        JobResult {
            end,
            position_au,
            trigger_au: watch.trigger_au,
            value: watch.value,
            peak: watch.peak.unwrap_or(0.0),
        }
    }

    /// Looks at the channels of a profile job that is on its way.
    fn watch(&mut self, servo: &mut Servo, m: &Moment) {
        let Task::Profile(p) = &mut self.task else { return };
        if self.phase == Phase::Held {
            return;
        }
        match p.look(servo.input.position_au, m) {
            Ok(None) => {}
            Ok(Some(end)) => self.end_by(servo, End::Done(end)),
            Err(analog) => {
                let fault = analog_invalid(servo, analog);
                self.end_by(servo, End::Fault(fault));
            }
        }
    }
}

fn profile(target_au: f64, velocity_au_s: f64, arrived: JobEnd) -> Profile {
    Profile {
        target_au,
        velocity_au_s,
        arrived,
        condition: None,
        trip: None,
        condition_watch: Watch::NEW,
        trip_watch: Watch::NEW,
    }
}

impl Profile {
    /// Trip before condition. `Err`: a channel that is not trusted.
    fn look(&mut self, position_au: f64, m: &Moment) -> Result<Option<JobEnd>, AnalogId> {
        let mut end = None;
        if let Some((analog, level)) = self.condition {
            let value = m.analogs.get(analog).ok_or(analog)?;
            let seen = self.condition_watch.peak.is_some_and(|peak| peak >= level);
            self.condition_watch.see(value);
            if value >= level && !seen {
                self.condition_watch.trigger_au = position_au;
                end = Some(JobEnd::Triggered);
            }
        }
        if let Some(trip) = self.trip {
            let value = m.analogs.get(trip.analog).ok_or(trip.analog)?;
            let seen = self.trip_watch.peak.is_some_and(|peak| peak > trip.above);
            self.trip_watch.see(value);
            if value > trip.above {
                if !seen {
                    self.trip_watch.trigger_au = position_au;
                }
                end = Some(JobEnd::Tripped);
            }
        }
        Ok(end)
    }
}

pub(crate) fn analog_invalid(servo: &Servo, analog: AnalogId) -> RtFault {
    RtFault {
        kind: RtFaultKind::AnalogInvalid,
        axis: Some(servo.id),
        value: f64::from(analog.0),
        limit: 0.0,
        class: FaultClass::Hold,
    }
}

fn plan_fault(servo: &Servo) -> RtFault {
    RtFault {
        kind: RtFaultKind::ProgramError,
        axis: Some(servo.id),
        value: 0.0,
        limit: 0.0,
        class: FaultClass::Hold,
    }
}
