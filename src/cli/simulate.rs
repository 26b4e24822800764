//! `cellwright simulate`: the same objects on one thread with virtual time, frames and ethercrab included.
//! Equal recipe, cell, plant and seed give byte-equal records.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use cellwright_controller::{AutoOperator, Notice, Order, Progress};
use cellwright_model::TimeNs;
use cellwright_model::event::{Event, EventData};
use cellwright_model::faults::FaultPlan;
use cellwright_model::order::OrderProgress;
use cellwright_model::outcome::UnitResult;
use cellwright_model::packml::CellState;
use cellwright_sim::{Options, Prepared, Told, VirtualCell, What, hands, read_faults, wiring};
use serde_json::json;

use super::args::SimulateArgs;
use super::out::{errln, outln};
use super::progress::Summary;
use super::{Failure, prepare, print_json, progress, shown};

/// Virtual time in which the cell must have finished, for each unit and in all: a cell that hangs is a
/// mistake to be shown, not to be waited for.
const UNIT_MAX_S: u64 = 600;

pub(crate) fn run(args: SimulateArgs) -> Result<ExitCode, Failure> {
    let what = What { order: args.order.order.clone(), ..What::from(&args.cell) };
    let prepared = prepare(&what, true)?;
    let faults = args.faults.as_deref().map(|path| shown(read_faults(path, &prepared.cell))).transpose()?;
    let began = Instant::now();
    let simulated = simulate(prepared, faults, &args)?;
    let wall_s = began.elapsed().as_secs_f64();
    let virtual_s = simulated.virtual_s;
    let s = &simulated.summary;
    let takt_s = if s.units > 0 { simulated.execute_s / s.units as f64 } else { 0.0 };
    if args.json {
        print_json(&json!({
            "units": s.units, "good": s.good, "ng": s.ng, "interrupted": s.interrupted,
            "ng_by_cause": simulated.ng_by_cause, "seed": args.seed, "takt_s": takt_s,
            "virtual_s": virtual_s, "wall_s": wall_s, "times_real_time": virtual_s / wall_s,
        }));
    } else {
        outln!("{} units: {} good, {} ng, {} interrupted", s.units, s.good, s.ng, s.interrupted);
        outln!("yield {:.1} %, takt {takt_s:.2} s", 100.0 * s.good as f64 / s.units.max(1) as f64);
        simulated.ng_by_cause.iter().for_each(|(cause, n)| outln!("  ng {n:>4}  {cause}"));
        outln!(
            "{virtual_s:.1} s of virtual time in {wall_s:.2} s: {:.0} times real time",
            virtual_s / wall_s
        );
        outln!("predicted from the plant model; not evidence of process capability");
    }
    if let Some(state) = simulated.stuck {
        errln!("cellwright: the cell stopped in {} before the order was complete", state.name());
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The file of `--record`, written as the events come.
struct RecordFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl RecordFile {
    fn create(path: &Path) -> Result<RecordFile, Failure> {
        let file = File::create(path).map_err(|e| unwritten(path, &e))?;
        Ok(RecordFile { path: path.to_owned(), file: BufWriter::new(file) })
    }

    fn line(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.file, "{line}").map_err(|e| unwritten(&self.path, &e))
    }

    fn finish(mut self) -> Result<(), Failure> {
        let done = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        match done {
            // A pipe or a device has nothing to synchronise.
            Err(e) if e.kind() == std::io::ErrorKind::InvalidInput => Ok(()),
            done => done.map_err(|e| unwritten(&self.path, &e)),
        }
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("{}: {error}; check the path and the space left", path.display()))
}

struct Simulated {
    summary: Summary,
    ng_by_cause: BTreeMap<String, u64>,
    virtual_s: f64,
    /// From the first Execute to the end of the last unit.
    execute_s: f64,
    /// State in which it ended without having completed the order.
    stuck: Option<CellState>,
}

const OPERATOR: &str = "auto:simulate";

fn simulate(
    prepared: Prepared,
    faults: Option<FaultPlan>,
    args: &SimulateArgs,
) -> Result<Simulated, Failure> {
    let options =
        Options { seed: args.seed, operator: Some(OPERATOR.to_owned()), faults, ..Options::default() };
    let terms = prepared.terms.clone();
    let mut cell = VirtualCell::new(prepared, options)?;
    let plan = cell.plan().clone();
    // Each simulation begins the order anew: there is no state directory that would know of it.
    let (order, starts_max) = match terms {
        Some(terms) => {
            let starts_max = terms.starts_max;
            (Order::by_terms(terms, plan, OrderProgress::default()), starts_max)
        }
        None => (Order::units("SIMULATION", plan, args.units), args.units),
    };
    let mut operator = AutoOperator::new(OPERATOR, order, wiring::loads(cell.cell(), cell.materials()));
    let mut desk = Desk {
        summary: Summary::default(),
        ng_by_cause: BTreeMap::new(),
        record: args.record.as_deref().map(RecordFile::create).transpose()?,
        execute: None,
    };
    let limit = TimeNs((u64::from(starts_max) + 1) * UNIT_MAX_S * 1_000_000_000);
    let mut said = Vec::new();
    let stuck = loop {
        let progress = operator.react(cell.state(), &mut said);
        said.drain(..).for_each(|input| cell.give(input));
        let Told { events, notices, .. } = cell.tick()?;
        for event in &events {
            desk.look(cell.now(), event)?;
        }
        for notice in notices {
            react(&mut cell, &operator, notice);
        }
        match progress {
            Progress::Completed => break None,
            Progress::NeedsPerson(state) => break Some(state),
            Progress::Running if cell.now() >= limit => break Some(cell.state()),
            Progress::Running => {}
        }
    };
    cell.shut_down()?;
    desk.finish(cell.now(), stuck)
}

/// What the automatic operator does, or shows, about something said.
fn react(cell: &mut VirtualCell, operator: &AutoOperator, notice: Notice) {
    match notice {
        Notice::Ask(question) => {
            let answer = AutoOperator::choice(&question).unwrap_or_default();
            wiring::acts(&question, answer).into_iter().for_each(|act| cell.inject(act));
            operator.answer(&question).into_iter().for_each(|answer| cell.give(answer));
        }
        Notice::TrayAtEnd(tray) => {
            cell.inject(hands::exchange(tray));
            cell.give(operator.exchange(tray));
        }
        Notice::Alarm(alarm) => errln!("{}", progress::alarm(&alarm)),
        Notice::Answered { request, result: Err(why), .. } => errln!("refused: {request:?}: {why}"),
        Notice::Answered { .. } | Notice::Withdrawn(_) => {}
    }
}

/// What is kept of a simulation.
struct Desk {
    summary: Summary,
    ng_by_cause: BTreeMap<String, u64>,
    record: Option<RecordFile>,
    /// First Execute, last end of a unit.
    execute: Option<(TimeNs, TimeNs)>,
}

impl Desk {
    fn look(&mut self, now: TimeNs, event: &Event) -> Result<(), Failure> {
        self.summary.count(event);
        match &event.draft.data {
            EventData::CellState(s) if s.to == CellState::Execute => {
                self.execute.get_or_insert((now, now));
            }
            EventData::UnitResult(end) => {
                if let Some(execute) = &mut self.execute {
                    execute.1 = now;
                }
                if let (UnitResult::Ng, Some(cause)) = (end.result, &end.cause) {
                    *self.ng_by_cause.entry(cause.clone()).or_default() += 1;
                }
            }
            _ => {}
        }
        self.record.as_mut().map_or(Ok(()), |record| record.line(&event.line))
    }

    fn finish(mut self, now: TimeNs, stuck: Option<CellState>) -> Result<Simulated, Failure> {
        self.record.take().map(RecordFile::finish).transpose()?;
        let execute_s = self.execute.map_or(0.0, |(from, to)| to.since(from).as_secs_f64());
        Ok(Simulated {
            summary: self.summary,
            ng_by_cause: self.ng_by_cause,
            virtual_s: now.since(TimeNs(0)).as_secs_f64(),
            execute_s,
            stuck,
        })
    }
}
