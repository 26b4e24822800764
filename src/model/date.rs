//! Days of the calendar: what an expiry date is compared with. UTC, proleptic Gregorian.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A day, as RFC 3339 writes it (full-date): years 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// Reads `YYYY-MM-DD`. Errors: in words.
    pub fn parse(text: &str) -> Result<Date, String> {
        let wrong = || format!("`{text}` is no date: write YYYY-MM-DD");
        let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
        let mut fields = text.split('-');
        let (Some(y), Some(m), Some(d), None) = (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(wrong());
        };
        if !(digits(y, 4) && digits(m, 2) && digits(d, 2)) {
            return Err(wrong());
        }
        let (year, month, day) = (y.parse().ok(), m.parse().ok(), d.parse().ok());
        let (Some(year), Some(month), Some(day)) = (year, month, day) else { return Err(wrong()) };
        Date::new(year, month, day).ok_or_else(wrong)
    }

    /// `None`: there is no such day, or it is before 1970.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Date> {
        let last = days_in_month(year, month)?;
        (year >= 1970 && day >= 1 && day <= last).then_some(Date { year, month, day })
    }

    /// The day of an instant, ns since 1970-01-01T00:00:00Z; before that the first day.
    pub fn of_unix_ns(unix_ns: i128) -> Date {
        let days = (unix_ns.max(0) / (86_400 * 1_000_000_000)) as i64;
        let (year, month, day) = civil(days);
        let year = u16::try_from(year).unwrap_or(9999);
        Date { year, month: month as u8, day: day as u8 }
    }

    /// Days since 1970-01-01; the way back of `civil`.
    pub(crate) fn days(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let (era, yoe) = (year.div_euclid(400), year.rem_euclid(400));
        let doy = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
        era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
    }

    /// For the century of two-digit years.
    pub fn year(self) -> u16 {
        self.year
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl TryFrom<String> for Date {
    type Error = String;
    fn try_from(text: String) -> Result<Date, String> {
        Date::parse(&text)
    }
}

impl From<Date> for String {
    fn from(date: Date) -> String {
        date.to_string()
    }
}

/// Last day of a month; `None`: there is no such month.
pub(crate) fn days_in_month(year: u16, month: u8) -> Option<u8> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

/// Year, month and day of a count of days since 1970-01-01, era by era.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_compared_and_written() {
        let date = |t: &str| Date::parse(t).unwrap();
        assert!(date("2029-05-31") < date("2029-06-01"));
        assert_eq!(date("2028-02-29").to_string(), "2028-02-29");
        assert_eq!(date("2028-02-29").year(), 2028);
        for wrong in ["", "2029-5-31", "2029-02-29", "2029-13-01", "2029-00-10", "2029-01-01-", "+029-01-01"]
        {
            assert!(Date::parse(wrong).is_err_and(|e| e.contains("YYYY-MM-DD")), "{wrong}");
        }
    }

    #[test]
    fn days_of_known_instants() {
        let of = |ns| Date::of_unix_ns(ns).to_string();
        assert_eq!(of(crate::time::VIRTUAL_EPOCH_UNIX_NS), "2000-01-01");
        assert_eq!(of(crate::time::VIRTUAL_EPOCH_UNIX_NS - 1), "1999-12-31");
        assert_eq!(of(1_709_210_096_123_456_789), "2024-02-29");
        assert_eq!(of(-5), "1970-01-01");
    }
}
