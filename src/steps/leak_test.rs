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
//! `time` is a gross leak. Whatever the outcome, the volume is vented before the clamp opens.

use cellwright_model::cell::LeakTester;
use cellwright_model::expr::Expr;
use cellwright_model::limits::CURVE_SAMPLES_MAX;
use cellwright_model::plan::{CurveFeature, Meaning, OnHold, Primitive, Resource};
use cellwright_model::{Dimension, DurationNs};
use cellwright_recipe::{Code, Context, Decoder, Draft, Fields, Node, StepKind, names};

use crate::axis::level;
use crate::measure::{Offer, measurements};

const CURVE: &str = "decay";
/// The pressure stays in the band for this long before the valve closes, or for half of `time` if that is
/// shorter: a pressure that only passes through is not filled.
const SETTLED: DurationNs = DurationNs::from_millis(50);
const VENTED: DurationNs = DurationNs::from_millis(2000);

pub(crate) struct LeakTest;

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

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let cell = cx.cell;
        let station = cx.station(f);
        let check_before = cx.condition(f, "check");
        let channel = f.req("channel", cx.d, |d, n| names::leak_tester(d, n, cell).map(|id| (id, n.span)));
        let fill = f.req("fill", cx.d, |d, n| d.fields(n));
        let stabilise = f.req("stabilise", cx.d, some_time);
        let test = f.req("test", cx.d, some_time);
        let Some((id, span)) = channel else {
            f.entry("measure");
            return None;
        };
        let tester = &cell.leak_testers[id.index()];
        if station.is_some_and(|s| s != tester.station) {
            let at = &cell.stations[tester.station.index()].name;
            let message = format!("`{}` is at station `{at}`", tester.name);
            cx.d.sink.error(Code::NotAtStation, span, message, format!("write `station: {at}`"));
        }
        let fill = fill.and_then(|f| read_fill(f, cx, tester));
        let analog = &cell.analogs[tester.pressure.index()];
        let decay = Offer::curve("pressure.decay", CURVE, CurveFeature::DecayRate, Dimension::PressureRate)
            .resolution(analog.resolution / 10.0)
            .default_for("decay");
        let measurements = measurements(f, cx, &[Offer { low_is_invalid: true, ..decay }]);
        let (pressure, within, fill) = fill?;
        let spec = Spec { pressure, within, fill, stabilise: stabilise?, test: test? };
        let at_least = DurationNs(spec.stabilise.0 + spec.test.0);
        Some(Draft {
            station: Some(station?),
            check_before,
            measurements,
            resources: vec![Resource::Analog(tester.pressure), Resource::StationSpace(station?)],
            ops: operations(tester, &spec, capture_limit(cx, f.head(), &spec)),
            cleanup: cleanup(tester, &spec),
            equipment: analog.equipment.into_iter().collect(),
            // The decay is a matter of seconds in which nothing moves: finished, it is one measurement.
            on_hold: Some(OnHold::Finish),
            at_least,
            ..Draft::default()
        })
    }
}

/// A length of time above zero.
fn some_time(d: &mut Decoder<'_>, node: &Node) -> Option<DurationNs> {
    d.positive(node, Dimension::Time)?;
    d.duration(node)
}

fn read_fill(
    mut f: Fields<'_>,
    cx: &mut Context<'_, '_>,
    tester: &LeakTester,
) -> Option<(f64, f64, DurationNs)> {
    let node = f.req("pressure", cx.d, |_, n| Some(n));
    let pressure = node.and_then(|n| level(cx, n, tester.pressure));
    let within = f.req("within", cx.d, |d, n| d.positive(n, Dimension::Pressure));
    let time = f.req("time", cx.d, some_time);
    f.finish(cx.d);
    let (pressure, within) = (pressure?, within?);
    let channel = &cx.cell.analogs[tester.pressure.index()];
    if pressure + within > channel.range_hi {
        let message = format!("the band reaches beyond what `{}` can show", channel.name);
        let help = format!("at most {} Pa", channel.range_hi);
        cx.d.sink.error(Code::SensorRange, node?.span, message, help);
    }
    if within >= pressure {
        let message = "the band reaches down to no pressure: an open unit would be taken as filled";
        cx.d.sink.error(Code::Order, node?.span, message, "write a band narrower than the pressure");
    }
    Some((pressure, within, time?))
}

fn capture_limit(cx: &mut Context<'_, '_>, span: cellwright_recipe::Span, spec: &Spec) -> DurationNs {
    let room = CURVE_SAMPLES_MAX as u64 * cx.cell.cycle.0;
    if spec.test.0 > room {
        let message = format!("a curve has room for {} s", DurationNs(room).as_secs_f64());
        cx.d.sink.error(Code::Capacity, span, message, "test for a shorter time");
    }
    DurationNs(room.min(2 * spec.test.0))
}

fn operations(tester: &LeakTester, spec: &Spec, limit: DurationNs) -> Vec<Primitive> {
    let set = |output, value| Primitive::SetOutput { output, value };
    let band = Expr::And(vec![
        Expr::Above(tester.pressure, spec.pressure - spec.within),
        Expr::Below(tester.pressure, spec.pressure + spec.within),
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
            condition: Expr::Below(tester.pressure, spec.within),
            hold: DurationNs(0),
            timeout: VENTED,
            late: Meaning::Fault("not-vented".into()),
        },
        set(tester.clamp, false),
    ]
}
