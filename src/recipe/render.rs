//! Diagnostics drawn over their text, by miette.

use core::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{SourceFile, Sources, Span};

/// Columns of the drawing: a terminal's half, and what a mail still shows.
const WIDTH: usize = 100;

/// Bytes of text in one drawing: a screen. A line of a megabyte is named and not drawn.
const DRAWN_BYTES_MAX: usize = 8000;

/// Draws all of them without colour.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    render_with(diagnostics, sources, false)
}

/// Draws all of them; `colour` for a terminal.
pub fn render_with(diagnostics: &[Diagnostic], sources: &Sources, colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_width(WIDTH);
    let mut out = String::new();
    for diagnostic in diagnostics {
        let file = Named(sources.file(diagnostic.span.file));
        let view = View { diagnostic, sources, file };
        if !view.can_be_drawn() || handler.render_report(&mut out, &view).is_err() {
            out.push_str(&view.in_words());
        }
        out.push('\n');
    }
    out.push_str(&where_more_is_said(diagnostics));
    out
}

/// The command that prints the pages, with the first code; nothing for nothing.
fn where_more_is_said(diagnostics: &[Diagnostic]) -> String {
    let more =
        |d: &Diagnostic| format!("more about a code: cellwright check --explain {}\n", d.code.as_str());
    diagnostics.first().map(more).unwrap_or_default()
}

/// A file under its path.
struct Named<'a>(&'a SourceFile);

impl SourceCode for Named<'_> {
    fn read_span<'s>(
        &'s self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'s> + 's>, MietteError> {
        // Only the lines around it are looked at: miette counts lines from the start of what it is given.
        let (lines, start, text) = self.0.around(span.offset(), span.len(), before + 1, after + 1);
        let here = SourceSpan::from((span.offset() - start, span.len()));
        let inner = text.read_span(&here, before, after)?;
        let shown = SourceSpan::from((inner.span().offset() + start, inner.span().len()));
        Ok(Box::new(MietteSpanContents::new_named(
            self.0.path.clone(),
            inner.data(),
            shown,
            inner.line() + lines,
            inner.column(),
            inner.line_count(),
        )))
    }
}

/// One diagnostic as miette sees it.
struct View<'a> {
    diagnostic: &'a Diagnostic,
    sources: &'a Sources,
    file: Named<'a>,
}

impl fmt::Display for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.diagnostic.code.as_str())
    }
}

impl std::error::Error for View<'_> {}

impl View<'_> {
    fn can_be_drawn(&self) -> bool {
        let d = self.diagnostic;
        let own = d.labels.iter().filter(|(s, _)| s.file == d.span.file).map(|(s, _)| *s);
        core::iter::once(d.span).chain(own).all(|s| self.file.0.surroundings(s) <= DRAWN_BYTES_MAX)
    }

    /// `R0011 file:1:5: cause` and the remedy.
    fn in_words(&self) -> String {
        let d = self.diagnostic;
        let (word, code) = (d.severity.as_str(), d.code.as_str());
        format!("{code} {word} at {}: {self}\n  help: {}\n", self.sources.at(d.span), d.help)
    }

    fn label(&self, span: Span, text: String, primary: bool) -> LabeledSpan {
        let range = (span.start as usize, (span.end - span.start) as usize);
        if primary {
            LabeledSpan::new_primary_with_span(Some(text), range)
        } else {
            LabeledSpan::new_with_span(Some(text), range)
        }
    }
}

impl miette::Diagnostic for View<'_> {
    fn code<'s>(&'s self) -> Option<Box<dyn fmt::Display + 's>> {
        Some(Box::new(self.diagnostic.code.as_str()))
    }
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }
    /// The remedy, and the places in other files, which one drawing cannot show.
    fn help<'s>(&'s self) -> Option<Box<dyn fmt::Display + 's>> {
        let elsewhere = self.diagnostic.labels.iter().filter(|(s, _)| s.file != self.diagnostic.span.file);
        let lines = elsewhere.map(|(span, text)| format!("\n{}: {text}", self.sources.at(*span)));
        Some(Box::new(format!("{}{}", self.diagnostic.help, lines.collect::<String>())))
    }
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.file)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let d = self.diagnostic;
        let own = self.label(d.span, d.code.title().to_string(), true);
        let others = d.labels.iter().filter(|(span, _)| span.file == d.span.file);
        Some(Box::new(
            core::iter::once(own).chain(others.map(|(s, text)| self.label(*s, text.clone(), false))),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::diagnostic::Sink;

    #[test]
    fn draws_place_cause_and_remedy() {
        let mut sources = Sources::default();
        let file = sources.add("r.yaml", "a: 1\nprss: µ\n".as_bytes());
        let other = sources.add("cell.yaml", b"x: 1\n");
        let mut sink = Sink::new();
        let label = |file, start| Span { file, start, end: start + 1 };
        let labels =
            vec![(label(other, 3), "declared here".to_string()), (label(file, 0), "first".to_string())];
        let span = Span { file, start: 5, end: 9 };
        sink.error_with(Code::UnknownStep, span, "there is no step `prss`", "did you mean `press`?", labels);
        let text = render(&sink.finish(), &sources);
        for part in [
            "R0313",
            "there is no step `prss`",
            "r.yaml:2:1",
            "did you mean `press`?",
            "cell.yaml:1:4: declared here",
            "first",
            "cellwright check --explain R0313",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert_eq!(render(&[], &sources), "");
    }
}
