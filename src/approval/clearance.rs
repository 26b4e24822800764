//! The gate of mode Production: what may be made with what is there, and everything that stands in the way at once.

use std::collections::BTreeMap;

use cellwright_model::Date;
use cellwright_model::approval::{ApprovalState, PublicKey, Refusal, RefusalKind, Role};
use cellwright_model::outcome::Purpose;

use crate::chain::{Folder, Standing};
use crate::content::Content;
use crate::rules::{self, needed, permits};
use crate::taught::Deviation;
use crate::users::Users;

/// Something that needs an approval, and the folder in which its records are.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub content: &'a Content,
    /// As it was read, or what was wrong with it.
    pub folder: Result<&'a Folder, &'a [Refusal]>,
}

/// All that the gate looks at.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// Of the order; `None`: units without an order file, for whatever the approvals permit.
    pub purpose: Option<Purpose>,
    pub users: Result<&'a Users, &'a Refusal>,
    /// Administrators that were laid down at the cell.
    pub trusted: &'a [PublicKey],
    pub recipe: Subject<'a>,
    pub cell: Subject<'a>,
    /// `taught.yaml`, if there is one, with what it moves. Its records are in the cell's folder.
    pub taught: Option<(&'a Content, &'a [Deviation])>,
    pub operator: &'a str,
    pub today: Date,
}

/// What may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    pub purpose: Purpose,
    /// SHA-256 of the last record of the recipe's approval.
    pub approval: String,
    /// What it rests on, in words.
    pub basis: String,
    /// Who works the cell.
    pub operator: String,
    /// Everybody in `users.yaml`, with the last day of their training: a run may go on beyond it.
    pub trained_until: BTreeMap<String, Date>,
}

/// Whether units may be made in mode Production on a real bus.
///
/// # Errors
/// Everything that stands in the way.
pub fn clear(evidence: &Evidence<'_>) -> Result<Cleared, Vec<Refusal>> {
    let e = evidence;
    let mut refused = Vec::new();
    match e.users {
        Ok(users) => refused.extend(users.is_trusted(e.trusted).err()),
        Err(refusal) => refused.push(refusal.clone()),
    }
    let trained = e.users.ok().and_then(|users| keep(operator(e, users), &mut refused));
    let recipe = keep_all(standing(e, e.recipe), &mut refused);
    let cell = match e.cell.folder {
        // One damaged folder for both is told once.
        Err(_) if same(e.cell, e.recipe) => None,
        _ => keep_all(standing(e, e.cell), &mut refused),
    };
    let taught = taught(e, &mut refused);
    let purpose = purpose(e, recipe, cell);
    for standing in [recipe, cell].into_iter().flatten() {
        refused.extend(short_of(e, standing, purpose));
    }
    match (recipe, cell, trained) {
        (Some(recipe), Some(cell), Some(trained_until)) if refused.is_empty() => Ok(Cleared {
            purpose,
            approval: recipe.records.last().map(|f| f.hash.clone()).unwrap_or_default(),
            basis: basis([Some(recipe), Some(cell), taught]),
            operator: e.operator.to_owned(),
            trained_until,
        }),
        _ => Err(refused),
    }
}

fn keep<T>(result: Result<T, Refusal>, refused: &mut Vec<Refusal>) -> Option<T> {
    result.map_err(|refusal| refused.push(refusal)).ok()
}

fn keep_all<T>(result: Result<T, Vec<Refusal>>, refused: &mut Vec<Refusal>) -> Option<T> {
    result.map_err(|all| refused.extend(all)).ok()
}

fn same(a: Subject<'_>, b: Subject<'_>) -> bool {
    matches!((a.folder, b.folder), (Err(a), Err(b)) if a == b)
}

/// What is wanted; without an order, what both approvals permit.
fn purpose(e: &Evidence<'_>, recipe: Option<&Standing>, cell: Option<&Standing>) -> Purpose {
    let released = |s: Option<&Standing>| s.is_some_and(|s| s.state == ApprovalState::Released);
    match e.purpose {
        Some(purpose) => purpose,
        None if released(recipe) && released(cell) => Purpose::Trial,
        None => Purpose::Validation,
    }
}

/// Whoever works the cell is an operator, and trained. Until when everybody is.
fn operator(e: &Evidence<'_>, users: &Users) -> Result<BTreeMap<String, Date>, Refusal> {
    let who = e.operator;
    let refuse = |cause: String| {
        let may = users.who(Role::Operator, e.today, &[]);
        let remedy = format!("name one with --operator: {}", or_nobody(&may));
        Err(Refusal::new(RefusalKind::Operator, who, cause, remedy))
    };
    match users.person(who) {
        None => refuse("does not stand in users.yaml".to_owned()),
        Some(person) if !person.is(Role::Operator) => refuse("is no operator in users.yaml".to_owned()),
        Some(person) if person.trained_until < e.today => {
            refuse(format!("their training was valid until {}", person.trained_until))
        }
        Some(_) => Ok(users.persons().iter().map(|p| (p.id.clone(), p.trained_until)).collect()),
    }
}

/// Where a subject stands, signed by people who might sign; or what has changed since.
fn standing<'a>(e: &Evidence<'_>, subject: Subject<'a>) -> Result<&'a Standing, Vec<Refusal>> {
    let Subject { content, folder } = subject;
    let folder = folder.map_err(<[Refusal]>::to_vec)?;
    let Some(standing) = folder.standing(content) else {
        return Err(unknown(e, content, folder));
    };
    let unentitled = e.users.map(|users| standing.unentitled(users, e.today)).unwrap_or_default();
    if unentitled.is_empty() { Ok(standing) } else { Err(unentitled) }
}

/// Nobody has signed this content: how it differs from what they have signed.
fn unknown(e: &Evidence<'_>, content: &Content, folder: &Folder) -> Vec<Refusal> {
    let Some(nearest) = folder.nearest(content) else {
        let wanted = e.purpose.map_or(ApprovalState::ApprovedForValidation, needed);
        return vec![unsigned(e, content, ApprovalState::Draft, &[], wanted)];
    };
    let remedy = "put it back as it was, or have this content approved: `cellwright approve --act submit`";
    let differences = content.differences(&nearest.content).into_iter();
    differences.map(|(place, cause)| Refusal::new(RefusalKind::Changed, place, cause, remedy)).collect()
}

/// Why the state of an approval is not enough.
fn short_of(e: &Evidence<'_>, standing: &Standing, purpose: Purpose) -> Option<Refusal> {
    let (content, state) = (&standing.content, standing.state);
    if permits(state, purpose) {
        return None;
    }
    if state == ApprovalState::Retired {
        let last = standing.records.last().map(|f| &f.record);
        let who = last.map(|r| format!(" by {} on {:.10}", r.person, r.signed)).unwrap_or_default();
        let remedy = "use one that is released";
        let cause = format!("it was retired{who}");
        return Some(Refusal::new(RefusalKind::Purpose, content.title(), cause, remedy));
    }
    if state == ApprovalState::ApprovedForValidation && purpose != Purpose::Production {
        let cause = format!("it is approved for validation, and the purpose is {}", purpose.as_str());
        let remedy = "write `purpose: validation` in the order, or have it released";
        return Some(Refusal::new(RefusalKind::Purpose, content.title(), cause, remedy));
    }
    Some(unsigned(e, content, state, &standing.signers(), needed(purpose)))
}

/// Which signatures are missing, and who may give them.
fn unsigned(
    e: &Evidence<'_>,
    content: &Content,
    state: ApprovalState,
    signers: &[&str],
    wanted: ApprovalState,
) -> Refusal {
    let missing: Vec<String> = rules::way(state, wanted)
        .into_iter()
        .map(|(act, role)| match e.users {
            Ok(users) => format!("`{act}` by {role} ({})", or_nobody(&users.who(role, e.today, signers))),
            Err(_) => format!("`{act}` by {role}"),
        })
        .collect();
    let cause = format!("it is {state}, not signed: {}", missing.join(", "));
    let remedy = "have it signed: `cellwright approve --act …`";
    Refusal::new(RefusalKind::Unsigned, content.title(), cause, remedy)
}

/// Touched-up poses are within their bounds, and a teacher has signed for them.
fn taught<'a>(e: &Evidence<'a>, refused: &mut Vec<Refusal>) -> Option<&'a Standing> {
    let (content, deviations) = e.taught?;
    let kind = RefusalKind::Taught;
    let beyond = deviations.iter().filter(|d| d.is_beyond());
    refused.extend(beyond.map(|d| {
        let remedy = "teach it nearer, or have a cell.yaml approved that says so";
        Refusal::new(kind, "taught.yaml", d.to_string(), remedy)
    }));
    let folder = e.cell.folder.ok()?;
    let Some(standing) = folder.standing(content) else {
        let teachers = e.users.map(|u| u.who(Role::Teacher, e.today, &[])).unwrap_or_default();
        let cause = format!("nobody has signed for these poses (SHA-256 {:.12}…)", content.hash);
        let remedy = format!(
            "a teacher signs for them: `cellwright approve --of taught --act teach` ({})",
            or_nobody(&teachers)
        );
        refused.push(Refusal::new(kind, "taught.yaml", cause, remedy));
        return None;
    };
    let unentitled = e.users.map(|users| standing.unentitled(users, e.today)).unwrap_or_default();
    refused.extend(unentitled);
    Some(standing)
}

/// `recipe cannula-hub 3.2.0 released by petra on 2027-01-05; cell …`.
fn basis(standings: [Option<&Standing>; 3]) -> String {
    let one = |s: &Standing| {
        let by = s.records.last().map(|f| format!(" by {} on {:.10}", f.record.person, f.record.signed));
        format!("{} {}{}", s.content.title(), s.state, by.unwrap_or_default())
    };
    standings.into_iter().flatten().map(one).collect::<Vec<_>>().join("; ")
}

fn or_nobody(names: &[&str]) -> String {
    if names.is_empty() { "nobody in users.yaml may".to_owned() } else { names.join(", ") }
}
