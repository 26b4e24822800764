//! The twin of a cell as `run` and `simulate` use it: the world below the wire, and the drivers and
//! devices that look at it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cellwright_bus::InProcessSegment;
use cellwright_camera::driver::LineCamera;
use cellwright_camera::twin::{CameraScene, CameraTwin};
use cellwright_controller::{Devices, Question, QuestionKind, TrayUse};
use cellwright_driver_api::message::{CameraDriver, RobotDriver, ScannerDriver};
use cellwright_model::cell::Cell;
use cellwright_model::plan::Plan;
use cellwright_model::plant::{Material, PlantDescription};
use cellwright_model::{CameraId, DurationNs, ScannerId, TimeNs};
use cellwright_rt::platform;
use cellwright_scanner::driver::LineScanner;
use cellwright_scanner::twin::{ScannerScene, ScannerTwin};
use cellwright_twin::plant::{Cursors, Injection};
use cellwright_twin::ports::{Hand, PlantScene};
use cellwright_twin::world::{World, WorldError};

use super::alloc::allocations_of_this_thread;
use super::hands;
use super::out::errln;

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
    /// Reaches into the machine while it runs, as a person does who takes parts out.
    pub(crate) hand: Hand,
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
    /// The twin of `cell` with the parts of `seed`; `trays` says how far each was used before.
    pub(crate) fn new(
        cell: &Cell,
        plant: PlantDescription,
        seed: u64,
        trays: &[TrayUse],
        pulse: Pulse,
    ) -> Result<TwinSide, WorldError> {
        let materials = plant.material.clone();
        let (camera_time, scanner_time) = (plant.tip.camera_time, plant.tip.scanner_time);
        // The plant counts in 32 bits: a part that often is not made on a twin.
        let taken = trays.iter().map(|t| u32::try_from(t.picks).unwrap_or(u32::MAX)).collect();
        let (world, ports) = World::new(cell, plant, seed, &Cursors(taken))?;
        let robots = ports.robots.into_iter().map(|r| Box::new(r) as Box<dyn RobotDriver + Send>).collect();
        let cameras = cell.cameras.iter().enumerate();
        let scanners = 0..cell.scanners.len();
        let devices = TwinDevices {
            cameras: cameras.map(|(i, c)| CameraTwin::new(CameraId(i as u16), c, camera_time)).collect(),
            scanners: scanners.map(|i| ScannerTwin::new(ScannerId(i as u16), scanner_time)).collect(),
            scene: Scene(Arc::new(Mutex::new(ports.scene))),
            materials,
            hand: ports.hand,
        };
        let segment = TwinSegment { world, now: TimeNs(0), pulse };
        Ok(TwinSide { segment, drivers: drivers(cell, robots), devices })
    }
}

/// What the automatic operator of the twin does with his hands before he answers: what a person would have
/// taken out of the machine, he takes out.
pub(crate) fn act(hand: &mut Hand, question: &Question) {
    if question.kind == QuestionKind::Reconcile {
        do_by_hand(hand, Injection::TakeOut);
    }
}

/// Reaches into the twin; says so when it has not taken the acts before.
pub(crate) fn do_by_hand(hand: &mut Hand, act: Injection) {
    if let Err(act) = hand.act(act) {
        errln!("warning: the twin is busy, {act:?} was not done: do it again");
    }
}

/// Brings what the recipe asks for to the sources where something else lies; of the material in `devices` only
/// what is there then is left.
pub(crate) fn bring(devices: &mut TwinDevices, plan: &Plan) {
    let wanted = hands::wanted(plan, &devices.materials);
    for act in hands::brought(plan, &devices.materials) {
        do_by_hand(&mut devices.hand, act);
    }
    devices.materials = wanted;
}

/// Drivers of the message devices: the same for the twin's and for real ones, but for the cobots.
pub(crate) fn drivers(cell: &Cell, robots: Vec<Box<dyn RobotDriver + Send>>) -> Devices {
    let cameras = cell.cameras.iter().map(|c| Box::new(LineCamera::new(c)) as Box<CameraDriver>);
    let scanners =
        cell.scanners.iter().map(|s| Box::new(LineScanner::new(s, CENTURY_OF)) as Box<ScannerDriver>);
    Devices::new(robots, cameras.collect(), scanners.collect())
}

/// Two-digit years of expiry dates are read around this one (GS1 General Specifications, 7.12); it needs
/// no clock: the window is 51 years back and 49 ahead.
const CENTURY_OF: u16 = 2026;
