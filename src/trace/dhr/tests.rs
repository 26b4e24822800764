use std::collections::BTreeMap;

use super::*;
use crate::chain::Sealer;
use crate::ingest::{Verdict, take_batch, take_curve};
use crate::store::{SqliteReader, SqliteStore, StoreOptions};
use crate::testing;

fn kept(dir: &std::path::Path, units: &[(u64, &str, usize)]) -> SqliteReader {
    let path = dir.join("dhr.db");
    let mut store = SqliteStore::open(&path, StoreOptions::default()).expect("a store");
    for &(seed, serial, events) in units {
        let curve = testing::curve(serial);
        take_curve(&mut store, &curve.hash(), &curve.to_bytes());
        let mut sealer = Sealer::simulated(&testing::address(), seed);
        let drafts = testing::unit_drafts(serial).into_iter().take(events);
        let lines: Vec<String> = drafts.map(|d| sealer.seal(d).expect("plain numbers").line).collect();
        assert_eq!(take_batch(&mut store, &lines.join("\n")), Verdict::Committed { seq: events as u64 });
    }
    SqliteReader::open(&path).expect("a store")
}

#[test]
fn the_record_of_a_serial_has_the_shape_that_programs_read() {
    let dir = tempfile::tempdir().expect("a directory");
    let reader = kept(dir.path(), &[(1, "S1", 4)]);
    let dhr = show(&reader, "S1", None).expect("recorded");
    let has = |value: &Value, names: &[&str]| {
        for name in names {
            assert!(value.get(name).is_some(), "{name} in {value}");
        }
    };
    has(
        &dhr,
        &[
            "serial",
            "result",
            "disposition",
            "released",
            "origin",
            "purpose",
            "order",
            "lot",
            "udi",
            "recipe",
            "cell",
            "program",
            "components",
            "equipment",
            "environment",
            "steps",
            "chain",
        ],
    );
    has(&dhr["recipe"], &["id", "version", "hash"]);
    has(&dhr["cell"], &["id", "hash"]);
    has(&dhr["components"][0], &["name", "part", "lot", "serial"]);
    has(&dhr["equipment"][0], &["id", "serial", "calibration_due"]);
    has(
        &dhr["steps"][0],
        &["id", "station", "attempt", "start", "end", "outcome", "operator", "measurements", "curves"],
    );
    has(&dhr["steps"][0]["measurements"][0], &["name", "value", "unit", "limits", "verdict", "spec"]);
    has(&dhr["steps"][0]["curves"][0], &["name", "hash", "samples"]);
    assert_eq!(dhr["steps"].as_array().map(Vec::len), Some(2));
    assert_eq!(dhr["components"].as_array().map(Vec::len), Some(1), "each once");
    assert_eq!((&dhr["result"], &dhr["disposition"]), (&json!("good"), &Value::Null));
    assert_eq!(dhr["steps"][0]["measurements"][0]["limits"], json!([70, null]));
    let last = reader.of_serial("S1").expect("readable").pop().expect("four events");
    let chain = json!({"stream": last.stream, "first_seq": 1, "last_seq": 4, "head": last.hash});
    assert_eq!(dhr["chain"], chain);
}

#[test]
fn the_list_tells_units_in_work_from_ended_ones() {
    let dir = tempfile::tempdir().expect("a directory");
    let reader = kept(dir.path(), &[(1, "S1", 4), (2, "S2", 2)]);
    let list = list(&reader).expect("readable");
    let results: BTreeMap<&str, Option<&str>> =
        list.iter().map(|s| (s.serial.as_str(), s.result.as_deref())).collect();
    assert_eq!(results, BTreeMap::from([("S1", Some("good")), ("S2", None)]));
    assert_eq!(show(&reader, "S2", None).expect("recorded")["result"], Value::Null);
    let error = show(&reader, "S3", None).expect_err("not recorded").to_string();
    assert!(error.contains("S3") && error.contains("dhr.db"), "{error}");
}

#[test]
fn a_serial_of_two_streams_needs_its_stream() {
    let dir = tempfile::tempdir().expect("a directory");
    let reader = kept(dir.path(), &[(1, "S1", 4), (2, "S1", 4)]);
    let error = show(&reader, "S1", None).expect_err("ambiguous").to_string();
    assert!(error.contains("several streams"), "{error}");
    let stream = list(&reader).expect("readable")[1].stream.clone();
    let dhr = show(&reader, "S1", Some(&stream)).expect("recorded");
    assert_eq!(dhr["chain"]["stream"], json!(stream));
}

#[test]
fn a_component_is_told_once_with_all_that_is_known_of_it() {
    let entry = |lot: Option<&str>, serial: Option<&str>| json!({ "name": "hub", "part": "HUB-23", "lot": lot, "serial": serial });
    let step = |n: u64, components: Vec<Value>| SealedLine {
        data: json!({ "components": components }),
        ..sealed_step(n)
    };
    let merged = |steps: &[SealedLine]| components(&steps.iter().collect::<Vec<_>>());
    let taken = step(1, vec![entry(Some("L1"), None)]);
    let scanned = step(2, vec![entry(Some("L1"), Some("H1"))]);
    assert_eq!(merged(&[taken, scanned]), [entry(Some("L1"), Some("H1"))]);
    let exchanged = [step(1, vec![entry(Some("L1"), None)]), step(2, vec![entry(Some("L2"), None)])];
    assert_eq!(merged(&exchanged).len(), 2, "another lot is another part");
}

fn sealed_step(seed: u64) -> SealedLine {
    let mut sealer = Sealer::simulated(&testing::address(), seed);
    let draft = testing::unit_drafts("S1").remove(1);
    SealedLine::read(&sealer.seal(draft).expect("plain numbers").line).expect("its own line")
}

/// What passed before stands in the opening before; the record of the serial is both.
#[test]
fn a_unit_that_went_on_has_the_steps_of_both_openings_once() {
    use cellwright_model::event::{AttemptRef, EventData, Resumed};
    use cellwright_model::outcome::UnitResult;
    let mut first = testing::unit_drafts("S1");
    let step_2 = first.remove(2);
    if let EventData::UnitResult(end) = &mut first[2].data {
        end.result = UnitResult::Interrupted;
    }
    let mut second = testing::unit_drafts("S1");
    second.splice(1..3, [step_2]);
    let carried = vec![AttemptRef { step: "step-1".into(), n: 1, attempt: 1 }];
    let resumed = Resumed { by: "ada".into(), step: "step-2".into(), how: "begin".into(), carried };
    if let EventData::UnitOpened(opened) = &mut second[0].data {
        opened.resumed = Some(resumed);
    }
    let mut sealer = Sealer::simulated(&testing::address(), 1);
    let drafts = first.into_iter().chain(second);
    let lines =
        drafts.map(|d| SealedLine::read(&sealer.seal(d).expect("plain numbers").line).expect("its own"));
    let record = record("S1", &lines.collect::<Vec<_>>());
    assert_eq!(record["result"], "good");
    let steps = record["steps"].as_array().expect("a list");
    let steps: Vec<_> = steps.iter().map(|s| (s["n"].as_u64(), s["opening"].as_u64())).collect();
    assert_eq!(steps, [(Some(1), Some(1)), (Some(2), Some(2))]);
    let openings = record["openings"].as_array().expect("a list");
    assert_eq!((&openings[0]["result"], &openings[0]["resumed"]), (&json!("interrupted"), &Value::Null));
    assert_eq!(openings[1]["resumed"]["by"], "ada");
    assert_eq!(openings[1]["resumed"]["carried"][0]["step"], "step-1");
}
