//! The process image: inputs and outputs of every SubDevice, at places fixed when the bus is armed.

use core::ops::Range;

use super::{BusFault, Layout};

/// Most bytes of inputs and outputs together: two frames' worth, copied twice a cycle.
pub const IMAGE_BYTES_MAX: usize = 2048;

/// Inputs and outputs by position of their SubDevice. Its memory is allocated once, by `new`.
#[derive(Debug, Clone)]
pub struct ProcessImage {
    bytes: Box<[u8]>,
    inputs: Box<[Range<usize>]>,
    outputs: Box<[Range<usize>]>,
    fresh: bool,
    stale_cycles: u32,
}

impl ProcessImage {
    /// An image of zeros for `layout`. Fails if it exceeds [`IMAGE_BYTES_MAX`].
    pub fn new(layout: &Layout) -> Result<ProcessImage, BusFault> {
        let mut at = 0;
        let mut place = |len: usize| {
            let range = at..at + len;
            at += len;
            range
        };
        let inputs = layout.subdevices.iter().map(|s| place(s.inputs_len)).collect();
        let outputs = layout.subdevices.iter().map(|s| place(s.outputs_len)).collect();
        if at > IMAGE_BYTES_MAX {
            return Err(BusFault::ImageTooLarge { bytes: at, limit: IMAGE_BYTES_MAX });
        }
        Ok(ProcessImage { bytes: vec![0; at].into(), inputs, outputs, fresh: false, stale_cycles: 0 })
    }

    /// How many SubDevices it holds.
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    /// The last good inputs of the SubDevice at `position`; empty for one that has none.
    pub fn inputs(&self, position: usize) -> &[u8] {
        self.inputs.get(position).map_or(&[], |r| &self.bytes[r.clone()])
    }

    /// The outputs of the SubDevice at `position`, as last set.
    pub fn outputs(&self, position: usize) -> &[u8] {
        self.outputs.get(position).map_or(&[], |r| &self.bytes[r.clone()])
    }

    /// The outputs of the SubDevice at `position`, to be sent by the next exchange.
    pub fn outputs_mut(&mut self, position: usize) -> &mut [u8] {
        match self.outputs.get(position) {
            Some(r) => &mut self.bytes[r.clone()],
            None => &mut [],
        }
    }

    /// The inputs of the SubDevice at `position`, for the bus to fill.
    pub fn inputs_mut(&mut self, position: usize) -> &mut [u8] {
        match self.inputs.get(position) {
            Some(r) => &mut self.bytes[r.clone()],
            None => &mut [],
        }
    }

    /// Sets every output byte to zero. (A named output whose off state is 1 is encoded after this.)
    pub fn outputs_off(&mut self) {
        for r in &self.outputs {
            self.bytes[r.clone()].fill(0);
        }
    }

    /// Whether the inputs are those of the last exchange.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Exchanges since the inputs were last updated.
    pub fn stale_cycles(&self) -> u32 {
        self.stale_cycles
    }

    /// The bus says whether the exchange just made updated the inputs.
    pub fn mark(&mut self, fresh: bool) {
        self.fresh = fresh;
        self.stale_cycles = if fresh { 0 } else { self.stale_cycles.saturating_add(1) };
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Identity, SubDeviceLayout};
    use super::*;

    fn layout(sizes: &[(usize, usize)]) -> Layout {
        let identity = Identity { vendor: 1, product: 2, revision: 3, serial: 0 };
        let one = |&(inputs_len, outputs_len): &(usize, usize)| SubDeviceLayout {
            name: "x".to_owned(),
            identity,
            inputs_len,
            outputs_len,
            has_coe: false,
        };
        Layout::new(sizes.iter().map(one).collect())
    }

    #[test]
    fn places_do_not_overlap_and_the_wkc_follows_the_directions() {
        let layout = layout(&[(0, 0), (2, 0), (0, 2), (20, 10)]);
        assert_eq!(layout.expected_wkc, 1 + 2 + 3);
        let mut image = ProcessImage::new(&layout).unwrap();
        image.outputs_mut(3).fill(0xff);
        image.inputs_mut(1).fill(0x11);
        assert_eq!(image.inputs(1), [0x11; 2]);
        assert_eq!(image.outputs(2), [0; 2]);
        assert_eq!(image.inputs(3), [0; 20]);
        assert!(image.inputs(0).is_empty() && image.outputs(9).is_empty());
        image.outputs_off();
        assert_eq!(image.outputs(3), [0; 10]);
        assert_eq!(image.inputs(1), [0x11; 2]);
    }

    #[test]
    fn stale_exchanges_are_counted_until_a_fresh_one() {
        let mut image = ProcessImage::new(&layout(&[(1, 1)])).unwrap();
        assert!(!image.is_fresh(), "nothing was read yet");
        image.mark(false);
        image.mark(false);
        assert_eq!((image.is_fresh(), image.stale_cycles()), (false, 2));
        image.mark(true);
        assert_eq!((image.is_fresh(), image.stale_cycles()), (true, 0));
    }

    #[test]
    fn an_image_that_does_not_fit_is_refused() {
        let fault = ProcessImage::new(&layout(&[(1500, 600)])).unwrap_err();
        assert_eq!(fault, BusFault::ImageTooLarge { bytes: 2100, limit: 2048 });
    }
}
