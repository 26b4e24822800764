//! SDO transfers (ETG.1000.6, clause 5.6.2): expedited, normal and segmented, single entries and complete access.
//!
//! Complete access carries subindex 0 as two bytes and then every other entry behind the one before it, or,
//! begun at subindex 1, the entries alone.

use cellwright_driver_api::twin::SdoAbort;

use super::super::al::AlState;
use super::super::mailbox::HEADER;
use super::super::subdevice::SubDevice;
use super::{SDO, SERVICE_SDO_REQUEST, SERVICE_SDO_RESPONSE};

/// Longest object, complete access included, in bytes; a longer one is refused.
const OBJECT_BYTES_MAX: usize = 2048;
/// CoE header and command of a segment; at least seven bytes of data follow.
const SEGMENT: usize = 3;
const SEGMENT_DATA_MIN: usize = 7;
/// Client and server command specifiers, in bits 5 to 7.
const DOWNLOAD_SEGMENT: u8 = 0;
const DOWNLOAD: u8 = 1;
const UPLOAD: u8 = 2;
const UPLOAD_SEGMENT: u8 = 3;
const ABORT: u8 = 4;
const DOWNLOAD_RESPONSE: u8 = 0x60;
const DOWNLOAD_SEGMENT_RESPONSE: u8 = 0x20;
const UPLOAD_RESPONSE: u8 = 0x40;
const ABORT_REQUEST: u8 = 0x80;
const SIZE_INDICATED: u8 = 0x01;
const EXPEDITED: u8 = 0x02;
const COMPLETE_ACCESS: u8 = 0x10;
const LAST_SEGMENT: u8 = 0x01;
const TOGGLE: u8 = 0x10;

/// Index and subindex of an object, as requests and replies carry them.
#[derive(Debug, Clone, Copy)]
struct Object {
    index: u16,
    sub: u8,
}

/// A transfer that is longer than one message.
#[derive(Debug, Clone, Copy, Default)]
enum Stage {
    #[default]
    None,
    /// `sent` of `len` bytes are on their way; the next segment bears `toggle`.
    Upload {
        len: usize,
        sent: usize,
        toggle: bool,
    },
    Download {
        object: Object,
        complete: bool,
        size: usize,
        got: usize,
        toggle: bool,
    },
}

/// The object at hand. One transfer at a time, as there is one mailbox.
#[derive(Debug)]
pub(in super::super) struct Transfer {
    bytes: Box<[u8]>,
    stage: Stage,
}

impl Transfer {
    pub(in super::super) fn new() -> Transfer {
        Transfer { bytes: vec![0; OBJECT_BYTES_MAX].into_boxed_slice(), stage: Stage::None }
    }

    /// Forgets what is under way.
    pub(in super::super) fn reset(&mut self) {
        self.stage = Stage::None;
    }
}

impl SubDevice {
    /// Answers an SDO request of at least [`SDO`] bytes; `None`: an abort, which is not answered.
    pub(super) fn sdo(&mut self, data: &[u8], reply: &mut [u8]) -> Option<usize> {
        let command = data[2];
        let object = Object { index: u16::from_le_bytes([data[3], data[4]]), sub: data[5] };
        let done = match command >> 5 {
            ABORT => {
                self.transfer.reset();
                return None;
            }
            DOWNLOAD => self.download(object, command, data, reply),
            DOWNLOAD_SEGMENT => self.download_segment(command, data, reply),
            UPLOAD => self.upload(object, command & COMPLETE_ACCESS != 0, reply),
            UPLOAD_SEGMENT => self.upload_segment(command, reply),
            _ => Err(SdoAbort::BAD_COMMAND),
        };
        Some(done.unwrap_or_else(|code| {
            self.transfer.reset();
            abort(object, code, reply)
        }))
    }

    fn upload(&mut self, object: Object, complete: bool, reply: &mut [u8]) -> Result<usize, SdoAbort> {
        self.transfer.reset();
        // Taken out for the time of reading: nothing is allocated by that.
        let mut bytes = core::mem::take(&mut self.transfer.bytes);
        let read = if complete {
            self.read_complete(object, &mut bytes)
        } else {
            self.read_entry(object, &mut bytes)
        };
        self.transfer.bytes = bytes;
        let len = read?;
        let flag = if complete { COMPLETE_ACCESS } else { 0 };
        let value = &self.transfer.bytes[..len];
        if len <= 4 {
            let unused = (4 - len as u8) << 2;
            let command = UPLOAD_RESPONSE | flag | unused | EXPEDITED | SIZE_INDICATED;
            header(SERVICE_SDO_RESPONSE, command, object, reply);
            reply[HEADER + 6..HEADER + SDO].fill(0);
            reply[HEADER + 6..HEADER + 6 + len].copy_from_slice(value);
            return Ok(SDO);
        }
        header(SERVICE_SDO_RESPONSE, UPLOAD_RESPONSE | flag | SIZE_INDICATED, object, reply);
        reply[HEADER + 6..HEADER + SDO].copy_from_slice(&(len as u32).to_le_bytes());
        let room = reply.get_mut(HEADER + SDO..).ok_or(SdoAbort::EXCEEDS_MAILBOX)?;
        let first = len.min(room.len());
        room[..first].copy_from_slice(&value[..first]);
        if first < len {
            self.transfer.stage = Stage::Upload { len, sent: first, toggle: false };
        }
        Ok(SDO + first)
    }

    fn upload_segment(&mut self, command: u8, reply: &mut [u8]) -> Result<usize, SdoAbort> {
        let Stage::Upload { len, sent, toggle } = self.transfer.stage else {
            return Err(SdoAbort::BAD_COMMAND);
        };
        same_toggle(command, toggle)?;
        let room = reply.get_mut(HEADER + SEGMENT..).ok_or(SdoAbort::EXCEEDS_MAILBOX)?;
        let n = (len - sent).min(room.len());
        room[..n].copy_from_slice(&self.transfer.bytes[sent..sent + n]);
        let padded = n.max(SEGMENT_DATA_MIN);
        room[n..padded].fill(0);
        let last = sent + n == len;
        let unused = SEGMENT_DATA_MIN.saturating_sub(n) as u8;
        reply[HEADER..HEADER + 2].copy_from_slice(&(SERVICE_SDO_RESPONSE << 12).to_le_bytes());
        reply[HEADER + 2] = if last { LAST_SEGMENT } else { 0 } | unused << 1 | toggled(toggle);
        self.transfer.stage =
            if last { Stage::None } else { Stage::Upload { len, sent: sent + n, toggle: !toggle } };
        Ok(SEGMENT + padded)
    }

    fn download(
        &mut self,
        object: Object,
        command: u8,
        data: &[u8],
        reply: &mut [u8],
    ) -> Result<usize, SdoAbort> {
        self.transfer.reset();
        let complete = command & COMPLETE_ACCESS != 0;
        if command & EXPEDITED != 0 {
            let indicated = command & SIZE_INDICATED != 0;
            let unused = if indicated { usize::from(command >> 2 & 3) } else { 0 };
            self.store(object, complete, &data[6..SDO - unused])?;
        } else {
            let size = u32::from_le_bytes([data[6], data[7], data[8], data[9]]) as usize;
            let brought = &data[SDO..];
            if let Some(value) = brought.get(..size) {
                self.store(object, complete, value)?;
            } else {
                let place = self.transfer.bytes.get_mut(..brought.len()).filter(|_| size <= OBJECT_BYTES_MAX);
                place.ok_or(SdoAbort::EXCEEDS_MAILBOX)?.copy_from_slice(brought);
                let got = brought.len();
                self.transfer.stage = Stage::Download { object, complete, size, got, toggle: false };
            }
        }
        header(SERVICE_SDO_RESPONSE, DOWNLOAD_RESPONSE | command & COMPLETE_ACCESS, object, reply);
        reply[HEADER + 6..HEADER + SDO].fill(0);
        Ok(SDO)
    }

    fn download_segment(&mut self, command: u8, data: &[u8], reply: &mut [u8]) -> Result<usize, SdoAbort> {
        let Stage::Download { object, complete, size, got, toggle } = self.transfer.stage else {
            return Err(SdoAbort::BAD_COMMAND);
        };
        same_toggle(command, toggle)?;
        let mut brought = &data[SEGMENT..];
        if brought.len() == SEGMENT_DATA_MIN {
            brought = &brought[..SEGMENT_DATA_MIN - usize::from(command >> 1 & 7)];
        }
        let end = got + brought.len();
        if end > size || (command & LAST_SEGMENT != 0 && end < size) {
            return Err(SdoAbort::LENGTH);
        }
        self.transfer.bytes[got..end].copy_from_slice(brought);
        if command & LAST_SEGMENT != 0 {
            self.transfer.reset();
            let bytes = core::mem::take(&mut self.transfer.bytes);
            let stored = self.store(object, complete, &bytes[..size]);
            self.transfer.bytes = bytes;
            stored?;
        } else {
            self.transfer.stage = Stage::Download { object, complete, size, got: end, toggle: !toggle };
        }
        reply[HEADER..HEADER + SDO].fill(0);
        reply[HEADER..HEADER + 2].copy_from_slice(&(SERVICE_SDO_RESPONSE << 12).to_le_bytes());
        reply[HEADER + 2] = DOWNLOAD_SEGMENT_RESPONSE | toggled(toggle);
        Ok(SDO)
    }

    /// One entry into `data`: the communication area's, or the device's own.
    fn read_entry(&self, object: Object, data: &mut [u8]) -> Result<usize, SdoAbort> {
        match self.dictionary.read(object.index, object.sub, data) {
            Err(SdoAbort::NO_OBJECT) => self.model.object_read(object.index, object.sub, data),
            read => read,
        }
    }

    fn write_entry(&mut self, object: Object, value: &[u8]) -> Result<(), SdoAbort> {
        let pre_op = self.al.state == AlState::PreOp;
        match self.dictionary.write(object.index, object.sub, value, pre_op, &*self.model) {
            Err(SdoAbort::NO_OBJECT) => self.model.object_write(object.index, object.sub, value),
            done => done,
        }
    }

    fn store(&mut self, object: Object, complete: bool, value: &[u8]) -> Result<(), SdoAbort> {
        if complete { self.write_complete(object, value) } else { self.write_entry(object, value) }
    }

    /// Largest subindex; `None`: an object without subindices.
    fn largest(&self, index: u16) -> Result<Option<u8>, SdoAbort> {
        let mut first = [0; 4];
        let len = self.read_entry(Object { index, sub: 0 }, &mut first)?;
        let mut scratch = [0; 64];
        let has_more = match self.read_entry(Object { index, sub: 1 }, &mut scratch) {
            Ok(_) => true,
            // An array that is empty.
            Err(_) => self.dictionary.is_array(index),
        };
        Ok((has_more && len == 1).then_some(first[0]))
    }

    fn read_complete(&self, object: Object, data: &mut [u8]) -> Result<usize, SdoAbort> {
        let Object { index, sub } = object;
        if sub > 1 {
            return Err(SdoAbort::UNSUPPORTED_ACCESS);
        }
        let Some(largest) = self.largest(index)? else { return self.read_entry(object, data) };
        let mut at = 0;
        if sub == 0 {
            data.get_mut(..2).ok_or(SdoAbort::EXCEEDS_MAILBOX)?.copy_from_slice(&[largest, 0]);
            at = 2;
        }
        for sub in 1..=largest {
            match self.read_entry(Object { index, sub }, &mut data[at..]) {
                Ok(len) => at += len,
                Err(SdoAbort::NO_SUBINDEX) => {}
                Err(code) => return Err(code),
            }
        }
        Ok(at)
    }

    /// Each entry as long as it is now; entries that `value` does not reach are left alone.
    fn write_complete(&mut self, object: Object, value: &[u8]) -> Result<(), SdoAbort> {
        let Object { index, sub } = object;
        if sub > 1 {
            return Err(SdoAbort::UNSUPPORTED_ACCESS);
        }
        if self.dictionary.is_variable(index) {
            return Err(SdoAbort::VARIABLE_LENGTH);
        }
        let Some(largest) = self.largest(index)? else { return self.write_entry(object, value) };
        let mut rest = value;
        if sub == 0 {
            let (count, entries) = rest.split_at_checked(2).ok_or(SdoAbort::LENGTH)?;
            if count[0] != largest {
                return Err(SdoAbort::VALUE_RANGE);
            }
            rest = entries;
        }
        for sub in 1..=largest {
            let mut held = [0; 64];
            let len = match self.read_entry(Object { index, sub }, &mut held) {
                Ok(len) => len,
                Err(SdoAbort::NO_SUBINDEX) => continue,
                Err(code) => return Err(code),
            };
            if rest.is_empty() {
                return Ok(());
            }
            let (entry, behind) = rest.split_at_checked(len).ok_or(SdoAbort::LENGTH)?;
            self.write_entry(Object { index, sub }, entry)?;
            rest = behind;
        }
        if rest.is_empty() { Ok(()) } else { Err(SdoAbort::LENGTH) }
    }
}

fn toggled(toggle: bool) -> u8 {
    if toggle { TOGGLE } else { 0 }
}

fn same_toggle(command: u8, toggle: bool) -> Result<(), SdoAbort> {
    if command & TOGGLE == toggled(toggle) { Ok(()) } else { Err(SdoAbort::TOGGLE) }
}

fn header(service: u16, command: u8, object: Object, reply: &mut [u8]) {
    reply[HEADER..HEADER + 2].copy_from_slice(&(service << 12).to_le_bytes());
    reply[HEADER + 2] = command;
    reply[HEADER + 3..HEADER + 5].copy_from_slice(&object.index.to_le_bytes());
    reply[HEADER + 5] = object.sub;
}

fn abort(object: Object, code: SdoAbort, reply: &mut [u8]) -> usize {
    header(SERVICE_SDO_REQUEST, ABORT_REQUEST, object, reply);
    reply[HEADER + 6..HEADER + SDO].copy_from_slice(&code.0.to_le_bytes());
    SDO
}
