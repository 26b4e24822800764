//! A fault plan at work, between the main device's frames and the world.
//!
//! ```text
//!  MainDevice ─▶ held ─▶ lost ─▶ damaged ─▶ Segment::process ─▶ lost ─▶ damaged ─▶ twice, late, held ─▶ MainDevice
//!                                              ▲ power, links, clocks, drives, inputs: begun and mended by time
//! ```
//! What was held on its way there strikes no other fault when it goes on. In process and on a network interface the same: [`World`](crate::world::World) owns it, and a plan's moments are
//! told by the machine, so that it strikes the same motion at any speed.

mod moment;
mod queue;
mod strike;

use cellwright_model::cell::Cell;
use cellwright_model::faults::{Fault, FaultEntry, FaultMoment, FaultPlan, Lasts, Way};
use cellwright_model::{DurationNs, TimeNs};

use crate::plant::{Injection, Plant};
use crate::segment::{Processed, Segment};

use moment::Watch;
use queue::{FRAME_BYTES, Queue};
use strike::Strikes;

/// How far an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// For its moment.
    Waiting,
    Due(TimeNs),
    /// Frames left, if it strikes so many.
    Active(Option<u32>),
    Over,
}

struct Entry {
    spec: FaultEntry,
    watch: Watch,
    state: State,
    until: Option<TimeNs>,
    /// When it first did something.
    struck: Option<TimeNs>,
}

/// The machine that faults reach into.
pub(crate) struct Machine<'w> {
    pub(crate) segment: &'w mut Segment,
    pub(crate) plant: &'w mut Plant,
}

/// See the module text. Nothing in it allocates once it is made, unless a test strikes with one fault more.
pub struct Faults {
    entries: Vec<Entry>,
    seed: u64,
    /// Frames of the main device so far: the number of a draw.
    frames: u64,
    now: TimeNs,
    operational: bool,
    queue: Queue,
    scratch: Box<[u8; FRAME_BYTES]>,
}

impl Faults {
    /// `plan` for the machine of `cell`, at power-up.
    pub fn new(plan: &FaultPlan, cell: &Cell) -> Faults {
        let entry = |spec: &FaultEntry| Entry::new(*spec, Watch::new(spec.at, cell));
        Faults {
            entries: plan.entries.iter().map(entry).collect(),
            seed: plan.seed,
            frames: 0,
            now: TimeNs(0),
            operational: false,
            queue: Queue::new(),
            scratch: Box::new([0; FRAME_BYTES]),
        }
    }

    /// One fault more, from now on, whatever its moment says: for a test in process, whose moment is a step.
    pub(crate) fn strike(&mut self, spec: FaultEntry, cell: &Cell) {
        let spec = FaultEntry { at: FaultMoment::PowerOn, ..spec };
        self.entries.push(Entry::new(spec, Watch::new(spec.at, cell)));
    }

    /// When the first fault of the plan did something; `None` as long as none has.
    pub fn struck(&self) -> Option<TimeNs> {
        self.entries.iter().filter_map(|e| e.struck).min()
    }

    /// Every fault has begun and ended, or lasts for good.
    pub fn spent(&self) -> bool {
        let lasting = |e: &Entry| e.spec.lasts == Lasts::Ever && matches!(e.state, State::Active(_));
        self.entries.iter().all(|e| e.state == State::Over || lasting(e))
    }

    /// Frames that waited where there was no room for them, and are lost.
    pub fn overflowed(&self) -> u64 {
        self.queue.overflowed
    }

    /// Ends every fault at once, and begins none any more. Frames that are held are still on their way until their time.
    pub(crate) fn mend(&mut self, m: &mut Machine<'_>) {
        for entry in &mut self.entries {
            if matches!(entry.state, State::Active(_)) {
                ends(&entry.spec.fault, m);
            }
            entry.state = State::Over;
        }
    }

    /// Begins and ends what is due, and lets frames go on that were held on their way there.
    pub(crate) fn pass(&mut self, m: &mut Machine<'_>, now: TimeNs) {
        self.now = self.now.max(now);
        let now = self.now;
        self.operational |= m.segment.all_operational();
        for entry in &mut self.entries {
            entry.pass(m, now, self.operational);
        }
        while let Some((len, _)) = self.queue.take(Way::There, now, &mut self.scratch[..]) {
            if let Processed::Returned { round_trip_ns } = m.segment.process(&mut self.scratch[..len], now) {
                self.queue.put(Way::Back, &self.scratch[..len], now + DurationNs(round_trip_ns));
            }
        }
    }

    /// A frame of the main device, in place. The time until it is back; `None` if it does not come back now.
    pub(crate) fn frame(&mut self, m: &mut Machine<'_>, frame: &mut [u8], now: TimeNs) -> Option<DurationNs> {
        self.pass(m, now);
        let now = self.now;
        let strikes = self.strikes();
        self.frames += 1;
        if let Some(until) = strikes.held_there {
            self.queue.put(Way::There, frame, until);
            return None;
        }
        if strikes.lost_there {
            return None;
        }
        if let Some(position) = strikes.broken_before {
            // A frame that does not come so far comes back whole.
            return match m.segment.process_damaged(frame, now, position) {
                Processed::Returned { round_trip_ns } => Some(DurationNs(round_trip_ns)),
                Processed::Dropped(_) => None,
            };
        }
        let damaged =
            strikes.damage_there.map(|draw| strike::damage(frame, Way::There, draw, &mut self.scratch));
        let done = match damaged {
            Some(len) => m.segment.process(&mut self.scratch[..len], now),
            None => m.segment.process(frame, now),
        };
        let Processed::Returned { round_trip_ns } = done else { return None };
        if strikes.lost_back {
            return None;
        }
        let back = now + DurationNs(round_trip_ns);
        if damaged.is_none() && !strikes.detained() {
            return Some(DurationNs(round_trip_ns));
        }
        let len = match (damaged, strikes.damage_back) {
            (Some(len), _) => len,
            (None, Some(draw)) => strike::damage(frame, Way::Back, draw, &mut self.scratch),
            (None, None) => {
                let len = frame.len().min(FRAME_BYTES);
                self.scratch[..len].copy_from_slice(&frame[..len]);
                len
            }
        };
        let due = strikes.held_back.map_or(back + strikes.late_by, |until| until.max(back));
        for _ in 0..if strikes.twice { 2 } else { 1 } {
            self.queue.put(Way::Back, &self.scratch[..len], due);
        }
        None
    }

    /// What strikes the frame at hand; entries that strike so many count it.
    fn strikes(&mut self) -> Strikes {
        let mut strikes = Strikes::default();
        let (seed, frame, now) = (self.seed, self.frames, self.now);
        for (i, entry) in self.entries.iter_mut().enumerate() {
            let State::Active(left) = entry.state else { continue };
            if !strikes.add(&entry.spec.fault, entry.until, (seed, frame, i as u64)) {
                continue;
            }
            entry.struck.get_or_insert(now);
            if let Some(left) = left {
                entry.state = if left > 1 { State::Active(Some(left - 1)) } else { State::Over };
            }
        }
        strikes
    }

    /// When the next frame comes back that [`Faults::frame`] did not give, or may.
    pub(crate) fn next_reply(&self) -> Option<TimeNs> {
        [Way::There, Way::Back].into_iter().filter_map(|way| self.queue.next(way)).min()
    }

    /// A frame that is back by `now`, into `buffer`, and its length.
    pub(crate) fn take_reply(
        &mut self,
        m: &mut Machine<'_>,
        now: TimeNs,
        buffer: &mut [u8],
    ) -> Option<usize> {
        self.pass(m, now);
        self.queue.take(Way::Back, self.now, buffer).map(|(len, _)| len)
    }
}

impl Entry {
    fn new(spec: FaultEntry, watch: Watch) -> Entry {
        Entry { spec, watch, state: State::Waiting, until: None, struck: None }
    }

    fn pass(&mut self, m: &mut Machine<'_>, now: TimeNs, operational: bool) {
        if self.state == State::Waiting && self.watch.has_come(m, operational) {
            self.state = State::Due(now + self.spec.wait);
        }
        if let State::Due(at) = self.state
            && now >= at
        {
            self.until = match self.spec.lasts {
                Lasts::Time(time) => Some(now + time),
                Lasts::Ever | Lasts::Frames(_) => None,
            };
            let frames = match self.spec.lasts {
                Lasts::Frames(frames) => Some(frames),
                Lasts::Ever | Lasts::Time(_) => None,
            };
            self.state = State::Active(frames);
            if begins(&self.spec.fault, m) {
                self.struck = Some(now);
            }
        }
        if matches!(self.state, State::Active(_)) && self.until.is_some_and(|until| now >= until) {
            ends(&self.spec.fault, m);
            self.state = State::Over;
        }
    }
}

/// Does what a fault does once; false for one that strikes frames.
fn begins(fault: &Fault, m: &mut Machine<'_>) -> bool {
    match *fault {
        Fault::Drop { .. }
        | Fault::Late { .. }
        | Fault::Duplicate { .. }
        | Fault::BadFcs { .. }
        | Fault::Damage { .. }
        | Fault::Stall { .. } => return false,
        Fault::Mute { position } => m.segment.set_mute(position, true),
        Fault::Link { position, port } => m.segment.set_link(position, port, false),
        Fault::Power { position } => m.segment.set_power(position, false),
        Fault::Clock { position, jump_ns, drift_ppb } => {
            m.segment.disturb_clock(position, jump_ns, drift_ppb);
        }
        Fault::Watchdog { position } => m.segment.expire_watchdog(position),
        Fault::Input { input, level } => {
            m.plant.inject(Injection::InputStuck { input, level: Some(level) });
        }
        Fault::WireBreak { analog } => m.plant.inject(Injection::WireBreak { analog, broken: true }),
        Fault::DriveFault { axis, code } => m.plant.inject(Injection::DriveFault { axis, code }),
        Fault::Emergency { axis, code } => m.plant.inject(Injection::Emergency { axis, code }),
        Fault::Load { axis, effort } => m.plant.inject(Injection::AddedLoad { axis, effort }),
        Fault::Encoder { axis, by_au } => m.plant.inject(Injection::EncoderJump { axis, by_au }),
    }
    true
}

/// Mends what can be mended: a fault of a drive is reset by the main device, an encoder that has jumped stays so.
fn ends(fault: &Fault, m: &mut Machine<'_>) {
    match *fault {
        Fault::Mute { position } => m.segment.set_mute(position, false),
        Fault::Link { position, port } => m.segment.set_link(position, port, true),
        Fault::Power { position } => m.segment.set_power(position, true),
        Fault::Clock { position, .. } => m.segment.disturb_clock(position, 0, 0),
        Fault::Input { input, .. } => m.plant.inject(Injection::InputStuck { input, level: None }),
        Fault::WireBreak { analog } => m.plant.inject(Injection::WireBreak { analog, broken: false }),
        Fault::Load { axis, .. } => m.plant.inject(Injection::AddedLoad { axis, effort: 0.0 }),
        _ => {}
    }
}
