//! Every scenario file, one line each: `hil-tests/scenarios/*.scenario.yaml`.
//!
//! `CELLWRIGHT_SCENARIO=NAME cargo test --release -p cellwright-hil-tests --test scenarios` runs one of them.

use std::path::PathBuf;

use cellwright_hil_tests::root;
use cellwright_recipe::{Diagnostic, render};
use cellwright_sim::scenario::{play, read_scenario};

const END: &str = ".scenario.yaml";

fn files() -> Vec<PathBuf> {
    let folder = root().join("hil-tests/scenarios");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths = entries.map(|e| e.expect("a folder that can be read").path());
    let mut files: Vec<PathBuf> = paths.filter(|p| p.to_string_lossy().ends_with(END)).collect();
    files.sort();
    files
}

fn name(path: &std::path::Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    name.trim_end_matches(END).to_owned()
}

/// What it said on the way; or what is wrong with its file, or was not met, drawn over its text.
fn run(path: &std::path::Path) -> Result<Vec<String>, String> {
    let reading = read_scenario(&path.to_string_lossy(), &root().to_string_lossy());
    let Some(scenario) = reading.prepared else {
        return Err(render(&reading.diagnostics, &reading.sources));
    };
    let played = play(&scenario).map_err(|e| e.to_string())?;
    if played.unmet.is_empty() {
        return Ok(played.said);
    }
    let unmet: Vec<Diagnostic> = played.unmet.iter().map(Diagnostic::from).collect();
    Err(format!("{}{}", played.said.join("\n"), render(&unmet, &reading.sources)))
}

#[test]
fn scenarios() {
    let only = std::env::var("CELLWRIGHT_SCENARIO").ok();
    let files: Vec<PathBuf> =
        files().into_iter().filter(|p| only.as_ref().is_none_or(|o| *o == name(p))).collect();
    assert!(!files.is_empty(), "no scenario is called {only:?}");
    let mut failed = Vec::new();
    for path in &files {
        let name = name(path);
        let result = run(path);
        match result {
            Ok(said) => {
                println!("scenario {name} ... ok");
                said.iter().for_each(|line| println!("    {line}"));
            }
            Err(unmet) => {
                println!("scenario {name} ... FAILED");
                failed.push(format!("{name}:\n{unmet}"));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {} scenarios:\n{}", failed.len(), files.len(), failed.join("\n"));
}
