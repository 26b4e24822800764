//! The tokio side of run.
