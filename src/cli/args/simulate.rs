//! What is told to those that run a recipe on the twin in virtual time, or draw it.

use std::path::PathBuf;

use clap::Args;

use super::{CellArgs, DEFAULT_SEED, OrderArgs};

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    #[command(flatten)]
    pub(crate) cell: CellArgs,
    #[command(flatten)]
    pub(crate) order: OrderArgs,
    /// Units to build.
    #[arg(long, default_value_t = 20, conflicts_with = "order", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) units: u32,
    /// Seed of every draw of the plant.
    #[arg(long, default_value_t = DEFAULT_SEED)]
    pub(crate) seed: u64,
    /// Writes the events, one a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Fault plan: what goes wrong below the wire.
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// Gives a parameter of the recipe another value, within its `min` and `max`; may be given again.
    #[arg(long, value_name = "PARAM=VALUE", conflicts_with = "order", value_parser = setting)]
    pub(crate) set: Vec<(String, String)>,
    /// Stops before every step, shows how everything stands, and goes on by a word from standard input.
    #[arg(long)]
    pub(crate) step: bool,
    /// The same before this step, named as in the record; may be given again.
    #[arg(long = "break", value_name = "STEP")]
    pub(crate) breaks: Vec<String>,
    /// Draws what each station and resource did, and when.
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) timeline: Option<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    pub(crate) cell: CellArgs,
    /// SVG file; standard output if left out.
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) out: Option<PathBuf>,
}

/// `seat_depth=12.35 mm`; whether there is such a parameter the recipe says.
fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("write PARAM=VALUE with the unit: `seat_depth=12.35 mm`".to_owned()),
    }
}
