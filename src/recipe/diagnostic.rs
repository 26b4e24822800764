//! Diagnostics: what is wrong, where, why and what to do about it (house rule 8). A run collects all of
//! them in a [`Sink`] and hands them out in the order of the text.

use std::collections::BTreeSet;

use crate::code::Code;
use crate::source::{Sources, Span};

/// Whether the text can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

impl Severity {
    /// The word in JSON rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    pub span: Span,
    /// The cause.
    pub message: String,
    /// The remedy.
    pub help: String,
    /// Other places that have to do with it.
    pub labels: Vec<(Span, String)>,
}

/// Diagnostics that one run keeps; a little later it stops. Nobody reads more, and a file of 4 MiB could
/// hold a million.
pub const DIAGNOSTICS_MAX: usize = 1000;

/// Collects the diagnostics of a run.
#[derive(Debug, Default)]
pub struct Sink {
    list: Vec<Diagnostic>,
    dropped: usize,
    errors: usize,
    /// Diagnostics of the rows before this one.
    earlier: usize,
    /// Fields that are missing in a mapping, unless another field there turns out to be a misspelling of it.
    missing: Vec<(Span, String, Diagnostic)>,
    /// Names of parameters that are told once, wherever they stand.
    told: BTreeSet<String>,
}

impl Sink {
    /// An empty one.
    pub fn new() -> Sink {
        Sink::default()
    }
    /// An empty one for what is tried besides: names that are told are told there, too.
    pub(crate) fn beside(&self) -> Sink {
        Sink { told: self.told.clone(), ..Sink::default() }
    }
    /// From here on another variant is compiled: what was said at a place is not said there again.
    pub fn begin_row(&mut self) {
        self.tell_missing();
        self.earlier = self.list.len();
    }
    /// Keeps a diagnostic; one with the same code at the same place is not repeated for the same cause, nor
    /// for another variant (whose numbers may differ).
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        for text in [&mut diagnostic.message, &mut diagnostic.help] {
            escape(text);
        }
        let same = |(i, d): (usize, &Diagnostic)| {
            d.code == diagnostic.code
                && d.span == diagnostic.span
                && (i < self.earlier || d.message == diagnostic.message)
        };
        if self.list.len() == DIAGNOSTICS_MAX {
            self.dropped += 1;
            self.errors += 1;
            return;
        }
        let known = self.list.iter().enumerate().any(same);
        if !known {
            self.errors += usize::from(diagnostic.severity == Severity::Error);
            self.list.push(diagnostic);
        }
    }
    /// An error with cause and remedy.
    pub fn error(&mut self, code: Code, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.error_with(code, span, message, help, Vec::new());
    }
    /// A field is missing in a mapping: said when its fields have all been asked for.
    pub(crate) fn missing(
        &mut self,
        mapping: Span,
        name: &str,
        (span, message, help): (Span, String, String),
    ) {
        let (code, severity, labels) = (Code::MissingField, Severity::Error, Vec::new());
        let diagnostic = Diagnostic { code, severity, span, message, help, labels };
        if self.is_over() {
            return self.push(diagnostic);
        }
        self.missing.push((mapping, name.to_owned(), diagnostic));
    }
    /// This name of a parameter is told once, wherever it stands.
    pub(crate) fn tell_once(&mut self, name: &str) {
        self.told.insert(name.to_owned());
    }
    /// It has been told.
    pub(crate) fn is_told(&self, name: &str) -> bool {
        self.told.contains(name)
    }
    /// It was misspelt, which has been said.
    pub(crate) fn is_there(&mut self, mapping: Span, name: &str) {
        self.missing.retain(|(at, missing, _)| *at != mapping || missing != name);
    }
    fn tell_missing(&mut self) {
        core::mem::take(&mut self.missing).into_iter().for_each(|(.., diagnostic)| self.push(diagnostic));
    }
    /// An error that points to further places.
    pub fn error_with(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
        labels: Vec<(Span, String)>,
    ) {
        let (message, help) = (message.into(), help.into());
        self.push(Diagnostic { code, severity: Severity::Error, span, message, help, labels });
    }
    /// A warning with cause and remedy.
    pub fn warning(&mut self, code: Code, span: Span, message: impl Into<String>, help: impl Into<String>) {
        let (message, help) = (message.into(), help.into());
        self.push(Diagnostic { code, severity: Severity::Warning, span, message, help, labels: Vec::new() });
    }
    /// Whether this was said at this place. A warning does not stand for an error there.
    pub fn has(&self, other: &Diagnostic) -> bool {
        self.list.iter().any(|d| (d.code, d.severity, d.span) == (other.code, other.severity, other.span))
    }
    /// Errors so far; a caller compares two counts to learn whether a part was right.
    pub fn errors(&self) -> usize {
        self.errors + self.missing.len()
    }
    /// More were found than are kept: whoever reads on may stop, since nothing more is shown.
    pub fn is_over(&self) -> bool {
        self.dropped > 0
    }
    /// All diagnostics in the order of files and places.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.tell_missing();
        self.list.sort_by(|a, b| {
            (a.span.file, a.span.start, a.span.end, a.code).cmp(&(
                b.span.file,
                b.span.start,
                b.span.end,
                b.code,
            ))
        });
        if let (true, Some(last)) = (self.dropped > 0, self.list.last().cloned()) {
            self.list.push(Diagnostic {
                code: Code::TooMany,
                severity: Severity::Error,
                message: format!("at least {} more mistakes are not shown", self.dropped),
                help: "correct these first".into(),
                labels: Vec::new(),
                ..last
            });
        }
        self.list
    }
}

/// A word of a file, as it is quoted in a message, may have been written with signs that would command a terminal
/// (`"\e[2J"`).
fn escape(text: &mut String) {
    if text.chars().any(|c| c.is_control() && c != '\n') {
        let shown = |c: char| match c {
            c if c.is_control() && c != '\n' => c.escape_default().to_string(),
            c => c.to_string(),
        };
        *text = text.chars().map(shown).collect();
    }
}

/// Rows for `check --json`: line and column from 1, columns in characters; `end_column` is exclusive.
pub fn json_rows(diagnostics: &[Diagnostic], sources: &Sources) -> serde_json::Value {
    let row = |d: &Diagnostic| {
        let (start, end) = sources.places(d.span);
        serde_json::json!({
            "code": d.code.as_str(),
            "severity": d.severity.as_str(),
            "file": sources.file(d.span.file).path,
            "line": start.line,
            "column": start.column,
            "end_line": end.line,
            "end_column": end.column,
            "message": d.message,
            "help": d.help,
        })
    };
    serde_json::Value::Array(diagnostics.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;

    #[test]
    fn what_would_command_a_terminal_is_written_out() {
        let mut sink = Sink::new();
        let span = Span { file: FileId(0), start: 0, end: 1 };
        sink.error(Code::BadIdentifier, span, "`\u{1b}[2J` cannot be a name", "a\nb");
        let list = sink.finish();
        assert_eq!(
            (list[0].message.as_str(), list[0].help.as_str()),
            ("`\\u{1b}[2J` cannot be a name", "a\nb")
        );
    }
}
