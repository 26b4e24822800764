//! Cell, plant and Plan read and checked, from disk or from what is compiled in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cellwright_model::cell::Cell;
use cellwright_model::faults::FaultPlan;
use cellwright_model::order::OrderTerms;
use cellwright_model::plan::Plan;
use cellwright_model::plant::PlantDescription;
use cellwright_recipe::order_sets::SetText;
use cellwright_recipe::order_text::NoProduction;
use cellwright_recipe::scenario_text::Setup;
use cellwright_recipe::{
    Diagnostic, OrderPlans, OrderText, Row, Sources, compile, compile_order, compile_row, load_cell,
    load_faults, load_order, load_plant,
};

use crate::files::{EMBEDDED_CELL, EMBEDDED_RECIPE, Files};

/// What is to be read; what is left out is the embedded one.
#[derive(Debug, Clone, Default)]
pub struct What {
    /// Order file, in the place of recipe and variant.
    pub order: Option<PathBuf>,
    /// Why nothing that is made here is a production record.
    pub no_production: NoProduction<'static>,
    /// Recipe file.
    pub recipe: Option<PathBuf>,
    /// Folder with cell.yaml, and plant.yaml for the twin.
    pub cell: Option<PathBuf>,
    /// Variant of the recipe; its defaults if left out.
    pub variant: Option<String>,
    /// Parameters with other values than in that row; none with an order, which pins its row.
    pub set: Vec<(String, String)>,
}

/// A cell with its Plan, checked; nothing has been moved or written.
pub struct Prepared {
    pub cell: Arc<Cell>,
    pub plan: Arc<Plan>,
    /// Path of the recipe; `None`: the embedded one.
    pub recipe: Option<PathBuf>,
    /// Of the twin; `None` on a real bus.
    pub plant: Option<PlantDescription>,
    /// Of the order file, if one was named.
    pub terms: Option<Arc<OrderTerms>>,
    /// By serial: of units that the order makes with other values of some parameters.
    pub sets: BTreeMap<String, Arc<Plan>>,
}

/// A cell and its twin's plant, without anything that it makes.
pub struct Machine {
    pub cell: Arc<Cell>,
    pub plant: PlantDescription,
}

/// Everything that reading said, with the files it speaks of.
pub struct Reading<T = Prepared> {
    pub sources: Sources,
    pub diagnostics: Vec<Diagnostic>,
    /// What came of it; `None` if there was an error.
    pub prepared: Option<T>,
}

/// Reads and checks what a way of running needs; `with_plant`: the twin's plant too. Every diagnostic of one
/// stage is given at once; a recipe is looked at only with a cell that holds, since it is checked against it.
pub fn read(what: &What, with_plant: bool) -> Reading {
    let mut sources = Sources::default();
    let mut diagnostics = Vec::new();
    let prepared = read_into(what, with_plant, &mut sources, &mut diagnostics);
    Reading { sources, diagnostics, prepared }
}

/// Reads and checks a cell and its plant; `None` is the embedded one.
pub fn read_machine(folder: Option<&Path>) -> Reading<Machine> {
    let mut sources = Sources::default();
    let mut diagnostics = Vec::new();
    let prepared = machine(folder, true, &mut sources, &mut diagnostics)
        .and_then(|(cell, plant)| Some(Machine { cell: Arc::new(cell), plant: plant? }));
    Reading { sources, diagnostics, prepared }
}

/// Reads and checks a cell alone; `None` is the embedded one.
pub fn read_cell(folder: Option<&Path>) -> Reading<Cell> {
    let mut sources = Sources::default();
    let mut diagnostics = Vec::new();
    let prepared = machine(folder, false, &mut sources, &mut diagnostics).map(|(cell, _)| cell);
    Reading { sources, diagnostics, prepared }
}

/// Reads and checks a fault plan for the twin of `cell`.
pub fn read_faults(path: &Path, cell: &Cell) -> Reading<FaultPlan> {
    let mut sources = Sources::default();
    match load_faults(&Files, &text(path), cell, &mut sources) {
        Ok(plan) => Reading { sources, diagnostics: Vec::new(), prepared: Some(plan) },
        Err(diagnostics) => Reading { sources, diagnostics, prepared: None },
    }
}

/// Keeps what a stage said; `None` if it was an error.
pub(crate) fn keep(
    result: Result<Vec<Diagnostic>, Vec<Diagnostic>>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<()> {
    let (all, holds) = match result {
        Ok(warnings) => (warnings, true),
        Err(all) => (all, false),
    };
    diagnostics.extend(all);
    holds.then_some(())
}

pub(crate) fn machine(
    folder: Option<&Path>,
    with_plant: bool,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Cell, Option<PlantDescription>)> {
    let folder = folder.map_or_else(|| EMBEDDED_CELL.to_owned(), text);
    let taught = format!("{folder}/taught.yaml");
    let taught = Files.exists(&taught).then_some(taught.as_str());
    let (result, cell) = split(load_cell(&Files, &format!("{folder}/cell.yaml"), taught, sources));
    keep(result, diagnostics)?;
    let cell = cell?;
    let mut plant = None;
    if with_plant {
        let (result, description) =
            split(load_plant(&Files, &format!("{folder}/plant.yaml"), &cell, sources));
        keep(result, diagnostics)?;
        plant = description;
    }
    Some((cell, plant))
}

fn read_into(
    what: &What,
    with_plant: bool,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Prepared> {
    let (cell, plant) = machine(what.cell.as_deref(), with_plant, sources, diagnostics)?;
    let mut order = None;
    if let Some(path) = &what.order {
        let (result, text) = split(load_order(&Files, &text(path), &cell, what.no_production, sources));
        keep(result, diagnostics)?;
        order = text;
    }
    let (recipe, variant) = match &order {
        Some(order) => (order.recipe.clone(), order.variant.as_deref()),
        None => {
            let named = what.recipe.as_deref().map(text);
            (named.unwrap_or_else(|| EMBEDDED_RECIPE.to_owned()), what.variant.as_deref())
        }
    };
    let table = cellwright_steps::TABLE;
    let compiled = match &order {
        Some(order) => compile_order(&Files, order, &cell, table, sources),
        None => {
            let row = Row { variant, set: &what.set };
            let alone = |(plan, said)| (OrderPlans { plan, sets: Vec::new() }, said);
            compile_row(&Files, &recipe, &cell, row, table, sources).map(alone)
        }
    };
    let (result, plans) = split(compiled);
    keep(result, diagnostics)?;
    let OrderPlans { plan, sets } = plans?;
    let plan = Arc::new(plan);
    let path = (recipe != EMBEDDED_RECIPE).then(|| PathBuf::from(&recipe));
    let sets = order.as_ref().map(|o| by_serial(o, sets)).unwrap_or_default();
    let terms = order.map(|o| Arc::new(o.terms(&plan)));
    Some(Prepared { cell: Arc::new(cell), plan, recipe: path, plant, terms, sets })
}

/// The Plan of each set under each of its serials.
fn by_serial(order: &OrderText, plans: Vec<Plan>) -> BTreeMap<String, Arc<Plan>> {
    let shared = plans.into_iter().map(Arc::new);
    let one = |(set, plan): (&SetText, Arc<Plan>)| {
        set.serials().iter().map(|s| (s.clone(), plan.clone())).collect::<Vec<_>>()
    };
    order.sets.iter().zip(shared).flat_map(one).collect()
}

/// What a scenario is about: a cell in a folder with its plant, and a recipe. Errors: everything that is wrong.
pub(crate) fn setup(
    cell: &str,
    recipe: &str,
    variant: Option<&str>,
    sources: &mut Sources,
) -> Result<Setup, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let made = machine(Some(Path::new(cell)), true, sources, &mut diagnostics).and_then(|(cell, plant)| {
        let compiled = compile(&Files, recipe, &cell, variant, cellwright_steps::TABLE, sources);
        let (result, plan) = split(compiled);
        keep(result, &mut diagnostics)?;
        Some(Setup { cell: Arc::new(cell), plan: Arc::new(plan?), plant: Arc::new(plant?) })
    });
    made.ok_or(diagnostics)
}

pub(crate) type Read<T> = Result<(T, Vec<Diagnostic>), Vec<Diagnostic>>;

pub(crate) fn split<T>(result: Read<T>) -> (Result<Vec<Diagnostic>, Vec<Diagnostic>>, Option<T>) {
    match result {
        Ok((value, warnings)) => (Ok(warnings), Some(value)),
        Err(all) => (Err(all), None),
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
