//! Drawings of the charts from their tables, so that no drawing can say anything else.

use core::fmt::Write;

use crate::{branch_chart, cell_chart};

/// The cell chart as a Mermaid state diagram.
pub fn cell_mermaid() -> String {
    let rows = cell_chart::TABLE.iter().map(|t| (t.from.name(), t.on.name(), t.to.name()));
    mermaid("Aborted", rows)
}

/// The branch chart as a Mermaid state diagram.
pub fn branch_mermaid() -> String {
    let rows = branch_chart::TABLE.iter().map(|t| (t.from.name(), t.on.name(), t.to.name()));
    mermaid("Idle", rows)
}

/// The cell chart as plain text, one line a state: what it takes and where that leads.
pub fn cell_text() -> String {
    text(cell_chart::TABLE.iter().map(|t| (t.from.name(), t.on.name(), t.to.name())))
}

/// The branch chart as plain text.
pub fn branch_text() -> String {
    text(branch_chart::TABLE.iter().map(|t| (t.from.name(), t.on.name(), t.to.name())))
}

/// Rows with the same ends become one arrow with all their words.
fn mermaid<'a>(first: &str, rows: impl Iterator<Item = (&'a str, &'a str, &'a str)>) -> String {
    let mut arrows: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for (from, on, to) in rows {
        match arrows.iter_mut().find(|(f, t, _)| *f == from && *t == to) {
            Some((_, _, words)) => words.push(on),
            None => arrows.push((from, to, vec![on])),
        }
    }
    let mut out = format!("stateDiagram-v2\n    [*] --> {first}\n");
    for (from, to, words) in arrows {
        // Writing into a String cannot fail.
        let _ = writeln!(out, "    {from} --> {to}: {}", words.join(", "));
    }
    out
}

fn text<'a>(rows: impl Iterator<Item = (&'a str, &'a str, &'a str)>) -> String {
    let mut lines: Vec<(&str, Vec<String>)> = Vec::new();
    for (from, on, to) in rows {
        let arrow = format!("{on} -> {to}");
        match lines.iter_mut().find(|(f, _)| *f == from) {
            Some((_, arrows)) => arrows.push(arrow),
            None => lines.push((from, vec![arrow])),
        }
    }
    lines.iter().map(|(from, arrows)| format!("{from:<14} {}\n", arrows.join(" · "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_have_every_row() {
        let drawing = cell_mermaid();
        for row in cell_chart::TABLE {
            let arrow = format!("{} --> {}:", row.from.name(), row.to.name());
            let line = drawing.lines().find(|l| l.contains(&arrow)).expect("an arrow");
            assert!(line.contains(row.on.name()));
        }
        let drawing = branch_mermaid();
        for row in branch_chart::TABLE {
            assert!(drawing.contains(&format!("{} --> {}:", row.from.name(), row.to.name())));
        }
        assert!(cell_text().contains("Aborted        Clear -> Clearing\n"));
        assert_eq!(branch_text().lines().count(), 16, "every state but Done leads on");
    }
}
