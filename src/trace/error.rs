//! What can go wrong with the record, each with its cause and a remedy.

use std::path::{Path, PathBuf};

use cellwright_model::canonical::CanonicalError;

/// An error of the record.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TraceError {
    /// Another program holds the state directory or the store.
    #[error("{path} is in use by {holder}: stop that one, or use another directory", path = .path.display())]
    Locked { path: PathBuf, holder: String },
    /// A file or database could not be read or written.
    #[error("{what} {path}: {cause}; {remedy}", path = .path.display())]
    Storage { what: &'static str, path: PathBuf, cause: String, remedy: &'static str },
    /// The directory or store belongs to something else, or is of an unknown format.
    #[error("{path} {problem}; {remedy}", path = .path.display())]
    Foreign { path: PathBuf, problem: String, remedy: &'static str },
    /// What is stored does not hold together.
    #[error("{path} is damaged: {problem}; keep a copy, then restore it or begin a new directory", path = .path.display())]
    Damaged { path: PathBuf, problem: String },
    /// A transaction that can never be made durable: an error of the program that made it.
    #[error("transaction {ticket} is refused: {cause}")]
    Refused { ticket: u64, cause: String },
    /// The number of events of a stream is used up (CloudEvents integers end at 2^31 - 1).
    #[error("stream {0} is full: begin a new state directory")]
    StreamFull(String),
    /// A number in an event has no canonical form.
    #[error("an event has no canonical form: {0}")]
    Canonical(#[from] CanonicalError),
    /// The network did not do it.
    #[error("{what}: {cause}")]
    Network { what: String, cause: String },
    /// There is no such record.
    #[error("{0}")]
    NotFound(String),
}

impl TraceError {
    pub(crate) fn network(what: impl Into<String>, cause: impl ToString) -> TraceError {
        // Zenoh's errors end with the place in its source, which says nothing to whoever reads this.
        let cause = cause.to_string();
        let said = cause.split(" at /").next().unwrap_or(&cause);
        TraceError::Network { what: what.into(), cause: said.to_owned() }
    }

    pub(crate) fn io(what: &'static str, path: &Path, error: &std::io::Error) -> TraceError {
        use std::io::ErrorKind as K;
        let remedy = match error.kind() {
            K::StorageFull | K::QuotaExceeded => "free space on its file system",
            K::FileTooLarge => "raise the file size limit (ulimit -f)",
            K::PermissionDenied | K::ReadOnlyFilesystem => "give this user permission to write there",
            K::NotFound => "check the path",
            _ => "check the disk",
        };
        TraceError::Storage { what, path: path.to_owned(), cause: error.to_string(), remedy }
    }

    pub(crate) fn sql(what: &'static str, path: &Path, error: &rusqlite::Error) -> TraceError {
        use rusqlite::ErrorCode as C;
        let remedy = match error.sqlite_error_code() {
            Some(C::DiskFull) => "free space on its file system, or raise its size limit",
            Some(C::SystemIoFailure) => "check the disk and the file size limit (ulimit -f)",
            Some(C::ReadOnly | C::CannotOpen | C::PermissionDenied) => {
                "check the path and give this user permission to write there"
            }
            Some(C::DatabaseBusy | C::DatabaseLocked) => "close the other program that has it open",
            Some(C::DatabaseCorrupt | C::NotADatabase) => "keep a copy, then restore it from a backup",
            _ => "check the disk",
        };
        TraceError::Storage { what, path: path.to_owned(), cause: error.to_string(), remedy }
    }
}
