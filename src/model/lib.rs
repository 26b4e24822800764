//! The vocabulary of Cellwright: quantities, identities, the description of a cell and of its twin,
//! the Plan that a recipe becomes, what the controller and the real-time cycle say to each other,
//! and the events that make up the record. No I/O, no clock, no randomness.
//!
//! Terms: *setpoint* is commanded each cycle, *target* is the end of a move, *actual* is measured.
//! Positions of an axis are in its own unit (`_au`): millimetres for a linear, degrees for a rotary
//! axis; speeds in that unit per second.

pub mod angle;
pub mod approval;
pub mod canonical;
pub mod cell;
pub mod cia402;
pub mod curve;
pub mod date;
pub mod event;
pub mod expr;
pub mod faults;
pub mod gs1;
pub mod ids;
pub mod injection;
pub mod job;
pub mod label;
pub mod limits;
pub mod material;
pub mod order;
pub mod outcome;
pub mod packml;
pub mod pdos;
pub mod plan;
pub mod plant;
pub mod quantity;
pub mod reference;
pub mod robot;
pub mod ros2;
pub mod serial;
pub mod time;
pub mod timing;
pub mod wiring;
pub mod zone;

pub use date::Date;
pub use ids::*;
pub use quantity::{Dimension, Quantity, QuantityError, QuantityRange};
pub use time::{DurationNs, TimeNs};
