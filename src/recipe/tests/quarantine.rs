//! The list of quarantined lots: what is read, and what is refused.

mod common;

use cellwright_recipe::{Sources, load_quarantine};
use common::{Files, rows};

const PATH: &str = "state/quarantine.yaml";

/// Part (of every part if left out), lot, reason.
type Row = (Option<String>, String, String);

fn read(text: &str) -> Result<Vec<Row>, Vec<String>> {
    let mut sources = Sources::default();
    match load_quarantine(&Files::with(PATH, text), PATH, &mut sources) {
        Ok(list) => Ok(list.into_iter().map(|q| (q.part, q.lot, q.reason)).collect()),
        Err(list) => Err(rows(&list, &sources)),
    }
}

#[test]
fn lots_with_and_without_a_part() {
    let text = "quarantine: 1\nlots:\n  - { lot: H24-1187, part: HUB-23, reason: \"NC-17: cracked\" }\n  - { lot: X-9, reason: recalled }\n";
    let list = read(text).expect("a right list");
    assert_eq!(list[0], (Some("HUB-23".into()), "H24-1187".into(), "NC-17: cracked".into()));
    assert_eq!(list[1], (None, "X-9".into(), "recalled".into()));
    assert_eq!(read("quarantine: 1\nlots: []\n"), Ok(vec![]));
}

#[test]
fn a_list_with_a_mistake_is_no_list() {
    for (text, code) in [
        ("quarantine: 2\nlots: []\n", "R0110"),
        ("lots: []\n", "R0102"),
        ("quarantine: 1\n", "R0102"),
        ("quarantine: 1\nlots:\n  - { part: HUB-23, reason: x }\n", "R0102"),
        ("quarantine: 1\nlots:\n  - { lot: A }\n", "R0102"),
        ("quarantine: 1\nlots:\n  - { lot: A, reason: \" \" }\n", "R0113"),
        ("quarantine: 1\nlots:\n  - { lot: A, reason: x, until: 2029-01-01 }\n", "R0101"),
    ] {
        let rows = read(text).expect_err(text);
        assert!(rows.iter().any(|r| r.contains(code)), "{text}: {rows:?}");
    }
}
