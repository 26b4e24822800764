//! The node and its thread: messages in, goals out, everything else in [`RobotClient`].
//!
//! One thread spins one node for all robots and polls what r2r hands out; no future is awaited, each stands in a slot of
//! its own until it is answered or replaced, and the deadlines are the client's. The thread is joined before
//! [`Ros2Cobots`] is gone: a process that ends while a thread spins is known to crash. What panics in r2r (an answer that
//! its code does not foresee) ends the thread and not the process; then no robot is heard any more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use cellwright_model::robot::Joints;
use cellwright_model::{DurationNs, TimeNs};
use futures::future::{FutureExt, LocalBoxFuture};
use futures::stream::{LocalBoxStream, StreamExt};
use r2r::action_msgs::srv::CancelGoal;
use r2r::builtin_interfaces::msg::Duration as RosDuration;
use r2r::control_msgs::action::{FollowJointTrajectory, GripperCommand};
use r2r::sensor_msgs::msg::JointState;
use r2r::std_msgs::msg::Bool;
use r2r::trajectory_msgs::msg::JointTrajectoryPoint;
use r2r::{ActionClient, Client, GoalStatus, Node, QosProfile, WrappedActionTypeSupport};

use super::client::{Act, CancelAnswer, GoalEnd, GoalId, RobotClient};
use super::config::{ConfigError, Qos, Ros2Robot};
use super::joints::JointSample;
use super::status::StatusKind;
use super::trajectory::Point;
use crate::motion::JointLimits;
use crate::twin::CobotEnds;

/// A spin waits at most so long for a message: how late a request from the cell is seen.
const SPIN: Duration = Duration::from_millis(1);
/// From the start of the thread to a node with all its topics.
const START_MAX: Duration = Duration::from_secs(10);
/// Messages of one topic that are taken in one turn: what r2r buffers.
const MESSAGES_A_TURN_MAX: usize = 10;
/// What a person is told is looked at so often.
const TOLD_EVERY: DurationNs = DurationNs::from_millis(50);

/// A topic in the robot's namespace by which a mock says what it is: `std_msgs/msg/Bool`, latched.
pub const MOCK_TOPIC: &str = "cellwright_mock";

/// What the thread and its owner tell each other.
struct Shared {
    stop: Arc<AtomicBool>,
    problems: Problems,
    mocks: Arc<AtomicBool>,
}

/// One robot that the thread speaks to.
pub struct RobotSetup {
    pub robot: Ros2Robot,
    pub limits: JointLimits,
    pub ends: CobotEnds,
}

/// Why there is no connection to ROS.
#[derive(Debug)]
pub enum Ros2Error {
    Config(ConfigError),
    /// Node, topic or action could not be made.
    Ros(String),
    /// No thread, or it did not come up in time.
    Thread(String),
    /// The thread ended by itself.
    Ended,
}

impl core::fmt::Display for Ros2Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Ros2Error::Config(e) => e.fmt(f),
            Ros2Error::Ros(what) => {
                write!(
                    f,
                    "ROS 2: {what}; see the environment (RMW_IMPLEMENTATION, ROS_DOMAIN_ID, AMENT_PREFIX_PATH)"
                )
            }
            Ros2Error::Thread(what) => write!(f, "the thread of ROS 2: {what}"),
            Ros2Error::Ended => {
                f.write_str("the thread of ROS 2 ended by itself; no robot is heard any more")
            }
        }
    }
}

impl std::error::Error for Ros2Error {}

/// The thread that speaks to the robots. Joined when it is dropped.
pub struct Ros2Cobots {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<bool>>,
    problems: Problems,
    mocks: Arc<AtomicBool>,
}

/// What is wrong with each robot's connection, for a person; lives on when the thread has ended.
#[derive(Clone, Default)]
pub struct Problems(Arc<Mutex<Vec<String>>>);

impl Problems {
    /// As it is now; empty: nothing is wrong.
    pub fn now(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, problems: Vec<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = problems;
    }
}

impl Ros2Cobots {
    /// Starts the node and its thread. `node`: its name in ROS. `clock`: the controller's time.
    pub fn start(
        node: &str,
        robots: Vec<RobotSetup>,
        clock: impl Fn() -> TimeNs + Send + 'static,
    ) -> Result<Ros2Cobots, Ros2Error> {
        let mut clients = Vec::with_capacity(robots.len());
        for RobotSetup { robot, limits, ends } in robots {
            clients.push(RobotClient::new(robot, limits, ends).map_err(Ros2Error::Config)?);
        }
        // Nobody was heard yet, and that is told from the beginning.
        let unheard = clients.iter().filter_map(|c| c.problem(clock())).collect();
        let problems = Problems::default();
        problems.set(unheard);
        let (stop, mocks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (told, came_up) = mpsc::channel();
        let name = node.to_owned();
        let shared =
            Shared { stop: Arc::clone(&stop), problems: problems.clone(), mocks: Arc::clone(&mocks) };
        let body = move || {
            let run = || match connect(&name, clients) {
                Ok((mut node, mut wires)) => {
                    // Nobody waits any more: then the flag to stop is set, too.
                    let _ = told.send(Ok(()));
                    spin(&mut node, &mut wires, &clock, &shared);
                }
                Err(error) => {
                    let _ = told.send(Err(error));
                }
            };
            catch_unwind(AssertUnwindSafe(run)).is_ok()
        };
        let thread = std::thread::Builder::new().name("ros2".into()).spawn(body);
        let thread = Some(thread.map_err(|e| Ros2Error::Thread(e.to_string()))?);
        let cobots = Ros2Cobots { stop, thread, problems, mocks };
        match came_up.recv_timeout(START_MAX) {
            Ok(Ok(())) => Ok(cobots),
            Ok(Err(error)) => Err(error),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(Ros2Error::Thread("no node within 10 s".into())),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(Ros2Error::Ended),
        }
    }

    /// What is wrong with each robot's connection now, for a person; empty: nothing.
    pub fn problems(&self) -> Vec<String> {
        self.problems.now()
    }

    /// The same, for somebody else to look at.
    pub fn told(&self) -> Problems {
        self.problems.clone()
    }

    /// Every robot has said on [`MOCK_TOPIC`] that it is none: only then may it move with nobody beside it.
    pub fn are_mocks(&self) -> bool {
        self.mocks.load(Ordering::Relaxed)
    }

    /// The thread runs.
    pub fn alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|t| !t.is_finished())
    }

    /// Ends the thread and waits for it, at most a spin and what the node needs to go. Error: it had ended by itself.
    pub fn end(mut self) -> Result<(), Ros2Error> {
        let by_itself = !self.alive();
        if self.join() && !by_itself { Ok(()) } else { Err(Ros2Error::Ended) }
    }

    fn join(&mut self) -> bool {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().is_none_or(|thread| thread.join().unwrap_or(false))
    }
}

impl Drop for Ros2Cobots {
    fn drop(&mut self) {
        self.join();
    }
}

/// A goal that was sent: not yet taken, or taken and not yet over.
enum Sent<A: WrappedActionTypeSupport> {
    Asked(GoalId, LocalBoxFuture<'static, r2r::Result<Awaited<A>>>),
    Taken(GoalId, Awaited<A>),
}

type Awaited<A> = LocalBoxFuture<'static, r2r::Result<(GoalStatus, <A as WrappedActionTypeSupport>::Result)>>;

/// What came of a goal.
enum Word<R> {
    Taken(GoalId),
    Refused(GoalId),
    Over(GoalId, GoalStatus, R),
}

/// One robot's client with its topics and actions.
struct Wire {
    client: RobotClient,
    joints: LocalBoxStream<'static, JointState>,
    mock: LocalBoxStream<'static, Bool>,
    is_mock: bool,
    states: Vec<(StatusKind, String, LocalBoxStream<'static, r2r::Result<serde_json::Value>>)>,
    mover: ActionClient<FollowJointTrajectory::Action>,
    canceller: Client<CancelGoal::Service>,
    gripper: Option<ActionClient<GripperCommand::Action>>,
    moving: Option<Sent<FollowJointTrajectory::Action>>,
    gripping: Option<Sent<GripperCommand::Action>>,
    cancelling: Option<LocalBoxFuture<'static, r2r::Result<CancelGoal::Response>>>,
    /// Servers that were not found yet.
    awaited: Vec<LocalBoxFuture<'static, r2r::Result<()>>>,
    /// It was heard in the turn before.
    heard: bool,
}

fn connect(name: &str, clients: Vec<RobotClient>) -> Result<(Node, Vec<Wire>), Ros2Error> {
    let ros = |what: String| move |e: r2r::Error| Ros2Error::Ros(format!("{what}: {e}"));
    let context = r2r::Context::create().map_err(ros("no context".into()))?;
    let mut node = Node::create(context, name, "").map_err(ros(format!("no node `{name}`")))?;
    let mut wires = Vec::with_capacity(clients.len());
    for client in clients {
        let what = format!("robot {}", client.robot().name);
        wires.push(wire(&mut node, client).map_err(ros(what))?);
    }
    Ok((node, wires))
}

fn wire(node: &mut Node, client: RobotClient) -> r2r::Result<Wire> {
    let robot = client.robot().clone();
    let action = robot.full(&robot.action);
    let joints =
        node.subscribe::<JointState>(&robot.full(&robot.joint_states), qos(robot.joint_states_qos))?;
    let latched = qos(Qos { reliable: true, latched: true });
    let mock = node.subscribe::<Bool>(&robot.full(MOCK_TOPIC), latched)?;
    let mut states = Vec::new();
    for (kind, topic) in StatusKind::ALL.into_iter().zip(robot.status_topics()) {
        let Some(topic) = topic else { continue };
        let messages = node.subscribe_untyped(&robot.full(&topic.topic), &topic.message, qos(topic.qos))?;
        states.push((kind, topic.field.clone(), messages.boxed_local()));
    }
    let gripper = match &robot.gripper {
        Some(gripper) => Some(node.create_action_client(&robot.full(&gripper.action))?),
        None => None,
    };
    Ok(Wire {
        client,
        joints: joints.boxed_local(),
        mock: mock.boxed_local(),
        is_mock: false,
        states,
        mover: node.create_action_client(&action)?,
        // The action's own service: it takes every goal at once, those that nobody acknowledged among them.
        canceller: node
            .create_client(&format!("{action}/_action/cancel_goal"), QosProfile::services_default())?,
        gripper,
        moving: None,
        gripping: None,
        cancelling: None,
        awaited: Vec::new(),
        heard: false,
    })
}

fn qos(qos: Qos) -> QosProfile {
    let profile = QosProfile::default();
    let profile = if qos.reliable { profile.reliable() } else { profile.best_effort() };
    if qos.latched { profile.transient_local() } else { profile.volatile() }
}

fn spin(
    node: &mut Node,
    wires: &mut [Wire],
    clock: &dyn Fn() -> TimeNs,
    Shared { stop, problems, mocks }: &Shared,
) {
    let mut told: Option<TimeNs> = None;
    while !stop.load(Ordering::Relaxed) {
        node.spin_once(SPIN);
        wires.iter_mut().for_each(|wire| wire.turn(clock()));
        let now = clock();
        if told.is_none_or(|at| now.since(at) >= TOLD_EVERY) {
            told = Some(now);
            problems.set(wires.iter().filter_map(|w| w.client.problem(now)).collect());
            mocks.store(wires.iter().all(|w| w.is_mock), Ordering::Relaxed);
        }
    }
}

impl Wire {
    /// Hands messages and answers to the client, lets it think, and sends what it asks.
    fn turn(&mut self, now: TimeNs) {
        self.hear(now);
        self.hear_of_goals(now);
        self.look_for_servers(now);
        self.client.step(now);
        while let Some(act) = self.client.next_act() {
            self.carry_out(now, act);
        }
    }

    fn hear(&mut self, now: TimeNs) {
        for _ in 0..MESSAGES_A_TURN_MAX {
            let Some(Some(state)) = self.joints.next().now_or_never() else { break };
            let stamp = (state.header.stamp.sec, state.header.stamp.nanosec);
            let (names, positions, velocities) = (&state.name, &state.position, &state.velocity);
            self.client.joint_state(now, JointSample { stamp, names, positions, velocities });
        }
        if let Some(Some(said)) = self.mock.next().now_or_never() {
            self.is_mock = said.data;
        }
        for (kind, field, messages) in &mut self.states {
            for _ in 0..MESSAGES_A_TURN_MAX {
                let Some(Some(message)) = messages.next().now_or_never() else { break };
                if let Some(value) = message.ok().as_ref().and_then(|m| number(m.get(field.as_str())?)) {
                    self.client.status(*kind, value);
                }
            }
        }
    }

    /// Whenever a robot is heard anew, its servers have to be found anew, too.
    fn look_for_servers(&mut self, now: TimeNs) {
        let heard = self.client.heard(now);
        if heard && !self.heard {
            let gripper = self.gripper.as_ref().map(|g| Node::is_available(g).map(|f| f.boxed_local()));
            let asked = [
                Some(Node::is_available(&self.mover).map(|f| f.boxed_local())),
                Some(Node::is_available(&self.canceller).map(|f| f.boxed_local())),
                gripper,
            ];
            self.awaited = asked.into_iter().flatten().filter_map(Result::ok).collect();
        }
        self.heard = heard;
        self.awaited.retain_mut(|server| !matches!(server.now_or_never(), Some(Ok(()))));
        self.client.served(heard && self.awaited.is_empty());
    }

    fn hear_of_goals(&mut self, now: TimeNs) {
        match word_of(&mut self.moving) {
            Some(Word::Taken(goal)) => self.client.acknowledged(now, goal, true),
            Some(Word::Refused(goal)) => self.client.acknowledged(now, goal, false),
            Some(Word::Over(goal, status, result)) => {
                self.client.over(now, goal, end_of(status), result.error_code);
            }
            None => {}
        }
        match word_of(&mut self.gripping) {
            Some(Word::Taken(goal)) => self.client.acknowledged(now, goal, true),
            Some(Word::Refused(goal)) => self.client.acknowledged(now, goal, false),
            Some(Word::Over(goal, status, result)) => {
                self.client.grip_over(now, goal, end_of(status), result.stalled);
            }
            None => {}
        }
        if let Some(answer) = self.cancelling.as_mut().and_then(|c| c.now_or_never()) {
            self.cancelling = None;
            self.client.cancel_answered(now, cancel_answer(answer));
        }
    }

    fn carry_out(&mut self, now: TimeNs, act: Act) {
        match act {
            Act::Move { goal, points } => {
                let message = trajectory(self.client.robot(), &points);
                self.moving = send(&self.mover, goal, message);
                if self.moving.is_none() {
                    self.client.acknowledged(now, goal, false);
                }
            }
            Act::Grip { goal, position_m, effort_n } => {
                let mut message = GripperCommand::Goal::default();
                message.command.position = position_m;
                message.command.max_effort = effort_n;
                self.gripping = self.gripper.as_ref().and_then(|g| send(g, goal, message));
                if self.gripping.is_none() {
                    self.client.acknowledged(now, goal, false);
                }
            }
            // No goal and no time named: every goal of the action.
            Act::CancelAll => match self.canceller.request(&CancelGoal::Request::default()) {
                Ok(answer) => self.cancelling = Some(answer.boxed_local()),
                Err(_) => self.client.cancel_answered(now, CancelAnswer::Refused),
            },
        }
    }
}

/// Sends a goal; `None` if it could not be.
fn send<A>(client: &ActionClient<A>, goal: GoalId, message: A::Goal) -> Option<Sent<A>>
where
    A: WrappedActionTypeSupport + 'static,
{
    let asked = client.send_goal_request(message).ok()?;
    let taken = asked.map(|answer| answer.map(|(_goal, result, _feedback)| result.boxed_local()));
    Some(Sent::Asked(goal, taken.boxed_local()))
}

/// What came of the goal since it was looked at last; one word a turn.
fn word_of<A: WrappedActionTypeSupport>(slot: &mut Option<Sent<A>>) -> Option<Word<A::Result>> {
    match slot.take()? {
        Sent::Asked(goal, mut answer) => match (&mut answer).now_or_never() {
            None => {
                *slot = Some(Sent::Asked(goal, answer));
                None
            }
            Some(Ok(result)) => {
                *slot = Some(Sent::Taken(goal, result));
                Some(Word::Taken(goal))
            }
            Some(Err(_)) => Some(Word::Refused(goal)),
        },
        Sent::Taken(goal, mut result) => match (&mut result).now_or_never() {
            None => {
                *slot = Some(Sent::Taken(goal, result));
                None
            }
            Some(Ok((status, result))) => Some(Word::Over(goal, status, result)),
            // The client of the action is gone, and with it every answer.
            Some(Err(_)) => None,
        },
    }
}

fn end_of(status: GoalStatus) -> GoalEnd {
    match status {
        GoalStatus::Succeeded => GoalEnd::Succeeded,
        GoalStatus::Canceled => GoalEnd::Cancelled,
        GoalStatus::Aborted => GoalEnd::Aborted,
        _ => GoalEnd::Unknown,
    }
}

fn cancel_answer(answer: r2r::Result<CancelGoal::Response>) -> CancelAnswer {
    match answer {
        Ok(answer) if !answer.goals_canceling.is_empty() => CancelAnswer::Accepted,
        // 1: refused. 2, 3: a goal that is unknown or has ended.
        Ok(answer) if answer.return_code == 1 => CancelAnswer::Refused,
        Ok(_) => CancelAnswer::Nothing,
        Err(_) => CancelAnswer::Refused,
    }
}

/// A number or a boolean of a message.
fn number(value: &serde_json::Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_bool().map(i64::from))
}

fn trajectory(robot: &Ros2Robot, points: &[Point]) -> FollowJointTrajectory::Goal {
    let list = |v: &Joints| v.to_vec();
    let mut goal = FollowJointTrajectory::Goal::default();
    goal.trajectory.joint_names = robot.joints.to_vec();
    goal.trajectory.points = points
        .iter()
        .map(|p| JointTrajectoryPoint {
            positions: list(&p.positions),
            velocities: list(&p.velocities),
            accelerations: list(&p.accelerations),
            effort: Vec::new(),
            time_from_start: RosDuration {
                sec: i32::try_from(p.after.0 / 1_000_000_000).unwrap_or(i32::MAX),
                nanosec: (p.after.0 % 1_000_000_000) as u32,
            },
        })
        .collect();
    goal
}
