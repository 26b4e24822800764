//! Scenario files (`*.scenario.yaml`: one scenario of one machine) and test files (`*.test.yaml`: the scenarios that a
//! recipe must survive): given a machine and what is to be made, when this happens do that, then expect.
//!
//! ```yaml
//! test: 1
//! about: What cannula-hub must survive.
//! recipe: cannula-hub.recipe.yaml
//! cell: ../../cells/cannula-cell
//! tests:
//!   - id: thick-cannula
//!     about: A cannula that is too thick trips the force limit; the unit goes to the bin.
//!     given: { seed: 7, parts: { cannula: cannula_oversize } }
//!     expect: { units: { ng: 1 }, steps: [ { step: press-cannula, outcome: failed } ] }
//! ```
//! A file says what is done to the machine, never how a bench does it. Both kinds have the same words, read here once.

mod act;
mod expect;
mod given;

use std::collections::BTreeMap;
use std::sync::Arc;

use cellwright_model::DurationNs;
use cellwright_model::cell::Cell;
use cellwright_model::faults::FaultEntry;
use cellwright_model::injection::Injection;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::plan::Plan;
use cellwright_model::plant::PlantDescription;

use crate::cell_text::{parse, schema};
use crate::code::Code;
use crate::decode::{Decoder, Fields};
use crate::diagnostic::{Diagnostic, Sink};
use crate::scope::Scope;
use crate::source::{FileSource, Sources, Span};
use crate::suggest;
use crate::tree::Node;

pub use expect::{Content, Expect, ExpectedAlarm, ExpectedMeasurement, ExpectedStep, Spot};
pub use given::{Given, Loaded, Operator};

/// Tests of one file: more nobody reads.
const TESTS_MAX: usize = 1_000;
/// How long an entry waits for its moment, and the end for its state, unless it says otherwise.
const WITHIN: DurationNs = DurationNs::from_millis(120_000);

/// The machine of a scenario with what it makes, checked.
#[derive(Debug, Clone)]
pub struct Setup {
    pub cell: Arc<Cell>,
    pub plan: Arc<Plan>,
    pub plant: Arc<PlantDescription>,
}

/// Reads and checks the cell in a folder, its plant and a recipe in one of its variants, for a file that names them.
/// Errors: everything that is wrong with them.
pub type Prepare<'a> = dyn FnMut(&Machine<'_>, &mut Sources) -> Result<Setup, Vec<Diagnostic>> + 'a;

/// What a scenario names.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    /// Folder of a test file, name of a scenario file.
    pub cell: &'a str,
    pub recipe: &'a str,
    pub variant: Option<&'a str>,
}

/// One scenario.
#[derive(Debug)]
pub struct Scenario {
    pub setup: Setup,
    pub given: Given,
    pub when: Vec<When>,
    pub expect: Expect,
}

/// A test file.
#[derive(Debug)]
pub struct TestFile {
    /// As paths are written: from where the file itself was named.
    pub cell: String,
    pub recipe: String,
    pub tests: Vec<Test>,
}

/// One of its scenarios.
#[derive(Debug)]
pub struct Test {
    pub id: String,
    pub about: String,
    /// Of its id.
    pub span: Span,
    pub scenario: Scenario,
}

/// One entry: waits for its moment, after the entry before it; then acts.
#[derive(Debug)]
pub struct When {
    /// Of the moment.
    pub span: Span,
    pub at: Moment,
    pub within: DurationNs,
    pub acts: Vec<Act>,
    /// From the cycle in which the controller takes the acts: every axis that moves decelerates.
    pub decelerates_within: Option<u64>,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq)]
pub enum Moment {
    Now,
    Cycle(u64),
    Time(DurationNs),
    State(CellState),
    /// A step is in a phase of its branch (`gate`, `preparing`, `running`, …).
    Step {
        step: String,
        phase: &'static str,
    },
    /// A step has ended.
    Ended(String),
    Alarm(String),
    /// Of this kind: `recipe`, `decision`, `reconcile`, `identity`.
    Question(&'static str),
}

/// What is done.
#[derive(Debug, Clone)]
pub enum Act {
    Command(CellCommand),
    /// The youngest open question.
    Answer(String),
    AcknowledgeAll,
    Load(Loaded),
    Order(u32),
    Wait(DurationNs),
    Machine(Injection),
    /// Below the wire, from now on.
    Fault(FaultEntry),
    Store {
        refuses: bool,
    },
    Controller {
        killed: bool,
    },
}

/// Reads a scenario file. `alarms`: the words of all alarms.
///
/// # Errors
/// Every mistake of the file, or of its cell and recipe.
pub fn load_scenario(
    files: &dyn FileSource,
    path: &str,
    alarms: &[&str],
    prepare: &mut Prepare<'_>,
    sources: &mut Sources,
) -> Result<Scenario, Vec<Diagnostic>> {
    let mut sink = Sink::new();
    let read = parse(files, path, sources, &mut sink).and_then(|(root, _)| {
        let scope = Scope::empty();
        let mut d = Decoder { sink: &mut sink, scope: &scope };
        let mut f = d.fields(&root)?;
        schema(&mut d, &mut f, "scenario");
        f.req("about", &mut d, |d, n| d.string(n));
        let given = f.entry("given");
        if given.is_none() {
            f.missing("given", &mut d);
        }
        let named = given::machine(&mut d, &given?.node);
        let [cell, recipe] = named?;
        let mut bench = Bench { alarms, prepare, sources };
        let setup = bench.setup(&mut d, [&cell, &recipe], None);
        let scenario = scenario(&mut d, &mut f, setup.as_ref()?, alarms, true);
        f.finish(&mut d);
        scenario
    });
    ended(read, sink)
}

/// Reads a test file. `alarms`: the words of all alarms.
///
/// # Errors
/// Every mistake of the file, or of its cell and recipe.
pub fn load_tests(
    files: &dyn FileSource,
    path: &str,
    alarms: &[&str],
    prepare: &mut Prepare<'_>,
    sources: &mut Sources,
) -> Result<TestFile, Vec<Diagnostic>> {
    let mut sink = Sink::new();
    let read = parse(files, path, sources, &mut sink).and_then(|(root, _)| {
        let scope = Scope::empty();
        let mut d = Decoder { sink: &mut sink, scope: &scope };
        let mut f = d.fields(&root)?;
        schema(&mut d, &mut f, "test");
        f.req("about", &mut d, |d, n| d.string(n));
        let recipe = f.req("recipe", &mut d, |d, n| beside(d, n, path));
        let cell = f.req("cell", &mut d, |d, n| beside(d, n, path));
        let tests = f.req("tests", &mut d, |_, n| Some(n));
        f.finish(&mut d);
        let (cell, recipe) = (cell?, recipe?);
        let mut bench = Bench { alarms, prepare, sources };
        let tests = tests_of(&mut d, tests?, [&cell, &recipe], &mut bench)?;
        Some(TestFile { cell: cell.0, recipe: recipe.0, tests })
    });
    ended(read, sink)
}

fn ended<T>(read: Option<T>, sink: Sink) -> Result<T, Vec<Diagnostic>> {
    match read {
        Some(read) if sink.errors() == 0 => Ok(read),
        _ => Err(sink.finish()),
    }
}

/// A path, from where the file itself was named.
fn beside(d: &mut Decoder<'_>, node: &Node, path: &str) -> Option<(String, Span)> {
    let text = d.string(node)?;
    let directory = path.rfind('/').map_or("", |at| &path[..=at]);
    Some((if text.starts_with('/') { text } else { format!("{directory}{text}") }, node.span))
}

/// Where machines come from.
struct Bench<'a, 'p> {
    alarms: &'a [&'a str],
    prepare: &'a mut Prepare<'p>,
    sources: &'a mut Sources,
}

impl Bench<'_, '_> {
    /// What is wrong with cell or recipe is told at its place; that they cannot be read, where they are named.
    fn setup(
        &mut self,
        d: &mut Decoder<'_>,
        [cell, recipe]: [&(String, Span); 2],
        variant: Option<(&str, Span)>,
    ) -> Option<Setup> {
        let machine = Machine { cell: &cell.0, recipe: &recipe.0, variant: variant.map(|(name, _)| name) };
        let wrong = match (self.prepare)(&machine, self.sources) {
            Ok(setup) => return Some(setup),
            Err(wrong) => wrong,
        };
        for diagnostic in wrong {
            let of_recipe = self.sources.file(diagnostic.span.file).path == recipe.0;
            let span = match (diagnostic.code, variant) {
                (Code::NotReadable, _) => {
                    if of_recipe {
                        recipe.1
                    } else {
                        cell.1
                    }
                }
                (Code::UnknownVariant, Some((_, span))) => span,
                _ => diagnostic.span,
            };
            d.sink.push(Diagnostic { span, ..diagnostic });
        }
        None
    }
}

fn tests_of(
    d: &mut Decoder<'_>,
    node: &Node,
    machine: [&(String, Span); 2],
    bench: &mut Bench<'_, '_>,
) -> Option<Vec<Test>> {
    d.capacity(node, TESTS_MAX);
    let list = d.list(node)?;
    if list.is_empty() {
        d.sink.error(Code::Empty, node.span, "no test", "write at least one");
    }
    let mut setups = BTreeMap::new();
    let mut ids: Vec<String> = Vec::new();
    let tests = list.iter().take(TESTS_MAX).map(|n| test(d, n, machine, bench, &mut setups, &mut ids));
    tests.collect::<Vec<_>>().into_iter().collect()
}

fn test(
    d: &mut Decoder<'_>,
    node: &Node,
    machine: [&(String, Span); 2],
    bench: &mut Bench<'_, '_>,
    setups: &mut BTreeMap<Option<String>, Option<Setup>>,
    ids: &mut Vec<String>,
) -> Option<Test> {
    let mut f = d.fields(node)?;
    let id = f.req("id", d, |d, n| d.identifier(n));
    if let Some(id) = &id {
        if ids.contains(&id.text) {
            let message = format!("a second test `{}`", id.text);
            d.error_at(Code::DuplicateId, id, message, "give each test its own id");
        }
        ids.push(id.text.clone());
    }
    let about = f.req("about", d, |d, n| d.string(n));
    let variant = f.opt("variant", d, |d, n| d.identifier(n));
    let name = variant.as_ref().map(|v| v.text.clone());
    let at = variant.as_ref().map(|v| (v.text.as_str(), v.span));
    let setup = setups.entry(name).or_insert_with(|| bench.setup(d, machine, at)).clone();
    let scenario = scenario(d, &mut f, setup.as_ref()?, bench.alarms, false);
    f.finish(d);
    let id = id?;
    Some(Test { about: about?, span: id.span, id: id.text, scenario: scenario? })
}

fn scenario(
    d: &mut Decoder<'_>,
    f: &mut Fields<'_>,
    setup: &Setup,
    alarms: &[&str],
    names_machine: bool,
) -> Option<Scenario> {
    let cx = Words { setup, alarms };
    let given = match f.entry("given") {
        Some(entry) => given::given(d, &entry.node, setup, names_machine),
        None => Some(given::Given::of_a_test()),
    };
    let when = f.opt("when", d, |d, n| all(d, n, |d, n| act::when(d, n, &cx)));
    let wrong_when = f.entry("when").is_some() && when.is_none();
    let expect = f.req("expect", d, |d, n| expect::expect(d, n, &cx));
    if wrong_when {
        return None;
    }
    Some(Scenario { setup: setup.clone(), given: given?, when: when.unwrap_or_default(), expect: expect? })
}

/// What may be named.
struct Words<'a> {
    setup: &'a Setup,
    alarms: &'a [&'a str],
}

impl Words<'_> {
    /// The id of a step of the recipe.
    fn step(&self, d: &mut Decoder<'_>, node: &Node) -> Option<String> {
        let text = d.text(node)?;
        let steps = self.setup.plan.steps.iter().map(|s| s.id.as_str());
        if steps.clone().any(|s| s == text.text) {
            return Some(text.text);
        }
        let help = suggest::remedy(&text.text, steps);
        d.error_at(Code::TestStep, &text, format!("the recipe has no step `{}`", text.text), help);
        None
    }

    fn alarm(&self, d: &mut Decoder<'_>, node: &Node) -> Option<String> {
        let text = d.text(node)?;
        if self.alarms.contains(&text.text.as_str()) {
            return Some(text.text);
        }
        let help = suggest::remedy(&text.text, self.alarms.iter().copied());
        d.error_at(Code::TestAlarm, &text, format!("there is no alarm `{}`", text.text), help);
        None
    }
}

/// Every element of a list; `None` if one is wrong, after all have been read.
fn all<T>(
    d: &mut Decoder<'_>,
    node: &Node,
    mut read: impl FnMut(&mut Decoder<'_>, &Node) -> Option<T>,
) -> Option<Vec<T>> {
    let list = d.list(node)?;
    list.iter().map(|n| read(d, n)).collect::<Vec<_>>().into_iter().collect()
}
