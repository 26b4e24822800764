//! Parts in and units out: what a step needs from outside of the cell before it begins. While that is not
//! there a unit waits at its gate, and when nothing else can go on the cell suspends (ISA-TR88.00.02: a
//! cause outside). It goes on alone when the cause is gone.
//!
//! *Starved*: no part comes in. *Blocked*: a unit has nowhere to go.

use cellwright_model::cell::{Cell, TrayKind};
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::plan::Resource;
use cellwright_model::{DurationNs, StepIx, TrayId};

use crate::api::Alarm;
use crate::branch::{Branch, Flow, Waits};
use crate::branch_chart::BranchState;
use crate::catalogue::AlarmCode;
use crate::cell_chart::Trigger;
use crate::conditions::View;
use crate::core::Core;
use crate::ledger::Cx;
use crate::parts::Parts;
use crate::unit::UnitData;

/// A part that is only late does not suspend the cell.
const STARVED_AFTER: DurationNs = DurationNs::from_millis(1_000);
/// Alarms of this module.
const CODES: [AlarmCode; 2] = [AlarmCode::Starved, AlarmCode::Blocked];

/// Why a unit waits for something outside of the cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Starved {
    /// A source or lane has no part; its lane's `ready:` is off.
    NoPart { tray: Option<TrayId>, step: String },
    /// A tray of finished units is full.
    Full { tray: TrayId },
}

/// Looks whether a step has what it needs from outside.
pub(crate) fn look(cx: &Cx<'_>, parts: &Parts, unit: &UnitData, ix: StepIx) -> Result<(), Starved> {
    let step = unit.plan.step(ix);
    let trays = step.resources.iter().filter_map(|r| match r {
        Resource::Tray(tray) => Some(*tray),
        _ => None,
    });
    let mut lane = None;
    for tray in trays {
        let kind = cx.cell.trays.get(tray.index()).map(|t| t.kind);
        let used_up = parts.pocket(cx.cell, tray).is_none();
        match kind {
            Some(TrayKind::Good | TrayKind::Reject) if used_up => return Err(Starved::Full { tray }),
            Some(_) if used_up => return Err(Starved::NoPart { tray: Some(tray), step: step.id.clone() }),
            Some(TrayKind::Lane) => lane = Some(tray),
            _ => {}
        }
    }
    match &step.supply {
        // Stale inputs say neither yes nor no: the gate stays shut until they are valid again.
        Some(ready) if View::of(&cx.machine, &unit.made).holds(ready) != Some(true) => {
            Err(Starved::NoPart { tray: lane, step: step.id.clone() })
        }
        _ => Ok(()),
    }
}

impl Core {
    /// What units wait for outside of the cell, while nobody is asked and nothing is broken.
    fn starved(&self, cx: &Cx<'_>) -> Vec<Starved> {
        let branches = self.units.values().flat_map(|u| u.branches.values().map(move |b| (u, b)));
        let at_gate = branches.filter(|(_, b)| b.end.is_none() && b.machine.state() == BranchState::Gate);
        let causes = at_gate.filter_map(|(unit, branch)| {
            // Only what has come to look for its parts: a unit that waits for the table is not starved.
            if !matches!(branch.waits, Some(Waits::Supply(_))) {
                return None;
            }
            look(cx, &self.parts, &unit.data, branch.step_ix(&unit.data)?).err()
        });
        causes.collect()
    }

    /// Suspends when units are starved or blocked and nothing else can go on; goes on when the cause is gone.
    pub(crate) fn watch_supply(&mut self, cx: &mut Cx<'_>) -> bool {
        let starved = if cx.machine.fresh() { self.starved(cx) } else { return false };
        let gone = |a: &Alarm| {
            CODES.contains(&a.code)
                && !starved.iter().any(|s| s.code() == a.code && s.place(cx.cell) == a.place)
        };
        let gone: Vec<u32> = self.alarms.active().iter().filter(|a| gone(a)).map(|a| a.id).collect();
        if !gone.is_empty() {
            self.clear_alarms(cx, |a| gone.contains(&a.id));
        }
        if starved.is_empty() {
            self.starved_since = None;
            let resume = self.state() == CellState::Suspended && self.suspended_alone;
            return resume
                && self.trigger(cx, Trigger::Command(CellCommand::Unsuspend), "parts and room are there");
        }
        if !matches!(self.state(), CellState::Execute | CellState::Completing) || self.flow() != Flow::Run {
            return false;
        }
        let since = match self.starved_since {
            Some(since) => since,
            None => {
                cx.wake_at(cx.now + STARVED_AFTER);
                *self.starved_since.insert(cx.now)
            }
        };
        if cx.now.since(since) < STARVED_AFTER {
            return false;
        }
        for s in &starved {
            self.raise(cx, &s.code().fault(s.place(cx.cell), &[]), None);
        }
        if self.carousel.is_turning()
            || !self.units.values().flat_map(|u| u.branches.values()).all(Branch::is_quiet)
        {
            return false;
        }
        let cause = format!("{} {}", starved[0].code(), starved[0].place(cx.cell));
        let suspended = self.trigger(cx, Trigger::Command(CellCommand::Suspend), &cause);
        self.suspended_alone = suspended;
        suspended
    }
}

impl Starved {
    /// Alarm of it.
    pub(crate) fn code(&self) -> AlarmCode {
        match self {
            Starved::NoPart { .. } => AlarmCode::Starved,
            Starved::Full { .. } => AlarmCode::Blocked,
        }
    }

    /// The tray, or the step where no tray is known.
    pub(crate) fn place(&self, cell: &Cell) -> String {
        match self {
            Starved::NoPart { tray: None, step } => step.clone(),
            Starved::NoPart { tray: Some(tray), .. } | Starved::Full { tray } => {
                cell.trays.get(tray.index()).map(|t| t.name.clone()).unwrap_or_default()
            }
        }
    }

    /// In words.
    pub(crate) fn cause(&self) -> &'static str {
        self.code().entry().cause
    }
}
