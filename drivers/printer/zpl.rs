//! The label as a ZPL II format: a GS1 DataMatrix and what it says, for people.
//!
//! Source: Zebra, Programming Guide for ZPL II, commands `^BX` (ECC 200, escape character, `_1` for FNC1 and `_dNNN`
//! for a character by its number), `^A`, `^FO`, `^FD`, `^FS`, `^PQ`. *Dots*: at 8 a millimetre, as printers of
//! 203 dpi have them.

use cellwright_model::gs1::FNC1;

/// Dots of a module of the symbol: 0.5 mm, twice the least that GS1 asks for on medical devices.
const MODULE_DOTS: u32 = 4;
/// From the label's edge.
const MARGIN_DOTS: u32 = 24;
/// Where the text begins, right of the largest symbol that these elements need (32 modules).
const TEXT_X_DOTS: u32 = 176;
const TEXT_HEIGHT_DOTS: u32 = 20;
const LINE_DOTS: u32 = 28;
/// Characters of an element string or of a line: more than any UDI of AI (01), (10) and (21) has.
pub const TEXT_MAX: usize = 128;
/// Lines of text below each other.
pub const LINES_MAX: usize = 6;

/// The format that prints one label. Errors: in words, what ZPL cannot carry.
pub fn format(element_string: &str, lines: &[String]) -> Result<String, String> {
    if element_string.len() > TEXT_MAX || lines.len() > LINES_MAX {
        return Err("more than a label has room for".into());
    }
    let mut out = format!("^XA\n^FO{MARGIN_DOTS},{MARGIN_DOTS}^BXN,{MODULE_DOTS},200,,,,_^FD");
    for c in element_string.chars() {
        match c {
            FNC1 => out.push_str("_1"),
            c if plain(c) => out.push(c),
            c if c.is_ascii_graphic() => out.push_str(&format!("_d{:03}", c as u32)),
            c => return Err(format!("{c:?} cannot stand in the symbol")),
        }
    }
    out.push_str("^FS\n");
    for (n, line) in lines.iter().enumerate() {
        let text = |c: char| plain(c) || c == ' ' || c == '_';
        if line.len() > TEXT_MAX || !line.chars().all(text) {
            return Err(format!("`{line}` cannot stand on a label"));
        }
        let y = MARGIN_DOTS + n as u32 * LINE_DOTS;
        out.push_str(&format!("^FO{TEXT_X_DOTS},{y}^A0N,{TEXT_HEIGHT_DOTS}^FD{line}^FS\n"));
    }
    out.push_str("^PQ1\n^XZ\n");
    Ok(out)
}

/// It means itself in field data: neither a command's beginning nor the escape character.
fn plain(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '^' | '~' | '_')
}

/// The element string in the symbol of a format; `None`: there is none, or it is none.
pub fn element_string(format: &str) -> Option<String> {
    let (_, symbol) = format.split_once("^BX")?;
    let (_, data) = symbol.split_once("^FD")?;
    let (mut data, _) = data.split_once("^FS")?;
    let mut out = String::new();
    while let Some(c) = data.chars().next() {
        data = &data[c.len_utf8()..];
        if c != '_' {
            out.push(c);
        } else if let Some(rest) = data.strip_prefix('1') {
            data = rest;
            out.push(FNC1);
        } else {
            let (number, rest) = data.strip_prefix('d')?.split_at_checked(3)?;
            out.push(char::from(number.parse::<u8>().ok()?));
            data = rest;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_begins_with_fnc1_and_keeps_every_character_of_set_82() {
        let text = "\u{1d}010401234567890110L_2\u{1d}21!\"%&'()*+,-./:;<=>?_A";
        let format = format(text, &["(01)04012345678901".into(), "UDI".into()]).unwrap();
        assert!(format.starts_with("^XA\n") && format.ends_with("^XZ\n"));
        assert!(format.contains("^BXN,4,200,,,,_^FD_1010401234567890110L_d0952_121!"), "{format}");
        assert!(format.contains("^FD(01)04012345678901^FS"));
        assert_eq!(element_string(&format).as_deref(), Some(text));
    }

    #[test]
    fn what_would_be_a_command_is_never_sent() {
        for text in ["\u{1d}21A\n", "21Ä", &"x".repeat(TEXT_MAX + 1)] {
            assert!(format(text, &[]).is_err(), "{text:?}");
        }
        for line in ["a^XZ", "~JA", "ä", &"x".repeat(TEXT_MAX + 1)] {
            assert!(format("\u{1d}21A", &[line.into()]).is_err(), "{line:?}");
        }
        // In the symbol they stand by their numbers.
        assert!(format("21^~", &[]).unwrap().contains("^FD21_d094_d126^FS"));
        for format in ["", "^XA^FDx^FS^XZ", "^BX^FD_2^FS", "^BX^FD_d9^FS", "^BX^FD_d999^FS", "^BX^FDx"] {
            assert_eq!(element_string(format), None, "{format}");
        }
    }
}
