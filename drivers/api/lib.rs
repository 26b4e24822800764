//! What a driver is: three contracts, one module each.
//!
//! - [`cyclic`]: process data of a SubDevice, encoded and decoded in the real-time cycle.
//! - `message`: devices that talk in requests and replies (cobot, camera, scanner), sans-I/O.
//! - [`twin`]: the application of a simulated SubDevice, below the wire.

pub mod cyclic;
pub mod message;
pub mod twin;
