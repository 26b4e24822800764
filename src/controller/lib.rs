//! Joins engine, rt and drivers.
