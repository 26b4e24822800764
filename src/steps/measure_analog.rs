//! `measure`: an analog channel over some time, and the limits that the recipe puts on it.
//!
//! ```yaml
//! - measure:
//!     id: supply
//!     station: test
//!     sensor: leak_1
//!     settle: 200 ms                             # nothing counts yet
//!     over: 500 ms
//!     measure:
//!       mean: { limits: -100 .. 100 Pa }         # or lowest, peak
//!     on_fail: reject
//! ```
//! Nothing moves meanwhile: what a step before has switched or moved is what is measured.

use cellwright_model::plan::{CurveFeature, Feature, OnHold, Primitive, Resource};
use cellwright_model::{Dimension, DurationNs};
use cellwright_recipe::shape::{Keys, Names, What};
use cellwright_recipe::{Context, Draft, Fields, Shape, StepKind, names, shape};

use crate::measure::{Offer, capture_limit, measure, measurements, some_time};

const CURVE: &str = "values";

pub(crate) struct Measure;

shape! { MEASURE = "measure", "An analog channel over some time, judged at the end." {
    req "station": Name(Names::Station), "Where the unit's nest has to be.";
    opt "check": Condition, "Has to hold before it begins; otherwise the machine could not.";
    req "sensor": Name(Names::Analog), "The channel.";
    opt "settle" = "0 s": Quantity(&[Time]), "Before its values count.";
    req "over": Quantity(&[Time]), "How long its values count.";
    opt "measure": Map(Keys::Given, &What::Fields(&VALUE)), "What is judged: `mean`, `lowest`, `peak`.";
}}

measure! { VALUE = "measured value",
&[Dimension::Force, Dimension::Torque, Dimension::Pressure, Dimension::Temperature],
Word(&["mean", "lowest", "peak"]) }

impl StepKind for Measure {
    fn name(&self) -> &'static str {
        "measure"
    }
    fn judges(&self) -> bool {
        true
    }
    fn shape(&self) -> &'static Shape {
        &MEASURE
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let cell = cx.cell;
        let station = cx.station(f);
        let check_before = cx.condition(f, "check");
        let sensor = f.req("sensor", cx.d, |d, n| names::analog(d, n, cell));
        let settle = f.opt("settle", cx.d, |d, n| d.duration(n)).unwrap_or_default();
        let over = f.req("over", cx.d, |d, n| some_time(d, n).map(|time| (time, n.span)));
        let channel = sensor.map(|id| &cell.analogs[id.index()]);
        let offer = |of: &'static str, feature| {
            let feature = Feature::Curve { curve: CURVE.into(), feature };
            Offer::new(of, feature, channel.map(|c| c.dimension), 1.0).shown_by(channel)
        };
        let offers = [
            offer("mean", CurveFeature::ValueMean),
            offer("lowest", CurveFeature::ValueLowest),
            offer("peak", CurveFeature::ValuePeak),
        ];
        let measurements = measurements(f, cx, Some(&offers));
        let (over, span) = over?;
        let limit = capture_limit(cx, span, over);
        let (sensor, channel) = sensor.zip(channel)?;
        Some(Draft {
            station: Some(station?),
            check_before,
            measurements,
            resources: vec![Resource::Analog(sensor), Resource::StationSpace(station?)],
            ops: vec![
                Primitive::Dwell { duration: settle },
                Primitive::CaptureStart { curve: CURVE.into(), axis: None, analog: Some(sensor), limit },
                Primitive::Dwell { duration: over },
                Primitive::CaptureEnd { curve: CURVE.into() },
                Primitive::Judge,
            ],
            equipment: channel.equipment.into_iter().collect(),
            on_hold: Some(OnHold::Finish),
            at_least: DurationNs(settle.0 + over.0),
            ..Draft::default()
        })
    }
}
