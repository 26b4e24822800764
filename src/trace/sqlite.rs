//! What outbox and store have in common: how their databases are opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::TraceError;

/// How long one program waits for another that reads or checkpoints the same file.
const BUSY: Duration = Duration::from_secs(2);

/// Opens a database for writing: write-ahead log, every commit synchronised with the disk.
pub(crate) fn open(path: &Path, max_pages: u32) -> Result<Connection, TraceError> {
    ignore_file_size_signal();
    let sql = |e: &rusqlite::Error| TraceError::sql("cannot open", path, e);
    let conn = Connection::open(path).map_err(|e| sql(&e))?;
    conn.busy_timeout(BUSY).map_err(|e| sql(&e))?;
    conn.pragma_update(None, "journal_mode", "WAL").map_err(|e| sql(&e))?;
    conn.pragma_update(None, "synchronous", "FULL").map_err(|e| sql(&e))?;
    // Answers with the limit in force, so it is a query.
    conn.query_row(&format!("PRAGMA max_page_count = {max_pages}"), [], |_| Ok(())).map_err(|e| sql(&e))?;
    Ok(conn)
}

/// Opens a database that another program may be writing.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection, TraceError> {
    let sql = |e: &rusqlite::Error| TraceError::sql("cannot read", path, e);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|e| sql(&e))?;
    conn.busy_timeout(BUSY).map_err(|e| sql(&e))?;
    Ok(conn)
}

/// A file size limit (RLIMIT_FSIZE) shall be an error that is told and not the end of the process. Databases
/// see to it themselves; a program that writes other files calls it at its start.
pub fn ignore_file_size_signal() {
    // SAFETY: SIG_IGN installs no handler; setting the disposition of SIGXFSZ has no precondition.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}
