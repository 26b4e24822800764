//! What the tests over the project itself share: where its root is, what cargo says of it, its files; and
//! storms over a cell in virtual time.
//!
//! The suites that drive the built program are scripts beside this file; `run` names them all.

pub mod faults;
pub mod fuzz;
pub mod kill;
pub mod storm;
pub mod zones;

use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{Metadata, MetadataCommand};

/// Root of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// What cargo resolves for this machine's platform, from `Cargo.lock` and without the network: a
/// test reads what was built and fetches nothing.
///
/// # Panics
/// If cargo cannot be run or refuses; the message is cargo's.
pub fn metadata() -> Metadata {
    let options =
        ["--offline", "--locked", "--filter-platform", &host_platform()].map(str::to_owned).to_vec();
    match MetadataCommand::new().manifest_path(root().join("Cargo.toml")).other_options(options).exec() {
        Ok(metadata) => metadata,
        Err(error) => panic!("cargo metadata: {error}"),
    }
}

/// The target triple that cargo builds for by default.
fn host_platform() -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo).arg("-vV").output().unwrap_or_else(|e| panic!("cargo -vV: {e}"));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    match text.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(host) => host.to_owned(),
        None => panic!("cargo -vV names no host:\n{text}"),
    }
}

/// The files of the tree as committed, relative to the root: git's list, or, in a source archive
/// without git, everything but what builds and runs leave behind.
///
/// # Panics
/// If a folder cannot be read.
pub fn tree() -> Vec<PathBuf> {
    let listed = Command::new("git").arg("-C").arg(root()).args(["ls-files", "-z"]).output();
    match listed {
        Ok(out) if out.status.success() && !out.stdout.is_empty() => out
            .stdout
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
            .map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned()))
            .filter(|path| root().join(path).exists())
            .collect(),
        _ => {
            let mut files = Vec::new();
            walk(&root(), Path::new(""), &mut files);
            files.sort();
            files
        }
    }
}

/// Folders in the root that are not part of the source.
const LEFT_BEHIND: [&str; 3] = [".git", "state", "target"];

fn walk(root: &Path, below: &Path, files: &mut Vec<PathBuf>) {
    let folder = root.join(below);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let entry = entry.unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let name = entry.file_name();
        let left_behind = below.as_os_str().is_empty() && LEFT_BEHIND.iter().any(|l| name == **l);
        let path = below.join(&name);
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !left_behind => walk(root, &path, files),
            Ok(kind) if kind.is_file() => files.push(path),
            _ => {}
        }
    }
}

/// The Rust files of the tree with their text.
///
/// # Panics
/// If a file cannot be read.
pub fn rust_sources() -> Vec<(PathBuf, String)> {
    let rust = |path: &PathBuf| path.extension().is_some_and(|e| e == "rs");
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(root().join(&path));
        (path.clone(), text.unwrap_or_else(|e| panic!("{}: {e}", path.display())))
    };
    tree().into_iter().filter(rust).map(read).collect()
}

/// The code of a Rust text: line comments, strings and characters blanked out, line ends kept, so
/// that a word found in it is a word of the program. Good enough for the words that the tests look
/// for; it is no parser (block comments, which the project does not use, stay).
pub fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = rest.next() {
        match c {
            '/' if rest.peek() == Some(&'/') => {
                while rest.peek().is_some_and(|c| *c != '\n') {
                    rest.next();
                }
            }
            'r' if !is_word(before) && matches!(rest.peek(), Some('"' | '#')) => {
                skip_raw_string(&mut rest, &mut code);
            }
            '"' => skip_string(&mut rest, &mut code),
            '\'' => skip_character(&mut rest),
            _ => code.push(c),
        }
        before = c;
    }
    code
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_string(rest: &mut Chars<'_>, code: &mut String) {
    while let Some(c) = rest.next() {
        match c {
            '\\' => code.extend(rest.next().filter(|escaped| *escaped == '\n')),
            '\n' => code.push('\n'),
            '"' => return,
            _ => {}
        }
    }
}

fn skip_raw_string(rest: &mut Chars<'_>, code: &mut String) {
    let mut hashes = 0;
    while rest.peek() == Some(&'#') {
        rest.next();
        hashes += 1;
    }
    if rest.peek() != Some(&'"') {
        return; // r#identifier
    }
    rest.next();
    let mut seen = None;
    for c in rest.by_ref() {
        if c == '\n' {
            code.push('\n');
        }
        seen = match (c, seen) {
            ('"', _) => Some(0),
            ('#', Some(n)) => Some(n + 1),
            _ => None,
        };
        if seen == Some(hashes) {
            return;
        }
    }
}

/// A character literal is skipped; a lifetime is left alone.
fn skip_character(rest: &mut Chars<'_>) {
    let mut ahead = rest.clone();
    match (ahead.next(), ahead.next()) {
        (Some('\\'), _) => {
            rest.next();
            rest.next();
            while rest.next().is_some_and(|c| c != '\'') {}
        }
        (Some(_), Some('\'')) => {
            rest.next();
            rest.next();
        }
        _ => {}
    }
}

/// The numbers (from 1) of the lines of `code` in which `word` stands as a word of its own.
pub fn lines_with_word(code: &str, word: &str) -> Vec<usize> {
    let stands_alone = |line: &str| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    };
    code.lines().enumerate().filter(|(_, line)| stands_alone(line)).map(|(n, _)| n + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_characters_are_no_code() {
        let text =
            "let a = \"unsafe \\\" x\"; // unsafe\nlet b = r#\"unsafe \" # \"#; let c = '\"'; unsafe {}";
        let code = code_of(text);
        assert_eq!(lines_with_word(&code, "unsafe"), [2]);
        assert!(code.contains("let c = ;"), "{code}");
    }

    #[test]
    fn lifetimes_and_escapes_do_not_swallow_code() {
        let code = code_of("fn f<'a>(x: &'a str) { g('\\n'); g('\\u{1D}'); unsafe {} }");
        assert_eq!(lines_with_word(&code, "unsafe"), [1]);
        assert!(code.contains("&'a str") || code.contains("&a str"), "{code}");
    }

    #[test]
    fn a_part_of_a_word_is_not_the_word() {
        assert!(lines_with_word("unsafe_op HashMapper", "HashMap").is_empty());
        assert_eq!(lines_with_word("a\nHashMap::new()", "HashMap"), [2]);
    }
}
