//! `--diff` and `--report` of `approve`: what a reviewer reads before they sign.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use cellwright_model::plan::Plan;
use cellwright_sim::{Approvable, read_approvable};
use serde_json::json;

use super::content::Contents;
use super::diff::{Diff, Version};
use super::files::{Put, whole};
use super::outline::Outline;
use super::report::{Subject, html};
use crate::cli::args::ApproveArgs;
use crate::cli::out::outln;
use crate::cli::{Failure, print_json, shown};

pub(super) fn run(args: &ApproveArgs) -> Result<ExitCode, Failure> {
    let (recipe, folder) = (args.recipe.to_string_lossy(), args.cell.to_string_lossy());
    let approvable = shown(read_approvable(&recipe, &folder))?;
    let new = version(&args.recipe, approvable.recipe.plans.clone())?;
    let mut change = None;
    if let Some(path) = &args.diff {
        // An old version may be of an older cell: its text can be compared all the same.
        let old = read_approvable(&path.to_string_lossy(), &folder).prepared;
        let old = version(path, old.map(|a| a.recipe.plans).unwrap_or_default())?;
        let diff = Diff::of(&old, &new);
        tell(args, &old, &new, &diff);
        change = Some((old.title(), diff));
    }
    if let Some(path) = &args.report {
        report(args, path, &approvable, &new, change)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn version(recipe: &Path, plans: Vec<Plan>) -> Result<Version, Failure> {
    Ok(Version { outlines: Outline::read(&recipe.to_string_lossy())?, plans })
}

fn report(
    args: &ApproveArgs,
    path: &Path,
    approvable: &Approvable,
    version: &Version,
    diff: Option<(String, Diff)>,
) -> Result<(), Failure> {
    let contents = Contents::of(approvable)?;
    let subject = Subject {
        recipe: &args.recipe,
        folder: &args.cell,
        cell: &approvable.cell,
        content: &contents.recipe,
        version,
        diff,
        units: args.units,
        seed: args.seed,
    };
    let page = html(&subject)?;
    whole(path, page.as_bytes(), Put::Instead)?;
    match (args.json, &args.diff) {
        (false, _) => outln!("{}: for the reviewer ({})", contents.recipe.title(), path.display()),
        (true, None) => print_json(&json!({ "report": path })),
        // One object: the diff has been told.
        (true, Some(_)) => {}
    }
    Ok(())
}

fn tell(args: &ApproveArgs, old: &Version, new: &Version, diff: &Diff) {
    let rows = rows(old, new);
    if args.json {
        let rows: Vec<_> = rows.iter().map(|(row, word)| json!({ "row": row, "compiled": word })).collect();
        return print_json(
            &json!({ "from": old.title(), "to": new.title(), "changes": diff.json(), "rows": rows, "old_holds": !old.plans.is_empty() }),
        );
    }
    outln!("{} → {}", old.title(), new.title());
    if diff.is_empty() {
        outln!("nothing means anything else");
    }
    diff.lines().iter().for_each(|line| outln!("{line}"));
    rows.iter().for_each(|(row, word)| outln!("compiled for the cell, {row}: {word}"));
    if old.plans.is_empty() {
        outln!("the old version does not hold on this cell: limits of its rows are not compared");
    }
}

/// What a row is compiled to in both versions, whatever was found in the text: `the same`, `another`, `added`, `removed`.
fn rows(old: &Version, new: &Version) -> Vec<(String, &'static str)> {
    if old.plans.is_empty() {
        return Vec::new();
    }
    let names: BTreeSet<&Option<String>> = old.plans.iter().chain(&new.plans).map(|p| &p.variant).collect();
    let find =
        |version: &Version, name: &Option<String>| version.plans.iter().find(|p| p.variant == *name).cloned();
    let word = |name: &Option<String>| match (find(old, name), find(new, name)) {
        (Some(a), Some(b)) if made(a.clone()) == made(b.clone()) => "the same",
        (Some(_), Some(_)) => "another",
        (None, _) => "added",
        (_, None) => "removed",
    };
    names.into_iter().map(|n| (n.clone().unwrap_or_else(|| "defaults".to_owned()), word(n))).collect()
}

/// A Plan without what names its version, and without the words of its parameters, whose values stand in its steps.
fn made(plan: Plan) -> Plan {
    Plan {
        recipe_version: String::new(),
        recipe_hash: String::new(),
        specification: None,
        params: Vec::new(),
        ..plan
    }
}
