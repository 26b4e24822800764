//! What a hover says: the field's line, its kind of value, and the limits that the cell puts on it.

use cellwright_model::Dimension;
use cellwright_model::cell::Cell;
use cellwright_recipe::FileKind;
use cellwright_recipe::shape::{Field, Keys, Need, What};
use cellwright_recipe::tree::{Mapping, Value};

use crate::spot::{Part, Read, Spot, text_of};
use crate::text::word;
use crate::words::{analog, axis, of_keys, of_name, of_what};

/// Markdown for a byte of a file; `None`: nothing is known of it.
pub(crate) fn hover(read: &Read, cell: Option<&Cell>, byte: usize) -> Option<String> {
    let spot = read.spot(byte)?;
    let lines = match &spot.part {
        Part::Field { entry, fields, .. } => {
            let field = fields.iter().find(|f| f.name == entry.key)?;
            of_field(field, &spot, cell)
        }
        Part::Step(name) => {
            let step = read.steps.iter().find(|s| s.name == *name)?;
            let fields: Vec<_> = step.fields.iter().map(|f| format!("`{}`", f.name)).collect();
            vec![format!("**{name}**: {}", step.about), format!("Fields: {}", fields.join(", "))]
        }
        Part::Key { entry, keys, of } => of_key(read, cell, &entry.key, *keys, of),
        Part::Value { node, field, .. } => {
            let Value::Scalar(_) = node.value else { return None };
            let said = of_word(read, cell, &read.text[word(&read.text, byte)]);
            let rest = field.map(|f| of_field(f, &spot, cell)).unwrap_or_default();
            said.into_iter().chain(rest).collect()
        }
    };
    (!lines.is_empty()).then(|| lines.join("\n\n"))
}

/// What is known under a key; if nothing is, what kind of key it is. A name that an author gives may be that of
/// something in the cell by chance, but for the cell file itself.
fn of_key(read: &Read, cell: Option<&Cell>, key: &str, keys: Keys, of: &What) -> Vec<String> {
    let known = match keys {
        Keys::Parameter => of_word(read, cell, &format!("${key}")),
        Keys::Given if read.kind != FileKind::Cell => None,
        _ => cell.and_then(|cell| of_name(cell, key)),
    };
    let said = known.unwrap_or_else(|| format!("**{key}**: {}", of_keys(keys)));
    vec![said, format!("Value: {}", of_what(of))]
}

/// A parameter, or a name of the cell.
fn of_word(read: &Read, cell: Option<&Cell>, word: &str) -> Option<String> {
    if let Some(name) = word.strip_prefix('$') {
        let entry = crate::spot::at(&read.root, &["params", name])?;
        let span = entry.node.span;
        let text = read.text.get(span.start as usize..span.end as usize)?;
        return Some(format!("parameter `{name}`: `{text}`"));
    }
    of_name(cell?, word)
}

fn of_field(field: &Field, spot: &Spot<'_>, cell: Option<&Cell>) -> Vec<String> {
    let left_out = match field.need {
        Need::Optional("") => " May be left out.".to_owned(),
        Need::Optional(default) => format!(" If left out: `{default}`."),
        Need::Required | Need::Depends => String::new(),
    };
    let mut lines = vec![
        format!("**{}**: {}{left_out}", field.name, field.doc),
        format!("Value: {}", of_what(&field.what)),
    ];
    if let (Some(cell), Some(step)) = (cell, spot.step) {
        lines.extend(limits(cell, step, &field.what));
    }
    lines
}

/// What the axis and the sensors of a step permit for a quantity.
fn limits(cell: &Cell, step: &Mapping, what: &What) -> Vec<String> {
    let (What::Quantity(dimensions) | What::Range(dimensions)) = what else { return Vec::new() };
    let moves = dimensions.iter().any(|d| {
        use Dimension::{Angle, AngularVelocity, Length, Torque, Velocity};
        matches!(d, Length | Angle | Velocity | AngularVelocity | Torque)
    });
    let of_axis =
        text_of(step, "axis").and_then(|n| cell.axes.iter().find(|a| a.name == n)).filter(|_| moves);
    let named = ["force", "torque_sensor"].into_iter().filter_map(|f| text_of(step, f));
    let tester = text_of(step, "channel").and_then(|n| cell.leak_testers.iter().find(|t| t.name == n));
    let pressure = tester.and_then(|t| cell.analogs.get(t.pressure.index()));
    let sensors = named.filter_map(|n| cell.analogs.iter().find(|a| a.name == n)).chain(pressure);
    let shows = sensors.filter(|a| dimensions.contains(&a.dimension));
    of_axis.map(axis).into_iter().chain(shows.map(analog)).collect()
}
