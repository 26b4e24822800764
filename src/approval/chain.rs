//! The records of a folder, and where they lead: each content has a chain of its own.
//!
//! Every record of the folder has to be whole, whatever it is about: a folder with a damaged file in it cannot be
//! relied on. Whether the people were entitled to sign is asked of one chain, the one that counts.

use cellwright_model::Date;
use cellwright_model::approval::{ApprovalState, Refusal, RefusalKind};

use crate::content::Content;
use crate::record::{self, Record};
use crate::rules;
use crate::users::Users;

/// Records of one folder: ten signatures on each of a hundred versions, several times over.
pub const RECORDS_MAX: usize = 4_000;

/// A record with the name of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    pub file: String,
    pub record: Record,
    /// SHA-256 of the file: what the next one, and the events of the cell, call it.
    pub hash: String,
}

/// The records over one content, in their order, and where they lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub content: Content,
    pub records: Vec<Filed>,
    pub state: ApprovalState,
}

/// Every record of a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    chains: Vec<Standing>,
}

fn damaged(file: &str, cause: impl Into<String>) -> Refusal {
    let remedy = "put the file back as it was signed; approvals are never edited";
    Refusal::new(RefusalKind::Record, file, cause, remedy)
}

impl Folder {
    /// Reads the files of a folder: (name, bytes).
    ///
    /// # Errors
    /// Everything that is no whole record, or does not follow from the ones before it.
    pub fn read(files: &[(String, Vec<u8>)]) -> Result<Folder, Vec<Refusal>> {
        if files.len() > RECORDS_MAX {
            let cause = format!("{} files, and a folder has room for {RECORDS_MAX}", files.len());
            return Err(vec![damaged("approvals", cause)]);
        }
        let (mut records, mut refused) = (Vec::new(), Vec::new());
        for (file, bytes) in files {
            match Record::read(bytes) {
                Ok(record) => {
                    records.push(Filed { file: file.clone(), record, hash: record::name_of(bytes) });
                }
                Err(e) => refused.push(damaged(file, e.to_string())),
            }
        }
        if !refused.is_empty() {
            return Err(refused);
        }
        let mut chains = Vec::new();
        while let Some(content) = records.first().map(|r| r.record.content.clone()) {
            let (of_it, rest) = records.into_iter().partition(|r: &Filed| r.record.content == content);
            records = rest;
            match linked(of_it).and_then(|records| replayed(content, records)) {
                Ok(chain) => chains.push(chain),
                Err(refusal) => refused.push(*refusal),
            }
        }
        if refused.is_empty() { Ok(Folder { chains }) } else { Err(refused) }
    }

    /// Where exactly this content stands; `None`: nobody has signed it.
    pub fn standing(&self, content: &Content) -> Option<&Standing> {
        self.chains.iter().find(|c| c.content == *content)
    }

    /// Everything that was ever signed of the same thing, the last first.
    pub fn history(&self, content: &Content) -> Vec<&Standing> {
        let mut all: Vec<_> = self.chains.iter().filter(|c| c.content.is_same_thing(content)).collect();
        all.sort_by(|a, b| b.last_signed().cmp(a.last_signed()));
        all
    }

    /// What was approved of the same thing and is nearest to this: its own version first, then what went further,
    /// then the later.
    pub fn nearest(&self, content: &Content) -> Option<&Standing> {
        let rank = |c: &&&Standing| {
            (c.content.version == content.version, reach(c.state), c.last_signed().to_owned())
        };
        self.history(content).iter().max_by_key(rank).copied()
    }
}

/// How far a state is from nothing.
fn reach(state: ApprovalState) -> u8 {
    match state {
        ApprovalState::Draft => 0,
        ApprovalState::InReview => 1,
        ApprovalState::Retired => 2,
        ApprovalState::ApprovedForValidation => 3,
        ApprovalState::Released => 4,
    }
}

/// The records of one content in the order in which they name each other.
fn linked(mut records: Vec<Filed>) -> Result<Vec<Filed>, Box<Refusal>> {
    let mut chain: Vec<Filed> = Vec::new();
    while !records.is_empty() {
        let before = chain.last().map(|r| r.hash.clone());
        let next: Vec<usize> = (0..records.len()).filter(|&i| records[i].record.previous == before).collect();
        match next.as_slice() {
            [one] => chain.push(records.swap_remove(*one)),
            [] => {
                let cause = "the record that it follows is not there";
                return Err(Box::new(damaged(&records[0].file, cause)));
            }
            [one, other, ..] => {
                let cause = format!("{} follows the same record", records[*other].file);
                return Err(Box::new(damaged(&records[*one].file, cause)));
            }
        }
    }
    Ok(chain)
}

/// The state to which the records lead, each by a rule, in the order of their times.
fn replayed(content: Content, records: Vec<Filed>) -> Result<Standing, Box<Refusal>> {
    let mut chain = Standing { content, records: Vec::new(), state: ApprovalState::Draft };
    for filed in records {
        let r = &filed.record;
        let to = rules::next(chain.state, r.act, r.role).filter(|_| chain.content.kind.takes(r.act));
        let Some(to) = to else {
            let cause =
                format!("in {} nobody may {} a {} as {}", chain.state, r.act, chain.content.kind, r.role);
            return Err(Box::new(damaged(&filed.file, cause)));
        };
        if chain.records.last().is_some_and(|before| before.record.signed > r.signed) {
            return Err(Box::new(damaged(&filed.file, "it was signed before the one that it follows")));
        }
        if let Some(other) = chain.own_person_taken(r.act, &r.person, &r.key) {
            let cause = format!("{} signed `{}` and `{}`", r.person, other.record.act, r.act);
            let remedy = "author, reviewer and approver are different persons: have another one sign";
            return Err(Box::new(Refusal::new(RefusalKind::Signer, &filed.file, cause, remedy)));
        }
        chain.state = to;
        chain.records.push(filed);
    }
    Ok(chain)
}

impl Standing {
    /// The record by which this person has signed already what bars them from this act.
    pub(crate) fn own_person_taken(&self, act: crate::Act, person: &str, key: &str) -> Option<&Filed> {
        if !act.wants_own_person() {
            return None;
        }
        self.round()
            .iter()
            .find(|f| f.record.act.wants_own_person() && (f.record.person == person || f.record.key == key))
    }

    /// The records since it was a draft the last time.
    fn round(&self) -> &[Filed] {
        let returned = self.records.iter().rposition(|f| f.record.act == crate::Act::Return);
        &self.records[returned.map_or(0, |at| at + 1)..]
    }

    /// Persons who have signed since it was a draft, of whom each signs once.
    pub(crate) fn signers(&self) -> Vec<&str> {
        let own = self.round().iter().filter(|f| f.record.act.wants_own_person());
        own.map(|f| f.record.person.as_str()).collect()
    }

    fn last_signed(&self) -> &str {
        self.records.last().map_or("", |r| r.record.signed.as_str())
    }

    /// Every signature of somebody who may not have given it: unknown, another key, no such role, training lapsed,
    /// dated after today.
    pub fn unentitled(&self, users: &Users, today: Date) -> Vec<Refusal> {
        self.records.iter().filter_map(|f| unentitled(f, users, today)).collect()
    }
}

fn unentitled(filed: &Filed, users: &Users, today: Date) -> Option<Refusal> {
    let r = &filed.record;
    let refuse = |cause: String| {
        let remedy = "have it signed anew by somebody who may; persons who have left stay in users.yaml, their \
                      training ended";
        Some(Refusal::new(RefusalKind::Signer, &filed.file, cause, remedy))
    };
    let (who, act) = (&r.person, r.act);
    let Some(person) = users.person(who) else {
        return refuse(format!("`{act}` is signed by {who}, who does not stand in users.yaml"));
    };
    if person.key.to_string() != r.key {
        return refuse(format!("`{act}` is signed with another key than the one of {who} in users.yaml"));
    }
    if !person.is(r.role) {
        return refuse(format!("`{act}` is signed by {who} as {}, which they are not", r.role));
    }
    match r.date() {
        Some(date) if date > today => refuse(format!("`{act}` is signed on {date}, and today is {today}")),
        Some(date) if date > person.trained_until => refuse(format!(
            "`{act}` is signed by {who} on {date}, and their training was valid until {}",
            person.trained_until
        )),
        Some(_) => None,
        None => refuse("it names no day".to_owned()),
    }
}
