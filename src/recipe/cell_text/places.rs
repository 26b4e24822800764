//! Where things are: stations, the index table, trays, lanes and bins; the leak testers at stations.

use cellwright_model::cell::{
    AxisClear, AxisKind, Bin, Cell, Feeder, LeakTester, PartNumber, Station, Table, Tray, TrayKind, TrayReach,
};
use cellwright_model::{AnalogId, AxisId, Dimension, InputId, OutputId, RobotId, StationId};

use super::axes::{dimensions, inside};
use super::robots::{check_joints, joints};
use super::{ENTRIES_MAX, entries, unique};
use crate::code::Code;
use crate::decode::{Decoder, Fields};
use crate::names::{analog, axis, input, output, robot, station};
use crate::plant_text::gtin;
use crate::tree::{Node, Value};

pub(super) fn stations(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &mut Cell) {
    let Some(node) = f.req("stations", d, |_, n| Some(n)) else { return };
    for entry in entries(d, node, ENTRIES_MAX) {
        let mut station =
            Station { name: entry.key.clone(), table_au: f64::NAN, axes: Vec::new(), presence: Vec::new() };
        if let Some(mut f) = d.fields(&entry.node) {
            station.table_au = f.req("at", d, |d, n| d.quantity(n, Dimension::Angle)).unwrap_or(f64::NAN);
            let list = f.req("axes", d, |d, n| d.list(n)).unwrap_or_default();
            station.axes = unique(d, list, "axis", |d, n| axis(d, n, cell));
            let list = f.opt("presence", d, |d, n| d.list(n)).unwrap_or_default();
            station.presence = unique(d, list, "signal", |d, n| input_at(d, n, &entry.key, cell));
            f.finish(d);
        }
        cell.stations.push(station);
    }
}

/// An input by its short name at the station, or by its whole name.
fn input_at(d: &mut Decoder<'_>, node: &Node, station: &str, cell: &Cell) -> Option<InputId> {
    let word = match &node.value {
        Value::Scalar(scalar) => scalar.text.as_str(),
        _ => "",
    };
    cell.input(&format!("{station}.{word}")).or_else(|| input(d, node, cell))
}

pub(super) fn table(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &mut Cell) {
    let stations = f.entry("stations").map(|e| e.node.span);
    let Some(node) = f.opt("table", d, |_, n| Some(n)) else {
        if cell.units_in_flight_max > 1 {
            f.missing("table", d);
        }
        return;
    };
    let Some(mut t) = d.fields(node) else { return };
    let axis_id = t.req("axis", d, |d, n| rotary(d, n, cell));
    let nests = t.req("nests", d, |d, n| d.integer(n, 1, 360));
    let velocity = t.req("velocity", d, |d, n| {
        let v = d.positive(n, Dimension::AngularVelocity)?;
        within_velocity(d, n, v, &cell.axes[axis_id?.index()]);
        Some(v)
    });
    let clear = t.req("clear_when", d, |d, n| d.list(n)).unwrap_or_default();
    let clear_when: Vec<_> = clear.iter().filter_map(|n| axis_clear(d, n, cell)).collect();
    t.finish(d);
    let (Some(axis), Some(nests), Some(velocity)) = (axis_id, nests, velocity) else { return };
    let table = Table { axis, nests: nests as u16, velocity, clear_when };
    if let Some(span) = stations {
        station_angles(d, span, &table, cell);
    }
    if u64::from(cell.units_in_flight_max) > nests {
        let message = format!("{} units in flight on {nests} nests", cell.units_in_flight_max);
        d.sink.error(Code::Capacity, node.span, message, "a nest carries one unit");
    }
    cell.table = Some(table);
}

fn rotary(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<AxisId> {
    let id = axis(d, node, cell)?;
    if cell.axes[id.index()].kind != AxisKind::Rotary {
        d.sink.error(Code::AxisKind, node.span, "the table turns: this axis is linear", "name a rotary axis");
    }
    Some(id)
}

fn within_velocity(d: &mut Decoder<'_>, node: &Node, value: f64, axis: &cellwright_model::cell::Axis) {
    if value > axis.velocity_max {
        let message = format!("{value} {}/s is faster than `{}` may move", axis.unit(), axis.name);
        let help = format!("at most {} {}/s", axis.velocity_max, axis.unit());
        d.sink.error(Code::Velocity, node.span, message, help);
    }
}

/// Every nest can be brought to every station: the angles, brought into one turn, are within the travel.
fn station_angles(d: &mut Decoder<'_>, span: crate::source::Span, table: &Table, cell: &Cell) {
    let axis = &cell.axes[table.axis.index()];
    let pitch = 360.0 / f64::from(table.nests);
    for station in &cell.stations {
        let at = station.table_au;
        if at < axis.travel_lo_au || at > axis.travel_hi_au {
            let message =
                format!("station `{}` at {at} deg is outside the travel of the table", station.name);
            let help = format!("within {} .. {} deg", axis.travel_lo_au, axis.travel_hi_au);
            d.sink.error(Code::StationAngle, span, message, help);
        }
        let off = (at / pitch - (at / pitch).round()).abs() * pitch;
        if off > 1e-6 {
            let message = format!("station `{}` at {at} deg is between two nests", station.name);
            let help = format!("{} nests are {pitch} deg apart: name a multiple of it", table.nests);
            d.sink.error(Code::PitchMismatch, span, message, help);
        }
    }
}

fn axis_clear(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<AxisClear> {
    let mut f = d.fields(node)?;
    let id = f.req("axis", d, |d, n| axis(d, n, cell));
    let within = f.req("within", d, |d, n| {
        let axis = &cell.axes[id?.index()];
        let (lo, hi) = d.range(n, dimensions(axis.kind)[0])?;
        if hi < axis.travel_lo_au || lo > axis.travel_hi_au {
            let nearest = if hi < axis.travel_lo_au { hi } else { lo };
            inside(d, n.span, nearest, axis);
        } else if axis.home_au < lo || axis.home_au > hi {
            let message =
                format!("`{}` at home ({} {}) blocks the table", axis.name, axis.home_au, axis.unit());
            d.sink.error(Code::HomeOutside, n.span, message, "let the range include the axis's home");
        }
        Some((lo, hi))
    });
    f.finish(d);
    let (lo_au, hi_au) = within?;
    Some(AxisClear { axis: id?, lo_au, hi_au })
}

pub(super) fn leak_testers(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &mut Cell) {
    let Some(node) = f.opt("leak_testers", d, |_, n| Some(n)) else { return };
    for entry in entries(d, node, ENTRIES_MAX) {
        let mut tester = LeakTester {
            name: entry.key.clone(),
            station: StationId(0),
            pressure: AnalogId(0),
            fill: OutputId(0),
            vent_closed: OutputId(0),
            clamp: OutputId(0),
        };
        if let Some(mut f) = d.fields(&entry.node) {
            tester.station = f.req("station", d, |d, n| station(d, n, cell)).unwrap_or(tester.station);
            tester.pressure = f.req("pressure", d, |d, n| pressure(d, n, cell)).unwrap_or(tester.pressure);
            let mut out =
                |field, default: OutputId| f.req(field, d, |d, n| output(d, n, cell)).unwrap_or(default);
            tester.fill = out("fill", tester.fill);
            tester.vent_closed = out("vent_closed", tester.vent_closed);
            tester.clamp = out("clamp", tester.clamp);
            f.finish(d);
        }
        cell.leak_testers.push(tester);
    }
}

fn pressure(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<AnalogId> {
    let id = analog(d, node, cell)?;
    let channel = &cell.analogs[id.index()];
    if channel.dimension != Dimension::Pressure && channel.scale.is_finite() {
        let message = format!("`{}` measures {}", channel.name, channel.dimension.name());
        d.sink.error(Code::Dimension, node.span, message, "name a channel that measures pressure");
    }
    Some(id)
}

/// Units that a bin may be said to hold: what is followed one by one is bounded.
const BIN_UNITS_MAX: u64 = 1000;

const TRAY_KINDS: &[(&str, TrayKind)] = &[
    ("source", TrayKind::Source),
    ("lane", TrayKind::Lane),
    ("good", TrayKind::Good),
    ("reject", TrayKind::Reject),
];

pub(super) fn trays(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &mut Cell) {
    let Some(node) = f.req("trays", d, |_, n| Some(n)) else { return };
    for entry in entries(d, node, ENTRIES_MAX) {
        let mut tray = Tray {
            name: entry.key.clone(),
            kind: TrayKind::Source,
            part: None,
            rows: 1,
            columns: 1,
            reach: None,
            feeder: None,
            bin: None,
        };
        if let Some(f) = d.fields(&entry.node) {
            tray_fields(d, f, cell, &mut tray);
        }
        cell.trays.push(tray);
    }
}

fn tray_fields(d: &mut Decoder<'_>, mut f: Fields<'_>, cell: &Cell, tray: &mut Tray) {
    let kind = f.req("kind", d, |d, n| d.word(n, TRAY_KINDS));
    tray.kind = kind.unwrap_or(TrayKind::Source);
    if matches!(kind, None | Some(TrayKind::Source | TrayKind::Lane)) {
        tray.part = f.opt("part", d, |d, n| d.identifier(n)).map(|t| t.text);
    }
    if matches!(kind, None | Some(TrayKind::Lane)) {
        let feeder = |d: &mut Decoder<'_>, n| feeder(d, n, cell);
        tray.feeder = if kind.is_some() { f.req("feeder", d, feeder) } else { f.opt("feeder", d, feeder) };
    }
    if !matches!(kind, Some(TrayKind::Lane)) {
        if let Some(mut g) = f.req("grid", d, |d, n| d.fields(n)) {
            tray.rows = g.req("rows", d, |d, n| d.integer(n, 1, 1000)).unwrap_or(1) as u16;
            tray.columns = g.req("columns", d, |d, n| d.integer(n, 1, 1000)).unwrap_or(1) as u16;
            g.finish(d);
        }
        // Without a cobot people reach it.
        let by_cobot = |d: &mut Decoder<'_>, n: &Node| reach(d, n, cell);
        tray.reach =
            if cell.robots.is_empty() { f.opt("reach", d, by_cobot) } else { f.req("reach", d, by_cobot) };
    }
    if matches!(kind, None | Some(TrayKind::Reject)) {
        let bin = Bin {
            drop: f.opt("drop", d, |d, n| input(d, n, cell)),
            locked: f.opt("locked", d, |d, n| input(d, n, cell)),
            capacity: f.opt("capacity", d, |d, n| d.integer(n, 1, BIN_UNITS_MAX)).map(|n| n as u32),
        };
        tray.bin = (kind == Some(TrayKind::Reject)).then_some(bin);
    }
    f.finish(d);
}

/// Part numbers with the GTIN of their labels; each GTIN is of one part.
pub(super) fn materials(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &mut Cell) {
    let Some(node) = f.opt("materials", d, |_, n| Some(n)) else { return };
    let before = d.sink.errors();
    for entry in entries(d, node, ENTRIES_MAX) {
        let Some(mut f) = d.fields(&entry.node) else { continue };
        let number = f.req("gtin", d, |d, n| Some((gtin(d, n)?, n.span)));
        f.finish(d);
        let Some((gtin, span)) = number else { continue };
        if let Some(other) = cell.materials.iter().find(|m| m.gtin == gtin) {
            let message = format!("{gtin} is the GTIN of `{}` already", other.part);
            d.sink.error(Code::DuplicateId, span, message, "each part number has a GTIN of its own");
            continue;
        }
        cell.materials.push(PartNumber { part: entry.key.clone(), gtin });
    }
    if d.sink.errors() > before {
        return;
    }
    let known = |part: &String| cell.materials.iter().any(|m| m.part == *part);
    let holds = |t: &&Tray| t.part.as_ref().is_some_and(|p| !known(p));
    if let Some(tray) = cell.trays.iter().find(holds) {
        let part = tray.part.as_deref().unwrap_or_default();
        let message = format!("`{part}` of tray `{}` is not listed", tray.name);
        d.sink.error(
            Code::MissingField,
            node.span,
            message,
            "give its GTIN, so that its label can be scanned",
        );
    }
}

fn reach(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<TrayReach> {
    let mut f = d.fields(node)?;
    let robot_id: Option<RobotId> = f.req("robot", d, |d, n| robot(d, n, cell));
    let above = f.req("above", d, joints);
    let mut corner = |field| {
        f.req(field, d, |d, n| {
            let at = joints(d, n)?;
            if let Some(id) = robot_id {
                let robot = &cell.robots[id.index()];
                check_joints(d, n.span, &at, robot, "this pocket");
                let raised = above.map(|a| core::array::from_fn(|j| at[j] + a[j]));
                raised.inspect(|r| check_joints(d, n.span, r, robot, "above this pocket"));
            }
            Some(at)
        })
    };
    let (first, row_end, column_end) = (corner("first"), corner("row_end"), corner("column_end"));
    f.finish(d);
    Some(TrayReach {
        robot: robot_id?,
        first: first?,
        row_end: row_end?,
        column_end: column_end?,
        above: above?,
    })
}

/// A feeder has a stroke, and the table may turn when it is back.
fn out_of_the_way(
    d: &mut Decoder<'_>,
    f: &mut Fields<'_>,
    retracted: Option<(AxisId, f64)>,
    fed: Option<f64>,
    cell: &Cell,
) {
    let Some((id, retracted)) = retracted else { return };
    let axis = &cell.axes[id.index()];
    if fed == Some(retracted) {
        let span = f.entry("fed").map_or(f.span, |e| e.node.span);
        let message = format!("`{}` has no stroke: it is fed where it is retracted", axis.name);
        d.sink.error(Code::TravelEmpty, span, message, "write the position at which the part is in the nest");
    }
    let clear = cell.table.iter().flat_map(|t| &t.clear_when).find(|c| c.axis == id);
    if let Some(clear) = clear.filter(|c| retracted < c.lo_au || retracted > c.hi_au) {
        let span = f.entry("retracted").map_or(f.span, |e| e.node.span);
        let message = format!("`{}` retracted at {retracted} {} blocks the table", axis.name, axis.unit());
        let help = format!("within {} .. {} {}, as `clear_when` says", clear.lo_au, clear.hi_au, axis.unit());
        d.sink.error(Code::HomeOutside, span, message, help);
    }
}

fn feeder(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Feeder> {
    let mut f = d.fields(node)?;
    let id = f.req("axis", d, |d, n| axis(d, n, cell));
    let axis = id.map(|id: AxisId| &cell.axes[id.index()]);
    let mut position = |field| {
        f.req(field, d, |d, n| {
            let value = d.quantity(n, dimensions(axis?.kind)[0])?;
            inside(d, n.span, value, axis?).then_some(value)
        })
    };
    let (retracted, fed) = (position("retracted"), position("fed"));
    out_of_the_way(d, &mut f, id.zip(retracted), fed, cell);
    let velocity = f.req("velocity", d, |d, n| {
        let v = d.positive(n, dimensions(axis?.kind)[1])?;
        within_velocity(d, n, v, axis?);
        Some(v)
    });
    f.finish(d);
    Some(Feeder { axis: id?, retracted_au: retracted?, fed_au: fed?, velocity: velocity? })
}
