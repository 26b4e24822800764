//! Where the record says that each part is: read from what became durable, across lives of the controller.
//!
//! The record names a part by unit and component, the plant by kind and number of its pick. What ties them is
//! the source: the n-th part that the record saw leave it is the plant's n-th, whatever became of either. So a
//! pick that is missing in the record shifts every one after it, and shows.
//!
//! *Way*: what an open intent, or a doubt, says of a part that may be one place further than recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cellwright_engine::record::{Location, PartRef};
use cellwright_model::TrayId;
use cellwright_model::cell::{Cell, TrayKind};
use cellwright_model::event::{EventData, EventDraft, JournalEntry, PartMoved, Route, Transaction};
use cellwright_model::outcome::UnitResult;
use cellwright_model::plant::PartKind;

/// A part of the plant.
pub(super) type Key = (PartKind, u32);

/// A part that the record follows.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) serial: String,
    pub(super) key: Key,
    pub(super) at: Location,
}

/// See the module text.
#[derive(Debug, Clone)]
struct Way {
    serial: String,
    part: PartRef,
    places: Vec<Location>,
}

/// What is said in the record and is worth a look at the plant.
#[derive(Debug)]
pub(super) enum Said {
    /// It contradicts what the record said before.
    Wrong(String),
    /// Something was found of which the record did not know.
    Unknown(String),
    /// The next part of a source was in doubt, and is said to lie there still, or nobody saw it leave.
    NotTaken(TrayId),
    /// A unit was laid into a tray or bin.
    Laid(String, TrayId),
    /// A unit has ended.
    Ended(String, UnitResult),
}

/// See the module text.
#[derive(Debug)]
pub(super) struct Book {
    cell: Arc<Cell>,
    /// Kind of the parts of each source, by [`TrayId`].
    kinds: Vec<Option<PartKind>>,
    /// By the record's name.
    parts: BTreeMap<String, Known>,
    /// Found and not known: by name, where.
    unknown: BTreeMap<String, Location>,
    out: BTreeSet<Key>,
    /// Parts that each source has given.
    given: Vec<u32>,
    /// Of them, parts that nobody could have seen leave.
    unseen: Vec<i64>,
    /// Of open intents, by serial, ordinal and attempt.
    intents: BTreeMap<(String, u32, u32), Way>,
    doubts: BTreeMap<String, Way>,
    results: BTreeMap<String, UnitResult>,
}

impl Book {
    /// The book of a cell whose record begins now. `kinds`: of the parts of each source.
    pub(super) fn new(cell: Arc<Cell>, kinds: Vec<Option<PartKind>>) -> Book {
        let (given, unseen) = (vec![0; cell.trays.len()], vec![0; cell.trays.len()]);
        Book {
            cell,
            kinds,
            parts: BTreeMap::new(),
            unknown: BTreeMap::new(),
            out: BTreeSet::new(),
            given,
            unseen,
            intents: BTreeMap::new(),
            doubts: BTreeMap::new(),
            results: BTreeMap::new(),
        }
    }

    /// One transaction has become durable.
    pub(super) fn follow(&mut self, transaction: &Transaction, said: &mut Vec<Said>) {
        transaction.journal.iter().for_each(|entry| self.entry(entry, said));
        transaction.events.iter().for_each(|event| self.event(event, said));
    }

    fn entry(&mut self, entry: &JournalEntry, said: &mut Vec<Said>) {
        match entry {
            JournalEntry::StepIntent { serial, n, attempt, route: Some(route), .. } => {
                if let Some(way) = self.way(route) {
                    self.intents.insert((serial.clone(), *n, *attempt), way);
                }
            }
            JournalEntry::PartDoubt { route } => {
                if let Some(way) = self.way(route) {
                    self.doubts.insert(route.part.clone(), way);
                }
            }
            JournalEntry::PartMoved { part, .. } | JournalEntry::PartLeft { part } => {
                self.doubts.remove(part);
            }
            JournalEntry::PartSettled { part } => {
                let first = self.doubts.remove(part).and_then(|way| way.places.first().copied());
                if let Some(Location::Tray { tray, .. }) = first.filter(|_| !self.parts.contains_key(part)) {
                    said.push(Said::NotTaken(tray));
                }
            }
            JournalEntry::PartsJoined { serial } => {
                let of_unit = format!("{serial}/");
                self.doubts.retain(|part, _| !part.starts_with(&of_unit));
            }
            JournalEntry::TrayEmptied { tray } => {
                let emptied = self.cell.tray(tray);
                self.leave(|k| emptied.is_some() && k.at.tray() == emptied);
            }
            _ => {}
        }
    }

    fn way(&self, route: &Route) -> Option<Way> {
        let (serial, part) = PartRef::read(&route.part, &self.cell.serial_prefix);
        let places: Option<Vec<_>> = route.places.iter().map(|p| Location::read(p, &self.cell)).collect();
        Some(Way { serial, part, places: places? })
    }

    fn event(&mut self, event: &EventDraft, said: &mut Vec<Said>) {
        let serial = event.unit.as_ref().map(|u| u.serial.clone()).unwrap_or_default();
        match &event.data {
            EventData::PartMoved(moved) => self.moved(moved, said),
            EventData::StepOutcome(s) => {
                let way = self.intents.remove(&(serial, s.n, s.attempt));
                said.extend(way.and_then(|way| self.not_fed(&way)));
            }
            EventData::UnitResult(end) => {
                self.intents.retain(|(of, ..), _| *of != serial);
                self.results.insert(serial.clone(), end.result);
                said.push(Said::Ended(serial, end.result));
            }
            _ => {}
        }
    }

    /// A part of a lane was pushed, or not, and the step ended without having seen it.
    fn not_fed(&self, way: &Way) -> Option<Said> {
        let Some(Location::Tray { tray, .. }) = way.places.first().copied() else { return None };
        let is_lane = self.cell.trays[tray.index()].kind == TrayKind::Lane;
        let unrecorded = !self.parts.contains_key(&way.part.id(&way.serial));
        (is_lane && unrecorded).then_some(Said::NotTaken(tray))
    }

    fn moved(&mut self, moved: &PartMoved, said: &mut Vec<Said>) {
        let wrong = |why: &str| Some(Said::Wrong(format!("{moved:?}: {why}")));
        let (serial, part) = PartRef::read(&moved.part, &self.cell.serial_prefix);
        let places = Location::read(&moved.from, &self.cell).zip(Location::read(&moved.to, &self.cell));
        let Some((from, to)) = places else {
            said.extend(wrong("the cell has no such place"));
            return;
        };
        if let (PartRef::Unit, Some(tray)) = (&part, to.tray()) {
            said.push(Said::Laid(serial.clone(), tray));
        }
        // What cannot be, if the record was right.
        let contradicts = match (part, from) {
            (PartRef::Unit, _) => {
                let of_unit = |k: &&mut Known| k.serial == serial && k.at == from;
                let moved = self.parts.values_mut().filter(of_unit).map(|k| k.at = to).count();
                if moved == 0 { wrong("nothing of the unit was recorded there") } else { None }
            }
            (PartRef::Component(_), Location::Tray { tray, pocket }) if self.source(tray).is_some() => {
                self.gives(moved, &serial, (tray, pocket), to)
            }
            (PartRef::Component(_), _) => match self.parts.get_mut(&moved.part) {
                Some(known) if known.at == from => {
                    known.at = to;
                    None
                }
                Some(known) => {
                    let why = format!("it was recorded at {}", known.at.word(&self.cell));
                    known.at = to;
                    wrong(&why)
                }
                None if self.unknown.remove(&moved.part).is_some() && to == Location::Hand => None,
                None => {
                    self.unknown.insert(moved.part.clone(), to);
                    Some(Said::Unknown(format!("{} at {}", moved.part, moved.to)))
                }
            },
        };
        said.extend(contradicts);
        self.leave(|k| k.at == Location::Hand);
    }

    fn source(&self, tray: TrayId) -> Option<PartKind> {
        let kind = self.cell.trays.get(tray.index()).map(|t| t.kind)?;
        let kinds = self.kinds.get(tray.index()).copied().flatten();
        kinds.filter(|_| matches!(kind, TrayKind::Source | TrayKind::Lane))
    }

    /// A part leaves its source.
    fn gives(
        &mut self,
        moved: &PartMoved,
        serial: &str,
        (tray, pocket): (TrayId, u32),
        to: Location,
    ) -> Option<Said> {
        let kind = self.source(tray)?;
        let n = self.given[tray.index()];
        self.given[tray.index()] += 1;
        let known = Known { serial: serial.to_owned(), key: (kind, n), at: to };
        let before = self.parts.insert(moved.part.clone(), known);
        let is_lane = self.cell.trays[tray.index()].kind == TrayKind::Lane;
        match before {
            Some(before) => Some(Said::Wrong(format!("{moved:?}: nothing says where {before:?} went"))),
            None if is_lane && i64::from(pocket) + self.unseen[tray.index()] != i64::from(n) => {
                Some(Said::Wrong(format!("{moved:?}: it is the {n}th part that the record saw leave")))
            }
            None => None,
        }
    }

    fn leave(&mut self, which: impl Fn(&Known) -> bool) {
        let out = &mut self.out;
        self.parts.retain(|_, known| {
            let leaves = which(known);
            if leaves {
                out.insert(known.key);
            }
            !leaves
        });
    }

    /// Parts that are in the cell.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&String, &Known)> {
        self.parts.iter()
    }

    /// It has left the cell, by the record.
    pub(super) fn is_out(&self, key: Key) -> bool {
        self.out.contains(&key)
    }

    /// Places at which a part may be although it is recorded elsewhere, because of an open intent or a doubt.
    pub(super) fn may_be_at(&self, name: &str, known: &Known) -> impl Iterator<Item = Location> {
        let of_part = |way: &&Way| {
            way.serial == known.serial && (way.part == PartRef::Unit || way.part.id(&way.serial) == name)
        };
        let next = |way: &Way| {
            let at = way.places.iter().rposition(|p| *p == known.at)?;
            way.places.get(at + 1).copied()
        };
        let ways = self.intents.values().chain(self.doubts.values());
        ways.filter(of_part).filter_map(next).collect::<Vec<_>>().into_iter()
    }

    /// The part that was taken from its source and is not recorded yet: the next one of that source, where an open
    /// intent or a doubt takes it first.
    pub(super) fn may_be_picked(&self, key: Key, at: Location) -> bool {
        self.intents.values().chain(self.doubts.values()).any(|way| {
            let (Some(Location::Tray { tray, .. }), Some(first)) = (way.places.first(), way.places.get(1))
            else {
                return false;
            };
            let unrecorded = !self.parts.contains_key(&way.part.id(&way.serial));
            let next = self.source(*tray).map(|kind| (kind, self.given[tray.index()]));
            unrecorded && next == Some(key) && *first == at
        })
    }

    /// The next part of a source has left it and the cell, and nobody could have seen that.
    pub(super) fn missed(&mut self, tray: TrayId) {
        if let Some(kind) = self.source(tray) {
            self.out.insert((kind, self.given[tray.index()]));
            self.given[tray.index()] += 1;
            self.unseen[tray.index()] += 1;
        }
    }

    /// The key of the next part of a source.
    pub(super) fn next(&self, tray: TrayId) -> Option<Key> {
        self.source(tray).map(|kind| (kind, self.given[tray.index()]))
    }

    /// Parts of which nobody could have seen that they left a source (negative: that they did not).
    pub(super) fn unseen(&self, tray: usize) -> i64 {
        self.unseen[tray]
    }

    /// The record was deceived by a sensor: which part is which is taken from the plant anew, and only that in each
    /// place there are as many parts of each kind as it says has to hold. `now`: where the plant has its parts;
    /// `moved`: how many each source gave. What does not hold, but for bins, into which nobody looks.
    pub(super) fn rekey(&mut self, now: &BTreeMap<Key, Location>, moved: &[u32]) -> Vec<String> {
        let mut plant: BTreeMap<(Location, PartKind), Vec<Key>> = BTreeMap::new();
        now.iter().for_each(|(key, at)| plant.entry((*at, key.0)).or_default().push(*key));
        let mut wrong = Vec::new();
        for (name, known) in &mut self.parts {
            match plant.get_mut(&(known.at, known.key.0)).and_then(Vec::pop) {
                Some(key) => known.key = key,
                None if matches!(known.at, Location::Bin(_)) => {}
                None => {
                    wrong.push(format!("{name} is recorded at {} and not there", known.at.word(&self.cell)))
                }
            }
        }
        for ((at, _), keys) in plant.into_iter().filter(|((at, _), _)| !matches!(at, Location::Bin(_))) {
            wrong.extend(
                keys.iter().map(|key| format!("{key:?} is at {} and in no record", at.word(&self.cell))),
            );
        }
        self.out.clear();
        for (tray, moved) in moved.iter().enumerate() {
            let Some(kind) = self.source(TrayId(tray as u16)) else { continue };
            self.unseen[tray] += i64::from(*moved) - i64::from(self.given[tray]);
            self.given[tray] = *moved;
            self.out.extend((0..*moved).map(|n| (kind, n)).filter(|key| !now.contains_key(key)));
        }
        wrong
    }

    /// Parts that a source has given.
    pub(super) fn given(&self, tray: usize) -> u32 {
        self.given[tray]
    }

    /// What is not known of the places of parts, in words. Empty: the record says where everything is.
    pub(super) fn open(&self) -> Vec<String> {
        let intents =
            self.intents.iter().map(|((serial, n, attempt), _)| format!("intent {serial}/{n}/{attempt}"));
        let doubts = self.doubts.keys().map(|part| format!("doubt about {part}"));
        let unknown = self.unknown.iter().map(|(name, at)| format!("{name} at {}", at.word(&self.cell)));
        intents.chain(doubts).chain(unknown).collect()
    }

    /// What the cell has said of a unit.
    pub(super) fn result(&self, serial: &str) -> Option<UnitResult> {
        self.results.get(serial).copied()
    }
}
