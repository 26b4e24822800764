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
use std::time::{Duration, Instant};

use cellwright_model::{DurationNs, TimeNs};
use r2r::Node;
use wire::{Wire, wire};

use super::client::RobotClient;
use super::config::{ConfigError, Ros2Robot};
use crate::motion::JointLimits;
use crate::twin::CobotEnds;

mod wire;

/// A spin waits at most so long for a message: how late a request from the cell is seen.
pub const SPIN: Duration = Duration::from_millis(1);
/// From the start of the thread to a node with all its topics.
const START_MAX: Duration = Duration::from_secs(10);
/// At the end of the thread: until what was moving is seen at rest. A stop of a cobot takes less.
const LEAVE_MAX: Duration = Duration::from_secs(2);
/// What a person is told is looked at so often.
const TOLD_EVERY: DurationNs = DurationNs::from_millis(50);

/// A topic in the robot's namespace by which a mock says what it is: `std_msgs/msg/Bool`, latched.
pub const MOCK_TOPIC: &str = "cellwright_mock";

/// What the thread and its owner tell each other.
struct Shared {
    stop: Arc<AtomicBool>,
    problems: Problems,
    mocks: Arc<AtomicBool>,
    figures: Measured,
}

type Measured = Arc<Mutex<Vec<Figures>>>;

/// Times of one robot, for who measures them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Of its last goal, from its request to its acknowledgement.
    pub accepted_after: Option<DurationNs>,
    /// Of its last joint state when it was taken in, if its clock goes as ours does.
    pub joint_age: Option<DurationNs>,
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
    /// It has ended, and these robots were not seen at rest: their motion was cancelled, which they may not have heard.
    MayMove(Vec<String>),
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
            Ros2Error::MayMove(robots) => write!(
                f,
                "robot {}: cancelled at the end and not seen at rest; look whether it moves before anything is asked of it \
                 again",
                robots.join(", robot ")
            ),
        }
    }
}

impl std::error::Error for Ros2Error {}

/// The thread that speaks to the robots. Joined when it is dropped.
pub struct Ros2Cobots {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), Ros2Error>>>,
    problems: Problems,
    mocks: Arc<AtomicBool>,
    figures: Measured,
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
        let figures: Measured = Arc::new(Mutex::new(vec![Figures::default(); clients.len()]));
        let shared = Shared {
            stop: Arc::clone(&stop),
            problems: problems.clone(),
            mocks: Arc::clone(&mocks),
            figures: Arc::clone(&figures),
        };
        let body = move || {
            let (mut node, mut wires) =
                match caught(|| connect(&name, clients)).and_then(|connected| connected) {
                    Ok(connected) => connected,
                    Err(error) => {
                        let _ = told.send(Err(error));
                        return Ok(());
                    }
                };
            // Nobody waits any more: then the flag to stop is set, too.
            let _ = told.send(Ok(()));
            let spun = caught(|| spin(&mut node, &mut wires, &clock, &shared));
            // However it ended: an arm is not left to the end of its goal.
            let left = leave(&mut node, &mut wires, &clock);
            spun.and(left)
        };
        let thread = std::thread::Builder::new().name("ros2".into()).spawn(body);
        let thread = Some(thread.map_err(|e| Ros2Error::Thread(e.to_string()))?);
        let cobots = Ros2Cobots { stop, thread, problems, mocks, figures };
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

    /// What was measured since it was asked last, in the order of the robots.
    pub fn take_figures(&self) -> Vec<Figures> {
        let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        figures.iter_mut().map(std::mem::take).collect()
    }

    /// The thread runs.
    pub fn alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|t| !t.is_finished())
    }

    /// Ends the thread and waits for it: what moves is cancelled, and waited for ([`LEAVE_MAX`]). Error: it had ended by
    /// itself, or a robot may be moving.
    pub fn end(mut self) -> Result<(), Ros2Error> {
        let by_itself = !self.alive();
        let ended = self.join();
        if by_itself { Err(Ros2Error::Ended) } else { ended }
    }

    fn join(&mut self) -> Result<(), Ros2Error> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap_or(Err(Ros2Error::Ended)))
    }
}

impl Drop for Ros2Cobots {
    fn drop(&mut self) {
        // Nobody asks any more how it ended.
        let _ = self.join();
    }
}

/// What panics ends with an error.
fn caught<T>(run: impl FnOnce() -> T) -> Result<T, Ros2Error> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| Ros2Error::Ended)
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

fn spin(
    node: &mut Node,
    wires: &mut [Wire],
    clock: &dyn Fn() -> TimeNs,
    Shared { stop, problems, mocks, figures }: &Shared,
) {
    let mut told: Option<TimeNs> = None;
    while !stop.load(Ordering::Relaxed) {
        node.spin_once(SPIN);
        wires.iter_mut().for_each(|wire| wire.turn(clock()));
        let mut measured = figures.lock().unwrap_or_else(PoisonError::into_inner);
        wires.iter_mut().zip(measured.iter_mut()).for_each(|(wire, figures)| wire.measured(figures));
        drop(measured);
        let now = clock();
        if told.is_none_or(|at| now.since(at) >= TOLD_EVERY) {
            told = Some(now);
            problems.set(wires.iter().filter_map(|w| w.client.problem(now)).collect());
            mocks.store(wires.iter().all(|w| w.is_mock), Ordering::Relaxed);
        }
    }
}

/// Cancels what may be moving a robot, and waits until it is seen at rest, as long as that may take.
fn leave(node: &mut Node, wires: &mut [Wire], clock: &dyn Fn() -> TimeNs) -> Result<(), Ros2Error> {
    let mut open = vec![Some(true); wires.len()];
    look(wires, &mut open, |wire| {
        let open = wire.client.leave(clock());
        wire.act(clock());
        open
    });
    // The controller's time may stand still with whoever ended it.
    let began = Instant::now();
    while open.contains(&Some(true)) && began.elapsed() < LEAVE_MAX && caught(|| node.spin_once(SPIN)).is_ok()
    {
        look(wires, &mut open, |wire| {
            wire.turn(clock());
            wire.client.open()
        });
    }
    let left = wires.iter().zip(&open).filter(|(_, open)| **open != Some(false));
    let left: Vec<_> = left.map(|(wire, _)| wire.client.robot().name.clone()).collect();
    if left.is_empty() { Ok(()) } else { Err(Ros2Error::MayMove(left)) }
}

/// Whether each robot may be moving; `None`, for good: what it said made r2r panic, which keeps no other one from being
/// cancelled.
fn look(wires: &mut [Wire], open: &mut [Option<bool>], mut of: impl FnMut(&mut Wire) -> bool) {
    for (wire, open) in wires.iter_mut().zip(open) {
        if open.is_some() {
            *open = caught(|| of(wire)).ok();
        }
    }
}
