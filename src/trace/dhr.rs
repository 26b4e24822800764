//! The device history record of a serial, read from a store.
//!
//! A unit that comes back for a rework is opened again under its serial: each *opening* has an end of its own, and the
//! record of the serial is all of them, in their order.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::chain::SealedLine;
use crate::error::TraceError;
use crate::store::{Records, Row};

mod lives;
mod lot;

pub use lot::{LotComponent, LotReport, LotUnit, lot};

const STEP: &str = "cellwright.step.outcome";

/// One opening of a unit in the list of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub serial: String,
    /// `good`, `ng`, `interrupted`, of this opening; None while the unit is in work.
    pub result: Option<String>,
    pub cause: Option<String>,
    pub retested: bool,
    pub recipe: String,
    pub version: String,
    pub order: Option<String>,
    pub lot: Option<String>,
    pub origin: String,
    pub purpose: String,
    /// RFC 3339.
    pub opened: String,
    /// RFC 3339.
    pub ended: Option<String>,
    pub stream: String,
}

/// All openings of units of a store in their order within their stream.
///
/// # Errors
/// The store cannot be read, or an event of it cannot: then `verify` says which.
pub fn list(records: &dyn Records) -> Result<Vec<Summary>, TraceError> {
    let results = events(records.of_type("cellwright.unit.result")?)?;
    let opened = events(records.of_type("cellwright.unit.opened")?)?;
    let ends = lives::ends(&opened, &results);
    Ok(opened
        .iter()
        .zip(ends)
        .filter(|(e, _)| e.serial().is_some())
        .map(|(e, end)| summary(e, end))
        .collect())
}

fn summary(opened: &SealedLine, result: Option<&SealedLine>) -> Summary {
    let word = |path: &str| opened.data.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let of_result = |name: &str| result.and_then(|e| e.data.get(name)?.as_str()).map(str::to_owned);
    Summary {
        serial: opened.serial().unwrap_or_default().to_owned(),
        result: of_result("result"),
        cause: of_result("cause"),
        retested: result.and_then(|e| e.data.get("retested")?.as_bool()).unwrap_or(false),
        recipe: word("/recipe/id").unwrap_or_default(),
        version: word("/recipe/version").unwrap_or_default(),
        order: word("/order"),
        lot: word("/lot"),
        origin: word("/origin").unwrap_or_default(),
        purpose: word("/purpose").unwrap_or_default(),
        opened: opened.time.clone(),
        ended: result.map(|e| e.time.clone()),
        stream: opened.stream.clone(),
    }
}

/// The record of a serial, in the shape of `dhr show --json`.
///
/// # Errors
/// There is no such serial; several streams have it and `stream` does not say which; the store
/// cannot be read.
pub fn show(records: &dyn Records, serial: &str, stream: Option<&str>) -> Result<Value, TraceError> {
    let mut events = events(records.of_serial(serial)?)?;
    if let Some(stream) = stream {
        events.retain(|e| e.stream == stream);
    }
    let Some(first) = events.first() else {
        return Err(TraceError::NotFound(format!("no record of serial {serial} in {}", records.name())));
    };
    if let Some(other) = events.iter().find(|e| e.stream != first.stream) {
        return Err(TraceError::NotFound(format!(
            "serial {serial} is in several streams ({}, {}): say which",
            first.stream, other.stream
        )));
    }
    Ok(record(serial, &events))
}

fn record(serial: &str, events: &[SealedLine]) -> Value {
    let of_type = |name: &'static str| events.iter().filter(move |e| e.type_name == name);
    let openings = lives::split(events);
    let last = openings.last().copied().unwrap_or_default();
    let result = last.iter().rfind(|e| e.type_name == lives::RESULT);
    // Events of a unit carry all context; the last opening, or what there is first, says what holds for it now.
    let base = last.iter().find(|e| e.type_name == lives::OPENED).or(events.first());
    let field = |name: &str| base.and_then(|e| e.data.get(name)).cloned().unwrap_or(Value::Null);
    let end = |name: &str| result.and_then(|e| e.data.get(name)).cloned().unwrap_or(Value::Null);
    let steps: Vec<&SealedLine> = of_type(STEP).collect();
    json!({
        "serial": serial,
        "result": end("result"),
        "cause": end("cause"),
        "retested": end("retested"),
        "disposition": null,
        "released": null,
        "origin": field("origin"),
        "purpose": field("purpose"),
        "order": field("order"),
        "lot": field("lot"),
        "udi": field("udi"),
        "recipe": field("recipe"),
        "cell": field("cell"),
        "program": field("program"),
        "operator": field("operator"),
        "opened": of_type(lives::OPENED).next().map(|e| e.time.as_str()),
        "ended": result.map(|e| e.time.as_str()),
        "components": components(&steps),
        "equipment": gather(&steps, "equipment"),
        "environment": gather(&steps, "environment"),
        "openings": openings.iter().map(|life| opening(life)).collect::<Vec<_>>(),
        "steps": lives::numbered(&openings).filter(|(_, e)| e.type_name == STEP).map(step).collect::<Vec<_>>(),
        "decisions": of_type("cellwright.operator.answer").map(decision).collect::<Vec<_>>(),
        "chain": chain(events),
    })
}

/// Every entry of that list over all steps, each once, in the order of their first use.
fn gather(steps: &[&SealedLine], name: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for step in steps {
        for entry in step.data.get(name).and_then(Value::as_array).into_iter().flatten() {
            if !all.contains(entry) {
                all.push(entry.clone());
            }
        }
    }
    all
}

/// Every component once, in the order of their first use: a later entry of the same part and lot says what
/// an earlier one left open (a lot is known when it is taken, a serial when it is scanned).
fn components(steps: &[&SealedLine]) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for entry in gather(steps, "components") {
        let same = |known: &Value| {
            let agrees = |field: &str| {
                known[field].is_null() || entry[field].is_null() || known[field] == entry[field]
            };
            known["name"] == entry["name"] && ["part", "lot", "serial"].into_iter().all(agrees)
        };
        match all.iter_mut().find(|known| same(known)) {
            Some(known) => {
                for field in ["part", "lot", "serial"].into_iter().filter(|f| !entry[*f].is_null()) {
                    known[field] = entry[field].clone();
                }
            }
            None => all.push(entry),
        }
    }
    all
}

/// What one opening came to.
fn opening(life: &[SealedLine]) -> Value {
    let find = |name: &str| life.iter().find(|e| e.type_name == name);
    let (base, end) = (find(lives::OPENED).or(life.first()), find(lives::RESULT));
    let field = |e: Option<&SealedLine>, name: &str| e.and_then(|e| e.data.get(name)).cloned();
    let mut opening = json!({
        "result": field(end, "result"),
        "cause": field(end, "cause"),
        "retested": field(end, "retested"),
        "purpose": field(base, "purpose"),
        "order": field(base, "order"),
        "lot": field(base, "lot"),
        "recipe": field(base, "recipe"),
        "opened": find(lives::OPENED).map(|e| e.time.as_str()),
        "ended": end.map(|e| e.time.as_str()),
    });
    if let Some(resumed) = field(base, "resumed") {
        opening["resumed"] = resumed;
    }
    opening
}

/// `at`: the place of its opening among those of the serial, from 1.
fn step((at, event): (usize, &SealedLine)) -> Value {
    let names = [
        ("id", "step"),
        ("n", "n"),
        ("station", "station"),
        ("attempt", "attempt"),
        ("start", "start"),
        ("end", "end"),
        ("duration_ns", "duration_ns"),
        ("outcome", "outcome"),
        ("cause", "cause"),
        ("operator", "operator"),
        ("training", "training"),
        ("equipment", "equipment"),
        ("components", "components"),
        ("measurements", "measurements"),
        ("curves", "curves"),
    ];
    let take = |(name, field): (&str, &str)| {
        (name.to_owned(), event.data.get(field).cloned().unwrap_or(Value::Null))
    };
    let mut step: Map<String, Value> = names.into_iter().map(take).collect();
    step.insert("opening".into(), json!(at));
    for field in ["order", "purpose"] {
        step.insert(field.into(), event.data.get(field).cloned().unwrap_or(Value::Null));
    }
    if let Some(label) = event.data.get("label") {
        step.insert("label".into(), label.clone());
    }
    step.insert("event".into(), json!({"seq": event.seq, "hash": event.hash}));
    Value::Object(step)
}

fn decision(event: &SealedLine) -> Value {
    let field = |name: &str| event.data.get(name).cloned().unwrap_or(Value::Null);
    json!({
        "time": event.time, "step": field("step"), "prompt": field("prompt"), "answer": field("answer"),
        "operator": field("operator"), "reason": field("reason"),
    })
}

/// Where the unit stands in the chain; `head` is the hash of its last event.
fn chain(events: &[SealedLine]) -> Value {
    match (events.first(), events.last()) {
        (Some(first), Some(last)) => json!({
            "stream": first.stream, "first_seq": first.seq, "last_seq": last.seq, "head": last.hash,
        }),
        _ => Value::Null,
    }
}

pub(crate) fn events(rows: Vec<Row>) -> Result<Vec<SealedLine>, TraceError> {
    let read = |row: Row| {
        SealedLine::read(&row.line).map_err(|e| {
            TraceError::NotFound(format!(
                "event {}:{} cannot be read: {e}; `dhr verify` lists all that does not hold",
                row.stream, row.seq
            ))
        })
    };
    rows.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests;
