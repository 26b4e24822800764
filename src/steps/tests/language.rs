//! The manual of the language: each of its examples is compiled against the shipped cell, and gives the code that its
//! block names, or nothing.

#[path = "../../recipe/tests/common/mod.rs"]
mod common;

use std::collections::BTreeSet;

use cellwright_recipe::{Sources, compile_rows};
use cellwright_steps::TABLE;
use common::{Files, cell, repository, rows};

const MANUAL: &str = "recipes/manual/language.md";
const RECIPE: &str = "recipes/manual/example.recipe.yaml";
/// What an example that is no whole file stands in.
const FRAME: &str = "recipe: 1
id: example
version: 1.0.0
cell: cannula-cell
specification: { id: DS-0142, revision: C }
components:
  hub: { part: HUB-23, identify: per-unit }
steps:
  - pick-place: { id: place, station: load, robot: robot_l, from: hub_tray.next, to: nest, check: nest_hub_present }
  - scan: { id: id-hub, component: hub, at: nest }
  - unload: { id: good, station: test, robot: robot_r, from: nest, to: good_tray.next, check: good_pocket_filled }
on_reject:
  - unload: { id: bad, robot: robot_r, from: unit.location, to: reject_bin, check: bin_drop }
";

/// A fenced block: its line in the manual, the code that it names, its text.
struct Example {
    line: usize,
    code: Option<String>,
    text: String,
}

fn examples(manual: &str) -> Vec<Example> {
    let (mut out, mut open) = (Vec::new(), None::<Example>);
    for (n, line) in manual.lines().enumerate() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(info), None) => {
                let mut words = info.split(' ');
                assert_eq!(words.next(), Some("yaml"), "line {}: an example is yaml", n + 1);
                open =
                    Some(Example { line: n + 1, code: words.next().map(String::from), text: String::new() });
            }
            (Some(_), Some(example)) => out.push(example),
            (None, Some(mut example)) => {
                example.text += line;
                example.text.push('\n');
                open = Some(example);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is left open");
    out
}

/// Fields at the left margin, each with its lines.
fn fields(text: &str) -> Vec<(&str, String)> {
    let mut out: Vec<(&str, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        match line.split_once(':').filter(|_| line.starts_with(|c: char| c.is_ascii_lowercase())) {
            Some((field, _)) => out.push((field, line.to_string())),
            None => out.last_mut().expect("a field").1 += line,
        }
    }
    out
}

/// The recipe that an example stands in.
fn framed(text: &str) -> String {
    if text.starts_with("recipe:") {
        return text.to_string();
    }
    if text.starts_with("- ") {
        let indented: String = text.lines().map(|line| format!("  {line}\n")).collect();
        return FRAME.replacen("  - unload: { id: good", &format!("{indented}  - unload: {{ id: good"), 1);
    }
    let given = fields(text);
    let kept = fields(FRAME).into_iter().filter(|(field, _)| !given.iter().any(|(g, _)| g == field));
    let mut all: Vec<_> = kept.chain(given.clone()).collect();
    all.sort_by_key(|(field, _)| *field != "recipe");
    all.into_iter().map(|(_, lines)| lines).collect()
}

/// The name in the comment with which a sub-recipe begins.
fn sub_recipe(text: &str) -> Option<&str> {
    text.lines().next()?.strip_prefix("# ").filter(|name| name.ends_with(".recipe.yaml"))
}

#[test]
fn every_example_is_what_the_manual_says() {
    let examples = examples(&repository(MANUAL));
    let mut files = Files::default();
    for example in &examples {
        if let Some(name) = sub_recipe(&example.text) {
            files.0.insert(format!("recipes/manual/{name}"), example.text.clone().into_bytes());
        }
    }
    let (cell, mut failed, mut codes) = (cell(), Vec::new(), BTreeSet::new());
    for example in examples.iter().filter(|e| sub_recipe(&e.text).is_none()) {
        files.0.insert(RECIPE.to_string(), framed(&example.text).into_bytes());
        let mut sources = Sources::default();
        let list = compile_rows(&files, RECIPE, &cell, TABLE, &mut sources).map_or_else(|l| l, |(_, w)| w);
        let found: BTreeSet<&str> = list.iter().map(|d| d.code.as_str()).collect();
        if found != example.code.as_deref().into_iter().collect() {
            failed.push(format!("line {}: {}", example.line, rows(&list, &sources).join("; ")));
        }
        codes.extend(example.code.clone());
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(codes.len() > 15, "{codes:?}");
}

/// Every kind of step has an example.
#[test]
fn no_kind_is_left_out() {
    let examples = examples(&repository(MANUAL));
    let kinds = TABLE.iter().map(|k| k.name()).chain(["parallel", "repeat", "use"]);
    let missing: Vec<_> =
        kinds.filter(|kind| !examples.iter().any(|e| e.text.contains(&format!("- {kind}:")))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn an_example_stands_in_its_frame() {
    let text = framed("- wait: { id: w }\n");
    assert!(text.contains("  - wait: { id: w }\n  - unload: { id: good"), "{text}");
    let text = framed("params:\n  a: 1\nspecification: { id: X }\n");
    assert!(text.starts_with("recipe: 1\n") && text.contains("params:\n  a: 1\n"), "{text}");
    assert_eq!(text.matches("specification:").count(), 1);
    let two = examples("a\n```yaml R0101\nx: 1\n```\n```yaml\ny: 2\n```\n");
    assert_eq!((two[0].code.as_deref(), two[0].line, two[1].text.as_str()), (Some("R0101"), 2, "y: 2\n"));
}
