//! What conditions of a recipe look at: the machine as it is now, and what was measured on the unit's way.

use std::collections::BTreeMap;

use cellwright_model::expr::{Expr, SignalView};
use cellwright_model::{AnalogId, InputId};

use crate::api::Machine;
use crate::record::Measured;

/// What the steps of one unit have measured, by step and name: the latest attempt that passed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Made(BTreeMap<String, BTreeMap<String, f64>>);

impl Made {
    /// A step has passed with these.
    pub(crate) fn enter(&mut self, step: &str, measured: &[Measured]) {
        let values = measured.iter().filter_map(|m| Some((m.name.clone(), m.value?)));
        self.0.entry(step.to_string()).or_default().extend(values);
    }
}

impl Made {
    /// A step had passed with these, before the controller was started again.
    pub(crate) fn remember(&mut self, step: &str, values: impl Iterator<Item = (String, f64)>) {
        self.0.entry(step.to_string()).or_default().extend(values);
    }
}

/// See the module text.
pub(crate) struct View<'a> {
    machine: &'a Machine<'a>,
    made: &'a Made,
    /// Inputs (bit = InputId) that count as on, whatever they show now.
    latched: u64,
}

impl<'a> View<'a> {
    pub(crate) fn of(machine: &'a Machine<'a>, made: &'a Made) -> View<'a> {
        View { machine, made, latched: 0 }
    }

    /// The same with inputs that were on for moments.
    pub(crate) fn latched(self, latched: u64) -> View<'a> {
        View { latched, ..self }
    }

    /// Whether a condition holds; `None` while the inputs that it reads are stale, or a channel is not trusted.
    pub(crate) fn holds(&self, condition: &Expr) -> Option<bool> {
        if self.machine.fresh() || !condition.reads_signals() { condition.eval(self) } else { None }
    }

    /// It can be looked at now; what it says is then known, or a channel is not trusted.
    pub(crate) fn can_tell(&self, condition: &Expr) -> bool {
        self.machine.fresh() || !condition.reads_signals()
    }
}

impl SignalView for View<'_> {
    fn input(&self, id: InputId) -> bool {
        let latched = 1u64.checked_shl(u32::from(id.0)).is_some_and(|bit| self.latched & bit != 0);
        latched || self.machine.input(id)
    }
    fn analog(&self, id: AnalogId) -> Option<f64> {
        self.machine.analog(id)
    }
    fn measured(&self, step: &str, name: &str) -> Option<f64> {
        self.made.0.get(step)?.get(name).copied()
    }
}
