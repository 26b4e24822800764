//! Plan and events to commands.
