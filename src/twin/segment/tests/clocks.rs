//! Distributed clocks: receive times, system time, differences.

use super::*;

fn u64_at(main: &mut Main, position: u16, at: u16) -> u64 {
    u64::from_le_bytes(main.read(position, at, 8).0.try_into().unwrap())
}

fn u32_at(main: &mut Main, position: u16, at: u16) -> u32 {
    u32::from_le_bytes(main.read(position, at, 4).0.try_into().unwrap())
}

fn three(now: u64) -> Main {
    let mut main = Main::new((0..3).map(|_| probe(1, 1, None).0).collect());
    main.now = now;
    main
}

#[test]
fn receive_times_follow_the_wire() {
    let mut main = three(7_000_000_000);
    assert_eq!(main.one(Pdu::new(BWR, 0, 0x0900, &[0; 4])).wkc, 3);
    let hop = u64::from(DEFAULT_HOP_DELAY_NS);
    for position in 0..3u16 {
        let out = 7_000_000_000 + (u64::from(position) + 1) * hop;
        assert_eq!(u64_at(&mut main, position, 0x0918), out);
        assert_eq!(u32_at(&mut main, position, 0x0900), out as u32);
    }
    // Loop through what is behind: two hops for each SubDevice.
    let around = |main: &mut Main, p| u32_at(main, p, 0x0904).wrapping_sub(u32_at(main, p, 0x0900));
    assert_eq!(around(&mut main, 0), 4 * DEFAULT_HOP_DELAY_NS);
    assert_eq!(around(&mut main, 1), 2 * DEFAULT_HOP_DELAY_NS);
    // Nothing comes to a closed port; the write itself touched port 0 only.
    assert_eq!(main.read(2, 0x0904, 12).0, vec![0; 12]);
}

#[test]
fn system_time_is_local_time_plus_offset() {
    let mut main = three(5_000);
    assert_eq!(u64_at(&mut main, 1, 0x0910), 7_000);
    main.write(1, 0x0920, &(-6_000i64).to_le_bytes());
    assert_eq!(u64_at(&mut main, 1, 0x0910), 1_000);
    main.now += 1_000_000;
    assert_eq!(u64_at(&mut main, 1, 0x0910), 1_001_000);
    assert_eq!(main.write(1, 0x0918, &[0; 8]), 0, "receive time is read-only");
}

#[test]
fn the_reference_time_yields_a_difference_in_sign_and_magnitude() {
    let mut main = three(1_000_000);
    main.write(1, 0x0928, &1_000u32.to_le_bytes());
    main.write(2, 0x0920, &(-500i64).to_le_bytes());
    main.write(0, 0x0010, &[0x01, 0x10]);
    let p = main.one(Pdu::new(FRMW, 0x1001, 0x0910, &[0; 8]));
    assert_eq!((p.wkc, p.data), (3, 1_001_000u64.to_le_bytes().to_vec()));
    assert_eq!(u32_at(&mut main, 1, 0x092C), 0, "local time minus reference minus delay");
    // Two hops behind, offset −500, no delay set: 1 500 ns ahead.
    assert_eq!(u32_at(&mut main, 2, 0x092C), 1_500);
    main.write(2, 0x0928, &2_500u32.to_le_bytes());
    main.one(Pdu::new(FRMW, 0x1001, 0x0910, &[0; 8]));
    assert_eq!(u32_at(&mut main, 2, 0x092C), 0x8000_0000 | 1_000);
}

#[test]
fn a_clock_that_runs_apart_is_brought_to_the_reference() {
    let mut main = three(1_000_000);
    main.segment.set_clock(1, 5_000_000_000, 40_000);
    main.segment.set_clock(2, 9, -30_000);
    main.write(0, 0x0010, &[0x01, 0x10]);
    // Offsets as a main device sets them, some microseconds wrong.
    main.write(1, 0x0920, &(-5_000_003_000i64).to_le_bytes());
    main.write(2, 0x0920, &2_000i64.to_le_bytes());
    for position in 1..3u16 {
        let delay = u32::from(position) * DEFAULT_HOP_DELAY_NS;
        main.write(position, 0x0928, &delay.to_le_bytes());
    }
    let apart = |main: &mut Main, p| (u32_at(main, p, 0x092C) & 0x7FFF_FFFF) as i32;
    let mut worst_late = 0;
    for cycle in 0..4_000 {
        main.now += MS;
        main.one(Pdu::new(FRMW, 0x1001, 0x0910, &[0; 8]));
        if cycle > 3_000 {
            worst_late = worst_late.max(apart(&mut main, 1)).max(apart(&mut main, 2));
        }
    }
    assert!(worst_late <= 20, "{worst_late} ns");
    // Without the reference they run apart again, slowly: the loop has learnt the drift.
    main.now += 100 * MS;
    main.one(Pdu::new(FRMW, 0x1001, 0x0910, &[0; 8]));
    assert!(apart(&mut main, 1) < 1_000, "{} ns instead of 4,000", apart(&mut main, 1));
}

#[test]
fn sync0_says_when_its_next_pulse_comes() {
    let mut main = three(1_000_000);
    let set_up = |main: &mut Main, start: u64, cycle: u32| {
        main.write(0, 0x0981, &[0]);
        main.write(0, 0x0990, &start.to_le_bytes());
        main.write(0, 0x09A0, &cycle.to_le_bytes());
        main.write(0, 0x0981, &[3]);
    };
    set_up(&mut main, 3_000_000, 500_000);
    assert_eq!((main.read(0, 0x0984, 1).0[0], u64_at(&mut main, 0, 0x0990)), (1, 3_000_000));
    main.now = 4_200_000;
    assert_eq!((main.read(0, 0x0984, 1).0[0], u64_at(&mut main, 0, 0x0990)), (0, 4_500_000));
    main.write(0, 0x0981, &[0]);
    assert_eq!(main.read(0, 0x0984, 1).0[0], 0);
}

#[test]
fn op_by_sync0_needs_pulses() {
    let (mut main, _) = probe_in_op(2, 3);
    let code = |main: &mut Main, start: u64, cycle: u32| {
        main.request(0, 4, true);
        main.write(0, 0x0981, &[0]);
        main.write(0, 0x0990, &start.to_le_bytes());
        main.write(0, 0x09A0, &cycle.to_le_bytes());
        main.write(0, 0x0981, &[3]);
        main.write(0, 0x1800, &[0; 2]);
        main.request(0, 8, false)
    };
    assert_eq!(code(&mut main, 1 << 40, 0), (0x14, 0x0030), "no cycle");
    assert_eq!(code(&mut main, 0, 1_000_000), (0x14, 0x002D), "the first pulse has passed");
    assert_eq!(code(&mut main, 1 << 40, 1_000_000), (8, 0));
}

#[test]
fn loop_and_sync_parameters_are_kept() {
    let mut main = three(0);
    for (at, value) in [(0x0930u16, vec![0, 0x10]), (0x0934, vec![0, 0x0C]), (0x09A0, vec![1, 2, 3, 4])] {
        assert_eq!(main.write(0, at, &value), 1);
        assert_eq!(main.read(0, at, value.len()).0, value);
    }
    assert_eq!(main.one(Pdu::new(BWR, 0, 0x0910, &[0; 8])).wkc, 3);
    assert_eq!(main.read(0, 0x0008, 2).0, vec![0x0C, 0x00], "DC, 64 bits");
}
