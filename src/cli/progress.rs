//! What people and programs see of a run: a line an event, after it is durable.

use cellwright_controller::Alarm;
use cellwright_model::event::{Event, EventData, Measurement, StepEnded};
use cellwright_model::outcome::{StepOutcome, UnitResult, Verdict};
use cellwright_rt::bus::BusCounters;
use serde::Serialize;

use super::order::Made;
use super::out::Lines;

/// Writes events as lines: plain text, or the event's canonical JSON.
pub(crate) struct Printer {
    pub(crate) json: bool,
    pub(crate) out: Lines,
}

/// Ends a run; the last line of `run --json`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) units: u64,
    pub(crate) good: u64,
    pub(crate) ng: u64,
    pub(crate) interrupted: u64,
    pub(crate) serials: Vec<String>,
    pub(crate) cycles: u64,
    pub(crate) missed_cycles: u64,
    pub(crate) wkc_errors: u64,
    pub(crate) bus: BusSummary,
    /// The order file, over all runs; null without one.
    pub(crate) order: Option<Made>,
}

/// What came of the frames of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct BusSummary {
    lost_frames: u64,
    late_frames: u64,
    stray_frames: u64,
    wkc_errors: u64,
    /// Exchanges in which a SubDevice was not in the wanted state.
    al_errors: u64,
}

impl From<&BusCounters> for BusSummary {
    fn from(c: &BusCounters) -> BusSummary {
        BusSummary {
            lost_frames: c.lost,
            late_frames: c.late_frames,
            stray_frames: c.stray_frames,
            wkc_errors: c.wkc_errors,
            al_errors: c.al_errors,
        }
    }
}

impl Summary {
    /// Counts a unit that came to its end.
    pub(crate) fn count(&mut self, event: &Event) {
        let EventData::UnitResult(end) = &event.draft.data else { return };
        self.units += 1;
        match end.result {
            UnitResult::Good => self.good += 1,
            UnitResult::Ng => self.ng += 1,
            UnitResult::Interrupted => self.interrupted += 1,
        }
        self.serials.extend(event.draft.unit.as_ref().map(|u| u.serial.clone()));
    }
}

impl Printer {
    /// The line of an event, if it has one.
    pub(crate) fn event(&mut self, event: &Event) {
        let line = if self.json { Some(event.line.clone()) } else { text(event) };
        if let Some(line) = line {
            self.out.line(line);
        }
    }

    /// A line of text in plain mode only.
    pub(crate) fn say(&mut self, line: &str) {
        if !self.json {
            self.out.line(line.to_owned());
        }
    }
}

/// What a person is told of an alarm.
pub(crate) fn alarm(alarm: &Alarm) -> String {
    let word = match (alarm.cleared, alarm.acknowledged) {
        (Some(_), _) => "cleared",
        (None, Some(_)) => "acknowledged",
        (None, None) => "ALARM",
    };
    let first = if alarm.first_out { " (first)" } else { "" };
    format!("{word}{first}: {}: {}\n       remedy: {}", alarm.place, alarm.cause, alarm.remedy)
}

/// The plain line of an event; `None` for those that only the record needs.
pub(crate) fn text(event: &Event) -> Option<String> {
    let time = event.draft.time.rfc3339();
    let time = time.get(11..23).unwrap_or(&time);
    let serial = event.draft.unit.as_ref().map_or("", |u| u.serial.as_str());
    match &event.draft.data {
        EventData::CellState(s) => Some(format!("{time}  {:<12} {}", s.to.name(), s.cause)),
        EventData::CellCommand(c) if c.accepted => {
            Some(format!("{time}  command      {} by {} ({})", c.command, c.who, c.whence))
        }
        EventData::CellCommand(c) => Some(format!(
            "{time}  rejected     {} by {}: {}",
            c.command,
            c.who,
            c.reason.as_deref().unwrap_or("not possible now")
        )),
        // Shown when it was raised, before its commit: see `alarm`.
        EventData::Alarm(_) => None,
        EventData::UnitOpened(_) => Some(format!("{time}  unit         {serial}")),
        EventData::StepOutcome(step) => Some(format!("{time}  {}", step_text(serial, step))),
        EventData::UnitResult(end) => Some(format!(
            "{time}  {serial:<12} {}{}",
            end.result.as_str().to_uppercase(),
            end.cause.as_deref().map(|c| format!("  because of {c}")).unwrap_or_default()
        )),
        EventData::OperatorAnswer(a) => {
            Some(format!("{time}  answer       {} by {}: {}", a.answer, a.operator, a.prompt))
        }
        _ => None,
    }
}

fn step_text(serial: &str, step: &StepEnded) -> String {
    let attempt = if step.attempt > 1 { format!(" (attempt {})", step.attempt) } else { String::new() };
    let cause = match (&step.cause, step.outcome) {
        (Some(cause), outcome) if outcome != StepOutcome::Passed => format!("  {cause}"),
        _ => String::new(),
    };
    let measurements: Vec<String> = step.measurements.iter().map(measurement_text).collect();
    format!(
        "{serial:<12} {:<6} {:<16}{attempt} {:<9} {:>6.2} s{cause}  {}",
        step.station.as_deref().unwrap_or("-"),
        step.step,
        step.outcome.as_str(),
        step.duration_ns as f64 / 1e9,
        measurements.join(", ")
    )
    .trim_end()
    .to_owned()
}

/// `seat_force 92.1 N [70 .. 150] pass`.
pub(crate) fn measurement_text(m: &Measurement) -> String {
    let value = m.value.map_or_else(|| "none".to_owned(), |v| v.to_string());
    let end = |limit: Option<f64>| limit.map_or_else(|| "…".to_owned(), |v| v.to_string());
    let verdict = match m.verdict {
        Verdict::Pass => "pass",
        Verdict::Marginal => "marginal",
        Verdict::Fail => "FAIL",
        Verdict::Invalid => "INVALID",
    };
    format!("{} {value} {} [{} .. {}] {verdict}", m.name, m.unit, end(m.limits[0]), end(m.limits[1]))
}

/// `p50 1.2 µs, p99 …` of a histogram in ns.
/// How the cycle stood to the reference clock, if it followed one.
pub(crate) fn phase(cycle: &cellwright_rt::LoopReport) -> Option<String> {
    let q = quantiles(&cycle.phase_ns);
    (cycle.phase_ns.count > 0)
        .then(|| format!("phase      {q} off the reference clock, which jumped {} times", cycle.clock_jumps))
}

pub(crate) fn quantiles(q: &cellwright_rt::Quantiles) -> String {
    let us = |ns: u64| ns as f64 / 1e3;
    format!(
        "p50 {:.1} µs, p99 {:.1} µs, p99.9 {:.1} µs, max {:.1} µs",
        us(q.p50),
        us(q.p99),
        us(q.p999),
        us(q.max)
    )
}
