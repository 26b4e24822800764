//! The cycle alone, without station and recipe: over servo axes in this process that move to and fro, or over a
//! segment on an interface with every drive off.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cellwright_bus::{InProcessLink, Link, with_bus};
use cellwright_model::cell::Cell;
use cellwright_model::job::{RtCommand, RtEventKind, RtOp};
use cellwright_model::timing::{DistributedClocks, Timing};
use cellwright_model::{AxisId, DurationNs, JobId};
use cellwright_rt::bus::Bus;
use cellwright_rt::clock::{Clock, MonotonicClock};
use cellwright_rt::platform::{self, RealTime};
use cellwright_rt::{ControllerEnds, Cycle, RtEnds, Runner, StopRequest};
use cellwright_sim::axes::{self, AxesSegment};
use cellwright_sim::{read_machine, wiring};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::figures::{self, BringUp, Figures, Measured};
use crate::cli::alloc::allocations_of_this_thread;
use crate::cli::args::BenchArgs;
use crate::cli::out::errln;
use crate::cli::running_cycle::last_core;
use crate::cli::session::open_socket;
use crate::cli::{Failure, shown};

/// Cycles before anything is counted: every axis is enabled and moves, the clocks have settled.
const WARM_UP: DurationNs = DurationNs::from_millis(1_000);
/// Measured if nothing is said.
const SECONDS: u64 = 10;
/// Between two looks at what the axes have done.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Where the frame stands in the cycle of axes in this process: as in the embedded cell.
const SHIFT_SHARE: (u64, u64) = (3, 10);
/// Ends of the way of each axis, and its speed, as shares of what its description allows.
const WAY: (f64, f64) = (0.1, 0.9);
const SPEED: f64 = 0.8;

/// A cycle, and what it is to do.
struct Wanted {
    what: String,
    cell: Cell,
    link: Box<dyn Link + Send>,
    link_name: String,
    cycles: u64,
    moves: bool,
    core: Option<usize>,
}

/// What the real-time thread counted.
struct Counted {
    bring_up: BringUp,
    cycles: u64,
    missed: u64,
    wkc_errors: u64,
    allocations: u64,
    page_faults: u64,
    clock_jumps: u64,
    measured: Vec<Measured>,
}

/// `--axes N`.
pub(super) fn axes(args: &BenchArgs, count: u16) -> Result<ExitCode, Failure> {
    let model = shown(read_machine(args.cell.cell.as_deref()))?.cell;
    let period = args.cycle.unwrap_or(model.cycle);
    let shift = DurationNs(period.0 / SHIFT_SHARE.1 * SHIFT_SHARE.0);
    let realtime = Timing { dc: Some(DistributedClocks { sync0: period, shift }), ..Timing::default() };
    let none = || Failure::Failed("the cell has no axis to take for a pattern".to_owned());
    let mut cell = Arc::new(axes::cell(&model, count, period, realtime).ok_or_else(none)?);
    args.timing.apply(&mut cell)?;
    let segment = AxesSegment::new(&cell, Box::new(|_| {}))?;
    measure(
        args,
        Wanted {
            what: format!("{count} axes in this process"),
            link: Box::new(InProcessLink::new(segment, MonotonicClock)),
            link_name: "axes".to_owned(),
            cycles: cycles(args, period),
            moves: true,
            core: args.rt_core,
            cell: Arc::unwrap_or_clone(cell),
        },
    )
}

/// `--bus IFACE`: the segment of the cell file, in OP, every drive off.
pub(super) fn on_bus(args: &BenchArgs, interface: &str) -> Result<ExitCode, Failure> {
    let mut cell = shown(read_machine(args.cell.cell.as_deref()))?.cell;
    args.timing.apply(&mut cell)?;
    let link = open_socket(interface, cell.realtime.receive)?;
    let cycles = cycles(args, cell.cycle);
    measure(
        args,
        Wanted {
            what: format!("the segment on {interface}, drives off"),
            link,
            link_name: interface.to_owned(),
            cycles,
            moves: false,
            core: args.rt_core,
            cell: Arc::unwrap_or_clone(cell),
        },
    )
}

fn cycles(args: &BenchArgs, period: DurationNs) -> u64 {
    let of = |seconds: u64| seconds * 1_000_000_000 / period.0.max(1);
    args.cycles.unwrap_or_else(|| of(args.seconds.map_or(SECONDS, u64::from)))
}

fn measure(args: &BenchArgs, wanted: Wanted) -> Result<ExitCode, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    let (ends, mut controller) = cellwright_rt::link();
    let (what, period, moves) = (wanted.what.clone(), wanted.cell.cycle, wanted.moves);
    let mut motion = Motion::of(&wanted.cell);
    let real_time = RealTime { cpu: wanted.core.or_else(last_core), ..RealTime::default() };
    let ended = stop.clone();
    let thread = platform::spawn("cycle", real_time, move |warnings| {
        warnings.iter().for_each(|w| errln!("warning: {w}"));
        run(wanted, ends, &ended)
    })?;
    while !thread.is_finished() {
        if moves {
            motion.look(&mut controller);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let counted = thread.join().map_err(|_| {
        Failure::Failed(
            "the real-time thread ended by a program error; the watchdogs took its outputs off".to_owned(),
        )
    })??;
    let figures = Figures {
        what,
        period,
        cycles: counted.cycles,
        missed: counted.missed,
        wkc_errors: counted.wkc_errors,
        allocations: counted.allocations,
        page_faults: counted.page_faults,
        clock_jumps: counted.clock_jumps,
        measured: counted.measured,
        bring_up: Some(counted.bring_up),
    };
    figures.tell(args.json, args.svg.as_deref())?;
    if let Some(fault) = &motion.fault {
        errln!("cellwright: an axis did not move as it was told: {fault}");
    }
    let complete = !stop.load(Ordering::Relaxed) && motion.fault.is_none() && (!moves || motion.done > 0);
    Ok(figures::status(complete))
}

/// On the real-time thread: up, warm, measured, down.
fn run(wanted: Wanted, ends: RtEnds, stop: &AtomicBool) -> Result<Counted, Failure> {
    let Wanted { cell, link, link_name, cycles, .. } = wanted;
    let cycle = Cycle::new(&cell, wiring::drivers(&cell), ends)?;
    let config = wiring::bus_config(&cell, &link_name);
    with_bus(link, MonotonicClock, config, |bus| {
        let mut runner = Runner::new(cycle, bus, MonotonicClock);
        let begun = MonotonicClock.now();
        runner.bring_up()?;
        let took = MonotonicClock.now().since(begun);
        let bring_up = BringUp { took, stages: runner.bus().stages().to_vec() };
        let statistics = runner.statistics();
        let mut ticks = |n: u64| {
            (0..n)
                .take_while(|_| !stop.load(Ordering::Relaxed))
                .try_for_each(|_| runner.tick())
                .map(|()| (statistics.cycles(), statistics.missed(), runner.bus().counters().wkc_errors))
                .map_err(Failure::Failed)
        };
        let before = ticks(WARM_UP.0 / cell.cycle.0.max(1))?;
        statistics.reset();
        let (allocated, faulted) = (allocations_of_this_thread(), platform::page_faults());
        let after = ticks(cycles)?;
        let (allocations, page_faults) =
            (allocations_of_this_thread() - allocated, platform::page_faults() - faulted);
        let counted = Counted {
            bring_up,
            cycles: after.0 - before.0,
            missed: after.1 - before.1,
            wkc_errors: after.2 - before.2,
            allocations,
            page_faults,
            clock_jumps: statistics.clock_jumps(),
            measured: figures::measured(&statistics),
        };
        // What is measured ends here; the way down is another thing.
        let down = StopRequest::default();
        down.stop();
        runner.run(&down);
        Ok(counted)
    })
}

/// Every axis to and fro, for ever.
struct Motion {
    /// Ends of each way, and the speed, in au.
    ways: Vec<(f64, f64, f64)>,
    enabled: bool,
    asked: bool,
    next_job: u32,
    /// Which axis a job is of, by its number.
    jobs: Vec<(JobId, usize)>,
    forth: Vec<bool>,
    done: u64,
    fault: Option<String>,
}

impl Motion {
    fn of(cell: &Cell) -> Motion {
        let way = |a: &cellwright_model::cell::Axis| {
            let at = |share: f64| a.travel_lo_au + share * (a.travel_hi_au - a.travel_lo_au);
            (at(WAY.0), at(WAY.1), a.velocity_max * SPEED)
        };
        Motion {
            ways: cell.axes.iter().map(way).collect(),
            enabled: false,
            asked: false,
            next_job: 1,
            jobs: Vec::new(),
            forth: vec![false; cell.axes.len()],
            done: 0,
            fault: None,
        }
    }

    /// Takes what the cycle has told, and asks for what comes next.
    fn look(&mut self, ends: &mut ControllerEnds) {
        if !ends.status().bus.operational {
            return;
        }
        if !self.asked {
            self.asked = true;
            let axes = u64::MAX >> (64 - self.ways.len().clamp(1, 64));
            self.ask(ends, RtOp::Enable { axes });
        }
        while let Some(event) = ends.next_event() {
            let axis = self.jobs.iter().position(|(job, _)| *job == event.job);
            let axis = axis.map(|at| (at, self.jobs[at].1));
            match (event.kind, axis) {
                (RtEventKind::Accepted, _) => {}
                (RtEventKind::Done(_), Some((at, axis))) => {
                    self.jobs.swap_remove(at);
                    self.done += 1;
                    self.move_on(ends, axis);
                }
                (RtEventKind::Done(_), None) if !self.enabled => {
                    self.enabled = true;
                    (0..self.ways.len()).for_each(|axis| self.move_on(ends, axis));
                }
                // The way down stops what moves.
                (RtEventKind::Stopped { .. }, _) => {}
                (other, _) => self.fault = Some(format!("{other:?}")),
            }
        }
    }

    fn move_on(&mut self, ends: &mut ControllerEnds, axis: usize) {
        self.forth[axis] = !self.forth[axis];
        let (back, forth, velocity_au_s) = self.ways[axis];
        let target_au = if self.forth[axis] { forth } else { back };
        let job = self.ask(ends, RtOp::MoveTo { axis: AxisId(axis as u16), target_au, velocity_au_s });
        self.jobs.push((job, axis));
    }

    fn ask(&mut self, ends: &mut ControllerEnds, op: RtOp) -> JobId {
        let job = JobId(self.next_job);
        self.next_job += 1;
        if ends.send(RtCommand { job, op }).is_err() {
            self.fault = Some("the cycle takes no commands".to_owned());
        }
        job
    }
}
