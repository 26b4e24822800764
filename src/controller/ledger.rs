//! The ledger: what the engine wants kept becomes journal entries and events, with wall time, the
//! context of the run and of the unit.

use std::collections::BTreeMap;
use std::sync::Arc;

use cellwright_engine::api::{Alarm, Source, Work};
use cellwright_engine::record::{self, Location, PartRef, Record, Route, StepResult, UnitSummary};
use cellwright_model::cell::{Cell, TrayKind};
use cellwright_model::event::{
    self, AlarmChange, AlarmChanged, CellCommanded, CellRef, CellStateChanged, ClockState, Component,
    Context, CurveRef, EnvironmentReading, Equipment, EventData, EventDraft, JournalEntry, MaterialLoaded,
    Measurement, OperatorAnswered, PartMoved, RecipeRef, Resumed, Stamp, StepCounts, StepEnded, Transaction,
    UnitContext, UnitEnded, UnitOpened,
};
use cellwright_model::job::RtStatus;
use cellwright_model::material::LotShare;
use cellwright_model::order::{OrderProgress, OrderTerms};
use cellwright_model::outcome::{Origin, Purpose, StepOutcome};
use cellwright_model::plan::{Plan, Step};
use cellwright_model::{AnalogId, Dimension, StepIx, TimeNs, TrayId, UnitId};

/// What every event of this run says.
#[derive(Debug, Clone)]
pub struct LedgerSettings {
    pub origin: Origin,
    pub purpose: Purpose,
    /// By which approval the recipe is made: the SHA-256 of its last record.
    pub approval: Option<String>,
    /// Name and version of the program.
    pub program: String,
    pub operator: Option<String>,
    pub clock_state: ClockState,
    /// How far each tray was used before, by [`TrayId`]; those beyond the end not at all.
    pub trays: Vec<TrayUse>,
}

/// How far a tray or lane is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrayUse {
    /// Next pocket of the tray that is there now.
    pub next: u32,
    /// Parts that it gave or took, exchanged trays included: never goes back.
    pub picks: u64,
}

/// Time of day at an instant of the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WallClock {
    pub(crate) now: TimeNs,
    pub(crate) unix_ns: i128,
}

impl WallClock {
    fn stamp(&self, at: TimeNs) -> Stamp {
        let wall_unix_ns = self.unix_ns + i128::from(at.0) - i128::from(self.now.0);
        Stamp { wall_unix_ns, monotonic_ns: at.0 }
    }
}

/// Counts of one open unit.
struct OpenUnit {
    context: Arc<UnitContext>,
    plan: Arc<Plan>,
    counts: StepCounts,
}

/// A transaction being written.
struct Entry {
    time: Stamp,
    clock: WallClock,
    out: Transaction,
}

/// See the module text.
pub struct Ledger {
    cell: Arc<Cell>,
    settings: LedgerSettings,
    context: Arc<Context>,
    /// The order file that was taken last, and what was made of it.
    order: Option<(Arc<OrderTerms>, OrderProgress)>,
    units: BTreeMap<UnitId, OpenUnit>,
    /// Trays whose last pocket was used, since the last look.
    at_end: Vec<TrayId>,
    /// Trays and bins that a unit has filled which has not ended yet.
    filled: Vec<(TrayId, UnitId)>,
}

impl Ledger {
    /// A ledger without open units.
    pub fn new(cell: Arc<Cell>, settings: LedgerSettings) -> Ledger {
        let context = Arc::new(context(&cell, &settings, None));
        // Nobody has exchanged what the last controller used up.
        let used = settings.trays.iter().enumerate().map(|(t, used)| (TrayId(t as u16), used.next));
        let at_end = used.filter(|(tray, next)| at_end(&cell, *tray, *next)).map(|(tray, _)| tray).collect();
        Ledger { cell, settings, context, order: None, units: BTreeMap::new(), at_end, filled: Vec::new() }
    }

    /// Turns one transaction of the engine into one of the record.
    pub(crate) fn enter(
        &mut self,
        transaction: record::Transaction,
        clock: WallClock,
        status: &RtStatus,
    ) -> Transaction {
        let mut entry = Entry {
            time: clock.stamp(transaction.at),
            clock,
            out: Transaction {
                ticket: transaction.ticket.0,
                journal: Vec::new(),
                events: Vec::new(),
                curves: Vec::new(),
            },
        };
        for record in transaction.records {
            self.record(record, &mut entry, status);
        }
        entry.out
    }

    /// Trays whose last pocket was used since the last call, by a unit that has ended since: to be exchanged.
    pub(crate) fn trays_at_end(&mut self) -> impl Iterator<Item = TrayId> + '_ {
        self.at_end.drain(..)
    }

    fn record(&mut self, record: Record, entry: &mut Entry, status: &RtStatus) {
        match record {
            Record::CellState { from, to, mode, cause } => {
                let from = (from != to).then_some(from);
                self.event(entry, None, EventData::CellState(CellStateChanged { from, to, cause, mode }));
            }
            Record::Command { command, by, result } => {
                self.command(entry, command.name().to_owned(), by, result);
            }
            Record::Mode { mode, by, result } => {
                self.command(entry, format!("mode {}", mode.name()), by, result);
            }
            Record::Order { order, work, by, result } => self.order(entry, order, work, by, result),
            Record::Request { what, by, result } => self.command(entry, what, by, result),
            Record::Alarm(alarm) => self.event(entry, None, EventData::Alarm(alarm_changed(alarm))),
            Record::Answer { unit, step, prompt, answer, reason, by, .. } => {
                let plan = unit.and_then(|u| self.units.get(&u)).map(|u| &u.plan);
                let step = plan.zip(step).and_then(|(p, ix)| p.steps.get(ix.index())).map(|s| s.id.clone());
                let data = OperatorAnswered { step, prompt, answer, operator: by.who, reason };
                self.event(entry, unit, EventData::OperatorAnswer(data));
            }
            Record::UnitOpened { unit, serial, counter, plan, resumed, .. } => {
                self.open(entry, unit, (serial, counter), &plan, resumed);
            }
            Record::StepIntent { unit, serial, step, attempt, route } => {
                self.intent(entry, unit, serial, (step, attempt), route);
            }
            Record::UnitForgotten { serial } => {
                entry.out.journal.push(JournalEntry::UnitForgotten { serial });
            }
            Record::ComponentUsed { serial, component: c } => {
                let component = component(&c);
                entry.out.journal.push(JournalEntry::ComponentUsed { serial, component });
            }
            Record::PartDoubt { route } => {
                entry.out.journal.push(JournalEntry::PartDoubt { route: self.route(&route) });
            }
            Record::PartIdentified { unit, part, serial } => {
                entry.out.journal.push(JournalEntry::PartIdentified { part, serial, unit });
            }
            Record::PartSettled { serial, part } => {
                entry.out.journal.push(JournalEntry::PartSettled { part: part.id(&serial) });
            }
            Record::PartJoined { serial, part } => {
                entry.out.journal.push(JournalEntry::PartLeft { part: part.id(&serial) });
            }
            Record::TogetherMoved { serial } => {
                entry.out.journal.push(JournalEntry::PartsJoined { serial });
            }
            Record::TrayEmptied { tray } => {
                let tray = self.tray(tray).to_owned();
                entry.out.journal.push(JournalEntry::TrayEmptied { tray });
            }
            Record::SubDevice { position, serial } => {
                if let Some(name) = self.cell.segment.get(position).map(|s| s.name.clone()) {
                    entry.out.journal.push(JournalEntry::SubDevice { name, serial });
                }
            }
            Record::StepOutcome(result) => self.outcome(entry, *result, status),
            Record::PartMoved { unit, serial, part, from, to, verified } => {
                self.moved(entry, unit, &serial, &part, (from, to), verified);
            }
            Record::TrayCursor { tray, next } => self.tray_used(entry, tray, next, 1),
            Record::TrayBegun { tray, next } => self.tray_used(entry, tray, next, 0),
            Record::Material { tray, share, by } => self.material(entry, tray, share, by.who),
            Record::TrayLots { tray, lots } => {
                let tray = self.tray(tray).to_owned();
                entry.out.journal.push(JournalEntry::TrayLots { tray, lots });
            }
            Record::UnitClosed(summary) => self.close(entry, *summary),
        }
    }

    fn event(&self, entry: &mut Entry, unit: Option<UnitId>, data: EventData) {
        let unit = unit.and_then(|u| self.units.get(&u)).map(|u| u.context.clone());
        entry.out.events.push(EventDraft { time: entry.time, context: self.context.clone(), unit, data });
    }

    fn command(&self, entry: &mut Entry, command: String, by: Source, result: Result<(), String>) {
        let data = CellCommanded {
            command,
            who: by.who,
            whence: by.from,
            accepted: result.is_ok(),
            reason: result.err(),
        };
        self.event(entry, None, EventData::CellCommand(data));
    }

    fn order(&mut self, entry: &mut Entry, id: String, work: Work, by: Source, result: Result<(), String>) {
        let (lot, asked) = match &work {
            Work::Units(units) => (None, format!("{units} units")),
            Work::Terms { terms, .. } => {
                (Some(terms.lot.clone()), format!("{} good units of lot {}", terms.quantity, terms.lot))
            }
        };
        let command = format!("order {id}, {asked}");
        if result.is_ok() {
            self.context = Arc::new(context(&self.cell, &self.settings, Some((id, lot))));
            self.order = match work {
                Work::Units(_) => None,
                Work::Terms { terms, done } => {
                    entry.out.journal.push(JournalEntry::OrderTaken { terms: terms.clone() });
                    Some((terms, done))
                }
            };
        }
        self.command(entry, command, by, result);
    }

    /// Counts for the order file under way, in the transaction of what is counted.
    fn count(&mut self, entry: &mut Entry, count: impl FnOnce(&mut OrderProgress)) {
        let Some((terms, progress)) = &mut self.order else { return };
        count(progress);
        let entries = &mut entry.out.journal;
        entries.push(JournalEntry::OrderProgress { order: terms.id.clone(), progress: *progress });
    }

    fn open(
        &mut self,
        entry: &mut Entry,
        unit: UnitId,
        (serial, counter): (String, u64),
        plan: &Arc<Plan>,
        resumed: Option<Resumed>,
    ) {
        let resumes = resumed.is_some();
        let udi = self.order.as_ref().and_then(|(terms, _)| terms.udi(&serial));
        let context =
            Arc::new(UnitContext { serial, udi, recipe: recipe_ref(plan, self.settings.approval.clone()) });
        self.count(entry, if resumes { OrderProgress::resume_one } else { OrderProgress::open_one });
        self.units.insert(
            unit,
            OpenUnit { context: context.clone(), plan: plan.clone(), counts: StepCounts::default() },
        );
        entry.out.journal.push(JournalEntry::SerialCounter(counter));
        entry.out.journal.push(JournalEntry::UnitOpened {
            context: self.context.clone(),
            unit: context,
            time: entry.time,
            resumes,
        });
        let data = UnitOpened { carrier: None, operator: self.settings.operator.clone(), resumed };
        self.event(entry, Some(unit), EventData::UnitOpened(data));
    }

    fn intent(
        &self,
        entry: &mut Entry,
        unit: UnitId,
        serial: String,
        (ix, attempt): (StepIx, u16),
        route: Option<Route>,
    ) {
        let Some(step) = self.units.get(&unit).and_then(|u| u.plan.steps.get(ix.index())) else { return };
        let station = step.station.and_then(|s| self.cell.stations.get(s.index())).map(|s| s.name.clone());
        entry.out.journal.push(JournalEntry::StepIntent {
            serial,
            step: step.id.clone(),
            n: step.n,
            attempt: u32::from(attempt),
            station,
            time: entry.time,
            route: route.map(|r| self.route(&r)),
        });
    }

    fn route(&self, route: &Route) -> event::Route {
        let seen_by = route.seen_by.and_then(|(input, station)| {
            let input = self.cell.digital_inputs.get(input.index())?;
            Some((input.name.clone(), self.cell.stations.get(station.index())?.name.clone()))
        });
        event::Route {
            part: route.part.id(&route.serial),
            places: route.places.iter().map(|p| p.word(&self.cell)).collect(),
            seen_by,
        }
    }

    fn outcome(&mut self, entry: &mut Entry, result: StepResult, status: &RtStatus) {
        let Some(step) = result.plan.steps.get(result.step.index()) else { return };
        if let Some(unit) = self.units.get_mut(&result.unit) {
            let counts = &mut unit.counts;
            match result.outcome {
                // Nothing was tried.
                StepOutcome::Skipped => {}
                StepOutcome::Passed => {
                    (counts.attempts, counts.passed) = (counts.attempts + 1, counts.passed + 1)
                }
                _ => (counts.attempts, counts.not_passed) = (counts.attempts + 1, counts.not_passed + 1),
            }
        }
        entry.out.curves.extend(result.curves.iter().map(|c| c.curve.clone()));
        let data = self.step_ended(entry.clock, step, &result, status);
        self.event(entry, Some(result.unit), EventData::StepOutcome(data));
    }

    fn step_ended(&self, clock: WallClock, step: &Step, result: &StepResult, status: &RtStatus) -> StepEnded {
        let curve = |c: &record::NamedCurve| CurveRef {
            name: c.name.clone(),
            hash: c.curve.hash(),
            samples: c.curve.samples.len() as u32,
        };
        StepEnded {
            step: step.id.clone(),
            n: step.n,
            station: result.station.and_then(|s| self.cell.stations.get(s.index())).map(|s| s.name.clone()),
            attempt: u32::from(result.attempt),
            start: clock.stamp(result.start).rfc3339(),
            end: clock.stamp(result.end).rfc3339(),
            duration_ns: result.end.since(result.start).0,
            outcome: result.outcome,
            cause: result.cause.clone(),
            operator: result.operator.clone().or_else(|| self.settings.operator.clone()),
            training: None,
            equipment: result.equipment.iter().filter_map(|i| self.equipment(*i)).collect(),
            components: result.components.iter().map(component).collect(),
            measurements: result.measurements.iter().map(measurement).collect(),
            curves: result.curves.iter().map(curve).collect(),
            label: result.label.as_ref().map(|label| self.label(label)),
            environment: self.environment(status),
        }
    }

    fn label(&self, label: &record::Labelled) -> event::Label {
        let printer = self.cell.printers.get(label.printer.index()).map_or("?", |p| p.name.as_str());
        event::Label {
            content: label.content.text().to_owned(),
            udi: label.content.is_udi(),
            printer: printer.to_owned(),
            fate: label.fate,
            printed: label.printed,
        }
    }

    fn equipment(&self, index: usize) -> Option<Equipment> {
        self.cell.equipment.get(index).map(|e| Equipment {
            id: e.id.clone(),
            serial: Some(e.serial.clone()),
            calibration_due: Some(e.calibration_due.clone()),
        })
    }

    /// Temperatures of the cell at the end of the step; a sensor that is not trusted is left out.
    fn environment(&self, status: &RtStatus) -> Vec<EnvironmentReading> {
        let channels = self.cell.analogs.iter().enumerate();
        channels
            .filter(|(i, a)| a.dimension == Dimension::Temperature && status.analog_valid >> i & 1 == 1)
            .map(|(i, a)| EnvironmentReading {
                sensor: a.name.clone(),
                value: round_to(status.analogs[AnalogId(i as u16).index()], a.resolution),
                unit: a.dimension.unit().to_owned(),
            })
            .collect()
    }

    fn moved(
        &mut self,
        entry: &mut Entry,
        unit: Option<UnitId>,
        serial: &str,
        part: &PartRef,
        (from, to): (Location, Location),
        verified: bool,
    ) {
        // What a unit has filled leaves with it, once that has ended.
        let filled = |t: &TrayId| *part == PartRef::Unit && to.tray() == Some(*t);
        if let (Some(unit), Some(at)) = (unit, self.at_end.iter().position(filled)) {
            self.filled.push((self.at_end.remove(at), unit));
        }
        // A unit that comes back is where its earlier life has left it until it is fetched.
        let plan = unit.and_then(|u| self.units.get(&u)).map(|u| &u.plan);
        let came_back = plan.and_then(|plan| plan.reworks());
        if came_back.is_some_and(|unit| *part == PartRef::Component(unit.name.clone())) {
            entry.out.journal.push(JournalEntry::PartLeft { part: serial.to_owned() });
        }
        let (part, out) = (part.id(serial), to == Location::Hand || self.forgets(to));
        let (from, to) = (from.word(&self.cell), to.word(&self.cell));
        entry.out.journal.push(match out {
            true => JournalEntry::PartLeft { part: part.clone() },
            false => {
                let (part, from, to) = (part.clone(), from.clone(), to.clone());
                JournalEntry::PartMoved { part, from, to, verified }
            }
        });
        self.event(entry, unit, EventData::PartMoved(PartMoved { part, from, to, verified }));
    }

    /// `taken`: parts that it gave or took by that.
    fn tray_used(&mut self, entry: &mut Entry, tray: TrayId, next: u32, taken: u64) {
        if at_end(&self.cell, tray, next) {
            self.at_end.push(tray);
        }
        let trays = &mut self.settings.trays;
        if trays.len() <= tray.index() {
            trays.resize(tray.index() + 1, TrayUse::default());
        }
        let used = &mut trays[tray.index()];
        used.picks += taken;
        used.next = next;
        let picks = used.picks;
        let tray = self.tray(tray).to_owned();
        entry.out.journal.push(JournalEntry::PickCount { tray: tray.clone(), picks });
        entry.out.journal.push(JournalEntry::TrayCursor { tray, pocket: next });
    }

    fn material(&self, entry: &mut Entry, tray: TrayId, share: Option<LotShare>, who: String) {
        let pockets = self.cell.trays.get(tray.index()).map_or(0, |t| t.pockets());
        let data = MaterialLoaded {
            component: share.as_ref().map(|s| s.part.clone()).unwrap_or_default(),
            part: share.as_ref().map(|s| s.part.clone()).unwrap_or_default(),
            material_lot: share.as_ref().map(|s| s.lot.clone()),
            material_serial: None,
            place: self.tray(tray).to_owned(),
            quantity: share.as_ref().map_or(0, |s| s.left.unwrap_or(pockets)),
            expires: share.and_then(|s| s.expiry).map(|date| date.to_string()),
            operator: Some(who),
        };
        self.event(entry, None, EventData::MaterialLoaded(data));
    }

    fn close(&mut self, entry: &mut Entry, summary: UnitSummary) {
        let counts = self.units.get(&summary.unit).map(|u| u.counts).unwrap_or_default();
        let data =
            UnitEnded { result: summary.result, cause: summary.cause, retested: summary.retested, counts };
        self.event(entry, Some(summary.unit), EventData::UnitResult(data));
        self.units.remove(&summary.unit);
        let ended = self.filled.extract_if(.., |(_, unit)| *unit == summary.unit);
        self.at_end.extend(ended.map(|(tray, _)| tray));
        let closed = JournalEntry::UnitClosed { serial: summary.serial, result: summary.result };
        entry.out.journal.push(closed);
        self.count(entry, |progress| progress.close_one(summary.result));
    }

    fn tray(&self, id: TrayId) -> &str {
        self.cell.trays.get(id.index()).map_or("?", |t| t.name.as_str())
    }

    /// A bin that does not say how much it holds is never said to be emptied: what lies in it is not followed.
    fn forgets(&self, to: Location) -> bool {
        let Location::Bin(tray) = to else { return false };
        let bin = self.cell.trays.get(tray.index()).and_then(|t| t.bin);
        bin.and_then(|b| b.capacity).is_none()
    }
}

/// Nothing can be taken from the tray any more, or put into it.
fn at_end(cell: &Cell, tray: TrayId, next: u32) -> bool {
    let Some(tray) = cell.trays.get(tray.index()) else { return false };
    match tray.kind {
        TrayKind::Source | TrayKind::Good => next >= tray.pockets(),
        TrayKind::Reject => tray.bin.and_then(|b| b.capacity).is_some_and(|most| next >= most),
        TrayKind::Lane => false,
    }
}

/// `order`: its id, and the lot of its product.
fn context(cell: &Cell, settings: &LedgerSettings, order: Option<(String, Option<String>)>) -> Context {
    let (order, lot) = order.map_or((None, None), |(id, lot)| (Some(id), lot));
    Context {
        origin: settings.origin,
        purpose: settings.purpose,
        cell: CellRef { id: cell.id.clone(), hash: cell.hash.clone() },
        program: settings.program.clone(),
        order,
        lot,
        clock_state: settings.clock_state,
    }
}

/// How the record names what a unit is made by.
pub fn recipe_ref(plan: &Plan, approval: Option<String>) -> RecipeRef {
    RecipeRef {
        id: plan.recipe_id.clone(),
        version: plan.recipe_version.clone(),
        hash: plan.recipe_hash.clone(),
        plan_hash: plan.hash().ok(),
        variant: plan.variant.clone(),
        set: plan.set.iter().cloned().collect(),
        approval,
    }
}

fn component(c: &record::ComponentUse) -> Component {
    Component { name: c.name.clone(), part: c.part.clone(), lot: c.lot.clone(), serial: c.serial.clone() }
}

/// An infinite limit is none.
fn measurement(m: &record::Measured) -> Measurement {
    let finite = |v: f64| v.is_finite().then_some(v);
    Measurement {
        name: m.name.clone(),
        value: m.value.and_then(finite),
        unit: m.unit.clone(),
        limits: [finite(m.lo), finite(m.hi)],
        verdict: m.verdict,
        spec: m.spec.clone(),
    }
}

fn alarm_changed(alarm: Alarm) -> AlarmChanged {
    let change = match (alarm.cleared, alarm.acknowledged) {
        (Some(_), _) => AlarmChange::Cleared,
        (None, Some(_)) => AlarmChange::Acknowledged,
        (None, None) => AlarmChange::Raised,
    };
    AlarmChanged {
        id: format!("{}#{}", alarm.code, alarm.id),
        class: alarm.class,
        change,
        first_out: alarm.first_out,
        cause: alarm.cause,
        place: alarm.place,
        remedy: alarm.remedy,
        who: alarm.acknowledged_by.map(|by| by.who),
        follows: alarm.follows,
        repeats: alarm.repeats,
        consequences: alarm.consequences,
    }
}

/// The nearest multiple of `resolution`, as the shortest decimal: 0.1 steps give 23.4, not 23.400000000000002.
fn round_to(value: f64, resolution: f64) -> f64 {
    if resolution <= 0.0 {
        return value;
    }
    let steps = (value / resolution).round();
    let inverse = 1.0 / resolution;
    if inverse >= 1.0 && (inverse - inverse.round()).abs() < 1e-9 * inverse {
        steps / inverse.round()
    } else {
        steps * resolution
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_gives_short_decimals() {
        assert_eq!(round_to(23.44, 0.1), 23.4);
        assert_eq!(round_to(0.0123456, 0.0001), 0.0123);
        assert_eq!(round_to(1234.0, 5.0), 1235.0);
        assert_eq!(round_to(1.5, 0.0), 1.5);
    }
}
