//! Text to Plan, or every diagnostic at once (house rule 8). Pure: files come from a [`FileSource`],
//! nothing here reads a disk, a clock or the environment.
//!
//! Terms: a *recipe* makes one unit, an *operation* is a sub-recipe that a `use` step puts in, a *step* is
//! the phase of ISA-88, *params* are its formula; a *variant* is a complete row of them. A [`Diagnostic`]
//! has a code, a span, a cause and a remedy.
//!
//! The way: [`tree`] (YAML, strict, with spans) · [`decode`] (fields and quantities) · `cell_text` and
//! `plant_text` (machine and twin) · `faults_text` (what goes wrong on
//! a twin) · `scenario_text` (scenarios and tests) · `order_text` (lot, quantity, serials) · `compile` (recipe: parameters,
//! sub-recipes, steps, Plan). [`pages`] has a page for each code, [`shape`] a table of each mapping's fields.

pub mod cell_text;
mod characters;
pub mod code;
pub mod compile;
pub mod condition;
pub mod decode;
pub mod diagnostic;
pub mod faults_text;
pub mod made;
pub mod names;
pub mod order_sets;
pub mod order_text;
pub mod pages;
mod params;
pub mod plant_text;
pub mod quarantine_text;
pub mod render;
pub mod scenario_text;
pub mod scope;
pub mod shape;
pub mod source;
pub mod step;
pub mod suggest;
pub mod tree;
pub mod users_text;

pub use cell_text::load_cell;
pub use code::Code;
pub use compile::{OrderPlans, Row, Rows, compile, compile_order, compile_row, compile_rows};
pub use decode::{Decoder, Fields, Text};
pub use diagnostic::{Diagnostic, Severity, Sink, json_rows};
pub use faults_text::load_faults;
pub use order_text::{OrderText, load_order};
pub use plant_text::load_plant;
pub use quarantine_text::load_quarantine;
pub use render::{render, render_with};
pub use scenario_text::{load_scenario, load_tests};
pub use scope::Scope;
pub use shape::{FileKind, Shape};
pub use source::{FileId, FileSource, Place, Sources, Span};
pub use step::{ComponentDecl, Context, Draft, Restart, StepKind};
pub use tree::{Entry, Node, Value};
pub use users_text::load_users;
