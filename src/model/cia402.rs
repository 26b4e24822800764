//! Words of the drive profile CiA 402 (IEC 61800-7-201) that people read in faults.

/// Name of a mode of operation (0x6060, table of modes).
pub const fn mode_name(mode: i8) -> &'static str {
    match mode {
        1 => "profile position",
        3 => "profile velocity",
        4 => "profile torque",
        6 => "homing",
        7 => "interpolated position",
        8 => "cyclic synchronous position (CSP)",
        9 => "cyclic synchronous velocity (CSV)",
        10 => "cyclic synchronous torque (CST)",
        _ => "a mode of its maker's",
    }
}
