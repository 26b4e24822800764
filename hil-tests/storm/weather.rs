//! What happens at random: commands, answers and material of an operator who may be wrong, and faults of
//! the machine, several at once.

use cellwright_controller::{Answered, Input, Notice, Order, Question, Source};
use cellwright_model::cell::TrayKind;
use cellwright_model::material::Label;
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::{AnalogId, AxisId, DurationNs, InputId, TimeNs, TrayId};
use cellwright_sim::{Told, VirtualCell, hands, wiring};
use cellwright_twin::plant::Injection;

use super::Dice;

/// Virtual time at work: up to enough for a first unit to be finished and others to be under way.
const LENGTH_MS: (u64, u64) = (3_000, 16_000);
/// One storm in so many is calm: long enough for units to be finished one after the other, and little happens.
const CALM_ONE_IN: u64 = 13;
const CALM_MS: (u64, u64) = (40_000, 80_000);
const CALM_RESTLESS: u64 = 80_000;
/// Units of an order, in a storm and in calm weather, at the most.
const UNITS_MAX: usize = 4;
const CALM_UNITS_MAX: usize = 12;
/// Pockets that are left in trays in calm weather, at the most: they have to be exchanged on the way.
const CALM_LEFT_MAX: usize = 6;
/// A fault stays for so long at the most before the weather mends it by itself.
const FAULT_MS_MAX: u64 = 2_000;
/// Stands for a load that begins no tray anew.
const NOTHING_EXCHANGED: u32 = u32::MAX;
/// Questions that are remembered, answered or not.
const QUESTIONS_MAX: usize = 32;

/// What was done to the machine, and how it is mended.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Act(Injection),
    Power(usize),
    Store,
}

/// See the module text.
pub struct Weather {
    dice: Dice,
    length: DurationNs,
    by: Source,
    questions: Vec<Question>,
    /// Faults that hold, and until when.
    faults: Vec<(TimeNs, Fault)>,
    orders: u32,
    /// Cycles between two acts, on the average.
    restless: u64,
    calm: bool,
    /// Trays that people will exchange as soon as they may, and the first pocket to be used then.
    to_exchange: Vec<(TrayId, u32)>,
    /// Exchanges that were said and not answered.
    said: Vec<(TrayId, u32)>,
}

impl Weather {
    /// Weather by these dice.
    pub fn new(mut dice: Dice) -> Weather {
        let calm = dice.once_in(CALM_ONE_IN);
        let (from, to) = if calm { CALM_MS } else { LENGTH_MS };
        let length = DurationNs::from_millis(from + dice.below((to - from) as usize) as u64);
        // From a quiet day to one on which something happens every tenth of a second.
        let restless = if calm { CALM_RESTLESS } else { [100, 300, 1_000, 3_000, 30_000][dice.below(5)] };
        Weather {
            dice,
            length,
            by: Source::new("storm", "test"),
            questions: Vec::new(),
            faults: Vec::new(),
            orders: 0,
            restless,
            calm,
            to_exchange: Vec::new(),
            said: Vec::new(),
        }
    }

    /// Virtual time at work.
    pub fn length(&self) -> DurationNs {
        self.length
    }

    /// One cycle.
    pub fn blow(&mut self, cell: &mut VirtualCell, say: &mut dyn FnMut(&str)) {
        self.pass(cell);
        if self.dice.once_in(50) {
            self.go_on(cell);
        }
        if self.dice.once_in(self.restless) {
            self.meddle(cell);
        }
        if self.dice.once_in(2 * self.restless) {
            let fault = self.fail(cell);
            say(&format!("{:.3} fault {fault:?}", super::seconds(cell)));
        }
    }

    /// What the cell says.
    pub fn hear(&mut self, cell: &mut VirtualCell, told: &Told) {
        for notice in &told.notices {
            match notice {
                Notice::Ask(question) => {
                    if self.questions.len() == QUESTIONS_MAX {
                        self.questions.remove(0);
                    }
                    self.questions.push(question.clone());
                }
                Notice::TrayAtEnd(tray) => self.to_exchange.push((*tray, 0)),
                Notice::Answered { request: Answered::Material(tray), result, .. } => {
                    self.answered(cell, *tray, result.is_ok());
                }
                Notice::Alarm(alarm) => cellwright_sim::script::empty_if_told(cell, alarm),
                _ => {}
            }
        }
    }

    /// People exchange a tray when the cell takes what they say of it, and not before.
    fn answered(&mut self, cell: &mut VirtualCell, tray: TrayId, taken: bool) {
        let Some(at) = self.said.iter().position(|(t, _)| *t == tray) else { return };
        let (_, next) = self.said.remove(at);
        if taken && next != NOTHING_EXCHANGED {
            cell.inject(hands::exchange(tray));
        } else if !taken && next == 0 {
            self.to_exchange.push((tray, next));
        }
    }

    /// Says that material is there; what begins with a pocket is an exchanged tray.
    fn say_loaded(&mut self, cell: &mut VirtualCell, tray: TrayId, label: Label, next: Option<u32>) {
        self.said.push((tray, next.unwrap_or(NOTHING_EXCHANGED)));
        cell.give(Input::MaterialLoaded { tray, label, next, left: None, by: self.by.clone() });
    }

    /// Another tray of the same, from this pocket on.
    fn exchange(&mut self, cell: &mut VirtualCell, (tray, next): (TrayId, u32)) {
        let loads = wiring::loads(cell.cell(), cell.materials());
        let label = loads.into_iter().find(|l| l.tray == tray).map_or(Label::Empty, |l| l.label);
        self.say_loaded(cell, tray, label, Some(next));
    }

    /// Everything that was broken is mended; the questions that are open.
    pub fn mend(mut self, cell: &mut VirtualCell) -> Vec<Question> {
        for (_, fault) in core::mem::take(&mut self.faults) {
            mend(cell, fault);
        }
        self.questions
    }

    /// What an operator does who wants the cell to run.
    fn go_on(&mut self, cell: &mut VirtualCell) {
        match cell.state() {
            CellState::Aborted => self.command(cell, CellCommand::Clear),
            CellState::Stopped | CellState::Completed => self.command(cell, CellCommand::Reset),
            CellState::Idle => {
                self.load(cell);
                if self.calm && self.orders == 0 {
                    self.nearly_used_up(cell);
                }
                self.order(cell);
                self.command(cell, CellCommand::Start);
            }
            CellState::Held => self.command(cell, CellCommand::Unhold),
            CellState::Suspended => self.command(cell, CellCommand::Unsuspend),
            _ => {}
        }
        for exchange in core::mem::take(&mut self.to_exchange) {
            self.exchange(cell, exchange);
        }
        if let Some(question) = self.questions.pop() {
            // Mostly what lets the unit go on; now and then anything that is offered.
            let first = question.answers.first();
            let any = self.dice.once_in(if self.calm { 32 } else { 4 });
            let answer = if any { self.dice.pick(&question.answers) } else { first };
            let answer = answer.cloned().unwrap_or_default();
            wiring::acts(&question, &answer).into_iter().for_each(|act| cell.inject(act));
            cell.give(Input::Answer { id: question.id, answer, reason: None, by: self.by.clone() });
        }
    }

    /// Any command at any moment, right or wrong.
    fn meddle(&mut self, cell: &mut VirtualCell) {
        match self.dice.below(12) {
            0 => {
                let mode = self.dice.pick(CellMode::ALL).copied().unwrap_or(CellMode::Production);
                cell.give(Input::Mode { mode, by: self.by.clone() });
            }
            1 => self.order(cell),
            2 => self.load(cell),
            3 => {
                let tray = TrayId(self.dice.below(cell.cell().trays.len() + 1) as u16);
                let label = match self.dice.below(3) {
                    0 => Label::Empty,
                    1 => Label::Scanned("(01)04012345678901(17)200101(10)OLD".to_owned()),
                    _ => {
                        let (part, lot) = ("WRONG-1".to_owned(), "L0".to_owned());
                        Label::Typed { part, lot, expiry: None, quantity: None }
                    }
                };
                let next = self.dice.once_in(2).then(|| self.dice.below(10) as u32);
                self.say_loaded(cell, tray, label, next);
            }
            4 => {
                let alarm = self.dice.below(20) as u32;
                cell.give(Input::Acknowledge { alarm, by: self.by.clone() });
            }
            5 => cell.give(Input::AcknowledgeAll { by: self.by.clone() }),
            6 => {
                let id = cellwright_model::RequestId(self.dice.below(60) as u32);
                let answer = ["ok", "retry", "reject", "removed", "nonsense"][self.dice.below(5)].to_owned();
                cell.give(Input::Answer { id, answer, reason: None, by: self.by.clone() });
            }
            _ => {
                if let Some(command) = self.dice.pick(CellCommand::ALL).copied() {
                    self.command(cell, command);
                }
            }
        }
    }

    fn fail(&mut self, cell: &mut VirtualCell) -> Fault {
        let (inputs, analogs) = (cell.cell().digital_inputs.len(), cell.cell().analogs.len());
        let (axes, segment) = (cell.cell().axes.len(), cell.cell().segment.len());
        let dice = &mut self.dice;
        let fault = match dice.below(12) {
            0 => Fault::Act(Injection::EStop(true)),
            1 => Fault::Act(Injection::GuardOpen(true)),
            2 => Fault::Act(Injection::AirOff(true)),
            3 => Fault::Act(Injection::LaneEmpty(true)),
            4 | 5 => {
                let (input, level) = (InputId(dice.below(inputs) as u16), Some(dice.once_in(2)));
                Fault::Act(Injection::InputStuck { input, level })
            }
            6 => {
                let axis = AxisId(dice.below(axes) as u16);
                Fault::Act(Injection::AxisJam { axis, jammed: true })
            }
            7 => {
                let analog = AnalogId(dice.below(analogs) as u16);
                let offset = [-3.0, 0.5, 5.0, 400.0][dice.below(4)];
                Fault::Act(Injection::AnalogOffset { analog, offset })
            }
            8 => Fault::Act(Injection::TakeOut),
            9 => Fault::Power(dice.below(segment)),
            10 => {
                let (position, port) = (dice.below(segment) as u16, dice.below(2) as u8);
                Fault::Act(Injection::Link { position, port, up: false })
            }
            _ => Fault::Store,
        };
        match fault {
            Fault::Act(act) => cell.inject(act),
            Fault::Power(position) => cell.set_power(position, false),
            Fault::Store => cell.store_refuses(Some("no space left on the device")),
        }
        let until = cell.now() + DurationNs::from_millis(50 + self.dice.below(FAULT_MS_MAX as usize) as u64);
        self.faults.push((until, fault));
        fault
    }

    /// Faults whose time has passed are mended.
    fn pass(&mut self, cell: &mut VirtualCell) {
        let now = cell.now();
        self.faults.retain(|(until, fault)| {
            let over = *until <= now;
            if over {
                mend(cell, *fault);
            }
            !over
        });
    }

    fn command(&self, cell: &mut VirtualCell, command: CellCommand) {
        cell.give(Input::Command { command, by: self.by.clone() });
    }

    fn order(&mut self, cell: &mut VirtualCell) {
        self.orders += 1;
        let most = if self.calm { CALM_UNITS_MAX } else { UNITS_MAX };
        let units = 1 + self.dice.below(most) as u32;
        let order = Order::units(format!("STORM-{}", self.orders), cell.plan().clone(), units);
        cell.give(Input::Order { order, by: self.by.clone() });
    }

    fn load(&mut self, cell: &mut VirtualCell) {
        for load in wiring::loads(cell.cell(), cell.materials()) {
            self.say_loaded(cell, load.tray, load.label, None);
        }
    }

    /// Trays of which few pockets are left.
    fn nearly_used_up(&mut self, cell: &mut VirtualCell) {
        for (i, tray) in cell.cell().clone().trays.iter().enumerate() {
            if matches!(tray.kind, TrayKind::Source | TrayKind::Good) {
                let left = 1 + self.dice.below(CALM_LEFT_MAX) as u32;
                self.exchange(cell, (TrayId(i as u16), tray.pockets().saturating_sub(left)));
            }
        }
    }
}

fn mend(cell: &mut VirtualCell, fault: Fault) {
    use Injection::{AirOff, AnalogOffset, AxisJam, EStop, GuardOpen, InputStuck, LaneEmpty, Link};
    let act = match fault {
        Fault::Power(position) => return cell.set_power(position, true),
        Fault::Store => return cell.store_refuses(None),
        Fault::Act(EStop(_)) => EStop(false),
        Fault::Act(GuardOpen(_)) => GuardOpen(false),
        Fault::Act(AirOff(_)) => AirOff(false),
        Fault::Act(LaneEmpty(_)) => LaneEmpty(false),
        Fault::Act(InputStuck { input, .. }) => InputStuck { input, level: None },
        Fault::Act(AxisJam { axis, .. }) => AxisJam { axis, jammed: false },
        Fault::Act(AnalogOffset { analog, .. }) => AnalogOffset { analog, offset: 0.0 },
        Fault::Act(Link { position, port, .. }) => Link { position, port, up: true },
        Fault::Act(_) => return,
    };
    cell.inject(act);
}
