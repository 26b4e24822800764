//! A Plan is compiled for one cell; before it is worked, what the engine relies on is looked at once more.

use std::collections::BTreeMap;
use std::sync::Arc;

use cellwright_model::StepIx;
use cellwright_model::cell::Cell;
use cellwright_model::expr::{Expr, Term};
use cellwright_model::limits::ROUNDS_MAX;
use cellwright_model::order::ParamSet;
use cellwright_model::plan::{Node, PLAN_FORMAT, Place, Plan, Primitive, Resource, RobotOp, Step, Stop};

use crate::api::{Order, Work};

/// Depth of forks in forks.
const DEPTH_MAX: u32 = 32;

/// Whether the engine can work this Plan on this cell. Errors: the reason.
pub(crate) fn plan(plan: &Plan, cell: &Cell) -> Result<(), String> {
    if plan.format != PLAN_FORMAT {
        return Err(format!("plan format {} is not {PLAN_FORMAT}", plan.format));
    }
    if plan.cell_hash != cell.hash || plan.taught_hash != cell.taught_hash {
        return Err(format!(
            "the recipe was compiled for another state of cell `{}`: compile it again",
            plan.cell_id
        ));
    }
    let mut used = vec![false; plan.steps.len()];
    nodes(plan, &plan.body, &mut used, 0, cell)?;
    nodes(plan, &plan.on_reject, &mut used, 0, cell)?;
    for invariant in &plan.invariants {
        expr(&invariant.check, cell)?;
    }
    plan.steps.iter().try_for_each(|s| step(s, cell).map_err(|e| format!("step `{}`: {e}", s.id)))
}

/// Whether each serial that the terms give a set of values has its Plan, of the order's recipe and with just these
/// values, on the order's way through the cell. Errors: the reason.
pub(crate) fn sets(order: &Order, cell: &Cell) -> Result<(), String> {
    let none = BTreeMap::new();
    let asked = match &order.work {
        Work::Terms { terms, .. } => &terms.sets,
        Work::Units(_) => &none,
    };
    let again = "compile the order again";
    if let Some(serial) = order.sets.keys().find(|serial| !asked.contains_key(*serial)) {
        return Err(format!("{serial} has a Plan of its own that the order does not ask for: {again}"));
    }
    let mut last: Option<&Arc<Plan>> = None;
    for (serial, values) in asked {
        let Some(own) = order.sets.get(serial) else {
            return Err(format!("{serial} has values of its own and no Plan that has them: {again}"));
        };
        let set: ParamSet = own.set.iter().cloned().collect();
        if set != *values || !same_way(&order.plan, own) {
            return Err(format!(
                "the Plan of {serial} is not the order's with the values of its set: {again}"
            ));
        }
        // Many serials may share one.
        if !last.is_some_and(|last| Arc::ptr_eq(last, own)) {
            plan(own, cell).map_err(|why| format!("{serial}: {why}"))?;
        }
        last = Some(own);
    }
    Ok(())
}

/// The same recipe, parts, steps and places: only numbers may differ.
fn same_way(a: &Plan, b: &Plan) -> bool {
    let step = |(a, b): (&Step, &Step)| {
        (&a.id, &a.kind, a.station, &a.resources) == (&b.id, &b.kind, b.station, &b.resources)
    };
    (&a.recipe_hash, &a.variant, &a.components) == (&b.recipe_hash, &b.variant, &b.components)
        && a.steps.len() == b.steps.len()
        && a.steps.iter().zip(&b.steps).all(step)
}

/// Every step is there, and in one place only: its attempts are counted there.
fn nodes(plan: &Plan, list: &[Node], used: &mut [bool], depth: u32, cell: &Cell) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err("forks are nested too deeply".into());
    }
    for node in list {
        match node {
            Node::Step(StepIx(ix)) => match used.get_mut(usize::from(*ix)) {
                Some(used @ false) => *used = true,
                Some(true) => return Err(format!("step {ix} is used twice")),
                None => return Err(format!("there is no step {ix}")),
            },
            Node::Parallel { branches, .. } => {
                branches.iter().try_for_each(|b| nodes(plan, &b.body, used, depth + 1, cell))?;
            }
            Node::Repeat { id, at_most, until, body } => {
                if *at_most == 0 || *at_most > ROUNDS_MAX {
                    return Err(format!("`{id}` is repeated {at_most} times"));
                }
                expr(until, cell)?;
                let before = used.to_vec();
                nodes(plan, body, used, depth + 1, cell)?;
                let inside =
                    used.iter().zip(before).zip(&plan.steps).filter(|((now, before), _)| **now && !before);
                if let Some((_, step)) = inside.into_iter().find(|(_, step)| step.irreversible) {
                    return Err(format!("`{id}` repeats `{}`, which is never done twice", step.id));
                }
            }
        }
    }
    Ok(())
}

fn within(what: &str, index: usize, len: usize) -> Result<(), String> {
    if index < len { Ok(()) } else { Err(format!("there is no {what} {index}")) }
}

fn expr(e: &Expr, cell: &Cell) -> Result<(), String> {
    match e {
        Expr::Input(id) => within("input", id.index(), cell.digital_inputs.len()),
        Expr::Always(_) => Ok(()),
        Expr::Less(a, b) => [a, b].into_iter().try_for_each(|term| match term {
            Term::Analog(id) => within("analog", id.index(), cell.analogs.len()),
            Term::Constant(_) | Term::Measured { .. } => Ok(()),
        }),
        Expr::Not(e) => expr(e, cell),
        Expr::And(list) | Expr::Or(list) => list.iter().try_for_each(|e| expr(e, cell)),
    }
}

fn step(s: &Step, cell: &Cell) -> Result<(), String> {
    if let Some(station) = s.station {
        within("station", station.index(), cell.stations.len())?;
    }
    for r in &s.resources {
        resource(*r, cell)?;
    }
    for e in s.when.iter().chain(&s.supply).chain(&s.check_before).chain(&s.check_after) {
        expr(e, cell)?;
    }
    for p in &s.ops {
        primitive(p, cell)?;
    }
    for p in &s.cleanup {
        if matches!(p, Primitive::Ask { .. }) {
            return Err("cleanup cannot ask a person".into());
        }
        primitive(p, cell)?;
    }
    s.equipment.iter().try_for_each(|e| within("equipment", *e, cell.equipment.len()))
}

fn resource(r: Resource, cell: &Cell) -> Result<(), String> {
    match r {
        Resource::Axis(id) => within("axis", id.index(), cell.axes.len()),
        Resource::Robot(id) => within("robot", id.index(), cell.robots.len()),
        Resource::Camera(id) => within("camera", id.index(), cell.cameras.len()),
        Resource::Scanner(id) => within("scanner", id.index(), cell.scanners.len()),
        Resource::Printer(id) => within("printer", id.index(), cell.printers.len()),
        Resource::Analog(id) => within("analog", id.index(), cell.analogs.len()),
        Resource::Tray(id) => within("tray", id.index(), cell.trays.len()),
        Resource::StationSpace(id) => within("station", id.index(), cell.stations.len()),
        Resource::Zone(id) => within("zone", id.index(), cell.zones.len()),
    }
}

fn primitive(p: &Primitive, cell: &Cell) -> Result<(), String> {
    let analog = |id: cellwright_model::AnalogId| within("analog", id.index(), cell.analogs.len());
    let tray = |id: cellwright_model::TrayId| within("tray", id.index(), cell.trays.len());
    let axis = |id: cellwright_model::AxisId| within("axis", id.index(), cell.axes.len());
    match p {
        Primitive::MoveTo { axis: a, .. } | Primitive::Mark { axis: a, .. } => axis(*a),
        Primitive::ApproachUntil { axis: a, until, trip, .. } => {
            if let Stop::AnalogAtLeast(id, _) = until {
                analog(*id)?;
            }
            if let Some((id, _)) = trip {
                analog(*id)?;
            }
            axis(*a)
        }
        Primitive::Tighten { axis: a, sensor, .. } => analog(*sensor).and_then(|()| axis(*a)),
        Primitive::SetOutput { output, .. } => within("output", output.index(), cell.digital_outputs.len()),
        Primitive::WaitUntil { condition, .. } | Primitive::Check { condition, .. } => expr(condition, cell),
        Primitive::CaptureStart { axis: a, analog: c, .. } => {
            c.map_or(Ok(()), analog)?;
            a.map_or(Ok(()), axis)
        }
        Primitive::Robot { robot, request } => {
            within("robot", robot.index(), cell.robots.len())?;
            match request {
                RobotOp::MoveTray { tray: t, .. } | RobotOp::LeaveTray { tray: t, .. } => tray(*t),
                _ => Ok(()),
            }
        }
        Primitive::Inspect { camera, .. } => within("camera", camera.index(), cell.cameras.len()),
        Primitive::PrintLabel { printer } => within("printer", printer.index(), cell.printers.len()),
        Primitive::Scan { scanner, .. } | Primitive::ReadLabel { scanner } => {
            within("scanner", scanner.index(), cell.scanners.len())
        }
        Primitive::Consume { source, .. } => source.map_or(Ok(()), tray),
        Primitive::PlacePart { to, verify, .. } => {
            if let Some(id) = verify {
                within("input", id.index(), cell.digital_inputs.len())?;
            }
            match to {
                Place::TrayNext(t) | Place::Bin(t) => tray(*t),
                Place::Gripper(r) => within("robot", r.index(), cell.robots.len()),
                Place::Nest => Ok(()),
            }
        }
        Primitive::Ask { answers, .. } if answers.is_empty() => Err("a question without answers".into()),
        Primitive::Dwell { .. }
        | Primitive::CaptureEnd { .. }
        | Primitive::Judge
        | Primitive::Ask { .. }
        | Primitive::RequireRegister { .. }
        | Primitive::PointOfNoReturn
        | Primitive::Unbroken => Ok(()),
    }
}
