//! A curve: what one Capture kept, sample by sample, in the order of the cycles.
//!
//! Its bytes are canonical, so that their SHA-256 names it in the record (content-addressed): the
//! magic `CWCURVE1`, then little-endian `u32` sample count, `u32` lost-cycle count, and for each
//! sample `u64` time in ns since the first one, `f64` axis position (au), `f64` analog value (its own unit).

use sha2::{Digest, Sha256};

/// One sample: the state of the axis and of one analog channel in one cycle.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CurveSample {
    /// Time since the start of the capture, in ns.
    pub t_ns: u64,
    /// Actual position of the captured axis in its unit; 0 where no axis was captured.
    pub position_au: f64,
    /// Value of the captured analog channel in its unit (N, N·m, Pa).
    pub value: f64,
}

/// A finished curve. `lost_cycles` counts cycles whose inputs were stale while it ran, and those of a row that was not
/// run at all and is longer than what the cell bridges: with any, a measurement taken from the curve is invalid.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    pub samples: Vec<CurveSample>,
    pub lost_cycles: u32,
    /// The buffer was full and later samples are missing.
    pub truncated: bool,
}

const MAGIC: &[u8; 8] = b"CWCURVE1";
const SAMPLE_BYTES: usize = 24;

impl Curve {
    /// The canonical bytes; see the module text. A truncated curve counts one lost cycle more.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.samples.len() * SAMPLE_BYTES);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&(self.samples.len() as u32).to_le_bytes());
        out.extend_from_slice(&(self.lost_cycles.saturating_add(u32::from(self.truncated))).to_le_bytes());
        for s in &self.samples {
            out.extend_from_slice(&s.t_ns.to_le_bytes());
            out.extend_from_slice(&s.position_au.to_bits().to_le_bytes());
            out.extend_from_slice(&s.value.to_bits().to_le_bytes());
        }
        out
    }

    /// Reads canonical bytes; `None` if they are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Curve> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (head, body) = rest.split_at_checked(8)?;
        let count = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
        let lost_cycles = u32::from_le_bytes(head[4..].try_into().ok()?);
        if body.len() != count.checked_mul(SAMPLE_BYTES)? {
            return None;
        }
        let word = |s: &[u8], i: usize| s[i..i + 8].try_into().map(u64::from_le_bytes).ok();
        let samples = body
            .chunks_exact(SAMPLE_BYTES)
            .map(|s| {
                Some(CurveSample {
                    t_ns: word(s, 0)?,
                    position_au: f64::from_bits(word(s, 8)?),
                    value: f64::from_bits(word(s, 16)?),
                })
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Curve { samples, lost_cycles, truncated: false })
    }

    /// Lower-case hex SHA-256 of the canonical bytes.
    pub fn hash(&self) -> String {
        sha256_hex(&self.to_bytes())
    }
}

/// Lower-case hex SHA-256.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_back() {
        let curve = Curve {
            samples: vec![CurveSample { t_ns: 1_000_000, position_au: 12.4, value: -3.5 }],
            lost_cycles: 2,
            truncated: false,
        };
        assert_eq!(Curve::from_bytes(&curve.to_bytes()), Some(curve.clone()));
        assert_eq!(Curve::from_bytes(&curve.to_bytes()[..30]), None);
        assert_eq!(Curve::from_bytes(b"CWCURVE1"), None);
        assert_eq!(curve.hash().len(), 64);
    }
}
