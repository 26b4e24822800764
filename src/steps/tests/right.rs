//! Recipes that are right, and look like mistakes: they compile, with the warnings that are named and no others.

#[path = "../../recipe/tests/common/mod.rs"]
mod common;

use cellwright_recipe::{Sources, compile_rows, render};
use cellwright_steps::TABLE;
use common::{Files, cell, once};

const MAIN: &str = "main.recipe.yaml";
/// A part of an earlier order is pressed once more: a person has put it in.
const RECIPE: &str = "recipe: 1
id: main
version: 1.0.0
cell: cannula-cell
specification: { id: DS-0142, revision: C }
components: {}
steps:
  - press:
      id: seat
      station: press
      axis: press_z
      force: load_cell
      check: nest_hub_present
      zero: { within: 2 N }
      approach: { to: 38 mm, velocity: 60 mm/s }
      contact: { force: 5 N, between: 39 .. 41.5 mm }
      press: { velocity: 2 mm/s, until: { depth: 12.4 mm }, max_force: 180 N }
      windows:
        - { depth: 10 .. 12 mm, force: 20 .. 140 N }
      measure: { seat: { of: force.at_end, limits: 70 .. 150 N, spec: DS-0142/4.2 } }
  - unload: { id: good, station: test, robot: robot_r, from: nest, to: good_tray.next, check: good_pocket_filled }
on_reject:
  - unload: { id: bad, robot: robot_r, from: unit.location, to: reject_bin, check: bin_drop }
";

/// `R0123 severity` of what is said, and all of it as it is shown.
fn said(text: &str) -> (Vec<String>, String) {
    let mut sources = Sources::default();
    let list = match compile_rows(&Files::with(MAIN, text), MAIN, &cell(), TABLE, &mut sources) {
        Ok((_, warnings)) => warnings,
        Err(list) => list,
    };
    let mut said: Vec<_> =
        list.iter().map(|d| format!("{} {}", d.code.as_str(), d.severity.as_str())).collect();
    said.sort();
    (said, render(&list, &sources))
}

#[test]
fn a_step_that_looks_at_the_nest_first() {
    let (found, shown) = said(RECIPE);
    assert_eq!(found, [""; 0], "{shown}");
    let (found, shown) = said(&once(RECIPE, "      check: nest_hub_present\n", ""));
    assert_eq!(found, ["R0822 error"], "{shown}");
    // Of another sensor it learns nothing about the nest.
    let (found, shown) = said(&once(RECIPE, "check: nest_hub_present", "check: air_ok"));
    assert_eq!(found, ["R0822 error"], "{shown}");
    assert!(shown.contains("`check`"), "{shown}");
}

/// The trip fails the part: what is written above it judges nothing wrongly. Where no part can pass, it is refused.
#[test]
fn limits_that_reach_above_the_trip() {
    const WINDOW: &str = "- { depth: 10 .. 12 mm, force: 20 .. 140 N }";
    const SEAT: &str = "limits: 70 .. 150 N";
    const WARNED: &[&str] = &["R0821 warning"];
    const WRONG: &[&str] = &["R0821 error"];
    let cases = [
        (WINDOW, "- { depth: 10 .. 12 mm, force: 20 .. 200 N }", WARNED),
        (WINDOW, "- pass-through: { depth: 4 .. 6 mm, force: 20 .. 200 N }", WARNED),
        (WINDOW, "- no-pass: { depth: 2 .. 8 mm, force: 200 .. 500 N }", WARNED),
        (
            WINDOW,
            "- envelope: [{ depth: 1 mm, force: 0 .. 60 N }, { depth: 20 mm, force: 190 .. 300 N }]",
            WARNED,
        ),
        (WINDOW, "- { depth: 10 .. 12 mm, force: 190 .. 200 N }", WRONG),
        (WINDOW, "- threshold: { depth: 2 .. 8 mm, force: 190 N }", WRONG),
        (SEAT, "limits: 70 .. 200 N", WARNED),
        (SEAT, "limits: 190 .. 200 N", WRONG),
        ("max_force: 180 N", "max_force: 120 N", WARNED),
        ("max_force: 180 N", "max_force: 60 N", WRONG),
    ];
    for (from, to, expected) in cases {
        let (found, shown) = said(&once(RECIPE, from, to));
        assert_eq!(found, expected, "{to}\n{shown}");
    }
}

/// Parameters that are part numbers, which stand in no quotes.
#[test]
fn part_numbers_are_words() {
    let with = |value: &str| {
        let params = format!("params:\n  cannula: {{ default: {value} }}\ncomponents: {{}}");
        let text = once(RECIPE, "components: {}", &params);
        // Said where it is used: the value is that of a text.
        said(&once(&text, "spec: DS-0142/4.2", "spec: $cannula"))
    };
    for number in ["04.503.205.01S", "1.2-A", "12.3-AB", "12.3AB", "1.2S", "\"0815\""] {
        let (found, shown) = with(number);
        assert!(found.iter().all(|d| d.ends_with("warning")), "{number}\n{shown}");
    }
    let (found, shown) = with("12.4mn");
    assert_eq!(found, ["R0202 error"], "{shown}");
    assert!(shown.contains("a part number goes in quotes"), "{shown}");
    for number in ["0815", "04012345678901"] {
        let (found, shown) = with(number);
        assert_eq!(found, ["R0104 error"], "{number}\n{shown}");
        assert!(shown.contains("in quotes if it is a part number"), "{shown}");
    }
}

/// With the printer misspelt and no station before it, nothing is said of scanners.
#[test]
fn a_label_of_an_unknown_printer_says_nothing_of_scanners() {
    let press = RECIPE.find("  - press:").expect("a press");
    let unload = RECIPE.find("  - unload:").expect("an unload");
    let label = "  - confirm: { id: loaded, prompt: Put the unit in, answers: [ok, ng] }
  - label: { id: l, printer: label_9, at: nest }\n";
    let (found, shown) = said(&format!("{}{label}{}", &RECIPE[..press], &RECIPE[unload..]));
    assert_eq!(found, ["R0321 error"], "{shown}");
}
