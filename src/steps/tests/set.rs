//! Values given in the place of a row's own: what a variant with them would give, by the rules of a variant.

#[path = "../../recipe/tests/common/mod.rs"]
mod common;

use cellwright_model::plan::Plan;
use cellwright_recipe::{Row, Sources, compile_row};
use cellwright_steps::TABLE;
use common::{Files, cell, rows};

const RECIPE: &str = "recipes/cannula-hub/cannula-hub.recipe.yaml";

/// The Plan, or each mistake as `R0501 --set 1:12 message` with its remedy.
fn with(variant: Option<&str>, set: &[(&str, &str)]) -> Result<Plan, Vec<String>> {
    let set: Vec<_> = set.iter().map(|(n, v)| ((*n).to_string(), (*v).to_string())).collect();
    let mut sources = Sources::default();
    let row = Row { variant, set: &set };
    match compile_row(&Files::default(), RECIPE, &cell(), row, TABLE, &mut sources) {
        Ok((plan, warnings)) => {
            assert!(warnings.is_empty(), "{:?}", rows(&warnings, &sources));
            Ok(plan)
        }
        Err(list) => {
            let line = |d: &cellwright_recipe::Diagnostic| {
                let (at, file) = (sources.places(d.span).0, &sources.file(d.span.file).path);
                format!("{} {file} {}:{} {}; {}", d.code.as_str(), at.line, at.column, d.message, d.help)
            };
            Err(list.iter().map(line).collect())
        }
    }
}

#[test]
fn a_row_that_is_set_is_the_variant_that_has_it() {
    let set = [
        ("seat_depth", "12.35 mm"),
        ("seat_force", "60 .. 130 N"),
        ("seat_warn", "70 .. 120 N"),
        ("cannula", "CAN-25"),
    ];
    let (set, variant) = (with(None, &set).expect("a plan"), with(Some("25g"), &[]).expect("a plan"));
    assert_eq!(set.set.len(), 4);
    assert_eq!(Plan { set: vec![], variant: variant.variant.clone(), ..set }, variant);
}

#[test]
fn one_value_changes_that_one_and_is_told() {
    let (plain, set) = (with(Some("25g"), &[]).expect("a plan"), [("seat_depth", "12.45 mm")]);
    let plan = with(Some("25g"), &set).expect("a plan");
    assert_eq!(plan.set, [("seat_depth".to_string(), "12.45 mm".to_string())]);
    let changed: Vec<_> =
        plan.params.iter().zip(&plain.params).filter(|(a, b)| a != b).map(|(a, _)| a).collect();
    assert_eq!(changed, [&("seat_depth".to_string(), "12.45 mm".to_string())]);
    assert_ne!(plan.hash().expect("a hash"), plain.hash().expect("a hash"));
    // A Plan with nothing set is hashed as if there were no such thing.
    assert!(!serde_json::to_string(&plain).expect("JSON").contains("\"set\""));
}

#[test]
fn what_a_variant_may_not_say_cannot_be_set() {
    let wrong = |set: &[(&str, &str)]| with(None, set).expect_err("refused").join("\n");
    let above = wrong(&[("seat_depth", "12.6 mm")]);
    assert_eq!(
        above,
        "R0501 --set 1:12 `12.6 mm` is above the greatest value of `seat_depth`; at most 12.5 mm"
    );
    assert!(wrong(&[("seat_depth", "12.4")]).starts_with("R0201 --set 1:12"));
    assert!(wrong(&[("seat_depth", "12.4 N")]).starts_with("R0502 --set 1:12"));
    let unknown = wrong(&[("seat_dpth", "12.4 mm")]);
    assert!(unknown.starts_with("R0301 --set 1:1") && unknown.contains("seat_depth"), "{unknown}");
    let twice = wrong(&[("seat_depth", "12.4 mm"), ("seat_depth", "12.41 mm")]);
    assert!(twice.starts_with("R0010 --set 1:1"), "{twice}");
    // Within its own bounds, and wrong where it is used.
    assert!(wrong(&[("seat_warn", "200 .. 210 N")]).starts_with("R0808 recipes/"));
}
