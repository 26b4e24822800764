//! Wrong files as an author would have them, a folder each under `wrong/`: every mistake in them is told at its place,
//! and nothing else is. `expected` has a line `file:line:column CODE severity` for each.
//!
//! What is read follows from the names: `main.recipe.yaml` is compiled, against the shipped cell;
//! `cell.yaml`, with `taught.yaml` if that is there, `plant.yaml` and `users.yaml` are loaded; so are `main.order.yaml`, whose
//! recipe is compiled with its sets if it holds, and `main.faults.yaml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cellwright_model::cell::Cell;
use cellwright_recipe::{
    Diagnostic, FileSource, Sources, compile_order, compile_rows, load_cell, load_faults, load_order,
    load_plant, load_users, render,
};
use cellwright_steps::TABLE;

/// Folders that the test must find.
const CASES: usize = 67;
const TWIN: Option<(&str, &str)> = Some(("no record of the twin is a production record", "write `trial`"));

/// The files below one folder.
struct Folder(PathBuf);

impl FileSource for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.0.join(path)).map_err(|e| e.to_string())
    }
}

fn said<T>(result: Result<(T, Vec<Diagnostic>), Vec<Diagnostic>>) -> Vec<Diagnostic> {
    result.map_or_else(|list| list, |(_, warnings)| warnings)
}

/// Everything that is said of the files of a folder.
fn diagnose(folder: &Folder, cell: &Cell, sources: &mut Sources) -> Vec<Diagnostic> {
    let there = |name: &str| folder.0.join(name).exists();
    if there("main.recipe.yaml") {
        said(compile_rows(folder, "main.recipe.yaml", cell, TABLE, sources))
    } else if there("cell.yaml") {
        let taught = there("taught.yaml").then_some("taught.yaml");
        said(load_cell(folder, "cell.yaml", taught, sources))
    } else if there("plant.yaml") {
        said(load_plant(folder, "plant.yaml", cell, sources))
    } else if there("users.yaml") {
        load_users(folder, "users.yaml", sources).map_or_else(|list| list, |_| Vec::new())
    } else if there("main.order.yaml") {
        match load_order(folder, "main.order.yaml", cell, TWIN, sources) {
            Ok((order, _)) => said(compile_order(folder, &order, cell, TABLE, sources)),
            Err(list) => list,
        }
    } else {
        load_faults(folder, "main.faults.yaml", cell, sources).map_or_else(|list| list, |_| Vec::new())
    }
}

/// What is said, and what is expected, of one folder; a line each.
fn lines(path: &Path, cell: &Cell) -> (Vec<String>, Vec<String>, String) {
    let folder = Folder(path.to_path_buf());
    let mut sources = Sources::default();
    let list = diagnose(&folder, cell, &mut sources);
    let line = |d: &Diagnostic| {
        let at = sources.at(d.span);
        format!("{at} {} {}", d.code.as_str(), d.severity.as_str())
    };
    let expected = std::fs::read_to_string(path.join("expected")).expect("an `expected`");
    let (mut said, mut wanted): (Vec<_>, Vec<_>) =
        (list.iter().map(line).collect(), expected.lines().map(String::from).collect());
    said.sort();
    wanted.sort();
    (said, wanted, render(&list, &sources))
}

#[test]
fn each_folder_gives_its_diagnostics_and_no_others() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = Folder(here.join("../.."));
    let (cell, _) = load_cell(&root, "cells/cannula-cell/cell.yaml", None, &mut Sources::default())
        .expect("the shipped cell");
    let entries = std::fs::read_dir(here.join("tests/wrong")).expect("the folder");
    let mut folders: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    folders.sort();
    assert_eq!(folders.len(), CASES);
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    let mut failed = Vec::new();
    for folder in &folders {
        let (said, wanted, drawn) = lines(folder, &cell);
        assert!(!wanted.is_empty(), "{}: nothing is expected", folder.display());
        for line in &wanted {
            let code = line.split(' ').nth(1).unwrap_or_default();
            *codes.entry(code.to_string()).or_default() += 1;
        }
        if said != wanted {
            let only = |a: &[String], b: &[String]| -> Vec<String> {
                a.iter().filter(|line| !b.contains(line)).cloned().collect()
            };
            let (more, missing) = (only(&said, &wanted), only(&wanted, &said));
            failed
                .push(format!("{}\nnot expected {more:#?}\nmissing {missing:#?}\n{drawn}", folder.display()));
        }
    }
    assert!(failed.is_empty(), "{} of {CASES}:\n{}", failed.len(), failed.join("\n\n"));
    assert!(codes.len() > 80, "{} kinds of mistakes", codes.len());
}
