//! The cycle.

pub mod bus;
pub mod clock;
