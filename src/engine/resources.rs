//! Who holds what. A step takes all it needs at once or nothing (so that no two branches can wait for each
//! other with their hands full), and in the order of asking (so that none waits for ever). The table is not
//! among them: it turns when no unit has anything to do where it stands (see [`crate::table`]).

use std::collections::BTreeMap;

use cellwright_model::UnitId;
use cellwright_model::plan::Resource;

/// A branch of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BranchKey {
    pub(crate) unit: UnitId,
    pub(crate) branch: u32,
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
    /// resources (a retry) gets them again.
    pub(crate) fn acquire(&mut self, who: BranchKey, needs: &[Resource]) -> Result<(), Blocked> {
        let answer = self.look(who, needs);
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

    fn look(&self, who: BranchKey, needs: &[Resource]) -> Result<(), Blocked> {
        for r in needs {
            match self.held.get(r) {
                Some(holder) if *holder != who => return Err(Blocked::Resource(*r, *holder)),
                _ => {}
            }
        }
        // Holds all of it already: nobody who waits is passed over.
        if needs.iter().all(|r| self.held.get(r) == Some(&who)) {
            return Ok(());
        }
        for (key, earlier) in self.waiting.iter().take_while(|(k, _)| *k != who) {
            if earlier.iter().any(|r| needs.contains(r)) {
                return Err(Blocked::Turn(*key));
            }
        }
        Ok(())
    }

    /// Leaves the queue: who does not stand at its gate any more keeps nobody else waiting.
    pub(crate) fn leave_queue(&mut self, who: BranchKey) {
        self.waiting.retain(|(k, _)| *k != who);
    }

    /// Gives everything back and leaves the queue.
    pub(crate) fn release(&mut self, who: BranchKey) {
        self.held.retain(|_, k| *k != who);
        self.leave_queue(who);
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

    #[test]
    fn all_or_nothing_and_first_come() {
        let mut book = Resources::default();
        assert_eq!(book.acquire(A, &[AXIS]), Ok(()));
        let both = [AXIS, ROBOT];
        assert_eq!(book.acquire(B, &both), Err(Blocked::Resource(AXIS, A)));
        // The robot is free, but B asked first for it.
        assert_eq!(book.acquire(C, &[ROBOT]), Err(Blocked::Turn(B)));
        book.release(A);
        assert_eq!(book.acquire(B, &both), Ok(()));
        assert_eq!(book.acquire(B, &both), Ok(()), "again for a retry");
        assert_eq!(book.acquire(C, &[ROBOT]), Err(Blocked::Resource(ROBOT, B)));
        book.release(B);
        assert_eq!(book.acquire(C, &[ROBOT]), Ok(()));
        assert_eq!(book.held.values().collect::<Vec<_>>(), [&C]);
    }

    #[test]
    fn who_left_the_queue_keeps_nobody_waiting() {
        let mut book = Resources::default();
        assert_eq!(book.acquire(A, &[AXIS]), Ok(()));
        assert_eq!(book.acquire(B, &[AXIS, ROBOT]), Err(Blocked::Resource(AXIS, A)));
        book.leave_queue(B);
        assert_eq!(book.acquire(C, &[ROBOT]), Ok(()));
    }
}
