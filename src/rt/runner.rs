//! The loop around the cycle: sleep until the next period, run, measure; bring the bus up when asked;
//! end in order. The same code runs on the real clock and on a virtual one.
//!
//! With distributed clocks the instants follow the reference clock of the segment ([`PhaseLock`]).
//! A period that was slept through is skipped and counted: cycles are never made up for in a burst.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use cellwright_model::job::UrgentWord;
use cellwright_model::{DurationNs, TimeNs};

use crate::bus::{Bus, BusFault};
use crate::clock::Clock;
use crate::cycle::Cycle;
use crate::histogram::{Histogram, Quantiles};
use crate::phase::PhaseLock;

/// Longest ordered stop: the slowest stop, the release of a drive, and some.
const WIND_DOWN_MAX: DurationNs = DurationNs::from_millis(5_000);

/// Ends the loop from another thread or a signal.
#[derive(Debug, Clone, Default)]
pub struct StopRequest(Arc<AtomicU8>);

impl StopRequest {
    /// Jerk-limited stop, drives off, bus down.
    pub fn stop(&self) {
        self.0.fetch_max(1, Ordering::AcqRel);
    }
    /// The same with the highest deceleration.
    pub fn abort(&self) {
        self.0.fetch_max(2, Ordering::AcqRel);
    }
    fn level(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }
}

/// What the loop measures; readable while it runs.
#[derive(Default)]
pub struct Statistics {
    /// From the instant asked for to running again.
    pub wake: Histogram,
    /// One cycle, its exchange included.
    pub exec: Histogram,
    /// The same without what a segment in this process took for itself: the cycle's own work, and on a wire its
    /// waiting for the frame.
    pub own: Histogram,
    /// From sending the frame to the end of the exchange.
    pub round_trip: Histogram,
    /// By how much a cycle's frame missed its instant at the reference clock, early or late, waking included;
    /// empty without distributed clocks.
    pub phase: Histogram,
    cycles: AtomicU64,
    missed: AtomicU64,
    clock_jumps: AtomicU64,
}

impl Statistics {
    /// Forgets what the histograms hold (after warm-up), not the counts. See [`Histogram::reset`].
    pub fn reset(&self) {
        [&self.wake, &self.exec, &self.own, &self.round_trip, &self.phase]
            .into_iter()
            .for_each(Histogram::reset);
    }
    /// Jumps of the reference clock.
    pub fn clock_jumps(&self) -> u64 {
        self.clock_jumps.load(Ordering::Relaxed)
    }
    /// Cycles run.
    pub fn cycles(&self) -> u64 {
        self.cycles.load(Ordering::Relaxed)
    }
    /// Periods of the wall without a cycle.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

/// Why the loop ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoopEnd {
    /// Asked to; every axis came to rest and every drive is off.
    Stopped,
    /// Asked to, and the ordered stop took longer than its bound: outputs went off all the same.
    StopTimedOut,
    /// A program error unwound to the root; outputs went to their defined off state.
    ProgramError {
        /// Message of the panic.
        message: String,
    },
}

/// What the loop was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoopReport {
    pub end: LoopEnd,
    pub cycles: u64,
    pub missed_cycles: u64,
    pub wake_ns: Quantiles,
    pub exec_ns: Quantiles,
    pub own_ns: Quantiles,
    pub round_trip_ns: Quantiles,
    /// See [`Statistics::phase`].
    pub phase_ns: Quantiles,
    pub clock_jumps: u64,
    /// What the bus said when it was taken down.
    pub shutdown: Result<(), BusFault>,
}

/// Owns cycle, bus and clock on one thread.
pub struct Runner<B: Bus, C: Clock> {
    cycle: Cycle,
    bus: B,
    clock: C,
    next: Option<TimeNs>,
    /// When the last cycle began.
    begun: TimeNs,
    lock: Option<PhaseLock>,
    bring_up_wanted: bool,
    /// What of the clock's stalls is counted.
    stalled: DurationNs,
    statistics: Arc<Statistics>,
}

impl<B: Bus, C: Clock> Runner<B, C> {
    /// Nothing runs yet. A bus that was lent (`&mut B`) is one too.
    pub fn new(cycle: Cycle, bus: B, clock: C) -> Runner<B, C> {
        let statistics = Arc::new(Statistics::default());
        let lock = cycle.timing().dc.map(|dc| PhaseLock::new(cycle.period(), dc.shift));
        let begun = clock.now();
        let stalled = clock.stalled();
        Runner { cycle, bus, clock, next: None, begun, lock, bring_up_wanted: false, stalled, statistics }
    }

    /// The measurements, to be read from any thread.
    pub fn statistics(&self) -> Arc<Statistics> {
        Arc::clone(&self.statistics)
    }

    pub fn cycle(&self) -> &Cycle {
        &self.cycle
    }

    pub fn bus(&mut self) -> &mut B {
        &mut self.bus
    }

    /// The bus, as it is.
    pub fn into_bus(self) -> B {
        self.bus
    }

    pub fn clock(&self) -> &C {
        &self.clock
    }

    /// Brings the bus up; see [`Cycle::arm`]. A failure is told to the controller as well.
    pub fn bring_up(&mut self) -> Result<(), BusFault> {
        self.bring_up_wanted = false;
        self.next = None;
        if let Some(lock) = &mut self.lock {
            lock.reset();
        }
        let armed = self.cycle.arm(&mut self.bus, &self.clock);
        // Periods that passed meanwhile are not missed ones.
        self.stalled = self.clock.stalled();
        armed
    }

    /// Sleeps until the next period and runs one cycle. `Err`: a program error; outputs are off, the bus
    /// is down, and the runner is of no further use.
    pub fn tick(&mut self) -> Result<(), String> {
        let period = self.cycle.period();
        let due = match self.next {
            Some(next) => next,
            None => self.first_instant(),
        };
        self.wait_until(due);
        let now = self.clock.now();
        self.count_stalls();
        let late = now.since(due);
        let missed = late.0 / period.0;
        if missed > 0 {
            self.cycle.note_missed(missed);
            self.statistics.missed.fetch_add(missed, Ordering::Relaxed);
        }
        self.next = Some(TimeNs(due.0 + (missed + 1) * period.0));
        if !self.clock.is_virtual() {
            self.statistics.wake.record(late.0);
        }
        self.once(now)?;
        self.follow_reference(due, missed + 1);
        Ok(())
    }

    /// Whole periods of the wall that a machine in this process stood still with it.
    fn count_stalls(&mut self) {
        let period = self.cycle.period();
        let periods = (self.clock.stalled().0 - self.stalled.0) / period.0;
        if periods > 0 {
            self.stalled.0 += periods * period.0;
            self.cycle.note_stalled(periods);
            self.statistics.missed.fetch_add(periods, Ordering::Relaxed);
        }
    }

    /// A period from now, moved to where its frame passes the reference clock at its instant.
    fn first_instant(&self) -> TimeNs {
        let earliest = self.clock.now() + self.cycle.period();
        self.lock.as_ref().map_or(earliest, |lock| lock.first(earliest, self.bus.reference()))
    }

    /// Moves the next instant by what the reference clock says of this one. After a bring-up there is none.
    fn follow_reference(&mut self, due: TimeNs, periods: u64) {
        let (Some(lock), Some(next)) = (&mut self.lock, &mut self.next) else { return };
        // A reading of an earlier exchange says nothing of this one.
        let reference = self.bus.reference().filter(|r| r.sent >= due);
        if let Some(reference) = &reference {
            self.statistics.phase.record(lock.missed_by(reference));
        }
        let step = lock.step(due, reference, periods);
        *next = TimeNs(next.0.saturating_add_signed(step.correction_ns));
        self.statistics.clock_jumps.fetch_add(u64::from(step.jumped), Ordering::Relaxed);
    }

    /// When the last cycle began, or ended in a bring-up.
    pub fn begun(&self) -> TimeNs {
        self.begun
    }

    /// Asleep to shortly before the instant, the rest by asking the clock.
    fn wait_until(&self, due: TimeNs) {
        let spin = self.cycle.timing().spin;
        self.clock.sleep_until(TimeNs(due.0.saturating_sub(spin.0)));
        if spin > DurationNs(0) {
            self.clock.spin_until(due);
        }
    }

    /// One cycle at `now`, and a bring-up before it if the controller asks for one and nothing moves.
    pub fn once(&mut self, now: TimeNs) -> Result<(), String> {
        self.bring_up_wanted |= self.cycle.bring_up.take_request();
        if self.bring_up_wanted && (!self.cycle.operational() || self.cycle.at_rest()) {
            // The fault has gone to the controller; the cycle goes on without a bus.
            let _told = self.bring_up();
            self.begun = self.clock.now();
            return Ok(());
        }
        self.begun = now;
        let (cycle, bus) = (&mut self.cycle, &mut self.bus);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| cycle.run(bus, now))) {
            return Err(self.program_error(panic));
        }
        self.statistics.cycles.fetch_add(1, Ordering::Relaxed);
        if !self.clock.is_virtual() {
            let took = self.clock.now().since(now);
            self.statistics.exec.record(took.0);
            self.statistics.own.record(took.0.saturating_sub(self.bus.simulated().0));
            self.statistics.round_trip.record(self.cycle.round_trip().0);
        }
        Ok(())
    }

    /// Runs until asked to stop, or until a program error. Then outputs are in their defined off state.
    pub fn run(&mut self, stop: &StopRequest) -> LoopReport {
        let end = self.run_until(stop);
        let shutdown = match end {
            LoopEnd::ProgramError { .. } => Ok(()),
            _ => self.shut_down(),
        };
        LoopReport {
            end,
            cycles: self.statistics.cycles(),
            missed_cycles: self.statistics.missed(),
            wake_ns: self.statistics.wake.quantiles(),
            exec_ns: self.statistics.exec.quantiles(),
            own_ns: self.statistics.own.quantiles(),
            round_trip_ns: self.statistics.round_trip.quantiles(),
            phase_ns: self.statistics.phase.quantiles(),
            clock_jumps: self.statistics.clock_jumps(),
            shutdown,
        }
    }

    fn run_until(&mut self, stop: &StopRequest) -> LoopEnd {
        while stop.level() == 0 {
            if let Err(message) = self.tick() {
                return LoopEnd::ProgramError { message };
            }
        }
        match self.wind_down(stop) {
            Ok(true) => LoopEnd::Stopped,
            Ok(false) => LoopEnd::StopTimedOut,
            Err(message) => LoopEnd::ProgramError { message },
        }
    }

    /// Stop to rest, then drives off. `Ok(false)`: not within its bound.
    fn wind_down(&mut self, stop: &StopRequest) -> Result<bool, String> {
        let until = self.clock.now() + WIND_DOWN_MAX;
        self.cycle.winding_down = true;
        self.cycle.apply(UrgentWord::Stop);
        while self.cycle.operational()
            && stop.level() < 2
            && !self.cycle.at_rest()
            && self.clock.now() < until
        {
            self.tick()?;
        }
        self.cycle.apply(UrgentWord::Abort);
        while self.cycle.operational() && self.clock.now() < until {
            self.tick()?;
            if self.cycle.at_rest() {
                return Ok(true);
            }
        }
        Ok(!self.cycle.operational())
    }

    /// Outputs to their defined off state, a last exchange, bus down. For the end of a simulation, too.
    pub fn shut_down(&mut self) -> Result<(), BusFault> {
        self.cycle.outputs_off();
        self.cycle.exchange_once(&mut self.bus, &self.clock);
        self.cycle.armed = false;
        let down = self.bus.shutdown();
        self.cycle.publish(&self.bus, self.clock.now());
        down
    }

    /// House rule 4: outputs off, last record; each part on its own, since any may be what is broken. If
    /// even that fails, the SyncManager watchdogs do it.
    fn program_error(&mut self, panic: Box<dyn std::any::Any + Send>) -> String {
        let (cycle, bus, clock) = (&mut self.cycle, &mut self.bus, &self.clock);
        let off = catch_unwind(AssertUnwindSafe(|| {
            cycle.outputs_off();
            cycle.exchange_once(bus, clock);
        }));
        let told = catch_unwind(AssertUnwindSafe(|| cycle.tell_program_error()));
        let down = catch_unwind(AssertUnwindSafe(|| bus.shutdown()));
        let mut message = text_of(&*panic);
        for (what, result) in
            [("outputs off", off.is_ok()), ("event", told.is_ok()), ("bus down", down.is_ok())]
        {
            if !result {
                message.push_str("; then this failed, too: ");
                message.push_str(what);
            }
        }
        message
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}
