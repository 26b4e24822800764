//! `params:` and `variants:` of a recipe, and the arguments of a `use`.
//!
//! The kind of a parameter (quantity of a dimension, range, whole number, boolean, word) follows from its
//! default; every other value it is given must be of the same kind and within `min` .. `max`.

use std::collections::BTreeSet;

use cellwright_model::{Dimension, Quantity, QuantityRange};

use crate::code::Code;
use crate::decode::{Decoder, Fields, Text, is_identifier, is_padded};
use crate::diagnostic::Sink;
use crate::scope::{Param, Scope, references};
use crate::source::{Sources, Span};
use crate::suggest;
use crate::tree::{Entry, Node, Scalar, Value};

/// Parameters of one recipe: more than a person keeps apart.
const PARAMS_MAX: usize = 256;
/// Variants of one recipe; each of them is compiled.
const VARIANTS_MAX: usize = 64;

/// Named entries; more than `max` are refused and not looked at.
fn bounded<'n>(d: &mut Decoder<'_>, node: &'n Node, max: usize) -> Option<&'n [Entry]> {
    d.capacity(node, max);
    d.named(node).map(|list| &list[..list.len().min(max)])
}

/// A declared parameter.
#[derive(Debug, Clone)]
pub(crate) struct ParamDecl {
    pub(crate) name: String,
    pub(crate) name_span: Span,
    /// A sub-recipe's parameter without one wants an argument.
    has_default: bool,
    /// Its default, if it can be used.
    default: Option<Text>,
    kind: Option<Kind>,
    min: Option<f64>,
    max: Option<f64>,
    /// `min` and `max` as they are written.
    bounds: [Option<Text>; 2],
    /// Nothing in the file names it.
    unused: bool,
}

/// A complete row of values.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) name: String,
    /// In the order of the declarations; `None` where it is missing (and said).
    values: Vec<Option<Text>>,
}

/// What a value is, and its lowest and highest number in the canonical unit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Quantity(Dimension),
    Range(Dimension),
    Integer,
    Boolean,
    Word,
}

impl Kind {
    fn name(self) -> String {
        match self {
            Kind::Quantity(d) => format!("a quantity of {}", d.name()),
            Kind::Range(d) => format!("a range of {}", d.name()),
            Kind::Integer => "a whole number".into(),
            Kind::Boolean => "`true` or `false`".into(),
            Kind::Word => "a word".into(),
        }
    }

    fn dimension(self) -> Option<Dimension> {
        match self {
            Kind::Quantity(d) | Kind::Range(d) => Some(d),
            Kind::Integer | Kind::Boolean | Kind::Word => None,
        }
    }

    fn unit(self) -> &'static str {
        self.dimension().map_or("", Dimension::unit)
    }

    /// `min` and `max` mean something.
    fn has_bounds(self) -> bool {
        !matches!(self, Kind::Boolean | Kind::Word)
    }

    fn is_bounded_by(self, bound: Kind) -> bool {
        self == bound || self.dimension().is_some_and(|dimension| bound == Kind::Quantity(dimension))
    }
}

/// Kind and extent of a value. In quotes it is a word: part number `"4711"`.
fn classify(value: &Text) -> (Kind, Option<(f64, f64)>) {
    let text = value.text.as_str();
    if value.quoted {
        return (Kind::Word, None);
    }
    if let Ok(q) = Quantity::parse(text) {
        return (Kind::Quantity(q.dimension), Some((q.value, q.value)));
    }
    if let Ok(r) = QuantityRange::parse(text) {
        return (Kind::Range(r.dimension), Some((r.lo, r.hi)));
    }
    if let Some(n) = text.parse::<u32>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit())) {
        return (Kind::Integer, Some((f64::from(n), f64::from(n))));
    }
    let kind = if matches!(text, "true" | "false") { Kind::Boolean } else { Kind::Word };
    (kind, None)
}

/// Reads `params:`; `default` may be left out in a sub-recipe, whose user then gives it.
pub(crate) fn declarations(d: &mut Decoder<'_>, f: &mut Fields<'_>, operation: bool) -> Vec<ParamDecl> {
    let entries = f.opt("params", d, |d, n| bounded(d, n, PARAMS_MAX)).unwrap_or_default();
    entries.iter().map(|e| declaration(d, e, operation)).collect()
}

fn declaration(d: &mut Decoder<'_>, entry: &Entry, operation: bool) -> ParamDecl {
    let name = entry.key.clone();
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !is_identifier(&name) || !name.chars().all(good) {
        let message = format!("`{name}` cannot be a parameter");
        d.sink.error(
            Code::BadIdentifier,
            entry.key_span,
            message,
            "letters, digits and `_`: it is written `$name`",
        );
    }
    let mut decl = ParamDecl {
        name,
        name_span: entry.key_span,
        has_default: false,
        default: None,
        kind: None,
        min: None,
        max: None,
        bounds: [None, None],
        unused: false,
    };
    let Some(mut f) = d.fields(&entry.node) else { return decl };
    decl.bounds = ["min", "max"].map(|field| f.entry(field).and_then(|e| plain(&e.node)));
    let bounds: Vec<Kind> = decl.bounds.iter().flatten().map(|text| classify(text).0).collect();
    let read = |d: &mut Decoder<'_>, n: &Node| value(d, n, bounds.first().copied());
    decl.default = if operation { f.opt("default", d, read) } else { f.req("default", d, read) };
    decl.has_default = f.entry("default").is_some();
    // Without a default the bounds say what it is; and where both say the same and it says something else, it is wrong.
    let of_default = decl.default.as_ref().map(|text| classify(text).0);
    let agreed = bounds.first().copied().filter(|kind| bounds.len() > 1 && bounds.iter().all(|b| b == kind));
    decl.kind = match (of_default, agreed) {
        (Some(own), Some(agreed)) if own.has_bounds() && !own.is_bounded_by(agreed) => Some(agreed),
        (own, _) => own.or(bounds.first().copied()),
    };
    decl.min = f.opt("min", d, |d, n| bound(d, n, decl.kind));
    decl.max = f.opt("max", d, |d, n| bound(d, n, decl.kind));
    f.finish(d);
    if let (Some(lo), Some(hi)) = (decl.min, decl.max)
        && lo > hi
    {
        let message = format!("the range of `{}` is empty", decl.name);
        d.sink.error(Code::Reversed, entry.key_span, message, "`min` is not above `max`");
    }
    decl.default = decl.default.take().filter(|text| check(d, &decl, text));
    decl
}

/// A value. What is meant as a number of some unit is refused here, and not where it is used: `expected` is what the
/// parameter is, where that is known.
fn value(d: &mut Decoder<'_>, node: &Node, expected: Option<Kind>) -> Option<Text> {
    let text = d.text(node)?;
    if text.quoted || !text.verbatim || matches!(classify(&text).0, Kind::Quantity(_) | Kind::Range(_)) {
        return Some(text);
    }
    let word = text.text.as_str();
    if is_padded(word) {
        // Whoever takes the zero away from a part number has another part.
        let number = word.trim_start_matches('0');
        let number = if number.is_empty() { "0" } else { number };
        let message = format!("`{word}` begins with a zero");
        let help = format!("write it in quotes if it is a part number, `{number}` if it is a number");
        d.error_at(Code::NotANumber, &text, message, help);
        return None;
    }
    let whole = classify(&text).0 == Kind::Integer;
    if word.parse::<f64>().is_ok() && !whole {
        let message = format!("`{word}` has no unit");
        let help = "write the unit; only whole numbers from 0 stand without one";
        d.error_at(Code::NoUnit, &text, message, help);
        return None;
    }
    let numeric = begins_with_number(word);
    match expected {
        // `5 .. 1 N` would pass for a word.
        _ if word.contains("..") => {
            let dimensions = expected.and_then(Kind::dimension).map_or(Dimension::ALL.to_vec(), |d| vec![d]);
            d.range_among(node, &dimensions);
        }
        Some(Kind::Quantity(dimension)) if numeric && !whole => {
            d.quantity(node, dimension);
        }
        Some(Kind::Range(dimension)) if numeric && !whole => {
            d.range(node, dimension);
        }
        // `12.4 nm` and `12,4 mm` would, too.
        _ if is_number_with_unit(word, expected.is_none()) => {
            d.quantity_or(node, &Dimension::ALL, "a part number goes in quotes");
        }
        _ => return Some(text),
    }
    None
}

fn begins_with_number(word: &str) -> bool {
    word.trim_start_matches(['-', '+', '.']).starts_with(|c: char| c.is_ascii_digit())
}

/// A number, a space, and one word; if `close`, also a decimal number that a word near to a unit follows at once.
fn is_number_with_unit(text: &str, close: bool) -> bool {
    let number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+');
    let (digits, unit) = text.split_at(text.find(|c| !number(c)).unwrap_or(text.len()));
    let spaced = unit.starts_with(' ');
    let unit = unit.trim();
    begins_with_number(digits)
        && unit.starts_with(|c: char| !c.is_ascii_digit())
        && !unit.contains(' ')
        && (spaced || close && is_decimal(digits) && is_near_unit(unit))
}

/// `12.4`, and not the `04.503.205.01` or `1.2-` of a part number.
fn is_decimal(digits: &str) -> bool {
    let points = digits.chars().filter(|c| matches!(c, '.' | ',')).count();
    points == 1 && !digits.trim_start_matches(['-', '+']).contains(['-', '+'])
}

/// One letter is near to every other one: that has to be a unit itself.
fn is_near_unit(word: &str) -> bool {
    let mut units = Dimension::ALL.iter().flat_map(|d| d.spellings());
    match word.chars().count() {
        1 => units.any(|unit| unit == word),
        _ => suggest::nearest(word, units).is_some(),
    }
}

/// A word as it stands, about which nothing is said.
fn plain(node: &Node) -> Option<Text> {
    let Value::Scalar(scalar) = &node.value else { return None };
    let quoted = !scalar.plain;
    Some(Text { text: scalar.text.clone(), span: node.span, origin: None, verbatim: true, quoted })
}

/// A bound, which has a number of the parameter's own kind.
fn bound(d: &mut Decoder<'_>, node: &Node, kind: Option<Kind>) -> Option<f64> {
    match kind? {
        Kind::Quantity(dimension) | Kind::Range(dimension) => d.quantity(node, dimension),
        Kind::Integer => d.integer(node, 0, u64::from(u32::MAX)).map(|n| n as f64),
        Kind::Boolean | Kind::Word => {
            let help = "take it out: quantities, ranges and whole numbers have bounds";
            d.sink.error(Code::ParamKind, node.span, "a word has no bounds", help);
            None
        }
    }
}

/// Whether a value is of the parameter's kind and within its bounds; says so if not.
fn check(d: &mut Decoder<'_>, decl: &ParamDecl, value: &Text) -> bool {
    let Some(expected) = decl.kind else { return true };
    let (kind, extent) = classify(value);
    let declared = (decl.name_span, "declared here".to_string());
    if kind != expected {
        let message = format!("`{}` is {}, `{}` is {}", decl.name, expected.name(), value.text, kind.name());
        let help = format!("write {}", expected.name());
        d.sink.error_with(Code::ParamKind, value.span, message, help, vec![declared]);
        return false;
    }
    let Some((lo, hi)) = extent else { return true };
    let below = decl.min.filter(|min| lo < *min);
    let above = decl.max.filter(|max| hi > *max);
    let unit = expected.unit();
    if let Some(limit) = below {
        let message = format!("`{}` is below the least value of `{}`", value.text, decl.name);
        d.sink.error_with(
            Code::ParamRange,
            value.span,
            message,
            format!("at least {limit} {unit}"),
            vec![declared],
        );
    } else if let Some(limit) = above {
        let message = format!("`{}` is above the greatest value of `{}`", value.text, decl.name);
        d.sink.error_with(
            Code::ParamRange,
            value.span,
            message,
            format!("at most {limit} {unit}"),
            vec![declared],
        );
    }
    below.is_none() && above.is_none()
}

/// Reads `variants:`: each a value for every parameter.
pub(crate) fn variants(d: &mut Decoder<'_>, f: &mut Fields<'_>, decls: &[ParamDecl]) -> Vec<Variant> {
    let entries = f.opt("variants", d, |d, n| bounded(d, n, VARIANTS_MAX)).unwrap_or_default();
    entries.iter().filter_map(|e| variant(d, e, decls)).collect()
}

fn variant(d: &mut Decoder<'_>, entry: &Entry, decls: &[ParamDecl]) -> Option<Variant> {
    d.check_identifier(&entry.key, entry.key_span);
    let row = d.named(&entry.node)?;
    unknown(d, row, decls, Code::UnknownParam, "parameter");
    let missing: Vec<_> = missing_in(row, decls).map(|decl| format!("`{}`", decl.name)).collect();
    if !missing.is_empty() {
        let message = format!("variant `{}` gives no value for {}", entry.key, missing.join(", "));
        let help = "a variant is a complete row: give each parameter a value, also where it is the default";
        d.sink.error(Code::VariantIncomplete, entry.key_span, message, help);
    }
    Some(Variant { name: entry.key.clone(), values: row_values(d, row, decls) })
}

/// The parameters that a row does not give, but for those whose names it misspells.
fn missing_in<'p>(row: &[Entry], decls: &'p [ParamDecl]) -> impl Iterator<Item = &'p ParamDecl> {
    let given = |decl: &ParamDecl| row.iter().any(|e| e.key == decl.name);
    let left = || decls.iter().filter(|decl| !given(decl));
    let unknown = row.iter().filter(|e| !decls.iter().any(|decl| decl.name == e.key));
    let unknown = unknown.take(suggest::MISSPELT_MAX);
    let meant: BTreeSet<_> =
        unknown.filter_map(|e| suggest::nearest(&e.key, left().map(|decl| decl.name.as_str()))).collect();
    let missing: Vec<_> = left().filter(|decl| !meant.contains(decl.name.as_str())).collect();
    missing.into_iter()
}

fn row_values(d: &mut Decoder<'_>, row: &[Entry], decls: &[ParamDecl]) -> Vec<Option<Text>> {
    decls
        .iter()
        .map(|decl| {
            let entry = row.iter().find(|e| e.key == decl.name)?;
            value(d, &entry.node, decl.kind).filter(|text| check(d, decl, text))
        })
        .collect()
}

fn unknown(d: &mut Decoder<'_>, row: &[Entry], decls: &[ParamDecl], code: Code, what: &str) {
    for entry in row.iter().filter(|e| !decls.iter().any(|decl| decl.name == e.key)) {
        if d.sink.is_over() {
            return;
        }
        let names = || decls.iter().map(|decl| decl.name.as_str());
        // One that nothing names under its own name is perhaps misspelt itself: that is told at the first use.
        if d.sink.is_told(&entry.key) {
            continue;
        }
        let near = suggest::nearest(&entry.key, names());
        if decls.iter().any(|decl| decl.unused && near == Some(&decl.name)) {
            d.sink.tell_once(&entry.key);
        }
        let help = suggest::remedy(&entry.key, names());
        d.sink.error(code, entry.key_span, format!("there is no {what} `{}`", entry.key), help);
    }
}

/// A row, or the defaults, with some values in the place of its own. Each setting becomes a source of its own, so
/// that its mistakes have a place.
pub(crate) fn with_set(
    sink: &mut Sink,
    sources: &mut Sources,
    decls: &[ParamDecl],
    base: Option<&Variant>,
    set: &[(String, String)],
) -> Variant {
    let entries: Vec<Entry> = set.iter().map(|(name, value)| setting(sources, name, value)).collect();
    for (n, entry) in entries.iter().enumerate() {
        if entries[..n].iter().any(|e| e.key == entry.key) {
            let message = format!("`{}` is set twice", entry.key);
            sink.error(Code::DuplicateKey, entry.key_span, message, "leave one of them");
        }
    }
    row_with(sink, decls, base, &entries)
}

/// The value of a row, or the default.
fn own<'v>(n: usize, decl: &'v ParamDecl, base: Option<&'v Variant>) -> Option<&'v Text> {
    match base {
        Some(row) => row.values.get(n).and_then(Option::as_ref),
        None => decl.default.as_ref(),
    }
}

fn row_with(sink: &mut Sink, decls: &[ParamDecl], base: Option<&Variant>, entries: &[Entry]) -> Variant {
    let scope = Scope::empty();
    let mut d = Decoder { sink, scope: &scope };
    unknown(&mut d, entries, decls, Code::UnknownParam, "parameter");
    let given = row_values(&mut d, entries, decls);
    let own = |n: usize, decl: &ParamDecl| own(n, decl, base).cloned();
    let is_set = |decl: &ParamDecl| entries.iter().any(|e| e.key == decl.name);
    let row = decls.iter().zip(given).enumerate();
    let values = row.map(|(n, (decl, value))| if is_set(decl) { value } else { own(n, decl) }).collect();
    Variant { name: base.map(|v| v.name.clone()).unwrap_or_default(), values }
}

/// A row, or the defaults, with the values of an order for single serials: within the envelope that the recipe
/// states, and of no parameter that could lead to another part, place, job or way.
pub(crate) fn for_serials(
    sink: &mut Sink,
    decls: &[ParamDecl],
    base: Option<&Variant>,
    entries: &[Entry],
) -> Variant {
    let row = row_with(sink, decls, base, entries);
    for (n, decl) in decls.iter().enumerate() {
        let Some(entry) = entries.iter().find(|e| e.key == decl.name) else { continue };
        let (value, own) = (row.values.get(n).and_then(Option::as_ref), own(n, decl, base));
        envelope(sink, decl, (entry, value), own);
    }
    row
}

/// Says so if a parameter may not differ between serials, or a range goes beyond that of the row.
fn envelope(sink: &mut Sink, decl: &ParamDecl, (entry, value): (&Entry, Option<&Text>), own: Option<&Text>) {
    let name = &decl.name;
    let declared = || vec![(decl.name_span, "declared here".to_string())];
    let stated = decl.min.is_some() && decl.max.is_some();
    match decl.kind {
        Some(Kind::Integer | Kind::Boolean | Kind::Word) => {
            let message =
                format!("`{name}` is neither a quantity nor a range: it is the same for every serial");
            let help = "it may choose a part, a job, a pose or a way: give such units an order with a variant of their own";
            sink.error_with(Code::SetFixed, entry.key_span, message, help, declared());
        }
        Some(Kind::Quantity(_)) if !stated => {
            let message = format!("the recipe does not state within what `{name}` may differ");
            let help = format!(
                "give `{name}` both `min` and `max` in the recipe, as validated, or take it out here"
            );
            sink.error_with(Code::SetFixed, entry.key_span, message, help, declared());
        }
        Some(Kind::Range(_)) if !stated => {
            let (Some(value), Some(own)) = (value, own) else { return };
            let (Some((lo, hi)), Some((least, most))) = (classify(value).1, classify(own).1) else { return };
            if lo < least || hi > most {
                let message = format!("`{}` goes beyond `{}` of `{name}`", value.text, own.text);
                let help =
                    format!("stay within {}, or give `{name}` a `min` and `max` in the recipe", own.text);
                sink.error_with(Code::ParamRange, value.span, message, help, declared());
            }
        }
        _ => {}
    }
}

/// `name=value` as text of its own.
fn setting(sources: &mut Sources, name: &str, value: &str) -> Entry {
    let file = sources.add("--set", format!("{name}={value}").as_bytes());
    let span =
        |start: usize, text: &str| Span { file, start: start as u32, end: (start + text.len()) as u32 };
    let scalar = Scalar { text: value.to_owned(), plain: true };
    let node = Node { span: span(name.len() + 1, value), value: Value::Scalar(scalar) };
    Entry { key: name.to_owned(), key_span: span(0, name), node }
}

/// A row in which one parameter has a value at an end of what the recipe permits single serials, and where that end is
/// written.
pub(crate) struct AtBound {
    pub(crate) row: Variant,
    pub(crate) span: Span,
    pub(crate) text: String,
}

/// The ends of the envelopes of a row, or of the defaults: those of quantities and ranges that state both.
pub(crate) fn at_bounds(decls: &[ParamDecl], base: Option<&Variant>) -> Vec<AtBound> {
    let mut out = Vec::new();
    for (n, decl) in decls.iter().enumerate() {
        let ([Some(min), Some(max)], Some(lo), Some(hi)) = (&decl.bounds, decl.min, decl.max) else {
            continue;
        };
        let at = |text: String, bound: &Text| {
            let value = Text { text: text.clone(), ..bound.clone() };
            let own = |(i, d)| if i == n { Some(value.clone()) } else { own(i, d, base).cloned() };
            let values = decls.iter().enumerate().map(own).collect();
            let name = base.map(|v| v.name.clone()).unwrap_or_default();
            AtBound { row: Variant { name, values }, span: bound.span, text }
        };
        match decl.kind {
            Some(Kind::Quantity(_)) if lo <= hi => {
                out.extend([at(min.text.clone(), min), at(max.text.clone(), max)]);
            }
            Some(Kind::Range(dimension)) if lo <= hi => {
                out.push(at(format!("{lo} .. {hi} {}", dimension.unit()), max));
            }
            _ => {}
        }
    }
    out
}

/// The values in force for a variant, or the defaults.
pub(crate) fn scope(decls: &[ParamDecl], variant: Option<&Variant>) -> Scope {
    let mut scope = Scope::empty();
    for (i, decl) in decls.iter().enumerate() {
        let value = match variant {
            Some(v) => v.values.get(i).and_then(Option::as_ref),
            None => decl.default.as_ref(),
        };
        add(&mut scope, decl, value);
    }
    scope
}

fn add(scope: &mut Scope, decl: &ParamDecl, value: Option<&Text>) {
    let span = value.map_or(decl.name_span, |t| t.span);
    let (name, text) = (decl.name.clone(), value.map(|t| t.text.clone()));
    scope.add(Param { name, text, span, unused: decl.unused });
}

/// The scope of a sub-recipe: its arguments, read in the scope of its user, over its defaults.
pub(crate) fn arguments(
    d: &mut Decoder<'_>,
    (with, misspelt): (Option<&Node>, bool),
    at: Span,
    decls: &[ParamDecl],
) -> Scope {
    let row = with.and_then(|node| d.named(node)).unwrap_or_default();
    unknown(d, row, decls, Code::UseArgument, "parameter of the sub-recipe");
    let values = row_values(d, row, decls);
    let missing: BTreeSet<_> = missing_in(row, decls).map(|decl| decl.name.clone()).collect();
    let mut scope = Scope::empty();
    for (decl, value) in decls.iter().zip(&values) {
        let given = row.iter().any(|e| e.key == decl.name);
        if !given && !decl.has_default && !misspelt && missing.contains(&decl.name) {
            let labels = vec![(decl.name_span, "declared here, without a default".to_string())];
            let message = format!("the sub-recipe wants `{}`", decl.name);
            let help = format!("add `{}: …` under `with:`", decl.name);
            d.sink.error_with(Code::UseMissing, at, message, help, labels);
        }
        add(&mut scope, decl, if given { value.as_ref() } else { decl.default.as_ref() });
    }
    scope
}

/// Marks the parameters that nothing in the file names, and warns of them, but for those that are only misspelt.
pub(crate) fn mark_unused(mut decls: Vec<ParamDecl>, root: &Node, sink: &mut Sink) -> Vec<ParamDecl> {
    let mut used = BTreeSet::new();
    references(root, &mut used);
    decls.iter_mut().for_each(|decl| decl.unused = !used.contains(&decl.name));
    let names = || decls.iter().map(|decl| decl.name.as_str());
    let unknown = used.iter().filter(|name| !names().any(|n| n == name.as_str()));
    let unknown = unknown.take(suggest::MISSPELT_MAX);
    let meant: BTreeSet<_> = unknown.filter_map(|name| suggest::nearest(name, names())).collect();
    for decl in decls.iter().filter(|decl| decl.unused && !meant.contains(decl.name.as_str())) {
        let message = format!("nothing uses the parameter `{}`", decl.name);
        let help = format!("write `${}` where it belongs, or take it out", decl.name);
        sink.warning(Code::UnusedParam, decl.name_span, message, help);
    }
    decls
}
