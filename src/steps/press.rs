//! `press`: a servo press joins parts and is judged on force over position.
//!
//! ```yaml
//! - press:
//!     id: press-cannula
//!     station: press
//!     check: nest_hub_present and nest_cannula_present
//!     axis: press_z
//!     force: load_cell
//!     zero: { within: 2 N }                                # outside: a fault, not a bad part
//!     approach: { to: 38.0 mm, velocity: 60 mm/s }
//!     contact: { force: 5 N, between: 39.0 .. 41.5 mm }    # depth counts from here
//!     press: { velocity: 2 mm/s, until: { depth: 12.40 mm }, max_force: 180 N, dwell: 200 ms }
//!     windows:
//!       - { depth: 10.0 .. 12.0 mm, force: 20 .. 140 N }
//!     measure:
//!       seat_force: { of: force.at_end, limits: 70 .. 150 N }
//! ```
//! Positions grow in the direction of pressing. The search for contact runs at the speed of pressing. Force
//! during the approach, contact outside `between`, no contact at its end, and `max_force` each fail the part
//! with a cause of their own. `press: stiffness` is how steeply the joint's force rises where it ends (`60 N/mm`):
//! with it, what the ram still presses between `max_force` and its rest is held against the load cell. Whatever the outcome, the ram goes back home.
//!
//! What else `windows:` can ask of the curve, each in `depth` or `position`, is told in [`windows`].

use cellwright_model::cell::Cell;
use cellwright_model::expr::Expr;
use cellwright_model::limits::CURVE_SAMPLES_MAX;
use cellwright_model::plan::{CurveFeature, Feature, Meaning, Primitive, Resource, Stop, Target};
use cellwright_model::{Dimension, DurationNs};
use cellwright_recipe::shape::{Keys, Names, What};
use cellwright_recipe::{Code, Context, Draft, Fields, Shape, Span, StepKind, shape};

use crate::measure::{Offer, measure, measured};

mod stroke;
mod windows;

use stroke::{Spec, Stroke, Until};

const CURVE: &str = "press";
/// Where the force rose: depth counts from here.
const CONTACT: &str = "contact.trigger";
/// The load cell must read zero for this long, within [`ZERO_TIMEOUT`].
const ZERO_HOLD: DurationNs = DurationNs::from_millis(50);
const ZERO_TIMEOUT: DurationNs = DurationNs::from_millis(2000);
/// Positions are kept to a micrometre: what a press's encoder and frame can mean.
const POSITION_RESOLUTION_MM: f64 = 0.001;
pub(crate) struct Press;

shape! { PRESS = "press", "A servo press joins parts and is judged on force over position." {
    req "station": Name(Names::Station), "Where the unit's nest has to be.";
    opt "check": Condition, "Has to hold before it begins; otherwise the machine could not.";
    req "axis": Name(Names::Axis), "The ram: a linear axis of the station; positions grow in the direction of pressing.";
    req "force": Name(Names::Analog), "The load cell that judges.";
    req "zero": Fields(&ZERO), "The load cell has to read zero before; otherwise the machine could not.";
    req "approach": Fields(&APPROACH), "The fast way down; force on it fails the part.";
    req "contact": Fields(&TOUCH), "Where the force rises; depth counts from here.";
    req "press": Fields(&STROKE), "The stroke from contact on.";
    opt "windows": List(&What::Fields(&windows::WINDOW)), "What the curve has to do on its way.";
    opt "measure": Map(Keys::Given, &What::Fields(&MEASURE)), "What is judged at the end.";
}}

shape! { ZERO = "press zero", "Zero of the load cell." {
    req "within": Quantity(&[Force]), "Farther from zero: a fault, not a bad part.";
}}

shape! { APPROACH = "approach", "The fast way down." {
    req "to": Quantity(&[Length]), "Axis coordinate at which it ends, before the first contact.";
    req "velocity": Quantity(&[Velocity]), "Of the way down and back.";
}}

shape! { TOUCH = "contact", "Where the force rises." {
    req "force": Quantity(&[Force]), "From this on it is contact.";
    req "between": Range(&[Length]), "Axis coordinates; contact elsewhere fails the part.";
}}

shape! { STROKE = "press stroke", "The stroke from contact on." {
    req "velocity": Quantity(&[Velocity]), "Of the search for contact and of pressing.";
    req "until": Fields(&UNTIL), "Where it ends.";
    req "max_force": Quantity(&[Force]), "Above it the stroke ends and the part fails.";
    opt "stiffness": Quantity(&[Stiffness]), "Of the joint where it ends: what is pressed beyond `max_force` has to be within the load cell's range.";
    opt "dwell" = "0 s": Quantity(&[Time]), "At the end.";
}}

shape! { UNTIL = "press end", "The end of the stroke; one of the two." {
    dep "depth": Quantity(&[Length]), "From contact.";
    dep "position": Quantity(&[Length]), "Axis coordinate.";
}}

measure! { MEASURE = "press measurement", &[Dimension::Force, Dimension::Length],
Word(&["force.at_end", "force.peak", "position.peak", "depth.peak", "contact.position"]) }

impl StepKind for Press {
    fn name(&self) -> &'static str {
        "press"
    }
    fn judges(&self) -> bool {
        true
    }
    fn irreversible(&self) -> bool {
        true
    }
    fn works_on_unit(&self) -> bool {
        true
    }
    fn shape(&self) -> &'static Shape {
        &PRESS
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let station = cx.station(f);
        let check_before = cx.condition(f, "check");
        let read = Stroke::read(f, cx, station);
        let windows = windows::read(f, cx, read.force);
        read.windows_in_reach(cx, &windows);
        windows::together(cx, &windows);
        let (measurements, mut beyond) = measured(f, cx, Some(&offers(cx.cell, &read)));
        beyond.splice(0..0, read.windows_beyond(&windows));
        read.tell(cx, beyond);
        let windows = windows.into_iter().map(|read| read.window).collect();
        let spec = read.whole()?;
        let limit = capture_limit(cx, f.head(), &spec);
        Some(Draft {
            station: Some(station?),
            check_before,
            measurements,
            windows,
            resources: vec![
                Resource::Axis(spec.axis),
                Resource::Analog(spec.force),
                Resource::StationSpace(station?),
            ],
            ops: operations(&spec, limit),
            cleanup: vec![Primitive::MoveTo {
                axis: spec.axis,
                target: Target::Value(cx.cell.axes[spec.axis.index()].home_au),
                velocity_au_s: spec.approach.1,
            }],
            equipment: cx.cell.analogs[spec.force.index()].equipment.into_iter().collect(),
            at_least: at_least(cx.cell, &spec),
            ..Draft::default()
        })
    }
}

fn offers(cell: &Cell, read: &Stroke) -> Vec<Offer> {
    let channel = read.force.map(|id| &cell.analogs[id.index()]);
    let contact = read.contact.map_or(0.0, |(force, _)| force);
    let force = |of, feature| {
        let offer = Offer::curve(of, CURVE, feature, Dimension::Force).shown_by(channel);
        match read.trip() {
            Some((most, at)) => offer.most(most, at, format!("`max_force` ends the stroke at {most} N")),
            None => offer,
        }
    };
    let length = |of, feature, end: Option<(f64, f64)>| {
        let offer = Offer::curve(of, CURVE, feature, Dimension::Length).resolution(POSITION_RESOLUTION_MM);
        match (end, read.until) {
            (Some((lo, hi)), Some((_, at))) => offer.comes_to(lo, hi, at, "the stroke ends there"),
            _ => offer,
        }
    };
    let register = Feature::Register(CONTACT.into());
    let at_contact =
        Offer::new("contact.position", register, Some(Dimension::Length), POSITION_RESOLUTION_MM);
    let at_contact = match read.between {
        Some(((lo, hi), at)) => at_contact.comes_to(lo, hi, at, "contact elsewhere fails the part"),
        None => at_contact,
    };
    vec![
        force("force.at_end", CurveFeature::ValueAtEnd),
        force("force.peak", CurveFeature::ValuePeak),
        length("position.peak", CurveFeature::PositionPeak, read.end_position()),
        length("depth.peak", CurveFeature::TravelFromLevel { level: contact }, read.end_depth()),
        at_contact,
    ]
}

fn operations(spec: &Spec, limit: DurationNs) -> Vec<Primitive> {
    let zero = Expr::And(vec![Expr::above(spec.force, -spec.zero), Expr::below(spec.force, spec.zero)]);
    let fail = |cause: &str| Meaning::Fail(cause.into());
    let move_until = |velocity, limit: Target, until, trip, at_limit, at_trip, register: Option<&str>| {
        Primitive::ApproachUntil {
            axis: spec.axis,
            limit,
            velocity_au_s: velocity,
            until,
            trip: Some((spec.force, trip)),
            register: register.map(str::to_string),
            between: None,
            outside: Meaning::Ok,
            at_limit,
            at_trip,
        }
    };
    let (to, fast) = spec.approach;
    let at_end = match spec.until {
        Until::Depth(offset) => Target::FromRegister { register: CONTACT.into(), offset },
        Until::Position(position) => Target::Value(position),
    };
    let (above, far) = (Target::Value(to), Target::Value(spec.between.1));
    let contact = Stop::AnalogAtLeast(spec.force, spec.contact);
    let end = Stop::Position(at_end.clone());
    let mut ops = vec![
        Primitive::WaitUntil {
            condition: zero,
            hold: ZERO_HOLD,
            timeout: ZERO_TIMEOUT,
            late: Meaning::Fault("zero-offset".into()),
        },
        Primitive::CaptureStart {
            curve: CURVE.into(),
            axis: Some(spec.axis),
            analog: Some(spec.force),
            limit,
        },
        // From here on the ram may touch the part.
        Primitive::PointOfNoReturn,
        move_until(
            fast,
            above.clone(),
            Stop::Position(above),
            spec.contact,
            Meaning::Ok,
            fail("contact-position"),
            None,
        ),
        move_until(
            spec.velocity,
            far,
            contact,
            spec.max_force,
            fail("no-contact"),
            fail("force-trip"),
            Some("contact"),
        ),
        // A fit that rests on its way is another one: it breaks loose anew.
        Primitive::Unbroken,
        Primitive::RequireRegister {
            register: CONTACT.into(),
            origin: None,
            within: spec.between,
            below: fail("contact-position"),
            above: fail("contact-position"),
        },
        move_until(spec.velocity, at_end, end, spec.max_force, Meaning::Ok, fail("force-trip"), None),
    ];
    if spec.dwell.0 > 0 {
        ops.push(Primitive::Dwell { duration: spec.dwell });
    }
    ops.extend([Primitive::CaptureEnd { curve: CURVE.into() }, Primitive::Judge]);
    ops
}

/// Seconds of the stroke from the end of the approach to the deepest end.
fn stroke_s(spec: &Spec) -> f64 {
    let end = match spec.until {
        Until::Depth(depth) => spec.between.1 + depth,
        Until::Position(position) => position,
    };
    (end - spec.approach.0) / spec.velocity
}

/// The curve has room for the whole stroke twice; a slower one would lose its end.
fn capture_limit(cx: &mut Context<'_, '_>, span: Span, spec: &Spec) -> DurationNs {
    let home = cx.cell.axes[spec.axis.index()].home_au;
    let fast_s = (spec.approach.0 - home).abs() / spec.approach.1;
    let needed = 1.0 + fast_s + stroke_s(spec) + spec.dwell.as_secs_f64();
    let room = CURVE_SAMPLES_MAX as f64 * cx.cell.cycle.as_secs_f64();
    if needed > room {
        let message = format!("the stroke takes {needed:.1} s, a curve has room for {room:.1} s");
        cx.d.sink.error(Code::Capacity, span, message, "press faster, or begin nearer to the contact");
    }
    DurationNs::from_secs_f64(room.min(2.0 * needed))
}

/// Fast way down and back, search from the end of the approach, stroke of a part with early contact.
fn at_least(cell: &Cell, spec: &Spec) -> DurationNs {
    let home = cell.axes[spec.axis.index()].home_au;
    let down_s = (spec.approach.0 - home).abs() / spec.approach.1;
    let end = match spec.until {
        Until::Depth(depth) => spec.between.0 + depth,
        Until::Position(position) => position,
    };
    let press_s = (end - spec.approach.0) / spec.velocity;
    DurationNs::from_secs_f64(down_s + press_s + spec.dwell.as_secs_f64())
}
