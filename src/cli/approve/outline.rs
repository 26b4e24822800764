//! A recipe file as what it means, field by field: paths with values in one form, whatever the order of the keys, the
//! spelling of units, or the comments; and its steps by their ids, in their order.

use std::collections::BTreeMap;

use cellwright_model::{Quantity, QuantityRange};
use cellwright_recipe::{Entry, FileSource, Node, Sink, Sources, Value, render, tree};
use cellwright_sim::files::Files;

use crate::cli::Failure;

/// A step, `parallel`, `repeat` or `use`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) id: String,
    pub(super) kind: String,
    /// `steps`, `on_reject`, `load/hub` of a parallel, `dry` of a repeat.
    pub(super) within: String,
    /// By path, without id and what stands within.
    pub(super) fields: BTreeMap<String, String>,
}

/// One file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Outline {
    /// By path: `params.seat_depth.default`; all but the steps.
    pub(super) fields: BTreeMap<String, String>,
    pub(super) steps: Vec<Step>,
}

impl Outline {
    /// A recipe and its sub-recipes by the names that it uses them under; the recipe's own name is empty.
    ///
    /// Errors: a file that cannot be read as strict YAML; its diagnostics.
    pub(super) fn read(recipe: &str) -> Result<BTreeMap<String, Outline>, Failure> {
        let folder = recipe.rfind('/').map_or("", |at| &recipe[..=at]);
        let mut all = BTreeMap::from([(String::new(), Outline::of_file(recipe)?)]);
        let mut open = vec![String::new()];
        while let Some(name) = open.pop() {
            let used: Vec<String> = all[&name].uses().map(str::to_owned).collect();
            for name in used {
                if !all.contains_key(&name) {
                    let outline = Outline::of_file(&format!("{folder}{name}.recipe.yaml"))?;
                    all.insert(name.clone(), outline);
                    open.push(name);
                }
            }
        }
        Ok(all)
    }

    fn of_file(path: &str) -> Result<Outline, Failure> {
        let bytes = Files.read(path).map_err(|e| Failure::Failed(format!("{path}: {e}; check the path")))?;
        let (mut sources, mut sink) = (Sources::default(), Sink::new());
        let (_, root) = tree::parse(path, &bytes, &mut sources, &mut sink);
        match root {
            Some(root) if sink.errors() == 0 => Ok(Outline::of(&root)),
            _ => Err(Failure::Failed(render(&sink.finish(), &sources).trim_end().to_owned())),
        }
    }

    fn of(root: &Node) -> Outline {
        let mut outline = Outline::default();
        for entry in entries(root) {
            match entry.key.as_str() {
                list @ ("steps" | "on_reject") => outline.list(&entry.node, list),
                name => flatten(&entry.node, name, &mut outline.fields),
            }
        }
        outline
    }

    fn list(&mut self, node: &Node, within: &str) {
        let Value::Sequence(list) = &node.value else { return };
        for entry in list.iter().flat_map(entries) {
            self.step(entry, within);
        }
    }

    fn step(&mut self, entry: &Entry, within: &str) {
        let mut step = Step {
            id: String::new(),
            kind: entry.key.clone(),
            within: within.to_owned(),
            fields: BTreeMap::new(),
        };
        let mut inside = Vec::new();
        for field in entries(&entry.node) {
            match (entry.key.as_str(), field.key.as_str()) {
                (_, "id") => step.id = word(&field.node).unwrap_or_default(),
                ("parallel", "branches") => {
                    inside.extend(entries(&field.node).iter().map(|b| (format!("/{}", b.key), &b.node)));
                }
                ("repeat", "steps") => inside.push((String::new(), &field.node)),
                (_, name) => flatten(&field.node, name, &mut step.fields),
            }
        }
        let id = step.id.clone();
        self.steps.push(step);
        inside.into_iter().for_each(|(branch, node)| self.list(node, &format!("{id}{branch}")));
    }

    fn uses(&self) -> impl Iterator<Item = &str> {
        let used = self.steps.iter().filter(|s| s.kind == "use").filter_map(|s| s.fields.get("recipe"));
        used.filter_map(|reference| reference.split('@').next())
    }
}

fn entries(node: &Node) -> &[Entry] {
    match &node.value {
        Value::Mapping(map) => &map.entries,
        _ => &[],
    }
}

fn flatten(node: &Node, path: &str, out: &mut BTreeMap<String, String>) {
    match &node.value {
        Value::Mapping(map) if map.entries.is_empty() => drop(out.insert(path.to_owned(), "{}".to_owned())),
        Value::Mapping(map) => {
            map.entries.iter().for_each(|e| flatten(&e.node, &format!("{path}.{}", e.key), out))
        }
        Value::Sequence(list) => match list.iter().map(word).collect::<Option<Vec<_>>>() {
            Some(words) => {
                // One word that has a comma is not two.
                let whole =
                    |w: &String| if w.contains([',', '[', ']', '"']) { format!("{w:?}") } else { w.clone() };
                let words: Vec<_> = words.iter().map(whole).collect();
                drop(out.insert(path.to_owned(), format!("[{}]", words.join(", "))));
            }
            None => list.iter().enumerate().for_each(|(n, e)| flatten(e, &format!("{path}[{n}]"), out)),
        },
        Value::Scalar(_) => drop(out.insert(path.to_owned(), word(node).unwrap_or_default())),
        Value::Refused => {}
    }
}

/// A quantity or range in the unit that records have it in; `None` for any other text.
fn quantity(text: &str) -> Option<String> {
    let one = Quantity::parse(text).map(|q| q.to_string());
    one.or_else(|_| QuantityRange::parse(text).map(|r| r.to_string())).ok()
}

/// A value without quotes in its one form; a word as it is.
pub(super) fn in_one_form(text: &str) -> String {
    quantity(text).unwrap_or_else(|| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A value in its one form; in quotes what would be something else without them.
fn word(node: &Node) -> Option<String> {
    let Value::Scalar(scalar) = &node.value else { return None };
    let text = scalar.text.as_str();
    let special = || {
        let other = text.contains('$') || text.parse::<f64>().is_ok() || matches!(text, "true" | "false");
        other || quantity(text).is_some()
    };
    Some(match scalar.plain {
        true => in_one_form(text),
        false if special() => format!("\"{text}\""),
        false => text.to_owned(),
    })
}

#[cfg(test)]
pub(super) fn of_text(text: &str) -> Outline {
    let (mut sources, mut sink) = (Sources::default(), Sink::new());
    let root = tree::parse("r.yaml", text.as_bytes(), &mut sources, &mut sink).1.expect("a tree");
    assert_eq!(sink.errors(), 0, "{:?}", sink.finish());
    Outline::of(&root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_order_and_comments_mean_nothing() {
        let a = of_text("id: r\nparams:\n  d: { default: 12.40 mm, min: 10000 um }\n");
        let b = of_text("# another\nparams:\n  d:\n    min: 10 mm\n    default: 0.0124 m # said\nid: 'r'\n");
        assert_eq!(a, b);
        assert_eq!(a.fields["params.d.default"], "12.4 mm");
        // In quotes it is a word, and another thing than the quantity.
        let quoted = of_text("params: { d: { default: '12.4 mm' } }\n");
        assert_eq!(quoted.fields["params.d.default"], "\"12.4 mm\"");
    }

    #[test]
    fn steps_have_their_ids_and_what_they_stand_in() {
        let text = "steps:\n  - parallel:\n      id: load\n      branches:\n        hub:\n          - scan: { id: a, at: nest }\n        \
                    other:\n          - use: { id: feed, recipe: feed-cannula@1, with: { lane: 2 } }\n  - press:\n      id: p\n      \
                    windows:\n        - { depth: 1 .. 2 mm, force: 1 .. 2 N }\n      answers: [ok, ng]\non_reject:\n  - unload: { id: u }\n";
        let outline = of_text(text);
        let steps: Vec<_> =
            outline.steps.iter().map(|s| (s.id.as_str(), s.kind.as_str(), s.within.as_str())).collect();
        let expected = [
            ("load", "parallel", "steps"),
            ("a", "scan", "load/hub"),
            ("feed", "use", "load/other"),
            ("p", "press", "steps"),
            ("u", "unload", "on_reject"),
        ];
        assert_eq!(steps, expected);
        assert_eq!(outline.steps[2].fields["with.lane"], "2");
        assert_eq!(outline.steps[3].fields["windows[0].depth"], "1 .. 2 mm");
        assert_eq!(outline.steps[3].fields["answers"], "[ok, ng]");
        assert_eq!(outline.uses().collect::<Vec<_>>(), ["feed-cannula"]);
    }
}
