//! The twin: everything below the wire.
//!
//! [`segment`] answers EtherCAT frames as a line of SubDevices does; what drives and terminals do
//! behind their ESCs is in the device crates (`cellwright-servo-cia402` and its neighbours).

pub mod plant;
pub mod segment;
