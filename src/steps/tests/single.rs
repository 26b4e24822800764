//! One mistake is told once: in the shipped recipes each key and each value is made wrong by itself.

#[path = "../../recipe/tests/common/mod.rs"]
mod common;

use cellwright_model::cell::Cell;
use cellwright_recipe::{Code, Diagnostic, Node, Sink, Sources, Value, compile, load_cell, tree};
use cellwright_steps::TABLE;
use common::{Files, repository, rows};

const RECIPES: [(&str, &str); 4] = [
    ("recipes/cannula-hub/cannula-hub.recipe.yaml", "cells/cannula-cell/cell.yaml"),
    ("recipes/cannula-rework/cannula-rework.recipe.yaml", "cells/cannula-cell/cell.yaml"),
    ("recipes/labelled-hub/labelled-hub.recipe.yaml", "cells/cannula-cell/cell.yaml"),
    ("recipes/press-fit/press-fit.recipe.yaml", "cells/press-bench/cell.yaml"),
];

/// A text with one piece of it written otherwise.
struct Edit {
    what: String,
    text: String,
}

/// Every edit of a text: keys misspelt, values misspelt and of another kind.
fn edits(base: &str) -> Vec<Edit> {
    let mut sink = Sink::new();
    let (_, root) = tree::parse("base", base.as_bytes(), &mut Sources::default(), &mut sink);
    let mut out = Vec::new();
    visit(&root.expect("a tree"), base, &mut out);
    out
}

fn visit(node: &Node, base: &str, out: &mut Vec<Edit>) {
    let mut edit = |span: cellwright_recipe::Span, to: String| {
        let (start, end) = (span.start as usize, span.end as usize);
        let line = base[..start].matches('\n').count() + 1;
        let text = format!("{}{to}{}", &base[..start], &base[end..]);
        out.push(Edit { what: format!("line {line}: `{}` -> `{to}`", &base[start..end]), text });
    };
    match &node.value {
        Value::Scalar(scalar) => {
            edit(node.span, format!("{}x", scalar.text));
            edit(node.span, "[]".to_string());
            edit(node.span, "7 kg".to_string());
        }
        Value::Sequence(list) => list.iter().for_each(|n| visit(n, base, out)),
        Value::Mapping(map) => {
            for entry in &map.entries {
                edit(entry.key_span, format!("{}x", entry.key));
            }
            map.entries.iter().for_each(|e| visit(&e.node, base, out));
        }
        Value::Refused => {}
    }
}

fn told(path: &str, text: &str, cell: &Cell) -> (Vec<Diagnostic>, Sources) {
    let mut sources = Sources::default();
    let list = match compile(&Files::with(path, text), path, cell, None, TABLE, &mut sources) {
        Ok((_, warnings)) => warnings,
        Err(list) => list,
    };
    (list, sources)
}

/// Told besides, and rightly: a parameter whose only use is gone; every limit that names a paragraph of another
/// specification; a default that is of another kind than the rows or the step take it for, and nobody knows which is
/// wrong.
fn follows(edit: &Edit, told: &Diagnostic) -> bool {
    match told.code {
        Code::UnusedParam => edit.what.contains("`$"),
        Code::SpecMismatch => edit.what.contains("-> `DS-0142x`"),
        Code::ParamKind => edit.what.ends_with("-> `7 kg`"),
        _ => false,
    }
}

#[test]
fn one_mistake_is_told_once() {
    let (mut tried, mut noisy) = (0, Vec::new());
    for (path, cell) in RECIPES {
        let base = repository(path);
        let (cell, _) = load_cell(&Files::default(), cell, None, &mut Sources::default()).expect("a cell");
        for edit in edits(&base) {
            let (list, sources) = told(path, &edit.text, &cell);
            tried += 1;
            let list: Vec<_> = list.into_iter().filter(|d| !follows(&edit, d)).collect();
            if list.len() > 1 {
                noisy.push(format!("{} {}\n    {}", path, edit.what, rows(&list, &sources).join("\n    ")));
            }
        }
    }
    assert!(noisy.is_empty(), "{} of {tried}:\n{}", noisy.len(), noisy.join("\n"));
}
