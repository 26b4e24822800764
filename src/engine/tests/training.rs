//! Training that ends during a run: what is in work is finished, nothing further is begun, and who may not answer
//! is told so. No clock of the engine's: the day comes as an input.

mod common;

use std::sync::Arc;

use cellwright_engine::api::*;
use cellwright_engine::record::Record;
use cellwright_model::Date;
use cellwright_model::approval::Clearance;
use cellwright_model::outcome::UnitResult;
use cellwright_model::packml::{CellCommand, CellState};

use common::{Bench, plan};

fn day(text: &str) -> Date {
    Date::parse(text).expect("a date")
}

/// `anna` works the cell, trained through the first of March; `otto` longer, `lars` no more.
fn clearance() -> Clearance {
    let trained = [("anna", "2027-03-01"), ("otto", "2027-12-31"), ("lars", "2027-02-28")];
    Clearance::Given {
        approval: "ab".into(),
        basis: "released".into(),
        operator: "anna".into(),
        trained_until: trained.iter().map(|(who, until)| ((*who).to_string(), day(until))).collect(),
    }
}

fn ordered(clearance: Clearance, units: u32) -> Bench {
    let mut b = Bench::new();
    b.put(Input::Today(day("2027-03-01")));
    b.until_idle();
    let order = Order::units("A-1", Arc::new(plan()), units).cleared(clearance);
    b.put(Input::Order { order, by: common::machine::who() });
    b
}

fn begun(clearance: Clearance, units: u32) -> Bench {
    let mut b = ordered(clearance, units);
    b.command(CellCommand::Start);
    b.until(CellState::Execute);
    b
}

fn lapses(b: &Bench) -> Vec<&Alarm> {
    b.alarms.iter().filter(|a| a.code.word() == "training-lapsed" && a.cleared.is_none()).collect()
}

fn answer(b: &mut Bench, who: &str) -> Result<(), String> {
    answer_by(b, Source::new(who, "ctl"))
}

fn answer_by(b: &mut Bench, by: Source) -> Result<(), String> {
    let id = b.questions.first().expect("a question").id;
    b.put(Input::Answer { id, answer: "ok".into(), reason: None, by });
    b.answered.last().expect("an answer").1.clone()
}

#[test]
fn what_is_in_work_at_midnight_is_finished_and_nothing_further_is_opened() {
    let mut b = begun(clearance(), 3);
    b.until_running("press");
    // The last day itself is one of training.
    assert!(lapses(&b).is_empty());
    b.auto.clear();
    b.put(Input::Today(day("2027-03-02")));
    assert_eq!(b.engine.state(), CellState::Execute, "the unit goes on");
    b.until_true("a question", |b| !b.questions.is_empty());
    answer(&mut b, "otto").expect("somebody who is trained");
    b.until(CellState::Held);
    assert_eq!(b.closed().iter().map(|u| u.result).collect::<Vec<_>>(), [UnitResult::Good]);
    let (alarm, count) = (lapses(&b)[0].clone(), lapses(&b).len());
    assert_eq!((count, alarm.place.as_str(), alarm.class.as_str()), (1, "anna", "hold"));
    assert_eq!(alarm.cause, "the training of anna was valid until 2027-03-01, and today is 2027-03-02 (UTC)");
    assert!(
        alarm.remedy.contains("--operator") && alarm.remedy.ends_with("restart the controller"),
        "{}",
        alarm.remedy
    );
    // It holds again for as often as somebody lets it go on; no unit is begun.
    b.command(CellCommand::Unhold);
    b.ticks(50);
    b.until(CellState::Held);
    assert_eq!(b.closed().len(), 1);
    let opened = b.records.iter().filter(|r| matches!(r, Record::UnitOpened { .. })).count();
    assert_eq!((opened, b.engine.program_errors()), (1, 0));
    // A clock that was a day ahead, and is set right: the order goes on.
    b.put(Input::Today(day("2027-03-01")));
    assert!(b.alarms.iter().any(|a| a.code.word() == "training-lapsed" && a.cleared.is_some()));
    b.auto.insert("No visible damage".into(), "ok".into());
    b.command(CellCommand::Unhold);
    b.until(CellState::Completed);
    assert_eq!(b.closed().len(), 3);
}

#[test]
fn an_answer_of_somebody_whose_training_is_over_is_refused_and_recorded() {
    let mut b = begun(clearance(), 1);
    b.auto.clear();
    b.until_true("a question", |b| !b.questions.is_empty());
    let why = answer(&mut b, "lars").expect_err("refused");
    assert!(why.starts_with("the training of lars was valid until 2027-02-28"), "{why}");
    assert!(why.ends_with("let somebody answer whose training is valid"), "{why}");
    let recorded = |r: &Record| {
        matches!(r, Record::Request { what, by, result: Err(cause) }
            if what.starts_with("answer `ok`") && by.who == "lars" && *cause == why)
    };
    assert_eq!(b.records.iter().filter(|r| recorded(r)).count(), 1);
    let asked_for = answer_by(&mut b, Source::on_behalf("lars", "cellsvc", "ctl"));
    assert_eq!(asked_for, Err(why), "whoever asks for him");
    let unknown = answer(&mut b, "cellsvc").expect_err("nobody knows him");
    assert!(unknown.starts_with("cellsvc does not stand in users.yaml"), "{unknown}");
    assert!(b.step().is_some(), "the step still waits");
    b.put(Input::Today(day("2027-03-02")));
    assert!(answer(&mut b, "anna").is_err(), "nor does the operator answer after midnight");
    answer_by(&mut b, Source::on_behalf("otto", "cellsvc", "ctl")).expect("trained");
    b.until(CellState::Completed);
    assert_eq!(b.closed()[0].result, UnitResult::Good);
}

#[test]
fn nothing_is_started_with_a_training_that_is_over() {
    let mut b = ordered(clearance(), 1);
    b.put(Input::Today(day("2027-03-02")));
    b.command(CellCommand::Start);
    b.tick();
    assert_eq!(b.engine.state(), CellState::Idle);
    let why = b.answered.last().expect("an answer").1.clone().expect_err("refused");
    assert!(why.contains("the training of anna was valid until 2027-03-01"), "{why}");
}

#[test]
fn the_twin_asks_for_nobodys_training() {
    let mut b = begun(Clearance::NotAsked, 2);
    b.until_running("press");
    b.put(Input::Today(day("2030-01-01")));
    b.until(CellState::Completed);
    assert!(lapses(&b).is_empty());
    assert_eq!(b.closed().len(), 2);
}
