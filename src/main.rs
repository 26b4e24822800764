//! `cellwright`: a real-time cell controller for regulated assembly.
//!
//! This is the composition root: it reads the cell, wires the parts and runs them; one file a subcommand.
//! The program is no safety function: E-stop, STO and guards belong to the safety controller.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
