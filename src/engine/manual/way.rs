//! How far a hand may move an axis: within its travel, and out of the table's, the stations' and the cobots' way.

use cellwright_model::cell::{Axis, AxisClear, Cell, Robot};
use cellwright_model::robot::RobotState;
use cellwright_model::{AxisId, TimeNs};

use super::Jog;
use crate::ledger::Cx;
use crate::table::AT_STATION_AU;
use crate::zones;

/// A jog ends so far inside its way, in in-position windows of its axis: a move may end one of them beyond its
/// target, and a drive that is switched off then lets its axis coast a little further. What has reached the end
/// of its way is still within its range, as measured.
const END_WINDOWS: f64 = 3.0;

pub(super) fn actual(cx: &Cx<'_>, axis: AxisId) -> f64 {
    cx.machine.rt.axes.get(axis.index()).map_or(f64::NAN, |a| a.actual_au)
}

/// How far an axis may go by hand in this direction: just not to the end of its travel, or of the range in which
/// it is out of the table's way. Errors: why it may not go at all.
pub(super) fn way(cx: &Cx<'_>, axis: AxisId, positive: bool) -> Result<f64, String> {
    let described = cx.cell.axes.get(axis.index()).ok_or("there is no such axis")?;
    if let Some(why) = table_blocked(cx, axis) {
        return Err(why);
    }
    let at = actual(cx, axis);
    let (mut lo, mut hi) = (described.travel_lo_au, described.travel_hi_au);
    let mut narrowed = None;
    if let (Some(range), Err(why)) = (clear_range(cx.cell, axis), stations_free(cx)) {
        (lo, hi) = (lo.max(range.lo_au), hi.min(range.hi_au));
        narrowed = Some(why);
    }
    if let Some((least, most, why)) = zones::free_way(cx, axis, at, (lo, hi)) {
        (lo, hi) = (least, most);
        narrowed = Some(why);
    }
    let window = described.in_position_au();
    let room = END_WINDOWS * window;
    let (limit, end) = if positive { (hi, hi - room) } else { (lo, lo + room) };
    let left = if positive { end - at } else { at - end };
    if left > window {
        return Ok(end);
    }
    Err(match narrowed {
        Some(why) => {
            let (name, at) = (&described.name, place(described, at));
            format!("{name} at {at} may move only into {} while {why}", span(described, lo, hi))
        }
        None => format!("{} is at the end of its travel ({})", described.name, place(described, limit)),
    })
}

/// Why the table may not turn now; `None` for every other axis.
pub(super) fn table_blocked(cx: &Cx<'_>, axis: AxisId) -> Option<String> {
    let table = cx.cell.table.as_ref().filter(|t| t.axis == axis)?;
    let clear = |c: &&AxisClear| (c.lo_au..=c.hi_au).contains(&actual(cx, c.axis));
    let Some(c) = table.clear_when.iter().find(|c| !clear(c)) else {
        let inside = zones::in_the_table(cx, &zones::of_table(cx.cell));
        let inside = inside.map(|by| format!("{by} is in a zone of the table: bring it out first"));
        return robots_home(cx).err().or(inside);
    };
    let other = cx.cell.axes.get(c.axis.index())?;
    let (name, range) = (&other.name, span(other, c.lo_au, c.hi_au));
    let at = place(other, actual(cx, c.axis));
    Some(format!("{name} at {at} is in the table's way: bring it within {range} first"))
}

/// A move that leaves the range in which its axis is out of the table's way, once that is no longer permitted.
pub(super) fn left_alone(cx: &Cx<'_>, jog: &Jog) -> Option<String> {
    let range = clear_range(cx.cell, jog.axis)?;
    let leaves = if jog.positive { jog.target_au > range.hi_au } else { jog.target_au < range.lo_au };
    if leaves { stations_free(cx).err() } else { None }
}

pub(super) fn clear_range(cell: &Cell, axis: AxisId) -> Option<&AxisClear> {
    cell.table.as_ref()?.clear_when.iter().find(|c| c.axis == axis)
}

/// An axis may reach into the stations now. Errors: why not.
pub(super) fn stations_free(cx: &Cx<'_>) -> Result<(), String> {
    let Some(table) = &cx.cell.table else { return robots_home(cx) };
    let pitch = 360.0 / f64::from(table.nests.max(1));
    let turns = actual(cx, table.axis) / pitch;
    let moving = cx.machine.rt.axes.get(table.axis.index()).is_none_or(|a| a.moving);
    // Stations lie at multiples of the pitch (the cell file is checked for it).
    if moving || (turns - turns.round()).abs() * pitch > AT_STATION_AU || turns.is_nan() {
        return Err("the table stands between two stations".into());
    }
    robots_home(cx)
}

/// No cobot is where an axis or the table would meet it.
pub(super) fn robots_home(cx: &Cx<'_>) -> Result<(), String> {
    for (robot, state) in cx.cell.robots.iter().zip(cx.machine.robots) {
        if robot.rests_at_home(state, cx.now) {
            continue;
        }
        known(robot, state, cx.now)?;
        return Err(format!("{} is not at home: bring it there first", robot.name));
    }
    Ok(())
}

/// Where the cobot is, is known. Errors: that it is not.
pub(super) fn known(robot: &Robot, state: &RobotState, now: TimeNs) -> Result<(), String> {
    match state.is_known(now) {
        true => Ok(()),
        false => {
            let ms = now.since(state.stamp).0 / 1_000_000;
            Err(format!("{} has not reported for {ms} ms: look at it and its connection", robot.name))
        }
    }
}

pub(super) fn place(axis: &Axis, at: f64) -> String {
    format!("{at:.3} {}", axis.unit())
}

pub(super) fn span(axis: &Axis, lo: f64, hi: f64) -> String {
    format!("{lo} .. {hi} {}", axis.unit())
}
