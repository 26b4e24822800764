//! Inputs as lists of records, and their text.

use std::path::Path;

use crate::root;

/// Records of an input, and bytes of a record: a bring-up has some hundreds of frames, a frame 1,514 bytes.
pub(super) const RECORDS_MAX: usize = 512;
pub(super) const RECORD_BYTES_MAX: usize = 1_600;

/// See the text of [`super`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    pub records: Vec<Vec<u8>>,
}

impl Input {
    /// One record a line in hexadecimal digits; `#` begins a comment, spaces stand anywhere.
    ///
    /// # Errors
    /// The line that is no such text, or longer than a record may be.
    pub fn parse(text: &str) -> Result<Input, String> {
        let mut records = Vec::new();
        for (n, line) in text.lines().enumerate() {
            let digits: Vec<u32> = line
                .split('#')
                .next()
                .unwrap_or_default()
                .chars()
                .filter(|c| !c.is_whitespace())
                .map(|c| {
                    c.to_digit(16).ok_or_else(|| format!("line {}: `{c}` is no hexadecimal digit", n + 1))
                })
                .collect::<Result<_, _>>()?;
            if !digits.len().is_multiple_of(2) || digits.len() / 2 > RECORD_BYTES_MAX {
                return Err(format!("line {}: {} digits are no record", n + 1, digits.len()));
            }
            if !digits.is_empty() {
                records.push(digits.chunks_exact(2).map(|d| (d[0] << 4 | d[1]) as u8).collect());
            }
        }
        if records.len() > RECORDS_MAX {
            return Err(format!("{} records, at most {RECORDS_MAX} are run", records.len()));
        }
        Ok(Input { records })
    }

    /// What [`Input::parse`] reads.
    pub fn text(&self) -> String {
        let line = |record: &Vec<u8>| record.iter().map(|b| format!("{b:02x}")).collect::<String>() + "\n";
        self.records.iter().map(line).collect()
    }
}

/// The inputs of a target, in the order of their names.
///
/// # Panics
/// If there is none, or one that cannot be read.
pub fn corpus(target: &str) -> Vec<Input> {
    let folder = root().join("hil-tests/fuzz").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "hex"));
    paths.sort();
    assert!(!paths.is_empty(), "{} has no input", folder.display());
    paths.iter().map(|path| read(path)).collect()
}

pub(super) fn read(path: &Path) -> Input {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Input::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_what_its_text_says() {
        let input = Input::parse("00 ff10 # a record\n\n# nothing\n2a\n").unwrap();
        assert_eq!(input.records, [vec![0, 0xff, 0x10], vec![0x2a]]);
        assert_eq!(Input::parse(&input.text()), Ok(input));
        assert!(Input::parse("0").unwrap_err().contains("line 1"));
        assert!(Input::parse("00\n0x").unwrap_err().contains("line 2"));
    }
}
