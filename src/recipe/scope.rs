//! Parameters by name: what `$name` stands for in one recipe or sub-recipe.
//!
//! A parameter's value is text: `$name` is replaced by it and then read as if it stood there. Only plain
//! words are looked at; in quotes, `$` is a character.

use std::collections::BTreeSet;

use crate::source::Span;
use crate::tree::{Node, Value};

/// A parameter with the value it has in this compilation.
#[derive(Debug, Clone)]
pub struct Param {
    pub name: String,
    /// `None`: no value that could be used, which has been said; whoever reads it says nothing more.
    pub text: Option<String>,
    /// Where the value stands: default, variant, or argument of a `use`.
    pub span: Span,
    /// Nothing names it: its own name is perhaps the one that is misspelt.
    pub unused: bool,
}

/// The parameters in force.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    params: Vec<Param>,
    /// `params:` could not be read, which has been said: any name may be one of them.
    pub(crate) unread: bool,
}

impl Scope {
    /// No parameters: cell and plant files.
    pub fn empty() -> Scope {
        Scope::default()
    }
    /// Adds one; names are unique (checked by the caller).
    pub fn add(&mut self, param: Param) {
        self.params.push(param);
    }
    /// By name.
    pub fn get(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|p| p.name == name)
    }
    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.params.iter().map(|p| p.name.as_str())
    }
    /// Names and values, in the order of the text.
    pub fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params.iter().filter_map(|p| Some((p.name.as_str(), p.text.as_deref()?)))
    }
}

/// The next `$name` of a text: its byte, and the name.
pub(crate) fn next_reference(text: &str) -> Option<(usize, &str)> {
    let at = text.find('$')?;
    let after = &text[at + 1..];
    let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
    Some((at, &after[..end]))
}

/// Every parameter named in a tree.
pub(crate) fn references(node: &Node, out: &mut BTreeSet<String>) {
    match &node.value {
        Value::Scalar(scalar) if scalar.plain => {
            let mut rest = scalar.text.as_str();
            while let Some((at, name)) = next_reference(rest) {
                out.insert(name.to_string());
                rest = &rest[at + 1..];
            }
        }
        Value::Scalar(_) | Value::Refused => {}
        Value::Sequence(list) => list.iter().for_each(|n| references(n, out)),
        Value::Mapping(map) => map.entries.iter().for_each(|e| references(&e.node, out)),
    }
}
