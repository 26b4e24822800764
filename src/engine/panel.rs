//! The light tower: what its lamps and its buzzer show in each state of the cell.

use cellwright_model::job::RtOp;
use cellwright_model::packml::CellState;

use crate::api::Alarm;
use crate::ledger::Cx;

/// Sends the lamps' outputs. In Aborting and Aborted the cycle has every output in its off state; it
/// takes none.
pub(crate) fn show(cx: &mut Cx<'_>, state: CellState, alarms: &[Alarm]) {
    if matches!(state, CellState::Aborting | CellState::Aborted | CellState::Clearing) {
        return;
    }
    let (green, amber, red) = lamps(state);
    let buzzer = alarms.iter().any(|a| a.acknowledged.is_none());
    let panel = &cx.cell.panel;
    let rows = [(panel.green, green), (panel.amber, amber), (panel.red, red), (panel.buzzer, buzzer)];
    let (mut mask, mut value) = (0u64, 0u64);
    for (output, on) in rows {
        if let Some(bit) = output.and_then(|o| 1u64.checked_shl(u32::from(o.0))) {
            mask |= bit;
            value |= if on { bit } else { 0 };
        }
    }
    if mask != 0 {
        cx.job_unwatched(RtOp::SetOutputs { mask, value });
    }
}

/// (green: it works by itself; amber: it waits for a person or for material; red: it is stopped).
fn lamps(state: CellState) -> (bool, bool, bool) {
    match state {
        CellState::Execute
        | CellState::Starting
        | CellState::Completing
        | CellState::Unholding
        | CellState::Unsuspending => (true, false, false),
        CellState::Suspending | CellState::Suspended | CellState::Resetting => (true, true, false),
        CellState::Idle | CellState::Holding | CellState::Held | CellState::Completed => (false, true, false),
        CellState::Stopping
        | CellState::Stopped
        | CellState::Aborting
        | CellState::Aborted
        | CellState::Clearing => (false, false, true),
    }
}
