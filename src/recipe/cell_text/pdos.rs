//! What a SubDevice is told in PRE-OP: its PDOs (`pdos`), and objects of its own (`start_up`).
//!
//! ```yaml
//! pdos:
//!   rx: { 0x1600: [0x6040/16, 0x6060/8, gap/8, 0x607A/32] }     # object/bits; with a subindex: 0x60C1:01/32
//!   tx: { 0x1A00: [0x6041/16, 0x6061/8, gap/8, 0x6064/32] }
//!   fixed: mapping                                              # or assignment
//! start_up: [{ index: 0x605A, sub: 0, value: 2, type: i16 }]
//! ```

use cellwright_model::cell::{DeviceKind, StartUpValue};
use cellwright_model::pdos::{FixedPdos, Mapped, PdoMap, Pdos, SERVO_OBJECTS, servo_offset};

use crate::code::Code;
use crate::decode::{Decoder, Fields, Text};
use crate::tree::{Entry, Node};

/// Entries of a PDO, PDOs of a direction, and objects of a start-up list: more than any drive in its manual has.
const MAPPED_MAX: usize = 32;
const PDOS_MAX: usize = 4;
const START_UP_MAX: usize = 64;
/// Objects that `pdos` writes: mappings and assignments (ETG.1000.6, 5.6.7.4).
const PDO_OBJECTS: core::ops::RangeInclusive<u64> = 0x1600..=0x1C13;

pub(super) fn pdos(d: &mut Decoder<'_>, f: &mut Fields<'_>, kind: Option<DeviceKind>) -> Option<Pdos> {
    let entry = f.entry("pdos")?;
    if kind.is_some_and(|k| k != DeviceKind::ServoCia402) {
        let message = "the process data of this family are as its driver has them";
        d.sink.error(Code::DeviceFamily, entry.key_span, message, "leave `pdos` out, or name a servo-cia402");
        return None;
    }
    let mut f = d.fields(&entry.node)?;
    let rx = f.req("rx", d, |d, n| maps(d, n, "RxPDO", 0x1600..=0x17FF));
    let tx = f.req("tx", d, |d, n| maps(d, n, "TxPDO", 0x1A00..=0x1BFF));
    let words = [("mapping", FixedPdos::Mapping), ("assignment", FixedPdos::Assignment)];
    let fixed = f.opt("fixed", d, |d, n| d.word(n, &words));
    f.finish(d);
    let pdos = Pdos { rx: rx?, tx: tx?, fixed };
    for object in SERVO_OBJECTS {
        if let Err(fault) = servo_offset(&pdos, object) {
            let help = format!("map it as `{:#06X}/{}`, at a whole byte", object.index, object.bits);
            d.sink.error(Code::ServoPdos, entry.key_span, fault.to_string(), help.replace("0X", "0x"));
        }
    }
    Some(pdos)
}

/// `0x1600: [0x6040/16, …]`, in the order in which they are assigned.
fn maps(
    d: &mut Decoder<'_>,
    node: &Node,
    what: &str,
    indices: core::ops::RangeInclusive<u16>,
) -> Option<Vec<PdoMap>> {
    let named = d.named(node)?;
    d.capacity(node, PDOS_MAX);
    let pdo = |d: &mut Decoder<'_>, e: &Entry| {
        let index = hex16(&e.key).filter(|i| indices.contains(i));
        if index.is_none() {
            let message = format!("`{}` is no {what}", e.key);
            let help = format!("{:#06x} to {:#06x}", indices.start(), indices.end());
            d.sink.error(Code::BadMapping, e.key_span, message, help);
        }
        let list = d.list(&e.node)?;
        d.capacity(&e.node, MAPPED_MAX);
        let entries = list.iter().map(|n| mapped(d, n)).collect::<Vec<_>>();
        Some(PdoMap { index: index?, entries: entries.into_iter().collect::<Option<_>>()? })
    };
    let maps: Vec<_> = named.iter().map(|e| pdo(d, e)).collect();
    maps.into_iter().collect()
}

/// `0x6040/16`, `0x60C1:01/32`, `gap/8`.
fn mapped(d: &mut Decoder<'_>, node: &Node) -> Option<Mapped> {
    let text = d.text(node)?;
    let parsed = parse(&text.text);
    if parsed.is_none() {
        let message = format!("`{}` is not an object with its bits", text.text);
        d.error_at(Code::BadMapping, &text, message, "write `0x6040/16`, `0x60C1:01/32`, or `gap/8`");
    }
    parsed
}

fn parse(text: &str) -> Option<Mapped> {
    let (object, bits) = text.split_once('/')?;
    let bits = bits.trim().parse::<u8>().ok().filter(|b| (1..=64).contains(b))?;
    let object = object.trim();
    if object == "gap" {
        return Some(Mapped::gap(bits));
    }
    let (index, sub) = object.split_once(':').unwrap_or((object, "00"));
    Some(Mapped::new(hex16(index).filter(|i| *i > 0)?, u8::from_str_radix(sub, 16).ok()?, bits))
}

fn hex16(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

pub(super) fn start_up(d: &mut Decoder<'_>, f: &mut Fields<'_>) -> Vec<StartUpValue> {
    let Some(entry) = f.entry("start_up") else { return Vec::new() };
    let list = d.list(&entry.node).unwrap_or_default();
    d.capacity(&entry.node, START_UP_MAX);
    list.iter().filter_map(|n| start_up_value(d, n)).collect()
}

/// Range and bytes of a type.
type Kind = (i64, i64, u8);
const KINDS: &[(&str, Kind)] = &[
    ("u8", (0, 0xFF, 1)),
    ("i8", (-0x80, 0x7F, 1)),
    ("u16", (0, 0xFFFF, 2)),
    ("i16", (-0x8000, 0x7FFF, 2)),
    ("u32", (0, 0xFFFF_FFFF, 4)),
    ("i32", (-0x8000_0000, 0x7FFF_FFFF, 4)),
];

fn start_up_value(d: &mut Decoder<'_>, node: &Node) -> Option<StartUpValue> {
    let mut f = d.fields(node)?;
    let index = f.req("index", d, |d, n| {
        let index = d.integer(n, 0x1000, 0xFFFF)?;
        if !PDO_OBJECTS.contains(&index) {
            return Some(index as u16);
        }
        let message = format!("{index:#06x} says which process data there are");
        d.sink.error(Code::OutOfRange, n.span, message, "say them with `pdos`");
        None
    });
    let sub = f.opt("sub", d, |d, n| d.integer(n, 0, 0xFF));
    let kind = f.req("type", d, |d, n| d.word(n, KINDS));
    let value = f.req("value", d, |d, n| {
        let text = d.text(n)?;
        signed(d, &text, kind.unwrap_or((i64::MIN, i64::MAX, 4)))
    });
    f.finish(d);
    Some(StartUpValue { index: index?, sub: sub.unwrap_or(0) as u8, value: value?, bytes: kind?.2 })
}

/// A whole number, decimal or `0x…`, that its type can hold.
fn signed(d: &mut Decoder<'_>, text: &Text, (lo, hi, _): Kind) -> Option<i64> {
    let parsed = match text.text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.text.parse().ok(),
    };
    match parsed {
        None => {
            let message = format!("`{}` is not a whole number", text.text);
            d.error_at(Code::NotANumber, text, message, "a whole number, without a unit");
            None
        }
        Some(n) if !(lo..=hi).contains(&n) => {
            d.error_at(
                Code::OutOfRange,
                text,
                format!("{n} is out of range"),
                format!("between {lo} and {hi}"),
            );
            None
        }
        n => n,
    }
}
