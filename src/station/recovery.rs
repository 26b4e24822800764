//! After a kill or a power cut: the unit that was open is interrupted, and so is each step that was under
//! way. Nothing is guessed: what became of the part is a person's decision later.

use cellwright_model::event::{
    EventData, EventDraft, JournalEntry, Stamp, StepCounts, StepEnded, Transaction, UnitEnded,
};
use cellwright_model::outcome::{StepOutcome, UnitResult};
use cellwright_trace::outbox::{OpenUnit, Recovery};

/// One transaction for each unit that the last life of the controller left open.
///
/// Its ticket is 0: the engine counts its own from 1, and nothing waits for these.
pub fn interrupted(recovery: &Recovery, now: Stamp) -> Vec<Transaction> {
    recovery.open_units.iter().map(|open| interrupt(open, now)).collect()
}

fn interrupt(open: &OpenUnit, now: Stamp) -> Transaction {
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
                cause: Some("controller-restart".to_owned()),
                operator: None,
                training: None,
                equipment: Vec::new(),
                components: Vec::new(),
                measurements: Vec::new(),
                curves: Vec::new(),
                environment: Vec::new(),
            }))
        })
        .collect();
    let not_passed = events.len() as u32;
    events.push(draft(EventData::UnitResult(UnitEnded {
        result: UnitResult::Interrupted,
        cause: Some("controller-restart".to_owned()),
        retested: false,
        counts: StepCounts { attempts: not_passed, passed: 0, not_passed },
    })));
    let closed =
        JournalEntry::UnitClosed { serial: open.unit.serial.clone(), result: UnitResult::Interrupted };
    Transaction { ticket: 0, journal: vec![closed], events, curves: Vec::new() }
}
