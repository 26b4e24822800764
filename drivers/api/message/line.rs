//! Text protocols of one line a message, one request under way at a time: what camera and scanner share.

use cellwright_model::{DurationNs, RequestId, TimeNs};

use super::{Answer, DeviceError, LINE_BYTES_MAX, MessageCounters};

/// What ended with a line feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// Without its end (`\n` or `\r\n`).
    Text(&'a str),
    /// Not UTF-8.
    NotText,
    /// More than [`LINE_BYTES_MAX`] bytes, which were dropped up to the line feed.
    TooLong,
}

/// Bytes of refusals that wait to be sent; more are dropped, as a device with a full buffer does.
const REFUSALS_BYTES_MAX: usize = 4096;

/// What the answering end has to say: refusals at once, and one answer when its time has come.
#[derive(Debug, Default)]
pub struct LineAnswers {
    at_once: Vec<u8>,
    due: Option<(TimeNs, String)>,
}

impl LineAnswers {
    /// An answer is under way.
    pub fn busy(&self) -> bool {
        self.due.is_some()
    }

    /// The answer, a line with its end, to be sent at `at`.
    pub fn answer(&mut self, at: TimeNs, line: String) {
        self.due = Some((at, line));
    }

    /// `ERR id code words`, sent at once.
    pub fn refuse(&mut self, id: &str, code: &str, words: &str) {
        let line = format!("ERR {id} {code} {words}\n");
        if self.at_once.len() + line.len() <= REFUSALS_BYTES_MAX {
            self.at_once.extend_from_slice(line.as_bytes());
        }
    }

    /// Forgets all of it.
    pub fn clear(&mut self) {
        *self = LineAnswers::default();
    }

    /// Appends what is due at `now`.
    pub fn transmit(&mut self, now: TimeNs, out: &mut Vec<u8>) {
        out.append(&mut self.at_once);
        if let Some((_, answer)) = self.due.take_if(|(at, _)| now >= *at) {
            out.extend_from_slice(answer.as_bytes());
        }
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<TimeNs> {
        if !self.at_once.is_empty() {
            return Some(TimeNs(0));
        }
        self.due.as_ref().map(|(at, _)| *at)
    }
}

/// Puts lines together from bytes that come cut anywhere; holds at most [`LINE_BYTES_MAX`] bytes.
#[derive(Debug, Default)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    skipping: bool,
}

impl LineBuffer {
    /// Takes bytes and hands every line that they complete to `take`, in order. An overlong line is
    /// reported once, at its line feed.
    pub fn push(&mut self, mut bytes: &[u8], mut take: impl FnMut(Line<'_>)) {
        while let Some(end) = bytes.iter().position(|&b| b == b'\n') {
            let (head, rest) = bytes.split_at(end);
            bytes = &rest[1..];
            self.keep(head);
            if self.skipping {
                take(Line::TooLong);
            } else {
                let line = self.bytes.strip_suffix(b"\r").unwrap_or(&self.bytes);
                take(core::str::from_utf8(line).map_or(Line::NotText, Line::Text));
            }
            self.clear();
        }
        self.keep(bytes);
    }

    /// Forgets an unfinished line.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.skipping = false;
    }

    fn keep(&mut self, part: &[u8]) {
        if self.skipping {
            return;
        }
        if self.bytes.len() + part.len() >= LINE_BYTES_MAX {
            self.bytes.clear();
            self.skipping = true;
        } else {
            self.bytes.extend_from_slice(part);
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    id: RequestId,
    deadline: TimeNs,
}

/// The driver's side of a line protocol: connection, deadline, and the one request under way.
#[derive(Debug)]
pub struct LineExchange<R> {
    timeout: DurationNs,
    connected: bool,
    pending: Option<Pending>,
    answer: Option<Answer<R>>,
    lines: LineBuffer,
    out: Vec<u8>,
    counters: MessageCounters,
}

impl<R> LineExchange<R> {
    /// `timeout`: from request to answer.
    pub fn new(timeout: DurationNs) -> LineExchange<R> {
        LineExchange {
            timeout,
            connected: false,
            pending: None,
            answer: None,
            lines: LineBuffer::default(),
            out: Vec::with_capacity(256),
            counters: MessageCounters::default(),
        }
    }

    /// Sends `line` as request `id`. Errors: `Busy`, also while an answer waits to be polled;
    /// `Disconnected`; `BadRequest` for a line that is too long or carries a line end of its own.
    pub fn begin(&mut self, now: TimeNs, id: RequestId, line: &str) -> Result<(), DeviceError> {
        if self.pending.is_some() || self.answer.is_some() {
            return Err(DeviceError::Busy);
        }
        if !self.connected {
            return Err(DeviceError::Disconnected);
        }
        if line.len() >= LINE_BYTES_MAX || line.contains(['\n', '\r']) {
            return Err(DeviceError::BadRequest("no single line of the protocol".into()));
        }
        self.out.extend_from_slice(line.as_bytes());
        self.out.push(b'\n');
        self.pending = Some(Pending { id, deadline: now + self.timeout });
        self.counters.requests += 1;
        Ok(())
    }

    /// Takes bytes. `parse` reads one line: the request that it answers and the result, or what is wrong
    /// with it.
    pub fn receive<P>(&mut self, now: TimeNs, bytes: &[u8], mut parse: P)
    where
        P: FnMut(&str) -> Result<(RequestId, Result<R, DeviceError>), String>,
    {
        self.notice_deadline(now);
        let mut lines = core::mem::take(&mut self.lines);
        lines.push(bytes, |line| match line {
            Line::Text(text) => match parse(text) {
                Ok((id, result)) => self.answered(id, result),
                Err(what) => self.unreadable(DeviceError::Garbage(what)),
            },
            Line::NotText => self.unreadable(DeviceError::Garbage("not UTF-8".into())),
            Line::TooLong => self.unreadable(DeviceError::TooLong),
        });
        self.lines = lines;
    }

    /// See [`super::MessageDriver::poll`].
    pub fn poll(&mut self, now: TimeNs) -> Option<Answer<R>> {
        self.notice_deadline(now);
        self.answer.take()
    }

    /// See [`super::MessageDriver::on_connect`].
    pub fn on_connect(&mut self) {
        self.end(DeviceError::Disconnected);
        self.forget_bytes();
        self.connected = true;
    }

    /// See [`super::MessageDriver::on_disconnect`].
    pub fn on_disconnect(&mut self) {
        self.end(DeviceError::Disconnected);
        self.forget_bytes();
        self.connected = false;
    }

    /// See [`super::MessageDriver::transmit`].
    pub fn transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.out);
    }

    /// See [`super::MessageDriver::deadline`]. An answer that waits is due at once.
    pub fn deadline(&self) -> Option<TimeNs> {
        match (&self.answer, &self.pending) {
            (Some(_), _) => Some(TimeNs(0)),
            (None, Some(p)) => Some(p.deadline),
            (None, None) => None,
        }
    }

    /// See [`super::MessageDriver::counters`].
    pub fn counters(&self) -> MessageCounters {
        self.counters
    }

    fn forget_bytes(&mut self) {
        self.lines.clear();
        self.out.clear();
    }

    fn notice_deadline(&mut self, now: TimeNs) {
        if self.pending.is_some_and(|p| now >= p.deadline) {
            self.end(DeviceError::TimedOut);
        }
    }

    fn answered(&mut self, id: RequestId, result: Result<R, DeviceError>) {
        match self.pending {
            Some(p) if p.id == id => {
                self.pending = None;
                self.answer = Some(Answer { id, result });
            }
            _ => self.counters.stray += 1,
        }
    }

    /// Ends the request under way for a line that cannot be attributed: a device that answers so is not
    /// to be waited for.
    fn unreadable(&mut self, error: DeviceError) {
        match error {
            DeviceError::TooLong => self.counters.too_long += 1,
            _ => self.counters.garbage += 1,
        }
        self.end(error);
    }

    fn end(&mut self, error: DeviceError) {
        let Some(p) = self.pending.take() else { return };
        match error {
            DeviceError::TimedOut => self.counters.timed_out += 1,
            DeviceError::Disconnected => self.counters.disconnected += 1,
            _ => {}
        }
        self.answer = Some(Answer { id: p.id, result: Err(error) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(parts: &[&[u8]]) -> Vec<String> {
        let mut buffer = LineBuffer::default();
        let mut seen = Vec::new();
        for part in parts {
            buffer.push(part, |l| {
                seen.push(match l {
                    Line::Text(t) => t.to_string(),
                    Line::NotText => "<not text>".into(),
                    Line::TooLong => "<too long>".into(),
                });
            });
        }
        seen
    }

    #[test]
    fn lines_cut_anywhere_are_put_together() {
        assert_eq!(lines(&[b"a", b"b\nc", b"d\r", b"\ne"]), ["ab", "cd"]);
        assert_eq!(lines(&[b"\n\n"]), ["", ""]);
        assert_eq!(lines(&[b"\xff\xfe\nok\n"]), ["<not text>", "ok"]);
    }

    #[test]
    fn an_overlong_line_is_dropped_whole_and_the_next_one_is_read() {
        let long = vec![b'x'; LINE_BYTES_MAX];
        assert_eq!(lines(&[&long, b"yy\nok\n"]), ["<too long>", "ok"]);
        let fits = vec![b'x'; LINE_BYTES_MAX - 1];
        assert_eq!(lines(&[&fits, b"\n"])[0].len(), LINE_BYTES_MAX - 1);
        let mut buffer = LineBuffer::default();
        for _ in 0..100 {
            buffer.push(&long, |_| panic!("no line has ended"));
        }
        assert!(buffer.bytes.len() <= LINE_BYTES_MAX);
    }

    fn parse(line: &str) -> Result<(RequestId, Result<u32, DeviceError>), String> {
        let (id, value) = line.split_once('=').ok_or("no =")?;
        let id = id.parse().map_err(|_| "id")?;
        Ok((RequestId(id), value.parse().map_err(|_| DeviceError::Garbage("value".into()))))
    }

    #[test]
    fn an_answer_after_the_deadline_is_stray_even_if_nobody_polled_before() {
        let mut x = LineExchange::new(DurationNs::from_millis(10));
        x.on_connect();
        x.begin(TimeNs(0), RequestId(1), "go").unwrap();
        x.receive(TimeNs(10_000_000), b"1=5\n", parse);
        assert_eq!(x.poll(TimeNs(10_000_001)).unwrap().result, Err(DeviceError::TimedOut));
        assert_eq!((x.counters().stray, x.counters().timed_out), (1, 1));
    }

    #[test]
    fn an_answer_not_yet_polled_keeps_the_exchange_busy() {
        let mut x = LineExchange::new(DurationNs::from_millis(10));
        x.on_connect();
        x.begin(TimeNs(0), RequestId(1), "go").unwrap();
        x.receive(TimeNs(1), b"1=5\n", parse);
        assert_eq!(x.begin(TimeNs(2), RequestId(2), "go"), Err(DeviceError::Busy));
        assert_eq!(x.poll(TimeNs(2)), Some(Answer { id: RequestId(1), result: Ok(5) }));
        assert_eq!(x.begin(TimeNs(2), RequestId(2), "go"), Ok(()));
    }

    #[test]
    fn a_request_that_is_no_line_is_refused() {
        let mut x: LineExchange<u32> = LineExchange::new(DurationNs::from_millis(10));
        x.on_connect();
        assert!(matches!(x.begin(TimeNs(0), RequestId(1), "a\nb"), Err(DeviceError::BadRequest(_))));
        assert!(x.deadline().is_none());
    }
}
