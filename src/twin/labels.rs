//! Labels that were printed, and the parts that they stick to.

use std::collections::VecDeque;

use crate::plant::{Assembly, Part, Truth};
use cellwright_model::plant::PartKind;

/// Labelled parts that are known; older ones have long left the cell.
const LABELLED_MAX: usize = 256;

/// See the module text.
#[derive(Debug, Default)]
pub(crate) struct Labels(VecDeque<Labelled>);

#[derive(Debug)]
struct Labelled {
    part: Part,
    /// Labels that were put on it, one over the other.
    count: u64,
    /// In the uppermost symbol; `None`: no scanner can read it.
    code: Option<String>,
}

/// The part that a label sticks to: it stands for the unit, and no two units have it.
fn bearer(unit: &Assembly) -> Option<Part> {
    PartKind::ALL.into_iter().find_map(|kind| unit.part(kind).map(|n| Part { kind, n }))
}

impl Labels {
    /// A label comes out in front of a unit. `code`: in its symbol, if it has one.
    pub(crate) fn stick(&mut self, truth: &Truth, unit: &Assembly, code: Option<&str>) {
        let Some(part) = bearer(unit) else { return };
        let before = self.0.iter().position(|l| l.part == part).and_then(|at| self.0.remove(at));
        let count = before.map_or(0, |l| l.count);
        let readable = !truth.label_unreadable(part, count);
        if self.0.len() == LABELLED_MAX {
            self.0.pop_front();
        }
        let code = code.filter(|_| readable).map(String::from);
        self.0.push_back(Labelled { part, count: count + 1, code });
    }

    /// What a scanner sees of the label on a unit; `None`: it has none. Within: what can be read of it.
    pub(crate) fn on(&self, unit: &Assembly) -> Option<Option<&str>> {
        let part = bearer(unit)?;
        self.0.iter().find(|l| l.part == part).map(|l| l.code.as_deref())
    }

    /// Labels that were put on a unit.
    pub(crate) fn count(&self, unit: &Assembly) -> u64 {
        let of = |part| self.0.iter().find(|l| l.part == part).map(|l| l.count);
        bearer(unit).and_then(of).unwrap_or(0)
    }
}
