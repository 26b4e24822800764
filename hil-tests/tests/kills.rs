//! Fifty kills of the controller, each at another moment: on the same world the next one finds every part, has
//! taken out what is left, and finishes the order. After each, record and plant agree place by place.
//!
//! `CELLWRIGHT_KILL=SEED cargo test --release --workspace --test kills -- --nocapture` replays one cell of them;
//! `CELLWRIGHT_KILLS=N` runs N kills instead of a few.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cellwright_hil_tests::kill::{KINDS, Kill, Moment, Outcome, kills};
use cellwright_hil_tests::root;
use cellwright_hil_tests::storm::Dice;
use cellwright_model::DurationNs;
use cellwright_sim::{Latency, Prepared, Storage, What, read};

/// Kills of plain `cargo test`, and of each cell.
const FEW: u64 = 10;
const KILLS: usize = 5;
/// The disk takes longer than a cycle, so that a kill meets what is not durable.
const LATENCY: Latency =
    Latency { commit: DurationNs::from_millis(8), acknowledge: DurationNs::from_millis(3) };
/// Share of bad parts in relation to plant.yaml: so that units are rejected at every station.
const WORSE: f64 = 2.0;

fn prepared() -> Prepared {
    let what = What {
        recipe: Some(root().join("hil-tests/scenarios/quick.recipe.yaml")),
        cell: Some(root().join("cells/cannula-cell")),
        ..What::default()
    };
    let mut prepared = read(&what, true).prepared.expect("the quick recipe holds");
    let plant = prepared.plant.as_mut().expect("a twin");
    plant.defects.iter_mut().for_each(|d| d.share *= WORSE);
    prepared
}

/// Every kind of moment comes once before any comes twice; which, and how long after it, by the seed.
fn moments(seed: u64) -> Vec<Moment> {
    let mut dice = Dice::new(seed ^ 0x6b69_6c6c);
    let mut moment = |k: usize| {
        let (what, ms) = KINDS[((seed as usize - 1) * KILLS + k) % KINDS.len()];
        let (nth, after) = (1 + dice.below(2), DurationNs::from_millis(dice.below(ms + 1) as u64));
        Moment { what, nth, after }
    };
    (0..KILLS).map(&mut moment).collect()
}

fn run(seed: u64) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Storage::Outbox { state: folder.path().to_owned(), latency: LATENCY };
    kills(prepared(), seed, &moments(seed), storage).unwrap_or_else(|e| panic!("seed {seed}: {e}"))
}

fn row(seed: u64, kill: &Kill) -> String {
    let Kill { moment, came, state, in_flight, pending, steps, asked, idle_s, finished_s } = kill;
    format!(
        "{seed:>4} | {:?} {}. + {} ms{} | {state:?} | {in_flight} | {} | {} | {} | {idle_s:.1} | {finished_s:.1}",
        moment.what,
        moment.nth,
        moment.after.0 / 1_000_000,
        if *came { "" } else { " (did not come)" },
        if *pending { "yes" } else { "no" },
        steps.join(", "),
        if asked.is_empty() { "nothing".to_owned() } else { asked.join("; ") },
    )
}

#[test]
fn record_and_plant_agree_after_every_kill() {
    let number = |name: &str| std::env::var(name).ok().map(|n| n.parse::<u64>().expect("a number"));
    let kills = number("CELLWRIGHT_KILLS").unwrap_or(FEW);
    let (first, last) = match number("CELLWRIGHT_KILL") {
        Some(seed) => (seed, seed),
        None => (1, kills.div_ceil(KILLS as u64)),
    };
    let (next, outcomes, began) = (AtomicU64::new(first), Mutex::new(Vec::new()), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from).min(8) {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|s| *s <= last) {
                    let outcome = run(seed);
                    outcomes.lock().expect("no run panicked").push(outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().expect("no run panicked");
    outcomes.sort_by_key(|o| o.seed);
    report(&outcomes, began.elapsed().as_secs_f64());
}

fn report(outcomes: &[Outcome], wall_s: f64) {
    println!(
        "seed | killed at | state | in flight | not durable | steps | asked to take out | Idle after s | finished after s"
    );
    let mut failed = String::new();
    for outcome in outcomes {
        outcome.kills.iter().for_each(|kill| println!("{}", row(outcome.seed, kill)));
        for finding in &outcome.findings {
            let _ = writeln!(failed, "CELLWRIGHT_KILL={}: {finding}", outcome.seed);
        }
    }
    let kills: Vec<&Kill> = outcomes.iter().flat_map(|o| &o.kills).collect();
    let units = |n: usize| outcomes.iter().map(|o| o.units[n]).sum::<usize>();
    let seen = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    let count = |of: fn(&Kill) -> bool| kills.iter().filter(|k| of(k)).count();
    println!(
        "{} kills in {wall_s:.1} s, {} with several units in flight, {} with something not durable; units good {}, ng {}, \
         interrupted {}; places compared {} times, {} after a reset; {} trays exchanged",
        kills.len(),
        count(|k| k.in_flight > 1),
        count(|k| k.pending),
        units(0),
        units(1),
        units(2),
        seen(|o| o.seen.compared),
        seen(|o| o.seen.at_rest),
        seen(|o| o.seen.exchanged),
    );
    assert!(failed.is_empty(), "{failed}");
    assert_eq!(count(|k| !k.came), 0, "every moment came");
    assert!(seen(|o| o.seen.at_rest) >= 2 * kills.len() as u64, "compared after each reset and each order");
    if kills.len() >= KINDS.len() {
        assert!(count(|k| k.in_flight > 1) * 3 >= kills.len(), "several units were in flight");
        assert!(count(|k| k.pending) * 8 >= kills.len(), "something was not durable");
        assert!(count(|k| !k.asked.is_empty()) * 2 >= kills.len(), "there was something to reconcile");
        assert!((0..3).all(|n| units(n) > 0), "units of every result were made");
    }
}
