//! Fault plans (`*.faults.yaml`) of a cell's twin to a [`FaultPlan`].
//!
//! ```yaml
//! faults: 1
//! about: Five replies in a row are lost while the press moves.
//! seed: 1
//! plan:
//!   - { at: { axis: press_z, above: 20 mm }, frames: 5, drop: { way: back } }
//! expect: { class: tolerated, counted: [lost-frames] }
//! ```
//! An entry has a moment (`at:`, and `wait:` after it), an end (`for:` a time, `cycles:` or `frames:` so many; without
//! one it stays) and one fault.

use cellwright_model::cell::{AxisKind, Cell};
use cellwright_model::faults::{
    Counted, ENTRIES_MAX, ExpectedReaction, Fault, FaultEntry, FaultMoment, FaultPlan, Lasts, ReactionClass,
    STALL_MAX, Way,
};
use cellwright_model::{AxisId, Dimension, DurationNs};

use crate::cell_text::{parse, schema};
use crate::code::Code;
use crate::decode::{Decoder, Fields};
use crate::diagnostic::{Diagnostic, Sink};
use crate::names::{analog, axis, input, known};
use crate::scope::Scope;
use crate::source::{FileSource, Sources};
use crate::tree::Node;

/// Frames and cycles that a plan may count.
const COUNT_MAX: u64 = 1_000_000;
/// A clock that is set may be set to another day.
const JUMP_S_MAX: f64 = 86_400.0;
/// A clock that drifts faster is no quartz any more.
const DRIFT_PPB_MAX: f64 = 1e6;

/// Reads a fault plan for the twin of `cell`. Errors: every mistake in it.
pub fn load_faults(
    files: &dyn FileSource,
    path: &str,
    cell: &Cell,
    sources: &mut Sources,
) -> Result<FaultPlan, Vec<Diagnostic>> {
    let mut sink = Sink::new();
    let plan = parse(files, path, sources, &mut sink).and_then(|(root, _)| {
        let scope = Scope::empty();
        plan(&mut Decoder { sink: &mut sink, scope: &scope }, &root, cell)
    });
    match plan {
        Some(plan) if sink.errors() == 0 => Ok(plan),
        _ => Err(sink.finish()),
    }
}

fn plan(d: &mut Decoder<'_>, root: &Node, cell: &Cell) -> Option<FaultPlan> {
    let mut f = d.fields(root)?;
    schema(d, &mut f, "faults");
    let about = f.req("about", d, |d, n| d.string(n));
    let seed = f.req("seed", d, |d, n| d.integer(n, 0, 1 << 53));
    let entries = f.req("plan", d, |d, n| {
        d.capacity(n, ENTRIES_MAX);
        let list = d.list(n)?;
        list.iter().map(|n| entry(d, n, cell)).collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>()
    });
    let expected = f.opt("expect", d, expected);
    f.finish(d);
    Some(FaultPlan { about: about?, seed: seed?, entries: entries?, expected })
}

fn entry(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<FaultEntry> {
    let mut f = d.fields(node)?;
    let at = f.req("at", d, |d, n| moment(d, n, cell));
    entry_at(d, node, f, at, cell)
}

/// An entry without a moment, for a test that says by itself when it strikes.
pub(crate) fn fault_now(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<FaultEntry> {
    let f = d.fields(node)?;
    entry_at(d, node, f, Some(FaultMoment::PowerOn), cell)
}

fn entry_at(
    d: &mut Decoder<'_>,
    node: &Node,
    mut f: Fields<'_>,
    at: Option<FaultMoment>,
    cell: &Cell,
) -> Option<FaultEntry> {
    let wait = f.opt("wait", d, |d, n| d.duration(n)).unwrap_or_default();
    let ends = [
        f.opt("for", d, |d, n| d.duration(n)).map(Lasts::Time),
        f.opt("cycles", d, |d, n| cycles(d, n, cell)).map(Lasts::Time),
        f.opt("frames", d, |d, n| d.integer(n, 1, COUNT_MAX)).map(|n| Lasts::Frames(n as u32)),
    ];
    let lasts = match ends.into_iter().flatten().collect::<Vec<_>>()[..] {
        [] => Lasts::Ever,
        [one] => one,
        _ => {
            let help = "leave one of `for`, `cycles`, `frames`";
            d.sink.error(Code::WrongKind, node.span, "more than one end", help);
            return None;
        }
    };
    let before = d.sink.errors();
    let faults = the_fault(d, &mut f, cell);
    f.finish(d);
    let [fault] = faults[..] else {
        let help = "each entry has one fault: `drop: { way: back }`, `power: { device: drive_2 }`, …";
        let found = format!("{} faults in one entry", faults.len());
        // A fault that could not be read has been told.
        if d.sink.errors() == before {
            d.sink.error(Code::WrongKind, node.span, found, help);
        }
        return None;
    };
    let entry = FaultEntry { at: at?, wait, lasts, fault };
    fits(d, node, &entry).then_some(entry)
}

/// A number of cycles of the bus, whole or not, as a time.
fn cycles(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<DurationNs> {
    let count = d.number(node)?;
    if !(0.0..=COUNT_MAX as f64).contains(&count) {
        let help = format!("between 0 and {COUNT_MAX}");
        d.sink.error(Code::OutOfRange, node.span, "so many cycles cannot be counted", help);
        return None;
    }
    Some(DurationNs::from_secs_f64(count * cell.cycle.as_secs_f64()))
}

/// What makes no sense together.
fn fits(d: &mut Decoder<'_>, node: &Node, entry: &FaultEntry) -> bool {
    let strikes_frames = matches!(
        entry.fault,
        Fault::Drop { .. }
            | Fault::Late { .. }
            | Fault::Duplicate { .. }
            | Fault::BadFcs { .. }
            | Fault::Damage { .. }
    );
    let (message, help) = match (entry.fault, entry.lasts) {
        (_, Lasts::Time(DurationNs(0))) => ("it ends when it begins", "write a time above zero".to_owned()),
        (Fault::Stall { .. }, Lasts::Time(time)) if time <= STALL_MAX => return true,
        (Fault::Stall { .. }, _) => {
            ("a stall has an end", format!("write `for:` and a time up to {} s", STALL_MAX.as_secs_f64()))
        }
        (_, Lasts::Frames(_)) if !strikes_frames => {
            ("this fault strikes no frames", "write `for:` and a time".to_owned())
        }
        _ => return true,
    };
    d.sink.error(Code::WrongKind, node.span, message, help);
    false
}

fn moment(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<FaultMoment> {
    if matches!(node.value, crate::tree::Value::Scalar(_)) {
        let words = [("power-on", FaultMoment::PowerOn), ("operational", FaultMoment::Operational)];
        return d.word(node, &words);
    }
    let mut f = d.fields(node)?;
    let id = f.req("axis", d, |d, n| axis(d, n, cell));
    let dimension = id.map_or(Dimension::Length, |id| dimension(cell, id));
    let above = f.opt("above", d, |d, n| d.quantity(n, dimension));
    let below = f.opt("below", d, |d, n| d.quantity(n, dimension));
    let words = [("enabled", false), ("torque", true)];
    let is = f.opt("is", d, |d, n| d.word(n, &words));
    let given = ["above", "below", "is"].into_iter().filter(|field| f.entry(field).is_some()).count();
    f.finish(d);
    let id = id?;
    match (above, below, is) {
        (Some(au), None, None) => Some(FaultMoment::Above(id, au)),
        (None, Some(au), None) => Some(FaultMoment::Below(id, au)),
        (None, None, Some(false)) => Some(FaultMoment::Enabled(id)),
        (None, None, Some(true)) => Some(FaultMoment::Torque(id)),
        // The one that is given could not be read, which has been said.
        _ if given == 1 => None,
        _ => {
            let help = "one of `above: 20 mm`, `below: 20 mm`, `is: enabled`, `is: torque`";
            d.sink.error(Code::WrongKind, node.span, "this names no moment of the axis", help);
            None
        }
    }
}

fn dimension(cell: &Cell, id: AxisId) -> Dimension {
    match cell.axes.get(id.index()).map(|a| a.kind) {
        Some(AxisKind::Rotary) => Dimension::Angle,
        _ => Dimension::Length,
    }
}

/// Every fault that the entry names; it should be one.
fn the_fault(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &Cell) -> Vec<Fault> {
    let of_frames = [
        f.opt("drop", d, |d, n| sharing(d, n, |d, f, share| Some(Fault::Drop { share, way: way(d, f)? }))),
        f.opt("late", d, |d, n| {
            sharing(d, n, |d, f, share| Some(Fault::Late { share, by: late_by(d, f, cell)? }))
        }),
        f.opt("duplicate", d, |d, n| sharing(d, n, |_, _, share| Some(Fault::Duplicate { share }))),
        f.opt("bad_fcs", d, |d, n| {
            sharing(d, n, |d, f, share| {
                Some(Fault::BadFcs { share, position: f.req("before", d, |d, n| device(d, n, cell))? })
            })
        }),
        f.opt("damage", d, |d, n| {
            sharing(d, n, |d, f, share| Some(Fault::Damage { share, way: way(d, f)? }))
        }),
        f.opt("stall", d, |d, n| whole(d, n, |d, f| Some(Fault::Stall { way: way(d, f)? }))),
    ];
    let of_segment = [
        f.opt("mute", d, |d, n| at_device(d, n, cell, |position| Fault::Mute { position })),
        f.opt("power", d, |d, n| at_device(d, n, cell, |position| Fault::Power { position })),
        f.opt("watchdog", d, |d, n| at_device(d, n, cell, |position| Fault::Watchdog { position })),
        f.opt("link", d, |d, n| link(d, n, cell)),
        f.opt("clock", d, |d, n| clock(d, n, cell)),
    ];
    let of_machine = [
        f.opt("input", d, |d, n| stuck(d, n, cell)),
        f.opt("wire_break", d, |d, n| {
            whole(d, n, |d, f| {
                Some(Fault::WireBreak { analog: f.req("analog", d, |d, n| analog(d, n, cell))? })
            })
        }),
        f.opt("drive_fault", d, |d, n| with_code(d, n, cell, |axis, code| Fault::DriveFault { axis, code })),
        f.opt("emergency", d, |d, n| with_code(d, n, cell, |axis, code| Fault::Emergency { axis, code })),
        f.opt("load", d, |d, n| load(d, n, cell)),
        f.opt("encoder", d, |d, n| encoder(d, n, cell)),
    ];
    of_frames.into_iter().chain(of_segment).chain(of_machine).flatten().collect()
}

/// `by` a time, or `cycles` of the bus.
fn late_by(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &Cell) -> Option<DurationNs> {
    let (time, count) = (f.entry("by"), f.entry("cycles"));
    let (by, at) = match (time, count) {
        (Some(e), None) => (d.duration(&e.node)?, e.node.span),
        (None, Some(e)) => (cycles(d, &e.node, cell)?, e.node.span),
        _ => {
            let help = "one of `by: 1.2 ms` and `cycles: 1.2`";
            d.sink.error(Code::MissingField, f.head(), "how late is not said, or twice", help);
            return None;
        }
    };
    if by > STALL_MAX {
        let help = format!("at most {} s", STALL_MAX.as_secs_f64());
        d.sink.error(Code::OutOfRange, at, "no frame is under way for so long", help);
        return None;
    }
    Some(by)
}

/// The fields of a fault, all of which must be known.
fn whole<T>(
    d: &mut Decoder<'_>,
    node: &Node,
    read: impl FnOnce(&mut Decoder<'_>, &mut Fields<'_>) -> Option<T>,
) -> Option<T> {
    let mut f = d.fields(node)?;
    let fault = read(d, &mut f);
    f.finish(d);
    fault
}

/// The same with the share of the frames that it strikes; every one, if nothing is said.
fn sharing<T>(
    d: &mut Decoder<'_>,
    node: &Node,
    read: impl FnOnce(&mut Decoder<'_>, &mut Fields<'_>, f64) -> Option<T>,
) -> Option<T> {
    whole(d, node, |d, f| {
        let share = f.opt("share", d, |d, n| {
            let share = d.positive(n, Dimension::Ratio)?;
            if share > 1.0 {
                d.sink.error(Code::OutOfRange, n.span, "more than every frame", "at most `100 %`");
                return None;
            }
            Some(share)
        });
        read(d, f, share.unwrap_or(1.0))
    })
}

fn way(d: &mut Decoder<'_>, f: &mut Fields<'_>) -> Option<Way> {
    f.req("way", d, |d, n| d.word(n, &[("there", Way::There), ("back", Way::Back)]))
}

pub(crate) fn device(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<usize> {
    let names: Vec<String> = cell.segment.iter().map(|s| s.name.clone()).collect();
    known(d, node, Code::UnknownDevice, "SubDevice", &names, usize::from)
}

fn at_device(
    d: &mut Decoder<'_>,
    node: &Node,
    cell: &Cell,
    fault: impl FnOnce(usize) -> Fault,
) -> Option<Fault> {
    whole(d, node, |d, f| f.req("device", d, |d, n| device(d, n, cell)).map(fault))
}

fn link(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Fault> {
    whole(d, node, |d, f| {
        let position = f.req("device", d, |d, n| device(d, n, cell));
        let port = f.req("port", d, |d, n| d.integer(n, 0, 3));
        Some(Fault::Link { position: position?, port: port? as u8 })
    })
}

fn clock(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Fault> {
    whole(d, node, |d, f| {
        let position = f.req("device", d, |d, n| device(d, n, cell));
        let jump = f.opt("jump", d, |d, n| {
            let seconds = d.quantity(n, Dimension::Time)?;
            if seconds.abs() > JUMP_S_MAX {
                let help = format!("at most {JUMP_S_MAX} s, either way");
                d.sink.error(Code::OutOfRange, n.span, "no clock is set so far off", help);
                return None;
            }
            Some(seconds)
        });
        let drift = f.opt("drift", d, |d, n| {
            let ppb = d.quantity(n, Dimension::Ratio)? * 1e9;
            if ppb.abs() > DRIFT_PPB_MAX {
                d.sink.error(Code::OutOfRange, n.span, "no clock drifts so fast", "at most `1000 ppm`");
                return None;
            }
            Some(ppb)
        });
        if jump.is_none() && drift.is_none() {
            f.missing("jump", d);
            return None;
        }
        let jump_ns = (jump.unwrap_or(0.0) * 1e9).round() as i64;
        Some(Fault::Clock { position: position?, jump_ns, drift_ppb: drift.unwrap_or(0.0).round() as i32 })
    })
}

fn stuck(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Fault> {
    whole(d, node, |d, f| {
        let signal = f.req("signal", d, |d, n| input(d, n, cell));
        let level = f.req("level", d, |d, n| d.boolean(n));
        Some(Fault::Input { input: signal?, level: level? })
    })
}

fn with_code(
    d: &mut Decoder<'_>,
    node: &Node,
    cell: &Cell,
    fault: impl FnOnce(AxisId, u16) -> Fault,
) -> Option<Fault> {
    whole(d, node, |d, f| {
        let id = f.req("axis", d, |d, n| axis(d, n, cell));
        let code = f.req("code", d, |d, n| d.integer(n, 1, 0xffff));
        Some(fault(id?, code? as u16))
    })
}

fn load(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Fault> {
    whole(d, node, |d, f| {
        let id = f.req("axis", d, |d, n| axis(d, n, cell))?;
        let dimension = match dimension(cell, id) {
            Dimension::Angle => Dimension::Torque,
            _ => Dimension::Force,
        };
        Some(Fault::Load { axis: id, effort: f.req("effort", d, |d, n| d.quantity(n, dimension))? })
    })
}

fn encoder(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Fault> {
    whole(d, node, |d, f| {
        let id = f.req("axis", d, |d, n| axis(d, n, cell))?;
        Some(Fault::Encoder { axis: id, by_au: f.req("by", d, |d, n| d.quantity(n, dimension(cell, id)))? })
    })
}

fn expected(d: &mut Decoder<'_>, node: &Node) -> Option<ExpectedReaction> {
    use ReactionClass::{Abort, Hold, Stop, Tolerated};
    let mut f = d.fields(node)?;
    let classes = [Tolerated, Hold, Stop, Abort].map(|c| (c.as_str(), c));
    let class = f.req("class", d, |d, n| d.word(n, &classes))?;
    let counted = f.opt("counted", d, |d, n| {
        let list = d.list(n)?;
        list.iter()
            .map(|n| d.word(n, &Counted::ALL))
            .collect::<Vec<_>>()
            .into_iter()
            .collect::<Option<Vec<_>>>()
    });
    let (mut alarm, mut within_cycles) = (None, 0);
    if class != Tolerated {
        alarm = f.req("alarm", d, |d, n| d.identifier(n)).map(|t| t.text);
        within_cycles = f.req("within", d, |d, n| d.integer(n, 1, COUNT_MAX)).unwrap_or(0);
    }
    f.finish(d);
    Some(ExpectedReaction { class, alarm, within_cycles, counted: counted.unwrap_or_default() })
}
