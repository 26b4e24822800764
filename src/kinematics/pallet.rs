//! Pockets in rows and columns, by three taught points.

use nalgebra::{Point3, Translation3};
use thiserror::Error;

use crate::frames::{self, TaughtError, frame_by_three_points};
use crate::pose::{self, Pose};

/// Rows, and columns, of a pallet: a tray of wells has 32 by 48.
pub const ROWS_MAX: u16 = 100;
/// The sides of a taught pallet may miss the right angle by this much: more is a point that was taught at the wrong
/// pocket.
pub const SQUARE_RAD_MAX: f64 = 0.035;

/// Pockets in rows and columns. A pocket's number goes row by row from 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Pallet {
    first: Pose,
    /// From the first pocket along its row to the last column, and down its column to the last row; in metres.
    row: nalgebra::Vector3<f64>,
    column: nalgebra::Vector3<f64>,
    frame: Pose,
    rows: u16,
    columns: u16,
}

/// Why three points and two counts are no pallet.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum PalletError {
    #[error("{rows} rows and {columns} columns; a pallet has 1 to {ROWS_MAX} of each")]
    Counts { rows: u16, columns: u16 },
    #[error(transparent)]
    Taught(#[from] TaughtError),
    #[error(
        "row and column stand at {:.2} degrees; look whether each point was taught at its pocket",
        .angle_rad.to_degrees()
    )]
    NotSquare { angle_rad: f64 },
    #[error("there is no pocket {pocket} (from 0); the pallet has {pockets}")]
    NoPocket { pocket: u32, pockets: u32 },
}

impl Pallet {
    /// By the TCP's pose at the first pocket, its position at the last column of the first row and at the first column
    /// of the last row, all given in one frame. Of a single row or column the point across it lies anywhere to that
    /// side and gives the frame alone. The orientation at the first pocket holds for all. Errors: [`PalletError`].
    pub fn taught(
        first: &Pose,
        row_end: &Point3<f64>,
        column_end: &Point3<f64>,
        rows: u16,
        columns: u16,
    ) -> Result<Self, PalletError> {
        if !(1..=ROWS_MAX).contains(&rows) || !(1..=ROWS_MAX).contains(&columns) {
            return Err(PalletError::Counts { rows, columns });
        }
        if !pose::is_finite(first) {
            return Err(TaughtError::NotFinite.into());
        }
        let corner = Point3::from(first.translation.vector);
        let (row, column) = frames::sides(&corner, row_end, column_end)?;
        let angle_rad = row.angle(&column);
        if (angle_rad - std::f64::consts::FRAC_PI_2).abs() > SQUARE_RAD_MAX {
            return Err(PalletError::NotSquare { angle_rad });
        }
        let frame = frame_by_three_points(&corner, row_end, column_end)?;
        Ok(Self { first: *first, row, column, frame, rows, columns })
    }

    pub fn pockets(&self) -> u32 {
        u32::from(self.rows) * u32::from(self.columns)
    }

    /// The pallet's own frame: origin at the first pocket, x along the row, y towards the last row.
    pub fn frame(&self) -> &Pose {
        &self.frame
    }

    /// The TCP's pose at a pocket, in the frame of the taught points. The grid is as skew and as long as it was taught.
    /// Error: no such pocket.
    pub fn pocket(&self, pocket: u32) -> Result<Pose, PalletError> {
        let pockets = self.pockets();
        if pocket >= pockets {
            return Err(PalletError::NoPocket { pocket, pockets });
        }
        let share = |n: u32, of: u16| if of > 1 { f64::from(n) / f64::from(of - 1) } else { 0.0 };
        let (row, column) = (pocket / u32::from(self.columns), pocket % u32::from(self.columns));
        let moved = self.row * share(column, self.columns) + self.column * share(row, self.rows);
        Ok(Translation3::from(moved) * self.first)
    }
}
