//! GS1 element strings: application identifiers (AI) 01, 10, 17, 21 and 30, read and checked.
//!
//! Source: GS1 General Specifications, sections 3 (the AIs), 4.14 (the bracketed form below a symbol), 7.8
//! (FNC1 and separators), 7.9 (check digit), 7.11 (character set 82), 7.12 (century of two-digit years).
//! FNC1 arrives as 0x1D; one at the beginning is the symbology's mark and is skipped.

use crate::date::days_in_month;

/// FNC1 as it is transmitted.
pub const FNC1: char = '\u{1d}';
/// A variable-length field of AI 10 or 21 has at most this many characters.
const VARIABLE_MAX: usize = 20;
/// A count of AI 30 has at most this many digits.
const COUNT_MAX: usize = 8;

/// What an element string says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Elements {
    /// AI (01), 14 digits.
    pub gtin: Option<String>,
    /// AI (10).
    pub lot: Option<String>,
    /// AI (17) as `YYYY-MM-DD`; a day of 00 is the last of its month.
    pub expiry: Option<String>,
    /// AI (21).
    pub serial: Option<String>,
    /// AI (30): count of items.
    pub quantity: Option<u32>,
}

/// What is wrong with an element string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gs1Error {
    Empty,
    /// An AI that is not among those read here. Its length is not known, so what follows is not either.
    UnknownAi(String),
    /// An AI given twice.
    Repeated(&'static str),
    /// The field is shorter than its AI demands, or empty.
    Short(&'static str),
    /// The field is longer than its AI permits: a separator is missing.
    Long(&'static str),
    /// A character outside digits, or outside character set 82.
    Character(&'static str),
    /// The check digit of the GTIN.
    CheckDigit {
        found: char,
        right: char,
    },
    /// No such day.
    Date(String),
}

impl core::fmt::Display for Gs1Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Gs1Error::Empty => f.write_str("no element"),
            Gs1Error::UnknownAi(ai) => write!(f, "application identifier `{ai}` is not read here"),
            Gs1Error::Repeated(ai) => write!(f, "({ai}) twice"),
            Gs1Error::Short(ai) => write!(f, "({ai}) is too short"),
            Gs1Error::Long(ai) => write!(f, "({ai}) is too long"),
            Gs1Error::Character(ai) => write!(f, "a character that ({ai}) cannot have"),
            Gs1Error::CheckDigit { found, right } => {
                write!(f, "check digit {found} of (01), right is {right}")
            }
            Gs1Error::Date(text) => write!(f, "(17) `{text}` is no date"),
        }
    }
}

impl std::error::Error for Gs1Error {}

/// Reads a label: an element string, or its bracketed form (`(01)0401…(10)LOT`), in which a field holds no
/// opening bracket. `year`: as in [`parse`].
pub fn parse_label(text: &str, year: u16) -> Result<Elements, Gs1Error> {
    let text = text.trim();
    let Some(fields) = text.strip_prefix('(') else { return parse(text, year) };
    let mut plain = String::new();
    for field in fields.split('(') {
        let (ai, value) = field.split_once(')').ok_or_else(|| Gs1Error::UnknownAi(field.into()))?;
        if value.contains(FNC1) || ai.len() != 2 {
            return Err(Gs1Error::UnknownAi(field.into()));
        }
        plain.push_str(ai);
        plain.push_str(value);
        plain.push(FNC1);
    }
    parse(&plain, year)
}

/// Reads an element string. `year`: the current one, for the century of two-digit years.
pub fn parse(text: &str, year: u16) -> Result<Elements, Gs1Error> {
    let mut rest = text.strip_prefix(FNC1).unwrap_or(text);
    if rest.is_empty() {
        return Err(Gs1Error::Empty);
    }
    let mut found = Elements::default();
    while !rest.is_empty() {
        let (ai, after) = rest.split_at_checked(2).ok_or_else(|| Gs1Error::UnknownAi(rest.into()))?;
        rest = match ai {
            "01" => {
                let (field, after) = fixed("01", after, 14)?;
                check_gtin(field)?;
                keep("01", &mut found.gtin, field.into())?;
                after
            }
            "17" => {
                let (field, after) = fixed("17", after, 6)?;
                keep("17", &mut found.expiry, date(field, year)?)?;
                after
            }
            "10" => {
                let (field, after) = variable("10", after)?;
                keep("10", &mut found.lot, field.into())?;
                after
            }
            "21" => {
                let (field, after) = variable("21", after)?;
                keep("21", &mut found.serial, field.into())?;
                after
            }
            "30" => {
                let (field, after) = variable("30", after)?;
                keep("30", &mut found.quantity, count(field)?)?;
                after
            }
            _ => return Err(Gs1Error::UnknownAi(ai.into())),
        };
    }
    Ok(found)
}

fn keep<T>(ai: &'static str, place: &mut Option<T>, value: T) -> Result<(), Gs1Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Gs1Error::Repeated(ai)),
    }
}

/// A field of so many digits. A separator behind it is not needed, and permitted.
fn fixed<'t>(ai: &'static str, text: &'t str, digits: usize) -> Result<(&'t str, &'t str), Gs1Error> {
    let (field, rest) = text.split_at_checked(digits).ok_or(Gs1Error::Short(ai))?;
    if field.contains(FNC1) {
        return Err(Gs1Error::Short(ai));
    }
    if !field.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Gs1Error::Character(ai));
    }
    Ok((field, rest.strip_prefix(FNC1).unwrap_or(rest)))
}

/// A field up to the next separator or the end.
fn variable<'t>(ai: &'static str, text: &'t str) -> Result<(&'t str, &'t str), Gs1Error> {
    let (field, rest) = text.split_once(FNC1).unwrap_or((text, ""));
    if field.is_empty() {
        return Err(Gs1Error::Short(ai));
    }
    if !field.bytes().all(in_set_82) {
        return Err(Gs1Error::Character(ai));
    }
    if field.len() > VARIABLE_MAX {
        return Err(Gs1Error::Long(ai));
    }
    Ok((field, rest))
}

fn count(field: &str) -> Result<u32, Gs1Error> {
    if field.len() > COUNT_MAX {
        return Err(Gs1Error::Long("30"));
    }
    let digits = field.bytes().all(|b| b.is_ascii_digit());
    field.parse().ok().filter(|_| digits).ok_or(Gs1Error::Character("30"))
}

/// GS1 AI encodable character set 82 (figure 7.11-1).
fn in_set_82(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!\"%&'()*+,-./:;<=>?_".contains(&b)
}

fn check_gtin(digits: &str) -> Result<(), Gs1Error> {
    let (body, found) = digits.split_at(digits.len() - 1);
    let right = check_digit(body);
    match found.chars().next() {
        Some(c) if c == right => Ok(()),
        found => Err(Gs1Error::CheckDigit { found: found.unwrap_or(' '), right }),
    }
}

/// Check digit of the digits before it: weights 3 and 1 from the right.
pub fn check_digit(body: &str) -> char {
    let digits = body.bytes().rev().filter(u8::is_ascii_digit).map(|b| u32::from(b - b'0'));
    let sum: u32 = digits.zip([3, 1].into_iter().cycle()).map(|(d, w)| d * w).sum();
    char::from_digit((10 - sum % 10) % 10, 10).unwrap_or('0')
}

/// `YYMMDD` as `YYYY-MM-DD`. Years lie 49 before to 50 after the current one (section 7.12).
fn date(yymmdd: &str, year: u16) -> Result<String, Gs1Error> {
    let number = |at: usize| yymmdd.get(at..at + 2).and_then(|s| s.parse::<u8>().ok());
    let wrong = || Gs1Error::Date(yymmdd.into());
    let (yy, month, day) =
        (number(0).ok_or_else(wrong)?, number(2).ok_or_else(wrong)?, number(4).ok_or_else(wrong)?);
    let (century, current) = (year / 100 * 100, year % 100);
    let full = match i32::from(yy) - i32::from(current) {
        51..=99 => i32::from(century) - 100 + i32::from(yy),
        -99..=-50 => i32::from(century) + 100 + i32::from(yy),
        _ => i32::from(century) + i32::from(yy),
    };
    let last = u16::try_from(full).ok().and_then(|y| days_in_month(y, month)).ok_or_else(wrong)?;
    match day {
        0 => Ok(format!("{full:04}-{month:02}-{last:02}")),
        d if d <= last => Ok(format!("{full:04}-{month:02}-{d:02}")),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GTIN: &str = "04012345678901";

    fn read(text: &str) -> Result<Elements, Gs1Error> {
        parse(text, 2026)
    }

    #[test]
    fn reads_all_four_with_and_without_separators_that_are_not_needed() {
        let wanted = Elements {
            gtin: Some(GTIN.into()),
            lot: Some("H24-1187".into()),
            expiry: Some("2029-05-31".into()),
            serial: Some("HB000017".into()),
            quantity: None,
        };
        for text in [
            "\u{1d}01040123456789011729053110H24-1187\u{1d}21HB000017",
            "01040123456789011729053110H24-1187\u{1d}21HB000017",
            "\u{1d}0104012345678901\u{1d}17290531\u{1d}10H24-1187\u{1d}21HB000017\u{1d}",
            "\u{1d}21HB000017\u{1d}10H24-1187\u{1d}172905310104012345678901",
        ] {
            assert_eq!(read(text).as_ref(), Ok(&wanted), "{text:?}");
        }
    }

    #[test]
    fn check_digits_of_published_examples() {
        // GTIN-13 4006381333931 and GTIN-12 036000291452 as GTIN-14, SSCC 106141412345678908.
        assert_eq!(check_digit("0400638133393"), '1');
        assert_eq!(check_digit("0003600029145"), '2');
        assert_eq!(check_digit("10614141234567890"), '8');
        let wrong = read("0104012345678902");
        assert_eq!(wrong, Err(Gs1Error::CheckDigit { found: '2', right: '1' }));
    }

    #[test]
    fn every_single_wrong_digit_of_a_gtin_is_found() {
        for place in 0..14 {
            for digit in '0'..='9' {
                let mut text: Vec<char> = GTIN.chars().collect();
                if text[place] == digit {
                    continue;
                }
                text[place] = digit;
                let text: String = text.into_iter().collect();
                assert!(matches!(read(&format!("01{text}")), Err(Gs1Error::CheckDigit { .. })), "{text}");
            }
        }
    }

    #[test]
    fn dates_have_a_century_and_a_last_day() {
        let expiry = |yymmdd: &str, year| parse(&format!("17{yymmdd}"), year).map(|e| e.expiry.unwrap());
        assert_eq!(expiry("290531", 2026), Ok("2029-05-31".into()));
        assert_eq!(expiry("290200", 2026), Ok("2029-02-28".into()));
        assert_eq!(expiry("280200", 2026), Ok("2028-02-29".into()));
        assert_eq!(expiry("760101", 2026), Ok("2076-01-01".into()));
        assert_eq!(expiry("770101", 2026), Ok("1977-01-01".into()));
        assert_eq!(expiry("050101", 2096), Ok("2105-01-01".into()));
        for wrong in ["291301", "290001", "290230", "290432"] {
            assert_eq!(expiry(wrong, 2026), Err(Gs1Error::Date(wrong.into())));
        }
    }

    #[test]
    fn labels_come_scanned_or_as_they_are_printed() {
        let read = |text: &str| parse_label(text, 2026);
        let label = read("(01)04012345678901(17)290531(30)250(10)H24-1187").unwrap();
        assert_eq!(label, read("\u{1d}01040123456789011729053130250\u{1d}10H24-1187").unwrap());
        assert_eq!((label.quantity, label.lot.as_deref()), (Some(250), Some("H24-1187")));
        for (text, error) in [
            ("(01)04012345678902", Gs1Error::CheckDigit { found: '2', right: '1' }),
            ("(01)0401234567890(10)A", Gs1Error::Short("01")),
            ("(17)290531290532", Gs1Error::UnknownAi("29".into())),
            ("(10)A(B", Gs1Error::UnknownAi("B".into())),
            ("(10", Gs1Error::UnknownAi("10".into())),
            ("(240)A", Gs1Error::UnknownAi("240)A".into())),
            ("(30)1x", Gs1Error::Character("30")),
            ("(30)123456789", Gs1Error::Long("30")),
            ("(10)A(10)B", Gs1Error::Repeated("10")),
        ] {
            assert_eq!(read(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_exactly_right_is_refused() {
        for (text, error) in [
            ("", Gs1Error::Empty),
            ("\u{1d}", Gs1Error::Empty),
            ("0", Gs1Error::UnknownAi("0".into())),
            ("9912", Gs1Error::UnknownAi("99".into())),
            ("01040123456789", Gs1Error::Short("01")),
            ("01040123\u{1d}5678901", Gs1Error::Short("01")),
            ("010401234567890A", Gs1Error::Character("01")),
            ("10", Gs1Error::Short("10")),
            ("10\u{1d}21A", Gs1Error::Short("10")),
            ("10A B", Gs1Error::Character("10")),
            ("10AÄ", Gs1Error::Character("10")),
            ("10123456789012345678901", Gs1Error::Long("10")),
            ("21A\u{1d}21B", Gs1Error::Repeated("21")),
            ("10A\u{1d}\u{1d}21B", Gs1Error::UnknownAi("\u{1d}2".into())),
        ] {
            assert_eq!(read(text), Err(error), "{text:?}");
        }
        assert!(read("1012345678901234567890").is_ok(), "twenty characters fit");
    }

    #[test]
    fn cuts_and_wide_characters_anywhere_do_not_panic() {
        let whole = "\u{1d}01040123456789011729053110H24-1187\u{1d}21HB000017";
        for (at, _) in whole.char_indices() {
            let _ = read(&whole[..at]);
            let _ = read(&format!("{}€{}", &whole[..at], &whole[at..]));
        }
    }
}
