//! plant.yaml: the physics of the twin of one cell.

use cellwright_model::plant::{Defect, PartKind};

use super::Form as F;
use super::{ANY, Keys, Names, POSITION, What};
use crate::shape;

shape! { pub(super) PLANT = "plant", "Physics of the twin; in no hash." {
    req "plant": Integer(1, 1), "Schema major.";
    req "cell": Name(Names::Cell), "The cell that it is the plant of.";
    req "axes": Map(Keys::Name(Names::Axis), &What::Fields(&AXIS)), "Every axis of the cell, as the motor's shaft sees it.";
    req "sensors": Map(Keys::Name(Names::Analog), &What::Fields(&SENSOR)), "Every analog channel of the cell.";
    req "ambient": Quantity(&[Temperature]), "Around the cell.";
    dep "grippers": Fields(&GRIPPERS), "Grippers of the cobots, and how parts fall; needed where the cell has cobots, or a bin that sees a drop.";
    dep "press": Fields(&PRESS), "Press fit; needed where a channel measures force.";
    dep "thread": Fields(&THREAD), "Cap and thread; needed where a channel measures torque.";
    dep "leak": Fields(&LEAK), "The tested volume; needed where the cell has a leak tester.";
    dep "tip": Fields(&TIP), "What the camera sees; needed where the cell has cameras or scanners.";
    dep "labels": Fields(&LABELS), "Labels that are printed; needed where the cell has printers.";
    req "defects": Map(Keys::Words(defects), &What::Quantity(&[cellwright_model::Dimension::Ratio])), "Share of all parts of the component; a part has at most one.";
    req "material": Map(Keys::Name(Names::Source), &LOADED), "What lies in each source; of a list the first, the others people can bring.";
    req "inputs": Map(Keys::Name(Names::Input), &What::Text), "What each sensor sees; any other input is on.";
    req "cameras": Map(Keys::Name(Names::Camera), &What::Name(Names::Station)), "Where each camera looks.";
}}

shape! { AXIS = "axis physics", "An axis, as the motor's shaft sees it." {
    req "inertia": Quantity(&[Inertia]), "Of everything that turns with it.";
    req "per_revolution": Quantity(POSITION), "Way of a turn.";
    req "coulomb": Quantity(&[Torque]), "Friction at rest and in motion.";
    req "viscous": Quantity(&[Torque]), "Friction at the axis's velocity_max, beyond coulomb.";
    req "start": Quantity(POSITION), "Where it stands at the beginning.";
    req "stops": Range(POSITION), "Hard stops.";
    opt "limit_switches": Range(POSITION), "Inside the hard stops.";
    opt "index": Quantity(POSITION), "Way between index pulses; a turn if left out.";
    opt "index_at": Quantity(POSITION), "Where one of them is; at zero if left out.";
    opt "brake" = "0 N·m": Quantity(&[Torque]), "Holds without a supply.";
}}

shape! { SENSOR = "sensor physics", "An analog sensor." {
    req "noise": Quantity(ANY), "Standard deviation.";
    req "offset": Quantity(ANY), "At no load.";
}}

shape! { GRIPPERS = "grippers", "Grippers of the cobots." {
    req "time": Quantity(&[Time]), "To open or close.";
    req "miss": Quantity(&[Ratio]), "Share of grips that take nothing.";
    req "reach": Quantity(&[Angle]), "Farther from the pocket a grip takes nothing.";
    req "fall": Quantity(&[Time]), "Of a unit into the bin.";
    req "drop_pulse": Quantity(&[Time]), "Length of the pulse of the drop sensor.";
}}

macro_rules! spreads {
    ($($name:ident $text:literal $dimension:ident;)*) => {$(
        shape! { $name = $text, "A normal spread; draws end at three sigma." {
            req "nominal": Quantity(&[$dimension]), "Mean.";
            req "sigma": Quantity(&[$dimension]), "Standard deviation.";
        }}
    )*};
}

spreads! {
    LENGTH "spread of length" Length;
    RATIO "spread of ratio" Ratio;
    TORQUE "spread of torque" Torque;
    ANGLE "spread of angle" Angle;
    RATE "spread of pressure rate" PressureRate;
}

shape! { PRESS = "press physics", "Press fit of hub and cannula." {
    req "axis": Name(Names::Axis), "The ram.";
    req "station": Name(Names::Station), "Where it presses.";
    req "force": Name(Names::Analog), "The load cell.";
    req "contact": Fields(&LENGTH), "Where the ram meets the cannula.";
    req "hub_interference": Fields(&RATIO), "Of good hubs.";
    req "cannula_interference": Fields(&RATIO), "Of good cannulas.";
    req "oversize": Fields(&RATIO), "Of oversized parts.";
    req "undersize": Fields(&RATIO), "Of undersized parts.";
    req "entry": Quantity(&[Force]), "At the entry.";
    req "entry_depth": Quantity(&[Length]), "Until it is reached.";
    req "slope": Quantity(&[Force]), "For each mm of depth.";
    req "shoulder_depth": Quantity(&[Length]), "Where the shoulder begins.";
    req "shoulder": Quantity(&[Force]), "For each mm beyond the shoulder.";
    req "stiffness": Quantity(&[Force]), "For each mm of ram, cannula and nest.";
}}

shape! { THREAD = "thread physics", "Cap and thread." {
    req "axis": Name(Names::Axis), "The spindle.";
    req "station": Name(Names::Station), "Where it turns.";
    req "torque": Name(Names::Analog), "The torque sensor.";
    req "prevailing": Fields(&TORQUE), "Of a running thread.";
    req "snug_angle": Fields(&ANGLE), "Where the cap seats.";
    req "stiffness": Fields(&TORQUE), "For each degree beyond snug.";
    req "bit": Quantity(&[Torque]), "For each degree.";
    req "damping": Quantity(&[Ratio]), "Of the critical one, by bit and gear.";
    req "cross_angle": Fields(&ANGLE), "Where a cross-threaded cap binds.";
    req "cross_stiffness": Quantity(&[Torque]), "For each degree.";
    req "strip": Fields(&TORQUE), "At which a bad thread gives way.";
}}

shape! { LEAK = "leak physics", "The tested volume." {
    req "supply": Quantity(&[Pressure]), "Pressure of the supply.";
    req "fill": Quantity(&[Time]), "Time constant.";
    req "vent": Quantity(&[Time]), "Time constant.";
    req "settle": Fields(&SETTLE), "Adiabatic drop after filling.";
    req "tight": Fields(&RATE), "Decay of good units.";
    req "leaky": Fields(&RATE), "Decay of leaky units.";
    req "open": Quantity(&[PressureRate]), "Decay of a unit without its cap.";
}}

shape! { SETTLE = "settle", "Drop after filling." {
    req "drop": Quantity(&[Pressure]), "How much.";
    req "time": Quantity(&[Time]), "Time constant.";
}}

shape! { TIP = "tip physics", "What the camera sees." {
    req "burr": Fields(&LENGTH), "Of good cannulas.";
    req "bad_burr": Fields(&LENGTH), "Of cannulas with a burr.";
    req "camera_noise": Quantity(&[Length]), "Standard deviation.";
    req "camera_time": Quantity(&[Time]), "An inspection takes so long.";
    req "scanner_time": Quantity(&[Time]), "A scan takes so long.";
}}

shape! { LABELS = "label physics", "Labels that the cell prints." {
    req "print_time": Quantity(&[Time]), "A label takes so long.";
    req "unreadable": Quantity(&[Ratio]), "Share of labels that no scanner reads.";
}}

const LOADED: What = What::Either(&[What::Fields(&MATERIAL), What::List(&What::Fields(&MATERIAL))]);

shape! { MATERIAL = "material", "A lot of parts." {
    req "component": Words(components), "What it is.";
    req "part": Identifier, "Part number; that of the tray.";
    req "lot": Form(F::Gs1), "Lot.";
    req "expiry": Form(F::Date), "Last day, 2000 to 2049.";
    opt "code": Fields(&CODE), "The code on each part.";
}}

shape! { CODE = "code", "The code on each part." {
    req "gtin": Form(F::Gtin), "Trade item number.";
    req "serial_prefix": Form(F::Gs1), "At most 10 characters; six digits follow.";
}}

fn defects() -> Vec<String> {
    Defect::ALL.iter().map(|d| d.as_str().to_owned()).collect()
}

fn components() -> Vec<String> {
    PartKind::ALL.iter().map(|k| k.as_str().to_owned()).collect()
}
