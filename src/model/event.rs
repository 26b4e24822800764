//! What the cell tells the record: events, and what is journalled with them in one transaction.
//!
//! Terms. A *draft* is an event before it has a place in the chain; sealing (crate `trace`) gives it
//! `stream`, `seq`, `prevhash` and `hash` and makes it an [`Event`]. The *line* of an event is its
//! CloudEvents 1.0 JSON in canonical form (RFC 8785): the same bytes are stored, published and
//! printed. *Context* is what every event of a run carries; a *unit context* is what every event of
//! one unit carries. Both are written flat into `data`, beside the fields of the event itself;
//! a field that has no value yet is written as null, so that its name is reserved.
//!
//! Times of day are RFC 3339 with nine digits; durations are integers of ns below 2^53; the monotonic
//! time is a string of ns. Order and durations come from `seq` and monotonic time only.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::canonical::{CanonicalError, to_value};
use crate::curve::Curve;
use crate::label::LabelFate;
use crate::outcome::{FaultClass, Origin, Purpose, StepOutcome, UnitResult, Verdict};
use crate::packml::{CellMode, CellState};

pub mod journal;
pub use journal::{JournalEntry, Route, Transaction};

/// When something happened, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Time of day: nanoseconds since 1970-01-01T00:00:00Z. May step; never used for order.
    pub wall_unix_ns: i128,
    /// Monotonic nanoseconds since the controller's epoch.
    pub monotonic_ns: u64,
}

impl Stamp {
    /// The time of day as the record writes it.
    pub fn rfc3339(&self) -> String {
        crate::time::rfc3339(self.wall_unix_ns)
    }
}

/// What is known of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockState {
    /// Virtual time of `simulate`; epoch 2000-01-01.
    Virtual,
    /// The operating system's clock, disciplined by a time server.
    Synchronised,
    /// The operating system's clock, not known to be disciplined.
    Unsynchronised,
}

/// The cell description in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellRef {
    pub id: String,
    /// SHA-256 of the cell description, lower-case hex.
    pub hash: String,
}

/// The recipe that a unit was made by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipeRef {
    pub id: String,
    pub version: String,
    /// `recipe.hash`: over the ordered (path, SHA-256) of the recipe's files.
    pub hash: String,
    /// `plan.hash`: over the lowered Plan, the cell and the taught poses.
    pub plan_hash: Option<String>,
    pub variant: Option<String>,
    /// Parameters that had other values than in the row, with them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// The approval that made it a master recipe.
    pub approval: Option<String>,
}

/// What every event of a run carries (house rule 10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    pub origin: Origin,
    pub purpose: Purpose,
    pub cell: CellRef,
    /// Name and version of the program.
    pub program: String,
    pub order: Option<String>,
    /// Lot of the product that the order makes.
    pub lot: Option<String>,
    pub clock_state: ClockState,
}

/// What every event of one unit carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitContext {
    pub serial: String,
    pub udi: Option<String>,
    pub recipe: RecipeRef,
}

/// The cell changed its PackML state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellStateChanged {
    /// None at power-up.
    pub from: Option<CellState>,
    pub to: CellState,
    pub cause: String,
    pub mode: CellMode,
}

/// A person or a program commanded the cell; refused commands are recorded too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellCommanded {
    /// `Start`, `Clear`, …, or `mode Production`, `ack ALARM`.
    pub command: String,
    pub who: String,
    /// Where the command came from: panel, ctl socket with process id, automatic operator.
    pub whence: String,
    pub accepted: bool,
    /// Why it was rejected.
    pub reason: Option<String>,
}

/// Class of an alarm, by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmClass {
    Warning,
    RejectPart,
    Hold,
    Stop,
    Abort,
}

impl AlarmClass {
    /// The word written into records.
    pub fn as_str(self) -> &'static str {
        match self {
            AlarmClass::Warning => "warning",
            AlarmClass::RejectPart => "reject-part",
            AlarmClass::Hold => "hold",
            AlarmClass::Stop => "stop",
            AlarmClass::Abort => "abort",
        }
    }
}

impl From<FaultClass> for AlarmClass {
    fn from(class: FaultClass) -> AlarmClass {
        match class {
            FaultClass::RejectPart => AlarmClass::RejectPart,
            FaultClass::Hold => AlarmClass::Hold,
            FaultClass::Stop => AlarmClass::Stop,
            FaultClass::Abort => AlarmClass::Abort,
        }
    }
}

/// What happened to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmChange {
    Raised,
    Acknowledged,
    Cleared,
}

/// An alarm was raised, acknowledged or cleared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmChanged {
    /// Its id in the catalogue.
    pub id: String,
    pub class: AlarmClass,
    pub change: AlarmChange,
    /// It is the first of its burst: the likely root.
    pub first_out: bool,
    pub cause: String,
    pub place: String,
    pub remedy: String,
    /// Who acknowledged it.
    pub who: Option<String>,
    /// The first-out alarm that it follows from: what stands behind the `#` of its id.
    #[serde(default)]
    pub follows: Option<u32>,
    /// Raised again while it was active; alarms that followed from it, those that were not listed included.
    #[serde(default)]
    pub repeats: u32,
    #[serde(default)]
    pub consequences: u32,
}

/// A unit was opened: its serial is taken for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitOpened {
    /// Carrier (nest) that travels with the unit.
    pub carrier: Option<String>,
    pub operator: Option<String>,
    /// It was interrupted by a restart of the controller, and goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Resumed>,
}

/// An interrupted unit goes on: what was done before holds, and stands in the openings before this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// Who has decided it.
    pub by: String,
    /// The step at which it goes on.
    pub step: String,
    /// What becomes of that: `begin`, `redo` or `verify-then-skip`.
    pub how: String,
    /// Attempts that passed, or were left out by their `when:`: one for each step before it.
    pub carried: Vec<AttemptRef>,
}

/// An attempt of a step of this unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRef {
    pub step: String,
    pub n: u32,
    pub attempt: u32,
}

/// A device that took part in a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Equipment {
    pub id: String,
    pub serial: Option<String>,
    /// Date (RFC 3339 full-date) until which its calibration holds.
    pub calibration_due: Option<String>,
}

/// A part that became part of the unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Its name in the recipe.
    pub name: String,
    /// Part number.
    pub part: String,
    pub lot: Option<String>,
    pub serial: Option<String>,
}

/// A measured value and how it was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    pub name: String,
    /// Rounded by the producer to the declared resolution; None if no value could be taken.
    pub value: Option<f64>,
    /// Unit of value and limits.
    pub unit: String,
    /// Lower and upper limit, inclusive; None where there is none.
    pub limits: [Option<f64>; 2],
    pub verdict: Verdict,
    /// The requirement it answers to, e.g. `DS-0142/4.2`.
    pub spec: Option<String>,
}

/// A curve by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurveRef {
    pub name: String,
    /// [`Curve::hash`].
    pub hash: String,
    pub samples: u32,
}

/// A label of the unit that a step has asked a printer for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// GS1 elements, as they are printed below the symbol: `(01)…(10)…(21)…`.
    pub content: String,
    /// It is the UDI of the unit.
    pub udi: bool,
    pub printer: String,
    pub fate: LabelFate,
    /// Labels that have, or may have, been printed for this unit since it was opened, this one included.
    pub printed: u32,
}

/// A reading of the surroundings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentReading {
    pub sensor: String,
    pub value: f64,
    pub unit: String,
}

/// One attempt of one step came to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepEnded {
    /// The step's id in the recipe, with the ids of the sub-recipes that it stands in.
    pub step: String,
    /// Ordinal of the step within the unit; names it in the live key.
    pub n: u32,
    pub station: Option<String>,
    /// From 1.
    pub attempt: u32,
    /// RFC 3339.
    pub start: String,
    /// RFC 3339.
    pub end: String,
    /// By the monotonic clock; below 2^53.
    pub duration_ns: u64,
    pub outcome: StepOutcome,
    /// The measurement or fault that made it anything but passed.
    pub cause: Option<String>,
    pub operator: Option<String>,
    /// Qualification under which the operator worked.
    pub training: Option<String>,
    pub equipment: Vec<Equipment>,
    pub components: Vec<Component>,
    pub measurements: Vec<Measurement>,
    pub curves: Vec<CurveRef>,
    /// Of a step that prints one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    pub environment: Vec<EnvironmentReading>,
}

/// What the cell says of a unit at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitEnded {
    pub result: UnitResult,
    /// `step/measurement` or the fault; None for a good unit.
    pub cause: Option<String>,
    /// A step was tried more than once.
    pub retested: bool,
    pub counts: StepCounts,
}

/// How many attempts of steps a unit took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCounts {
    pub attempts: u32,
    pub passed: u32,
    /// Failed, faulted, timed out, aborted or interrupted.
    pub not_passed: u32,
}

/// A part went from one place to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartMoved {
    /// Which part: component name and number of its pick, or the unit's serial.
    pub part: String,
    /// Place, e.g. `cap_tray/7`, `robot_r`, `nest/2`, `reject_bin`.
    pub from: String,
    pub to: String,
    /// A sensor confirmed the presence there; otherwise the place is unverified.
    pub verified: bool,
}

/// Material was put in, by its label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaterialLoaded {
    /// The component that it serves.
    pub component: String,
    /// Part number.
    pub part: String,
    pub material_lot: Option<String>,
    pub material_serial: Option<String>,
    pub place: String,
    pub quantity: u32,
    /// RFC 3339 full-date.
    pub expires: Option<String>,
    pub operator: Option<String>,
}

/// A person decided something that the recipe or a fault asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorAnswered {
    /// Step that asked; None outside of steps.
    pub step: Option<String>,
    pub prompt: String,
    pub answer: String,
    pub operator: String,
    pub reason: Option<String>,
}

/// The event itself; its JSON is the plain struct, its name the CloudEvents `type`.
#[derive(Debug, Clone, PartialEq)]
pub enum EventData {
    CellState(CellStateChanged),
    CellCommand(CellCommanded),
    Alarm(AlarmChanged),
    UnitOpened(UnitOpened),
    StepOutcome(StepEnded),
    UnitResult(UnitEnded),
    PartMoved(PartMoved),
    MaterialLoaded(MaterialLoaded),
    OperatorAnswer(OperatorAnswered),
}

impl EventData {
    /// The CloudEvents `type`.
    pub fn type_name(&self) -> &'static str {
        match self {
            EventData::CellState(_) => "cellwright.cell.state",
            EventData::CellCommand(_) => "cellwright.cell.command",
            EventData::Alarm(_) => "cellwright.alarm",
            EventData::UnitOpened(_) => "cellwright.unit.opened",
            EventData::StepOutcome(_) => "cellwright.step.outcome",
            EventData::UnitResult(_) => "cellwright.unit.result",
            EventData::PartMoved(_) => "cellwright.part.moved",
            EventData::MaterialLoaded(_) => "cellwright.material.loaded",
            EventData::OperatorAnswer(_) => "cellwright.operator.answer",
        }
    }

    /// Reads the `data` of an event of that `type`; None for a type this program does not know or
    /// data that does not have its fields. Context and later fields are passed over.
    pub fn from_json(type_name: &str, data: &Value) -> Option<EventData> {
        fn read<T: serde::de::DeserializeOwned>(data: &Value) -> Option<T> {
            T::deserialize(data).ok()
        }
        match type_name {
            "cellwright.cell.state" => read(data).map(EventData::CellState),
            "cellwright.cell.command" => read(data).map(EventData::CellCommand),
            "cellwright.alarm" => read(data).map(EventData::Alarm),
            "cellwright.unit.opened" => read(data).map(EventData::UnitOpened),
            "cellwright.step.outcome" => read(data).map(EventData::StepOutcome),
            "cellwright.unit.result" => read(data).map(EventData::UnitResult),
            "cellwright.part.moved" => read(data).map(EventData::PartMoved),
            "cellwright.material.loaded" => read(data).map(EventData::MaterialLoaded),
            "cellwright.operator.answer" => read(data).map(EventData::OperatorAnswer),
            _ => None,
        }
    }

    fn fields(&self) -> Result<Value, CanonicalError> {
        match self {
            EventData::CellState(e) => to_value(e),
            EventData::CellCommand(e) => to_value(e),
            EventData::Alarm(e) => to_value(e),
            EventData::UnitOpened(e) => to_value(e),
            EventData::StepOutcome(e) => to_value(e),
            EventData::UnitResult(e) => to_value(e),
            EventData::PartMoved(e) => to_value(e),
            EventData::MaterialLoaded(e) => to_value(e),
            EventData::OperatorAnswer(e) => to_value(e),
        }
    }
}

/// An event before it has a place in the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct EventDraft {
    pub time: Stamp,
    pub context: Arc<Context>,
    /// The unit that the event is about.
    pub unit: Option<Arc<UnitContext>>,
    pub data: EventData,
}

impl EventDraft {
    /// The CloudEvents `subject`: what within the cell the event is about.
    pub fn subject(&self) -> String {
        match (&self.unit, &self.data) {
            (Some(unit), EventData::StepOutcome(s)) => {
                format!("unit/{}/step/{}/{}", unit.serial, s.n, s.attempt)
            }
            (Some(unit), _) => format!("unit/{}", unit.serial),
            (None, EventData::Alarm(a)) => format!("alarm/{}", a.id),
            (None, EventData::MaterialLoaded(m)) => format!("material/{}", m.component),
            (None, EventData::PartMoved(p)) => format!("part/{}", p.part),
            (None, _) => format!("cell/{}", self.context.cell.id),
        }
    }

    /// The CloudEvents `data`: context, unit context (nulls without a unit), `clock` and the
    /// event's own fields, flat. `boot_id` names the life of the controller that the monotonic
    /// time counts from.
    ///
    /// # Errors
    /// A number is not finite or not exact in JSON; see [`crate::canonical`].
    pub fn data_json(&self, boot_id: &str) -> Result<Value, CanonicalError> {
        let c = &self.context;
        let mut map = Map::new();
        let mut put = |name: &str, value: Value| {
            let before = map.insert(name.to_owned(), value);
            debug_assert!(before.is_none(), "two fields of one event are named `{name}`");
        };
        put("origin", to_value(&c.origin)?);
        put("purpose", to_value(&c.purpose)?);
        put("cell", to_value(&c.cell)?);
        put("program", to_value(&c.program)?);
        put("order", to_value(&c.order)?);
        put("lot", to_value(&c.lot)?);
        let mut clock = BTreeMap::new();
        clock.insert("boot_id", Value::from(boot_id));
        clock.insert("monotonic_ns", Value::from(self.time.monotonic_ns.to_string()));
        clock.insert("state", to_value(&c.clock_state)?);
        put("clock", to_value(&clock)?);
        let unit = self.unit.as_deref();
        put("serial", to_value(&unit.map(|u| &u.serial))?);
        put("udi", to_value(&unit.and_then(|u| u.udi.as_ref()))?);
        put("recipe", to_value(&unit.map(|u| &u.recipe))?);
        if let Value::Object(fields) = self.data.fields()? {
            fields.into_iter().for_each(|(name, value)| put(&name, value));
        }
        Ok(Value::Object(map))
    }
}

/// A sealed event: it has its place in the chain of its stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Cell id and 16 hex digits, made once for each state directory.
    pub stream: Arc<str>,
    /// From 1, without gaps.
    pub seq: u64,
    /// Lower-case hex SHA-256 over the canonical envelope without `hash`.
    pub hash: String,
    /// The canonical JSON, `hash` included: what is stored, published and printed.
    pub line: String,
    pub draft: EventDraft,
}

impl Event {
    /// The CloudEvents `id`: stream and seq.
    pub fn id(&self) -> String {
        format!("{}:{}", self.stream, self.seq)
    }
}

#[cfg(test)]
mod tests;
