//! Recipes and sub-recipes, but for the fields of the step kinds.

use super::Form as F;
use super::{Keys, Names, Shape, What};
use crate::shape;

shape! { pub(super) RECIPE = "recipe", "How one unit is made: parameters, components, steps." {
    req "recipe": Integer(1, 1), "Schema major.";
    req "id": Identifier, "Names the recipe; in the record of every unit.";
    req "version": Form(F::Version), "Three numbers; a change of the first breaks what uses it.";
    req "cell": Name(Names::Cell), "The cell that it is for.";
    opt "specification": Fields(&SPECIFICATION), "Where the limits come from.";
    opt "params": Map(Keys::Parameter, &What::Fields(&PARAM)), "What may differ between variants, by name; written `$name`.";
    opt "variants": Map(Keys::Given, &What::Map(Keys::Parameter, &What::Value)), "Complete rows of values for the parameters; each is checked.";
    req "components": Map(Keys::Given, &What::Fields(&COMPONENT)), "What goes into a unit, by name.";
    opt "invariants": List(&What::Fields(&INVARIANT)), "Conditions that are watched in every cycle.";
    req "steps": Steps, "What is done; ends with `unload` to a good tray.";
    req "on_reject": Steps, "What is done with a unit that is rejected, wherever it is; ends with `unload` to a bin.";
}}

shape! { pub(super) OPERATION = "operation", "A sub-recipe: steps that recipes put in with `use`." {
    req "recipe": Integer(1, 1), "Schema major.";
    req "id": Identifier, "The name of its file.";
    req "version": Form(F::Version), "Three numbers; a recipe that uses it names the first.";
    req "cell": Name(Names::Cell), "The cell that it is for.";
    opt "params": Map(Keys::Parameter, &What::Fields(&OPERATION_PARAM)), "Its arguments, by name; written `$name`.";
    opt "components": List(&What::Identifier), "Components that it handles, of the recipe that uses it.";
    req "steps": Steps, "What is done.";
}}

shape! { SPECIFICATION = "specification", "The document that limits come from." {
    req "id": Identifier, "Its number; `spec:` of a measurement names a paragraph of it.";
    req "revision": Identifier, "Its revision.";
}}

shape! { PARAM = "param", "A parameter; its kind follows from its default." {
    req "default": Value, "Its value where no variant gives another.";
    opt "min": Either(&[What::Quantity(super::ANY), What::Integer(0, u32::MAX as u64)]), "The least value that it may be given.";
    opt "max": Either(&[What::Quantity(super::ANY), What::Integer(0, u32::MAX as u64)]), "The greatest value that it may be given.";
}}

shape! { OPERATION_PARAM = "argument", "An argument of a sub-recipe." {
    opt "default": Value, "Its value where `with:` gives none; without one, `with:` has to.";
    opt "min": Either(&[What::Quantity(super::ANY), What::Integer(0, u32::MAX as u64)]), "The least value that it may be given.";
    opt "max": Either(&[What::Quantity(super::ANY), What::Integer(0, u32::MAX as u64)]), "The greatest value that it may be given.";
}}

shape! { COMPONENT = "component", "A part that goes into each unit." {
    req "part": Identifier, "Part number.";
    req "identify": Word(&["per-unit", "per-lot", "own-serial"]), "By a code of its own that is scanned, by the lot of its source, or as the unit itself.";
    opt "source": Name(Names::Source), "Where it comes from; needed where its part number does not say that.";
}}

shape! { INVARIANT = "invariant", "A condition that is watched in every cycle." {
    req "id": Identifier, "Names it in alarms and records.";
    req "check": Condition, "What has to hold.";
    req "else": Word(&["reject", "hold", "stop", "abort"]), "What happens when it does not; a safety signal permits `abort` only.";
}}

shape! { pub(super) STEP = "step", "Fields of every step." {
    req "id": Identifier, "Names the step; the record calls it by that.";
    opt "timeout": Quantity(&[Time]), "The step ends after this as timed out; three times its least time, 10 s or more, if left out.";
    opt "when": Condition, "Otherwise the step is left out, and recorded as skipped.";
    opt "on_fail" = "reject": Either(&[What::Word(&["reject", "ask"]), What::Fields(&HANDLER)]), "The part is bad: what then.";
    opt "on_fault" = "ask": Either(&[What::Word(&["reject", "ask"]), What::Fields(&HANDLER)]), "The machine could not: what then.";
    opt "on_hold": Word(&["stop", "finish"]), "What a Hold does to it: stop where it is, or finish first.";
    opt "after_restart" = "never": Word(&["never", "redo", "verify-then-skip"]), "What is offered for the unit if the controller died in this step: nothing, to do it once more, or to go on if its check holds.";
}}

shape! { pub HANDLER = "handler", "Tries again." {
    req "retry": Integer(1, 10), "Attempts after the first one.";
    opt "after" = "0 s": Quantity(&[Time]), "Waits before each of them.";
    req "then": Word(&["reject", "ask"]), "After the last one.";
}}

/// What orders steps.
pub static FLOW: &[(&str, &Shape)] = &[("parallel", &PARALLEL), ("repeat", &REPEAT), ("use", &USE)];

shape! { pub PARALLEL = "parallel", "Branches that run beside each other, all at one station." {
    req "id": Identifier, "Names it.";
    req "branches": Map(Keys::Given, &What::Steps), "Steps of each branch, by its name.";
}}

shape! { pub REPEAT = "repeat", "Rounds of reversible steps until a condition holds." {
    req "id": Identifier, "Names it.";
    req "at_most": Integer(1, cellwright_model::limits::ROUNDS_MAX as u64), "Rounds; the unit is rejected if the condition does not hold within them.";
    req "until": Condition, "Asked after each round.";
    req "steps": Steps, "What a round does.";
}}

shape! { pub USE = "use", "The steps of a sub-recipe, in this place." {
    req "id": Identifier, "Names it; the ids of its steps begin with it.";
    req "recipe": Name(Names::Operation), "`name@major` of a sub-recipe beside this file.";
    opt "with": Map(Keys::Name(Names::Argument), &What::Value), "Its arguments.";
}}
