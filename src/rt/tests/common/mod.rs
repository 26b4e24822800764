//! A cell of four axes and a bus that behaves like ideal SubDevices: each drive takes its setpoint as
//! its position one cycle later. Not the twin: only what these tests need.
#![allow(dead_code, unreachable_pub)]

use std::collections::VecDeque;

use cellwright_analog_in::driver::AnalogInput4;
use cellwright_digital_io::driver::{DigitalInput16, DigitalOutput16};
use cellwright_driver_api::cyclic::CyclicDriver;
use cellwright_model::cell::{
    Analog, Axis, AxisKind, Cell, DeviceKind, DigitalInput, DigitalOutput, ManualLimits, Panel, Sequences,
    SubDevice,
};
use cellwright_model::job::{RtCommand, RtEvent, RtEventKind, RtOp, RtStatus, UrgentWord};
use cellwright_model::timing::Timing;
use cellwright_model::{Dimension, DurationNs, InputId, JobId, OutputId, TimeNs};
use cellwright_rt::bus::{
    AlState, Bus, BusCounters, BusFault, Busy, Emergency, Exchange, ExchangeStatus, Identity, Layout,
    ProcessImage, Reference, SdoReply, SdoRequest, SubDeviceLayout,
};
use cellwright_rt::clock::VirtualClock;
use cellwright_rt::{ControllerEnds, Cycle, link};
use cellwright_servo_cia402::driver::{ServoDriver, ServoParameters, TRANSITION_TIMEOUT};

pub const AXES: usize = 4;
pub const COUNTS: f64 = 10_000.0;
pub const PERIOD: DurationNs = DurationNs::from_millis(1);
pub const LOAD: usize = 0;
pub const TORQUE: usize = 1;
const DI: usize = 1;
const DO: usize = 2;
const AI: usize = 3;
const DRIVES: usize = 4;

pub fn cell() -> Cell {
    let sub = |name: &str, kind| SubDevice {
        name: name.to_owned(),
        kind,
        vendor: 1,
        product: 1,
        revision: 1,
        serial: 0,
        upstream: None,
        pdos: None,
        start_up: vec![],
    };
    let mut segment = vec![
        sub("coupler", DeviceKind::Coupler),
        sub("di", DeviceKind::DigitalInput16),
        sub("do", DeviceKind::DigitalOutput16),
        sub("ai", DeviceKind::AnalogInput4),
    ];
    segment.extend((0..AXES).map(|i| sub(&format!("drive_{i}"), DeviceKind::ServoCia402)));
    Cell {
        id: "rt-test".to_owned(),
        site: String::new(),
        line: String::new(),
        cycle: PERIOD,
        units_in_flight_max: 1,
        serial_prefix: String::new(),
        segment,
        axes: (0..AXES).map(axis).collect(),
        digital_inputs: (0..4).map(input).collect(),
        digital_outputs: (0..4).map(output).collect(),
        analogs: vec![analog("load", 0, 0.02, -50.0, 500.0), analog("torque", 1, 0.0001, -1.0, 3.0)],
        stations: vec![],
        table: None,
        robots: vec![],
        zones: vec![],
        cameras: vec![],
        scanners: vec![],
        printers: vec![],
        trays: vec![],
        leak_testers: vec![],
        safety: vec![InputId(0), InputId(1)],
        sequences: Sequences {
            homing_order: vec![],
            homing_speed: 0.2,
            robots_home: vec![],
            zero: vec![],
            start_when: None,
        },
        manual: ManualLimits::default(),
        panel: Panel { green: Some(OutputId(1)), ..Panel::default() },
        equipment: vec![],
        materials: vec![],
        consecutive_ng_max: 5,
        stale_cycles_max: 20,
        realtime: Timing::default(),
        hash: String::new(),
        taught_hash: String::new(),
    }
}

fn axis(i: usize) -> Axis {
    Axis {
        name: format!("axis_{i}"),
        kind: AxisKind::Linear,
        subdevice: DRIVES + i,
        counts_per_au: COUNTS,
        travel_lo_au: -1.0,
        travel_hi_au: 62.0,
        velocity_max: 200.0,
        acceleration_max: 3000.0,
        jerk_max: 100_000.0,
        torque_rated_nm: 0.64,
        torque_max_nm: 1.6,
        following_error_max_au: 1.0,
        home_au: 0.0,
        reference: cellwright_model::reference::Reference::Absolute,
    }
}

fn input(i: u8) -> DigitalInput {
    DigitalInput { name: format!("in_{i}"), subdevice: DI, bit: i }
}

/// Output 3 has its off state on, and sits on channel 8.
fn output(i: u8) -> DigitalOutput {
    let bit = if i == 3 { 8 } else { i };
    DigitalOutput { name: format!("out_{i}"), subdevice: DO, bit, off_state: i == 3 }
}

fn analog(name: &str, channel: u8, scale: f64, range_lo: f64, range_hi: f64) -> Analog {
    Analog {
        name: name.to_owned(),
        subdevice: AI,
        channel,
        dimension: Dimension::Force,
        scale,
        offset: 0.0,
        range_lo,
        range_hi,
        resolution: 0.1,
        equipment: None,
    }
}

pub fn drivers(cell: &Cell) -> Vec<CyclicDriver> {
    let servo = |position: usize| {
        let a = cell.axes.iter().find(|a| a.subdevice == position).unwrap();
        CyclicDriver::Axis(Box::new(ServoDriver::new(ServoParameters {
            counts_per_au: a.counts_per_au,
            torque_rated_nm: a.torque_rated_nm,
            transition_timeout: TRANSITION_TIMEOUT,
        })))
    };
    let driver = |(position, s): (usize, &SubDevice)| match s.kind {
        DeviceKind::Coupler => CyclicDriver::None,
        DeviceKind::DigitalInput16 => CyclicDriver::DigitalInputs(Box::new(DigitalInput16)),
        DeviceKind::DigitalOutput16 => CyclicDriver::DigitalOutputs(Box::new(DigitalOutput16)),
        DeviceKind::AnalogInput4 => CyclicDriver::AnalogInputs(Box::new(AnalogInput4)),
        DeviceKind::ServoCia402 => servo(position),
    };
    cell.segment.iter().enumerate().map(driver).collect()
}

/// What a drive is made to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Enters Fault with this error code.
    pub fault: u16,
    pub sto: bool,
    /// Leaves Operation enabled and comes no further than this.
    pub stuck: bool,
    /// Never displays a new mode.
    pub mode_stuck: bool,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Drive {
    pub position: i32,
    velocity: i32,
    torque: i16,
    pub setpoint: i32,
    mode: i8,
    state: u16,
    control: u16,
    pub quirks: Quirks,
    /// Controlword and target torque as last received.
    pub received: (u16, i16),
    /// Turned so far under torque, and the resistance from there on, for tightening: N·m for each au.
    pub stiffness: f64,
    pub contact: f64,
    /// Cycles from the request for a mode to the mode.
    pub mode_delay: usize,
    requested: [i8; MODE_DELAY_MAX],
}

const MODE_DELAY_MAX: usize = 8;
const SWITCH_ON_DISABLED: u16 = 0x0250;
const READY: u16 = 0x0231;
const SWITCHED_ON: u16 = 0x0233;
const ENABLED: u16 = 0x0237;
const QUICK_STOP: u16 = 0x0217;
const FAULT: u16 = 0x0218;

impl Drive {
    pub fn enabled(&self) -> bool {
        self.state == ENABLED
    }

    pub fn follows_positions(&self) -> bool {
        self.state == ENABLED && self.mode == 8
    }

    fn outputs(&mut self, b: &[u8]) {
        let control = u16::from_le_bytes([b[0], b[1]]);
        let target = i32::from_le_bytes([b[4], b[5], b[6], b[7]]);
        let torque = i16::from_le_bytes([b[8], b[9]]);
        self.received = (control, torque);
        self.transition(control);
        if !self.quirks.mode_stuck || self.mode == 0 {
            self.requested.rotate_right(1);
            self.requested[0] = b[2] as i8;
            self.mode = self.requested[self.mode_delay];
        }
        let before = self.position;
        if self.state == ENABLED && self.mode == 8 {
            // No faster than 220 mm/s, as a drive limits its motor.
            self.position += target.saturating_sub(self.position).clamp(-2_200, 2_200);
            self.setpoint = target;
        } else if self.state == ENABLED && self.mode == 10 {
            self.turn(f64::from(torque) * 0.64e-3);
        }
        self.velocity = (self.position - before).saturating_mul(1000);
        self.torque = torque;
    }

    /// Under torque: against a spring from `contact` on, else at a speed proportional to it.
    fn turn(&mut self, torque_nm: f64) {
        let at = f64::from(self.position) / COUNTS;
        let resistance = self.stiffness * (at - self.contact).max(0.0);
        let step = ((torque_nm - resistance) * 0.2).clamp(-0.02, 0.1);
        self.position += (step.max(0.0) * COUNTS) as i32;
    }

    fn transition(&mut self, control: u16) {
        let edge = control & 0x80 != 0 && self.control & 0x80 == 0;
        self.control = control;
        if self.quirks.fault != 0 {
            self.state = FAULT;
        } else if self.quirks.sto {
            self.state = SWITCH_ON_DISABLED;
        } else if self.state == FAULT {
            if edge {
                self.state = SWITCH_ON_DISABLED;
            }
        } else {
            self.state = match (control & 0x8F, self.state) {
                (0x06, SWITCH_ON_DISABLED | SWITCHED_ON | ENABLED) => READY,
                (0x07, READY | ENABLED) => SWITCHED_ON,
                (0x0F, SWITCHED_ON | ENABLED) if !self.quirks.stuck => ENABLED,
                (0x0F, ENABLED) => SWITCHED_ON,
                (0x02, ENABLED | QUICK_STOP) => QUICK_STOP,
                (0x00, _) => SWITCH_ON_DISABLED,
                (_, 0) => SWITCH_ON_DISABLED,
                (_, s) => s,
            };
        }
    }

    fn inputs(&self, b: &mut [u8]) {
        let sto = if self.quirks.sto { 0x4000 } else { 0 };
        b[0..2].copy_from_slice(&(self.state | sto).to_le_bytes());
        b[2] = self.mode as u8;
        b[4..8].copy_from_slice(&self.position.to_le_bytes());
        b[8..12].copy_from_slice(&self.velocity.to_le_bytes());
        b[12..14].copy_from_slice(&self.torque.to_le_bytes());
        b[14..18].copy_from_slice(&0i32.to_le_bytes());
        b[18..20].copy_from_slice(&self.quirks.fault.to_le_bytes());
    }

    /// Torque sensor of a tightening drive, N·m.
    pub fn reaction(&self) -> f64 {
        self.stiffness * (f64::from(self.position) / COUNTS - self.contact).max(0.0)
    }
}

/// What the segment is made to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wire {
    #[default]
    Good,
    Lost,
    /// SubDevice left OP, with this AL status code.
    SafeOp(u16, u16),
    /// A program error, once.
    Panic,
}

pub struct MockBus {
    pub drives: [Drive; AXES],
    /// Digital inputs and outputs as on the wire.
    pub di: u16,
    pub do_: u16,
    /// Load cell in N, and whether the converter reports an error.
    pub load_n: f64,
    pub load_error: bool,
    /// The torque sensor reads the reaction of this drive.
    pub sensed: usize,
    pub wire: Wire,
    pub up: bool,
    pub op: bool,
    pub bring_ups: u32,
    pub shutdowns: u32,
    pub refuse_bring_up: bool,
    pub emergency: Option<Emergency>,
    pub counters: BusCounters,
    /// Reads the reference clock in each exchange.
    pub clock: Option<Box<dyn FnMut() -> Reference>>,
    pub read: Option<Reference>,
}

impl Default for MockBus {
    fn default() -> MockBus {
        MockBus {
            drives: [Drive { state: SWITCH_ON_DISABLED, ..Drive::default() }; AXES],
            di: 0x0003,
            do_: 0,
            load_n: 0.0,
            load_error: false,
            sensed: 0,
            wire: Wire::Good,
            up: false,
            op: false,
            bring_ups: 0,
            shutdowns: 0,
            refuse_bring_up: false,
            emergency: None,
            counters: BusCounters::default(),
            clock: None,
            read: None,
        }
    }
}

impl MockBus {
    fn take_outputs(&mut self, image: &ProcessImage) {
        if !self.op {
            return;
        }
        self.do_ = u16::from_le_bytes([image.outputs(DO)[0], image.outputs(DO)[1]]);
        for (i, drive) in self.drives.iter_mut().enumerate() {
            drive.outputs(image.outputs(DRIVES + i));
        }
    }

    fn give_inputs(&self, image: &mut ProcessImage) {
        image.inputs_mut(DI).copy_from_slice(&self.di.to_le_bytes());
        for (i, drive) in self.drives.iter().enumerate() {
            drive.inputs(image.inputs_mut(DRIVES + i));
        }
        let ai = image.inputs_mut(AI);
        ai[0] = if self.load_error { 0x40 } else { 0 };
        ai[2..4].copy_from_slice(&((self.load_n / 0.02) as i16).to_le_bytes());
        let torque = self.drives[self.sensed].reaction();
        ai[6..8].copy_from_slice(&((torque / 0.0001) as i16).to_le_bytes());
    }
}

impl Bus for MockBus {
    fn bring_up(&mut self) -> Result<Layout, BusFault> {
        self.bring_ups += 1;
        self.op = false;
        if self.refuse_bring_up {
            return Err(BusFault::NoSubDevices { link: "mock".to_owned() });
        }
        self.up = true;
        self.wire = Wire::Good;
        let sizes = [(0, 0), (2, 0), (0, 2), (16, 0), (20, 14), (20, 14), (20, 14), (20, 14)];
        let sub = |&(inputs_len, outputs_len): &(usize, usize)| SubDeviceLayout {
            name: String::new(),
            identity: Identity { vendor: 1, product: 1, revision: 1, serial: 0 },
            inputs_len,
            outputs_len,
            has_coe: false,
        };
        Ok(Layout::new(sizes.iter().map(sub).collect()))
    }

    fn enter_op(&mut self, image: &mut ProcessImage) -> Result<(), BusFault> {
        self.op = true;
        self.take_outputs(image);
        Ok(())
    }

    fn reference(&self) -> Option<Reference> {
        self.read
    }
    fn exchange(&mut self, _cycle: u64, image: &mut ProcessImage, _deadline: TimeNs) -> Exchange {
        self.read = self.clock.as_mut().map(|read| read());
        self.counters.cycles += 1;
        let status = match self.wire {
            Wire::Panic => {
                self.wire = Wire::Good;
                panic!("a program error below the cycle");
            }
            Wire::Lost => ExchangeStatus::Lost,
            Wire::SafeOp(position, code) => {
                ExchangeStatus::AlState { position, state: AlState::SafeOp, code }
            }
            Wire::Good => ExchangeStatus::Ok,
        };
        if status == ExchangeStatus::Ok {
            // A frame reads inputs before it writes outputs: what the drive makes of them is seen next time.
            self.give_inputs(image);
            self.take_outputs(image);
        }
        image.mark(status == ExchangeStatus::Ok);
        Exchange { sent: TimeNs(0), round_trip: DurationNs(1000), status }
    }

    fn shutdown(&mut self) -> Result<(), BusFault> {
        self.shutdowns += 1;
        self.op = false;
        self.up = false;
        Ok(())
    }

    fn counters(&self) -> BusCounters {
        self.counters
    }
    fn request_sdo(&mut self, _request: SdoRequest) -> Result<(), Busy> {
        Err(Busy)
    }
    fn poll_sdo(&mut self) -> Option<SdoReply> {
        None
    }
    fn poll_emergency(&mut self) -> Option<Emergency> {
        self.emergency.take()
    }
}

/// A cycle with its bus and controller's ends, run step by step.
pub struct Bench {
    pub cycle: Cycle,
    pub bus: MockBus,
    pub ends: ControllerEnds,
    pub clock: VirtualClock,
    pub now: TimeNs,
    pub events: VecDeque<RtEvent>,
    next_job: u32,
}

impl Bench {
    /// Armed, drives off.
    pub fn armed() -> Bench {
        Bench::of_cell(&cell())
    }

    /// The same of a cell with the segment of [`cell`].
    pub fn of_cell(cell: &Cell) -> Bench {
        let (rt, ends) = link();
        let mut bench = Bench {
            cycle: Cycle::new(cell, drivers(cell), rt).unwrap(),
            bus: MockBus::default(),
            ends,
            clock: VirtualClock::starting_at(TimeNs(0)),
            now: TimeNs(0),
            events: VecDeque::new(),
            next_job: 1,
        };
        bench.cycle.arm(&mut bench.bus, &bench.clock).unwrap();
        bench
    }

    /// Armed, every drive in Operation enabled.
    pub fn enabled() -> Bench {
        Bench::armed().enable()
    }

    pub fn enable(self) -> Bench {
        let mut bench = self;
        let job = bench.send(RtOp::Enable { axes: 0b1111 });
        assert!(matches!(bench.until_end(job), RtEventKind::Done(_)));
        bench
    }

    pub fn cycle(&mut self) {
        self.now = self.now + PERIOD;
        self.cycle.run(&mut self.bus, self.now);
        while let Some(event) = self.ends.next_event() {
            self.events.push_back(event);
        }
    }

    pub fn cycles(&mut self, n: usize) {
        (0..n).for_each(|_| self.cycle());
    }

    pub fn send(&mut self, op: RtOp) -> JobId {
        let job = JobId(self.next_job);
        self.next_job += 1;
        self.ends.send(RtCommand { job, op }).unwrap();
        job
    }

    pub fn status(&mut self) -> RtStatus {
        *self.ends.status()
    }

    pub fn urgent(&mut self, word: UrgentWord) -> u32 {
        self.ends.set_urgent(word)
    }

    /// All events of a job so far.
    pub fn of(&self, job: JobId) -> Vec<RtEventKind> {
        self.events.iter().filter(|e| e.job == job).map(|e| e.kind).collect()
    }

    pub fn ended(&self, job: JobId) -> Option<RtEventKind> {
        self.of(job).into_iter().find(is_end)
    }

    /// Runs until the job has ended, at most 20 s.
    pub fn until_end(&mut self, job: JobId) -> RtEventKind {
        for _ in 0..20_000 {
            self.cycle();
            if let Some(end) = self.ended(job) {
                return end;
            }
        }
        panic!("{job:?} did not end: {:?}", self.of(job));
    }
}

pub fn is_end(kind: &RtEventKind) -> bool {
    !matches!(kind, RtEventKind::Accepted | RtEventKind::Held { .. })
}
