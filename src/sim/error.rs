//! Why a cell in virtual time cannot be made, or does not go on.

use cellwright_controller::EngineError;
use cellwright_rt::CycleError;
use cellwright_rt::bus::BusFault;
use cellwright_trace::TraceError;
use cellwright_twin::world::WorldError;

/// See the module text.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    #[error("the twin has no plant: give a cell folder with a plant.yaml")]
    NoPlant,
    #[error(transparent)]
    World(#[from] WorldError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Cycle(#[from] CycleError),
    #[error(transparent)]
    Bus(#[from] BusFault),
    #[error(transparent)]
    Record(#[from] TraceError),
    /// The cycle unwound: an error of this program.
    #[error("the cycle ended by a program error: {0}")]
    ProgramError(String),
    #[error("no folder for the record of a cell that is killed: {0}")]
    Folder(std::io::Error),
    #[error("a cell without a state directory leaves no journal to go on from: give it an outbox")]
    NoJournal,
}
