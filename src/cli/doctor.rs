//! `cellwright doctor`: whether a cell can be run on this machine, and what to do where it cannot.

mod cpu;
mod finding;
mod interface;
mod kernel;
mod machine;
mod measured;
mod memory;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use cellwright_model::DurationNs;
use cellwright_rt::platform::RealTime;
use cellwright_rt::wake::{self, WakeReport};
use serde_json::{Value, json};

use super::args::{CellArgs, DoctorArgs};
use super::out::outln;
use super::running_cycle::last_core;
use super::{Failure, print_json};
use finding::{Check, Finding, Grade};
use machine::Machine;

/// What is looked at, by subject; those of the interface only where one is named.
const SUBJECTS: &[(&str, &[Check])] =
    &[("kernel", kernel::CHECKS), ("cpu", cpu::CHECKS), ("memory", memory::CHECKS)];

pub(crate) fn run(args: DoctorArgs) -> Result<ExitCode, Failure> {
    let cell = CellArgs { recipe: None, cell: args.cell.clone(), variant: None };
    let period = super::prepare(&(&cell).into(), false)?.cell.cycle;
    let wanted = RealTime { cpu: args.rt_core.or_else(last_core), ..RealTime::default() };
    let machine = Machine { root: PathBuf::from("/"), rt_core: wanted.cpu, interface: args.iface.clone() };
    let mut findings = looked_at(&machine);
    let report = match args.seconds {
        0 => None,
        s => Some(wake::measure(period, DurationNs::from_millis(u64::from(s) * 1_000), wanted)?),
    };
    findings.extend(report.iter().flat_map(|r| measured::findings(r, period, wanted.priority)));
    if args.json {
        print_json(&json_of(&findings, period, report.as_ref()));
    } else {
        print(&findings);
    }
    let failed = findings.iter().any(|f| f.grade == Grade::Fail);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Every finding of the files that `machine` shows.
fn looked_at(machine: &Machine) -> Vec<Finding> {
    let interface = machine.interface.as_ref().map(|_| ("interface", interface::CHECKS));
    let subjects = SUBJECTS.iter().copied().chain(interface);
    subjects.flat_map(|(subject, checks)| checks.iter().map(move |c| c.on(subject, machine))).collect()
}

fn count(findings: &[Finding], grade: Grade) -> usize {
    findings.iter().filter(|f| f.grade == grade).count()
}

fn print(findings: &[Finding]) {
    let mut subject = "";
    for f in findings {
        if f.subject != subject {
            subject = f.subject;
            outln!("{subject}");
        }
        outln!("  {:<4}  {:<18} {}", f.grade.word(), f.check, f.found);
        if matches!(f.grade, Grade::Warn | Grade::Fail) {
            outln!("        why     {}", f.why);
            outln!("        remedy  {}", f.remedy);
        }
    }
    let (fail, warn) = (count(findings, Grade::Fail), count(findings, Grade::Warn));
    outln!("{} looked at: {fail} fail, {warn} warn", findings.len());
}

fn json_of(findings: &[Finding], period: DurationNs, report: Option<&WakeReport>) -> Value {
    json!({
        "period_ns": period.0,
        "findings": findings,
        "fail": count(findings, Grade::Fail),
        "warn": count(findings, Grade::Warn),
        "wakes": report.map(|r| r.wakes),
        "missed": report.map(|r| r.missed),
        "wake_ns": report.map(|r| super::bench::quantiles(&r.wake_ns)),
    })
}
