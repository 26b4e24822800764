//! Captures: one sample of position and analog value for each cycle with valid inputs, into buffers
//! that were allocated before arming and travel to the controller and back by ownership.

use cellwright_model::curve::{Curve, CurveSample};
use cellwright_model::limits::{CAPTURES_MAX, CURVE_BUFFERS};
use cellwright_model::{AnalogId, AxisId, DurationNs, JobId, TimeNs};
use rtrb::{Consumer, Producer};

use crate::io::Analogs;
use crate::link::FinishedCurve;

struct Slot {
    job: JobId,
    axis: Option<AxisId>,
    analog: Option<AnalogId>,
    limit: DurationNs,
    /// Time of the first sample.
    first: Option<TimeNs>,
    /// Time of the last look, and how long its axis has been held by then.
    last: TimeNs,
    held: DurationNs,
    curve: Curve,
}

impl Slot {
    /// The axis rests in a hold, and neither samples nor the limit run on: only the time of the samples
    /// shows it. A hold may last longer than any curve has room for.
    fn hold(&mut self, now: TimeNs) {
        self.first.get_or_insert(now);
        let since = core::mem::replace(&mut self.last, now);
        self.held.0 += now.since(since).0;
    }

    /// Takes the sample of one cycle. One that is not trusted is lost, as is one of stale inputs.
    fn sample(&mut self, now: TimeNs, position_au: Option<f64>, analogs: Option<&Analogs>) {
        let first = *self.first.get_or_insert(now);
        self.last = now;
        let t = now.since(first);
        if self.curve.truncated || t.0 > self.limit.0.saturating_add(self.held.0) {
            self.curve.truncated = true;
            return;
        }
        let value = match (analogs, self.analog) {
            (None, _) => None,
            (Some(_), None) => Some(0.0),
            (Some(analogs), Some(id)) => analogs.get(id),
        };
        let Some(value) = value else {
            self.curve.lost_cycles = self.curve.lost_cycles.saturating_add(1);
            return;
        };
        // Beyond the capacity a push would allocate.
        if self.curve.samples.len() == self.curve.samples.capacity() {
            self.curve.truncated = true;
            return;
        }
        let position_au = position_au.unwrap_or(0.0);
        self.curve.samples.push(CurveSample { t_ns: t.0, position_au, value });
    }
}

/// What a capture sees of its axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Captured {
    pub(crate) position_au: f64,
    /// It rests, its job kept by the urgent word `Hold`.
    pub(crate) held: bool,
}

/// All captures that run, and the buffers of those that do not.
pub(crate) struct Captures {
    slots: [Option<Slot>; CAPTURES_MAX],
    pool: Vec<Curve>,
    out: Producer<FinishedCurve>,
    back: Consumer<Curve>,
}

impl Captures {
    pub(crate) fn new(pool: Vec<Curve>, out: Producer<FinishedCurve>, back: Consumer<Curve>) -> Captures {
        Captures { slots: Default::default(), pool, out, back }
    }

    /// Takes back the buffers that the controller is done with, as many as the pool has room for when
    /// every capture that runs has given its own back.
    pub(crate) fn collect(&mut self) {
        let running = self.slots.iter().flatten().count();
        while self.pool.len() + running < CURVE_BUFFERS {
            let Ok(curve) = self.back.pop() else { return };
            self.pool.push(curve);
        }
    }

    /// Begins a capture; `false`: no free slot or buffer.
    pub(crate) fn start(
        &mut self,
        job: JobId,
        axis: Option<AxisId>,
        analog: Option<AnalogId>,
        limit: DurationNs,
    ) -> bool {
        let Some(slot) = self.slots.iter_mut().find(|s| s.is_none()) else { return false };
        let Some(mut curve) = self.pool.pop() else { return false };
        clear(&mut curve);
        let (last, held) = (TimeNs(0), DurationNs(0));
        *slot = Some(Slot { job, axis, analog, limit, first: None, last, held, curve });
        true
    }

    /// Ends the capture begun by `job` and hands its curve over; `false`: there is none.
    pub(crate) fn end(&mut self, job: JobId) -> bool {
        let Some(slot) = self.slots.iter_mut().find(|s| s.as_ref().is_some_and(|s| s.job == job)) else {
            return false;
        };
        if let Some(Slot { curve, .. }) = slot.take()
            && let Err(rtrb::PushError::Full(FinishedCurve { curve, .. })) =
                self.out.push(FinishedCurve { capture: job, curve })
        {
            // The ring holds every buffer there is; this is for the case of a foreign one among them.
            put_back(&mut self.pool, curve);
        }
        true
    }

    /// Cycles that were not run: every curve that has begun lacks them.
    pub(crate) fn lose(&mut self, cycles: u64) {
        let cycles = u32::try_from(cycles).unwrap_or(u32::MAX);
        for slot in self.slots.iter_mut().flatten().filter(|s| s.first.is_some()) {
            slot.curve.lost_cycles = slot.curve.lost_cycles.saturating_add(cycles);
        }
    }

    /// One sample for each capture, but for one whose axis is held. `analogs` is `None` in a cycle with
    /// stale inputs.
    pub(crate) fn sample(
        &mut self,
        now: TimeNs,
        analogs: Option<&Analogs>,
        axis: impl Fn(AxisId) -> Option<Captured>,
    ) {
        for slot in self.slots.iter_mut().flatten() {
            match slot.axis.and_then(&axis) {
                Some(Captured { held: true, .. }) => slot.hold(now),
                seen => slot.sample(now, seen.map(|s| s.position_au), analogs),
            }
        }
    }
}

fn clear(curve: &mut Curve) {
    curve.samples.clear();
    curve.lost_cycles = 0;
    curve.truncated = false;
}

/// The pool never grows: it was made with room for every buffer, and `collect` keeps to it.
fn put_back(pool: &mut Vec<Curve>, curve: Curve) {
    if pool.len() < pool.capacity() {
        pool.push(curve);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::test_captures;

    const MS: u64 = 1_000_000;
    const LOAD: AnalogId = AnalogId(0);

    fn analogs(value: f64, valid: bool) -> Analogs {
        let mut a = Analogs { values: Default::default(), valid: u64::from(valid) };
        a.values[0] = value;
        a
    }

    #[test]
    fn samples_are_kept_in_order_and_lost_ones_counted() {
        let (mut c, mut out, _back) = test_captures(2, 8);
        assert!(c.start(JobId(7), Some(AxisId(1)), Some(LOAD), DurationNs::from_millis(100)));
        let at = |axis: AxisId| (axis == AxisId(1)).then_some(Captured { position_au: 12.5, held: false });
        c.sample(TimeNs(5 * MS), Some(&analogs(1.0, true)), at);
        c.sample(TimeNs(6 * MS), None, at);
        c.sample(TimeNs(7 * MS), Some(&analogs(600.0, false)), at);
        c.sample(TimeNs(8 * MS), Some(&analogs(2.0, true)), at);
        assert!(c.end(JobId(7)));
        assert!(!c.end(JobId(7)));
        let done = out.pop().unwrap();
        assert_eq!((done.capture, done.curve.lost_cycles, done.curve.truncated), (JobId(7), 2, false));
        let samples: Vec<_> = done.curve.samples.iter().map(|s| (s.t_ns, s.position_au, s.value)).collect();
        assert_eq!(samples, [(0, 12.5, 1.0), (3 * MS, 12.5, 2.0)]);
    }

    #[test]
    fn cycles_that_were_not_run_are_lost_to_curves_that_have_begun() {
        let (mut c, mut out, _back) = test_captures(2, 8);
        c.start(JobId(1), None, None, DurationNs::from_millis(100));
        c.sample(TimeNs(0), Some(&analogs(1.0, true)), |_| None);
        c.start(JobId(2), None, None, DurationNs::from_millis(100));
        c.lose(7);
        assert!(c.end(JobId(1)) && c.end(JobId(2)));
        assert_eq!([7, 0], [(); 2].map(|()| out.pop().unwrap().curve.lost_cycles));
    }

    /// As long as a hold may last, the curve neither fills nor ends, and nothing of it is missing.
    #[test]
    fn a_capture_whose_axis_is_held_waits() {
        let (mut c, mut out, _back) = test_captures(1, 8);
        assert!(c.start(JobId(7), Some(AxisId(1)), Some(LOAD), DurationNs::from_millis(4)));
        let mut see = |t: u64, held: bool| {
            c.sample(TimeNs(t * MS), Some(&analogs(t as f64, true)), |_| {
                Some(Captured { position_au: 1.0, held })
            });
        };
        (0..2).for_each(|t| see(t, false));
        (2..1_000).for_each(|t| see(t, true));
        (1_000..1_003).for_each(|t| see(t, false));
        assert!(c.end(JobId(7)));
        let curve = out.pop().unwrap().curve;
        let times: Vec<_> = curve.samples.iter().map(|s| s.t_ns / MS).collect();
        assert_eq!((times, curve.lost_cycles, curve.truncated), (vec![0, 1, 1_000, 1_001, 1_002], 0, false));
    }

    #[test]
    fn time_limit_and_capacity_truncate() {
        let (mut c, mut out, _back) = test_captures(2, 4);
        assert!(c.start(JobId(1), None, None, DurationNs(2 * MS)));
        assert!(c.start(JobId(2), None, None, DurationNs(100 * MS)));
        for t in 0..6 {
            c.sample(TimeNs(t * MS), Some(&analogs(0.0, true)), |_| None);
        }
        assert!(c.end(JobId(1)) && c.end(JobId(2)));
        let (one, two) = (out.pop().unwrap().curve, out.pop().unwrap().curve);
        assert_eq!((one.samples.len(), one.truncated), (3, true));
        assert_eq!((two.samples.len(), two.truncated), (4, true));
    }

    #[test]
    fn buffers_come_back_and_no_buffer_means_no_capture() {
        let (mut c, mut out, mut back) = test_captures(1, 4);
        assert!(c.start(JobId(1), None, None, DurationNs(MS)));
        assert!(!c.start(JobId(2), None, None, DurationNs(MS)));
        c.end(JobId(1));
        back.push(out.pop().unwrap().curve).unwrap();
        c.collect();
        assert!(c.start(JobId(3), None, None, DurationNs(MS)));
    }
}
