//! Each fault that twin and hands can do, at each step of a recipe: it ends in a result, in a hold with a remedy in its
//! alarm, or in an ordered stop or abort; then any operator brings the cell to rest, and every part is where the
//! record says.
//!
//! *Lead*: what leads to a step that good parts never come to: a bad part, an answer. *Moment*: the middle of the step's
//! first attempt in a run without a fault. Equal seeds give equal runs, so that a moment is an instant.

mod catalogue;
mod lead;
mod strike;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cellwright_model::TimeNs;
use cellwright_model::outcome::UnitResult;
use cellwright_recipe::compile_rows;
use cellwright_recipe::scenario_text::Setup;

use crate::files::Files;
use crate::load::{Reading, keep, machine, split};
use crate::{Prepared, SimError};

pub use catalogue::Fault;
pub use lead::Lead;

/// One fault at one step of one row of a recipe.
#[derive(Debug, Clone)]
pub struct Case {
    pub recipe: String,
    pub variant: Option<String>,
    pub step: String,
    pub fault: Fault,
    pub seed: u64,
    /// Place in the list of rows.
    row: usize,
    lead: Lead,
    at: TimeNs,
}

impl Case {
    /// `25g/press-cannula/drive-fault:press_z`; `defaults` where the row is no variant.
    pub fn name(&self) -> String {
        format!("{}/{}/{}", self.variant.as_deref().unwrap_or("defaults"), self.step, self.fault.name)
    }
}

/// How it ended, before anybody helped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Result(UnitResult),
    /// A person is asked, or the cell holds; the alarm with a remedy.
    Hold(String),
    /// For parts or room.
    Waits(String),
    Stop(String),
    Abort(String),
}

impl End {
    /// For the figures.
    pub fn word(&self) -> &'static str {
        match self {
            End::Result(result) => result.as_str(),
            End::Hold(_) => "hold",
            End::Waits(_) => "waits",
            End::Stop(_) => "stop",
            End::Abort(_) => "abort",
        }
    }
}

/// What became of a case.
#[derive(Debug)]
pub struct Ended {
    pub case: Case,
    /// `None`: it did not end; the findings say so.
    pub end: Option<End>,
    /// Everything that may not be.
    pub findings: Vec<String>,
}

/// A recipe in every row, on its cell.
pub struct Recipe {
    pub path: String,
    rows: Vec<Setup>,
}

/// What there is to be done for a recipe.
pub struct Plan {
    pub cases: Vec<Case>,
    /// Row and step that no lead comes to.
    pub never_reached: Vec<(Option<String>, String)>,
}

/// Reads a recipe in every row, and the cell in a folder with its plant.
pub fn read_rows(path: &str, cell: &str) -> Reading<Recipe> {
    let (mut sources, mut diagnostics) = (Default::default(), Vec::new());
    let made = machine(Some(cell.as_ref()), true, &mut sources, &mut diagnostics);
    let prepared = made.and_then(|(cell, plant)| {
        let (result, rows) = split(compile_rows(&Files, path, &cell, cellwright_steps::TABLE, &mut sources));
        keep(result, &mut diagnostics)?;
        let (cell, plant) = (Arc::new(cell), Arc::new(plant?));
        let setup = |plan| Setup { cell: cell.clone(), plan: Arc::new(plan), plant: plant.clone() };
        Some(Recipe { path: path.to_owned(), rows: rows?.plans.into_iter().map(setup).collect() })
    });
    Reading { sources, diagnostics, prepared }
}

impl Recipe {
    /// Its defaults and variants.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Every case of it.
    ///
    /// # Errors
    /// A cell that cannot be simulated at all.
    pub fn plan(&self, seed: u64) -> Result<Plan, SimError> {
        let mut plan = Plan { cases: Vec::new(), never_reached: Vec::new() };
        for (row, setup) in self.rows.iter().enumerate() {
            let reached = lead::reach(setup, seed)?;
            for (step, reached) in setup.plan.steps.iter().zip(reached) {
                let variant = setup.plan.variant.clone();
                let Some((lead, at)) = reached else {
                    plan.never_reached.push((variant, step.id.clone()));
                    continue;
                };
                plan.cases.extend(catalogue::faults(&setup.cell, step).into_iter().map(|fault| Case {
                    recipe: self.path.clone(),
                    variant: variant.clone(),
                    step: step.id.clone(),
                    fault,
                    seed,
                    row,
                    lead: lead.clone(),
                    at,
                }));
            }
        }
        Ok(plan)
    }

    /// Does one of its cases. `say` gets what happens, a line each.
    ///
    /// # Errors
    /// The cell cannot be simulated at all.
    pub fn strike(&self, case: &Case, say: &mut dyn FnMut(&str)) -> Result<Ended, SimError> {
        match self.rows.get(case.row) {
            Some(setup) => strike::strike(setup, case, say),
            None => Err(SimError::ProgramError(format!("{} is a case of another recipe", case.name()))),
        }
    }
}

/// A row with its parts as the lead has them.
fn prepared(setup: &Setup, lead: &Lead) -> Prepared {
    let Setup { cell, plan, plant } = setup.clone();
    let mut plant = (*plant).clone();
    plant.given = lead.parts();
    plant.grippers.miss = 0.0;
    plant.labels.unreadable = lead.unreadable();
    Prepared { cell, plan, recipe: None, plant: Some(plant), terms: None, sets: Default::default() }
}

/// Does all of something on as many threads as this machine has cores; `done` hears each, in whatever order they end.
///
/// # Errors
/// The first that failed.
pub fn on_all_cores<T: Sync, R: Send>(
    work: &[T],
    each: impl Fn(&T) -> Result<R, SimError> + Sync,
    done: impl Fn(usize, &R) + Sync,
) -> Result<Vec<R>, SimError> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let worker = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = work.get(i) else { return };
            let result = each(item);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            if let Ok(result) = &result {
                done(results.len() + 1, result);
            }
            results.push((i, result));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(work.len());
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let ended: Vec<_> = handles.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        match ended.iter().any(Result::is_err) {
            true => Err(SimError::ProgramError("a thread of a test unwound".to_owned())),
            false => Ok(()),
        }
    })?;
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(i, _)| *i);
    results.into_iter().map(|(_, result)| result).collect()
}
