//! The CoE communication area (ETG.1000.6, clause 5.6.7): identity, SyncManagers, PDO mapping, synchronisation.
//!
//! Mapping and assignment are read-only: a twin's process data are as its description maps them.

mod describe;

use cellwright_driver_api::twin::{Description, ObjectInfo, Pdo, SdoAbort};

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

pub(super) struct Dictionary {
    device_type: u32,
    name: String,
    hardware_version: &'static str,
    software_version: &'static str,
    identity: [u32; 4],
    rx_pdos: Vec<Pdo>,
    tx_pdos: Vec<Pdo>,
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
    /// `objects`: the device's own.
    /// Another serial number (object 0x1018, sub-index 4).
    pub(super) fn set_serial(&mut self, serial: u32) {
        self.identity[3] = serial;
    }

    pub(super) fn new(d: &Description, objects: &[ObjectInfo]) -> Dictionary {
        let i = d.identity;
        let mut dictionary = Dictionary {
            device_type: d.device_type,
            name: d.name.clone(),
            hardware_version: d.hardware_version,
            software_version: d.software_version,
            identity: [i.vendor, i.product, i.revision, i.serial],
            rx_pdos: d.rx_pdos.clone(),
            tx_pdos: d.tx_pdos.clone(),
            sync: [Sync { kind: SYNC_TYPES[0], cycle_ns: 0 }; 2],
            indices: Vec::new(),
        };
        let area = (0x1000..0x2000).filter(|index| dictionary.read(*index, 0, &mut [0; 256]).is_ok());
        let mut indices: Vec<u16> = area.chain(objects.iter().map(|o| o.index)).collect();
        indices.sort_unstable();
        dictionary.indices = indices;
        dictionary
    }

    /// What the MainDevice set is forgotten.
    pub(super) fn power_on(&mut self) {
        self.sync = [Sync { kind: SYNC_TYPES[0], cycle_ns: 0 }; 2];
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
            RX_ASSIGNMENT => assignment(&self.rx_pdos, sub, data),
            TX_ASSIGNMENT => assignment(&self.tx_pdos, sub, data),
            OUTPUT_SYNC if !self.rx_pdos.is_empty() => self.sync[0].read(sub, data),
            INPUT_SYNC if !self.tx_pdos.is_empty() => self.sync[1].read(sub, data),
            _ => match self.mapped(index) {
                Some(pdo) => array(sub, pdo.entries.len(), data, |i, data| {
                    put(&pdo.entries[i].mapping().to_le_bytes(), data)
                }),
                None => Err(SdoAbort::NO_OBJECT),
            },
        }
    }

    /// Writes to the communication area; what can only be read is refused.
    pub(super) fn write(&mut self, index: u16, sub: u8, value: &[u8]) -> Result<(), SdoAbort> {
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

    fn mapped(&self, index: u16) -> Option<&Pdo> {
        self.rx_pdos.iter().chain(&self.tx_pdos).find(|p| p.index == index)
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

fn assignment(pdos: &[Pdo], sub: u8, data: &mut [u8]) -> Result<usize, SdoAbort> {
    array(sub, pdos.len(), data, |i, data| put(&pdos[i].index.to_le_bytes(), data))
}
