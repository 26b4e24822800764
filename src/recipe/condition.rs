//! Conditions over signals, parameters and measurements, as recipe and cell files write them.
//!
//! ```text
//! or   = and { "or" and }          and = not { "and" not }
//! not  = "not" not | "(" or ")" | "true" | "false" | signal | side ("<" | ">") side | side "in" range
//! side = channel | step.measurement | quantity
//! ```
//! `nest_hub_present and not bin_full`, `leak_1 < 2 kPa`, `press-cannula.seat_force in $seat_warn`. A comparison is
//! strict; two doubles are equal by chance only, so there is no `<=`. A range is inclusive at both ends. Both sides
//! have one dimension.
//!
//! A sensor at a station is named `<station>.<name>` in cell.yaml. In the condition of a step at that station
//! `<name>` is enough; it is looked for at the station first, then among the inputs of the whole cell. A measurement
//! is one that a step before has made for certain; in a sub-recipe, a step of the same sub-recipe.

mod constant;
mod names;
mod tokens;

use cellwright_model::Dimension;
use cellwright_model::Quantity;
use cellwright_model::expr::{Expr, Term};

pub(crate) use constant::{Never, warn_constant};
pub(crate) use names::refuse_stations;
pub use names::{Scene, Sight};
use tokens::{Token, tokens};

use crate::code::Code;
use crate::decode::{Decoder, Text};
use crate::source::Span;
use crate::tree::Node;

/// Parentheses and `not` inside each other.
const DEPTH_MAX: usize = 32;

/// Reads a condition and resolves its names as they are meant where it stands.
pub fn condition(d: &mut Decoder<'_>, node: &Node, sight: &Sight<'_>) -> Option<Expr> {
    let text = d.text(node)?;
    let tokens = tokens(&text.text);
    let mut reader = Reader { d, sight, text: &text, tokens: &tokens, at: 0, depth: 0 };
    let expr = reader.or()?;
    match reader.peek() {
        None => Some(expr),
        Some(token) => reader.refuse(token, format!("`{}` is left over", token.text)),
    }
}

struct Reader<'a, 'd, 's> {
    d: &'a mut Decoder<'d>,
    sight: &'a Sight<'a>,
    text: &'s Text,
    tokens: &'a [Token<'s>],
    at: usize,
    depth: usize,
}

impl<'s> Reader<'_, '_, 's> {
    fn peek(&self) -> Option<Token<'s>> {
        self.tokens.get(self.at).copied()
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|t| t.text == word);
        self.at += usize::from(found);
        found
    }

    /// The token in the file; the whole text where bytes do not match one to one.
    fn span(&self, token: Token<'_>) -> Span {
        let whole = self.text.span;
        if !self.text.verbatim {
            return whole;
        }
        let start = whole.start + token.start as u32;
        Span { start, end: start + token.text.len() as u32, ..whole }
    }

    fn error(&mut self, code: Code, span: Span, message: String, help: String) {
        self.d.sink.error_with(code, span, message, help, self.text.labels());
    }

    fn refuse<T>(&mut self, token: Token<'_>, message: String) -> Option<T> {
        let help = "a condition is made of signals, `and`, `or`, `not`, parentheses and comparisons like \
                    `leak_1 < 2 kPa` or `press.force in 70 .. 150 N`";
        self.error(Code::ConditionSyntax, self.span(token), message, help.into());
        None
    }

    fn end<T>(&mut self) -> Option<T> {
        let token = Token { text: "", start: self.text.text.len(), quantity: false };
        self.refuse(token, "the condition ends too early".into())
    }

    fn or(&mut self) -> Option<Expr> {
        let mut list = vec![self.and()?];
        while self.take("or") {
            list.push(self.and()?);
        }
        Some(if list.len() == 1 { list.remove(0) } else { Expr::Or(list) })
    }

    fn and(&mut self) -> Option<Expr> {
        let mut list = vec![self.not()?];
        while self.take("and") {
            list.push(self.not()?);
        }
        Some(if list.len() == 1 { list.remove(0) } else { Expr::And(list) })
    }

    fn not(&mut self) -> Option<Expr> {
        let Some(token) = self.peek() else { return self.end() };
        if self.depth >= DEPTH_MAX {
            return self.refuse(token, "nested too deeply".into());
        }
        self.at += 1;
        match token.text {
            "not" => {
                self.depth += 1;
                let inner = self.not()?;
                self.depth -= 1;
                Some(Expr::Not(Box::new(inner)))
            }
            "(" => {
                self.depth += 1;
                let inner = self.or()?;
                self.depth -= 1;
                if self.take(")") {
                    return Some(inner);
                }
                self.refuse(token, "this parenthesis is not closed".into())
            }
            "true" | "false" => Some(Expr::Always(token.text == "true")),
            "and" | "or" | ")" | "<" | ">" | "in" => {
                self.refuse(token, format!("expected a signal, found `{}`", token.text))
            }
            _ => match self.peek().map(|t| t.text) {
                Some(sign @ ("<" | ">")) => self.comparison(token, sign),
                Some("in") => self.within(token),
                _ if token.quantity => {
                    self.refuse(token, format!("`{}` is compared with nothing", token.text))
                }
                _ => self.signal(token),
            },
        }
    }

    /// `left < right`: two constants say what they say for ever.
    fn comparison(&mut self, left: Token<'s>, sign: &str) -> Option<Expr> {
        self.at += 1;
        let (a, dimension) = self.side(left, None)?;
        let Some(right) = self.peek() else { return self.end() };
        self.at += 1;
        let (b, _) = self.side(right, Some(dimension))?;
        let (low, high) = if sign == "<" { (a, b) } else { (b, a) };
        Some(less(low, high))
    }

    fn within(&mut self, left: Token<'s>) -> Option<Expr> {
        self.at += 1;
        let (side, dimension) = self.side(left, None)?;
        let Some(right) = self.peek() else { return self.end() };
        self.at += 1;
        let text = self.part(right);
        let (lo, hi) = self.d.range_of(&text, dimension)?;
        let not = |e| match e {
            Expr::Always(value) => Expr::Always(!value),
            e => Expr::Not(Box::new(e)),
        };
        let ends = [less(side.clone(), Term::Constant(lo)), less(Term::Constant(hi), side)];
        Some(Expr::And(ends.map(not).into()))
    }

    /// A part of the text as a text of its own.
    fn part(&self, token: Token<'_>) -> Text {
        Text { text: token.text.to_string(), span: self.span(token), ..self.text.clone() }
    }

    /// One side of a comparison; `wanted`: the dimension of the other one.
    fn side(&mut self, token: Token<'s>, wanted: Option<Dimension>) -> Option<(Term, Dimension)> {
        if token.quantity {
            let text = self.part(token);
            let quantity = Quantity::parse(token.text).ok();
            let dimension = wanted.or(quantity.map(|q| q.dimension)).unwrap_or(Dimension::Length);
            return self.d.quantity_of(&text, dimension).map(|value| (Term::Constant(value), dimension));
        }
        if matches!(token.text, "and" | "or" | "not" | "in" | "(" | ")" | "<" | ">" | "true" | "false") {
            return self.refuse(token, format!("expected a quantity, found `{}`", token.text));
        }
        let (term, dimension) = self.value(token)?;
        if let Some(wanted) = wanted.filter(|w| *w != dimension) {
            let message =
                format!("`{}` is a {}, the other side a {}", token.text, dimension.name(), wanted.name());
            let help = format!("compare it with a {}", dimension.name());
            self.error(Code::Dimension, self.span(token), message, help);
            return None;
        }
        Some((term, dimension))
    }
}

fn less(a: Term, b: Term) -> Expr {
    match (&a, &b) {
        (Term::Constant(a), Term::Constant(b)) => Expr::Always(a < b),
        _ => Expr::Less(a, b),
    }
}
