//! Where an axis has its zero from (CiA 402-2, mode hm; object numbers are those of its table of homing objects).

use serde::{Deserialize, Serialize};

use crate::DurationNs;

/// How an axis knows where it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reference {
    /// An absolute encoder. One that does not know its position says so by a fault of its drive.
    Absolute,
    /// An incremental encoder: the drive looks for the zero. It is lost with the drive's supply.
    Homing(Homing),
}

impl Reference {
    /// What to do to get one; `None`: it is always there.
    pub fn homing(&self) -> Option<&Homing> {
        match self {
            Reference::Absolute => None,
            Reference::Homing(homing) => Some(homing),
        }
    }
}

/// How an axis finds its reference (CiA 402-2, table of homing methods).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HomingMethod {
    /// 17: where the negative limit switch is left.
    NegativeLimit,
    /// 18: where the positive limit switch is left.
    PositiveLimit,
    /// 33: the next index pulse in negative direction. From a rest at an index that one or the next is found: nothing
    /// that the axis stands at when it is homed may be there.
    IndexNegative,
    /// 34: the next index pulse in positive direction.
    IndexPositive,
    /// 37: where the axis stands.
    Current,
}

impl HomingMethod {
    /// All that there are.
    pub const ALL: [HomingMethod; 5] = [
        HomingMethod::NegativeLimit,
        HomingMethod::PositiveLimit,
        HomingMethod::IndexNegative,
        HomingMethod::IndexPositive,
        HomingMethod::Current,
    ];

    /// Value of 0x6098.
    pub const fn code(self) -> i8 {
        match self {
            HomingMethod::NegativeLimit => 17,
            HomingMethod::PositiveLimit => 18,
            HomingMethod::IndexNegative => 33,
            HomingMethod::IndexPositive => 34,
            HomingMethod::Current => 37,
        }
    }

    /// It looks for a limit switch first.
    pub const fn seeks_switch(self) -> bool {
        matches!(self, HomingMethod::NegativeLimit | HomingMethod::PositiveLimit)
    }
}

/// Speeds in au/s, the acceleration in au/s², positive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Homing {
    pub method: HomingMethod,
    /// To the switch (0x6099:1).
    pub switch_speed: f64,
    /// Off the switch, and to the index (0x6099:2).
    pub zero_speed: f64,
    /// 0x609A.
    pub acceleration: f64,
    /// The position that the place has which the method finds, au: 0x607C is its opposite.
    pub found_au: f64,
    /// Longer than this it does not look.
    pub within: DurationNs,
}
