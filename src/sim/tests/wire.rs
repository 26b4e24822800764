//! The segment at the far end of a wire: frames as they come, time as it passes.

use cellwright_model::TimeNs;
use cellwright_sim::read_machine;
use cellwright_sim::twin::TwinSide;
use cellwright_sim::wire::{FRAME_BYTES_MAX, WireSegment};

const MS: u64 = 1_000_000;
const START: u64 = 77_000 * MS;

fn segment() -> WireSegment {
    let machine = read_machine(None).prepared.expect("the embedded cell holds");
    let side = TwinSide::new(&machine.cell, machine.plant, 1, &[]).expect("a twin");
    WireSegment::new(side.world, TimeNs(START))
}

/// A frame that asks every SubDevice for its AL status: 29 bytes, as some main devices send it.
fn broadcast_read() -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([0x10, 0x10, 0, 0, 0, 0, 0x88, 0xa4, 13, 0x10]);
    frame.extend([7, 1, 0, 0, 0x30, 0x01, 1, 0, 0, 0, 0, 0, 0]);
    frame
}

#[test]
fn frames_are_answered_whatever_else_is_on_the_wire() {
    let mut segment = segment();
    let good = broadcast_read();
    assert_eq!(good.len(), 29);
    let mut answers = 0;
    for n in 0..2_000u64 {
        segment.pass(TimeNs(START + n * MS / 10));
        let mut frame = good.clone();
        // Every other one is damaged: cut, of another type, announcing more than there is, or far too long.
        match n % 8 {
            1 => frame.truncate((n % 29) as usize),
            3 => frame[12] = 0x08,
            5 => frame[14] = 0xff,
            7 => frame.resize(FRAME_BYTES_MAX + 1, 0),
            _ => {}
        }
        if segment.answer(&mut frame) {
            assert_eq!((frame[26], frame[27]), (1, 9), "INIT, from nine SubDevices");
            answers += 1;
        }
    }
    let counters = segment.counters();
    assert_eq!((answers, counters.answered, counters.malformed), (1_000, 1_000, 1_000));
}

#[test]
fn the_machine_follows_the_clock_and_stands_still_for_a_stall() {
    let mut segment = segment();
    for n in 1..=100 {
        segment.pass(TimeNs(START + n * MS));
    }
    assert_eq!(segment.counters().stood_still_ns, 0);
    let system_time = |segment: &mut WireSegment| {
        let mut frame = vec![0xff; 12];
        frame.extend([0x88, 0xa4, 20, 0x10, 1, 1, 0, 0, 0x10, 0x09, 8, 0]);
        frame.resize(60, 0);
        assert!(segment.answer(&mut frame));
        u64::from_le_bytes(frame[26..34].try_into().expect("eight bytes"))
    };
    let before = system_time(&mut segment);
    // Two seconds in which this process did not run.
    segment.pass(TimeNs(START + 2_100 * MS));
    let passed = system_time(&mut segment) - before;
    assert!((19 * MS..=21 * MS).contains(&passed), "{passed} ns");
    assert_eq!(segment.counters().stood_still_ns, 1_980 * MS);
    // A clock that is asked out of order moves nothing back.
    segment.pass(TimeNs(START));
    assert!(system_time(&mut segment) >= before + passed);
}
