//! What is known of a unit outlives its controllers until a part of it is taken out.

use cellwright_model::event::{JournalEntry, Transaction};
use cellwright_model::outcome::UnitResult;

use super::super::{OpenUnit, Outbox, Recovery};
use crate::testing::{options, unit_transactions};

fn journal(ticket: u64, journal: Vec<JournalEntry>) -> Transaction {
    Transaction { ticket, journal, events: Vec::new(), curves: Vec::new() }
}

fn left(part: &str) -> JournalEntry {
    JournalEntry::PartLeft { part: part.to_owned() }
}

/// Commits, and reads what the next controller finds.
fn next(dir: &std::path::Path, batch: &[Transaction]) -> Recovery {
    let (mut outbox, _) = Outbox::open(dir, options()).expect("a state directory");
    outbox.commit(batch, 0).expect("room");
    drop(outbox);
    Outbox::open(dir, options()).expect("left by the killed one").1
}

fn steps(unit: &OpenUnit) -> Vec<(u32, u32)> {
    unit.outcomes.iter().map(|o| (o.n, o.attempt)).collect()
}

#[test]
fn it_is_kept_until_a_part_of_it_is_taken_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut half = unit_transactions("S1", 1);
    half.truncate(2);
    let recovery = next(dir.path(), &half);
    let [open] = &recovery.open_units[..] else { panic!("{:?}", recovery.open_units) };
    assert!(open.kept && recovery.left_units.is_empty());
    assert_eq!(steps(open), [(1, 1)]);

    let serial = || "S1".to_owned();
    let closed = JournalEntry::UnitClosed { serial: serial(), result: UnitResult::Interrupted };
    let over = journal(0, vec![JournalEntry::UnitLeft { serial: serial() }, closed]);
    let recovery = next(dir.path(), &[over]);
    assert!(recovery.open_units.is_empty());
    let [unit] = &recovery.left_units[..] else { panic!("{:?}", recovery.left_units) };
    assert_eq!(steps(unit), [(1, 1)]);

    // A part of another unit, whose serial begins with the same characters.
    assert_eq!(next(dir.path(), &[journal(1, vec![left("S10/hub")])]).left_units.len(), 1);
    assert!(next(dir.path(), &[journal(2, vec![left("S1/hub")])]).left_units.is_empty());

    // Opened anew under its serial, nothing of before belongs to it.
    let mut again = unit_transactions("S1", 3);
    again.truncate(1);
    let recovery = next(dir.path(), &again);
    assert!(recovery.open_units.len() == 1 && steps(&recovery.open_units[0]).is_empty());
}

#[test]
fn opened_to_go_on_it_has_what_was_known() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut half = unit_transactions("S1", 1);
    half.truncate(2);
    next(dir.path(), &half);
    let serial = || "S1".to_owned();
    let closed = JournalEntry::UnitClosed { serial: serial(), result: UnitResult::Interrupted };
    next(dir.path(), &[journal(0, vec![JournalEntry::UnitLeft { serial: serial() }, closed])]);
    let mut again = unit_transactions("S1", 3);
    again.truncate(1);
    for entry in &mut again[0].journal {
        if let JournalEntry::UnitOpened { resumes, .. } = entry {
            *resumes = true;
        }
    }
    let recovery = next(dir.path(), &again);
    assert!(recovery.left_units.is_empty());
    assert_eq!(steps(&recovery.open_units[0]), [(1, 1)]);
}

#[test]
fn a_directory_of_an_older_program_is_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut half = unit_transactions("S1", 1);
    half.truncate(1);
    next(dir.path(), &half);
    let conn = rusqlite::Connection::open(dir.path().join(super::super::OUTBOX_FILE)).expect("its database");
    conn.execute_batch(
        "ALTER TABLE orders DROP COLUMN resumed;
         DROP TABLE outcomes; DROP TABLE components; DROP TABLE left_units;
         UPDATE open_units SET entry = replace(entry, ',\"kept\":true', '');",
    )
    .expect("as it was");
    drop(conn);
    let (_outbox, recovery) = Outbox::open(dir.path(), options()).expect("upgraded");
    assert!(!recovery.open_units[0].kept, "what was not followed from its opening on is not gone on with");
}
