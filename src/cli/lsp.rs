//! `cellwright lsp`: the language server on standard input and output. The wire only; what is said stands in
//! `editor`.

mod wire;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use cellwright_editor::{Disk, Error, Server};
use cellwright_recipe::FileSource;
use cellwright_sim::Files;
use cellwright_sim::files::EMBEDDED_CELL;
use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use serde_json::Value;

use super::Failure;
use super::args::LspArgs;
use wire::{Frame, Reader};

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
    let server = Server::new(OfMachine, cell, cellwright_controller::catalogue::words());
    let (sender, frames) = sync_channel(0);
    // It ends with standard input, or with this process.
    std::thread::Builder::new().name("lsp-reader".into()).spawn(move || read(&sender))?;
    Session { server, stage: Stage::Before, changed: false }.serve(&frames)
}

/// What the client writes, frame by frame, until it has gone or nobody listens.
fn read(to: &SyncSender<io::Result<Frame>>) {
    let mut reader = Reader::new(io::stdin().lock());
    while let Some(frame) = reader.next().transpose() {
        let broken = frame.is_err();
        if to.send(frame).is_err() || broken {
            return;
        }
    }
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

/// Where the session is (LSP 3.17, "Server lifecycle").
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nobody has said `initialize`.
    Before,
    Open,
    /// Between the client's two words for the end, `shutdown` and `exit`, it asks for nothing.
    Over,
}

/// One editor.
struct Session {
    server: Server<OfMachine>,
    stage: Stage,
    /// Something was, and is not checked yet.
    changed: bool,
}

impl Session {
    /// Until the client says that it is over, or goes away.
    fn serve(mut self, frames: &Receiver<io::Result<Frame>>) -> Result<ExitCode, Failure> {
        while let Ok(frame) = frames.recv() {
            let (mut next, mut taken) = (Some(frame), 0);
            // What comes at once is taken first: of ten keys that were pressed only the last text is checked.
            while let Some(frame) = next {
                if let Some(status) = self.take(frame?)? {
                    return Ok(status);
                }
                taken += 1;
                next = if taken < AT_ONCE_MAX { frames.recv_timeout(QUIET).ok() } else { None };
            }
            self.tell()?;
        }
        match self.stage {
            Stage::Before => Err(Failure::Failed(
                "no editor began a session on standard input; recipes/manual/editors.md has how".into(),
            )),
            Stage::Open | Stage::Over => Ok(ExitCode::SUCCESS),
        }
    }

    /// Takes a frame; `Some`: the client has said that it is over, which by the protocol is a failure before `shutdown`.
    fn take(&mut self, frame: Frame) -> Result<Option<ExitCode>, Failure> {
        match frame {
            Frame::Bad(bad) => say(&bad.answer())?,
            Frame::Message(Message::Request(request)) => {
                let answer = self.answered(request)?;
                send(answer.into())?;
            }
            Frame::Message(Message::Notification(n)) if n.method == "exit" => {
                let over = self.stage == Stage::Over;
                return Ok(Some(if over { ExitCode::SUCCESS } else { ExitCode::FAILURE }));
            }
            Frame::Message(Message::Notification(n)) if self.stage == Stage::Open => {
                self.changed |= self.server.notify(&n.method, n.params);
            }
            Frame::Message(Message::Notification(_) | Message::Response(_)) => {}
        }
        Ok(None)
    }

    fn answered(&mut self, Request { id, method, params }: Request) -> Result<Response, Failure> {
        let refused = |id, code: ErrorCode, why: &str| Ok(Response::new_err(id, code as i32, why.to_owned()));
        match (self.stage, method.as_str()) {
            (Stage::Before, "initialize") if !params.is_object() => {
                refused(id, ErrorCode::InvalidParams, "`initialize` says what the editor can do")
            }
            (Stage::Before, "initialize") => {
                self.stage = Stage::Open;
                let capabilities = serde_json::to_value(Server::<OfMachine>::capabilities())?;
                Ok(Response::new_ok(id, serde_json::json!({ "capabilities": capabilities })))
            }
            (Stage::Before, _) => {
                refused(id, ErrorCode::ServerNotInitialized, "a session begins with `initialize`")
            }
            (Stage::Over, _) => refused(id, ErrorCode::InvalidRequest, "the session is over"),
            (Stage::Open, "initialize") => {
                refused(id, ErrorCode::InvalidRequest, "the session has begun already")
            }
            (Stage::Open, "shutdown") => {
                self.stage = Stage::Over;
                Ok(Response::new_ok(id, ()))
            }
            (Stage::Open, _) => {
                if Server::<OfMachine>::needs_check(&method) {
                    self.tell()?;
                }
                Ok(self.asked(id, &method, params))
            }
        }
    }

    fn asked(&self, id: RequestId, method: &str, params: Value) -> Response {
        let refused = |id, code: ErrorCode, why| Response::new_err(id, code as i32, why);
        match self.server.request(method, params) {
            Ok(value) => Response::new_ok(id, value),
            Err(Error::UnknownMethod) => {
                refused(id, ErrorCode::MethodNotFound, format!("there is no method {method}"))
            }
            Err(Error::Params(why)) => refused(id, ErrorCode::InvalidParams, why),
            Err(Error::Failed(why)) => refused(id, ErrorCode::RequestFailed, why),
        }
    }

    /// Checks what is open, if something was changed, and says what is wrong.
    fn tell(&mut self) -> Result<(), Failure> {
        if !core::mem::take(&mut self.changed) {
            return Ok(());
        }
        for params in self.server.check() {
            send(Notification::new("textDocument/publishDiagnostics".to_owned(), params).into())?;
        }
        Ok(())
    }
}

fn send(message: Message) -> Result<(), Failure> {
    Ok(message.write(&mut io::stdout().lock())?)
}

/// What the types of messages do not have.
fn say(value: &Value) -> Result<(), Failure> {
    let (text, mut out) = (value.to_string(), io::stdout().lock());
    write!(out, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    Ok(out.flush()?)
}
