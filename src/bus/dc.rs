//! Distributed clocks (ETG.1000.4, clause 6.8): SYNC0, and the clocks' agreement before OP.
//!
//! ethercrab measures the delays and sets the offsets while it scans, and its exchange spreads the time of the
//! *reference clock*, that of the first SubDevice with distributed clocks, in each cycle (FRMW of 0x0910). SYNC0
//! is set here: ethercrab's own way gives the group another type, and all of it the same period.

use std::rc::Rc;

use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::bus::{AlState, BusFault, ProcessImage};
use cellwright_rt::clock::Clock;
use ethercrab::Command;
use ethercrab::subdevice_group::PreOp;

use crate::group::{EthercrabBus, Group};
use crate::link::Link;

/// SYNC0 and the instant of the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DcConfig {
    /// Period of SYNC0: a whole multiple of the cycle, or a whole part of it.
    pub sync0: DurationNs,
    /// So long after a pulse the cycle's frame is to pass the reference clock.
    pub shift: DurationNs,
    /// Positions of the SubDevices that run by SYNC0, a bit each.
    pub positions: u64,
}

impl DcConfig {
    pub(crate) fn runs_by_sync0(&self, position: usize) -> bool {
        self.positions >> position & 1 != 0
    }
}

/// SYNC0 as it was set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sync0Start {
    /// Position of the reference clock.
    reference: usize,
    /// System time, ns.
    first_pulse: u64,
}

/// Frames of FRMW at once while scanning: the offsets were measured a moment before, so that only the drift of
/// that moment is left, and the cycle goes on with it.
pub(crate) const STATIC_SYNC_FRAMES: u32 = 64;
/// The first pulse comes so long after the setting has begun, and so much later for each SubDevice that is set.
const START_DELAY: DurationNs = DurationNs(10_000_000);
const START_DELAY_EACH: DurationNs = DurationNs(1_000_000);
/// Bound on the setting of one SubDevice.
const SETTING_WAIT: DurationNs = DurationNs(1_000_000_000);
/// Clocks that differ from the reference by no more than this are taken to agree.
const AGREEMENT: DurationNs = DurationNs(5_000);
/// Bound on the time to the first pulse and to agreement.
const AGREEMENT_WAIT: DurationNs = DurationNs(2_000_000_000);

/// Register 0x0910, 8 bytes: system time.
const SYSTEM_TIME: u16 = 0x0910;
/// Register 0x092C, 4 bytes: system time difference, sign and magnitude.
const DIFFERENCE: u16 = 0x092c;
/// Register 0x0980, 2 bytes: cyclic unit control and activation.
const SYNC_CONTROL: u16 = 0x0980;
/// Register 0x0990, 8 bytes: start time of the cyclic operation.
const SYNC_START: u16 = 0x0990;
/// Register 0x09A0, 4 bytes: SYNC0 cycle time.
const SYNC0_CYCLE: u16 = 0x09a0;
/// Activation: the cyclic unit (bit 0) and SYNC0 (bit 1), in the second byte of [`SYNC_CONTROL`].
const ACTIVATE_SYNC0: [u8; 2] = [0, 0x03];

impl<'sto, L: Link, C: Clock> EthercrabBus<'sto, L, C> {
    /// Sets SYNC0 of every SubDevice that runs by it: pulses at whole multiples of the period of the system time.
    pub(crate) fn set_up_sync0(&mut self, group: &Group<PreOp>) -> Result<(), BusFault> {
        let Some(dc) = self.config.dc else { return Ok(()) };
        let main = &*Rc::clone(&self.main);
        let has_clock: Vec<bool> = group.iter(main).map(|s| s.dc_support().any()).collect();
        if let Some(without) = (0..has_clock.len()).find(|&p| dc.runs_by_sync0(p) && !has_clock[p]) {
            return Err(self.no_clock(without));
        }
        let Some(reference) = has_clock.iter().position(|&has| has) else { return Err(self.no_clock(0)) };
        let wanted: Vec<u16> =
            (0..has_clock.len()).filter(|&p| dc.runs_by_sync0(p)).map(|p| self.stations[p]).collect();
        let read = Command::fprd(self.stations[reference], SYSTEM_TIME).receive::<u64>(main);
        let now = self.within(SETTING_WAIT, "reading the reference clock", AlState::PreOp, read)?;
        let grid = dc.sync0.0.max(self.config.period.0).max(1);
        let delay = START_DELAY.0 + wanted.len() as u64 * START_DELAY_EACH.0;
        let start = now.saturating_add(delay).div_ceil(grid).saturating_mul(grid);
        for station in wanted {
            let set = async {
                let write = |register| Command::fpwr(station, register);
                write(SYNC_CONTROL).send(main, [0u8; 2]).await?;
                write(SYNC_START).send(main, start).await?;
                write(SYNC0_CYCLE).send(main, dc.sync0.0 as u32).await?;
                write(SYNC_CONTROL).send(main, ACTIVATE_SYNC0).await
            };
            self.within(SETTING_WAIT, "setting SYNC0", AlState::PreOp, set)?;
        }
        self.sync0 = Some(Sync0Start { reference, first_pulse: start });
        Ok(())
    }

    fn no_clock(&self, position: usize) -> BusFault {
        let name = self.name(position as u16);
        let cause = format!(
            "SubDevice {position} ({name}) has no distributed clock: take `dc:` out of `realtime:` in the cell file"
        );
        BusFault::Protocol { doing: "setting SYNC0", cause }
    }

    /// In SAFE-OP: cycles until the first pulse has come and the clocks agree, so that a drive that asks for OP
    /// has a SYNC0 to run by, in the phase that it will have.
    pub(crate) fn wait_for_clocks(&mut self, image: &mut ProcessImage) -> Result<(), BusFault> {
        let (Some(dc), Some(start)) = (self.config.dc, self.sync0) else { return Ok(()) };
        let deadline = self.pump.clock.now() + AGREEMENT_WAIT;
        loop {
            self.cycle_while_arming(image);
            let pulses = self.reference.is_some_and(|r| r.time_ns > start.first_pulse);
            let apart = if pulses { self.clock_apart(dc, start.reference)? } else { None };
            if pulses && apart.is_none() {
                return Ok(());
            }
            if self.pump.clock.now() > deadline {
                let cause = match apart {
                    Some((position, ns)) => format!(
                        "the clock of SubDevice {position} ({}) is {ns} ns off the reference",
                        self.name(position)
                    ),
                    None => "the reference clock does not reach the first SYNC0 pulse".to_owned(),
                };
                return Err(BusFault::Protocol { doing: "waiting for the clocks to agree", cause });
            }
        }
    }

    /// The first SubDevice whose clock differs from the reference by too much, and by how many ns.
    fn clock_apart(&mut self, dc: DcConfig, reference: usize) -> Result<Option<(u16, i64)>, BusFault> {
        let main = &*Rc::clone(&self.main);
        for position in 0..self.stations.len() {
            // Nobody tells the reference another time than its own.
            if !dc.runs_by_sync0(position) || position == reference {
                continue;
            }
            let read = Command::fprd(self.stations[position], DIFFERENCE).receive::<u32>(main);
            let difference =
                self.within(SETTING_WAIT, "reading a clock's difference", AlState::SafeOp, read)?;
            let magnitude = i64::from(difference & 0x7fff_ffff);
            if magnitude as u64 > AGREEMENT.0 {
                let ns = if difference >> 31 != 0 { -magnitude } else { magnitude };
                return Ok(Some((position as u16, ns)));
            }
        }
        Ok(None)
    }

    /// When the next cycle while arming begins: one period on, moved to where its frame passes the reference clock
    /// at its instant. Nothing is enabled, so all of it at once.
    pub(crate) fn next_while_arming(&self, begun: TimeNs) -> TimeNs {
        let next = begun + self.config.period;
        match (self.config.dc, self.reference) {
            (Some(dc), Some(reference)) => reference.aligned(next, self.config.period, dc.shift),
            _ => next,
        }
    }
}
