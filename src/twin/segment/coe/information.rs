//! SDO information (ETG.1000.6, clause 5.6.3): which objects there are, and what their entries are.
//!
//! ```text
//!  0          2         3    4                6
//!  ├ service ─┼ opcode ─┼ 0 ─┼ fragments left ┼ data …        (behind the mailbox header)
//! ```

use cellwright_driver_api::twin::SdoAbort;

use super::super::mailbox::{HEADER, MailboxError};
use super::super::subdevice::SubDevice;
use super::SERVICE_SDO_INFORMATION;

const INFORMATION: usize = 6;
const LIST_REQUEST: u8 = 1;
const LIST_RESPONSE: u8 = 2;
const OBJECT_REQUEST: u8 = 3;
const OBJECT_RESPONSE: u8 = 4;
const ENTRY_REQUEST: u8 = 5;
const ENTRY_RESPONSE: u8 = 6;
const ERROR_REQUEST: u8 = 7;
/// The fragment is not the last one.
const INCOMPLETE: u8 = 0x80;
/// List 0 holds the lengths of lists 1 to 5.
const LENGTHS: u16 = 0;
const LISTS: u16 = 5;

/// A list of objects that is longer than one message.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Listing {
    list: u16,
    /// Bytes that were sent.
    sent: usize,
}

impl SubDevice {
    /// Answers a request for information.
    pub(super) fn information(&mut self, data: &[u8], reply: &mut [u8]) -> Result<usize, MailboxError> {
        let word = |at| data.get(at..at + 2).map(|w| u16::from_le_bytes([w[0], w[1]]));
        let (opcode, asked) = (data.get(2).copied(), word(INFORMATION));
        let (Some(opcode), Some(asked)) = (opcode, asked) else { return Err(MailboxError::SizeTooShort) };
        self.listing = None;
        let done = match opcode & !INCOMPLETE {
            LIST_REQUEST if asked > LISTS => Err(SdoAbort::UNSUPPORTED_ACCESS),
            LIST_REQUEST => Ok(self.list(Listing { list: asked, sent: 0 }, reply)),
            OBJECT_REQUEST => self.object(asked, reply),
            ENTRY_REQUEST => match data.get(INFORMATION + 2) {
                Some(&sub) => self.entry(asked, sub, reply),
                None => return Err(MailboxError::SizeTooShort),
            },
            _ => Err(SdoAbort::BAD_COMMAND),
        };
        Ok(done.unwrap_or_else(|code| {
            header(ERROR_REQUEST, 0, reply);
            put(&code.0.to_le_bytes(), INFORMATION, reply)
        }))
    }

    /// The next fragment of a list under way; `None`: there is none.
    pub(in super::super) fn next_of_list(&mut self, reply: &mut [u8]) -> Option<usize> {
        let listing = self.listing.take()?;
        Some(self.list(listing, reply))
    }

    /// One fragment: its length behind the mailbox header.
    fn list(&mut self, listing: Listing, reply: &mut [u8]) -> usize {
        let Listing { list, sent } = listing;
        let whole = 2 + 2 * self.list_words(list).count();
        // Whole words only.
        let room = (reply.len().saturating_sub(HEADER + INFORMATION) & !1).max(2);
        let here = (whole - sent).min(room);
        let words = core::iter::once(list).chain(self.list_words(list));
        let mut at = INFORMATION;
        for word in words.skip(sent / 2).take(here / 2) {
            at = put(&word.to_le_bytes(), at, reply);
        }
        let left = (whole - sent - here).div_ceil(room);
        let opcode = if left > 0 { LIST_RESPONSE | INCOMPLETE } else { LIST_RESPONSE };
        header(opcode, left as u16, reply);
        self.listing = (left > 0).then_some(Listing { list, sent: sent + here });
        at
    }

    /// What a list holds: indices, or the lengths of the others.
    fn list_words(&self, list: u16) -> impl Iterator<Item = u16> {
        let lengths = (1..=LISTS).map(|l| self.dictionary.indices(l).count() as u16);
        let lengths = lengths.filter(move |_| list == LENGTHS);
        lengths.chain(self.dictionary.indices(list))
    }

    fn object(&self, index: u16, reply: &mut [u8]) -> Result<usize, SdoAbort> {
        let object = self.dictionary.object(index, self.model.objects()).ok_or(SdoAbort::NO_OBJECT)?;
        header(OBJECT_RESPONSE, 0, reply);
        let mut at = put(&index.to_le_bytes(), INFORMATION, reply);
        at = put(&object.data_type.to_le_bytes(), at, reply);
        at = put(&[object.largest, object.code], at, reply);
        Ok(put_text(object.name, at, reply))
    }

    fn entry(&self, index: u16, sub: u8, reply: &mut [u8]) -> Result<usize, SdoAbort> {
        let objects = self.model.objects();
        self.dictionary.object(index, objects).ok_or(SdoAbort::NO_OBJECT)?;
        let entry = self.dictionary.entry(index, sub, objects).ok_or(SdoAbort::NO_SUBINDEX)?;
        header(ENTRY_RESPONSE, 0, reply);
        let mut at = put(&index.to_le_bytes(), INFORMATION, reply);
        // Value information: none of unit, default, minimum, maximum follows.
        at = put(&[sub, 0], at, reply);
        at = put(&entry.data_type.to_le_bytes(), at, reply);
        at = put(&entry.bits.to_le_bytes(), at, reply);
        at = put(&entry.access.to_le_bytes(), at, reply);
        Ok(put_text(entry.name, at, reply))
    }
}

fn header(opcode: u8, fragments_left: u16, reply: &mut [u8]) {
    reply[HEADER..HEADER + 2].copy_from_slice(&(SERVICE_SDO_INFORMATION << 12).to_le_bytes());
    (reply[HEADER + 2], reply[HEADER + 3]) = (opcode, 0);
    reply[HEADER + 4..HEADER + 6].copy_from_slice(&fragments_left.to_le_bytes());
}

/// Puts bytes behind the mailbox header; the smallest mailbox has room for every fixed part.
fn put(bytes: &[u8], at: usize, reply: &mut [u8]) -> usize {
    reply[HEADER + at..HEADER + at + bytes.len()].copy_from_slice(bytes);
    at + bytes.len()
}

/// A name, cut to the room that is left.
fn put_text(text: &str, at: usize, reply: &mut [u8]) -> usize {
    let room = reply.len().saturating_sub(HEADER + at);
    put(&text.as_bytes()[..text.len().min(room)], at, reply)
}
