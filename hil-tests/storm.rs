//! Storms: a cell in virtual time, an operator who does as he likes, and a machine in which anything may
//! fail at any moment; then a bounded attempt to bring it to rest.
//!
//! A run is a function of its seed alone. *Weather* is what happens at random; the *script* at the end
//! mends the machine, acknowledges, answers, stops and resets the cell, as any operator would.

mod weather;

use cellwright_model::event::EventData;
use cellwright_model::packml::CellState;
use cellwright_model::{DurationNs, TimeNs};
use cellwright_sim::audit::{Auditors, Seen};
use cellwright_sim::script::Script;
use cellwright_sim::{Options, Prepared, SimError, Told, VirtualCell};

pub use weather::Weather;

/// Virtual time in which the script must have brought the cell to rest: the longest timeouts of the cell
/// and the recipe, one after the other.
const REST_MAX: DurationNs = DurationNs::from_millis(150_000);

/// What one storm came to.
#[derive(Debug)]
pub struct Outcome {
    pub seed: u64,
    /// Everything that may not be; empty if all is well.
    pub findings: Vec<String>,
    /// Units: good, ng, interrupted.
    pub units: [usize; 3],
    pub cycles: u64,
    /// States of the cell that were entered.
    pub states: Vec<CellState>,
    pub seen: Seen,
}

/// A generator of its own, so that a seed stands for the same run with any version of any crate
/// (splitmix64, Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 .. n.
    pub fn below(&mut self, n: usize) -> usize {
        (self.roll() % n.max(1) as u64) as usize
    }

    /// True once in `n`.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.roll().is_multiple_of(n.max(1))
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let i = self.below(of.len());
        of.get(i)
    }
}

/// One storm: weather, then rest. `say` gets what happens, a line each, for who replays it.
///
/// Errors: the cell cannot be simulated at all.
pub fn storm(mut prepared: Prepared, seed: u64, say: &mut dyn FnMut(&str)) -> Result<Outcome, SimError> {
    let mut dice = Dice::new(seed);
    if let Some(plant) = &mut prepared.plant {
        // Grips miss now and then.
        plant.grippers.miss = [0.0, 0.1, 0.3][dice.below(3)];
    }
    let options = Options { seed: dice.roll(), operator: Some("storm".into()), ..Options::default() };
    let mut cell = VirtualCell::new(prepared, options)?;
    let mut run = Run { auditors: Auditors::new(&cell), states: Vec::new(), say };
    let mut weather = Weather::new(dice);
    let until = TimeNs(weather.length().0);
    while cell.now() < until {
        weather.blow(&mut cell, &mut *run.say);
        run.tick(&mut cell, |cell, told| weather.hear(cell, told))?;
    }
    let mut script = Script::new(weather.mend(&mut cell));
    let deadline = cell.now() + REST_MAX;
    while !script.done() && cell.now() < deadline {
        script.act(&mut cell);
        run.tick(&mut cell, |cell, told| script.hear(cell, told))?;
    }
    let mut findings: Vec<String> = Vec::new();
    if !script.done() {
        findings.push(format!("it did not come to rest: {}", script.where_it_stands(&cell)));
    }
    run.auditors.end(&cell);
    findings.extend(run.auditors.findings().iter().map(ToString::to_string));
    Ok(Outcome {
        seed,
        findings,
        units: run.auditors.ended(),
        cycles: cell.rt().cycle,
        states: run.states,
        seen: run.auditors.seen(),
    })
}

/// Virtual time since power-up.
pub(crate) fn seconds(cell: &VirtualCell) -> f64 {
    cell.now().0 as f64 / 1e9
}

struct Run<'a> {
    auditors: Auditors,
    states: Vec<CellState>,
    say: &'a mut dyn FnMut(&str),
}

impl Run<'_> {
    /// One cycle. Who hears what is told does at once what his hands have to do.
    fn tick(
        &mut self,
        cell: &mut VirtualCell,
        hear: impl FnOnce(&mut VirtualCell, &Told),
    ) -> Result<(), SimError> {
        let told = cell.tick()?;
        hear(cell, &told);
        let found = self.auditors.findings().count();
        self.auditors.look(cell, &told);
        for event in &told.events {
            (self.say)(&format!("{:.3} {:?}", seconds(cell), event.draft.data));
        }
        for notice in &told.notices {
            (self.say)(&format!("{:.3} {notice:?}", seconds(cell)));
        }
        if self.auditors.findings().count() > found {
            (self.say)(&format!("{:.3} a finding", seconds(cell)));
        }
        // By the record: a state that lasts no cycle is seen there alone.
        for event in &told.events {
            if let EventData::CellState(change) = &event.draft.data
                && !self.states.contains(&change.to)
            {
                self.states.push(change.to);
            }
        }
        Ok(())
    }
}
