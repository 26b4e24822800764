//! Heads kept elsewhere: `heads.json`.
//!
//! A chain cannot show that its end is missing, or that all of it was written anew. Whoever exports
//! the heads and keeps the file outside of the machine can.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::chain::Head;
use crate::error::TraceError;
use crate::store::Records;

/// The heads of the streams of a store at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heads {
    pub heads: Vec<Head>,
}

impl Heads {
    /// The last event of each stream of a store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn of_store(store: &dyn Records) -> Result<Heads, TraceError> {
        let mut heads: Vec<Head> = Vec::new();
        store.scan(&mut |row| {
            let head = Head { stream: row.stream, seq: row.seq.unsigned_abs(), hash: row.hash };
            match heads.last_mut() {
                Some(last) if last.stream == head.stream => *last = head,
                _ => heads.push(head),
            }
        })?;
        Ok(Heads { heads })
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), TraceError> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".new");
        let temporary = Path::new(&temporary);
        let write = || -> std::io::Result<()> {
            let mut file = fs::File::create(temporary)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(temporary, path)
        };
        write().map_err(|e| TraceError::io("cannot write", path, &e))
    }

    /// Reads an exported file.
    ///
    /// # Errors
    /// There is none, or it is none.
    pub fn read(path: &Path) -> Result<Heads, TraceError> {
        let text = fs::read_to_string(path).map_err(|e| TraceError::io("cannot read", path, &e))?;
        serde_json::from_str(&text).map_err(|e| TraceError::Foreign {
            path: path.to_owned(),
            problem: format!("is not an export of heads: {e}"),
            remedy: "export it with `dhr heads`",
        })
    }
}
