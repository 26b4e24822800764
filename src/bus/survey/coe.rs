//! PDOs as a SubDevice itself says them, by CoE uploads (ETG.1000.6, clause 5.6.2) through the mailbox that a main
//! device has set up. Only for a segment that nobody drives: a mailbox has one user.

use cellwright_rt::clock::Clock;

use super::{Surveyed, SyncManager};
use crate::ask::{ASK_BYTES_MAX, AskError, Asker};
use crate::link::Link;

/// Looks for an answer, a frame each: far more than a firmware needs, which answers within milliseconds.
const LOOKS_MAX: u32 = 2_000;
/// SyncManager status: the mailbox is full (ETG.1000.4, clause 6.7).
const FULL: u8 = 0x08;
const SYNC_MANAGER_STATUS: u16 = 0x0805;
const MAILBOX_HEADER: usize = 6;
const TYPE_COE: u8 = 3;
const SDO_REQUEST: u16 = 2;
const SDO_RESPONSE: u16 = 3;
const UPLOAD: u8 = 0x40;
/// Entries of an assignment or a mapping that are read: a subindex has eight bits.
const ENTRIES_MAX: u8 = 254;

/// Why a SubDevice was not asked, or did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CoeProblem {
    #[error("it has no CoE mailbox")]
    None,
    #[error("its mailbox is not set up: it is in INIT")]
    NotSetUp,
    #[error("it is in OP: a controller uses its mailbox")]
    InUse,
    #[error("it does not answer")]
    NoAnswer,
    #[error("it answers {0:#010x}, an SDO abort code")]
    Refused(u32),
}

/// A PDO of object 0x1C12 or 0x1C13: its index, and (index, subindex, bits) of each entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoePdo {
    pub inputs: bool,
    pub index: u16,
    pub entries: Vec<(u16, u8, u8)>,
}

struct Mailbox<'a, L, C> {
    asker: &'a mut Asker<L, C>,
    position: u16,
    out: SyncManager,
    back: SyncManager,
    counter: u8,
}

/// Reads assignment and mapping of both directions.
///
/// # Errors
/// [`AskError`]: nobody answers on the interface.
pub fn pdos<L: Link, C: Clock>(
    asker: &mut Asker<L, C>,
    device: &Surveyed,
) -> Result<Result<Vec<CoePdo>, CoeProblem>, AskError> {
    let speaks = device.sii.as_ref().is_ok_and(|sii| sii.protocols & 1 << 2 != 0);
    let [out, back, ..] = device.sync_managers[..] else { return Ok(Err(CoeProblem::None)) };
    let fits = |sm: SyncManager| sm.enabled && (16..=ASK_BYTES_MAX).contains(&usize::from(sm.length));
    match device.al_status & 0x0f {
        _ if !speaks => return Ok(Err(CoeProblem::None)),
        8 => return Ok(Err(CoeProblem::InUse)),
        _ if !fits(out) || !fits(back) => return Ok(Err(CoeProblem::NotSetUp)),
        _ => {}
    }
    let mut mailbox = Mailbox { asker, position: device.position, out, back, counter: 0 };
    let mut found = Vec::new();
    for (assignment, inputs) in [(0x1c12, false), (0x1c13, true)] {
        match mailbox.assigned(assignment, inputs, &mut found)? {
            Ok(()) => {}
            Err(problem) => return Ok(Err(problem)),
        }
    }
    Ok(Ok(found))
}

/// Of an upload: what went wrong on the wire, and what the SubDevice said.
type Asked<T> = Result<Result<T, CoeProblem>, AskError>;

/// Goes on with what the SubDevice said, or gives its problem back.
macro_rules! said {
    ($asked:expr) => {
        match $asked? {
            Ok(value) => value,
            Err(problem) => return Ok(Err(problem)),
        }
    };
}

impl<L: Link, C: Clock> Mailbox<'_, L, C> {
    fn assigned(&mut self, assignment: u16, inputs: bool, found: &mut Vec<CoePdo>) -> Asked<()> {
        let count = said!(self.upload(assignment, 0)) as u8;
        for n in 1..=count.min(ENTRIES_MAX) {
            let index = said!(self.upload(assignment, n)) as u16;
            let mut entries = Vec::new();
            let mapped = said!(self.upload(index, 0)) as u8;
            for sub in 1..=mapped.min(ENTRIES_MAX) {
                let entry = said!(self.upload(index, sub));
                entries.push(((entry >> 16) as u16, (entry >> 8) as u8, entry as u8));
            }
            found.push(CoePdo { inputs, index, entries });
        }
        Ok(Ok(()))
    }

    /// An expedited upload: up to four bytes.
    fn upload(&mut self, index: u16, sub: u8) -> Asked<u32> {
        self.counter = self.counter % 7 + 1;
        let mut message = vec![0; usize::from(self.out.length)];
        message[..2].copy_from_slice(&10u16.to_le_bytes());
        message[5] = TYPE_COE | self.counter << 4;
        message[6..8].copy_from_slice(&(SDO_REQUEST << 12).to_le_bytes());
        message[8] = UPLOAD;
        message[9..11].copy_from_slice(&index.to_le_bytes());
        message[11] = sub;
        // Something that waits there is somebody else's.
        if self.is_full(1)? || !self.asker.write(self.position, self.out.start, &message)? {
            return Ok(Err(CoeProblem::InUse));
        }
        for _ in 0..LOOKS_MAX {
            if !self.is_full(1)? {
                continue;
            }
            let mut answer = vec![0; usize::from(self.back.length)];
            if !self.asker.read(self.position, self.back.start, &mut answer)? {
                continue;
            }
            if let Some(value) = value(&answer, index, sub) {
                return Ok(value);
            }
        }
        Ok(Err(CoeProblem::NoAnswer))
    }

    fn is_full(&mut self, sync_manager: u16) -> Result<bool, AskError> {
        let mut status = [0];
        self.asker.read(self.position, SYNC_MANAGER_STATUS + 8 * sync_manager, &mut status)?;
        Ok(status[0] & FULL != 0)
    }
}

/// What an answer says of `index:sub`; `None`: it is another message, such as an emergency.
fn value(answer: &[u8], index: u16, sub: u8) -> Option<Result<u32, CoeProblem>> {
    let coe = answer.get(MAILBOX_HEADER..MAILBOX_HEADER + 10).filter(|_| answer[5] & 0x0f == TYPE_COE)?;
    let service = u16::from_le_bytes([coe[0], coe[1]]) >> 12;
    if coe[3..5] != index.to_le_bytes() || coe[5] != sub {
        return None;
    }
    let long = u32::from_le_bytes([coe[6], coe[7], coe[8], coe[9]]);
    match (service, coe[2] >> 5) {
        (SDO_REQUEST, 4) => Some(Err(CoeProblem::Refused(long))),
        // Expedited: bytes beyond its size are zero or not told.
        (SDO_RESPONSE, 2) if coe[2] & 2 != 0 => {
            let bits = 8 * (4 - u32::from(coe[2] >> 2 & 3));
            Some(Ok(if bits == 32 { long } else { long & ((1 << bits) - 1) }))
        }
        (SDO_RESPONSE, 2) => Some(Err(CoeProblem::NoAnswer)),
        _ => None,
    }
}
