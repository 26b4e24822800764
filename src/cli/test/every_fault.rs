//! Each fault at each step of the recipes that the test files name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cellwright_recipe::scenario_text::TestFile;
use cellwright_sim::Reading;
use cellwright_sim::every_fault::{Case, Ended, Recipe, on_all_cores, read_rows};

use super::{Progress, find};
use crate::cli::args::TestArgs;
use crate::cli::out::outln;
use crate::cli::{Failure, shown};

/// End of the name of a recipe.
const RECIPES: &str = ".recipe.yaml";

/// What came of all cases.
pub(super) struct Swept {
    pub(super) ended: Vec<Ended>,
    /// Recipe, row and step that no lead comes to.
    pub(super) never_reached: Vec<(String, Option<String>, String)>,
    /// Recipes beside test files that none of them has to do with.
    pub(super) untested: Vec<String>,
    pub(super) rows: usize,
}

impl Swept {
    pub(super) fn holds(&self) -> bool {
        let found = self.ended.iter().any(|e| !e.findings.is_empty());
        !found && self.never_reached.is_empty() && self.untested.is_empty()
    }

    /// How many ended in which way.
    pub(super) fn ends(&self) -> BTreeMap<&'static str, usize> {
        let mut ends = BTreeMap::new();
        for end in self.ended.iter().filter_map(|e| e.end.as_ref()) {
            *ends.entry(end.word()).or_default() += 1;
        }
        ends
    }
}

pub(super) fn sweep(
    files: &[Reading<TestFile>],
    args: &TestArgs,
    progress: &Progress,
) -> Result<Swept, Failure> {
    let named: BTreeSet<(&str, &str)> = files
        .iter()
        .filter_map(|f| f.prepared.as_ref())
        .map(|f| (f.recipe.as_str(), f.cell.as_str()))
        .collect();
    let recipes: Vec<Recipe> =
        named.iter().map(|(recipe, cell)| shown(read_rows(recipe, cell))).collect::<Result<_, _>>()?;
    // What the whole sweep has left out is no matter of one of its cases.
    let whole = args.only.is_none();
    let untested = if whole { untested(files, args)? } else { Vec::new() };
    let mut swept = Swept { ended: Vec::new(), never_reached: Vec::new(), untested, rows: 0 };
    let plans =
        on_all_cores(&recipes, |r| r.plan(args.seed), |n, _| progress.show("leads", n, recipes.len()))?;
    let mut cases: Vec<(&Recipe, Case)> = Vec::new();
    for (recipe, plan) in recipes.iter().zip(plans) {
        swept.rows += recipe.rows();
        cases.extend(plan.cases.into_iter().map(|case| (recipe, case)));
        let path = || recipe.path.clone();
        if whole {
            swept.never_reached.extend(plan.never_reached.into_iter().map(|(row, step)| (path(), row, step)));
        }
    }
    match &args.only {
        Some(only) => {
            cases.retain(|(_, case)| case.name().contains(only.as_str()));
            swept.ended = replayed(&cases, only, args.json)?;
        }
        None => {
            let each = |(recipe, case): &(&Recipe, Case)| recipe.strike(case, &mut |_| {});
            swept.ended = on_all_cores(&cases, each, |n, _| progress.show("faults", n, cases.len()))?;
        }
    }
    Ok(swept)
}

/// One after the other, with what happens (not among JSON: `silent`).
fn replayed(cases: &[(&Recipe, Case)], only: &str, silent: bool) -> Result<Vec<Ended>, Failure> {
    if cases.is_empty() {
        let help = "names are VARIANT/STEP/FAULT, with `defaults` for no variant";
        return Err(Failure::Usage(format!("no combination is called `{only}`; {help}")));
    }
    let mut ended = Vec::new();
    for (recipe, case) in cases {
        let tell = |line: &str| {
            if !silent {
                outln!("{line}");
            }
        };
        tell(&format!("{} {}", case.recipe, case.name()));
        ended.push(recipe.strike(case, &mut |line| tell(&format!("    {line}")))?);
    }
    Ok(ended)
}

/// Recipes in the folders that were named, of which no test file has read anything.
fn untested(files: &[Reading<TestFile>], args: &TestArgs) -> Result<Vec<String>, Failure> {
    let mut recipes = Vec::new();
    for path in args.paths.iter().filter(|p| p.is_dir()) {
        find(path, RECIPES, 0, &mut recipes)?;
    }
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let read: BTreeSet<_> =
        files.iter().flat_map(|f| f.sources.files()).map(|f| real(Path::new(&f.path))).collect();
    recipes.retain(|r| !read.contains(&real(r)));
    Ok(recipes.iter().map(|r| r.display().to_string()).collect())
}
