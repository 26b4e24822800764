//! Windows over a curve, each judged as a measurement: the sample that lies worst against the limits there.
//!
//! *Margin*: how far a value lies inside the nearer limit; negative outside.

use cellwright_model::curve::{Curve, CurveSample};
use cellwright_model::outcome::Verdict;
use cellwright_model::plan::{EnvelopePoint, Window, WindowShape};

use super::{Evidence, round_to, trusted};
use crate::record::Measured;

/// What was read at the worst place of a window. `None` for a value: the curve does not have it.
struct Found {
    value: Option<f64>,
    limits: (f64, f64),
    holds: bool,
}

impl Found {
    /// A value that is judged by its limits alone.
    fn judged(value: f64, limits: (f64, f64)) -> Found {
        Found { value: Some(value), limits, holds: margin(value, limits) >= 0.0 }
    }
}

/// `None`: its curve or origin has not been seen yet.
pub(super) fn judge(name: String, window: &Window, evidence: Evidence<'_>) -> Option<Measured> {
    let curve = evidence.curves.get(&window.curve)?;
    let origin = match &window.origin {
        Some(register) => *evidence.registers.get(register)?,
        None => 0.0,
    };
    let found = look(curve, origin, &window.shape);
    let finite = found.as_ref().is_some_and(|f| f.value.is_none_or(f64::is_finite));
    let verdict = match &found {
        Some(f) if trusted(curve) && finite => {
            if f.holds {
                Verdict::Pass
            } else {
                Verdict::Fail
            }
        }
        _ => Verdict::Invalid,
    };
    let (lo, hi) = found.as_ref().map_or_else(|| limits_of(&window.shape), |f| f.limits);
    let value = found.and_then(|f| f.value).filter(|v| v.is_finite()).map(|v| settle(v, lo, hi, verdict));
    let unit = match window.shape {
        WindowShape::Threshold { .. } => &window.position_unit,
        _ => &window.unit,
    };
    Some(Measured { name, value, unit: unit.clone(), lo, hi, verdict, spec: None, spc: false })
}

/// `None`: no sample lies where the window looks.
fn look(curve: &Curve, origin: f64, shape: &WindowShape) -> Option<Found> {
    let between = |(from, to): (f64, f64)| {
        let inside = move |s: &&CurveSample| (from..=to).contains(&(s.position_au - origin));
        curve.samples.iter().filter(inside)
    };
    match shape {
        WindowShape::Within { position, value } => worst(between(*position), |_| *value),
        WindowShape::Envelope(points) => {
            let (first, [.., last]) = points.split_first()? else { return None };
            let ends = (first.position, last.position);
            worst(between(ends), |s| limits_at(points, s.position_au - origin))
        }
        WindowShape::PassThrough { position, value } => {
            let found = worst(between(*position), |_| *value)?;
            let absent = Found { value: None, limits: *value, holds: false };
            Some(if crosses(curve, origin, *position) { found } else { absent })
        }
        WindowShape::NoPass { position, value, sensor } => {
            let first = between(*position).next()?.value;
            // The box is open: its edge is touched, not entered.
            let below = value.0 - first >= first - value.1;
            let side = if below { (sensor.0, value.0) } else { (value.1, sensor.1) };
            worst(between(*position), |_| side)
        }
        WindowShape::Threshold { level, position } => Some(match reached(&curve.samples, *level) {
            Some(at) => Found::judged(at - origin, *position),
            None => Found { value: None, limits: *position, holds: false },
        }),
    }
}

/// The limits of a window that nothing was seen in, for the record.
fn limits_of(shape: &WindowShape) -> (f64, f64) {
    match shape {
        WindowShape::Within { value, .. } | WindowShape::PassThrough { value, .. } => *value,
        WindowShape::NoPass { value, sensor, .. } => (sensor.0, value.0),
        WindowShape::Threshold { position, .. } => *position,
        WindowShape::Envelope(points) => points.first().map_or((0.0, 0.0), |p| p.value),
    }
}

fn margin(value: f64, (lo, hi): (f64, f64)) -> f64 {
    (value - lo).min(hi - value)
}

/// The sample that lies worst against the limits at its place.
fn worst<'a>(
    samples: impl Iterator<Item = &'a CurveSample>,
    limits: impl Fn(&CurveSample) -> (f64, f64),
) -> Option<Found> {
    let margin_of = |s: &CurveSample| margin(s.value, limits(s));
    let sample = samples.min_by(|a, b| margin_of(a).total_cmp(&margin_of(b)))?;
    Some(Found::judged(sample.value, limits(sample)))
}

/// Limits of an envelope at a position between its first and its last point.
fn limits_at(points: &[EnvelopePoint], position: f64) -> (f64, f64) {
    let next = points.partition_point(|p| p.position < position).clamp(1, points.len() - 1);
    let (a, b) = (points[next - 1], points[next]);
    let share = ((position - a.position) / (b.position - a.position)).clamp(0.0, 1.0);
    let at = |from: f64, to: f64| from + share * (to - from);
    (at(a.value.0, b.value.0), at(a.value.1, b.value.1))
}

/// The curve comes from before the window and goes on behind it.
fn crosses(curve: &Curve, origin: f64, (from, to): (f64, f64)) -> bool {
    let at = |s: &CurveSample| s.position_au - origin;
    let Some(first_inside) = curve.samples.iter().position(|s| (from..=to).contains(&at(s))) else {
        return false;
    };
    let came_from_before = curve.samples[..first_inside].last().is_some_and(|s| at(s) < from);
    came_from_before && curve.samples[first_inside..].iter().any(|s| at(s) > to)
}

/// The position at which the value first reaches `level`, straight between the two samples around it.
fn reached(samples: &[CurveSample], level: f64) -> Option<f64> {
    let i = samples.iter().position(|s| s.value >= level)?;
    let at = samples[i];
    let Some(before) = i.checked_sub(1).map(|b| samples[b]).filter(|b| b.value < at.value) else {
        return Some(at.position_au);
    };
    let share = (level - before.value) / (at.value - before.value);
    Some(before.position_au + share * (at.position_au - before.position_au))
}

/// Three decimals for the record, without carrying the value across the limit that it was judged by.
fn settle(value: f64, lo: f64, hi: f64, verdict: Verdict) -> f64 {
    let rounded = round_to(value, 0.001);
    let inside = rounded >= lo && rounded <= hi;
    if inside == (verdict == Verdict::Pass) || verdict == Verdict::Invalid { rounded } else { value }
}
