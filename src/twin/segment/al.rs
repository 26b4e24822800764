//! The AL state machine (ETG.1000.6, clause 6.4): INIT, PRE-OP, SAFE-OP, OP.
//!
//! Going up needs valid SyncManagers, and OP needs outputs; going down is always taken. What is
//! refused leaves the state as it was, with the error bit and an AL status code; further requests
//! upwards are ignored until the MainDevice acknowledges.

use super::registers as reg;
use super::subdevice::SubDevice;
use super::sync_manager::{CONTROL_INPUTS, CONTROL_MAILBOX_READ, CONTROL_MAILBOX_WRITE, CONTROL_OUTPUTS};

/// State of a SubDevice, with its value in AL control and AL status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum AlState {
    Init = 1,
    PreOp = 2,
    SafeOp = 4,
    Op = 8,
}

/// AL status codes (ETG.1020, table of AL status codes).
pub(super) mod code {
    pub(crate) const INVALID_STATE_CHANGE: u16 = 0x0011;
    pub(crate) const UNKNOWN_STATE: u16 = 0x0012;
    pub(crate) const BOOTSTRAP_NOT_SUPPORTED: u16 = 0x0013;
    pub(crate) const INVALID_MAILBOX: u16 = 0x0016;
    pub(crate) const PROCESS_DATA_WATCHDOG: u16 = 0x001B;
    pub(crate) const INVALID_OUTPUTS: u16 = 0x001D;
    pub(crate) const INVALID_INPUTS: u16 = 0x001E;
    pub(crate) const NO_SYNC: u16 = 0x002D;
    pub(crate) const INVALID_SYNC_CONFIGURATION: u16 = 0x0030;
}

const ERROR: u8 = 0x10;
const BOOTSTRAP: u8 = 3;
/// ECAT event request, bit 3: AL status changed.
const EVENT_AL_STATUS: u16 = 1 << 3;
/// Smallest mailbox that CoE works with (ETG.1000.4): header, CoE header and SDO need it.
const MAILBOX_BYTES_MIN: usize = 34;

/// State of the machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Al {
    pub(super) state: AlState,
    error: bool,
    code: u16,
    /// OP is requested since then and waits for the first outputs.
    pub(super) op_requested_ns: Option<u64>,
}

impl Al {
    pub(super) fn new() -> Al {
        Al { state: AlState::Init, error: false, code: 0, op_requested_ns: None }
    }
}

impl SubDevice {
    /// State, error flag, AL status code.
    pub(super) fn al_status(&self) -> (AlState, bool, u16) {
        (self.al.state, self.al.error, self.al.code)
    }

    /// AL control (0x0120) was written.
    pub(super) fn al_control(&mut self) {
        let control = self.esc.memory[reg::AL_CONTROL];
        let requested = control & 0x0F;
        if control & ERROR != 0 {
            (self.al.error, self.al.code) = (false, 0);
        } else if self.al.error && requested > self.al.state as u8 {
            return;
        }
        let target = match requested {
            1 => AlState::Init,
            2 => AlState::PreOp,
            4 => AlState::SafeOp,
            8 => AlState::Op,
            BOOTSTRAP => return self.refuse(code::BOOTSTRAP_NOT_SUPPORTED),
            _ => return self.refuse(code::UNKNOWN_STATE),
        };
        self.request(target);
    }

    fn request(&mut self, target: AlState) {
        self.al.op_requested_ns = None;
        let checked = match (self.al.state, target) {
            (from, to) if to <= from => Ok(()),
            (AlState::Init, AlState::PreOp) => self.check_mailbox(),
            (AlState::PreOp, AlState::SafeOp) => {
                self.lay_out();
                self.check_process_data()
            }
            (AlState::SafeOp, AlState::Op) => self.check_process_data().and_then(|()| self.check_sync()),
            _ => Err(code::INVALID_STATE_CHANGE),
        };
        match checked {
            Err(code) => self.refuse(code),
            Ok(()) if target == AlState::Op && self.layout.outputs.is_some() && !self.outputs_are_fresh() => {
                self.al.op_requested_ns = Some(self.now_ns);
                self.publish_al();
            }
            Ok(()) => self.enter(target),
        }
    }

    /// Outputs are there: a waiting request for OP is granted.
    pub(super) fn grant_op(&mut self) {
        if self.al.op_requested_ns.take().is_some() {
            self.enter(AlState::Op);
        }
    }

    /// Stays in the state and says why.
    pub(super) fn refuse(&mut self, code: u16) {
        self.al.op_requested_ns = None;
        (self.al.error, self.al.code) = (true, code);
        self.publish_al();
    }

    /// The SubDevice itself goes down to `target` because of an error.
    pub(super) fn fall_back(&mut self, target: AlState, code: u16) {
        self.enter(target);
        self.refuse(code);
    }

    fn enter(&mut self, target: AlState) {
        let from = core::mem::replace(&mut self.al.state, target);
        self.al.op_requested_ns = None;
        if from == AlState::Op && target != AlState::Op {
            self.model.outputs_off();
        }
        if from < AlState::SafeOp || target < AlState::SafeOp {
            // Outputs of an earlier life do not count for the next OP.
            self.last_outputs_ns = None;
        }
        if from == AlState::Init || target == AlState::Init {
            self.reset_mailbox();
        }
        if target == AlState::Op && from != AlState::Op {
            self.deliver_outputs();
        }
        self.publish_al();
    }

    /// SyncManagers changed: a state that rested on them falls back.
    pub(super) fn recheck(&mut self) {
        if self.al.state >= AlState::SafeOp
            && let Err(code) = self.check_process_data()
        {
            self.fall_back(AlState::PreOp, code);
        }
        if self.al.state >= AlState::PreOp
            && let Err(code) = self.check_mailbox()
        {
            self.fall_back(AlState::Init, code);
        }
    }

    fn check_mailbox(&self) -> Result<(), u16> {
        if !self.layout.mailbox {
            return Ok(());
        }
        let [receive, send, ..] = &self.esc.sync_managers;
        let fits = |len: usize| (MAILBOX_BYTES_MIN..=super::mailbox::MAX_BYTES).contains(&len);
        let valid = receive.is_set_up_as(CONTROL_MAILBOX_WRITE)
            && send.is_set_up_as(CONTROL_MAILBOX_READ)
            && fits(receive.len())
            && fits(send.len())
            && !receive.overlaps(send);
        if valid { Ok(()) } else { Err(code::INVALID_MAILBOX) }
    }

    fn check_process_data(&self) -> Result<(), u16> {
        let check = |buffer: &Option<super::subdevice::Buffer>, unused: Option<usize>, control, code| {
            let valid = match buffer {
                Some(b) => {
                    let sm = &self.esc.sync_managers[b.sm];
                    sm.is_set_up_as(control) && sm.len() == b.len
                }
                None => unused.is_none_or(|sm| !self.esc.sync_managers[sm].active),
            };
            if valid { Ok(()) } else { Err(code) }
        };
        // With a mailbox, SyncManagers 2 and 3 are there even if a direction carries nothing.
        let idle = |sm| self.layout.mailbox.then_some(sm);
        check(&self.layout.outputs, idle(2), CONTROL_OUTPUTS, code::INVALID_OUTPUTS)?;
        check(&self.layout.inputs, idle(3), CONTROL_INPUTS, code::INVALID_INPUTS)
    }

    /// Writes AL status (0x0130) and AL status code (0x0134).
    pub(super) fn publish_al(&mut self) {
        let error = if self.al.error { u16::from(ERROR) } else { 0 };
        self.esc.put_u16(reg::AL_STATUS, self.al.state as u16 | error);
        self.esc.put_u16(reg::AL_STATUS_CODE, self.al.code);
        self.esc.raise_event(EVENT_AL_STATUS);
    }

    /// AL status was read by the MainDevice.
    pub(super) fn al_status_was_read(&mut self) {
        self.esc.clear_event(EVENT_AL_STATUS);
    }
}
