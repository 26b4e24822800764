//! What the sensors of the machine show, and what disturbs them.

use cellwright_model::plant::{PlantDescription, Sight};
use cellwright_model::{AnalogId, InputId};

use super::draw;
use super::noise::Series;
use super::places::Places;

/// Inputs of the safety controller and the air supply, as people and tests set them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Supplies {
    pub(crate) estop_pressed: bool,
    pub(crate) guard_open: bool,
    pub(crate) air_off: bool,
    pub(crate) lane_empty: bool,
}

/// Pulses and latches that outlast the event which set them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Latches {
    pub(crate) pocket_filled: bool,
    /// Substeps until the falling part meets the drop sensor, and until its pulse is over.
    pub(crate) drop_in: u32,
    pub(crate) drop_for: u32,
}

/// One digital input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputSensor {
    pub(crate) sees: Option<Sight>,
    /// Wire broken or shorted.
    pub(crate) stuck: Option<bool>,
    /// A button held down, or whatever else a test says of an input that sees nothing.
    pub(crate) pressed: bool,
}

/// One analog channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnalogSensor {
    noise: f64,
    offset: f64,
    /// Added by a test.
    pub(crate) error: f64,
    /// Its wire is broken: it shows no number.
    pub(crate) broken: bool,
}

impl Latches {
    /// A substep has passed.
    pub(crate) fn pass(&mut self) {
        if self.drop_in > 0 {
            self.drop_in -= 1;
        } else {
            self.drop_for = self.drop_for.saturating_sub(1);
        }
    }

    pub(crate) fn dropping(&self) -> bool {
        self.drop_in == 0 && self.drop_for > 0
    }
}

impl InputSensor {
    pub(crate) fn new(d: &PlantDescription, input: InputId) -> InputSensor {
        let sees = d.inputs.iter().find(|i| i.input == input).map(|i| i.sees);
        InputSensor { sees, stuck: None, pressed: false }
    }

    pub(crate) fn level(&self, places: &Places, supplies: &Supplies, latches: &Latches) -> bool {
        if let Some(level) = self.stuck {
            return level;
        }
        match self.sees {
            None => true,
            Some(Sight::Nest(station, kind)) => {
                places.at_station(station).is_some_and(|nest| nest.shows(kind))
            }
            Some(Sight::PocketFilled) => latches.pocket_filled,
            Some(Sight::Drop) => latches.dropping(),
            Some(Sight::LaneReady(lane)) => !supplies.lane_empty && places.lane_has_part(lane),
            Some(Sight::BinClosed(bin)) => places.trays.get(bin.index()).is_some_and(|b| !b.open),
            Some(Sight::EstopOk) => !supplies.estop_pressed,
            Some(Sight::GuardOk) => !supplies.guard_open,
            Some(Sight::AirOk) => !supplies.air_off,
            Some(Sight::Released) => self.pressed,
        }
    }
}

impl AnalogSensor {
    pub(crate) fn new(d: &PlantDescription, analog: AnalogId) -> AnalogSensor {
        let physics = d.analogs.iter().find(|a| a.analog == analog);
        let (noise, offset) = physics.map_or((0.0, 0.0), |p| (p.noise, p.offset));
        AnalogSensor { noise, offset, error: 0.0, broken: false }
    }

    pub(crate) fn shows(&self, truth: f64, seed: u64, channel: usize, series: Series) -> f64 {
        if self.broken {
            return f64::NAN;
        }
        truth + self.offset + self.error + self.noise * draw::noise(seed, channel as u64, series)
    }
}
