//! What is said over the control socket `ctl.sock` of a state directory: both sides use this file.
//!
//! A client writes one [`Request`] as JSON on a line and reads one [`Reply`] as JSON on a line, then may
//! write the next:
//!
//! ```text
//! {"version":1,"ask":{"command":"hold"}}              {"version":1,"accepted":"Hold"}
//! {"version":1,"as":"maria","ask":{"acknowledge":3}}  {"version":1,"refused":"there is no unacknowledged alarm 3"}
//! {"version":1,"ask":"status"}                        {"version":1,"status":{"state":"Held", …}}
//! ```
//!
//! `accepted` and `refused` come once the record of the request is durable. Who asks is known from the
//! peer's credentials; `as` names another person, which root and the controller's own user may do.

use cellwright_model::gs1::FNC1;
use cellwright_model::packml::{CellCommand, CellMode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::snapshot::Snapshot;

/// Version of this protocol. A request of another one is answered with [`Said::Wrong`].
pub const VERSION: u32 = 1;
/// Bytes of a request's line: a label and a reason of a few sentences. Longer: answered, and closed.
pub const REQUEST_BYTES_MAX: usize = 4096;
/// Bytes of a reply's line that a client reads: a snapshot of a cell with all that `limits` permits.
pub const REPLY_BYTES_MAX: usize = 1 << 20;
/// Characters of a text that stands in the record: names, answers, lots.
pub const TEXT_CHARS_MAX: usize = 256;

/// A line from a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub version: u32,
    /// The person for whom the peer asks.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub acting_as: Option<String>,
    pub ask: Ask,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// A PackML command by its word: `hold`.
    Command(#[serde(with = "word")] CellCommand),
    /// Change of mode by its word: `manual`.
    Mode(#[serde(with = "word")] CellMode),
    /// One alarm by its number, or all.
    Acknowledge(Which),
    /// The answer to a question by its number.
    Answer {
        question: u32,
        answer: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Material was loaded into a tray or lane. `next`: its first pocket to be used, where it begins anew.
    /// `left`: how many parts are left of what was there before.
    Load {
        tray: String,
        material: Material,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<u32>,
    },
    /// Something by hand; taken in mode Manual, in Stopped only.
    Manual(ByHand),
    /// Where branches wait for a person; taken in mode Maintenance only.
    Break(Break),
    /// What stands at a break goes on, to the next one.
    Next,
    /// What the cell is doing.
    Status,
}

/// Steps before which a branch waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Break {
    /// Before these, by their ids; at least one, besides those that there are.
    Before(Vec<String>),
    EveryStep,
    /// Nowhere any more; what stands at a break goes on.
    Clear,
}

/// What is done by hand. A connection that ends ends what it moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ByHand {
    /// Begins to move an axis, at a share of the reduced speed (1 to 100 %). It goes on for 250 ms, and as
    /// long as it is renewed.
    Jog {
        axis: String,
        positive: bool,
        speed_percent: u8,
    },
    /// The key is still held. Answered with what the cell is doing.
    Renew,
    /// The key was let go. Answered with what the cell is doing.
    Release,
    Set {
        output: String,
        on: bool,
    },
    Grip {
        robot: String,
        close: bool,
    },
    /// Begins to bring a cobot to its pose `home`, at the reduced speed. It goes on for 250 ms, and as long as
    /// it is renewed.
    Home {
        robot: String,
    },
}

/// What was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Material {
    /// The GS1 element string of its label: as scanned, or as printed below the symbol.
    Label(String),
    /// Typed from a label without a code. `expiry`: its last day, as `YYYY-MM-DD`.
    Typed {
        part: String,
        lot: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expiry: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quantity: Option<u32>,
    },
    /// An empty tray for units, or a bin that was emptied.
    Empty,
}

/// `3` or `"all"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    One(u32),
    All,
}

/// A line to a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    pub version: u32,
    #[serde(flatten)]
    pub said: Said,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// Taken, and recorded. What was, in words.
    Accepted(String),
    /// Not taken, and recorded, with the reason.
    Refused(String),
    /// The record cannot be written, for this reason, so it is not told what came of it.
    Unrecorded(String),
    /// It was not understood, or not permitted to this peer; nothing was recorded.
    Wrong(String),
    Status(Box<Snapshot>),
}

impl Request {
    /// A request of this version.
    pub fn new(acting_as: Option<String>, ask: Ask) -> Request {
        Request { version: VERSION, acting_as, ask }
    }

    /// Reads a line. Errors: what is wrong with it and what would be right, for [`Said::Wrong`].
    pub fn parse(line: &str) -> Result<Request, String> {
        let value: serde_json::Value =
            serde_json::from_str(line).map_err(|e| format!("a request is one JSON object on a line: {e}"))?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(v) if v == u64::from(VERSION) => {}
            Some(v) => {
                return Err(format!(
                    "this controller speaks version {VERSION}, not {v}: use its own program"
                ));
            }
            None => return Err(format!("a request has `\"version\": {VERSION}`")),
        }
        let request: Request = serde_json::from_value(value).map_err(|e| e.to_string())?;
        request.check().map(|()| request)
    }

    /// Texts that go into the record are short and printable.
    fn check(&self) -> Result<(), String> {
        let named = self.acting_as.iter().map(|t| ("as", t));
        let texts: Vec<(&str, &String)> = match &self.ask {
            Ask::Answer { answer, reason, .. } => {
                [("answer", answer)].into_iter().chain(reason.iter().map(|r| ("reason", r))).collect()
            }
            Ask::Load { tray, material, .. } => {
                let mut texts = vec![("tray", tray)];
                match material {
                    Material::Label(label) => texts.push(("label", label)),
                    Material::Typed { part, lot, expiry, .. } => {
                        texts.extend([("part", part), ("lot", lot)]);
                        texts.extend(expiry.iter().map(|e| ("expiry", e)));
                    }
                    Material::Empty => {}
                }
                texts
            }
            Ask::Manual(ByHand::Jog { axis, .. }) => vec![("axis", axis)],
            Ask::Manual(ByHand::Set { output, .. }) => vec![("output", output)],
            Ask::Manual(ByHand::Grip { robot, .. } | ByHand::Home { robot }) => vec![("robot", robot)],
            Ask::Manual(ByHand::Renew | ByHand::Release) => Vec::new(),
            Ask::Break(Break::Before(steps)) if steps.is_empty() => {
                return Err("`before` names no step".to_owned());
            }
            Ask::Break(Break::Before(steps)) => steps.iter().map(|s| ("before", s)).collect(),
            Ask::Break(Break::EveryStep | Break::Clear) | Ask::Next => Vec::new(),
            Ask::Command(_) | Ask::Mode(_) | Ask::Acknowledge(_) | Ask::Status => Vec::new(),
        };
        for (name, text) in named.chain(texts) {
            if text.trim().is_empty() {
                return Err(format!("`{name}` is empty"));
            }
            // A scanned label has separators (FNC1 as U+001D).
            let control = |c: char| c.is_control() && !(name == "label" && c == FNC1);
            if text.chars().count() > TEXT_CHARS_MAX || text.chars().any(control) {
                return Err(format!("`{name}` has at most {TEXT_CHARS_MAX} characters and no control ones"));
            }
        }
        Ok(())
    }
}

impl Reply {
    /// A reply of this version.
    pub fn new(said: Said) -> Reply {
        Reply { version: VERSION, said }
    }

    /// Its line, with the newline.
    pub(crate) fn line(&self) -> String {
        // Own types have a JSON form; a number that has none (NaN) becomes null.
        let mut line = serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned());
        line.push('\n');
        line
    }
}

/// What has a word of PackML, written in lower case as people type it.
trait Word: Sized + Copy + 'static {
    const WHAT: &'static str;
    fn all() -> &'static [Self];
    fn name(self) -> &'static str;
}

impl Word for CellCommand {
    const WHAT: &'static str = "command";
    fn all() -> &'static [Self] {
        CellCommand::ALL
    }
    fn name(self) -> &'static str {
        CellCommand::name(self)
    }
}

impl Word for CellMode {
    const WHAT: &'static str = "mode";
    fn all() -> &'static [Self] {
        CellMode::ALL
    }
    fn name(self) -> &'static str {
        CellMode::name(self)
    }
}

fn by_word<T: Word>(word: &str) -> Result<T, String> {
    let found = T::all().iter().copied().find(|t| t.name().eq_ignore_ascii_case(word));
    found.ok_or_else(|| {
        let all: Vec<String> = T::all().iter().map(|t| t.name().to_lowercase()).collect();
        format!("`{word}` is no {}; there are: {}", T::WHAT, all.join(", "))
    })
}

/// A command by its word, in any case. Errors: the words that there are.
pub fn command(word: &str) -> Result<CellCommand, String> {
    by_word(word)
}

/// A mode by its word, in any case. Errors: the words that there are.
pub fn mode(word: &str) -> Result<CellMode, String> {
    by_word(word)
}

mod word {
    use super::{Deserialize, Deserializer, Serializer, Word, by_word};

    pub(super) fn serialize<T: Word, S: Serializer>(value: &T, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&value.name().to_lowercase())
    }

    pub(super) fn deserialize<'de, T: Word, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
        by_word(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

impl core::str::FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Which, String> {
        match text {
            "all" => Ok(Which::All),
            _ => {
                text.parse().map(Which::One).map_err(|_| format!("`{text}` is no alarm's number, nor `all`"))
            }
        }
    }
}

impl Serialize for Which {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Which::One(id) => s.serialize_u32(*id),
            Which::All => s.serialize_str("all"),
        }
    }
}

impl<'de> Deserialize<'de> for Which {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Which, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "an alarm is its number, or \"all\"")]
        enum Form {
            Number(u32),
            Word(String),
        }
        match Form::deserialize(d)? {
            Form::Number(id) => Ok(Which::One(id)),
            Form::Word(word) => word.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_read_as_it_was_written() {
        let answer = |reason: Option<&str>| Ask::Answer {
            question: 7,
            answer: "cannot judge".into(),
            reason: reason.map(Into::into),
        };
        let typed =
            Material::Typed { part: "CAN-23".into(), lot: "L1".into(), expiry: None, quantity: Some(9) };
        let label = Material::Label("0104012345678901\u{1d}10L1".into());
        let load = |material| Ask::Load { tray: "lane_2".into(), material, next: Some(0), left: None };
        let mut asks = vec![answer(None), answer(Some("too dark")), Ask::Status];
        let jog = ByHand::Jog { axis: "press_z".into(), positive: true, speed_percent: 50 };
        let set = ByHand::Set { output: "valve_fill".into(), on: true };
        let grip = ByHand::Grip { robot: "robot_l".into(), close: false };
        let home = ByHand::Home { robot: "robot_r".into() };
        asks.extend([jog, ByHand::Renew, ByHand::Release, set, grip, home].map(Ask::Manual));
        asks.extend([Break::Before(vec!["leak".into()]), Break::EveryStep, Break::Clear].map(Ask::Break));
        asks.push(Ask::Next);
        asks.extend([load(typed), load(label), load(Material::Empty)]);
        asks.extend([Ask::Acknowledge(Which::One(3)), Ask::Acknowledge(Which::All)]);
        asks.extend(CellCommand::ALL.iter().map(|c| Ask::Command(*c)));
        asks.extend(CellMode::ALL.iter().map(|m| Ask::Mode(*m)));
        for ask in asks {
            let request = Request::new(Some("maria".into()), ask);
            let line = serde_json::to_string(&request).expect("it has a JSON form");
            assert_eq!(Request::parse(&line), Ok(request), "{line}");
        }
    }

    #[test]
    fn the_lines_of_the_module_text_hold() {
        let hold = Request::parse(r#"{"version":1,"ask":{"command":"hold"}}"#);
        assert_eq!(hold, Ok(Request::new(None, Ask::Command(CellCommand::Hold))));
        let seen = Request::parse(r#"{"version":1,"as":"maria","ask":{"acknowledge":3}}"#);
        assert_eq!(seen, Ok(Request::new(Some("maria".into()), Ask::Acknowledge(Which::One(3)))));
        let accepted = Reply::new(Said::Accepted("Hold".into())).line();
        assert_eq!(accepted, "{\"version\":1,\"accepted\":\"Hold\"}\n");
        let back: Reply = serde_json::from_str(&accepted).expect("its own form");
        assert_eq!(back.said, Said::Accepted("Hold".into()));
    }

    #[test]
    fn what_is_no_request_is_refused_with_what_would_be_right() {
        let cases = [
            ("", "one JSON object on a line"),
            ("hold", "one JSON object on a line"),
            ("{", "one JSON object on a line"),
            (r#"{"ask":"status"}"#, "\"version\": 1"),
            (r#"{"version":2,"ask":"status"}"#, "speaks version 1, not 2"),
            (r#"{"version":1}"#, "missing field `ask`"),
            (r#"{"version":1,"ask":{"command":"jump"}}"#, "`jump` is no command; there are: reset, start"),
            (r#"{"version":1,"ask":{"mode":"fast"}}"#, "`fast` is no mode; there are: production"),
            (r#"{"version":1,"ask":{"acknowledge":-1}}"#, "an alarm is its number, or \"all\""),
            (r#"{"version":1,"ask":{"acknowledge":"some"}}"#, "nor `all`"),
            (r#"{"version":1,"ask":"dance"}"#, "unknown variant `dance`"),
            (r#"{"version":1,"ask":"status","more":1}"#, "unknown field `more`"),
            (r#"{"version":1,"ask":{"answer":{"question":1,"answer":" "}}}"#, "`answer` is empty"),
            (r#"{"version":1,"ask":{"break":{"before":[]}}}"#, "`before` names no step"),
            (r#"{"version":1,"ask":{"break":{"before":[" "]}}}"#, "`before` is empty"),
            (r#"{"version":1,"as":"a\u0007","ask":"status"}"#, "no control ones"),
        ];
        for (line, expected) in cases {
            let why = Request::parse(line).expect_err(line);
            assert!(why.contains(expected), "{line}: {why}");
        }
    }
}
