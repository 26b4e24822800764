//! Process data objects (PDOs) as a cell file assigns them (ETG.1000.6, 5.6.7.4), and what those of a servo
//! drive carry.
//!
//! Terms: an *RxPDO* carries outputs of the MainDevice, a *TxPDO* its inputs. The *mapping* (0x16xx, 0x1Axx)
//! says which objects stand in a PDO, the *assignment* (0x1C12, 0x1C13) which PDOs are exchanged.

use serde::{Deserialize, Serialize};

/// One object in a PDO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapped {
    /// 0: a gap.
    pub index: u16,
    pub sub: u8,
    pub bits: u8,
}

impl Mapped {
    pub const fn new(index: u16, sub: u8, bits: u8) -> Mapped {
        Mapped { index, sub, bits }
    }
    pub const fn gap(bits: u8) -> Mapped {
        Mapped { index: 0, sub: 0, bits }
    }
    /// A subindex of the mapping object: index, subindex, length in bits.
    pub const fn code(self) -> u32 {
        (self.index as u32) << 16 | (self.sub as u32) << 8 | self.bits as u32
    }
}

/// A PDO with its mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PdoMap {
    pub index: u16,
    pub entries: Vec<Mapped>,
}

/// What of its PDOs a SubDevice lets nobody write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FixedPdos {
    /// The mapping: PDOs are only chosen.
    Mapping,
    /// The assignment, too: they are as the cell file says, or the SubDevice is refused.
    Assignment,
}

/// PDOs of one SubDevice in the order in which they are assigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pdos {
    pub rx: Vec<PdoMap>,
    pub tx: Vec<PdoMap>,
    pub fixed: Option<FixedPdos>,
}

/// Which way process data go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Rx,
    Tx,
}

impl Pdos {
    pub fn of(&self, direction: Direction) -> &[PdoMap] {
        match direction {
            Direction::Rx => &self.rx,
            Direction::Tx => &self.tx,
        }
    }

    /// Bytes of a direction, padded to whole ones.
    pub fn bytes(&self, direction: Direction) -> usize {
        let entries = self.of(direction).iter().flat_map(|p| &p.entries);
        entries.map(|e| usize::from(e.bits)).sum::<usize>().div_ceil(8)
    }

    /// Offset in bits and length of an object with subindex 0, if it is mapped.
    pub fn find(&self, direction: Direction, index: u16) -> Option<(usize, u8)> {
        let mut at = 0;
        for entry in self.of(direction).iter().flat_map(|p| &p.entries) {
            if (entry.index, entry.sub) == (index, 0) {
                return Some((at, entry.bits));
            }
            at += usize::from(entry.bits);
        }
        None
    }

    /// Those of a servo drive that the cell file says nothing else of.
    pub fn servo() -> Pdos {
        let map = |index, direction| {
            let mut entries = Vec::new();
            for object in SERVO_OBJECTS.iter().filter(|o| o.direction == direction) {
                entries.push(Mapped::new(object.index, 0, object.bits));
                // What follows a mode of eight bits stands at an even byte.
                if object.bits == 8 {
                    entries.push(Mapped::gap(8));
                }
            }
            vec![PdoMap { index, entries }]
        };
        Pdos { rx: map(0x1600, Direction::Rx), tx: map(0x1A00, Direction::Tx), fixed: None }
    }
}

/// An object that a servo's process data may carry (CiA 402-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServoObject {
    pub direction: Direction,
    pub index: u16,
    pub bits: u8,
    /// Without it there is no axis.
    pub needed: bool,
    pub name: &'static str,
}

const fn object(direction: Direction, index: u16, bits: u8, needed: bool, name: &'static str) -> ServoObject {
    ServoObject { direction, index, bits, needed, name }
}

/// In the order in which they stand in a map that nobody chose.
pub const SERVO_OBJECTS: &[ServoObject] = &[
    object(Direction::Rx, 0x6040, 16, true, "controlword"),
    object(Direction::Rx, 0x6060, 8, false, "modes of operation"),
    object(Direction::Rx, 0x607A, 32, true, "target position"),
    object(Direction::Rx, 0x6071, 16, false, "target torque"),
    object(Direction::Rx, 0x60FF, 32, false, "target velocity"),
    object(Direction::Tx, 0x6041, 16, true, "statusword"),
    object(Direction::Tx, 0x6061, 8, false, "modes of operation display"),
    object(Direction::Tx, 0x6064, 32, true, "position actual value"),
    object(Direction::Tx, 0x606C, 32, false, "velocity actual value"),
    object(Direction::Tx, 0x6077, 16, false, "torque actual value"),
    object(Direction::Tx, 0x60F4, 32, false, "following error actual value"),
    object(Direction::Tx, 0x603F, 16, false, "error code"),
];

/// Why process data cannot be those of a servo axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServoPdoFault {
    Missing(&'static ServoObject),
    /// It is mapped with this many bits.
    Length(&'static ServoObject, u8),
    /// It does not begin at a whole byte, but at this bit.
    Bit(&'static ServoObject, usize),
}

impl core::fmt::Display for ServoPdoFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let pdo = |o: &ServoObject| if o.direction == Direction::Rx { "RxPDO" } else { "TxPDO" };
        match self {
            ServoPdoFault::Missing(o) => {
                write!(f, "no {} carries {} ({:#06X})", pdo(o), o.name, o.index)
            }
            ServoPdoFault::Length(o, bits) => {
                write!(f, "{} ({:#06X}) has {} bits, not {bits}", o.name, o.index, o.bits)
            }
            ServoPdoFault::Bit(o, bit) => {
                write!(f, "{} ({:#06X}) begins at bit {bit}, not at a whole byte", o.name, o.index)
            }
        }
    }
}

/// Byte offset of a servo's object; `None` if it is not mapped and need not be.
pub fn servo_offset(pdos: &Pdos, object: &'static ServoObject) -> Result<Option<usize>, ServoPdoFault> {
    match pdos.find(object.direction, object.index) {
        None if object.needed => Err(ServoPdoFault::Missing(object)),
        None => Ok(None),
        Some((_, bits)) if bits != object.bits => Err(ServoPdoFault::Length(object, bits)),
        Some((at, _)) if !at.is_multiple_of(8) => Err(ServoPdoFault::Bit(object, at)),
        Some((at, _)) => Ok(Some(at / 8)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_that_nobody_chose_has_every_object_at_a_byte() {
        let pdos = Pdos::servo();
        assert_eq!((pdos.bytes(Direction::Rx), pdos.bytes(Direction::Tx)), (14, 20));
        for object in SERVO_OBJECTS {
            assert!(servo_offset(&pdos, object).unwrap().is_some(), "{}", object.name);
        }
    }

    #[test]
    fn what_no_axis_can_be_moved_with_is_named() {
        let entries = vec![Mapped::new(0x6040, 0, 16), Mapped::gap(4), Mapped::new(0x607A, 0, 32)];
        let pdos = Pdos { rx: vec![PdoMap { index: 0x1600, entries }], ..Pdos::servo() };
        let fault = |index| {
            let object = SERVO_OBJECTS.iter().find(|o| o.index == index).unwrap();
            servo_offset(&pdos, object).map_err(|e| e.to_string())
        };
        assert_eq!(fault(0x6040), Ok(Some(0)));
        assert_eq!(fault(0x6071), Ok(None));
        assert_eq!(
            fault(0x607A),
            Err("target position (0x607A) begins at bit 20, not at a whole byte".into())
        );
    }
}
