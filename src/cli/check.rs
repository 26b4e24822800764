//! `cellwright check`: every diagnostic of cell and recipe at once.

use std::process::ExitCode;

use cellwright_recipe::{Severity, json_rows, render};

use cellwright_sim::What;

use super::args::CheckArgs;
use super::out::outln;
use super::{Failure, print_json};

pub(crate) fn run(args: CheckArgs) -> Result<ExitCode, Failure> {
    let what = What { order: args.order.order.clone(), ..What::from(&args.cell) };
    let reading = cellwright_sim::read(&what, false);
    if args.json {
        print_json(&json_rows(&reading.diagnostics, &reading.sources));
    } else {
        if !reading.diagnostics.is_empty() {
            outln!("{}", render(&reading.diagnostics, &reading.sources).trim_end_matches('\n'));
        }
        let errors = reading.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        let warnings = reading.diagnostics.len() - errors;
        match &reading.prepared {
            Some(p) => {
                if let Some(t) = &p.terms {
                    outln!(
                        "order {} holds: {} good units of {}, lot {}",
                        t.id,
                        t.quantity,
                        t.product.part,
                        t.lot
                    );
                    outln!("its serials: {}; at most {} starts", t.serials, t.starts_max);
                }
                outln!(
                    "{} {} holds on cell {}: {} steps, {warnings} warnings",
                    p.plan.recipe_id,
                    p.plan.recipe_version,
                    p.cell.id,
                    p.plan.steps.len()
                )
            }
            None => outln!("{errors} errors, {warnings} warnings"),
        }
    }
    Ok(if reading.prepared.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
