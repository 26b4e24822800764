//! Host status: the answer to `~HS`, three lines between STX and ETX.
//!
//! Source: Zebra, Programming Guide for ZPL II, command `~HS`. Numbers of fields count from 0 within their line.

use cellwright_model::label::PrinterTrouble;

const STX: char = '\u{2}';
const ETX: char = '\u{3}';
/// Fields of each line: by their number a lost line is noticed.
const FIELDS: [usize; 3] = [12, 11, 2];

/// How the printer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostStatus {
    pub trouble: Option<PrinterTrouble>,
    /// Formats that wait to be printed, one that is half received included.
    pub waiting: u32,
    /// Labels of the batch under way that are not printed.
    pub remaining: u32,
}

impl HostStatus {
    /// Nothing waits and nothing remains.
    pub fn idle(&self) -> bool {
        self.waiting == 0 && self.remaining == 0
    }

    /// The three lines, each with its end: what a printer sends.
    pub fn lines(&self) -> String {
        let is = |trouble| u8::from(self.trouble == Some(trouble));
        // A printer pauses by itself for what it lacks.
        let paused = u8::from(self.trouble.is_some());
        let (paper, head) = (is(PrinterTrouble::PaperOut), is(PrinterTrouble::HeadOpen));
        let (ribbon, hot) = (is(PrinterTrouble::RibbonOut), is(PrinterTrouble::Temperature));
        let (memory, waiting, remaining) =
            (is(PrinterTrouble::Memory), self.waiting.min(999), self.remaining.min(99_999_999));
        let first = format!("030,{paper},{paused},0400,{waiting:03},0,0,0,000,{memory},0,{hot}");
        let second = format!("000,0,{head},{ribbon},1,2,6,0,{remaining:08},1,000");
        [first.as_str(), second.as_str(), "1234,0"].map(|l| format!("{STX}{l}{ETX}\r\n")).concat()
    }
}

/// Puts the three lines of an answer together. A line that is none begins the answer anew.
#[derive(Debug, Default)]
pub struct StatusReader {
    lines: usize,
    status: HostStatus,
    flags: Vec<PrinterTrouble>,
}

impl StatusReader {
    /// Forgets half an answer.
    pub fn clear(&mut self) {
        *self = StatusReader::default();
    }

    /// Takes a line without its end; the status when it was the third. Errors: in words, why it is none of an answer.
    pub fn push(&mut self, line: &str) -> Result<Option<HostStatus>, String> {
        let inner = line.strip_prefix(STX).and_then(|l| l.strip_suffix(ETX));
        let fields: Vec<&str> = inner.unwrap_or_default().split(',').collect();
        if fields.len() != FIELDS[self.lines] {
            let number = self.lines + 1;
            self.clear();
            // The first line of another answer: the one before was lost in part.
            if fields.len() == FIELDS[0] && self.first(&fields).is_err() {
                self.clear();
            }
            return Err(format!("no line {number} of a host status"));
        }
        let read = match self.lines {
            0 => self.first(&fields),
            1 => self.second(&fields),
            _ => return Ok(Some(self.whole())),
        };
        if read.is_err() {
            self.clear();
        }
        read.map(|()| None)
    }

    /// Line three says nothing that matters here.
    fn whole(&mut self) -> HostStatus {
        let trouble = PrinterTrouble::ALL.into_iter().find(|t| self.flags.contains(t));
        let status = HostStatus { trouble, ..self.status };
        self.clear();
        status
    }

    fn first(&mut self, fields: &[&str]) -> Result<(), String> {
        let (formats, partial) = (number(fields[4])?, flag(fields[7])?);
        self.flag(fields[1], PrinterTrouble::PaperOut)?;
        self.flag(fields[2], PrinterTrouble::Paused)?;
        self.flag(fields[9], PrinterTrouble::Memory)?;
        self.flag(fields[10], PrinterTrouble::Temperature)?;
        self.flag(fields[11], PrinterTrouble::Temperature)?;
        self.status.waiting = formats + u32::from(partial);
        self.lines = 1;
        Ok(())
    }

    fn second(&mut self, fields: &[&str]) -> Result<(), String> {
        self.status.remaining = number(fields[8])?;
        self.flag(fields[2], PrinterTrouble::HeadOpen)?;
        self.flag(fields[3], PrinterTrouble::RibbonOut)?;
        self.lines = 2;
        Ok(())
    }

    fn flag(&mut self, text: &str, trouble: PrinterTrouble) -> Result<(), String> {
        if flag(text)? {
            self.flags.push(trouble);
        }
        Ok(())
    }
}

fn flag(text: &str) -> Result<bool, String> {
    match text {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(format!("`{text}` is neither 0 nor 1")),
    }
}

/// Of at most eight digits, so that sums of two fit.
fn number(text: &str) -> Result<u32, String> {
    let digits = !text.is_empty() && text.len() <= 8 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| format!("`{text}` is no count"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<Option<HostStatus>, String>> {
        let mut reader = StatusReader::default();
        text.lines().map(|line| reader.push(line)).collect()
    }

    /// As the programming guide prints it.
    #[test]
    fn the_three_lines_are_one_status() {
        let text = "\u{2}030,0,0,1245,000,0,0,0,000,0,0,0\u{3}\n\u{2}001,0,0,0,1,2,4,0,00000000,1,000\u{3}\n\u{2}0000,0\u{3}\n";
        assert_eq!(read(text), [Ok(None), Ok(None), Ok(Some(HostStatus::default()))]);
    }

    #[test]
    fn every_trouble_is_told_apart_from_the_pause_that_follows_from_it() {
        for trouble in PrinterTrouble::ALL {
            let status = HostStatus { trouble: Some(trouble), waiting: 1, remaining: 1 };
            assert_eq!(read(&status.lines()).pop(), Some(Ok(Some(status))), "{trouble:?}");
            assert!(!status.idle());
        }
    }

    #[test]
    fn after_a_line_that_is_none_the_next_answer_is_read() {
        let whole = HostStatus { remaining: 2, ..HostStatus::default() };
        let lines = whole.lines();
        let (first, rest) = lines.split_once('\n').expect("three lines");
        for broken in [format!("{first}\n?\n{lines}"), format!("{rest}{lines}"), format!("{first}\n{lines}")]
        {
            let said = read(&broken);
            assert!(said.iter().any(Result::is_err), "{broken}");
            assert_eq!(said.last(), Some(&Ok(Some(whole))), "{broken}");
        }
        for wrong in
            ["", "030,0", "\u{2}x,0,0,1245,000,0,0,2,000,0,0,0\u{3}", "\u{2}030,0,0,1,-1,0,0,0,0,0,0,0\u{3}"]
        {
            assert!(read(&format!("{wrong}\n"))[0].is_err(), "{wrong}");
        }
    }
}
