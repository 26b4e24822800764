//! Lines from a tree.

use std::collections::BTreeMap;

use cellwright_recipe::Span;
use cellwright_recipe::tree::{Mapping, Node, Value};

use super::WIDTH;
use super::text::Text;

/// Spaces of one level.
const INDENT: usize = 2;
/// Spaces before a comment that has lost its column.
const BEFORE_COMMENT: usize = 2;

/// A word of a line.
struct Piece {
    text: String,
    /// No space before it.
    glued: bool,
    /// Byte of the source where it stands.
    at: Option<usize>,
}

impl Piece {
    /// Of an element of a list; a word `-` has a place.
    fn is_dash(&self) -> bool {
        self.text == "-" && self.at.is_none()
    }
}

/// A line under construction.
struct Line {
    indent: usize,
    pieces: Vec<Piece>,
}

/// See the module text.
pub(super) struct Layout<'l, 't> {
    text: &'l Text<'t>,
    /// Quantities by where they begin, as they are to be written.
    quantities: &'l BTreeMap<u32, String>,
    /// Columns are kept.
    aligned: bool,
    out: String,
    line: Option<Line>,
    /// The next comment, and the column at which the one before was written.
    comment: usize,
    comment_column: usize,
}

impl<'l, 't> Layout<'l, 't> {
    pub(super) fn new(
        text: &'l Text<'t>,
        quantities: &'l BTreeMap<u32, String>,
        aligned: bool,
    ) -> Layout<'l, 't> {
        Layout { text, quantities, aligned, out: String::new(), line: None, comment: 0, comment_column: 0 }
    }

    pub(super) fn file(mut self, root: &Node) -> String {
        self.value(root, None, None, usize::MAX);
        self.end_line(root.span.end as usize);
        self.comments_until(usize::MAX, 0, 0);
        self.out
    }

    /// A value behind its key or dash, which stand at `indent`; at the root behind nothing. `key_end`: byte behind the
    /// key, whose line ends if the value has lines of its own. `until`: where the next word begins.
    fn value(&mut self, node: &Node, indent: Option<usize>, key_end: Option<usize>, until: usize) {
        let empty = match &node.value {
            Value::Sequence(list) => list.is_empty(),
            Value::Mapping(map) => map.entries.is_empty(),
            Value::Scalar(_) | Value::Refused => true,
        };
        if empty || (self.text.is_flow(node) && !self.text.is_commented(node)) {
            let mut pieces = Vec::new();
            self.flow(node, false, &mut pieces);
            if empty || self.width(&pieces) <= WIDTH {
                self.open(indent.unwrap_or(0)).extend(pieces);
                self.end_line(node.span.end as usize);
                return;
            }
        }
        if let Some(end) = key_end {
            self.end_line(end);
        }
        let inner = indent.map_or(0, |i| i + INDENT);
        // Comments behind its last line that stand as deep as it does belong to it.
        let column = match self.text.is_flow(node) {
            true => usize::MAX,
            false => self.text.place(node.span.start as usize).1,
        };
        match &node.value {
            Value::Mapping(map) => self.mapping(map, inner, until),
            Value::Sequence(list) => self.sequence(list, inner, until),
            Value::Scalar(_) | Value::Refused => {}
        }
        self.comments_until(until, inner, column.max(1));
    }

    fn mapping(&mut self, map: &Mapping, indent: usize, until: usize) {
        for (i, entry) in map.entries.iter().enumerate() {
            let next = map.entries.get(i + 1).map_or(until, |e| e.key_span.start as usize);
            self.before(entry.key_span.start as usize, indent);
            let key = Piece {
                text: format!("{}:", self.raw(entry.key_span)),
                glued: false,
                at: Some(entry.key_span.start as usize),
            };
            self.open(indent).push(key);
            self.value(&entry.node, Some(indent), Some(entry.key_span.end as usize), next);
        }
    }

    fn sequence(&mut self, list: &[Node], indent: usize, until: usize) {
        for (i, node) in list.iter().enumerate() {
            let next = list.get(i + 1).map_or(until, |n| n.span.start as usize);
            self.before(node.span.start as usize, indent);
            self.open(indent).push(Piece { text: "-".into(), glued: false, at: None });
            self.value(node, Some(indent), None, next);
        }
    }

    /// The open line, or a new one.
    fn open(&mut self, indent: usize) -> &mut Vec<Piece> {
        &mut self.line.get_or_insert(Line { indent, pieces: Vec::new() }).pieces
    }

    /// Characters of the open line with these behind it.
    fn width(&self, pieces: &[Piece]) -> usize {
        let chars = |p: &Piece| p.text.chars().count() + usize::from(!p.glued);
        let open = self.line.as_ref().map_or(0, |l| l.indent + l.pieces.iter().map(chars).sum::<usize>());
        open + pieces.iter().map(chars).sum::<usize>()
    }

    /// A value in one line.
    fn flow(&self, node: &Node, glued: bool, out: &mut Vec<Piece>) {
        let at = Some(node.span.start as usize);
        let (open, close) = match &node.value {
            Value::Mapping(_) => ("{", "}"),
            Value::Sequence(_) => ("[", "]"),
            Value::Scalar(_) | Value::Refused => {
                out.push(Piece { text: self.scalar(node), glued, at });
                return;
            }
        };
        out.push(Piece { text: open.into(), glued, at });
        let first = out.len();
        match &node.value {
            Value::Mapping(map) => {
                for entry in &map.entries {
                    comma(out, first);
                    let at = Some(entry.key_span.start as usize);
                    out.push(Piece { text: format!("{}:", self.raw(entry.key_span)), glued: false, at });
                    self.flow(&entry.node, false, out);
                }
            }
            Value::Sequence(list) => {
                for (i, node) in list.iter().enumerate() {
                    comma(out, first);
                    self.flow(node, i == 0, out);
                }
            }
            Value::Scalar(_) | Value::Refused => {}
        }
        let glued = open == "[" || out.len() == first;
        out.push(Piece { text: close.into(), glued, at: None });
    }

    fn raw(&self, span: Span) -> &'t str {
        &self.text.text[span.start as usize..span.end as usize]
    }

    /// A word as it stands; one of several lines is joined.
    fn scalar(&self, node: &Node) -> String {
        let Value::Scalar(scalar) = &node.value else { return String::new() };
        if let Some(text) = self.quantities.get(&node.span.start) {
            return text.clone();
        }
        let raw = self.raw(node.span);
        let in_block = !scalar.plain && !raw.starts_with(['"', '\'']);
        if !raw.contains('\n') && !in_block {
            return raw.trim_end().to_owned();
        }
        if scalar.plain && !scalar.text.contains('\n') {
            return scalar.text.clone();
        }
        // JSON's strings are YAML's.
        serde_json::Value::from(scalar.text.as_str()).to_string()
    }

    /// Comments and an empty line before a word that begins a line.
    fn before(&mut self, word: usize, indent: usize) {
        self.comments_until(word, indent, 0);
        if self.line.is_none() && self.text.blank_before(word) {
            self.blank();
        }
    }

    fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// Comments that stand before a byte, each in a line of its own, while they are not to the left of a column.
    fn comments_until(&mut self, until: usize, indent: usize, column: usize) {
        while let Some(comment) = self.text.comments.get(self.comment) {
            if comment.start >= until || comment.column < column {
                return;
            }
            if self.text.blank_before(comment.start) {
                self.blank();
            }
            let before = self.comment.checked_sub(1).map(|i| &self.text.comments[i]);
            let goes_on = before.is_some_and(|b| {
                b.line + 1 == comment.line && b.column == comment.column && comment.own_line
            });
            // A comment behind a line may go on below itself.
            let at = if goes_on { self.comment_column } else { indent };
            self.comment_column = at;
            self.out.extend(core::iter::repeat_n(' ', at));
            self.out.push_str(comment.text);
            self.out.push('\n');
            self.comment += 1;
        }
    }

    /// Writes the open line, with the comment that stands behind it in the line of `byte`.
    fn end_line(&mut self, byte: usize) {
        let Some(line) = self.line.take() else { return };
        let mut text = " ".repeat(line.indent);
        for (i, piece) in line.pieces.iter().enumerate() {
            if i > 0 && !piece.glued {
                // Keys below the first one of an element stand two columns behind its dash.
                let kept = self.aligned && !line.pieces[i - 1].is_dash();
                let gap = piece.at.filter(|_| kept).map_or(1, |at| self.text.gap(at));
                text.extend(core::iter::repeat_n(' ', gap));
            }
            text.push_str(&piece.text);
        }
        let (source_line, _) = self.text.place(byte.min(self.text.text.len()));
        let comment = self.text.comments.get(self.comment);
        if let Some(comment) = comment.filter(|c| !c.own_line && c.line == source_line) {
            let end = text.chars().count();
            let between = self.text.text[byte..comment.start].trim_matches([' ', ',', ':']);
            let keeps = between.is_empty() && comment.column > end;
            let column = if keeps { comment.column } else { end + BEFORE_COMMENT };
            text.extend(core::iter::repeat_n(' ', column - end));
            text.push_str(comment.text);
            self.comment_column = column;
            self.comment += 1;
        }
        self.out.push_str(&text);
        self.out.push('\n');
    }
}

/// Behind every word but the first.
fn comma(out: &mut [Piece], first: usize) {
    if out.len() > first
        && let Some(last) = out.last_mut()
    {
        last.text.push(',');
    }
}
