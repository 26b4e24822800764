//! Words of ISA-TR88.00.02-2022 (PackML): states, commands and modes, with their numbers.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $number:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($variant = $number),* }

        impl $name {
            /// All of them, by number.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];
            /// Its number in the standard.
            pub fn number(self) -> u8 {
                self as u8
            }
            /// Its name in the standard.
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => stringify!($variant)),* }
            }
        }
    };
}

words! {
    /// `StateCurrent`.
    CellState {
        Clearing = 1, Stopped = 2, Starting = 3, Idle = 4, Suspended = 5, Execute = 6, Stopping = 7,
        Aborting = 8, Aborted = 9, Holding = 10, Held = 11, Unholding = 12, Suspending = 13,
        Unsuspending = 14, Resetting = 15, Completing = 16, Completed = 17,
    }
}
words! {
    /// `CntrlCmd`.
    CellCommand {
        Reset = 1, Start = 2, Stop = 3, Hold = 4, Unhold = 5, Suspend = 6, Unsuspend = 7, Abort = 8,
        Clear = 9, Complete = 10,
    }
}
words! {
    /// `UnitModeCurrent`.
    CellMode { Production = 1, Maintenance = 2, Manual = 3 }
}
