//! The bench without cobots: its plant lacks what its devices do not need, and `by-hand` refuses what it cannot do.

#[path = "../../recipe/tests/common/mod.rs"]
mod common;

use cellwright_model::cell::Cell;
use cellwright_model::plan::Primitive;
use cellwright_recipe::{Sources, compile, load_cell, load_plant};
use cellwright_steps::TABLE;
use common::{Files, marked, once, places, repository, rows};

const CELL: &str = "cells/press-bench/cell.yaml";
const PLANT: &str = "cells/press-bench/plant.yaml";
const RECIPE: &str = "recipes/press-fit/press-fit.recipe.yaml";

fn bench() -> Cell {
    let mut sources = Sources::default();
    let (cell, warnings) = load_cell(&Files::default(), CELL, None, &mut sources).expect("the bench");
    assert!(warnings.is_empty(), "{}", rows(&warnings, &sources).join("\n"));
    cell
}

#[test]
fn what_the_cell_does_not_have_needs_no_physics_and_what_it_has_does() {
    let mut sources = Sources::default();
    let (plant, _) = load_plant(&Files::default(), PLANT, &bench(), &mut sources).expect("its plant");
    assert!(plant.press.is_some() && plant.thread.is_none());
    let without = repository(PLANT).replace("\npress:\n", "\nother:\n");
    let list = load_plant(&Files::with(PLANT, without), PLANT, &bench(), &mut sources).expect_err("refused");
    let codes: Vec<_> = list.iter().map(|d| d.code.as_str()).collect();
    assert_eq!(codes, ["R0102", "R0101"], "{}", rows(&list, &sources).join("\n"));
}

#[test]
fn a_person_is_asked_and_then_the_cell_looks() {
    let mut sources = Sources::default();
    let compiled = compile(&Files::default(), RECIPE, &bench(), None, TABLE, &mut sources);
    let (plan, warnings) = compiled.unwrap_or_else(|list| panic!("{}", rows(&list, &sources).join("\n")));
    assert!(warnings.is_empty(), "{}", rows(&warnings, &sources).join("\n"));
    let carried: Vec<_> = plan.steps.iter().filter(|s| s.kind == "by-hand").collect();
    assert_eq!(carried.len(), 4);
    for step in carried {
        let place = |what: fn(&Primitive) -> bool| step.ops.iter().position(what);
        let asks = place(|op| matches!(op, Primitive::Ask { .. }));
        let looks = place(|op| {
            matches!(op, Primitive::WaitUntil { .. } | Primitive::PlacePart { verify: Some(_), .. })
        });
        assert!(asks.is_some() && asks < looks, "{}: {:?}", step.id, step.ops);
    }
}

#[test]
fn what_nobody_can_carry_is_refused() {
    let cases: &[(&str, &str, &str)] = &[
        // The word of a person alone verifies nothing.
        (
            ", to: good_tray.next, check: good_pocket_filled and not nest_hub_present }",
            ", to: good_tray.next }",
            "R0102",
        ),
        ("from: hub_tray.next, to: nest", "from: «good_tray.next, to: nest", "R0709"),
        ("from: nest, to: good_tray.next", "from: «press, to: good_tray.next", "R0105"),
        ("from: nest, to: good_tray.next", "from: nest, to: «hub_tray.next", "R0709"),
    ];
    for (from, to, code) in cases {
        let (text, at) = marked(&once(&repository(RECIPE), from, to));
        let mut sources = Sources::default();
        let list = compile(&Files::with(RECIPE, text), RECIPE, &bench(), None, TABLE, &mut sources)
            .expect_err("it was accepted");
        let found = places(&list, &sources);
        match at.first() {
            Some(at) => assert!(found.contains(&format!("{code} {at}")), "{to}: {found:?}"),
            None => assert!(found.iter().any(|f| f.starts_with(code)), "{to}: {found:?}"),
        }
    }
}
