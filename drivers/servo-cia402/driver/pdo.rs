//! Process data of the drive, as the table in the parent module lays it out.

use cellwright_driver_api::cyclic::DriveMode;

/// Bytes of the RxPDO.
pub const OUTPUT_BYTES: usize = 10;
/// Bytes of the TxPDO.
pub const INPUT_BYTES: usize = 20;

/// Modes of operation of object 0x6060 (CiA 402-2, table of modes).
const CSP: i8 = 8;
const CST: i8 = 10;

pub(super) fn mode_of(code: i8) -> Option<DriveMode> {
    match code {
        CSP => Some(DriveMode::Csp),
        CST => Some(DriveMode::Cst),
        _ => None,
    }
}

pub(super) fn code_of(mode: DriveMode) -> i8 {
    match mode {
        DriveMode::Csp => CSP,
        DriveMode::Cst => CST,
    }
}

/// Inputs of the MainDevice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tx {
    pub(super) statusword: u16,
    pub(super) mode: i8,
    pub(super) position: i32,
    pub(super) velocity: i32,
    pub(super) torque: i16,
    pub(super) following_error: i32,
    pub(super) error_code: u16,
}

impl Tx {
    pub(super) fn read(bytes: &[u8]) -> Option<Tx> {
        let b: &[u8; INPUT_BYTES] = bytes.first_chunk()?;
        Some(Tx {
            statusword: u16::from_le_bytes([b[0], b[1]]),
            mode: b[2] as i8,
            position: i32::from_le_bytes([b[4], b[5], b[6], b[7]]),
            velocity: i32::from_le_bytes([b[8], b[9], b[10], b[11]]),
            torque: i16::from_le_bytes([b[12], b[13]]),
            following_error: i32::from_le_bytes([b[14], b[15], b[16], b[17]]),
            error_code: u16::from_le_bytes([b[18], b[19]]),
        })
    }
}

/// Outputs of the MainDevice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rx {
    pub(super) controlword: u16,
    pub(super) mode: i8,
    pub(super) position: i32,
    pub(super) torque: i16,
}

impl Rx {
    pub(super) fn write(&self, bytes: &mut [u8]) {
        let Some(b) = bytes.first_chunk_mut::<OUTPUT_BYTES>() else { return };
        b[0..2].copy_from_slice(&self.controlword.to_le_bytes());
        b[2] = self.mode as u8;
        b[3] = 0;
        b[4..8].copy_from_slice(&self.position.to_le_bytes());
        b[8..10].copy_from_slice(&self.torque.to_le_bytes());
    }
}
