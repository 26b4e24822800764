//! Names that hide each other, or that a reader takes for each other. Components and the parameters that hold their
//! part numbers may have one name: neither stands where the other could.

use cellwright_model::cell::Cell;

use crate::code::Code;
use crate::diagnostic::Sink;
use crate::params::ParamDecl;
use crate::source::Span;
use crate::tree::{Node, Value};

/// What else in the cell has this name.
fn owner(cell: &Cell, name: &str) -> Option<String> {
    let short = |input: &str| input.split_once('.').is_some_and(|(_, short)| short == name);
    if let Some(input) = cell.digital_inputs.iter().find(|i| i.name == name || short(&i.name)) {
        return Some(format!("the input `{}`", input.name));
    }
    if cell.analog(name).is_some() {
        return Some(format!("the channel `{name}`"));
    }
    cell.output(name).map(|_| format!("the output `{name}`"))
}

/// Warns of a name of the recipe that a signal has, too.
pub(super) fn warn(sink: &mut Sink, cell: &Cell, name: &str, span: Span, what: &str) {
    if let Some(owner) = owner(cell, name) {
        let message = format!("{what} `{name}` has the name of {owner}");
        sink.warning(Code::Shadowed, span, message, "give it a name of its own");
    }
}

/// A `$` too few, and a condition asks the signal instead of the parameter.
pub(super) fn warn_params(sink: &mut Sink, cell: &Cell, decls: &[ParamDecl]) {
    decls.iter().for_each(|decl| warn(sink, cell, &decl.name, decl.name_span, "the parameter"));
}

/// In a condition a signal comes first: the measurement `STEP.NAME` could not be asked for.
pub(super) fn warn_measurements(sink: &mut Sink, cell: &Cell, step: &str, fields: &Node) {
    let Value::Mapping(map) = &fields.value else { return };
    let Some(measure) = map.entries.iter().find(|e| e.key == "measure") else { return };
    let Value::Mapping(measure) = &measure.node.value else { return };
    for entry in &measure.entries {
        let name = format!("{step}.{}", entry.key);
        if cell.input(&name).is_some() || cell.analog(&name).is_some() {
            let message =
                format!("the measurement `{name}` has the name of a signal, which conditions find first");
            sink.warning(Code::Shadowed, entry.key_span, message, "give it a name of its own");
        }
    }
}
