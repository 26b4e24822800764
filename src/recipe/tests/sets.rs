//! Sets of an order file: single serials that are made with other values, and what is refused where.

mod common;

use std::collections::BTreeMap;

use cellwright_model::plan::Plan;
use cellwright_recipe::{
    Diagnostic, OrderPlans, OrderText, Sources, compile_order, compile_rows, load_order,
};
use cellwright_steps::TABLE;
use common::{Files, cell, marked, repository, rows};

const ORDER: &str = "recipes/cannula-hub/demo.order.yaml";
const RECIPE: &str = "recipes/cannula-hub/cannula-hub.recipe.yaml";

/// The order of the repository with these sets and this row.
fn text(variant: &str, sets: &str) -> String {
    format!("{}{variant}sets:\n{sets}", repository(ORDER))
}

fn files(order: &str, recipe: &[(&str, &str)]) -> Files {
    let recipe = recipe.iter().fold(repository(RECIPE), |text, (from, to)| common::once(&text, from, to));
    Files(BTreeMap::from([(ORDER.into(), order.into()), (RECIPE.into(), recipe.into_bytes())]))
}

fn load(files: &Files, sources: &mut Sources) -> Result<(OrderText, OrderPlans), Vec<Diagnostic>> {
    let (order, warnings) = load_order(files, ORDER, &cell(), None, sources)?;
    assert!(warnings.is_empty(), "{warnings:?}");
    let (plans, warnings) = compile_order(files, &order, &cell(), TABLE, sources)?;
    assert!(warnings.is_empty(), "{:?}", rows(&warnings, sources));
    Ok((order, plans))
}

fn right(text: &str, recipe: &[(&str, &str)]) -> (OrderText, OrderPlans) {
    let mut sources = Sources::default();
    load(&files(text, recipe), &mut sources).unwrap_or_else(|list| panic!("{:?}", rows(&list, &sources)))
}

/// `CODE file line:column message; help` of each mistake.
fn refused(text: &str, recipe: &[(&str, &str)]) -> Vec<String> {
    let mut sources = Sources::default();
    let list = load(&files(text, recipe), &mut sources).map(|_| Vec::new()).unwrap_or_else(|list| list);
    let row = |d: &Diagnostic| {
        let (file, at) = (&sources.file(d.span.file).path, sources.places(d.span).0);
        let file = file.rsplit('/').next().unwrap_or_default();
        format!("{} {file} {}:{} {}; {}", d.code.as_str(), at.line, at.column, d.message, d.help)
    };
    list.iter().map(row).collect()
}

fn hash(plan: &Plan) -> String {
    plan.hash().expect("a hash")
}

#[test]
fn each_set_has_a_plan_of_its_own_and_the_terms_name_it_by_serial() {
    let sets = "  - { serials: [IS0417-0002, IS0417-0003], params: { seat_depth: 12.38 mm } }
  - { serials: [IS0417-0012], params: { seat_depth: 12.50 mm, seat_force: 80 .. 150 N } }\n";
    let (order, OrderPlans { plan, sets }) = right(&text("", sets), &[]);
    assert_eq!((sets.len(), order.sets[0].serials().len()), (2, 2));
    assert_eq!(sets[0].set, [("seat_depth".to_string(), "12.38 mm".to_string())]);
    assert!(sets[0].params.contains(&("seat_depth".to_string(), "12.38 mm".to_string())));
    assert!(sets.iter().all(|s| s.recipe_hash == plan.recipe_hash));
    assert!(hash(&sets[0]) != hash(&plan) && hash(&sets[1]) != hash(&sets[0]));
    let terms = order.terms(&plan);
    assert_eq!(terms.sets.keys().collect::<Vec<_>>(), ["IS0417-0002", "IS0417-0003", "IS0417-0012"]);
    assert_eq!(terms.sets["IS0417-0012"]["seat_force"], "80 .. 150 N");
    assert_eq!(terms.sets["IS0417-0003"]["seat_depth"], "12.38 mm");
}

/// What is signed of a recipe is its text with the Plan of each row. A set adds to that nothing but the values: with
/// those of the row in it, its Plan is the one that was signed.
#[test]
fn the_plan_of_a_set_is_the_signed_one_but_for_values() {
    let sets = |depth| format!("  - {{ serials: [IS0417-0002], params: {{ seat_depth: {depth} mm }} }}\n");
    for (variant, name, depth) in [("", None, "12.40"), ("variant: 25g\n", Some("25g"), "12.35")] {
        let (signed, _) =
            compile_rows(&Files::default(), RECIPE, &cell(), TABLE, &mut Sources::default()).expect("rows");
        let signed = signed.plans.iter().find(|p| p.variant.as_deref() == name).expect("its row");
        let (_, plans) = right(&text(variant, &sets(depth)), &[]);
        assert_eq!(hash(&plans.plan), hash(signed));
        assert_eq!(hash(&Plan { set: Vec::new(), ..plans.sets[0].clone() }), hash(signed));
        let (_, plans) = right(&text(variant, &sets("12.38")), &[]);
        let other = Plan { set: Vec::new(), ..plans.sets[0].clone() };
        assert_ne!(hash(&other), hash(signed));
        let changed: Vec<_> = other.params.iter().zip(&signed.params).filter(|(a, b)| a != b).collect();
        assert_eq!(changed.len(), 1, "{changed:?}");
        let way = |p: &Plan| {
            p.steps.iter().map(|s| (s.id.clone(), s.station, s.resources.clone())).collect::<Vec<_>>()
        };
        assert_eq!(way(&other), way(signed));
        assert_eq!(other.components, signed.components);
    }
}

#[test]
fn ranges_stay_within_those_of_the_row_or_within_stated_bounds() {
    let force = |range| format!("  - {{ serials: [IS0417-0002], params: {{ seat_force: {range} }} }}\n");
    right(&text("", &force("75 .. 145 N")), &[]);
    let wide = refused(&text("", &force("75 .. 151 N")), &[]);
    assert_eq!(
        wide,
        ["R0501 demo.order.yaml 13:53 `75 .. 151 N` goes beyond `70 .. 150 N` of `seat_force`; \
          stay within 70 .. 150 N, or give `seat_force` a `min` and `max` in the recipe"]
    );
    // The row counts that the order names: in 25g the force is 60 .. 130 N.
    right(&text("variant: 25g\n", &force("60 .. 130 N")), &[]);
    assert!(refused(&text("variant: 25g\n", &force("75 .. 145 N")), &[])[0].starts_with("R0501"));
    let stated = [("{ default: 70 .. 150 N }", "{ default: 70 .. 150 N, min: 60 N, max: 160 N }")];
    right(&text("", &force("65 .. 155 N")), &stated);
    assert!(refused(&text("", &force("65 .. 165 N")), &stated)[0].contains("at most 160 N"));
}

#[test]
fn what_a_set_may_not_say() {
    let cases: &[(&str, &str)] = &[
        ("  - { serials: [IS0417-0002], params: { «seat_dpth: 12.38 mm } }", "R0301"),
        ("  - { serials: [IS0417-0002], params: { seat_depth: «12.51 mm } }", "R0501"),
        ("  - { serials: [IS0417-0002], params: { seat_depth: «12.29 mm } }", "R0501"),
        ("  - { serials: [IS0417-0002], params: { seat_depth: «12.38 } }", "R0201"),
        ("  - { serials: [IS0417-0002], params: { seat_depth: «12.38 N } }", "R0502"),
        ("  - { serials: [IS0417-0002], params: { seat_depth: «[12.38 mm] } }", "R0103"),
        ("  - { serials: [IS0417-0002], params: { seat_depth: «$x } }", "R0301"),
        ("  - { serials: [IS0417-0002], params: { «cannula: CAN-25 } }", "R1005"),
        ("  - { serials: [IS0417-0002], params: { seat_depth: 12.38 mm, «seat_depth: 12.39 mm } }", "R0010"),
        ("  - { serials: [«IS0417-0013], params: { seat_depth: 12.38 mm } }", "R1004"),
        ("  - { serials: [«IS0417-2], params: { seat_depth: 12.38 mm } }", "R1004"),
        ("  - { serials: [«CW-000001], params: { seat_depth: 12.38 mm } }", "R1004"),
        ("  - { serials: [IS0417-0002, «IS0417-0002], params: { seat_depth: 12.38 mm } }", "R1004"),
        (
            "  - { serials: [IS0417-0002], params: { seat_depth: 12.38 mm } }\n  - { serials: [«IS0417-0002], params: { seat_depth: 12.39 mm } }",
            "R1004",
        ),
        ("  - { serials: «[], params: { seat_depth: 12.38 mm } }", "R0109"),
        ("  - { serials: [IS0417-0002], params: «{} }", "R0109"),
        ("  - { «serials: [IS0417-0002] }", "R0102"),
        ("  - { «params: { seat_depth: 12.38 mm } }", "R0102"),
        ("  - { serials: [IS0417-0002], params: { seat_depth: 12.38 mm }, «why: x }", "R0101"),
        // Within its own bounds, and wrong where it is used: told at the values, with a label in the recipe.
        ("  - { serials: [IS0417-0002], params: { «seat_force: 145 .. 146 N } }", "R0808"),
    ];
    let mut failed = Vec::new();
    for (sets, code) in cases {
        let (text, at) = marked(&text("", &format!("{sets}\n")));
        let found = refused(&text, &[]);
        let expected = format!("{code} demo.order.yaml {} ", at[0]);
        if found.len() != 1 || !found[0].starts_with(&expected) {
            failed.push(format!("`{sets}` expected {expected}\n  found {}", found.join("\n        ")));
        }
    }
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

#[test]
fn a_remedy_says_what_is_there() {
    let one =
        |sets: &str, recipe: &[(&str, &str)]| refused(&text("", &format!("{sets}\n")), recipe).join("\n");
    let near = one("  - { serials: [IS0417-0002], params: { seat_dpth: 12.38 mm } }", &[]);
    assert!(near.contains("did you mean `seat_depth`?"), "{near}");
    let outside = one("  - { serials: [IS0417-2], params: { seat_depth: 12.38 mm } }", &[]);
    assert!(outside.contains("they are IS0417-0001 .. IS0417-0012"), "{outside}");
    let open =
        [("{ default: 12.40 mm, min: 12.30 mm, max: 12.50 mm }", "{ default: 12.40 mm, min: 12.30 mm }")];
    let open = one("  - { serials: [IS0417-0002], params: { seat_depth: 12.38 mm } }", &open);
    assert!(open.starts_with("R1005") && open.contains("both `min` and `max`"), "{open}");
    let part = one("  - { serials: [IS0417-0002], params: { cannula: CAN-25 } }", &[]);
    assert!(part.contains("a variant of their own"), "{part}");
}

/// A whole number has bounds, too, but may be the number of a lane.
#[test]
fn a_whole_number_is_the_same_for_every_serial() {
    let lane = [
        (
            "  cannula:     { default: CAN-23 }",
            "  cannula:     { default: CAN-23 }\n  lane:        { default: 2, min: 1, max: 2 }",
        ),
        ("seat_warn: 70 .. 120 N, cannula: CAN-25 }", "seat_warn: 70 .. 120 N, cannula: CAN-25, lane: 2 }"),
        ("with: { lane: 2 }", "with: { lane: $lane }"),
    ];
    let recipe = lane.iter().fold(repository(RECIPE), |text, (from, to)| text.replacen(from, to, 1));
    assert!(recipe.contains("lane: $lane"));
    let found = refused(&text("", "  - { serials: [IS0417-0002], params: { lane: 1 } }\n"), &lane);
    assert!(found.len() == 1 && found[0].starts_with("R1005 demo.order.yaml 13:41"), "{found:?}");
}

#[test]
fn sets_and_their_serials_have_bounds() {
    let one = |n: usize| format!("  - {{ serials: [IS0417-{n:04}], params: {{ seat_depth: 12.38 mm }} }}\n");
    let many = repository(ORDER).replace("last: 0012", "last: 9999");
    let sets: String = (1..=65).map(one).collect();
    let found = refused(&format!("{many}sets:\n{sets}"), &[]);
    assert!(found.len() == 1 && found[0].starts_with("R0108 demo.order.yaml 13:3"), "{found:?}");
    let serials: Vec<String> = (1..=257).map(|n| format!("IS0417-{n:04}")).collect();
    let sets = format!("  - {{ serials: [{}], params: {{ seat_depth: 12.38 mm }} }}\n", serials.join(", "));
    let found = refused(&format!("{many}sets:\n{sets}"), &[]);
    assert!(found.len() == 1 && found[0].starts_with("R0108"), "{found:?}");
}

/// A recipe that is wrong by itself is told once, in the recipe, and not again at each set.
#[test]
fn what_is_wrong_without_a_set_is_told_in_the_recipe() {
    let sets = "  - { serials: [IS0417-0002], params: { seat_depth: 12.38 mm } }\n";
    let found = refused(&text("", sets), &[("axis: driver_1", "axis: driver_9")]);
    assert!(found.len() == 1 && found[0].starts_with("R0302 cannula-hub.recipe.yaml"), "{found:?}");
}
