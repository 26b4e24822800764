//! `cellwright check`: every diagnostic of cell and recipe at once, and the page of one code.

use std::path::Path;
use std::process::ExitCode;

use cellwright_model::order::in_words;
use cellwright_recipe::pages::{self, Page};
use cellwright_recipe::{Code, FileKind, Severity, json_rows, render_with};

use cellwright_sim::What;

use super::args::CheckArgs;
use super::out::{in_colour, outln};
use super::{Failure, print_json};

pub(crate) fn run(args: CheckArgs) -> Result<ExitCode, Failure> {
    if let Some(code) = &args.explain {
        return explain(code, args.json);
    }
    if let Some(path) = &args.cell.recipe {
        is_recipe(path)?;
    }
    let what = What { order: args.order.order.clone(), ..What::from(&args.cell) };
    let reading = cellwright_sim::read(&what, false);
    if args.json {
        print_json(&json_rows(&reading.diagnostics, &reading.sources));
    } else {
        if !reading.diagnostics.is_empty() {
            let colour = in_colour(&std::io::stdout());
            outln!("{}", render_with(&reading.diagnostics, &reading.sources, colour).trim_end_matches('\n'));
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
                    for (serial, set) in &t.sets {
                        outln!("{serial} with {}", in_words(set));
                    }
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

/// A file of another kind would get a page of what no recipe has.
fn is_recipe(path: &Path) -> Result<(), Failure> {
    let name = path.display();
    let kind = FileKind::of_path(&path.to_string_lossy());
    let remedy = match kind {
        None | Some(FileKind::Recipe | FileKind::Operation) => return Ok(()),
        Some(FileKind::Order) => format!("cellwright check --order {name}"),
        Some(FileKind::Cell | FileKind::Taught | FileKind::Plant) => {
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            format!("cellwright check RECIPE --cell {}", folder.display())
        }
        Some(FileKind::Test) => format!("cellwright test {name}"),
        Some(FileKind::Users | FileKind::Quarantine | FileKind::Faults | FileKind::Scenario) => {
            "the command that uses it reads it whole first".to_owned()
        }
    };
    let word = kind.map_or("", FileKind::word);
    Err(Failure::Usage(format!("{name} is no recipe, by its name it is one of the files `{word}`: {remedy}")))
}

fn explain(word: &str, json: bool) -> Result<ExitCode, Failure> {
    let page = page_of(word).ok_or_else(|| {
        let codes = Code::ALL.iter().map(|c| c.as_str());
        let remedy = match cellwright_recipe::suggest::nearest(word, codes) {
            Some(near) => format!("did you mean {near}?"),
            None => "codes are written like R0302; recipes/manual/diagnostics.md lists them".to_owned(),
        };
        Failure::Usage(format!("there is no code `{word}`; {remedy}"))
    })?;
    if json {
        print_json(&serde_json::json!({
            "code": page.code.as_str(), "title": page.code.title(), "what": page.what, "why": page.why,
            "file": page.file.path(), "wrong": page.wrong, "right": page.right,
        }));
    } else {
        outln!("{}", pages::in_words(page).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// `R0302`, in any case.
fn page_of(word: &str) -> Option<&'static Page> {
    let code = Code::ALL.iter().find(|c| c.as_str().eq_ignore_ascii_case(word))?;
    pages::page(*code)
}
