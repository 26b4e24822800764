//! The process data watchdog (ETG.1000.4, clause 6.3): outputs that stay away end OP.

use super::al::{AlState, code};
use super::registers as reg;
use super::subdevice::SubDevice;

/// How long a SubDevice in SAFE-OP waits for the first outputs after OP was requested.
const FIRST_OUTPUTS_TIMEOUT_NS: u64 = 5_000_000_000;

impl SubDevice {
    /// Time without complete outputs after which they are taken for lost; `None`: not watched.
    fn watchdog_ns(&self) -> Option<u64> {
        let outputs = self.layout.outputs.as_ref()?;
        if !self.esc.sync_managers[outputs.sm].triggers_watchdog() {
            return None;
        }
        let counts = u64::from(self.esc.u16(reg::WATCHDOG_PROCESS_DATA));
        let count_ns = 40 * (u64::from(self.esc.u16(reg::WATCHDOG_DIVIDER)) + 2);
        (counts > 0).then_some(counts * count_ns)
    }

    /// True if outputs arrived and the watchdog has not run out since.
    pub(super) fn outputs_are_fresh(&self) -> bool {
        let Some(written) = self.last_outputs_ns else { return false };
        self.watchdog_limit_ns == 0 || self.now_ns.saturating_sub(written) <= self.watchdog_limit_ns
    }

    /// Reads the watchdog registers again; 0 is not watched.
    pub(super) fn decode_watchdog(&mut self) {
        self.watchdog_limit_ns = self.watchdog_ns().unwrap_or(0);
    }

    /// Lets the time be seen. Returns true if the watchdog ran out in OP just now.
    pub(super) fn tick(&mut self, now_ns: u64) -> bool {
        self.now_ns = now_ns;
        if let Some(since) = self.al.op_requested_ns
            && now_ns.saturating_sub(since) > FIRST_OUTPUTS_TIMEOUT_NS
        {
            self.refuse(code::PROCESS_DATA_WATCHDOG);
        }
        if self.al.state != AlState::Op || self.layout.outputs.is_none() || self.outputs_are_fresh() {
            return false;
        }
        self.expire_watchdog()
    }

    /// The watchdog runs out: outputs off, SAFE-OP with AL status code 0x001B. False if it guards nothing now.
    pub(super) fn expire_watchdog(&mut self) -> bool {
        if self.al.state != AlState::Op {
            return false;
        }
        let counter = &mut self.esc.memory[reg::WATCHDOG_COUNTER];
        *counter = counter.saturating_add(1);
        self.fall_back(AlState::SafeOp, code::PROCESS_DATA_WATCHDOG);
        true
    }

    /// Register 0x0440: bit 0 is set while the watchdog is not expired.
    pub(super) fn refresh_watchdog_status(&mut self) {
        let alive = self.layout.outputs.is_none() || self.watchdog_limit_ns == 0 || self.outputs_are_fresh();
        self.esc.put_u16(reg::WATCHDOG_STATUS, u16::from(alive));
    }
}
