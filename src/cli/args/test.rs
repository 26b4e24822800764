//! What `test` is told.

use std::path::PathBuf;

use clap::Args;

use super::DEFAULT_SEED;

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Test files, or folders in which to look for `*.test.yaml`.
    #[arg(default_value = "recipes")]
    pub(crate) paths: Vec<PathBuf>,
    /// Besides, each fault at each step of each recipe that a test file names, in each variant.
    #[arg(long)]
    pub(crate) every_fault: bool,
    /// Only the combinations whose name contains this, and what happens in them: `25g/press-cannula/estop`.
    #[arg(long, value_name = "NAME", requires = "every_fault")]
    pub(crate) only: Option<String>,
    /// Seed of every draw of the plant under `--every-fault`; a test has its own.
    #[arg(long, default_value_t = DEFAULT_SEED, requires = "every_fault")]
    pub(crate) seed: u64,
    /// Writes the results as JUnit XML.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}
