//! A bench that moves the plant's axes through their drives, as a MainDevice would, without a bus.

use std::sync::Arc;

use cellwright_driver_api::twin::{PlantPort, SubDeviceModel};
use cellwright_model::cell::Cell;
use cellwright_model::{AxisId, TrayId};
use cellwright_servo_cia402::twin::{MODE_CSP, MODE_CST};
use cellwright_twin::plant::{Cursors, Plant, SUBSTEP_NS, Truth};
use cellwright_twin::world::servo_twin;

pub(crate) const LOAD: f64 = 0.0;
pub(crate) const PRESS: f64 = 90.0;
pub(crate) const CLOSE: f64 = 180.0;
pub(crate) const TEST: f64 = 270.0;

struct Drive {
    model: Box<dyn SubDeviceModel>,
    counts_per_au: f64,
    torque_rated_nm: f64,
    target_au: f64,
    torque_nm: f64,
    mode: i8,
}

pub(crate) struct Bench {
    pub(crate) cell: Cell,
    pub(crate) plant: Plant,
    pub(crate) truth: Arc<Truth>,
    drives: Vec<Drive>,
    pub(crate) ms: u64,
}

impl Bench {
    pub(crate) fn new(truth: Truth, cursors: &Cursors) -> Bench {
        let cell = super::cell();
        let truth = Arc::new(truth);
        let plant = Plant::new(&cell, truth.clone(), cursors).expect("a plant");
        let drives = cell.axes.iter().enumerate().map(|(i, a)| Drive {
            model: servo_twin(&cell, &truth.description, a.subdevice, &plant).expect("a drive"),
            counts_per_au: a.counts_per_au,
            torque_rated_nm: a.torque_rated_nm,
            target_au: plant.position_au(AxisId(i as u16)),
            torque_nm: 0.0,
            mode: MODE_CSP,
        });
        let drives = drives.collect();
        let mut bench = Bench { cell, plant, truth, drives, ms: 0 };
        for controlword in [0x06, 0x07, 0x0F] {
            (0..40).for_each(|_| bench.millisecond(controlword));
        }
        bench
    }

    fn millisecond(&mut self, controlword: u16) {
        for d in &mut self.drives {
            let mut pdo = [0u8; 14];
            pdo[0..2].copy_from_slice(&controlword.to_le_bytes());
            pdo[2] = d.mode as u8;
            pdo[4..8].copy_from_slice(&((d.target_au * d.counts_per_au).round() as i32).to_le_bytes());
            pdo[8..10]
                .copy_from_slice(&((d.torque_nm / d.torque_rated_nm * 1000.0).round() as i16).to_le_bytes());
            d.model.outputs(&pdo);
        }
        for _ in 0..1_000_000 / SUBSTEP_NS {
            for d in &mut self.drives {
                d.model.step(SUBSTEP_NS, &mut self.plant);
            }
            self.plant.step();
        }
        self.ms += 1;
    }

    pub(crate) fn run(&mut self, ms: u64) {
        (0..ms).for_each(|_| self.millisecond(0x0F));
    }

    pub(crate) fn axis(&self, name: &str) -> AxisId {
        self.cell.axis(name).expect("an axis of the cell")
    }

    pub(crate) fn at(&self, name: &str) -> f64 {
        self.plant.position_au(self.axis(name))
    }

    pub(crate) fn quantity(&self, name: &str) -> f64 {
        self.plant.get(self.plant.resolve(name).expect("a quantity"))
    }

    pub(crate) fn set(&mut self, name: &str, value: f64) {
        let ix = self.plant.resolve(name).expect("a quantity");
        self.plant.set(ix, value);
    }

    /// A move with trapezoidal speed; `each` looks at every millisecond and may end it by true.
    pub(crate) fn move_until(
        &mut self,
        name: &str,
        to: f64,
        speed: f64,
        mut each: impl FnMut(&Bench) -> bool,
    ) {
        let a = self.axis(name);
        let acceleration = self.cell.axes[a.index()].acceleration_max * 0.5;
        self.drives[a.index()].mode = MODE_CSP;
        let (mut x, mut v) = (self.drives[a.index()].target_au, 0.0f64);
        while (to - x).abs() > 1e-9 {
            let way = to - x;
            let braking = (2.0 * acceleration * way.abs()).sqrt();
            v = (v + acceleration * 1e-3).min(speed).min(braking.max(acceleration * 1e-3));
            x += way.clamp(-v * 1e-3, v * 1e-3);
            self.drives[a.index()].target_au = x;
            self.millisecond(0x0F);
            if each(self) {
                break;
            }
        }
        self.run(100);
    }

    pub(crate) fn move_to(&mut self, name: &str, to: f64, speed: f64) {
        self.move_until(name, to, speed, |_| false);
    }

    /// Torque ramp in CST until `each` says so, then held for 100 ms and released; back to CSP where it is.
    pub(crate) fn torque_until(
        &mut self,
        name: &str,
        nm_per_s: f64,
        limit_nm: f64,
        mut each: impl FnMut(&Bench) -> bool,
    ) {
        let a = self.axis(name).index();
        self.drives[a].mode = MODE_CST;
        self.drives[a].torque_nm = 0.0;
        while self.drives[a].torque_nm < limit_nm {
            self.drives[a].torque_nm += nm_per_s * 1e-3;
            self.millisecond(0x0F);
            if each(self) {
                break;
            }
        }
        self.run(100);
        each(self);
        self.drives[a].torque_nm = 0.0;
        self.run(50);
        self.drives[a].target_au = self.at(name);
        self.drives[a].mode = MODE_CSP;
        self.run(50);
    }

    pub(crate) fn tray(&self, name: &str) -> TrayId {
        self.cell.tray(name).expect("a tray of the cell")
    }

    /// The robot's gripper closes or opens at a pocket of a tray.
    pub(crate) fn at_pocket(&mut self, robot: usize, tray: &str, n: u32, close: bool) -> bool {
        let joints = self.cell.trays[self.tray(tray).index()].pocket_joints(n, false).expect("a pocket");
        self.plant.grip(robot, &joints, close)
    }

    /// The robot's gripper closes or opens at a taught pose.
    pub(crate) fn at_pose(&mut self, robot: usize, pose: &str, close: bool) -> bool {
        let joints = self.cell.robots[robot].pose(pose).expect("a pose");
        self.plant.grip(robot, &joints, close)
    }

    /// Hub and cannula of the next unit in the nest at the load station.
    pub(crate) fn load(&mut self, pocket: u32) {
        self.move_to("table", LOAD, 300.0);
        assert!(self.at_pocket(0, "hub_tray", pocket, true));
        self.at_pose(0, "load", false);
        self.move_to("feeder_x", 0.0, 300.0);
        self.move_to("feeder_x", 110.0, 300.0);
        self.move_to("feeder_x", 0.0, 300.0);
    }
}
