//! A small cell and its units, for the tests of this crate.

use std::sync::Arc;

use cellwright_model::curve::{Curve, CurveSample};
use cellwright_model::event::*;
use cellwright_model::outcome::{Origin, Purpose, StepOutcome, UnitResult, Verdict};

use crate::keys::CellAddress;
use crate::outbox::OutboxOptions;

pub(crate) fn address() -> CellAddress {
    CellAddress { site: "hall 1".into(), line: "line-a".into(), cell: "cell-t".into() }
}

pub(crate) fn options() -> OutboxOptions {
    OutboxOptions::new(address())
}

pub(crate) fn context(origin: Origin, purpose: Purpose) -> Arc<Context> {
    Arc::new(Context {
        origin,
        purpose,
        cell: CellRef { id: "cell-t".into(), hash: "c".repeat(64) },
        program: "cellwright 0.1.0".into(),
        order: Some("O-1".into()),
        lot: None,
        clock_state: ClockState::Virtual,
    })
}

pub(crate) fn unit(serial: &str) -> Arc<UnitContext> {
    let recipe = RecipeRef {
        id: "cannula-hub".into(),
        version: "3.2.0".into(),
        hash: "a".repeat(64),
        plan_hash: Some("b".repeat(64)),
        variant: None,
        set: Default::default(),
        approval: None,
    };
    Arc::new(UnitContext { serial: serial.into(), udi: None, recipe })
}

/// A curve of its own for each serial.
pub(crate) fn curve(serial: &str) -> Curve {
    let value = serial.bytes().map(f64::from).sum();
    let samples = (0..50).map(|i| CurveSample { t_ns: i * 1_000_000, position_au: i as f64 / 8.0, value });
    Curve { samples: samples.collect(), ..Curve::default() }
}

pub(crate) fn stamp(n: u64) -> Stamp {
    Stamp { wall_unix_ns: 1_700_000_000_000_000_000 + i128::from(n), monotonic_ns: n }
}

pub(crate) fn step(serial: &str, n: u32, with_curve: bool) -> StepEnded {
    let curve = curve(serial);
    let curves = with_curve.then(|| CurveRef {
        name: "press".into(),
        hash: curve.hash(),
        samples: curve.samples.len() as u32,
    });
    StepEnded {
        step: format!("step-{n}"),
        n,
        station: Some("press".into()),
        attempt: 1,
        start: stamp(u64::from(n)).rfc3339(),
        end: stamp(u64::from(n) + 5).rfc3339(),
        duration_ns: 5,
        outcome: StepOutcome::Passed,
        cause: None,
        operator: Some("ada".into()),
        training: None,
        equipment: vec![Equipment {
            id: "load_cell".into(),
            serial: Some("LC-9".into()),
            calibration_due: Some("2027-01-01".into()),
        }],
        components: vec![Component {
            name: "hub".into(),
            part: "HUB-23".into(),
            lot: Some("H7".into()),
            serial: None,
        }],
        measurements: vec![Measurement {
            name: "seat_force".into(),
            value: Some(101.5),
            unit: "N".into(),
            limits: [Some(70.0), None],
            verdict: Verdict::Pass,
            spec: Some("DS-0142/4.2".into()),
        }],
        curves: curves.into_iter().collect(),
        label: None,
        environment: vec![],
    }
}

fn result() -> UnitEnded {
    let counts = StepCounts { attempts: 2, passed: 2, not_passed: 0 };
    UnitEnded { result: UnitResult::Good, cause: None, retested: false, counts }
}

/// The events of one unit: opened, two steps (the first with a curve), result.
pub(crate) fn unit_drafts(serial: &str) -> Vec<EventDraft> {
    drafts(serial, &context(Origin::Twin, Purpose::Trial))
}

pub(crate) fn drafts(serial: &str, context: &Arc<Context>) -> Vec<EventDraft> {
    let data = [
        EventData::UnitOpened(UnitOpened {
            carrier: Some("nest/1".into()),
            operator: Some("ada".into()),
            resumed: None,
        }),
        EventData::StepOutcome(step(serial, 1, true)),
        EventData::StepOutcome(step(serial, 2, false)),
        EventData::UnitResult(result()),
    ];
    let draft =
        |(i, data)| EventDraft { time: stamp(i), context: context.clone(), unit: Some(unit(serial)), data };
    (0..).zip(data).map(draft).collect()
}

/// The transactions of one unit, one for each event, with the journal of a real run. Tickets from
/// `ticket` on.
pub(crate) fn unit_transactions(serial: &str, ticket: u64) -> Vec<Transaction> {
    let context = context(Origin::Twin, Purpose::Trial);
    let intent = |n| JournalEntry::StepIntent {
        serial: serial.into(),
        step: format!("step-{n}"),
        n,
        attempt: 1,
        station: None,
        time: stamp(9),
        route: None,
    };
    let journal = [
        vec![
            JournalEntry::UnitOpened { context, unit: unit(serial), time: stamp(1), resumes: false },
            JournalEntry::SerialCounter(ticket),
            intent(1),
        ],
        vec![intent(2), JournalEntry::TrayCursor { tray: "hub_tray".into(), pocket: 3 }],
        vec![],
        vec![JournalEntry::UnitClosed { serial: serial.into(), result: UnitResult::Good }],
    ];
    let curves = [vec![], vec![Arc::new(curve(serial))], vec![], vec![]];
    let rows = unit_drafts(serial).into_iter().zip(journal).zip(curves);
    let transaction =
        |(ticket, ((draft, journal), curves))| Transaction { ticket, journal, events: vec![draft], curves };
    (ticket..).zip(rows).map(transaction).collect()
}
