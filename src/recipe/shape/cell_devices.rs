//! cell.yaml: SubDevices, signals, equipment, cameras, scanners, printers.

use super::Form as F;
use super::{ANY, Keys, Names, What};
use crate::shape;

shape! { pub(super) DEVICE = "subdevice", "A SubDevice, as its EEPROM identifies it." {
    req "name": Identifier, "Names it here.";
    req "kind": Word(&["coupler", "digital-input-16", "digital-output-16", "analog-input-4", "servo-cia402"]), "Its family.";
    req "vendor": Integer(0, u32::MAX as u64), "Vendor id.";
    req "product": Integer(0, u32::MAX as u64), "Product code.";
    req "revision": Integer(0, u32::MAX as u64), "Revision.";
    req "serial": Integer(0, u32::MAX as u64), "Serial number.";
    opt "after": Fields(&AFTER), "What it hangs on; port 1 of the one before if left out.";
    opt "pdos": Fields(&PDOS), "Process data of a servo-cia402, where they are not the usual.";
    opt "start_up": List(&What::Fields(&START_UP)), "Objects that it is told in PRE-OP.";
}}

shape! { AFTER = "after", "Where the cable comes from." {
    req "device": Name(Names::SubDevice), "The SubDevice nearer to the MainDevice.";
    req "port": Integer(1, 3), "Its port.";
}}

const OBJECTS: What = What::List(&What::Form(F::Mapped));

shape! { PDOS = "pdos", "Process data objects, in the order in which they are assigned." {
    req "rx": Map(Keys::Form(F::RxPdo), &OBJECTS), "To the drive: objects with their bits.";
    req "tx": Map(Keys::Form(F::TxPdo), &OBJECTS), "From the drive.";
    opt "fixed": Word(&["mapping", "assignment"]), "What the drive does not let itself be told.";
}}

shape! { START_UP = "start_up", "An object that is written in PRE-OP." {
    req "index": Integer(0x1000, 0xFFFF), "Index; process data are said under `pdos`.";
    opt "sub" = "0": Integer(0, 0xFF), "Subindex.";
    req "type": Word(&["u8", "i8", "u16", "i16", "u32", "i32"]), "Type.";
    req "value": Form(F::Signed), "Value.";
}}

shape! { pub(super) SIGNALS = "signals", "Inputs, outputs, analog channels; one namespace." {
    req "inputs": Map(Keys::Given, &What::Fields(&INPUT)), "Digital inputs; `<station>.<name>` is a sensor at a station.";
    opt "outputs": Map(Keys::Given, &What::Fields(&OUTPUT)), "Digital outputs.";
    opt "analogs": Map(Keys::Given, &What::Fields(&ANALOG)), "Analog channels.";
}}

shape! { INPUT = "input", "A digital input." {
    req "device": Name(Names::SubDevice), "A digital-input-16.";
    req "bit": Integer(0, 15), "Its bit.";
}}

shape! { OUTPUT = "output", "A digital output." {
    req "device": Name(Names::SubDevice), "A digital-output-16.";
    req "bit": Integer(0, 15), "Its bit.";
    req "off_state": Boolean, "Its defined state when nothing is commanded.";
}}

shape! { ANALOG = "analog", "An analog channel; `scale` gives the dimension of the rest." {
    req "device": Name(Names::SubDevice), "An analog-input-4.";
    req "channel": Integer(0, 3), "Its channel.";
    req "scale": Quantity(ANY), "Value of one count; not zero.";
    opt "offset": Quantity(ANY), "Value at zero counts; zero if left out.";
    req "range": Range(ANY), "Values that are trusted.";
    req "resolution": Quantity(ANY), "Measurements are kept to this.";
    opt "equipment": Name(Names::Equipment), "The calibrated sensor behind it.";
}}

shape! { pub(super) EQUIPMENT = "equipment", "Something that is calibrated." {
    req "serial": Text, "Serial number.";
    req "calibration_due": Form(F::Date), "Day on which its calibration ends.";
}}

shape! { pub(super) CAMERA = "camera", "A camera with its jobs." {
    req "address": Form(F::Address), "`host:port`.";
    req "answer_timeout": Quantity(&[Time]), "An answer takes no longer.";
    opt "equipment": Name(Names::Equipment), "As what it is calibrated.";
    req "jobs": Map(Keys::Form(F::Numbered), &JOB), "What each job measures.";
}}

const JOB: What = What::Map(Keys::Given, &What::Fields(&CAMERA_MEASURE));

shape! { CAMERA_MEASURE = "camera measure", "A value that a job gives." {
    req "unit": Form(F::Unit), "Its unit.";
    req "resolution": Quantity(ANY), "Kept to this.";
}}

shape! { pub(super) SCANNER = "scanner", "A code scanner." {
    req "address": Form(F::Address), "`host:port`.";
    req "station": Name(Names::Station), "Where it looks.";
    req "answer_timeout": Quantity(&[Time]), "An answer takes no longer.";
}}

shape! { pub(super) PRINTER = "printer", "A label printer." {
    req "address": Form(F::Address), "`host:port`.";
    req "station": Name(Names::Station), "Where its labels stick to the unit.";
    req "answer_timeout": Quantity(&[Time]), "A label is printed within this.";
}}
