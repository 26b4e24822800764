//! Who may sign, and what the signatures permit: words that the reader of `users.yaml`, the approvals, the engine
//! and the record share. Signatures themselves are the business of the crate `approval`.
//!
//! *Clearance*: whether units may be made in mode Production, and by which approval. A [`Refusal`] names what stands
//! in the way: place, cause and remedy.

use core::fmt;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Date;

/// Persons in `users.yaml`: a plant's, several times over; each key is held against each other.
pub const PERSONS_MAX: usize = 1_000;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The word in files and on screen.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),* }
            }

            /// The one that is written so.
            pub fn parse(word: &str) -> Option<$name> {
                Self::ALL.iter().copied().find(|x| x.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What a person is trusted with.
    Role {
        /// Writes recipes and cell descriptions.
        Author = "author",
        /// Has read them, and permits their validation.
        Reviewer = "reviewer",
        /// Has seen the validation, and releases them.
        Approver = "approver",
        /// Takes back what is no longer to be used.
        Quality = "quality",
        /// Says who has which role.
        Administrator = "administrator",
        /// Touches up poses at the machine, within the approved bounds.
        Teacher = "teacher",
        /// Works the cell in production.
        Operator = "operator",
    }
}

words! {
    /// How far the approval of a recipe or a cell description is.
    ApprovalState {
        Draft = "draft",
        InReview = "in-review",
        /// Units may be made to validate it: purpose `validation`, their lot quarantined.
        ApprovedForValidation = "approved-for-validation",
        Released = "released",
        Retired = "retired",
    }
}

/// A public key of Ed25519 (RFC 8032): 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Reads 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<PublicKey> {
        let digit = |b: u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        };
        let digits = text.as_bytes();
        let mut key = [0; 32];
        if digits.len() != 2 * key.len() {
            return None;
        }
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(PublicKey(key))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One entry of `users.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// As records name them.
    pub id: String,
    /// For people.
    pub name: String,
    pub key: PublicKey,
    pub roles: Vec<Role>,
    /// Last day on which they may sign or operate.
    pub trained_until: Date,
}

impl Person {
    /// Whether they hold a role.
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

words! {
    /// Kind of a [`Refusal`].
    RefusalKind {
        /// `users.yaml` cannot be read, or its signature does not hold.
        Users = "users",
        /// The administrator who signed is not the one that this cell trusts.
        Trust = "trust",
        /// A record of an approval is damaged, or no record at all.
        Record = "record",
        /// A record is signed by somebody who may not.
        Signer = "signer",
        /// What is there is not what was approved.
        Changed = "changed",
        /// A signature is missing.
        Unsigned = "unsigned",
        /// It is approved, but not for this purpose.
        Purpose = "purpose",
        /// Poses were touched up, beyond what is permitted or by nobody who may.
        Taught = "taught",
        /// Whoever works the cell may not.
        Operator = "operator",
    }
}

/// What stands in the way of production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub kind: RefusalKind,
    /// File, or what else it is about.
    pub place: String,
    pub cause: String,
    pub remedy: String,
}

impl Refusal {
    /// A refusal in words.
    pub fn new(
        kind: RefusalKind,
        place: impl Into<String>,
        cause: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Refusal {
        Refusal { kind, place: place.into(), cause: cause.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; remedy: {}", self.place, self.cause, self.remedy)
    }
}

/// Whether units may be made in mode Production (house rule 10).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Clearance {
    /// Nothing that is made here can be a production record: the twin asks for no approval.
    #[default]
    NotAsked,
    Given {
        /// The last record of the recipe's approval, by the SHA-256 of its bytes: it names all before it.
        approval: String,
        /// What it rests on, in words.
        basis: String,
        /// Who works the cell, by their id in `users.yaml`.
        operator: String,
        /// Everybody in `users.yaml`, with the last day of their training.
        trained_until: BTreeMap<String, Date>,
    },
    Refused {
        refusals: Vec<Refusal>,
    },
}

impl Clearance {
    /// What the record names as approval.
    pub fn approval(&self) -> Option<&str> {
        match self {
            Clearance::Given { approval, .. } => Some(approval),
            Clearance::NotAsked | Clearance::Refused { .. } => None,
        }
    }

    /// Who works the cell; `None` where nobody was asked for.
    pub fn operator(&self) -> Option<&str> {
        match self {
            Clearance::Given { operator, .. } => Some(operator),
            Clearance::NotAsked | Clearance::Refused { .. } => None,
        }
    }

    /// That a person has no valid training, in words. `who`: the id in `users.yaml`. `today`: by UTC; a day that is not
    /// known is behind every training.
    pub fn lapsed(&self, who: &str, today: Option<Date>) -> Option<String> {
        let Clearance::Given { trained_until, .. } = self else { return None };
        let Some(until) = trained_until.get(who) else {
            return Some(format!("{who} does not stand in users.yaml, so nothing is known of a training"));
        };
        match today {
            Some(today) if today <= *until => None,
            Some(today) => {
                Some(format!("the training of {who} was valid until {until}, and today is {today} (UTC)"))
            }
            None => Some(format!("the training of {who} is valid until {until}, and the day is not known")),
        }
    }

    /// Why nothing may be made, in one line.
    pub fn refusal(&self) -> Option<String> {
        let Clearance::Refused { refusals } = self else { return None };
        let all: Vec<String> = refusals.iter().map(Refusal::to_string).collect();
        Some(format!("not approved for this: {}", all.join("; and ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written_and_in_no_other_way() {
        let key = PublicKey(core::array::from_fn(|i| (i * 8 + 5) as u8));
        assert_eq!(PublicKey::parse(&key.to_string()), Some(key));
        let text = key.to_string();
        assert_eq!(PublicKey::parse(&text.to_uppercase()), None, "one spelling only");
        assert_eq!(PublicKey::parse(&text[1..]), None);
        assert_eq!(PublicKey::parse(&format!("{text}0")), None);
    }

    #[test]
    fn training_holds_through_its_last_day() {
        let day = |text: &str| Date::parse(text).expect("a date");
        let given = Clearance::Given {
            approval: "ab".into(),
            basis: "released".into(),
            operator: "otto".into(),
            trained_until: BTreeMap::from([("otto".to_owned(), day("2027-03-01"))]),
        };
        assert_eq!(given.operator(), Some("otto"));
        assert_eq!(given.lapsed("otto", Some(day("2027-03-01"))), None);
        let lapsed = given.lapsed("otto", Some(day("2027-03-02"))).expect("it is over");
        assert_eq!(lapsed, "the training of otto was valid until 2027-03-01, and today is 2027-03-02 (UTC)");
        assert!(given.lapsed("otto", None).is_some_and(|why| why.ends_with("the day is not known")));
        let unknown = given.lapsed("cellsvc", Some(day("2027-03-01"))).expect("nobody knows him");
        assert!(unknown.starts_with("cellsvc does not stand in users.yaml"), "{unknown}");
        assert_eq!(Clearance::NotAsked.lapsed("otto", None), None, "the twin asks nobody");
    }

    #[test]
    fn words_are_read_back() {
        assert!(Role::ALL.iter().all(|r| Role::parse(r.as_str()) == Some(*r)));
        assert_eq!(Role::parse("Author"), None);
        let json = serde_json::to_value(ApprovalState::ApprovedForValidation).expect("a word");
        assert_eq!(json, "approved-for-validation");
    }

    #[test]
    fn a_refused_clearance_says_why_and_names_no_approval() {
        let refusal = Refusal::new(RefusalKind::Changed, "cell.yaml", "it has changed", "have it approved");
        let refused = Clearance::Refused { refusals: vec![refusal] };
        assert!(refused.refusal().is_some_and(|why| why.contains("cell.yaml: it has changed; remedy: have")));
        assert_eq!(refused.approval(), None);
        let json = serde_json::to_value(&refused).expect("JSON");
        assert_eq!((&json["is"], &json["refusals"][0]["kind"]), (&"refused".into(), &"changed".into()));
        assert_eq!(Clearance::default().refusal(), None);
    }
}
