//! Inspection camera: asked for one job at a time over a text line, answers with values and units.
//!
//! The protocol (README.md) is one line a message, UTF-8, ended by a line feed, over one TCP connection:
//!
//! ```text
//! TRIGGER 7 cannula-tip@4            request 7: take a picture, judge it with version 4 of the job
//! OK 7 cannula-tip@4 burr=0.0083mm   every measure of the job, each with its unit
//! ERR 7 no-part nothing in view      or an error: a code, and words for people
//! ```

pub mod driver;
pub mod twin;
