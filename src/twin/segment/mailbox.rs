//! The mailbox (ETG.1000.4, clause 5.6): one message each way, CoE inside.
//!
//! ```text
//!  0       2         4       5               6
//!  ├ length ┼ address ┼ prio ┼ type · counter ┼ data …
//! ```

use super::al::AlState;
use super::coe;
use super::subdevice::SubDevice;

/// Largest mailbox of a twin in bytes.
pub(super) const MAX_BYTES: usize = 1024;
pub(super) const HEADER: usize = 6;
const TYPE_ERROR: u8 = 0;
const TYPE_COE: u8 = 3;
const SM_RECEIVE: usize = 0;
const SM_SEND: usize = 1;

/// Mailbox error details (ETG.1000.4, mailbox error service).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum MailboxError {
    UnsupportedProtocol = 0x02,
    ServiceNotSupported = 0x04,
    InvalidHeader = 0x05,
    SizeTooShort = 0x06,
    InvalidSize = 0x08,
}

/// What the mailbox remembers between messages.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    /// Counter of the last message sent, 1 to 7.
    counter: u8,
    /// A message was sent that a repeat request can ask for again.
    sent: bool,
}

impl SubDevice {
    /// Empties both directions (INIT is left or entered).
    pub(super) fn reset_mailbox(&mut self) {
        self.mailbox = Mailbox::default();
        self.transfer.reset();
        self.listing = None;
        if self.layout.mailbox {
            self.esc.set_full(SM_RECEIVE, false);
            self.esc.set_full(SM_SEND, false);
        }
    }

    /// Goes on with a list, answers a waiting request, or sends an emergency, if the send mailbox is free.
    pub(super) fn serve_mailbox(&mut self) {
        if !self.layout.mailbox || self.al.state < AlState::PreOp || self.esc.is_full(SM_SEND) {
            return;
        }
        let mut reply = [0u8; MAX_BYTES];
        let capacity = self.esc.sync_managers[SM_SEND].len().min(MAX_BYTES);
        let len = if let Some(len) = self.next_of_list(&mut reply[..capacity]) {
            Some(Message::coe(len))
        } else if self.esc.is_full(SM_RECEIVE) {
            let mut request = [0u8; MAX_BYTES];
            let len = self.take_request(&mut request);
            self.answer(&request[..len], &mut reply)
        } else if let Some(emergency) = self.model.emergency() {
            coe::emergency(&emergency, &mut reply)
        } else {
            return;
        };
        if let Some(len) = len {
            self.post(&mut reply, len);
        }
    }

    /// The MainDevice toggled repeat requests (bit n: SyncManager n): the last message again.
    pub(super) fn repeat_mailbox(&mut self, repeats: u8) {
        if self.layout.mailbox && repeats & 1 << SM_SEND != 0 {
            if self.mailbox.sent {
                // It still stands in the buffer: nothing is written there before it is read.
                self.esc.set_full(SM_SEND, true);
            }
            self.esc.acknowledge_repeat(SM_SEND);
        }
    }

    fn take_request(&mut self, request: &mut [u8; MAX_BYTES]) -> usize {
        let manager = &self.esc.sync_managers[SM_RECEIVE];
        let len = manager.len().min(MAX_BYTES);
        request[..len].copy_from_slice(&self.esc.memory[manager.start..manager.start + len]);
        self.esc.set_full(SM_RECEIVE, false);
        len
    }

    /// Length of data behind the header; `None`: no answer.
    fn answer(&mut self, request: &[u8], reply: &mut [u8; MAX_BYTES]) -> Option<Message> {
        let length = usize::from(u16::from_le_bytes([request[0], request[1]]));
        let Some(data) = request.get(HEADER..HEADER + length) else {
            return Some(error(MailboxError::InvalidSize, reply));
        };
        let capacity = self.esc.sync_managers[SM_SEND].len().min(MAX_BYTES);
        match request[5] & 0x0F {
            TYPE_COE => match self.coe(data, &mut reply[..capacity]) {
                Ok(len) => len.map(Message::coe),
                Err(detail) => Some(error(detail, reply)),
            },
            // The MainDevice reports an error of ours: nothing to say.
            TYPE_ERROR => None,
            _ => Some(error(MailboxError::UnsupportedProtocol, reply)),
        }
    }

    /// Completes the header and puts the message into the send mailbox.
    fn post(&mut self, reply: &mut [u8; MAX_BYTES], message: Message) {
        let manager = self.esc.sync_managers[SM_SEND];
        let capacity = manager.len().min(MAX_BYTES);
        self.mailbox.counter = self.mailbox.counter % 7 + 1;
        reply[..2].copy_from_slice(&(message.len as u16).to_le_bytes());
        reply[5] = message.kind | self.mailbox.counter << 4;
        self.esc.memory[manager.start..manager.start + capacity].copy_from_slice(&reply[..capacity]);
        self.mailbox.sent = true;
        self.esc.set_full(SM_SEND, true);
    }
}

/// A message ready in the reply buffer.
pub(super) struct Message {
    kind: u8,
    /// Bytes behind the header.
    len: usize,
}

impl Message {
    pub(super) fn coe(len: usize) -> Message {
        Message { kind: TYPE_COE, len }
    }
}

fn error(detail: MailboxError, reply: &mut [u8; MAX_BYTES]) -> Message {
    reply[HEADER..HEADER + 2].copy_from_slice(&1u16.to_le_bytes());
    reply[HEADER + 2..HEADER + 4].copy_from_slice(&(detail as u16).to_le_bytes());
    Message { kind: TYPE_ERROR, len: 4 }
}
