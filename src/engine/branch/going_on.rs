//! A branch that goes on after a restart: its step is done once more, or its check is looked at.

use cellwright_model::StepIx;
use cellwright_model::TimeNs;
use cellwright_model::plan::{AfterRestart, Plan};

use super::{Branch, Waits, rest_between};
use crate::branch_chart::BranchEvent as E;
use crate::conditions::View;
use crate::ledger::Cx;
use crate::ops::VERIFY_WITHIN;
use crate::resume::{How, Point};
use crate::unit::Env;

/// A step whose check tells whether it is done.
#[derive(Debug)]
pub(super) struct Verify {
    pub(super) step: StepIx,
    /// Who has decided to go on.
    by: String,
    /// A sensor may see the part a little later.
    until: Option<TimeNs>,
}

impl Branch {
    /// Sets it before the step at which the unit goes on. `tried`: attempts of it that failed, and that faulted.
    pub(crate) fn go_on_at(
        &mut self,
        cx: &mut Cx<'_>,
        plan: &Plan,
        point: &Point,
        (fails, faults): (u16, u16),
        by: String,
    ) {
        self.cursor.at = point.at;
        match point.how {
            How::Begin => {}
            How::Redo => {
                (self.fails, self.faults, self.attempt) = (fails, faults, 1);
                // A part that needs rest between two attempts has it, however soon the controller is back.
                let at = cx.now + rest_between(plan.step(point.step));
                cx.wake_at(at);
                self.not_before = Some(at);
            }
            How::Verify => self.verify = Some(Verify { step: point.step, by, until: None }),
        }
    }

    /// Whether the check of a step says that it is done. The nest stands where the step has put the part.
    pub(super) fn poll_verify(&mut self, env: &mut Env<'_, '_>, ix: StepIx) -> Option<E> {
        let plan = env.unit.plan.clone();
        let step = plan.step(ix);
        let AfterRestart::VerifyThenSkip { check } = &step.after_restart else { return Some(E::Bad) };
        if let Err(station) = super::gate::table_need(env, ix) {
            env.resources.leave_queue(self.key);
            self.waits = Some(Waits::Table(station));
            return None;
        }
        if env.cx.cell.table.is_none() {
            env.unit.station = step.station.or(env.unit.station);
        }
        self.waits = None;
        let view = View::of(&env.cx.machine, &env.unit.made);
        if !view.can_tell(check) {
            return None;
        }
        let holds = view.holds(check) == Some(true);
        let verify = self.verify.as_mut()?;
        if holds {
            let cause = format!("after-restart: {} holds", check.words(env.cx.cell));
            super::gate::leave_out(env, ix, Some(cause), Some(verify.by.clone()));
            self.verify = None;
            return Some(E::Omit);
        }
        let now = env.cx.now;
        let until = *verify.until.get_or_insert(now + VERIFY_WITHIN);
        if now < until {
            env.cx.wake_at(until);
            return None;
        }
        env.unit.condemned.get_or_insert_with(|| format!("{}/not-verified", step.id));
        self.verify = None;
        Some(E::Bad)
    }
}
