//! Files as the compiler sees them: bytes by name from a [`FileSource`], places in them as byte spans.
//!
//! Nothing here reads a disk. A *line* is counted from 1 and ends at `\n`; a *column* is counted from 1
//! in characters.

/// Gives the bytes of a file by its path, relative to whatever root the caller has chosen.
pub trait FileSource {
    /// The bytes, or why there are none (not found, no permission), in words.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
}

/// A text in which every line ends with `\n`: a carriage return alone, which YAML takes for a line end, too, is one (and
/// is refused where the text is read: most programs show one line there). Byte for byte, so that spans stay true.
fn line_ends(text: String) -> String {
    let alone = |(i, b): (usize, u8)| b == b'\r' && text.as_bytes().get(i + 1) != Some(&b'\n');
    if !text.bytes().enumerate().any(alone) {
        return text;
    }
    let mut rest = text.chars().peekable();
    let mut out = String::with_capacity(text.len());
    while let Some(c) = rest.next() {
        out.push(if c == '\r' && rest.peek() != Some(&'\n') { '\n' } else { c });
    }
    out
}

/// Largest file that is read, in bytes: a thousand times the embedded recipe, and small enough that a
/// wrong path (a core dump, a video) is refused at once.
pub const FILE_BYTES_MAX: usize = 4 << 20;

/// A file of one run: its place in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A range of bytes in one file; `start <= end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// From the start of `self` to the end of `other`, which is in the same file.
    pub fn to(self, other: Span) -> Span {
        Span { end: other.end.max(self.end), ..self }
    }
}

/// Place of a byte, counted from 1; columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// A file that was read.
#[derive(Debug, Clone)]
pub struct SourceFile {
    pub path: String,
    /// As text that can be drawn, its lines ended by `\n`, byte for byte; bytes that are no UTF-8 are replaced (and have
    /// been refused by the parser).
    pub text: String,
    /// SHA-256 of the raw bytes, lower-case hex.
    pub sha256: String,
    /// Start of each line in bytes.
    lines: Vec<u32>,
}

/// All files of one run, in the order in which they were first named.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Adds a file; the same path twice is two files.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> FileId {
        let text = shown(line_ends(String::from_utf8_lossy(bytes).into_owned()));
        let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1);
        let lines = core::iter::once(0).chain(ends).collect();
        let sha256 = cellwright_model::curve::sha256_hex(bytes);
        self.files.push(SourceFile { path: path.to_string(), text, sha256, lines });
        FileId(self.files.len() as u32 - 1)
    }
    /// A file by its id, which came from [`Sources::add`].
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }
    /// The file with this path, if it has been read.
    pub fn by_path(&self, path: &str) -> Option<FileId> {
        self.files.iter().position(|f| f.path == path).map(|i| FileId(i as u32))
    }
    /// All files in order.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }
    /// Places of the start and of the end of a span.
    pub fn places(&self, span: Span) -> (Place, Place) {
        let file = self.file(span.file);
        (file.place(span.start), file.place(span.end))
    }
    /// `path:line:column` of the start of a span.
    pub fn at(&self, span: Span) -> String {
        let file = self.file(span.file);
        let place = file.place(span.start);
        format!("{}:{}:{}", file.path, place.line, place.column)
    }
}

/// The text as it may be drawn on a terminal: signs that would command it, or turn what stands beside them, give way to
/// signs of as many bytes that a person sees. They are refused where the text is read.
fn shown(text: String) -> String {
    let instead = |c: char| match c {
        '\n' | '\r' | '\t' => c,
        c if c.is_control() => ['?', '¿'][c.len_utf8() - 1],
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c => c,
    };
    if text.chars().all(|c| instead(c) == c) { text } else { text.chars().map(instead).collect() }
}

impl SourceFile {
    /// Bytes of the lines that a span touches, with one line before and behind.
    pub fn surroundings(&self, span: Span) -> usize {
        let line = |byte: u32| self.place(byte).line - 1;
        let first = line(span.start).saturating_sub(1);
        let end = self.lines.get(line(span.end) + 2).map_or(self.text.len(), |l| *l as usize);
        end - self.lines[first] as usize
    }

    /// The text from some lines before a piece of it to some lines behind: how many lines, and bytes, it begins after.
    pub(crate) fn around(&self, at: usize, len: usize, before: usize, after: usize) -> (usize, usize, &str) {
        let line = |byte: usize| self.lines.partition_point(|&start| start as usize <= byte) - 1;
        let first = line(at).saturating_sub(before);
        let end = self.lines.get(line(at + len) + after + 1).map_or(self.text.len(), |l| *l as usize);
        let start = self.lines[first] as usize;
        (first, start, &self.text[start..end])
    }

    /// Line and column of a byte; beyond the end, those of the end.
    pub fn place(&self, byte: u32) -> Place {
        let byte = (byte as usize).min(self.text.len());
        let line = self.lines.partition_point(|&start| start as usize <= byte) - 1;
        let start = self.lines[line] as usize;
        let column = self.text.as_bytes()[start..byte].iter().filter(|&&b| b & 0xC0 != 0x80).count();
        Place { line: line + 1, column: column + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_command_a_terminal_is_not_drawn() {
        let mut sources = Sources::default();
        let file = sources.add("a", "x\u{1b}[31m\u{9b}2J\0\u{202e}y\t\r\né".as_bytes());
        assert_eq!(sources.file(file).text, "x?[31m¿2J?\u{fffd}y\t\r\né");
    }

    #[test]
    fn a_carriage_return_ends_a_line() {
        let mut sources = Sources::default();
        let file = sources.add("a", "a: 1\rb: 2\r\nc: 3\n\rd: 4".as_bytes());
        let at = |byte| sources.file(file).place(byte);
        let places = [5, 11, 17].map(|byte| (at(byte).line, at(byte).column));
        assert_eq!(places, [(2, 1), (3, 1), (5, 1)]);
    }

    #[test]
    fn places_count_characters() {
        let mut sources = Sources::default();
        let file = sources.add("a", "x\nN·m y\n".as_bytes());
        let at = |byte| sources.file(file).place(byte);
        assert_eq!(at(0), Place { line: 1, column: 1 });
        assert_eq!(at(2), Place { line: 2, column: 1 });
        assert_eq!(at(7), Place { line: 2, column: 5 });
        assert_eq!(at(999), Place { line: 3, column: 1 });
        assert_eq!(sources.at(Span { file, start: 2, end: 3 }), "a:2:1");
    }
}
