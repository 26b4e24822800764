use std::path::PathBuf;

use rusqlite::Connection;

use super::*;
use crate::ingest::{Verdict, take_batch, take_curve};
use crate::outbox::Outbox;
use crate::store::{SqliteStore, StoreOptions};
use crate::testing::{self, options, unit_transactions};

/// A state directory with three units, all of them delivered to its store.
struct Recorded {
    dir: tempfile::TempDir,
    store: PathBuf,
    stream: String,
}

fn recorded() -> Recorded {
    let dir = tempfile::tempdir().expect("a directory");
    let store = dir.path().join("dhr.db");
    let (mut outbox, _) = Outbox::open(dir.path(), options()).expect("new");
    let mut kept = SqliteStore::open(&store, StoreOptions::default()).expect("a store");
    for (i, serial) in (0..).zip(["S1", "S2", "S3"]) {
        outbox.commit(&unit_transactions(serial, i * 4), 0).expect("room");
        let curve = testing::curve(serial);
        take_curve(&mut kept, &curve.hash(), &curve.to_bytes());
    }
    let lines = OutboxReader::open(dir.path()).expect("an outbox").lines_after(0, 64).expect("readable");
    assert_eq!(take_batch(&mut kept, &lines.join("\n")), Verdict::Committed { seq: 12 });
    outbox.commit(&[], 12).expect("room");
    Recorded { store, stream: outbox.head().stream, dir }
}

impl Recorded {
    fn verify(&self) -> VerifyReport {
        verify_files(&self.store, Some(self.dir.path()), None).expect("readable")
    }

    /// The report after a change of the database that has to be found, told by `what` at `place`.
    fn found(change: &str, place: &str, what: &str) {
        let recorded = recorded();
        recorded.change(change);
        recorded.assert_found(change, place, what);
    }

    fn change(&self, sql: &str) {
        let conn = Connection::open(&self.store).expect("a database");
        conn.execute_batch(sql).expect(sql);
    }

    fn assert_found(&self, change: &str, place: &str, what: &str) {
        let report = self.verify();
        let place = place.replace("STREAM", &self.stream);
        assert!(!report.ok, "not found: {change}");
        assert!(
            report.problems.iter().any(|p| p.place == place && p.what.contains(what)),
            "{change}: {what} at {place}, but: {:?}",
            report.problems
        );
    }
}

#[test]
fn a_fresh_store_holds() {
    let recorded = recorded();
    let report = recorded.verify();
    assert!(report.ok, "{:?}", report.problems);
    assert_eq!((report.events, report.head_checked.as_str(), report.undelivered), (12, "outbox", 0));
    let none = verify_files(&recorded.store, None, None).expect("readable");
    assert!(none.ok && none.head_checked == "none");
    let json = serde_json::to_value(&report).expect("plain data");
    assert_eq!(json["problems"], serde_json::json!([]));
}

#[test]
fn every_altered_column_is_found() {
    for column in ["hash", "prevhash", "type", "time", "serial", "line"] {
        for seq in [1, 6, 12] {
            let change =
                format!("UPDATE events SET {column} = replace({column}, '0', 'x') || ' ' WHERE seq = {seq}");
            Recorded::found(&change, &format!("STREAM:{seq}"), "altered");
        }
    }
    Recorded::found("UPDATE events SET serial = NULL WHERE seq = 2", "STREAM:2", "column serial");
    Recorded::found("UPDATE events SET seq = 99 WHERE seq = 12", "STREAM:99", "exchanged");
    Recorded::found("UPDATE events SET seq = -3 WHERE seq = 3", "STREAM:-3", "extra");
    Recorded::found("UPDATE events SET stream = 'other' WHERE seq = 12", "other:12", "exchanged");
    Recorded::found("UPDATE heads SET seq = 11", "STREAM:11", "extra");
    Recorded::found("UPDATE heads SET hash = 'x'", "STREAM:12", "another event");
    Recorded::found("DELETE FROM heads", "STREAM", "no head");
    Recorded::found("UPDATE events SET line = CAST(x'ff00ff' AS TEXT) WHERE seq = 4", "STREAM:4", "altered");
}

#[test]
fn a_value_altered_with_its_hash_breaks_the_chain() {
    let recorded = recorded();
    let reader = SqliteReader::open(&recorded.store).expect("a store");
    let line = reader.of_serial("S1").expect("readable")[1].line.clone();
    drop(reader);
    // A forger who knows how hashes are made.
    let hash = SealedLine::read(&line).expect("whole").hash;
    let altered = line.replace("\"value\":101.5", "\"value\":99.5");
    let member = format!("\"hash\":\"{hash}\",");
    let new = sha256_hex(altered.replacen(&member, "", 1).as_bytes());
    let altered = altered.replacen(&hash, &new, 1);
    assert!(SealedLine::read(&altered).is_ok(), "whole in itself");
    let quoted = altered.replace('\'', "''");
    recorded.change(&format!("UPDATE events SET line = '{quoted}', hash = '{new}' WHERE seq = 2"));
    let place = format!("{}:3", recorded.stream);
    recorded.assert_found("forged", &place, "does not follow");
    recorded.assert_found("forged", "STREAM:2", "another event than the outbox has");
}

#[test]
fn missing_rows_are_found_the_last_too() {
    Recorded::found("DELETE FROM events WHERE seq = 1", "STREAM:2", "missing before it: events 1 to 1");
    Recorded::found("DELETE FROM events WHERE seq IN (5, 6)", "STREAM:7", "missing before it: events 5 to 6");
    Recorded::found("DELETE FROM events WHERE seq = 12", "STREAM:12", "missing at the end: events 12 to 12");
    // With the recorder's own note gone only the outbox knows.
    let cut = "DELETE FROM events WHERE seq > 8;
        UPDATE heads SET seq = 8, hash = (SELECT hash FROM events WHERE seq = 8)";
    Recorded::found(cut, "STREAM:12", "missing at the end: events 9 to 12");
    Recorded::found(
        "DELETE FROM events; DELETE FROM heads",
        "STREAM:12",
        "missing at the end: events 1 to 12",
    );
}

#[test]
fn extra_and_exchanged_rows_are_found() {
    let copy = "INSERT INTO events SELECT stream, 13, hash, prevhash, type, time, serial, line FROM events WHERE seq = 12";
    Recorded::found(copy, "STREAM:13", "exchanged");
    let elsewhere = "INSERT INTO events SELECT 'forged', seq, hash, prevhash, type, time, serial, line FROM events WHERE seq = 1";
    Recorded::found(elsewhere, "forged:1", "exchanged");
    let swap = "UPDATE events SET seq = 100 WHERE seq = 5; UPDATE events SET seq = 5 WHERE seq = 6;
        UPDATE events SET seq = 6 WHERE seq = 100";
    Recorded::found(swap, "STREAM:5", "exchanged");
    Recorded::found(swap, "STREAM:6", "exchanged");
    let lines = "CREATE TEMP TABLE t AS SELECT line FROM events WHERE seq = 2;
        UPDATE events SET line = (SELECT line FROM events WHERE seq = 7) WHERE seq = 2;
        UPDATE events SET line = (SELECT line FROM t) WHERE seq = 7";
    Recorded::found(lines, "STREAM:2", "exchanged");
}

#[test]
fn an_event_appended_by_someone_else_is_extra() {
    let recorded = recorded();
    let reader = SqliteReader::open(&recorded.store).expect("a store");
    let head = Heads::of_store(&reader).expect("readable").heads.remove(0);
    let mut sealer = crate::chain::Sealer::new(&testing::address(), "forger", &head);
    let event = sealer.seal(testing::unit_drafts("S9").remove(0)).expect("plain numbers");
    let mut store = SqliteStore::open(&recorded.store, StoreOptions::default()).expect("nobody holds it");
    assert_eq!(take_batch(&mut store, &event.line), Verdict::Committed { seq: 13 });
    recorded.assert_found("appended", "STREAM:12", "extra: events 13 to 13 after the outbox's head");
}

#[test]
fn curves_are_checked_by_their_content() {
    let hash = testing::curve("S2").hash();
    let file = format!("curves/{}/{hash}", &hash[..2]);
    for byte in [0, 20, 1000] {
        let recorded = recorded();
        let path = recorded.dir.path().join(&file);
        let mut bytes = std::fs::read(&path).expect("there");
        bytes[byte] ^= 1;
        std::fs::write(&path, bytes).expect("writable");
        recorded.assert_found(
            "flipped",
            &file,
            "altered: curve of STREAM".split(" of").next().unwrap_or_default(),
        );
    }
    let recorded = recorded();
    std::fs::remove_file(recorded.dir.path().join(&file)).expect("there");
    recorded.assert_found("removed", &file, "missing");
}

#[test]
fn exported_heads_stand_in_for_the_outbox() {
    let recorded = recorded();
    let exported = recorded.dir.path().join("heads.json");
    let reader = SqliteReader::open(&recorded.store).expect("a store");
    Heads::of_store(&reader).expect("readable").write(&exported).expect("room");
    drop(reader);
    let verify = || verify_files(&recorded.store, None, Some(&exported)).expect("readable");
    let report = verify();
    assert!(report.ok && report.head_checked == "heads.json", "{report:?}");
    recorded.change(
        "DELETE FROM events WHERE seq = 12;
         UPDATE heads SET seq = 11, hash = (SELECT hash FROM events WHERE seq = 11)",
    );
    assert!(
        verify_files(&recorded.store, None, None).expect("readable").ok,
        "a chain cannot see its end missing"
    );
    let report = verify();
    assert!(
        !report.ok && report.problems[0].what.contains("missing at the end: events 12 to 12"),
        "{report:?}"
    );
    std::fs::write(&exported, "[]").expect("writable");
    assert!(verify_files(&recorded.store, None, Some(&exported)).is_err());
}

#[test]
fn what_waits_for_delivery_is_not_missing() {
    let recorded = recorded();
    let (mut outbox, _) = Outbox::open(recorded.dir.path(), options()).expect("given up");
    outbox.commit(&unit_transactions("S4", 20), 12).expect("room");
    let report = recorded.verify();
    assert!(report.ok, "{:?}", report.problems);
    assert_eq!(report.undelivered, 4);
}

#[test]
fn a_store_that_cannot_be_read_is_a_problem_and_none_is_an_error() {
    let recorded = recorded();
    std::fs::write(&recorded.store, vec![7; 9000]).expect("writable");
    for file in ["dhr.db-wal", "dhr.db-shm"] {
        // They are there only if SQLite left them.
        let _ = std::fs::remove_file(recorded.dir.path().join(file));
    }
    assert!(!recorded.verify().ok);
    assert!(verify_files(&recorded.dir.path().join("none.db"), None, None).is_err());
}
