//! How long one solution takes; printed, and held against nothing tight.

use std::time::Instant;

use super::*;

/// Prints p50 and p99 of `count` solutions: run with `-- --nocapture`.
fn timed(name: &str, arm: &Arm, count: usize) -> u128 {
    let mut random = Random(40);
    let mut took_ns: Vec<u128> = Vec::with_capacity(count);
    let mut solved = 0;
    for _ in 0..count {
        let (posture, seed) = (random.posture(arm), random.posture(arm));
        let flange = arm.flange(&posture);
        let begin = Instant::now();
        solved += usize::from(arm.nearest(&flange, &seed, 1e-6).is_ok());
        took_ns.push(begin.elapsed().as_nanos());
    }
    took_ns.sort_unstable();
    let at = |percent: usize| took_ns[count * percent / 100] as f64 / 1000.0;
    println!("{name}: p50 {:.1} us, p99 {:.1} us of {count} solutions, {solved} solved", at(50), at(99));
    took_ns[count / 2]
}

#[test]
fn a_solution_takes_no_time_that_anybody_waits_for() {
    // A second would be an endless loop, or next to it.
    assert!(timed("closed form", &ur5e_class(), 5_000) < 1_000_000_000);
    assert!(timed("search", &spherical(), 200) < 1_000_000_000);
}
