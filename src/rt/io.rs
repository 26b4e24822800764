//! Named signals: from the bytes of digital and analog SubDevices to words and values of the cell
//! description, and back. Every place is resolved once, when the cycle is made.

use cellwright_driver_api::cyclic::CyclicDriver;
use cellwright_model::cell::Cell;
use cellwright_model::limits::{ANALOG_MAX, DIGITAL_MAX, SUBDEVICES_MAX};
use cellwright_model::{AnalogId, InputId};

use crate::bus::ProcessImage;

/// Analog values of one cycle in the units of the cell description.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Analogs {
    pub(crate) values: [f64; ANALOG_MAX],
    /// Bit = `AnalogId`: in range and without an error of the converter.
    pub(crate) valid: u64,
}

impl Analogs {
    /// The value, if it is trusted.
    pub(crate) fn get(&self, id: AnalogId) -> Option<f64> {
        (self.valid >> id.index().min(63) & 1 == 1).then(|| self.values.get(id.index()).copied())?
    }
}

#[derive(Debug, Clone, Copy)]
struct Bit {
    position: usize,
    bit: u8,
}

#[derive(Debug, Clone, Copy)]
struct Channel {
    position: usize,
    channel: u8,
    scale: f64,
    offset: f64,
    lo: f64,
    hi: f64,
}

/// The named signals.
pub(crate) struct Signals {
    input_bits: Vec<Bit>,
    output_bits: Vec<Bit>,
    channels: Vec<Channel>,
    safety: u64,
    /// Bit = `OutputId` of lamps and buzzer: they show something to people and move nothing.
    pub(crate) panel: u64,
    off_word: u64,
    /// Bit = `InputId`, `OutputId`.
    pub(crate) inputs: u64,
    pub(crate) outputs: u64,
    pub(crate) analogs: Analogs,
}

impl Signals {
    /// The description was checked by [`crate::cycle::Cycle::new`].
    pub(crate) fn new(cell: &Cell) -> Signals {
        let off = |word: u64, (i, o): (usize, &cellwright_model::cell::DigitalOutput)| {
            word | u64::from(o.off_state) << i
        };
        let off_word = cell.digital_outputs.iter().enumerate().fold(0, off);
        Signals {
            input_bits: cell
                .digital_inputs
                .iter()
                .map(|i| Bit { position: i.subdevice, bit: i.bit })
                .collect(),
            output_bits: cell
                .digital_outputs
                .iter()
                .map(|o| Bit { position: o.subdevice, bit: o.bit })
                .collect(),
            channels: cell
                .analogs
                .iter()
                .map(|a| Channel {
                    position: a.subdevice,
                    channel: a.channel,
                    scale: a.scale,
                    offset: a.offset,
                    lo: a.range_lo,
                    hi: a.range_hi,
                })
                .collect(),
            safety: cell.safety.iter().fold(0, |word, id| word | 1 << id.index()),
            panel: cell
                .panel
                .outputs()
                .fold(0, |word, id| word | 1u64.checked_shl(u32::from(id.0)).unwrap_or(0)),
            off_word,
            inputs: 0,
            outputs: off_word,
            analogs: Analogs { values: [0.0; ANALOG_MAX], valid: 0 },
        }
    }

    pub(crate) fn has_analog(&self, id: AnalogId) -> bool {
        id.index() < self.channels.len()
    }

    /// Bits of outputs that exist.
    pub(crate) fn output_mask(&self) -> u64 {
        match self.output_bits.len() {
            DIGITAL_MAX.. => u64::MAX,
            n => (1 << n) - 1,
        }
    }

    /// The first safety input that is off, if one is (house rule 9).
    pub(crate) fn safety_lost(&self) -> Option<InputId> {
        let off = self.safety & !self.inputs;
        (off != 0).then(|| InputId(off.trailing_zeros() as u16))
    }

    /// Every output to its defined off state.
    pub(crate) fn off(&mut self) {
        self.outputs = self.off_word;
    }

    /// Reads the inputs of a valid exchange.
    pub(crate) fn decode(&mut self, drivers: &mut [CyclicDriver], image: &ProcessImage) {
        let mut words = [0u64; SUBDEVICES_MAX];
        for (position, driver) in drivers.iter_mut().enumerate().take(SUBDEVICES_MAX) {
            if let CyclicDriver::DigitalInputs(d) = driver {
                words[position] = d.decode(image.inputs(position));
            }
        }
        self.inputs =
            gather(&self.input_bits, |b| words.get(b.position).is_some_and(|w| w >> b.bit & 1 == 1));
        for (i, c) in self.channels.iter().enumerate() {
            let Some(CyclicDriver::AnalogInputs(d)) = drivers.get_mut(c.position) else { continue };
            let sample = d.decode(image.inputs(c.position), c.channel);
            let value = f64::from(sample.counts) * c.scale + c.offset;
            let valid = sample.valid && (c.lo..=c.hi).contains(&value);
            self.analogs.values[i] = value;
            self.analogs.valid = self.analogs.valid & !(1 << i) | u64::from(valid) << i;
        }
    }

    /// Writes the outputs of the next exchange.
    pub(crate) fn encode(&self, drivers: &mut [CyclicDriver], image: &mut ProcessImage) {
        let mut words = [0u64; SUBDEVICES_MAX];
        for (i, b) in self.output_bits.iter().enumerate() {
            if let Some(word) = words.get_mut(b.position) {
                *word |= (self.outputs >> i & 1) << b.bit;
            }
        }
        for (position, driver) in drivers.iter_mut().enumerate().take(SUBDEVICES_MAX) {
            if let CyclicDriver::DigitalOutputs(d) = driver {
                d.encode(words[position], image.outputs_mut(position));
            }
        }
    }
}

fn gather(bits: &[Bit], on: impl Fn(&Bit) -> bool) -> u64 {
    bits.iter().enumerate().fold(0, |word, (i, b)| word | u64::from(on(b)) << i)
}
