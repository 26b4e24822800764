//! Jobs from acceptance to their one end, over drives that follow ideally.

mod common;

use cellwright_model::job::{
    Approach, JobEnd, Refusal, RtEventKind, RtFaultKind, RtOp, Tighten, Trip, Until, UrgentWord,
};
use cellwright_model::outcome::FaultClass;
use cellwright_model::{AnalogId, AxisId, DurationNs, JobId};
use common::{AXES, Bench, COUNTS, LOAD, TORQUE, Wire};

const Z: AxisId = AxisId(1);
const LOAD_ID: AnalogId = AnalogId(LOAD as u16);

fn move_to(target_au: f64, velocity_au_s: f64) -> RtOp {
    RtOp::MoveTo { axis: Z, target_au, velocity_au_s }
}

fn approach(until: Until, trip: Option<f64>) -> RtOp {
    let trip = trip.map(|above| Trip { analog: LOAD_ID, above });
    RtOp::ApproachUntil { axis: Z, approach: Approach { limit_au: 50.0, velocity_au_s: 50.0, until, trip } }
}

fn done(kind: RtEventKind) -> cellwright_model::job::JobResult {
    match kind {
        RtEventKind::Done(result) => result,
        other => panic!("not done: {other:?}"),
    }
}

fn refused(bench: &mut Bench, op: RtOp) -> Refusal {
    let job = bench.send(op);
    bench.cycle();
    match bench.of(job)[..] {
        [RtEventKind::Refused(refusal)] => refusal,
        ref other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn enabling_keeps_every_drive_where_it_is() {
    let mut b = Bench::armed();
    for (i, d) in b.bus.drives.iter_mut().enumerate() {
        d.position = 100_000 + i as i32 * 12_345;
    }
    let before = b.bus.drives.map(|d| d.position);
    let job = b.send(RtOp::Enable { axes: 0b1111 });
    assert!(matches!(b.until_end(job), RtEventKind::Done(_)));
    b.cycles(50);
    assert_eq!(b.bus.drives.map(|d| d.position), before);
    assert!(b.bus.drives.iter().all(|d| d.enabled()));
    assert_eq!(b.of(job).first(), Some(&RtEventKind::Accepted));
    let s = b.status();
    assert!((0..AXES).all(|i| s.axes[i].enabled && !s.axes[i].moving));
    // Enabled already: done at once, and nothing moves.
    let again = b.send(RtOp::Enable { axes: 0b0011 });
    b.cycles(2);
    assert!(b.ended(again).is_some());
}

#[test]
fn a_move_ends_at_its_target() {
    let mut b = Bench::enabled();
    let job = b.send(move_to(38.0, 60.0));
    let end = done(b.until_end(job));
    assert_eq!(end.end, JobEnd::Target);
    assert!((end.position_au - 38.0).abs() < 1e-9);
    assert_eq!(b.of(job).len(), 2);
}

#[test]
fn commands_beyond_limits_are_refused_with_the_limit() {
    let mut b = Bench::enabled();
    assert_eq!(
        refused(&mut b, move_to(62.1, 10.0)),
        Refusal::Travel { value_au: 62.1, lo_au: -1.0, hi_au: 62.0 }
    );
    assert!(matches!(refused(&mut b, move_to(f64::NAN, 10.0)), Refusal::Travel { .. }));
    for v in [200.1, 0.0, -1.0, f64::INFINITY, f64::NAN] {
        let Refusal::Limit { max, .. } = refused(&mut b, move_to(5.0, v)) else { panic!("{v}") };
        assert_eq!(max, 200.0);
    }
    let unknown = RtOp::MoveTo { axis: AxisId(9), target_au: 0.0, velocity_au_s: 1.0 };
    assert_eq!(refused(&mut b, unknown), Refusal::Unknown);
    assert_eq!(refused(&mut b, RtOp::Enable { axes: 0x10 }), Refusal::Unknown);
    assert_eq!(refused(&mut b, RtOp::SetOutputs { mask: 0x10, value: 0 }), Refusal::Unknown);
    assert_eq!(refused(&mut b, RtOp::CaptureEnd { capture: JobId(77) }), Refusal::Unknown);
    b.send(move_to(5.0, 1.0));
    assert_eq!(refused(&mut b, move_to(6.0, 1.0)), Refusal::AxisBusy);
    let mut off = Bench::armed();
    off.cycle();
    assert_eq!(refused(&mut off, move_to(5.0, 1.0)), Refusal::NotEnabled);
}

#[test]
fn an_approach_stops_on_its_condition_and_says_where_it_saw_it() {
    let mut b = Bench::enabled();
    let job = b.send(approach(Until::AnalogAtLeast(LOAD_ID, 5.0), Some(100.0)));
    while b.bus.drives[1].position < (30.0 * COUNTS) as i32 {
        b.cycle();
    }
    b.bus.load_n = 8.0;
    let end = done(b.until_end(job));
    assert_eq!(end.end, JobEnd::Triggered);
    assert!((30.0..30.2).contains(&end.trigger_au), "{end:?}");
    assert!(end.position_au > end.trigger_au && end.position_au < 32.0, "jerk-limited stop: {end:?}");
    assert_eq!((end.value, end.peak), (8.0, 8.0));
}

#[test]
fn an_approach_whose_condition_never_comes_ends_at_its_limit() {
    let mut b = Bench::enabled();
    let job = b.send(approach(Until::AnalogAtLeast(LOAD_ID, 5.0), None));
    let end = done(b.until_end(job));
    assert_eq!((end.end, end.position_au), (JobEnd::Limit, 50.0));
}

#[test]
fn an_approach_to_a_position_ends_exactly_there_and_not_behind_its_start() {
    let mut b = Bench::enabled();
    let job = b.send(approach(Until::Position(12.4), Some(100.0)));
    let end = done(b.until_end(job));
    assert_eq!((end.end, end.position_au), (JobEnd::Target, 12.4));
    assert!(matches!(refused(&mut b, approach(Until::Position(10.0), None)), Refusal::Travel { .. }));
    // Beyond the limit: the limit is the end.
    let job = b.send(approach(Until::Position(55.0), None));
    let end = done(b.until_end(job));
    assert_eq!((end.end, end.position_au), (JobEnd::Limit, 50.0));
}

#[test]
fn a_trip_stops_shorter_than_a_trigger() {
    let travel = |until: Until, trip: Option<f64>, expected: JobEnd| {
        let mut b = Bench::enabled();
        let job = b.send(approach(until, trip));
        while b.bus.drives[1].position < (20.0 * COUNTS) as i32 {
            b.cycle();
        }
        b.bus.load_n = 200.0;
        let end = done(b.until_end(job));
        assert_eq!(end.end, expected);
        assert_eq!(end.peak, 200.0);
        end.position_au - end.trigger_au
    };
    let triggered = travel(Until::AnalogAtLeast(LOAD_ID, 150.0), None, JobEnd::Triggered);
    let tripped = travel(Until::Position(40.0), Some(150.0), JobEnd::Tripped);
    // v²/2a = 50²/6000 = 0.42 mm, and two cycles on the wire.
    assert!(tripped < 0.55, "{tripped}");
    assert!(triggered > tripped, "{triggered} {tripped}");
    // Both at once: the trip weighs more.
    travel(Until::AnalogAtLeast(LOAD_ID, 150.0), Some(150.0), JobEnd::Tripped);
}

#[test]
fn an_untrusted_channel_ends_the_approach_in_a_fault() {
    let mut b = Bench::enabled();
    let job = b.send(approach(Until::AnalogAtLeast(LOAD_ID, 5.0), None));
    b.cycles(100);
    b.bus.load_error = true;
    let RtEventKind::Fault(fault) = b.until_end(job) else { panic!() };
    assert_eq!((fault.kind, fault.class), (RtFaultKind::AnalogInvalid, FaultClass::Hold));
    b.cycles(5);
    let s = b.status();
    assert!(!s.axes[1].moving && s.axes[1].enabled);
}

#[test]
fn cancel_stops_the_job_and_is_done_itself() {
    let mut b = Bench::enabled();
    let job = b.send(move_to(50.0, 100.0));
    b.cycles(150);
    let cancel = b.send(RtOp::Cancel { axis: Z });
    let RtEventKind::Stopped { actual_au } = b.until_end(job) else { panic!() };
    assert!(actual_au > 1.0 && actual_au < 50.0);
    b.cycle();
    assert!(matches!(b.ended(cancel), Some(RtEventKind::Done(_))));
    // Nothing to cancel: done at once.
    let idle = b.send(RtOp::Cancel { axis: Z });
    b.cycle();
    assert!(matches!(b.of(idle)[..], [RtEventKind::Accepted, RtEventKind::Done(_)]));
    let next = b.send(move_to(0.0, 100.0));
    assert_eq!(done(b.until_end(next)).position_au, 0.0);
}

#[test]
fn hold_keeps_the_job_and_resume_ends_it_at_its_target() {
    let mut b = Bench::enabled();
    let job = b.send(move_to(50.0, 100.0));
    b.cycles(150);
    b.urgent(UrgentWord::Hold);
    b.cycles(300);
    let RtEventKind::Held { actual_au } = b.of(job)[1] else { panic!("{:?}", b.of(job)) };
    assert!(actual_au < 50.0);
    let s = b.status();
    assert!(s.at_rest && s.urgent_epoch == 1);
    assert_eq!(
        refused(&mut b, RtOp::MoveTo { axis: AxisId(0), target_au: 1.0, velocity_au_s: 1.0 }),
        Refusal::Urgent
    );
    b.cycles(100);
    assert_eq!(b.status().axes[1].actual_au, actual_au, "held means held");
    b.urgent(UrgentWord::Resume);
    assert_eq!(done(b.until_end(job)).position_au, 50.0);
    assert_eq!(b.of(job).len(), 3);
}

#[test]
fn hold_leaves_the_axes_of_finishing_steps_alone_until_the_next_word() {
    let mut b = Bench::enabled();
    let other = RtOp::MoveTo { axis: AxisId(0), target_au: 20.0, velocity_au_s: 20.0 };
    let (finishing, held) = (b.send(move_to(20.0, 50.0)), b.send(other));
    b.cycles(100);
    b.ends.set_urgent_but(UrgentWord::Hold, 1 << Z.index());
    assert_eq!(done(b.until_end(finishing)).position_au, 20.0);
    assert!(matches!(b.of(held)[..], [RtEventKind::Accepted, RtEventKind::Held { .. }]));
    // What finishes may need further moves; the others get none.
    let next = b.send(move_to(5.0, 50.0));
    b.cycles(20);
    assert!(b.of(next).contains(&RtEventKind::Accepted), "{:?}", b.of(next));
    b.urgent(UrgentWord::Hold);
    b.cycles(300);
    assert!(matches!(b.of(next)[1], RtEventKind::Held { .. }));
    assert_eq!(refused(&mut b, move_to(1.0, 1.0)), Refusal::Urgent);
    b.urgent(UrgentWord::Resume);
    assert_eq!(done(b.until_end(next)).position_au, 5.0);
    assert_eq!(done(b.until_end(held)).position_au, 20.0);
}

#[test]
fn a_held_job_can_be_cancelled_and_a_condition_seen_while_stopping_counts() {
    let mut b = Bench::enabled();
    let job = b.send(move_to(50.0, 100.0));
    b.cycles(150);
    b.urgent(UrgentWord::Hold);
    b.cycles(300);
    let cancel = b.send(RtOp::Cancel { axis: Z });
    assert!(matches!(b.until_end(job), RtEventKind::Stopped { .. }));
    assert!(matches!(b.ended(cancel), Some(RtEventKind::Done(_))));

    let mut b = Bench::enabled();
    let job = b.send(approach(Until::AnalogAtLeast(LOAD_ID, 5.0), None));
    b.cycles(300);
    b.urgent(UrgentWord::Hold);
    b.cycles(3);
    b.bus.load_n = 6.0;
    assert_eq!(done(b.until_end(job)).end, JobEnd::Triggered);
}

#[test]
fn stop_ends_jobs_and_refuses_motion_until_the_next_word() {
    let mut b = Bench::enabled();
    let job = b.send(move_to(50.0, 100.0));
    b.cycles(150);
    b.urgent(UrgentWord::Stop);
    assert!(matches!(b.until_end(job), RtEventKind::Stopped { .. }));
    assert_eq!(refused(&mut b, move_to(1.0, 1.0)), Refusal::Urgent);
    b.urgent(UrgentWord::None);
    let next = b.send(move_to(1.0, 100.0));
    assert_eq!(done(b.until_end(next)).position_au, 1.0);
}

#[test]
fn abort_brakes_disables_and_puts_outputs_into_their_off_state() {
    let mut b = Bench::enabled();
    let set = b.send(RtOp::SetOutputs { mask: 0b1111, value: 0b0101 });
    let job = b.send(move_to(50.0, 100.0));
    b.cycles(150);
    assert!(b.ended(set).is_some());
    assert_eq!(b.bus.do_, 0b0_0000_0101);
    b.urgent(UrgentWord::Abort);
    b.cycles(2);
    assert_eq!(b.bus.do_, 0x0100, "output 3 is on in its off state");
    assert!(matches!(b.until_end(job), RtEventKind::Stopped { .. }));
    b.cycles(5);
    assert!(b.bus.drives.iter().all(|d| !d.enabled() && d.received.0 == 0));
    assert!(b.status().at_rest);
    assert_eq!(refused(&mut b, RtOp::SetOutputs { mask: 1, value: 1 }), Refusal::Urgent);
    assert_eq!(refused(&mut b, RtOp::SetOutputs { mask: 3, value: 3 }), Refusal::Urgent, "not only a lamp");
    let lamp = b.send(RtOp::SetOutputs { mask: 2, value: 2 });
    assert!(matches!(b.until_end(lamp), RtEventKind::Done(_)), "lamps say what happened");
    b.cycle();
    assert_eq!(b.bus.do_, 0x0102);
    assert_eq!(refused(&mut b, RtOp::Enable { axes: 1 }), Refusal::Urgent);
    let epoch = b.urgent(UrgentWord::None);
    b.cycles(2);
    assert_eq!(b.status().urgent_epoch, epoch);
    let enable = b.send(RtOp::Enable { axes: 0b1111 });
    assert!(matches!(b.until_end(enable), RtEventKind::Done(_)));
}

#[test]
fn a_clear_during_an_abort_waits_for_its_end() {
    let mut b = Bench::enabled();
    b.send(move_to(50.0, 200.0));
    b.cycles(200);
    b.urgent(UrgentWord::Abort);
    b.cycle();
    let epoch = b.urgent(UrgentWord::None);
    b.cycles(3);
    assert_ne!(b.status().urgent_epoch, epoch, "still braking");
    assert_eq!(refused(&mut b, RtOp::Enable { axes: 1 }), Refusal::Urgent);
    b.cycles(200);
    assert_eq!(b.status().urgent_epoch, epoch);
}

#[test]
fn disable_stops_first() {
    let mut b = Bench::enabled();
    let job = b.send(move_to(50.0, 100.0));
    b.cycles(150);
    let off = b.send(RtOp::Disable { axes: 0b0010 });
    assert!(matches!(b.until_end(job), RtEventKind::Stopped { .. }));
    assert!(matches!(b.until_end(off), RtEventKind::Done(_)));
    assert!(!b.bus.drives[1].enabled() && b.bus.drives[0].enabled());
    b.cycles(20);
    assert!(b.events.iter().all(|e| !matches!(e.kind, RtEventKind::Fault(_))));
}

fn tighten(target_nm: f64) -> Tighten {
    Tighten {
        sensor: AnalogId(TORQUE as u16),
        target_nm,
        ramp_nm_s: 2.0,
        torque_max_nm: 1.5,
        stall: DurationNs::from_millis(50),
        angle_max_au: 5.0,
        speed_max_au_s: 150.0,
        hold: DurationNs::from_millis(100),
    }
}

#[test]
fn tightening_reaches_its_torque_holds_it_and_comes_back_to_position_control() {
    let mut b = Bench::enabled();
    b.bus.sensed = 1;
    b.bus.drives[1].stiffness = 1.0;
    b.bus.drives[1].contact = 1.0;
    let job = b.send(RtOp::Tighten { axis: Z, tighten: tighten(0.35) });
    let begun = b.now;
    let end = done(b.until_end(job));
    assert_eq!(end.end, JobEnd::Triggered);
    assert!(end.value >= 0.35 && end.peak < 0.5, "{end:?}");
    assert!((1.3..2.0).contains(&end.trigger_au), "{end:?}");
    assert!(b.now.since(begun) > DurationNs::from_millis(100));
    let at = b.bus.drives[1].position;
    b.cycles(50);
    assert_eq!(b.bus.drives[1].position, at, "seeded from the actual position");
    let next = b.send(move_to(3.0, 100.0));
    assert_eq!(done(b.until_end(next)).position_au, 3.0);
}

#[test]
fn tightening_without_reaching_the_target_ends_in_limit_or_tripped() {
    let mut b = Bench::enabled();
    b.bus.sensed = 1;
    (b.bus.drives[1].stiffness, b.bus.drives[1].contact) = (10.0, 0.0);
    // The motor cannot give the torque: at its highest torque for `stall`.
    let job = b.send(RtOp::Tighten { axis: Z, tighten: Tighten { torque_max_nm: 0.2, ..tighten(0.35) } });
    assert_eq!(done(b.until_end(job)).end, JobEnd::Limit);
    // The thread is stripped: it turns further than permitted.
    (b.bus.drives[1].stiffness, b.bus.drives[1].contact) = (0.0, 0.0);
    let job = b.send(RtOp::Tighten { axis: Z, tighten: tighten(0.35) });
    let end = done(b.until_end(job));
    assert_eq!(end.end, JobEnd::Tripped);
    assert!(end.trigger_au > 5.0);
    assert!(b.events.iter().all(|e| !matches!(e.kind, RtEventKind::Fault(_))), "{:?}", b.events);
}

#[test]
fn tightening_can_be_held_resumed_and_stopped() {
    let mut b = Bench::enabled();
    b.bus.sensed = 1;
    (b.bus.drives[1].stiffness, b.bus.drives[1].contact) = (1.0, 1.0);
    let job = b.send(RtOp::Tighten { axis: Z, tighten: tighten(0.35) });
    b.cycles(100);
    b.urgent(UrgentWord::Hold);
    b.cycles(200);
    assert!(matches!(b.of(job)[..], [RtEventKind::Accepted, RtEventKind::Held { .. }]), "{:?}", b.of(job));
    assert_eq!(b.bus.drives[1].received.1, 0, "no torque while held");
    b.urgent(UrgentWord::Resume);
    assert_eq!(done(b.until_end(job)).end, JobEnd::Triggered);

    let job = b.send(RtOp::Tighten { axis: Z, tighten: tighten(1.2) });
    b.cycles(20);
    b.urgent(UrgentWord::Abort);
    b.cycles(2);
    assert_eq!(b.bus.drives[1].received.1, 0, "torque off at once");
    assert!(matches!(b.until_end(job), RtEventKind::Stopped { .. }));
}

/// A drive displays a mode some cycles after it was asked for: whenever a tightening is held or cancelled, a
/// mode that was taken back meanwhile is not one that the drive left by itself.
#[test]
fn a_mode_change_that_is_taken_back_is_no_fault() {
    for (delay, after) in [(0, 1), (0, 2), (0, 3), (4, 1), (4, 3), (4, 5), (4, 6), (4, 8)] {
        let mut b = Bench::enabled();
        b.bus.sensed = 1;
        (b.bus.drives[1].stiffness, b.bus.drives[1].contact) = (1.0, 1.0);
        b.bus.drives[1].mode_delay = delay;
        let job = b.send(RtOp::Tighten { axis: Z, tighten: tighten(0.35) });
        b.cycles(after);
        b.urgent(UrgentWord::Hold);
        b.cycles(200);
        b.urgent(UrgentWord::Resume);
        assert_eq!(done(b.until_end(job)).end, JobEnd::Triggered, "delay {delay}, held after {after}");

        let job = b.send(RtOp::Tighten { axis: Z, tighten: tighten(1.0) });
        b.cycles(after);
        let cancel = b.send(RtOp::Cancel { axis: Z });
        assert!(matches!(b.until_end(job), RtEventKind::Stopped { .. }), "delay {delay}, after {after}");
        assert!(matches!(b.until_end(cancel), RtEventKind::Done(_)));
        b.cycles(50);
        assert!(b.events.iter().all(|e| !matches!(e.kind, RtEventKind::Fault(_))), "{:?}", b.events);
        assert!(b.bus.drives[1].follows_positions());
    }
}

#[test]
fn captures_keep_every_fresh_cycle_and_count_lost_ones() {
    let mut b = Bench::enabled();
    let capture = b.send(RtOp::CaptureStart {
        axis: Some(Z),
        analog: Some(LOAD_ID),
        limit: DurationNs::from_millis(10_000),
    });
    let job = b.send(move_to(10.0, 100.0));
    b.bus.load_n = 3.0;
    b.cycles(50);
    b.bus.wire = Wire::Lost;
    b.cycles(4);
    b.bus.wire = Wire::Good;
    b.until_end(job);
    let end = b.send(RtOp::CaptureEnd { capture });
    b.cycle();
    assert!(matches!(b.of(end)[..], [RtEventKind::Accepted, RtEventKind::Done(_)]));
    let finished = b.ends.next_curve().unwrap();
    assert_eq!((finished.capture, finished.curve.lost_cycles), (capture, 4));
    let samples = &finished.curve.samples;
    assert!(samples.windows(2).all(|w| w[1].t_ns > w[0].t_ns && w[1].position_au >= w[0].position_au));
    assert_eq!(samples.iter().filter(|s| (s.value - 3.0).abs() < 1e-9).count(), samples.len());
    assert_eq!(samples.last().unwrap().position_au, 10.0);
    b.ends.give_back(finished.curve);
}

/// Whoever wants it may be gone: the bound is the cycle's own.
#[test]
fn a_move_that_nobody_renews_comes_to_rest() {
    let window = DurationNs::from_millis(250);
    let jog = RtOp::MoveWhile { axis: Z, target_au: 50.0, velocity_au_s: 20.0, window };
    let mut b = Bench::enabled();
    let job = b.send(jog);
    for _ in 0..5 {
        b.cycles(200);
        let renewal = b.send(RtOp::Renew { axis: Z });
        b.cycle();
        assert!(matches!(b.of(renewal)[..], [RtEventKind::Accepted, RtEventKind::Done(_)]));
    }
    assert!(b.ended(job).is_none(), "renewed, it goes on");
    b.cycles(240);
    assert!(b.status().axes[1].moving);
    let at = b.status().axes[1].setpoint_au;
    let ended = b.until_end(job);
    assert!(matches!(ended, RtEventKind::Stopped { .. }), "{ended:?}");
    let way = b.status().axes[1].setpoint_au - at;
    // 10 ms more of 20 mm/s, and the stop.
    assert!(way > 0.0 && way < 1.0, "{way} mm");
    assert_eq!(refused(&mut b, RtOp::Renew { axis: Z }), Refusal::Unknown);
}

#[test]
fn the_reaction_to_a_word_is_counted_in_cycles() {
    for (word, cycles_before) in [(UrgentWord::Hold, 10), (UrgentWord::Hold, 200), (UrgentWord::Stop, 200)] {
        let mut b = Bench::enabled();
        b.send(move_to(40.0, 50.0));
        b.cycles(cycles_before);
        b.urgent(word);
        let given = b.status().cycle;
        b.cycles(3);
        let reaction = b.status().reaction;
        assert_eq!(
            (reaction.seen, reaction.moving, reaction.slower),
            (given + 1, 1 << 1, given + 1),
            "{word:?}"
        );
    }
}
