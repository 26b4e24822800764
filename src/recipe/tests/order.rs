//! Order files: the one of the repository, and what is refused where. A case changes one piece of it; `«`
//! marks where the diagnostic must point.

mod common;

use cellwright_model::outcome::Purpose;
use cellwright_recipe::{Diagnostic, OrderText, Sources, compile, compile_order, load_order};
use common::{Files, cell, marked, once, places, repository, rows};

const ORDER: &str = "recipes/cannula-hub/demo.order.yaml";
const TWIN: Option<(&str, &str)> = Some(("no record of the twin is a production record", "write `trial`"));

fn load(text: &str) -> Result<OrderText, (Vec<Diagnostic>, Sources)> {
    let mut sources = Sources::default();
    match load_order(&Files::with(ORDER, text), ORDER, &cell(), TWIN, &mut sources) {
        Ok((order, warnings)) => {
            assert!(warnings.is_empty(), "{warnings:?}");
            Ok(order)
        }
        Err(list) => Err((list, sources)),
    }
}

fn refused(text: &str) -> Vec<String> {
    load(text).map(|_| Vec::new()).unwrap_or_else(|(list, sources)| rows(&list, &sources))
}

#[test]
fn the_order_of_the_repository_with_its_recipe() {
    let order = load(&repository(ORDER)).unwrap_or_else(|(list, s)| panic!("{:?}", rows(&list, &s)));
    assert_eq!(order.recipe, "recipes/cannula-hub/cannula-hub.recipe.yaml");
    let mut sources = Sources::default();
    let plan =
        compile(&Files::default(), &order.recipe, &cell(), None, cellwright_steps::TABLE, &mut sources);
    let (plan, _) = plan.expect("the recipe of the repository");
    let terms = order.terms(&plan);
    assert_eq!((terms.quantity, terms.starts_max, terms.serials.count()), (4, 8, 12));
    assert_eq!(terms.serials.after(0).as_deref(), Some("IS0417-0001"));
    assert_eq!((terms.recipe.id.as_str(), &terms.recipe.hash), ("cannula-hub", &plan.recipe_hash));
    assert_eq!(terms.purpose, Purpose::Trial);
    let udi = terms.udi("IS0417-0001");
    assert_eq!(udi.as_deref(), Some("(01)04012345678949(10)IS23-0417(21)IS0417-0001"));
}

/// A rework takes the product itself back, by a recipe for that, and no other order does.
#[test]
fn purpose_and_recipe_belong_together() {
    const REWORK: &str = "recipes/cannula-rework/rework.order.yaml";
    let at = |path: &str, text: &str| {
        let mut sources = Sources::default();
        let files = Files::with(path, text);
        let order = load_order(&files, path, &cell(), TWIN, &mut sources).expect("right by itself").0;
        let compiled = compile_order(&files, &order, &cell(), cellwright_steps::TABLE, &mut sources);
        compiled.map(|(_, said)| rows(&said, &sources)).map_err(|list| rows(&list, &sources))
    };
    assert_eq!(at(ORDER, &repository(ORDER)), Ok(Vec::new()));
    assert_eq!(at(REWORK, &repository(REWORK)), Ok(Vec::new()));
    let wrong = [
        (ORDER, "purpose: trial", "purpose: «rework", "takes no finished unit"),
        (REWORK, "purpose: rework", "purpose: «trial", "takes finished units back"),
        (REWORK, "purpose: rework", "purpose: «validation", "takes finished units back"),
    ];
    for (path, from, to, words) in wrong {
        let (text, place) = marked(&once(&repository(path), from, to));
        let found = at(path, &text).expect_err(words);
        assert!(
            found[0].starts_with(&format!("R1003 {} ", place[0])) && found[0].contains(words),
            "{found:?}"
        );
    }
    let other = once(&repository(REWORK), "part: IS-23, udi: { di: 04012345678949 }", "part: IS-25");
    let found = at(REWORK, &other).expect_err("another product");
    assert!(found[0].starts_with("R1003 ") && found[0].contains("the order is of IS-25"), "{found:?}");
}

#[test]
fn what_may_be_left_out() {
    let text = repository(ORDER).replace(", udi: { di: 04012345678949 }", "");
    let lines = |word: &str| !["starts_max", "due", "purpose"].iter().any(|f| word.starts_with(f));
    let text: String = text.lines().filter(|l| lines(l)).map(|l| format!("{l}\n")).collect();
    let order = load(&text).unwrap_or_else(|(list, s)| panic!("{:?}", rows(&list, &s)));
    assert_eq!(order.purpose, Purpose::Trial);
    let plan = compile(
        &Files::default(),
        &order.recipe,
        &cell(),
        None,
        cellwright_steps::TABLE,
        &mut Sources::default(),
    );
    let terms = order.terms(&plan.expect("the recipe of the repository").0);
    assert_eq!((terms.starts_max, terms.due.clone(), terms.udi("x")), (12, None, None));
}

#[test]
fn wrong_orders() {
    let cases: &[(&str, &str, &str)] = &[
        ("order: 1 ", "order: «2 ", "R0110"),
        ("order: 1 ", "«ordre: 1 ", "R0101"),
        ("id: PO-2000-0417", "id: «\"PO 2000\"", "R0106"),
        ("lot: IS23-0417\n", "lot: «\"IS23(0417)\"\n", "R0113"),
        ("lot: IS23-0417\n", "lot: «A12345678901234567890\n", "R0113"),
        ("part: IS-23", "part: «\"IS 23\"", "R0106"),
        ("di: 04012345678949", "di: «04012345678940", "R0113"),
        ("di: 04012345678949", "di: «4012345678949", "R0113"),
        ("udi: { di: ", "udi: { «id: ", "R0101"),
        ("quantity: 4 ", "quantity: «0 ", "R0112"),
        ("quantity: 4 ", "quantity: «4 units ", "R0104"),
        ("starts_max: 8 ", "starts_max: «3 ", "R1002"),
        ("starts_max: 8 ", "starts_max: «13 ", "R1002"),
        ("quantity: 4 ", "quantity: «many ", "R0104"),
        (
            "serials: { prefix: IS0417-, first: 1, last: 0012 }",
            "serials: «{ prefix: IS0417-, first: 13, last: 0012 }",
            "R1001",
        ),
        (
            "serials: { prefix: IS0417-, first: 1, last: 0012 }",
            "serials: «{ prefix: IS0417-, first: 10, last: 0012 }",
            "R1002",
        ),
        ("prefix: IS0417-,", "prefix: «CW-,", "R1001"),
        ("prefix: IS0417-,", "prefix: «CW-7,", "R1001"),
        ("prefix: IS0417-,", "prefix: «\"a b\",", "R0113"),
        (
            "serials: { prefix: IS0417-, first: 1, last: 0012 }",
            "serials: «{ prefix: IS0417-012345678, first: 1, last: 00012 }",
            "R1001",
        ),
        ("last: 0012", "last: «0x12", "R0104"),
        ("due: 2027-01-29", "due: «2027-02-29", "R0910"),
        ("purpose: trial", "purpose: «production", "R1003"),
        ("purpose: trial", "purpose: «repair", "R0105"),
        ("purpose: trial", "«priority: high", "R0101"),
        ("purpose: trial", "purpose: trial\n«lot: other", "R0010"),
    ];
    let mut failed = Vec::new();
    for (from, to, code) in cases {
        let (text, at) = marked(&once(&repository(ORDER), from, to));
        let found = refused(&text);
        if !found.iter().any(|row| row.starts_with(&format!("{code} {} ", at[0]))) {
            failed.push(format!("`{to}` expected {code} {}\n  found {}", at[0], found.join("\n        ")));
        }
    }
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

#[test]
fn all_mistakes_in_one_run_and_each_missing_field_by_its_name() {
    let found =
        refused("order: 1\nid: a b\nquantity: x\nserials: { prefix: Q-, first: 1, end: 5 }\nproduct: { }\n");
    let codes: Vec<&str> = found.iter().map(|row| &row[..5]).collect();
    for (code, times) in [("R0106", 1), ("R0104", 1), ("R0101", 1), ("R0102", 4)] {
        assert_eq!(codes.iter().filter(|c| **c == code).count(), times, "{code}: {found:?}");
    }
    for missing in ["`lot`", "`recipe`", "`last`", "`part`"] {
        assert!(found.iter().any(|row| row.contains(missing)), "{missing}: {found:?}");
    }
    assert!(refused("").iter().any(|row| !row.is_empty()), "an empty file is refused");
    assert!(refused("- 1\n")[0].starts_with("R0103"));
}

#[test]
fn what_the_recipe_refuses_stands_at_the_words_of_the_order() {
    for (from, to, code) in [
        ("recipe: cannula-hub.recipe.yaml", "recipe: «no-such.recipe.yaml", "R0001"),
        ("quantity: 4 ", "variant: «26g\nquantity: 4 ", "R0317"),
    ] {
        let (text, at) = marked(&repository(ORDER).replacen(from, to, 1));
        let files = Files::with(ORDER, text.as_str());
        let mut sources = Sources::default();
        let (order, _) = load_order(&files, ORDER, &cell(), TWIN, &mut sources).expect("right by itself");
        let variant = order.variant.as_deref();
        let list = compile(&files, &order.recipe, &cell(), variant, cellwright_steps::TABLE, &mut sources)
            .expect_err("refused");
        let list = order.at_its_words(list, &sources);
        assert_eq!(places(&list, &sources), [format!("{code} {}", at[0])]);
        assert_eq!(sources.file(list[0].span.file).path, ORDER);
    }
}

#[test]
fn production_is_permitted_where_nothing_forbids_it() {
    let text = repository(ORDER).replace("purpose: trial", "purpose: production");
    let order = load_order(&Files::with(ORDER, text), ORDER, &cell(), None, &mut Sources::default());
    assert_eq!(order.expect("no twin").0.purpose, Purpose::Production);
}
