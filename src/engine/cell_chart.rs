//! The cell chart: the states of ISA-TR88.00.02-2022 (PackML) as a statig machine.
//!
//! *Trigger*: a command, by a person or by a fault's class, or the end of an acting state. *Acting
//! state*: one that does something and ends by itself (its name ends in -ing). *Intent*: what entering a
//! state asks the engine to do; the chart itself moves nothing.
//!
//! [`TABLE`] is the authority: the machine is tested against it, state by trigger, and the drawing
//! comes from it.

use cellwright_model::packml::{CellCommand, CellState};
use statig::prelude::*;

/// What moves the cell from state to state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trigger {
    /// A PackML command. Faults arrive as Hold, Stop or Abort, the end of an order as Complete.
    Command(CellCommand),
    /// The acting state has done its work (PackML: state complete, SC).
    Done,
}

impl Trigger {
    /// Every trigger there is.
    pub fn all() -> impl Iterator<Item = Trigger> {
        CellCommand::ALL.iter().map(|c| Trigger::Command(*c)).chain([Trigger::Done])
    }
    /// Its word in drawings and reasons.
    pub fn name(self) -> &'static str {
        match self {
            Trigger::Command(c) => c.name(),
            Trigger::Done => "done",
        }
    }
}

/// What entering a state asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Highest deceleration, drives off, outputs to their defined off state; every unit is interrupted.
    AbortUnits,
    /// Bus up, safety inputs on, the urgent word taken back.
    Clear,
    /// Jerk-limited to rest, steps cleaned up, every open unit is interrupted.
    StopUnits,
    /// Outputs off, drives enabled, axes and cobots home, the cell reconciled.
    Home,
    /// The conditions of `starting`.
    CheckStart,
    /// Units are opened and worked.
    Produce,
    /// Each step by its policy, then everything at rest.
    HoldUnits,
    /// From the actual position.
    ResumeUnits,
    /// No step begins; those that have begun end.
    CloseGates,
    /// Steps may begin again.
    OpenGates,
    /// No unit is opened; those that are open are finished.
    EmptyCell,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    pub from: CellState,
    pub on: Trigger,
    pub to: CellState,
}

const fn on(from: CellState, command: CellCommand, to: CellState) -> Transition {
    Transition { from, on: Trigger::Command(command), to }
}

const fn done(from: CellState, to: CellState) -> Transition {
    Transition { from, on: Trigger::Done, to }
}

/// What entering a state asks for; empty for states that wait.
pub const fn intents(state: CellState) -> &'static [Intent] {
    use CellState::*;
    match state {
        Aborting => &[Intent::AbortUnits],
        Clearing => &[Intent::Clear],
        Stopping => &[Intent::StopUnits],
        Resetting => &[Intent::Home],
        Starting => &[Intent::CheckStart],
        Execute => &[Intent::Produce],
        Holding => &[Intent::HoldUnits],
        Unholding => &[Intent::ResumeUnits],
        Suspending => &[Intent::CloseGates],
        Unsuspending => &[Intent::OpenGates],
        Completing => &[Intent::EmptyCell],
        Stopped | Idle | Suspended | Aborted | Held | Completed => &[],
    }
}

/// Every transition of the cell.
pub const TABLE: &[Transition] = {
    use CellCommand::*;
    use CellState::*;
    &[
        // Abort, abort-class fault, safety signal.
        on(Clearing, Abort, Aborting),
        on(Stopped, Abort, Aborting),
        on(Starting, Abort, Aborting),
        on(Idle, Abort, Aborting),
        on(Suspended, Abort, Aborting),
        on(Execute, Abort, Aborting),
        on(Stopping, Abort, Aborting),
        on(Holding, Abort, Aborting),
        on(Held, Abort, Aborting),
        on(Unholding, Abort, Aborting),
        on(Suspending, Abort, Aborting),
        on(Unsuspending, Abort, Aborting),
        on(Resetting, Abort, Aborting),
        on(Completing, Abort, Aborting),
        on(Completed, Abort, Aborting),
        done(Aborting, Aborted),
        on(Aborted, Clear, Clearing),
        done(Clearing, Stopped),
        // Stop.
        on(Starting, Stop, Stopping),
        on(Idle, Stop, Stopping),
        on(Suspended, Stop, Stopping),
        on(Execute, Stop, Stopping),
        on(Holding, Stop, Stopping),
        on(Held, Stop, Stopping),
        on(Unholding, Stop, Stopping),
        on(Suspending, Stop, Stopping),
        on(Unsuspending, Stop, Stopping),
        on(Resetting, Stop, Stopping),
        on(Completing, Stop, Stopping),
        on(Completed, Stop, Stopping),
        done(Stopping, Stopped),
        on(Stopped, Reset, Resetting),
        on(Completed, Reset, Resetting),
        done(Resetting, Idle),
        on(Idle, Start, Starting),
        done(Starting, Execute),
        // Hold: cause inside.
        on(Execute, Hold, Holding),
        on(Suspended, Hold, Holding),
        on(Suspending, Hold, Holding),
        on(Unsuspending, Hold, Holding),
        on(Unholding, Hold, Holding),
        done(Holding, Held),
        on(Held, Unhold, Unholding),
        done(Unholding, Execute),
        // Suspend: cause outside.
        on(Execute, Suspend, Suspending),
        done(Suspending, Suspended),
        on(Suspended, Unsuspend, Unsuspending),
        done(Unsuspending, Execute),
        on(Execute, Complete, Completing),
        on(Suspended, Complete, Completing),
        on(Held, Complete, Completing),
        done(Completing, Completed),
    ]
};

/// Where a trigger leads by the table.
pub fn next(from: CellState, trigger: Trigger) -> Option<CellState> {
    TABLE.iter().find(|t| t.from == from && t.on == trigger).map(|t| t.to)
}

/// The machine; it has no storage of its own.
#[derive(Debug, Default)]
struct CellChart;

/// What one trigger did, filled while it is handled.
#[derive(Debug)]
struct Handling {
    trigger: Trigger,
    rejected: bool,
    intents: &'static [Intent],
    off_table: bool,
}

#[state_machine(
    initial = "State::aborted()",
    state(derive(Debug, Clone, Copy, PartialEq, Eq)),
    superstate(derive(Debug)),
    after_transition = "Self::audit"
)]
impl CellChart {
    /// Outermost: what nobody below took is rejected, never lost.
    #[superstate]
    fn machine(context: &mut Handling) -> Outcome<State> {
        context.rejected = true;
        Handled
    }

    #[superstate(superstate = "machine")]
    fn abortable(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Command(CellCommand::Abort) => Transition(State::aborting()),
            _ => Super,
        }
    }

    #[superstate(superstate = "abortable")]
    fn stoppable(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Command(CellCommand::Stop) => Transition(State::stopping()),
            _ => Super,
        }
    }

    /// In these a cause inside the cell leads to Holding.
    #[superstate(superstate = "stoppable")]
    fn holdable(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Command(CellCommand::Hold) => Transition(State::holding()),
            _ => Super,
        }
    }

    #[state(superstate = "machine")]
    fn aborting(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Done => Transition(State::aborted()),
            _ => Super,
        }
    }

    #[state(superstate = "machine")]
    fn aborted(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Command(CellCommand::Clear) => Transition(State::clearing()),
            _ => Super,
        }
    }

    #[state(superstate = "abortable")]
    fn clearing(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Done => Transition(State::stopped()),
            _ => Super,
        }
    }

    #[state(superstate = "abortable")]
    fn stopping(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Done => Transition(State::stopped()),
            _ => Super,
        }
    }

    #[state(superstate = "abortable")]
    fn stopped(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Command(CellCommand::Reset) => Transition(State::resetting()),
            _ => Super,
        }
    }

    #[state(superstate = "stoppable")]
    fn resetting(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Done => Transition(State::idle()),
            _ => Super,
        }
    }

    #[state(superstate = "stoppable")]
    fn idle(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Command(CellCommand::Start) => Transition(State::starting()),
            _ => Super,
        }
    }

    #[state(superstate = "stoppable")]
    fn starting(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Done => Transition(State::execute()),
            _ => Super,
        }
    }

    #[state(superstate = "holdable")]
    fn execute(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Command(CellCommand::Suspend) => Transition(State::suspending()),
            Trigger::Command(CellCommand::Complete) => Transition(State::completing()),
            _ => Super,
        }
    }

    #[state(superstate = "stoppable")]
    fn holding(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Done => Transition(State::held()),
            _ => Super,
        }
    }

    #[state(superstate = "stoppable")]
    fn held(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Command(CellCommand::Unhold) => Transition(State::unholding()),
            Trigger::Command(CellCommand::Complete) => Transition(State::completing()),
            _ => Super,
        }
    }

    #[state(superstate = "holdable")]
    fn unholding(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Done => Transition(State::execute()),
            _ => Super,
        }
    }

    #[state(superstate = "holdable")]
    fn suspending(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Done => Transition(State::suspended()),
            _ => Super,
        }
    }

    #[state(superstate = "holdable")]
    fn suspended(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Command(CellCommand::Unsuspend) => Transition(State::unsuspending()),
            Trigger::Command(CellCommand::Complete) => Transition(State::completing()),
            _ => Super,
        }
    }

    #[state(superstate = "holdable")]
    fn unsuspending(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Done => Transition(State::execute()),
            _ => Super,
        }
    }

    #[state(superstate = "stoppable")]
    fn completing(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Done => Transition(State::completed()),
            _ => Super,
        }
    }

    #[state(superstate = "stoppable")]
    fn completed(event: &Trigger) -> Outcome<State> {
        match event {
            Trigger::Command(CellCommand::Reset) => Transition(State::resetting()),
            _ => Super,
        }
    }
}

impl CellChart {
    /// After, not before: in the blocking machine of statig 0.4.1 `before_transition` is handed source and
    /// target exchanged (the test at the end pins it).
    fn audit(&mut self, source: &State, target: &State, context: &mut Handling) {
        let (from, to) = (source.word(), target.word());
        context.off_table = next(from, context.trigger) != Some(to);
        context.intents = intents(to);
    }
}

impl State {
    fn word(&self) -> CellState {
        match self {
            State::Clearing {} => CellState::Clearing,
            State::Stopped {} => CellState::Stopped,
            State::Starting {} => CellState::Starting,
            State::Idle {} => CellState::Idle,
            State::Suspended {} => CellState::Suspended,
            State::Execute {} => CellState::Execute,
            State::Stopping {} => CellState::Stopping,
            State::Aborting {} => CellState::Aborting,
            State::Aborted {} => CellState::Aborted,
            State::Holding {} => CellState::Holding,
            State::Held {} => CellState::Held,
            State::Unholding {} => CellState::Unholding,
            State::Suspending {} => CellState::Suspending,
            State::Unsuspending {} => CellState::Unsuspending,
            State::Resetting {} => CellState::Resetting,
            State::Completing {} => CellState::Completing,
            State::Completed {} => CellState::Completed,
        }
    }
}

/// A trigger that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    pub from: CellState,
    pub to: CellState,
    pub intents: &'static [Intent],
    /// The table does not have this transition: a program error.
    pub off_table: bool,
}

/// The machine of the cell.
pub struct CellMachine {
    machine: StateMachine<CellChart>,
}

impl Default for CellMachine {
    fn default() -> CellMachine {
        CellMachine::new()
    }
}

impl CellMachine {
    /// In Aborted: a cell is powered up into it.
    pub fn new() -> CellMachine {
        CellMachine { machine: CellChart.state_machine() }
    }

    /// `StateCurrent`.
    pub fn state(&self) -> CellState {
        self.machine.state().word()
    }

    /// Hands a trigger over. `None`: the state does not take it, and nothing has changed.
    pub fn handle(&mut self, trigger: Trigger) -> Option<Taken> {
        let from = self.state();
        let mut handling = Handling { trigger, rejected: false, intents: &[], off_table: false };
        self.machine.handle_with_context(&trigger, &mut handling);
        let Handling { rejected, intents, off_table, .. } = handling;
        (!rejected).then(|| Taken { from, to: self.state(), intents, off_table })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A way of commands to each state, from power-up.
    fn machine_in(state: CellState) -> CellMachine {
        let mut ways: Vec<(CellState, Vec<Trigger>)> = vec![(CellState::Aborted, vec![])];
        let mut at = 0;
        while at < ways.len() {
            let (from, way) = ways[at].clone();
            for t in TABLE.iter().filter(|t| t.from == from) {
                if !ways.iter().any(|(s, _)| *s == t.to) {
                    ways.push((t.to, way.iter().copied().chain([t.on]).collect()));
                }
            }
            at += 1;
        }
        let (_, way) = ways.iter().find(|(s, _)| *s == state).expect("reachable");
        let mut machine = CellMachine::new();
        for trigger in way {
            machine.handle(*trigger).expect("on the way");
        }
        assert_eq!(machine.state(), state);
        machine
    }

    #[test]
    fn every_state_with_every_trigger_does_what_the_table_says() {
        for &state in CellState::ALL {
            for trigger in Trigger::all() {
                let mut machine = machine_in(state);
                let taken = machine.handle(trigger);
                match next(state, trigger) {
                    Some(to) => {
                        let expected = Taken { from: state, to, intents: intents(to), off_table: false };
                        assert_eq!(taken, Some(expected), "{state:?} {trigger:?}");
                    }
                    None => {
                        assert_eq!(taken, None, "{state:?} {trigger:?}");
                        assert_eq!(machine.state(), state);
                    }
                }
            }
        }
    }

    /// The table once more, as the rules of the design: so that a slip in the table is seen too.
    #[test]
    fn the_table_says_what_the_rules_say() {
        use CellState::*;
        let takes = |s, c| next(s, Trigger::Command(c)).is_some();
        for &s in CellState::ALL {
            assert_eq!(takes(s, CellCommand::Abort), ![Aborting, Aborted].contains(&s));
            assert_eq!(takes(s, CellCommand::Clear), s == Aborted);
            assert_eq!(
                takes(s, CellCommand::Stop),
                ![Stopped, Stopping, Clearing, Aborting, Aborted].contains(&s)
            );
            assert_eq!(takes(s, CellCommand::Reset), [Stopped, Completed].contains(&s));
            assert_eq!(takes(s, CellCommand::Start), s == Idle);
            assert_eq!(
                takes(s, CellCommand::Hold),
                [Execute, Suspended, Suspending, Unsuspending, Unholding].contains(&s)
            );
            assert_eq!(takes(s, CellCommand::Unhold), s == Held);
            assert_eq!(takes(s, CellCommand::Suspend), s == Execute);
            assert_eq!(takes(s, CellCommand::Unsuspend), s == Suspended);
            assert_eq!(takes(s, CellCommand::Complete), [Execute, Suspended, Held].contains(&s));
            let acting = s.name().ends_with("ing");
            assert_eq!(next(s, Trigger::Done).is_some(), acting, "{s:?}");
        }
        for (i, a) in TABLE.iter().enumerate() {
            assert!(TABLE[i + 1..].iter().all(|b| (a.from, a.on) != (b.from, b.on)), "{a:?} twice");
        }
    }

    /// Pins the trap of statig 0.4.1: when this fails, upstream has mended it.
    mod before_transition_is_exchanged {
        use statig::prelude::*;

        #[derive(Default)]
        struct Lamp(Vec<(bool, bool)>);

        #[state_machine(
            initial = "State::off()",
            state(derive(Debug, PartialEq)),
            before_transition = "Self::before",
            after_transition = "Self::after"
        )]
        impl Lamp {
            #[state]
            fn off() -> Outcome<State> {
                Transition(State::on())
            }
            #[state]
            fn on() -> Outcome<State> {
                Handled
            }
        }

        impl Lamp {
            fn before(&mut self, source: &State, target: &State) {
                self.0.push((*source == State::off(), *target == State::on()));
            }
            fn after(&mut self, source: &State, target: &State) {
                self.0.push((*source == State::off(), *target == State::on()));
            }
        }

        #[test]
        fn and_after_transition_is_not() {
            let mut lamp = Lamp::default().state_machine();
            lamp.handle(&());
            assert_eq!(lamp.inner().0, [(false, false), (true, true)]);
        }
    }
}
