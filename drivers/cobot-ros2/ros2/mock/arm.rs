//! Six joints that follow points, or come to rest jerk-limited; radians.

use rsruckig::prelude::*;

pub(crate) const JOINTS: usize = 6;
pub(crate) type Values = [f64; JOINTS];

/// Of a stop: what the cell's robots can, far from what would be a jump.
const ACCELERATION_MAX: f64 = 15.0;
const JERK_MAX: f64 = 200.0;

#[derive(Clone, Copy)]
pub(crate) struct State {
    pub(crate) positions: Values,
    pub(crate) velocities: Values,
    pub(crate) accelerations: Values,
}

/// A state at a time from the start, s.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    pub(crate) at: f64,
    pub(crate) state: State,
}

enum Doing {
    Still,
    Following { points: Vec<Point>, t: f64 },
    Stopping { trajectory: Box<Trajectory<JOINTS>>, t: f64 },
}

pub(crate) struct Arm {
    pub(crate) now: State,
    doing: Doing,
}

impl Arm {
    pub(crate) fn new(positions: Values) -> Arm {
        let now = State { positions, velocities: [0.0; JOINTS], accelerations: [0.0; JOINTS] };
        Arm { now, doing: Doing::Still }
    }

    pub(crate) fn still(&self) -> bool {
        matches!(self.doing, Doing::Still)
    }

    pub(crate) fn stopping(&self) -> bool {
        matches!(self.doing, Doing::Stopping { .. })
    }

    pub(crate) fn follow(&mut self, mut points: Vec<Point>) {
        points.insert(0, Point { at: 0.0, state: self.now });
        self.doing = Doing::Following { points, t: 0.0 };
    }

    pub(crate) fn stop(&mut self) {
        if !matches!(self.doing, Doing::Following { .. }) {
            return;
        }
        let mut input = InputParameter::<JOINTS>::new(None);
        input.control_interface = ControlInterface::Velocity;
        input.synchronization = Synchronization::None;
        for j in 0..JOINTS {
            input.current_position[j] = self.now.positions[j];
            input.current_velocity[j] = self.now.velocities[j];
            input.current_acceleration[j] = self.now.accelerations[j];
            input.max_acceleration[j] = ACCELERATION_MAX.max(self.now.accelerations[j].abs());
            input.max_velocity[j] = 10.0;
            input.max_jerk[j] = JERK_MAX;
        }
        let mut trajectory = Trajectory::new(None);
        let planned =
            Ruckig::<JOINTS, ThrowErrorHandler>::new(None, 0.002).calculate(&input, &mut trajectory);
        self.doing = match planned {
            Ok(_) => Doing::Stopping { trajectory: Box::new(trajectory), t: 0.0 },
            Err(_) => Doing::Still,
        };
    }

    /// `dt` s further; true if it has come to rest in it.
    pub(crate) fn step(&mut self, dt: f64) -> bool {
        let ended = match &mut self.doing {
            Doing::Still => return false,
            Doing::Following { points, t } => {
                *t += dt;
                self.now = between(points, *t);
                points.last().is_none_or(|p| *t >= p.at)
            }
            Doing::Stopping { trajectory, t } => {
                *t += dt;
                let end = trajectory.get_duration();
                let (mut p, mut v, mut a) = (
                    DataArrayOrVec::new(None, 0.0),
                    DataArrayOrVec::new(None, 0.0),
                    DataArrayOrVec::new(None, 0.0),
                );
                let at = t.min(end);
                trajectory.at_time(
                    at,
                    &mut Some(&mut p),
                    &mut Some(&mut v),
                    &mut Some(&mut a),
                    &mut None,
                    &mut None,
                );
                for j in 0..JOINTS {
                    self.now.positions[j] = p[j];
                    self.now.velocities[j] = v[j];
                    self.now.accelerations[j] = a[j];
                }
                *t >= end
            }
        };
        if ended {
            (self.now.velocities, self.now.accelerations) = ([0.0; JOINTS], [0.0; JOINTS]);
            self.doing = Doing::Still;
        }
        ended
    }
}

/// The quintic polynomial between the two points around `t`.
fn between(points: &[Point], t: f64) -> State {
    let next = points.iter().position(|p| p.at > t).unwrap_or(points.len() - 1).max(1);
    let (a, b) = (points[next - 1], points[next]);
    let (h, s) = (b.at - a.at, (t - a.at).clamp(0.0, b.at - a.at));
    let mut out = b.state;
    for j in 0..JOINTS {
        let (p0, v0, a0) = (a.state.positions[j], a.state.velocities[j], a.state.accelerations[j]);
        let (p1, v1, a1) = (b.state.positions[j], b.state.velocities[j], b.state.accelerations[j]);
        let d = p1 - p0;
        let c3 = (20.0 * d - (8.0 * v1 + 12.0 * v0) * h - (3.0 * a0 - a1) * h * h) / (2.0 * h.powi(3));
        let c4 =
            (-30.0 * d + (14.0 * v1 + 16.0 * v0) * h + (3.0 * a0 - 2.0 * a1) * h * h) / (2.0 * h.powi(4));
        let c5 = (12.0 * d - 6.0 * (v1 + v0) * h + (a1 - a0) * h * h) / (2.0 * h.powi(5));
        out.positions[j] = p0 + v0 * s + a0 / 2.0 * s * s + c3 * s.powi(3) + c4 * s.powi(4) + c5 * s.powi(5);
        out.velocities[j] = v0 + a0 * s + 3.0 * c3 * s * s + 4.0 * c4 * s.powi(3) + 5.0 * c5 * s.powi(4);
        out.accelerations[j] = a0 + 6.0 * c3 * s + 12.0 * c4 * s * s + 20.0 * c5 * s.powi(3);
    }
    out
}
