//! A joint move as the points of a trajectory.

use cellwright_model::DurationNs;
use cellwright_model::limits::JOINTS;
use cellwright_model::robot::Joints;

use crate::motion::{JointLimits, Motion, NoTrajectory};

/// Points of one trajectory; a move that needs more has them further apart.
const POINTS_MAX: usize = 2_000;

/// A point, in radians and seconds, joints in the order of the cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// From the start of the motion.
    pub after: DurationNs,
    pub positions: Joints,
    pub velocities: Joints,
    pub accelerations: Joints,
}

/// Points of a jerk-limited move from rest at `from` to rest at `to` (deg), `period` apart; the last one is exactly at
/// the target, at rest. None stands at the start: that is where the robot is.
/// Error: there is no such motion. The caller has checked limits and speed.
pub(crate) fn plan(
    limits: &JointLimits,
    from: Joints,
    to: &Joints,
    speed: f64,
    period: DurationNs,
) -> Result<Vec<Point>, NoTrajectory> {
    let mut motion = Motion::new(*limits, from);
    motion.plan_move(to, speed)?;
    let whole = motion.duration();
    let steps = ((whole / period.as_secs_f64()).ceil() as usize).clamp(1, POINTS_MAX);
    let mut points = Vec::with_capacity(steps);
    for n in 1..=steps {
        let t = whole * n as f64 / steps as f64;
        motion.advance(t);
        let radians = |v: &[f64]| -> Joints { core::array::from_fn(|j| v[j].to_radians()) };
        let last = n == steps;
        points.push(Point {
            // A motion that is at its target already takes no time; the robot's controller wants some.
            after: DurationNs::from_secs_f64(t).max(DurationNs(n as u64 * 1_000_000)),
            positions: if last { radians(to) } else { radians(motion.position().as_slice()) },
            velocities: if last { [0.0; JOINTS] } else { radians(motion.velocity().as_slice()) },
            accelerations: if last { [0.0; JOINTS] } else { radians(motion.acceleration().as_slice()) },
        });
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_follow_each_other_and_end_at_rest_at_the_target() {
        let to = [60.0, -62.0, 98.0, -126.0, -90.0, 35.0];
        let period = DurationNs::from_millis(25);
        let points =
            plan(&JointLimits::alike(), [0.0, -90.0, 90.0, -90.0, -90.0, 0.0], &to, 0.5, period).unwrap();
        assert!(points.len() > 20 && points.len() < 100, "{}", points.len());
        let last = points.last().unwrap();
        assert_eq!(last.positions, to.map(f64::to_radians));
        assert_eq!((last.velocities, last.accelerations), ([0.0; JOINTS], [0.0; JOINTS]));
        for pair in points.windows(2) {
            let apart = DurationNs(pair[1].after.0 - pair[0].after.0);
            assert!(apart > DurationNs(0) && apart <= period, "{apart:?}");
            for j in 0..JOINTS {
                // Between two points the way is that of the velocities at both, but for what the acceleration changes.
                let t = apart.as_secs_f64();
                let way = pair[1].positions[j] - pair[0].positions[j];
                let mean = (pair[0].velocities[j] + pair[1].velocities[j]) / 2.0;
                assert!((way - mean * t).abs() < 12_000f64.to_radians() * t.powi(3), "joint {j}");
                assert!(pair[1].velocities[j].abs() <= 90f64.to_radians() + 1e-9);
            }
        }
    }

    #[test]
    fn a_long_way_has_its_points_further_apart_and_none_at_all_takes_a_little_time() {
        let here = [0.0; JOINTS];
        let slow =
            plan(&JointLimits::alike(), here, &[170.0; JOINTS], 0.001, DurationNs::from_millis(5)).unwrap();
        assert_eq!(slow.len(), POINTS_MAX);
        let none = plan(&JointLimits::alike(), here, &here, 1.0, DurationNs::from_millis(25)).unwrap();
        assert_eq!(none.len(), 1);
        assert!(none[0].after > DurationNs(0));
    }
}
