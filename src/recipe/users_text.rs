//! `users.yaml` beside cell.yaml: who may sign what, and until when they are trained. It counts only under the
//! signature of an administrator, which the crate `approval` looks at.
//!
//! ```yaml
//! users: 1
//! persons:
//!   anna: { name: Anna Berg, key: 8f4c…, roles: [author], trained_until: 2027-12-31 }
//! ```
//! Persons who have left stay in it, their training ended: what they signed before stays signed.

use cellwright_model::Date;
use cellwright_model::approval::{PERSONS_MAX, Person, PublicKey, Role};

use crate::cell_text::{date, parse, schema};
use crate::code::Code;
use crate::decode::Decoder;
use crate::diagnostic::{Diagnostic, Sink};
use crate::scope::Scope;
use crate::source::{FileSource, Sources};
use crate::tree::{Entry, Node};

/// Reads the persons. Errors: every mistake in the file.
pub fn load_users(
    files: &dyn FileSource,
    path: &str,
    sources: &mut Sources,
) -> Result<Vec<Person>, Vec<Diagnostic>> {
    let mut sink = Sink::new();
    match read(files, path, sources, &mut sink) {
        Some(persons) if sink.errors() == 0 => Ok(persons),
        _ => Err(sink.finish()),
    }
}

fn read(files: &dyn FileSource, path: &str, sources: &mut Sources, sink: &mut Sink) -> Option<Vec<Person>> {
    let (root, _) = parse(files, path, sources, sink)?;
    let scope = Scope::empty();
    let mut d = Decoder { sink, scope: &scope };
    let mut f = d.fields(&root)?;
    schema(&mut d, &mut f, "users");
    let node = f.req("persons", &mut d, |_, n| Some(n));
    f.finish(&mut d);
    let node = node?;
    d.capacity(node, PERSONS_MAX);
    let mut persons: Vec<Person> = Vec::new();
    for entry in d.named(node)? {
        if let Some(person) = person(&mut d, entry, &persons) {
            persons.push(person);
        }
    }
    Some(persons)
}

fn person(d: &mut Decoder<'_>, entry: &Entry, before: &[Person]) -> Option<Person> {
    let known = d.check_identifier(&entry.key, entry.key_span);
    let mut f = d.fields(&entry.node)?;
    let name = f.req("name", d, name);
    let key = f.req("key", d, |d, n| key(d, n, before));
    let roles = f.req("roles", d, roles);
    let trained_until = f.req("trained_until", d, |d, n| Date::parse(&date(d, n)?).ok());
    f.finish(d);
    let (name, key, roles, trained_until) = (name?, key?, roles?, trained_until?);
    known.then(|| Person { id: entry.key.clone(), name, key, roles, trained_until })
}

fn name(d: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = d.string(node)?;
    if text.trim().is_empty() {
        d.sink.error(Code::BadText, node.span, "nobody is named here", "write the person's printed name");
        return None;
    }
    Some(text)
}

/// No two persons sign by one key.
fn key(d: &mut Decoder<'_>, node: &Node, before: &[Person]) -> Option<PublicKey> {
    let text = d.text(node)?;
    let Some(key) = PublicKey::parse(&text.text) else {
        let help = "64 digits of 0-9 and a-f, in quotes, as `cellwright users key` prints them";
        d.error_at(Code::BadText, &text, "this is no public key", help);
        return None;
    };
    if let Some(other) = before.iter().find(|p| p.key == key) {
        let message = format!("this is the key of `{}` already", other.id);
        d.error_at(Code::DuplicateId, &text, message, "each person has a key of their own");
        return None;
    }
    Some(key)
}

fn roles(d: &mut Decoder<'_>, node: &Node) -> Option<Vec<Role>> {
    let words: Vec<(&str, Role)> = Role::ALL.iter().map(|r| (r.as_str(), *r)).collect();
    let list = d.list(node)?;
    let mut roles = Vec::new();
    for node in list {
        let role = d.word(node, &words)?;
        if roles.contains(&role) {
            d.sink.error(
                Code::DuplicateId,
                node.span,
                format!("`{role}` stands twice"),
                "write each role once",
            );
            return None;
        }
        roles.push(role);
    }
    Some(roles)
}
