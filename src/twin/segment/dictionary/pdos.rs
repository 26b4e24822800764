//! Assignment (0x1C12, 0x1C13) and mapping (0x16xx, 0x1Axx) of process data (ETG.1000.6, 5.6.7.4; ETG.1020).
//!
//! Both change in PRE-OP only, and each in the order: subindex 0 := 0, entries, subindex 0 := their number. A
//! mapping changes only while its PDO is not assigned. What a device does not let be changed is read-only.

use cellwright_driver_api::twin::{Description, Pdo, SdoAbort, SubDeviceModel};
use cellwright_model::pdos::{Direction, Mapped};

/// Entries of one PDO, and PDOs of one assignment, unless the device is delivered with more.
const ENTRIES_MAX: usize = 16;
const ASSIGNED_MAX: usize = 4;
/// Process data of one direction, bytes: what the buffer of a SyncManager holds.
const BYTES_MAX: usize = 1024;

/// Entries of which the first `count` are in force. All the memory that it needs it has from the start.
#[derive(Debug, Clone)]
struct Counted<T> {
    entries: Vec<T>,
    count: usize,
}

impl<T: Copy> Counted<T> {
    /// With room for `room` entries, or for as many as there are.
    fn of(empty: T, values: impl Iterator<Item = T>, room: usize) -> Counted<T> {
        let mut entries: Vec<T> = values.collect();
        let count = entries.len();
        entries.resize(count.max(room), empty);
        Counted { entries, count }
    }

    /// Both have the same room: nothing is allocated.
    fn copy_from(&mut self, other: &Counted<T>) {
        self.entries.copy_from_slice(&other.entries);
        self.count = other.count;
    }

    fn in_force(&self) -> &[T] {
        &self.entries[..self.count]
    }

    /// Place of a subindex above 0, while the entries are free to be written.
    fn place(&mut self, sub: u8) -> Result<&mut T, SdoAbort> {
        if self.count > 0 {
            return Err(SdoAbort::COUNT_NOT_ZERO);
        }
        self.entries.get_mut(usize::from(sub).wrapping_sub(1)).ok_or(SdoAbort::NO_SUBINDEX)
    }
}

type Mapping = Counted<Mapped>;
type Assignment = Counted<u16>;

const NOTHING: Mapped = Mapped::new(0, 0, 0);

/// One PDO that the device has.
struct Known {
    index: u16,
    name: &'static str,
    fixed: bool,
    mapping: Mapping,
    at_power_on: Mapping,
}

/// The PDOs of one direction.
pub(super) struct PdoTable {
    direction: Direction,
    known: Vec<Known>,
    assigned: Assignment,
    at_power_on: Assignment,
    /// The device lets its assignment be changed.
    assignable: bool,
}

impl PdoTable {
    pub(super) fn new(direction: Direction, d: &Description, model: &dyn SubDeviceModel) -> PdoTable {
        let (described, fixed) = match direction {
            Direction::Rx => (&d.rx_pdos, model.fixed_pdos().0),
            Direction::Tx => (&d.tx_pdos, model.fixed_pdos().1),
        };
        let assignable = model.assignable();
        let known = |pdo: &Pdo, fixed| {
            let entries = pdo.entries.iter().map(|e| Mapped::new(e.index, e.sub, e.data_type.bits()));
            let mapping = Mapping::of(NOTHING, entries, ENTRIES_MAX);
            Known { index: pdo.index, name: pdo.name, fixed, at_power_on: mapping.clone(), mapping }
        };
        let assigned = Assignment::of(0, described.iter().map(|p| p.index), ASSIGNED_MAX);
        PdoTable {
            direction,
            known: described
                .iter()
                .map(|p| known(p, !assignable))
                .chain(fixed.iter().map(|p| known(p, true)))
                .collect(),
            at_power_on: assigned.clone(),
            assigned,
            assignable,
        }
    }

    pub(super) fn power_on(&mut self) {
        self.assigned.copy_from(&self.at_power_on);
        self.known.iter_mut().for_each(|k| k.mapping.copy_from(&k.at_power_on));
    }

    /// The device has no process data of this direction at all.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(super) fn assigned_count(&self) -> usize {
        self.assigned.count
    }

    pub(super) fn assigned_at(&self, place: usize) -> u16 {
        self.assigned.entries[place]
    }

    /// Mapping and name of a PDO.
    pub(super) fn pdo(&self, index: u16) -> Option<(&[Mapped], &'static str)> {
        self.find(index).map(|k| (k.mapping.in_force(), k.name))
    }

    pub(super) fn is_assignable(&self) -> bool {
        self.assignable
    }

    /// The mapping of a PDO can be changed.
    pub(super) fn is_mappable(&self, index: u16) -> bool {
        self.find(index).is_some_and(|k| !k.fixed)
    }

    fn find(&self, index: u16) -> Option<&Known> {
        self.known.iter().find(|k| k.index == index)
    }

    /// What is exchanged, in order.
    pub(super) fn exchanged(&self) -> impl Iterator<Item = Mapped> + '_ {
        let pdos = self.assigned.in_force().iter().filter_map(|index| self.find(*index));
        pdos.flat_map(|k| k.mapping.in_force()).copied()
    }

    pub(super) fn bytes(&self) -> usize {
        self.exchanged().map(|e| usize::from(e.bits)).sum::<usize>().div_ceil(8)
    }

    /// Writes to 0x1C12 or 0x1C13.
    pub(super) fn assign(&mut self, sub: u8, value: &[u8]) -> Result<(), SdoAbort> {
        if !self.assignable {
            return Err(SdoAbort::READ_ONLY);
        }
        if sub > 0 {
            let index = value.try_into().map(u16::from_le_bytes).map_err(|_| SdoAbort::LENGTH)?;
            let known = self.find(index).is_some();
            let place = self.assigned.place(sub)?;
            *place = if known { index } else { return Err(SdoAbort::VALUE_RANGE) };
            return Ok(());
        }
        let count = usize::from(one_byte(value)?);
        let before = self.assigned.count;
        let chosen = self.assigned.entries.get(..count).ok_or(SdoAbort::PDO_LENGTH)?;
        let twice = |(i, index): (usize, &u16)| chosen[..i].contains(index);
        if chosen.iter().enumerate().any(twice) || chosen.iter().any(|index| self.find(*index).is_none()) {
            return Err(SdoAbort::INCOMPATIBLE);
        }
        self.assigned.count = count;
        if self.bytes() > BYTES_MAX {
            self.assigned.count = before;
            return Err(SdoAbort::PDO_LENGTH);
        }
        Ok(())
    }

    /// Writes to a mapping object.
    pub(super) fn map(
        &mut self,
        index: u16,
        sub: u8,
        value: &[u8],
        model: &dyn SubDeviceModel,
    ) -> Result<(), SdoAbort> {
        let assigned = self.assigned.in_force().contains(&index);
        let direction = self.direction;
        let known = self.known.iter_mut().find(|k| k.index == index).ok_or(SdoAbort::NO_OBJECT)?;
        if known.fixed {
            return Err(SdoAbort::READ_ONLY);
        }
        if assigned {
            return Err(SdoAbort::INCOMPATIBLE);
        }
        if sub > 0 {
            let code = value.try_into().map(u32::from_le_bytes).map_err(|_| SdoAbort::LENGTH)?;
            let entry = Mapped::new((code >> 16) as u16, (code >> 8) as u8, code as u8);
            let place = known.mapping.place(sub)?;
            if entry.index != 0 {
                let bits = model.mappable(direction, entry.index, entry.sub).ok_or(SdoAbort::NOT_MAPPABLE)?;
                if bits != entry.bits {
                    return Err(SdoAbort::LENGTH);
                }
            }
            *place = entry;
            return Ok(());
        }
        let count = usize::from(one_byte(value)?);
        let chosen = known.mapping.entries.get(..count).ok_or(SdoAbort::PDO_LENGTH)?;
        if chosen.iter().any(|e| e.bits == 0) {
            return Err(SdoAbort::INCOMPATIBLE);
        }
        // An object that begins within a byte cannot be copied.
        let mut at = 0;
        for entry in chosen {
            if entry.index != 0 && at % 8 != 0 {
                return Err(SdoAbort::INCOMPATIBLE);
            }
            at += usize::from(entry.bits);
        }
        known.mapping.count = count;
        Ok(())
    }
}

fn one_byte(value: &[u8]) -> Result<u8, SdoAbort> {
    match value {
        [byte] => Ok(*byte),
        _ => Err(SdoAbort::LENGTH),
    }
}
