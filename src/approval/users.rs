//! `users.yaml` under the signature of an administrator: `users.yaml.sig` beside it.
//!
//! Whoever can write both files can name themselves administrator; so the gate holds the administrator's key against
//! those that were laid down at the cell by its owner ([`Users::is_trusted`]).

use cellwright_model::approval::{Person, PublicKey, Refusal, RefusalKind, Role};
use cellwright_model::curve::sha256_hex;
use cellwright_model::{Date, canonical, time};
use serde::{Deserialize, Serialize};

use crate::key::{self, Signer};

const FORMAT: u32 = 1;
const DOMAIN: &str = "cellwright users\n";
/// Bytes of a signature file: it has a fixed number of short fields.
pub const SEAL_BYTES_MAX: usize = 4 << 10;

/// The file `users.yaml.sig`, canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsersSeal {
    format: u32,
    /// As `users.yaml` names them.
    administrator: String,
    key: String,
    /// Time of day, RFC 3339, UTC.
    signed: String,
    /// Of `users.yaml`.
    sha256: String,
    signature: String,
}

/// Persons, as an administrator has signed for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users {
    persons: Vec<Person>,
    administrator: PublicKey,
    signed_by: String,
}

fn refuse(cause: impl Into<String>) -> Refusal {
    let remedy = "have an administrator look at the file and sign it: `cellwright users sign`";
    Refusal::new(RefusalKind::Users, "users.yaml", cause, remedy)
}

impl UsersSeal {
    /// An administrator signs the file as it is.
    ///
    /// # Errors
    /// The person is none, their training has lapsed, or the key is another one.
    pub fn seal(
        yaml: &[u8],
        persons: &[Person],
        administrator: &str,
        signer: &Signer,
        now_unix_ns: i128,
    ) -> Result<UsersSeal, Refusal> {
        let seal = UsersSeal {
            format: FORMAT,
            administrator: administrator.to_owned(),
            key: signer.public().to_string(),
            signed: time::rfc3339(now_unix_ns),
            sha256: sha256_hex(yaml),
            signature: String::new(),
        };
        seal.administrator_of(persons)?;
        let message = seal.message().map_err(|e| refuse(e.to_string()))?;
        Ok(UsersSeal { signature: hex::encode(signer.sign(&message)), ..seal })
    }

    /// The file.
    ///
    /// # Errors
    /// It has no canonical form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, canonical::CanonicalError> {
        canonical::to_string(self).map(String::into_bytes)
    }

    fn message(&self) -> Result<Vec<u8>, canonical::CanonicalError> {
        let open = UsersSeal { signature: String::new(), ..self.clone() };
        Ok([DOMAIN.as_bytes(), &open.to_bytes()?].concat())
    }

    fn holds(&self) -> bool {
        self.message().is_ok_and(|message| key::verify_text(&self.key, &message, &self.signature))
    }

    /// The administrator among the persons, under whose key and in whose training it was signed.
    fn administrator_of<'p>(&self, persons: &'p [Person]) -> Result<&'p Person, Refusal> {
        let id = &self.administrator;
        let Some(person) = persons.iter().find(|p| p.id == *id) else {
            return Err(refuse(format!("it is signed by {id}, who does not stand in it")));
        };
        if !person.is(Role::Administrator) {
            return Err(refuse(format!("it is signed by {id}, who is no administrator")));
        }
        if person.key.to_string() != self.key {
            return Err(refuse(format!("it is signed with another key than the one of {id} in it")));
        }
        let until = person.trained_until;
        match self.signed.get(..10).and_then(|day| Date::parse(day).ok()) {
            Some(day) if day <= until => Ok(person),
            Some(day) => {
                Err(refuse(format!("{id} signed it on {day}, and their training was valid until {until}")))
            }
            None => Err(refuse("its signature names no day")),
        }
    }
}

impl Users {
    /// Persons that were read from `yaml`, if the signature over it holds.
    ///
    /// # Errors
    /// A byte of either file was changed, or an administrator has not signed it.
    pub fn verify(yaml: &[u8], seal: &[u8], persons: Vec<Person>, today: Date) -> Result<Users, Refusal> {
        if seal.len() > SEAL_BYTES_MAX {
            return Err(refuse("users.yaml.sig is no signature: it is too large"));
        }
        let read: UsersSeal = serde_json::from_slice(seal)
            .map_err(|e| refuse(format!("users.yaml.sig is no signature: {e}")))?;
        if read.format != FORMAT || read.to_bytes().ok().as_deref() != Some(seal) || !read.holds() {
            return Err(refuse("the signature in users.yaml.sig does not hold: it was changed"));
        }
        if read.sha256 != sha256_hex(yaml) {
            return Err(refuse("it was changed after it was signed"));
        }
        let administrator = read.administrator_of(&persons)?;
        if read.signed.get(..10).is_none_or(|day| day > today.to_string().as_str()) {
            return Err(refuse(format!("it was signed on {:.10}, and today is {today}", read.signed)));
        }
        let (administrator, signed_by) = (administrator.key, read.administrator);
        Ok(Users { persons, administrator, signed_by })
    }

    /// Everybody in it.
    pub fn persons(&self) -> &[Person] {
        &self.persons
    }

    /// A person by id.
    pub fn person(&self, id: &str) -> Option<&Person> {
        self.persons.iter().find(|p| p.id == id)
    }

    /// Who signed it, and their key.
    pub fn administrator(&self) -> (&str, PublicKey) {
        (&self.signed_by, self.administrator)
    }

    /// Whether its administrator is one of those that the cell's owner laid down.
    ///
    /// # Errors
    /// None of them.
    pub fn is_trusted(&self, keys: &[PublicKey]) -> Result<(), Refusal> {
        if keys.contains(&self.administrator) {
            return Ok(());
        }
        let cause = match keys {
            [] => "this cell trusts no administrator yet".to_owned(),
            _ => format!(
                "it is signed by {}, whose key this cell does not trust: {}",
                self.signed_by, self.administrator
            ),
        };
        let remedy =
            "compare the key with the administrator's own word, then lay it down: `cellwright users trust`";
        Err(Refusal::new(RefusalKind::Trust, "users.yaml", cause, remedy))
    }

    /// Persons who hold a role and whose training is valid on this day, but for some.
    pub fn who(&self, role: Role, today: Date, but: &[&str]) -> Vec<&str> {
        let may = |p: &&Person| p.is(role) && p.trained_until >= today && !but.contains(&p.id.as_str());
        self.persons.iter().filter(may).map(|p| p.id.as_str()).collect()
    }
}
