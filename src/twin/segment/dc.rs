//! Distributed clocks (ETG.1000.4, clause 6.8): receive times, system time, offset, delay.
//!
//! All local clocks of the twin run with segment time, so there is no drift to discipline: a write to
//! the system time only yields the difference register, and the loop parameters are kept as written.

use super::registers::{self as reg, touches};
use super::subdevice::SubDevice;

impl SubDevice {
    /// Local time as the datagram at hand passes here.
    fn local_time_ns(&self) -> u64 {
        self.now_ns.wrapping_add(self.delay_out_ns)
    }

    /// Register 0x0910: local time plus offset.
    pub(super) fn system_time_ns(&self) -> u64 {
        self.local_time_ns().wrapping_add(self.esc.u64(reg::DC_TIME_OFFSET))
    }

    pub(super) fn refresh_system_time(&mut self) {
        let time = self.system_time_ns();
        self.esc.put_u64(reg::DC_SYSTEM_TIME, time);
    }

    /// Something in 0x0900–0x09FF was written; `system_time_ns` is the time before the write.
    pub(super) fn dc_written(&mut self, at: usize, len: usize, system_time_ns: u64) {
        if touches(at, len, reg::DC_PORT_TIMES, reg::DC_PORT_TIMES + 3) {
            self.latch_receive_times();
        }
        if touches(at, len, reg::DC_SYSTEM_TIME, reg::DC_SYSTEM_TIME + 3) {
            self.compare_system_time(system_time_ns);
        }
    }

    /// A write to 0x0900 latches when its frame came to each port, in local time.
    fn latch_receive_times(&mut self) {
        let entered = self.local_time_ns();
        self.esc.put_u32(reg::DC_PORT_TIMES, entered as u32);
        let back = self.now_ns.wrapping_add(self.delay_back_ns);
        self.esc.put_u32(reg::DC_PORT_TIMES + 4, back as u32);
        self.esc.put_u64(reg::DC_RECEIVE_TIME, entered);
    }

    /// Register 0x092C: own system time minus the received one, sign and magnitude.
    fn compare_system_time(&mut self, own_ns: u64) {
        let received = self.esc.u32(reg::DC_SYSTEM_TIME);
        let delay = self.esc.u32(reg::DC_TIME_OFFSET + 8);
        let difference = (own_ns as u32).wrapping_sub(received.wrapping_add(delay)) as i32;
        let sign = u32::from(difference < 0) << 31;
        self.esc.put_u32(reg::DC_TIME_DIFFERENCE, sign | difference.unsigned_abs() & 0x7FFF_FFFF);
    }
}
