//! SyncManagers guard buffers in process RAM (ETG.1000.4, clause 6.7).
//!
//! *Mailbox mode*: one buffer, written whole and then read whole; while it is full it takes no write,
//! while it is empty no read. *Buffered mode*: the newest complete buffer can always be read. An
//! access completes when it reaches the buffer's last byte.

use super::esc::Esc;
use super::registers::{self as reg, MEMORY_END, RAM, SM_COUNT, SM_SIZE};

/// Status bit of a mailbox buffer that waits to be read (register +5).
const MAILBOX_FULL: u8 = 0x08;
/// Control byte of the four uses: mode (2 bits), direction (2 bits), events, watchdog trigger (bit 6).
pub(super) const CONTROL_MAILBOX_WRITE: u8 = 0x26;
pub(super) const CONTROL_MAILBOX_READ: u8 = 0x22;
pub(super) const CONTROL_OUTPUTS: u8 = 0x64;
pub(super) const CONTROL_INPUTS: u8 = 0x20;
const MODE_AND_DIRECTION: u8 = 0x0F;

/// One decoded SyncManager.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SyncManager {
    pub(super) active: bool,
    pub(super) start: usize,
    /// First address behind the buffer.
    pub(super) end: usize,
    control: u8,
    /// A mailbox access began and has not yet reached the last byte.
    pub(super) open: bool,
    /// Repeat request of the MainDevice (activate bit 1), toggled for each lost mailbox read.
    pub(super) repeat: bool,
}

impl SyncManager {
    pub(super) fn is_mailbox(&self) -> bool {
        self.control & 0x03 == 0x02
    }
    /// The MainDevice writes the buffer.
    pub(super) fn is_written_by_main(&self) -> bool {
        self.control & 0x0C == 0x04
    }
    /// Each complete write restarts the process data watchdog.
    pub(super) fn triggers_watchdog(&self) -> bool {
        self.control & 0x40 != 0
    }
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }
    /// True if set up as `control` says, inside process RAM.
    pub(super) fn is_set_up_as(&self, control: u8) -> bool {
        self.active
            && self.control & MODE_AND_DIRECTION == control & MODE_AND_DIRECTION
            && self.start >= RAM
            && self.end <= MEMORY_END
    }
    pub(super) fn overlaps(&self, other: &SyncManager) -> bool {
        self.start < other.end && other.start < self.end
    }
}

impl Esc {
    /// Decodes the SyncManager registers again. Returns a bit for each whose repeat request toggled.
    pub(super) fn decode_sync_managers(&mut self) -> u8 {
        let mut repeats = 0;
        for i in 0..SM_COUNT {
            let at = reg::SM + i * SM_SIZE;
            let (start, len) = (usize::from(self.u16(at)), usize::from(self.u16(at + 2)));
            let was = self.sync_managers[i];
            let activate = self.memory[at + 6];
            let active = activate & 0x01 != 0 && len > 0;
            let repeat = activate & 0x02 != 0;
            if active != was.active {
                self.memory[at + 5] = 0;
                self.clear_event(1 << (8 + i));
            }
            self.sync_managers[i] = SyncManager {
                active,
                start,
                end: start + len,
                control: self.memory[at + 4],
                open: was.open && active == was.active,
                repeat,
            };
            if was.active && active && repeat != was.repeat {
                repeats |= 1 << i;
            }
        }
        repeats
    }

    pub(super) fn is_full(&self, sm: usize) -> bool {
        self.memory[reg::SM + sm * SM_SIZE + 5] & MAILBOX_FULL != 0
    }

    /// Sets or clears the full bit, mirrored in the ECAT event request (bits 8 to 15).
    pub(super) fn set_full(&mut self, sm: usize, full: bool) {
        let status = &mut self.memory[reg::SM + sm * SM_SIZE + 5];
        if full {
            *status |= MAILBOX_FULL;
            self.raise_event(1 << (8 + sm));
        } else {
            *status &= !MAILBOX_FULL;
            self.clear_event(1 << (8 + sm));
        }
    }

    /// The application's answer to a repeat request: PDI control bit 1 takes its value.
    pub(super) fn acknowledge_repeat(&mut self, sm: usize) {
        let repeat = self.sync_managers[sm].repeat;
        let control = &mut self.memory[reg::SM + sm * SM_SIZE + 7];
        *control = *control & !0x02 | u8::from(repeat) << 1;
    }
}
