//! The openings of units: which events belong to which.

use std::collections::BTreeMap;

use crate::chain::SealedLine;

pub(super) const OPENED: &str = "cellwright.unit.opened";
pub(super) const RESULT: &str = "cellwright.unit.result";

/// The events of one serial of one stream, in their order, opening by opening. What was recorded before the first
/// opening (its own is not in the store) is one by itself.
pub(super) fn split(events: &[SealedLine]) -> Vec<&[SealedLine]> {
    let mut lives = Vec::new();
    let mut rest = events;
    while !rest.is_empty() {
        let next = rest.iter().skip(1).position(|e| e.type_name == OPENED).map_or(rest.len(), |at| at + 1);
        let (life, behind) = rest.split_at(next);
        lives.push(life);
        rest = behind;
    }
    lives
}

/// Each event with the place of its opening, from 1.
pub(super) fn numbered<'e>(lives: &[&'e [SealedLine]]) -> impl Iterator<Item = (usize, &'e SealedLine)> {
    lives.iter().enumerate().flat_map(|(at, life)| life.iter().map(move |e| (at + 1, e)))
}

/// For each opening the result that it came to: the first one of its serial and stream behind it and before the next
/// opening.
pub(super) fn ends<'e>(opened: &[SealedLine], results: &'e [SealedLine]) -> Vec<Option<&'e SealedLine>> {
    let mut by_unit: BTreeMap<(&str, &str), BTreeMap<u64, &SealedLine>> = BTreeMap::new();
    for e in results {
        if let Some(serial) = e.serial() {
            by_unit.entry((&e.stream, serial)).or_default().insert(e.seq, e);
        }
    }
    let mut begins: BTreeMap<(&str, &str), Vec<u64>> = BTreeMap::new();
    for e in opened {
        if let Some(serial) = e.serial() {
            begins.entry((&e.stream, serial)).or_default().push(e.seq);
        }
    }
    let end = |e: &SealedLine| {
        let unit = (e.stream.as_str(), e.serial()?);
        let next = begins.get(&unit)?.iter().copied().filter(|seq| *seq > e.seq).min().unwrap_or(u64::MAX);
        by_unit.get(&unit)?.range(e.seq..next).next().map(|(_, result)| *result)
    };
    opened.iter().map(end).collect()
}
