//! The power drive system state machine (PDS FSA, CiA 402-2, clause 5.2) as a drive runs it.
//!
//! ```text
//!   NotReady ─1▶ SwitchOnDisabled ─2▶ ReadyToSwitchOn ─3▶ SwitchedOn ─4▶ OperationEnabled
//!                      ▲ 7 9 10 12        ◀6─ ◀8─            ◀5─         11▼ ▲16
//!                      ├────────────────────────────────────────── QuickStopActive
//!                      └─15─ Fault ◀14─ FaultReactionActive ◀13─ (any state)
//! ```

/// States, in the order of the drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    NotReady,
    SwitchOnDisabled,
    ReadyToSwitchOn,
    SwitchedOn,
    OperationEnabled,
    QuickStopActive,
    FaultReactionActive,
    Fault,
}

/// Commands of the controlword (CiA 402-2, 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Shutdown,
    SwitchOn,
    EnableOperation,
    DisableVoltage,
    QuickStop,
    /// Bit 7 is set: only its rising edge means something.
    None,
}

/// Self-test after power-on.
const SELF_TEST_NS: u64 = 20_000_000;
/// Closing the main contactor.
const SWITCH_ON_NS: u64 = 1_000_000;
/// A stop ramp that has not ended by then is given up, and the power stage switched off.
const STOP_NS_MAX: u64 = 2_000_000_000;

/// Bits of the controlword that a quick stop needs: sent by the drive to itself.
pub(super) const CONTROLWORD_QUICK_STOP: u16 = 0x0002;
const FAULT_RESET: u16 = 0x0080;

/// What the drive does at the end of OperationEnabled (objects 0x605A and 0x605E).
#[derive(Debug, Clone, Copy)]
pub(super) struct StopOptions {
    /// 0x605A: 0 switch off, 2 ramp and switch off, 6 ramp and stay in QuickStopActive.
    pub(super) quick_stop: i16,
    /// 0x605E: 0 switch off, 2 ramp.
    pub(super) fault_reaction: i16,
}

#[derive(Debug, Clone)]
pub(super) struct Pds {
    state: State,
    /// Time spent on the transition under way.
    elapsed_ns: u64,
    last_controlword: u16,
    enable_ns: u64,
}

/// What the state machine sees in one step.
pub(super) struct Inputs {
    pub(super) dt_ns: u64,
    pub(super) controlword: u16,
    /// Torque is removed by the safety controller.
    pub(super) sto: bool,
    /// The stop ramp is done.
    pub(super) stopped: bool,
    pub(super) options: StopOptions,
}

impl Pds {
    /// As after power-on. `enable_ns`: time to release the holding brake and build up torque.
    pub(super) fn new(enable_ns: u64) -> Pds {
        Pds { state: State::NotReady, elapsed_ns: 0, last_controlword: 0, enable_ns }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// The power stage drives the motor.
    pub(super) fn is_powered(&self) -> bool {
        use State::*;
        matches!(self.state, OperationEnabled | QuickStopActive | FaultReactionActive)
    }

    /// Transition 13: a fault happened. True unless the drive is in fault already.
    pub(super) fn fault(&mut self) -> bool {
        let next = match self.state {
            State::Fault | State::FaultReactionActive => return false,
            _ if self.is_powered() => State::FaultReactionActive,
            _ => State::Fault,
        };
        self.go(next);
        true
    }

    /// Takes the transitions of one step. Returns true if a fault was reset.
    pub(super) fn step(&mut self, i: &Inputs) -> bool {
        let edge = i.controlword & !self.last_controlword & FAULT_RESET != 0;
        self.last_controlword = i.controlword;
        if i.sto {
            self.remove_torque();
        }
        match self.next(i, edge) {
            Some(next) => {
                let reset = self.state == State::Fault;
                self.go(next);
                reset
            }
            None => false,
        }
    }

    /// STO took the torque away: expected, no fault; a fault that is there stays.
    fn remove_torque(&mut self) {
        use State::*;
        match self.state {
            ReadyToSwitchOn | SwitchedOn | OperationEnabled | QuickStopActive => self.go(SwitchOnDisabled),
            FaultReactionActive => self.go(Fault),
            NotReady | SwitchOnDisabled | Fault => {}
        }
    }

    fn next(&mut self, i: &Inputs, reset_edge: bool) -> Option<State> {
        use State::*;
        let command = Command::of(i.controlword);
        match (self.state, command) {
            (NotReady, _) => self.after(SELF_TEST_NS, i.dt_ns, SwitchOnDisabled),
            (SwitchOnDisabled, Command::Shutdown) => (!i.sto).then_some(ReadyToSwitchOn),
            (ReadyToSwitchOn, Command::SwitchOn | Command::EnableOperation) => {
                self.after(SWITCH_ON_NS, i.dt_ns, SwitchedOn)
            }
            (SwitchedOn, Command::EnableOperation) => self.after(self.enable_ns, i.dt_ns, OperationEnabled),
            (SwitchedOn | OperationEnabled, Command::Shutdown) => Some(ReadyToSwitchOn),
            (OperationEnabled, Command::SwitchOn) => Some(SwitchedOn),
            (OperationEnabled, Command::QuickStop) if i.options.quick_stop != 0 => Some(QuickStopActive),
            (
                ReadyToSwitchOn | SwitchedOn | OperationEnabled,
                Command::DisableVoltage | Command::QuickStop,
            ) => Some(SwitchOnDisabled),
            (QuickStopActive, Command::DisableVoltage) => Some(SwitchOnDisabled),
            (QuickStopActive, Command::EnableOperation) if i.options.quick_stop > 4 => Some(OperationEnabled),
            (QuickStopActive, _) if i.options.quick_stop <= 4 => self.at_standstill(i, SwitchOnDisabled),
            (FaultReactionActive, _) if i.options.fault_reaction == 0 => Some(Fault),
            (FaultReactionActive, _) => self.at_standstill(i, Fault),
            (Fault, _) => reset_edge.then_some(SwitchOnDisabled),
            _ => {
                self.elapsed_ns = 0;
                None
            }
        }
    }

    fn after(&mut self, limit_ns: u64, dt_ns: u64, next: State) -> Option<State> {
        self.elapsed_ns = self.elapsed_ns.saturating_add(dt_ns);
        (self.elapsed_ns >= limit_ns).then_some(next)
    }

    fn at_standstill(&mut self, i: &Inputs, next: State) -> Option<State> {
        if i.stopped { Some(next) } else { self.after(STOP_NS_MAX, i.dt_ns, next) }
    }

    fn go(&mut self, next: State) {
        self.state = next;
        self.elapsed_ns = 0;
    }
}

impl Command {
    fn of(controlword: u16) -> Command {
        match controlword & 0x8F {
            c if c & 0x80 != 0 => Command::None,
            c if c & 0x02 == 0 => Command::DisableVoltage,
            c if c & 0x04 == 0 => Command::QuickStop,
            c if c & 0x01 == 0 => Command::Shutdown,
            c if c & 0x08 == 0 => Command::SwitchOn,
            _ => Command::EnableOperation,
        }
    }
}

impl State {
    /// Bits 0–3, 5 and 6 of the statusword (CiA 402-2, table of statusword states).
    pub(super) fn statusword(self) -> u16 {
        match self {
            State::NotReady => 0x0000,
            State::SwitchOnDisabled => 0x0040,
            State::ReadyToSwitchOn => 0x0021,
            State::SwitchedOn => 0x0023,
            State::OperationEnabled => 0x0027,
            State::QuickStopActive => 0x0007,
            State::FaultReactionActive => 0x000F,
            State::Fault => 0x0008,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::State::*;
    use super::*;

    const OPTIONS: StopOptions = StopOptions { quick_stop: 2, fault_reaction: 2 };

    fn inputs(controlword: u16) -> Inputs {
        Inputs { dt_ns: 1_000_000, controlword, sto: false, stopped: false, options: OPTIONS }
    }

    /// A machine brought to `state` by the commands that lead there.
    fn machine(state: State) -> Pds {
        let mut pds = Pds::new(4_000_000);
        let way: &[(u16, usize)] = match state {
            NotReady => &[],
            SwitchOnDisabled => &[(0, 20)],
            ReadyToSwitchOn => &[(0, 20), (6, 1)],
            SwitchedOn => &[(0, 20), (6, 1), (7, 1)],
            OperationEnabled => &[(0, 20), (6, 1), (15, 5)],
            QuickStopActive => &[(0, 20), (6, 1), (15, 5), (2, 1)],
            FaultReactionActive | Fault => &[(0, 20), (6, 1), (15, 5)],
        };
        for (controlword, steps) in way {
            (0..*steps).for_each(|_| {
                pds.step(&inputs(*controlword));
            });
        }
        if matches!(state, FaultReactionActive | Fault) {
            assert!(pds.fault());
        }
        if state == Fault {
            pds.step(&Inputs { stopped: true, ..inputs(15) });
        }
        assert_eq!(pds.state(), state);
        pds
    }

    #[test]
    fn every_state_takes_the_commands_of_the_standard_and_no_other() {
        // (state, controlword, state after it has had its time)
        let table = [
            (SwitchOnDisabled, [0x0, 0x2, 0x7, 0xF].as_slice(), SwitchOnDisabled),
            (SwitchOnDisabled, &[0x6], ReadyToSwitchOn),
            (ReadyToSwitchOn, &[0x6], ReadyToSwitchOn),
            (ReadyToSwitchOn, &[0x7], SwitchedOn),
            (ReadyToSwitchOn, &[0xF], OperationEnabled),
            (ReadyToSwitchOn, &[0x0, 0x2], SwitchOnDisabled),
            (SwitchedOn, &[0x6], ReadyToSwitchOn),
            (SwitchedOn, &[0xF], OperationEnabled),
            (SwitchedOn, &[0x0, 0x2], SwitchOnDisabled),
            (OperationEnabled, &[0x7], SwitchedOn),
            (OperationEnabled, &[0x6], ReadyToSwitchOn),
            (OperationEnabled, &[0x0], SwitchOnDisabled),
            (OperationEnabled, &[0x2], QuickStopActive),
            (QuickStopActive, &[0xF, 0x2], QuickStopActive),
            (QuickStopActive, &[0x0], SwitchOnDisabled),
            (FaultReactionActive, &[0x0, 0x6, 0xF, 0x80], FaultReactionActive),
            (Fault, &[0x0, 0x6, 0x7, 0xF], Fault),
            (Fault, &[0x80], SwitchOnDisabled),
        ];
        for (from, controlwords, to) in table {
            for controlword in controlwords {
                let mut pds = machine(from);
                (0..6).for_each(|_| {
                    pds.step(&inputs(*controlword));
                });
                assert_eq!(pds.state(), to, "{from:?} with {controlword:#x}");
            }
        }
    }

    #[test]
    fn a_fault_is_reset_by_an_edge_only() {
        let mut pds = machine(OperationEnabled);
        pds.step(&inputs(0x8F));
        assert!(pds.fault());
        pds.step(&Inputs { stopped: true, ..inputs(0x80) });
        assert_eq!(pds.state(), Fault);
        assert!(!pds.step(&inputs(0x80)), "the bit was set before the fault");
        pds.step(&inputs(0x00));
        assert!(pds.step(&inputs(0x80)));
        assert_eq!(pds.state(), SwitchOnDisabled);
    }

    #[test]
    fn sto_takes_torque_without_a_fault_and_bars_the_way_back() {
        for from in [ReadyToSwitchOn, SwitchedOn, OperationEnabled, QuickStopActive] {
            let mut pds = machine(from);
            pds.step(&Inputs { sto: true, ..inputs(0xF) });
            assert_eq!(pds.state(), SwitchOnDisabled, "{from:?}");
            pds.step(&Inputs { sto: true, ..inputs(0x6) });
            assert_eq!(pds.state(), SwitchOnDisabled);
            pds.step(&inputs(0x6));
            assert_eq!(pds.state(), ReadyToSwitchOn);
        }
        let mut pds = machine(FaultReactionActive);
        pds.step(&Inputs { sto: true, ..inputs(0) });
        assert_eq!(pds.state(), Fault);
    }

    #[test]
    fn enabling_takes_its_time_and_a_stop_ramp_has_an_end() {
        let mut pds = machine(SwitchedOn);
        (0..3).for_each(|_| {
            pds.step(&inputs(0xF));
        });
        assert_eq!(pds.state(), SwitchedOn);
        pds.step(&inputs(0xF));
        assert_eq!(pds.state(), OperationEnabled);

        let mut pds = machine(QuickStopActive);
        pds.step(&Inputs { dt_ns: STOP_NS_MAX, ..inputs(0x2) });
        assert_eq!(pds.state(), SwitchOnDisabled);
    }
}
