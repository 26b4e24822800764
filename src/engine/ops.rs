//! Executes the primitives of a step in order: each is begun, waited for, and its end given a meaning.
//!
//! *Op*: a primitive under way. Nothing here waits by itself: `poll` looks at the book and at the machine,
//! and says whether the list has ended.

mod ending;

pub(crate) use ending::cancel;

use cellwright_model::curve::Curve;
use cellwright_model::job::{Approach, JobEnd, JobResult, Refusal, RtOp, Tighten, Trip, Until};
use cellwright_model::outcome::FaultClass;
use cellwright_model::plan::{Meaning, Primitive, RobotOp, SERIAL_IN_PROMPT, Stop, Target};
use cellwright_model::{AxisId, DurationNs, JobId, RequestId, RobotId, TimeNs};
use std::sync::Arc;

use crate::api::{Question, QuestionKind, Ticket};
use crate::ledger::{Cx, JobEnded};
use crate::step::StepRun;
use crate::unit::Env;
use crate::{alarms, messages};

/// Stale inputs are waited out this long before an operation that needs them is a fault; the cycle itself
/// faults earlier if they stay away.
const FRESH_WITHIN: DurationNs = DurationNs::from_millis(500);
/// A presence sensor may come this much later than the part.
pub(crate) const VERIFY_WITHIN: DurationNs = DurationNs::from_millis(500);
/// Rest is reached within this after a cancel, or the machine is not under control.
const CANCEL_WITHIN: DurationNs = DurationNs::from_millis(5_000);

/// What the end of an operation means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OpEnd {
    Ok,
    Fail(String),
    Fault(String),
}

impl From<&Meaning> for OpEnd {
    fn from(meaning: &Meaning) -> OpEnd {
        match meaning {
            Meaning::Ok => OpEnd::Ok,
            Meaning::Fail(cause) => OpEnd::Fail(cause.clone()),
            Meaning::Fault(cause) => OpEnd::Fault(cause.clone()),
        }
    }
}

/// A primitive under way.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// A job that moves an axis.
    Axis {
        job: JobId,
        axis: AxisId,
    },
    /// A job that ends in its own cycle.
    Plain {
        job: JobId,
    },
    /// Ends when the job is done and the curve has arrived.
    CaptureEnd {
        job: Option<JobId>,
        capture: JobId,
    },
    /// `halted`: stopped by Hold, to be asked again.
    Robot {
        robot: RobotId,
        id: RequestId,
        moves: bool,
        deadline: TimeNs,
        halted: bool,
    },
    Device {
        id: RequestId,
        deadline: TimeNs,
    },
    Ask {
        id: RequestId,
    },
    /// `since`: the condition has held from then on.
    Wait {
        deadline: TimeNs,
        since: Option<TimeNs>,
    },
    Dwell {
        until: TimeNs,
    },
    /// The primitive is begun as soon as inputs are valid.
    Fresh {
        deadline: TimeNs,
    },
    /// A sensor is expected to see what was placed.
    Verify {
        deadline: TimeNs,
    },
    /// What moves a part is begun when the part's last move is durable.
    Durable {
        moved: Ticket,
    },
}

/// What begin says.
pub(crate) enum Begun {
    Op(Op),
    Ended(OpEnd),
}

/// What a poll of the list says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Poll {
    Pending,
    /// A person is asked; the answer goes on with it.
    Asking,
    Ended(OpEnd),
}

/// Works the list of the run as far as it goes now.
pub(crate) fn poll_list(run: &mut StepRun, env: &mut Env<'_, '_>) -> Poll {
    let plan = env.unit.plan.clone();
    loop {
        let Some(primitive) = run.list(&plan).get(run.at) else { return Poll::Ended(OpEnd::Ok) };
        let end = match run.op.take() {
            None => match begin(run, env, primitive) {
                Begun::Op(op) => {
                    let asking = matches!(op, Op::Ask { .. });
                    run.op = Some(op);
                    return if asking { Poll::Asking } else { Poll::Pending };
                }
                Begun::Ended(end) => end,
            },
            Some(Op::Fresh { deadline }) if env.cx.machine.fresh() => {
                match begin_fresh(run, env, primitive, deadline) {
                    Begun::Op(op) => {
                        run.op = Some(op);
                        return Poll::Pending;
                    }
                    Begun::Ended(end) => end,
                }
            }
            Some(mut op) => match poll_op(run, env, primitive, &mut op) {
                Progress::Pending => {
                    run.op = Some(op);
                    return Poll::Pending;
                }
                Progress::Again => return Poll::Pending,
                Progress::Ended(end) => end,
            },
        };
        if end != OpEnd::Ok {
            return Poll::Ended(end);
        }
        run.at += 1;
    }
}

fn begin(run: &mut StepRun, env: &mut Env<'_, '_>, primitive: &Primitive) -> Begun {
    let now = env.cx.now;
    if needs_fresh_inputs(primitive) && !env.cx.machine.fresh() {
        let deadline = now + FRESH_WITHIN;
        env.cx.wake_at(deadline);
        return Begun::Op(Op::Fresh { deadline });
    }
    if moves_part(env, primitive)
        && let Some(moved) = env.unit.unrecorded(env.cx)
    {
        return Begun::Op(Op::Durable { moved });
    }
    match primitive {
        Primitive::MoveTo { axis, .. }
        | Primitive::ApproachUntil { axis, .. }
        | Primitive::Tighten { axis, .. } => match axis_job(run, primitive) {
            Ok(op) => Begun::Op(Op::Axis { job: env.cx.job(op), axis: *axis }),
            Err(cause) => Begun::Ended(OpEnd::Fault(cause)),
        },
        Primitive::SetOutput { output, value } => {
            let mask = 1u64.checked_shl(u32::from(output.0)).unwrap_or(0);
            let op = RtOp::SetOutputs { mask, value: if *value { mask } else { 0 } };
            Begun::Op(Op::Plain { job: env.cx.job(op) })
        }
        Primitive::WaitUntil { timeout, .. } => {
            let deadline = now + *timeout;
            env.cx.wake_at(deadline);
            let mut op = Op::Wait { deadline, since: None };
            match poll_op(run, env, primitive, &mut op) {
                Progress::Ended(end) => Begun::Ended(end),
                _ => Begun::Op(op),
            }
        }
        Primitive::Dwell { duration } => {
            let until = now + *duration;
            env.cx.wake_at(until);
            Begun::Op(Op::Dwell { until })
        }
        Primitive::CaptureStart { curve, axis, analog, limit } => {
            let job = env.cx.job(RtOp::CaptureStart { axis: *axis, analog: *analog, limit: *limit });
            run.captures.push((curve.clone(), job));
            Begun::Op(Op::Plain { job })
        }
        Primitive::CaptureEnd { curve } => match run.captures.iter().find(|(n, _)| n == curve) {
            Some((_, capture)) => Begun::Op(end_capture(env.cx, *capture)),
            None => Begun::Ended(OpEnd::Fault(format!("no-capture: {curve}"))),
        },
        Primitive::PointOfNoReturn => {
            run.no_return = true;
            Begun::Ended(OpEnd::Ok)
        }
        Primitive::Unbroken => {
            run.unbroken = true;
            Begun::Ended(OpEnd::Ok)
        }
        Primitive::Judge => Begun::Ended(run.judge(env.unit).map_or(OpEnd::Ok, OpEnd::Fail)),
        Primitive::RequireRegister { register, origin, within, below, above } => {
            Begun::Ended(require(run, register, origin.as_deref(), *within, below, above))
        }
        Primitive::Ask { prompt, answers, .. } => Begun::Op(ask(run, env, prompt, answers)),
        Primitive::Check { .. } | Primitive::Mark { .. } | Primitive::PlacePart { .. } => {
            begin_fresh(run, env, primitive, now + FRESH_WITHIN)
        }
        Primitive::Robot { .. }
        | Primitive::Inspect { .. }
        | Primitive::Scan { .. }
        | Primitive::PrintLabel { .. }
        | Primitive::ReadLabel { .. }
        | Primitive::Consume { .. } => messages::begin(run, env, primitive),
    }
}

/// It changes where a part is: a gripper closes or opens, the feeder of a lane pushes.
fn moves_part(env: &Env<'_, '_>, primitive: &Primitive) -> bool {
    match primitive {
        Primitive::Robot { request: RobotOp::Grip { .. }, .. } => true,
        Primitive::MoveTo { axis, .. } => {
            env.cx.cell.trays.iter().any(|t| t.feeder.as_ref().is_some_and(|f| f.axis == *axis))
        }
        _ => false,
    }
}

fn needs_fresh_inputs(primitive: &Primitive) -> bool {
    match primitive {
        Primitive::Check { .. } | Primitive::Mark { .. } => true,
        Primitive::PlacePart { verify, .. } => verify.is_some(),
        _ => false,
    }
}

/// Primitives that look at the inputs of this cycle; they are valid.
fn begin_fresh(run: &mut StepRun, env: &mut Env<'_, '_>, primitive: &Primitive, deadline: TimeNs) -> Begun {
    match primitive {
        Primitive::Check { condition, otherwise } => Begun::Ended(match run.holds(env, condition) {
            Some(true) => OpEnd::Ok,
            Some(false) => otherwise.into(),
            None => OpEnd::Fault("signal-not-trusted".into()),
        }),
        Primitive::Mark { axis, register } => {
            let actual = env.cx.machine.rt.axes.get(axis.index()).map(|a| a.actual_au);
            match actual {
                Some(actual) => {
                    run.registers.insert(register.clone(), actual);
                    Begun::Ended(OpEnd::Ok)
                }
                None => Begun::Ended(OpEnd::Fault("unknown-axis".into())),
            }
        }
        Primitive::PlacePart { verify: Some(_), .. } => {
            let deadline = env.cx.now + VERIFY_WITHIN;
            env.cx.wake_at(deadline);
            let mut op = Op::Verify { deadline };
            match poll_op(run, env, primitive, &mut op) {
                Progress::Ended(end) => Begun::Ended(end),
                _ => Begun::Op(op),
            }
        }
        Primitive::PlacePart { what, to, verify: None } => {
            Begun::Ended(env.unit.place(env.parts, env.cx, what, *to, false))
        }
        _ => Begun::Op(Op::Fresh { deadline }),
    }
}

/// The job of a moving primitive. Errors: a register that nothing has written.
fn axis_job(run: &StepRun, primitive: &Primitive) -> Result<RtOp, String> {
    let target = |t: &Target| match t {
        Target::Value(v) => Ok(*v),
        Target::FromRegister { register, offset } => match run.registers.get(register) {
            Some(v) => Ok(v + offset),
            None => Err(format!("register-empty: {register}")),
        },
    };
    match primitive {
        Primitive::MoveTo { axis, target: to, velocity_au_s } => {
            Ok(RtOp::MoveTo { axis: *axis, target_au: target(to)?, velocity_au_s: *velocity_au_s })
        }
        Primitive::ApproachUntil { axis, limit, velocity_au_s, until, trip, .. } => {
            let until = match until {
                Stop::Position(t) => Until::Position(target(t)?),
                Stop::AnalogAtLeast(analog, level) => Until::AnalogAtLeast(*analog, *level),
            };
            let approach = Approach {
                limit_au: target(limit)?,
                velocity_au_s: *velocity_au_s,
                until,
                trip: trip.map(|(analog, above)| Trip { analog, above }),
            };
            Ok(RtOp::ApproachUntil { axis: *axis, approach })
        }
        Primitive::Tighten {
            axis,
            sensor,
            target_nm,
            ramp_nm_s,
            torque_max_nm,
            stall,
            angle_max_au,
            speed_max_au_s,
            hold,
            ..
        } => {
            let tighten = Tighten {
                sensor: *sensor,
                target_nm: *target_nm,
                ramp_nm_s: *ramp_nm_s,
                torque_max_nm: *torque_max_nm,
                stall: *stall,
                angle_max_au: *angle_max_au,
                speed_max_au_s: *speed_max_au_s,
                hold: *hold,
            };
            Ok(RtOp::Tighten { axis: *axis, tighten })
        }
        _ => Err("not-a-motion".into()),
    }
}

fn require(
    run: &StepRun,
    register: &str,
    origin: Option<&str>,
    within: (f64, f64),
    below: &Meaning,
    above: &Meaning,
) -> OpEnd {
    let get = |name: &str| run.registers.get(name).copied();
    let (Some(value), Some(origin)) = (get(register), origin.map_or(Some(0.0), get)) else {
        return OpEnd::Fault(format!("register-empty: {register}"));
    };
    let value = value - origin;
    if value < within.0 {
        below.into()
    } else if value > within.1 {
        above.into()
    } else if value.is_finite() {
        OpEnd::Ok
    } else {
        OpEnd::Fault(format!("register-not-a-number: {register}"))
    }
}

fn ask(run: &StepRun, env: &mut Env<'_, '_>, prompt: &str, answers: &[String]) -> Op {
    let unit = &*env.unit;
    let id = env.cx.ask(|id| Question {
        id,
        kind: QuestionKind::Recipe,
        unit: Some(unit.id),
        serial: Some(unit.serial.clone()),
        step: Some(run.step),
        tray: None,
        places: Vec::new(),
        carry: run.route.as_ref().and_then(|r| Some((*r.places.first()?, *r.places.last()?))),
        prompt: prompt.replace(SERIAL_IN_PROMPT, &unit.serial),
        answers: answers.to_vec(),
    });
    Op::Ask { id }
}

/// Ends a capture; its job may be refused if the capture ended at its own limit, and the curve come anyway.
pub(crate) fn end_capture(cx: &mut Cx<'_>, capture: JobId) -> Op {
    Op::CaptureEnd { job: Some(cx.job(RtOp::CaptureEnd { capture })), capture }
}

/// What a look at an operation says.
pub(crate) enum Progress {
    Pending,
    /// Not begun after all; it is begun again at the next look.
    Again,
    Ended(OpEnd),
}

fn poll_op(run: &mut StepRun, env: &mut Env<'_, '_>, primitive: &Primitive, op: &mut Op) -> Progress {
    let now = env.cx.now;
    match op {
        Op::Axis { job, .. } => match env.cx.ledger.take_job(*job) {
            None => Progress::Pending,
            Some(JobEnded::Done(result)) => Progress::Ended(arrived(run, primitive, &result)),
            Some(other) => not_done(other),
        },
        Op::Plain { job } => match env.cx.ledger.take_job(*job) {
            None => Progress::Pending,
            Some(JobEnded::Done(_)) => Progress::Ended(OpEnd::Ok),
            Some(other) => {
                if let Primitive::CaptureStart { curve, .. } = primitive {
                    run.captures.retain(|(n, j)| n != curve || j != job);
                }
                not_done(other)
            }
        },
        Op::CaptureEnd { job, capture } => {
            let (capture, ended) = (*capture, poll_capture_end(env.cx, job, *capture));
            match ended {
                None => Progress::Pending,
                Some(Ok(curve)) => {
                    run.keep_curve(capture, curve);
                    Progress::Ended(OpEnd::Ok)
                }
                Some(Err(cause)) => Progress::Ended(OpEnd::Fault(cause)),
            }
        }
        Op::Wait { deadline, since } => poll_wait(run, env, primitive, *deadline, since),
        Op::Dwell { until } => {
            if now >= *until {
                Progress::Ended(OpEnd::Ok)
            } else {
                Progress::Pending
            }
        }
        Op::Fresh { deadline } => {
            if now < *deadline {
                return Progress::Pending;
            }
            Progress::Ended(OpEnd::Fault("stale-inputs".into()))
        }
        Op::Verify { deadline } => poll_verify(run, env, primitive, *deadline),
        Op::Durable { moved } if env.cx.ledger.is_persisted(*moved) => Progress::Again,
        Op::Durable { .. } => Progress::Pending,
        Op::Robot { .. } | Op::Device { .. } | Op::Ask { .. } => messages::poll(run, env, primitive, op),
    }
}

/// A job that did not do what it was asked.
pub(crate) fn not_done(ended: JobEnded) -> Progress {
    match ended {
        // The ring was full, the cycle has not seen that the word was taken back, or has no valid input
        // yet: once more.
        JobEnded::Refused(Refusal::Busy | Refusal::Urgent | Refusal::StaleInput) => Progress::Again,
        JobEnded::Refused(why) => Progress::Ended(OpEnd::Fault(messages::refusal_word(why))),
        JobEnded::Stopped => Progress::Ended(OpEnd::Fault("stopped".into())),
        JobEnded::Fault(fault) if fault.class == FaultClass::RejectPart => {
            Progress::Ended(OpEnd::Fail(alarms::code(fault.kind).word().into()))
        }
        JobEnded::Fault(fault) => Progress::Ended(OpEnd::Fault(alarms::code(fault.kind).word().into())),
        JobEnded::Done(_) => Progress::Ended(OpEnd::Ok),
    }
}

/// Registers of a motion, and what the end that it reached means.
fn arrived(run: &mut StepRun, primitive: &Primitive, result: &JobResult) -> OpEnd {
    let (register, between, outside, at_limit, at_trip) = match primitive {
        Primitive::ApproachUntil { register, between, outside, at_limit, at_trip, .. } => {
            (register, *between, outside, at_limit, at_trip)
        }
        Primitive::Tighten { register, at_limit, at_trip, .. } => {
            (register, None, &Meaning::Ok, at_limit, at_trip)
        }
        _ => return OpEnd::Ok,
    };
    if let Some(name) = register {
        run.registers.insert(name.clone(), result.position_au);
        run.registers.insert(format!("{name}.trigger"), result.trigger_au);
        run.registers.insert(format!("{name}.value"), result.value);
        run.registers.insert(format!("{name}.peak"), result.peak);
    }
    // Where it was seen, not where the axis came to rest behind it.
    let reached = if result.end == JobEnd::Triggered { result.trigger_au } else { result.position_au };
    match result.end {
        JobEnd::Limit => at_limit.into(),
        JobEnd::Tripped => at_trip.into(),
        JobEnd::Target | JobEnd::Triggered => match between {
            Some((lo, hi)) if !(reached >= lo && reached <= hi) => outside.into(),
            _ => OpEnd::Ok,
        },
    }
}

/// `None`: not yet. Job done and curve there, in any order.
pub(crate) fn poll_capture_end(
    cx: &mut Cx<'_>,
    job: &mut Option<JobId>,
    capture: JobId,
) -> Option<Result<Arc<Curve>, String>> {
    if let Some(id) = *job {
        match cx.ledger.take_job(id) {
            None => {}
            Some(JobEnded::Done(_)) => *job = None,
            Some(JobEnded::Refused(Refusal::Unknown)) if cx.ledger.has_curve(capture) => *job = None,
            Some(JobEnded::Refused(Refusal::Busy | Refusal::Urgent | Refusal::StaleInput)) => {
                *job = Some(cx.job(RtOp::CaptureEnd { capture }));
            }
            Some(_) => return Some(Err("capture-lost".into())),
        }
    }
    (job.is_none() && cx.ledger.has_curve(capture))
        .then(|| cx.ledger.take_curve(capture).ok_or_else(String::new))
}

fn poll_wait(
    run: &StepRun,
    env: &mut Env<'_, '_>,
    primitive: &Primitive,
    deadline: TimeNs,
    since: &mut Option<TimeNs>,
) -> Progress {
    let Primitive::WaitUntil { condition, hold, late, .. } = primitive else {
        return Progress::Ended(OpEnd::Ok);
    };
    let now = env.cx.now;
    match run.holds(env, condition) {
        Some(true) => {
            let from = *since.get_or_insert_with(|| {
                env.cx.wake_at(now + *hold);
                now
            });
            if now >= from + *hold {
                return Progress::Ended(OpEnd::Ok);
            }
        }
        _ => *since = None,
    }
    if now < deadline {
        return Progress::Pending;
    }
    if env.cx.machine.fresh() && run.holds(env, condition).is_none() {
        return Progress::Ended(OpEnd::Fault("signal-not-trusted".into()));
    }
    Progress::Ended(late.into())
}

fn poll_verify(run: &StepRun, env: &mut Env<'_, '_>, primitive: &Primitive, deadline: TimeNs) -> Progress {
    let Primitive::PlacePart { what, to, verify: Some(input) } = primitive else {
        return Progress::Ended(OpEnd::Ok);
    };
    let seen = run.holds(env, &cellwright_model::expr::Expr::Input(*input)) == Some(true);
    if seen {
        return Progress::Ended(env.unit.place(env.parts, env.cx, what, *to, true));
    }
    if env.cx.now < deadline {
        return Progress::Pending;
    }
    Progress::Ended(OpEnd::Fault("not-verified".into()))
}
