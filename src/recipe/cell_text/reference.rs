//! `reference:` of an axis: `absolute`, or how it is homed.
//!
//! ```yaml
//! reference: { homing: 17, found: -2.5 mm, switch_speed: 20 mm/s, zero_speed: 2 mm/s, acceleration: 500 mm/s² }
//! ```

use cellwright_model::cell::{Axis, Cell};
use cellwright_model::pdos::Pdos;
use cellwright_model::reference::{Homing, HomingMethod, Reference};
use cellwright_model::{Dimension, DurationNs};

use super::axes::dimensions;
use crate::code::Code;
use crate::decode::Decoder;
use crate::source::Span;
use crate::tree::{Node, Value};

/// Where the file says none: longer than any axis of a cell looks for its switch.
const WITHIN: DurationNs = DurationNs::from_millis(60_000);
/// A person who waits longer takes it for broken.
const WITHIN_MAX_S: f64 = 600.0;
/// Speeds for method 37, which moves nothing; a drive wants some.
const UNUSED_SHARE: f64 = 0.01;

pub(super) fn reference(d: &mut Decoder<'_>, node: &Node, axis: &Axis, cell: &Cell) -> Option<Reference> {
    if !matches!(node.value, Value::Mapping(_)) {
        return d.word(node, &[("absolute", Reference::Absolute)]);
    }
    let [position, velocity, acceleration, _] = dimensions(axis.kind);
    let mut f = d.fields(node)?;
    let method = f.req("homing", d, method);
    let found = f.req("found", d, |d, n| d.quantity(n, position));
    let mut homing = Homing {
        method: method.unwrap_or(HomingMethod::Current),
        switch_speed: axis.velocity_max * UNUSED_SHARE,
        zero_speed: axis.velocity_max * UNUSED_SHARE,
        acceleration: axis.acceleration_max,
        found_au: found.unwrap_or(f64::NAN),
        within: WITHIN,
    };
    let mut within = |field, dimension, max, d: &mut Decoder<'_>| {
        f.req(field, d, |d, n| at_most(d, n, dimension, max)).unwrap_or(f64::NAN)
    };
    if homing.method != HomingMethod::Current {
        homing.zero_speed = within("zero_speed", velocity, axis.velocity_max, d);
        homing.acceleration = within("acceleration", acceleration, axis.acceleration_max, d);
    }
    if homing.method.seeks_switch() {
        homing.switch_speed = within("switch_speed", velocity, axis.velocity_max, d);
    }
    if let Some(within) = f.opt("timeout", d, |d, n| at_most(d, n, Dimension::Time, WITHIN_MAX_S)) {
        homing.within = DurationNs::from_secs_f64(within);
    }
    f.finish(d);
    carried(d, node.span, axis, cell);
    (method.is_some() && found.is_some()).then_some(Reference::Homing(homing))
}

fn method(d: &mut Decoder<'_>, node: &Node) -> Option<HomingMethod> {
    let text = d.text(node)?;
    let found = HomingMethod::ALL.into_iter().find(|m| m.code().to_string() == text.text);
    if found.is_none() {
        let known: Vec<_> = HomingMethod::ALL.iter().map(|m| m.code().to_string()).collect();
        let message = format!("`{}` is no homing method of these drives", text.text);
        d.error_at(Code::UnknownWord, &text, message, format!("one of {}", known.join(", ")));
    }
    found
}

fn at_most(d: &mut Decoder<'_>, node: &Node, dimension: Dimension, max: f64) -> Option<f64> {
    let value = d.positive(node, dimension)?;
    if value > max {
        let unit = dimension.unit();
        let message = format!("{value} {unit} is too much here");
        d.sink.error(Code::OutOfRange, node.span, message, format!("at most {max} {unit}"));
    }
    Some(value)
}

/// Homing is a mode of operation: it is asked for and confirmed in the process data.
fn carried(d: &mut Decoder<'_>, span: Span, axis: &Axis, cell: &Cell) {
    let pdos = cell.segment.get(axis.subdevice).and_then(|s| s.pdos.as_ref());
    let Some(Pdos { rx, tx, .. }) = pdos else { return };
    let mapped = |object| rx.iter().chain(tx).flat_map(|p| &p.entries).any(|e| e.index == object);
    for (object, what) in [(0x6060, "mode of operation"), (0x6061, "mode displayed")] {
        if !mapped(object) {
            let message = format!("the process data of its drive have no {what} (0x{object:04X})");
            d.sink.error(Code::MissingField, span, message, format!("map 0x{object:04X} in its `pdos:`"));
        }
    }
}
