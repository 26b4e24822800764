//! What stands around a file: other files, the cell that it is held against, and the machine that it names.

use std::sync::Arc;

use cellwright_model::cell::Cell;
use cellwright_model::plan::Plan;
use cellwright_recipe::scenario_text::Setup;
use cellwright_recipe::{Diagnostic, FileKind, FileSource, Sources, compile, load_cell, load_plant};
use cellwright_steps::TABLE;

use crate::spot::{Read, at, text};

/// Where files come from, beside those that are open.
pub trait Disk: FileSource {
    /// Names of the files in a folder; empty if it cannot be read.
    fn names(&self, folder: &str) -> Vec<String>;
}

/// See the module text.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) files: &'a dyn Disk,
    /// Folder of the cell that recipes are checked against.
    pub(crate) cell: &'a str,
    /// The words of all alarms.
    pub(crate) alarms: &'a [&'static str],
}

/// What a test or scenario file names.
pub(crate) struct Machine {
    /// Folder of its cell.
    pub(crate) cell: String,
    pub(crate) recipe: String,
}

impl Around<'_> {
    /// Folder of the cell that a file belongs to.
    pub(crate) fn cell_folder(&self, read: &Read) -> String {
        match read.kind {
            FileKind::Cell | FileKind::Taught | FileKind::Plant => folder(&read.path).to_owned(),
            _ => self.machine(read).map_or_else(|| self.cell.to_owned(), |m| m.cell),
        }
    }

    /// That cell, if it holds.
    pub(crate) fn cell_of(&self, read: &Read) -> Option<Cell> {
        let file = format!("{}/cell.yaml", self.cell_folder(read));
        load_cell(self.files, &file, None, &mut Sources::default()).ok().map(|(cell, _)| cell)
    }

    /// Of a test or scenario file, as far as it is written.
    pub(crate) fn machine(&self, read: &Read) -> Option<Machine> {
        let word = |way: &[&str]| at(&read.root, way).and_then(|e| text(&e.node));
        let folder = folder(&read.path);
        match read.kind {
            FileKind::Test => {
                let [cell, recipe] = [word(&["cell"])?, word(&["recipe"])?].map(|p| format!("{folder}/{p}"));
                Some(Machine { cell, recipe })
            }
            FileKind::Scenario => {
                Some(self.in_repository(folder, word(&["given", "cell"])?, word(&["given", "recipe"])?))
            }
            _ => None,
        }
    }

    /// A scenario names its recipe from a folder above it.
    pub(crate) fn in_repository(&self, folder: &str, cell: &str, recipe: &str) -> Machine {
        let above = core::iter::successors(Some(folder), |f| f.rfind('/').map(|at| &f[..at]));
        let mut roots = above.filter(|root| self.files.read(&format!("{root}/{recipe}")).is_ok());
        let root = roots.next().unwrap_or(folder);
        Machine { cell: format!("{root}/cells/{cell}"), recipe: format!("{root}/{recipe}") }
    }

    /// The Plan of its recipe by the parameters' defaults, if both hold.
    pub(crate) fn plan(&self, machine: &Machine) -> Option<Plan> {
        let mut sources = Sources::default();
        let (cell, _) =
            load_cell(self.files, &format!("{}/cell.yaml", machine.cell), None, &mut sources).ok()?;
        compile(self.files, &machine.recipe, &cell, None, TABLE, &mut sources).ok().map(|(plan, _)| plan)
    }

    /// The cell of a folder with its touched-up poses.
    pub(crate) fn cell_in(
        &self,
        folder: &str,
        sources: &mut Sources,
    ) -> Result<(Cell, Vec<Diagnostic>), Vec<Diagnostic>> {
        let taught = format!("{folder}/taught.yaml");
        let taught = self.files.read(&taught).is_ok().then_some(taught);
        load_cell(self.files, &format!("{folder}/cell.yaml"), taught.as_deref(), sources)
    }

    /// The machine of a test, checked.
    pub(crate) fn setup(
        &self,
        machine: &cellwright_recipe::scenario_text::Machine<'_>,
        sources: &mut Sources,
    ) -> Result<Setup, Vec<Diagnostic>> {
        let (cell, _) = self.cell_in(machine.cell, sources)?;
        let (plant, _) = load_plant(self.files, &format!("{}/plant.yaml", machine.cell), &cell, sources)?;
        let (plan, _) = compile(self.files, machine.recipe, &cell, machine.variant, TABLE, sources)?;
        Ok(Setup { cell: Arc::new(cell), plan: Arc::new(plan), plant: Arc::new(plant) })
    }
}

/// Of a path, without the last `/`.
pub(crate) fn folder(path: &str) -> &str {
    path.rfind('/').map_or(".", |at| &path[..at])
}

/// The same path without `.` and `..`, as editors name their files.
pub(crate) fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|p| !matches!(*p, "" | "..")) => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}
