//! Cables: what a cut does to both of its ends and to what is behind it; branches; frames that break on the way.

use cellwright_model::wiring::Upstream;

use super::super::{Dropped, SegmentError, WiringError};
use super::*;

const HOP: u64 = DEFAULT_HOP_DELAY_NS as u64;

fn line(count: u16) -> Main {
    let mut main = Main::new((0..count).map(|_| probe(1, 1, None).0).collect());
    address(&mut main, count);
    main
}

fn address(main: &mut Main, count: u16) {
    for position in 0..count {
        assert_eq!(main.write(position, 0x0010, &(0x1001 + position).to_le_bytes()), 1);
    }
}

/// `upstreams`: (position, port) from the second one on.
fn tree(upstreams: &[(usize, u8)]) -> Result<Main, SegmentError> {
    let models = (0..=upstreams.len()).map(|_| probe(1, 1, None).0).collect();
    let joined = upstreams.iter().map(|&(position, port)| Some(Upstream { position, port }));
    let wiring: Vec<_> = core::iter::once(None).chain(joined).collect();
    let segment = Segment::wired(models, &wiring, DEFAULT_HOP_DELAY_NS)?;
    Ok(Main { segment, plant: Quantities::default(), now: 0 })
}

fn reached(main: &mut Main) -> u16 {
    main.one(Pdu::new(BRD, 0, 0, &[0])).wkc
}

fn lost_links(main: &mut Main, position: u16) -> Vec<u8> {
    main.read(position, 0x0310, 4).0
}

#[test]
fn a_cut_is_seen_at_both_ends_and_the_frame_turns_round_before_it() {
    let mut main = line(4);
    main.segment.set_link(1, 1, false);
    assert_eq!(reached(&mut main), 2);
    assert_eq!(main.segment.round_trip_ns(), 4 * HOP);
    assert_eq!(main.read_u16(1, 0x0110), 0x5003 | 0x0210 | 0x0400, "port 1 is closed, without link");
    assert_eq!(lost_links(&mut main, 1), [0, 1, 0, 0]);
    assert_eq!(main.one(Pdu::new(FPRD, 0x1003, 0x0010, &[0; 2])).wkc, 0);
    // Said once more, nothing is lost once more.
    main.segment.set_link(2, 0, false);
    assert_eq!(lost_links(&mut main, 1), [0, 1, 0, 0]);
    main.segment.set_link(2, 0, true);
    assert_eq!(reached(&mut main), 4);
    assert_eq!(main.read_u16(1, 0x0110), 0x5003 | 0x0A30);
    assert_eq!((lost_links(&mut main, 2), lost_links(&mut main, 3)), (vec![1, 0, 0, 0], vec![0; 4]));
    assert_eq!(main.one(Pdu::new(FPRD, 0x1003, 0x0010, &[0; 2])).wkc, 1, "it kept its address");
}

#[test]
fn without_the_first_cable_there_is_no_link() {
    let mut main = line(2);
    main.segment.set_link(0, 0, false);
    let mut frame = encode(&[Pdu::new(BRD, 0, 0, &[0])]);
    assert_eq!(main.segment.process(&mut frame, TimeNs(0)), Processed::Dropped(Dropped::NoLink));
    main.segment.set_link(0, 0, true);
    assert_eq!(reached(&mut main), 2);
    assert_eq!(lost_links(&mut main, 0), [1, 0, 0, 0]);
}

#[test]
fn a_cable_that_is_not_there_cannot_be_cut() {
    let mut main = line(2);
    for (position, port) in [(1, 1), (0, 2), (0, 3), (0, 9), (7, 0)] {
        main.segment.set_link(position, port, false);
    }
    assert_eq!((reached(&mut main), lost_links(&mut main, 0)), (2, vec![0; 4]));
}

/// Two probes with outputs, both in OP.
fn two_in_op() -> (Main, Vec<Arc<Mutex<Told>>>) {
    let (models, told): (Vec<_>, Vec<_>) = (0..2).map(|_| probe(2, 2, None)).unzip();
    let mut main = Main::new(models);
    for p in 0..2 {
        main.sync_manager(p, 0, 0x1800, 2, 0x64);
        main.sync_manager(p, 1, 0x2400, 2, 0x20);
        main.fmmu(p, 0, u32::from(p) * 4, 2, (0, 7), 0x1800, 0, 2);
        main.fmmu(p, 1, u32::from(p) * 4 + 2, 2, (0, 7), 0x2400, 0, 1);
        main.request(p, 2, false);
        assert_eq!(main.request(p, 4, false), (4, 0));
    }
    assert_eq!(exchange(&mut main), 6);
    for p in 0..2 {
        assert_eq!(main.request(p, 8, false), (8, 0));
    }
    (main, told)
}

fn exchange(main: &mut Main) -> u16 {
    main.one(Pdu::logical(LRW, 0, &[1, 2, 0, 0, 3, 4, 0, 0])).wkc
}

#[test]
fn what_is_behind_a_cut_falls_out_of_op_by_its_watchdog_and_keeps_its_registers() {
    let (mut main, told) = two_in_op();
    main.segment.set_link(0, 1, false);
    for _ in 0..10 {
        main.pass(9 * MS);
        assert_eq!(exchange(&mut main), 3, "short by the share of what is behind");
    }
    assert_eq!(told[1].lock().unwrap().off, 0, "90 ms: the watchdog has 100 ms");
    for _ in 0..3 {
        main.pass(9 * MS);
        exchange(&mut main);
    }
    assert_eq!(told[1].lock().unwrap().off, 1);
    assert_eq!(told[1].lock().unwrap().power_cycles, 0);
    main.segment.set_link(0, 1, true);
    assert_eq!(main.al(1), (0x14, 0x001B), "SAFE-OP with error, not INIT");
    assert_eq!(main.al(0), (8, 0));
    assert_eq!(exchange(&mut main), 6, "its FMMUs are as they were");
    assert_eq!(main.al(1), (0x14, 0x001B), "outputs alone bring nothing back");
    assert_eq!(main.segment.counters().watchdog_trips, 1);
}

#[test]
fn a_mute_application_is_missing_by_exactly_its_share() {
    let (mut main, told) = two_in_op();
    main.segment.set_mute(1, true);
    let heard = told[1].lock().unwrap().outputs.len();
    assert_eq!(exchange(&mut main), 3);
    assert_eq!(told[1].lock().unwrap().outputs.len(), heard);
    assert_eq!(main.al(1), (8, 0), "its registers answer");
    assert_eq!(main.read(1, 0x1800, 2).1, 0);
    main.segment.set_mute(1, false);
    assert_eq!(exchange(&mut main), 6);
}

#[test]
fn a_frame_that_breaks_on_the_way_is_executed_before_and_counted_behind() {
    let mut main = line(4);
    let mut frame = encode(&[Pdu::new(BWR, 0, 0x0F80, &[0x5A])]);
    let done = main.segment.process_damaged(&mut frame, TimeNs(0), 2);
    assert_eq!(done, Processed::Dropped(Dropped::Damaged));
    assert_eq!((0..4).map(|p| main.read(p, 0x0F80, 1).0[0]).collect::<Vec<_>>(), [0x5A, 0x5A, 0, 0]);
    let errors = |main: &mut Main, p| main.read(p, 0x0300, 12).0;
    // 0x0300 + 2 × port: invalid frames. 0x0308 + port: forwarded errors, on the way back at port 1.
    assert_eq!(errors(&mut main, 0), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
    assert_eq!(errors(&mut main, 1), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
    assert_eq!(errors(&mut main, 2), [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
    assert_eq!(errors(&mut main, 3), [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(main.segment.counters().damaged, 1);
    // Behind a cut there is no cable that it could break on.
    main.segment.set_link(2, 0, false);
    let done = main.segment.process_damaged(&mut frame, TimeNs(0), 2);
    assert!(matches!(done, Processed::Returned { .. }));
}

/// A coupler with others at ports 3, 1 and 2, one of them followed by another.
///
/// ```text
///  MainDevice ═ 0 ═(3)═ 1 ═(1)═ 2
///                ╠(1)═ 3
///                ╚(2)═ 4
/// ```
const CROSS: [(usize, u8); 4] = [(0, 3), (1, 1), (0, 1), (0, 2)];

#[test]
fn branches_are_passed_by_port_3_then_1_then_2() {
    let mut main = tree(&CROSS).expect("a wiring");
    address(&mut main, 5);
    assert_eq!(reached(&mut main), 5);
    // All four ports of the first one communicate; others have one or two.
    let dl: Vec<u16> = (0..5).map(|p| main.read_u16(p, 0x0110)).collect();
    assert_eq!(dl, [0xAA03 | 0xF0, 0x5003 | 0x0A30, 0x5003 | 0x0610, 0x5003 | 0x0610, 0x5003 | 0x0610]);
    assert_eq!((main.read(0, 7, 1).0[0], main.read(1, 7, 1).0[0]), (0xFF, 0x0F), "port descriptors");
    assert_eq!(main.one(Pdu::new(BWR, 0, 0x0900, &[0; 4])).wkc, 5);
    let times = |main: &mut Main, p| -> Vec<u32> {
        let bytes = main.read(p, 0x0900, 16).0;
        bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) / 1_000).collect()
    };
    // In hops: out to 1 and 2 and back is four, each of the others takes two.
    assert_eq!(times(&mut main, 0), [1, 7, 9, 5]);
    assert_eq!(times(&mut main, 1), [2, 4, 0, 0]);
    assert_eq!(times(&mut main, 3), [6, 0, 0, 0]);
    assert_eq!(times(&mut main, 4), [8, 0, 0, 0]);
    assert_eq!(main.segment.round_trip_ns(), 10 * HOP);
}

#[test]
fn a_cut_branch_leaves_the_others() {
    let mut main = tree(&CROSS).expect("a wiring");
    address(&mut main, 5);
    main.segment.set_link(0, 3, false);
    assert_eq!(reached(&mut main), 3);
    let answers = |main: &mut Main, address| main.one(Pdu::new(FPRD, address, 0x0010, &[0; 2])).wkc;
    assert_eq!((0x1001..0x1006).map(|a| answers(&mut main, a)).collect::<Vec<_>>(), [1, 0, 0, 1, 1]);
    assert_eq!(main.read_u16(1, 0x0010), 0x1004, "auto-increment addresses count who is there");
    assert_eq!(lost_links(&mut main, 0), [0, 0, 0, 1]);
}

#[test]
fn a_wiring_that_cannot_be_is_refused() {
    let refused = |upstreams: &[(usize, u8)]| match tree(upstreams) {
        Err(SegmentError::Wiring(why)) => why,
        other => panic!("{:?}", other.map(|_| ())),
    };
    assert_eq!(refused(&[(0, 0)]), WiringError::NoSuchPort { position: 1, port: 0 });
    assert_eq!(refused(&[(0, 4)]), WiringError::NoSuchPort { position: 1, port: 4 });
    assert_eq!(refused(&[(1, 1)]), WiringError::NoUpstream { position: 1 });
    assert_eq!(refused(&[(0, 1), (0, 1)]), WiringError::PortTaken { position: 2, port: 1, by: 1 });
    // Port 3 comes before port 1, and a branch ends before the next begins.
    assert_eq!(refused(&[(0, 1), (0, 3)]), WiringError::NotInOrder { position: 2 });
    assert_eq!(refused(&[(0, 3), (0, 1), (1, 1)]), WiringError::NotInOrder { position: 3 });
}
