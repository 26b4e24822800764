//! Enable and Disable: jobs over the drives of a mask. Each job ends once, for all of its axes.

use cellwright_model::JobId;
use cellwright_model::job::{RtEventKind, RtFault, RtFaultKind};
use cellwright_model::limits::AXES_MAX;
use cellwright_model::outcome::FaultClass;

use crate::axis::{Axis, Power, Servo, at};
use crate::events::Events;

#[derive(Debug, Clone, Copy)]
struct PowerJob {
    job: JobId,
    axes: u64,
    on: bool,
}

/// The Enable and Disable jobs that run; never more than axes, since an axis has one job.
#[derive(Debug, Default)]
pub(crate) struct PowerJobs {
    list: [Option<PowerJob>; AXES_MAX],
}

/// Axes of a mask, by index.
fn masked(axes: &mut [Axis], mask: u64) -> impl Iterator<Item = &mut Axis> {
    axes.iter_mut().enumerate().filter(move |(i, _)| mask >> i & 1 == 1).map(|(_, a)| a)
}

impl PowerJobs {
    /// Axes that such a job works on.
    pub(crate) fn busy(&self) -> u64 {
        self.list.iter().flatten().fold(0, |mask, j| mask | j.axes)
    }

    /// Axes that are being disabled.
    pub(crate) fn disabling(&self) -> u64 {
        self.list.iter().flatten().filter(|j| !j.on).fold(0, |mask, j| mask | j.axes)
    }

    /// Takes the job on; `false`: there is no room, which needs more jobs than axes.
    pub(crate) fn begin(&mut self, job: JobId, mask: u64, on: bool, axes: &mut [Axis]) -> bool {
        let Some(free) = self.list.iter_mut().find(|j| j.is_none()) else { return false };
        *free = Some(PowerJob { job, axes: mask, on });
        for axis in masked(axes, mask) {
            if on {
                axis.servo.switch_on();
            } else {
                axis.stop(None);
            }
        }
        true
    }

    /// Ends the Enable jobs that touch `mask` in Stopped; their drives that are not on yet go off.
    pub(crate) fn cancel_enable(&mut self, mask: u64, axes: &mut [Axis], events: &mut Events) {
        for slot in &mut self.list {
            let Some(j) = slot.filter(|j| j.on && (j.axes & mask != 0 || mask == u64::MAX)) else { continue };
            *slot = None;
            let mut actual_au = 0.0;
            for axis in masked(axes, j.axes) {
                actual_au = axis.servo.input.position_au;
                if axis.servo.power == Power::Enabling {
                    axis.servo.switch_off();
                }
            }
            events.emit(j.job, RtEventKind::Stopped { actual_au });
        }
    }

    /// One cycle with valid inputs.
    pub(crate) fn step(&mut self, axes: &mut [Axis], events: &mut Events) {
        for slot in &mut self.list {
            let Some(j) = slot else { continue };
            let end = if j.on { j.enabled(axes) } else { j.disabled(axes) };
            if let Some(kind) = end {
                events.emit(j.job, kind);
                *slot = None;
            }
        }
    }
}

impl PowerJob {
    fn enabled(&self, axes: &mut [Axis]) -> Option<RtEventKind> {
        let overdue = masked(axes, self.axes)
            .find(|a| a.servo.power == Power::Enabling && a.servo.input.overdue.is_some())
            .map(|a| power_fault(&a.servo));
        if let Some(fault) = overdue {
            masked(axes, self.axes)
                .filter(|a| a.servo.power == Power::Enabling)
                .for_each(|a| a.servo.switch_off());
            return Some(RtEventKind::Fault(fault));
        }
        let mut last = 0.0;
        for axis in masked(axes, self.axes) {
            match axis.servo.power {
                Power::On => last = axis.servo.input.position_au,
                Power::Enabling => return None,
                Power::Off => return Some(RtEventKind::Stopped { actual_au: axis.servo.input.position_au }),
            }
        }
        Some(RtEventKind::Done(at(last)))
    }

    fn disabled(&self, axes: &mut [Axis]) -> Option<RtEventKind> {
        let mut last = 0.0;
        let mut all_off = true;
        for axis in masked(axes, self.axes) {
            last = axis.servo.input.position_au;
            if axis.servo.power != Power::Off && axis.job.is_none() && axis.servo.motion.at_rest() {
                axis.servo.switch_off();
                all_off = false;
            } else if axis.servo.power != Power::Off {
                all_off = false;
            } else if axis.servo.input.enabled() {
                all_off = false;
                if axis.servo.input.overdue.is_some() {
                    let fault = power_fault(&axis.servo);
                    return Some(RtEventKind::Fault(fault));
                }
            }
        }
        all_off.then(|| RtEventKind::Done(at(last)))
    }
}

/// A drive that does not do what it was asked: its own fault, the mode, or the time-out.
fn power_fault(servo: &Servo) -> RtFault {
    let input = &servo.input;
    let timeout = input.overdue.unwrap_or_default().as_secs_f64();
    let (kind, value, limit) = if input.faulted() {
        (RtFaultKind::Drive, f64::from(input.error_code), 0.0)
    } else if input.enabled() && servo.output.power {
        (RtFaultKind::DriveMode, f64::from(servo.output.mode.code()), timeout)
    } else {
        (RtFaultKind::DriveTimeout, f64::from(input.state as u8), timeout)
    };
    RtFault { kind, axis: Some(servo.id), value, limit, class: FaultClass::Stop }
}
