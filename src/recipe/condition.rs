//! Conditions over signals, as recipe and cell files write them.
//!
//! ```text
//! or   = and { "or" and }          and = not { "and" not }
//! not  = "not" not | "(" or ")" | signal | channel ("<" | ">") quantity
//! ```
//! `nest_hub_present and not bin_full`, `leak_1 < 2 kPa`. A comparison is strict; two doubles are equal
//! by chance only, so there is no `<=`.
//!
//! A sensor at a station is named `<station>.<name>` in cell.yaml. In the condition of a step at that station
//! `<name>` is enough; it is looked for at the station first, then among the inputs of the whole cell.

use cellwright_model::cell::Cell;
use cellwright_model::expr::Expr;
use cellwright_model::{InputId, StationId};

use crate::code::Code;
use crate::decode::{Decoder, Text};
use crate::source::Span;
use crate::suggest;
use crate::tree::Node;

/// Parentheses and `not` inside each other.
const DEPTH_MAX: usize = 32;

/// A token and the bytes of the text it stands at.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Token<'t> {
    text: &'t str,
    start: usize,
}

/// Where a condition is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scene {
    /// Anywhere in the cell: an invariant, a step without a station, cell.yaml itself.
    #[default]
    Cell,
    /// In a step at this station: its sensors go by their short names.
    Station(StationId),
    /// In a step whose station could not be read, which has been said: a name of any station will do.
    Unread,
}

impl Scene {
    /// The input that a name means here.
    fn input(self, cell: &Cell, name: &str) -> Option<InputId> {
        let at = |station: &str| cell.input(&format!("{station}.{name}"));
        let here = match self {
            Scene::Cell => None,
            Scene::Station(s) => at(&cell.stations.get(s.index())?.name),
            Scene::Unread => cell.stations.iter().find_map(|s| at(&s.name)),
        };
        here.or_else(|| cell.input(name))
    }
}

/// Station of a sensor, by the name of its input.
fn station_of(cell: &Cell, input: &str) -> Option<StationId> {
    input.split_once('.').and_then(|(station, _)| cell.station(station))
}

/// Reads a condition and resolves its names against the cell, as they are meant at `scene`.
pub fn condition(d: &mut Decoder<'_>, node: &Node, cell: &Cell, scene: Scene) -> Option<Expr> {
    let text = d.text(node)?;
    let tokens = tokens(&text.text);
    let mut reader = Reader { d, cell, scene, text: &text, tokens: &tokens, at: 0, depth: 0 };
    let expr = reader.or()?;
    match reader.peek() {
        None => Some(expr),
        Some(token) => reader.refuse(token, format!("`{}` is left over", token.text)),
    }
}

/// Words, quantities behind a comparison, and the signs `( ) < >`.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let sign = |c: char| matches!(c, '(' | ')' | '<' | '>');
    let mut out: Vec<Token<'_>> = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let rest = &text[at..];
        let end = if sign(c) {
            c.len_utf8()
        } else if out.last().is_some_and(|t| matches!(t.text, "<" | ">")) {
            quantity_end(rest)
        } else {
            rest.find(|c: char| c.is_whitespace() || sign(c)).unwrap_or(rest.len())
        };
        out.push(Token { text: rest[..end].trim_end(), start: at });
        at += end;
    }
    out
}

/// A quantity may have a space before its unit: it ends at a sign, or before `and` or `or`.
fn quantity_end(text: &str) -> usize {
    let signs = text.find(['(', ')', '<', '>']);
    let words = [" and ", " or "].iter().filter_map(|w| text.find(w));
    words.chain(signs).min().unwrap_or(text.len()).max(1)
}

struct Reader<'a, 'd, 's> {
    d: &'a mut Decoder<'d>,
    cell: &'a Cell,
    scene: Scene,
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
                    `leak_1 < 2 kPa`";
        self.error(Code::ConditionSyntax, self.span(token), message, help.into());
        None
    }

    fn end<T>(&mut self) -> Option<T> {
        let token = Token { text: "", start: self.text.text.len() };
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
            "and" | "or" | ")" | "<" | ">" => {
                self.refuse(token, format!("expected a signal, found `{}`", token.text))
            }
            _ => self.signal(token),
        }
    }

    fn signal(&mut self, token: Token<'s>) -> Option<Expr> {
        let name = token.text;
        if let Some(sign) = self.peek().filter(|t| matches!(t.text, "<" | ">")) {
            self.at += 1;
            return self.comparison(token, sign);
        }
        if let Some(input) = self.scene.input(self.cell, name) {
            return self.seen_here(token, input).then_some(Expr::Input(input));
        }
        let span = self.span(token);
        if self.cell.analog(name).is_some() {
            let message = format!("`{name}` is an analog channel, neither on nor off");
            let help = format!("compare it: `{name} < 2 …` or `{name} > 2 …`");
            self.error(Code::ConditionKind, span, message, help);
            return None;
        }
        if self.cell.output(name).is_some() {
            let message = format!("`{name}` is an output: what was commanded proves nothing");
            self.error(Code::ConditionKind, span, message, "name the input that sees its effect".into());
            return None;
        }
        let help = self.unknown(name);
        self.error(Code::UnknownSignal, span, format!("there is no signal `{name}`"), help);
        None
    }

    /// With several units in flight another unit stands at every other station: what is seen there says nothing
    /// about the part of this step, so a step asks its own station only.
    fn seen_here(&mut self, token: Token<'_>, input: InputId) -> bool {
        let name = self.cell.digital_inputs[input.index()].name.clone();
        let (Scene::Station(here), Some(there)) = (self.scene, station_of(self.cell, &name)) else {
            return true;
        };
        if here == there {
            return true;
        }
        let (here, short) =
            (&self.cell.stations[here.index()].name, name.split_once('.').map_or("", |n| n.1));
        let message =
            format!("`{name}` looks at another station than this step's, `{here}`, where another unit is");
        let help = match self.cell.input(&format!("{here}.{short}")) {
            Some(_) => format!("write `{short}`: at `{here}` that is `{here}.{short}`"),
            None => format!(
                "`{here}` has no `{short}`: ask in a step at `{}`",
                name.trim_end_matches(short).trim_end_matches('.')
            ),
        };
        self.error(Code::OtherStation, self.span(token), message, help);
        false
    }

    /// Remedy for a name that is no signal here: the names that may be meant, the short ones of this station too.
    fn unknown(&self, name: &str) -> String {
        let all = self.cell.digital_inputs.iter().map(|i| i.name.as_str());
        let of_stations = |name: &str| -> Vec<String> {
            let ours = |i: &&str| i.split_once('.').is_some_and(|(_, short)| short == name);
            all.clone().filter(ours).map(|i| format!("`{i}`")).collect()
        };
        let elsewhere = of_stations(name);
        match self.scene {
            Scene::Station(s) if !elsewhere.is_empty() => {
                let here = &self.cell.stations[s.index()].name;
                format!("`{here}` has no such sensor, only {}: ask in a step there", elsewhere.join(", "))
            }
            _ if !elsewhere.is_empty() => {
                format!("give the step a `station:`, or say which is meant: {}", elsewhere.join(", "))
            }
            Scene::Station(s) => {
                let here = format!("{}.", self.cell.stations[s.index()].name);
                let short = all.clone().filter_map(|i| i.strip_prefix(here.as_str()));
                suggest::remedy(name, short.chain(all.clone()))
            }
            Scene::Cell | Scene::Unread => suggest::remedy(name, all),
        }
    }

    fn comparison(&mut self, channel: Token<'s>, sign: Token<'s>) -> Option<Expr> {
        let Some(level) = self.peek() else { return self.end() };
        self.at += 1;
        let span = self.span(channel);
        let name = channel.text;
        let Some(analog) = self.cell.analog(name) else {
            let names: Vec<_> = self.cell.analogs.iter().map(|a| a.name.as_str()).collect();
            let (code, message, help) = match self.cell.input(name) {
                Some(_) => {
                    (Code::ConditionKind, format!("`{name}` is on or off"), format!("write `{name}` alone"))
                }
                None => (
                    Code::UnknownAnalog,
                    format!("there is no analog channel `{name}`"),
                    suggest::remedy(name, names),
                ),
            };
            self.error(code, span, message, help);
            return None;
        };
        let dimension = self.cell.analogs[analog.index()].dimension;
        let level_text = Text { text: level.text.to_string(), span: self.span(level), ..self.text.clone() };
        let value = self.d.quantity_of(&level_text, dimension)?;
        Some(if sign.text == "<" { Expr::Below(analog, value) } else { Expr::Above(analog, value) })
    }
}
