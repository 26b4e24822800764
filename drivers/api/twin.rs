//! What a twin SubDevice is: the part of a device behind its EtherCAT SubDevice controller (ESC).
//!
//! Terms: an *RxPDO* carries outputs of the MainDevice, a *TxPDO* its inputs. The *segment* (in
//! `cellwright-twin`) owns the ESC, the AL state machine, SyncManagers and the mailbox; a
//! [`SubDeviceModel`] is only the application: process data, its own objects, and its behaviour in
//! time. A *plant quantity* is a named number of the simulated machine (`axis.press_z.position`).
//!
//! The way of a value: `outputs` keeps what the frame brought, `step` moves the device by simulated
//! time and is the only place that touches the plant, `inputs` encodes what the device measures.

use std::collections::BTreeMap;

use cellwright_model::pdos::{Direction, Mapped};

/// Place of a quantity in the plant, found once by [`PlantPort::resolve`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlantIx(pub u32);

/// The simulated machine as a device sees it: numbers by index.
///
/// Names in use: `axis.<axis>.position|velocity` (au, au/s, read by a drive), `axis.<axis>.torque`
/// (N·m at the motor, set by the drive), `axis.<axis>.brake` (1 while the drive does not hold the axis), `di.<name>` and `do.<name>` (0 or 1), `ai.<name>`
/// (physical value in the channel's unit), `axis.<axis>.limit_negative|limit_positive` (1 on the limit switch), `sto` or `sto.<axis>` (0 while torque is removed).
pub trait PlantPort {
    /// Finds a quantity by name; for set-up only.
    fn resolve(&self, name: &str) -> Option<PlantIx>;
    /// Value of a quantity.
    fn get(&self, ix: PlantIx) -> f64;
    /// Sets a quantity that the device drives.
    fn set(&mut self, ix: PlantIx, value: f64);
}

/// A device names a quantity that the plant does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnresolvedQuantity {
    /// The device that asked, by its name in the cell.
    pub device: String,
    /// The quantity that is missing.
    pub quantity: String,
}

impl core::fmt::Display for UnresolvedQuantity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "twin of {}: the plant has no quantity `{}`", self.device, self.quantity)
    }
}

impl std::error::Error for UnresolvedQuantity {}

/// Finds `quantity` or says which device misses it.
pub fn require(plant: &dyn PlantPort, device: &str, quantity: String) -> Result<PlantIx, UnresolvedQuantity> {
    plant.resolve(&quantity).ok_or_else(|| UnresolvedQuantity { device: device.to_owned(), quantity })
}

/// A plant that is only a table of numbers: for benches and tests of single devices.
#[derive(Debug, Clone, Default)]
pub struct Quantities {
    names: BTreeMap<String, PlantIx>,
    values: Vec<f64>,
}

impl Quantities {
    /// Adds a quantity, or sets the one that already bears the name.
    pub fn add(&mut self, name: &str, value: f64) -> PlantIx {
        if let Some(&ix) = self.names.get(name) {
            self.set(ix, value);
            return ix;
        }
        let ix = PlantIx(self.values.len() as u32);
        self.values.push(value);
        self.names.insert(name.to_owned(), ix);
        ix
    }
}

impl PlantPort for Quantities {
    fn resolve(&self, name: &str) -> Option<PlantIx> {
        self.names.get(name).copied()
    }
    fn get(&self, ix: PlantIx) -> f64 {
        self.values.get(ix.0 as usize).copied().unwrap_or(0.0)
    }
    fn set(&mut self, ix: PlantIx, value: f64) {
        if let Some(v) = self.values.get_mut(ix.0 as usize) {
            *v = value;
        }
    }
}

/// Object 0x1018 and SII words 0x08–0x0F (ETG.1000.6, identity object).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub vendor: u32,
    pub product: u32,
    pub revision: u32,
    pub serial: u32,
}

/// Vendor ID of a twin that is not told to stand for somebody's product.
pub const TWIN_VENDOR: u32 = 0xF000_0CE1;

/// Sizes of the standard mailbox in bytes; a SubDevice that has one speaks CoE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailboxSizes {
    /// MainDevice to SubDevice (SyncManager 0).
    pub receive: u16,
    /// SubDevice to MainDevice (SyncManager 1).
    pub send: u16,
}

/// Base data types (ETG.1000.6, data type area; the codes are those of the SII PDO categories).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    Bool,
    I8,
    I16,
    I32,
    U8,
    U16,
    U32,
    /// Padding: index 0, subindex 0, so many bits.
    Pad(u8),
}

impl DataType {
    /// Size in bits.
    pub const fn bits(self) -> u8 {
        match self {
            DataType::Bool => 1,
            DataType::I8 | DataType::U8 => 8,
            DataType::I16 | DataType::U16 => 16,
            DataType::I32 | DataType::U32 => 32,
            DataType::Pad(bits) => bits,
        }
    }
    /// Index of the type in the object dictionary, as the SII stores it.
    pub const fn code(self) -> u8 {
        match self {
            DataType::Bool => 0x01,
            DataType::I8 => 0x02,
            DataType::I16 => 0x03,
            DataType::I32 => 0x04,
            DataType::U8 => 0x05,
            DataType::U16 => 0x06,
            DataType::U32 => 0x07,
            DataType::Pad(_) => 0x00,
        }
    }
}

/// One mapped object of a PDO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PdoEntry {
    pub index: u16,
    pub sub: u8,
    pub data_type: DataType,
    pub name: &'static str,
}

impl PdoEntry {
    pub const fn new(index: u16, sub: u8, data_type: DataType, name: &'static str) -> PdoEntry {
        PdoEntry { index, sub, data_type, name }
    }
    /// `bits` of padding.
    pub const fn pad(bits: u8) -> PdoEntry {
        PdoEntry { index: 0, sub: 0, data_type: DataType::Pad(bits), name: "" }
    }
    /// Value of the mapping object's subindex: index, subindex, length in bits.
    pub fn mapping(&self) -> u32 {
        u32::from(self.index) << 16 | u32::from(self.sub) << 8 | u32::from(self.data_type.bits())
    }
}

/// A process data object and its mapping (0x16xx or 0x1Axx).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdo {
    pub index: u16,
    pub name: &'static str,
    pub entries: Vec<PdoEntry>,
}

impl Pdo {
    /// Length in bits.
    pub fn bits(&self) -> usize {
        self.entries.iter().map(|e| usize::from(e.data_type.bits())).sum()
    }
}

/// What SII and the CoE communication area say about a SubDevice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Order name: what a MainDevice shows and what cell.yaml expects at this position.
    pub name: String,
    pub identity: Identity,
    /// Object 0x1000, for example 0x0002_0192 of a servo drive.
    pub device_type: u32,
    pub hardware_version: &'static str,
    pub software_version: &'static str,
    /// `None`: a simple SubDevice without a mailbox.
    pub mailbox: Option<MailboxSizes>,
    /// Outputs of the MainDevice, in the order of object 0x1C12.
    pub rx_pdos: Vec<Pdo>,
    /// Inputs of the MainDevice, in the order of object 0x1C13.
    pub tx_pdos: Vec<Pdo>,
}

impl Description {
    /// Bytes of outputs, padded to whole bytes.
    pub fn output_bytes(&self) -> usize {
        self.rx_pdos.iter().map(Pdo::bits).sum::<usize>().div_ceil(8)
    }
    /// Bytes of inputs, padded to whole bytes.
    pub fn input_bytes(&self) -> usize {
        self.tx_pdos.iter().map(Pdo::bits).sum::<usize>().div_ceil(8)
    }
}

/// An object of a device's own, as the SDO information service describes it (ETG.1000.6, clause 5.6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectInfo {
    pub index: u16,
    pub name: &'static str,
    /// By subindex; the first one is subindex 0, which holds the largest one if there are more.
    pub entries: &'static [EntryInfo],
}

/// One subindex of an [`ObjectInfo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryInfo {
    pub sub: u8,
    pub data_type: DataType,
    pub name: &'static str,
    pub writable: bool,
}

impl EntryInfo {
    /// An entry that is only read.
    pub const fn read(sub: u8, data_type: DataType, name: &'static str) -> EntryInfo {
        EntryInfo { sub, data_type, name, writable: false }
    }
    /// An entry that the MainDevice may write.
    pub const fn write(sub: u8, data_type: DataType, name: &'static str) -> EntryInfo {
        EntryInfo { sub, data_type, name, writable: true }
    }
}

/// SDO abort codes (ETG.1000.6, table of abort codes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SdoAbort(pub u32);

impl SdoAbort {
    pub const TOGGLE: SdoAbort = SdoAbort(0x0503_0000);
    pub const BAD_COMMAND: SdoAbort = SdoAbort(0x0504_0001);
    pub const UNSUPPORTED_ACCESS: SdoAbort = SdoAbort(0x0601_0000);
    pub const READ_ONLY: SdoAbort = SdoAbort(0x0601_0002);
    /// An entry of a list that is in force: its subindex 0 has to be zero first (ETG.1020).
    pub const COUNT_NOT_ZERO: SdoAbort = SdoAbort(0x0601_0003);
    /// Complete access to a list of variable length (ETG.1020).
    pub const VARIABLE_LENGTH: SdoAbort = SdoAbort(0x0601_0004);
    pub const EXCEEDS_MAILBOX: SdoAbort = SdoAbort(0x0601_0005);
    pub const NO_OBJECT: SdoAbort = SdoAbort(0x0602_0000);
    pub const NOT_MAPPABLE: SdoAbort = SdoAbort(0x0604_0041);
    pub const PDO_LENGTH: SdoAbort = SdoAbort(0x0604_0042);
    pub const INCOMPATIBLE: SdoAbort = SdoAbort(0x0604_0043);
    pub const LENGTH: SdoAbort = SdoAbort(0x0607_0010);
    pub const NO_SUBINDEX: SdoAbort = SdoAbort(0x0609_0011);
    pub const VALUE_RANGE: SdoAbort = SdoAbort(0x0609_0030);
    pub const DEVICE_STATE: SdoAbort = SdoAbort(0x0800_0022);
}

/// A CoE emergency (ETG.1000.6 §5.6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emergency {
    /// Error code as in object 0x603F.
    pub code: u16,
    /// Object 0x1001.
    pub error_register: u8,
    /// Manufacturer-specific.
    pub data: [u8; 5],
}

/// The application of a twin SubDevice. No method may allocate or panic once constructed.
pub trait SubDeviceModel: Send {
    /// What SII and communication area are generated from; constant for the life of the model.
    fn description(&self) -> &Description;

    /// Outputs of the MainDevice, complete and fresh; called in OP only.
    fn outputs(&mut self, data: &[u8]);

    /// OP was left: the outputs take their defined off state.
    fn outputs_off(&mut self);

    /// Encodes the inputs of the MainDevice; `data` is as long as the TxPDOs.
    fn inputs(&self, data: &mut [u8]);

    /// Moves the device by `dt_ns` of simulated time.
    fn step(&mut self, dt_ns: u64, plant: &mut dyn PlantPort);

    /// Power went or came back: what is volatile is forgotten, the outputs are off. The model is
    /// stepped on without power, for the plant's sake; nobody asks it for anything then.
    fn power_cycle(&mut self);

    /// Reads an object of the device's own (the communication area 0x1000–0x1FFF is the segment's,
    /// unless the model answers first). Returns the length written to `data`.
    fn object_read(&self, _index: u16, _sub: u8, _data: &mut [u8]) -> Result<usize, SdoAbort> {
        Err(SdoAbort::NO_OBJECT)
    }

    /// Writes an object of the device's own.
    fn object_write(&mut self, _index: u16, _sub: u8, _data: &[u8]) -> Result<(), SdoAbort> {
        Err(SdoAbort::NO_OBJECT)
    }

    /// Every object that [`object_read`](SubDeviceModel::object_read) knows, by rising index.
    fn objects(&self) -> &[ObjectInfo] {
        &[]
    }

    /// Its PDOs can be assigned and mapped otherwise than described, in PRE-OP; [`remap`] says how they are then.
    ///
    /// [`remap`]: SubDeviceModel::remap
    fn assignable(&self) -> bool {
        false
    }

    /// RxPDOs and TxPDOs that can be assigned instead of those described, whose mapping nobody can change.
    fn fixed_pdos(&self) -> (&[Pdo], &[Pdo]) {
        (&[], &[])
    }

    /// Length in bits of an object that can be mapped in this direction, `None` if it cannot.
    fn mappable(&self, _direction: Direction, _index: u16, _sub: u8) -> Option<u8> {
        None
    }

    /// The process data are these from now on: on the way from PRE-OP to SAFE-OP.
    fn remap(&mut self, _rx: &[Mapped], _tx: &[Mapped]) {}

    /// The next emergency to send, oldest first; taken when the send mailbox is free.
    fn emergency(&mut self) -> Option<Emergency> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_rounded_up_to_bytes() {
        let bit = |sub| PdoEntry::new(0x6000, sub, DataType::Bool, "");
        let d = Description {
            name: "T".into(),
            identity: Identity { vendor: TWIN_VENDOR, product: 1, revision: 1, serial: 1 },
            device_type: 0,
            hardware_version: "",
            software_version: "",
            mailbox: None,
            rx_pdos: vec![],
            tx_pdos: vec![Pdo { index: 0x1A00, name: "", entries: (1..=9).map(bit).collect() }],
        };
        assert_eq!((d.output_bytes(), d.input_bytes()), (0, 2));
        assert_eq!(d.tx_pdos[0].entries[8].mapping(), 0x6000_0901);
        assert_eq!(PdoEntry::pad(8).mapping(), 0x0000_0008);
    }

    #[test]
    fn a_missing_quantity_is_named() {
        let mut q = Quantities::default();
        let ix = q.add("axis.x.position", 1.5);
        assert_eq!(require(&q, "x", "axis.x.position".into()), Ok(ix));
        let e = require(&q, "x", "axis.x.torque".into()).unwrap_err();
        assert!(e.to_string().contains("axis.x.torque"), "{e}");
    }
}
