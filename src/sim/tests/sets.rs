//! An order with sets on the cell in virtual time: each unit is made by the Plan of its serial, and the record says so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cellwright_controller::{AutoOperator, Order, Progress};
use cellwright_model::event::{EventData, UnitContext};
use cellwright_model::order::OrderProgress;
use cellwright_sim::{Options, Prepared, VirtualCell, What, read, wiring};

/// Virtual time in which both units are made.
const LIMIT_S: u64 = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn prepared(folder: &Path) -> Prepared {
    let recipe = root().join("recipes/cannula-hub/cannula-hub.recipe.yaml");
    let text = format!(
        "order: 1\nid: PO-1\nlot: L-1\nproduct: {{ part: IS-23 }}\nrecipe: {}\nquantity: 2\n\
         serials: {{ prefix: S-, first: 1, last: 9 }}\n\
         sets: [{{ serials: [S-2, S-9], params: {{ seat_depth: 12.38 mm }} }}]\n",
        recipe.display()
    );
    let order = folder.join("work.order.yaml");
    std::fs::write(&order, text).expect("written");
    let what = What { order: Some(order), cell: Some(root().join("cells/cannula-cell")), ..What::default() };
    let reading = read(&what, true);
    let said: Vec<_> = reading.diagnostics.iter().map(|d| (d.code, d.message.clone())).collect();
    reading.prepared.unwrap_or_else(|| panic!("{said:?}"))
}

/// Works the order to its end; what the record says of each unit when it is opened.
fn work(prepared: Prepared) -> Vec<UnitContext> {
    let (terms, sets) = (prepared.terms.clone().expect("an order"), prepared.sets.clone());
    let mut cell = VirtualCell::new(prepared, Options::default()).expect("a cell");
    let order = Order::by_terms(terms, cell.plan().clone(), OrderProgress::default()).with_sets(sets);
    let mut operator = AutoOperator::new("auto:test", order, wiring::loads(cell.cell(), cell.materials()));
    let (mut said, mut opened) = (Vec::new(), Vec::new());
    while cell.now().0 < LIMIT_S * 1_000_000_000 {
        let progress = operator.react(cell.state(), &mut said);
        said.drain(..).for_each(|input| cell.give(input));
        let told = cell.tick().expect("a cycle");
        for event in &told.events {
            if let (EventData::UnitOpened(_), Some(unit)) = (&event.draft.data, &event.draft.unit) {
                assert!(event.line.contains(&format!("\"serial\":\"{}\"", unit.serial)), "{}", event.line);
                opened.push(UnitContext::clone(unit));
            }
        }
        for notice in told.notices {
            if let cellwright_controller::Notice::Ask(question) = notice {
                cell.give(operator.answer(&question).expect("it answers by itself"));
            }
        }
        match progress {
            Progress::Completed => return opened,
            Progress::NeedsPerson(state) => panic!("in {state:?}: {:?}", cell.status()),
            Progress::Running => {}
        }
    }
    panic!("not within {LIMIT_S} s: {:?}", cell.status());
}

#[test]
fn each_unit_is_made_by_the_plan_of_its_serial_and_the_record_says_what_differs() {
    let folder = tempfile::tempdir().expect("a folder");
    let prepared = prepared(folder.path());
    let hash = |plan: &cellwright_model::plan::Plan| Some(plan.hash().expect("a hash"));
    let (of_row, of_set) = (hash(&prepared.plan), hash(&prepared.sets["S-2"]));
    assert_ne!(of_row, of_set);
    let recipe_hash = prepared.plan.recipe_hash.clone();
    let opened = work(prepared);
    assert!(opened.len() >= 2, "{opened:?}");
    let depth = BTreeMap::from([("seat_depth".to_string(), "12.38 mm".to_string())]);
    for unit in &opened {
        let has_set = unit.serial == "S-2";
        assert_eq!(unit.recipe.hash, recipe_hash);
        assert_eq!(unit.recipe.plan_hash, if has_set { of_set.clone() } else { of_row.clone() });
        assert_eq!(unit.recipe.set, if has_set { depth.clone() } else { BTreeMap::new() });
    }
}
