//! PDO assignment and mapping of a drive, by SDO (ETG.1000.6, 5.6.7.4; ETG.1020).

use cellwright_servo_cia402::twin::{ServoConfig, ServoTwin};

use super::mailboxes::{read, write};
use super::*;

const READ_ONLY: u32 = 0x0601_0002;
const COUNT_NOT_ZERO: u32 = 0x0601_0003;
const NOT_MAPPABLE: u32 = 0x0604_0041;
const PDO_LENGTH: u32 = 0x0604_0042;
const INCOMPATIBLE: u32 = 0x0604_0043;
const LENGTH: u32 = 0x0607_0010;
const VALUE_RANGE: u32 = 0x0609_0030;
const DEVICE_STATE: u32 = 0x0800_0022;

/// One drive in PRE-OP, its axis at 12.5 au of 1,000 counts.
fn drive() -> Main {
    let mut plant = Quantities::default();
    plant.add("axis.x.position", 12.5);
    plant.add("axis.x.velocity", 0.0);
    plant.add("axis.x.torque", 0.0);
    let twin = ServoTwin::new(ServoConfig::for_axis("x", 1_000.0, 1.0, 200.0), &plant).unwrap();
    let mut main = Main { plant, ..Main::new(vec![Box::new(twin)]) };
    main.sync_manager(0, 0, 0x1000, 128, 0x26);
    main.sync_manager(0, 1, 0x1400, 128, 0x22);
    assert_eq!(main.request(0, 2, false), (2, 0));
    main
}

fn process_data(main: &mut Main, outputs: u16, inputs: u16) {
    // While it is active, a SyncManager keeps its settings.
    main.sync_manager(0, 2, 0x1800, 0, 0x64);
    main.sync_manager(0, 3, 0x2400, 0, 0x20);
    main.sync_manager(0, 2, 0x1800, outputs, 0x64);
    main.sync_manager(0, 3, 0x2400, inputs, 0x20);
}

/// Writes that have to be taken.
fn written(main: &mut Main, list: &[(u16, u8, &[u8])]) {
    for (index, sub, value) in list {
        assert_eq!(write(main, *index, *sub, value), Ok(vec![]), "{index:#06x}:{sub}");
    }
}

const FIXED_PAIR: &[(u16, u8, &[u8])] = &[
    (0x1C12, 0, &[0]),
    (0x1C13, 0, &[0]),
    (0x1C12, 1, &[0x01, 0x17]),
    (0x1C12, 0, &[1]),
    (0x1C13, 1, &[0x01, 0x1B]),
    (0x1C13, 0, &[1]),
];

#[test]
fn the_fixed_pair_can_be_assigned_and_moves_the_lengths() {
    let mut main = drive();
    written(&mut main, FIXED_PAIR);
    // Those of the map that it is delivered with no longer do.
    process_data(&mut main, 14, 20);
    assert_eq!(main.request(0, 4, false), (0x12, 0x001D));
    process_data(&mut main, 6, 20);
    assert_eq!(main.request(0, 4, true), (0x12, 0x001E));
    process_data(&mut main, 6, 8);
    assert_eq!(main.request(0, 4, true), (4, 0));
    (0..25).for_each(|_| main.pass(MS));
    let (inputs, wkc) = main.read(0, 0x2400, 8);
    assert_eq!((wkc, &inputs[..4]), (1, &[0, 0, 0x50, 0x02][..]), "error code, statusword");
    assert_eq!(inputs[4..], 12_500i32.to_le_bytes());
}

#[test]
fn a_mapping_of_ones_own_is_exchanged_in_its_order() {
    let mut main = drive();
    let map: &[(u16, u8, &[u8])] = &[
        (0x1C12, 0, &[0]),
        (0x1C13, 0, &[0]),
        (0x1600, 0, &[0]),
        (0x1600, 1, &[0x20, 0, 0x7A, 0x60]),
        (0x1600, 2, &[0x10, 0, 0x40, 0x60]),
        (0x1600, 3, &[0x08, 0, 0, 0]),
        (0x1600, 4, &[0x08, 0, 0x60, 0x60]),
        (0x1600, 0, &[4]),
        (0x1A00, 0, &[0]),
        (0x1A00, 1, &[0x20, 0, 0x64, 0x60]),
        (0x1A00, 2, &[0x10, 0, 0x41, 0x60]),
        (0x1A00, 0, &[2]),
        (0x1C12, 1, &[0x00, 0x16]),
        (0x1C12, 0, &[1]),
        (0x1C13, 1, &[0x00, 0x1A]),
        (0x1C13, 2, &[0x01, 0x1B]),
        (0x1C13, 0, &[2]),
    ];
    written(&mut main, map);
    assert_eq!(read(&mut main, 0x1600, 4), Ok(vec![0x08, 0, 0x60, 0x60]));
    assert_eq!(read(&mut main, 0x1C13, 0), Ok(vec![2]));
    process_data(&mut main, 8, 14);
    assert_eq!(main.request(0, 4, false), (4, 0));
    (0..25).for_each(|_| main.pass(MS));
    let (inputs, _) = main.read(0, 0x2400, 14);
    assert_eq!((&inputs[..4], &inputs[4..6]), (&12_500i32.to_le_bytes()[..], &[0x50, 0x02][..]));
    assert_eq!(inputs[10..], inputs[..4], "the second PDO behind the first");
    let outputs = [0xD4, 0x30, 0, 0, 6, 0, 0, 10];
    assert_eq!(main.write(0, 0x1800, &outputs), 1);
    assert_eq!(main.request(0, 8, false), (8, 0));
    main.pass(MS);
    let control = (read(&mut main, 0x6040, 0), read(&mut main, 0x6060, 0), read(&mut main, 0x607A, 0));
    assert_eq!(control, (Ok(vec![6, 0]), Ok(vec![10]), Ok(vec![0xD4, 0x30, 0, 0])));
}

#[test]
fn what_cannot_be_is_refused_with_its_code() {
    let mut main = drive();
    assert_eq!(write(&mut main, 0x1600, 0, &[0]), Err(INCOMPATIBLE), "it is assigned");
    assert_eq!(write(&mut main, 0x1C12, 1, &[0x01, 0x17]), Err(COUNT_NOT_ZERO));
    assert_eq!(write(&mut main, 0x1701, 0, &[0]), Err(READ_ONLY), "its mapping is fixed");
    written(&mut main, &[(0x1C12, 0, &[0]), (0x1C13, 0, &[0])]);
    assert_eq!(write(&mut main, 0x1C12, 1, &[0x00, 0x1A]), Err(VALUE_RANGE), "a TxPDO");
    assert_eq!(write(&mut main, 0x1C12, 1, &[0x00]), Err(LENGTH));
    assert_eq!(write(&mut main, 0x1C12, 0, &[9]), Err(PDO_LENGTH));
    assert_eq!(write(&mut main, 0x1C12, 0, &[2]), Err(INCOMPATIBLE), "the second is none");
    assert_eq!(write(&mut main, 0x1600, 1, &[0x10, 0, 0x40, 0x60]), Err(COUNT_NOT_ZERO));
    written(&mut main, &[(0x1600, 0, &[0])]);
    assert_eq!(write(&mut main, 0x1600, 1, &[0x10, 0, 0x41, 0x60]), Err(NOT_MAPPABLE), "a statusword");
    assert_eq!(write(&mut main, 0x1600, 1, &[0x20, 0, 0x40, 0x60]), Err(LENGTH));
    written(&mut main, &[(0x1600, 1, &[0x04, 0, 0, 0]), (0x1600, 2, &[0x10, 0, 0x40, 0x60])]);
    assert_eq!(write(&mut main, 0x1600, 0, &[2]), Err(INCOMPATIBLE), "it begins within a byte");
    // Nothing of this has changed what is exchanged: nothing is.
    process_data(&mut main, 14, 20);
    assert_eq!(main.request(0, 4, false), (0x12, 0x001D));
}

#[test]
fn process_data_change_in_pre_op_only_and_power_brings_back_what_was_delivered() {
    let mut main = drive();
    process_data(&mut main, 14, 20);
    assert_eq!(main.request(0, 4, false), (4, 0));
    for index in [0x1C12, 0x1C13, 0x1600, 0x1A00] {
        assert_eq!(write(&mut main, index, 0, &[0]), Err(DEVICE_STATE), "{index:#06x}");
    }
    assert_eq!(main.request(0, 2, false), (2, 0));
    written(&mut main, FIXED_PAIR);
    main.segment.set_power(0, false);
    main.segment.set_power(0, true);
    main.sync_manager(0, 0, 0x1000, 128, 0x26);
    main.sync_manager(0, 1, 0x1400, 128, 0x22);
    assert_eq!(main.request(0, 2, false), (2, 0));
    process_data(&mut main, 14, 20);
    assert_eq!(main.request(0, 4, false), (4, 0));
}
