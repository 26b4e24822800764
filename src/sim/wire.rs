//! The world as the segment at the far end of a wire: it answers frames as they come, and is moved by the
//! time that passes between them.
//!
//! The segment has a time of its own. It follows the clock but for stalls of the twin itself, of which at
//! most [`CATCH_UP_MAX_NS`] are made up: for the rest the whole machine, watchdogs included, has stood still.

use cellwright_model::{DurationNs, TimeNs};
use cellwright_twin::faults::Faults;
use cellwright_twin::segment::SegmentCounters;
use cellwright_twin::world::{CATCH_UP_MAX_NS, World};

/// Longest Ethernet frame without its check sequence; a SubDevice destroys a longer one (ETG.1000.4,
/// clause 5.3).
pub const FRAME_BYTES_MAX: usize = 1514;

/// Frames and time since the segment was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WireCounters {
    /// Frames that ran through the segment and left it; what a fault plan does to them behind it is not counted here.
    pub answered: u64,
    /// Frames that no SubDevice sends back: too long, not well-formed.
    pub malformed: u64,
    /// Well-formed frames that met a first SubDevice without power.
    pub no_link: u64,
    /// SubDevices that fell out of OP because outputs stayed away.
    pub watchdog_trips: u64,
    /// Time for which the machine stood still because the twin did, in nanoseconds.
    pub stood_still_ns: u64,
    /// Frames that a fault plan held back where there was no room for them: lost.
    pub overflowed: u64,
}

/// See the module text.
pub struct WireSegment {
    world: World,
    /// Of the clock, when the world was moved last.
    clock: TimeNs,
    /// Of the segment.
    time: TimeNs,
    too_long: u64,
}

/// What the clock of a SubDevice shows at power-up of the segment, and its drift in parts per billion: no two are
/// alike, as on a real wire; quartzes are within 50 ppm.
fn local_clock(position: usize) -> (u64, i32) {
    let n = position as u64 + 1;
    (n * 1_234_567_891, (n * 17_377 % 100_001) as i32 - 50_000)
}

impl WireSegment {
    /// A segment at power-up; `now` of the clock that it will be told.
    pub fn new(mut world: World, now: TimeNs) -> WireSegment {
        for position in 0..world.segment().len() {
            let (phase_ns, drift_ppb) = local_clock(position);
            world.set_clock(position, phase_ns, drift_ppb);
        }
        WireSegment { world, clock: now, time: now, too_long: 0 }
    }

    /// Moves the machine to `now`: to be called before each frame, and at least every few milliseconds.
    pub fn pass(&mut self, now: TimeNs) {
        let elapsed = now.since(self.clock).0;
        self.clock = self.clock.max(now);
        self.time = TimeNs(self.time.0.saturating_add(elapsed.min(CATCH_UP_MAX_NS)));
        self.world.advance(self.time, elapsed);
    }

    /// Lets a frame run through the segment, in place. False: nothing comes back.
    pub fn answer(&mut self, frame: &mut [u8]) -> bool {
        if frame.len() > FRAME_BYTES_MAX {
            self.too_long += 1;
            return false;
        }
        self.world.process(frame, self.time).is_some()
    }

    /// How long to wait for a frame at `now` at the most, so that a reply that is on its way longer is not late.
    pub fn patience(&self, now: TimeNs, longest: DurationNs) -> DurationNs {
        let due = self.world.next_reply().map(|due| self.clock + due.since(self.time));
        due.map_or(longest, |due| due.since(now).min(longest))
    }

    /// A reply that was on its way longer, or comes twice, into `buffer`, and its length: to be asked for until there
    /// is none, after each [`WireSegment::pass`].
    pub fn reply(&mut self, buffer: &mut [u8]) -> Option<usize> {
        self.world.take_reply(self.time, buffer)
    }

    /// When the first fault of the plan did something, by the clock.
    pub fn struck(&self) -> Option<TimeNs> {
        let struck = self.world.faults()?.struck()?;
        Some(TimeNs(self.clock.0.saturating_sub(self.time.since(struck).0)))
    }

    /// The machine, to look at.
    pub fn world(&self) -> &World {
        &self.world
    }

    pub fn counters(&self) -> WireCounters {
        let SegmentCounters { returned, malformed, no_link, watchdog_trips, .. } =
            self.world.segment().counters();
        WireCounters {
            answered: returned,
            malformed: malformed + self.too_long,
            no_link,
            watchdog_trips,
            stood_still_ns: self.world.not_made_up_ns(),
            overflowed: self.world.faults().map_or(0, Faults::overflowed),
        }
    }
}
