//! CAN application protocol over EtherCAT (ETG.1000.6, clause 5.6): SDO server and emergencies.
//!
//! Uploads and downloads that fit one mailbox: expedited (up to four bytes) and normal. Longer
//! ones, complete access and SDO information are refused with the code for it.
//!
//! ```text
//!  0          2          3      5     6
//!  ├ service ─┼ command ─┼ index ┼ sub ┼ data …        (behind the mailbox header)
//! ```

use cellwright_driver_api::twin::{Emergency, SdoAbort};

use super::mailbox::{HEADER, MailboxError, Message};
use super::subdevice::SubDevice;

const SERVICE_EMERGENCY: u16 = 1;
const SERVICE_SDO_REQUEST: u16 = 2;
const SERVICE_SDO_RESPONSE: u16 = 3;
/// CoE header, command, index, subindex, four bytes.
const SDO: usize = 10;
/// Client and server command specifiers, in bits 5 to 7.
const DOWNLOAD: u8 = 1;
const UPLOAD: u8 = 2;
const ABORT: u8 = 4;
const DOWNLOAD_RESPONSE: u8 = 0x60;
const UPLOAD_RESPONSE: u8 = 0x40;
const ABORT_REQUEST: u8 = 0x80;
const SIZE_INDICATED: u8 = 0x01;
const EXPEDITED: u8 = 0x02;
const COMPLETE_ACCESS: u8 = 0x10;

/// Index and subindex of an object, as requests and replies carry them.
#[derive(Clone, Copy)]
struct Object {
    index: u16,
    sub: u8,
}

impl SubDevice {
    /// Answers the CoE message `data` into `reply` (a whole mailbox). Returns the length behind
    /// the mailbox header.
    pub(super) fn coe(&mut self, data: &[u8], reply: &mut [u8]) -> Result<usize, MailboxError> {
        let service = data.get(..2).map(|h| u16::from_le_bytes([h[0], h[1]]) >> 12);
        match service {
            None => Err(MailboxError::SizeTooShort),
            Some(SERVICE_SDO_REQUEST) if data.len() < SDO => Err(MailboxError::SizeTooShort),
            Some(SERVICE_SDO_REQUEST) => self.sdo(data, reply),
            Some(0 | 9..) => Err(MailboxError::InvalidHeader),
            Some(_) => Err(MailboxError::ServiceNotSupported),
        }
    }

    fn sdo(&mut self, data: &[u8], reply: &mut [u8]) -> Result<usize, MailboxError> {
        let command = data[2];
        let object = Object { index: u16::from_le_bytes([data[3], data[4]]), sub: data[5] };
        let done = match command >> 5 {
            // The MainDevice gives up a transfer; none of ours lasts longer than one message.
            ABORT => return Err(MailboxError::ServiceNotSupported),
            DOWNLOAD | UPLOAD if command & COMPLETE_ACCESS != 0 => Err(SdoAbort::UNSUPPORTED_ACCESS),
            DOWNLOAD => self.download(object, command, data, reply),
            UPLOAD => self.upload(object, reply),
            _ => Err(SdoAbort::BAD_COMMAND),
        };
        Ok(done.unwrap_or_else(|code| abort(object, code, reply)))
    }

    fn upload(&mut self, object: Object, reply: &mut [u8]) -> Result<usize, SdoAbort> {
        let room = reply.get_mut(HEADER + SDO..).ok_or(SdoAbort::EXCEEDS_MAILBOX)?;
        let len = match self.dictionary.read(object.index, object.sub, room) {
            Err(SdoAbort::NO_OBJECT) => self.model.object_read(object.index, object.sub, room)?,
            read => read?,
        };
        if len > 4 {
            header(SERVICE_SDO_RESPONSE, UPLOAD_RESPONSE | SIZE_INDICATED, object, reply);
            reply[HEADER + 6..HEADER + SDO].copy_from_slice(&(len as u32).to_le_bytes());
            return Ok(SDO + len);
        }
        let unused = (4 - len as u8) << 2;
        header(SERVICE_SDO_RESPONSE, UPLOAD_RESPONSE | unused | EXPEDITED | SIZE_INDICATED, object, reply);
        reply.copy_within(HEADER + SDO..HEADER + SDO + len, HEADER + 6);
        reply[HEADER + 6 + len..HEADER + SDO + len].fill(0);
        Ok(SDO)
    }

    fn download(&mut self, o: Object, command: u8, data: &[u8], reply: &mut [u8]) -> Result<usize, SdoAbort> {
        let value = if command & EXPEDITED != 0 {
            let indicated = command & SIZE_INDICATED != 0;
            let unused = if indicated { usize::from(command >> 2 & 3) } else { 0 };
            &data[6..SDO - unused]
        } else {
            let size = u32::from_le_bytes([data[6], data[7], data[8], data[9]]) as usize;
            let end = SDO.checked_add(size).ok_or(SdoAbort::EXCEEDS_MAILBOX)?;
            data.get(SDO..end).ok_or(SdoAbort::EXCEEDS_MAILBOX)?
        };
        match self.dictionary.write(o.index, o.sub) {
            SdoAbort::NO_OBJECT => self.model.object_write(o.index, o.sub, value)?,
            refused => return Err(refused),
        }
        header(SERVICE_SDO_RESPONSE, DOWNLOAD_RESPONSE, o, reply);
        Ok(SDO)
    }
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

/// Writes an emergency into a mailbox (ETG.1000.6 §5.6.4).
pub(super) fn emergency(emergency: &Emergency, reply: &mut [u8]) -> Option<Message> {
    reply[HEADER..HEADER + 2].copy_from_slice(&(SERVICE_EMERGENCY << 12).to_le_bytes());
    reply[HEADER + 2..HEADER + 4].copy_from_slice(&emergency.code.to_le_bytes());
    reply[HEADER + 4] = emergency.error_register;
    reply[HEADER + 5..HEADER + 10].copy_from_slice(&emergency.data);
    Some(Message::coe(SDO))
}
