//! Orders and units: what is opened when, what is counted at the end.

use cellwright_model::outcome::UnitResult;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::{Date, UnitId};

use crate::api::{MachineFault, Source};
use crate::branch::Flow;
use crate::catalogue::AlarmCode;
use crate::cell_chart::Trigger;
use crate::core::Core;
use crate::ledger::Cx;
use crate::order::{Next, OpenOrder};
use crate::record::{Location, Record};
use crate::table::{self, Turned, Want};
use crate::unit::Unit;

impl Core {
    /// Ends units that are closed, opens the next, ends the order. `true` if anything happened.
    pub(crate) fn produce(&mut self, cx: &mut Cx<'_>) -> bool {
        let moved = self.reap(cx);
        if self.state() != CellState::Execute || self.flow() != Flow::Run {
            return moved;
        }
        let next = match &self.order {
            None => return moved,
            Some(open) => open.next(),
        };
        // Those that go on come before further ones.
        if self.training_lapsed().is_none() && self.resume_kept(cx, &next) {
            return true;
        }
        match next {
            Next::Open(serial) => match self.training_lapsed() {
                Some(fault) if self.units.is_empty() => {
                    self.react(cx, &fault);
                    true
                }
                // What is in work comes to its end first.
                Some(_) => moved,
                None => (self.may_open(cx) && self.open_unit(cx, serial)) || moved,
            },
            Next::Complete if self.units.is_empty() => {
                let id = self.order.take().map(|o| o.order.id).unwrap_or_default();
                let cause = format!("order {id} is finished");
                self.trigger(cx, Trigger::Command(CellCommand::Complete), &cause) || moved
            }
            Next::Short(fault) if self.units.is_empty() => {
                self.order = None;
                self.react(cx, &fault);
                true
            }
            Next::Wait | Next::Complete | Next::Short(_) => moved,
        }
    }

    /// The training of whoever works the cell is over.
    pub(crate) fn training_lapsed(&self) -> Option<MachineFault> {
        self.order.as_ref().and_then(|open| open.lapsed(self.parts.barred.today))
    }

    /// Another day has begun. A clock that was set right may make a training valid again.
    pub(crate) fn begin_day(&mut self, cx: &mut Cx<'_>, today: Date) {
        self.parts.barred.today = Some(today);
        if self.training_lapsed().is_none() {
            self.clear_alarms(cx, |a| a.code == AlarmCode::TrainingLapsed);
        }
    }

    /// A further unit may be begun, if a nest is there for it.
    fn may_open(&mut self, cx: &mut Cx<'_>) -> bool {
        if self.units.len() >= usize::from(cx.cell.units_in_flight_max) || self.store_fault.is_some() {
            return false;
        }
        // What lies in the way of the next unit is taken out when nothing is at work any more.
        if self.parts.all_known() || self.units.is_empty() { self.reconciled(cx) } else { false }
    }

    /// Opens the next unit in the empty nest at the station where its plan begins. `serial`: of the order's
    /// range; otherwise the next one of the cell's counter. `false`: no such nest stands there.
    fn open_unit(&mut self, cx: &mut Cx<'_>, serial: Option<String>) -> bool {
        let Some(nest) = self.nest_for_next(cx) else { return false };
        let Some(open) = &mut self.order else { return false };
        let serial = serial.unwrap_or_else(|| {
            self.counter += 1;
            format!("{}{:06}", cx.cell.serial_prefix, self.counter)
        });
        self.last_unit = self.last_unit.wrapping_add(1).max(1);
        open.opened();
        let id = UnitId(self.last_unit);
        let place = (nest, table::station_of(cx, nest));
        let unit = Unit::open(cx, id, place, (serial, self.counter), &open.order);
        self.units.insert(id, unit);
        true
    }

    fn nest_for_next(&self, cx: &Cx<'_>) -> Option<u16> {
        if self.carousel.is_turning() {
            return None;
        }
        let entry = self.order.as_ref().and_then(|o| table::entry(&o.order.plan));
        let nest = match entry {
            Some(station) => table::nest_at(cx, station)?,
            None => (0..table::nests(cx.cell)).find(|n| self.nest_is_free(*n))?,
        };
        self.nest_is_free(nest).then_some(nest)
    }

    /// No unit has it, and nothing is left in it.
    fn nest_is_free(&self, nest: u16) -> bool {
        !self.units.values().any(|u| u.data.nest == nest)
            && !self.resume.keeps(nest)
            && !self.parts.unseen.contains(&nest)
            && !self.parts.leftovers.iter().any(|l| l.at == Location::Nest(nest))
    }

    /// Carries the table's turn on, or begins one that the units, and the next one to be opened, want.
    pub(crate) fn turn_table(&mut self, cx: &mut Cx<'_>) -> bool {
        if cx.cell.table.is_none() {
            return false;
        }
        let begin = self.flow() == Flow::Run && !self.units.is_empty() || self.wants_nest(cx);
        let mut wants: Vec<(u16, Want)> =
            self.units.values().map(|u| (u.data.nest, table::want(cx, u))).collect();
        if self.wants_nest(cx)
            && let Some(entry) = self.order.as_ref().and_then(|o| table::entry(&o.order.plan))
        {
            let free = (0..table::nests(cx.cell)).filter(|n| self.nest_is_free(*n));
            wants.extend(free.map(|nest| (nest, Want::Station(entry))));
        }
        match self.carousel.poll(cx, &mut self.resources, begin, &wants) {
            Turned::Nothing => return false,
            Turned::Began => self.units.values_mut().for_each(|u| u.data.station = None),
            Turned::Stands => {
                for unit in self.units.values_mut() {
                    unit.data.station = table::station_of(cx, unit.data.nest);
                }
            }
            Turned::Fault(fault) => self.react(cx, &fault),
        }
        true
    }

    /// Nothing is in work and the next unit finds no nest where it begins.
    fn wants_nest(&self, cx: &Cx<'_>) -> bool {
        let open = self.order.as_ref().is_some_and(|o| matches!(o.next(), Next::Open(_)));
        open && self.state() == CellState::Execute
            && self.flow() == Flow::Run
            && self.units.is_empty()
            && self.parts.leftovers.is_empty()
            && self.nest_for_next(cx).is_none()
    }

    fn reap(&mut self, cx: &mut Cx<'_>) -> bool {
        let wait = !self.flow().ends();
        let closed: Vec<UnitId> =
            self.units.iter().filter(|(_, u)| u.closed(cx, wait)).map(|(id, _)| *id).collect();
        for id in &closed {
            let Some(unit) = self.units.remove(id) else { continue };
            self.resources.end_unit(*id);
            self.parts.leftovers.extend(unit.data.leftovers());
            self.look_among_good(cx, &unit);
            if let Some(open) = &mut self.order {
                open.closed(unit.result);
            }
            self.count_ng(cx, unit.result);
        }
        !closed.is_empty()
    }

    /// So many ng in a row: something is wrong with more than a part.
    fn count_ng(&mut self, cx: &mut Cx<'_>, result: Option<UnitResult>) {
        match result {
            Some(UnitResult::Ng) => self.ng_in_row += 1,
            Some(UnitResult::Good) => self.ng_in_row = 0,
            _ => return,
        }
        let max = cx.cell.consecutive_ng_max;
        if max > 0 && self.ng_in_row >= max {
            self.ng_in_row = 0;
            let fault = AlarmCode::ConsecutiveNg.fault("cell", &[("max", &max.to_string())]);
            self.react(cx, &fault);
        }
    }
}

impl Core {
    /// Work. Errors: the reason.
    pub(crate) fn take_order(&mut self, cx: &mut Cx<'_>, order: crate::api::Order, by: &Source) {
        let (id, work) = (order.id.clone(), order.work.clone());
        let result = self.accept_order(cx, order);
        let record = Record::Order { order: id.clone(), work, by: by.clone(), result: result.clone() };
        let ticket = cx.record(record);
        let request = crate::api::Answered::Order(id);
        cx.out.push(crate::api::Output::Answered { request, by: by.clone(), result, ticket });
    }

    fn accept_order(&mut self, cx: &Cx<'_>, order: crate::api::Order) -> Result<(), String> {
        if let Some(open) = &self.order {
            return Err(format!("order {} is under way", open.order.id));
        }
        if matches!(self.state(), CellState::Completing) {
            return Err("the cell is completing".into());
        }
        crate::validate::plan(&order.plan, cx.cell)?;
        crate::validate::sets(&order, cx.cell)?;
        let open = OpenOrder::new(order);
        open.check()?;
        self.order = Some(open);
        Ok(())
    }
}
