//! Servo axes and nothing else, in this process: what `bench` drives to see what a number of axes costs.
//!
//! Each axis turns freely: its motor torque accelerates the inertia that its drive is tuned to.

use cellwright_bus::InProcessSegment;
use cellwright_driver_api::twin::{PlantIx, PlantPort, Quantities, SubDeviceModel};
use cellwright_model::cell::{Axis, Cell, DeviceKind, Panel, SubDevice};
use cellwright_model::timing::Timing;
use cellwright_model::wiring::Upstream;
use cellwright_model::{DurationNs, TimeNs};
use cellwright_servo_cia402::twin::{ServoConfig, ServoTwin, identity};
use cellwright_twin::segment::{Processed, Segment};

use crate::SimError;
use crate::twin::Beat;

/// Step of axis and drive; the loops of a drive are tuned to it.
const SUBSTEP_NS: u64 = 125_000;
/// Delay of one SubDevice with its cable, both directions of a frame together (as in a twin).
const HOP_DELAY_NS: u32 = 500;

/// A cell of `count` axes like the first one of `model`, each on a drive of its own, with a cycle of `period`.
/// It has no signals, stations or safety inputs: nobody can make anything with it.
pub fn cell(model: &Cell, count: u16, period: DurationNs, realtime: Timing) -> Option<Cell> {
    let pattern = model.axes.first()?;
    let name = |i: u16| format!("axis_{i}");
    let axis = |i: u16| Axis { name: name(i), subdevice: usize::from(i), ..pattern.clone() };
    let drive = |i: u16| {
        let id = identity(u32::from(i) + 1);
        SubDevice {
            name: format!("drive_{i}"),
            kind: DeviceKind::ServoCia402,
            vendor: id.vendor,
            product: id.product,
            revision: id.revision,
            serial: id.serial,
            upstream: i.checked_sub(1).map(|before| Upstream { position: usize::from(before), port: 1 }),
            pdos: None,
            start_up: vec![],
        }
    };
    Some(Cell {
        id: "axes".to_owned(),
        cycle: period,
        realtime,
        segment: (0..count).map(drive).collect(),
        axes: (0..count).map(axis).collect(),
        digital_inputs: Vec::new(),
        digital_outputs: Vec::new(),
        analogs: Vec::new(),
        stations: Vec::new(),
        table: None,
        robots: Vec::new(),
        zones: Vec::new(),
        cameras: Vec::new(),
        scanners: Vec::new(),
        printers: Vec::new(),
        trays: Vec::new(),
        leak_testers: Vec::new(),
        safety: Vec::new(),
        panel: Panel::default(),
        ..model.clone()
    })
}

/// One axis in the plant.
struct Free {
    position: PlantIx,
    velocity: PlantIx,
    torque: PlantIx,
    inertia_nm_s2_per_au: f64,
}

/// The segment of such a cell.
pub struct AxesSegment {
    segment: Segment,
    plant: Quantities,
    axes: Vec<Free>,
    now: TimeNs,
    owed_ns: u64,
    beat: Beat,
}

impl AxesSegment {
    /// A segment at power-up, every axis at rest at its home.
    ///
    /// Errors: more SubDevices than a segment has.
    pub fn new(cell: &Cell, beat: Beat) -> Result<AxesSegment, SimError> {
        let (mut plant, mut axes, mut models) = (Quantities::default(), Vec::new(), Vec::new());
        for (i, axis) in (1u32..).zip(&cell.axes) {
            let mut add = |what, value| plant.add(&format!("axis.{}.{what}", axis.name), value);
            let (position, velocity, torque) =
                (add("position", axis.home_au), add("velocity", 0.0), add("torque", 0.0));
            let mut config = ServoConfig::for_axis(
                &axis.name,
                axis.counts_per_au,
                axis.torque_rated_nm,
                axis.velocity_max * 1.1,
            );
            config.identity = identity(i);
            // Rated torque reaches the acceleration that the cell file allows, with room for the loop.
            config.inertia_nm_s2_per_au = axis.torque_rated_nm / (axis.acceleration_max * 2.0);
            config.following_window_au = axis.following_error_max_au * 1.5;
            let inertia_nm_s2_per_au = config.inertia_nm_s2_per_au;
            axes.push(Free { position, velocity, torque, inertia_nm_s2_per_au });
            models.push(config);
        }
        let models = models.into_iter().map(|config| {
            ServoTwin::new(config, &plant).map(|twin| Box::new(twin) as Box<dyn SubDeviceModel>)
        });
        let models: Vec<_> =
            models.collect::<Result<_, _>>().map_err(cellwright_twin::world::WorldError::Device)?;
        let segment =
            Segment::new(models, HOP_DELAY_NS).map_err(cellwright_twin::world::WorldError::Segment)?;
        Ok(AxesSegment { segment, plant, axes, now: TimeNs(0), owed_ns: 0, beat })
    }

    fn turn(&mut self) {
        let dt = SUBSTEP_NS as f64 * 1e-9;
        for axis in &self.axes {
            let acceleration = self.plant.get(axis.torque) / axis.inertia_nm_s2_per_au;
            let velocity = self.plant.get(axis.velocity) + acceleration * dt;
            self.plant.set(axis.velocity, velocity);
            let position = self.plant.get(axis.position) + velocity * dt;
            self.plant.set(axis.position, position);
        }
    }
}

impl InProcessSegment for AxesSegment {
    fn process(&mut self, frame: &mut [u8], now: TimeNs) -> Option<DurationNs> {
        self.now = now;
        match self.segment.process(frame, now) {
            Processed::Returned { round_trip_ns } => Some(DurationNs(round_trip_ns)),
            Processed::Dropped(_) => None,
        }
    }

    fn cycle_begin(&mut self, cycle: u64, nominal_period: DurationNs) {
        self.owed_ns += nominal_period.0;
        while self.owed_ns >= SUBSTEP_NS {
            self.owed_ns -= SUBSTEP_NS;
            self.segment.step(self.now, SUBSTEP_NS, &mut self.plant);
            self.turn();
        }
        (self.beat)(cycle);
    }
}
