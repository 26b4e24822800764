//! The cycle's own look at zones: no axis comes into a volume in which another body is, or may be.

mod common;

use cellwright_model::cell::Cell;
use cellwright_model::job::{RtEventKind, RtFault, RtFaultKind, RtOp};
use cellwright_model::limits::JOINTS;
use cellwright_model::outcome::FaultClass;
use cellwright_model::robot::RobotState;
use cellwright_model::zone::{Body, JointBox, Zone};
use cellwright_model::{AxisId, DurationNs, JobId, RobotId, TimeNs};
use common::Bench;
use proptest::prelude::*;

const Z: AxisId = AxisId(1);
const X: AxisId = AxisId(2);
/// The volume of both axes (mm).
const VOLUME: (f64, f64) = (20.0, 40.0);

fn zoned(with: Body) -> Cell {
    let axis = Body::Axis { axis: Z, lo_au: VOLUME.0, hi_au: VOLUME.1 };
    let zones = vec![Zone { name: "shared".into(), bodies: vec![axis, with] }];
    Cell { zones, ..common::cell() }
}

/// A cobot that is inside while its first joint is above 10 deg.
fn with_cobot() -> Cell {
    let mut joints = [None; JOINTS];
    joints[0] = Some((10.0, 180.0));
    zoned(Body::Robot { robot: RobotId(0), volume: JointBox(joints) })
}

fn tell(b: &mut Bench, pan: f64, moving: bool, stamp: TimeNs) {
    let joints = [pan, 0.0, 0.0, 0.0, 0.0, 0.0];
    b.ends.tell_robots(&[RobotState { stamp, joints, moving, ..RobotState::default() }]);
}

fn go(b: &mut Bench, axis: AxisId, target_au: f64) -> JobId {
    b.send(RtOp::MoveTo { axis, target_au, velocity_au_s: 200.0 })
}

fn taken(end: RtEventKind) -> RtFault {
    match end {
        RtEventKind::Fault(fault) if fault.kind == RtFaultKind::ZoneTaken => fault,
        other => panic!("it was not stopped: {other:?}"),
    }
}

/// Runs the job to its end; the setpoint stays where `permitted` says.
fn within(b: &mut Bench, axis: AxisId, job: JobId, permitted: impl Fn(f64) -> bool) -> RtEventKind {
    for _ in 0..5_000 {
        b.cycle();
        let at = b.status().axes[axis.index()].setpoint_au;
        assert!(permitted(at), "the setpoint is at {at}");
        if let Some(end) = b.ended(job) {
            return end;
        }
    }
    panic!("the job has no end");
}

#[test]
fn an_axis_comes_in_while_nobody_is_there() {
    let mut b = Bench::of_cell(&with_cobot()).enable();
    let now = b.now;
    tell(&mut b, 0.0, false, now);
    let job = go(&mut b, Z, 50.0);
    assert!(matches!(b.until_end(job), RtEventKind::Done(_)));
}

#[test]
fn it_is_stopped_before_a_volume_that_is_taken_and_only_that_axis() {
    let mut b = Bench::of_cell(&with_cobot()).enable();
    let now = b.now;
    tell(&mut b, 30.0, false, now);
    let (job, other) = (go(&mut b, Z, 50.0), go(&mut b, X, 50.0));
    let fault = taken(within(&mut b, Z, job, |at| at < VOLUME.0));
    assert_eq!((fault.axis, fault.class, fault.limit), (Some(Z), FaultClass::Hold, 0.0));
    assert!(fault.value > 10.0, "stopped far before it, at {}", fault.value);
    assert!(matches!(b.until_end(other), RtEventKind::Done(_)));
    // Away from it the way is free.
    let back = go(&mut b, Z, 0.0);
    assert!(matches!(b.until_end(back), RtEventKind::Done(_)));
}

#[test]
fn a_cobot_that_nobody_has_told_of_or_that_is_silent_is_inside() {
    let silent: [fn(&mut Bench); 3] = [
        |_| {},
        |b| {
            let now = b.now;
            tell(b, 0.0, false, now);
            b.cycles(3_100);
        },
        |b| {
            let now = b.now;
            tell(b, 0.0, true, now);
            b.cycles(300);
        },
    ];
    for prepare in silent {
        let mut b = Bench::of_cell(&with_cobot()).enable();
        prepare(&mut b);
        let job = go(&mut b, Z, 50.0);
        taken(within(&mut b, Z, job, |at| at < VOLUME.0));
    }
}

#[test]
fn who_finds_another_one_inside_may_only_leave() {
    let mut b = Bench::of_cell(&with_cobot()).enable();
    let now = b.now;
    tell(&mut b, 0.0, false, now);
    let job = go(&mut b, Z, 25.0);
    assert!(matches!(b.until_end(job), RtEventKind::Done(_)));
    let now = b.now;
    tell(&mut b, 30.0, false, now);
    let deeper = go(&mut b, Z, 28.0);
    taken(within(&mut b, Z, deeper, |at| at < 25.1));
    let out = go(&mut b, Z, 0.0);
    assert!(matches!(b.until_end(out), RtEventKind::Done(_)));
}

#[test]
fn of_two_axes_the_second_one_waits_outside() {
    let mut b = Bench::of_cell(&zoned(Body::Axis { axis: X, lo_au: VOLUME.0, hi_au: VOLUME.1 })).enable();
    let first = go(&mut b, Z, 30.0);
    assert!(matches!(b.until_end(first), RtEventKind::Done(_)));
    let second = go(&mut b, X, 30.0);
    taken(within(&mut b, X, second, |at| at < VOLUME.0));
}

#[test]
fn a_table_does_not_turn_while_something_is_inside() {
    let mut b = Bench::of_cell(&zoned(Body::Table { axis: X })).enable();
    let press = go(&mut b, Z, 30.0);
    assert!(matches!(b.until_end(press), RtEventKind::Done(_)));
    let turn = go(&mut b, X, 10.0);
    taken(within(&mut b, X, turn, |at| at.abs() < 0.1));
    let up = go(&mut b, Z, 0.0);
    assert!(matches!(b.until_end(up), RtEventKind::Done(_)));
    let turn = go(&mut b, X, 10.0);
    assert!(matches!(b.until_end(turn), RtEventKind::Done(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whenever the cobot comes in, and wherever the axis is bound for: while it is outside it stays outside.
    #[test]
    fn never_in_after_the_cobot(from in -1.0..19.0f64, to in 20.0..62.0f64, v in 1.0..200.0f64, wait in 0usize..400) {
        let mut b = Bench::of_cell(&with_cobot()).enable();
        let now = b.now;
        tell(&mut b, 0.0, false, now);
        let there = go(&mut b, Z, from);
        b.until_end(there);
        let job = b.send(RtOp::MoveTo { axis: Z, target_au: to, velocity_au_s: v });
        b.cycles(wait);
        let now = b.now;
        let at = b.status().axes[Z.index()].setpoint_au;
        // What is past the point of braking is inside by then: the step that moves it has reserved the zone.
        let stop = at + v * v / (2.0 * 3000.0) + 3.0 * v * 0.001;
        tell(&mut b, 30.0, true, now);
        if stop < VOLUME.0 && b.ended(job).is_none() {
            for _ in 0..600 {
                b.cycle();
                let (at, now) = (b.status().axes[Z.index()].setpoint_au, b.now);
                prop_assert!(at < VOLUME.0, "in at {at}, told at {stop}");
                tell(&mut b, 30.0, true, now + DurationNs(0));
            }
        }
    }
}
