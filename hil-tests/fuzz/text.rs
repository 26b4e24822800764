//! Text: whatever stands in a file, its reader says what is wrong with it, at places that lie in the file, and ends.
//!
//! The first record names a file by a number ([`FILES`]); the others, one behind the other, stand in its place. The
//! corpus is the shipped files as they are now, a record a line, and what was once a finding.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use cellwright_engine::catalogue;
use cellwright_recipe::scenario_text::{Machine, Setup};
use cellwright_recipe::{
    Diagnostic, FileSource, Severity, Sources, compile_rows, json_rows, load_cell, load_faults, load_order,
    load_plant, load_quarantine, load_scenario, load_tests, load_users, render,
};
use cellwright_sim::{Prepared, What, read};
use cellwright_steps::TABLE;

use super::input::{RECORD_BYTES_MAX, RECORDS_MAX};
use super::{Input, corpus};
use crate::root;
use crate::storm::Dice;

const RECIPE: &str = "recipes/cannula-hub/cannula-hub.recipe.yaml";
const CELL: &str = "cells/cannula-cell/cell.yaml";
const TAUGHT: &str = "cells/cannula-cell/taught.yaml";
const KEY: &str = "8f4c00aa8f4c00aa8f4c00aa8f4c00aa8f4c00aa8f4c00aa8f4c00aa8f4c00aa";

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Recipe,
    Cell,
    Taught,
    Plant,
    Order,
    Faults,
    Users,
    Quarantine,
    Scenario,
    Tests,
}

/// The files that are changed; the order is part of the corpus.
const FILES: [(&str, Kind); 11] = [
    (RECIPE, Kind::Recipe),
    ("recipes/cannula-hub/feed-cannula.recipe.yaml", Kind::Recipe),
    (CELL, Kind::Cell),
    (TAUGHT, Kind::Taught),
    ("cells/cannula-cell/plant.yaml", Kind::Plant),
    ("recipes/cannula-hub/demo.order.yaml", Kind::Order),
    ("hil-tests/faults/wire-break-pressing.faults.yaml", Kind::Faults),
    ("cells/cannula-cell/users.yaml", Kind::Users),
    ("quarantine.yaml", Kind::Quarantine),
    ("hil-tests/scenarios/guard-open.scenario.yaml", Kind::Scenario),
    ("recipes/cannula-hub/cannula-hub.test.yaml", Kind::Tests),
];

/// The text of a file, or one of its kind where none is shipped.
fn text_of(path: &str, kind: Kind) -> String {
    match kind {
        Kind::Taught => "taught: 1\ncell: cannula-cell\nrobots:\n  robot_r: { offset: [0, 0, 0.1, 0, 0, 0], poses: { test: \
             [-10, -58, 94.2, -126, -90, -10] } }\n"
            .to_string(),
        Kind::Users => format!(
            "users: 1\npersons:\n  anna: {{ name: Anna Berg, key: {KEY}, roles: [author, operator], trained_until: \
             2027-12-31 }}\n"
        ),
        Kind::Quarantine => "quarantine: 1\nlots:\n  - { lot: H24-1187, part: HUB-23, reason: \"NC-17: cracked\" }\n  - { \
             lot: X-9, reason: recalled }\n"
            .to_string(),
        _ => {
            let read = std::fs::read_to_string(root().join(path));
            read.unwrap_or_else(|e| panic!("{path}: {e}"))
        }
    }
}

/// The files of the repository, one of them replaced.
struct Replaced<'a> {
    path: &'a str,
    bytes: &'a [u8],
}

impl FileSource for Replaced<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if path == self.path {
            return Ok(self.bytes.to_vec());
        }
        std::fs::read(root().join(path)).map_err(|e| e.to_string())
    }
}

/// The target, with the shipped machine that recipes, plants, orders, scenarios and tests are read against.
pub struct Text {
    machine: Setup,
    alarms: Vec<&'static str>,
}

impl Text {
    /// # Panics
    /// If the shipped cell or recipe is refused.
    pub fn new() -> Text {
        let what = What { recipe: Some(root().join(RECIPE)), ..What::default() };
        let Prepared { cell, plan, plant, .. } =
            read(&what, true).prepared.expect("what is shipped is right");
        let machine = Setup { cell, plan, plant: Arc::new(plant.expect("a twin")) };
        Text { machine, alarms: catalogue::words() }
    }

    /// Reads one input.
    ///
    /// # Panics
    /// If a diagnostic points beyond its file, says nothing, or a file is refused without one.
    pub fn run(&self, input: &Input) -> u64 {
        let Some((which, lines)) = input.records.split_first() else { return 0 };
        let (path, kind) = FILES[usize::from(which.first().copied().unwrap_or(0)) % FILES.len()];
        let bytes = lines.concat();
        let files = Replaced { path, bytes: &bytes };
        let mut sources = Sources::default();
        let (right, list) = self.read(&files, path, kind, &mut sources);
        told_well(right, &list, &sources);
        let mut codes: Vec<_> = list.iter().map(|d| d.code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        let mut hasher = DefaultHasher::new();
        (kind as u8, right, codes).hash(&mut hasher);
        hasher.finish()
    }

    fn read(
        &self,
        files: &Replaced<'_>,
        path: &str,
        kind: Kind,
        sources: &mut Sources,
    ) -> (bool, Vec<Diagnostic>) {
        fn said<T>(result: Result<(T, Vec<Diagnostic>), Vec<Diagnostic>>) -> (bool, Vec<Diagnostic>) {
            result.map_or_else(|list| (false, list), |(_, warnings)| (true, warnings))
        }
        fn alone<T>(result: Result<T, Vec<Diagnostic>>) -> (bool, Vec<Diagnostic>) {
            result.map_or_else(|list| (false, list), |_| (true, Vec::new()))
        }
        let (cell, alarms) = (&*self.machine.cell, &self.alarms[..]);
        let prepare = &mut |_: &Machine<'_>, _: &mut Sources| Ok(self.machine.clone());
        match kind {
            Kind::Recipe => said(compile_rows(files, RECIPE, cell, TABLE, sources)),
            Kind::Cell => said(load_cell(files, CELL, None, sources)),
            Kind::Taught => said(load_cell(files, CELL, Some(TAUGHT), sources)),
            Kind::Plant => said(load_plant(files, path, cell, sources)),
            Kind::Order => said(load_order(files, path, cell, None, sources)),
            Kind::Faults => alone(load_faults(files, path, cell, sources)),
            Kind::Users => alone(load_users(files, path, sources)),
            Kind::Quarantine => alone(load_quarantine(files, path, sources)),
            Kind::Scenario => alone(load_scenario(files, path, alarms, prepare, sources)),
            Kind::Tests => alone(load_tests(files, path, alarms, prepare, sources)),
        }
    }
}

impl Default for Text {
    fn default() -> Text {
        Text::new()
    }
}

fn told_well(right: bool, list: &[Diagnostic], sources: &Sources) {
    let errors = list.iter().filter(|d| d.severity == Severity::Error).count();
    assert_eq!(right, errors == 0, "an error, or no use of the file: {list:?}");
    for d in list {
        let text = &sources.file(d.span.file).text;
        assert!(text.get(d.span.start as usize..d.span.end as usize).is_some(), "beyond the file: {d:?}");
        assert!(!d.message.is_empty() && !d.help.is_empty(), "says nothing: {d:?}");
        for (span, label) in &d.labels {
            let text = &sources.file(span.file).text;
            assert!(text.get(span.start as usize..span.end as usize).is_some() && !label.is_empty(), "{d:?}");
        }
    }
    let place = |d: &Diagnostic| (d.span.file, d.span.start);
    assert!(list.windows(2).all(|w| place(&w[0]) <= place(&w[1])), "in the order of the text");
    assert_eq!(json_rows(list, sources).as_array().map(Vec::len), Some(list.len()));
    assert_eq!(render(list, sources).is_empty(), list.is_empty());
}

/// The shipped files, and the findings in `fuzz/text`.
pub fn texts() -> Vec<Input> {
    let lines = |(n, (path, kind)): (usize, &(&str, Kind))| {
        let text = text_of(path, *kind);
        let records = text.split_inclusive('\n').map(|line| line.as_bytes().to_vec());
        Input { records: core::iter::once(vec![n as u8]).chain(records).collect() }
    };
    let mut all: Vec<Input> = FILES.iter().enumerate().map(lines).collect();
    all.extend(corpus("text"));
    all
}

/// Pieces that mean something to a reader, good and bad.
const TOKENS: &[&str] = &[
    "&a ",
    "*a",
    "!t ",
    "<<: ",
    "\t",
    "yes",
    "no",
    "on",
    "~",
    "null",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "- ",
    "-\n",
    ",",
    "\"",
    "'",
    "|\n",
    ">-\n",
    "|+9\n",
    "#",
    " #x",
    "$",
    "$lane",
    "$seat_depth",
    "$nothing",
    "? ",
    "!!int ",
    "\\",
    "1e999 mm",
    "1e308 mm",
    "-1e308 mm",
    "NaN mm",
    "inf N",
    "-1 N",
    "0 N",
    "5 .. 1 N",
    "1 .. 2 mm",
    "-1e308 .. 1e308 mm",
    ".. mm",
    "0.1 N·m",
    "0.1 µm",
    "0.1 μm",
    "12",
    "-12",
    "00",
    "1e3",
    "0x10",
    "0xffffffffffffffffff",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "1e-320 s",
    "99999999 s",
    "9999999999 h",
    "86400 s",
    "1000000 rpm",
    "100 %",
    "1e40 %",
    "true",
    "false",
    "not ",
    " and ",
    " or ",
    " in ",
    "(",
    ")",
    "<",
    ">",
    "< 2 kPa",
    "< leak_1",
    "not not ",
    "1 mm < 2 mm",
    "air_ok",
    "leak_1",
    "load_cell",
    "guard_ok",
    "press.nest_hub_present",
    "press-cannula.seat_force",
    "é",
    "\u{0}",
    "\u{feff}",
    "\u{a0}",
    "\u{202e}",
    "\u{2028}",
    "\u{85}",
    "𝄞",
    "\r",
    "\r\n",
    "\n",
    "\n\n  ",
    "  ",
    "use: { id: x, recipe: feed-cannula@1 }",
    "use: { id: y, recipe: cannula-hub@3 }",
    "feed-cannula@4294967296",
    "parallel: { id: p, branches: {} }",
    "repeat: { id: r, at_most: 65535, until: air_ok, steps: [] }",
    "wait: { id: w, until: air_ok, timeout: 1 s }",
    "check: { id: c, that: air_ok }",
    "set: { id: s, output: buzzer, to: true }",
    "move: { id: m, axis: press_z, to: 30 mm, velocity: 1 mm/s }",
    "move: { id: n, robot: robot_r, pose: load }",
    "hub_tray.next",
    "unit.location",
    "home",
    "load.above",
    "on_fail: { retry: 11, then: ask }",
    "when: ",
    "params:",
    "variants:",
    "components:",
    "2027-13-31",
    "0000-00-00",
    "9999-12-31",
    "cannula-tip@99999999999",
    "0x6040:00/16",
    "gap/8",
    "127.0.0.1:99999",
];
/// Signs that nest, each many times.
const NESTING: &[&str] = &[
    "[", "{", "- ", "? ", "{a: ", "[[", "not ", "(", "\"", "'", "&a ", "*a ", "!a ", ": ", "$a", "#", " ",
    "|\n",
];
/// Numbers at which arithmetic changes its mind.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "00",
    "0.0",
    "-0.0",
    "1e-308",
    "1e308",
    "-1e308",
    "1e309",
    "0.000000001",
    "255",
    "256",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "1e20",
    "360",
    "-360",
];

/// `base` with some changes of its text, mostly such that much of it can still be read.
pub fn mutate(dice: &mut Dice, base: &Input, others: &[Input]) -> Input {
    let mut input = base.clone();
    for _ in 0..1 + dice.below(5) {
        let at = 1 + dice.below(input.records.len().saturating_sub(1));
        match dice.below(10) {
            0 | 1 => of_lines(dice, &mut input.records, others),
            what => {
                let Some(line) = input.records.get_mut(at) else { continue };
                match what {
                    2..=4 => word(dice, line, others),
                    5 | 6 => piece(dice, line),
                    7 => number(dice, line),
                    8 => indent(dice, line),
                    _ => super::mutate::of_bytes(dice, line),
                }
                line.truncate(RECORD_BYTES_MAX);
            }
        }
    }
    input.records.truncate(RECORDS_MAX);
    input
}

/// Whole lines: gone, twice, exchanged, or from another file. The first record stays, mostly.
fn of_lines(dice: &mut Dice, records: &mut Vec<Vec<u8>>, others: &[Input]) {
    if records.len() < 2 {
        return;
    }
    let place = |dice: &mut Dice, n: usize| 1 + dice.below(n - 1);
    let (at, to) = (place(dice, records.len()), place(dice, records.len()));
    match dice.below(7) {
        0 => drop(records.remove(at)),
        1 => {
            let again = records[at].clone();
            records.insert(to, again);
        }
        2 => records.swap(at, to),
        3 => records.truncate(at),
        4 => {
            // A block many times over.
            let block: Vec<_> = records[at..(at + 1 + dice.below(6)).min(records.len())].to_vec();
            let many = (0..dice.below(40)).flat_map(|_| block.clone());
            records.splice(at..at, many);
        }
        5 if dice.once_in(4) => records[0] = vec![dice.roll() as u8],
        _ => {
            let lent = dice.pick(others).and_then(|other| dice.pick(other.records.get(1..)?)).cloned();
            records.splice(at..at, lent);
        }
    }
}

/// Where words begin and end in a line.
fn words(line: &[u8]) -> Vec<core::ops::Range<usize>> {
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'$' | b'@');
    let mut out: Vec<core::ops::Range<usize>> = Vec::new();
    for (at, _) in line.iter().enumerate().filter(|(_, b)| letter(**b)) {
        match out.last_mut() {
            Some(word) if word.end == at => word.end += 1,
            _ => out.push(at..at + 1),
        }
    }
    out
}

/// A word becomes another one, of the dictionary or of a file.
fn word(dice: &mut Dice, line: &mut Vec<u8>, others: &[Input]) {
    let Some(place) = dice.pick(&words(line)).cloned() else { return };
    let other = dice.pick(others).and_then(|o| dice.pick(o.records.get(1..)?));
    let lent = other.and_then(|line| Some(line[dice.pick(&words(line))?.clone()].to_vec()));
    let token = TOKENS[dice.below(TOKENS.len())].as_bytes().to_vec();
    let new = if dice.once_in(2) { lent.unwrap_or(token) } else { token };
    line.splice(place, new);
}

/// Something comes in, or goes.
fn piece(dice: &mut Dice, line: &mut Vec<u8>) {
    let at = dice.below(line.len() + 1);
    match dice.below(5) {
        0 => drop(line.drain(at..(at + dice.below(12)).min(line.len()))),
        1 => {
            let sign = NESTING[dice.below(NESTING.len())];
            line.splice(at..at, sign.repeat(1 + dice.below(600)).bytes());
        }
        _ => drop(line.splice(at..at, TOKENS[dice.below(TOKENS.len())].bytes())),
    }
}

fn number(dice: &mut Dice, line: &mut Vec<u8>) {
    let digits = |r: &core::ops::Range<usize>| line[r.clone()].first().is_some_and(u8::is_ascii_digit);
    let numbers: Vec<_> = words(line).into_iter().filter(digits).collect();
    let Some(place) = dice.pick(&numbers).cloned() else { return };
    line.splice(place, NUMBERS[dice.below(NUMBERS.len())].bytes());
}

fn indent(dice: &mut Dice, line: &mut Vec<u8>) {
    let spaces = line.iter().take_while(|b| **b == b' ').count();
    let new =
        if dice.once_in(2) { spaces.saturating_sub(1 + dice.below(3)) } else { spaces + 1 + dice.below(3) };
    line.splice(..spaces, vec![b' '; new]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_change_equally_and_bounds_hold() {
        let base = texts();
        for seed in 0..1_000 {
            let change = || mutate(&mut Dice::new(seed), &base[seed as usize % base.len()], &base);
            let input = change();
            assert_eq!(input, change());
            assert!(input.records.len() <= RECORDS_MAX);
            assert!(input.records.iter().all(|r| r.len() <= RECORD_BYTES_MAX));
        }
        assert!(mutate(&mut Dice::new(1), &Input::default(), &[]).records.is_empty());
    }

    /// What is changed is read; otherwise nothing that follows would look at a reader.
    #[test]
    fn the_shipped_files_are_right() {
        let text = Text::new();
        for (n, (path, kind)) in FILES.iter().enumerate() {
            let bytes = text_of(path, *kind);
            let files = Replaced { path, bytes: bytes.as_bytes() };
            let (right, list) = text.read(&files, path, *kind, &mut Sources::default());
            assert!(right && list.is_empty(), "{n} {path}: {list:?}");
        }
    }
}
