//! Process data of the drive: where in its PDOs each object stands.

use cellwright_driver_api::cyclic::DriveMode;
use cellwright_model::pdos::{Direction, Pdos, SERVO_OBJECTS, ServoPdoFault, servo_offset};

/// Bytes of the RxPDO that nobody chose.
pub const OUTPUT_BYTES: usize = 14;
/// Bytes of the TxPDO that nobody chose.
pub const INPUT_BYTES: usize = 20;

/// Byte offset of each object; those that need not be mapped may have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServoLayout {
    pub(super) output_bytes: usize,
    pub(super) input_bytes: usize,
    controlword: usize,
    mode: Option<usize>,
    target_position: usize,
    target_torque: Option<usize>,
    target_velocity: Option<usize>,
    statusword: usize,
    mode_display: Option<usize>,
    position: usize,
    velocity: Option<usize>,
    torque: Option<usize>,
    following_error: Option<usize>,
    error_code: Option<usize>,
}

impl ServoLayout {
    /// Errors: an object that every axis needs is missing, or one has another length or begins within a byte.
    pub fn of(pdos: &Pdos) -> Result<ServoLayout, ServoPdoFault> {
        let at = |index: u16| match SERVO_OBJECTS.iter().find(|o| o.index == index) {
            Some(object) => servo_offset(pdos, object),
            None => Ok(None),
        };
        // What is needed has an offset: without, `at` has failed.
        let needed = |index| at(index).map(Option::unwrap_or_default);
        Ok(ServoLayout {
            output_bytes: pdos.bytes(Direction::Rx),
            input_bytes: pdos.bytes(Direction::Tx),
            controlword: needed(0x6040)?,
            mode: at(0x6060)?,
            target_position: needed(0x607A)?,
            target_torque: at(0x6071)?,
            target_velocity: at(0x60FF)?,
            statusword: needed(0x6041)?,
            mode_display: at(0x6061)?,
            position: needed(0x6064)?,
            velocity: at(0x606C)?,
            torque: at(0x6077)?,
            following_error: at(0x60F4)?,
            error_code: at(0x603F)?,
        })
    }

    /// The drive can be told another mode, and says which one it is in: else it is kept in CSP.
    pub(super) fn switches_modes(&self) -> bool {
        self.mode.is_some() && self.mode_display.is_some()
    }

    /// The drive can be given setpoints of a mode.
    pub(super) fn carries(&self, mode: DriveMode) -> bool {
        match mode {
            DriveMode::Csp => true,
            DriveMode::Homing => self.switches_modes(),
            DriveMode::Csv => self.switches_modes() && self.target_velocity.is_some(),
            DriveMode::Cst => self.switches_modes() && self.target_torque.is_some(),
        }
    }

    /// The mode is not among the process data: it is told by SDO once and for all.
    pub fn needs_mode_by_sdo(&self) -> bool {
        self.mode.is_none()
    }
}

impl Default for ServoLayout {
    /// The map that nobody chose, as the table of the module above has it.
    fn default() -> ServoLayout {
        ServoLayout {
            output_bytes: OUTPUT_BYTES,
            input_bytes: INPUT_BYTES,
            controlword: 0,
            mode: Some(2),
            target_position: 4,
            target_torque: Some(8),
            target_velocity: Some(10),
            statusword: 0,
            mode_display: Some(2),
            position: 4,
            velocity: Some(8),
            torque: Some(12),
            following_error: Some(14),
            error_code: Some(18),
        }
    }
}

/// Inputs of the MainDevice; what is not mapped is `None`, or zero where that means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tx {
    pub(super) statusword: u16,
    pub(super) mode: Option<i8>,
    pub(super) position: i32,
    pub(super) velocity: Option<i32>,
    pub(super) torque: i16,
    pub(super) following_error: i32,
    pub(super) error_code: u16,
}

impl Tx {
    pub(super) fn read(layout: &ServoLayout, bytes: &[u8]) -> Option<Tx> {
        if bytes.len() < layout.input_bytes {
            return None;
        }
        let word = |at: usize| take(bytes, at).map(u16::from_le_bytes);
        let long = |at: usize| take(bytes, at).map(i32::from_le_bytes);
        Some(Tx {
            statusword: word(layout.statusword)?,
            mode: layout.mode_display.and_then(|at| bytes.get(at)).map(|b| *b as i8),
            position: long(layout.position)?,
            velocity: layout.velocity.and_then(long),
            torque: layout.torque.and_then(word).unwrap_or(0) as i16,
            following_error: layout.following_error.and_then(long).unwrap_or(0),
            error_code: layout.error_code.and_then(word).unwrap_or(0),
        })
    }
}

fn take<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Outputs of the MainDevice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rx {
    pub(super) controlword: u16,
    pub(super) mode: i8,
    pub(super) position: i32,
    pub(super) torque: i16,
    pub(super) velocity: i32,
}

impl Rx {
    /// Gaps, and objects that the driver has nothing to say of, are zero.
    pub(super) fn write(&self, layout: &ServoLayout, bytes: &mut [u8]) {
        let Some(bytes) = bytes.get_mut(..layout.output_bytes) else { return };
        bytes.fill(0);
        let mut put = |at: Option<usize>, value: &[u8]| {
            if let Some(place) = at.and_then(|at| bytes.get_mut(at..at + value.len())) {
                place.copy_from_slice(value);
            }
        };
        put(Some(layout.controlword), &self.controlword.to_le_bytes());
        put(layout.mode, &self.mode.to_le_bytes());
        put(Some(layout.target_position), &self.position.to_le_bytes());
        put(layout.target_torque, &self.torque.to_le_bytes());
        put(layout.target_velocity, &self.velocity.to_le_bytes());
    }
}
