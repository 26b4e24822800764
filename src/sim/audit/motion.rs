//! Setpoints against the limits of their axes, on both sides of the wire.
//!
//! Above it, from consecutive snapshots of the cycle: position, velocity, acceleration, jerk by finite
//! differences. Of a profile whose jerk is limited these stay within the limit, since a difference is a
//! weighted mean of the derivative. Below it, from the objects of the drive's twin: what it was told is what
//! the cycle published, within a count.
//!
//! What is permitted when. A drive that does not follow positions (off, coming up, under torque control) has
//! the actual position as its setpoint. At rest a setpoint may be seeded from the actual position. The
//! highest deceleration without a limit of jerk is the way to rest in an abort, and on the trip of an axis
//! that approaches against a force or torque. While a safety input is lost, after the cycle in which that
//! is seen, a setpoint only decelerates or follows the actual position: a drive whose torque is removed
//! coasts, one whose input alone has failed is brought to rest.

use cellwright_model::AxisId;
use cellwright_model::cell::{Axis, Cell};
use cellwright_model::job::{AxisStatus, RtStatus};
use cellwright_model::packml::CellState;
use cellwright_model::plan::{Plan, Primitive};

use super::Findings;
use crate::VirtualCell;

/// Room for rounding, as a share of each limit.
const ROUNDING: f64 = 1e-3;
/// The last cycle of a brake may turn back by this share of the axis's highest velocity.
const BRAKE_END_SHARE: f64 = 1e-3;
/// Slower than this an axis is at rest, as a share of its highest velocity.
const REST_SHARE: f64 = 1e-6;
/// Cycles from a brake to the state of the cell that it belongs to: the controller is told in the cycle of
/// the fault and looks once a cycle.
const BRAKE_KNOWN_IN: u32 = 5;
/// Mode of operation display 0x6061, cyclic synchronous position.
const CSP: i64 = 8;
/// Statusword 0x6041: Operation enabled, by its mask.
const STATE_MASK: i64 = 0x006f;
const OPERATION_ENABLED: i64 = 0x0027;

/// Setpoint and its finite differences in one cycle.
#[derive(Debug, Clone, Copy, Default)]
struct Point {
    p: f64,
    v: f64,
    a: f64,
}

/// Limits of one axis (au, s).
#[derive(Debug, Clone, Copy)]
struct Limits {
    lo: f64,
    hi: f64,
    velocity: f64,
    acceleration: f64,
    jerk: f64,
    following: f64,
    counts_per_au: f64,
    position: usize,
}

#[derive(Debug, Clone)]
struct Watched {
    name: String,
    limits: Limits,
    last: Option<Point>,
    /// The drive followed positions when last looked at.
    followed: bool,
    /// Braking without a limit of jerk, with the cycles in which no cause was seen yet.
    braking: Option<u32>,
    /// Approaches against a force or torque: it may trip at any moment.
    trips: bool,
    faulted: bool,
}

/// See the module text.
#[derive(Debug, Clone)]
pub struct MotionAuditor {
    axes: Vec<Watched>,
    dt: f64,
    cycle: u64,
    safety_lost_for: u32,
}

impl Limits {
    fn of(axis: &Axis) -> Limits {
        Limits {
            lo: axis.travel_lo_au,
            hi: axis.travel_hi_au,
            velocity: axis.velocity_max,
            acceleration: axis.acceleration_max,
            jerk: axis.jerk_max,
            following: axis.following_error_max_au,
            counts_per_au: axis.counts_per_au,
            position: axis.subdevice,
        }
    }
}

impl MotionAuditor {
    /// An auditor of all axes of a cell that makes `plan`.
    pub fn new(cell: &Cell, plan: &Plan) -> MotionAuditor {
        let trips = |i: usize| {
            let id = AxisId(i as u16);
            let ops = plan.steps.iter().flat_map(|s| s.ops.iter().chain(&s.cleanup));
            ops.into_iter().any(|op| trips(op, id))
        };
        let watched = |(i, axis): (usize, &Axis)| Watched {
            name: axis.name.clone(),
            limits: Limits::of(axis),
            last: None,
            followed: false,
            braking: None,
            trips: trips(i),
            faulted: false,
        };
        MotionAuditor {
            axes: cell.axes.iter().enumerate().map(watched).collect(),
            dt: cell.cycle.as_secs_f64(),
            cycle: 0,
            safety_lost_for: 0,
        }
    }

    pub(crate) fn look(&mut self, cell: &VirtualCell, findings: &mut Findings) {
        let rt = cell.rt();
        let going_on = cell.controller().is_some() && rt.cycle == self.cycle + 1;
        if !going_on {
            // Another life, or none, or a bring-up between two cycles: nothing to compare with.
            self.axes.iter_mut().for_each(Watched::forget);
        }
        if going_on || rt.cycle != self.cycle {
            self.safety_lost_for = if rt.safety_ok { 0 } else { self.safety_lost_for.saturating_add(1) };
            // The cycle aborts by itself before the cell has its cause.
            let aborting = rt.aborted || matches!(cell.state(), CellState::Aborting | CellState::Aborted);
            let moment = Moment { rt: &rt, dt: self.dt, aborting, lost_for: self.safety_lost_for };
            for (axis, status) in self.axes.iter_mut().zip(&rt.axes) {
                let drive = Drive::read(cell, axis.limits.position);
                for what in axis.check(status, drive.as_ref(), &moment) {
                    findings.add(cell.now(), || format!("axis {}: {what}", axis.name));
                }
            }
        }
        self.cycle = rt.cycle;
    }
}

/// Whether the operation may end its motion at the highest deceleration.
fn trips(op: &Primitive, id: AxisId) -> bool {
    match op {
        Primitive::ApproachUntil { axis, trip, until, .. } => {
            let watches = trip.is_some() || matches!(until, cellwright_model::plan::Stop::AnalogAtLeast(..));
            *axis == id && watches
        }
        Primitive::Tighten { axis, .. } => *axis == id,
        _ => false,
    }
}

impl Watched {
    fn forget(&mut self) {
        self.last = None;
        self.followed = false;
        self.braking = None;
    }

    /// One cycle. What may not be, in words.
    fn check(&mut self, status: &AxisStatus, drive: Option<&Drive>, m: &Moment<'_>) -> Vec<String> {
        let mut found = Vec::new();
        self.faulted = status.fault;
        let p = status.setpoint_au;
        let follows = status.enabled && drive.is_some_and(|d| d.follows);
        if let Some(drive) = drive.filter(|_| m.fresh()) {
            found.extend(self.told(drive, status));
        }
        let point = match self.last {
            Some(last) if follows && self.followed => match self.step(last, status, m) {
                Ok(point) => point,
                Err(what) => {
                    found.push(what);
                    // What comes next is held against what was commanded, so that one mistake is told once.
                    let v = (p - last.p) / m.dt;
                    Point { p, v, a: (v - last.v) / m.dt }
                }
            },
            last => {
                // The setpoint is the actual position, or stands where it was.
                let counts = (p - status.actual_au).abs() * self.limits.counts_per_au;
                if counts > 1.0 && last.is_some_and(|l| l.p != p) && m.fresh() && !self.followed {
                    found.push(format!("its setpoint moves to {p} while its drive follows none"));
                }
                self.braking = None;
                Point { p, ..Point::default() }
            }
        };
        found.extend(self.travel(p, follows));
        self.last = Some(point);
        self.followed = follows;
        found
    }

    /// Below the wire: what the drive was told in this cycle is what was published in the last one.
    fn told(&self, drive: &Drive, status: &AxisStatus) -> Option<String> {
        let last = self.last?;
        let counts = |au: f64| au * self.limits.counts_per_au;
        let target = drive.target_counts as f64;
        if !drive.follows {
            return None;
        }
        if self.followed && (target - counts(last.p)).abs() > 1.0 {
            return Some(format!("its drive was told {target} counts, the cycle said {} au", last.p));
        }
        let jump = (target - counts(status.actual_au)).abs();
        (!self.followed && jump > counts(self.limits.following))
            .then(|| format!("its drive begins to follow {jump} counts from where it is"))
    }

    /// The next point of a setpoint that goes on, or is seeded at rest.
    fn step(&mut self, last: Point, status: &AxisStatus, m: &Moment<'_>) -> Result<Point, String> {
        let at_rest = last.v.abs() <= REST_SHARE * self.limits.velocity;
        let seeded = Point { p: status.actual_au, ..Point::default() };
        let p = status.setpoint_au;
        let went_on = self.within(last, p, m);
        let point = match went_on {
            Err(_) if at_rest && (seeded.p - last.p).abs() <= self.limits.following => {
                self.within(seeded, p, m).or(went_on)?
            }
            went_on => went_on?,
        };
        if m.lost_for > 1 && point.v.abs() > last.v.abs() + REST_SHARE * self.limits.velocity {
            return Err(format!("it is commanded to {:.3} au/s while a safety input is lost", point.v));
        }
        Ok(point)
    }

    fn within(&mut self, base: Point, p: f64, m: &Moment<'_>) -> Result<Point, String> {
        let Limits { velocity, acceleration, jerk, .. } = self.limits;
        let v = (p - base.p) / m.dt;
        let a = (v - base.v) / m.dt;
        let j = (a - base.a) / m.dt;
        // Differences of positions carry their rounding, the more the higher the derivative.
        let rounding = 4.0 * f64::EPSILON * p.abs().max(1.0);
        let beyond = |value: f64, limit: f64, order: i32| {
            value.abs() > limit * (1.0 + ROUNDING) + 8.0 * rounding / m.dt.powi(order)
        };
        if beyond(v, velocity, 1) {
            return Err(format!("velocity {v:.4} au/s, limit {velocity}"));
        }
        if beyond(a, acceleration, 2) {
            return Err(format!("acceleration {a:.3} au/s², limit {acceleration}"));
        }
        // The first cycle of a brake out of an acceleration keeps its velocity; its last one ends at a
        // position that lies between two cycles, and may come to it from the other side.
        let unseen = v.abs().max(base.v.abs()) * m.dt * self.limits.counts_per_au <= 1.0;
        let onward = v * base.v >= 0.0 || v.abs() <= BRAKE_END_SHARE * velocity;
        let slower = v.abs() <= base.v.abs() + 8.0 * rounding / m.dt && onward;
        if v.abs() <= REST_SHARE * velocity && !beyond(j, jerk, 3) {
            self.braking = None;
        } else if unseen && self.braking.is_none() {
            // A setpoint that was seeded from an actual position differs by a part of a count.
        } else if beyond(j, jerk, 3) && !slower {
            return Err(format!("jerk {j:.1} au/s³ from {:.4} to {v:.4} au/s, limit {jerk}", base.v));
        } else if beyond(j, jerk, 3) || self.braking.is_some() {
            let known = m.aborting || m.lost_for > 0 || self.trips || self.faulted;
            let without_cause = if known { 0 } else { self.braking.unwrap_or(0) + 1 };
            self.braking = Some(without_cause);
            if without_cause > BRAKE_KNOWN_IN {
                return Err(format!("it brakes without a limit of jerk ({j:.1} au/s³), and nothing aborts"));
            }
        }
        Ok(Point { p, v, a })
    }

    fn travel(&self, p: f64, follows: bool) -> Option<String> {
        let Limits { lo, hi, .. } = self.limits;
        let room = ROUNDING * ROUNDING;
        let was = self.last.map_or(p, |l| l.p);
        let out = p < lo.min(was) - room || p > hi.max(was) + room;
        (follows && self.followed && out).then(|| format!("setpoint {p} outside of {lo} .. {hi}"))
    }
}

impl Moment<'_> {
    /// The inputs of this snapshot came in its own cycle.
    fn fresh(&self) -> bool {
        self.rt.fresh_cycle == self.rt.cycle && self.rt.bus.operational
    }
}

struct Moment<'a> {
    rt: &'a RtStatus,
    dt: f64,
    aborting: bool,
    lost_for: u32,
}

/// What a drive says of itself below the wire.
struct Drive {
    target_counts: i64,
    follows: bool,
}

impl Drive {
    fn read(cell: &VirtualCell, position: usize) -> Option<Drive> {
        let world = cell.world();
        let object = |index| world.segment().object(position, index, 0);
        let enabled = object(0x6041)? & STATE_MASK == OPERATION_ENABLED;
        Some(Drive { target_counts: object(0x607a)?, follows: enabled && object(0x6061)? == CSP })
    }
}
