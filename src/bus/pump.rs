//! The pump: polls ethercrab's futures on one thread, sends the frames that they make, and admits only
//! replies that belong to a frame in flight.
//!
//! A frame is *in flight* from sending until its reply or the end of the run; then it is *abandoned*. A
//! reply to an abandoned frame is *late*; anything else that fits no frame in flight is *stray*. Both are
//! counted and dropped, so nothing that was sent before a run can reach ethercrab within it.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::bus::BusCounters;
use cellwright_rt::clock::Clock;
use ethercrab::error::Error;
use ethercrab::{PduRx, PduTx, SendableFrame};

use crate::frame::{self, FRAME_BYTES_MAX, RECEIVE_BYTES};
use crate::link::Link;
use crate::time;

/// Frame slots of ethercrab. A slot keeps the index of an abandoned frame until it is used again, so the
/// frames of all other slots must not use up the 8-bit index in the meantime (checked in `group`).
pub(crate) const FRAMES: usize = 4;
/// Most frames taken from the link before a send. What is left is refused by its sequence later.
const DRAIN_MAX: usize = 64;
/// How long one wait for a frame lasts at most, so that ethercrab's own timeouts are seen in time.
const RECEIVE_SLICE: DurationNs = DurationNs(1_000_000);
/// Pause when ethercrab waits for time only (arming), or when the link does not take a frame.
const IDLE_PAUSE: DurationNs = DurationNs(20_000);
/// Sequences remembered as abandoned: more than 2 s of one frame a cycle at 4 kHz.
const ABANDONED_WINDOW: u32 = 1 << 16;

/// One frame in flight, as it was sent.
struct Flight {
    sequence: u32,
    len: usize,
    bytes: [u8; FRAME_BYTES_MAX],
}

/// The frames in flight and the sequences of those that were given up.
struct Flights {
    slots: Box<[Flight; FRAMES]>,
    next_sequence: u32,
    abandoned: Box<[u64; (ABANDONED_WINDOW / 64) as usize]>,
}

impl Flights {
    fn new(first_sequence: u32) -> Flights {
        let slot = || Flight { sequence: 0, len: 0, bytes: [0; FRAME_BYTES_MAX] };
        Flights {
            slots: Box::new(core::array::from_fn(|_| slot())),
            next_sequence: first_sequence,
            abandoned: Box::new([0; (ABANDONED_WINDOW / 64) as usize]),
        }
    }

    fn is_empty(&self) -> bool {
        self.slots.iter().all(|s| s.len == 0)
    }

    /// Takes a copy of `bytes` under a new sequence. A frame sent again (same first index) replaces its
    /// predecessor, whose reply is then late; with all slots taken the oldest is given up.
    fn start(&mut self, bytes: &[u8]) -> Option<usize> {
        if bytes.len() > FRAME_BYTES_MAX {
            return None;
        }
        let again = |s: &Flight| s.len > 0 && frame::first_index(&s.bytes) == frame::first_index(bytes);
        let age = |s: &Flight| self.next_sequence.wrapping_sub(s.sequence);
        let place = (self.slots.iter().position(again))
            .or_else(|| self.slots.iter().position(|s| s.len == 0))
            .or_else(|| (0..FRAMES).max_by_key(|&i| age(&self.slots[i])))?;
        self.abandon(place);
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        self.set_abandoned(sequence, false);
        let slot = &mut self.slots[place];
        slot.sequence = sequence;
        slot.len = bytes.len();
        slot.bytes[..bytes.len()].copy_from_slice(bytes);
        frame::mark(&mut slot.bytes[..bytes.len()], sequence);
        Some(place)
    }

    fn bytes(&self, place: usize) -> &[u8] {
        &self.slots[place].bytes[..self.slots[place].len]
    }

    /// The frame was not sent after all.
    fn withdraw(&mut self, place: usize) {
        self.slots[place].len = 0;
    }

    fn abandon(&mut self, place: usize) {
        if self.slots[place].len > 0 {
            self.set_abandoned(self.slots[place].sequence, true);
            self.slots[place].len = 0;
        }
    }

    fn abandon_all(&mut self) {
        (0..FRAMES).for_each(|place| self.abandon(place));
    }

    fn set_abandoned(&mut self, sequence: u32, abandoned: bool) {
        let (word, bit) = window_place(sequence);
        self.abandoned[word] = (self.abandoned[word] & !bit) | if abandoned { bit } else { 0 };
    }

    /// What a received frame is; a reply ends its flight, a late frame is late only once.
    fn classify(&mut self, got: &[u8]) -> Arrival {
        let Some(sequence) = frame::returned_sequence(got) else { return Arrival::Stray };
        let in_flight = |s: &Flight| s.len > 0 && s.sequence == sequence;
        if let Some(place) = self.slots.iter().position(in_flight) {
            if !frame::reply_fits(self.bytes(place), got) {
                // Altered on the way; the frame stays in flight, its true reply may still come.
                return Arrival::Stray;
            }
            let len = self.slots[place].len;
            self.slots[place].len = 0;
            return Arrival::Reply { len };
        }
        let (word, bit) = window_place(sequence);
        let recent = self.next_sequence.wrapping_sub(sequence) <= ABANDONED_WINDOW;
        if recent && self.abandoned[word] & bit != 0 {
            self.abandoned[word] &= !bit;
            return Arrival::Late;
        }
        Arrival::Stray
    }
}

/// Word and bit of a sequence in the window of abandoned ones.
fn window_place(sequence: u32) -> (usize, u64) {
    let at = sequence % ABANDONED_WINDOW;
    ((at / 64) as usize, 1 << (at % 64))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    /// The reply to a frame in flight, which was `len` bytes long without padding.
    Reply {
        len: usize,
    },
    Late,
    Stray,
}

/// Owns ethercrab's two ends of the wire, the link and the clock.
pub(crate) struct Pump<'sto, L, C> {
    tx: PduTx<'sto>,
    rx: PduRx<'sto>,
    pub(crate) link: L,
    pub(crate) clock: C,
    flights: Flights,
    buffer: Box<[u8; RECEIVE_BYTES]>,
    pub(crate) counters: BusCounters,
    /// Replies admitted, ever: zero means that nothing on the link answers at all.
    pub(crate) replies: u64,
}

impl<'sto, L: Link, C: Clock> Pump<'sto, L, C> {
    pub(crate) fn new(tx: PduTx<'sto>, rx: PduRx<'sto>, link: L, clock: C) -> Self {
        // Not from zero on a real clock: frames of an earlier process may still be on their way.
        let first_sequence = (clock.now().0 / 1_000) as u32;
        Pump {
            tx,
            rx,
            link,
            clock,
            flights: Flights::new(first_sequence),
            buffer: Box::new([0; RECEIVE_BYTES]),
            counters: BusCounters::default(),
            replies: 0,
        }
    }

    /// Runs `future` to its end. `None` if the deadline came first: the future is dropped then, its
    /// frames are abandoned, and no reply to them is ever admitted. A future that ends after the
    /// deadline, because this thread did not run, counts as not ended.
    pub(crate) fn run<T>(&mut self, future: impl Future<Output = T>, deadline: TimeNs) -> Option<T> {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        let ended = loop {
            time::set_now(self.clock.now());
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                break (self.clock.now() <= deadline).then_some(value);
            }
            self.send_pending();
            let left = deadline.since(self.clock.now());
            if left == DurationNs(0) {
                break None;
            }
            if self.flights.is_empty() {
                self.clock.sleep_until(self.clock.now() + left.min(IDLE_PAUSE));
            } else {
                self.receive(left.min(RECEIVE_SLICE));
            }
        };
        self.flights.abandon_all();
        ended
    }

    /// Sends what ethercrab has ready, each frame after a look at what came in unasked.
    fn send_pending(&mut self) {
        while let Some(sendable) = self.tx.next_sendable_frame() {
            self.drain();
            if !self.send(sendable) {
                return;
            }
        }
    }

    fn send(&mut self, sendable: SendableFrame<'sto>) -> bool {
        let Pump { flights, link, counters, .. } = self;
        let sent = sendable.send_blocking(|bytes| {
            let place = flights.start(bytes).ok_or(Error::SendFrame)?;
            match link.send(flights.bytes(place)) {
                Ok(()) => Ok(bytes.len()),
                Err(_) => {
                    flights.withdraw(place);
                    counters.send_errors += 1;
                    Err(Error::SendFrame)
                }
            }
        });
        sent.is_ok()
    }

    /// Empties the link of what waits there. Anything in it is late, stray, or the reply to a frame that
    /// is in flight beside the one about to be sent.
    fn drain(&mut self) {
        for _ in 0..DRAIN_MAX {
            if !self.receive(DurationNs(0)) {
                return;
            }
        }
    }

    /// Takes one frame from the link, if one comes within `wait`, and admits or drops it.
    fn receive(&mut self, wait: DurationNs) -> bool {
        let len = match self.link.receive(&mut self.buffer[..], wait) {
            Ok(Some(len)) => len,
            Ok(None) => return false,
            Err(_) => {
                self.counters.receive_errors += 1;
                // An error that lasts must not spin at the price of the whole cycle.
                self.clock.sleep_until(self.clock.now() + wait.min(IDLE_PAUSE));
                return false;
            }
        };
        let got = &self.buffer[..len];
        match self.flights.classify(got) {
            // Without the padding, so that a short frame is for ethercrab as it was sent.
            Arrival::Reply { len } => match self.rx.receive_frame(&self.buffer[..len]) {
                Ok(_) => self.replies += 1,
                Err(_) => self.counters.stray_frames += 1,
            },
            Arrival::Late => self.counters.late_frames += 1,
            Arrival::Stray => self.counters.stray_frames += 1,
        }
        true
    }
}

#[cfg(test)]
mod tests;
