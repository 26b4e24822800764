//! Physics of the twin, as plant.yaml states them: mechanics of the axes, the processes at the stations,
//! how parts vary and which share of them is bad, what material is loaded, what sensors see.
//!
//! Terms: a *spread* is a nominal value with the width of its variation; *traits* of a part are what its
//! spreads and defects came out as. Values are in canonical units (mm, deg, N, N·m, Pa, s, kg·m²).
//! `plant.yaml` is part of no recipe or plan hash: it describes the twin, not the product.

use serde::{Deserialize, Serialize};

use crate::{AnalogId, AxisId, CameraId, DurationNs, InputId, StationId, TrayId};

/// The simulated machine of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlantDescription {
    /// One for each axis of the cell, in its order.
    pub axes: Vec<AxisPhysics>,
    /// One for each analog channel of the cell, in its order.
    pub analogs: Vec<SensorPhysics>,
    /// Of the cobots; all zero where the cell has none, and so are the next ones without their devices.
    pub grippers: GripperPhysics,
    /// `None`: nothing is pressed in this cell.
    pub press: Option<PressPhysics>,
    /// `None`: nothing is screwed.
    pub thread: Option<ThreadPhysics>,
    pub leak: LeakPhysics,
    pub tip: TipPhysics,
    pub labels: LabelPhysics,
    pub ambient_degc: f64,
    /// Kinds of bad parts with their shares of all parts of the kind's component.
    pub defects: Vec<DefectShare>,
    /// What there is for each source of parts; the first of a source lies there, the others people may bring.
    pub material: Vec<Material>,
    /// What the digital inputs see; inputs without an entry are on.
    pub inputs: Vec<InputSight>,
    /// Which station each camera looks at.
    pub cameras: Vec<CameraSight>,
    /// Parts that a test gives in the place of drawn ones, by kind; plant.yaml gives none.
    pub given: Vec<GivenParts>,
}

/// What is bad about the parts of a kind, in the order in which they leave their source; those behind them are good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenParts {
    pub kind: PartKind,
    pub defects: Vec<Option<Defect>>,
}

/// Mechanics of one axis, seen from its motor's shaft.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AxisPhysics {
    pub axis: AxisId,
    /// Motor and load together, kg·m² at the motor's shaft.
    pub inertia_kgm2: f64,
    /// Travel of the axis for one turn of the motor, in au.
    pub au_per_revolution: f64,
    /// Dry friction in N·m at the motor.
    pub coulomb_nm: f64,
    /// Viscous friction: its torque in N·m at `viscous_at_au_s`.
    pub viscous_nm: f64,
    /// The axis's highest velocity, at which `viscous_nm` is reached.
    pub viscous_at_au_s: f64,
    /// Where it stands at power-up.
    pub start_au: f64,
    /// Hard stops in au.
    pub stop_lo_au: f64,
    pub stop_hi_au: f64,
    /// Beyond these its limit switches are on; au.
    pub limit_switches: Option<(f64, f64)>,
    /// The encoder's index pulse: once in this way, au. An absolute encoder has none that matters.
    pub index_every_au: f64,
    /// Where one of them is, au.
    pub index_at_au: f64,
    /// Dry friction in N·m at the motor while the holding brake is on; zero: it has none.
    pub brake_nm: f64,
}

/// Error of an analog sensor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SensorPhysics {
    pub analog: AnalogId,
    /// Standard deviation of its noise.
    pub noise: f64,
    /// Constant error.
    pub offset: f64,
}

/// Grippers of the cobots.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct GripperPhysics {
    /// From request to answer.
    pub time: DurationNs,
    /// Share of grips that close beside the part.
    pub miss: f64,
    /// How far a joint may be off the taught pose and the gripper still meets the part, deg.
    pub reach_deg: f64,
    /// From opening above a bin to its drop sensor.
    pub fall: DurationNs,
    /// Length of the drop sensor's pulse.
    pub drop_pulse: DurationNs,
}

/// Nominal value and variation. Draws are near normal and end at three times `sigma`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Spread {
    pub nominal: f64,
    pub sigma: f64,
}

/// Press fit of the cannula in the hub. Force over depth for an interference of `s` times the nominal:
/// `s · (entry · min(1, depth / entry_depth) + slope · depth) + shoulder · max(0, depth − shoulder_depth)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PressPhysics {
    pub axis: AxisId,
    pub station: StationId,
    pub force: AnalogId,
    /// Axis position at which the ram meets the cannula, mm.
    pub contact_mm: Spread,
    /// Share of the nominal interference, from the hub's and from the cannula's tolerance; their sum
    /// less one is the fit.
    pub hub_interference: Spread,
    pub cannula_interference: Spread,
    /// Interference with an oversize or undersize part; it alone makes the fit then.
    pub oversize: Spread,
    pub undersize: Spread,
    pub entry_n: f64,
    pub entry_depth_mm: f64,
    pub slope_n_per_mm: f64,
    pub shoulder_depth_mm: f64,
    pub shoulder_n_per_mm: f64,
    /// Stiffness of ram, cannula and nest in series: what springs back.
    pub stiffness_n_per_mm: f64,
}

/// Thread of the cap. Torque over the angle from engagement: `prevailing` until `snug_angle`, then
/// rising with `stiffness`. The bit has a freewheel: turned backward it takes the cap along nowhere, and
/// engages again where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ThreadPhysics {
    pub axis: AxisId,
    pub station: StationId,
    pub torque: AnalogId,
    pub prevailing_nm: Spread,
    pub snug_angle_deg: Spread,
    pub stiffness_nm_per_deg: Spread,
    /// Torsional stiffness of spindle and bit in series.
    pub bit_nm_per_deg: f64,
    /// Damping of that spring with the spindle's inertia, as a share of the critical one.
    pub bit_damping: f64,
    /// A cross-threaded cap binds from here.
    pub cross_angle_deg: Spread,
    pub cross_nm_per_deg: f64,
    /// A stripped thread gives way at this torque.
    pub strip_nm: Spread,
}

/// Leak test by pressure decay at the volume under the test station's bell.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LeakPhysics {
    /// Regulated supply, Pa gauge.
    pub supply_pa: f64,
    /// Time constants of filling and of venting, s.
    pub fill_s: f64,
    pub vent_s: f64,
    /// Pressure lost after filling by heat, Pa, and its time constant, s.
    pub settle_pa: f64,
    pub settle_s: f64,
    /// Decay at `supply_pa` of a tight unit and of one with a leaky seal, Pa/s.
    pub tight_pa_s: Spread,
    pub leaky_pa_s: Spread,
    /// Decay without a part, without a cap or without the clamp, Pa/s.
    pub open_pa_s: f64,
}

/// Tip of the cannula, as the camera measures it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct TipPhysics {
    /// Height of the burr, mm.
    pub burr_mm: Spread,
    pub bad_burr_mm: Spread,
    /// Standard deviation of the camera's measurement, mm.
    pub camera_noise_mm: f64,
    /// From trigger to answer.
    pub camera_time: DurationNs,
    pub scanner_time: DurationNs,
}

/// Labels that the cell prints.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LabelPhysics {
    /// From the request until a label is printed and on the unit.
    pub print_time: DurationNs,
    /// Share of labels that no scanner can read.
    pub unreadable: f64,
}

/// Components of the unit, and the finished unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    Hub,
    Cannula,
    Cap,
    /// A finished unit that is brought back as one.
    Unit,
}

/// A bad part, by what is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Bore too narrow: the press fit trips its force limit.
    HubOversize,
    /// Bore too wide: the fit is loose.
    HubUndersize,
    /// Cannula too thick: the press fit trips its force limit.
    CannulaOversize,
    /// Burr at the tip.
    Burr,
    /// The cap's thread binds early.
    CapCrossThread,
    /// The cap's thread gives way before it is tight.
    CapStripped,
    /// The cap's seal leaks.
    LeakySeal,
    /// The finished unit leaks.
    UnitLeaky,
    /// The finished unit has a burr at its tip.
    UnitBurr,
    /// Another unit than the one that was asked for: it bears a serial of its own.
    UnitOther,
}

/// Share of the parts of the defect's component that have it; a part has at most one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DefectShare {
    pub defect: Defect,
    /// Of 1.
    pub share: f64,
}

/// What can be loaded at a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Material {
    pub source: TrayId,
    pub kind: PartKind,
    /// Part number.
    pub part: String,
    pub lot: String,
    /// `YYYY-MM-DD`.
    pub expiry: String,
    /// GTIN of 14 digits and prefix of the serial, where the part bears a code.
    pub code: Option<PartCode>,
}

/// The code on each part of a source: `(01)gtin(17)expiry(10)lot(21)prefix + number`. A finished unit bears the
/// serial that whoever fetched it was told, and one of this kind only where it is another unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCode {
    pub gtin: String,
    pub serial_prefix: String,
}

/// What an input sees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct InputSight {
    pub input: InputId,
    pub sees: Sight,
}

/// Sensors of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sight {
    /// A part of this kind in the nest that stands at this station; nothing while the table turns.
    Nest(StationId, PartKind),
    /// The good tray's pocket that was filled last, until a gripper takes the next unit.
    PocketFilled,
    /// A part that falls through the chute: a pulse.
    Drop,
    /// This lane has a part in front of its feeder.
    LaneReady(TrayId),
    /// This bin is closed and locked.
    BinClosed(TrayId),
    EstopOk,
    GuardOk,
    AirOk,
    /// A button that nobody presses unless told.
    Released,
}

/// What a camera looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameraSight {
    pub camera: CameraId,
    pub station: StationId,
}

impl Defect {
    /// All of them, in the order in which shares are laid out.
    pub const ALL: [Defect; 10] = [
        Defect::HubOversize,
        Defect::HubUndersize,
        Defect::CannulaOversize,
        Defect::Burr,
        Defect::CapCrossThread,
        Defect::CapStripped,
        Defect::LeakySeal,
        Defect::UnitLeaky,
        Defect::UnitBurr,
        Defect::UnitOther,
    ];

    /// The component that has it.
    pub fn kind(self) -> PartKind {
        match self {
            Defect::HubOversize | Defect::HubUndersize => PartKind::Hub,
            Defect::CannulaOversize | Defect::Burr => PartKind::Cannula,
            Defect::CapCrossThread | Defect::CapStripped | Defect::LeakySeal => PartKind::Cap,
            Defect::UnitLeaky | Defect::UnitBurr | Defect::UnitOther => PartKind::Unit,
        }
    }

    /// The word in plant.yaml.
    pub fn as_str(self) -> &'static str {
        match self {
            Defect::HubOversize => "hub_oversize",
            Defect::HubUndersize => "hub_undersize",
            Defect::CannulaOversize => "cannula_oversize",
            Defect::Burr => "burr",
            Defect::CapCrossThread => "cap_cross_thread",
            Defect::CapStripped => "cap_stripped",
            Defect::LeakySeal => "leaky_seal",
            Defect::UnitLeaky => "unit_leaky",
            Defect::UnitBurr => "unit_burr",
            Defect::UnitOther => "unit_other",
        }
    }
}

impl PartKind {
    pub const ALL: [PartKind; 4] = [PartKind::Hub, PartKind::Cannula, PartKind::Cap, PartKind::Unit];

    /// The word in plant.yaml and in locations.
    pub fn as_str(self) -> &'static str {
        match self {
            PartKind::Hub => "hub",
            PartKind::Cannula => "cannula",
            PartKind::Cap => "cap",
            PartKind::Unit => "unit",
        }
    }
}

impl PlantDescription {
    /// What lies in the source of a kind unless people brought something else.
    pub fn material_of(&self, kind: PartKind) -> Option<&Material> {
        self.material.iter().find(|m| m.kind == kind)
    }
}
