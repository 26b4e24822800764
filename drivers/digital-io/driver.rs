//! Drivers of simple digital terminals with 16 channels: two bytes of process data, bit n = channel n,
//! no mailbox. Outputs are off while the SubDevice is not in OP and when its watchdog expires
//! (ETG.1000.4, 5.8 watchdogs; ETG.1000.6, 6.1).

use cellwright_driver_api::cyclic::{DigitalInputDriver, DigitalOutputDriver};

const CHANNELS: u8 = 16;
const BYTES: usize = 2;

/// 16 digital inputs.
#[derive(Debug, Clone, Copy, Default)]
pub struct DigitalInput16;

impl DigitalInputDriver for DigitalInput16 {
    fn input_bytes(&self) -> usize {
        BYTES
    }
    fn channels(&self) -> u8 {
        CHANNELS
    }
    /// Too few bytes read as all off.
    fn decode(&mut self, inputs: &[u8]) -> u64 {
        match inputs {
            [lo, hi, ..] => u64::from(u16::from_le_bytes([*lo, *hi])),
            _ => 0,
        }
    }
}

/// 16 digital outputs.
#[derive(Debug, Clone, Copy, Default)]
pub struct DigitalOutput16;

impl DigitalOutputDriver for DigitalOutput16 {
    fn output_bytes(&self) -> usize {
        BYTES
    }
    fn channels(&self) -> u8 {
        CHANNELS
    }
    fn encode(&mut self, word: u64, outputs: &mut [u8]) {
        if let Some(bytes) = outputs.first_chunk_mut::<BYTES>() {
            *bytes = (word as u16).to_le_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_n_is_bit_n() {
        assert_eq!(DigitalInput16.decode(&[0x01, 0x80]), 0x8001);
        let mut bytes = [0xff; 2];
        DigitalOutput16.encode(0xfff4_0102, &mut bytes);
        assert_eq!(bytes, [0x02, 0x01], "bits above the channels are not written");
    }

    #[test]
    fn too_few_bytes_are_neither_read_nor_written() {
        assert_eq!(DigitalInput16.decode(&[0xff]), 0);
        let mut one = [0x55];
        DigitalOutput16.encode(0xffff, &mut one);
        assert_eq!(one, [0x55]);
    }
}
