//! The world behind the wire: segment, plant and cobots of one cell, moved by simulated time.
//!
//! It lives on one thread, that of the cycle when it is in process. Nothing in it allocates after
//! [`World::new`]. The controller's side of it is [`TwinPorts`].
//!
//! Time: a cycle advances the world by its nominal length in substeps of [`SUBSTEP_NS`]: in each, the
//! devices set their quantities, then the machine moves. Cobots move every [`GRID_NS`].

use std::sync::Arc;

use cellwright_analog_in::twin::{AnalogInTwin, ChannelConfig};
use cellwright_cobot_ros2::follow::{FollowedCobot, follow};
use cellwright_cobot_ros2::link::{CobotLink, link};
use cellwright_cobot_ros2::twin::{CobotModel, CobotModelError, GRID_NS, TwinCobot, Workspace};
use cellwright_digital_io::twin::{CouplerTwin, DigitalInputTwin, DigitalOutputTwin};
use cellwright_driver_api::twin::{Identity, SubDeviceModel, UnresolvedQuantity};
use cellwright_model::cell::{Axis, Cell, DeviceKind, SubDevice};
use cellwright_model::faults::{FaultEntry, FaultPlan};
use cellwright_model::plant::PlantDescription;
use cellwright_model::robot::{Joints, RobotState};
use cellwright_model::{DurationNs, TimeNs};
use cellwright_servo_cia402::twin::{ServoConfig, ServoTwin};

use crate::faults::{Faults, Machine};
use crate::plant::{Cursors, Injection, Places, Plant, PlantError, SUBSTEP_NS, Truth};
use crate::ports::{Hand, PlantScene, TwinPorts};
use crate::segment::{Processed, Segment, SegmentError};

/// Delay of one SubDevice, both directions of a frame together with its cable (ETG.1000.2: an ESC
/// forwards within a microsecond).
const HOP_DELAY_NS: u32 = 500;
/// Longest time that [`World::advance`] makes up for after a stall: later, the machine has stood still.
pub const CATCH_UP_MAX_NS: u64 = 20_000_000;
/// Bits of a digital terminal, channels of an analog one.
const BITS: u8 = 16;
const CHANNELS: u8 = 4;

/// Why there is no world of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorldError {
    Plant(PlantError),
    Device(UnresolvedQuantity),
    Segment(SegmentError),
    Cobot {
        robot: String,
        why: CobotModelError,
    },
    /// A servo SubDevice without an axis in the cell.
    NoAxis {
        device: String,
    },
}

impl core::fmt::Display for WorldError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            WorldError::Plant(e) => e.fmt(f),
            WorldError::Device(e) => e.fmt(f),
            WorldError::Segment(e) => e.fmt(f),
            WorldError::Cobot { robot, why } => write!(f, "cobot `{robot}`: {why}"),
            WorldError::NoAxis { device } => write!(f, "servo `{device}` moves no axis of the cell"),
        }
    }
}

impl std::error::Error for WorldError {}

/// See the module text.
pub struct World {
    segment: Segment,
    plant: Plant,
    cobots: Vec<TwinCobot>,
    view: triple_buffer::Input<Places>,
    hand: rtrb::Consumer<Injection>,
    shown_changes: u64,
    /// Time that is owed to the plant: less than a substep.
    owed_ns: u64,
    to_grid_ns: u64,
    not_made_up_ns: u64,
    faults: Option<Box<Faults>>,
}

/// One robot's gripper in the plant.
struct Reach<'w> {
    plant: &'w mut Plant,
    robot: usize,
}

impl Workspace for Reach<'_> {
    fn grip(&mut self, joints: &Joints, close: bool) -> bool {
        self.plant.grip(self.robot, joints, close)
    }
    fn holds(&self) -> bool {
        self.plant.places().grippers.get(self.robot).is_some_and(Option::is_some)
    }
}

impl World {
    /// The world of a cell at power-up, and its ports. `seed` makes the parts; `cursors` say how many
    /// parts the sources have given before.
    ///
    /// Errors: a description that does not fit the cell, or a segment that cannot be simulated.
    pub fn new(
        cell: &Cell,
        description: PlantDescription,
        seed: u64,
        cursors: &Cursors,
    ) -> Result<(World, TwinPorts), WorldError> {
        let truth = Arc::new(Truth { description, seed });
        let plant = Plant::new(cell, truth.clone(), cursors).map_err(WorldError::Plant)?;
        let models: Result<Vec<_>, WorldError> =
            (0..cell.segment.len()).map(|i| model(cell, &truth.description, i, &plant)).collect();
        let wiring: Vec<_> = cell.segment.iter().map(|s| s.upstream).collect();
        let segment = Segment::wired(models?, &wiring, HOP_DELAY_NS).map_err(WorldError::Segment)?;
        let (mut cobots, mut robots) = (Vec::new(), Vec::new());
        for robot in &cell.robots {
            let (driver, ends) = link(robot.answer_timeout);
            let model = CobotModel::from_cell(robot, truth.description.grippers.time);
            let why = |why| WorldError::Cobot { robot: robot.name.clone(), why };
            cobots.push(TwinCobot::new(model, ends).map_err(why)?);
            robots.push(driver);
        }
        let (view, seen) = triple_buffer::triple_buffer(plant.places());
        let scene = PlantScene::new(cell, seen, truth);
        let (hand, acts) = Hand::new();
        let shown_changes = plant.places().changes;
        let world = World {
            segment,
            plant,
            cobots,
            view,
            hand: acts,
            shown_changes,
            owed_ns: 0,
            to_grid_ns: 0,
            not_made_up_ns: 0,
            faults: None,
        };
        Ok((world, TwinPorts { robots, scene, hand }))
    }

    /// Drivers of the cobots for another controller, in the order of the cell: the last one is gone. Whatever
    /// it asked of a cobot is stopped.
    pub fn reconnect(&mut self, cell: &Cell) -> Vec<CobotLink> {
        let connect = |(cobot, robot): (&mut TwinCobot, &cellwright_model::cell::Robot)| {
            let (driver, ends) = link(robot.answer_timeout);
            cobot.reconnect(ends);
            driver
        };
        self.cobots.iter_mut().zip(&cell.robots).map(connect).collect()
    }

    /// The cobots themselves, in the order of the cell, whatever has been told of them.
    pub fn cobots(&self) -> impl Iterator<Item = RobotState> {
        self.cobots.iter().map(TwinCobot::state)
    }

    /// Drivers of robots elsewhere that work in this plant, in the order of the cell: each cobot stands where its robot is.
    /// `robots`: as many as the cell has.
    pub fn follow(&mut self, cell: &Cell, robots: Vec<CobotLink>) -> Vec<FollowedCobot> {
        let join =
            |((cobot, described), robot): ((&mut TwinCobot, &cellwright_model::cell::Robot), CobotLink)| {
                let start = cobot.state().joints;
                let (driver, ends) = follow(robot, start, described.answer_timeout);
                cobot.follow(ends);
                driver
            };
        self.cobots.iter_mut().zip(&cell.robots).zip(robots).map(join).collect()
    }

    /// Carries out a fault plan from now on; one that was there is over.
    pub fn set_faults(&mut self, faults: Option<Faults>) {
        self.mend();
        self.faults = faults.map(Box::new);
    }

    /// One fault more, from now on; its moment is not looked at.
    pub fn strike(&mut self, cell: &Cell, fault: FaultEntry) {
        let none = FaultPlan { about: String::new(), seed: 1, entries: Vec::new(), expected: None };
        self.faults.get_or_insert_with(|| Box::new(Faults::new(&none, cell))).strike(fault, cell);
    }

    /// The fault plan at work.
    pub fn faults(&self) -> Option<&Faults> {
        self.faults.as_deref()
    }

    /// Every fault of the plan ends, and none begins any more.
    pub fn mend(&mut self) {
        if let Some(faults) = &mut self.faults {
            faults.mend(&mut Machine { segment: &mut self.segment, plant: &mut self.plant });
        }
    }

    /// When a frame comes back that [`World::process`] did not give; then, or later, [`World::take_reply`] has it.
    pub fn next_reply(&self) -> Option<TimeNs> {
        self.faults.as_ref()?.next_reply()
    }

    /// A frame that is back by `now` and that [`World::process`] did not give, into `buffer`, and its length.
    pub fn take_reply(&mut self, now: TimeNs, buffer: &mut [u8]) -> Option<usize> {
        let machine = &mut Machine { segment: &mut self.segment, plant: &mut self.plant };
        self.faults.as_mut()?.take_reply(machine, now, buffer)
    }

    /// The segment answers a frame in place: how long it is on its way, `None` if nothing comes back (by a fault plan,
    /// not yet: [`World::next_reply`]).
    pub fn process(&mut self, frame: &mut [u8], now: TimeNs) -> Option<DurationNs> {
        if let Some(faults) = &mut self.faults {
            let machine = &mut Machine { segment: &mut self.segment, plant: &mut self.plant };
            return faults.frame(machine, frame, now);
        }
        match self.segment.process(frame, now) {
            Processed::Returned { round_trip_ns } => Some(DurationNs(round_trip_ns)),
            Processed::Dropped(_) => None,
        }
    }

    /// Advances the world by `dt_ns` of nominal time, to `now` of the controller's clock.
    pub fn cycle(&mut self, now: TimeNs, dt_ns: u64) {
        while let Ok(injection) = self.hand.pop() {
            self.inject(injection);
        }
        if let Some(faults) = &mut self.faults {
            faults.pass(&mut Machine { segment: &mut self.segment, plant: &mut self.plant }, now);
        }
        self.owed_ns += dt_ns;
        while self.owed_ns >= SUBSTEP_NS {
            self.owed_ns -= SUBSTEP_NS;
            // Terminals are read after the last substep, and show what they saw before it.
            self.substep(now, self.owed_ns < 2 * SUBSTEP_NS);
        }
        let places = self.plant.places();
        if places.changes != self.shown_changes {
            self.shown_changes = places.changes;
            self.view.input_buffer_mut().copy_from(places);
            self.view.publish();
        }
    }

    /// The same by elapsed time, for a segment on a real wire: at most [`CATCH_UP_MAX_NS`] are made up.
    pub fn advance(&mut self, now: TimeNs, elapsed_ns: u64) {
        self.not_made_up_ns += elapsed_ns.saturating_sub(CATCH_UP_MAX_NS);
        self.cycle(now, elapsed_ns.min(CATCH_UP_MAX_NS));
    }

    fn substep(&mut self, now: TimeNs, seen: bool) {
        self.segment.step(now, SUBSTEP_NS, &mut self.plant);
        if seen {
            self.plant.step();
        } else {
            self.plant.step_unseen();
        }
        self.to_grid_ns += SUBSTEP_NS;
        if self.to_grid_ns < GRID_NS {
            return;
        }
        self.to_grid_ns -= GRID_NS;
        let stopped = self.plant.torque_removed();
        for (robot, cobot) in self.cobots.iter_mut().enumerate() {
            cobot.emergency_stop(stopped);
            cobot.step(now, &mut Reach { plant: &mut self.plant, robot });
        }
    }

    /// Does something to the machine, from the next substep on.
    pub fn inject(&mut self, injection: Injection) {
        match injection {
            Injection::Power { position, on } => self.set_power(usize::from(position), on),
            Injection::Link { position, port, up } => self.set_link(usize::from(position), port, up),
            Injection::Replace { position, serial } => self.segment.replace(usize::from(position), serial),
            Injection::ProtectiveStop { robot, active } => {
                if let Some(cobot) = self.cobots.get_mut(robot.index()) {
                    cobot.protective_stop(active);
                }
            }
            _ => self.plant.inject(injection),
        }
    }

    /// Switches the supply of one SubDevice, by its position in the segment.
    pub fn set_power(&mut self, position: usize, on: bool) {
        self.segment.set_power(position, on);
    }

    /// Cuts or heals the cable at a port of a SubDevice, see [`Segment::set_link`].
    pub fn set_link(&mut self, position: usize, port: u8, up: bool) {
        self.segment.set_link(position, port, up);
    }

    /// How the local clock of a SubDevice runs, see [`Segment::set_clock`].
    pub fn set_clock(&mut self, position: usize, phase_ns: u64, drift_ppb: i32) {
        self.segment.set_clock(position, phase_ns, drift_ppb);
    }

    /// Marks the segment, see [`Segment::set_mark`].
    pub fn set_mark(&mut self, mark: u64) {
        self.segment.set_mark(mark);
    }

    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    pub fn plant(&self) -> &Plant {
        &self.plant
    }

    /// Time that [`World::advance`] did not make up for.
    pub fn not_made_up_ns(&self) -> u64 {
        self.not_made_up_ns
    }
}

fn identity(d: &SubDevice) -> Identity {
    Identity { vendor: d.vendor, product: d.product, revision: d.revision, serial: d.serial }
}

/// The application of the SubDevice at a position of the segment, wired to what the cell file names.
fn model(
    cell: &Cell,
    description: &PlantDescription,
    position: usize,
    plant: &Plant,
) -> Result<Box<dyn SubDeviceModel>, WorldError> {
    let device = &cell.segment[position];
    let identity = identity(device);
    Ok(match device.kind {
        DeviceKind::Coupler => Box::new(CouplerTwin::new(identity)),
        DeviceKind::DigitalInput16 => {
            let named = |bit| cell.digital_inputs.iter().find(|i| i.subdevice == position && i.bit == bit);
            let names: Vec<_> = (0..BITS).map(|bit| named(bit).map(|i| i.name.clone())).collect();
            Box::new(
                DigitalInputTwin::new(&device.name, identity, &names, plant).map_err(WorldError::Device)?,
            )
        }
        DeviceKind::DigitalOutput16 => {
            let named = |bit| cell.digital_outputs.iter().find(|o| o.subdevice == position && o.bit == bit);
            let names: Vec<_> = (0..BITS).map(|bit| named(bit).map(|o| o.name.clone())).collect();
            Box::new(
                DigitalOutputTwin::new(&device.name, identity, &names, plant).map_err(WorldError::Device)?,
            )
        }
        DeviceKind::AnalogInput4 => {
            let channels: Vec<_> = (0..CHANNELS).map(|c| channel(cell, position, c)).collect();
            Box::new(AnalogInTwin::new(&device.name, identity, &channels, plant).map_err(WorldError::Device)?)
        }
        DeviceKind::ServoCia402 => servo_twin(cell, description, position, plant)?,
    })
}

/// The drive at a position of the segment, tuned to its axis in the plant.
///
/// Errors: the position moves no axis, or the plant does not have it.
pub fn servo_twin(
    cell: &Cell,
    description: &PlantDescription,
    position: usize,
    plant: &Plant,
) -> Result<Box<dyn SubDeviceModel>, WorldError> {
    let device = cell.segment.get(position).map_or_else(String::new, |d| d.name.clone());
    let place = cell.axes.iter().position(|a| a.subdevice == position);
    let physics = place.and_then(|i| description.axes.get(i));
    let (Some(place), Some(physics)) = (place, physics) else { return Err(WorldError::NoAxis { device }) };
    let config = servo(&cell.axes[place], physics, identity(&cell.segment[position]));
    Ok(Box::new(ServoTwin::new(config, plant).map_err(WorldError::Device)?))
}

fn channel(cell: &Cell, position: usize, channel: u8) -> ChannelConfig {
    match cell.analogs.iter().find(|a| a.subdevice == position && a.channel == channel) {
        Some(a) => ChannelConfig {
            name: Some(a.name.clone()),
            scale: a.scale,
            offset: a.offset,
            resolution_bits: 16,
        },
        None => ChannelConfig { name: None, scale: 1.0, offset: 0.0, resolution_bits: 16 },
    }
}

/// The drive of an axis: tuned to the plant's inertia, limited by what the cell file says of the axis. Its
/// own following error window is wider than the guard of the cycle, which so acts first.
fn servo(axis: &Axis, physics: &cellwright_model::plant::AxisPhysics, identity: Identity) -> ServoConfig {
    let rad_per_au = core::f64::consts::TAU / physics.au_per_revolution;
    let mut config =
        ServoConfig::for_axis(&axis.name, axis.counts_per_au, axis.torque_rated_nm, axis.velocity_max);
    config.identity = identity;
    config.torque_max_per_mille = (axis.torque_max_nm / axis.torque_rated_nm * 1000.0).round() as u16;
    config.inertia_nm_s2_per_au = physics.inertia_kgm2 * rad_per_au;
    config.velocity_max = axis.velocity_max * 1.1;
    config.quick_stop_deceleration = axis.acceleration_max;
    config.following_window_au = axis.following_error_max_au * 1.5;
    config.incremental = axis.reference.homing().is_some();
    (config.index_every_au, config.index_at_au) = (physics.index_every_au, physics.index_at_au);
    config
}
