//! A link whose other end does what it likes with replies, as its input says.
//!
//! An *act* is a record: `kind, nth (2 bytes), what, at (2 bytes), bytes …`. It befalls the nth reply of a kind, or
//! every one if nth is 0xFFFF.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use cellwright_bus::Link;
use cellwright_model::DurationNs;
use cellwright_rt::clock::{Clock, VirtualClock};
use cellwright_twin::segment::Processed;

use super::Input;
use super::twin::Twin;

/// Kinds of replies, by the first datagram: any; mailbox, EEPROM, process data, other registers read; written.
const KINDS: usize = 6;
const ANY: usize = 0;
const EVERY: u16 = 0xffff;
const SUBDEVICES: u16 = 4;
const FIRST_ADDRESS: u16 = 0x1000;
/// First byte of a datagram's data behind the headers.
const DATA: usize = 26;
/// Frames that wait to be received; then the oldest is lost, as in a socket.
const WAITING_MAX: usize = 64;
/// A frame's way on a very slow wire: ethercrab reads an EEPROM without an end over and over, until the 60 s of
/// bring-up are over; in virtual time they are so many frames.
const ON_THE_WIRE: DurationNs = DurationNs(400_000);

struct Act {
    kind: usize,
    nth: u16,
    what: u8,
    at: usize,
    bytes: Vec<u8>,
}

impl Act {
    fn read(record: &[u8]) -> Option<Act> {
        let (head, bytes) = record.split_at_checked(6)?;
        Some(Act {
            kind: usize::from(head[0]) % KINDS,
            nth: u16::from_le_bytes([head[1], head[2]]),
            what: head[3],
            at: usize::from(u16::from_le_bytes([head[4], head[5]])),
            bytes: bytes.to_vec(),
        })
    }
}

/// See the module text.
pub struct Hostile {
    twin: Rc<RefCell<Twin>>,
    clock: VirtualClock,
    acts: Vec<Act>,
    seen: [u16; KINDS],
    waiting: VecDeque<Vec<u8>>,
    held: Option<Vec<u8>>,
    last: Vec<u8>,
    /// In place of what the EEPROM of the first SubDevice holds.
    eeprom: Option<Vec<u8>>,
}

impl Hostile {
    /// With the acts of an input.
    pub(super) fn new(twin: Rc<RefCell<Twin>>, clock: VirtualClock, input: &Input) -> Hostile {
        let acts = input.records.iter().filter_map(|record| Act::read(record)).collect();
        Hostile {
            twin,
            clock,
            acts,
            seen: [0; KINDS],
            waiting: VecDeque::new(),
            held: None,
            last: Vec::new(),
            eeprom: None,
        }
    }

    /// Honest, but for the content of the first SubDevice's EEPROM.
    pub(super) fn with_eeprom(twin: Rc<RefCell<Twin>>, clock: VirtualClock, eeprom: Vec<u8>) -> Hostile {
        Hostile { eeprom: Some(eeprom), ..Hostile::new(twin, clock, &Input::default()) }
    }

    fn kind(reply: &[u8]) -> usize {
        let ado = reply.get(20..22).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]));
        match (reply.get(16), ado) {
            (Some(1 | 4), 0x1000..) => 1,
            (Some(1 | 4), 0x0500..=0x050f) => 2,
            (Some(10..=12), _) => 3,
            (Some(2 | 5 | 8), _) => 5,
            _ => 4,
        }
    }

    /// Answers a read of 0x0502 and on (status, address, data) from the other content.
    fn exchange_eeprom(&self, reply: &mut [u8]) {
        let Some(eeprom) = &self.eeprom else { return };
        let ado = u16::from_le_bytes([reply[20], reply[21]]);
        let adp = u16::from_le_bytes([reply[18], reply[19]]);
        // By position, as it comes back from the last SubDevice, or by the address that ethercrab gives the first one.
        let first = matches!((reply[16], adp), (1, SUBDEVICES) | (4, FIRST_ADDRESS));
        let length = usize::from(u16::from_le_bytes([reply[22], reply[23]]) & 0x07ff);
        if !first || !(0x0502..0x0510).contains(&ado) {
            return;
        }
        let address = self.twin.borrow_mut().address_of_eeprom();
        for (i, at) in (usize::from(ado)..).zip(DATA..DATA + length) {
            if let Some(n @ 0..8) = i.checked_sub(0x0508) {
                let byte = eeprom.get(2 * address + n).copied().unwrap_or(0xff);
                if let Some(place) = reply.get_mut(at) {
                    *place = byte;
                }
            }
        }
    }

    fn push(&mut self, frame: Vec<u8>) {
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(frame);
    }

    fn deliver(&mut self, mut reply: Vec<u8>) {
        self.exchange_eeprom(&mut reply);
        let kind = Hostile::kind(&reply);
        let now = [self.seen[ANY], self.seen[kind]];
        self.seen[ANY] = self.seen[ANY].wrapping_add(1);
        self.seen[kind] = self.seen[kind].wrapping_add(1);
        let (mut copies, mut later) = (1, false);
        for act in &self.acts {
            let nth = if act.kind == ANY { now[0] } else { now[1] };
            if (act.kind == ANY || act.kind == kind) && (act.nth == EVERY || act.nth == nth) {
                match act.what % 10 {
                    0 => change(&mut reply, DATA + act.at, &act.bytes, |old, new| old ^ new),
                    1 => change(&mut reply, DATA + act.at, &act.bytes, |_, new| new),
                    2 => change(&mut reply, act.at, &act.bytes, |_, new| new),
                    3 => reply.truncate(act.at),
                    4 => reply.extend(&act.bytes),
                    5 => copies = 0,
                    6 => copies = 2,
                    7 => reply.clone_from(&self.last),
                    8 => later = true,
                    _ => {
                        let length =
                            reply.get(22..24).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]) & 0x07ff);
                        change(
                            &mut reply,
                            DATA + usize::from(length),
                            &act.bytes[..act.bytes.len().min(2)],
                            |_, new| new,
                        );
                    }
                }
            }
        }
        self.last.clone_from(&reply);
        if let Some(held) = self.held.take() {
            self.push(held);
        }
        for _ in 0..copies {
            if later {
                self.held = Some(reply.clone());
            } else {
                self.push(reply.clone());
            }
        }
    }
}

fn change(reply: &mut [u8], at: usize, bytes: &[u8], how: impl Fn(u8, u8) -> u8) {
    for (place, byte) in reply.iter_mut().skip(at).zip(bytes) {
        *place = how(*place, *byte);
    }
}

impl Link for Hostile {
    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let mut reply = frame.to_vec();
        let done = self.twin.borrow_mut().segment.process(&mut reply, self.clock.now());
        if matches!(done, Processed::Returned { .. }) {
            self.deliver(reply);
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], wait: DurationNs) -> io::Result<Option<usize>> {
        let Some(frame) = self.waiting.pop_front() else {
            if wait > DurationNs(0) {
                self.clock.sleep_until(self.clock.now() + wait);
            }
            return Ok(None);
        };
        self.clock.advance(ON_THE_WIRE);
        let len = frame.len().min(buffer.len());
        buffer[..len].copy_from_slice(&frame[..len]);
        Ok(Some(len))
    }

    fn cycle_begin(&mut self, _cycle: u64, nominal_period: DurationNs) {
        self.twin.borrow_mut().step(self.clock.now(), nominal_period.0);
    }
}
