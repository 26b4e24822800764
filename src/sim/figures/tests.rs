//! Figures of a record that is written by hand.

use std::sync::Arc;

use cellwright_model::event::{
    CellRef, CellStateChanged, ClockState, Context, EventDraft, Measurement, RecipeRef, Stamp, StepCounts,
    UnitContext,
};
use cellwright_model::outcome::{Origin, Purpose};
use cellwright_model::packml::CellMode;
use cellwright_model::time::{VIRTUAL_EPOCH_UNIX_NS, rfc3339};

use super::*;
use crate::{What, read};

fn event(ms: u64, serial: &str, data: EventData) -> Event {
    let hash = String::new;
    let context = Context {
        origin: Origin::Twin,
        purpose: Purpose::Simulation,
        cell: CellRef { id: "c".into(), hash: hash() },
        program: "p".into(),
        order: None,
        lot: None,
        clock_state: ClockState::Virtual,
    };
    let recipe = RecipeRef {
        id: "r".into(),
        version: "1.0.0".into(),
        hash: hash(),
        plan_hash: None,
        variant: None,
        set: BTreeMap::new(),
        approval: None,
    };
    let time = Stamp { wall_unix_ns: at(ms), monotonic_ns: ms * 1_000_000 };
    let unit = Some(Arc::new(UnitContext { serial: serial.into(), udi: None, recipe }));
    let draft = EventDraft { time, context: Arc::new(context), unit, data };
    Event { stream: "s".into(), seq: 1, hash: hash(), line: String::new(), draft }
}

fn at(ms: u64) -> i128 {
    VIRTUAL_EPOCH_UNIX_NS + i128::from(ms) * 1_000_000
}

/// An attempt of the n-th step, from and to in ms.
fn attempt(
    n: u32,
    id: &str,
    station: &str,
    attempt: u32,
    (from, to): (u64, u64),
    value: Option<(f64, Verdict)>,
) -> Event {
    let measurement = value.map(|(value, verdict)| Measurement {
        name: "decay".into(),
        value: Some(value),
        unit: "Pa/s".into(),
        limits: [Some(-2.0), Some(12.0)],
        verdict,
        spec: None,
    });
    let data = StepEnded {
        step: id.into(),
        n,
        station: Some(station.into()),
        attempt,
        start: rfc3339(at(from)),
        end: rfc3339(at(to)),
        duration_ns: (to - from) * 1_000_000,
        outcome: StepOutcome::Passed,
        cause: None,
        operator: None,
        training: None,
        equipment: vec![],
        components: vec![],
        measurements: measurement.into_iter().collect(),
        curves: vec![],
        label: None,
        environment: vec![],
    };
    event(to, "A", EventData::StepOutcome(data))
}

fn ended(ms: u64, result: UnitResult, retested: bool) -> Event {
    let counts = StepCounts::default();
    let cause = (result == UnitResult::Ng).then(|| "leak/decay".to_owned());
    event(ms, "A", EventData::UnitResult(UnitEnded { result, cause, retested, counts }))
}

fn report(events: Vec<Event>) -> Report {
    let prepared = read(&What::default(), false).prepared.expect("the embedded recipe");
    let mut figures = Figures::new(&prepared.cell, &prepared.plan);
    events.iter().for_each(|e| figures.look(e));
    figures.report()
}

fn execute(ms: u64) -> Event {
    let change = CellStateChanged {
        from: None,
        to: CellState::Execute,
        cause: String::new(),
        mode: CellMode::Production,
    };
    event(ms, "", EventData::CellState(change))
}

#[test]
fn takt_yield_and_bottleneck_follow_from_the_events() {
    let report = report(vec![
        execute(1_000),
        // Beside each other; place-hub is by robot_l, feed/push by the feeder.
        attempt(3, "feed/push", "load", 1, (1_500, 2_000), None),
        attempt(1, "place-hub", "load", 1, (1_000, 4_000), None),
        attempt(7, "leak", "test", 1, (5_000, 9_000), Some((3.0, Verdict::Pass))),
        ended(10_000, UnitResult::Good, false),
        ended(20_000, UnitResult::Good, true),
        // A second Execute does not begin the time anew.
        execute(20_500),
        ended(21_000, UnitResult::Ng, false),
    ]);
    assert_eq!(report.counts, Counts { units: 3, good: 2, ng: 1, interrupted: 0, first_pass: 1 });
    assert_eq!((report.yielded(), report.first_pass_yield()), (Some(2.0 / 3.0), Some(1.0 / 3.0)));
    assert_eq!(report.ng_by_cause, BTreeMap::from([("leak/decay".to_owned(), 1)]));
    assert_eq!((report.span_s, report.takt_s()), (20.0, 20.0 / 3.0));
    let busy = |name: &str| report.lanes.iter().find(|l| l.name == name).map(|l| l.busy_s);
    assert_eq!(
        [busy("load"), busy("robot_l"), busy("feeder_x"), busy("test"), busy("press")],
        [Some(3.0), Some(3.0), Some(0.5), Some(4.0), Some(0.0)]
    );
    let bottleneck = report.bottleneck().expect("something was done");
    assert_eq!((bottleneck.kind, bottleneck.name.as_str()), (LaneKind::Station, "test"));
    assert_eq!(report.share(bottleneck), 0.2);
}

#[test]
fn first_attempts_count_and_invalid_values_do_not() {
    let leak = |n, value| attempt(7, "leak", "test", n, (0, 1), Some(value));
    let report = report(vec![
        leak(1, (3.0, Verdict::Pass)),
        leak(1, (14.0, Verdict::Fail)),
        leak(2, (5.0, Verdict::Pass)),
        leak(1, (-3.0, Verdict::Invalid)),
    ]);
    let d = report.distributions.iter().find(|d| d.step == "leak").expect("the measurement of the leak test");
    let v = d.of_values.as_ref().expect("values");
    assert_eq!((d.n, d.left_out, v.min, v.max), (2, 1, 3.0, 14.0));
    // Below the lower limit the measurement is invalid: it is none of the part's.
    assert_eq!((d.limits, d.counting), ([Some(-2.0), Some(12.0)], [None, Some(12.0)]));
    assert_eq!(report.distributions.last().map(|d| d.step.as_str()), Some("tip"));
    let others = report.distributions.iter().filter(|d| d.step != "leak");
    assert!(others.clone().count() >= 4 && others.into_iter().all(|d| d.cpk == Err(Undefined::FewerThanTwo)));
}

#[test]
fn what_the_plan_does_not_name_is_told_behind_the_rest() {
    let report = report(vec![attempt(4, "press-cannula", "press", 1, (0, 1), Some((3.0, Verdict::Pass)))]);
    let d = report.distributions.last().expect("a distribution");
    assert_eq!(
        (d.step.as_str(), d.name.as_str(), d.n, d.counting),
        ("press-cannula", "decay", 1, [Some(-2.0), Some(12.0)])
    );
}

#[test]
fn of_nothing_there_are_no_figures() {
    let report = report(vec![]);
    assert_eq!((report.yielded(), report.takt_s(), report.bottleneck()), (None, 0.0, None));
}
