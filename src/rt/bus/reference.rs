//! One reading of the segment's reference clock.

use cellwright_model::{DurationNs, TimeNs};

/// The time of the reference clock as a frame passed it (ETG.1000.4, clause 6.8: register 0x0910), and when that
/// frame was handed to the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// On the bus's clock.
    pub sent: TimeNs,
    /// On the reference clock, ns.
    pub time_ns: u64,
}

impl Reference {
    /// By how much a frame that was sent at `instant` passes the reference clock after its own instant, `shift`
    /// after a whole multiple of `period`; negative: before. Between minus and plus half a period, ns.
    pub fn phase(&self, instant: TimeNs, period: DurationNs, shift: DurationNs) -> i64 {
        let period = i128::from(period.0.max(1));
        let at = i128::from(self.time_ns) + i128::from(instant.0) - i128::from(self.sent.0);
        let phase = (at - i128::from(shift.0)).rem_euclid(period);
        let phase = if phase >= period - period / 2 { phase - period } else { phase };
        phase as i64
    }

    /// The first instant from `earliest` on at which a frame that is sent passes the reference clock at its own.
    pub fn aligned(&self, earliest: TimeNs, period: DurationNs, shift: DurationNs) -> TimeNs {
        let phase = self.phase(earliest, period, shift);
        let wait = if phase > 0 { period.0 as i64 - phase } else { -phase };
        earliest + DurationNs(wait.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: DurationNs = DurationNs(1_000_000);
    const SHIFT: DurationNs = DurationNs(300_000);

    #[test]
    fn the_phase_is_told_from_the_instant_that_the_frame_was_sent_at() {
        let reference = Reference { sent: TimeNs(5_000_100), time_ns: 77_000_300_000 };
        let phase = |at| reference.phase(TimeNs(at), PERIOD, SHIFT);
        assert_eq!(phase(5_000_100), 0);
        assert_eq!((phase(5_000_150), phase(5_000_000)), (50, -100));
        assert_eq!((phase(5_500_099), phase(5_500_100)), (499_999, -500_000));
        assert_eq!(phase(9_000_200), 100);
    }

    #[test]
    fn an_aligned_instant_is_the_next_one_with_no_phase() {
        let reference = Reference { sent: TimeNs(5_000_100), time_ns: 77_123_456_789 };
        for earliest in (6_000_000..7_000_000).step_by(7_919) {
            let at = reference.aligned(TimeNs(earliest), PERIOD, SHIFT);
            assert_eq!(reference.phase(at, PERIOD, SHIFT), 0);
            assert!(at.since(TimeNs(earliest)) < PERIOD && at >= TimeNs(earliest));
        }
    }
}
