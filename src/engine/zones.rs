//! Zones: volumes that axes, table and cobots share. A step takes those that it comes into with everything else that it
//! needs, before it begins, and only while nothing else is measured inside. What it leaves inside stays there, measured,
//! and keeps others out, whoever holds the zone.
//!
//! Where a step goes is looked at from where its movers stand now ([`cellwright_model::zone::Way`]).

use std::collections::BTreeSet;

use cellwright_model::cell::Cell;
use cellwright_model::limits::JOINTS;
use cellwright_model::plan::{Resource, RobotOp};
use cellwright_model::robot::Joints;
use cellwright_model::zone::{Body, Mover, Reach, Way, Whereabouts, Zone, way_out};
use cellwright_model::{AxisId, DurationNs, RobotId, StationId, StepIx, TimeNs, TrayId, ZoneId};

use crate::api::MachineFault;
use crate::branch::{Branch, Flow, Waits};
use crate::catalogue::AlarmCode;
use crate::core::Core;
use crate::ledger::Cx;
use crate::parts::Parts;
use crate::unit::Env;

/// What stands in a zone and is moved by nobody is waited for so long.
const CLEAR_WITHIN: DurationNs = DurationNs::from_millis(10_000);
const UNKNOWN: Joints = [f64::NAN; JOINTS];

/// What stands in a zone that somebody waits for, and since when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    zone: ZoneId,
    mover: Mover,
    since: TimeNs,
}

/// The zones that the step takes. Error: one of them is not free, or it cannot be told.
pub(crate) fn look(env: &Env<'_, '_>, ix: StepIx) -> Result<Vec<ZoneId>, Waits> {
    let cell = env.cx.cell;
    if cell.zones.is_empty() {
        return Ok(Vec::new());
    }
    if !env.cx.machine.fresh() {
        return Err(Waits::Inputs);
    }
    let step = env.unit.plan.step(ix);
    let now = Now { cx: env.cx, parts: env.parts, station: env.unit.station };
    let comes = Way::of(step, &cell.zones, &now).comes;
    let zones: BTreeSet<ZoneId> = comes.into_iter().map(|(zone, _)| zone).collect();
    let own = |mover: Mover| step.resources.contains(&mover.resource());
    let taken = |zone: ZoneId| inside(env.cx, zone, own).or_else(|| coasting(env, zone, own));
    match zones.iter().find_map(|zone| Some((*zone, taken(*zone)?))) {
        Some((zone, mover)) => Err(Waits::Zone(zone, mover)),
        None => Ok(zones.into_iter().collect()),
    }
}

/// A cobot that moves, and no step has it: it was stopped, and where it will rest nobody knows.
fn coasting(env: &Env<'_, '_>, zone: ZoneId, own: impl Fn(Mover) -> bool) -> Option<Mover> {
    let bodies = &env.cx.cell.zones.get(zone.index())?.bodies;
    let moves = |mover: &Mover| match mover {
        Mover::Robot(robot) => {
            env.cx.machine.robots.get(robot.index()).is_some_and(|s| s.moving)
                && !env.resources.is_at_work(mover.resource())
        }
        Mover::Axis(_) => false,
    };
    bodies.iter().map(Body::mover).find(|mover| !own(*mover) && moves(mover))
}

/// Every zone on a move of a step is free, and is its unit's. Errors: the cause of a fault.
pub(crate) fn permit(env: &Env<'_, '_>, robot: RobotId, to: &Joints) -> Result<(), String> {
    if let Some((zone, by)) = on_the_way(env.cx, robot, to) {
        return Err(format!("zone-taken: {zone}, by {by}"));
    }
    match unreserved(env, robot, to) {
        Some(zone) => Err(format!("zone-not-reserved: {zone}")),
        None => Ok(()),
    }
}

/// A zone on a move of a step that its unit has not reserved: the cobot stands elsewhere than it did when the step began.
fn unreserved<'c>(env: &Env<'_, 'c>, robot: RobotId, to: &Joints) -> Option<&'c str> {
    let (cell, from) = (env.cx.cell, joints(env.cx, robot).unwrap_or(UNKNOWN));
    let meets = |z: &ZoneId| cell.zones[z.index()].meets_robot(robot, &from, to);
    let zone = ids(cell).filter(meets).find(|z| !env.resources.has(env.unit.id, Resource::Zone(*z)))?;
    Some(&cell.zones[zone.index()].name)
}

/// A zone on a straight move of a cobot in which another body is: its name, and the body's.
pub(crate) fn on_the_way<'c>(cx: &Cx<'c>, robot: RobotId, to: &Joints) -> Option<(&'c str, &'c str)> {
    let from = joints(cx, robot).unwrap_or(UNKNOWN);
    taken(cx, Mover::Robot(robot), |zone| zone.meets_robot(robot, &from, to))
}

/// The same of an axis between here and there.
pub(crate) fn on_the_axis<'c>(cx: &Cx<'c>, axis: AxisId, to_au: f64) -> Option<(&'c str, &'c str)> {
    let from_au = actual(cx, axis);
    taken(cx, Mover::Axis(axis), |zone| zone.meets_axis(axis, from_au, to_au))
}

fn taken<'c>(cx: &Cx<'c>, own: Mover, meets: impl Fn(&Zone) -> bool) -> Option<(&'c str, &'c str)> {
    let cell = cx.cell;
    let on_it = ids(cell).filter(|z| meets(&cell.zones[z.index()]));
    on_it
        .filter_map(|z| inside(cx, z, |mover| mover == own).map(|by| (z, by)))
        .next()
        .map(|(z, by)| (cell.zones[z.index()].name.as_str(), by.name(cell)))
}

/// Where an axis at `at` may go within a range while others are in its zones, if that is less: up to a volume that is
/// taken, and out of one in which it is itself. With the reason.
pub(crate) fn free_way(
    cx: &Cx<'_>,
    axis: AxisId,
    at_au: f64,
    (mut lo, mut hi): (f64, f64),
) -> Option<(f64, f64, String)> {
    let mut why = None;
    for id in ids(cx.cell) {
        let zone = &cx.cell.zones[id.index()];
        let volume = zone.bodies.iter().find_map(|b| match b {
            Body::Axis { axis: a, lo_au, hi_au } if *a == axis => Some((*lo_au, *hi_au)),
            _ => None,
        });
        let Some((from, to)) = volume else { continue };
        let Some(by) = inside(cx, id, |mover| mover == Mover::Axis(axis)) else { continue };
        if at_au < from {
            hi = hi.min(from);
        } else if at_au > to {
            lo = lo.max(to);
        } else {
            let home_au = cx.cell.axes.get(axis.index()).map_or(at_au, |a| a.home_au);
            let down = way_out(at_au, home_au) < 0.0;
            (lo, hi) = if down { (lo, hi.min(at_au)) } else { (lo.max(at_au), hi) };
        }
        why = Some(format!("{} is in zone {}", by.name(cx.cell), zone.name));
    }
    why.map(|why| (lo, hi, why))
}

/// The table's zones: what it takes while it turns.
pub(crate) fn of_table(cell: &Cell) -> Vec<Resource> {
    ids(cell).filter(|z| cell.zones[z.index()].has_table()).map(Resource::Zone).collect()
}

/// What is inside one of them, but for the table itself.
pub(crate) fn in_the_table<'c>(cx: &Cx<'c>, zones: &[Resource]) -> Option<&'c str> {
    let table = Mover::Axis(cx.cell.table.as_ref()?.axis);
    let zones = zones.iter().filter_map(|r| if let Resource::Zone(zone) = r { Some(*zone) } else { None });
    zones.filter_map(|zone| inside(cx, zone, |mover| mover == table)).next().map(|by| by.name(cx.cell))
}

/// A body that is measured inside, or may be, and is not one's own.
fn inside(cx: &Cx<'_>, zone: ZoneId, own: impl Fn(Mover) -> bool) -> Option<Mover> {
    let zone = cx.cell.zones.get(zone.index())?;
    let axis = |axis: AxisId| cx.machine.rt.axes.get(axis.index());
    let is_in = |body: &&Body| match body {
        Body::Axis { axis: id, .. } => {
            // Without a reference its position says nothing.
            axis(*id).is_none_or(|a| !a.referenced || zone.meets_axis(*id, a.actual_au, a.setpoint_au))
        }
        Body::Table { axis: id } => axis(*id).is_none_or(|a| a.moving),
        Body::Robot { robot, volume } => {
            cx.machine.robots.get(robot.index()).is_none_or(|state| volume.may_hold(state, cx.now))
        }
    };
    zone.bodies.iter().filter(|b| !own(b.mover())).find(is_in).map(Body::mover)
}

fn ids(cell: &Cell) -> impl Iterator<Item = ZoneId> {
    (0..cell.zones.len() as u16).map(ZoneId)
}

/// `None`: nobody knows.
fn joints(cx: &Cx<'_>, robot: RobotId) -> Option<Joints> {
    let known = cx.machine.robots.get(robot.index()).filter(|s| !s.lost && s.is_known(cx.now));
    known.map(|s| s.joints)
}

fn actual(cx: &Cx<'_>, axis: AxisId) -> f64 {
    cx.machine.rt.axes.get(axis.index()).map_or(f64::NAN, |a| a.actual_au)
}

/// The machine as it stands when a step of a unit begins.
struct Now<'e, 'b> {
    cx: &'e Cx<'b>,
    parts: &'e Parts,
    station: Option<StationId>,
}

impl Whereabouts for Now<'_, '_> {
    fn before(&self, mover: Mover) -> Reach {
        match mover {
            Mover::Axis(axis) => {
                let at = actual(self.cx, axis);
                Reach::Axis(at, at)
            }
            Mover::Robot(robot) => joints(self.cx, robot).map_or(Reach::ANYWHERE, Reach::at),
        }
    }

    fn travel(&self, axis: AxisId) -> (f64, f64) {
        let axis = self.cx.cell.axes.get(axis.index());
        axis.map_or((f64::NEG_INFINITY, f64::INFINITY), |a| (a.travel_lo_au, a.travel_hi_au))
    }

    fn target(&self, robot: RobotId, request: &RobotOp) -> Option<Reach> {
        let cell = self.cx.cell;
        let described = cell.robots.get(robot.index())?;
        let pocket = |tray: TrayId, above: bool| {
            let last = self.parts.last_pocket.get(&robot).filter(|(t, _)| *t == tray).map(|(_, n)| *n);
            let n = self.parts.pocket(cell, tray).or(last)?;
            cell.trays.get(tray.index())?.pocket_joints(n, above)
        };
        let to = match request {
            RobotOp::MovePose { pose, .. } => described.pose(pose),
            RobotOp::MoveTray { tray, above, .. } => pocket(*tray, *above),
            RobotOp::LeaveTray { tray, .. } => pocket(*tray, true),
            RobotOp::MoveStation { above, .. } => {
                let station = self.station.and_then(|s| cell.stations.get(s.index()));
                station.and_then(|s| described.pose(&s.pose(*above)))
            }
            RobotOp::Grip { .. } => return None,
        };
        Some(to.map_or(Reach::ANYWHERE, Reach::at))
    }
}

impl Core {
    /// Somebody waits for a zone in which something stands that no step will bring out: a person has to.
    pub(crate) fn watch_zones(&mut self, cx: &mut Cx<'_>) -> Option<MachineFault> {
        let active = |b: &&Branch| b.end.is_none();
        let branches = self.units.values().flat_map(|u| u.branches.values().filter(active));
        let mut left = branches.filter_map(|b| match b.waits {
            Some(Waits::Zone(zone, mover)) if !self.resources.is_others(mover.resource(), b.key.unit) => {
                Some((zone, mover))
            }
            _ => None,
        });
        let Some((zone, mover)) = left.next().filter(|_| self.flow() == Flow::Run) else {
            self.standing = None;
            return None;
        };
        let before = self.standing.filter(|s| s.zone == zone && s.mover == mover);
        let since = before.map_or(cx.now, |s| s.since);
        if before.is_none() {
            cx.wake_at(cx.now + CLEAR_WITHIN);
        }
        self.standing = Some(Standing { zone, mover, since });
        if cx.now.since(since) < CLEAR_WITHIN {
            return None;
        }
        self.standing = None;
        let by = mover.name(cx.cell);
        let zone = cx.cell.zones.get(zone.index()).map_or("?", |z| z.name.as_str());
        Some(AlarmCode::ZoneNotClear.fault(by, &[("body", by), ("zone", zone)]))
    }
}
