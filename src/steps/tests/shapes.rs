//! The tables of the files and their decoders agree: each mapping of the examples below is changed field by field and
//! value by value, and what the decoder then says is what the table says.

#[path = "../../recipe/tests/common/mod.rs"]
mod common;
#[path = "shapes/examples.rs"]
mod examples;

use std::collections::{BTreeMap, BTreeSet};

use cellwright_model::Dimension;
use cellwright_recipe::shape::{Field, FileKind, Need, Seen, What, steps, visit};
use cellwright_recipe::tree::{Node, Value, parse};
use cellwright_recipe::{Code, Diagnostic, Sink, Sources, Span};
use cellwright_steps::TABLE;
use examples::{Example, diagnose, examples};

/// A field that no file has.
const NOBODYS: &str = "zzqqzz";

/// What the examples showed of a shape.
#[derive(Default)]
struct Shown {
    /// Fields that its decoder took.
    taken: BTreeSet<String>,
    /// Fields that its decoder would have taken besides.
    offered: BTreeSet<String>,
    /// Of the table.
    known: BTreeSet<&'static str>,
}

fn read(text: &str) -> Node {
    parse("x", text.as_bytes(), &mut Sources::default(), &mut Sink::new()).1.expect("an example is YAML")
}

/// Every node of an example with what the table says of it.
fn seen(root: &Node, kind: FileKind) -> Vec<(&Node, Seen)> {
    let mut all = Vec::new();
    visit(root, kind, &steps(TABLE), &mut |node, seen| all.push((node, seen)));
    all
}

/// The text with fields more at the begin of a mapping.
fn with_fields(text: &str, node: &Node, fields: &[&str]) -> String {
    let more: Vec<String> = fields.iter().map(|f| format!("{f}: 1")).collect();
    let Value::Mapping(map) = &node.value else { panic!("a mapping") };
    let start = node.span.start as usize;
    if text[start..].starts_with('{') {
        let comma = if map.entries.is_empty() { "" } else { "," };
        return format!("{} {}{comma}{}", &text[..=start], more.join(", "), &text[start + 1..]);
    }
    let first = map.entries[0].key_span.start as usize;
    let column = first - text[..first].rfind('\n').map_or(0, |at| at + 1);
    let indent = format!("\n{}", " ".repeat(column));
    format!("{}{}{indent}{}", &text[..first], more.join(&indent), &text[first..])
}

fn replaced(text: &str, span: Span, by: &str) -> String {
    format!("{}{by}{}", &text[..span.start as usize], &text[span.end as usize..])
}

/// Names in backticks behind `known here: `; with the count of those that are not shown.
fn listed(help: &str) -> Option<(BTreeSet<String>, usize)> {
    if help.contains("there is none here") {
        return Some((BTreeSet::new(), 0));
    }
    let (_, list) = help.split_once("known here: ")?;
    let (list, more) = match list.split_once(", and ") {
        Some((list, more)) => (list, more.trim_end_matches(" more").parse().expect("a count")),
        None => (list, 0),
    };
    Some((list.split(", ").map(|w| w.trim_matches('`').to_owned()).collect(), more))
}

fn of_nobodys(list: &[Diagnostic]) -> Option<(BTreeSet<String>, usize)> {
    let d = list.iter().find(|d| d.code == Code::UnknownField && d.message.contains(NOBODYS))?;
    listed(&d.help)
}

/// What the decoder says of the fields of one mapping.
fn probe(example: &Example, node: &Node, fields: &[&'static Field], shown: &mut Shown) -> Vec<String> {
    let Value::Mapping(map) = &node.value else { return Vec::new() };
    let given = |f: &str| map.entries.iter().any(|e| e.key == f);
    let mut wrong = Vec::new();
    shown.known.extend(fields.iter().map(|f| f.name));
    shown.taken.extend(map.entries.iter().map(|e| e.key.clone()));
    let others: Vec<&str> = fields.iter().map(|f| f.name).filter(|f| !given(f)).collect();
    match of_nobodys(&diagnose(example, &with_fields(&example.text, node, &[NOBODYS]))) {
        // A remedy lists sixteen at the most, and counts the rest.
        Some((names, rest)) if map.entries.len() + names.len() + rest > fields.len() => {
            wrong.push(format!("the decoder takes more fields than the table has: {names:?}, {rest} more"));
        }
        Some((names, _)) => shown.offered.extend(names),
        None => wrong.push(format!("nobody refuses {NOBODYS}")),
    }
    for field in others {
        let more = with_fields(&example.text, node, &[field]);
        let refused =
            |d: &Diagnostic| d.code == Code::UnknownField && d.message.contains(&format!("`{field}`"));
        if !diagnose(example, &more).iter().any(refused) {
            shown.taken.insert(field.to_owned());
        }
    }
    for entry in &map.entries {
        let Some(field) = fields.iter().find(|f| f.name == entry.key) else {
            wrong.push(format!("`{}` stands in no table", entry.key));
            continue;
        };
        let without = replaced(&example.text, entry.key_span, NOBODYS);
        let message = format!("`{}` is missing", field.name);
        let missed =
            diagnose(example, &without).iter().any(|d| d.code == Code::MissingField && d.message == message);
        match field.need {
            Need::Required if !missed => wrong.push(format!("`{}` is not required", field.name)),
            Need::Optional(_) if missed => wrong.push(format!("`{}` is required", field.name)),
            _ => {}
        }
    }
    wrong
}

/// Dimensions that a decoder takes at a value, over all examples.
type Dimensions = BTreeMap<String, (BTreeSet<Dimension>, &'static [Dimension])>;

/// What the decoder says of one value.
fn probe_value(
    example: &Example,
    node: &Node,
    field: &'static Field,
    at: &str,
    taken: &mut Dimensions,
) -> Vec<String> {
    let more = matches!(field.what, What::Either(_));
    let Some(what) = field.what.of_form(node) else { return Vec::new() };
    let said = |by: &str| -> Vec<(Code, String)> {
        let list = diagnose(example, &replaced(&example.text, node.span, by));
        let here = |d: &&Diagnostic| d.span.start == node.span.start && d.span.file.0 == example.file;
        list.iter().filter(here).map(|d| (d.code, d.help.clone())).collect()
    };
    let refused = |by: &str, codes: &[Code]| said(by).iter().any(|(c, _)| codes.contains(c));
    let mut wrong = Vec::new();
    match what {
        What::Quantity(dimensions) | What::Range(dimensions) => {
            let codes =
                [Code::Dimension, Code::NotAQuantity, Code::NotARange, Code::NoUnit, Code::UnknownUnit];
            let is_range = matches!(what, What::Range(_));
            let (entry, _) = taken.entry(at.to_owned()).or_insert((BTreeSet::new(), dimensions));
            for d in Dimension::ALL {
                let value = if is_range { format!("1 .. 2 {}", d.unit()) } else { format!("1 {}", d.unit()) };
                if !refused(&value, &codes) {
                    entry.insert(d);
                }
            }
            let other = if is_range {
                format!("1 {}", dimensions[0].unit())
            } else {
                format!("1 .. 2 {}", dimensions[0].unit())
            };
            for bad in ["1", "word", &other] {
                // Bounds of a parameter are of its default's kind.
                if !more && !refused(bad, &codes) {
                    wrong.push(format!("{at}: `{bad}` is taken for a quantity"));
                }
            }
        }
        What::Integer(lo, hi) => {
            for bad in ["word", "1.5", "1 mm"] {
                if !refused(bad, &[Code::NotANumber]) {
                    wrong.push(format!("{at}: `{bad}` is taken for a whole number"));
                }
            }
            let out = [lo.checked_sub(1), hi.checked_add(1)];
            for bad in out.into_iter().flatten().map(|n| n.to_string()) {
                let codes = [Code::OutOfRange, Code::Schema, Code::NotANumber, Code::BitRange];
                if !refused(&bad, &codes) {
                    wrong.push(format!("{at}: {bad} is taken"));
                }
            }
        }
        What::Number if !refused("word", &[Code::NotANumber]) => {
            wrong.push(format!("{at}: a word is a number"))
        }
        What::Boolean => words(&said(NOBODYS), &["false".into(), "true".into()], at, &mut wrong),
        What::Word(list) => {
            let list: Vec<String> = list.iter().map(|w| (*w).to_owned()).collect();
            words(&said(NOBODYS), &list, at, &mut wrong);
        }
        What::Words(list) if !at.ends_with(".homing") => words(&said(NOBODYS), &list(), at, &mut wrong),
        _ => {}
    }
    let mapping_taken = !refused("{ a: 1 }", &[Code::WrongKind]);
    let list_taken = !refused("[a]", &[Code::WrongKind]);
    if what.is_scalar() && (mapping_taken || list_taken) && !more {
        wrong.push(format!("{at}: a mapping or list is taken for one value"));
    }
    wrong
}

/// The words that a remedy lists are those of the table.
fn words(said: &[(Code, String)], table: &[String], at: &str, wrong: &mut Vec<String>) {
    let Some((known, more)) = said.iter().find_map(|(_, help)| listed(help)) else {
        wrong.push(format!("{at}: {NOBODYS} is taken, or no words are listed: {said:?}"));
        return;
    };
    let unknown: Vec<_> = known.iter().filter(|w| !table.contains(w)).collect();
    if !unknown.is_empty() || known.len() + more != table.len() {
        wrong.push(format!("{at}: the decoder knows {known:?} and {more} more, the table {table:?}"));
    }
}

#[test]
fn fields_are_those_that_the_decoders_take() {
    let mut shapes: BTreeMap<&str, Shown> = BTreeMap::new();
    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for example in examples() {
        let root = read(&example.text);
        for (node, what) in seen(&root, example.kind) {
            let Seen::Fields { shape, fields } = what else { continue };
            let times = met.entry(shape).or_default();
            *times += 1;
            if *times > examples::MAPPINGS {
                continue;
            }
            let said = probe(&example, node, &fields, shapes.entry(shape).or_default());
            wrong.extend(said.into_iter().map(|w| format!("{} {shape}: {w}", example.name)));
        }
    }
    for (shape, shown) in &shapes {
        let known: BTreeSet<String> = shown.known.iter().map(|f| (*f).to_owned()).collect();
        let taken: BTreeSet<String> = shown.taken.union(&shown.offered).cloned().collect();
        if known != taken {
            let less: Vec<_> = known.difference(&taken).collect();
            let more: Vec<_> = taken.difference(&known).collect();
            wrong.push(format!("{shape}: no decoder takes {less:?}; no table has {more:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} do not agree:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn values_are_those_that_the_decoders_take() {
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    let mut taken = Dimensions::new();
    let mut wrong = Vec::new();
    for example in examples() {
        let root = read(&example.text);
        for (node, what) in seen(&root, example.kind) {
            let Seen::Fields { shape, fields } = what else { continue };
            let Value::Mapping(map) = &node.value else { continue };
            for entry in &map.entries {
                let Some(field) = fields.iter().find(|f| f.name == entry.key) else { continue };
                if !field.what.of_form(&entry.node).is_some_and(What::is_scalar) {
                    continue;
                }
                let at = format!("{shape}.{}", field.name);
                let times = met.entry(at.clone()).or_default();
                *times += 1;
                if *times <= examples::VALUES {
                    wrong.extend(probe_value(&example, &entry.node, field, &at, &mut taken));
                }
            }
        }
    }
    for (at, (decoder, table)) in taken {
        let table: BTreeSet<Dimension> = table.iter().copied().collect();
        // Which of several it is depends on an axis or a sensor.
        if decoder.is_empty() || !decoder.is_subset(&table) {
            wrong.push(format!("{at}: the decoder takes {decoder:?}, the table {table:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} do not agree:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every table is met by an example: a new one wants an example, too.
#[test]
fn every_table_has_an_example() {
    let mut met = BTreeSet::new();
    let mut named: BTreeSet<&str> = TABLE.iter().map(|k| k.name()).collect();
    for kind in FileKind::ALL {
        let mut shapes = vec![kind.shape()];
        while let Some(shape) = shapes.pop() {
            if named.insert(shape.name) {
                shapes.extend(shape.fields.iter().flat_map(|f| inner(&f.what)));
            }
        }
    }
    for step in steps(TABLE) {
        named.insert(step.name);
        named.extend(step.fields.iter().flat_map(|f| inner(&f.what)).map(|s| s.name));
    }
    for example in examples() {
        let root = read(&example.text);
        for (_, what) in seen(&root, example.kind) {
            if let Seen::Fields { shape, .. } = what {
                met.insert(shape);
            }
        }
    }
    let missing: Vec<_> = named.difference(&met).collect();
    assert!(missing.is_empty(), "no example has {missing:?}");
}

fn inner(what: &'static What) -> Vec<&'static cellwright_recipe::Shape> {
    match what {
        What::Fields(shape) => vec![shape],
        What::List(of) | What::Map(_, of) => inner(of),
        What::Either(kinds) => kinds.iter().flat_map(inner).collect(),
        _ => Vec::new(),
    }
}

/// Each example holds; otherwise the tests above would look at mistakes.
#[test]
fn examples_hold() {
    for example in examples() {
        let said: Vec<String> = diagnose(&example, &example.text)
            .iter()
            .filter(|d| d.severity == cellwright_recipe::Severity::Error)
            .map(|d| format!("{} {}", d.code.as_str(), d.message))
            .collect();
        assert!(said.is_empty(), "{}: {said:?}", example.name);
    }
}
