//! `cellwright approve`: where a recipe, its cell and its touched-up poses stand, and the next signature.

mod content;
mod diff;
pub(crate) mod files;
pub(crate) mod gate;
pub(crate) mod keys;
mod outline;
mod report;
mod review;

use std::path::PathBuf;
use std::process::ExitCode;

use cellwright_approval::{Act, Content, Folder, Signing, Standing, sign};
use cellwright_model::Date;
use cellwright_model::approval::{ApprovalState, Refusal};
use cellwright_sim::wiring;
use serde_json::{Value, json};

use super::args::{ApproveArgs, Of, SignatureArgs};
use super::out::outln;
use super::session::wall_unix_ns;
use super::{Failure, default_state, print_json};
pub(crate) use content::Contents;
use gate::Gate;

pub(crate) fn run(args: ApproveArgs) -> Result<ExitCode, Failure> {
    if args.diff.is_some() || args.report.is_some() {
        return review::run(&args);
    }
    let contents = Contents::read(&args.recipe, &args.cell)?;
    match args.signing() {
        Some((act, signature)) => signed(&args, &contents, act, &signature),
        None => shown(&args, contents),
    }
}

fn of<'c>(args: &ApproveArgs, contents: &'c Contents) -> Result<(&'c Content, PathBuf), Failure> {
    let cells = args.cell.join("approvals");
    match args.of {
        Of::Recipe => Ok((&contents.recipe, files::beside(&args.recipe))),
        Of::Cell => Ok((&contents.cell, cells)),
        Of::Taught => match &contents.taught {
            Some((content, _)) => Ok((content, cells)),
            None => Err(Failure::Usage(format!("there is no taught.yaml in {}", args.cell.display()))),
        },
    }
}

fn signed(
    args: &ApproveArgs,
    contents: &Contents,
    act: Act,
    signature: &SignatureArgs,
) -> Result<ExitCode, Failure> {
    let (content, path) = of(args, contents)?;
    let now_unix_ns = wall_unix_ns();
    let users = files::users(&args.cell, Date::of_unix_ns(now_unix_ns)).map_err(|r| refused(&[r]))?;
    let folder = files::folder(&path).map_err(|all| refused(&all))?;
    // Before anybody types a passphrase in vain.
    if act == Act::Teach
        && let Some((_, moved)) = &contents.taught
        && let Some(beyond) = moved.iter().find(|d| d.is_beyond())
    {
        return Err(Failure::Failed(format!(
            "taught.yaml: {beyond}; remedy: teach it nearer, or have the cell approved anew"
        )));
    }
    let signer = keys::open(signature)?;
    let program = wiring::program();
    let person = signature.person.as_str();
    let signing =
        Signing { content, act, person, signer: &signer, note: &args.note, program: &program, now_unix_ns };
    let record = sign(&folder, &users, &signing).map_err(|r| refused(&[r]))?;
    let at = files::file(&path, &record)?;
    let folder = files::folder(&path).map_err(|all| refused(&all))?;
    let state = folder.standing(content).map_or(ApprovalState::Draft, |s| s.state);
    if args.json {
        print_json(
            &json!({ "signed": content.title(), "act": act, "person": person, "state": state, "file": at }),
        );
    } else {
        outln!("{}: `{act}` signed by {person}; it is {state} now ({})", content.title(), at.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn refused(all: &[Refusal]) -> Failure {
    Failure::Failed(all.iter().map(Refusal::to_string).collect::<Vec<_>>().join("\ncellwright: "))
}

/// Where everything stands, and whether it may go into production. Exit status 0: it may.
fn shown(args: &ApproveArgs, contents: Contents) -> Result<ExitCode, Failure> {
    let state = args.state.clone().unwrap_or_else(|| default_state(&contents.cell.id));
    let today = Date::of_unix_ns(wall_unix_ns());
    let gate = Gate::read(contents, &args.recipe, &args.cell, &state, today);
    let refusals = gate.refusals(args.operator.as_deref());
    let of_each = [
        (Some(&gate.contents.recipe), &gate.recipes),
        (Some(&gate.contents.cell), &gate.cells),
        (gate.contents.taught.as_ref().map(|(content, _)| content), &gate.cells),
    ];
    let subjects: Vec<Subject<'_>> = of_each
        .into_iter()
        .filter_map(|(content, folder)| Some(Subject::of(content?, folder.as_ref().ok())))
        .collect();
    if args.json {
        let subjects: Vec<Value> = subjects.iter().map(Subject::json).collect();
        print_json(&json!({ "subjects": subjects, "production": refusals.is_empty(), "refusals": refusals }));
    } else {
        subjects.iter().for_each(Subject::print);
        match refusals.as_slice() {
            [] => outln!("production: permitted"),
            all => {
                outln!("production: refused");
                all.iter().for_each(|r| outln!("  {r}"));
            }
        }
    }
    Ok(if refusals.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One line of the picture.
struct Subject<'a> {
    content: &'a Content,
    standing: Option<&'a Standing>,
}

impl<'a> Subject<'a> {
    fn of(content: &'a Content, folder: Option<&'a Folder>) -> Subject<'a> {
        Subject { content, standing: folder.and_then(|f| f.standing(content)) }
    }

    fn state(&self) -> ApprovalState {
        self.standing.map_or(ApprovalState::Draft, |s| s.state)
    }

    fn print(&self) {
        outln!("{}: {}", self.content.title(), self.state());
        for filed in self.standing.iter().flat_map(|s| &s.records) {
            let r = &filed.record;
            let note = if r.note.is_empty() { String::new() } else { format!(": {}", r.note) };
            outln!("  {:.10}  {} by {} ({}) as {}{note}", r.signed, r.act, r.name, r.person, r.role);
        }
    }

    fn json(&self) -> Value {
        let records: Vec<Value> = self
            .standing
            .iter()
            .flat_map(|s| &s.records)
            .map(|f| json!({ "file": f.file, "sha256": f.hash, "act": f.record.act, "person": f.record.person, "role": f.record.role, "signed": f.record.signed, "note": f.record.note }))
            .collect();
        json!({ "title": self.content.title(), "content": self.content, "state": self.state(), "records": records })
    }
}
