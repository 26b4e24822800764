//! What is looked at with every input, whatever the cell does: safety inputs, whether the cycle runs and why
//! it has aborted, whether cobots are heard, invariants of the recipe, whether records become durable. Every wait of the engine for the
//! cycle or for the record is bounded here; the others have deadlines of their own.

use std::collections::BTreeSet;

use cellwright_model::job::UrgentWord;
use cellwright_model::outcome::FaultClass;
use cellwright_model::packml::CellState;
use cellwright_model::{DurationNs, TimeNs};

use crate::acting::{self, Acting};
use crate::catalogue::AlarmCode;
use crate::core::Core;
use crate::ledger::Cx;

/// The cycle names the cause of its abort within this: an AL status code within 20 cycles, STO without a
/// safety input within 20 ms, each as long as a cycle may be.
const CAUSE_WITHIN: DurationNs = DurationNs::from_millis(500);
/// A cycle takes 20 ms at the most; a second without a new one means that it does not run.
const CYCLE_WITHIN: DurationNs = DurationNs::from_millis(1_000);
/// A commit with its fsync takes milliseconds, on a disk that is busy with others seconds.
const DURABLE_WITHIN: DurationNs = DurationNs::from_millis(10_000);

/// What the looks remember.
#[derive(Debug, Default)]
pub(crate) struct Watching {
    /// Since when the cycle has been aborted by itself without a cause; whether it is waited for.
    aborted_since: Option<TimeNs>,
    pub(crate) cause_owed: bool,
    /// The last cycle that was seen, and when.
    cycle: Option<(u64, TimeNs)>,
    /// Cobots that are not heard or held by their safeguard, by their places, as far as that was said.
    robots: BTreeSet<(usize, AlarmCode)>,
    /// The store was found to be slow, and has not said so itself.
    store_slow: bool,
}

impl Core {
    /// Looks at what the machine says by itself: safety inputs, the cycle, invariants; and the store.
    pub(crate) fn watch(&mut self, cx: &mut Cx<'_>) {
        self.watch_store(cx);
        if self.watch_safety(cx) || self.watch_cycle(cx) || self.watching.cause_owed {
            return;
        }
        self.watch_robots(cx);
        if cx.machine.fresh() {
            self.watch_bins(cx);
            self.watch_invariants(cx);
        }
    }

    /// House rule 9. `true`: lost, and said.
    pub(crate) fn watch_safety(&mut self, cx: &mut Cx<'_>) -> bool {
        let state = self.state();
        // Clearing brings the segment up and looks at the safety inputs itself.
        let guarded = !matches!(state, CellState::Aborting | CellState::Aborted)
            && !matches!(self.acting, Acting::BringingUp { .. } | Acting::AwaitingSafety { .. });
        if guarded && !cx.machine.rt.safety_ok {
            let fault = acting::safety_fault(cx);
            self.react(cx, &fault);
            return true;
        }
        false
    }

    /// The cycle has aborted by itself and its cause is on the way: what it has ended is judged after that, so
    /// that a consequence is not taken for the cause.
    pub(crate) fn awaits_cause(&mut self, cx: &mut Cx<'_>) -> bool {
        let expected = cx.ledger.urgent.word == UrgentWord::Abort
            || matches!(self.state(), CellState::Aborting | CellState::Aborted | CellState::Clearing);
        self.watching.cause_owed = cx.machine.rt.aborted && !expected;
        if !self.watching.cause_owed {
            self.watching.aborted_since = None;
            return false;
        }
        let since = match self.watching.aborted_since {
            Some(since) => since,
            None => {
                cx.wake_at(cx.now + CAUSE_WITHIN);
                *self.watching.aborted_since.insert(cx.now)
            }
        };
        if cx.now.since(since) < CAUSE_WITHIN {
            return true;
        }
        self.watching.cause_owed = false;
        self.react(cx, &AlarmCode::CycleAborted.fault("cycle", &[]));
        false
    }

    /// States in which steps go on, or may at once.
    fn is_making(&self) -> bool {
        matches!(
            self.state(),
            CellState::Execute
                | CellState::Suspending
                | CellState::Suspended
                | CellState::Unsuspending
                | CellState::Unholding
                | CellState::Completing
        )
    }

    /// Silence of a cobot is danger: everything else is brought to rest, and it is told to stop, if it hears that. Its
    /// safeguard stop holds the cell, too: that is why it stands.
    fn watch_robots(&mut self, cx: &mut Cx<'_>) {
        for (i, robot) in cx.cell.robots.iter().enumerate() {
            let state = cx.machine.robots.get(i).copied().unwrap_or_default();
            let seen = [(AlarmCode::RobotLost, state.lost), (AlarmCode::RobotSafeguard, state.safeguard)];
            for (code, now) in seen {
                if !now && self.watching.robots.remove(&(i, code)) {
                    self.clear_alarms(cx, |a| a.code == code && a.place == robot.name);
                } else if now && self.is_making() && self.watching.robots.insert((i, code)) {
                    self.react(cx, &code.fault(robot.name.clone(), &[]));
                }
            }
        }
    }

    fn watch_invariants(&mut self, cx: &mut Cx<'_>) {
        let (broken, mended) = self.look_at_invariants(cx);
        for id in mended {
            self.violated.remove(&id);
            self.clear_alarms(cx, |a| a.code == AlarmCode::Invariant && a.place == id);
        }
        if !self.is_making() {
            return;
        }
        for (id, class) in broken {
            if self.violated.insert(id.clone()) {
                let fault = AlarmCode::Invariant.fault(id.clone(), &[("id", &id)]).with_class(class.into());
                self.react(cx, &fault);
            }
        }
    }

    /// (id and class of those that do not hold, ids of those that hold again).
    fn look_at_invariants(&self, cx: &Cx<'_>) -> (Vec<(String, FaultClass)>, Vec<String>) {
        let (mut broken, mut mended) = (Vec::new(), Vec::new());
        let plans = self.units.values().map(|u| &u.data.plan);
        for invariant in plans.flat_map(|p| &p.invariants) {
            if cx.machine.holds(&invariant.check) == Some(true) {
                mended.extend(self.violated.get(&invariant.id).cloned());
            } else {
                broken.push((invariant.id.clone(), invariant.otherwise));
            }
        }
        (broken, mended)
    }

    /// The first invariant that does not hold now, for the reason of a rejected Unhold.
    pub(crate) fn broken_invariant(&self, cx: &Cx<'_>) -> Option<String> {
        self.look_at_invariants(cx).0.into_iter().map(|(id, _)| id).next()
    }

    /// A cycle that stands gives no event any more: nothing that waits for one would end. `true`: it does, and
    /// that was said. In Clearing it may be bringing the segment up.
    fn watch_cycle(&mut self, cx: &mut Cx<'_>) -> bool {
        let number = cx.machine.rt.cycle;
        let watched = !matches!(self.state(), CellState::Aborting | CellState::Aborted | CellState::Clearing);
        match self.watching.cycle {
            Some((last, since)) if watched && last == number => {
                if cx.now.since(since) < CYCLE_WITHIN {
                    return false;
                }
                self.watching.cycle = None;
                self.react(cx, &AlarmCode::CycleSilent.fault("cycle", &[]));
                true
            }
            _ => {
                self.watching.cycle = Some((number, cx.now));
                false
            }
        }
    }

    /// A store that neither commits nor says that it cannot.
    fn watch_store(&mut self, cx: &mut Cx<'_>) {
        let oldest = cx.ledger.oldest_unpersisted();
        let slow = oldest.is_some_and(|at| cx.now.since(at) >= DURABLE_WITHIN);
        if slow && self.store_fault.is_none() {
            self.watching.store_slow = true;
            let seconds = DURABLE_WITHIN.as_secs_f64();
            self.store(cx, false, format!("a record is not durable after {seconds:.0} s"));
        } else if !slow && core::mem::take(&mut self.watching.store_slow) {
            self.store(cx, true, String::new());
        }
    }
}
