//! One unit in work: what it is, what is in it, where it is; and its branches.

mod reopened;

use std::collections::BTreeMap;
use std::sync::Arc;

use cellwright_model::cell::Cell;
use cellwright_model::event::Resumed;
use cellwright_model::gs1::Gs1Error;
use cellwright_model::label::UnitLabel;
use cellwright_model::outcome::UnitResult;
use cellwright_model::packml::CellCommand;
use cellwright_model::plan::{Place, PlaceWhat, Plan};
use cellwright_model::{StationId, StepIx, TrayId, UnitId};

use crate::api::{MachineFault, Order, Source, Ticket, Work};
use crate::branch::{Branch, BranchEnd, Flow};
use crate::breaks::Breaks;
use crate::catalogue::AlarmCode;
use crate::conditions::Made;
use crate::labels::Labels;
use crate::ledger::Cx;
use crate::ops::OpEnd;
use crate::parts::{Leftover, Parts};
use crate::record::{ComponentUse, Location, PartRef, Record, Route, UnitSummary};
use crate::resources::{BranchKey, Resources};
use crate::resume::Point;
use crate::sequencer::{BlockIx, Cursor, Graph};

/// What a branch asks of the cell.
#[derive(Debug, Clone)]
pub(crate) enum Demand {
    /// The cell reacts by its class.
    Fault(MachineFault),
    /// Raised only: the branch itself waits for a person, and this answer takes the unit on.
    Asks(MachineFault, &'static str),
    Command(CellCommand, Source),
    /// The question of this step is answered: its alarm is over.
    ClearAlarm {
        code: AlarmCode,
        place: String,
    },
}

/// A branch that a fork begins.
#[derive(Debug)]
pub(crate) struct Spawn {
    pub(crate) name: String,
    pub(crate) block: BlockIx,
    pub(crate) parent: u32,
}

/// Everything a branch works with.
pub(crate) struct Env<'a, 'b> {
    pub(crate) cx: &'a mut Cx<'b>,
    pub(crate) unit: &'a mut UnitData,
    pub(crate) parts: &'a mut Parts,
    pub(crate) resources: &'a mut Resources,
    pub(crate) demands: &'a mut Vec<Demand>,
    pub(crate) breaks: &'a Breaks,
    pub(crate) spawns: &'a mut Vec<Spawn>,
    /// Ends of the branches that this one has forked; `None` while one is active.
    pub(crate) children: Vec<Option<BranchEnd>>,
}

/// The unit itself.
#[derive(Debug)]
pub(crate) struct UnitData {
    pub(crate) id: UnitId,
    pub(crate) serial: String,
    pub(crate) order: String,
    pub(crate) plan: Arc<Plan>,
    pub(crate) graph: Graph,
    /// The nest that travels with it.
    pub(crate) nest: u16,
    /// Station at which the nest stands; `None` while the table turns.
    pub(crate) station: Option<StationId>,
    pub(crate) components: Vec<ComponentUse>,
    places: BTreeMap<String, Location>,
    /// Where it is, once something lies in its nest.
    location: Option<Location>,
    /// The record of its last change of place.
    last_move: Option<Ticket>,
    /// Sensors have seen its nest empty before anything of it was put there.
    pub(crate) nest_looked_at: bool,
    pub(crate) attempts: u32,
    /// Attempts of each step, those that were left out included.
    attempts_of: BTreeMap<StepIx, u16>,
    /// What its label says.
    pub(crate) label: Result<UnitLabel, Gs1Error>,
    pub(crate) labels: Labels,
    pub(crate) made: Made,
    pub(crate) retested: bool,
    /// After a restart: attempts of the last step that failed, and that faulted.
    tried: Option<(u16, u16)>,
    /// On its reject path.
    pub(crate) rejecting: bool,
    /// Why it is not good: `<step>/<measurement or cause>`. Branches that have not begun end.
    pub(crate) condemned: Option<String>,
    /// The tray that an attempt found used up.
    pub(crate) used_up: Option<TrayId>,
    /// An invariant of class reject-part is violated: running steps fail with this cause.
    pub(crate) reject_now: Option<String>,
}

impl UnitData {
    /// The component in the list of those used, entered if it is new.
    pub(crate) fn component(&mut self, name: &str, part: &str) -> &mut ComponentUse {
        let at = match self.components.iter().position(|c| c.name == name) {
            Some(at) => at,
            None => {
                self.components.push(ComponentUse {
                    name: name.into(),
                    part: part.into(),
                    lot: None,
                    serial: None,
                });
                self.components.len() - 1
            }
        };
        &mut self.components[at]
    }

    /// A unit that came back has been read to be the one of this serial; any other one is made here.
    pub(crate) fn is_itself(&self) -> bool {
        let read = |name: &str| self.components.iter().any(|c| c.name == name && c.serial.is_some());
        self.plan.reworks().is_none_or(|unit| read(&unit.name))
    }

    /// The number of the next attempt of a step: it names its record.
    pub(crate) fn next_attempt(&mut self, step: StepIx) -> u16 {
        let attempts = self.attempts_of.entry(step).or_insert(0);
        *attempts = attempts.saturating_add(1);
        *attempts
    }

    /// A new part for the component, from its source. One that was there before (the step is done again)
    /// has been taken out by a person, and what was known of it does not hold for the new one.
    pub(crate) fn renew(&mut self, cx: &mut Cx<'_>, component: &str, at: Location) {
        let Some(from) = self.places.insert(component.into(), at) else { return };
        self.components.retain(|c| c.name != component);
        let part = PartRef::Component(component.into());
        self.moved(cx, part, from, Location::Hand, false);
    }

    /// The same before a step is begun again that takes a new part: where the earlier one was is over.
    pub(crate) fn forget_earlier(&mut self, cx: &mut Cx<'_>, route: &Route) {
        let (PartRef::Component(name), Some(Location::Tray { .. })) = (&route.part, route.places.first())
        else {
            return;
        };
        if let Some(from) = self.places.remove(name) {
            self.components.retain(|c| c.name != *name);
            self.moved(cx, route.part.clone(), from, Location::Hand, false);
        }
    }

    fn moved(&mut self, cx: &mut Cx<'_>, part: PartRef, from: Location, to: Location, verified: bool) {
        let (unit, serial) = (Some(self.id), self.serial.clone());
        self.last_move = Some(cx.record(Record::PartMoved { unit, serial, part, from, to, verified }));
    }

    /// The ticket of its last move, while that is not durable.
    pub(crate) fn unrecorded(&self, cx: &Cx<'_>) -> Option<Ticket> {
        self.last_move.filter(|ticket| !cx.ledger.is_persisted(*ticket))
    }

    /// Where a part of it, or the unit, was recorded last.
    pub(crate) fn place_of(&self, part: &PartRef) -> Option<Location> {
        match part {
            PartRef::Unit => self.location,
            PartRef::Component(name) => self.places.get(name).copied(),
        }
    }

    /// Something of it lies in its nest.
    pub(crate) fn in_nest(&self) -> bool {
        self.location == Some(Location::Nest(self.nest))
    }

    /// It lies where good units do and is not good.
    pub(crate) fn among_good(&self, cell: &Cell) -> Option<Location> {
        self.location.filter(|at| crate::route::is_good_pocket(cell, at))
    }

    /// Something of it has left its source: it has to be taken to somewhere.
    pub(crate) fn loaded(&self) -> bool {
        !self.places.is_empty() || self.location.is_some()
    }

    /// A part or the unit is somewhere else now.
    pub(crate) fn place(
        &mut self,
        parts: &mut Parts,
        cx: &mut Cx<'_>,
        what: &PlaceWhat,
        to: Place,
        verified: bool,
    ) -> OpEnd {
        let to = match to {
            Place::Nest => Location::Nest(self.nest),
            Place::Gripper(robot) => Location::Gripper(robot),
            Place::Bin(tray) => {
                let next = parts.advance(tray);
                cx.record(Record::TrayCursor { tray, next });
                Location::Bin(tray)
            }
            Place::TrayNext(tray) => {
                let Some(pocket) = parts.pocket(cx.cell, tray) else {
                    self.used_up = Some(tray);
                    return OpEnd::Fault("tray-full".into());
                };
                let next = parts.advance(tray);
                cx.record(Record::TrayCursor { tray, next });
                Location::Tray { tray, pocket }
            }
        };
        let (part, from) = match what {
            // One without a known source was put in by hand.
            PlaceWhat::Component(name) => {
                if to == Location::Nest(self.nest) {
                    self.location.get_or_insert(to);
                }
                let from = self.places.insert(name.clone(), to).unwrap_or(Location::Hand);
                (PartRef::Component(name.clone()), from)
            }
            PlaceWhat::Unit => match self.location.replace(to) {
                Some(from) => {
                    self.join(cx);
                    (PartRef::Unit, from)
                }
                None => {
                    self.location = None;
                    return OpEnd::Fault("unit-nowhere".into());
                }
            },
        };
        parts.forget_doubt(&self.serial, &part);
        self.moved(cx, part, from, to, verified);
        OpEnd::Ok
    }

    /// What lay in the nest goes with the unit from now on.
    fn join(&mut self, cx: &mut Cx<'_>) {
        let nest = Location::Nest(self.nest);
        for name in self.places.iter().filter(|(_, at)| **at == nest).map(|(name, _)| name) {
            let part = PartRef::Component(name.clone());
            cx.record(Record::PartJoined { serial: self.serial.clone(), part });
        }
        self.places.retain(|_, at| *at != nest);
    }

    /// It is in its nest, seen there before it is taken out: no doubt about that is left.
    pub(crate) fn seen_in_nest(&self, parts: &mut Parts, cx: &mut Cx<'_>) {
        if self.in_nest() {
            self.settled(parts, cx);
        }
    }

    fn settled(&self, parts: &mut Parts, cx: &mut Cx<'_>) {
        if parts.forget_doubt(&self.serial, &PartRef::Unit) {
            cx.record(Record::PartSettled { serial: self.serial.clone(), part: PartRef::Unit });
        }
    }

    /// A person has taken everything of it out, and has looked for it wherever it might be.
    pub(crate) fn remove_by_hand(&mut self, parts: &mut Parts, cx: &mut Cx<'_>) {
        self.settled(parts, cx);
        for left in self.leftovers() {
            self.moved(cx, left.part, left.at, Location::Hand, false);
        }
        self.places.clear();
        self.location = None;
    }

    /// What of it still lies where the next unit would meet it.
    pub(crate) fn leftovers(&self) -> Vec<Leftover> {
        let in_the_way = |at: &Location| matches!(at, Location::Nest(_) | Location::Gripper(_));
        let left = |part, at| Leftover { serial: self.serial.clone(), part, at };
        // As long as it is in its nest, it is what was put there.
        let unit = self.location.filter(|at| matches!(at, Location::Gripper(_)));
        let unit = unit.map(|at| left(PartRef::Unit, at));
        let parts = self.places.iter().filter(|(_, at)| in_the_way(at));
        let parts = parts.map(|(name, at)| left(PartRef::Component(name.clone()), *at));
        unit.into_iter().chain(parts).collect()
    }
}

/// Where a unit is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Life {
    Opening(Ticket),
    Working,
    Rejecting,
    Closing(Ticket),
}

/// A unit with its branches.
pub(crate) struct Unit {
    pub(crate) data: UnitData,
    pub(crate) branches: BTreeMap<u32, Branch>,
    next_branch: u32,
    life: Life,
    /// After a restart: where its body goes on, and who has decided that.
    begins_at: Option<(Point, Source)>,
    pub(crate) result: Option<UnitResult>,
}

/// What the unit works with besides its own.
pub(crate) struct Shop<'a, 'b> {
    pub(crate) cx: &'a mut Cx<'b>,
    pub(crate) parts: &'a mut Parts,
    pub(crate) resources: &'a mut Resources,
    pub(crate) demands: &'a mut Vec<Demand>,
    pub(crate) breaks: &'a Breaks,
}

const ROOT: u32 = 1;

impl Unit {
    /// Takes the serial; recorded, and not begun before that is durable.
    pub(crate) fn open(
        cx: &mut Cx<'_>,
        id: UnitId,
        place: (u16, Option<StationId>),
        serial: (String, u64),
        order: &Order,
    ) -> Unit {
        Unit::open_as(cx, id, place, serial, order, None)
    }

    fn open_as(
        cx: &mut Cx<'_>,
        id: UnitId,
        (nest, station): (u16, Option<StationId>),
        (serial, counter): (String, u64),
        order: &Order,
        resumed: Option<Resumed>,
    ) -> Unit {
        let plan = order.plan_of(&serial);
        let ticket = cx.record(Record::UnitOpened {
            unit: id,
            serial: serial.clone(),
            counter,
            order: order.id.clone(),
            plan: plan.clone(),
            resumed,
        });
        let terms = match &order.work {
            Work::Terms { terms, .. } => Some(&**terms),
            Work::Units(_) => None,
        };
        let label = UnitLabel::of_unit(terms, &serial);
        let data = UnitData {
            id,
            serial,
            order: order.id.clone(),
            graph: Graph::of(plan),
            plan: plan.clone(),
            nest,
            station,
            components: Vec::new(),
            places: BTreeMap::new(),
            location: None,
            last_move: None,
            nest_looked_at: false,
            attempts: 0,
            attempts_of: BTreeMap::new(),
            label,
            labels: Labels::default(),
            made: Made::default(),
            retested: false,
            tried: None,
            rejecting: false,
            condemned: None,
            used_up: None,
            reject_now: None,
        };
        Unit {
            data,
            branches: BTreeMap::new(),
            next_branch: ROOT,
            life: Life::Opening(ticket),
            begins_at: None,
            result: None,
        }
    }

    fn spawn(&mut self, name: String, block: BlockIx, parent: Option<u32>) {
        let key = BranchKey { unit: self.data.id, branch: self.next_branch };
        self.branches.insert(self.next_branch, Branch::new(key, name, Cursor::start(block), parent));
        self.next_branch += 1;
    }

    /// Its serial is not durable yet; nothing of it has begun.
    pub(crate) fn is_opening(&self) -> bool {
        matches!(self.life, Life::Opening(_))
    }

    /// It lies there, and the cell has not said yet that it belongs there: whoever takes the tray away would take it
    /// along.
    pub(crate) fn lies_unfinished_in(&self, tray: TrayId) -> bool {
        let may_leave = match self.data.place_of(&PartRef::Unit) {
            Some(Location::Tray { tray: t, .. }) if t == tray => self.result == Some(UnitResult::Good),
            Some(Location::Bin(bin)) if bin == tray => self.result.is_some(),
            _ => true,
        };
        !may_leave
    }

    /// Every branch has ended.
    fn quiet(&self) -> bool {
        self.branches.values().all(|b| b.end.is_some())
    }

    /// Goes on as far as it can; `true` if anything happened.
    pub(crate) fn poll(&mut self, shop: &mut Shop<'_, '_>, flow: Flow) -> bool {
        match self.life {
            Life::Opening(_) if flow.ends() => {
                self.close(shop.cx, UnitResult::Interrupted, Some("stopped".into()));
                true
            }
            Life::Opening(ticket) => {
                if flow != Flow::Run || !shop.cx.ledger.is_persisted(ticket) {
                    return false;
                }
                self.begin_body(shop.cx);
                true
            }
            Life::Closing(_) => false,
            Life::Working | Life::Rejecting => {
                let moved = self.poll_branches(shop, flow);
                if self.quiet() {
                    self.wind_up(shop.parts, shop.cx);
                    return true;
                }
                moved
            }
        }
    }

    fn poll_branches(&mut self, shop: &mut Shop<'_, '_>, flow: Flow) -> bool {
        let mut moved = false;
        let keys: Vec<u32> = self.branches.keys().copied().collect();
        for key in keys {
            let Some(mut branch) = self.branches.remove(&key) else { continue };
            let children =
                branch.children.iter().map(|c| self.branches.get(c).and_then(|b| b.end.clone())).collect();
            let mut spawns = Vec::new();
            let mut env = Env {
                cx: shop.cx,
                unit: &mut self.data,
                parts: shop.parts,
                resources: shop.resources,
                demands: shop.demands,
                breaks: shop.breaks,
                spawns: &mut spawns,
                children,
            };
            moved |= branch.poll(&mut env, flow);
            self.forget_spent(&mut branch);
            for spawn in spawns {
                branch.children.push(self.next_branch);
                self.spawn(spawn.name, spawn.block, Some(spawn.parent));
                moved = true;
            }
            self.branches.insert(key, branch);
        }
        moved
    }

    /// Branches that have ended and that nobody asks for; a stop ends a fork before its branches have come to rest.
    fn forget_spent(&mut self, branch: &mut Branch) {
        for spent in core::mem::take(&mut branch.spent) {
            match self.branches.get(&spent) {
                Some(b) if b.end.is_none() => branch.spent.push(spent),
                _ => drop(self.branches.remove(&spent)),
            }
        }
    }

    /// All branches have ended: the reject path, or the last word.
    fn wind_up(&mut self, parts: &mut Parts, cx: &mut Cx<'_>) {
        // The root of what ran last; every other branch has ended into it.
        let root = self.branches.values().rev().find(|b| b.parent.is_none());
        let end = root.and_then(|b| b.end.clone()).unwrap_or(BranchEnd::Stopped);
        let condemned = self.data.condemned.clone();
        self.branches.clear();
        match (end, &self.life) {
            (BranchEnd::Passed, Life::Working) => self.close(cx, UnitResult::Good, None),
            (BranchEnd::Rejected, Life::Working)
                if self.data.loaded() && !self.data.graph.is_empty(self.data.graph.on_reject) =>
            {
                self.life = Life::Rejecting;
                self.data.rejecting = true;
                self.data.reject_now = None;
                self.spawn("on_reject".into(), self.data.graph.on_reject, None);
            }
            (BranchEnd::Removed, _) => {
                self.data.remove_by_hand(parts, cx);
                self.close(cx, UnitResult::Ng, condemned);
            }
            (end @ (BranchEnd::Stopped | BranchEnd::Aborted), _) => {
                let word = if matches!(end, BranchEnd::Aborted) { "aborted" } else { "stopped" };
                let cause = condemned.or_else(|| Some(word.into()));
                self.close(cx, UnitResult::Interrupted, cause);
            }
            _ => self.close(cx, UnitResult::Ng, condemned),
        }
    }

    fn close(&mut self, cx: &mut Cx<'_>, result: UnitResult, cause: Option<String>) {
        // Nobody has seen the unit of this serial: nothing is known against it.
        let unseen = result == UnitResult::Ng && !self.data.is_itself();
        let result = if unseen { UnitResult::Interrupted } else { result };
        let ticket = cx.record(Record::UnitClosed(Box::new(UnitSummary {
            unit: self.data.id,
            serial: self.data.serial.clone(),
            order: self.data.order.clone(),
            result,
            cause,
            retested: self.data.retested,
            components: self.data.components.clone(),
            attempts: self.data.attempts,
        })));
        self.result = Some(result);
        self.life = Life::Closing(ticket);
    }

    /// Its last word is durable. After Stop and Abort that is not waited for: the cell may have stopped
    /// because the store does not work.
    pub(crate) fn closed(&self, cx: &Cx<'_>, wait: bool) -> bool {
        matches!(self.life, Life::Closing(ticket) if !wait || cx.ledger.is_persisted(ticket))
    }
}
