//! The record: events made durable, told, delivered, kept and checked.
//!
//! Terms. The *outbox* is the cell's own database: what is in it has happened, and only then is it
//! told. A *stream* is the chain of events of one state directory; its *head* is the last event.
//! *Live* publication tells whoever listens now and may lose; *delivery* hands the outbox to a
//! *recorder* in batches and moves its *cursor* only on the recorder's reply, so it loses nothing.
//! The *store* is where a recorder keeps events; the *DHR* (device history record) of a serial is
//! read from it. `verify` checks a store against the chain, its curves and a head that is kept
//! elsewhere, since a chain alone cannot show that its end is missing.
//!
//! The way of an event: draft → outbox (sealed, fsync) → printed and published → delivered →
//! store. The line of an event is the same bytes everywhere.

pub mod alarms;
pub mod chain;
#[cfg(test)]
mod chaos;
pub mod delivery;
pub mod dhr;
pub mod error;
pub mod heads;
mod ingest;
pub mod keys;
pub mod live;
mod lock;
pub mod network;
pub mod outbox;
pub mod recorder;
mod sqlite;
pub mod store;
#[cfg(test)]
mod testing;
pub mod verify;

pub use chain::{Head, Sealer};
pub use error::TraceError;
pub use keys::CellAddress;
pub use outbox::{Ack, Outbox, OutboxOptions, OutboxWriter, Recovery};
pub use sqlite::ignore_file_size_signal;
