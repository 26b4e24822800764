//! YAML text to a tree with byte-exact spans, strict: anchors, aliases, tags, merge keys, duplicate keys,
//! tabs, directives, second documents, unseen characters and the booleans of YAML 1.1 are refused, each with its code.
//!
//! A place that was refused becomes a [`Value::Refused`]: whoever reads it says nothing more about it.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use crate::characters::blank_unseen;
use crate::code::Code;
use crate::diagnostic::Sink;
use crate::source::{FILE_BYTES_MAX, FileId, Sources, Span, line_ends};

/// Mappings and lists inside each other: a parallel inside a parallel inside a sub-recipe needs 20.
const DEPTH_MAX: usize = 64;
/// Aliases that are repaired so that the mistakes behind them are seen too; each costs one more pass.
const REPAIRS_MAX: usize = 64;

/// A piece of the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub span: Span,
    pub value: Value,
}

/// What it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Mapping),
    /// Has its diagnostic already.
    Refused,
}

/// Keys with their values.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    /// In the order of the text, each key once.
    pub entries: Vec<Entry>,
    /// A key was refused: what it would have brought is not called missing.
    pub incomplete: bool,
}

/// A word, number, quantity or text; never empty if plain.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    pub text: String,
    /// Without quotes: `$name` is a parameter in it.
    pub plain: bool,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    pub key_span: Span,
    pub node: Node,
}

/// Reads a file into a tree. `None`: refused as a whole, with its diagnostic in `sink`.
pub fn parse(path: &str, bytes: &[u8], sources: &mut Sources, sink: &mut Sink) -> (FileId, Option<Node>) {
    let shown = if bytes.len() > FILE_BYTES_MAX { &bytes[..0] } else { bytes };
    let file = sources.add(path, shown);
    if bytes.len() > FILE_BYTES_MAX {
        let message = format!("`{path}` has {} bytes", bytes.len());
        let help = format!("a file has at most {FILE_BYTES_MAX} bytes: is it the right one?");
        sink.error(Code::TooLarge, Span { file, start: 0, end: 0 }, message, help);
        return (file, None);
    }
    let Ok(text) = core::str::from_utf8(bytes) else {
        refuse_encoding(file, bytes, sink);
        return (file, None);
    };
    let Some(text) = prepare(file, &line_ends(text.to_owned()), sink) else { return (file, None) };
    (file, build(file, text, sink))
}

fn refuse_encoding(file: FileId, bytes: &[u8], sink: &mut Sink) {
    // The text shown is the lossy one, whose bytes are the same up to the first bad byte.
    let good = core::str::from_utf8(bytes).map_or_else(|e| e.valid_up_to(), str::len) as u32;
    let message = format!("byte {good} (0x{:02X}) is not UTF-8", bytes[good as usize]);
    sink.error(Code::NotUtf8, Span { file, start: good, end: good }, message, "save the file as UTF-8");
}

/// Refuses tabs and directives; gives the text with tabs as spaces, so that reading can go on. `None`
/// where it cannot: a tab that indents.
fn prepare(file: FileId, text: &str, sink: &mut Sink) -> Option<String> {
    let mut start = 0;
    let mut indents = false;
    for line in text.split_inclusive('\n') {
        if let Some(at) = line.find('\t') {
            let at32 = (start + at) as u32;
            let span = Span { file, start: at32, end: at32 + 1 };
            sink.error(Code::Tab, span, "a tab character", "use spaces: a tab has no defined width in YAML");
            indents |= line[..at].chars().all(char::is_whitespace);
        }
        if line.starts_with('%') {
            let span = Span { file, start: start as u32, end: (start + line.trim_end().len()) as u32 };
            sink.error(Code::Directive, span, "a YAML directive", "take it out: the text is always YAML 1.2");
            indents = true;
        }
        start += line.len();
    }
    if indents { None } else { Some(blank_unseen(file, text.replace('\t', " "), sink)) }
}

/// Passes over the text until no alias stops the parser any more.
fn build(file: FileId, mut text: String, sink: &mut Sink) -> Option<Node> {
    let mut refused = BTreeMap::new();
    for _ in 0..REPAIRS_MAX {
        let mut pass = Sink::new();
        let mut builder = Builder::new(file, &text, &refused, &mut pass);
        match builder.run() {
            Ok(root) => {
                pass.finish().into_iter().for_each(|d| sink.push(d));
                return root;
            }
            Err(Stopped::UnknownAlias(at)) => {
                refused.insert(at, ());
                // One byte for one byte, so that every span stays true.
                text.replace_range(at..at + 1, "x");
            }
            Err(Stopped::Syntax) => {
                pass.finish().into_iter().for_each(|d| sink.push(d));
                return None;
            }
        }
    }
    for at in refused.into_keys() {
        let at = at as u32;
        refuse_alias(Span { file, start: at, end: at + 1 }, sink);
    }
    None
}

/// Why a pass ended early.
enum Stopped {
    /// The parser knows no anchor for the `*` at this byte.
    UnknownAlias(usize),
    /// Has its diagnostic.
    Syntax,
}

/// A mapping or list under construction.
struct Open {
    span: Span,
    refused: bool,
    body: Body,
}

enum Body {
    Sequence(Vec<Node>),
    Mapping { map: Mapping, key: Option<(Option<String>, Span)>, seen: BTreeMap<String, Span> },
}

struct Builder<'a> {
    file: FileId,
    text: &'a str,
    /// Byte of each character, if they differ.
    bytes: Option<Vec<u32>>,
    refused: &'a BTreeMap<usize, ()>,
    sink: &'a mut Sink,
    stack: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

impl<'a> Builder<'a> {
    fn new(file: FileId, text: &'a str, refused: &'a BTreeMap<usize, ()>, sink: &'a mut Sink) -> Builder<'a> {
        let bytes =
            (!text.is_ascii()).then(|| text.char_indices().map(|(i, _)| i as u32).collect::<Vec<_>>());
        Builder { file, text, bytes, refused, sink, stack: Vec::new(), root: None, documents: 0 }
    }

    fn byte(&self, character: usize) -> u32 {
        let end = self.text.len() as u32;
        match &self.bytes {
            Some(bytes) => bytes.get(character).copied().unwrap_or(end),
            None => (character as u32).min(end),
        }
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        let start = self.byte(span.start.index());
        Span { file: self.file, start, end: self.byte(span.end.index()).max(start) }
    }

    fn run(&mut self) -> Result<Option<Node>, Stopped> {
        let mut parser = Parser::new_from_str(self.text);
        while let Some(next) = parser.next_event() {
            match next {
                Ok((Event::StreamEnd, _)) => break,
                Ok((event, span)) => {
                    let span = self.span(span);
                    self.event(event, span)?;
                }
                Err(error) => return Err(self.stopped(error.info(), error.marker().index())),
            }
        }
        if self.root.is_none() && self.documents == 0 {
            let span = Span { file: self.file, start: 0, end: 0 };
            self.sink.error(Code::Documents, span, "the file is empty", "it begins with a mapping of fields");
        }
        Ok(self.root.take())
    }

    fn stopped(&mut self, info: &str, character: usize) -> Stopped {
        let start = self.byte(character);
        if info.contains("unknown anchor") && self.text[start as usize..].starts_with('*') {
            return Stopped::UnknownAlias(start as usize);
        }
        let width =
            self.text[start as usize..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
        let span = Span { file: self.file, start, end: start + width as u32 };
        if info.contains("recursion limit") {
            self.too_deep(span);
            return Stopped::Syntax;
        }
        let help = "check indentation, quotes, brackets and the space after `:`";
        self.sink.error(Code::YamlSyntax, span, format!("not YAML: {info}"), help);
        Stopped::Syntax
    }

    fn too_deep(&mut self, span: Span) {
        let help = format!("at most {DEPTH_MAX} mappings and lists stand inside each other");
        self.sink.error(Code::TooDeep, span, "nested too deeply", help);
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stopped> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let help = "one file holds one document";
                    self.sink.error(Code::Documents, span, "a second document begins here", help);
                    return Err(Stopped::Syntax);
                }
            }
            Event::Alias(_) => {
                refuse_alias(span, self.sink);
                self.place(Node { span, value: Value::Refused });
            }
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(&text, style, anchor, tag.as_deref(), span);
                self.place(node);
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(span, anchor, tag.as_deref(), Body::Sequence(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                let map = Mapping { entries: Vec::new(), incomplete: false };
                let body = Body::Mapping { map, key: None, seen: BTreeMap::new() };
                self.open(span, anchor, tag.as_deref(), body)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    /// Whether tag or anchor were refused.
    fn refuse_properties(&mut self, span: Span, anchor: usize, tag: Option<&Tag>) -> bool {
        if let Some(tag) = tag {
            let help = "take it out; negation is the word `not`, and types follow from the field";
            self.sink.error(Code::Tag, span, format!("a tag (`{tag}`) is not taken"), help);
        }
        if anchor != 0 {
            let help = "take it out; what is used twice gets a name under `params:`";
            self.sink.error(Code::Anchor, span, "an anchor (`&name`) is not taken", help);
        }
        tag.is_some() || anchor != 0
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
    ) -> Node {
        let refused = Node { span, value: Value::Refused };
        if self.refused.contains_key(&(span.start as usize)) {
            refuse_alias(span, self.sink);
            return refused;
        }
        if self.refuse_properties(span, anchor, tag) {
            return refused;
        }
        let plain = style == ScalarStyle::Plain;
        if plain && is_yaml11_boolean(text) {
            let help = "write `true` or `false`; a word that only looks like a boolean is put in quotes";
            self.sink.error(Code::Yaml11Boolean, span, format!("`{text}` is a boolean of YAML 1.1"), help);
            return refused;
        }
        if plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
            // An empty value stands where its key ends: the key is what can be pointed at.
            let span = if text.is_empty() { self.last_key().unwrap_or(span) } else { span };
            self.sink.error(Code::NoValue, span, "there is no value", "give a value, or take the key out");
            return refused;
        }
        if plain {
            self.cut_by_comment(span);
        }
        Node { span, value: Value::Scalar(Scalar { text: text.to_string(), plain }) }
    }

    /// ` #2` behind a plain word: to YAML a comment, to its author perhaps the rest of the value. Comments that are
    /// meant have a space behind the `#`.
    fn cut_by_comment(&mut self, value: Span) {
        let behind = &self.text[value.end as usize..];
        let comment = behind.trim_start_matches(' ');
        let Some(word) = comment.strip_prefix('#').filter(|_| comment.len() < behind.len()) else { return };
        if !word.starts_with(|c: char| c.is_alphanumeric() || c == '$') {
            return;
        }
        let start = value.end + (behind.len() - comment.len()) as u32;
        let width = comment.find(char::is_whitespace).unwrap_or(comment.len()) as u32;
        let help = "put the whole value in quotes; or write a space behind the `#` of a comment";
        let span = Span { start, end: start + width, ..value };
        self.sink.warning(Code::CutByComment, span, "the value ends here: a comment begins", help);
    }

    fn last_key(&self) -> Option<Span> {
        match &self.stack.last()?.body {
            Body::Mapping { key, .. } => key.as_ref().map(|(_, span)| *span),
            Body::Sequence(_) => None,
        }
    }

    fn open(&mut self, span: Span, anchor: usize, tag: Option<&Tag>, body: Body) -> Result<(), Stopped> {
        if self.stack.len() >= DEPTH_MAX {
            self.too_deep(span);
            return Err(Stopped::Syntax);
        }
        let refused = self.refuse_properties(span, anchor, tag);
        self.stack.push(Open { span, refused, body });
        Ok(())
    }

    fn close(&mut self, end: Span) {
        let Some(open) = self.stack.pop() else { return };
        let (value, last) = match open.body {
            Body::Sequence(list) => {
                let last = list.last().map(|n| n.span);
                (Value::Sequence(list), last)
            }
            Body::Mapping { map, .. } => {
                let last = map.entries.last().map(|e| e.node.span);
                (Value::Mapping(map), last)
            }
        };
        // A block collection has no closing character: it ends with its last node, not with the
        // comments and empty lines behind it.
        let flow = end.end > end.start;
        // The parser lets a flow collection end behind the comment that follows it.
        let closed = self.text[end.start as usize..].starts_with(['}', ']']);
        let end = if closed { Span { end: end.start + 1, ..end } } else { end };
        let span = open.span.to(if flow { end } else { last.unwrap_or(open.span) });
        self.place(Node { span, value: if open.refused { Value::Refused } else { value } });
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node) {
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut open.body {
            Body::Sequence(list) => list.push(node),
            Body::Mapping { map, key, seen } => match key.take() {
                Some((Some(key), key_span)) => {
                    if !seen.contains_key(&key) {
                        seen.insert(key.clone(), key_span);
                        map.entries.push(Entry { key, key_span, node });
                    }
                }
                Some((None, _)) => map.incomplete = true,
                None => {
                    let span = node.span;
                    *key = Some((checked_key(node, seen, self.sink), span));
                }
            },
        }
    }
}

fn refuse_alias(span: Span, sink: &mut Sink) {
    let help = "write the value out, or give it a name under `params:`; `*` is YAML syntax, not an operator";
    sink.error(Code::Alias, span, "an alias (`*name`) is not taken", help);
}

/// The word of a key; `None` for one that is refused, whose value goes with it.
fn checked_key(node: Node, seen: &BTreeMap<String, Span>, sink: &mut Sink) -> Option<String> {
    let span = node.span;
    let text = match node.value {
        Value::Scalar(scalar) => scalar.text,
        Value::Refused => return None,
        Value::Sequence(_) | Value::Mapping(_) => {
            sink.error(Code::ComplexKey, span, "a key is a list or a mapping", "a key is one word");
            return None;
        }
    };
    if text == "<<" {
        let help = "write the fields out; a row of values belongs under `variants:`";
        sink.error(Code::MergeKey, span, "a merge key (`<<`) is not taken", help);
        return None;
    }
    if text.is_empty() {
        sink.error(Code::ComplexKey, span, "a key is empty", "a key is one word");
        return None;
    }
    if let Some(first) = seen.get(&text) {
        let labels = vec![(*first, "first given here".to_string())];
        let message = format!("`{text}` is given twice");
        sink.error_with(Code::DuplicateKey, span, message, "keep one of the two", labels);
    }
    Some(text)
}

/// `yes`, `no`, `on`, `off` in the spellings of YAML 1.1, and other spellings of `true` and `false`. The
/// single letters `y` and `n` are names: many cells have an axis `y`.
fn is_yaml11_boolean(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    matches!(lower.as_str(), "yes" | "no" | "on" | "off")
        || (matches!(lower.as_str(), "true" | "false") && lower != text)
}
