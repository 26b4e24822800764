use std::sync::Arc;
use std::time::{Duration, Instant};

use cellwright_model::event::{Context, EventData, EventDraft, UnitContext};
use cellwright_model::outcome::{Origin, Purpose, UnitResult};
use rusqlite::Connection;

use super::*;
use crate::chain::Sealer;
use crate::store::{SqliteReader, SqliteStore, Store, StoreOptions};
use crate::testing;

/// A unit as the store shall have it.
struct Made {
    serial: String,
    order: &'static str,
    lot: Option<&'static str>,
    /// None: still open.
    result: Option<(UnitResult, Option<&'static str>, bool)>,
    hub_lot: &'static str,
    purpose: Purpose,
}

fn made(serial: &str, result: Option<(UnitResult, Option<&'static str>, bool)>) -> Made {
    Made {
        serial: serial.into(),
        order: "PO-1",
        lot: Some("L1"),
        result,
        hub_lot: "H7",
        purpose: Purpose::Trial,
    }
}

fn drafts(unit: &Made) -> Vec<EventDraft> {
    let context = testing::context(Origin::Twin, unit.purpose);
    let context = Arc::new(Context {
        order: Some(unit.order.into()),
        lot: unit.lot.map(str::to_owned),
        ..(*context).clone()
    });
    let mut drafts = testing::drafts(&unit.serial, &context);
    let named = testing::unit(&unit.serial);
    let named = Arc::new(UnitContext { udi: Some(format!("(21){}", unit.serial)), ..(*named).clone() });
    for draft in &mut drafts {
        draft.unit = Some(named.clone());
        match &mut draft.data {
            EventData::StepOutcome(step) => {
                step.curves.clear();
                step.components.iter_mut().for_each(|c| c.lot = Some(unit.hub_lot.into()));
            }
            EventData::UnitResult(end) => {
                let (result, cause, retested) = unit.result.unwrap_or((UnitResult::Good, None, false));
                (end.result, end.cause, end.retested) = (result, cause.map(str::to_owned), retested);
            }
            _ => {}
        }
    }
    drafts.truncate(if unit.result.is_some() { 4 } else { 2 });
    drafts
}

fn store(dir: &std::path::Path, units: &[Made]) -> SqliteReader {
    let path = dir.join("dhr.db");
    let mut store = SqliteStore::open(&path, StoreOptions::default()).expect("a store");
    let mut sealer = Sealer::simulated(&testing::address(), 1);
    for units in units.chunks(500) {
        let seal =
            |draft| SealedLine::read(&sealer.seal(draft).expect("plain numbers").line).expect("its own");
        let lines: Vec<SealedLine> = units.iter().flat_map(drafts).map(seal).collect();
        store.append(&lines).expect("room");
    }
    SqliteReader::open(&path).expect("a store")
}

#[test]
fn what_came_of_a_rework_is_its_own_and_changes_no_yield() {
    let dir = tempfile::tempdir().expect("a directory");
    let rework = |serial, result| Made { order: "RW-1", purpose: Purpose::Rework, ..made(serial, result) };
    let good = Some((UnitResult::Good, None, false));
    let ng = Some((UnitResult::Ng, Some("leak/decay"), false));
    let units = [made("A1", good), made("A2", ng), rework("A2", ng), rework("A1", None), rework("A2", good)];
    let reader = store(dir.path(), &units);
    let report = lot(&reader, "L1").expect("recorded");
    let counts = (report.started, report.good, report.ng, report.open, report.reworks);
    assert_eq!(counts, (5, 2, 2, 1, 3));
    assert_eq!(report.first_pass_yield, Some(0.5), "one of two that were judged at the first pass");
    let row = |u: &LotUnit| (u.serial.clone(), u.order.clone().unwrap_or_default(), u.result.clone());
    let rows: Vec<_> = report.serials.iter().map(row).collect();
    let is = |serial: &str, order: &str, result: Option<&str>| {
        (serial.to_owned(), order.to_owned(), result.map(str::to_owned))
    };
    assert_eq!(
        rows,
        [
            is("A1", "PO-1", Some("good")),
            is("A2", "PO-1", Some("ng")),
            is("A2", "RW-1", Some("ng")),
            is("A1", "RW-1", None),
            is("A2", "RW-1", Some("good")),
        ]
    );
    let summaries = crate::dhr::list(&reader).expect("readable");
    let listed: Vec<_> = summaries.iter().map(|s| (s.serial.as_str(), s.result.as_deref())).collect();
    assert_eq!(
        listed,
        [("A1", Some("good")), ("A2", Some("ng")), ("A2", Some("ng")), ("A1", None), ("A2", Some("good"))]
    );

    let record = crate::dhr::show(&reader, "A2", None).expect("recorded");
    assert_eq!((&record["result"], &record["order"]), (&"good".into(), &"RW-1".into()), "the last one's");
    let openings = record["openings"].as_array().expect("a list");
    let ends: Vec<_> = openings.iter().map(|o| (o["purpose"].as_str(), o["result"].as_str())).collect();
    let (trial, rework) = (Some("trial"), Some("rework"));
    assert_eq!(ends, [(trial, Some("ng")), (rework, Some("ng")), (rework, Some("good"))]);
    let steps = record["steps"].as_array().expect("a list");
    let of: Vec<_> = steps.iter().map(|s| (s["opening"].as_u64(), s["order"].as_str())).collect();
    let pair = |n, order| [(Some(n), Some(order)); 2];
    assert_eq!(of, [pair(1, "PO-1"), pair(2, "RW-1"), pair(3, "RW-1")].concat(), "two steps each, in order");
    assert_eq!(crate::dhr::show(&reader, "A1", None).expect("recorded")["result"], Value::Null);
}

#[test]
fn a_lot_adds_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let good = Some((UnitResult::Good, None, false));
    let units = [
        made("A1", good),
        made("A2", Some((UnitResult::Good, None, true))),
        Made { hub_lot: "H8", ..made("A3", Some((UnitResult::Ng, Some("press/seat_force"), false))) },
        Made { order: "PO-2", ..made("A4", Some((UnitResult::Ng, Some("press/seat_force"), false))) },
        made("A5", Some((UnitResult::Interrupted, Some("controller-restart"), false))),
        made("A6", None),
        Made { lot: Some("L2"), ..made("B1", good) },
        Made { lot: None, ..made("C1", good) },
    ];
    let reader = store(dir.path(), &units);
    let report = lot(&reader, "L1").expect("recorded");
    let counts = (report.started, report.good, report.ng, report.interrupted, report.open);
    assert_eq!(counts, (6, 2, 2, 1, 1));
    assert_eq!(report.orders, ["PO-1", "PO-2"]);
    assert_eq!(report.recipes, ["cannula-hub 3.2.0"]);
    assert_eq!(report.first_pass_yield, Some(0.25), "one of four that were judged");
    assert_eq!(report.ng_by_cause, BTreeMap::from([("press/seat_force".to_owned(), 2)]));
    assert_eq!((report.origin.as_str(), &report.purposes[..]), ("twin", &["trial".to_owned()][..]));
    let component = |lot: &str, units| LotComponent { part: "HUB-23".into(), lot: Some(lot.into()), units };
    assert_eq!(report.components, [component("H7", 5), component("H8", 1)]);
    let rows: Vec<_> = report.serials.iter().map(|u| (u.serial.as_str(), u.result.as_deref())).collect();
    assert_eq!(rows[..2], [("A1", Some("good")), ("A2", Some("good"))]);
    assert_eq!((rows[4], rows[5]), (("A5", Some("interrupted")), ("A6", None)));
    assert_eq!(report.serials[0].udi.as_deref(), Some("(21)A1"));
    assert!(report.serials[0].end.is_some() && report.serials[5].end.is_none());

    let none = lot(&reader, "L3").expect_err("no such lot").to_string();
    assert!(none.contains("L3") && none.contains("it has L1, L2"), "{none}");
    assert_eq!(lot(&reader, "L2").expect("recorded").started, 1);
}

#[test]
fn lots_that_a_message_names_are_bounded() {
    let dir = tempfile::tempdir().expect("a directory");
    let empty = store(dir.path(), &[]);
    assert!(lot(&empty, "X").expect_err("empty").to_string().contains("run --order"));
    let dir = tempfile::tempdir().expect("a directory");
    let names: Vec<&'static str> =
        (0..25).map(|n| &*Box::leak(format!("L{n:02}").into_boxed_str())).collect();
    let units: Vec<Made> = names
        .iter()
        .map(|name| Made { lot: Some(name), ..made(name, Some((UnitResult::Good, None, false))) })
        .collect();
    let text = lot(&store(dir.path(), &units), "X").expect_err("no such lot").to_string();
    assert!(text.contains("L19, …") && !text.contains("L20"), "{text}");
}

/// 100,000 events, of which a lot has some hundred: only those are read.
#[test]
fn a_lot_in_a_large_store_is_found_by_its_index() {
    let dir = tempfile::tempdir().expect("a directory");
    let good = Some((UnitResult::Good, None, false));
    let units: Vec<Made> = (0..25_000)
        .map(|n| Made {
            lot: Some(if n % 1_000 == 7 { "L1" } else { "L0" }),
            ..made(&format!("S{n:05}"), good)
        })
        .collect();
    let reader = store(dir.path(), &units);
    let conn = Connection::open(dir.path().join("dhr.db")).expect("a database");
    let events: i64 = conn.query_row("SELECT count(*) FROM events", [], |r| r.get(0)).expect("readable");
    assert_eq!(events, 100_000);
    let began = Instant::now();
    let report = lot(&reader, "L1").expect("recorded");
    let took = began.elapsed();
    assert_eq!((report.started, report.good), (25, 25));
    println!("{} units of {events} events in {took:?}", report.started);
    // A scan of this store takes some hundred times as long.
    assert!(took < Duration::from_secs(2), "{took:?}");
    for (query, index) in [
        (
            "SELECT * FROM events WHERE type = 'cellwright.unit.opened' AND LOT = 'L1' ORDER BY stream, seq",
            "units_by_lot",
        ),
        (
            "SELECT DISTINCT LOT FROM events INDEXED BY units_by_lot WHERE type = 'cellwright.unit.opened' AND LOT IS NOT NULL ORDER BY 1",
            "units_by_lot",
        ),
    ] {
        let lot = "CASE WHEN json_valid(line) THEN json_extract(line, '$.data.lot') END";
        let plan: String = conn
            .query_row(&format!("EXPLAIN QUERY PLAN {}", query.replace("LOT", lot)), [], |r| r.get(3))
            .expect("a plan");
        assert!(plan.contains(index), "{query}: {plan}");
    }
}
