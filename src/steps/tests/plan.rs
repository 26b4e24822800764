//! The embedded recipe as a Plan: its structure, and that equal text gives an equal Plan.

mod common;

use cellwright_model::plan::Plan;
use cellwright_recipe::{Sources, compile};
use cellwright_steps::TABLE;
use common::{Files, cell, rows};

const RECIPE: &str = "recipes/cannula-hub/cannula-hub.recipe.yaml";

fn plan(variant: Option<&str>) -> Plan {
    let mut sources = Sources::default();
    match compile(&Files::default(), RECIPE, &cell(), variant, TABLE, &mut sources) {
        Ok((plan, warnings)) => {
            assert_eq!(rows(&warnings, &sources), Vec::<String>::new());
            plan
        }
        Err(list) => panic!("{}", rows(&list, &sources).join("\n")),
    }
}

#[test]
fn the_embedded_recipe_compiles() {
    let plan = plan(None);
    println!("{}", serde_json::to_string_pretty(&plan).unwrap());
}
