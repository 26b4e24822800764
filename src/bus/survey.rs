//! What stands on a segment, read from registers and SII without a main device.
//!
//! It changes nothing that a controller relies on: no AL state, no address, no SyncManager, no mailbox. It only
//! writes the command registers of the SII interface (0x0502–0x0507, ETG.1000.4, clause 6.4), which a controller
//! uses during its own bring-up and not afterwards.

pub mod coe;

use cellwright_rt::clock::Clock;

use crate::ask::{AskError, Asker};
use crate::link::Link;
use crate::sii::{SiiContent, SiiProblem};

/// Ports of a SubDevice.
pub const PORTS: usize = 4;
/// SyncManagers, and FMMUs, that an ESC may have (0x0004, 0x0005).
const CHANNELS_MAX: usize = 16;
const FMMU_BYTES: usize = 16;
const SYNC_MANAGER_BYTES: usize = 8;

/// One SubDevice as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Surveyed {
    pub position: u16,
    /// Configured station address (0x0010), and alias (0x0012).
    pub address: u16,
    pub alias: u16,
    /// Type, revision and build of its controller chip (0x0000–0x0003).
    pub chip: [u8; 2],
    pub build: u16,
    /// AL status (0x0130): state in bits 0 to 3, error in bit 4; and its code (0x0134).
    pub al_status: u16,
    pub al_code: u16,
    pub ports: [Port; PORTS],
    /// Errors of the processing unit (0x030C) and of the application's interface (0x030D).
    pub processing_errors: u8,
    pub pdi_errors: u8,
    pub watchdog_trips: u8,
    pub clock: Option<DistributedClock>,
    pub sync_managers: Vec<SyncManager>,
    pub fmmus: Vec<Fmmu>,
    /// What its EEPROM says, or why that cannot be read.
    pub sii: Result<SiiContent, SiiProblem>,
}

/// One port: 0x0007 and 0x0110 say what it is, 0x0300–0x0313 what it counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Port {
    /// Not implemented 0, not configured 1, EBUS 2, MII 3.
    pub kind: u8,
    pub link: bool,
    /// Frames are turned back here.
    pub loop_closed: bool,
    pub communication: bool,
    pub invalid_frames: u8,
    pub rx_errors: u8,
    pub forwarded_errors: u8,
    pub lost_links: u8,
}

/// Distributed clocks (ETG.1000.4, clause 6.8), as they were latched and set last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DistributedClock {
    /// System time of 64 bits.
    pub wide: bool,
    /// When the last latched frame came to each port (0x0900), ns.
    pub receive_times: [u32; PORTS],
    /// 0x0910, 0x0920, 0x0928: ns.
    pub system_time: u64,
    pub offset: u64,
    pub delay: u32,
    /// 0x092C: own time minus that of the reference, ns.
    pub difference: i32,
    /// 0x0981, 0x09A0.
    pub activation: u8,
    pub sync0_cycle: u32,
}

/// A SyncManager as it is set up (0x0800…).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncManager {
    pub start: u16,
    pub length: u16,
    pub control: u8,
    pub status: u8,
    pub enabled: bool,
}

/// An FMMU as it is set up (0x0600…); bit masks as in the registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fmmu {
    pub logical: u32,
    pub length: u16,
    pub physical: u16,
    pub reads: bool,
    pub writes: bool,
    pub enabled: bool,
}

/// SubDevices that are surveyed at the most: several times what a frame of process data serves. The count is a working
/// counter, which anything on the wire can alter, and each SubDevice takes dozens of frames.
const SUBDEVICES_MAX: u16 = 512;

/// Every SubDevice in the order of the wire.
///
/// # Errors
/// [`AskError`]: nobody answers, or the interface fails.
pub fn survey<L: Link, C: Clock>(asker: &mut Asker<L, C>) -> Result<Vec<Surveyed>, AskError> {
    let count = asker.count()?;
    if count > SUBDEVICES_MAX {
        return Err(AskError::TooMany(count));
    }
    (0..count).map(|position| one(asker, position)).collect()
}

fn one<L: Link, C: Clock>(asker: &mut Asker<L, C>, position: u16) -> Result<Surveyed, AskError> {
    let mut head = [0; 0x14];
    asker.read(position, 0x0000, &mut head)?;
    let mut dl_status = [0; 2];
    asker.read(position, 0x0110, &mut dl_status)?;
    let mut al = [0; 6];
    asker.read(position, 0x0130, &mut al)?;
    let mut counters = [0; 0x14];
    asker.read(position, 0x0300, &mut counters)?;
    let mut trips = [0; 1];
    asker.read(position, 0x0442, &mut trips)?;
    let word = |bytes: &[u8], at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let features = word(&head, 8);
    Ok(Surveyed {
        position,
        address: word(&head, 0x10),
        alias: word(&head, 0x12),
        chip: [head[0], head[1]],
        build: word(&head, 2),
        al_status: word(&al, 0),
        al_code: word(&al, 4),
        ports: core::array::from_fn(|i| port(i, head[7], word(&dl_status, 0), &counters)),
        processing_errors: counters[0x0c],
        pdi_errors: counters[0x0d],
        watchdog_trips: trips[0],
        clock: (features & 1 << 2 != 0)
            .then(|| clock(asker, position, features & 1 << 3 != 0))
            .transpose()?,
        sync_managers: sync_managers(asker, position, head[5])?,
        fmmus: fmmus(asker, position, head[4])?,
        sii: crate::sii::read(asker, position)?,
    })
}

fn port(i: usize, kinds: u8, status: u16, counters: &[u8]) -> Port {
    Port {
        kind: kinds >> (2 * i) & 3,
        link: status & 1 << (4 + i) != 0,
        loop_closed: status & 1 << (8 + 2 * i) != 0,
        communication: status & 1 << (9 + 2 * i) != 0,
        invalid_frames: counters[2 * i],
        rx_errors: counters[2 * i + 1],
        forwarded_errors: counters[8 + i],
        lost_links: counters[0x10 + i],
    }
}

fn clock<L: Link, C: Clock>(
    asker: &mut Asker<L, C>,
    position: u16,
    wide: bool,
) -> Result<DistributedClock, AskError> {
    let mut r = [0; 0x30];
    asker.read(position, 0x0900, &mut r)?;
    let mut sync = [0; 0x24];
    asker.read(position, 0x0980, &mut sync)?;
    let long = |bytes: &[u8], at: usize| {
        u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    };
    let both = |at: usize| u64::from(long(&r, at)) | u64::from(long(&r, at + 4)) << 32;
    // Sign and magnitude.
    let difference = long(&r, 0x2c);
    let magnitude = (difference & 0x7fff_ffff) as i32;
    Ok(DistributedClock {
        wide,
        receive_times: core::array::from_fn(|i| long(&r, 4 * i)),
        system_time: both(0x10),
        offset: both(0x20),
        delay: long(&r, 0x28),
        difference: if difference >> 31 == 0 { magnitude } else { -magnitude },
        activation: sync[1],
        sync0_cycle: long(&sync, 0x20),
    })
}

fn sync_managers<L: Link, C: Clock>(
    asker: &mut Asker<L, C>,
    position: u16,
    count: u8,
) -> Result<Vec<SyncManager>, AskError> {
    let count = usize::from(count).min(CHANNELS_MAX);
    let mut r = vec![0; count * SYNC_MANAGER_BYTES];
    if count > 0 {
        asker.read(position, 0x0800, &mut r)?;
    }
    let decode = |r: &[u8]| SyncManager {
        start: u16::from_le_bytes([r[0], r[1]]),
        length: u16::from_le_bytes([r[2], r[3]]),
        control: r[4],
        status: r[5],
        enabled: r[6] & 1 != 0,
    };
    Ok(r.chunks_exact(SYNC_MANAGER_BYTES).map(decode).collect())
}

fn fmmus<L: Link, C: Clock>(
    asker: &mut Asker<L, C>,
    position: u16,
    count: u8,
) -> Result<Vec<Fmmu>, AskError> {
    let count = usize::from(count).min(CHANNELS_MAX);
    let mut r = vec![0; count * FMMU_BYTES];
    if count > 0 {
        asker.read(position, 0x0600, &mut r)?;
    }
    let decode = |r: &[u8]| Fmmu {
        logical: u32::from_le_bytes([r[0], r[1], r[2], r[3]]),
        length: u16::from_le_bytes([r[4], r[5]]),
        physical: u16::from_le_bytes([r[8], r[9]]),
        reads: r[11] & 1 != 0,
        writes: r[11] & 2 != 0,
        enabled: r[12] & 1 != 0,
    };
    Ok(r.chunks_exact(FMMU_BYTES).map(decode).collect())
}
