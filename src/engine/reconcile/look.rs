//! Looking into nests: each one where the sensors of a station see it; the table turns for those that stand
//! elsewhere.

use cellwright_model::{InputId, StationId};

use crate::api::MachineFault;
use crate::core::Core;
use crate::ledger::Cx;
use crate::presence;
use crate::record::Location;
use crate::table::{self, Turned, Want};

/// What was seen of a nest.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) station: StationId,
    on: Vec<InputId>,
}

impl Look {
    pub(crate) fn occupied(&self) -> bool {
        !self.on.is_empty()
    }

    pub(crate) fn sees(&self, input: InputId) -> bool {
        self.on.contains(&input)
    }
}

/// How far looking into the nests is.
pub(crate) enum Nests {
    Turning,
    Fault(MachineFault),
    /// All that sensors can see is seen.
    Seen,
}

impl Core {
    /// Looks at every nest that no unit has. `turn`: the table turns for those that no sensor sees now.
    pub(crate) fn look_into_nests(&mut self, cx: &mut Cx<'_>, turn: bool) -> Nests {
        if self.carousel.is_turning() && !turn {
            return Nests::Turning;
        }
        if !self.carousel.is_turning() {
            self.look_where_they_stand(cx);
        }
        if !turn {
            return Nests::Seen;
        }
        let wants = self.nests_to_see(cx);
        if wants.is_empty() && !self.carousel.is_turning() {
            return Nests::Seen;
        }
        match self.carousel.poll(cx, &mut self.resources, true, &wants) {
            Turned::Fault(fault) => Nests::Fault(fault),
            // It stands: looked at in the next round.
            Turned::Stands => self.look_into_nests(cx, turn),
            Turned::Began | Turned::Nothing => Nests::Turning,
        }
    }

    fn look_where_they_stand(&mut self, cx: &mut Cx<'_>) {
        for nest in 0..table::nests(cx.cell) {
            if self.reconcile.looked.contains_key(&nest) || self.has_unit(nest) {
                continue;
            }
            let station = match cx.cell.table {
                Some(_) => table::station_of(cx, nest),
                None => sensing(cx).next(),
            };
            let wanted = self.wanted_at(nest);
            let Some(station) = station.filter(|s| wanted.is_none_or(|w| w == *s)) else { continue };
            if let Some(on) = presence::seen(cx, station) {
                self.reconcile.looked.insert(nest, Look { station, on });
            }
        }
    }

    /// A unit has it, or is kept in it.
    fn has_unit(&self, nest: u16) -> bool {
        self.resume.keeps(nest) || self.units.values().any(|u| u.data.nest == nest)
    }

    /// The station at which a nest has to be seen, because a part may have been pushed into it there.
    fn wanted_at(&self, nest: u16) -> Option<StationId> {
        let of_nest = |d: &&crate::parts::Doubt| d.route.places.get(d.at + 1) == Some(&Location::Nest(nest));
        self.parts.doubts.iter().find(of_nest).and_then(|d| d.route.seen_by).map(|(_, station)| station)
    }

    fn nests_to_see(&self, cx: &Cx<'_>) -> Vec<(u16, Want)> {
        let Some(any) = sensing(cx).next() else { return Vec::new() };
        if cx.cell.table.is_none() {
            return Vec::new();
        }
        let unseen = (0..table::nests(cx.cell)).filter(|n| !self.reconcile.looked.contains_key(n));
        let free = unseen.filter(|n| !self.has_unit(*n));
        free.map(|n| (n, Want::Station(self.wanted_at(n).filter(|s| senses(cx, *s)).unwrap_or(any))))
            .collect()
    }
}

/// Stations whose sensors see a nest.
fn sensing<'a>(cx: &'a Cx<'_>) -> impl Iterator<Item = StationId> + 'a {
    (0..cx.cell.stations.len() as u16).map(StationId).filter(|s| senses(cx, *s))
}

fn senses(cx: &Cx<'_>, station: StationId) -> bool {
    cx.cell.stations.get(station.index()).is_some_and(|s| !s.presence.is_empty())
}
