//! Cyclic drivers: those that turn the process data of one SubDevice into what the cycle works with,
//! and back, once a cycle, on the real-time thread.
//!
//! Terms: *inputs* are the bytes of the TxPDOs, *outputs* those of the RxPDOs (ETG.1000.6, 5.6.7), little
//! endian. *PDS* is the power drive system state machine of CiA 402 (IEC 61800-7-201, 6.4), driven by
//! the *controlword* 0x6040 and shown in the *statusword* 0x6041. *CSP*, *CSV* and *CST* are
//! the cyclic synchronous position, velocity and torque modes. `au`: mm of a linear, degrees of a rotary axis.
//!
//! Contract, of every method here: no allocation, no lock, no log, no blocking, no panic on any bytes.
//! Slices shorter than the driver's process data leave inputs invalid and outputs untouched. A driver
//! is called only with inputs that a valid exchange brought.

use cellwright_model::{DurationNs, TimeNs};

/// PDS states (CiA 402-2, 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DriveState {
    /// Self-test or initialisation; also a statusword that means no state.
    #[default]
    NotReady,
    /// High voltage may be off; also the state of removed torque (STO).
    SwitchOnDisabled,
    ReadyToSwitchOn,
    SwitchedOn,
    /// Power stage on, setpoints followed.
    OperationEnabled,
    /// Decelerating by itself.
    QuickStop,
    /// Decelerating because of a fault.
    FaultReaction,
    /// Torque off until a fault reset.
    Fault,
}

/// Modes of operation (0x6060, 0x6061) that the cycle commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DriveMode {
    /// Cyclic synchronous position (8).
    #[default]
    Csp,
    /// Cyclic synchronous velocity (9).
    Csv,
    /// Cyclic synchronous torque (10).
    Cst,
    /// Homing (6): the drive finds its reference by itself, see [`AxisOutput::home`].
    Homing,
}

/// What a drive in homing says (CiA 402-2, bits 10, 12 and 13 of the statusword).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HomingState {
    /// Not begun, or interrupted.
    Waits,
    InProgress,
    /// Home is found; `false`: the axis still comes to rest.
    Attained {
        at_rest: bool,
    },
    /// Home was not found; `false`: the axis still comes to rest.
    Error {
        at_rest: bool,
    },
}

impl DriveMode {
    /// Value of 0x6060 (CiA 402-2, table of modes).
    pub const fn code(self) -> i8 {
        match self {
            DriveMode::Csp => 8,
            DriveMode::Csv => 9,
            DriveMode::Cst => 10,
            DriveMode::Homing => 6,
        }
    }

    /// `None`: a mode that the cycle does not command.
    pub const fn of_code(code: i8) -> Option<DriveMode> {
        match code {
            6 => Some(DriveMode::Homing),
            8 => Some(DriveMode::Csp),
            9 => Some(DriveMode::Csv),
            10 => Some(DriveMode::Cst),
            _ => None,
        }
    }
}

/// What a drive says in one cycle.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AxisInput {
    pub state: DriveState,
    /// Mode displayed (0x6061); `None`: one that the cycle does not command.
    pub mode: Option<DriveMode>,
    /// Actual position (0x6064), au.
    pub position_au: f64,
    /// Actual velocity (0x606C), au/s.
    pub velocity_au_s: f64,
    /// Actual motor torque (0x6077), N·m.
    pub torque_nm: f64,
    /// Following error actual value (0x60F4), au.
    pub following_error_au: f64,
    /// Error code (0x603F), 0 for none.
    pub error_code: u16,
    /// Torque is removed by the safety controller (STO).
    pub sto: bool,
    /// Of a drive that follows [`DriveMode::Homing`].
    pub homing: Option<HomingState>,
    /// The drive has not done what its driver asked for within this time-out; stays until the request
    /// changes or the drive does it.
    pub overdue: Option<DurationNs>,
}

impl AxisInput {
    /// The power stage is on and setpoints are followed.
    pub fn enabled(&self) -> bool {
        self.state == DriveState::OperationEnabled
    }
    /// The drive reports a fault, or is reacting to one.
    pub fn faulted(&self) -> bool {
        matches!(self.state, DriveState::Fault | DriveState::FaultReaction)
    }
    /// Follows setpoints of `mode`: enabled, and the mode is displayed.
    pub fn follows(&self, mode: DriveMode) -> bool {
        self.enabled() && self.mode == Some(mode)
    }
}

/// What the cycle wants of a drive.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AxisOutput {
    /// Operation enabled, or torque off.
    pub power: bool,
    /// Operation enabled is left by the drive's own quick stop ramp, whatever the setpoints say: for when nobody knows
    /// whether they arrive, and how far the axis has come.
    pub quick_stop: bool,
    /// Reset a fault on the way to Operation enabled, once for each rise of `power` with it set.
    pub reset_fault: bool,
    pub mode: DriveMode,
    /// Position setpoint, au. Sent only to a drive that [`follows`](AxisInput::follows) CSP; until
    /// then its own actual position is sent. In the first cycle in which it follows, the caller gives
    /// the actual position.
    pub position_au: f64,
    /// Velocity setpoint, au/s. Sent only to a drive that follows CSV; on the way there its own actual
    /// velocity is sent, else zero.
    pub velocity_au_s: f64,
    /// Torque setpoint, N·m. Sent only to a drive that follows CST; until then zero is sent.
    pub torque_nm: f64,
    /// The drive looks for its reference, as its start-up objects say; sent only to one that follows homing. Taken
    /// back, homing is interrupted.
    pub home: bool,
}

/// Driver of one servo drive.
pub trait AxisDriver: Send {
    /// Bytes of its TxPDOs.
    fn input_bytes(&self) -> usize;
    /// Bytes of its RxPDOs.
    fn output_bytes(&self) -> usize;
    /// Whether its process data carry what a mode needs.
    fn supports(&self, mode: DriveMode) -> bool;
    /// Reads the inputs of an exchange.
    fn decode(&mut self, inputs: &[u8]) -> AxisInput;
    /// Writes the outputs of the next exchange. `now` counts the time-outs of the drive's states.
    ///
    /// Owns the sequence of the PDS and of mode changes: the drive is given its actual position until
    /// it is in Operation enabled and displays CSP, so that enabling never moves it.
    fn encode(&mut self, now: TimeNs, output: &AxisOutput, outputs: &mut [u8]);
}

/// Driver of digital inputs: bit n of the word is channel n.
pub trait DigitalInputDriver: Send {
    fn input_bytes(&self) -> usize;
    /// Channels it has; bits above are 0.
    fn channels(&self) -> u8;
    fn decode(&mut self, inputs: &[u8]) -> u64;
}

/// Driver of digital outputs: bit n of the word is channel n.
pub trait DigitalOutputDriver: Send {
    fn output_bytes(&self) -> usize;
    fn channels(&self) -> u8;
    fn encode(&mut self, word: u64, outputs: &mut [u8]);
}

/// One channel of an analog input as the converter gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnalogSample {
    /// Counts of the converter; the cell file scales them.
    pub counts: i32,
    /// Neither out of the converter's range nor in error.
    pub valid: bool,
}

/// Driver of analog inputs.
pub trait AnalogInputDriver: Send {
    fn input_bytes(&self) -> usize;
    fn channels(&self) -> u8;
    /// The channel's sample; invalid for a channel that it does not have.
    fn decode(&mut self, inputs: &[u8], channel: u8) -> AnalogSample;
}

/// The driver at one position of the segment.
pub enum CyclicDriver {
    /// No process data: a coupler.
    None,
    Axis(Box<dyn AxisDriver>),
    DigitalInputs(Box<dyn DigitalInputDriver>),
    DigitalOutputs(Box<dyn DigitalOutputDriver>),
    AnalogInputs(Box<dyn AnalogInputDriver>),
}

impl CyclicDriver {
    /// Bytes of inputs that the driver reads.
    pub fn input_bytes(&self) -> usize {
        match self {
            CyclicDriver::None | CyclicDriver::DigitalOutputs(_) => 0,
            CyclicDriver::Axis(d) => d.input_bytes(),
            CyclicDriver::DigitalInputs(d) => d.input_bytes(),
            CyclicDriver::AnalogInputs(d) => d.input_bytes(),
        }
    }
    /// Bytes of outputs that the driver writes.
    pub fn output_bytes(&self) -> usize {
        match self {
            CyclicDriver::Axis(d) => d.output_bytes(),
            CyclicDriver::DigitalOutputs(d) => d.output_bytes(),
            CyclicDriver::None | CyclicDriver::DigitalInputs(_) | CyclicDriver::AnalogInputs(_) => 0,
        }
    }
}
