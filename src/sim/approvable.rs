//! What is signed of a recipe and of a cell, read from disk: every row of the recipe, the cell as cell.yaml has it, and
//! as taught.yaml has touched it up.

use cellwright_model::cell::Cell;
use cellwright_recipe::{Diagnostic, Rows, Sources, compile_rows, load_cell};

use crate::files::Files;
use crate::load::{Reading, keep, split};

/// See the module text.
pub struct Approvable {
    /// Without taught.yaml: poses are signed for by themselves.
    pub cell: Cell,
    /// With it, if there is one.
    pub taught: Option<Cell>,
    pub recipe: Rows,
}

/// Reads and checks a cell in `folder`, and a recipe against it.
pub fn read_approvable(recipe: &str, folder: &str) -> Reading<Approvable> {
    let (mut sources, mut diagnostics) = (Sources::default(), Vec::new());
    let prepared = read(recipe, folder, &mut sources, &mut diagnostics);
    Reading { sources, diagnostics, prepared }
}

fn read(
    recipe: &str,
    folder: &str,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Approvable> {
    let (path, at) = (format!("{folder}/cell.yaml"), format!("{folder}/taught.yaml"));
    let (result, cell) = split(load_cell(&Files, &path, None, sources));
    keep(result, diagnostics)?;
    let cell = cell?;
    let mut taught = None;
    if Files.exists(&at) {
        let (result, touched) = split(load_cell(&Files, &path, Some(&at), sources));
        // Warnings about the cell were told already.
        keep(result.map(|_| Vec::new()), diagnostics)?;
        taught = Some(touched?);
    }
    let (result, rows) = split(compile_rows(&Files, recipe, &cell, cellwright_steps::TABLE, sources));
    keep(result, diagnostics)?;
    Some(Approvable { cell, taught, recipe: rows? })
}
