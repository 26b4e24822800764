//! Two arms, one solved in closed form and one by search, and random postures of them from a seed.

use crate::*;

mod chains;
mod choosing;
mod forward;
mod frames;
mod inverse;
mod lines;
mod numeric;
mod speed;
mod urdf;

pub(crate) const UR5E_CLASS: &str = include_str!("examples/ur5e-class.urdf");
pub(crate) const SPHERICAL: &str = include_str!("examples/six-axis-spherical-wrist.urdf");

/// As the shipped example has it.
pub(crate) fn ur5e_class() -> Arm {
    arm(UR5E_CLASS)
}

pub(crate) fn spherical() -> Arm {
    arm(SPHERICAL)
}

pub(crate) fn arm(text: &str) -> Arm {
    Arm::new(crate::urdf::chain(text, "base_link", "flange").expect("a chain")).expect("six joints")
}

/// Steele, Lea, Flood: SplitMix64; the n-th number is a function of the seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// 0 up to, not including, 1.
    pub(crate) fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn within(&mut self, lower: f64, upper: f64) -> f64 {
        lower + self.share() * (upper - lower)
    }

    /// Within the limits of the arm.
    pub(crate) fn posture(&mut self, arm: &Arm) -> Posture {
        let joints = arm.chain().joints();
        let limits = core::array::from_fn(|j| joints[j].limits);
        Posture::from_rad(limits.map(|l: JointLimits| self.within(l.lower_rad, l.upper_rad)))
    }
}

/// The largest difference of a joint, full turns aside.
pub(crate) fn apart_rad(a: &Posture, b: &Posture) -> f64 {
    crate::inverse::choose::nearest_turn(a, b).farthest_from(b).1
}
