//! Label printer: told in ZPL II over a raw TCP port what to print, and asked by host status until it has.
//!
//! ```text
//! ~HS                                           how is the printer?
//! <STX>030,0,0,0400,000,0,0,0,000,0,0,0<ETX>    no paper out, no pause, no format waits
//! <STX>000,0,0,0,1,2,6,0,00000000,1,000<ETX>    head closed, ribbon there, no label remains
//! <STX>1234,0<ETX>
//! ^XA ... ^XZ ~HS                               the label, and again how it is, until nothing waits or remains
//! ```
//!
//! README.md has the protocol, and what "printed" stands on.

pub mod driver;
pub mod status;
pub mod twin;
pub mod zpl;
