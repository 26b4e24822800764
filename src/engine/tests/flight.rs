//! Several units in flight: each in its own nest, carried together; what holds one back, what the others do.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cellwright_engine::api::*;
use cellwright_engine::branch_chart::BranchState;
use cellwright_engine::record::{Location, Record, StepResult};
use cellwright_model::expr::Expr;
use cellwright_model::job::{RtOp, UrgentWord};
use cellwright_model::material::Label;
use cellwright_model::outcome::UnitResult;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::plan::{Handler, OnHold, Plan, Resource};
use cellwright_model::{TrayId, UnitId};

use common::cell as c;
use common::{Bench, plan};

/// The plan, with the trays among what its steps hold, as recipes compile it.
fn with_trays() -> Plan {
    let mut p = plan();
    p.steps[0].resources.push(Resource::Tray(c::SOURCE));
    p.steps[5].resources.push(Resource::Tray(c::GOOD));
    p
}

fn bench(max: u16) -> Bench {
    let mut cell = c::cell();
    cell.units_in_flight_max = max;
    Bench::with(cell, Default::default())
}

fn status(b: &Bench) -> cellwright_engine::Status {
    b.engine.status(Machine { rt: &b.rt, robots: &b.robots })
}

fn load(b: &mut Bench, tray: TrayId, part: &str) {
    let label = match part {
        "" => Label::Empty,
        part => Label::Typed { part: part.into(), lot: "L-2".into(), expiry: None, quantity: None },
    };
    b.load(tray, label, Some(0), None);
}

/// What a record says of an attempt, but for its times and its unit's number.
fn content(s: &StepResult) -> String {
    let step = &s.plan.step(s.step).id;
    format!("{step} {} {:?} {:?} {:?} {:?}", s.attempt, s.station, s.outcome, s.cause, s.measurements)
}

fn contents(b: &Bench) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for outcome in b.outcomes() {
        all.entry(outcome.serial.clone()).or_default().push(content(outcome));
    }
    for unit in b.closed() {
        let end = format!("{:?} {:?} {}", unit.result, unit.cause, unit.retested);
        all.entry(unit.serial.clone()).or_default().push(end);
    }
    all
}

/// Units that were open at once, at the most.
fn most_open(records: &[Record]) -> usize {
    let (mut open, mut most) = (BTreeSet::new(), 0);
    for record in records {
        match record {
            Record::UnitOpened { unit, .. } => drop(open.insert(*unit)),
            Record::UnitClosed(s) => drop(open.remove(&s.unit)),
            _ => {}
        }
        most = most.max(open.len());
    }
    most
}

#[test]
fn units_overlap_and_their_records_are_those_of_one_by_one() {
    let run = |max| {
        let mut b = bench(max);
        // The third unit's press fails.
        b.forces.extend([100.0, 101.0, 160.0, 103.0, 104.0, 105.0]);
        b.produce(Arc::new(with_trays()), 6);
        b.until(CellState::Completed);
        b.ticks(10);
        assert_eq!(b.engine.program_errors(), 0);
        b
    };
    let (one, four) = (run(1), run(4));
    assert_eq!((most_open(&one.records), most_open(&four.records)), (1, 2), "stations for two");
    assert_eq!(contents(&one), contents(&four));
    let results: Vec<_> = four.closed().iter().map(|u| u.result).collect();
    assert_eq!(results.iter().filter(|r| **r == UnitResult::Good).count(), 5);
    assert!(four.now < one.now, "{} of {} ms", four.now, one.now);
}

#[test]
fn no_nest_takes_two_units_and_the_table_turns_only_when_all_stand_idle() {
    let mut b = bench(4);
    b.produce(Arc::new(with_trays()), 5);
    let mut turns = 0;
    while b.engine.state() != CellState::Completed {
        let before = b.commands.len();
        let idle = status(&b).units.iter().flat_map(|u| u.branches.clone()).all(|x| {
            x.step.is_none()
                || matches!(x.state, BranchState::Gate | BranchState::Verifying | BranchState::Idle)
        });
        b.tick();
        for op in b.commands.clone().drain(before..) {
            if let RtOp::MoveTo { axis, .. } = op
                && axis == c::TABLE
            {
                turns += 1;
                assert!(idle, "{:#?}", status(&b).units);
            }
        }
        let nests: Vec<u16> = status(&b).units.iter().map(|u| u.nest).collect();
        assert_eq!(nests.iter().collect::<BTreeSet<_>>().len(), nests.len(), "{nests:?}");
        assert!(b.now < 60_000);
    }
    assert_eq!(turns, 5, "once for each unit: the next one is loaded where it stands then");
    let nests: BTreeSet<Location> =
        b.moves_of_parts().iter().map(|m| m.1).filter(|to| matches!(to, Location::Nest(_))).collect();
    assert_eq!(nests.len(), 4, "all nests are used: {nests:?}");
}

#[test]
fn a_unit_that_waits_for_a_person_keeps_the_table_and_not_its_own_serial() {
    let mut b = bench(4);
    let mut p = with_trays();
    p.steps[3].on_fault = Handler::Ask;
    b.refuse(c::PRESENT);
    p.steps[0].check_after = None;
    if let Some(cellwright_model::plan::Primitive::PlacePart { verify, .. }) = p.steps[0].ops.get_mut(9) {
        *verify = None;
    }
    b.produce(Arc::new(p), 2);
    b.until_true("a question", |b| !b.questions.is_empty());
    b.ticks(2_000);
    let turned = b.commands.iter().filter(|o| matches!(o, RtOp::MoveTo { axis, .. } if *axis == c::TABLE));
    let (turned, units) = (turned.count(), status(&b).units.len());
    assert_eq!(units, 2);
    b.ticks(2_000);
    let now = b.commands.iter().filter(|o| matches!(o, RtOp::MoveTo { axis, .. } if *axis == c::TABLE));
    assert_eq!(now.count(), turned, "nothing moves past a person who may reach in");
    b.allow(c::PRESENT);
    b.answer("retry");
    b.until(CellState::Completed);
    assert!(b.closed().iter().all(|u| u.result == UnitResult::Good));
}

#[test]
fn a_starved_cell_suspends_and_goes_on_alone() {
    let mut b = bench(4);
    // Ten pockets: the source is used up before the order is complete; so is the room for good units.
    b.produce(Arc::new(with_trays()), 12);
    b.until(CellState::Suspended);
    let alarm = b.alarms.last().expect("an alarm").clone();
    assert_eq!((alarm.code.word(), alarm.place.as_str()), ("starved", "source"));
    assert_eq!(b.closed().len(), 10, "what could be finished is finished");
    let waits: Vec<_> =
        status(&b).units.iter().flat_map(|u| u.branches.clone()).filter_map(|x| x.waits_for).collect();
    assert!(waits.iter().any(|w| w.starts_with("source: no part")), "{waits:?}");
    b.ticks(5_000);
    assert_eq!(b.engine.state(), CellState::Suspended);
    load(&mut b, c::SOURCE, "HUB");
    b.until(CellState::Execute);
    assert!(b.alarms.iter().any(|a| a.code.word() == "starved" && a.cleared.is_some()));
    b.until(CellState::Suspended);
    assert_eq!(b.alarms.iter().rev().find(|a| a.cleared.is_none()).map(|a| a.code.word()), Some("blocked"));
    load(&mut b, c::GOOD, "");
    b.until(CellState::Completed);
    assert_eq!(b.closed().len(), 12);
    assert!(b.closed().iter().all(|u| u.result == UnitResult::Good));
    assert_eq!(b.engine.program_errors(), 0);
}

#[test]
fn a_part_that_is_late_does_not_suspend_and_a_person_who_suspends_is_waited_for() {
    let mut b = bench(1);
    let mut p = with_trays();
    p.steps[2].supply = Some(Expr::Input(c::DROP));
    b.refuse(c::DROP);
    b.produce(Arc::new(p), 1);
    b.ticks(700);
    assert_eq!(b.engine.state(), CellState::Execute);
    b.command(CellCommand::Suspend);
    b.until(CellState::Suspended);
    b.allow(c::DROP);
    b.ticks(3_000);
    assert_eq!(b.engine.state(), CellState::Suspended, "the cause was not the cell's");
    b.command(CellCommand::Unsuspend);
    b.until(CellState::Completed);
    assert!(!b.alarms.iter().any(|a| a.code.word() == "starved"));
}

#[test]
fn hold_stops_all_but_what_finishes_first_at_once() {
    let mut b = bench(4);
    b.produce(Arc::new(with_trays()), 3);
    b.until_running("press");
    b.until_true("pressing", |b| b.rt.axes[c::PRESS.index()].moving);
    let words = b.urgents.len();
    b.command(CellCommand::Hold);
    assert_eq!(b.urgents[words..], [UrgentWord::Hold], "with the command, not after the press");
    assert!(b.rt.axes[c::PRESS.index()].moving, "it is finished first");
    b.until(CellState::Held);
    assert_eq!(b.urgents[words..], [UrgentWord::Hold, UrgentWord::Hold], "and then held too");
    assert!(b.path().contains(&"press 1 passed".to_string()));
    b.command(CellCommand::Unhold);
    b.until(CellState::Completed);
    assert!(b.closed().iter().all(|u| u.result == UnitResult::Good));
}

#[test]
fn hold_while_the_table_turns_goes_on_from_there() {
    let mut b = bench(4);
    let mut p = with_trays();
    p.steps.iter_mut().for_each(|s| s.on_hold = OnHold::Stop);
    b.produce(Arc::new(p), 3);
    b.until_true("a turn", |b| b.rt.axes[c::TABLE.index()].moving);
    b.command(CellCommand::Hold);
    b.until(CellState::Held);
    assert!(!b.rt.axes[c::TABLE.index()].moving);
    b.ticks(500);
    b.command(CellCommand::Unhold);
    b.until(CellState::Completed);
    assert!(b.closed().iter().all(|u| u.result == UnitResult::Good));
}

#[test]
fn complete_and_stop_end_every_unit_once() {
    for command in [CellCommand::Complete, CellCommand::Stop, CellCommand::Abort] {
        let mut b = bench(4);
        b.produce(Arc::new(with_trays()), 9);
        b.until_true("two units", |b| status(b).units.len() == 2);
        b.command(command);
        b.until_true("the end", |b| {
            matches!(b.engine.state(), CellState::Completed | CellState::Stopped | CellState::Aborted)
        });
        b.ticks(10);
        let opened: BTreeSet<UnitId> = b
            .records
            .iter()
            .filter_map(|r| if let Record::UnitOpened { unit, .. } = r { Some(*unit) } else { None })
            .collect();
        let closed: Vec<UnitId> = b.closed().iter().map(|u| u.unit).collect();
        assert_eq!(closed.len(), opened.len());
        assert_eq!(closed.into_iter().collect::<BTreeSet<_>>(), opened);
        let results: BTreeSet<_> = b.closed().iter().map(|u| u.result.as_str()).collect();
        let expected = if command == CellCommand::Complete { "good" } else { "interrupted" };
        assert_eq!(results, BTreeSet::from([expected]));
        assert_eq!(b.engine.program_errors(), 0);
    }
}
