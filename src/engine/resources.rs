//! Who holds what. A step takes all it needs at once or nothing (so that no two branches can wait for each
//! other with their hands full), and in the order of asking (so that none waits for ever); who waits for something that
//! stands in a zone waits outside of that order. A cobot that a step leaves elsewhere than at home is kept for its unit:
//! the next step of another one would begin from where it does not expect it. The table is not among them: it turns when
//! no unit has anything to do where it stands (see [`crate::table`]), and takes its zones meanwhile.

use std::collections::BTreeMap;

use cellwright_model::UnitId;
use cellwright_model::plan::Resource;

/// A branch of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BranchKey {
    pub(crate) unit: UnitId,
    pub(crate) branch: u32,
}

impl BranchKey {
    /// The unit itself, for what one of its steps has left and another one is to take.
    pub(crate) fn of_unit(unit: UnitId) -> BranchKey {
        BranchKey { unit, branch: 0 }
    }

    /// The table, while it turns.
    pub(crate) const TABLE: BranchKey = BranchKey { unit: UnitId(0), branch: 0 };
}

/// Why it was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocked {
    Resource(Resource, BranchKey),
    /// Another branch asked first for something of the same.
    Turn(BranchKey),
}

/// The book of holders and of those who wait.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    held: BTreeMap<Resource, BranchKey>,
    /// In the order of asking; at most one entry a branch.
    waiting: Vec<(BranchKey, Vec<Resource>)>,
}

impl Resources {
    /// Takes everything in `needs`, or nothing and waits in the queue. A branch that already holds its
    /// resources (a retry) gets them again. `free`: what is kept for a unit, and needs not be any more.
    pub(crate) fn acquire(
        &mut self,
        who: BranchKey,
        needs: &[Resource],
        free: &dyn Fn(Resource) -> bool,
    ) -> Result<(), Blocked> {
        let answer = self.look(who, needs, free);
        let place = self.waiting.iter().position(|(k, _)| *k == who);
        match (answer, place) {
            (Ok(()), place) => {
                if let Some(i) = place {
                    self.waiting.remove(i);
                }
                for r in needs {
                    self.held.insert(*r, who);
                }
            }
            (Err(_), Some(i)) => self.waiting[i].1 = needs.to_vec(),
            (Err(_), None) => self.waiting.push((who, needs.to_vec())),
        }
        answer
    }

    fn look(
        &self,
        who: BranchKey,
        needs: &[Resource],
        free: &dyn Fn(Resource) -> bool,
    ) -> Result<(), Blocked> {
        for r in needs {
            let Some(holder) = self.held.get(r) else { continue };
            let kept = holder.branch == BranchKey::of_unit(holder.unit).branch;
            if *holder != who && !(kept && (holder.unit == who.unit || free(*r))) {
                return Err(Blocked::Resource(*r, *holder));
            }
        }
        // Holds all of it already: nobody who waits is passed over.
        if needs.iter().all(|r| self.held.get(r) == Some(&who)) {
            return Ok(());
        }
        // Who waits for what this unit keeps waits for this unit.
        let keeps = |r: &Resource| self.held.get(r) == Some(&BranchKey::of_unit(who.unit)) && !free(*r);
        for (key, earlier) in self.waiting.iter().take_while(|(k, _)| *k != who) {
            if earlier.iter().any(|r| needs.contains(r)) && !earlier.iter().any(keeps) {
                return Err(Blocked::Turn(*key));
            }
        }
        Ok(())
    }

    /// Leaves the queue: who does not stand at its gate any more keeps nobody else waiting.
    pub(crate) fn leave_queue(&mut self, who: BranchKey) {
        self.waiting.retain(|(k, _)| *k != who);
    }

    /// Gives everything back, but for cobots, which its unit keeps, and leaves the queue.
    pub(crate) fn release(&mut self, who: BranchKey) {
        for (_, key) in self.held.iter_mut().filter(|(r, k)| **k == who && matches!(r, Resource::Robot(_))) {
            *key = BranchKey::of_unit(who.unit);
        }
        self.held.retain(|_, k| *k != who);
        self.leave_queue(who);
    }

    /// The unit has ended, and keeps nothing any more.
    pub(crate) fn end_unit(&mut self, unit: UnitId) {
        self.held.retain(|_, k| *k != BranchKey::of_unit(unit));
    }

    /// The table takes its zones, which no step has ([`Resources::any_at_work`]).
    pub(crate) fn begin_turn(&mut self, zones: &[Resource]) {
        self.held.extend(zones.iter().map(|zone| (*zone, BranchKey::TABLE)));
    }

    /// The table gives them back.
    pub(crate) fn end_turn(&mut self) {
        self.held.retain(|_, k| *k != BranchKey::TABLE);
    }

    /// A step has it.
    pub(crate) fn is_at_work(&self, resource: Resource) -> bool {
        self.held.get(&resource).is_some_and(|k| *k != BranchKey::of_unit(k.unit))
    }

    /// The unit, or a step of it, has it.
    pub(crate) fn has(&self, unit: UnitId, resource: Resource) -> bool {
        self.held.get(&resource).is_some_and(|k| k.unit == unit)
    }

    /// A step has one of them.
    pub(crate) fn any_at_work(&self, resources: &[Resource]) -> bool {
        resources.iter().any(|r| self.is_at_work(*r))
    }

    /// A step has it, or it is kept for another unit than this one: somebody will bring it on.
    pub(crate) fn is_others(&self, resource: Resource, unit: UnitId) -> bool {
        self.held.get(&resource).is_some_and(|k| *k != BranchKey::of_unit(unit))
    }
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

    fn kept(_: Resource) -> bool {
        false
    }

    #[test]
    fn all_or_nothing_and_first_come() {
        let mut book = Resources::default();
        assert_eq!(book.acquire(A, &[AXIS], &kept), Ok(()));
        let both = [AXIS, ROBOT];
        assert_eq!(book.acquire(B, &both, &kept), Err(Blocked::Resource(AXIS, A)));
        // The robot is free, but B asked first for it.
        assert_eq!(book.acquire(C, &[ROBOT], &kept), Err(Blocked::Turn(B)));
        book.release(A);
        assert_eq!(book.acquire(B, &both, &kept), Ok(()));
        assert_eq!(book.acquire(B, &both, &kept), Ok(()), "again for a retry");
        assert_eq!(book.acquire(C, &[ROBOT], &kept), Err(Blocked::Resource(ROBOT, B)));
        book.release(B);
        assert_eq!(book.acquire(C, &[ROBOT], &kept), Ok(()));
        assert_eq!(book.held.values().collect::<Vec<_>>(), [&C]);
    }

    #[test]
    fn a_cobot_is_kept_for_its_unit_until_it_is_home_or_the_unit_has_ended() {
        let mut book = Resources::default();
        let other = BranchKey { unit: UnitId(2), branch: 1 };
        assert_eq!(book.acquire(A, &[AXIS, ROBOT], &kept), Ok(()));
        book.release(A);
        let by = Blocked::Resource(ROBOT, BranchKey::of_unit(A.unit));
        assert_eq!(book.acquire(other, &[AXIS, ROBOT], &kept), Err(by));
        assert!(book.is_others(ROBOT, other.unit) && !book.is_others(ROBOT, A.unit));
        assert!(!book.is_others(AXIS, other.unit));
        assert_eq!(book.acquire(B, &[ROBOT], &kept), Ok(()), "another branch of the same unit");
        book.release(B);
        assert_eq!(book.acquire(other, &[ROBOT], &|r| r == ROBOT), Ok(()), "at home");
        book.release(other);
        book.end_unit(other.unit);
        assert!(book.held.is_empty());
    }

    #[test]
    fn the_table_takes_its_zones_while_it_turns() {
        let mut book = Resources::default();
        let zones =
            [Resource::Zone(cellwright_model::ZoneId(0)), Resource::Zone(cellwright_model::ZoneId(1))];
        assert_eq!(book.acquire(A, &zones[1..], &kept), Ok(()));
        assert!(book.any_at_work(&zones) && !book.any_at_work(&zones[..1]));
        book.release(A);
        assert!(!book.any_at_work(&zones));
        book.begin_turn(&zones);
        assert_eq!(book.acquire(A, &zones[..1], &kept), Err(Blocked::Resource(zones[0], BranchKey::TABLE)));
        book.end_turn();
        assert_eq!(book.acquire(A, &zones[..1], &kept), Ok(()));
    }

    #[test]
    fn who_left_the_queue_keeps_nobody_waiting() {
        let mut book = Resources::default();
        assert_eq!(book.acquire(A, &[AXIS], &kept), Ok(()));
        assert_eq!(book.acquire(B, &[AXIS, ROBOT], &kept), Err(Blocked::Resource(AXIS, A)));
        book.leave_queue(B);
        assert_eq!(book.acquire(C, &[ROBOT], &kept), Ok(()));
    }
}
