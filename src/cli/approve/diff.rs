//! `cellwright approve --diff`: what is another between two versions of a recipe, by meaning: fields with their values
//! in one form, steps that came, went or moved, and the limits that units are judged by, row by row.

use std::collections::{BTreeMap, BTreeSet};

use cellwright_model::plan::{MeasurementSpec, Plan};
use serde_json::{Value, json};

use super::outline::{Outline, Step};
use crate::cli::graph::{limits, window};

/// What became of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Added {
        path: String,
        to: String,
    },
    Removed {
        path: String,
        from: String,
    },
    Changed {
        path: String,
        from: String,
        to: String,
    },
    /// A step: what it stood behind, and stands behind now.
    Moved {
        path: String,
        from: String,
        to: String,
    },
}

/// Every change, and what it is about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Diff {
    /// Section (`params`, `steps`, `limits`, …; with the file, for a sub-recipe) and its changes, in order.
    pub(super) sections: Vec<(String, Vec<Change>)>,
}

impl Diff {
    /// From the old version to the new one.
    pub(super) fn of(old: &Version, new: &Version) -> Diff {
        let mut diff = Diff::default();
        let names: BTreeSet<&String> = old.outlines.keys().chain(new.outlines.keys()).collect();
        let empty = Outline::default();
        for name in names {
            let [a, b] = [old, new].map(|version| version.outlines.get(name).unwrap_or(&empty));
            let file = if name.is_empty() { String::new() } else { format!("{name}: ") };
            diff.fields(&file, &a.fields, &b.fields);
            diff.put(&file, "steps", steps(&a.steps, &b.steps));
        }
        if !old.plans.is_empty() && !new.plans.is_empty() {
            diff.put("", "limits", fields(&judged(&old.plans), &judged(&new.plans)));
        }
        diff
    }

    /// A section for each first word of the paths.
    fn fields(&mut self, file: &str, a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) {
        let section = |path: &String| path.split(['.', '[']).next().unwrap_or_default().to_owned();
        let all: BTreeSet<String> = a.keys().chain(b.keys()).map(section).collect();
        let of = |map: &BTreeMap<String, String>, name: &String| {
            map.iter().filter(|(p, _)| section(p) == *name).map(|(p, v)| (p.clone(), v.clone())).collect()
        };
        for name in &all {
            let (a, b): (BTreeMap<_, _>, BTreeMap<_, _>) = (of(a, name), of(b, name));
            self.put(file, name, fields(&a, &b));
        }
    }

    fn put(&mut self, file: &str, section: &str, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.sections.push((format!("{file}{section}"), changes));
        }
    }

    /// Nothing means anything else.
    pub(super) fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }

    /// Lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (section, changes) in &self.sections {
            lines.push(section.clone());
            lines.extend(changes.iter().map(|c| format!("  {c}")));
        }
        lines
    }

    /// An array of changes.
    pub(super) fn json(&self) -> Value {
        let row = |section: &String, change: &Change| {
            let (word, path, from, to) = match change {
                Change::Added { path, to } => ("added", path, None, Some(to)),
                Change::Removed { path, from } => ("removed", path, Some(from), None),
                Change::Changed { path, from, to } => ("changed", path, Some(from), Some(to)),
                Change::Moved { path, from, to } => ("moved", path, Some(from), Some(to)),
            };
            json!({ "section": section, "change": word, "path": path, "from": from, "to": to })
        };
        self.sections.iter().flat_map(|(section, all)| all.iter().map(move |c| row(section, c))).collect()
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Change::Added { path, to } => write!(f, "added    {path}: {to}"),
            Change::Removed { path, from } => write!(f, "removed  {path}: {from}"),
            Change::Changed { path, from, to } => write!(f, "changed  {path}: {from} → {to}"),
            Change::Moved { path, from, to } => write!(f, "moved    {path}: {from} → {to}"),
        }
    }
}

/// One version of a recipe.
pub(super) struct Version {
    /// By name of the sub-recipe; the recipe's own is empty.
    pub(super) outlines: BTreeMap<String, Outline>,
    /// Of every row; none of a version that does not hold on the cell.
    pub(super) plans: Vec<Plan>,
}

impl Version {
    /// `cannula-hub 3.2.0`.
    pub(super) fn title(&self) -> String {
        let field =
            |name: &str| self.outlines.get("").and_then(|o| o.fields.get(name)).map_or("?", String::as_str);
        format!("{} {}", field("id"), field("version"))
    }
}

fn fields(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<Change> {
    let paths: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let change = |path: &String| match (a.get(path).cloned(), b.get(path).cloned()) {
        (Some(from), Some(to)) if from != to => Some(Change::Changed { path: path.clone(), from, to }),
        (Some(from), None) => Some(Change::Removed { path: path.clone(), from }),
        (None, Some(to)) => Some(Change::Added { path: path.clone(), to }),
        _ => None,
    };
    paths.into_iter().filter_map(change).collect()
}

/// By id: gone, new, moved, and what is another in those that stayed.
fn steps(old: &[Step], new: &[Step]) -> Vec<Change> {
    let by_id = |steps: &[Step]| -> BTreeMap<String, usize> {
        steps.iter().enumerate().map(|(n, s)| (s.id.clone(), n)).collect()
    };
    let (before, after) = (by_id(old), by_id(new));
    let words = |s: &Step| {
        let fields: Vec<_> = s.fields.iter().map(|(path, value)| format!("{path}: {value}")).collect();
        format!("{} {{ {} }}", s.kind, fields.join(", "))
    };
    let mut changes = Vec::new();
    for step in old.iter().filter(|s| !after.contains_key(&s.id)) {
        changes.push(Change::Removed { path: step.id.clone(), from: words(step) });
    }
    let stayed = in_order(old, new, &before);
    for (n, step) in new.iter().enumerate() {
        let Some(was) = before.get(&step.id).map(|n| (&old[*n], *n)) else {
            changes.push(Change::Added {
                path: step.id.clone(),
                to: format!("{}, {}", place(new, n), words(step)),
            });
            continue;
        };
        if was.0.within != step.within || !stayed.contains(&step.id) {
            let (from, to) = (place(old, was.1), place(new, n));
            changes.push(Change::Moved { path: step.id.clone(), from, to });
        }
        if was.0.kind != step.kind {
            let (from, to) = (was.0.kind.clone(), step.kind.clone());
            changes.push(Change::Changed { path: step.id.clone(), from, to });
        }
        let named = |s: &Step| -> BTreeMap<String, String> {
            s.fields.iter().map(|(path, value)| (format!("{}.{path}", s.id), value.clone())).collect()
        };
        changes.extend(fields(&named(was.0), &named(step)));
    }
    changes
}

/// What it stands behind, in the same branch.
fn place(steps: &[Step], n: usize) -> String {
    let within = &steps[n].within;
    match steps[..n].iter().rev().find(|s| s.within == *within) {
        Some(before) => format!("behind {} in {within}", before.id),
        None => format!("first in {within}"),
    }
}

/// The most steps that are in the same order in both: those that did not move. Of places in the old version, in the
/// order of the new one, the longest sequence that rises.
fn in_order(old: &[Step], new: &[Step], before: &BTreeMap<String, usize>) -> BTreeSet<String> {
    let common: Vec<usize> = new.iter().filter_map(|s| before.get(&s.id).copied()).collect();
    // For each length, the smallest end of a rising sequence of it; and what comes before each in its own.
    let (mut ends, mut previous) = (Vec::<usize>::new(), BTreeMap::new());
    for at in common {
        let length = ends.partition_point(|end| *end < at);
        if let Some(last) = length.checked_sub(1).map(|n| ends[n]) {
            previous.insert(at, last);
        }
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut stayed = BTreeSet::new();
    let mut next = ends.last().copied();
    while let Some(at) = next {
        stayed.insert(old[at].id.clone());
        next = previous.get(&at).copied();
    }
    stayed
}

/// What units are judged by, as it is compiled: parameters and sub-recipes put in.
fn judged(plans: &[Plan]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for plan in plans {
        let row = plan.variant.as_deref().unwrap_or("defaults");
        for step in &plan.steps {
            for m in &step.measurements {
                all.insert(format!("{row}: {}/{}", step.id, m.name), judged_by(m));
            }
            for (n, w) in step.windows.iter().enumerate() {
                all.insert(format!("{row}: {}/window-{}", step.id, n + 1), window(w));
            }
        }
    }
    all
}

fn judged_by(m: &MeasurementSpec) -> String {
    let warn = m.warn.map_or(String::new(), |(lo, hi)| format!(", warn {lo} .. {hi} {}", m.unit));
    let spec = m.spec.as_ref().map_or(String::new(), |s| format!(", {s}"));
    format!("{}{warn}{spec}", limits(m))
}

#[cfg(test)]
mod tests {
    use super::super::outline::of_text;
    use super::*;

    const OLD: &str = "id: r\nversion: 1.0.0\nparams:\n  depth: { default: 12.40 mm, max: 12.5 mm }\nsteps:\n  \
                       - scan: { id: a, timeout: 5 s }\n  - press: { id: b, press: { velocity: 2 mm/s }, on_fail: reject }\n  \
                       - wait: { id: c, until: air_ok, timeout: 1 s }\n  - inspect: { id: d, job: tip@4 }\non_reject:\n  - unload: { id: out }\n";

    fn version(text: &str) -> Version {
        Version { outlines: BTreeMap::from([(String::new(), of_text(text))]), plans: vec![] }
    }

    fn lines(new: &str) -> Vec<String> {
        Diff::of(&version(OLD), &version(new)).lines()
    }

    #[test]
    fn the_same_in_other_words_is_the_same() {
        let new =
            OLD.replace("12.40 mm", "0.0124 m").replace("timeout: 5 s", "timeout: 5000 ms") + "# a comment\n";
        assert_ne!(new, OLD);
        assert!(Diff::of(&version(OLD), &version(&new)).is_empty());
        assert!(Diff::of(&version(OLD), &version(OLD)).is_empty());
    }

    #[test]
    fn a_word_with_a_comma_is_not_two() {
        let answers = |list: &str| format!("id: r\nsteps:\n  - confirm: {{ id: a, answers: {list} }}\n");
        let (one, two) = (answers("[\"ok, ng\", other]"), answers("[ok, ng, other]"));
        let lines = Diff::of(&version(&one), &version(&two)).lines();
        assert_eq!(lines, ["steps", "  changed  a.answers: [\"ok, ng\", other] → [ok, ng, other]"]);
    }

    #[test]
    fn values_have_their_paths_and_one_form() {
        let new = OLD
            .replace("12.40 mm", "12.42 mm")
            .replace("2 mm/s", "0.003 m/s")
            .replace(", on_fail: reject", "");
        assert_eq!(
            lines(&new),
            [
                "params",
                "  changed  params.depth.default: 12.4 mm → 12.42 mm",
                "steps",
                "  removed  b.on_fail: reject",
                "  changed  b.press.velocity: 2 mm/s → 3 mm/s",
            ]
        );
    }

    #[test]
    fn steps_come_go_and_move() {
        let (a, c) =
            ("  - scan: { id: a, timeout: 5 s }\n", "  - wait: { id: c, until: air_ok, timeout: 1 s }\n");
        let moved = OLD.replace(a, "").replace("on_reject:", &format!("{a}on_reject:"));
        assert_eq!(lines(&moved), ["steps", "  moved    a: first in steps → behind d in steps"]);
        let new =
            OLD.replace(c, "").replace("  - inspect", "  - check: { id: e, that: air_ok }\n  - inspect");
        assert_eq!(
            lines(&new),
            [
                "steps",
                "  removed  c: wait { timeout: 1 s, until: air_ok }",
                "  added    e: behind b in steps, check { that: air_ok }",
            ]
        );
        let beside = OLD.replace(c, "  - parallel:\n      id: p\n      branches:\n        one:\n          - wait: { id: c, until: air_ok, timeout: 1 s }\n        two:\n          - set: { id: s }\n");
        let lines = lines(&beside);
        assert!(lines.contains(&"  moved    c: behind b in steps → first in p/one".to_owned()), "{lines:?}");
        assert!(
            lines.iter().any(|l| l.starts_with("  added    p: behind b in steps, parallel")),
            "{lines:?}"
        );
        assert_eq!(lines.len(), 4, "{lines:?}");
    }

    #[test]
    fn another_kind_under_the_same_id_is_told() {
        let new =
            OLD.replace("- wait: { id: c, until: air_ok, timeout: 1 s }", "- check: { id: c, that: air_ok }");
        assert!(lines(&new).contains(&"  changed  c: wait → check".to_owned()));
    }
}
