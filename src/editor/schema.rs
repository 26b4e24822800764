//! JSON Schema (draft-07) of a kind of file, from its tables: what an editor can know without the compiler.
//!
//! A schema refuses only what `check` refuses, too; what depends on other places (travel, names that a file gives
//! itself, which of two fields) it leaves to `check`.

use std::collections::BTreeSet;

use cellwright_model::Dimension;
use cellwright_model::cell::Cell;
use cellwright_recipe::shape::{
    Field, FileKind, Form, Keys, NUMBER, Names, Need, Shape, StepShape, What, steps,
};
use serde_json::{Map, Value, json};

use crate::names::names;

/// A name: letters, digits, `_`, `-`, `.`.
const IDENTIFIER: &str = "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}";
/// A step, of a sub-recipe behind the name of its `use`; with `.name` a measurement of it.
const STEP: &str = "[A-Za-z0-9][A-Za-z0-9_./-]*";
/// A text with a parameter in it.
const PARAMETER: &str = r"[^$]*\$[A-Za-z0-9_]+.*";

/// The schema of a kind of file; a recipe's holds for sub-recipes, too. With a cell, names of what it has are
/// enumerated.
pub fn schema(kind: FileKind, cell: Option<&Cell>) -> Value {
    let mut writer = Writer {
        // In its own file the names of a cell are just being written.
        cell: cell.filter(|_| kind != FileKind::Cell),
        params: kind.has_params(),
        steps: steps(cellwright_steps::TABLE),
        definitions: Map::new(),
    };
    let shape = kind.shape();
    let mut out = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": format!("cellwright {}", kind.word()),
        "description": shape.about,
    });
    if kind == FileKind::Recipe {
        // What lists its components, or has none and rejects nothing, is a sub-recipe.
        out["if"] = json!({
            "properties": { "components": { "type": "array" } },
            "not": { "required": ["on_reject"] },
        });
        out["then"] = writer.shape(FileKind::Operation.shape());
        out["else"] = writer.shape(shape);
    } else {
        out["allOf"] = json!([writer.shape(shape)]);
    }
    out["definitions"] = Value::Object(writer.definitions);
    out
}

struct Writer<'a> {
    cell: Option<&'a Cell>,
    /// `$name` may stand in values.
    params: bool,
    steps: Vec<StepShape>,
    definitions: Map<String, Value>,
}

impl Writer<'_> {
    /// A reference to a mapping, which is defined when it is first met.
    fn shape(&mut self, shape: &'static Shape) -> Value {
        let fields = shape.fields.iter().collect::<Vec<_>>();
        self.definition(shape.name, |writer| writer.object(shape.about, &fields))
    }

    fn definition(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.definitions.contains_key(name) {
            self.definitions.insert(name.to_owned(), Value::Null);
            let made = make(self);
            self.definitions.insert(name.to_owned(), made);
        }
        json!({ "$ref": format!("#/definitions/{}", name.replace(' ', "%20")) })
    }

    fn object(&mut self, about: &str, fields: &[&'static Field]) -> Value {
        let properties: Map<String, Value> =
            fields.iter().map(|f| (f.name.to_owned(), self.field(f))).collect();
        let required: Vec<&str> =
            fields.iter().filter(|f| f.need == Need::Required).map(|f| f.name).collect();
        let mut out = json!({
            "description": about, "type": "object", "properties": properties, "additionalProperties": false,
        });
        if !required.is_empty() {
            out["required"] = json!(required);
        }
        out
    }

    fn field(&mut self, field: &'static Field) -> Value {
        let mut out = self.value(&field.what);
        if out.get("$ref").is_some() {
            // Beside a reference nothing else is read.
            out = json!({ "allOf": [out] });
        }
        out["description"] = json!(match field.need {
            Need::Optional(default) if !default.is_empty() =>
                format!("{} If left out: {default}.", field.doc),
            _ => field.doc.to_owned(),
        });
        out
    }

    fn value(&mut self, what: &'static What) -> Value {
        match what {
            What::Quantity(dimensions) => self.text(&quantity(dimensions), &["string"]),
            What::Range(dimensions) => self.text(&range(dimensions), &["string"]),
            What::Integer(lo, hi) => json!({ "anyOf": [
                { "type": "integer", "minimum": lo, "maximum": hi },
                self.text("0x[0-9A-Fa-f]+|[0-9]+", &["string"]),
            ]}),
            What::Number => self.text(NUMBER, &["string", "number"]),
            What::Boolean => self.text("true|false", &["string", "boolean"]),
            What::Identifier => self.text(IDENTIFIER, &["string", "number", "boolean"]),
            What::Text => json!({ "type": ["string", "number", "boolean"] }),
            What::Form(form) if form.may_be_number() => self.text(form.pattern(), &["string", "number"]),
            What::Form(form) => self.text(form.pattern(), &["string"]),
            What::Word(words) => self.words(words.iter().map(|w| (*w).to_owned())),
            What::Words(words) => self.words(words()),
            What::Name(of) => self.name(*of),
            What::Condition => json!({ "type": ["string", "boolean"] }),
            What::Value => json!({ "anyOf": [
                { "type": ["string", "boolean"] }, { "type": "integer", "minimum": 0 },
            ]}),
            What::Fields(shape) => self.shape(shape),
            What::List(of) => json!({ "type": "array", "items": self.value(of) }),
            What::Map(keys, of) => self.map(*keys, of),
            What::Either(kinds) => {
                json!({ "anyOf": kinds.iter().map(|k| self.value(k)).collect::<Vec<_>>() })
            }
            What::Steps => {
                let step = self.definition("step", Self::step);
                json!({ "type": "array", "minItems": 1, "items": step })
            }
        }
    }

    /// One key, the kind of the step.
    fn step(&mut self) -> Value {
        let mut properties = Map::new();
        for step in self.steps.clone() {
            let fields = self.definition(step.name, |w| w.object(step.about, &step.fields));
            properties.insert(step.name.to_owned(), json!({ "allOf": [fields], "description": step.about }));
        }
        json!({
            "type": "object", "properties": properties, "additionalProperties": false,
            "minProperties": 1, "maxProperties": 1,
        })
    }

    fn map(&mut self, keys: Keys, of: &'static What) -> Value {
        let mut out = json!({ "type": "object", "additionalProperties": self.value(of) });
        let pattern = |p: &str| json!({ "pattern": format!("^(?:{p})$") });
        out["propertyNames"] = match keys {
            Keys::Given => pattern(IDENTIFIER),
            Keys::Parameter => pattern(Form::Parameter.pattern()),
            Keys::Form(form) => pattern(form.pattern()),
            Keys::Words(words) => json!({ "enum": words() }),
            Keys::Name(of) => match self.cell.and_then(|cell| names(cell, of)) {
                Some(list) => json!({ "enum": unique(list) }),
                None if matches!(of, Names::Step | Names::Measurement) => pattern(STEP),
                None => pattern(IDENTIFIER),
            },
        };
        out
    }

    fn name(&self, of: Names) -> Value {
        if let Some(list) = self.cell.and_then(|cell| names(cell, of)) {
            return self.words(unique(list));
        }
        match of {
            Names::Pocket => self.text(&format!(r"{IDENTIFIER}\.next"), &["string"]),
            Names::Job | Names::Operation => self.text(Form::Numbered.pattern(), &["string"]),
            Names::Step | Names::Measurement => self.text(STEP, &["string", "number", "boolean"]),
            Names::Path => json!({ "type": "string", "minLength": 1 }),
            _ => self.text(IDENTIFIER, &["string", "number", "boolean"]),
        }
    }

    fn words(&self, words: impl IntoIterator<Item = String>) -> Value {
        let mut all: Vec<Value> = Vec::new();
        for word in words {
            // A word of digits is a number in YAML, and `true` a boolean.
            all.extend(word.parse::<u64>().ok().map(|n| json!(n)));
            all.extend(word.parse::<bool>().ok().map(|b| json!(b)));
            all.push(json!(word));
        }
        match self.params {
            true => json!({ "anyOf": [{ "enum": all }, self.text(PARAMETER, &["string"])] }),
            false => json!({ "enum": all }),
        }
    }

    /// A text of a pattern, or a value of the other types, which patterns do not look at.
    fn text(&self, pattern: &str, types: &[&str]) -> Value {
        let pattern = match self.params {
            true => format!("^(?:{pattern}|{PARAMETER})$"),
            false => format!("^(?:{pattern})$"),
        };
        match types {
            [one] => json!({ "type": one, "pattern": pattern }),
            _ => json!({ "type": types, "pattern": pattern }),
        }
    }
}

/// A schema's words are unique.
fn unique(words: Vec<String>) -> BTreeSet<String> {
    words.into_iter().collect()
}

fn quantity(dimensions: &[Dimension]) -> String {
    format!(r"{NUMBER}\s*(?:{})", units(dimensions))
}

fn range(dimensions: &[Dimension]) -> String {
    let units = units(dimensions);
    format!(r"{NUMBER}\s*(?:{units})?\s*\.\.\s*{NUMBER}\s*(?:{units})")
}

/// Every spelling of their units.
fn units(dimensions: &[Dimension]) -> String {
    let escaped = |unit: &str| unit.replace('^', r"\^").replace('*', r"\*");
    let all: Vec<String> = dimensions.iter().flat_map(|d| d.spellings()).map(escaped).collect();
    all.join("|")
}
