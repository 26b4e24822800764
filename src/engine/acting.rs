//! What the acting states of the cell do, each until it is done: clearing, homing, starting, holding,
//! resuming, stopping, aborting, emptying.
//!
//! *Applied*: the cycle has acted on the last urgent word. *At rest*: nothing moves since, and no cobot
//! owes an answer.

use std::sync::Arc;

use cellwright_model::angle::nearest_equivalent;
use cellwright_model::cell::{Axis, Cell, ZeroSensor};
use cellwright_model::event::AlarmClass;
use cellwright_model::expr::Expr;
use cellwright_model::job::{RtOp, UrgentWord};
use cellwright_model::robot::{RobotCommand, RobotReply};
use cellwright_model::{AxisId, DurationNs, JobId, RequestId, RobotId, TimeNs};

use crate::api::{MachineFault, Output};
use crate::catalogue::AlarmCode;
use crate::ledger::{Cx, JobEnded, Reply};
use crate::messages::{refusal_word, slowed};
use crate::ops::{self, OpEnd, Progress};
use crate::zeroing::Zeroing;
use crate::zones;

/// The cycle acts on a word within its next cycles; a second means that it does not run.
const APPLIED_WITHIN: DurationNs = DurationNs::from_millis(1_000);
/// Everything is at rest after this, or it is not under control.
const REST_WITHIN: DurationNs = DurationNs::from_millis(10_000);
/// After Abort: drives are off by then whatever is reported.
const ABORTED_WITHIN: DurationNs = DurationNs::from_millis(5_000);
/// Bring-up of a segment of 64 SubDevices.
const BRING_UP_WITHIN: DurationNs = DurationNs::from_millis(60_000);
/// Safety inputs are on this long after the segment runs, or Clear came too early.
const SAFETY_WITHIN: DurationNs = DurationNs::from_millis(2_000);
/// Conditions of `starting`.
const START_WITHIN: DurationNs = DurationNs::from_millis(10_000);
/// One act of homing, besides the time its distance takes.
const ACT_WITHIN: DurationNs = DurationNs::from_millis(30_000);

/// What the cell is doing by itself.
#[derive(Debug)]
pub(crate) enum Acting {
    Nothing,
    /// Urgent Abort is out; at `deadline` it counts as done, with an alarm.
    Aborting {
        deadline: TimeNs,
    },
    /// Everything at rest, or given up: units end.
    AbortedUnits,
    BringingUp {
        deadline: TimeNs,
    },
    AwaitingSafety {
        deadline: TimeNs,
    },
    /// Urgent None is out.
    Releasing {
        deadline: TimeNs,
    },
    Homing(Homing),
    /// After homing; looked at by the cell.
    Reconciling,
    Starting {
        deadline: TimeNs,
    },
    /// Steps come to where their policy lets them hold; `finishing`: axes that may still move for that.
    HoldingSteps {
        finishing: u64,
    },
    /// Urgent Hold is out.
    HoldingMotion {
        deadline: TimeNs,
    },
    HeldUnits,
    /// Urgent Resume is out.
    Resuming {
        deadline: TimeNs,
        then: After,
    },
    ResumedUnits {
        then: After,
    },
    /// Urgent Stop is out.
    StoppingMotion {
        deadline: TimeNs,
    },
    /// Urgent None is out, for the cleanups.
    StoppedMotion {
        deadline: TimeNs,
    },
    StoppedUnits,
    ClosingGates,
    OpeningGates,
    Emptying,
}

/// What follows a resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Execute,
    Emptying,
}

/// What a look at an acting state says about the machine's part of it.
pub(crate) enum Acted {
    Pending,
    Next(Acting),
    Fault(MachineFault),
}

impl Acting {
    pub(crate) fn abort(cx: &mut Cx<'_>) -> Acting {
        cx.urgent(UrgentWord::Abort);
        stop_robots(cx);
        Acting::Aborting { deadline: within(cx, ABORTED_WITHIN) }
    }

    pub(crate) fn stop(cx: &mut Cx<'_>) -> Acting {
        cx.urgent(UrgentWord::Stop);
        stop_robots(cx);
        Acting::StoppingMotion { deadline: within(cx, REST_WITHIN) }
    }

    pub(crate) fn clear(cx: &mut Cx<'_>) -> Acting {
        if !cx.machine.rt.bus.operational {
            cx.out.push(Output::BringUp);
        }
        Acting::BringingUp { deadline: within(cx, BRING_UP_WITHIN) }
    }

    pub(crate) fn start(cx: &mut Cx<'_>) -> Acting {
        Acting::Starting { deadline: within(cx, START_WITHIN) }
    }

    pub(crate) fn resume(cx: &mut Cx<'_>, then: After) -> Acting {
        cx.urgent(UrgentWord::Resume);
        Acting::Resuming { deadline: within(cx, APPLIED_WITHIN), then }
    }

    /// The part that the machine has in it. States that wait for units are looked at by the cell.
    pub(crate) fn poll(&mut self, cx: &mut Cx<'_>) -> Acted {
        let applied = cx.urgent_applied();
        let at_rest = applied && cx.machine.at_rest() && !cx.ledger.robots_busy();
        match self {
            Acting::Aborting { deadline } => {
                if at_rest || cx.now >= *deadline {
                    Acted::Next(Acting::AbortedUnits)
                } else {
                    Acted::Pending
                }
            }
            Acting::BringingUp { deadline } => {
                if cx.machine.fresh() {
                    return Acted::Next(Acting::AwaitingSafety { deadline: within(cx, SAFETY_WITHIN) });
                }
                late(cx, *deadline, no_bus)
            }
            Acting::AwaitingSafety { deadline } => {
                if cx.machine.rt.safety_ok {
                    cx.urgent(UrgentWord::None);
                    return Acted::Next(Acting::Releasing { deadline: within(cx, APPLIED_WITHIN) });
                }
                let fault = safety_fault(cx);
                late(cx, *deadline, || fault)
            }
            Acting::Homing(homing) => homing.poll(cx),
            Acting::Starting { deadline } => {
                let Some(condition) = &cx.cell.sequences.start_when else {
                    return Acted::Next(Acting::Nothing);
                };
                if cx.machine.holds(condition) == Some(true) {
                    return Acted::Next(Acting::Nothing);
                }
                late(cx, *deadline, || start_fault(cx, condition))
            }
            Acting::HoldingMotion { deadline } => {
                if at_rest {
                    return Acted::Next(Acting::HeldUnits);
                }
                late(cx, *deadline, || not_at_rest(AlarmClass::Stop))
            }
            Acting::Resuming { deadline, then } => {
                if applied {
                    return Acted::Next(Acting::ResumedUnits { then: *then });
                }
                late(cx, *deadline, silent)
            }
            Acting::StoppingMotion { deadline } => {
                if at_rest {
                    cx.urgent(UrgentWord::None);
                    return Acted::Next(Acting::StoppedMotion { deadline: within(cx, APPLIED_WITHIN) });
                }
                late(cx, *deadline, || not_at_rest(AlarmClass::Abort))
            }
            Acting::StoppedMotion { deadline } => {
                if applied {
                    return Acted::Next(Acting::StoppedUnits);
                }
                late(cx, *deadline, silent)
            }
            Acting::Releasing { deadline } => {
                if applied {
                    cx.end_stray_captures();
                    return Acted::Next(Acting::Nothing);
                }
                late(cx, *deadline, silent)
            }
            Acting::Nothing
            | Acting::Reconciling
            | Acting::AbortedUnits
            | Acting::HoldingSteps { .. }
            | Acting::HeldUnits
            | Acting::ResumedUnits { .. }
            | Acting::StoppedUnits
            | Acting::ClosingGates
            | Acting::OpeningGates
            | Acting::Emptying => Acted::Pending,
        }
    }

    /// Every step holds. `again`: the last word left axes alone that have finished since.
    pub(crate) fn hold_motion(cx: &mut Cx<'_>, again: bool) -> Acting {
        if again {
            cx.urgent(UrgentWord::Hold);
        }
        Acting::HoldingMotion { deadline: within(cx, REST_WITHIN) }
    }
}

fn within(cx: &mut Cx<'_>, d: DurationNs) -> TimeNs {
    let at = cx.now + d;
    cx.wake_at(at);
    at
}

fn late(cx: &Cx<'_>, deadline: TimeNs, fault: impl FnOnce() -> MachineFault) -> Acted {
    if cx.now >= deadline { Acted::Fault(fault()) } else { Acted::Pending }
}

fn stop_robots(cx: &mut Cx<'_>) {
    for i in 0..cx.cell.robots.len() {
        cx.stop_robot(RobotId(i as u16));
    }
}

fn no_bus() -> MachineFault {
    AlarmCode::BringUp
        .fault("segment", &[("cause", "the segment did not become operational, with valid inputs, in time")])
}

/// The safety inputs that are off, or whoever gives them.
pub(crate) fn safety_fault(cx: &Cx<'_>) -> MachineFault {
    let off = safety_off(cx);
    let place = if off.is_empty() { "safety controller".to_string() } else { off.join(", ") };
    MachineFault { cause: safety_cause(cx), ..AlarmCode::SafetyInput.fault(place, &[("inputs", "")]) }
}

/// Which safety inputs are off, by name.
fn safety_off<'a>(cx: &Cx<'a>) -> Vec<&'a str> {
    use cellwright_model::expr::SignalView;
    cx.cell
        .safety
        .iter()
        .filter(|id| !cx.machine.input(**id))
        .filter_map(|id| cx.cell.digital_inputs.get(id.index()))
        .map(|i| i.name.as_str())
        .collect()
}

/// The same in words.
pub(crate) fn safety_cause(cx: &Cx<'_>) -> String {
    let off = safety_off(cx);
    if off.is_empty() { "the safety inputs are not valid".into() } else { format!("off: {}", off.join(", ")) }
}

fn start_fault(cx: &Cx<'_>, condition: &Expr) -> MachineFault {
    let unmet = condition.first_unmet(&cx.machine).unwrap_or(condition);
    AlarmCode::StartCondition.fault("starting", &[("cause", &unmet.words(cx.cell))])
}

pub(crate) fn not_at_rest(class: AlarmClass) -> MachineFault {
    AlarmCode::NoRest.fault("cell", &[]).with_class(class)
}

fn silent() -> MachineFault {
    AlarmCode::CycleSilent.fault("cycle", &[])
}

/// One act of resetting.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Every output but the panel's to its off state.
    OutputsOff,
    Enable,
    /// The drive looks for the zero of the axis, unless it is known.
    Reference(AxisId),
    Home(AxisId),
    RobotHome(RobotId),
    Zero(ZeroSensor),
}

#[derive(Debug, Clone, Copy)]
enum Doing {
    Job(JobId),
    /// `seen`: when it was looked at last. `behind`: what its speed scaling has taken, and the deadline does not know.
    Robot {
        robot: RobotId,
        id: RequestId,
        seen: TimeNs,
        behind: DurationNs,
    },
    /// Has a deadline of its own.
    Zero(Zeroing),
}

/// Acts one after another, in the order of the cell file.
#[derive(Debug)]
pub(crate) struct Homing {
    acts: Arc<[Act]>,
    at: usize,
    doing: Option<(Doing, TimeNs)>,
}

impl Homing {
    pub(crate) fn new(cell: &Cell) -> Homing {
        // Cobots first: one that was stopped in a nest must be out of it before the table turns.
        let robots = cell.sequences.robots_home.iter().map(|r| Act::RobotHome(*r));
        // One axis after the other: each is out of the way of the next before that one looks for its zero.
        let axes = cell.sequences.homing_order.iter().flat_map(|a| [Act::Reference(*a), Act::Home(*a)]);
        let zero = cell.sequences.zero.iter().map(|z| Act::Zero(*z));
        let acts = [Act::OutputsOff, Act::Enable].into_iter().chain(robots).chain(zero).chain(axes).collect();
        Homing { acts, at: 0, doing: None }
    }

    /// Cobots are home; what comes next may ask a person to take out what lies in the machine.
    pub(crate) fn is_past_cobots(&self) -> bool {
        let before = |act: &Act| matches!(act, Act::OutputsOff | Act::Enable | Act::RobotHome(_));
        !self.acts.iter().skip(self.at).any(before)
    }

    fn poll(&mut self, cx: &mut Cx<'_>) -> Acted {
        loop {
            let Some(act) = self.acts.get(self.at).copied() else { return Acted::Next(Acting::Reconciling) };
            if let Act::Reference(axis) = act
                && self.doing.is_none()
                && cx.machine.rt.axes.get(axis.index()).is_some_and(|a| a.referenced)
            {
                self.at += 1;
                continue;
            }
            let Some((mut doing, before)) = self.doing else {
                match begin(cx, act) {
                    Ok(doing) => self.doing = Some(doing),
                    Err(cause) => return Acted::Fault(homing_fault(cx, act, cause)),
                }
                return Acted::Pending;
            };
            let deadline = doing.postponed(cx, before);
            self.doing = Some((doing, deadline));
            let ended = match &mut doing {
                Doing::Zero(zeroing) => match zeroing.poll(cx) {
                    Some(Err(fault)) => return Acted::Fault(fault),
                    Some(Ok(())) => Some(End::Ok),
                    None => {
                        self.doing = Some((doing, deadline));
                        return Acted::Pending;
                    }
                },
                Doing::Job(job) => cx.ledger.take_job(*job).map(job_end),
                Doing::Robot { id, .. } => cx.ledger.take_reply(*id).map(robot_end),
            };
            match ended {
                None if cx.now < deadline => return Acted::Pending,
                None => return Acted::Fault(homing_fault(cx, act, "timed-out".into())),
                Some(End::Again) => {
                    self.doing = None;
                    return Acted::Pending;
                }
                Some(End::Fault(cause)) => return Acted::Fault(homing_fault(cx, act, cause)),
                Some(End::Ok) => {
                    self.doing = None;
                    self.at += 1;
                }
            }
        }
    }
}

impl Doing {
    /// A cobot has longer by what its own speed scaling takes of the time, as its driver gives it, and its end all the same
    /// ([`cellwright_model::robot::RobotState::behind`]).
    fn postponed(&mut self, cx: &mut Cx<'_>, deadline: TimeNs) -> TimeNs {
        let Doing::Robot { robot, seen, behind, .. } = self else { return deadline };
        let passed = cx.now.since(core::mem::replace(seen, cx.now));
        *behind = *behind + slowed(cx, *robot).map_or(DurationNs(0), |state| state.behind(passed));
        if cx.now < deadline || *behind == DurationNs(0) {
            return deadline;
        }
        let later = deadline + core::mem::take(behind);
        cx.wake_at(later);
        later
    }
}

enum End {
    Ok,
    Again,
    Fault(String),
}

fn job_end(ended: JobEnded) -> End {
    match ended {
        JobEnded::Done(_) => End::Ok,
        JobEnded::Refused(why) => match ops::not_done(ended) {
            Progress::Again => End::Again,
            _ => End::Fault(refusal_word(why)),
        },
        other => match ops::not_done(other) {
            Progress::Ended(OpEnd::Fault(cause) | OpEnd::Fail(cause)) => End::Fault(cause),
            _ => End::Fault("stopped".into()),
        },
    }
}

fn robot_end(reply: Reply) -> End {
    match reply {
        Reply::Robot(RobotReply::Done { .. }) => End::Ok,
        Reply::Robot(RobotReply::Rejected(why) | RobotReply::Faulted(why)) => End::Fault(why.as_str().into()),
        _ => End::Fault("stopped".into()),
    }
}

fn begin(cx: &mut Cx<'_>, act: Act) -> Result<(Doing, TimeNs), String> {
    let share = cx.cell.sequences.homing_speed;
    match act {
        Act::OutputsOff => {
            let op = outputs_off(cx.cell);
            Ok((Doing::Job(cx.job(op)), within(cx, ACT_WITHIN)))
        }
        Act::Enable => {
            let axes = (0..cx.cell.axes.len()).fold(0u64, |m, i| m | 1u64.checked_shl(i as u32).unwrap_or(0));
            Ok((Doing::Job(cx.job(RtOp::Enable { axes })), within(cx, ACT_WITHIN)))
        }
        Act::Reference(axis) => {
            let described = cx.cell.axes.get(axis.index()).ok_or("unknown-axis")?;
            // On its way anywhere.
            free(zones::on_the_axis(cx, axis, f64::NAN))?;
            let looks = described.reference.homing().map_or(DurationNs(0), |h| h.within);
            let job = cx.job(RtOp::Home { axis });
            Ok((Doing::Job(job), within(cx, DurationNs(looks.0.saturating_add(ACT_WITHIN.0)))))
        }
        Act::Home(axis) => {
            let described = cx.cell.axes.get(axis.index()).ok_or("unknown-axis")?;
            let velocity_au_s = described.velocity_max * share;
            let actual = cx.machine.rt.axes.get(axis.index()).map_or(0.0, |a| a.actual_au);
            let target_au = home(cx.cell, axis, described, actual);
            free(zones::on_the_axis(cx, axis, target_au))?;
            // Twice the time of the way at this speed, and what every act may take.
            let way = DurationNs::from_secs_f64(2.0 * (actual - target_au).abs() / velocity_au_s);
            let job = cx.job(RtOp::MoveTo { axis, target_au, velocity_au_s });
            Ok((Doing::Job(job), within(cx, DurationNs(way.0.saturating_add(ACT_WITHIN.0)))))
        }
        Act::RobotHome(robot) => {
            let described = cx.cell.robots.get(robot.index()).ok_or("unknown-robot")?;
            let to = described.pose("home").ok_or("no-pose: home")?;
            free(zones::on_the_way(cx, robot, &to))?;
            let id = cx.robot(robot, RobotCommand::MoveJ { to, speed: share });
            Ok((Doing::Robot { robot, id, seen: cx.now, behind: DurationNs(0) }, within(cx, ACT_WITHIN)))
        }
        Act::Zero(sensor) => Ok((Doing::Zero(Zeroing::begin(cx, sensor)), cx.now + ACT_WITHIN)),
    }
}

/// Nothing else is in a zone on the way. Error: what is, in which.
fn free(taken: Option<(&str, &str)>) -> Result<(), String> {
    taken.map_or(Ok(()), |(zone, by)| Err(format!("{by} is in zone {zone}")))
}

/// Where an axis goes to be home. The table turns on from station to station: it goes to the nearest angle at
/// which its nests stand as at home, and does not unwind the turns of a shift.
fn home(cell: &Cell, axis: AxisId, described: &Axis, actual_au: f64) -> f64 {
    let (lo, hi) = (described.travel_lo_au, described.travel_hi_au);
    let turns = cell.table.as_ref().is_some_and(|t| t.axis == axis);
    let nearest = if turns { nearest_equivalent(described.home_au, actual_au, lo, hi) } else { None };
    nearest.unwrap_or(described.home_au)
}

/// Every output that is not the panel's goes to its defined off state.
fn outputs_off(cell: &Cell) -> RtOp {
    let (mut mask, mut value) = (0u64, 0u64);
    for (i, output) in cell.digital_outputs.iter().enumerate() {
        if !cell.panel.outputs().any(|p| p.index() == i) {
            let bit = 1u64.checked_shl(i as u32).unwrap_or(0);
            mask |= bit;
            value |= if output.off_state { bit } else { 0 };
        }
    }
    RtOp::SetOutputs { mask, value }
}

fn homing_fault(cx: &Cx<'_>, act: Act, cause: String) -> MachineFault {
    let place = match act {
        Act::OutputsOff => "outputs".to_string(),
        Act::Enable => "drives".into(),
        Act::Reference(axis) | Act::Home(axis) => {
            cx.cell.axes.get(axis.index()).map(|a| a.name.clone()).unwrap_or_default()
        }
        Act::RobotHome(robot) => {
            cx.cell.robots.get(robot.index()).map(|r| r.name.clone()).unwrap_or_default()
        }
        Act::Zero(sensor) => {
            cx.cell.analogs.get(sensor.analog.index()).map(|a| a.name.clone()).unwrap_or_default()
        }
    };
    AlarmCode::Resetting.fault(place, &[("cause", &cause)])
}
