//! What stands in the box of a step: the lines of its gate, what it measures, and what is done when it does not pass.

use cellwright_model::cell::Cell;
use cellwright_model::plan::{
    EnvelopePoint, Handler, MeasurementSpec, Place, PlaceWhat, Plan, Primitive, Step, Then, Window,
    WindowShape,
};
use cellwright_model::{DurationNs, TrayId};

/// Letters in a line; longer ones are broken.
const LETTERS_MAX: usize = 42;

/// What a line tells, which its look shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Name,
    Kind,
    /// What is waited for or must hold.
    Gate,
    Measured,
    Handler,
    /// From here the unit may be rejected.
    Reject,
}

/// One line of a box.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) part: Part,
    pub(super) words: String,
}

/// Whether a unit that does not pass this step may be rejected by it, without a person.
pub(super) fn rejects(step: &Step) -> bool {
    (step.judges() && step.on_fail.last() == Then::Reject) || step.on_fault.last() == Then::Reject
}

/// Whether it may be tried again by itself.
pub(super) fn retries(step: &Step) -> bool {
    (step.judges() && step.on_fail.retry().is_some()) || step.on_fault.retry().is_some()
}

/// It lets the unit on, and does nothing to it.
pub(super) fn is_gate(step: &Step) -> bool {
    matches!(step.kind.as_str(), "wait" | "check" | "confirm")
}

/// The lines of a step. `rejecting`: the unit is rejected already.
pub(super) fn of_step(cell: &Cell, step: &Step, rejecting: bool) -> Vec<Line> {
    let mut lines = vec![Line { part: Part::Name, words: step.id.clone() }];
    let mut say = |part: Part, words: String| lines.extend(broken(&words).map(|words| Line { part, words }));
    let station = step.station.and_then(|s| cell.stations.get(s.index()));
    let at = station.map_or(String::new(), |s| format!(" at {}", s.name));
    say(Part::Kind, format!("{}{at}{}", step.kind, if step.irreversible { ", once" } else { "" }));
    for words in step.ops.iter().filter_map(|op| does(cell, step, op)) {
        say(Part::Kind, words);
    }
    let gates = [
        ("when", &step.when),
        ("waits for", &step.supply),
        ("before: check", &step.check_before),
        ("after: check", &step.check_after),
    ];
    for (word, condition) in gates {
        if let Some(condition) = condition {
            say(Part::Gate, format!("{word} {}", condition.words(cell)));
        }
    }
    for words in step.ops.iter().filter(|_| is_gate(step)).filter_map(|op| gate(cell, op)) {
        say(Part::Gate, words);
    }
    step.measurements.iter().for_each(|m| say(Part::Measured, measurement(m)));
    step.windows.iter().for_each(|w| say(Part::Measured, format!("window {}", window(w))));
    if step.judges() && !rejecting {
        say(Part::Handler, format!("bad part: {}", handler(step.on_fail)));
    }
    say(Part::Handler, format!("fault: {}", handler(step.on_fault)));
    if rejects(step) && !rejecting {
        say(Part::Reject, "may reject".to_owned());
    }
    lines
}

/// Where parts and the unit go; an output only where it is what the step is for.
fn does(cell: &Cell, step: &Step, op: &Primitive) -> Option<String> {
    let tray = |id: &TrayId| cell.trays.get(id.index()).map_or("?", |t| t.name.as_str()).to_owned();
    match op {
        Primitive::Consume { component, source: Some(source) } => {
            Some(format!("{component} from {}", tray(source)))
        }
        Primitive::PlacePart { what: PlaceWhat::Unit, to: Place::TrayNext(to) | Place::Bin(to), .. } => {
            Some(format!("the unit to {}", tray(to)))
        }
        Primitive::PrintLabel { printer } => {
            let name = cell.printers.get(printer.index()).map_or("?", |p| p.name.as_str());
            Some(format!("label by {name}"))
        }
        Primitive::ReadLabel { .. } => Some("reads the label back".to_owned()),
        Primitive::Scan { component, .. } => Some(format!("identifies {component}")),
        Primitive::Inspect { job, version, .. } => Some(format!("job {job}@{version}")),
        Primitive::SetOutput { output, value } if step.kind == "set" => {
            let name = cell.digital_outputs.get(output.index()).map_or("?", |o| o.name.as_str());
            Some(format!("{name} {}", if *value { "on" } else { "off" }))
        }
        _ => None,
    }
}

/// What a step that only lets the unit on asks for.
fn gate(cell: &Cell, op: &Primitive) -> Option<String> {
    match op {
        Primitive::WaitUntil { condition, hold, timeout, .. } => {
            let hold = if hold.0 > 0 { format!(" for {}", time(*hold)) } else { String::new() };
            Some(format!("until {}{hold}, within {}", condition.words(cell), time(*timeout)))
        }
        Primitive::Check { condition, .. } => Some(format!("that {}", condition.words(cell))),
        Primitive::Ask { prompt, pass, .. } => Some(format!("a person: {prompt} ({})", pass.join(", "))),
        _ => None,
    }
}

fn measurement(m: &MeasurementSpec) -> String {
    let spec = m.spec.as_ref().map_or(String::new(), |s| format!(", {s}"));
    format!("{} {}{spec}", m.name, limits(m))
}

/// `70 .. 150 N`.
pub(crate) fn limits(m: &MeasurementSpec) -> String {
    format!("{} .. {} {}", m.lo, m.hi, m.unit)
}

/// `20 .. 140 N at 10 .. 12 mm`.
pub(crate) fn window(w: &Window) -> String {
    let (from, to) = w.shape.positions();
    let at = format!("at {from} .. {to} {}", w.position_unit);
    let unit = &w.unit;
    match &w.shape {
        WindowShape::Within { value: (lo, hi), .. } => format!("{lo} .. {hi} {unit} {at}"),
        WindowShape::PassThrough { value: (lo, hi), .. } => format!("through {lo} .. {hi} {unit} {at}"),
        WindowShape::NoPass { value: (lo, hi), .. } => format!("never {lo} .. {hi} {unit} {at}"),
        WindowShape::Threshold { level, .. } => format!("{level} {unit} first {at}"),
        WindowShape::Envelope(points) => {
            let point = |p: &EnvelopePoint| {
                format!("{} .. {} {unit} at {} {}", p.value.0, p.value.1, p.position, w.position_unit)
            };
            format!("envelope {}", points.iter().map(point).collect::<Vec<_>>().join(", "))
        }
    }
}

/// As a recipe says it, in words.
pub(crate) fn handler(handler: Handler) -> String {
    let last = match handler.last() {
        Then::Reject => "reject",
        Then::Ask => "ask",
    };
    match handler.retry() {
        Some((times, after)) if after.0 > 0 => format!("retry {times} after {}, then {last}", time(after)),
        Some((times, _)) => format!("retry {times}, then {last}"),
        None => last.to_owned(),
    }
}

/// To the millisecond.
pub(crate) fn time(d: DurationNs) -> String {
    format!("{} s", (d.as_secs_f64() * 1e3).round() / 1e3)
}

/// What is watched all the time, a line each.
pub(super) fn invariants(cell: &Cell, plan: &Plan) -> Vec<String> {
    let line = |i: &cellwright_model::plan::Invariant| {
        let class = cellwright_model::event::AlarmClass::from(i.otherwise);
        format!("all the time {}: {}, else {}", i.id, i.check.words(cell), class.as_str())
    };
    plan.invariants.iter().map(line).collect()
}

/// In lines of at most so many letters, at spaces where there are some.
fn broken(words: &str) -> impl Iterator<Item = String> {
    let mut lines = vec![String::new()];
    for word in words.split(' ') {
        let letters: Vec<char> = word.chars().collect();
        for piece in letters.chunks(LETTERS_MAX) {
            let (line, piece) =
                (lines.last().map_or(0, |l| l.chars().count()), piece.iter().collect::<String>());
            let room = line + 1 + piece.chars().count() <= LETTERS_MAX;
            match lines.last_mut() {
                Some(last) if line > 0 && room => *last += &format!(" {piece}"),
                Some(last) if line == 0 => *last = piece,
                _ => lines.push(format!("  {piece}")),
            }
        }
    }
    lines.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_broken_and_none_is_lost() {
        let text = format!("until {} and b", "a".repeat(100));
        let lines: Vec<String> = broken(&text).collect();
        assert!(lines.len() >= 3 && lines.iter().all(|l| l.chars().count() <= LETTERS_MAX + 2), "{lines:?}");
        let letters = |s: &str| s.chars().filter(|c| *c != ' ').collect::<String>();
        assert_eq!(letters(&lines.concat()), letters(&text));
        assert_eq!(broken("one line").collect::<Vec<_>>(), ["one line"]);
    }

    #[test]
    fn handlers_in_words() {
        let after = DurationNs::from_millis(1_500);
        let retry = Handler::Retry { times: 2, after, then: Then::Ask };
        assert_eq!([Handler::Reject, retry].map(handler), ["reject", "retry 2 after 1.5 s, then ask"]);
    }
}
