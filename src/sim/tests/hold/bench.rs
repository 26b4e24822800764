//! A cell that is held at its moments, and what is seen of it.

use std::collections::BTreeMap;

use cellwright_controller::{AutoOperator, Input, Notice, Order, Question, Source};
use cellwright_engine::branch_chart::BranchState;
use cellwright_model::event::{Event, EventData, StepEnded};
use cellwright_model::outcome::{StepOutcome, UnitResult};
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::plan::{OnHold, Resource, Step};
use cellwright_model::{DurationNs, RobotId};
use cellwright_sim::audit::Auditors;
use cellwright_sim::{Options, VirtualCell, What, hands, read, wiring};

use crate::moments::{Look, Moment};

/// Cycles from the one after which the controller takes the command.
const REACTION_MAX: u64 = 2;
/// Every moment comes, and every command has done its work, within this.
const WITHIN: DurationNs = DurationNs::from_millis(200_000);
/// Held for so long, and nothing moves.
const STANDS: u32 = 300;
/// Slower than this share of its highest velocity an axis stands.
const REST_SHARE: f64 = 1e-3;
/// A cobot's joint moves above this (deg/s).
const JOINT_RESTS: f64 = 0.5;
/// How long a person takes to confirm.
const CONFIRMED_AFTER: DurationNs = DurationNs::from_millis(400);

/// One cell with its operator, who goes on answering; somebody else holds.
pub(crate) struct Bench {
    pub(crate) cell: VirtualCell,
    auditors: Auditors,
    operator: AutoOperator,
    asked: Vec<(cellwright_model::TimeNs, Question)>,
    events: Vec<Event>,
    refused: Vec<String>,
    /// Setpoints of the last cycles, the newest last.
    trace: [Vec<f64>; 3],
}

/// What was seen at one hold, in words.
pub(crate) type Row = String;

impl Bench {
    /// A cell that makes `units` by the shipped recipe with these words replaced.
    pub(crate) fn new(words: &[(&str, &str)], units: u32, seed: u64) -> Bench {
        let folder = tempfile::tempdir().expect("a folder");
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes/cannula-hub");
        let mut written = String::new();
        for name in ["cannula-hub.recipe.yaml", "feed-cannula.recipe.yaml"] {
            let mut text = std::fs::read_to_string(format!("{root}/{name}")).expect("the shipped recipe");
            for (from, to) in words.iter().filter(|(from, _)| text.contains(from)).collect::<Vec<_>>() {
                text = text.replacen(from, to, 1);
            }
            std::fs::write(folder.path().join(name), &text).expect("written");
            written.push_str(&text);
        }
        assert!(words.iter().all(|(_, to)| written.contains(to)), "{words:?}");
        let recipe = Some(folder.path().join("cannula-hub.recipe.yaml"));
        let reading = read(&What { recipe, ..What::default() }, true);
        let prepared = reading.prepared.unwrap_or_else(|| panic!("{:?}", reading.diagnostics));
        let cell = VirtualCell::new(prepared, Options { seed, ..Options::default() }).expect("a cell");
        let order = Order::units("HOLDS", cell.plan().clone(), units);
        let loads = wiring::loads(cell.cell(), &hands::wanted(cell.plan(), cell.materials()));
        Bench {
            auditors: Auditors::new(&cell),
            operator: AutoOperator::new("auto:test", order, loads).attended(),
            asked: Vec::new(),
            events: Vec::new(),
            refused: Vec::new(),
            trace: Default::default(),
            cell,
        }
    }

    pub(crate) fn tick(&mut self) {
        let mut inputs = Vec::new();
        let _progress = self.operator.react(self.cell.state(), &mut inputs);
        let now = self.cell.now();
        let (due, later) = core::mem::take(&mut self.asked)
            .into_iter()
            .partition(|(at, _)| now.since(*at) >= CONFIRMED_AFTER);
        self.asked = later;
        let due: Vec<(_, Question)> = due;
        inputs.extend(due.iter().filter_map(|(_, q)| self.operator.answer(q)));
        inputs.into_iter().for_each(|input| self.cell.give(input));
        let told = self.cell.tick().expect("a cycle");
        self.auditors.look(&self.cell, &told);
        self.trace.rotate_left(1);
        self.trace[2] = self.setpoints();
        self.events.extend(told.events);
        for notice in told.notices {
            match notice {
                Notice::Ask(q) => self.asked.push((now, q)),
                Notice::Withdrawn(id) => self.asked.retain(|(_, q)| q.id != id),
                Notice::TrayAtEnd(tray) => {
                    self.cell.inject(hands::exchange(tray));
                    let input = self.operator.exchange(tray);
                    self.cell.give(input);
                }
                Notice::Answered { request, result: Err(why), .. } => {
                    self.refused.push(format!("{request:?}: {why}"));
                }
                _ => {}
            }
        }
    }

    pub(crate) fn look(&self) -> Look<'_> {
        Look { cell: &self.cell, rt: self.cell.rt(), status: self.cell.status().expect("it lives") }
    }

    pub(crate) fn until(&mut self, what: &str, state: CellState) {
        let end = self.cell.now() + WITHIN;
        while self.cell.state() != state {
            assert!(self.cell.now() < end, "{what}: {:?}, refused {:?}", self.cell.status(), self.refused);
            self.tick();
        }
    }

    pub(crate) fn command(&mut self, command: CellCommand) {
        self.cell.give(Input::Command { command, by: Source::new("script", "test") });
        self.tick();
        assert!(self.refused.is_empty(), "{:?}", self.refused);
    }

    pub(crate) fn setpoints(&self) -> Vec<f64> {
        self.cell.rt().axes[..self.cell.cell().axes.len()].iter().map(|a| a.setpoint_au).collect()
    }

    /// What the drive of an axis was told: its torque, if it follows torques (CST, 0x6061 = 10).
    pub(crate) fn torque(&self, axis: usize) -> Option<i64> {
        let world = self.cell.world();
        let object = |index| world.segment().object(self.cell.cell().axes[axis].subdevice, index, 0);
        (object(0x6061)? == 10).then(|| object(0x6071))?
    }

    /// Steps at work whose recipe lets them finish first.
    pub(crate) fn finishing_steps(&self) -> Vec<Step> {
        let plan = self.cell.plan();
        let status = self.cell.status().expect("it lives");
        let works = |s| matches!(s, BranchState::Running | BranchState::Verifying);
        let running = status.units.iter().flat_map(|u| &u.branches).filter(|b| works(b.state));
        let steps = running.filter_map(|b| plan.steps.iter().find(|s| Some(&s.id) == b.step.as_ref()));
        steps.filter(|s| s.on_hold == OnHold::Finish).cloned().collect()
    }

    /// Their axes, by index.
    pub(crate) fn finishing(&self) -> Vec<usize> {
        let mask = self.finishing_steps().iter().fold(0, |mask, s| mask | s.axes());
        (0..self.cell.cell().axes.len()).filter(|i| mask >> i & 1 == 1).collect()
    }

    /// Their cobots that move, by index.
    pub(crate) fn finishing_robots(&self) -> Vec<usize> {
        let steps = self.finishing_steps();
        let of = |r: &usize| Resource::Robot(RobotId(*r as u16));
        self.moving_robots()
            .into_iter()
            .filter(|r| steps.iter().any(|s| s.resources.contains(&of(r))))
            .collect()
    }
}

/// Two differences of a setpoint: velocity and acceleration in the last cycle (au, s).
pub(crate) fn differences(trace: &[Vec<f64>; 3], axis: usize, dt: f64) -> (f64, f64) {
    let (v, last) = ((trace[2][axis] - trace[1][axis]) / dt, (trace[1][axis] - trace[0][axis]) / dt);
    (v, (v - last) / dt)
}

impl Bench {
    /// Holds now, waits for Held, sees that all stands, and lets it go on. What it saw, in words.
    pub(crate) fn hold(&mut self, name: &'static str) -> Row {
        let cell = self.cell.cell().clone();
        let (was, finishing) = (self.cell.state(), self.finishing());
        let told_off = self.finishing_robots();
        let moving_robots: Vec<usize> =
            self.moving_robots().into_iter().filter(|r| !told_off.contains(r)).collect();
        let stops = self.cell.controller().expect("it lives").robot_stops().to_vec();
        self.command(CellCommand::Hold);
        let taken = self.cell.rt().cycle;
        let now = self.cell.controller().expect("it lives").robot_stops().to_vec();
        let mut told = Vec::new();
        for robot in told_off {
            assert_eq!(now[robot], stops[robot], "{name}: {} finishes first", cell.robots[robot].name);
            told.push(format!("{} finishes first", cell.robots[robot].name));
        }
        for robot in moving_robots {
            // Told in the very step of the controller that takes the command.
            assert!(now[robot] > stops[robot], "{name}: {} is not told to stop", cell.robots[robot].name);
            told.push(format!("{} told in 0", cell.robots[robot].name));
        }
        told.extend(self.reactions(name, &finishing, taken));
        told.extend(finishing.iter().map(|&i| format!("{} finishes first", cell.axes[i].name)));
        let began = self.cell.now();
        self.until(name, CellState::Held);
        let held_after = self.cell.now().since(began).0 / 1_000_000;
        self.stands(name);
        let units = self.cell.status().expect("it lives").units.len();
        self.command(CellCommand::Unhold);
        self.until(name, CellState::Execute);
        let told = if told.is_empty() { "nothing moves".to_owned() } else { told.join(", ") };
        format!("{name:<30} | {units} | {:<9} | {told} | {held_after} ms", was.name())
    }

    /// Cobots that move.
    pub(crate) fn moving_robots(&self) -> Vec<usize> {
        let robots = self.cell.controller().expect("it lives").robots().iter();
        let moves = robots.map(|r| r.speeds.iter().any(|v| v.abs() > JOINT_RESTS));
        moves.enumerate().filter(|(_, moves)| *moves).map(|(i, _)| i).collect()
    }

    /// Cycles to the first setpoint, or torque, of each moving axis that is on its way to rest.
    pub(crate) fn reactions(&mut self, name: &str, finishing: &[usize], taken: u64) -> Vec<String> {
        let cell = self.cell.cell().clone();
        let dt = cell.cycle.as_secs_f64();
        let mut open: Vec<(usize, Option<i64>)> = (0..cell.axes.len())
            .filter(|i| !finishing.contains(i))
            .map(|i| (i, self.torque(i)))
            .filter(|&(i, torque)| {
                let v = differences(&self.trace, i, dt).0;
                torque.is_some_and(|t| t > 0)
                    || torque.is_none() && v.abs() > REST_SHARE * cell.axes[i].velocity_max
            })
            .collect();
        let mut told = Vec::new();
        while !open.is_empty() {
            let last: Vec<_> = (0..cell.axes.len()).map(|i| differences(&self.trace, i, dt)).collect();
            self.tick();
            let cycles = self.cell.rt().cycle - taken;
            open.retain_mut(|(i, torque)| {
                let (v, a) = differences(&self.trace, *i, dt);
                let (was_v, was_a) = last[*i];
                let less = (was_a - a) * v.signum() > 0.2 * cell.axes[*i].jerk_max * dt;
                let slower = match torque {
                    None => v.abs() < was_v.abs() * (1.0 - 1e-9) || less,
                    Some(was) => self.torque(*i).is_none_or(|t| t < core::mem::replace(was, t)),
                };
                if slower {
                    told.push(format!("{} in {cycles}", cell.axes[*i].name));
                }
                assert!(
                    slower || cycles < REACTION_MAX,
                    "{name}: {} after {cycles} cycles",
                    cell.axes[*i].name
                );
                !slower
            });
        }
        told
    }

    /// Held: no setpoint changes, no axis and no joint moves.
    pub(crate) fn stands(&mut self, name: &str) {
        let from = self.setpoints();
        for _ in 0..STANDS {
            self.tick();
            let axes = self.cell.cell().axes.iter().zip(self.cell.rt().axes).zip(&from);
            for ((described, now), from) in axes {
                let moves = now.velocity_au_s.abs() > 0.01 * described.velocity_max;
                // A drive without torque has its actual position as its setpoint.
                let set = now.enabled && (now.setpoint_au - from).abs() > 2.0 / described.counts_per_au;
                assert!(!moves && !set, "{name}: {} moves in Held: {now:?}, from {from}", described.name);
            }
            assert!(self.moving_robots().is_empty(), "{name}: a cobot moves in Held");
        }
    }

    /// Through the whole order, with a hold at each of these moments once.
    pub(crate) fn go_through(&mut self, moments: &[&'static Moment]) -> Vec<Row> {
        let mut left: Vec<(&Moment, u32)> = moments.iter().map(|m| (*m, 0)).collect();
        let mut rows = Vec::new();
        while self.cell.state() != CellState::Completed {
            let idle = self.cell.now().0 > 60 * WITHIN.0;
            assert!(!idle, "left: {:?}", left.iter().map(|(m, _)| m.name).collect::<Vec<_>>());
            self.tick();
            let look = self.look();
            let takes = matches!(look.status.state, CellState::Execute | CellState::Suspended);
            left.iter_mut().for_each(|(m, n)| *n = if takes && (m.is)(&look) { *n + 1 } else { 0 });
            if let Some(at) = left.iter().position(|(m, n)| *n >= m.into) {
                let (moment, _) = left.remove(at);
                rows.push(self.hold(moment.name));
                left.iter_mut().for_each(|(_, n)| *n = 0);
            }
        }
        (0..3).for_each(|_| self.tick());
        self.auditors.end(&self.cell);
        let found: Vec<String> = self.auditors.findings().iter().map(|f| f.to_string()).collect();
        assert!(found.is_empty(), "{found:#?}");
        assert!(left.is_empty(), "never came: {:?}", left.iter().map(|(m, _)| m.name).collect::<Vec<_>>());
        rows
    }

    /// Outcomes with their units, in their order.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (String, &StepEnded)> {
        self.events.iter().filter_map(|e| match (&e.draft.data, &e.draft.unit) {
            (EventData::StepOutcome(step), Some(unit)) => Some((unit.serial.clone(), step)),
            _ => None,
        })
    }

    pub(crate) fn of(&self, step: &str) -> Vec<&StepEnded> {
        self.steps().map(|(_, s)| s).filter(|s| s.step.ends_with(step)).collect()
    }

    /// Result and cause of each unit.
    pub(crate) fn results(&self) -> BTreeMap<String, (UnitResult, Option<String>)> {
        let result = |e: &Event| match (&e.draft.data, &e.draft.unit) {
            (EventData::UnitResult(end), Some(unit)) => {
                Some((unit.serial.clone(), (end.result, end.cause.clone())))
            }
            _ => None,
        };
        self.events.iter().filter_map(result).collect()
    }

    /// Value of each measurement that counts, by unit, step and name.
    pub(crate) fn measured(&self) -> BTreeMap<(String, String, String), (f64, f64)> {
        let passed = self.steps().filter(|(_, s)| s.outcome == StepOutcome::Passed);
        let each = passed.flat_map(|(serial, s)| {
            s.measurements.iter().map(move |m| {
                let width = m.limits[1].unwrap_or(0.0) - m.limits[0].unwrap_or(0.0);
                ((serial.clone(), s.step.clone(), m.name.clone()), (m.value.expect("measured"), width))
            })
        });
        each.collect()
    }
}
