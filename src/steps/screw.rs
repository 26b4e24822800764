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
//! torque before that is a cross-threaded cap. It seeks snug at `seek_speed` (a fifth of `speed` if not given)
//! up to `angle`'s upper end; none until there is a stripped thread. Then the torque ramps from snug to the
//! target in `time` (300 ms if not given), within `max_angle` (180 deg if not given).

use cellwright_model::cell::{Axis, AxisKind, Cell};
use cellwright_model::limits::CURVE_SAMPLES_MAX;
use cellwright_model::plan::{CurveFeature, Meaning, Primitive, Resource, Stop, Target};
use cellwright_model::{AnalogId, AxisId, Dimension, DurationNs, StationId};
use cellwright_recipe::{Code, Context, Draft, Fields, Span, StepKind};

use crate::axis::{at_station, level, sensor, velocity, within_travel};
use crate::measure::{Offer, measurements};

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

struct Spec {
    axis: AxisId,
    sensor: AnalogId,
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

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let station = cx.station(f);
        let check_before = cx.condition(f, "check");
        let Some(spec) = read(f, cx, station) else {
            f.entry("measure");
            return None;
        };
        let measurements = measurements(f, cx, &offers(cx.cell, &spec));
        let axis = &cx.cell.axes[spec.axis.index()];
        let least_s = spec.angle.0 / spec.speed + spec.time_s + spec.hold.as_secs_f64();
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

fn read(f: &mut Fields<'_>, cx: &mut Context<'_, '_>, station: Option<StationId>) -> Option<Spec> {
    let axis = at_station(f, cx, station, AxisKind::Rotary);
    let sensor = sensor(f, cx, "torque_sensor", Dimension::Torque);
    let rundown = f.req("rundown", cx.d, |d, n| d.fields(n));
    let tighten = f.req("tighten", cx.d, |d, n| d.fields(n));
    let (axis_id, sensor) = (axis?, sensor?);
    let axis = &cx.cell.axes[axis_id.index()];
    let rundown = rundown.and_then(|f| read_rundown(f, cx, axis));
    let tighten = tighten.and_then(|f| read_tighten(f, cx, axis, sensor));
    let ((speed, seek_speed, angle, angle_span), tighten) = (rundown?, tighten?);
    within_travel(cx, angle_span, axis.home_au + angle.1 + tighten.max_angle, axis);
    Some(Spec {
        axis: axis_id,
        sensor,
        speed,
        seek_speed,
        angle,
        snug: tighten.snug,
        target: tighten.target,
        hold: tighten.hold,
        time_s: tighten.time_s,
        max_angle: tighten.max_angle,
    })
}

type Rundown = (f64, f64, (f64, f64), Span);

fn read_rundown(mut f: Fields<'_>, cx: &mut Context<'_, '_>, axis: &Axis) -> Option<Rundown> {
    let speed = f.req("speed", cx.d, |_, n| Some(n)).and_then(|n| velocity(cx, n, axis));
    let seek =
        f.opt("seek_speed", cx.d, |_, n| Some(n)).and_then(|n| velocity(cx, n, axis).map(|v| (v, n.span)));
    let angle = f.req("angle", cx.d, |d, n| d.range(n, Dimension::Angle).map(|r| (r, n.span)));
    f.finish(cx.d);
    let ((lo, hi), span) = angle?;
    if lo <= 0.0 || lo >= hi {
        let message = "the angle at which the cap seats lies ahead and has a width";
        cx.d.sink.error(Code::Order, span, message, "write `low .. high deg`, both above zero");
        return None;
    }
    let speed = speed?;
    if let Some((seek, span)) = seek.filter(|(seek, _)| *seek > speed) {
        let message = format!("seeking at {seek} deg/s is faster than the rundown");
        cx.d.sink.error(Code::Order, span, message, "seek slower: the spindle must stop at snug torque");
    }
    Some((speed, seek.map_or(speed * SEEK_SHARE, |(seek, _)| seek), (lo, hi), span))
}

struct Tighten {
    snug: f64,
    target: f64,
    hold: DurationNs,
    time_s: f64,
    max_angle: f64,
}

fn read_tighten(
    mut f: Fields<'_>,
    cx: &mut Context<'_, '_>,
    axis: &Axis,
    sensor: AnalogId,
) -> Option<Tighten> {
    let snug = f.req("snug", cx.d, |_, n| Some(n)).and_then(|n| level(cx, n, sensor));
    let node = f.req("target", cx.d, |_, n| Some(n));
    let target = node.and_then(|n| level(cx, n, sensor));
    let hold = f.opt("hold", cx.d, |d, n| d.duration(n)).unwrap_or_default();
    let time_s = f.opt("time", cx.d, |d, n| d.positive(n, Dimension::Time)).unwrap_or(TIME_S);
    let max_angle = f.opt("max_angle", cx.d, |d, n| d.positive(n, Dimension::Angle)).unwrap_or(MAX_ANGLE_DEG);
    f.finish(cx.d);
    let (snug, target, span) = (snug?, target?, node?.span);
    if target > axis.torque_max_nm {
        let message = format!("{target} N·m is more than `{}` may give", axis.name);
        cx.d.sink.error(Code::MotorLimit, span, message, format!("at most {} N·m", axis.torque_max_nm));
    }
    if snug >= target {
        let message = format!("snug ({snug} N·m) is not below the target ({target} N·m)");
        cx.d.sink.error(Code::Order, span, message, "snug is where the torque begins to rise");
    }
    Some(Tighten { snug, target, hold, time_s, max_angle })
}

fn offers(cell: &Cell, spec: &Spec) -> Vec<Offer> {
    let channel = &cell.analogs[spec.sensor.index()];
    let torque = Offer::curve("torque.peak", CURVE, CurveFeature::ValuePeak, Dimension::Torque);
    let from_snug = CurveFeature::TravelFromLevel { level: spec.snug };
    vec![
        torque
            .resolution(channel.resolution)
            .range((channel.range_lo, channel.range_hi))
            .default_for("torque"),
        Offer::curve("angle.from_snug", CURVE, from_snug, Dimension::Angle)
            .resolution(ANGLE_RESOLUTION_DEG)
            .default_for("angle"),
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
    vec![
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
    ]
}
