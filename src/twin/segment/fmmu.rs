//! FMMUs map bits of the logical process image onto memory of the SubDevice (ETG.1000.4, clause 6.6).

use super::subdevice::SubDevice;

/// Most bytes that one bitwise mapping moves: what fits a frame. (Mappings of whole bytes have no
/// such bound, they are copied in place.)
const MAX_BITWISE_BYTES: usize = 1_500;

/// One decoded FMMU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fmmu {
    active: bool,
    reads: bool,
    writes: bool,
    logical: u32,
    /// Bytes of the logical range, begun ones included.
    len: u16,
    start_bit: u8,
    end_bit: u8,
    physical: u16,
    physical_bit: u8,
}

/// The part of a datagram that a mapping of whole bytes covers.
struct Overlap {
    /// First byte in the datagram.
    from: usize,
    to: usize,
    /// Memory address of the first byte.
    physical: u16,
}

impl Fmmu {
    pub(super) fn decode(r: &[u8]) -> Fmmu {
        Fmmu {
            logical: u32::from_le_bytes([r[0], r[1], r[2], r[3]]),
            len: u16::from_le_bytes([r[4], r[5]]),
            start_bit: r[6] & 7,
            end_bit: r[7] & 7,
            physical: u16::from_le_bytes([r[8], r[9]]),
            physical_bit: r[10] & 7,
            reads: r[11] & 1 != 0,
            writes: r[11] & 2 != 0,
            active: r[12] & 1 != 0 && r[4..6] != [0, 0],
        }
    }

    fn is_bytewise(&self) -> bool {
        self.start_bit == 0 && self.end_bit == 7 && self.physical_bit == 0
    }

    /// Bits mapped.
    fn bits(&self) -> usize {
        let whole = usize::from(self.len) * 8;
        whole.saturating_sub(usize::from(self.start_bit) + 7 - usize::from(self.end_bit))
    }

    fn overlap(&self, address: u32, len: usize) -> Option<Overlap> {
        let (a, m) = (u64::from(address), u64::from(self.logical));
        let from = a.max(m);
        let to = (a + len as u64).min(m + u64::from(self.len));
        let physical = u64::from(self.physical) + from.saturating_sub(m);
        (from < to && physical <= u64::from(u16::MAX)).then(|| Overlap {
            from: (from - a) as usize,
            to: (to - a) as usize,
            physical: physical as u16,
        })
    }
}

impl SubDevice {
    /// A logical command passes: `data` is the image from `address` on. Returns whether something
    /// was read into it and whether something was written from it.
    pub(super) fn logical(
        &mut self,
        address: u32,
        data: &mut [u8],
        reads: bool,
        writes: bool,
    ) -> (bool, bool) {
        let (mut read, mut written) = (false, false);
        // Writes first: memory takes what the MainDevice sent, not what was just read.
        for i in 0..self.esc.fmmus.len() {
            let fmmu = self.esc.fmmus[i];
            if writes && fmmu.active && fmmu.writes {
                written |= self.logical_write(&fmmu, address, data);
            }
        }
        for i in 0..self.esc.fmmus.len() {
            let fmmu = self.esc.fmmus[i];
            if reads && fmmu.active && fmmu.reads {
                read |= self.logical_read(&fmmu, address, data);
            }
        }
        (read, written)
    }

    fn logical_read(&mut self, fmmu: &Fmmu, address: u32, data: &mut [u8]) -> bool {
        let Some(o) = fmmu.overlap(address, data.len()) else { return false };
        if fmmu.is_bytewise() {
            return self.read(o.physical, &mut data[o.from..o.to]);
        }
        let mut held = [0u8; MAX_BITWISE_BYTES];
        let bytes = (usize::from(fmmu.physical_bit) + fmmu.bits()).div_ceil(8);
        let Some(held) = held.get_mut(..bytes) else { return false };
        if !self.read(fmmu.physical, held) {
            return false;
        }
        each_bit(fmmu, address, data.len(), |image, memory| {
            let bit = held[memory / 8] >> (memory % 8) & 1;
            let byte = &mut data[image / 8];
            *byte = *byte & !(1 << (image % 8)) | bit << (image % 8);
        })
    }

    fn logical_write(&mut self, fmmu: &Fmmu, address: u32, data: &[u8]) -> bool {
        let Some(o) = fmmu.overlap(address, data.len()) else { return false };
        if fmmu.is_bytewise() {
            return self.write(o.physical, &data[o.from..o.to]);
        }
        let mut held = [0u8; MAX_BITWISE_BYTES];
        let bytes = (usize::from(fmmu.physical_bit) + fmmu.bits()).div_ceil(8);
        let (start, Some(held)) = (usize::from(fmmu.physical), held.get_mut(..bytes)) else { return false };
        // Neighbouring bits keep their value.
        let Some(memory) = self.esc.memory.get(start..start + bytes) else { return false };
        held.copy_from_slice(memory);
        let any = each_bit(fmmu, address, data.len(), |image, memory| {
            let bit = data[image / 8] >> (image % 8) & 1;
            let byte = &mut held[memory / 8];
            *byte = *byte & !(1 << (memory % 8)) | bit << (memory % 8);
        });
        any && self.write(fmmu.physical, held)
    }
}

/// Calls `f` with (bit of the datagram, bit from the FMMU's first memory byte) for each mapped bit
/// inside the datagram; false if there is none.
fn each_bit(fmmu: &Fmmu, address: u32, len: usize, mut f: impl FnMut(usize, usize)) -> bool {
    let first = u64::from(fmmu.logical) * 8 + u64::from(fmmu.start_bit);
    let origin = u64::from(address) * 8;
    let image = origin..origin + len as u64 * 8;
    let mut any = false;
    for i in 0..fmmu.bits() {
        let bit = first + i as u64;
        if image.contains(&bit) {
            f((bit - origin) as usize, usize::from(fmmu.physical_bit) + i);
            any = true;
        }
    }
    any
}
