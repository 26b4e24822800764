//! What the cycle does when the machine, the bus or the program fails.

mod common;

use cellwright_model::job::{Refusal, RtEventKind, RtFault, RtFaultKind, RtOp, UrgentWord};
use cellwright_model::outcome::FaultClass;
use cellwright_model::{AxisId, JobId};
use cellwright_rt::bus::Emergency;
use common::{Bench, COUNTS, Quirks, Wire};

const Z: AxisId = AxisId(1);
const MACHINE: JobId = JobId(0);

/// Moving at full speed, 20 mm behind.
fn moving() -> (Bench, JobId) {
    let mut b = Bench::enabled();
    let job = b.send(RtOp::MoveTo { axis: Z, target_au: 60.0, velocity_au_s: 200.0 });
    while b.bus.drives[1].position < (20.0 * COUNTS) as i32 {
        b.cycle();
    }
    (b, job)
}

fn faults(b: &Bench) -> Vec<(JobId, RtFault)> {
    let fault = |e: &cellwright_model::job::RtEvent| match e.kind {
        RtEventKind::Fault(f) => Some((e.job, f)),
        _ => None,
    };
    b.events.iter().filter_map(fault).collect()
}

/// The one fault there was.
fn fault(b: &Bench) -> (JobId, RtFault) {
    match faults(b)[..] {
        [one] => one,
        ref other => panic!("not one fault: {other:?}"),
    }
}

fn assert_off(b: &mut Bench) {
    b.cycles(300);
    assert!(b.bus.drives.iter().all(|d| !d.enabled()), "every drive is off");
    assert_eq!(b.bus.do_, 0x0100, "outputs are in their defined off state");
    let s = b.status();
    assert!(s.at_rest && s.axes.iter().all(|a| !a.enabled && !a.moving));
}

fn refused(b: &mut Bench, op: RtOp) -> Refusal {
    let job = b.send(op);
    b.cycle();
    match b.of(job)[..] {
        [RtEventKind::Refused(refusal)] => refusal,
        ref other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_lost_safety_input_ends_all_motion() {
    for bit in [0, 1] {
        let (mut b, job) = moving();
        b.bus.di &= !(1 << bit);
        assert!(matches!(b.until_end(job), RtEventKind::Stopped { .. }));
        let (of, f) = fault(&b);
        assert_eq!(
            (of, f.kind, f.value, f.class),
            (MACHINE, RtFaultKind::SafetyInput, f64::from(bit), FaultClass::Abort)
        );
        assert_off(&mut b);
        assert!(!b.status().safety_ok);
        // Cleared without the input: nothing starts.
        b.urgent(UrgentWord::None);
        b.cycles(3);
        assert_eq!(refused(&mut b, RtOp::Enable { axes: 1 }), Refusal::SafetyInput);
        b.bus.di = 3;
        b.cycle();
        let enable = b.send(RtOp::Enable { axes: 0b1111 });
        assert!(matches!(b.until_end(enable), RtEventKind::Done(_)));
    }
}

#[test]
fn torque_removed_by_sto_is_no_drive_fault_when_a_safety_input_says_why() {
    let (mut b, job) = moving();
    b.bus.drives.iter_mut().for_each(|d| d.quirks.sto = true);
    b.cycles(10);
    assert!(faults(&b).is_empty(), "the safety input comes a little later");
    b.bus.di = 0;
    assert!(matches!(b.until_end(job), RtEventKind::Stopped { .. }) || b.ended(job).is_some());
    b.cycles(50);
    assert_eq!(fault(&b).1.kind, RtFaultKind::SafetyInput);
    let s = b.status();
    assert!(s.axes[1].sto && !s.axes[1].fault);
    assert_off(&mut b);
    // Enabling afterwards moves nothing.
    b.bus.drives.iter_mut().for_each(|d| d.quirks.sto = false);
    b.bus.di = 3;
    b.urgent(UrgentWord::None);
    b.cycles(2);
    let before = b.bus.drives.map(|d| d.position);
    let enable = b.send(RtOp::Enable { axes: 0b1111 });
    assert!(matches!(b.until_end(enable), RtEventKind::Done(_)));
    b.cycles(20);
    assert_eq!(b.bus.drives.map(|d| d.position), before);
}

#[test]
fn torque_removed_without_a_safety_input_is_told_as_sto() {
    let (mut b, _job) = moving();
    b.bus.drives[1].quirks.sto = true;
    b.cycles(40);
    let (_, f) = fault(&b);
    assert_eq!((f.kind, f.axis), (RtFaultKind::Sto, Some(Z)));
    assert_off(&mut b);
}

#[test]
fn a_drive_fault_ends_its_job_in_the_fault_and_all_motion() {
    let (mut b, job) = moving();
    b.bus.drives[1].quirks.fault = 0x8611;
    b.cycles(3);
    let (of, f) = fault(&b);
    assert_eq!((of, f.kind, f.axis, f.value), (job, RtFaultKind::Drive, Some(Z), f64::from(0x8611)));
    assert_eq!(f.class, FaultClass::Abort);
    assert_off(&mut b);
    // It stays: enabling ends in it. It is gone: enabling resets it.
    b.urgent(UrgentWord::None);
    b.cycles(2);
    let enable = b.send(RtOp::Enable { axes: 0b0010 });
    let RtEventKind::Fault(f) = b.until_end(enable) else { panic!() };
    assert_eq!((f.kind, f.class), (RtFaultKind::Drive, FaultClass::Stop));
    b.bus.drives[1].quirks.fault = 0;
    let enable = b.send(RtOp::Enable { axes: 0b0010 });
    assert!(matches!(b.until_end(enable), RtEventKind::Done(_)));
}

#[test]
fn a_drive_that_leaves_operation_enabled_by_itself_is_a_fault_and_stays_off() {
    let (mut b, job) = moving();
    b.bus.drives[1].quirks.stuck = true;
    b.cycles(3);
    let (of, f) = fault(&b);
    assert_eq!((of, f.kind), (job, RtFaultKind::DriveDisabled));
    b.bus.drives[1].quirks.stuck = false;
    assert_off(&mut b);
}

#[test]
fn a_drive_that_does_not_enable_is_a_timeout() {
    let mut b = Bench::armed();
    b.bus.drives[2].quirks.stuck = true;
    let enable = b.send(RtOp::Enable { axes: 0b0111 });
    let RtEventKind::Fault(f) = b.until_end(enable) else { panic!() };
    assert_eq!((f.kind, f.axis, f.limit), (RtFaultKind::DriveTimeout, Some(AxisId(2)), 2.0));
    b.cycles(3);
    assert!(!b.bus.drives[2].enabled() && b.bus.drives[2].received.0 == 0);
}

#[test]
fn a_mode_that_is_never_displayed_is_named() {
    let mut b = Bench::enabled();
    b.bus.drives[1].quirks = Quirks { mode_stuck: true, ..Quirks::default() };
    let tighten = cellwright_model::job::Tighten {
        sensor: cellwright_model::AnalogId(1),
        target_nm: 0.3,
        ramp_nm_s: 1.0,
        torque_max_nm: 1.0,
        stall: Default::default(),
        angle_max_au: 1.0,
        speed_max_au_s: 10.0,
        hold: Default::default(),
    };
    let job = b.send(RtOp::Tighten { axis: Z, tighten });
    let RtEventKind::Fault(f) = b.until_end(job) else { panic!() };
    assert_eq!((f.kind, f.value, f.class), (RtFaultKind::DriveMode, 10.0, FaultClass::Abort));
    assert!(b.bus.drives[1].received.1 == 0, "no torque was ever commanded");
    assert_off(&mut b);
}

#[test]
fn an_actual_position_beyond_travel_and_tolerance_is_a_fault() {
    let mut b = Bench::enabled();
    b.bus.drives[3].position = (63.5 * COUNTS) as i32;
    b.cycles(2);
    let (of, f) = faults(&b)[0];
    assert_eq!((of, f.kind, f.axis, f.limit), (MACHINE, RtFaultKind::Position, Some(AxisId(3)), 62.0));
    assert_off(&mut b);
}

#[test]
fn a_drive_that_does_not_follow_is_a_following_error_even_if_it_reports_none() {
    let mut b = Bench::enabled();
    let job = b.send(RtOp::MoveTo { axis: Z, target_au: 60.0, velocity_au_s: 20.0 });
    b.cycles(100);
    let at = b.bus.drives[1].position;
    while b.ended(job).is_none() {
        b.bus.drives[1].position = at;
        b.cycle();
    }
    let (of, f) = fault(&b);
    assert_eq!((of, f.kind), (job, RtFaultKind::FollowingError));
    assert!(f.value > f.limit);
    assert_off(&mut b);
}

#[test]
fn short_losses_are_bridged_and_start_nothing() {
    let mut b = Bench::enabled();
    let job = b.send(RtOp::MoveTo { axis: Z, target_au: 20.0, velocity_au_s: 20.0 });
    b.cycles(200);
    b.bus.wire = Wire::Lost;
    let start = b.send(RtOp::MoveTo { axis: AxisId(0), target_au: 5.0, velocity_au_s: 1.0 });
    b.cycles(20);
    assert_eq!(b.of(start), [RtEventKind::Refused(Refusal::StaleInput)]);
    b.bus.wire = Wire::Good;
    assert!(matches!(b.until_end(job), RtEventKind::Done(_)));
    assert!(faults(&b).is_empty());
}

#[test]
fn a_long_loss_is_a_fault_and_the_bus_is_back_without_a_bring_up_if_it_recovers() {
    let mut b = Bench::enabled();
    let job = b.send(RtOp::MoveTo { axis: Z, target_au: 20.0, velocity_au_s: 20.0 });
    b.cycles(200);
    b.bus.wire = Wire::Lost;
    b.cycles(21);
    let (of, f) = fault(&b);
    assert_eq!((of, f.kind, f.value, f.limit), (MACHINE, RtFaultKind::StaleInput, 21.0, 20.0));
    assert!(matches!(b.until_end(job), RtEventKind::Stopped { .. }));
    assert!(!b.status().bus.operational);
    b.bus.wire = Wire::Good;
    assert_off(&mut b);
    assert!(b.status().bus.operational);
    assert_eq!(faults(&b).len(), 1);
}

#[test]
fn in_a_loss_a_fast_move_runs_no_further_ahead_than_the_following_error() {
    let (mut b, _job) = moving();
    let at = f64::from(b.bus.drives[1].position) / COUNTS;
    b.bus.wire = Wire::Lost;
    b.cycles(12);
    assert_eq!(fault(&b).1.kind, RtFaultKind::StaleInput);
    let lead = b.status().axes[1].setpoint_au - at;
    // 1 mm, three cycles at 200 mm/s, and the way of braking from there: 200²/6000 = 6.7 mm.
    assert!(lead < 1.0 + 0.6 + 0.2 + 6.7, "{lead}");
}

#[test]
fn what_a_drive_is_given_after_a_gap_is_no_jump_but_the_order_to_brake_by_itself() {
    let (mut b, _job) = moving();
    let stood = b.bus.drives[1].position;
    b.bus.wire = Wire::Lost;
    b.cycles(30);
    b.bus.wire = Wire::Good;
    b.cycles(2);
    assert_eq!(b.bus.drives[1].received.0, 0x02, "quick stop");
    assert_eq!(b.bus.drives[1].position, stood, "it got nothing meanwhile, and goes nowhere now");
    assert_off(&mut b);
}

#[test]
fn a_subdevice_that_leaves_op_is_an_abort_and_a_bring_up_brings_it_back() {
    let (mut b, job) = moving();
    b.bus.wire = Wire::SafeOp(5, 0);
    b.cycles(3);
    assert!(faults(&b).is_empty(), "waits for the code");
    assert_eq!(refused(&mut b, RtOp::Enable { axes: 1 }), Refusal::Urgent);
    b.bus.wire = Wire::SafeOp(5, 0x001B);
    b.cycles(2);
    let (of, f) = fault(&b);
    assert_eq!((of, f.kind, f.value, f.limit), (MACHINE, RtFaultKind::AlState, f64::from(0x1B), 5.0));
    assert!(matches!(b.until_end(job), RtEventKind::Stopped { .. }));
    b.cycles(200);
    assert_eq!(faults(&b).len(), 1, "said once");
    // The word None alone does not make the bus come back.
    b.urgent(UrgentWord::None);
    b.cycles(2);
    assert_eq!(refused(&mut b, RtOp::Enable { axes: 1 }), Refusal::StaleInput);
    b.cycle.arm(&mut b.bus, &b.clock).unwrap();
    b.cycle();
    assert!(b.status().bus.operational);
    let enable = b.send(RtOp::Enable { axes: 0b1111 });
    assert!(matches!(b.until_end(enable), RtEventKind::Done(_)));
}

#[test]
fn a_clear_that_waits_for_an_abort_is_carried_out_by_the_bring_up() {
    let (mut b, job) = moving();
    b.bus.wire = Wire::SafeOp(5, 0x001B);
    b.cycles(2);
    let epoch = b.urgent(UrgentWord::None);
    b.cycles(2);
    assert_ne!(b.status().urgent_epoch, epoch);
    b.cycle.arm(&mut b.bus, &b.clock).unwrap();
    b.cycle();
    assert!(matches!(b.ended(job), Some(RtEventKind::Stopped { .. })));
    assert_eq!(b.status().urgent_epoch, epoch);
    let enable = b.send(RtOp::Enable { axes: 0b1111 });
    assert!(matches!(b.until_end(enable), RtEventKind::Done(_)));
}

#[test]
fn a_failed_bring_up_is_told_and_leaves_everything_refused() {
    let mut b = Bench::enabled();
    b.bus.refuse_bring_up = true;
    assert!(b.cycle.arm(&mut b.bus, &b.clock).is_err());
    assert!(b.ends.pop_bring_up_fault().is_some());
    b.cycle();
    assert!(!b.status().bus.operational);
    assert_eq!(refused(&mut b, RtOp::Enable { axes: 1 }), Refusal::Urgent);
}

#[test]
fn an_emergency_is_told_with_its_axis() {
    let mut b = Bench::enabled();
    let emergency = |code| Some(Emergency { position: 5, code, register: 1, data: [0; 5] });
    b.bus.emergency = emergency(0x4210);
    b.cycle();
    let (of, f) = fault(&b);
    assert_eq!((of, f.kind, f.axis, f.class), (MACHINE, RtFaultKind::Emergency, Some(Z), FaultClass::Hold));
    b.bus.emergency = emergency(0);
    b.cycle();
    assert_eq!(faults(&b).len(), 1, "code 0 says that an error is gone");
}

#[test]
fn lost_events_abort_and_are_told_once_there_is_room() {
    let mut b = Bench::enabled();
    // The controller sends and does not listen: two events a command, 64 commands a cycle.
    for n in 0..600 {
        b.ends
            .send(cellwright_model::job::RtCommand {
                job: JobId(1000 + n),
                op: RtOp::SetOutputs { mask: 1, value: 1 },
            })
            .unwrap();
        if n % 60 == 59 {
            b.now = b.now + common::PERIOD;
            b.cycle.run(&mut b.bus, b.now);
        }
    }
    b.cycle();
    b.cycle();
    assert!(
        faults(&b).iter().any(|(_, f)| f.kind == RtFaultKind::EventsLost && f.class == FaultClass::Abort)
    );
    assert_off(&mut b);
}
