use std::path::Path;

use cellwright_model::event::EventDraft;
use cellwright_model::outcome::{Origin, Purpose};

use super::*;
use crate::chain::Sealer;
use crate::store::{SqliteStore, StoreKind, StoreOptions};
use crate::testing;

fn store(dir: &Path, kind: StoreKind) -> SqliteStore {
    SqliteStore::open(&dir.join("dhr.db"), StoreOptions { kind, ..StoreOptions::default() }).expect("a store")
}

fn lines(sealer: &mut Sealer, drafts: Vec<EventDraft>) -> Vec<String> {
    drafts.into_iter().map(|draft| sealer.seal(draft).expect("plain numbers").line).collect()
}

fn refusal(verdict: Verdict) -> String {
    match verdict {
        Verdict::Refused { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn curves_come_first_then_the_batch_and_twice_is_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = store(dir.path(), StoreKind::Trial);
    let mut sealer = Sealer::simulated(&testing::address(), 1);
    let first = lines(&mut sealer, testing::unit_drafts("S1"));
    let second = lines(&mut sealer, testing::unit_drafts("S2"));
    let curve = testing::curve("S1");
    let missing = Verdict::CurvesMissing { hashes: vec![curve.hash()] };
    assert_eq!(take_batch(&mut store, &first.join("\n")), missing);
    assert!(matches!(take_curve(&mut store, &curve.hash(), b"other"), Verdict::Refused { .. }));
    assert!(matches!(take_curve(&mut store, "../../etc/passwd", b""), Verdict::Refused { .. }));
    assert_eq!(take_curve(&mut store, &curve.hash(), &curve.to_bytes()), Verdict::CurveKept);
    assert_eq!(take_batch(&mut store, &first.join("\n")), Verdict::Committed { seq: 4 });
    assert_eq!(take_batch(&mut store, &first.join("\n")), Verdict::Committed { seq: 4 });
    // Overlap: what is there stays, what is new is kept.
    let curve = testing::curve("S2");
    take_curve(&mut store, &curve.hash(), &curve.to_bytes());
    let both = [&first[2..], &second[..]].concat().join("\n");
    assert_eq!(take_batch(&mut store, &both), Verdict::Committed { seq: 8 });
    assert_eq!(take_batch(&mut store, &first[..1].join("\n")), Verdict::Committed { seq: 8 });
}

#[test]
fn gaps_forks_and_forgeries_are_not_kept() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = store(dir.path(), StoreKind::Trial);
    let mut drafts = testing::unit_drafts("S1");
    drafts.remove(1);
    let mut sealer = Sealer::simulated(&testing::address(), 1);
    let events = lines(&mut sealer, drafts.clone());
    assert_eq!(take_batch(&mut store, &events[1]), Verdict::Behind { seq: 0 });
    assert!(
        refusal(take_batch(&mut store, &[&events[0][..], &events[2]].join("\n"))).contains("does not follow")
    );
    assert!(refusal(take_batch(&mut store, &events[0].replace("ada", "eve"))).contains("hash"));
    assert!(refusal(take_batch(&mut store, "")).contains("empty"));
    assert!(refusal(take_batch(&mut store, "{}")).contains("first event"));
    assert_eq!(take_batch(&mut store, &events[..2].join("\n")), Verdict::Committed { seq: 2 });

    // The same stream told otherwise: from the beginning, and from the last event on.
    let mut fork = Sealer::simulated(&testing::address(), 1);
    drafts.reverse();
    let other = lines(&mut fork, drafts);
    assert!(refusal(take_batch(&mut store, &other.join("\n"))).contains("another event is kept"));
    assert!(refusal(take_batch(&mut store, &other[2])).contains("does not follow what is kept"));
    let many = vec![events[0].clone(); BATCH_MAX + 1];
    assert!(matches!(take_batch(&mut store, &many.join("\n")), Verdict::Refused { .. }));
    assert_eq!(take_batch(&mut store, &events.join("\n")), Verdict::Committed { seq: 3 });
}

#[test]
fn a_production_store_takes_no_twin_and_no_simulation() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = store(dir.path(), StoreKind::Production);
    let batch = |origin, purpose| {
        let mut sealer = Sealer::simulated(&testing::address(), 1);
        let drafts = testing::drafts("S1", &testing::context(origin, purpose));
        lines(&mut sealer, drafts.into_iter().take(1).collect()).join("\n")
    };
    assert!(refusal(take_batch(&mut store, &batch(Origin::Twin, Purpose::Production))).contains("twin"));
    assert!(
        refusal(take_batch(&mut store, &batch(Origin::Real, Purpose::Simulation))).contains("simulation")
    );
    let real = batch(Origin::Real, Purpose::Production);
    assert_eq!(take_batch(&mut store, &real), Verdict::Committed { seq: 1 });
    // The kind is the store's, not the opener's.
    drop(store);
    let store = self::store(dir.path(), StoreKind::Trial);
    assert_eq!(store.kind(), StoreKind::Production);
}

#[test]
fn a_full_store_keeps_nothing_of_the_batch_and_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = StoreOptions { pages_max: 24, ..StoreOptions::default() };
    let mut store = SqliteStore::open(&dir.path().join("dhr.db"), options).expect("room for the tables");
    let mut sealer = Sealer::simulated(&testing::address(), 1);
    let mut seq = 0;
    let reason = loop {
        let mut drafts = testing::unit_drafts("S");
        drafts.remove(1);
        match take_batch(&mut store, &lines(&mut sealer, drafts).join("\n")) {
            Verdict::Committed { seq: now } => seq = now,
            Verdict::Failing { reason } => break reason,
            other => panic!("{other:?}"),
        }
        assert!(seq < 10_000, "24 pages are full at some time");
    };
    assert!(reason.contains("full"), "{reason}");
    let stream = sealer.head().stream;
    store.recover().expect("readable");
    assert_eq!(store.head(&stream).expect("readable").seq, seq);
}
