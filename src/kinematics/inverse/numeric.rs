//! Postures by damped least squares: Siciliano et al., Robotics, 3.7.3 (error of position and orientation) and 3.5.2
//! (damping near singularities); damping after Levenberg and Marquardt, less with each step that came nearer and more
//! with each that did not.

use nalgebra::{Matrix6, Vector6};

use super::{ACCURACY_M, ACCURACY_RAD, NoPosture, Shortfall, add};
use crate::arm::{ARM_JOINTS, Arm, Posture};
use crate::pose::{self, Pose};

/// Beginnings of a search beside the posture given. Of 500 random poses of an arm with a spherical wrist all are found;
/// a search that finds nothing takes some tens of milliseconds.
pub const BEGINNINGS: u32 = 32;
/// Steps from one beginning: what gets there needs some twenty.
pub const STEPS_MAX: u32 = 100;
/// Steps onto the exact chain from a posture in closed form.
const REFINING_STEPS_MAX: u32 = 12;
/// A joint goes no farther in one step, since the error says little of what is far away.
const STEP_RAD_MAX: f64 = 0.6;
/// Damping at the beginning, and its bounds; metres and radians alike.
const DAMPING: f64 = 1e-2;
const DAMPING_MIN: f64 = 1e-7;
const DAMPING_MAX: f64 = 1e2;

/// How far a descent came short: metres, radians.
pub(crate) struct Short {
    by_m: f64,
    by_rad: f64,
}

/// Postures of `flange`, from `seed` and from beginnings spread evenly over the limits. The same input gives the same
/// postures.
pub(crate) fn search(arm: &Arm, flange: &Pose, seed: &Posture) -> Result<Vec<Posture>, NoPosture> {
    let mut found = Vec::new();
    let mut least: Option<Short> = None;
    for n in 0..=BEGINNINGS {
        let begin = if n == 0 { *seed } else { beginning(arm, n) };
        match descend(arm, flange, &begin, DAMPING, STEPS_MAX) {
            Ok(posture) => add(&mut found, posture),
            Err(short) => {
                let nearer = |l: &Short| short.by_m + short.by_rad < l.by_m + l.by_rad;
                if least.as_ref().is_none_or(nearer) {
                    least = Some(short);
                }
            }
        }
    }
    match least {
        Some(short) if found.is_empty() => {
            Err(NoPosture::Unreachable(Shortfall { by_m: short.by_m, by_rad: short.by_rad, proven: false }))
        }
        _ => Ok(found),
    }
}

/// From a posture that is nearly right onto the exact chain.
pub(crate) fn refine(arm: &Arm, flange: &Pose, posture: &Posture) -> Result<Posture, Short> {
    descend(arm, flange, posture, DAMPING_MIN, REFINING_STEPS_MAX)
}

/// The n-th beginning: Halton's sequence over the limits, each joint by a prime of its own.
fn beginning(arm: &Arm, n: u32) -> Posture {
    const PRIMES: [u32; ARM_JOINTS] = [2, 3, 5, 7, 11, 13];
    Posture::from_rad(core::array::from_fn(|j| {
        let limits = &arm.chain().joints()[j].limits;
        limits.lower_rad + halton(n, PRIMES[j]) * (limits.upper_rad - limits.lower_rad)
    }))
}

/// The digits of `n` by `base`, mirrored at the point: 0 to 1.
fn halton(mut n: u32, base: u32) -> f64 {
    let (mut value, mut digit) = (0.0, 1.0);
    while n > 0 {
        digit /= f64::from(base);
        value += digit * f64::from(n % base);
        n /= base;
    }
    value
}

fn descend(arm: &Arm, flange: &Pose, begin: &Posture, damping: f64, steps: u32) -> Result<Posture, Short> {
    let mut at = *begin;
    let mut damping = damping;
    let mut error = pose::error(&arm.flange(&at), flange);
    for _ in 0..steps {
        if is_there(&error) {
            return Ok(at);
        }
        let Some(step) = damped_step(&arm.jacobian(&at), &error, damping) else { break };
        let next = Posture::from_rad(core::array::from_fn(|j| at.rad()[j] + step[j]));
        let next_error = pose::error(&arm.flange(&next), flange);
        if next_error.norm() < error.norm() {
            (at, error) = (next, next_error);
            damping = (damping * 0.2).max(DAMPING_MIN);
        } else {
            damping *= 5.0;
            if damping > DAMPING_MAX {
                break;
            }
        }
    }
    if is_there(&error) { Ok(at) } else { Err(Short { by_m: distance_m(&error), by_rad: angle_rad(&error) }) }
}

fn distance_m(error: &Vector6<f64>) -> f64 {
    error.fixed_rows::<3>(0).norm()
}

fn angle_rad(error: &Vector6<f64>) -> f64 {
    error.fixed_rows::<3>(3).norm()
}

fn is_there(error: &Vector6<f64>) -> bool {
    distance_m(error) <= ACCURACY_M && angle_rad(error) <= ACCURACY_RAD
}

/// The joints' step against `error`: J^T (J J^T + damping^2 I)^-1 error, shortened to [`STEP_RAD_MAX`]. `None` if the
/// matrix is singular to the last digit.
fn damped_step(jacobian: &Matrix6<f64>, error: &Vector6<f64>, damping: f64) -> Option<Vector6<f64>> {
    let damped = jacobian * jacobian.transpose() + Matrix6::identity() * damping.powi(2);
    let step = jacobian.transpose() * damped.cholesky()?.solve(error);
    let farthest = step.amax();
    Some(if farthest > STEP_RAD_MAX { step * (STEP_RAD_MAX / farthest) } else { step })
}
