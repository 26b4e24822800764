//! The states of the EtherCAT state machine (ETG.1000.6, 6.4.1) and the AL status codes.

/// The state of a SubDevice as its AL status register 0x0130 shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlState {
    /// It did not answer.
    None,
    /// INIT: no mailbox, no process data.
    Init,
    /// PRE-OP: mailbox.
    PreOp,
    /// BOOT: firmware download.
    Boot,
    /// SAFE-OP: mailbox and inputs; outputs stay off.
    SafeOp,
    /// OP: mailbox, inputs and outputs.
    Op,
    /// A value that the standard does not define.
    Other(u8),
}

impl AlState {
    /// From the low nibble of register 0x0130.
    pub fn from_register(nibble: u8) -> AlState {
        match nibble & 0x0f {
            0 => AlState::None,
            1 => AlState::Init,
            2 => AlState::PreOp,
            3 => AlState::Boot,
            4 => AlState::SafeOp,
            8 => AlState::Op,
            other => AlState::Other(other),
        }
    }
}

impl core::fmt::Display for AlState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            AlState::None => f.write_str("no answer"),
            AlState::Init => f.write_str("INIT"),
            AlState::PreOp => f.write_str("PRE-OP"),
            AlState::Boot => f.write_str("BOOT"),
            AlState::SafeOp => f.write_str("SAFE-OP"),
            AlState::Op => f.write_str("OP"),
            AlState::Other(n) => write!(f, "undefined state {n}"),
        }
    }
}

/// The meaning of an AL status code, register 0x0134 (ETG.1000.6 table 11, ETG.1020).
pub fn al_status_text(code: u16) -> &'static str {
    match code {
        0x0000 => "no error",
        0x0001 => "unspecified error",
        0x0002 => "no memory",
        0x0003 => "invalid device setup",
        0x0004 => "invalid revision",
        0x0006 => "SII or EEPROM information does not match the firmware",
        0x0007 => "firmware update not successful",
        0x000E => "licence error",
        0x0011 => "invalid requested state change",
        0x0012 => "unknown requested state",
        0x0013 => "bootstrap not supported",
        0x0014 => "no valid firmware",
        0x0015 | 0x0016 => "invalid mailbox configuration",
        0x0017 => "invalid SyncManager configuration",
        0x0018 => "no valid inputs available",
        0x0019 => "no valid outputs available",
        0x001A => "synchronisation error",
        0x001B => "SyncManager watchdog",
        0x001C => "invalid SyncManager types",
        0x001D => "invalid output configuration",
        0x001E => "invalid input configuration",
        0x001F => "invalid watchdog configuration",
        0x0020 => "needs a cold start",
        0x0021 => "needs INIT",
        0x0022 => "needs PRE-OP",
        0x0023 => "needs SAFE-OP",
        0x0024 => "invalid input mapping",
        0x0025 => "invalid output mapping",
        0x0026 => "inconsistent settings",
        0x0027 => "free-run not supported",
        0x0028 => "SyncManager synchronisation not supported",
        0x0029 => "free-run needs three-buffer mode",
        0x002A => "background watchdog",
        0x002B => "no valid inputs and outputs",
        0x002C => "fatal synchronisation error",
        0x002D => "no synchronisation",
        0x002E => "cycle time too small",
        0x0030 => "invalid DC SYNC configuration",
        0x0031 => "invalid DC latch configuration",
        0x0032 => "PLL error",
        0x0033 => "DC SYNC I/O error",
        0x0034 => "DC SYNC timeout",
        0x0035 => "DC invalid SYNC cycle time",
        0x0036 => "DC SYNC0 cycle time does not fit",
        0x0037 => "DC SYNC1 cycle time does not fit",
        0x0041 => "AoE mailbox error",
        0x0042 => "EoE mailbox error",
        0x0043 => "CoE mailbox error",
        0x0044 => "FoE mailbox error",
        0x0045 => "SoE mailbox error",
        0x004F => "VoE mailbox error",
        0x0050 => "EEPROM not accessible",
        0x0051 => "EEPROM error",
        0x0052 => "external hardware not ready",
        0x0060 => "restarted locally",
        0x0061 => "device identification value updated",
        0x0070 => "detected module list does not match",
        0x00F0 => "application controller available",
        _ => "vendor-specific or unknown code",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nibble_has_a_state() {
        let named: Vec<String> = (0..16).map(|n| AlState::from_register(n).to_string()).collect();
        assert_eq!(named[8], "OP");
        assert_eq!(named[4], "SAFE-OP");
        assert_eq!(named[5], "undefined state 5");
        assert_eq!(AlState::from_register(0x14), AlState::SafeOp, "the error flag is not part of the state");
    }
}
