//! What is on the wire: SubDevices, digital and analog channels, equipment; cameras, scanners, printers.

use std::collections::BTreeMap;

use cellwright_model::cell::{
    Analog, Camera, CameraJob, CameraMeasure, Cell, DeviceKind, DigitalInput, DigitalOutput, Equipment,
    Printer, Scanner, SubDevice,
};
use cellwright_model::{Dimension, DurationNs, Quantity, StationId, limits};

use super::{ENTRIES_MAX, entries, pdos, wiring};
use crate::code::Code;
use crate::decode::{Decoder, Fields, split_version};
use crate::names::{known, station};
use crate::source::Span;
use crate::suggest;
use crate::tree::Node;

const KINDS: &[(&str, DeviceKind)] = &[
    ("coupler", DeviceKind::Coupler),
    ("digital-input-16", DeviceKind::DigitalInput16),
    ("digital-output-16", DeviceKind::DigitalOutput16),
    ("analog-input-4", DeviceKind::AnalogInput4),
    ("servo-cia402", DeviceKind::ServoCia402),
];

/// Bits or channels of a device family that has any.
fn channels(kind: DeviceKind) -> u64 {
    match kind {
        DeviceKind::DigitalInput16 | DeviceKind::DigitalOutput16 => 16,
        DeviceKind::AnalogInput4 => 4,
        DeviceKind::Coupler | DeviceKind::ServoCia402 => 0,
    }
}

/// Family of each SubDevice; `None` where it could not be read, so that a reference says nothing more.
pub(super) type Families = Vec<Option<DeviceKind>>;

pub(super) fn segment(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &mut Cell) -> Families {
    let mut families = Vec::new();
    let Some(node) = f.req("segment", d, |_, n| Some(n)) else { return families };
    let list = d.list(node).unwrap_or_default();
    d.capacity(node, limits::SUBDEVICES_MAX);
    let mut written = Vec::new();
    for node in list {
        if let Some((device, family, after)) = device(d, node, cell) {
            cell.segment.push(device);
            families.push(family);
            written.push((node, after));
        }
    }
    wiring::join(d, &written, cell);
    families
}

/// A SubDevice, its family, and what says where it hangs.
type Device<'n> = (SubDevice, Option<DeviceKind>, Option<&'n Node>);

fn device<'n>(d: &mut Decoder<'_>, node: &'n Node, cell: &Cell) -> Option<Device<'n>> {
    let mut f = d.fields(node)?;
    let name = f.req("name", d, |d, n| d.identifier(n));
    let kind = f.req("kind", d, |d, n| d.word(n, KINDS));
    let mut word =
        |field| f.req(field, d, |d, n| d.integer(n, 0, u64::from(u32::MAX))).unwrap_or_default() as u32;
    let (vendor, product) = (word("vendor"), word("product"));
    let (revision, serial) = (word("revision"), word("serial"));
    let after = f.opt("after", d, |_, n| Some(n));
    let pdos = pdos::pdos(d, &mut f, kind);
    let start_up = pdos::start_up(d, &mut f);
    f.finish(d);
    let name = name?;
    if cell.segment.iter().any(|s| s.name == name.text) {
        let message = format!("there is another SubDevice `{}`", name.text);
        d.sink.error(Code::DuplicateId, name.span, message, "give each its own name");
    }
    let device = SubDevice {
        name: name.text,
        kind: kind.unwrap_or(DeviceKind::Coupler),
        vendor,
        product,
        revision,
        serial,
        upstream: None,
        pdos,
        start_up,
    };
    Some((device, kind, after))
}

/// Place of a SubDevice of a family.
pub(super) fn subdevice(
    d: &mut Decoder<'_>,
    node: &Node,
    cell: &Cell,
    families: &Families,
    wanted: DeviceKind,
) -> Option<usize> {
    let names: Vec<_> = cell.segment.iter().map(|s| s.name.clone()).collect();
    let at = known(d, node, Code::UnknownDevice, "SubDevice", &names, usize::from)?;
    let family = families[at]?;
    if family != wanted {
        let word = |kind| KINDS.iter().find(|(_, k)| *k == kind).map_or("", |(w, _)| *w);
        let message = format!("`{}` is a {}", names[at], word(family));
        d.sink.error(Code::DeviceFamily, node.span, message, format!("name a {}", word(wanted)));
        return None;
    }
    Some(at)
}

/// A bit or channel of a SubDevice, used once.
fn channel(
    d: &mut Decoder<'_>,
    f: &mut Fields<'_>,
    field: &'static str,
    cell: &Cell,
    families: &Families,
    family: DeviceKind,
    used: &mut BTreeMap<(usize, u64), Span>,
) -> Option<(usize, u8)> {
    let device = f.req("device", d, |d, n| subdevice(d, n, cell, families, family));
    let node = f.req(field, d, |_, n| Some(n))?;
    let number = d.integer(node, 0, u64::from(u16::MAX))?;
    let have = channels(family);
    if number >= have {
        let message = format!("there is no {field} {number}");
        d.sink.error(Code::BitRange, node.span, message, format!("0 to {}", have - 1));
        return None;
    }
    let device = device?;
    if let Some(first) = used.insert((device, number), node.span) {
        let labels = vec![(first, "first used here".to_string())];
        let message = format!("{field} {number} of `{}` has another name already", cell.segment[device].name);
        d.sink.error_with(Code::BitTwice, node.span, message, "one name for one of them", labels);
    }
    Some((device, number as u8))
}

/// Inputs of the form `<station>.<name>` with the place of their name.
pub(super) type AtStations = Vec<(String, Span)>;

pub(super) fn signals(
    d: &mut Decoder<'_>,
    f: &mut Fields<'_>,
    cell: &mut Cell,
    families: &Families,
) -> AtStations {
    let mut at_stations = Vec::new();
    let Some(mut f) = f.req("signals", d, |d, n| d.fields(n)) else { return at_stations };
    let mut names = BTreeMap::new();
    if let Some(node) = f.req("inputs", d, |_, n| Some(n)) {
        inputs(d, node, cell, &mut names, families);
        let dotted = d.named(node).unwrap_or_default().iter().filter(|e| e.key.contains('.'));
        at_stations.extend(dotted.map(|e| (e.key.clone(), e.key_span)));
    }
    if let Some(node) = f.opt("outputs", d, |_, n| Some(n)) {
        outputs(d, node, cell, &mut names, families);
    }
    if let Some(node) = f.opt("analogs", d, |_, n| Some(n)) {
        analogs(d, node, cell, &mut names, families);
    }
    f.finish(d);
    at_stations
}

/// What stands before the dot of an input is a station: conditions of steps there leave it out, so an input of the
/// whole cell with that name could not be asked for there.
pub(super) fn check_stations(d: &mut Decoder<'_>, cell: &Cell, at_stations: &AtStations) {
    if cell.stations.is_empty() {
        return;
    }
    for (name, span) in at_stations {
        let (station, short) = name.split_once('.').unwrap_or_default();
        if cell.input(short).is_some() {
            let message =
                format!("in steps at `{station}`, `{short}` means `{name}`: the input `{short}` is hidden");
            d.sink.warning(Code::Shadowed, *span, message, "give one of the two another name");
        }
        if cell.station(station).is_none() {
            let help = suggest::remedy(station, cell.stations.iter().map(|s| s.name.as_str()));
            let message = format!("`{name}` is a sensor at a station `{station}`, which there is not");
            d.sink.error(Code::UnknownStation, *span, message, help);
        }
    }
}

/// Inputs, outputs and analog channels share one namespace: a condition names either.
fn unique_name(d: &mut Decoder<'_>, names: &mut BTreeMap<String, Span>, name: &str, span: Span) {
    if let Some(first) = names.insert(name.to_string(), span) {
        let labels = vec![(first, "first named here".to_string())];
        let message = format!("there is another signal `{name}`");
        d.sink.error_with(Code::DuplicateId, span, message, "give each signal its own name", labels);
    }
    if matches!(name, "and" | "or" | "not") {
        d.sink.error(
            Code::BadIdentifier,
            span,
            format!("`{name}` is a word of conditions"),
            "give another name",
        );
    }
}

fn inputs(
    d: &mut Decoder<'_>,
    node: &Node,
    cell: &mut Cell,
    names: &mut BTreeMap<String, Span>,
    families: &Families,
) {
    let mut used = BTreeMap::new();
    for entry in entries(d, node, limits::DIGITAL_MAX) {
        unique_name(d, names, &entry.key, entry.key_span);
        let mut at = None;
        if let Some(mut f) = d.fields(&entry.node) {
            at = channel(d, &mut f, "bit", cell, families, DeviceKind::DigitalInput16, &mut used);
            f.finish(d);
        }
        let (subdevice, bit) = at.unwrap_or((usize::MAX, 0));
        cell.digital_inputs.push(DigitalInput { name: entry.key.clone(), subdevice, bit });
    }
}

fn outputs(
    d: &mut Decoder<'_>,
    node: &Node,
    cell: &mut Cell,
    names: &mut BTreeMap<String, Span>,
    families: &Families,
) {
    let mut used = BTreeMap::new();
    for entry in entries(d, node, limits::DIGITAL_MAX) {
        unique_name(d, names, &entry.key, entry.key_span);
        let (mut at, mut off) = (None, None);
        if let Some(mut f) = d.fields(&entry.node) {
            at = channel(d, &mut f, "bit", cell, families, DeviceKind::DigitalOutput16, &mut used);
            off = f.req("off_state", d, |d, n| d.boolean(n));
            f.finish(d);
        }
        let (subdevice, bit) = at.unwrap_or((usize::MAX, 0));
        let off_state = off.unwrap_or(false);
        cell.digital_outputs.push(DigitalOutput { name: entry.key.clone(), subdevice, bit, off_state });
    }
}

fn analogs(
    d: &mut Decoder<'_>,
    node: &Node,
    cell: &mut Cell,
    names: &mut BTreeMap<String, Span>,
    families: &Families,
) {
    let mut used = BTreeMap::new();
    for entry in entries(d, node, limits::ANALOG_MAX) {
        unique_name(d, names, &entry.key, entry.key_span);
        let mut analog = Analog {
            name: entry.key.clone(),
            subdevice: usize::MAX,
            channel: 0,
            dimension: Dimension::Ratio,
            scale: f64::NAN,
            offset: 0.0,
            range_lo: f64::NAN,
            range_hi: f64::NAN,
            resolution: f64::NAN,
            equipment: None,
        };
        if let Some(mut f) = d.fields(&entry.node) {
            if let Some(at) =
                channel(d, &mut f, "channel", cell, families, DeviceKind::AnalogInput4, &mut used)
            {
                (analog.subdevice, analog.channel) = at;
            }
            scaling(d, &mut f, &mut analog);
            analog.equipment = f.opt("equipment", d, |d, n| equipment_ref(d, n, cell));
            f.finish(d);
        }
        cell.analogs.push(analog);
    }
}

/// `scale` gives the dimension; the rest must have the same.
fn scaling(d: &mut Decoder<'_>, f: &mut Fields<'_>, analog: &mut Analog) {
    let scale = f.req("scale", d, nonzero);
    let dimension = scale.map_or(Dimension::Ratio, |s| s.dimension);
    analog.dimension = dimension;
    analog.scale = scale.map_or(f64::NAN, |s| s.value);
    let known = scale.is_some();
    let mut of = |field, read: fn(&mut Decoder<'_>, &Node, Dimension) -> Option<f64>| {
        f.entry(field).filter(|_| known).and_then(|e| read(d, &e.node, dimension))
    };
    analog.offset = of("offset", |d, n, x| d.quantity(n, x)).unwrap_or(0.0);
    for field in ["range", "resolution"] {
        if f.entry(field).is_none() {
            f.missing(field, d);
        }
    }
    if !known {
        return;
    }
    let range = f.entry("range").and_then(|e| shown(d, &e.node, analog));
    (analog.range_lo, analog.range_hi) = range.unwrap_or((f64::NAN, f64::NAN));
    let resolution = f.entry("resolution").and_then(|e| {
        let step = d.positive(&e.node, dimension)?;
        if step > analog.range_hi - analog.range_lo {
            let message = format!("one step of `{}` is more than its whole range", analog.name);
            d.sink.error(
                Code::LimitsBeyondSensor,
                e.node.span,
                message,
                "give the least that it can tell apart",
            );
        }
        Some(step)
    });
    analog.resolution = resolution.unwrap_or(f64::NAN);
}

/// Most counts of a channel, which has 16 bits.
const COUNTS_MAX: f64 = 32_767.0;

/// A range with extent. What of it lies beyond the last count is never shown: there the terminal says overrange by
/// itself, so that no value is trusted; limits out there judge nothing. A scale is rounded, by up to a count.
fn shown(d: &mut Decoder<'_>, node: &Node, analog: &Analog) -> Option<(f64, f64)> {
    let (lo, hi) = d.range(node, analog.dimension)?;
    if lo >= hi {
        d.sink.error(Code::TravelEmpty, node.span, "the range has no extent", "write `low .. high`");
        return None;
    }
    let (count, unit) = (analog.scale.abs(), analog.dimension.unit());
    let full = count * COUNTS_MAX;
    let (least, most) = (analog.offset - full, analog.offset + full);
    if lo < least - count || hi > most + count {
        let message =
            format!("`{}` shows {least:.6} .. {most:.6} {unit}, the range goes beyond", analog.name);
        let help =
            "the terminal reports overrange there, no value is trusted: narrow the range, or correct `scale`";
        d.sink.warning(Code::LimitsBeyondSensor, node.span, message, help);
    }
    Some((lo, hi))
}

fn nonzero(d: &mut Decoder<'_>, node: &Node) -> Option<Quantity> {
    let q = d.any_quantity(node)?;
    if q.value == 0.0 {
        d.sink.error(Code::OutOfRange, node.span, "a scale of zero", "the value of one count");
        return None;
    }
    Some(q)
}

pub(super) fn equipment(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &mut Cell) {
    let Some(node) = f.opt("equipment", d, |_, n| Some(n)) else { return };
    for entry in entries(d, node, ENTRIES_MAX) {
        let mut equipment =
            Equipment { id: entry.key.clone(), serial: String::new(), calibration_due: String::new() };
        if let Some(mut f) = d.fields(&entry.node) {
            equipment.serial = f.req("serial", d, |d, n| d.string(n)).unwrap_or_default();
            equipment.calibration_due = f.req("calibration_due", d, date).unwrap_or_default();
            f.finish(d);
        }
        cell.equipment.push(equipment);
    }
}

fn equipment_ref(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<usize> {
    let names: Vec<_> = cell.equipment.iter().map(|e| e.id.clone()).collect();
    known(d, node, Code::UnknownEquipment, "equipment", &names, usize::from)
}

/// `2027-06-30` (RFC 3339 full-date), a day of the calendar.
pub(crate) fn date(d: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = d.text(node)?;
    let good = is_date(&text.text);
    if !good {
        let message = format!("`{}` is not a date", text.text);
        d.error_at(Code::BadDate, &text, message, "write year-month-day: `2027-06-30`");
    }
    good.then_some(text.text)
}

fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(i, b)| if i == 4 || i == 7 { *b == b'-' } else { b.is_ascii_digit() });
    if !shape {
        return false;
    }
    let part = |range: core::ops::Range<usize>| text[range].parse::<u32>().unwrap_or(0);
    let (year, month, day) = (part(0..4), part(5..7), part(8..10));
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// In one way of writing: two addresses are compared as texts.
fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port.to_string() == text)
}

/// `host:port`.
fn address(d: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = d.text(node)?;
    let good = text
        .text
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && !host.contains(' ') && is_port(port));
    if !good {
        let message = format!("`{}` is not an address", text.text);
        d.error_at(Code::BadAddress, &text, message, "write `host:port`");
    }
    good.then_some(text.text)
}

/// A deadline for an answer, above zero.
pub(super) fn answer_timeout(d: &mut Decoder<'_>, node: &Node) -> Option<DurationNs> {
    d.positive(node, Dimension::Time)?;
    d.duration(node)
}

pub(super) fn cameras(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &mut Cell) {
    let Some(node) = f.opt("cameras", d, |_, n| Some(n)) else { return };
    for entry in entries(d, node, ENTRIES_MAX) {
        let mut camera = Camera {
            name: entry.key.clone(),
            address: String::new(),
            jobs: Vec::new(),
            answer_timeout: DurationNs(0),
            equipment: None,
        };
        if let Some(mut f) = d.fields(&entry.node) {
            camera.address = f.req("address", d, address).unwrap_or_default();
            camera.answer_timeout = f.req("answer_timeout", d, answer_timeout).unwrap_or_default();
            camera.equipment = f.opt("equipment", d, |d, n| equipment_ref(d, n, cell));
            let jobs = f.req("jobs", d, |d, n| d.named(n)).unwrap_or_default();
            camera.jobs = jobs.iter().filter_map(|e| camera_job(d, &e.key, e.key_span, &e.node)).collect();
            f.finish(d);
        }
        cell.cameras.push(camera);
    }
}

/// `cannula-tip@4: { burr: { unit: um, resolution: 0.1 um } }`.
fn camera_job(d: &mut Decoder<'_>, key: &str, span: Span, node: &Node) -> Option<CameraJob> {
    let job = split_version(key);
    if job.is_none() {
        let message = format!("`{key}` is not a job with its version");
        d.sink.error(Code::BadVersion, span, message, "write `name@number`");
    }
    let measures = d.named(node).unwrap_or_default();
    let measures = measures.iter().filter_map(|e| measure(d, &e.key, &e.node)).collect();
    let (name, version) = job?;
    Some(CameraJob { name: name.to_string(), version, measures })
}

fn measure(d: &mut Decoder<'_>, name: &str, node: &Node) -> Option<CameraMeasure> {
    let mut f = d.fields(node)?;
    let dimension = f.req("unit", d, |d, n| {
        let text = d.text(n)?;
        let one = crate::decode::Text { text: format!("1 {}", text.text), ..text };
        match Quantity::parse(&one.text) {
            Ok(q) => Some(q.dimension),
            Err(_) => {
                d.error_at(Code::UnknownUnit, &one, "not a unit known here", "write a unit such as `um`");
                None
            }
        }
    });
    let resolution = f.req("resolution", d, |d, n| d.positive(n, dimension?));
    f.finish(d);
    Some(CameraMeasure { name: name.to_string(), dimension: dimension?, resolution: resolution? })
}

pub(super) fn scanners(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &mut Cell) {
    let Some(node) = f.opt("scanners", d, |_, n| Some(n)) else { return };
    for entry in entries(d, node, ENTRIES_MAX) {
        let mut scanner = Scanner {
            name: entry.key.clone(),
            address: String::new(),
            station: StationId(0),
            answer_timeout: DurationNs(0),
        };
        if let Some(mut f) = d.fields(&entry.node) {
            scanner.address = f.req("address", d, address).unwrap_or_default();
            scanner.station = f.req("station", d, |d, n| station(d, n, cell)).unwrap_or(StationId(0));
            scanner.answer_timeout = f.req("answer_timeout", d, answer_timeout).unwrap_or_default();
            f.finish(d);
        }
        cell.scanners.push(scanner);
    }
}

pub(super) fn printers(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &mut Cell) {
    let Some(node) = f.opt("printers", d, |_, n| Some(n)) else { return };
    for entry in entries(d, node, ENTRIES_MAX) {
        let mut printer = Printer {
            name: entry.key.clone(),
            address: String::new(),
            station: StationId(0),
            answer_timeout: DurationNs(0),
        };
        if let Some(mut f) = d.fields(&entry.node) {
            printer.address = f.req("address", d, address).unwrap_or_default();
            printer.station = f.req("station", d, |d, n| station(d, n, cell)).unwrap_or(StationId(0));
            printer.answer_timeout = f.req("answer_timeout", d, answer_timeout).unwrap_or_default();
            f.finish(d);
        }
        cell.printers.push(printer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_of_the_calendar() {
        assert!(is_date("2027-06-30") && is_date("2028-02-29") && is_date("2000-02-29"));
        for bad in
            ["2027-02-29", "2100-02-29", "2027-13-01", "2027-00-10", "2027-06-31", "27-06-30", "2027/06/30"]
        {
            assert!(!is_date(bad), "{bad}");
        }
    }
}
