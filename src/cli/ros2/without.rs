//! Built without ROS 2.

use cellwright_model::cell::Cell;

use super::super::Failure;
use super::Cobots;

/// There is none.
pub(crate) enum Connection {}

/// There is nothing to tell.
pub(crate) enum Teller {}

/// Refuses.
pub(crate) fn connect(_: &Cell, _: bool) -> Result<Cobots, Failure> {
    Err(Failure::Usage(
        "this program was built without ROS 2, so it reaches no cobots over it: build it with `cargo build --release \
         --features ros2` in an environment of ROS 2 (docs/ros2.md), or leave --robots out for those of the twin"
            .to_owned(),
    ))
}

impl Connection {
    pub(crate) fn teller(&self) -> Teller {
        match *self {}
    }

    pub(crate) fn heard(&self) -> Result<(), Failure> {
        match *self {}
    }

    pub(crate) fn end(self) -> Result<(), String> {
        match self {}
    }
}

impl Teller {
    pub(crate) async fn run(self) {
        match self {}
    }
}
