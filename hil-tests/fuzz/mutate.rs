//! How inputs are changed: bytes, numbers, the datagrams of a frame, records, and pieces of other inputs.

use super::Input;
use super::input::{RECORD_BYTES_MAX, RECORDS_MAX};
use crate::storm::Dice;

/// Changes of one input at the most.
const CHANGES_MAX: usize = 6;
/// Numbers at which code changes its mind.
const EDGES: [u16; 20] =
    [0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 127, 128, 255, 256, 0x07ff, 0x0800, 0x1000, 0x7fff, 0x8000, 0xffff];
/// Registers and memory of a SubDevice that something depends on.
const PLACES: [u16; 18] = [
    0x0000, 0x0010, 0x0100, 0x0110, 0x0120, 0x0130, 0x0200, 0x0300, 0x0420, 0x0500, 0x0502, 0x0600, 0x0800,
    0x0900, 0x0980, 0x1000, 0x1400, 0x1800,
];
/// Within a record of a frame: EtherType, EtherCAT header, first datagram, of which the first byte is the record's own.
const ETHERTYPE: usize = 13;
const HEADER: usize = 15;
const DATAGRAMS: usize = 17;
const DATAGRAM_HEADER: usize = 10;
const WKC: usize = 2;

/// `base` with some changes; `others` lend their records.
pub fn mutate(dice: &mut Dice, base: &Input, others: &[Input]) -> Input {
    let mut input = base.clone();
    for _ in 0..1 + dice.below(CHANGES_MAX) {
        match dice.below(8) {
            0 => of_records(dice, &mut input.records, others),
            n => {
                let at = dice.below(input.records.len());
                let Some(record) = input.records.get_mut(at) else { continue };
                if n < 5 && is_frame(record) {
                    of_datagram(dice, record);
                } else {
                    of_bytes(dice, record);
                }
                record.truncate(RECORD_BYTES_MAX);
            }
        }
    }
    input.records.truncate(RECORDS_MAX);
    input
}

fn is_frame(record: &[u8]) -> bool {
    record.get(ETHERTYPE..HEADER) == Some(&[0x88, 0xa4]) && record.len() >= DATAGRAMS + DATAGRAM_HEADER + WKC
}

fn of_records(dice: &mut Dice, records: &mut Vec<Vec<u8>>, others: &[Input]) {
    let (at, to) = (dice.below(records.len()), dice.below(records.len()));
    match dice.below(6) {
        0 if !records.is_empty() => {
            records.remove(at);
        }
        1 if !records.is_empty() => {
            let again = records[at].clone();
            records.insert(to, again);
        }
        2 if !records.is_empty() => records.swap(at, to),
        3 => records.truncate(at + 1),
        _ => {
            let lent = dice.pick(others).and_then(|other| dice.pick(&other.records)).cloned();
            records.splice(at..at, lent);
        }
    }
}

pub(super) fn of_bytes(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let at = dice.below(bytes.len());
    let edge = EDGES[dice.below(EDGES.len())].to_le_bytes();
    match dice.below(8) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at.min(bytes.len()), dice.roll() as u8),
        2 => {
            let more = dice.below(40);
            bytes.extend((0..more).map(|_| dice.roll() as u8));
        }
        3 if at + 2 <= bytes.len() => bytes[at..at + 2].copy_from_slice(&edge),
        4 => {
            let end = (at + dice.below(16)).min(bytes.len());
            bytes[at.min(end)..end].fill(edge[0]);
        }
        n if at < bytes.len() => {
            bytes[at] = match n {
                5 => bytes[at] ^ 1 << dice.below(8),
                6 => bytes[at].wrapping_add(1 + dice.below(4) as u8),
                _ => dice.roll() as u8,
            }
        }
        _ => {}
    }
}

/// A field of a datagram, with lengths that still agree, mostly.
fn of_datagram(dice: &mut Dice, record: &mut Vec<u8>) {
    let (mut starts, mut at) = (Vec::new(), DATAGRAMS);
    while at + DATAGRAM_HEADER + WKC <= record.len() {
        starts.push(at);
        let flags = u16::from_le_bytes([record[at + 6], record[at + 7]]);
        at += DATAGRAM_HEADER + usize::from(flags & 0x07ff) + WKC;
        if flags & 0x8000 == 0 {
            break;
        }
    }
    let Some(&at) = dice.pick(&starts) else { return };
    let data = at + DATAGRAM_HEADER;
    let length = usize::from(u16::from_le_bytes([record[at + 6], record[at + 7]]) & 0x07ff);
    let edge = EDGES[dice.below(EDGES.len())].to_le_bytes();
    match dice.below(7) {
        0 => record[at] = dice.below(16) as u8,
        1 => record[at + 2..at + 4].copy_from_slice(&edge),
        2 => {
            let place = PLACES[dice.below(PLACES.len())].wrapping_add(dice.below(32) as u16);
            record[at + 4..at + 6].copy_from_slice(&place.to_le_bytes());
        }
        3 => {
            // Another length of data; the frame is as long as it says.
            let wanted = if dice.once_in(2) { dice.below(64) } else { dice.below(1_400) };
            let end = (data + length).min(record.len());
            let from: Vec<u8> = (0..wanted.saturating_sub(length)).map(|_| dice.roll() as u8).collect();
            record.splice(data + wanted.min(length).min(end - data)..end, from);
            let flags = u16::from_le_bytes([record[at + 6], record[at + 7]]) & 0xf800 | wanted as u16;
            record[at + 6..at + 8].copy_from_slice(&flags.to_le_bytes());
        }
        4 => record[at + 7] ^= 0x80,
        _ => {
            let end = (data + length).min(record.len());
            for _ in 0..1 + dice.below(4) {
                if let Some(byte) = record.get_mut(data + dice.below(end.saturating_sub(data))) {
                    *byte = if dice.once_in(2) { edge[0] } else { dice.roll() as u8 };
                }
            }
        }
    }
    if !dice.once_in(8) {
        let length = (record.len() - DATAGRAMS) as u16 & 0x07ff | 0x1000;
        record[HEADER..DATAGRAMS].copy_from_slice(&length.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_change_equally_and_bounds_hold() {
        let base = super::super::corpus("segment");
        for seed in 0..2_000 {
            let change = || mutate(&mut Dice::new(seed), &base[seed as usize % base.len()], &base);
            let input = change();
            assert_eq!(input, change());
            assert!(input.records.len() <= RECORDS_MAX);
            assert!(input.records.iter().all(|r| r.len() <= RECORD_BYTES_MAX));
        }
        let empty = mutate(&mut Dice::new(1), &Input::default(), &[]);
        assert!(empty.records.is_empty());
    }
}
