//! Driver of an analog input terminal with four channels. Each has four bytes of process data, little
//! endian: a status word (bit 0 underrange, bit 1 overrange, bit 6 error) and the converter's value as
//! `i16`. What a count means (N, N·m, Pa) stands in the cell file.

use cellwright_driver_api::cyclic::{AnalogInputDriver, AnalogSample};

/// Channels of the terminal.
pub const CHANNELS: u8 = 4;
const CHANNEL_BYTES: usize = 4;
/// Underrange, overrange, error: the value is not to be trusted.
const NOT_TRUSTED: u16 = 0x0043;

/// Four analog inputs.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnalogInput4;

impl AnalogInputDriver for AnalogInput4 {
    fn input_bytes(&self) -> usize {
        usize::from(CHANNELS) * CHANNEL_BYTES
    }
    fn channels(&self) -> u8 {
        CHANNELS
    }
    fn decode(&mut self, inputs: &[u8], channel: u8) -> AnalogSample {
        let at = usize::from(channel) * CHANNEL_BYTES;
        match inputs.get(at..at + CHANNEL_BYTES) {
            Some(&[s0, s1, v0, v1]) if channel < CHANNELS => AnalogSample {
                counts: i32::from(i16::from_le_bytes([v0, v1])),
                valid: u16::from_le_bytes([s0, s1]) & NOT_TRUSTED == 0,
            },
            _ => AnalogSample::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_bits_decide_what_is_trusted() {
        let mut inputs = [0u8; 16];
        inputs[4..8].copy_from_slice(&[0x00, 0x00, 0x18, 0xfc]);
        assert_eq!(AnalogInput4.decode(&inputs, 1), AnalogSample { counts: -1000, valid: true });
        for bit in [0x01, 0x02, 0x40] {
            inputs[4] = bit;
            assert!(!AnalogInput4.decode(&inputs, 1).valid, "status bit {bit:#x}");
        }
        // Other bits of the status (limit switches, toggle) say nothing about trust.
        inputs[4] = 0x3c;
        inputs[5] = 0x80;
        assert!(AnalogInput4.decode(&inputs, 1).valid);
    }

    #[test]
    fn a_channel_without_bytes_is_not_trusted() {
        assert!(!AnalogInput4.decode(&[0; 16], 4).valid);
        assert!(!AnalogInput4.decode(&[0; 20], 4).valid);
        assert!(!AnalogInput4.decode(&[0; 7], 1).valid);
    }
}
