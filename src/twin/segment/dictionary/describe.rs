//! What SDO information says about objects (ETG.1000.6, clauses 5.6.3 and 5.6.7.3).

use cellwright_driver_api::twin::{DataType, EntryInfo, ObjectInfo};

use super::{Dictionary, INPUT_SYNC, OUTPUT_SYNC, RX_ASSIGNMENT, TX_ASSIGNMENT};

/// Object codes.
const VARIABLE: u8 = 7;
const ARRAY: u8 = 8;
const RECORD: u8 = 9;
/// Data types beside those of process data: string, and the records of the communication area.
const VISIBLE_STRING: u16 = 0x0009;
const PDO_MAPPING: u16 = 0x0021;
const IDENTITY: u16 = 0x0023;
const SYNC_PARAMETER: u16 = 0x0029;
/// Access: readable in PRE-OP, SAFE-OP and OP; writable there; mapped into RxPDO or TxPDO.
const READABLE: u16 = 0x0007;
const WRITABLE: u16 = 0x0038;
const RX_MAPPED: u16 = 0x0040;
const TX_MAPPED: u16 = 0x0080;

/// An object as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Object<'a> {
    pub(in super::super) data_type: u16,
    pub(in super::super) largest: u8,
    pub(in super::super) code: u8,
    pub(in super::super) name: &'a str,
}

/// One subindex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Entry<'a> {
    pub(in super::super) data_type: u16,
    pub(in super::super) bits: u16,
    pub(in super::super) access: u16,
    pub(in super::super) name: &'a str,
}

const fn code(data_type: DataType) -> u16 {
    data_type.code() as u16
}

impl Dictionary {
    /// Indices of a list: all (1), those mapped into RxPDOs (2) and TxPDOs (3); others are empty: nothing is to
    /// be stored for a replacement (4), nothing is needed at start-up (5).
    pub(in super::super) fn indices(&self, list: u16) -> impl Iterator<Item = u16> {
        let pdos = |of: &super::PdoTable, index| of.exchanged().any(|e| e.index == index);
        self.indices.iter().copied().filter(move |index| match list {
            1 => true,
            2 => pdos(&self.rx, *index),
            3 => pdos(&self.tx, *index),
            _ => false,
        })
    }

    /// Whether an object of the communication area counts its entries in subindex 0.
    pub(in super::super) fn is_array(&self, index: u16) -> bool {
        self.area(index).is_some_and(|o| o.code != VARIABLE)
    }

    /// An object of the communication area, or one of the device's own.
    pub(in super::super) fn object<'a>(&'a self, index: u16, own: &'a [ObjectInfo]) -> Option<Object<'a>> {
        self.area(index).or_else(|| {
            let object = own.iter().find(|o| o.index == index)?;
            let (first, last) = (object.entries.first()?, object.entries.last()?);
            let single = object.entries.len() == 1;
            Some(Object {
                data_type: if single { code(first.data_type) } else { 0 },
                largest: last.sub,
                code: if single { VARIABLE } else { RECORD },
                name: object.name,
            })
        })
    }

    pub(in super::super) fn entry<'a>(
        &'a self,
        index: u16,
        sub: u8,
        own: &'a [ObjectInfo],
    ) -> Option<Entry<'a>> {
        if let Some(object) = self.area(index) {
            return self.area_entry(index, sub, object);
        }
        let object = own.iter().find(|o| o.index == index)?;
        let entry = object.entries.iter().find(|e| e.sub == sub)?;
        Some(Entry {
            data_type: code(entry.data_type),
            bits: entry.data_type.bits().into(),
            access: self.access(index, entry),
            name: entry.name,
        })
    }

    fn access(&self, index: u16, entry: &EntryInfo) -> u16 {
        let mapped =
            |pdos: &super::PdoTable| pdos.exchanged().any(|e| (e.index, e.sub) == (index, entry.sub));
        let mut access = READABLE;
        for (holds, bits) in
            [(entry.writable, WRITABLE), (mapped(&self.rx), RX_MAPPED), (mapped(&self.tx), TX_MAPPED)]
        {
            access |= if holds { bits } else { 0 };
        }
        access
    }

    fn area(&self, index: u16) -> Option<Object<'_>> {
        let object = |data_type, largest: usize, code, name| {
            Some(Object { data_type, largest: largest as u8, code, name })
        };
        match index {
            0x1000 => object(code(DataType::U32), 0, VARIABLE, "Device type"),
            0x1008 => object(VISIBLE_STRING, 0, VARIABLE, "Device name"),
            0x1009 => object(VISIBLE_STRING, 0, VARIABLE, "Hardware version"),
            0x100A => object(VISIBLE_STRING, 0, VARIABLE, "Software version"),
            0x1018 => object(IDENTITY, self.identity.len(), RECORD, "Identity"),
            0x1C00 => object(code(DataType::U8), 4, ARRAY, "SyncManager type"),
            0x1C10 | 0x1C11 => object(code(DataType::U16), 0, ARRAY, "Mailbox assignment"),
            RX_ASSIGNMENT => object(code(DataType::U16), self.rx.assigned_count(), ARRAY, "RxPDO assignment"),
            TX_ASSIGNMENT => object(code(DataType::U16), self.tx.assigned_count(), ARRAY, "TxPDO assignment"),
            OUTPUT_SYNC if !self.rx.is_empty() => {
                object(SYNC_PARAMETER, 6, RECORD, "Output SyncManager parameter")
            }
            INPUT_SYNC if !self.tx.is_empty() => {
                object(SYNC_PARAMETER, 6, RECORD, "Input SyncManager parameter")
            }
            _ => {
                let (entries, name) = self.mapped(index)?;
                object(PDO_MAPPING, entries.len(), RECORD, name)
            }
        }
    }

    fn area_entry<'a>(&'a self, index: u16, sub: u8, object: Object<'a>) -> Option<Entry<'a>> {
        if sub > object.largest {
            return None;
        }
        let entry = |data_type: DataType, writable, name| {
            let access = READABLE | if writable { WRITABLE } else { 0 };
            Some(Entry { data_type: code(data_type), bits: data_type.bits().into(), access, name })
        };
        if object.code == VARIABLE && object.data_type == VISIBLE_STRING {
            let len = self.read(index, 0, &mut [0; 256]).unwrap_or(0);
            return Some(Entry {
                data_type: VISIBLE_STRING,
                bits: 8 * len as u16,
                access: READABLE,
                name: object.name,
            });
        }
        match (index, sub) {
            (0x1000, _) => entry(DataType::U32, false, object.name),
            (_, 0) => entry(DataType::U8, self.is_variable(index), "Largest subindex"),
            (0x1018, _) => {
                const NAMES: [&str; 4] = ["Vendor", "Product code", "Revision", "Serial number"];
                entry(DataType::U32, false, NAMES.get(usize::from(sub) - 1)?)
            }
            (0x1C00, _) => entry(DataType::U8, false, "SyncManager type"),
            (RX_ASSIGNMENT | TX_ASSIGNMENT, _) => entry(DataType::U16, self.is_variable(index), "PDO"),
            (OUTPUT_SYNC | INPUT_SYNC, 1) => entry(DataType::U16, true, "Synchronisation type"),
            (OUTPUT_SYNC | INPUT_SYNC, 2) => entry(DataType::U32, true, "Cycle time"),
            (OUTPUT_SYNC | INPUT_SYNC, 3) => entry(DataType::U32, false, "Shift time"),
            (OUTPUT_SYNC | INPUT_SYNC, 4) => entry(DataType::U16, false, "Synchronisation types supported"),
            (OUTPUT_SYNC | INPUT_SYNC, 5) => entry(DataType::U32, false, "Minimum cycle time"),
            (OUTPUT_SYNC | INPUT_SYNC, _) => entry(DataType::U32, false, "Calculation and copy time"),
            _ => entry(DataType::U32, self.is_variable(index), "Mapping"),
        }
    }
}
