//! The table that carries the nests past the stations: an activity of the cell's own, since it carries all
//! units together. It turns when no unit has anything to do where it stands and at least one waits for
//! another station; by as little as brings one of those to its station, so that none is carried past its own.
//!
//! *Want*: what one unit asks of the table. *Standing*: not turning, and within tolerance of a station.

use cellwright_model::angle::nearest_equivalent;
use cellwright_model::cell::{Cell, Robot, Table};
use cellwright_model::job::{Refusal, RtOp};
use cellwright_model::plan::{Place, PlaceWhat, Plan, Primitive, RobotOp, Step};
use cellwright_model::robot::RobotState;
use cellwright_model::{DurationNs, JobId, StationId, StepIx, TimeNs};

use crate::api::{Machine, MachineFault};
use crate::branch::{Branch, Waits};
use crate::branch_chart::BranchState;
use crate::catalogue::AlarmCode;
use crate::ledger::{Cx, JobEnded};
use crate::ops::{self, OpEnd};
use crate::resources::Resources;
use crate::sequencer::Item;
use crate::unit::{Unit, UnitData};
use crate::zones;

/// The table's actual position follows its setpoint within this after a move.
const SETTLE_WITHIN: DurationNs = DurationNs::from_millis(1_000);
/// What stands in its way leaves it within this, or something is wrong: steps retract before they end.
const CLEAR_WITHIN: DurationNs = DurationNs::from_millis(10_000);
/// The nest stands at a station when the table is this near to it (au).
pub(crate) const AT_STATION_AU: f64 = 0.1;
/// One turn (deg).
const TURN_DEG: f64 = 360.0;

/// What a unit asks of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Want {
    /// It may turn or not.
    Nothing,
    /// It has to stay: something is done, or is to be done, where it stands.
    Here,
    /// The nest has to come to this station.
    Station(StationId),
    /// The nest has to come to any station.
    Any,
}

/// What a look at the table says.
pub(crate) enum Turned {
    Nothing,
    /// It turns from now on: no nest stands at a station.
    Began,
    /// It stands again.
    Stands,
    Fault(MachineFault),
}

enum Doing {
    Moving(JobId),
    Settling { until: TimeNs },
}

struct Turning {
    target_au: f64,
    doing: Doing,
}

/// The table of the cell at work.
#[derive(Default)]
pub(crate) struct Carousel {
    turning: Option<Turning>,
    /// Since when something has been in its way.
    not_clear: Option<TimeNs>,
}

impl Carousel {
    pub(crate) fn is_turning(&self) -> bool {
        self.turning.is_some()
    }

    /// Nothing is under way any more: the cell was aborted, or homes its axes.
    pub(crate) fn forget(&mut self) {
        *self = Carousel::default();
    }

    /// Carries a turn on, or begins one if `begin` and the wants of all nests (by number) agree.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Cx<'_>,
        resources: &mut Resources,
        begin: bool,
        wants: &[(u16, Want)],
    ) -> Turned {
        let cell = cx.cell;
        let Some(table) = &cell.table else { return Turned::Nothing };
        if let Some(turning) = self.turning.take() {
            let turned = self.carry_on(cx, turning);
            if self.turning.is_none() {
                resources.end_turn();
            }
            return turned;
        }
        if !begin || !cx.machine.fresh() {
            return Turned::Nothing;
        }
        let Some(target_au) = next_target(&cx.machine, cell, table, wants) else {
            self.not_clear = None;
            return Turned::Nothing;
        };
        let zones = zones::of_table(cell);
        // What a step has it will bring out: its end is an input.
        if resources.any_at_work(&zones) {
            self.not_clear = None;
            return Turned::Nothing;
        }
        let stands = in_the_way(&cx.machine, cell, table).or_else(|| zones::in_the_table(cx, &zones));
        if let Some(name) = stands {
            let name = name.to_string();
            return self.wait_for_clear(cx, name);
        }
        self.not_clear = None;
        resources.begin_turn(&zones);
        let job = cx.job(RtOp::MoveTo { axis: table.axis, target_au, velocity_au_s: table.velocity });
        self.turning = Some(Turning { target_au, doing: Doing::Moving(job) });
        Turned::Began
    }

    fn carry_on(&mut self, cx: &mut Cx<'_>, turning: Turning) -> Turned {
        let target_au = turning.target_au;
        match turning.doing {
            Doing::Moving(job) => match cx.ledger.take_job(job) {
                None => {
                    self.turning = Some(turning);
                    Turned::Nothing
                }
                Some(JobEnded::Done(_)) => {
                    let until = cx.now + SETTLE_WITHIN;
                    cx.wake_at(until);
                    self.carry_on(cx, Turning { target_au, doing: Doing::Settling { until } })
                }
                // Not begun, or stopped with the cell: where it stands is looked at anew.
                Some(JobEnded::Refused(Refusal::Busy | Refusal::Urgent | Refusal::StaleInput))
                | Some(JobEnded::Stopped) => Turned::Stands,
                Some(other) => match ops::not_done(other) {
                    ops::Progress::Ended(OpEnd::Fault(cause) | OpEnd::Fail(cause)) => {
                        Turned::Fault(did_not_turn(cx.cell, &cause))
                    }
                    _ => Turned::Stands,
                },
            },
            Doing::Settling { until } => {
                let stands = cx.cell.table.as_ref().is_some_and(|t| stands_near(&cx.machine, t, target_au));
                if stands {
                    return Turned::Stands;
                }
                if cx.now >= until {
                    return Turned::Fault(did_not_turn(cx.cell, "it did not come to rest at its target"));
                }
                self.turning = Some(turning);
                Turned::Nothing
            }
        }
    }

    fn wait_for_clear(&mut self, cx: &mut Cx<'_>, axis: String) -> Turned {
        let since = *self.not_clear.get_or_insert_with(|| {
            cx.wake_at(cx.now + CLEAR_WITHIN);
            cx.now
        });
        if cx.now.since(since) < CLEAR_WITHIN {
            return Turned::Nothing;
        }
        self.not_clear = None;
        Turned::Fault(AlarmCode::TableNotClear.fault(axis.clone(), &[("axis", &axis)]))
    }
}

fn did_not_turn(cell: &Cell, cause: &str) -> MachineFault {
    let axis = cell.table.as_ref().and_then(|t| cell.axes.get(t.axis.index()));
    let place = axis.map_or_else(|| "table".into(), |a| a.name.clone());
    AlarmCode::Table.fault(place, &[("cause", cause)])
}

/// Where the table has to turn to, by what the nests want. `None`: it stays.
fn next_target(machine: &Machine<'_>, cell: &Cell, table: &Table, wants: &[(u16, Want)]) -> Option<f64> {
    if wants.iter().any(|(_, w)| *w == Want::Here) {
        return None;
    }
    let at = machine.rt.axes.get(table.axis.index())?.actual_au;
    let way = |nest: u16, station: StationId| -> Option<(f64, f64)> {
        let angle = angle_of(cell, table, nest, station)?;
        let forward = (angle - at).rem_euclid(TURN_DEG);
        // Nearly there from behind is there.
        let forward = if TURN_DEG - forward <= AT_STATION_AU { 0.0 } else { forward };
        (forward > AT_STATION_AU).then_some((forward, angle))
    };
    let nearest = |ways: &mut dyn Iterator<Item = (f64, f64)>| ways.min_by(|a, b| a.0.total_cmp(&b.0));
    let mut wanted = wants.iter().filter_map(|(nest, want)| match want {
        Want::Station(station) => way(*nest, *station),
        _ => None,
    });
    let to = nearest(&mut wanted).or_else(|| {
        let stations = 0..cell.stations.len() as u16;
        let any = wants.iter().filter(|(_, w)| *w == Want::Any).map(|(nest, _)| *nest);
        nearest(&mut any.flat_map(|nest| stations.clone().filter_map(move |s| way(nest, StationId(s)))))
    });
    let (_, angle) = to?;
    let axis = cell.axes.get(table.axis.index())?;
    nearest_equivalent(angle, at, axis.travel_lo_au, axis.travel_hi_au)
}

/// Table angle that brings a nest to a station, on one of its turns.
fn angle_of(cell: &Cell, table: &Table, nest: u16, station: StationId) -> Option<f64> {
    let pitch = TURN_DEG / f64::from(table.nests.max(1));
    Some(cell.stations.get(station.index())?.table_au - f64::from(nest) * pitch)
}

/// The axis or cobot that stands in the table's way, by its name.
fn in_the_way<'c>(machine: &Machine<'_>, cell: &'c Cell, table: &Table) -> Option<&'c str> {
    let stands = |(robot, state): &(&Robot, &RobotState)| robot.may_stand_in_a_station(state, &cell.stations);
    if let Some((robot, _)) = cell.robots.iter().zip(machine.robots).find(stands) {
        return Some(&robot.name);
    }
    let clear = |c: &cellwright_model::cell::AxisClear| {
        let axis = machine.rt.axes.get(c.axis.index());
        axis.is_some_and(|a| a.actual_au >= c.lo_au && a.actual_au <= c.hi_au)
    };
    let not = table.clear_when.iter().find(|c| !clear(c))?;
    Some(cell.axes.get(not.axis.index()).map_or("an axis", |a| a.name.as_str()))
}

fn stands_near(machine: &Machine<'_>, table: &Table, target_au: f64) -> bool {
    let axis = machine.rt.axes.get(table.axis.index());
    let near = |actual: f64| {
        let off = (actual - target_au).rem_euclid(TURN_DEG);
        off.min(TURN_DEG - off) <= AT_STATION_AU
    };
    machine.fresh() && axis.is_some_and(|a| !a.moving && near(a.actual_au))
}

/// The nest stands at the station now. Without a table every nest does.
pub(crate) fn stands_at(cx: &Cx<'_>, nest: u16, station: StationId) -> bool {
    let Some(table) = &cx.cell.table else { return true };
    let angle = angle_of(cx.cell, table, nest, station);
    angle.is_some_and(|angle| stands_near(&cx.machine, table, angle))
}

/// The station at which the nest stands now.
pub(crate) fn station_of(cx: &Cx<'_>, nest: u16) -> Option<StationId> {
    cx.cell.table.as_ref()?;
    (0..cx.cell.stations.len() as u16).map(StationId).find(|s| stands_at(cx, nest, *s))
}

/// The nest that stands at the station now. Without a table there is one nest, and it is there.
pub(crate) fn nest_at(cx: &Cx<'_>, station: StationId) -> Option<u16> {
    match &cx.cell.table {
        Some(table) => (0..table.nests).find(|nest| stands_at(cx, *nest, station)),
        None => Some(0),
    }
}

/// Nests of the cell.
pub(crate) fn nests(cell: &Cell) -> u16 {
    cell.table.as_ref().map_or(1, |t| t.nests)
}

/// The step takes something out of the nest or puts something into it, wherever that stands.
pub(crate) fn reaches_into_nest(step: &Step) -> bool {
    step.ops.iter().any(|p| {
        matches!(
            p,
            Primitive::Robot { request: RobotOp::MoveStation { .. }, .. }
                | Primitive::PlacePart { to: Place::Nest, .. }
                | Primitive::PlacePart { what: PlaceWhat::Unit, .. }
        )
    })
}

/// The station at which a unit of this plan begins: that of its first step which has one.
pub(crate) fn entry(plan: &Plan) -> Option<StationId> {
    fn first(plan: &Plan, nodes: &[cellwright_model::plan::Node]) -> Option<StationId> {
        use cellwright_model::plan::Node;
        nodes.iter().find_map(|node| match node {
            Node::Step(ix) => plan.step(*ix).station,
            Node::Parallel { branches, .. } => branches.iter().find_map(|b| first(plan, &b.body)),
            Node::Repeat { body, .. } => first(plan, body),
        })
    }
    first(plan, &plan.body)
}

/// What a unit asks of the table: what any of its branches asks, staying before all.
pub(crate) fn want(cx: &Cx<'_>, unit: &Unit) -> Want {
    if unit.is_opening() {
        return Want::Here;
    }
    let mut wanted = Want::Nothing;
    for branch in unit.branches.values().filter(|b| b.end.is_none()) {
        match branch_want(cx, &unit.data, branch) {
            Want::Here => return Want::Here,
            Want::Nothing => {}
            Want::Any if wanted != Want::Nothing => {}
            want => wanted = want,
        }
    }
    wanted
}

fn branch_want(cx: &Cx<'_>, unit: &UnitData, branch: &Branch) -> Want {
    let step = match unit.graph.item(branch.cursor) {
        Some(Item::Step(ix)) => *ix,
        // The branches of a fork speak for it; what comes next is known within this round.
        _ => return Want::Nothing,
    };
    match branch.machine.state() {
        // Whoever looks into the machine at a break finds it as it stood.
        BranchState::Gate if matches!(branch.waits, Some(Waits::Break(_))) => Want::Here,
        BranchState::Idle | BranchState::Gate => step_want(cx, unit, step),
        _ => working_want(unit, step),
    }
}

fn working_want(unit: &UnitData, ix: StepIx) -> Want {
    let step = unit.plan.step(ix);
    if step.station.is_some() || reaches_into_nest(step) { Want::Here } else { Want::Nothing }
}

fn step_want(cx: &Cx<'_>, unit: &UnitData, ix: StepIx) -> Want {
    let step = unit.plan.step(ix);
    match step.station {
        Some(station) if stands_at(cx, unit.nest, station) => Want::Here,
        Some(station) => Want::Station(station),
        None if !reaches_into_nest(step) => Want::Nothing,
        None if unit.station.is_some() => Want::Here,
        None => Want::Any,
    }
}
