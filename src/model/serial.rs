//! A serial as something of fixed size, for places where nothing may be allocated.

use serde::{Deserialize, Serialize};

use crate::order::SERIAL_CHARS_MAX;

/// A serial of at most [`SERIAL_CHARS_MAX`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SerialText {
    len: u8,
    bytes: [u8; SERIAL_CHARS_MAX],
}

impl SerialText {
    /// `None`: the text is longer than a serial.
    pub fn new(text: &str) -> Option<SerialText> {
        let mut bytes = [0; SERIAL_CHARS_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(SerialText { len: text.len() as u8, bytes })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.bytes.get(..usize::from(self.len)).unwrap_or_default()).unwrap_or_default()
    }
}

impl From<SerialText> for String {
    fn from(serial: SerialText) -> String {
        serial.as_str().to_owned()
    }
}

impl TryFrom<String> for SerialText {
    type Error = String;

    fn try_from(text: String) -> Result<SerialText, String> {
        SerialText::new(&text)
            .ok_or_else(|| format!("`{text}` has more than {SERIAL_CHARS_MAX} characters: no serial"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_is_kept_as_it_is_written_and_a_longer_text_is_none() {
        let serial = SerialText::new("IS0417-0001").expect("eleven characters");
        assert_eq!(serial.as_str(), "IS0417-0001");
        let text = serde_json::to_string(&serial).expect("a string");
        assert_eq!(text, "\"IS0417-0001\"");
        assert_eq!(serde_json::from_str::<SerialText>(&text).expect("the same"), serial);
        assert_eq!(SerialText::new("123456789012345678901"), None);
        assert!(serde_json::from_str::<SerialText>("\"123456789012345678901\"").is_err());
    }
}
