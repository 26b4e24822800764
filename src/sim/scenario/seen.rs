//! What record, notices and machine have shown, held against what was expected.

use cellwright_controller::Alarm;
use cellwright_model::event::{Event, EventData, Measurement, StepEnded};
use cellwright_model::outcome::{UnitResult, Verdict};
use cellwright_recipe::Span;
use cellwright_recipe::scenario_text::{
    Content, Expect, ExpectedAlarm, ExpectedMeasurement, ExpectedStep, Spot,
};
use cellwright_twin::plant::{Held, Places, Pocket};

use super::Unmet;
use crate::VirtualCell;

/// See the module text.
#[derive(Default)]
pub(super) struct Seen {
    /// Code, first out, place.
    alarms: Vec<(String, bool, String)>,
    /// By serial, in the order of the record.
    steps: Vec<(String, StepEnded)>,
    /// Serial of the unit that was opened first.
    first: Option<String>,
    /// Good, ng, interrupted.
    units: [usize; 3],
}

impl Seen {
    pub(super) fn alarm(&mut self, alarm: &Alarm) {
        if alarm.cleared.is_none() && alarm.acknowledged.is_none() {
            self.alarms.push((alarm.code.to_string(), alarm.first_out, alarm.place.clone()));
        }
    }

    pub(super) fn event(&mut self, event: &Event) {
        let serial = event.draft.unit.as_ref().map(|u| u.serial.clone()).unwrap_or_default();
        match &event.draft.data {
            EventData::UnitOpened(_) => {
                self.first.get_or_insert(serial);
            }
            EventData::StepOutcome(step) => self.steps.push((serial, step.clone())),
            EventData::UnitResult(end) => {
                let place = match end.result {
                    UnitResult::Good => 0,
                    UnitResult::Ng => 1,
                    UnitResult::Interrupted => 2,
                };
                self.units[place] += 1;
            }
            _ => {}
        }
    }

    pub(super) fn has_ended(&self, step: &str) -> bool {
        self.steps.iter().any(|(_, s)| s.step == step)
    }

    pub(super) fn has_raised(&self, code: &str) -> bool {
        self.alarms.iter().any(|(c, ..)| c == code)
    }

    /// Ends of the first unit's steps.
    fn path(&self) -> impl Iterator<Item = &StepEnded> {
        self.steps.iter().filter(|(serial, _)| Some(serial) == self.first.as_ref()).map(|(_, s)| s)
    }

    /// Every expectation that is not met, in the order of the fields.
    pub(super) fn unmet(&self, expect: &Expect, cell: &VirtualCell) -> Vec<Unmet> {
        let mut unmet = Vec::new();
        self.unmet_alarms(&expect.alarms, &mut unmet);
        let (span, units) = expect.units;
        let counts =
            |[good, ng, interrupted]: [usize; 3]| format!("{good} good, {ng} ng, {interrupted} interrupted");
        say(&mut unmet, units == self.units, span, || (counts(units), counts(self.units)));
        if let Some((span, path)) = &expect.path {
            self.unmet_path(*span, path, &mut unmet);
        }
        for e in &expect.steps {
            let of: Vec<_> = self.steps.iter().map(|(_, s)| s).filter(|s| s.step == e.step).collect();
            let ends = || (shown(e), listed(of.iter().map(|s| came(s))));
            say(&mut unmet, of.iter().any(|s| fits(e, s)), e.span, ends);
        }
        expect.measurements.iter().for_each(|e| self.unmet_measurement(e, &mut unmet));
        let places = cell.places();
        for (span, spot, content) in &expect.parts {
            let found = content_of(&places, *spot);
            let words = || {
                (
                    content.as_str().to_owned(),
                    found.map_or("nothing that is known", Content::as_str).to_owned(),
                )
            };
            say(&mut unmet, found == Some(*content), *span, words);
        }
        for (span, tray, expected) in &expect.counts {
            let moved = places.trays.get(tray.index()).map_or(0, |t| t.moved);
            say(&mut unmet, moved == *expected, *span, || (expected.to_string(), moved.to_string()));
        }
        unmet
    }

    fn unmet_alarms(&self, (span, expected): &(Span, Vec<ExpectedAlarm>), unmet: &mut Vec<Unmet>) {
        let raised = || listed(self.alarms.iter().map(|(code, _, place)| format!("{code} at {place}")));
        for e in expected {
            let fits = |(code, first, at): &(String, bool, String)| {
                *code == e.code
                    && e.first_out.is_none_or(|f| f == *first)
                    && e.place.as_ref().is_none_or(|p| p == at)
            };
            let wanted = || {
                let first = e.first_out.map_or("", |f| if f { ", first out" } else { ", not first out" });
                let place = e.place.as_ref().map(|p| format!(" at {p}")).unwrap_or_default();
                format!("the alarm {}{place}{first}", e.code)
            };
            say(unmet, self.alarms.iter().any(fits), e.span, || (wanted(), raised()));
        }
        let known = |code: &String| expected.iter().any(|e| e.code == *code);
        let others: Vec<_> = self.alarms.iter().filter(|(code, ..)| !known(code)).collect();
        let other = || listed(others.iter().map(|(code, _, place)| format!("{code} at {place}")));
        say(unmet, others.is_empty(), *span, || ("no other alarm".to_owned(), other()));
    }

    /// The first difference is told, at its entry.
    fn unmet_path(&self, span: Span, expected: &[ExpectedStep], unmet: &mut Vec<Unmet>) {
        let path: Vec<&StepEnded> = self.path().collect();
        let way = || listed(path.iter().map(|s| came(s)));
        for (i, e) in expected.iter().enumerate() {
            let found = path.get(i);
            if !found.is_some_and(|s| fits(e, s)) {
                let found = found.map_or("the end".to_owned(), |s| came(s));
                return say(unmet, false, e.span, || (shown(e), format!("{found}; the path was {}", way())));
            }
        }
        let rest = || listed(path.iter().skip(expected.len()).map(|s| came(s)));
        say(unmet, path.len() <= expected.len(), span, || ("the path to end here".to_owned(), rest()));
    }

    fn unmet_measurement(&self, e: &ExpectedMeasurement, unmet: &mut Vec<Unmet>) {
        let of_step = |s: &&StepEnded| s.step == e.step && e.attempt.is_none_or(|a| a == s.attempt);
        let of_attempt = |s: &StepEnded| s.measurements.iter().find(|m| m.name == e.name).cloned();
        let Some(m) = self.path().filter(of_step).filter_map(of_attempt).last() else {
            return say(unmet, false, e.span, || {
                (format!("{}.{}", e.step, e.name), "no such measurement".into())
            });
        };
        let verdict = e.verdict.is_none_or(|v| v == m.verdict);
        let within = e.within.is_none_or(|(lo, hi)| m.value.is_some_and(|v| v >= lo && v <= hi));
        say(unmet, verdict && within, e.span, || {
            let words = [
                e.verdict.map(|v| verdict_word(v).to_owned()),
                e.within.map(|(lo, hi)| format!("{lo} .. {hi} {}", m.unit)),
            ];
            (listed(words.into_iter().flatten()), measured(&m))
        });
    }
}

fn say(unmet: &mut Vec<Unmet>, holds: bool, span: Span, words: impl FnOnce() -> (String, String)) {
    if !holds {
        let (expected, came) = words();
        unmet.push(Unmet { span, expected, came });
    }
}

fn fits(e: &ExpectedStep, s: &StepEnded) -> bool {
    s.step == e.step && s.outcome == e.outcome && (e.cause.is_none() || s.cause == e.cause)
}

fn shown(e: &ExpectedStep) -> String {
    let cause = e.cause.as_ref().map(|c| format!(" by {c}")).unwrap_or_default();
    format!("{} {}{cause}", e.step, e.outcome.as_str())
}

fn came(s: &StepEnded) -> String {
    let cause = s.cause.as_ref().map(|c| format!(" by {c}")).unwrap_or_default();
    format!("{} {}{cause}", s.step, s.outcome.as_str())
}

fn measured(m: &Measurement) -> String {
    let value = m.value.map_or("no value".to_owned(), |v| format!("{v} {}", m.unit));
    format!("{value}, {}", verdict_word(m.verdict))
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Marginal => "marginal",
        Verdict::Fail => "fail",
        Verdict::Invalid => "invalid",
    }
}

/// `a, b`; `none`.
pub(super) fn listed(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// `AwaitOperator` as `await-operator`.
pub(super) fn word(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && i > 0 {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// What is truly there; `None`: the machine has no such place.
fn content_of(places: &Places, spot: Spot) -> Option<Content> {
    match spot {
        Spot::Gripper(robot) => places.grippers.get(robot.index()).map(|held| match held {
            None => Content::Empty,
            Some(Held::Part(_)) => Content::Part,
            Some(Held::Unit(_)) => Content::Unit,
        }),
        Spot::Nest(n) => {
            let nest = places.nests.get(usize::from(n))?;
            Some(if nest.is_empty() { Content::Empty } else { Content::Unit })
        }
        Spot::Pocket(tray, n) => {
            places.trays.get(tray.index())?.pockets.get(n as usize).map(|pocket| match pocket {
                Pocket::Empty => Content::Empty,
                Pocket::Fresh => Content::Fresh,
                Pocket::Unit(_) | Pocket::Earlier => Content::Unit,
            })
        }
    }
}
