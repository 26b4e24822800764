//! A mock robot in another process, and the driver that speaks to it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cellwright_cobot_ros2::link::{CobotLink, link};
use cellwright_cobot_ros2::ros2::SILENCE_MAX;
use cellwright_cobot_ros2::ros2::config::{Gripper, Load, Qos, Ros2Robot, StatusTopic};
use cellwright_cobot_ros2::ros2::shell::{Figures, RobotSetup, Ros2Cobots};
use cellwright_cobot_ros2::twin::JointLimits;
use cellwright_driver_api::message::RobotDriver;
use cellwright_driver_api::message::conformance::RobotRig;
use cellwright_model::robot::{Joints, RobotCommand, RobotRefusal, RobotReply, RobotReport, RobotRequest};
use cellwright_model::{DurationNs, RequestId, TimeNs};

pub(crate) const ANSWER: DurationNs = DurationNs::from_millis(4_000);
pub(crate) const WATCHDOG_MS: u64 = 150;
pub(crate) const SILENCE_MS: u64 = SILENCE_MAX.0 / 1_000_000;
/// Payload of what the suite grips.
pub(crate) const HELD_KG: f64 = 0.25;
/// Of the namespace of the mock and its driver.
pub(crate) const NAMESPACE: &str = "/suite";

/// The mock's process; killed when it is dropped.
pub(crate) struct Mock {
    child: Child,
    commands: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Mock {
    pub(crate) fn start(program: &Path) -> Result<Mock, String> {
        Mock::start_with(program, &["--namespace", NAMESPACE])
    }

    pub(crate) fn start_with(program: &Path, args: &[&str]) -> Result<Mock, String> {
        let said = |e: std::io::Error| format!("{}: {e}", program.display());
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(said)?;
        let (commands, out) = (child.stdin.take(), child.stdout.take());
        let (Some(commands), Some(out)) = (commands, out) else { return Err("the mock has no pipes".into()) };
        let mut mock = Mock { child, commands, said: BufReader::new(out) };
        let line = mock.line()?;
        if line != "ready" {
            return Err(format!("the mock said `{line}` instead of `ready`"));
        }
        Ok(mock)
    }

    /// The next line that it says.
    pub(crate) fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.said.read_line(&mut line).map_err(|e| format!("the mock: {e}"))?;
        Ok(line.trim().to_owned())
    }

    /// The number after a word of its report.
    fn reported(&mut self, word: &str, place: usize) -> Result<f64, String> {
        self.tell("report now");
        let line = self.line()?;
        let mut words = line.split_whitespace().skip_while(|w| *w != word);
        let number = words.nth(place).and_then(|n| n.parse().ok());
        number.ok_or_else(|| format!("the mock reports `{line}`"))
    }

    /// Of its fastest joint now, deg/s.
    pub(crate) fn speed(&mut self) -> Result<f64, String> {
        self.reported("speed", 1)
    }

    /// How often a payload was set, and the last one, kg.
    pub(crate) fn load(&mut self) -> Result<(f64, f64), String> {
        Ok((self.reported("loads", 1)?, self.reported("loads", 2)?))
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
    /// None while the driver has ended.
    cobots: Option<Ros2Cobots>,
    pub(crate) mock: Mock,
    pub(crate) stall: Stall,
    began: Instant,
    ids: u32,
    asked: Vec<(u32, Instant)>,
    replies: Vec<(u32, RobotReply)>,
}

/// While it is set the thread of ROS 2 stands: the clock that it asks does not answer.
#[derive(Clone, Default)]
pub(crate) struct Stall(Arc<AtomicBool>);

impl Stall {
    pub(crate) fn set(&self, stands: bool) {
        self.0.store(stands, Ordering::Relaxed);
    }

    fn wait(&self) {
        while self.0.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn status(topic: &str, message: &str) -> Option<StatusTopic> {
    let (topic, message, field) = (topic.to_owned(), format!("std_msgs/msg/{message}"), "data".to_owned());
    Some(StatusTopic { topic, message, field, qos: Qos { reliable: true, latched: true } })
}

/// The request by which the mock takes a payload: a parameter (3: a double), as its kind of robot wants it.
fn payload(kg: f64) -> String {
    format!(r#"{{"parameters": [{{"name": "payload_kg", "value": {{"type": 3, "double_value": {kg}}}}}]}}"#)
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
    robot.speed_scaling = status("speed_scaling", "Float64");
    robot.loads = vec![Load {
        service: "set_load".into(),
        message: "rcl_interfaces/srv/SetParameters".into(),
        grip: payload(HELD_KG),
        release: payload(0.0),
        accepted: Some("results.0.successful".into()),
    }];
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
pub(crate) fn start_driver(
    node: &str,
    robot: Ros2Robot,
    began: Instant,
    stall: Stall,
) -> Result<(CobotLink, Ros2Cobots), String> {
    let (driver, ends) = link(ANSWER);
    let setup = RobotSetup { robot, limits: limits(), ends };
    let clock = move || {
        stall.wait();
        TimeNs(began.elapsed().as_nanos() as u64)
    };
    let cobots = Ros2Cobots::start(node, vec![setup], clock).map_err(|e| e.to_string())?;
    Ok((driver.watched(SILENCE_MAX), cobots))
}

impl Bench {
    pub(crate) fn start(program: &Path) -> Result<Bench, String> {
        Bench::beside(Mock::start(program)?)
    }

    pub(crate) fn beside(mock: Mock) -> Result<Bench, String> {
        Bench::of(mock, robot())
    }

    /// A robot that is described otherwise.
    pub(crate) fn of(mock: Mock, robot: Ros2Robot) -> Result<Bench, String> {
        let began = Instant::now();
        let stall = Stall::default();
        let (driver, cobots) = start_driver("cellwright_suite", robot, began, stall.clone())?;
        let (asked, replies) = (Vec::new(), Vec::new());
        let cobots = Some(cobots);
        let mut bench = Bench { driver, cobots, mock, stall, began, ids: 1_000, asked, replies };
        bench.ready()?;
        Ok(bench)
    }

    /// Ends the thread of ROS 2, as its owner does.
    pub(crate) fn end_driver(&mut self) -> Result<(), String> {
        self.cobots.take().map_or(Ok(()), Ros2Cobots::end).map_err(|e| e.to_string())
    }

    /// What the driver has measured since it was asked last.
    pub(crate) fn take_figures(&mut self) -> Figures {
        let figures = self.cobots.as_ref().map(Ros2Cobots::take_figures);
        figures.and_then(|f| f.first().copied()).unwrap_or_default()
    }

    /// Ends the driver; the robot goes on.
    pub(crate) fn end(mut self) -> Result<Mock, String> {
        self.end_driver().map(|()| self.mock)
    }

    /// What is wrong with the connection.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.cobots.as_ref().map_or_else(|| vec!["the driver has ended".into()], Ros2Cobots::problems)
    }

    /// The cell's end of the rings is gone.
    pub(crate) fn drop_link(&mut self) {
        self.driver = link(ANSWER).0;
    }

    /// A new driver; how long it took to be ready, ms.
    pub(crate) fn restart(&mut self) -> Result<u64, String> {
        let began = Instant::now();
        let (driver, cobots) = start_driver("cellwright_again", robot(), self.began, self.stall.clone())?;
        (self.driver, self.cobots) = (driver, Some(cobots));
        self.ready()?;
        Ok(began.elapsed().as_millis() as u64)
    }

    /// Waits until nothing is wrong with the connection and the robot is at rest.
    pub(crate) fn ready(&mut self) -> Result<(), String> {
        let fine =
            self.until(15_000, |b| b.problems().is_empty() && !b.driver.state().moving && b.age_ms() < 150);
        if fine.is_none() {
            return Err(format!("not ready within 15 s: {:?}", self.problems()));
        }
        Ok(())
    }

    /// Age of the last joint state.
    pub(crate) fn age_ms(&self) -> u64 {
        self.now().since(self.driver.state().stamp).0 / 1_000_000
    }

    pub(crate) fn ask(&mut self, command: RobotCommand) -> u32 {
        self.ids += 1;
        self.asked.push((self.ids, Instant::now()));
        let now = self.now();
        self.driver.command(now, RobotRequest { id: RequestId(self.ids), command });
        self.ids
    }

    pub(crate) fn ask_move(&mut self) -> u32 {
        let to = self.reachable();
        self.ask(RobotCommand::MoveJ { to, speed: 0.4 })
    }

    /// Milliseconds since a request was made.
    pub(crate) fn asked_ago_ms(&self, id: u32) -> u64 {
        let asked = self.asked.iter().find(|(of, _)| *of == id);
        asked.map_or(u64::MAX, |(_, at)| at.elapsed().as_millis() as u64)
    }

    /// Of [`Bench::ask_move`].
    pub(crate) fn is_at_target(&self) -> bool {
        let joints = self.driver.state().joints;
        joints.iter().zip(self.reachable()).all(|(a, b)| (a - b).abs() < 0.5)
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
    fn stopped_by(&mut self, by: Option<RobotRefusal>) {
        let safety = match by {
            None => 1,
            Some(RobotRefusal::ProtectiveStop) => 3,
            Some(RobotRefusal::SafeguardStop) => 5,
            Some(_) => 7,
        };
        self.mock.tell(&format!("safety {safety}"));
    }
    fn scaled(&mut self, share: f64) {
        self.mock.tell(&format!("scaling {}", share * 100.0));
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
