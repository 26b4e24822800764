//! What delivery and recorder say to each other, and how a recorder judges a batch.
//!
//! Delivery asks `…/ingest` with the lines of at most [`BATCH_MAX`] consecutive events, one a line, and
//! `…/ingest/curve/{sha256}` with the bytes of one curve. The recorder answers with a [`Reply`].
//! `seq` in a reply is always the last event that the recorder has, without gaps, of that stream.

use cellwright_model::curve::sha256_hex;
use serde::{Deserialize, Serialize};

use crate::chain::{Head, SealedLine};
use crate::error::TraceError;
use crate::store::Store;
use crate::store::curves::is_hash;

/// Events in one batch.
pub(crate) const BATCH_MAX: usize = 64;
/// Bytes in one batch beyond which no further event goes in: a batch stays one small message.
pub(crate) const BATCH_BYTES: usize = 1 << 20;

/// The recorder's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// The store that answers.
    pub store: String,
    #[serde(flatten)]
    pub verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// Durable up to `seq`.
    Committed { seq: u64 },
    /// Durable: the curve.
    CurveKept,
    /// These curves first, then the batch again.
    CurvesMissing { hashes: Vec<String> },
    /// There is a gap: go on after `seq`.
    Behind { seq: u64 },
    /// Never acceptable.
    Refused { reason: String },
    /// Not now: disk or database.
    Failing { reason: String },
}

/// Judges a batch and, if it holds, makes it durable.
pub(crate) fn take_batch(store: &mut dyn Store, text: &str) -> Verdict {
    let events = match read_batch(text) {
        Ok(events) => events,
        Err(reason) => return Verdict::Refused { reason },
    };
    store.recover().and_then(|()| judge(store, events)).unwrap_or_else(failing)
}

/// Checks a curve and makes it durable.
pub(crate) fn take_curve(store: &mut dyn Store, hash: &str, bytes: &[u8]) -> Verdict {
    if !is_hash(hash) || sha256_hex(bytes) != hash {
        return Verdict::Refused { reason: format!("curve {hash}: its content has another hash") };
    }
    store.put_curve(hash, bytes).map_or_else(failing, |()| Verdict::CurveKept)
}

fn failing(error: TraceError) -> Verdict {
    Verdict::Failing { reason: error.to_string() }
}

fn read_batch(text: &str) -> Result<Vec<SealedLine>, String> {
    let mut events: Vec<SealedLine> = Vec::new();
    for line in text.lines() {
        if events.len() == BATCH_MAX {
            return Err(format!("more than {BATCH_MAX} events in a batch"));
        }
        let place =
            || events.last().map_or("first event".into(), |e| format!("event after {}:{}", e.stream, e.seq));
        let event = SealedLine::read(line).map_err(|e| format!("{}: {e}", place()))?;
        if let Some(before) = events.last()
            && (event.stream != before.stream || event.seq != before.seq + 1 || event.prevhash != before.hash)
        {
            return Err(format!(
                "{}:{} does not follow {}:{}",
                event.stream, event.seq, before.stream, before.seq
            ));
        }
        if let Some(hash) = event.curve_hashes().find(|hash| !is_hash(hash)) {
            return Err(format!("{}:{}: `{hash}` is not the hash of a curve", event.stream, event.seq));
        }
        events.push(event);
    }
    if events.is_empty() { Err("an empty batch".into()) } else { Ok(events) }
}

fn judge(store: &mut dyn Store, mut events: Vec<SealedLine>) -> Result<Verdict, TraceError> {
    let Some(first) = events.first() else { return Ok(Verdict::Refused { reason: "an empty batch".into() }) };
    let head = store.head(&first.stream)?;
    if first.seq > head.seq + 1 {
        return Ok(Verdict::Behind { seq: head.seq });
    }
    if let Some(reason) = conflict(store, &events, &head)? {
        return Ok(Verdict::Refused { reason });
    }
    events.retain(|event| event.seq > head.seq);
    let kind = store.kind();
    for event in &events {
        if let Some(reason) = kind.refuses(event) {
            return Ok(Verdict::Refused { reason: format!("{}:{}: {reason}", event.stream, event.seq) });
        }
    }
    let mut hashes: Vec<String> = Vec::new();
    for hash in events.iter().flat_map(SealedLine::curve_hashes) {
        if !hashes.iter().any(|known| known == hash) && !store.has_curve(hash)? {
            hashes.push(hash.to_owned());
        }
    }
    if !hashes.is_empty() {
        return Ok(Verdict::CurvesMissing { hashes });
    }
    store.append(&events)?;
    Ok(Verdict::Committed { seq: events.last().map_or(head.seq, |last| last.seq) })
}

/// What is kept already must be the same; what is new must follow it.
fn conflict(store: &dyn Store, events: &[SealedLine], head: &Head) -> Result<Option<String>, TraceError> {
    for event in events {
        let place = format!("{}:{}", event.stream, event.seq);
        if event.seq == head.seq + 1 && event.prevhash != head.hash {
            return Ok(Some(format!("{place} does not follow what is kept")));
        }
        if event.seq <= head.seq && store.hash_at(&event.stream, event.seq)?.as_ref() != Some(&event.hash) {
            return Ok(Some(format!("another event is kept as {place}")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
