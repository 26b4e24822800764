//! Drawings of the charts from their tables, so that no drawing can say anything else.

use core::fmt::Write;

use cellwright_model::packml::{CellMode, CellState};

use crate::{branch_chart, cell_chart, modes};

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

/// `STATES.md`: both charts as drawings and tables, and the masks of the modes.
pub fn page() -> String {
    let mut out = String::from(HEAD);
    let _ = writeln!(out, "## Cell\n\n```mermaid\n{}```\n", cell_mermaid());
    out.push_str("| state | number | asks for on entry | takes |\n| --- | --- | --- | --- |\n");
    for &state in CellState::ALL {
        let asks: Vec<String> = cell_chart::intents(state).iter().map(|i| format!("{i:?}")).collect();
        let takes = cell_chart::TABLE.iter().filter(|t| t.from == state);
        let takes: Vec<String> = takes.map(|t| format!("{} → {}", t.on.name(), t.to.name())).collect();
        let (number, name) = (state.number(), state.name());
        let _ = writeln!(out, "| {name} | {number} | {} | {} |", or_dash(&asks), or_dash(&takes));
    }
    out.push_str("\n## Modes\n\nA mode is a mask of states; it changes only in ");
    let names: Vec<String> = modes::CHANGES_IN.iter().map(|s| s.name().to_owned()).collect();
    let _ = writeln!(out, "{}, and only to one that has the state.\n", names.join(", "));
    out.push_str("| mode | number | states |\n| --- | --- | --- |\n");
    for &mode in CellMode::ALL {
        let states: Vec<String> = modes::mask(mode).iter().map(|s| s.name().to_owned()).collect();
        let states = if states.len() == CellState::ALL.len() { "all".to_owned() } else { states.join(", ") };
        let _ = writeln!(out, "| {} | {} | {states} |", mode.name(), mode.number());
    }
    let _ = writeln!(out, "\n## Branch\n\n```mermaid\n{}```\n", branch_mermaid());
    out.push_str("| state | event | leads to | asks for |\n| --- | --- | --- | --- |\n");
    for t in branch_chart::TABLE {
        let asks = branch_chart::effect(t.from, t.on, t.to).map_or("-", branch_chart::Effect::name);
        let _ = writeln!(out, "| {} | {} | {} | {asks} |", t.from.name(), t.on.name(), t.to.name());
    }
    out
}

const HEAD: &str = "# State charts

Made from the tables in `cell_chart.rs`, `branch_chart.rs` and `modes.rs`; a test holds this page against them, and
others the machines. *Cell*: the states of ISA-TR88.00.02-2022 (PackML). *Branch*: one active path of a unit. What a
state does not take is rejected, answered and recorded.

";

fn or_dash(list: &[String]) -> String {
    if list.is_empty() { "-".to_owned() } else { list.join(", ") }
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

    /// The page in the repository is the one that the tables make. `CELLWRIGHT_WRITE_PAGES=1` writes it.
    #[test]
    fn the_page_is_made_from_the_tables() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/STATES.md");
        if std::env::var_os("CELLWRIGHT_WRITE_PAGES").is_some() {
            std::fs::write(path, page()).expect("written");
        }
        let text = std::fs::read_to_string(path).expect("STATES.md");
        assert!(text == page(), "STATES.md is not what the tables say: CELLWRIGHT_WRITE_PAGES=1 writes it");
    }

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
