//! R03xx: names that nothing has.

use super::pages;

pages! {
    UnknownParam in Recipe, instead "dwell: 200 ms" {
        what: "`$name` stands for a parameter that this file does not declare, or a variant gives a value to one.",
        why: "A sub-recipe sees its own parameters only, not those of the recipe that uses it: hand them over with \
            `with:`. In quotes, `$` is a character.",
        wrong: "dwell: $dwell",
        right: "dwell: 200 ms",
    }
    UnknownAxis in Recipe {
        what: "The cell has no axis of this name.",
        why: "Axes are named in cell.yaml under `axes:`.",
        wrong: "axis: pres_z",
        right: "axis: press_z",
    }
    UnknownSignal in Recipe {
        what: "No input has this name, here. A step at a station knows its sensors by their short names.",
        why: "`nest_hub_present` in a step at `press` is `press.nest_hub_present` of cell.yaml. A step without a station \
            writes the whole name.",
        wrong: "check: nest_hub_presnt and nest_cannula_present",
        right: "check: nest_hub_present and nest_cannula_present",
    }
    UnknownOutput in Cell {
        what: "The cell has no output of this name.",
        why: "Outputs are named in cell.yaml under `signals: outputs:`.",
        wrong: "fill: valve_fil,",
        right: "fill: valve_fill,",
    }
    UnknownAnalog in Recipe {
        what: "The cell has no analog channel of this name.",
        why: "Channels are named in cell.yaml under `signals: analogs:`, with what they measure and their trusted range.",
        wrong: "force: load_cel",
        right: "force: load_cell",
    }
    UnknownStation in Recipe {
        what: "The cell has no station of this name.",
        why: "Stations are named in cell.yaml under `stations:`; the word before the dot of an input is one of them, too.",
        wrong: "- confirm: { id: look, station: tset,",
        right: "- confirm: { id: look, station: test,",
    }
    UnknownRobot in Recipe {
        what: "The cell has no cobot of this name.",
        why: "Cobots are named in cell.yaml under `robots:`.",
        wrong: "- unload: { id: to-bin, robot: robot_x,",
        right: "- unload: { id: to-bin, robot: robot_r,",
    }
    UnknownCamera in Recipe {
        what: "The cell has no camera of this name.",
        why: "Cameras are named in cell.yaml under `cameras:`, with the jobs that they know.",
        wrong: "camera: cam_2",
        right: "camera: cam_1",
    }
    UnknownScanner in Recipe, instead "at: nest, timeout: 5 s" {
        what: "The cell has no scanner of this name.",
        why: "Scanners are named in cell.yaml under `scanners:`. Where a station has one only, `scanner:` is left out.",
        wrong: "at: nest, scanner: scan_9, timeout: 5 s",
        right: "at: nest, scanner: scan_1, timeout: 5 s",
    }
    UnknownTray in Recipe {
        what: "The cell has no tray, lane or bin of this name.",
        why: "They are named in cell.yaml under `trays:`. A pocket is written `<tray>.next`.",
        wrong: "from: cup_tray.next",
        right: "from: cap_tray.next",
    }
    UnknownPose in Recipe, before "  - confirm: {" {
        what: "The cobot was not taught a pose of this name.",
        why: "Poses are taught at the machine and stand in cell.yaml under `poses:` of the cobot; taught.yaml only \
            touches them up.",
        wrong: "  - move: { id: park, robot: robot_r, pose: hom }",
        right: "  - move: { id: park, robot: robot_r, pose: home }",
    }
    UnknownComponent in Recipe {
        what: "The recipe has no component of this name.",
        why: "What is scanned or put in must be declared under `components:`, since the record keeps each part by that \
            name. A sub-recipe lists the components that its user must have.",
        wrong: "- scan: { id: id-hub, component: hup,",
        right: "- scan: { id: id-hub, component: hub,",
    }
    UnknownStep in Recipe {
        what: "There is no step of this kind.",
        why: "The remedy names the nearest kind, or all of them; the manual has a page for each.",
        wrong: "  - confrim: {",
        right: "  - confirm: {",
    }
    UnknownJob in Recipe {
        what: "The camera does not know this job in this version.",
        why: "A job is named with the version that was validated. Another version is another inspection: cell.yaml lists \
            what the camera has, with what it measures.",
        wrong: "job: cannula-tip@5",
        right: "job: cannula-tip@4",
    }
    UnknownLeakTester in Recipe {
        what: "The cell has no leak tester of this name.",
        why: "`channel:` names an entry of `leak_testers:` in cell.yaml, which knows pressure channel, valves and clamp; \
            the pressure channel alone is not enough.",
        wrong: "channel: leak_2",
        right: "channel: leak_1",
    }
    UnknownDevice in Cell {
        what: "The segment has no SubDevice of this name.",
        why: "SubDevices are listed under `segment:` in the order of the wire; axes, signals and faults name them.",
        wrong: "drive: drive_9",
        right: "drive: drive_2",
    }
    UnknownVariant in Order, before "quantity: 4" {
        what: "The recipe has no variant of this name.",
        why: "Variants are rows under `variants:` of the recipe. Without `variant:` the defaults of its parameters are made.",
        wrong: "variant: 26g",
        right: "variant: 25g",
    }
    UnknownEquipment in Cell {
        what: "No equipment has this number.",
        why: "A sensor that judges names its calibrated equipment, whose serial and due date go into the record; it is \
            listed under `equipment:`.",
        wrong: "equipment: LC-0232 }",
        right: "equipment: LC-0231 }",
    }
    UnknownFeature in Recipe {
        what: "The step does not measure that.",
        why: "What a kind of step measures stands on its page of the manual, and in the remedy. `of:` may be left out where \
            the name of the measurement is a feature, or the default of the step.",
        wrong: "seat_force: { of: force.at_and,",
        right: "seat_force: { of: force.at_end,",
    }
    Shadowed in Cell, before "    bin_closed: " {
        what: "A parameter or component has the name of a signal, a measurement that of one, or a sensor at a station that \
            of an input of the whole cell.",
        why: "A warning. With a `$` too few a condition asks the signal instead of the parameter; a measurement that is \
            named like a signal is never asked; a step at `load` that writes `air_ok` means `load.air_ok`.",
        wrong: "    load.air_ok: { device: di_2, bit: 13 }",
        right: "    load.cover_shut: { device: di_2, bit: 13 }",
    }
    UnknownPrinter in Recipe, before "  - confirm: {" {
        what: "The cell has no label printer of this name.",
        why: "Printers are named in cell.yaml under `printers:`. Where a station has one only, `printer:` is left out.",
        wrong: "  - label: { id: mark, station: test, printer: label_9, at: nest }",
        right: "  - label: { id: mark, station: test, printer: label_1, at: nest }",
    }
}
