//! Where the thing that a word names is written: in the file itself, in cell.yaml, in the recipe that a test names, or
//! in a file of its own.

use cellwright_recipe::shape::{Keys, Names, What};
use cellwright_recipe::tree::{Entry, Mapping, Node, Value};
use cellwright_recipe::{FileKind, Span};

use crate::around::{Around, folder};
use crate::spot::{Part, Read, at, entry, text, text_of};
use crate::text::word;

/// A place: in the file that was asked about, in the cell file, in another file, or at the begin of one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Here(Span),
    InCell(Span),
    /// A recipe or sub-recipe, with its path and text.
    InOther {
        path: String,
        text: String,
        span: Span,
    },
    /// By its path from the folder of the file that was asked about.
    File(String),
}

/// Where the word at a byte is defined; `cell`: the tree of cell.yaml.
pub(crate) fn define(read: &Read, cell: Option<&Node>, around: Around<'_>, byte: usize) -> Option<Place> {
    let spot = read.spot(byte)?;
    let name = &read.text[word(&read.text, byte)];
    if let Some(param) = name.strip_prefix('$') {
        return at(&read.root, &["params", param]).map(|e| Place::Here(e.key_span));
    }
    // The file of a cell is its own.
    let in_own = read.kind == FileKind::Cell;
    let in_cell = |of: Names, name: &str| {
        let found = in_cell(if in_own { &read.root } else { cell? }, of, name)?;
        Some(if in_own { Place::Here(found.key_span) } else { Place::InCell(found.key_span) })
    };
    match &spot.part {
        Part::Key { keys: Keys::Name(of), entry, .. } => {
            in_recipe(read, around, *of, &entry.key).or_else(|| in_cell(*of, &entry.key))
        }
        Part::Value { what: What::Name(of @ (Names::Step | Names::Variant)), node, .. } => {
            in_recipe(read, around, *of, text(node)?)
        }
        Part::Value { what: What::Name(of), node, .. } => match of {
            Names::Component => at(&read.root, &["components", name]).map(|e| Place::Here(e.key_span)),
            Names::Operation => {
                let (name, _) = text(node)?.split_once('@')?;
                Some(Place::File(format!("{name}.recipe.yaml")))
            }
            Names::Path => Some(Place::File(text(node)?.to_owned())),
            of => in_cell(*of, text(node)?),
        },
        Part::Value { what: What::Condition, .. } => {
            let station = spot.step.and_then(|s| text_of(s, "station"));
            let whole = station.map(|s| format!("{s}.{name}"));
            let names = whole.iter().map(String::as_str).chain([name]);
            let of_cell = names.flat_map(|n| [(Names::Input, n.to_owned()), (Names::Analog, n.to_owned())]);
            let found = of_cell.into_iter().find_map(|(of, n)| in_cell(of, &n));
            found.or_else(|| step_of(&read.root, name.split_once('.')?.0).map(Place::Here))
        }
        _ => None,
    }
}

/// What the recipe that a test, scenario or order names gives under a name.
fn in_recipe(read: &Read, around: Around<'_>, of: Names, name: &str) -> Option<Place> {
    let path = match around.machine(read) {
        Some(machine) => machine.recipe,
        None => format!("{}/{}", folder(&read.path), text(&at(&read.root, &["recipe"])?.node)?),
    };
    match of {
        Names::Step => step_in(around, &path, name, None),
        // Both sides of the dot may have dots of their own.
        Names::Measurement => name.rmatch_indices('.').find_map(|(dot, _)| {
            let (step, measurement) = (&name[..dot], &name[dot + 1..]);
            step_in(around, &path, step, Some(measurement))
        }),
        Names::Component => named_in(around, &path, &["components", name]),
        Names::Variant => named_in(around, &path, &["variants", name]),
        _ => None,
    }
}

fn named_in(around: Around<'_>, path: &str, way: &[&str]) -> Option<Place> {
    let read = other(around, path)?;
    let span = at(&read.root, way)?.key_span;
    Some(Place::InOther { path: read.path, text: read.text, span })
}

/// The id of a step, or a measurement of it. A step of a sub-recipe has the id of the step that uses that before its
/// own: each such step leads into a file beside.
fn step_in(around: Around<'_>, path: &str, id: &str, measurement: Option<&str>) -> Option<Place> {
    let read = other(around, path)?;
    let steps = |id: &str| {
        let lists = ["steps", "on_reject"].into_iter().filter_map(|list| entry(&read.root, list));
        lists.into_iter().find_map(|list| step_with(&list.node, id))
    };
    if let Some((uses, inner)) = id.split_once('/') {
        let (name, _) = text_of(steps(uses)?, "recipe")?.split_once('@')?;
        return step_in(around, &format!("{}/{name}.recipe.yaml", folder(path)), inner, measurement);
    }
    let step = steps(id)?;
    let field = |name: &str| step.entries.iter().find(|e| e.key == name);
    let span = match measurement {
        Some(name) => entry(&field("measure")?.node, name)?.key_span,
        None => field("id")?.node.span,
    };
    Some(Place::InOther { path: read.path, text: read.text, span })
}

fn other(around: Around<'_>, path: &str) -> Option<Read> {
    let bytes = around.files.read(path).ok()?;
    Read::new(path, FileKind::Recipe, core::str::from_utf8(&bytes).ok()?)
}

/// The entry of cell.yaml that gives a name.
fn in_cell<'c>(root: &'c Node, of: Names, name: &str) -> Option<&'c Entry> {
    let one = |way: &[&str]| at(root, way);
    let inner = |list: &str, field: &str| {
        let Value::Mapping(map) = &entry(root, list)?.node.value else { return None };
        map.entries.iter().find_map(|e| at(&e.node, &[field, name]))
    };
    match of {
        Names::Cell => one(&["id"]),
        Names::Axis => one(&["axes", name]),
        Names::Input => one(&["signals", "inputs", name]),
        Names::Sensor => one(&["signals", "inputs", name]),
        Names::Output => one(&["signals", "outputs", name]),
        Names::Analog => one(&["signals", "analogs", name]),
        Names::Station => one(&["stations", name]),
        Names::Robot => one(&["robots", name]),
        Names::Camera => one(&["cameras", name]),
        Names::Scanner => one(&["scanners", name]),
        Names::Printer => one(&["printers", name]),
        Names::LeakTester => one(&["leak_testers", name]),
        Names::Equipment => one(&["equipment", name]),
        Names::Tray | Names::Source | Names::Lane | Names::Pocket | Names::Away => {
            one(&["trays", name.strip_suffix(".next").unwrap_or(name)])
        }
        Names::Pose => inner("robots", "poses"),
        Names::Job => inner("cameras", "jobs"),
        Names::SubDevice
        | Names::Component
        | Names::Step
        | Names::Measurement
        | Names::Alarm
        | Names::Operation
        | Names::Variant
        | Names::Parameter
        | Names::Path
        | Names::Argument => None,
    }
}

/// The id of the step that has it, wherever it stands.
fn step_of(node: &Node, id: &str) -> Option<Span> {
    step_with(node, id)?.entries.iter().find(|e| e.key == "id").map(|e| e.node.span)
}

/// The fields of the step that has this id, wherever it stands.
fn step_with<'n>(node: &'n Node, id: &str) -> Option<&'n Mapping> {
    match &node.value {
        Value::Mapping(map) if text_of(map, "id") == Some(id) => Some(map),
        Value::Mapping(map) => map.entries.iter().find_map(|e| step_with(&e.node, id)),
        Value::Sequence(list) => list.iter().find_map(|n| step_with(n, id)),
        Value::Scalar(_) | Value::Refused => None,
    }
}
