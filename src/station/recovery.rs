//! After a kill or a power cut: the unit that was open is interrupted, and so is each step that was under
//! way. Nothing is guessed: what became of the part is a person's decision later.

use cellwright_controller::RESTART;
use cellwright_model::event::{
    EventData, EventDraft, JournalEntry, Route, Stamp, StepCounts, StepEnded, Transaction, UnitEnded,
};
use cellwright_model::order::KnownOrder;
use cellwright_model::outcome::{StepOutcome, UnitResult};
use cellwright_trace::outbox::{OpenUnit, Recovery};

/// One transaction for each unit that the last life of the controller left open.
///
/// Its ticket is 0: the engine counts its own from 1, and nothing waits for these.
pub fn interrupted(recovery: &Recovery, now: Stamp) -> Vec<Transaction> {
    let mut orders = recovery.orders.clone();
    let doubts = recovery.doubts();
    let mut transactions = Vec::new();
    for open in &recovery.open_units {
        let mut transaction = interrupt(open, &doubts, now);
        if lies_in_the_cell(open, recovery) {
            let left = JournalEntry::UnitLeft { serial: open.unit.serial.clone() };
            transaction.journal.insert(0, left);
        }
        let order = open.context.order.as_ref().and_then(|id| orders.get_mut(id));
        if let Some(KnownOrder { terms, progress }) = order {
            progress.close_one(UnitResult::Interrupted);
            let entry = JournalEntry::OrderProgress { order: terms.id.clone(), progress: *progress };
            transaction.journal.push(entry);
        }
        transactions.push(transaction);
    }
    transactions
}

/// Something of it was recorded: a person may be offered to go on with it, and what is known of it is kept for that.
fn lies_in_the_cell(open: &OpenUnit, recovery: &Recovery) -> bool {
    recovery.places.keys().any(|part| is_of(part, &open.unit.serial))
}

/// The unit or a part of it.
fn is_of(part: &str, serial: &str) -> bool {
    part.strip_prefix(serial).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn interrupt(open: &OpenUnit, doubts: &[Route], now: Stamp) -> Transaction {
    let draft =
        |data| EventDraft { time: now, context: open.context.clone(), unit: Some(open.unit.clone()), data };
    let mut events: Vec<EventDraft> = open
        .intents
        .iter()
        .map(|intent| {
            draft(EventData::StepOutcome(StepEnded {
                step: intent.step.clone(),
                n: intent.n,
                station: intent.station.clone(),
                attempt: intent.attempt,
                start: intent.time.rfc3339(),
                // When the controller died is not known; this is when it was noticed. Monotonic time
                // does not span a restart, so there is no duration.
                end: now.rfc3339(),
                duration_ns: 0,
                outcome: StepOutcome::Interrupted,
                cause: Some(RESTART.to_owned()),
                operator: None,
                training: None,
                equipment: Vec::new(),
                components: Vec::new(),
                measurements: Vec::new(),
                curves: Vec::new(),
                label: None,
                environment: Vec::new(),
            }))
        })
        .collect();
    let not_passed = events.len() as u32;
    events.push(draft(EventData::UnitResult(UnitEnded {
        result: UnitResult::Interrupted,
        cause: Some(RESTART.to_owned()),
        retested: false,
        counts: StepCounts { attempts: not_passed, passed: 0, not_passed },
    })));
    let closed =
        JournalEntry::UnitClosed { serial: open.unit.serial.clone(), result: UnitResult::Interrupted };
    // What was under way is forgotten with the unit; where its parts may be is not.
    let of_unit = doubts.iter().filter(|d| is_of(&d.part, &open.unit.serial));
    let doubts = of_unit.map(|route| JournalEntry::PartDoubt { route: route.clone() });
    let journal = core::iter::once(closed).chain(doubts).collect();
    Transaction { ticket: 0, journal, events, curves: Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cellwright_model::event::{CellRef, ClockState, Context, RecipeRef, UnitContext};
    use cellwright_model::order::*;
    use cellwright_model::outcome::{Origin, Purpose};
    use cellwright_trace::chain::Head;
    use cellwright_trace::outbox::OpenIntent;

    use super::*;

    fn open_unit() -> OpenUnit {
        let cell = CellRef { id: "cell".into(), hash: "00".into() };
        let recipe = RecipeRef {
            id: "r".into(),
            version: "1".into(),
            hash: "11".into(),
            plan_hash: None,
            variant: None,
            set: Default::default(),
            approval: None,
        };
        let context = Context {
            origin: Origin::Twin,
            purpose: Purpose::Trial,
            cell,
            program: "p".into(),
            order: Some("O".into()),
            lot: None,
            clock_state: ClockState::Unsynchronised,
        };
        let intent = OpenIntent {
            step: "press".into(),
            n: 4,
            attempt: 2,
            station: Some("press".into()),
            time: Stamp { wall_unix_ns: 5, monotonic_ns: 5 },
            route: Some(route()),
        };
        OpenUnit {
            context: Arc::new(context),
            unit: Arc::new(UnitContext { serial: "CW-7".into(), udi: None, recipe }),
            opened: Stamp { wall_unix_ns: 1, monotonic_ns: 1 },
            intents: vec![intent],
            kept: true,
            outcomes: Vec::new(),
            components: Vec::new(),
        }
    }

    #[test]
    fn an_open_unit_ends_interrupted_with_the_step_that_was_under_way() {
        let recovery = Recovery { open_units: vec![open_unit()], ..recovery() };
        let now = Stamp { wall_unix_ns: 9, monotonic_ns: 9 };
        let transactions = interrupted(&recovery, now);
        assert_eq!(transactions.len(), 1);
        let Transaction { ticket, journal, events, .. } = &transactions[0];
        assert_eq!(*ticket, 0, "nothing waits for it");
        let [JournalEntry::UnitClosed { serial, .. }, JournalEntry::PartDoubt { route: kept }] = &journal[..]
        else {
            panic!("{journal:?}")
        };
        assert_eq!((serial.as_str(), kept), ("CW-7", &route()), "where its parts may be is not forgotten");
        let [step, result] = &events[..] else { panic!("{events:?}") };
        let EventData::StepOutcome(step) = &step.data else { panic!("{step:?}") };
        assert_eq!((step.n, step.attempt, step.outcome), (4, 2, StepOutcome::Interrupted));
        let EventData::UnitResult(end) = &result.data else { panic!("{result:?}") };
        assert_eq!((end.result, end.counts.attempts), (UnitResult::Interrupted, 1));
        assert_eq!(result.unit.as_ref().map(|u| u.serial.as_str()), Some("CW-7"));
    }

    fn route() -> Route {
        let places = ["nest/0", "robot_r", "good_tray/4"].map(String::from).to_vec();
        Route { part: "CW-7".into(), places, seen_by: None }
    }

    #[test]
    fn a_part_belongs_to_its_unit_and_to_no_other() {
        assert!(is_of("CW-7", "CW-7") && is_of("CW-7/hub", "CW-7"));
        assert!(!is_of("CW-70", "CW-7") && !is_of("CW-6/hub", "CW-7"));
    }

    #[test]
    fn each_interrupted_unit_is_counted_for_its_order() {
        let terms = OrderTerms {
            id: "O".into(),
            lot: "L".into(),
            product: Product { part: "P".into(), di: None },
            recipe: RecipePin { id: "r".into(), version: "1".into(), hash: "11".into() },
            variant: None,
            quantity: 5,
            starts_max: 9,
            serials: SerialRange { prefix: "L-".into(), digits: 1, first: 1, last: 9 },
            due: None,
            purpose: Purpose::Trial,
            sets: Default::default(),
        };
        let progress = OrderProgress { started: 4, good: 1, ng: 1, ..OrderProgress::default() };
        let orders = OrderBook::from([("O".to_owned(), KnownOrder { terms, progress })]);
        let recovery = Recovery { open_units: vec![open_unit(), open_unit()], orders, ..recovery() };
        let counted: Vec<OrderProgress> = interrupted(&recovery, Stamp { wall_unix_ns: 9, monotonic_ns: 9 })
            .iter()
            .flat_map(|t| &t.journal)
            .filter_map(|entry| match entry {
                JournalEntry::OrderProgress { order, progress } if order == "O" => Some(*progress),
                _ => None,
            })
            .collect();
        let last = OrderProgress { interrupted: 2, ..progress };
        assert_eq!(counted, [OrderProgress { interrupted: 1, ..progress }, last]);
        assert_eq!(at_rest(&recovery.orders)["O"].progress, last, "as a run counts on from");
    }

    #[test]
    fn nothing_open_is_nothing_interrupted() {
        assert!(interrupted(&recovery(), Stamp { wall_unix_ns: 9, monotonic_ns: 9 }).is_empty());
    }

    fn recovery() -> Recovery {
        Recovery {
            fresh: false,
            head: Head::empty("cell-0"),
            delivered: 0,
            open_units: Vec::new(),
            left_units: Vec::new(),
            orders: Default::default(),
            serial_counter: Some(7),
            tray_cursors: Default::default(),
            tray_lots: Default::default(),
            picks: Default::default(),
            places: Default::default(),
            identities: Default::default(),
            doubts: Default::default(),
            subdevices: Default::default(),
        }
    }
}
