//! CAN application protocol over EtherCAT (ETG.1000.6, clause 5.6): what a message asks for, and emergencies.
//!
//! ```text
//!  0          2          3      5     6
//!  ├ service ─┼ command ─┼ index ┼ sub ┼ data …        (behind the mailbox header)
//! ```

mod information;
mod sdo;

use cellwright_driver_api::twin::Emergency;

use super::mailbox::{HEADER, MailboxError, Message};
use super::subdevice::SubDevice;

pub(super) use information::Listing;
pub(super) use sdo::Transfer;

const SERVICE_EMERGENCY: u16 = 1;
const SERVICE_SDO_REQUEST: u16 = 2;
const SERVICE_SDO_RESPONSE: u16 = 3;
const SERVICE_SDO_INFORMATION: u16 = 8;
/// CoE header, command, index, subindex, four bytes.
const SDO: usize = 10;

impl SubDevice {
    /// Answers the CoE message `data` into `reply` (a whole mailbox). Returns the length behind
    /// the mailbox header; `None`: nothing is to be said.
    pub(super) fn coe(&mut self, data: &[u8], reply: &mut [u8]) -> Result<Option<usize>, MailboxError> {
        let service = data.get(..2).map(|h| u16::from_le_bytes([h[0], h[1]]) >> 12);
        match service {
            None => Err(MailboxError::SizeTooShort),
            Some(SERVICE_SDO_REQUEST) if data.len() < SDO => Err(MailboxError::SizeTooShort),
            Some(SERVICE_SDO_REQUEST) => Ok(self.sdo(data, reply)),
            Some(SERVICE_SDO_INFORMATION) => self.information(data, reply).map(Some),
            Some(0 | 9..) => Err(MailboxError::InvalidHeader),
            Some(_) => Err(MailboxError::ServiceNotSupported),
        }
    }
}

/// Writes an emergency into a mailbox (ETG.1000.6 §5.6.4).
pub(super) fn emergency(emergency: &Emergency, reply: &mut [u8]) -> Option<Message> {
    reply[HEADER..HEADER + 2].copy_from_slice(&(SERVICE_EMERGENCY << 12).to_le_bytes());
    reply[HEADER + 2..HEADER + 4].copy_from_slice(&emergency.code.to_le_bytes());
    reply[HEADER + 4] = emergency.error_register;
    reply[HEADER + 5..HEADER + 10].copy_from_slice(&emergency.data);
    Some(Message::coe(SDO))
}
