//! At every word of the shipped files an author gets help: a hover says something, and where a name or one of a few words
//! stands, completion offers it.

use std::path::{Path, PathBuf};

use cellwright_editor::{Disk, Server};
use cellwright_recipe::shape::{FileKind, Names, Seen, What, steps, visit};
use cellwright_recipe::tree::{self, Node, Value as Kind};
use cellwright_recipe::{FileSource, Sink, Sources, Span};
use serde_json::{Value, json};

const FILES: &[&str] = &[
    "recipes/cannula-hub/cannula-hub.recipe.yaml",
    "recipes/cannula-hub/feed-cannula.recipe.yaml",
    "recipes/cannula-hub/cannula-hub.test.yaml",
    "recipes/cannula-hub/demo.order.yaml",
    "recipes/cannula-rework/cannula-rework.recipe.yaml",
    "recipes/cannula-rework/rework.order.yaml",
    "hil-tests/scenarios/grip-missed.scenario.yaml",
    "hil-tests/scenarios/killed-and-reconciled.scenario.yaml",
    "hil-tests/faults/drop-now-and-then.faults.yaml",
    "cells/cannula-cell/cell.yaml",
    "cells/cannula-cell/plant.yaml",
    "cells/press-bench/cell.yaml",
];

struct OfMachine;

impl FileSource for OfMachine {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|e| e.to_string())
    }
}

impl Disk for OfMachine {
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|e| e.file_name().into_string().ok()).collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// A shipped file, open in an editor.
struct Open {
    path: String,
    kind: FileKind,
    text: String,
    server: Server<OfMachine>,
}

impl Open {
    fn new(path: &str) -> Open {
        let text = std::fs::read_to_string(root().join(path)).expect(path);
        let kind = FileKind::of_path(path).expect("known by its name");
        let cell = root().join("cells/cannula-cell").display().to_string();
        let server = Server::new(OfMachine, cell, cellwright_alarms());
        let mut open = Open { path: path.to_owned(), kind, text, server };
        open.put(&open.text.clone());
        open
    }

    fn uri(&self) -> String {
        format!("file://{}/{}", root().display(), self.path)
    }

    fn put(&mut self, text: &str) {
        let document = json!({ "uri": self.uri(), "languageId": "yaml", "version": 1, "text": text });
        assert!(self.server.notify("textDocument/didOpen", json!({ "textDocument": document })));
    }

    fn ask(&self, method: &str, byte: usize) -> Value {
        let before = &self.text[..byte];
        let line = before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default().encode_utf16().count();
        let at = json!({ "line": line, "character": column });
        let params = json!({ "textDocument": { "uri": self.uri() }, "position": at });
        self.server.request(&format!("textDocument/{method}"), params).expect(method)
    }

    fn tree(&self) -> Node {
        let (mut sources, mut sink) = (Sources::default(), Sink::new());
        tree::parse(&self.path, self.text.as_bytes(), &mut sources, &mut sink).1.expect("a tree")
    }

    fn place(&self, byte: u32) -> String {
        let line = self.text[..byte as usize].matches('\n').count();
        format!("{}:{}: {}", self.path, line + 1, self.text.lines().nth(line).unwrap_or_default().trim())
    }
}

/// Those that the test files name.
fn cellwright_alarms() -> Vec<&'static str> {
    vec!["drive", "grip-failed", "safety-input", "step-fault", "cycle-aborted", "parts-left"]
}

fn words<'n>(node: &'n Node, out: &mut Vec<(Span, &'n str)>) {
    match &node.value {
        Kind::Scalar(scalar) => out.push((node.span, &scalar.text)),
        Kind::Sequence(list) => list.iter().for_each(|n| words(n, out)),
        Kind::Mapping(map) => {
            for entry in &map.entries {
                out.push((entry.key_span, &entry.key));
                words(&entry.node, out);
            }
        }
        Kind::Refused => {}
    }
}

#[test]
fn hover_says_something_everywhere() {
    let mut silent = Vec::new();
    for path in FILES {
        let open = Open::new(path);
        let tree = open.tree();
        let mut all = Vec::new();
        words(&tree, &mut all);
        for (span, word) in all {
            let middle = (span.start as usize + span.end as usize) / 2;
            let middle = (middle..).find(|at| open.text.is_char_boundary(*at)).unwrap_or(middle);
            if open.ask("hover", middle).is_null() {
                silent.push(format!("`{word}` in {}", open.place(span.start)));
            }
        }
    }
    assert!(silent.is_empty(), "{} words:\n{}", silent.len(), silent.join("\n"));
}

/// What stands in a place where one of several words may stand; `None`: the author's own.
fn chosen(what: &What) -> bool {
    match what {
        What::Word(_) | What::Words(_) | What::Boolean => true,
        What::Name(of) => !matches!(of, Names::Path),
        What::Either(kinds) => kinds.iter().any(chosen),
        _ => false,
    }
}

#[test]
fn completion_offers_what_stands_there() {
    let mut missing = Vec::new();
    let mut count = 0;
    for path in FILES {
        let mut open = Open::new(path);
        let whole = open.text.clone();
        let tree = open.tree();
        let mut places = Vec::new();
        let steps = steps(cellwright_steps::TABLE);
        let kind = cellwright_editor::format::kind_of(open.kind, &tree);
        visit(&tree, kind, &steps, &mut |node, seen| {
            if let (Seen::Value(what), Kind::Scalar(scalar)) = (seen, &node.value)
                && chosen(what)
                // `to` of `by-hand` is the nest besides trays and bins, which its table of fields has no kind for.
                && scalar.text != "nest"
                // Put together from a parameter and more.
                && !scalar.text.trim_start_matches('$').contains('$')
            {
                places.push((node.span, scalar.text.clone()));
            }
        });
        for (span, word) in places {
            count += 1;
            let (start, end) = (span.start as usize, span.end as usize);
            open.text = format!("{}{}", &whole[..start], &whole[end..]);
            open.put(&open.text.clone());
            let items = open.ask("completion", start);
            let labels: Vec<_> =
                items.as_array().into_iter().flatten().filter_map(|i| i["label"].as_str()).collect();
            if !labels.contains(&word.as_str()) {
                open.text.clone_from(&whole);
                missing.push(format!("`{word}` in {}\n    only {labels:?}", open.place(span.start)));
            }
        }
    }
    assert!(count > 350, "{count}");
    assert!(missing.is_empty(), "{} of {count}:\n{}", missing.len(), missing.join("\n"));
}
