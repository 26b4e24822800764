//! `leak-test`: pressure decay of the closed unit.
//!
//! ```yaml
//! - leak-test:
//!     id: leak
//!     station: test
//!     channel: leak_1
//!     fill: { pressure: 50 kPa, within: 2 kPa, time: 1 s }
//!     stabilise: 1 s
//!     test: 2 s
//!     measure:
//!       decay: { limits: -2 .. 12 Pa/s }       # a rise is invalid, not good
//!     on_fail: { retry: 1, after: 10 s, then: reject }
//! ```
//! `channel` is a leak tester of the cell, which knows its valves. Pressure that does not reach the band in
//! `time` is a gross leak. `recovery: 8 s` is how long a unit that was filled needs until it can be tested again:
//! a retry that comes earlier is refused. Whatever the outcome, the volume is vented before the clamp opens.

use cellwright_model::cell::{Cell, LeakTester};
use cellwright_model::expr::Expr;
use cellwright_model::plan::{CurveFeature, Meaning, OnHold, Primitive, Resource};
use cellwright_model::{AnalogId, Dimension, DurationNs, LeakTesterId, StationId};
use cellwright_recipe::shape::{Keys, Names, What};
use cellwright_recipe::{Code, Context, Draft, Fields, Shape, Span, StepKind, names, shape};

use crate::axis::{level, only};
use crate::measure::{Offer, capture_limit, measure, measurements, some_time};

const CURVE: &str = "decay";
/// The pressure stays in the band for this long before the valve closes, or for half of `time` if that is
/// shorter: a pressure that only passes through is not filled.
const SETTLED: DurationNs = DurationNs::from_millis(50);
const VENTED: DurationNs = DurationNs::from_millis(2000);

pub(crate) struct LeakTest;

shape! { LEAK_TEST = "leak-test", "Pressure decay of the closed unit." {
    req "station": Name(Names::Station), "Where the unit's nest has to be.";
    opt "check": Condition, "Has to hold before it begins; otherwise the machine could not.";
    req "channel": Name(Names::LeakTester), "The leak tester; it knows its valves.";
    req "fill": Fields(&FILL), "Filling; pressure that does not reach the band in time is a gross leak.";
    req "stabilise": Quantity(&[Time]), "Between filling and the test.";
    req "test": Quantity(&[Time]), "How long the decay is measured.";
    opt "recovery": Quantity(&[Time]), "How long a unit that was filled needs; a retry that comes earlier is refused.";
    opt "measure": Map(Keys::Given, &What::Fields(&MEASURE)), "What is judged: `decay`.";
}}

shape! { FILL = "fill", "Filling of the tested volume." {
    req "pressure": Quantity(&[Pressure]), "Test pressure, gauge.";
    req "within": Quantity(&[Pressure]), "Half the width of the band around it.";
    req "time": Quantity(&[Time]), "The band has to be reached within.";
}}

measure! { MEASURE = "leak-test measurement", &[Dimension::PressureRate], Word(&["pressure.decay"]) }

struct Spec {
    pressure: f64,
    within: f64,
    fill: DurationNs,
    stabilise: DurationNs,
    test: DurationNs,
}

impl StepKind for LeakTest {
    fn name(&self) -> &'static str {
        "leak-test"
    }
    fn judges(&self) -> bool {
        true
    }
    fn works_on_unit(&self) -> bool {
        true
    }
    fn shape(&self) -> &'static Shape {
        &LEAK_TEST
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let cell = cx.cell;
        let station = cx.station(f);
        let check_before = cx.condition(f, "check");
        let channel = f.req("channel", cx.d, |d, n| names::leak_tester(d, n, cell).map(|id| (id, n.span)));
        let fill = f.req("fill", cx.d, |d, n| d.fields(n));
        let stabilise = f.req("stabilise", cx.d, some_time);
        let test = f.req("test", cx.d, some_time);
        let recovery = f.opt("recovery", cx.d, some_time);
        let such = (0u16..).zip(&cell.leak_testers).filter(|(_, t)| station.is_none_or(|s| s == t.station));
        let meant = || only(such).map(|(n, _)| LeakTesterId(n));
        let id = channel.map(|(id, _)| id).or_else(meant);
        if let (Some((id, span)), Some(station)) = (channel, station) {
            at_its_station(cx, id, station, span);
        }
        let tester = id.map(|id| &cell.leak_testers[id.index()]);
        let analog = tester.map(|tester| tester.pressure);
        let fill = fill.map(|f| read_fill(f, cx, analog)).unwrap_or_default();
        let measurements = measurements(f, cx, Some(&[decay(cell, analog, &fill, test)]));
        let tester = tester?;
        let spec = fill.whole(stabilise?, test?)?;
        let at_least = DurationNs(spec.stabilise.0 + spec.test.0);
        Some(Draft {
            station: Some(station?),
            check_before,
            measurements,
            resources: vec![Resource::Analog(tester.pressure), Resource::StationSpace(station?)],
            ops: operations(tester, &spec, capture_limit(cx, f.head(), spec.test)),
            cleanup: cleanup(tester, &spec),
            equipment: cell.analogs[tester.pressure.index()].equipment.into_iter().collect(),
            // The decay is a matter of seconds in which nothing moves: finished, it is one measurement.
            on_hold: Some(OnHold::Finish),
            at_least,
            retry_not_before: recovery,
            ..Draft::default()
        })
    }
}

fn at_its_station(cx: &mut Context<'_, '_>, id: LeakTesterId, station: StationId, span: Span) {
    let tester = &cx.cell.leak_testers[id.index()];
    if station != tester.station {
        let at = &cx.cell.stations[tester.station.index()].name;
        let message = format!("`{}` is at station `{at}`", tester.name);
        cx.d.sink.error(Code::NotAtStation, span, message, format!("write `station: {at}`"));
        cx.doubt_station();
    }
}

/// What `fill:` says, as far as it can be read.
#[derive(Default)]
struct Fill {
    pressure: Option<(f64, Span)>,
    within: Option<f64>,
    time: Option<DurationNs>,
}

impl Fill {
    fn whole(&self, stabilise: DurationNs, test: DurationNs) -> Option<Spec> {
        let (pressure, within) = (self.pressure?.0, self.within?);
        Some(Spec { pressure, within, fill: self.time?, stabilise, test })
    }
}

/// A tight unit loses nothing; one that is open loses all the pressure, and no more.
fn decay(cell: &Cell, analog: Option<AnalogId>, fill: &Fill, test: Option<DurationNs>) -> Offer {
    let decay = Offer::curve("pressure.decay", CURVE, CurveFeature::DecayRate, Dimension::PressureRate)
        .default_for("decay")
        .low_is_invalid();
    let decay = match analog.map(|id| &cell.analogs[id.index()]) {
        Some(channel) => decay.resolution(channel.resolution / 10.0),
        None => decay,
    };
    let (Some((pressure, at)), Some(within), Some(test)) = (fill.pressure, fill.within, test) else {
        return decay;
    };
    let most = (pressure + within) / test.as_secs_f64();
    decay.comes_to(0.0, most, at, "a tight unit keeps this pressure, an open one loses all of it in the test")
}

fn read_fill(mut f: Fields<'_>, cx: &mut Context<'_, '_>, analog: Option<AnalogId>) -> Fill {
    let node = f.req("pressure", cx.d, |_, n| Some(n));
    let level = node.and_then(|n| level(cx, n, Dimension::Pressure, analog).map(|p| (p, n.span)));
    let within = f.req("within", cx.d, |d, n| d.positive(n, Dimension::Pressure));
    let time = f.req("time", cx.d, some_time);
    f.finish(cx.d);
    if let (Some((pressure, span)), Some(within)) = (level, within) {
        let channel = analog.map(|id| &cx.cell.analogs[id.index()]);
        if let Some(channel) = channel.filter(|c| pressure + within > c.range_hi) {
            let message = format!("the band reaches beyond what `{}` can show", channel.name);
            let help = format!("at most {} Pa", channel.range_hi);
            cx.d.sink.error(Code::SensorRange, span, message, help);
        }
        if within >= pressure {
            let message = "the band reaches down to no pressure: an open unit would be taken as filled";
            cx.d.sink.error(Code::Order, span, message, "write a band narrower than the pressure");
        }
    }
    Fill { pressure: level, within, time }
}

fn operations(tester: &LeakTester, spec: &Spec, limit: DurationNs) -> Vec<Primitive> {
    let set = |output, value| Primitive::SetOutput { output, value };
    let band = Expr::And(vec![
        Expr::above(tester.pressure, spec.pressure - spec.within),
        Expr::below(tester.pressure, spec.pressure + spec.within),
    ]);
    let hold = SETTLED.min(DurationNs(spec.fill.0 / 2));
    let late = Meaning::Fail("gross-leak".into());
    vec![
        set(tester.clamp, true),
        // Times judge the part: one that leaks would lose its pressure, or reach it, while it is held.
        Primitive::Unbroken,
        set(tester.vent_closed, true),
        set(tester.fill, true),
        Primitive::WaitUntil { condition: band, hold, timeout: spec.fill, late },
        set(tester.fill, false),
        Primitive::Dwell { duration: spec.stabilise },
        Primitive::CaptureStart { curve: CURVE.into(), axis: None, analog: Some(tester.pressure), limit },
        Primitive::Dwell { duration: spec.test },
        Primitive::CaptureEnd { curve: CURVE.into() },
        Primitive::Judge,
    ]
}

/// Supply off, vent open, and the clamp only when the pressure is gone.
fn cleanup(tester: &LeakTester, spec: &Spec) -> Vec<Primitive> {
    let set = |output, value| Primitive::SetOutput { output, value };
    vec![
        set(tester.fill, false),
        set(tester.vent_closed, false),
        Primitive::WaitUntil {
            condition: Expr::below(tester.pressure, spec.within),
            hold: DurationNs(0),
            timeout: VENTED,
            late: Meaning::Fault("not-vented".into()),
        },
        set(tester.clamp, false),
    ]
}
