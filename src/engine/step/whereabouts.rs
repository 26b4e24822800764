//! What an attempt says of where its part is.

use cellwright_model::TrayId;
use cellwright_model::plan::Resource;

use super::StepRun;
use crate::parts::{Doubt, Parts};
use crate::record::{Location, PartRef, Record};
use crate::route;
use crate::unit::{Env, UnitData};

impl StepRun {
    /// The attempt has not passed. A unit, and a part that a person carries, may have moved on all the same, and its next
    /// attempt would not come upon it: that is in doubt from now on. Whoever has said that he could not has left it
    /// where it was.
    pub(super) fn doubt_what_nobody_finds(&mut self, env: &mut Env<'_, '_>) {
        let by_hand = route::by_hand(env.unit.plan.step(self.step));
        let of_unit = self.route.as_ref().is_some_and(|r| r.part == PartRef::Unit);
        let refused = by_hand && self.operator.is_some() && !self.no_return;
        if (of_unit || by_hand) && !refused {
            self.leave_doubt(env);
        }
    }

    /// The last change of place may have happened without its record.
    pub(super) fn leave_doubt(&mut self, env: &mut Env<'_, '_>) {
        let Some(mut route) = self.route.take().filter(|_| self.began.is_some()) else { return };
        let at = env.unit.place_of(&route.part);
        if at.is_some() && at == route.places.last().copied() {
            return;
        }
        let carried = self.no_return && route::by_hand(env.unit.plan.step(self.step));
        if carried && route.part != PartRef::Unit {
            // He has said that it is done: where it is not, he has it. One that lies in its tray all
            // the same is passed over; none is looked for where nothing is.
            route.places.push(Location::Hand);
        }
        let doubt = Doubt::new(route.clone(), at);
        if env.parts.doubt(doubt) {
            env.cx.record(Record::PartDoubt { route });
        }
    }

    /// Where a person looks for the unit and its parts after this attempt: its nest, where they were recorded, what
    /// this step holds them with, and one place further on its route and on each that is in doubt.
    pub(crate) fn may_be_at(&self, unit: &UnitData, parts: &Parts) -> Vec<Location> {
        let mut places = vec![Location::Nest(unit.nest)];
        places.extend(unit.leftovers().into_iter().map(|l| l.at));
        places.extend(unit.plan.step(self.step).resources.iter().filter_map(|r| match r {
            Resource::Robot(robot) => Some(Location::Gripper(*robot)),
            _ => None,
        }));
        if let Some(route) = &self.route {
            places.extend(Doubt::new(route.clone(), unit.place_of(&route.part)).next());
        }
        places.extend(parts.doubts.iter().filter(|d| d.route.serial == unit.serial).filter_map(Doubt::next));
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The pocket of this tray that it takes from or puts into, while that is not done.
    pub(crate) fn works_at(&self, unit: &UnitData, tray: TrayId) -> bool {
        let Some(route) = self.route.as_ref().filter(|_| !self.recorded()) else { return false };
        let of_tray = |l: &Location| matches!(l, Location::Tray { tray: t, .. } if *t == tray);
        let done = unit.place_of(&route.part).and_then(|at| route.places.iter().position(|p| *p == at));
        let ahead = route.places.iter().position(of_tray);
        ahead.is_some_and(|ahead| done.is_none_or(|done| done < ahead || ahead == 0 && done == 0))
    }
}
