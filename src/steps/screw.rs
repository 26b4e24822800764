//! `screw`: a spindle runs a cap down and tightens it to a torque, judged on torque and angle.
//!
//! ```yaml
//! - screw:
//!     id: seal-cap
//!     station: close
//!     axis: driver_1
//!     torque_sensor: torque_1                  # judges; motor torque is plausibility only
//!     rundown: { speed: 300 rpm, angle: 540 .. 720 deg }
//!     tighten: { snug: 0.10 N·m, target: 0.35 N·m, hold: 100 ms }
//!     measure:
//!       torque: { limits: 0.32 .. 0.38 N·m }
//!       angle:  { of: angle.from_snug, limits: 15 .. 60 deg }
//! ```
//! The spindle first turns back to its home, without thread contact: the bit finds the cap and the start
//! of the thread, and the travel is never used up. From there it turns `angle`'s lower end at `speed`; snug
//! torque before that is a cross-threaded cap. `engage: { speed: 60 rpm, angle: 90 deg }` in `rundown:` makes the first
//! turns slower; snug torque in there is a cap that is tight already, and is not tightened again (`re-hit`). It seeks snug at `seek_speed` (a fifth of `speed` if not given)
//! up to `angle`'s upper end; none until there is a stripped thread. Then the torque ramps from snug to the
//! target in `time` (300 ms if not given), within `max_angle` (180 deg if not given).

use cellwright_model::cell::{Axis, AxisKind, Cell};
use cellwright_model::limits::CURVE_SAMPLES_MAX;
use cellwright_model::plan::{CurveFeature, Meaning, Primitive, Resource, Stop, Target};
use cellwright_model::{AnalogId, AxisId, Dimension, DurationNs, StationId};
use cellwright_recipe::shape::{Keys, Names, What};
use cellwright_recipe::{Code, Context, Draft, Fields, Node, Shape, Span, StepKind, shape};

use crate::axis::{at_station, level, sensor, velocity, within_travel};
use crate::measure::{Offer, measure, measurements};

const CURVE: &str = "tightening";
const START: &str = "start";
/// Angles are kept to this: the encoder shows a hundredth, the shaft's twist is larger.
const ANGLE_RESOLUTION_DEG: f64 = 0.1;
/// Highest commanded motor torque over the target: losses of the spindle, and no more.
const MOTOR_SHARE: f64 = 1.5;
/// At that torque without the target for this long: sensor and motor disagree.
const STALL: DurationNs = DurationNs::from_millis(200);
const TIME_S: f64 = 0.3;
const MAX_ANGLE_DEG: f64 = 180.0;
const SEEK_SHARE: f64 = 0.2;

pub(crate) struct Screw;

shape! { SCREW = "screw", "A spindle runs a cap down and tightens it, judged on torque and angle." {
    req "station": Name(Names::Station), "Where the unit's nest has to be.";
    opt "check": Condition, "Has to hold before it begins; otherwise the machine could not.";
    req "axis": Name(Names::Axis), "The spindle: a rotary axis of the station.";
    req "torque_sensor": Name(Names::Analog), "Judges; motor torque is plausibility only.";
    req "rundown": Fields(&RUNDOWN), "To where the cap seats.";
    req "tighten": Fields(&TIGHTEN), "From snug to the target.";
    opt "measure": Map(Keys::Given, &What::Fields(&MEASURE)), "What is judged: `torque`, `angle`, `prevailing`.";
}}

shape! { RUNDOWN = "rundown", "From the start of the thread to where the cap seats." {
    req "speed": Quantity(&[AngularVelocity]), "Up to the lower end of `angle`.";
    opt "seek_speed": Quantity(&[AngularVelocity]), "From there on; a fifth of `speed` if left out.";
    opt "engage": Fields(&ENGAGE), "Slow first turns; snug torque in there is a cap that is tight already (`re-hit`).";
    req "angle": Range(&[Angle]), "Where snug has to come: before it the cap is cross-threaded, behind it the thread is stripped.";
}}

shape! { ENGAGE = "engage", "The first turns." {
    req "speed": Quantity(&[AngularVelocity]), "At most that of the rundown.";
    req "angle": Quantity(&[Angle]), "Less than where the cap can seat.";
}}

shape! { TIGHTEN = "tighten", "From snug to the target torque." {
    req "snug": Quantity(&[Torque]), "Where the torque begins to rise.";
    req "target": Quantity(&[Torque]), "Tightened to this.";
    opt "hold" = "0 s": Quantity(&[Time]), "At the target.";
    opt "time" = "300 ms": Quantity(&[Time]), "Ramp from snug to the target.";
    opt "max_angle" = "180 deg": Quantity(&[Angle]), "Beyond snug; the target is not reached within: stripped.";
}}

measure! { MEASURE = "screw measurement", &[Dimension::Torque, Dimension::Angle], Word(&["torque.peak", "torque.prevailing", "angle.from_snug"]) }

struct Spec {
    axis: AxisId,
    sensor: AnalogId,
    /// Speed and angle of the first turns (deg/s, deg).
    engage: Option<(f64, f64)>,
    speed: f64,
    seek_speed: f64,
    angle: (f64, f64),
    snug: f64,
    target: f64,
    hold: DurationNs,
    time_s: f64,
    max_angle: f64,
}

impl StepKind for Screw {
    fn name(&self) -> &'static str {
        "screw"
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
        &SCREW
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let station = cx.station(f);
        let check_before = cx.condition(f, "check");
        let read = Read::of(f, cx, station);
        let measurements = measurements(f, cx, Some(&offers(cx.cell, &read)));
        let spec = read.whole()?;
        let axis = &cx.cell.axes[spec.axis.index()];
        let (engage_s, engaged) = spec.engage.map_or((0.0, 0.0), |(speed, angle)| (angle / speed, angle));
        let least_s =
            engage_s + (spec.angle.0 - engaged).max(0.0) / spec.speed + spec.time_s + spec.hold.as_secs_f64();
        let longest_s = 2.0
            + (spec.angle.1 - axis.home_au) / axis.velocity_max
            + least_s
            + (spec.angle.1 - spec.angle.0) / spec.seek_speed
            + STALL.as_secs_f64();
        let room_s = CURVE_SAMPLES_MAX as f64 * cx.cell.cycle.as_secs_f64();
        if longest_s > room_s {
            let message = format!("this takes up to {longest_s:.1} s, a curve has room for {room_s:.1} s");
            cx.d.sink.error(Code::Capacity, f.head(), message, "turn faster");
        }
        Some(Draft {
            station: Some(station?),
            check_before,
            measurements,
            resources: vec![
                Resource::Axis(spec.axis),
                Resource::Analog(spec.sensor),
                Resource::StationSpace(station?),
            ],
            ops: operations(axis, &spec, DurationNs::from_secs_f64(longest_s.min(room_s))),
            equipment: cx.cell.analogs[spec.sensor.index()].equipment.into_iter().collect(),
            at_least: DurationNs::from_secs_f64(least_s),
            ..Draft::default()
        })
    }
}

/// The same as it was read: with places, and without what has mistakes.
struct Read {
    axis: Option<AxisId>,
    sensor: Option<AnalogId>,
    rundown: Rundown,
    tighten: Tighten,
}

#[derive(Default)]
struct Rundown {
    /// (deg/s, deg)
    engage: Option<(f64, f64)>,
    speed: Option<f64>,
    seek_speed: Option<f64>,
    angle: Option<((f64, f64), Span)>,
}

struct Tighten {
    snug: Option<(f64, Span)>,
    target: Option<(f64, Span)>,
    /// Snug and target are what the spindle can do, in their order.
    right: bool,
    hold: DurationNs,
    time_s: f64,
    max_angle: Option<(f64, Option<Span>)>,
}

impl Read {
    fn of(f: &mut Fields<'_>, cx: &mut Context<'_, '_>, station: Option<StationId>) -> Read {
        let axis = at_station(f, cx, station, AxisKind::Rotary);
        let sensor = sensor(f, cx, "torque_sensor", Dimension::Torque);
        let rundown = f.req("rundown", cx.d, |d, n| d.fields(n));
        let tighten = f.req("tighten", cx.d, |d, n| d.fields(n));
        let known = axis.map(|id| &cx.cell.axes[id.index()]);
        let rundown = rundown.map(|f| read_rundown(f, cx, known)).unwrap_or_default();
        let tighten = tighten.map_or(Tighten::NONE, |f| read_tighten(f, cx, known, sensor));
        if let (Some(axis), Some((angle, span)), Some((most, _))) = (known, rundown.angle, tighten.max_angle)
        {
            within_travel(cx, span, axis.home_au + angle.1 + most, axis);
        }
        Read { axis, sensor, rundown, tighten }
    }

    /// All of it; `None`: something has been said.
    fn whole(&self) -> Option<Spec> {
        let speed = self.rundown.speed?;
        Some(Spec {
            axis: self.axis?,
            sensor: self.sensor?,
            engage: self.rundown.engage,
            speed,
            seek_speed: self.rundown.seek_speed.unwrap_or(speed * SEEK_SHARE),
            angle: self.rundown.angle?.0,
            snug: self.tighten.snug?.0,
            target: self.tighten.target?.0,
            hold: self.tighten.hold,
            time_s: self.tighten.time_s,
            max_angle: self.tighten.max_angle?.0,
        })
    }
}

fn turning(cx: &mut Context<'_, '_>, node: &Node, axis: Option<&Axis>) -> Option<f64> {
    velocity(cx, node, AxisKind::Rotary, axis)
}

fn read_rundown(mut f: Fields<'_>, cx: &mut Context<'_, '_>, axis: Option<&Axis>) -> Rundown {
    let speed = f.req("speed", cx.d, |_, n| Some(n)).and_then(|n| turning(cx, n, axis));
    let seek =
        f.opt("seek_speed", cx.d, |_, n| Some(n)).and_then(|n| turning(cx, n, axis).map(|v| (v, n.span)));
    let angle = f.req("angle", cx.d, |d, n| d.range(n, Dimension::Angle).map(|r| (r, n.span)));
    let engage = f.opt("engage", cx.d, |d, n| d.fields(n).map(|f| (f, n.span)));
    f.finish(cx.d);
    let engage = engage.map(|(f, span)| (read_engage(f, cx, axis), span));
    let ahead = |((lo, hi), _): &((f64, f64), Span)| *lo > 0.0 && lo < hi;
    if let Some((_, span)) = angle.filter(|angle| !ahead(angle)) {
        let message = "the angle at which the cap seats lies ahead and has a width";
        cx.d.sink.error(Code::Order, span, message, "write `low .. high deg`, both above zero");
    }
    let angle = angle.filter(ahead);
    if let (Some((seek, span)), Some(speed)) = (seek, speed)
        && seek > speed
    {
        let message = format!("seeking at {seek} deg/s is faster than the rundown");
        cx.d.sink.error(Code::Order, span, message, "seek slower: the spindle must stop at snug torque");
    }
    if let Some(((slow, first), span)) = engage {
        let fast = slow.zip(speed).is_some_and(|(slow, speed)| slow > speed);
        let far = first.zip(angle).is_some_and(|(first, ((lo, _), _))| first >= lo);
        if fast || far {
            let at_most = speed.filter(|_| fast).map(|speed| format!("at most {speed} deg/s"));
            let less = angle.filter(|_| far).map(|((lo, _), _)| format!("for less than {lo} deg"));
            let help = [at_most, less].into_iter().flatten().collect::<Vec<_>>().join(", ");
            let message = "engaging like this is no slow beginning of this rundown";
            cx.d.sink.error(Code::Order, span, message, help);
        }
    }
    let engage = engage.and_then(|((speed, angle), _)| speed.zip(angle));
    Rundown { engage, speed, seek_speed: seek.map(|(seek, _)| seek), angle }
}

/// Speed and angle of the first turns.
fn read_engage(
    mut f: Fields<'_>,
    cx: &mut Context<'_, '_>,
    axis: Option<&Axis>,
) -> (Option<f64>, Option<f64>) {
    let speed = f.req("speed", cx.d, |_, n| Some(n)).and_then(|n| turning(cx, n, axis));
    let angle = f.req("angle", cx.d, |d, n| d.positive(n, Dimension::Angle));
    f.finish(cx.d);
    (speed, angle)
}

impl Tighten {
    /// Nothing of it could be read.
    const NONE: Tighten = Tighten {
        snug: None,
        target: None,
        right: false,
        hold: DurationNs(0),
        time_s: TIME_S,
        max_angle: None,
    };
}

fn read_tighten(
    mut f: Fields<'_>,
    cx: &mut Context<'_, '_>,
    axis: Option<&Axis>,
    sensor: Option<AnalogId>,
) -> Tighten {
    let mut torque = |f: &mut Fields<'_>, field| {
        let node = f.req(field, cx.d, |_, n| Some(n))?;
        Some((level(cx, node, Dimension::Torque, sensor)?, node.span))
    };
    let (snug, target) = (torque(&mut f, "snug"), torque(&mut f, "target"));
    let hold = f.opt("hold", cx.d, |d, n| d.duration(n)).unwrap_or_default();
    let time_s = f.opt("time", cx.d, |d, n| d.positive(n, Dimension::Time)).unwrap_or(TIME_S);
    let max_angle = match f.entry("max_angle") {
        Some(e) => cx.d.positive(&e.node, Dimension::Angle).map(|most| (most, Some(e.node.span))),
        None => Some((MAX_ANGLE_DEG, None)),
    };
    f.finish(cx.d);
    // One that is wrong is nothing to hold measurements against.
    let mut right = true;
    if let (Some((target, span)), Some(axis)) = (target, axis)
        && target > axis.torque_max_nm
    {
        let message = format!("{target} N·m is more than `{}` may give", axis.name);
        cx.d.sink.error(Code::MotorLimit, span, message, format!("at most {} N·m", axis.torque_max_nm));
        right = false;
    }
    if let (Some((snug, _)), Some((target, span))) = (snug, target)
        && snug >= target
    {
        let message = format!("snug ({snug} N·m) is not below the target ({target} N·m)");
        cx.d.sink.error(Code::Order, span, message, "snug is where the torque begins to rise");
        right = false;
    }
    Tighten { snug, target, right, hold, time_s, max_angle }
}

fn offers(cell: &Cell, read: &Read) -> Vec<Offer> {
    let (snug, tighten) = (read.tighten.snug.map_or(0.0, |(snug, _)| snug), &read.tighten);
    let torque = |of, feature, name| {
        let offer = Offer::curve(of, CURVE, feature, Dimension::Torque).default_for(name);
        offer.shown_by(read.sensor.map(|id| &cell.analogs[id.index()]))
    };
    let peak = torque("torque.peak", CurveFeature::ValuePeak, "torque");
    let before_snug = CurveFeature::ValueBeforeLevel { level: snug };
    let prevailing = torque("torque.prevailing", before_snug, "prevailing");
    let from_snug = CurveFeature::TravelFromLevel { level: snug };
    let angle = Offer::curve("angle.from_snug", CURVE, from_snug, Dimension::Angle)
        .resolution(ANGLE_RESOLUTION_DEG)
        .default_for("angle");
    vec![
        match tighten.target.filter(|_| tighten.right) {
            Some((target, at)) => peak.comes_to(target, target, at, "it is tightened to this"),
            None => peak,
        },
        match tighten.snug.filter(|_| tighten.right) {
            Some((snug, at)) => prevailing.most(snug, at, format!("{snug} N·m is snug already")),
            None => prevailing,
        },
        match tighten.max_angle {
            Some((most, at)) => angle.most(most, at, format!("`max_angle` ends it at {most} deg")),
            None => angle,
        },
    ]
}

fn operations(axis: &Axis, spec: &Spec, limit: DurationNs) -> Vec<Primitive> {
    let from_start = |offset| Target::FromRegister { register: START.into(), offset };
    let fail = |cause: &str| Meaning::Fail(cause.into());
    let turn = |velocity, limit: Target, until, trip, at_limit, at_trip, register: Option<&str>| {
        Primitive::ApproachUntil {
            axis: spec.axis,
            limit,
            velocity_au_s: velocity,
            until,
            trip,
            register: register.map(str::to_string),
            between: None,
            outside: Meaning::Ok,
            at_limit,
            at_trip,
        }
    };
    let (lo, hi) = spec.angle;
    let cross = Some((spec.sensor, spec.snug));
    let snug = Stop::AnalogAtLeast(spec.sensor, spec.snug);
    let mut ops = vec![
        Primitive::MoveTo {
            axis: spec.axis,
            target: Target::Value(axis.home_au),
            velocity_au_s: axis.velocity_max,
        },
        Primitive::Mark { axis: spec.axis, register: START.into() },
        Primitive::CaptureStart {
            curve: CURVE.into(),
            axis: Some(spec.axis),
            analog: Some(spec.sensor),
            limit,
        },
        // From here on the thread is engaged.
        Primitive::PointOfNoReturn,
    ];
    if let Some((slow, angle)) = spec.engage {
        let end = || from_start(angle);
        ops.push(turn(slow, end(), Stop::Position(end()), cross, Meaning::Ok, fail("re-hit"), None));
    }
    ops.extend([
        turn(
            spec.speed,
            from_start(lo),
            Stop::Position(from_start(lo)),
            cross,
            Meaning::Ok,
            fail("cross-thread"),
            None,
        ),
        turn(spec.seek_speed, from_start(hi), snug, None, fail("stripped"), Meaning::Ok, Some("snug")),
        // A joint that settles on the way is tightened to another preload.
        Primitive::Unbroken,
        Primitive::Tighten {
            axis: spec.axis,
            sensor: spec.sensor,
            target_nm: spec.target,
            ramp_nm_s: (spec.target - spec.snug) / spec.time_s,
            torque_max_nm: axis.torque_max_nm.min(spec.target * MOTOR_SHARE),
            stall: STALL,
            angle_max_au: spec.max_angle,
            speed_max_au_s: spec.seek_speed,
            hold: spec.hold,
            register: Some("tightened".into()),
            at_limit: Meaning::Fault("torque-not-reached".into()),
            at_trip: fail("stripped"),
        },
        Primitive::CaptureEnd { curve: CURVE.into() },
        Primitive::Judge,
    ]);
    ops
}
