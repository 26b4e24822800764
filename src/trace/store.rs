//! Where a recorder keeps events: behind one small trait, so that another database can stand there.

use serde::{Deserialize, Serialize};

use crate::chain::{Head, SealedLine};
use crate::error::TraceError;

pub(crate) mod curves;
mod sqlite;

pub use curves::CurveFiles;
pub use sqlite::{SqliteReader, SqliteStore, StoreOptions};

/// What a store is for (house rule 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// Takes events of every origin and purpose; nothing in it is a production record.
    Trial,
    /// Takes events of real machines only, and no simulation.
    Production,
}

impl StoreKind {
    /// The word written into the store.
    pub fn as_str(self) -> &'static str {
        match self {
            StoreKind::Trial => "trial",
            StoreKind::Production => "production",
        }
    }

    /// Why a store of this kind does not take the event; None if it does.
    pub fn refuses(self, event: &SealedLine) -> Option<String> {
        let word = |name: &str| event.data.get(name).and_then(|v| v.as_str()).unwrap_or("missing").to_owned();
        let (origin, purpose) = (word("origin"), word("purpose"));
        match self {
            StoreKind::Production if origin != "real" || purpose == "simulation" => Some(format!(
                "this is a production store, and the event is of origin {origin}, purpose {purpose}"
            )),
            _ => None,
        }
    }
}

/// The writing side of a store: what a recorder needs.
pub trait Store: Send {
    /// Made once with the store.
    fn id(&self) -> &str;
    fn kind(&self) -> StoreKind;
    /// The last event of a stream; the empty head if there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    fn head(&self, stream: &str) -> Result<Head, TraceError>;
    /// The hash of one event.
    ///
    /// # Errors
    /// The store cannot be read.
    fn hash_at(&self, stream: &str, seq: u64) -> Result<Option<String>, TraceError>;
    /// The curve is there, whole and durable.
    ///
    /// # Errors
    /// The store cannot be read.
    fn has_curve(&self, hash: &str) -> Result<bool, TraceError>;
    /// Makes a curve durable. The caller has checked that `hash` is that of `bytes`.
    ///
    /// # Errors
    /// The store cannot be written.
    fn put_curve(&mut self, hash: &str, bytes: &[u8]) -> Result<(), TraceError>;
    /// Makes events durable, all or nothing; those that are there already stay as they are. The caller
    /// has checked that they continue their stream.
    ///
    /// # Errors
    /// The store cannot be written; nothing of it is kept then.
    fn append(&mut self, events: &[SealedLine]) -> Result<(), TraceError>;
    /// Makes the store usable again after a write that failed.
    ///
    /// # Errors
    /// It still cannot be opened.
    fn recover(&mut self) -> Result<(), TraceError>;
}

/// One stored event: its columns as they stand, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub stream: String,
    pub seq: i64,
    pub hash: String,
    pub prevhash: String,
    pub type_name: String,
    pub time: String,
    pub serial: Option<String>,
    pub line: String,
}

/// The reading side of a store: what the DHR and `verify` need.
pub trait Records {
    /// Name of the store for messages.
    fn name(&self) -> String;
    /// What the store says it is for.
    ///
    /// # Errors
    /// The store cannot be read, or says neither.
    fn kind(&self) -> Result<StoreKind, TraceError>;
    /// The heads that the recorder noted, by stream.
    ///
    /// # Errors
    /// The store cannot be read.
    fn heads(&self) -> Result<Vec<Head>, TraceError>;
    /// Visits all events by stream and seq.
    ///
    /// # Errors
    /// The store cannot be read; events before that place were visited.
    fn scan(&self, visit: &mut dyn FnMut(Row)) -> Result<(), TraceError>;
    /// The events of one unit by stream and seq.
    ///
    /// # Errors
    /// The store cannot be read.
    fn of_serial(&self, serial: &str) -> Result<Vec<Row>, TraceError>;
    /// Events of one CloudEvents `type` by stream and seq.
    ///
    /// # Errors
    /// The store cannot be read.
    fn of_type(&self, type_name: &str) -> Result<Vec<Row>, TraceError>;
    /// The openings of the units of a product lot, by stream and seq.
    ///
    /// # Errors
    /// The store cannot be read.
    fn opened_in_lot(&self, lot: &str) -> Result<Vec<Row>, TraceError>;
    /// The product lots that units were opened in, in the order of their names; the first `max` of them.
    ///
    /// # Errors
    /// The store cannot be read.
    fn lots(&self, max: usize) -> Result<Vec<String>, TraceError>;
    /// The bytes of a curve; None if there is none.
    ///
    /// # Errors
    /// It cannot be read.
    fn curve(&self, hash: &str) -> Result<Option<Vec<u8>>, TraceError>;
}

#[cfg(test)]
mod tests;
