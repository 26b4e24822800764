//! The reference line brought to OP by the steps of a MainDevice, and run.

use cellwright_analog_in::twin as analog;
use cellwright_digital_io::twin as digital;
use cellwright_servo_cia402::twin::{self as servo, ServoConfig, ServoTwin};

use super::*;

const AXES: [&str; 4] = ["feeder_x", "press_z", "driver_1", "table"];

/// Coupler, inputs, outputs, analog inputs, four drives.
fn line() -> Main {
    let mut plant = Quantities::default();
    for axis in AXES {
        plant.add(&format!("axis.{axis}.position"), 12.5);
        plant.add(&format!("axis.{axis}.velocity"), 0.0);
        plant.add(&format!("axis.{axis}.torque"), 0.0);
    }
    plant.add("sto", 1.0);
    plant.add("di.gate", 1.0);
    plant.add("do.valve", 0.0);
    plant.add("ai.load_cell", 70.0);
    let cell = analog::ChannelConfig {
        name: Some("load_cell".into()),
        scale: 0.01,
        offset: 0.0,
        resolution_bits: 16,
    };
    let inputs = digital::identity(digital::INPUTS_PRODUCT, 2);
    let outputs = digital::identity(digital::OUTPUTS_PRODUCT, 3);
    let mut models: Vec<Box<dyn SubDeviceModel>> = vec![
        Box::new(digital::CouplerTwin::new(digital::identity(digital::COUPLER_PRODUCT, 1))),
        Box::new(digital::DigitalInputTwin::new("di1", inputs, &[Some("gate".into())], &plant).unwrap()),
        Box::new(digital::DigitalOutputTwin::new("do1", outputs, &[Some("valve".into())], &plant).unwrap()),
        Box::new(analog::AnalogInTwin::new("ai1", analog::identity(4), &[cell], &plant).unwrap()),
    ];
    for axis in AXES {
        let config = ServoConfig::for_axis(axis, 1_000.0, 1.0, 200.0);
        models.push(Box::new(ServoTwin::new(config, &plant).unwrap()));
    }
    Main { plant, ..Main::new(models) }
}

/// Bytes of outputs and inputs at each position, and which SyncManagers carry them.
const PROCESS_DATA: [(u16, u16, u16, u16); 8] = [
    (0, 0, 0, 0),
    (0, 0, 2, 0),
    (2, 0, 0, 0),
    (0, 2, 16, 3),
    (14, 2, 20, 3),
    (14, 2, 20, 3),
    (14, 2, 20, 3),
    (14, 2, 20, 3),
];
const IMAGE: u32 = 0x0100_0000;
const OUTPUTS: usize = 2 + 4 * 14;
const INPUTS: usize = 2 + 16 + 4 * 20;

fn bring_up(main: &mut Main) {
    let (mut output, mut input) = (IMAGE, IMAGE + OUTPUTS as u32);
    for (position, (out_len, out_sm, in_len, in_sm)) in (0u16..).zip(PROCESS_DATA) {
        if position >= 3 {
            main.sync_manager(position, 0, 0x1000, 128, 0x26);
            main.sync_manager(position, 1, 0x1400, 128, 0x22);
        }
        assert_eq!(main.request(position, 2, true), (2, 0), "PRE-OP of {position}");
        if out_len > 0 {
            main.sync_manager(position, out_sm, 0x1800, out_len, 0x64);
            main.fmmu(position, 0, output, out_len, (0, 7), 0x1800, 0, 2);
            output += u32::from(out_len);
        }
        if in_len > 0 {
            main.sync_manager(position, in_sm, 0x2400, in_len, 0x20);
            main.fmmu(position, 1, input, in_len, (0, 7), 0x2400, 0, 1);
            input += u32::from(in_len);
        }
        assert_eq!(main.request(position, 4, true), (4, 0), "SAFE-OP of {position}");
    }
    let wkc = main.one(Pdu::logical(LRW, IMAGE, &[0; OUTPUTS + INPUTS])).wkc;
    assert_eq!(wkc, 1 + 2 + 1 + 4 * 3);
    assert_eq!(main.one(Pdu::new(BWR, 0, 0x0120, &[8, 0])).wkc, 8);
    let p = main.one(Pdu::new(BRD, 0, 0x0130, &[0, 0]));
    assert_eq!((p.data, p.wkc), (vec![8, 0], 8));
}

/// One cycle: outputs out, inputs in, a millisecond of the devices' time.
fn cycle(main: &mut Main, outputs: &[u8; OUTPUTS]) -> Vec<u8> {
    let mut image = outputs.to_vec();
    image.resize(OUTPUTS + INPUTS, 0);
    let p = main.one(Pdu::logical(LRW, IMAGE, &image));
    assert_eq!(p.wkc, 16);
    assert_eq!(p.data[..OUTPUTS], *outputs);
    main.pass(MS);
    p.data[OUTPUTS..].to_vec()
}

#[test]
fn the_line_comes_up_and_its_process_data_are_alive() {
    let mut main = line();
    bring_up(&mut main);
    let mut outputs = [0; OUTPUTS];
    outputs[0] = 1;
    cycle(&mut main, &outputs);
    let inputs = cycle(&mut main, &outputs);
    assert_eq!(inputs[..2], [1, 0], "the gate is closed");
    assert_eq!(inputs[2..6], [0, 0, 0x58, 0x1B], "70 N are 7 000 counts");
    assert_eq!(main.plant.get(main.plant.resolve("do.valve").unwrap()), 1.0);
    // Every drive has passed its self-test and shows its position.
    let inputs = (0..25).map(|_| cycle(&mut main, &outputs)).last().unwrap();
    for drive in inputs[18..].chunks(20) {
        assert_eq!(drive[..3], [0x50, 0x02, servo::MODE_CSP as u8], "switch on disabled");
        assert_eq!(drive[4..8], 12_500i32.to_le_bytes());
    }
}

#[test]
fn a_drive_is_enabled_over_the_wire_and_drops_out_with_the_main_device() {
    let mut main = line();
    bring_up(&mut main);
    let mut outputs = [0; OUTPUTS];
    (0..25).for_each(|_| {
        cycle(&mut main, &outputs);
    });
    outputs[4] = 8;
    outputs[6..10].copy_from_slice(&12_500i32.to_le_bytes());
    let mut statusword = 0;
    for controlword in [6u8, 7, 15] {
        outputs[2] = controlword;
        for _ in 0..10 {
            let inputs = cycle(&mut main, &outputs);
            statusword = u16::from_le_bytes([inputs[18], inputs[19]]);
        }
    }
    assert_eq!(statusword & 0x6F, 0x27, "operation enabled");
    // The MainDevice falls silent: watchdog, SAFE-OP, fault reaction.
    main.pass(101 * MS);
    assert_eq!(main.al(4), (0x14, 0x001B));
    assert_eq!(main.plant.get(main.plant.resolve("do.valve").unwrap()), 0.0);
    (0..5).for_each(|_| main.pass(MS));
    assert_eq!(main.al(4), (0x14, 0x001B));
    assert_eq!(main.read_u16(4, 0x2400) & 0x4F, 0x08, "fault");
    assert_eq!(main.read_u16(4, 0x2400 + 18), servo::ERROR_COMMUNICATION);
}
