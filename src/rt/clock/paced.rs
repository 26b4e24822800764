//! The clock of a machine that lives in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cellwright_model::{DurationNs, TimeNs};

use super::{Clock, MonotonicClock};

/// Goes with `CLOCK_MONOTONIC`, and stands while this thread does not run.
///
/// A machine in this process does not move on by itself when the process is stalled: no more time has passed for it
/// than the cycle has seen. So what a real machine would have done meanwhile (its watchdogs, a press without its
/// samples) is not made up afterwards, and a shared machine's stalls cost wall time, not parts. What was left out is
/// counted: [`Clock::stalled`]. Clones show the same time; one thread uses them.
///
/// A piece of work that was only long is made up for in the next sleeps; a stall of more than two periods never is. Two: a
/// cycle that ends later than the next one should have ended has made that one miss, an earlier one only late.
#[derive(Debug, Clone)]
pub struct PacedClock(Arc<Paced>);

#[derive(Debug)]
struct Paced {
    period: u64,
    /// When the wall's clock was looked at last, ns.
    looked: AtomicU64,
    /// How much of its time was left out, ns.
    stalled: AtomicU64,
    /// How much of that is still to be made up for, ns.
    owed: AtomicU64,
}

/// What is longer than so many periods is a stall, not work.
const LONG_WORK_PERIODS: u64 = 2;
/// Long work that is made up for at the most, in periods.
const OWED_PERIODS: u64 = 4;

impl Paced {
    /// Two looks further apart than this, or a wake-up later: the rest is left out, ns.
    fn tolerance(&self) -> u64 {
        self.period / 4
    }
}

impl PacedClock {
    /// For a machine with a cycle of this period.
    pub fn new(period: DurationNs) -> PacedClock {
        PacedClock(Arc::new(Paced {
            period: period.0,
            looked: AtomicU64::new(MonotonicClock.now().0),
            stalled: AtomicU64::new(0),
            owed: AtomicU64::new(0),
        }))
    }

    /// What the clock shows where the wall's, which was to be `expected` or a little later, shows `wall`.
    fn seen(&self, wall: u64, expected: u64) -> TimeNs {
        let paced = &*self.0;
        let mut stalled = paced.stalled.load(Ordering::Relaxed);
        let late = wall.saturating_sub(expected);
        if let Some(left_out) = late.checked_sub(paced.tolerance()) {
            stalled += left_out;
            paced.stalled.store(stalled, Ordering::Relaxed);
            if left_out <= LONG_WORK_PERIODS * paced.period {
                let owed = paced.owed.load(Ordering::Relaxed) + left_out;
                paced.owed.store(owed.min(OWED_PERIODS * paced.period), Ordering::Relaxed);
            }
        }
        paced.looked.store(wall, Ordering::Relaxed);
        TimeNs(wall - stalled)
    }

    /// Shortens a sleep from `wall` by what is owed; when the wall's clock shows the end of it.
    fn wake(&self, wall: u64, instant: TimeNs) -> u64 {
        let paced = &*self.0;
        let (stalled, owed) = (paced.stalled.load(Ordering::Relaxed), paced.owed.load(Ordering::Relaxed));
        let wake = instant.0.saturating_add(stalled);
        let made_up = owed.min(wake.saturating_sub(wall));
        paced.owed.store(owed - made_up, Ordering::Relaxed);
        paced.stalled.store(stalled - made_up, Ordering::Relaxed);
        wake - made_up
    }
}

impl Clock for PacedClock {
    fn now(&self) -> TimeNs {
        self.seen(MonotonicClock.now().0, self.0.looked.load(Ordering::Relaxed))
    }

    fn sleep_until(&self, instant: TimeNs) {
        self.now();
        let wall = self.0.looked.load(Ordering::Relaxed);
        let wake = self.wake(wall, instant).max(wall);
        MonotonicClock.sleep_until(TimeNs(wake));
        self.seen(MonotonicClock.now().0, wake);
    }

    fn advance(&self, _by: DurationNs) {}

    fn is_virtual(&self) -> bool {
        false
    }

    fn stalled(&self) -> DurationNs {
        DurationNs(self.0.stalled.load(Ordering::Relaxed) - self.0.owed.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: u64 = 1_000_000;

    #[test]
    fn what_the_thread_did_not_run_is_left_out() {
        let clock = PacedClock::new(DurationNs(PERIOD));
        let begun = clock.0.looked.load(Ordering::Relaxed);
        let other = clock.clone();
        assert_eq!(clock.seen(begun + 100_000, begun), TimeNs(begun + 100_000));
        assert_eq!(clock.stalled(), DurationNs(0));
        // Three milliseconds asleep between two looks: never made up for.
        assert_eq!(other.seen(begun + 3_100_000, begun + 100_000), TimeNs(begun + 350_000));
        assert_eq!(clock.stalled(), DurationNs(2_750_000));
        let due = begun + 9_000_000;
        assert_eq!(clock.wake(begun + 3_100_000, TimeNs(due)), due + 2_750_000);
        assert_eq!(clock.seen(due + 2_750_010, due + 2_750_000), TimeNs(due + 10));
    }

    #[test]
    fn long_work_is_made_up_for_in_the_next_sleep() {
        let clock = PacedClock::new(DurationNs(PERIOD));
        let begun = clock.0.looked.load(Ordering::Relaxed);
        // Half a period of work in each cycle, of which a quarter shows.
        for cycle in 0..10 {
            let at = begun + cycle * PERIOD;
            assert_eq!(clock.seen(at + 500_000, at), TimeNs(at + 250_000));
            let next = at + PERIOD;
            assert_eq!(clock.wake(at + 500_000, TimeNs(next)), next, "the grid of the wall");
            assert_eq!(clock.stalled(), DurationNs(0));
            assert_eq!(clock.seen(next, next), TimeNs(next));
        }
    }

    #[test]
    fn it_sleeps_to_its_own_instants_and_never_goes_back() {
        let clock = PacedClock::new(DurationNs(PERIOD));
        let mut last = clock.now();
        for _ in 0..20 {
            let due = last + DurationNs(500_000);
            clock.sleep_until(due);
            let now = clock.now();
            assert!(now >= due && now.since(due).0 <= 2 * PERIOD, "{now:?} {due:?}");
            last = now;
        }
    }
}
