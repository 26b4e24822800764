//! Cyclic driver of a CiA 402 servo drive: the sequence of its power drive system state machine (PDS)
//! and of its modes of operation, over process data that a [`ServoLayout`] lays out. Those that nobody chose:
//!
//! | RxPDO 0x1600, 14 bytes     | TxPDO 0x1A00, 20 bytes           |
//! | -------------------------- | -------------------------------- |
//! | 0 controlword 0x6040 `u16` | 0 statusword 0x6041 `u16`        |
//! | 2 mode 0x6060 `i8`         | 2 mode displayed 0x6061 `i8`     |
//! | 3 padding `u8`             | 3 padding `u8`                   |
//! | 4 target position 0x607A `i32` | 4 actual position 0x6064 `i32` |
//! | 8 target torque 0x6071 `i16` | 8 actual velocity 0x606C `i32` |
//! | 10 target velocity 0x60FF `i32` | 12 actual torque 0x6077 `i16` |
//! |                            | 14 following error 0x60F4 `i32`  |
//! |                            | 18 error code 0x603F `u16`       |
//!
//! Positions in counts, velocities in counts/s, torques in 0.1 % of the rated torque 0x6076.
//!
//! What it never does: send a position setpoint to a drive that does not display CSP in Operation
//! enabled (it sends the actual position, so that enabling moves nothing); send a torque setpoint to
//! one that does not display CST, or a velocity setpoint to one that does not display CSV; enable a drive
//! again that left Operation enabled by itself.

mod pdo;
mod sequence;
mod start_up;

use cellwright_driver_api::cyclic::{AxisDriver, AxisInput, AxisOutput, DriveMode, HomingState};
use cellwright_model::{DurationNs, TimeNs};

pub use pdo::{INPUT_BYTES, OUTPUT_BYTES, ServoLayout};
use pdo::{Rx, Tx};
use sequence::Sequence;
pub use start_up::{AxisBounds, StartUpObject, assignment, homing, start_up};

/// Longest time that a drive may take for one transition of its PDS or one mode change: charging a
/// DC link and releasing a holding brake are the slow ones.
pub const TRANSITION_TIMEOUT: DurationNs = DurationNs::from_millis(2_000);

/// Periods from the position that the driver has to the one that the drive is told: the outputs go with the next
/// exchange, and the drive takes one to get there.
const AHEAD_CYCLES: f64 = 2.0;

/// Homing operation start (CiA 402-2, mode hm).
const HOMING_START: u16 = 1 << 4;

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
    layout: ServoLayout,
    speed: Speed,
    input: AxisInput,
    /// Actual position as the drive gave it.
    actual_counts: i32,
    actual_velocity: i32,
    sequence: Sequence,
}

impl ServoDriver {
    /// A driver that has heard nothing of its drive yet, over the map that nobody chose.
    pub fn new(parameters: ServoParameters) -> ServoDriver {
        ServoDriver::with_layout(parameters, ServoLayout::default(), DurationNs(0))
    }

    /// The same over another map. `period`: of the cycle, by which an axis that moves is met where it will be,
    /// and the velocity is made of positions where the map has no actual velocity.
    pub fn with_layout(parameters: ServoParameters, layout: ServoLayout, period: DurationNs) -> ServoDriver {
        ServoDriver {
            parameters,
            layout,
            speed: Speed { period_s: period.as_secs_f64(), last_counts: None, cycles: 0 },
            input: AxisInput::default(),
            actual_counts: 0,
            actual_velocity: 0,
            sequence: Sequence::new(parameters.transition_timeout),
        }
    }

    /// Counts or counts/s; saturates, and `otherwise` for what is not a number.
    fn counts(&self, au: f64, otherwise: i32) -> i32 {
        match (au * self.parameters.counts_per_au).round() {
            counts if counts.is_nan() => otherwise,
            counts => counts as i32,
        }
    }

    /// Where an axis that goes on as it goes now is when the drive comes to its target.
    fn counts_ahead(&self) -> i32 {
        let ahead = f64::from(self.actual_velocity) * AHEAD_CYCLES * self.speed.period_s;
        self.actual_counts.saturating_add(ahead.round() as i32)
    }

    fn torque_per_mille(&self, torque_nm: f64) -> i16 {
        // The cast saturates and makes zero of not-a-number.
        (torque_nm / self.parameters.torque_rated_nm * 1000.0).round() as i16
    }
}

/// Velocity by the difference of positions, for drives whose map has none.
#[derive(Debug, Clone)]
struct Speed {
    period_s: f64,
    last_counts: Option<i32>,
    /// Since the last position came.
    cycles: u32,
}

impl Speed {
    fn see(&mut self, counts: i32) -> i32 {
        let since_s = f64::from(self.cycles) * self.period_s;
        let way = self.last_counts.map_or(0, |last| counts.wrapping_sub(last));
        (self.last_counts, self.cycles) = (Some(counts), 0);
        // The cast saturates.
        if since_s > 0.0 { (f64::from(way) / since_s).round() as i32 } else { 0 }
    }
}

impl AxisDriver for ServoDriver {
    fn input_bytes(&self) -> usize {
        self.layout.input_bytes
    }

    fn output_bytes(&self) -> usize {
        self.layout.output_bytes
    }

    fn supports(&self, mode: DriveMode) -> bool {
        self.layout.carries(mode)
    }

    fn decode(&mut self, inputs: &[u8]) -> AxisInput {
        let Some(tx) = Tx::read(&self.layout, inputs) else {
            return AxisInput { overdue: self.input.overdue, ..AxisInput::default() };
        };
        let au = 1.0 / self.parameters.counts_per_au;
        let measured = self.speed.see(tx.position);
        self.actual_counts = tx.position;
        self.actual_velocity = tx.velocity.unwrap_or(measured);
        // A drive that does not say its mode is in the one that it was told by SDO.
        let mode = tx.mode.map_or(Some(DriveMode::Csp), DriveMode::of_code);
        self.input = AxisInput {
            state: sequence::state(tx.statusword),
            mode,
            position_au: f64::from(tx.position) * au,
            velocity_au_s: f64::from(self.actual_velocity) * au,
            torque_nm: f64::from(tx.torque) / 1000.0 * self.parameters.torque_rated_nm,
            following_error_au: f64::from(tx.following_error) * au,
            error_code: tx.error_code,
            sto: sequence::sto(tx.statusword),
            homing: None,
            overdue: None,
        };
        if self.input.follows(DriveMode::Homing) {
            let homing = sequence::homing(tx.statusword);
            self.input.homing = Some(homing);
            if tx.velocity.is_none() && homing == (HomingState::Attained { at_rest: true }) {
                // The zero has moved, the axis has not.
                (self.actual_velocity, self.input.velocity_au_s) = (0, 0.0);
            }
        }
        self.sequence.saw(&self.input);
        self.input.overdue = self.sequence.overdue();
        self.input
    }

    fn encode(&mut self, now: TimeNs, output: &AxisOutput, outputs: &mut [u8]) {
        self.speed.cycles = self.speed.cycles.saturating_add(1);
        let mut controlword = self.sequence.controlword(now, output, &self.input);
        let follows = |mode| output.power && self.input.follows(mode);
        if output.home && output.mode == DriveMode::Homing && follows(DriveMode::Homing) {
            controlword |= HOMING_START;
        }
        // A drive that leaves CSP or CSV keeps its setpoint until it displays the new mode; one on its way
        // there is given what it does already.
        let position = if follows(DriveMode::Csp) {
            self.counts(output.position_au, self.actual_counts)
        } else if output.power && self.input.enabled() {
            self.counts_ahead()
        } else {
            self.actual_counts
        };
        let velocity = if follows(DriveMode::Csv) {
            self.counts(output.velocity_au_s, 0)
        } else if output.mode == DriveMode::Csv && output.power && self.input.enabled() {
            self.actual_velocity
        } else {
            0
        };
        let torque = if follows(DriveMode::Cst) && output.mode == DriveMode::Cst {
            self.torque_per_mille(output.torque_nm)
        } else {
            0
        };
        // A mode whose setpoint has no place is not asked for: it never comes, which is overdue then.
        let mode = if self.layout.carries(output.mode) { output.mode } else { DriveMode::Csp };
        let rx = Rx { controlword, mode: mode.code(), position, torque, velocity };
        rx.write(&self.layout, outputs);
    }
}

#[cfg(test)]
mod tests;
