//! World, an arm's base, and named frames of stations and pallets; frames by three taught points.

use std::collections::BTreeMap;

use nalgebra::{Matrix3, Point3, Rotation3, Translation3, UnitQuaternion, Vector3};
use thiserror::Error;

use crate::pose::{self, Pose};

/// Named frames of a cell: one for each station, tray and fixture, and room.
pub const FRAMES_MAX: usize = 256;
/// Taught points are this far from each other at least: closer, what a hand misses by turns the frame by degrees.
pub const TAUGHT_M_MIN: f64 = 0.01;
/// The two sides that three taught points span stand at this angle at least, and at this much less than a half turn.
pub const TAUGHT_RAD_MIN: f64 = 0.1;

/// In which frame a pose is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The cell's own, on its floor or table.
    World,
    /// The base link of the arm.
    Base,
    Named(&'a str),
}

/// Why a frame is not taken or not known.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FrameError {
    #[error("there is no frame `{0}`; frames are named before they are used")]
    Unknown(String),
    #[error("frame `{0}` is there already; name this one otherwise")]
    Taken(String),
    #[error("there are {FRAMES_MAX} frames, and that is the most")]
    Full,
    #[error("a number of the pose of frame `{0}` is not finite")]
    NotFinite(String),
}

/// The frames around one arm. A frame is placed in one that is there already, so that none can stand in itself.
#[derive(Debug, Clone)]
pub struct Frames {
    base_in_world: Pose,
    in_world: BTreeMap<String, Pose>,
}

impl Frames {
    /// The arm's base link in the world. Error: not finite.
    pub fn new(base_in_world: Pose) -> Result<Self, FrameError> {
        if pose::is_finite(&base_in_world) {
            Ok(Self { base_in_world, in_world: BTreeMap::new() })
        } else {
            Err(FrameError::NotFinite("base".to_owned()))
        }
    }

    /// Names the frame that stands at `pose` in `parent`. Errors: [`FrameError`].
    pub fn add(&mut self, name: &str, parent: Frame, pose: &Pose) -> Result<(), FrameError> {
        if !pose::is_finite(pose) {
            return Err(FrameError::NotFinite(name.to_owned()));
        }
        if self.in_world.contains_key(name) {
            return Err(FrameError::Taken(name.to_owned()));
        }
        if self.in_world.len() >= FRAMES_MAX {
            return Err(FrameError::Full);
        }
        let in_world = self.in_world(parent)? * pose;
        self.in_world.insert(name.to_owned(), in_world);
        Ok(())
    }

    /// A frame in the world. Error: unknown.
    pub fn in_world(&self, frame: Frame) -> Result<Pose, FrameError> {
        match frame {
            Frame::World => Ok(Pose::identity()),
            Frame::Base => Ok(self.base_in_world),
            Frame::Named(name) => {
                let found = self.in_world.get(name).copied();
                found.ok_or_else(|| FrameError::Unknown(name.to_owned()))
            }
        }
    }

    /// What stands at `pose` in `from`, given in `to`. Error: one of them is unknown.
    pub fn convert(&self, pose: &Pose, from: Frame, to: Frame) -> Result<Pose, FrameError> {
        Ok(self.in_world(to)?.inv_mul(&self.in_world(from)?) * pose)
    }
}

/// Why three points span no frame.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum TaughtError {
    #[error("a number of a taught point is not finite")]
    NotFinite,
    #[error(
        "two taught points are {:.1} mm apart; teach them at least {:.0} mm apart",
        .0 * 1000.0,
        TAUGHT_M_MIN * 1000.0
    )]
    TooClose(f64),
    #[error("the taught points lie nearly on one line ({:.1} degrees); teach the third one to the side", .0.to_degrees())]
    InLine(f64),
}

/// The frame with its origin at the first point, x towards the second one, and the third one in the half plane of
/// positive y; given where the points are given, which are in metres. Errors: [`TaughtError`].
pub fn frame_by_three_points(
    origin: &Point3<f64>,
    on_x: &Point3<f64>,
    towards_y: &Point3<f64>,
) -> Result<Pose, TaughtError> {
    let (x, side) = sides(origin, on_x, towards_y)?;
    let z = x.cross(&side).normalize();
    let x = x.normalize();
    let axes = Matrix3::from_columns(&[x, z.cross(&x), z]);
    let rotation = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(axes));
    Ok(Pose::from_parts(Translation3::from(origin.coords), rotation))
}

/// The ways from the first point to the other two, long enough and not in line.
pub(crate) fn sides(
    origin: &Point3<f64>,
    on_x: &Point3<f64>,
    towards_y: &Point3<f64>,
) -> Result<(Vector3<f64>, Vector3<f64>), TaughtError> {
    let points = [origin, on_x, towards_y];
    if points.iter().any(|p| p.iter().any(|v| !v.is_finite())) {
        return Err(TaughtError::NotFinite);
    }
    let (x, side) = (on_x - origin, towards_y - origin);
    let closest = x.norm().min(side.norm());
    if closest < TAUGHT_M_MIN {
        return Err(TaughtError::TooClose(closest));
    }
    let angle = x.angle(&side);
    let from_line = angle.min(std::f64::consts::PI - angle);
    if from_line < TAUGHT_RAD_MIN { Err(TaughtError::InLine(from_line)) } else { Ok((x, side)) }
}
