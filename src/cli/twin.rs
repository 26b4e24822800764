//! The twin of a cell as `run` and `simulate` use it: the world below the wire, and the drivers and
//! devices that look at it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cellwright_bus::InProcessSegment;
use cellwright_camera::driver::LineCamera;
use cellwright_camera::twin::{CameraScene, CameraTwin};
use cellwright_controller::Devices;
use cellwright_driver_api::message::{CameraDriver, RobotDriver, ScannerDriver};
use cellwright_model::cell::Cell;
use cellwright_model::plant::{Material, PlantDescription};
use cellwright_model::{CameraId, DurationNs, ScannerId, TimeNs};
use cellwright_rt::platform;
use cellwright_scanner::driver::LineScanner;
use cellwright_scanner::twin::{ScannerScene, ScannerTwin};
use cellwright_twin::plant::Cursors;
use cellwright_twin::ports::PlantScene;
use cellwright_twin::world::{World, WorldError};

use super::alloc::allocations_of_this_thread;

/// From trigger to result of the twin's camera: exposure and evaluation.
const CAMERA_TIME: DurationNs = DurationNs::from_millis(120);
/// From request to code of the twin's scanner.
const SCANNER_TIME: DurationNs = DurationNs::from_millis(60);
/// Cycles between two looks at the thread's page faults, each a system call.
const FAULTS_EVERY: u64 = 64;

/// What the real-time thread shows of itself, each cycle.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pulse(Arc<PulseCounts>);

#[derive(Debug, Default)]
struct PulseCounts {
    cycles: AtomicU64,
    allocations: AtomicU64,
    page_faults: AtomicU64,
}

/// Counts at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PulseReading {
    pub(crate) cycles: u64,
    pub(crate) allocations: u64,
    pub(crate) page_faults: u64,
}

impl Pulse {
    fn beat(&self, cycle: u64) {
        self.0.cycles.store(cycle, Ordering::Relaxed);
        self.0.allocations.store(allocations_of_this_thread(), Ordering::Relaxed);
        if cycle.is_multiple_of(FAULTS_EVERY) {
            self.0.page_faults.store(platform::page_faults(), Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> PulseReading {
        PulseReading {
            cycles: self.0.cycles.load(Ordering::Relaxed),
            allocations: self.0.allocations.load(Ordering::Relaxed),
            page_faults: self.0.page_faults.load(Ordering::Relaxed),
        }
    }
}

/// The world as a segment in this process, stepped by nominal cycle time.
pub(crate) struct TwinSegment {
    world: World,
    now: TimeNs,
    pulse: Pulse,
}

impl InProcessSegment for TwinSegment {
    fn process(&mut self, frame: &mut [u8], now: TimeNs) -> Option<DurationNs> {
        self.now = now;
        self.world.process(frame, now)
    }

    fn cycle_begin(&mut self, cycle: u64, nominal_period: DurationNs) {
        self.world.cycle(self.now, nominal_period.0);
        self.pulse.beat(cycle);
    }
}

/// Devices that look at the plant, and what lies in it.
pub(crate) struct TwinDevices {
    pub(crate) cameras: Vec<CameraTwin>,
    pub(crate) scanners: Vec<ScannerTwin>,
    pub(crate) scene: Scene,
    pub(crate) materials: Vec<Material>,
}

/// What cameras and scanners see, shared between their connections.
#[derive(Clone)]
pub(crate) struct Scene(Arc<Mutex<PlantScene>>);

impl Scene {
    /// Shows the plant as it is now.
    pub(crate) fn look<R>(&self, at: impl FnOnce(&PlantScene) -> R) -> R {
        let mut scene = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        scene.refresh();
        at(&scene)
    }

    pub(crate) fn camera(&self, see: &mut dyn FnMut(&(dyn CameraScene + 'static))) {
        self.look(|scene| see(scene));
    }

    pub(crate) fn scanner(&self, see: &mut dyn FnMut(&(dyn ScannerScene + 'static))) {
        self.look(|scene| see(scene));
    }
}

/// All of it.
pub(crate) struct TwinSide {
    pub(crate) segment: TwinSegment,
    pub(crate) drivers: Devices,
    pub(crate) devices: TwinDevices,
}

impl TwinSide {
    /// The twin of `cell` with the parts of `seed`; `taken` says how many parts each tray gave or took before.
    pub(crate) fn new(
        cell: &Cell,
        plant: PlantDescription,
        seed: u64,
        taken: &[u32],
        pulse: Pulse,
    ) -> Result<TwinSide, WorldError> {
        let materials = plant.material.clone();
        let (world, ports) = World::new(cell, plant, seed, &Cursors(taken.to_vec()))?;
        let robots = ports.robots.into_iter().map(|r| Box::new(r) as Box<dyn RobotDriver + Send>).collect();
        let cameras = cell.cameras.iter().enumerate();
        let scanners = 0..cell.scanners.len();
        let devices = TwinDevices {
            cameras: cameras.map(|(i, c)| CameraTwin::new(CameraId(i as u16), c, CAMERA_TIME)).collect(),
            scanners: scanners.map(|i| ScannerTwin::new(ScannerId(i as u16), SCANNER_TIME)).collect(),
            scene: Scene(Arc::new(Mutex::new(ports.scene))),
            materials,
        };
        let segment = TwinSegment { world, now: TimeNs(0), pulse };
        Ok(TwinSide { segment, drivers: drivers(cell, robots), devices })
    }
}

/// Drivers of the message devices: the same for the twin's and for real ones, but for the cobots.
pub(crate) fn drivers(cell: &Cell, robots: Vec<Box<dyn RobotDriver + Send>>) -> Devices {
    let cameras = cell.cameras.iter().map(|c| Box::new(LineCamera::new(c)) as Box<CameraDriver>);
    let scanners = cell.scanners.iter().map(|s| Box::new(LineScanner::new(s, CENTURY_OF)) as Box<ScannerDriver>);
    Devices::new(robots, cameras.collect(), scanners.collect())
}

/// Two-digit years of expiry dates are read around this one (GS1 General Specifications, 7.12); it needs
/// no clock: the window is 51 years back and 49 ahead.
const CENTURY_OF: u16 = 2026;
