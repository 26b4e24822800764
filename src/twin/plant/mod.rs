//! The plant: mechanics, processes, parts and sensors of the simulated machine, in fixed substeps of
//! [`SUBSTEP_NS`].
//!
//! Terms: a *quantity* is a named number that devices read and set ([`PlantPort`]); a *part* is the n-th
//! of its kind from its source; its *traits* follow from the seed ([`Truth`]); a *place* is where it is
//! ([`Places`]).
//!
//! Quantities: `axis.<axis>.position|velocity` (au, au/s), `axis.<axis>.torque` (N·m at the motor, set by
//! its drive), `axis.<axis>.fault` (error code that its drive takes up), `sto` (0: torque removed by the safety controller), `di.<name>`, `do.<name>`, `ai.<name>`.
//!
//! Nothing here allocates once it is made, and every number is a function of description, seed, what
//! the devices did and the count of substeps.

mod acts;
pub mod balance;
pub mod draw;
mod machine;
mod mechanics;
pub mod noise;
pub mod parts;
pub mod places;
pub mod process;
pub mod quality;
mod sensors;

pub use balance::{Balance, Count};
pub use machine::{Injection, Plant, PlantError, TrayLoad};
pub use parts::Truth;
pub use places::{Assembly, Cursors, Held, Loaded, Part, Places, Pocket, TrayState, Used};
pub use quality::Beyond;

/// Length of a substep.
pub const SUBSTEP_NS: u64 = 125_000;
