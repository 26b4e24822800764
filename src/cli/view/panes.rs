//! Units on their table, axes, and the force curve of the last press.

use cellwright_model::cell::{Cell, Table as IndexTable};
use cellwright_station::{AxisSeen, Snapshot, UnitSeen};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph};

use super::draw::{shortened, titled};
use super::scene::Scene;

/// A nest stands at a station while the table is this near to it (au).
const AT_STATION_AU: f64 = 0.5;
/// Columns of a station's box in the picture of the table.
const BOX_WIDTH: usize = 28;

/// Rows that the units need, frame included.
pub(crate) fn table_rows(cell: &Cell, picture: bool) -> u16 {
    if picture && cell.stations.len() == 4 { 15 } else { cell.stations.len() as u16 + 3 }
}

/// Units by station.
pub(crate) fn units(frame: &mut Frame<'_>, area: Rect, scene: &Scene, snapshot: &Snapshot) {
    let cell = &scene.cell;
    let width = usize::from(area.width.saturating_sub(2));
    let lines = if area.height >= 14 && width >= 2 * BOX_WIDTH && cell.stations.len() == 4 {
        picture(cell, snapshot)
    } else {
        list(cell, snapshot, width)
    };
    let title = match turning(cell, snapshot) {
        true => "units: the table turns",
        false => "units by station",
    };
    frame.render_widget(Paragraph::new(lines).block(titled(title)), area);
}

fn list(cell: &Cell, snapshot: &Snapshot, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for station in &cell.stations {
        let nest = nest_at(cell, snapshot, station.table_au);
        let nest = nest.map_or_else(|| " ".to_owned(), |n| n.to_string());
        let at: Vec<&UnitSeen> =
            snapshot.units.iter().filter(|u| u.station.as_ref() == Some(&station.name)).collect();
        if at.is_empty() {
            lines.push(Line::from(format!("{:<7} {nest} ( )", station.name)));
        }
        for unit in at {
            lines.push(unit_line(&format!("{:<7} {nest}", station.name), unit, width));
        }
    }
    for unit in snapshot.units.iter().filter(|u| u.station.is_none()) {
        lines.push(unit_line("between  ", unit, width));
    }
    lines
}

fn unit_line(place: &str, unit: &UnitSeen, width: usize) -> Line<'static> {
    let rest = shortened(&doing(unit), width.saturating_sub(place.chars().count() + unit.serial.len() + 6));
    let mark = if unit.rejecting { "(x)" } else { "(o)" };
    Line::from(vec![
        Span::raw(format!("{place} {mark} ")),
        Span::styled(unit.serial.clone(), Modifier::BOLD),
        Span::raw(format!(" {rest}")),
    ])
}

/// Step, and what it waits for.
fn doing(unit: &UnitSeen) -> String {
    let step = unit.step.as_deref().unwrap_or("-");
    let rejected = if unit.rejecting { "NG " } else { "" };
    match &unit.waits_for {
        Some(what) => format!("{rejected}{step}: {what}"),
        None => format!("{rejected}{step}"),
    }
}

/// Four stations around the table, as they stand in the cell: the first in front, then against the clock.
fn picture(cell: &Cell, snapshot: &Snapshot) -> Vec<Line<'static>> {
    let station = |i: usize| -> [String; 3] {
        let Some(station) = cell.stations.get(i) else {
            return [String::new(), String::new(), String::new()];
        };
        let nest = nest_at(cell, snapshot, station.table_au);
        let nest = nest.map_or_else(|| "nest between".to_owned(), |n| format!("nest {n}"));
        let unit = snapshot.units.iter().find(|u| u.station.as_ref() == Some(&station.name));
        let (mark, what) = match unit {
            Some(u) if u.rejecting => (format!("(x) {}", u.serial), doing(u)),
            Some(u) => (format!("(o) {}", u.serial), doing(u)),
            None => ("( )".to_owned(), String::new()),
        };
        [format!("{}, {nest}", station.name), mark, what]
    };
    let boxed = |i: usize| station(i).map(|text| format!("{:<BOX_WIDTH$}", shortened(&text, BOX_WIDTH)));
    let middle = BOX_WIDTH / 2 + 3;
    let one =
        |rows: [String; 3]| rows.into_iter().map(move |r| Line::from(format!("{}{r}", " ".repeat(middle))));
    let mut lines: Vec<Line<'static>> = one(boxed(2)).collect();
    lines.push(Line::from(format!("{}    .-'''-.", " ".repeat(middle))));
    let table = ["   /       \\  ", "  |  table  | ", "   \\       /  "];
    for ((left, right), middle) in boxed(3).into_iter().zip(boxed(1)).zip(table) {
        let left = left.chars().take(BOX_WIDTH - 6).collect::<String>();
        lines.push(Line::from(format!("{left}{middle}{right}")));
    }
    lines.push(Line::from(format!("{}    '-...-'", " ".repeat(middle))));
    lines.extend(one(boxed(0)));
    let between = snapshot.units.iter().filter(|u| u.station.is_none());
    lines.extend(between.map(|u| unit_line("between  ", u, 2 * BOX_WIDTH)));
    lines
}

fn table_axis<'a>(cell: &'a Cell, snapshot: &'a Snapshot) -> Option<(&'a IndexTable, &'a AxisSeen)> {
    let table = cell.table.as_ref()?;
    Some((table, snapshot.axes.get(table.axis.index())?))
}

fn turning(cell: &Cell, snapshot: &Snapshot) -> bool {
    table_axis(cell, snapshot).is_some_and(|(_, axis)| axis.moving)
}

/// The nest that stands at a station, counted from 1; `None` while the table is between.
fn nest_at(cell: &Cell, snapshot: &Snapshot, station_au: f64) -> Option<i64> {
    let (table, axis) = table_axis(cell, snapshot)?;
    let pitch = 360.0 / f64::from(table.nests.max(1));
    let turns = (station_au - axis.actual) / pitch;
    let near = (turns - turns.round()).abs() * pitch <= AT_STATION_AU;
    near.then(|| (turns.round() as i64).rem_euclid(i64::from(table.nests.max(1))) + 1)
}

/// Setpoint, actual, following error, state of each axis.
pub(crate) fn axes(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let head = format!("{:<9}{:>10}{:>10}{:>8} {}", "", "setpoint", "actual", "f.err", "state");
    let mut lines = vec![Line::styled(head, Modifier::DIM)];
    lines.extend(snapshot.axes.iter().map(|a| {
        Line::from(format!(
            "{:<9}{:>10.2}{:>10.2}{:>8.3} {}",
            shortened(&a.name, 9),
            a.setpoint,
            a.actual,
            a.following_error,
            axis_state(a)
        ))
    }));
    frame.render_widget(Paragraph::new(lines).block(titled("axes (mm, deg)")), area);
}

fn axis_state(axis: &AxisSeen) -> &'static str {
    match axis {
        AxisSeen { fault: true, .. } => "FAULT",
        AxisSeen { sto: true, .. } => "STO",
        AxisSeen { enabled: false, .. } => "off",
        AxisSeen { moving: true, .. } => "moves",
        AxisSeen { referenced: false, .. } => "not homed",
        _ => "on",
    }
}

/// The force over the position.
pub(crate) fn press(frame: &mut Frame<'_>, area: Rect, scene: &Scene) {
    let Some(press) = &scene.press else {
        let none = Paragraph::new("no press yet").block(titled("last press"));
        frame.render_widget(none, area);
        return;
    };
    let title = format!("last press: {} {}", press.serial, press.step);
    let measured = press.measured.len().min(3) as u16;
    let [chart, below] = ratatui::layout::Layout::vertical([
        ratatui::layout::Constraint::Min(4),
        ratatui::layout::Constraint::Length(measured),
    ])
    .areas(area);
    let (x, y) = (bounds(press.points.iter().map(|p| p.0)), bounds(press.points.iter().map(|p| p.1)));
    let data = Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line).data(&press.points);
    let label = |v: f64, unit: &str| format!("{v:.0}{unit}");
    let axis =
        |b: [f64; 2], unit: &str| Axis::default().bounds(b).labels([label(b[0], ""), label(b[1], unit)]);
    let chart_widget =
        Chart::new(vec![data]).x_axis(axis(x, " mm")).y_axis(axis(y, " N")).block(titled(&title));
    frame.render_widget(chart_widget, chart);
    let width = usize::from(below.width);
    let rows: Vec<Line<'_>> = press
        .measured
        .iter()
        .take(3)
        .map(|m| Line::from(format!(" {}", shortened(m, width.saturating_sub(1)))))
        .collect();
    frame.render_widget(Paragraph::new(rows), below);
}

/// Lowest and highest, never the same.
fn bounds(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let (lo, hi) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
    if lo < hi {
        [lo, hi]
    } else if lo.is_finite() {
        [lo - 1.0, lo + 1.0]
    } else {
        [0.0, 1.0]
    }
}
