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
        let flow = self.text.is_flow(node);
        if empty || (flow && !self.text.is_commented(node)) {
            let mut pieces = Vec::new();
            self.flow(node, false, &mut pieces);
            if empty || self.width(&pieces) <= WIDTH {
                self.one_line(node, indent.unwrap_or(0), pieces, empty);
                return;
            }
        }
        self.head(node, key_end, flow);
        let inner = indent.map_or(0, |i| i + INDENT);
        match &node.value {
            Value::Mapping(map) => self.mapping(map, inner, until),
            Value::Sequence(list) => self.sequence(list, inner, until),
            Value::Scalar(_) | Value::Refused => {}
        }
        if flow {
            self.comments_until(self.text.end_with_comment(node), inner, 0);
            return;
        }
        // Comments behind its last line that stand as deep as it does belong to it.
        let column = self.text.place(node.span.start as usize).1;
        self.comments_until(until, inner, column.max(1));
    }

    /// A value in the line of its key or dash. Comments between the two stand above that line; one behind the key alone
    /// goes behind the value.
    fn one_line(&mut self, node: &Node, indent: usize, pieces: Vec<Piece>, empty: bool) {
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        let before = if empty { end } else { start };
        let waiting = self.text.comments[self.comment..].iter().take_while(|c| c.start < before);
        let of_key = waiting.clone().count() == 1 && waiting.clone().all(|c| !c.own_line);
        let behind = of_key && self.text.behind(self.comment + 1, end).is_none();
        if !behind {
            self.comments_above(before, indent);
        }
        self.open(indent).extend(pieces);
        let comment = if behind { Some(self.comment) } else { self.text.behind(self.comment, end) };
        self.write_line(end, comment);
    }

    /// Ends the line of a key whose value has lines of its own. What stands behind a value in one line speaks of all of it.
    fn head(&mut self, node: &Node, key_end: Option<usize>, flow: bool) {
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        let one_line = flow && self.text.place(start).0 == self.text.place(end).0;
        let whole = self.text.behind(self.comment, end).filter(|_| one_line);
        match (key_end, whole) {
            (Some(key_end), Some(whole)) => self.write_line(key_end, Some(whole)),
            (Some(key_end), None) => self.end_line(key_end),
            (None, Some(whole)) => {
                let until = self.text.comments[whole].start + 1;
                self.comments_above(until, 0);
            }
            (None, None) => {}
        }
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
            let next = list
                .get(i + 1)
                .map_or(until, |n| self.text.dash(node.span.end as usize, n.span.start as usize));
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

    /// Comments that stand before a byte, above the open line.
    fn comments_above(&mut self, until: usize, indent: usize) {
        let indent = self.line.as_ref().map_or(indent, |line| line.indent);
        self.comments_until(until, indent, 0);
    }

    /// Comments and an empty line before a word that begins a line.
    fn before(&mut self, word: usize, indent: usize) {
        self.comments_above(word, indent);
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

    /// Writes the open line, with the comment that stands behind `byte` in its line.
    fn end_line(&mut self, byte: usize) {
        self.write_line(byte, self.text.behind(self.comment, byte));
    }

    /// Writes the open line, whose last word ends at `byte`, and the next comment behind it if there is one for it.
    fn write_line(&mut self, byte: usize, comment: Option<usize>) {
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
        if let Some(comment) = comment.map(|at| &self.text.comments[at]) {
            let end = text.chars().count();
            let between = self.text.text.get(byte..comment.start).map(|t| t.trim_matches([' ', ',', ':']));
            let keeps = between == Some("") && comment.column > end && !comment.in_flow;
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
