//! One form for every file: it is found from any spacing, it stays, and it means the same.

use std::path::Path;

use cellwright_editor::format::{Refused, WIDTH, format};
use cellwright_model::plan::Plan;
use cellwright_recipe::{FileKind, FileSource, Sources, compile, load_cell};
use proptest::prelude::*;

const CELL: &str = "cells/cannula-cell/cell.yaml";
const RECIPE: &str = "recipes/cannula-hub/cannula-hub.recipe.yaml";
const SHIPPED: &[&str] = &[
    RECIPE,
    "recipes/cannula-hub/feed-cannula.recipe.yaml",
    "recipes/cannula-hub/demo.order.yaml",
    "hil-tests/scenarios/quick.recipe.yaml",
    "hil-tests/faults/drop-now-and-then.faults.yaml",
    "recipes/cannula-hub/cannula-hub.test.yaml",
    "recipes/cannula-rework/cannula-rework.recipe.yaml",
    "recipes/cannula-rework/cannula-rework.test.yaml",
    "recipes/cannula-rework/rework.order.yaml",
    "hil-tests/scenarios/cable-cut.scenario.yaml",
    CELL,
    "cells/cannula-cell/plant.yaml",
];

/// The repository, with one text in the place of a file.
struct Files<'t>(&'t str, &'t str);

impl FileSource for Files<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if path == self.0 {
            return Ok(self.1.as_bytes().to_vec());
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        std::fs::read(root.join(path)).map_err(|e| e.to_string())
    }
}

fn shipped(path: &str) -> String {
    String::from_utf8(Files("", "").read(path).expect(path)).expect("UTF-8")
}

fn formatted(path: &str, text: &str) -> String {
    let kind = FileKind::of_path(path).expect("known by its name");
    match format(path, kind, text.as_bytes()) {
        Ok(text) => text,
        Err(Refused::Unformattable(why)) => panic!("{path}: {why}\n{text}"),
        Err(Refused::Mistakes(list, _)) => panic!("{path}: {list:?}\n{text}"),
    }
}

/// The Plan, but for the hash of the file's bytes.
fn plan(path: &str, text: &str) -> Plan {
    let mut sources = Sources::default();
    let files = Files(path, text);
    let (cell, _) = load_cell(&files, CELL, None, &mut sources).expect("the cell holds");
    let root = if path.contains("feed") { RECIPE } else { path };
    let (plan, _) =
        compile(&files, root, &cell, None, cellwright_steps::TABLE, &mut sources).expect("the recipe holds");
    Plan { recipe_hash: String::new(), ..plan }
}

#[test]
fn shipped_files_are_in_their_form() {
    for path in SHIPPED {
        let text = shipped(path);
        let form = formatted(path, &text);
        let other: Vec<_> = text.lines().zip(form.lines()).filter(|(a, b)| a != b).take(3).collect();
        assert!(form == text, "{path}: `cellwright fmt` changes {other:#?}");
    }
}

/// What is too long for a line gets lines of its own, whatever columns it had in the one.
#[test]
fn an_aligned_element_is_broken_into_lines() {
    let long = "x".repeat(150);
    let text =
        format!("test: 1\ntests:\n  - {{   id: a,   about: {long} }}\n  - {{   id: b,   about: short }}\n");
    let form = formatted("a.test.yaml", &text);
    assert!(form.contains(&format!("\n  - id: a\n    about: {long}\n")), "{form}");
    assert_eq!(formatted("a.test.yaml", &form), form);
}

/// Spaces where they mean nothing: more between words, other indentation, empty lines, spaces at the end.
fn spaced(text: &str, draws: &[u8]) -> String {
    let mut draws = draws.iter().cycle().copied();
    let mut draw = || usize::from(draws.next().unwrap_or(0));
    let by = 1 + draw() % 3;
    let mut out = String::new();
    for line in text.lines() {
        let body = line.trim_start();
        if draw() % 7 == 0 {
            out.push('\n');
        }
        let deep = line.len() - body.len();
        out.push_str(&" ".repeat(deep * by));
        // Further keys of an element stand below its first one.
        let dash = body.strip_prefix("- ").filter(|rest| !rest.starts_with(['{', '[']));
        let body = dash.unwrap_or(body);
        if dash.is_some() {
            out.push_str(&format!("-{}", " ".repeat(2 * by - 1)));
        }
        let (mut depth, mut quote, mut key) = (0, false, true);
        let mut before = ' ';
        for (at, c) in body.char_indices() {
            if c == '#' && before == ' ' && !quote {
                out.push_str(&body[at..]);
                break;
            }
            quote ^= c == '"';
            let flow_end = matches!(c, '}' | ']') && !quote;
            if flow_end {
                depth -= 1;
                out.push_str(&" ".repeat(draw() % 2));
            }
            out.push(c);
            if matches!(c, '{' | '[') && !quote {
                depth += 1;
            }
            let gap = !quote
                && ((depth > 0 && matches!(c, '{' | '[' | ','))
                    || (before == ':' && c == ' ' && (key || depth > 0)));
            key &= before != ':' || c != ' ';
            if gap {
                out.push_str(&" ".repeat(draw() % 4));
            }
            before = c;
        }
        out.push_str(&" ".repeat(draw() % 2));
        out.push('\n');
    }
    out
}

/// Without spaces and empty lines, by which forms of one file may differ where the author aligned something.
fn words(text: &str) -> String {
    text.lines()
        .map(|l| l.split_whitespace().collect::<String>())
        .filter(|l| !l.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

fn indents(text: &str) -> Vec<usize> {
    let code = |l: &&str| !l.trim().is_empty() && !l.trim_start().starts_with('#');
    text.lines().filter(code).map(|l| l.len() - l.trim_start().len()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_spacing_has_the_same_form(draws in proptest::collection::vec(any::<u8>(), 40..200), file in 0..SHIPPED.len()) {
        let path = SHIPPED[file];
        let text = shipped(path);
        let other = spaced(&text, &draws);
        let form = formatted(path, &other);
        prop_assert_eq!(words(&form), words(&text));
        prop_assert_eq!(indents(&form), indents(&text));
        prop_assert_eq!(&formatted(path, &form), &form);
        if path.ends_with(".recipe.yaml") {
            prop_assert!(plan(path, &form) == plan(path, &text), "another plan");
        }
    }

    #[test]
    fn any_bytes_are_refused_or_keep_their_form(changes in proptest::collection::vec((0.0..1.0f64, 0usize..6, "[ \\-:{}#,\\[\\]\n\r\u{feff}\u{85}\u{2028}é\"'|>a?]{0,3}"), 1..4)) {
        let mut text: Vec<char> = shipped(RECIPE).chars().collect();
        for (at, gone, piece) in changes {
            let at = (at * text.len() as f64) as usize;
            let end = (at + gone).min(text.len());
            text.splice(at..end, piece.chars());
        }
        let text: String = text.into_iter().collect();
        if let Ok(form) = format(RECIPE, FileKind::Recipe, text.as_bytes()) {
            prop_assert_eq!(&formatted(RECIPE, &form), &form);
        }
    }
}

#[test]
fn one_form_is_written() {
    let cases: &[(&str, &str)] = &[
        ("steps:\n- press:\n    id:   x   # why\n", "steps:\n  - press:\n      id: x   # why\n"),
        (
            "steps: [{press: {press: {max_force: 5N}}}]\n",
            "steps: [{ press: { press: { max_force: 5 N } } }]\n",
        ),
        (
            "steps:\n  - press:\n      contact: { force: 5 N,\n        between: 1..2mm }\n",
            "steps:\n  - press:\n      contact: { force: 5 N, between: 1 .. 2 mm }\n",
        ),
        (
            "params:\n  a: { default: 3Nm }\n  b: { default: 3 Nm }\n",
            "params:\n  a: { default: 3Nm }\n  b: { default: 3 N·m }\n",
        ),
        ("id: 'a'\n\n\n\n# c\nversion: \"1\"   \n", "id: 'a'\n\n# c\nversion: \"1\"\n"),
        (
            "specification: { # of all\n  id: A, # one\n  revision: B }\n# end\n",
            "specification:  # of all\n  id: A  # one\n  revision: B\n# end\n",
        ),
        ("---\nid: a\r\nversion: 1\r\n", "id: a\nversion: 1\n"),
        (
            "steps:\n  - confirm:\n      prompt: one\n        two\n",
            "steps:\n  - confirm:\n      prompt: one two\n",
        ),
        (
            "steps:\n  - confirm:\n      prompt: |\n        one\n        two\n",
            "steps:\n  - confirm:\n      prompt: \"one\\ntwo\\n\"\n",
        ),
        ("id: { }\n", "id: {}\n"),
        ("id: | # c\n  b", "id: \"b\\n\"  # c\n"),
    ];
    for (text, form) in cases {
        assert_eq!(formatted(RECIPE, text), *form);
        assert_eq!(formatted(RECIPE, form), *form);
    }
}

/// Every spelling of a unit and every spacing of a range has one form, and the Plan stays.
#[test]
fn quantities_have_one_form() {
    let text = shipped(RECIPE);
    let other = text
        .replace("N·m", "N*m")
        .replace(" .. ", "..")
        .replace("25 um", "25µm")
        .replace("2 mm/s,", "2  mm/s,");
    assert!(other.contains("0..25µm") && other.contains("0.35 N*m"));
    let form = formatted(RECIPE, &other);
    assert_eq!(words(&form), words(&text));
    assert!(plan(RECIPE, &form) == plan(RECIPE, &text));
}

/// A mapping in a line that does not fit is written in lines of its own.
#[test]
fn what_does_not_fit_is_broken() {
    let fields: Vec<String> = (0..20).map(|n| format!("a{n}: value-{n}")).collect();
    let form = formatted(RECIPE, &format!("steps:\n  - press: {{ {} }} # all\n", fields.join(", ")));
    assert!(form.starts_with("steps:\n  - press:  # all\n      a0: value-0\n"), "{form}");
    assert!(form.contains("# all") && form.lines().all(|l| l.chars().count() <= WIDTH));
    assert_eq!(formatted(RECIPE, &form), form);
}

#[test]
fn what_cannot_be_read_is_refused() {
    assert!(
        matches!(format(RECIPE, FileKind::Recipe, b"a: [b\n"), Err(Refused::Mistakes(list, _)) if !list.is_empty())
    );
    assert!(matches!(format(RECIPE, FileKind::Recipe, b"a: &x b\n"), Err(Refused::Mistakes(..))));
}
