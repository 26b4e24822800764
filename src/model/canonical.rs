//! Canonical JSON: the JSON Canonicalization Scheme of RFC 8785.
//!
//! Equal data gives equal bytes, so that a hash over them names the data. Object members are sorted by
//! the UTF-16 code units of their names (3.2.3), numbers are written as ECMAScript writes them (3.2.2.3),
//! strings carry only the escapes that they must (3.2.2.2), and there is no white space.
//!
//! JSON numbers are doubles. A value that a double does not hold is refused and never rounded: an
//! integer beyond ±(2^53 − 1), an infinity, a NaN. Such values are written as strings by their owners.

use core::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Number, Value};

mod serializer;

/// Greatest integer up to which every integer is a double of its own (I-JSON, RFC 7493, 2.2).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Why a value has no canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    #[error("{0} is not exact as a JSON number (beyond 2^53 - 1): write it as a string")]
    Integer(String),
    #[error("{0} is not a JSON number")]
    NotFinite(String),
    #[error("a map key is neither a string nor an integer")]
    Key,
    #[error("{0}")]
    Other(String),
}

/// The canonical text of anything that serialises.
///
/// # Errors
/// A number is not finite or not exact; a map key is not a string or an integer.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, CanonicalError> {
    value_to_string(&to_value(value)?)
}

/// The JSON value of anything that serialises; `serde_json::to_value` would turn NaN into null and
/// keep integers that other readers round.
///
/// # Errors
/// As [`to_string`].
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, CanonicalError> {
    value.serialize(serializer::ValueSerializer)
}

/// The canonical text of a JSON value, for example one that was read from canonical text.
///
/// An integer beyond 2^53 − 1 is accepted only in the spelling of a double, since a reader cannot
/// tell `9007199254740994` the integer from the double of that value.
///
/// # Errors
/// An integer is not exact as a double.
pub fn value_to_string(value: &Value) -> Result<String, CanonicalError> {
    let mut out = String::new();
    write_value(&mut out, value)?;
    Ok(out)
}

fn write_value(out: &mut String, value: &Value) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => out.push_str(&number(n)?),
        Value::String(s) => write_string(out, s),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(out, item)?;
            }
            out.push(']');
        }
        Value::Object(map) => write_object(out, map)?,
    }
    Ok(())
}

fn write_object(out: &mut String, map: &Map<String, Value>) -> Result<(), CanonicalError> {
    let mut members: Vec<(&String, &Value)> = map.iter().collect();
    members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push('{');
    for (i, (name, value)) in members.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_string(out, name);
        out.push(':');
        write_value(out, value)?;
    }
    out.push('}');
    Ok(())
}

fn write_string(out: &mut String, s: &str) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn number(n: &Number) -> Result<String, CanonicalError> {
    let refused = || CanonicalError::Integer(n.to_string());
    let (text, magnitude) = match (n.as_u64(), n.as_i64(), n.as_f64()) {
        (Some(u), _, _) => (u.to_string(), u),
        (None, Some(i), _) => (i.to_string(), i.unsigned_abs()),
        (None, None, Some(x)) => return format_number(x),
        (None, None, None) => return Err(refused()),
    };
    if magnitude > INTEGER_MAX {
        let as_double = format_number(n.as_f64().ok_or_else(refused)?)?;
        return if as_double == text { Ok(text) } else { Err(refused()) };
    }
    Ok(text)
}

/// A double as ECMAScript's `Number::toString` writes it (ECMA-262, 6.1.6.1.20): the shortest digits
/// that read back to the same double.
///
/// # Errors
/// The number is infinite or NaN.
pub fn format_number(x: f64) -> Result<String, CanonicalError> {
    if !x.is_finite() {
        return Err(CanonicalError::NotFinite(x.to_string()));
    }
    if x == 0.0 {
        return Ok("0".into()); // minus zero, too
    }
    let sign = if x < 0.0 { "-" } else { "" };
    let (digits, point) = shortest_digits(x.abs())?;
    let count = digits.len() as i32;
    let body = if (count..=21).contains(&point) {
        format!("{digits}{}", "0".repeat((point - count) as usize))
    } else if (1..=21).contains(&point) {
        let (whole, fraction) = digits.split_at(point as usize);
        format!("{whole}.{fraction}")
    } else if (-5..=0).contains(&point) {
        format!("0.{}{digits}", "0".repeat((-point) as usize))
    } else {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        format!("{first}{dot}{rest}e{:+}", point - 1)
    };
    Ok(format!("{sign}{body}"))
}

/// The shortest digits that read back to `x`, and the place of the point: x = 0.digits × 10^point.
/// Of two that are equally close the even one (RFC 8785, appendix B, note on `43143ff3c1cb0959`).
fn shortest_digits(x: f64) -> Result<(String, i32), CanonicalError> {
    let parts = |text: String| -> Result<(String, i32), CanonicalError> {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().map_err(|_| CanonicalError::Other(text.clone()))?;
        Ok((mantissa.chars().filter(char::is_ascii_digit).collect(), exponent + 1))
    };
    let (digits, point) = parts(format!("{x:e}"))?;
    // Rust's shortest form rounds a tie up. It is a tie if one more digit, a 5, is all there is.
    let (longer, longer_point) = parts(format!("{x:.*e}", digits.len()))?;
    if let Some(down) = longer.strip_suffix('5')
        && longer_point == point
        && digits != down
        && down.ends_with(['0', '2', '4', '6', '8'])
    {
        // No double has more than 767 significant digits.
        let (exact, _) = parts(format!("{x:.767e}"))?;
        let tie = exact[longer.len()..].bytes().all(|digit| digit == b'0');
        let text = format!("0.{down}e{point}");
        if tie && text.parse() == Ok(x) {
            return Ok((down.to_owned(), point));
        }
    }
    Ok((digits, point))
}

#[cfg(test)]
mod tests;
