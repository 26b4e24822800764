//! The driver with its twin cobot passes the suite of `cellwright-driver-api`.

use cellwright_cobot_ros2::link::{CobotLink, link};
use cellwright_cobot_ros2::twin::{CobotModel, GRID_NS, JointLimits, TwinCobot, Workspace};
use cellwright_driver_api::message::RobotDriver;
use cellwright_driver_api::message::conformance::{RobotRig, check_robot_driver};
use cellwright_model::robot::{Joints, RobotCommand, RobotRefusal, RobotReply, RobotReport, RobotRequest};
use cellwright_model::{DurationNs, RequestId, TimeNs};

/// A bench with one part that the gripper finds anywhere.
struct Bench {
    closed: bool,
}

impl Workspace for Bench {
    fn grip(&mut self, _joints: &Joints, close: bool) -> bool {
        self.closed = close;
        close
    }
    fn holds(&self) -> bool {
        self.closed
    }
}

struct Rig {
    driver: CobotLink,
    twin: TwinCobot,
    bench: Bench,
    now: TimeNs,
    stepped: u64,
    cut: bool,
}

fn rig() -> Rig {
    let limits = JointLimits {
        lo: [-180.0; 6],
        hi: [180.0; 6],
        velocity_max: [180.0, 180.0, 180.0, 240.0, 240.0, 240.0],
        acceleration_max: [900.0; 6],
        jerk_max: [12_000.0; 6],
    };
    let (driver, ends) = link(DurationNs::from_millis(4_000));
    let model = CobotModel {
        limits,
        start: [0.0, -90.0, 90.0, -90.0, -90.0, 0.0],
        grip_time: DurationNs::from_millis(150),
    };
    let twin = TwinCobot::new(model, ends).expect("a usable model");
    Rig { driver, twin, bench: Bench { closed: false }, now: TimeNs(0), stepped: 0, cut: false }
}

impl RobotRig for Rig {
    fn driver(&mut self) -> &mut dyn RobotDriver {
        &mut self.driver
    }
    fn now(&self) -> TimeNs {
        self.now
    }
    fn advance(&mut self, by: DurationNs) {
        self.now = self.now + by;
        if self.cut {
            self.stepped = self.now.0 / GRID_NS;
        }
        while (self.stepped + 1) * GRID_NS <= self.now.0 {
            self.stepped += 1;
            self.twin.step(TimeNs(self.stepped * GRID_NS), &mut self.bench);
        }
    }
    fn cut(&mut self) {
        self.cut = true;
    }
    fn restore(&mut self) {
        self.cut = false;
    }
    fn stopped_by(&mut self, by: Option<RobotRefusal>) {
        self.twin.protective_stop(by == Some(RobotRefusal::ProtectiveStop));
        self.twin.emergency_stop(by == Some(RobotRefusal::EmergencyStop));
        self.twin.safeguard_stop(by == Some(RobotRefusal::SafeguardStop));
    }
    fn scaled(&mut self, share: f64) {
        self.twin.speed_scaling(share);
    }
    fn reachable(&self) -> Joints {
        [60.0, -62.0, 98.0, -126.0, -90.0, 35.0]
    }
    fn beyond(&self) -> Joints {
        [0.0, 0.0, 0.0, 0.0, 0.0, 180.5]
    }
    fn timeout(&self) -> DurationNs {
        DurationNs::from_millis(4_000)
    }
}

#[test]
fn link_and_twin_conform() {
    if let Err(broken) = check_robot_driver(rig) {
        panic!("{broken}");
    }
}

fn replies(rig: &mut Rig, for_ms: u64) -> Vec<(u32, RobotReply)> {
    let mut seen = Vec::new();
    for _ in 0..for_ms {
        rig.advance(DurationNs::from_millis(1));
        while let Some(report) = rig.driver.poll(rig.now) {
            if let RobotReport::Reply { id, reply } = report {
                seen.push((id.0, reply));
            }
        }
    }
    seen
}

#[test]
fn a_grip_takes_its_time_and_closes_the_gripper() {
    let mut rig = rig();
    let request = RobotRequest { id: RequestId(1), command: RobotCommand::Grip { close: true } };
    rig.driver.command(rig.now, request);
    assert_eq!(replies(&mut rig, 149), []);
    assert!(!rig.bench.closed);
    assert_eq!(replies(&mut rig, 5), [(1, RobotReply::Done { holding: true })]);
    assert!(rig.bench.closed && rig.driver.state().holding);
}

#[test]
fn an_emergency_stop_ends_the_move_and_nothing_begins_while_it_is_active() {
    use cellwright_model::robot::RobotRefusal::EmergencyStop;
    let mut rig = rig();
    let to = rig.reachable();
    let go = |id| RobotRequest { id: RequestId(id), command: RobotCommand::MoveJ { to, speed: 1.0 } };
    rig.driver.command(rig.now, go(1));
    assert_eq!(replies(&mut rig, 100), []);
    rig.twin.emergency_stop(true);
    assert_eq!(replies(&mut rig, 500), [(1, RobotReply::Faulted(EmergencyStop))]);
    let stopped_at = rig.driver.state().joints;
    rig.driver.command(rig.now, go(2));
    assert_eq!(replies(&mut rig, 50), [(2, RobotReply::Rejected(EmergencyStop))]);
    rig.twin.emergency_stop(false);
    assert_eq!(replies(&mut rig, 1_500), []);
    assert_eq!(rig.driver.state().joints, stopped_at);
    rig.driver.command(rig.now, go(3));
    assert_eq!(replies(&mut rig, 2_000), [(3, RobotReply::Done { holding: false })]);
}

#[test]
fn commands_nobody_can_take_are_answered_one_by_one() {
    let mut rig = rig();
    rig.cut();
    for id in 0..40 {
        let request = RobotRequest { id: RequestId(id), command: RobotCommand::Stop };
        rig.driver.command(rig.now, request);
    }
    let mut answered: Vec<u32> = replies(&mut rig, 4_001).into_iter().map(|(id, _)| id).collect();
    answered.sort_unstable();
    assert_eq!(answered, (0..40).collect::<Vec<_>>());
    assert_eq!(rig.driver.deadline(), None);
}

#[test]
fn a_station_that_reads_nothing_gets_its_replies_later() {
    let mut rig = rig();
    let to = rig.reachable();
    let request = RobotRequest { id: RequestId(1), command: RobotCommand::MoveJ { to, speed: 1.0 } };
    rig.driver.command(rig.now, request);
    // Far longer than the ring of reports holds states, but within the deadline.
    rig.advance(DurationNs::from_millis(200_000));
    let now = TimeNs(1_000_000_000);
    let mut done = 0;
    while let Some(report) = rig.driver.poll(now) {
        done += u32::from(matches!(
            report,
            RobotReport::Reply { id: RequestId(1), reply: RobotReply::Done { .. } }
        ));
    }
    assert_eq!(done, 1);
    assert!(rig.twin.states_dropped() > 0);
}
