use cellwright_engine::record::{Location, Record, StepResult, UnitSummary};
use cellwright_model::packml::CellState;

use super::Bench;

/// What the record says.
impl Bench {
    pub(crate) fn outcomes(&self) -> Vec<&StepResult> {
        let outcome = |r: &'_ Record| matches!(r, Record::StepOutcome(_));
        self.records
            .iter()
            .filter(|r| outcome(r))
            .filter_map(|r| if let Record::StepOutcome(s) = r { Some(s.as_ref()) } else { None })
            .collect()
    }

    /// `step attempt outcome` of every attempt.
    pub(crate) fn path(&self) -> Vec<String> {
        self.outcomes()
            .iter()
            .map(|s| format!("{} {} {}", s.plan.step(s.step).id, s.attempt, s.outcome.as_str()))
            .collect()
    }

    pub(crate) fn closed(&self) -> Vec<&UnitSummary> {
        self.records
            .iter()
            .filter_map(|r| if let Record::UnitClosed(s) = r { Some(s.as_ref()) } else { None })
            .collect()
    }

    /// (part, to, verified) of every move.
    pub(crate) fn moves_of_parts(&self) -> Vec<(String, Location, bool)> {
        self.records
            .iter()
            .filter_map(|r| match r {
                Record::PartMoved { part, to, verified, .. } => Some((format!("{part:?}"), *to, *verified)),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn states(&self) -> Vec<CellState> {
        self.records
            .iter()
            .filter_map(|r| if let Record::CellState { to, .. } = r { Some(*to) } else { None })
            .collect()
    }
}
