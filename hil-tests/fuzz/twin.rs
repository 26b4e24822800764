//! A small segment of real twins, and what goes over its wire when all is well.

use std::cell::RefCell;
use std::rc::Rc;

use cellwright_analog_in::twin::{self as analog_in, AnalogInTwin, ChannelConfig};
use cellwright_bus::{
    BusConfig, DcConfig, EthercrabBus, ExpectedSubDevice, InProcessLink, InProcessSegment, StartUpSdo,
    with_bus,
};
use cellwright_digital_io::twin::{self as digital_io, CouplerTwin, DigitalInputTwin};
use cellwright_driver_api::twin::{Quantities, SubDeviceModel};
use cellwright_model::wiring::Upstream;
use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::bus::{Bus, Identity, ProcessImage, SdoData, SdoOp, SdoRequest};
use cellwright_rt::clock::{Clock, VirtualClock};
use cellwright_servo_cia402::twin::{ServoConfig, ServoTwin};
use cellwright_twin::segment::{Processed, Segment};

use super::Input;

/// Slow, for the slow wire of [`super::hostile`].
pub(super) const PERIOD: DurationNs = DurationNs::from_millis(10);
/// Position of the drive, which has a mailbox.
pub(super) const DRIVE: u16 = 3;
/// Delay from one SubDevice to the next, ns.
const HOP_NS: u32 = 500;
/// First byte of a record of `segment`: a frame follows.
pub(super) const FRAME: u8 = 0;

/// Coupler, digital inputs, analog inputs; at the coupler's port 2 a drive.
pub(super) struct Twin {
    pub(super) segment: Segment,
    pub(super) plant: Quantities,
}

impl Twin {
    pub(super) fn new() -> Twin {
        let mut plant = Quantities::default();
        for quantity in ["position", "velocity", "torque"] {
            plant.add(&format!("axis.z.{quantity}"), 0.0);
        }
        plant.add("di.air_ok", 1.0);
        plant.add("ai.force", 25.0);
        let wiring = [None, Some((0, 1)), Some((1, 1)), Some((0, 2))];
        let wiring = wiring.map(|u| u.map(|(position, port)| Upstream { position, port }));
        let segment = Segment::wired(models(&plant), &wiring, HOP_NS);
        Twin { segment: segment.expect("four SubDevices fit a segment"), plant }
    }

    pub(super) fn shared() -> Rc<RefCell<Twin>> {
        Rc::new(RefCell::new(Twin::new()))
    }

    /// Word address that stands in the EEPROM interface (0x0504) of the first SubDevice.
    pub(super) fn address_of_eeprom(&mut self) -> usize {
        let mut frame = vec![0xff; 12];
        frame.extend([0x88, 0xa4, 16, 0x10, 1, 0, 0, 0, 0x04, 0x05, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        self.segment.process(&mut frame, TimeNs(0));
        usize::from(u16::from_le_bytes([frame[26], frame[27]]))
    }

    pub(super) fn step(&mut self, now: TimeNs, dt_ns: u64) {
        self.segment.step(now, dt_ns, &mut self.plant);
    }
}

fn models(plant: &Quantities) -> Vec<Box<dyn SubDeviceModel>> {
    let air = [Some("air_ok".to_owned())];
    let force =
        ChannelConfig { name: Some("force".to_owned()), scale: 0.01, offset: 0.0, resolution_bits: 16 };
    let inputs =
        DigitalInputTwin::new("di", digital_io::identity(digital_io::INPUTS_PRODUCT, 2), &air, plant);
    let analogs = AnalogInTwin::new("ai", analog_in::identity(3), &[force], plant);
    let drive = ServoTwin::new(ServoConfig::for_axis("z", 1_000.0, 1.0, 100.0), plant);
    vec![
        Box::new(CouplerTwin::new(digital_io::identity(digital_io::COUPLER_PRODUCT, 1))),
        Box::new(inputs.expect("the plant has its input")),
        Box::new(analogs.expect("the plant has its force")),
        Box::new(drive.expect("the plant has its axis")),
    ]
}

/// What a bus expects of it, with two objects that it writes at start-up.
pub(super) fn config() -> BusConfig {
    let expected = |position: usize, model: &dyn SubDeviceModel| {
        let id = model.description().identity;
        let sdo = |index, data: &[u8]| StartUpSdo {
            index,
            sub: 0,
            data: SdoData::new(data).unwrap_or(SdoData::EMPTY),
            check: index == 0x6072,
        };
        let drive = position == usize::from(DRIVE);
        ExpectedSubDevice {
            name: model.description().name.clone(),
            identity: Identity { vendor: id.vendor, product: id.product, revision: id.revision, serial: 0 },
            start_up: if drive {
                vec![sdo(0x6065, &[0, 8, 0, 0]), sdo(0x6072, &[0xb8, 0x0b])]
            } else {
                Vec::new()
            },
        }
    };
    let twin = Twin::new();
    BusConfig {
        link_name: "fuzz".to_owned(),
        period: PERIOD,
        subdevices: models(&twin.plant)
            .iter()
            .enumerate()
            .map(|(position, model)| expected(position, &**model))
            .collect(),
        dc: Some(DcConfig { sync0: PERIOD, shift: DurationNs(PERIOD.0 / 2), positions: 1 << DRIVE }),
    }
}

/// Cycles with SDOs in between, as a controller does; `each` sees every exchange.
pub(super) fn cycles<B: Bus>(
    bus: &mut B,
    clock: &VirtualClock,
    image: &mut ProcessImage,
    count: u64,
    mut each: impl FnMut(&mut B, &mut ProcessImage, u64),
) {
    let request = |index, sub, op| SdoRequest { position: DRIVE, index, sub, op };
    let write = SdoOp::Download(SdoData::new(&[1, 2]).unwrap_or(SdoData::EMPTY));
    let mut requests = [
        request(0x1018, 4, SdoOp::Upload),
        request(0x1008, 0, SdoOp::Upload),
        request(0x6072, 0, write),
        request(0x5FFF, 9, SdoOp::Upload),
    ]
    .into_iter()
    .cycle();
    for cycle in 1..=count {
        let start = clock.now();
        if bus.poll_sdo().is_some() || cycle == 1 {
            let _busy = requests.next().map(|request| bus.request_sdo(request));
        }
        each(bus, image, cycle);
        clock.sleep_until(start + PERIOD);
    }
}

/// Keeps the frames as they were sent.
struct Recorder {
    twin: Rc<RefCell<Twin>>,
    frames: Rc<RefCell<Vec<Vec<u8>>>>,
    clock: VirtualClock,
}

impl InProcessSegment for Recorder {
    fn process(&mut self, frame: &mut [u8], now: TimeNs) -> Option<DurationNs> {
        self.frames.borrow_mut().push(frame.to_vec());
        match self.twin.borrow_mut().segment.process(frame, now) {
            Processed::Returned { round_trip_ns } => Some(DurationNs(round_trip_ns)),
            Processed::Dropped(_) => None,
        }
    }

    fn cycle_begin(&mut self, _cycle: u64, nominal_period: DurationNs) {
        self.twin.borrow_mut().step(self.clock.now(), nominal_period.0);
    }
}

/// Inputs for the corpus of `segment`, from a bring-up and some cycles: without the reads of EEPROMs, but for the first
/// ones; and with all of them, cut short.
pub fn recorded() -> [Input; 2] {
    let clock = VirtualClock::default();
    let frames = Rc::new(RefCell::new(Vec::new()));
    let recorder = Recorder { twin: Twin::shared(), frames: frames.clone(), clock: clock.clone() };
    with_bus(InProcessLink::new(recorder, clock.clone()), clock.clone(), config(), |bus| {
        let bring_up = |bus: &mut EthercrabBus<'_, _, _>| {
            let layout = bus.bring_up().expect("the segment comes up");
            let mut image = ProcessImage::new(&layout).expect("the image fits");
            bus.enter_op(&mut image).expect("it goes to OP");
            image
        };
        let mut image = bring_up(bus);
        cycles(bus, &clock, &mut image, 30, |bus, image, cycle| {
            let _status = bus.exchange(cycle, image, clock.now() + DurationNs(PERIOD.0 / 2));
        });
    });
    let record = |frame: &Vec<u8>| [&[FRAME], &frame[..]].concat();
    let of_eeprom =
        |frame: &&Vec<u8>| frame.get(20..22).is_some_and(|ado| (0x00..0x10).contains(&ado[0]) && ado[1] == 5);
    let frames = frames.borrow();
    let mut short: Vec<Vec<u8>> = frames.iter().filter(|f| !of_eeprom(f)).map(record).collect();
    short.dedup_by(|a, b| a[17..] == b[17..]);
    let whole: Vec<Vec<u8>> = frames.iter().take(60).map(record).collect();
    [Input { records: short }, Input { records: whole }]
}
