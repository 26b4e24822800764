//! R09xx: cell.yaml.

use super::pages;

pages! {
    BitRange in Cell {
        what: "The SubDevice has no bit or channel of this number.",
        why: "A digital terminal has bits 0 to 15, an analog one channels 0 to 3.",
        wrong: "estop_ok:             { device: di_1, bit: 16 }",
        right: "estop_ok:             { device: di_1, bit: 0 }",
    }
    BitTwice in Cell {
        what: "A bit or channel has two names.",
        why: "Two signals that are one wire look like two proofs of one thing.",
        wrong: "guard_ok:             { device: di_1, bit: 0 }",
        right: "guard_ok:             { device: di_1, bit: 1 }",
    }
    DeviceFamily in Cell {
        what: "The SubDevice is of another family than this entry needs.",
        why: "An output needs a digital output, an axis a servo drive.",
        wrong: "valve_fill:  { device: di_1,",
        right: "valve_fill:  { device: do_1,",
    }
    TravelEmpty in Cell {
        what: "A travel, the range of a joint or of a sensor, or the stroke of a feeder has no extent.",
        why: "Nothing could move in it; mostly one end was not filled in.",
        wrong: "travel: -1 .. -1 mm",
        right: "travel: -1 .. 62 mm",
    }
    LimitsUnreachable in Cell {
        what: "Velocity, acceleration and jerk cannot be reached together, or not within the travel.",
        why: "The setpoint is limited in jerk: with a²/j above v the acceleration is never reached, and with \
            v²/a + v·a/j above the travel the velocity is not.",
        wrong: "acceleration_max: 9000 mm/s²",
        right: "acceleration_max: 3000 mm/s²",
    }
    CyclePeriod in Cell {
        what: "The cycle is shorter than 250 µs or longer than 20 ms.",
        why: "Below, one frame of a full segment does not fit; above, a press moves too far between two looks at its force.",
        wrong: "cycle: 100 us",
        right: "cycle: 1 ms",
    }
    JointLimit in Cell {
        what: "A taught pose, a pocket, or the place above it lies outside the joint limits of its cobot.",
        why: "The cobot would refuse the move in the middle of a recipe.",
        wrong: "load:       [35, -62, 98, -126, -90, 400]",
        right: "load:       [35, -62, 98, -126, -90, 35]",
    }
    HomeOutside in Cell {
        what: "A home, a feeder's position, or a range that must hold at home lies outside the travel of its axis.",
        why: "The axis could not go there, or the table would be blocked with everything at home.",
        wrong: "home: 200 mm\n  press_z:",
        right: "home: 0 mm\n  press_z:",
    }
    StationAngle in Cell {
        what: "A station lies at an angle outside the travel of the table.",
        why: "No nest could be brought there.",
        wrong: "travel: -5 .. 260 deg",
        right: "travel: -720000 .. 720000 deg              # it turns on: 2,000 turns either way",
    }
    BadDate in Cell {
        what: "This is not a day of the calendar, written year-month-day.",
        why: "Calibration and due dates are compared with the clock; `06/30/27` is two different days in two countries.",
        wrong: "calibration_due: 2027-06-31",
        right: "calibration_due: 2027-06-30",
    }
    DriveTwice in Cell {
        what: "Two axes use one drive.",
        why: "Each would command the other's motor.",
        wrong: "drive: drive_1\n    counts: 10000 / mm",
        right: "drive: drive_2\n    counts: 10000 / mm",
    }
    HomingIncomplete in Cell {
        what: "An axis is missing in `homing_order`.",
        why: "An axis that is never homed does not know where it is; the order is the one in which nothing collides.",
        wrong: "homing_order: [press_z, driver_1, feeder_x]",
        right: "homing_order: [press_z, driver_1, feeder_x, table]",
    }
    PitchMismatch in Cell {
        what: "A station lies between two nests of the table.",
        why: "Nests stand a whole pitch apart: when one is at a station, every other station must have one too.",
        wrong: "test:  { at: 280 deg,",
        right: "test:  { at: 270 deg,",
    }
    BadAddress in Cell {
        what: "This is not an address of the form `host:port`.",
        why: "Cameras, scanners and printers are reached over TCP.",
        wrong: "scan_1: { address: scanner-1, station: load,",
        right: "scan_1: { address: 127.0.0.1:0, station: load,",
    }
    SafetyButton in Cell {
        what: "A button of the panel is also a safety input.",
        why: "A button commands, a safety input permits. What the loss of a safety input does is not to be chosen.",
        wrong: "estop_ok: stop",
        right: "stop_button: stop",
    }
    PortTwice in Cell {
        what: "Two SubDevices hang at one port of a third.",
        why: "A port has one cable. Without `after:` a SubDevice hangs at port 1 of the one before it in the list.",
        wrong: "serial: 1005, after: { device: coupler, port: 1 } }",
        right: "serial: 1005 }",
    }
    WireOrder in Cell {
        what: "The list of SubDevices is not in the order in which frames reach them, or no way leads to one.",
        why: "Frames leave a SubDevice by port 3, then 1, then 2; the position in the list is the address at bring-up. The \
            remedy gives the right order.",
        wrong: "serial: 1001, after: { device: di_1, port: 1 } }",
        right: "serial: 1001 }",
    }
    BranchDelay in Cell {
        what: "The segment branches in a way whose delays cannot be measured.",
        why: "Distributed clocks need the delay to each SubDevice. Behind a branch that branches again, and at a third \
            branch of one SubDevice, it would be measured wrong.",
        wrong: "serial: 2003, after: { device: ai_1, port: 2 } }
  - { name: far, kind: coupler, vendor: 1, product: 1, revision: 1, serial: 1, after: { device: coupler, port: 2 } }",
        right: "serial: 2003 }",
    }
    BadMapping in Cell, instead "serial: 2004 }" {
        what: "An entry of a PDO is not an object with its bits, or the PDO has an index of the other direction.",
        why: "Entries are written as in the manual of the drive: `0x6040/16`, `0x60C1:01/32`, `gap/8`. RxPDOs are 0x1600 to \
            0x17ff, TxPDOs 0x1a00 to 0x1bff.",
        wrong: "serial: 2004, pdos: { rx: { 0x1600: [0x6040/16, 0x607A] }, tx: { 0x1A00: [0x6041/16, 0x6064/32] } } }",
        right: "serial: 2004, pdos: { rx: { 0x1600: [0x6040/16, 0x607A/32] }, tx: { 0x1A00: [0x6041/16, 0x6064/32] } } }",
    }
    ServoPdos in Cell, instead "serial: 2004 }" {
        what: "The process data of a drive lack an object that an axis is moved with.",
        why: "Controlword, statusword, target and actual position, whole and at a whole byte, are the least.",
        wrong: "serial: 2004, pdos: { rx: { 0x1600: [0x6040/16] }, tx: { 0x1A00: [0x6041/16, 0x6064/32] } } }",
        right: "serial: 2004, pdos: { rx: { 0x1600: [0x6040/16, 0x607A/32] }, tx: { 0x1A00: [0x6041/16, 0x6064/32] } } }",
    }
    Ros2Robot in Cell {
        what: "A name, type or bound under `ros2:` is none that a robot can have.",
        why: "What ROS 2 does not know is never heard, and a bound outside its range would watch nothing.",
        wrong: "namespace: robot_l",
        right: "namespace: /robot_l",
    }
    Zone in Cell {
        what: "A zone names fewer than two bodies, a volume in which a body never is, or one in which it is at home.",
        why: "A zone is what two bodies share. What never comes in has no part in it; what is inside at home never lets the others in.",
        wrong: "{ axis: press_z, within: -1 .. 62 mm }",
        right: "{ axis: press_z, within: 20 .. 62 mm }",
    }
    SamePlace in Cell {
        what: "Two stations, trays or pockets are at one place, or a pose is the same as the one above it.",
        why: "A nest, a part or a hand would be where another one is; mostly a line was copied and its numbers left.",
        wrong: "test:  { at: 180 deg, axes: [], presence: [nest_hub_present, nest_cannula_present, nest_cap_present] }",
        right: "test:  { at: 270 deg, axes: [], presence: [nest_hub_present, nest_cannula_present, nest_cap_present] }",
    }
    TwoPurposes in Cell {
        what: "A signal or an axis serves two purposes that cannot be meant together.",
        why: "A lamp that is also a valve opens that with the next change of state; a sensor that is also a button proves \
            nothing; a table that a step moves turns under the tools of the other stations. A warning where it may be \
            meant: one pressure sensor for the testers of two stations, one sensor below two bins.",
        wrong: "green: lamp_green                          # lamps by state as usual; `lights:` says where they differ\n  \
            amber: clamp_test",
        right: "green: lamp_green                          # lamps by state as usual; `lights:` says where they differ\n  \
            amber: lamp_amber",
    }
    NotCleared in Cell {
        what: "An axis moves in and out at a station, and `clear_when` of the table does not name it.",
        why: "A warning: the table would turn with the axis in the nest. One that is never in the way is named with its \
            whole travel.",
        wrong: "clear_when:\n    - { axis: feeder_x, within: -2 .. 5 mm }",
        right: "clear_when:\n    - { axis: press_z, within: -1 .. 5 mm }\n    - { axis: feeder_x, within: -2 .. 5 mm }",
    }
    UnusedEquipment in Cell {
        what: "Equipment is listed that no channel and no camera names.",
        why: "A warning: its calibration date is watched for nothing, and no record says what was measured with it; mostly \
            `equipment:` was forgotten at the channel.",
        wrong: "resolution: 0.1 degC }",
        right: "resolution: 0.1 degC,  equipment: TT-0009 }",
    }
}
