//! The virtual segment and the plant.
