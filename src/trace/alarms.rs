//! The history of alarms, read from a store: each with when it was raised, acknowledged and cleared.

use std::collections::BTreeMap;

use cellwright_model::event::{AlarmChange, AlarmChanged, AlarmClass, EventData};
use serde::Serialize;
use serde_json::Value;

use crate::chain::SealedLine;
use crate::dhr;
use crate::error::TraceError;
use crate::store::Records;

/// One alarm from its beginning to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlarmLife {
    /// Its word in the catalogue.
    pub code: String,
    /// Its number in the life of the controller that raised it.
    pub number: u32,
    pub class: AlarmClass,
    pub first_out: bool,
    /// Number of the first-out alarm that it follows from.
    pub follows: Option<u32>,
    pub place: String,
    pub cause: String,
    pub remedy: String,
    /// RFC 3339.
    pub raised: String,
    /// RFC 3339; None: nobody did.
    pub acknowledged: Option<String>,
    pub acknowledged_by: Option<String>,
    /// From raised to acknowledged by the monotonic clock.
    pub acknowledged_after_ns: Option<u64>,
    /// RFC 3339; None: active, or the controller ended before.
    pub cleared: Option<String>,
    /// From raised to cleared by the monotonic clock.
    pub active_ns: Option<u64>,
    /// Raised again meanwhile, and what followed from it; known when it was cleared.
    pub repeats: u32,
    pub consequences: u32,
    pub stream: String,
}

/// All alarms of a store in the order of their raising within their stream.
///
/// # Errors
/// The store cannot be read, or an event of it cannot: then `verify` says which.
pub fn alarms(records: &dyn Records) -> Result<Vec<AlarmLife>, TraceError> {
    let events = dhr::events(records.of_type("cellwright.alarm")?)?;
    let mut lives: Vec<(AlarmLife, u64)> = Vec::new();
    // Numbers begin anew with each life of a controller.
    let mut at: BTreeMap<(String, String, u32), usize> = BTreeMap::new();
    for event in &events {
        let Some(EventData::Alarm(change)) = EventData::from_json(&event.type_name, &event.data) else {
            continue;
        };
        let Some((code, number)) = numbered(&change.id) else { continue };
        let boot = event.data.pointer("/clock/boot_id").and_then(Value::as_str).unwrap_or_default();
        let key = (event.stream.clone(), boot.to_owned(), number);
        let now = monotonic_ns(event);
        if change.change == AlarmChange::Raised {
            at.insert(key, lives.len());
            lives.push((raised(event, &change, code, number), now));
        } else if let Some((life, since)) = at.get(&key).and_then(|i| lives.get_mut(*i)) {
            go_on(life, event, &change, now.saturating_sub(*since));
        }
    }
    Ok(lives.into_iter().map(|(life, _)| life).collect())
}

/// `safety-input#3`.
fn numbered(id: &str) -> Option<(&str, u32)> {
    let (code, number) = id.rsplit_once('#')?;
    Some((code, number.parse().ok()?))
}

fn monotonic_ns(event: &SealedLine) -> u64 {
    let text = event.data.pointer("/clock/monotonic_ns").and_then(Value::as_str);
    text.and_then(|t| t.parse().ok()).unwrap_or(0)
}

fn raised(event: &SealedLine, change: &AlarmChanged, code: &str, number: u32) -> AlarmLife {
    AlarmLife {
        code: code.to_owned(),
        number,
        class: change.class,
        first_out: change.first_out,
        follows: change.follows,
        place: change.place.clone(),
        cause: change.cause.clone(),
        remedy: change.remedy.clone(),
        raised: event.time.clone(),
        acknowledged: None,
        acknowledged_by: None,
        acknowledged_after_ns: None,
        cleared: None,
        active_ns: None,
        repeats: 0,
        consequences: 0,
        stream: event.stream.clone(),
    }
}

fn go_on(life: &mut AlarmLife, event: &SealedLine, change: &AlarmChanged, after_ns: u64) {
    if change.change == AlarmChange::Acknowledged {
        life.acknowledged = Some(event.time.clone());
        life.acknowledged_by = change.who.clone();
        life.acknowledged_after_ns = Some(after_ns);
    } else {
        life.cleared = Some(event.time.clone());
        life.active_ns = Some(after_ns);
        (life.repeats, life.consequences) = (change.repeats, change.consequences);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Sealer;
    use crate::ingest::{Verdict, take_batch};
    use crate::store::{SqliteReader, SqliteStore, StoreOptions};
    use crate::testing;
    use cellwright_model::event::{EventDraft, Stamp};

    fn change(ns: u64, id: &str, change: AlarmChange, who: Option<&str>) -> EventDraft {
        let like = testing::unit_drafts("S1").remove(0);
        let data = EventData::Alarm(AlarmChanged {
            id: id.into(),
            class: AlarmClass::Abort,
            change,
            first_out: true,
            cause: "off: estop_ok".into(),
            place: "estop_ok".into(),
            remedy: "release it; then Clear, Reset, Start".into(),
            who: who.map(str::to_owned),
            follows: None,
            repeats: 2,
            consequences: 5,
        });
        let time = Stamp { wall_unix_ns: 1_700_000_000_000_000_000 + i128::from(ns), monotonic_ns: ns };
        EventDraft { time, unit: None, data, ..like }
    }

    #[test]
    fn an_alarm_is_followed_from_raised_to_cleared_and_not_into_another_life() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("dhr.db");
        let mut store = SqliteStore::open(&path, StoreOptions::default()).expect("a store");
        let mut sealer = Sealer::simulated(&testing::address(), 1);
        let first = [
            change(1_000, "safety-input#1", AlarmChange::Raised, None),
            change(4_000, "safety-input#1", AlarmChange::Acknowledged, Some("anna")),
            change(9_000, "safety-input#1", AlarmChange::Cleared, Some("anna")),
        ];
        let mut lines: Vec<String> =
            first.into_iter().map(|d| sealer.seal(d).expect("plain numbers").line).collect();
        let mut again = Sealer::new(&testing::address(), "another", &sealer.head());
        let second = change(500, "drive#1", AlarmChange::Raised, None);
        lines.push(again.seal(second).expect("plain numbers").line);
        assert_eq!(take_batch(&mut store, &lines.join("\n")), Verdict::Committed { seq: 4 });

        let all = alarms(&SqliteReader::open(&path).expect("a store")).expect("read");
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].code.as_str(), all[0].number), ("safety-input", 1));
        assert_eq!(all[0].acknowledged_by.as_deref(), Some("anna"));
        assert_eq!((all[0].acknowledged_after_ns, all[0].active_ns), (Some(3_000), Some(8_000)));
        assert_eq!((all[0].repeats, all[0].consequences), (2, 5));
        assert_eq!((all[1].code.as_str(), all[1].active_ns, &all[1].cleared), ("drive", None, &None));
    }
}
