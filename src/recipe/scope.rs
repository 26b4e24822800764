//! Parameters by name: what `$name` stands for in one recipe or sub-recipe.
//!
//! A parameter's value is text: `$name` is replaced by it and then read as if it stood there. Only plain
//! words are looked at; in quotes, `$` is a character.

use core::cell::Cell;

use crate::source::Span;

/// A parameter with the value it has in this compilation.
#[derive(Debug, Clone)]
pub struct Param {
    pub name: String,
    pub text: String,
    /// Where the value stands: default, variant, or argument of a `use`.
    pub span: Span,
    /// Where the name is declared.
    pub declared: Span,
    used: Cell<bool>,
}

/// The parameters in force.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    params: Vec<Param>,
}

impl Scope {
    /// No parameters: cell and plant files.
    pub fn empty() -> Scope {
        Scope::default()
    }
    /// Adds one; names are unique (checked by the caller).
    pub fn add(&mut self, name: &str, text: &str, span: Span, declared: Span) {
        let (name, text) = (name.to_string(), text.to_string());
        self.params.push(Param { name, text, span, declared, used: Cell::new(false) });
    }
    /// By name; counts as used from now on.
    pub fn get(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|p| p.name == name).inspect(|p| p.used.set(true))
    }
    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.params.iter().map(|p| p.name.as_str())
    }
    /// All parameters, in the order of the text.
    pub fn params(&self) -> &[Param] {
        &self.params
    }
    /// Parameters that nothing has asked for.
    pub fn unused(&self) -> impl Iterator<Item = &Param> {
        self.params.iter().filter(|p| !p.used.get())
    }
}
