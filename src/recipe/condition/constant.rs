//! Conditions that say the same whatever the machine does: tried over every state of their signals, and of channels
//! and measurements over the ranges between the levels that they are compared with.

use cellwright_model::InputId;
use cellwright_model::expr::{Expr, Term};

use super::Sight;
use crate::code::Code;
use crate::decode::Decoder;
use crate::diagnostic::{Diagnostic, Severity};
use crate::tree::Node;

/// States that are tried; a condition with more of them is not looked into.
const STATES_MAX: usize = 1_024;

/// What is to be said of a condition that never holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Never {
    /// Nothing goes on behind it.
    Refused,
    /// A step is left out for ever.
    Warned,
}

/// Tells a condition that always, or never, holds.
pub(crate) fn warn_constant(d: &mut Decoder<'_>, node: &Node, expr: &Expr, sight: &Sight<'_>, never: Never) {
    let Some(text) = d.text(node) else { return };
    // A switch of `params:` is meant to say the same all the time, in one row this and in another one that.
    if text.origin.is_some() && has_constant(expr) {
        return;
    }
    let range = |term: &Term| range(term, sight);
    let Some(always) = outcome(expr, &range) else {
        if let Some(message) = idle_part(expr, &range) {
            let help = "take it out, or ask what may be otherwise".to_string();
            let (code, span, labels) = (Code::Constant, node.span, text.labels());
            d.sink.push(Diagnostic { code, severity: Severity::Warning, span, message, help, labels });
        }
        return;
    };
    let (severity, message, help) = match (always, never) {
        (true, _) => {
            (Severity::Warning, "this condition always holds", "take it out, or ask what may be otherwise")
        }
        (false, Never::Warned) => {
            (Severity::Warning, "this condition never holds", "take the step out, or ask what may be")
        }
        (false, Never::Refused) => {
            (Severity::Error, "this condition never holds", "ask what may be: no unit gets past it")
        }
    };
    let seen = "a channel shows what lies in its range, a measurement that passed what lies in its limits";
    let message = if expr.terms().is_empty() { message.to_string() } else { format!("{message}: {seen}") };
    d.sink.push(Diagnostic {
        code: Code::Constant,
        severity,
        span: node.span,
        message,
        help: help.to_string(),
        labels: text.labels(),
    });
}

/// A part that says the same whatever the machine does, although the whole does not: joined by `and` one that always
/// holds, by `or` one that never does.
fn idle_part(expr: &Expr, range: &dyn Fn(&Term) -> (f64, f64)) -> Option<String> {
    let (list, word, idle) = match expr {
        Expr::Not(e) => return idle_part(e, range),
        // A range that reaches to an end of what the channel shows asks for its other end.
        Expr::And(list) if is_a_range(list) => return None,
        Expr::And(list) => (list, "and", true),
        Expr::Or(list) => (list, "or", false),
        Expr::Always(_) | Expr::Input(_) | Expr::Less(..) => return None,
    };
    if let Some(n) = list.iter().position(|e| outcome(e, range) == Some(idle)) {
        let says = if idle { "always" } else { "never" };
        return Some(format!("part {} of those joined by `{word}` {says} holds", n + 1));
    }
    list.iter().find_map(|e| idle_part(e, range))
}

/// `side in low .. high`.
fn is_a_range(list: &[Expr]) -> bool {
    let compared = |e: &Expr| match e {
        Expr::Not(e) => match &**e {
            Expr::Less(Term::Constant(_), side) | Expr::Less(side, Term::Constant(_)) => Some(side.clone()),
            _ => None,
        },
        _ => None,
    };
    match list {
        [a, b] => compared(a).is_some_and(|side| compared(b) == Some(side)),
        _ => false,
    }
}

fn has_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Always(_) => true,
        Expr::Not(e) => has_constant(e),
        Expr::And(list) | Expr::Or(list) => list.iter().any(has_constant),
        Expr::Input(_) | Expr::Less(..) => false,
    }
}

/// Lowest and highest value that a term can have.
fn range(term: &Term, sight: &Sight<'_>) -> (f64, f64) {
    let known = match term {
        Term::Constant(value) => Some((*value, *value)),
        Term::Analog(id) => sight.cell.analogs.get(id.index()).map(|a| (a.range_lo, a.range_hi)),
        Term::Measured { step, name } => sight.made.and_then(|made| made.limits(step, name)),
    };
    known.unwrap_or((f64::NEG_INFINITY, f64::INFINITY))
}

/// What an expression depends on, each with the states that are tried.
#[derive(Default)]
struct Parts<'e> {
    inputs: Vec<InputId>,
    /// Each term with the levels that it is compared with, then with the values that are tried.
    terms: Vec<(&'e Term, Vec<f64>)>,
    /// Two values compared with each other: either, whatever else is compared with them.
    pairs: Vec<(&'e Term, &'e Term)>,
}

impl<'e> Parts<'e> {
    fn collect(&mut self, expr: &'e Expr) {
        match expr {
            Expr::Always(_) => {}
            Expr::Input(id) if self.inputs.contains(id) => {}
            Expr::Input(id) => self.inputs.push(*id),
            Expr::Not(e) => self.collect(e),
            Expr::And(list) | Expr::Or(list) => list.iter().for_each(|e| self.collect(e)),
            Expr::Less(Term::Constant(level), term) | Expr::Less(term, Term::Constant(level)) => {
                match self.terms.iter_mut().find(|(t, _)| *t == term) {
                    Some((_, levels)) => levels.push(*level),
                    None => self.terms.push((term, vec![*level])),
                }
            }
            Expr::Less(a, b) => self.pairs.push((a, b)),
        }
    }

    /// How many states there are, each part on its own.
    fn sizes(&self) -> Vec<usize> {
        let two = core::iter::repeat_n(2, self.inputs.len() + self.pairs.len());
        two.chain(self.terms.iter().map(|(_, values)| values.len())).collect()
    }

    /// Whether the expression holds in a state, given as a choice for each part in the order of [`Parts::sizes`].
    fn holds(&self, expr: &Expr, state: &[usize]) -> bool {
        match expr {
            Expr::Always(value) => *value,
            Expr::Input(id) => self.inputs.iter().position(|i| i == id).is_some_and(|at| state[at] == 1),
            Expr::Not(e) => !self.holds(e, state),
            Expr::And(list) => list.iter().all(|e| self.holds(e, state)),
            Expr::Or(list) => list.iter().any(|e| self.holds(e, state)),
            Expr::Less(a, b) => match (self.value(a, state), self.value(b, state)) {
                (Some(a), Some(b)) => a < b,
                _ => {
                    let pair = self.pairs.iter().position(|pair| *pair == (a, b));
                    pair.is_some_and(|at| state[self.inputs.len() + at] == 1)
                }
            },
        }
    }

    fn value(&self, term: &Term, state: &[usize]) -> Option<f64> {
        if let Term::Constant(value) = term {
            return Some(*value);
        }
        let at = self.terms.iter().position(|(t, _)| *t == term)?;
        self.terms[at].1.get(state[self.inputs.len() + self.pairs.len() + at]).copied()
    }
}

/// What the expression comes to in every state; `None`: it may be either, or has too many states to be tried.
fn outcome(expr: &Expr, range: &dyn Fn(&Term) -> (f64, f64)) -> Option<bool> {
    let mut parts = Parts::default();
    parts.collect(expr);
    parts.terms.iter_mut().for_each(|(term, levels)| *levels = tried(levels, range(term)));
    // A pair of which one is compared with a level, too, would be tried in states that cannot be.
    let alone = |t: &Term| !parts.terms.iter().any(|(of, _)| *of == t);
    if !parts.pairs.iter().all(|(a, b)| alone(a) && alone(b)) {
        return None;
    }
    let sizes = parts.sizes();
    let states = sizes.iter().try_fold(1usize, |n, size| n.checked_mul(*size))?;
    if states > STATES_MAX {
        return None;
    }
    let mut state = vec![0; sizes.len()];
    let first = parts.holds(expr, &state);
    for n in 1..states {
        let mut rest = n;
        for (choice, size) in state.iter_mut().zip(&sizes) {
            (*choice, rest) = (rest % size, rest / size);
        }
        if parts.holds(expr, &state) != first {
            return None;
        }
    }
    Some(first)
}

/// Values of which one lies in each piece into which the levels cut a range, and one on each level in it.
fn tried(levels: &[f64], (lo, hi): (f64, f64)) -> Vec<f64> {
    let mut cuts: Vec<f64> = levels.iter().copied().filter(|level| (lo..=hi).contains(level)).collect();
    cuts.extend([lo, hi].iter().filter(|end| end.is_finite()));
    cuts.sort_by(f64::total_cmp);
    cuts.dedup();
    let mut out = cuts.clone();
    out.extend(cuts.windows(2).map(|w| w[0] + (w[1] - w[0]) / 2.0));
    if lo == f64::NEG_INFINITY {
        out.push(f64::MIN);
    }
    if hi == f64::INFINITY {
        out.push(f64::MAX);
    }
    out
}

#[cfg(test)]
mod tests {
    use cellwright_model::AnalogId;

    use super::*;

    fn input(n: u16) -> Expr {
        Expr::Input(InputId(n))
    }

    fn not(e: Expr) -> Expr {
        Expr::Not(Box::new(e))
    }

    /// Channels show 0 to 100.
    fn said(expr: Expr) -> Option<bool> {
        outcome(&expr, &|_| (0.0, 100.0))
    }

    #[test]
    fn signals_are_tried_by_table() {
        assert_eq!(said(input(1)), None);
        assert_eq!(said(Expr::And(vec![input(1), not(input(1))])), Some(false));
        assert_eq!(said(Expr::Or(vec![input(1), input(2), not(input(1))])), Some(true));
        assert_eq!(said(Expr::And(vec![Expr::Always(false), input(2)])), Some(false));
        let many = (0..11).map(input).chain([not(input(0))]).collect();
        assert_eq!(said(Expr::And(many)), None, "too many states to be tried");
    }

    #[test]
    fn comparisons_are_tried_by_range() {
        let (below, above) = (|x| Expr::below(AnalogId(0), x), |x| Expr::above(AnalogId(0), x));
        assert_eq!(said(below(50.0)), None);
        assert_eq!(
            (said(below(100.0)), said(below(100.1))),
            (None, Some(true)),
            "100 is shown, and not below"
        );
        assert_eq!((said(above(100.0)), said(above(99.9))), (Some(false), None));
        assert_eq!(said(Expr::And(vec![below(20.0), above(30.0)])), Some(false));
        assert_eq!(said(Expr::And(vec![below(30.0), above(20.0)])), None);
        assert_eq!(said(Expr::Or(vec![below(30.0), above(20.0)])), Some(true));
        assert_eq!(said(Expr::Or(vec![below(20.0), above(20.0)])), None, "20 itself");
    }

    #[test]
    fn a_part_that_says_nothing_is_found() {
        let (below, above) = (|x| Expr::below(AnalogId(0), x), |x| Expr::above(AnalogId(0), x));
        let part = |expr: Expr| idle_part(&expr, &|_| (0.0, 100.0));
        let apart = Expr::And(vec![below(20.0), above(30.0)]);
        let told = part(Expr::Or(vec![input(1), apart]));
        assert_eq!(told.as_deref(), Some("part 2 of those joined by `or` never holds"));
        let told = part(not(Expr::And(vec![above(-1.0), input(1)])));
        assert_eq!(told.as_deref(), Some("part 1 of those joined by `and` always holds"));
        let range = Expr::And(vec![not(below(0.0)), not(above(20.0))]);
        assert_eq!(part(Expr::And(vec![input(1), range])), None, "0 .. 20 of what is shown from 0 on");
        assert_eq!(part(Expr::And(vec![input(1), below(20.0)])), None);
    }

    #[test]
    fn two_values_may_be_either_way() {
        let (a, b) = (Term::Analog(AnalogId(0)), Term::Analog(AnalogId(1)));
        let less = Expr::Less(a.clone(), b);
        assert_eq!(said(less.clone()), None);
        assert_eq!(said(Expr::Or(vec![less.clone(), not(less.clone())])), Some(true));
        assert_eq!(said(Expr::And(vec![less, Expr::Less(a, Term::Constant(-1.0))])), None, "not looked into");
    }
}
