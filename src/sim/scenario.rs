//! Plays scenarios and tests in process and in virtual time, with the auditors of motion, states and places looking on.

mod player;
mod seen;

use cellwright_recipe::scenario_text::{Act, Scenario, Setup, TestFile, When};
use cellwright_recipe::{Code, Diagnostic, Severity, Sources, Span, load_scenario, load_tests};

use crate::files::Files;
use crate::load::{Reading, keep, setup};
use crate::{Latency, Options, Prepared, SimError, Storage, VirtualCell};

use player::Player;

/// What became of a scenario.
#[derive(Debug)]
pub struct Played {
    /// Reactions in cycles, requests that were refused.
    pub said: Vec<String>,
    /// Empty: it holds.
    pub unmet: Vec<Unmet>,
    pub virtual_s: f64,
}

/// One expectation that was not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// Where it stands in the file.
    pub span: Span,
    pub expected: String,
    pub came: String,
}

impl From<&Unmet> for Diagnostic {
    fn from(unmet: &Unmet) -> Diagnostic {
        Diagnostic {
            code: Code::NotMet,
            severity: Severity::Error,
            span: unmet.span,
            message: format!("expected {}; came {}", unmet.expected, unmet.came),
            help: "mend what leads to it; or, if what came is right, expect that".to_owned(),
            labels: Vec::new(),
        }
    }
}

/// Who answers for what is made.
const OPERATOR: &str = "auto:test";

/// Reads a test file, with the cells and recipes that it names.
pub fn read_tests(path: &str) -> Reading<TestFile> {
    let (mut sources, alarms) = (Sources::default(), cellwright_engine::catalogue::words());
    let read = load_tests(
        &Files,
        path,
        &alarms,
        &mut |machine, sources| setup(machine.cell, machine.recipe, machine.variant, sources),
        &mut sources,
    );
    reading(read, sources)
}

/// Reads a scenario file; `root`: the folder below which its cell stands in `cells/`, and its recipe.
pub fn read_scenario(path: &str, root: &str) -> Reading<Scenario> {
    let (mut sources, alarms) = (Sources::default(), cellwright_engine::catalogue::words());
    let read = load_scenario(
        &Files,
        path,
        &alarms,
        &mut |machine, sources| {
            let (cell, recipe) =
                (format!("{root}/cells/{}", machine.cell), format!("{root}/{}", machine.recipe));
            setup(&cell, &recipe, machine.variant, sources)
        },
        &mut sources,
    );
    reading(read, sources)
}

fn reading<T>(read: Result<T, Vec<Diagnostic>>, sources: Sources) -> Reading<T> {
    let mut diagnostics = Vec::new();
    let mut prepared = None;
    let result = read.map(|value| {
        prepared = Some(value);
        Vec::new()
    });
    keep(result, &mut diagnostics);
    Reading { sources, diagnostics, prepared }
}

/// Plays it to its end.
///
/// # Errors
/// The cell cannot be simulated at all.
pub fn play(scenario: &Scenario) -> Result<Played, SimError> {
    let folder = tempfile::tempdir().map_err(SimError::Folder)?;
    // Only a scenario that kills the controller needs a record on a disk.
    let kills = |w: &When| w.acts.iter().any(|a| matches!(a, Act::Controller { .. }));
    let storage = if scenario.when.iter().any(kills) {
        Storage::Outbox { state: folder.path().to_owned(), latency: Latency::default() }
    } else {
        Storage::Instant
    };
    let seed = scenario.given.seed;
    let options = Options { seed, operator: Some(OPERATOR.to_owned()), storage, ..Options::default() };
    let cell = VirtualCell::new(prepared(scenario), options)?;
    Player::new(cell, scenario).play()
}

fn prepared(scenario: &Scenario) -> Prepared {
    let Setup { cell, plan, plant } = scenario.setup.clone();
    let mut plant = (*plant).clone();
    if let Some(miss) = scenario.given.miss {
        plant.grippers.miss = miss;
    }
    if let Some(parts) = &scenario.given.parts {
        plant.given = parts.clone();
    }
    Prepared { cell, plan, recipe: None, plant: Some(plant), terms: None, sets: Default::default() }
}
