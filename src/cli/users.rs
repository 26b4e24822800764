//! `cellwright users`: keys of persons, the signature over users.yaml, and whose signature counts at a cell.

use std::path::Path;
use std::process::ExitCode;

use cellwright_approval::UsersSeal;
use cellwright_model::Date;
use cellwright_model::approval::{PublicKey, Refusal};
use serde_json::{Value, json};

use super::approve::files::{self, Put};
use super::approve::keys;
use super::args::{SignatureArgs, UsersArgs, UsersCommand};
use super::out::outln;
use super::session::wall_unix_ns;
use super::{Failure, print_json};

pub(crate) fn run(args: UsersArgs) -> Result<ExitCode, Failure> {
    match args.command {
        UsersCommand::Key { person, out, passphrase_file } => {
            let public = keys::make(&person, &out, passphrase_file.as_deref())?;
            outln!("{public}");
        }
        UsersCommand::Sign { cell, signature } => sign(&cell, &signature)?,
        UsersCommand::Trust { state, key } => trust(&state, &key)?,
        UsersCommand::List { cell, json } => return list(&cell, json),
    }
    Ok(ExitCode::SUCCESS)
}

fn failed(refusal: Refusal) -> Failure {
    Failure::Failed(refusal.to_string())
}

fn sign(cell: &Path, signature: &SignatureArgs) -> Result<(), Failure> {
    let (yaml, persons) = files::persons(cell).map_err(failed)?;
    let signer = keys::open(signature)?;
    let seal =
        UsersSeal::seal(&yaml, &persons, &signature.person, &signer, wall_unix_ns()).map_err(failed)?;
    files::whole(&cell.join("users.yaml.sig"), &seal.to_bytes()?, Put::Instead)?;
    outln!("users.yaml: {} persons, signed by {} with {}", persons.len(), signature.person, signer.public());
    Ok(())
}

fn trust(state: &Path, key: &str) -> Result<(), Failure> {
    let parsed = PublicKey::parse(key).ok_or_else(|| {
        Failure::Usage("--key takes the 64 digits that `cellwright users key` printed".to_owned())
    })?;
    files::trust(state, parsed)?;
    outln!("{}: users.yaml counts here under the signature of {parsed}", state.display());
    Ok(())
}

fn list(cell: &Path, as_json: bool) -> Result<ExitCode, Failure> {
    let today = Date::of_unix_ns(wall_unix_ns());
    let (_, persons) = files::persons(cell).map_err(failed)?;
    let held = files::users(cell, today);
    if as_json {
        let person = |p: &cellwright_model::approval::Person| -> Value {
            json!({ "id": p.id, "name": p.name, "key": p.key.to_string(), "roles": p.roles,
                    "trained_until": p.trained_until.to_string(), "trained": p.trained_until >= today })
        };
        let signed_by = held.as_ref().ok().map(|u| u.administrator().0.to_owned());
        let refusal = held.as_ref().err();
        print_json(
            &json!({ "persons": persons.iter().map(person).collect::<Vec<_>>(), "signed_by": signed_by, "refusal": refusal }),
        );
    } else {
        for p in &persons {
            let lapsed = if p.trained_until < today { " (lapsed)" } else { "" };
            let roles: Vec<&str> = p.roles.iter().map(|r| r.as_str()).collect();
            outln!("{}: {}, {}; trained until {}{lapsed}", p.id, p.name, roles.join(", "), p.trained_until);
        }
        match &held {
            Ok(users) => outln!("signed by {}", users.administrator().0),
            Err(refusal) => outln!("{refusal}"),
        }
    }
    Ok(if held.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
