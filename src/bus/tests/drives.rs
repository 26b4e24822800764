//! The devices of the reference cell, as their twins are, brought up over frames: inputs are measured, a
//! drive is enabled by its controlword and follows its target.

mod common;

use cellwright_analog_in::twin::{AnalogInTwin, ChannelConfig};
use cellwright_bus::{BusConfig, ExpectedSubDevice, InProcessLink, with_bus};
use cellwright_digital_io::twin::{CouplerTwin, DigitalInputTwin, DigitalOutputTwin};
use cellwright_driver_api::twin::{PlantPort, Quantities, SubDeviceModel};
use cellwright_model::DurationNs;
use cellwright_rt::bus::{Bus, ExchangeStatus, Identity, ProcessImage, SdoOp, SdoRequest};
use cellwright_rt::clock::{Clock, VirtualClock};
use cellwright_servo_cia402::twin::{ServoConfig, ServoTwin};
use common::{Bench, PERIOD};

const AXES: [&str; 4] = ["feeder_x", "press_z", "driver_1", "table"];
const COUNTS_PER_AU: f64 = 1_000.0;
const PRESS: usize = 5;

fn plant() -> Quantities {
    let mut plant = Quantities::default();
    for axis in AXES {
        plant.add(&format!("axis.{axis}.position"), 12.5);
        plant.add(&format!("axis.{axis}.velocity"), 0.0);
        plant.add(&format!("axis.{axis}.torque"), 0.0);
    }
    plant.add("di.air_ok", 1.0);
    plant.add("do.lamp", 0.0);
    plant.add("ai.load_cell", 25.0);
    plant
}

fn models(plant: &Quantities) -> Vec<Box<dyn SubDeviceModel>> {
    use cellwright_analog_in::twin as ai;
    use cellwright_digital_io::twin as dio;
    let name = |n: &str| [Some(n.to_owned())];
    let channel =
        ChannelConfig { name: Some("load_cell".to_owned()), scale: 0.01, offset: 0.0, resolution_bits: 16 };
    let mut models: Vec<Box<dyn SubDeviceModel>> = vec![
        Box::new(CouplerTwin::new(dio::identity(dio::COUPLER_PRODUCT, 1))),
        Box::new(
            DigitalInputTwin::new("di", dio::identity(dio::INPUTS_PRODUCT, 2), &name("air_ok"), plant)
                .unwrap(),
        ),
        Box::new(
            DigitalOutputTwin::new("do", dio::identity(dio::OUTPUTS_PRODUCT, 3), &name("lamp"), plant)
                .unwrap(),
        ),
        Box::new(AnalogInTwin::new("ai", ai::identity(4), &[channel], plant).unwrap()),
    ];
    for axis in AXES {
        let config = ServoConfig::for_axis(axis, COUNTS_PER_AU, 1.0, 100.0);
        models.push(Box::new(ServoTwin::new(config, plant).unwrap()));
    }
    models
}

fn config(models: &[Box<dyn SubDeviceModel>]) -> BusConfig {
    let expected = |model: &dyn SubDeviceModel| {
        let id = model.description().identity;
        let identity =
            Identity { vendor: id.vendor, product: id.product, revision: id.revision, serial: id.serial };
        ExpectedSubDevice { name: model.description().name.clone(), identity, start_up: Vec::new() }
    };
    BusConfig {
        link_name: "twin".to_owned(),
        period: PERIOD,
        subdevices: models.iter().map(|model| expected(&**model)).collect(),
        dc: None,
    }
}

fn statusword(image: &ProcessImage) -> u16 {
    u16::from_le_bytes(image.inputs(PRESS)[..2].try_into().unwrap())
}

fn position(image: &ProcessImage) -> i32 {
    i32::from_le_bytes(image.inputs(PRESS)[4..8].try_into().unwrap())
}

/// Controlword 0x6040, mode 0x6060, target position 0x607A in the drive's RxPDO.
fn command(image: &mut ProcessImage, controlword: u16, target: i32) {
    let out = image.outputs_mut(PRESS);
    out[..2].copy_from_slice(&controlword.to_le_bytes());
    out[2] = 8;
    out[4..8].copy_from_slice(&target.to_le_bytes());
}

#[test]
fn the_reference_segment_measures_switches_and_enables_a_drive() {
    let (clock, plant) = (VirtualClock::default(), plant());
    let models = models(&plant);
    let config = config(&models);
    let bench = Bench::of(&clock, models, plant);
    let link = InProcessLink::new(bench.clone(), clock.clone());
    with_bus(link, clock.clone(), config, |bus| {
        let layout = bus.bring_up().unwrap_or_else(|fault| panic!("{fault}"));
        let lengths: Vec<_> = layout.subdevices.iter().map(|s| (s.inputs_len, s.outputs_len)).collect();
        assert_eq!(lengths, [(0, 0), (2, 0), (0, 2), (16, 0), (20, 14), (20, 14), (20, 14), (20, 14)]);
        let mut image = ProcessImage::new(&layout).unwrap();
        let mut n = 0;
        let mut cycle = |image: &mut ProcessImage, bus: &mut dyn Bus| {
            n += 1;
            let start = clock.now();
            let exchange = bus.exchange(n, image, start + DurationNs(500_000));
            assert_eq!(exchange.status, ExchangeStatus::Ok, "cycle {n}");
            clock.sleep_until(start + PERIOD);
        };
        cycle(&mut image, bus);
        cycle(&mut image, bus);
        assert_eq!(position(&image), 12_500, "the actual position is known before OP");
        command(&mut image, 0, 12_500);
        bus.enter_op(&mut image).unwrap_or_else(|fault| panic!("{fault}"));
        image.outputs_mut(2)[0] = 1;
        for _ in 0..50 {
            cycle(&mut image, bus);
        }
        assert_eq!(image.inputs(1), [1, 0], "air_ok");
        assert_eq!(image.inputs(3)[2..4], 2_500i16.to_le_bytes(), "25 N at 0.01 N a count");
        let lamp = bench.0.borrow().plant.resolve("do.lamp").unwrap();
        assert_eq!(bench.0.borrow().plant.get(lamp), 1.0);
        assert_eq!(statusword(&image) & 0x4f, 0x40, "switch on disabled");
        // Shutdown, switch on, enable operation (CiA 402, transitions 2, 3, 4).
        for (controlword, wanted) in [(0x06, 0x21), (0x07, 0x23), (0x0f, 0x27)] {
            let actual = position(&image);
            command(&mut image, controlword, actual);
            for _ in 0..50 {
                cycle(&mut image, bus);
            }
            assert_eq!(statusword(&image) & 0x6f, wanted, "after controlword {controlword:#04x}");
        }
        bus.request_sdo(SdoRequest { position: PRESS as u16, index: 0x1018, sub: 2, op: SdoOp::Upload })
            .unwrap();
        let answer = (0..100).find_map(|_| {
            cycle(&mut image, bus);
            bus.poll_sdo()
        });
        let product = answer.expect("an answer within 100 cycles").result.unwrap().as_u64();
        assert_eq!(product, Some(u64::from(cellwright_servo_cia402::twin::PRODUCT)));
        assert_eq!(statusword(&image) & 0x6f, 0x27, "the drive stayed enabled all along");
        bus.shutdown().unwrap();
    });
}
