//! The text that is formatted: lines, comments, where its words begin.

use std::collections::BTreeSet;

use cellwright_recipe::tree::{Node, Value};

/// A `#` with what stands behind it.
#[derive(Debug, PartialEq)]
pub(super) struct Comment<'t> {
    pub(super) start: usize,
    /// From 0.
    pub(super) line: usize,
    /// Characters before it.
    pub(super) column: usize,
    pub(super) text: &'t str,
    /// Nothing stands before it.
    pub(super) own_line: bool,
    /// Inside of brackets, whose lines are not kept.
    pub(super) in_flow: bool,
}

/// See the module text.
pub(super) struct Text<'t> {
    pub(super) text: &'t str,
    /// Byte at which each line begins.
    lines: Vec<usize>,
    /// In the order of the text.
    pub(super) comments: Vec<Comment<'t>>,
    /// Line and column of each key, value and bracket behind the first one of its line.
    inner: BTreeSet<(usize, usize)>,
    /// Keys and values: begin and end.
    words: Vec<(usize, usize)>,
    /// Flow collections: begin and end.
    flows: Vec<(usize, usize)>,
}

impl<'t> Text<'t> {
    pub(super) fn new(text: &'t str, root: &Node) -> Text<'t> {
        let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        let lines = core::iter::once(0).chain(ends).collect();
        let mut new = Text {
            text,
            lines,
            comments: Vec::new(),
            inner: BTreeSet::new(),
            words: Vec::new(),
            flows: Vec::new(),
        };
        let mut starts = Vec::new();
        new.collect(root, &mut starts);
        new.words.sort_unstable();
        new.find_comments();
        for start in starts {
            let (line, column) = new.place(start);
            if !new.begins_line(start) {
                new.inner.insert((line, column));
            }
        }
        new
    }

    fn collect(&mut self, node: &Node, starts: &mut Vec<usize>) {
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        starts.push(start);
        if self.is_flow(node) {
            self.flows.push((start, end));
        }
        match &node.value {
            Value::Scalar(_) | Value::Refused => self.words.push((start, end)),
            Value::Sequence(list) => list.iter().for_each(|n| self.collect(n, starts)),
            Value::Mapping(map) => {
                for entry in &map.entries {
                    starts.push(entry.key_span.start as usize);
                    self.words.push((entry.key_span.start as usize, entry.key_span.end as usize));
                    self.collect(&entry.node, starts);
                }
            }
        }
    }

    /// A `#` outside of all words, at the begin of a line or behind a space.
    fn find_comments(&mut self) {
        let bytes = self.text.as_bytes();
        let (mut at, mut word) = (0, 0);
        while at < bytes.len() {
            while self.words.get(word).is_some_and(|(_, end)| *end <= at) {
                word += 1;
            }
            if let Some((start, end)) = self.words.get(word)
                && at >= *start
            {
                at = *end;
                continue;
            }
            if bytes[at] == b'#' && at.checked_sub(1).is_none_or(|b| bytes[b].is_ascii_whitespace()) {
                let text = self.text[at..].lines().next().unwrap_or_default().trim_end();
                let (line, column) = self.place(at);
                let own_line = self.text[self.lines[line]..at].trim().is_empty();
                let in_flow = self.flows.iter().any(|(start, end)| (*start..*end).contains(&at));
                self.comments.push(Comment { start: at, line, column, text, own_line, in_flow });
                at += text.len();
            } else {
                at += 1;
            }
        }
    }

    /// Line from 0, and characters before it in its line.
    pub(super) fn place(&self, byte: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= byte) - 1;
        (line, self.text[self.lines[line]..byte].chars().count())
    }

    fn line(&self, n: usize) -> &'t str {
        let end = self.lines.get(n + 1).copied().unwrap_or(self.text.len());
        self.lines.get(n).map_or("", |start| &self.text[*start..end])
    }

    /// Nothing but the dashes of list entries stands before it.
    fn begins_line(&self, byte: usize) -> bool {
        let (line, _) = self.place(byte);
        self.text[self.lines[line]..byte].chars().all(|c| c == ' ' || c == '-')
    }

    /// An empty line stands before the line of a byte that begins it.
    pub(super) fn blank_before(&self, byte: usize) -> bool {
        let (line, _) = self.place(byte);
        line > 0 && self.begins_line(byte) && self.line(line - 1).trim().is_empty()
    }

    /// Spaces before a word that lies below or above another one; one for every other word.
    pub(super) fn gap(&self, byte: usize) -> usize {
        let (line, column) = self.place(byte);
        let before = &self.text[self.lines[line]..byte];
        let gap = before.len() - before.trim_end_matches(' ').len();
        let beside = |line: usize| self.inner.contains(&(line, column));
        let aligned = line.checked_sub(1).is_some_and(beside) || beside(line + 1);
        if gap > 1 && aligned && self.inner.contains(&(line, column)) { gap } else { 1 }
    }

    /// `{` or `[` stands where a collection begins.
    pub(super) fn is_flow(&self, node: &Node) -> bool {
        self.text[node.span.start as usize..].starts_with(['{', '['])
    }

    /// A comment stands inside.
    pub(super) fn is_commented(&self, node: &Node) -> bool {
        let range = node.span.start as usize..node.span.end as usize;
        self.comments.iter().any(|c| range.contains(&c.start))
    }

    /// The dash of a list entry that begins at `to`, behind the entry that ends at `from`; without one `to`.
    pub(super) fn dash(&self, from: usize, to: usize) -> usize {
        let in_comment = |at: usize| {
            let last = self.comments.partition_point(|c| c.start <= at).checked_sub(1);
            last.is_some_and(|c| at < self.comments[c].start + self.comments[c].text.len())
        };
        let text = self.text.as_bytes();
        (from..to).find(|at| text[*at] == b'-' && !in_comment(*at)).unwrap_or(to)
    }

    /// The comment `at`, if it stands behind a byte in its line and no word between them.
    pub(super) fn behind(&self, at: usize, byte: usize) -> Option<usize> {
        let byte = byte.min(self.text.len());
        let comment = self.comments.get(at).filter(|c| !c.own_line && c.start >= byte)?;
        let word = self.words.partition_point(|(start, _)| *start < byte);
        let between = self.words.get(word).is_some_and(|(start, _)| *start < comment.start);
        (!between && comment.line == self.place(byte).0).then_some(at)
    }

    /// End of a flow collection, with the comment behind its closing bracket.
    pub(super) fn end_with_comment(&self, node: &Node) -> usize {
        let end = node.span.end as usize;
        let at = self.comments.partition_point(|c| c.start < end);
        let own = self.behind(at, end).map(|at| self.comments[at].start);
        own.filter(|start| self.text[end..*start].trim_matches([' ', ',']).is_empty())
            .map_or(end, |start| start + 1)
    }
}
