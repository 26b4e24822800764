//! Driver.

pub mod driver;
