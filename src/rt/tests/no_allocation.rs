//! House rule 1: once armed, the cycle allocates nothing, whatever the jobs. One test in its process,
//! so that the counter counts nothing else.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use cellwright_model::job::{Approach, RtCommand, RtOp, Tighten, Trip, Until, UrgentWord};
use cellwright_model::zone::{Body, JointBox, Zone};
use cellwright_model::{AnalogId, AxisId, DurationNs, JobId, RobotId};
use common::{Bench, PERIOD, Wire};

struct Counting;

thread_local! {
    static COUNT: Cell<Option<u64>> = const { Cell::new(None) };
}

fn count() {
    COUNT.with(|c| c.set(c.get().map(|n| n + 1)));
}

// SAFETY: every call is handed to the system allocator unchanged; counting touches a thread-local
// without a destructor, which allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's own.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count();
        // SAFETY: `ptr` came from `alloc` above with this layout.
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: `ptr` came from `alloc` above with this layout.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs cycles without taking events, and returns what they allocated or freed.
fn counted(b: &mut Bench, cycles: usize) -> u64 {
    let mut total = 0;
    for _ in 0..cycles {
        b.now = b.now + PERIOD;
        COUNT.set(Some(0));
        b.cycle.run(&mut b.bus, b.now);
        total += COUNT.take().unwrap();
        while b.ends.next_event().is_some() {}
    }
    total
}

/// One round of every kind of job; job ids from `base`.
fn round(b: &mut Bench, base: u32) -> u64 {
    let mut id = base;
    let mut send = |b: &mut Bench, op| {
        id += 1;
        b.ends.send(RtCommand { job: JobId(id), op }).unwrap();
        JobId(id)
    };
    let load = AnalogId(0);
    let mut n = counted(b, 2);
    send(b, RtOp::Enable { axes: 0b1111 });
    n += counted(b, 50);
    let capture = send(
        b,
        RtOp::CaptureStart { axis: Some(AxisId(0)), analog: Some(load), limit: DurationNs(u64::MAX) },
    );
    for (i, target) in [(0, 40.0), (1, 55.0), (2, 20.0)] {
        send(b, RtOp::MoveTo { axis: AxisId(i), target_au: target, velocity_au_s: 150.0 });
    }
    (b.bus.sensed, b.bus.drives[3].stiffness, b.bus.drives[3].contact) = (3, 1.0, 0.1);
    let tighten = Tighten {
        sensor: AnalogId(1),
        target_nm: 0.3,
        ramp_nm_s: 2.0,
        torque_max_nm: 1.0,
        stall: DurationNs::from_millis(50),
        angle_max_au: 50.0,
        speed_max_au_s: 150.0,
        hold: DurationNs::from_millis(20),
    };
    send(b, RtOp::Tighten { axis: AxisId(3), tighten });
    send(b, RtOp::SetOutputs { mask: 0b1111, value: 0b0110 });
    n += counted(b, 100);
    b.ends.set_urgent(UrgentWord::Hold);
    n += counted(b, 300);
    b.ends.set_urgent(UrgentWord::Resume);
    n += counted(b, 900);
    n += approaches(b, &mut send, load);
    send(b, RtOp::CaptureEnd { capture });
    n += counted(b, 2);
    let finished = b.ends.next_curve().unwrap();
    assert!(finished.curve.samples.len() > 1500);
    b.ends.give_back(finished.curve);
    // A wire that fails, an abort in the middle of a move, a clear.
    send(b, RtOp::MoveTo { axis: AxisId(2), target_au: 60.0, velocity_au_s: 50.0 });
    n += counted(b, 100);
    b.bus.wire = Wire::Lost;
    n += counted(b, 30);
    b.bus.wire = Wire::Good;
    n += counted(b, 300);
    b.ends.set_urgent(UrgentWord::None);
    n += counted(b, 5);
    send(b, RtOp::Enable { axes: 0b0100 });
    n += counted(b, 20);
    send(b, RtOp::MoveTo { axis: AxisId(2), target_au: 0.0, velocity_au_s: 50.0 });
    n += counted(b, 50);
    b.ends.set_urgent(UrgentWord::Abort);
    n += counted(b, 300);
    b.ends.set_urgent(UrgentWord::None);
    n + counted(b, 5)
}

fn approaches(b: &mut Bench, send: &mut impl FnMut(&mut Bench, RtOp) -> JobId, load: AnalogId) -> u64 {
    let trip = Some(Trip { analog: load, above: 100.0 });
    let mut n = 0;
    for (until, newtons) in
        [(Until::AnalogAtLeast(load, 5.0), 8.0), (Until::Position(1.0), 0.0), (Until::Position(0.5), 150.0)]
    {
        let approach = Approach { limit_au: 0.0, velocity_au_s: 30.0, until, trip };
        send(b, RtOp::ApproachUntil { axis: AxisId(0), approach });
        n += counted(b, 200);
        b.bus.load_n = newtons;
        n += counted(b, 400);
        send(b, RtOp::Cancel { axis: AxisId(0) });
        n += counted(b, 300);
        b.bus.load_n = 0.0;
    }
    n
}

/// The cell with a zone whose other body nobody has told of: moves into it are stopped.
fn zoned() -> Bench {
    let volume = JointBox([None; 6]);
    let bodies = vec![
        Body::Axis { axis: AxisId(2), lo_au: 58.0, hi_au: 61.0 },
        Body::Robot { robot: RobotId(0), volume },
    ];
    let zones = vec![Zone { name: "shared".into(), bodies }];
    Bench::of_cell(&cellwright_model::cell::Cell { zones, ..common::cell() })
}

#[test]
fn nothing_is_allocated_or_freed_once_armed() {
    let mut b = Bench::armed();
    let rounds: Vec<u64> = (0..3).map(|i| round(&mut b, i * 1000)).collect();
    assert_eq!(rounds, [0, 0, 0]);
    assert_eq!(round(&mut zoned(), 0), 0);
    assert!(b.cycle.number() > 9_000);
    // The counter counts.
    COUNT.set(Some(0));
    drop(core::hint::black_box(Box::new(1)));
    assert_eq!(COUNT.take(), Some(2));
}
