//! The SubDevice information interface, read by its registers (ETG.1000.4, clause 6.4) and decoded (ETG.1000.6,
//! clause 5.4; ETG.2010): 64 words of fixed content, then categories up to 0xFFFF.

use cellwright_rt::clock::Clock;

use crate::ask::{AskError, Asker};
use crate::link::Link;

/// Longest image that is read, in bytes: twice what any device with a full set of PDOs and names has.
const IMAGE_BYTES_MAX: usize = 32 << 10;
/// An EEPROM needs about 100 µs for a read; each look takes a frame.
const BUSY_LOOKS_MAX: u32 = 500;
const CONFIG: u16 = 0x0500;
const CONTROL: u16 = 0x0502;
const DATA: u16 = 0x0508;
const OWNED_BY_APPLICATION: u8 = 0x01;
const COMMAND_READ: u16 = 0x0100;
const BUSY: u16 = 0x8000;
const ERRORS: u16 = 0x6800;
const FIRST_CATEGORY: usize = 0x80;
const STRINGS: u16 = 10;
const GENERAL: u16 = 30;
const SYNC_MANAGERS: u16 = 41;
const TX_PDOS: u16 = 50;
const RX_PDOS: u16 = 51;

/// Why there is no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SiiProblem {
    #[error("the application holds the EEPROM, and taking it would disturb it")]
    Held,
    #[error("the EEPROM does not answer, or with an error")]
    NoAnswer,
    #[error("a category runs beyond the image")]
    Damaged,
}

/// What an EEPROM says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiiContent {
    pub vendor: u32,
    pub product: u32,
    pub revision: u32,
    pub serial: u32,
    /// Station alias that it sets at power-on (word 4).
    pub alias: u16,
    /// Mailbox protocols (word 0x1C): CoE is bit 2.
    pub protocols: u16,
    pub name: String,
    pub group: String,
    pub order: String,
    pub sync_managers: Vec<SiiSyncManager>,
    pub pdos: Vec<SiiPdo>,
}

/// Category 41.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiiSyncManager {
    pub start: u16,
    pub length: u16,
    pub control: u8,
    /// Mailbox out 1, mailbox in 2, outputs 3, inputs 4.
    pub kind: u8,
}

/// Categories 50 (inputs) and 51 (outputs).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiiPdo {
    pub inputs: bool,
    pub index: u16,
    pub sync_manager: u8,
    pub name: String,
    pub entries: Vec<SiiEntry>,
}

/// One mapped object; index 0 is padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiiEntry {
    pub index: u16,
    pub sub: u8,
    pub bits: u8,
    pub name: String,
}

/// Reads and decodes the image of the SubDevice at `position`.
pub(crate) fn read<L: Link, C: Clock>(
    asker: &mut Asker<L, C>,
    position: u16,
) -> Result<Result<SiiContent, SiiProblem>, AskError> {
    let mut config = [0];
    asker.read(position, CONFIG, &mut config)?;
    if config[0] & OWNED_BY_APPLICATION != 0 {
        return Ok(Err(SiiProblem::Held));
    }
    let mut image = Vec::new();
    let (mut wanted, mut category) = (FIRST_CATEGORY, FIRST_CATEGORY);
    loop {
        while image.len() < wanted {
            match four(asker, position, (image.len() / 2) as u32)? {
                Some(bytes) => image.extend(bytes),
                None => return Ok(Err(SiiProblem::NoAnswer)),
            }
        }
        match end_of_categories(&image, &mut category) {
            Some(end) if end <= image.len() => return Ok(decode(&image).ok_or(SiiProblem::Damaged)),
            Some(end) if end <= IMAGE_BYTES_MAX => wanted = end,
            _ => return Ok(Err(SiiProblem::Damaged)),
        }
    }
}

/// Four bytes from word `word` on; `None`: the EEPROM stays busy or reports an error.
fn four<L: Link, C: Clock>(
    asker: &mut Asker<L, C>,
    position: u16,
    word: u32,
) -> Result<Option<[u8; 4]>, AskError> {
    let mut command = [0; 6];
    command[..2].copy_from_slice(&COMMAND_READ.to_le_bytes());
    command[2..].copy_from_slice(&word.to_le_bytes());
    if !asker.write(position, CONTROL, &command)? {
        return Ok(None);
    }
    for _ in 0..BUSY_LOOKS_MAX {
        // Status, address and data at once.
        let mut status = [0; 10];
        if !asker.read(position, CONTROL, &mut status)? {
            return Ok(None);
        }
        let flags = u16::from_le_bytes([status[0], status[1]]);
        if flags & BUSY != 0 {
            continue;
        }
        let here = flags & ERRORS == 0 && status[2..6] == command[2..];
        const _: () = assert!(DATA - CONTROL == 6);
        return Ok(here.then(|| [status[6], status[7], status[8], status[9]]));
    }
    Ok(None)
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(word(bytes, at)?) | u32::from(word(bytes, at + 2)?) << 16)
}

/// Where the image ends behind the end marker, as far as `image` tells; beyond it, what must be read to tell more.
/// `at`: the category to go on with, so that an image of thousands of empty ones is not gone through as often.
fn end_of_categories(image: &[u8], at: &mut usize) -> Option<usize> {
    loop {
        let (Some(kind), length) = (word(image, *at), word(image, *at + 2)) else { return Some(*at + 4) };
        if kind == 0xffff {
            return Some(*at + 2);
        }
        let Some(length) = length else { return Some(*at + 4) };
        *at = at.checked_add(4 + 2 * usize::from(length))?;
    }
}

fn decode(image: &[u8]) -> Option<SiiContent> {
    let mut content = SiiContent {
        alias: word(image, 0x08)?,
        vendor: long(image, 0x10)?,
        product: long(image, 0x14)?,
        revision: long(image, 0x18)?,
        serial: long(image, 0x1c)?,
        protocols: word(image, 0x38)?,
        ..SiiContent::default()
    };
    let strings = categories(image).find(|(kind, _)| *kind == STRINGS).map(|(_, data)| strings(data));
    let strings = strings.unwrap_or_default();
    let text = |number: u8| {
        let place = usize::from(number).checked_sub(1);
        place.and_then(|i| strings.get(i)).cloned().unwrap_or_default()
    };
    for (kind, data) in categories(image) {
        match kind {
            GENERAL => {
                content.group = text(*data.first()?);
                content.order = text(*data.get(2)?);
                content.name = text(*data.get(3)?);
            }
            SYNC_MANAGERS => content.sync_managers = data.chunks_exact(8).map(sync_manager).collect(),
            TX_PDOS => content.pdos.extend(pdos(data, true, &text)?),
            RX_PDOS => content.pdos.extend(pdos(data, false, &text)?),
            _ => {}
        }
    }
    Some(content)
}

fn categories(image: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut at = FIRST_CATEGORY;
    core::iter::from_fn(move || {
        let kind = word(image, at).filter(|kind| *kind != 0xffff)?;
        let length = 2 * usize::from(word(image, at + 2)?);
        let data = image.get(at + 4..at + 4 + length)?;
        at += 4 + length;
        Some((kind, data))
    })
}

fn strings(data: &[u8]) -> Vec<String> {
    let mut rest = data.get(1..).unwrap_or_default();
    let mut out = Vec::new();
    for _ in 0..data.first().copied().unwrap_or(0) {
        let Some((&len, after)) = rest.split_first() else { break };
        let Some((text, after)) = after.split_at_checked(usize::from(len)) else { break };
        out.push(String::from_utf8_lossy(text).into_owned());
        rest = after;
    }
    out
}

fn sync_manager(r: &[u8]) -> SiiSyncManager {
    SiiSyncManager {
        start: u16::from_le_bytes([r[0], r[1]]),
        length: u16::from_le_bytes([r[2], r[3]]),
        control: r[4],
        kind: r[7],
    }
}

fn pdos(data: &[u8], inputs: bool, text: &dyn Fn(u8) -> String) -> Option<Vec<SiiPdo>> {
    let (mut at, mut out) = (0, Vec::new());
    // Padding to a whole word is shorter than a PDO.
    while data.len() - at >= 8 {
        let head = &data[at..at + 8];
        let entries = data.get(at + 8..at + 8 + 8 * usize::from(head[2]))?;
        at += 8 + entries.len();
        out.push(SiiPdo {
            inputs,
            index: u16::from_le_bytes([head[0], head[1]]),
            sync_manager: head[3],
            name: text(head[5]),
            entries: entries
                .chunks_exact(8)
                .map(|e| SiiEntry {
                    index: u16::from_le_bytes([e[0], e[1]]),
                    sub: e[2],
                    name: text(e[3]),
                    bits: e[5],
                })
                .collect(),
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_categories_are_gone_through_once() {
        let mut at = FIRST_CATEGORY;
        let mut image = vec![0; FIRST_CATEGORY + 4_000];
        assert_eq!(end_of_categories(&image, &mut at), Some(image.len() + 4), "more is to be read");
        assert_eq!(at, image.len(), "from there");
        image.extend([0xff; 2]);
        assert_eq!(end_of_categories(&image, &mut at), Some(image.len()));
    }
}
