//! A bench for the engine: a small cell, a small plan, and a machine of a few lines that does what it is told in
//! virtual time of 1 ms ticks. Tests only.

// Each test binary uses a part of it.
#![allow(dead_code)]

pub(crate) mod cell;
pub(crate) mod machine;
mod said;

#[allow(unused_imports)]
pub(crate) use cell::{cell, plan};
pub(crate) use machine::Bench;
