//! Twin of the 4-channel analog input: converts physical values of the plant to raw counts.
//!
//! Channel `<name>` follows the plant quantity `ai.<name>`. TxPDO of each channel: status u16 (bit 0
//! underrange, bit 1 overrange, bit 6 error), value i16; 16 bytes in all.
//! `physical = value × scale + offset`; the value is quantised to the channel's resolution and
//! saturates at ±32767.

use cellwright_driver_api::twin::{
    DataType, Description, EntryInfo, Identity, MailboxSizes, ObjectInfo, Pdo, PdoEntry, PlantIx, PlantPort,
    SdoAbort, SubDeviceModel, TWIN_VENDOR, UnresolvedQuantity, require,
};

/// Channels of the terminal.
pub const CHANNELS: usize = 4;
/// Order name, and the identity that a twin has unless the cell says otherwise.
pub const NAME: &str = "CW-AI4";
pub const PRODUCT: u32 = 0x0000_3004;
pub const REVISION: u32 = 0x0001_0000;

/// Status bits of a channel.
pub const STATUS_UNDERRANGE: u16 = 1 << 0;
pub const STATUS_OVERRANGE: u16 = 1 << 1;
pub const STATUS_ERROR: u16 = 1 << 6;

const FULL_SCALE: f64 = 32767.0;
const BYTES_A_CHANNEL: usize = 4;

/// How one channel converts.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelConfig {
    /// Quantity `ai.<name>`; `None`: nothing is wired, the channel reads zero counts.
    pub name: Option<String>,
    /// Physical units a count; not zero.
    pub scale: f64,
    /// Physical value at zero counts.
    pub offset: f64,
    /// Effective resolution in bits of the signed 16-bit range, 1 to 16.
    pub resolution_bits: u8,
}

#[derive(Debug, Clone)]
struct Channel {
    source: Option<PlantIx>,
    scale: f64,
    offset: f64,
    /// Counts between neighbouring codes.
    quantum: f64,
    status: u16,
    value: i16,
}

impl Channel {
    fn convert(&mut self, physical: f64) {
        let ideal = (physical - self.offset) / self.scale;
        let code = (ideal / self.quantum).round() * self.quantum;
        // A value that is no number is a broken sensor, not zero.
        self.status = if !code.is_finite() || code > FULL_SCALE {
            STATUS_OVERRANGE | STATUS_ERROR
        } else if code < -FULL_SCALE {
            STATUS_UNDERRANGE | STATUS_ERROR
        } else {
            0
        };
        let code = if code.is_nan() { FULL_SCALE } else { code };
        self.value = code.clamp(-FULL_SCALE, FULL_SCALE) as i16;
    }
}

/// The terminal.
#[derive(Debug, Clone)]
pub struct AnalogInTwin {
    description: Description,
    channels: Vec<Channel>,
}

impl AnalogInTwin {
    /// `channels`: channel 1 onwards; missing ones are not wired.
    ///
    /// # Errors
    /// A name that the plant does not have.
    pub fn new(
        device: &str,
        identity: Identity,
        channels: &[ChannelConfig],
        plant: &dyn PlantPort,
    ) -> Result<AnalogInTwin, UnresolvedQuantity> {
        let mut resolved = Vec::with_capacity(CHANNELS);
        for i in 0..CHANNELS {
            resolved.push(match channels.get(i) {
                Some(config) => channel(device, config, plant)?,
                None => unwired(),
            });
        }
        Ok(AnalogInTwin { description: description(identity), channels: resolved })
    }
}

fn channel(
    device: &str,
    config: &ChannelConfig,
    plant: &dyn PlantPort,
) -> Result<Channel, UnresolvedQuantity> {
    let source = match &config.name {
        Some(name) => Some(require(plant, device, format!("ai.{name}"))?),
        None => None,
    };
    let bits = config.resolution_bits.clamp(1, 16);
    Ok(Channel {
        source,
        scale: config.scale,
        offset: config.offset,
        quantum: f64::from(1u32 << (16 - bits)),
        ..unwired()
    })
}

fn unwired() -> Channel {
    Channel { source: None, scale: 1.0, offset: 0.0, quantum: 1.0, status: 0, value: 0 }
}

/// Identity of a twin of this family.
pub const fn identity(serial: u32) -> Identity {
    Identity { vendor: TWIN_VENDOR, product: PRODUCT, revision: REVISION, serial }
}

fn description(identity: Identity) -> Description {
    let pdo = |i: u16| Pdo {
        index: 0x1A00 + i,
        name: "AI Standard",
        entries: vec![
            PdoEntry::new(0x6000 + 0x10 * i, 0x01, DataType::U16, "Status"),
            PdoEntry::new(0x6000 + 0x10 * i, 0x11, DataType::I16, "Value"),
        ],
    };
    Description {
        name: NAME.to_owned(),
        identity,
        device_type: 0x012C_1389,
        hardware_version: "1",
        software_version: "1",
        mailbox: Some(MailboxSizes { receive: 128, send: 128 }),
        rx_pdos: Vec::new(),
        tx_pdos: (0..CHANNELS as u16).map(pdo).collect(),
    }
}

impl SubDeviceModel for AnalogInTwin {
    fn description(&self) -> &Description {
        &self.description
    }

    fn outputs(&mut self, _data: &[u8]) {}
    fn outputs_off(&mut self) {}

    fn inputs(&self, data: &mut [u8]) {
        for (to, channel) in data.chunks_exact_mut(BYTES_A_CHANNEL).zip(&self.channels) {
            to[..2].copy_from_slice(&channel.status.to_le_bytes());
            to[2..].copy_from_slice(&channel.value.to_le_bytes());
        }
    }

    fn step(&mut self, _dt_ns: u64, plant: &mut dyn PlantPort) {
        for channel in &mut self.channels {
            if let Some(ix) = channel.source {
                channel.convert(plant.get(ix));
            }
        }
    }

    fn power_cycle(&mut self) {
        for channel in &mut self.channels {
            (channel.status, channel.value) = (0, 0);
        }
    }

    fn object_read(&self, index: u16, sub: u8, data: &mut [u8]) -> Result<usize, SdoAbort> {
        // 0x6000, 0x6010, … : one object a channel, the largest subindex is 0x11.
        let place = usize::from(index.wrapping_sub(0x6000));
        let channel = self.channels.get(place / 0x10).filter(|_| place % 0x10 == 0);
        let channel = channel.ok_or(SdoAbort::NO_OBJECT)?;
        let value: [u8; 2] = match sub {
            0x00 => {
                *data.first_mut().ok_or(SdoAbort::EXCEEDS_MAILBOX)? = 0x11;
                return Ok(1);
            }
            0x01 => channel.status.to_le_bytes(),
            0x11 => channel.value.to_le_bytes(),
            _ => return Err(SdoAbort::NO_SUBINDEX),
        };
        data.get_mut(..2).ok_or(SdoAbort::EXCEEDS_MAILBOX)?.copy_from_slice(&value);
        Ok(2)
    }

    fn object_write(&mut self, index: u16, sub: u8, _data: &[u8]) -> Result<(), SdoAbort> {
        self.object_read(index, sub, &mut [0; 4]).and(Err(SdoAbort::READ_ONLY))
    }

    fn objects(&self) -> &[ObjectInfo] {
        &OBJECTS
    }
}

const fn channel_object(channel: u16) -> ObjectInfo {
    const ENTRIES: &[EntryInfo] = &[
        EntryInfo::read(0x00, DataType::U8, "Largest subindex"),
        EntryInfo::read(0x01, DataType::U16, "Status"),
        EntryInfo::read(0x11, DataType::I16, "Value"),
    ];
    ObjectInfo { index: 0x6000 + 0x10 * channel, name: "Channel", entries: ENTRIES }
}

static OBJECTS: [ObjectInfo; CHANNELS] =
    [channel_object(0), channel_object(1), channel_object(2), channel_object(3)];

#[cfg(test)]
mod tests {
    use cellwright_driver_api::twin::Quantities;

    use super::*;

    fn load_cell(bits: u8) -> ChannelConfig {
        ChannelConfig { name: Some("load_cell".into()), scale: 0.01, offset: -1.0, resolution_bits: bits }
    }

    /// Status and value of channel 1 for a physical value.
    fn reading(config: ChannelConfig, physical: f64) -> (u16, i16) {
        let mut plant = Quantities::default();
        plant.add("ai.load_cell", physical);
        let mut twin = AnalogInTwin::new("ai1", identity(1), &[config], &plant).unwrap();
        twin.step(1_000_000, &mut plant);
        let mut data = [0xEE; 16];
        twin.inputs(&mut data);
        assert_eq!(data[4..], [0; 12], "unwired channels read zero");
        (u16::from_le_bytes([data[0], data[1]]), i16::from_le_bytes([data[2], data[3]]))
    }

    #[test]
    fn scale_offset_and_resolution() {
        assert_eq!(reading(load_cell(16), 70.0), (0, 7_100));
        assert_eq!(reading(load_cell(16), -1.234), (0, -23));
        // 12 bits: codes are 16 counts apart.
        assert_eq!(reading(load_cell(12), 70.0), (0, 7_104));
    }

    #[test]
    fn beyond_the_range_it_saturates_and_says_so() {
        assert_eq!(reading(load_cell(16), 400.0), (STATUS_OVERRANGE | STATUS_ERROR, 32_767));
        assert_eq!(reading(load_cell(16), -400.0), (STATUS_UNDERRANGE | STATUS_ERROR, -32_767));
        assert_eq!(reading(load_cell(16), f64::NAN), (STATUS_OVERRANGE | STATUS_ERROR, 32_767));
    }

    #[test]
    fn objects_show_the_channels() {
        let mut plant = Quantities::default();
        plant.add("ai.load_cell", 70.0);
        let mut twin = AnalogInTwin::new("ai1", identity(1), &[load_cell(16)], &plant).unwrap();
        twin.step(1_000_000, &mut plant);
        let mut data = [0; 8];
        assert_eq!(twin.object_read(0x6000, 0x11, &mut data), Ok(2));
        assert_eq!(data[..2], 7_100i16.to_le_bytes());
        assert_eq!(twin.object_read(0x6000, 2, &mut data), Err(SdoAbort::NO_SUBINDEX));
        assert_eq!(twin.object_read(0x6040, 0, &mut data), Err(SdoAbort::NO_OBJECT));
        assert_eq!(twin.object_read(0x6041, 0, &mut data), Err(SdoAbort::NO_OBJECT));
        assert_eq!(twin.object_write(0x6030, 0x11, &[0, 0]), Err(SdoAbort::READ_ONLY));
    }
}
