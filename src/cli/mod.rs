//! The command line: one file a subcommand, and what they share.
//!
//! Exit status: 0 done, 1 the thing checked does not hold or the cell could not do it, 2 wrong use.

mod alarms;
mod alloc;
mod approve;
mod args;
mod bench;
mod check;
mod ctl;
mod dhr;
mod doctor;
mod fmt;
mod graph;
mod lsp;
mod manual;
mod order;
mod out;
mod progress;
mod pulse;
mod quarantine;
mod record;
mod ros2;
mod run;
mod running_cycle;
mod scan;
mod schema;
mod session;
mod simulate;
mod status_text;
mod svg;
mod terminal;
mod test;
mod timing;
mod twin;
mod twin_bench;
mod users;
mod view;

use std::path::PathBuf;
use std::process::ExitCode;

use cellwright_recipe::render_with;
use cellwright_sim::{Prepared, Reading, What};
use clap::Parser;

use args::{CellArgs, Cli, Command};
use out::{errln, outln};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

/// Why a command ended without doing its job.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Said already, where it was found (diagnostics).
    Shown,
    /// Cause and remedy in words: status 1.
    Failed(String),
    /// Wrong use: status 2.
    Usage(String),
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Failed(error.to_string())
    }
}

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off,cellwright=warn")),
        )
        .with_writer(std::io::stderr)
        // It would say so on standard error, and panic if nobody reads there.
        .log_internal_errors(false)
        .init();
    cellwright_trace::ignore_file_size_signal();
    let result = match cli.command {
        Command::Check(args) => check::run(args),
        Command::Fmt(args) => fmt::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Lsp(args) => lsp::run(args),
        Command::Approve(args) => approve::run(args),
        Command::Users(args) => users::run(args),
        Command::Simulate(args) => simulate::run(args),
        Command::Graph(args) => graph::run(args),
        Command::Test(args) => test::run(args),
        Command::Run(args) => run::run(args),
        Command::Ctl(args) => ctl::run(args),
        Command::Status(args) => ctl::status(args),
        Command::Manual(args) => manual::run(args),
        Command::Record(args) => record::run(args),
        Command::Dhr(args) => dhr::run(args.command),
        Command::Alarms(args) => alarms::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Scan(args) => scan::run(args),
        Command::Twin(args) => twin::run(args),
    };
    result.unwrap_or_else(|failure| match failure {
        Failure::Shown => ExitCode::FAILURE,
        Failure::Failed(text) => {
            errln!("cellwright: {text}");
            ExitCode::FAILURE
        }
        Failure::Usage(text) => {
            errln!("cellwright: {text}");
            ExitCode::from(2)
        }
    })
}

impl From<&CellArgs> for What {
    fn from(args: &CellArgs) -> What {
        What {
            recipe: args.recipe.clone(),
            cell: args.cell.clone(),
            variant: args.variant.clone(),
            ..What::default()
        }
    }
}

/// Reads and checks for a command that goes on: diagnostics to standard error, errors end it.
pub(crate) fn prepare(what: &What, with_plant: bool) -> Result<Prepared, Failure> {
    shown(cellwright_sim::read(what, with_plant))
}

/// What was read, its diagnostics said on standard error.
pub(crate) fn shown<T>(reading: Reading<T>) -> Result<T, Failure> {
    if !reading.diagnostics.is_empty() {
        let colour = out::in_colour(&std::io::stderr());
        errln!("{}", render_with(&reading.diagnostics, &reading.sources, colour).trim_end_matches('\n'));
    }
    reading.prepared.ok_or(Failure::Shown)
}

/// `./state/<cell>`.
pub(crate) fn default_state(cell: &str) -> PathBuf {
    PathBuf::from("state").join(cell)
}

/// One JSON document on a line. Values of our own types always have a JSON form.
pub(crate) fn print_json(value: &impl serde::Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => outln!("{text}"),
        Err(e) => errln!("cellwright: no JSON: {e}"),
    }
}
