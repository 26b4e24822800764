//! Comments keep to what they speak of, wherever they stand: behind a value, above one, between a key and its value,
//! inside of lists and mappings of any shape.

use cellwright_editor::format::{Refused, format};
use cellwright_recipe::tree::{self, Node, Value};
use cellwright_recipe::{FileKind, Sink, Sources};
use proptest::prelude::*;

fn formatted(text: &str) -> String {
    match format("a.recipe.yaml", FileKind::Recipe, text.as_bytes()) {
        Ok(text) => text,
        Err(Refused::Unformattable(why)) => panic!("{why}\n{text}"),
        Err(Refused::Mistakes(list, _)) => panic!("{list:?}\n{text}"),
    }
}

/// A text with comments at random places, made of draws.
struct Made<'d> {
    draws: &'d [u8],
    words: usize,
    comments: usize,
    out: String,
}

impl Made<'_> {
    fn draw(&mut self, below: u8) -> u8 {
        let Some((first, rest)) = self.draws.split_first() else { return below - 1 };
        self.draws = rest;
        first % below
    }

    fn comment(&mut self) {
        self.out.push_str(&format!("# c{}", self.comments));
        self.comments += 1;
    }

    fn word(&mut self) {
        let quote = ["", "", "\"", "'"][usize::from(self.draw(4))];
        self.out.push_str(&format!("{quote}w{}{quote}", self.words));
        self.words += 1;
    }

    /// Between two words of a flow collection.
    fn gap(&mut self) {
        self.out.push(' ');
        for _ in 0..2 {
            match self.draw(8) {
                0 => self.comment(),
                1 => {}
                _ => return,
            }
            self.out.push('\n');
            self.out.push_str(&" ".repeat(12));
        }
    }

    fn flow(&mut self, depth: u8) {
        let kind = if depth == 0 { 0 } else { self.draw(5) };
        let (open, close) = match kind {
            0 | 1 => return self.word(),
            2 | 3 => ('{', '}'),
            _ => ('[', ']'),
        };
        self.out.push(open);
        self.gap();
        let entries = self.draw(4);
        for n in 0..entries {
            if open == '{' {
                self.word();
                self.out.push(':');
                self.gap();
            }
            self.flow(depth - 1);
            self.gap();
            if n + 1 < entries || self.draw(2) == 0 {
                self.out.push(',');
                self.gap();
            }
        }
        self.out.push(close);
    }

    /// Lines of a mapping or list.
    fn block(&mut self, indent: usize, depth: u8) {
        let list = self.draw(2) == 0;
        for _ in 0..1 + self.draw(3) {
            if self.draw(4) == 0 {
                self.out.push_str(&" ".repeat(indent));
                self.comment();
                self.out.push('\n');
            }
            self.out.push_str(&" ".repeat(indent));
            if list {
                self.out.push('-');
            } else {
                self.word();
                self.out.push(':');
            }
            if depth > 0 && self.draw(2) == 0 {
                if self.draw(3) == 0 {
                    self.out.push_str("  ");
                    self.comment();
                }
                self.out.push('\n');
                self.block(indent + 2, depth - 1);
                continue;
            }
            self.gap();
            self.flow(2);
            if self.draw(3) == 0 {
                self.out.push_str("  ");
                self.comment();
            }
            self.out.push('\n');
        }
    }
}

fn made(draws: &[u8]) -> String {
    let mut made = Made { draws, words: 0, comments: 0, out: String::new() };
    made.block(0, 2);
    made.out
}

/// Where a comment stands: words before it in the whole text; whether something stands before it in its line; its column
/// and that of the line of the next word.
#[derive(Debug, Clone, Copy)]
struct Stand {
    words: usize,
    behind: bool,
    column: usize,
    next: usize,
    /// Behind the opening bracket of a collection.
    within: bool,
}

fn stands(text: &str) -> Vec<Stand> {
    let mut all: Vec<(usize, Stand)> = Vec::new();
    let (mut words, mut open, mut bracket) = (0, Vec::new(), false);
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let code = line.split('#').next().unwrap_or_default();
        let count = code.matches('w').count();
        if !code.trim().is_empty() {
            let next = indent;
            open.drain(..).for_each(|at: usize| all[at].1.next = next);
        }
        words += count;
        bracket = match code.trim_end() {
            "" => bracket,
            code => code.ends_with(['{', '[']),
        };
        if let Some((before, comment)) = line.split_once('#') {
            let number = comment.trim().trim_start_matches('c').parse().expect("a comment");
            open.push(all.len());
            // Behind a dash, a comma or an opening bracket alone it is read with what comes next.
            let behind = !before.trim_start_matches([' ', '-', ',', '{', '[']).is_empty();
            let within = before.trim_end().ends_with(['{', '[']) || before.trim().is_empty() && bracket;
            all.push((number, Stand { words, behind, column: before.chars().count(), next: 0, within }));
        }
    }
    all.sort_by_key(|(number, _)| *number);
    all.into_iter().map(|(_, stand)| stand).collect()
}

/// For each place between words: the first and last place at which a comment there speaks of the same. Between a key and
/// a value in its line that is the whole entry.
fn spans(node: &Node, words: &mut usize, out: &mut Vec<(usize, usize)>) {
    match &node.value {
        Value::Scalar(_) | Value::Refused => *words += 1,
        Value::Sequence(list) => list.iter().for_each(|n| spans(n, words, out)),
        Value::Mapping(map) => {
            for entry in &map.entries {
                let key = *words;
                *words += 1;
                spans(&entry.node, words, out);
                out.push((key, *words));
            }
        }
    }
}

fn tree_of(text: &str) -> Node {
    let (mut sources, mut sink) = (Sources::default(), Sink::new());
    tree::parse("a.yaml", text.as_bytes(), &mut sources, &mut sink).1.expect(text)
}

fn holds(text: &str) -> Result<(), String> {
    let form = formatted(text);
    let shown = || format!("{text}\n--- became ---\n{form}");
    if formatted(&form) != form {
        return Err(format!("another form the second time: {}\n---\n{}", shown(), formatted(&form)));
    }
    let mut entries = Vec::new();
    spans(&tree_of(text), &mut 0, &mut entries);
    let (before, after) = (stands(text), stands(&form));
    if before.len() != after.len() {
        return Err(format!("comments are lost: {}", shown()));
    }
    for (n, (old, new)) in before.iter().zip(&after).enumerate() {
        // Between a key and its value: the comment is the entry's.
        let entry = entries
            .iter()
            .find(|(key, _)| key + 1 == old.words)
            .filter(|(key, end)| old.words < *end || key + 1 == *end);
        let may = entry.map_or(old.words == new.words, |(key, end)| (*key..=*end).contains(&new.words));
        // In a line of its own it is read with what comes next, unless it is deeper than that.
        let reads_on = old.behind && !new.behind && new.words == old.words && new.column <= new.next;
        // Of a collection that has nothing else in it, it goes behind that.
        let inside = entry.is_none() && !old.behind && new.behind && !old.within;
        if !may || (reads_on && entry.is_none() && !old.within) || inside {
            return Err(format!("c{n} has moved: {old:?} {new:?}: {}", shown()));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn comments_everywhere(draws in proptest::collection::vec(any::<u8>(), 10..120)) {
        let text = made(&draws);
        prop_assert!(holds(&text).is_ok(), "{}", holds(&text).unwrap_err());
    }
}

#[test]
fn comments_of_flow_collections() {
    let cases: &[(&str, &str)] = &[
        ("a: [x, y] # c\nb: z\n", "a: [x, y] # c\nb: z\n"),
        ("a: [x, # one\n  y] # two\nb: z\n", "a:\n  - x  # one\n  - y  # two\nb: z\n"),
        ("a: [\n  x, # one\n  y, # two\n] # all\nb: z\n", "a:\n  - x  # one\n  - y  # two\n  # all\nb: z\n"),
        ("a: { k: x, l: y, # of y\n  m: z }\n", "a:\n  k: x\n  l: y  # of y\n  m: z\n"),
        (
            "a: { # of all\n  k: x, # of x\n  # of y\n  l: y,\n  # end\n}\nb: z\n",
            "a:  # of all\n  k: x  # of x\n  # of y\n  l: y\n  # end\nb: z\n",
        ),
        ("a: # of x\n  x\nb: z\n", "a: x  # of x\nb: z\n"),
        ("a:\n  # of x\n  x\nb: z\n", "# of x\na: x\nb: z\n"),
        ("a: [ # of none\n  ]\nb: z\n", "a: []  # of none\nb: z\n"),
        ("a: | # c\n  x\nb: z\n", "a: \"x\\n\"  # c\nb: z\n"),
        ("- # c\n  k: x\n- y\n", "# c\n- k: x\n- y\n"),
        ("a:\n  - k: x\n  - # c\n    k: y\n", "a:\n  - k: x\n  # c\n  - k: y\n"),
        (
            "a: [[x, # one\n  y], # two\n  [z]] # three\n",
            "a:\n  - - x  # one\n    - y  # two\n  - [z]  # three\n",
        ),
    ];
    for (text, form) in cases {
        assert_eq!(formatted(text), *form, "of {text}");
        assert_eq!(formatted(form), *form);
    }
}
