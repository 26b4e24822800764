//! One SubDevice: an ESC (ETG.1000.4), and the application behind it (ETG.1000.6).

use std::ops::Range;

use cellwright_driver_api::twin::{PlantPort, SubDeviceModel};

use super::SegmentError;
use super::al::{Al, AlState};
use super::coe::{Listing, Transfer};
use super::dc::{LocalClock, Sync0};
use super::dictionary::Dictionary;
use super::esc::Esc;
use super::mailbox::Mailbox;
use super::registers::{self as reg, MEMORY_END, RAM, touches};
use super::sii::Sii;
use super::topology::PORTS;

/// Where SII places the buffers in process RAM. Process data have room for three buffers each,
/// because an ESC keeps the newest complete one beside those being written and read.
pub(super) const MAILBOX_RECEIVE_START: usize = 0x1000;
pub(super) const MAILBOX_SEND_START: usize = 0x1400;
pub(super) const OUTPUTS_START: usize = 0x1800;
pub(super) const INPUTS_START: usize = 0x2400;
const BUFFER_BYTES_MAX: usize = 0x400;

/// DL control bit 24: the SubDevice answers to its alias as well.
const ALIAS_ENABLED: u8 = 0x01;
const EVENT_DL_STATUS: u16 = 1 << 2;

/// One direction of process data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buffer {
    /// Number of its SyncManager.
    pub(super) sm: usize,
    /// Bytes.
    pub(super) len: usize,
}

/// Which SyncManager serves what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) mailbox: bool,
    pub(super) outputs: Option<Buffer>,
    pub(super) inputs: Option<Buffer>,
}

pub(super) struct SubDevice {
    pub(super) esc: Esc,
    pub(super) model: Box<dyn SubDeviceModel>,
    pub(super) layout: Layout,
    pub(super) al: Al,
    pub(super) sii: Sii,
    pub(super) mailbox: Mailbox,
    pub(super) transfer: Transfer,
    pub(super) listing: Option<Listing>,
    pub(super) dictionary: Dictionary,
    pub(super) powered: bool,
    /// Segment time of the frame or step at hand.
    pub(super) now_ns: u64,
    /// Process RAM takes no part, see [`super::Segment::set_mute`].
    pub(super) mute: bool,
    /// Ports that the ESC has.
    ports: [bool; PORTS],
    /// When a frame comes to each port, after it left the MainDevice; `None`: the port is closed.
    pub(super) arrivals_ns: [Option<u64>; PORTS],
    /// When the last complete outputs arrived.
    pub(super) last_outputs_ns: Option<u64>,
    /// Zero: not watched.
    pub(super) watchdog_limit_ns: u64,
    mark: u64,
    pub(super) clock: LocalClock,
    pub(super) sync0: Option<Sync0>,
}

impl SubDevice {
    /// `ports`: those that its ESC has.
    pub(super) fn new(
        position: usize,
        model: Box<dyn SubDeviceModel>,
        ports: [bool; PORTS],
    ) -> Result<SubDevice, SegmentError> {
        let d = model.description();
        let (outputs, inputs) = (d.output_bytes(), d.input_bytes());
        let mailbox = d.mailbox.map_or(0, |m| usize::from(m.receive.max(m.send)));
        for (what, bytes) in [("outputs", outputs), ("inputs", inputs), ("mailbox", mailbox)] {
            if bytes > BUFFER_BYTES_MAX {
                let name = d.name.clone();
                return Err(SegmentError::DoesNotFit {
                    position,
                    name,
                    what,
                    bytes,
                    limit: BUFFER_BYTES_MAX,
                });
            }
        }
        let layout = Layout::of(d.mailbox.is_some(), outputs, inputs);
        let mut device = SubDevice {
            esc: Esc::new(),
            layout,
            al: Al::new(),
            sii: Sii::new(d, &layout),
            mailbox: Mailbox::default(),
            transfer: Transfer::new(),
            listing: None,
            dictionary: Dictionary::new(d, &*model),
            powered: true,
            now_ns: 0,
            mute: false,
            ports,
            arrivals_ns: [None; PORTS],
            last_outputs_ns: None,
            watchdog_limit_ns: 0,
            mark: 0,
            clock: LocalClock::default(),
            sync0: None,
            model,
        };
        device.power_on();
        Ok(device)
    }

    fn power_on(&mut self) {
        self.esc.reset(self.ports);
        self.al = Al::new();
        self.mailbox = Mailbox::default();
        self.transfer.reset();
        self.listing = None;
        self.dictionary.power_on();
        self.clock.power_on();
        self.sync0 = None;
        self.last_outputs_ns = None;
        self.watchdog_limit_ns = 0;
        self.esc.put_u64(reg::MARK, self.mark);
        self.load_sii();
        self.publish_al();
    }

    /// Process data are from now on as they are assigned and mapped: on the way from PRE-OP to SAFE-OP.
    pub(super) fn lay_out(&mut self) {
        let (outputs, inputs) = self.dictionary.process_data_bytes();
        self.layout = Layout::of(self.layout.mailbox, outputs, inputs);
        let (rx, tx) = self.dictionary.exchanged();
        self.model.remap(rx, tx);
    }

    /// See [`super::Segment::set_mark`].
    pub(super) fn set_mark(&mut self, mark: u64) {
        self.mark = mark;
        self.esc.put_u64(reg::MARK, mark);
    }

    /// See [`super::Segment::set_clock`].
    pub(super) fn set_clock(&mut self, phase_ns: u64, drift_ppb: i32) {
        self.clock = LocalClock::new(phase_ns, drift_ppb);
    }

    /// See [`super::Segment::disturb_clock`].
    pub(super) fn disturb_clock(&mut self, jump_ns: i64, drift_ppb: i32) {
        self.clock.disturb(self.now_ns, jump_ns, drift_ppb);
    }

    /// The processing unit met a frame that it cannot process (register 0x030C).
    pub(super) fn count_processing_error(&mut self) {
        let counter = &mut self.esc.memory[reg::PROCESSING_ERRORS];
        *counter = counter.saturating_add(1);
    }

    /// Switches the supply; either way everything volatile is lost. The model is stepped on while
    /// there is none, so that the plant sees its outputs off.
    pub(super) fn set_power(&mut self, on: bool) {
        self.powered = on;
        self.model.outputs_off();
        self.model.power_cycle();
        self.power_on();
    }

    /// A frame came to a port with a check sequence that nobody before had found wrong (register 0x0300 + 2 × port;
    /// the byte behind it counts symbols that are none, which a bit that flipped need not bring about).
    pub(super) fn count_invalid_frame(&mut self, port: usize) {
        let counter = &mut self.esc.memory[reg::ERROR_COUNTERS + 2 * port];
        *counter = counter.saturating_add(1);
    }

    /// A frame came to a port that a SubDevice before had found damaged and marked (register 0x0308 + port).
    pub(super) fn count_forwarded_error(&mut self, port: usize) {
        let counter = &mut self.esc.memory[reg::FORWARDED_ERRORS + port];
        *counter = counter.saturating_add(1);
    }

    /// DL status (0x0110): by port, the link, whether the loop is closed, and whether there is communication.
    pub(super) fn set_links(&mut self, links: [bool; PORTS]) {
        // PDI operational and PDI watchdog alive.
        let mut status = 0x0003;
        for (port, link) in links.into_iter().enumerate() {
            status |= if link { 1 << (4 + port) | 1 << (9 + 2 * port) } else { 1 << (8 + 2 * port) };
        }
        let before = self.esc.u16(reg::DL_STATUS);
        for port in 0..PORTS {
            if before & !status & 1 << (4 + port) != 0 {
                let counter = &mut self.esc.memory[reg::LOST_LINKS + port];
                *counter = counter.saturating_add(1);
            }
        }
        if status != before {
            self.esc.put_u16(reg::DL_STATUS, status);
            self.esc.raise_event(EVENT_DL_STATUS);
        }
    }

    pub(super) fn step(&mut self, dt_ns: u64, plant: &mut dyn PlantPort) {
        self.model.step(dt_ns, plant);
        if self.powered {
            self.serve_mailbox();
        }
    }

    /// True if a configured address command names this SubDevice.
    pub(super) fn answers_to(&self, address: u16) -> bool {
        let alias = || self.esc.memory[reg::DL_CONTROL + 3] & ALIAS_ENABLED != 0;
        self.esc.u16(reg::STATION_ADDRESS) == address
            || (alias() && self.esc.u16(reg::STATION_ALIAS) == address)
    }

    /// What this SubDevice adds to the event request field of a passing datagram.
    pub(super) fn event_request(&self) -> u16 {
        self.esc.u16(reg::EVENT_REQUEST) & self.esc.u16(reg::EVENT_MASK)
    }

    /// The MainDevice reads memory from `start` on. False if nothing could be read.
    pub(super) fn read(&mut self, start: u16, data: &mut [u8]) -> bool {
        let start = usize::from(start);
        let end = (start + data.len()).min(MEMORY_END);
        let (mut at, mut any) = (start, false);
        while at < end {
            let (guard, upto) = if at < RAM { (None, end.min(RAM)) } else { self.esc.region(at, end) };
            let part = &mut data[at - start..upto - start];
            any |= match guard {
                _ if self.mute && at >= RAM => false,
                None => {
                    if at < RAM {
                        self.before_register_read(at, part.len());
                    }
                    part.copy_from_slice(&self.esc.memory[at..upto]);
                    true
                }
                Some(sm) => self.read_buffer(sm, at..upto, part),
            };
            at = upto;
        }
        any
    }

    /// The MainDevice writes memory from `start` on. False if nothing could be written.
    pub(super) fn write(&mut self, start: u16, data: &[u8]) -> bool {
        let start = usize::from(start);
        let end = (start + data.len()).min(MEMORY_END);
        let (mut at, mut any) = (start, false);
        while at < end {
            let (guard, upto) = if at < RAM { (None, end.min(RAM)) } else { self.esc.region(at, end) };
            let part = &data[at - start..upto - start];
            any |= match guard {
                _ if self.mute && at >= RAM => false,
                None if at < RAM => self.write_registers(at, part),
                None => {
                    self.esc.memory[at..upto].copy_from_slice(part);
                    true
                }
                Some(sm) => self.write_buffer(sm, at..upto, part),
            };
            at = upto;
        }
        any
    }

    fn read_buffer(&mut self, sm: usize, at: Range<usize>, part: &mut [u8]) -> bool {
        let manager = self.esc.sync_managers[sm];
        if manager.is_written_by_main() {
            return false;
        }
        if manager.is_mailbox() {
            if !self.esc.is_full(sm) || (at.start != manager.start && !manager.open) {
                return false;
            }
        } else if self.al.state < AlState::SafeOp {
            // The application has not filled the buffer yet.
            return false;
        } else if at.start == manager.start {
            self.sample_inputs(sm);
        }
        part.copy_from_slice(&self.esc.memory[at.clone()]);
        let complete = at.end == manager.end;
        self.esc.sync_managers[sm].open = !complete;
        if manager.is_mailbox() && complete {
            self.esc.set_full(sm, false);
            self.serve_mailbox();
        }
        true
    }

    fn write_buffer(&mut self, sm: usize, at: Range<usize>, part: &[u8]) -> bool {
        let manager = self.esc.sync_managers[sm];
        if !manager.is_written_by_main() {
            return false;
        }
        let continues = at.start == manager.start || manager.open;
        if manager.is_mailbox() && (self.esc.is_full(sm) || !continues) {
            return false;
        }
        self.esc.memory[at.clone()].copy_from_slice(part);
        let complete = at.end == manager.end;
        self.esc.sync_managers[sm].open = !complete;
        if complete && manager.is_mailbox() {
            self.esc.set_full(sm, true);
            self.serve_mailbox();
        } else if complete && continues && self.layout.outputs.is_some_and(|o| o.sm == sm) {
            self.last_outputs_ns = Some(self.now_ns);
            if self.al.state == AlState::Op { self.deliver_outputs() } else { self.grant_op() }
        }
        true
    }

    /// Lets the application write its newest inputs.
    fn sample_inputs(&mut self, sm: usize) {
        let Some(inputs) = self.layout.inputs.filter(|i| i.sm == sm) else { return };
        let manager = &self.esc.sync_managers[sm];
        if let Some(buffer) = self.esc.memory.get_mut(manager.start..manager.start + inputs.len) {
            self.model.inputs(buffer);
        }
    }

    /// Hands the newest outputs to the application.
    pub(super) fn deliver_outputs(&mut self) {
        let Some(outputs) = self.layout.outputs else { return };
        let manager = &self.esc.sync_managers[outputs.sm];
        if let Some(buffer) = self.esc.memory.get(manager.start..manager.start + outputs.len) {
            self.model.outputs(buffer);
        }
    }

    /// Brings registers up to date that change by themselves, and marks what a read takes back.
    fn before_register_read(&mut self, at: usize, len: usize) {
        let hit = |first, last| touches(at, len, first, last);
        if hit(reg::AL_STATUS, reg::AL_STATUS + 1) {
            self.al_status_was_read();
        }
        if hit(reg::DL_STATUS, reg::DL_STATUS + 1) {
            self.esc.clear_event(EVENT_DL_STATUS);
        }
        if hit(reg::WATCHDOG_STATUS, reg::WATCHDOG_STATUS + 1) {
            self.refresh_watchdog_status();
        }
        if hit(reg::DC_SYSTEM_TIME, reg::DC_SYSTEM_TIME + 7) {
            self.refresh_system_time();
        }
        if hit(reg::DC_SYNC, reg::DC_SYNC0_CYCLE - 1) {
            self.refresh_sync();
        }
    }

    fn write_registers(&mut self, at: usize, data: &[u8]) -> bool {
        let system_time = self.system_time_ns();
        let any = self.esc.write_registers(at, data);
        let hit = |first, last| any && touches(at, data.len(), first, last);
        if hit(reg::FMMU, reg::SM - 1) {
            self.esc.decode_fmmus();
        }
        if hit(reg::SM, reg::DC - 1) {
            let repeats = self.esc.decode_sync_managers();
            self.decode_watchdog();
            self.repeat_mailbox(repeats);
            self.recheck();
        }
        if hit(reg::ERROR_COUNTERS, reg::PROCESSING_ERRORS - 1) {
            // A write to any of the ports' counters clears all of them (ETG.1000.4, clause 6.2).
            self.esc.memory[reg::ERROR_COUNTERS..reg::PROCESSING_ERRORS].fill(0);
        }
        if hit(reg::LOST_LINKS, reg::LOST_LINKS + 3) {
            self.esc.memory[reg::LOST_LINKS..reg::LOST_LINKS + 4].fill(0);
        }
        if hit(reg::WATCHDOG_DIVIDER, reg::WATCHDOG_PROCESS_DATA + 1) {
            self.decode_watchdog();
        }
        if hit(reg::SII_CONFIG, reg::SII_CONTROL + 1) {
            self.sii_control(
                touches(at, data.len(), reg::SII_CONFIG, reg::SII_CONFIG),
                touches(at, data.len(), reg::SII_CONTROL + 1, reg::SII_CONTROL + 1),
            );
        }
        if hit(reg::DC, reg::DC_END - 1) {
            self.dc_written(at, data.len(), system_time);
        }
        if hit(reg::AL_CONTROL, reg::AL_CONTROL) {
            self.al_control();
        }
        any
    }
}

impl Layout {
    fn of(mailbox: bool, outputs: usize, inputs: usize) -> Layout {
        let first = if mailbox { 2 } else { 0 };
        let inputs_sm = if mailbox || outputs > 0 { first + 1 } else { first };
        Layout {
            mailbox,
            outputs: (outputs > 0).then_some(Buffer { sm: first, len: outputs }),
            inputs: (inputs > 0).then_some(Buffer { sm: inputs_sm, len: inputs }),
        }
    }
}
