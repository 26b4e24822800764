//! cell.yaml: stations, table, leak testers, trays, materials.

use super::Form as F;
use super::{Names, POSITION, SPEED, What};
use crate::shape;

shape! { pub(super) STATION = "station", "A place where a nest can stand." {
    req "at": Quantity(&[Angle]), "Angle of the table.";
    req "axes": List(&What::Name(Names::Axis)), "Axes that work there.";
    opt "presence": List(&What::Name(Names::Sensor)), "Inputs that see whether its nest is empty.";
}}

shape! { pub(super) TABLE = "table", "The rotary index table." {
    req "axis": Name(Names::Axis), "A rotary axis.";
    req "nests": Integer(1, 360), "Nests, evenly around it.";
    req "velocity": Quantity(&[AngularVelocity]), "At which it indexes.";
    req "clear_when": List(&What::Fields(&CLEAR)), "Axes that have to be out of its way.";
}}

shape! { CLEAR = "clear_when", "An axis that is out of the table's way." {
    req "axis": Name(Names::Axis), "The axis.";
    req "within": Range(POSITION), "Where it is out of the way; its home is.";
}}

shape! { pub(super) LEAK_TESTER = "leak tester", "A pressure channel with its valves and clamp." {
    req "station": Name(Names::Station), "Where it tests.";
    req "pressure": Name(Names::Analog), "The channel that judges.";
    req "fill": Name(Names::Output), "Supply valve.";
    req "vent_closed": Name(Names::Output), "Vent valve, open when it is off.";
    req "clamp": Name(Names::Output), "Closes the volume.";
}}

shape! { pub(super) TRAY = "tray", "A tray, lane or bin." {
    req "kind": Word(&["source", "lane", "good", "reject"]), "Parts come from source and lane; units go to good and reject.";
    opt "part": Identifier, "Part number that it holds; source and lane.";
    dep "feeder": Fields(&FEEDER), "The axis that pushes; needed of a lane, and of that only.";
    dep "grid": Fields(&GRID), "Its pockets; needed of all but a lane.";
    dep "reach": Fields(&REACH), "The cobot that reaches it; needed of all but a lane.";
    opt "drop": Name(Names::Input), "Sees a unit fall; reject only.";
    opt "locked": Name(Names::Input), "Closed and locked; reject only.";
    opt "capacity": Integer(1, 1000), "Units that it holds; reject only.";
}}

shape! { GRID = "grid", "Pockets in rows and columns." {
    req "rows": Integer(1, 1000), "Rows.";
    req "columns": Integer(1, 1000), "Columns.";
}}

shape! { REACH = "reach", "Joints of a cobot at three corners, in degrees." {
    req "robot": Name(Names::Robot), "The cobot.";
    req "first": List(&What::Number), "At the first pocket.";
    req "row_end": List(&What::Number), "At the end of the first row.";
    req "column_end": List(&What::Number), "At the end of the first column.";
    req "above": List(&What::Number), "Added to be above a pocket.";
}}

shape! { FEEDER = "feeder", "The axis of a lane." {
    req "axis": Name(Names::Axis), "The axis.";
    req "retracted": Quantity(POSITION), "Where it waits.";
    req "fed": Quantity(POSITION), "Where the part is in the nest.";
    req "velocity": Quantity(SPEED), "Of the stroke.";
}}

shape! { pub(super) MATERIAL = "material number", "A part number." {
    req "gtin": Form(F::Gtin), "Trade item number of its labels, 14 digits.";
}}
