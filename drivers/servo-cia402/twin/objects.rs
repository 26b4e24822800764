//! Object dictionary of the drive: CiA 402 objects that are not only process data.

use cellwright_driver_api::twin::{DataType, EntryInfo, ObjectInfo, SdoAbort};

use super::{MODE_CSP, MODE_CST, MODE_CSV, MODE_HOMING, ServoTwin, homing};

const fn object(index: u16, name: &'static str, entry: &'static [EntryInfo]) -> ObjectInfo {
    ObjectInfo { index, name, entries: entry }
}

use DataType::{I8, I16, I32, U8, U16, U32};
use EntryInfo as E;

/// Names as in IEC 61800-7-201.
pub(super) const OBJECTS: &[ObjectInfo] = &[
    object(0x1001, "Error register", &[E::read(0, U8, "Error register")]),
    object(0x6007, "Abort connection option code", &[E::write(0, I16, "Abort connection option code")]),
    object(0x603F, "Error code", &[E::read(0, U16, "Error code")]),
    object(0x6040, "Controlword", &[E::write(0, U16, "Controlword")]),
    object(0x6041, "Statusword", &[E::read(0, U16, "Statusword")]),
    object(0x605A, "Quick stop option code", &[E::write(0, I16, "Quick stop option code")]),
    object(0x605B, "Shutdown option code", &[E::write(0, I16, "Shutdown option code")]),
    object(0x605C, "Disable operation option code", &[E::write(0, I16, "Disable operation option code")]),
    object(0x605D, "Halt option code", &[E::write(0, I16, "Halt option code")]),
    object(0x605E, "Fault reaction option code", &[E::write(0, I16, "Fault reaction option code")]),
    object(0x6060, "Modes of operation", &[E::write(0, I8, "Modes of operation")]),
    object(0x6061, "Modes of operation display", &[E::read(0, I8, "Modes of operation display")]),
    object(0x6062, "Position demand value", &[E::read(0, I32, "Position demand value")]),
    object(0x6064, "Position actual value", &[E::read(0, I32, "Position actual value")]),
    object(0x6065, "Following error window", &[E::write(0, U32, "Following error window")]),
    object(0x6066, "Following error time out", &[E::write(0, U16, "Following error time out")]),
    object(0x606C, "Velocity actual value", &[E::read(0, I32, "Velocity actual value")]),
    object(0x6071, "Target torque", &[E::write(0, I16, "Target torque")]),
    object(0x6072, "Max torque", &[E::write(0, U16, "Max torque")]),
    object(0x6076, "Motor rated torque", &[E::read(0, U32, "Motor rated torque")]),
    object(0x6077, "Torque actual value", &[E::read(0, I16, "Torque actual value")]),
    object(0x607A, "Target position", &[E::write(0, I32, "Target position")]),
    object(0x607C, "Home offset", &[E::write(0, I32, "Home offset")]),
    object(
        0x607D,
        "Software position limit",
        &[
            E::read(0, U8, "Highest sub-index supported"),
            E::write(1, I32, "Min position limit"),
            E::write(2, I32, "Max position limit"),
        ],
    ),
    object(0x607F, "Max profile velocity", &[E::write(0, U32, "Max profile velocity")]),
    object(0x6080, "Max motor speed", &[E::write(0, U32, "Max motor speed")]),
    object(0x6084, "Profile deceleration", &[E::write(0, U32, "Profile deceleration")]),
    object(0x6085, "Quick stop deceleration", &[E::write(0, U32, "Quick stop deceleration")]),
    object(0x6098, "Homing method", &[E::write(0, I8, "Homing method")]),
    object(
        0x6099,
        "Homing speeds",
        &[
            E::read(0, U8, "Highest sub-index supported"),
            E::write(1, U32, "Speed during search for switch"),
            E::write(2, U32, "Speed during search for zero"),
        ],
    ),
    object(0x609A, "Homing acceleration", &[E::write(0, U32, "Homing acceleration")]),
    object(
        0x60C2,
        "Interpolation time period",
        &[
            E::read(0, U8, "Highest sub-index supported"),
            E::write(1, U8, "Interpolation time period value"),
            E::write(2, I8, "Interpolation time index"),
        ],
    ),
    object(0x60F4, "Following error actual value", &[E::read(0, I32, "Following error actual value")]),
    object(0x60FF, "Target velocity", &[E::write(0, I32, "Target velocity")]),
    object(0x6502, "Supported drive modes", &[E::read(0, U32, "Supported drive modes")]),
];

/// Parameters that the MainDevice may change; counts, counts/s, counts/s².
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters {
    /// 0x6007: leaving OP while enabled: 0 nothing, 1 fault, 2 switch off, 3 quick stop.
    pub(super) abort_connection: i16,
    /// 0x605A to 0x605E: see [`super::pds::StopOptions`]; 0x605D, halt: 1 to 4 as a ramp.
    pub(super) quick_stop: i16,
    pub(super) shutdown: i16,
    pub(super) disable_operation: i16,
    pub(super) halt: i16,
    pub(super) fault_reaction: i16,
    /// 0x6065: window; `u32::MAX` switches the monitoring off. 0x6066: milliseconds outside it.
    pub(super) following_window: u32,
    pub(super) following_timeout_ms: u16,
    /// 0x6072, per mille of the rated torque.
    pub(super) torque_max: u16,
    /// 0x607D:01, :02; equal or crossed: no limits.
    pub(super) position_min: i32,
    pub(super) position_max: i32,
    /// 0x607F.
    pub(super) velocity_max: u32,
    /// 0x6080, in the units of the velocity, counts/s; it bounds the motor in every mode.
    pub(super) motor_speed_max: u32,
    /// 0x6084.
    pub(super) slow_down_deceleration: u32,
    /// 0x6085.
    pub(super) quick_stop_deceleration: u32,
    /// 0x6098, 0x6099:01 and :02, 0x609A, 0x607C.
    pub(super) homing_method: i8,
    pub(super) homing_switch_speed: u32,
    pub(super) homing_zero_speed: u32,
    pub(super) homing_acceleration: u32,
    pub(super) home_offset: i32,
    /// 0x60C2: mantissa and decimal exponent of seconds.
    pub(super) interpolation_value: u8,
    pub(super) interpolation_exponent: i8,
}

impl Parameters {
    /// Interpolation time period in seconds.
    pub(super) fn interpolation_s(&self) -> f64 {
        f64::from(self.interpolation_value) * 10f64.powi(i32::from(self.interpolation_exponent))
    }
}

/// A value with its wire type.
enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
}

impl Value {
    fn store(self, data: &mut [u8]) -> Result<usize, SdoAbort> {
        let (bytes, len) = match self {
            Value::U8(v) => (u32::from(v).to_le_bytes(), 1),
            Value::I8(v) => ((v as u32).to_le_bytes(), 1),
            Value::U16(v) => (u32::from(v).to_le_bytes(), 2),
            Value::I16(v) => ((v as u32).to_le_bytes(), 2),
            Value::U32(v) => (v.to_le_bytes(), 4),
            Value::I32(v) => (v.to_le_bytes(), 4),
        };
        data.get_mut(..len).ok_or(SdoAbort::EXCEEDS_MAILBOX)?.copy_from_slice(&bytes[..len]);
        Ok(len)
    }
}

impl ServoTwin {
    pub(super) fn read_object(&self, index: u16, sub: u8, data: &mut [u8]) -> Result<usize, SdoAbort> {
        let p = &self.parameters;
        let value = match (index, sub) {
            (0x1001, 0) => Value::U8(self.error_register()),
            (0x6007, 0) => Value::I16(p.abort_connection),
            (0x603F, 0) => Value::U16(self.error_code),
            (0x6040, 0) => Value::U16(self.controlword),
            (0x6041, 0) => Value::U16(self.statusword()),
            (0x605A, 0) => Value::I16(p.quick_stop),
            (0x605B, 0) => Value::I16(p.shutdown),
            (0x605C, 0) => Value::I16(p.disable_operation),
            (0x605D, 0) => Value::I16(p.halt),
            (0x605E, 0) => Value::I16(p.fault_reaction),
            (0x6060, 0) => Value::I8(self.mode_requested),
            (0x6061, 0) => Value::I8(self.mode),
            (0x6062, 0) => Value::I32(self.counts(self.motion.demand())),
            (0x6064, 0) => Value::I32(self.counts(self.actual.position)),
            (0x6065, 0) => Value::U32(p.following_window),
            (0x6066, 0) => Value::U16(p.following_timeout_ms),
            (0x606C, 0) => Value::I32(self.velocity_counts()),
            (0x6071, 0) => Value::I16(self.target_torque),
            (0x6072, 0) => Value::U16(p.torque_max),
            (0x6076, 0) => Value::U32((self.config.torque_rated_nm * 1e3).round() as u32),
            (0x6077, 0) => Value::I16(self.torque_per_mille()),
            (0x607A, 0) => Value::I32(self.target_position),
            (0x607C, 0) => Value::I32(p.home_offset),
            (0x607D, 0) => Value::U8(2),
            (0x607D, 1) => Value::I32(p.position_min),
            (0x607D, 2) => Value::I32(p.position_max),
            (0x607F, 0) => Value::U32(p.velocity_max),
            (0x6080, 0) => Value::U32(p.motor_speed_max),
            (0x6084, 0) => Value::U32(p.slow_down_deceleration),
            (0x6085, 0) => Value::U32(p.quick_stop_deceleration),
            (0x6098, 0) => Value::I8(p.homing_method),
            (0x6099, 0) => Value::U8(2),
            (0x6099, 1) => Value::U32(p.homing_switch_speed),
            (0x6099, 2) => Value::U32(p.homing_zero_speed),
            (0x609A, 0) => Value::U32(p.homing_acceleration),
            (0x60C2, 0) => Value::U8(2),
            (0x60C2, 1) => Value::U8(p.interpolation_value),
            (0x60C2, 2) => Value::I8(p.interpolation_exponent),
            (0x60F4, 0) => Value::I32(self.following_error_counts()),
            (0x60FF, 0) => Value::I32(self.target_velocity),
            // Bit n − 1: mode n.
            (0x6502, 0) => {
                Value::U32([MODE_HOMING, MODE_CSP, MODE_CSV, MODE_CST].map(|m| 1 << (m - 1)).iter().sum())
            }
            _ => return Err(missing(index)),
        };
        value.store(data)
    }

    pub(super) fn write_object(&mut self, index: u16, sub: u8, data: &[u8]) -> Result<(), SdoAbort> {
        let p = &mut self.parameters;
        match (index, sub) {
            (0x6007, 0) => p.abort_connection = one_of(int16(data)?, &[0, 1, 2, 3])?,
            (0x6040, 0) => self.controlword = int16(data)? as u16,
            (0x605A, 0) => p.quick_stop = one_of(int16(data)?, &[0, 1, 2, 3, 4, 5, 6, 7, 8])?,
            (0x605B, 0) => p.shutdown = one_of(int16(data)?, &[0, 1])?,
            (0x605C, 0) => p.disable_operation = one_of(int16(data)?, &[0, 1])?,
            (0x605D, 0) => p.halt = one_of(int16(data)?, &[1, 2, 3, 4])?,
            (0x605E, 0) => p.fault_reaction = one_of(int16(data)?, &[0, 1, 2, 3, 4])?,
            (0x6060, 0) => {
                self.mode_requested =
                    one_of(int8(data)? as i8, &[0, MODE_HOMING, MODE_CSP, MODE_CSV, MODE_CST])?;
            }
            (0x6065, 0) => p.following_window = int32(data)?,
            (0x6066, 0) => p.following_timeout_ms = int16(data)? as u16,
            (0x6071, 0) => self.target_torque = int16(data)?,
            (0x6072, 0) => p.torque_max = int16(data)? as u16,
            (0x607A, 0) => self.target_position = int32(data)? as i32,
            (0x607C, 0) => p.home_offset = int32(data)? as i32,
            (0x607D, 1) => p.position_min = int32(data)? as i32,
            (0x607D, 2) => p.position_max = int32(data)? as i32,
            (0x607F, 0) => p.velocity_max = above_zero(int32(data)?)?,
            (0x6080, 0) => p.motor_speed_max = above_zero(int32(data)?)?,
            (0x6084, 0) => p.slow_down_deceleration = above_zero(int32(data)?)?,
            (0x6085, 0) => p.quick_stop_deceleration = above_zero(int32(data)?)?,
            (0x6098, 0) => p.homing_method = one_of(int8(data)? as i8, &homing::METHODS)?,
            (0x6099, 1) => p.homing_switch_speed = above_zero(int32(data)?)?,
            (0x6099, 2) => p.homing_zero_speed = above_zero(int32(data)?)?,
            (0x609A, 0) => p.homing_acceleration = above_zero(int32(data)?)?,
            (0x60FF, 0) => self.target_velocity = int32(data)? as i32,
            (0x60C2, 1) => p.interpolation_value = above_zero(u32::from(int8(data)?))? as u8,
            (0x60C2, 2) => {
                p.interpolation_exponent = one_of(int8(data)? as i8, &[-6, -5, -4, -3, -2])?;
            }
            // What can be read but stands not above is read-only.
            _ => return self.read_object(index, sub, &mut [0; 4]).and(Err(SdoAbort::READ_ONLY)),
        }
        Ok(())
    }
}

/// Why an object and subindex cannot be found.
fn missing(index: u16) -> SdoAbort {
    let known = OBJECTS.iter().any(|o| o.index == index);
    if known { SdoAbort::NO_SUBINDEX } else { SdoAbort::NO_OBJECT }
}

fn int8(data: &[u8]) -> Result<u8, SdoAbort> {
    <[u8; 1]>::try_from(data).map(u8::from_le_bytes).map_err(|_| SdoAbort::LENGTH)
}

fn int16(data: &[u8]) -> Result<i16, SdoAbort> {
    data.try_into().map(i16::from_le_bytes).map_err(|_| SdoAbort::LENGTH)
}

fn int32(data: &[u8]) -> Result<u32, SdoAbort> {
    data.try_into().map(u32::from_le_bytes).map_err(|_| SdoAbort::LENGTH)
}

fn one_of<T: PartialEq + Copy>(value: T, allowed: &[T]) -> Result<T, SdoAbort> {
    if allowed.contains(&value) { Ok(value) } else { Err(SdoAbort::VALUE_RANGE) }
}

fn above_zero(value: u32) -> Result<u32, SdoAbort> {
    if value > 0 { Ok(value) } else { Err(SdoAbort::VALUE_RANGE) }
}
