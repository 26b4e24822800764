//! What strikes one frame: the faults of the moment, each by a draw of its own.

use std::ops::Range;

use cellwright_model::faults::{Fault, Way};
use cellwright_model::{DurationNs, TimeNs};

use super::queue::FRAME_BYTES;
use crate::plant::draw::{self, Purpose};

/// Bytes that damage adds at the most.
const ADDED_MAX: usize = 20;
/// EtherType and EtherCAT header; the header of the first datagram comes behind them (ETG.1000.4, clause 5).
const TYPE_AND_LENGTH: Range<usize> = 12..16;
const FIRST_DATA: usize = 26;

/// See the module text.
#[derive(Debug, Default)]
pub(super) struct Strikes {
    pub(super) held_there: Option<TimeNs>,
    pub(super) lost_there: bool,
    /// The cable before this SubDevice breaks the check sequence.
    pub(super) broken_before: Option<usize>,
    /// With the draw that says what is altered.
    pub(super) damage_there: Option<u64>,
    pub(super) lost_back: bool,
    pub(super) damage_back: Option<u64>,
    pub(super) twice: bool,
    pub(super) late_by: DurationNs,
    pub(super) held_back: Option<TimeNs>,
}

impl Strikes {
    /// Adds what an entry does to the frame. `draw`: seed, number of the frame, number of the entry. False if it
    /// leaves this one alone.
    pub(super) fn add(
        &mut self,
        fault: &Fault,
        until: Option<TimeNs>,
        (seed, frame, entry): (u64, u64, u64),
    ) -> bool {
        let hits =
            |share: f64| draw::uniform(draw::bits(seed, Purpose::FaultStrikes, entry, frame, 0)) < share;
        let damage = || draw::bits(seed, Purpose::FaultDamages, entry, frame, 0);
        match *fault {
            Fault::Drop { share, way: Way::There } if hits(share) => self.lost_there = true,
            Fault::Drop { share, way: Way::Back } if hits(share) => self.lost_back = true,
            Fault::Late { share, by } if hits(share) => self.late_by = self.late_by.max(by),
            Fault::Duplicate { share } if hits(share) => self.twice = true,
            Fault::BadFcs { share, position } if hits(share) => {
                self.broken_before = Some(self.broken_before.map_or(position, |before| before.min(position)))
            }
            Fault::Damage { share, way: Way::There } if hits(share) => self.damage_there = Some(damage()),
            Fault::Damage { share, way: Way::Back } if hits(share) => self.damage_back = Some(damage()),
            Fault::Stall { way: Way::There } => self.held_there = self.held_there.max(until),
            Fault::Stall { way: Way::Back } => self.held_back = self.held_back.max(until),
            _ => return false,
        }
        true
    }

    /// The reply does not come back as it is and at its time.
    pub(super) fn detained(&self) -> bool {
        self.damage_back.is_some() || self.twice || self.late_by > DurationNs(0) || self.held_back.is_some()
    }
}

/// A copy of `frame` whose structure is damaged, by a draw: headers altered, the end cut off, or bytes added. Its
/// length. Data are left alone: what a check sequence that fits does not show, no main device can see.
pub(super) fn damage(frame: &[u8], way: Way, draw: u64, to: &mut [u8; FRAME_BYTES]) -> usize {
    let len = frame.len().min(FRAME_BYTES - ADDED_MAX);
    to[..len].copy_from_slice(&frame[..len]);
    let headers = match way {
        // A datagram header that is altered on the way there is an order to do something else.
        Way::There => TYPE_AND_LENGTH,
        Way::Back => TYPE_AND_LENGTH.start..FIRST_DATA,
    };
    if len < FIRST_DATA {
        return len;
    }
    let pick = |below: usize| (draw >> 16) as usize % below.max(1);
    match draw % 3 {
        0 => {
            to[headers.start + pick(headers.len())] ^= 1 << (draw >> 8 & 7);
            len
        }
        1 => pick(len),
        _ => {
            let longer = len + 1 + pick(ADDED_MAX);
            to[len..longer].fill(draw as u8);
            longer
        }
    }
}
