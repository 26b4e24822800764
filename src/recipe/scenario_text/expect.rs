//! What must be so at the end: state, alarms, results, the path of the unit, measurements, where parts are.

use cellwright_model::cell::Cell;
use cellwright_model::outcome::{StepOutcome, Verdict};
use cellwright_model::packml::CellState;
use cellwright_model::{DurationNs, Quantity, RobotId, TrayId};

use super::given::UNITS_MAX;
use super::{WITHIN, Words};
use crate::code::Code;
use crate::decode::Decoder;
use crate::names;
use crate::source::Span;
use crate::suggest;
use crate::tree::{Entry, Node, Value};

/// See the module text. Each with the span of what is expected.
#[derive(Debug)]
pub struct Expect {
    /// Of the whole.
    pub span: Span,
    pub state: (Span, CellState),
    pub within: DurationNs,
    /// Every alarm that is raised, and no other.
    pub alarms: (Span, Vec<ExpectedAlarm>),
    /// Good, ng, interrupted.
    pub units: (Span, [usize; 3]),
    /// Every end of a step of the first unit, in their order.
    pub path: Option<(Span, Vec<ExpectedStep>)>,
    /// Ends that there are among others, of any unit.
    pub steps: Vec<ExpectedStep>,
    pub measurements: Vec<ExpectedMeasurement>,
    /// What is truly at a place of the machine.
    pub parts: Vec<(Span, Spot, Content)>,
    /// How many parts a tray, lane or bin truly gave or took.
    pub counts: Vec<(Span, TrayId, u32)>,
}

/// One alarm.
#[derive(Debug)]
pub struct ExpectedAlarm {
    pub span: Span,
    pub code: String,
    pub first_out: Option<bool>,
    pub place: Option<String>,
}

/// The end of an attempt of a step.
#[derive(Debug)]
pub struct ExpectedStep {
    pub span: Span,
    pub step: String,
    pub outcome: StepOutcome,
    pub cause: Option<String>,
}

/// A measurement of the first unit, by its last attempt unless said otherwise.
#[derive(Debug)]
pub struct ExpectedMeasurement {
    pub span: Span,
    pub step: String,
    pub name: String,
    pub attempt: Option<u32>,
    pub verdict: Option<Verdict>,
    /// Inclusive, in the unit that the recipe has for it.
    pub within: Option<(f64, f64)>,
}

/// A place in the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    Nest(u16),
    Gripper(RobotId),
    Pocket(TrayId, u32),
}

/// What is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Empty,
    Part,
    Unit,
    /// A part in a pocket of its tray.
    Fresh,
}

impl Content {
    const WORDS: [(&'static str, Content); 4] = [
        ("empty", Content::Empty),
        ("part", Content::Part),
        ("unit", Content::Unit),
        ("fresh", Content::Fresh),
    ];

    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        Content::WORDS.iter().find(|(_, c)| *c == self).map_or("", |(word, _)| word)
    }
}

pub(super) fn expect(d: &mut Decoder<'_>, node: &Node, cx: &Words<'_>) -> Option<Expect> {
    let before = d.sink.errors();
    let mut f = d.fields(node)?;
    let state = f.opt("state", d, |d, n| Some((n.span, super::act::state(d, n)?)));
    let within = f.opt("within", d, |d, n| d.duration(n));
    let alarms = f.opt("alarms", d, |d, n| Some((n.span, super::all(d, n, |d, n| alarm(d, n, cx))?)));
    let units = f.req("units", d, |d, n| Some((n.span, counts(d, n)?)));
    let path = f.opt("path", d, |d, n| Some((n.span, super::all(d, n, |d, n| step(d, n, cx))?)));
    let steps = f.opt("steps", d, |d, n| super::all(d, n, |d, n| step(d, n, cx)));
    let measurements = f.opt("measurements", d, |d, n| entries(d, n, |d, e| measurement(d, e, cx)));
    let cell = &cx.setup.cell;
    let parts = f.opt("parts", d, |d, n| {
        entries(d, n, |d, e| Some((e.node.span, spot(d, e, cell)?, d.word(&e.node, &Content::WORDS)?)))
    });
    let moved = f.opt("counts", d, |d, n| {
        entries(d, n, |d, e| {
            let tray = tray(d, e, &e.key, cell)?;
            Some((e.node.span, tray, d.integer(&e.node, 0, 1_000_000)? as u32))
        })
    });
    let head = f.head();
    f.finish(d);
    if d.sink.errors() > before {
        return None;
    }
    Some(Expect {
        span: head,
        state: state.unwrap_or((head, CellState::Completed)),
        within: within.unwrap_or(WITHIN),
        alarms: alarms.unwrap_or((head, Vec::new())),
        units: units?,
        path,
        steps: steps.unwrap_or_default(),
        measurements: measurements.unwrap_or_default(),
        parts: parts.unwrap_or_default(),
        counts: moved.unwrap_or_default(),
    })
}

/// Every entry of a mapping of names; `None` if one is wrong, after all have been read.
fn entries<T>(
    d: &mut Decoder<'_>,
    node: &Node,
    mut read: impl FnMut(&mut Decoder<'_>, &Entry) -> Option<T>,
) -> Option<Vec<T>> {
    let list = d.named(node)?;
    list.iter().map(|e| read(d, e)).collect::<Vec<_>>().into_iter().collect()
}

fn alarm(d: &mut Decoder<'_>, node: &Node, cx: &Words<'_>) -> Option<ExpectedAlarm> {
    let mut f = d.fields(node)?;
    let code = f.req("code", d, |d, n| cx.alarm(d, n));
    let first_out = f.opt("first_out", d, |d, n| d.boolean(n));
    let place = f.opt("place", d, |d, n| d.string(n));
    f.finish(d);
    Some(ExpectedAlarm { span: node.span, code: code?, first_out, place })
}

fn counts(d: &mut Decoder<'_>, node: &Node) -> Option<[usize; 3]> {
    let before = d.sink.errors();
    let mut f = d.fields(node)?;
    let mut read = |name| f.opt(name, d, |d, n| d.integer(n, 0, UNITS_MAX)).unwrap_or(0) as usize;
    let found = [read("good"), read("ng"), read("interrupted")];
    if found == [0; 3] && d.sink.errors() == before {
        let help = "say how many: `{ good: 1 }`; units that never end have no result";
        d.sink.error(Code::Empty, node.span, "no unit has a result", help);
    }
    f.finish(d);
    (d.sink.errors() == before).then_some(found)
}

/// A word is a step that passes.
fn step(d: &mut Decoder<'_>, node: &Node, cx: &Words<'_>) -> Option<ExpectedStep> {
    if matches!(node.value, Value::Scalar(_)) {
        let step = cx.step(d, node)?;
        return Some(ExpectedStep { span: node.span, step, outcome: StepOutcome::Passed, cause: None });
    }
    use StepOutcome::{Aborted, Failed, Faulted, Interrupted, Passed, Skipped, TimedOut};
    let words = [Passed, Failed, Faulted, TimedOut, Aborted, Interrupted, Skipped].map(|o| (o.as_str(), o));
    let mut f = d.fields(node)?;
    let step = f.req("step", d, |d, n| cx.step(d, n));
    let outcome = f.req("outcome", d, |d, n| d.word(n, &words));
    let cause = f.opt("cause", d, |d, n| d.string(n));
    f.finish(d);
    Some(ExpectedStep { span: node.span, step: step?, outcome: outcome?, cause })
}

/// `press-cannula.seat_force: { verdict: pass, within: 80 .. 120 N }`.
fn measurement(d: &mut Decoder<'_>, entry: &Entry, cx: &Words<'_>) -> Option<ExpectedMeasurement> {
    let names = cx
        .setup
        .plan
        .steps
        .iter()
        .flat_map(|s| s.measurements.iter().map(move |m| (format!("{}.{}", s.id, m.name), s, m)));
    let names: Vec<_> = names.collect();
    let Some((_, step, spec)) = names.iter().find(|(name, ..)| *name == entry.key) else {
        let message = format!("the recipe does not measure `{}`", entry.key);
        let help = suggest::remedy(&entry.key, names.iter().map(|(name, ..)| name.as_str()));
        d.sink.error(Code::TestMeasurement, entry.key_span, message, help);
        return None;
    };
    use Verdict::{Fail, Invalid, Marginal, Pass};
    let words = [("pass", Pass), ("marginal", Marginal), ("fail", Fail), ("invalid", Invalid)];
    let mut f = d.fields(&entry.node)?;
    let verdict = f.opt("verdict", d, |d, n| d.word(n, &words));
    let within = f.opt("within", d, |d, n| {
        // One of the unit in its canonical one: what the record has is in the unit of the recipe.
        let one = Quantity::parse(&format!("1 {}", spec.unit)).ok()?;
        let (lo, hi) = d.range(n, one.dimension)?;
        Some((lo / one.value, hi / one.value))
    });
    let attempt = f.opt("attempt", d, |d, n| d.integer(n, 1, 100)).map(|n| n as u32);
    if f.entry("verdict").is_none() && f.entry("within").is_none() {
        f.missing("verdict", d);
    }
    f.finish(d);
    let (step, name) = (step.id.clone(), spec.name.clone());
    Some(ExpectedMeasurement { span: entry.node.span, step, name, attempt, verdict, within })
}

/// `nest/2`, `robot_l`, `good_tray/4`.
fn spot(d: &mut Decoder<'_>, entry: &Entry, cell: &Cell) -> Option<Spot> {
    if let Some(robot) = cell.robots.iter().position(|r| r.name == entry.key) {
        return Some(Spot::Gripper(RobotId(robot as u16)));
    }
    let (name, n) = entry.key.split_once('/').unwrap_or((&entry.key, ""));
    let Ok(n) = n.parse::<u32>() else {
        let help = "write `nest/0`, the name of a cobot, or `good_tray/4`";
        let message = format!("`{}` is no place of the machine", entry.key);
        d.sink.error(Code::UnknownWord, entry.key_span, message, help);
        return None;
    };
    let (places, spot) = if name == "nest" {
        (cell.table.as_ref().map_or(1, |t| u32::from(t.nests)), Spot::Nest(n as u16))
    } else {
        let tray = tray(d, entry, name, cell)?;
        (cell.trays[tray.index()].pockets(), Spot::Pocket(tray, n))
    };
    if n >= places {
        let help = format!("they are counted from 0: the last is `{name}/{}`", places.saturating_sub(1));
        d.sink.error(Code::OutOfRange, entry.key_span, format!("there is no `{}`", entry.key), help);
        return None;
    }
    Some(spot)
}

fn tray(d: &mut Decoder<'_>, entry: &Entry, name: &str, cell: &Cell) -> Option<TrayId> {
    names::tray_at(d, name, entry.key_span, cell)
}
