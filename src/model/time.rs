//! Instants and durations as integers of nanoseconds. There is no clock here: time is an argument.

use serde::{Deserialize, Serialize};

/// Monotonic nanoseconds since the controller's epoch (its boot, or zero of virtual time).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeNs(pub u64);

/// A length of time in nanoseconds; below 2^53 so that JSON keeps it exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DurationNs(pub u64);

/// Unix time of the virtual epoch 2000-01-01T00:00:00Z (the DC epoch, ETG.1000.4), in nanoseconds.
pub const VIRTUAL_EPOCH_UNIX_NS: i128 = 946_684_800_000_000_000;

impl TimeNs {
    /// Time since `earlier`, zero if `earlier` is later.
    pub fn since(self, earlier: TimeNs) -> DurationNs {
        DurationNs(self.0.saturating_sub(earlier.0))
    }
}

impl core::ops::Add<DurationNs> for TimeNs {
    type Output = TimeNs;
    fn add(self, d: DurationNs) -> TimeNs {
        TimeNs(self.0.saturating_add(d.0))
    }
}

impl core::ops::Add for DurationNs {
    type Output = DurationNs;
    fn add(self, other: DurationNs) -> DurationNs {
        DurationNs(self.0.saturating_add(other.0))
    }
}

impl DurationNs {
    /// From seconds; negative and non-finite values become zero, the upper bound is 2^53 − 1 ns.
    pub fn from_secs_f64(s: f64) -> DurationNs {
        const MAX: f64 = ((1u64 << 53) - 1) as f64;
        DurationNs(if s.is_finite() { (s * 1e9).round().clamp(0.0, MAX) as u64 } else { 0 })
    }
    /// In seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
    /// From milliseconds.
    pub const fn from_millis(ms: u64) -> DurationNs {
        DurationNs(ms * 1_000_000)
    }
}

/// RFC 3339 in UTC with nine fractional digits, for example `2000-01-01T00:00:01.500000000Z`.
///
/// `unix_ns`: nanoseconds since 1970-01-01T00:00:00Z; years 1970 to 9999.
pub fn rfc3339(unix_ns: i128) -> String {
    let ns = unix_ns.max(0);
    let secs = (ns / 1_000_000_000) as i64;
    let frac = (ns % 1_000_000_000) as u32;
    let (days, tod) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
    let (year, month, day) = crate::date::civil(days);
    let (h, m, s) = (tod / 3_600, tod / 60 % 60, tod % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{frac:09}Z")
}

/// Nanoseconds since 1970-01-01T00:00:00Z of a time as [`rfc3339`] writes it; `None` for any other text.
pub fn parse_rfc3339(text: &str) -> Option<i128> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let days = crate::Date::parse(date).ok()?.days();
    let (clock, fraction) = time.split_once('.')?;
    let field = |text: &str, digits: usize| {
        (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse::<i128>().ok())?
    };
    let mut parts = clock.split(':');
    let mut next = |most: i128| field(parts.next()?, 2).filter(|n| *n <= most);
    let (h, m, s) = (next(23)?, next(59)?, next(59)?);
    parts.next().is_none().then_some(())?;
    Some((((i128::from(days) * 24 + h) * 60 + m) * 60 + s) * 1_000_000_000 + field(fraction, 9)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_is_read_as_it_is_written() {
        for ns in [0, 1, VIRTUAL_EPOCH_UNIX_NS, 1_709_210_096_123_456_789, 253_402_300_799_999_999_999] {
            assert_eq!(parse_rfc3339(&rfc3339(ns)), Some(ns));
        }
        for wrong in [
            "",
            "2000-01-01",
            "2000-01-01T00:00:00Z",
            "2000-01-01T00:00:00.000000000",
            "2000-01-01T24:00:00.000000000Z",
            "2000-02-30T00:00:00.000000000Z",
            "2000-01-01T00:00:00:00.000000000Z",
            "2000-01-01T00:00:00.00000000Z",
        ] {
            assert_eq!(parse_rfc3339(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rfc3339_of_known_instants() {
        assert_eq!(rfc3339(VIRTUAL_EPOCH_UNIX_NS), "2000-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(1_709_210_096_123_456_789), "2024-02-29T12:34:56.123456789Z");
    }
}
