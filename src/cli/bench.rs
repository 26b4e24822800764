//! `cellwright bench`: what the cycle needs over whole units in real time: wake-up, execution, round trip;
//! allocations and page faults of the real-time thread after one unit to warm up.

use std::path::PathBuf;
use std::process::ExitCode;

use cellwright_model::event::EventData;
use cellwright_rt::Quantiles;
use cellwright_station::{End, Told};
use serde_json::{Value, json};

use super::args::{BenchArgs, OrderArgs, Robots, RunArgs};
use super::out::{errln, outln};
use super::pulse::{Pulse, PulseReading};
use super::session::{self, Started, Watcher};
use super::{Failure, print_json, progress};

/// Reads the pulse of the cycle when the warm-up unit ends, and when the last one does.
#[derive(Default)]
struct Bench {
    pulse: Pulse,
    ended: u32,
    warm: PulseReading,
    last: PulseReading,
}

impl Watcher for Bench {
    fn started(&mut self, started: Started<'_>) {
        for warning in started.warnings {
            errln!("warning: {warning}");
        }
        self.pulse = started.pulse.clone();
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
        robots: Robots::Twin,
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
    let period_ns =
        cellwright_sim::read(&(&args.cell).into(), true).prepared.ok_or(Failure::Shown)?.cell.cycle.0;
    let mut bench = Bench::default();
    let report = session::run(&run_args, &mut bench)?;
    let cycles = bench.last.cycles - bench.warm.cycles;
    let allocations = bench.last.allocations - bench.warm.allocations;
    let page_faults = bench.last.page_faults - bench.warm.page_faults;
    let r = &report.cycle;
    if args.json {
        print_json(&json!({
            "period_ns": period_ns, "cycles": cycles, "missed": r.missed_cycles, "wkc_errors": report.wkc_errors,
            "allocations": allocations, "page_faults": page_faults, "wake_ns": quantiles(&r.wake_ns),
            "exec_ns": quantiles(&r.exec_ns), "round_trip_ns": quantiles(&r.round_trip_ns),
            "phase_ns": quantiles(&r.phase_ns), "clock_jumps": r.clock_jumps,
        }));
    } else {
        outln!(
            "{} units after one to warm up: {cycles} cycles of {:.3} ms",
            args.units,
            period_ns as f64 / 1e6
        );
        outln!("{} missed in all, {} with a wrong working counter", r.missed_cycles, report.wkc_errors);
        outln!("{allocations} allocations and {page_faults} page faults on the real-time thread");
        outln!("wake-up    {}", progress::quantiles(&r.wake_ns));
        outln!("execution  {} (with the twin's segment and plant)", progress::quantiles(&r.exec_ns));
        outln!("round trip {}", progress::quantiles(&r.round_trip_ns));
        progress::phase(r).iter().for_each(|line| outln!("{line}"));
    }
    let complete = report.end == End::Completed && bench.ended == args.units + 1;
    if !complete {
        errln!("cellwright: the run ended early: {:?}", report.end);
    }
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) fn quantiles(q: &Quantiles) -> Value {
    json!({ "p50": q.p50, "p99": q.p99, "p999": q.p999, "max": q.max })
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
