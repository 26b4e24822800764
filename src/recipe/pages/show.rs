//! A page for a terminal, and all of them as one document.

use core::fmt::Write;

use super::{GROUPS, Page};

/// Columns of running text in a terminal.
const WIDTH: usize = 96;

/// One page in words, as `cellwright check --explain` prints it.
pub fn in_words(page: &Page) -> String {
    let mut out = format!("{}: {}\n\n", page.code.as_str(), page.code.title());
    for text in [page.what, page.why] {
        out.push_str(&wrapped(text));
        out.push('\n');
    }
    // Writing into a String cannot fail.
    let _ = write!(out, "Wrong, in {}:\n\n{}\n", page.file.name(), indented(page.wrong));
    let _ = write!(out, "Right:\n\n{}", indented(page.right));
    out
}

/// Lines of at most [`WIDTH`] columns.
fn wrapped(text: &str) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            out.push('\n');
            column = 0;
        }
        if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
    out
}

/// The lines without the indentation that they have in common.
fn dedented(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect();
    let depth = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let common = lines.iter().map(depth).min().unwrap_or(0);
    lines.into_iter().map(|l| &l[common..]).collect()
}

fn indented(text: &str) -> String {
    dedented(text).into_iter().map(|line| format!("    {line}\n")).collect()
}

/// All pages as one document: `recipes/manual/diagnostics.md`.
pub fn markdown() -> String {
    let mut out = String::from(HEAD);
    for group in GROUPS {
        let _ = writeln!(out, "\n| {}xx | {} |\n| --- | --- |", group.prefix, group.title);
        for page in group.pages {
            let code = page.code.as_str();
            let _ = writeln!(out, "| [{code}](#{}) | {} |", code.to_lowercase(), cell(page.code.title()));
        }
    }
    for group in GROUPS {
        let _ = write!(out, "\n# {}\n", group.title);
        group.pages.iter().for_each(|page| section(&mut out, page));
    }
    out
}

const HEAD: &str = "# Diagnostics

Every mistake that `cellwright check` tells in recipes, cell files, plants, orders and tests. Made from the tables in
`src/recipe/pages`, where each example is a test; `cellwright check --explain CODE` prints one of them.

A diagnostic is an error, with which nothing runs, or a warning. A run tells all of them at once, in the order of
the text. The right lines of an example are those of the shipped files, or fit into them.
";

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn section(out: &mut String, page: &Page) {
    let code = page.code.as_str();
    let block = |text: &str| dedented(text).join("\n");
    let _ = write!(
        out,
        "\n## {code}\n\n**{}.** {} {}\n\nWrong, in {}:\n\n```yaml\n{}\n```\n\nRight:\n\n```yaml\n{}\n```\n",
        page.code.title(),
        page.what,
        page.why,
        page.file.name(),
        block(page.wrong),
        block(page.right),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_and_examples_keep_their_depth() {
        let text = wrapped(&"word ".repeat(40));
        assert!(text.lines().count() == 3 && text.lines().all(|l| l.chars().count() <= WIDTH), "{text}");
        assert_eq!(indented("  - a:\n      b: 1\n"), "    - a:\n        b: 1\n");
    }
}
