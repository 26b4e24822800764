//! The capture file of a bring-up and a hundred cycles, parsed back.

mod common;

use cellwright_bus::{InProcessLink, capture, with_bus};
use cellwright_model::DurationNs;
use cellwright_model::time::VIRTUAL_EPOCH_UNIX_NS;
use cellwright_rt::bus::{Bus, ProcessImage};
use cellwright_rt::clock::{Clock, VirtualClock};
use common::{Bench, PERIOD, config};

fn u16_at(b: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(b[at..at + 2].try_into().unwrap())
}

fn u32_at(b: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(b[at..at + 4].try_into().unwrap())
}

/// (type, body) of every block; both lengths of each must agree.
fn blocks(mut bytes: &[u8]) -> Vec<(u32, &[u8])> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let len = u32_at(bytes, 4) as usize;
        assert_eq!(u32_at(bytes, len - 4) as usize, len);
        found.push((u32_at(bytes, 0), &bytes[8..len - 4]));
        bytes = &bytes[len..];
    }
    found
}

/// (code, value) of the options at the end of a block.
fn options(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    loop {
        let (code, len) = (u16_at(bytes, 0), usize::from(u16_at(bytes, 2)));
        if code == 0 {
            assert_eq!(bytes.len(), 4, "the end of options is the end of the block");
            return found;
        }
        found.push((code, &bytes[4..4 + len]));
        bytes = &bytes[4 + len.next_multiple_of(4)..];
    }
}

struct Frame<'a> {
    unix_ns: u64,
    outbound: bool,
    bytes: &'a [u8],
}

fn frame(body: &[u8]) -> Frame<'_> {
    let len = u32_at(body, 12) as usize;
    assert_eq!(u32_at(body, 16) as usize, len, "nothing is cut");
    let flags = options(&body[20 + len.next_multiple_of(4)..]);
    let [(2, direction)] = flags[..] else { panic!("epb_flags expected: {flags:?}") };
    let unix_ns = u64::from(u32_at(body, 4)) << 32 | u64::from(u32_at(body, 8));
    Frame { unix_ns, outbound: u32_at(direction, 0) == 2, bytes: &body[20..20 + len] }
}

#[test]
fn the_file_holds_every_frame_both_ways_and_its_drops() {
    let dir = tempfile::tempdir().unwrap();
    // Kept where it is said, to look at with other tools.
    let path = std::env::var_os("CAPTURE_TO").map_or_else(|| dir.path().join("a.pcapng"), Into::into);
    let clock = VirtualClock::default();
    let link = InProcessLink::new(Bench::eight(&clock), clock.clone());
    let (tap, capture) = capture::start(&path, link, clock.clone(), VIRTUAL_EPOCH_UNIX_NS, "twin").unwrap();
    with_bus(tap, clock.clone(), config(), |bus| {
        let layout = bus.bring_up().unwrap();
        let mut image = ProcessImage::new(&layout).unwrap();
        bus.enter_op(&mut image).unwrap();
        for cycle in 1..=100 {
            let start = clock.now();
            assert!(bus.exchange(cycle, &mut image, start + DurationNs(500_000)).is_ok());
            clock.sleep_until(start + PERIOD);
        }
    });
    assert_eq!(capture.dropped(), 0);
    let summary = capture.finish().unwrap();

    let bytes = std::fs::read(&path).unwrap();
    let blocks = blocks(&bytes);
    assert_eq!(blocks[0].0, 0x0a0d_0d0a);
    assert_eq!(u32_at(blocks[0].1, 0), 0x1a2b_3c4d);
    assert_eq!((blocks[1].0, u16_at(blocks[1].1, 0)), (1, 1), "an Ethernet interface");
    assert!(options(&blocks[1].1[8..]).contains(&(9, &[9])), "time in nanoseconds");
    let (last, statistics) = *blocks.last().unwrap();
    assert_eq!(last, 5);
    let drops = options(&statistics[12..]).into_iter().find(|(code, _)| *code == 5).unwrap().1;
    assert_eq!(drops, 0u64.to_le_bytes());

    let frames: Vec<Frame<'_>> =
        blocks[2..blocks.len() - 1].iter().inspect(|b| assert_eq!(b.0, 6)).map(|b| frame(b.1)).collect();
    assert_eq!(frames.len() as u64, summary.frames);
    assert!(frames.iter().all(|f| u16_at(f.bytes, 12) == 0xa488), "all of them EtherCAT");
    assert!(frames[0].unix_ns as i128 >= VIRTUAL_EPOCH_UNIX_NS);
    assert!(frames.is_sorted_by_key(|f| f.unix_ns));
    // Every frame out comes back with the same sequence and the mark of the first SubDevice.
    for pair in frames.chunks_exact(2) {
        let (out, back) = (&pair[0], &pair[1]);
        assert!(out.outbound && !back.outbound);
        assert_eq!(out.bytes[8..12], back.bytes[8..12]);
        assert_eq!((out.bytes[6], back.bytes[6]), (0x10, 0x12));
        assert_eq!(out.bytes.len(), back.bytes.len());
    }
    assert!(frames.iter().filter(|f| f.outbound && f.bytes[16] == 12).count() >= 100, "an LRW a cycle");
}
