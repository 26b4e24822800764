//! What a drive is told by SDO in PRE-OP, before its process data are mapped.

use cellwright_model::DurationNs;
use cellwright_model::pdos::{FixedPdos, Pdos};
use cellwright_model::reference::Homing;

/// Assignment of RxPDOs and of TxPDOs (ETG.1000.6, 5.6.7.4).
const RX_ASSIGNMENT: u16 = 0x1C12;
const TX_ASSIGNMENT: u16 = 0x1C13;

/// One object, with its value in little-endian bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartUpObject {
    pub index: u16,
    pub sub: u8,
    /// It is read and has to be so, instead of being written.
    pub check: bool,
    bytes: [u8; 4],
    len: usize,
}

impl StartUpObject {
    fn new(index: u16, sub: u8, value: &[u8]) -> StartUpObject {
        let mut bytes = [0; 4];
        bytes[..value.len()].copy_from_slice(value);
        StartUpObject { index, sub, check: false, bytes, len: value.len() }
    }

    /// The value, as long as the object.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The drive bounds its speed this far above the highest velocity of its axis: regulation overshoots a little.
/// The guard of the cycle acts at a higher one, so that the drive bounds first.
const SPEED_MARGIN: f64 = 1.1;
/// The drive's own following error window is this much wider than what the cycle permits, which so acts first.
const WINDOW_MARGIN: f64 = 1.5;
/// Time for which the following error may be outside of the drive's window, ms.
const WINDOW_TIME_MS: u16 = 10;
const CSP: i8 = 8;

/// What a drive has to know of its axis beforehand; all positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AxisBounds {
    pub counts_per_au: f64,
    pub torque_max_nm: f64,
    pub torque_rated_nm: f64,
    /// au/s.
    pub velocity_max: f64,
    /// au.
    pub following_error_max: f64,
    /// Of the cycle.
    pub period: DurationNs,
}

/// Start-up objects of one drive, in the order in which they are written (CiA 402-2):
/// - 0x6072, maximum torque in per mille of the rated one: the drive itself limits it, too;
/// - 0x6080, maximum motor speed, in the velocity units of 0x606C (counts/s): what bounds an axis under torque;
/// - 0x6065 and 0x6066, following error window and time-out: the drive's own watch, behind that of the cycle;
/// - 0x60C2, interpolation time period: the time in which a drive in CSP goes from one target to the next.
///   With another one than the period of the cycle it would be at each target too early and then stop, or
///   never there;
/// - 0x6060, mode CSP, if its process data do not carry the mode.
///
/// A period that the object cannot express is left as the drive has it.
pub fn start_up(axis: &AxisBounds, mode_by_sdo: bool) -> Vec<StartUpObject> {
    // The casts saturate.
    let per_mille = (1000.0 * axis.torque_max_nm / axis.torque_rated_nm).round() as u16;
    let counts = |au: f64| (au * axis.counts_per_au).round() as u32;
    let speed = counts(axis.velocity_max * SPEED_MARGIN).max(1);
    let window = counts(axis.following_error_max * WINDOW_MARGIN);
    let mut objects = vec![
        StartUpObject::new(0x6072, 0, &per_mille.to_le_bytes()),
        StartUpObject::new(0x6080, 0, &speed.to_le_bytes()),
        StartUpObject::new(0x6065, 0, &window.to_le_bytes()),
        StartUpObject::new(0x6066, 0, &WINDOW_TIME_MS.to_le_bytes()),
    ];
    if let Some((units, exponent)) = interpolation(axis.period) {
        objects.push(StartUpObject::new(0x60C2, 1, &[units]));
        objects.push(StartUpObject::new(0x60C2, 2, &exponent.to_le_bytes()));
    }
    if mode_by_sdo {
        objects.push(StartUpObject::new(0x6060, 0, &CSP.to_le_bytes()));
    }
    objects
}

/// Objects of homing: 0x6098 the method, 0x6099 the speeds, 0x609A the acceleration, and 0x607C, the way from home
/// to the zero of the positions, which is the opposite of the position that home has (CiA 402-2, mode hm).
pub fn homing(h: &Homing, counts_per_au: f64) -> Vec<StartUpObject> {
    // The casts saturate.
    let counts = |au: f64| ((au * counts_per_au).round() as u32).max(1).to_le_bytes();
    let offset = (-h.found_au * counts_per_au).round() as i32;
    vec![
        StartUpObject::new(0x6098, 0, &h.method.code().to_le_bytes()),
        StartUpObject::new(0x6099, 1, &counts(h.switch_speed)),
        StartUpObject::new(0x6099, 2, &counts(h.zero_speed)),
        StartUpObject::new(0x609A, 0, &counts(h.acceleration)),
        StartUpObject::new(0x607C, 0, &offset.to_le_bytes()),
    ]
}

/// How a drive comes to the process data that the cell file says, in the order that ETG.1020 prescribes: nothing
/// assigned, each mapping emptied, filled and closed, then what is assigned. What the drive lets nobody write is
/// read instead: it has to be so already.
pub fn assignment(pdos: &Pdos) -> Vec<StartUpObject> {
    let maps = pdos.fixed.is_none();
    let assigns = pdos.fixed != Some(FixedPdos::Assignment);
    let byte = |index, sub, value: usize, write: bool| {
        // No list of a PDO is longer than a byte counts: the cell file is held to less.
        StartUpObject { check: !write, ..StartUpObject::new(index, sub, &[value as u8]) }
    };
    let directions = [(RX_ASSIGNMENT, &pdos.rx), (TX_ASSIGNMENT, &pdos.tx)];
    let mut objects = Vec::new();
    if assigns {
        objects.extend(directions.map(|(list, _)| byte(list, 0, 0, true)));
    }
    for pdo in directions.iter().flat_map(|(_, pdos)| *pdos) {
        if maps {
            objects.push(byte(pdo.index, 0, 0, true));
        }
        objects.extend(pdo.entries.iter().zip(1..).map(|(entry, sub)| StartUpObject {
            check: !maps,
            ..StartUpObject::new(pdo.index, sub, &entry.code().to_le_bytes())
        }));
        objects.push(byte(pdo.index, 0, pdo.entries.len(), maps));
    }
    for (list, pdos) in directions {
        objects.extend(pdos.iter().zip(1..).map(|(pdo, sub)| StartUpObject {
            check: !assigns,
            ..StartUpObject::new(list, sub, &pdo.index.to_le_bytes())
        }));
        objects.push(byte(list, 0, pdos.len(), assigns));
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
    use cellwright_model::pdos::{Mapped, PdoMap};

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
        let axis = AxisBounds {
            counts_per_au: 1_000.0,
            torque_max_nm: 1.6,
            torque_rated_nm: 0.64,
            velocity_max: 200.0,
            following_error_max: 2.0,
            period: DurationNs::from_millis(2),
        };
        let shown = |by_sdo| -> Vec<_> {
            start_up(&axis, by_sdo).iter().map(|o| (o.index, o.sub, o.bytes().to_vec())).collect()
        };
        let told = [
            (0x6072, 0, 2_500u16.to_le_bytes().to_vec()),
            (0x6080, 0, 220_000u32.to_le_bytes().to_vec()),
            (0x6065, 0, 3_000u32.to_le_bytes().to_vec()),
            (0x6066, 0, 10u16.to_le_bytes().to_vec()),
            (0x60C2, 1, vec![2]),
            (0x60C2, 2, vec![0xFD]),
        ];
        assert_eq!(shown(false), told);
        assert_eq!(shown(true).last(), Some(&(0x6060, 0, vec![8])));
    }

    #[test]
    fn process_data_are_assigned_in_the_order_of_the_standard_or_looked_at() {
        let pdo = |index, object, bits| PdoMap { index, entries: vec![Mapped::new(object, 0, bits)] };
        let of = |fixed| -> Vec<String> {
            let pdos = Pdos { rx: vec![pdo(0x1600, 0x6040, 16)], tx: vec![pdo(0x1A00, 0x6064, 32)], fixed };
            let shown = |o: &StartUpObject| {
                let value = o.bytes().iter().rev().map(|b| format!("{b:02x}")).collect::<String>();
                format!("{:04x}:{}{}{value}", o.index, o.sub, if o.check { "?" } else { "=" })
            };
            assignment(&pdos).iter().map(shown).collect()
        };
        let ends = ["1c12:1=1600", "1c12:0=01", "1c13:1=1a00", "1c13:0=01"];
        let begins = ["1c12:0=00", "1c13:0=00"];
        let writes =
            ["1600:0=00", "1600:1=60400010", "1600:0=01", "1a00:0=00", "1a00:1=60640020", "1a00:0=01"];
        let looks = ["1600:1?60400010", "1600:0?01", "1a00:1?60640020", "1a00:0?01"];
        assert_eq!(of(None), [&begins[..], &writes, &ends].concat());
        assert_eq!(of(Some(FixedPdos::Mapping)), [&begins[..], &looks, &ends].concat());
        let ends: Vec<_> = ends.iter().map(|e| e.replace('=', "?")).collect();
        assert_eq!(of(Some(FixedPdos::Assignment))[4..], ends);
    }
}
