//! The Plan: a recipe compiled for one cell. Immutable; every name resolved, every parameter a number,
//! every step lowered to a small closed set of primitives. The engine executes nothing else.

use serde::{Deserialize, Serialize};

use crate::expr::Expr;
use crate::outcome::FaultClass;
use crate::{
    AnalogId, AxisId, CameraId, DurationNs, InputId, OutputId, PrinterId, RobotId, ScannerId, StationId,
    StepIx, TrayId, ZoneId,
};

mod restart;
pub use restart::AfterRestart;

/// Counts up when the meaning of a Plan changes; part of its hash.
pub const PLAN_FORMAT: u32 = 5;

/// A compiled recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub format: u32,
    pub recipe_id: String,
    pub recipe_version: String,
    pub variant: Option<String>,
    pub specification: Option<Specification>,
    /// SHA-256 over the ordered (path, SHA-256 of raw bytes) of recipe and sub-recipes.
    pub recipe_hash: String,
    pub cell_id: String,
    pub cell_hash: String,
    pub taught_hash: String,
    /// Resolved parameters, for the record: name and value as text.
    pub params: Vec<(String, String)>,
    /// Those that were given other values than in the row: for single serials of an order, or a trial on the twin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<(String, String)>,
    pub components: Vec<Component>,
    pub invariants: Vec<Invariant>,
    pub steps: Vec<Step>,
    pub body: Vec<Node>,
    /// Runs wherever the unit is when it is rejected; skipped if nothing was loaded.
    pub on_reject: Vec<Node>,
}

/// The product specification that the limits come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Specification {
    pub id: String,
    pub revision: String,
}

/// A component of the unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    pub name: String,
    pub part: String,
    pub identify: Identify,
    /// Where it comes from, when the recipe says so at the component.
    pub source: Option<TrayId>,
}

/// How a component is identified in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identify {
    /// By a serial scanned on the part.
    PerUnit,
    /// By the lot that is loaded at its source.
    PerLot,
    /// It is the finished unit itself, come back under its own serial, which is that of the unit in work.
    OwnSerial,
}

/// What is begun with a finished unit is a rework: see [`Identify::OwnSerial`].
impl Plan {
    /// The component that is the finished unit itself; `None`: the recipe makes units of parts.
    pub fn reworks(&self) -> Option<&Component> {
        self.components.iter().find(|c| c.identify == Identify::OwnSerial)
    }
}

/// A condition watched all the time while the unit is in work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invariant {
    pub id: String,
    pub check: Expr,
    pub otherwise: FaultClass,
}

/// The graph: a sequence of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Node {
    Step(StepIx),
    /// All branches run at once; the node ends when all have (fork, join).
    Parallel {
        id: String,
        branches: Vec<Branch>,
    },
    /// Again and again until the condition holds, at the most so many times; then the unit is not good. No
    /// step in it is irreversible.
    Repeat {
        id: String,
        at_most: u16,
        until: Expr,
        body: Vec<Node>,
    },
}

/// One branch of a parallel node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    pub name: String,
    pub body: Vec<Node>,
}

/// One step, lowered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Unique in the Plan: `press-cannula`, or `feed/push` inside a sub-recipe.
    pub id: String,
    /// Step kind as written (`press`, `screw`, ...).
    pub kind: String,
    /// Ordinal in the text, from 1; the `n` of the event key.
    pub n: u32,
    /// Otherwise the step is left out, and recorded as skipped. `None`: always.
    pub when: Option<Expr>,
    /// The unit's nest must be there before the step begins. `None`: wherever the unit is.
    pub station: Option<StationId>,
    /// Exclusive resources held from Gate to the end of the step, besides the station; the lowest id first.
    pub resources: Vec<Resource>,
    /// Must hold before the step begins, and is waited for without a bound: while it does not, the unit is
    /// starved by a cause outside of the cell (`ready:` of feed), and the cell suspends.
    pub supply: Option<Expr>,
    /// Must hold when the step has ended its operations (`check:` of pick-place, unload) or before it
    /// begins (`check:` of press).
    pub check_before: Option<Expr>,
    pub check_after: Option<Expr>,
    /// Whole step, from Preparing.
    pub timeout: DurationNs,
    /// The part is bad.
    pub on_fail: Handler,
    /// The machine could not do it.
    pub on_fault: Handler,
    pub on_hold: OnHold,
    #[serde(default, skip_serializing_if = "AfterRestart::is_never")]
    pub after_restart: AfterRestart,
    /// Once its operations have begun it is never done again on the same part.
    pub irreversible: bool,
    pub measurements: Vec<MeasurementSpec>,
    /// Curve windows judged over the whole curve, beside the measurements.
    pub windows: Vec<Window>,
    pub ops: Vec<Primitive>,
    /// Runs at the end of the step whatever its outcome, but not after an abort (retract, vent).
    pub cleanup: Vec<Primitive>,
    /// Places in `Cell::equipment` that took part in judging.
    pub equipment: Vec<usize>,
}

impl Step {
    /// It may find that the part is bad: `on_fail` has a meaning.
    pub fn judges(&self) -> bool {
        let fails = |p: &Primitive| {
            matches!(p, Primitive::Scan { .. } | Primitive::ReadLabel { .. })
                || p.meanings().iter().any(|m| matches!(m, Meaning::Fail(_)))
        };
        !self.measurements.is_empty() || !self.windows.is_empty() || self.ops.iter().any(fails)
    }

    /// Axes that it moves, cleanup included: bit = [`AxisId`].
    pub fn axes(&self) -> u64 {
        self.ops.iter().chain(&self.cleanup).fold(0, |mask, p| match p {
            Primitive::MoveTo { axis, .. }
            | Primitive::ApproachUntil { axis, .. }
            | Primitive::Tighten { axis, .. } => mask | 1u64.checked_shl(u32::from(axis.0)).unwrap_or(0),
            _ => mask,
        })
    }
}

/// What a step holds for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    Axis(AxisId),
    Robot(RobotId),
    Camera(CameraId),
    Scanner(ScannerId),
    Printer(PrinterId),
    Analog(AnalogId),
    Tray(TrayId),
    /// The space above a station that cobots, spindle and press share.
    StationSpace(StationId),
    /// Taken by the engine when the step begins, by where its movers stand: no Plan names one.
    Zone(ZoneId),
}

/// What is done about an attempt that did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Handler {
    /// The unit is not good.
    Reject,
    /// Holds the branch and asks a person.
    Ask,
    /// Again up to `times`, after `after`; then what `then` says. Every attempt is kept.
    Retry { times: u16, after: DurationNs, then: Then },
}

/// The end of a [`Handler`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    Reject,
    Ask,
}

impl Handler {
    /// What is done when nothing is tried again.
    pub fn last(self) -> Then {
        match self {
            Handler::Reject => Then::Reject,
            Handler::Ask => Then::Ask,
            Handler::Retry { then, .. } => then,
        }
    }
    /// How often it is tried again, and after which time.
    pub fn retry(self) -> Option<(u16, DurationNs)> {
        match self {
            Handler::Retry { times, after, .. } => Some((times, after)),
            Handler::Reject | Handler::Ask => None,
        }
    }
}

/// What Hold does to a running step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnHold {
    /// Motion stops, and goes on from the actual position.
    Stop,
    /// The step is finished first; the next one does not begin.
    Finish,
}

/// A measurement with its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasurementSpec {
    pub name: String,
    pub of: Feature,
    /// Unit word as recorded.
    pub unit: String,
    /// Value kept in the record is rounded to this.
    pub resolution: f64,
    pub lo: f64,
    pub hi: f64,
    /// Narrower limits: outside is `marginal`.
    pub warn: Option<(f64, f64)>,
    /// Below the lower limit is `invalid` instead of `fail` (a pressure rise in a leak test).
    pub low_is_invalid: bool,
    pub spec: Option<String>,
    pub spc: bool,
}

/// Where a measurement's value comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// From the curve named `curve`: see [`CurveFeature`].
    Curve { curve: String, feature: CurveFeature },
    /// Numeric value that a device returned under this name.
    Device(String),
    /// A register that an operation wrote (position, angle, trigger value ...).
    Register(String),
}

/// What is read off a curve. Values are in the analog channel's unit or in au.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CurveFeature {
    /// Value at the furthest position (mean of the last 5 samples before the retract: end of capture).
    ValueAtEnd,
    ValuePeak,
    ValueMean,
    ValueLowest,
    /// Median of all values before `level` is first reached (`torque.prevailing`); of all, if it never is.
    ValueBeforeLevel {
        level: f64,
    },
    /// Highest position.
    PositionPeak,
    /// Travel from where the value first reached `level` to the furthest position (`angle.from_snug`).
    TravelFromLevel {
        level: f64,
    },
    /// Least-squares slope of value over time, per second, sign turned: a falling pressure is positive.
    DecayRate,
}

/// What a curve must do in a part of its way. Positions are counted from the register `origin`, or absolute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    pub curve: String,
    pub origin: Option<String>,
    pub shape: WindowShape,
    /// Of the values, and of the positions.
    pub unit: String,
    pub position_unit: String,
}

/// The kinds of window that press monitoring knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowShape {
    /// Between two positions every sample's value is within the range.
    Within { position: (f64, f64), value: (f64, f64) },
    /// As before, with limits that run straight from each point to the next.
    Envelope(Vec<EnvelopePoint>),
    /// The curve comes in at the nearer position and goes out at the farther one, and does not leave the
    /// range of values in between.
    PassThrough { position: (f64, f64), value: (f64, f64) },
    /// The curve keeps to the side of the box where it comes from. `sensor`: what the values can be.
    NoPass { position: (f64, f64), value: (f64, f64), sensor: (f64, f64) },
    /// The value first reaches `level` between two positions.
    Threshold { level: f64, position: (f64, f64) },
}

impl WindowShape {
    /// From where to where it looks, counted from its origin.
    pub fn positions(&self) -> (f64, f64) {
        match self {
            WindowShape::Within { position, .. }
            | WindowShape::PassThrough { position, .. }
            | WindowShape::NoPass { position, .. }
            | WindowShape::Threshold { position, .. } => *position,
            WindowShape::Envelope(points) => {
                let at = |p: Option<&EnvelopePoint>| p.map_or(0.0, |p| p.position);
                (at(points.first()), at(points.last()))
            }
        }
    }
}

/// The range of values at one position of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EnvelopePoint {
    pub position: f64,
    pub value: (f64, f64),
}

/// A number, or a register with an offset (depth counts from contact).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    Value(f64),
    FromRegister { register: String, offset: f64 },
}

/// Condition that ends an [`Primitive::ApproachUntil`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    Position(Target),
    AnalogAtLeast(AnalogId, f64),
}

/// What an end of an operation means to the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// Goes on.
    Ok,
    /// The part is bad, with this cause (`force-trip`, `no-contact`, `gross-leak`).
    Fail(String),
    /// The machine could not, with this cause.
    Fault(String),
}

/// What a person answers who has carried what a step asks to be carried.
pub const CARRIED: &str = "done";

/// In the text of a question it stands for the serial of the unit.
pub const SERIAL_IN_PROMPT: &str = "{serial}";

/// The closed set of operations. Executed in order; the first that does not mean Ok ends the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Primitive {
    /// To rest at `target` (au).
    MoveTo {
        axis: AxisId,
        target: Target,
        velocity_au_s: f64,
    },
    /// Writes the actual position of an axis now into a register: what relative targets count from.
    Mark {
        axis: AxisId,
        register: String,
    },
    /// A position in a register, less the one in `origin`, is within the range (au).
    RequireRegister {
        register: String,
        origin: Option<String>,
        within: (f64, f64),
        below: Meaning,
        above: Meaning,
    },
    /// From here on an irreversible step is never done again on the same part. Before it, a retry after
    /// a fault is permitted. A list without it is irreversible from its first operation.
    PointOfNoReturn,
    /// From here to the end of its operations the step is one process, whose duration and course are part
    /// of what is measured. An attempt that Hold breaks in it is over with the cause `held`, and nothing
    /// of it counts.
    Unbroken,
    /// Moves until `until`; positions in au. `register`: keeps the position of the end
    /// (`<register>`), the position at which the condition was seen (`<register>.trigger`) and the
    /// peak value (`<register>.peak`).
    ApproachUntil {
        axis: AxisId,
        limit: Target,
        velocity_au_s: f64,
        until: Stop,
        trip: Option<(AnalogId, f64)>,
        register: Option<String>,
        /// Accepted range of the end position; outside means `outside`.
        between: Option<(f64, f64)>,
        outside: Meaning,
        /// What reaching the limit without the condition, and a trip, mean.
        at_limit: Meaning,
        at_trip: Meaning,
    },
    /// See [`crate::job::Tighten`].
    Tighten {
        axis: AxisId,
        sensor: AnalogId,
        target_nm: f64,
        ramp_nm_s: f64,
        torque_max_nm: f64,
        stall: DurationNs,
        angle_max_au: f64,
        speed_max_au_s: f64,
        hold: DurationNs,
        register: Option<String>,
        at_limit: Meaning,
        at_trip: Meaning,
    },
    SetOutput {
        output: OutputId,
        value: bool,
    },
    /// Waits until the condition holds; `hold`: for this long without a break. Not in time: `late`.
    WaitUntil {
        condition: Expr,
        hold: DurationNs,
        timeout: DurationNs,
        late: Meaning,
    },
    /// Must hold now.
    Check {
        condition: Expr,
        otherwise: Meaning,
    },
    /// Nothing happens for this long (dwell, stabilise).
    Dwell {
        duration: DurationNs,
    },
    /// Starts a curve with this name; ends with CaptureEnd.
    CaptureStart {
        curve: String,
        axis: Option<AxisId>,
        analog: Option<AnalogId>,
        limit: DurationNs,
    },
    CaptureEnd {
        curve: String,
    },
    /// Judges all measurements and windows of the step that have a value; a fail ends the list.
    Judge,
    Robot {
        robot: RobotId,
        request: RobotOp,
    },
    Inspect {
        camera: CameraId,
        job: String,
        version: u32,
    },
    /// Reads a code and takes it as identity of `component`.
    Scan {
        scanner: ScannerId,
        component: String,
    },
    /// Prints the unit's label, unless this step has put one on the unit already.
    PrintLabel {
        printer: PrinterId,
    },
    /// Reads the label on the unit, and holds it against what was printed: anything else is a bad part.
    ReadLabel {
        scanner: ScannerId,
    },
    /// Asks a person. `pass`: the answers that go on; every other means `otherwise`.
    Ask {
        prompt: String,
        answers: Vec<String>,
        pass: Vec<String>,
        otherwise: Meaning,
    },
    /// A component becomes part of the unit: lot from its source, serial from its scan.
    Consume {
        component: String,
        source: Option<TrayId>,
    },
    /// A part or the unit is now somewhere else; `verify`: input that must see it.
    PlacePart {
        what: PlaceWhat,
        to: Place,
        verify: Option<InputId>,
    },
}

impl Primitive {
    /// What its ends mean to the step.
    pub fn meanings(&self) -> Vec<&Meaning> {
        match self {
            Primitive::RequireRegister { below, above, .. } => vec![below, above],
            Primitive::ApproachUntil { outside, at_limit, at_trip, .. } => vec![outside, at_limit, at_trip],
            Primitive::Tighten { at_limit, at_trip, .. } => vec![at_limit, at_trip],
            Primitive::WaitUntil { late, .. } => vec![late],
            Primitive::Check { otherwise, .. } | Primitive::Ask { otherwise, .. } => vec![otherwise],
            Primitive::Robot { request: RobotOp::Grip { missing, .. }, .. } => vec![missing],
            _ => Vec::new(),
        }
    }
}

/// What is placed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlaceWhat {
    Component(String),
    Unit,
}

/// Where it is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The unit's nest.
    Nest,
    Gripper(RobotId),
    /// Next pocket of a tray; its cursor moves on.
    TrayNext(TrayId),
    Bin(TrayId),
}

/// A request to a cobot in terms of the cell; the controller resolves it to joints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RobotOp {
    /// A taught pose.
    MovePose {
        pose: String,
        speed: f64,
    },
    /// The next pocket of a tray, or above it. Source trays: the cursor moves on at Consume of a part
    /// from it; others: at PlacePart into it.
    MoveTray {
        tray: TrayId,
        above: bool,
        speed: f64,
    },
    /// Above the pocket at which it last was: up and out again, wherever the tray's cursor is by now.
    LeaveTray {
        tray: TrayId,
        speed: f64,
    },
    /// `station.<above|at>`-pose of the station where the unit is: `<station>`/`<station>.above`.
    MoveStation {
        above: bool,
        speed: f64,
    },
    Grip {
        close: bool,
        expect_holding: bool,
        missing: Meaning,
    },
}

impl Plan {
    /// SHA-256 over the canonical form of the Plan, with its format, cell and taught hashes inside.
    pub fn hash(&self) -> Result<String, crate::canonical::CanonicalError> {
        let text = crate::canonical::to_string(self)?;
        Ok(crate::curve::sha256_hex(text.as_bytes()))
    }
    /// The step at an index that came from this Plan.
    pub fn step(&self, ix: StepIx) -> &Step {
        &self.steps[ix.index()]
    }
}
