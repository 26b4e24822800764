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

/// What an error code says (object 0x603F and emergencies; IEC 61800-7-201, table of error codes). A code that the
/// table does not have is named by its group.
pub fn error_name(code: u16) -> &'static str {
    let known = ERRORS.iter().find(|(c, _)| *c == code).or_else(|| {
        // The groups are the codes with zeros behind: 0x2312 is of 0x2310, 0x2300, 0x2000.
        let groups = [0xFFF0, 0xFF00, 0xF000].map(|mask| code & mask);
        groups.iter().find_map(|group| ERRORS.iter().find(|(c, _)| c == group))
    });
    known.map_or("a code of its maker's", |(_, name)| name)
}

const ERRORS: &[(u16, &str)] = &[
    (0x0000, "no error"),
    (0x1000, "generic error"),
    (0x2000, "current"),
    (0x2100, "current on the device's input side"),
    (0x2110, "short circuit or earth leakage on the input side"),
    (0x2120, "earth leakage on the input side"),
    (0x2130, "short circuit on the input side"),
    (0x2200, "internal current"),
    (0x2211, "internal current 1"),
    (0x2212, "internal current 2"),
    (0x2213, "over-current in a ramp"),
    (0x2214, "over-current in the sequence"),
    (0x2220, "continuous over-current inside"),
    (0x2230, "short circuit or earth leakage inside"),
    (0x2240, "earth leakage inside"),
    (0x2250, "short circuit inside"),
    (0x2300, "current on the device's output side"),
    (0x2310, "continuous over-current"),
    (0x2320, "short circuit or earth leakage of the motor"),
    (0x2330, "earth leakage of the motor"),
    (0x2340, "short circuit of the motor"),
    (0x2350, "load level, thermal state (i2t)"),
    (0x3000, "voltage"),
    (0x3100, "mains voltage"),
    (0x3110, "mains over-voltage"),
    (0x3120, "mains under-voltage"),
    (0x3130, "phase failure"),
    (0x3134, "phase sequence"),
    (0x3140, "mains frequency"),
    (0x3200, "DC link voltage"),
    (0x3210, "DC link over-voltage"),
    (0x3220, "DC link under-voltage"),
    (0x3230, "load error"),
    (0x3300, "output voltage"),
    (0x3310, "output over-voltage"),
    (0x3320, "armature circuit"),
    (0x3330, "field circuit"),
    (0x4000, "temperature"),
    (0x4100, "ambient temperature"),
    (0x4110, "excess ambient temperature"),
    (0x4120, "too low ambient temperature"),
    (0x4200, "temperature of the device"),
    (0x4210, "excess temperature of the device"),
    (0x4220, "too low temperature of the device"),
    (0x4300, "temperature of the drive"),
    (0x4310, "excess temperature of the drive"),
    (0x4320, "too low temperature of the drive"),
    (0x4400, "temperature of the supply"),
    (0x5000, "device hardware"),
    (0x5100, "supply"),
    (0x5110, "low-voltage supply"),
    (0x5200, "control"),
    (0x5300, "operating unit"),
    (0x5400, "power section"),
    (0x5410, "output stages"),
    (0x5420, "chopper"),
    (0x5430, "input stages"),
    (0x5440, "contactors"),
    (0x5450, "fuses"),
    (0x5500, "data storage"),
    (0x6000, "device software"),
    (0x6010, "software reset (watchdog)"),
    (0x6100, "internal software"),
    (0x6200, "user software"),
    (0x6300, "data record"),
    (0x6320, "parameter error"),
    (0x7000, "additional modules"),
    (0x7100, "power"),
    (0x7110, "brake chopper"),
    (0x7120, "motor"),
    (0x7121, "motor blocked"),
    (0x7122, "motor error or commutation malfunction"),
    (0x7123, "motor tilted"),
    (0x7200, "measurement circuit"),
    (0x7300, "sensor"),
    (0x7305, "incremental sensor 1 fault"),
    (0x7306, "incremental sensor 2 fault"),
    (0x7310, "speed"),
    (0x7320, "position"),
    (0x7400, "computation circuit"),
    (0x7500, "communication"),
    (0x7600, "data storage, external"),
    (0x8000, "monitoring"),
    (0x8100, "communication"),
    (0x8200, "protocol error"),
    (0x8300, "torque control"),
    (0x8311, "excess torque"),
    (0x8312, "difficult start-up"),
    (0x8313, "standstill torque"),
    (0x8331, "torque fault"),
    (0x8400, "velocity control"),
    (0x8500, "position control"),
    (0x8600, "positioning controller"),
    (0x8611, "following error"),
    (0x8612, "reference limit"),
    (0x8700, "sync controller"),
    (0x8800, "winding controller"),
    (0x8900, "process data monitoring"),
    (0x8A00, "control"),
    (0xF000, "additional functions"),
    (0xF001, "deceleration"),
    (0xF002, "sub-synchronous run"),
    (0xF003, "stroke operation"),
    (0xF004, "control"),
    (0xFF00, "a code of its maker's"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_named_itself_or_by_its_group() {
        assert_eq!(error_name(0x8611), "following error");
        assert_eq!(error_name(0x2312), "continuous over-current");
        assert_eq!(error_name(0x8181), "communication");
        assert_eq!(error_name(0x3199), "mains voltage");
        assert_eq!(error_name(0xF101), "additional functions");
        assert_eq!(error_name(0xFF01), "a code of its maker's");
        assert_eq!(error_name(0x9001), "a code of its maker's");
        assert!(ERRORS.windows(2).all(|pair| pair[0].0 < pair[1].0), "each once, in order");
    }
}
