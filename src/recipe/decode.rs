//! Tree to values: every reader takes a [`Node`], gives the value or `None`, and has then said why.
//!
//! `None` never stops the run: the caller goes on with the next field, so that all mistakes are told at
//! once; that something is missing shows in [`Sink::errors`].

use cellwright_model::{Dimension, DurationNs, Quantity, QuantityError, QuantityRange};

use crate::code::Code;
use crate::diagnostic::Sink;
use crate::scope::{Scope, next_reference};
use crate::source::Span;
use crate::suggest;
use crate::tree::{Entry, Mapping, Node, Value};

/// Reads nodes with the parameters of one scope.
#[derive(Debug)]
pub struct Decoder<'a> {
    pub sink: &'a mut Sink,
    pub scope: &'a Scope,
}

/// A scalar with its parameters put in.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    pub text: String,
    /// Where it is written in the file that is read.
    pub span: Span,
    /// Where its value comes from, if a parameter stands there.
    pub origin: Option<Span>,
    /// Byte `n` of the text is byte `span.start + n` of the file.
    pub verbatim: bool,
    /// Written in quotes: a word, whatever it looks like.
    pub quoted: bool,
}

impl Text {
    /// Labels that point to the parameter's value.
    pub fn labels(&self) -> Vec<(Span, String)> {
        self.origin.map(|span| (span, format!("`{}` comes from here", self.text))).into_iter().collect()
    }
}

impl Decoder<'_> {
    /// An error at a text, with a label where its value comes from.
    pub fn error_at(&mut self, code: Code, at: &Text, message: impl Into<String>, help: impl Into<String>) {
        self.sink.error_with(code, at.span, message, help, at.labels());
    }

    /// A scalar with `$name` replaced.
    pub fn text(&mut self, node: &Node) -> Option<Text> {
        let scalar = match &node.value {
            // Whatever is wrong with it, and what it should have been, would not be shown.
            _ if self.sink.is_over() => return None,
            Value::Scalar(scalar) => scalar,
            Value::Refused => return None,
            Value::Sequence(_) => return self.wrong_kind(node, "one value", "a list"),
            Value::Mapping(_) => return self.wrong_kind(node, "one value", "a mapping"),
        };
        let verbatim = scalar.text.len() == (node.span.end - node.span.start) as usize;
        let quoted = !scalar.plain;
        let plain = Text { text: scalar.text.clone(), span: node.span, origin: None, verbatim, quoted };
        if scalar.plain && scalar.text.contains('$') { self.substitute(plain) } else { Some(plain) }
    }

    /// `$name` alone, or inside a word: `lane_$lane`.
    fn substitute(&mut self, written: Text) -> Option<Text> {
        let (mut out, mut origin, mut right) = (String::new(), None, true);
        let mut rest = written.text.as_str();
        while let Some((at, name)) = next_reference(rest) {
            out.push_str(&rest[..at]);
            match self.scope.get(name) {
                Some(param) => {
                    right &= param.text.is_some();
                    out.push_str(param.text.as_deref().unwrap_or_default());
                    origin = Some(param.span);
                }
                None => {
                    right = false;
                    // A parameter that is misspelt where it is declared is told at its first use.
                    if self.scope.unread || self.sink.is_told(name) {
                        rest = &rest[at + 1 + name.len()..];
                        continue;
                    }
                    let near = suggest::nearest(name, self.scope.names());
                    if near.and_then(|near| self.scope.get(near)).is_some_and(|p| p.unused) {
                        self.sink.tell_once(name);
                    }
                    let help = suggest::remedy(name, self.scope.names());
                    let message = format!("there is no parameter `{name}`");
                    self.sink.error(Code::UnknownParam, written.span, message, help);
                }
            }
            rest = &rest[at + 1 + name.len()..];
        }
        out.push_str(rest);
        right.then_some(Text { text: out, origin, verbatim: false, ..written })
    }

    fn wrong_kind<T>(&mut self, node: &Node, expected: &str, found: &str) -> Option<T> {
        let message = format!("expected {expected}, found {found}");
        self.sink.error(Code::WrongKind, node.span, message, format!("write {expected}"));
        None
    }

    /// Refuses more entries than there is room for.
    pub fn capacity(&mut self, node: &Node, max: usize) {
        let count = match &node.value {
            Value::Mapping(map) => map.entries.len(),
            Value::Sequence(list) => list.len(),
            Value::Scalar(_) | Value::Refused => 0,
        };
        if count > max {
            let message = format!("{count} entries, there is room for {max}");
            self.sink.error(Code::Capacity, node.span, message, format!("leave at most {max}"));
        }
    }

    /// Fields of a mapping.
    pub fn fields<'n>(&mut self, node: &'n Node) -> Option<Fields<'n>> {
        match &node.value {
            _ if self.sink.is_over() => None,
            Value::Mapping(map) => Some(Fields::new(node.span, map)),
            Value::Refused => None,
            Value::Scalar(_) => self.wrong_kind(node, "a mapping of fields", "one value"),
            Value::Sequence(_) => self.wrong_kind(node, "a mapping of fields", "a list"),
        }
    }

    /// Entries of a mapping whose keys are names given by the author, each an identifier.
    pub fn named<'n>(&mut self, node: &'n Node) -> Option<&'n [Entry]> {
        self.fields(node).map(|f| f.map.entries.as_slice())
    }

    /// Whether a key of a mapping was refused.
    pub fn is_incomplete(&self, node: &Node) -> bool {
        matches!(&node.value, Value::Mapping(map) if map.incomplete)
    }

    /// Elements of a list.
    pub fn list<'n>(&mut self, node: &'n Node) -> Option<&'n [Node]> {
        match &node.value {
            _ if self.sink.is_over() => None,
            Value::Sequence(list) => Some(list),
            Value::Refused => None,
            Value::Scalar(_) => self.wrong_kind(node, "a list", "one value"),
            Value::Mapping(_) => self.wrong_kind(node, "a list", "a mapping"),
        }
    }

    /// A text as it stands.
    pub fn string(&mut self, node: &Node) -> Option<String> {
        self.text(node).map(|t| t.text)
    }

    /// A name: letters, digits, `_`, `-`, `.`; it begins with a letter or digit; at most 64 characters.
    pub fn identifier(&mut self, node: &Node) -> Option<Text> {
        let text = self.text(node)?;
        self.check_identifier(&text.text, text.span).then_some(text)
    }

    /// Whether a word may name something; says so if not.
    pub fn check_identifier(&mut self, word: &str, span: Span) -> bool {
        let good = is_identifier(word);
        if !good {
            let help = "letters, digits, `_`, `-` and `.`, at most 64, beginning with a letter or digit";
            self.sink.error(Code::BadIdentifier, span, format!("`{word}` cannot be a name"), help);
        }
        good
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(node)?;
        if let Some((_, value)) = words.iter().find(|(w, _)| *w == text.text) {
            return Some(*value);
        }
        let help = suggest::remedy(&text.text, words.iter().map(|(w, _)| *w));
        self.error_at(Code::UnknownWord, &text, format!("`{}` cannot stand here", text.text), help);
        None
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, node: &Node) -> Option<bool> {
        self.word(node, &[("true", true), ("false", false)])
    }

    /// A whole number between two bounds, decimal or `0x…`. Zeros in front are refused: to YAML 1.1 `010` is eight.
    pub fn integer(&mut self, node: &Node, lo: u64, hi: u64) -> Option<u64> {
        let text = self.text(node)?;
        if self.zero_in_front(&text) { None } else { self.digits(node, lo, hi) }
    }

    /// The same with zeros in front as they please: what is counted in serials of so many digits.
    pub fn digits(&mut self, node: &Node, lo: u64, hi: u64) -> Option<u64> {
        let text = self.text(node)?;
        let parsed = match text.text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None if text.text.bytes().all(|b| b.is_ascii_digit()) => text.text.parse().ok(),
            None => None,
        };
        match parsed {
            Some(n) if (lo..=hi).contains(&n) => Some(n),
            Some(n) => {
                let help = format!("between {lo} and {hi}");
                self.error_at(Code::OutOfRange, &text, format!("{n} is out of range"), help);
                None
            }
            None => {
                let help = format!("a whole number between {lo} and {hi}, without a unit");
                self.error_at(
                    Code::NotANumber,
                    &text,
                    format!("`{}` is not a whole number", text.text),
                    help,
                );
                None
            }
        }
    }

    /// Refuses `010`: eight to YAML 1.1 and to many a reader, ten to others.
    pub(crate) fn zero_in_front(&mut self, text: &Text) -> bool {
        let digits = text.text.trim_start_matches(['-', '+']);
        let found = digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
        if found {
            let plain = digits.trim_start_matches('0');
            let plain = if plain.starts_with(|c: char| c.is_ascii_digit()) {
                plain.into()
            } else {
                format!("0{plain}")
            };
            let help = format!("write `{plain}`; a number of base 16 begins with `0x`");
            self.error_at(Code::NotANumber, text, format!("`{}` begins with a zero", text.text), help);
        }
        found
    }

    /// A finite number without a unit.
    pub fn number(&mut self, node: &Node) -> Option<f64> {
        let text = self.text(node)?;
        if self.zero_in_front(&text) {
            return None;
        }
        let number = text.text.parse().ok().filter(|n: &f64| n.is_finite());
        if number.is_none() {
            let message = format!("`{}` is not a number", text.text);
            self.error_at(Code::NotANumber, &text, message, "a number without a unit");
        }
        number
    }

    /// `number unit` of a dimension, in its canonical unit.
    pub fn quantity(&mut self, node: &Node, dimension: Dimension) -> Option<f64> {
        let text = self.text(node)?;
        self.quantity_of(&text, dimension)
    }

    /// The same from a text that has been read.
    pub fn quantity_of(&mut self, text: &Text, dimension: Dimension) -> Option<f64> {
        match Quantity::parse(&text.text) {
            Ok(q) if q.dimension == dimension => Some(q.value),
            Ok(q) => self.wrong_dimension(text, &[dimension], q.dimension),
            Err(_) if text.text.contains("..") => {
                let message = format!("expected one {}, found a range", dimension.name());
                self.error_at(
                    Code::NotAQuantity,
                    text,
                    message,
                    format!("write `number {}`", dimension.unit()),
                );
                None
            }
            Err(error) => self.refuse_quantity(text, &error, dimension),
        }
    }

    /// A quantity of whatever dimension its unit has.
    pub fn any_quantity(&mut self, node: &Node) -> Option<Quantity> {
        let text = self.text(node)?;
        Quantity::parse(&text.text)
            .map_err(|error| self.refuse_quantity::<()>(&text, &error, Dimension::Length))
            .ok()
    }

    /// A quantity of one of a few dimensions: where a name could not be read that says which.
    pub fn quantity_among(&mut self, node: &Node, dimensions: &[Dimension]) -> Option<Quantity> {
        self.quantity_or(node, dimensions, "")
    }

    /// The same where it may be meant as something else: `or` says how that is written.
    pub(crate) fn quantity_or(
        &mut self,
        node: &Node,
        dimensions: &[Dimension],
        or: &'static str,
    ) -> Option<Quantity> {
        let text = self.text(node)?;
        match Quantity::parse(&text.text) {
            Ok(q) if dimensions.contains(&q.dimension) => Some(q),
            Ok(q) => self.wrong_dimension(&text, dimensions, q.dimension),
            Err(error) if !or.is_empty() => {
                self.refuse_quantity_or(&text, &error, self.near_unit(&text, dimensions), or)
            }
            Err(_) => self.quantity_of(&text, self.near_unit(&text, dimensions)).and(None),
        }
    }

    /// The same of a range.
    pub fn range_among(&mut self, node: &Node, dimensions: &[Dimension]) -> Option<QuantityRange> {
        let text = self.text(node)?;
        match QuantityRange::parse(&text.text) {
            Ok(r) if dimensions.contains(&r.dimension) => Some(r),
            Ok(r) => self.wrong_dimension(&text, dimensions, r.dimension),
            Err(_) => self.range_of(&text, self.near_unit(&text, dimensions)).and(None),
        }
    }

    /// The dimension whose unit a misspelt one is nearest to; the first where none is near.
    fn near_unit(&self, text: &Text, dimensions: &[Dimension]) -> Dimension {
        let unit = text.text.trim_start_matches(|c: char| !c.is_alphabetic() && !matches!(c, '°' | '%'));
        let spellings = || dimensions.iter().flat_map(|d| d.spellings().map(|s| (*d, s)));
        let near = suggest::nearest(unit, spellings().map(|(_, s)| s));
        let found = spellings().find(|(_, s)| near == Some(*s)).map(|(d, _)| d);
        found.or(dimensions.first().copied()).unwrap_or(Dimension::Length)
    }

    /// A quantity above zero.
    pub fn positive(&mut self, node: &Node, dimension: Dimension) -> Option<f64> {
        let value = self.quantity(node, dimension)?;
        if value > 0.0 {
            return Some(value);
        }
        let text = self.text(node)?;
        let message = format!("{} must be positive, this is {value} {}", dimension.name(), dimension.unit());
        self.error_at(Code::NotPositive, &text, message, "write a value above zero");
        None
    }

    /// `low .. high unit` of a dimension, inclusive at both ends.
    pub fn range(&mut self, node: &Node, dimension: Dimension) -> Option<(f64, f64)> {
        let text = self.text(node)?;
        self.range_of(&text, dimension)
    }

    /// The same from a text that has been read.
    pub fn range_of(&mut self, text: &Text, dimension: Dimension) -> Option<(f64, f64)> {
        match QuantityRange::parse(&text.text) {
            Ok(r) if r.dimension == dimension => Some((r.lo, r.hi)),
            Ok(r) => self.wrong_dimension(text, &[dimension], r.dimension),
            Err(error) => self.refuse_quantity(text, &error, dimension),
        }
    }

    /// A length of time, zero or more.
    pub fn duration(&mut self, node: &Node) -> Option<DurationNs> {
        let seconds = self.quantity(node, Dimension::Time)?;
        let text = self.text(node)?;
        if !(0.0..=DURATION_S_MAX).contains(&seconds) {
            let help = format!("between 0 s and {DURATION_S_MAX} s");
            self.error_at(Code::OutOfRange, &text, format!("{seconds} s is out of range"), help);
            return None;
        }
        Some(DurationNs::from_secs_f64(seconds))
    }

    fn wrong_dimension<T>(&mut self, text: &Text, expected: &[Dimension], found: Dimension) -> Option<T> {
        let articles: Vec<_> = expected.iter().map(|d| with_article(*d)).collect();
        let message =
            format!("expected {}, `{}` is {}", articles.join(" or "), text.text, with_article(found));
        let units = |d: &Dimension| {
            format!("units of {}: {}", d.name(), d.spellings().collect::<Vec<_>>().join(", "))
        };
        let help = expected.iter().map(units).collect::<Vec<_>>().join("; ");
        self.error_at(Code::Dimension, text, message, help);
        None
    }

    fn refuse_quantity<T>(&mut self, text: &Text, error: &QuantityError, expected: Dimension) -> Option<T> {
        self.refuse_quantity_or(text, error, expected, "")
    }

    fn refuse_quantity_or<T>(
        &mut self,
        text: &Text,
        error: &QuantityError,
        expected: Dimension,
        or: &str,
    ) -> Option<T> {
        let spellings: Vec<_> = expected.spellings().collect();
        let (code, help) = match error {
            QuantityError::NoUnit(_) => (Code::NoUnit, format!("write the unit: {}", spellings.join(", "))),
            QuantityError::UnknownUnit(unit) => {
                let near = suggest::nearest(unit, spellings.iter().copied());
                let all = || format!("units of {}: {}", expected.name(), spellings.join(", "));
                (Code::UnknownUnit, near.map_or_else(all, |u| format!("did you mean `{u}`?")))
            }
            QuantityError::NotANumber(_) => {
                (Code::NotAQuantity, format!("write a number and a unit: `1.5 {}`", expected.unit()))
            }
            QuantityError::NotARange => {
                (Code::NotARange, format!("write `low .. high {}`, with one unit", expected.unit()))
            }
            QuantityError::Reversed => (Code::Reversed, "write the lower end first".to_string()),
        };
        let help = if or.is_empty() { help } else { format!("{help} ({or})") };
        self.error_at(code, text, error.to_string(), help);
        None
    }
}

/// Longest time that a file may state, in seconds: a day.
const DURATION_S_MAX: f64 = 86_400.0;

/// Whether a word may name something: see [`Decoder::identifier`].
pub fn is_identifier(word: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    word.len() <= 64
        && word.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && word.bytes().all(good)
}

/// `010`.
pub(crate) fn is_padded(word: &str) -> bool {
    word.len() > 1 && word.starts_with('0') && word.bytes().all(|b| b.is_ascii_digit())
}

/// `name@number`.
pub fn split_version(text: &str) -> Option<(&str, u32)> {
    let (name, version) = text.split_once('@')?;
    let digits = version.bytes().all(|b| b.is_ascii_digit()) && !is_padded(version);
    (digits && is_identifier(name)).then_some(())?;
    Some((name, version.parse().ok()?))
}

fn with_article(dimension: Dimension) -> String {
    let name = dimension.name();
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {name}")
}

/// The fields of one mapping: what is asked for is known, the rest is refused by [`Fields::finish`].
#[derive(Debug)]
pub struct Fields<'n> {
    pub span: Span,
    map: &'n Mapping,
    asked: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    fn new(span: Span, map: &'n Mapping) -> Fields<'n> {
        Fields { span, map, asked: Vec::new() }
    }

    /// The entry of a field, if it is given. Asking makes the field known.
    pub fn entry(&mut self, name: &'static str) -> Option<&'n Entry> {
        if !self.asked.contains(&name) {
            self.asked.push(name);
        }
        self.map.entries.iter().find(|e| e.key == name)
    }

    /// An optional field. `None`: not given, or wrong (and said).
    pub fn opt<T>(
        &mut self,
        name: &'static str,
        d: &mut Decoder<'_>,
        read: impl FnOnce(&mut Decoder<'_>, &'n Node) -> Option<T>,
    ) -> Option<T> {
        let entry = self.entry(name)?;
        read(d, &entry.node)
    }

    /// A field that must be given.
    pub fn req<T>(
        &mut self,
        name: &'static str,
        d: &mut Decoder<'_>,
        read: impl FnOnce(&mut Decoder<'_>, &'n Node) -> Option<T>,
    ) -> Option<T> {
        match self.entry(name) {
            Some(entry) => read(d, &entry.node),
            None => {
                self.missing(name, d);
                None
            }
        }
    }

    /// Says that a field is missing, unless a key of the mapping was refused, or [`Fields::finish`] finds it misspelt.
    pub fn missing(&self, name: &str, d: &mut Decoder<'_>) {
        if !self.map.incomplete {
            let message = format!("`{name}` is missing");
            let help = format!("add `{name}: …`");
            d.sink.missing(self.span, name, (self.head(), message, help));
        }
    }

    /// Whether a field that nobody has asked for so far looks like this one.
    pub fn is_misspelt(&self, name: &str) -> bool {
        let unknown = self.map.entries.iter().filter(|e| !self.asked.iter().any(|a| *a == e.key));
        unknown.take(suggest::MISSPELT_MAX).any(|e| suggest::nearest(&e.key, [name]).is_some())
    }

    /// The start of the mapping: its first key, not all its lines.
    pub fn head(&self) -> Span {
        self.map.entries.first().map_or(self.span, |e| e.key_span)
    }

    /// Refuses every field that was not asked for. What was meant by it is not missing besides.
    pub fn finish(self, d: &mut Decoder<'_>) {
        let given = |field: &&str| self.map.entries.iter().any(|e| e.key == **field);
        let mut left: Option<Vec<&str>> = None;
        for entry in &self.map.entries {
            if d.sink.is_over() || self.asked.iter().any(|a| *a == entry.key) {
                continue;
            }
            let left = left.get_or_insert_with(|| self.asked.iter().copied().filter(|a| !given(a)).collect());
            let message = format!("unknown field `{}`", entry.key);
            let help = suggest::remedy(&entry.key, left.iter().copied());
            d.sink.error(Code::UnknownField, entry.key_span, message, help);
            if let Some(meant) = suggest::nearest(&entry.key, left.iter().copied()) {
                d.sink.is_there(self.span, meant);
            }
        }
    }
}
