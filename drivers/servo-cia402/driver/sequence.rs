//! The controlword that brings the PDS where it is wanted (CiA 402-2, 5.2: states and transitions).

use cellwright_driver_api::cyclic::{AxisInput, AxisOutput, DriveMode, DriveState, HomingState};
use cellwright_model::{DurationNs, TimeNs};

/// Commands of the controlword (CiA 402-2, 8.4.1).
const DISABLE_VOLTAGE: u16 = 0x0000;
const SHUTDOWN: u16 = 0x0006;
const SWITCH_ON: u16 = 0x0007;
const ENABLE_OPERATION: u16 = 0x000F;
/// Bit 2 low, bit 1 high; what follows is up to option code 0x605A.
const QUICK_STOP: u16 = 0x0002;
const FAULT_RESET: u16 = 0x0080;

/// Manufacturer-specific bit 14 of the statusword: torque removed by STO.
const STO: u16 = 0x4000;

/// State shown by a statusword (CiA 402-2, table of statusword states).
pub(super) fn state(statusword: u16) -> DriveState {
    match (statusword & 0x4F, statusword & 0x6F) {
        (0x40, _) => DriveState::SwitchOnDisabled,
        (_, 0x21) => DriveState::ReadyToSwitchOn,
        (_, 0x23) => DriveState::SwitchedOn,
        (_, 0x27) => DriveState::OperationEnabled,
        (_, 0x07) => DriveState::QuickStop,
        (0x0F, _) => DriveState::FaultReaction,
        (0x08, _) => DriveState::Fault,
        _ => DriveState::NotReady,
    }
}

pub(super) fn sto(statusword: u16) -> bool {
    statusword & STO != 0
}

/// What homing says by bits 10, 12 and 13 (CiA 402-2, mode hm).
pub(super) fn homing(statusword: u16) -> HomingState {
    let bit = |n: u16| statusword & 1 << n != 0;
    let at_rest = bit(10);
    match (bit(13), bit(12)) {
        (true, _) => HomingState::Error { at_rest },
        (false, true) => HomingState::Attained { at_rest },
        (false, false) if at_rest => HomingState::Waits,
        (false, false) => HomingState::InProgress,
    }
}

/// Remembers what was asked, since when, and what may not happen twice.
#[derive(Debug, Clone)]
pub(super) struct Sequence {
    timeout: DurationNs,
    asked: (bool, DriveMode),
    /// State seen last, and when the wait for the next one began.
    seen: DriveState,
    waiting_since: Option<TimeNs>,
    overdue: bool,
    /// Operation enabled was reached since power was asked for.
    reached: bool,
    /// And then left by the drive itself.
    dropped: bool,
    reset: Reset,
}

/// A fault reset is a rising edge of bit 7, so it is low for a cycle first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reset {
    NotAsked,
    Low,
    High,
}

impl Sequence {
    pub(super) fn new(timeout: DurationNs) -> Sequence {
        Sequence {
            timeout,
            asked: (false, DriveMode::Csp),
            seen: DriveState::NotReady,
            waiting_since: None,
            overdue: false,
            reached: false,
            dropped: false,
            reset: Reset::NotAsked,
        }
    }

    /// The time-out, once it is exceeded.
    pub(super) fn overdue(&self) -> Option<DurationNs> {
        self.overdue.then_some(self.timeout)
    }

    /// Takes note of new inputs.
    pub(super) fn saw(&mut self, input: &AxisInput) {
        if input.state != self.seen {
            self.seen = input.state;
            self.waiting_since = None;
        }
        if self.asked.0 {
            self.dropped |= self.reached && !input.enabled();
            self.reached |= input.enabled();
        }
        if self.arrived(input) {
            self.overdue = false;
            self.waiting_since = None;
        }
    }

    fn arrived(&self, input: &AxisInput) -> bool {
        match self.asked {
            (true, mode) => input.follows(mode),
            (false, _) => !matches!(
                input.state,
                DriveState::SwitchedOn | DriveState::OperationEnabled | DriveState::QuickStop
            ),
        }
    }

    /// The controlword for what is asked now.
    pub(super) fn controlword(&mut self, now: TimeNs, output: &AxisOutput, input: &AxisInput) -> u16 {
        if self.asked != (output.power, output.mode) {
            self.waiting_since = None;
            self.overdue = false;
        }
        if !output.power {
            (self.reached, self.dropped, self.reset) = (false, false, Reset::NotAsked);
        }
        self.asked = (output.power, output.mode);
        self.watch(now, input);
        if output.power
            && output.quick_stop
            && matches!(input.state, DriveState::OperationEnabled | DriveState::QuickStop)
        {
            return QUICK_STOP;
        }
        if !output.power || self.dropped {
            return DISABLE_VOLTAGE;
        }
        match input.state {
            DriveState::SwitchOnDisabled => SHUTDOWN,
            DriveState::ReadyToSwitchOn => SWITCH_ON,
            DriveState::SwitchedOn | DriveState::OperationEnabled => ENABLE_OPERATION,
            DriveState::Fault if output.reset_fault => self.fault_reset(),
            _ => DISABLE_VOLTAGE,
        }
    }

    fn fault_reset(&mut self) -> u16 {
        match self.reset {
            Reset::NotAsked => {
                self.reset = Reset::Low;
                DISABLE_VOLTAGE
            }
            Reset::Low | Reset::High => {
                self.reset = Reset::High;
                FAULT_RESET
            }
        }
    }

    fn watch(&mut self, now: TimeNs, input: &AxisInput) {
        if self.arrived(input) {
            return;
        }
        let since = *self.waiting_since.get_or_insert(now);
        self.overdue |= now.since(since) > self.timeout;
    }
}
