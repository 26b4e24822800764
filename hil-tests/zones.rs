//! Zones over seeds: two cobots, the table and the press share volumes; branches and units run in any order and at any
//! pace, people hold the cell and go on. Whether two bodies were in one zone is looked at below the wire, by positions
//! that the controller does not see.
//!
//! A run is a function of its seed alone.

use std::sync::Arc;

use cellwright_controller::{AutoOperator, Input, Notice, Order, Progress, Source};
use cellwright_model::DurationNs;
use cellwright_model::cell::Cell;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::plan::{Node, Plan, Primitive, RobotOp};
use cellwright_model::zone::{Body, JointBox, Zone};
use cellwright_sim::audit::Auditors;
use cellwright_sim::{Options, Prepared, SimError, VirtualCell, wiring};

use crate::storm::Dice;

/// Units of one run, at the least and at the most.
const UNITS: [usize; 2] = [2, 3];
/// A run ends within this virtual time: its steps at their slowest, one after the other.
const RUN_MAX: DurationNs = DurationNs::from_millis(200_000);
/// The slowest pace, as a share.
const PACE_MIN: f64 = 0.5;

/// What one run came to.
#[derive(Debug)]
pub struct Outcome {
    pub seed: u64,
    /// Everything that may not be; empty if all is well.
    pub findings: Vec<String>,
    /// Cycles in which some body was in a zone.
    pub visits: u64,
    pub cycles: u64,
    /// Units: good, ng, interrupted.
    pub units: [usize; 3],
}

/// The zones of the cell, and one more in which a cobot that loads and one that closes, presses or loads would meet.
pub fn zones(cell: &Cell) -> Vec<Zone> {
    let mut zones = cell.zones.clone();
    let pan = |robot: &str, lo: f64, hi: f64| {
        let mut joints = [None; 6];
        joints[0] = Some((lo, hi));
        Body::Robot { robot: cell.robot(robot).expect("a cobot of the cell"), volume: JointBox(joints) }
    };
    let bodies = vec![pan("robot_l", 15.0, 60.0), pan("robot_r", -90.0, -20.0)];
    zones.push(Zone { name: "front".into(), bodies });
    zones
}

/// One run. `reserved`: the controller knows the zones; without, it only happens to meet nobody.
///
/// Errors: the cell cannot be simulated at all.
pub fn run(mut prepared: Prepared, seed: u64, reserved: bool) -> Result<Outcome, SimError> {
    let mut dice = Dice::new(seed);
    let zones = zones(&prepared.cell);
    let mut cell = Cell::clone(&prepared.cell);
    cell.zones = if reserved { zones.clone() } else { Vec::new() };
    cell.units_in_flight_max = 1 + dice.below(4) as u16;
    prepared.cell = Arc::new(cell);
    if let Some(plant) = &mut prepared.plant {
        // What is wrong with parts nobody looks for here.
        plant.defects.clear();
    }
    prepared.plan = Arc::new(paced(&prepared.plan, &mut dice));
    let options = Options { seed: dice.roll(), ..Options::default() };
    let mut cell = VirtualCell::new(prepared, options)?;
    let mut auditors = Auditors::with_zones(&cell, zones);
    let units = UNITS[0] + dice.below(UNITS[1] - UNITS[0] + 1);
    let order = Order::units("ZONES", cell.plan().clone(), units as u32);
    let mut operator = AutoOperator::new("auto:zones", order, wiring::loads(cell.cell(), cell.materials()));
    let mut hands = Hands { holds: dice.below(3), next: 4_000 + dice.below(8_000) as u64, dice };
    let (mut inputs, until) = (Vec::new(), cell.now() + RUN_MAX);
    let mut findings = Vec::new();
    loop {
        let progress = operator.react(cell.state(), &mut inputs);
        inputs.drain(..).for_each(|input| cell.give(input));
        hands.act(&mut cell);
        let told = cell.tick()?;
        auditors.look(&cell, &told);
        for notice in &told.notices {
            if let Notice::Ask(question) = notice {
                operator.answer(question).into_iter().for_each(|answer| cell.give(answer));
            }
        }
        if progress == Progress::Completed {
            break;
        }
        if cell.now() >= until {
            findings
                .push(format!("it has no end: {:?}", cell.status().map(|s| (s.state, s.units, s.alarms))));
            break;
        }
    }
    findings.extend(auditors.findings().iter().map(ToString::to_string));
    let (visits, cycles, units) = (auditors.zone_visits(), cell.rt().cycle, auditors.ended());
    Ok(Outcome { seed, findings, visits, cycles, units })
}

/// The plan with its branches in another order, and with each move at a pace of its own.
fn paced(plan: &Plan, dice: &mut Dice) -> Plan {
    let mut plan = plan.clone();
    let mut pace = || PACE_MIN + (1.0 - PACE_MIN) * dice.below(1_000) as f64 / 1_000.0;
    for step in &mut plan.steps {
        for op in step.ops.iter_mut().chain(&mut step.cleanup) {
            match op {
                Primitive::Robot { request, .. } => match request {
                    RobotOp::MovePose { speed, .. }
                    | RobotOp::MoveTray { speed, .. }
                    | RobotOp::LeaveTray { speed, .. }
                    | RobotOp::MoveStation { speed, .. } => *speed *= pace(),
                    RobotOp::Grip { .. } => {}
                },
                Primitive::MoveTo { velocity_au_s, .. } => *velocity_au_s *= pace(),
                _ => {}
            }
        }
        // At the slowest pace a step takes so much longer.
        step.timeout = DurationNs((step.timeout.0 as f64 / PACE_MIN) as u64);
    }
    for node in &mut plan.body {
        if let Node::Parallel { branches, .. } = node
            && dice.once_in(2)
        {
            branches.reverse();
        }
    }
    plan
}

/// Somebody who holds the cell now and then, and lets it go on.
struct Hands {
    dice: Dice,
    holds: usize,
    next: u64,
}

impl Hands {
    fn act(&mut self, cell: &mut VirtualCell) {
        if cell.rt().cycle < self.next {
            return;
        }
        self.next = cell.rt().cycle + 300 + self.dice.below(3_000) as u64;
        let command = match cell.state() {
            CellState::Held => CellCommand::Unhold,
            CellState::Execute if self.holds > 0 => {
                self.holds -= 1;
                CellCommand::Hold
            }
            _ => return,
        };
        cell.give(Input::Command { command, by: Source::new("hands", "test") });
    }
}
