//! Judging: values read off curves, devices and registers, compared with their limits.
//!
//! *Feature*: what is read off a curve. *Verdict*: pass, marginal, fail, invalid. The recorded value is the
//! judged value: it is rounded to its declared resolution first, and the limits are inclusive. A curve
//! with cycles missing is not trusted: everything taken from it is invalid, never a pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use cellwright_model::curve::{Curve, CurveSample};
use cellwright_model::outcome::Verdict;
use cellwright_model::plan::{CurveFeature, Feature, MeasurementSpec, Step};

use crate::record::Measured;

mod windows;

/// Samples that make up the value at the end of a curve.
const END_SAMPLES: usize = 5;

/// What a step has found out so far.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    pub curves: &'a BTreeMap<String, Arc<Curve>>,
    pub registers: &'a BTreeMap<String, f64>,
    /// Values that a device returned, in the unit of the measurement that asks for them.
    pub values: &'a BTreeMap<String, f64>,
}

/// Judges every measurement and window of `step` that has a value and is not in `judged` yet, in the order
/// of the recipe. Returns the cause of the first that is neither pass nor marginal.
pub fn judge(step: &Step, evidence: Evidence<'_>, judged: &mut Vec<Measured>) -> Option<String> {
    let mut cause = None;
    let mut found = Vec::new();
    for spec in &step.measurements {
        if !judged.iter().any(|m| m.name == spec.name) {
            found.extend(measure(spec, evidence));
        }
    }
    for (i, window) in step.windows.iter().enumerate() {
        let name = window_name(i);
        if !judged.iter().any(|m| m.name == name) {
            found.extend(windows::judge(name, window, evidence));
        }
    }
    for m in found {
        if cause.is_none() && matches!(m.verdict, Verdict::Fail | Verdict::Invalid) {
            cause = Some(cause_of(&m));
        }
        judged.push(m);
    }
    cause
}

/// The first measurement or window that has not been judged: a step that passed without it did not pass.
pub fn missing(step: &Step, judged: &[Measured]) -> Option<String> {
    let names = step.measurements.iter().map(|m| m.name.clone());
    names.chain((0..step.windows.len()).map(window_name)).find(|n| !judged.iter().any(|m| m.name == *n))
}

fn window_name(i: usize) -> String {
    format!("window-{}", i + 1)
}

fn cause_of(m: &Measured) -> String {
    match m.verdict {
        Verdict::Invalid => format!("{} invalid", m.name),
        _ => m.name.clone(),
    }
}

/// `None`: its source has not been seen yet.
fn measure(spec: &MeasurementSpec, evidence: Evidence<'_>) -> Option<Measured> {
    let (value, trusted) = match &spec.of {
        Feature::Curve { curve, feature } => {
            let curve = evidence.curves.get(curve)?;
            (read(curve, *feature), trusted(curve))
        }
        Feature::Device(name) => (Some(*evidence.values.get(name)?), true),
        Feature::Register(name) => (Some(*evidence.registers.get(name)?), true),
    };
    let value = value.filter(|v| v.is_finite()).map(|v| round_to(v, spec.resolution));
    let verdict = match value {
        Some(v) if trusted => verdict(v, spec),
        _ => Verdict::Invalid,
    };
    Some(Measured {
        name: spec.name.clone(),
        value,
        unit: spec.unit.clone(),
        lo: spec.lo,
        hi: spec.hi,
        verdict,
        spec: spec.spec.clone(),
        spc: spec.spc,
    })
}

fn verdict(value: f64, spec: &MeasurementSpec) -> Verdict {
    if value < spec.lo {
        return if spec.low_is_invalid { Verdict::Invalid } else { Verdict::Fail };
    }
    if value > spec.hi {
        return Verdict::Fail;
    }
    match spec.warn {
        Some((lo, hi)) if value < lo || value > hi => Verdict::Marginal,
        _ => Verdict::Pass,
    }
}

fn trusted(curve: &Curve) -> bool {
    let finite = |s: &CurveSample| s.value.is_finite() && s.position_au.is_finite();
    let whole = curve.lost_cycles == 0 && !curve.truncated && !curve.samples.is_empty();
    whole && curve.samples.iter().all(finite)
}

fn read(curve: &Curve, feature: CurveFeature) -> Option<f64> {
    let samples = &curve.samples;
    let first = samples.first()?;
    match feature {
        CurveFeature::ValueAtEnd => {
            let tail = &samples[samples.len().saturating_sub(END_SAMPLES)..];
            Some(tail.iter().map(|s| s.value).sum::<f64>() / tail.len() as f64)
        }
        CurveFeature::ValuePeak => samples.iter().map(|s| s.value).max_by(f64::total_cmp),
        CurveFeature::ValueMean => Some(samples.iter().map(|s| s.value).sum::<f64>() / samples.len() as f64),
        CurveFeature::ValueLowest => samples.iter().map(|s| s.value).min_by(f64::total_cmp),
        CurveFeature::ValueBeforeLevel { level } => {
            let end = samples.iter().position(|s| s.value >= level).unwrap_or(samples.len());
            median(samples[..end].iter().map(|s| s.value).collect())
        }
        CurveFeature::PositionPeak => samples.iter().map(|s| s.position_au).max_by(f64::total_cmp),
        CurveFeature::TravelFromLevel { level } => {
            let from = samples.iter().find(|s| s.value >= level)?.position_au;
            let travel = |s: &CurveSample| (s.position_au - first.position_au).abs();
            let furthest = samples.iter().max_by(|a, b| travel(a).total_cmp(&travel(b)))?;
            Some((furthest.position_au - from).abs())
        }
        CurveFeature::DecayRate => slope_per_s(samples).map(|s| -s),
    }
}

/// The value in the middle; of two, the mean. `None` of nothing.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(values[middle - 1], upper) })
}

/// Least-squares slope of value over time. `None` with fewer than two instants.
fn slope_per_s(samples: &[CurveSample]) -> Option<f64> {
    let n = samples.len() as f64;
    let t = |s: &CurveSample| s.t_ns as f64 / 1e9;
    let (mean_t, mean_v) =
        (samples.iter().map(t).sum::<f64>() / n, samples.iter().map(|s| s.value).sum::<f64>() / n);
    let (mut tv, mut tt) = (0.0, 0.0);
    for s in samples {
        tv += (t(s) - mean_t) * (s.value - mean_v);
        tt += (t(s) - mean_t) * (t(s) - mean_t);
    }
    (tt > 0.0).then(|| tv / tt)
}

/// To the nearest multiple of `resolution`, as the decimal that a reader would write (`0.353`, not
/// `0.35300000000000004`). Half goes away from zero.
pub fn round_to(value: f64, resolution: f64) -> f64 {
    if !(resolution.is_finite() && resolution > 0.0) {
        return value;
    }
    let steps = (value / resolution).round();
    let decimals = (0..=12usize).find(|d| {
        let scaled = resolution * 10f64.powi(*d as i32);
        (scaled - scaled.round()).abs() < 1e-9 * scaled.abs().max(1.0) && scaled.round() >= 1.0
    });
    let Some(decimals) = decimals else { return value };
    let rounded: f64 = format!("{:.decimals$}", steps * resolution).parse().unwrap_or(value);
    // No minus zero in the record.
    if rounded == 0.0 { 0.0 } else { rounded }
}

#[cfg(test)]
mod tests;
