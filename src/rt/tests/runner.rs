//! The loop around the cycle: periods, overruns, ordered end, program errors.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cellwright_model::job::{RtCommand, RtEventKind, RtFaultKind, RtOp};
use cellwright_model::timing::DistributedClocks;
use cellwright_model::{AxisId, DurationNs, JobId, TimeNs};
use cellwright_rt::bus::Reference;
use cellwright_rt::clock::{Clock, MonotonicClock, VirtualClock};
use cellwright_rt::{ControllerEnds, Cycle, LoopEnd, Runner, StopRequest, link};
use common::{MockBus, Wire, cell, drivers};

fn parts() -> (Cycle, MockBus, ControllerEnds) {
    let cell = cell();
    let (rt, ends) = link();
    (Cycle::new(&cell, drivers(&cell), rt).unwrap(), MockBus::default(), ends)
}

fn events(ends: &mut ControllerEnds) -> Vec<(JobId, RtEventKind)> {
    core::iter::from_fn(|| ends.next_event()).map(|e| (e.job, e.kind)).collect()
}

/// Wakes up late by what the test says, once.
#[derive(Clone, Default)]
struct LateClock {
    clock: VirtualClock,
    late: Rc<Cell<u64>>,
    /// What it has left out of the wall's time.
    stalled: Rc<Cell<u64>>,
    woken: Rc<RefCell<Vec<TimeNs>>>,
}

impl Clock for LateClock {
    fn now(&self) -> TimeNs {
        self.clock.now()
    }
    fn sleep_until(&self, instant: TimeNs) {
        self.clock.sleep_until(instant + DurationNs(self.late.take()));
        self.woken.borrow_mut().push(self.clock.now());
    }
    fn advance(&self, by: DurationNs) {
        self.clock.advance(by);
    }
    fn is_virtual(&self) -> bool {
        true
    }
    fn stalled(&self) -> DurationNs {
        DurationNs(self.stalled.get())
    }
}

#[test]
fn skipped_periods_are_counted_and_never_made_up_for() {
    let (cycle, mut bus, mut ends) = parts();
    let clock = LateClock::default();
    let mut runner = Runner::new(cycle, &mut bus, clock.clone());
    runner.bring_up().unwrap();
    clock.woken.borrow_mut().clear();
    let exchanges = runner.bus().counters.cycles;
    for late_us in [0, 200, 3_500, 0, 0] {
        clock.late.set(late_us * 1000);
        runner.tick().unwrap();
    }
    let woken: Vec<u64> = clock.woken.borrow().iter().map(|t| t.0 / 1000).collect();
    let first = woken[0];
    let offsets: Vec<u64> = woken.iter().map(|t| t - first).collect();
    assert_eq!(offsets, [0, 1_200, 5_500, 6_000, 7_000], "back on the grid of periods");
    assert_eq!(runner.statistics().missed(), 3);
    assert_eq!(runner.bus().counters.cycles - exchanges, 5);
    let s = *ends.status();
    assert_eq!(s.bus.missed_cycles, 3);
    assert_eq!(s.cycle, runner.cycle().number());
}

/// A machine in this process stands with it: its cycles are counted on without a gap, the wall's periods told.
#[test]
fn a_stall_that_the_clock_left_out_is_told_and_skips_nothing() {
    let (cycle, mut bus, mut ends) = parts();
    let clock = LateClock::default();
    let mut runner = Runner::new(cycle, &mut bus, clock.clone());
    clock.stalled.set(7_000_000);
    runner.bring_up().unwrap();
    let begun = runner.cycle().number();
    for stalled_us in [0, 600, 600, 0, 2_000] {
        clock.stalled.set(clock.stalled.get() + stalled_us * 1_000);
        runner.tick().unwrap();
    }
    assert_eq!(runner.statistics().missed(), 3, "3.2 periods, of which the bring-up's are none");
    let s = *ends.status();
    assert_eq!((s.bus.missed_cycles, s.cycle - begun), (3, 5));
}

#[test]
fn the_last_part_of_a_wait_is_spun_through() {
    let mut cell = cell();
    cell.realtime.spin = DurationNs(50_000);
    let (rt, _ends) = link();
    let (cycle, mut bus) = (Cycle::new(&cell, drivers(&cell), rt).unwrap(), MockBus::default());
    let clock = LateClock::default();
    let mut runner = Runner::new(cycle, &mut bus, clock.clone());
    runner.bring_up().unwrap();
    clock.woken.borrow_mut().clear();
    for late_us in [0, 30, 30, 2_070, 0] {
        clock.late.set(late_us * 1000);
        runner.tick().unwrap();
    }
    // Woken at the instant less 50 µs and some; then asked until the instant: two entries a cycle.
    let woken: Vec<u64> = clock.woken.borrow().iter().map(|t| t.0 / 1000).collect();
    let offsets: Vec<u64> = woken.iter().skip(1).map(|t| t - woken[1]).collect();
    assert_eq!(offsets, [0, 980, 1_000, 1_980, 2_000, 5_020, 5_020, 5_950, 6_000]);
    assert_eq!(runner.statistics().missed(), 2, "a spin makes up for nothing that was slept through");
}

#[test]
fn the_instants_follow_the_reference_clock() {
    let mut cell = cell();
    cell.realtime.dc = Some(DistributedClocks { sync0: cell.cycle, shift: DurationNs(300_000) });
    let (rt, _ends) = link();
    let clock = LateClock::default();
    let jump = Rc::new(Cell::new(0));
    let (at, jumped) = (clock.clone(), jump.clone());
    // 50 ppm fast.
    let read = move || {
        let sent = at.now();
        Reference { sent, time_ns: 777_777 + jumped.get() + sent.0 + sent.0 / 20_000 }
    };
    let mut bus = MockBus { clock: Some(Box::new(read)), ..MockBus::default() };
    let cycle = Cycle::new(&cell, drivers(&cell), rt).unwrap();
    let mut runner = Runner::new(cycle, &mut bus, clock.clone());
    runner.bring_up().unwrap();
    clock.woken.borrow_mut().clear();
    (0..300).for_each(|_| runner.tick().unwrap());
    let statistics = runner.statistics();
    assert!(statistics.phase.quantiles().max < 10_000, "locked at once: {:?}", statistics.phase.quantiles());
    statistics.phase.reset();
    (0..300).for_each(|_| runner.tick().unwrap());
    assert!(statistics.phase.quantiles().max < 100, "{:?}", statistics.phase.quantiles());
    // Late by two periods and some: skipped, counted, and back in phase.
    clock.late.set(2_400_000);
    runner.tick().unwrap();
    assert_eq!(statistics.missed(), 2);
    statistics.phase.reset();
    (0..100).for_each(|_| runner.tick().unwrap());
    assert!(statistics.phase.quantiles().max < 1_000, "{:?}", statistics.phase.quantiles());
    jump.set(444_000);
    (0..250).for_each(|_| runner.tick().unwrap());
    statistics.phase.reset();
    (0..50).for_each(|_| runner.tick().unwrap());
    assert!(statistics.phase.quantiles().max < 10_000, "{:?}", statistics.phase.quantiles());
    assert_eq!(statistics.clock_jumps(), 1);
    let woken = clock.woken.borrow();
    let shortest = woken.windows(2).map(|w| w[1].since(w[0]).0).min().unwrap();
    // But for the one after the late cycle, which is on the grid again.
    assert!(shortest >= 590_000, "{shortest} ns: never a burst");
    let short = woken.windows(2).filter(|w| w[1].since(w[0]).0 < 989_000).count();
    assert_eq!(short, 1);
}

#[test]
fn an_ordered_stop_comes_to_rest_then_disables_then_takes_the_bus_down() {
    let (cycle, mut bus, mut ends) = parts();
    let mut runner = Runner::new(cycle, &mut bus, VirtualClock::starting_at(TimeNs(0)));
    runner.bring_up().unwrap();
    ends.send(RtCommand { job: JobId(1), op: RtOp::Enable { axes: 0b1111 } }).unwrap();
    (0..20).for_each(|_| runner.tick().unwrap());
    let op = RtOp::MoveTo { axis: AxisId(0), target_au: 60.0, velocity_au_s: 100.0 };
    ends.send(RtCommand { job: JobId(2), op }).unwrap();
    (0..200).for_each(|_| runner.tick().unwrap());
    let stop = StopRequest::default();
    stop.stop();
    let report = runner.run(&stop);
    assert_eq!((report.end, report.shutdown), (LoopEnd::Stopped, Ok(())));
    let stopped = events(&mut ends);
    assert!(stopped.iter().any(|(job, k)| *job == JobId(2) && matches!(k, RtEventKind::Stopped { .. })));
    assert!(bus.drives.iter().all(|d| !d.enabled() && d.received.0 == 0));
    assert_eq!((bus.do_, bus.shutdowns), (0x0100, 1));
}

#[test]
fn a_program_error_puts_outputs_off_and_is_told() {
    let (cycle, mut bus, mut ends) = parts();
    let mut runner = Runner::new(cycle, &mut bus, VirtualClock::starting_at(TimeNs(0)));
    runner.bring_up().unwrap();
    ends.send(RtCommand { job: JobId(1), op: RtOp::Enable { axes: 0b1111 } }).unwrap();
    ends.send(RtCommand { job: JobId(2), op: RtOp::SetOutputs { mask: 7, value: 7 } }).unwrap();
    (0..20).for_each(|_| runner.tick().unwrap());
    assert!(runner.bus().drives[0].enabled());
    runner.bus().wire = Wire::Panic;
    let report = runner.run(&StopRequest::default());
    let LoopEnd::ProgramError { message } = report.end else { panic!("{:?}", report.end) };
    assert_eq!(message, "a program error below the cycle");
    let last = events(&mut ends).pop();
    assert!(matches!(last, Some((JobId(0), RtEventKind::Fault(f))) if f.kind == RtFaultKind::ProgramError));
    assert!(bus.drives.iter().all(|d| !d.enabled()));
    assert_eq!((bus.do_, bus.shutdowns), (0x0100, 1));
}

#[test]
fn the_controller_can_ask_for_a_bring_up() {
    let (cycle, mut bus, mut ends) = parts();
    bus.refuse_bring_up = true;
    let mut runner = Runner::new(cycle, &mut bus, VirtualClock::starting_at(TimeNs(0)));
    assert!(runner.bring_up().is_err());
    assert!(ends.pop_bring_up_fault().is_some());
    runner.tick().unwrap();
    assert!(!ends.status().bus.operational);
    ends.request_bring_up();
    runner.tick().unwrap();
    assert!(ends.pop_bring_up_fault().is_some(), "still refused, and told again");
    runner.bus().refuse_bring_up = false;
    ends.request_bring_up();
    runner.tick().unwrap();
    runner.tick().unwrap();
    assert!(ends.status().bus.operational);
    assert_eq!(bus.bring_ups, 3);
}

#[test]
fn on_the_real_clock_the_histograms_fill() {
    let (cycle, mut bus, _ends) = parts();
    let mut runner = Runner::new(cycle, &mut bus, MonotonicClock);
    runner.bring_up().unwrap();
    (0..50).for_each(|_| runner.tick().unwrap());
    let stop = StopRequest::default();
    stop.stop();
    let report = runner.run(&stop);
    assert!(report.cycles >= 50 && report.wake_ns.count >= 50 && report.exec_ns.p50 > 0);
    assert_eq!(report.round_trip_ns.max, 1000);
}
