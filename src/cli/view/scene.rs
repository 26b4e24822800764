//! What the view shows: the newest snapshot, what was told since, and what is being typed.

use std::collections::VecDeque;
use std::sync::Arc;

use cellwright_model::cell::Cell;
use cellwright_model::curve::Curve;
use cellwright_rt::Quantiles;
use cellwright_station::{QuestionSeen, Snapshot};

/// Plain lines that are kept to be shown: more than the tallest screen has.
const LINES_MAX: usize = 200;
/// Points of a curve that are drawn: more than the widest screen has columns of dots.
const POINTS_MAX: usize = 600;
/// A typed answer: as long as the record takes one.
pub(crate) const TYPED_MAX: usize = 200;

/// See the module text.
pub(crate) struct Scene {
    pub(crate) cell: Arc<Cell>,
    /// Whose keys these are.
    pub(crate) who: String,
    /// An automatic operator starts the cell and answers.
    pub(crate) automatic: bool,
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    pub(crate) lines: VecDeque<String>,
    pub(crate) press: Option<Press>,
    pub(crate) takt: Takt,
    pub(crate) wake: Quantiles,
    /// The text of an answer, while one is typed.
    pub(crate) typed: Option<String>,
    /// Which of the open questions is shown.
    pub(crate) asked: usize,
    /// What a key came to, in words.
    pub(crate) note: Option<String>,
}

/// The force curve of the last press.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Press {
    pub(crate) serial: String,
    pub(crate) step: String,
    /// What it measured, with limits and verdict.
    pub(crate) measured: Vec<String>,
    /// Position in mm, force in N.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Time between the ends of two units.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Takt {
    first_ns: Option<u64>,
    last_ns: Option<u64>,
    pub(crate) last_s: Option<f64>,
    ends: u32,
}

impl Takt {
    /// A unit ended at this time of the cycle's clock.
    pub(crate) fn ended(&mut self, at_ns: u64) {
        self.last_s = self.last_ns.map(|last| at_ns.saturating_sub(last) as f64 / 1e9);
        self.first_ns.get_or_insert(at_ns);
        self.last_ns = Some(at_ns);
        self.ends = self.ends.saturating_add(1);
    }

    /// Mean of all so far; `None` before the second end.
    pub(crate) fn mean_s(&self) -> Option<f64> {
        let between = self.ends.checked_sub(1).filter(|n| *n > 0)?;
        Some(self.last_ns?.saturating_sub(self.first_ns?) as f64 / 1e9 / f64::from(between))
    }
}

/// (position, value) of what a screen shows of a curve; both ends and the highest value stay.
pub(crate) fn thinned(curve: &Curve) -> Vec<(f64, f64)> {
    let samples = &curve.samples;
    let every = samples.len().div_ceil(POINTS_MAX).max(1);
    let last = samples.len().saturating_sub(1);
    let highest = (0..samples.len()).max_by(|a, b| samples[*a].value.total_cmp(&samples[*b].value));
    let kept = (0..samples.len()).filter(|i| i % every == 0 || *i == last || Some(*i) == highest);
    kept.map(|i| (samples[i].position_au, samples[i].value)).collect()
}

impl Scene {
    /// Before anything is known.
    pub(crate) fn new(cell: Arc<Cell>, who: String, automatic: bool) -> Scene {
        Scene {
            cell,
            who,
            automatic,
            snapshot: None,
            lines: VecDeque::new(),
            press: None,
            takt: Takt::default(),
            wake: Quantiles::default(),
            typed: None,
            asked: 0,
            note: None,
        }
    }

    /// Takes the newest snapshot. What was typed for a question that is no longer asked is dropped.
    pub(crate) fn see(&mut self, snapshot: Arc<Snapshot>) {
        let before = self.question().map(|q| q.id);
        self.snapshot = Some(snapshot);
        let questions = self.snapshot.as_ref().map_or(0, |s| s.questions.len());
        self.asked = self.asked.min(questions.saturating_sub(1));
        if self.question().map(|q| q.id) != before {
            self.typed = None;
        }
    }

    /// Adds what a plain run would print; several lines at once become several.
    pub(crate) fn line(&mut self, text: &str) {
        self.lines.extend(text.lines().map(str::to_owned));
        let over = self.lines.len().saturating_sub(LINES_MAX);
        self.lines.drain(..over);
    }

    /// The question that is shown.
    pub(crate) fn question(&self) -> Option<&QuestionSeen> {
        self.snapshot.as_ref()?.questions.get(self.asked)
    }
}

#[cfg(test)]
mod tests {
    use cellwright_model::curve::CurveSample;

    use super::*;

    #[test]
    fn takt_is_the_time_between_two_ends() {
        let mut takt = Takt::default();
        takt.ended(1_000_000_000);
        assert_eq!((takt.last_s, takt.mean_s()), (None, None));
        takt.ended(11_000_000_000);
        takt.ended(31_000_000_000);
        assert_eq!((takt.last_s, takt.mean_s()), (Some(20.0), Some(15.0)));
    }

    #[test]
    fn a_long_curve_is_thinned_and_keeps_its_peak_and_its_end() {
        let sample = |i: u64| CurveSample {
            t_ns: i,
            position_au: i as f64,
            value: if i == 7_777 { 99.0 } else { 1.0 },
        };
        let curve = Curve { samples: (0..30_000).map(sample).collect(), ..Curve::default() };
        let points = thinned(&curve);
        assert!(points.len() <= POINTS_MAX + 2, "{}", points.len());
        assert!(points.contains(&(7_777.0, 99.0)));
        assert_eq!(points.last(), Some(&(29_999.0, 1.0)));
        assert!(thinned(&Curve::default()).is_empty());
    }
}
