//! Mutated input for what reads from a wire, or from a file; see `hil-tests/fuzz.rs` and the README.

use cellwright_hil_tests::fuzz::{Fuzzed, Input, fuzz, fuzz_with, recorded, target, text};
use cellwright_hil_tests::root;

/// Inputs of a second, at the very least and on a machine that does much else.
const FEW: u64 = 5;

fn holds(name: &'static str, target: &dyn Fn(&Input) -> u64) {
    came_to(fuzz(name, target));
}

fn came_to(Fuzzed { inputs, kinds }: Fuzzed) {
    let one = std::env::var_os("CELLWRIGHT_FUZZ_INPUT").is_some();
    assert!(one || inputs >= FEW, "{inputs} inputs only");
    assert!(one || kinds > 2, "whatever was sent, the same happened: {kinds} kinds");
}

#[test]
fn segment() {
    holds("segment", &target::segment);
}

#[test]
fn sii() {
    holds("sii", &target::sii);
}

#[test]
fn coe() {
    holds("coe", &target::coe);
}

#[test]
fn pump() {
    holds("pump", &target::pump);
}

#[test]
fn text() {
    let text = text::Text::new();
    came_to(fuzz_with("text", &|input| text.run(input), text::texts, text::mutate));
}

/// `CELLWRIGHT_FUZZ_RECORD=1` writes the recorded part of the corpus anew.
#[test]
fn the_corpus_is_small_and_can_be_recorded() {
    let folder = root().join("hil-tests/fuzz");
    if std::env::var_os("CELLWRIGHT_FUZZ_RECORD").is_some() {
        let write = |name: String, input: &Input| {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
            std::fs::write(path, input.text()).expect("it is written");
        };
        for (name, input) in ["to-op", "scan"].iter().zip(recorded()) {
            write(format!("segment/{name}.hex"), &input);
        }
        for (position, input) in target::eeproms().iter().enumerate() {
            write(format!("sii/{position}.hex"), input);
        }
    }
    let size = |target: &str| -> u64 {
        let entries = std::fs::read_dir(folder.join(target)).expect("a corpus");
        entries.map(|e| e.expect("an input").metadata().expect("its size").len()).sum()
    };
    let bytes: u64 = ["segment", "sii", "coe", "pump", "text"].map(size).iter().sum();
    assert!((1..100 << 10).contains(&bytes), "{bytes} bytes");
}
