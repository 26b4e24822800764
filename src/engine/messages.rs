//! Primitives that ask cobots, cameras, scanners, printers and persons, and those that account for parts.

use cellwright_model::cell::TrayKind;
use cellwright_model::job::Refusal;
use cellwright_model::plan::{Identify, Primitive, RobotOp};
use cellwright_model::robot::{RobotCommand, RobotRefusal, RobotReply, RobotState};
use cellwright_model::{DurationNs, Quantity, RobotId, TrayId};

use crate::api::{DeviceReply, DeviceValue, Output};
use crate::labels;
use crate::ledger::{Cx, Reply};
use crate::material::Scan;
use crate::ops::{Begun, Op, OpEnd, Progress};
use crate::presence;
use crate::record::{Location, Record};
use crate::step::StepRun;
use crate::unit::Env;
use crate::zones;

/// The drivers answer at their own deadline; this much later the engine stops waiting for them.
pub(crate) const ANSWER_GRACE: DurationNs = DurationNs::from_millis(1_000);

pub(crate) fn begin(run: &mut StepRun, env: &mut Env<'_, '_>, primitive: &Primitive) -> Begun {
    match primitive {
        Primitive::Robot { robot, request } => begin_robot(env, *robot, request),
        Primitive::Inspect { camera, job, version } => {
            let Some(device) = env.cx.cell.cameras.get(camera.index()) else {
                return Begun::Ended(OpEnd::Fault("unknown-camera".into()));
            };
            let timeout = device.answer_timeout;
            let (id, unit) = (env.cx.device(), env.unit.id);
            env.cx.out.push(Output::Inspect {
                camera: *camera,
                id,
                unit,
                job: job.clone(),
                version: *version,
            });
            Begun::Op(wait_for_device(env, id, timeout))
        }
        Primitive::Scan { scanner, .. } => {
            let Some(device) = env.cx.cell.scanners.get(scanner.index()) else {
                return Begun::Ended(OpEnd::Fault("unknown-scanner".into()));
            };
            let timeout = device.answer_timeout;
            let (id, unit) = (env.cx.device(), env.unit.id);
            env.cx.out.push(Output::Scan { scanner: *scanner, id, unit });
            Begun::Op(wait_for_device(env, id, timeout))
        }
        Primitive::PrintLabel { printer } => labels::print(run, env, *printer),
        Primitive::ReadLabel { scanner } => labels::read(env, *scanner),
        Primitive::Consume { component, source } => Begun::Ended(consume(run, env, component, *source)),
        _ => Begun::Ended(OpEnd::Fault("not-a-message".into())),
    }
}

pub(crate) fn wait_for_device(
    env: &mut Env<'_, '_>,
    id: cellwright_model::RequestId,
    timeout: DurationNs,
) -> Op {
    let deadline = env.cx.now + timeout + ANSWER_GRACE;
    env.cx.wake_at(deadline);
    Op::Device { id, deadline }
}

fn begin_robot(env: &mut Env<'_, '_>, robot: RobotId, request: &RobotOp) -> Begun {
    let command = match robot_command(env, robot, request) {
        Ok(command) => command,
        Err(cause) => return Begun::Ended(OpEnd::Fault(cause)),
    };
    let Some(device) = env.cx.cell.robots.get(robot.index()) else {
        return Begun::Ended(OpEnd::Fault("unknown-robot".into()));
    };
    if let RobotCommand::MoveJ { to, .. } = &command
        && let Err(cause) = zones::permit(env, robot, to)
    {
        return Begun::Ended(OpEnd::Fault(cause));
    }
    if let RobotCommand::Grip { close } = command
        && let Err(cause) = presence::of_gripper(env, robot, close)
    {
        return Begun::Ended(OpEnd::Fault(cause));
    }
    let deadline = env.cx.now + device.answer_timeout + ANSWER_GRACE;
    let id = env.cx.robot(robot, command);
    env.cx.wake_at(deadline);
    let moves = matches!(command, RobotCommand::MoveJ { .. });
    Begun::Op(Op::Robot { robot, id, moves, deadline, halted: false })
}

/// Resolves poses, pockets and stations to joints. Errors: the cause of a fault.
fn robot_command(env: &mut Env<'_, '_>, robot: RobotId, request: &RobotOp) -> Result<RobotCommand, String> {
    let cell = env.cx.cell;
    let device = cell.robots.get(robot.index()).ok_or("unknown-robot")?;
    let pose = |name: &str| device.pose(name).ok_or_else(|| format!("no-pose: {name}"));
    let pocket = |tray: TrayId, n: u32, above: bool| {
        let tray = cell.trays.get(tray.index()).ok_or("unknown-tray")?;
        tray.pocket_joints(n, above).ok_or_else(|| format!("out-of-reach: {}", tray.name))
    };
    match request {
        RobotOp::MovePose { pose: name, speed } => Ok(RobotCommand::MoveJ { to: pose(name)?, speed: *speed }),
        RobotOp::MoveTray { tray, above, speed } => {
            let Some(n) = env.parts.pocket(cell, *tray) else { return Err(used_up(env, *tray)) };
            let to = pocket(*tray, n, *above)?;
            env.parts.last_pocket.insert(robot, (*tray, n));
            Ok(RobotCommand::MoveJ { to, speed: *speed })
        }
        RobotOp::LeaveTray { tray, speed } => match env.parts.last_pocket.get(&robot) {
            Some((last, n)) if last == tray => {
                Ok(RobotCommand::MoveJ { to: pocket(*tray, *n, true)?, speed: *speed })
            }
            _ => Err("not-at-tray".into()),
        },
        RobotOp::MoveStation { above, speed } => {
            let station = env.unit.station.and_then(|s| cell.stations.get(s.index()));
            let station = station.ok_or("unit-at-no-station")?;
            let to = pose(&station.pose(*above))?;
            Ok(RobotCommand::MoveJ { to, speed: *speed })
        }
        RobotOp::Grip { close, .. } => Ok(RobotCommand::Grip { close: *close }),
    }
}

fn used_up(env: &mut Env<'_, '_>, tray: TrayId) -> String {
    env.unit.used_up = Some(tray);
    match env.cx.cell.trays.get(tray.index()) {
        Some(t) if t.kind == TrayKind::Good => format!("tray-full: {}", t.name),
        Some(t) => format!("tray-empty: {}", t.name),
        None => "unknown-tray".into(),
    }
}

pub(crate) fn poll(run: &mut StepRun, env: &mut Env<'_, '_>, primitive: &Primitive, op: &mut Op) -> Progress {
    let now = env.cx.now;
    match op {
        Op::Robot { robot, id, moves, deadline, halted } => match env.cx.ledger.take_reply(*id) {
            // Its safeguard holds the cell; after Unhold, and only then, it is asked again from where it is.
            Some(reply) if *halted && is_safeguard_stop(&reply) => Progress::Again,
            // Stopped by Hold, or silent meanwhile, and at rest now: asked again from where it is.
            Some(Reply::Robot(RobotReply::Stopped | RobotReply::Faulted(RobotRefusal::NotConnected)))
                if *halted =>
            {
                Progress::Again
            }
            Some(Reply::Robot(reply)) => Progress::Ended(robot_end(primitive, reply)),
            Some(Reply::Device(_)) => Progress::Ended(OpEnd::Fault("robot-answer".into())),
            None if now < *deadline => Progress::Pending,
            // Slowed by its own speed scaling: its driver gives it the time, and the time-out of the step ends that.
            None if *moves && slowed(env.cx, *robot).is_some() => {
                *deadline = now + ANSWER_GRACE;
                env.cx.wake_at(*deadline);
                Progress::Pending
            }
            None => {
                // It may be moving: stopped, and believed at rest only by its own state.
                env.cx.ledger.forget_request(*id);
                env.cx.stop_robot(*robot);
                Progress::Ended(OpEnd::Fault("robot-timed-out".into()))
            }
        },
        Op::Device { id, deadline } => match env.cx.ledger.take_reply(*id) {
            Some(Reply::Device(reply)) => Progress::Ended(device_end(run, env, primitive, reply)),
            Some(Reply::Robot(_)) => Progress::Ended(OpEnd::Fault("device-answer".into())),
            None if now < *deadline => Progress::Pending,
            None => {
                env.cx.withdraw(*id);
                Progress::Ended(OpEnd::Fault("device-timed-out".into()))
            }
        },
        Op::Ask { id } => poll_ask(run, env, primitive, *id),
        _ => Progress::Pending,
    }
}

/// A cobot that was stopped, or not begun, by its safeguard.
pub(crate) fn is_safeguard_stop(reply: &Reply) -> bool {
    let by = RobotRefusal::SafeguardStop;
    matches!(reply, Reply::Robot(RobotReply::Faulted(why) | RobotReply::Rejected(why)) if *why == by)
}

/// A cobot that its own speed scaling slows, and that is heard: of one that is lost nobody knows how fast it is.
pub(crate) fn slowed<'m>(cx: &Cx<'m>, robot: RobotId) -> Option<&'m RobotState> {
    cx.machine.robots.get(robot.index()).filter(|s| s.slowed > 0.0 && !s.lost)
}

fn robot_end(primitive: &Primitive, reply: RobotReply) -> OpEnd {
    let Primitive::Robot { request, .. } = primitive else { return OpEnd::Ok };
    match (reply, request) {
        (RobotReply::Done { holding }, RobotOp::Grip { close: true, expect_holding: true, missing }) => {
            if holding {
                OpEnd::Ok
            } else {
                missing.into()
            }
        }
        (RobotReply::Done { holding: true }, RobotOp::Grip { close: false, .. }) => {
            OpEnd::Fault("not-released".into())
        }
        (RobotReply::Done { .. }, _) => OpEnd::Ok,
        (RobotReply::Stopped, _) => OpEnd::Fault("robot-stopped".into()),
        (RobotReply::Rejected(why), _) => OpEnd::Fault(format!("robot-rejected: {}", why.as_str())),
        (RobotReply::Faulted(why), _) => OpEnd::Fault(format!("robot-faulted: {}", why.as_str())),
    }
}

fn device_end(run: &mut StepRun, env: &mut Env<'_, '_>, primitive: &Primitive, reply: DeviceReply) -> OpEnd {
    match (primitive, reply) {
        (Primitive::PrintLabel { .. } | Primitive::ReadLabel { .. }, reply) => {
            labels::ended(run, env.unit, reply)
        }
        (_, DeviceReply::Failed { cause }) => OpEnd::Fault(format!("device-failed: {cause}")),
        (_, DeviceReply::BadCode { cause }) => OpEnd::Fault(format!("device-failed: {cause}")),
        (_, DeviceReply::NoRead) => OpEnd::Fail("no-read".into()),
        (Primitive::Inspect { .. }, DeviceReply::Inspected(values)) => {
            let plan = env.unit.plan.clone();
            let specs = &plan.step(run.step).measurements;
            for v in values {
                let unit = specs
                    .iter()
                    .find(|s| matches!(&s.of, cellwright_model::plan::Feature::Device(n) if *n == v.name))
                    .map(|s| s.unit.as_str());
                match unit.map_or(Ok(v.value), |unit| convert(&v, unit)) {
                    Ok(value) => run.values.insert(v.name, value),
                    Err(cause) => return OpEnd::Fault(cause),
                };
            }
            OpEnd::Ok
        }
        (Primitive::Scan { component, .. }, DeviceReply::Scanned { gtin, lot, expiry, serial, .. }) => {
            let code = Scan { gtin: gtin.as_deref(), lot: lot.as_deref(), expiry: expiry.as_deref() };
            if let Err(other) = is_itself(env, component, &code, serial.as_deref()) {
                return OpEnd::Fault(other);
            }
            match fit(env, component, &code) {
                Ok(()) => identify(env, component, lot, serial),
                Err(cause) => OpEnd::Fail(cause),
            }
        }
        _ => OpEnd::Fault("device-answer".into()),
    }
}

/// A device's value in the unit of the measurement. Errors: other dimension, unknown unit.
fn convert(value: &DeviceValue, unit: &str) -> Result<f64, String> {
    if value.unit == unit {
        return Ok(value.value);
    }
    let of = |u: &str| Quantity::parse(&format!("1 {u}")).ok();
    match (of(&value.unit), of(unit)) {
        (Some(from), Some(to)) if from.dimension == to.dimension => Ok(value.value * from.value / to.value),
        _ => Err(format!("unit: {} in `{}`, expected `{unit}`", value.name, value.unit)),
    }
}

/// The part that was read may become this component: otherwise the part is bad, not the machine. Errors: the
/// cause.
fn fit(env: &Env<'_, '_>, component: &str, code: &Scan<'_>) -> Result<(), String> {
    let planned = env.unit.plan.components.iter().find(|c| c.name == component);
    planned.map_or(Ok(()), |c| env.parts.barred.code(env.cx.cell, &c.part, code))
}

/// Begins the cause of a scan that read another unit than that which came back.
pub(crate) const OTHER_UNIT: &str = "other-unit";

/// A unit that came back bears the serial under which it is in work, and the number of its product. Another one
/// says nothing about this unit, and so makes it neither good nor bad: a person decides. Errors: the cause.
fn is_itself(
    env: &Env<'_, '_>,
    component: &str,
    code: &Scan<'_>,
    serial: Option<&str>,
) -> Result<(), String> {
    let unit = &env.unit;
    if unit.plan.reworks().is_none_or(|itself| itself.name != component) {
        return Ok(());
    }
    let other = match (serial, &unit.label) {
        (None, _) => Some(format!("a code without a serial where {} is asked for", unit.serial)),
        (_, Ok(label)) => label.contradicts(code.gtin, serial),
        (Some(read), Err(_)) => {
            (read != unit.serial).then(|| format!("{read} where {} is asked for", unit.serial))
        }
    };
    other.map_or(Ok(()), |other| Err(format!("{OTHER_UNIT}: {other}")))
}

/// The scanned code is the identity of the component. Without a serial there is none.
fn identify(env: &mut Env<'_, '_>, component: &str, lot: Option<String>, serial: Option<String>) -> OpEnd {
    let per_unit =
        env.unit.plan.components.iter().any(|c| c.name == component && c.identify == Identify::PerUnit);
    if per_unit && serial.is_none() {
        return OpEnd::Fail("no-serial".into());
    }
    let planned = env.unit.plan.components.iter().find(|c| c.name == component);
    let part = planned.map(|c| (c.part.clone(), c.identify == Identify::OwnSerial));
    let Some((part, itself)) = part else { return OpEnd::Fault(format!("unknown-component: {component}")) };
    // A unit that came back is in no other unit, however often it comes.
    if let Some(serial) = serial.as_ref().filter(|_| !itself) {
        match env.parts.identities.take(&part, serial, &env.unit.serial) {
            Ok(false) => {}
            Ok(true) => {
                let (unit, part, serial) = (env.unit.serial.clone(), part.clone(), serial.clone());
                env.cx.record(Record::PartIdentified { unit, part, serial });
            }
            Err(before) => return OpEnd::Fail(format!("duplicate-serial: {serial} is in {before}")),
        }
    }
    let used = env.unit.component(component, &part);
    if lot.is_some() {
        used.lot = lot;
    }
    used.serial = serial.or(used.serial.take());
    OpEnd::Ok
}

/// The component becomes part of the unit: lot from its source; the cursor of the source moves on.
fn consume(run: &mut StepRun, env: &mut Env<'_, '_>, component: &str, source: Option<TrayId>) -> OpEnd {
    let plan = env.unit.plan.clone();
    let Some(planned) = plan.components.iter().find(|c| c.name == component) else {
        return OpEnd::Fault(format!("unknown-component: {component}"));
    };
    let source = source.or(planned.source);
    let mut lot = None;
    if let Some(tray) = source {
        lot = match env.parts.lot_of(env.cx.cell, planned, tray) {
            Ok(lot) => lot,
            Err(cause) => return OpEnd::Fault(cause),
        };
        let Some(pocket) = env.parts.pocket(env.cx.cell, tray) else {
            return OpEnd::Fault(used_up(env, tray));
        };
        let next = env.parts.advance(tray);
        env.cx.record(Record::TrayCursor { tray, next });
        env.parts.count_down(env.cx, tray);
        env.unit.renew(env.cx, component, Location::Tray { tray, pocket });
    }
    if planned.identify == Identify::PerLot && lot.is_none() {
        return OpEnd::Fault(format!("lot-unknown: {component}"));
    }
    run.consumed = true;
    let used = env.unit.component(component, &planned.part);
    if lot.is_some() {
        used.lot = lot;
    }
    let component = used.clone();
    let serial = env.unit.serial.clone();
    env.cx.record(Record::ComponentUsed { serial, component });
    OpEnd::Ok
}

fn poll_ask(
    run: &mut StepRun,
    env: &mut Env<'_, '_>,
    primitive: &Primitive,
    id: cellwright_model::RequestId,
) -> Progress {
    let Primitive::Ask { pass, otherwise, .. } = primitive else { return Progress::Ended(OpEnd::Ok) };
    let Some(asked) = env.cx.ledger.questions.get(&id) else {
        return Progress::Ended(OpEnd::Fault("question-lost".into()));
    };
    let Some((answer, by)) = asked.answer.clone() else { return Progress::Pending };
    env.cx.ledger.questions.remove(&id);
    run.operator = Some(by.who);
    Progress::Ended(if pass.contains(&answer) { OpEnd::Ok } else { otherwise.into() })
}

/// The cause word of a refused job.
pub(crate) fn refusal_word(why: Refusal) -> String {
    match why {
        Refusal::Busy => "cycle-busy".into(),
        Refusal::AxisBusy => "axis-busy".into(),
        Refusal::NotEnabled => "axis-not-enabled".into(),
        Refusal::NoReference => "no-reference: Reset homes the axis".into(),
        Refusal::NoMode => {
            "no-mode: the process data of the drive do not carry it (`pdos:` in cell.yaml)".into()
        }
        Refusal::Travel { value_au, lo_au, hi_au } => {
            format!("travel: {value_au:.3} outside {lo_au:.3} .. {hi_au:.3}")
        }
        Refusal::Limit { value, max } => format!("limit: {value:.3} above {max:.3}"),
        Refusal::Unknown => "refused".into(),
        Refusal::NoBuffer => "no-capture-buffer".into(),
        Refusal::Urgent => "held".into(),
        Refusal::StaleInput => "stale-inputs".into(),
        Refusal::SafetyInput => "safety-input".into(),
    }
}
