//! Straight lines of the TCP: sampled, each sample's posture the continuation of the one before, with everything that
//! can be wrong on the way told by its place on the line.
//!
//! Between samples the joints are meant to go straight in joint space; with samples as close as [`LineRules::new`] has
//! them the TCP then leaves its line by some hundredths of a millimetre.

use thiserror::Error;

use crate::arm::{Arm, Dexterity, Posture};
use crate::inverse::choose::{OutsideLimit, nearest_turn, square_distance};
use crate::inverse::{NoPosture, SINGULAR_VALUE_MIN};
use crate::pose::{self, Pose, back_along_z, between, gap};

/// Samples of one line: 10 m at the usual step.
pub const SAMPLES_MAX: usize = 5_000;

/// How fast, how finely, and how near a singularity a line may go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineRules {
    /// Speed of the TCP along the line; for a line without length that of the turn counts alone.
    pub speed_m_s: f64,
    /// Largest angular speed of the tool.
    pub turn_rad_s: f64,
    /// Samples are no farther apart than this, and than `step_rad`.
    pub step_m: f64,
    pub step_rad: f64,
    /// A joint that goes farther from one sample to the next has changed the arm's configuration.
    pub jump_rad: f64,
    /// See [`crate::Dexterity::smallest_singular_value`].
    pub singular_value_min: f64,
}

impl LineRules {
    /// For a speed of the TCP: steps of 2 mm and 0.02 rad, turning at most 1 rad/s, no jump beyond 0.3 rad.
    pub const fn new(speed_m_s: f64) -> Self {
        Self {
            speed_m_s,
            turn_rad_s: 1.0,
            step_m: 0.002,
            step_rad: 0.02,
            jump_rad: 0.3,
            singular_value_min: SINGULAR_VALUE_MIN,
        }
    }

    fn are_positive(&self) -> bool {
        let positive = [
            self.speed_m_s,
            self.turn_rad_s,
            self.step_m,
            self.step_rad,
            self.jump_rad,
            self.singular_value_min,
        ];
        positive.iter().all(|v| v.is_finite() && *v > 0.0)
    }
}

/// A sample of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Waypoint {
    /// Since the beginning, at the steady speed of the rules; ramps are whoever's that carries the line out.
    pub at_s: f64,
    pub tcp: Pose,
    pub posture: Posture,
}

/// A line that the arm can go; it has two waypoints at least, unless it has neither length nor turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub waypoints: Vec<Waypoint>,
    pub length_m: f64,
    /// Nearest to a singularity on the way.
    pub least_singular_value: f64,
}

/// Why a line cannot be gone.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{:.1} mm from the beginning of the line ({:.0} %): {cause}", at_m * 1000.0, share * 100.0)]
pub struct LineError {
    /// From the beginning, and as a share of the whole line, which for a pure turn is all there is.
    pub at_m: f64,
    pub share: f64,
    pub cause: LineCause,
}

/// See [`LineError`].
#[derive(Debug, Clone, PartialEq, Error)]
pub enum LineCause {
    #[error("speeds, steps and bounds have to be finite and more than 0")]
    Rules,
    #[error(
        "the line turns the tool by half a turn, which could go either way around; give a pose in between"
    )]
    HalfTurn,
    #[error(
        "the line takes {samples} samples, and {SAMPLES_MAX} is the most; take larger steps or parts of it"
    )]
    TooLong { samples: usize },
    #[error(transparent)]
    NoPosture(#[from] NoPosture),
    #[error(
        "the arm passes a singularity between two samples; its determinant changes from {before} to {after}"
    )]
    PassesSingularity { before: f64, after: f64 },
    #[error(
        "joint `{joint}` would jump by {:.1} degrees, since the configuration that the arm is in does not lead on",
        .by_rad.to_degrees()
    )]
    Jump { joint: String, by_rad: f64 },
    #[error(
        "joint `{joint}` would have to move at {:.1} degrees/s, and {:.1} is its most; go slower",
        .rad_s.to_degrees(),
        .max_rad_s.to_degrees()
    )]
    TooFast { joint: String, rad_s: f64, max_rad_s: f64 },
}

impl Arm {
    /// The line of the TCP from where `posture` has it to `to`, in the base link's frame; `tool` is the TCP in the
    /// flange's frame. Errors: [`LineCause`] with its place.
    pub fn line(
        &self,
        tool: &Pose,
        posture: &Posture,
        to: &Pose,
        rules: &LineRules,
    ) -> Result<Line, LineError> {
        let from = self.tcp(posture, tool);
        let plan = Plan::of(&from, to, rules).map_err(|cause| LineError { at_m: 0.0, share: 0.0, cause })?;
        let mut line =
            Line { waypoints: Vec::new(), length_m: plan.length_m, least_singular_value: f64::INFINITY };
        let mut before: Option<Dexterity> = None;
        for n in 0..=plan.steps {
            let share = if plan.steps == 0 { 0.0 } else { n as f64 / plan.steps as f64 };
            let wrong = |cause| LineError { at_m: share * plan.length_m, share, cause };
            let tcp = between(&from, to, share).ok_or_else(|| wrong(LineCause::HalfTurn))?;
            let last = line.waypoints.last().map_or(*posture, |w: &Waypoint| w.posture);
            let posture = self.continued(&(tcp * tool.inverse()), &last, rules).map_err(wrong)?;
            let dexterity = self.is_free(&posture, before, rules).map_err(wrong)?;
            if n > 0 {
                self.keeps_up(&last, &posture, plan.step_s).map_err(wrong)?;
            }
            line.least_singular_value = line.least_singular_value.min(dexterity.smallest_singular_value);
            before = Some(dexterity);
            line.waypoints.push(Waypoint { at_s: n as f64 * plan.step_s, tcp, posture });
        }
        Ok(line)
    }

    /// The line that ends at `target`, coming `distance_m` along the tool's z axis; the posture at the target is the
    /// one nearest to `seed`. Errors: none there, or the line's, by the place from its beginning.
    pub fn approach(
        &self,
        tool: &Pose,
        target: &Pose,
        distance_m: f64,
        seed: &Posture,
        rules: &LineRules,
    ) -> Result<Line, LineError> {
        let length_m = distance_m.abs();
        let chosen = self.nearest(&(target * tool.inverse()), seed, rules.singular_value_min);
        let at_target = chosen.map_err(|e| LineError { at_m: length_m, share: 1.0, cause: e.into() })?;
        // Gone from its end, since what matters is the posture there.
        let back = self.retreat(tool, &at_target.posture, distance_m, rules);
        let mut line = back.map_err(|e| LineError { at_m: length_m - e.at_m, share: 1.0 - e.share, ..e })?;
        line.waypoints.reverse();
        let whole_s = line.waypoints.first().map_or(0.0, |w| w.at_s);
        for waypoint in &mut line.waypoints {
            waypoint.at_s = whole_s - waypoint.at_s;
        }
        Ok(line)
    }

    /// The line from `posture` back against the tool's z axis by `distance_m`. Errors as [`Arm::line`].
    pub fn retreat(
        &self,
        tool: &Pose,
        posture: &Posture,
        distance_m: f64,
        rules: &LineRules,
    ) -> Result<Line, LineError> {
        let to = back_along_z(&self.tcp(posture, tool), distance_m);
        self.line(tool, posture, &to, rules)
    }

    /// The posture for `flange` that goes on from `last`, by full turns too; it has to be within the limits.
    fn continued(&self, flange: &Pose, last: &Posture, rules: &LineRules) -> Result<Posture, LineCause> {
        let postures = self.postures(flange, last)?;
        let turned = postures.iter().map(|p| nearest_turn(p, last));
        let nearest = turned.min_by(|a, b| square_distance(a, last).total_cmp(&square_distance(b, last)));
        // `postures` tells none at all as an error.
        let posture = nearest.unwrap_or(*last);
        let (joint, by_rad) = posture.farthest_from(last);
        let joints = self.chain().joints();
        if by_rad > rules.jump_rad {
            return Err(LineCause::Jump { joint: joints[joint].name.clone(), by_rad });
        }
        let outside = joints.iter().zip(posture.rad()).filter(|(joint, at)| !joint.limits.contain(**at));
        let outside: Vec<_> = outside.map(|(joint, at)| OutsideLimit::new(joint, *at)).collect();
        if outside.is_empty() { Ok(posture) } else { Err(NoPosture::OutsideLimits(outside).into()) }
    }

    /// Neither near a singularity nor past one since the sample before.
    fn is_free(
        &self,
        posture: &Posture,
        before: Option<Dexterity>,
        rules: &LineRules,
    ) -> Result<Dexterity, LineCause> {
        let dexterity = self.dexterity(posture);
        let bound = rules.singular_value_min;
        if dexterity.smallest_singular_value < bound {
            return Err(NoPosture::NearSingularity { posture: *posture, dexterity, bound }.into());
        }
        match before {
            Some(before) if before.determinant * dexterity.determinant <= 0.0 => {
                Err(LineCause::PassesSingularity { before: before.determinant, after: dexterity.determinant })
            }
            _ => Ok(dexterity),
        }
    }

    /// Each joint is fast enough to go from `last` to `posture` within `step_s`.
    fn keeps_up(&self, last: &Posture, posture: &Posture, step_s: f64) -> Result<(), LineCause> {
        for (n, joint) in self.chain().joints().iter().enumerate() {
            let rad_s = (posture.rad()[n] - last.rad()[n]).abs() / step_s;
            let max_rad_s = joint.limits.velocity_rad_s;
            if rad_s > max_rad_s {
                return Err(LineCause::TooFast { joint: joint.name.clone(), rad_s, max_rad_s });
            }
        }
        Ok(())
    }
}

/// How a line is sampled.
struct Plan {
    length_m: f64,
    steps: usize,
    /// From one sample to the next.
    step_s: f64,
}

impl Plan {
    fn of(from: &Pose, to: &Pose, rules: &LineRules) -> Result<Self, LineCause> {
        if !rules.are_positive() {
            return Err(LineCause::Rules);
        }
        if !pose::is_finite(from) || !pose::is_finite(to) {
            return Err(NoPosture::NotFinite.into());
        }
        let gap = gap(from, to);
        let steps = (gap.distance_m / rules.step_m).max(gap.angle_rad / rules.step_rad).ceil();
        // A number beyond the range of the type becomes its largest one.
        let steps = steps as usize;
        if steps >= SAMPLES_MAX {
            return Err(LineCause::TooLong { samples: steps.saturating_add(1) });
        }
        let whole_s = (gap.distance_m / rules.speed_m_s).max(gap.angle_rad / rules.turn_rad_s);
        let step_s = if steps == 0 { 0.0 } else { whole_s / steps as f64 };
        Ok(Self { length_m: gap.distance_m, steps, step_s })
    }
}
