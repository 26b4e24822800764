//! The SubDevice information interface (SII): the EEPROM image and the registers that give access.
//!
//! The image follows ETG.2010 and ETG.1000.6, clause 5.4: 64 words of fixed content, then categories
//! (type, length in words, data) up to the end marker 0xFFFF. Access is through 0x0500–0x050F
//! (ETG.1000.4, clause 6.4): four bytes a read, one word a write, done at once.

use cellwright_driver_api::twin::{Description, Pdo};

use super::registers as reg;
use super::subdevice::{
    INPUTS_START, Layout, MAILBOX_RECEIVE_START, MAILBOX_SEND_START, OUTPUTS_START, SubDevice,
};
use super::sync_manager::{CONTROL_INPUTS, CONTROL_MAILBOX_READ, CONTROL_MAILBOX_WRITE, CONTROL_OUTPUTS};

const ALIAS_WORD: usize = 0x04;
const FIRST_CATEGORY_WORD: usize = 0x40;
const PROTOCOL_COE: u16 = 0x0004;
/// Commands of register 0x0502 and its error bits.
const WRITE_ENABLE: u16 = 1 << 0;
const READ: u16 = 1 << 8;
const WRITE: u16 = 1 << 9;
const RELOAD: u16 = 1 << 10;
const CHECKSUM_ERROR: u16 = 1 << 11;
const COMMAND_ERROR: u16 = 1 << 13;
/// Algorithm of addressing: two bytes, as EEPROMs above 16 kbit have.
const TWO_BYTE_ADDRESS: u16 = 1 << 7;
const SERIAL_WORD: usize = 0x0E;
/// Register 0x0500: bit 0 the PDI owns the EEPROM, bit 1 the MainDevice forces it back.
const OWNED_BY_PDI: u8 = 0x01;
const FORCE: u8 = 0x02;

/// Content of the EEPROM. It survives a power cycle.
pub(super) struct Sii {
    image: Vec<u8>,
}

impl Sii {
    pub(super) fn new(d: &Description, layout: &Layout) -> Sii {
        let mut image = fixed_words(d);
        let mut strings = Strings::default();
        let name = strings.index_of(&d.name);
        let general = general(name, layout.mailbox);
        let sync_managers = sync_managers(d, layout);
        let tx = pdos(&d.tx_pdos, layout.inputs.map_or(0, |b| b.sm), &mut strings);
        let rx = pdos(&d.rx_pdos, layout.outputs.map_or(0, |b| b.sm), &mut strings);
        category(&mut image, 10, strings.finish());
        category(&mut image, 30, general);
        category(&mut image, 40, fmmu_usage(layout));
        category(&mut image, 41, sync_managers);
        category(&mut image, 50, tx);
        category(&mut image, 51, rx);
        image.extend([0xFF; 2]);
        image.resize(image.len().next_multiple_of(128), 0xFF);
        // Word 0x3E: size in kbit minus one; word 0x3F: version of the layout.
        let kbit = (image.len() / 128 - 1) as u16;
        image[0x7C..0x7E].copy_from_slice(&kbit.to_le_bytes());
        image[0x7E..0x80].copy_from_slice(&1u16.to_le_bytes());
        Sii { image }
    }

    /// Another serial number (word 0x0E), which the checksum does not cover.
    pub(super) fn set_serial(&mut self, serial: u32) {
        self.image[2 * SERIAL_WORD..2 * SERIAL_WORD + 4].copy_from_slice(&serial.to_le_bytes());
    }

    fn checksum_holds(&self) -> bool {
        checksum(&self.image[..14]) == self.image[14]
    }

    fn read(&self, word: u32) -> [u8; 4] {
        let mut data = [0xFF; 4];
        let at = word as usize * 2;
        for (to, from) in data.iter_mut().zip(self.image.iter().skip(at)) {
            *to = *from;
        }
        data
    }

    fn write(&mut self, word: u32, data: [u8; 2]) -> bool {
        let at = word as usize * 2;
        let Some(to) = self.image.get_mut(at..at + 2) else { return false };
        to.copy_from_slice(&data);
        true
    }
}

impl SubDevice {
    /// Loads what the ESC takes from the EEPROM at power-on: PDI control and the station alias.
    pub(super) fn load_sii(&mut self) {
        self.esc.put_u16(reg::SII_CONTROL, TWO_BYTE_ADDRESS);
        if !self.sii.checksum_holds() {
            self.esc.put_u16(reg::SII_CONTROL, TWO_BYTE_ADDRESS | CHECKSUM_ERROR);
            return;
        }
        let image = &self.sii.image;
        let alias = [image[ALIAS_WORD * 2], image[ALIAS_WORD * 2 + 1]];
        self.esc.memory[reg::PDI_CONTROL..reg::PDI_CONTROL + 2].copy_from_slice(&image[..2]);
        self.esc.memory[reg::STATION_ALIAS..reg::STATION_ALIAS + 2].copy_from_slice(&alias);
    }

    /// Registers 0x0500–0x0503 were written.
    pub(super) fn sii_control(&mut self, config: bool, command: bool) {
        if config && self.esc.memory[reg::SII_CONFIG] & FORCE != 0 {
            self.esc.memory[reg::SII_CONFIG] = 0;
        }
        if !command {
            return;
        }
        let control = self.esc.u16(reg::SII_CONTROL);
        let word = self.esc.u32(reg::SII_ADDRESS);
        let owned = self.esc.memory[reg::SII_CONFIG] & OWNED_BY_PDI != 0;
        let mut status = TWO_BYTE_ADDRESS;
        match control & (READ | WRITE | RELOAD) {
            0 => {}
            _ if owned => status |= COMMAND_ERROR,
            READ => {
                let data = self.sii.read(word);
                self.esc.memory[reg::SII_DATA..reg::SII_DATA + 4].copy_from_slice(&data);
            }
            WRITE if control & WRITE_ENABLE != 0 => {
                let data = [self.esc.memory[reg::SII_DATA], self.esc.memory[reg::SII_DATA + 1]];
                if !self.sii.write(word, data) {
                    status |= COMMAND_ERROR;
                }
            }
            RELOAD => return self.load_sii(),
            _ => status |= COMMAND_ERROR,
        }
        self.esc.put_u16(reg::SII_CONTROL, status);
    }
}

/// CRC over the first 14 bytes: x⁸ + x² + x + 1, initial value 0xFF (ETG.1000.6, SII coding).
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0xFF, |crc, byte| {
        (0..8).fold(crc ^ byte, |c: u8, _| if c & 0x80 != 0 { c << 1 ^ 0x07 } else { c << 1 })
    })
}

fn fixed_words(d: &Description) -> Vec<u8> {
    let mut words = [0u16; FIRST_CATEGORY_WORD];
    // PDI control: a microcontroller behind the ESC if there is a mailbox, digital I/O otherwise.
    words[0] = if d.mailbox.is_some() { 0x0C08 } else { 0x0C04 };
    let mut put = |at: usize, value: u32| {
        words[at] = value as u16;
        words[at + 1] = (value >> 16) as u16;
    };
    put(0x08, d.identity.vendor);
    put(0x0A, d.identity.product);
    put(0x0C, d.identity.revision);
    put(SERIAL_WORD, d.identity.serial);
    if let Some(mailbox) = d.mailbox {
        words[0x18] = MAILBOX_RECEIVE_START as u16;
        words[0x19] = mailbox.receive;
        words[0x1A] = MAILBOX_SEND_START as u16;
        words[0x1B] = mailbox.send;
        words[0x1C] = PROTOCOL_COE;
    }
    let mut bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    bytes[14] = checksum(&bytes[..14]);
    bytes
}

/// Appends a category; an empty one is left out.
fn category(image: &mut Vec<u8>, kind: u16, mut data: Vec<u8>) {
    if data.is_empty() {
        return;
    }
    if data.len() % 2 == 1 {
        data.push(0);
    }
    image.extend(kind.to_le_bytes());
    image.extend(((data.len() / 2) as u16).to_le_bytes());
    image.extend(data);
}

/// Category 10: strings are referred to by their number, from 1; 0 is none.
#[derive(Default)]
struct Strings(Vec<String>);

impl Strings {
    fn index_of(&mut self, text: &str) -> u8 {
        if text.is_empty() {
            return 0;
        }
        let text: String = text.chars().take(60).collect();
        if let Some(i) = self.0.iter().position(|s| *s == text) {
            return i as u8 + 1;
        }
        if self.0.len() == usize::from(u8::MAX) {
            return 0;
        }
        self.0.push(text);
        self.0.len() as u8
    }

    fn finish(self) -> Vec<u8> {
        let mut data = vec![self.0.len() as u8];
        for s in &self.0 {
            data.push(s.len() as u8);
            data.extend(s.as_bytes());
        }
        data
    }
}

/// CoE details: SDO, SDO information, complete access.
const COE_SDO: u8 = 1 << 0;
const COE_INFORMATION: u8 = 1 << 1;
const COE_COMPLETE_ACCESS: u8 = 1 << 5;

/// Category 30: names, CoE details, ports 0 and 1 MII.
fn general(name: u8, mailbox: bool) -> Vec<u8> {
    let mut data = vec![0u8; 32];
    (data[2], data[3]) = (name, name);
    data[5] = if mailbox { COE_SDO | COE_INFORMATION | COE_COMPLETE_ACCESS } else { 0 };
    data[16] = 0x11;
    data
}

/// Category 40: use of each FMMU: 1 outputs, 2 inputs, 3 mailbox status.
fn fmmu_usage(layout: &Layout) -> Vec<u8> {
    if layout.mailbox {
        return vec![1, 2, 3, 0];
    }
    let outputs = layout.outputs.map(|_| 1);
    let inputs = layout.inputs.map(|_| 2);
    outputs.into_iter().chain(inputs).collect()
}

/// Category 41: start, length, control, status, enable, type for each SyncManager.
fn sync_managers(d: &Description, layout: &Layout) -> Vec<u8> {
    let mut data = Vec::new();
    let mut add = |start: usize, len: usize, control: u8, kind: u8| {
        data.extend((start as u16).to_le_bytes());
        data.extend((len as u16).to_le_bytes());
        data.extend([control, 0, u8::from(len > 0), kind]);
    };
    if let Some(mailbox) = d.mailbox {
        add(MAILBOX_RECEIVE_START, mailbox.receive.into(), CONTROL_MAILBOX_WRITE, 1);
        add(MAILBOX_SEND_START, mailbox.send.into(), CONTROL_MAILBOX_READ, 2);
    }
    if layout.mailbox || layout.outputs.is_some() {
        add(OUTPUTS_START, layout.outputs.map_or(0, |b| b.len), CONTROL_OUTPUTS, 3);
    }
    if layout.mailbox || layout.inputs.is_some() {
        add(INPUTS_START, layout.inputs.map_or(0, |b| b.len), CONTROL_INPUTS, 4);
    }
    data
}

/// Categories 50 and 51: each PDO with its entries.
fn pdos(pdos: &[Pdo], sm: usize, strings: &mut Strings) -> Vec<u8> {
    let mut data = Vec::new();
    for pdo in pdos {
        data.extend(pdo.index.to_le_bytes());
        data.extend([pdo.entries.len() as u8, sm as u8, 0, strings.index_of(pdo.name), 0, 0]);
        for entry in &pdo.entries {
            data.extend(entry.index.to_le_bytes());
            let name = strings.index_of(entry.name);
            data.extend([entry.sub, name, entry.data_type.code(), entry.data_type.bits(), 0, 0]);
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_known_configuration_areas() {
        // A servo drive's configuration area after its alias was set to 0xABCD.
        let area = [0x09, 0x00, 0x00, 0x08, 0, 0, 0, 0, 0xCD, 0xAB, 0, 0, 0, 0];
        assert_eq!(checksum(&area), 0x04);
        assert_ne!(checksum(&area[1..]), 0x04);
    }
}
