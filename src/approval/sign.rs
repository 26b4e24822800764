//! The next record of a chain, if this person may make it.

use cellwright_model::approval::{ApprovalState, Person, Refusal, RefusalKind, Role};
use cellwright_model::{Date, time};

use crate::chain::{Folder, Standing};
use crate::content::Content;
use crate::key::Signer;
use crate::record::{FORMAT, NOTE_CHARS_MAX, Record};
use crate::rules::{Act, RULES};
use crate::users::Users;

/// Who wants to sign what.
pub struct Signing<'a> {
    pub content: &'a Content,
    pub act: Act,
    /// As `users.yaml` names them.
    pub person: &'a str,
    pub signer: &'a Signer,
    pub note: &'a str,
    /// Name and version of this program.
    pub program: &'a str,
    pub now_unix_ns: i128,
}

fn refuse(place: &str, cause: impl Into<String>, remedy: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Signer, place, cause, remedy)
}

/// Signs.
///
/// # Errors
/// The person may not: unknown, another key, training lapsed, no role for it in this state, one that they have
/// signed themselves before.
pub fn sign(folder: &Folder, users: &Users, signing: &Signing<'_>) -> Result<Record, Refusal> {
    let Signing { content, act, .. } = *signing;
    let today = Date::of_unix_ns(signing.now_unix_ns);
    let person = entitled(users, signing, today)?;
    let before = folder.standing(content);
    if let Some(refusal) = before.and_then(|b| b.unentitled(users, today).into_iter().next()) {
        return Err(refusal);
    }
    let state = before.map_or(ApprovalState::Draft, |b| b.state);
    let role = role(content, state, act, person, users)?;
    own_person(before, act, person, users, today)?;
    if act == Act::Submit {
        version_is_free(folder, content)?;
    }
    if signing.note.chars().count() > NOTE_CHARS_MAX {
        return Err(refuse("note", "it is too long", format!("at most {NOTE_CHARS_MAX} characters")));
    }
    let record = Record {
        format: FORMAT,
        content: content.clone(),
        act,
        role,
        person: person.id.clone(),
        name: person.name.clone(),
        signed: time::rfc3339(signing.now_unix_ns),
        note: signing.note.to_owned(),
        program: signing.program.to_owned(),
        previous: before.and_then(|b| b.records.last()).map(|f| f.hash.clone()),
        key: String::new(),
        signature: String::new(),
    };
    record
        .sealed(signing.signer)
        .map_err(|e| refuse("record", e.to_string(), "tell whoever keeps this program"))
}

/// The person, with their own key and valid training.
fn entitled<'u>(users: &'u Users, signing: &Signing<'_>, today: Date) -> Result<&'u Person, Refusal> {
    let id = signing.person;
    let Some(person) = users.person(id) else {
        let remedy = "name somebody who stands there, or have an administrator enter them";
        return Err(refuse("users.yaml", format!("{id} does not stand in it"), remedy));
    };
    if signing.signer.public() != person.key {
        let cause = format!("the key is not the one of {id} in it");
        return Err(refuse("users.yaml", cause, "use the key file of that person"));
    }
    if person.trained_until < today {
        let cause = format!("the training of {id} was valid until {}", person.trained_until);
        let remedy = "train them, and have an administrator enter the new date; or have another person sign";
        return Err(refuse("users.yaml", cause, remedy));
    }
    Ok(person)
}

/// The role under which this person may do that now.
fn role(
    content: &Content,
    state: ApprovalState,
    act: Act,
    person: &Person,
    users: &Users,
) -> Result<Role, Refusal> {
    let rules = RULES.iter().filter(|r| r.from == state && content.kind.takes(r.act));
    let of_act: Vec<Role> = rules.clone().filter(|r| r.act == act).map(|r| r.role).collect();
    if let Some(role) = of_act.iter().copied().find(|role| person.is(*role)) {
        return Ok(role);
    }
    if of_act.is_empty() {
        let open: Vec<String> = rules.map(|r| format!("{} ({})", r.act, r.role)).collect();
        let open = if open.is_empty() { "nothing".to_owned() } else { open.join(", ") };
        let cause = format!("it is {state}: `{act}` is not possible");
        return Err(refuse(&content.title(), cause, format!("possible now: {open}")));
    }
    let wanted: Vec<&str> = of_act.iter().map(|r| r.as_str()).collect();
    let has: Vec<&str> = person.roles.iter().map(|r| r.as_str()).collect();
    let cause = format!("`{act}` is for {}, and {} is {}", wanted.join(" or "), person.id, has.join(", "));
    let may: Vec<&str> =
        users.persons().iter().filter(|p| of_act.iter().any(|r| p.is(*r))).map(|p| p.id.as_str()).collect();
    Err(refuse(&content.title(), cause, format!("have one of these sign: {}", list(&may))))
}

/// Author, reviewer and approver of one content are different persons.
fn own_person(
    before: Option<&Standing>,
    act: Act,
    person: &Person,
    users: &Users,
    today: Date,
) -> Result<(), Refusal> {
    let Some(before) = before else { return Ok(()) };
    let Some(other) = before.own_person_taken(act, &person.id, &person.key.to_string()) else {
        return Ok(());
    };
    let cause = format!(
        "{} has signed `{}` of it already: `{act}` is for another person",
        person.id, other.record.act
    );
    let signers = before.signers();
    let may: Vec<&str> = RULES
        .iter()
        .filter(|r| (r.from, r.act) == (before.state, act))
        .flat_map(|r| users.who(r.role, today, &signers))
        .collect();
    Err(refuse(&before.content.title(), cause, format!("have one of these sign: {}", list(&may))))
}

/// A version is one content: another one that is under way, approved or retired bears another version.
fn version_is_free(folder: &Folder, content: &Content) -> Result<(), Refusal> {
    if content.version.is_none() {
        return Ok(());
    }
    let history = folder.history(content);
    let taken = history.iter().find(|c| {
        c.content != *content && c.content.version == content.version && c.state != ApprovalState::Draft
    });
    let Some(taken) = taken else { return Ok(()) };
    let differing: Vec<String> = content
        .differences(&taken.content)
        .into_iter()
        .map(|(place, what)| format!("{place}: {what}"))
        .collect();
    let cause = format!("this version is {} with another content: {}", taken.state, differing.join("; "));
    Err(refuse(&content.title(), cause, "raise `version:`, or have the other one returned"))
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "nobody in users.yaml may".to_owned() } else { names.join(", ") }
}
