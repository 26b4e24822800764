//! The cell as a whole: commands and faults move the chart, the chart's intents begin acting states, units
//! are opened and worked as the state permits.

use std::collections::{BTreeMap, BTreeSet};

use cellwright_model::UnitId;
use cellwright_model::cell::Cell;
use cellwright_model::event::AlarmClass;
use cellwright_model::job::UrgentWord;
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::robot::RobotState;

use crate::acting::{self, Acted, Acting, After, Homing};
use crate::alarms::{self, Alarms};
use crate::api::{Alarm, MachineFault, Output, Source};
use crate::branch::Flow;
use crate::branch_chart::BranchState;
use crate::breaks::Breaks;
use crate::catalogue::{AlarmCode, Meets};
use crate::cell_chart::{CellMachine, Intent, Trigger};
use crate::identity::Identities;
use crate::ledger::Cx;
use crate::manual::Manual;
use crate::modes;
use crate::order::OpenOrder;
use crate::panel::PanelState;
use crate::parts::Parts;
use crate::reconcile::Reconcile;
use crate::record::Record;
use crate::resources::Resources;
use crate::resume::Resume;
use crate::table::Carousel;
use crate::unit::{Demand, Shop, Unit};
use crate::watch::Watching;
use crate::zones::Standing;

/// Rounds in which the units and the cell answer each other within one input; more is a program error.
const ROUNDS_MAX: u32 = 1_000;

/// Everything of the engine but the book of what is under way.
pub(crate) struct Core {
    pub(crate) chart: CellMachine,
    pub(crate) mode: CellMode,
    pub(crate) parts: Parts,
    pub(crate) resources: Resources,
    pub(crate) alarms: Alarms,
    pub(crate) carousel: Carousel,
    pub(crate) panel: PanelState,
    pub(crate) acting: Acting,
    flow: Flow,
    hold_began: cellwright_model::TimeNs,
    pub(crate) units: BTreeMap<UnitId, Unit>,
    pub(crate) order: Option<OpenOrder>,
    pub(crate) counter: u64,
    pub(crate) last_unit: u32,
    pub(crate) ng_in_row: u16,
    pub(crate) reconcile: Reconcile,
    pub(crate) resume: Resume,
    pub(crate) identities: Identities,
    pub(crate) store_fault: Option<String>,
    pub(crate) manual: Manual,
    /// Bins that are not locked, by their place in the cell.
    pub(crate) open_bins: BTreeSet<usize>,
    pub(crate) violated: BTreeSet<String>,
    pub(crate) breaks: Breaks,
    pub(crate) watching: Watching,
    /// Since when a unit has been starved or blocked; whether the cell suspended itself for that.
    pub(crate) starved_since: Option<cellwright_model::TimeNs>,
    pub(crate) suspended_alone: bool,
    /// What stands in a zone that somebody waits for, and is moved by nobody.
    pub(crate) standing: Option<Standing>,
    powered: bool,
    /// Transitions that no table has, and rounds without an end: program errors.
    pub(crate) program_errors: u32,
}

impl Core {
    pub(crate) fn new(cell: &Cell, mut config: crate::engine::EngineConfig) -> Core {
        let counter = config.serial_counter;
        let resume = Resume::new(core::mem::take(&mut config.left));
        let identities = Identities::new(core::mem::take(&mut config.subdevices));
        Core {
            parts: Parts::new(cell, config),
            chart: CellMachine::new(),
            mode: CellMode::Production,
            resources: Resources::default(),
            alarms: Alarms::default(),
            carousel: Carousel::default(),
            panel: PanelState::new(cell),
            acting: Acting::Nothing,
            flow: Flow::Run,
            hold_began: cellwright_model::TimeNs(0),
            units: BTreeMap::new(),
            order: None,
            counter,
            last_unit: 0,
            ng_in_row: 0,
            reconcile: Reconcile::default(),
            resume,
            identities,
            store_fault: None,
            manual: Manual::default(),
            open_bins: BTreeSet::new(),
            violated: BTreeSet::new(),
            breaks: Breaks::default(),
            watching: Watching::default(),
            starved_since: None,
            suspended_alone: false,
            standing: None,
            powered: false,
            program_errors: 0,
        }
    }

    pub(crate) fn state(&self) -> CellState {
        self.chart.state()
    }

    /// Power-up: the cycle refuses everything until Clear.
    pub(crate) fn power_up(&mut self, cx: &mut Cx<'_>) {
        if !core::mem::replace(&mut self.powered, true) {
            cx.urgent(UrgentWord::Abort);
        }
    }

    /// Hands a trigger to the chart. `false`: not taken, nothing has changed.
    pub(crate) fn trigger(&mut self, cx: &mut Cx<'_>, trigger: Trigger, cause: &str) -> bool {
        let Some(taken) = self.chart.handle(trigger) else { return false };
        self.program_errors += u32::from(taken.off_table);
        let (from, to, mode) = (taken.from, taken.to, self.mode);
        cx.record(Record::CellState { from, to, mode, cause: cause.into() });
        self.acting = Acting::Nothing;
        self.suspended_alone &= matches!(to, CellState::Suspending | CellState::Suspended);
        for intent in taken.intents {
            self.begin(cx, *intent);
        }
        true
    }

    fn begin(&mut self, cx: &mut Cx<'_>, intent: Intent) {
        let held = cx.ledger.urgent.word == UrgentWord::Hold;
        self.acting = match intent {
            Intent::AbortUnits => {
                self.flow = Flow::Abort { at_rest: false };
                self.drop_reconcile(cx);
                Acting::abort(cx)
            }
            Intent::StopUnits => {
                self.flow = Flow::Stop { at_rest: false };
                self.drop_reconcile(cx);
                Acting::stop(cx)
            }
            Intent::Clear => Acting::clear(cx),
            Intent::Home => {
                self.carousel.forget();
                self.resources.end_turn();
                self.reconcile.begin_homing();
                Acting::Homing(Homing::new(cx.cell))
            }
            Intent::CheckStart => Acting::start(cx),
            Intent::Produce => {
                self.flow = Flow::Run;
                Acting::Nothing
            }
            Intent::HoldUnits => {
                self.flow = Flow::Hold { at_rest: false };
                self.hold_began = cx.now;
                // Everything but what a step's policy lets finish first comes to rest at once.
                let finishing = self.finishing_axes();
                cx.urgent_hold(finishing);
                Acting::HoldingSteps { finishing }
            }
            Intent::ResumeUnits => Acting::resume(cx, After::Execute),
            Intent::EmptyCell if held => Acting::resume(cx, After::Emptying),
            Intent::EmptyCell => {
                self.flow = Flow::Run;
                Acting::Emptying
            }
            Intent::CloseGates => {
                self.flow = Flow::Gates;
                Acting::ClosingGates
            }
            Intent::OpenGates => {
                self.flow = Flow::Run;
                Acting::OpeningGates
            }
        };
    }

    /// Raises the alarm and does what its class says.
    pub(crate) fn react(&mut self, cx: &mut Cx<'_>, fault: &MachineFault) {
        self.raise(cx, fault, None);
        let cause = format!("{}: {}", fault.code, fault.cause);
        if fault.class >= AlarmClass::Hold {
            self.manual.end(cx, Err(fault.code.word().to_string()));
        }
        let command = |c| Trigger::Command(c);
        match fault.class {
            AlarmClass::Abort => {
                self.trigger(cx, command(CellCommand::Abort), &cause);
            }
            AlarmClass::Stop => {
                let stopped = self.trigger(cx, command(CellCommand::Stop), &cause);
                if !stopped && self.state() == CellState::Clearing {
                    self.trigger(cx, command(CellCommand::Abort), &cause);
                }
            }
            AlarmClass::Hold => {
                let held = self.trigger(cx, command(CellCommand::Hold), &cause);
                // States that cannot be held are stopped; those that rest or end already stay.
                let active = matches!(
                    self.state(),
                    CellState::Starting | CellState::Resetting | CellState::Completing
                );
                if !held && active {
                    self.trigger(cx, command(CellCommand::Stop), &cause);
                }
            }
            AlarmClass::RejectPart => {
                for unit in self.units.values_mut().filter(|u| !u.data.rejecting) {
                    unit.data.reject_now = Some(format!("{} {}", fault.code, fault.place));
                }
            }
            AlarmClass::Warning => {}
        }
    }

    /// `answer`: a step asks a person about it, and this takes the unit on.
    pub(crate) fn raise(&mut self, cx: &mut Cx<'_>, fault: &MachineFault, answer: Option<&'static str>) {
        let parts = !self.units.is_empty() || !self.parts.leftovers.is_empty();
        let meets = Meets { state: self.state(), mode: self.mode, parts, answer };
        for alarm in self.alarms.raise(cx.now, fault, meets) {
            tell(cx, alarm);
        }
    }

    pub(crate) fn clear_alarms(&mut self, cx: &mut Cx<'_>, which: impl Fn(&Alarm) -> bool) {
        for alarm in self.alarms.clear(cx.now, which) {
            tell(cx, alarm);
        }
    }

    /// Units, demands and acting states answer each other until nothing moves.
    pub(crate) fn settle(&mut self, cx: &mut Cx<'_>) {
        if self.awaits_cause(cx) {
            return;
        }
        self.poll_manual(cx);
        self.poll_identities(cx);
        for _ in 0..ROUNDS_MAX {
            let mut moved = self.poll_units(cx);
            moved |= self.produce(cx);
            // The table turns when nothing else is to be done: what a unit wants is known then.
            moved = moved || self.turn_table(cx);
            moved = moved || self.watch_supply(cx);
            if let Some(fault) = self.watch_zones(cx).filter(|_| !moved) {
                self.react(cx, &fault);
                moved = true;
            }
            moved |= self.poll_acting(cx);
            if !moved {
                return;
            }
        }
        self.program_errors += 1;
        let fault = AlarmCode::EngineError.fault("engine", &[]);
        self.react(cx, &fault);
    }

    fn poll_units(&mut self, cx: &mut Cx<'_>) -> bool {
        let mut demands = Vec::new();
        let mut moved = false;
        let flow = self.flow;
        for unit in self.units.values_mut() {
            let mut shop = Shop {
                cx,
                parts: &mut self.parts,
                resources: &mut self.resources,
                demands: &mut demands,
                breaks: &self.breaks,
            };
            moved |= unit.poll(&mut shop, flow);
            self.program_errors +=
                unit.branches.values_mut().map(|b| core::mem::take(&mut b.off_table)).sum::<u32>();
        }
        moved |= !demands.is_empty();
        for demand in demands {
            match demand {
                Demand::Fault(fault) => self.react(cx, &fault),
                Demand::Asks(fault, answer) => self.raise(cx, &fault, Some(answer)),
                Demand::ClearAlarm { code, place } => {
                    self.clear_alarms(cx, |a| a.code == code && a.place == place);
                }
                Demand::Command(command, by) => self.command(cx, command, &by),
            }
        }
        moved
    }

    /// Whether every branch of every unit is in one of these.
    fn branches(&self, all_in: impl Fn(BranchState, bool) -> bool) -> bool {
        self.units
            .values()
            .flat_map(|u| u.branches.values())
            .all(|b| all_in(b.machine.state(), b.end.is_some()))
    }

    fn poll_acting(&mut self, cx: &mut Cx<'_>) -> bool {
        if matches!(self.acting, Acting::Nothing) {
            return false;
        }
        if matches!(self.acting, Acting::Reconciling) {
            return self.poll_reconciling(cx);
        }
        if let Acting::Homing(homing) = &self.acting
            && homing.is_past_cobots()
        {
            self.look_at_home(cx);
        }
        match self.acting.poll(cx) {
            Acted::Fault(fault) => {
                self.react(cx, &fault);
                return true;
            }
            Acted::Next(Acting::Nothing) => {
                self.acting = Acting::Nothing;
                self.done(cx);
                return true;
            }
            Acted::Next(next) => {
                self.enter_acting(cx, &next);
                self.acting = next;
                return true;
            }
            Acted::Pending => {}
        }
        self.poll_units_part(cx)
    }

    fn enter_acting(&mut self, cx: &mut Cx<'_>, next: &Acting) {
        match next {
            Acting::AbortedUnits => {
                let at_rest = cx.urgent_applied() && cx.machine.at_rest();
                if !at_rest {
                    self.raise(cx, &acting::not_at_rest(AlarmClass::Abort), None);
                }
                cx.ledger.forget_all();
                self.carousel.forget();
                self.resources.end_turn();
                self.flow = Flow::Abort { at_rest: true };
            }
            Acting::HeldUnits => self.flow = Flow::Hold { at_rest: true },
            Acting::Reconciling => {
                self.offer_anew(cx.cell);
                self.reconcile.begin();
            }
            Acting::ResumedUnits { .. } => {
                self.flow = Flow::Resume { applied: true, held: cx.now.since(self.hold_began) };
            }
            Acting::StoppedUnits => self.flow = Flow::Stop { at_rest: true },
            _ => {}
        }
    }

    /// Acting states that wait for units.
    fn poll_units_part(&mut self, cx: &mut Cx<'_>) -> bool {
        use BranchState as S;
        let done = match &self.acting {
            Acting::HoldingSteps { finishing } => {
                if !self.branches(|s, ended| ended || matches!(s, S::Idle | S::Holding | S::Held)) {
                    return false;
                }
                self.acting = Acting::hold_motion(cx, *finishing != 0);
                return true;
            }
            Acting::HeldUnits => self.branches(|s, ended| ended || matches!(s, S::Idle | S::Held)),
            Acting::ResumedUnits { then } => {
                if !self.branches(|s, _| !matches!(s, S::Holding | S::Held | S::Resuming)) {
                    return false;
                }
                if *then == After::Emptying {
                    self.flow = Flow::Run;
                    self.acting = Acting::Emptying;
                    return true;
                }
                true
            }
            Acting::ClosingGates => {
                !self.carousel.is_turning()
                    && self.units.values().flat_map(|u| u.branches.values()).all(|b| b.is_quiet())
            }
            Acting::OpeningGates => true,
            Acting::Emptying => self.units.is_empty(),
            Acting::AbortedUnits | Acting::StoppedUnits => self.units.is_empty(),
            _ => false,
        };
        if done {
            self.acting = Acting::Nothing;
            self.done(cx);
        }
        done
    }

    /// Axes of steps that finish before they hold.
    fn finishing_axes(&self) -> u64 {
        let branches = self.units.values().flat_map(|u| u.branches.values().map(move |b| (u, b)));
        branches.fold(0, |mask, (u, b)| mask | b.finishing_axes(&u.data))
    }

    /// The acting state has done its work.
    fn done(&mut self, cx: &mut Cx<'_>) {
        match self.state() {
            CellState::Clearing => self.clear_alarms(cx, |a| a.class == AlarmClass::Abort),
            CellState::Completing => self.order = None,
            _ => {}
        }
        self.trigger(cx, Trigger::Done, "done");
    }

    pub(crate) fn flow(&self) -> Flow {
        self.flow
    }

    /// What an acting state had to do is done.
    pub(crate) fn end_acting(&mut self, cx: &mut Cx<'_>) {
        self.acting = Acting::Nothing;
        self.done(cx);
    }
}

/// An alarm goes to people at once and into the record.
pub(crate) fn tell(cx: &mut Cx<'_>, alarm: Alarm) {
    cx.record(Record::Alarm(alarm.clone()));
    cx.out.push(Output::Alarm(alarm));
}

impl Core {
    /// A command that came from a person or from inside; answered and recorded either way.
    pub(crate) fn command(&mut self, cx: &mut Cx<'_>, command: CellCommand, by: &Source) {
        let from = self.state();
        let cause = format!("{} by {} ({})", command.name(), by.who, by.from);
        let result = self.permit(cx, command).and_then(|()| {
            // What is moved by hand in Stopped is stopped all the same.
            let by_hand = command == CellCommand::Stop && self.manual.end(cx, Ok(cause.clone()));
            match self.trigger(cx, Trigger::Command(command), &cause) || by_hand {
                true => Ok(()),
                false => Err(format!("{} is not taken in {}", command.name(), from.name())),
            }
        });
        if result.is_ok() {
            self.after(cx, command);
        }
        let ticket = cx.record(Record::Command { command, by: by.clone(), result: result.clone() });
        let request = crate::api::Answered::Command(command);
        cx.out.push(Output::Answered { request, by: by.clone(), result, ticket });
    }

    /// Alarms that a taken command answers.
    fn after(&mut self, cx: &mut Cx<'_>, command: CellCommand) {
        match command {
            CellCommand::Unhold => {
                self.ng_in_row = 0;
                self.clear_where_gone(cx, |a| a.class <= AlarmClass::Hold && !alarms::asks(a));
            }
            CellCommand::Reset => {
                self.ng_in_row = 0;
                self.violated.clear();
                self.clear_where_gone(cx, |a| a.class < AlarmClass::Abort);
            }
            _ => {}
        }
    }

    /// Clears those that `which` says, but for those whose cause can be seen to last.
    fn clear_where_gone(&mut self, cx: &mut Cx<'_>, which: impl Fn(&Alarm) -> bool) {
        let lasting: Vec<u32> =
            self.alarms.active().iter().filter(|a| self.lasts(cx, a)).map(|a| a.id).collect();
        self.clear_alarms(cx, |a| which(a) && !lasting.contains(&a.id));
    }

    /// The controller sees that the cause is still there.
    fn lasts(&self, cx: &Cx<'_>, alarm: &Alarm) -> bool {
        use cellwright_model::expr::SignalView;
        match alarm.code {
            AlarmCode::Store => self.store_fault.is_some(),
            AlarmCode::TrainingLapsed => self.training_lapsed().is_some(),
            // Looked at all the time, and cleared there.
            AlarmCode::Starved | AlarmCode::Blocked => true,
            AlarmCode::Invariant => self.violated.contains(&alarm.place),
            AlarmCode::RobotLost | AlarmCode::RobotSafeguard => stands(cx, alarm),
            AlarmCode::AnalogInvalid | AlarmCode::ZeroOffset => {
                let channel = cx.cell.analog(&alarm.place);
                channel.is_some_and(|id| cx.machine.fresh() && cx.machine.analog(id).is_none())
            }
            _ => false,
        }
    }

    /// Why the order may not be made, in whatever mode makes units.
    fn not_cleared(&self) -> Option<String> {
        let refusal = self.order.as_ref().and_then(|open| open.order.clearance.refusal());
        refusal.or_else(|| self.training_lapsed().map(|f| format!("{}; remedy: {}", f.cause, f.first)))
    }

    /// Conditions of commands beyond the chart. Errors: the reason for the record.
    fn permit(&self, cx: &Cx<'_>, command: CellCommand) -> Result<(), String> {
        if modes::leads(self.mode, self.state(), command)?.is_none() {
            return Ok(());
        }
        if let Some(refusal) = self.identities.refusal(cx.cell, self.mode, command) {
            return Err(refusal);
        }
        let begins = command == CellCommand::Start;
        if let Some(refusal) = self.not_cleared().or_else(|| self.not_for_this_mode()).filter(|_| begins) {
            return Err(refusal);
        }
        match command {
            CellCommand::Reset if self.manual.busy() => {
                Err("what was moved or switched by hand is not taken back yet: try again in a moment".into())
            }
            CellCommand::Clear if cx.machine.fresh() && !cx.machine.rt.safety_ok => {
                Err(format!("safety inputs {}", acting::safety_cause(cx)))
            }
            CellCommand::Start | CellCommand::Unhold => {
                if let Some(cause) = &self.store_fault {
                    return Err(format!("the store cannot be written: {cause}"));
                }
                if let Some(refusal) = cobots_refusal(cx) {
                    return Err(refusal);
                }
                match self.broken_invariant(cx) {
                    Some(id) if command == CellCommand::Unhold => {
                        Err(format!("the invariant `{id}` does not hold"))
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

/// The cobot that an alarm is about is still not heard, or held by its safeguard.
fn stands(cx: &Cx<'_>, alarm: &Alarm) -> bool {
    let mut robots = cx.cell.robots.iter().zip(cx.machine.robots);
    let state = robots.find(|(robot, _)| robot.name == alarm.place).map(|(_, state)| state);
    state.is_some_and(|s| if alarm.code == AlarmCode::RobotLost { s.lost } else { s.safeguard })
}

/// Why no cobot may be moved on now: the first that is not heard, or is held by its safeguard.
fn cobots_refusal(cx: &Cx<'_>) -> Option<String> {
    cx.cell.robots.iter().zip(cx.machine.robots).find_map(|(robot, state)| match state {
        RobotState { lost: true, .. } => Some(format!("the cobot `{}` is not heard", robot.name)),
        RobotState { safeguard: true, .. } => {
            Some(format!("the safeguard stop of the cobot `{}` is active", robot.name))
        }
        _ => None,
    })
}
