//! `cellwright lsp`: the language server on standard input and output. The wire only; what is said stands in
//! `editor`. The client is trusted in how long its messages are: whoever starts the server is its own editor.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use cellwright_editor::{Disk, Error, Server};
use cellwright_recipe::FileSource;
use cellwright_sim::Files;
use cellwright_sim::files::EMBEDDED_CELL;
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};

use super::Failure;
use super::args::LspArgs;

/// Names in a folder that are looked at: a folder of recipes has some tens.
const NAMES_MAX: usize = 10_000;

/// Files of this machine.
struct OfMachine;

impl FileSource for OfMachine {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        Files.read(path)
    }
}

impl Disk for OfMachine {
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().take(NAMES_MAX).flatten();
        let mut names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
        names.sort();
        names
    }
}

pub(crate) fn run(args: LspArgs) -> Result<ExitCode, Failure> {
    let cell = match &args.cell {
        Some(folder) => whole(folder)?,
        None => EMBEDDED_CELL.to_owned(),
    };
    let (connection, threads) = Connection::stdio();
    let capabilities = serde_json::to_value(Server::<OfMachine>::capabilities())?;
    connection.initialize(capabilities).map_err(|e| {
        Failure::Failed(format!(
            "no editor began a session on standard input ({e}); recipes/manual/editors.md has how"
        ))
    })?;
    let ended = serve(&connection, Server::new(OfMachine, cell, cellwright_controller::catalogue::words()));
    drop(connection);
    threads.join()?;
    ended?;
    Ok(ExitCode::SUCCESS)
}

/// Absolute, as editors name their files.
fn whole(folder: &Path) -> Result<String, Failure> {
    let path = folder.canonicalize().map_err(|e| Failure::Usage(format!("{}: {e}", folder.display())))?;
    Ok(path.to_string_lossy().into_owned())
}

/// No message for so long: the person has paused.
const QUIET: Duration = Duration::from_millis(30);
/// Messages that are taken before what was changed is checked: somebody who types on and on sees mistakes, too.
const AT_ONCE_MAX: usize = 64;

/// Until the client says that it is over, or goes away. Between its two words for it, `shutdown` and `exit`, it asks for
/// nothing (LSP 3.17, "Shutdown Request").
fn serve(connection: &Connection, mut server: Server<OfMachine>) -> Result<(), Failure> {
    let mut over = false;
    while let Ok(message) = connection.receiver.recv() {
        let (mut changed, mut next, mut taken) = (false, Some(message), 0);
        // What comes at once is taken first: of ten keys that were pressed only the last text is checked.
        while let Some(message) = next {
            match message {
                Message::Request(Request { id, .. }) if over => {
                    let why = "the session is over".to_owned();
                    let code = ErrorCode::InvalidRequest as i32;
                    connection.sender.send(Response::new_err(id, code, why).into())?;
                }
                Message::Request(Request { id, method, .. }) if method == "shutdown" => {
                    over = true;
                    connection.sender.send(Response::new_ok(id, ()).into())?;
                }
                Message::Request(request) => {
                    if changed && Server::<OfMachine>::needs_check(&request.method) {
                        tell(connection, &mut server)?;
                        changed = false;
                    }
                    connection.sender.send(answered(&server, request).into())?;
                }
                Message::Notification(n) if n.method == "exit" => return Ok(()),
                Message::Notification(_) if over => {}
                Message::Notification(n) => changed |= server.notify(&n.method, n.params),
                Message::Response(_) => {}
            }
            taken += 1;
            next = if taken < AT_ONCE_MAX { connection.receiver.recv_timeout(QUIET).ok() } else { None };
        }
        if changed {
            tell(connection, &mut server)?;
        }
    }
    Ok(())
}

/// Checks what is open and says what is wrong.
fn tell(connection: &Connection, server: &mut Server<OfMachine>) -> Result<(), Failure> {
    for params in server.check() {
        let method = "textDocument/publishDiagnostics".to_owned();
        connection.sender.send(Notification::new(method, params).into())?;
    }
    Ok(())
}

fn answered(server: &Server<OfMachine>, request: Request) -> Response {
    match server.request(&request.method, request.params) {
        Ok(value) => Response::new_ok(request.id, value),
        Err(Error::UnknownMethod) => {
            let why = format!("there is no method {}", request.method);
            Response::new_err(request.id, ErrorCode::MethodNotFound as i32, why)
        }
        Err(Error::Failed(why)) => Response::new_err(request.id, ErrorCode::RequestFailed as i32, why),
    }
}
