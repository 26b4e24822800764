//! Breaks in mode Maintenance: a branch waits in its gate until a person says next, and nothing moves for it meanwhile.

mod common;

use std::sync::Arc;

use cellwright_engine::api::*;
use cellwright_engine::record::Record;
use cellwright_model::approval::{Clearance, Refusal, RefusalKind};
use cellwright_model::outcome::{Purpose, UnitResult};
use cellwright_model::packml::{CellCommand, CellMode, CellState};

use common::machine::who;
use common::{Bench, cell, plan};

fn say(b: &mut Bench, request: BreakRequest) -> Result<(), String> {
    b.put(Input::Break { request, by: Source::new("maria", "ctl") });
    b.answered.last().expect("an answer").1.clone()
}

fn before(steps: &[&str]) -> BreakRequest {
    BreakRequest::Before(steps.iter().map(|s| (*s).to_string()).collect())
}

fn mode(b: &mut Bench, mode: CellMode) {
    b.put(Input::Mode { mode, by: who() });
    assert_eq!(b.answered.last().expect("an answer").1, Ok(()));
}

/// In Idle and Maintenance with an order of one unit.
fn ready() -> Bench {
    let mut b = Bench::new();
    b.until_idle();
    mode(&mut b, CellMode::Maintenance);
    b.order(Arc::new(plan()), 1);
    b
}

/// Steps before which branches stand at a break.
fn standing(b: &Bench) -> Vec<String> {
    let status = b.status();
    let branches = status.units.iter().flat_map(|u| &u.branches);
    let at = |x: &cellwright_engine::BranchStatus| {
        x.waits_for.as_ref()?.strip_prefix("`next`, at the break before ").map(str::to_owned)
    };
    branches.filter_map(at).collect()
}

/// Of the table.
fn angle(b: &Bench) -> f64 {
    b.rt.axes[common::cell::TABLE.index()].actual_au
}

fn until_standing(b: &mut Bench, steps: &[&str]) {
    b.until_true(&format!("{steps:?}"), |b| standing(b) == steps);
}

#[test]
fn a_branch_stands_in_its_gate_until_somebody_says_next() {
    let mut b = ready();
    assert_eq!(say(&mut b, before(&["press"])), Ok(()));
    b.command(CellCommand::Start);
    until_standing(&mut b, &["press"]);
    let (path, commands, table) = (b.path().len(), b.commands.len(), angle(&b));
    b.ticks(5_000);
    assert_eq!((b.path().len(), b.commands.len()), (path, commands), "nothing is done meanwhile");
    assert!((angle(&b) - table).abs() < 1e-9, "nor does the table turn to its station");
    assert_eq!(say(&mut b, BreakRequest::Next), Ok(()));
    b.until(CellState::Completed);
    assert_eq!(b.closed()[0].result, UnitResult::Good);
    assert_eq!(b.engine.program_errors(), 0);
    let said = |words: &str| {
        let is = |r: &&Record| {
            matches!(r, Record::Request { what, by, result: Ok(()) }
            if what == words && by.who == "maria")
        };
        b.records.iter().filter(is).count()
    };
    assert_eq!((said("break press"), said("next")), (1, 1), "it is recorded with who");
}

#[test]
fn before_every_step_one_next_lets_all_branches_go_on() {
    let mut b = ready();
    assert_eq!(say(&mut b, BreakRequest::EveryStep), Ok(()));
    b.command(CellCommand::Start);
    let mut seen = Vec::new();
    for _ in 0..20 {
        b.until_true("a break, or the end", |b| {
            b.engine.state() == CellState::Completed
                || !standing(b).is_empty()
                    && standing(b).len()
                        == b.status().units[0]
                            .branches
                            .iter()
                            .filter(|x| {
                                x.waits_for.as_ref().is_none_or(|w| !w.starts_with("the branches of"))
                            })
                            .count()
        });
        if b.engine.state() == CellState::Completed {
            break;
        }
        seen.extend(standing(&b));
        assert_eq!(say(&mut b, BreakRequest::Next), Ok(()));
    }
    b.until(CellState::Completed);
    seen.sort();
    let mut steps: Vec<_> = plan().steps.iter().map(|s| s.id.clone()).filter(|id| id != "to-bin").collect();
    steps.sort();
    assert_eq!(seen, steps, "each step once");
}

#[test]
fn a_hold_passes_by_and_clearing_lets_it_go_on() {
    let mut b = ready();
    assert_eq!(say(&mut b, before(&["inspect"])), Ok(()));
    b.command(CellCommand::Start);
    until_standing(&mut b, &["inspect"]);
    b.command(CellCommand::Hold);
    b.until(CellState::Held);
    b.command(CellCommand::Unhold);
    b.until(CellState::Execute);
    b.ticks(500);
    assert_eq!(standing(&b), ["inspect"]);
    assert_eq!(say(&mut b, BreakRequest::Clear), Ok(()));
    b.until(CellState::Completed);
    assert_eq!(b.closed()[0].result, UnitResult::Good);
}

#[test]
fn what_is_refused() {
    let mut b = Bench::new();
    b.until_idle();
    let words = |r: Result<(), String>| r.expect_err("refused");
    for request in [before(&["press"]), BreakRequest::EveryStep, BreakRequest::Clear, BreakRequest::Next] {
        assert!(words(say(&mut b, request)).contains("mode Maintenance, and this is Production"));
    }
    let refused = |r: &&Record| matches!(r, Record::Request { by, result: Err(_), .. } if by.who == "maria");
    assert_eq!(b.records.iter().filter(refused).count(), 4, "and recorded");
    mode(&mut b, CellMode::Maintenance);
    assert!(words(say(&mut b, before(&["press"]))).contains("there is no order"));
    b.order(Arc::new(plan()), 1);
    let other = words(say(&mut b, before(&["press", "pres"])));
    assert!(other.contains("no step `pres`") && other.contains("to-tray"), "{other}");
    assert_eq!(words(say(&mut b, BreakRequest::Next)), "nothing stands at a break");
}

#[test]
fn another_mode_has_no_breaks() {
    let mut b = ready();
    assert_eq!(say(&mut b, before(&["press"])), Ok(()));
    mode(&mut b, CellMode::Production);
    b.command(CellCommand::Start);
    b.until(CellState::Completed);
    let mut b = ready();
    assert_eq!(say(&mut b, BreakRequest::EveryStep), Ok(()));
    mode(&mut b, CellMode::Production);
    mode(&mut b, CellMode::Maintenance);
    b.command(CellCommand::Start);
    b.until(CellState::Completed);
    assert_eq!(b.closed()[0].result, UnitResult::Good);
}

/// Maintenance makes units for trial, and passes no gate that Production has.
#[test]
fn maintenance_is_no_way_around_the_gates() {
    let refusal = Refusal::new(RefusalKind::Unsigned, "recipe r 1.0.0", "it is draft", "have it signed");
    let not_cleared = Clearance::Refused { refusals: vec![refusal] };
    let order = || Order::units("A-1", Arc::new(plan()), 1);
    for (order, expected) in [
        (order().with_purpose(Purpose::Production), "for trial only, and order A-1 is for production"),
        (order().with_purpose(Purpose::Validation), "for trial only, and order A-1 is for validation"),
        (order().cleared(not_cleared), "it is draft"),
    ] {
        let mut b = Bench::with(cell(), cellwright_engine::EngineConfig::default());
        b.until_idle();
        mode(&mut b, CellMode::Maintenance);
        b.put(Input::Order { order, by: who() });
        b.command(CellCommand::Start);
        b.tick();
        assert_eq!(b.engine.state(), CellState::Idle);
        let why = b.answered.last().expect("an answer").1.clone().expect_err("refused");
        assert!(why.contains(expected), "{why}");
    }
}
