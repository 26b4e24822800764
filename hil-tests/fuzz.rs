//! Inputs that nobody meant: seeded mutations of what really went over a wire, for what reads from one, and of the shipped
//! files, for what reads text.
//!
//! An *input* is a list of *records*, bytes each, that a target reads in its own way ([`target`]); the *corpus* of a
//! target is the inputs in `hil-tests/fuzz/<target>/*.hex`, one record a line. Which code an input reached cannot be
//! asked of a stable compiler: a target gives its *kind* instead, a hash of what it saw happen, and an input of a kind
//! that no other had is kept and mutated further.
//!
//! `CELLWRIGHT_FUZZ_SECONDS=N` for each target instead of one second; `CELLWRIGHT_FUZZ_SEED=N` begins elsewhere;
//! `CELLWRIGHT_FUZZ_INPUT=FILE` runs one input, such as what a failure printed.

pub mod hostile;
mod input;
mod mutate;
pub mod target;
pub mod text;
mod twin;
mod watch;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

pub use input::{Input, corpus};
pub use mutate::mutate;
pub use twin::recorded;
pub use watch::Watch;

use crate::storm::Dice;

/// No input takes longer, with a wide margin: the longest one of the corpus takes some milliseconds, and a machine that
/// has other things to do may leave it lie for seconds.
pub const INPUT_MAX: Duration = Duration::from_secs(10);
/// Inputs that are kept beside the corpus; then the oldest of them is forgotten.
const KEPT_MAX: usize = 1_024;

/// What a run came to.
#[derive(Debug, Clone, Copy)]
pub struct Fuzzed {
    pub inputs: u64,
    /// Kinds of what happened, those of the corpus included.
    pub kinds: usize,
}

/// Runs `target` on the corpus of that name, then on mutations of it for the time that is asked for.
///
/// # Panics
/// With seed and input, if the target panics. An input that takes longer than [`INPUT_MAX`] ends the process.
pub fn fuzz(name: &'static str, target: &dyn Fn(&Input) -> u64) -> Fuzzed {
    fuzz_with(name, target, || corpus(name), mutate)
}

/// The same with a corpus and changes of its own.
///
/// # Panics
/// As [`fuzz`].
pub fn fuzz_with(
    name: &'static str,
    target: &dyn Fn(&Input) -> u64,
    corpus: impl FnOnce() -> Vec<Input>,
    change: fn(&mut Dice, &Input, &[Input]) -> Input,
) -> Fuzzed {
    let watch = Watch::new(name, INPUT_MAX, |said| {
        // Not by a macro: the output of a test is held back until it ends.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
        std::process::exit(101);
    });
    if let Ok(path) = std::env::var("CELLWRIGHT_FUZZ_INPUT") {
        let input = input::read(Path::new(&path));
        let kind = one(name, target, &watch, 0, &input);
        println!("{name}: {path} is of kind {kind:016x}");
        return Fuzzed { inputs: 1, kinds: 1 };
    }
    let corpus = corpus();
    let mut kinds = HashSet::new();
    for input in &corpus {
        kinds.insert(one(name, target, &watch, 0, input));
    }
    let seconds = number("CELLWRIGHT_FUZZ_SECONDS").unwrap_or(1);
    let first_seed = number("CELLWRIGHT_FUZZ_SEED").unwrap_or(1) << 32;
    let (began, mut pool, mut inputs) = (Instant::now(), corpus.clone(), 0);
    while began.elapsed() < Duration::from_secs(seconds) {
        let seed = first_seed + inputs;
        let mut dice = Dice::new(seed);
        let base = &pool[dice.below(pool.len())];
        let input = change(&mut dice, base, &pool);
        if kinds.insert(one(name, target, &watch, seed, &input)) {
            if pool.len() == corpus.len() + KEPT_MAX {
                pool.remove(corpus.len());
            }
            pool.push(input);
        }
        inputs += 1;
    }
    println!("{name}: {inputs} inputs in {seconds} s, {} kinds, {} kept", kinds.len(), pool.len());
    Fuzzed { inputs, kinds: kinds.len() }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}; give a whole number")))
}

fn one(name: &str, target: &dyn Fn(&Input) -> u64, watch: &Watch, seed: u64, input: &Input) -> u64 {
    watch.begin(seed, input);
    let ended = catch_unwind(AssertUnwindSafe(|| target(input)));
    watch.end();
    ended.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        let why = text.unwrap_or_else(|| "no message".to_owned());
        panic!("{}", watch::told(name, &format!("panics: {why}"), seed, input))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics once a frame asks for something that no input of the corpus asks for.
    fn planted(input: &Input) -> u64 {
        assert!(!input.records.iter().any(|r| r.get(17) == Some(&3)), "an APRW");
        0
    }

    #[test]
    fn what_is_planted_is_found_and_told_with_its_input() {
        let found = catch_unwind(|| fuzz("segment", &planted)).expect_err("a second is enough");
        let said = found.downcast_ref::<String>().expect("words");
        assert!(said.contains("an APRW") && said.contains("seed "), "{said}");
        let input = said.split_once(":\n").map(|(_, text)| Input::parse(text));
        let input = input.expect("it is there").expect("it can be read");
        assert!(catch_unwind(|| planted(&input)).is_err(), "and does it again");
    }
}
