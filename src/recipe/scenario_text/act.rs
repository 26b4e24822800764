//! When something happens, and what is done then.

use cellwright_model::cell::Cell;
use cellwright_model::injection::Injection;
use cellwright_model::label::PrinterTrouble;
use cellwright_model::packml::{CellCommand, CellState};

use super::given::{UNITS_MAX, loaded, one};
use super::{Act, Moment, WITHIN, When, Words};
use crate::decode::{Decoder, Fields};
use crate::faults_text::{device, fault_now};
use crate::names;
use crate::tree::{Node, Value};

/// Phases of a branch, as the status names them.
const PHASES: [&str; 8] =
    ["gate", "preparing", "running", "verifying", "holding", "held", "await-operator", "faulted"];
const CYCLES_MAX: u64 = 10_000_000;
/// Grips that a test may have miss.
const GRIPS_MAX: u64 = 1_000;

pub(super) fn when(d: &mut Decoder<'_>, node: &Node, cx: &Words<'_>) -> Option<When> {
    let mut f = d.fields(node)?;
    let at = f.req("at", d, |d, n| Some((moment(d, n, cx)?, n.span)));
    let within = f.opt("within", d, |d, n| d.duration(n));
    let acts = f.req("do", d, |d, n| super::all(d, n, |d, n| act(d, n, &cx.setup.cell)));
    let decelerates_within = f.opt("decelerates_within", d, |d, n| d.integer(n, 0, 1_000));
    f.finish(d);
    let (at, span) = at?;
    Some(When { span, at, within: within.unwrap_or(WITHIN), acts: acts?, decelerates_within })
}

/// `now`, or a mapping of one kind of moment.
fn moment(d: &mut Decoder<'_>, node: &Node, cx: &Words<'_>) -> Option<Moment> {
    if matches!(node.value, Value::Scalar(_)) {
        return d.word(node, &[("now", ())]).map(|()| Moment::Now);
    }
    let mut f = d.fields(node)?;
    let before = d.sink.errors();
    let phase = f.opt("phase", d, |d, n| d.word(n, &PHASES.map(|p| (p, p)))).unwrap_or("running");
    let cycle = f.opt("cycle", d, |d, n| d.integer(n, 1, CYCLES_MAX)).map(Moment::Cycle);
    let time = f.opt("time", d, |d, n| d.duration(n)).map(Moment::Time);
    let state = f.opt("state", d, state).map(Moment::State);
    let step = f.opt("step", d, |d, n| cx.step(d, n)).map(|step| Moment::Step { step, phase });
    let ended = f.opt("ended", d, |d, n| cx.step(d, n)).map(Moment::Ended);
    let alarm = f.opt("alarm", d, |d, n| cx.alarm(d, n)).map(Moment::Alarm);
    let kinds = ["recipe", "decision", "reconcile", "identity"].map(|k| (k, k));
    let question = f.opt("question", d, |d, n| d.word(n, &kinds)).map(Moment::Question);
    if d.sink.errors() > before {
        f.finish(d);
        return None;
    }
    one(d, f, [cycle, time, state, step, ended, alarm, question])
}

pub(super) fn state(d: &mut Decoder<'_>, node: &Node) -> Option<CellState> {
    let words: Vec<(&str, CellState)> = CellState::ALL.iter().map(|s| (s.name(), *s)).collect();
    d.word(node, &words)
}

fn act(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Act> {
    let mut f = d.fields(node)?;
    let before = d.sink.errors();
    let commands: Vec<(String, CellCommand)> =
        CellCommand::ALL.iter().map(|c| (c.name().to_lowercase(), *c)).collect();
    let commands: Vec<(&str, CellCommand)> = commands.iter().map(|(n, c)| (n.as_str(), *c)).collect();
    let store = [("refuses", true), ("works", false)];
    let controller = [("killed", true), ("restarted", false)];
    let found = [
        f.opt("command", d, |d, n| d.word(n, &commands)).map(Act::Command),
        f.opt("answer", d, |d, n| d.string(n)).map(Act::Answer),
        f.opt("acknowledge", d, |d, n| d.word(n, &[("all", ())])).map(|()| Act::AcknowledgeAll),
        f.opt("load", d, |d, n| loaded(d, n, cell)).map(Act::Load),
        f.opt("order", d, |d, n| d.integer(n, 1, UNITS_MAX)).map(|n| Act::Order(n as u32)),
        f.opt("wait", d, |d, n| d.duration(n)).map(Act::Wait),
        f.opt("store", d, |d, n| d.word(n, &store)).map(|refuses| Act::Store { refuses }),
        f.opt("controller", d, |d, n| d.word(n, &controller)).map(|killed| Act::Controller { killed }),
        f.opt("fault", d, |d, n| fault_now(d, n, cell)).map(Act::Fault),
        at_the_machine(d, &mut f, cell).map(Act::Machine),
        at_a_cobot(d, &mut f, cell).map(Act::Machine),
        at_a_printer(d, &mut f, cell).map(Act::Machine),
        at_the_segment(d, &mut f, cell).map(Act::Machine),
    ];
    if d.sink.errors() > before {
        f.finish(d);
        return None;
    }
    one(d, f, found)
}

fn at_the_machine(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &Cell) -> Option<Injection> {
    use Injection::{AirOff, EStop, GuardOpen, LaneEmpty, TakeOut};
    let found = [
        f.opt("estop", d, |d, n| d.word(n, &[("pressed", true), ("released", false)])).map(EStop),
        f.opt("guard", d, |d, n| d.word(n, &[("open", true), ("closed", false)])).map(GuardOpen),
        f.opt("air", d, |d, n| d.word(n, &[("lost", true), ("back", false)])).map(AirOff),
        f.opt("lane", d, |d, n| d.word(n, &[("empty", true), ("filled", false)])).map(LaneEmpty),
        f.opt("hand", d, |d, n| d.word(n, &[("takes-out", TakeOut)])),
        f.opt("input", d, |d, n| {
            let words = [("true", Some(true)), ("false", Some(false)), ("free", None)];
            let (input, level) =
                pair(d, n, ("name", |d, n| names::input(d, n, cell)), "level", |d, n| d.word(n, &words))?;
            Some(Injection::InputStuck { input, level })
        }),
        f.opt("axis", d, |d, n| {
            let (axis, jammed) =
                pair(d, n, ("name", |d, n| names::axis(d, n, cell)), "jammed", |d, n| d.boolean(n))?;
            Some(Injection::AxisJam { axis, jammed })
        }),
        f.opt("analog", d, |d, n| {
            let (analog, offset) =
                pair(d, n, ("name", |d, n| names::analog(d, n, cell)), "offset", |d, n| d.any_quantity(n))?;
            Some(Injection::AnalogOffset { analog, offset: offset.value })
        }),
    ];
    found.into_iter().flatten().next()
}

fn at_a_cobot(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &Cell) -> Option<Injection> {
    let found = [
        f.opt("grip_missed", d, |d, n| {
            let (robot, grips) = pair(d, n, ("robot", |d, n| names::robot(d, n, cell)), "grips", |d, n| {
                d.integer(n, 1, GRIPS_MAX)
            })?;
            Some(Injection::GripMisses { robot, grips: grips as u32 })
        }),
        f.opt("part_lost", d, |d, n| names::robot(d, n, cell).map(Injection::GripperLoses)),
        f.opt("protective_stop", d, |d, n| {
            let (robot, active) =
                pair(d, n, ("robot", |d, n| names::robot(d, n, cell)), "active", |d, n| d.boolean(n))?;
            Some(Injection::ProtectiveStop { robot, active })
        }),
    ];
    found.into_iter().flatten().next()
}

fn at_a_printer(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &Cell) -> Option<Injection> {
    let stands = PrinterTrouble::ALL.map(|t| (t.as_str(), Some(t)));
    let words: Vec<_> = stands.into_iter().chain([("ready", None)]).collect();
    f.opt("printer", d, |d, n| {
        let (printer, trouble) =
            pair(d, n, ("name", |d, n| names::printer(d, n, cell)), "state", |d, n| d.word(n, &words))?;
        Some(Injection::Printer { printer, trouble })
    })
}

fn at_the_segment(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &Cell) -> Option<Injection> {
    let position = |d: &mut Decoder<'_>, n: &Node| device(d, n, cell).map(|p| p as u16);
    let found = [
        f.opt("supply", d, |d, n| {
            let (position, on) = pair(d, n, ("device", position), "up", |d, n| d.boolean(n))?;
            Some(Injection::Power { position, on })
        }),
        f.opt("replace", d, |d, n| {
            let (position, serial) =
                pair(d, n, ("device", position), "serial", |d, n| d.integer(n, 0, u64::from(u32::MAX)))?;
            Some(Injection::Replace { position, serial: serial as u32 })
        }),
        f.opt("link", d, |d, n| {
            let mut f = d.fields(n)?;
            let position = f.req("device", d, position);
            let port = f.req("port", d, |d, n| d.integer(n, 0, 3)).map(|port| port as u8);
            let up = f.req("up", d, |d, n| d.boolean(n));
            f.finish(d);
            Some(Injection::Link { position: position?, port: port?, up: up? })
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
