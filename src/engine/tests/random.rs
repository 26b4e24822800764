//! Whatever happens in whatever order: no panic, no state outside the tables, every unit and every attempt ends
//! once, every part is where the record says.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use cellwright_engine::api::*;
use cellwright_engine::cell_chart::TABLE;
use cellwright_engine::record::{Location, Record};
use cellwright_model::job::{Refusal, RtEvent, RtEventKind, RtFault, RtFaultKind};
use cellwright_model::outcome::FaultClass;
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::robot::{RobotRefusal, RobotReply};
use cellwright_model::{InputId, JobId, RequestId};
use proptest::prelude::*;

use common::cell as c;
use common::machine::who;
use common::{Bench, plan};

/// Something that happens.
#[derive(Debug, Clone)]
enum Event {
    Command(CellCommand),
    Ticks(u64),
    Answer(u8),
    Fault(FaultClass, bool),
    Refuse(u16),
    Allow(u16),
    Force(f64),
    Grip(bool),
    Persist(bool),
    Store(bool),
    Stale(bool),
    Stuck(bool),
    RobotDead(bool),
    /// Answers to things that may or may not be under way.
    Stray(u32),
    Mode(u8),
    Order,
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    let class = prop::sample::select(vec![
        FaultClass::RejectPart,
        FaultClass::Hold,
        FaultClass::Stop,
        FaultClass::Abort,
    ]);
    prop_oneof![
        1 => prop::sample::select(CellCommand::ALL.to_vec()).prop_map(Event::Command),
        2 => prop::sample::select(vec![CellCommand::Hold, CellCommand::Unhold]).prop_map(Event::Command),
        1 => prop::sample::select(vec![CellCommand::Suspend, CellCommand::Unsuspend]).prop_map(Event::Command),
        // In this order they lead from anywhere to Execute.
        2 => Just(Event::Restart),
        12 => (1u64..400).prop_map(Event::Ticks),
        4 => any::<u8>().prop_map(Event::Answer),
        1 => (class, any::<bool>()).prop_map(|(class, job)| Event::Fault(class, job)),
        1 => (0u16..4).prop_map(Event::Refuse),
        2 => (0u16..4).prop_map(Event::Allow),
        1 => (0.0..200.0).prop_map(Event::Force),
        1 => any::<bool>().prop_map(Event::Grip),
        1 => any::<bool>().prop_map(Event::Persist),
        1 => any::<bool>().prop_map(Event::Store),
        1 => any::<bool>().prop_map(Event::Stale),
        1 => any::<bool>().prop_map(Event::Stuck),
        1 => any::<bool>().prop_map(Event::RobotDead),
        1 => (1u32..60).prop_map(Event::Stray),
        1 => (0u8..3).prop_map(Event::Mode),
        1 => Just(Event::Order),
    ]
}

fn happen(b: &mut Bench, event: Event) {
    match event {
        Event::Command(command) => b.command(command),
        Event::Ticks(n) => b.ticks(n),
        Event::Answer(n) => {
            if let Some(q) = b.questions.first().cloned() {
                b.answer(&q.answers[usize::from(n) % q.answers.len()]);
            }
        }
        Event::Fault(class, of_job) => {
            let fault =
                RtFault { kind: RtFaultKind::Torque, axis: Some(c::PRESS), value: 2.0, limit: 1.0, class };
            let job = JobId(if of_job { b.commands.len() as u32 } else { 0 });
            b.put(Input::Rt(RtEvent { cycle: 1, job, kind: RtEventKind::Fault(fault) }));
        }
        Event::Refuse(bit) => b.refuse(InputId(bit)),
        Event::Allow(bit) => b.allow(InputId(bit)),
        Event::Force(f) => b.forces.push_back(f),
        Event::Grip(holds) => b.grips.push_back(holds),
        Event::Persist(true) => b.persist_again(),
        Event::Persist(false) => b.persist_ms = None,
        Event::Store(writable) => b.put(Input::Store { writable, cause: "full".into() }),
        Event::Stale(stale) => b.stale = stale,
        Event::Stuck(stuck) => b.stuck = stuck,
        Event::RobotDead(dead) => b.robot_dead = dead,
        Event::Stray(n) => stray(b, n),
        Event::Mode(n) => b.put(Input::Mode { mode: CellMode::ALL[usize::from(n)], by: who() }),
        Event::Restart => restart(b),
        Event::Order => b.order(Arc::new(plan()), 2),
    }
}

/// What a person does who wants the cell to run.
fn restart(b: &mut Bench) {
    use CellCommand::{Clear, Reset, Start};
    for command in [Clear, Reset, Start] {
        b.command(command);
        b.ticks(200);
    }
}

/// Late, doubled and foreign answers.
fn stray(b: &mut Bench, n: u32) {
    let rejected = RobotReply::Rejected(RobotRefusal::Busy);
    b.put(Input::Robot { id: RequestId(n), reply: rejected });
    b.put(Input::Device { id: RequestId(n), reply: DeviceReply::NoRead });
    b.put(Input::Answer { id: RequestId(n + 1_000), answer: "ok".into(), reason: None, by: who() });
    b.put(Input::Persisted(Ticket(u64::from(n) + 100_000)));
    b.put(Input::Curve { capture: JobId(n), curve: Arc::default() });
    let kind = RtEventKind::Refused(Refusal::Unknown);
    b.put(Input::Rt(RtEvent { cycle: 1, job: JobId(n + 100_000), kind }));
    b.put(Input::Acknowledge { alarm: n, by: who() });
    b.put(Input::Timer(TimerId(u64::from(n))));
}

/// Everything works again, and the cell is brought to rest.
fn settle(b: &mut Bench) {
    (b.stale, b.stuck, b.robot_dead) = (false, false, false);
    b.persist_again();
    for bit in 0..4 {
        b.allow(InputId(bit));
    }
    b.put(Input::Store { writable: true, cause: String::new() });
    b.command(CellCommand::Abort);
    b.until(CellState::Aborted);
    b.ticks(10);
}

fn check(b: &Bench) -> Result<(), TestCaseError> {
    prop_assert_eq!(b.engine.program_errors(), 0);
    let mut at = CellState::Aborted;
    let (mut opened, mut closed) = (BTreeMap::new(), BTreeMap::new());
    let mut attempts: BTreeMap<(u32, u16, u16), i32> = BTreeMap::new();
    let mut places: BTreeMap<(String, String), Location> = BTreeMap::new();
    for record in &b.records {
        match record {
            Record::CellState { from, to, .. } => {
                prop_assert_eq!(*from, at);
                prop_assert!(TABLE.iter().any(|t| t.from == *from && t.to == *to), "{:?} {:?}", from, to);
                at = *to;
            }
            Record::UnitOpened { unit, serial, .. } => {
                *opened.entry(unit.0).or_insert(0) += 1;
                prop_assert!(opened.len() <= 4 + closed.len(), "a nest each: {}", serial);
            }
            Record::UnitClosed(s) => *closed.entry(s.unit.0).or_insert(0) += 1,
            Record::StepIntent { unit, step, attempt, .. } => {
                *attempts.entry((unit.0, step.0, *attempt)).or_insert(0) += 1;
            }
            Record::StepOutcome(s) => {
                let open = attempts.entry((s.unit.0, s.step.0, s.attempt)).or_insert(0);
                *open -= 1;
                prop_assert_eq!(*open, 0, "an outcome for each intent");
            }
            Record::PartMoved { serial, part, from, to, .. } => {
                let key = (serial.clone(), format!("{part:?}"));
                if let Some(was) = places.insert(key, *to) {
                    // A new part for the same component comes from its source, after the old one went.
                    let renewed = was == Location::Hand && matches!(from, Location::Tray { .. });
                    prop_assert!(was == *from || renewed, "{:?} {:?}", was, from);
                }
            }
            _ => {}
        }
    }
    prop_assert_eq!(&opened, &closed, "every unit has one last word");
    prop_assert!(attempts.values().all(|n| *n == 0), "every attempt has an outcome: {:?}", attempts);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_from_power_up(events in prop::collection::vec(event(), 1..60)) {
        let mut b = Bench::new();
        for e in events {
            happen(&mut b, e);
        }
        settle(&mut b);
        check(&b)?;
    }

    #[test]
    fn whatever_happens_with_four_in_flight(events in prop::collection::vec(event(), 1..60)) {
        let mut cell = c::cell();
        cell.units_in_flight_max = 4;
        let mut b = Bench::with(cell, Default::default());
        b.produce(Arc::new(plan()), 9);
        for e in events {
            happen(&mut b, e);
        }
        settle(&mut b);
        check(&b)?;
    }

    #[test]
    fn whatever_happens_in_production(events in prop::collection::vec(event(), 1..60)) {
        let mut b = Bench::new();
        b.produce(Arc::new(plan()), 4);
        for e in events {
            happen(&mut b, e);
        }
        settle(&mut b);
        check(&b)?;
    }
}
