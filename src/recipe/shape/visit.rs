//! A tree beside its tables: what each node of a file is.

use super::{Field, FileKind, StepShape, What};
use crate::tree::{Node, Value};

/// What a node is by the tables.
#[derive(Debug, Clone)]
pub enum Seen {
    /// A value of this kind.
    Value(&'static What),
    /// A mapping of these fields, under the name of its table.
    Fields { shape: &'static str, fields: Vec<&'static Field> },
}

/// Calls `seen` for each node that the tables know, from the outside in, in the order of the text.
pub fn visit<'n>(root: &'n Node, kind: FileKind, steps: &[StepShape], seen: &mut dyn FnMut(&'n Node, Seen)) {
    let shape = kind.shape();
    Visitor { steps, seen }.fields(root, shape.name, shape.fields.iter().collect());
}

struct Visitor<'v, 'n> {
    steps: &'v [StepShape],
    seen: &'v mut dyn FnMut(&'n Node, Seen),
}

impl<'n> Visitor<'_, 'n> {
    fn fields(&mut self, node: &'n Node, shape: &'static str, fields: Vec<&'static Field>) {
        let Value::Mapping(map) = &node.value else { return };
        (self.seen)(node, Seen::Fields { shape, fields: fields.clone() });
        for entry in &map.entries {
            if let Some(field) = fields.iter().find(|f| f.name == entry.key) {
                self.value(&entry.node, &field.what);
            }
        }
    }

    fn value(&mut self, node: &'n Node, what: &'static What) {
        let Some(what) = what.of_form(node) else { return };
        match (what, &node.value) {
            (What::Fields(shape), _) => self.fields(node, shape.name, shape.fields.iter().collect()),
            (What::List(of), Value::Sequence(list)) => {
                (self.seen)(node, Seen::Value(what));
                list.iter().for_each(|n| self.value(n, of));
            }
            (What::Map(_, of), Value::Mapping(map)) => {
                (self.seen)(node, Seen::Value(what));
                map.entries.iter().for_each(|e| self.value(&e.node, of));
            }
            (What::Steps, Value::Sequence(list)) => {
                (self.seen)(node, Seen::Value(what));
                list.iter().for_each(|n| self.step(n));
            }
            _ => (self.seen)(node, Seen::Value(what)),
        }
    }

    fn step(&mut self, node: &'n Node) {
        let Value::Mapping(map) = &node.value else { return };
        for entry in &map.entries {
            if let Some(step) = self.steps.iter().find(|s| s.name == entry.key) {
                self.fields(&entry.node, step.name, step.fields.clone());
            }
        }
    }
}

impl What {
    /// Of several kinds the one that a node has the form of; a kind that it has not the form of is given as it is.
    pub fn of_form(&'static self, node: &Node) -> Option<&'static What> {
        let What::Either(kinds) = self else { return Some(self) };
        let fits = |what: &&What| match node.value {
            Value::Mapping(_) => matches!(what, What::Fields(_) | What::Map(..)),
            Value::Sequence(_) => matches!(what, What::List(_) | What::Steps),
            Value::Scalar(_) | Value::Refused => what.is_scalar(),
        };
        kinds.iter().find(fits)
    }

    /// One value, neither a list nor a mapping.
    pub fn is_scalar(&self) -> bool {
        match self {
            What::Fields(_) | What::Map(..) | What::List(_) | What::Steps => false,
            What::Either(kinds) => kinds.iter().any(What::is_scalar),
            _ => true,
        }
    }
}
