//! `cellwright simulate`: the same objects on one thread with virtual time, frames and ethercrab included.
//! Equal recipe, cell, plant and seed give byte-equal records.

mod stops;
mod tell;
mod timeline;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use cellwright_controller::{AutoOperator, Notice, Order, Progress};
use cellwright_model::TimeNs;
use cellwright_model::event::Event;
use cellwright_model::faults::FaultPlan;
use cellwright_model::order::OrderProgress;
use cellwright_model::packml::CellState;
use cellwright_model::plan::Plan;
use cellwright_sim::figures::{Figures, NOTICE, Report};
use cellwright_sim::{Options, Prepared, Told, VirtualCell, What, hands, read_faults, wiring};

use super::approve::files::{Put, whole};
use super::args::SimulateArgs;
use super::out::errln;
use super::{Failure, prepare, print_json, progress, shown};
use stops::{Go, Stops};
pub(crate) use tell::{cpk, digits};
use timeline::Timeline;

/// Virtual time in which the cell must have finished, for each unit and in all: a cell that hangs is a
/// mistake to be shown, not to be waited for.
const UNIT_MAX_S: u64 = 600;

pub(crate) fn run(args: SimulateArgs) -> Result<ExitCode, Failure> {
    let what = What { order: args.order.order.clone(), set: args.set.clone(), ..What::from(&args.cell) };
    let prepared = prepare(&what, true)?;
    let faults = args.faults.as_deref().map(|path| shown(read_faults(path, &prepared.cell))).transpose()?;
    let title =
        format!("{} {} on {}", prepared.plan.recipe_id, prepared.plan.recipe_version, prepared.cell.id);
    let began = Instant::now();
    let stops = Stops::of(&args, &prepared.plan)?;
    let wanted = Wanted {
        stops,
        units: args.units,
        seed: args.seed,
        faults,
        record: args.record.as_deref().map(RecordFile::create).transpose()?,
        timeline: args.timeline.is_some().then(|| format!("{title}, seed {}: {NOTICE}", args.seed)),
    };
    let simulated = simulate(prepared, wanted)?;
    let wall_s = began.elapsed().as_secs_f64();
    if let (Some(path), Some(svg)) = (&args.timeline, &simulated.timeline) {
        whole(path, svg.as_bytes(), Put::Instead)?;
    }
    if args.json {
        print_json(&tell::json(&simulated, args.seed, wall_s));
    } else {
        tell::print(&simulated, wall_s);
    }
    if let Some(state) = simulated.stuck {
        errln!("cellwright: the cell stopped in {} before the order was complete", state.name());
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The file of `--record`, written as the events come.
pub(crate) struct RecordFile {
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

/// What is to be simulated, and what is kept of it.
pub(crate) struct Wanted {
    pub(crate) units: u32,
    pub(crate) seed: u64,
    pub(crate) faults: Option<FaultPlan>,
    pub(crate) record: Option<RecordFile>,
    /// Title of the timeline, if one is wanted.
    pub(crate) timeline: Option<String>,
    /// Where it waits for a word.
    pub(crate) stops: Option<Stops>,
}

/// What came of it.
pub(crate) struct Simulated {
    pub(crate) plan: Arc<Plan>,
    pub(crate) report: Report,
    pub(crate) virtual_s: f64,
    /// As SVG.
    timeline: Option<String>,
    /// State in which it ended without having completed the order.
    pub(crate) stuck: Option<CellState>,
}

const OPERATOR: &str = "auto:simulate";

/// Errors: a cell that cannot be simulated, or a record that cannot be written.
pub(crate) fn simulate(prepared: Prepared, wanted: Wanted) -> Result<Simulated, Failure> {
    let Wanted { units, seed, faults, record, timeline, mut stops } = wanted;
    let options = Options { seed, operator: Some(OPERATOR.to_owned()), faults, ..Options::default() };
    let (terms, sets) = (prepared.terms.clone(), prepared.sets.clone());
    let mut cell = VirtualCell::new(prepared, options)?;
    let plan = cell.plan().clone();
    let mut desk = Desk {
        figures: Figures::new(cell.cell(), &plan),
        timeline: timeline.map(|title| (title, Timeline::default())),
        record,
    };
    // Each simulation begins the order anew: there is no state directory that would know of it.
    let (order, starts_max) = match terms {
        Some(terms) => {
            let starts_max = terms.starts_max;
            let order = Order::by_terms(terms, plan.clone(), OrderProgress::default());
            (order.with_sets(sets), starts_max)
        }
        None => (Order::units("SIMULATION", plan.clone(), units), units),
    };
    let mut operator = AutoOperator::new(OPERATOR, order, wiring::loads(cell.cell(), cell.materials()));
    let limit = TimeNs((u64::from(starts_max) + 1) * UNIT_MAX_S * 1_000_000_000);
    let mut said = Vec::new();
    let stuck = loop {
        let progress = operator.react(cell.state(), &mut said);
        said.drain(..).for_each(|input| cell.give(input));
        let Told { events, notices, .. } = cell.tick()?;
        for event in &events {
            desk.look(event)?;
        }
        for notice in notices {
            react(&mut cell, &mut operator, notice);
        }
        if stops.as_mut().is_some_and(|s| s.look(&cell) == Go::End) {
            break None;
        }
        match progress {
            Progress::Completed => break None,
            Progress::NeedsPerson(state) => break Some(state),
            Progress::Running if cell.now() >= limit => break Some(cell.state()),
            Progress::Running => {}
        }
    };
    cell.shut_down()?;
    let virtual_s = cell.now().since(TimeNs(0)).as_secs_f64();
    desk.record.take().map(RecordFile::finish).transpose()?;
    let timeline = desk.timeline.as_ref().map(|(title, t)| t.svg(title, &desk.figures));
    Ok(Simulated { plan, report: desk.figures.report(), virtual_s, timeline, stuck })
}

/// What the automatic operator does, or shows, about something said.
fn react(cell: &mut VirtualCell, operator: &mut AutoOperator, notice: Notice) {
    match notice {
        Notice::Ask(question) => {
            let Some(answer) = operator.answer(&question) else { return };
            let choice = AutoOperator::choice(&question).unwrap_or_default();
            wiring::acts(&question, choice).into_iter().for_each(|act| cell.inject(act));
            cell.give(answer);
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

/// What looks at the events of a simulation.
struct Desk {
    figures: Figures,
    /// With its title.
    timeline: Option<(String, Timeline)>,
    record: Option<RecordFile>,
}

impl Desk {
    fn look(&mut self, event: &Event) -> Result<(), Failure> {
        self.figures.look(event);
        if let Some((_, timeline)) = &mut self.timeline {
            timeline.look(&self.figures, event);
        }
        self.record.as_mut().map_or(Ok(()), |record| record.line(&event.line))
    }
}
