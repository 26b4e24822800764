//! Test files and scenario files: when something happens, and what is done then.

use cellwright_model::label::PrinterTrouble;
use cellwright_model::packml::{CellCommand, CellState};

use super::scenario::{LOADED, UNITS_MAX};
use super::{ANY, Names, What, faults};
use crate::shape;

shape! { pub(super) WHEN = "when", "Waits for its moment, then acts." {
    req "at": Either(&[What::Word(&["now"]), What::Fields(&AT)]), "Its moment.";
    opt "within" = "120 s": Quantity(&[Time]), "How long its moment is waited for.";
    req "do": List(&What::Fields(&ACT)), "What is done, one after the other.";
    opt "decelerates_within": Integer(0, 1_000), "Cycles from then on until every axis that moves decelerates.";
}}

shape! { AT = "moment of a test", "What is waited for; one of these." {
    dep "cycle": Integer(1, 10_000_000), "A cycle of the controller.";
    dep "time": Quantity(&[Time]), "A time since its start.";
    dep "state": Words(states), "The cell is in this state.";
    dep "step": Name(Names::Step), "A step is in its phase.";
    opt "phase" = "running": Word(&["gate", "preparing", "running", "verifying", "holding", "held", "await-operator", "faulted"]), "The phase of `step`.";
    dep "ended": Name(Names::Step), "A step has ended.";
    dep "alarm": Name(Names::Alarm), "An alarm is there.";
    dep "question": Word(&["recipe", "decision", "reconcile", "identity"]), "A question of this kind is open.";
}}

pub(super) fn states() -> Vec<String> {
    CellState::ALL.iter().map(|s| s.name().to_owned()).collect()
}

fn printer_states() -> Vec<String> {
    let stands = PrinterTrouble::ALL.iter().map(|t| t.as_str());
    stands.chain(["ready"]).map(str::to_owned).collect()
}

fn commands() -> Vec<String> {
    CellCommand::ALL.iter().map(|c| c.name().to_lowercase()).collect()
}

shape! { ACT = "act", "What is done; one of these, several are several entries." {
    dep "command": Words(commands), "A command to the cell.";
    dep "answer": Text, "Answers the youngest open question.";
    dep "acknowledge": Word(&["all"]), "Acknowledges every alarm.";
    dep "load": Fields(&LOADED), "Loads a tray or lane.";
    dep "order": Integer(1, UNITS_MAX), "Orders so many units.";
    dep "wait": Quantity(&[Time]), "Waits.";
    dep "store": Word(&["refuses", "works"]), "What the disk does with records.";
    dep "controller": Word(&["killed", "restarted"]), "The controller is killed, and started again.";
    dep "fault": Fields(&faults::NOW), "A fault below the wire, as in a fault plan.";
    dep "estop": Word(&["pressed", "released"]), "The E-stop.";
    dep "guard": Word(&["open", "closed"]), "The guard.";
    dep "air": Word(&["lost", "back"]), "The compressed air.";
    dep "lane": Word(&["empty", "filled"]), "Parts in front of the feeders.";
    dep "hand": Word(&["takes-out"]), "A person takes everything out of nests and grippers.";
    dep "input": Fields(&INPUT), "An input stands still, or is free again.";
    dep "axis": Fields(&AXIS), "An axis jams, or is free again.";
    dep "analog": Fields(&ANALOG), "A sensor drifts.";
    dep "grip_missed": Fields(&GRIPS), "A cobot misses its next grips.";
    dep "part_lost": Name(Names::Robot), "A cobot loses what it holds.";
    dep "protective_stop": Fields(&PROTECTIVE), "A cobot stops to protect somebody.";
    dep "printer": Fields(&PRINTER), "A label printer stands, or is ready again.";
    dep "supply": Fields(&SUPPLY), "A SubDevice loses its supply, or has it again.";
    dep "replace": Fields(&REPLACED), "A SubDevice is exchanged for another one of its type.";
    dep "link": Fields(&CABLE), "A cable is broken, or mended.";
}}

shape! { INPUT = "held input", "An input." {
    req "name": Name(Names::Input), "The input.";
    req "level": Word(&["true", "false", "free"]), "Where it stands, or that it is free again.";
}}

shape! { AXIS = "jammed axis", "An axis." {
    req "name": Name(Names::Axis), "The axis.";
    req "jammed": Boolean, "Whether it is.";
}}

shape! { ANALOG = "drifting sensor", "A sensor." {
    req "name": Name(Names::Analog), "The channel.";
    req "offset": Quantity(ANY), "What is added to what it measures.";
}}

shape! { GRIPS = "missed grips", "Grips that miss." {
    req "robot": Name(Names::Robot), "The cobot.";
    req "grips": Integer(1, 1_000), "How many.";
}}

shape! { PROTECTIVE = "protective stop", "A cobot." {
    req "robot": Name(Names::Robot), "The cobot.";
    req "active": Boolean, "Whether it stands.";
}}

shape! { PRINTER = "printer that stands", "A label printer." {
    req "name": Name(Names::Printer), "The printer.";
    req "state": Words(printer_states), "Why it stands, or that it is ready.";
}}

shape! { SUPPLY = "supply", "The supply of a SubDevice." {
    req "device": Name(Names::SubDevice), "The SubDevice.";
    req "up": Boolean, "Whether it is there.";
}}

shape! { REPLACED = "exchanged device", "A SubDevice." {
    req "device": Name(Names::SubDevice), "The SubDevice.";
    req "serial": Integer(0, u32::MAX as u64), "Serial number of the other one.";
}}

shape! { CABLE = "cable", "A cable." {
    req "device": Name(Names::SubDevice), "The SubDevice.";
    req "port": Integer(0, 3), "Its port.";
    req "up": Boolean, "Whether it is whole.";
}}
