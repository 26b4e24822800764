//! What people and tests do to the twin of a machine.

use serde::{Deserialize, Serialize};

use crate::label::PrinterTrouble;
use crate::serial::SerialText;
use crate::{AnalogId, AxisId, InputId, PrinterId, RobotId, TrayId};

/// What a test, or a person at the twin, does to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Injection {
    /// An input that shows this level whatever happens; `None` mends it.
    InputStuck {
        input: InputId,
        level: Option<bool>,
    },
    /// A button held down, or let go.
    Button {
        input: InputId,
        down: bool,
    },
    /// The E-stop is pressed, or pulled out: torque removed, cobots stopped, `estop_ok` off.
    EStop(bool),
    /// The guard is open, or closed: as the E-stop, by `guard_ok`.
    GuardOpen(bool),
    AirOff(bool),
    /// The lanes have no part in front of their feeders, or again what they had.
    LaneEmpty(bool),
    /// Added to what a channel's sensor sees, in the channel's unit.
    AnalogOffset {
        analog: AnalogId,
        offset: f64,
    },
    /// The channel's wire is broken, or mended: its terminal sets the error bit.
    WireBreak {
        analog: AnalogId,
        broken: bool,
    },
    /// A person takes everything out of nests and grippers.
    TakeOut,
    /// A person takes out what lies in one nest of the table.
    TakeFromNest(u16),
    /// A person takes what a gripper holds.
    TakeFromGripper(RobotId),
    /// A person takes what lies in a pocket.
    TakeFromPocket {
        tray: TrayId,
        pocket: u32,
    },
    /// A person takes what fell into a bin last.
    TakeFromBin(TrayId),
    /// A person carries what lies in a pocket into a nest; of finished units the one that bears `serial`.
    PutInNest {
        nest: u16,
        tray: TrayId,
        pocket: u32,
        #[serde(default)]
        serial: Option<SerialText>,
    },
    /// A person carries the unit out of a nest into a pocket, or throws it into a bin.
    PutAway {
        nest: u16,
        tray: TrayId,
        pocket: u32,
    },
    /// A person exchanges a tray, refills a lane or empties a bin; what lay in it is taken away.
    Exchange {
        tray: TrayId,
        load: TrayLoad,
    },
    /// So many parts of a source were given before this machine came to be: the next one has another number than
    /// all of them. One that has given more already goes on with its own count.
    GivenBefore {
        tray: TrayId,
        parts: u32,
    },
    /// A person opens the reject bin, or closes and locks it.
    BinOpen {
        bin: TrayId,
        open: bool,
    },
    /// The gripper loses what it holds.
    GripperLoses(RobotId),
    /// So many of the robot's next grips close beside the part.
    GripMisses {
        robot: RobotId,
        grips: u32,
    },
    /// The cobot is in a protective stop, or released from it.
    ProtectiveStop {
        robot: RobotId,
        active: bool,
    },
    /// A label printer is out of paper or stands for another reason, or is ready again.
    Printer {
        printer: PrinterId,
        trouble: Option<PrinterTrouble>,
    },
    /// The axis does not move whatever its motor's torque: the drive will see its following error.
    AxisJam {
        axis: AxisId,
        jammed: bool,
    },
    /// The drive of the axis faults with this error code (object 0x603F).
    DriveFault {
        axis: AxisId,
        code: u16,
    },
    /// The drive of the axis sends an emergency with this error code and goes on.
    Emergency {
        axis: AxisId,
        code: u16,
    },
    /// Effort at the axis beside that of its process, against its positive direction: N or N·m.
    AddedLoad {
        axis: AxisId,
        effort: f64,
    },
    /// The encoder of the axis shows so much (au) more than before, for good.
    EncoderJump {
        axis: AxisId,
        by_au: f64,
    },
    /// The supply of one SubDevice, by its position in the segment.
    Power {
        position: u16,
        on: bool,
    },
    /// Another SubDevice of the same type stands at a position, with this serial number.
    Replace {
        position: u16,
        serial: u32,
    },
    /// The cable at a port of a SubDevice: cut, or whole again.
    Link {
        position: u16,
        port: u8,
        up: bool,
    },
}

/// What an exchanged tray or a refilled lane holds. A good tray and a bin are always empty afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TrayLoad {
    /// Fresh parts from the first pocket on; `None`: every pocket, and a lane that never ends.
    pub parts: Option<u32>,
    /// Place in the description's list of material; `None`: as before.
    pub material: Option<u16>,
}
