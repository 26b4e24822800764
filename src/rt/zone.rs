//! Zones in the cycle: no axis comes into a volume in which another body is, or may be. Whoever asks for motion has seen
//! to that before; this is the last look, by the newest positions that there are. Cobots it does not stop.
//!
//! Axes are where their setpoint or their actual position is, cobots where they were heard last. One that has not been
//! heard for too long is inside, and so is an axis whose position has no reference yet. What is inside already, and finds
//! another one there, may only leave.

use cellwright_model::AxisId;
use cellwright_model::cell::Cell;
use cellwright_model::job::{RobotsSeen, RtFault, RtFaultKind};
use cellwright_model::outcome::FaultClass;
use cellwright_model::zone::{Body, Zone, way_out};

use crate::axis::{Axis, Moment};
use crate::job::End;

/// Cycles of way that are looked ahead besides the way of braking: one until the brake is seen, one for rounding.
const CYCLES_AHEAD: f64 = 2.0;

/// The zones of a cell; no call allocates but the first.
pub(crate) struct Zones {
    zones: Vec<Zone>,
    /// Of each axis, by its id.
    homes_au: Vec<f64>,
}

impl Zones {
    pub(crate) fn new(cell: &Cell) -> Zones {
        let homes_au = cell.axes.iter().map(|a| a.home_au).collect();
        Zones { zones: cell.zones.clone(), homes_au }
    }

    /// Brings to rest what would come into a zone that is taken; its job ends in a fault of class hold. An abort brings
    /// everything to rest by itself.
    pub(crate) fn look(&self, m: &Moment, axes: &mut [Axis], robots: &RobotsSeen) {
        for (at, zone) in self.zones.iter().enumerate() {
            for body in &zone.bodies {
                let (Body::Axis { axis: id, .. } | Body::Table { axis: id }) = *body else { continue };
                let Some(axis) = axes.get(id.index()) else { continue };
                let home_au = self.homes_au.get(id.index()).copied().unwrap_or_default();
                if comes_in(body, axis, home_au, m.dt) && is_taken(zone, id, m, axes, robots) {
                    stop(axes, id, at);
                }
            }
        }
    }
}

/// The axis is on its way into its volume, or moves in it other than out.
fn comes_in(body: &Body, axis: &Axis, home_au: f64, dt: f64) -> bool {
    let (p, v) = whereabouts(axis);
    let Body::Axis { lo_au, hi_au, .. } = *body else { return v != 0.0 };
    if v == 0.0 || !axis.servo.referenced() {
        return v != 0.0;
    }
    let ahead =
        p + v.signum() * (v * v / (2.0 * axis.servo.limits.acceleration) + CYCLES_AHEAD * v.abs() * dt);
    if p < lo_au || p > hi_au {
        return ahead.max(p) >= lo_au && ahead.min(p) <= hi_au;
    }
    v.signum() != way_out(p, home_au)
}

/// Position and velocity: as commanded, or as measured while nothing commands positions.
fn whereabouts(axis: &Axis) -> (f64, f64) {
    let servo = &axis.servo;
    if servo.following() {
        let s = servo.motion.state();
        return (s.p, s.v);
    }
    let v = servo.input.velocity_au_s;
    (servo.input.position_au, if servo.slow() { 0.0 } else { v })
}

/// Another body is inside.
fn is_taken(zone: &Zone, but: AxisId, m: &Moment, axes: &[Axis], robots: &RobotsSeen) -> bool {
    zone.bodies.iter().any(|body| match body {
        Body::Axis { axis, .. } | Body::Table { axis } if *axis == but => false,
        Body::Axis { axis, lo_au, hi_au } => axes.get(axis.index()).is_none_or(|a| {
            let within = |p: f64| !(p < *lo_au || p > *hi_au);
            !a.servo.referenced() || within(a.servo.input.position_au) || within(a.servo.motion.state().p)
        }),
        Body::Table { axis } => axes.get(axis.index()).is_none_or(|a| whereabouts(a).1 != 0.0),
        Body::Robot { robot, volume } => robots.get(*robot).is_none_or(|state| volume.may_hold(state, m.now)),
    })
}

fn stop(axes: &mut [Axis], id: AxisId, zone: usize) {
    let Some(axis) = axes.get_mut(id.index()) else { return };
    let value = axis.servo.motion.state().p;
    let (kind, limit) = (RtFaultKind::ZoneTaken, zone as f64);
    let fault = RtFault { kind, axis: Some(id), value, limit, class: FaultClass::Hold };
    match &mut axis.job {
        Some(job) => job.end_by(&mut axis.servo, End::Fault(fault)),
        None => axis.servo.motion.brake(),
    }
}
