//! Random commands, urgent words, losses and stops, in any order: what always holds.

mod common;

use std::collections::BTreeMap;

use cellwright_model::job::{Approach, RtEventKind, RtOp, Tighten, Trip, Until, UrgentWord};
use cellwright_model::{AnalogId, AxisId, DurationNs, JobId};
use common::{AXES, Bench, COUNTS, Wire, cell, is_end};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Act {
    Send(RtOp),
    Urgent(UrgentWord),
    Load(f64),
    Loss(u8),
    Sto(bool),
    /// A safety input goes without STO: the cycle alone has to end all motion.
    Safety(bool),
    Run(u16),
}

/// Cycles from the loss of a safety input to zero torque setpoints: one to see it, one to send them.
const NO_TORQUE_AFTER: u32 = 2;
/// And to drives that are off: the longest stop at the highest deceleration (200 mm/s, 3 m/s²), and some.
const OFF_AFTER: u32 = 90;

fn axis() -> impl Strategy<Value = AxisId> {
    (0..AXES as u16 + 1).prop_map(AxisId)
}

fn approach() -> impl Strategy<Value = Approach> {
    let until = prop_oneof![
        (-2.0..63.0f64).prop_map(Until::Position),
        (1.0..100.0f64).prop_map(|n| Until::AnalogAtLeast(AnalogId(0), n)),
    ];
    let trip = proptest::option::of((50.0..200.0f64).prop_map(|above| Trip { analog: AnalogId(0), above }));
    (-2.0..63.0f64, 0.5..210.0f64, until, trip).prop_map(|(limit_au, velocity_au_s, until, trip)| Approach {
        limit_au,
        velocity_au_s,
        until,
        trip,
    })
}

fn tighten() -> impl Strategy<Value = Tighten> {
    (0.1..1.0f64, 0.5..20.0f64, 0.2..1.7f64, 0.1..20.0f64, 1.0..210.0f64).prop_map(
        |(target, ramp, max, angle, speed)| Tighten {
            sensor: AnalogId(1),
            target_nm: target,
            ramp_nm_s: ramp,
            torque_max_nm: max,
            stall: DurationNs::from_millis(30),
            angle_max_au: angle,
            speed_max_au_s: speed,
            hold: DurationNs::from_millis(20),
        },
    )
}

fn op() -> impl Strategy<Value = RtOp> {
    prop_oneof![
        3 => (0..32u64).prop_map(|axes| RtOp::Enable { axes }),
        1 => (0..16u64).prop_map(|axes| RtOp::Disable { axes }),
        8 => (axis(), -2.0..63.0f64, 0.5..210.0f64)
            .prop_map(|(axis, target_au, velocity_au_s)| RtOp::MoveTo { axis, target_au, velocity_au_s }),
        4 => (axis(), approach()).prop_map(|(axis, approach)| RtOp::ApproachUntil { axis, approach }),
        2 => (axis(), tighten()).prop_map(|(axis, tighten)| RtOp::Tighten { axis, tighten }),
        2 => axis().prop_map(|axis| RtOp::Cancel { axis }),
        1 => (0..32u64, 0..32u64).prop_map(|(mask, value)| RtOp::SetOutputs { mask, value }),
        1 => (0..40u32).prop_map(|n| RtOp::CaptureEnd { capture: JobId(n) }),
        1 => Just(RtOp::CaptureStart { axis: None, analog: None, limit: DurationNs::from_millis(50) }),
    ]
}

fn word() -> impl Strategy<Value = UrgentWord> {
    prop_oneof![
        4 => Just(UrgentWord::None),
        2 => Just(UrgentWord::Hold),
        3 => Just(UrgentWord::Resume),
        1 => Just(UrgentWord::Stop),
        1 => Just(UrgentWord::Abort),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => op().prop_map(Act::Send),
        2 => word().prop_map(Act::Urgent),
        1 => (-10.0..210.0f64).prop_map(Act::Load),
        1 => (1..30u8).prop_map(Act::Loss),
        1 => any::<bool>().prop_map(Act::Sto),
        1 => any::<bool>().prop_map(Act::Safety),
        8 => (1..400u16).prop_map(Act::Run),
    ]
}

/// What every cycle is held to, on what the drives really received.
#[derive(Default)]
struct Watch {
    last: [Option<i32>; AXES],
    /// Exchanges in a row without a safety input.
    lost_for: u32,
}

impl Watch {
    fn look(&mut self, b: &Bench) -> Result<(), TestCaseError> {
        let cell = cell();
        let dt = cell.cycle.as_secs_f64();
        let lost = b.bus.di != 3;
        self.lost_for = if lost { self.lost_for + u32::from(b.bus.wire == Wire::Good) } else { 0 };
        for (i, drive) in b.bus.drives.iter().enumerate() {
            prop_assert!(self.lost_for < NO_TORQUE_AFTER || drive.received.1 == 0, "torque on axis {i}");
            prop_assert!(self.lost_for < OFF_AFTER || !drive.enabled(), "axis {i} is on");
        }
        for (i, (drive, axis)) in b.bus.drives.iter().zip(&cell.axes).enumerate() {
            if !drive.follows_positions() {
                self.last[i] = None;
                continue;
            }
            let (lo, hi) = (axis.travel_lo_au * COUNTS - 1.0, axis.travel_hi_au * COUNTS + 1.0);
            prop_assert!((lo..=hi).contains(&f64::from(drive.setpoint)), "axis {i}: {}", drive.setpoint);
            if let Some(last) = self.last[i]
                && b.bus.wire == Wire::Good
            {
                let step = f64::from(drive.setpoint.abs_diff(last));
                let max = axis.velocity_max * dt * COUNTS + 2.0;
                prop_assert!(step <= max, "axis {i}: {last} -> {}", drive.setpoint);
            }
            self.last[i] = Some(drive.setpoint);
        }
        Ok(())
    }
}

fn run(b: &mut Bench, watch: &mut Watch, cycles: usize) -> Result<(), TestCaseError> {
    for _ in 0..cycles {
        b.cycle();
        watch.look(b)?;
    }
    Ok(())
}

fn apply(b: &mut Bench, watch: &mut Watch, act: Act) -> Result<(), TestCaseError> {
    match act {
        Act::Send(op) => {
            b.send(op);
            run(b, watch, 1)
        }
        Act::Urgent(word) => {
            b.urgent(word);
            run(b, watch, 1)
        }
        Act::Load(n) => {
            b.bus.load_n = n;
            Ok(())
        }
        Act::Loss(n) => {
            // What a drive gets after a loss may be several cycles' way at once; see the faults' tests.
            b.bus.wire = Wire::Lost;
            run(b, watch, usize::from(n))?;
            b.bus.wire = Wire::Good;
            watch.last = [None; AXES];
            run(b, watch, 1)
        }
        Act::Sto(on) => {
            b.bus.di = if on { 0 } else { 3 };
            b.bus.drives.iter_mut().for_each(|d| d.quirks.sto = on);
            Ok(())
        }
        Act::Safety(lost) => {
            b.bus.di = if lost { 1 } else { 3 };
            Ok(())
        }
        Act::Run(n) => run(b, watch, usize::from(n)),
    }
}

/// Every job: accepted or refused first; held only between; one end.
fn check_events(b: &Bench) -> Result<(), TestCaseError> {
    let mut jobs: BTreeMap<JobId, Vec<RtEventKind>> = BTreeMap::new();
    for e in b.events.iter().filter(|e| e.job != JobId(0)) {
        jobs.entry(e.job).or_default().push(e.kind);
    }
    for (job, events) in &jobs {
        let ends = events.iter().filter(|k| is_end(k)).count();
        prop_assert_eq!(ends, 1, "{:?}: {:?}", job, events);
        prop_assert!(is_end(events.last().unwrap()), "{:?}: {:?}", job, events);
        let refused = matches!(events[..], [RtEventKind::Refused(_)]);
        prop_assert!(refused || events[0] == RtEventKind::Accepted, "{:?}: {:?}", job, events);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn setpoints_stay_in_travel_and_step_bound_and_every_job_ends_once(
        acts in proptest::collection::vec(act(), 1..60),
        stiffness in 0.0..2.0f64,
        mode_delay in 0..8usize,
    ) {
        let mut b = Bench::enabled();
        b.events.clear();
        b.bus.drives.iter_mut().for_each(|d| (d.stiffness, d.contact, d.mode_delay) = (stiffness, 1.0, mode_delay));
        let mut watch = Watch::default();
        let sent = acts.iter().filter(|a| matches!(a, Act::Send(_))).count();
        for act in acts {
            apply(&mut b, &mut watch, act)?;
        }
        b.urgent(UrgentWord::Abort);
        run(&mut b, &mut watch, 2_500)?;
        check_events(&b)?;
        let jobs: std::collections::BTreeSet<_> = b.events.iter().map(|e| e.job).filter(|j| *j != JobId(0)).collect();
        prop_assert_eq!(jobs.len(), sent, "every command was answered");
        prop_assert!(b.status().at_rest);
        prop_assert!(b.bus.drives.iter().all(|d| !d.enabled()));
    }
}
