//! Test files and scenario files: what is there at the beginning. What happens then stands in `scenario_act`, what
//! must come of it in `scenario_expect`.

use cellwright_model::plant::Defect;

use super::scenario_act::WHEN;
use super::scenario_expect::EXPECT;
use super::{Keys, Names, Shape, What};
use crate::shape;

/// Units that are made, or have a result.
pub(super) const UNITS_MAX: u64 = 1_000;

shape! { pub(super) TEST = "test", "What a recipe must survive: its tests, one scenario each." {
    req "test": Integer(1, 1), "Schema major.";
    req "about": Text, "What it shows, in a sentence.";
    req "recipe": Name(Names::Path), "Path of the recipe from this file.";
    req "cell": Text, "Path of the folder of the cell from this file.";
    req "tests": List(&What::Fields(&ONE)), "The tests, at least one.";
}}

shape! { ONE = "one test", "Given a machine, when this happens, then expect that." {
    req "id": Identifier, "Names the test; no other of the file has it.";
    req "about": Text, "What it shows, in a sentence.";
    opt "variant": Name(Names::Variant), "Row of the recipe's variants; its defaults if left out.";
    opt "given" = "one unit of good parts": Fields(&GIVEN), "What is there at the beginning.";
    opt "when": List(&What::Fields(&WHEN)), "What happens; each waits for its moment after the one before.";
    req "expect": Fields(&EXPECT), "What must be so at the end.";
}}

shape! { pub(super) SCENARIO = "scenario", "One scenario of one machine." {
    req "scenario": Integer(1, 1), "Schema major.";
    req "about": Text, "What it shows, in a sentence.";
    req "given": Fields(&GIVEN_MACHINE), "The machine, and what is there at the beginning.";
    opt "when": List(&What::Fields(&WHEN)), "What happens; each waits for its moment after the one before.";
    req "expect": Fields(&EXPECT), "What must be so at the end.";
}}

shape! { GIVEN_MACHINE = "machine and beginning", "The machine of a scenario, and what is there at the beginning." {
    req "cell": Name(Names::Cell), "Its cell: a folder of `cells/`.";
    req "recipe": Text, "Path of its recipe from the folder that has `cells/`.";
    opt "units" = "1": Integer(1, UNITS_MAX), "Units that are ordered.";
    opt "seed" = "1": Integer(0, 1 << 53), "Of everything that is drawn.";
    opt "operator" = "automatic": Word(&["automatic", "scripted"]), "Brings the cell into Execute and answers, or does only what the scenario says.";
    opt "material": List(&What::Fields(&LOADED)), "What trays and lanes hold, in place of what the plant has.";
    opt "grips_missed": Quantity(&[Ratio]), "Share of grips that miss; the plant's if left out.";
    opt "parts": Map(Keys::Name(Names::Component), &DEFECTS), "What is bad about the parts, by component. If left out, they are good in a test, and drawn by the plant's shares in a scenario.";
    opt "answers": Map(Keys::Name(Names::Step), &What::Text), "What the automatic operator answers to a step that asks, in the place of the first answer.";
}}

/// The test file names the machine.
static GIVEN: Shape =
    Shape { name: "beginning", about: "What is there at the beginning.", fields: GIVEN_MACHINE.behind(2) };

/// Of one part after another, as they leave their source; of the first alone without a list.
const DEFECTS: What = What::Either(&[What::Words(defects), What::List(&What::Words(defects))]);

fn defects() -> Vec<String> {
    let bad = Defect::ALL.into_iter().map(Defect::as_str);
    core::iter::once("good").chain(bad).map(str::to_owned).collect()
}

shape! { pub(super) LOADED = "loaded", "Material of a tray or lane; one of `scanned`, `typed`, `empty`." {
    req "tray": Name(Names::Tray), "The tray, lane or bin.";
    dep "scanned": Text, "The code on its label.";
    dep "typed": Fields(&TYPED), "Its label, as a person types it.";
    dep "empty": Word(&["true"]), "It is empty.";
    opt "next": Integer(0, 10_000), "Pocket of its next part.";
    opt "left": Integer(0, 1_000_000), "Parts of what was there before.";
}}

shape! { TYPED = "typed label", "A label, as a person types it." {
    req "part": Text, "Part number.";
    req "lot": Text, "Lot.";
    opt "expiry": Text, "Its last day, `2029-05-31`.";
    opt "quantity": Integer(0, 1_000_000), "Parts.";
}}
