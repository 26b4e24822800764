//! What leaves the world: the cobots' drivers, a picture of where every part is, which camera and
//! scanner twins look at, and the hand of a person at the machine.

use std::sync::Arc;

use cellwright_camera::twin::CameraScene;
use cellwright_cobot_ros2::link::CobotLink;
use cellwright_model::cell::Cell;
use cellwright_model::plant::PartKind;
use cellwright_model::{CameraId, ScannerId, StationId};
use cellwright_scanner::twin::ScannerScene;
use rtrb::{Consumer, Producer, RingBuffer};

use crate::plant::{Assembly, Injection, Places, Truth};

/// The other side of a [`crate::world::World`]: for the thread of the controller.
pub struct TwinPorts {
    /// Drivers of the cobots, in the order of the cell.
    pub robots: Vec<CobotLink>,
    pub scene: PlantScene,
    pub hand: Hand,
}

/// Acts that wait for the next cycle of the world; a further one is refused.
const ACTS_MAX: usize = 16;

/// What a person, or a test, does to the machine while the world runs on its own thread.
pub struct Hand {
    acts: Producer<Injection>,
}

impl Hand {
    pub(crate) fn new() -> (Hand, Consumer<Injection>) {
        let (acts, world) = RingBuffer::new(ACTS_MAX);
        (Hand { acts }, world)
    }

    /// Done at the beginning of the world's next cycle. Error: the world has not taken the earlier ones yet;
    /// the act comes back.
    pub fn act(&mut self, injection: Injection) -> Result<(), Injection> {
        self.acts.push(injection).map_err(|rtrb::PushError::Full(injection)| injection)
    }
}

/// The plant as it was at the last change of any place: a latest-value buffer, with the truth about the
/// parts in it. Sees for all cameras and scanners of the cell.
pub struct PlantScene {
    view: triple_buffer::Output<Places>,
    truth: Arc<Truth>,
    camera_station: Vec<Option<StationId>>,
    scanner_station: Vec<StationId>,
}

impl PlantScene {
    pub(crate) fn new(cell: &Cell, view: triple_buffer::Output<Places>, truth: Arc<Truth>) -> PlantScene {
        let sights = &truth.description.cameras;
        let station = |i: usize| sights.iter().find(|s| s.camera.index() == i).map(|s| s.station);
        PlantScene {
            view,
            camera_station: (0..cell.cameras.len()).map(station).collect(),
            scanner_station: cell.scanners.iter().map(|s| s.station).collect(),
            truth,
        }
    }

    /// Takes the latest picture; call it before a device looks.
    pub fn refresh(&mut self) {
        self.view.update();
    }

    /// Where everything is in the picture.
    pub fn places(&self) -> &Places {
        self.view.output_buffer()
    }

    /// What the parts are in truth.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    fn in_view(&self, camera: CameraId) -> Option<&Assembly> {
        let station = (*self.camera_station.get(camera.index())?)?;
        self.places().at_station(station)
    }
}

impl CameraScene for PlantScene {
    fn subject(&self, camera: CameraId) -> Option<u64> {
        self.in_view(camera)?.cannula.map(u64::from)
    }

    fn measure(&self, camera: CameraId, name: &str, exposure: u64) -> Option<f64> {
        let cannula = self.in_view(camera)?.cannula?;
        (name == "burr").then(|| self.truth.burr_measured_mm(cannula, exposure))
    }
}

impl ScannerScene for PlantScene {
    fn code(&self, scanner: ScannerId) -> Option<String> {
        let station = *self.scanner_station.get(scanner.index())?;
        let places = self.places();
        let hub = places.at_station(station)?.hub?;
        let source = places.kinds.iter().position(|k| *k == Some(PartKind::Hub))?;
        self.truth.code_of(places.trays.get(source)?.material(hub)?, hub)
    }
}
