//! The distribution of one measurement over units, and what its limits make of it.

use core::fmt;

use cellwright_model::event::Measurement;
use cellwright_model::plan::MeasurementSpec;

/// Quantiles that are told, with their names; by linear interpolation between the values in order.
pub const QUANTILES: [(&str, f64); 7] =
    [("p01", 0.01), ("p05", 0.05), ("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p95", 0.95), ("p99", 0.99)];

/// Values of one measurement. They are kept, 8 bytes a unit: quantiles need all of them.
pub(super) struct Values {
    pub(super) step: String,
    pub(super) name: String,
    unit: String,
    limits: [Option<f64>; 2],
    /// The limits that say whether a part is good.
    counting: [Option<f64>; 2],
    spec: Option<String>,
    values: Vec<f64>,
    left_out: u64,
}

/// Why there is no Cpk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undefined {
    FewerThanTwo,
    NoSpread,
    NoLimit,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Undefined::FewerThanTwo => "n < 2",
            Undefined::NoSpread => "s = 0",
            Undefined::NoLimit => "no limit counts",
        })
    }
}

/// One bar: from, inclusive, to, exclusive but for the last one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    pub from: f64,
    pub to: f64,
    pub n: u64,
}

/// A measurement over units; values in `unit`.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    pub step: String,
    pub name: String,
    pub unit: String,
    /// As judged, inclusive.
    pub limits: [Option<f64>; 2],
    /// Those that Cpk is of: a lower limit below which a measurement is invalid says nothing of the part.
    pub counting: [Option<f64>; 2],
    pub spec: Option<String>,
    pub n: usize,
    /// First attempts without a value, or with one that is invalid.
    pub left_out: u64,
    /// `None` where there is no value.
    pub of_values: Option<OfValues>,
    /// Sample standard deviation, of n - 1; `None` below two values.
    pub s: Option<f64>,
    pub cpk: Result<f64, Undefined>,
}

/// What one value already has.
#[derive(Debug, Clone, PartialEq)]
pub struct OfValues {
    pub mean: f64,
    pub min: f64,
    pub max: f64,
    /// By [`QUANTILES`].
    pub quantiles: [f64; QUANTILES.len()],
    /// Of equal width, as many as Sturges' rule says.
    pub histogram: Vec<Bin>,
}

impl Values {
    pub(super) fn of(step: &str, spec: &MeasurementSpec) -> Values {
        let finite = |v: f64| v.is_finite().then_some(v);
        let limits = [finite(spec.lo), finite(spec.hi)];
        let counting = [limits[0].filter(|_| !spec.low_is_invalid), limits[1]];
        Values {
            step: step.to_owned(),
            name: spec.name.clone(),
            unit: spec.unit.clone(),
            limits,
            counting,
            spec: spec.spec.clone(),
            values: Vec::new(),
            left_out: 0,
        }
    }

    /// Of a measurement that the Plan does not name.
    pub(super) fn of_record(step: &str, m: &Measurement) -> Values {
        Values {
            step: step.to_owned(),
            name: m.name.clone(),
            unit: m.unit.clone(),
            limits: m.limits,
            counting: m.limits,
            spec: m.spec.clone(),
            values: Vec::new(),
            left_out: 0,
        }
    }

    /// The next unit's value.
    pub(super) fn take(&mut self, value: Option<f64>) {
        match value {
            Some(value) => self.values.push(value),
            None => self.left_out += 1,
        }
    }

    pub(super) fn distribution(mut self) -> Distribution {
        self.values.sort_by(f64::total_cmp);
        let of_values = of_values(&self.values);
        let s = of_values.as_ref().and_then(|v| deviation(&self.values, v));
        let cpk = match (&of_values, s) {
            (Some(v), Some(s)) => cpk(v.mean, s, self.counting),
            _ => Err(Undefined::FewerThanTwo),
        };
        Distribution {
            step: self.step,
            name: self.name,
            unit: self.unit,
            limits: self.limits,
            counting: self.counting,
            spec: self.spec,
            n: self.values.len(),
            left_out: self.left_out,
            of_values,
            s,
            cpk,
        }
    }
}

/// Of values in order.
fn of_values(values: &[f64]) -> Option<OfValues> {
    let (min, max) = (*values.first()?, *values.last()?);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let quantiles = QUANTILES.map(|(_, q)| quantile(values, q));
    Some(OfValues { mean, min, max, quantiles, histogram: histogram(values, (min, max)) })
}

/// Zero where all values are the same, whatever their mean was rounded to.
fn deviation(values: &[f64], of: &OfValues) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    if of.min == of.max {
        return Some(0.0);
    }
    let squares: f64 = values.iter().map(|v| (v - of.mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// At `q * (n - 1)`, counted from 0, between the two values beside it.
fn quantile(values: &[f64], q: f64) -> f64 {
    let at = q * (values.len() - 1) as f64;
    let (below, above) = (values[at.floor() as usize], values[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

fn histogram(values: &[f64], (min, max): (f64, f64)) -> Vec<Bin> {
    if min == max {
        return vec![Bin { from: min, to: max, n: values.len() as u64 }];
    }
    let bins = ((values.len() as f64).log2() + 1.0).ceil() as usize;
    let edge = |i: usize| if i == bins { max } else { min + (max - min) * i as f64 / bins as f64 };
    let below = |edge: f64| values.partition_point(|v| *v < edge);
    let bin = |i: usize| {
        let end = if i + 1 == bins { values.len() } else { below(edge(i + 1)) };
        Bin { from: edge(i), to: edge(i + 1), n: (end - below(edge(i))) as u64 }
    };
    (0..bins).map(bin).collect()
}

fn cpk(mean: f64, s: f64, [lo, hi]: [Option<f64>; 2]) -> Result<f64, Undefined> {
    let (below, above) = (lo.map(|lo| mean - lo), hi.map(|hi| hi - mean));
    let Some(nearest) = below.into_iter().chain(above).reduce(f64::min) else {
        return Err(Undefined::NoLimit);
    };
    if s > 0.0 { Ok(nearest / (3.0 * s)) } else { Err(Undefined::NoSpread) }
}

#[cfg(test)]
mod tests {
    use cellwright_model::plan::Feature;

    use super::*;

    fn of(values: &[f64], limits: (f64, f64), low_is_invalid: bool) -> Distribution {
        let spec = MeasurementSpec {
            name: "m".into(),
            of: Feature::Device("m".into()),
            unit: "N".into(),
            resolution: 0.1,
            lo: limits.0,
            hi: limits.1,
            warn: None,
            low_is_invalid,
            spec: None,
            spc: false,
        };
        let mut all = Values::of("s", &spec);
        values.iter().for_each(|v| all.take(Some(*v)));
        all.take(None);
        all.distribution()
    }

    #[test]
    fn of_known_values() {
        let d = of(&[4.0, 2.0, 8.0, 6.0], (0.0, 20.0), false);
        let v = d.of_values.as_ref().expect("values");
        assert_eq!((d.n, d.left_out, v.mean, v.min, v.max), (4, 1, 5.0, 2.0, 8.0));
        let s = (20.0f64 / 3.0).sqrt();
        assert_eq!(d.s, Some(s));
        assert_eq!(d.cpk, Ok(5.0 / (3.0 * s)));
        // Between 2 and 4, at 0.75 of the way; the middle between 4 and 6.
        assert_eq!((v.quantiles[2], v.quantiles[3]), (3.5, 5.0));
        let bins: Vec<_> = v.histogram.iter().map(|b| (b.from, b.to, b.n)).collect();
        assert_eq!(bins, [(2.0, 4.0, 1), (4.0, 6.0, 1), (6.0, 8.0, 2)]);
    }

    #[test]
    fn one_limit_counts_where_the_other_says_nothing_of_the_part() {
        let values = [4.0, 2.0, 8.0, 6.0];
        let s = (20.0f64 / 3.0).sqrt();
        assert_eq!(of(&values, (0.0, 20.0), true).cpk, Ok(15.0 / (3.0 * s)));
        assert_eq!(of(&values, (f64::NEG_INFINITY, 9.0), false).cpk, Ok(4.0 / (3.0 * s)));
        assert_eq!(of(&values, (1.0, f64::INFINITY), false).cpk, Ok(4.0 / (3.0 * s)));
        // Outside of its limits on average: negative.
        assert!(of(&values, (0.0, 4.0), false).cpk.is_ok_and(|cpk| cpk < 0.0));
    }

    #[test]
    fn what_is_not_defined_is_said() {
        assert_eq!(of(&[], (0.0, 9.0), false).cpk, Err(Undefined::FewerThanTwo));
        assert_eq!(of(&[1.0], (0.0, 9.0), false).cpk, Err(Undefined::FewerThanTwo));
        let same = of(&[0.1, 0.1, 0.1], (0.0, 9.0), false);
        assert_eq!((same.s, same.cpk), (Some(0.0), Err(Undefined::NoSpread)));
        let open = (f64::NEG_INFINITY, f64::INFINITY);
        assert_eq!(of(&[1.0, 2.0], open, false).cpk, Err(Undefined::NoLimit));
    }
}
