//! How the cycle keeps its time: waiting for its instant, waiting for its frame.

use serde::{Deserialize, Serialize};

use crate::DurationNs;

/// Longest spin before an instant as a share of the cycle: a core that is asked all the time serves nobody else, and
/// a kernel takes it from a real-time thread (`sched_rt_runtime_us`).
pub const SPIN_SHARE_MAX: u64 = 2;

/// How a frame is waited for on a network interface. A segment in this process answers at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Receive {
    /// Asleep until it is there: for one or two cores, and wherever the segment is emulated on the same machine.
    #[default]
    Blocking,
    /// Asking again and again: some microseconds less, on a core of its own.
    Spin,
}

/// Section `realtime:` of the cell file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    pub receive: Receive,
    /// The last part of each wait for the cycle's instant is spun through by the clock, so that no wake-up is late for
    /// it; zero: slept through.
    pub spin: DurationNs,
    /// The cycle follows the distributed clocks of the segment; `None`: its own clock alone.
    pub dc: Option<DistributedClocks>,
}

/// How the cycle stands to the distributed clocks (ETG.1000.4, clause 6.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DistributedClocks {
    /// Period of SYNC0, by which every drive runs: a whole multiple of the cycle, or a whole part of it.
    pub sync0: DurationNs,
    /// So long after a pulse of SYNC0 the cycle's frame passes the reference clock; less than a cycle.
    pub shift: DurationNs,
}

impl Timing {
    /// Longest spin that a cycle of this period may have.
    pub fn spin_max(cycle: DurationNs) -> DurationNs {
        DurationNs(cycle.0 / SPIN_SHARE_MAX)
    }
}
