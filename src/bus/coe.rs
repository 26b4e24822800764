//! SDOs and emergencies while armed, one mailbox frame a cycle.
//!
//! ethercrab's own CoE client waits in loops and asserts that no emergency arrives during an SDO. This
//! one is a state machine: every step sends at most one frame on ethercrab's public commands, and an
//! emergency is a value. A mailbox that is not ready answers with WKC 0, so it is simply tried again.

use std::collections::VecDeque;

use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::bus::{Busy, Emergency, SdoData, SdoFault, SdoOp, SdoReply, SdoRequest};
use cellwright_rt::clock::Clock;
use ethercrab::error::Error;
use ethercrab::{Command, MainDevice};

use crate::link::Link;
use crate::mailbox::{self, MAILBOX_BYTES_MAX, MAILBOX_BYTES_MIN, Message, SdoAnswer};
use crate::pump::Pump;

/// From taking a request to its answer. SubDevices answer within milliseconds; storing parameters is slow.
const ANSWER_WAIT: DurationNs = DurationNs(500_000_000);
/// Emergencies kept until somebody fetches them; the newest are dropped and counted beyond.
const EMERGENCIES_MAX: usize = 64;
/// Without an SDO in work, one mailbox is looked at every so many cycles, in turn.
const LOOK_EVERY: u32 = 8;
/// Messages fetched at once from one mailbox while arming.
const UNASKED_MAX: usize = 16;
/// "Mailbox full" in a SyncManager's status register (ETG.1000.4, table 59).
const MAILBOX_FULL: u8 = 0x08;

/// Place and length of one mailbox in a SubDevice's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Area {
    address: u16,
    len: u16,
}

/// The two mailboxes of one SubDevice, as its SyncManagers are set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mailboxes {
    station: u16,
    /// MainDevice to SubDevice.
    write: Area,
    /// SubDevice to MainDevice.
    read: Area,
    /// Status register of the SyncManager of `read`.
    read_status: u16,
    /// 1 to 7; two messages in a row with the same one are a repetition (ETG.1000.4, 5.6.1).
    counter: u8,
}

impl Mailboxes {
    /// From registers 0x0800 to 0x080F, the SyncManagers 0 and 1, of the SubDevice at `station`.
    pub(crate) fn from_sync_managers(station: u16, registers: &[u8; 16]) -> Option<Mailboxes> {
        let (mut write, mut read) = (None, None);
        for (n, sm) in registers.chunks_exact(8).enumerate() {
            let area =
                Area { address: u16::from_le_bytes([sm[0], sm[1]]), len: u16::from_le_bytes([sm[2], sm[3]]) };
            let enabled = sm[6] & 1 != 0;
            let fits = (MAILBOX_BYTES_MIN..=MAILBOX_BYTES_MAX).contains(&usize::from(area.len));
            // Control: mode in bits 0 and 1 (2: mailbox), direction in bits 2 and 3 (1: MainDevice writes).
            match (sm[4] & 0x03, sm[4] >> 2 & 0x03) {
                (2, 1) if enabled && fits => write = Some(area),
                (2, 0) if enabled && fits => read = Some((area, 0x0805 + 8 * n as u16)),
                _ => {}
            }
        }
        let (read, read_status) = read?;
        // ethercrab's client starts at 1 after every reset and is used after the start-up SDOs: the
        // last of those must not be 1, so that its first message is no repetition.
        Some(Mailboxes { station, write: write?, read, read_status, counter: 1 })
    }

    /// The counter after this one, never 1 (see `from_sync_managers`).
    fn next_counter(&mut self) -> u8 {
        self.counter = if self.counter >= 7 { 2 } else { self.counter + 1 };
        self.counter
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Write,
    Read,
}

#[derive(Debug)]
struct Work {
    request: SdoRequest,
    phase: Phase,
    wait: DurationNs,
    /// Set by the first step, which is told the time.
    until: Option<TimeNs>,
}

/// The CoE client of one segment.
#[derive(Debug)]
pub(crate) struct CoeClient {
    boxes: Vec<Option<Mailboxes>>,
    work: Option<Work>,
    reply: Option<SdoReply>,
    emergencies: VecDeque<Emergency>,
    pub(crate) emergencies_dropped: u64,
    /// Cycles in which an SDO waited because too little of them was left.
    pub(crate) put_off: u64,
    /// Position whose mailbox was found full without an SDO in work.
    unasked: Option<usize>,
    look_at: usize,
    look_in: u32,
    out: Box<[u8; MAILBOX_BYTES_MAX]>,
}

impl CoeClient {
    /// A client for SubDevices with these mailboxes, by position. Emergencies of before are kept.
    pub(crate) fn new() -> CoeClient {
        CoeClient {
            boxes: Vec::new(),
            work: None,
            reply: None,
            emergencies: VecDeque::with_capacity(EMERGENCIES_MAX),
            emergencies_dropped: 0,
            put_off: 0,
            unasked: None,
            look_at: 0,
            look_in: 0,
            out: Box::new([0; MAILBOX_BYTES_MAX]),
        }
    }

    /// The segment was reset: an SDO in work is lost, emergencies not yet fetched are kept.
    pub(crate) fn reset(&mut self, boxes: Vec<Option<Mailboxes>>) {
        self.finish(Err(SdoFault::BusDown));
        self.boxes = boxes;
        self.unasked = None;
        self.look_at = 0;
    }

    pub(crate) fn has_mailbox(&self, position: usize) -> bool {
        self.boxes.get(position).is_some_and(Option::is_some)
    }

    pub(crate) fn request(&mut self, request: SdoRequest) -> Result<(), Busy> {
        self.request_within(request, ANSWER_WAIT)
    }

    /// As `request`, with a bound of its own on the time to the answer.
    pub(crate) fn request_within(&mut self, request: SdoRequest, wait: DurationNs) -> Result<(), Busy> {
        if self.work.is_some() || self.reply.is_some() {
            return Err(Busy);
        }
        self.work = Some(Work { request, phase: Phase::Write, wait, until: None });
        let mailboxes = self.boxes.get_mut(usize::from(request.position)).and_then(Option::as_mut);
        let Some(mailboxes) = mailboxes else {
            self.finish(Err(SdoFault::NoMailbox));
            return Ok(());
        };
        let counter = mailboxes.next_counter();
        let len = usize::from(mailboxes.write.len);
        if let Err(fault) = mailbox::encode(&request, counter, &mut self.out[..len]) {
            self.finish(Err(fault));
        }
        Ok(())
    }

    pub(crate) fn poll_reply(&mut self) -> Option<SdoReply> {
        self.reply.take()
    }

    pub(crate) fn poll_emergency(&mut self) -> Option<Emergency> {
        self.emergencies.pop_front()
    }

    fn finish(&mut self, result: Result<SdoData, SdoFault>) {
        if let Some(work) = self.work.take() {
            self.reply = Some(SdoReply { request: work.request, result });
        }
    }

    /// Sends at most one mailbox frame and takes its reply, before `deadline`; none if less than `needed` is left
    /// until then, for the frame would be in the way of the next cycle. What is asked for can lapse all the same.
    pub(crate) fn step<'s, L: Link, C: Clock>(
        &mut self,
        pump: &mut Pump<'_, L, C>,
        main: &'s MainDevice<'s>,
        deadline: TimeNs,
        needed: DurationNs,
    ) {
        if self.boxes.is_empty() {
            return;
        }
        let now = pump.clock.now();
        let in_time = deadline.since(now) >= needed;
        let Some(work) = &mut self.work else {
            if in_time {
                self.look(pump, main, deadline);
            }
            return;
        };
        if now > *work.until.get_or_insert(now + work.wait) {
            self.finish(Err(SdoFault::Timeout));
            return;
        }
        if !in_time {
            self.put_off += 1;
            return;
        }
        let position = usize::from(work.request.position);
        let Some(mailboxes) = self.boxes.get(position).copied().flatten() else { return };
        match work.phase {
            Phase::Write => {
                // Lost on the way there or back: sent again with the same counter, which a SubDevice that
                // has it already takes for a repetition.
                let bytes = &self.out[..usize::from(mailboxes.write.len)];
                let write = Command::fpwr(mailboxes.station, mailboxes.write.address);
                let written = pump.run(write.send_receive_slice(main, bytes), deadline);
                if matches!(written, Some(Ok(_))) {
                    work.phase = Phase::Read;
                }
            }
            Phase::Read => {
                self.read(position, mailboxes, pump, main, deadline);
            }
        }
    }

    /// Looks, in turn and now and then, whether a SubDevice has a message that nobody asked for.
    fn look<'s, L: Link, C: Clock>(
        &mut self,
        pump: &mut Pump<'_, L, C>,
        main: &'s MainDevice<'s>,
        deadline: TimeNs,
    ) {
        if let Some(position) = self.unasked.take() {
            if let Some(mailboxes) = self.boxes.get(position).copied().flatten() {
                self.read(position, mailboxes, pump, main, deadline);
            }
            return;
        }
        self.look_in += 1;
        if self.look_in < LOOK_EVERY {
            return;
        }
        self.look_in = 0;
        let count = self.boxes.len();
        let in_turn = (0..count).map(|i| (self.look_at + i) % count);
        let Some((position, mailboxes)) = in_turn.filter_map(|p| Some((p, self.boxes[p]?))).next() else {
            return;
        };
        self.look_at = position + 1;
        let status = Command::fprd(mailboxes.station, mailboxes.read_status).receive::<u8>(main);
        if let Some(Ok(status)) = pump.run(status, deadline)
            && status & MAILBOX_FULL != 0
        {
            self.unasked = Some(position);
        }
    }

    /// Fetches what waits in the mailbox at `position`: ethercrab throws away what it finds there before
    /// an SDO of its own. At most [`UNASKED_MAX`] messages.
    pub(crate) fn fetch_unasked<'s, L: Link, C: Clock>(
        &mut self,
        position: usize,
        pump: &mut Pump<'_, L, C>,
        main: &'s MainDevice<'s>,
        wait: DurationNs,
    ) {
        let Some(mailboxes) = self.boxes.get(position).copied().flatten() else { return };
        for _ in 0..UNASKED_MAX {
            let deadline = pump.clock.now() + wait;
            if !self.read(position, mailboxes, pump, main, deadline) {
                return;
            }
        }
    }

    /// Reads one mailbox and says whether there was a message; empty (WKC 0) or lost is none.
    fn read<'s, L: Link, C: Clock>(
        &mut self,
        position: usize,
        mailboxes: Mailboxes,
        pump: &mut Pump<'_, L, C>,
        main: &'s MainDevice<'s>,
        deadline: TimeNs,
    ) -> bool {
        let read = Command::fprd(mailboxes.station, mailboxes.read.address);
        let message = async {
            let bytes = read.receive_slice(main, mailboxes.read.len).await?;
            Ok::<_, Error>(mailbox::decode(position as u16, &bytes))
        };
        let Some(Ok(message)) = pump.run(message, deadline) else { return false };
        self.take(position, message);
        true
    }

    fn take(&mut self, position: usize, message: Message) {
        if let Message::Emergency(emergency) = message {
            if self.emergencies.len() < EMERGENCIES_MAX {
                self.emergencies.push_back(emergency);
            } else {
                self.emergencies_dropped += 1;
            }
            return;
        }
        let Some(work) = &self.work else { return };
        let request = work.request;
        if usize::from(request.position) != position || work.phase != Phase::Read {
            return;
        }
        match message {
            // An answer to an earlier SDO that came after its time is not this one's.
            Message::Sdo { index, sub, result } if (index, sub) == (request.index, request.sub) => {
                let result = match (result, request.op) {
                    (Ok(SdoAnswer::Uploaded(data)), SdoOp::Upload) => Ok(data),
                    (Ok(SdoAnswer::Downloaded), SdoOp::Download(_)) => Ok(SdoData::EMPTY),
                    (Ok(_), _) => Err(SdoFault::Malformed),
                    (Err(fault), _) => Err(fault),
                };
                self.finish(result);
            }
            Message::Error(detail) => self.finish(Err(SdoFault::Mailbox(detail))),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_are_found_by_their_control_bytes() {
        let mut registers = [0u8; 16];
        registers[..8].copy_from_slice(&[0x00, 0x10, 0x80, 0, 0x26, 0, 1, 0]);
        registers[8..].copy_from_slice(&[0x80, 0x10, 0x80, 0, 0x22, 0, 1, 0]);
        let found = Mailboxes::from_sync_managers(0x1003, &registers).unwrap();
        assert_eq!(found.write, Area { address: 0x1000, len: 128 });
        assert_eq!(found.read, Area { address: 0x1080, len: 128 });
        assert_eq!((found.station, found.read_status), (0x1003, 0x080d));
        registers[14] = 0;
        assert!(Mailboxes::from_sync_managers(0x1003, &registers).is_none(), "not enabled");
        registers[14] = 1;
        registers[10] = 15;
        assert!(Mailboxes::from_sync_managers(0x1003, &registers).is_none(), "too small for an SDO");
    }

    #[test]
    fn the_counter_goes_round_without_one() {
        let mut registers = [0u8; 16];
        registers[..8].copy_from_slice(&[0x00, 0x10, 0x80, 0, 0x26, 0, 1, 0]);
        registers[8..].copy_from_slice(&[0x80, 0x10, 0x80, 0, 0x22, 0, 1, 0]);
        let mut boxes = Mailboxes::from_sync_managers(0x1000, &registers).unwrap();
        let seen: Vec<u8> = (0..8).map(|_| boxes.next_counter()).collect();
        assert_eq!(seen, [2, 3, 4, 5, 6, 7, 2, 3]);
    }

    #[test]
    fn emergencies_beyond_the_bound_are_counted() {
        let mut client = CoeClient::new();
        let emergency = |n: u16| Emergency { position: 0, code: n, register: 0, data: [0; 5] };
        for n in 0..EMERGENCIES_MAX as u16 + 3 {
            client.take(0, Message::Emergency(emergency(n)));
        }
        assert_eq!(client.emergencies_dropped, 3);
        assert_eq!(client.poll_emergency(), Some(emergency(0)), "the oldest come first");
    }

    #[test]
    fn an_sdo_to_a_subdevice_without_mailbox_is_answered_so() {
        let mut client = CoeClient::new();
        client.reset(vec![None]);
        let request = SdoRequest { position: 0, index: 0x1018, sub: 1, op: SdoOp::Upload };
        client.request(request).unwrap();
        assert_eq!(client.request(request), Err(Busy), "the answer was not fetched");
        assert_eq!(client.poll_reply().unwrap().result, Err(SdoFault::NoMailbox));
        assert_eq!(client.poll_reply(), None);
    }
}
