//! No two bodies in one zone, over seeds. `CELLWRIGHT_ZONES=N` runs N of them instead of a few;
//! `CELLWRIGHT_ZONE=SEED` replays one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cellwright_hil_tests::root;
use cellwright_hil_tests::zones::{Outcome, run};
use cellwright_sim::{Prepared, What, read};

/// Runs of plain `cargo test`.
const FEW: u64 = 12;
/// Failing runs that are printed.
const SHOWN_MAX: usize = 5;

/// The cap is put on at `close`, or where units are loaded: then the cobot passes the press.
const CAP_AT: [&str; 2] = ["close", "load"];

fn prepared(folder: &std::path::Path, cap_at: &str) -> Prepared {
    let recipe = root().join("hil-tests/scenarios/shared.recipe.yaml");
    let text = std::fs::read_to_string(recipe).expect("the recipe");
    let cap = "id: place-cap, station: close";
    assert!(text.contains(cap), "the step that puts the cap on is another one now");
    let path = folder.join(format!("{cap_at}.recipe.yaml"));
    std::fs::write(&path, text.replace(cap, &format!("id: place-cap, station: {cap_at}"))).expect("a file");
    let what = What { recipe: Some(path), cell: Some(root().join("cells/cannula-cell")), ..What::default() };
    let reading = read(&what, true);
    let said: Vec<_> =
        reading.diagnostics.iter().map(|d| format!("{}: {}", d.code.as_str(), d.message)).collect();
    reading.prepared.unwrap_or_else(|| panic!("the recipe does not hold: {said:#?}"))
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")))
}

fn one(seed: u64, reserved: bool) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let prepared = prepared(folder.path(), CAP_AT[seed as usize % CAP_AT.len()]);
    run(prepared, seed, reserved).unwrap_or_else(|e| panic!("seed {seed}: {e}"))
}

fn runs(seeds: u64, reserved: bool) -> Vec<Outcome> {
    let (next, outcomes) = (AtomicU64::new(1), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        return;
                    }
                    let outcome = one(seed, reserved);
                    outcomes.lock().expect("no run panicked").push(outcome);
                }
            });
        }
    });
    outcomes.into_inner().expect("no run panicked")
}

#[test]
fn no_two_bodies_are_in_one_zone() {
    if let Some(seed) = number("CELLWRIGHT_ZONE") {
        let outcome = one(seed, true);
        println!("{outcome:?}");
        assert!(outcome.findings.is_empty());
        return;
    }
    let began = Instant::now();
    let outcomes = runs(number("CELLWRIGHT_ZONES").unwrap_or(FEW), true);
    let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    let units = |n: usize| outcomes.iter().map(|o| o.units[n]).sum::<usize>();
    println!(
        "{} interleavings in {:.1} s: {} cycles, {} in which a body was in a zone; units good {}, ng {}, interrupted {}",
        outcomes.len(),
        began.elapsed().as_secs_f64(),
        sum(|o| o.cycles),
        sum(|o| o.visits),
        units(0),
        units(1),
        units(2),
    );
    let bad: Vec<_> = outcomes.iter().filter(|o| !o.findings.is_empty()).collect();
    let shown: Vec<_> =
        bad.iter().take(SHOWN_MAX).map(|o| format!("seed {}: {}", o.seed, o.findings.join("\n  "))).collect();
    assert!(bad.is_empty(), "{} of {}:\n{}", bad.len(), outcomes.len(), shown.join("\n"));
    assert!(outcomes.iter().all(|o| o.visits > 0), "a run in which nothing was in a zone shows nothing");
    assert_eq!(units(2), 0, "nobody has interrupted a unit");
}

#[test]
fn without_reservations_they_meet_and_the_auditor_says_so() {
    let met = |o: &Outcome| o.findings.iter().any(|f| f.contains("zones:"));
    let outcomes = runs(2 * FEW, false);
    assert!(outcomes.iter().any(met), "the auditor never saw two bodies in one zone: {outcomes:#?}");
}
