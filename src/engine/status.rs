//! What the engine is doing, for people: state, units, steps, what they wait for, alarms, questions.

use cellwright_model::UnitId;
use cellwright_model::order::OrderProgress;
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::plan::{Plan, Primitive, Resource};

use crate::api::{Alarm, Machine, Question, Work};
use crate::branch::{Branch, Waits};
use crate::branch_chart::BranchState;
use crate::cell_chart::{self, Trigger};
use crate::conditions::View;
use crate::engine::Engine;
use crate::manual::ManualStatus;
use crate::modes::mask;
use crate::ops::Op;
use crate::parts::TrayState;
use crate::resources::{Blocked, BranchKey};
use crate::unit::Unit;

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub state: CellState,
    pub mode: CellMode,
    /// Commands that this state takes in this mode; there may be a reason against one all the same.
    pub takes: Vec<CellCommand>,
    pub order: Option<OrderStatus>,
    pub units: Vec<UnitStatus>,
    pub alarms: Vec<Alarm>,
    pub questions: Vec<Question>,
    /// Place = tray.
    pub trays: Vec<TrayState>,
    /// What is under way by hand.
    pub manual: ManualStatus,
}

/// How far an order is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderStatus {
    pub id: String,
    /// Lot of the product, of an order file.
    pub lot: Option<String>,
    /// Units that are wanted: good ones by an order file, else opened ones.
    pub quantity: u32,
    /// What was made of it, in earlier runs too.
    pub progress: OrderProgress,
}

/// One unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitStatus {
    pub unit: UnitId,
    pub serial: String,
    /// The nest that travels with it.
    pub nest: u16,
    /// Station of its nest; `None` while the table turns.
    pub station: Option<String>,
    pub rejecting: bool,
    pub branches: Vec<BranchStatus>,
}

/// One active path of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchStatus {
    pub name: String,
    pub step: Option<String>,
    pub attempt: Option<u16>,
    pub state: BranchState,
    /// In words: which condition is open, who holds what it needs, whose answer is awaited.
    pub waits_for: Option<String>,
}

fn taken(state: CellState, mode: CellMode) -> Vec<CellCommand> {
    let taken = |c: &CellCommand| {
        cell_chart::next(state, Trigger::Command(*c)).is_some_and(|to| mask(mode).contains(&to))
    };
    CellCommand::ALL.iter().copied().filter(taken).collect()
}

impl Engine {
    /// A snapshot at this moment.
    pub fn status(&self, machine: Machine<'_>) -> Status {
        let order = self.core.order.as_ref().map(|o| {
            let (lot, quantity) = match &o.order.work {
                Work::Units(units) => (None, *units),
                Work::Terms { terms, .. } => (Some(terms.lot.clone()), terms.quantity),
            };
            OrderStatus { id: o.order.id.clone(), lot, quantity, progress: o.progress }
        });
        let asked = self.ledger.questions.values();
        Status {
            state: self.state(),
            mode: self.mode(),
            takes: taken(self.state(), self.mode()),
            order,
            units: self.core.units.values().map(|u| self.unit_status(u, &machine)).collect(),
            alarms: self.core.alarms.active().to_vec(),
            questions: asked.filter(|a| a.answer.is_none()).map(|a| a.question.clone()).collect(),
            trays: self.core.parts.trays.clone(),
            manual: self.core.manual.status(),
        }
    }

    fn unit_status(&self, unit: &Unit, machine: &Machine<'_>) -> UnitStatus {
        let station = unit.data.station.and_then(|s| self.cell.stations.get(s.index()));
        let active = unit.branches.values().filter(|b| b.end.is_none());
        UnitStatus {
            unit: unit.data.id,
            serial: unit.data.serial.clone(),
            nest: unit.data.nest,
            station: station.map(|s| s.name.clone()),
            rejecting: unit.data.rejecting,
            branches: active.map(|b| self.branch_status(unit, b, machine)).collect(),
        }
    }

    fn branch_status(&self, unit: &Unit, branch: &Branch, machine: &Machine<'_>) -> BranchStatus {
        let step = branch.step_ix(&unit.data).map(|ix| unit.data.plan.step(ix).id.clone());
        BranchStatus {
            name: branch.name.clone(),
            step,
            attempt: branch.run.as_ref().map(|r| r.attempt),
            state: branch.machine.state(),
            waits_for: self.waits_for(unit, branch, machine),
        }
    }

    fn waits_for(&self, unit: &Unit, branch: &Branch, machine: &Machine<'_>) -> Option<String> {
        match branch.machine.state() {
            BranchState::Gate => branch.waits.as_ref().map(|w| match w {
                Waits::Branches(id) => format!("the branches of {id}"),
                Waits::Turn(blocked) => self.blocked(*blocked),
                Waits::Table(Some(station)) => {
                    let name = self.cell.stations.get(station.index()).map_or("?", |s| s.name.as_str());
                    format!("the table, to station {name}")
                }
                Waits::Table(None) => "the table".into(),
                Waits::Inputs => "valid inputs".into(),
                Waits::Zone(zone, by) => {
                    let zone = self.resource_text(Resource::Zone(*zone));
                    format!("{zone}, in which {} stands", by.name(&self.cell))
                }
                Waits::Break(ix) => format!("`next`, at the break before {}", unit.data.plan.step(*ix).id),
                Waits::Supply(starved) => format!("{}: {}", starved.place(&self.cell), starved.cause()),
            }),
            BranchState::AwaitOperator => Some("a person".into()),
            BranchState::Preparing => Some("the station and the record".into()),
            BranchState::Held | BranchState::Holding => Some("Unhold".into()),
            BranchState::Running | BranchState::Verifying => {
                let run = branch.run.as_ref()?;
                let plan: &Plan = &unit.data.plan;
                match (&run.op, run.list(plan).get(run.at)) {
                    (Some(Op::Wait { .. }), Some(Primitive::WaitUntil { condition, .. })) => {
                        let view = View::of(machine, &unit.data.made);
                        condition.first_unmet(&view).map(|e| e.words(&self.cell))
                    }
                    (Some(Op::Axis { axis, .. }), _) => {
                        self.cell.axes.get(axis.index()).map(|a| a.name.clone())
                    }
                    (Some(Op::Robot { robot, .. }), _) => {
                        self.cell.robots.get(robot.index()).map(|r| r.name.clone())
                    }
                    (Some(Op::Device { .. }), _) => Some("the device".into()),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn blocked(&self, blocked: Blocked) -> String {
        match blocked {
            Blocked::Resource(resource, by) => {
                format!("{}, held by {}", self.resource_text(resource), self.holder(by))
            }
            Blocked::Turn(by) => format!("its turn after {}", self.holder(by)),
        }
    }

    fn holder(&self, key: BranchKey) -> String {
        if key == BranchKey::TABLE {
            return "the table".into();
        }
        let unit = self.core.units.get(&key.unit);
        let branch = unit.and_then(|u| u.branches.get(&key.branch).map(|b| (u, b)));
        let step = branch.and_then(|(u, b)| b.step_ix(&u.data).map(|ix| u.data.plan.step(ix).id.clone()));
        let otherwise = || match unit {
            Some(unit) if key == BranchKey::of_unit(key.unit) => format!("unit {}", unit.data.serial),
            _ => format!("branch {} of unit {}", key.branch, key.unit.0),
        };
        step.unwrap_or_else(otherwise)
    }

    fn resource_text(&self, resource: Resource) -> String {
        let cell = &self.cell;
        let name = match resource {
            Resource::Axis(id) => cell.axes.get(id.index()).map(|x| x.name.clone()),
            Resource::Robot(id) => cell.robots.get(id.index()).map(|x| x.name.clone()),
            Resource::Camera(id) => cell.cameras.get(id.index()).map(|x| x.name.clone()),
            Resource::Scanner(id) => cell.scanners.get(id.index()).map(|x| x.name.clone()),
            Resource::Printer(id) => cell.printers.get(id.index()).map(|x| x.name.clone()),
            Resource::Analog(id) => cell.analogs.get(id.index()).map(|x| x.name.clone()),
            Resource::Tray(id) => cell.trays.get(id.index()).map(|x| x.name.clone()),
            Resource::StationSpace(id) => {
                cell.stations.get(id.index()).map(|x| format!("the space at {}", x.name))
            }
            Resource::Zone(id) => cell.zones.get(id.index()).map(|x| format!("zone {}", x.name)),
        };
        name.unwrap_or_else(|| "a resource".into())
    }
}
