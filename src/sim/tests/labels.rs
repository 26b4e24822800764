//! Labels from the recipe to the record, printer and scanner being the twin's: what is printed is what is read, and
//! every label that was used is accounted for.

use std::path::PathBuf;

use cellwright_controller::{AutoOperator, BranchStatus, DeviceId, Notice, Order, Progress};
use cellwright_engine::branch_chart::BranchState;
use cellwright_model::event::{EventData, Label, StepEnded};
use cellwright_model::label::LabelFate::{self, Applied, Doubtful, Spoilt};
use cellwright_model::order::OrderProgress;
use cellwright_model::outcome::StepOutcome;
use cellwright_model::plant::PlantDescription;
use cellwright_model::{DurationNs, PrinterId};
use cellwright_sim::{Options, Prepared, VirtualCell, What, read, wiring};

fn shipped(name: &str) -> Option<PathBuf> {
    Some(PathBuf::from(format!("{}/../../recipes/labelled-hub/{name}", env!("CARGO_MANIFEST_DIR"))))
}

fn prepared(what: &What, change: impl FnOnce(&mut PlantDescription)) -> Prepared {
    let mut prepared = read(what, true).prepared.expect("the shipped files hold");
    change(prepared.plant.as_mut().expect("a plant"));
    prepared
}

/// Ends of the steps, and the UDI that the record has for each, until the order is made.
fn made(prepared: Prepared, mut meanwhile: impl FnMut(&mut VirtualCell)) -> Vec<(StepEnded, Option<String>)> {
    let order = match &prepared.terms {
        Some(terms) => Order::by_terms(terms.clone(), prepared.plan.clone(), OrderProgress::default()),
        None => Order::units("TEST", prepared.plan.clone(), 1),
    };
    let mut cell = VirtualCell::new(prepared, Options { seed: 3, ..Options::default() }).expect("a cell");
    let mut operator = AutoOperator::new("auto:test", order, wiring::loads(cell.cell(), cell.materials()));
    let (mut inputs, mut ends) = (Vec::new(), Vec::new());
    let until = cell.now() + DurationNs::from_millis(120_000);
    while cell.now() < until {
        let progress = operator.react(cell.state(), &mut inputs);
        inputs.drain(..).for_each(|input| cell.give(input));
        let told = cell.tick().expect("a cycle");
        for notice in &told.notices {
            if let Notice::Ask(question) = notice {
                inputs.extend(operator.answer(question));
            }
        }
        for event in told.events {
            if let EventData::StepOutcome(end) = event.draft.data {
                ends.push((end, event.draft.unit.and_then(|u| u.udi.clone())));
            }
        }
        if progress == Progress::Completed {
            return ends;
        }
        meanwhile(&mut cell);
    }
    panic!("not within 120 s: {:?}", cell.status());
}

fn labels(ends: &[(StepEnded, Option<String>)]) -> Vec<(LabelFate, u32)> {
    ends.iter().filter_map(|(end, _)| end.label.as_ref()).map(|l| (l.fate, l.printed)).collect()
}

#[test]
fn the_label_of_a_unit_of_an_order_is_its_udi() {
    let what = What { order: shipped("demo.order.yaml"), ..What::default() };
    let ends = made(prepared(&what, |plant| plant.labels.unreadable = 0.0), |_| {});
    let of_label: Vec<&(StepEnded, Option<String>)> =
        ends.iter().filter(|(e, _)| e.label.is_some()).collect();
    assert_eq!(of_label.len(), 2);
    for (n, (end, udi)) in of_label.into_iter().enumerate() {
        let content = format!("(01)04012345678956(10)LH23-0518(21)LH0518-000{}", n + 1);
        assert_eq!(udi.as_ref(), Some(&content));
        let label = Label { content, udi: true, printer: "label_1".into(), fate: Applied, printed: 1 };
        assert_eq!(end.label, Some(label));
        assert_eq!((end.step.as_str(), end.outcome), ("udi-label", StepOutcome::Passed));
    }
}

#[test]
fn a_label_that_cannot_be_read_is_spoilt_and_so_is_the_one_after_it() {
    let what = What { recipe: shipped("labelled-hub.recipe.yaml"), ..What::default() };
    let ends = made(prepared(&what, |plant| plant.labels.unreadable = 1.0), |_| {});
    assert_eq!(labels(&ends), [(Spoilt, 1), (Spoilt, 2)]);
    let failed = ends.iter().filter(|(e, _)| e.step == "udi-label");
    assert!(failed.clone().all(|(e, _)| e.cause.as_deref() == Some("label-unreadable")));
    assert_eq!(failed.count(), 2);
    assert_eq!(ends.last().map(|(e, _)| e.step.as_str()), Some("to-bin"));
}

/// Its plug is pulled while it prints: whether the label came out nobody knows.
#[test]
fn a_label_without_the_printers_word_is_in_doubt() {
    let what = What { recipe: shipped("labelled-hub.recipe.yaml"), ..What::default() };
    let printer = DeviceId::Printer(PrinterId(0));
    let mut cycles = 0;
    let ends = made(prepared(&what, |plant| plant.labels.unreadable = 0.0), |cell| {
        let status = cell.status().expect("a controller");
        let mut branches = status.units.iter().flat_map(|u| &u.branches);
        let prints =
            |b: &BranchStatus| b.step.as_deref() == Some("udi-label") && b.state == BranchState::Running;
        if cycles > 0 || branches.any(prints) {
            cycles += 1;
        }
        // Each is a millisecond; a label takes 400.
        match cycles {
            100 => cell.plug(printer, false),
            600 => cell.plug(printer, true),
            _ => {}
        }
    });
    assert_eq!(labels(&ends), [(Doubtful, 1), (Applied, 2)]);
}
