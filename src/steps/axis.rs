//! Axes in steps: positions within the travel, speeds within the limit, the station they belong to.

use cellwright_model::cell::{Axis, AxisKind};
use cellwright_model::{AnalogId, AxisId, Dimension, StationId};
use cellwright_recipe::{Code, Context, Fields, Node, Span, names};

/// Dimension of a position.
pub(crate) fn position(kind: AxisKind) -> Dimension {
    match kind {
        AxisKind::Linear => Dimension::Length,
        AxisKind::Rotary => Dimension::Angle,
    }
}

/// Dimension of a speed.
pub(crate) fn speed(kind: AxisKind) -> Dimension {
    match kind {
        AxisKind::Linear => Dimension::Velocity,
        AxisKind::Rotary => Dimension::AngularVelocity,
    }
}

/// An axis of a kind that belongs to the station of the step.
pub(crate) fn at_station(
    f: &mut Fields<'_>,
    cx: &mut Context<'_, '_>,
    station: Option<StationId>,
    kind: AxisKind,
) -> Option<AxisId> {
    let cell = cx.cell;
    let (id, node) = f.req("axis", cx.d, |d, n| names::axis(d, n, cell).map(|id| (id, n)))?;
    let axis = &cell.axes[id.index()];
    if axis.kind != kind {
        let wanted = if kind == AxisKind::Linear { "linear" } else { "rotary" };
        let message = format!("`{}` is not a {wanted} axis", axis.name);
        cx.d.sink.error(Code::AxisKind, node.span, message, format!("name a {wanted} axis"));
        return None;
    }
    let station = &cell.stations[station?.index()];
    if !station.axes.contains(&id) {
        let there: Vec<_> = station.axes.iter().map(|a| format!("`{}`", cell.axes[a.index()].name)).collect();
        let message = format!("`{}` does not belong to station `{}`", axis.name, station.name);
        let help = match there.as_slice() {
            [] => "no axis belongs to that station: name another one".to_string(),
            _ => format!("there: {}", there.join(", ")),
        };
        cx.d.sink.error(Code::NotAtStation, node.span, message, help);
    }
    Some(id)
}

/// A position within the travel.
pub(crate) fn target(cx: &mut Context<'_, '_>, node: &Node, axis: &Axis) -> Option<f64> {
    let value = cx.d.quantity(node, position(axis.kind))?;
    within_travel(cx, node.span, value, axis).then_some(value)
}

/// Refuses a position outside the travel.
pub(crate) fn within_travel(cx: &mut Context<'_, '_>, span: Span, value: f64, axis: &Axis) -> bool {
    let good = value >= axis.travel_lo_au && value <= axis.travel_hi_au;
    if !good {
        let unit = axis.unit();
        let message = format!("{value} {unit} is outside the travel of `{}`", axis.name);
        let help = format!("within {} .. {} {unit}", axis.travel_lo_au, axis.travel_hi_au);
        cx.d.sink.error(Code::Travel, span, message, help);
    }
    good
}

/// A speed above zero that the axis may have.
pub(crate) fn velocity(cx: &mut Context<'_, '_>, node: &Node, axis: &Axis) -> Option<f64> {
    let value = cx.d.positive(node, speed(axis.kind))?;
    if value > axis.velocity_max {
        let unit = axis.unit();
        let message = format!("{value} {unit}/s is faster than `{}` may move", axis.name);
        cx.d.sink.error(
            Code::Velocity,
            node.span,
            message,
            format!("at most {} {unit}/s", axis.velocity_max),
        );
        return None;
    }
    Some(value)
}

/// An analog channel that measures a dimension.
pub(crate) fn sensor(
    f: &mut Fields<'_>,
    cx: &mut Context<'_, '_>,
    field: &'static str,
    dimension: Dimension,
) -> Option<AnalogId> {
    let cell = cx.cell;
    f.req(field, cx.d, |d, n| {
        let id = names::analog(d, n, cell)?;
        let channel = &cell.analogs[id.index()];
        if channel.dimension != dimension {
            let message = format!("`{}` measures {}", channel.name, channel.dimension.name());
            let help = format!("name a channel that measures {}", dimension.name());
            d.sink.error(Code::Dimension, n.span, message, help);
            return None;
        }
        Some(id)
    })
}

/// A level above zero within the trusted range of a channel.
pub(crate) fn level(cx: &mut Context<'_, '_>, node: &Node, analog: AnalogId) -> Option<f64> {
    let channel = &cx.cell.analogs[analog.index()];
    let value = cx.d.positive(node, channel.dimension)?;
    if value > channel.range_hi {
        let unit = channel.dimension.unit();
        let message = format!("{value} {unit} is beyond what `{}` can show", channel.name);
        cx.d.sink.error(
            Code::SensorRange,
            node.span,
            message,
            format!("at most {} {unit}", channel.range_hi),
        );
        return None;
    }
    Some(value)
}
