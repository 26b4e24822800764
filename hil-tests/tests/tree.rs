//! The tree as a reader finds it: what stands at its top, how long a file is, where `unsafe` is,
//! and words that the pure crates may not use.

use std::collections::BTreeSet;
use std::path::Path;

use cellwright_hil_tests::{code_of, lines_with_word, rust_sources, tree};

/// What stands at the top of the tree; all of it, and nothing else.
const TOP: &[&str] = &[
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "cells",
    "deny.toml",
    "docs",
    "drivers",
    "hil-tests",
    "recipes",
    "rustfmt.toml",
    "src",
];

/// A file has one subject; beyond this it has two.
const LINES_MAX: usize = 600;

/// Where the program talks to the kernel, or a test counts what the allocator does: (path or
/// folder, why). Each block has its own `// SAFETY:` (clippy holds that).
const UNSAFE_ALLOWED: &[(&str, &str)] = &[
    ("src/rt/clock.rs", "the monotonic clock and its absolute sleep are system calls"),
    ("src/rt/platform.rs", "scheduling, pinning and memory locking are system calls"),
    ("src/bus/raw_socket.rs", "the raw socket is a system call"),
    ("src/bus/ethtool.rs", "what a network card does to frames is asked by system calls"),
    ("src/trace/sqlite.rs", "a file size limit shall be an error and not a signal"),
    ("src/cli/alloc.rs", "the counting allocator of `bench`"),
    ("src/rt/tests", "a counting allocator"),
    ("src/bus/tests", "a counting allocator"),
    ("src/twin/tests", "a counting allocator"),
    ("src/trace/chaos.rs", "a test that limits the size of its own files"),
];

/// Crates whose order of things is part of the record: a map in hash order has no place there.
const ORDERED: &[&str] = &[
    "src/engine/",
    "src/recipe/",
    "src/model/",
    "src/controller/",
    "src/approval/",
    "src/editor/",
    "src/kinematics/",
];

/// Crates without a clock and without I/O, and the words that would bring them.
const PURE: &[&str] =
    &["src/engine/", "src/model/", "src/steps/", "src/approval/", "src/editor/", "src/kinematics/"];
const IMPURE_WORDS: &[&str] =
    &["std::time", "std::fs", "std::net", "std::thread", "std::process", "std::env", "Instant", "SystemTime"];

#[test]
fn the_top_of_the_tree_is_as_fixed() {
    let files = tree();
    let actual: BTreeSet<&str> =
        files.iter().filter_map(|p| p.components().next()).filter_map(|c| c.as_os_str().to_str()).collect();
    let fixed: BTreeSet<&str> = TOP.iter().copied().collect();
    let more: Vec<_> = actual.difference(&fixed).collect();
    let less: Vec<_> = fixed.difference(&actual).collect();
    assert!(more.is_empty() && less.is_empty(), "not meant to be there: {more:?}; missing: {less:?}");
}

#[test]
fn no_file_has_two_subjects() {
    let sources = rust_sources();
    assert!(sources.len() > 50, "only {} files were looked at", sources.len());
    let count = |text: &str| text.lines().count();
    let long = sources.iter().filter(|(_, text)| count(text) > LINES_MAX);
    let long: Vec<String> = long.map(|(p, text)| format!("{} lines {}", count(text), p.display())).collect();
    assert!(long.is_empty(), "longer than {LINES_MAX} lines:\n{}", long.join("\n"));
}

#[test]
fn unsafe_stands_only_where_the_kernel_begins() {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for (path, text) in rust_sources() {
        let lines = lines_with_word(&code_of(&text), "unsafe");
        if lines.is_empty() {
            continue;
        }
        match UNSAFE_ALLOWED.iter().find(|(allowed, _)| path.starts_with(allowed)) {
            Some((allowed, _)) => {
                used.insert(*allowed);
            }
            None => wrong.push(format!("{}: lines {lines:?}", path.display())),
        }
    }
    assert!(wrong.is_empty(), "unsafe outside of the listed places:\n{}", wrong.join("\n"));
    let stale: Vec<_> = UNSAFE_ALLOWED.iter().map(|(p, _)| *p).filter(|p| !used.contains(p)).collect();
    assert!(stale.is_empty(), "allowed and no longer needed: {stale:?}");
}

/// Lines of the non-test part of the sources below `folders` in which one of `words` stands.
fn uses(folders: &[&str], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in rust_sources() {
        let in_tests = path.components().any(|c| c.as_os_str() == "tests" || c.as_os_str() == "tests.rs");
        if in_tests || !folders.iter().any(|f| path.starts_with(Path::new(f))) {
            continue;
        }
        let code = code_of(&text);
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        for word in words {
            let lines = lines_with_word(code, word);
            found.extend(lines.iter().map(|n| format!("{}:{n}: {word}", path.display())));
        }
    }
    found
}

#[test]
fn the_ordered_crates_know_no_hash_order() {
    let found = uses(ORDERED, &["HashMap", "HashSet"]);
    assert!(found.is_empty(), "use BTreeMap or Vec:\n{}", found.join("\n"));
}

#[test]
fn the_pure_crates_have_no_clock_and_no_io() {
    let found = uses(PURE, IMPURE_WORDS);
    assert!(found.is_empty(), "time and I/O are arguments here:\n{}", found.join("\n"));
}

/// What is missing stands in an issue, not in a comment.
#[test]
fn nothing_is_left_for_later_in_silence() {
    let mut found = Vec::new();
    for (path, text) in rust_sources() {
        if path.starts_with("hil-tests") {
            continue;
        }
        let marks = ["FIXME", "XXX", "HACK"];
        for (n, line) in text.lines().enumerate() {
            if marks.iter().any(|m| line.split(|c: char| !c.is_alphanumeric()).any(|w| w == *m)) {
                found.push(format!("{}:{}", path.display(), n + 1));
            }
        }
    }
    assert!(found.is_empty(), "marks of unfinished work:\n{}", found.join("\n"));
}
