//! `windows:` of a press step: what the curve of force over depth must do, judged beside the measurements.
//!
//! ```yaml
//! windows:
//!   - { depth: 10.0 .. 12.0 mm, force: 20 .. 140 N }                    # every sample in there within
//!   - pass-through: { depth: 4.0 .. 6.0 mm, force: 5 .. 80 N }          # in on the left, out on the right
//!   - no-pass: { depth: 2.0 .. 8.0 mm, force: 150 .. 400 N }            # never in there
//!   - threshold: { force: 40 N, depth: 6.0 .. 11.0 mm }                 # first reached between these
//!   - envelope:                                                         # straight from point to point
//!       - { depth: 1.0 mm, force: 0 .. 60 N }
//!       - { depth: 12.0 mm, force: 30 .. 150 N }
//! ```
//! Depth counts from contact; `position:` instead is the axis coordinate.

use cellwright_model::plan::{EnvelopePoint, Window, WindowShape};
use cellwright_model::{AnalogId, Dimension};
use cellwright_recipe::shape::What;
use cellwright_recipe::{Code, Context, Decoder, Fields, Node, Span, shape};

use super::{CONTACT, CURVE};
use crate::axis::level;

shape! { pub(super) WINDOW = "window", "What the curve has to do on its way: one of these, or every force between two depths within a range." {
    dep "depth": Range(&[Length]), "From contact; or `position`.";
    dep "position": Range(&[Length]), "Axis coordinates; or `depth`.";
    dep "force": Range(&[Force]), "What every force there has to be within.";
    dep "pass-through": Fields(&BOX), "The curve comes in on the left, stays within, and goes out on the right.";
    dep "no-pass": Fields(&BOX), "The curve never comes in there.";
    dep "threshold": Fields(&THRESHOLD), "Where a force is first reached.";
    dep "envelope": List(&What::Fields(&POINT)), "Limits that run straight from each point to the next.";
}}

shape! { BOX = "window box", "Depths and forces." {
    dep "depth": Range(&[Length]), "From contact; or `position`.";
    dep "position": Range(&[Length]), "Axis coordinates; or `depth`.";
    req "force": Range(&[Force]), "Lower and upper edge.";
}}

shape! { THRESHOLD = "window threshold", "A force, and where it is first reached." {
    dep "depth": Range(&[Length]), "From contact; or `position`.";
    dep "position": Range(&[Length]), "Axis coordinates; or `depth`.";
    req "force": Quantity(&[Force]), "First reached in there.";
}}

shape! { POINT = "envelope point", "The limits at one depth." {
    dep "depth": Quantity(&[Length]), "From contact; or `position`.";
    dep "position": Quantity(&[Length]), "Axis coordinate; or `depth`.";
    req "force": Range(&[Force]), "Lower and upper limit there.";
}}

type Range = (f64, f64);

/// Where positions are counted from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Contact,
    Axis,
}

/// Where a window looks.
#[derive(Clone, Copy)]
struct Place {
    origin: Origin,
    range: Range,
    /// In the text.
    span: Span,
}

pub(super) fn read(
    f: &mut Fields<'_>,
    cx: &mut Context<'_, '_>,
    force: Option<AnalogId>,
) -> Vec<(Window, Span)> {
    let list = f.opt("windows", cx.d, |d, n| d.list(n)).unwrap_or_default();
    list.iter().filter_map(|n| window(cx, n, force)).collect()
}

fn window(cx: &mut Context<'_, '_>, node: &Node, force: Option<AnalogId>) -> Option<(Window, Span)> {
    let mut f = cx.d.fields(node)?;
    let kinds = ["pass-through", "no-pass", "threshold", "envelope"];
    let Some((kind, entry)) = kinds.iter().find_map(|k| Some((*k, f.entry(k)?))) else {
        let (place, value) = in_a_box(f, cx, node.span, force)?;
        return Some(made(place, WindowShape::Within { position: place.range, value }));
    };
    f.finish(cx.d);
    if kind == "envelope" {
        return envelope(cx, &entry.node, force);
    }
    let inner = cx.d.fields(&entry.node)?;
    if kind == "threshold" {
        return threshold(inner, cx, entry.node.span, force);
    }
    let (place, value) = in_a_box(inner, cx, entry.node.span, force)?;
    let channel = &cx.cell.analogs[force?.index()];
    let sensor = (channel.range_lo, channel.range_hi);
    let position = place.range;
    let shape = match kind {
        "pass-through" => WindowShape::PassThrough { position, value },
        _ => WindowShape::NoPass { position, value, sensor },
    };
    Some(made(place, shape))
}

fn made(place: Place, shape: WindowShape) -> (Window, Span) {
    let window = Window {
        curve: CURVE.into(),
        origin: (place.origin == Origin::Contact).then(|| CONTACT.to_string()),
        shape,
        unit: "N".into(),
        position_unit: "mm".into(),
    };
    (window, place.span)
}

/// `depth:` or `position:`, and a range of `force:`.
fn in_a_box(
    mut f: Fields<'_>,
    cx: &mut Context<'_, '_>,
    span: Span,
    force: Option<AnalogId>,
) -> Option<(Place, Range)> {
    let place = place(&mut f, cx, span);
    let value = f.req("force", cx.d, |d, n| d.range(n, Dimension::Force).map(|r| (r, n.span)));
    f.finish(cx.d);
    let (range, at) = value?;
    within_sensor(cx, at, range, force?);
    Some((place?, range))
}

fn threshold(
    mut f: Fields<'_>,
    cx: &mut Context<'_, '_>,
    span: Span,
    force: Option<AnalogId>,
) -> Option<(Window, Span)> {
    let place = place(&mut f, cx, span);
    let at = f.req("force", cx.d, |_, n| Some(n));
    f.finish(cx.d);
    let level = level(cx, at?, force?)?;
    let place = place?;
    Some(made(place, WindowShape::Threshold { level, position: place.range }))
}

/// A range of depths from contact, or of positions of the axis: one of the two.
fn place(f: &mut Fields<'_>, cx: &mut Context<'_, '_>, span: Span) -> Option<Place> {
    let mut read = |name, origin| {
        let range = |d: &mut Decoder<'_>, n: &Node| {
            Some(Place { origin, range: d.range(n, Dimension::Length)?, span: n.span })
        };
        f.opt(name, cx.d, range)
    };
    let (depth, position) = (read("depth", Origin::Contact), read("position", Origin::Axis));
    one_place(f, cx, span);
    depth.or(position)
}

fn one_place(f: &mut Fields<'_>, cx: &mut Context<'_, '_>, span: Span) {
    match (f.entry("depth"), f.entry("position")) {
        (Some(_), Some(_)) => {
            let help = "keep `depth` (from contact) or `position` (of the axis)";
            cx.d.sink.error(Code::Order, span, "a window in two coordinates", help);
        }
        (None, None) => f.missing("depth", cx.d),
        _ => {}
    }
}

/// Two points or more, each deeper than the one before, all in one coordinate.
fn envelope(cx: &mut Context<'_, '_>, node: &Node, force: Option<AnalogId>) -> Option<(Window, Span)> {
    let list = cx.d.list(node)?;
    let points: Vec<_> = list.iter().map(|n| point(cx, n, force).map(|p| (p, n.span))).collect();
    let points: Vec<_> = points.into_iter().collect::<Option<_>>()?;
    let Some(((origin, _), _)) = points.first().filter(|_| points.len() > 1) else {
        let help = "write two points or more: the limits run straight from each to the next";
        cx.d.sink.error(Code::Order, node.span, "an envelope of fewer than two points", help);
        return None;
    };
    for pair in points.windows(2) {
        let [((a_origin, a), _), ((b_origin, b), span)] = pair else { continue };
        if a_origin != b_origin {
            let help = "write all points in `depth` (from contact) or all in `position` (of the axis)";
            cx.d.sink.error(Code::Order, *span, "an envelope in two coordinates", help);
            return None;
        }
        if b.position <= a.position {
            let message =
                format!("{} mm does not lie beyond the point before, {} mm", b.position, a.position);
            cx.d.sink.error(Code::Order, *span, message, "order the points as the ram meets them");
            return None;
        }
    }
    let origin = *origin;
    let shape = WindowShape::Envelope(points.into_iter().map(|((_, p), _)| p).collect());
    Some(made(Place { origin, range: shape.positions(), span: node.span }, shape))
}

fn point(cx: &mut Context<'_, '_>, node: &Node, force: Option<AnalogId>) -> Option<(Origin, EnvelopePoint)> {
    let mut f = cx.d.fields(node)?;
    let depth = f.opt("depth", cx.d, |d, n| d.quantity(n, Dimension::Length));
    let position = f.opt("position", cx.d, |d, n| d.quantity(n, Dimension::Length));
    one_place(&mut f, cx, node.span);
    let value = f.req("force", cx.d, |d, n| d.range(n, Dimension::Force).map(|r| (r, n.span)));
    f.finish(cx.d);
    let (value, at) = value?;
    within_sensor(cx, at, value, force?);
    let (origin, position) = depth.map(|p| (Origin::Contact, p)).or(position.map(|p| (Origin::Axis, p)))?;
    Some((origin, EnvelopePoint { position, value }))
}

fn within_sensor(cx: &mut Context<'_, '_>, span: Span, range: Range, force: AnalogId) {
    let channel = &cx.cell.analogs[force.index()];
    if range.0 < channel.range_lo || range.1 > channel.range_hi {
        let message = "this window reaches beyond what the load cell can show";
        let help = format!("within {} .. {} N", channel.range_lo, channel.range_hi);
        cx.d.sink.error(Code::LimitsBeyondSensor, span, message, help);
    }
}
