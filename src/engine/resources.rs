//! Who holds what. A step takes all it needs at once or nothing (so that no two branches can wait for each
//! other with their hands full), and in the order of asking (so that none waits for ever).
//!
//! *Table*: held by every step that works at a station, shared; turned only by one that holds it alone.

use std::collections::{BTreeMap, BTreeSet};

use cellwright_model::UnitId;
use cellwright_model::plan::Resource;

/// A branch of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BranchKey {
    pub(crate) unit: UnitId,
    pub(crate) branch: u32,
}

/// How a step needs the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableNeed {
    None,
    /// Stays where it is.
    Still,
    /// Has to be turned first.
    Turn,
}

/// What a step needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) exclusive: Vec<Resource>,
    pub(crate) table: TableNeed,
}

/// Why it was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocked {
    Resource(Resource, BranchKey),
    Table(BranchKey),
    /// Another branch asked first for something of the same.
    Turn(BranchKey),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TableUse {
    Still,
    Turning,
}

/// The book of holders and of those who wait.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    held: BTreeMap<Resource, BranchKey>,
    table: BTreeMap<BranchKey, TableUse>,
    /// In the order of asking; at most one entry a branch.
    waiting: Vec<(BranchKey, Needs)>,
}

impl Resources {
    /// Takes everything in `needs`, or nothing and waits in the queue. A branch that already holds its
    /// resources (a retry) gets them again.
    pub(crate) fn acquire(&mut self, who: BranchKey, needs: &Needs) -> Result<(), Blocked> {
        let answer = self.look(who, needs);
        let place = self.waiting.iter().position(|(k, _)| *k == who);
        match (answer, place) {
            (Ok(()), place) => {
                if let Some(i) = place {
                    self.waiting.remove(i);
                }
                for r in &needs.exclusive {
                    self.held.insert(*r, who);
                }
                match needs.table {
                    TableNeed::None => {}
                    TableNeed::Still => drop(self.table.insert(who, TableUse::Still)),
                    TableNeed::Turn => drop(self.table.insert(who, TableUse::Turning)),
                }
            }
            (Err(_), Some(i)) => self.waiting[i].1 = needs.clone(),
            (Err(_), None) => self.waiting.push((who, needs.clone())),
        }
        answer
    }

    fn look(&self, who: BranchKey, needs: &Needs) -> Result<(), Blocked> {
        for r in &needs.exclusive {
            match self.held.get(r) {
                Some(holder) if *holder != who => return Err(Blocked::Resource(*r, *holder)),
                _ => {}
            }
        }
        let other = |turning_only: bool| {
            self.table
                .iter()
                .find(|(k, u)| **k != who && (!turning_only || **u == TableUse::Turning))
                .map(|(k, _)| *k)
        };
        let in_the_way = match needs.table {
            TableNeed::None => None,
            TableNeed::Still => other(true),
            TableNeed::Turn => other(false),
        };
        if let Some(holder) = in_the_way {
            return Err(Blocked::Table(holder));
        }
        if self.holds(who, needs) {
            return Ok(());
        }
        for (key, earlier) in self.waiting.iter().take_while(|(k, _)| *k != who) {
            if overlap(earlier, needs) {
                return Err(Blocked::Turn(*key));
            }
        }
        Ok(())
    }

    /// Holds all of it already: nobody who waits is passed over.
    fn holds(&self, who: BranchKey, needs: &Needs) -> bool {
        let exclusive = needs.exclusive.iter().all(|r| self.held.get(r) == Some(&who));
        exclusive && (needs.table == TableNeed::None || self.table.contains_key(&who))
    }

    /// The table has been turned and stands: others may work at their stations.
    pub(crate) fn table_stands(&mut self, who: BranchKey) {
        if let Some(u) = self.table.get_mut(&who) {
            *u = TableUse::Still;
        }
    }

    /// Gives everything back and leaves the queue.
    pub(crate) fn release(&mut self, who: BranchKey) {
        self.held.retain(|_, k| *k != who);
        self.table.remove(&who);
        self.waiting.retain(|(k, _)| *k != who);
    }

    /// Every holder, for tests of exclusion.
    #[cfg(test)]
    pub(crate) fn holders(&self) -> BTreeSet<BranchKey> {
        self.held.values().chain(self.table.keys()).copied().collect()
    }
}

fn overlap(a: &Needs, b: &Needs) -> bool {
    let table = match (a.table, b.table) {
        (TableNeed::None, _) | (_, TableNeed::None) | (TableNeed::Still, TableNeed::Still) => false,
        (TableNeed::Turn, _) | (_, TableNeed::Turn) => true,
    };
    let mine: BTreeSet<_> = a.exclusive.iter().collect();
    table || b.exclusive.iter().any(|r| mine.contains(r))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cellwright_model::{AxisId, RobotId};

    const A: BranchKey = BranchKey { unit: UnitId(1), branch: 1 };
    const B: BranchKey = BranchKey { unit: UnitId(1), branch: 2 };
    const C: BranchKey = BranchKey { unit: UnitId(1), branch: 3 };
    const AXIS: Resource = Resource::Axis(AxisId(0));
    const ROBOT: Resource = Resource::Robot(RobotId(0));

    fn needs(exclusive: &[Resource], table: TableNeed) -> Needs {
        Needs { exclusive: exclusive.to_vec(), table }
    }

    #[test]
    fn all_or_nothing_and_first_come() {
        let mut book = Resources::default();
        assert_eq!(book.acquire(A, &needs(&[AXIS], TableNeed::None)), Ok(()));
        let both = needs(&[AXIS, ROBOT], TableNeed::None);
        assert_eq!(book.acquire(B, &both), Err(Blocked::Resource(AXIS, A)));
        // The robot is free, but B asked first for it.
        assert_eq!(book.acquire(C, &needs(&[ROBOT], TableNeed::None)), Err(Blocked::Turn(B)));
        book.release(A);
        assert_eq!(book.acquire(B, &both), Ok(()));
        assert_eq!(book.acquire(B, &both), Ok(()), "again for a retry");
        assert_eq!(book.acquire(C, &needs(&[ROBOT], TableNeed::None)), Err(Blocked::Resource(ROBOT, B)));
        book.release(B);
        assert_eq!(book.acquire(C, &needs(&[ROBOT], TableNeed::None)), Ok(()));
        assert_eq!(book.holders(), BTreeSet::from([C]));
    }

    #[test]
    fn the_table_turns_for_one_and_stands_for_many() {
        let mut book = Resources::default();
        assert_eq!(book.acquire(A, &needs(&[], TableNeed::Still)), Ok(()));
        assert_eq!(book.acquire(B, &needs(&[], TableNeed::Still)), Ok(()));
        assert_eq!(book.acquire(C, &needs(&[], TableNeed::Turn)), Err(Blocked::Table(A)));
        book.release(A);
        // C waits for the table alone: nobody new may hold it still before.
        assert_eq!(book.acquire(A, &needs(&[], TableNeed::Still)), Err(Blocked::Turn(C)));
        book.release(B);
        assert_eq!(book.acquire(C, &needs(&[], TableNeed::Turn)), Ok(()));
        assert_eq!(book.acquire(A, &needs(&[], TableNeed::Still)), Err(Blocked::Table(C)));
        book.table_stands(C);
        assert_eq!(book.acquire(A, &needs(&[], TableNeed::Still)), Ok(()));
    }
}
