//! Frames of the language server protocol (LSP 3.17, "Base Protocol"), and what each holds by JSON-RPC 2.0. A frame that
//! cannot be read is answered, and reading goes on behind it: where its end is not known, at the next `Content-Length`.

use std::io::{self, BufRead, Read};

use lsp_server::{ErrorCode, Message, Notification, Request, RequestId};
use serde_json::{Map, Value, json};

/// A line of a header: they have some tens of bytes.
const LINE_MAX: u64 = 4 << 10;
/// What the end of a piece of a longer line may hold of a `Content-Length` that goes on in the next piece.
const KEPT: usize = 32;
/// A message: a file of the largest size that is read, every byte of it escaped.
const MESSAGE_MAX: u64 = 32 << 20;
/// The field that says how long a message is.
const LENGTH: &str = "content-length";

/// What came.
#[derive(Debug)]
pub(crate) enum Frame {
    Message(Message),
    Bad(Bad),
}

/// A frame that is answered by an error.
#[derive(Debug, PartialEq)]
pub(crate) struct Bad {
    /// Of the request, if that much could be read.
    id: Value,
    code: i32,
    why: String,
}

impl Bad {
    fn new(id: &Value, code: ErrorCode, why: impl Into<String>) -> Bad {
        Bad { id: id.clone(), code: code as i32, why: why.into() }
    }

    fn parse(why: impl Into<String>) -> Bad {
        Bad::new(&Value::Null, ErrorCode::ParseError, why)
    }

    /// With an id that is no id, which the types of messages do not have.
    pub(crate) fn answer(&self) -> Value {
        json!({ "jsonrpc": "2.0", "id": self.id, "error": { "code": self.code, "message": self.why } })
    }
}

/// Frames from what a client writes.
pub(crate) struct Reader<R> {
    from: R,
    /// What came last could not be read, and that is said: what is left of it is passed over.
    astray: bool,
    /// The length in a header that began behind other words, which are told first.
    pending: Option<u64>,
    /// The end of a line that was too long to be read at once.
    kept: Vec<u8>,
}

/// What a header says: the length, and what is wrong with it.
type Header = (Option<u64>, Option<&'static str>);

/// One line of a header.
enum Line {
    End,
    /// The length of the message; with words before it in the line it is the rest of something else.
    Length(u64, bool),
    /// Another field.
    Other,
    Malformed,
    /// A length that is no number.
    NoLength,
}

impl<R: BufRead> Reader<R> {
    pub(crate) fn new(from: R) -> Reader<R> {
        Reader { from, astray: false, pending: None, kept: Vec::new() }
    }

    /// The next frame; `None`: the client has gone between two of them.
    ///
    /// # Errors
    /// It cannot be read from, or ended in the middle of a frame.
    pub(crate) fn next(&mut self) -> io::Result<Option<Frame>> {
        let Some((length, mistake)) = self.header()? else { return Ok(None) };
        let Some(length) = length else {
            self.astray = self.pending.is_none();
            return Ok(Some(Frame::Bad(Bad::parse(mistake.unwrap_or("a header without `Content-Length`")))));
        };
        if length > MESSAGE_MAX {
            self.skip(length)?;
            let why = format!("a message of {length} bytes: at most {MESSAGE_MAX} are read");
            return Ok(Some(Frame::Bad(Bad::new(&Value::Null, ErrorCode::InvalidRequest, why))));
        }
        let mut body = Vec::new();
        (&mut self.from).take(length).read_to_end(&mut body)?;
        if (body.len() as u64) < length {
            return Err(ended());
        }
        if let Some(mistake) = mistake {
            return Ok(Some(Frame::Bad(Bad::parse(mistake))));
        }
        let frame = match serde_json::from_slice(&body) {
            Ok(value) => message(value),
            Err(e) => Err(Bad::parse(format!("a message that is not JSON: {e}"))),
        };
        // A wrong length shows in a text that is cut, or in one that goes on in the next frame.
        self.astray = frame.as_ref().is_err_and(|bad| bad.code == ErrorCode::ParseError as i32);
        Ok(Some(frame.map_or_else(Frame::Bad, Frame::Message)))
    }

    /// The next header; astray, the next one that says a length.
    fn header(&mut self) -> io::Result<Option<Header>> {
        let mut length = self.pending.take();
        let (mut begun, mut mistake, mut clash) = (length.is_some(), None, false);
        while let Some(line) = self.line()? {
            match line {
                Line::Length(n, true) if !begun && !self.astray => {
                    self.pending = Some(n);
                    let why = "words before a header: the length of the message before is wrong";
                    return Ok(Some((None, Some(why))));
                }
                Line::Length(n, _) => {
                    if length.is_some_and(|other| other != n) {
                        (clash, mistake) = (true, Some("a header with two lengths"));
                    }
                    (length, begun, self.astray) = (Some(n), true, false);
                }
                Line::End if begun && !self.astray => {
                    return Ok(Some((length.filter(|_| !clash), mistake)));
                }
                // Of something that has been told already, or empty lines before a header.
                Line::End => {}
                _ if self.astray => {}
                Line::Other => begun = true,
                Line::Malformed => {
                    begun = true;
                    mistake = Some("a line of a header that is no `Name: value`");
                }
                Line::NoLength => {
                    begun = true;
                    mistake = Some("a `Content-Length` that is no number");
                }
            }
        }
        if length.is_some() { Err(ended()) } else { Ok(None) }
    }

    /// The next line, judged; `None` at the end.
    fn line(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = core::mem::take(&mut self.kept);
        let read = (&mut self.from).take(LINE_MAX).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            return Ok(None);
        }
        if read as u64 == LINE_MAX && !bytes.ends_with(b"\n") {
            // A length at its end may be cut: it is judged with what follows.
            self.kept = bytes.split_off(bytes.len() - KEPT);
            return Ok(Some(Line::Malformed));
        }
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Ok(Some(Line::End));
        }
        if let Some((before, after)) = text.rsplit_once(LENGTH)
            && let Some(number) = after.trim_start().strip_prefix(':')
        {
            let number = number.trim();
            let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            return Ok(Some(match number.parse() {
                Ok(n) if digits => Line::Length(n, !before.is_empty()),
                _ => Line::NoLength,
            }));
        }
        let field = text.split_once(':').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        });
        Ok(Some(if field { Line::Other } else { Line::Malformed }))
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let passed = io::copy(&mut (&mut self.from).take(length), &mut io::sink())?;
        if passed < length { Err(ended()) } else { Ok(()) }
    }
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the editor ended in the middle of a message")
}

/// What a JSON text says (JSON-RPC 2.0, 4 and 5). Notifications are never answered, so one that is odd is taken as it is.
fn message(value: Value) -> Result<Message, Bad> {
    let invalid = |id: &Value, why: &str| Err(Bad::new(id, ErrorCode::InvalidRequest, why));
    let Value::Object(mut map) = value else {
        return invalid(&Value::Null, "a message is one JSON object; several at once are not taken");
    };
    let params = map.remove("params").unwrap_or_default();
    let method = map.remove("method");
    let Some(id) = map.remove("id") else {
        return match method {
            Some(Value::String(method)) => Ok(Message::Notification(Notification { method, params })),
            _ => invalid(&Value::Null, "neither a request, nor a notification, nor an answer"),
        };
    };
    if method.is_none() && (map.contains_key("result") || map.contains_key("error")) {
        // Of a request of this server: it makes none.
        return Ok(Message::Response(lsp_server::Response::new_ok(RequestId::from(0), ())));
    }
    let Some(known) = request_id(&id) else {
        return invalid(&Value::Null, "an `id` is a text or a whole number of 32 bits");
    };
    let Some(Value::String(method)) = method else { return invalid(&id, "a request without a `method`") };
    if version(&map) != Some("2.0") {
        return invalid(&id, "`jsonrpc` is \"2.0\"");
    }
    Ok(Message::Request(Request { id: known, method, params }))
}

fn version(map: &Map<String, Value>) -> Option<&str> {
    map.get("jsonrpc").and_then(Value::as_str)
}

/// LSP 3.17: `integer | string`, and an integer has 32 bits.
fn request_id(id: &Value) -> Option<RequestId> {
    match id {
        Value::String(text) => Some(text.clone().into()),
        Value::Number(n) => n.as_i64().and_then(|n| i32::try_from(n).ok()).map(RequestId::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOVER: &str = r#"{"jsonrpc":"2.0","id":7,"method":"textDocument/hover","params":{}}"#;

    fn framed(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    /// What is read of a text, a word each: the method, or the code and id of the answer.
    fn all(text: &str) -> Vec<String> {
        let mut reader = Reader::new(text.as_bytes());
        let mut out = Vec::new();
        loop {
            out.push(match reader.next() {
                Ok(None) => return out,
                Ok(Some(Frame::Message(Message::Request(r)))) => format!("{} {}", r.method, r.id),
                Ok(Some(Frame::Message(Message::Notification(n)))) => n.method,
                Ok(Some(Frame::Message(Message::Response(_)))) => "answer".into(),
                Ok(Some(Frame::Bad(bad))) => format!("{} {}", bad.code, bad.id),
                Err(_) => {
                    out.push("ended".into());
                    return out;
                }
            });
        }
    }

    /// After each mistake, told once, the next request is read.
    #[test]
    fn after_a_bad_frame_it_goes_on() {
        let hover = framed(HOVER);
        let long =
            format!("Content-Length: {}\r\n\r\n{}", MESSAGE_MAX + 1, "x".repeat(MESSAGE_MAX as usize + 1));
        let cases: &[(String, &str)] = &[
            (framed("{"), "-32700 null"),
            (framed("\u{fffd}"), "-32700 null"),
            (framed(""), "-32700 null"),
            (framed(&"[".repeat(300)), "-32700 null"),
            (framed("[]"), "-32600 null"),
            (framed("5"), "-32600 null"),
            (framed("{}"), "-32600 null"),
            (framed(&format!("[{HOVER}]")), "-32600 null"),
            (framed(r#"{"jsonrpc":"2.0","id":9}"#), "-32600 9"),
            (framed(r#"{"jsonrpc":"2.0","id":"a","method":5}"#), "-32600 \"a\""),
            (framed(r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#), "-32600 null"),
            (framed(r#"{"jsonrpc":"2.0","id":1.5,"method":"x"}"#), "-32600 null"),
            (framed(r#"{"jsonrpc":"2.0","id":99999999999,"method":"x"}"#), "-32600 null"),
            (framed(r#"{"jsonrpc":"1.0","id":3,"method":"x"}"#), "-32600 3"),
            (framed(r#"{"id":3,"method":"x"}"#), "-32600 3"),
            // The header is wrong, its length is not.
            (hover.replacen("\r\n", "\r\nwords\r\n", 1), "-32700 null"),
            (hover.replacen("\r\n", "\r\nContent-Length: 3\r\n", 1), "-32700 null"),
            // Where the frame ends is not known: the next header is looked for.
            (hover.replacen("Content-Length: ", "Content-Length: x", 1), "-32700 null"),
            (hover.replacen("Content-Length: ", "Content-Length: -", 1), "-32700 null"),
            (hover.replacen("Content-Length: ", "Content-Length ", 1), "-32700 null"),
            (hover.replacen("Content-Length", "Content-Type", 1), "-32700 null"),
            (format!("\r\n{HOVER}"), "-32700 null"),
            (format!("Content-Length: {}\r\n\r\n{HOVER}", HOVER.len() - 5), "-32700 null"),
            (long, "-32600 null"),
        ];
        for (bad, said) in cases {
            let after = framed(r#"{"jsonrpc":"2.0","id":1,"method":"next"}"#);
            let shown = &bad[..bad.len().min(100)];
            assert_eq!(all(&format!("{bad}{after}{after}")), [said, "next 1", "next 1"], "{shown}");
        }
        // Wherever a piece of a long line ends, the length behind it is found.
        for n in LINE_MAX as usize - 40..LINE_MAX as usize + 8 {
            let bad = format!("Content-Length: x\r\n\r\n{}", "x".repeat(n));
            assert_eq!(all(&format!("{bad}{hover}")), ["-32700 null", "textDocument/hover 7"], "{n}");
        }
        // One that is too long takes a piece of the next one with it.
        let long = format!("Content-Length: {}\r\n\r\n{HOVER}{hover}{hover}", HOVER.len() + 5);
        assert_eq!(all(&long), ["-32700 null", "textDocument/hover 7"]);
    }

    #[test]
    fn what_is_right_is_read() {
        let note = r#"{"jsonrpc":"2.0","method":"note"}"#;
        let text = format!(
            "content-length:{}\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n{HOVER}{}{}{}",
            HOVER.len(),
            framed(note),
            framed(r#"{"jsonrpc":"2.0","id":4,"result":null}"#),
            framed(HOVER).replace("\r\n", "\n"),
        );
        assert_eq!(all(&text), ["textDocument/hover 7", "note", "answer", "textDocument/hover 7"]);
        assert_eq!(all(""), [""; 0]);
        assert_eq!(all("Content-Length: 10\r\n\r\n{}"), ["ended"]);
        assert_eq!(all("Content-Length: 10\r\n"), ["ended"]);
    }
}
