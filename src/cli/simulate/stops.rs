//! `--step` and `--break`: a simulation that stops before a step, says how everything stands, and goes on by a word
//! from standard input.

use std::collections::BTreeSet;
use std::io::BufRead;

use cellwright_controller::{BranchStatus, Status};
use cellwright_model::plan::Plan;
use cellwright_recipe::suggest;
use cellwright_sim::VirtualCell;

use crate::cli::Failure;
use crate::cli::args::SimulateArgs;
use crate::cli::out::errln;

/// What the person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Go {
    On,
    /// The simulation ends here; its figures are those of what was made.
    End,
}

/// See the module text.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    /// Before every step.
    every: bool,
    /// Before these.
    at: BTreeSet<String>,
    /// Serial, branch and step of what stands before a step now: it has been told.
    standing: BTreeSet<(String, String, String)>,
}

impl Stops {
    /// `None`: it goes through without a stop. Errors: there is no such step.
    pub(super) fn of(args: &SimulateArgs, plan: &Plan) -> Result<Option<Stops>, Failure> {
        let ids = || plan.steps.iter().map(|s| s.id.as_str());
        for name in &args.breaks {
            if !ids().any(|id| id == name) {
                let remedy = suggest::remedy(name, ids().collect::<Vec<_>>());
                return Err(Failure::Usage(format!("--break {name}: there is no such step; {remedy}")));
            }
        }
        let stops = args.step || !args.breaks.is_empty();
        let at = args.breaks.iter().cloned().collect();
        Ok(stops.then(|| Stops { every: args.step, at, ..Stops::default() }))
    }

    /// After each cycle: stops where a step is about to begin.
    pub(super) fn look(&mut self, cell: &VirtualCell) -> Go {
        let Some(status) = cell.status() else { return Go::On };
        let begun = self.arrived(&status);
        let stop: Vec<_> = begun.iter().filter(|(_, _, step)| self.every || self.at.contains(step)).collect();
        if stop.is_empty() {
            return Go::On;
        }
        for (serial, _, step) in stop {
            errln!("{:.3} s: before {step} of {serial}", cell.now().0 as f64 / 1e9);
        }
        tell(cell, &status);
        self.ask(&mut std::io::stdin().lock())
    }

    /// What has come to stand before a step since the last cycle: none of its operations has begun.
    fn arrived(&mut self, status: &Status) -> Vec<(String, String, String)> {
        let before = |b: &&BranchStatus| matches!(b.state.name(), "Gate" | "Preparing");
        let standing: BTreeSet<_> = status
            .units
            .iter()
            .flat_map(|u| u.branches.iter().filter(before).map(move |b| (u, b)))
            .filter_map(|(u, b)| Some((u.serial.clone(), b.name.clone(), b.step.clone()?)))
            .collect();
        let new = standing.difference(&self.standing).cloned().collect();
        self.standing = standing;
        new
    }

    /// Until there is a word that means something; at the end of the input it goes on without a stop.
    fn ask(&mut self, input: &mut impl BufRead) -> Go {
        loop {
            errln!("Enter: to the next step; c: to the next --break; q: end");
            let mut line = String::new();
            match input.read_line(&mut line) {
                Ok(0) | Err(_) => {
                    self.every = false;
                    self.at.clear();
                    return Go::On;
                }
                Ok(_) => {}
            }
            match line.trim() {
                "" => self.every = true,
                "c" => self.every = false,
                "q" => return Go::End,
                _ => continue,
            }
            return Go::On;
        }
    }
}

/// How everything stands: units and what they wait for, axes, inputs, channels.
fn tell(cell: &VirtualCell, status: &Status) {
    errln!("  cell {}", status.state.name());
    for unit in &status.units {
        for b in &unit.branches {
            let waits = b.waits_for.as_ref().map_or(String::new(), |w| format!(", waits for {w}"));
            errln!(
                "  {} at {}: {} {}{waits}",
                unit.serial,
                unit.station.as_deref().unwrap_or("no station"),
                b.state.name(),
                b.step.as_deref().unwrap_or("nothing")
            );
        }
    }
    let (rt, description) = (cell.rt(), cell.cell());
    let axes = description.axes.iter().zip(&rt.axes);
    let axes: Vec<_> = axes.map(|(a, now)| format!("{} {:.3} {}", a.name, now.actual_au, a.unit())).collect();
    errln!("  positions: {}", axes.join(", "));
    let on = description.digital_inputs.iter().enumerate().filter(|(n, _)| rt.inputs >> n & 1 == 1);
    errln!("  inputs on: {}", on.map(|(_, i)| i.name.as_str()).collect::<Vec<_>>().join(", "));
    let channels = description.analogs.iter().zip(&rt.analogs).enumerate().map(|(n, (a, value))| {
        let trusted = if rt.analog_valid >> n & 1 == 1 { "" } else { " (not trusted)" };
        format!("{} {value:.3} {}{trusted}", a.name, a.dimension.unit())
    });
    errln!("  channels: {}", channels.collect::<Vec<_>>().join(", "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_says_how_far_it_goes() {
        let at = || BTreeSet::from(["leak".to_owned()]);
        let ask = |words: &str| {
            let mut stops = Stops { every: true, at: at(), ..Stops::default() };
            let go = stops.ask(&mut words.as_bytes());
            (go, stops.every, stops.at.len())
        };
        assert_eq!(ask("\n"), (Go::On, true, 1));
        assert_eq!(ask("what\nc\n"), (Go::On, false, 1));
        assert_eq!(ask("q\n").0, Go::End);
        assert_eq!(ask(""), (Go::On, false, 0), "nobody is there any more");
    }
}
