//! Labels of units: what is printed and read back, what every attempt has used, and that none is applied twice.

mod common;

use std::sync::Arc;

use cellwright_engine::RETRY;
use cellwright_engine::api::{DeviceReply, Input, Order};
use cellwright_engine::record::{Labelled, StepResult};
use cellwright_model::expr::{Expr, Term};
use cellwright_model::label::LabelFate::{self, Applied, Doubtful, NotPrinted, Spoilt};
use cellwright_model::order::{OrderProgress, OrderTerms, Product, RecipePin, SerialRange};
use cellwright_model::outcome::{Purpose, UnitResult};
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::plan::*;
use cellwright_model::{CameraId, DurationNs, PrinterId, ScannerId, StepIx};

use common::Bench;
use common::cell as c;

const SERIAL: &str = "T-000001";

fn label(on_fail: Handler) -> Step {
    let ops =
        vec![Primitive::PrintLabel { printer: PrinterId(0) }, Primitive::ReadLabel { scanner: ScannerId(0) }];
    Step { on_fail, ..c::step("label", 1, ops) }
}

fn twice() -> Handler {
    Handler::Retry { times: 1, after: DurationNs::from_millis(5), then: Then::Reject }
}

fn reads(text: &str) -> DeviceReply {
    DeviceReply::Scanned { text: text.into(), gtin: None, lot: None, expiry: None, serial: None }
}

fn good() -> DeviceReply {
    reads(&format!("\u{1d}21{SERIAL}"))
}

/// Fate and count of each attempt's label.
fn labels(b: &Bench) -> Vec<(LabelFate, u32)> {
    let of = |s: &&StepResult| s.label.as_ref().map(|l: &Labelled| (l.fate, l.printed));
    b.outcomes().iter().filter_map(of).collect()
}

fn causes(b: &Bench) -> Vec<String> {
    b.outcomes().iter().filter_map(|s| s.cause.clone()).collect()
}

#[test]
fn a_label_is_printed_read_back_and_recorded() {
    let mut b = Bench::new();
    b.scans.push_back(good());
    b.produce(c::plan_of(vec![label(Handler::Reject)]), 1);
    b.until(CellState::Completed);
    assert_eq!(b.path(), ["label 1 passed"]);
    assert_eq!(labels(&b), [(Applied, 1)]);
    let content = b.outcomes()[0].label.as_ref().map(|l| (l.content.text().to_owned(), l.content.is_udi()));
    assert_eq!(content, Some(("(21)T-000001".into(), false)));
    assert_eq!(b.labels, ["(21)T-000001"]);
    assert_eq!(b.closed()[0].result, UnitResult::Good);
}

#[test]
fn what_says_anything_else_is_a_bad_part_and_the_retry_prints_anew() {
    for (read, cause) in [
        (reads("\u{1d}21T-000002"), "label-mismatch: (21) reads T-000002, printed was T-000001"),
        (
            reads("\u{1d}0104012345678901\u{1d}21T-000001"),
            "label-mismatch: (01) reads 04012345678901, printed was nothing",
        ),
        (DeviceReply::BadCode { cause: "no element".into() }, "label-mismatch: no element"),
        (DeviceReply::NoRead, "label-unreadable"),
    ] {
        let mut b = Bench::new();
        b.scans.extend([read, good()]);
        b.produce(c::plan_of(vec![label(twice())]), 1);
        b.until(CellState::Completed);
        assert_eq!(b.path(), ["label 1 failed", "label 2 passed"], "{cause}");
        assert_eq!(causes(&b), [cause]);
        assert_eq!(labels(&b), [(Spoilt, 1), (Applied, 2)], "{cause}");
        assert!(b.closed()[0].retested);
    }
}

#[test]
fn a_printer_that_prints_nothing_is_told_from_one_that_may_have() {
    let not_printed = DeviceReply::NotPrinted { cause: "printer not ready: paper-out".into() };
    let may_have = DeviceReply::Failed { cause: "printer stopped: paper-out".into() };
    for (reply, cause, expected) in [
        (not_printed, "device-failed: printer not ready: paper-out", [(NotPrinted, 0), (Applied, 1)]),
        (may_have, "device-failed: printer stopped: paper-out", [(Doubtful, 1), (Applied, 2)]),
    ] {
        let mut b = Bench::new();
        b.prints.push_back(reply);
        b.scans.push_back(good());
        b.auto.insert(String::new(), RETRY.into());
        b.produce(c::plan_of(vec![label(Handler::Reject)]), 1);
        b.until(CellState::Completed);
        assert_eq!(b.path(), ["label 1 faulted", "label 2 passed"], "{cause}");
        assert_eq!(causes(&b), [cause]);
        assert_eq!(labels(&b), expected, "{cause}");
    }
}

/// Another round reads the label that is there.
#[test]
fn a_label_is_not_applied_twice() {
    let burr = Feature::Device("burr".into());
    let look = Step {
        measurements: vec![MeasurementSpec { unit: "um".into(), ..c::measurement("burr", burr, 0.0, 25.0) }],
        ..c::step(
            "look",
            2,
            vec![Primitive::Inspect { camera: CameraId(0), job: "tip".into(), version: 4 }, Primitive::Judge],
        )
    };
    let plan = c::plan_of(vec![label(Handler::Reject), look]);
    let until = Expr::Less(Term::Measured { step: "look".into(), name: "burr".into() }, Term::Constant(11.0));
    let body = vec![Node::Step(StepIx(0)), Node::Step(StepIx(1))];
    let repeat = Node::Repeat { id: "again".into(), at_most: 3, until, body };
    let mut b = Bench::new();
    b.burrs.extend([0.020, 0.010]);
    b.scans.extend([good(), good()]);
    b.produce(Arc::new(Plan { body: vec![repeat], ..(*plan).clone() }), 1);
    b.until(CellState::Completed);
    assert_eq!(b.path(), ["label 1 passed", "look 1 passed", "label 2 passed", "look 2 passed"]);
    assert_eq!(labels(&b), [(Applied, 1)], "the second round prints nothing");
    assert_eq!(b.labels.len(), 1);
}

#[test]
fn a_unit_of_an_order_with_a_device_identifier_bears_its_udi() {
    let terms = Arc::new(OrderTerms {
        id: "PO-1".into(),
        lot: "L-1".into(),
        product: Product { part: "IS-23".into(), di: Some("04012345678918".into()) },
        recipe: RecipePin { id: "r".into(), version: "1.0.0".into(), hash: "a".into() },
        variant: None,
        quantity: 1,
        starts_max: 1,
        serials: SerialRange { prefix: "L1-".into(), digits: 2, first: 5, last: 9 },
        due: None,
        purpose: Purpose::Trial,
        sets: Default::default(),
    });
    let mut b = Bench::new();
    b.scans.push_back(reads("\u{1d}010401234567891810L-1\u{1d}21L1-05"));
    b.until_idle();
    let order = Order::by_terms(terms, c::plan_of(vec![label(Handler::Reject)]), OrderProgress::default());
    b.put(Input::Order { order, by: common::machine::who() });
    b.command(CellCommand::Start);
    b.until(CellState::Completed);
    assert_eq!(b.labels, ["(01)04012345678918(10)L-1(21)L1-05"]);
    assert_eq!(labels(&b), [(Applied, 1)]);
    assert!(b.outcomes()[0].label.as_ref().is_some_and(|l| l.content.is_udi()));
}
