//! Distributed clocks over the twin segment: SYNC0, the clocks' agreement, the cycle that follows the reference.

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use cellwright_bus::ask::Asker;
use cellwright_bus::{BusConfig, DcConfig, InProcessLink};
use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::bus::{Bus, BusFault, ExchangeStatus, ProcessImage, Reference};
use cellwright_rt::clock::{Clock, VirtualClock};
use cellwright_rt::phase::PhaseLock;
use common::{Bench, PERIOD, SIZES, Shared, TestBus, config, to_op, with_bench};

const SHIFT: DurationNs = DurationNs(300_000);
const ALL: u64 = 0xff;

fn clocked(positions: u64) -> BusConfig {
    BusConfig { dc: Some(DcConfig { sync0: PERIOD, shift: SHIFT, positions }), ..config() }
}

/// No two quartzes are alike: phases of seconds, drifts of up to 50 ppm either way.
fn set_clocks(bench: &Rc<RefCell<Bench>>) {
    let drifts = [-50_000, 50_000, 20_000, -35_000, 0, 49_000, -49_000, 5_000];
    for (position, drift_ppb) in drifts.into_iter().enumerate() {
        bench.borrow_mut().segment.set_clock(position, 1_234_567_891 * (position as u64 + 1), drift_ppb);
    }
}

fn read<const N: usize>(
    bench: &Rc<RefCell<Bench>>,
    clock: &VirtualClock,
    position: usize,
    register: u16,
) -> [u8; N] {
    let link = InProcessLink::new(Shared(bench.clone()), clock.clone());
    let mut bytes = [0; N];
    let answered = Asker::new(link, clock.clone()).read(position as u16, register, &mut bytes).unwrap();
    assert!(answered, "register {register:#06x} of SubDevice {position}");
    bytes
}

/// The cycle, as the runner has it.
struct Cycles {
    lock: PhaseLock,
    due: TimeNs,
    n: u64,
    jumps: u32,
    image: ProcessImage,
}

impl Cycles {
    fn new(bus: &TestBus<'_>, clock: &VirtualClock, image: ProcessImage) -> Cycles {
        let lock = PhaseLock::new(PERIOD, SHIFT);
        let due = lock.first(clock.now() + PERIOD, bus.reference());
        Cycles { lock, due, n: 0, jumps: 0, image }
    }

    /// The largest miss of a frame within `n` cycles, ns.
    fn run(&mut self, bus: &mut TestBus<'_>, clock: &VirtualClock, n: u64) -> u64 {
        let mut worst = 0;
        for _ in 0..n {
            clock.sleep_until(self.due);
            self.n += 1;
            let exchange = bus.exchange(self.n, &mut self.image, self.due + DurationNs(750_000));
            assert_eq!(exchange.status, ExchangeStatus::Ok, "cycle {}", self.n);
            let reference: Reference = bus.reference().expect("each cycle reads the clock");
            worst = worst.max(self.lock.missed_by(&reference));
            let step = self.lock.step(self.due, Some(reference), 1);
            assert!(step.correction_ns.unsigned_abs() <= PERIOD.0 / 100, "never a burst");
            self.jumps += u32::from(step.jumped);
            self.due = TimeNs((self.due + PERIOD).0.saturating_add_signed(step.correction_ns));
        }
        worst
    }
}

#[test]
fn sync0_is_active_in_every_subdevice_and_the_clocks_agree() {
    with_bench(clocked(ALL), |bus, bench, clock| {
        set_clocks(bench);
        let (_, image) = to_op(bus);
        let mut cycles = Cycles::new(bus, clock, image);
        cycles.run(bus, clock, 500);
        let mut first = Vec::new();
        for position in 0..SIZES.len() {
            assert_eq!(read::<2>(bench, clock, position, 0x0980), [0, 3], "SYNC0 of {position}");
            assert_eq!(u32::from_le_bytes(read(bench, clock, position, 0x09a0)), PERIOD.0 as u32);
            let next = u64::from_le_bytes(read(bench, clock, position, 0x0990));
            assert_eq!(next % PERIOD.0, 0, "pulses at whole milliseconds of the system time");
            first.push(next);
            // Nobody compares the reference with another.
            if position == 0 {
                continue;
            }
            let difference = u32::from_le_bytes(read(bench, clock, position, 0x092c)) & 0x7fff_ffff;
            assert!(difference < 1_000, "the clock of {position} is {difference} ns off");
        }
        assert!(first.iter().all(|next| next.abs_diff(first[0]) <= PERIOD.0), "{first:?}");
    });
}

#[test]
fn only_the_subdevices_that_are_named_run_by_sync0() {
    with_bench(clocked(0xf0), |bus, bench, clock| {
        to_op(bus);
        for position in 0..SIZES.len() {
            let active = read::<1>(bench, clock, position, 0x0981)[0] == 3;
            assert_eq!(active, position >= 4, "{position}");
        }
    });
}

#[test]
fn without_distributed_clocks_nothing_is_spread_nor_read() {
    with_bench(config(), |bus, bench, clock| {
        let (_, mut image) = to_op(bus);
        bus.exchange(1, &mut image, clock.now() + DurationNs(750_000));
        assert_eq!(bus.reference(), None);
        assert!((0..SIZES.len()).all(|p| read::<2>(bench, clock, p, 0x0980) == [0, 0]));
    });
}

#[test]
fn the_cycle_keeps_its_phase_under_drift_and_comes_back_after_a_jump() {
    with_bench(clocked(ALL), |bus, bench, clock| {
        set_clocks(bench);
        let (_, image) = to_op(bus);
        let mut cycles = Cycles::new(bus, clock, image);
        let at_once = cycles.run(bus, clock, 20);
        assert!(at_once < PERIOD.0 / 100, "locked from the first cycle on: {at_once} ns");
        cycles.run(bus, clock, 500);
        let kept = cycles.run(bus, clock, 2_000);
        assert!(kept < 200, "{kept} ns");
        // The reference clock jumps, and its quartz is another one.
        for (jump_ns, drift_ppb) in [(400_000, 50_000), (100_000, -50_000), (300_000, 0)] {
            bench.borrow_mut().segment.set_clock(0, 1_234_567_891 + jump_ns, drift_ppb);
            let jumps = cycles.jumps;
            let missed = cycles.run(bus, clock, 200);
            assert!(missed > PERIOD.0 / 20, "it was seen: {missed} ns");
            assert_eq!(cycles.jumps - jumps, 1, "{jump_ns} ns");
            let back = cycles.run(bus, clock, 100);
            assert!(back < PERIOD.0 / 100, "{back} ns after a jump by {jump_ns} ns");
        }
    });
}

#[test]
fn a_lost_frame_reads_no_clock() {
    with_bench(clocked(ALL), |bus, bench, clock| {
        let (_, mut image) = to_op(bus);
        bus.exchange(1, &mut image, clock.now() + DurationNs(750_000));
        assert!(bus.reference().is_some());
        bench.borrow_mut().disturb = Box::new(|_| false);
        bus.exchange(2, &mut image, clock.now() + DurationNs(750_000));
        assert_eq!(bus.reference(), None);
    });
}

#[test]
fn clocks_that_do_not_come_to_agree_are_named() {
    with_bench(clocked(ALL), |bus, bench, _| {
        let layout = bus.bring_up().unwrap();
        let mut image = ProcessImage::new(&layout).unwrap();
        // Register 0x092C of SubDevice 5 always shows 20 µs: FPRD of 4 bytes at its station.
        bench.borrow_mut().disturb = Box::new(|frame| {
            if frame[16] == 4 && frame[18..22] == [0x05, 0x10, 0x2c, 0x09] {
                frame[26..30].copy_from_slice(&(20_000u32 | 1 << 31).to_le_bytes());
            }
            true
        });
        let fault = bus.enter_op(&mut image).unwrap_err();
        let BusFault::Protocol { cause, .. } = &fault else { panic!("{fault}") };
        assert!(cause.contains("SubDevice 5 (press_z) is -20000 ns off"), "{cause}");
        bench.borrow_mut().disturb = Box::new(|_| true);
        to_op(bus);
    });
}
