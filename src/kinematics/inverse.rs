//! Poses to postures.
//!
//! An arm whose axes 2, 3 and 4 are parallel and whose axes 5 and 6 meet is solved in closed form, every branch of it
//! (`closed_form`); any other one by damped least squares from several beginnings (`numeric`). Both end on the exact
//! chain: a posture that is told reaches its pose within [`ACCURACY_M`] and [`ACCURACY_RAD`]. `choose` takes one of
//! them.

use thiserror::Error;

use crate::arm::{Arm, Dexterity, Posture};
use crate::pose::{self, Pose};

pub mod choose;
pub(crate) mod closed_form;
pub mod numeric;

use choose::{OutsideLimit, nearest_within, square_distance};

/// How exactly a posture reaches its pose: a thousandth of what any arm repeats.
pub const ACCURACY_M: f64 = 1e-9;
/// See [`ACCURACY_M`].
pub const ACCURACY_RAD: f64 = 1e-9;
/// Postures closer to each other than this, in every joint, are one and the same.
const SAME_RAD: f64 = 1e-7;
/// A bound for [`Dexterity::smallest_singular_value`] that suits arms of about a metre: below it the flange, in its
/// worst direction, moves 10 mm for a radian of the joints or turns 0.01 rad.
pub const SINGULAR_VALUE_MIN: f64 = 0.01;

/// By how much a pose is out of reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shortfall {
    /// In metres. Of an arm in closed form it is measured at the wrist, in that configuration of the arm which
    /// misses least, with the orientation kept.
    pub by_m: f64,
    /// In radians.
    pub by_rad: f64,
    /// It follows from the lengths of the arm. Otherwise the search came no nearer than this, and a posture that it
    /// did not find may exist.
    pub proven: bool,
}

/// Why a pose has no posture.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NoPosture {
    #[error("a number of the pose or of the posture to begin from is not finite")]
    NotFinite,
    #[error(
        "the pose is out of reach by {:.3} mm and {:.3} degrees{}",
        .0.by_m * 1000.0,
        .0.by_rad.to_degrees(),
        if .0.proven { "" } else { ", as far as a search finds" }
    )]
    Unreachable(Shortfall),
    /// Of the posture that is outside in the fewest joints.
    #[error("the pose is reached only outside the limits: {}", choose::list(.0))]
    OutsideLimits(Vec<OutsideLimit>),
    /// Of the nearest posture within the limits; every other one is as bad.
    #[error(
        "the arm is near a singularity: its smallest singular value is {:.4}, its manipulability {:.5}; at least \
         {bound:.4} is asked for",
        .dexterity.smallest_singular_value,
        .dexterity.determinant.abs()
    )]
    NearSingularity { posture: Posture, dexterity: Dexterity, bound: f64 },
}

/// A posture that was chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chosen {
    pub posture: Posture,
    pub dexterity: Dexterity,
}

impl Arm {
    /// All postures that bring the flange to `flange`, given in the base link's frame; each joint above -pi and up to
    /// pi, whatever its limits. Where a joint may stand anywhere (axes 4 and 6 in line), it stands as in `seed`. For
    /// an arm without a closed form: those that the search finds. Errors: not finite, unreachable.
    pub fn postures(&self, flange: &Pose, seed: &Posture) -> Result<Vec<Posture>, NoPosture> {
        if !pose::is_finite(flange) || !seed.is_finite() {
            return Err(NoPosture::NotFinite);
        }
        let Some(parallel) = self.parallel() else { return numeric::search(self, flange, seed) };
        let candidates = parallel.candidates(flange, seed);
        let nothing_fits = candidates.postures.is_empty();
        let mut found = Vec::new();
        for candidate in candidates.postures {
            if let Ok(posture) = numeric::refine(self, flange, &candidate) {
                add(&mut found, posture);
            }
        }
        match candidates.short {
            _ if !found.is_empty() => Ok(found),
            Some(short) if nothing_fits && parallel.proves(&short) => Err(NoPosture::Unreachable(short)),
            // At the edge of its reach the exact chain decides.
            _ => numeric::search(self, flange, seed),
        }
    }

    /// The posture for `flange` that is within the limits and nearest to `seed` (least sum of the squares of the
    /// joints' ways, full turns considered), of those whose smallest singular value is at least
    /// `singular_value_min` ([`SINGULAR_VALUE_MIN`]). Errors: [`NoPosture`].
    pub fn nearest(
        &self,
        flange: &Pose,
        seed: &Posture,
        singular_value_min: f64,
    ) -> Result<Chosen, NoPosture> {
        let mut within = Vec::new();
        let mut outside: Option<Vec<OutsideLimit>> = None;
        for posture in self.postures(flange, seed)? {
            match nearest_within(&posture, seed, self.chain().joints()) {
                Ok(posture) => within.push(posture),
                Err(wrong) if outside.as_ref().is_none_or(|o| wrong.len() < o.len()) => outside = Some(wrong),
                Err(_) => {}
            }
        }
        within.sort_by(|a, b| square_distance(a, seed).total_cmp(&square_distance(b, seed)));
        let mut nearest = None;
        for posture in within {
            let dexterity = self.dexterity(&posture);
            if dexterity.smallest_singular_value >= singular_value_min {
                return Ok(Chosen { posture, dexterity });
            }
            nearest.get_or_insert((posture, dexterity));
        }
        Err(match nearest {
            Some((posture, dexterity)) => {
                NoPosture::NearSingularity { posture, dexterity, bound: singular_value_min }
            }
            None => NoPosture::OutsideLimits(outside.unwrap_or_default()),
        })
    }
}

/// Adds a posture that is none of those found, full turns aside.
fn add(found: &mut Vec<Posture>, posture: Posture) {
    let posture = Posture::from_rad(posture.rad().map(choose::wrapped_rad));
    let same = |other: &Posture| choose::nearest_turn(&posture, other).farthest_from(other).1 < SAME_RAD;
    if !found.iter().any(same) {
        found.push(posture);
    }
}
