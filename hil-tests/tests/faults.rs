//! The table of faults: each plan of `hil-tests/faults` strikes a cell in virtual time, whose reaction is held against
//! what the plan requires; afterwards the cell comes back and makes a unit.
//!
//! `CELLWRIGHT_FAULTS=NAME cargo test --release --workspace --test faults -- --nocapture` runs one of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cellwright_hil_tests::faults::{Survived, files, name, run, survive};

#[test]
fn faults() {
    let only = std::env::var("CELLWRIGHT_FAULTS").ok();
    let files: Vec<_> = files().into_iter().filter(|p| only.as_ref().is_none_or(|o| *o == name(p))).collect();
    assert!(!files.is_empty(), "no plan is called {only:?}");
    println!("{:28} {:10} {:18} {:>8} {:>6}", "fault", "class", "alarm", "required", "seen");
    let mut failed = Vec::new();
    for path in &files {
        let name = name(path);
        match run(path) {
            Ok(seen) => {
                let cycles = seen.cycles.map_or("-".to_owned(), |n| n.to_string());
                let required = match seen.expected.within_cycles {
                    0 => "-".to_owned(),
                    n => format!("<= {n}"),
                };
                let alarm = seen.expected.alarm.as_deref().unwrap_or("-");
                let class = seen.expected.class.as_str();
                println!("{name:28} {class:10} {alarm:18} {required:>8} {cycles:>6}  {}", seen.about);
                if !seen.unmet.is_empty() {
                    failed.push(format!("{name}:\n    {}", seen.unmet.join("\n    ")));
                }
            }
            Err(why) => failed.push(format!("{name}: {why}")),
        }
    }
    assert!(failed.is_empty(), "{} of {} plans:\n{}", failed.len(), files.len(), failed.join("\n"));
}

/// Runs of plain `cargo test`.
const FEW: u64 = 40;
/// Failing runs that are printed.
const SHOWN_MAX: usize = 5;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")))
}

/// `CELLWRIGHT_FAULT_SEED=N` replays one run, `CELLWRIGHT_FAULT_SEEDS=N` runs N of them.
#[test]
fn whatever_goes_wrong_drives_are_told_what_they_may_be_told() {
    let (from, to) = match number("CELLWRIGHT_FAULT_SEED") {
        Some(seed) => (seed, seed),
        None => (1, number("CELLWRIGHT_FAULT_SEEDS").unwrap_or(FEW)),
    };
    let (next, runs) = (AtomicU64::new(from), Mutex::new(Vec::new()));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from).min(8) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > to {
                        return;
                    }
                    let run = survive(seed).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
                    runs.lock().expect("no run panicked").push(run);
                }
            });
        }
    });
    let mut runs = runs.into_inner().expect("no run panicked");
    runs.sort_by_key(|r| r.seed);
    let sum = |of: fn(&Survived) -> u64| runs.iter().map(of).sum::<u64>();
    let (wall_s, looks) = (began.elapsed().as_secs_f64(), sum(|r| r.looks));
    let struck = sum(|r| u64::from(r.struck));
    println!(
        "{} plans in {wall_s:.1} s: {struck} struck, {} cycles, {looks} looks at enabled drives, {} cycles' inputs held \
         against the drives, {} units ended",
        runs.len(),
        sum(|r| r.cycles),
        sum(|r| r.fresh),
        sum(|r| r.units as u64)
    );
    assert!(!runs.is_empty(), "no plan was asked for");
    let bad: Vec<_> = runs.iter().filter(|r| !r.findings.is_empty()).collect();
    let shown: Vec<String> = bad
        .iter()
        .take(SHOWN_MAX)
        .map(|r| format!("CELLWRIGHT_FAULT_SEED={}\n  {}", r.seed, r.findings.join("\n  ")))
        .collect();
    assert!(bad.is_empty(), "{} of {} plans:\n{}", bad.len(), runs.len(), shown.join("\n"));
    // Plans that strike nothing, and drives that nobody looks at, show nothing.
    if runs.len() > 1 {
        let count = runs.len() as u64;
        let looked = looks > 1_000 * count && sum(|r| r.fresh) > 1_000 * count;
        assert!(2 * struck >= count && looked, "the runs show something");
    }
}
