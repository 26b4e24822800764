//! Sentences for hovers: what a kind of value is, what a cell says of a name.

use cellwright_model::Dimension;
use cellwright_model::cell::{Analog, Axis, Cell};
use cellwright_recipe::shape::{Keys, Names, What};

/// A kind of value in a few words.
pub(crate) fn of_what(what: &What) -> String {
    match what {
        What::Quantity(dimensions) => format!("a quantity: {}", units(dimensions)),
        What::Range(dimensions) => format!("a range `low .. high unit`: {}", units(dimensions)),
        What::Integer(lo, hi) => format!("a whole number, {lo} to {hi}"),
        What::Number => "a number without a unit".into(),
        What::Boolean => "`true` or `false`".into(),
        What::Identifier => "a name".into(),
        What::Text => "a text".into(),
        What::Form(form) => format!("like `{}`", form.example()),
        What::Word(words) => one_of(words.iter().map(|w| (*w).to_owned())),
        What::Words(words) => one_of(words()),
        What::Name(of) => name_of(*of).into(),
        What::Condition => "a condition: signals, `and`, `or`, `not`, comparisons".into(),
        What::Value => "a quantity, a range, a whole number, a boolean or a word".into(),
        What::Fields(shape) => format!("fields: {}", one_of(shape.fields.iter().map(|f| f.name.to_owned()))),
        What::List(of) => format!("a list, each {}", of_what(of)),
        What::Map(_, of) => format!("by name, each {}", of_what(of)),
        What::Either(kinds) => kinds.iter().map(of_what).collect::<Vec<_>>().join("; or "),
        What::Steps => "a list of steps".into(),
    }
}

fn one_of(words: impl IntoIterator<Item = String>) -> String {
    words.into_iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}

fn units(dimensions: &[Dimension]) -> String {
    match dimensions.len() {
        n if n > 4 => "of any dimension".into(),
        _ => one_of(dimensions.iter().map(|d| d.unit().to_owned())),
    }
}

/// What a key is that the tables leave free.
pub(crate) fn of_keys(keys: Keys) -> String {
    match keys {
        Keys::Given => "a name that the author gives".into(),
        Keys::Parameter => "a parameter of this recipe".into(),
        Keys::Name(of) => name_of(of).into(),
        Keys::Form(form) => format!("like `{}`", form.example()),
        Keys::Words(words) => format!("one of {}", one_of(words())),
    }
}

/// What a name names.
fn name_of(of: Names) -> &'static str {
    match of {
        Names::Cell => "the cell",
        Names::Axis => "an axis",
        Names::Input | Names::Sensor => "a digital input",
        Names::Output => "a digital output",
        Names::Analog => "an analog channel",
        Names::Station => "a station",
        Names::Robot => "a cobot",
        Names::Camera => "a camera",
        Names::Scanner => "a scanner",
        Names::Printer => "a label printer",
        Names::LeakTester => "a leak tester",
        Names::SubDevice => "a SubDevice",
        Names::Equipment => "equipment",
        Names::Tray => "a tray, lane or bin",
        Names::Source => "a tray or lane that parts come from",
        Names::Lane => "a lane",
        Names::Pocket => "`<tray>.next`",
        Names::Away => "`<tray>.next` of a good tray, or a bin",
        Names::Pose => "a taught pose",
        Names::Job => "`name@version` of a job",
        Names::Component => "a component of the recipe",
        Names::Step => "a step of the recipe",
        Names::Measurement => "`step.name` of a measurement of the recipe",
        Names::Alarm => "an alarm",
        Names::Operation => "`name@major` of a sub-recipe",
        Names::Variant => "a variant of the recipe",
        Names::Parameter => "a parameter of the recipe",
        Names::Path => "a path from this file",
        Names::Argument => "a parameter of the sub-recipe",
    }
}

/// What the cell says of a name, in a line.
pub(crate) fn of_name(cell: &Cell, name: &str) -> Option<String> {
    let tray = name.strip_suffix(".next").unwrap_or(name);
    if let Some(a) = cell.axes.iter().find(|a| a.name == name) {
        return Some(axis(a));
    }
    if let Some(a) = cell.analogs.iter().find(|a| a.name == name) {
        return Some(analog(a));
    }
    if let Some(t) = cell.leak_testers.iter().find(|t| t.name == name) {
        return cell.analogs.get(t.pressure.index()).map(|a| format!("leak tester on {}", analog(a)));
    }
    if let Some(s) = cell.stations.iter().find(|s| s.name == name) {
        let axes: Vec<_> = s.axes.iter().filter_map(|a| cell.axes.get(a.index())).collect();
        let axes: Vec<_> = axes.iter().map(|a| format!("`{}`", a.name)).collect();
        return Some(format!("station `{name}`: table at {} deg; axes: {}", s.table_au, list(&axes)));
    }
    if let Some(r) = cell.robots.iter().find(|r| r.name == name) {
        let poses: Vec<_> = r.poses.iter().map(|p| format!("`{}`", p.name)).collect();
        return Some(format!("cobot `{name}`: poses {}", list(&poses)));
    }
    if let Some(c) = cell.cameras.iter().find(|c| c.name == name) {
        let jobs: Vec<_> = c.jobs.iter().map(|j| format!("`{}@{}`", j.name, j.version)).collect();
        return Some(format!("camera `{name}` at {}: jobs {}", c.address, list(&jobs)));
    }
    if let Some(t) = cell.trays.iter().find(|t| t.name == tray) {
        let part = t.part.as_ref().map_or(String::new(), |p| format!(" of {p}"));
        return Some(format!("{:?} tray `{tray}`{part}: {} rows, {} columns", t.kind, t.rows, t.columns));
    }
    let inputs =
        cell.digital_inputs.iter().filter(|i| i.name == name || i.name.ends_with(&format!(".{name}")));
    let inputs: Vec<_> = inputs.map(|i| format!("`{}` (bit {})", i.name, i.bit)).collect();
    if !inputs.is_empty() {
        return Some(format!("digital input {}", inputs.join(", ")));
    }
    let output = cell.digital_outputs.iter().find(|o| o.name == name)?;
    let off = if output.off_state { "on" } else { "off" };
    Some(format!("digital output `{name}` (bit {}), {off} when nothing is commanded", output.bit))
}

fn list(words: &[String]) -> String {
    if words.is_empty() { "none".into() } else { words.join(", ") }
}

/// Its limits.
pub(crate) fn axis(a: &Axis) -> String {
    let unit = a.unit();
    format!(
        "axis `{}`: travel {} .. {} {unit}, velocity at most {} {unit}/s, torque at most {} N·m",
        a.name, a.travel_lo_au, a.travel_hi_au, a.velocity_max, a.torque_max_nm
    )
}

/// Its trusted range.
pub(crate) fn analog(a: &Analog) -> String {
    let unit = a.dimension.unit();
    format!(
        "analog channel `{}`: trusted within {} .. {} {unit}, resolution {} {unit}",
        a.name, a.range_lo, a.range_hi, a.resolution
    )
}
