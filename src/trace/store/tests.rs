use super::*;
use crate::chain::Sealer;
use crate::testing;

fn sealed(seed: u64, serial: &str) -> Vec<SealedLine> {
    let mut sealer = Sealer::simulated(&testing::address(), seed);
    let seal = |draft| SealedLine::read(&sealer.seal(draft).expect("plain numbers").line).expect("whole");
    testing::unit_drafts(serial).into_iter().map(seal).collect()
}

#[test]
fn events_of_several_streams_are_kept_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("sub").join("dhr.db");
    let mut store = SqliteStore::open(&path, StoreOptions::default()).expect("a store");
    let (a, b) = (sealed(1, "S1"), sealed(2, "S2"));
    store.append(&a).expect("room");
    store.append(&a).expect("nothing to do");
    store.append(&b[..2]).expect("room");
    assert_eq!(store.head(&a[0].stream).expect("readable"), a[3].as_head());
    assert_eq!(store.hash_at(&b[0].stream, 2).expect("readable"), Some(b[1].hash.clone()));
    assert_eq!(store.head("other").expect("readable"), Head::empty("other"));

    // Read beside the recorder.
    let reader = SqliteReader::open(&path).expect("a store");
    let mut rows = 0;
    reader.scan(&mut |_| rows += 1).expect("readable");
    assert_eq!(rows, 6);
    assert_eq!(reader.heads().expect("readable").len(), 2);
    assert_eq!(reader.of_serial("S2").expect("readable").len(), 2);
    assert_eq!(reader.of_type("cellwright.unit.result").expect("readable").len(), 1);

    let refused = SqliteStore::open(&path, StoreOptions::default()).expect_err("held").to_string();
    assert!(refused.contains(&format!("a recorder, process {}", std::process::id())), "{refused}");
    assert!(refused.contains("dhr.db") && !refused.contains(".lock"), "{refused}");
    let id = store.id().to_owned();
    drop(store);
    assert_eq!(SqliteStore::open(&path, StoreOptions::default()).expect("given up").id(), id);
}

#[test]
fn a_curve_stands_under_its_hash_and_a_broken_one_is_mended() {
    let dir = tempfile::tempdir().expect("a directory");
    let curves = CurveFiles::beside(&dir.path().join("dhr.db"));
    let curve = testing::curve("S1");
    assert!(!curves.has(&curve.hash()).expect("readable"));
    curves.put(&curve.hash(), &curve.to_bytes()).expect("room");
    let path = dir.path().join("curves").join(&curve.hash()[..2]).join(curve.hash());
    assert_eq!(std::fs::read(&path).expect("there"), curve.to_bytes());
    std::fs::write(&path, "half").expect("writable");
    assert!(!curves.has(&curve.hash()).expect("readable"));
    curves.put(&curve.hash(), &curve.to_bytes()).expect("room");
    assert!(curves.has(&curve.hash()).expect("readable"));
    assert_eq!(std::fs::read_dir(path.parent().expect("a folder")).expect("a folder").count(), 1);
    assert!(curves.put("../x", b"").is_err() && curves.path(&"A".repeat(64)).is_none());
}

#[test]
fn what_is_no_store_is_not_opened() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("dhr.db");
    assert!(matches!(SqliteReader::open(&path), Err(TraceError::NotFound(_))));
    std::fs::write(&path, "this is a text and no database at all").expect("writable");
    assert!(SqliteReader::open(&path).is_err());
    assert!(SqliteStore::open(&path, StoreOptions::default()).is_err());
    assert_eq!(std::fs::read_to_string(&path).expect("untouched").len(), 37);
}
