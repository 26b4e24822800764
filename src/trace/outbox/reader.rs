//! Reading an outbox beside its controller: for delivery and for `verify`.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use super::{OUTBOX_FILE, tables};
use crate::chain::Head;
use crate::error::TraceError;
use crate::sqlite;

/// A read-only view of an outbox.
#[derive(Debug)]
pub struct OutboxReader {
    path: PathBuf,
    conn: Connection,
}

impl OutboxReader {
    /// Opens the outbox of a state directory; the controller may be running.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open(state_dir: &Path) -> Result<OutboxReader, TraceError> {
        let path = state_dir.join(OUTBOX_FILE);
        if !path.exists() {
            return Err(TraceError::NotFound(format!("there is no outbox {}", path.display())));
        }
        let conn = sqlite::open_to_read(&path)?;
        Ok(OutboxReader { path, conn })
    }

    fn sql(&self) -> impl Fn(rusqlite::Error) -> TraceError + '_ {
        |e| TraceError::sql("cannot read", &self.path, &e)
    }

    /// The last event.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn head(&self) -> Result<Head, TraceError> {
        tables::head(&self.conn).map_err(self.sql())
    }

    /// Up to which event the recorder has acknowledged.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn delivered(&self) -> Result<u64, TraceError> {
        let text = tables::meta(&self.conn, "delivered").map_err(self.sql())?;
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// The first event that is still there; None if there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn first(&self) -> Result<Option<u64>, TraceError> {
        let first: Option<i64> =
            self.conn.query_row("SELECT min(seq) FROM outbox", [], |r| r.get(0)).map_err(self.sql())?;
        Ok(first.map(i64::unsigned_abs))
    }

    /// The lines of at most `limit` events after `seq`, in order.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn lines_after(&self, seq: u64, limit: usize) -> Result<Vec<String>, TraceError> {
        let read = || -> rusqlite::Result<Vec<String>> {
            self.conn
                .prepare_cached("SELECT line FROM outbox WHERE seq > ?1 ORDER BY seq LIMIT ?2")?
                .query_map(params![seq as i64, limit as i64], |r| r.get(0))?
                .collect()
        };
        read().map_err(self.sql())
    }

    /// Seq and hash of every event that is still there.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn hashes(&self) -> Result<Vec<(u64, String)>, TraceError> {
        let read = || -> rusqlite::Result<Vec<(u64, String)>> {
            self.conn
                .prepare("SELECT seq, hash FROM outbox ORDER BY seq")?
                .query_map([], |r| Ok((r.get::<_, i64>(0)?.unsigned_abs(), r.get(1)?)))?
                .collect()
        };
        read().map_err(self.sql())
    }

    /// The bytes of a curve that waits for delivery.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn curve(&self, hash: &str) -> Result<Option<Vec<u8>>, TraceError> {
        let read = || {
            self.conn
                .prepare_cached("SELECT bytes FROM curves WHERE hash = ?1")?
                .query_row([hash], |r| r.get(0))
                .optional()
        };
        read().map_err(self.sql())
    }
}
