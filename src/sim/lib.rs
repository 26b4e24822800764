//! One cell on its twin: what `run` shares with virtual time, and the cell in virtual time itself.
//!
//! [`VirtualCell`] holds the same objects as `run` (ethercrab, cycle, controller, engine, drivers) and
//! the world below the wire, on one thread and one virtual clock. `simulate`, scenario files, storms and
//! tests pump it cycle by cycle: commands and acts go in, what the cell says comes out, and what is true
//! of the machine can be looked at from the other side of the wire.
//!
//! | file | subject |
//! | --- | --- |
//! | `load`, `files` | cell, plant and Plan read and checked |
//! | `approvable` | the same as it is signed: every row of the recipe, the cell without touched-up poses |
//! | `segment` | drivers and bus as the cell describes its segment |
//! | `wiring` | drivers, bus and engine as cell and journal describe them |
//! | `twin` | the world, and the devices that look at it |
//! | `hands` | what the twin's operator brings and exchanges |
//! | `wire` | the world as the segment at the far end of a wire |
//! | `wires` | cameras, scanners and printers at wires that are always connected |
//! | `journal` | a disk in virtual time: instant, or an outbox with its latency |
//! | `virtual_cell` | all of it, cycle by cycle; killed and restarted |
//! | `figures` | what a record says: yield, takt, bottleneck, distributions, Cpk |
//! | `every_fault` | each fault at each step of a recipe |
//! | `script` | what any operator does to bring a cell to rest |
//! | `scenario` | scenarios and tests, played and held against what they expect |
//! | `axes` | servo axes and nothing else, for `bench` |
//! | `audit` | what looks at it from outside and says what may not be |

mod approvable;
pub mod audit;
pub mod axes;
mod error;
pub mod every_fault;
pub mod figures;
pub mod files;
pub mod hands;
mod journal;
pub mod left;
pub mod load;
pub mod scenario;
pub mod script;
mod segment;
pub mod twin;
mod virtual_cell;
pub mod wire;
mod wires;
pub mod wiring;

pub use approvable::{Approvable, read_approvable};
pub use error::SimError;
pub use files::Files;
pub use journal::{Latency, Storage};
pub use load::{Machine, Prepared, Reading, What, read, read_cell, read_faults, read_machine};
pub use virtual_cell::{Options, Told, VirtualCell};
