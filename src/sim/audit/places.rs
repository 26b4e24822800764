//! Every part is where the record says: place by place, in every cycle in which a part or the record moved.
//!
//! While a step moves a part, the difference of exactly its next move is allowed, and after a kill or a stop
//! that of what is in doubt. Nothing is once the cell is reset: its parts are reconciled then. What people take
//! out behind the cell's back, the record has to know from the next reset on. While an input shows what is not
//! there, or has since the last reset, the record cannot be right, and is held against the plant after the next.
//! Nobody looks into a reject bin: which parts of units came to lie there although they were denied, or did not
//! because somebody had taken them, stays unknown to the record for good.

use std::collections::{BTreeMap, BTreeSet};

use cellwright_engine::record::Location;
use cellwright_model::cell::TrayKind;
use cellwright_model::outcome::UnitResult;
use cellwright_model::packml::CellState;
use cellwright_model::plant::{PartKind, Sight};
use cellwright_model::{RobotId, TrayId};
use cellwright_twin::plant::places::BIN_UNITS_MAX;
use cellwright_twin::plant::{Assembly, Held, Places, Pocket};

use super::Findings;
use super::book::{Book, Key, Known, Said};
use crate::{Told, VirtualCell};

/// Cycles in which nothing has changed before a cell that rests is held to rest: longer than a disk takes.
const STILL: u32 = 50;

/// What the auditor has seen; for the summary of many runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Looks at every place.
    pub compared: u64,
    /// Looks at which nothing was under way or in doubt: after a reset.
    pub at_rest: u64,
    /// Good units that were held against their truth.
    pub good: u64,
    /// Units that were rejected although nothing is wrong with their parts.
    pub good_rejected: u64,
    /// Trays that people exchanged, and bins that they emptied.
    pub exchanged: u64,
    /// Parts that people took while nobody could see them leave their source, or out of a unit that then fell into a
    /// bin; and resets after which an input had deceived the cell: which part is which is not held against it there.
    pub excused: u64,
}

/// See the module text.
#[derive(Debug)]
pub struct PlacesAuditor {
    book: Book,
    /// Where the plant had every part when it was looked at last.
    last: BTreeMap<Key, Location>,
    /// Taken out by people: the record need not know before the next reset.
    taken: BTreeSet<Key>,
    changes: u64,
    taken_out: u32,
    lost: u32,
    exchanged: Vec<u32>,
    /// An input has shown what is not there since the last reset.
    deceived: bool,
    /// Somebody has taken something out since the last reset: a part may fall where its other part is gone.
    meddled: bool,
    /// Somebody has taken parts out of nests, grippers or bins since the last reset.
    took: bool,
    /// Of reject bins: parts that are in them or in the record only.
    unknowable: BTreeSet<Key>,
    /// Units that the record has in a bin more than it holds, until it is emptied: how often it was, and the
    /// difference, by [`TrayId`].
    more: Vec<(u32, i64)>,
    still: u32,
    told: BTreeSet<String>,
    /// Units in good trays, and what is truly bad about them.
    laid: BTreeMap<String, Vec<String>>,
    seen: Seen,
}

impl PlacesAuditor {
    /// An auditor of a cell at power-up whose record begins now.
    pub fn new(cell: &VirtualCell) -> PlacesAuditor {
        let places = cell.places();
        PlacesAuditor {
            book: Book::new(cell.cell().clone(), places.kinds.clone()),
            last: BTreeMap::new(),
            taken: BTreeSet::new(),
            changes: places.changes,
            taken_out: places.taken_out,
            lost: places.lost,
            exchanged: exchanges(&places),
            deceived: false,
            meddled: false,
            took: false,
            unknowable: BTreeSet::new(),
            more: vec![(0, 0); places.trays.len()],
            still: 0,
            told: BTreeSet::new(),
            laid: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    pub(crate) fn expect_fall(&mut self) {
        self.meddled = true;
    }

    /// What it has seen.
    pub fn seen(&self) -> Seen {
        self.seen
    }

    pub(crate) fn look(&mut self, cell: &VirtualCell, told: &Told, findings: &mut Findings) {
        let mut said = Vec::new();
        told.transactions.iter().for_each(|t| self.book.follow(t, &mut said));
        self.deceived |= deceived(cell);
        let mut found = Vec::new();
        let places = cell.places();
        if places.changes != self.changes || !told.transactions.is_empty() {
            self.still = 0;
            self.changes = places.changes;
            let now = parts(&places);
            self.people(&places, &now, &mut found);
            said.iter().for_each(|said| self.not_taken(&places, &now, said));
            self.compare(&now, cell, &mut found);
            said.into_iter().for_each(|said| self.hear(cell, &places, said, &mut found));
            self.last = now;
        } else {
            self.still = self.still.saturating_add(1);
        }
        if self.still == STILL {
            self.rest(cell, &places, &mut found);
        }
        for what in found {
            if self.told.insert(what.clone()) {
                findings.add(cell.now(), || format!("parts: {what}"));
            }
        }
    }

    /// What is nowhere any more was taken out by people, or fell.
    fn people(&mut self, places: &Places, now: &BTreeMap<Key, Location>, found: &mut Vec<String>) {
        let exchanged = exchanges(places);
        let hands = places.taken_out != self.taken_out || exchanged != self.exchanged;
        self.meddled |= hands;
        self.took |= places.taken_out != self.taken_out;
        if places.lost != self.lost && !self.meddled && !self.deceived {
            found.push(format!("{} parts fell beside everything", places.lost - self.lost));
        }
        let fell = places.lost != self.lost;
        for (key, at) in self.last.iter().filter(|(key, _)| !now.contains_key(key)) {
            if hands || fell {
                self.taken.insert(*key);
            } else {
                found.push(format!("{key:?} was at {at:?} and is nowhere any more"));
            }
        }
        self.seen.exchanged += exchanged.iter().zip(&self.exchanged).filter(|(a, b)| a != b).count() as u64;
        (self.taken_out, self.lost, self.exchanged) = (places.taken_out, places.lost, exchanged);
    }

    /// Place by place, with what is under way.
    fn compare(&mut self, now: &BTreeMap<Key, Location>, cell: &VirtualCell, found: &mut Vec<String>) {
        if self.deceived {
            return;
        }
        self.seen.compared += 1;
        let word = |at: &Location| at.word(cell.cell());
        for (key, at) in now.iter().filter(|(key, _)| !self.unknowable.contains(key)) {
            match self.book.parts().find(|(_, k)| k.key == *key) {
                Some((_, known)) if known.at == *at => {}
                Some((name, known)) if self.book.may_be_at(name, known).any(|next| next == *at) => {}
                Some((name, known)) => {
                    found.push(format!(
                        "{name} ({key:?}) is recorded at {} and is at {}",
                        word(&known.at),
                        word(at)
                    ));
                }
                None if self.book.is_out(*key) => {
                    found.push(format!("{key:?} has left the cell by the record and is at {}", word(at)));
                }
                None if self.book.may_be_picked(*key, *at) => {}
                None => found.push(format!("{key:?} is at {} and in no record", word(at))),
            }
        }
        for (name, known) in self.book.parts() {
            let excused = self.taken.contains(&known.key) || self.unknowable.contains(&known.key);
            if !now.contains_key(&known.key) && !excused {
                found.push(format!(
                    "{name} ({:?}) is recorded at {} and is nowhere",
                    known.key,
                    word(&known.at)
                ));
            }
        }
    }

    /// Somebody has taken out what was in doubt, before the cell could look.
    fn not_taken(&mut self, places: &Places, now: &BTreeMap<Key, Location>, said: &Said) {
        let Said::NotTaken(tray) = said else { return };
        let gone = self.book.next(*tray).is_some_and(|key| !now.contains_key(&key));
        if self.meddled && gone && places.trays[tray.index()].moved > self.book.given(tray.index()) {
            self.book.missed(*tray);
            self.seen.excused += 1;
        }
    }

    fn hear(&mut self, cell: &VirtualCell, places: &Places, said: Said, found: &mut Vec<String>) {
        match said {
            Said::Wrong(why) => {
                if !self.deceived {
                    found.push(why);
                }
            }
            // Nobody brings parts but through the sources: what the record does not know, it has lost.
            Said::Unknown(what) => {
                if !self.deceived {
                    found.push(format!("the record had lost {what}"));
                }
            }
            Said::Laid(serial, tray) if is_good(cell, tray) => self.laid(cell, places, &serial, found),
            Said::Laid(..) | Said::NotTaken(_) => {}
            Said::Ended(serial, UnitResult::Good) => match self.laid.remove(&serial) {
                Some(flaws) => {
                    self.seen.good += 1;
                    found.extend(flaws.iter().map(|f| format!("{serial} lies among the good ones: {f}")));
                }
                None => found.push(format!("{serial} is good and was never laid into a good tray")),
            },
            Said::Ended(serial, UnitResult::Ng) => {
                let parts: Vec<Key> =
                    self.book.parts().filter(|(_, k)| k.serial == serial).map(|(_, k)| k.key).collect();
                let sound = |(kind, n): &Key| cell.truth().defect(*kind, *n).is_none();
                self.seen.good_rejected += u64::from(parts.len() == 3 && parts.iter().all(sound));
            }
            Said::Ended(..) => {}
        }
    }

    /// A unit comes to lie in a good tray: whole, made of what the record says, and nothing of it truly bad.
    fn laid(&mut self, cell: &VirtualCell, places: &Places, serial: &str, found: &mut Vec<String>) {
        let of_unit: Vec<&Known> =
            self.book.parts().filter(|(_, k)| k.serial == serial).map(|(_, k)| k).collect();
        let at: BTreeSet<Location> = of_unit.iter().map(|k| k.at).collect();
        let pocket = match at.iter().next() {
            Some(Location::Tray { tray, pocket }) if at.len() == 1 && is_good(cell, *tray) => {
                (*tray, *pocket)
            }
            _ if self.deceived => return,
            _ => {
                found.push(format!("{serial} is laid into a good tray and its parts recorded at {at:?}"));
                return;
            }
        };
        let lies = places.trays[pocket.0.index()].pockets.get(pocket.1 as usize);
        match lies {
            Some(Pocket::Unit(unit)) => {
                let mut parts = keys(unit);
                parts.sort_unstable();
                let mut recorded: Vec<Key> = of_unit.iter().map(|k| k.key).collect();
                recorded.sort_unstable();
                if parts != recorded && !self.deceived {
                    found.push(format!("{serial} is made of {parts:?}, the record says {recorded:?}"));
                }
                let beyond = cell.truth().beyond(cell.cell(), cell.plan(), unit);
                self.laid.insert(serial.to_owned(), beyond.iter().map(ToString::to_string).collect());
            }
            // Whoever took it away knows what it was.
            _ if self.deceived || of_unit.iter().all(|k| self.taken.contains(&k.key)) => {
                self.laid.insert(serial.to_owned(), Vec::new());
            }
            lies => found.push(format!("{serial} is laid into a good tray, and in its pocket is {lies:?}")),
        }
    }

    /// The cell rests. After a reset everything is known.
    fn rest(&mut self, cell: &VirtualCell, places: &Places, found: &mut Vec<String>) {
        if cell.state() != CellState::Idle || !cell.rt().at_rest || !cell.recorded() || deceived(cell) {
            return;
        }
        self.seen.at_rest += 1;
        let now = parts(places);
        if core::mem::take(&mut self.took) || self.deceived {
            self.bins(cell, places, &now);
        }
        if core::mem::take(&mut self.deceived) {
            let moved: Vec<u32> = places.trays.iter().map(|t| t.moved).collect();
            found.extend(self.book.rekey(&now, &moved));
            self.seen.excused += 1;
        }
        self.meddled = false;
        self.taken.clear();
        found.extend(self.book.open().into_iter().map(|open| format!("after a reset there is {open}")));
        self.compare(&now, cell, found);
        self.sources(cell, places, found);
        self.among_good(cell, found);
    }

    /// What lies in bins, after a sensor denied parts, or somebody took some that the record has there.
    fn bins(&mut self, cell: &VirtualCell, places: &Places, now: &BTreeMap<Key, Location>) {
        let recorded: BTreeMap<Key, Location> = self.book.parts().map(|(_, k)| (k.key, k.at)).collect();
        let only_in = |a: &BTreeMap<Key, Location>, b: &BTreeMap<Key, Location>| -> Vec<Key> {
            let lone =
                |(key, at): &(&Key, &Location)| matches!(at, Location::Bin(_)) && b.get(*key) != Some(at);
            a.iter().filter(lone).map(|(key, _)| *key).collect()
        };
        let mut differ = only_in(&recorded, now);
        if self.deceived {
            differ.extend(only_in(now, &recorded));
        } else {
            differ.retain(|key| self.taken.contains(key));
        }
        let before = self.unknowable.len();
        self.unknowable.extend(differ);
        let newly = self.unknowable.len() - before;
        self.seen.excused += newly as u64;
        let Some(status) = cell.status().filter(|_| newly > 0) else { return };
        for (t, state) in places.trays.iter().enumerate() {
            let held = i64::from(state.moved - state.emptied_at);
            self.more[t] = (state.exchanged, i64::from(status.trays[t].next) - held);
        }
    }

    /// Sources gave what the record saw leave them, and have parts where the cell will look for the next one.
    fn sources(&self, cell: &VirtualCell, places: &Places, found: &mut Vec<String>) {
        let Some(status) = cell.status() else { return };
        for (t, (tray, state)) in cell.cell().trays.iter().zip(&places.trays).enumerate() {
            let next = status.trays[t].next;
            // Where somebody took the next part unseen, the cell will find its pocket empty.
            let unseen = self.book.unseen(t);
            let from = state.pockets.iter().skip(next as usize + usize::from(unseen > 0));
            let (right, what) = match tray.kind {
                TrayKind::Source => {
                    let fresh = from.clone().all(|p| *p == Pocket::Fresh);
                    (fresh && state.moved == self.book.given(t), "a source")
                }
                TrayKind::Lane => {
                    let moved = i64::from(next) + unseen == i64::from(state.moved);
                    (moved && state.moved == self.book.given(t), "a lane")
                }
                TrayKind::Good => (from.clone().all(|p| *p == Pocket::Empty), "a good tray"),
                TrayKind::Reject => {
                    let (exchanged, more) = self.more[t];
                    let more = if exchanged == state.exchanged { more } else { 0 };
                    (i64::from(next) - more == i64::from(state.moved - state.emptied_at), "a bin")
                }
            };
            if !right {
                found.push(format!(
                    "{} is {what} at {next}; in truth it moved {}, {} since it was exchanged, the record saw {}",
                    tray.name,
                    state.moved,
                    state.moved - state.emptied_at,
                    self.book.given(t)
                ));
            }
        }
    }

    /// Whatever lies where good units do is a good unit.
    fn among_good(&self, cell: &VirtualCell, found: &mut Vec<String>) {
        for (name, known) in self.book.parts() {
            let Location::Tray { tray, .. } = known.at else { continue };
            if is_good(cell, tray) && self.book.result(&known.serial) != Some(UnitResult::Good) {
                found.push(format!("{name} lies in the good tray and its unit is not good"));
            }
        }
    }
}

fn is_good(cell: &VirtualCell, tray: TrayId) -> bool {
    cell.cell().trays.get(tray.index()).is_some_and(|t| t.kind == TrayKind::Good)
}

/// A sensor of parts shows what is not there.
fn deceived(cell: &VirtualCell) -> bool {
    let world = cell.world();
    let places = world.plant().places();
    let sees = |input| cell.truth().description.inputs.iter().find(|i| i.input == input).map(|i| i.sees);
    world.plant().stuck_inputs().any(|(input, level)| match sees(input) {
        Some(Sight::Nest(station, kind)) => {
            level != places.at_station(station).is_some_and(|nest| nest.part(kind).is_some())
        }
        // What they show is over when it is looked at.
        Some(Sight::PocketFilled | Sight::Drop) => true,
        _ => false,
    })
}

/// What people have exchanged, tray by tray.
fn exchanges(places: &Places) -> Vec<u32> {
    places.trays.iter().map(|t| t.exchanged).collect()
}

fn keys(unit: &Assembly) -> Vec<Key> {
    PartKind::ALL.into_iter().filter_map(|kind| unit.part(kind).map(|n| (kind, n))).collect()
}

/// Where the plant has every part that has left its source and is still in the cell.
fn parts(places: &Places) -> BTreeMap<Key, Location> {
    let mut all = BTreeMap::new();
    let mut put = |unit: &Assembly, at: Location| all.extend(keys(unit).into_iter().map(|key| (key, at)));
    for (n, nest) in places.nests.iter().enumerate() {
        put(nest, Location::Nest(n as u16));
    }
    for (robot, held) in places.grippers.iter().enumerate() {
        let at = Location::Gripper(RobotId(robot as u16));
        match held {
            Some(Held::Unit(unit)) => put(unit, at),
            Some(Held::Part(part)) => put(&part.alone(), at),
            None => {}
        }
    }
    for (t, tray) in places.trays.iter().enumerate() {
        let id = TrayId(t as u16);
        for (n, pocket) in tray.pockets.iter().enumerate() {
            if let Pocket::Unit(unit) = pocket {
                put(unit, Location::Tray { tray: id, pocket: n as u32 });
            }
        }
        let known = (tray.moved - tray.emptied_at).min(BIN_UNITS_MAX as u32);
        if !tray.bin.is_empty() {
            for n in tray.moved - known..tray.moved {
                put(&tray.bin[n as usize % BIN_UNITS_MAX], Location::Bin(id));
            }
        }
    }
    all
}
