//! Measurements on the way to a step: what a condition may speak of, and what a path may not have made.

use std::collections::BTreeMap;
use std::ops::Range;

use cellwright_model::plan::MeasurementSpec;
use cellwright_model::{Dimension, Quantity};

/// Names that are looked through for the one that is meant.
const NAMES_MAX: usize = 500;

/// One measurement of a step.
#[derive(Debug, Clone)]
pub struct Measurement {
    pub step: String,
    pub name: String,
    pub dimension: Dimension,
    /// Its limits: a unit whose value lies outside does not come any further.
    limits: (f64, f64),
    /// Place in the order of the text.
    at: usize,
    /// Its step may be left out.
    conditional: bool,
}

/// Why a measurement may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Conditional,
    Beside,
    Rejecting,
}

/// What is known of a name.
#[derive(Debug)]
pub enum Found<'a> {
    Made(&'a Measurement),
    Perhaps(Why),
    Unknown,
}

/// The measurements of the steps that were walked so far.
#[derive(Debug, Default)]
pub struct Made {
    by_name: BTreeMap<String, Measurement>,
    /// Those of branches that run beside the one that is walked.
    beside: Vec<Range<usize>>,
    /// A unit that is rejected comes from anywhere.
    rejecting: bool,
}

impl Made {
    /// A step has been read. `conditional`: it may be left out.
    pub(crate) fn enter(&mut self, step: &str, specs: &[MeasurementSpec], conditional: bool) {
        for spec in specs {
            let Ok(one) = Quantity::parse(&format!("1 {}", spec.unit)) else { continue };
            let measurement = Measurement {
                step: step.to_string(),
                name: spec.name.clone(),
                dimension: one.dimension,
                limits: (spec.lo, spec.hi),
                at: self.by_name.len(),
                conditional,
            };
            self.by_name.insert(format!("{step}.{}", spec.name), measurement);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// A branch begins beside those whose measurements these are.
    pub(crate) fn begin_branch(&mut self, beside: Range<usize>) {
        self.beside.push(beside);
    }

    pub(crate) fn end_branch(&mut self) {
        self.beside.pop();
    }

    pub(crate) fn begin_rejecting(&mut self) {
        self.rejecting = true;
    }

    /// `press-cannula.seat_force`, as it is meant among steps whose ids begin with `prefix`.
    pub fn find(&self, prefix: &str, name: &str) -> Found<'_> {
        let Some(found) = self.by_name.get(&format!("{prefix}{name}")) else { return Found::Unknown };
        if self.rejecting {
            Found::Perhaps(Why::Rejecting)
        } else if self.beside.iter().any(|b| b.contains(&found.at)) {
            Found::Perhaps(Why::Beside)
        } else if found.conditional {
            Found::Perhaps(Why::Conditional)
        } else {
            Found::Made(found)
        }
    }

    /// Lowest and highest value with which a unit goes on.
    pub(crate) fn limits(&self, step: &str, name: &str) -> Option<(f64, f64)> {
        self.by_name.get(&format!("{step}.{name}")).map(|m| m.limits)
    }

    /// Names that may be meant there by `name`: those of the same step, or else of any, [`NAMES_MAX`] at the most.
    pub fn names(&self, prefix: &str, name: &str) -> Vec<String> {
        let of = |step: String| -> Vec<String> {
            let keys = self.by_name.range(step.clone()..).map(|(key, _)| key);
            let keys =
                keys.take_while(|key| key.starts_with(&step)).filter_map(|key| key.strip_prefix(prefix));
            keys.take(NAMES_MAX).map(String::from).collect()
        };
        let step = name.rsplit_once('.').map_or("", |(step, _)| step);
        let same = of(format!("{prefix}{step}."));
        if same.is_empty() { of(prefix.to_string()) } else { same }
    }
}

impl Why {
    pub(crate) fn cause(self) -> &'static str {
        match self {
            Why::Conditional => "its step has a `when:`",
            Why::Beside => "its step runs beside this one",
            Why::Rejecting => "a unit is rejected from anywhere",
        }
    }

    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Why::Conditional => "compare a measurement of a step that is always done",
            Why::Beside => "put this step behind the `parallel`",
            Why::Rejecting => "under `on_reject`, ask signals only",
        }
    }
}
