//! The engine: a Plan and what happens in the machine become commands and records.
//!
//! It is pure: no I/O, no clock (time is an argument), no randomness; equal inputs give equal outputs.
//! *Cell chart*: PackML (ISA-TR88.00.02-2022). *Branch chart*: one machine for each active path of a
//! unit; the recipe's graph is data beside it. *Gate*: where a branch waits for its turn. *Attempt*: one
//! run of a step; every one is recorded.

pub mod api;
pub mod branch_chart;
pub mod cell_chart;
pub mod draw;
pub mod record;
