//! Material: which labels are taken, which are refused and why, and which lot each part is of.

mod common;

use std::sync::Arc;

use cellwright_engine::RETRY;
use cellwright_engine::api::*;
use cellwright_engine::record::Record;
use cellwright_model::Date;
use cellwright_model::material::{Label, LotShare, Quarantined};
use cellwright_model::outcome::{StepOutcome, UnitResult};
use cellwright_model::packml::CellState;

use common::cell as c;
use common::{Bench, plan};

const HUB: &str = "(01)04012345678901";
const CAN: &str = "(01)04006381333931";

fn today() -> Bench {
    let mut b = Bench::new();
    b.put(Input::Today(Date::parse("2029-05-31").unwrap()));
    b
}

fn scanned(text: &str) -> Label {
    Label::Scanned(text.into())
}

fn can(lot: &str, quantity: Option<u32>) -> Label {
    Label::Typed { part: "CAN".into(), lot: lot.into(), expiry: None, quantity }
}

/// The last answer to a load.
fn said(b: &Bench) -> Result<(), &str> {
    let (request, result) = b.answered.last().expect("an answer");
    assert!(matches!(request, Answered::Material(_)), "{request:?}");
    result.as_ref().copied().map_err(String::as_str)
}

fn lots(b: &Bench) -> Vec<LotShare> {
    let lots = |r: &Record| match r {
        Record::TrayLots { tray, lots } if *tray == c::LANE => Some(lots.clone()),
        _ => None,
    };
    b.records.iter().rev().find_map(lots).expect("lots of the lane")
}

/// Lot of the cannula of each closed unit.
fn cannulas(b: &Bench) -> Vec<String> {
    let lot = |u: &&cellwright_engine::record::UnitSummary| {
        u.components.iter().find(|x| x.name == "cannula").and_then(|x| x.lot.clone()).unwrap_or_default()
    };
    b.closed().iter().map(lot).collect()
}

#[test]
fn what_may_not_be_loaded_is_refused_in_words_and_recorded() {
    let mut b = today();
    let bad = Quarantined { part: None, lot: "Q-9".into(), reason: "NC-17".into() };
    b.put(Input::Quarantine(Ok(vec![bad])));
    let hub = |rest: &str| scanned(&format!("{HUB}{rest}"));
    for (label, reason) in [
        (hub("(17)290530(10)H-9"), "expired: lot H-9 of HUB on 2029-05-30"),
        (hub("(10)Q-9"), "quarantined: lot Q-9 of HUB (NC-17)"),
        (scanned(&format!("{CAN}(10)C-9")), "source takes HUB, not CAN"),
        (scanned("(01)04012345678902(10)H-9"), "malformed code: check digit 2 of (01), right is 1"),
        (scanned("(01)00036000291452(10)H-9"), "is of no part that `materials:` of cell.yaml lists"),
        (scanned("(10)H-9"), "(01) is missing"),
        (hub("(17)290601"), "(10) is missing"),
        (Label::Empty, "with the label of its material"),
    ] {
        b.load(c::SOURCE, label, Some(0), None);
        assert!(said(&b).is_err_and(|e| e.contains(reason)), "{:?} instead of {reason}", said(&b));
        let recorded = b.records.iter().rev().find_map(|r| match r {
            Record::Request { what, result: Err(e), .. } => Some((what.clone(), e.clone())),
            _ => None,
        });
        let (what, why) = recorded.expect("recorded");
        assert!(what.starts_with("material of source: ") && why.contains(reason), "{what}: {why}");
    }
    b.load(c::SOURCE, hub("(17)290531(10)H-9"), Some(10), None);
    assert!(said(&b).is_err_and(|e| e.contains("source has no pocket 10")));
    b.load(c::SOURCE, hub("(17)290531(10)H-9"), Some(0), None);
    assert_eq!(said(&b), Ok(()), "the day of its expiry is the last");
    b.load(c::GOOD, hub("(10)H-9"), Some(0), None);
    assert!(said(&b).is_err_and(|e| e.contains("takes units")));
}

#[test]
fn a_list_that_cannot_be_read_and_a_day_that_is_not_known_let_nothing_in() {
    let mut b = Bench::new();
    b.load(c::SOURCE, scanned(&format!("{HUB}(17)290531(10)H-9")), Some(0), None);
    assert!(said(&b).is_err_and(|e| e.contains("the date is not known")));
    let mut b = today();
    b.put(Input::Quarantine(Err("quarantine.yaml: line 3: not YAML".into())));
    b.load(c::SOURCE, scanned(&format!("{HUB}(10)H-9")), Some(0), None);
    assert!(said(&b).is_err_and(|e| e.contains("line 3: not YAML")));
    b.put(Input::Quarantine(Ok(vec![])));
    b.load(c::SOURCE, scanned(&format!("{HUB}(10)H-9")), Some(0), None);
    assert_eq!(said(&b), Ok(()));
}

#[test]
fn material_that_has_expired_or_was_barred_since_is_not_used() {
    let mut b = today();
    b.load(c::LANE, scanned(&format!("{CAN}(17)290531(10)C-9")), Some(0), None);
    assert_eq!(said(&b), Ok(()));
    b.put(Input::Today(Date::parse("2029-06-01").unwrap()));
    b.produce(Arc::new(plan()), 1);
    b.until_true("a question", |b| !b.questions.is_empty());
    assert!(
        b.questions[0].prompt.contains("expired: lot C-9 of CAN on 2029-05-31"),
        "{}",
        b.questions[0].prompt
    );
    b.load(c::LANE, scanned(&format!("{CAN}(17)290630(10)C-10")), Some(0), None);
    let bad = Quarantined { part: Some("CAN".into()), lot: "C-10".into(), reason: "NC-18".into() };
    b.put(Input::Quarantine(Ok(vec![bad])));
    b.answer(RETRY);
    b.until_true("a question", |b| !b.questions.is_empty());
    assert!(b.questions[0].prompt.contains("quarantined: lot C-10"), "{}", b.questions[0].prompt);
}

#[test]
fn a_refill_of_another_lot_is_split_by_unit() {
    let mut b = today();
    b.load(c::LANE, can("C-2", Some(100)), None, None);
    assert!(said(&b).is_err_and(|e| e.contains("say how many of it are left")), "{:?}", said(&b));
    b.load(c::LANE, can("C-2", Some(100)), None, Some(2));
    assert_eq!(said(&b), Ok(()));
    b.produce(Arc::new(plan()), 4);
    b.until(CellState::Completed);
    assert_eq!(cannulas(&b), ["C-1", "C-1", "C-2", "C-2"]);
    let left = LotShare { part: "CAN".into(), lot: "C-2".into(), expiry: None, left: Some(98) };
    assert_eq!(lots(&b), [left]);
    // The same lot once more: more of it.
    b.load(c::LANE, can("C-2", Some(2)), None, None);
    assert_eq!(lots(&b)[0].left, Some(100));
    b.load(
        c::LANE,
        Label::Typed { part: "CAN-9".into(), lot: "X".into(), expiry: None, quantity: None },
        None,
        None,
    );
    assert!(said(&b).is_err(), "another part is not poured onto it");
}

#[test]
fn a_part_more_than_was_loaded_has_no_lot() {
    let mut b = today();
    b.load(c::LANE, can("C-2", Some(1)), Some(0), None);
    b.produce(Arc::new(plan()), 2);
    b.until_true("a question", |b| !b.questions.is_empty());
    assert_eq!(cannulas(&b), ["C-2"]);
    assert!(b.questions[0].prompt.contains("lot-used-up"), "{}", b.questions[0].prompt);
    assert_eq!(lots(&b)[0].left, Some(0));
}

#[test]
fn a_part_whose_code_is_not_right_is_bad() {
    let scan = |gtin: &str, lot: &str, expiry: &str| DeviceReply::Scanned {
        text: "x".into(),
        gtin: Some(gtin.into()),
        lot: Some(lot.into()),
        expiry: Some(expiry.into()),
        serial: Some("1".into()),
    };
    let hub = "04012345678901";
    for (reply, cause) in [
        (scan("04006381333931", "H", "2030-01-01"), "wrong-part: GTIN 04006381333931"),
        (scan(hub, "H", "2029-05-30"), "expired: lot H of HUB"),
        (scan(hub, "Q", "2030-01-01"), "quarantined: lot Q of HUB"),
    ] {
        let mut b = today();
        let bad = Quarantined { part: Some("HUB".into()), lot: "Q".into(), reason: "NC-1".into() };
        b.put(Input::Quarantine(Ok(vec![bad])));
        b.scans.push_back(reply);
        b.produce(Arc::new(plan()), 1);
        b.until(CellState::Completed);
        let scans: Vec<_> = b.outcomes().into_iter().filter(|s| s.plan.step(s.step).id == "scan").collect();
        assert_eq!(scans[0].outcome, StepOutcome::Failed);
        assert!(scans[0].cause.as_ref().is_some_and(|c| c.starts_with(cause)), "{:?}", scans[0].cause);
        assert_eq!(b.closed()[0].result, UnitResult::Ng);
    }
}

#[test]
fn a_serial_is_used_once_in_this_life_and_in_the_next() {
    let scan = || DeviceReply::Scanned {
        text: "x".into(),
        gtin: Some("04012345678901".into()),
        lot: Some("H".into()),
        expiry: None,
        serial: Some("HB-1".into()),
    };
    let mut b = Bench::new();
    b.scans.extend([scan(), scan()]);
    b.produce(Arc::new(plan()), 2);
    b.until(CellState::Completed);
    let results: Vec<_> = b.closed().iter().map(|u| (u.result, u.cause.clone())).collect();
    assert_eq!(results[0].0, UnitResult::Good);
    let cause = results[1].1.as_deref().unwrap_or_default();
    assert!(cause.contains("duplicate-serial: HB-1 is in T-000001"), "{cause}");
    let identified = b.records.iter().filter(|r| matches!(r, Record::PartIdentified { .. })).count();
    assert_eq!(identified, 1);

    let used = vec![("HUB".to_string(), "HB-1".to_string(), "T-000001".to_string())];
    let config =
        cellwright_engine::EngineConfig { identities: used, serial_counter: 1, ..Default::default() };
    let mut b = Bench::with(c::cell(), config);
    b.scans.push_back(scan());
    b.produce(Arc::new(plan()), 1);
    b.until(CellState::Completed);
    assert_eq!(b.closed()[0].result, UnitResult::Ng);
}
