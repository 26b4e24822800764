//! Conditions over signals and measurements: `nest_hub_present and not bin_full`, `leak_1 < 2 kPa`,
//! `press-cannula.seat_force > 100 N`.

use serde::{Deserialize, Serialize};

use crate::cell::Cell;
use crate::{AnalogId, InputId};

/// A condition, already resolved against the cell and the recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expr {
    /// What a parameter says, whatever the machine does.
    Always(bool),
    /// A digital input is on.
    Input(InputId),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    /// The first is less than the second; both in the canonical unit of the same dimension.
    Less(Term, Term),
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Term {
    Constant(f64),
    /// A channel, in its own unit.
    Analog(AnalogId),
    /// A measurement that a step before has made on this unit, by the step's id; the latest counts.
    Measured {
        step: String,
        name: String,
    },
}

/// What the controller knows of the machine in one cycle, and of the unit that a condition is about.
pub trait SignalView {
    /// State of a digital input.
    fn input(&self, id: InputId) -> bool;
    /// Value of an analog channel in its unit; `None` while it is not trusted (over-range, broken wire).
    fn analog(&self, id: AnalogId) -> Option<f64>;
    /// What the step measured; `None` where it did not, or where no unit is spoken of.
    fn measured(&self, step: &str, name: &str) -> Option<f64> {
        let _ = (step, name);
        None
    }
}

impl Term {
    /// In the names of the cell; a number has the unit of the channel that it stands beside.
    fn words(&self, cell: &Cell, beside: &Term) -> String {
        let channel = |id: &AnalogId| cell.analogs.get(id.index());
        match (self, beside) {
            (Term::Constant(value), Term::Analog(id)) => {
                format!("{value} {}", channel(id).map_or("?", |x| x.dimension.unit()))
            }
            (Term::Constant(value), _) => value.to_string(),
            (Term::Analog(id), _) => channel(id).map_or("?", |x| x.name.as_str()).to_string(),
            (Term::Measured { step, name }, _) => format!("{step}.{name}"),
        }
    }

    fn value(&self, view: &dyn SignalView) -> Option<f64> {
        match self {
            Term::Constant(value) => Some(*value),
            Term::Analog(id) => view.analog(*id),
            Term::Measured { step, name } => view.measured(step, name),
        }
    }
}

impl Expr {
    /// A channel is below a level.
    pub fn below(id: AnalogId, level: f64) -> Expr {
        Expr::Less(Term::Analog(id), Term::Constant(level))
    }
    /// A channel is above a level.
    pub fn above(id: AnalogId, level: f64) -> Expr {
        Expr::Less(Term::Constant(level), Term::Analog(id))
    }
    /// Whether it holds now; `None` where an untrusted channel leaves that open (never taken as true).
    pub fn eval(&self, view: &dyn SignalView) -> Option<bool> {
        match self {
            Expr::Always(value) => Some(*value),
            Expr::Input(id) => Some(view.input(*id)),
            Expr::Not(e) => e.eval(view).map(|v| !v),
            Expr::Less(a, b) => Some(a.value(view)? < b.value(view)?),
            Expr::And(list) => fold(list, view, false),
            Expr::Or(list) => fold(list, view, true),
        }
    }
    /// In the names of the cell, as a recipe would write it.
    pub fn words(&self, cell: &Cell) -> String {
        // What binds more loosely stands in parentheses.
        let inner = |e: &Expr| match e {
            Expr::And(_) | Expr::Or(_) => format!("({})", e.words(cell)),
            e => e.words(cell),
        };
        let joined = |list: &[Expr], word: &str| list.iter().map(inner).collect::<Vec<_>>().join(word);
        match self {
            Expr::Always(value) => value.to_string(),
            Expr::Input(id) => {
                cell.digital_inputs.get(id.index()).map_or("?", |x| x.name.as_str()).to_string()
            }
            Expr::Not(e) => format!("not {}", inner(e)),
            Expr::And(list) => joined(list, " and "),
            Expr::Or(list) => joined(list, " or "),
            Expr::Less(a @ Term::Constant(_), b) => format!("{} > {}", b.words(cell, a), a.words(cell, b)),
            Expr::Less(a, b) => format!("{} < {}", a.words(cell, b), b.words(cell, a)),
        }
    }
    /// Every digital input it reads, in the order of the text.
    pub fn inputs(&self, out: &mut Vec<InputId>) {
        match self {
            Expr::Input(id) => out.push(*id),
            Expr::Not(e) => e.inputs(out),
            Expr::And(list) | Expr::Or(list) => list.iter().for_each(|e| e.inputs(out)),
            Expr::Always(_) | Expr::Less(..) => {}
        }
    }
    /// It looks at the machine; otherwise it says the same however long one waits.
    pub fn reads_signals(&self) -> bool {
        match self {
            Expr::Always(_) => false,
            Expr::Input(_) => true,
            Expr::Not(e) => e.reads_signals(),
            Expr::And(list) | Expr::Or(list) => list.iter().any(Expr::reads_signals),
            Expr::Less(a, b) => [a, b].iter().any(|t| matches!(t, Term::Analog(_))),
        }
    }
    /// Every comparison's sides, in the order of the text.
    pub fn terms(&self) -> Vec<&Term> {
        match self {
            Expr::Always(_) | Expr::Input(_) => Vec::new(),
            Expr::Not(e) => e.terms(),
            Expr::And(list) | Expr::Or(list) => list.iter().flat_map(Expr::terms).collect(),
            Expr::Less(a, b) => vec![a, b],
        }
    }
    /// The first part that does not hold, for "what it waits for".
    pub fn first_unmet<'a>(&'a self, view: &dyn SignalView) -> Option<&'a Expr> {
        if self.eval(view) == Some(true) {
            return None;
        }
        match self {
            Expr::And(list) => list.iter().find_map(|e| e.first_unmet(view)),
            _ => Some(self),
        }
    }
}

/// `and` and `or` in three values: `decisive` settles it, an open operand leaves it open.
fn fold(list: &[Expr], view: &dyn SignalView, decisive: bool) -> Option<bool> {
    let mut open = false;
    for e in list {
        match e.eval(view) {
            Some(v) if v == decisive => return Some(decisive),
            None => open = true,
            Some(_) => {}
        }
    }
    if open { None } else { Some(!decisive) }
}
