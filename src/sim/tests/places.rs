//! Where every part is, after the controller was killed in the moment in which a part changed its place: the
//! next one finds it, has it taken out, and counts sources as the plant does.

use std::path::Path;

use cellwright_controller::{AutoOperator, Input, Notice, Order, Progress, QuestionKind, Source};
use cellwright_model::DurationNs;
use cellwright_model::cell::TrayKind;
use cellwright_model::packml::CellState;
use cellwright_sim::{Latency, Options, Storage, VirtualCell, What, hands, read, wiring};
use cellwright_trace::{CellAddress, Outbox, OutboxOptions};
use cellwright_twin::plant::{Injection, Places, Pocket};

fn begun(state: &Path) -> VirtualCell {
    // A commit takes longer than a cycle: what happens in the moment of the kill is not recorded.
    let latency = Latency { commit: DurationNs::from_millis(8), acknowledge: DurationNs::from_millis(2) };
    let storage = Storage::Outbox { state: state.into(), latency };
    let prepared = read(&What::default(), true).prepared.expect("the embedded cell holds");
    VirtualCell::new(prepared, Options { seed: 5, storage, ..Options::default() }).expect("a cell")
}

fn operator(cell: &VirtualCell, units: u32) -> AutoOperator {
    let order = Order::units("TEST", cell.plan().clone(), units);
    AutoOperator::new("auto:test", order, wiring::loads(cell.cell(), cell.materials()))
}

/// Lets the operator work until `end`; the prompts with which it was asked to take something out.
fn work(
    cell: &mut VirtualCell,
    operator: &mut AutoOperator,
    mut end: impl FnMut(&VirtualCell, Progress) -> bool,
) -> Vec<String> {
    let (mut inputs, mut prompts) = (Vec::new(), Vec::new());
    for _ in 0..120_000 {
        let progress = operator.react(cell.state(), &mut inputs);
        inputs.drain(..).for_each(|input| cell.give(input));
        if end(cell, progress) {
            return prompts;
        }
        for notice in cell.tick().expect("a cycle").notices {
            let Notice::Ask(question) = notice else { continue };
            if question.kind == QuestionKind::Reconcile {
                prompts.push(question.prompt.clone());
                let answer = AutoOperator::choice(&question).expect("an answer");
                wiring::acts(&question, answer).into_iter().for_each(|act| cell.inject(act));
            }
            inputs.extend(operator.answer(&question));
        }
    }
    panic!("not within 120 s: {:?}", cell.status());
}

fn empty(places: &Places) -> bool {
    places.nests.iter().all(|n| n.is_empty()) && places.grippers.iter().all(Option::is_none)
}

/// Sources give in the record what they gave in truth.
fn counts_agree(cell: &VirtualCell) {
    let status = cell.status().expect("a controller");
    for (i, tray) in cell.cell().trays.iter().enumerate() {
        if matches!(tray.kind, TrayKind::Source | TrayKind::Lane) {
            let given = cell.places().trays[i].moved;
            assert_eq!(status.trays[i].next, given, "{}", tray.name);
        }
    }
}

/// Kills the controller in the cycle in which `moment` comes true first, and brings the next one to Idle.
fn killed_when(moment: impl Fn(&Places) -> bool, by_hand: bool) -> (VirtualCell, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut cell = begun(folder.path());
    let mut first = operator(&cell, 4);
    work(&mut cell, &mut first, |cell, _| moment(&cell.places()));
    cell.kill();
    for _ in 0..500 {
        cell.tick().expect("the world goes on");
    }
    if by_hand {
        cell.inject(Injection::TakeOut);
    }
    cell.restart().expect("from the journal");
    let mut second = operator(&cell, 1);
    let prompts = work(&mut cell, &mut second, |cell, _| cell.state() == CellState::Idle);
    assert!(empty(&cell.places()), "{:?}", cell.places());
    counts_agree(&cell);
    work(&mut cell, &mut second, |_, progress| progress == Progress::Completed);
    counts_agree(&cell);
    assert_eq!(cell.places().collisions, 0);
    cell.kill();
    let c = cell.cell().clone();
    let address = CellAddress { site: c.site.clone(), line: c.line.clone(), cell: c.id.clone() };
    let (_outbox, recovery) = Outbox::open(folder.path(), OutboxOptions::new(address)).expect("the journal");
    let in_the_way = |place: &str| place.starts_with("nest/") || place.starts_with("robot_");
    let left: Vec<_> = recovery.places.iter().filter(|(_, p)| in_the_way(&p.place)).collect();
    assert!(left.is_empty() && recovery.doubts().is_empty(), "{left:?} {:?}", recovery.doubts());
    (cell, prompts)
}

#[test]
fn a_hub_that_was_gripped_without_its_record_is_found_in_the_gripper() {
    let (_, prompts) = killed_when(|p| p.grippers[0].is_some(), false);
    assert!(prompts[0].contains("hub of CW-000001 from gripper of robot_l"), "{prompts:?}");
}

#[test]
fn a_hub_that_was_let_go_without_its_record_is_seen_in_its_nest() {
    let (_, prompts) = killed_when(|p| p.nests.iter().any(|n| n.hub.is_some()), false);
    assert!(prompts[0].contains("hub of CW-000001 from nest"), "{prompts:?}");
}

#[test]
fn a_cannula_that_was_pushed_without_its_record_is_counted() {
    let (_, prompts) = killed_when(|p| p.nests.iter().any(|n| n.cannula.is_some()), false);
    assert!(prompts[0].contains("cannula of CW-000001 from nest"), "{prompts:?}");
}

#[test]
fn what_a_person_took_out_while_nobody_looked_is_not_asked_for() {
    let (_, prompts) = killed_when(|p| p.nests.iter().any(|n| n.cap.is_some()), true);
    assert!(prompts.is_empty(), "{prompts:?}");
}

#[test]
fn a_unit_in_a_gripper_and_those_behind_it_are_found() {
    let unit = |p: &Places| matches!(p.grippers[1], Some(cellwright_twin::plant::Held::Unit(_)));
    let (_, prompts) = killed_when(unit, false);
    assert!(prompts[0].contains("unit CW-000001 from gripper of robot_r"), "{prompts:?}");
}

#[test]
fn a_unit_that_was_put_down_without_its_record_is_named_with_its_pocket() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut cell = begun(folder.path());
    let tray = cell.cell().tray("good_tray").expect("a good tray");
    let mut first = operator(&cell, 1);
    let lies = |cell: &VirtualCell| {
        cell.places().trays[tray.index()].pockets.iter().any(|p| matches!(p, Pocket::Unit(_)))
    };
    work(&mut cell, &mut first, |cell, _| lies(cell));
    cell.kill();
    for _ in 0..500 {
        cell.tick().expect("the world goes on");
    }
    cell.restart().expect("from the journal");
    let mut second = operator(&cell, 1);
    let prompts = work(&mut cell, &mut second, |cell, _| cell.state() == CellState::Idle);
    assert!(prompts[0].contains("unit CW-000001 from good_tray/0"), "{prompts:?}");
    assert!(!lies(&cell), "taken out of its pocket");
    let next = cell.status().expect("a controller").trays[tray.index()].next;
    assert_eq!(next, 1, "the pocket was left out");
}

/// Cursor of a tray in the record, and the pockets that the plant has from there on and before.
fn pockets(cell: &VirtualCell, name: &str) -> (u32, Vec<Pocket>) {
    let tray = cell.cell().tray(name).expect("a tray").index();
    (cell.status().expect("a controller").trays[tray].next, cell.places().trays[tray].pockets.clone())
}

#[test]
fn a_tray_that_was_begun_in_the_middle_is_the_same_in_a_new_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut cell = begun(folder.path());
    let mut first = operator(&cell, 1);
    // The tray before it was exchanged with parts in it.
    let hubs = cell.cell().tray("hub_tray").expect("a tray");
    let load = wiring::loads(cell.cell(), cell.materials()).into_iter().find(|l| l.tray == hubs);
    let (label, by) = (load.expect("hubs").label, Source::new("test", "test"));
    cell.give(Input::MaterialLoaded { tray: hubs, label, next: Some(249), left: None, by });
    cell.inject(hands::exchange(hubs));
    work(&mut cell, &mut first, |_, progress| progress == Progress::Completed);
    cell.shut_down().expect("in order");
    drop(cell);
    let mut cell = begun(folder.path());
    let (next, lies) = pockets(&cell, "hub_tray");
    assert_eq!((next, lies.len()), (250, 250));
    assert!(lies.iter().all(|p| *p == Pocket::Empty), "used up, though one hub was taken from it");
    let (next, lies) = pockets(&cell, "good_tray");
    assert_eq!((next, lies[0], lies[1]), (1, Pocket::Earlier, Pocket::Empty));
    assert_eq!(cell.places().trays[hubs.index()].moved, 1, "numbers of parts go on");
    // Nobody has exchanged it: it is said again.
    let told: Vec<_> = (0..200).flat_map(|_| cell.tick().expect("a cycle").notices).collect();
    assert!(told.iter().any(|n| matches!(n, Notice::TrayAtEnd(tray) if *tray == hubs)), "{told:?}");
}
