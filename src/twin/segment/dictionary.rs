//! The CoE communication area (ETG.1000.6, clause 5.6.7): identity, SyncManagers, PDO mapping.
//!
//! All of it is read-only: a twin's process data are as its description maps them.

use cellwright_driver_api::twin::{Description, Pdo, SdoAbort};

const RX_ASSIGNMENT: u16 = 0x1C12;
const TX_ASSIGNMENT: u16 = 0x1C13;

pub(super) struct Dictionary {
    device_type: u32,
    name: String,
    hardware_version: &'static str,
    software_version: &'static str,
    identity: [u32; 4],
    rx_pdos: Vec<Pdo>,
    tx_pdos: Vec<Pdo>,
}

impl Dictionary {
    pub(super) fn new(d: &Description) -> Dictionary {
        let i = d.identity;
        Dictionary {
            device_type: d.device_type,
            name: d.name.clone(),
            hardware_version: d.hardware_version,
            software_version: d.software_version,
            identity: [i.vendor, i.product, i.revision, i.serial],
            rx_pdos: d.rx_pdos.clone(),
            tx_pdos: d.tx_pdos.clone(),
        }
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
            _ => match self.mapped(index) {
                Some(pdo) => array(sub, pdo.entries.len(), data, |i, data| {
                    put(&pdo.entries[i].mapping().to_le_bytes(), data)
                }),
                None => Err(SdoAbort::NO_OBJECT),
            },
        }
    }

    /// Why a write to the communication area is refused.
    pub(super) fn write(&self, index: u16, sub: u8) -> SdoAbort {
        match self.read(index, sub, &mut [0; 256]) {
            Ok(_) | Err(SdoAbort::EXCEEDS_MAILBOX) => SdoAbort::READ_ONLY,
            Err(code) => code,
        }
    }

    fn mapped(&self, index: u16) -> Option<&Pdo> {
        self.rx_pdos.iter().chain(&self.tx_pdos).find(|p| p.index == index)
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
