//! Routes: where a step takes a part or the unit, place by place, and what that says when the step is broken
//! off.

use cellwright_model::cell::TrayKind;
use cellwright_model::plan::{CARRIED, Place, PlaceWhat, Primitive, Step};
use cellwright_model::{InputId, StationId, StepIx};

use crate::record::{Location, PartRef, Route};
use crate::unit::Env;

/// The route of a step that is about to begin. `None`: it moves nothing, or its source has nothing (which it
/// finds out itself).
pub(crate) fn of_step(env: &Env<'_, '_>, ix: StepIx) -> Option<Route> {
    let plan = env.unit.plan.clone();
    let step = plan.step(ix);
    let placed = step.ops.iter().filter_map(|op| match op {
        Primitive::PlacePart { what, to, verify } => Some((what, *to, *verify)),
        _ => None,
    });
    let placed: Vec<_> = placed.collect();
    let (what, ..) = placed.first()?;
    let (part, from) = match what {
        PlaceWhat::Unit => (PartRef::Unit, env.unit.place_of(&PartRef::Unit)?),
        PlaceWhat::Component(name) => {
            let part = PartRef::Component(name.clone());
            let source = step.ops.iter().find_map(|op| match op {
                Primitive::Consume { component, source } if component == name => Some(*source),
                _ => None,
            });
            let planned = plan.components.iter().find(|c| c.name == *name).and_then(|c| c.source);
            let from = match source.flatten().or(planned.filter(|_| source.is_some())) {
                Some(tray) => Location::Tray { tray, pocket: env.parts.pocket(env.cx.cell, tray)? },
                None => env.unit.place_of(&part).unwrap_or(Location::Hand),
            };
            (part, from)
        }
    };
    let mut places = vec![from];
    for (_, to, _) in placed.iter().filter(|(w, ..)| w == what) {
        places.push(match to {
            Place::Nest => Location::Nest(env.unit.nest),
            Place::Gripper(robot) => Location::Gripper(*robot),
            Place::Bin(tray) => Location::Bin(*tray),
            Place::TrayNext(tray) => {
                Location::Tray { tray: *tray, pocket: env.parts.pocket(env.cx.cell, *tray)? }
            }
        });
    }
    let sees = placed.last().and_then(|(_, to, verify)| verify.filter(|_| *to == Place::Nest));
    let seen_by: Option<(InputId, StationId)> = sees.zip(step.station);
    Some(Route { serial: env.unit.serial.clone(), part, places, seen_by })
}

/// A person carries what this step moves, and says so.
pub(crate) fn by_hand(step: &Step) -> bool {
    let asks =
        |op: &Primitive| matches!(op, Primitive::Ask { pass, .. } if pass.iter().any(|a| a == CARRIED));
    step.ops.iter().any(asks)
}

/// A unit that lies there is taken for good.
pub(crate) fn is_good_pocket(cell: &cellwright_model::cell::Cell, at: &Location) -> bool {
    let Location::Tray { tray, .. } = at else { return false };
    cell.trays.get(tray.index()).is_some_and(|t| t.kind == TrayKind::Good)
}
