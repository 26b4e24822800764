//! Any bytes at all: diagnostics or a Plan, never a panic; every place told lies inside its file.

#[path = "../../recipe/tests/common/mod.rs"]
mod common;

use cellwright_recipe::{Diagnostic, Sources, compile, json_rows, load_cell, render};
use cellwright_steps::TABLE;
use common::{CELL, Files, cell, repository};
use proptest::prelude::*;

const RECIPE: &str = "recipes/cannula-hub/cannula-hub.recipe.yaml";

/// Pieces that mean something to the reader, good and bad.
const PIECES: &[&str] = &[
    "&a ",
    "*a",
    "!t ",
    "<<: ",
    "\t",
    "yes",
    "no",
    "~",
    "null",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "- ",
    ",",
    "\"",
    "'",
    "|\n",
    ">\n",
    "#",
    "$",
    "$seat_depth",
    "$nothing",
    "1e999 mm",
    "NaN mm",
    "-1 N",
    "5 .. 1 N",
    "1 .. 2 mm",
    "0.1 N·m",
    "12",
    "true",
    "not ",
    "and ",
    "(",
    ")",
    "<",
    "< 2 kPa",
    "é",
    "\u{0}",
    "\u{feff}",
    "\r",
    "\n",
    "\n\n  ",
    "? ",
    "use: { id: x, recipe: feed-cannula@1 }",
    "parallel: { id: p, branches: {} }",
    "unload",
    "press",
    "18446744073709551616",
    "0xffffffffff",
    "hub_tray.next",
    "home",
    "9999999999 h",
    "99999999 s",
];

/// A change of the text: at a share of its length, so many characters go, and a piece comes.
fn change() -> impl Strategy<Value = (f64, usize, usize)> {
    (0.0..1.0f64, 0usize..12, 0..PIECES.len())
}

fn changed(base: &str, changes: &[(f64, usize, usize)]) -> String {
    let mut text: Vec<char> = base.chars().collect();
    for (at, gone, piece) in changes {
        let at = (at * text.len() as f64) as usize;
        let end = (at + gone).min(text.len());
        text.splice(at..end, PIECES[*piece].chars());
    }
    text.into_iter().collect()
}

fn told_well(list: &[Diagnostic], sources: &Sources) {
    for d in list {
        let text = &sources.file(d.span.file).text;
        assert!(text.get(d.span.start as usize..d.span.end as usize).is_some(), "{d:?}");
    }
    let rows = json_rows(list, sources);
    assert_eq!(rows.as_array().map(Vec::len), Some(list.len()));
    let drawn = render(list, sources);
    assert!(drawn.is_empty() == list.is_empty() && drawn.len() < 20_000_000, "{}", drawn.len());
}

fn compiled(bytes: Vec<u8>) {
    let mut sources = Sources::default();
    let result = compile(&Files::with(RECIPE, bytes), RECIPE, &cell(), Some("25g"), TABLE, &mut sources);
    match result {
        Ok((plan, warnings)) => {
            assert!(plan.hash().is_ok());
            told_well(&warnings, &sources);
        }
        Err(list) => {
            assert!(list.iter().any(|d| d.severity == cellwright_recipe::Severity::Error));
            told_well(&list, &sources);
        }
    }
}

fn loaded(bytes: Vec<u8>) {
    let mut sources = Sources::default();
    match load_cell(&Files::with(CELL, bytes), CELL, None, &mut sources) {
        Ok((_, warnings)) => told_well(&warnings, &sources),
        Err(list) => {
            assert!(!list.is_empty());
            told_well(&list, &sources);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        compiled(bytes.clone());
        loaded(bytes);
    }

    #[test]
    fn random_pieces(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        let text: String = pieces.iter().map(|i| PIECES[*i]).collect();
        compiled(text.clone().into_bytes());
        loaded(text.into_bytes());
    }

    #[test]
    fn a_recipe_with_changes(changes in proptest::collection::vec(change(), 1..5)) {
        compiled(changed(&repository(RECIPE), &changes).into_bytes());
    }

    #[test]
    fn a_cell_with_changes(changes in proptest::collection::vec(change(), 1..5)) {
        loaded(changed(&repository(CELL), &changes).into_bytes());
    }
}

/// Large files, made to be slow: done in seconds.
#[test]
fn large_files_end_soon() {
    let begun = std::time::Instant::now();
    for piece in [
        "\t\n",
        "a: *x\n",
        "- &a b\n",
        "a: yes\n",
        "{a: ",
        "[",
        "- - ",
        "? ",
        "a:\n",
        "'",
        "x: {a: 1, a: 1}\n",
    ] {
        compiled(piece.repeat((1 << 20) / piece.len()).into_bytes());
    }
    compiled(format!("[{}]", "yes, ".repeat(200_000)).into_bytes());
    // Much that is wrong at once, each with what may have been meant.
    let unknown = |n: usize| (0..n).map(|i| format!("k{i}: 1\n")).collect::<String>();
    compiled(unknown(300_000).into_bytes());
    loaded(unknown(300_000).into_bytes());
    let row = (0..250_000).map(|i| format!("k{i}: 1, ")).collect::<String>();
    compiled(repository(RECIPE).replace("25g: {", &format!("25g: {{ {row}")).into_bytes());
    let asked = |i: usize| format!("  - check: {{ id: c{i}, that: press-cannulas.seat_force{i} > 1 N }}\n");
    let asked = (0..9_000).map(asked).collect::<String>();
    compiled(repository(RECIPE).replace("  - inspect:", &format!("{asked}  - inspect:")).into_bytes());
    let steps = "steps:\n".to_string() + &"  - wait: { id: a, until: air_ok, timeout: 1 s }\n".repeat(20_000);
    compiled(steps.into_bytes());
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}
