//! Zones: volumes that axes, the table and cobots share, one at a time.

use cellwright_model::cell::{Axis, Cell, Robot};
use cellwright_model::limits::{JOINTS, ZONES_MAX};
use cellwright_model::zone::{Body, JointBox, Zone};
use cellwright_model::{AxisId, Dimension};

use super::axes::dimensions;
use super::entries;
use crate::code::Code;
use crate::decode::{Decoder, Fields};
use crate::names::{axis, robot};
use crate::source::Span;
use crate::tree::Node;

const JOINT_FIELDS: [&str; JOINTS] = ["j1", "j2", "j3", "j4", "j5", "j6"];

pub(super) fn zones(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &mut Cell) {
    let Some(node) = f.opt("zones", d, |_, n| Some(n)) else { return };
    for entry in entries(d, node, ZONES_MAX) {
        let mut bodies: Vec<Body> = Vec::new();
        let before = d.sink.errors();
        for node in d.list(&entry.node).unwrap_or_default() {
            let Some(body) = body(d, node, cell) else { continue };
            if bodies.iter().any(|b| b.mover() == body.mover()) {
                let help = "take one out, or write a zone of its own for its other volume";
                d.sink.error(Code::DuplicateId, node.span, "this is in the zone twice", help);
            }
            bodies.push(body);
        }
        if d.sink.errors() == before && bodies.len() < 2 {
            let message = format!("`{}` is shared by nobody", entry.key);
            d.sink.error(
                Code::Zone,
                entry.node.span,
                message,
                "name two bodies at the least, or take it out",
            );
        }
        cell.zones.push(Zone { name: entry.key.clone(), bodies });
    }
}

fn body(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Body> {
    let mut f = d.fields(node)?;
    let body = if f.entry("robot").is_some() { cobot(d, &mut f, cell) } else { servo(d, &mut f, cell) };
    f.finish(d);
    body
}

fn servo(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &Cell) -> Option<Body> {
    let id: Option<AxisId> = f.req("axis", d, |d, n| axis(d, n, cell));
    if id.is_some() && cell.table.as_ref().map(|t| t.axis) == id {
        // Its nests are everywhere: what it does there is turn.
        return Some(Body::Table { axis: id? });
    }
    let axis = id.map(|id| &cell.axes[id.index()]);
    let within = f.req("within", d, |d, n| {
        let (lo, hi) = d.range(n, dimensions(axis?.kind)[0])?;
        at_home(d, n.span, (lo, hi), axis?);
        Some((lo, hi))
    });
    let (lo_au, hi_au) = within?;
    Some(Body::Axis { axis: id?, lo_au, hi_au })
}

fn at_home(d: &mut Decoder<'_>, span: Span, (lo, hi): (f64, f64), axis: &Axis) {
    let unit = axis.unit();
    if lo > axis.travel_hi_au || hi < axis.travel_lo_au {
        let message = format!("`{}` never comes there", axis.name);
        let help = format!("its travel is {} .. {} {unit}", axis.travel_lo_au, axis.travel_hi_au);
        d.sink.error(Code::Zone, span, message, help);
    } else if (lo..=hi).contains(&axis.home_au) {
        let message = format!("`{}` is inside at home ({} {unit})", axis.name, axis.home_au);
        d.sink.error(
            Code::Zone,
            span,
            message,
            "leave its home out: at home everything is out of every zone",
        );
    }
}

fn cobot(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &Cell) -> Option<Body> {
    let id = f.req("robot", d, |d, n| robot(d, n, cell).map(|id| (id, n.span)));
    let before = d.sink.errors();
    let mut volume = JointBox([None; JOINTS]);
    for (joint, field) in JOINT_FIELDS.into_iter().enumerate() {
        volume.0[joint] = f.opt(field, d, |d, n| {
            let range = d.range(n, Dimension::Angle)?;
            if let Some((id, _)) = id {
                in_limits(d, n.span, range, joint, &cell.robots[id.index()]);
            }
            Some(range)
        });
    }
    let (id, span) = id?;
    let robot = &cell.robots[id.index()];
    if d.sink.errors() == before && volume.0.iter().all(Option::is_none) {
        let message = format!("where `{}` is inside is not said", robot.name);
        d.sink.error(Code::Zone, span, message, "add `j1:` to `j6:`, the ranges of those joints that matter");
    } else if d.sink.errors() == before && robot.pose("home").is_some_and(|home| volume.holds(&home)) {
        let message = format!("`{}` is inside at its pose `home`", robot.name);
        let help = "narrow the ranges: at home everything is out of every zone";
        d.sink.error(Code::Zone, span, message, help);
    }
    Some(Body::Robot { robot: id, volume })
}

fn in_limits(d: &mut Decoder<'_>, span: Span, (lo, hi): (f64, f64), joint: usize, robot: &Robot) {
    let (least, most) = (robot.joint_lo[joint], robot.joint_hi[joint]);
    if lo > most || hi < least {
        let message = format!("joint {} of `{}` never comes there", joint + 1, robot.name);
        d.sink.error(Code::Zone, span, message, format!("it moves within {least} .. {most} deg"));
    }
}
