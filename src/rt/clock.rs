//! The clock of a cycle: real, paced or virtual, always an argument.

mod paced;

use core::cell::Cell;
use std::rc::Rc;

pub use paced::PacedClock;

use cellwright_model::{DurationNs, TimeNs};

/// A monotonic clock that one thread reads, and sleeps by.
pub trait Clock {
    /// Now.
    fn now(&self) -> TimeNs;

    /// Returns when the clock shows `instant` or later: a real clock sleeps, a virtual one moves there.
    fn sleep_until(&self, instant: TimeNs);

    /// The same by asking again and again, so that nothing has to wake the thread: a real clock keeps the core busy.
    fn spin_until(&self, instant: TimeNs) {
        if self.is_virtual() {
            return self.sleep_until(instant);
        }
        while self.now() < instant {
            core::hint::spin_loop();
        }
    }

    /// Something took `by` (a frame on a simulated wire, one idle poll): a virtual clock moves, a real
    /// one moves by itself.
    fn advance(&self, by: DurationNs);

    /// Whether this clock moves only when it is told to.
    fn is_virtual(&self) -> bool;

    /// What a clock of a machine in this process has left out of the wall's time since it was made and will not make up
    /// for; see [`PacedClock`].
    fn stalled(&self) -> DurationNs {
        DurationNs(0)
    }
}

impl<C: Clock + ?Sized> Clock for Rc<C> {
    fn now(&self) -> TimeNs {
        (**self).now()
    }
    fn sleep_until(&self, instant: TimeNs) {
        (**self).sleep_until(instant);
    }
    fn spin_until(&self, instant: TimeNs) {
        (**self).spin_until(instant);
    }
    fn advance(&self, by: DurationNs) {
        (**self).advance(by);
    }
    fn is_virtual(&self) -> bool {
        (**self).is_virtual()
    }
    fn stalled(&self) -> DurationNs {
        (**self).stalled()
    }
}

/// `CLOCK_MONOTONIC`: nanoseconds since the machine started.
#[derive(Debug, Clone, Copy, Default)]
pub struct MonotonicClock;

impl Clock for MonotonicClock {
    fn now(&self) -> TimeNs {
        let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `ts` is a valid timespec to write to; the clock exists on every Linux.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut ts) };
        TimeNs(ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64)
    }

    /// `clock_nanosleep` with an absolute time, so that a preemption before the call costs nothing.
    fn sleep_until(&self, instant: TimeNs) {
        let ts = libc::timespec {
            tv_sec: (instant.0 / 1_000_000_000) as libc::time_t,
            tv_nsec: (instant.0 % 1_000_000_000) as libc::c_long,
        };
        loop {
            // SAFETY: `ts` is a valid timespec; no remainder is asked for, so the last pointer may be null.
            let rc = unsafe {
                libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &ts, core::ptr::null_mut())
            };
            if rc != libc::EINTR {
                return;
            }
        }
    }

    fn advance(&self, _by: DurationNs) {}

    fn is_virtual(&self) -> bool {
        false
    }
}

/// A clock that its users move; clones show the same time.
#[derive(Debug, Clone, Default)]
pub struct VirtualClock(Rc<Cell<u64>>);

impl VirtualClock {
    /// A clock that shows `start`.
    pub fn starting_at(start: TimeNs) -> VirtualClock {
        VirtualClock(Rc::new(Cell::new(start.0)))
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> TimeNs {
        TimeNs(self.0.get())
    }

    fn sleep_until(&self, instant: TimeNs) {
        self.0.set(self.0.get().max(instant.0));
    }

    fn advance(&self, by: DurationNs) {
        self.0.set(self.0.get().saturating_add(by.0));
    }

    fn is_virtual(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_clock_moves_only_forward_and_clones_share_it() {
        let clock = VirtualClock::starting_at(TimeNs(100));
        let other = clock.clone();
        clock.advance(DurationNs(50));
        clock.sleep_until(TimeNs(120));
        assert_eq!(other.now(), TimeNs(150));
        other.sleep_until(TimeNs(1_000));
        assert_eq!(clock.now(), TimeNs(1_000));
    }

    #[test]
    fn the_real_clock_sleeps_until_the_instant() {
        let clock = MonotonicClock;
        let until = clock.now() + DurationNs::from_millis(2);
        clock.sleep_until(until);
        assert!(clock.now() >= until);
        let until = clock.now() + DurationNs(50_000);
        clock.spin_until(until);
        assert!(clock.now() >= until);
    }
}
