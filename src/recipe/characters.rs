//! Characters that cannot be seen: who approves a text has to see all of it.

use crate::code::Code;
use crate::diagnostic::Sink;
use crate::source::{FileId, Span};

/// What an unseen character is called; `None` for one that can be seen, a line end or a space.
fn unseen(c: char) -> Option<&'static str> {
    match c {
        '\n' | '\r' | '\t' => None,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            Some("a space that YAML takes for a letter")
        }
        '\u{feff}' => Some("a byte order mark"),
        '\u{ad}'
        | '\u{34f}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}' => Some("a character without width"),
        // Fillers, selectors of variants, tags: letters to a reader of bytes, nothing to a person.
        '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}' => {
            Some("a filler without a shape")
        }
        '\u{180b}'..='\u{180f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => Some("a sign without a shape"),
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' => {
            Some("a sign that turns the direction of the text")
        }
        '\u{85}' | '\u{2028}' | '\u{2029}' => Some("a line end that editors do not show"),
        c if c.is_control() => Some("a control character"),
        _ => None,
    }
}

/// Refuses each of them, but for a byte order mark with which the file begins; gives the text with spaces in their
/// place, byte for byte, so that reading can go on. `None` where it cannot: one that indents.
pub(crate) fn blank_unseen(file: FileId, text: String, sink: &mut Sink) -> Option<String> {
    if !text.chars().any(|c| unseen(c).is_some()) {
        return Some(text);
    }
    let mut indents = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let Some(what) = unseen(c).filter(|_| !(c == '\u{feff}' && out.is_empty())) else {
            out.push(c);
            continue;
        };
        indents |= out.rsplit('\n').next().is_some_and(|line| line.chars().all(char::is_whitespace));
        let start = out.len() as u32;
        let span = Span { file, start, end: start + c.len_utf8() as u32 };
        let message = format!("{what} (U+{:04X}), which nobody sees", u32::from(c));
        sink.error(Code::Unseen, span, message, "take it out, or write a plain space");
        (0..c.len_utf8()).for_each(|_| out.push(' '));
    }
    (!indents).then_some(out)
}
