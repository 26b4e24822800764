//! Arguments of `fmt`, `schema` and `lsp`.

use std::path::PathBuf;

use cellwright_recipe::FileKind;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct FmtArgs {
    /// Files: `*.recipe.yaml`, `cell.yaml`, `plant.yaml`, `*.order.yaml`, and the others by their names.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Writes nothing; says which files are not in their one form.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Kind of file: recipe (sub-recipes, too), cell, taught, plant, order, users, quarantine, faults, test,
    /// scenario.
    #[arg(value_parser = kind, required_unless_present = "out")]
    pub(crate) kind: Option<FileKind>,
    /// Folder with cell.yaml, whose names are enumerated; any name is taken if left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) cell: Option<PathBuf>,
    /// Writes `<kind>.schema.json` into this folder, of every kind if none is named.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LspArgs {
    /// Folder with cell.yaml that recipes, orders and fault plans are checked against; the embedded cannula-cell if left
    /// out. Files of a cell's own folder are checked with the cell.yaml beside them, tests and scenarios with the cell that
    /// they name.
    #[arg(long, value_name = "DIR")]
    pub(crate) cell: Option<PathBuf>,
}

/// A schema's kind; that of recipes is that of operations.
fn kind(text: &str) -> Result<FileKind, String> {
    let kinds = || FileKind::ALL.into_iter().filter(|k| *k != FileKind::Operation);
    kinds().find(|k| k.word() == text).ok_or_else(|| {
        let all: Vec<_> = kinds().map(FileKind::word).collect();
        format!("one of {}", all.join(", "))
    })
}
