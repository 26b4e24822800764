//! `move`: an axis to a position, or a cobot to a taught pose.
//!
//! ```yaml
//! - move: { id: up, axis: press_z, to: 0 mm, velocity: 60 mm/s }
//! - move: { id: park, robot: robot_r, pose: home, speed: 50 % }
//! ```

use cellwright_model::plan::{Primitive, Resource, Target};
use cellwright_model::{AxisId, Dimension, DurationNs, StationId};
use cellwright_recipe::shape::{Names, POSITION, SPEED};
use cellwright_recipe::{Code, Context, Draft, Fields, Shape, StepKind, names, shape, suggest};

use crate::axis::{belongs, target, velocity};
use crate::robot::Way;

pub(crate) struct Move;

shape! { MOVE = "move", "An axis to a position, or a cobot to a taught pose." {
    opt "station": Name(Names::Station), "Where the unit's nest has to be.";
    opt "check": Condition, "Has to hold before it begins; otherwise the machine could not.";
    dep "axis": Name(Names::Axis), "The axis; or `robot`.";
    dep "to": Quantity(POSITION), "Where the axis goes, in its coordinate.";
    dep "velocity": Quantity(SPEED), "Of the axis.";
    dep "robot": Name(Names::Robot), "The cobot; or `axis`.";
    dep "pose": Name(Names::Pose), "Where the cobot goes.";
    opt "speed" = "100 %": Quantity(&[Ratio]), "Share of the cobot's speed.";
}}

impl StepKind for Move {
    fn name(&self) -> &'static str {
        "move"
    }
    fn judges(&self) -> bool {
        false
    }
    fn shape(&self) -> &'static Shape {
        &MOVE
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let station = cx.station_opt(f);
        let check_before = cx.condition(f, "check");
        // Whatever is misspelt, the other fields say which of the two it is.
        let cobot = ["robot", "pose", "speed"].map(|field| f.entry(field).is_some());
        let of_axis = ["axis", "to", "velocity"].map(|field| f.entry(field).is_some());
        let count = |given: [bool; 3]| given.into_iter().filter(|given| *given).count();
        let draft = if cobot[0] && !of_axis[0] || count(cobot) > count(of_axis) {
            robot(f, cx)
        } else {
            axis(f, cx, station)
        };
        Some(Draft { station, check_before, ..draft? })
    }
}

fn axis(f: &mut Fields<'_>, cx: &mut Context<'_, '_>, station: Option<StationId>) -> Option<Draft> {
    let cell = cx.cell;
    let id: Option<(AxisId, _)> = f.req("axis", cx.d, |d, n| names::axis(d, n, cell).map(|id| (id, n.span)));
    let (to, speed) = (f.req("to", cx.d, |_, n| Some(n)), f.req("velocity", cx.d, |_, n| Some(n)));
    let Some((id, span)) = id else {
        to.and_then(|n| cx.d.quantity_among(n, &[Dimension::Length, Dimension::Angle]));
        speed.and_then(|n| cx.d.quantity_among(n, &[Dimension::Velocity, Dimension::AngularVelocity]));
        return None;
    };
    if cell.table.as_ref().is_some_and(|t| t.axis == id) {
        let message = "the cell indexes its table itself";
        cx.d.sink.error(Code::OutputInUse, span, message, "name the `station:` of a step: the table follows");
        return None;
    }
    // An axis of no station at all is nobody's: it may be moved in any step.
    let owned = cell.stations.iter().any(|s| s.axes.contains(&id));
    if let Some(station) = station.filter(|_| owned) {
        belongs(cx, id, station, span);
    }
    let axis = &cell.axes[id.index()];
    let to = to.and_then(|n| target(cx, n, axis.kind, Some(axis)));
    let velocity_au_s = speed.and_then(|n| velocity(cx, n, axis.kind, Some(axis)));
    let target = Target::Value(to?);
    Some(Draft {
        resources: vec![Resource::Axis(id)],
        ops: vec![Primitive::MoveTo { axis: id, target, velocity_au_s: velocity_au_s? }],
        timeout: Some(DurationNs::from_secs_f64(
            10.0 + 3.0 * (axis.travel_hi_au - axis.travel_lo_au) / velocity_au_s?,
        )),
        ..Draft::default()
    })
}

fn robot(f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
    let way = Way::read(f, cx);
    let pose = f.req("pose", cx.d, |d, n| d.text(n));
    let (mut way, _) = way?;
    let pose = pose?;
    let robot = &cx.cell.robots[way.id.index()];
    if robot.pose(&pose.text).is_none() {
        let help = suggest::remedy(&pose.text, robot.poses.iter().map(|p| p.name.as_str()));
        let message = format!("`{}` was not taught the pose `{}`", robot.name, pose.text);
        cx.d.error_at(Code::UnknownPose, &pose, message, help);
        return None;
    }
    way.pose(&pose.text);
    let station = cx.cell.station(pose.text.strip_suffix(".above").unwrap_or(&pose.text));
    let mut resources = vec![Resource::Robot(way.id)];
    resources.extend(station.map(Resource::StationSpace));
    Some(Draft { resources, ops: way.ops, ..Draft::default() })
}
