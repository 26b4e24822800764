//! The plant as a whole: one substep after another.

mod hands;
mod stations;

use std::collections::BTreeMap;
use std::sync::Arc;

use cellwright_driver_api::twin::{PlantIx, PlantPort};
use cellwright_model::cell::{Cell, LeakTester};
use cellwright_model::plant::PartKind;
use cellwright_model::robot::Joints;
use cellwright_model::{AnalogId, AxisId, Dimension, InputId};

use super::SUBSTEP_NS;
use super::mechanics::AxisMechanics;
use super::parts::Truth;
use super::places::{Cursors, GRIPPERS_MAX, Layout, NESTS_MAX, Part, Places, Released};
use super::process::LeakVolume;
use super::sensors::{AnalogSensor, InputSensor, Latches, Supplies};

pub use cellwright_model::injection::{Injection, TrayLoad};
use stations::{AtWork, Lane, bit_damping, lanes};

const SUBSTEP_S: f64 = SUBSTEP_NS as f64 / 1e9;

/// A description that does not fit its cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlantError(pub String);

impl core::fmt::Display for PlantError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "plant description: {}", self.0)
    }
}

impl std::error::Error for PlantError {}

struct AxisIx {
    position: PlantIx,
    velocity: PlantIx,
    torque: PlantIx,
    /// Error code that its drive takes up; 0: none.
    fault: PlantIx,
    /// Error code of an emergency that its drive sends, without a fault; 0: none.
    emergency: PlantIx,
    /// What its encoder shows beside the position, au.
    encoder: PlantIx,
    /// The holding brake is on, as its drive says.
    brake: PlantIx,
    /// Negative and positive limit switch.
    limits: [PlantIx; 2],
}

/// The simulated machine. See the module text of [`super`].
pub struct Plant {
    truth: Arc<Truth>,
    layout: Layout,
    places: Places,
    axes: Vec<AxisMechanics>,
    axis_ix: Vec<AxisIx>,
    table: Option<usize>,
    table_seen_au: f64,
    lanes: Vec<Lane>,
    /// Of the bit, in N·m for each deg/s.
    bit_damping: f64,
    leak_tester: Option<LeakTester>,
    volume: LeakVolume,
    at_work: AtWork,
    /// Physical values in front of the analog sensors.
    physical: Vec<f64>,
    analogs: Vec<AnalogSensor>,
    analog_ix: Vec<PlantIx>,
    inputs: Vec<InputSensor>,
    input_ix: Vec<PlantIx>,
    output_ix: Vec<PlantIx>,
    sto_ix: PlantIx,
    supplies: Supplies,
    latches: Latches,
    grip_attempts: Vec<(Option<Part>, u64)>,
    /// Grips of each robot that are still to miss, as a test says.
    grips_to_miss: Vec<u32>,
    substep: u64,
    names: BTreeMap<String, PlantIx>,
    values: Vec<f64>,
}

#[derive(Default)]
struct Names {
    names: BTreeMap<String, PlantIx>,
    values: Vec<f64>,
}

impl Names {
    fn add(&mut self, name: String, value: f64) -> PlantIx {
        let ix = PlantIx(self.values.len() as u32);
        self.values.push(value);
        self.names.insert(name, ix);
        ix
    }
}

impl Plant {
    /// A machine at power-up: everything where the description says, trays as the cursors say, nests and
    /// grippers empty.
    ///
    /// Errors: a description that does not fit the cell.
    pub fn new(cell: &Cell, truth: Arc<Truth>, cursors: &Cursors) -> Result<Plant, PlantError> {
        check(cell, &truth)?;
        let d = &truth.description;
        let mut names = Names::default();
        let axes: Vec<AxisMechanics> =
            d.axes.iter().zip(&cell.axes).map(|(p, a)| AxisMechanics::new(p, a.kind)).collect();
        let axis_ix = cell.axes.iter().zip(&axes).map(|(a, m)| AxisIx {
            position: names.add(format!("axis.{}.position", a.name), m.position_au),
            velocity: names.add(format!("axis.{}.velocity", a.name), 0.0),
            torque: names.add(format!("axis.{}.torque", a.name), 0.0),
            fault: names.add(format!("axis.{}.fault", a.name), 0.0),
            emergency: names.add(format!("axis.{}.emergency", a.name), 0.0),
            encoder: names.add(format!("axis.{}.encoder", a.name), 0.0),
            brake: names.add(format!("axis.{}.brake", a.name), 1.0),
            limits: ["negative", "positive"]
                .map(|end| names.add(format!("axis.{}.limit_{end}", a.name), 0.0)),
        });
        let axis_ix = axis_ix.collect();
        let analog_ix = cell.analogs.iter().map(|a| names.add(format!("ai.{}", a.name), 0.0)).collect();
        let input_ix = cell.digital_inputs.iter().map(|i| names.add(format!("di.{}", i.name), 0.0)).collect();
        let output_ix =
            cell.digital_outputs.iter().map(|o| names.add(format!("do.{}", o.name), 0.0)).collect();
        let sto_ix = names.add("sto".into(), 1.0);
        let mut plant = Plant {
            layout: Layout::new(cell, &truth),
            places: Places::new(cell, &truth, cursors),
            axes,
            axis_ix,
            table: cell.table.as_ref().map(|t| t.axis.index()),
            table_seen_au: f64::NAN,
            lanes: lanes(cell),
            bit_damping: bit_damping(&truth),
            leak_tester: cell.leak_testers.first().cloned(),
            volume: LeakVolume::default(),
            at_work: AtWork::new(&truth),
            physical: physical(cell, d.ambient_degc),
            analogs: (0..cell.analogs.len()).map(|i| AnalogSensor::new(d, AnalogId(i as u16))).collect(),
            analog_ix,
            inputs: (0..cell.digital_inputs.len()).map(|i| InputSensor::new(d, InputId(i as u16))).collect(),
            input_ix,
            output_ix,
            sto_ix,
            supplies: Supplies { estop_pressed: false, guard_open: false, air_off: false, lane_empty: false },
            latches: Latches::default(),
            grip_attempts: vec![(None, 0); cell.robots.len()],
            grips_to_miss: vec![0; cell.robots.len()],
            substep: 0,
            names: names.names,
            values: names.values,
            truth,
        };
        plant.turn_table();
        plant.show_sensors();
        Ok(plant)
    }

    /// Where everything is.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Substeps since power-up.
    pub fn substeps(&self) -> u64 {
        self.substep
    }

    /// Position of an axis in au; NaN if there is none.
    pub fn position_au(&self, axis: AxisId) -> f64 {
        self.axes.get(axis.index()).map_or(f64::NAN, |a| a.position_au)
    }

    /// Velocity of an axis in au/s; NaN if there is none.
    pub fn velocity_au_s(&self, axis: AxisId) -> f64 {
        self.axes.get(axis.index()).map_or(f64::NAN, |a| a.velocity_au_s)
    }

    /// Torque is removed by the safety controller: cobots are stopped as well.
    pub fn torque_removed(&self) -> bool {
        self.supplies.estop_pressed || self.supplies.guard_open
    }

    /// Moves the machine by one substep of [`SUBSTEP_NS`], after the devices set their quantities, and shows it
    /// to its sensors.
    pub fn step(&mut self) {
        self.step_unseen();
        self.show_sensors();
    }

    /// The same, but only drives see it: for a substep after which no terminal is read.
    pub(crate) fn step_unseen(&mut self) {
        for (axis, ix) in self.axes.iter_mut().zip(&self.axis_ix) {
            axis.braked = self.values[ix.brake.0 as usize] > 0.5;
            axis.step(self.values[ix.torque.0 as usize], SUBSTEP_S);
        }
        self.turn_table();
        self.feed();
        self.press();
        self.screw();
        self.leak();
        self.latches.pass();
        self.substep += 1;
        for (axis, ix) in self.axes.iter().zip(&self.axis_ix) {
            self.values[ix.position.0 as usize] = axis.position_au;
            self.values[ix.velocity.0 as usize] = axis.velocity_au_s;
            for (limit, on) in ix.limits.iter().zip(axis.limit_switches()) {
                self.values[limit.0 as usize] = f64::from(u8::from(on));
            }
        }
        self.values[self.sto_ix.0 as usize] = f64::from(u8::from(!self.torque_removed()));
    }

    /// The gripper of a robot closes, or has opened, with its joints here; true if it holds something.
    pub fn grip(&mut self, robot: usize, joints: &Joints, close: bool) -> bool {
        if close {
            if self.layout.lays_in_good_tray(robot) {
                self.latches.pocket_filled = false;
            }
            if let Some(left) = self.grips_to_miss.get_mut(robot).filter(|left| **left > 0) {
                *left -= 1;
                return false;
            }
            let Some(attempts) = self.grip_attempts.get_mut(robot) else { return false };
            let truth = &self.truth;
            return self.places.close(&self.layout, robot, joints, |part| {
                let again = attempts.0 == Some(part);
                *attempts = (Some(part), if again { attempts.1 + 1 } else { 0 });
                truth.grip_misses(part.kind, part.n, attempts.1)
            });
        }
        match self.places.open(&self.layout, robot, joints) {
            Released::InPocket => self.latches.pocket_filled = true,
            Released::InBin => self.falls(),
            Released::Elsewhere => {}
        }
        false
    }

    /// Something falls through the chute of a bin.
    fn falls(&mut self) {
        let grippers = self.truth.description.grippers;
        self.latches.drop_in = substeps(grippers.fall.0);
        self.latches.drop_for = substeps(grippers.drop_pulse.0);
    }

    fn output(&self, id: cellwright_model::OutputId) -> bool {
        self.output_ix.get(id.index()).is_some_and(|ix| self.values[ix.0 as usize] > 0.5)
    }

    fn turn_table(&mut self) {
        let au = self.table.and_then(|t| self.axes.get(t)).map_or(0.0, |t| t.position_au);
        if au != self.table_seen_au {
            self.table_seen_au = au;
            self.places.turn_table(&self.layout, au);
        }
    }

    /// Brings every quantity that terminals read up to date.
    fn show_sensors(&mut self) {
        for (i, (sensor, ix)) in self.analogs.iter().zip(&self.analog_ix).enumerate() {
            self.values[ix.0 as usize] = sensor.shows(self.physical[i], self.truth.seed, i, self.series(i));
        }
        for (sensor, ix) in self.inputs.iter().zip(&self.input_ix) {
            let level = sensor.level(&self.places, &self.supplies, &self.latches);
            self.values[ix.0 as usize] = f64::from(u8::from(level));
        }
    }
}

impl PlantPort for Plant {
    fn resolve(&self, name: &str) -> Option<PlantIx> {
        self.names.get(name).copied()
    }
    fn get(&self, ix: PlantIx) -> f64 {
        self.values.get(ix.0 as usize).copied().unwrap_or(0.0)
    }
    fn set(&mut self, ix: PlantIx, value: f64) {
        if let Some(v) = self.values.get_mut(ix.0 as usize) {
            *v = value;
        }
    }
}

fn substeps(ns: u64) -> u32 {
    u32::try_from(ns / SUBSTEP_NS).unwrap_or(u32::MAX)
}

/// Physical values at power-up: temperature is ambient, everything else zero.
fn physical(cell: &Cell, ambient_degc: f64) -> Vec<f64> {
    let at_rest = |d| if d == Dimension::Temperature { ambient_degc } else { 0.0 };
    cell.analogs.iter().map(|a| at_rest(a.dimension)).collect()
}

/// Every index of the description is one of the cell, so that stepping needs no further check.
fn check(cell: &Cell, truth: &Truth) -> Result<(), PlantError> {
    let d = &truth.description;
    let err = |what: String| Err(PlantError(what));
    for (i, axis) in cell.axes.iter().enumerate() {
        if d.axes.get(i).is_none_or(|p| p.axis.index() != i) {
            return err(format!("no mechanics for axis `{}` at its place", axis.name));
        }
    }
    let usable = |p: &cellwright_model::plant::AxisPhysics| {
        [p.inertia_kgm2, p.au_per_revolution, p.viscous_at_au_s].iter().all(|x| x.is_finite() && *x > 0.0)
    };
    if let Some(bad) = d.axes.iter().find(|p| !usable(p)) {
        return err(format!("inertia or transmission of axis {} is not positive", bad.axis.index()));
    }
    let moved = [d.press.map(|p| p.axis), d.thread.map(|t| t.axis)];
    if d.axes.len() > cell.axes.len() || moved.into_iter().flatten().any(|a| a.index() >= d.axes.len()) {
        return err("names an axis that the cell does not have".into());
    }
    let leak = cell.leak_testers.first().map(|t| t.pressure);
    if [d.press.map(|p| p.force), d.thread.map(|t| t.torque), leak]
        .into_iter()
        .flatten()
        .any(|a| a.index() >= cell.analogs.len())
    {
        return err("names an analog channel that the cell does not have".into());
    }
    if cell.robots.len() > GRIPPERS_MAX {
        return err(format!("{} cobots; at most {GRIPPERS_MAX}", cell.robots.len()));
    }
    if cell.table.as_ref().is_some_and(|t| usize::from(t.nests) > NESTS_MAX || t.nests == 0) {
        return err(format!("a table of 1 to {NESTS_MAX} nests is simulated"));
    }
    if let Some(lane) = lanes(cell).iter().find(|l| l.axis >= cell.axes.len()) {
        return err(format!("the feeder of tray {} has no axis", lane.tray.index()));
    }
    for kind in PartKind::ALL {
        let share: f64 = d.defects.iter().filter(|s| s.defect.kind() == kind).map(|s| s.share).sum();
        if !(0.0..=1.0).contains(&share) {
            return err(format!("defects of {} add up to {share} of its parts", kind.as_str()));
        }
    }
    Ok(())
}
