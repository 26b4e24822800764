//! `taught.yaml`: poses touched up at the machine, and joint offsets after a gripper change.
//!
//! ```yaml
//! taught: 1
//! cell: cannula-cell
//! robots:
//!   robot_r: { offset: [0, 0, 0.1, 0, 0, 0], poses: { test: [-10, -58, 94.2, -126, -90, -10] } }
//! ```
//! A pose replaces the one of the same name in cell.yaml. An offset is added to every pose and pocket of the
//! robot, except to the poses given here, which were taught with it.

use cellwright_model::cell::{Cell, Robot};
use cellwright_model::robot::Joints;

use super::robots::{check_joints, joints};
use super::schema;
use crate::code::Code;
use crate::decode::Decoder;
use crate::names::robot;
use crate::suggest;
use crate::tree::{Entry, Node};

pub(super) fn apply(d: &mut Decoder<'_>, root: &Node, cell: &mut Cell) {
    let Some(mut f) = d.fields(root) else { return };
    schema(d, &mut f, "taught");
    f.req("cell", d, |d, n| {
        let text = d.text(n)?;
        if text.text != cell.id && !cell.id.is_empty() {
            let message = format!("these poses were taught at `{}`, this is `{}`", text.text, cell.id);
            d.error_at(Code::OtherCell, &text, message, "use the taught.yaml of this cell");
        }
        Some(())
    });
    let robots = f.opt("robots", d, |d, n| d.named(n)).unwrap_or_default();
    f.finish(d);
    for entry in robots {
        one(d, entry, cell);
    }
}

fn one(d: &mut Decoder<'_>, entry: &Entry, cell: &mut Cell) {
    // The key is a reference to a robot: it is looked up like any other.
    let scalar = crate::tree::Scalar { text: entry.key.clone(), plain: false };
    let key = Node { span: entry.key_span, value: crate::tree::Value::Scalar(scalar) };
    let Some(id) = robot(d, &key, cell) else { return };
    let Some(mut f) = d.fields(&entry.node) else { return };
    if let Some((node, offset)) = f.opt("offset", d, |d, n| joints(d, n).map(|j| (n, j))) {
        shift(&mut cell.robots[id.index()], &offset);
        let robot = &cell.robots[id.index()];
        for pose in &robot.poses {
            check_joints(d, node.span, &pose.joints, robot, &format!("`{}` with this offset", pose.name));
        }
        for tray in &mut cell.trays {
            let Some(reach) = tray.reach.as_mut().filter(|r| r.robot == id) else { continue };
            for corner in [&mut reach.first, &mut reach.row_end, &mut reach.column_end] {
                add(corner, &offset);
                check_joints(d, node.span, corner, robot, &format!("`{}` with this offset", tray.name));
            }
        }
    }
    for pose in f.opt("poses", d, |d, n| d.named(n)).unwrap_or_default() {
        replace(d, pose, &mut cell.robots[id.index()]);
    }
    f.finish(d);
}

fn add(at: &mut Joints, offset: &Joints) {
    at.iter_mut().zip(offset).for_each(|(a, o)| *a += o);
}

fn shift(robot: &mut Robot, offset: &Joints) {
    robot.poses.iter_mut().for_each(|p| add(&mut p.joints, offset));
}

fn replace(d: &mut Decoder<'_>, entry: &Entry, robot: &mut Robot) {
    let Some(at) = joints(d, &entry.node) else { return };
    check_joints(d, entry.node.span, &at, robot, "this pose");
    match robot.poses.iter_mut().find(|p| p.name == entry.key) {
        Some(pose) => pose.joints = at,
        None => {
            let help = suggest::remedy(&entry.key, robot.poses.iter().map(|p| p.name.as_str()));
            let message = format!("`{}` has no pose `{}` in cell.yaml", robot.name, entry.key);
            d.sink.error(Code::UnknownPose, entry.key_span, message, help);
        }
    }
}
