//! A person at the cell: commands it, exchanges trays, takes out what it asks for, and repeats what nobody
//! remembers after a kill.

use cellwright_controller::{Answered, AutoOperator, Input, Notice, Order, Question, RESUME, Source, Ticket};
use cellwright_model::TrayId;
use cellwright_model::cell::TrayKind;
use cellwright_model::event::{EventData, EventDraft};
use cellwright_model::material::Label;
use cellwright_model::outcome::UnitResult;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_sim::{Told, VirtualCell, hands, wiring};

use crate::storm::Dice;

/// Cycles between two looks at the cell.
const LOOK_EVERY: u64 = 100;
/// Pockets that are left in a tray at the beginning of an order, at the most.
const LEFT_MAX: usize = 4;

/// A tray that was exchanged, until that is durable.
#[derive(Debug, Clone, Copy)]
struct Exchange {
    tray: TrayId,
    next: u32,
    ticket: Option<Ticket>,
}

/// See the module text.
pub(super) struct Person {
    by: Source,
    cycles: u64,
    questions: Vec<Question>,
    asked: Vec<String>,
    exchanges: Vec<Exchange>,
    exchanged_now: bool,
    wanted: u32,
    loaded: bool,
    may_start: bool,
}

impl Person {
    pub(super) fn new() -> Person {
        Person {
            by: Source::new("person", "test"),
            cycles: 0,
            questions: Vec::new(),
            asked: Vec::new(),
            exchanges: Vec::new(),
            exchanged_now: false,
            wanted: 0,
            loaded: false,
            may_start: true,
        }
    }

    /// So many units are to be made from now on, good or not.
    pub(super) fn wants(&mut self, units: u32) {
        self.wanted = units;
        self.loaded = false;
    }

    pub(super) fn may_start(&mut self, may: bool) {
        self.may_start = may;
    }

    /// Everything that was wanted is made, and the cell has completed.
    pub(super) fn finished(&self, cell: &VirtualCell) -> bool {
        self.wanted == 0 && cell.state() == CellState::Completed
    }

    pub(super) fn has_exchanged(&self) -> bool {
        self.exchanged_now
    }

    /// What it was asked to take out since it was asked for this last.
    pub(super) fn was_asked(&mut self) -> Vec<String> {
        core::mem::take(&mut self.asked)
    }

    /// A new controller, which knows only what was durable.
    pub(super) fn restarted(&mut self) {
        self.questions.clear();
        self.asked.clear();
        self.exchanges.iter_mut().for_each(|e| e.ticket = None);
    }

    /// One cycle.
    pub(super) fn act(&mut self, cell: &mut VirtualCell, dice: &mut Dice) {
        self.cycles += 1;
        self.exchanged_now = false;
        if cell.controller().is_none() || !self.cycles.is_multiple_of(LOOK_EVERY) {
            return;
        }
        cell.give(Input::AcknowledgeAll { by: self.by.clone() });
        for exchange in self.exchanges.clone().into_iter().filter(|e| e.ticket.is_none()) {
            self.say_exchanged(cell, exchange);
        }
        for question in core::mem::take(&mut self.questions) {
            let offered = question.answers.iter().any(|a| a == RESUME);
            let Some(first) = AutoOperator::choice(&question) else { continue };
            // What can go on does, more often than not.
            let answer = if offered && dice.below(4) > 0 { RESUME } else { first }.to_owned();
            wiring::acts(&question, &answer).into_iter().for_each(|act| cell.inject(act));
            cell.give(Input::Answer { id: question.id, answer, reason: None, by: self.by.clone() });
        }
        let command = match cell.state() {
            CellState::Aborted => CellCommand::Clear,
            CellState::Stopped => CellCommand::Reset,
            CellState::Completed if self.wanted > 0 || !self.may_start => CellCommand::Reset,
            CellState::Held => CellCommand::Unhold,
            CellState::Idle if self.may_start && self.wanted > 0 => {
                self.order(cell, dice);
                CellCommand::Start
            }
            _ => return,
        };
        cell.give(Input::Command { command, by: self.by.clone() });
    }

    /// What is wanted still: units that were interrupted are made up for.
    fn order(&mut self, cell: &mut VirtualCell, dice: &mut Dice) {
        if !core::mem::replace(&mut self.loaded, true) {
            let loads = wiring::loads(cell.cell(), cell.materials());
            let is_loaded: Vec<TrayId> = loads.iter().map(|l| l.tray).collect();
            for load in loads {
                let (tray, label, by) = (load.tray, load.label, self.by.clone());
                cell.give(Input::MaterialLoaded { tray, label, next: None, left: None, by });
            }
            for (i, tray) in cell.cell().clone().trays.iter().enumerate() {
                let id = TrayId(i as u16);
                // A source that nothing is brought for has no part in this recipe.
                let used = tray.kind == TrayKind::Source && is_loaded.contains(&id);
                if used || tray.kind == TrayKind::Good {
                    let left = 1 + dice.below(LEFT_MAX) as u32;
                    self.exchange(cell, id, tray.pockets() - left);
                }
            }
        }
        // Under one name: a unit goes on only under its own order.
        let order = Order::units("KILL", cell.plan().clone(), self.wanted);
        cell.give(Input::Order { order, by: self.by.clone() });
    }

    fn exchange(&mut self, cell: &mut VirtualCell, tray: TrayId, next: u32) {
        cell.inject(hands::exchange(tray));
        self.exchanged_now = true;
        let exchange = Exchange { tray, next, ticket: None };
        self.exchanges.retain(|e| e.tray != tray);
        self.exchanges.push(exchange);
        self.say_exchanged(cell, exchange);
    }

    fn say_exchanged(&self, cell: &mut VirtualCell, exchange: Exchange) {
        let Exchange { tray, next, .. } = exchange;
        let loads = wiring::loads(cell.cell(), cell.materials());
        let label = loads.into_iter().find(|l| l.tray == tray).map_or(Label::Empty, |l| l.label);
        cell.give(Input::MaterialLoaded { tray, label, next: Some(next), left: None, by: self.by.clone() });
    }

    /// What the cell says.
    pub(super) fn hear(&mut self, cell: &mut VirtualCell, told: &Told) {
        for transaction in &told.transactions {
            self.exchanges.retain(|e| e.ticket != Some(Ticket(transaction.ticket)));
            let made = |e: &&EventDraft| match &e.data {
                EventData::UnitResult(end) => end.result != UnitResult::Interrupted,
                _ => false,
            };
            let made = transaction.events.iter().filter(made).count() as u32;
            self.wanted = self.wanted.saturating_sub(made);
        }
        for notice in &told.notices {
            match notice {
                Notice::Ask(question) => {
                    if question.kind == cellwright_controller::QuestionKind::Reconcile {
                        self.asked.push(question.prompt.clone());
                    }
                    self.questions.push(question.clone());
                }
                Notice::Withdrawn(id) => self.questions.retain(|q| q.id != *id),
                // One that was exchanged and forgotten is only said again.
                Notice::TrayAtEnd(tray) if self.exchanges.iter().any(|e| e.tray == *tray) => {}
                Notice::TrayAtEnd(tray) => self.exchange(cell, *tray, 0),
                Notice::Answered { request: Answered::Material(tray), result: Ok(()), ticket, .. } => {
                    if let Some(e) = self.exchanges.iter_mut().find(|e| e.tray == *tray) {
                        e.ticket = Some(*ticket);
                    }
                }
                Notice::Alarm(alarm) => cellwright_sim::script::empty_if_told(cell, alarm),
                _ => {}
            }
        }
    }

    /// For the message of a run that did not come to its end.
    pub(super) fn where_it_stands(&self, cell: &VirtualCell) -> String {
        let Some(status) = cell.status() else { return "there is no controller".to_owned() };
        let alarms: Vec<String> =
            status.alarms.iter().map(|a| format!("{} at {}: {}", a.code, a.place, a.cause)).collect();
        format!(
            "{}, {} units wanted, units {:?}, alarms {alarms:?}",
            status.state.name(),
            self.wanted,
            status.units
        )
    }
}
