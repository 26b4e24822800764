//! Where signatures lie: `approvals/` beside the recipe and beside cell.yaml, `users.yaml` and its signature beside
//! cell.yaml, `administrators` in the state directory of the cell.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cellwright_approval::chain::RECORDS_MAX;
use cellwright_approval::record::BYTES_MAX;
use cellwright_approval::users::SEAL_BYTES_MAX;
use cellwright_approval::{Folder, Record, Users};
use cellwright_model::approval::{Person, PublicKey, Refusal, RefusalKind};
use cellwright_model::{Date, canonical, curve};
use cellwright_recipe::{FileSource, Sources, load_users, render};
use cellwright_sim::files::Files;

use crate::cli::Failure;

/// The list of administrators: a key a line.
const ADMINISTRATORS: &str = "administrators";
/// Bytes of that list: some hundred keys.
const ADMINISTRATORS_BYTES_MAX: usize = 64 << 10;

/// The folder of records beside a file.
pub(crate) fn beside(file: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join("approvals")
}

/// At most `most` bytes of a file, and one more if there are more.
fn bytes(path: &Path, most: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Every record of a folder; one that is not there has none.
pub(crate) fn folder(path: &Path) -> Result<Folder, Vec<Refusal>> {
    let refuse = |place: &Path, why: std::io::Error| {
        let remedy = "make it readable for the user of this program";
        vec![Refusal::new(RefusalKind::Record, place.display().to_string(), why.to_string(), remedy)]
    };
    if !path.exists() {
        return Ok(Folder::default());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|e| refuse(path, e))? {
        let at = entry.map_err(|e| refuse(path, e))?.path();
        if at.extension().is_none_or(|e| e != "json") || files.len() > RECORDS_MAX {
            continue;
        }
        files.push((at.display().to_string(), bytes(&at, BYTES_MAX).map_err(|e| refuse(&at, e))?));
    }
    files.sort();
    Folder::read(&files)
}

/// Writes a record as a whole or not at all. What follows the same record of the same content bears the same name: of
/// two people who sign at once, the second is refused.
pub(crate) fn file(path: &Path, record: &Record) -> Result<PathBuf, Failure> {
    let content = canonical::to_string(&record.content)?;
    let content = curve::sha256_hex(content.as_bytes());
    let after = record.previous.as_deref().unwrap_or("nothing");
    let at = path.join(format!("{}-{content:.12}-after-{after:.12}.json", record.content.id));
    std::fs::create_dir_all(path)?;
    whole(&at, &record.to_bytes()?, Put::New)?;
    Ok(at)
}

/// How a file is put where it belongs, and who may read it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Put {
    /// There must be none; readable for all.
    New,
    /// The same, for its owner only.
    Secret,
    /// In the place of the one that is there.
    Instead,
}

/// A file with these bytes, durable, as a whole or not at all.
pub(crate) fn whole(at: &Path, bytes: &[u8], put: Put) -> Result<(), Failure> {
    let fail = |why: std::io::Error| Failure::Failed(format!("{}: {why}; nothing was written", at.display()));
    let folder = at.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mode = if matches!(put, Put::Secret) { 0o600 } else { 0o644 };
    let made = tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempfile_in(folder);
    let mut new = made.map_err(fail)?;
    new.write_all(bytes).and_then(|()| new.as_file().sync_all()).map_err(fail)?;
    let placed = match put {
        Put::New | Put::Secret => new.persist_noclobber(at),
        Put::Instead => new.persist(at),
    };
    placed.map_err(|e| fail(e.error))?;
    File::open(folder).and_then(|f| f.sync_all()).map_err(fail)
}

/// A file that was read once: what is read of it is what its signature is held against.
struct ReadOnce<'a>(&'a [u8]);

impl FileSource for ReadOnce<'_> {
    fn read(&self, _path: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.to_vec())
    }
}

/// `users.yaml` as it stands: its bytes and persons. Errors: every mistake in it.
pub(crate) fn persons(cell: &Path) -> Result<(Vec<u8>, Vec<Person>), Refusal> {
    let path = cell.join("users.yaml");
    let refuse = |why: String| {
        let remedy =
            "write who may sign what, with the keys of `cellwright users key`, then `cellwright users sign`";
        Refusal::new(RefusalKind::Users, path.display().to_string(), why, remedy)
    };
    let yaml = Files.read(&path.to_string_lossy()).map_err(refuse)?;
    let mut sources = Sources::default();
    let persons = load_users(&ReadOnce(&yaml), &path.to_string_lossy(), &mut sources)
        .map_err(|list| refuse(render(&list, &sources).trim_end().to_owned()))?;
    Ok((yaml, persons))
}

/// The same under its signature.
pub(crate) fn users(cell: &Path, today: Date) -> Result<Users, Refusal> {
    let (yaml, persons) = persons(cell)?;
    let path = cell.join("users.yaml.sig");
    let seal = bytes(&path, SEAL_BYTES_MAX).map_err(|e| {
        let remedy = "have an administrator sign it: `cellwright users sign`";
        Refusal::new(RefusalKind::Users, path.display().to_string(), e.to_string(), remedy)
    })?;
    Users::verify(&yaml, &seal, persons, today)
}

/// Administrators that were laid down at the cell; none if there is no list.
pub(crate) fn trusted(state: &Path) -> Result<Vec<PublicKey>, Refusal> {
    let path = state.join(ADMINISTRATORS);
    let refuse = |why: String| {
        let remedy = "one key a line, as `cellwright users trust` writes it";
        Refusal::new(RefusalKind::Trust, path.display().to_string(), why, remedy)
    };
    if !path.exists() {
        return Ok(Vec::new());
    }
    let read = bytes(&path, ADMINISTRATORS_BYTES_MAX).map_err(|e| refuse(e.to_string()))?;
    let text = String::from_utf8(read).map_err(|_| refuse("it is no text".to_owned()))?;
    let key = |(n, line): (usize, &str)| {
        PublicKey::parse(line.trim()).ok_or_else(|| refuse(format!("line {} is no public key", n + 1)))
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(key).collect()
}

/// Adds an administrator's key to the list.
pub(crate) fn trust(state: &Path, key: PublicKey) -> Result<(), Failure> {
    let known = trusted(state).map_err(|refusal| Failure::Failed(refusal.to_string()))?;
    if known.contains(&key) {
        return Ok(());
    }
    std::fs::create_dir_all(state)?;
    let path = state.join(ADMINISTRATORS);
    let mut list = OpenOptions::new().append(true).create(true).open(&path)?;
    list.write_all(format!("{key}\n").as_bytes())?;
    list.sync_all()?;
    Ok(())
}
