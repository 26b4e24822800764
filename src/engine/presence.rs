//! Presence: before a step puts something into a nest or takes something out, the sensors of its station and
//! the cobot's gripper must agree with what is known. Where nobody can tell, nothing is asked for.

use cellwright_model::cell::Cell;
use cellwright_model::plan::{Place, PlaceWhat, Primitive};
use cellwright_model::{InputId, RobotId, StationId};

use crate::ledger::Cx;
use crate::step::StepRun;
use crate::unit::Env;

/// Inputs of a station that see something in the nest which stands there. `None`: no sensor can tell, or the
/// inputs are stale.
pub(crate) fn seen(cx: &Cx<'_>, station: StationId) -> Option<Vec<InputId>> {
    let presence = &cx.cell.stations.get(station.index())?.presence;
    if presence.is_empty() || !cx.machine.fresh() {
        return None;
    }
    use cellwright_model::expr::SignalView;
    Some(presence.iter().copied().filter(|i| cx.machine.input(*i)).collect())
}

/// Names of inputs, for people.
pub(crate) fn names(cx: &Cx<'_>, inputs: &[InputId]) -> String {
    let name = |i: &InputId| cx.cell.digital_inputs.get(i.index()).map_or("?", |x| x.name.as_str());
    inputs.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// What a step that is about to begin would meet: `Ok(false)` while the inputs that say so are stale. Errors:
/// the cause of a fault, in a word and what it is about.
pub(crate) fn before(run: &StepRun, env: &mut Env<'_, '_>) -> Result<bool, String> {
    let plan = env.unit.plan.clone();
    let step = plan.step(run.step);
    for op in &step.ops {
        if let Primitive::Consume { component, source } = op
            && let Some(planned) = plan.components.iter().find(|c| c.name == *component)
            && let Some(tray) = source.or(planned.source)
        {
            env.parts.lot_of(env.cx.cell, planned, tray)?;
        }
    }
    let Some(station) = env.unit.station else { return Ok(true) };
    let looks = env.cx.cell.stations.get(station.index()).is_some_and(|s| !s.presence.is_empty());
    let into = step.ops.iter().any(|op| matches!(op, Primitive::PlacePart { to: Place::Nest, .. }));
    if into && !env.unit.nest_looked_at {
        let Some(seen) = seen(env.cx, station) else { return Ok(!looks) };
        // What it has put there itself is no surprise, and seen by whoever placed it.
        if !seen.is_empty() && !env.unit.in_nest() {
            return Err(format!("nest-not-empty: {} sees something", names(env.cx, &seen)));
        }
        env.unit.nest_looked_at = true;
    }
    let out = |op: &Primitive| matches!(op, Primitive::PlacePart { what: PlaceWhat::Unit, to, .. } if *to != Place::Nest);
    if !step.ops.iter().any(out) {
        return Ok(true);
    }
    match seen(env.cx, station) {
        Some(seen) if seen.is_empty() => Err("nest-empty: no sensor of the station sees the unit".into()),
        Some(_) => {
            env.unit.seen_in_nest(env.parts, env.cx);
            Ok(true)
        }
        None => Ok(!looks),
    }
}

/// Inputs that may show a pulse (bit = InputId): all but the presence sensors, whose level is asked as it is now.
pub(crate) fn pulses(cell: &Cell) -> u64 {
    let bits = cell.stations.iter().flat_map(|s| &s.presence);
    !bits.fold(0, |mask, input| mask | 1u64.checked_shl(u32::from(input.0)).unwrap_or(0))
}

/// Before a gripper closes or opens: empty, or holding what is to be put down.
pub(crate) fn of_gripper(env: &Env<'_, '_>, robot: RobotId, close: bool) -> Result<(), String> {
    let holding = env.cx.machine.robots.get(robot.index()).is_some_and(|r| r.holding);
    let name = env.cx.cell.robots.get(robot.index()).map_or("?", |r| r.name.as_str());
    match (close, holding) {
        (true, true) => Err(format!("gripper-not-empty: {name} holds something")),
        (false, false) => Err(format!("part-lost: {name} holds nothing any more")),
        _ => Ok(()),
    }
}
