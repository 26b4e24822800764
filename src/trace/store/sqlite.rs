//! The store as one SQLite file with its curves beside it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use super::curves::CurveFiles;
use super::{Records, Row, Store, StoreKind};
use crate::chain::{Head, SealedLine};
use crate::error::TraceError;
use crate::lock::Lock;
use crate::outbox::random_hex16;
use crate::sqlite;

/// Raised with every change of the tables that an older program would misread.
const FORMAT: &str = "1";

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS events (
    stream TEXT NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL, prevhash TEXT NOT NULL,
    type TEXT NOT NULL, time TEXT NOT NULL, serial TEXT, line TEXT NOT NULL,
    PRIMARY KEY (stream, seq)) STRICT;
CREATE INDEX IF NOT EXISTS events_by_serial ON events (serial) WHERE serial IS NOT NULL;
CREATE INDEX IF NOT EXISTS events_by_type ON events (type);
-- Made by the database from the line itself, whoever changes it: it cannot say something else.
CREATE INDEX IF NOT EXISTS units_by_lot
    ON events (CASE WHEN json_valid(line) THEN json_extract(line, '$.data.lot') END)
    WHERE type = 'cellwright.unit.opened';
-- What the recorder acknowledged last, written with the events: a lost end shows even without
-- the outbox, unless it was cut off here too.
CREATE TABLE IF NOT EXISTS heads (stream TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
";

/// Openings of units, and their lot: both as the index `units_by_lot` has them, or it is not used.
const OPENED: &str = "type = 'cellwright.unit.opened'";
const LOT: &str = "CASE WHEN json_valid(line) THEN json_extract(line, '$.data.lot') END";

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// What a new store is for; an existing store keeps its kind.
    pub kind: StoreKind,
    /// Greatest size of the database in pages of 4 KiB.
    pub pages_max: u32,
}

impl Default for StoreOptions {
    /// A trial store of at most 16 GiB: a year of events of one cell.
    fn default() -> StoreOptions {
        StoreOptions { kind: StoreKind::Trial, pages_max: 4 << 20 }
    }
}

/// A SQLite store held by one recorder.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    options: StoreOptions,
    id: String,
    kind: StoreKind,
    /// None after a failure: opened anew at the next use.
    conn: Option<Connection>,
    curves: CurveFiles,
    _lock: Lock,
}

impl SqliteStore {
    /// Takes the store, and makes it if there is none.
    ///
    /// # Errors
    /// Another recorder holds it, or it cannot be written.
    pub fn open(path: &Path, options: StoreOptions) -> Result<SqliteStore, TraceError> {
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|e| TraceError::io("cannot make the folder of the store", folder, &e))?;
        }
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let lock = Lock::take(Path::new(&lock_path), "a recorder")?;
        let conn = sqlite::open(path, options.pages_max)?;
        let sql = |e: &rusqlite::Error| TraceError::sql("cannot prepare", path, e);
        conn.execute_batch(SCHEMA).map_err(|e| sql(&e))?;
        if meta(&conn, "format").map_err(|e| sql(&e))?.is_none() {
            conn.execute(
                "INSERT INTO meta VALUES ('format', ?1), ('id', ?2), ('kind', ?3)",
                params![FORMAT, random_hex16()?, options.kind.as_str()],
            )
            .map_err(|e| sql(&e))?;
        }
        check_format(&conn, path)?;
        let kind = read_kind(&conn, path)?;
        let id = meta(&conn, "id").map_err(|e| sql(&e))?.unwrap_or_default();
        let curves = CurveFiles::beside(path);
        Ok(SqliteStore { path: path.to_owned(), options, id, kind, conn: Some(conn), curves, _lock: lock })
    }

    fn conn(&self) -> Result<&Connection, TraceError> {
        self.conn.as_ref().ok_or_else(|| TraceError::Storage {
            what: "cannot use",
            path: self.path.clone(),
            cause: "the last write failed".into(),
            remedy: "it is opened anew with the next batch",
        })
    }

    fn write(conn: &mut Connection, events: &[SealedLine]) -> rusqlite::Result<()> {
        let sql = conn.transaction()?;
        for e in events {
            let columns =
                params![e.stream, e.seq as i64, e.hash, e.prevhash, e.type_name, e.time, e.serial(), e.line];
            sql.prepare_cached(
                "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            )?
            .execute(columns)?;
            sql.prepare_cached(
                "INSERT INTO heads VALUES (?1, ?2, ?3) ON CONFLICT (stream)
                 DO UPDATE SET seq = excluded.seq, hash = excluded.hash WHERE excluded.seq > heads.seq",
            )?
            .execute(params![e.stream, e.seq as i64, e.hash])?;
        }
        sql.commit()
    }
}

impl Store for SqliteStore {
    fn id(&self) -> &str {
        &self.id
    }

    fn kind(&self) -> StoreKind {
        self.kind
    }

    fn head(&self, stream: &str) -> Result<Head, TraceError> {
        // From the events and not from the noted heads: what is acknowledged is what is there.
        let last = self
            .conn()?
            .prepare_cached("SELECT seq, hash FROM events WHERE stream = ?1 ORDER BY seq DESC LIMIT 1")
            .and_then(|mut q| q.query_row([stream], |r| Ok((r.get::<_, i64>(0)?, r.get(1)?))).optional())
            .map_err(|e| TraceError::sql("cannot read", &self.path, &e))?;
        Ok(match last {
            Some((seq, hash)) => Head { stream: stream.to_owned(), seq: seq.unsigned_abs(), hash },
            None => Head::empty(stream),
        })
    }

    fn hash_at(&self, stream: &str, seq: u64) -> Result<Option<String>, TraceError> {
        self.conn()?
            .prepare_cached("SELECT hash FROM events WHERE stream = ?1 AND seq = ?2")
            .and_then(|mut q| q.query_row(params![stream, seq as i64], |r| r.get(0)).optional())
            .map_err(|e| TraceError::sql("cannot read", &self.path, &e))
    }

    fn has_curve(&self, hash: &str) -> Result<bool, TraceError> {
        self.curves.has(hash)
    }

    fn put_curve(&mut self, hash: &str, bytes: &[u8]) -> Result<(), TraceError> {
        self.curves.put(hash, bytes)
    }

    fn append(&mut self, events: &[SealedLine]) -> Result<(), TraceError> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => sqlite::open(&self.path, self.options.pages_max)?,
        };
        Self::write(&mut conn, events).map_err(|e| TraceError::sql("cannot write", &self.path, &e))?;
        self.conn = Some(conn);
        Ok(())
    }

    fn recover(&mut self) -> Result<(), TraceError> {
        if self.conn.is_none() {
            self.conn = Some(sqlite::open(&self.path, self.options.pages_max)?);
        }
        Ok(())
    }
}

/// A SQLite store as `dhr` reads it; the recorder may be running.
#[derive(Debug)]
pub struct SqliteReader {
    path: PathBuf,
    conn: Connection,
    curves: CurveFiles,
}

impl SqliteReader {
    /// Opens a store to read it.
    ///
    /// # Errors
    /// There is none, it is no store, or it cannot be read.
    pub fn open(path: &Path) -> Result<SqliteReader, TraceError> {
        if !path.exists() {
            return Err(TraceError::NotFound(format!("there is no store {}", path.display())));
        }
        let conn = sqlite::open_to_read(path)?;
        check_format(&conn, path)?;
        Ok(SqliteReader { path: path.to_owned(), conn, curves: CurveFiles::beside(path) })
    }

    fn sql(&self) -> impl Fn(rusqlite::Error) -> TraceError + '_ {
        |e| TraceError::sql("cannot read", &self.path, &e)
    }

    fn rows(
        &self,
        condition: &str,
        value: Option<&str>,
        visit: &mut dyn FnMut(Row),
    ) -> Result<(), TraceError> {
        let mut read = || -> rusqlite::Result<()> {
            let mut query = self.conn.prepare(&format!(
                "SELECT stream, seq, hash, prevhash, type, time, serial, line FROM events {condition}
                 ORDER BY stream, seq"
            ))?;
            let mut rows = query.query(rusqlite::params_from_iter(value))?;
            while let Some(row) = rows.next()? {
                visit(read_row(row)?);
            }
            Ok(())
        };
        read().map_err(self.sql())
    }
}

/// A column as text, whatever stands there: what is wrong with it is for `verify` to say.
fn lossy(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    use rusqlite::types::ValueRef as V;
    Ok(match row.get_ref(column)? {
        V::Null => None,
        V::Integer(i) => Some(i.to_string()),
        V::Real(x) => Some(x.to_string()),
        V::Text(bytes) | V::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    })
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let text = |column| lossy(row, column).map(Option::unwrap_or_default);
    Ok(Row {
        stream: text(0)?,
        seq: row.get(1)?,
        hash: text(2)?,
        prevhash: text(3)?,
        type_name: text(4)?,
        time: text(5)?,
        serial: lossy(row, 6)?,
        line: text(7)?,
    })
}

impl Records for SqliteReader {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn kind(&self) -> Result<StoreKind, TraceError> {
        read_kind(&self.conn, &self.path)
    }

    fn heads(&self) -> Result<Vec<Head>, TraceError> {
        let read = || -> rusqlite::Result<Vec<Head>> {
            self.conn
                .prepare("SELECT stream, seq, hash FROM heads ORDER BY stream")?
                .query_map([], |r| {
                    let seq = r.get::<_, i64>(1)?.unsigned_abs();
                    Ok(Head { stream: r.get(0)?, seq, hash: r.get(2)? })
                })?
                .collect()
        };
        read().map_err(self.sql())
    }

    fn scan(&self, visit: &mut dyn FnMut(Row)) -> Result<(), TraceError> {
        self.rows("", None, visit)
    }

    fn of_serial(&self, serial: &str) -> Result<Vec<Row>, TraceError> {
        let mut rows = Vec::new();
        self.rows("WHERE serial = ?1", Some(serial), &mut |row| rows.push(row))?;
        Ok(rows)
    }

    fn of_type(&self, type_name: &str) -> Result<Vec<Row>, TraceError> {
        let mut rows = Vec::new();
        self.rows("WHERE type = ?1", Some(type_name), &mut |row| rows.push(row))?;
        Ok(rows)
    }

    fn opened_in_lot(&self, lot: &str) -> Result<Vec<Row>, TraceError> {
        let mut rows = Vec::new();
        self.rows(&format!("WHERE {OPENED} AND {LOT} = ?1"), Some(lot), &mut |row| rows.push(row))?;
        Ok(rows)
    }

    fn lots(&self, max: usize) -> Result<Vec<String>, TraceError> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let sql = format!(
                "SELECT DISTINCT {LOT} FROM events INDEXED BY units_by_lot WHERE {OPENED} AND {LOT} IS NOT NULL ORDER BY 1 LIMIT ?1"
            );
            let mut query = self.conn.prepare(&sql)?;
            let rows = query.query_map([max as i64], |row| lossy(row, 0).map(Option::unwrap_or_default))?;
            rows.collect()
        };
        read().map_err(self.sql())
    }

    fn curve(&self, hash: &str) -> Result<Option<Vec<u8>>, TraceError> {
        self.curves.read(hash)
    }
}

fn meta(conn: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    conn.query_row("SELECT value FROM meta WHERE name = ?1", [name], |r| r.get(0)).optional()
}

fn check_format(conn: &Connection, path: &Path) -> Result<(), TraceError> {
    let format = meta(conn, "format").map_err(|e| TraceError::sql("cannot read", path, &e))?;
    if format.as_deref() == Some(FORMAT) {
        return Ok(());
    }
    Err(TraceError::Foreign {
        path: path.to_owned(),
        problem: format!("has format {format:?} and not `{FORMAT}`"),
        remedy: "use the program that wrote it",
    })
}

fn read_kind(conn: &Connection, path: &Path) -> Result<StoreKind, TraceError> {
    match meta(conn, "kind").map_err(|e| TraceError::sql("cannot read", path, &e))?.as_deref() {
        Some("trial") => Ok(StoreKind::Trial),
        Some("production") => Ok(StoreKind::Production),
        other => {
            Err(TraceError::Damaged { path: path.to_owned(), problem: format!("its kind is {other:?}") })
        }
    }
}
