//! Diagnostics of the files that are open, as `check` tells them: each with all files that belong to it.

use std::collections::BTreeMap;

use cellwright_model::cell::Cell;
use cellwright_recipe::scenario_text::Machine;
use cellwright_recipe::tree::{Node, Value};
use cellwright_recipe::{
    Diagnostic, FileKind, Sink, Sources, compile, compile_order, load_faults, load_order, load_plant,
    load_quarantine, load_scenario, load_tests, load_users, tree,
};
use cellwright_steps::TABLE;

use crate::around::{Around, folder, plain};
use crate::format::kind_of;

/// Diagnostics by the path of their file.
pub(crate) type Told = BTreeMap<String, Vec<(Diagnostic, String)>>;

/// One look at the files.
pub(crate) struct Look<'l> {
    pub(crate) around: Around<'l>,
    pub(crate) told: Told,
}

impl Look<'_> {
    /// Everything that is to be said of an open file and what belongs to it.
    pub(crate) fn at(&mut self, path: &str, kind: FileKind) {
        // Named even if nothing is wrong, so that what was said before goes away.
        self.told.entry(path.to_owned()).or_default();
        let folder = folder(path);
        match kind {
            FileKind::Recipe | FileKind::Operation => self.recipe(path, folder),
            FileKind::Cell | FileKind::Taught => drop(self.cell_in(folder)),
            FileKind::Plant => {
                let Some(cell) = self.cell_in(folder) else { return };
                let mut sources = Sources::default();
                let result = load_plant(self.around.files, path, &cell, &mut sources);
                self.tell(result.map(|(_, w)| w), &sources);
            }
            FileKind::Order => self.order(path),
            FileKind::Users => {
                let mut sources = Sources::default();
                let result = load_users(self.around.files, path, &mut sources);
                self.tell(result.map(|_| Vec::new()), &sources);
            }
            FileKind::Quarantine => {
                let mut sources = Sources::default();
                let result = load_quarantine(self.around.files, path, &mut sources);
                self.tell(result.map(|_| Vec::new()), &sources);
            }
            FileKind::Faults => {
                let Some(cell) = self.cell_in(self.around.cell) else { return };
                let mut sources = Sources::default();
                let result = load_faults(self.around.files, path, &cell, &mut sources);
                self.tell(result.map(|_| Vec::new()), &sources);
            }
            FileKind::Test => {
                let (around, mut sources) = (self.around, Sources::default());
                let mut prepare = |m: &Machine<'_>, s: &mut Sources| around.setup(m, s);
                let result = load_tests(around.files, path, around.alarms, &mut prepare, &mut sources);
                self.tell(result.map(|_| Vec::new()), &sources);
            }
            FileKind::Scenario => {
                let (around, mut sources) = (self.around, Sources::default());
                let mut prepare = |m: &Machine<'_>, s: &mut Sources| {
                    let found = around.in_repository(folder, m.cell, m.recipe);
                    around.setup(&Machine { cell: &found.cell, recipe: &found.recipe, ..*m }, s)
                };
                let result = load_scenario(around.files, path, around.alarms, &mut prepare, &mut sources);
                self.tell(result.map(|_| Vec::new()), &sources);
            }
        }
    }

    /// The cell of a folder with its touched-up poses; what is wrong with it is told.
    pub(crate) fn cell_in(&mut self, folder: &str) -> Option<Cell> {
        let mut sources = Sources::default();
        let (cell, said) = match self.around.cell_in(folder, &mut sources) {
            Ok((cell, warnings)) => (Some(cell), Ok(warnings)),
            Err(list) => (None, Err(list)),
        };
        self.tell(said, &sources);
        cell
    }

    /// A recipe, or the recipes of the folder that use an operation.
    fn recipe(&mut self, path: &str, folder: &str) {
        let Some(cell) = self.cell_in(self.around.cell) else { return };
        let Some(root) = self.tree(path) else { return self.compiled(path, &cell) };
        if kind_of(FileKind::Recipe, &root) == FileKind::Recipe {
            self.compiled(path, &cell);
            return;
        }
        let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".recipe.yaml");
        let others = self.around.files.names(folder).into_iter().filter(|n| n.ends_with(".recipe.yaml"));
        let others = others.map(|n| format!("{folder}/{n}")).filter(|p| p != path);
        let users: Vec<String> = others.filter(|p| self.uses(p, name)).collect();
        for user in &users {
            self.compiled(user, &cell);
        }
        if users.is_empty() {
            // A recipe that is just begun, or an operation alone: said as `check` says it.
            self.compiled(path, &cell);
        }
    }

    /// Whether a file is a recipe that names an operation.
    fn uses(&self, path: &str, name: &str) -> bool {
        let Ok(bytes) = self.around.files.read(path) else { return false };
        let named = format!("{name}@");
        String::from_utf8_lossy(&bytes).contains(&named)
            && tree::parse(path, &bytes, &mut Sources::default(), &mut Sink::new())
                .1
                .is_some_and(|root| kind_of(FileKind::Recipe, &root) == FileKind::Recipe)
    }

    fn compiled(&mut self, path: &str, cell: &Cell) {
        let mut sources = Sources::default();
        let result = compile(self.around.files, path, cell, None, TABLE, &mut sources);
        self.tell(result.map(|(_, w)| w), &sources);
    }

    fn order(&mut self, path: &str) {
        let Some(cell) = self.cell_in(self.around.cell) else { return };
        let mut sources = Sources::default();
        let order = match load_order(self.around.files, path, &cell, None, &mut sources) {
            Ok((order, warnings)) => {
                self.tell(Ok(warnings), &sources);
                order
            }
            Err(list) => return self.tell(Err(list), &sources),
        };
        let result = compile_order(self.around.files, &order, &cell, TABLE, &mut sources);
        self.tell(result.map(|(_, w)| w), &sources);
    }

    /// Its tree, if there can be one; what is wrong with its text is told.
    fn tree(&mut self, path: &str) -> Option<Node> {
        let (mut sources, mut sink) = (Sources::default(), Sink::new());
        let bytes = self.around.files.read(path).ok()?;
        let root = tree::parse(path, &bytes, &mut sources, &mut sink).1;
        let mapping = root.filter(|r| matches!(r.value, Value::Mapping(_)));
        self.tell(Err(sink.finish()), &sources);
        mapping
    }

    /// Keeps what was said, once.
    fn tell(&mut self, said: Result<Vec<Diagnostic>, Vec<Diagnostic>>, sources: &Sources) {
        let (Ok(list) | Err(list)) = said;
        for mut diagnostic in list {
            let path = plain(&sources.file(diagnostic.span.file).path);
            // Places in other files, in words.
            for (span, text) in &diagnostic.labels {
                diagnostic.help.push_str(&format!("\n{}: {text}", sources.at(*span)));
            }
            let text = sources.file(diagnostic.span.file).text.clone();
            let of_file = self.told.entry(path).or_default();
            let key = |d: &Diagnostic| (d.code, d.span.start, d.span.end, d.message.clone());
            if !of_file.iter().any(|(d, _)| key(d) == key(&diagnostic)) {
                of_file.push((diagnostic, text));
            }
        }
    }
}
