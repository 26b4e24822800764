//! Conditions over signals: `nest_hub_present and not bin_full`, `leak_1 < 2 kPa`.

use serde::{Deserialize, Serialize};

use crate::{AnalogId, InputId};

/// A condition, already resolved against the cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expr {
    /// A digital input is on.
    Input(InputId),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    /// An analog channel, in its own unit, compared with a constant.
    Below(AnalogId, f64),
    Above(AnalogId, f64),
}

/// What the controller knows of the machine in one cycle.
pub trait SignalView {
    /// State of a digital input.
    fn input(&self, id: InputId) -> bool;
    /// Value of an analog channel in its unit; `None` while it is not trusted (over-range, broken wire).
    fn analog(&self, id: AnalogId) -> Option<f64>;
}

impl Expr {
    /// Whether it holds now; `None` where an untrusted channel leaves that open (never taken as true).
    pub fn eval(&self, view: &dyn SignalView) -> Option<bool> {
        match self {
            Expr::Input(id) => Some(view.input(*id)),
            Expr::Not(e) => e.eval(view).map(|v| !v),
            Expr::Below(id, level) => view.analog(*id).map(|v| v < *level),
            Expr::Above(id, level) => view.analog(*id).map(|v| v > *level),
            Expr::And(list) => fold(list, view, false),
            Expr::Or(list) => fold(list, view, true),
        }
    }
    /// Every digital input it reads, in the order of the text.
    pub fn inputs(&self, out: &mut Vec<InputId>) {
        match self {
            Expr::Input(id) => out.push(*id),
            Expr::Not(e) => e.inputs(out),
            Expr::And(list) | Expr::Or(list) => list.iter().for_each(|e| e.inputs(out)),
            Expr::Below(..) | Expr::Above(..) => {}
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
