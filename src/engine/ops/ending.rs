//! Ends operations for a step that is over, and moves their deadlines after Hold.

use cellwright_model::DurationNs;
use cellwright_model::job::RtOp;

use super::{CANCEL_WITHIN, Op, poll_capture_end};
use crate::ledger::Cx;
use crate::step::StepRun;

/// Ends what is under way, for a step that is over: `true` once nothing is left of it. `Err`: it did not
/// come to rest.
pub(crate) fn cancel(run: &mut StepRun, cx: &mut Cx<'_>) -> Result<bool, ()> {
    let Some(op) = run.op.clone() else { return Ok(true) };
    let first = run.cancelling.is_none();
    let deadline = *run.cancelling.get_or_insert_with(|| cx.now + CANCEL_WITHIN);
    let over = match op {
        Op::Axis { job, axis } => {
            if first {
                cx.job_unwatched(RtOp::Cancel { axis });
            }
            cx.ledger.take_job(job).is_some()
        }
        Op::Plain { job } => cx.ledger.take_job(job).is_some(),
        Op::CaptureEnd { mut job, capture } => match poll_capture_end(cx, &mut job, capture) {
            Some(curve) => {
                if let Ok(curve) = curve {
                    run.keep_curve(capture, curve);
                }
                true
            }
            None => {
                run.op = Some(Op::CaptureEnd { job, capture });
                false
            }
        },
        Op::Robot { robot, id, .. } => {
            if first && cx.ledger.awaits(id) {
                cx.stop_robot(robot);
            }
            cx.ledger.take_reply(id).is_some()
        }
        Op::Device { id, .. } | Op::Ask { id } => {
            cx.withdraw(id);
            true
        }
        Op::Wait { .. } | Op::Dwell { .. } | Op::Fresh { .. } | Op::Verify { .. } | Op::Durable { .. } => {
            true
        }
    };
    if over {
        run.op = None;
        run.cancelling = None;
        return Ok(true);
    }
    if first {
        cx.wake_at(deadline);
    }
    if cx.now < deadline { Ok(false) } else { Err(()) }
}

impl Op {
    /// Hold has lasted this long: deadlines move by it, and a condition has to hold from the start again.
    pub(crate) fn shift(&mut self, by: DurationNs, cx: &mut Cx<'_>) {
        let deadline = match self {
            Op::Robot { deadline, .. }
            | Op::Device { deadline, .. }
            | Op::Fresh { deadline }
            | Op::Verify { deadline }
            | Op::Dwell { until: deadline } => deadline,
            Op::Wait { deadline, since } => {
                *since = None;
                deadline
            }
            Op::Axis { .. }
            | Op::Plain { .. }
            | Op::CaptureEnd { .. }
            | Op::Ask { .. }
            | Op::Durable { .. } => return,
        };
        *deadline = *deadline + by;
        cx.wake_at(*deadline);
    }
}
