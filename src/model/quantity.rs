//! Quantities with a unit, as recipe and cell files write them: `12.40 mm`, `0.35 N·m`, `70 .. 150 N`.
//!
//! A value is held in the canonical unit of its dimension (mm, mm/s, deg, N, N·m, Pa, s, degC …);
//! a number without a unit is never a quantity (house rule 7).

use core::fmt;

use serde::{Deserialize, Serialize};

/// What is measured; its canonical unit is [`Dimension::unit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dimension {
    Length,
    Velocity,
    Acceleration,
    Jerk,
    Angle,
    AngularVelocity,
    AngularAcceleration,
    AngularJerk,
    Force,
    Torque,
    Pressure,
    PressureRate,
    Time,
    Temperature,
    Mass,
    Inertia,
    /// Force for each travel of a joint.
    Stiffness,
    Ratio,
}

/// (dimension, spelling, factor to the canonical unit); the first of a dimension is canonical,
/// and the spelling that `fmt` writes.
const UNITS: &[(Dimension, &str, f64)] = &[
    (Dimension::Length, "mm", 1.0),
    (Dimension::Length, "um", 1e-3),
    (Dimension::Length, "µm", 1e-3),
    (Dimension::Length, "m", 1e3),
    (Dimension::Velocity, "mm/s", 1.0),
    (Dimension::Velocity, "m/s", 1e3),
    (Dimension::Velocity, "mm/min", 1.0 / 60.0),
    (Dimension::Acceleration, "mm/s²", 1.0),
    (Dimension::Acceleration, "mm/s2", 1.0),
    (Dimension::Acceleration, "mm/s^2", 1.0),
    (Dimension::Acceleration, "m/s²", 1e3),
    (Dimension::Acceleration, "m/s2", 1e3),
    (Dimension::Acceleration, "m/s^2", 1e3),
    (Dimension::Jerk, "mm/s³", 1.0),
    (Dimension::Jerk, "mm/s3", 1.0),
    (Dimension::Jerk, "mm/s^3", 1.0),
    (Dimension::Angle, "deg", 1.0),
    (Dimension::Angle, "°", 1.0),
    (Dimension::Angle, "rev", 360.0),
    (Dimension::Angle, "rad", 180.0 / core::f64::consts::PI),
    (Dimension::AngularVelocity, "deg/s", 1.0),
    (Dimension::AngularVelocity, "rpm", 6.0),
    (Dimension::AngularVelocity, "rad/s", 180.0 / core::f64::consts::PI),
    (Dimension::AngularAcceleration, "deg/s²", 1.0),
    (Dimension::AngularAcceleration, "deg/s2", 1.0),
    (Dimension::AngularAcceleration, "deg/s^2", 1.0),
    (Dimension::AngularJerk, "deg/s³", 1.0),
    (Dimension::AngularJerk, "deg/s3", 1.0),
    (Dimension::AngularJerk, "deg/s^3", 1.0),
    (Dimension::Force, "N", 1.0),
    (Dimension::Force, "kN", 1e3),
    (Dimension::Torque, "N·m", 1.0),
    (Dimension::Torque, "N*m", 1.0),
    (Dimension::Torque, "Nm", 1.0),
    (Dimension::Torque, "mN·m", 1e-3),
    (Dimension::Torque, "mNm", 1e-3),
    (Dimension::Pressure, "Pa", 1.0),
    (Dimension::Pressure, "kPa", 1e3),
    (Dimension::Pressure, "MPa", 1e6),
    (Dimension::Pressure, "mbar", 1e2),
    (Dimension::Pressure, "bar", 1e5),
    (Dimension::PressureRate, "Pa/s", 1.0),
    (Dimension::PressureRate, "kPa/s", 1e3),
    (Dimension::PressureRate, "mbar/s", 1e2),
    (Dimension::Time, "s", 1.0),
    (Dimension::Time, "ms", 1e-3),
    (Dimension::Time, "us", 1e-6),
    (Dimension::Time, "min", 60.0),
    (Dimension::Temperature, "degC", 1.0),
    (Dimension::Temperature, "°C", 1.0),
    (Dimension::Mass, "kg", 1.0),
    (Dimension::Mass, "g", 1e-3),
    (Dimension::Inertia, "kg·m²", 1.0),
    (Dimension::Inertia, "kg*m2", 1.0),
    (Dimension::Inertia, "kg*m^2", 1.0),
    (Dimension::Inertia, "kgcm2", 1e-4),
    (Dimension::Stiffness, "N/mm", 1.0),
    (Dimension::Stiffness, "kN/mm", 1e3),
    (Dimension::Stiffness, "N/um", 1e3),
    (Dimension::Ratio, "%", 1e-2),
    (Dimension::Ratio, "ppm", 1e-6),
];

impl Dimension {
    /// All of them.
    pub const ALL: [Dimension; 18] = [
        Dimension::Length,
        Dimension::Velocity,
        Dimension::Acceleration,
        Dimension::Jerk,
        Dimension::Angle,
        Dimension::AngularVelocity,
        Dimension::AngularAcceleration,
        Dimension::AngularJerk,
        Dimension::Force,
        Dimension::Torque,
        Dimension::Pressure,
        Dimension::PressureRate,
        Dimension::Time,
        Dimension::Temperature,
        Dimension::Mass,
        Dimension::Inertia,
        Dimension::Stiffness,
        Dimension::Ratio,
    ];
    /// Canonical unit, as written into records.
    pub fn unit(self) -> &'static str {
        UNITS.iter().find(|(d, _, _)| *d == self).map_or("", |(_, u, _)| u)
    }
    /// All spellings that are read for this dimension.
    pub fn spellings(self) -> impl Iterator<Item = &'static str> {
        UNITS.iter().filter(move |(d, _, _)| *d == self).map(|(_, u, _)| *u)
    }
    /// In words, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Dimension::Length => "length",
            Dimension::Velocity => "velocity",
            Dimension::Acceleration => "acceleration",
            Dimension::Jerk => "jerk",
            Dimension::Angle => "angle",
            Dimension::AngularVelocity => "angular velocity",
            Dimension::AngularAcceleration => "angular acceleration",
            Dimension::AngularJerk => "angular jerk",
            Dimension::Force => "force",
            Dimension::Torque => "torque",
            Dimension::Pressure => "pressure",
            Dimension::PressureRate => "pressure rate",
            Dimension::Time => "time",
            Dimension::Temperature => "temperature",
            Dimension::Mass => "mass",
            Dimension::Inertia => "inertia",
            Dimension::Stiffness => "stiffness",
            Dimension::Ratio => "ratio",
        }
    }
}

/// A number with its dimension, in the canonical unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    pub value: f64,
    pub dimension: Dimension,
}

/// Inclusive at both ends, `lo <= hi`; one unit for both.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct QuantityRange {
    pub lo: f64,
    pub hi: f64,
    pub dimension: Dimension,
}

/// Why a text is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error("`{0}` is not a number")]
    NotANumber(String),
    #[error("`{0}` has no unit")]
    NoUnit(String),
    #[error("`{0}` is not a unit known here")]
    UnknownUnit(String),
    #[error("expected a range `low .. high unit`")]
    NotARange,
    #[error("the lower end of the range is above its upper end")]
    Reversed,
}

/// The one spelling of a unit: the first of those with its dimension and factor. `None`: no unit known here.
pub fn spelling(unit: &str) -> Option<&'static str> {
    let (dimension, factor) = lookup(unit).ok()?;
    UNITS.iter().find(|(d, _, f)| *d == dimension && *f == factor).map(|(_, u, _)| *u)
}

/// A quantity or range in the form that `fmt` writes: `0.35Nm` is `0.35 N·m`, `5 N..7 N` is `5 .. 7 N`; digits stay as
/// they are. `None`: the text is neither.
pub fn written(text: &str) -> Option<String> {
    if let Some((lo, hi)) = text.split_once("..") {
        QuantityRange::parse(text).ok()?;
        let (lo, _) = number_and_unit(lo);
        let (hi, unit) = number_and_unit(hi);
        return Some(format!("{lo} .. {hi} {}", spelling(unit)?));
    }
    Quantity::parse(text).ok()?;
    let (number, unit) = number_and_unit(text);
    Some(format!("{number} {}", spelling(unit)?))
}

/// Splits `12.5 mm` into number and unit; the space is optional.
fn split(text: &str) -> Result<(f64, &str), QuantityError> {
    let (number, unit) = number_and_unit(text);
    let value: f64 = number.parse().map_err(|_| QuantityError::NotANumber(text.trim().to_string()))?;
    if !value.is_finite() {
        return Err(QuantityError::NotANumber(text.trim().to_string()));
    }
    Ok((value, unit))
}

/// The digits of a number, and what stands behind them.
fn number_and_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .char_indices()
        .find(|&(i, c)| {
            let exponent = matches!(c, 'e' | 'E')
                && text[..i].ends_with(|p: char| p.is_ascii_digit())
                && text[i + 1..].starts_with(|n: char| n.is_ascii_digit() || n == '-' || n == '+');
            let exponent_sign = matches!(c, '-' | '+') && text[..i].ends_with(['e', 'E']);
            !(c.is_ascii_digit()
                || c == '.'
                || exponent
                || exponent_sign
                || (i == 0 && matches!(c, '-' | '+')))
        })
        .map_or(text.len(), |(i, _)| i);
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

fn lookup(unit: &str) -> Result<(Dimension, f64), QuantityError> {
    UNITS
        .iter()
        .find(|(_, u, _)| *u == unit)
        .map(|(d, _, f)| (*d, *f))
        .ok_or_else(|| QuantityError::UnknownUnit(unit.to_string()))
}

/// Multiplies by a unit's factor; dividing by the reciprocal keeps `12.35 um` at the nearest double
/// where the factor is not exact in binary.
fn scale(value: f64, factor: f64) -> f64 {
    let inverse = 1.0 / factor;
    if factor < 1.0 && inverse == inverse.round() { value / inverse } else { value * factor }
}

/// `1e308 m` is a number, and no number of millimetres.
fn finite(value: f64, text: &str) -> Result<f64, QuantityError> {
    if value.is_finite() { Ok(value) } else { Err(QuantityError::NotANumber(text.trim().to_string())) }
}

impl Quantity {
    /// Reads `number unit`. Errors: no number, no unit, unknown unit.
    pub fn parse(text: &str) -> Result<Quantity, QuantityError> {
        let (value, unit) = split(text)?;
        if unit.is_empty() {
            return Err(QuantityError::NoUnit(text.trim().to_string()));
        }
        let (dimension, factor) = lookup(unit)?;
        let value = finite(scale(value, factor), text)?;
        Ok(Quantity { value, dimension })
    }
}

impl QuantityRange {
    /// Reads `low .. high unit`; the unit may also stand behind the lower end if it is the same.
    pub fn parse(text: &str) -> Result<QuantityRange, QuantityError> {
        let (lo, hi) = text.split_once("..").ok_or(QuantityError::NotARange)?;
        let (lo, lo_unit) = split(lo)?;
        let (hi, unit) = split(hi)?;
        if unit.is_empty() {
            return Err(QuantityError::NoUnit(text.trim().to_string()));
        }
        if !lo_unit.is_empty() && lo_unit != unit {
            return Err(QuantityError::NotARange);
        }
        let (dimension, factor) = lookup(unit)?;
        if lo > hi {
            return Err(QuantityError::Reversed);
        }
        let (lo, hi) = (finite(scale(lo, factor), text)?, finite(scale(hi, factor), text)?);
        Ok(QuantityRange { lo, hi, dimension })
    }
    /// Inclusive at both ends; false for a value that is not a number.
    pub fn contains(&self, value: f64) -> bool {
        value >= self.lo && value <= self.hi
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.value, self.dimension.unit())
    }
}

impl fmt::Display for QuantityRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} .. {} {}", self.lo, self.hi, self.dimension.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_design_writes() {
        let q = |t: &str| Quantity::parse(t).map(|q| (q.value, q.dimension));
        assert_eq!(q("12.40 mm"), Ok((12.4, Dimension::Length)));
        assert_eq!(q("25 um"), Ok((0.025, Dimension::Length)));
        assert_eq!(q("0.35 N·m"), Ok((0.35, Dimension::Torque)));
        assert_eq!(q("0.35Nm"), Ok((0.35, Dimension::Torque)));
        assert_eq!(q("-2 Pa/s"), Ok((-2.0, Dimension::PressureRate)));
        assert_eq!(q("300 rpm"), Ok((1800.0, Dimension::AngularVelocity)));
        assert_eq!(q("200 ms"), Ok((0.2, Dimension::Time)));
        assert_eq!(q("1e-4 kg*m2"), Ok((1e-4, Dimension::Inertia)));
        let r = QuantityRange::parse("-2 .. 12 Pa/s").unwrap();
        assert_eq!((r.lo, r.hi), (-2.0, 12.0));
        assert!(r.contains(12.0) && r.contains(-2.0) && !r.contains(12.1) && !r.contains(f64::NAN));
    }

    #[test]
    fn one_form_is_written() {
        for (read, form) in [
            ("0.35Nm", "0.35 N·m"),
            ("5  N*m", "5 N·m"),
            ("25 µm", "25 um"),
            ("-2..12 Pa/s", "-2 .. 12 Pa/s"),
            ("1 N .. 5N", "1 .. 5 N"),
            ("12.40 mm", "12.40 mm"),
            ("3 m/s^2", "3 m/s²"),
            ("90 °", "90 deg"),
        ] {
            assert_eq!(written(read).as_deref(), Some(form));
            assert_eq!(Quantity::parse(read).ok(), Quantity::parse(form).ok());
            assert_eq!(QuantityRange::parse(read).ok(), QuantityRange::parse(form).ok());
        }
        assert_eq!(written("12"), None);
        assert_eq!(written("5 .. 1 N"), None);
        assert!(UNITS.iter().all(|(d, u, _)| spelling(u).is_some_and(|s| d.spellings().any(|x| x == s))));
        assert!(UNITS.iter().all(|(d, _, _)| Dimension::ALL.contains(d)));
    }

    #[test]
    fn refuses_what_has_no_unit() {
        assert_eq!(Quantity::parse("12"), Err(QuantityError::NoUnit("12".into())));
        assert_eq!(Quantity::parse("12 furlong"), Err(QuantityError::UnknownUnit("furlong".into())));
        assert!(matches!(Quantity::parse("mm"), Err(QuantityError::NotANumber(_))));
        assert!(matches!(Quantity::parse("1e999 mm"), Err(QuantityError::NotANumber(_))));
        assert!(matches!(Quantity::parse("1e308 m"), Err(QuantityError::NotANumber(_))));
        assert_eq!(QuantityRange::parse("5 .. 1 N"), Err(QuantityError::Reversed));
    }
}
