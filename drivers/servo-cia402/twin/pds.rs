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

/// What the drive does when Operation enabled ends (CiA 402-2, objects 0x605A to 0x605E).
#[derive(Debug, Clone, Copy)]
pub(super) struct StopOptions {
    /// 0x605A: 0 switch off; ramp (see [`Ramp::of`]) and switch off (1 to 4), or stay in QuickStopActive (5 to 8).
    pub(super) quick_stop: i16,
    /// 0x605B and 0x605C: 0 switch off, 1 slow down first.
    pub(super) shutdown: i16,
    pub(super) disable_operation: i16,
    /// 0x605E: 0 switch off, 1 to 4 ramp.
    pub(super) fault_reaction: i16,
}

/// How an axis is brought to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ramp {
    /// By the deceleration of the profile (0x6084).
    SlowDown,
    /// By the deceleration of a quick stop (0x6085).
    QuickStop,
    /// As fast as current or voltage permit.
    Limit,
}

impl Ramp {
    /// Of an option code: 1 and 5, 2 and 6; 3, 4, 7 and 8.
    pub(super) fn of(option: i16) -> Ramp {
        match option {
            1 | 5 => Ramp::SlowDown,
            2 | 6 => Ramp::QuickStop,
            _ => Ramp::Limit,
        }
    }
}

/// Times of a holding brake, ns: until it has let go, and until it holds. Both zero: as quick as the drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BrakeTimes {
    pub release_ns: u64,
    pub engage_ns: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Pds {
    state: State,
    /// Time spent on the transition under way.
    elapsed_ns: u64,
    last_controlword: u16,
    enable_ns: u64,
    brake: BrakeTimes,
    /// Slows down in Operation enabled, to leave it then.
    slowing: bool,
    /// Stands, and the brake has been engaging for so long.
    engaging_ns: Option<u64>,
    /// Torque is there, and the brake lets go.
    releasing: bool,
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
    /// As after power-on. `enable_ns`: time to build up torque.
    pub(super) fn new(enable_ns: u64, brake: BrakeTimes) -> Pds {
        Pds {
            state: State::NotReady,
            elapsed_ns: 0,
            last_controlword: 0,
            enable_ns,
            brake,
            slowing: false,
            engaging_ns: None,
            releasing: false,
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// The power stage drives the motor.
    pub(super) fn is_powered(&self) -> bool {
        use State::*;
        self.releasing || matches!(self.state, OperationEnabled | QuickStopActive | FaultReactionActive)
    }

    /// Slows down in Operation enabled, because of shutdown or disable operation.
    pub(super) fn is_slowing(&self) -> bool {
        self.slowing
    }

    /// Holds the axis where it is until the brake has let go.
    pub(super) fn is_releasing(&self) -> bool {
        self.releasing
    }

    /// The drive lets the brake hold the axis.
    pub(super) fn brakes(&self) -> bool {
        !self.is_powered() || self.releasing || self.engaging_ns.is_some()
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
        let slow = match (self.state, command) {
            (OperationEnabled, Command::Shutdown) => i.options.shutdown == 1,
            (OperationEnabled, Command::SwitchOn) => i.options.disable_operation == 1,
            _ => false,
        };
        if self.slowing && !slow {
            (self.slowing, self.engaging_ns) = (false, None);
        }
        if (self.state, command) != (SwitchedOn, Command::EnableOperation) {
            self.releasing = false;
        }
        match (self.state, command) {
            (_, Command::Shutdown) if slow => self.slow_down(i, ReadyToSwitchOn),
            (_, Command::SwitchOn) if slow => self.slow_down(i, SwitchedOn),
            (NotReady, _) => self.after(SELF_TEST_NS, i.dt_ns, SwitchOnDisabled),
            (SwitchOnDisabled, Command::Shutdown) => (!i.sto).then_some(ReadyToSwitchOn),
            (ReadyToSwitchOn, Command::SwitchOn | Command::EnableOperation) => {
                self.after(SWITCH_ON_NS, i.dt_ns, SwitchedOn)
            }
            (SwitchedOn, Command::EnableOperation) => self.enable(i.dt_ns),
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

    /// First the torque, then the brake: Operation enabled is where the brake has let go.
    fn enable(&mut self, dt_ns: u64) -> Option<State> {
        let enabled = self.after(self.enable_ns + self.brake.release_ns, dt_ns, State::OperationEnabled);
        self.releasing = enabled.is_none() && self.elapsed_ns >= self.enable_ns && self.brake.release_ns > 0;
        enabled
    }

    fn slow_down(&mut self, i: &Inputs, next: State) -> Option<State> {
        if !core::mem::replace(&mut self.slowing, true) {
            self.elapsed_ns = 0;
            // Whether it stands is known a step later.
            return None;
        }
        self.at_standstill(i, next)
    }

    /// First the brake, then the torque goes.
    fn at_standstill(&mut self, i: &Inputs, next: State) -> Option<State> {
        if !i.stopped && self.engaging_ns.is_none() {
            return self.after(STOP_NS_MAX, i.dt_ns, next);
        }
        let engaging_ns = self.engaging_ns.map_or(0, |ns| ns.saturating_add(i.dt_ns));
        self.engaging_ns = Some(engaging_ns);
        (engaging_ns >= self.brake.engage_ns).then_some(next)
    }

    fn go(&mut self, next: State) {
        self.state = next;
        self.elapsed_ns = 0;
        (self.slowing, self.engaging_ns, self.releasing) = (false, None, false);
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

    const OPTIONS: StopOptions =
        StopOptions { quick_stop: 2, shutdown: 0, disable_operation: 0, fault_reaction: 2 };

    fn inputs(controlword: u16) -> Inputs {
        Inputs { dt_ns: 1_000_000, controlword, sto: false, stopped: false, options: OPTIONS }
    }

    /// A machine brought to `state` by the commands that lead there.
    fn machine(state: State) -> Pds {
        let mut pds = Pds::new(4_000_000, BrakeTimes::default());
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

    #[test]
    fn shutdown_and_disable_operation_slow_down_first_if_their_options_say_so() {
        let options = StopOptions { shutdown: 1, disable_operation: 1, ..OPTIONS };
        for (controlword, after) in [(0x6, ReadyToSwitchOn), (0x7, SwitchedOn)] {
            let with = |stopped| Inputs { stopped, options, ..inputs(controlword) };
            let mut pds = machine(OperationEnabled);
            (0..5).for_each(|_| {
                pds.step(&with(false));
            });
            assert!(pds.is_slowing() && pds.state() == OperationEnabled);
            pds.step(&with(true));
            assert_eq!(pds.state(), after);
            // Taken back while it slows down.
            let mut pds = machine(OperationEnabled);
            pds.step(&with(false));
            pds.step(&Inputs { options, ..inputs(0xF) });
            assert!(!pds.is_slowing() && pds.state() == OperationEnabled);
        }
    }

    #[test]
    fn the_brake_lets_go_after_the_torque_is_there_and_holds_before_it_goes() {
        let brake = BrakeTimes { release_ns: 3_000_000, engage_ns: 5_000_000 };
        let mut pds = Pds { brake, ..machine(SwitchedOn) };
        let mut seen = Vec::new();
        for _ in 0..8 {
            pds.step(&inputs(0xF));
            seen.push((pds.is_powered(), pds.brakes()));
        }
        let (no_torque, both, free) = ((false, true), (true, true), (true, false));
        assert_eq!(seen[..3], [no_torque; 3]);
        assert_eq!(seen[3..6], [both; 3], "torque at 4 ms, free at 7 ms");
        assert_eq!(seen[6..], [free; 2]);
        let mut seen = Vec::new();
        for _ in 0..8 {
            pds.step(&Inputs { stopped: true, ..inputs(0x2) });
            seen.push((pds.is_powered(), pds.brakes()));
        }
        assert_eq!(seen[0], free, "the quick stop begins");
        assert_eq!((&seen[1..6], seen[6]), (&[both; 5][..], no_torque));
        // Without a word the torque is gone at once, and the brake does what it can.
        let mut pds = Pds { brake, ..machine(OperationEnabled) };
        pds.step(&Inputs { sto: true, ..inputs(0xF) });
        assert_eq!((pds.is_powered(), pds.brakes()), no_torque);
    }
}
