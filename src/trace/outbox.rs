//! The outbox: the cell's own database, in which an event is durable before it is told.
//!
//! Journal and outbox are one SQLite database, so that an intent, an outcome and the place of a part
//! become durable in one transaction with their event, all or nothing. The journal is kept as the
//! state it leads to (open units with their open step intents, serial counter, tray cursors, places
//! of parts): what a restarted controller has to know, and no more.
//!
//! Events stay until the recorder has acknowledged them; after that the last [`TAIL`] of them stay
//! with their curves, so that a recorder that lost its store can be filled again and `verify` has
//! something to compare with.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use cellwright_model::event::{Event, EventData, EventDraft, Transaction};
use cellwright_model::outcome::Origin;
use rusqlite::Connection;

use crate::chain::{Head, Sealer, stream_name};
use crate::error::TraceError;
use crate::keys::CellAddress;
use crate::lock::Lock;
use crate::sqlite;

mod left;
mod reader;
mod tables;
mod writer;

pub use reader::OutboxReader;
pub use tables::{Identity, OpenIntent, OpenUnit, Place, Recovery};
pub use writer::{Ack, DeliveryCursor, HeadWatch, OutboxWriter, SubmitError};

/// Events that stay after the recorder has acknowledged them: some twenty units and their curves,
/// below 100 MB.
pub const TAIL: u64 = 2_000;

/// Pages of 4 KiB that the database may grow to: 2 GiB, some days of production without a recorder.
pub const PAGES_MAX: u32 = 524_288;

/// The database in a state directory.
pub const OUTBOX_FILE: &str = "outbox.db";

/// Whose outbox it is, and how large it may become.
#[derive(Debug, Clone)]
pub struct OutboxOptions {
    pub address: CellAddress,
    /// Of what is made with it. A state directory is for one of them: orders, serials and places of parts of a twin are
    /// none of a real machine. `None`: of whichever it is.
    pub origin: Option<Origin>,
    /// Greatest size of the database in pages of 4 KiB.
    pub pages_max: u32,
    /// Acknowledged events that stay.
    pub tail: u64,
}

impl OutboxOptions {
    /// With the bounds of this module.
    pub fn new(address: CellAddress) -> OutboxOptions {
        OutboxOptions { address, origin: None, pages_max: PAGES_MAX, tail: TAIL }
    }
}

/// A transaction that is durable, and its events as they stand in the chain.
#[derive(Debug, Clone)]
pub struct Committed {
    pub ticket: u64,
    pub events: Vec<Event>,
}

/// The outbox of one controller. Dropping it gives the state directory up.
#[derive(Debug)]
pub struct Outbox {
    path: PathBuf,
    options: OutboxOptions,
    /// None after a failure: opened anew at the next commit, since it is not known what the failed
    /// one left behind.
    conn: Option<Connection>,
    sealer: Sealer,
    delivered: u64,
    /// Head of the database; ahead of the sealer only after a commit that failed and yet came through.
    durable: Head,
    _lock: Lock,
}

impl Outbox {
    /// Takes the state directory, makes it if there is none, and reads what the last controller left.
    ///
    /// # Errors
    /// Another controller holds it, it belongs to another cell, it is damaged or cannot be written.
    pub fn open(state_dir: &Path, options: OutboxOptions) -> Result<(Outbox, Recovery), TraceError> {
        std::fs::create_dir_all(state_dir)
            .map_err(|e| TraceError::io("cannot make the state directory", state_dir, &e))?;
        let lock = Lock::take(&state_dir.join("lock"), "a controller")?;
        let path = state_dir.join(OUTBOX_FILE);
        let conn = sqlite::open(&path, options.pages_max)?;
        let sql = |e: &rusqlite::Error| TraceError::sql("cannot prepare", &path, e);
        tables::create(&conn).map_err(|e| sql(&e))?;
        let cell = options.address.base_key();
        match tables::meta(&conn, "cell").map_err(|e| sql(&e))? {
            None => {
                let stream = stream_name(&options.address.cell, &random_hex16()?);
                tables::begin(&conn, &cell, &stream).map_err(|e| sql(&e))?;
            }
            Some(known) if known != cell => {
                return Err(TraceError::Foreign {
                    path,
                    problem: format!("belongs to {known} and not to {cell}"),
                    remedy: "use another state directory",
                });
            }
            Some(_) => {}
        }
        if let Some(origin) = options.origin {
            keep_origin(&conn, &path, origin)?;
        }
        let recovery = tables::recover(&conn, &path)?;
        let sealer = Sealer::new(&options.address, &random_hex16()?, &recovery.head);
        let (delivered, durable) = (recovery.delivered, recovery.head.clone());
        let outbox = Outbox { path, options, conn: Some(conn), sealer, delivered, durable, _lock: lock };
        Ok((outbox, recovery))
    }

    /// The last acknowledged event.
    pub fn head(&self) -> Head {
        self.sealer.head()
    }

    /// Up to which event the recorder has acknowledged.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The state directory.
    pub fn state_dir(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Makes a batch durable in one SQL transaction (group commit) and moves the delivery cursor.
    ///
    /// After an error nothing of the batch counts as done. The same transactions can be tried again, in
    /// the same order; what the failed attempt did leave behind is found and not doubled.
    ///
    /// # Errors
    /// [`TraceError::Refused`]: that one transaction can never be durable; leave it out.
    /// Others: the disk or the database; try again later.
    pub fn commit(&mut self, batch: &[Transaction], delivered: u64) -> Result<Vec<Committed>, TraceError> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.reopen()?,
        };
        let mut sealer = self.sealer.clone();
        let committed = batch.iter().map(|tx| seal(&mut sealer, tx)).collect::<Result<Vec<_>, _>>();
        let delivered = delivered.min(self.sealer.head().seq).max(self.delivered);
        let written = committed.map_err(WriteError::Refused).and_then(|committed| {
            write(&mut conn, &self.durable, batch, &committed, delivered, self.options.tail)?;
            Ok(committed)
        });
        // After any other error the connection is given up.
        if matches!(written, Ok(_) | Err(WriteError::Refused(_))) {
            self.conn = Some(conn);
        }
        let committed = written.map_err(|e| match e {
            WriteError::Refused(e) => e,
            WriteError::Sql(e) => TraceError::sql("cannot write", &self.path, &e),
        })?;
        self.sealer = sealer;
        self.delivered = delivered;
        if self.durable.seq < self.sealer.head().seq {
            self.durable = self.sealer.head();
        }
        Ok(committed)
    }

    fn reopen(&mut self) -> Result<Connection, TraceError> {
        let conn = sqlite::open(&self.path, self.options.pages_max)?;
        let sql = |e: &rusqlite::Error| TraceError::sql("cannot read", &self.path, e);
        self.durable = tables::head(&conn).map_err(|e| sql(&e))?;
        if self.durable.seq < self.sealer.head().seq {
            let problem = format!("event {} was there and is gone", self.sealer.head().seq);
            return Err(TraceError::Damaged { path: self.path.clone(), problem });
        }
        Ok(conn)
    }

    /// A commit that fails after its data reached the disk, as a failing fsync leaves it.
    #[cfg(test)]
    fn forget_last_commit(&mut self, before: Head) {
        self.sealer = Sealer::new(&self.options.address, self.sealer.boot_id(), &before);
        self.conn = None;
    }
}

enum WriteError {
    Refused(TraceError),
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for WriteError {
    fn from(e: rusqlite::Error) -> WriteError {
        WriteError::Sql(e)
    }
}

/// Says whose the directory is, if nobody has said it before.
fn keep_origin(conn: &Connection, path: &Path, origin: Origin) -> Result<(), TraceError> {
    let sql = |e: &rusqlite::Error| TraceError::sql("cannot prepare", path, e);
    match tables::meta(conn, "origin").map_err(|e| sql(&e))? {
        None => tables::set_meta(conn, "origin", origin.as_str()).map_err(|e| sql(&e)),
        Some(known) if known != origin.as_str() => Err(TraceError::Foreign {
            path: path.to_owned(),
            problem: format!("is of a {known} machine, and this one is {}", origin.as_str()),
            remedy: "use a state directory for each: --state DIR",
        }),
        Some(_) => Ok(()),
    }
}

fn seal(sealer: &mut Sealer, tx: &Transaction) -> Result<Committed, TraceError> {
    let refused = |e: TraceError| TraceError::Refused { ticket: tx.ticket, cause: e.to_string() };
    let seal = |draft: &EventDraft| sealer.seal(draft.clone());
    let events = tx.events.iter().map(seal).collect::<Result<Vec<_>, _>>().map_err(refused)?;
    Ok(Committed { ticket: tx.ticket, events })
}

fn write(
    conn: &mut Connection,
    durable: &Head,
    batch: &[Transaction],
    committed: &[Committed],
    delivered: u64,
    tail: u64,
) -> Result<(), WriteError> {
    let sql = conn.transaction()?;
    // First, so that a full database finds the room in which the batch goes.
    tables::set_delivered(&sql, delivered, tail)?;
    for (tx, done) in batch.iter().zip(committed) {
        let refused = |cause: String| WriteError::Refused(TraceError::Refused { ticket: tx.ticket, cause });
        for entry in &tx.journal {
            tables::apply(&sql, entry)?;
        }
        let last = done.events.last().map_or(0, |event| event.seq);
        for curve in &tx.curves {
            tables::put_curve(&sql, &curve.to_bytes(), last)?;
        }
        for event in &done.events {
            if event.seq > durable.seq {
                tables::append(&sql, event)?;
            } else if tables::hash_at(&sql, event.seq)?.as_deref() != Some(&event.hash) {
                return Err(refused(format!("event {} is already another one", event.seq)));
            }
            if let Some(hash) = missing_curve(&sql, event)? {
                return Err(refused(format!("curve {hash} is not in it")));
            }
            tables::close(&sql, event)?;
        }
    }
    sql.commit()?;
    Ok(())
}

fn missing_curve(conn: &Connection, event: &Event) -> rusqlite::Result<Option<String>> {
    if let EventData::StepOutcome(step) = &event.draft.data {
        for curve in &step.curves {
            if !tables::refer_to_curve(conn, &curve.hash, event.seq)? {
                return Ok(Some(curve.hash.clone()));
            }
        }
    }
    Ok(None)
}

/// Sixteen hex digits that no other controller has.
pub(crate) fn random_hex16() -> Result<String, TraceError> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 8];
    std::fs::File::open(path)
        .and_then(|mut f| f.read_exact(&mut bytes))
        .map_err(|e| TraceError::io("cannot read", path, &e))?;
    Ok(format!("{:016x}", u64::from_le_bytes(bytes)))
}

/// Names of places by part, and the like: small maps in the order of their names.
pub type ByName<T> = BTreeMap<String, T>;

#[cfg(test)]
mod tests;
