//! A segment of eight SubDevices as the reference cell has it, and a bus to it on virtual time.

// Each test file uses its part of this.
#![allow(dead_code, unreachable_pub)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use cellwright_bus::{BusConfig, EthercrabBus, ExpectedSubDevice, InProcessLink, InProcessSegment, with_bus};
use cellwright_driver_api::twin::{
    DataType, Description, Emergency, Identity as TwinIdentity, MailboxSizes, Pdo, PdoEntry, PlantPort,
    Quantities, SdoAbort, SubDeviceModel, TWIN_VENDOR,
};
use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::bus::{Bus, Exchange, Identity, Layout, ProcessImage};
use cellwright_rt::clock::{Clock, VirtualClock};
use cellwright_twin::segment::{Processed, Segment};

pub const PERIOD: DurationNs = DurationNs(1_000_000);

/// A device that returns the first byte of its outputs, and how often it was stepped, as its inputs.
pub struct Echo {
    description: Description,
    last: u8,
    steps: u8,
    pub emergencies: VecDeque<Emergency>,
}

impl Echo {
    pub fn new(name: &str, position: u32, inputs: usize, outputs: usize, coe: bool) -> Echo {
        let bytes = |index, object, n: usize| Pdo {
            index,
            name: "data",
            entries: (1..=n as u8).map(|sub| PdoEntry::new(object, sub, DataType::U8, "byte")).collect(),
        };
        let pdos = |index, object, n| if n > 0 { vec![bytes(index, object, n)] } else { Vec::new() };
        let description = Description {
            name: name.to_owned(),
            identity: TwinIdentity {
                vendor: TWIN_VENDOR,
                product: 0x1000 + position,
                revision: 1,
                serial: 70 + position,
            },
            device_type: 0,
            hardware_version: "1",
            software_version: "1",
            mailbox: coe.then_some(MailboxSizes { receive: 128, send: 128 }),
            rx_pdos: pdos(0x1600, 0x7000, outputs),
            tx_pdos: pdos(0x1a00, 0x6000, inputs),
        };
        Echo { description, last: 0, steps: 0, emergencies: VecDeque::with_capacity(8) }
    }
}

impl SubDeviceModel for Echo {
    fn description(&self) -> &Description {
        &self.description
    }
    fn outputs(&mut self, data: &[u8]) {
        self.last = data[0];
    }
    fn outputs_off(&mut self) {
        self.last = 0;
    }
    fn inputs(&self, data: &mut [u8]) {
        data[0] = self.last;
        if data.len() > 1 {
            data[1] = self.steps;
        }
    }
    fn step(&mut self, _dt_ns: u64, _plant: &mut dyn PlantPort) {
        self.steps = self.steps.wrapping_add(1);
    }
    fn power_cycle(&mut self) {
        self.last = 0;
    }
    fn object_read(&self, index: u16, sub: u8, data: &mut [u8]) -> Result<usize, SdoAbort> {
        match (index, sub) {
            (0x2000, 0) => {
                data[0] = self.last;
                Ok(1)
            }
            _ => Err(SdoAbort::NO_OBJECT),
        }
    }
    fn object_write(&mut self, index: u16, sub: u8, data: &[u8]) -> Result<(), SdoAbort> {
        match (index, sub, data) {
            (0x2001, 0, [n]) => {
                let code = 0xff00 | u16::from(*n);
                self.emergencies.push_back(Emergency { code, error_register: 1, data: [1, 2, 3, 4, 5] });
                Ok(())
            }
            (0x2001, 0, _) => Err(SdoAbort::LENGTH),
            _ => Err(SdoAbort::NO_OBJECT),
        }
    }
    fn emergency(&mut self) -> Option<Emergency> {
        self.emergencies.pop_front()
    }
}

/// Coupler, 16 inputs, 16 outputs, analog inputs, four drives: sizes as in the reference cell.
pub const SIZES: [(&str, usize, usize, bool); 8] = [
    ("coupler", 0, 0, false),
    ("inputs", 2, 0, false),
    ("outputs", 0, 2, false),
    ("analog", 16, 0, true),
    ("feeder_x", 20, 10, true),
    ("press_z", 20, 10, true),
    ("driver_1", 20, 10, true),
    ("table", 20, 10, true),
];

/// Alters a returned frame; `false` loses it.
pub type Disturb = Box<dyn FnMut(&mut [u8]) -> bool>;

/// Steps the segment at each cycle and may lose or alter what comes back.
pub struct Bench {
    pub segment: Segment,
    pub plant: Quantities,
    clock: VirtualClock,
    /// Applied to every returned frame.
    pub disturb: Disturb,
    pub cycles: Vec<u64>,
    /// On its way besides, each frame.
    pub delay: DurationNs,
    pub frames: u64,
}

impl Bench {
    /// The eight SubDevices of [`SIZES`].
    pub fn eight(clock: &VirtualClock) -> Shared {
        let model = |(position, &(name, inputs, outputs, coe)): (usize, &(&str, usize, usize, bool))| {
            Box::new(Echo::new(name, position as u32, inputs, outputs, coe)) as Box<dyn SubDeviceModel>
        };
        Bench::of(clock, SIZES.iter().enumerate().map(model).collect(), Quantities::default())
    }

    pub fn of(clock: &VirtualClock, models: Vec<Box<dyn SubDeviceModel>>, plant: Quantities) -> Shared {
        Bench::with(clock, Segment::new(models, 1_000).unwrap(), plant)
    }

    pub fn with(clock: &VirtualClock, segment: Segment, plant: Quantities) -> Shared {
        Shared(Rc::new(RefCell::new(Bench {
            segment,
            plant,
            clock: clock.clone(),
            disturb: Box::new(|_| true),
            cycles: Vec::with_capacity(100_000),
            delay: DurationNs(0),
            frames: 0,
        })))
    }
}

#[derive(Clone)]
pub struct Shared(pub Rc<RefCell<Bench>>);

impl InProcessSegment for Shared {
    fn process(&mut self, frame: &mut [u8], now: TimeNs) -> Option<DurationNs> {
        let bench = &mut *self.0.borrow_mut();
        bench.frames += 1;
        match bench.segment.process(frame, now) {
            Processed::Returned { round_trip_ns } => {
                (bench.disturb)(frame).then_some(DurationNs(round_trip_ns + bench.delay.0))
            }
            Processed::Dropped(_) => None,
        }
    }
    fn cycle_begin(&mut self, cycle: u64, nominal_period: DurationNs) {
        let bench = &mut *self.0.borrow_mut();
        bench.segment.step(bench.clock.now(), nominal_period.0, &mut bench.plant);
        if bench.cycles.len() < bench.cycles.capacity() {
            bench.cycles.push(cycle);
        }
    }
}

pub fn config() -> BusConfig {
    let expected = |(position, &(name, ..)): (usize, &(&str, usize, usize, bool))| ExpectedSubDevice {
        name: name.to_owned(),
        identity: Identity { vendor: TWIN_VENDOR, product: 0x1000 + position as u32, revision: 1, serial: 0 },
        start_up: Vec::new(),
    };
    BusConfig {
        link_name: "twin".to_owned(),
        period: PERIOD,
        subdevices: SIZES.iter().enumerate().map(expected).collect(),
        dc: None,
    }
}

pub type TestBus<'a> = EthercrabBus<'a, InProcessLink<Shared, VirtualClock>, VirtualClock>;

/// A bus to a fresh bench on a fresh virtual clock.
pub fn with_bench<R>(
    config: BusConfig,
    body: impl FnOnce(&mut TestBus<'_>, &Rc<RefCell<Bench>>, &VirtualClock) -> R,
) -> R {
    let clock = VirtualClock::default();
    let bench = Bench::eight(&clock);
    let link = InProcessLink::new(bench.clone(), clock.clone());
    with_bus(link, clock.clone(), config, |bus| body(bus, &bench.0, &clock))
}

/// Brings the bus up to OP.
pub fn to_op(bus: &mut TestBus<'_>) -> (Layout, ProcessImage) {
    let layout = bus.bring_up().unwrap_or_else(|fault| panic!("{fault}"));
    let mut image = ProcessImage::new(&layout).unwrap();
    bus.enter_op(&mut image).unwrap_or_else(|fault| panic!("{fault}"));
    (layout, image)
}

/// Runs `n` cycles and returns the last exchange.
pub fn cycles(bus: &mut TestBus<'_>, clock: &VirtualClock, image: &mut ProcessImage, n: u64) -> Exchange {
    let mut last = None;
    for cycle in 1..=n {
        let start = clock.now();
        last = Some(bus.exchange(cycle, image, start + DurationNs(500_000)));
        clock.sleep_until(start + PERIOD);
    }
    last.expect("at least one cycle")
}
