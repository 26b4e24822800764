//! What carries frames between the pump and a segment.

use std::io;

use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::clock::Clock;

use crate::frame::FRAME_BYTES_MAX;

/// Carries whole Ethernet frames, without their check sequence. Once opened it does not allocate.
pub trait Link {
    /// Hands one frame over. An error leaves nothing sent; the pump counts it and may try again.
    fn send(&mut self, frame: &[u8]) -> io::Result<()>;

    /// One received frame into `buffer`, and its length; `None` if none came within `wait` (zero: look
    /// and return). A frame longer than the buffer is cut to it, which the pump then refuses.
    fn receive(&mut self, buffer: &mut [u8], wait: DurationNs) -> io::Result<Option<usize>>;

    /// A cycle begins. A simulated segment steps its plant by `nominal_period`; a wire needs nothing.
    /// `cycle` is 0 during bring-up.
    fn cycle_begin(&mut self, cycle: u64, nominal_period: DurationNs) {
        let _ = (cycle, nominal_period);
    }

    /// What a segment in this process has taken of this thread's time for itself since it was asked last: no part
    /// of what a main device needs. Zero on a wire and on a virtual clock.
    fn simulated(&mut self) -> DurationNs {
        DurationNs(0)
    }
}

impl<L: Link + ?Sized> Link for Box<L> {
    fn simulated(&mut self) -> DurationNs {
        (**self).simulated()
    }
    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        (**self).send(frame)
    }
    fn receive(&mut self, buffer: &mut [u8], wait: DurationNs) -> io::Result<Option<usize>> {
        (**self).receive(buffer, wait)
    }
    fn cycle_begin(&mut self, cycle: u64, nominal_period: DurationNs) {
        (**self).cycle_begin(cycle, nominal_period);
    }
}

/// A segment in this process: every `FnMut(&mut [u8], TimeNs) -> Option<DurationNs>` is one.
pub trait InProcessSegment {
    /// Passes the frame through all SubDevices, in place, and says how long it is on its way until it is
    /// back. `None`: nothing comes back.
    fn process(&mut self, frame: &mut [u8], now: TimeNs) -> Option<DurationNs>;

    /// When the next frame is back that `process` did not give: one that was on its way longer, or came twice.
    fn next_reply(&self) -> Option<TimeNs> {
        None
    }

    /// Such a frame that is back by `now`, into `buffer`, and its length.
    fn take_reply(&mut self, now: TimeNs, buffer: &mut [u8]) -> Option<usize> {
        let _ = (now, buffer);
        None
    }

    /// A cycle begins: see [`Link::cycle_begin`].
    fn cycle_begin(&mut self, cycle: u64, nominal_period: DurationNs) {
        let _ = (cycle, nominal_period);
    }
}

impl<F: FnMut(&mut [u8], TimeNs) -> Option<DurationNs>> InProcessSegment for F {
    fn process(&mut self, frame: &mut [u8], now: TimeNs) -> Option<DurationNs> {
        self(frame, now)
    }
}

/// A link to a segment in this process. The frame goes through it within `send`; a virtual clock moves by
/// the time on the wire when the reply is received.
#[derive(Debug)]
pub struct InProcessLink<S, C> {
    segment: S,
    clock: C,
    frame: Box<[u8; FRAME_BYTES_MAX]>,
    /// Length and time on the wire of the reply that was not fetched yet.
    waiting: Option<(usize, DurationNs)>,
    simulated: DurationNs,
}

impl<S: InProcessSegment, C: Clock> InProcessLink<S, C> {
    /// A link to `segment`, by the clock of its bus.
    pub fn new(segment: S, clock: C) -> Self {
        InProcessLink {
            segment,
            clock,
            frame: Box::new([0; FRAME_BYTES_MAX]),
            waiting: None,
            simulated: DurationNs(0),
        }
    }

    /// The segment.
    pub fn segment_mut(&mut self) -> &mut S {
        &mut self.segment
    }

    /// A frame that the segment gives back otherwise than at once, if it is back before the one that waits here.
    fn receive_detained(&mut self, buffer: &mut [u8], until: TimeNs) -> Option<usize> {
        let now = self.clock.now();
        let until = self.waiting.map_or(until, |(_, delay)| until.min(now + delay));
        while let Some(due) = self.segment.next_reply().filter(|due| *due <= until) {
            self.clock.sleep_until(due.max(now));
            let begun = self.clock.now();
            let taken = self.segment.take_reply(due.max(now), buffer);
            self.simulated.0 += self.clock.now().since(begun).0;
            if taken.is_some() {
                return taken;
            }
        }
        None
    }
}

impl<S: InProcessSegment, C: Clock> Link for InProcessLink<S, C> {
    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let place = self.frame.get_mut(..frame.len()).ok_or(io::ErrorKind::InvalidInput)?;
        place.copy_from_slice(frame);
        // The pump has one frame in flight at a time; a second one before the first was fetched is sent
        // and its predecessor's reply lost, as on a receiver with one buffer.
        let begun = self.clock.now();
        self.waiting = self.segment.process(place, begun).map(|delay| (frame.len(), delay));
        self.simulated.0 += self.clock.now().since(begun).0;
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], wait: DurationNs) -> io::Result<Option<usize>> {
        let until = self.clock.now() + wait;
        if let Some(len) = self.receive_detained(buffer, until) {
            return Ok(Some(len));
        }
        let Some((len, delay)) = self.waiting else {
            // Nothing can come any more: wait as a wire would, but asleep.
            if wait > DurationNs(0) {
                self.clock.sleep_until(until);
            }
            return Ok(None);
        };
        if wait == DurationNs(0) {
            return Ok(None);
        }
        self.waiting = None;
        self.clock.advance(delay);
        let len = len.min(buffer.len());
        buffer[..len].copy_from_slice(&self.frame[..len]);
        Ok(Some(len))
    }

    fn cycle_begin(&mut self, cycle: u64, nominal_period: DurationNs) {
        let begun = self.clock.now();
        self.segment.cycle_begin(cycle, nominal_period);
        self.simulated.0 += self.clock.now().since(begun).0;
    }

    fn simulated(&mut self) -> DurationNs {
        core::mem::take(&mut self.simulated)
    }
}

#[cfg(test)]
mod tests {
    use cellwright_rt::clock::VirtualClock;

    use super::*;

    #[test]
    fn a_reply_takes_the_wire_delay_and_silence_takes_the_wait() {
        let clock = VirtualClock::default();
        let answers = |frame: &mut [u8], _now: TimeNs| {
            frame[0] += 1;
            (frame[0] < 10).then_some(DurationNs(700))
        };
        let mut link = InProcessLink::new(answers, clock.clone());
        let mut buffer = [0; 64];
        link.send(&[1, 2, 3]).unwrap();
        assert_eq!(link.receive(&mut buffer, DurationNs(0)).unwrap(), None, "it is still on the wire");
        assert_eq!(link.receive(&mut buffer, DurationNs(1_000)).unwrap(), Some(3));
        assert_eq!((buffer[0], clock.now()), (2, TimeNs(700)));
        link.send(&[9]).unwrap();
        assert_eq!(link.receive(&mut buffer, DurationNs(1_000)).unwrap(), None);
        assert_eq!(clock.now(), TimeNs(1_700));
        assert!(link.send(&[0; 2_000]).is_err());
    }
}
