//! Analog inputs (load cell, torque transducer, pressure): driver and twin.

pub mod driver;
pub mod twin;
