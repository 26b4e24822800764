//! What the real-time thread shows of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cellwright_rt::platform;
use cellwright_sim::twin::Beat;

use super::alloc::allocations_of_this_thread;

/// Cycles between two looks at the thread's page faults, each a system call.
const FAULTS_EVERY: u64 = 64;

/// What the real-time thread shows of itself, each cycle.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pulse(Arc<PulseCounts>);

#[derive(Debug, Default)]
struct PulseCounts {
    cycles: AtomicU64,
    allocations: AtomicU64,
    page_faults: AtomicU64,
}

/// Counts at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PulseReading {
    pub(crate) cycles: u64,
    pub(crate) allocations: u64,
    pub(crate) page_faults: u64,
}

impl Pulse {
    /// What the segment of the twin calls each cycle.
    pub(crate) fn beats(&self) -> Beat {
        let pulse = self.clone();
        Box::new(move |cycle| pulse.beat(cycle))
    }

    fn beat(&self, cycle: u64) {
        self.0.cycles.store(cycle, Ordering::Relaxed);
        self.0.allocations.store(allocations_of_this_thread(), Ordering::Relaxed);
        if cycle.is_multiple_of(FAULTS_EVERY) {
            self.0.page_faults.store(platform::page_faults(), Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> PulseReading {
        PulseReading {
            cycles: self.0.cycles.load(Ordering::Relaxed),
            allocations: self.0.allocations.load(Ordering::Relaxed),
            page_faults: self.0.page_faults.load(Ordering::Relaxed),
        }
    }
}
