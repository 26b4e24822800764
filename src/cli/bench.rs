//! `cellwright bench`: what the cycle needs in real time: wake-up, execution, round trip, phase; allocations and
//! page faults of the real-time thread after some time to warm up. Over whole units of a recipe, over servo axes
//! alone, or over a segment on an interface.

mod alone;
mod chart;
mod figures;
mod plot;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use cellwright_model::event::EventData;
use cellwright_rt::Statistics;
use cellwright_sim::read_machine;
use cellwright_station::{End, Told};

use super::args::{BenchArgs, OrderArgs, Robots, RunArgs};
use super::out::errln;
use super::pulse::{Pulse, PulseReading};
use super::session::{self, Started, Watcher};
use super::{Failure, progress, ros2, shown};
use figures::Figures;
pub(crate) use figures::quantiles;

/// Reads the pulse of the cycle when the warm-up unit ends, and when the last one does.
#[derive(Default)]
struct Bench {
    pulse: Pulse,
    ended: u32,
    warm: PulseReading,
    last: PulseReading,
    statistics: Option<Arc<Statistics>>,
}

impl Watcher for Bench {
    fn started(&mut self, started: Started<'_>) {
        for warning in started.warnings {
            errln!("warning: {warning}");
        }
        self.pulse = started.pulse.clone();
        self.statistics = started.statistics;
    }

    fn told(&mut self, told: &Told<'_>) {
        match told {
            Told::Event(event) if matches!(event.draft.data, EventData::UnitResult(_)) => {
                self.last = self.pulse.read();
                if self.ended == 0 {
                    self.warm = self.last;
                }
                self.ended += 1;
            }
            Told::Alarm(alarm) => errln!("{}", progress::alarm(alarm)),
            _ => {}
        }
    }
}

pub(crate) fn run(args: BenchArgs) -> Result<ExitCode, Failure> {
    match (args.axes, &args.bus) {
        (Some(count), _) => beside_cobots(&args, || alone::axes(&args, count)),
        (None, Some(interface)) => beside_cobots(&args, || alone::on_bus(&args, interface)),
        (None, None) => units(&args),
    }
}

/// With `--robots ros2` every cobot is heard from before the cycle begins until it has ended.
fn beside_cobots(
    args: &BenchArgs,
    measure: impl FnOnce() -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    if args.robots == Robots::Twin {
        return measure();
    }
    let cell = shown(read_machine(args.cell.cell.as_deref()))?.cell;
    let cobots = ros2::connect(&cell, false)?;
    let measured = cobots.connection.heard().and_then(|()| measure());
    let heard = cobots.connection.heard();
    cobots.connection.end().map_err(Failure::Failed)?;
    // Figures of a time in which one was silent would be those of another thing.
    measured.and_then(|status| heard.map(|()| status))
}

/// Whole units of the recipe on the twin in this process.
fn units(args: &BenchArgs) -> Result<ExitCode, Failure> {
    let state = Scratch::new()?;
    let run_args = RunArgs {
        cell: args.cell.clone(),
        order: OrderArgs::default(),
        state: Some(state.0.clone()),
        store: None,
        units: args.units + 1,
        seed: args.seed,
        bus: "twin".to_owned(),
        twin: None,
        faults: None,
        robots: args.robots,
        operator: None,
        capture: None,
        listen: None,
        connect: Vec::new(),
        no_recorder: false,
        rt_core: args.rt_core,
        timing: args.timing.clone(),
        json: false,
        plain: true,
    };
    let period = cellwright_sim::read(&(&args.cell).into(), true).prepared.ok_or(Failure::Shown)?.cell.cycle;
    let mut bench = Bench::default();
    let report = session::run(&run_args, &mut bench)?;
    let figures = Figures {
        what: format!("{} units after one to warm up", args.units),
        period,
        cycles: bench.last.cycles - bench.warm.cycles,
        missed: report.cycle.missed_cycles,
        wkc_errors: report.bus.wkc_errors,
        allocations: bench.last.allocations - bench.warm.allocations,
        page_faults: bench.last.page_faults - bench.warm.page_faults,
        clock_jumps: report.cycle.clock_jumps,
        measured: bench.statistics.as_deref().map(figures::measured).unwrap_or_default(),
        bring_up: None,
    };
    figures.tell(args.json, args.svg.as_deref())?;
    let complete = report.end == End::Completed && bench.ended == args.units + 1;
    if !complete {
        errln!("cellwright: the run ended early: {:?}", report.end);
    }
    Ok(figures::status(complete))
}

/// A state directory for one bench: a record of nothing, removed afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Scratch> {
        let path = std::env::temp_dir().join(format!("cellwright-bench-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's own folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
