//! Orders with terms: good units, a bound on starts, serials of their own, going on where a run ended.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use cellwright_engine::api::*;
use cellwright_engine::record::Record;
use cellwright_model::Date;
use cellwright_model::approval::{Clearance, Refusal, RefusalKind};
use cellwright_model::order::{OrderProgress, OrderTerms, Product, RecipePin, SerialRange};
use cellwright_model::outcome::{Purpose, UnitResult};
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::plan::Plan;

use common::{Bench, plan};

/// A press that ends with this force makes the unit ng.
const TOO_MUCH: f64 = 160.0;
const RIGHT: f64 = 100.0;

fn terms(quantity: u32, starts_max: u32, last: u64) -> Arc<OrderTerms> {
    Arc::new(OrderTerms {
        id: "PO-1".into(),
        lot: "L-1".into(),
        product: Product { part: "IS-23".into(), di: None },
        recipe: RecipePin { id: "r".into(), version: "1.0.0".into(), hash: "a".into() },
        variant: None,
        quantity,
        starts_max,
        serials: SerialRange { prefix: "L1-".into(), digits: 2, first: 5, last },
        due: None,
        purpose: Purpose::Trial,
        sets: Default::default(),
    })
}

fn put(b: &mut Bench, terms: &Arc<OrderTerms>, done: OrderProgress) {
    let order = Order::by_terms(terms.clone(), Arc::new(plan()), done);
    b.put(Input::Order { order, by: common::machine::who() });
}

fn begin(b: &mut Bench, terms: &Arc<OrderTerms>, done: OrderProgress) {
    b.until_idle();
    put(b, terms, done);
    b.command(CellCommand::Start);
}

fn results(b: &Bench) -> Vec<(String, UnitResult)> {
    b.closed().iter().map(|u| (u.serial.clone(), u.result)).collect()
}

fn serials(b: &Bench) -> Vec<String> {
    results(b).into_iter().map(|(serial, _)| serial).collect()
}

/// The word of the gate; `anna` works the cell.
fn given(trained_until: &[(&str, &str)]) -> Clearance {
    let day = |(who, until): &(&str, &str)| ((*who).to_string(), Date::parse(until).expect("a date"));
    Clearance::Given {
        approval: "ab".into(),
        basis: "released".into(),
        operator: "anna".into(),
        trained_until: trained_until.iter().map(day).collect(),
    }
}

/// The gate of house rule 10 stands before Start in Production, and before nothing else.
#[test]
fn what_is_not_approved_is_not_started_in_production() {
    let refusal = Refusal::new(RefusalKind::Unsigned, "recipe r 1.0.0", "it is draft", "have it signed");
    let refused = Clearance::Refused { refusals: vec![refusal] };
    let given = given(&[("anna", "2099-12-31")]);
    for (clearance, is_refused) in [(refused, true), (given, false)] {
        let mut b = Bench::new();
        b.put(Input::Today(Date::parse("2027-03-01").expect("a date")));
        b.until_idle();
        let order = Order::units("A-1", Arc::new(plan()), 1).cleared(clearance);
        b.put(Input::Order { order, by: common::machine::who() });
        b.command(CellCommand::Start);
        b.tick();
        assert_eq!(b.engine.state() == CellState::Idle, is_refused);
        let told = b.records.iter().any(|r| {
            matches!(r, Record::Command { command: CellCommand::Start, result: Err(why), .. }
                if why.contains("recipe r 1.0.0: it is draft; remedy: have it signed"))
        });
        assert_eq!(told, is_refused);
    }
}

/// The terms with values for some serials, and the Plan of each; all else is the order's.
fn with_sets(serials: &[&str]) -> (Arc<OrderTerms>, BTreeMap<String, Arc<Plan>>) {
    let set = [("depth".to_string(), "12.38 mm".to_string())];
    let own = Arc::new(Plan { set: set.to_vec(), ..plan() });
    let sets = serials.iter().map(|s| ((*s).to_string(), BTreeMap::from(set.clone()))).collect();
    let terms = OrderTerms { sets, ..(*terms(3, 9, 13)).clone() };
    (Arc::new(terms), serials.iter().map(|s| ((*s).to_string(), own.clone())).collect())
}

fn answer_to(terms: &Arc<OrderTerms>, plans: BTreeMap<String, Arc<Plan>>) -> Result<(), String> {
    let mut b = Bench::new();
    b.until_idle();
    let order = Order::by_terms(terms.clone(), Arc::new(plan()), OrderProgress::default()).with_sets(plans);
    b.put(Input::Order { order, by: common::machine::who() });
    b.tick();
    b.answered.last().expect("an answer").1.clone()
}

#[test]
fn each_unit_is_opened_with_the_plan_of_its_serial_after_a_restart_too() {
    let (terms, plans) = with_sets(&["L1-06", "L1-07", "L1-99"]);
    let opened = |done| {
        let mut b = Bench::new();
        b.until_idle();
        let order = Order::by_terms(terms.clone(), Arc::new(plan()), done).with_sets(plans.clone());
        b.put(Input::Order { order, by: common::machine::who() });
        b.command(CellCommand::Start);
        b.until(CellState::Completed);
        assert_eq!(b.engine.program_errors(), 0);
        let of = |r: &Record| match r {
            Record::UnitOpened { serial, plan, .. } => Some((serial.clone(), plan.set.len())),
            _ => None,
        };
        b.records.iter().filter_map(of).collect::<Vec<_>>()
    };
    let all = [("L1-05".to_string(), 0), ("L1-06".to_string(), 1), ("L1-07".to_string(), 1)];
    assert_eq!(opened(OrderProgress::default()), all);
    let done = OrderProgress { started: 2, good: 1, ng: 0, interrupted: 1, resumed: 0 };
    assert_eq!(opened(done), [("L1-07".to_string(), 1), ("L1-08".to_string(), 0)]);
}

#[test]
fn plans_that_are_not_those_of_the_terms_are_refused() {
    let (terms, plans) = with_sets(&["L1-06"]);
    assert_eq!(answer_to(&terms, plans.clone()), Ok(()));
    let refused = |plans| answer_to(&terms, plans).expect_err("refused");
    assert!(refused(BTreeMap::new()).contains("L1-06 has values of its own and no Plan"));
    let other = |own: Plan| BTreeMap::from([("L1-06".to_string(), Arc::new(own))]);
    let own = || Plan::clone(&plans["L1-06"]);
    let wrong = [
        Plan { set: Vec::new(), ..own() },
        Plan { recipe_hash: "another".into(), ..own() },
        Plan { variant: Some("25g".into()), ..own() },
        Plan { components: Vec::new(), ..own() },
        Plan { steps: own().steps.into_iter().skip(1).collect(), ..own() },
    ];
    for own in wrong {
        assert!(refused(other(own)).contains("is not the order's with the values of its set"));
    }
    assert!(refused(other(Plan { cell_hash: "another".into(), ..own() })).starts_with("L1-06: "));
    let more = plans.clone().into_iter().chain([("L1-07".to_string(), Arc::new(own()))]).collect();
    assert!(refused(more).contains("L1-07 has a Plan of its own that the order does not ask for"));
}

#[test]
fn an_ng_unit_is_made_up_for_and_serials_are_those_of_the_range() {
    let mut b = Bench::new();
    b.forces.extend([RIGHT, TOO_MUCH]);
    begin(&mut b, &terms(2, 9, 13), OrderProgress::default());
    b.until(CellState::Completed);
    let good = UnitResult::Good;
    assert_eq!(
        results(&b),
        [("L1-05".into(), good), ("L1-06".into(), UnitResult::Ng), ("L1-07".into(), good)]
    );
    let counters: Vec<u64> = b
        .records
        .iter()
        .filter_map(|r| match r {
            Record::UnitOpened { counter, .. } => Some(*counter),
            _ => None,
        })
        .collect();
    assert_eq!(counters, [0, 0, 0], "the cell's own counter stays where it is");
    assert_eq!(b.engine.program_errors(), 0);
}

#[test]
fn the_end_of_the_range_stops_the_order_and_an_alarm_says_so() {
    let mut b = Bench::new();
    b.forces.extend([TOO_MUCH, RIGHT]);
    begin(&mut b, &terms(2, 2, 6), OrderProgress::default());
    b.until(CellState::Stopped);
    assert_eq!(serials(&b), ["L1-05", "L1-06"]);
    let alarm = b.alarms.last().expect("an alarm");
    assert_eq!((alarm.code.word(), alarm.place.as_str()), ("order-short", "order PO-1"));
    assert!(alarm.cause.contains("L1-05 .. L1-06 are used up with 1 good of 2"), "{}", alarm.cause);
    assert!(
        alarm.remedy.contains("serials of its own") && alarm.remedy.contains("Reset"),
        "{}",
        alarm.remedy
    );
    // It is over: another order can be taken, and this one cannot again.
    let done = OrderProgress { started: 2, good: 1, ng: 1, interrupted: 0, resumed: 0 };
    put(&mut b, &terms(2, 2, 6), done);
    let refused = b.answered.last().expect("an answer").1.clone();
    assert!(refused.is_err_and(|e| e.contains("used up")));
    b.order(Arc::new(plan()), 1);
    assert_eq!(b.answered.last().expect("an answer").1, Ok(()));
}

#[test]
fn the_bound_on_starts_ends_an_order_that_does_not_come_to_its_quantity() {
    let mut b = Bench::new();
    b.forces.extend([TOO_MUCH, TOO_MUCH]);
    begin(&mut b, &terms(1, 2, 99), OrderProgress::default());
    b.until(CellState::Stopped);
    assert_eq!(serials(&b), ["L1-05", "L1-06"]);
    let alarm = b.alarms.last().expect("an alarm");
    assert!(alarm.cause.contains("starts_max") && alarm.cause.contains("0 good of 1"), "{}", alarm.cause);
}

#[test]
fn an_order_goes_on_behind_the_serials_that_are_taken() {
    let mut b = Bench::new();
    let done = OrderProgress { started: 3, good: 1, ng: 1, interrupted: 1, resumed: 0 };
    begin(&mut b, &terms(2, 9, 13), done);
    b.until(CellState::Completed);
    assert_eq!(serials(&b), ["L1-08"], "one was missing");
    let complete = OrderProgress { started: 4, good: 2, ng: 1, interrupted: 1, resumed: 0 };
    put(&mut b, &terms(2, 9, 13), complete);
    assert!(b.answered.last().expect("an answer").1.as_ref().is_err_and(|e| e.contains("complete")));
}

#[test]
fn an_interrupted_unit_counts_as_started_and_is_made_up_for() {
    let mut b = Bench::new();
    begin(&mut b, &terms(1, 9, 13), OrderProgress::default());
    b.until_running("press");
    b.command(CellCommand::Stop);
    b.until(CellState::Stopped);
    let status = b.status();
    let order = status.order.expect("it is still under way");
    assert_eq!((order.id.as_str(), order.lot.as_deref(), order.quantity), ("PO-1", Some("L-1"), 1));
    assert_eq!(order.progress, OrderProgress { started: 1, good: 0, ng: 0, interrupted: 1, resumed: 0 });
    b.auto.insert("Take out".into(), "removed".into());
    b.command(CellCommand::Reset);
    b.until(CellState::Idle);
    b.command(CellCommand::Start);
    b.until(CellState::Completed);
    assert_eq!(results(&b), [("L1-05".into(), UnitResult::Interrupted), ("L1-06".into(), UnitResult::Good)]);
}
