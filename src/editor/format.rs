//! One form of a file's text: indentation by two, one space where there is one, quantities with one spelling of their
//! unit. What the author chose stays: order, comments, empty lines (one at a time), `{ … }` on a line while it
//! fits, and columns that lie below each other.
//!
//! The result is read again before it is handed out: the same values, the same comments, or nothing.

mod layout;
mod text;

use std::collections::BTreeMap;

use cellwright_model::quantity::written;
use cellwright_recipe::shape::{FileKind, Seen, StepShape, What, steps, visit};
use cellwright_recipe::tree::{self, Node, Value};
use cellwright_recipe::{Diagnostic, Severity, Sink, Sources};

use layout::Layout;
use text::Text;

/// Columns of a line, but for a comment behind it: what a wide screen shows.
pub const WIDTH: usize = 160;
/// Each pass may move columns that were aligned with others; lines settle in two or three.
const PASSES_MAX: usize = 8;

/// Why there is no other form.
#[derive(Debug)]
pub enum Refused {
    /// It is not YAML as it is taken here; the diagnostics with their files.
    Mistakes(Vec<Diagnostic>, Sources),
    /// In words: cause and remedy.
    Unformattable(String),
}

/// The text of a file of a kind in its one form.
///
/// # Errors
/// Text that cannot be read, and text that would not be the same afterwards.
pub fn format(path: &str, kind: FileKind, bytes: &[u8]) -> Result<String, Refused> {
    let before = read(path, bytes)?;
    let steps = steps(cellwright_steps::TABLE);
    let mut text = before.text.clone();
    for pass in 0..PASSES_MAX {
        let file = read(path, text.as_bytes())?;
        let next = layout(&file, kind, &steps, pass + 1 < PASSES_MAX);
        if next == text {
            break;
        }
        text = next;
    }
    let after = read(path, text.as_bytes())?;
    if same(&before.root, &after.root) && comments(&before) == comments(&after) {
        return Ok(text);
    }
    let why = "its meaning would not stay the same: it is left as it is; please report the file";
    Err(Refused::Unformattable(why.into()))
}

/// A file that was read without an error.
struct File {
    text: String,
    root: Node,
}

/// A byte order mark, which says nothing of UTF-8, is left out.
fn read(path: &str, bytes: &[u8]) -> Result<File, Refused> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let (mut sources, mut sink) = (Sources::default(), Sink::new());
    let (_, root) = tree::parse(path, bytes, &mut sources, &mut sink);
    let list = sink.finish();
    match root {
        Some(root) if list.iter().all(|d| d.severity != Severity::Error) => {
            Ok(File { text: String::from_utf8_lossy(bytes).into_owned(), root })
        }
        _ => Err(Refused::Mistakes(list, sources)),
    }
}

fn layout(file: &File, kind: FileKind, steps: &[StepShape], aligned: bool) -> String {
    let kind = kind_of(kind, &file.root);
    let mut quantities = BTreeMap::new();
    visit(&file.root, kind, steps, &mut |node, seen| {
        if let (Seen::Value(what), Value::Scalar(scalar)) = (seen, &node.value)
            && scalar.plain
            && let Some(text) = quantity(what, &scalar.text)
        {
            quantities.insert(node.span.start, text);
        }
    });
    let text = Text::new(&file.text, &file.root);
    Layout::new(&text, &quantities, aligned).file(&file.root)
}

/// Its one form, where a quantity is meant. A parameter's value without a space may be a name: `25g`.
fn quantity(what: &What, text: &str) -> Option<String> {
    match what {
        What::Quantity(_) | What::Range(_) => written(text),
        What::Value if text.contains(' ') => written(text),
        _ => None,
    }
}

/// What lists its components, or has none and rejects nothing, is a sub-recipe.
pub fn kind_of(kind: FileKind, root: &Node) -> FileKind {
    let Value::Mapping(map) = &root.value else { return kind };
    if kind != FileKind::Recipe {
        return kind;
    }
    let field = |name: &str| map.entries.iter().find(|e| e.key == name);
    let lists = field("components").is_none_or(|e| matches!(e.node.value, Value::Sequence(_)));
    if lists && field("on_reject").is_none() { FileKind::Operation } else { FileKind::Recipe }
}

/// The same keys and values in the same order; quantities may be spelt otherwise.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Scalar(a), Value::Scalar(b)) => {
            a.plain == b.plain
                && (a.text == b.text || written(&a.text).is_some_and(|a| written(&b.text) == Some(a)))
        }
        (Value::Sequence(a), Value::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Mapping(a), Value::Mapping(b)) => {
            let pairs = || a.entries.iter().zip(&b.entries);
            a.entries.len() == b.entries.len()
                && pairs().all(|(a, b)| a.key == b.key && same(&a.node, &b.node))
        }
        _ => false,
    }
}

fn comments(file: &File) -> Vec<String> {
    Text::new(&file.text, &file.root).comments.iter().map(|c| c.text.to_owned()).collect()
}
