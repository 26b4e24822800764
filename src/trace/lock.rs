//! One program at a time: an advisory lock on a file that names its holder.
//!
//! The kernel drops the lock with the process (flock(2)), so a killed holder leaves none behind.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::TraceError;

/// A held lock; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock `path` for `what` (said to the next one who tries).
    ///
    /// # Errors
    /// [`TraceError::Locked`] naming the holder, or the file cannot be written.
    pub(crate) fn take(path: &Path, what: &str) -> Result<Lock, TraceError> {
        let io = |e: &std::io::Error| TraceError::io("cannot lock", path, e);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|e| io(&e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(TraceError::Locked { path: guarded(path), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(e)) => return Err(io(&e)),
        }
        file.set_len(0).map_err(|e| io(&e))?;
        file.rewind().map_err(|e| io(&e))?;
        writeln!(file, "{what}, process {}", std::process::id()).map_err(|e| io(&e))?;
        Ok(Lock { _file: file })
    }
}

/// What the lock guards: the directory of `lock`, the store of `dhr.db.lock`.
fn guarded(path: &Path) -> PathBuf {
    match path.file_name() {
        Some(name) if name == "lock" => path.parent().unwrap_or(path).to_owned(),
        _ => path.with_extension(""),
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // The holder may be between taking the lock and writing its name.
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_and_told_by_whom() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lock");
        let first = Lock::take(&path, "a controller").expect("nobody holds it");
        let refused = Lock::take(&path, "a controller").expect_err("it is held").to_string();
        assert!(refused.contains(&format!("a controller, process {}", std::process::id())), "{refused}");
        assert!(refused.contains(&dir.path().display().to_string()), "{refused}");
        drop(first);
        Lock::take(&path, "a controller").expect("given up");
    }
}
