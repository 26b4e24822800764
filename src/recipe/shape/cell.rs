//! cell.yaml and taught.yaml: what a cell is, its axes, cobots, sequences, panel.

use cellwright_model::limits::{JOINTS, MANUAL_SPEED_MAX};
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::reference::HomingMethod;

use super::Form as F;
use super::cell_devices::{CAMERA, DEVICE, EQUIPMENT, PRINTER, SCANNER, SIGNALS};
use super::cell_places::{LEAK_TESTER, MATERIAL, STATION, TABLE, TRAY};
use super::cell_ros2::ROS2;
use super::{ACCELERATION, ANY, JERK, Keys, Names, POSITION, SPEED, What};
use crate::shape;

const _: () = assert!(JOINTS == 6 && MANUAL_SPEED_MAX == 0.25, "the lines below say so");

/// Of each joint of a cobot.
pub(super) const JOINT_LIST: What = What::List(&What::Number);

shape! { pub(super) CELL = "cell", "The machine: what is on its segment, where things are, what may be commanded." {
    req "cell": Integer(1, 1), "Schema major.";
    req "id": Identifier, "Names the cell; recipes name it.";
    req "site": Identifier, "Where it stands; part of the keys that it publishes under.";
    req "line": Identifier, "The line that it belongs to.";
    req "cycle": Quantity(&[Time]), "Period of the real-time cycle, 250 us to 20 ms.";
    opt "realtime": Fields(&REALTIME), "How the cycle waits, and the clock that it follows.";
    req "units_in_flight_max": Integer(1, 16), "Units in work at once; more than one need a table.";
    req "serial_prefix": Form(F::SerialPrefix), "Begins the serials of units without an order.";
    req "consecutive_ng_max": Integer(1, 1000), "So many ng units in a row lead to Hold.";
    req "stale_cycles_max": Integer(1, 1000), "Cycles without valid inputs that are bridged.";
    req "segment": List(&What::Fields(&DEVICE)), "SubDevices in the order of the wire.";
    req "axes": Map(Keys::Given, &What::Fields(&AXIS)), "Servo axes by name.";
    req "signals": Fields(&SIGNALS), "Digital inputs and outputs, analog channels; one namespace.";
    req "safety": List(&What::Name(Names::Input)), "Inputs of the safety controller; their loss always means Aborting.";
    req "stations": Map(Keys::Given, &What::Fields(&STATION)), "Where a nest can stand.";
    dep "table": Fields(&TABLE), "The rotary index table; needed for more than one unit in flight.";
    opt "robots": Map(Keys::Given, &What::Fields(&ROBOT)), "Cobots by name.";
    opt "zones": Map(Keys::Given, &What::List(&What::Fields(&BODY))), "Volumes that axes, table and cobots share, one at a time.";
    opt "cameras": Map(Keys::Given, &What::Fields(&CAMERA)), "Cameras by name.";
    opt "scanners": Map(Keys::Given, &What::Fields(&SCANNER)), "Code scanners by name.";
    opt "printers": Map(Keys::Given, &What::Fields(&PRINTER)), "Label printers by name.";
    opt "leak_testers": Map(Keys::Given, &What::Fields(&LEAK_TESTER)), "Pressure channels with their valves, by name.";
    req "trays": Map(Keys::Given, &What::Fields(&TRAY)), "Trays, lanes and bins by name.";
    req "sequences": Fields(&SEQUENCES), "What Resetting and Starting do.";
    opt "manual": Fields(&MANUAL), "Bounds of motion by hand.";
    opt "panel": Fields(&PANEL), "Lamps, buzzer and buttons.";
    opt "equipment": Map(Keys::Given, &What::Fields(&EQUIPMENT)), "What is calibrated, by its id.";
    opt "materials": Map(Keys::Given, &What::Fields(&MATERIAL)), "Part numbers by the trade item numbers of their labels.";
}}

shape! { REALTIME = "realtime", "How the cycle waits, and the clock that it follows." {
    opt "receive" = "blocking": Word(&["blocking", "spin"]), "How a frame is waited for.";
    opt "spin" = "0 us": Quantity(&[Time]), "Last part of the wait for each cycle that is spun through.";
    opt "dc": Fields(&CLOCKS), "Drives run by SYNC0 of the distributed clocks.";
}}

shape! { CLOCKS = "dc", "Distributed clocks." {
    opt "sync0": Quantity(&[Time]), "Period of SYNC0; the cycle if left out.";
    req "shift": Quantity(&[Time]), "Frames pass so long after its pulse.";
}}

shape! { AXIS = "axis", "A servo axis: scaling, travel, limits." {
    req "kind": Word(&["linear", "rotary"]), "In millimetres or in degrees.";
    req "drive": Name(Names::SubDevice), "The servo-cia402 that moves it.";
    req "counts": Form(F::Counts), "Encoder counts for each millimetre or degree.";
    req "travel": Range(POSITION), "Where it may be commanded.";
    req "velocity_max": Quantity(SPEED), "Never exceeded.";
    req "acceleration_max": Quantity(ACCELERATION), "Never exceeded.";
    req "jerk_max": Quantity(JERK), "Never exceeded.";
    req "torque_rated": Quantity(&[Torque]), "Of the motor.";
    req "torque_max": Quantity(&[Torque]), "Never exceeded.";
    req "following_error_max": Quantity(POSITION), "Setpoint and actual value differ by more: fault.";
    req "home": Quantity(POSITION), "Where Resetting brings it.";
    opt "reference" = "absolute": Either(&[What::Word(&["absolute"]), What::Fields(&HOMING)]), "Where it has its zero from.";
}}

shape! { HOMING = "reference", "An incremental encoder: the drive looks for the zero (CiA 402-2, mode hm)." {
    req "homing": Words(methods), "Method of 0x6098: 17, 18 limit switch, 33, 34 index pulse, 37 where it stands.";
    req "found": Quantity(POSITION), "Position of the place that is found.";
    dep "switch_speed": Quantity(SPEED), "Towards the limit switch; methods 17 and 18.";
    dep "zero_speed": Quantity(SPEED), "Away from it, or towards the index; all but method 37.";
    dep "acceleration": Quantity(ACCELERATION), "All but method 37.";
    opt "timeout" = "60 s": Quantity(&[Time]), "Not found within: fault.";
}}

shape! { ROBOT = "robot", "A cobot; joints in degrees." {
    req "joints": Fields(&JOINT_LIMITS), "Limits of its six joints.";
    req "answer_timeout": Quantity(&[Time]), "An answer takes no longer.";
    opt "touch_up" = "0": Number, "Degrees that a pose may be touched up at the machine, at most 5.";
    req "poses": Map(Keys::Given, &JOINT_LIST), "Taught poses: six joints in degrees; `home` is one, `<station>` and `<station>.above` for each that it serves.";
    opt "ros2": Fields(&ROS2), "What it is called in ROS 2, for `run --robots ros2`.";
}}

shape! { BODY = "body", "What can be in a zone, and where it is when it is inside: an axis or a cobot." {
    dep "axis": Name(Names::Axis), "An axis; the table's is inside while it turns.";
    dep "within": Range(POSITION), "Where the axis is inside; its home is not. Not of the table.";
    dep "robot": Name(Names::Robot), "A cobot: inside while each joint named here is in its range; at `home` it is not.";
    opt "j1": Range(&[Angle]), "Of the first joint.";
    opt "j2": Range(&[Angle]), "Of the second joint.";
    opt "j3": Range(&[Angle]), "Of the third joint.";
    opt "j4": Range(&[Angle]), "Of the fourth joint.";
    opt "j5": Range(&[Angle]), "Of the fifth joint.";
    opt "j6": Range(&[Angle]), "Of the sixth joint.";
}}

shape! { JOINT_LIMITS = "joints", "Limits of the six joints, each a list of six numbers." {
    req "lo": List(&What::Number), "deg.";
    req "hi": List(&What::Number), "deg.";
    req "velocity_max": List(&What::Number), "deg/s.";
    req "acceleration_max": List(&What::Number), "deg/s².";
    req "jerk_max": List(&What::Number), "deg/s³.";
}}

shape! { SEQUENCES = "sequences", "What Resetting and Starting do." {
    req "homing_order": List(&What::Name(Names::Axis)), "Every axis once.";
    req "homing_speed": Quantity(&[Ratio]), "Share of each axis's maximum.";
    req "robots_home": List(&What::Name(Names::Robot)), "Cobots that go home, in this order.";
    opt "zero": List(&What::Fields(&ZERO)), "Sensors that have to read zero when nothing loads them.";
    opt "start_when" = "true": Condition, "Starting waits for it.";
}}

shape! { ZERO = "zero", "A sensor that nothing loads at home." {
    req "analog": Name(Names::Analog), "The channel.";
    req "within": Quantity(ANY), "Farther from zero: Resetting stops and says so.";
}}

shape! { MANUAL = "manual", "Bounds of motion by hand." {
    opt "speed" = "10 %": Quantity(&[Ratio]), "Share of each axis's maximum, at most 25 %.";
}}

shape! { PANEL = "panel", "Lamps, buzzer and buttons." {
    opt "green": Name(Names::Output), "Lamp.";
    opt "amber": Name(Names::Output), "Lamp.";
    opt "red": Name(Names::Output), "Lamp.";
    opt "buzzer": Name(Names::Output), "Sounds until every alarm is acknowledged.";
    opt "lights": Map(Keys::Words(states), &What::Fields(&LIGHTS)), "What the lamps show in a state, where it is not the usual.";
    opt "buttons": Map(Keys::Name(Names::Input), &BUTTON), "What each button asks for.";
}}

const BUTTON: What = What::Either(&[What::Words(acts), What::List(&What::Words(acts))]);

shape! { LIGHTS = "lights", "What is not named is dark." {
    opt "green" = "dark": Word(&["dark", "steady", "blinking"]), "Lamp.";
    opt "amber" = "dark": Word(&["dark", "steady", "blinking"]), "Lamp.";
    opt "red" = "dark": Word(&["dark", "steady", "blinking"]), "Lamp.";
}}

fn methods() -> Vec<String> {
    HomingMethod::ALL.iter().map(|m| m.code().to_string()).collect()
}

fn states() -> Vec<String> {
    CellState::ALL.iter().map(|s| s.name().to_lowercase()).collect()
}

fn acts() -> Vec<String> {
    let commands = CellCommand::ALL.iter().map(|c| c.name().to_lowercase());
    let modes = CellMode::ALL.iter().map(|m| format!("mode {}", m.name().to_lowercase()));
    commands.chain(modes).chain(["ack".to_owned()]).collect()
}

shape! { pub(super) TAUGHT = "taught", "Poses that were touched up at the machine." {
    req "taught": Integer(1, 1), "Schema major.";
    req "cell": Name(Names::Cell), "The cell that they were taught at.";
    opt "robots": Map(Keys::Name(Names::Robot), &What::Fields(&TOUCHED_UP)), "Cobots by name.";
}}

shape! { TOUCHED_UP = "taught robot", "A cobot's joints, in degrees." {
    opt "offset": List(&What::Number), "Added to every pose and pocket, but for the poses given here.";
    opt "poses": Map(Keys::Name(Names::Pose), &JOINT_LIST), "In the place of those of cell.yaml.";
}}
