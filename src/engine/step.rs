//! One attempt of one step: prepared, run, verified, recorded. The branch chart says which of these it is
//! in; this module says when each is over.
//!
//! *Cleanup*: operations that end a step whatever its outcome (retract, vent), but not after an abort.

mod whereabouts;

use std::collections::BTreeMap;
use std::sync::Arc;

use cellwright_model::curve::Curve;
use cellwright_model::event::AlarmClass;
use cellwright_model::expr::Expr;
use cellwright_model::outcome::{StepOutcome, Verdict};
use cellwright_model::plan::{Place, Plan, Primitive};
use cellwright_model::{DurationNs, JobId, StepIx, TimeNs};

use crate::api::{Machine, Ticket};
use crate::catalogue::AlarmCode;
use crate::conditions::View;
use crate::judge::{self, Evidence};
use crate::labels;
use crate::ledger::Cx;
use crate::messages::{self, OTHER_UNIT};
use crate::ops::{self, Op, OpEnd, Poll};
use crate::presence;
use crate::record::{Labelled, Measured, NamedCurve, Record, Route, StepResult};
use crate::route;
use crate::unit::{Demand, Env, UnitData};

/// All of a step's cleanup; longer is a fault of the machine.
const CLEANUP_WITHIN: DurationNs = DurationNs::from_millis(30_000);
/// A curve follows its capture's end within this, or the step goes on without it.
const CURVE_WITHIN: DurationNs = DurationNs::from_millis(1_000);
/// How the operations of an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StepEnd {
    Passed,
    Failed(String),
    Faulted(String),
    TimedOut,
}

/// What is done after the operations, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verify {
    Captures { deadline: Option<TimeNs> },
    Check { deadline: Option<TimeNs> },
    Cleanup { deadline: Option<TimeNs> },
    Recorded(Ticket),
}

/// One attempt.
#[derive(Debug)]
pub(crate) struct StepRun {
    pub(crate) step: StepIx,
    /// Counted over the unit's whole way.
    pub(crate) attempt: u16,
    /// One before it did not pass.
    again: bool,
    opened: TimeNs,
    began: Option<TimeNs>,
    deadline: TimeNs,
    intent: Ticket,
    /// Where it takes a part or the unit.
    pub(crate) route: Option<Route>,
    /// Place in the list that is worked: operations, or cleanup.
    pub(crate) at: usize,
    cleaning: bool,
    pub(crate) op: Option<Op>,
    pub(crate) cancelling: Option<TimeNs>,
    pub(crate) registers: BTreeMap<String, f64>,
    pub(crate) values: BTreeMap<String, f64>,
    curves: BTreeMap<String, Arc<Curve>>,
    /// Captures that have begun and whose curve is not here yet.
    pub(crate) captures: Vec<(String, JobId)>,
    pub(crate) no_return: bool,
    /// Its operations are one process from now on, and Hold has broken that.
    pub(crate) unbroken: bool,
    broken: bool,
    pub(crate) consumed: bool,
    pub(crate) operator: Option<String>,
    /// The label that it has asked a printer for.
    pub(crate) label: Option<Labelled>,
    measured: Vec<Measured>,
    /// Inputs that were on at any time since the operations began: a part that falls past a sensor
    /// into a bin is seen for moments only. Used by steps that place into a bin.
    seen: u64,
    latches: u64,
    pub(crate) end: Option<StepEnd>,
    verify: Verify,
}

/// What a look at running operations says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Running {
    Pending,
    Asks,
    Ended,
}

impl StepRun {
    /// Records the intent. `again`: an attempt before it did not pass.
    pub(crate) fn open(step: StepIx, again: bool, env: &mut Env<'_, '_>) -> StepRun {
        let plan = env.unit.plan.clone();
        let deadline = env.cx.now + plan.step(step).timeout;
        env.cx.wake_at(deadline);
        let attempt = env.unit.next_attempt(step);
        let (unit, serial) = (env.unit.id, env.unit.serial.clone());
        let route = route::of_step(env, step);
        if let Some(route) = &route {
            env.unit.forget_earlier(env.cx, route);
        }
        let intent = env.cx.record(Record::StepIntent { unit, serial, step, attempt, route: route.clone() });
        let into_bin = |p: &Primitive| matches!(p, Primitive::PlacePart { to: Place::Bin(_), .. });
        StepRun {
            step,
            attempt,
            again,
            opened: env.cx.now,
            began: None,
            deadline,
            intent,
            route,
            at: 0,
            cleaning: false,
            op: None,
            cancelling: None,
            registers: BTreeMap::new(),
            values: BTreeMap::new(),
            curves: BTreeMap::new(),
            captures: Vec::new(),
            no_return: false,
            unbroken: false,
            broken: false,
            consumed: false,
            operator: None,
            label: None,
            measured: Vec::new(),
            seen: 0,
            latches: if plan.step(step).ops.iter().any(into_bin) { presence::pulses(env.cx.cell) } else { 0 },
            end: None,
            verify: Verify::Captures { deadline: None },
        }
    }

    /// The list that is worked.
    pub(crate) fn list<'p>(&self, plan: &'p Plan) -> &'p [Primitive] {
        let step = plan.step(self.step);
        if self.cleaning { &step.cleanup } else { &step.ops }
    }

    /// Doing it again on the same part is out of the question.
    pub(crate) fn irreversible_begun(&self, plan: &Plan) -> bool {
        let step = plan.step(self.step);
        let marked = step.ops.iter().any(|p| matches!(p, Primitive::PointOfNoReturn));
        step.irreversible && if marked { self.no_return } else { self.began.is_some() }
    }

    /// `Some`: prepared, or ended before it began (see `end`).
    pub(crate) fn poll_preparing(&mut self, env: &mut Env<'_, '_>) -> Option<Result<(), ()>> {
        if self.end.is_none() && env.cx.now >= self.deadline {
            self.end = Some(StepEnd::TimedOut);
        }
        if self.end.is_none() {
            if !env.cx.ledger.is_persisted(self.intent) {
                return None;
            }
            match presence::before(self, env) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(cause) => {
                    self.end = Some(StepEnd::Faulted(cause));
                    return self.cancelled(env).then_some(Err(()));
                }
            }
            match self.check_before(env)? {
                Ok(()) => {
                    self.began = Some(env.cx.now);
                    return Some(Ok(()));
                }
                Err(cause) => self.end = Some(StepEnd::Faulted(cause.into())),
            }
        }
        self.cancelled(env).then_some(Err(()))
    }

    /// `check:` must hold now, and what `when:` looked at has to be trusted; stale inputs are waited out within
    /// the step's timeout.
    fn check_before(&self, env: &Env<'_, '_>) -> Option<Result<(), &'static str>> {
        let step = env.unit.plan.step(self.step);
        let view = View::of(&env.cx.machine, &env.unit.made);
        if step.when.iter().chain(&step.check_before).any(|c| !view.can_tell(c)) {
            return None;
        }
        if step.when.as_ref().is_some_and(|when| view.holds(when).is_none()) {
            return Some(Err("signal-not-trusted"));
        }
        let holds = step.check_before.as_ref().is_none_or(|check| view.holds(check) == Some(true));
        Some(if holds { Ok(()) } else { Err("check") })
    }

    pub(crate) fn poll_running(&mut self, env: &mut Env<'_, '_>) -> Running {
        self.look(&env.cx.machine);
        if self.end.is_none() {
            if env.cx.now >= self.deadline {
                self.end = Some(StepEnd::TimedOut);
            } else if let Some(cause) = env.unit.reject_now.clone() {
                self.end = Some(StepEnd::Failed(cause));
            } else {
                match ops::poll_list(self, env) {
                    Poll::Pending => return Running::Pending,
                    Poll::Asking => return Running::Asks,
                    Poll::Ended(end) => self.end = Some(end.into()),
                }
            }
        }
        if self.cancelled(env) { Running::Ended } else { Running::Pending }
    }

    /// A person is asked by an operation: answered, timed out, or the unit condemned meanwhile.
    pub(crate) fn poll_asking(&mut self, env: &mut Env<'_, '_>) -> Running {
        let Some(Op::Ask { id }) = self.op else { return Running::Asks };
        let answered = env.cx.ledger.questions.get(&id).is_none_or(|a| a.answer.is_some());
        if answered {
            return Running::Asks;
        }
        if env.cx.now < self.deadline && env.unit.reject_now.is_none() {
            return Running::Pending;
        }
        self.poll_running(env)
    }

    /// What was under way for an attempt that is over has ended too.
    fn cancelled(&mut self, env: &mut Env<'_, '_>) -> bool {
        match ops::cancel(self, env.cx) {
            Ok(over) => over,
            Err(()) => {
                self.op = None;
                let place = env.unit.plan.step(self.step).id.clone();
                let fault = AlarmCode::NoRest.fault(place, &[]).with_class(AlarmClass::Abort);
                env.demands.push(Demand::Fault(fault));
                true
            }
        }
    }

    /// Captures ended, judged, checked, cleaned up, recorded; `true` once the outcome is durable.
    pub(crate) fn poll_verifying(&mut self, env: &mut Env<'_, '_>) -> bool {
        self.look(&env.cx.machine);
        loop {
            match self.verify {
                Verify::Captures { deadline } => {
                    if !self.poll_captures(env.cx, deadline) {
                        return false;
                    }
                    self.conclude(env.unit);
                    self.verify = Verify::Check { deadline: None };
                }
                Verify::Check { deadline } => match self.poll_check_after(env, deadline) {
                    None => return false,
                    Some(true) => self.verify = Verify::Cleanup { deadline: None },
                    Some(false) => {
                        self.end = Some(StepEnd::Faulted("not-verified".into()));
                        self.verify = Verify::Cleanup { deadline: None };
                    }
                },
                Verify::Cleanup { .. } => {
                    if !self.poll_cleanup(env) {
                        return false;
                    }
                    let (outcome, cause) = self.outcome();
                    self.record(env, outcome, cause);
                }
                Verify::Recorded(ticket) => return env.cx.ledger.is_persisted(ticket),
            }
        }
    }

    /// Ends what is still being captured: the curve belongs to the record of a failed step too.
    fn poll_captures(&mut self, cx: &mut Cx<'_>, deadline: Option<TimeNs>) -> bool {
        let Some(&(_, capture)) = self.captures.first() else { return true };
        if self.op.is_none() {
            self.op = Some(ops::end_capture(cx, capture));
        }
        let deadline = deadline.unwrap_or_else(|| {
            cx.wake_at(cx.now + CURVE_WITHIN);
            cx.now + CURVE_WITHIN
        });
        self.verify = Verify::Captures { deadline: Some(deadline) };
        let mut over = false;
        if let Some(Op::CaptureEnd { job, capture }) = &mut self.op {
            match ops::poll_capture_end(cx, job, *capture) {
                None => {}
                Some(Ok(curve)) => {
                    let capture = *capture;
                    self.keep_curve(capture, curve);
                    over = true;
                }
                Some(Err(_)) => over = true,
            }
        }
        if over || cx.now >= deadline {
            self.op = None;
            self.captures.retain(|(_, c)| *c != capture);
            return self.captures.is_empty() || self.poll_captures(cx, None);
        }
        false
    }

    /// Judges what has not been judged; a step that passed without a measurement did not pass.
    fn conclude(&mut self, unit: &UnitData) {
        if self.began.is_none() {
            return;
        }
        let cause = self.judge(unit);
        if self.broken {
            // Kept to be looked at; a process that was broken has not been measured.
            self.measured.iter_mut().for_each(|m| m.verdict = Verdict::Invalid);
        }
        if self.end != Some(StepEnd::Passed) {
            return;
        }
        if let Some(cause) = cause {
            self.end = Some(StepEnd::Failed(cause));
        } else if let Some(name) = judge::missing(unit.plan.step(self.step), &self.measured) {
            self.end = Some(StepEnd::Faulted(format!("not-measured: {name}")));
        }
    }

    pub(crate) fn judge(&mut self, unit: &UnitData) -> Option<String> {
        let evidence = Evidence { curves: &self.curves, registers: &self.registers, values: &self.values };
        judge::judge(unit.plan.step(self.step), evidence, &mut self.measured)
    }

    /// `None`: not yet. A sensor may see the part a little later.
    fn poll_check_after(&mut self, env: &mut Env<'_, '_>, deadline: Option<TimeNs>) -> Option<bool> {
        let plan = env.unit.plan.clone();
        let Some(check) = &plan.step(self.step).check_after else { return Some(true) };
        if self.end != Some(StepEnd::Passed) || self.holds(env, check) == Some(true) {
            return Some(true);
        }
        let deadline = deadline.unwrap_or_else(|| {
            let at = env.cx.now + ops::VERIFY_WITHIN;
            env.cx.wake_at(at);
            at
        });
        self.verify = Verify::Check { deadline: Some(deadline) };
        if env.cx.now >= deadline { Some(false) } else { None }
    }

    /// Works the cleanup; its failure is the machine's.
    fn poll_cleanup(&mut self, env: &mut Env<'_, '_>) -> bool {
        let Verify::Cleanup { deadline } = self.verify else { return true };
        if self.began.is_none() {
            return true;
        }
        if !self.cleaning {
            (self.cleaning, self.at, self.op, self.cancelling) = (true, 0, None, None);
        }
        let deadline = deadline.unwrap_or_else(|| {
            env.cx.wake_at(env.cx.now + CLEANUP_WITHIN);
            env.cx.now + CLEANUP_WITHIN
        });
        self.verify = Verify::Cleanup { deadline: Some(deadline) };
        let cause = if env.cx.now >= deadline {
            "timed-out".to_string()
        } else {
            match ops::poll_list(self, env) {
                Poll::Pending | Poll::Asking => return false,
                Poll::Ended(OpEnd::Ok) => return true,
                Poll::Ended(OpEnd::Fail(cause) | OpEnd::Fault(cause)) => cause,
            }
        };
        if !self.cancelled(env) {
            return false;
        }
        self.cleanup_failed(env, cause);
        true
    }

    fn cleanup_failed(&mut self, env: &mut Env<'_, '_>, cause: String) {
        let place = env.unit.plan.step(self.step).id.clone();
        if matches!(self.end, None | Some(StepEnd::Passed)) {
            self.end = Some(StepEnd::Faulted(format!("cleanup: {cause}")));
        }
        env.demands.push(Demand::Fault(AlarmCode::Cleanup.fault(place, &[("cause", &cause)])));
    }

    /// After Stop, at rest: ends captures and works the cleanup. `true` once nothing is left to do.
    pub(crate) fn poll_stopped(&mut self, env: &mut Env<'_, '_>) -> bool {
        if self.recorded() {
            return true;
        }
        if !matches!(self.verify, Verify::Cleanup { .. }) {
            if !self.cancelled(env) {
                return false;
            }
            if let Verify::Captures { deadline } = self.verify
                && !self.poll_captures(env.cx, deadline)
            {
                return false;
            }
            self.verify = Verify::Cleanup { deadline: None };
        }
        self.poll_cleanup(env)
    }

    /// The attempt was broken off: recorded as aborted or interrupted, unless it is recorded already.
    pub(crate) fn break_off(&mut self, env: &mut Env<'_, '_>, outcome: StepOutcome, cause: &str) {
        if let Some(Op::Ask { id } | Op::Device { id, .. }) = self.op {
            env.cx.withdraw(id);
        }
        if !self.recorded() {
            self.record(env, outcome, Some(cause.to_string()));
        }
        self.leave_doubt(env);
    }

    fn outcome(&self) -> (StepOutcome, Option<String>) {
        match &self.end {
            Some(StepEnd::Passed) => (StepOutcome::Passed, None),
            Some(StepEnd::Failed(cause)) => (StepOutcome::Failed, Some(cause.clone())),
            Some(StepEnd::Faulted(cause)) => (StepOutcome::Faulted, Some(cause.clone())),
            Some(StepEnd::TimedOut) => (StepOutcome::TimedOut, Some("timed-out".into())),
            None => (StepOutcome::Interrupted, Some("interrupted".into())),
        }
    }

    /// The cause of an attempt that did not pass.
    /// What was read is another unit than that which came back under this serial.
    pub(crate) fn is_other_unit(&self) -> bool {
        self.cause().starts_with(OTHER_UNIT)
    }

    pub(crate) fn cause(&self) -> String {
        self.outcome().1.unwrap_or_default()
    }

    fn record(&mut self, env: &mut Env<'_, '_>, outcome: StepOutcome, cause: Option<String>) {
        if outcome != StepOutcome::Passed {
            self.doubt_what_nobody_finds(env);
        }
        let label = labels::settled(self, env.unit, outcome);
        let unit = &mut *env.unit;
        unit.attempts += 1;
        unit.retested |= self.again;
        if outcome == StepOutcome::Passed {
            let plan = unit.plan.clone();
            unit.made.enter(&plan.step(self.step).id, &self.measured);
        }
        let curves = core::mem::take(&mut self.curves);
        let result = StepResult {
            unit: unit.id,
            serial: unit.serial.clone(),
            plan: unit.plan.clone(),
            step: self.step,
            attempt: self.attempt,
            station: unit.station,
            start: self.began.unwrap_or(self.opened),
            end: env.cx.now,
            outcome,
            cause,
            operator: self.operator.clone(),
            measurements: core::mem::take(&mut self.measured),
            curves: curves.into_iter().map(|(name, curve)| NamedCurve { name, curve }).collect(),
            label,
            components: unit.components.clone(),
            equipment: unit.plan.step(self.step).equipment.clone(),
        };
        let ticket = env.cx.record(Record::StepOutcome(Box::new(result)));
        self.verify = Verify::Recorded(ticket);
    }

    pub(crate) fn keep_curve(&mut self, capture: JobId, curve: Arc<Curve>) {
        if let Some(i) = self.captures.iter().position(|(_, c)| *c == capture) {
            let (name, _) = self.captures.remove(i);
            self.curves.insert(name, curve);
        }
    }

    /// Its outcome is in the record, though perhaps not durable yet.
    pub(crate) fn recorded(&self) -> bool {
        matches!(self.verify, Verify::Recorded(_))
    }

    /// Hold has brought everything to rest in the middle of it. A process that had to be unbroken is over,
    /// and what moved for it does not go on.
    pub(crate) fn rests(&mut self, env: &mut Env<'_, '_>) {
        if self.end.is_some() || self.began.is_none() || !(self.unbroken || self.came_into_it(env)) {
            return;
        }
        self.broken = true;
        self.end = Some(StepEnd::Faulted(AlarmCode::Held.word().into()));
        self.cancelled(env);
    }

    /// The motion before the process ended while Hold stopped it: it rests where the process begins.
    fn came_into_it(&self, env: &Env<'_, '_>) -> bool {
        let next = self.list(&env.unit.plan).get(self.at + 1);
        let ended = matches!(self.op, Some(Op::Axis { job, .. }) if env.cx.ledger.has_ended(job));
        ended && matches!(next, Some(Primitive::Unbroken))
    }

    /// Hold has broken the attempt.
    pub(crate) fn broken(&self) -> bool {
        self.broken
    }

    /// Hold has lasted this long.
    pub(crate) fn shift(&mut self, by: DurationNs, cx: &mut Cx<'_>) {
        self.deadline = self.deadline + by;
        cx.wake_at(self.deadline);
        if let Some(op) = &mut self.op {
            op.shift(by, cx);
        }
        self.cancelling = self.cancelling.map(|d| d + by);
        if let Verify::Captures { deadline } | Verify::Check { deadline } | Verify::Cleanup { deadline } =
            &mut self.verify
        {
            *deadline = deadline.map(|d| d + by);
        }
    }

    /// Hold: a cobot under way is stopped, and asked again afterwards.
    pub(crate) fn halt(&mut self, cx: &mut Cx<'_>) {
        let Some(Op::Robot { robot, id, moves, halted, .. }) = &mut self.op else { return };
        if *moves && !*halted && cx.ledger.awaits(*id) {
            *halted = true;
            cx.stop_robot(*robot);
        }
        // It stands already: by its safeguard, which is why the cell is held.
        *halted |= cx.ledger.reply(*id).is_some_and(messages::is_safeguard_stop);
    }

    /// A cobot request is unanswered.
    pub(crate) fn robot_busy(&self, cx: &Cx<'_>) -> bool {
        matches!(&self.op, Some(Op::Robot { id, .. }) if cx.ledger.awaits(*id))
    }

    fn look(&mut self, machine: &Machine<'_>) {
        if self.began.is_some() && machine.fresh() {
            self.seen |= machine.rt.inputs & self.latches;
        }
    }

    /// Whether a condition holds, for a step that places into a bin also by what was seen.
    pub(crate) fn holds(&self, env: &Env<'_, '_>, condition: &Expr) -> Option<bool> {
        View::of(&env.cx.machine, &env.unit.made).latched(self.seen).holds(condition)
    }
}

impl From<OpEnd> for StepEnd {
    fn from(end: OpEnd) -> StepEnd {
        match end {
            OpEnd::Ok => StepEnd::Passed,
            OpEnd::Fail(cause) => StepEnd::Failed(cause),
            OpEnd::Fault(cause) => StepEnd::Faulted(cause),
        }
    }
}
