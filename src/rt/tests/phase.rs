//! The cycle's instants follow a reference clock that drifts, jumps, and is read late.

use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::bus::Reference;
use cellwright_rt::phase::{PhaseLock, Step};

const PERIOD: DurationNs = DurationNs(1_000_000);
const SHIFT: DurationNs = DurationNs(300_000);
/// From the instant at which a frame is sent to its passing the reference clock.
const TO_REFERENCE_NS: u64 = 7_000;

/// A reference clock, and the cycle that follows it.
struct Bench {
    lock: PhaseLock,
    due: u64,
    drift_ppb: i64,
    offset_ns: u64,
    jumps: u32,
    shortest: u64,
    longest: u64,
}

impl Bench {
    fn new(drift_ppb: i64) -> Bench {
        let lock = PhaseLock::new(PERIOD, SHIFT);
        let (due, offset_ns) = (5_000_000_000, 123_456_789);
        Bench { lock, due, drift_ppb, offset_ns, jumps: 0, shortest: u64::MAX, longest: 0 }
    }

    fn reading(&self, sent: u64) -> Reference {
        let passed = sent + TO_REFERENCE_NS;
        let drift = i128::from(passed) * i128::from(self.drift_ppb) / 1_000_000_000;
        Reference { sent: TimeNs(sent), time_ns: (i128::from(passed + self.offset_ns) + drift) as u64 }
    }

    /// Phase of the instant, without what its wake-up was late by.
    fn phase(&self) -> i64 {
        self.reading(self.due).phase(TimeNs(self.due), PERIOD, SHIFT)
    }

    /// One cycle that is woken `late_ns` after its instant, and the instant of the next one.
    fn cycle(&mut self, late_ns: u64, on_the_way_ns: u64, heard: bool) -> Step {
        let mut reading = self.reading(self.due + late_ns);
        reading.time_ns += on_the_way_ns;
        let step = self.lock.step(TimeNs(self.due), heard.then_some(reading), 1);
        let next = (self.due + PERIOD.0).saturating_add_signed(step.correction_ns);
        let length = next - self.due;
        (self.shortest, self.longest) = (self.shortest.min(length), self.longest.max(length));
        self.jumps += u32::from(step.jumped);
        self.due = next;
        step
    }

    fn lock_on(&mut self) {
        let reading = self.reading(self.due);
        self.due = self.lock.first(TimeNs(self.due + PERIOD.0), Some(reading)).0;
        for _ in 0..400 {
            self.cycle(0, 0, true);
        }
        assert!(self.lock.is_locked());
    }
}

/// xorshift64: unrest of a wake-up.
fn unrest(state: &mut u64, most: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % most
}

#[test]
fn drift_is_followed() {
    for drift_ppb in [-50_000, 0, 50_000] {
        let mut bench = Bench::new(drift_ppb);
        bench.lock_on();
        assert!(bench.phase().abs() < 100, "{} ns at {drift_ppb} ppb", bench.phase());
        let mut state = 7;
        for _ in 0..2_000 {
            let late = unrest(&mut state, 80_000);
            bench.cycle(late, 0, true);
            assert!(bench.phase().abs() < 1_000, "the unrest of waking does not reach the instants");
        }
        assert_eq!(bench.jumps, 0);
    }
}

#[test]
fn without_readings_the_drift_that_was_learnt_goes_on() {
    let mut bench = Bench::new(50_000);
    bench.lock_on();
    for _ in 0..200 {
        bench.cycle(0, 0, false);
    }
    // Forgotten, it would be 10 µs.
    assert!(bench.phase().abs() < 1_000, "{} ns", bench.phase());
}

#[test]
fn a_jump_is_counted_once_and_never_a_burst() {
    for jump_us in [70, 250, 499, 500, 501, 750, 930, 123_456] {
        for drift_ppb in [-50_000, 50_000] {
            let mut bench = Bench::new(drift_ppb);
            bench.lock_on();
            bench.offset_ns += jump_us * 1_000;
            for _ in 0..200 {
                bench.cycle(0, 0, true);
            }
            assert_eq!(bench.jumps, 1, "by {jump_us} µs");
            assert!(bench.phase().unsigned_abs() < PERIOD.0 / 100, "{} ns after {jump_us} µs", bench.phase());
            assert!(bench.shortest >= PERIOD.0 * 99 / 100 && bench.longest <= PERIOD.0 * 101 / 100);
            for _ in 0..300 {
                bench.cycle(0, 0, true);
            }
            assert!(bench.phase().abs() < 1_000, "{} ns", bench.phase());
        }
    }
}

#[test]
fn a_frame_that_was_late_on_its_way_is_no_jump() {
    let mut bench = Bench::new(0);
    bench.lock_on();
    let mut state = 11;
    for n in 0..3_000u64 {
        let on_the_way = if n % 3 == 0 { 0 } else { 70_000 + unrest(&mut state, 400_000) };
        bench.cycle(0, on_the_way, true);
        assert!(bench.phase().abs() < 1_000, "{} ns", bench.phase());
    }
    assert_eq!(bench.jumps, 0);
}

#[test]
fn without_any_knowledge_a_half_period_is_made_up_for_within_bounds() {
    let mut bench = Bench::new(20_000);
    bench.offset_ns += 500_000 + PERIOD.0 - bench.phase().rem_euclid(PERIOD.0 as i64) as u64;
    for _ in 0..200 {
        bench.cycle(0, 0, true);
    }
    assert!(bench.phase().unsigned_abs() < PERIOD.0 / 100, "{} ns", bench.phase());
    assert_eq!(bench.jumps, 0);
    assert!(bench.shortest >= PERIOD.0 * 99 / 100 && bench.longest <= PERIOD.0 * 101 / 100);
}

#[test]
fn periods_that_were_slept_through_keep_their_drift() {
    let mut bench = Bench::new(50_000);
    bench.lock_on();
    let before = bench.phase();
    let reading = bench.reading(bench.due + 40 * PERIOD.0 + 500_000);
    let step = bench.lock.step(TimeNs(bench.due), Some(reading), 41);
    bench.due = (bench.due + 41 * PERIOD.0).saturating_add_signed(step.correction_ns);
    assert!((bench.phase() - before).abs() < 1_000, "{} ns", bench.phase());
}
