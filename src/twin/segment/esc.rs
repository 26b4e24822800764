//! Memory of a SubDevice controller (ETG.1000.4, clause 6): registers, process RAM, and the decoded SyncManagers and
//! FMMUs.

use super::fmmu::Fmmu;
use super::registers::{
    self as reg, Access, FMMU_COUNT, FMMU_SIZE, MEMORY_END, RAM, SM_COUNT, SM_SIZE, access,
};
use super::sync_manager::SyncManager;
use super::topology::PORTS;

pub(super) struct Esc {
    pub(super) memory: Box<[u8]>,
    pub(super) sync_managers: [SyncManager; SM_COUNT],
    pub(super) fmmus: [Fmmu; FMMU_COUNT],
}

impl Esc {
    /// As after power-on.
    pub(super) fn new() -> Esc {
        let mut esc = Esc {
            memory: vec![0; MEMORY_END].into_boxed_slice(),
            sync_managers: [SyncManager::default(); SM_COUNT],
            fmmus: [Fmmu::default(); FMMU_COUNT],
        };
        esc.reset([true, true, false, false]);
        esc
    }

    /// Power-on values of all registers; RAM is cleared. `ports`: those that there are.
    pub(super) fn reset(&mut self, ports: [bool; PORTS]) {
        self.memory.fill(0);
        self.sync_managers = [SyncManager::default(); SM_COUNT];
        self.fmmus = [Fmmu::default(); FMMU_COUNT];
        // Type 0x11, revision 0, build 2; FMMUs, SyncManagers, RAM in KiB.
        let identity = [0x11, 0x00, 0x02, 0x00, FMMU_COUNT as u8, SM_COUNT as u8, reg::RAM_KIB];
        self.memory[reg::TYPE..reg::TYPE + 7].copy_from_slice(&identity);
        // Two bits a port: none, or MII.
        let descriptors =
            ports.iter().enumerate().map(|(port, there)| (u8::from(*there) * 0b11) << (2 * port));
        self.memory[reg::PORT_DESCRIPTORS] = descriptors.sum();
        // Features: bitwise FMMUs, distributed clocks (bit 2) of 64 bits (bit 3).
        self.put_u16(0x0008, 0x000C);
        // DL control: frames that are not EtherCAT are destroyed, all ports automatic.
        self.memory[reg::DL_CONTROL] = 0x01;
        // Watchdogs: 40 ns × (2498 + 2) = 100 µs a count, 1000 counts = 100 ms each.
        self.put_u16(reg::WATCHDOG_DIVIDER, 2498);
        self.put_u16(reg::WATCHDOG_PDI, 1000);
        self.put_u16(reg::WATCHDOG_PROCESS_DATA, 1000);
    }

    pub(super) fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.memory[at], self.memory[at + 1]])
    }

    pub(super) fn u32(&self, at: usize) -> u32 {
        u32::from(self.u16(at)) | u32::from(self.u16(at + 2)) << 16
    }

    pub(super) fn u64(&self, at: usize) -> u64 {
        u64::from(self.u32(at)) | u64::from(self.u32(at + 4)) << 32
    }

    pub(super) fn put_u16(&mut self, at: usize, value: u16) {
        self.memory[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }

    pub(super) fn put_u32(&mut self, at: usize, value: u32) {
        self.memory[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    pub(super) fn put_u64(&mut self, at: usize, value: u64) {
        self.memory[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    /// Stores what of `data` is writable; false if nothing was.
    pub(super) fn write_registers(&mut self, at: usize, data: &[u8]) -> bool {
        let active = self.sync_managers.map(|sm| sm.active);
        let mut any = false;
        for (address, &byte) in (at..).zip(data) {
            if (reg::SM..reg::SM + SM_COUNT * SM_SIZE).contains(&address) {
                let (sm, field) = ((address - reg::SM) / SM_SIZE, (address - reg::SM) % SM_SIZE);
                // Start, length and control are locked while the SyncManager is active; status
                // and PDI control belong to the SubDevice.
                if field == 5 || field == 7 || (field < 5 && active[sm]) {
                    continue;
                }
            }
            match access(address) {
                Access::ReadOnly => continue,
                Access::Write => self.memory[address] = byte,
                Access::Clear => self.memory[address] = 0,
            }
            any = true;
        }
        any
    }

    /// Decodes the FMMU registers again.
    pub(super) fn decode_fmmus(&mut self) {
        for (i, fmmu) in self.fmmus.iter_mut().enumerate() {
            let at = reg::FMMU + i * FMMU_SIZE;
            *fmmu = Fmmu::decode(&self.memory[at..at + FMMU_SIZE]);
        }
    }

    /// The SyncManager that guards `at`, and where its part (or the unguarded part) of
    /// `at..end` ends.
    pub(super) fn region(&self, at: usize, end: usize) -> (Option<usize>, usize) {
        let mut upto = end;
        for (i, sm) in self.sync_managers.iter().enumerate().filter(|(_, sm)| sm.active) {
            if (sm.start..sm.end).contains(&at) {
                return (Some(i), end.min(sm.end));
            }
            if sm.start > at {
                upto = upto.min(sm.start);
            }
        }
        (None, upto)
    }

    /// Raises a bit of the ECAT event request (register 0x0210).
    pub(super) fn raise_event(&mut self, bit: u16) {
        self.put_u16(reg::EVENT_REQUEST, self.u16(reg::EVENT_REQUEST) | bit);
    }

    /// Takes a bit of the ECAT event request back.
    pub(super) fn clear_event(&mut self, bit: u16) {
        self.put_u16(reg::EVENT_REQUEST, self.u16(reg::EVENT_REQUEST) & !bit);
    }
}

const _: () = assert!(RAM < MEMORY_END && MEMORY_END <= 0x1_0000);
