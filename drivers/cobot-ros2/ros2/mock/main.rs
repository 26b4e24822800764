//! A robot for the tests of the driver: action servers, joint states and a UR's states over ROS 2, jerk-limited joints,
//! and faults on command. It is no model of any robot's controller.
//!
//!     mock_robot [--namespace /NAME] [--rate HZ] [--tick-us US] [--memory FILE]
//!
//! With a memory its arm is where it was when the last process ended, as brakes hold an arm that nobody moves. It looks
//! for messages every tick, 2 ms if nothing is said. Prints `ready`; then each line on standard input is a command, and
//! its end ends the robot:
//!
//! | command | from then on |
//! | --- | --- |
//! | `silent on`, `silent off` | no joint states |
//! | `freeze on`, `freeze off` | the same joint state again and again |
//! | `names wrong`, `names right` | one joint under another name |
//! | `lose-ack on`, `lose-ack off` | a goal is carried out and not acknowledged |
//! | `delay-ack MS` | a goal is taken, carried out and acknowledged so much later |
//! | `refuse-goal on`, `refuse-goal off` | goals are refused |
//! | `refuse-cancel on`, `refuse-cancel off` | cancels are refused |
//! | `delay-result MS` | results come so much later |
//! | `abort CODE` | the next goal is aborted on its way, with this `error_code` |
//! | `safety N`, `mode N`, `program 0`, `remote 0` | the robot's states; it stands unless `safety` is 1 or 2 |
//! | `scaling P` | it moves at so many percent of what the trajectory says, and tells it |
//! | `refuse-load on`, `refuse-load off` | its service for payload and TCP says no |
//! | `clock S` | stamps are S seconds off |
//! | `report now` | prints `fastest V`: the highest speed of any joint so far, by its way in each step, deg/s; `goals N`; and `loads N KG`: how often a payload was set, and the last one; `speed V`: its fastest joint now |

mod arm;

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufRead;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::FutureExt;
use futures::stream::{LocalBoxStream, StreamExt};
use r2r::control_msgs::action::{FollowJointTrajectory, GripperCommand};
use r2r::rcl_interfaces::msg::SetParametersResult;
use r2r::rcl_interfaces::srv::SetParameters;
use r2r::sensor_msgs::msg::JointState;
use r2r::std_msgs::msg::{Bool, Float64, Int8, UInt8};
use r2r::{
    ActionServerCancelRequest, ActionServerGoal, ActionServerGoalRequest, Node, Publisher, QosProfile,
    ServiceRequest,
};

use arm::{Arm, JOINTS, Point, State, Values};

type Failure = Box<dyn std::error::Error>;
type Follow = FollowJointTrajectory::Action;
type Grip = GripperCommand::Action;

/// In the order of its joint states, which is not that of the cell.
const NAMES: [&str; JOINTS] = [
    "elbow_joint",
    "shoulder_lift_joint",
    "shoulder_pan_joint",
    "wrist_1_joint",
    "wrist_2_joint",
    "wrist_3_joint",
];
const HOME_DEG: Values = [90.0, -90.0, 0.0, -90.0, -90.0, 0.0];
const TICK: Duration = Duration::from_millis(2);
/// A shorter step says nothing of a speed.
const STEP_JUDGED_S: f64 = 0.000_5;
const GRIP_TIME: Duration = Duration::from_millis(150);

/// What it was told to do wrong, and to say of itself.
struct Faults {
    silent: bool,
    freeze: bool,
    wrong_names: bool,
    lose_ack: bool,
    delay_ack: Duration,
    refuse_goal: bool,
    refuse_load: bool,
    /// Share of the programmed speed.
    scaling: f64,
    refuse_cancel: bool,
    delay: Duration,
    abort: Option<i32>,
    clock_s: i64,
    safety: u8,
    mode: i8,
    program: bool,
    remote: bool,
}

/// How a goal ends.
#[derive(Clone, Copy)]
enum Outcome {
    Succeeded,
    Cancelled,
    Aborted(i32),
}

struct Active {
    goal: ActionServerGoal<Follow>,
    cancels: LocalBoxStream<'static, ActionServerCancelRequest>,
    cancelled: bool,
    /// What it will be told, once it is due.
    told: Option<(Instant, Outcome)>,
    begun: Instant,
}

/// Where the arm was last, kept in a file.
struct Memory {
    file: File,
    kept: Option<Values>,
}

impl Memory {
    fn open(path: &Path) -> Result<Memory, Failure> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = [0; 8 * JOINTS];
        let kept = file.read_exact_at(&mut bytes, 0).is_ok().then(|| {
            core::array::from_fn(|j| f64::from_le_bytes(core::array::from_fn(|b| bytes[8 * j + b])))
        });
        Ok(Memory { file, kept })
    }

    fn keep(&mut self, positions: Values) -> Result<(), Failure> {
        if self.kept != Some(positions) {
            self.kept = Some(positions);
            self.file.write_all_at(&positions.map(f64::to_le_bytes).concat(), 0)?;
        }
        Ok(())
    }
}

impl Active {
    /// The result of a goal that was cancelled and is too late for it may be refused below: then nobody waits for it, and
    /// the robot goes on.
    fn tell(&mut self, outcome: Outcome) {
        let told = match outcome {
            Outcome::Succeeded => self.goal.succeed(result(0)),
            Outcome::Cancelled => self.goal.cancel(result(0)),
            Outcome::Aborted(code) => self.goal.abort(result(code)),
        };
        if let Err(error) = told {
            eprintln!("mock_robot: a result was not taken: {error}");
        }
    }
}

struct Robot {
    arm: Arm,
    memory: Option<Memory>,
    faults: Faults,
    active: Option<Active>,
    gripping: Option<(Instant, ActionServerGoal<Grip>)>,
    /// Goals that are acknowledged later.
    held: VecDeque<(Instant, ActionServerGoalRequest<Follow>)>,
    loads: LocalBoxStream<'static, ServiceRequest<SetParameters::Service>>,
    /// How often a payload was set, and the last one, kg.
    load: (u32, f64),
    goals: LocalBoxStream<'static, ActionServerGoalRequest<Follow>>,
    grips: LocalBoxStream<'static, ActionServerGoalRequest<Grip>>,
    states: Publisher<JointState>,
    safety: Publisher<UInt8>,
    mode: Publisher<Int8>,
    program: Publisher<Bool>,
    remote: Publisher<Bool>,
    /// Percent of the programmed speed.
    scaling: Publisher<Float64>,
    /// That it is none.
    mock: Publisher<Bool>,
    /// Highest speed of any joint, rad/s: a jump is one, however the goal calls it.
    fastest: f64,
    taken: u32,
    frozen: Option<JointState>,
}

fn main() -> Result<(), Failure> {
    let (mut namespace, mut rate, mut tick, mut memory) = (String::new(), 250.0, TICK, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("{arg} needs a value"))?;
        match arg.as_str() {
            "--namespace" => namespace = value,
            "--rate" => rate = value.parse()?,
            "--tick-us" => tick = Duration::from_micros(value.parse()?),
            "--memory" => memory = Some(Memory::open(Path::new(&value))?),
            _ => return Err(format!("{arg} is not known").into()),
        }
    }
    let mut node = Node::create(r2r::Context::create()?, "mock_robot", &namespace)?;
    let mut robot = Robot::new(&mut node, &namespace, memory)?;
    let (line, lines) = mpsc::channel();
    std::thread::spawn(move || {
        std::io::stdin().lock().lines().map_while(Result::ok).try_for_each(|l| line.send(l))
    });
    println!("ready");
    let every = Duration::from_secs_f64(1.0 / rate);
    let (mut stepped, mut due) = (Instant::now(), Instant::now());
    loop {
        node.spin_once(Duration::ZERO);
        match lines.try_recv() {
            Ok(command) => robot.obey(&command)?,
            Err(mpsc::TryRecvError::Disconnected) => return Ok(()),
            Err(mpsc::TryRecvError::Empty) => {}
        }
        // A process that was stopped stood, and so did its arm.
        let passed = stepped.elapsed().min(Duration::from_millis(20));
        stepped = Instant::now();
        robot.step(passed.as_secs_f64())?;
        // By absolute instants; what was slept through is skipped.
        if Instant::now() >= due {
            due = (due + every).max(Instant::now());
            robot.publish()?;
        }
        std::thread::sleep(tick.min(due.saturating_duration_since(Instant::now())));
    }
}

impl Robot {
    fn new(node: &mut Node, namespace: &str, memory: Option<Memory>) -> Result<Robot, Failure> {
        let name = |what: &str| format!("{namespace}/{what}");
        let latched = QosProfile::default().keep_last(1).reliable().transient_local();
        let goals = node
            .create_action_server::<Follow>(&name("joint_trajectory_controller/follow_joint_trajectory"))?;
        let at = memory.as_ref().and_then(|m| m.kept).unwrap_or(HOME_DEG.map(f64::to_radians));
        let robot = Robot {
            arm: Arm::new(at),
            memory,
            faults: Faults {
                silent: false,
                freeze: false,
                wrong_names: false,
                lose_ack: false,
                delay_ack: Duration::ZERO,
                refuse_goal: false,
                refuse_load: false,
                scaling: 1.0,
                refuse_cancel: false,
                delay: Duration::ZERO,
                abort: None,
                clock_s: 0,
                safety: 1,
                mode: 7,
                program: true,
                remote: true,
            },
            active: None,
            gripping: None,
            held: VecDeque::new(),
            loads: node
                .create_service::<SetParameters::Service>(&name("set_load"), QosProfile::services_default())?
                .boxed_local(),
            load: (0, 0.0),
            goals: goals.boxed_local(),
            grips: node.create_action_server::<Grip>(&name("gripper_controller/gripper_cmd"))?.boxed_local(),
            states: node.create_publisher(&name("joint_states"), QosProfile::default())?,
            safety: node.create_publisher(&name("safety_mode"), latched.clone())?,
            mode: node.create_publisher(&name("robot_mode"), latched.clone())?,
            program: node.create_publisher(&name("program_running"), latched.clone())?,
            remote: node.create_publisher(&name("remote_control"), latched.clone())?,
            scaling: node.create_publisher(&name("speed_scaling"), latched.clone())?,
            mock: node.create_publisher(&name("cellwright_mock"), latched)?,
            fastest: 0.0,
            taken: 0,
            frozen: None,
        };
        robot.say()?;
        Ok(robot)
    }

    fn say(&self) -> Result<(), Failure> {
        self.safety.publish(&UInt8 { data: self.faults.safety })?;
        self.mode.publish(&Int8 { data: self.faults.mode })?;
        self.program.publish(&Bool { data: self.faults.program })?;
        self.remote.publish(&Bool { data: self.faults.remote })?;
        self.scaling.publish(&Float64 { data: self.faults.scaling * 100.0 })?;
        self.mock.publish(&Bool { data: true })?;
        Ok(())
    }

    fn obey(&mut self, command: &str) -> Result<(), Failure> {
        let (word, value) =
            command.trim().split_once(' ').ok_or_else(|| format!("`{command}` is no command"))?;
        let f = &mut self.faults;
        match word {
            "report" => {
                let (fastest, (loads, kg)) = (self.fastest.to_degrees(), self.load);
                let speed = self.arm.now.velocities.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
                println!(
                    "fastest {fastest:.3} goals {} loads {loads} {kg:.3} speed {:.3}",
                    self.taken,
                    speed.to_degrees()
                );
            }
            "delay-ack" => f.delay_ack = Duration::from_millis(value.parse()?),
            "scaling" => f.scaling = value.parse::<f64>()? / 100.0,
            "refuse-load" => f.refuse_load = value == "on",
            "silent" => f.silent = value == "on",
            "freeze" => {
                f.freeze = value == "on";
                self.frozen = None;
            }
            "names" => f.wrong_names = value == "wrong",
            "lose-ack" => f.lose_ack = value == "on",
            "refuse-goal" => f.refuse_goal = value == "on",
            "refuse-cancel" => f.refuse_cancel = value == "on",
            "delay-result" => f.delay = Duration::from_millis(value.parse()?),
            "abort" => f.abort = Some(value.parse()?),
            "clock" => f.clock_s = value.parse()?,
            "safety" => f.safety = value.parse()?,
            "mode" => f.mode = value.parse()?,
            "program" => f.program = value == "1",
            "remote" => f.remote = value == "1",
            _ => return Err(format!("`{command}` is no command").into()),
        }
        self.say()
    }

    fn step(&mut self, dt: f64) -> Result<(), Failure> {
        while let Some(Some(request)) = self.goals.next().now_or_never() {
            self.held.push_back((Instant::now() + self.faults.delay_ack, request));
        }
        while self.held.front().is_some_and(|(due, _)| Instant::now() >= *due) {
            let Some((_, request)) = self.held.pop_front() else { break };
            self.take(request)?;
        }
        self.take_loads()?;
        while let Some(Some(request)) = self.grips.next().now_or_never() {
            self.gripping = Some((Instant::now() + GRIP_TIME, request.accept()?.0));
        }
        self.hear_cancels();
        if !matches!(self.faults.safety, 1 | 2) {
            self.arm.stop();
        }
        let before = self.arm.now.positions;
        // A stop is as fast as ever.
        let scaled = if self.arm.stopping() { dt } else { dt * self.faults.scaling };
        let came_to_rest = self.arm.step(scaled);
        if dt >= STEP_JUDGED_S {
            let way = before.iter().zip(self.arm.now.positions).map(|(a, b)| (a - b).abs());
            self.fastest = way.fold(self.fastest, |most, way| most.max(way / dt));
        }
        if let Some(memory) = &mut self.memory {
            memory.keep(self.arm.now.positions)?;
        }
        self.end_goal(came_to_rest);
        if let Some((_, mut goal)) = self.gripping.take_if(|(due, _)| Instant::now() >= *due) {
            // There is always something between its fingers.
            let (position, effort) = (goal.goal.command.position, goal.goal.command.max_effort);
            let close = position < 0.01;
            goal.succeed(GripperCommand::Result { position, effort, stalled: close, reached_goal: !close })?;
        }
        Ok(())
    }

    fn take(&mut self, request: ActionServerGoalRequest<Follow>) -> Result<(), Failure> {
        let points = points_of(&request.goal);
        let Some(points) = points.filter(|_| !self.faults.refuse_goal) else { return Ok(request.reject()?) };
        // A goal before is preempted, as ros2_control does it.
        if let Some(mut before) = self.active.take() {
            let ended = if before.cancelled { Outcome::Cancelled } else { Outcome::Aborted(0) };
            before.tell(ended);
        }
        self.arm.follow(points);
        if self.faults.lose_ack {
            return Ok(());
        }
        let (goal, cancels) = request.accept()?;
        self.taken += 1;
        let cancels = cancels.boxed_local();
        self.active = Some(Active { goal, cancels, cancelled: false, told: None, begun: Instant::now() });
        Ok(())
    }

    /// Payload and TCP, as parameters: this robot's own way, as every robot has one.
    fn take_loads(&mut self) -> Result<(), Failure> {
        while let Some(Some(request)) = self.loads.next().now_or_never() {
            let successful = !self.faults.refuse_load;
            if let Some(kg) = request.message.parameters.iter().find(|p| p.name == "payload_kg")
                && successful
            {
                self.load = (self.load.0 + 1, kg.value.double_value);
            }
            let mut answer = SetParameters::Response::default();
            answer.results.push(SetParametersResult { successful, reason: String::new() });
            request.respond(answer)?;
        }
        Ok(())
    }

    fn hear_cancels(&mut self) {
        let Some(active) = &mut self.active else { return };
        while let Some(Some(cancel)) = active.cancels.next().now_or_never() {
            if self.faults.refuse_cancel {
                cancel.reject();
            } else {
                cancel.accept();
                active.cancelled = true;
                self.arm.stop();
            }
        }
    }

    fn end_goal(&mut self, came_to_rest: bool) {
        let Some(active) = &mut self.active else { return };
        if active.told.is_none() {
            let halfway = active.begun.elapsed() > Duration::from_millis(200);
            let outcome = match self.faults.abort {
                Some(code) if halfway => {
                    self.faults.abort = None;
                    self.arm.stop();
                    Some(Outcome::Aborted(code))
                }
                _ if active.cancelled && self.arm.still() => Some(Outcome::Cancelled),
                // Where the safety controller stands it, the goal stays as it is.
                _ if came_to_rest && matches!(self.faults.safety, 1 | 2) => Some(Outcome::Succeeded),
                _ => None,
            };
            active.told = outcome.map(|o| (Instant::now() + self.faults.delay, o));
        }
        // A cancel overtakes a result that was not told yet.
        if let (true, Some((_, outcome))) = (active.cancelled, &mut active.told) {
            *outcome = Outcome::Cancelled;
        }
        let Some((_, outcome)) = active.told.filter(|(due, _)| Instant::now() >= *due) else { return };
        active.tell(outcome);
        self.active = None;
    }

    fn publish(&mut self) -> Result<(), Failure> {
        if self.faults.silent {
            return Ok(());
        }
        let message = match &self.frozen {
            Some(message) => message.clone(),
            None => self.joint_state()?,
        };
        self.states.publish(&message)?;
        if self.faults.freeze {
            self.frozen = Some(message);
        }
        Ok(())
    }

    fn joint_state(&self) -> Result<JointState, Failure> {
        let State { positions, velocities, .. } = self.arm.now;
        let mut message = JointState::default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        message.header.stamp.sec = i32::try_from(now.as_secs() as i64 + self.faults.clock_s)?;
        message.header.stamp.nanosec = now.subsec_nanos();
        message.name = NAMES.map(str::to_owned).to_vec();
        if self.faults.wrong_names {
            message.name[0] = "elbow".into();
        }
        message.name.push("finger_joint".into());
        message.position = [&positions[..], &[0.0]].concat();
        message.velocity = [&velocities[..], &[0.0]].concat();
        Ok(message)
    }
}

fn result(error_code: i32) -> FollowJointTrajectory::Result {
    FollowJointTrajectory::Result { error_code, ..Default::default() }
}

/// The points in the order of its own joints; `None` if a joint is missing or a point is none.
fn points_of(goal: &FollowJointTrajectory::Goal) -> Option<Vec<Point>> {
    let names = &goal.trajectory.joint_names;
    let place = |name: &str| names.iter().position(|n| n == name);
    let order: Vec<usize> = NAMES.iter().map(|n| place(n)).collect::<Option<_>>()?;
    let mut points = Vec::new();
    for p in &goal.trajectory.points {
        let values = |v: &[f64]| -> Option<Values> {
            let picked: Vec<f64> = order.iter().map(|&i| v.get(i).copied()).collect::<Option<_>>()?;
            picked.try_into().ok()
        };
        let state = State {
            positions: values(&p.positions)?,
            velocities: values(&p.velocities)?,
            accelerations: values(&p.accelerations)?,
        };
        let at = f64::from(p.time_from_start.sec) + f64::from(p.time_from_start.nanosec) * 1e-9;
        points.push(Point { at, state });
    }
    let rising = points.windows(2).all(|w| w[0].at < w[1].at);
    (rising && points.first().is_some_and(|p| p.at > 0.0)).then_some(points)
}
