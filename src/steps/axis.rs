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

/// An axis of a kind that belongs to the station of the step. One that is wrong has been said; what is meant by it, as
/// far as that can be told, still bounds positions and speeds: their mistakes are told in the same run.
pub(crate) fn at_station(
    f: &mut Fields<'_>,
    cx: &mut Context<'_, '_>,
    station: Option<StationId>,
    kind: AxisKind,
) -> Option<AxisId> {
    let cell = cx.cell;
    let at = station.map(|s| &cell.stations[s.index()]);
    let meant = at.and_then(|s| only(s.axes.iter().filter(|a| cell.axes[a.index()].kind == kind)).copied());
    let named = f.req("axis", cx.d, |d, n| names::axis(d, n, cell).map(|id| (id, n.span)));
    let Some((id, span)) = named else { return meant };
    let axis = &cell.axes[id.index()];
    if axis.kind != kind {
        let wanted = if kind == AxisKind::Linear { "linear" } else { "rotary" };
        let message = format!("`{}` is not a {wanted} axis", axis.name);
        cx.d.sink.error(Code::AxisKind, span, message, format!("name a {wanted} axis"));
        return meant;
    }
    match station {
        Some(station) if !belongs(cx, id, station, span) => meant.or(Some(id)),
        _ => Some(id),
    }
}

/// Whether an axis belongs to a station; says so if not.
pub(crate) fn belongs(cx: &mut Context<'_, '_>, id: AxisId, station: StationId, span: Span) -> bool {
    let cell = cx.cell;
    let (axis, station) = (&cell.axes[id.index()], &cell.stations[station.index()]);
    let good = station.axes.contains(&id);
    if !good {
        let there: Vec<_> = station.axes.iter().map(|a| format!("`{}`", cell.axes[a.index()].name)).collect();
        let message = format!("`{}` does not belong to station `{}`", axis.name, station.name);
        let help = match there.as_slice() {
            [] => "no axis belongs to that station: name another one".to_string(),
            _ => format!("there: {}", there.join(", ")),
        };
        cx.d.sink.error(Code::NotAtStation, span, message, help);
        cx.doubt_station();
    }
    good
}

/// The one there is: what a name that is wrong can only have meant.
pub(crate) fn only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

/// A position within the travel; where the axis is not known, one of its kind.
pub(crate) fn target(
    cx: &mut Context<'_, '_>,
    node: &Node,
    kind: AxisKind,
    axis: Option<&Axis>,
) -> Option<f64> {
    let value = cx.d.quantity(node, position(kind))?;
    axis.is_none_or(|axis| within_travel(cx, node.span, value, axis)).then_some(value)
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

/// A speed above zero that the axis may have; where the axis is not known, one of its kind.
pub(crate) fn velocity(
    cx: &mut Context<'_, '_>,
    node: &Node,
    kind: AxisKind,
    axis: Option<&Axis>,
) -> Option<f64> {
    let value = cx.d.positive(node, speed(kind))?;
    let Some(axis) = axis.filter(|axis| value > axis.velocity_max) else { return Some(value) };
    let unit = axis.unit();
    let message = format!("{value} {unit}/s is faster than `{}` may move", axis.name);
    cx.d.sink.error(Code::Velocity, node.span, message, format!("at most {} {unit}/s", axis.velocity_max));
    None
}

/// An analog channel that measures a dimension. One that is wrong has been said; if the cell has one such channel, that
/// one is meant.
pub(crate) fn sensor(
    f: &mut Fields<'_>,
    cx: &mut Context<'_, '_>,
    field: &'static str,
    dimension: Dimension,
) -> Option<AnalogId> {
    let cell = cx.cell;
    let named = f.req(field, cx.d, |d, n| {
        let id = names::analog(d, n, cell)?;
        let channel = &cell.analogs[id.index()];
        if channel.dimension != dimension {
            let message = format!("`{}` measures {}", channel.name, channel.dimension.name());
            let help = format!("name a channel that measures {}", dimension.name());
            d.sink.error(Code::Dimension, n.span, message, help);
            return None;
        }
        Some(id)
    });
    let such = (0u16..).zip(&cell.analogs).filter(|(_, a)| a.dimension == dimension);
    named.or_else(|| only(such).map(|(n, _)| AnalogId(n)))
}

/// A level above zero within the trusted range of a channel; where the channel is not known, of what it would measure.
pub(crate) fn level(
    cx: &mut Context<'_, '_>,
    node: &Node,
    dimension: Dimension,
    analog: Option<AnalogId>,
) -> Option<f64> {
    let value = cx.d.positive(node, dimension)?;
    let channel = analog.map(|id| &cx.cell.analogs[id.index()]);
    let Some(channel) = channel.filter(|c| value > c.range_hi) else { return Some(value) };
    let unit = channel.dimension.unit();
    let message = format!("{value} {unit} is beyond what `{}` can show", channel.name);
    cx.d.sink.error(Code::SensorRange, node.span, message, format!("at most {} {unit}", channel.range_hi));
    None
}
