//! Fault plans: what goes wrong below the wire.

use cellwright_model::faults::Counted;

use super::{Names, POSITION, Shape, What};
use crate::shape;

/// Frames and cycles that a plan may count.
const COUNT_MAX: u64 = 1_000_000;

shape! { pub(super) FAULTS = "faults", "What goes wrong on the twin, when, and what is then required." {
    req "faults": Integer(1, 1), "Schema major.";
    req "about": Text, "What it shows, in a sentence.";
    req "seed": Integer(0, 1 << 53), "Of the draws of shares.";
    req "plan": List(&What::Fields(&ENTRY)), "One fault an entry.";
    opt "expect": Fields(&EXPECTED), "How the cell has to take it.";
}}

shape! { ENTRY = "fault", "One fault: its moment, its end, and what it is." {
    req "at": Either(&[What::Word(&["power-on", "operational"]), What::Fields(&MOMENT)]), "Its moment.";
    opt "wait" = "0 s": Quantity(&[Time]), "From its moment on.";
    dep "for": Quantity(&[Time]), "How long it lasts; without an end it stays. One of `for`, `cycles`, `frames`.";
    dep "cycles": Number, "How many cycles it lasts.";
    dep "frames": Integer(1, COUNT_MAX), "How many frames it strikes.";
    dep "drop": Fields(&OF_WAY), "Frames are lost. An entry has one fault.";
    dep "late": Fields(&LATE), "Frames come late.";
    dep "duplicate": Fields(&SHARED), "Frames come twice.";
    dep "bad_fcs": Fields(&BAD_FCS), "Frames are damaged before a SubDevice, which drops them.";
    dep "damage": Fields(&OF_WAY), "Frames come with other bytes.";
    dep "stall": Fields(&STALL), "All frames are held, and come at once at its end.";
    dep "mute": Fields(&AT_DEVICE), "A SubDevice passes frames and takes no part: the working counter is short.";
    dep "power": Fields(&AT_DEVICE), "A SubDevice loses its supply.";
    dep "watchdog": Fields(&AT_DEVICE), "The watchdog of a SubDevice runs out.";
    dep "link": Fields(&LINK), "A cable is broken.";
    dep "clock": Fields(&CLOCK), "A clock jumps or drifts.";
    dep "input": Fields(&STUCK), "An input stands still.";
    dep "wire_break": Fields(&WIRE_BREAK), "The wire of a sensor breaks.";
    dep "drive_fault": Fields(&WITH_CODE), "A drive goes into fault.";
    dep "emergency": Fields(&WITH_CODE), "A drive sends an emergency and works on.";
    dep "load": Fields(&LOAD), "Something pushes against an axis.";
    dep "encoder": Fields(&ENCODER), "An encoder jumps.";
}}

/// An entry of a test, which says by itself when it strikes.
pub(super) static NOW: Shape = Shape {
    name: "fault of a test",
    about: "One fault, from now on: its end, and what it is.",
    fields: ENTRY.behind(1),
};

shape! { MOMENT = "moment", "When an axis is somewhere; one of the three." {
    req "axis": Name(Names::Axis), "The axis.";
    dep "above": Quantity(POSITION), "It passes this upwards.";
    dep "below": Quantity(POSITION), "It passes this downwards.";
    dep "is": Word(&["enabled", "torque"]), "It is enabled, or controlled by torque.";
}}

shape! { OF_WAY = "frames of a way", "Frames of one direction." {
    opt "share" = "100 %": Quantity(&[Ratio]), "Of the frames.";
    req "way": Word(&["there", "back"]), "To the SubDevices, or back.";
}}

shape! { SHARED = "frames", "Frames." {
    opt "share" = "100 %": Quantity(&[Ratio]), "Of the frames.";
}}

shape! { LATE = "late frames", "Frames that come late; `by` or `cycles`." {
    opt "share" = "100 %": Quantity(&[Ratio]), "Of the frames.";
    dep "by": Quantity(&[Time]), "How much, as a time.";
    dep "cycles": Number, "How much, in cycles.";
}}

shape! { BAD_FCS = "bad fcs", "Frames that are damaged on the wire." {
    opt "share" = "100 %": Quantity(&[Ratio]), "Of the frames.";
    req "before": Name(Names::SubDevice), "The SubDevice that sees it.";
}}

shape! { STALL = "stall", "Frames that are held." {
    req "way": Word(&["there", "back"]), "To the SubDevices, or back.";
}}

shape! { AT_DEVICE = "at a SubDevice", "A SubDevice." {
    req "device": Name(Names::SubDevice), "The SubDevice.";
}}

shape! { LINK = "link", "A cable." {
    req "device": Name(Names::SubDevice), "The SubDevice.";
    req "port": Integer(0, 3), "Its port.";
}}

shape! { CLOCK = "clock", "A clock; at least one of the two." {
    req "device": Name(Names::SubDevice), "The SubDevice.";
    dep "jump": Quantity(&[Time]), "Either way, at most a day.";
    dep "drift": Quantity(&[Ratio]), "At most 1000 ppm.";
}}

shape! { STUCK = "stuck input", "An input that stands still." {
    req "signal": Name(Names::Input), "The input.";
    req "level": Boolean, "Where it stands.";
}}

shape! { WIRE_BREAK = "wire break", "A sensor without its wire." {
    req "analog": Name(Names::Analog), "The channel.";
}}

shape! { WITH_CODE = "drive code", "A drive with an error code." {
    req "axis": Name(Names::Axis), "The axis.";
    req "code": Integer(1, 0xFFFF), "Error code of CiA 402.";
}}

shape! { LOAD = "load", "An effort on an axis." {
    req "axis": Name(Names::Axis), "The axis.";
    req "effort": Quantity(&[Force, Torque]), "Against it: a force, or a torque on a rotary one.";
}}

shape! { ENCODER = "encoder", "An encoder that jumps." {
    req "axis": Name(Names::Axis), "The axis.";
    req "by": Quantity(POSITION), "How far.";
}}

shape! { EXPECTED = "expect", "How the cell has to take it." {
    req "class": Word(&["tolerated", "hold", "stop", "abort"]), "What becomes of the cell.";
    opt "counted": List(&What::Words(counted)), "What has to be counted.";
    dep "alarm": Identifier, "The alarm that comes first; needed unless tolerated.";
    dep "within": Integer(1, COUNT_MAX), "Cycles to the first reaction; needed unless tolerated.";
}}

fn counted() -> Vec<String> {
    Counted::ALL.iter().map(|(word, _)| (*word).to_owned()).collect()
}
