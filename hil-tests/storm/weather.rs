//! What happens at random: commands, answers and material of an operator who may be wrong, and faults of
//! the machine, several at once.

use cellwright_controller::{Input, Notice, Order, Question, Source};
use cellwright_model::material::Label;
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::{AnalogId, AxisId, DurationNs, InputId, TimeNs, TrayId};
use cellwright_sim::{Told, VirtualCell};
use cellwright_twin::plant::Injection;

use super::Dice;

/// Virtual time at work: up to enough for a first unit to be finished and others to be under way.
const LENGTH_MS: (u64, u64) = (3_000, 24_000);
/// A fault stays for so long at the most before the weather mends it by itself.
const FAULT_MS_MAX: u64 = 2_000;
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
}

impl Weather {
    /// Weather by these dice.
    pub fn new(mut dice: Dice) -> Weather {
        let span = (LENGTH_MS.1 - LENGTH_MS.0) as usize;
        let length = DurationNs::from_millis(LENGTH_MS.0 + dice.below(span) as u64);
        // From a quiet day to one on which something happens every tenth of a second.
        let restless = [100, 300, 1_000, 3_000, 30_000][dice.below(5)];
        Weather {
            dice,
            length,
            by: Source::new("storm", "test"),
            questions: Vec::new(),
            faults: Vec::new(),
            orders: 0,
            restless,
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
    pub fn hear(&mut self, _: &VirtualCell, told: Told) {
        for notice in told.notices {
            if let Notice::Ask(question) = notice {
                if self.questions.len() == QUESTIONS_MAX {
                    self.questions.remove(0);
                }
                self.questions.push(question);
            }
        }
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
                self.order(cell);
                self.command(cell, CellCommand::Start);
            }
            CellState::Held => self.command(cell, CellCommand::Unhold),
            CellState::Suspended => self.command(cell, CellCommand::Unsuspend),
            _ => {}
        }
        if let Some(question) = self.questions.pop() {
            if question.kind == cellwright_controller::QuestionKind::Reconcile {
                cell.inject(Injection::TakeOut);
            }
            // Mostly what lets the unit go on; now and then anything that is offered.
            let first = question.answers.first();
            let answer = if self.dice.once_in(4) { self.dice.pick(&question.answers) } else { first };
            let answer = answer.cloned().unwrap_or_default();
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
                cell.give(Input::MaterialLoaded { tray, label, next, left: None, by: self.by.clone() });
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
        let fault = match dice.below(11) {
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
        let units = 1 + self.dice.below(4) as u32;
        let order = Order::units(format!("STORM-{}", self.orders), cell.plan().clone(), units);
        cell.give(Input::Order { order, by: self.by.clone() });
    }

    fn load(&self, cell: &mut VirtualCell) {
        for load in cellwright_sim::wiring::loads(cell.cell(), cell.materials()) {
            let (tray, label, by) = (load.tray, load.label, self.by.clone());
            cell.give(Input::MaterialLoaded { tray, label, next: None, left: None, by });
        }
    }
}

fn mend(cell: &mut VirtualCell, fault: Fault) {
    use Injection::{AirOff, AnalogOffset, AxisJam, EStop, GuardOpen, InputStuck, LaneEmpty};
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
        Fault::Act(_) => return,
    };
    cell.inject(act);
}
