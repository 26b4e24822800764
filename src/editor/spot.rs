//! What stands at a place of a file, by the tables: a key or a value, and what is around it.

use cellwright_recipe::shape::{Field, FileKind, Keys, StepShape, What, steps};
use cellwright_recipe::tree::{Entry, Mapping, Node, Value};
use cellwright_recipe::{Sink, Sources, Span, tree};

use crate::format::kind_of;

/// A file read for a person who is writing it: mistakes are told elsewhere.
pub(crate) struct Read {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) kind: FileKind,
    pub(crate) root: Node,
    pub(crate) steps: Vec<StepShape>,
}

impl Read {
    /// `None`: no tree can be made of it.
    pub(crate) fn new(path: &str, kind: FileKind, text: &str) -> Option<Read> {
        let (mut sources, mut sink) = (Sources::default(), Sink::new());
        let root = tree::parse(path, text.as_bytes(), &mut sources, &mut sink).1?;
        let steps = steps(cellwright_steps::TABLE);
        // One that is just begun may become either; a recipe has every field of a sub-recipe.
        let begun = entry(&root, "components").is_none();
        let kind = if begun { kind } else { kind_of(kind, &root) };
        Some(Read { path: path.to_owned(), text: text.to_owned(), kind, root, steps })
    }

    /// What stands at a byte.
    pub(crate) fn spot(&self, byte: usize) -> Option<Spot<'_>> {
        let shape = self.kind.shape();
        let mut walk = Walk { steps: &self.steps, byte, step: None };
        walk.fields(&self.root, &shape.fields.iter().collect::<Vec<_>>())
    }
}

/// See the module text.
pub(crate) struct Spot<'r> {
    pub(crate) part: Part<'r>,
    /// The fields of the step around it.
    pub(crate) step: Option<&'r Mapping>,
}

pub(crate) enum Part<'r> {
    /// The name of a field; `fields`: those of its mapping.
    Field { entry: &'r Entry, fields: Vec<&'static Field>, around: &'r Mapping },
    /// A key that the tables leave free; `of`: the kind of its value.
    Key { entry: &'r Entry, keys: Keys, of: &'static What },
    /// The name of a step's kind.
    Step(&'r str),
    /// A value, and the field that it is the value of.
    Value { node: &'r Node, what: &'static What, field: Option<&'static Field> },
}

struct Walk<'w, 'r> {
    steps: &'w [StepShape],
    byte: usize,
    step: Option<&'r Mapping>,
}

impl<'r> Walk<'_, 'r> {
    fn holds(&self, span: Span) -> bool {
        (span.start as usize..=span.end as usize).contains(&self.byte)
    }

    fn found(&self, part: Part<'r>) -> Option<Spot<'r>> {
        Some(Spot { part, step: self.step })
    }

    fn fields(&mut self, node: &'r Node, fields: &[&'static Field]) -> Option<Spot<'r>> {
        let Value::Mapping(map) = &node.value else { return None };
        for entry in &map.entries {
            if self.holds(entry.key_span) {
                return self.found(Part::Field { entry, fields: fields.to_vec(), around: map });
            }
            let field = fields.iter().copied().find(|f| f.name == entry.key);
            if let Some(field) = field.filter(|_| self.holds(entry.node.span)) {
                return self.value(&entry.node, &field.what, Some(field));
            }
        }
        None
    }

    fn value(
        &mut self,
        node: &'r Node,
        what: &'static What,
        field: Option<&'static Field>,
    ) -> Option<Spot<'r>> {
        let what = what.of_form(node)?;
        match (what, &node.value) {
            (What::Fields(shape), Value::Mapping(_)) => {
                self.fields(node, &shape.fields.iter().collect::<Vec<_>>())
            }
            (What::List(of), Value::Sequence(list)) => {
                let node = list.iter().find(|n| self.holds(n.span))?;
                self.value(node, of, field)
            }
            (What::Map(keys, of), Value::Mapping(map)) => {
                for entry in &map.entries {
                    if self.holds(entry.key_span) {
                        return self.found(Part::Key { entry, keys: *keys, of });
                    }
                    if self.holds(entry.node.span) {
                        return self.value(&entry.node, of, field);
                    }
                }
                None
            }
            (What::Steps, Value::Sequence(list)) => {
                let node = list.iter().find(|n| self.holds(n.span))?;
                self.one_step(node)
            }
            _ => self.found(Part::Value { node, what, field }),
        }
    }

    fn one_step(&mut self, node: &'r Node) -> Option<Spot<'r>> {
        let map = match &node.value {
            Value::Mapping(map) => map,
            Value::Scalar(scalar) => {
                return self.found(Part::Step(&scalar.text));
            }
            Value::Sequence(_) | Value::Refused => return None,
        };
        let entry = map.entries.iter().find(|e| self.holds(e.key_span) || self.holds(e.node.span))?;
        if self.holds(entry.key_span) {
            return self.found(Part::Step(&entry.key));
        }
        if let Value::Mapping(fields) = &entry.node.value {
            self.step = Some(fields);
        }
        let shape = self.steps.iter().find(|s| s.name == entry.key)?;
        let fields = shape.fields.clone();
        match &entry.node.value {
            Value::Mapping(_) => self.fields(&entry.node, &fields),
            // The first field is being written.
            _ => None,
        }
    }
}

/// The text of a field of a mapping, if it is one value.
pub(crate) fn text_of<'r>(map: &'r Mapping, field: &str) -> Option<&'r str> {
    text(&map.entries.iter().find(|e| e.key == field)?.node)
}

/// Of one value.
pub(crate) fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(scalar) => Some(&scalar.text),
        _ => None,
    }
}

/// The entry at a way of keys.
pub(crate) fn at<'r>(root: &'r Node, way: &[&str]) -> Option<&'r Entry> {
    let (last, before) = way.split_last()?;
    let mut node = root;
    for key in before {
        node = &entry(node, key)?.node;
    }
    entry(node, last)
}

pub(crate) fn entry<'r>(node: &'r Node, key: &str) -> Option<&'r Entry> {
    match &node.value {
        Value::Mapping(map) => map.entries.iter().find(|e| e.key == key),
        _ => None,
    }
}

/// What a field of a file names: its keys, or the words of its list.
pub(crate) fn keys_at(root: &Node, field: &str) -> Vec<String> {
    let Some(entry) = entry(root, field) else { return Vec::new() };
    match &entry.node.value {
        Value::Mapping(map) => map.entries.iter().map(|e| e.key.clone()).collect(),
        Value::Sequence(list) => list.iter().filter_map(text).map(str::to_owned).collect(),
        Value::Scalar(_) | Value::Refused => Vec::new(),
    }
}
