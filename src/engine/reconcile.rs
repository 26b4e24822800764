//! Reconciling: what journal and machine do not agree on is settled before anything is made.
//!
//! *Leftover*: a part that the next unit would meet, or that lies where good units do. *Doubt*: a part that may
//! have moved on since it was recorded last, because its step was broken off. Both are looked at by sensors
//! first, without asking: a cobot by its gripper's signal, a nest where the sensors of a station see it, for
//! which the table turns. What is seen to be gone was taken out by a person, or has moved on if that is in doubt; what is
//! seen, or what no sensor sees, a person is asked for, at every place where it may be.

mod look;

use std::collections::BTreeMap;

use cellwright_model::cell::TrayKind;
use cellwright_model::outcome::UnitResult;
use cellwright_model::{RequestId, RobotId, TimeNs};

use crate::api::{Question, QuestionKind};
use crate::catalogue::AlarmCode;
use crate::core::Core;
use crate::ledger::Cx;
use crate::ops::VERIFY_WITHIN;
use crate::parts::{Doubt, Leftover};
use crate::record::{Location, PartRef, Record, Route};
use crate::route;
use crate::unit::Unit;
use look::Look;

/// The answer that says that what was asked for has been taken out.
pub const REMOVED: &str = "removed";
/// Whose a part is that nobody has entered.
const UNKNOWN: &str = "unknown";

/// Where reconciling stands.
#[derive(Debug, Default)]
pub(crate) struct Reconcile {
    question: Option<RequestId>,
    /// What was seen of each nest that was looked at.
    looked: BTreeMap<u16, Look>,
    /// Grippers have been looked at.
    grippers: bool,
    /// They have been looked at in this reset already, before anybody was asked to take something out of them.
    at_home: bool,
    /// Not looked again before: a sensor may come a little later than the hand.
    not_before: Option<TimeNs>,
}

impl Reconcile {
    /// The cell is reset.
    pub(crate) fn begin_homing(&mut self) {
        self.at_home = false;
    }

    /// Something was seen in this nest.
    pub(crate) fn sees(&self, nest: u16) -> bool {
        self.looked.get(&nest).is_some_and(Look::occupied)
    }

    /// Everything is looked at anew.
    pub(crate) fn begin(&mut self) {
        self.looked.clear();
        self.grippers = false;
    }
}

impl Core {
    /// The acting state: grippers, nests, then a person.
    pub(crate) fn poll_reconciling(&mut self, cx: &mut Cx<'_>) -> bool {
        if !cx.machine.fresh() {
            return false;
        }
        if let Some(answered) = self.poll_question(cx) {
            return answered;
        }
        if self.reconcile.not_before.is_some_and(|t| cx.now < t) {
            return false;
        }
        if !core::mem::replace(&mut self.reconcile.grippers, true) {
            self.look_into_grippers(cx);
        }
        match self.look_into_nests(cx, true) {
            look::Nests::Turning => return false,
            look::Nests::Fault(fault) => {
                self.react(cx, &fault);
                return true;
            }
            look::Nests::Seen => {}
        }
        self.settle_by_nests(cx);
        self.enter_nests(cx);
        self.keep_wanted();
        if let Some(id) = self.ask_to_resume(cx) {
            self.reconcile.question = Some(id);
        } else if self.parts.all_known() {
            self.clear_alarms(cx, |a| a.code == AlarmCode::PartsLeft);
            self.end_acting(cx);
        } else {
            self.ask_for_leftovers(cx);
        }
        true
    }

    /// Zeroing may ask a person to empty the grippers. What was in doubt about them is settled before that: an empty
    /// one would say then that it has put down what it held.
    pub(crate) fn look_at_home(&mut self, cx: &mut Cx<'_>) {
        if cx.machine.fresh() && !core::mem::replace(&mut self.reconcile.at_home, true) {
            self.look_into_grippers(cx);
        }
    }

    /// Nothing lies where the next unit would meet it; otherwise a person is asked to take it out. In
    /// production: looked at where things stand.
    pub(crate) fn reconciled(&mut self, cx: &mut Cx<'_>) -> bool {
        if self.parts.all_known() {
            return true;
        }
        if self.poll_question(cx).is_none() && self.reconcile.not_before.is_none_or(|t| cx.now >= t) {
            self.reconcile.begin();
            self.look_into_grippers(cx);
            if !matches!(self.look_into_nests(cx, false), look::Nests::Seen) {
                return false;
            }
            self.settle_by_nests(cx);
            self.enter_nests(cx);
            if self.parts.all_known() {
                self.clear_alarms(cx, |a| a.code == AlarmCode::PartsLeft);
                return true;
            }
            self.ask_for_leftovers(cx);
        }
        false
    }

    /// `None`: nobody is asked. `Some(true)`: answered just now, and everything is to be looked at again.
    fn poll_question(&mut self, cx: &mut Cx<'_>) -> Option<bool> {
        let id = self.reconcile.question?;
        if cx.ledger.questions.get(&id).is_some_and(|a| a.answer.is_none()) {
            return Some(false);
        }
        let answered = cx.ledger.questions.remove(&id).and_then(|asked| asked.answer);
        self.reconcile.question = None;
        match answered {
            Some((answer, by)) if self.decide_resume(cx, &answer, &by) => {}
            Some(_) => self.believe(cx),
            None => self.resume.drop_question(),
        }
        self.reconcile.begin();
        let again = cx.now + VERIFY_WITHIN;
        cx.wake_at(again);
        self.reconcile.not_before = Some(again);
        Some(true)
    }

    /// Somebody says that it is taken out: believed where no sensor can tell, looked at otherwise.
    fn believe(&mut self, cx: &mut Cx<'_>) {
        let looked = &self.reconcile.looked;
        let told = |l: &Leftover| match l.at {
            Location::Gripper(_) => false,
            Location::Nest(n) => !looked.contains_key(&n),
            _ => true,
        };
        let (gone, seen): (Vec<_>, Vec<_>) =
            core::mem::take(&mut self.parts.leftovers).into_iter().partition(told);
        self.parts.leftovers = seen;
        for left in gone {
            taken_out(cx, left, false);
        }
        // Nobody but him could tell, and he has looked at both places.
        for Doubt { route: Route { serial, part, .. }, .. } in core::mem::take(&mut self.parts.doubts) {
            cx.record(Record::PartSettled { serial, part });
        }
    }

    fn ask_for_leftovers(&mut self, cx: &mut Cx<'_>) {
        let what = self.parts.leftovers.iter().map(|l| describe(cx, l));
        let perhaps = self.parts.doubts.iter().filter_map(|d| {
            let at = d.next()?;
            let left = Leftover { serial: d.route.serial.clone(), part: d.route.part.clone(), at };
            Some(format!("{}, if it is there", describe(cx, &left)))
        });
        let what = what.chain(perhaps).collect::<Vec<_>>().join("; ");
        self.raise(cx, &AlarmCode::PartsLeft.fault("cell", &[("parts", &what)]), Some(REMOVED));
        let prompt = format!("Take out by hand: {what}{}", self.resume.reasons(&self.parts.leftovers));
        let perhaps = self.parts.doubts.iter().flat_map(|d| [d.here(), d.next()]).flatten();
        let places = self.parts.leftovers.iter().map(|l| l.at).chain(perhaps).collect();
        self.reconcile.question = Some(cx.ask(|id| Question {
            id,
            kind: QuestionKind::Reconcile,
            unit: None,
            serial: None,
            step: None,
            tray: None,
            places,
            carry: None,
            prompt,
            answers: vec![REMOVED.into()],
        }));
    }

    /// The cell is stopped or aborted meanwhile: asked again at the next Reset.
    pub(crate) fn drop_reconcile(&mut self, cx: &mut Cx<'_>) {
        if let Some(id) = self.reconcile.question.take() {
            cx.withdraw(id);
        }
        self.resume.drop_question();
    }

    /// A unit that is not good and lies where good ones do has to be taken out of there.
    pub(crate) fn look_among_good(&mut self, cx: &mut Cx<'_>, unit: &Unit) {
        let Some(at) = unit.data.among_good(cx.cell) else { return };
        if unit.result == Some(UnitResult::Good) {
            return;
        }
        let (serial, part) = (unit.data.serial.clone(), PartRef::Unit);
        let places = vec![at];
        cx.record(Record::PartDoubt {
            route: Route { serial: serial.clone(), part: part.clone(), places, seen_by: None },
        });
        self.parts.leftovers.push(Leftover { serial, part, at });
    }

    /// Doubts that a gripper's signal settles, then the grippers themselves.
    fn look_into_grippers(&mut self, cx: &mut Cx<'_>) {
        for doubt in core::mem::take(&mut self.parts.doubts) {
            match (doubt.here(), doubt.next()) {
                (Some(Location::Gripper(robot)), Some(_)) => {
                    self.settle_doubt(cx, doubt, !holds(cx, robot), false)
                }
                (_, Some(Location::Gripper(robot))) => self.settle_doubt(cx, doubt, holds(cx, robot), true),
                (Some(at), None) => self.lies(cx, doubt, at),
                // The nest tells.
                _ => self.parts.doubts.push(doubt),
            }
        }
        for i in 0..cx.cell.robots.len() as u16 {
            let robot = RobotId(i);
            let at = Location::Gripper(robot);
            match (holds(cx, robot), self.parts.leftovers.iter().any(|l| l.at == at)) {
                (false, true) => self.seen_empty(cx, at),
                (true, false) => {
                    let name = cx.cell.robots.get(robot.index()).map_or("gripper", |r| r.name.as_str());
                    let part = PartRef::Component(name.into());
                    self.enter(cx, UNKNOWN.into(), part, Location::Hand, at, true);
                }
                _ => {}
            }
        }
    }

    /// The route of a unit that was interrupted ended where it lies: in the way, or among good units.
    fn lies(&mut self, cx: &mut Cx<'_>, doubt: Doubt, at: Location) {
        let Route { serial, part, .. } = doubt.route;
        let known = self.parts.leftovers.iter().any(|l| l.serial == serial && l.part == part);
        if route::is_good_pocket(cx.cell, &at) {
            if !known {
                self.parts.leftovers.push(Leftover { serial, part, at });
            }
            return;
        }
        cx.record(Record::PartSettled { serial, part });
    }

    /// Whether the part has made its next move is known now.
    fn settle_doubt(&mut self, cx: &mut Cx<'_>, doubt: Doubt, moved: bool, verified: bool) {
        let Doubt { route: Route { serial, part, places, .. }, at } = doubt;
        let (Some(from), Some(to)) = (places.get(at).copied(), places.get(at + 1).copied()) else { return };
        if !moved {
            cx.record(Record::PartSettled { serial, part });
            return;
        }
        self.moves_cursor(cx, from);
        self.moves_cursor(cx, to);
        self.parts.leftovers.retain(|l| !(l.serial == serial && (l.part == part || part == PartRef::Unit)));
        if part == PartRef::Unit {
            // What lay in the nest went with it.
            cx.record(Record::TogetherMoved { serial: serial.clone() });
        }
        self.enter(cx, serial.clone(), part.clone(), from, to, verified);
        if route::is_good_pocket(cx.cell, &to) {
            let places = vec![to];
            cx.record(Record::PartDoubt { route: Route { serial, part, places, seen_by: None } });
        }
    }

    /// A tray whose cursor still stands at this pocket: what happened there is accounted for.
    fn moves_cursor(&mut self, cx: &mut Cx<'_>, at: Location) {
        let tray = match at {
            Location::Tray { tray, pocket } if self.parts.pocket(cx.cell, tray) == Some(pocket) => tray,
            Location::Bin(tray) => tray,
            _ => return,
        };
        let next = self.parts.advance(tray);
        cx.record(Record::TrayCursor { tray, next });
        let kind = cx.cell.trays.get(tray.index()).map(|t| t.kind);
        if matches!(kind, Some(TrayKind::Source | TrayKind::Lane)) {
            self.parts.count_down(cx, tray);
        }
    }

    /// A part is recorded where it was found; it is a leftover where the next unit would meet it.
    fn enter(
        &mut self,
        cx: &mut Cx<'_>,
        serial: String,
        part: PartRef,
        from: Location,
        to: Location,
        verified: bool,
    ) {
        cx.record(Record::PartMoved {
            unit: None,
            serial: serial.clone(),
            part: part.clone(),
            from,
            to,
            verified,
        });
        let in_the_way = matches!(to, Location::Nest(_) | Location::Gripper(_));
        if in_the_way || route::is_good_pocket(cx.cell, &to) {
            self.parts.leftovers.push(Leftover { serial, part, at: to });
        }
    }

    /// Sensors say that nothing is there: what was recorded there was taken out by hand.
    fn seen_empty(&mut self, cx: &mut Cx<'_>, at: Location) {
        let (gone, left): (Vec<_>, Vec<_>) =
            core::mem::take(&mut self.parts.leftovers).into_iter().partition(|l| l.at == at);
        self.parts.leftovers = left;
        gone.into_iter().for_each(|l| taken_out(cx, l, true));
    }

    /// Doubts that a nest settles: lanes push into it, and people put parts in and take units out.
    fn settle_by_nests(&mut self, cx: &mut Cx<'_>) {
        for doubt in core::mem::take(&mut self.parts.doubts) {
            let looked = &self.reconcile.looked;
            match (doubt.here(), doubt.next()) {
                (_, Some(Location::Nest(nest))) => {
                    let moved = match (looked.get(&nest), doubt.route.seen_by) {
                        (Some(look), Some((input, station))) if look.station == station => look.sees(input),
                        (Some(look), _) => look.occupied(),
                        // Nobody can tell: it is looked for there, since a stroke had begun.
                        (None, _) => true,
                    };
                    let verified = looked.contains_key(&nest);
                    match doubt.else_at() {
                        Some(hand) if !moved => self.not_put(cx, doubt, hand),
                        _ => self.settle_doubt(cx, doubt, moved, verified),
                    }
                }
                (Some(Location::Nest(nest)), Some(_)) => match looked.get(&nest).map(Look::occupied) {
                    Some(there) => self.settle_doubt(cx, doubt, !there, false),
                    None => self.parts.doubts.push(doubt),
                },
                // A person tells.
                _ => self.parts.doubts.push(doubt),
            }
        }
    }

    /// It has left its source in somebody's hand, and was not put where he said.
    fn not_put(&mut self, cx: &mut Cx<'_>, doubt: Doubt, hand: Location) {
        let Some(from) = doubt.here() else { return };
        self.moves_cursor(cx, from);
        let Route { serial, part, .. } = doubt.route;
        self.enter(cx, serial, part, from, hand, false);
    }

    /// What was seen of the nests is entered.
    fn enter_nests(&mut self, cx: &mut Cx<'_>) {
        let seen: Vec<(u16, bool)> = self.reconcile.looked.iter().map(|(n, l)| (*n, l.occupied())).collect();
        for (nest, occupied) in seen {
            let at = Location::Nest(nest);
            let known = self.parts.leftovers.iter().any(|l| l.at == at);
            match (occupied, known) {
                (false, _) => {
                    self.parts.unseen.remove(&nest);
                    self.seen_empty(cx, at);
                }
                (true, false) => {
                    let part = PartRef::Component(format!("nest-{nest}"));
                    self.enter(cx, UNKNOWN.into(), part, Location::Hand, at, true);
                }
                (true, true) => {}
            }
        }
    }
}

fn holds(cx: &Cx<'_>, robot: RobotId) -> bool {
    cx.machine.robots.get(robot.index()).is_some_and(|r| r.holding)
}

fn taken_out(cx: &mut Cx<'_>, left: Leftover, verified: bool) {
    let Leftover { serial, part, at } = left;
    cx.record(Record::PartMoved { unit: None, serial, part, from: at, to: Location::Hand, verified });
}

fn describe(cx: &Cx<'_>, left: &Leftover) -> String {
    let what = match &left.part {
        PartRef::Unit => format!("unit {}", left.serial),
        PartRef::Component(_) if left.serial == UNKNOWN => "an unknown part".into(),
        PartRef::Component(name) => format!("{name} of {}", left.serial),
    };
    let place = match left.at {
        Location::Nest(n) => {
            match crate::table::station_of(cx, n).and_then(|s| cx.cell.stations.get(s.index())) {
                Some(station) => format!("nest {n} (now at {})", station.name),
                None => format!("nest {n}"),
            }
        }
        Location::Gripper(_) => format!("gripper of {}", left.at.word(cx.cell)),
        _ => left.at.word(cx.cell),
    };
    format!("{what} from {place}")
}
