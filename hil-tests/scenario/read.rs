//! The text of a scenario: strict as recipes are, with every mistake told at its place.

use std::path::Path;

use cellwright_model::cell::Cell;
use cellwright_model::material::Label;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::{AnalogId, AxisId, DurationNs, InputId, TrayId};
use cellwright_recipe::{Code, Decoder, Fields, Node, Scope, Sink, Sources, Value, render, tree};
use cellwright_sim::{Prepared, What};
use cellwright_twin::plant::Injection;

use super::{Act, Expect, ExpectedAlarm, ExpectedStep, Given, Load, Moment, Operator, Scenario, When};
use crate::root;

/// How long an entry waits for its moment, and the end for its state, unless it says otherwise.
const WITHIN: DurationNs = DurationNs::from_millis(120_000);
/// Phases of a branch, as the status names them.
const PHASES: [&str; 8] =
    ["gate", "preparing", "running", "verifying", "holding", "held", "await-operator", "faulted"];
const UNITS_MAX: u64 = 1_000;
const CYCLES_MAX: u64 = 10_000_000;

/// Reads a scenario and what it is made of.
///
/// Errors: every mistake of the file, or of its cell and recipe, in words with line and remedy.
pub fn read(path: &Path) -> Result<(Scenario, Prepared), String> {
    let shown = path.strip_prefix(root()).unwrap_or(path).display().to_string();
    let bytes = std::fs::read(path).map_err(|e| format!("{shown}: {e}; check the path"))?;
    let (mut sources, mut sink) = (Sources::default(), Sink::new());
    let (_, node) = tree::parse(&shown, &bytes, &mut sources, &mut sink);
    let scope = Scope::empty();
    let mut d = Decoder { sink: &mut sink, scope: &scope };
    let read = node.and_then(|node| scenario(&mut d, &node, &sources));
    let failed = sink.errors() > 0;
    match read {
        Some(read) if !failed => Ok(read),
        _ => Err(render(&sink.finish(), &sources)),
    }
}

fn scenario(d: &mut Decoder<'_>, root: &Node, sources: &Sources) -> Option<(Scenario, Prepared)> {
    let mut f = d.fields(root)?;
    f.req("scenario", d, |d, n| d.integer(n, 1, 1));
    f.req("about", d, |d, n| d.string(n));
    let mut prepared = None;
    let given = f.req("given", d, |d, n| given(d, n, &mut prepared));
    let prepared = prepared?;
    let cell = prepared.cell.clone();
    let at = |n: &Node| sources.at(n.span);
    let when = f.opt("when", d, |d, n| {
        let list = d.list(n)?;
        list.iter().map(|n| when(d, n, &cell, at(n))).collect::<Vec<_>>().into_iter().collect()
    });
    let expect = f.req("expect", d, |d, n| expect(d, n, &at));
    f.finish(d);
    Some((Scenario { given: given?, when: when.unwrap_or_default(), expect: expect? }, prepared))
}

fn given(d: &mut Decoder<'_>, node: &Node, prepared: &mut Option<Prepared>) -> Option<Given> {
    let mut f = d.fields(node)?;
    let cell = f.req("cell", d, |d, n| d.identifier(n));
    let recipe = f.req("recipe", d, |d, n| d.string(n));
    if let (Some(cell), Some(recipe)) = (cell, recipe) {
        let what = What {
            recipe: Some(root().join(&recipe)),
            cell: Some(root().join("cells").join(&cell.text)),
            variant: None,
            ..What::default()
        };
        let reading = cellwright_sim::read(&what, true);
        if reading.prepared.is_none() {
            let said = render(&reading.diagnostics, &reading.sources);
            d.sink.error(Code::NotReadable, node.span, "cell or recipe do not hold", said);
        }
        *prepared = reading.prepared;
    }
    let units = f.req("units", d, |d, n| d.integer(n, 1, UNITS_MAX));
    let seed = f.req("seed", d, |d, n| d.integer(n, 0, 1 << 53));
    let words = [("automatic", Operator::Automatic), ("scripted", Operator::Scripted)];
    let operator = f.req("operator", d, |d, n| d.word(n, &words));
    let cell = prepared.as_ref().map(|p| p.cell.clone());
    let material = f.opt("material", d, |d, n| {
        let cell = cell.as_deref()?;
        d.list(n)?.iter().map(|n| load(d, n, cell)).collect::<Vec<_>>().into_iter().collect()
    });
    let miss = f.opt("grips_missed", d, |d, n| d.quantity(n, cellwright_model::Dimension::Ratio));
    f.finish(d);
    Some(Given {
        units: units? as u32,
        seed: seed?,
        operator: operator?,
        material: material.unwrap_or_default(),
        miss,
    })
}

fn load(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Load> {
    let mut f = d.fields(node)?;
    let tray = f.req("tray", d, |d, n| named(d, n, "tray", cell.trays.iter().map(|t| t.name.as_str())));
    let scanned = f.opt("scanned", d, |d, n| d.string(n)).map(Label::Scanned);
    let typed = f.opt("typed", d, typed);
    let empty = f.opt("empty", d, |d, n| d.word(n, &[("true", ())]));
    let next = f.opt("next", d, |d, n| d.integer(n, 0, 10_000));
    let left = f.opt("left", d, |d, n| d.integer(n, 0, 1_000_000));
    let label = one(d, f, [scanned, typed, empty.map(|()| Label::Empty)]);
    Some(Load {
        tray: TrayId(tray?),
        label: label?,
        next: next.map(|n| n as u32),
        left: left.map(|n| n as u32),
    })
}

fn typed(d: &mut Decoder<'_>, node: &Node) -> Option<Label> {
    let mut f = d.fields(node)?;
    let part = f.req("part", d, |d, n| d.string(n));
    let lot = f.req("lot", d, |d, n| d.string(n));
    let expiry = f.opt("expiry", d, |d, n| d.string(n));
    let quantity = f.opt("quantity", d, |d, n| d.integer(n, 0, 1_000_000)).map(|n| n as u32);
    f.finish(d);
    Some(Label::Typed { part: part?, lot: lot?, expiry, quantity })
}

/// Place of a name among those of the cell.
fn named<'n>(
    d: &mut Decoder<'_>,
    node: &Node,
    what: &str,
    names: impl Iterator<Item = &'n str>,
) -> Option<u16> {
    let text = d.string(node)?;
    let names: Vec<&str> = names.collect();
    let found = names.iter().position(|n| *n == text);
    if found.is_none() {
        let help = format!("one of {}", names.join(", "));
        d.sink.error(Code::UnknownWord, node.span, format!("the cell has no {what} `{text}`"), help);
    }
    found.and_then(|i| u16::try_from(i).ok())
}

fn when(d: &mut Decoder<'_>, node: &Node, cell: &Cell, place: String) -> Option<When> {
    let mut f = d.fields(node)?;
    let at = f.req("at", d, moment);
    let within = f.opt("within", d, |d, n| d.duration(n));
    let acts = f.req("do", d, |d, n| {
        let list = d.list(n)?;
        list.iter().map(|n| act(d, n, cell)).collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>()
    });
    let decelerates_within = f.opt("decelerates_within", d, |d, n| d.integer(n, 0, 1_000));
    f.finish(d);
    Some(When { place, at: at?, within: within.unwrap_or(WITHIN), acts: acts?, decelerates_within })
}

/// `now`, or a mapping of one kind of moment.
fn moment(d: &mut Decoder<'_>, node: &Node) -> Option<Moment> {
    if matches!(node.value, Value::Scalar(_)) {
        return d.word(node, &[("now", ())]).map(|()| Moment::Now);
    }
    let mut f = d.fields(node)?;
    let phase = f.opt("phase", d, |d, n| d.word(n, &PHASES.map(|p| (p, p))));
    let cycle = f.opt("cycle", d, |d, n| d.integer(n, 1, CYCLES_MAX)).map(Moment::Cycle);
    let time = f.opt("time", d, |d, n| d.duration(n)).map(Moment::Time);
    let state = f.opt("state", d, state_word).map(Moment::State);
    let step = f.opt("step", d, |d, n| d.string(n));
    let step = step.map(|step| Moment::Step { step, phase: phase.unwrap_or("running").to_owned() });
    let ended = f.opt("ended", d, |d, n| d.string(n)).map(Moment::Ended);
    let alarm = f.opt("alarm", d, |d, n| d.string(n)).map(Moment::Alarm);
    let kinds = ["recipe", "decision", "reconcile", "identity"].map(|k| (k, k));
    let question = f.opt("question", d, |d, n| d.word(n, &kinds)).map(|k| Moment::Question(k.to_owned()));
    one(d, f, [cycle, time, state, step, ended, alarm, question])
}

/// Exactly one of several fields.
fn one<T, const N: usize>(d: &mut Decoder<'_>, f: Fields<'_>, found: [Option<T>; N]) -> Option<T> {
    let (head, errors) = (f.head(), d.sink.errors());
    f.finish(d);
    let mut found: Vec<T> = found.into_iter().flatten().collect();
    if found.len() != 1 && d.sink.errors() == errors {
        let help = "write one of them; several are several entries".to_owned();
        d.sink.error(Code::MissingField, head, format!("{} of what stands for one", found.len()), help);
    }
    (found.len() == 1).then(|| found.remove(0))
}

fn state_word(d: &mut Decoder<'_>, node: &Node) -> Option<CellState> {
    let words: Vec<(&str, CellState)> = CellState::ALL.iter().map(|s| (s.name(), *s)).collect();
    d.word(node, &words)
}

fn act(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Act> {
    let mut f = d.fields(node)?;
    let commands: Vec<(String, CellCommand)> =
        CellCommand::ALL.iter().map(|c| (c.name().to_lowercase(), *c)).collect();
    let commands: Vec<(&str, CellCommand)> = commands.iter().map(|(n, c)| (n.as_str(), *c)).collect();
    let found = [
        f.opt("command", d, |d, n| d.word(n, &commands)).map(Act::Command),
        f.opt("answer", d, |d, n| d.string(n)).map(Act::Answer),
        f.opt("acknowledge", d, |d, n| d.word(n, &[("all", ())])).map(|()| Act::AcknowledgeAll),
        f.opt("load", d, |d, n| load(d, n, cell)).map(Act::Load),
        f.opt("order", d, |d, n| d.integer(n, 1, UNITS_MAX)).map(|n| Act::Order(n as u32)),
        f.opt("wait", d, |d, n| d.duration(n)).map(Act::Wait),
        f.opt("store", d, |d, n| d.word(n, &[("refuses", true), ("works", false)]))
            .map(|refuses| Act::Store { refuses }),
        f.opt("controller", d, |d, n| d.word(n, &[("killed", true), ("restarted", false)]))
            .map(|killed| Act::Controller { killed }),
        f.opt("supply", d, |d, n| supply(d, n, cell)),
        f.opt("link", d, |d, n| link(d, n, cell)).map(Act::Machine),
        f.opt("replace", d, |d, n| replace(d, n, cell)).map(Act::Machine),
        machine(d, &mut f, cell).map(Act::Machine),
    ];
    one(d, f, found)
}

fn machine(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &Cell) -> Option<Injection> {
    use Injection::{AirOff, EStop, GuardOpen, LaneEmpty, TakeOut};
    let found = [
        f.opt("estop", d, |d, n| d.word(n, &[("pressed", true), ("released", false)])).map(EStop),
        f.opt("guard", d, |d, n| d.word(n, &[("open", true), ("closed", false)])).map(GuardOpen),
        f.opt("air", d, |d, n| d.word(n, &[("off", true), ("on", false)])).map(AirOff),
        f.opt("lane", d, |d, n| d.word(n, &[("empty", true), ("filled", false)])).map(LaneEmpty),
        f.opt("hand", d, |d, n| d.word(n, &[("takes-out", TakeOut)])),
        f.opt("input", d, |d, n| {
            let names = cell.digital_inputs.iter().map(|i| i.name.as_str());
            let words = [("on", Some(true)), ("off", Some(false)), ("free", None)];
            let (input, level) =
                pair(d, n, ("name", |d, n| named(d, n, "input", names)), "level", |d, n| d.word(n, &words))?;
            Some(Injection::InputStuck { input: InputId(input), level })
        }),
        f.opt("axis", d, |d, n| {
            let names = cell.axes.iter().map(|a| a.name.as_str());
            let (axis, jammed) =
                pair(d, n, ("name", |d, n| named(d, n, "axis", names)), "jammed", |d, n| d.boolean(n))?;
            Some(Injection::AxisJam { axis: AxisId(axis), jammed })
        }),
        f.opt("analog", d, |d, n| {
            let names = cell.analogs.iter().map(|a| a.name.as_str());
            let (analog, offset) =
                pair(d, n, ("name", |d, n| named(d, n, "channel", names)), "offset", |d, n| {
                    d.any_quantity(n)
                })?;
            Some(Injection::AnalogOffset { analog: AnalogId(analog), offset: offset.value })
        }),
    ];
    found.into_iter().flatten().next()
}

fn pair<A, B>(
    d: &mut Decoder<'_>,
    node: &Node,
    (first, read): (&'static str, impl FnOnce(&mut Decoder<'_>, &Node) -> Option<A>),
    second: &'static str,
    then: impl FnOnce(&mut Decoder<'_>, &Node) -> Option<B>,
) -> Option<(A, B)> {
    let mut f = d.fields(node)?;
    let a = f.req(first, d, read);
    let b = f.req(second, d, then);
    f.finish(d);
    Some((a?, b?))
}

fn supply(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Act> {
    let names = cell.segment.iter().map(|s| s.name.as_str());
    let read = |d: &mut Decoder<'_>, n: &Node| named(d, n, "SubDevice", names);
    let (position, on) = pair(d, node, ("device", read), "on", |d, n| d.boolean(n))?;
    Some(Act::Supply { position: usize::from(position), on })
}

fn replace(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Injection> {
    let names = cell.segment.iter().map(|s| s.name.as_str());
    let read = |d: &mut Decoder<'_>, n: &Node| named(d, n, "SubDevice", names);
    let (position, serial) =
        pair(d, node, ("device", read), "serial", |d, n| d.integer(n, 0, u64::from(u32::MAX)))?;
    Some(Injection::Replace { position, serial: serial as u32 })
}

fn link(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Injection> {
    let mut f = d.fields(node)?;
    let names = cell.segment.iter().map(|s| s.name.as_str());
    let position = f.req("device", d, |d, n| named(d, n, "SubDevice", names));
    let port = f.req("port", d, |d, n| d.integer(n, 0, 3)).map(|port| port as u8);
    let up = f.req("up", d, |d, n| d.boolean(n));
    f.finish(d);
    Some(Injection::Link { position: position?, port: port?, up: up? })
}

fn expect(d: &mut Decoder<'_>, node: &Node, at: &dyn Fn(&Node) -> String) -> Option<Expect> {
    let mut f = d.fields(node)?;
    let state = f.req("state", d, |d, n| Some((at(n), state_word(d, n)?)));
    let within = f.opt("within", d, |d, n| d.duration(n));
    let alarms = f.req("alarms", d, |d, n| {
        let list = d.list(n)?;
        list.iter().map(|n| Some((at(n), alarm(d, n)?))).collect::<Vec<_>>().into_iter().collect()
    });
    let units = f.req("units", d, |d, n| Some((at(n), counts(d, n)?)));
    let steps = f.opt("steps", d, |d, n| {
        let list = d.list(n)?;
        list.iter().map(|n| Some((at(n), step(d, n)?))).collect::<Vec<_>>().into_iter().collect()
    });
    let words = ["empty", "part", "unit", "fresh"].map(|w| (w, w));
    let parts = f.opt("parts", d, |d, n| {
        let entry = |e: &cellwright_recipe::Entry, d: &mut Decoder<'_>| {
            Some((at(&e.node), e.key.clone(), d.word(&e.node, &words)?.to_owned()))
        };
        d.named(n)?.iter().map(|e| entry(e, d)).collect::<Vec<_>>().into_iter().collect()
    });
    let moved = f.opt("counts", d, |d, n| {
        let entry = |e: &cellwright_recipe::Entry, d: &mut Decoder<'_>| {
            Some((at(&e.node), e.key.clone(), d.integer(&e.node, 0, 1_000_000)? as u32))
        };
        d.named(n)?.iter().map(|e| entry(e, d)).collect::<Vec<_>>().into_iter().collect()
    });
    f.finish(d);
    Some(Expect {
        state: Some(state?),
        within: within.unwrap_or(WITHIN),
        alarms: Some(alarms?),
        units: Some(units?),
        steps: steps.unwrap_or_default(),
        parts: parts.unwrap_or_default(),
        counts: moved.unwrap_or_default(),
    })
}

fn alarm(d: &mut Decoder<'_>, node: &Node) -> Option<ExpectedAlarm> {
    let mut f = d.fields(node)?;
    let code = f.req("code", d, |d, n| d.string(n));
    let first_out = f.opt("first_out", d, |d, n| d.boolean(n));
    let at = f.opt("place", d, |d, n| d.string(n));
    f.finish(d);
    Some(ExpectedAlarm { code: code?, first_out, at })
}

fn counts(d: &mut Decoder<'_>, node: &Node) -> Option<[usize; 3]> {
    let mut f = d.fields(node)?;
    let mut read = |name| f.req(name, d, |d, n| d.integer(n, 0, UNITS_MAX)).map(|n| n as usize);
    let found = (read("good"), read("ng"), read("interrupted"));
    f.finish(d);
    Some([found.0?, found.1?, found.2?])
}

fn step(d: &mut Decoder<'_>, node: &Node) -> Option<ExpectedStep> {
    let words = ["passed", "failed", "faulted", "timed-out", "aborted", "interrupted"].map(|w| (w, w));
    let mut f = d.fields(node)?;
    let step = f.req("step", d, |d, n| d.string(n));
    let outcome = f.req("outcome", d, |d, n| d.word(n, &words));
    let cause = f.opt("cause", d, |d, n| d.string(n));
    f.finish(d);
    Some(ExpectedStep { step: step?, outcome: outcome?.to_owned(), cause })
}
