//! The branch chart: one statig machine for each active path of a unit. The recipe's graph is data beside
//! it (module `sequencer`), the work of a step too (module `step`).
//!
//! *Gate*: waits for its turn, for the branches of a fork, for resources. *Preparing*: intent durable,
//! table under the station, `check:`. *Running*: operations. *Verifying*: judged, cleaned up, outcome
//! durable. *AwaitOperator*: the recipe asks, or the machine could not and a person decides.
//!
//! [`TABLE`] is the authority, as in the cell chart.

use statig::prelude::*;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];
            /// Its word.
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => stringify!($variant)),* }
            }
        }
    };
}

words! {
    /// Leaf states of a branch.
    BranchState {
        Idle, Gate, Preparing, Running, Verifying, Advance, Retrying, Reject, AwaitOperator,
        Holding, Held, Resuming, Faulting, Faulted, Stopping, Stopped, Done,
    }
}

words! {
    /// What happens to a branch.
    BranchEvent {
        /// Its turn has come.
        Begin,
        /// Resources are held: the attempt begins.
        Open,
        /// Every branch of the fork has passed, or the repeat has come to its end.
        Joined,
        /// The step's `when:` does not hold.
        Omit,
        /// Nothing to do any more: another branch has condemned the unit.
        Skip,
        /// Intent durable, station reached, check holds.
        Prepared,
        /// The operations have ended, one way or another.
        Ended,
        /// An operation asks a person.
        Ask,
        Answered,
        /// The attempt passed and its outcome is durable.
        Passed,
        /// Once more.
        Again,
        /// The time before the next attempt is over.
        Elapsed,
        /// The part is bad, or a person said so.
        Bad,
        /// The machine could not; a person decides.
        Unable,
        /// A person took the unit out.
        RemovedByHand,
        /// To the next node.
        Next,
        /// The path is at its end.
        Finish,
        Hold,
        /// What moved for this branch has come to rest.
        AtRest,
        Resume,
        Resumed,
        Stop,
        Abort,
        /// Its last attempt is recorded.
        Close,
    }
}

/// One row of the table. `Resumed` leads back to where Hold came from and has a row for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BranchTransition {
    pub from: BranchState,
    pub on: BranchEvent,
    pub to: BranchState,
}

const fn row(from: BranchState, on: BranchEvent, to: BranchState) -> BranchTransition {
    BranchTransition { from, on, to }
}

/// Every transition of a branch.
pub const TABLE: &[BranchTransition] = {
    use BranchEvent as E;
    use BranchState::*;
    &[
        row(Idle, E::Begin, Gate),
        row(Gate, E::Open, Preparing),
        row(Gate, E::Joined, Advance),
        row(Gate, E::Omit, Advance),
        row(Gate, E::Bad, Reject),
        row(Gate, E::Skip, Done),
        row(Preparing, E::Prepared, Running),
        row(Preparing, E::Ended, Verifying),
        row(Running, E::Ended, Verifying),
        row(Running, E::Ask, AwaitOperator),
        row(AwaitOperator, E::Answered, Running),
        row(AwaitOperator, E::Ended, Verifying),
        row(AwaitOperator, E::Again, Retrying),
        row(AwaitOperator, E::Bad, Reject),
        row(AwaitOperator, E::RemovedByHand, Done),
        row(Verifying, E::Passed, Advance),
        row(Verifying, E::Again, Retrying),
        row(Verifying, E::Bad, Reject),
        row(Verifying, E::Unable, AwaitOperator),
        row(Retrying, E::Elapsed, Gate),
        row(Advance, E::Next, Gate),
        row(Advance, E::Finish, Done),
        row(Advance, E::Skip, Done),
        row(Reject, E::Finish, Done),
        // Operating: Hold.
        row(Gate, E::Hold, Holding),
        row(Preparing, E::Hold, Holding),
        row(Running, E::Hold, Holding),
        row(Verifying, E::Hold, Holding),
        row(Advance, E::Hold, Holding),
        row(Retrying, E::Hold, Holding),
        row(Reject, E::Hold, Holding),
        row(AwaitOperator, E::Hold, Holding),
        row(Holding, E::AtRest, Held),
        row(Held, E::Resume, Resuming),
        row(Resuming, E::Resumed, Gate),
        row(Resuming, E::Resumed, Preparing),
        row(Resuming, E::Resumed, Running),
        row(Resuming, E::Resumed, Verifying),
        row(Resuming, E::Resumed, Advance),
        row(Resuming, E::Resumed, Retrying),
        row(Resuming, E::Resumed, Reject),
        row(Resuming, E::Resumed, AwaitOperator),
        // Active: Stop.
        row(Idle, E::Stop, Stopping),
        row(Gate, E::Stop, Stopping),
        row(Preparing, E::Stop, Stopping),
        row(Running, E::Stop, Stopping),
        row(Verifying, E::Stop, Stopping),
        row(Advance, E::Stop, Stopping),
        row(Retrying, E::Stop, Stopping),
        row(Reject, E::Stop, Stopping),
        row(AwaitOperator, E::Stop, Stopping),
        row(Holding, E::Stop, Stopping),
        row(Held, E::Stop, Stopping),
        row(Resuming, E::Stop, Stopping),
        row(Stopping, E::AtRest, Stopped),
        row(Stopped, E::Close, Done),
        // Active, Stopping, Stopped: Abort.
        row(Idle, E::Abort, Faulting),
        row(Gate, E::Abort, Faulting),
        row(Preparing, E::Abort, Faulting),
        row(Running, E::Abort, Faulting),
        row(Verifying, E::Abort, Faulting),
        row(Advance, E::Abort, Faulting),
        row(Retrying, E::Abort, Faulting),
        row(Reject, E::Abort, Faulting),
        row(AwaitOperator, E::Abort, Faulting),
        row(Holding, E::Abort, Faulting),
        row(Held, E::Abort, Faulting),
        row(Resuming, E::Abort, Faulting),
        row(Stopping, E::Abort, Faulting),
        row(Stopped, E::Abort, Faulting),
        row(Faulting, E::AtRest, Faulted),
        row(Faulted, E::Close, Done),
    ]
};

/// What entering a state asks of the branch; the chart itself does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The cursor goes to the next node; counts of attempts begin anew.
    NextNode,
    /// An attempt of the step is opened and its intent recorded.
    OpenAttempt,
    /// A person is asked what becomes of the unit; an alarm says why.
    AskDecision,
    /// Waits for the time before the next attempt.
    AwaitRetry,
    /// The attempt is over; its resources are given back.
    CloseAttempt,
    /// The unit is not good, with the cause of the attempt.
    Condemn,
    /// A cobot that is under way for the step is stopped.
    Halt,
    /// The attempt is recorded as aborted.
    BreakOffAborted,
    /// The attempt is recorded as interrupted.
    BreakOffInterrupted,
    /// The end of the branch is set, its resources are given back.
    Finish,
}

impl Effect {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Effect::NextNode => "to the next node",
            Effect::OpenAttempt => "open the attempt",
            Effect::AskDecision => "ask a person",
            Effect::AwaitRetry => "wait for the next attempt",
            Effect::CloseAttempt => "close the attempt",
            Effect::Condemn => "condemn the unit",
            Effect::Halt => "stop the cobot",
            Effect::BreakOffAborted => "record the attempt as aborted",
            Effect::BreakOffInterrupted => "record the attempt as interrupted",
            Effect::Finish => "set the end",
        }
    }
}

/// What a transition asks for; `Resumed` asks for nothing, since everything is as Hold left it.
pub const fn effect(from: BranchState, on: BranchEvent, to: BranchState) -> Option<Effect> {
    use BranchState as S;
    match (from, on, to) {
        (S::Advance, _, S::Gate) => Some(Effect::NextNode),
        (_, BranchEvent::Open, S::Preparing) => Some(Effect::OpenAttempt),
        (_, BranchEvent::Unable, S::AwaitOperator) => Some(Effect::AskDecision),
        (_, BranchEvent::Again, S::Retrying) => Some(Effect::AwaitRetry),
        (_, BranchEvent::Resumed, _) => None,
        (_, _, S::Advance) => Some(Effect::CloseAttempt),
        (_, BranchEvent::Bad, S::Reject) => Some(Effect::Condemn),
        (_, _, S::Holding) => Some(Effect::Halt),
        (_, _, S::Faulting) => Some(Effect::BreakOffAborted),
        (_, _, S::Stopped) => Some(Effect::BreakOffInterrupted),
        (_, _, S::Done) => Some(Effect::Finish),
        _ => None,
    }
}

/// Whether the table has this transition.
pub fn permitted(from: BranchState, on: BranchEvent, to: BranchState) -> bool {
    TABLE.contains(&row(from, on, to))
}

/// The machine. statig has no history: the leaf state is kept here for Hold, which a superstate answers.
#[derive(Debug)]
struct BranchChart {
    at: BranchState,
}

/// What one event did, filled while it is handled.
#[derive(Debug)]
struct Handling {
    event: BranchEvent,
    rejected: bool,
    off_table: bool,
    effect: Option<Effect>,
}

#[state_machine(
    initial = "State::idle()",
    state(derive(Debug, Clone, Copy, PartialEq, Eq)),
    superstate(derive(Debug)),
    after_transition = "Self::audit"
)]
impl BranchChart {
    /// Outermost: what nobody below took is rejected, never lost.
    #[superstate]
    fn branch(context: &mut Handling) -> Outcome<State> {
        context.rejected = true;
        Handled
    }

    #[superstate(superstate = "branch")]
    fn abortable(event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Abort => Transition(State::faulting()),
            _ => Super,
        }
    }

    #[superstate(superstate = "abortable")]
    fn active(event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Stop => Transition(State::stopping()),
            _ => Super,
        }
    }

    #[superstate(superstate = "active")]
    fn operating(&mut self, event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Hold => Transition(State::holding(self.at)),
            _ => Super,
        }
    }

    #[state(superstate = "active")]
    fn idle(event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Begin => Transition(State::gate()),
            _ => Super,
        }
    }

    #[state(superstate = "operating")]
    fn gate(event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Open => Transition(State::preparing()),
            BranchEvent::Joined | BranchEvent::Omit => Transition(State::advance()),
            BranchEvent::Bad => Transition(State::reject()),
            BranchEvent::Skip => Transition(State::done()),
            _ => Super,
        }
    }

    #[state(superstate = "operating")]
    fn preparing(event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Prepared => Transition(State::running()),
            BranchEvent::Ended => Transition(State::verifying()),
            _ => Super,
        }
    }

    #[state(superstate = "operating")]
    fn running(event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Ended => Transition(State::verifying()),
            BranchEvent::Ask => Transition(State::await_operator()),
            _ => Super,
        }
    }

    #[state(superstate = "operating")]
    fn await_operator(event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Answered => Transition(State::running()),
            BranchEvent::Ended => Transition(State::verifying()),
            BranchEvent::Again => Transition(State::retrying()),
            BranchEvent::Bad => Transition(State::reject()),
            BranchEvent::RemovedByHand => Transition(State::done()),
            _ => Super,
        }
    }

    #[state(superstate = "operating")]
    fn verifying(event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Passed => Transition(State::advance()),
            BranchEvent::Again => Transition(State::retrying()),
            BranchEvent::Bad => Transition(State::reject()),
            BranchEvent::Unable => Transition(State::await_operator()),
            _ => Super,
        }
    }

    #[state(superstate = "operating")]
    fn retrying(event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Elapsed => Transition(State::gate()),
            _ => Super,
        }
    }

    #[state(superstate = "operating")]
    fn advance(event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Next => Transition(State::gate()),
            BranchEvent::Finish | BranchEvent::Skip => Transition(State::done()),
            _ => Super,
        }
    }

    #[state(superstate = "operating")]
    fn reject(event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Finish => Transition(State::done()),
            _ => Super,
        }
    }

    #[state(superstate = "active")]
    fn holding(back: &BranchState, event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::AtRest => Transition(State::held(*back)),
            _ => Super,
        }
    }

    #[state(superstate = "active")]
    fn held(back: &BranchState, event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Resume => Transition(State::resuming(*back)),
            _ => Super,
        }
    }

    #[state(superstate = "active")]
    fn resuming(back: &BranchState, event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Resumed => back_to(*back).map_or(Super, Transition),
            _ => Super,
        }
    }

    #[state(superstate = "abortable")]
    fn stopping(event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::AtRest => Transition(State::stopped()),
            _ => Super,
        }
    }

    #[state(superstate = "abortable")]
    fn stopped(event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Close => Transition(State::done()),
            _ => Super,
        }
    }

    #[state(superstate = "branch")]
    fn faulting(event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::AtRest => Transition(State::faulted()),
            _ => Super,
        }
    }

    #[state(superstate = "branch")]
    fn faulted(event: &BranchEvent) -> Outcome<State> {
        match event {
            BranchEvent::Close => Transition(State::done()),
            _ => Super,
        }
    }

    #[state(superstate = "branch")]
    fn done() -> Outcome<State> {
        Super
    }
}

/// The operating state that Hold came from; `None` for the others, which Hold cannot come from.
fn back_to(state: BranchState) -> Option<State> {
    match state {
        BranchState::Gate => Some(State::gate()),
        BranchState::Preparing => Some(State::preparing()),
        BranchState::Running => Some(State::running()),
        BranchState::Verifying => Some(State::verifying()),
        BranchState::Advance => Some(State::advance()),
        BranchState::Retrying => Some(State::retrying()),
        BranchState::Reject => Some(State::reject()),
        BranchState::AwaitOperator => Some(State::await_operator()),
        _ => None,
    }
}

impl BranchChart {
    fn audit(&mut self, source: &State, target: &State, context: &mut Handling) {
        self.at = target.word();
        context.off_table = !permitted(source.word(), context.event, self.at);
        context.effect = effect(source.word(), context.event, self.at);
    }
}

impl State {
    fn word(&self) -> BranchState {
        match self {
            State::Idle {} => BranchState::Idle,
            State::Gate {} => BranchState::Gate,
            State::Preparing {} => BranchState::Preparing,
            State::Running {} => BranchState::Running,
            State::Verifying {} => BranchState::Verifying,
            State::Advance {} => BranchState::Advance,
            State::Retrying {} => BranchState::Retrying,
            State::Reject {} => BranchState::Reject,
            State::AwaitOperator {} => BranchState::AwaitOperator,
            State::Holding { .. } => BranchState::Holding,
            State::Held { .. } => BranchState::Held,
            State::Resuming { .. } => BranchState::Resuming,
            State::Faulting {} => BranchState::Faulting,
            State::Faulted {} => BranchState::Faulted,
            State::Stopping {} => BranchState::Stopping,
            State::Stopped {} => BranchState::Stopped,
            State::Done {} => BranchState::Done,
        }
    }
}

/// An event that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BranchTaken {
    pub from: BranchState,
    pub to: BranchState,
    /// What it asks for.
    pub effect: Option<Effect>,
    /// The table does not have this transition: a program error.
    pub off_table: bool,
}

/// The machine of one branch, in Idle.
pub struct BranchMachine {
    machine: StateMachine<BranchChart>,
}

impl Default for BranchMachine {
    fn default() -> BranchMachine {
        BranchMachine { machine: BranchChart { at: BranchState::Idle }.state_machine() }
    }
}

impl BranchMachine {
    /// Its leaf state.
    pub fn state(&self) -> BranchState {
        self.machine.state().word()
    }

    /// Where Hold came from, while it is held.
    pub fn held_from(&self) -> Option<BranchState> {
        match self.machine.state() {
            State::Holding { back } | State::Held { back } | State::Resuming { back } => Some(*back),
            _ => None,
        }
    }

    /// Hands an event over. `None`: the state does not take it, and nothing has changed.
    pub fn handle(&mut self, event: BranchEvent) -> Option<BranchTaken> {
        let from = self.state();
        let mut handling = Handling { event, rejected: false, off_table: false, effect: None };
        self.machine.handle_with_context(&event, &mut handling);
        let Handling { rejected, off_table, effect, .. } = handling;
        (!rejected).then(|| BranchTaken { from, to: self.state(), effect, off_table })
    }
}

#[cfg(test)]
mod tests;
