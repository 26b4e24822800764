//! `cellwright fmt`: files in their one form.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use cellwright_editor::format::{Refused, format};
use cellwright_recipe::{FileKind, FileSource, render_with};
use cellwright_sim::Files;

use super::Failure;
use super::args::FmtArgs;
use super::out::{errln, in_colour, outln};

pub(crate) fn run(args: FmtArgs) -> Result<ExitCode, Failure> {
    let mut kinds = Vec::new();
    for path in &args.files {
        let kind = FileKind::of_path(&path.to_string_lossy()).ok_or_else(|| {
            let why = "is no file that is known by its name: `*.recipe.yaml`, `cell.yaml`, `taught.yaml`, \
                       `plant.yaml`, `*.order.yaml`, `users.yaml`, `quarantine.yaml`, `*.faults.yaml`, `*.test.yaml`, \
                       `*.scenario.yaml`";
            Failure::Usage(format!("{} {why}", path.display()))
        })?;
        kinds.push(kind);
    }
    let mut code = ExitCode::SUCCESS;
    for (path, kind) in args.files.iter().zip(kinds) {
        match one(path, kind, args.check) {
            Ok(false) => {}
            Ok(true) if args.check => {
                outln!("{} is not in its one form; `cellwright fmt` writes it", path.display());
                code = ExitCode::FAILURE;
            }
            Ok(true) => outln!("{}", path.display()),
            Err(why) => {
                errln!("{}", why.trim_end());
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// Whether the file was not in its one form; it is afterwards, unless it is only looked at. Error: in words.
fn one(path: &Path, kind: FileKind, check: bool) -> Result<bool, String> {
    let name = path.to_string_lossy();
    let said = |why: String| format!("cellwright: {name}: {why}");
    let bytes = Files.read(&name).map_err(said)?;
    let text = format(&name, kind, &bytes).map_err(|refused| match refused {
        Refused::Mistakes(list, sources) => render_with(&list, &sources, in_colour(&std::io::stderr())),
        Refused::Unformattable(why) => said(why),
    })?;
    if text.as_bytes() == bytes {
        return Ok(false);
    }
    if !check {
        put(path, &text).map_err(|e| said(e.to_string()))?;
    }
    Ok(true)
}

/// The file whole, with its permissions, or as it was; behind a link the file that it leads to.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let permissions = path.metadata()?.permissions();
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.as_file().set_permissions(permissions)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}
