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

use cellwright_model::cell::{AxisKind, Cell};
use cellwright_model::expr::Expr;
use cellwright_model::limits::CURVE_SAMPLES_MAX;
use cellwright_model::plan::{
    CurveFeature, Feature, Meaning, Primitive, Resource, Stop, Target, Window, WindowShape,
};
use cellwright_model::{AnalogId, AxisId, Dimension, DurationNs};
use cellwright_recipe::shape::{Keys, Names, What};
use cellwright_recipe::{Code, Context, Draft, Fields, Node, Shape, Span, StepKind, shape};

use crate::axis::{at_station, level, sensor, target, velocity, within_travel};
use crate::measure::{Offer, measure, measurements};

mod windows;

const CURVE: &str = "press";
/// Where the force rose: depth counts from here.
const CONTACT: &str = "contact.trigger";
/// The load cell must read zero for this long, within [`ZERO_TIMEOUT`].
const ZERO_HOLD: DurationNs = DurationNs::from_millis(50);
const ZERO_TIMEOUT: DurationNs = DurationNs::from_millis(2000);
/// Positions are kept to a micrometre: what a press's encoder and frame can mean.
const POSITION_RESOLUTION_MM: f64 = 0.001;
/// From a force over the trip to a drive that brakes: the sample is read a cycle after it was taken, the setpoint
/// goes out in that cycle, and the drive follows it one period later.
const TRIP_CYCLES: f64 = 3.0;

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

/// The numbers of one press step.
struct Spec {
    axis: AxisId,
    force: AnalogId,
    zero: f64,
    approach: (f64, f64),
    contact: f64,
    between: (f64, f64),
    velocity: f64,
    until: Until,
    max_force: f64,
    dwell: DurationNs,
}

/// Where pressing ends.
#[derive(Clone, Copy)]
enum Until {
    /// From contact.
    Depth(f64),
    /// Axis coordinate.
    Position(f64),
}

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
    fn shape(&self) -> &'static Shape {
        &PRESS
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let station = cx.station(f);
        let check_before = cx.condition(f, "check");
        let spec = read(f, cx, station);
        let windows = windows::read(f, cx, spec.as_ref().map(|s| s.force));
        let Some(spec) = spec else {
            f.entry("measure");
            return None;
        };
        windows.iter().for_each(|(window, span)| within_stroke(cx, &spec, window, *span));
        let windows = windows.into_iter().map(|(window, _)| window).collect();
        let measurements = measurements(f, cx, &offers(cx.cell, &spec));
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

fn read(
    f: &mut Fields<'_>,
    cx: &mut Context<'_, '_>,
    station: Option<cellwright_model::StationId>,
) -> Option<Spec> {
    let axis_id = at_station(f, cx, station, AxisKind::Linear);
    let force = sensor(f, cx, "force", Dimension::Force);
    let zero = f.req("zero", cx.d, |d, n| d.fields(n));
    let approach = f.req("approach", cx.d, |d, n| d.fields(n));
    let contact = f.req("contact", cx.d, |d, n| d.fields(n));
    let press = f.req("press", cx.d, |d, n| d.fields(n));
    let (axis_id, force) = (axis_id?, force?);
    let zero = zero.and_then(|mut f| {
        let within = f.req("within", cx.d, |_, n| Some(n)).and_then(|n| level(cx, n, force));
        f.finish(cx.d);
        within
    });
    let approach = approach.and_then(|f| read_approach(f, cx, axis_id));
    let contact = contact.and_then(|f| read_contact(f, cx, axis_id, force));
    let pressing = press.and_then(|f| read_pressing(f, cx, axis_id, force));
    let ((to, fast), (contact, between, between_span)) = (approach?, contact?);
    let pressing = pressing?;
    order(cx, to, between, between_span);
    end_within_travel(cx, axis_id, between, &pressing);
    if contact >= pressing.max_force {
        let message = "contact is at or above `max_force`: every part would trip";
        cx.d.sink.error(Code::Order, between_span, message, "lower `contact: force`, or raise `max_force`");
    }
    Some(Spec {
        axis: axis_id,
        force,
        zero: zero?,
        approach: (to, fast),
        contact,
        between,
        velocity: pressing.velocity,
        until: pressing.until,
        max_force: pressing.max_force,
        dwell: pressing.dwell,
    })
}

fn read_approach(mut f: Fields<'_>, cx: &mut Context<'_, '_>, axis: AxisId) -> Option<(f64, f64)> {
    let axis = &cx.cell.axes[axis.index()];
    let to = f.req("to", cx.d, |_, n| Some(n)).and_then(|n| target(cx, n, axis));
    let fast = f.req("velocity", cx.d, |_, n| Some(n)).and_then(|n| velocity(cx, n, axis));
    f.finish(cx.d);
    Some((to?, fast?))
}

type Contact = (f64, (f64, f64), Span);

fn read_contact(
    mut f: Fields<'_>,
    cx: &mut Context<'_, '_>,
    axis: AxisId,
    force: AnalogId,
) -> Option<Contact> {
    let axis = &cx.cell.axes[axis.index()];
    let level = f.req("force", cx.d, |_, n| Some(n)).and_then(|n| level(cx, n, force));
    let between = f.req("between", cx.d, |d, n| d.range(n, Dimension::Length).map(|r| (r, n.span)));
    f.finish(cx.d);
    let ((lo, hi), span) = between?;
    let inside = within_travel(cx, span, lo, axis) && within_travel(cx, span, hi, axis);
    inside.then_some(())?;
    Some((level?, (lo, hi), span))
}

struct Pressing {
    velocity: f64,
    until: Until,
    until_span: Span,
    max_force: f64,
    dwell: DurationNs,
}

fn read_pressing(
    mut f: Fields<'_>,
    cx: &mut Context<'_, '_>,
    axis: AxisId,
    force: AnalogId,
) -> Option<Pressing> {
    let axis = &cx.cell.axes[axis.index()];
    let speed = f.req("velocity", cx.d, |_, n| Some(n)).and_then(|n| velocity(cx, n, axis));
    let until = f.req("until", cx.d, |_, n| Some(n));
    let max_node = f.req("max_force", cx.d, |_, n| Some(n));
    let max_force = max_node.and_then(|n| level(cx, n, force));
    let stiffness = f.opt("stiffness", cx.d, |d, n| d.positive(n, Dimension::Stiffness));
    let dwell = f.opt("dwell", cx.d, |d, n| d.duration(n)).unwrap_or_default();
    f.finish(cx.d);
    let node = until?;
    let until = read_until(cx, node, axis)?;
    if let (Some(velocity), Some(max_force), Some(stiffness)) = (speed, max_force, stiffness) {
        trip_in_range(cx, max_node?.span, (axis, velocity), (force, max_force), stiffness);
    }
    Some(Pressing { velocity: speed?, until, until_span: node.span, max_force: max_force?, dwell })
}

/// Beyond the trip the ram goes on for the dead time and its way of braking; the force of that must still be
/// one that the load cell shows, or the curve of the part that needs it most is invalid.
fn trip_in_range(
    cx: &mut Context<'_, '_>,
    span: Span,
    (axis, velocity): (&cellwright_model::cell::Axis, f64),
    (force, max_force): (AnalogId, f64),
    stiffness_n_per_mm: f64,
) {
    let dead_mm = velocity * TRIP_CYCLES * cx.cell.cycle.as_secs_f64();
    let braking_mm = braking_way(velocity, axis.acceleration_max, axis.jerk_max);
    let overshoot = stiffness_n_per_mm * (dead_mm + braking_mm);
    let channel = &cx.cell.analogs[force.index()];
    if max_force + overshoot > channel.range_hi {
        let message = format!(
            "the trip at {max_force} N ends at {:.0} N: the ram goes on for {:.3} mm",
            max_force + overshoot,
            dead_mm + braking_mm
        );
        let help =
            format!("press slower, or trip earlier: `{}` shows up to {} N", channel.name, channel.range_hi);
        cx.d.sink.error(Code::SensorRange, span, message, help);
    }
}

/// Way from a speed to rest with bounded acceleration and jerk.
fn braking_way(velocity: f64, acceleration: f64, jerk: f64) -> f64 {
    let full = velocity * jerk >= acceleration * acceleration;
    let time =
        if full { velocity / acceleration + acceleration / jerk } else { 2.0 * (velocity / jerk).sqrt() };
    // The speed falls symmetrically: half of it, for that time.
    velocity * time / 2.0
}

/// `{ depth: 12.4 mm }` from contact, or `{ position: 52 mm }` of the axis.
fn read_until(cx: &mut Context<'_, '_>, node: &Node, axis: &cellwright_model::cell::Axis) -> Option<Until> {
    let mut f = cx.d.fields(node)?;
    let depth = f.opt("depth", cx.d, |d, n| d.positive(n, Dimension::Length).map(Until::Depth));
    let position = f.entry("position").and_then(|e| target(cx, &e.node, axis).map(Until::Position));
    let both = f.entry("depth").is_some() && f.entry("position").is_some();
    let neither = f.entry("depth").is_none() && f.entry("position").is_none();
    if both {
        let help = "keep `depth` (from contact) or `position` (of the axis)";
        cx.d.sink.error(Code::Order, node.span, "two ends of one stroke", help);
    }
    if neither {
        f.missing("depth", cx.d);
    }
    f.finish(cx.d);
    depth.or(position)
}

fn order(cx: &mut Context<'_, '_>, to: f64, between: (f64, f64), span: Span) {
    if to >= between.0 {
        let message =
            format!("contact is expected from {} mm on, the approach goes on to {to} mm", between.0);
        let help = "end the approach before the first contact: it is fast and not judged";
        cx.d.sink.error(Code::Order, span, message, help);
    }
}

/// The deepest end of the stroke: contact at the far end of its range, and the depth from there.
fn end_within_travel(cx: &mut Context<'_, '_>, axis: AxisId, between: (f64, f64), pressing: &Pressing) {
    let axis = &cx.cell.axes[axis.index()];
    match pressing.until {
        Until::Depth(depth) => drop(within_travel(cx, pressing.until_span, between.1 + depth, axis)),
        Until::Position(end) if end <= between.1 => {
            let message =
                format!("the stroke ends at {end} mm, where contact may only begin ({} mm)", between.1);
            cx.d.sink.error(Code::Order, pressing.until_span, message, "press beyond the range of contact");
        }
        Until::Position(_) => {}
    }
}

/// A window lies within the travel, and begins before the stroke ends: one that no curve enters judges nothing.
fn within_stroke(cx: &mut Context<'_, '_>, spec: &Spec, window: &Window, span: Span) {
    let axis = &cx.cell.axes[spec.axis.index()];
    let (lo, hi) = window.shape.positions();
    let deepest = match spec.until {
        Until::Depth(depth) => spec.between.1 + depth,
        Until::Position(end) => end,
    };
    // A stroke that leaves the travel has been refused itself.
    if deepest > axis.travel_hi_au {
        return;
    }
    let of_contact = window.origin.is_some();
    let (first, last) = if of_contact { spec.between } else { (0.0, 0.0) };
    let inside = within_travel(cx, span, first + lo, axis) && within_travel(cx, span, last + hi, axis);
    // The deepest end that a part permits, in the coordinate of the window.
    let end = match (spec.until, of_contact) {
        (_, false) => deepest,
        (Until::Depth(depth), true) => depth,
        (Until::Position(end), true) => end - spec.between.0,
    };
    // A curve that passes through has to come out behind it.
    let (needed, what) = match window.shape {
        WindowShape::PassThrough { .. } => (hi, "is left behind"),
        _ => (lo, "begins at"),
    };
    if inside && needed >= end {
        let message = format!("the window {what} {needed} mm, the stroke ends at {end} mm at the latest");
        let help = "a window judges what lies between contact and the end of the stroke";
        cx.d.sink.error(Code::WindowNotReached, span, message, help);
    }
}

fn offers(cell: &Cell, spec: &Spec) -> Vec<Offer> {
    let channel = &cell.analogs[spec.force.index()];
    let range = (channel.range_lo, channel.range_hi);
    let force = |of, feature| {
        Offer::curve(of, CURVE, feature, Dimension::Force).resolution(channel.resolution).range(range)
    };
    let length =
        |of, feature| Offer::curve(of, CURVE, feature, Dimension::Length).resolution(POSITION_RESOLUTION_MM);
    let contact = length("contact.position", CurveFeature::PositionPeak);
    vec![
        force("force.at_end", CurveFeature::ValueAtEnd),
        force("force.peak", CurveFeature::ValuePeak),
        length("position.peak", CurveFeature::PositionPeak),
        length("depth.peak", CurveFeature::TravelFromLevel { level: spec.contact }),
        Offer { feature: Feature::Register(CONTACT.into()), ..contact },
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
