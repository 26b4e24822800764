//! `cellwright run`: the cell in real time.

use std::process::ExitCode;

use cellwright_rt::platform::PlatformWarning;
use cellwright_station::{End, Told};
use serde_json::json;

use super::args::RunArgs;
use super::progress::{self, Printer, Summary};
use super::session::{self, Report, Watcher};
use super::twin::Pulse;
use super::{Failure, print_json};

struct Screen {
    printer: Printer,
    summary: Summary,
}

impl Watcher for Screen {
    fn started(&mut self, warnings: &[PlatformWarning], _: &Pulse) {
        for warning in warnings {
            eprintln!("warning: {warning}");
        }
    }

    fn told(&mut self, told: &Told<'_>) {
        match told {
            Told::Event(event) => {
                self.printer.event(event);
                self.summary.count(event);
            }
            Told::Alarm(alarm) => progress::alarm(alarm),
            Told::Ask(q) => {
                eprintln!("question {}: {} ({})", q.id.0, q.prompt, q.answers.join(" | "));
            }
            Told::Refused { what, why } => eprintln!("refused: {what}: {why}"),
            Told::Store(Some(cause)) => eprintln!("ALARM: the record cannot be written: {cause}"),
            Told::Store(None) => eprintln!("the record can be written again"),
        }
    }
}

pub(crate) fn run(args: RunArgs) -> Result<ExitCode, Failure> {
    let mut screen = Screen { printer: Printer { json: args.json }, summary: Summary::default() };
    if args.bus == "twin" {
        screen.printer.say("twin: wire-level segment, plant and cobots in this process; no hardware moves.");
        screen.printer.say("Not a safety function, not a production record.");
    }
    let report = session::run(&args, &mut screen)?;
    let Screen { printer, mut summary } = screen;
    summary.cycles = report.cycle.cycles;
    summary.missed_cycles = report.cycle.missed_cycles;
    summary.wkc_errors = report.wkc_errors;
    if printer.json {
        print_json(&json!({ "summary": summary }));
    } else {
        print_summary(&summary, &report);
    }
    Ok(status(&report))
}

fn print_summary(summary: &Summary, report: &Report) {
    println!();
    println!(
        "{} units: {} good, {} ng, {} interrupted",
        summary.units, summary.good, summary.ng, summary.interrupted
    );
    let cycle = &report.cycle;
    println!("{} cycles, {} missed, {} with a wrong working counter", cycle.cycles, cycle.missed_cycles, report.wkc_errors);
    println!("wake-up    {}", progress::quantiles(&cycle.wake_ns));
    println!("execution  {}", progress::quantiles(&cycle.exec_ns));
    println!("round trip {}", progress::quantiles(&cycle.round_trip_ns));
    match &report.store {
        Some(store) => println!("record: {}; try `cellwright dhr list --state {}`", store.display(), report.state.display()),
        None => println!("record: left to a recorder elsewhere; outbox in {}", report.state.display()),
    }
    match &report.capture {
        Some(Ok(c)) => println!("capture: {} frames, {} dropped", c.frames, c.dropped),
        Some(Err(e)) => println!("capture: {e}"),
        None => {}
    }
}

/// 0 when the order is complete or a stop was asked for, and everything said is durable.
fn status(report: &Report) -> ExitCode {
    let mut failed = true;
    match &report.end {
        End::Completed | End::Stopped => failed = false,
        End::Aborted => eprintln!("cellwright: aborted"),
        End::NeedsPerson(state) => {
            eprintln!("cellwright: the cell is in {} and needs a person; the alarms above say why", state.name());
        }
        End::CycleEnded => eprintln!("cellwright: the real-time thread ended by a program error: {:?}", report.cycle.end),
    }
    if report.unwritten > 0 {
        eprintln!("cellwright: {} transactions could not be made durable; nothing of them was told", report.unwritten);
        failed = true;
    }
    if !report.delivered {
        eprintln!("cellwright: the recorder has not acknowledged everything; the rest waits in the outbox");
        failed = true;
    }
    if let Some(Err(e)) = &report.capture {
        eprintln!("cellwright: {e}");
        failed = true;
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
