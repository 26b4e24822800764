//! `cell.yaml` (machine description) and `taught.yaml` (touched-up poses) to a [`Cell`].
//!
//! A part that could not be read still gets its place, so that names which refer to it are not called
//! unknown as well; numbers that are missing are NaN there, for which no comparison below holds. Such a
//! cell never leaves this module: one error, and there is none.

mod axes;
mod devices;
mod panel;
mod pdos;
mod places;
mod reference;
mod robots;
mod ros2;
mod taught;
mod timing;
mod whole;
mod wiring;
mod zones;

use cellwright_model::cell::{Analog, Cell, ManualLimits, Panel, Sequences, ZeroSensor};
use cellwright_model::timing::Timing;
use cellwright_model::{Dimension, DurationNs, limits};

pub(crate) use devices::date;

use crate::code::Code;
use crate::condition::{Never, Sight, condition, warn_constant};
use crate::decode::{Decoder, Fields};
use crate::diagnostic::{Diagnostic, Sink};
use crate::names::{analog, axis, input, robot};
use crate::scope::Scope;
use crate::source::{FileSource, Sources, Span};
use crate::tree::{self, Entry, Node};

/// Schema major of cell.yaml and taught.yaml.
const SCHEMA: u64 = 1;
/// Cycle periods that are driven, in seconds: below, one frame of 64 SubDevices does not fit; above, a
/// press moves too far between two looks at its force.
const CYCLE_S: (f64, f64) = (250e-6, 20e-3);
/// Entries of a list without a bound in `limits`: indices are 16 bits, and nobody reads more.
const ENTRIES_MAX: usize = 256;

/// Reads a cell. `taught`: path of taught.yaml if there is one. Ok: the cell and its warnings.
pub fn load_cell(
    files: &dyn FileSource,
    path: &str,
    taught: Option<&str>,
    sources: &mut Sources,
) -> Result<(Cell, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut sink = Sink::new();
    let cell = read(files, path, taught, sources, &mut sink);
    let failed = sink.errors() > 0;
    match cell {
        Some(cell) if !failed => Ok((cell, sink.finish())),
        _ => Err(sink.finish()),
    }
}

fn read(
    files: &dyn FileSource,
    path: &str,
    taught: Option<&str>,
    sources: &mut Sources,
    sink: &mut Sink,
) -> Option<Cell> {
    let (root, hash) = parse(files, path, sources, sink)?;
    let scope = Scope::empty();
    let mut d = Decoder { sink, scope: &scope };
    let mut cell = cell(&mut d, &root)?;
    cell.hash = hash;
    cell.taught_hash = cellwright_model::curve::sha256_hex(b"");
    if let Some(path) = taught {
        let (root, hash) = parse(files, path, sources, d.sink)?;
        cell.taught_hash = hash;
        taught::apply(&mut d, &root, &mut cell);
    }
    Some(cell)
}

/// A file as a tree, with the hash of its bytes.
pub(crate) fn parse(
    files: &dyn FileSource,
    path: &str,
    sources: &mut Sources,
    sink: &mut Sink,
) -> Option<(Node, String)> {
    let bytes = match files.read(path) {
        Ok(bytes) => bytes,
        Err(why) => {
            let file = sources.add(path, b"");
            let help = "check the path and the permissions";
            let span = Span { file, start: 0, end: 0 };
            sink.error(Code::NotReadable, span, format!("cannot read `{path}`: {why}"), help);
            return None;
        }
    };
    let (file, root) = tree::parse(path, &bytes, sources, sink);
    Some((root?, sources.file(file).sha256.clone()))
}

/// A cell with nothing in it.
fn empty_cell() -> Cell {
    Cell {
        id: String::new(),
        site: String::new(),
        line: String::new(),
        cycle: DurationNs(0),
        units_in_flight_max: 1,
        serial_prefix: String::new(),
        segment: Vec::new(),
        axes: Vec::new(),
        digital_inputs: Vec::new(),
        digital_outputs: Vec::new(),
        analogs: Vec::new(),
        stations: Vec::new(),
        table: None,
        robots: Vec::new(),
        zones: Vec::new(),
        cameras: Vec::new(),
        scanners: Vec::new(),
        printers: Vec::new(),
        trays: Vec::new(),
        leak_testers: Vec::new(),
        safety: Vec::new(),
        sequences: Sequences {
            homing_order: Vec::new(),
            homing_speed: f64::NAN,
            robots_home: Vec::new(),
            zero: vec![],
            start_when: None,
        },
        manual: ManualLimits::default(),
        panel: Panel::default(),
        equipment: Vec::new(),
        materials: Vec::new(),
        consecutive_ng_max: 0,
        stale_cycles_max: 0,
        realtime: Timing::default(),
        hash: String::new(),
        taught_hash: String::new(),
    }
}

/// Each part after those that it names, wherever it stands in the text.
fn cell(d: &mut Decoder<'_>, root: &Node) -> Option<Cell> {
    let mut f = d.fields(root)?;
    let mut cell = empty_cell();
    schema(d, &mut f, "cell");
    cell.id = name(d, &mut f, "id");
    cell.site = name(d, &mut f, "site");
    cell.line = name(d, &mut f, "line");
    cell.cycle = f.req("cycle", d, cycle).unwrap_or_default();
    cell.units_in_flight_max =
        f.req("units_in_flight_max", d, |d, n| d.integer(n, 1, 16)).unwrap_or(1) as u16;
    cell.serial_prefix = f.req("serial_prefix", d, serial_prefix).unwrap_or_default();
    cell.consecutive_ng_max =
        f.req("consecutive_ng_max", d, |d, n| d.integer(n, 1, 1000)).unwrap_or(1) as u16;
    cell.stale_cycles_max = f.req("stale_cycles_max", d, |d, n| d.integer(n, 1, 1000)).unwrap_or(1) as u16;
    cell.realtime = timing::timing(d, &mut f, cell.cycle);
    let families = devices::segment(d, &mut f, &mut cell);
    devices::equipment(d, &mut f, &mut cell);
    axes::axes(d, &mut f, &mut cell, &families);
    let at_stations = devices::signals(d, &mut f, &mut cell, &families);
    cell.safety = safety(d, &mut f, &cell);
    places::stations(d, &mut f, &mut cell);
    devices::check_stations(d, &cell, &at_stations);
    places::table(d, &mut f, &mut cell);
    robots::robots(d, &mut f, &mut cell);
    zones::zones(d, &mut f, &mut cell);
    devices::cameras(d, &mut f, &mut cell);
    devices::scanners(d, &mut f, &mut cell);
    devices::printers(d, &mut f, &mut cell);
    places::leak_testers(d, &mut f, &mut cell);
    places::trays(d, &mut f, &mut cell);
    places::materials(d, &mut f, &mut cell);
    sequences(d, &mut f, &mut cell);
    cell.manual = manual(d, &mut f);
    cell.panel = panel::panel(d, &mut f, &cell);
    f.finish(d);
    whole::check(d, root, &cell);
    Some(cell)
}

/// The schema major, which is the first field of every file.
pub(crate) fn schema(d: &mut Decoder<'_>, f: &mut Fields<'_>, field: &'static str) {
    let Some((version, node)) = f.req(field, d, |d, n| d.integer(n, 0, u64::from(u32::MAX)).map(|v| (v, n)))
    else {
        return;
    };
    if version != SCHEMA {
        let message = format!("`{field}: {version}` is another schema");
        d.sink.error(Code::Schema, node.span, message, format!("this program reads `{field}: {SCHEMA}`"));
    }
}

fn name(d: &mut Decoder<'_>, f: &mut Fields<'_>, field: &'static str) -> String {
    f.req(field, d, |d, n| d.identifier(n)).map(|t| t.text).unwrap_or_default()
}

fn cycle(d: &mut Decoder<'_>, node: &Node) -> Option<DurationNs> {
    let s = d.quantity(node, Dimension::Time)?;
    if !(CYCLE_S.0..=CYCLE_S.1).contains(&s) {
        let help = "between 250 us and 20 ms";
        d.sink.error(Code::CyclePeriod, node.span, format!("a cycle of {s} s is not driven"), help);
        return None;
    }
    Some(DurationNs::from_secs_f64(s))
}

pub(crate) fn serial_prefix(d: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = d.string(node)?;
    let good = text.len() <= 16 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
    if !good {
        let help = "at most 16 letters, digits, `-`, `_`, `.`, `/`";
        d.sink.error(Code::BadText, node.span, format!("`{text}` cannot begin a serial"), help);
    }
    good.then_some(text)
}

/// Entries of a named list, each an identifier; refuses more than `max`.
fn entries<'n>(d: &mut Decoder<'_>, node: &'n Node, max: usize) -> &'n [Entry] {
    d.capacity(node, max);
    let entries = d.named(node).unwrap_or_default();
    for entry in entries {
        d.check_identifier(&entry.key, entry.key_span);
    }
    entries
}

fn safety(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &Cell) -> Vec<cellwright_model::InputId> {
    let Some(node) = f.req("safety", d, |_, n| Some(n)) else { return Vec::new() };
    let list = d.list(node).unwrap_or_default();
    if list.is_empty() && matches!(node.value, tree::Value::Sequence(_)) {
        let help = "name the inputs on which the safety controller reports its release";
        d.sink.error(Code::Empty, node.span, "no input shows what the safety controller permits", help);
    }
    unique(d, list, "signal", |d, n| input(d, n, cell))
}

/// References, each at most once.
fn unique<T: PartialEq>(
    d: &mut Decoder<'_>,
    list: &[Node],
    what: &str,
    mut read: impl FnMut(&mut Decoder<'_>, &Node) -> Option<T>,
) -> Vec<T> {
    let mut out = Vec::new();
    for node in list {
        let Some(id) = read(d, node) else { continue };
        if out.contains(&id) {
            d.sink.error(
                Code::DuplicateId,
                node.span,
                format!("this {what} is listed twice"),
                "take one out",
            );
        }
        out.push(id);
    }
    out
}

fn sequences(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &mut Cell) {
    let Some(node) = f.req("sequences", d, |_, n| Some(n)) else { return };
    let Some(mut f) = d.fields(node) else { return };
    if let Some(list) = f.req("homing_order", d, |_, n| Some(n)) {
        let nodes = d.list(list).unwrap_or_default();
        let before = d.sink.errors();
        cell.sequences.homing_order = unique(d, nodes, "axis", |d, n| axis(d, n, cell));
        let order = &cell.sequences.homing_order;
        let left: Vec<_> =
            cell.axes.iter().enumerate().filter(|(i, _)| !order.iter().any(|a| a.index() == *i)).collect();
        if d.sink.errors() == before && !left.is_empty() {
            let names: Vec<_> = left.iter().map(|(_, a)| format!("`{}`", a.name)).collect();
            let message = format!("never homed: {}", names.join(", "));
            d.sink.error(
                Code::HomingIncomplete,
                list.span,
                message,
                "name every axis once, in the order of homing",
            );
        }
    }
    cell.sequences.homing_speed = f.req("homing_speed", d, share).unwrap_or(f64::NAN);
    if let Some(nodes) = f.req("robots_home", d, |d, n| d.list(n)) {
        cell.sequences.robots_home = unique(d, nodes, "robot", |d, n| robot(d, n, cell));
    }
    for node in f.opt("zero", d, |d, n| d.list(n)).unwrap_or_default() {
        zero(d, node, cell);
    }
    cell.sequences.start_when = f.opt("start_when", d, |d, n| {
        let sight = Sight::of_cell(cell);
        condition(d, n, &sight).inspect(|expr| warn_constant(d, n, expr, &sight, Never::Refused))
    });
    f.finish(d);
}

/// `{ analog: load_cell, within: 2 N }`: each sensor once, the bound in its own dimension.
fn zero(d: &mut Decoder<'_>, node: &Node, cell: &mut Cell) {
    let Some(mut z) = d.fields(node) else { return };
    let channel = z.req("analog", d, |_, n| Some(n));
    let Some((channel, id)) = channel.and_then(|n| Some((n, analog(d, n, cell)?))) else { return };
    let dimension = cell.analogs[id.index()].dimension;
    if cell.sequences.zero.iter().any(|z| z.analog == id) {
        let name = &cell.analogs[id.index()].name;
        let message = format!("`{name}` is zeroed twice");
        d.sink.error(Code::DuplicateId, channel.span, message, "name each sensor once");
    }
    let within = z.req("within", d, |d, n| {
        let within = d.positive(n, dimension)?;
        zero_in_range(d, n, within, &cell.analogs[id.index()]);
        Some(within)
    });
    z.finish(d);
    if let Some(within) = within {
        cell.sequences.zero.push(ZeroSensor { analog: id, within });
    }
}

/// What is taken for zero is within the range in which the sensor is trusted.
fn zero_in_range(d: &mut Decoder<'_>, node: &Node, within: f64, analog: &Analog) {
    let (lo, hi, unit) = (analog.range_lo, analog.range_hi, analog.dimension.unit());
    if -within < lo || within > hi {
        let message =
            format!("-{within} .. {within} {unit} reaches beyond what `{}` is trusted with", analog.name);
        let help = format!("its range is {lo} .. {hi} {unit}: lower the bound, or correct the range");
        d.sink.error(Code::SensorRange, node.span, message, help);
    }
}

/// A share above 0 % and up to 100 %.
fn share(d: &mut Decoder<'_>, node: &Node) -> Option<f64> {
    let value = d.positive(node, Dimension::Ratio)?;
    if value > 1.0 {
        d.sink.error(Code::OutOfRange, node.span, "more than 100 %", "at most 100 %");
        return None;
    }
    Some(value)
}

fn manual(d: &mut Decoder<'_>, f: &mut Fields<'_>) -> ManualLimits {
    let mut manual = ManualLimits::default();
    let Some(mut m) = f.opt("manual", d, |d, n| d.fields(n)) else { return manual };
    let max = limits::MANUAL_SPEED_MAX;
    let speed = m.opt("speed", d, |d, n| {
        let value = d.positive(n, Dimension::Ratio)?;
        if value > max {
            let message = format!("{} % is no reduced speed", value * 100.0);
            d.sink.error(Code::OutOfRange, n.span, message, format!("at most {} %", max * 100.0));
        }
        Some(value)
    });
    m.finish(d);
    manual.speed = speed.unwrap_or(manual.speed);
    manual
}

/// Bounds of named lists that `limits` states.
const AXES_MAX: usize = limits::AXES_MAX;
