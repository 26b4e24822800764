//! What a drive is told by SDO in PRE-OP, before its process data are mapped.

use cellwright_model::DurationNs;

/// One object, with its value in little-endian bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartUpObject {
    pub index: u16,
    pub sub: u8,
    bytes: [u8; 2],
    len: usize,
}

impl StartUpObject {
    fn new(index: u16, sub: u8, value: &[u8]) -> StartUpObject {
        let mut bytes = [0; 2];
        bytes[..value.len()].copy_from_slice(value);
        StartUpObject { index, sub, bytes, len: value.len() }
    }

    /// The value, as long as the object.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Start-up objects of one drive, in the order in which they are written (CiA 402-2):
/// - 0x6072, maximum torque in per mille of the rated one: the drive itself limits it, too;
/// - 0x60C2, interpolation time period: the time in which a drive in CSP goes from one target to the next.
///   With another one than the period of the cycle it would be at each target too early and then stop, or
///   never there.
///
/// Torques in N·m, both positive. A period that the object cannot express is left as the drive has it.
pub fn start_up(torque_max_nm: f64, torque_rated_nm: f64, period: DurationNs) -> Vec<StartUpObject> {
    // The cast saturates.
    let per_mille = (1000.0 * torque_max_nm / torque_rated_nm).round() as u16;
    let mut objects = vec![StartUpObject::new(0x6072, 0, &per_mille.to_le_bytes())];
    if let Some((units, exponent)) = interpolation(period) {
        objects.push(StartUpObject::new(0x60C2, 1, &[units]));
        objects.push(StartUpObject::new(0x60C2, 2, &exponent.to_le_bytes()));
    }
    objects
}

/// Units and the power of ten of a second that they are, the coarsest that is exact.
fn interpolation(period: DurationNs) -> Option<(u8, i8)> {
    (3..=9).find_map(|digits: i8| {
        let unit_ns = 10u64.pow(9 - digits as u32);
        let units = u8::try_from(period.0 / unit_ns).ok()?;
        (units > 0 && period.0.is_multiple_of(unit_ns)).then_some((units, -digits))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_exact_or_left_alone() {
        let of = |us: u64| interpolation(DurationNs(us * 1_000));
        assert_eq!(of(1_000), Some((1, -3)));
        assert_eq!(of(2_000), Some((2, -3)));
        assert_eq!(of(10_000), Some((10, -3)));
        assert_eq!(of(500), Some((5, -4)));
        assert_eq!(of(250), Some((25, -5)));
        assert_eq!(of(125), Some((125, -6)));
        assert_eq!(of(333), None);
        assert_eq!(of(0), None);
    }

    #[test]
    fn objects_have_the_bytes_of_their_types() {
        let objects = start_up(1.6, 0.64, DurationNs::from_millis(2));
        let shown: Vec<_> = objects.iter().map(|o| (o.index, o.sub, o.bytes().to_vec())).collect();
        let period = [(0x60C2, 1, vec![2]), (0x60C2, 2, vec![0xFD])];
        assert_eq!(shown[0], (0x6072, 0, 2500u16.to_le_bytes().to_vec()));
        assert_eq!(shown[1..], period);
    }
}
