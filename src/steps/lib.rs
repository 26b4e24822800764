//! The step kinds.
