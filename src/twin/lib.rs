//! The twin: everything below the wire.
//!
//! [`segment`] answers EtherCAT frames as a line of SubDevices does; what drives and terminals do
//! behind their ESCs is in the device crates (`cellwright-servo-cia402` and its neighbours). [`plant`] is
//! the machine that they move and measure, with the parts in it; [`world`] is all of it together with the
//! cobots, [`faults`] what goes wrong with it, and [`ports`] what the controller's side has of it.

pub mod faults;
mod labels;
pub mod plant;
pub mod ports;
pub mod segment;
pub mod world;
