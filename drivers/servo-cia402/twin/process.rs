//! Process data of the drive. As it is delivered, 14 bytes out, 20 bytes in, little endian:
//!
//! | RxPDO 0x1600                 | TxPDO 0x1A00                               |
//! | ---------------------------- | ------------------------------------------ |
//! | 6040 u16, 6060 i8, pad 8     | 6041 u16, 6061 i8, pad 8                   |
//! | 607A i32, 6071 i16, 60FF i32 | 6064 i32, 606C i32, 6077 i16, 60F4 i32, 603F u16 |
//!
//! Both can be mapped anew. RxPDO 0x1701 (6040 u16, 607A i32) and TxPDO 0x1B01 (603F u16, 6041 u16, 6064 i32) can
//! be assigned instead, as they are: of a drive whose maps are fixed.

use cellwright_driver_api::twin::{DataType, Description, Identity, MailboxSizes, Pdo, PdoEntry};
use cellwright_model::pdos::{Direction, Mapped};

use super::{NAME, ServoTwin};

/// Entries of one direction; what a MainDevice maps beyond is not exchanged.
const ENTRIES_MAX: usize = 64;

/// What can be mapped, with its length in bits.
const RX: &[(u16, u8)] = &[(0x6040, 16), (0x6060, 8), (0x6071, 16), (0x607A, 32), (0x60FF, 32)];
const TX: &[(u16, u8)] = &[
    (0x603F, 16),
    (0x6041, 16),
    (0x6061, 8),
    (0x6062, 32),
    (0x6064, 32),
    (0x606C, 32),
    (0x6077, 16),
    (0x60F4, 32),
];

pub(super) fn mappable(direction: Direction, index: u16, sub: u8) -> Option<u8> {
    let list = match direction {
        Direction::Rx => RX,
        Direction::Tx => TX,
    };
    list.iter().find(|(i, _)| (*i, 0) == (index, sub)).map(|(_, bits)| *bits)
}

/// Objects in the order of the wire.
#[derive(Debug, Clone)]
pub(super) struct ProcessData {
    rx: Vec<Mapped>,
    tx: Vec<Mapped>,
}

impl ProcessData {
    pub(super) fn of(d: &Description) -> ProcessData {
        let mut data =
            ProcessData { rx: Vec::with_capacity(ENTRIES_MAX), tx: Vec::with_capacity(ENTRIES_MAX) };
        let entries = |pdos: &[Pdo]| -> Vec<Mapped> {
            let all = pdos.iter().flat_map(|p| &p.entries);
            all.map(|e| Mapped::new(e.index, e.sub, e.data_type.bits())).collect()
        };
        data.remap(&entries(&d.rx_pdos), &entries(&d.tx_pdos));
        data
    }

    /// Keeps its memory.
    pub(super) fn remap(&mut self, rx: &[Mapped], tx: &[Mapped]) {
        for (list, entries) in [(&mut self.rx, rx), (&mut self.tx, tx)] {
            list.clear();
            list.extend(entries.iter().take(ENTRIES_MAX));
        }
    }
}

fn bytes(entries: &[Mapped]) -> usize {
    entries.iter().map(|e| usize::from(e.bits)).sum::<usize>().div_ceil(8)
}

impl ServoTwin {
    /// Complete outputs; fewer bytes than are mapped say nothing.
    pub(super) fn take_outputs(&mut self, data: &[u8]) {
        if data.len() < bytes(&self.process.rx) {
            return;
        }
        let mut at = 0;
        for i in 0..self.process.rx.len() {
            let entry = self.process.rx[i];
            let value = data.get(at / 8..).unwrap_or_default();
            self.take_output(entry.index, value);
            at += usize::from(entry.bits);
        }
        self.fresh = true;
    }

    fn take_output(&mut self, index: u16, value: &[u8]) {
        let word = || value.first_chunk().map(|b| u16::from_le_bytes(*b));
        let long = || value.first_chunk().map(|b| i32::from_le_bytes(*b));
        match index {
            0x6040 => self.controlword = word().unwrap_or(self.controlword),
            0x6060 => self.mode_requested = value.first().map_or(self.mode_requested, |b| *b as i8),
            0x6071 => self.target_torque = word().map_or(self.target_torque, |w| w as i16),
            0x607A => self.target_position = long().unwrap_or(self.target_position),
            0x60FF => self.target_velocity = long().unwrap_or(self.target_velocity),
            _ => {}
        }
    }

    pub(super) fn give_inputs(&self, data: &mut [u8]) {
        let mut at = 0;
        for entry in &self.process.tx {
            let Some(place) = data.get_mut(at / 8..) else { return };
            // A gap has no object: it stays zero.
            if self.read_object(entry.index, entry.sub, place).is_err()
                && let Some(gap) = place.get_mut(..usize::from(entry.bits / 8))
            {
                gap.fill(0);
            }
            at += usize::from(entry.bits);
        }
    }
}

/// An object with subindex 0.
const fn entry(index: u16, data_type: DataType, name: &'static str) -> PdoEntry {
    PdoEntry::new(index, 0, data_type, name)
}

pub(super) fn fixed_pdos() -> (Vec<Pdo>, Vec<Pdo>) {
    let rx =
        vec![entry(0x6040, DataType::U16, "Controlword"), entry(0x607A, DataType::I32, "Target position")];
    let tx = vec![
        entry(0x603F, DataType::U16, "Error code"),
        entry(0x6041, DataType::U16, "Statusword"),
        entry(0x6064, DataType::I32, "Position"),
    ];
    (
        vec![Pdo { index: 0x1701, name: "Position RxPDO", entries: rx }],
        vec![Pdo { index: 0x1B01, name: "Position TxPDO", entries: tx }],
    )
}

pub(super) fn description(identity: Identity) -> Description {
    Description {
        name: NAME.to_owned(),
        identity,
        // Servo drive (type 2) of the drive profile 402.
        device_type: 0x0002_0192,
        hardware_version: "1",
        software_version: "1",
        mailbox: Some(MailboxSizes { receive: 128, send: 128 }),
        rx_pdos: vec![Pdo {
            index: 0x1600,
            name: "RxPDO",
            entries: vec![
                entry(0x6040, DataType::U16, "Controlword"),
                entry(0x6060, DataType::I8, "Mode"),
                PdoEntry::pad(8),
                entry(0x607A, DataType::I32, "Target position"),
                entry(0x6071, DataType::I16, "Target torque"),
                entry(0x60FF, DataType::I32, "Target velocity"),
            ],
        }],
        tx_pdos: vec![Pdo {
            index: 0x1A00,
            name: "TxPDO",
            entries: vec![
                entry(0x6041, DataType::U16, "Statusword"),
                entry(0x6061, DataType::I8, "Mode display"),
                PdoEntry::pad(8),
                entry(0x6064, DataType::I32, "Position"),
                entry(0x606C, DataType::I32, "Velocity"),
                entry(0x6077, DataType::I16, "Torque"),
                entry(0x60F4, DataType::I32, "Following error"),
                entry(0x603F, DataType::U16, "Error code"),
            ],
        }],
    }
}
