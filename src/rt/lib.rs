//! The cycle.
