//! The catalogue: every alarm that the controller can raise. An alarm with a code that is not in it cannot
//! be written down.
//!
//! *Rank*: how fundamental a cause is. What a cause of low rank brings about has a higher one, so that of
//! several causes seen together the lowest is the one to look at. *Act*: one thing that a person does; what
//! is read and what a script follows are made from the same acts. *Way back*: the commands from where the
//! cell comes to rest to Execute.
//!
//! The page `ALARMS.md` is made from the table (module `page`).

mod page;
mod table;

use core::fmt::{Display, Formatter, Write};

use cellwright_model::event::AlarmClass;
use cellwright_model::packml::{CellCommand, CellMode, CellState};

use crate::api::MachineFault;
use crate::cell_chart::{self, Trigger};

pub use page::{acts_in_execute, page};
pub use table::{AlarmCode, TABLE};

/// Commands and answers that a remedy asks of a person at the most.
pub const COMMANDS_MAX: usize = 3;

/// How fundamental a cause is; the lower, the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// The program itself.
    Program,
    /// The safety controller has removed its enable.
    Safety,
    /// Cable, supply or state of a SubDevice; inputs that do not arrive.
    Segment,
    /// A drive by its own word.
    Drive,
    /// What an axis does.
    Motion,
    /// Record, supplies, cobots, cameras, sensors.
    Device,
    /// A step, a part, material.
    Process,
    /// What the cell itself does because of something: a sequence that does not get on, so many ng in a row.
    Sequence,
}

impl Rank {
    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Rank::Program => "program",
            Rank::Safety => "safety",
            Rank::Segment => "segment",
            Rank::Drive => "drive",
            Rank::Motion => "motion",
            Rank::Device => "device",
            Rank::Process => "process",
            Rank::Sequence => "sequence",
        }
    }
}

/// One thing that a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// What has to be done at the machine before a command helps.
    RemoveCause(&'static str),
    /// Nests and grippers are emptied by hand, if something lies in them.
    TakeOutParts,
    Command(CellCommand),
    /// To the question that stands open at the alarm's place.
    Answer(&'static str),
    /// The controller is started again.
    Restart,
}

impl Act {
    /// It asks something of the controller, and not only of hands.
    pub const fn commands(self) -> bool {
        matches!(self, Act::Command(_) | Act::Answer(_) | Act::Restart)
    }
}

impl Display for Act {
    fn fmt(&self, f: &mut Formatter<'_>) -> core::fmt::Result {
        match self {
            Act::RemoveCause(what) => f.write_str(what),
            Act::TakeOutParts => f.write_str("take out what lies in nests and grippers"),
            Act::Command(command) => f.write_str(command.name()),
            Act::Answer(answer) => write!(f, "answer {answer}"),
            Act::Restart => f.write_str("restart the controller"),
        }
    }
}

/// What leads back to Execute after the cause is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The commands from the state in which the cell comes to rest.
    Commands,
    /// A step asks: the answer. The same by commands where no step asks.
    Answer,
    /// The same after a Stop: Resetting has to bring something to its place.
    StopFirst,
    /// The cell goes on by itself.
    Alone,
    /// Only a new start of the controller.
    Restart,
}

/// One alarm.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub code: AlarmCode,
    /// Stable word: programs and records name the alarm by it.
    pub word: &'static str,
    /// Where whoever raises it does not say otherwise.
    pub class: AlarmClass,
    pub rank: Rank,
    pub title: &'static str,
    /// In words; `{name}` stands for what is known when it is raised.
    pub cause: &'static str,
    /// What its place names.
    pub place: &'static str,
    /// What is done at the machine, in order, before the way back.
    pub first: &'static str,
    pub way: Way,
    /// What a person has to know who meets it for the first time.
    pub page: &'static str,
}

/// The words of all alarms.
pub fn words() -> Vec<&'static str> {
    TABLE.iter().map(|e| e.word).collect()
}

impl AlarmCode {
    /// Its row of the table.
    pub fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }

    /// Its stable word.
    pub fn word(self) -> &'static str {
        self.entry().word
    }

    /// The code of a word.
    pub fn from_word(word: &str) -> Option<AlarmCode> {
        TABLE.iter().find(|e| e.word == word).map(|e| e.code)
    }

    /// The fault with this code, of the class that the table says. `values`: for each name in the cause what
    /// stands there.
    pub fn fault(self, place: impl Into<String>, values: &[(&str, &str)]) -> MachineFault {
        let entry = self.entry();
        let (cause, place) = (fill(entry.cause, values), place.into());
        MachineFault { class: entry.class, code: self, cause, place, first: entry.first }
    }

    /// The fault of a step that the machine could not do, from the word of its cause.
    pub(crate) fn step_fault(cause: &str, step: &str) -> MachineFault {
        let code = AlarmCode::of_step(cause);
        let detail = cause.split_once(": ").map_or(cause, |(_, detail)| detail);
        // Of some alarms a step knows less than the cycle does.
        let known = placeholder(code.entry().cause).is_none_or(|(_, name, _)| name == "cause");
        let template = if known { code.entry().cause } else { AlarmCode::StepFault.entry().cause };
        let cause = fill(template, &[("cause", if code == AlarmCode::StepFault { cause } else { detail })]);
        MachineFault { class: AlarmClass::Hold, code, cause, place: step.into(), first: code.entry().first }
    }

    /// The code for the cause word of a step that the machine could not do (`tray-empty: cap_tray`).
    pub fn of_step(cause: &str) -> AlarmCode {
        let word = cause.split(':').next().unwrap_or(cause).trim();
        if let Some(code) = AlarmCode::from_word(word) {
            return code;
        }
        match word {
            "not-released" => AlarmCode::ReleaseFailed,
            "stale-inputs" => AlarmCode::StaleInput,
            _ if word.starts_with("robot-") => AlarmCode::Robot,
            _ if word.starts_with("device-") => AlarmCode::Device,
            _ => AlarmCode::StepFault,
        }
    }
}

impl Display for AlarmCode {
    fn fmt(&self, f: &mut Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.word())
    }
}

/// Puts the values into their places; a place without one shows a question mark.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, name, after)) = placeholder(rest) {
        let value = values.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        debug_assert!(value.is_some(), "nothing for `{name}` of `{template}`");
        out.push_str(before);
        out.push_str(value.unwrap_or("?"));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// (text before, name, text after) of the first `{name}`.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// The state in which the cell comes to rest when a fault of this class meets it in `state`.
pub fn rests_in(state: CellState, class: AlarmClass) -> CellState {
    use CellState::*;
    let after = match class {
        AlarmClass::Abort => cell_chart::next(state, Trigger::Command(CellCommand::Abort)),
        AlarmClass::Stop if state == Clearing => Some(Aborting),
        AlarmClass::Stop => cell_chart::next(state, Trigger::Command(CellCommand::Stop)),
        AlarmClass::Hold if matches!(state, Starting | Resetting | Completing) => Some(Stopping),
        AlarmClass::Hold => cell_chart::next(state, Trigger::Command(CellCommand::Hold)),
        AlarmClass::RejectPart | AlarmClass::Warning => None,
    };
    let mut at = after.unwrap_or(state);
    while let Some(next) = cell_chart::next(at, Trigger::Done) {
        at = next;
    }
    at
}

/// The commands that lead from where the cell rests to Execute, as far as the mode has the states.
pub fn way_back(from: CellState, mode: CellMode) -> Vec<CellCommand> {
    let mut at = from;
    let mut way = Vec::new();
    while at != CellState::Execute && way.len() < COMMANDS_MAX {
        let command = match at {
            CellState::Aborted => CellCommand::Clear,
            CellState::Stopped | CellState::Completed => CellCommand::Reset,
            CellState::Idle => CellCommand::Start,
            CellState::Held => CellCommand::Unhold,
            CellState::Suspended => CellCommand::Unsuspend,
            _ => return way,
        };
        let Some(mut to) = cell_chart::next(at, Trigger::Command(command)) else { return way };
        if !crate::modes::mask(mode).contains(&to) {
            return way;
        }
        while let Some(next) = cell_chart::next(to, Trigger::Done) {
            to = next;
        }
        way.push(command);
        at = to;
    }
    way
}

/// How a fault is met: what decides on the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meets {
    pub(crate) state: CellState,
    pub(crate) mode: CellMode,
    /// Units are in work, or something is left of one.
    pub(crate) parts: bool,
    /// A step asks, and this is the answer that takes the unit on.
    pub(crate) answer: Option<&'static str>,
}

/// What a person does about a fault, in order.
pub(crate) fn acts(fault: &MachineFault, meets: Meets) -> Vec<Act> {
    let mut acts = vec![Act::RemoveCause(fault.first)];
    let way = fault.code.entry().way;
    if way == Way::Restart {
        acts.push(Act::Restart);
    }
    if let Some(answer) = meets.answer {
        acts.push(Act::Answer(answer));
        return acts;
    }
    if matches!(way, Way::Commands | Way::Answer | Way::StopFirst) {
        let mut rest = rests_in(meets.state, fault.class);
        if let Some(stopped) = stopped_first(way, rest) {
            acts.push(Act::Command(CellCommand::Stop));
            rest = stopped;
        }
        if meets.parts && matches!(rest, CellState::Stopped | CellState::Aborted) {
            acts.push(Act::TakeOutParts);
        }
        acts.extend(way_back(rest, meets.mode).into_iter().map(Act::Command));
    }
    acts
}

/// Where a cell that has to be stopped first comes to rest; `None`: it does not, or is stopped.
fn stopped_first(way: Way, rest: CellState) -> Option<CellState> {
    let stopping = cell_chart::next(rest, Trigger::Command(CellCommand::Stop))?;
    (way == Way::StopFirst).then(|| cell_chart::next(stopping, Trigger::Done))?
}

/// The acts as one sentence: hands first, then the commands in their order.
pub fn remedy(acts: &[Act]) -> String {
    let (commands, hands): (Vec<&Act>, Vec<&Act>) = acts.iter().partition(|a| a.commands());
    let mut out = String::new();
    for (i, act) in hands.into_iter().enumerate() {
        // Writing into a String cannot fail.
        let _ = write!(out, "{}{act}", if i > 0 { "; " } else { "" });
    }
    for (i, act) in commands.into_iter().enumerate() {
        let _ = write!(out, "{}{act}", if i > 0 { ", " } else { "; then " });
    }
    out
}

impl MachineFault {
    /// The same with another class than the table says.
    pub fn with_class(self, class: AlarmClass) -> MachineFault {
        MachineFault { class, ..self }
    }

    /// The same with something more particular to do first.
    pub fn with_first(self, first: &'static str) -> MachineFault {
        MachineFault { first, ..self }
    }
}

#[cfg(test)]
mod tests;
