//! What a bench has measured: as text, JSON, and a plot.

use std::path::Path;
use std::process::ExitCode;

use cellwright_bus::StageTime;
use cellwright_model::DurationNs;
use cellwright_rt::{Histogram, Quantiles, Statistics};
use serde_json::{Value, json};

use super::{chart, plot};
use crate::cli::out::outln;
use crate::cli::{Failure, print_json, progress};

/// From power-on to OP.
pub(super) struct BringUp {
    pub(super) took: DurationNs,
    pub(super) stages: Vec<StageTime>,
}

/// One histogram at one moment.
pub(super) struct Measured {
    pub(super) name: &'static str,
    /// In JSON.
    key: &'static str,
    /// (lowest, highest ns, count), in order.
    pub(super) buckets: Vec<(u64, u64, u64)>,
    pub(super) quantiles: Quantiles,
}

/// What the cycle measured of itself so far; what it did not is left out.
pub(super) fn measured(s: &Statistics) -> Vec<Measured> {
    let all = [
        ("wake-up", "wake_ns", &s.wake),
        ("execution", "exec_ns", &s.exec),
        ("own work", "own_ns", &s.own),
        ("round trip", "round_trip_ns", &s.round_trip),
        ("phase", "phase_ns", &s.phase),
    ];
    let one = |(name, key, h): (_, _, &Histogram)| Measured {
        name,
        key,
        buckets: h.buckets(),
        quantiles: h.quantiles(),
    };
    all.into_iter().map(one).filter(|m| m.quantiles.count > 0).collect()
}

/// See the module text.
pub(super) struct Figures {
    /// What was measured, in a few words.
    pub(super) what: String,
    pub(super) period: DurationNs,
    pub(super) cycles: u64,
    pub(super) missed: u64,
    pub(super) wkc_errors: u64,
    pub(super) allocations: u64,
    pub(super) page_faults: u64,
    pub(super) clock_jumps: u64,
    pub(super) measured: Vec<Measured>,
    pub(super) bring_up: Option<BringUp>,
}

impl Figures {
    /// Says it, and draws the plot if one is wanted.
    pub(super) fn tell(&self, as_json: bool, svg: Option<&Path>) -> Result<(), Failure> {
        if let Some(path) = svg {
            std::fs::write(path, plot::svg(&self.title(), &self.measured))
                .map_err(|e| Failure::Failed(format!("{}: {e}", path.display())))?;
        }
        if as_json {
            print_json(&self.json());
        } else {
            self.print();
        }
        Ok(())
    }

    fn title(&self) -> String {
        format!("{}: {} cycles of {:.3} ms", self.what, self.cycles, self.period.0 as f64 / 1e6)
    }

    fn json(&self) -> Value {
        let mut value = json!({
            "period_ns": self.period.0, "cycles": self.cycles, "missed": self.missed, "wkc_errors": self.wkc_errors,
            "allocations": self.allocations, "page_faults": self.page_faults,
            "clock_jumps": self.clock_jumps,
        });
        for m in &self.measured {
            value[m.key] = quantiles(&m.quantiles);
        }
        if let Some(b) = &self.bring_up {
            let stage = |s: &StageTime| json!({ "stage": s.stage, "ns": s.took.0 });
            value["bring_up_ns"] = b.took.0.into();
            value["bring_up"] = b.stages.iter().map(stage).collect();
        }
        value
    }

    fn print(&self) {
        outln!("{}", self.title());
        outln!("{} missed in all, {} with a wrong working counter", self.missed, self.wkc_errors);
        outln!(
            "{} allocations and {} page faults on the real-time thread",
            self.allocations,
            self.page_faults
        );
        if let Some(b) = &self.bring_up {
            let ms = |d: DurationNs| d.0 as f64 / 1e6;
            outln!("from nothing to OP in {:.1} ms:", ms(b.took));
            for s in &b.stages {
                outln!("  {:>8.1} ms  {}", ms(s.took), s.stage);
            }
        }
        for m in &self.measured {
            outln!("\n{:<10} {}{}", m.name, progress::quantiles(&m.quantiles), remark(m.name));
            chart::rows(&m.buckets).iter().for_each(|row| outln!("{row}"));
        }
        if self.clock_jumps > 0 {
            outln!("the reference clock jumped {} times", self.clock_jumps);
        }
    }
}

fn remark(name: &str) -> &'static str {
    match name {
        "execution" => " (with the twin's segment, where it is in this process)",
        "own work" => " (execution without that)",
        "phase" => " off the instant at the reference clock",
        _ => "",
    }
}

pub(crate) fn quantiles(q: &Quantiles) -> Value {
    json!({ "p50": q.p50, "p99": q.p99, "p999": q.p999, "max": q.max })
}

/// Exit status of a bench that was complete or not.
pub(super) fn status(complete: bool) -> ExitCode {
    if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
