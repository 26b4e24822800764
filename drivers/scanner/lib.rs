//! Code scanner: asked to read once over a text line, answers with a GS1 element string.
//!
//! The protocol (README.md) is one line a message, ended by a line feed, over one TCP connection; FNC1 is
//! the byte 0x1D (group separator), as scanners send it:
//!
//! ```text
//! READ 7                                        request 7
//! CODE 7 <GS>0104012345678901...                what was read
//! ERR 7 no-read no code in view                 or an error: a code, and words for people
//! ```

pub mod driver;
pub use cellwright_model::gs1;
pub mod twin;
