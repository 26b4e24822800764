//! Where the thing that a word names is written: in the file itself, in cell.yaml, or a file of its own.

use cellwright_recipe::shape::{Keys, Names, What};
use cellwright_recipe::tree::{Entry, Node, Value};
use cellwright_recipe::{FileKind, Span};

use crate::spot::{Part, Read, at, entry, text, text_of};
use crate::text::word;

/// A place: in the file that was asked about, in the cell file, or at the begin of another file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Here(Span),
    InCell(Span),
    /// By its path from the folder of the file that was asked about.
    File(String),
}

/// Where the word at a byte is defined; `cell`: the tree of cell.yaml.
pub(crate) fn define(read: &Read, cell: Option<&Node>, byte: usize) -> Option<Place> {
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
        Part::Key { keys: Keys::Name(of), entry } => in_cell(*of, &entry.key),
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
        | Names::Path
        | Names::Argument => None,
    }
}

/// The id of the step that has it, wherever it stands.
fn step_of(node: &Node, id: &str) -> Option<Span> {
    match &node.value {
        Value::Mapping(map) => map.entries.iter().find_map(|e| match (e.key.as_str(), text(&e.node)) {
            ("id", Some(word)) if word == id => Some(e.node.span),
            _ => step_of(&e.node, id),
        }),
        Value::Sequence(list) => list.iter().find_map(|n| step_of(n, id)),
        Value::Scalar(_) | Value::Refused => None,
    }
}
