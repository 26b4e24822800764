//! Whether a store still is what was recorded.
//!
//! Each event's form, hash, id and columns; the chain of each stream without gaps; each curve file by
//! its hash; the heads that the recorder noted; and the end of each stream against a reference that
//! is kept elsewhere: the cell's outbox or exported heads.

use std::collections::BTreeMap;
use std::path::Path;

use cellwright_model::curve::sha256_hex;
use serde::{Deserialize, Serialize};

use crate::chain::{Head, NO_HASH, SealedLine};
use crate::error::TraceError;
use crate::heads::Heads;
use crate::outbox::OutboxReader;
use crate::store::curves::is_hash;
use crate::store::{Records, Row, SqliteReader, StoreKind};

/// Problems that are listed one by one; the rest is counted in a last one.
const PROBLEMS_MAX: usize = 1_000;

/// What `verify` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    pub ok: bool,
    /// Events that were looked at.
    pub events: u64,
    /// Against what the end of the record was checked: `outbox`, `heads.json` or `none`.
    pub head_checked: String,
    pub problems: Vec<Problem>,
    /// Events that wait in the outbox for their delivery: not lost, not yet in the store.
    pub undelivered: u64,
}

/// One thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `stream:seq`, a curve's file, or the store.
    #[serde(rename = "where")]
    pub place: String,
    pub what: String,
}

/// What is kept elsewhere and says where the record has to end.
#[derive(Debug, Default)]
pub struct Reference {
    pub outbox: Option<OutboxReader>,
    pub heads: Option<Heads>,
}

/// Verifies a SQLite store against the outbox of `state_dir` (if there is one) and exported heads.
///
/// # Errors
/// The store or the heads file does not exist, or a file cannot be read at all.
pub fn verify_files(
    store: &Path,
    state_dir: Option<&Path>,
    heads: Option<&Path>,
) -> Result<VerifyReport, TraceError> {
    let outbox = match state_dir.map(OutboxReader::open) {
        Some(Err(TraceError::NotFound(_))) | None => None,
        Some(opened) => Some(opened?),
    };
    let heads = heads.map(Heads::read).transpose()?;
    let reference = Reference { outbox, heads };
    match SqliteReader::open(store) {
        Ok(records) => verify(&records, &reference),
        Err(e @ TraceError::NotFound(_)) => Err(e),
        Err(e) => {
            let mut check = Check::default();
            check.problem(store.display(), e);
            Ok(check.report("none", 0))
        }
    }
}

/// Verifies a store; what cannot be read in it is a problem and not an error.
///
/// # Errors
/// The reference cannot be read.
pub fn verify(records: &dyn Records, reference: &Reference) -> Result<VerifyReport, TraceError> {
    let mut check = Check::default();
    // Before the scan, since delivery may go on: what was delivered by now has to be found.
    let delivered = reference.outbox.as_ref().map(OutboxReader::delivered).transpose()?;
    let kind = records.kind().unwrap_or_else(|e| {
        check.problem(records.name(), e);
        StoreKind::Trial
    });
    if let Err(e) = records.scan(&mut |row| check.row(records, kind, &row)) {
        check.problem(records.name(), e);
    }
    check.noted_heads(records);
    let mut undelivered = 0;
    if let (Some(outbox), Some(delivered)) = (&reference.outbox, delivered) {
        undelivered = check.against_outbox(outbox, delivered)?;
    }
    if let Some(heads) = &reference.heads {
        check.against_heads(heads);
    }
    let checked = match reference {
        Reference { outbox: Some(_), .. } => "outbox",
        Reference { heads: Some(_), .. } => "heads.json",
        _ => "none",
    };
    Ok(check.report(checked, undelivered))
}

/// What is known of one stream after its rows were seen.
#[derive(Debug, Default)]
struct Stream {
    /// Last seq seen.
    last: u64,
    /// Hash of the last row by its line, None if the line is broken.
    hash: Option<String>,
    /// Hash of each row as its line has it.
    hashes: BTreeMap<u64, String>,
}

#[derive(Default)]
struct Check {
    events: u64,
    problems: Vec<Problem>,
    more: u64,
    streams: BTreeMap<String, Stream>,
    /// Curves already looked at, so that each is read once.
    curves: BTreeMap<String, ()>,
}

impl Check {
    fn problem(&mut self, place: impl ToString, what: impl ToString) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { place: place.to_string(), what: what.to_string() });
        } else {
            self.more += 1;
        }
    }

    fn report(mut self, head_checked: &str, undelivered: u64) -> VerifyReport {
        if self.more > 0 {
            let what = format!("{} more problems", self.more);
            self.problems.push(Problem { place: "store".into(), what });
        }
        VerifyReport {
            ok: self.problems.is_empty(),
            events: self.events,
            head_checked: head_checked.into(),
            problems: self.problems,
            undelivered,
        }
    }

    fn row(&mut self, records: &dyn Records, kind: StoreKind, row: &Row) {
        self.events += 1;
        let place = format!("{}:{}", row.stream, row.seq);
        let Ok(seq @ 1..) = u64::try_from(row.seq) else {
            return self.problem(place, "extra: events count from 1");
        };
        let stream = self.streams.entry(row.stream.clone()).or_default();
        let (last, before) = (stream.last, stream.hash.take());
        stream.last = seq;
        if seq > last + 1 {
            self.problem(&place, format!("missing before it: events {} to {}", last + 1, seq - 1));
        }
        let event = match SealedLine::read(&row.line) {
            Ok(event) => event,
            Err(e) => return self.problem(&place, format!("altered: {e}")),
        };
        if (&event.stream, event.seq) != (&row.stream, seq) {
            return self.problem(&place, format!("exchanged: the row holds {}:{}", event.stream, event.seq));
        }
        let expected = if seq == 1 { Some(NO_HASH.to_owned()) } else { before };
        if seq == last + 1 && expected.is_some_and(|hash| hash != event.prevhash) {
            self.problem(&place, "does not follow the event before it");
        }
        self.columns(&place, row, &event);
        if let Some(reason) = kind.refuses(&event) {
            self.problem(&place, reason);
        }
        for hash in event.curve_hashes() {
            self.curve(records, &place, hash);
        }
        if let Some(stream) = self.streams.get_mut(&row.stream) {
            stream.hash = Some(event.hash.clone());
            stream.hashes.insert(seq, event.hash);
        }
    }

    fn columns(&mut self, place: &str, row: &Row, event: &SealedLine) {
        let columns = [
            ("hash", Some(row.hash.as_str()), Some(event.hash.as_str())),
            ("prevhash", Some(&row.prevhash), Some(&event.prevhash)),
            ("type", Some(&row.type_name), Some(&event.type_name)),
            ("time", Some(&row.time), Some(&event.time)),
            ("serial", row.serial.as_deref(), event.serial()),
        ];
        for (name, column, line) in columns {
            if column != line {
                self.problem(place, format!("altered: column {name} is {column:?}, the event says {line:?}"));
            }
        }
    }

    fn curve(&mut self, records: &dyn Records, place: &str, hash: &str) {
        if self.curves.insert(hash.to_owned(), ()).is_some() {
            return;
        }
        let file = if is_hash(hash) { format!("curves/{}/{hash}", &hash[..2]) } else { hash.to_owned() };
        match records.curve(hash) {
            Ok(Some(bytes)) if sha256_hex(&bytes) == hash => {}
            Ok(Some(_)) => self.problem(file, format!("altered: curve of {place}")),
            Ok(None) => self.problem(file, format!("missing: curve of {place}")),
            Err(e) => self.problem(file, e),
        }
    }

    /// The heads that the recorder noted with the events.
    fn noted_heads(&mut self, records: &dyn Records) {
        let heads = match records.heads() {
            Ok(heads) => heads,
            Err(e) => return self.problem(records.name(), e),
        };
        let noted: BTreeMap<&str, &Head> = heads.iter().map(|h| (h.stream.as_str(), h)).collect();
        for head in &heads {
            self.ends_at("the recorder noted", head, true);
        }
        let streams: Vec<String> = self.streams.keys().cloned().collect();
        for stream in streams.iter().filter(|stream| !noted.contains_key(stream.as_str())) {
            self.problem(stream, "the recorder noted no head of this stream");
        }
    }

    fn against_heads(&mut self, heads: &Heads) {
        for head in &heads.heads {
            self.ends_at("heads.json says", head, false);
        }
    }

    /// The event of a head is there; with `last` none comes after it.
    fn ends_at(&mut self, who: &str, head: &Head, last: bool) {
        let place = format!("{}:{}", head.stream, head.seq);
        let empty = Stream::default();
        let stream = self.streams.get(&head.stream).unwrap_or(&empty);
        let what = if stream.last < head.seq {
            format!("missing at the end: events {} to {}, {who}", stream.last + 1, head.seq)
        } else if last && stream.last > head.seq {
            format!("extra: events {} to {} after the head that {who}", head.seq + 1, stream.last)
        } else if head.seq > 0 && stream.hashes.get(&head.seq) != Some(&head.hash) {
            format!("another event than {who}")
        } else {
            return;
        };
        self.problem(place, what);
    }

    /// Every event that the outbox still has; gives the number of those that wait for delivery.
    fn against_outbox(&mut self, outbox: &OutboxReader, delivered: u64) -> Result<u64, TraceError> {
        let head = outbox.head()?;
        let hashes = outbox.hashes()?;
        let empty = Stream::default();
        let stream = self.streams.get(&head.stream).unwrap_or(&empty);
        let last = stream.last;
        let mut found = Vec::new();
        if last < delivered {
            found.push((delivered, format!("missing at the end: events {} to {delivered}", last + 1)));
        }
        if last > head.seq {
            found.push((
                head.seq,
                format!("extra: events {} to {last} after the outbox's head", head.seq + 1),
            ));
        }
        for (seq, hash) in &hashes {
            // A broken line was told already; only whole events can be another than the outbox's.
            if stream.hashes.get(seq).is_some_and(|kept| kept != hash) {
                found.push((*seq, "another event than the outbox has".to_owned()));
            }
        }
        for (seq, what) in found {
            self.problem(format!("{}:{seq}", head.stream), what);
        }
        Ok(head.seq.saturating_sub(last.max(delivered)))
    }
}

#[cfg(test)]
mod tests;
