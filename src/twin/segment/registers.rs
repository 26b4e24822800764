//! Register map of an ESC: addresses, and what a MainDevice may write (ETG.1000.4, clause 6).

pub(super) const TYPE: usize = 0x0000;
pub(super) const STATION_ADDRESS: usize = 0x0010;
pub(super) const STATION_ALIAS: usize = 0x0012;
pub(super) const PORT_DESCRIPTORS: usize = 0x0007;
pub(super) const DL_CONTROL: usize = 0x0100;
pub(super) const DL_STATUS: usize = 0x0110;
pub(super) const AL_CONTROL: usize = 0x0120;
pub(super) const AL_STATUS: usize = 0x0130;
pub(super) const AL_STATUS_CODE: usize = 0x0134;
pub(super) const PDI_CONTROL: usize = 0x0140;
pub(super) const EVENT_MASK: usize = 0x0200;
pub(super) const EVENT_REQUEST: usize = 0x0210;
pub(super) const ERROR_COUNTERS: usize = 0x0300;
/// Invalid frames and receive errors by port, forwarded errors; errors of the processing unit and the application;
/// lost links by port.
pub(super) const FORWARDED_ERRORS: usize = 0x0308;
pub(super) const PROCESSING_ERRORS: usize = 0x030C;
pub(super) const LOST_LINKS: usize = 0x0310;
pub(super) const WATCHDOG_DIVIDER: usize = 0x0400;
pub(super) const WATCHDOG_PDI: usize = 0x0410;
pub(super) const WATCHDOG_PROCESS_DATA: usize = 0x0420;
pub(super) const WATCHDOG_STATUS: usize = 0x0440;
pub(super) const WATCHDOG_COUNTER: usize = 0x0442;
pub(super) const SII_CONFIG: usize = 0x0500;
pub(super) const SII_CONTROL: usize = 0x0502;
pub(super) const SII_ADDRESS: usize = 0x0504;
pub(super) const SII_DATA: usize = 0x0508;
pub(super) const FMMU: usize = 0x0600;
pub(super) const FMMU_SIZE: usize = 16;
pub(super) const SM: usize = 0x0800;
pub(super) const SM_SIZE: usize = 8;
pub(super) const DC: usize = 0x0900;
pub(super) const DC_END: usize = 0x0A00;
pub(super) const DC_PORT_TIMES: usize = 0x0900;
pub(super) const DC_SYSTEM_TIME: usize = 0x0910;
pub(super) const DC_RECEIVE_TIME: usize = 0x0918;
pub(super) const DC_TIME_OFFSET: usize = 0x0920;
pub(super) const DC_TIME_DIFFERENCE: usize = 0x092C;
pub(super) const DC_SPEED_START: usize = 0x0930;
pub(super) const DC_SYNC: usize = 0x0980;
pub(super) const DC_ACTIVATION: usize = 0x0981;
pub(super) const DC_ACTIVATION_STATUS: usize = 0x0984;
pub(super) const DC_SYNC_START: usize = 0x0990;
pub(super) const DC_SYNC0_CYCLE: usize = 0x09A0;
/// Specific to the ESC (0x0E00–0x0EFF): here which start of a twin it is.
pub(super) const MARK: usize = 0x0E00;

/// Registers end and process RAM begins.
pub(super) const RAM: usize = 0x1000;
/// Process RAM of a twin ESC: 8 KiB, as register 0x0006 says.
pub(super) const RAM_KIB: u8 = 8;
pub(super) const MEMORY_END: usize = RAM + RAM_KIB as usize * 1024;

/// SyncManagers and FMMUs of a twin ESC, as registers 0x0005 and 0x0004 say.
pub(super) const SM_COUNT: usize = 4;
pub(super) const FMMU_COUNT: usize = 4;

/// How a register takes a write of the MainDevice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    ReadOnly,
    Write,
    /// Any write sets it to zero (counters).
    Clear,
}

/// (first, last, access) of what is not read-only, in order of address.
const WRITABLE: &[(usize, usize, Access)] = &[
    (STATION_ADDRESS, 0x0011, Access::Write),
    (DL_CONTROL, 0x0103, Access::Write),
    (0x0108, 0x0109, Access::Write),
    (AL_CONTROL, 0x0121, Access::Write),
    (EVENT_MASK, 0x0201, Access::Write),
    (ERROR_COUNTERS, 0x0313, Access::Clear),
    (WATCHDOG_DIVIDER, 0x0401, Access::Write),
    (WATCHDOG_PDI, 0x0411, Access::Write),
    (WATCHDOG_PROCESS_DATA, 0x0421, Access::Write),
    (WATCHDOG_COUNTER, 0x0443, Access::Clear),
    (SII_CONFIG, 0x0500, Access::Write),
    (SII_CONTROL, 0x050F, Access::Write),
    (FMMU, FMMU + FMMU_COUNT * FMMU_SIZE - 1, Access::Write),
    (SM, SM + SM_COUNT * SM_SIZE - 1, Access::Write),
    (DC_PORT_TIMES, 0x0903, Access::Write),
    (DC_SYSTEM_TIME, 0x0917, Access::Write),
    (DC_TIME_OFFSET, 0x092B, Access::Write),
    (DC_SPEED_START, 0x0931, Access::Write),
    (0x0934, 0x0935, Access::Write),
    (DC_SYNC, DC_ACTIVATION, Access::Write),
    (DC_SYNC_START, 0x0997, Access::Write),
    (DC_SYNC0_CYCLE, 0x09A9, Access::Write),
    (0x0F80, 0x0FFF, Access::Write),
];

/// Access of the byte at `address`.
pub(super) fn access(address: usize) -> Access {
    let past = WRITABLE.partition_point(|(first, _, _)| *first <= address);
    match past.checked_sub(1).map(|i| WRITABLE[i]) {
        Some((_, last, access)) if address <= last => access,
        _ => Access::ReadOnly,
    }
}

/// True if `start..start + len` touches `first..=last`.
pub(super) fn touches(start: usize, len: usize, first: usize, last: usize) -> bool {
    start <= last && start + len > first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_disjoint() {
        assert!(WRITABLE.windows(2).all(|w| w[0].1 < w[1].0));
        assert!(WRITABLE.iter().all(|(first, last, _)| first <= last));
    }

    #[test]
    fn identity_and_status_are_read_only() {
        for address in [TYPE, DL_STATUS, AL_STATUS, AL_STATUS_CODE, PDI_CONTROL, STATION_ALIAS] {
            assert_eq!(access(address), Access::ReadOnly, "{address:#06x}");
        }
        assert_eq!(access(STATION_ADDRESS), Access::Write);
        assert_eq!(access(ERROR_COUNTERS + 0x13), Access::Clear);
        assert_eq!(access(FMMU + 64), Access::ReadOnly);
        assert_eq!(access(SM + 32), Access::ReadOnly);
    }
}
