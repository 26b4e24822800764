//! What a frame costs: no allocation, and a time that a benchmark prints.
//!
//! The time is asserted at a quarter of the target's speed, on the fastest tenth of the frames: what
//! the code costs, not what else the machine does.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::time::Instant;

use cellwright_driver_api::twin::{PlantPort, Quantities, SubDeviceModel};
use cellwright_model::TimeNs;
use cellwright_servo_cia402::twin::{ServoConfig, ServoTwin};
use cellwright_twin::segment::{AlState, DEFAULT_HOP_DELAY_NS, Processed, Segment};

/// Target for one LRW through eight drives, ns.
const LRW_NS_TARGET: u64 = 2_000;
const DRIVES: usize = 8;
const OUT: usize = 14;
const IN: usize = 20;
const IMAGE: usize = DRIVES * (OUT + IN);
const MS: u64 = 1_000_000;

/// Counts the allocations of the calling thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system allocator unchanged; counting touches only a
// thread-local that needs no allocation itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

/// A frame with one datagram; returns it so that it can be sent again.
fn frame(command: u8, adp: u16, ado: u16, data: &[u8]) -> Vec<u8> {
    let mut f = vec![0xFF; 6];
    f.extend([0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x88, 0xA4]);
    f.extend((0x1000 | (data.len() as u16 + 12)).to_le_bytes());
    f.extend([command, 0]);
    f.extend(adp.to_le_bytes());
    f.extend(ado.to_le_bytes());
    f.extend((data.len() as u16).to_le_bytes());
    f.extend([0, 0]);
    f.extend(data);
    f.extend([0, 0]);
    f
}

fn wkc(frame: &[u8]) -> u16 {
    u16::from_le_bytes([frame[frame.len() - 2], frame[frame.len() - 1]])
}

fn write(segment: &mut Segment, position: u16, at: u16, data: &[u8], now: u64) {
    let mut f = frame(2, position.wrapping_neg(), at, data);
    assert!(matches!(segment.process(&mut f, TimeNs(now)), Processed::Returned { .. }));
    assert_eq!(wkc(&f), 1, "write to {at:#06x} of {position}");
}

/// Eight drives in OP, outputs before inputs in the image from 0.
fn line() -> (Segment, Quantities) {
    let mut plant = Quantities::default();
    let mut models: Vec<Box<dyn SubDeviceModel>> = Vec::new();
    for i in 0..DRIVES {
        for what in ["position", "velocity", "torque"] {
            plant.add(&format!("axis.a{i}.{what}"), 0.0);
        }
        let config = ServoConfig::for_axis(&format!("a{i}"), 1_000.0, 1.0, 100.0);
        models.push(Box::new(ServoTwin::new(config, &plant).expect("a drive")));
    }
    let mut segment = Segment::new(models, DEFAULT_HOP_DELAY_NS).expect("a segment");
    for i in 0..DRIVES as u16 {
        let mut put = |at, data: &[u8]| write(&mut segment, i, at, data, 0);
        put(0x0800, &[0x00, 0x10, 128, 0, 0x26, 0, 1, 0]);
        put(0x0808, &[0x00, 0x14, 128, 0, 0x22, 0, 1, 0]);
        put(0x0120, &[2, 0]);
        put(0x0810, &[0x00, 0x18, OUT as u8, 0, 0x64, 0, 1, 0]);
        put(0x0818, &[0x00, 0x24, IN as u8, 0, 0x20, 0, 1, 0]);
        let output = i * OUT as u16;
        let input = (DRIVES * OUT) as u16 + i * IN as u16;
        let [a, b] = output.to_le_bytes();
        put(0x0600, &[a, b, 0, 0, OUT as u8, 0, 0, 7, 0x00, 0x18, 0, 2, 1, 0, 0, 0]);
        let [a, b] = input.to_le_bytes();
        put(0x0610, &[a, b, 0, 0, IN as u8, 0, 0, 7, 0x00, 0x24, 0, 1, 1, 0, 0, 0]);
        put(0x0120, &[4, 0]);
        put(0x1800, &[0; OUT]);
        put(0x0120, &[8, 0]);
        assert_eq!(segment.al_status(i.into()), Some((AlState::Op, false, 0)));
    }
    (segment, plant)
}

/// A cycle's frame: LRW over all.
fn cyclic() -> Vec<u8> {
    frame(12, 0, 0, &[0; IMAGE])
}

#[test]
fn cycles_allocate_nothing() {
    let (mut segment, mut plant) = line();
    let (pattern, mut f) = (cyclic(), cyclic());
    let mailbox = {
        let mut m = vec![10, 0, 0, 0, 0, 0x13, 0x00, 0x20, 0x40, 0x08, 0x10, 0];
        m.resize(128, 0);
        frame(2, 0, 0x1000, &m)
    };
    let answer = frame(1, 0, 0x1400, &[0; 128]);
    let (mut ask, mut reply) = (mailbox.clone(), answer.clone());
    let before = allocations();
    for cycle in 1..=2_000u64 {
        let now = TimeNs(cycle * MS);
        f.copy_from_slice(&pattern);
        segment.process(&mut f, now);
        assert_eq!(wkc(&f), 3 * DRIVES as u16);
        ask.copy_from_slice(&mailbox);
        segment.process(&mut ask, now);
        reply.copy_from_slice(&answer);
        segment.process(&mut reply, now);
        assert_eq!((wkc(&ask), wkc(&reply)), (1, 1));
        segment.step(now, MS, &mut plant);
    }
    assert_eq!(allocations() - before, 0);
    assert_eq!(segment.counters().watchdog_trips, 0);
    assert_eq!(plant.get(plant.resolve("axis.a0.torque").expect("torque")), 0.0);
}

#[test]
fn time_of_a_frame() {
    let (mut segment, mut plant) = line();
    let (pattern, mut f) = (cyclic(), cyclic());
    let mut times: Vec<u64> = Vec::with_capacity(2_000);
    for cycle in 1..=2_000u64 {
        let now = TimeNs(cycle * MS);
        f.copy_from_slice(&pattern);
        let start = Instant::now();
        black_box(segment.process(black_box(&mut f), now));
        times.push(start.elapsed().as_nanos() as u64);
        segment.step(now, MS, &mut plant);
    }
    times.sort_unstable();
    let (p10, p50, p99) = (times[200], times[1_000], times[1_980]);
    println!(
        "LRW of {IMAGE} bytes over {DRIVES} drives, ns: p10 {p10}, p50 {p50}, p99 {p99}, target {LRW_NS_TARGET}"
    );
    assert!(p10 <= 4 * LRW_NS_TARGET, "{p10} ns");
}
