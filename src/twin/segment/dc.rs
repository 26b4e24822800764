//! Distributed clocks (ETG.1000.4, clause 6.8): receive times, system time, offset, delay, drift, SYNC0.
//!
//! Each SubDevice has a clock of its own, which may run apart from segment time ([`LocalClock`]). The time that a
//! main device spreads by writing register 0x0910 yields the difference register and trims the local clock, as the
//! time control loop of an ESC does.

use super::registers::{self as reg, touches};
use super::subdevice::SubDevice;

/// Fastest that the loop moves a local clock: 1 ns in so many.
const SLEW: u64 = 1_000;
/// Share of a difference that is taken off at once, and of its rate that is remembered.
const PROPORTIONAL: i64 = 8;
const INTEGRAL: i64 = 64;
/// Most that the loop remembers of a drift, in parts per billion: quartzes are within 100 ppm.
const TRIM_PPB_MAX: i64 = 1_000_000;
/// Register 0x0981: the cyclic unit, and SYNC0 of it, are active.
const SYNC0_ACTIVE: u8 = 0x03;

/// How a local clock differs from segment time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LocalClock {
    /// What it shows at segment time zero.
    phase_ns: u64,
    /// How much faster it runs, in parts per billion: of its own, at present, and what the loop takes off that.
    own_ppb: i64,
    drift_ppb: i64,
    trim_ppb: i64,
    /// Error up to `since_ns` of segment time: drift less what the loop took off.
    error_ns: i64,
    since_ns: u64,
    /// Segment time of the last comparison.
    compared_ns: Option<u64>,
}

impl LocalClock {
    pub(super) fn new(phase_ns: u64, drift_ppb: i32) -> LocalClock {
        let own_ppb = drift_ppb.into();
        LocalClock { phase_ns, own_ppb, drift_ppb: own_ppb, ..LocalClock::default() }
    }

    /// At power-on the clock runs on, as a quartz does, and the loop begins anew.
    pub(super) fn power_on(&mut self) {
        (self.trim_ppb, self.compared_ns) = (0, None);
    }

    /// It jumps, and runs faster than of its own from then on; what the loop has learnt it keeps.
    pub(super) fn disturb(&mut self, now_ns: u64, jump_ns: i64, drift_ppb: i32) {
        self.error_ns = self.error_at(now_ns).saturating_add(jump_ns);
        (self.since_ns, self.drift_ppb) = (now_ns, self.own_ppb + i64::from(drift_ppb));
    }

    fn error_at(&self, now_ns: u64) -> i64 {
        let (elapsed, rate) = (now_ns.saturating_sub(self.since_ns), self.drift_ppb - self.trim_ppb);
        if rate == 0 {
            // All the clocks of a cell in virtual time, several times a frame.
            return self.error_ns;
        }
        self.error_ns.saturating_add((i128::from(elapsed) * i128::from(rate) / 1_000_000_000) as i64)
    }

    fn at(&self, now_ns: u64) -> u64 {
        now_ns.wrapping_add(self.phase_ns).wrapping_add_signed(self.error_at(now_ns))
    }

    /// The clock was `difference_ns` ahead of the reference at `now_ns`.
    fn discipline(&mut self, now_ns: u64, difference_ns: i32) {
        let difference = i64::from(difference_ns);
        (self.error_ns, self.since_ns) = (self.error_at(now_ns), now_ns);
        let Some(last) = self.compared_ns.replace(now_ns) else { return };
        if difference == 0 {
            return;
        }
        let elapsed = now_ns.saturating_sub(last);
        let most = (elapsed / SLEW) as i64;
        self.error_ns -= (difference / PROPORTIONAL).clamp(-most, most);
        if elapsed > 0 && difference.abs() <= 8 * PROPORTIONAL * most.max(1) {
            let rate = difference.saturating_mul(1_000_000_000) / elapsed.min(1 << 40) as i64;
            self.trim_ppb = (self.trim_ppb + rate / INTEGRAL).clamp(-TRIM_PPB_MAX, TRIM_PPB_MAX);
        }
    }
}

/// SYNC0 as it was set up when the cyclic unit was activated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sync0 {
    /// System time of the first pulse.
    start_ns: u64,
    cycle_ns: u64,
    /// The first pulse lay in the future then; one in the past never comes.
    ahead: bool,
}

impl SubDevice {
    /// Segment time at which the datagram at hand passes here.
    fn passes_ns(&self) -> u64 {
        self.now_ns.wrapping_add(self.arrivals_ns[0].unwrap_or(0))
    }

    /// Local time as the datagram at hand passes here.
    fn local_time_ns(&self) -> u64 {
        self.clock.at(self.passes_ns())
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
        if touches(at, len, reg::DC_SPEED_START, reg::DC_SPEED_START + 1) {
            // Writing the speed counter's start resets the filters.
            self.clock.power_on();
        }
        if touches(at, len, reg::DC_ACTIVATION, reg::DC_ACTIVATION) {
            self.activate_sync(system_time_ns);
        }
    }

    /// A write to 0x0900 latches when its frame came to each port, in local time; a closed port keeps what it showed.
    fn latch_receive_times(&mut self) {
        for (port, arrival) in self.arrivals_ns.into_iter().enumerate() {
            if let Some(arrival) = arrival {
                let local = self.clock.at(self.now_ns.wrapping_add(arrival));
                self.esc.put_u32(reg::DC_PORT_TIMES + 4 * port, local as u32);
            }
        }
        let entered = self.local_time_ns();
        self.esc.put_u64(reg::DC_RECEIVE_TIME, entered);
    }

    /// Register 0x092C: own system time minus the received one, sign and magnitude.
    fn compare_system_time(&mut self, own_ns: u64) {
        let received = self.esc.u32(reg::DC_SYSTEM_TIME);
        let delay = self.esc.u32(reg::DC_TIME_OFFSET + 8);
        let difference = (own_ns as u32).wrapping_sub(received.wrapping_add(delay)) as i32;
        let sign = u32::from(difference < 0) << 31;
        self.esc.put_u32(reg::DC_TIME_DIFFERENCE, sign | difference.unsigned_abs() & 0x7FFF_FFFF);
        self.clock.discipline(self.passes_ns(), difference);
    }

    fn activate_sync(&mut self, system_time_ns: u64) {
        let active = self.esc.memory[reg::DC_ACTIVATION] & SYNC0_ACTIVE == SYNC0_ACTIVE;
        let start_ns = self.esc.u64(reg::DC_SYNC_START);
        let cycle_ns = self.esc.u32(reg::DC_SYNC0_CYCLE).into();
        self.sync0 = active.then_some(Sync0 { start_ns, cycle_ns, ahead: start_ns > system_time_ns });
    }

    /// Registers 0x0984 (first pulse pending) and 0x0990 (next pulse).
    pub(super) fn refresh_sync(&mut self) {
        let Some(sync) = self.sync0 else {
            self.esc.memory[reg::DC_ACTIVATION_STATUS] = 0;
            return;
        };
        let now = self.system_time_ns();
        let pending = sync.ahead && now < sync.start_ns;
        self.esc.memory[reg::DC_ACTIVATION_STATUS] = u8::from(pending);
        let next = match now.wrapping_sub(sync.start_ns).checked_div(sync.cycle_ns) {
            Some(passed) if sync.ahead && !pending => {
                sync.start_ns.wrapping_add((passed + 1).wrapping_mul(sync.cycle_ns))
            }
            _ => sync.start_ns,
        };
        self.esc.put_u64(reg::DC_SYNC_START, next);
    }

    /// What is wrong with SYNC0 for a device that is to run by it: an AL status code.
    pub(super) fn check_sync(&self) -> Result<(), u16> {
        match self.sync0 {
            Some(sync) if sync.cycle_ns == 0 => Err(super::al::code::INVALID_SYNC_CONFIGURATION),
            Some(sync) if !sync.ahead => Err(super::al::code::NO_SYNC),
            _ => Ok(()),
        }
    }
}
