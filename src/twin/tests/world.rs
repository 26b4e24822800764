//! The world from its ports: cobots that carry parts, devices that look at them, frames, determinism.

mod common;

use cellwright_camera::driver::LineCamera;
use cellwright_camera::twin::{CameraScene, CameraTwin};
use cellwright_driver_api::message::{
    DeviceError, InspectRequest, MessageDriver, MessageTwin, RobotDriver, ScanRequest,
};
use cellwright_driver_api::twin::PlantPort;
use cellwright_model::robot::{Joints, RobotCommand, RobotRefusal, RobotReply, RobotReport, RobotRequest};
use cellwright_model::{CameraId, RequestId, ScannerId, StationId, TimeNs};
use cellwright_scanner::driver::LineScanner;
use cellwright_scanner::twin::ScannerTwin;
use cellwright_twin::plant::{Cursors, Held, Injection};
use cellwright_twin::ports::TwinPorts;
use cellwright_twin::world::{CATCH_UP_MAX_NS, World};

const CYCLE_NS: u64 = 1_000_000;

struct Rig {
    cell: cellwright_model::cell::Cell,
    world: World,
    ports: TwinPorts,
    now: TimeNs,
    requests: u32,
}

impl Rig {
    fn new(seed: u64) -> Rig {
        let cell = common::cell();
        let mut description = common::description(&cell);
        // The table stands at its first station: nothing here moves it.
        description.axes[3].start_au = 0.0;
        let (world, ports) = World::new(&cell, description, seed, &Cursors::default()).expect("a world");
        Rig { cell, world, ports, now: TimeNs(0), requests: 0 }
    }

    fn cycle(&mut self) {
        self.now.0 += CYCLE_NS;
        self.world.cycle(self.now, CYCLE_NS);
    }

    fn command(&mut self, robot: usize, command: RobotCommand) -> RequestId {
        self.requests += 1;
        let id = RequestId(self.requests);
        self.ports.robots[robot].command(self.now, RobotRequest { id, command });
        id
    }

    fn reply(&mut self, robot: usize, id: RequestId) -> RobotReply {
        for _ in 0..10_000 {
            self.cycle();
            while let Some(report) = self.ports.robots[robot].poll(self.now) {
                if let RobotReport::Reply { id: of, reply } = report {
                    assert_eq!(of, id);
                    return reply;
                }
            }
        }
        panic!("no reply");
    }

    fn go(&mut self, robot: usize, to: Joints) {
        let id = self.command(robot, RobotCommand::MoveJ { to, speed: 1.0 });
        let holding = self.ports.robots[robot].state().holding;
        assert_eq!(self.reply(robot, id), RobotReply::Done { holding });
    }

    fn grip(&mut self, robot: usize, close: bool) -> bool {
        let id = self.command(robot, RobotCommand::Grip { close });
        match self.reply(robot, id) {
            RobotReply::Done { holding } => holding,
            other => panic!("{other:?}"),
        }
    }

    fn pocket(&self, tray: &str, n: u32) -> Joints {
        let tray = self.cell.tray(tray).expect("a tray");
        self.cell.trays[tray.index()].pocket_joints(n, false).expect("a pocket")
    }

    fn pose(&self, robot: usize, name: &str) -> Joints {
        self.cell.robots[robot].pose(name).expect("a pose")
    }

    /// The first hub is brought to the nest at the load station.
    fn place_hub(&mut self) {
        let (from, to) = (self.pocket("hub_tray", 0), self.pose(0, "load"));
        self.go(0, from);
        assert!(self.grip(0, true));
        self.go(0, to);
        assert!(!self.grip(0, false));
    }

    fn scan(&mut self) -> Result<Option<String>, DeviceError> {
        let mut driver = LineScanner::new(&self.cell.scanners[0], 2026);
        let mut twin = ScannerTwin::new(ScannerId(0), self.ports.scene.truth().description.tip.scanner_time);
        driver.on_connect(self.now);
        twin.on_connect();
        driver.request(self.now, RequestId(1), &ScanRequest)?;
        let mut bytes = Vec::new();
        driver.transmit(&mut bytes);
        self.ports.scene.refresh();
        twin.receive(self.now, &bytes, &self.ports.scene);
        let due = twin.deadline().expect("an answer");
        bytes.clear();
        twin.transmit(due, &mut bytes);
        driver.receive(due, &bytes);
        driver.poll(due).expect("an answer").result.map(|c| c.serial)
    }

    fn world_camera_time(&self) -> cellwright_model::DurationNs {
        self.ports.scene.truth().description.tip.camera_time
    }

    fn nest_hub(&mut self, station: u16) -> Option<u32> {
        self.ports.scene.refresh();
        self.ports.scene.places().at_station(StationId(station)).and_then(|a| a.hub)
    }
}

#[test]
fn a_cobot_carries_a_hub_to_the_nest_and_the_scanner_reads_its_code() {
    let mut rig = Rig::new(7);
    assert!(matches!(rig.scan(), Err(DeviceError::Refused { code, .. }) if code == "no-read"));
    let (from, to) = (rig.pocket("hub_tray", 0), rig.pose(0, "load"));
    rig.go(0, from);
    assert!(rig.grip(0, true));
    assert!(rig.ports.robots[0].state().holding);
    rig.ports.scene.refresh();
    let held = rig.ports.scene.places().grippers[0];
    assert!(matches!(held, Some(Held::Part(part)) if part.n == 0), "{held:?}");
    rig.go(0, to);
    assert!(!rig.grip(0, false));
    assert_eq!(rig.nest_hub(0), Some(0));
    assert_eq!(rig.scan(), Ok(Some("HB000000".into())));
    // The second one comes from the second pocket; the nest is taken.
    let from = rig.pocket("hub_tray", 1);
    rig.go(0, from);
    assert!(rig.grip(0, true));
    rig.go(0, to);
    rig.grip(0, false);
    rig.ports.scene.refresh();
    assert_eq!((rig.nest_hub(0), rig.ports.scene.places().collisions), (Some(0), 1));
}

#[test]
fn a_gripper_beside_a_pocket_finds_nothing() {
    let mut rig = Rig::new(7);
    let mut beside = rig.pocket("hub_tray", 0);
    beside[2] += 0.4;
    rig.go(0, beside);
    assert!(!rig.grip(0, true));
    assert!(!rig.grip(0, false));
    // The other robot does not reach this tray, whatever its joints say.
    let there = rig.pocket("hub_tray", 0);
    rig.go(1, there);
    assert!(!rig.grip(1, true));
}

#[test]
fn a_unit_is_taken_from_the_nest_by_another_robot_at_another_station() {
    let mut rig = Rig::new(7);
    rig.place_hub();
    let (load, test) = (rig.pose(1, "load"), rig.pose(1, "test"));
    rig.go(1, load);
    assert!(rig.grip(1, true));
    assert_eq!(rig.nest_hub(0), None);
    rig.go(1, test);
    rig.grip(1, false);
    assert_eq!((rig.nest_hub(0), rig.nest_hub(3)), (None, Some(0)));
}

#[test]
fn a_camera_says_that_there_is_nothing_to_measure() {
    let mut rig = Rig::new(7);
    rig.place_hub();
    rig.ports.scene.refresh();
    assert_eq!(rig.ports.scene.subject(CameraId(0)), None);
    let mut driver = LineCamera::new(&rig.cell.cameras[0]);
    let mut twin = CameraTwin::new(CameraId(0), &rig.cell.cameras[0], rig.world_camera_time());
    driver.on_connect(rig.now);
    twin.on_connect();
    let request = InspectRequest { job: "cannula-tip".into(), version: 4 };
    driver.request(rig.now, RequestId(1), &request).expect("a declared job");
    let mut bytes = Vec::new();
    driver.transmit(&mut bytes);
    twin.receive(rig.now, &bytes, &rig.ports.scene);
    let due = twin.deadline().expect("an answer");
    bytes.clear();
    twin.transmit(due, &mut bytes);
    driver.receive(due, &bytes);
    let answer = driver.poll(due).expect("an answer").result;
    assert!(matches!(answer, Err(DeviceError::Refused { code, .. }) if code == "no-part"));
}

#[test]
fn an_emergency_stop_stops_the_cobots_and_holds_what_they_hold() {
    let mut rig = Rig::new(7);
    let from = rig.pocket("hub_tray", 0);
    rig.go(0, from);
    assert!(rig.grip(0, true));
    let to = rig.pose(0, "load");
    let id = rig.command(0, RobotCommand::MoveJ { to, speed: 1.0 });
    (0..100).for_each(|_| rig.cycle());
    rig.world.inject(Injection::EStop(true));
    assert_eq!(rig.reply(0, id), RobotReply::Faulted(RobotRefusal::EmergencyStop));
    let stopped = rig.ports.robots[0].state();
    assert!(!stopped.moving && stopped.holding);
    let id = rig.command(0, RobotCommand::MoveJ { to, speed: 1.0 });
    assert_eq!(rig.reply(0, id), RobotReply::Rejected(RobotRefusal::EmergencyStop));
    rig.world.inject(Injection::EStop(false));
    rig.go(0, to);
    assert!(!rig.grip(0, false));
    assert_eq!(rig.nest_hub(0), Some(0));
}

#[test]
fn a_person_takes_parts_out_while_the_world_runs() {
    let mut rig = Rig::new(7);
    rig.place_hub();
    let from = rig.pocket("hub_tray", 1);
    rig.go(0, from);
    assert!(rig.grip(0, true));
    rig.ports.hand.act(Injection::TakeOut).expect("room for an act");
    (0..1_100).for_each(|_| rig.cycle());
    assert_eq!(rig.nest_hub(0), None);
    assert_eq!(rig.ports.scene.places().taken_out, 2);
    let now = rig.now;
    while rig.ports.robots[0].poll(now).is_some() {}
    assert!(!rig.ports.robots[0].state().holding, "the gripper measures that it is empty");
    for _ in 0..16 {
        rig.ports.hand.act(Injection::AirOff(true)).expect("room for an act");
    }
    assert_eq!(rig.ports.hand.act(Injection::AirOff(false)), Err(Injection::AirOff(false)));
}

#[test]
fn equal_seeds_make_equal_worlds_and_others_differ() {
    let run = |seed| {
        let mut rig = Rig::new(seed);
        rig.place_hub();
        let plant = rig.world.plant();
        let ix = |name| plant.resolve(name).expect("a quantity");
        let values: Vec<u64> =
            ["ai.load_cell", "ai.torque_1", "ai.leak_1", "ai.ambient", "axis.press_z.position"]
                .map(|name| plant.get(ix(name)).to_bits())
                .to_vec();
        (values, plant.places().clone(), plant.substeps(), rig.now)
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).0, run(8).0);
}

#[test]
fn elapsed_time_is_made_up_only_within_its_bound() {
    let mut rig = Rig::new(7);
    rig.world.advance(TimeNs(1), 1_300_000);
    assert_eq!(rig.world.plant().substeps(), 10);
    rig.world.advance(TimeNs(2), 200_000);
    assert_eq!(rig.world.plant().substeps(), 12, "what is less than a substep is kept");
    rig.world.advance(TimeNs(3), 2_000_000_000);
    assert_eq!(rig.world.plant().substeps(), 12 + CATCH_UP_MAX_NS / 125_000);
    assert_eq!(rig.world.not_made_up_ns(), 2_000_000_000 - CATCH_UP_MAX_NS);
}

#[test]
fn the_segment_of_the_cell_answers_frames() {
    let mut rig = Rig::new(7);
    assert_eq!(rig.world.segment().len(), 9);
    // BRD of register 0x0000, two bytes: every SubDevice counts.
    let mut frame = vec![0xFF; 6];
    frame.extend([0x02, 0, 0, 0, 0, 1, 0x88, 0xA4, 14, 0x10, 7, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    assert!(rig.world.process(&mut frame, TimeNs(0)).is_some());
    assert_eq!(u16::from_le_bytes([frame[28], frame[29]]), 9, "working counter");
    rig.world.set_power(0, false);
    assert_eq!(rig.world.process(&mut frame, TimeNs(0)), None);
}

#[test]
fn a_description_that_does_not_fit_the_cell_is_refused() {
    let cell = common::cell();
    let good = common::description(&cell);
    let refused = |change: &dyn Fn(&mut cellwright_model::plant::PlantDescription)| {
        let mut d = good.clone();
        change(&mut d);
        World::new(&cell, d, 7, &Cursors::default()).err().map(|e| e.to_string()).expect("it was accepted")
    };
    assert!(refused(&|d| d.axes.truncate(3)).contains("table"));
    assert!(refused(&|d| d.axes[1].inertia_kgm2 = 0.0).contains("inertia"));
    assert!(
        refused(&|d| d.press.as_mut().expect("a press").axis = cellwright_model::AxisId(9)).contains("axis")
    );
    assert!(
        refused(&|d| d.press.as_mut().expect("a press").force = cellwright_model::AnalogId(9))
            .contains("analog")
    );
    assert!(refused(&|d| d.defects.iter_mut().for_each(|s| s.share = 0.6)).contains("add up"));
}
