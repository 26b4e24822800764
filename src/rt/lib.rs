//! The real-time cycle: read, check, guard, move, capture, write, once a period, on one thread.
//!
//! Terms: the *cycle* is one pass of [`Cycle::run`]; a *job* is what a command begins and one event ends;
//! a *setpoint* is commanded each cycle, a *target* is the end of a move, the *actual* value is measured.
//! *Arming* ([`Cycle::arm`]) may allocate and take its time; *armed* there is no allocation, no lock, no
//! log and no blocking call but the bus's exchange and the clock's sleep (house rule 1).
//!
//! Who talks to whom: a [`Runner`] owns the cycle, its [`bus::Bus`] and a [`clock::Clock`], real or virtual;
//! the controller holds the other ends of the rings ([`link`]). The program is not a safety function:
//! safety inputs are read, and their loss ends all motion.

mod arm;
mod axis;
pub mod bus;
mod capture;
pub mod clock;
mod command;
mod config;
mod cycle;
mod events;
mod guard;
mod histogram;
mod home;
mod io;
mod job;
mod link;
mod motion;
pub mod phase;
pub mod platform;
mod power;
mod reaction;
mod runner;
mod tighten;
pub mod wake;
mod zone;

pub use config::CycleError;
pub use cycle::Cycle;
pub use histogram::{Histogram, Quantiles};
pub use link::{ControllerEnds, FinishedCurve, RingFull, RtEnds, link};
pub use runner::{LoopEnd, LoopReport, Runner, Statistics, StopRequest};
