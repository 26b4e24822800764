//! The table that carries the nests past the stations: whether a nest stands at a station, and bringing it
//! there as a part of preparing a step.

use cellwright_model::angle::nearest_equivalent;
use cellwright_model::cell::Table;
use cellwright_model::job::RtOp;
use cellwright_model::{DurationNs, StationId};

use crate::api::Machine;
use crate::ledger::{Cx, JobEnded};
use crate::ops::{self, Op, OpEnd};
use crate::step::StepRun;
use crate::unit::Env;

/// The table's actual position follows its setpoint within this after a move.
const SETTLE_WITHIN: DurationNs = DurationNs::from_millis(1_000);
/// The nest stands at a station when the table is this near to it (au).
pub(crate) const AT_STATION_AU: f64 = 0.1;

impl StepRun {
    /// Brings the unit's nest to the step's station. `Ok(true)`: it stands there.
    pub(crate) fn poll_station(&mut self, env: &mut Env<'_, '_>) -> Result<bool, String> {
        let Some(station) = env.unit.plan.step(self.step).station else { return Ok(true) };
        let Some(table) = env.cx.cell.table.as_ref() else {
            env.unit.station = Some(station);
            return Ok(true);
        };
        match self.op.take() {
            None if stands_at(env.cx, env.unit.nest, station) => {
                env.unit.station = Some(station);
                env.resources.table_stands(env.key);
                Ok(true)
            }
            None => {
                if env.cx.machine.fresh() && clear(&env.cx.machine, table) {
                    let target_au = table_target(env.cx, env.unit.nest, station).ok_or("table-travel")?;
                    env.unit.station = None;
                    let (axis, velocity_au_s) = (table.axis, table.velocity);
                    let job = env.cx.job(RtOp::MoveTo { axis, target_au, velocity_au_s });
                    self.op = Some(Op::Axis { job, axis });
                }
                Ok(false)
            }
            Some(Op::Axis { job, axis }) => match env.cx.ledger.take_job(job) {
                None => {
                    self.op = Some(Op::Axis { job, axis });
                    Ok(false)
                }
                Some(JobEnded::Done(_)) => {
                    let until = env.cx.now + SETTLE_WITHIN;
                    env.cx.wake_at(until);
                    self.op = Some(Op::Dwell { until });
                    Ok(false)
                }
                Some(other) => match ops::not_done(other) {
                    ops::Progress::Ended(OpEnd::Fault(c) | OpEnd::Fail(c)) => Err(format!("table: {c}")),
                    _ => Ok(false),
                },
            },
            // The move is done; the actual position follows within moments.
            Some(Op::Dwell { .. }) if stands_at(env.cx, env.unit.nest, station) => self.poll_station(env),
            Some(Op::Dwell { until }) if env.cx.now < until => {
                self.op = Some(Op::Dwell { until });
                Ok(false)
            }
            Some(_) => Err("table-position".into()),
        }
    }
}

/// Table angle that brings a nest to a station: of those within the table's travel the nearest to where it is.
/// `None`: there is none.
pub(crate) fn table_target(cx: &Cx<'_>, nest: u16, station: StationId) -> Option<f64> {
    let table = cx.cell.table.as_ref()?;
    let axis = cx.cell.axes.get(table.axis.index())?;
    let pitch = 360.0 / f64::from(table.nests.max(1));
    let wanted = cx.cell.stations.get(station.index())?.table_au - f64::from(nest) * pitch;
    let actual = cx.machine.rt.axes.get(table.axis.index())?.actual_au;
    nearest_equivalent(wanted, actual, axis.travel_lo_au, axis.travel_hi_au)
}

/// The nest stands at the station now.
pub(crate) fn stands_at(cx: &Cx<'_>, nest: u16, station: StationId) -> bool {
    let (Some(table), Some(target)) = (cx.cell.table.as_ref(), table_target(cx, nest, station)) else {
        return cx.cell.table.is_none();
    };
    let axis = cx.machine.rt.axes.get(table.axis.index());
    cx.machine.fresh() && axis.is_some_and(|a| !a.moving && (a.actual_au - target).abs() <= AT_STATION_AU)
}

/// What stands in the table's way is out of it.
fn clear(machine: &Machine<'_>, table: &Table) -> bool {
    table.clear_when.iter().all(|c| {
        let axis = machine.rt.axes.get(c.axis.index());
        axis.is_some_and(|a| a.actual_au >= c.lo_au && a.actual_au <= c.hi_au)
    })
}
