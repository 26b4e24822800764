//! Outputs and grippers: written or closed once, and answered for.

use cellwright_model::cell::Cell;
use cellwright_model::job::RtOp;
use cellwright_model::robot::{RobotCommand, RobotReply};
use cellwright_model::{DurationNs, JobId, OutputId, RequestId, RobotId, TimeNs};

use super::{again, answered};
use crate::api::Source;
use crate::core::Core;
use crate::ledger::{Cx, JobEnded, Reply};
use crate::messages::refusal_word;
use crate::record::Record;

/// An output is written within its next valid cycle.
const OUTPUT_WITHIN: DurationNs = DurationNs::from_millis(500);
/// Outputs and grippers under way at once: the hands of a few people; full: refused.
const ACTS_MAX: usize = 8;

/// An output or a gripper under way.
#[derive(Debug)]
pub(super) struct Act {
    what: String,
    by: Source,
    doing: Doing,
    deadline: TimeNs,
}

#[derive(Debug, Clone, Copy)]
enum Doing {
    Output { output: OutputId, on: bool, job: JobId },
    Grip(RequestId),
}

impl Core {
    pub(super) fn begin_output(&mut self, cx: &mut Cx<'_>, output: OutputId, on: bool, by: Source) {
        let described = cx.cell.digital_outputs.get(output.index());
        let name = described.map_or_else(|| format!("output {}", output.0), |o| o.name.clone());
        let what = format!("set {name} {}", if on { "on" } else { "off" });
        let panel = &cx.cell.panel;
        let of_panel = [panel.green, panel.amber, panel.red, panel.buzzer].contains(&Some(output));
        let may = self.by_hand(cx).and_then(|()| match described {
            None => Err("there is no such output".into()),
            Some(_) if of_panel => Err("the panel's lamps and buzzer show what the cell does".into()),
            Some(_) if self.manual.acts.len() >= ACTS_MAX => Err("too much is under way".into()),
            Some(_) => Ok(()),
        });
        if let Err(why) = may {
            return answered(cx, what, by, Err(why));
        }
        let deadline = cx.now + OUTPUT_WITHIN;
        cx.wake_at(deadline);
        let doing = Doing::Output { output, on, job: cx.job(set(output, on)) };
        answered(cx, what.clone(), by.clone(), Ok(()));
        self.manual.acts.push(Act { what, by, doing, deadline });
    }

    pub(super) fn begin_grip(&mut self, cx: &mut Cx<'_>, robot: RobotId, close: bool, by: Source) {
        let described = cx.cell.robots.get(robot.index());
        let name = described.map_or_else(|| format!("cobot {}", robot.0), |r| r.name.clone());
        let what = format!("{} the gripper of {name}", if close { "close" } else { "open" });
        let may = self.by_hand(cx).and_then(|()| match described {
            None => Err("there is no such cobot".into()),
            Some(_) if cx.ledger.robots_busy() => Err("a cobot has not answered yet".into()),
            Some(_) if self.manual.acts.len() >= ACTS_MAX => Err("too much is under way".into()),
            Some(r) => Ok(r.answer_timeout),
        });
        match may {
            Err(why) => answered(cx, what, by, Err(why)),
            Ok(timeout) => {
                let deadline = cx.now + timeout;
                cx.wake_at(deadline);
                let doing = Doing::Grip(cx.robot(robot, RobotCommand::Grip { close }));
                answered(cx, what.clone(), by.clone(), Ok(()));
                self.manual.acts.push(Act { what, by, doing, deadline });
            }
        }
    }

    pub(super) fn poll_acts(&mut self, cx: &mut Cx<'_>) {
        let acts = core::mem::take(&mut self.manual.acts);
        for mut act in acts {
            match act.look(cx) {
                None => self.manual.acts.push(act),
                Some(result) => {
                    if let (Doing::Output { output, on, .. }, Ok(())) = (act.doing, &result) {
                        self.note_output(cx.cell, output, on);
                    }
                    let said = act_ended(cx, act, result);
                    self.manual.say(said);
                }
            }
        }
    }

    fn note_output(&mut self, cell: &Cell, output: OutputId, on: bool) {
        let bit = 1u64.checked_shl(u32::from(output.0)).unwrap_or(0);
        let off = cell.digital_outputs.get(output.index()).is_some_and(|o| o.off_state);
        self.manual.left = if on == off { self.manual.left & !bit } else { self.manual.left | bit };
    }
}

impl Act {
    /// How it ended, if it has.
    fn look(&mut self, cx: &mut Cx<'_>) -> Option<Result<(), String>> {
        let late = cx.now >= self.deadline;
        match &mut self.doing {
            Doing::Output { output, on, job } => match cx.ledger.take_job(*job) {
                Some(JobEnded::Done(_)) => Some(Ok(())),
                Some(ended) if again(&ended) && !late => {
                    *job = cx.job(set(*output, *on));
                    None
                }
                Some(JobEnded::Refused(why)) => Some(Err(refusal_word(why))),
                Some(_) => Some(Err("the cycle did not do it".into())),
                None if late => {
                    cx.ledger.forget_jobs([*job]);
                    Some(Err("the cycle did not do it in time".into()))
                }
                None => None,
            },
            Doing::Grip(id) => match cx.ledger.take_reply(*id) {
                Some(Reply::Robot(RobotReply::Done { .. })) => Some(Ok(())),
                Some(Reply::Robot(RobotReply::Rejected(why) | RobotReply::Faulted(why))) => {
                    Some(Err(why.as_str().into()))
                }
                Some(_) => Some(Err("stopped".into())),
                None if late => {
                    cx.ledger.forget_request(*id);
                    Some(Err("the cobot did not answer in time".into()))
                }
                None => None,
            },
        }
    }
}

fn set(output: OutputId, on: bool) -> RtOp {
    let mask = 1u64.checked_shl(u32::from(output.0)).unwrap_or(0);
    RtOp::SetOutputs { mask, value: if on { mask } else { 0 } }
}

/// How an output or a gripper came out, for the record; in words, and whether it did.
pub(super) fn act_ended(cx: &mut Cx<'_>, act: Act, result: Result<(), String>) -> (String, bool) {
    let what = format!("{} ended", act.what);
    let told = match &result {
        Ok(()) => format!("{}: done", act.what),
        Err(why) => format!("{}: {why}", act.what),
    };
    let done = result.is_ok();
    cx.record(Record::Request { what, by: act.by, result });
    (told, done)
}
