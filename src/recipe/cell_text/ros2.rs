//! What a cobot is called in ROS 2: names, the states that it tells, the bounds that it is held to.

use cellwright_model::cell::Robot;
use cellwright_model::limits::JOINTS;
use cellwright_model::ros2::{Gripper, Load, Qos, Ros2Robot, StatusTopic};
use cellwright_model::{Dimension, DurationNs};

use crate::code::Code;
use crate::decode::{Decoder, Fields};
use crate::tree::Node;

const QOS: &[(&str, Qos)] = &[
    ("best-effort", Qos { reliable: false, latched: false }),
    ("reliable", Qos { reliable: true, latched: false }),
    ("latched", Qos { reliable: true, latched: true }),
];
/// Lengths of a cell file are millimetres, those of ROS metres.
const MM_A_M: f64 = 1_000.0;

/// `None`: something is missing or wrong, and was said.
pub(super) fn ros2(d: &mut Decoder<'_>, node: &Node, robot: &Robot) -> Option<Ros2Robot> {
    let mut f = d.fields(node)?;
    let before = d.sink.errors();
    let joints = f.req("joints", d, joint_names);
    let names = joints.unwrap_or_else(|| core::array::from_fn(|j| format!("joint_{j}")));
    let mut ros2 = Ros2Robot::new(&robot.name, names, robot.answer_timeout);
    names_of(d, &mut f, &mut ros2);
    states_of(d, &mut f, &mut ros2);
    bounds_of(d, &mut f, &mut ros2);
    // What is missing or wrong was said; then the rest is not judged.
    let problems = if d.sink.errors() == before { ros2.problems() } else { Vec::new() };
    for problem in problems {
        let span = f.entry(problem.field).map_or(node.span, |e| e.node.span);
        let message = format!("`{}`, {}: {}", robot.name, problem.field, problem.cause);
        d.sink.error(Code::Ros2Robot, span, message, problem.remedy);
    }
    f.finish(d);
    (d.sink.errors() == before).then_some(ros2)
}

fn joint_names(d: &mut Decoder<'_>, node: &Node) -> Option<[String; JOINTS]> {
    let list = d.list(node)?;
    if list.len() != JOINTS {
        let message = format!("{} names, a cobot has {JOINTS} joints", list.len());
        d.sink.error(Code::Capacity, node.span, message, format!("write {JOINTS} names"));
        return None;
    }
    let names: Vec<_> = list.iter().filter_map(|n| d.string(n)).collect();
    names.try_into().ok()
}

fn names_of(d: &mut Decoder<'_>, f: &mut Fields<'_>, ros2: &mut Ros2Robot) {
    if let Some(namespace) = f.opt("namespace", d, |d, n| d.string(n)) {
        ros2.namespace = namespace;
    }
    if let Some(action) = f.opt("action", d, |d, n| d.string(n)) {
        ros2.action = action;
    }
    if let Some(topic) = f.opt("joint_states", d, |d, n| d.string(n)) {
        ros2.joint_states = topic;
    }
    if let Some(qos) = f.opt("joint_states_qos", d, |d, n| d.word(n, QOS)) {
        ros2.joint_states_qos = qos;
    }
    ros2.gripper = f.opt("gripper", d, gripper);
    let loads = f.opt("loads", d, |d, n| Some(d.list(n)?.iter().filter_map(|n| load(d, n)).collect()));
    ros2.loads = loads.unwrap_or_default();
}

fn load(d: &mut Decoder<'_>, node: &Node) -> Option<Load> {
    let mut f = d.fields(node)?;
    let mut text = |field| f.req(field, d, |d, n| d.string(n));
    let (service, message) = (text("service"), text("message"));
    let (grip, release) = (text("grip"), text("release"));
    let accepted = f.opt("accepted", d, |d, n| d.string(n));
    f.finish(d);
    Some(Load { service: service?, message: message?, grip: grip?, release: release?, accepted })
}

fn gripper(d: &mut Decoder<'_>, node: &Node) -> Option<Gripper> {
    let mut f = d.fields(node)?;
    let action = f.req("action", d, |d, n| d.string(n));
    let mut length = |field| f.req(field, d, |d, n| d.quantity(n, Dimension::Length));
    let (open, closed) = (length("open"), length("closed"));
    let effort_n = f.req("force", d, |d, n| d.quantity(n, Dimension::Force));
    f.finish(d);
    Some(Gripper { action: action?, open_m: open? / MM_A_M, closed_m: closed? / MM_A_M, effort_n: effort_n? })
}

fn states_of(d: &mut Decoder<'_>, f: &mut Fields<'_>, ros2: &mut Ros2Robot) {
    ros2.robot_mode = f.opt("robot_mode", d, status);
    ros2.safety_mode = f.opt("safety_mode", d, status);
    ros2.program_running = f.opt("program_running", d, status);
    ros2.remote_control = f.opt("remote_control", d, status);
    ros2.speed_scaling = f.opt("speed_scaling", d, status);
}

fn status(d: &mut Decoder<'_>, node: &Node) -> Option<StatusTopic> {
    let mut f = d.fields(node)?;
    let mut text = |field| f.req(field, d, |d, n| d.string(n));
    let (topic, message, field) = (text("topic"), text("message"), text("field"));
    let qos = f.opt("qos", d, |d, n| d.word(n, QOS));
    f.finish(d);
    let latched = Qos { reliable: true, latched: true };
    Some(StatusTopic { topic: topic?, message: message?, field: field?, qos: qos.unwrap_or(latched) })
}

fn bounds_of(d: &mut Decoder<'_>, f: &mut Fields<'_>, ros2: &mut Ros2Robot) {
    let times: [(&'static str, &mut DurationNs); 4] = [
        ("watchdog", &mut ros2.watchdog),
        ("point_period", &mut ros2.point_period),
        ("acknowledge_timeout", &mut ros2.acknowledge_timeout),
        ("result_grace", &mut ros2.result_grace),
    ];
    for (field, place) in times {
        if let Some(time) = f.opt(field, d, |d, n| d.duration(n)) {
            *place = time;
        }
    }
    if let Some(off) = f.opt("target_tolerance", d, |d, n| d.positive(n, Dimension::Angle)) {
        ros2.target_tolerance = off;
    }
    if let Some(mut rest) = f.opt("rest", d, |d, n| d.fields(n)) {
        if let Some(speed) = rest.req("speed", d, |d, n| d.positive(n, Dimension::AngularVelocity)) {
            ros2.rest.speed_max = speed;
        }
        if let Some(during) = rest.req("during", d, |d, n| d.duration(n)) {
            ros2.rest.during = during;
        }
        rest.finish(d);
    }
}
