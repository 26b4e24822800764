//! Single commands to SubDevices without a main device: what a survey needs, beside a controller that may be
//! running.
//!
//! Frames bear a source address of their own, so that neither side takes the other's for its own
//! ([`crate::frame`] has the controller's).

use std::io;

use cellwright_model::DurationNs;
use cellwright_rt::clock::Clock;

use crate::frame::{FRAME_BYTES_MAX, FRAME_OVERHEAD, RECEIVE_BYTES, reply_fits};
use crate::link::Link;

/// A frame that has not come back by then is lost: a hundred times what the longest segment takes, and time for
/// an emulator that does not run at the moment.
const REPLY_MAX: DurationNs = DurationNs::from_millis(20);
/// So often a frame is sent before nobody answers.
const TRIES: u32 = 5;
/// Data of one command, in bytes: more than any register block that is read at once.
pub const ASK_BYTES_MAX: usize = 1024;

const SOURCE: [u8; 2] = [0x10, 0x11];
/// The first SubDevice sets bit 0x02 (ETG.1000.4, clause 5.3.3).
const SOURCE_RETURNED: [u8; 2] = [0x12, 0x11];
const ETHERTYPE: [u8; 2] = [0x88, 0xa4];
const APRD: u8 = 1;
const APWR: u8 = 2;
const BRD: u8 = 7;
const DATAGRAM_HEADER: usize = 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Frames left, and none came back.
    #[error("no frame came back: nobody answers on this interface")]
    Silent,
    #[error("the interface refuses frames: {0}")]
    Link(#[from] io::Error),
    /// More SubDevices than are gone through one by one.
    #[error(
        "{0} SubDevices seem to answer, more than there can be: something alters frames on this interface"
    )]
    TooMany(u16),
    /// A register block longer than [`ASK_BYTES_MAX`].
    #[error("{0} bytes are more than one command may carry")]
    TooLong(usize),
}

/// Asks over a link.
pub struct Asker<L, C> {
    link: L,
    clock: C,
    sequence: u32,
}

impl<L: Link, C: Clock> Asker<L, C> {
    /// The numbers of its frames begin with the clock, so that an earlier asker's are not taken for its own.
    pub fn new(link: L, clock: C) -> Asker<L, C> {
        let sequence = (clock.now().0 >> 10) as u32;
        Asker { link, clock, sequence }
    }

    /// SubDevices that answer: the working counter of a broadcast read of their type.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn count(&mut self) -> Result<u16, AskError> {
        self.command(BRD, 0, 0x0000, &mut [0])
    }

    /// Reads registers of the SubDevice at `position` into `data`. True if it took the command.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn read(&mut self, position: u16, register: u16, data: &mut [u8]) -> Result<bool, AskError> {
        Ok(self.command(APRD, position.wrapping_neg(), register, data)? == 1)
    }

    /// Writes registers. True if it took the command.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn write(&mut self, position: u16, register: u16, data: &[u8]) -> Result<bool, AskError> {
        let mut held = data.to_vec();
        Ok(self.command(APWR, position.wrapping_neg(), register, &mut held)? == 1)
    }

    /// Sends a command until it comes back: its working counter, and what was read.
    fn command(&mut self, command: u8, adp: u16, ado: u16, data: &mut [u8]) -> Result<u16, AskError> {
        if data.len() > ASK_BYTES_MAX {
            return Err(AskError::TooLong(data.len()));
        }
        for _ in 0..TRIES {
            self.sequence = self.sequence.wrapping_add(1);
            let frame = frame(self.sequence, command, adp, ado, data);
            self.link.send(&frame)?;
            if let Some(got) = self.reply(&frame)? {
                let from = FRAME_OVERHEAD + DATAGRAM_HEADER;
                data.copy_from_slice(&got[from..from + data.len()]);
                let at = from + data.len();
                return Ok(u16::from_le_bytes([got[at], got[at + 1]]));
            }
        }
        Err(AskError::Silent)
    }

    /// The frame that is `sent`, come back; other frames are somebody else's.
    fn reply(&mut self, sent: &[u8]) -> Result<Option<Vec<u8>>, AskError> {
        let until = self.clock.now() + REPLY_MAX;
        let mut buffer = [0; RECEIVE_BYTES];
        loop {
            let left = until.since(self.clock.now());
            if left == DurationNs(0) {
                return Ok(None);
            }
            let Some(len) = self.link.receive(&mut buffer, left)? else { return Ok(None) };
            let got = &buffer[..len];
            let mine =
                got.len() >= FRAME_OVERHEAD && got[6..8] == SOURCE_RETURNED && got[8..12] == sent[8..12];
            if mine && reply_fits(sent, got) {
                return Ok(Some(got.to_vec()));
            }
        }
    }
}

/// A frame with one datagram.
fn frame(sequence: u32, command: u8, adp: u16, ado: u16, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend(SOURCE);
    frame.extend(sequence.to_be_bytes());
    frame.extend(ETHERTYPE);
    let datagram = DATAGRAM_HEADER + data.len() + 2;
    frame.extend((datagram as u16 | 1 << 12).to_le_bytes());
    frame.extend([command, sequence as u8]);
    frame.extend(adp.to_le_bytes());
    frame.extend(ado.to_le_bytes());
    frame.extend((data.len() as u16).to_le_bytes());
    frame.extend([0, 0]);
    frame.extend(data);
    frame.extend([0, 0]);
    frame
}

const _: () = assert!(FRAME_OVERHEAD + DATAGRAM_HEADER + ASK_BYTES_MAX + 2 <= FRAME_BYTES_MAX);
