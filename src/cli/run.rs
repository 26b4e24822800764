//! `cellwright run`: the cell in real time.

use std::process::ExitCode;
use std::sync::Arc;

use cellwright_model::curve::Curve;
use cellwright_model::event::{Event, EventData};
use cellwright_model::packml::CellCommand;
use cellwright_station::{End, Told};
use serde_json::json;

use super::Failure;
use super::args::RunArgs;
use super::out::Lines;
use super::progress::{self, Printer, Summary};
use super::session::{self, Report, Started, Watcher};
use super::view::{self, News, Of, Press, View, thinned};

/// The name that the step kind `press` gives its curve.
const PRESS_CURVE: &str = "press";

/// What the run says: on both streams, or in the live view.
struct Screen {
    printer: Printer,
    /// Alarms and questions: shown at once, so that they reach a person even when the store does not work.
    said: Lines,
    summary: Summary,
    /// Where the twin is, if it is one.
    twin: Option<String>,
    /// The person at the keys, if a view is wanted, and whether an automatic operator works besides.
    keys: Option<(String, bool)>,
    view: Option<View>,
}

impl Screen {
    /// A line of what happens: printed, or into the view's log.
    fn say(&mut self, line: &str) {
        match &self.view {
            Some(view) => view.tell(News::Line(line.to_owned())),
            None => self.printer.say(line),
        }
    }

    fn event(&mut self, event: &Event) {
        self.summary.count(event);
        let Some(view) = &self.view else { return self.printer.event(event) };
        if let Some(line) = progress::text(event) {
            view.tell(News::Line(line));
        }
        if matches!(event.draft.data, EventData::UnitResult(_)) {
            view.tell(News::UnitEnded(event.draft.time.monotonic_ns));
        }
    }

    /// A force over a position is drawn: that of a press.
    fn curves(&self, event: &Event, curves: &[Arc<Curve>]) {
        let (Some(view), EventData::StepOutcome(step)) = (&self.view, &event.draft.data) else { return };
        let Some(curve) =
            curves.first().filter(|_| step.curves.first().is_some_and(|c| c.name == PRESS_CURVE))
        else {
            return;
        };
        view.tell(News::Press(Press {
            serial: event.draft.unit.as_ref().map_or_else(String::new, |u| u.serial.clone()),
            step: step.step.clone(),
            measured: step.measurements.iter().map(progress::measurement_text).collect(),
            points: thinned(curve),
        }));
    }
}

impl Watcher for Screen {
    fn attended(&self) -> bool {
        self.view.is_some()
    }

    fn started(&mut self, started: Started<'_>) {
        for warning in started.warnings {
            self.said.line(format!("warning: {warning}"));
        }
        // On the shell's own screen, before the view covers it.
        self.said.settle();
        if let Some((who, automatic)) = self.keys.take() {
            let (cell, desk, statistics) = (started.cell.clone(), started.desk, started.statistics);
            match View::start(Of { cell, desk, statistics, who, automatic }) {
                Ok(view) => self.view = Some(view),
                Err(e) => self.said.line(format!("warning: no live view: {e}; plain lines instead")),
            }
        }
        if let Some(twin) = self.twin.take() {
            self.say(&format!("twin: {twin}."));
            self.say("Not a safety function, not a production record.");
        }
    }

    fn told(&mut self, told: &Told<'_>) {
        let line = match told {
            Told::Event(event) => return self.event(event),
            Told::Curves { event, curves } => return self.curves(event, curves),
            Told::Alarm(alarm) => progress::alarm(alarm),
            Told::Warning(text) => format!("warning: {text}"),
            Told::TrayAtEnd(_) => return,
            Told::Ask(q) => format!("question {}: {} ({})", q.id.0, q.prompt, q.answers.join(" | ")),
            Told::Refused { what, why } => format!("refused: {what}: {why}"),
            Told::InHand { command, by } => {
                // In the view the person sees the state, and has the keys.
                let Some(back) = way_on(*command).filter(|_| self.view.is_none()) else { return };
                format!(
                    "{} by {} ({}): this run waits for {back}; Ctrl-C ends it",
                    command.name(),
                    by.who,
                    by.from
                )
            }
            Told::Store(Some(cause)) => format!("ALARM: the record cannot be written: {cause}"),
            Told::Store(None) => "the record can be written again".to_owned(),
        };
        self.said.line(line);
    }
}

pub(crate) fn run(args: RunArgs) -> Result<ExitCode, Failure> {
    let mut screen = Screen {
        printer: Printer { json: args.json, out: Lines::start(std::io::stdout())? },
        said: Lines::start(std::io::stderr())?,
        summary: Summary::default(),
        twin: args.on_twin().then(|| match &args.twin {
            None if args.over_ros2() => {
                "wire-level segment and plant in this process, cobots over ROS 2; no drive moves".to_owned()
            }
            None => "wire-level segment, plant and cobots in this process; no hardware moves".to_owned(),
            Some(at) => {
                format!("wire-level segment at {}, plant and cobots at {at}; no hardware moves", args.bus)
            }
        }),
        keys: (!args.json && !args.plain && view::possible()).then(|| at_the_keys(&args)),
        view: None,
    };
    let report = session::run(&args, &mut screen);
    let Screen { mut printer, mut said, mut summary, view, .. } = screen;
    // The last alarms stay readable when the view is gone.
    view.map(View::finish).into_iter().flatten().for_each(|line| said.line(line));
    let status = report.map(|report| {
        summary.cycles = report.cycle.cycles;
        summary.missed_cycles = report.cycle.missed_cycles;
        summary.wkc_errors = report.bus.wkc_errors;
        summary.bus = (&report.bus).into();
        summary.order = report.made.clone();
        if printer.json {
            printer.out.line(json!({ "summary": summary }).to_string());
        } else {
            print_summary(&summary, &report, &mut printer);
        }
        status(&report, &mut said)
    });
    let unseen = printer.out.finish();
    if unseen > 0 {
        said.line(format!("cellwright: {unseen} lines were not taken by their reader; the record has them"));
    }
    said.finish();
    status
}

/// What a run waits for that somebody has brought to rest with this command.
fn way_on(command: CellCommand) -> Option<&'static str> {
    match command {
        CellCommand::Hold => Some("`cellwright ctl unhold`"),
        CellCommand::Suspend => Some("`cellwright ctl unsuspend`"),
        CellCommand::Stop => Some("`cellwright ctl reset`, `start`"),
        CellCommand::Abort => Some("`cellwright ctl clear`, `reset`, `start`"),
        _ => None,
    }
}

/// The person whose keys these are, and whether an automatic operator works besides.
fn at_the_keys(args: &RunArgs) -> (String, bool) {
    match args.operator.as_deref() {
        Some(id) if !id.starts_with("auto:") => (id.to_owned(), false),
        _ => (
            std::env::var("USER").ok().filter(|u| !u.is_empty()).unwrap_or_else(|| "somebody".to_owned()),
            true,
        ),
    }
}

fn print_summary(summary: &Summary, report: &Report, printer: &mut Printer) {
    printer.say("");
    printer.say(&format!(
        "{} units: {} good, {} ng, {} interrupted",
        summary.units, summary.good, summary.ng, summary.interrupted
    ));
    if let Some(made) = &report.made {
        printer.say(&made.to_string());
    }
    let cycle = &report.cycle;
    printer.say(&format!(
        "{} cycles, {} missed, {} with a wrong working counter",
        cycle.cycles, cycle.missed_cycles, report.bus.wkc_errors
    ));
    printer.say(&format!("wake-up    {}", progress::quantiles(&cycle.wake_ns)));
    printer.say(&format!("execution  {}", progress::quantiles(&cycle.exec_ns)));
    printer.say(&format!("round trip {}", progress::quantiles(&cycle.round_trip_ns)));
    progress::phase(cycle).iter().for_each(|line| printer.say(line));
    let state = report.state.display();
    printer.say(&match &report.store {
        Some(store) if *store == report.state.join("dhr.db") => {
            format!("record: {}; try `cellwright dhr list --state {state}`", store.display())
        }
        Some(store) => {
            format!("record: {0}; try `cellwright dhr list --state {state} --store {0}`", store.display())
        }
        None => format!("record: left to a recorder elsewhere; outbox in {state}"),
    });
    if let Some(Ok(c)) = &report.capture {
        printer.say(&format!("capture: {} frames, {} dropped", c.frames, c.dropped));
    }
}

/// 0 when the order is complete or a stop was asked for, and everything said is durable.
fn status(report: &Report, said: &mut Lines) -> ExitCode {
    let mut causes = Vec::new();
    match &report.end {
        End::Completed | End::Stopped => {}
        End::Aborted => causes.push("aborted".to_owned()),
        End::NeedsPerson(state) => {
            causes.push(format!(
                "the cell is in {} and needs a person; the alarms above say why",
                state.name()
            ));
        }
        End::CycleEnded => {
            causes.push(format!("the real-time thread ended by a program error: {:?}", report.cycle.end));
        }
    }
    if report.unwritten > 0 {
        let n = report.unwritten;
        causes.push(format!("{n} transactions could not be made durable; nothing of them was told"));
    }
    if !report.delivered {
        causes.push("the recorder has not acknowledged everything; the rest waits in the outbox".to_owned());
    }
    if let Some(Err(e)) = &report.capture {
        causes.push(e.clone());
    }
    let status = if causes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    causes.iter().for_each(|cause| said.line(format!("cellwright: {cause}")));
    status
}
