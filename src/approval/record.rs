//! One signature, as the file that it is.
//!
//! The file is the canonical JSON (RFC 8785) of the record, and nothing else: it is read back only if the same bytes
//! come out again. Signed is the canonical form without `signature`, behind a line that says what it is.

use cellwright_model::Date;
use cellwright_model::approval::Role;
use cellwright_model::canonical;
use cellwright_model::curve::sha256_hex;
use serde::{Deserialize, Serialize};

use crate::content::Content;
use crate::key::{self, Signer};
use crate::rules::Act;

/// Counts up when the meaning of a record changes.
pub const FORMAT: u32 = 1;
/// Bytes of a record: 65 rows and 65 files of a recipe with long names have room in it twice.
pub const BYTES_MAX: usize = 64 << 10;
/// Characters of the note that a person leaves with a signature.
pub const NOTE_CHARS_MAX: usize = 500;
/// Stands before what is signed, so that a signature over it is one over nothing else.
const DOMAIN: &str = "cellwright approval record\n";

/// See the module text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub format: u32,
    pub content: Content,
    pub act: Act,
    /// The one of the person's roles under which it is signed.
    pub role: Role,
    pub person: String,
    /// Their printed name.
    pub name: String,
    /// Time of day, RFC 3339, UTC.
    pub signed: String,
    /// In the person's words.
    pub note: String,
    /// Name and version of the program that made the hashes.
    pub program: String,
    /// SHA-256 of the record before it in the chain; `null`: it is the first.
    pub previous: Option<String>,
    /// The person's public key.
    pub key: String,
    /// Ed25519, 128 hexadecimal digits.
    pub signature: String,
}

/// Why bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("it has more than {BYTES_MAX} bytes")]
    TooLarge,
    #[error("it is no approval record: {0}")]
    NotARecord(String),
    #[error("it is of format {0}, and this program reads format {FORMAT}")]
    Format(u32),
    #[error("it is not in canonical form: it was changed after it was written")]
    NotCanonical,
    #[error("`signed` is no time of day")]
    BadTime,
    #[error("its signature does not hold: it was changed after it was signed")]
    Signature,
}

impl Record {
    /// Signs. What stands in `key` and `signature` before does not matter.
    ///
    /// # Errors
    /// It has no canonical form.
    pub(crate) fn sealed(mut self, signer: &Signer) -> Result<Record, canonical::CanonicalError> {
        self.key = signer.public().to_string();
        self.signature = String::new();
        self.signature = hex::encode(signer.sign(&self.message()?));
        Ok(self)
    }

    /// The file.
    ///
    /// # Errors
    /// It has no canonical form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, canonical::CanonicalError> {
        canonical::to_string(self).map(String::into_bytes)
    }

    /// Reads a file; whoever signed it is not looked at here.
    ///
    /// # Errors
    /// Any byte of it is not the one that was written.
    pub fn read(bytes: &[u8]) -> Result<Record, RecordError> {
        if bytes.len() > BYTES_MAX {
            return Err(RecordError::TooLarge);
        }
        let record: Record =
            serde_json::from_slice(bytes).map_err(|e| RecordError::NotARecord(e.to_string()))?;
        if record.format != FORMAT {
            return Err(RecordError::Format(record.format));
        }
        if record.to_bytes().ok().as_deref() != Some(bytes) {
            return Err(RecordError::NotCanonical);
        }
        record.date().ok_or(RecordError::BadTime)?;
        record.holds().then_some(record).ok_or(RecordError::Signature)
    }

    /// The day on which it was signed.
    pub fn date(&self) -> Option<Date> {
        let (date, time) = self.signed.split_once('T')?;
        let shape = time.len() == "00:00:00.000000000Z".len() && time.ends_with('Z');
        Date::parse(date).ok().filter(|_| shape)
    }

    fn message(&self) -> Result<Vec<u8>, canonical::CanonicalError> {
        let mut value = canonical::to_value(self)?;
        if let Some(fields) = value.as_object_mut() {
            fields.remove("signature");
        }
        Ok([DOMAIN.as_bytes(), canonical::value_to_string(&value)?.as_bytes()].concat())
    }

    fn holds(&self) -> bool {
        self.message().is_ok_and(|message| key::verify_text(&self.key, &message, &self.signature))
    }
}

/// The name by which the next record and the events of the cell call a record.
pub(crate) fn name_of(bytes: &[u8]) -> String {
    sha256_hex(bytes)
}
