//! Places: bytes of a text, and lines and UTF-16 columns as editors count them.

use lsp_types::{Position, Range};

/// Bytes at which lines begin: behind `\n`, `\r\n` and `\r` (LSP 3.17, "Text Documents").
fn starts(text: &str) -> impl Iterator<Item = usize> + '_ {
    let bytes = text.as_bytes();
    let ends = (0..bytes.len()).filter(move |&at| match bytes[at] {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    core::iter::once(0).chain(ends.map(|at| at + 1))
}

/// Place of a byte. Inside a character: its begin; behind the end: the end.
pub(crate) fn position(text: &str, byte: usize) -> Position {
    let byte = floor(text, byte);
    let (line, start) =
        starts(text).take_while(|start| *start <= byte).enumerate().last().unwrap_or_default();
    Position { line: line as u32, character: text[start..byte].encode_utf16().count() as u32 }
}

/// Byte of a place. Behind the end of a line: its end; behind the last line: the end.
pub(crate) fn byte(text: &str, position: Position) -> usize {
    let Some(start) = starts(text).nth(position.line as usize) else { return text.len() };
    let line = text[start..].split(['\n', '\r']).next().unwrap_or_default();
    let mut units = 0;
    for (at, c) in line.char_indices() {
        if units >= position.character {
            return start + at;
        }
        units += c.len_utf16() as u32;
    }
    start + line.len()
}

pub(crate) fn range(text: &str, bytes: core::ops::Range<usize>) -> Range {
    Range { start: position(text, bytes.start), end: position(text, bytes.end.max(bytes.start)) }
}

/// The begin of the character that a byte is in.
fn floor(text: &str, byte: usize) -> usize {
    let mut at = byte.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The name around a byte: letters, digits, `_`, `-`, `.`, `@`, `$`.
pub(crate) fn word(text: &str, byte: usize) -> core::ops::Range<usize> {
    let byte = floor(text, byte);
    let part = |c: char| c.is_alphanumeric() || "_-.@$".contains(c);
    let before = text[..byte].chars().rev().take_while(|c| part(*c)).map(char::len_utf8).sum::<usize>();
    let after = text[byte..].chars().take_while(|c| part(*c)).map(char::len_utf8).sum::<usize>();
    byte - before..byte + after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_in_utf16() {
        let text = "a\n😀N·m x\r\nz";
        for (byte_at, line, character) in
            [(0, 0, 0), (2, 1, 0), (6, 1, 2), (7, 1, 3), (9, 1, 4), (14, 2, 0), (15, 2, 1)]
        {
            let place = Position { line, character };
            assert_eq!((position(text, byte_at), byte(text, place)), (place, byte_at));
        }
        assert_eq!(byte(text, Position { line: 1, character: 99 }), 12);
        assert_eq!(byte(text, Position { line: 9, character: 0 }), text.len());
        let far = Position { line: u32::MAX, character: u32::MAX };
        assert_eq!((byte(text, far), byte("", far)), (text.len(), 0));
        assert_eq!(byte(text, Position { line: 0, character: u32::MAX }), 1);
        // Inside of a character of two units: its end.
        assert_eq!(byte(text, Position { line: 1, character: 1 }), 6);
        let old = "a\rb\r\nc\n";
        for (at, line, character) in [(0, 0, 0), (2, 1, 0), (3, 1, 1), (5, 2, 0), (7, 3, 0)] {
            let place = Position { line, character };
            assert_eq!((position(old, at), byte(old, place)), (place, at));
        }
        assert_eq!(position(text, 4), position(text, 2));
        assert_eq!(&text[word(text, 8)], "N");
        assert_eq!(word("x: a.b-c@1, d", 5), 3..10);
    }
}
