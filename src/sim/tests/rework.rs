//! Finished units come back to the cell under their old serials: asked for, read, made good or not; and what is
//! under way when the controller dies is interrupted as any other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cellwright_controller::{AutoOperator, Input, Notice, Order, Progress, QuestionKind};
use cellwright_model::event::{Event, EventData};
use cellwright_model::order::{OrderProgress, OrderTerms, admit, at_rest};
use cellwright_model::outcome::{StepOutcome, UnitResult};
use cellwright_model::plant::{Defect, GivenParts, PartKind};
use cellwright_sim::{Latency, Options, Prepared, Storage, VirtualCell, What, read, wiring};
use cellwright_trace::{CellAddress, Outbox, OutboxOptions};

const ORDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes/cannula-rework/rework.order.yaml");

fn prepared() -> Prepared {
    let what = What { order: Some(PathBuf::from(ORDER)), ..What::default() };
    read(&what, true).prepared.expect("the shipped order and recipe hold")
}

fn terms() -> Arc<OrderTerms> {
    prepared().terms.expect("the order's")
}

/// A cell for the shipped order of two units, with what is bad about those that come back.
fn begun(state: &Path, bad: &[Option<Defect>]) -> VirtualCell {
    let mut prepared = prepared();
    let of = |kind| if kind == PartKind::Unit { bad.to_vec() } else { Vec::new() };
    let plant = prepared.plant.as_mut().expect("the twin's");
    plant.given = PartKind::ALL.map(|kind| GivenParts { kind, defects: of(kind) }).into();
    let storage = Storage::Outbox { state: state.into(), latency: Latency::default() };
    VirtualCell::new(prepared, Options { seed: 5, storage, ..Options::default() }).expect("a cell")
}

fn operator(cell: &VirtualCell, done: OrderProgress) -> AutoOperator {
    let order = Order::by_terms(terms(), cell.plan().clone(), done);
    AutoOperator::new("auto:test", order, wiring::loads(cell.cell(), cell.materials()))
}

/// What was told until `end`, and what the recipe and the cell asked.
#[derive(Default)]
struct Heard {
    events: Vec<Event>,
    asked: Vec<(QuestionKind, String)>,
}

impl Heard {
    fn outcomes(&self, id: &str) -> Vec<(StepOutcome, Option<String>, Option<String>)> {
        let of = |e: &Event| match &e.draft.data {
            EventData::StepOutcome(s) if s.step == id => {
                Some((s.outcome, s.cause.clone(), s.components.iter().find_map(|c| c.serial.clone())))
            }
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }

    fn results(&self) -> Vec<(String, UnitResult)> {
        let of = |e: &Event| match (&e.draft.data, &e.draft.unit) {
            (EventData::UnitResult(end), Some(unit)) => Some((unit.serial.clone(), end.result)),
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }

    fn prompts(&self, kind: QuestionKind) -> Vec<&str> {
        self.asked.iter().filter(|(k, _)| *k == kind).map(|(_, prompt)| prompt.as_str()).collect()
    }
}

/// Lets the operator work, who answers decisions with `decides`, until `end`.
fn work(
    cell: &mut VirtualCell,
    operator: &mut AutoOperator,
    decides: &str,
    mut end: impl FnMut(&VirtualCell, &Heard, Progress) -> bool,
) -> Heard {
    let (mut inputs, mut heard) = (Vec::new(), Heard::default());
    for _ in 0..180_000 {
        let progress = operator.react(cell.state(), &mut inputs);
        inputs.drain(..).for_each(|input| cell.give(input));
        if end(cell, &heard, progress) {
            return heard;
        }
        let told = cell.tick().expect("a cycle");
        heard.events.extend(told.events);
        for notice in told.notices {
            let Notice::Ask(question) = notice else { continue };
            heard.asked.push((question.kind, question.prompt.clone()));
            let Some(mut input) = operator.answer(&question) else { continue };
            if let Input::Answer { answer, .. } = &mut input {
                if question.kind == QuestionKind::Decision {
                    *answer = decides.to_owned();
                }
                wiring::acts(&question, answer).into_iter().for_each(|act| cell.inject(act));
            }
            inputs.push(input);
        }
    }
    panic!("not within 180 s: {:?}", cell.status());
}

#[test]
fn each_unit_is_fetched_by_its_serial_read_and_judged_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut cell = begun(folder.path(), &[]);
    let mut one = operator(&cell, OrderProgress::default());
    let heard = work(&mut cell, &mut one, "abort", |_, _, progress| progress != Progress::Running);
    let prompts = heard.prompts(QuestionKind::Recipe);
    for serial in ["IS0417-0001", "IS0417-0002"] {
        let asks = format!("Put unit {serial} of rework_tray into the nest");
        assert!(prompts.contains(&asks.as_str()), "{prompts:?}");
        assert!(heard.results().contains(&(serial.to_owned(), UnitResult::Good)), "{:?}", heard.results());
    }
    let read = heard.outcomes("id-unit");
    let serials: Vec<_> = read.iter().map(|(outcome, _, serial)| (*outcome, serial.as_deref())).collect();
    let passed = StepOutcome::Passed;
    assert_eq!(serials, [(passed, Some("IS0417-0001")), (passed, Some("IS0417-0002"))]);
    assert_eq!(cell.places().balance().missing(), [0; 4]);
}

#[test]
fn a_unit_that_is_still_bad_is_ng_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut cell = begun(folder.path(), &[Some(Defect::UnitLeaky)]);
    let mut one = operator(&cell, OrderProgress::default());
    let heard = work(&mut cell, &mut one, "abort", |_, heard, _| heard.results().len() == 2);
    let mut results = heard.results();
    results.sort_by(|a, b| a.0.cmp(&b.0));
    let of = |serial: &str, result| (serial.to_owned(), result);
    assert_eq!(results, [of("IS0417-0001", UnitResult::Ng), of("IS0417-0002", UnitResult::Good)]);
    assert_eq!(cell.places().balance().missing(), [0; 4]);
}

#[test]
fn another_unit_is_judged_in_nothing_and_a_person_decides() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut cell = begun(folder.path(), &[Some(Defect::UnitOther)]);
    let mut one = operator(&cell, OrderProgress::default());
    let decided = |_: &VirtualCell, heard: &Heard, _: Progress| !heard.results().is_empty();
    let heard = work(&mut cell, &mut one, "remove-by-hand", decided);
    let read = heard.outcomes("id-unit");
    let (outcome, cause, _) = read.first().expect("it was read");
    assert_eq!(*outcome, StepOutcome::Faulted);
    let cause = cause.as_deref().unwrap_or_default();
    assert!(cause.starts_with("other-unit: (21)IX000000 where (21)IS0417-0001 is asked for"), "{cause}");
    assert_eq!(heard.prompts(QuestionKind::Decision).len(), 1, "{:?}", heard.asked);
    assert!(heard.outcomes("leak").is_empty(), "nothing of it is judged");
    let unseen = ("IS0417-0001".to_owned(), UnitResult::Interrupted);
    assert!(heard.results().contains(&unseen), "nor of the one that nobody saw: {:?}", heard.results());
}

#[test]
fn a_controller_that_dies_interrupts_the_rework_and_the_order_goes_on_behind_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut cell = begun(folder.path(), &[]);
    let mut first = operator(&cell, OrderProgress::default());
    let in_nest = |cell: &VirtualCell| cell.places().nests.iter().any(|n| n.whole.is_some());
    work(&mut cell, &mut first, "abort", |cell, heard, _| {
        in_nest(cell) && !heard.outcomes("load-unit").is_empty()
    });
    cell.kill();
    for _ in 0..500 {
        cell.tick().expect("the world goes on");
    }
    cell.restart().expect("from the journal");
    let told = cell.tick().expect("a cycle");
    let before = Heard { events: told.events, ..Heard::default() };
    let interrupted = before.results();
    assert!(
        interrupted.contains(&("IS0417-0001".to_owned(), UnitResult::Interrupted)),
        "the one whose rework was under way: {interrupted:?}"
    );

    let opened = interrupted.len() as u32;
    let done = OrderProgress { started: opened, interrupted: opened, ..OrderProgress::default() };
    drop(cell);
    let address =
        CellAddress { site: "plant-1".into(), line: "infusion-2".into(), cell: "cannula-cell".into() };
    let (_outbox, recovery) = Outbox::open(folder.path(), OutboxOptions::new(address)).expect("its outbox");
    assert!(recovery.open_units.is_empty());
    let known = at_rest(&recovery.orders);
    assert_eq!(known["RW-2000-0417"].progress, done);
    let goes_on = admit(&terms(), &known, "CW-");
    match terms().serials.after(u64::from(opened)) {
        Some(_) => assert_eq!(goes_on, Ok(done)),
        None => assert!(goes_on.is_err_and(|why| why.contains("are used up"))),
    }
}
