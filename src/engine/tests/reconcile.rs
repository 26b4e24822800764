//! What journal and machine do not agree on: looked at by sensors, settled, asked for; and what a broken-off
//! step says of its part.

mod common;

use std::sync::Arc;

use cellwright_engine::api::*;
use cellwright_engine::record::{Location, PartRef, Record, Route};
use cellwright_engine::{Doubt, EngineConfig, Leftover, REJECT, REMOVE, REMOVED, journalled};
use cellwright_model::event;
use cellwright_model::material::Label;
use cellwright_model::outcome::UnitResult;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::plan::{Place, Primitive};
use cellwright_model::robot::RobotCommand;

use common::cell as c;
use common::{Bench, plan};

const GRIPPER: Location = Location::Gripper(c::ROBOT);

/// The cell with a sensor that sees the nest at `load`.
fn seeing() -> cellwright_model::cell::Cell {
    let mut cell = c::cell();
    cell.stations[0].presence = vec![c::SEEN];
    cell
}

fn reset(b: &mut Bench) {
    if b.engine.state() == CellState::Aborted {
        b.command(CellCommand::Clear);
        b.until(CellState::Stopped);
    }
    b.command(CellCommand::Reset);
}

fn asked(b: &mut Bench) -> String {
    b.until_true("a question", |b| !b.questions.is_empty());
    b.questions[0].prompt.clone()
}

/// Moves by what was found, and by people: (part, from, to, verified).
fn found(b: &Bench) -> Vec<(String, Location, Location, bool)> {
    let found = |r: &Record| match r {
        Record::PartMoved { unit: None, serial, part, from, to, verified } => {
            Some((part.id(serial), *from, *to, *verified))
        }
        _ => None,
    };
    b.records.iter().filter_map(found).collect()
}

fn hub() -> PartRef {
    PartRef::Component("hub".into())
}

fn doubt(part: PartRef, places: &[Location], at: usize) -> Doubt {
    let serial = "T-000007".to_string();
    Doubt { route: Route { serial, part, places: places.to_vec(), seen_by: Some((c::SEEN, c::LOAD)) }, at }
}

fn restarted(leftovers: Vec<Leftover>, doubts: Vec<Doubt>) -> Bench {
    Bench::with(seeing(), EngineConfig { serial_counter: 7, leftovers, doubts, ..EngineConfig::default() })
}

#[test]
fn what_a_person_has_taken_out_is_not_asked_for() {
    let mut b = Bench::with(seeing(), EngineConfig::default());
    b.produce(Arc::new(plan()), 2);
    b.until_running("press");
    b.command(CellCommand::Abort);
    b.until(CellState::Aborted);
    b.nests = [false; 4];
    reset(&mut b);
    b.until(CellState::Idle);
    assert!(b.questions.is_empty());
    for part in ["T-000001/hub", "T-000001/cannula"] {
        let out = (part.to_string(), Location::Nest(1), Location::Hand, true);
        assert!(found(&b).contains(&out), "{part}: {:?}", found(&b));
    }
    b.command(CellCommand::Start);
    b.until(CellState::Completed);
    assert_eq!(b.closed()[1].result, UnitResult::Good);
}

#[test]
fn what_is_still_seen_is_asked_for_until_it_is_gone() {
    let mut b = Bench::with(seeing(), EngineConfig::default());
    b.produce(Arc::new(plan()), 2);
    b.until_running("press");
    b.command(CellCommand::Stop);
    b.until(CellState::Stopped);
    reset(&mut b);
    let prompt = asked(&mut b);
    assert!(prompt.contains("hub of T-000001 from nest 1"), "{prompt}");
    assert!(prompt.contains("cannula of T-000001"), "{prompt}");
    let alarm = b.alarms.last().expect("an alarm");
    assert_eq!((alarm.code.word(), alarm.cleared), ("parts-left", None));
    b.answer(REMOVED);
    asked(&mut b);
    assert!(found(&b).is_empty(), "it was looked at: nothing was taken out");
    b.nests = [false; 4];
    b.answer(REMOVED);
    b.until(CellState::Idle);
    assert!(found(&b).iter().all(|(_, _, to, verified)| *to == Location::Hand && *verified));
    assert!(b.alarms.iter().any(|a| a.code.word() == "parts-left" && a.cleared.is_some()));
}

#[test]
fn every_nest_is_looked_into_and_an_unknown_part_is_found() {
    let mut b = Bench::with(seeing(), EngineConfig::default());
    b.nests[2] = true;
    reset(&mut b);
    let prompt = asked(&mut b);
    assert!(prompt.contains("an unknown part from nest 2"), "{prompt}");
    let part = ("unknown/nest-2".to_string(), Location::Hand, Location::Nest(2), true);
    assert_eq!(found(&b), [part]);
    b.nests[2] = false;
    b.answer(REMOVED);
    b.until(CellState::Idle);
    b.order(Arc::new(plan()), 1);
    b.command(CellCommand::Start);
    b.until(CellState::Completed);
    assert_eq!(b.closed()[0].result, UnitResult::Good);
}

#[test]
fn a_cell_without_sensors_believes_and_says_so() {
    let leftovers = vec![Leftover { serial: "T-000007".into(), part: hub(), at: Location::Nest(1) }];
    let mut b = Bench::with(c::cell(), EngineConfig { leftovers, ..EngineConfig::default() });
    reset(&mut b);
    let prompt = asked(&mut b);
    assert!(prompt.contains("hub of T-000007 from nest 1"), "{prompt}");
    b.answer(REMOVED);
    b.until(CellState::Idle);
    assert_eq!(found(&b), [("T-000007/hub".into(), Location::Nest(1), Location::Hand, false)]);
}

#[test]
fn a_grip_that_was_under_way_is_inferred_from_the_gripper() {
    let source = Location::Tray { tray: c::SOURCE, pocket: 0 };
    let route = [source, GRIPPER, Location::Nest(0)];
    // The gripper closed: the part is out of its pocket, and the cursor moves on.
    let mut b = restarted(vec![], vec![doubt(hub(), &route, 0)]);
    (b.robot_holding, b.robots[0].holding) = (true, true);
    reset(&mut b);
    assert!(asked(&mut b).contains("hub of T-000007 from gripper of robot"));
    assert_eq!(found(&b), [("T-000007/hub".into(), source, GRIPPER, true)]);
    assert!(b.records.iter().any(|r| matches!(r, Record::TrayCursor { tray: c::SOURCE, next: 1 })));
    // It did not: the part is in its pocket still.
    let mut b = restarted(vec![], vec![doubt(hub(), &route, 0)]);
    reset(&mut b);
    b.until(CellState::Idle);
    assert!(found(&b).is_empty());
    assert!(!b.records.iter().any(|r| matches!(r, Record::TrayCursor { .. })));
    assert!(b.records.iter().any(|r| matches!(r, Record::PartSettled { .. })));
}

#[test]
fn a_part_that_its_gripper_let_go_lies_at_its_target_or_was_taken() {
    let route = [Location::Tray { tray: c::SOURCE, pocket: 0 }, GRIPPER, Location::Nest(0)];
    let left = || vec![Leftover { serial: "T-000007".into(), part: hub(), at: GRIPPER }];
    let mut b = restarted(left(), vec![doubt(hub(), &route, 1)]);
    b.nests[0] = true;
    reset(&mut b);
    assert!(asked(&mut b).contains("hub of T-000007 from nest 0"));
    assert_eq!(found(&b), [("T-000007/hub".into(), GRIPPER, Location::Nest(0), false)]);
    let mut b = restarted(left(), vec![doubt(hub(), &route, 1)]);
    reset(&mut b);
    b.until(CellState::Idle);
    let gone = ("T-000007/hub".to_string(), Location::Nest(0), Location::Hand, true);
    assert_eq!(found(&b).last(), Some(&gone), "the nest is seen empty: nobody is asked");
}

#[test]
fn a_feed_that_was_under_way_is_seen_in_the_nest() {
    let lane = Location::Tray { tray: c::LANE, pocket: 0 };
    for (fed, moves, next) in [(true, 1, 1), (false, 0, 0)] {
        let route = [lane, Location::Nest(1)];
        let mut b = restarted(vec![], vec![doubt(PartRef::Component("cannula".into()), &route, 0)]);
        b.nests[1] = fed;
        reset(&mut b);
        if fed {
            assert!(asked(&mut b).contains("cannula of T-000007 from nest 1"));
        } else {
            b.until(CellState::Idle);
        }
        assert_eq!(found(&b).len(), moves);
        let machine = Machine { rt: &b.rt, robots: &b.robots };
        assert_eq!(b.engine.status(machine).trays[c::LANE.index()].next, next, "fed: {fed}");
    }
}

#[test]
fn an_interrupted_unit_does_not_stay_among_good_ones() {
    let pocket = Location::Tray { tray: c::GOOD, pocket: 0 };
    let left = vec![Leftover { serial: "T-000007".into(), part: PartRef::Unit, at: GRIPPER }];
    let route = [Location::Nest(0), GRIPPER, pocket];
    let mut b = restarted(left, vec![doubt(PartRef::Unit, &route, 1)]);
    // It may lie there: the tray would take it along, whether Reset has been asked for or not.
    b.load(c::GOOD, Label::Empty, Some(0), None);
    let refused = b.answered.last().expect("an answer");
    assert!(
        refused.1.as_ref().is_err_and(|e| e.contains("or may lie there: Reset asks for it")),
        "{refused:?}"
    );
    reset(&mut b);
    let prompt = asked(&mut b);
    assert!(prompt.contains("unit T-000007 from good/0"), "{prompt}");
    assert!(b.records.iter().any(|r| matches!(r, Record::TrayCursor { tray: c::GOOD, next: 1 })));
    b.load(c::GOOD, Label::Empty, Some(0), None);
    let refused = b.answered.last().expect("an answer");
    assert!(refused.1.as_ref().is_err_and(|e| e.contains("T-000007 in good is not good")), "{refused:?}");
    b.answer(REMOVED);
    b.until(CellState::Idle);
    assert_eq!(found(&b).last(), Some(&("T-000007".into(), pocket, Location::Hand, false)));
}

/// A unit is laid into the good tray, where nothing sees it; asked, a person rejects it.
fn rejected_out_of_sight(to_bin: bool) -> Bench {
    let mut cell = seeing();
    cell.units_in_flight_max = 1;
    let mut b = Bench::with(cell, EngineConfig::default());
    let mut p = plan();
    let laid = p.steps[5].ops.iter_mut().find_map(|op| match op {
        Primitive::PlacePart { to: Place::TrayNext(_), verify, .. } => Some(verify),
        _ => None,
    });
    *laid.expect("it is laid down") = Some(c::DROP);
    p.on_reject.retain(|_| to_bin);
    b.produce(Arc::new(p), 2);
    b.until_running("to-tray");
    b.refuse(c::DROP);
    assert!(asked(&mut b).contains("to-tray: not-verified"));
    assert!(b.questions[0].places.contains(&FIRST_GOOD));
    b.answer(REJECT);
    b
}

const FIRST_GOOD: Location = Location::Tray { tray: c::GOOD, pocket: 0 };

#[test]
fn a_unit_that_was_not_seen_in_its_tray_is_in_doubt_beyond_its_attempt() {
    // Stopped before its reject path has moved anything, and where there is none: the next unit waits.
    for stopped in [true, false] {
        let mut b = rejected_out_of_sight(stopped);
        if stopped {
            b.command(CellCommand::Stop);
            b.until(CellState::Stopped);
            reset(&mut b);
        }
        let prompt = asked(&mut b);
        assert!(prompt.contains("unit T-000001 from good/0"), "{prompt}");
        assert!(b.records.iter().any(|r| matches!(r, Record::TrayCursor { tray: c::GOOD, next: 1 })));
        let opened = |r: &&Record| matches!(r, Record::UnitOpened { .. });
        assert_eq!(b.records.iter().filter(opened).count(), 1);
        b.answer(REMOVED);
        let out = ("T-000001".to_string(), FIRST_GOOD, Location::Hand, false);
        b.until_true("it is taken out", |b| found(b).last() == Some(&out));
        if stopped { b.until(CellState::Idle) } else { b.until_running("press") }
    }
}

#[test]
fn who_removes_a_unit_on_its_reject_path_looks_where_it_was_laid_before() {
    let mut b = rejected_out_of_sight(true);
    b.grips.push_back(false);
    b.until_true("to-bin cannot", |b| b.questions.iter().any(|q| q.prompt.starts_with("to-bin")));
    assert!(b.questions[0].places.contains(&FIRST_GOOD), "{:?}", b.questions[0].places);
    b.answer(REMOVE);
    b.until_running("press");
    assert!(b.records.iter().any(|r| matches!(r, Record::PartSettled { part: PartRef::Unit, .. })));
}

#[test]
fn a_unit_that_a_person_carries_is_where_its_nest_says() {
    let nest = Location::Nest(0);
    let left = || vec![Leftover { serial: "T-000007".into(), part: hub(), at: nest }];
    let bin = Location::Bin(c::BIN);
    let carried = |to| doubt(PartRef::Unit, &[nest, to], 0);
    // It is no longer there: laid where it had to go, and out of a good tray it is taken again.
    let mut b = restarted(left(), vec![carried(FIRST_GOOD)]);
    reset(&mut b);
    assert!(asked(&mut b).contains("unit T-000007 from good/0"));
    assert_eq!(found(&b), [("T-000007".into(), nest, FIRST_GOOD, false)]);
    b.answer(REMOVED);
    b.until(CellState::Idle);
    let mut b = restarted(left(), vec![carried(bin)]);
    reset(&mut b);
    b.until(CellState::Idle);
    assert_eq!(found(&b), [("T-000007".into(), nest, bin, false)]);
    assert!(b.records.iter().any(|r| matches!(r, Record::TrayCursor { tray: c::BIN, next: 1 })));
    // It is there still.
    let mut b = restarted(left(), vec![carried(FIRST_GOOD)]);
    b.nests[0] = true;
    reset(&mut b);
    let prompt = asked(&mut b);
    assert!(prompt.contains("hub of T-000007 from nest 0") && !prompt.contains("good"), "{prompt}");
    assert!(b.records.iter().any(|r| matches!(r, Record::PartSettled { part: PartRef::Unit, .. })));
    assert!(!b.records.iter().any(|r| matches!(r, Record::TrayCursor { .. })));
}

#[test]
fn where_no_sensor_tells_a_person_looks_at_both_places() {
    let leftovers = vec![Leftover { serial: "T-000007".into(), part: hub(), at: Location::Nest(1) }];
    let doubts = vec![doubt(PartRef::Unit, &[Location::Nest(1), FIRST_GOOD], 0)];
    let mut b = Bench::with(c::cell(), EngineConfig { leftovers, doubts, ..EngineConfig::default() });
    reset(&mut b);
    let prompt = asked(&mut b);
    assert!(
        prompt.contains("hub of T-000007 from nest 1")
            && prompt.ends_with("unit T-000007 from good/0, if it is there"),
        "{prompt}"
    );
    assert!(
        b.questions[0].places.contains(&FIRST_GOOD) && b.questions[0].places.contains(&Location::Nest(1))
    );
    b.answer(REMOVED);
    b.until(CellState::Idle);
    assert_eq!(found(&b), [("T-000007/hub".into(), Location::Nest(1), Location::Hand, false)]);
    assert!(b.records.iter().any(|r| matches!(r, Record::PartSettled { part: PartRef::Unit, .. })));
}

#[test]
fn a_part_that_a_person_took_and_did_not_put_in_has_left_its_tray() {
    let source = Location::Tray { tray: c::SOURCE, pocket: 0 };
    let route = [source, Location::Nest(0), Location::Hand];
    let mut b = restarted(vec![], vec![doubt(hub(), &route, 0)]);
    reset(&mut b);
    b.until(CellState::Idle);
    assert_eq!(found(&b), [("T-000007/hub".into(), source, Location::Hand, false)]);
    assert!(b.records.iter().any(|r| matches!(r, Record::TrayCursor { tray: c::SOURCE, next: 1 })));
    let mut b = restarted(vec![], vec![doubt(hub(), &route, 0)]);
    b.nests[0] = true;
    reset(&mut b);
    assert!(asked(&mut b).contains("hub of T-000007 from nest 0"));
    assert_eq!(found(&b), [("T-000007/hub".into(), source, Location::Nest(0), true)]);
}

#[test]
fn a_tray_does_not_leave_with_a_unit_that_is_not_finished() {
    let mut b = Bench::with(seeing(), EngineConfig::default());
    b.produce(Arc::new(plan()), 1);
    let in_tray = |b: &Bench| {
        b.moves_of_parts().iter().any(|(part, to, _)| part == "Unit" && matches!(to, Location::Tray { .. }))
    };
    b.until_true("the tray", in_tray);
    b.load(c::GOOD, Label::Empty, Some(0), None);
    let refused = b.answered.last().expect("an answer");
    assert!(refused.1.as_ref().is_err_and(|e| e.contains("T-000001 in good is not finished")), "{refused:?}");
    b.until(CellState::Completed);
    b.load(c::GOOD, Label::Empty, Some(0), None);
    assert!(b.answered.last().is_some_and(|a| a.1.is_ok()), "{:?}", b.answered.last());
    assert!(b.records.iter().any(|r| matches!(r, Record::TrayBegun { tray: c::GOOD, next: 0 })));
}

#[test]
fn who_removes_a_unit_by_hand_is_told_every_place_to_look_at() {
    let mut b = Bench::with(seeing(), EngineConfig::default());
    b.grips.push_back(false);
    b.produce(Arc::new(plan()), 1);
    b.until_true("a decision", |b| b.questions.iter().any(|q| q.kind == QuestionKind::Decision));
    let places = &b.questions[0].places;
    // The gripper says that it holds nothing; whoever looks, looks into it, too.
    assert!(places.contains(&GRIPPER) && places.iter().any(|p| matches!(p, Location::Nest(_))), "{places:?}");
}

#[test]
fn one_stopped_behind_the_tray_is_named_too() {
    let mut b = Bench::with(seeing(), EngineConfig::default());
    b.produce(Arc::new(plan()), 2);
    let in_tray = |b: &Bench| {
        b.moves_of_parts().iter().any(|(part, to, _)| part == "Unit" && matches!(to, Location::Tray { .. }))
    };
    b.until_true("the tray", in_tray);
    b.command(CellCommand::Stop);
    b.until(CellState::Stopped);
    assert_eq!(b.closed()[0].result, UnitResult::Interrupted);
    reset(&mut b);
    let prompt = asked(&mut b);
    assert!(prompt.contains("unit T-000001 from good/0"), "{prompt}");
}

#[test]
fn a_part_moves_on_only_when_its_last_move_is_durable() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    let grips = |b: &Bench| b.robot_commands.last() == Some(&RobotCommand::Grip { close: true });
    b.until_true("a grip", grips);
    b.persist_ms = None;
    b.ticks(2_000);
    let opened = |b: &Bench| b.robot_commands.contains(&RobotCommand::Grip { close: false });
    assert!(!opened(&b), "the record of the grip is not durable");
    b.persist_again();
    b.until_true("the release", opened);
}

#[test]
fn what_sensors_see_against_the_record_is_a_fault_before_anything_is_put_there() {
    let mut b = Bench::with(seeing(), EngineConfig::default());
    reset(&mut b);
    b.until(CellState::Idle);
    b.nests = [true; 4];
    b.order(Arc::new(plan()), 1);
    b.command(CellCommand::Start);
    let prompt = asked(&mut b);
    assert!(prompt.contains("nest-not-empty: load.seen"), "{prompt}");
    assert!(!b.robot_commands.contains(&RobotCommand::Grip { close: false }));
}

#[test]
fn a_part_lost_on_the_way_is_a_fault() {
    let mut b = Bench::new();
    b.produce(Arc::new(plan()), 1);
    b.until_true("the part", |b| b.robots[0].holding);
    (b.robot_holding, b.robots[0].holding) = (false, false);
    let prompt = asked(&mut b);
    assert!(prompt.contains("part-lost: robot"), "{prompt}");
}

#[test]
fn a_bin_that_is_opened_holds_the_cell_and_a_full_one_waits() {
    let mut cell = seeing();
    let bin = cellwright_model::cell::Bin { drop: Some(c::DROP), locked: Some(c::LOCKED), capacity: Some(1) };
    cell.trays[c::BIN.index()].bin = Some(bin);
    let mut b = Bench::with(cell, EngineConfig::default());
    let mut p = plan();
    p.steps[6].resources.push(cellwright_model::plan::Resource::Tray(c::BIN));
    b.allow(c::LOCKED);
    b.tick();
    b.produce(Arc::new(p), 3);
    b.refuse(c::LOCKED);
    b.until(CellState::Held);
    assert!(b.alarms.iter().any(|a| a.code.word() == "bin-open" && a.place == "bin"));
    let opened = |r: &Record| matches!(r, Record::Request { what, .. } if what == "bin opened");
    assert!(b.records.iter().any(opened));
    b.command(CellCommand::Unhold);
    b.until(CellState::Held);
    b.allow(c::LOCKED);
    b.tick();
    b.command(CellCommand::Unhold);
    b.until(CellState::Execute);
    b.forces.extend([10.0, 10.0]);
    b.until(CellState::Suspended);
    assert!(b.alarms.iter().any(|a| a.code.word() == "blocked" && a.place == "bin"));
    b.load(c::BIN, Label::Empty, Some(0), None);
    b.until(CellState::Completed);
    assert_eq!(b.closed().iter().filter(|u| u.result == UnitResult::Ng).count(), 2);
}

#[test]
fn the_journal_is_read_by_names() {
    let cell = seeing();
    let parts = [("T-000007/hub", "nest/1"), ("T-000006", "good/3"), ("T-000005", "robot"), ("X", "gone/1")];
    let route = event::Route {
        part: "T-000007/cannula".into(),
        places: vec!["lane/4".into(), "nest/1".into()],
        seen_by: Some(("load.seen".into(), "load".into())),
    };
    let (leftovers, doubts) = journalled(&cell, parts.into_iter(), &[route]);
    let left = |serial: &str, part, at| Leftover { serial: serial.into(), part, at };
    let nest = left("T-000007", hub(), Location::Nest(1));
    assert_eq!(leftovers, [nest, left("T-000005", PartRef::Unit, GRIPPER)]);
    let places = [Location::Tray { tray: c::LANE, pocket: 4 }, Location::Nest(1)];
    assert_eq!(doubts, [doubt(PartRef::Component("cannula".into()), &places, 0)]);
}
