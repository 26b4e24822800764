//! One run under a seeded plan: nothing that drives are told may leave its bounds, and the cell comes to rest.

use cellwright_controller::{AutoOperator, Notice, Question};
use cellwright_model::{DurationNs, TimeNs};
use cellwright_sim::audit::Auditors;
use cellwright_sim::script::Script;
use cellwright_sim::{Options, SimError, Told, VirtualCell, hands, wiring};

use super::bounds::Bounds;
use super::{REST_MAX, operator, prepared, random};
use crate::storm::Dice;

/// Virtual time at work, up to a first unit and into a second one.
const WORK_MS: (u64, u64) = (2_000, 7_000);

/// What a run came to.
#[derive(Debug)]
pub struct Survived {
    pub seed: u64,
    /// Everything that may not be.
    pub findings: Vec<String>,
    /// A fault did something.
    pub struck: bool,
    /// Looks at enabled drives.
    pub looks: u64,
    /// Cycles whose inputs were held against what the drives show.
    pub fresh: u64,
    pub cycles: u64,
    /// Units that came to their end.
    pub units: usize,
}

/// Runs the cell under the plan of `seed`.
///
/// Errors: the cell cannot be simulated at all.
pub fn survive(seed: u64) -> Result<Survived, SimError> {
    let mut dice = Dice::new(seed);
    let prepared = prepared();
    let plant = prepared.plant.as_ref().ok_or(SimError::NoPlant)?;
    let plan = random::plan(&mut dice, &prepared.cell, plant);
    let options = Options {
        seed: dice.roll(),
        operator: Some("faults".into()),
        faults: Some(plan.clone()),
        ..Options::default()
    };
    let cell = VirtualCell::new(prepared, options)?;
    let length = DurationNs::from_millis(WORK_MS.0 + dice.below((WORK_MS.1 - WORK_MS.0) as usize) as u64);
    let mut run = Run {
        auditors: Auditors::new(&cell),
        bounds: Bounds::new(&cell, &plan),
        operator: operator(&cell, "FAULTS"),
        questions: Vec::new(),
        cell,
    };
    run.work(TimeNs(length.0))?;
    let struck = run.cell.world().faults().is_some_and(|f| f.struck().is_some());
    let mut findings = run.rest()?;
    let lost = run.cell.world().faults().map_or(0, |f| f.overflowed());
    if lost > 0 {
        findings.push(format!("{lost} frames found no room where they waited"));
    }
    run.auditors.end(&run.cell);
    findings.extend(run.auditors.findings().iter().map(ToString::to_string));
    findings.extend(run.bounds.findings);
    if !findings.is_empty() {
        findings.push(format!("the plan: {:?}", plan.entries));
    }
    let (looks, fresh, cycles) = (run.bounds.looks, run.bounds.fresh, run.cell.rt().cycle);
    let units = run.auditors.ended().iter().sum();
    Ok(Survived { seed, findings, struck, looks, fresh, cycles, units })
}

struct Run {
    cell: VirtualCell,
    auditors: Auditors,
    bounds: Bounds,
    operator: AutoOperator,
    questions: Vec<Question>,
}

impl Run {
    fn tick(&mut self) -> Result<Told, SimError> {
        let told = self.cell.tick()?;
        self.auditors.look(&self.cell, &told);
        self.bounds.look(&self.cell);
        Ok(told)
    }

    /// The automatic operator does what he can until then; what he cannot is left for the end.
    fn work(&mut self, until: TimeNs) -> Result<(), SimError> {
        while self.cell.now() < until {
            let mut inputs = Vec::new();
            let _progress = self.operator.react(self.cell.state(), &mut inputs);
            inputs.into_iter().for_each(|input| self.cell.give(input));
            for notice in self.tick()?.notices {
                match notice {
                    Notice::Ask(question) => {
                        let answer = AutoOperator::choice(&question).unwrap_or_default();
                        wiring::acts(&question, answer).into_iter().for_each(|act| self.cell.inject(act));
                        self.operator.answer(&question).into_iter().for_each(|i| self.cell.give(i));
                        self.questions.push(question);
                    }
                    Notice::Withdrawn(id) => self.questions.retain(|q| q.id != id),
                    Notice::TrayAtEnd(tray) => {
                        self.cell.inject(hands::exchange(tray));
                        let input = self.operator.exchange(tray);
                        self.cell.give(input);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Everything is mended, and somebody brings the cell to rest.
    fn rest(&mut self) -> Result<Vec<String>, SimError> {
        self.cell.mend();
        let mut script = Script::new(core::mem::take(&mut self.questions));
        let deadline = self.cell.now() + REST_MAX;
        while !script.done() && self.cell.now() < deadline {
            script.act(&mut self.cell);
            let told = self.tick()?;
            script.hear(&mut self.cell, &told);
        }
        let stands = || format!("it did not come to rest: {}", script.where_it_stands(&self.cell));
        Ok((!script.done()).then(stands).into_iter().collect())
    }
}
