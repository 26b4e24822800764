//! What a cycle costs with four axes moving and a capture running; the exchange is the mock's, some
//! tens of nanoseconds.

mod common;

use cellwright_model::job::{RtCommand, RtOp};
use cellwright_model::{AxisId, DurationNs, JobId};
use cellwright_rt::platform::thread_cpu_time;
use common::{Bench, PERIOD};

/// Target for a release build. Asserted is a quarter of the speed, also without optimisation.
const TARGET_NS: u64 = 3_000;
const SHARE: u64 = 4;

/// CPU time of one of `cycles` cycles.
fn nanoseconds_a_cycle(b: &mut Bench, cycles: u64) -> u64 {
    let begun = thread_cpu_time();
    for _ in 0..cycles {
        b.now = b.now + PERIOD;
        b.cycle.run(&mut b.bus, b.now);
    }
    (thread_cpu_time().0 - begun.0) / cycles
}

#[test]
fn a_cycle_of_four_moving_axes_keeps_its_budget() {
    let mut b = Bench::enabled();
    let capture = RtOp::CaptureStart { axis: Some(AxisId(0)), analog: None, limit: DurationNs(u64::MAX) };
    b.ends.send(RtCommand { job: JobId(5000), op: capture }).unwrap();
    let mut best = u64::MAX;
    for round in 0..20 {
        let target_au = if round % 2 == 0 { 60.0 } else { 0.0 };
        for i in 0..4 {
            let op = RtOp::MoveTo { axis: AxisId(i), target_au, velocity_au_s: 60.0 };
            b.ends.send(RtCommand { job: JobId(100 + round * 4 + u32::from(i)), op }).unwrap();
        }
        b.cycle();
        best = best.min(nanoseconds_a_cycle(&mut b, 500));
        assert!(b.status().axes[..4].iter().all(|a| a.moving), "measured while moving");
        b.cycles(800);
    }
    println!("cycle of four moving axes: {best} ns, target {TARGET_NS} ns");
    assert!(best < TARGET_NS * SHARE, "{best} ns");
}
