//! Which sample of its noise a sensor is at.
//!
//! A sensor of a process (press force, thread torque, leak pressure) counts its samples from where the process
//! on the parts under it began, and its draws are of those parts: equal motion on equal parts gives equal
//! samples whatever the time, so the record of a unit is the same made alone or among four. A sensor without
//! parts under it, and the ambient one, count by the time of the plant.

use super::SUBSTEP_NS;

/// Slower than this share of its highest velocity an axis stands.
const MOVES_SHARE: f64 = 2e-4;
/// An axis that stands this long has ended its motion; the next one begins new samples. Motions of one process
/// follow each other within a few cycles.
const REST_SUBSTEPS: u32 = (20_000_000 / SUBSTEP_NS) as u32;

/// Key of a draw of noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// By the time of the plant, in substeps.
    Free { substep: u64 },
    /// The `sample`-th substep since the `start`-th beginning of the process on these parts.
    Of { parts: u64, start: u32, sample: u64 },
}

/// What begins a process: an axis that sets off, or a clamp that closes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Process {
    /// Above this speed, au/s, or state of the clamp, it runs.
    runs_above: f64,
    /// Substeps without running that end it.
    rest: u32,
    /// Under the sensor now.
    present: bool,
    parts: u64,
    start: u32,
    sample: u64,
    stood_for: u32,
}

impl Process {
    /// `velocity_max_au_s`: of the axis that works.
    pub fn by_motion(velocity_max_au_s: f64) -> Process {
        Process::new(velocity_max_au_s * MOVES_SHARE, REST_SUBSTEPS)
    }

    /// Running from the closing of a clamp to its opening.
    pub fn by_clamp() -> Process {
        Process::new(0.5, 1)
    }

    fn new(runs_above: f64, rest: u32) -> Process {
        Process { runs_above, rest, present: false, parts: 0, start: 0, sample: 0, stood_for: rest }
    }

    /// A substep passes with these parts under the sensor (`None`: with none).
    pub fn substep(&mut self, parts: Option<u64>, speed: f64) {
        self.present = parts.is_some();
        // Parts that come back go on where they were: a second test of a unit has samples of its own.
        if let Some(parts) = parts.filter(|p| *p != self.parts) {
            (self.parts, self.start, self.sample) = (parts, 0, 0);
        }
        if speed.abs() <= self.runs_above {
            self.stood_for = self.stood_for.saturating_add(1);
        } else {
            if self.stood_for >= self.rest {
                (self.start, self.sample) = (self.start.saturating_add(1), 0);
            }
            self.stood_for = 0;
        }
        // Before the first beginning nothing counts: how long parts wait must not matter.
        self.sample += u64::from(self.start > 0);
    }

    /// `None`: without parts under the sensor.
    pub fn series(&self) -> Option<Series> {
        let Process { parts, start, sample, .. } = *self;
        self.present.then_some(Series::Of { parts, start, sample })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Series over a script of (substeps, parts, speed).
    fn run(process: &mut Process, script: &[(u32, Option<u64>, f64)]) -> Vec<Option<Series>> {
        let mut out = Vec::new();
        for (n, parts, speed) in script {
            for _ in 0..*n {
                process.substep(*parts, *speed);
                out.push(process.series());
            }
        }
        out
    }

    #[test]
    fn samples_count_from_the_motion_however_long_the_parts_waited() {
        let work = [(300, Some(7), 60.0), (50, Some(7), 0.0), (300, Some(7), 2.0), (400, Some(7), 0.0)];
        let after = |wait: u32| {
            let mut p = Process::by_motion(200.0);
            run(&mut p, &[(100, Some(3), 5.0), (wait, Some(7), 0.0)]);
            run(&mut p, &work)
        };
        let at_once = after(200);
        assert_eq!(at_once, after(100_000));
        assert_eq!(at_once[0], Some(Series::Of { parts: 7, start: 1, sample: 1 }));
        let last = Some(Series::Of { parts: 7, start: 1, sample: 1050 });
        assert_eq!(at_once[1049], last, "a short halt is no end of the motion");
    }

    #[test]
    fn what_waits_shows_one_sample_and_what_is_gone_none() {
        let mut p = Process::by_motion(200.0);
        let waiting = run(&mut p, &[(200, None, 0.0), (1000, Some(7), 0.0)]);
        assert!(waiting[..200].iter().all(Option::is_none));
        assert!(waiting[200..].iter().all(|s| *s == Some(Series::Of { parts: 7, start: 0, sample: 0 })));
    }

    #[test]
    fn a_second_closing_of_the_clamp_has_samples_of_its_own_also_when_the_parts_were_away() {
        let mut p = Process::by_clamp();
        let first = run(&mut p, &[(5, None, 0.0), (10, Some(7), 1.0)]);
        assert_eq!(first[14], Some(Series::Of { parts: 7, start: 1, sample: 10 }));
        let again = run(&mut p, &[(30, None, 0.0), (10, Some(7), 1.0)]);
        assert_eq!(again[39], Some(Series::Of { parts: 7, start: 2, sample: 10 }));
    }
}
