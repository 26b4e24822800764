//! The pages of the diagnostics: each wrong example gives exactly its code, each right one nothing at all, and the
//! document in the repository is what the tables give.

#[path = "../../recipe/tests/common/mod.rs"]
mod common;

use cellwright_recipe::pages::{File, GROUPS, Page, markdown, page};
use std::sync::Arc;

use cellwright_recipe::scenario_text::{Machine, Setup};
use cellwright_recipe::{
    Code, Diagnostic, Sources, compile, compile_order, load_cell, load_order, load_plant, load_tests,
};
use cellwright_steps::TABLE;
use common::{CELL, Files, cell, repository, rows};

const DOCUMENT: &str = "recipes/manual/diagnostics.md";
const TWIN: Option<(&str, &str)> = Some(("no record of the twin is a production record", "write `trial`"));

/// Some of the catalogue's.
const ALARMS: &[&str] = &["drive", "grip-failed"];

/// What is said of `bytes` in the place of a shipped file.
fn diagnose(file: File, bytes: &[u8]) -> (Vec<Diagnostic>, Sources) {
    let mut sources = Sources::default();
    let files = Files::with(file.path(), bytes);
    let recipe = File::Recipe.path();
    let all = |result: Result<Vec<Diagnostic>, Vec<Diagnostic>>| result.unwrap_or_else(|list| list);
    let list = match file {
        File::Recipe | File::Operation => {
            all(compile(&files, recipe, &cell(), None, TABLE, &mut sources).map(|(_, w)| w))
        }
        File::Cell => all(load_cell(&files, CELL, None, &mut sources).map(|(_, w)| w)),
        File::Plant => all(load_plant(&files, file.path(), &cell(), &mut sources).map(|(_, w)| w)),
        File::Order => match load_order(&files, file.path(), &cell(), TWIN, &mut sources) {
            Ok((order, _)) => {
                all(compile_order(&files, &order, &cell(), TABLE, &mut sources).map(|(_, w)| w))
            }
            Err(list) => list,
        },
        File::Test => {
            let path = file.path();
            let mut prepare = |machine: &Machine<'_>, sources: &mut Sources| setup(machine, sources);
            load_tests(&files, path, ALARMS, &mut prepare, &mut sources).err().unwrap_or_default()
        }
    };
    (list, sources)
}

/// What a test file is about.
fn setup(machine: &Machine<'_>, sources: &mut Sources) -> Result<Setup, Vec<Diagnostic>> {
    let files = Files::default();
    let (cell, _) = load_cell(&files, &format!("{}/cell.yaml", machine.cell), None, sources)?;
    let (plant, _) = load_plant(&files, &format!("{}/plant.yaml", machine.cell), &cell, sources)?;
    let (plan, _) = compile(&files, machine.recipe, &cell, machine.variant, TABLE, sources)?;
    Ok(Setup { cell: Arc::new(cell), plan: Arc::new(plan), plant: Arc::new(plant) })
}

/// Why a page does not hold.
fn broken(page: &Page) -> Result<(), String> {
    let base = repository(page.file.path());
    let (list, sources) = diagnose(page.file, &page.wrong_in(&base)?);
    let codes: Vec<Code> = list.iter().map(|d| d.code).collect();
    let own = match page.code {
        // It comes behind a thousand others.
        Code::TooMany => codes.last() == Some(&page.code),
        // Its lines can be read; playing them, sim/tests/scenario.rs gets it.
        Code::NotMet => codes.is_empty(),
        _ => !codes.is_empty() && codes.iter().all(|c| *c == page.code),
    };
    if !own {
        let rows = rows(&list[..list.len().min(5)], &sources).join("; ");
        return Err(format!("the wrong lines give [{rows}]"));
    }
    let (list, sources) = diagnose(page.file, page.right_in(&base)?.as_bytes());
    if !list.is_empty() {
        return Err(format!("the right lines give [{}]", rows(&list, &sources).join("; ")));
    }
    Ok(())
}

#[test]
fn wrong_lines_give_their_code_and_right_ones_nothing() {
    let said = |p: &Page| broken(p).err().map(|why| format!("{}: {why}", p.code.as_str()));
    let failed: Vec<String> = GROUPS.iter().flat_map(|g| g.pages).filter_map(said).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The test above can fail: lines of one page under the code of another, and right lines that are wrong.
#[test]
fn a_page_that_does_not_hold_is_told() {
    let axis = *page(Code::UnknownAxis).expect("a page");
    assert_eq!(broken(&axis), Ok(()));
    let other = Page { code: Code::UnknownSignal, ..axis };
    assert!(broken(&other).is_err_and(|why| why.contains("the wrong lines give [R0302")));
    let same =
        Page { change: cellwright_recipe::pages::Change::Instead(axis.right), right: axis.wrong, ..axis };
    assert!(broken(&same).is_err_and(|why| why.contains("the right lines give [R0302")));
}

/// `CELLWRIGHT_WRITE_PAGES=1` writes it.
#[test]
fn the_document_is_made_from_the_tables() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(DOCUMENT);
    if std::env::var_os("CELLWRIGHT_WRITE_PAGES").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, markdown()).expect("written");
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let how = "CELLWRIGHT_WRITE_PAGES=1 cargo test --release -p cellwright-steps --test pages";
    assert!(text == markdown(), "{DOCUMENT} is not what the tables give; make it anew: {how}");
}
