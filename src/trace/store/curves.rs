//! Curves as files named by their content: `curves/<2 hex>/<sha256>`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use cellwright_model::curve::sha256_hex;

use crate::error::TraceError;

/// The folder of curves beside a store.
#[derive(Debug, Clone)]
pub struct CurveFiles {
    root: PathBuf,
}

/// Lower-case hex SHA-256, and so harmless as a file name.
pub(crate) fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

impl CurveFiles {
    /// The curves beside the store file.
    pub fn beside(store: &Path) -> CurveFiles {
        CurveFiles { root: store.parent().unwrap_or(Path::new("")).join("curves") }
    }

    /// Where a curve of that hash stands; None if that is no hash.
    pub fn path(&self, hash: &str) -> Option<PathBuf> {
        is_hash(hash).then(|| self.root.join(&hash[..2]).join(hash))
    }

    /// The bytes as they stand, right or wrong; None if there is no such curve.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, hash: &str) -> Result<Option<Vec<u8>>, TraceError> {
        let Some(path) = self.path(hash) else { return Ok(None) };
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(TraceError::io("cannot read curve", &path, &e)),
        }
    }

    /// The curve is there and whole.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn has(&self, hash: &str) -> Result<bool, TraceError> {
        Ok(self.read(hash)?.is_some_and(|bytes| sha256_hex(&bytes) == hash))
    }

    /// Makes a curve durable: a temporary file, synchronised, then renamed, then the folders
    /// synchronised; so the name never stands for half a curve.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&self, hash: &str, bytes: &[u8]) -> Result<(), TraceError> {
        let Some(path) = self.path(hash) else {
            return Err(TraceError::NotFound(format!("`{hash}` is not the name of a curve")));
        };
        let write = || -> std::io::Result<()> {
            let folder = self.root.join(&hash[..2]);
            fs::create_dir_all(&folder)?;
            let temporary = folder.join(format!(".{hash}.new")); // One recorder holds the store.
            let written = File::create(&temporary)
                .and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()))
                .and_then(|()| fs::rename(&temporary, &path));
            if written.is_err() {
                // Best effort: what matters is the error that follows.
                let _ = fs::remove_file(&temporary);
            }
            written?;
            for folder in [Some(folder.as_path()), Some(self.root.as_path()), self.root.parent()] {
                if let Some(folder) = folder.filter(|f| !f.as_os_str().is_empty()) {
                    File::open(folder)?.sync_all()?;
                }
            }
            Ok(())
        };
        write().map_err(|e| TraceError::io("cannot write curve", &path, &e))
    }
}
