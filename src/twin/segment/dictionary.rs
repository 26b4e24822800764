//! The CoE communication area (ETG.1000.6, clause 5.6.7): identity, SyncManagers, PDO mapping, synchronisation.
//!
//! Mapping and assignment can be changed where the device says so (module `pdos`); else its process data are as
//! its description maps them.

mod describe;
mod pdos;

use cellwright_driver_api::twin::{Description, SdoAbort, SubDeviceModel};
use cellwright_model::pdos::{Direction, Mapped};

use pdos::PdoTable;

const RX_ASSIGNMENT: u16 = 0x1C12;
const TX_ASSIGNMENT: u16 = 0x1C13;
const OUTPUT_SYNC: u16 = 0x1C32;
const INPUT_SYNC: u16 = 0x1C33;
/// Synchronisation types (ETG.1020, objects 0x1C32 and 0x1C33): with the SyncManager event, with SYNC0, and of
/// inputs with the event of the outputs.
const SYNC_TYPES: [u16; 3] = [0x01, 0x02, 0x22];
/// Supported: SyncManager event (bit 1), SYNC0 (bit 2).
const SYNC_SUPPORTED: u16 = 0x0006;
/// Shortest cycle of a twin, and the time that it takes to copy: what its plant is stepped by.
const CYCLE_MIN_NS: u32 = 125_000;

/// Entries of all PDOs of a direction that are exchanged at once.
const EXCHANGED_MAX: usize = 256;

pub(super) struct Dictionary {
    device_type: u32,
    name: String,
    hardware_version: &'static str,
    software_version: &'static str,
    identity: [u32; 4],
    rx: PdoTable,
    tx: PdoTable,
    /// As they are exchanged, since the last change of state from PRE-OP to SAFE-OP.
    rx_exchanged: Vec<Mapped>,
    tx_exchanged: Vec<Mapped>,
    /// Of outputs and inputs: type and cycle time, as the MainDevice set them.
    sync: [Sync; 2],
    /// Every index, the device's own included, rising.
    indices: Vec<u16>,
}

#[derive(Debug, Clone, Copy)]
struct Sync {
    kind: u16,
    cycle_ns: u32,
}

impl Dictionary {
    /// Another serial number (object 0x1018, sub-index 4).
    pub(super) fn set_serial(&mut self, serial: u32) {
        self.identity[3] = serial;
    }

    pub(super) fn new(d: &Description, model: &dyn SubDeviceModel) -> Dictionary {
        let i = d.identity;
        let mut dictionary = Dictionary {
            device_type: d.device_type,
            name: d.name.clone(),
            hardware_version: d.hardware_version,
            software_version: d.software_version,
            identity: [i.vendor, i.product, i.revision, i.serial],
            rx: PdoTable::new(Direction::Rx, d, model),
            tx: PdoTable::new(Direction::Tx, d, model),
            rx_exchanged: Vec::with_capacity(EXCHANGED_MAX),
            tx_exchanged: Vec::with_capacity(EXCHANGED_MAX),
            sync: [Sync { kind: SYNC_TYPES[0], cycle_ns: 0 }; 2],
            indices: Vec::new(),
        };
        let area = (0x1000..0x2000).filter(|index| dictionary.read(*index, 0, &mut [0; 256]).is_ok());
        let mut indices: Vec<u16> = area.chain(model.objects().iter().map(|o| o.index)).collect();
        indices.sort_unstable();
        dictionary.indices = indices;
        dictionary
    }

    /// What the MainDevice set is forgotten.
    pub(super) fn power_on(&mut self) {
        self.sync = [Sync { kind: SYNC_TYPES[0], cycle_ns: 0 }; 2];
        self.rx.power_on();
        self.tx.power_on();
    }

    /// Bytes of outputs and of inputs as they are assigned and mapped now.
    pub(super) fn process_data_bytes(&self) -> (usize, usize) {
        (self.rx.bytes(), self.tx.bytes())
    }

    /// Outputs and inputs as they are assigned and mapped now, in the order of the wire.
    pub(super) fn exchanged(&mut self) -> (&[Mapped], &[Mapped]) {
        for (table, list) in [(&self.rx, &mut self.rx_exchanged), (&self.tx, &mut self.tx_exchanged)] {
            list.clear();
            list.extend(table.exchanged().take(EXCHANGED_MAX));
        }
        (&self.rx_exchanged, &self.tx_exchanged)
    }

    /// Reads an object of the communication area into `data`; returns its length.
    /// [`SdoAbort::NO_OBJECT`]: it may be one of the device's own.
    pub(super) fn read(&self, index: u16, sub: u8, data: &mut [u8]) -> Result<usize, SdoAbort> {
        match index {
            0x1000 => single(sub, &self.device_type.to_le_bytes(), data),
            0x1008 => single(sub, self.name.as_bytes(), data),
            0x1009 => single(sub, self.hardware_version.as_bytes(), data),
            0x100A => single(sub, self.software_version.as_bytes(), data),
            0x1018 => {
                array(sub, self.identity.len(), data, |i, data| put(&self.identity[i].to_le_bytes(), data))
            }
            // SyncManager communication types: mailbox write, mailbox read, outputs, inputs.
            0x1C00 => array(sub, 4, data, |i, data| put(&[i as u8 + 1], data)),
            0x1C10 | 0x1C11 => array(sub, 0, data, |_, _| Err(SdoAbort::NO_SUBINDEX)),
            RX_ASSIGNMENT => assignment(&self.rx, sub, data),
            TX_ASSIGNMENT => assignment(&self.tx, sub, data),
            OUTPUT_SYNC if !self.rx.is_empty() => self.sync[0].read(sub, data),
            INPUT_SYNC if !self.tx.is_empty() => self.sync[1].read(sub, data),
            _ => match self.mapped(index) {
                Some((entries, _)) => {
                    array(sub, entries.len(), data, |i, data| put(&entries[i].code().to_le_bytes(), data))
                }
                None => Err(SdoAbort::NO_OBJECT),
            },
        }
    }

    /// Writes to the communication area; what can only be read is refused. `pre_op`: the state in which process
    /// data may be assigned and mapped.
    pub(super) fn write(
        &mut self,
        index: u16,
        sub: u8,
        value: &[u8],
        pre_op: bool,
        model: &dyn SubDeviceModel,
    ) -> Result<(), SdoAbort> {
        let of_pdos = self.is_variable(index);
        if of_pdos && !pre_op {
            return Err(SdoAbort::DEVICE_STATE);
        }
        match index {
            RX_ASSIGNMENT if of_pdos => return self.rx.assign(sub, value),
            TX_ASSIGNMENT if of_pdos => return self.tx.assign(sub, value),
            _ if self.rx.is_mappable(index) => return self.rx.map(index, sub, value, model),
            _ if self.tx.is_mappable(index) => return self.tx.map(index, sub, value, model),
            _ => {}
        }
        match self.read(index, sub, &mut [0; 256]) {
            Ok(_) | Err(SdoAbort::EXCEEDS_MAILBOX) => {}
            Err(code) => return Err(code),
        }
        match index {
            OUTPUT_SYNC => self.sync[0].write(sub, value),
            INPUT_SYNC => self.sync[1].write(sub, value),
            _ => Err(SdoAbort::READ_ONLY),
        }
    }

    /// A list whose length the MainDevice changes.
    pub(super) fn is_variable(&self, index: u16) -> bool {
        match index {
            RX_ASSIGNMENT => self.rx.is_assignable(),
            TX_ASSIGNMENT => self.tx.is_assignable(),
            _ => self.rx.is_mappable(index) || self.tx.is_mappable(index),
        }
    }

    /// Mapping and name of a PDO.
    fn mapped(&self, index: u16) -> Option<(&[Mapped], &'static str)> {
        self.rx.pdo(index).or_else(|| self.tx.pdo(index))
    }
}

impl Sync {
    fn read(&self, sub: u8, data: &mut [u8]) -> Result<usize, SdoAbort> {
        array(sub, 6, data, |i, data| match i + 1 {
            1 => put(&self.kind.to_le_bytes(), data),
            2 => put(&self.cycle_ns.to_le_bytes(), data),
            4 => put(&SYNC_SUPPORTED.to_le_bytes(), data),
            5 => put(&CYCLE_MIN_NS.to_le_bytes(), data),
            // No shift, and copied at once.
            _ => put(&0u32.to_le_bytes(), data),
        })
    }

    fn write(&mut self, sub: u8, value: &[u8]) -> Result<(), SdoAbort> {
        match sub {
            1 => {
                let kind = value.try_into().map(u16::from_le_bytes).map_err(|_| SdoAbort::LENGTH)?;
                if !SYNC_TYPES.contains(&kind) {
                    return Err(SdoAbort::VALUE_RANGE);
                }
                self.kind = kind;
            }
            2 => self.cycle_ns = value.try_into().map(u32::from_le_bytes).map_err(|_| SdoAbort::LENGTH)?,
            _ => return Err(SdoAbort::READ_ONLY),
        }
        Ok(())
    }
}

fn put(value: &[u8], data: &mut [u8]) -> Result<usize, SdoAbort> {
    data.get_mut(..value.len()).ok_or(SdoAbort::EXCEEDS_MAILBOX)?.copy_from_slice(value);
    Ok(value.len())
}

/// An object without subindices.
fn single(sub: u8, value: &[u8], data: &mut [u8]) -> Result<usize, SdoAbort> {
    if sub == 0 { put(value, data) } else { Err(SdoAbort::NO_SUBINDEX) }
}

/// An object whose subindex 0 holds their number; `entry` is called with the place from 0.
fn array(
    sub: u8,
    len: usize,
    data: &mut [u8],
    entry: impl Fn(usize, &mut [u8]) -> Result<usize, SdoAbort>,
) -> Result<usize, SdoAbort> {
    match usize::from(sub) {
        0 => put(&[len as u8], data),
        n if n <= len => entry(n - 1, data),
        _ => Err(SdoAbort::NO_SUBINDEX),
    }
}

fn assignment(pdos: &PdoTable, sub: u8, data: &mut [u8]) -> Result<usize, SdoAbort> {
    array(sub, pdos.assigned_count(), data, |i, data| put(&pdos.assigned_at(i).to_le_bytes(), data))
}
