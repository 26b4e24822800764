//! Touched-up poses against their bounds, in degrees at each joint of a cobot.

/// A joint of a pose or pocket that is elsewhere than cell.yaml says.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    pub robot: String,
    /// Pose, or tray whose pockets it reaches.
    pub what: String,
    /// From 1.
    pub joint: usize,
    pub by_deg: f64,
    /// How far it may be.
    pub within_deg: f64,
}

/// What is added and taken away again in binary leaves this much.
const ROUNDING_DEG: f64 = 1e-9;

impl Deviation {
    /// Further than the cell description permits.
    pub fn is_beyond(&self) -> bool {
        self.by_deg.abs() > self.within_deg + ROUNDING_DEG
    }
}

impl core::fmt::Display for Deviation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Deviation { robot, what, joint, by_deg, within_deg } = self;
        write!(f, "{robot} {what}: joint {joint} by {by_deg:+.3} deg, within {within_deg} deg is permitted")
    }
}
