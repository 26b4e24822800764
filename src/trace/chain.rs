//! The chain: each event carries the hash of the one before it.
//!
//! `hash` = SHA-256 over the canonical (RFC 8785) envelope with `prevhash` and without `hash`;
//! `id` = `stream:seq`; the first `prevhash` is 64 zeros. The envelope is CloudEvents 1.0 JSON with
//! the extension attributes `stream`, `seq`, `prevhash`, `hash`.

use std::sync::Arc;

use cellwright_model::canonical;
use cellwright_model::curve::sha256_hex;
use cellwright_model::event::{Event, EventDraft};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::TraceError;
use crate::keys::CellAddress;

/// `prevhash` of the first event of a stream.
pub const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Greatest `seq`: an integer attribute of CloudEvents is a signed 32-bit number (1.0.2, type system).
pub const SEQ_MAX: u64 = i32::MAX as u64;

/// The last event of a stream; `seq` 0 with [`NO_HASH`] if there is none yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub stream: String,
    pub seq: u64,
    pub hash: String,
}

impl Head {
    /// The head of a stream without events.
    pub fn empty(stream: &str) -> Head {
        Head { stream: stream.to_owned(), seq: 0, hash: NO_HASH.to_owned() }
    }
}

/// Gives drafts their place in the chain of one stream.
#[derive(Debug, Clone)]
pub struct Sealer {
    source: String,
    stream: Arc<str>,
    boot_id: String,
    seq: u64,
    hash: String,
}

impl Sealer {
    /// Goes on after `head`. `boot_id` names the life of the controller that monotonic times count
    /// from.
    pub fn new(address: &CellAddress, boot_id: &str, head: &Head) -> Sealer {
        Sealer {
            source: address.base_key(),
            stream: head.stream.as_str().into(),
            boot_id: boot_id.to_owned(),
            seq: head.seq,
            hash: head.hash.clone(),
        }
    }

    /// A new stream for a simulated run: its name and boot id are functions of the seed.
    pub fn simulated(address: &CellAddress, seed: u64) -> Sealer {
        let hex = |purpose: &str| sha256_hex(format!("{purpose}:{}:{seed}", address.base_key()).as_bytes());
        let stream = stream_name(&address.cell, &hex("stream")[..16]);
        Sealer::new(address, &hex("boot")[..16], &Head::empty(&stream))
    }

    /// Names the life of the controller.
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// The last sealed event.
    pub fn head(&self) -> Head {
        Head { stream: self.stream.to_string(), seq: self.seq, hash: self.hash.clone() }
    }

    /// Seals the next event of the stream.
    ///
    /// # Errors
    /// A number of the draft has no canonical form, or the stream is full; the chain stays as it was.
    pub fn seal(&mut self, draft: EventDraft) -> Result<Event, TraceError> {
        if self.seq >= SEQ_MAX {
            return Err(TraceError::StreamFull(self.stream.to_string()));
        }
        let seq = self.seq + 1;
        let mut envelope = Map::new();
        let mut put = |name: &str, value: Value| envelope.insert(name.to_owned(), value);
        put("specversion", "1.0".into());
        put("id", format!("{}:{seq}", self.stream).into());
        put("source", self.source.as_str().into());
        put("type", draft.data.type_name().into());
        put("subject", draft.subject().into());
        put("time", draft.time.rfc3339().into());
        put("datacontenttype", "application/json".into());
        put("stream", self.stream.as_ref().into());
        put("seq", seq.into());
        put("prevhash", self.hash.as_str().into());
        put("data", draft.data_json(&self.boot_id)?);
        let mut envelope = Value::Object(envelope);
        let hash = sha256_hex(canonical::value_to_string(&envelope)?.as_bytes());
        if let Value::Object(map) = &mut envelope {
            map.insert("hash".into(), hash.as_str().into());
        }
        let line = canonical::value_to_string(&envelope)?;
        self.seq = seq;
        self.hash.clone_from(&hash);
        Ok(Event { stream: self.stream.clone(), seq, hash, line, draft })
    }
}

/// The name of a stream: cell id and 16 hex digits.
pub fn stream_name(cell: &str, hex16: &str) -> String {
    format!("{cell}-{hex16}")
}

/// An event as read back from its line, its own hash found right.
#[derive(Debug, Clone)]
pub struct SealedLine {
    pub stream: String,
    pub seq: u64,
    pub hash: String,
    pub prevhash: String,
    /// The CloudEvents `type`.
    pub type_name: String,
    /// RFC 3339.
    pub time: String,
    pub data: Value,
    pub line: String,
}

/// Why a line is no event of a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("it is not JSON: {0}")]
    NotJson(String),
    #[error("it is not in canonical form")]
    NotCanonical,
    #[error("attribute `{0}` is missing or of another type")]
    Attribute(&'static str),
    #[error("its id is not `{0}`")]
    Id(String),
    #[error("its hash does not match its content")]
    Hash,
}

impl SealedLine {
    /// Reads the line of an event and checks its form, id and hash. Whether it follows the event
    /// before it is for the caller to check.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn read(line: &str) -> Result<SealedLine, LineError> {
        let value: Value = serde_json::from_str(line).map_err(|e| LineError::NotJson(e.to_string()))?;
        if canonical::value_to_string(&value).as_deref() != Ok(line) {
            return Err(LineError::NotCanonical);
        }
        let Value::Object(mut map) = value else { return Err(LineError::Attribute("id")) };
        let hash = text(&map, "hash")?;
        map.remove("hash");
        let content = canonical::to_string(&map).map_err(|_| LineError::NotCanonical)?;
        if sha256_hex(content.as_bytes()) != hash {
            return Err(LineError::Hash);
        }
        let stream = text(&map, "stream")?;
        let seq = map.get("seq").and_then(Value::as_u64).ok_or(LineError::Attribute("seq"))?;
        if seq == 0 || seq > SEQ_MAX {
            return Err(LineError::Attribute("seq"));
        }
        let id = format!("{stream}:{seq}");
        if text(&map, "id")? != id {
            return Err(LineError::Id(id));
        }
        let data = map.remove("data").filter(Value::is_object).ok_or(LineError::Attribute("data"))?;
        Ok(SealedLine {
            prevhash: text(&map, "prevhash")?,
            type_name: text(&map, "type")?,
            time: text(&map, "time")?,
            line: line.to_owned(),
            stream,
            seq,
            hash,
            data,
        })
    }

    /// The serial of the unit that the event is about.
    pub fn serial(&self) -> Option<&str> {
        self.data.get("serial").and_then(Value::as_str)
    }

    /// Hashes of the curves that the event refers to.
    pub fn curve_hashes(&self) -> impl Iterator<Item = &str> {
        let curves = self.data.get("curves").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        curves.iter().filter_map(|curve| curve.get("hash").and_then(Value::as_str))
    }

    /// The event as the head of its stream.
    pub fn as_head(&self) -> Head {
        Head { stream: self.stream.clone(), seq: self.seq, hash: self.hash.clone() }
    }
}

fn text(map: &Map<String, Value>, name: &'static str) -> Result<String, LineError> {
    map.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(LineError::Attribute(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn events_are_chained_and_read_back() {
        let mut sealer = Sealer::simulated(&testing::address(), 7);
        let mut prevhash = NO_HASH.to_owned();
        for (i, draft) in testing::unit_drafts("CW/000 1").into_iter().enumerate() {
            let event = sealer.seal(draft).expect("plain numbers");
            let read = SealedLine::read(&event.line).expect("its own line");
            assert_eq!((read.seq, &read.hash, &read.prevhash), (i as u64 + 1, &event.hash, &prevhash));
            assert_eq!(read.serial(), Some("CW/000 1"));
            prevhash = event.hash;
        }
        assert_eq!(sealer.head().hash, prevhash);
    }

    #[test]
    fn the_hash_is_the_digest_of_the_line_without_it() {
        let mut sealer = Sealer::simulated(&testing::address(), 7);
        let event = sealer.seal(testing::unit_drafts("S").remove(0)).expect("plain numbers");
        let without = event.line.replace(&format!("\"hash\":\"{}\",", event.hash), "");
        // `cell.hash` in data is another one; only the envelope's member was cut out.
        assert_eq!(sha256_hex(without.as_bytes()), event.hash);
    }

    #[test]
    fn the_seed_names_the_stream() {
        let a = testing::address();
        assert_eq!(Sealer::simulated(&a, 7).head(), Sealer::simulated(&a, 7).head());
        assert_ne!(Sealer::simulated(&a, 7).head().stream, Sealer::simulated(&a, 8).head().stream);
        assert_eq!(Sealer::simulated(&a, 7).head().stream.len(), a.cell.len() + 17);
    }

    #[test]
    fn every_altered_line_is_found() {
        let mut sealer = Sealer::simulated(&testing::address(), 7);
        let line = sealer.seal(testing::unit_drafts("S").remove(1)).expect("plain numbers").line;
        // Whatever byte is changed, what remains is not the event.
        for at in 0..line.len() {
            let mut bytes = line.clone().into_bytes();
            bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
            if let Ok(altered) = String::from_utf8(bytes) {
                assert!(SealedLine::read(&altered).is_err(), "byte {at}: {altered}");
            }
        }
        assert_eq!(SealedLine::read(&line.replace(':', ": ")).err(), Some(LineError::NotCanonical));
        let doubled = line.replacen('{', "{\"data\":{},", 1);
        assert_eq!(SealedLine::read(&doubled).err(), Some(LineError::NotCanonical));
    }

    #[test]
    fn a_full_stream_and_a_refused_draft_leave_the_chain_as_it_was() {
        let head = Head { stream: "c-0".into(), seq: SEQ_MAX, hash: NO_HASH.into() };
        let mut sealer = Sealer::new(&testing::address(), "b", &head);
        assert!(matches!(sealer.seal(testing::unit_drafts("S").remove(0)), Err(TraceError::StreamFull(_))));
        assert_eq!(sealer.head(), head);
    }
}
