//! Every package that is linked stands under a licence that deny.toml allows, and none that it bans.

use std::collections::BTreeSet;

use cargo_metadata::Package;
use cellwright_hil_tests::{metadata, root};

/// What deny.toml says, as far as it is held here.
struct Policy {
    allow: BTreeSet<String>,
    /// (crate, licence) allowed beyond the list.
    exceptions: BTreeSet<(String, String)>,
    banned: BTreeSet<String>,
}

fn policy() -> Policy {
    let text = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml is there");
    let table: toml::Table = text.parse().expect("deny.toml is TOML");
    let strings = |value: &toml::Value| -> Vec<String> {
        let list = value.as_array().expect("a list of licences");
        list.iter().map(|v| v.as_str().expect("a licence is a string").to_owned()).collect()
    };
    let mut exceptions = BTreeSet::new();
    for entry in table["licenses"]["exceptions"].as_array().expect("a list of exceptions") {
        let name = entry["crate"].as_str().expect("an exception names its crate");
        exceptions.extend(strings(&entry["allow"]).into_iter().map(|l| (name.to_owned(), l)));
    }
    let banned = table["bans"]["deny"].as_array().expect("a list of bans");
    Policy {
        allow: strings(&table["licenses"]["allow"]).into_iter().collect(),
        exceptions,
        banned: banned
            .iter()
            .map(|b| b["crate"].as_str().expect("a ban names its crate").to_owned())
            .collect(),
    }
}

/// Whether an SPDX expression can be met with licences that `allowed` takes: `OR` needs one side,
/// `AND` both; `/` is the older spelling of `OR`. None if it is no such expression.
fn can_be_met(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = either(&words, &mut at, allowed)?;
    (at == words.len()).then_some(met)
}

fn either(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut met = both(words, at, allowed)?;
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= both(words, at, allowed)?;
    }
    Some(met)
}

fn both(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut met = one(words, at, allowed)?;
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allowed)?;
    }
    Some(met)
}

fn one(words: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let word = *words.get(*at)?;
    *at += 1;
    match word {
        "(" => {
            let met = either(words, at, allowed)?;
            (words.get(*at) == Some(&")")).then(|| *at += 1)?;
            Some(met)
        }
        ")" | "OR" | "AND" | "WITH" => None,
        _ if words.get(*at) == Some(&"WITH") => {
            let exception = words.get(*at + 1)?;
            *at += 2;
            Some(allowed(&format!("{word} WITH {exception}")))
        }
        _ => Some(allowed(word)),
    }
}

fn objection(package: &Package, policy: &Policy) -> Option<String> {
    let name = package.name.as_str();
    if policy.banned.contains(name) {
        return Some(format!("{name} is banned"));
    }
    let Some(licence) = &package.license else {
        return Some(format!("{name} {} states no licence", package.version));
    };
    let allowed =
        |l: &str| policy.allow.contains(l) || policy.exceptions.contains(&(name.to_owned(), l.to_owned()));
    match can_be_met(licence, &allowed) {
        Some(true) => None,
        Some(false) => Some(format!("{name} {}: {licence} is not allowed", package.version)),
        None => Some(format!("{name} {}: {licence:?} is no SPDX expression", package.version)),
    }
}

#[test]
fn every_linked_package_may_be_linked() {
    let (metadata, policy) = (metadata(), policy());
    let resolve = metadata.resolve.as_ref().expect("cargo metadata resolves");
    let linked: Vec<&Package> = resolve.nodes.iter().map(|n| &metadata[&n.id]).collect();
    assert!(linked.len() > 100, "only {} packages were looked at", linked.len());
    let objections: Vec<String> = linked.iter().filter_map(|p| objection(p, &policy)).collect();
    assert!(objections.is_empty(), "\n{}", objections.join("\n"));
}

#[test]
fn every_exception_is_still_needed() {
    let (metadata, policy) = (metadata(), policy());
    let gone = policy
        .exceptions
        .iter()
        .filter(|(name, _)| !metadata.packages.iter().any(|p| p.name.as_str() == name.as_str()));
    let gone: Vec<_> = gone.collect();
    assert!(gone.is_empty(), "deny.toml excepts packages that are not linked: {gone:?}");
}

#[test]
fn expressions_are_read_as_spdx_says() {
    let allowed = |l: &str| matches!(l, "MIT" | "Apache-2.0" | "Apache-2.0 WITH LLVM-exception");
    for (expression, met) in [
        ("MIT", Some(true)),
        ("GPL-3.0", Some(false)),
        ("GPL-3.0 OR MIT", Some(true)),
        ("GPL-3.0/MIT", Some(true)),
        ("GPL-3.0 AND MIT", Some(false)),
        ("(MIT OR GPL-3.0) AND Apache-2.0", Some(true)),
        ("MIT OR GPL-3.0 AND X", Some(true)),
        ("GPL-3.0 OR X AND MIT", Some(false)),
        ("Apache-2.0 WITH LLVM-exception", Some(true)),
        ("GPL-3.0 WITH LLVM-exception", Some(false)),
        ("MIT OR", None),
        ("(MIT", None),
        ("MIT MIT", None),
        ("", None),
    ] {
        assert_eq!(can_be_met(expression, &allowed), met, "{expression:?}");
    }
}
