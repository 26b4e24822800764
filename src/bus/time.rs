//! The time below ethercrab.
//!
//! ethercrab's timeouts are embassy timers, and embassy-time has one driver per binary. Ours reads a
//! value of the calling thread that the pump sets from its own clock before every poll, so any number of
//! buses, on real and on virtual clocks, live in one process. Wake-ups are not scheduled: the pump polls.

use core::cell::Cell;
use core::task::Waker;

use cellwright_model::TimeNs;
use embassy_time_driver::TICK_HZ;

const NS_PER_S: u64 = 1_000_000_000;
const _: () = assert!(NS_PER_S.is_multiple_of(TICK_HZ), "a tick is a whole number of nanoseconds");

thread_local! {
    static NOW_NS: Cell<u64> = const { Cell::new(0) };
}

/// Sets what ethercrab's timers and clock see on this thread until the next call.
pub(crate) fn set_now(now: TimeNs) {
    NOW_NS.set(now.0);
}

/// What was set last, in nanoseconds: the time that `MainDevice::init` hands to distributed clocks.
pub(crate) fn now_ns() -> u64 {
    NOW_NS.get()
}

struct PolledClock;

impl embassy_time_driver::Driver for PolledClock {
    fn now(&self) -> u64 {
        now_ns() / (NS_PER_S / TICK_HZ)
    }

    fn schedule_wake(&self, _at: u64, _waker: &Waker) {}
}

embassy_time_driver::time_driver_impl!(static DRIVER: PolledClock = PolledClock);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_its_own_time() {
        set_now(TimeNs(5_000));
        let other = std::thread::spawn(|| {
            set_now(TimeNs(9_000_000));
            embassy_time_driver::now()
        });
        assert_eq!(other.join().unwrap(), 9_000_000 / (NS_PER_S / TICK_HZ));
        assert_eq!(embassy_time_driver::now(), 5_000 / (NS_PER_S / TICK_HZ));
    }
}
