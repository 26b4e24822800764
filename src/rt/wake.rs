//! How well this machine wakes a real-time thread: the sleep of the cycle alone, without a bus.

use std::io;

use cellwright_model::{DurationNs, TimeNs};

use crate::clock::{Clock, MonotonicClock};
use crate::histogram::{Histogram, Quantiles};
use crate::platform::{self, Granted, PlatformWarning, RealTime};

/// What was measured over some periods.
#[derive(Debug)]
pub struct WakeReport {
    /// From the instant asked for to running again, ns.
    pub wake_ns: Quantiles,
    /// Wake-ups counted; periods that were slept through are not.
    pub wakes: u64,
    /// Periods slept through: a cycle that a drive would have missed.
    pub missed: u64,
    /// Page faults of the thread while it measured.
    pub page_faults: u64,
    /// What the kernel says that the thread has, read back.
    pub granted: Granted,
    /// What it refused.
    pub warnings: Vec<PlatformWarning>,
}

/// Sleeps period after period for `length` on a thread prepared as `wanted`, by absolute instants, as the
/// cycle does. A period that was slept through is skipped and counted.
///
/// Errors: no thread can be started, or it ended by a program error.
pub fn measure(period: DurationNs, length: DurationNs, wanted: RealTime) -> io::Result<WakeReport> {
    let thread = platform::spawn("wake", wanted, move |warnings| {
        let granted = platform::granted();
        let wake = Histogram::default();
        let (wakes, missed, page_faults) = sleep_through(&MonotonicClock, period, length, &wake);
        WakeReport { wake_ns: wake.quantiles(), wakes, missed, page_faults, granted, warnings }
    })?;
    thread.join().map_err(|_| io::Error::other("the measuring thread ended by a program error"))
}

fn sleep_through(
    clock: &impl Clock,
    period: DurationNs,
    length: DurationNs,
    wake: &Histogram,
) -> (u64, u64, u64) {
    let period = DurationNs(period.0.max(1));
    // Once for nothing: code and data of the loop are there before faults are counted.
    clock.sleep_until(clock.now());
    wake.record(0);
    wake.reset();
    let faults = platform::page_faults();
    let (mut wakes, mut missed) = (0, 0);
    let mut due = clock.now() + period;
    let end = clock.now() + length;
    while due < end {
        clock.sleep_until(due);
        let late = clock.now().since(due);
        wake.record(late.0);
        wakes += 1;
        let slept_through = late.0 / period.0;
        missed += slept_through;
        due = TimeNs(due.0 + (slept_through + 1) * period.0);
    }
    (wakes, missed, platform::page_faults() - faults)
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    /// Wakes late once: by `by` at the wake-up of number `at`.
    struct Stalls {
        now: Cell<u64>,
        sleeps: Cell<u64>,
        at: u64,
        by: u64,
    }

    impl Clock for Stalls {
        fn now(&self) -> TimeNs {
            TimeNs(self.now.get())
        }
        fn sleep_until(&self, instant: TimeNs) {
            self.sleeps.set(self.sleeps.get() + 1);
            let late = if self.sleeps.get() == self.at { self.by } else { 10 };
            self.now.set(self.now.get().max(instant.0 + late));
        }
        fn advance(&self, _by: DurationNs) {}
        fn is_virtual(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_stall_skips_periods_and_makes_no_burst() {
        let clock = Stalls { now: Cell::new(0), sleeps: Cell::new(0), at: 4, by: 2_500 };
        let wake = Histogram::default();
        let (wakes, missed, _) = sleep_through(&clock, DurationNs(1_000), DurationNs(10_500), &wake);
        assert_eq!((wakes, missed), (8, 2), "ten periods, two of them slept through");
        let q = wake.quantiles();
        assert!(q.p50 <= 10 && q.max == 2_500, "{q:?}");
    }

    #[test]
    fn the_real_clock_is_measured_and_what_was_granted_is_read_back() {
        let wanted = RealTime { cpu: None, ..RealTime::default() };
        let report = measure(DurationNs::from_millis(1), DurationNs::from_millis(50), wanted).unwrap();
        assert!(report.wakes >= 1 && report.wakes + report.missed <= 50, "{report:?}");
        let refused = report.warnings.iter().any(|w| matches!(w, PlatformWarning::Scheduling { .. }));
        assert_eq!(report.granted.fifo_priority, (!refused).then_some(80), "{report:?}");
    }
}
