//! Identities. Indices are positions in the lists of [`crate::cell::Cell`] or [`crate::plan::Plan`]:
//! they are checked when a recipe is compiled, never built from input at run time.

use serde::{Deserialize, Serialize};

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident($int:ty));* $(;)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl $name {
            /// The place in its list.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

index! {
    /// A servo axis: place in `Cell::axes`.
    AxisId(u16);
    /// A named digital input: place in `Cell::digital_inputs`, and its bit in a `Signals` word.
    InputId(u16);
    /// A named digital output: place in `Cell::digital_outputs`, and its bit in an output word.
    OutputId(u16);
    /// A named analog channel: place in `Cell::analogs`.
    AnalogId(u16);
    /// A station: place in `Cell::stations`.
    StationId(u16);
    /// A cobot: place in `Cell::robots`.
    RobotId(u16);
    /// A camera: place in `Cell::cameras`.
    CameraId(u16);
    /// A scanner: place in `Cell::scanners`.
    ScannerId(u16);
    /// A label printer: place in `Cell::printers`.
    PrinterId(u16);
    /// A tray or bin: place in `Cell::trays`.
    TrayId(u16);
    /// A leak tester: place in `Cell::leak_testers`.
    LeakTesterId(u16);
    /// A zone: place in `Cell::zones`.
    ZoneId(u16);
    /// A step of a Plan: place in `Plan::steps`.
    StepIx(u16);
    /// A unit in work, counted from 1 within one controller's life. The serial is its name outside.
    UnitId(u32);
    /// One motion or output job of the real-time cycle; never 0, unique within a controller's life.
    JobId(u32);
    /// One request to a message device (cobot, camera, scanner, printer) or to a person.
    RequestId(u32);
}
