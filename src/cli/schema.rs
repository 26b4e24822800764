//! `cellwright schema`: JSON Schema of the files, for editors.

use std::process::ExitCode;

use cellwright_model::cell::Cell;
use cellwright_recipe::FileKind;

use super::approve::files::{self, Put};
use super::args::SchemaArgs;
use super::out::outln;
use super::{Failure, shown};

pub(crate) fn run(args: SchemaArgs) -> Result<ExitCode, Failure> {
    let cell = match &args.cell {
        Some(folder) => Some(shown(cellwright_sim::read_cell(Some(folder)))?),
        None => None,
    };
    let Some(out) = &args.out else {
        let kind = args.kind.unwrap_or(FileKind::Recipe);
        outln!("{}", text(kind, cell.as_ref())?);
        return Ok(ExitCode::SUCCESS);
    };
    std::fs::create_dir_all(out).map_err(|e| Failure::Failed(format!("{}: {e}", out.display())))?;
    let kinds = FileKind::ALL.into_iter().filter(|k| *k != FileKind::Operation);
    for kind in kinds.filter(|k| args.kind.is_none_or(|only| only == *k)) {
        let path = out.join(format!("{}.schema.json", kind.word()));
        files::whole(&path, format!("{}\n", text(kind, cell.as_ref())?).as_bytes(), Put::Instead)?;
        outln!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn text(kind: FileKind, cell: Option<&Cell>) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(&cellwright_editor::schema(kind, cell))?)
}
