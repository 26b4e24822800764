//! A mock robot in another process, and the driver that speaks to it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use cellwright_cobot_ros2::link::{CobotLink, link};
use cellwright_cobot_ros2::ros2::config::{Gripper, Qos, Ros2Robot, StatusTopic};
use cellwright_cobot_ros2::ros2::shell::{RobotSetup, Ros2Cobots};
use cellwright_cobot_ros2::twin::JointLimits;
use cellwright_driver_api::message::RobotDriver;
use cellwright_driver_api::message::conformance::RobotRig;
use cellwright_model::robot::{Joints, RobotCommand, RobotReply, RobotReport, RobotRequest};
use cellwright_model::{DurationNs, RequestId, TimeNs};

pub(crate) const ANSWER: DurationNs = DurationNs::from_millis(4_000);
pub(crate) const WATCHDOG_MS: u64 = 150;
/// Of the namespace of the mock and its driver.
pub(crate) const NAMESPACE: &str = "/suite";

/// The mock's process; killed when it is dropped.
pub(crate) struct Mock {
    child: Child,
    commands: ChildStdin,
}

impl Mock {
    pub(crate) fn start(program: &Path) -> Result<Mock, String> {
        let said = |e: std::io::Error| format!("{}: {e}", program.display());
        let mut child = Command::new(program)
            .args(["--namespace", NAMESPACE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(said)?;
        let (commands, out) = (child.stdin.take(), child.stdout.take());
        let (Some(commands), Some(out)) = (commands, out) else { return Err("the mock has no pipes".into()) };
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).map_err(said)?;
        if line.trim() != "ready" {
            return Err(format!("the mock said `{line}` instead of `ready`"));
        }
        Ok(Mock { child, commands })
    }

    pub(crate) fn tell(&mut self, command: &str) {
        if let Err(error) = writeln!(self.commands, "{command}") {
            println!("        the mock does not take `{command}`: {error}");
        }
    }

    /// kill -9, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        // Gone already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        if !sent.is_ok_and(|s| s.success()) {
            println!("        {signal} did not reach the mock");
        }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Driver and mock. Its time is the real one.
pub(crate) struct Bench {
    pub(crate) driver: CobotLink,
    pub(crate) cobots: Ros2Cobots,
    pub(crate) mock: Mock,
    began: Instant,
    ids: u32,
    replies: Vec<(u32, RobotReply)>,
}

fn status(topic: &str, message: &str) -> Option<StatusTopic> {
    let (topic, message, field) = (topic.to_owned(), format!("std_msgs/msg/{message}"), "data".to_owned());
    Some(StatusTopic { topic, message, field, qos: Qos { reliable: true, latched: true } })
}

/// The cell's description of the mock.
pub(crate) fn robot() -> Ros2Robot {
    let joints = ["shoulder_pan", "shoulder_lift", "elbow", "wrist_1", "wrist_2", "wrist_3"];
    let mut robot = Ros2Robot::new("robot_l", joints.map(|j| format!("{j}_joint")), ANSWER);
    robot.namespace = NAMESPACE.into();
    let action = "gripper_controller/gripper_cmd".to_owned();
    robot.gripper = Some(Gripper { action, open_m: 0.04, closed_m: 0.0, effort_n: 20.0 });
    robot.robot_mode = status("robot_mode", "Int8");
    robot.safety_mode = status("safety_mode", "UInt8");
    robot.program_running = status("program_running", "Bool");
    robot.remote_control = status("remote_control", "Bool");
    robot.watchdog = DurationNs::from_millis(WATCHDOG_MS);
    robot
}

pub(crate) fn limits() -> JointLimits {
    JointLimits {
        lo: [-180.0; 6],
        hi: [180.0; 6],
        velocity_max: [180.0, 180.0, 180.0, 240.0, 240.0, 240.0],
        acceleration_max: [900.0; 6],
        jerk_max: [12_000.0; 6],
    }
}

/// Starts the driver; the time counts from `began`.
pub(crate) fn start_driver(node: &str, began: Instant) -> Result<(CobotLink, Ros2Cobots), String> {
    let (driver, ends) = link(ANSWER);
    let setup = RobotSetup { robot: robot(), limits: limits(), ends };
    let clock = move || TimeNs(began.elapsed().as_nanos() as u64);
    let cobots = Ros2Cobots::start(node, vec![setup], clock).map_err(|e| e.to_string())?;
    Ok((driver, cobots))
}

impl Bench {
    pub(crate) fn start(program: &PathBuf) -> Result<Bench, String> {
        let mock = Mock::start(program)?;
        let began = Instant::now();
        let (driver, cobots) = start_driver("cellwright_suite", began)?;
        let mut bench = Bench { driver, cobots, mock, began, ids: 1_000, replies: Vec::new() };
        bench.ready()?;
        Ok(bench)
    }

    /// Waits until nothing is wrong with the connection and the robot is at rest.
    pub(crate) fn ready(&mut self) -> Result<(), String> {
        let fine = self.until(15_000, |b| {
            b.cobots.problems().is_empty() && !b.driver.state().moving && b.age_ms() < 150
        });
        if fine.is_none() {
            return Err(format!("not ready within 15 s: {:?}", self.cobots.problems()));
        }
        Ok(())
    }

    /// Age of the last joint state.
    pub(crate) fn age_ms(&self) -> u64 {
        self.now().since(self.driver.state().stamp).0 / 1_000_000
    }

    pub(crate) fn ask(&mut self, command: RobotCommand) -> u32 {
        self.ids += 1;
        let now = self.now();
        self.driver.command(now, RobotRequest { id: RequestId(self.ids), command });
        self.ids
    }

    pub(crate) fn ask_move(&mut self) -> u32 {
        let to = self.reachable();
        self.ask(RobotCommand::MoveJ { to, speed: 0.4 })
    }

    /// A move there and back again, so that each fault begins from the same pose.
    pub(crate) fn ask_home(&mut self) -> u32 {
        self.ask(RobotCommand::MoveJ { to: [0.0, -90.0, 90.0, -90.0, -90.0, 0.0], speed: 1.0 })
    }

    pub(crate) fn pass(&mut self, ms: u64) {
        let _ = self.until(ms, |_| false);
    }

    /// Milliseconds until the condition held; `None` if it did not within `ms`.
    pub(crate) fn until(&mut self, ms: u64, mut holds: impl FnMut(&Bench) -> bool) -> Option<u64> {
        let began = Instant::now();
        loop {
            let now = self.now();
            while let Some(report) = self.driver.poll(now) {
                if let RobotReport::Reply { id, reply } = report {
                    self.replies.push((id.0, reply));
                }
            }
            let passed = began.elapsed().as_millis() as u64;
            if holds(self) {
                return Some(passed);
            }
            if passed >= ms {
                return None;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The reply to a request and how long it took from now; `None` within twice the time-out.
    pub(crate) fn reply(&mut self, id: u32) -> Option<(RobotReply, u64)> {
        let has = move |b: &Bench| b.replies.iter().any(|(i, _)| *i == id);
        let took = self.until(2 * ANSWER.0 / 1_000_000, has)?;
        self.replies.iter().find(|(i, _)| *i == id).map(|(_, reply)| (*reply, took))
    }

    pub(crate) fn replied(&self, id: u32) -> bool {
        self.replies.iter().any(|(i, _)| *i == id)
    }
}

impl RobotRig for Bench {
    fn driver(&mut self) -> &mut dyn RobotDriver {
        &mut self.driver
    }
    fn now(&self) -> TimeNs {
        TimeNs(self.began.elapsed().as_nanos() as u64)
    }
    fn advance(&mut self, by: DurationNs) {
        std::thread::sleep(Duration::from_nanos(by.0));
    }
    fn cut(&mut self) {
        self.mock.signal("-STOP");
    }
    fn restore(&mut self) {
        self.mock.signal("-CONT");
    }
    fn reachable(&self) -> Joints {
        [60.0, -62.0, 98.0, -126.0, -90.0, 35.0]
    }
    fn beyond(&self) -> Joints {
        [0.0, 0.0, 0.0, 0.0, 0.0, 180.5]
    }
    fn timeout(&self) -> DurationNs {
        ANSWER
    }
}
