//! The twin of a cell as `run` and `simulate` use it: the world below the wire, and the drivers and
//! devices that look at it.

use std::sync::{Arc, Mutex, PoisonError};

use cellwright_bus::InProcessSegment;
use cellwright_camera::driver::LineCamera;
use cellwright_camera::twin::CameraScene;
pub use cellwright_camera::twin::CameraTwin as Camera;
use cellwright_controller::{Devices, TrayUse};
use cellwright_driver_api::message::{CameraDriver, PrinterDriver, RobotDriver, ScannerDriver};
use cellwright_model::cell::Cell;
use cellwright_model::plan::Plan;
use cellwright_model::plant::{Material, PlantDescription};
use cellwright_model::{CameraId, DurationNs, PrinterId, ScannerId, TimeNs};
use cellwright_printer::driver::ZplPrinter;
use cellwright_printer::twin::PrinterScene;
pub use cellwright_printer::twin::PrinterTwin as Printer;
use cellwright_scanner::driver::LineScanner;
use cellwright_scanner::twin::ScannerScene;
pub use cellwright_scanner::twin::ScannerTwin as Scanner;
use cellwright_twin::plant::{Cursors, Injection, Used};
use cellwright_twin::ports::{Hand, PlantScene};
use cellwright_twin::world::{World, WorldError};

use crate::hands;

/// The world as a segment in this process, stepped by nominal cycle time.
pub struct TwinSegment {
    world: World,
    now: TimeNs,
    beat: Beat,
}

/// Called at the beginning of each cycle with its number, on the thread of the cycle; 0 while arming.
pub type Beat = Box<dyn FnMut(u64) + Send>;

impl TwinSegment {
    /// A segment that its link owns.
    pub fn new(world: World, beat: Beat) -> TwinSegment {
        TwinSegment { world, now: TimeNs(0), beat }
    }
}

impl InProcessSegment for TwinSegment {
    fn process(&mut self, frame: &mut [u8], now: TimeNs) -> Option<DurationNs> {
        self.now = now;
        self.world.process(frame, now)
    }

    fn next_reply(&self) -> Option<TimeNs> {
        self.world.next_reply()
    }

    fn take_reply(&mut self, now: TimeNs, buffer: &mut [u8]) -> Option<usize> {
        self.world.take_reply(now, buffer)
    }

    fn cycle_begin(&mut self, cycle: u64, nominal_period: DurationNs) {
        self.world.cycle(self.now, nominal_period.0);
        (self.beat)(cycle);
    }
}

/// Devices that look at the plant, and what lies in it.
pub struct TwinDevices {
    pub cameras: Vec<Camera>,
    pub scanners: Vec<Scanner>,
    pub printers: Vec<Printer>,
    pub scene: Scene,
    pub materials: Vec<Material>,
    /// Reaches into the machine while it runs, as a person does who takes parts out.
    pub hand: Hand,
}

/// What cameras, scanners and printers see, shared between their connections.
#[derive(Clone)]
pub struct Scene(Arc<Mutex<PlantScene>>);

impl Scene {
    /// Shows the plant as it is now.
    pub fn look<R>(&self, at: impl FnOnce(&PlantScene) -> R) -> R {
        let mut scene = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        scene.refresh();
        at(&scene)
    }

    pub fn camera(&self, see: &mut dyn FnMut(&(dyn CameraScene + 'static))) {
        self.look(|scene| see(scene));
    }

    pub fn printer(&self, see: &mut dyn FnMut(&(dyn PrinterScene + 'static))) {
        self.look(|scene| see(scene));
    }

    pub fn scanner(&self, see: &mut dyn FnMut(&(dyn ScannerScene + 'static))) {
        self.look(|scene| see(scene));
    }
}

/// All of it.
pub struct TwinSide {
    pub world: World,
    /// Drivers of the cobots, in the order of the cell.
    pub robots: Vec<Box<dyn RobotDriver + Send>>,
    pub devices: TwinDevices,
}

impl TwinSide {
    /// The twin of `cell` with the parts of `seed`; `trays` says how far each was used before.
    ///
    /// Errors: a plant that does not fit the cell.
    pub fn new(
        cell: &Cell,
        plant: PlantDescription,
        seed: u64,
        trays: &[TrayUse],
    ) -> Result<TwinSide, WorldError> {
        let materials = plant.material.clone();
        let (camera_time, scanner_time) = (plant.tip.camera_time, plant.tip.scanner_time);
        let print_time = plant.labels.print_time;
        // The plant counts in 32 bits: a part that often is not made on a twin.
        let used = |t: &TrayUse| Used { next: t.next, moved: u32::try_from(t.picks).unwrap_or(u32::MAX) };
        let (world, ports) = World::new(cell, plant, seed, &Cursors(trays.iter().map(used).collect()))?;
        let robots = ports.robots.into_iter().map(|r| Box::new(r) as Box<dyn RobotDriver + Send>).collect();
        let cameras = cell.cameras.iter().enumerate();
        let scanners = 0..cell.scanners.len();
        let printers = 0..cell.printers.len();
        let devices = TwinDevices {
            cameras: cameras.map(|(i, c)| Camera::new(CameraId(i as u16), c, camera_time)).collect(),
            scanners: scanners.map(|i| Scanner::new(ScannerId(i as u16), scanner_time)).collect(),
            printers: printers.map(|i| Printer::new(PrinterId(i as u16), print_time)).collect(),
            scene: Scene(Arc::new(Mutex::new(ports.scene))),
            materials,
            hand: ports.hand,
        };
        Ok(TwinSide { world, robots, devices })
    }
}

/// What hands have to bring because the recipe asks for other parts than lie at a source; of `materials` only
/// what is there then is left.
pub fn bring(materials: &mut Vec<Material>, plan: &Plan) -> Vec<Injection> {
    let brought = hands::brought(plan, materials);
    *materials = hands::wanted(plan, materials);
    brought
}

/// Drivers of the message devices: the same for the twin's and for real ones, but for the cobots.
pub fn drivers(cell: &Cell, robots: Vec<Box<dyn RobotDriver + Send>>) -> Devices {
    let cameras = cell.cameras.iter().map(|c| Box::new(LineCamera::new(c)) as Box<CameraDriver>);
    let scanners =
        cell.scanners.iter().map(|s| Box::new(LineScanner::new(s, CENTURY_OF)) as Box<ScannerDriver>);
    let printers = cell.printers.iter().map(|p| Box::new(ZplPrinter::new(p)) as Box<PrinterDriver>);
    Devices::new(robots, cameras.collect(), scanners.collect(), printers.collect())
}

/// Two-digit years of expiry dates are read around this one (GS1 General Specifications, 7.12); it needs
/// no clock: the window is 51 years back and 49 ahead.
const CENTURY_OF: u16 = 2026;
