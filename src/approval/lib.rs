//! Approved means approved: who has signed what of a recipe, of a cell description, of touched-up poses, and what
//! may be made for it. Pure: files, the day and every random byte are arguments.
//!
//! Terms. *Content*: what is signed, by its hashes, file by file and Plan by Plan. *Record*: one signature of one
//! person under one act, a file of its own in canonical form (RFC 8785), signed by Ed25519 (RFC 8032). *Chain*: the
//! records over one content; each names the one before it by its hash. *Standing*: the state to which a chain leads
//! by the [`rules`], if everybody in it might sign what they signed. *Clearance*: what may be made, and if nothing,
//! why not.
//!
//! | file | subject |
//! | --- | --- |
//! | `rules` | state x act x role -> state, and what each state permits |
//! | `content` | what is signed, and how two contents differ |
//! | `record` | one signature, to bytes and back |
//! | `chain` | records to where a content stands |
//! | `sign` | the next record, if this person may make it |
//! | `users` | `users.yaml` under the signature of an administrator |
//! | `key` | keys of persons, encrypted at rest |
//! | `taught` | touched-up poses against their bounds |
//! | `clearance` | the gate of mode Production |

pub mod chain;
pub mod clearance;
pub mod content;
pub mod key;
pub mod record;
pub mod rules;
pub mod sign;
pub mod taught;
pub mod users;

pub use chain::{Filed, Folder, Standing};
pub use clearance::{Cleared, Evidence, Subject, clear};
pub use content::{Content, FileHash, Kind, PlanHash};
pub use key::{KeyError, SealedKey, Signer};
pub use record::{Record, RecordError};
pub use rules::{Act, RULES, Rule};
pub use sign::{Signing, sign};
pub use taught::Deviation;
pub use users::{Users, UsersSeal};

#[cfg(test)]
mod tests;
