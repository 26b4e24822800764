//! The step kinds: one file each, one line in [`TABLE`]. A kind reads the fields of a step, checks them
//! against the cell and lowers them to the primitives of [`cellwright_model::plan`].
//!
//! Terms: the *approach* of a press is its fast way down, *contact* where the force rises, *depth* counts
//! from there; a spindle's *rundown* turns the cap to where it seats (*snug*), *tightening* goes on to the
//! target torque.

mod axis;
mod by_hand;
mod check;
mod confirm;
mod feed;
mod inspect;
mod label;
mod leak_test;
mod measure;
mod measure_analog;
mod move_to;
mod pick_place;
mod press;
mod robot;
mod scan;
mod screw;
mod set;
mod there;
mod unload;
mod wait;

use cellwright_recipe::StepKind;

/// Every kind, by name as recipes write it. `parallel` and `use` are no kinds: they order steps.
pub static TABLE: &[&dyn StepKind] = &[
    &by_hand::ByHand,
    &check::Check,
    &confirm::Confirm,
    &feed::Feed,
    &inspect::Inspect,
    &label::Label,
    &leak_test::LeakTest,
    &measure_analog::Measure,
    &move_to::Move,
    &pick_place::PickPlace,
    &press::Press,
    &scan::Scan,
    &screw::Screw,
    &set::Set,
    &unload::Unload,
    &wait::Wait,
];
