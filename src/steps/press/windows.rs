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

/// A window as it was read, with its places in the text: where it looks, and each of its forces.
pub(super) struct Read {
    pub(super) window: Window,
    pub(super) at: Span,
    pub(super) forces: Vec<(Range, Span)>,
}

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

pub(super) fn read(f: &mut Fields<'_>, cx: &mut Context<'_, '_>, force: Option<AnalogId>) -> Vec<Read> {
    let list = f.opt("windows", cx.d, |d, n| d.list(n)).unwrap_or_default();
    list.iter().filter_map(|n| window(cx, n, force)).collect()
}

fn window(cx: &mut Context<'_, '_>, node: &Node, force: Option<AnalogId>) -> Option<Read> {
    let mut f = cx.d.fields(node)?;
    let kinds = ["pass-through", "no-pass", "threshold", "envelope"];
    let Some((kind, entry)) = kinds.iter().find_map(|k| Some((*k, f.entry(k)?))) else {
        let (place, (value, at)) = in_a_box(f, cx, node.span, force)?;
        let shape = WindowShape::Within { position: place.range, value };
        return Some(made(place, shape, vec![(value, at)]));
    };
    f.finish(cx.d);
    if kind == "envelope" {
        return envelope(cx, &entry.node, force);
    }
    let inner = cx.d.fields(&entry.node)?;
    if kind == "threshold" {
        return threshold(inner, cx, entry.node.span, force);
    }
    let (place, (value, at)) = in_a_box(inner, cx, entry.node.span, force)?;
    let channel = force.map(|id| &cx.cell.analogs[id.index()]);
    let sensor = channel.map_or(value, |c| (c.range_lo, c.range_hi));
    let position = place.range;
    let shape = match kind {
        "pass-through" => WindowShape::PassThrough { position, value },
        _ => WindowShape::NoPass { position, value, sensor },
    };
    Some(made(place, shape, vec![(value, at)]))
}

fn made(place: Place, shape: WindowShape, forces: Vec<(Range, Span)>) -> Read {
    let window = Window {
        curve: CURVE.into(),
        origin: (place.origin == Origin::Contact).then(|| CONTACT.to_string()),
        shape,
        unit: "N".into(),
        position_unit: "mm".into(),
    };
    Read { window, at: place.span, forces }
}

/// `depth:` or `position:`, and a range of `force:`.
fn in_a_box(
    mut f: Fields<'_>,
    cx: &mut Context<'_, '_>,
    span: Span,
    force: Option<AnalogId>,
) -> Option<(Place, (Range, Span))> {
    let place = place(&mut f, cx, span);
    let value = f.req("force", cx.d, |d, n| d.range(n, Dimension::Force).map(|r| (r, n.span)));
    f.finish(cx.d);
    let (range, at) = value?;
    within_sensor(cx, at, range, force)?;
    Some((place?, (range, at)))
}

fn threshold(
    mut f: Fields<'_>,
    cx: &mut Context<'_, '_>,
    span: Span,
    force: Option<AnalogId>,
) -> Option<Read> {
    let place = place(&mut f, cx, span);
    let at = f.req("force", cx.d, |_, n| Some(n));
    f.finish(cx.d);
    let at = at?;
    let level = level(cx, at, Dimension::Force, force)?;
    let place = place?;
    let shape = WindowShape::Threshold { level, position: place.range };
    Some(made(place, shape, vec![((level, level), at.span)]))
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
fn envelope(cx: &mut Context<'_, '_>, node: &Node, force: Option<AnalogId>) -> Option<Read> {
    let list = cx.d.list(node)?;
    let read: Vec<_> = list.iter().map(|n| point(cx, n, force).map(|p| (p, n.span))).collect();
    let complete = read.iter().all(Option::is_some);
    let points: Vec<_> = read.into_iter().flatten().collect();
    let Some(((origin, ..), _)) = points.first().filter(|_| list.len() > 1) else {
        if list.len() > 1 {
            return None;
        }
        let help = "write two points or more: the limits run straight from each to the next";
        cx.d.sink.error(Code::Order, node.span, "an envelope of fewer than two points", help);
        return None;
    };
    for pair in points.windows(2) {
        let [((a_origin, a, _), _), ((b_origin, b, _), span)] = pair else { continue };
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
    let forces = points.iter().map(|((_, point, at), _)| (point.value, *at)).collect();
    let shape = WindowShape::Envelope(points.into_iter().map(|((_, p, _), _)| p).collect());
    complete.then(|| made(Place { origin, range: shape.positions(), span: node.span }, shape, forces))
}

fn point(
    cx: &mut Context<'_, '_>,
    node: &Node,
    force: Option<AnalogId>,
) -> Option<(Origin, EnvelopePoint, Span)> {
    let mut f = cx.d.fields(node)?;
    let depth = f.opt("depth", cx.d, |d, n| d.quantity(n, Dimension::Length));
    let position = f.opt("position", cx.d, |d, n| d.quantity(n, Dimension::Length));
    one_place(&mut f, cx, node.span);
    let value = f.req("force", cx.d, |d, n| d.range(n, Dimension::Force).map(|r| (r, n.span)));
    f.finish(cx.d);
    let (value, at) = value?;
    within_sensor(cx, at, value, force)?;
    let (origin, position) = depth.map(|p| (Origin::Contact, p)).or(position.map(|p| (Origin::Axis, p)))?;
    Some((origin, EnvelopePoint { position, value }, at))
}

fn within_sensor(
    cx: &mut Context<'_, '_>,
    span: Span,
    (lo, hi): Range,
    force: Option<AnalogId>,
) -> Option<()> {
    let Some(channel) = force.map(|id| &cx.cell.analogs[id.index()]) else { return Some(()) };
    if lo >= channel.range_lo && hi <= channel.range_hi {
        return Some(());
    }
    let message = "this window reaches beyond what the load cell can show";
    let help = format!("within {} .. {} N", channel.range_lo, channel.range_hi);
    cx.d.sink.error(Code::LimitsBeyondSensor, span, message, help);
    None
}

/// Two windows that look at the same depths and permit no force in common pass no part.
pub(super) fn together(cx: &mut Context<'_, '_>, windows: &[Read]) {
    let within = |read: &Read| match read.window.shape {
        WindowShape::Within { position, value } => Some((read.window.origin.is_some(), position, value)),
        _ => None,
    };
    for (n, read) in windows.iter().enumerate() {
        let Some((origin, at, value)) = within(read) else { continue };
        let apart = |other: &&Read| {
            within(other).is_some_and(|(other_origin, there, permitted)| {
                let meet = origin == other_origin && at.0 < there.1 && there.0 < at.1;
                meet && (value.1 < permitted.0 || permitted.1 < value.0)
            })
        };
        if let (Some(other), Some((_, span))) = (windows[..n].iter().find(apart), read.forces.first()) {
            let message = "no curve passes this window and the other one, which looks at the same depths";
            let labels = vec![(other.at, "the other window".to_string())];
            let help = "let their forces overlap, or their depths not";
            cx.d.sink.error_with(Code::Contradiction, *span, message, help, labels);
        }
    }
}
