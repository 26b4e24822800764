//! A language server without its wire: what is said to it, and what it answers. Whoever holds the wire hands over each
//! message and asks for the diagnostics when none is left.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use cellwright_recipe::{Diagnostic, FileKind, FileSource, Severity};
use lsp_types::notification::{
    DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, Notification,
};
use lsp_types::request::{CodeActionRequest, Completion, Formatting, GotoDefinition, HoverRequest, Request};
use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, CompletionOptions, CompletionParams,
    DiagnosticSeverity, DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams,
    DocumentFormattingParams, GotoDefinitionParams, Hover, HoverContents, HoverParams, Location,
    MarkupContent, MarkupKind, NumberOrString, OneOf, Position, PublishDiagnosticsParams, Range,
    ServerCapabilities, TextDocumentPositionParams, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextEdit, Uri, WorkspaceEdit,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::around::{Around, Disk, folder, plain};
use crate::check::Look;
use crate::complete::complete;
use crate::define::{Place, define};
use crate::fix::{Fix, fixes};
use crate::format::{Refused, format};
use crate::hover::hover;
use crate::spot::Read;
use crate::text::{byte, range};

/// What there is besides the answer of a request.
#[derive(Debug)]
pub enum Error {
    /// The server does not know the method.
    UnknownMethod,
    /// Parameters that are not those of the method, in words.
    Params(String),
    /// In words.
    Failed(String),
}

/// An open file.
struct Document {
    /// As the client writes it.
    uri: Uri,
    text: String,
    version: i32,
}

/// See the module text.
pub struct Server<D> {
    disk: D,
    /// Folder of the cell that recipes are checked against.
    cell: String,
    /// The words of all alarms.
    alarms: Vec<&'static str>,
    open: BTreeMap<String, Document>,
    /// Remedies of what was told, by file.
    fixes: BTreeMap<String, Vec<(lsp_types::Diagnostic, Vec<Fix>)>>,
    told: BTreeSet<String>,
}

/// Open files in the place of those on the disk.
struct Files<'s, D>(&'s Server<D>);

impl<D: Disk> FileSource for Files<'_, D> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match self.0.open.get(&plain(path)) {
            Some(document) => Ok(document.text.clone().into_bytes()),
            None => self.0.disk.read(path),
        }
    }
}

impl<D: Disk> Disk for Files<'_, D> {
    fn names(&self, folder: &str) -> Vec<String> {
        let of_folder = |path: &String| path.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned);
        let open = self.0.open.keys().filter_map(of_folder).filter(|name| !name.contains('/'));
        let all: BTreeSet<String> = self.0.disk.names(folder).into_iter().chain(open).collect();
        all.into_iter().collect()
    }
}

impl<D: Disk> Server<D> {
    /// `cell`: the folder of the cell that recipes are checked against; `alarms`: the words of all alarms.
    pub fn new(disk: D, cell: String, alarms: Vec<&'static str>) -> Server<D> {
        Server { disk, cell, alarms, open: BTreeMap::new(), fixes: BTreeMap::new(), told: BTreeSet::new() }
    }

    /// What it can do, for `initialize`.
    pub fn capabilities() -> ServerCapabilities {
        ServerCapabilities {
            text_document_sync: Some(TextDocumentSyncCapability::Kind(TextDocumentSyncKind::FULL)),
            completion_provider: Some(CompletionOptions {
                trigger_characters: Some([" ", "{", ":", "$", "."].map(str::to_owned).into()),
                ..CompletionOptions::default()
            }),
            hover_provider: Some(true.into()),
            definition_provider: Some(OneOf::Left(true)),
            document_formatting_provider: Some(OneOf::Left(true)),
            code_action_provider: Some(true.into()),
            ..ServerCapabilities::default()
        }
    }

    /// Takes a notification; whether the diagnostics may have changed.
    pub fn notify(&mut self, method: &str, params: Value) -> bool {
        match method {
            DidOpenTextDocument::METHOD => {
                let Ok(DidOpenTextDocumentParams { text_document: d }) = serde_json::from_value(params)
                else {
                    return false;
                };
                let document = Document { uri: d.uri.clone(), text: d.text, version: d.version };
                self.open.insert(path_of(&d.uri), document);
            }
            DidChangeTextDocument::METHOD => {
                let Ok(DidChangeTextDocumentParams { text_document: d, content_changes }) =
                    serde_json::from_value(params)
                else {
                    return false;
                };
                let Some(document) = self.open.get_mut(&path_of(&d.uri)) else { return false };
                if let Some(change) = content_changes.into_iter().next_back() {
                    document.text = change.text;
                }
                document.version = d.version;
            }
            DidCloseTextDocument::METHOD => {
                let Ok(DidCloseTextDocumentParams { text_document: d }) = serde_json::from_value(params)
                else {
                    return false;
                };
                self.open.remove(&path_of(&d.uri));
            }
            _ => return false,
        }
        // They are of the text before: the next look finds those of this one.
        self.fixes.clear();
        true
    }

    /// Diagnostics of all open files and what belongs to them; those of a file replace what was told of it before.
    pub fn check(&mut self) -> Vec<PublishDiagnosticsParams> {
        let files = Files(self);
        let mut look = Look { around: self.around(&files), told: BTreeMap::new() };
        for path in self.open.keys() {
            if let Some(kind) = FileKind::of_path(path) {
                look.at(path, kind);
            }
        }
        let told = look.told;
        let mut out = Vec::new();
        self.fixes.clear();
        let gone: Vec<String> = self.told.iter().filter(|p| !told.contains_key(*p)).cloned().collect();
        for path in gone {
            out.extend(self.published(&path, Vec::new()));
        }
        self.told = told.keys().cloned().collect();
        for (path, list) in told {
            let made: Vec<_> = list.iter().map(|(d, text)| (diagnostic(d, text), fixes(d, text))).collect();
            out.extend(self.published(&path, made.iter().map(|(d, _)| d.clone()).collect()));
            self.fixes.insert(path, made);
        }
        out
    }

    /// `None`: what is compiled in has no place in an editor.
    fn published(
        &self,
        path: &str,
        diagnostics: Vec<lsp_types::Diagnostic>,
    ) -> Option<PublishDiagnosticsParams> {
        let open = self.open.get(path);
        let uri = open.map(|d| d.uri.clone()).or_else(|| uri_of(path))?;
        Some(PublishDiagnosticsParams { uri, diagnostics, version: open.map(|d| d.version) })
    }

    /// Answers a request.
    ///
    /// # Errors
    /// A method that is not known, parameters that cannot be read, a file that is not open.
    pub fn request(&self, method: &str, params: Value) -> Result<Value, Error> {
        const ALL: [&str; 5] = [
            HoverRequest::METHOD,
            Completion::METHOD,
            GotoDefinition::METHOD,
            Formatting::METHOD,
            CodeActionRequest::METHOD,
        ];
        // Editors ask of every YAML file there is.
        let file = params.pointer("/textDocument/uri").and_then(Value::as_str);
        if ALL.contains(&method) && file.is_some_and(|uri| FileKind::of_path(uri).is_none()) {
            return Ok(Value::Null);
        }
        match method {
            HoverRequest::METHOD => {
                let at: HoverParams = read(params)?;
                answer(self.hover(&at.text_document_position_params)?)
            }
            Completion::METHOD => {
                let at: CompletionParams = read(params)?;
                let (path, document, kind) = self.document(&at.text_document_position.text_document.uri)?;
                let at = byte(&document.text, at.text_document_position.position);
                answer(complete(&path, kind, &document.text, self.around(&Files(self)), at))
            }
            GotoDefinition::METHOD => {
                let at: GotoDefinitionParams = read(params)?;
                answer(self.definition(&at.text_document_position_params)?)
            }
            Formatting::METHOD => {
                let of: DocumentFormattingParams = read(params)?;
                answer(self.formatting(&of.text_document.uri)?)
            }
            CodeActionRequest::METHOD => {
                let at: CodeActionParams = read(params)?;
                answer(self.actions(&at))
            }
            _ => Err(Error::UnknownMethod),
        }
    }

    /// Whether its answer rests on the last check, which therefore has to be of the present text.
    pub fn needs_check(method: &str) -> bool {
        method == CodeActionRequest::METHOD
    }

    fn document(&self, uri: &Uri) -> Result<(String, &Document, FileKind), Error> {
        let path = path_of(uri);
        let document = self.open.get(&path).ok_or_else(|| Error::Failed(format!("{path} is not open")))?;
        let kind = FileKind::of_path(&path)
            .ok_or_else(|| Error::Failed(format!("{path} is no file that is known by its name")))?;
        Ok((path, document, kind))
    }

    fn around<'s>(&'s self, files: &'s Files<'_, D>) -> Around<'s> {
        Around { files, cell: &self.cell, alarms: &self.alarms }
    }

    fn hover(&self, at: &TextDocumentPositionParams) -> Result<Option<Hover>, Error> {
        let (path, document, kind) = self.document(&at.text_document.uri)?;
        let Some(file) = Read::new(&path, kind, &document.text) else { return Ok(None) };
        let at = byte(&document.text, at.position);
        let said = hover(&file, self.around(&Files(self)).cell_of(&file).as_ref(), at);
        Ok(said.map(|value| Hover {
            contents: HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value }),
            range: None,
        }))
    }

    fn definition(&self, at: &TextDocumentPositionParams) -> Result<Option<Location>, Error> {
        let (path, document, kind) = self.document(&at.text_document.uri)?;
        let Some(file) = Read::new(&path, kind, &document.text) else { return Ok(None) };
        let cell_path = plain(&format!("{}/cell.yaml", self.around(&Files(self)).cell_folder(&file)));
        let cell_text = Files(self).read(&cell_path).ok().and_then(|b| String::from_utf8(b).ok());
        let cell = cell_text.as_ref().and_then(|text| Read::new(&cell_path, FileKind::Cell, text));
        let files = Files(self);
        let byte = byte(&document.text, at.position);
        let place = define(&file, cell.as_ref().map(|c| &c.root), self.around(&files), byte);
        let at = |path: &str, text: &str, span: cellwright_recipe::Span| {
            let range = range(text, span.start as usize..span.end as usize);
            uri_of(path).map(|uri| Location { uri, range })
        };
        Ok(match place {
            None => None,
            Some(Place::Here(span)) => at(&path, &document.text, span),
            Some(Place::InCell(span)) => cell_text.and_then(|text| at(&cell_path, &text, span)),
            Some(Place::InOther { path, text, span }) => at(&plain(&path), &text, span),
            Some(Place::File(name)) => {
                let other = if name.starts_with('/') { name } else { format!("{}/{name}", folder(&path)) };
                uri_of(&plain(&other)).map(|uri| Location { uri, range: Range::default() })
            }
        })
    }

    /// One edit for the whole text, or none if it has its form.
    fn formatting(&self, uri: &Uri) -> Result<Vec<TextEdit>, Error> {
        let (path, document, kind) = self.document(uri)?;
        let new_text = format(&path, kind, document.text.as_bytes()).map_err(|refused| match refused {
            Refused::Unformattable(why) => Error::Failed(why),
            Refused::Mistakes(..) => {
                Error::Failed("it cannot be read yet: correct its mistakes first".into())
            }
        })?;
        if new_text == document.text {
            return Ok(Vec::new());
        }
        let range =
            Range { start: Position::default(), end: range(&document.text, 0..document.text.len()).end };
        Ok(vec![TextEdit { range, new_text }])
    }

    fn actions(&self, at: &CodeActionParams) -> Vec<CodeActionOrCommand> {
        let path = path_of(&at.text_document.uri);
        let Some(document) = self.open.get(&path) else { return Vec::new() };
        let touches =
            |d: &lsp_types::Diagnostic| d.range.start <= at.range.end && at.range.start <= d.range.end;
        let here = self.fixes.get(&path).into_iter().flatten().filter(|(d, _)| touches(d));
        let action = |d: &lsp_types::Diagnostic, n: usize, fix: &Fix| {
            let edit =
                TextEdit { range: range(&document.text, fix.bytes.clone()), new_text: fix.text.clone() };
            CodeActionOrCommand::CodeAction(CodeAction {
                title: fix.title.clone(),
                kind: Some(CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![d.clone()]),
                edit: Some(WorkspaceEdit::new(
                    [(at.text_document.uri.clone(), vec![edit])].into_iter().collect(),
                )),
                is_preferred: Some(n == 0),
                ..CodeAction::default()
            })
        };
        here.flat_map(|(d, list)| list.iter().enumerate().map(|(n, f)| action(d, n, f)).collect::<Vec<_>>())
            .collect()
    }
}

fn read<P: DeserializeOwned>(params: Value) -> Result<P, Error> {
    serde_json::from_value(params).map_err(|e| Error::Params(e.to_string()))
}

fn answer(value: impl serde::Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|e| Error::Failed(e.to_string()))
}

/// Cause and remedy under one code.
fn diagnostic(d: &Diagnostic, text: &str) -> lsp_types::Diagnostic {
    lsp_types::Diagnostic {
        range: range(text, d.span.start as usize..d.span.end as usize),
        severity: Some(match d.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(d.code.as_str().to_owned())),
        source: Some("cellwright".to_owned()),
        message: format!("{}\nhelp: {}", d.message, d.help),
        ..lsp_types::Diagnostic::default()
    }
}

/// Path of a `file:` address; other addresses as they are.
fn path_of(uri: &Uri) -> String {
    let text = uri.as_str();
    let Some(rest) = text.strip_prefix("file://") else { return text.to_owned() };
    let (mut bytes, mut out) = (rest.bytes(), Vec::new());
    while let Some(b) = bytes.next() {
        let hex = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        let mut after = bytes.clone();
        match (b, hex(after.next()), hex(after.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                bytes = after;
            }
            _ => out.push(b),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `file:` address of an absolute path.
fn uri_of(path: &str) -> Option<Uri> {
    let mut text = String::from("file://");
    for b in path.strip_prefix('/').map(|_| path.bytes())? {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => text.push(b.into()),
            _ => text.push_str(&format!("%{b:02X}")),
        }
    }
    Uri::from_str(&text).ok()
}
