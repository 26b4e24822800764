//! Test files and scenario files: what must be so at the end.

use super::Form as F;
use super::scenario::UNITS_MAX;
use super::scenario_act::states;
use super::{ANY, Keys, Names, What};
use crate::shape;

shape! { pub(super) EXPECT = "expected of a test", "What must be so at the end." {
    opt "state" = "Completed": Words(states), "The state in which it ends.";
    opt "within" = "120 s": Quantity(&[Time]), "How long that may take after the last entry of `when`.";
    opt "alarms" = "none": List(&What::Fields(&ALARM)), "Every alarm that is raised, and no other.";
    req "units": Fields(&UNITS), "How many units have which result.";
    opt "path": List(&STEP), "Every end of a step of the first unit, in their order.";
    opt "steps": List(&STEP), "Ends of steps that there are among others, of any unit.";
    opt "measurements": Map(Keys::Name(Names::Measurement), &What::Fields(&MEASUREMENT)), "Measurements of the first unit, by `step.name`.";
    opt "parts": Map(Keys::Form(F::Spot), &What::Word(&["empty", "part", "unit", "fresh"])), "What is truly at a place: `nest/0`, `robot_l`, `good_tray/4`.";
    opt "counts": Map(Keys::Name(Names::Tray), &What::Integer(0, 1_000_000)), "How many parts a tray, lane or bin truly gave or took.";
}}

/// A word is a step that passes.
const STEP: What = What::Either(&[What::Name(Names::Step), What::Fields(&END)]);

shape! { ALARM = "expected alarm", "One alarm." {
    req "code": Name(Names::Alarm), "Its word in the catalogue.";
    opt "first_out": Boolean, "Whether it is the one that came first.";
    opt "place": Text, "What it is about: an axis, a SubDevice, a step.";
}}

shape! { UNITS = "results", "Units by their result; at least one has one." {
    opt "good" = "0": Integer(0, UNITS_MAX), "Good ones.";
    opt "ng" = "0": Integer(0, UNITS_MAX), "Rejected ones.";
    opt "interrupted" = "0": Integer(0, UNITS_MAX), "Interrupted ones.";
}}

shape! { END = "end of a step", "How an attempt of a step ends." {
    req "step": Name(Names::Step), "The step.";
    req "outcome": Word(&["passed", "failed", "faulted", "timed-out", "aborted", "interrupted", "skipped"]), "Its outcome.";
    opt "cause": Text, "The cause that the record names.";
}}

shape! { MEASUREMENT = "expected measurement", "A measurement; at least one of `verdict` and `within`." {
    dep "verdict": Word(&["pass", "marginal", "fail", "invalid"]), "What it is judged.";
    dep "within": Range(ANY), "What it lies in, in units of the measurement's dimension.";
    opt "attempt": Integer(1, 100), "Of which attempt of the step; the last if left out.";
}}
