//! What leaves the world: the cobots' drivers, a picture of where every part is, which camera, scanner and
//! printer twins look at, and the hand of a person at the machine.

use std::cell::RefCell;
use std::sync::Arc;

use cellwright_camera::twin::CameraScene;
use cellwright_cobot_ros2::link::CobotLink;
use cellwright_model::cell::Cell;
use cellwright_model::label::PrinterTrouble;
use cellwright_model::plant::{Defect, PartKind};
use cellwright_model::{CameraId, PrinterId, ScannerId, StationId};
use cellwright_printer::twin::PrinterScene;
use cellwright_scanner::twin::ScannerScene;
use rtrb::{Consumer, Producer, RingBuffer};

use crate::labels::Labels;
use crate::plant::{Assembly, Injection, Part, Places, Truth};

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
/// parts in it, and with the labels that were printed on them. Sees for all cameras, scanners and printers of the cell.
pub struct PlantScene {
    view: triple_buffer::Output<Places>,
    truth: Arc<Truth>,
    camera_station: Vec<Option<StationId>>,
    scanner_station: Vec<StationId>,
    printer_station: Vec<StationId>,
    labels: RefCell<Labels>,
}

impl PlantScene {
    pub(crate) fn new(cell: &Cell, view: triple_buffer::Output<Places>, truth: Arc<Truth>) -> PlantScene {
        let sights = &truth.description.cameras;
        let station = |i: usize| sights.iter().find(|s| s.camera.index() == i).map(|s| s.station);
        PlantScene {
            view,
            camera_station: (0..cell.cameras.len()).map(station).collect(),
            scanner_station: cell.scanners.iter().map(|s| s.station).collect(),
            printer_station: cell.printers.iter().map(|p| p.station).collect(),
            labels: RefCell::default(),
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

    /// How many labels were put on the unit at a station.
    pub fn labels_at(&self, station: StationId) -> u64 {
        self.places().at_station(station).map_or(0, |unit| self.labels.borrow().count(unit))
    }

    fn in_view(&self, camera: CameraId) -> Option<&Assembly> {
        let station = (*self.camera_station.get(camera.index())?)?;
        self.places().at_station(station)
    }
}

impl CameraScene for PlantScene {
    fn subject(&self, camera: CameraId) -> Option<u64> {
        let unit = self.in_view(camera)?;
        let whole = unit.whole.map(|n| 1 << 32 | u64::from(n));
        whole.or(unit.cannula.map(u64::from))
    }

    fn measure(&self, camera: CameraId, name: &str, exposure: u64) -> Option<f64> {
        let unit = self.in_view(camera)?;
        let kind = if unit.whole.is_some() { PartKind::Unit } else { PartKind::Cannula };
        let tip = Part { kind, n: unit.part(kind)? };
        (name == "burr").then(|| self.truth.burr_measured_mm(tip, exposure))
    }
}

impl ScannerScene for PlantScene {
    fn code(&self, scanner: ScannerId) -> Option<String> {
        let station = *self.scanner_station.get(scanner.index())?;
        let places = self.places();
        let unit = places.at_station(station)?;
        // A label that was printed on the unit covers the code of its hub.
        if let Some(label) = self.labels.borrow().on(unit) {
            return label.map(String::from);
        }
        let kind = if unit.whole.is_some() { PartKind::Unit } else { PartKind::Hub };
        let n = unit.part(kind)?;
        let source = places.kinds.iter().position(|k| *k == Some(kind))?;
        let material = places.trays.get(source)?.material(n)?;
        match unit.bears.filter(|_| self.truth.defect(kind, n) != Some(Defect::UnitOther)) {
            Some(serial) => self.truth.code_with(material, serial.as_str()),
            None => self.truth.code_of(material, n),
        }
    }
}

impl PrinterScene for PlantScene {
    fn trouble(&self, printer: PrinterId) -> Option<PrinterTrouble> {
        self.places().printers.get(printer.index()).copied().flatten()
    }

    fn printed(&self, printer: PrinterId, element_string: Option<&str>) {
        let unit = self.printer_station.get(printer.index()).and_then(|s| self.places().at_station(*s));
        if let Some(unit) = unit {
            self.labels.borrow_mut().stick(&self.truth, unit, element_string);
        }
    }
}
