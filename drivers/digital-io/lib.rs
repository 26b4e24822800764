//! Digital inputs and outputs, and the bus coupler: drivers and twins of simple SubDevices.

pub mod driver;
pub mod twin;
