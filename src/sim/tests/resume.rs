//! The controller is killed in a step that says `after_restart`: a person at Reset may go on with the unit, and record and
//! plant agree on what became of it. Where anything is not certain he is not asked, and it is taken out as ever.

use std::path::Path;
use std::sync::Arc;

use cellwright_controller::{AutoOperator, Input, Notice, Order, Question, QuestionKind, RESUME, Source};
use cellwright_model::DurationNs;
use cellwright_model::event::{Event, EventData, Resumed, StepEnded};
use cellwright_model::order::{OrderProgress, OrderTerms};
use cellwright_model::outcome::{StepOutcome, UnitResult};
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::plant::PartKind;
use cellwright_sim::audit::Auditors;
use cellwright_sim::{Latency, Options, Storage, VirtualCell, What, read, wiring};
use cellwright_trace::{CellAddress, Outbox, OutboxOptions};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../hil-tests/scenarios/quick.recipe.yaml");
/// Of the order: so that the one that is gone on with has no other beside it.
const UNITS: u32 = 1;
const WITHIN: DurationNs = DurationNs::from_millis(120_000);
/// Cycles between two looks of the person.
const LOOK_EVERY: u64 = 100;
const REST: u32 = 100;

/// What he answers when he is offered to go on with a unit.
#[derive(Clone, Copy, PartialEq)]
enum Decides {
    Resume,
    TakeOut,
}

struct Bench {
    cell: VirtualCell,
    auditors: Auditors,
    by: Source,
    cycles: u64,
    decides: Decides,
    /// Name of the order that is given at Idle; or the terms of its file, and what was made of it.
    order: &'static str,
    terms: Option<(Arc<OrderTerms>, OrderProgress)>,
    may_reset: bool,
    may_start: bool,
    ordered: bool,
    questions: Vec<Question>,
    prompts: Vec<String>,
    /// How often he was offered to go on.
    offered: usize,
    events: Vec<Event>,
}

impl Bench {
    /// The quick recipe with these words replaced.
    fn new(state: &Path, words: &[(&str, &str)]) -> Bench {
        Bench::with(state, words, None)
    }

    /// By an order file.
    fn by_file(state: &Path, order: &str) -> Bench {
        Bench::with(state, &[], Some(order))
    }

    fn with(state: &Path, words: &[(&str, &str)], order: Option<&str>) -> Bench {
        let mut text = std::fs::read_to_string(ROOT).expect("the quick recipe");
        for (from, to) in words {
            assert_eq!(text.matches(from).count(), 1, "{from}");
            text = text.replacen(from, to, 1);
        }
        let recipe = state.join("quick.recipe.yaml");
        std::fs::write(&recipe, text).expect("written");
        let what = match order {
            None => What { recipe: Some(recipe), ..What::default() },
            Some(text) => {
                let order = state.join("quick.order.yaml");
                std::fs::write(&order, text).expect("written");
                What { order: Some(order), ..What::default() }
            }
        };
        let reading = read(&what, true);
        let prepared = reading.prepared.unwrap_or_else(|| panic!("{:?}", reading.diagnostics));
        let terms = prepared.terms.clone().map(|terms| (terms, OrderProgress::default()));
        let latency = Latency { commit: DurationNs::from_millis(8), acknowledge: DurationNs::from_millis(2) };
        let storage = Storage::Outbox { state: state.join("state"), latency };
        let operator = Some("person".into());
        let options = Options { seed: 5, operator, storage, ..Options::default() };
        let cell = VirtualCell::new(prepared, options).expect("a cell");
        Bench {
            auditors: Auditors::new(&cell),
            by: Source::new("person", "test"),
            cycles: 0,
            decides: Decides::Resume,
            order: "TRIAL-1",
            terms,
            may_reset: true,
            may_start: true,
            ordered: false,
            questions: Vec::new(),
            prompts: Vec::new(),
            offered: 0,
            events: Vec::new(),
            cell,
        }
    }

    fn act(&mut self) {
        self.cycles += 1;
        if self.cell.controller().is_none() || !self.cycles.is_multiple_of(LOOK_EVERY) {
            return;
        }
        let by = self.by.clone();
        self.cell.give(Input::AcknowledgeAll { by: by.clone() });
        for question in core::mem::take(&mut self.questions) {
            let offered = question.answers.iter().any(|a| a == RESUME);
            self.offered += usize::from(offered);
            let answer = match AutoOperator::choice(&question) {
                _ if offered && self.decides == Decides::Resume => RESUME.to_owned(),
                Some(answer) => answer.to_owned(),
                None => continue,
            };
            wiring::acts(&question, &answer).into_iter().for_each(|act| self.cell.inject(act));
            self.cell.give(Input::Answer { id: question.id, answer, reason: None, by: by.clone() });
        }
        let command = match self.cell.state() {
            CellState::Aborted => CellCommand::Clear,
            CellState::Stopped if self.may_reset => CellCommand::Reset,
            CellState::Held => CellCommand::Unhold,
            CellState::Idle if self.may_start => {
                self.give_order();
                CellCommand::Start
            }
            _ => return,
        };
        self.cell.give(Input::Command { command, by });
    }

    fn give_order(&mut self) {
        if core::mem::replace(&mut self.ordered, true) {
            return;
        }
        if self.events.iter().all(|e| e.draft.unit.is_none()) {
            for load in wiring::loads(self.cell.cell(), self.cell.materials()) {
                let (tray, label, by) = (load.tray, load.label, self.by.clone());
                self.cell.give(Input::MaterialLoaded { tray, label, next: None, left: None, by });
            }
        }
        let plan = self.cell.plan().clone();
        let order = match &self.terms {
            Some((terms, done)) => Order::by_terms(terms.clone(), plan, *done),
            None => Order::units(self.order, plan, UNITS),
        };
        self.cell.give(Input::Order { order, by: self.by.clone() });
    }

    fn tick(&mut self) {
        self.act();
        let told = self.cell.tick().expect("a cycle");
        for notice in &told.notices {
            match notice {
                Notice::Ask(question) => {
                    if question.kind == QuestionKind::Reconcile {
                        self.prompts.push(question.prompt.clone());
                    }
                    self.questions.push(question.clone());
                }
                Notice::Withdrawn(id) => self.questions.retain(|q| q.id != *id),
                _ => {}
            }
        }
        self.auditors.look(&self.cell, &told);
        self.events.extend(told.events);
    }

    fn until(&mut self, what: &str, mut end: impl FnMut(&Bench) -> bool) {
        let until = self.cell.now() + WITHIN;
        while !end(self) {
            assert!(
                self.cell.now() < until,
                "{what} did not come: {:?} {:?}",
                self.cell.status(),
                self.prompts
            );
            self.tick();
        }
    }

    fn runs(&self, step: &str) -> bool {
        let status = self.cell.status();
        let mut branches = status.iter().flat_map(|s| &s.units).flat_map(|u| &u.branches);
        branches.any(|b| {
            b.step.as_deref() == Some(step)
                && matches!(format!("{:?}", b.state).as_str(), "Running" | "AwaitOperator")
        })
    }

    /// Killed and started again; a while later it has been reset.
    fn restart(&mut self) {
        self.begin_again();
        self.reset();
    }

    fn begin_again(&mut self) {
        self.cell.kill();
        for _ in 0..800 {
            self.tick();
        }
        self.cell.restart().expect("from the journal");
        (self.ordered, self.may_start) = (false, false);
        self.questions.clear();
    }

    fn reset(&mut self) {
        self.may_reset = true;
        self.until("idle", |b| b.cell.state() == CellState::Idle && b.cell.rt().at_rest);
        (0..REST).for_each(|_| self.tick());
        self.may_start = true;
    }

    fn complete(&mut self) {
        self.until("the end of the order", |b| b.cell.state() == CellState::Completed);
        self.auditors.end(&self.cell);
        let findings: Vec<String> = self.auditors.findings().iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "{findings:?}");
    }

    /// Of the first unit.
    fn outcomes(&self, step: &str) -> Vec<&StepEnded> {
        let of = |e: &'_ Event| e.draft.unit.as_ref().is_some_and(|u| u.serial == self.serial());
        let events = self.events.iter().filter(|e| of(e));
        events
            .filter_map(|e| match &e.draft.data {
                EventData::StepOutcome(s) if s.step == step => Some(s),
                _ => None,
            })
            .collect()
    }

    fn serial(&self) -> String {
        self.events.iter().find_map(|e| e.draft.unit.as_ref()).expect("a unit").serial.clone()
    }

    /// Openings and results of the first unit, in their order.
    fn lives(&self) -> (Vec<Option<Resumed>>, Vec<(UnitResult, bool)>) {
        let (mut openings, mut results) = (Vec::new(), Vec::new());
        for event in
            self.events.iter().filter(|e| e.draft.unit.as_ref().is_some_and(|u| u.serial == self.serial()))
        {
            match &event.draft.data {
                EventData::UnitOpened(opened) => openings.push(opened.resumed.clone()),
                EventData::UnitResult(end) => results.push((end.result, end.retested)),
                _ => {}
            }
        }
        (openings, results)
    }
}

const BEFORE_LEAK: [&str; 6] = ["place-hub", "id-hub", "push", "press-cannula", "place-cap", "seal-cap"];
const INTERRUPTED: (UnitResult, bool) = (UnitResult::Interrupted, false);

fn in_nest(cell: &VirtualCell, kind: PartKind) -> bool {
    cell.places().nests.iter().any(|n| n.part(kind).is_some())
}

#[test]
fn a_step_that_can_be_done_twice_is_done_once_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut b = Bench::new(folder.path(), &[]);
    b.until("the leak test", |b| b.runs("leak"));
    (0..600).for_each(|_| b.tick());
    b.restart();
    b.complete();
    assert_eq!(b.offered, 1, "{:?}", b.prompts);
    let leak: Vec<_> = b.outcomes("leak").iter().map(|s| (s.attempt, s.outcome)).collect();
    assert_eq!(leak, [(1, StepOutcome::Interrupted), (2, StepOutcome::Passed)]);
    for step in BEFORE_LEAK.iter().chain(&["tip", "look", "to-tray"]) {
        let passed: Vec<_> = b.outcomes(step).iter().map(|s| (s.attempt, s.outcome)).collect();
        assert_eq!(passed, [(1, StepOutcome::Passed)], "{step}: no outcome is doubled");
    }
    let (openings, results) = b.lives();
    let [None, Some(resumed)] = &openings[..] else { panic!("{openings:?}") };
    assert_eq!(
        (resumed.by.as_str(), resumed.step.as_str(), resumed.how.as_str()),
        ("person", "leak", "redo")
    );
    let carried: Vec<&str> = resumed.carried.iter().map(|c| c.step.as_str()).collect();
    assert_eq!(carried, BEFORE_LEAK);
    assert_eq!(results, [INTERRUPTED, (UnitResult::Good, true)], "it is said that a step was tried twice");
    let last = b.outcomes("to-tray");
    let components = |s: &StepEnded| s.components.clone();
    assert_eq!(
        last[0].components,
        components(b.outcomes("seal-cap")[0]),
        "lots and serials are carried over"
    );
    assert_eq!(last[0].components.len(), 3);
    assert_eq!(b.cell.places().balance().missing(), [0; 4]);
}

#[test]
fn a_part_that_is_seen_where_it_was_to_be_put_is_not_put_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut b = Bench::new(folder.path(), &[]);
    b.until("the cap in the nest", |b| in_nest(&b.cell, PartKind::Cap));
    assert!(b.runs("place-cap"), "it has not ended");
    b.restart();
    b.complete();
    assert_eq!(b.offered, 1, "{:?}", b.prompts);
    let outcomes: Vec<_> = b.outcomes("place-cap").iter().map(|s| (s.attempt, s.outcome)).collect();
    assert_eq!(outcomes, [(1, StepOutcome::Interrupted), (2, StepOutcome::Skipped)]);
    let skipped = b.outcomes("place-cap")[1];
    assert_eq!(skipped.cause.as_deref(), Some("after-restart: close.nest_cap_present holds"));
    assert_eq!(skipped.operator.as_deref(), Some("person"));
    let cap = skipped.components.iter().find(|c| c.name == "cap").expect("the cap is a component");
    assert!(cap.lot.is_some(), "its lot is known");
    let (openings, results) = b.lives();
    assert_eq!(openings[1].as_ref().map(|r| r.how.as_str()), Some("verify-then-skip"));
    assert_eq!(results, [INTERRUPTED, (UnitResult::Good, false)]);
    assert_eq!(b.cell.places().balance().missing(), [0; 4]);
}

/// Killed at a moment: the person is not offered to go on, and the unit is taken out.
#[track_caller]
fn not_offered(words: &[(&str, &str)], reason: &str, moment: impl FnMut(&Bench) -> bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut b = Bench::new(folder.path(), words);
    b.until("the moment", moment);
    b.restart();
    b.complete();
    assert_eq!(b.offered, 0, "{:?}", b.prompts);
    assert!(b.prompts.iter().any(|p| p.contains(reason)), "{:?}", b.prompts);
    let (openings, results) = b.lives();
    assert_eq!((openings, results), (vec![None], vec![INTERRUPTED]));
}

#[test]
fn what_forms_the_part_is_never_done_again() {
    not_offered(&[], "cannot go on: `press-cannula` says `after_restart: never`", |b| {
        b.runs("press-cannula")
    });
}

#[test]
fn among_several_branches_nothing_goes_on() {
    not_offered(&[], "cannot go on: it was in `load`, among several branches", |b| {
        b.runs("id-hub") || in_nest(&b.cell, PartKind::Hub)
    });
}

#[test]
fn a_part_in_a_gripper_is_not_in_the_nest() {
    not_offered(&[], "cap of", |b| {
        b.runs("place-cap") && b.cell.places().grippers.iter().any(Option::is_some)
    });
}

#[test]
fn a_recipe_that_does_not_ask_for_it_has_everything_taken_out() {
    let never = [
        ("after_restart: verify-then-skip", "after_restart: never"),
        ("      after_restart: redo\n", ""),
        ("burr: { limits: 0 .. 25 um } }, after_restart: redo,", "burr: { limits: 0 .. 25 um } },"),
        ("cannot-judge], after_restart: redo }", "cannot-judge] }"),
    ];
    not_offered(&never, "Take out by hand", |b| b.runs("leak"));
}

#[test]
fn whoever_rather_takes_it_out_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut b = Bench::new(folder.path(), &[]);
    b.decides = Decides::TakeOut;
    b.until("the leak test", |b| b.runs("leak"));
    b.restart();
    b.complete();
    assert_eq!((b.offered, b.prompts.len()), (1, 1), "{:?}", b.prompts);
    assert_eq!(b.lives(), (vec![None], vec![INTERRUPTED]));
}

#[test]
fn another_order_does_not_go_on_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut b = Bench::new(folder.path(), &[]);
    b.until("the leak test", |b| b.runs("leak"));
    b.order = "TRIAL-2";
    b.restart();
    b.complete();
    assert_eq!(b.offered, 1, "{:?}", b.prompts);
    let last = b.prompts.last().expect("it was asked to be taken out");
    assert!(last.contains("cannot go on: it belongs to order TRIAL-1"), "{last}");
    assert_eq!(b.lives(), (vec![None], vec![INTERRUPTED]));
}

/// Nobody knows what became of it meanwhile; the next controller does not offer it either.
#[test]
fn what_was_moved_by_hand_does_not_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut b = Bench::new(folder.path(), &[]);
    b.until("the leak test", |b| b.runs("leak"));
    b.begin_again();
    b.may_reset = false;
    b.until("stopped", |b| b.cell.state() == CellState::Stopped);
    for mode in [CellMode::Manual, CellMode::Production] {
        b.cell.give(Input::Mode { mode, by: b.by.clone() });
        (0..REST).for_each(|_| b.tick());
    }
    b.begin_again();
    b.reset();
    b.complete();
    assert_eq!(b.offered, 0, "{:?}", b.prompts);
    assert_eq!(b.lives(), (vec![None], vec![INTERRUPTED]));
}

#[test]
fn killed_again_it_goes_on_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut b = Bench::new(folder.path(), &[]);
    b.until("the leak test", |b| b.runs("leak"));
    b.restart();
    // Decided and not begun: the next controller asks anew.
    b.restart();
    b.until("the inspection", |b| b.runs("tip"));
    b.restart();
    b.complete();
    assert_eq!(b.offered, 3, "{:?}", b.prompts);
    let (openings, results) = b.lives();
    let how: Vec<_> =
        openings.iter().map(|o| o.as_ref().map(|r| (r.step.as_str(), r.how.as_str()))).collect();
    assert_eq!(how, [None, Some(("leak", "redo")), Some(("tip", "redo"))]);
    assert_eq!(results, [INTERRUPTED, INTERRUPTED, (UnitResult::Good, true)]);
    let tip: Vec<_> = b.outcomes("tip").iter().map(|s| (s.attempt, s.outcome)).collect();
    assert_eq!(tip, [(1, StepOutcome::Interrupted), (2, StepOutcome::Passed)]);
    assert_eq!(b.outcomes("to-tray")[0].components.len(), 3);
}

const ORDER: &str = "order: 1
id: PO-1
lot: L-1
product: { part: IS-23 }
recipe: quick.recipe.yaml
quantity: 1
starts_max: 3
serials: { prefix: L1-, first: 1, last: 09 }
purpose: trial
";

/// A serial is taken once, however often its unit is opened.
#[test]
fn an_order_file_counts_what_goes_on_under_the_serial_that_it_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut b = Bench::by_file(folder.path(), ORDER);
    b.until("the leak test", |b| b.runs("leak"));
    let interrupted = OrderProgress { started: 1, interrupted: 1, ..OrderProgress::default() };
    if let Some((_, done)) = &mut b.terms {
        *done = interrupted;
    }
    b.restart();
    b.complete();
    assert_eq!(b.lives().1, [INTERRUPTED, (UnitResult::Good, true)]);
    let of_unit = |e: &'_ Event| e.draft.unit.as_ref().is_some_and(|u| u.serial != b.serial());
    assert!(!b.events.iter().any(of_unit), "no other serial was taken");
    drop(b);
    let address =
        CellAddress { site: "plant-1".into(), line: "infusion-2".into(), cell: "cannula-cell".into() };
    let state = folder.path().join("state");
    let (_outbox, recovery) = Outbox::open(&state, OutboxOptions::new(address)).expect("its outbox");
    let made = OrderProgress { good: 1, resumed: 1, ..interrupted };
    assert_eq!(recovery.orders["PO-1"].progress, made);
    assert_eq!((recovery.open_units.len(), recovery.left_units.len()), (0, 0));
}
