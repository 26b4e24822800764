//! An armed exchange allocates nothing: with an SDO and looks at mailboxes, with lost and late frames, and
//! through a capture's tap.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use cellwright_bus::{BusConfig, DcConfig, EthercrabBus, InProcessLink, Link, capture, with_bus};
use cellwright_model::DurationNs;
use cellwright_rt::bus::{Bus, ProcessImage, SdoOp, SdoRequest};
use cellwright_rt::clock::{Clock, VirtualClock};
use common::{Bench, PERIOD, config};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system allocator unchanged; counting touches a thread-local integer.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread within `n` cycles that carry an SDO now and then.
fn allocations<L: Link>(
    bus: &mut EthercrabBus<'_, L, VirtualClock>,
    clock: &VirtualClock,
    image: &mut ProcessImage,
    n: u64,
) -> u64 {
    let (before, mut answers) = (ALLOCATIONS.get(), 0);
    for cycle in 1..=n {
        let start = clock.now();
        if cycle % 50 == 1 {
            let request = SdoRequest { position: 4, index: 0x1018, sub: 1, op: SdoOp::Upload };
            // Busy when an answer was lost with its frame and the SDO still waits.
            let _ = bus.request_sdo(request);
        }
        bus.exchange(cycle, image, start + DurationNs(500_000));
        answers += u64::from(bus.poll_sdo().is_some_and(|reply| reply.result.is_ok()));
        bus.poll_emergency();
        clock.sleep_until(start + PERIOD);
    }
    assert!(answers > 0, "SDOs were among it");
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_counts() {
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.get() - before, 1);
}

#[test]
fn an_armed_exchange_allocates_nothing() {
    common::with_bench(config(), |bus, bench, clock| {
        let (_, mut image) = common::to_op(bus);
        assert_eq!(allocations(bus, clock, &mut image, 5_000), 0);
        assert_eq!(bus.counters().lost, 0);
        let mut n = 0u32;
        bench.borrow_mut().disturb = Box::new(move |_| {
            n += 1;
            !n.is_multiple_of(7)
        });
        assert_eq!(allocations(bus, clock, &mut image, 500), 0);
        assert!(bus.counters().lost > 0, "frames were lost");
    });
}

#[test]
fn nor_does_one_that_reads_the_reference_clock() {
    let dc = DcConfig { sync0: PERIOD, shift: DurationNs(300_000), positions: 0xff };
    common::with_bench(BusConfig { dc: Some(dc), ..config() }, |bus, _, clock| {
        let (_, mut image) = common::to_op(bus);
        assert_eq!(allocations(bus, clock, &mut image, 2_000), 0);
        assert!(bus.reference().is_some());
    });
}

#[test]
fn a_tap_allocates_nothing_on_the_links_side() {
    let dir = tempfile::tempdir().unwrap();
    let clock = VirtualClock::default();
    let link = InProcessLink::new(Bench::eight(&clock), clock.clone());
    let path = dir.path().join("a.pcapng");
    let (tap, capture) = capture::start(&path, link, clock.clone(), 0, "twin").unwrap();
    with_bus(tap, clock.clone(), config(), |bus| {
        let layout = bus.bring_up().unwrap();
        let mut image = ProcessImage::new(&layout).unwrap();
        bus.enter_op(&mut image).unwrap();
        assert_eq!(allocations(bus, &clock, &mut image, 2_000), 0);
    });
    capture.finish().unwrap();
}
