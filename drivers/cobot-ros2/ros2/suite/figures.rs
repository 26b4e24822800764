//! Goal to accepted and the age of the joint states, of the driver beside a bare ping by r2r, in interleaved blocks.
//!
//! Both ask the same robot, which looks for messages five thousand times a second, for the same goal, and hear the same
//! joint states at 500 Hz; each has its own node while its block lasts. *Bare* is a node, an action client and a
//! subscription with nothing around them. A/A is the driver beside itself: its blocks before and after each bare one.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cellwright_cobot_ros2::ros2::shell::SPIN;
use cellwright_driver_api::message::RobotDriver;
use cellwright_driver_api::message::conformance::RobotRig;
use cellwright_model::robot::RobotCommand;
use futures::future::FutureExt;
use futures::stream::StreamExt;
use r2r::control_msgs::action::FollowJointTrajectory;
use r2r::sensor_msgs::msg::JointState;
use r2r::trajectory_msgs::msg::JointTrajectoryPoint;
use r2r::{Node, QosProfile};

use crate::bench::{Bench, Mock, NAMESPACE, robot};

const ROUNDS: usize = 7;
/// In each block.
const GOALS: usize = 25;
const STATES: usize = 500;
/// Before anything is counted: goals of each block, and joint states; the first ones find what was not yet connected.
const WARM_UP: usize = 5;
const TARGET: f64 = 1.5;
/// A quarter of the target speed fails: this machine is shared.
const SLACK: f64 = 4.0;
const HOME: [f64; 6] = [0.0, -90.0, 90.0, -90.0, -90.0, 0.0];
const WAIT_MAX: Duration = Duration::from_secs(10);

/// What is measured, and where a block has it.
type Figure = (&'static str, fn(&Block) -> &Vec<u64>);

/// Of one block, ns.
#[derive(Default)]
struct Block {
    accepted: Vec<u64>,
    age: Vec<u64>,
}

impl Block {
    fn warmed_up(&mut self) {
        self.accepted.drain(..WARM_UP.min(self.accepted.len()));
        self.age.drain(..WARM_UP.min(self.age.len()));
    }
}

pub(crate) fn beside_a_bare_ping(program: &Path) -> Result<String, String> {
    let args = ["--namespace", NAMESPACE, "--rate", "500", "--tick-us", "200"];
    let mut mock = Mock::start_with(program, &args)?;
    let (mut ours, mut bare, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for place in 0..3 {
            // None always has the quiet moment.
            match (round + place) % 3 {
                0 => {
                    let (block, back) = driver(mock)?;
                    mock = back;
                    ours.push(block);
                }
                1 => bare.push(ping()?),
                _ => {
                    let (block, back) = driver(mock)?;
                    mock = back;
                    again.push(block);
                }
            }
        }
    }
    let mut missed = Vec::new();
    println!("        {ROUNDS} rounds of {GOALS} goals and {STATES} joint states a block; us, p50/p99:");
    let of: [Figure; 2] = [("goal to accepted", |b| &b.accepted), ("age of a joint state", |b| &b.age)];
    for (what, values) in of {
        let told = |blocks: &[Block]| quantiles(blocks.iter().flat_map(|b| values(b).iter().copied()));
        let (a, b, aa) = (told(&ours), told(&bare), told(&again));
        println!("        {what}: driver {}, again {}, bare {}", text(a), text(aa), text(b));
        for (quantile, place) in [("p50", 0), ("p99", 1)] {
            let ratio = a[place] as f64 / b[place].max(1) as f64;
            let noise = aa[place] as f64 / a[place].max(1) as f64;
            let met = if ratio <= TARGET { "met" } else { "missed" };
            println!(
                "        {what} {quantile}: {ratio:.2} times bare, A/A {noise:.2}; target {TARGET} {met}"
            );
            if ratio > SLACK * TARGET {
                missed.push(format!("{what} {quantile} is {ratio:.2} times bare"));
            }
        }
    }
    if missed.is_empty() { Ok("within four times the target".into()) } else { Err(missed.join(", ")) }
}

fn text([p50, p99]: [u64; 2]) -> String {
    format!("{:.0}/{:.0}", p50 as f64 / 1e3, p99 as f64 / 1e3)
}

fn quantiles(values: impl Iterator<Item = u64>) -> [u64; 2] {
    let mut sorted: Vec<u64> = values.collect();
    sorted.sort_unstable();
    let at = |share: f64| sorted.get((share * sorted.len() as f64) as usize).or(sorted.last()).copied();
    [at(0.5).unwrap_or(0), at(0.99).unwrap_or(0)]
}

/// The driver, as the cell has it. Its times are its own: from the goal that goes out to the answer that comes in, and a
/// joint state when it is taken in.
fn driver(mock: Mock) -> Result<(Block, Mock), String> {
    let mut bench = Bench::beside(mock)?;
    let mut block = Block::default();
    for _ in 0..WARM_UP + GOALS {
        bench.take_figures();
        // It is there already: a goal of one point.
        let id = bench.ask(RobotCommand::MoveJ { to: HOME, speed: 1.0 });
        let (reply, _) = bench.reply(id).ok_or("no answer")?;
        if reply != crate::faults::DONE {
            return Err(format!("{reply:?}"));
        }
        block.accepted.push(bench.take_figures().accepted_after.ok_or("no goal was accepted")?.0);
    }
    let began = Instant::now();
    while block.age.len() < WARM_UP + STATES && began.elapsed() < WAIT_MAX {
        let now = bench.now();
        bench.driver.poll(now);
        if let Some(age) = bench.take_figures().joint_age {
            block.age.push(age.0);
        }
        std::thread::sleep(Duration::from_micros(1_500));
    }
    block.warmed_up();
    let mock = bench.end()?;
    Ok((block, mock))
}

/// r2r with nothing around it.
fn ping() -> Result<Block, String> {
    let said = |e: r2r::Error| format!("bare: {e}");
    let robot = robot();
    let mut node =
        Node::create(r2r::Context::create().map_err(said)?, "cellwright_bare", "").map_err(said)?;
    let mut states =
        node.subscribe::<JointState>(&robot.full("joint_states"), best_effort()).map_err(said)?.boxed_local();
    let client = node.create_action_client::<FollowJointTrajectory::Action>(&robot.full(&robot.action));
    let client = client.map_err(said)?;
    let mut there = Node::is_available(&client).map_err(said)?.boxed_local();
    let began = Instant::now();
    while (&mut there).now_or_never().is_none() {
        node.spin_once(SPIN);
        if began.elapsed() > WAIT_MAX {
            return Err("bare: no server".into());
        }
    }
    let mut block = Block::default();
    for _ in 0..WARM_UP + GOALS {
        let asked = Instant::now();
        let answer = client.send_goal_request(goal(&robot.joints)).map_err(said)?;
        let mut answer = answer.boxed_local();
        let taken = loop {
            node.spin_once(SPIN);
            match (&mut answer).now_or_never() {
                Some(taken) => break taken,
                None if asked.elapsed() > WAIT_MAX => return Err("bare: no answer".into()),
                None => {}
            }
        };
        block.accepted.push(asked.elapsed().as_nanos() as u64);
        let (_goal, result, _feedback) = taken.map_err(said)?;
        let mut result = result.boxed_local();
        while (&mut result).now_or_never().is_none() {
            node.spin_once(SPIN);
        }
    }
    // What has been waiting meanwhile is old by that: here, and in the middleware.
    while states.next().now_or_never().flatten().is_some() {
        node.spin_once(Duration::ZERO);
    }
    while block.age.len() < WARM_UP + STATES && began.elapsed() < 2 * WAIT_MAX {
        node.spin_once(SPIN);
        // The last of each turn, as the driver tells its own.
        let mut last = None;
        while let Some(Some(state)) = states.next().now_or_never() {
            let stamp = &state.header.stamp;
            let sent = Duration::new(stamp.sec.unsigned_abs().into(), stamp.nanosec);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            last = Some(now.saturating_sub(sent).as_nanos() as u64);
        }
        block.age.extend(last);
    }
    block.warmed_up();
    Ok(block)
}

fn best_effort() -> QosProfile {
    QosProfile::default().best_effort().volatile()
}

/// To where it is.
fn goal(joints: &[String; 6]) -> FollowJointTrajectory::Goal {
    let mut goal = FollowJointTrajectory::Goal::default();
    goal.trajectory.joint_names = joints.to_vec();
    let mut point = JointTrajectoryPoint {
        positions: HOME.map(f64::to_radians).to_vec(),
        velocities: vec![0.0; 6],
        accelerations: vec![0.0; 6],
        ..JointTrajectoryPoint::default()
    };
    point.time_from_start.nanosec = 1_000_000;
    goal.trajectory.points = vec![point];
    goal
}
