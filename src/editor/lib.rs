//! What an author's editor asks of files: schemas, one form of the text, and a language server without its wire.
//!
//! Terms: a *spot* is what stands at the cursor by the tables of `recipe::shape`; a *fix* is a remedy that can be carried
//! out. Everything is read from the tables, the compiler and the cell; nothing here knows a field by name but those that
//! name an axis or a sensor.

mod around;
mod beside;
mod check;
mod complete;
mod define;
mod fix;
pub mod format;
mod hover;
mod names;
mod schema;
mod server;
mod spot;
mod text;
mod words;

pub use around::Disk;
pub use fix::{Fix, fixes};
pub use names::names;
pub use schema::schema;
pub use server::{Error, Server};
