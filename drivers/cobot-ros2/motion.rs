//! Jerk-limited joint motion of one cobot, in degrees: a move to rest, and a stop from any state.

use cellwright_model::limits::JOINTS;
use cellwright_model::robot::{Joints, RobotRefusal};
use nalgebra::SVector;
use rsruckig::prelude::*;

/// Six joint values.
pub(crate) type JointVector = SVector<f64, JOINTS>;

/// Limits of the joints, in degrees and seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JointLimits {
    pub lo: Joints,
    pub hi: Joints,
    pub velocity_max: Joints,
    pub acceleration_max: Joints,
    pub jerk_max: Joints,
}

/// Why there is no trajectory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoTrajectory;

/// The trajectory under way. Nothing in it allocates once it is made.
pub(crate) struct Motion {
    limits: JointLimits,
    planner: Ruckig<JOINTS, ThrowErrorHandler>,
    input: InputParameter<JOINTS>,
    trajectory: Trajectory<JOINTS>,
    position: DataArrayOrVec<f64, JOINTS>,
    velocity: DataArrayOrVec<f64, JOINTS>,
    acceleration: DataArrayOrVec<f64, JOINTS>,
}

impl JointLimits {
    /// Every joint within its limits; false for values that are no numbers.
    pub fn contains(&self, joints: &Joints) -> bool {
        (0..JOINTS).all(|j| joints[j] >= self.lo[j] && joints[j] <= self.hi[j])
    }

    /// A move to `joints` at a share of the highest velocity can be asked for. Errors: why not.
    pub(crate) fn permit(&self, joints: &Joints, speed: f64) -> Result<(), RobotRefusal> {
        if !self.contains(joints) {
            return Err(RobotRefusal::JointLimit);
        }
        if speed > 0.0 && speed <= 1.0 { Ok(()) } else { Err(RobotRefusal::BadSpeed) }
    }

    /// Every maximum a positive finite number: rsruckig plans with others, and moves wrongly.
    pub fn usable(&self) -> bool {
        let positive = |v: &Joints| v.iter().all(|x| x.is_finite() && *x > 0.0);
        positive(&self.velocity_max) && positive(&self.acceleration_max) && positive(&self.jerk_max)
    }
}

impl Motion {
    /// At rest at `start`.
    pub(crate) fn new(limits: JointLimits, start: Joints) -> Motion {
        let mut input = InputParameter::new(None);
        for j in 0..JOINTS {
            input.max_acceleration[j] = limits.acceleration_max[j];
            input.max_jerk[j] = limits.jerk_max[j];
        }
        Motion {
            limits,
            planner: Ruckig::new(None, 0.002),
            input,
            trajectory: Trajectory::new(None),
            position: DataArrayOrVec::Stack(start),
            velocity: DataArrayOrVec::new(None, 0.0),
            acceleration: DataArrayOrVec::new(None, 0.0),
        }
    }

    pub(crate) fn position(&self) -> JointVector {
        JointVector::from_fn(|j, _| self.position[j])
    }

    pub(crate) fn velocity(&self) -> JointVector {
        JointVector::from_fn(|j, _| self.velocity[j])
    }

    pub(crate) fn acceleration(&self) -> JointVector {
        JointVector::from_fn(|j, _| self.acceleration[j])
    }

    /// Of the trajectory that was planned last, in seconds.
    pub(crate) fn duration(&self) -> f64 {
        self.trajectory.get_duration()
    }

    /// Begins a move from rest to rest at `to`, all joints arriving together; `speed` is a share of the
    /// joints' highest velocities. The caller has checked both.
    pub(crate) fn plan_move(&mut self, to: &Joints, speed: f64) -> Result<(), NoTrajectory> {
        self.input.control_interface = ControlInterface::Position;
        self.input.synchronization = Synchronization::Time;
        for (j, &target) in to.iter().enumerate() {
            self.input.target_position[j] = target;
            self.input.max_velocity[j] = self.limits.velocity_max[j] * speed;
        }
        self.plan()
    }

    /// Begins a stop: every joint to rest by itself, as fast as acceleration and jerk permit.
    pub(crate) fn plan_stop(&mut self) -> Result<(), NoTrajectory> {
        self.input.control_interface = ControlInterface::Velocity;
        self.input.synchronization = Synchronization::None;
        for j in 0..JOINTS {
            self.input.max_velocity[j] = self.limits.velocity_max[j];
        }
        self.plan()
    }

    fn plan(&mut self) -> Result<(), NoTrajectory> {
        for j in 0..JOINTS {
            self.input.current_position[j] = self.position[j];
            self.input.current_velocity[j] = self.velocity[j];
            self.input.current_acceleration[j] = self.acceleration[j];
            self.input.target_velocity[j] = 0.0;
            self.input.target_acceleration[j] = 0.0;
        }
        let planned = self.planner.calculate(&self.input, &mut self.trajectory);
        if matches!(planned, Ok(RuckigResult::Working | RuckigResult::Finished)) {
            Ok(())
        } else {
            Err(NoTrajectory)
        }
    }

    /// State at `t` seconds of the trajectory; true when it has ended. Ends exactly at rest.
    pub(crate) fn advance(&mut self, t: f64) -> bool {
        let ended = t >= self.trajectory.get_duration();
        let t = t.min(self.trajectory.get_duration());
        self.trajectory.at_time(
            t,
            &mut Some(&mut self.position),
            &mut Some(&mut self.velocity),
            &mut Some(&mut self.acceleration),
            &mut None,
            &mut None,
        );
        if ended {
            self.rest();
        }
        ended
    }

    /// Somebody else moves it: it is there.
    pub(crate) fn be_at(&mut self, joints: &Joints, speeds: &Joints) {
        self.position = DataArrayOrVec::Stack(*joints);
        self.velocity = DataArrayOrVec::Stack(*speeds);
        self.acceleration = DataArrayOrVec::new(None, 0.0);
    }

    /// Joints held where they are (brakes on).
    pub(crate) fn rest(&mut self) {
        self.velocity = DataArrayOrVec::new(None, 0.0);
        self.acceleration = DataArrayOrVec::new(None, 0.0);
    }
}

#[cfg(test)]
impl JointLimits {
    /// Of an arm whose joints are all alike, for tests.
    pub(crate) fn alike() -> JointLimits {
        JointLimits {
            lo: [-180.0; JOINTS],
            hi: [180.0; JOINTS],
            velocity_max: [180.0; JOINTS],
            acceleration_max: [900.0; JOINTS],
            jerk_max: [12_000.0; JOINTS],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> JointLimits {
        let velocity_max = [180.0, 180.0, 180.0, 240.0, 240.0, 240.0];
        JointLimits { velocity_max, ..JointLimits::alike() }
    }

    #[test]
    fn a_move_keeps_the_limits_and_ends_exactly_at_rest() {
        let mut m = Motion::new(limits(), [0.0, -90.0, 90.0, -90.0, -90.0, 0.0]);
        let to = [35.0, -62.0, 98.0, -126.0, -90.0, 35.0];
        m.plan_move(&to, 0.5).unwrap();
        let (mut t, mut before) = (0.0, (m.position(), m.velocity()));
        while !m.advance(t) {
            let v = m.velocity();
            for j in 0..JOINTS {
                assert!(v[j].abs() <= limits().velocity_max[j] * 0.5 + 1e-9);
                assert!((v[j] - before.1[j]).abs() <= limits().acceleration_max[j] * 0.002 + 1e-9);
            }
            before = (m.position(), v);
            t += 0.002;
        }
        assert!((m.position() - JointVector::from(to)).amax() < 1e-9);
        assert_eq!(m.velocity().amax(), 0.0);
        assert!(t > 0.3 && t < 3.0, "took {t} s");
    }

    #[test]
    fn a_stop_in_the_middle_comes_to_rest_short_of_the_target() {
        let mut m = Motion::new(limits(), [0.0; JOINTS]);
        m.plan_move(&[90.0; JOINTS], 1.0).unwrap();
        m.advance(0.3);
        let from = m.position();
        assert!(m.velocity().amax() > 100.0);
        m.plan_stop().unwrap();
        let mut t = 0.0;
        while !m.advance(t) {
            t += 0.002;
        }
        let travelled = (m.position() - from).amax();
        assert!(travelled > 1.0 && travelled < 40.0, "stopped after {travelled} deg");
        assert_eq!(m.velocity().amax(), 0.0);
    }

    #[test]
    fn limits_that_the_planner_would_accept_wrongly_are_not_usable() {
        assert!(limits().usable());
        assert!(!JointLimits { jerk_max: [0.0; JOINTS], ..limits() }.usable());
        assert!(!JointLimits { velocity_max: [f64::INFINITY; JOINTS], ..limits() }.usable());
        assert!(!limits().contains(&[f64::NAN; JOINTS]));
        assert!(!limits().contains(&[0.0, 0.0, 0.0, 0.0, 0.0, 180.1]));
    }
}
