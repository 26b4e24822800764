//! Twins of the coupler, the 16-channel input and the 16-channel output terminal: simple SubDevices
//! without a mailbox, one bit a channel.
//!
//! Input `<name>` follows the plant quantity `di.<name>`, output `<name>` drives `do.<name>`; both are
//! 1 for on. A channel without a name is not wired: an input reads 0.

use cellwright_driver_api::twin::{
    DataType, Description, Identity, Pdo, PdoEntry, PlantIx, PlantPort, SubDeviceModel, TWIN_VENDOR,
    UnresolvedQuantity, require,
};

/// Channels of a terminal.
pub const CHANNELS: usize = 16;
/// Order names, and the identities that a twin has unless the cell says otherwise.
pub const COUPLER_NAME: &str = "CW-CP100";
pub const COUPLER_PRODUCT: u32 = 0x0000_0100;
pub const INPUTS_NAME: &str = "CW-DI16";
pub const INPUTS_PRODUCT: u32 = 0x0000_1016;
pub const OUTPUTS_NAME: &str = "CW-DO16";
pub const OUTPUTS_PRODUCT: u32 = 0x0000_2016;
pub const REVISION: u32 = 0x0001_0000;

/// Plant level above which a digital input reads 1.
const THRESHOLD: f64 = 0.5;

/// Identity of a twin of this family.
pub const fn identity(product: u32, serial: u32) -> Identity {
    Identity { vendor: TWIN_VENDOR, product, revision: REVISION, serial }
}

fn description(name: &str, identity: Identity) -> Description {
    Description {
        name: name.to_owned(),
        identity,
        device_type: 0x0000_1389,
        hardware_version: "1",
        software_version: "1",
        mailbox: None,
        rx_pdos: Vec::new(),
        tx_pdos: Vec::new(),
    }
}

/// One PDO of sixteen bits, objects `index`:01 to :10.
fn channel_pdo(pdo: u16, name: &'static str, index: u16) -> Pdo {
    let entries = (1..=CHANNELS as u8).map(|sub| PdoEntry::new(index, sub, DataType::Bool, "")).collect();
    Pdo { index: pdo, name, entries }
}

/// Resolves the named channels of a terminal; places beyond `names` are not wired.
fn channels(
    prefix: &str,
    device: &str,
    names: &[Option<String>],
    plant: &dyn PlantPort,
) -> Result<[Option<PlantIx>; CHANNELS], UnresolvedQuantity> {
    let mut channels = [None; CHANNELS];
    for (channel, name) in channels.iter_mut().zip(names) {
        if let Some(name) = name {
            *channel = Some(require(plant, device, format!("{prefix}.{name}"))?);
        }
    }
    Ok(channels)
}

/// A bus coupler: forwards frames, has no process data.
#[derive(Debug, Clone)]
pub struct CouplerTwin {
    description: Description,
}

impl CouplerTwin {
    pub fn new(identity: Identity) -> CouplerTwin {
        CouplerTwin { description: description(COUPLER_NAME, identity) }
    }
}

impl SubDeviceModel for CouplerTwin {
    fn description(&self) -> &Description {
        &self.description
    }
    fn outputs(&mut self, _data: &[u8]) {}
    fn outputs_off(&mut self) {}
    fn inputs(&self, _data: &mut [u8]) {}
    fn step(&mut self, _dt_ns: u64, _plant: &mut dyn PlantPort) {}
    fn power_cycle(&mut self) {}
}

/// Sixteen digital inputs: TxPDO 0x1A00, objects 0x6000:01 to :10, channel 1 in bit 0.
#[derive(Debug, Clone)]
pub struct DigitalInputTwin {
    description: Description,
    channels: [Option<PlantIx>; CHANNELS],
    levels: u16,
}

impl DigitalInputTwin {
    /// `names`: of channel 1 onwards, without the prefix `di.`.
    ///
    /// # Errors
    /// A name that the plant does not have.
    pub fn new(
        device: &str,
        identity: Identity,
        names: &[Option<String>],
        plant: &dyn PlantPort,
    ) -> Result<DigitalInputTwin, UnresolvedQuantity> {
        let mut description = description(INPUTS_NAME, identity);
        description.tx_pdos = vec![channel_pdo(0x1A00, "Inputs", 0x6000)];
        let channels = channels("di", device, names, plant)?;
        Ok(DigitalInputTwin { description, channels, levels: 0 })
    }
}

impl SubDeviceModel for DigitalInputTwin {
    fn description(&self) -> &Description {
        &self.description
    }
    fn outputs(&mut self, _data: &[u8]) {}
    fn outputs_off(&mut self) {}
    fn inputs(&self, data: &mut [u8]) {
        for (to, from) in data.iter_mut().zip(self.levels.to_le_bytes()) {
            *to = from;
        }
    }
    fn step(&mut self, _dt_ns: u64, plant: &mut dyn PlantPort) {
        self.levels = self.channels.iter().enumerate().fold(0, |levels, (bit, channel)| {
            let on = channel.is_some_and(|ix| plant.get(ix) > THRESHOLD);
            levels | u16::from(on) << bit
        });
    }
    fn power_cycle(&mut self) {
        self.levels = 0;
    }
}

/// Sixteen digital outputs: RxPDO 0x1600, objects 0x7000:01 to :10, channel 1 in bit 0.
/// Their defined off state is 0.
#[derive(Debug, Clone)]
pub struct DigitalOutputTwin {
    description: Description,
    channels: [Option<PlantIx>; CHANNELS],
    levels: u16,
}

impl DigitalOutputTwin {
    /// `names`: of channel 1 onwards, without the prefix `do.`.
    ///
    /// # Errors
    /// A name that the plant does not have.
    pub fn new(
        device: &str,
        identity: Identity,
        names: &[Option<String>],
        plant: &dyn PlantPort,
    ) -> Result<DigitalOutputTwin, UnresolvedQuantity> {
        let mut description = description(OUTPUTS_NAME, identity);
        description.rx_pdos = vec![channel_pdo(0x1600, "Outputs", 0x7000)];
        let channels = channels("do", device, names, plant)?;
        Ok(DigitalOutputTwin { description, channels, levels: 0 })
    }
}

impl SubDeviceModel for DigitalOutputTwin {
    fn description(&self) -> &Description {
        &self.description
    }
    fn outputs(&mut self, data: &[u8]) {
        if let Some(levels) = data.first_chunk() {
            self.levels = u16::from_le_bytes(*levels);
        }
    }
    fn outputs_off(&mut self) {
        self.levels = 0;
    }
    fn inputs(&self, _data: &mut [u8]) {}
    fn step(&mut self, _dt_ns: u64, plant: &mut dyn PlantPort) {
        for (bit, channel) in self.channels.iter().enumerate() {
            if let Some(ix) = channel {
                plant.set(*ix, f64::from(self.levels >> bit & 1));
            }
        }
    }
    fn power_cycle(&mut self) {
        self.levels = 0;
    }
}

#[cfg(test)]
mod tests {
    use cellwright_driver_api::twin::Quantities;

    use super::*;

    fn names(wired: &[(usize, &str)]) -> Vec<Option<String>> {
        (0..CHANNELS).map(|i| wired.iter().find(|(at, _)| *at == i).map(|(_, n)| (*n).to_owned())).collect()
    }

    #[test]
    fn inputs_follow_the_plant() {
        let mut plant = Quantities::default();
        let gate = plant.add("di.gate", 1.0);
        plant.add("di.nest", 1.0);
        let mut twin = DigitalInputTwin::new(
            "di1",
            identity(INPUTS_PRODUCT, 7),
            &names(&[(0, "gate"), (15, "nest")]),
            &plant,
        )
        .unwrap();
        let mut data = [0xFF; 2];
        twin.step(1_000_000, &mut plant);
        twin.inputs(&mut data);
        assert_eq!(data, [0x01, 0x80]);
        plant.set(gate, 0.0);
        twin.step(1_000_000, &mut plant);
        twin.inputs(&mut data);
        assert_eq!(data, [0x00, 0x80]);
    }

    #[test]
    fn outputs_drive_the_plant_and_go_off() {
        let mut plant = Quantities::default();
        let valve = plant.add("do.valve", 0.0);
        let mut twin =
            DigitalOutputTwin::new("do1", identity(OUTPUTS_PRODUCT, 8), &names(&[(9, "valve")]), &plant)
                .unwrap();
        assert_eq!(twin.description().output_bytes(), 2);
        twin.outputs(&[0x00, 0x02]);
        twin.step(1_000_000, &mut plant);
        assert_eq!(plant.get(valve), 1.0);
        twin.outputs_off();
        twin.step(1_000_000, &mut plant);
        assert_eq!(plant.get(valve), 0.0);
    }

    #[test]
    fn an_unknown_signal_is_refused() {
        let plant = Quantities::default();
        let e = DigitalInputTwin::new("di1", identity(INPUTS_PRODUCT, 1), &names(&[(3, "gate")]), &plant)
            .unwrap_err();
        assert_eq!(e, UnresolvedQuantity { device: "di1".into(), quantity: "di.gate".into() });
    }
}
