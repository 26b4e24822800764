//! Reject bins: while one is not locked, what was rejected could be taken out or put back. During production
//! that holds the cell; at any time it is recorded.

use cellwright_model::expr::SignalView;
use cellwright_model::packml::CellState;

use crate::api::Source;
use crate::catalogue::AlarmCode;
use crate::core::Core;
use crate::ledger::Cx;
use crate::record::Record;

impl Core {
    /// Looks at the locks; the inputs are valid.
    pub(crate) fn watch_bins(&mut self, cx: &mut Cx<'_>) {
        let cell = cx.cell;
        for (i, tray) in cell.trays.iter().enumerate() {
            let Some(lock) = tray.bin.and_then(|b| b.locked) else { continue };
            let open = !cx.machine.input(lock);
            let before = if open { self.open_bins.insert(i) } else { self.open_bins.remove(&i) };
            if before {
                let name = cell.digital_inputs.get(lock.index()).map_or("?", |x| x.name.as_str());
                let what = format!("{} {}", tray.name, if open { "opened" } else { "locked" });
                // Who it was no sensor can tell.
                let by = Source::new("unknown", format!("input {name}"));
                cx.record(Record::Request { what, by, result: Ok(()) });
                if !open {
                    self.clear_alarms(cx, |a| a.code == AlarmCode::BinOpen && a.place == tray.name);
                }
            }
            let producing = matches!(
                self.state(),
                CellState::Execute
                    | CellState::Unholding
                    | CellState::Suspending
                    | CellState::Suspended
                    | CellState::Unsuspending
                    | CellState::Completing
            );
            if open && producing {
                self.react(cx, &AlarmCode::BinOpen.fault(tray.name.clone(), &[]));
            }
        }
    }
}
