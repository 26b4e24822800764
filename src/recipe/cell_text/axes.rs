//! Servo axes: scaling, travel, limits, home.

use cellwright_model::cell::{Axis, AxisKind, Cell, DeviceKind};
use cellwright_model::reference::Reference;
use cellwright_model::{Dimension, DurationNs, Quantity};

use super::devices::{Families, subdevice};
use super::{AXES_MAX, entries, reference};
use crate::code::Code;
use crate::decode::{Decoder, Fields};
use crate::source::Span;
use crate::tree::{Entry, Node};

/// Dimensions of position, velocity, acceleration and jerk of a kind of axis.
pub(crate) fn dimensions(kind: AxisKind) -> [Dimension; 4] {
    match kind {
        AxisKind::Linear => {
            [Dimension::Length, Dimension::Velocity, Dimension::Acceleration, Dimension::Jerk]
        }
        AxisKind::Rotary => [
            Dimension::Angle,
            Dimension::AngularVelocity,
            Dimension::AngularAcceleration,
            Dimension::AngularJerk,
        ],
    }
}

pub(super) fn axes(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &mut Cell, families: &Families) {
    let Some(node) = f.req("axes", d, |_, n| Some(n)) else { return };
    for entry in entries(d, node, AXES_MAX) {
        let axis = axis(d, entry, cell, families);
        cell.axes.push(axis);
    }
}

fn axis(d: &mut Decoder<'_>, entry: &Entry, cell: &Cell, families: &Families) -> Axis {
    let mut axis = Axis {
        name: entry.key.clone(),
        kind: AxisKind::Linear,
        subdevice: usize::MAX,
        counts_per_au: f64::NAN,
        travel_lo_au: f64::NAN,
        travel_hi_au: f64::NAN,
        velocity_max: f64::NAN,
        acceleration_max: f64::NAN,
        jerk_max: f64::NAN,
        torque_rated_nm: f64::NAN,
        torque_max_nm: f64::NAN,
        following_error_max_au: f64::NAN,
        home_au: f64::NAN,
        reference: Reference::Absolute,
    };
    let Some(mut f) = d.fields(&entry.node) else { return axis };
    let words = [("linear", AxisKind::Linear), ("rotary", AxisKind::Rotary)];
    axis.kind = f.req("kind", d, |d, n| d.word(n, &words)).unwrap_or(AxisKind::Linear);
    let [position, velocity, acceleration, jerk] = dimensions(axis.kind);
    axis.subdevice = f.req("drive", d, |d, n| drive(d, n, cell, families)).unwrap_or(usize::MAX);
    axis.counts_per_au = f.req("counts", d, |d, n| counts(d, n, axis.kind)).unwrap_or(f64::NAN);
    let travel = f.req("travel", d, |d, n| travel(d, n, position, axis.counts_per_au));
    (axis.travel_lo_au, axis.travel_hi_au) = travel.unwrap_or((f64::NAN, f64::NAN));
    let mut positive =
        |field, dimension| f.req(field, d, |d, n| d.positive(n, dimension)).unwrap_or(f64::NAN);
    axis.velocity_max = positive("velocity_max", velocity);
    axis.acceleration_max = positive("acceleration_max", acceleration);
    axis.jerk_max = positive("jerk_max", jerk);
    axis.torque_rated_nm = positive("torque_rated", Dimension::Torque);
    axis.torque_max_nm = positive("torque_max", Dimension::Torque);
    let following = f.req("following_error_max", d, |d, n| following(d, n, position, &axis, cell.cycle));
    axis.following_error_max_au = following.unwrap_or(f64::NAN);
    axis.home_au = f.req("home", d, |d, n| home(d, n, position, &axis)).unwrap_or(f64::NAN);
    if let Some(homing) = f.opt("reference", d, |d, n| reference::reference(d, n, &axis, cell)) {
        axis.reference = homing;
    }
    f.finish(d);
    reachable(d, entry.key_span, &axis);
    axis
}

fn drive(d: &mut Decoder<'_>, node: &Node, cell: &Cell, families: &Families) -> Option<usize> {
    let at = subdevice(d, node, cell, families, DeviceKind::ServoCia402)?;
    if let Some(other) = cell.axes.iter().find(|a| a.subdevice == at) {
        let message = format!("this drive already moves `{}`", other.name);
        d.sink.error(Code::DriveTwice, node.span, message, "one drive moves one axis");
    }
    Some(at)
}

/// `1000 / mm`: encoder counts for each unit of the axis.
fn counts(d: &mut Decoder<'_>, node: &Node, kind: AxisKind) -> Option<f64> {
    let text = d.text(node)?;
    let dimension = dimensions(kind)[0];
    let parsed = text.text.split_once('/').and_then(|(n, unit)| {
        let n: f64 = n.trim().parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0)?;
        let unit = Quantity::parse(&format!("1 {}", unit.trim())).ok()?;
        (unit.dimension == dimension).then_some(n / unit.value)
    });
    if parsed.is_none() {
        let unit = dimension.unit();
        let message = format!("`{}` is not counts for each {unit}", text.text);
        d.error_at(Code::NotAQuantity, &text, message, format!("write `1000 / {unit}`"));
    }
    parsed
}

/// A travel with extent, whose ends fit the 32-bit position of a drive (object 0x6064).
fn travel(d: &mut Decoder<'_>, node: &Node, position: Dimension, counts: f64) -> Option<(f64, f64)> {
    let (lo, hi) = d.range(node, position)?;
    if lo >= hi {
        d.sink.error(Code::TravelEmpty, node.span, "the travel has no extent", "write `low .. high`");
        return None;
    }
    let most = lo.abs().max(hi.abs()) * counts;
    if most > f64::from(i32::MAX) {
        let message = format!("{most:.0} counts do not fit the 32-bit position of a drive");
        d.sink.error(Code::OutOfRange, node.span, message, "shorten the travel or lower `counts`");
    }
    Some((lo, hi))
}

fn home(d: &mut Decoder<'_>, node: &Node, position: Dimension, axis: &Axis) -> Option<f64> {
    let home = d.quantity(node, position)?;
    inside(d, node.span, home, axis).then_some(home)
}

/// A following error that an axis can keep to, and that is none of its whole travel. In CSP the actual position is that
/// of an earlier cycle: at speed it lags behind by a cycle's way at the least.
fn following(
    d: &mut Decoder<'_>,
    node: &Node,
    position: Dimension,
    axis: &Axis,
    cycle: DurationNs,
) -> Option<f64> {
    let most = d.positive(node, position)?;
    let (unit, count) = (axis.unit(), 1.0 / axis.counts_per_au);
    let way = axis.velocity_max * cycle.as_secs_f64();
    if most < count {
        let message = format!("{most} {unit} is less than one count of `{}`", axis.name);
        d.sink.error(
            Code::LimitsUnreachable,
            node.span,
            message,
            format!("at least some counts of {count} {unit}"),
        );
    } else if most <= way {
        let message = format!("at its velocity_max `{}` moves {way:.4} {unit} in a cycle", axis.name);
        let help = "a setpoint is a cycle ahead at the least: allow more, or lower velocity_max";
        d.sink.warning(Code::LimitsUnreachable, node.span, message, help);
    } else if most >= axis.travel_hi_au - axis.travel_lo_au {
        let message = format!("{most} {unit} is the whole travel of `{}`: nothing is watched", axis.name);
        d.sink.error(Code::OutOfRange, node.span, message, "write how far it may lag behind");
    }
    Some(most)
}

/// Whether a position is within the travel; says so if not. A travel that could not be read holds any.
pub(super) fn inside(d: &mut Decoder<'_>, span: Span, value: f64, axis: &Axis) -> bool {
    let outside = value < axis.travel_lo_au || value > axis.travel_hi_au;
    if outside {
        let unit = axis.unit();
        let message = format!("{value} {unit} is outside the travel of `{}`", axis.name);
        let help = format!("within {} .. {} {unit}", axis.travel_lo_au, axis.travel_hi_au);
        d.sink.error(Code::HomeOutside, span, message, help);
    }
    !outside
}

/// The limits can be reached together: the acceleration before the velocity is (a²/j <= v), and the
/// velocity within the travel (v²/a + v·a/j <= travel, from rest to rest).
fn reachable(d: &mut Decoder<'_>, span: Span, axis: &Axis) {
    let (v, a, j) = (axis.velocity_max, axis.acceleration_max, axis.jerk_max);
    let unit = axis.unit();
    if a * a / j > v {
        let message = format!("`{}` is at its velocity before it reaches its acceleration", axis.name);
        let help =
            format!("an acceleration_max of at most {:.4} {unit}/s², or a higher jerk_max", (v * j).sqrt());
        d.sink.error(Code::LimitsUnreachable, span, message, help);
    }
    let needed = v * v / a + v * a / j;
    if needed > axis.travel_hi_au - axis.travel_lo_au {
        let message = format!("`{}` cannot reach its velocity within its travel", axis.name);
        let help = format!("it needs {needed:.4} {unit}: lower velocity_max");
        d.sink.error(Code::LimitsUnreachable, span, message, help);
    }
}
