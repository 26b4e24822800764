//! Cyclic driver of a CiA 402 servo drive: the sequence of its power drive system state machine (PDS)
//! and of its modes of operation, over process data mapped as
//!
//! | RxPDO, 10 bytes            | TxPDO, 20 bytes                  |
//! | -------------------------- | -------------------------------- |
//! | 0 controlword 0x6040 `u16` | 0 statusword 0x6041 `u16`        |
//! | 2 mode 0x6060 `i8`         | 2 mode displayed 0x6061 `i8`     |
//! | 3 padding `u8`             | 3 padding `u8`                   |
//! | 4 target position 0x607A `i32` | 4 actual position 0x6064 `i32` |
//! | 8 target torque 0x6071 `i16` | 8 actual velocity 0x606C `i32` |
//! |                            | 12 actual torque 0x6077 `i16`    |
//! |                            | 14 following error 0x60F4 `i32`  |
//! |                            | 18 error code 0x603F `u16`       |
//!
//! Positions in counts, velocities in counts/s, torques in 0.1 % of the rated torque 0x6076.
//!
//! What it never does: send a position setpoint to a drive that does not display CSP in Operation
//! enabled (it sends the actual position, so that enabling moves nothing); send a torque setpoint to
//! one that does not display CST; enable a drive again that left Operation enabled by itself.

mod pdo;
mod sequence;
mod start_up;

use cellwright_driver_api::cyclic::{AxisDriver, AxisInput, AxisOutput, DriveMode};
use cellwright_model::{DurationNs, TimeNs};

pub use pdo::{INPUT_BYTES, OUTPUT_BYTES};
use pdo::{Rx, Tx};
use sequence::Sequence;
pub use start_up::{StartUpObject, start_up};

/// Longest time that a drive may take for one transition of its PDS or one mode change: charging a
/// DC link and releasing a holding brake are the slow ones.
pub const TRANSITION_TIMEOUT: DurationNs = DurationNs::from_millis(2_000);

/// What the driver must know of its axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServoParameters {
    /// Encoder counts for each au, positive.
    pub counts_per_au: f64,
    /// Rated torque 0x6076 in N·m, positive.
    pub torque_rated_nm: f64,
    /// See [`TRANSITION_TIMEOUT`].
    pub transition_timeout: DurationNs,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct ServoDriver {
    parameters: ServoParameters,
    input: AxisInput,
    /// Actual position as the drive gave it.
    actual_counts: i32,
    sequence: Sequence,
}

impl ServoDriver {
    /// A driver that has heard nothing of its drive yet.
    pub fn new(parameters: ServoParameters) -> ServoDriver {
        ServoDriver {
            parameters,
            input: AxisInput::default(),
            actual_counts: 0,
            sequence: Sequence::new(parameters.transition_timeout),
        }
    }

    fn position_counts(&self, position_au: f64) -> i32 {
        // The cast saturates; not a number becomes the actual position.
        match (position_au * self.parameters.counts_per_au).round() {
            counts if counts.is_nan() => self.actual_counts,
            counts => counts as i32,
        }
    }

    fn torque_per_mille(&self, torque_nm: f64) -> i16 {
        // The cast saturates and makes zero of not-a-number.
        (torque_nm / self.parameters.torque_rated_nm * 1000.0).round() as i16
    }
}

impl AxisDriver for ServoDriver {
    fn input_bytes(&self) -> usize {
        INPUT_BYTES
    }

    fn output_bytes(&self) -> usize {
        OUTPUT_BYTES
    }

    fn decode(&mut self, inputs: &[u8]) -> AxisInput {
        let Some(tx) = Tx::read(inputs) else {
            return AxisInput { overdue: self.input.overdue, ..AxisInput::default() };
        };
        let au = 1.0 / self.parameters.counts_per_au;
        self.actual_counts = tx.position;
        self.input = AxisInput {
            state: sequence::state(tx.statusword),
            mode: pdo::mode_of(tx.mode),
            position_au: f64::from(tx.position) * au,
            velocity_au_s: f64::from(tx.velocity) * au,
            torque_nm: f64::from(tx.torque) / 1000.0 * self.parameters.torque_rated_nm,
            following_error_au: f64::from(tx.following_error) * au,
            error_code: tx.error_code,
            sto: sequence::sto(tx.statusword),
            overdue: None,
        };
        self.sequence.saw(&self.input);
        self.input.overdue = self.sequence.overdue();
        self.input
    }

    fn encode(&mut self, now: TimeNs, output: &AxisOutput, outputs: &mut [u8]) {
        let controlword = self.sequence.controlword(now, output, &self.input);
        // A drive that leaves CSP keeps its setpoint until it displays the new mode.
        let position = if self.input.follows(DriveMode::Csp) && output.power {
            self.position_counts(output.position_au)
        } else {
            self.actual_counts
        };
        let torque = if self.input.follows(DriveMode::Cst) && output.mode == DriveMode::Cst && output.power {
            self.torque_per_mille(output.torque_nm)
        } else {
            0
        };
        Rx { controlword, mode: pdo::code_of(output.mode), position, torque }.write(outputs);
    }
}

#[cfg(test)]
mod tests;
