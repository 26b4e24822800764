//! Mode Manual: a person moves an axis, brings a cobot home, sets an output, opens or closes a gripper; in Stopped
//! only.
//!
//! *Jog*: a move that lasts while somebody holds a key. Whoever holds it says so again and again
//! ([`ManualRequest::Renew`]); once that stays out for [`JOG_WINDOW`], the axis comes to rest. *Way*: how far
//! a jog may go; it is looked at again with every input. Anywhere but home cobots are moved by their own pendants.

mod acts;
mod home;
mod way;

use cellwright_model::cell::Cell;
use cellwright_model::event::AlarmClass;
use cellwright_model::job::{Refusal, RtOp};
use cellwright_model::packml::{CellMode, CellState};
use cellwright_model::{AxisId, DurationNs, JobId, RobotId, TimeNs};

use crate::acting::not_at_rest;
use crate::alarms;
use crate::api::{Answered, MachineFault, ManualRequest, Output, Source};
use crate::core::Core;
use crate::ledger::{Cx, JobEnded};
use crate::messages::refusal_word;
use crate::record::Record;
use acts::{Act, act_ended};
use home::Homing;
use way::{actual, left_alone, place, table_blocked, way};

/// A jog that nobody renews for so long comes to rest: a terminal repeats a held key about 30 times a
/// second, and begins to after a quarter of a second at the latest.
pub const JOG_WINDOW: DurationNs = DurationNs::from_millis(250);
/// Drives that were switched on for a jog go off so long after the last one.
const IDLE_MAX: DurationNs = DurationNs::from_millis(5_000);
/// At reduced speed every axis rests well within this; else it is not under control.
const REST_WITHIN: DurationNs = DurationNs::from_millis(5_000);

/// What is under way by hand, and what of it has to be taken back.
#[derive(Debug, Default)]
pub(crate) struct Manual {
    jog: Option<Jog>,
    homing: Option<Homing>,
    acts: Vec<Act>,
    /// Axes whose drives were switched on for a jog, bit = axis index.
    enabled: u64,
    disable: Option<JobId>,
    /// Outputs that are not in their off state because somebody set them, bit = output index.
    left: u64,
    restore: Option<JobId>,
    /// When the last jog ended, and whether its person is gone since.
    rested: TimeNs,
    deserted: bool,
    last: Option<String>,
    last_done: bool,
}

/// What people see of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ManualStatus {
    /// The axis that is moved, and by whom.
    pub jog: Option<(AxisId, String)>,
    /// The cobot that is brought home, and by whom.
    pub homing: Option<(RobotId, String)>,
    /// Axes whose drives are on for it, bit = axis index.
    pub enabled: u64,
    /// Outputs that it left out of their off state, bit = output index.
    pub outputs: u64,
    /// Outputs and grippers that have not answered.
    pub acts: usize,
    /// How what was done last came out, in words, and whether as it was meant to.
    pub last: Option<String>,
    pub last_done: bool,
}

#[derive(Debug)]
struct Jog {
    axis: AxisId,
    positive: bool,
    velocity_au_s: f64,
    by: Source,
    what: String,
    from_au: f64,
    renewed: TimeNs,
    /// Where the move under way ends.
    target_au: f64,
    phase: Phase,
    ending: Option<Ending>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The next job is to be sent.
    Next,
    Enabling(JobId),
    Moving(JobId),
}

/// It is to come to rest, or has.
#[derive(Debug)]
struct Ending {
    /// As a person would wish (`Ok`) or not.
    why: Result<String, String>,
    cancel: Option<JobId>,
    deadline: TimeNs,
}

impl Manual {
    pub(crate) fn status(&self) -> ManualStatus {
        ManualStatus {
            jog: self.jog.as_ref().map(|j| (j.axis, j.by.who.clone())),
            homing: self.homing.as_ref().map(|h| (h.robot, h.by.who.clone())),
            enabled: self.enabled,
            outputs: self.left,
            acts: self.acts.len(),
            last: self.last.clone(),
            last_done: self.last_done,
        }
    }

    /// Something of it is still to be taken back.
    pub(crate) fn busy(&self) -> bool {
        self.moves() || !self.acts.is_empty() || self.enabled != 0 || self.left != 0
    }

    /// An axis or a cobot is moved.
    fn moves(&self) -> bool {
        self.jog.is_some() || self.homing.is_some()
    }

    /// Who moves it.
    fn mover(&self) -> Option<&Source> {
        self.jog.as_ref().map(|j| &j.by).or(self.homing.as_ref().map(|h| &h.by))
    }

    fn say(&mut self, (told, done): (String, bool)) {
        (self.last, self.last_done) = (Some(told), done);
    }

    /// Brings what is moved to rest. `false`: nothing is.
    pub(crate) fn end(&mut self, cx: &mut Cx<'_>, why: Result<String, String>) -> bool {
        if let Some(homing) = &mut self.homing {
            homing.end(cx, why);
            return true;
        }
        let Some(jog) = &mut self.jog else { return false };
        if jog.ending.is_none() {
            let deadline = cx.now + REST_WITHIN;
            cx.wake_at(deadline);
            jog.ending = Some(Ending { why, cancel: None, deadline });
        }
        true
    }
}

impl Core {
    /// Takes a request; those that begin something are answered and recorded either way.
    pub(crate) fn manual_request(&mut self, cx: &mut Cx<'_>, request: ManualRequest, by: Source) {
        match request {
            ManualRequest::Renew => {
                if let Some(jog) = self.manual.jog.as_mut().filter(|j| j.by == by) {
                    jog.renewed = cx.now;
                    if matches!(jog.phase, Phase::Moving(_)) {
                        cx.job_unwatched(RtOp::Renew { axis: jog.axis });
                    }
                    cx.wake_at(cx.now + JOG_WINDOW);
                }
                if let Some(homing) = self.manual.homing.as_mut().filter(|h| h.by == by) {
                    homing.renew(cx);
                }
            }
            ManualRequest::Release | ManualRequest::Leave => {
                let leaves = request == ManualRequest::Leave;
                let own = self.manual.mover() == Some(&by);
                if own {
                    let why = if leaves { "its client went away" } else { "let go" };
                    self.manual.end(cx, Ok(why.into()));
                }
                self.manual.deserted |= leaves && (own || !self.manual.moves());
            }
            ManualRequest::Jog { axis, positive, share } => self.begin_jog(cx, axis, positive, share, by),
            ManualRequest::Output { output, on } => self.begin_output(cx, output, on, by),
            ManualRequest::Grip { robot, close } => self.begin_grip(cx, robot, close, by),
            ManualRequest::Home { robot } => self.begin_home(cx, robot, by),
        }
    }

    /// What every request needs. Errors: the reason in words.
    fn by_hand(&self, cx: &Cx<'_>) -> Result<(), String> {
        let (mode, state) = (self.mode, self.state());
        if mode != CellMode::Manual {
            return Err(format!("the mode is {}: change to Manual first", mode.name()));
        }
        if state != CellState::Stopped {
            return Err(format!("the cell is in {}: by hand only in Stopped, after Clear", state.name()));
        }
        if !cx.machine.rt.safety_ok {
            return Err(format!("safety inputs {}", crate::acting::safety_cause(cx)));
        }
        if !cx.machine.fresh() || !cx.urgent_applied() {
            return Err("the inputs are not fresh".into());
        }
        match &self.store_fault {
            Some(cause) => Err(format!("the store cannot be written: {cause}")),
            None => Ok(()),
        }
    }

    /// One thing is moved at a time. Errors: what is.
    fn nothing_moves(&self) -> Result<(), String> {
        if let Some(jog) = &self.manual.jog {
            return Err(format!("one axis at a time: `{}` by {} has not ended", jog.what, jog.by.who));
        }
        match &self.manual.homing {
            Some(h) => Err(format!("one thing at a time: `{}` by {} has not ended", h.what, h.by.who)),
            None => Ok(()),
        }
    }

    fn begin_jog(&mut self, cx: &mut Cx<'_>, axis: AxisId, positive: bool, share: f64, by: Source) {
        let name =
            cx.cell.axes.get(axis.index()).map_or_else(|| format!("axis {}", axis.0), |a| a.name.clone());
        let what = format!("jog {name} {}", if positive { "+" } else { "-" });
        match self.new_jog(cx, axis, positive, share, by.clone(), what.clone()) {
            Ok(jog) => {
                self.manual.deserted = false;
                self.manual.jog = Some(jog);
                cx.wake_at(cx.now + JOG_WINDOW);
                answered(cx, what, by, Ok(()));
            }
            Err(why) => answered(cx, what, by, Err(why)),
        }
    }

    fn new_jog(
        &self,
        cx: &Cx<'_>,
        axis: AxisId,
        positive: bool,
        share: f64,
        by: Source,
        what: String,
    ) -> Result<Jog, String> {
        self.by_hand(cx)?;
        self.nothing_moves()?;
        let described = cx.cell.axes.get(axis.index()).ok_or("there is no such axis")?;
        if !(share > 0.0 && share <= 1.0) {
            return Err(format!("a share of {share} of the reduced speed: above 0 and up to 1"));
        }
        way(cx, axis, positive)?;
        let of_table = cx.cell.table.as_ref().filter(|t| t.axis == axis).map(|t| t.velocity);
        let reduced = described.velocity_max * cx.cell.manual.speed;
        Ok(Jog {
            axis,
            positive,
            velocity_au_s: share * reduced.min(of_table.unwrap_or(f64::INFINITY)),
            by,
            what,
            from_au: actual(cx, axis),
            renewed: cx.now,
            target_au: f64::NAN,
            phase: Phase::Next,
            ending: None,
        })
    }

    /// Looks at what is under way, after every input.
    pub(crate) fn poll_manual(&mut self, cx: &mut Cx<'_>) {
        if !self.manual.busy() {
            return;
        }
        if matches!(self.state(), CellState::Aborting | CellState::Aborted) {
            return self.drop_manual(cx);
        }
        if let Some(fault) = self.poll_jog(cx).or_else(|| self.poll_home(cx)) {
            return self.react(cx, &fault);
        }
        self.poll_acts(cx);
        self.take_back(cx);
    }

    /// An abort takes everything back by itself: axes to rest, drives off, outputs in their off state.
    fn drop_manual(&mut self, cx: &mut Cx<'_>) {
        let mut manual = core::mem::take(&mut self.manual);
        (self.manual.last, self.manual.last_done) = (manual.last.take(), manual.last_done);
        let state = self.state().name();
        if let Some(jog) = manual.jog {
            let said = record_jog_end(cx, jog, Err(state.to_string()));
            self.manual.say(said);
        }
        if let Some(homing) = manual.homing {
            let (what, by) = (homing.what.clone(), homing.by.clone());
            let said = record_end(cx, format!("{what} ended"), by, homing.why_or(Err(state.to_string())));
            self.manual.say(said);
        }
        for act in manual.acts {
            let said = act_ended(cx, act, Err(format!("the cell is in {state}")));
            self.manual.say(said);
        }
    }

    fn poll_jog(&mut self, cx: &mut Cx<'_>) -> Option<MachineFault> {
        if let Some(why) = self.why_end(cx) {
            self.manual.end(cx, why);
        }
        let jog = self.manual.jog.as_mut()?;
        if jog.ending.as_ref().is_some_and(|e| cx.now >= e.deadline) {
            return Some(not_at_rest(AlarmClass::Abort));
        }
        let ended = match jog.phase {
            Phase::Next => jog.next(cx, &mut self.manual.enabled, self.manual.disable.is_some()),
            Phase::Enabling(job) | Phase::Moving(job) => jog.look(cx, job),
        };
        if let Some(jog) = self.manual.jog.take_if(|_| ended) {
            cx.ledger.forget_jobs(jog.ending.as_ref().and_then(|e| e.cancel));
            let said = record_jog_end(cx, jog, Ok("at the end of its way".into()));
            self.manual.say(said);
            self.manual.rested = cx.now;
            cx.wake_at(cx.now + IDLE_MAX);
        }
        None
    }

    /// Why a jog that goes on may not.
    fn why_end(&self, cx: &Cx<'_>) -> Option<Result<String, String>> {
        let jog = self.manual.jog.as_ref().filter(|j| j.ending.is_none())?;
        if cx.now >= jog.renewed + JOG_WINDOW {
            return Some(Ok(not_renewed()));
        }
        if self.mode != CellMode::Manual || self.state() != CellState::Stopped {
            return Some(Ok(format!("mode {}, {}", self.mode.name(), self.state().name())));
        }
        table_blocked(cx, jog.axis).or_else(|| left_alone(cx, jog)).map(Err)
    }

    /// Drives that rest long enough go off; when the mode has ended, at once, and the outputs too.
    fn take_back(&mut self, cx: &mut Cx<'_>) {
        let left_mode = self.mode != CellMode::Manual;
        let manual = &mut self.manual;
        if let Some(ended) = manual.disable.and_then(|job| cx.ledger.take_job(job)) {
            manual.disable = None;
            if !again(&ended) {
                manual.enabled = 0;
            }
        }
        let idle = left_mode || manual.deserted || cx.now >= manual.rested + IDLE_MAX;
        if manual.enabled != 0 && manual.jog.is_none() && manual.disable.is_none() && idle {
            manual.disable = Some(cx.job(RtOp::Disable { axes: manual.enabled }));
        }
        if let Some(ended) = manual.restore.and_then(|job| cx.ledger.take_job(job)) {
            manual.restore = None;
            if !again(&ended) {
                manual.left = 0;
            }
        }
        if left_mode && manual.left != 0 && manual.acts.is_empty() && manual.restore.is_none() {
            let (mask, value) = (manual.left, off_states(cx.cell) & manual.left);
            manual.restore = Some(cx.job(RtOp::SetOutputs { mask, value }));
        }
    }
}

impl Jog {
    /// Sends the next job. `true`: it has ended instead.
    fn next(&mut self, cx: &mut Cx<'_>, enabled: &mut u64, disabling: bool) -> bool {
        if self.ending.is_some() {
            return true;
        }
        // What is being switched off is waited for.
        if disabling {
            return false;
        }
        let bit = 1u64.checked_shl(u32::from(self.axis.0)).unwrap_or(0);
        if !cx.machine.rt.axes.get(self.axis.index()).is_some_and(|a| a.enabled) {
            *enabled |= bit;
            self.phase = Phase::Enabling(cx.job(RtOp::Enable { axes: bit }));
            return false;
        }
        match way(cx, self.axis, self.positive) {
            Ok(target_au) => {
                let (axis, velocity_au_s) = (self.axis, self.velocity_au_s);
                self.target_au = target_au;
                // The cycle ends it too, when nobody tells it anything any more.
                let op = RtOp::MoveWhile { axis, target_au, velocity_au_s, window: JOG_WINDOW };
                self.phase = Phase::Moving(cx.job(op));
                false
            }
            Err(why) => {
                self.ending = Some(Ending { why: Err(why), cancel: None, deadline: cx.now + REST_WITHIN });
                true
            }
        }
    }

    /// Looks at the job under way, and stops it if it is to end. `true`: it has ended.
    fn look(&mut self, cx: &mut Cx<'_>, job: JobId) -> bool {
        match cx.ledger.take_job(job) {
            None => {
                self.stop(cx);
                false
            }
            Some(JobEnded::Done(_)) if matches!(self.phase, Phase::Moving(_)) => true,
            Some(JobEnded::Done(_)) => {
                self.phase = Phase::Next;
                self.ending.is_some()
            }
            Some(ended) if again(&ended) => {
                self.phase = Phase::Next;
                self.ending.is_some()
            }
            Some(ended) => {
                let why = match ended {
                    JobEnded::Refused(why) => refusal_word(why),
                    JobEnded::Fault(fault) => alarms::code(fault.kind).word().into(),
                    _ => "stopped: not renewed in time".into(),
                };
                let deadline = cx.now + REST_WITHIN;
                self.ending.get_or_insert(Ending { why: Err(why), cancel: None, deadline });
                true
            }
        }
    }

    /// Sends the cancel, once more if the ring had no room for it.
    fn stop(&mut self, cx: &mut Cx<'_>) {
        let Some(ending) = &mut self.ending else { return };
        let refused = ending.cancel.and_then(|job| cx.ledger.take_job(job)).is_some_and(|e| again(&e));
        if ending.cancel.is_none() || refused {
            ending.cancel = Some(cx.job(RtOp::Cancel { axis: self.axis }));
        }
    }
}

fn not_renewed() -> String {
    format!("not renewed for {} ms", JOG_WINDOW.0 / 1_000_000)
}

/// A job that did not begin and may be sent again: a full ring, inputs that are stale for a moment, an
/// axis that is not through with the job before.
fn again(ended: &JobEnded) -> bool {
    matches!(ended, JobEnded::Refused(Refusal::Busy | Refusal::StaleInput | Refusal::AxisBusy))
}

fn off_states(cell: &Cell) -> u64 {
    let on = cell.digital_outputs.iter().enumerate().filter(|(_, o)| o.off_state);
    on.fold(0, |m, (i, _)| m | 1u64.checked_shl(i as u32).unwrap_or(0))
}

/// How a jog came out, with the way that it went; see [`record_end`].
/// `otherwise`: if nothing was to end it.
fn record_jog_end(cx: &mut Cx<'_>, jog: Jog, otherwise: Result<String, String>) -> (String, bool) {
    let why = jog.ending.map_or(otherwise, |e| e.why);
    let to_au = actual(cx, jog.axis);
    let described = cx.cell.axes.get(jog.axis.index());
    let way = described
        .map_or_else(String::new, |a| format!("from {} to {}", place(a, jog.from_au), place(a, to_au)));
    record_end(cx, format!("{} ended, {way}", jog.what), jog.by, why)
}

/// How something by hand came out, for the record; in words, and whether as it was meant to. `ended`: what has.
fn record_end(cx: &mut Cx<'_>, ended: String, by: Source, why: Result<String, String>) -> (String, bool) {
    let (words, result) = match why {
        Ok(why) => (format!("{ended}: {why}"), Ok(())),
        Err(why) => (ended, Err(why)),
    };
    let told = match &result {
        Ok(()) => words.clone(),
        Err(why) => format!("{words}: {why}"),
    };
    let done = result.is_ok();
    cx.record(Record::Request { what: words, by, result });
    (told, done)
}

fn answered(cx: &mut Cx<'_>, what: String, by: Source, result: Result<(), String>) {
    let ticket = cx.record(Record::Request { what: what.clone(), by: by.clone(), result: result.clone() });
    cx.out.push(Output::Answered { request: Answered::Manual(what), by, result, ticket });
}
