//! Modes: each is a mask of states (ISA-TR88.00.02), and they change only where nothing is in work.

use cellwright_model::packml::{CellCommand, CellMode, CellState};

use crate::cell_chart::{self, Trigger};

/// States in which the mode may change.
pub const CHANGES_IN: &[CellState] = &[CellState::Stopped, CellState::Idle, CellState::Aborted];

/// States that a mode has.
pub fn mask(mode: CellMode) -> &'static [CellState] {
    use CellState::*;
    match mode {
        // Maintenance makes units for trial only, with breaks.
        CellMode::Production | CellMode::Maintenance => CellState::ALL,
        CellMode::Manual => &[Aborting, Aborted, Clearing, Stopping, Stopped],
    }
}

/// Where a command leads in a mode. `Ok(None)`: the state does not take it. Errors: the reason, when the mode
/// does not have the state that it leads to.
pub fn leads(mode: CellMode, state: CellState, command: CellCommand) -> Result<Option<CellState>, String> {
    match cell_chart::next(state, Trigger::Command(command)) {
        Some(to) if !mask(mode).contains(&to) => {
            Err(format!("mode {} does not have the state {}", mode.name(), to.name()))
        }
        to => Ok(to),
    }
}

/// Whether the mode may change to `to` in this state. Errors: the reason.
pub fn change(state: CellState, to: CellMode) -> Result<(), String> {
    if !CHANGES_IN.contains(&state) {
        return Err(format!(
            "the mode does not change to {} in {}: only in Stopped, Idle or Aborted",
            to.name(),
            state.name()
        ));
    }
    if !mask(to).contains(&state) {
        return Err(format!(
            "the mode does not change to {} in {}, a state that it does not have",
            to.name(),
            state.name()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every mode, state and command: the chart, less what the mode does not have.
    #[test]
    fn a_mode_takes_from_the_chart_what_its_mask_has() {
        for &mode in CellMode::ALL {
            for &state in CellState::ALL {
                for &command in CellCommand::ALL {
                    let by_chart = cell_chart::next(state, Trigger::Command(command));
                    let (got, what) =
                        (leads(mode, state, command), format!("{mode:?} {state:?} {command:?}"));
                    match by_chart {
                        Some(to) if !mask(mode).contains(&to) => {
                            assert!(got.is_err_and(|why| why.contains(to.name())), "{what}");
                        }
                        to => assert_eq!(got, Ok(to), "{what}"),
                    }
                }
            }
        }
    }

    /// What a mode has can always be aborted and cleared, and no command leads out of its mask.
    #[test]
    fn masks_are_closed() {
        for &mode in CellMode::ALL {
            let mask = mask(mode);
            assert!(mask.contains(&CellState::Aborted) && mask.contains(&CellState::Stopped));
            for &state in mask {
                if let Some(to) = cell_chart::next(state, Trigger::Done) {
                    assert!(mask.contains(&to), "{mode:?}: {state:?} ends in {to:?}");
                }
                let aborts = cell_chart::next(state, Trigger::Command(CellCommand::Abort));
                assert!(aborts.is_none_or(|to| mask.contains(&to)));
            }
        }
        assert_eq!(mask(CellMode::Production), CellState::ALL);
        assert!(!mask(CellMode::Manual).contains(&CellState::Resetting), "nothing homes by itself in Manual");
        assert!(!mask(CellMode::Manual).contains(&CellState::Execute), "no units in Manual");
    }

    #[test]
    fn the_mode_changes_only_at_rest_and_only_to_one_that_has_the_state() {
        for &state in CellState::ALL {
            for &to in CellMode::ALL {
                let at_rest = matches!(state, CellState::Stopped | CellState::Idle | CellState::Aborted);
                let expected = at_rest && mask(to).contains(&state);
                assert_eq!(change(state, to).is_ok(), expected, "{state:?} to {to:?}");
            }
        }
        assert!(change(CellState::Idle, CellMode::Manual).is_err_and(|why| why.contains("does not have")));
        assert!(change(CellState::Execute, CellMode::Manual).is_err_and(|why| why.contains("only in")));
    }
}
