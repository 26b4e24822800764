//! A cell in virtual time is the cell: it makes units, it can be killed and goes on from its journal, and
//! equal seeds give equal records.

use cellwright_controller::{AutoOperator, Input, Order, Progress, Source};
use cellwright_model::event::EventData;
use cellwright_model::outcome::UnitResult;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::{AxisId, DurationNs};
use cellwright_sim::{Latency, Options, Storage, Told, VirtualCell, What, read, wiring};

fn cell(options: Options) -> VirtualCell {
    let prepared = read(&What::default(), true).prepared.expect("the embedded cell holds");
    VirtualCell::new(prepared, options).expect("a cell")
}

fn operator(cell: &VirtualCell, units: u32) -> AutoOperator {
    let order = Order::units("TEST", cell.plan().clone(), units);
    AutoOperator::new("auto:test", order, wiring::loads(cell.cell(), cell.materials()))
}

/// Lets the automatic operator work until `end` says so, at most `seconds` of virtual time.
fn work(
    cell: &mut VirtualCell,
    operator: &mut AutoOperator,
    seconds: u64,
    mut end: impl FnMut(&VirtualCell, &Told, Progress) -> bool,
) -> Vec<String> {
    let (mut inputs, mut lines) = (Vec::new(), Vec::new());
    let until = cell.now() + DurationNs::from_millis(seconds * 1_000);
    while cell.now() < until {
        let progress = operator.react(cell.state(), &mut inputs);
        inputs.drain(..).for_each(|input| cell.give(input));
        let told = cell.tick().expect("a cycle");
        lines.extend(told.events.iter().map(|e| e.line.clone()));
        if end(cell, &told, progress) {
            return lines;
        }
    }
    panic!("not within {seconds} s: {:?}", cell.status());
}

#[test]
fn equal_seeds_give_equal_records_and_the_clock_is_virtual() {
    let run = || {
        let mut cell = cell(Options { seed: 3, ..Options::default() });
        let mut operator = operator(&cell, 1);
        work(&mut cell, &mut operator, 60, |cell, told, _| {
            told.events.iter().any(|e| matches!(e.draft.data, EventData::StepOutcome(_)))
                && cell.state() == CellState::Execute
        })
    };
    let (first, second) = (run(), run());
    assert!(first.len() > 5 && first == second);
}

#[test]
fn a_killed_controller_leaves_the_world_and_the_next_one_interrupts_its_unit() {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Storage::Outbox { state: folder.path().into(), latency: Latency::default() };
    let mut cell = cell(Options { seed: 5, storage, ..Options::default() });
    let mut first = operator(&cell, 1);
    work(&mut cell, &mut first, 60, |cell, _, _| {
        cell.places().nests.iter().any(|n| n.hub.is_some() && n.cannula.is_some())
    });
    let before = (cell.places().nests.clone(), cell.now());
    cell.kill();
    assert!(cell.status().is_none());
    for _ in 0..500 {
        cell.tick().expect("the world goes on");
    }
    assert!(cell.now().since(before.1) >= DurationNs::from_millis(500));
    assert_eq!(cell.places().nests, before.0, "nobody has touched the parts");
    let axes = (0..cell.cell().axes.len()).map(|a| AxisId(a as u16));
    let moving = |a| cell.world().plant().velocity_au_s(a).abs() > 1e-3;
    assert_eq!(axes.filter(|&a| moving(a)).count(), 0, "a drive without its main device stands");

    cell.restart().expect("from the journal");
    let told = cell.tick().expect("a cycle");
    let interrupted = |e: &cellwright_model::event::Event| matches!(&e.draft.data, EventData::UnitResult(end) if end.result == UnitResult::Interrupted);
    assert_eq!(told.events.iter().filter(|e| interrupted(e)).count(), 1, "{:?}", told.events);
    assert_eq!(cell.state(), CellState::Aborted);
}

#[test]
fn what_was_not_committed_is_lost_and_what_was_committed_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let latency = Latency { commit: DurationNs::from_millis(20), acknowledge: DurationNs::from_millis(5) };
    let storage = Storage::Outbox { state: folder.path().into(), latency };
    let mut cell = cell(Options { seed: 5, storage, ..Options::default() });
    let mut told = Vec::new();
    // It is refused, which is recorded.
    let start = || Input::Command { command: CellCommand::Start, by: Source::new("test", "test") };
    cell.give(start());
    for _ in 0..10 {
        told.extend(cell.tick().expect("a cycle").events);
    }
    assert!(told.is_empty(), "nothing is told before it is durable: {told:?}");
    cell.kill();
    cell.restart().expect("from an empty journal");
    cell.give(start());
    for _ in 0..40 {
        told.extend(cell.tick().expect("a cycle").events);
    }
    assert_eq!(told.first().map(|e| e.seq), Some(1), "the first life said nothing that is kept");
}

#[test]
fn without_a_state_directory_there_is_nothing_to_go_on_from() {
    let mut cell = cell(Options::default());
    let refused = cell.restart().expect_err("no journal");
    assert!(refused.to_string().contains("give it an outbox"), "{refused}");
}
