//! The words of a condition.

use cellwright_model::Quantity;

/// A token and the byte of the text it begins at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Token<'t> {
    pub(super) text: &'t str,
    pub(super) start: usize,
    /// A number with its unit, or one that should have one.
    pub(super) quantity: bool,
}

/// Words, quantities and ranges, and the signs `( ) < >`.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let sign = |c: char| matches!(c, '(' | ')' | '<' | '>');
    let mut out: Vec<Token<'_>> = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let rest = &text[at..];
        let compared = out.last().is_some_and(|t| matches!(t.text, "<" | ">" | "in"));
        let quantity = (c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
            && (compared || Quantity::parse(&rest[..quantity_end(rest)]).is_ok());
        let end = if sign(c) {
            c.len_utf8()
        } else if quantity {
            quantity_end(rest)
        } else {
            rest.find(|c: char| c.is_whitespace() || sign(c)).unwrap_or(rest.len())
        };
        out.push(Token { text: rest[..end].trim_end(), start: at, quantity });
        at += end;
    }
    out
}

/// A quantity may have a space before its unit: it ends at a sign, or before a word that joins.
fn quantity_end(text: &str) -> usize {
    let signs = text.find(['(', ')', '<', '>']);
    let words = [" and ", " or ", " in "].iter().filter_map(|w| text.find(w));
    words.chain(signs).min().unwrap_or(text.len()).max(1)
}
