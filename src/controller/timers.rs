//! Wake-ups that the engine asked for, handed back by (deadline, id).

use std::collections::BTreeSet;

use cellwright_engine::api::TimerId;
use cellwright_model::TimeNs;

/// Bounded by the engine: it keeps a few timers for each branch and step.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<(TimeNs, TimerId)>);

impl Timers {
    pub(crate) fn set(&mut self, at: TimeNs, id: TimerId) {
        self.0.insert((at, id));
    }

    pub(crate) fn next(&self) -> Option<TimeNs> {
        self.0.first().map(|(at, _)| *at)
    }

    /// The earliest one that is due, once.
    pub(crate) fn pop_due(&mut self, now: TimeNs) -> Option<TimerId> {
        self.next().filter(|at| *at <= now)?;
        self.0.pop_first().map(|(_, id)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_ones_come_by_deadline_then_id_and_once() {
        let mut timers = Timers::default();
        timers.set(TimeNs(20), TimerId(1));
        timers.set(TimeNs(10), TimerId(3));
        timers.set(TimeNs(10), TimerId(2));
        assert_eq!(timers.pop_due(TimeNs(9)), None);
        let due: Vec<_> = core::iter::from_fn(|| timers.pop_due(TimeNs(25))).collect();
        assert_eq!(due, [TimerId(2), TimerId(3), TimerId(1)]);
        assert_eq!(timers.next(), None);
    }
}
