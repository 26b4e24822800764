//! Every part that was ever brought is somewhere: in a tray, in the machine, in a bin, taken by a person, or
//! lost beside everything.

use cellwright_model::plant::PartKind;

use super::places::{Assembly, Held, Places, Pocket};

/// Parts by kind: hubs, cannulas, caps, and units that came back finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count(pub [u32; PartKind::ALL.len()]);

/// Where the parts are that people brought since the plant came to be. What good trays held before is not
/// among them: its parts are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// Laid into source trays and lanes. A lane that never ends counts what it has given.
    pub brought: Count,
    /// Still in pockets of source trays and in lanes with an end.
    pub fresh: Count,
    /// In nests and grippers.
    pub machine: Count,
    /// As units in pockets.
    pub pockets: Count,
    /// In bins.
    pub bins: Count,
    /// Taken by people, with trays and bins that they emptied.
    pub taken: Count,
    /// Fallen beside everything.
    pub lost: Count,
}

impl Count {
    pub(crate) fn add(&mut self, kind: PartKind, n: u32) {
        if let Some(c) = self.0.get_mut(kind as usize) {
            *c = c.wrapping_add(n);
        }
    }

    pub(crate) fn add_unit(&mut self, unit: &Assembly) {
        for kind in PartKind::ALL {
            self.add(kind, u32::from(unit.part(kind).is_some()));
        }
    }

    pub(crate) fn take_unit(&mut self, unit: &Assembly) {
        for kind in PartKind::ALL {
            self.add(kind, u32::from(unit.part(kind).is_some()).wrapping_neg());
        }
    }

    pub(crate) fn add_held(&mut self, held: &Held) {
        match held {
            Held::Part(part) => self.add(part.kind, 1),
            Held::Unit(unit) => self.add_unit(unit),
        }
    }

    pub(crate) fn add_count(&mut self, other: Count) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.wrapping_add(theirs);
        }
    }
}

impl Balance {
    /// Parts that are nowhere (positive) or come from nowhere (negative), by kind; all zero: the plant's
    /// bookkeeping agrees with itself.
    pub fn missing(&self) -> [i64; PartKind::ALL.len()] {
        let Balance { brought, fresh, machine, pockets, bins, taken, lost } = self;
        core::array::from_fn(|k| {
            let somewhere: i64 =
                [fresh, machine, pockets, bins, taken, lost].iter().map(|c| i64::from(c.0[k])).sum();
            i64::from(brought.0[k]) - somewhere
        })
    }
}

impl Places {
    /// Where all parts are.
    pub fn balance(&self) -> Balance {
        let mut b =
            Balance { brought: self.brought, taken: self.taken, lost: self.lost_parts, ..Balance::default() };
        self.nests.iter().for_each(|n| b.machine.add_unit(n));
        self.grippers.iter().flatten().for_each(|h| b.machine.add_held(h));
        for (tray, kind) in self.trays.iter().zip(&self.kinds) {
            b.bins.add_count(tray.kept);
            for pocket in &tray.pockets {
                match (pocket, kind) {
                    (Pocket::Unit(unit), _) => b.pockets.add_unit(unit),
                    (Pocket::Fresh, Some(kind)) => b.fresh.add(*kind, 1),
                    (Pocket::Fresh, None) | (Pocket::Empty | Pocket::Earlier, _) => {}
                }
            }
            if let (Some(left), Some(kind)) = (tray.supply, kind) {
                b.fresh.add(*kind, left);
            }
        }
        b
    }
}
