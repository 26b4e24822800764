//! The real-time thread of a run.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use cellwright_bus::{BusConfig, Link, with_bus};
use cellwright_model::cell::Cell;
use cellwright_rt::bus::{Bus, BusCounters};
use cellwright_rt::clock::{Clock, MonotonicClock, PacedClock};
use cellwright_rt::platform::{self, PlatformWarning, RealTime};
use cellwright_rt::{Cycle, LoopReport, RtEnds, Runner, Statistics, StopRequest};
use cellwright_sim::wiring;

use super::Failure;

pub(super) type BoxLink = Box<dyn Link + Send>;

/// The real-time thread: owns bus and cycle.
pub(super) struct RunningCycle {
    thread: JoinHandle<(LoopReport, BusCounters)>,
    pub(super) warnings: Vec<PlatformWarning>,
    pub(super) statistics: Option<Arc<Statistics>>,
}

impl RunningCycle {
    pub(super) fn start(
        cell: &Cell,
        ends: RtEnds,
        (link, link_name, paced): (BoxLink, &str, Option<PacedClock>),
        core: Option<usize>,
        stop: &StopRequest,
    ) -> Result<RunningCycle, Failure> {
        let cycle = Cycle::new(cell, wiring::drivers(cell), ends)?;
        let config = wiring::bus_config(cell, link_name);
        let wanted = RealTime { cpu: core.or_else(last_core), ..RealTime::default() };
        let (said, warnings) = std::sync::mpsc::sync_channel(1);
        let (measures, statistics) = std::sync::mpsc::sync_channel(1);
        let stop = stop.clone();
        let thread = platform::spawn("cycle", wanted, move |refused| {
            // Nobody waits for it any more: then the program is ending already.
            let _ = said.send(refused);
            match paced {
                Some(clock) => run_cycle((cycle, link, config), clock, &measures, &stop),
                None => run_cycle((cycle, link, config), MonotonicClock, &measures, &stop),
            }
        })?;
        let warnings = warnings.recv().unwrap_or_default();
        Ok(RunningCycle { thread, warnings, statistics: statistics.recv().ok() })
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    pub(super) fn join(self) -> Result<(LoopReport, BusCounters), Failure> {
        self.thread.join().map_err(|_| {
            Failure::Failed(
                "the real-time thread ended by a program error; the watchdogs of the segment took its outputs off"
                    .to_owned(),
            )
        })
    }
}

fn run_cycle<C: Clock + Clone>(
    (cycle, link, config): (Cycle, BoxLink, BusConfig),
    clock: C,
    measures: &SyncSender<Arc<Statistics>>,
    stop: &StopRequest,
) -> (LoopReport, BusCounters) {
    with_bus(link, clock.clone(), config, |bus| {
        let mut runner = Runner::new(cycle, bus, clock);
        let _ = measures.send(runner.statistics());
        // A failure reaches the controller, which says it and tries again at Clear.
        let _told = runner.bring_up();
        let report = runner.run(stop);
        (report, runner.bus().counters())
    })
}

/// The machine's last core: the first one serves most interrupts. With one core there is no choice.
pub(crate) fn last_core() -> Option<usize> {
    std::thread::available_parallelism().ok().map(|n| n.get() - 1).filter(|&core| core > 0)
}
