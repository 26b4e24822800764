//! `set`: switches an output.
//!
//! ```yaml
//! - set: { id: lamp, output: spare_lamp, to: true }
//! ```
//! Outputs that the cell drives itself (panel, leak testers) are refused: two writers of one output
//! overwrite each other.

use cellwright_model::OutputId;
use cellwright_model::cell::Cell;
use cellwright_model::plan::Primitive;
use cellwright_recipe::shape::Names;
use cellwright_recipe::{Code, Context, Draft, Fields, Shape, StepKind, names, shape};

pub(crate) struct Set;

shape! { SET = "set", "Switches an output." {
    opt "station": Name(Names::Station), "Where the unit's nest has to be.";
    opt "check": Condition, "Has to hold before it begins; otherwise the machine could not.";
    req "output": Name(Names::Output), "One that only recipes switch.";
    req "to": Boolean, "On or off.";
}}

impl StepKind for Set {
    fn name(&self) -> &'static str {
        "set"
    }
    fn judges(&self) -> bool {
        false
    }
    fn shape(&self) -> &'static Shape {
        &SET
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let cell = cx.cell;
        let station = cx.station_opt(f);
        let check_before = cx.condition(f, "check");
        let output = f.req("output", cx.d, |d, n| {
            let id = names::output(d, n, cell)?;
            if let Some(owner) = owner(cell, id) {
                let message = format!("`{}` belongs to {owner}", cell.digital_outputs[id.index()].name);
                d.sink.error(Code::OutputInUse, n.span, message, "name an output that only recipes switch");
            }
            Some(id)
        });
        let value = f.req("to", cx.d, |d, n| d.boolean(n));
        let ops = vec![Primitive::SetOutput { output: output?, value: value? }];
        Some(Draft { station, check_before, ops, ..Draft::default() })
    }
}

/// Who else switches an output.
fn owner(cell: &Cell, id: OutputId) -> Option<String> {
    if cell.panel.outputs().any(|of_panel| of_panel == id) {
        return Some("the panel".to_string());
    }
    let tester = cell.leak_testers.iter().find(|t| [t.fill, t.vent_closed, t.clamp].contains(&id))?;
    Some(format!("the leak tester `{}`", tester.name))
}
