//! The description of a cell, resolved from `cell.yaml` (and poses from `taught.yaml`): what is on the
//! wire, what it is called, and what it may do. Names are looked up once; indices are used afterwards.

use serde::{Deserialize, Serialize};

use crate::expr::Expr;
use crate::packml::{CellCommand, CellMode, CellState};
use crate::pdos::Pdos;
use crate::reference::Reference;
use crate::robot::{Joints, RobotState};
use crate::ros2::Ros2Robot;
use crate::timing::Timing;
use crate::wiring::Upstream;
use crate::zone::Zone;
use crate::{
    AnalogId, AxisId, CameraId, Dimension, DurationNs, InputId, LeakTesterId, OutputId, PrinterId, RobotId,
    ScannerId, StationId, TimeNs, TrayId,
};

/// The in-position window of an axis as a share of its highest following error ...
const IN_POSITION_SHARE: f64 = 0.01;
/// ... and at the least, in counts of its encoder.
const IN_POSITION_COUNTS_MIN: f64 = 2.0;
/// A cobot is at home within this of each joint's value (degrees).
const AT_HOME_DEG: f64 = 2.0;

/// A cell: everything a recipe and the controller may name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    pub id: String,
    pub site: String,
    pub line: String,
    /// Period of the cycle.
    pub cycle: DurationNs,
    pub units_in_flight_max: u16,
    pub serial_prefix: String,
    /// In the order of the wire; position 0 is next to the MainDevice.
    pub segment: Vec<SubDevice>,
    pub axes: Vec<Axis>,
    pub digital_inputs: Vec<DigitalInput>,
    pub digital_outputs: Vec<DigitalOutput>,
    pub analogs: Vec<Analog>,
    pub stations: Vec<Station>,
    pub table: Option<Table>,
    pub robots: Vec<Robot>,
    /// Volumes that axes, table and cobots share, one at a time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<Zone>,
    pub cameras: Vec<Camera>,
    pub scanners: Vec<Scanner>,
    pub printers: Vec<Printer>,
    pub trays: Vec<Tray>,
    pub leak_testers: Vec<LeakTester>,
    /// Read-only inputs from the safety controller; all must be on (house rule 9).
    pub safety: Vec<InputId>,
    /// Sequences of acting states.
    pub sequences: Sequences,
    pub manual: ManualLimits,
    pub panel: Panel,
    pub equipment: Vec<Equipment>,
    /// Part numbers by the trade item numbers of their labels.
    pub materials: Vec<PartNumber>,
    /// Ng units in a row after which the cell holds.
    pub consecutive_ng_max: u16,
    /// Cycles in a row without valid inputs that are tolerated.
    pub stale_cycles_max: u16,
    /// How the cycle keeps its time.
    pub realtime: Timing,
    /// SHA-256 of the raw bytes of cell.yaml (lower-case hex).
    pub hash: String,
    /// SHA-256 of the raw bytes of taught.yaml, of nothing if there is none.
    pub taught_hash: String,
}

/// One SubDevice of the segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubDevice {
    pub name: String,
    pub kind: DeviceKind,
    /// Identity object 0x1018: vendor, product, revision, serial number.
    pub vendor: u32,
    pub product: u32,
    pub revision: u32,
    pub serial: u32,
    /// Where the cable from its port 0 ends; `None`: at the MainDevice.
    pub upstream: Option<Upstream>,
    /// Its PDOs, if the cell file says them; else those that its family has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pdos: Option<Pdos>,
    /// Objects written in PRE-OP, after those that its driver wants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start_up: Vec<StartUpValue>,
}

/// An object that the cell file wants written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartUpValue {
    pub index: u16,
    pub sub: u8,
    pub value: i64,
    /// Bytes of its type: 1, 2 or 4.
    pub bytes: u8,
}

/// Device families with a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    Coupler,
    DigitalInput16,
    DigitalOutput16,
    AnalogInput4,
    ServoCia402,
}

/// Linear axes count in mm, rotary ones in degrees (`au`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AxisKind {
    Linear,
    Rotary,
}

/// A servo axis on one CiA 402 drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    pub name: String,
    pub kind: AxisKind,
    /// Place in `Cell::segment`.
    pub subdevice: usize,
    /// Encoder counts for each au (object 0x6064 in counts).
    pub counts_per_au: f64,
    /// Travel in au; both ends may be reached. A spindle has a wide one.
    pub travel_lo_au: f64,
    pub travel_hi_au: f64,
    pub velocity_max: f64,
    pub acceleration_max: f64,
    pub jerk_max: f64,
    /// Motor torque in N·m: the rated value (0x6076) and the highest commanded one.
    pub torque_rated_nm: f64,
    pub torque_max_nm: f64,
    /// Following error above which the cycle faults.
    pub following_error_max_au: f64,
    /// Where `resetting` brings it.
    pub home_au: f64,
    pub reference: Reference,
}

/// A named bit of a digital input SubDevice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DigitalInput {
    pub name: String,
    pub subdevice: usize,
    pub bit: u8,
}

/// A named bit of a digital output SubDevice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DigitalOutput {
    pub name: String,
    pub subdevice: usize,
    pub bit: u8,
    /// Defined off state: written at abort, and when a program error unwinds.
    pub off_state: bool,
}

/// A named channel of an analog input SubDevice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analog {
    pub name: String,
    pub subdevice: usize,
    pub channel: u8,
    pub dimension: Dimension,
    /// value = counts * scale + offset, in the canonical unit of the dimension.
    pub scale: f64,
    pub offset: f64,
    /// Trusted range; outside, or with the channel's error bit, the value is not trusted.
    pub range_lo: f64,
    pub range_hi: f64,
    /// Decimals of the unit that a record keeps: 0.1 N -> 0.1.
    pub resolution: f64,
    /// Place in `Cell::equipment` of the judging sensor.
    pub equipment: Option<usize>,
}

/// A place on the table where a step happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Station {
    pub name: String,
    /// Angle of the table that brings nest 0 to this station; nest k needs `- k * pitch` more.
    pub table_au: f64,
    /// Axes that belong to it.
    pub axes: Vec<AxisId>,
    /// Inputs that see the nest which stands here: with all of them off it is empty. Empty list: nobody
    /// can tell here.
    pub presence: Vec<InputId>,
}

/// The rotary index table that carries the nests past the stations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    pub axis: AxisId,
    pub nests: u16,
    pub velocity: f64,
    /// Must hold before the table may turn (press up, spindle up).
    pub clear_when: Vec<AxisClear>,
}

/// An axis is out of the table's way while its position is within the range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AxisClear {
    pub axis: AxisId,
    pub lo_au: f64,
    pub hi_au: f64,
}

/// A cobot with its taught poses (degrees).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Robot {
    pub name: String,
    pub joint_lo: Joints,
    pub joint_hi: Joints,
    pub joint_velocity_max: Joints,
    pub joint_acceleration_max: Joints,
    pub joint_jerk_max: Joints,
    /// By name, in the order of the file; `home` is one of them.
    pub poses: Vec<Pose>,
    /// How far `taught.yaml` may move a joint of a pose without a new approval of the cell, deg.
    pub touch_up_deg: f64,
    /// Deadline for the answer to any one request.
    pub answer_timeout: DurationNs,
    /// What it is called in ROS 2, for `run --robots ros2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ros2: Option<Ros2Robot>,
}

/// A taught pose in joint space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    pub name: String,
    pub joints: Joints,
}

/// A camera that answers inspection jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Camera {
    pub name: String,
    /// `host:port`; on the twin its own server is used instead.
    pub address: String,
    /// Jobs it knows, with what each measures.
    pub jobs: Vec<CameraJob>,
    pub answer_timeout: DurationNs,
    pub equipment: Option<usize>,
}

/// `cannula-tip@4`: name, version, measurements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraJob {
    pub name: String,
    pub version: u32,
    pub measures: Vec<CameraMeasure>,
}

/// A value that a camera job returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraMeasure {
    pub name: String,
    pub dimension: Dimension,
    pub resolution: f64,
}

/// A code scanner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scanner {
    pub name: String,
    pub address: String,
    pub station: StationId,
    pub answer_timeout: DurationNs,
}

/// A label printer, whose labels stick to the unit at its station.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Printer {
    pub name: String,
    /// `host:port`; on the twin its own server is used instead.
    pub address: String,
    pub station: StationId,
    /// From the request until the label is printed.
    pub answer_timeout: DurationNs,
}

/// A pressure-decay leak tester: its sensor and the valves and clamp that belong to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeakTester {
    pub name: String,
    pub station: StationId,
    /// Pressure of the volume under test (gauge).
    pub pressure: AnalogId,
    /// On: the volume is joined to the supply.
    pub fill: OutputId,
    /// On: the vent is closed. De-energised it vents.
    pub vent_closed: OutputId,
    /// On: the part is clamped and sealed.
    pub clamp: OutputId,
}

/// A tray with a grid of pockets, a lane (one pocket for ever), or a bin (no grid, drop sensor).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tray {
    pub name: String,
    pub kind: TrayKind,
    /// Part number it holds, for sources.
    pub part: Option<String>,
    pub rows: u16,
    pub columns: u16,
    /// Which robot reaches it, with the joint poses of pocket (0,0), (last,0), (0,last) above which
    /// every other pocket is interpolated (joint space; kinematics come with ROS 2).
    pub reach: Option<TrayReach>,
    /// For lanes: the axis that feeds it, and how far a part is.
    pub feeder: Option<Feeder>,
    /// For bins: what watches them.
    pub bin: Option<Bin>,
}

/// A reject bin that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bin {
    /// Sees a unit fall in, for moments: without it a reject is not complete.
    pub drop: Option<InputId>,
    /// On while the bin is locked. Off during production holds the cell: a rejected unit could be put back.
    pub locked: Option<InputId>,
    /// Units that it holds; then it has to be emptied before the next reject.
    pub capacity: Option<u32>,
}

/// A part number with the trade item number that its labels and codes bear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartNumber {
    pub part: String,
    /// GTIN of 14 digits.
    pub gtin: String,
}

/// What a tray is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrayKind {
    /// Parts come from here.
    Source,
    /// A lane fed by an axis.
    Lane,
    /// Good units go here.
    Good,
    /// Rejected units go here.
    Reject,
}

/// Corner poses of a tray.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrayReach {
    pub robot: RobotId,
    /// Pose of the first pocket, of the last column of the first row, of the first column of the last row.
    pub first: Joints,
    pub row_end: Joints,
    pub column_end: Joints,
    /// Added to a pocket's joints to be above it.
    pub above: Joints,
}

/// A lane's feeding axis: from `retracted_au` to `fed_au` pushes one part into the nest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feeder {
    pub axis: AxisId,
    pub retracted_au: f64,
    pub fed_au: f64,
    pub velocity: f64,
}

/// What acting states do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sequences {
    /// Axes in the order in which `resetting` homes them.
    pub homing_order: Vec<AxisId>,
    /// Speed of homing moves as a share of the axis's maximum.
    pub homing_speed: f64,
    /// Robots that go to `home` in `resetting`.
    pub robots_home: Vec<RobotId>,
    /// Sensors that have to read zero at the end of `resetting`: at rest, with nothing that loads them.
    #[serde(default)]
    pub zero: Vec<ZeroSensor>,
    /// Conditions of `starting` (air on).
    pub start_when: Option<Expr>,
}

/// A sensor that has to read zero while nothing loads it. Its offset is never taken away silently.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ZeroSensor {
    pub analog: AnalogId,
    /// Distance from zero that is permitted to the mean, in the unit of the channel.
    pub within: f64,
}

/// What may be done by hand in mode Manual.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ManualLimits {
    /// Reduced speed, as a share of the maximum of each axis and of each joint of a cobot; at most [`crate::limits::MANUAL_SPEED_MAX`].
    pub speed: f64,
}

/// A tenth of each axis's maximum.
impl Default for ManualLimits {
    fn default() -> ManualLimits {
        ManualLimits { speed: 0.1 }
    }
}

/// Panel: light tower and buzzer, and buttons. Nobody else writes its outputs; they show something to people and
/// move nothing, so they are driven in Aborted too.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Panel {
    pub green: Option<OutputId>,
    pub amber: Option<OutputId>,
    pub red: Option<OutputId>,
    pub buzzer: Option<OutputId>,
    /// States whose lights differ from the usual ones, each at most once.
    pub lights: Vec<(CellState, Lights)>,
    pub buttons: Vec<Button>,
}

impl Panel {
    /// Its outputs.
    pub fn outputs(&self) -> impl Iterator<Item = OutputId> {
        [self.green, self.amber, self.red, self.buzzer].into_iter().flatten()
    }
}

/// What the light tower shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lights {
    pub green: Light,
    pub amber: Light,
    pub red: Light,
}

/// What one lamp shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Light {
    #[default]
    Dark,
    Steady,
    Blinking,
}

/// A button: the moment at which its input goes on counts, never how long it stays on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    pub input: InputId,
    /// The first one that can be done is; if none can, the last one is refused. At least one.
    pub acts: Vec<ButtonAct>,
}

/// What a button asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ButtonAct {
    Command(CellCommand),
    Mode(CellMode),
    /// Acknowledges every active alarm.
    Acknowledge,
}

/// Measuring equipment with its calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Equipment {
    pub id: String,
    pub serial: String,
    /// RFC 3339 date.
    pub calibration_due: String,
}

macro_rules! by_name {
    ($($method:ident, $list:ident, $id:ident);* $(;)?) => {
        impl Cell {
            $(
                #[doc = concat!("Index in `", stringify!($list), "` by name.")]
                pub fn $method(&self, name: &str) -> Option<$id> {
                    self.$list.iter().position(|x| x.name == name).map(|i| $id(i as u16))
                }
            )*
        }
    };
}

by_name! {
    axis, axes, AxisId;
    input, digital_inputs, InputId;
    output, digital_outputs, OutputId;
    analog, analogs, AnalogId;
    station, stations, StationId;
    robot, robots, RobotId;
    camera, cameras, CameraId;
    scanner, scanners, ScannerId;
    printer, printers, PrinterId;
    tray, trays, TrayId;
    leak_tester, leak_testers, LeakTesterId;
}

impl Axis {
    /// Unit word of a position.
    pub fn unit(&self) -> &'static str {
        match self.kind {
            AxisKind::Linear => "mm",
            AxisKind::Rotary => "deg",
        }
    }

    /// Nearer than this to its setpoint (au) an axis that is at rest is in position: the end of a move.
    pub fn in_position_au(&self) -> f64 {
        (IN_POSITION_SHARE * self.following_error_max_au).max(IN_POSITION_COUNTS_MIN / self.counts_per_au)
    }
}

impl Station {
    /// Name of the pose of a cobot at its nest, or above it.
    pub fn pose(&self, above: bool) -> String {
        if above { format!("{}.above", self.name) } else { self.name.clone() }
    }
}

impl Robot {
    /// Joints of a taught pose.
    pub fn pose(&self, name: &str) -> Option<Joints> {
        self.poses.iter().find(|p| p.name == name).map(|p| p.joints)
    }

    /// It is known to rest at its pose `home`; a cobot without one is nowhere in the way. A state that is too
    /// old ([`crate::limits::ROBOT_STATE_AGE_MAX`]) does not say so.
    pub fn rests_at_home(&self, state: &RobotState, now: TimeNs) -> bool {
        let Some(home) = self.pose("home") else { return true };
        near(&home, &state.joints) && !state.moving && state.is_known(now)
    }

    /// It was left in a station, at its pose or above, or nobody knows where it is. One that moves is in a step, which
    /// has the station.
    pub fn may_stand_in_a_station(&self, state: &RobotState, stations: &[Station]) -> bool {
        let mut poses = stations.iter().flat_map(|s| [false, true].map(|above| s.pose(above)));
        let there = |name: String| self.pose(&name).is_some_and(|pose| near(&pose, &state.joints));
        state.lost || (!state.moving && poses.any(there))
    }
}

/// Both stand at the same place, as far as a cobot is in nobody's way there.
fn near(pose: &Joints, joints: &Joints) -> bool {
    pose.iter().zip(joints).all(|(a, b)| (a - b).abs() <= AT_HOME_DEG)
}

impl Tray {
    /// Pockets in all.
    pub fn pockets(&self) -> u32 {
        u32::from(self.rows) * u32::from(self.columns)
    }

    /// Joints at pocket `n` (row by row from 0), or above it. `None` outside the grid or the reach.
    pub fn pocket_joints(&self, n: u32, above: bool) -> Option<Joints> {
        let reach = self.reach.as_ref()?;
        if n >= self.pockets() {
            return None;
        }
        let share = |i: u32, of: u16| if of > 1 { f64::from(i) / f64::from(of - 1) } else { 0.0 };
        let column = share(n % u32::from(self.columns), self.columns);
        let row = share(n / u32::from(self.columns), self.rows);
        Some(core::array::from_fn(|j| {
            reach.first[j]
                + column * (reach.row_end[j] - reach.first[j])
                + row * (reach.column_end[j] - reach.first[j])
                + if above { reach.above[j] } else { 0.0 }
        }))
    }
}
