//! One active path of a unit: its chart, its cursor, its attempt. `poll` looks what has come about and hands
//! the chart the event that says so; entering a state does what that state begins with.

mod gate;
mod going_on;

use cellwright_model::outcome::StepOutcome;
use cellwright_model::packml::CellCommand;
use cellwright_model::plan::{Handler, OnHold, Step, Then};
use cellwright_model::zone::Mover;
use cellwright_model::{DurationNs, RequestId, TimeNs};
use cellwright_model::{StationId, StepIx, ZoneId};

use crate::api::{Question, QuestionKind};
use crate::branch_chart::{BranchEvent as E, BranchMachine, BranchState as S, Effect};
use crate::catalogue::AlarmCode;
use crate::record::Record;
use crate::resources::{Blocked, BranchKey};
use crate::sequencer::{Cursor, Item};
use crate::step::{Running, StepEnd, StepRun};
use crate::supply::Starved;
use crate::unit::{Demand, Env, UnitData};

/// Transitions of one branch in one look; more is a program error that must not become a busy loop.
const TRANSITIONS_MAX: u32 = 64;

/// How the whole cell wants its branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Run,
    /// No step begins.
    Gates,
    /// `at_rest`: the cycle has held everything.
    Hold {
        at_rest: bool,
    },
    /// `applied`: the cycle moves again; Hold has lasted `held`.
    Resume {
        applied: bool,
        held: DurationNs,
    },
    /// `at_rest`: everything is, and jobs are taken again.
    Stop {
        at_rest: bool,
    },
    Abort {
        at_rest: bool,
    },
}

impl Flow {
    /// Units end by it.
    pub(crate) fn ends(self) -> bool {
        matches!(self, Flow::Stop { .. } | Flow::Abort { .. })
    }
}

/// How a branch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BranchEnd {
    Passed,
    /// By a bad part; the unit knows the cause.
    Rejected,
    Removed,
    Skipped,
    Stopped,
    Aborted,
}

/// What a branch in Gate waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Waits {
    Turn(Blocked),
    Branches(String),
    /// The table, to bring its nest to this station (`None`: to any).
    Table(Option<StationId>),
    /// A cause outside of the cell.
    Supply(Starved),
    /// A person, before this step.
    Break(StepIx),
    /// Something that is inside, or may be.
    Zone(ZoneId, Mover),
    /// Inputs that are valid: without them nobody knows where things stand.
    Inputs,
}

/// One active path.
pub(crate) struct Branch {
    pub(crate) key: BranchKey,
    pub(crate) name: String,
    pub(crate) machine: BranchMachine,
    pub(crate) cursor: Cursor,
    pub(crate) parent: Option<u32>,
    /// Branches of the fork that it waits for.
    pub(crate) children: Vec<u32>,
    forked: bool,
    /// Rounds of the repeat under the cursor that have begun.
    rounds: u16,
    /// Ended branches that nobody asks for any more.
    pub(crate) spent: Vec<u32>,
    pub(crate) end: Option<BranchEnd>,
    pub(crate) run: Option<StepRun>,
    attempt: u16,
    fails: u16,
    faults: u16,
    retry_at: Option<TimeNs>,
    /// After a restart: the step under the cursor does not begin before.
    not_before: Option<TimeNs>,
    /// After a restart: a step whose check is looked at.
    verify: Option<going_on::Verify>,
    retry_after: DurationNs,
    decision: Option<RequestId>,
    pub(crate) waits: Option<Waits>,
    /// A person has let it go on from the break before its next step.
    pub(crate) let_go: bool,
    /// Transitions that the table does not have: a program error.
    pub(crate) off_table: u32,
}

impl Branch {
    pub(crate) fn new(key: BranchKey, name: String, cursor: Cursor, parent: Option<u32>) -> Branch {
        Branch {
            key,
            name,
            machine: BranchMachine::default(),
            cursor,
            parent,
            children: Vec::new(),
            forked: false,
            rounds: 0,
            spent: Vec::new(),
            end: None,
            run: None,
            attempt: 0,
            fails: 0,
            faults: 0,
            retry_at: None,
            not_before: None,
            verify: None,
            retry_after: DurationNs(0),
            decision: None,
            waits: None,
            let_go: false,
            off_table: 0,
        }
    }

    /// Goes on as far as it can; `true` if anything happened.
    pub(crate) fn poll(&mut self, env: &mut Env<'_, '_>, flow: Flow) -> bool {
        for n in 0..TRANSITIONS_MAX {
            let Some(event) = self.next_event(env, flow) else { return n > 0 };
            let Some(taken) = self.machine.handle(event) else { return n > 0 };
            self.off_table += u32::from(taken.off_table);
            if let Some(effect) = taken.effect {
                self.bring_about(env, effect, taken.from, event);
            }
        }
        true
    }

    /// Nothing of it goes on until a gate opens or a person decides.
    pub(crate) fn is_quiet(&self) -> bool {
        match self.machine.state() {
            S::Gate => !matches!(self.waits, Some(Waits::Break(_))),
            S::Idle | S::Done => true,
            S::AwaitOperator => self.decision.is_some(),
            _ => false,
        }
    }

    /// The step under the cursor.
    pub(crate) fn step_ix(&self, unit: &UnitData) -> Option<StepIx> {
        match unit.graph.item(self.cursor) {
            Some(Item::Step(ix)) => Some(*ix),
            _ => None,
        }
    }

    fn next_event(&mut self, env: &mut Env<'_, '_>, flow: Flow) -> Option<E> {
        let state = self.machine.state();
        if state == S::Done {
            return None;
        }
        match flow {
            Flow::Abort { at_rest } => match state {
                S::Faulting => at_rest.then_some(E::AtRest),
                S::Faulted => Some(E::Close),
                _ => Some(E::Abort),
            },
            Flow::Stop { at_rest } => match state {
                S::Stopping => (at_rest && self.stopped(env)).then_some(E::AtRest),
                S::Stopped => Some(E::Close),
                S::Faulting | S::Faulted => None,
                _ => Some(E::Stop),
            },
            Flow::Hold { at_rest } => match state {
                S::Holding if at_rest && !self.robot_busy(env) => {
                    if let Some(run) = &mut self.run {
                        run.rests(env);
                    }
                    Some(E::AtRest)
                }
                S::Holding => None,
                S::Held | S::Idle => None,
                _ if self.may_hold(env) => Some(E::Hold),
                // The step is finished first.
                _ => self.operate(env, state, false),
            },
            Flow::Resume { applied, held } => match state {
                S::Held => Some(E::Resume),
                S::Resuming if applied => {
                    self.shift(env, held);
                    Some(E::Resumed)
                }
                _ => None,
            },
            Flow::Run => self.operate(env, state, true),
            Flow::Gates => self.operate(env, state, false),
        }
    }

    /// What has come about in an operating state. `gates`: steps may begin.
    fn operate(&mut self, env: &mut Env<'_, '_>, state: S, gates: bool) -> Option<E> {
        match state {
            S::Idle => gates.then_some(E::Begin),
            S::Gate => {
                if self.condemned(env) && self.children.is_empty() {
                    return Some(E::Skip);
                }
                self.poll_gate(env, gates)
            }
            S::Preparing => match self.run.as_mut()?.poll_preparing(env)? {
                Ok(()) => Some(E::Prepared),
                Err(()) => Some(E::Ended),
            },
            S::Running => match self.run.as_mut()?.poll_running(env) {
                Running::Pending => None,
                Running::Asks => Some(E::Ask),
                Running::Ended => Some(E::Ended),
            },
            S::AwaitOperator => match self.decision {
                Some(id) => self.poll_decision(env, id),
                None => match self.run.as_mut()?.poll_asking(env) {
                    Running::Pending => None,
                    Running::Asks => Some(E::Answered),
                    Running::Ended => Some(E::Ended),
                },
            },
            S::Verifying => {
                if !self.run.as_mut()?.poll_verifying(env) {
                    return None;
                }
                Some(self.verdict(env))
            }
            S::Retrying => {
                let due = self.retry_at.is_none_or(|at| env.cx.now >= at);
                due.then_some(E::Elapsed)
            }
            S::Advance => {
                if self.condemned(env) {
                    return Some(E::Skip);
                }
                let next = Cursor { at: self.cursor.at + 1, ..self.cursor };
                Some(if env.unit.graph.item(next).is_some() { E::Next } else { E::Finish })
            }
            S::Reject => Some(E::Finish),
            _ => None,
        }
    }

    /// Another branch has condemned the unit, and this one is part of its body.
    fn condemned(&self, env: &Env<'_, '_>) -> bool {
        env.unit.condemned.is_some() && !env.unit.rejecting
    }

    /// What becomes of the attempt, by the step's policies. The outcome is durable.
    fn verdict(&mut self, env: &Env<'_, '_>) -> E {
        let Some(run) = &self.run else { return E::Bad };
        let step = env.unit.plan.step(run.step);
        let again = !run.irreversible_begun(&env.unit.plan);
        // On the reject path there is nowhere further to reject to: a person decides.
        let bad = if env.unit.rejecting { E::Unable } else { E::Bad };
        let failed = match &run.end {
            Some(StepEnd::Passed) => return E::Passed,
            Some(StepEnd::Failed(_)) if env.unit.reject_now.is_some() => return bad,
            Some(StepEnd::Failed(_)) => true,
            // Neither part nor machine is to blame, and each time a person has held it.
            _ if again && run.broken() => {
                self.retry_after = rest_between(step);
                return E::Again;
            }
            _ => false,
        };
        // Whatever would be done with what lies there would be recorded of another unit.
        if run.is_other_unit() {
            return E::Unable;
        }
        let (handler, tried) =
            if failed { (step.on_fail, &mut self.fails) } else { (step.on_fault, &mut self.faults) };
        match (handler.retry(), handler.last()) {
            (Some((times, after)), _) if again && *tried < times => {
                *tried += 1;
                self.retry_after = after;
                E::Again
            }
            // What has begun and cannot be done again is in no state that a program could judge.
            (Some(_), _) if !failed && !again => E::Unable,
            (_, Then::Reject) => bad,
            (_, Then::Ask) => E::Unable,
        }
    }

    fn bring_about(&mut self, env: &mut Env<'_, '_>, effect: Effect, from: S, event: E) {
        match effect {
            Effect::NextNode => {
                self.cursor.at += 1;
                (self.forked, self.rounds) = (false, 0);
                (self.attempt, self.fails, self.faults) = (0, 0, 0);
                self.spent.append(&mut self.children);
            }
            Effect::OpenAttempt => {
                self.waits = None;
                if let Some(step) = self.step_ix(env.unit) {
                    // Without a table every station has the one nest.
                    if env.cx.cell.table.is_none() {
                        env.unit.station = env.unit.plan.step(step).station.or(env.unit.station);
                    }
                    self.attempt = self.attempt.saturating_add(1);
                    self.run = Some(StepRun::open(step, self.attempt > 1, env));
                }
            }
            Effect::AskDecision => self.ask_decision(env),
            Effect::AwaitRetry => {
                let at = env.cx.now + core::mem::take(&mut self.retry_after);
                env.cx.wake_at(at);
                self.retry_at = Some(at);
            }
            Effect::CloseAttempt => {
                self.run = None;
                env.resources.release(self.key);
            }
            Effect::Condemn => self.condemn(env),
            Effect::Halt => {
                if let Some(run) = &mut self.run {
                    run.halt(env.cx);
                }
            }
            Effect::BreakOffAborted => self.break_off(env, StepOutcome::Aborted, "aborted"),
            Effect::BreakOffInterrupted => self.break_off(env, StepOutcome::Interrupted, "interrupted"),
            Effect::Finish => self.finish(env, from, event),
        }
    }

    /// The unit is not good, because of this attempt or of a branch that was forked.
    fn condemn(&mut self, env: &mut Env<'_, '_>) {
        if let Some(run) = &self.run {
            let cause = format!("{}/{}", env.unit.plan.step(run.step).id, run.cause());
            env.unit.condemned.get_or_insert(cause);
        }
        self.run = None;
        env.resources.release(self.key);
    }

    fn finish(&mut self, env: &mut Env<'_, '_>, from: S, event: E) {
        env.resources.release(self.key);
        self.end = Some(match (from, event) {
            (S::Faulted, _) => BranchEnd::Aborted,
            (S::Stopped, _) => BranchEnd::Stopped,
            (_, E::RemovedByHand) => {
                if let Some(run) = &self.run {
                    let cause = format!("{}/{}", env.unit.plan.step(run.step).id, run.cause());
                    env.unit.condemned.get_or_insert(cause);
                }
                BranchEnd::Removed
            }
            (S::Reject, _) => BranchEnd::Rejected,
            (S::Gate, _) if env.children.contains(&Some(BranchEnd::Removed)) => BranchEnd::Removed,
            (_, E::Skip) => BranchEnd::Skipped,
            _ => BranchEnd::Passed,
        });
        self.run = None;
        self.spent.append(&mut self.children);
    }

    fn break_off(&mut self, env: &mut Env<'_, '_>, outcome: StepOutcome, cause: &str) {
        if let Some(mut run) = self.run.take() {
            run.break_off(env, outcome, cause);
        }
        if let Some(id) = self.decision.take() {
            env.cx.withdraw(id);
        }
        env.resources.release(self.key);
    }

    fn stopped(&mut self, env: &mut Env<'_, '_>) -> bool {
        self.run.as_mut().is_none_or(|run| run.poll_stopped(env))
    }

    fn robot_busy(&self, env: &Env<'_, '_>) -> bool {
        self.run.as_ref().is_some_and(|run| run.robot_busy(env.cx))
    }

    fn may_hold(&self, env: &Env<'_, '_>) -> bool {
        self.may_hold_of(env.unit)
    }

    /// By the step's policy: `finish` goes on until the attempt is over.
    fn may_hold_of(&self, unit: &UnitData) -> bool {
        let Some(run) = &self.run else { return true };
        let step = unit.plan.step(run.step);
        let finishing = match self.machine.state() {
            S::Running => true,
            // Recorded: nothing of it is done any more, it only waits for the commit.
            S::Verifying => !run.recorded(),
            S::AwaitOperator => self.decision.is_none(),
            _ => false,
        };
        !(finishing && step.on_hold == OnHold::Finish)
    }

    /// Axes (bit = AxisId) that a step which finishes before Hold goes on moving.
    pub(crate) fn finishing_axes(&self, unit: &UnitData) -> u64 {
        if self.end.is_some() || self.may_hold_of(unit) {
            return 0;
        }
        self.step_ix(unit).map_or(0, |ix| unit.plan.step(ix).axes())
    }

    /// Hold has lasted this long: what waits for a time waits for it as much longer.
    fn shift(&mut self, env: &mut Env<'_, '_>, by: DurationNs) {
        if let Some(run) = &mut self.run {
            run.shift(by, env.cx);
        }
        if let Some(at) = &mut self.retry_at {
            *at = *at + by;
            env.cx.wake_at(*at);
        }
    }

    /// The machine could not: offers what the step permits.
    fn ask_decision(&mut self, env: &mut Env<'_, '_>) {
        let Some(run) = &self.run else { return };
        let (ix, cause, plan) = (run.step, run.cause(), env.unit.plan.clone());
        let step = plan.step(ix);
        let taken = if run.consumed { " Take the part of this attempt out before a retry." } else { "" };
        let mut answers = Vec::new();
        if !run.irreversible_begun(&plan) {
            answers.push(RETRY);
        }
        if !env.unit.rejecting && !run.is_other_unit() {
            answers.push(REJECT);
        }
        answers.extend([REMOVE, ABORT]);
        let first = answers.first().copied().unwrap_or(ABORT);
        env.demands.push(Demand::Asks(AlarmCode::step_fault(&cause, &step.id), first));
        let places = run.may_be_at(env.unit, env.parts);
        let (unit, serial, tray) = (env.unit.id, env.unit.serial.clone(), env.unit.used_up.take());
        self.decision = Some(env.cx.ask(|id| Question {
            id,
            kind: QuestionKind::Decision,
            unit: Some(unit),
            serial: Some(serial),
            step: Some(ix),
            tray,
            places,
            carry: None,
            prompt: format!("{}: {cause}.{taken} What becomes of the unit?", step.id),
            answers: answers.into_iter().map(String::from).collect(),
        }));
    }

    fn poll_decision(&mut self, env: &mut Env<'_, '_>, id: RequestId) -> Option<E> {
        let Some(asked) = env.cx.ledger.questions.get(&id) else { return Some(E::Bad) };
        let (answer, by) = asked.answer.clone()?;
        env.cx.ledger.questions.remove(&id);
        let place = self.step_ix(env.unit).map(|ix| env.unit.plan.step(ix).id.clone()).unwrap_or_default();
        let code = AlarmCode::of_step(&self.run.as_ref().map(StepRun::cause).unwrap_or_default());
        env.demands.push(Demand::ClearAlarm { code, place });
        if answer == ABORT {
            env.demands.push(Demand::Command(CellCommand::Abort, by));
            return None;
        }
        self.decision = None;
        Some(match answer.as_str() {
            RETRY => E::Again,
            REMOVE => E::RemovedByHand,
            _ => E::Bad,
        })
    }
}

/// Answers of a decision.
pub const RETRY: &str = "retry";
/// The unit takes its reject path.
pub const REJECT: &str = "reject";
/// A person has taken the unit out.
pub const REMOVE: &str = "remove-by-hand";
/// The whole cell aborts.
pub const ABORT: &str = "abort";

/// How long a part rests between two attempts, where the recipe says it.
fn rest_between(step: &Step) -> DurationNs {
    let rest = |handler: Handler| handler.retry().map(|(_, after)| after);
    rest(step.on_fail).or(rest(step.on_fault)).unwrap_or_default()
}

/// The answer of a person, for the record.
pub(crate) fn answer_record(
    question: &Question,
    answer: &str,
    reason: Option<String>,
    by: &crate::api::Source,
) -> Record {
    Record::Answer {
        unit: question.unit,
        serial: question.serial.clone(),
        step: question.step,
        prompt: question.prompt.clone(),
        answer: answer.into(),
        reason,
        by: by.clone(),
    }
}
