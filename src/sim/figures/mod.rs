//! What a record says in figures: yield, takt, how busy each station and resource was, the distribution and Cpk of each
//! measurement. Events go in one after the other and nothing else of the simulation does, so that a record gives the
//! same figures whoever computes them; the Plan says which resources a step holds, and which limits count.
//!
//! Terms. *Takt*: from the first Execute to the end of the last unit, divided by the units that ended. *Busy*: while an
//! attempt of a step is under way there, branches beside each other counted once; the *share* is of the time from the
//! first Execute to the end of the last unit. The rest of it is the table's turning, and waiting. The *bottleneck* is what
//! is busiest: nothing can be made faster than it. Distributions are over *first attempts*: one value a unit; a second
//! attempt is made only of parts that have failed, and would count those twice.

mod distribution;
mod lanes;

use std::collections::BTreeMap;

use cellwright_model::cell::Cell;
use cellwright_model::event::{Event, EventData, StepEnded, UnitEnded};
use cellwright_model::outcome::{StepOutcome, UnitResult, Verdict};
use cellwright_model::packml::CellState;
use cellwright_model::plan::Plan;
use cellwright_model::time::parse_rfc3339;

pub use distribution::{Bin, Distribution, OfValues, QUANTILES, Undefined};
pub use lanes::{Lane, LaneKind};

use distribution::Values;
use lanes::Lanes;

/// Stands with every figure that comes from a twin.
pub const NOTICE: &str = "predicted from the plant model; not evidence of process capability";

/// Takes events in.
pub struct Figures {
    lanes: Lanes,
    /// Of each measurement of the Plan, in the order of its steps; then of what else is recorded as one: of a window
    /// over a curve the sample that lies worst.
    values: Vec<Values>,
    counts: Counts,
    ng_by_cause: BTreeMap<String, u64>,
    span: Option<Span>,
}

/// Units that came to their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub units: u64,
    pub good: u64,
    pub ng: u64,
    pub interrupted: u64,
    /// Good ones of which no step was tried twice.
    pub first_pass: u64,
}

/// From the first Execute to the end of the last unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    from_unix_ns: i128,
    from_ns: u64,
    to_ns: u64,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub counts: Counts,
    /// `<step>/<measurement or cause>` of units that are not good.
    pub ng_by_cause: BTreeMap<String, u64>,
    /// From the first Execute to the end of the last unit.
    pub span_s: f64,
    /// Stations in the order of the cell, then what the steps hold.
    pub lanes: Vec<Lane>,
    pub distributions: Vec<Distribution>,
}

impl Figures {
    /// Of units that are made on `cell` by `plan`.
    pub fn new(cell: &Cell, plan: &Plan) -> Figures {
        let specs = plan.steps.iter().flat_map(|s| s.measurements.iter().map(|m| (s.id.as_str(), m)));
        Figures {
            lanes: Lanes::of(cell, plan),
            values: specs.map(|(step, spec)| Values::of(step, spec)).collect(),
            counts: Counts::default(),
            ng_by_cause: BTreeMap::new(),
            span: None,
        }
    }

    /// Takes the next event of the record in.
    pub fn look(&mut self, event: &Event) {
        let time = &event.draft.time;
        let serial = event.draft.unit.as_ref().map_or("", |u| u.serial.as_str());
        match &event.draft.data {
            EventData::CellState(s) if s.to == CellState::Execute => {
                let ns = time.monotonic_ns;
                self.span.get_or_insert(Span { from_unix_ns: time.wall_unix_ns, from_ns: ns, to_ns: ns });
            }
            EventData::StepOutcome(step) => {
                if let Some((start, end)) = interval(step) {
                    self.lanes.add(step, serial, (start, end));
                }
                self.measured(step);
            }
            EventData::UnitResult(end) => {
                if let Some(span) = &mut self.span {
                    span.to_ns = time.monotonic_ns;
                }
                self.ended(end);
            }
            _ => {}
        }
    }

    fn measured(&mut self, step: &StepEnded) {
        if step.attempt != 1 || step.outcome == StepOutcome::Skipped {
            return;
        }
        for measurement in &step.measurements {
            let of = |v: &Values| v.step == step.step && v.name == measurement.name;
            let at = self.values.iter().position(of).unwrap_or_else(|| {
                self.values.push(Values::of_record(&step.step, measurement));
                self.values.len() - 1
            });
            self.values[at].take(measurement.value.filter(|_| measurement.verdict != Verdict::Invalid));
        }
    }

    fn ended(&mut self, end: &UnitEnded) {
        self.counts.units += 1;
        match end.result {
            UnitResult::Good => {
                self.counts.good += 1;
                self.counts.first_pass += u64::from(!end.retested);
            }
            UnitResult::Ng => {
                self.counts.ng += 1;
                if let Some(cause) = &end.cause {
                    *self.ng_by_cause.entry(cause.clone()).or_default() += 1;
                }
            }
            UnitResult::Interrupted => self.counts.interrupted += 1,
        }
    }

    /// Names of the lanes, in the order of [`Report::lanes`].
    pub fn lanes(&self) -> impl Iterator<Item = (LaneKind, &str)> {
        self.lanes.all().iter().map(|l| (l.kind, l.name.as_str()))
    }

    /// Where an attempt was under way, by place in [`Figures::lanes`], and from when to when: ns since 1970.
    pub fn places(&self, step: &StepEnded) -> Option<(Vec<usize>, (i128, i128))> {
        Some((self.lanes.of_step(step), interval(step)?))
    }

    /// The first Execute, ns since 1970.
    pub fn begin_unix_ns(&self) -> Option<i128> {
        self.span.map(|s| s.from_unix_ns)
    }

    /// What was seen so far.
    pub fn report(self) -> Report {
        Report {
            counts: self.counts,
            ng_by_cause: self.ng_by_cause,
            span_s: self.span.map_or(0.0, |s| (s.to_ns - s.from_ns) as f64 / 1e9),
            lanes: self.lanes.settled(),
            distributions: self.values.into_iter().map(Values::distribution).collect(),
        }
    }
}

/// From when to when an attempt was under way; `None` for one that did nothing.
fn interval(step: &StepEnded) -> Option<(i128, i128)> {
    let (start, end) = (parse_rfc3339(&step.start)?, parse_rfc3339(&step.end)?);
    (end > start && step.outcome != StepOutcome::Skipped).then_some((start, end))
}

impl Report {
    /// 0 where no unit ended.
    pub fn takt_s(&self) -> f64 {
        if self.counts.units > 0 { self.span_s / self.counts.units as f64 } else { 0.0 }
    }

    /// Good units among those that ended; `None` where there is none.
    pub fn yielded(&self) -> Option<f64> {
        self.share_of_units(self.counts.good)
    }

    /// The same of those of which no step was tried twice.
    pub fn first_pass_yield(&self) -> Option<f64> {
        self.share_of_units(self.counts.first_pass)
    }

    fn share_of_units(&self, n: u64) -> Option<f64> {
        (self.counts.units > 0).then(|| n as f64 / self.counts.units as f64)
    }

    /// How much of the time a lane is busy, 0 .. 1.
    pub fn share(&self, lane: &Lane) -> f64 {
        if self.span_s > 0.0 { lane.busy_s / self.span_s } else { 0.0 }
    }

    /// The busiest lane, the first of equals; `None` where nothing was done.
    pub fn bottleneck(&self) -> Option<&Lane> {
        let busier = |a: &&Lane, b: &&Lane| a.busy_s.total_cmp(&b.busy_s);
        self.lanes.iter().rev().filter(|l| l.busy_s > 0.0).max_by(busier)
    }
}

#[cfg(test)]
mod tests;
