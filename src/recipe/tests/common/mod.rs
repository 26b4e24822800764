//! Files for tests: those of the repository, and texts that stand in for them.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::BTreeMap;
use std::path::Path;

use cellwright_model::cell::Cell;
use cellwright_model::plan::{Plan, Step};
use cellwright_recipe::{Diagnostic, FileSource, Sources, load_cell};

/// Texts by path; what is not here is read from the repository.
#[derive(Default)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

impl Files {
    pub(crate) fn with(path: &str, text: impl Into<Vec<u8>>) -> Files {
        Files(BTreeMap::from([(path.to_string(), text.into())]))
    }
}

impl FileSource for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if let Some(bytes) = self.0.get(path) {
            return Ok(bytes.clone());
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        std::fs::read(root.join(path)).map_err(|e| e.to_string())
    }
}

pub(crate) const CELL: &str = "cells/cannula-cell/cell.yaml";

pub(crate) fn repository(path: &str) -> String {
    String::from_utf8(Files::default().read(path).expect(path)).expect("UTF-8")
}

/// A text with a piece of it replaced, which stands there once.
pub(crate) fn once(base: &str, from: &str, to: &str) -> String {
    assert_eq!(base.matches(from).count(), 1, "`{from}`");
    base.replacen(from, to, 1)
}

/// The embedded cell.
pub(crate) fn cell() -> Cell {
    let mut sources = Sources::default();
    match load_cell(&Files::default(), CELL, None, &mut sources) {
        Ok((cell, warnings)) => {
            assert!(warnings.is_empty(), "{warnings:?}");
            cell
        }
        Err(list) => panic!("{}", rows(&list, &sources).join("\n")),
    }
}

/// `R0123 line:column` of each diagnostic.
pub(crate) fn rows(list: &[Diagnostic], sources: &Sources) -> Vec<String> {
    let row = |d: &Diagnostic| {
        let (start, _) = sources.places(d.span);
        format!("{} {}:{} {}", d.code.as_str(), start.line, start.column, d.message)
    };
    list.iter().map(row).collect()
}

/// The same without the message.
pub(crate) fn places(list: &[Diagnostic], sources: &Sources) -> Vec<String> {
    rows(list, sources).into_iter().map(|r| r.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

/// Takes the marks `«` out of a text and gives the places they stood at, `line:column` each.
pub(crate) fn marked(text: &str) -> (String, Vec<String>) {
    let (mut out, mut places, mut line, mut column) = (String::new(), Vec::new(), 1, 1);
    for c in text.chars() {
        if c == '«' {
            places.push(format!("{line}:{column}"));
            continue;
        }
        out.push(c);
        (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    (out, places)
}

pub(crate) fn step<'p>(plan: &'p Plan, id: &str) -> &'p Step {
    plan.steps.iter().find(|s| s.id == id).unwrap_or_else(|| panic!("no step {id}"))
}
