//! A robot that serves `FollowJointTrajectory` and publishes joint states by ros2-client, and tells what it sees of goals.
//!
//!     ros2_peer NAMESPACE
//!
//! `ready`, then one line each: `goal POINTS LAST_POSITION_OF_EACH_JOINT…` (deg, in the order of the goal's names), `done`
//! and `cancelled`. It goes straight from point to point, and stands at once when it is cancelled.

mod messages;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use futures::stream::StreamExt;
use messages::{Feedback, Goal, Header, JointState, Outcome, Point, Seconds};
use ros2_client::action::{ActionServerQosPolicies, AsyncActionServer, ExecutingGoalHandle, GoalEndStatus};
use ros2_client::qos::{Durability, History};
use ros2_client::{
    ActionTypeName, Context, ContextOptions, MessageTypeName, Name, Node, NodeName, NodeOptions, Publisher,
    QosProfile, ServiceMapping,
};
use smol::future::FutureExt as _;

type Failure = Box<dyn std::error::Error>;
type Server = AsyncActionServer<Goal, Outcome, Feedback>;

const PERIOD: Duration = Duration::from_millis(4);
/// Its client asks for the result as soon as the goal is accepted.
const RESULT_WITHIN: Duration = Duration::from_millis(100);
const NAMES: [&str; 6] = [
    "wrist_3_joint",
    "wrist_2_joint",
    "wrist_1_joint",
    "elbow_joint",
    "shoulder_lift_joint",
    "shoulder_pan_joint",
];
const HOME_DEG: [f64; 6] = [0.0, -90.0, -90.0, 90.0, -90.0, 0.0];

/// A goal under way: its points in the order of [`NAMES`].
struct Motion {
    goal: ExecutingGoalHandle<Goal>,
    begun: Instant,
    points: Vec<(f64, [f64; 6])>,
}

struct Arm {
    at: [f64; 6],
    speed: [f64; 6],
    motion: Option<Motion>,
}

fn main() -> Result<(), Failure> {
    let namespace = std::env::args().nth(1).ok_or("usage: ros2_peer NAMESPACE")?;
    // It does not read the environment itself.
    let domain = std::env::var("ROS_DOMAIN_ID").map_or(Ok(0), |id| id.parse())?;
    let context = Context::with_options(ContextOptions::new().domain_id(domain))?;
    let mut node = context.new_node(NodeName::new(&namespace, "peer")?, NodeOptions::new())?;
    smol::spawn(node.spinner()?.spin()).detach();
    let server = server(&mut node, &namespace)?;
    let states = states(&mut node, &namespace)?;
    println!("ready");
    smol::block_on(serve(&server, &states))
}

fn kept(durability: Durability) -> QosProfile {
    QosProfile::publisher_default().history(History::KeepLast { depth: 10 }).durability(durability)
}

fn server(node: &mut Node, namespace: &str) -> Result<Server, Failure> {
    let service = kept(Durability::Volatile);
    let qos = ActionServerQosPolicies {
        goal_service: service.clone(),
        result_service: service.clone(),
        cancel_service: service.clone(),
        feedback_publisher: service,
        status_publisher: kept(Durability::TransientLocal),
    };
    let name = Name::new(&format!("{namespace}/joint_trajectory_controller"), "follow_joint_trajectory")?;
    let kind = ActionTypeName::new("control_msgs", "FollowJointTrajectory");
    Ok(AsyncActionServer::new(node.create_action_server(ServiceMapping::Enhanced, &name, &kind, qos)?))
}

fn states(node: &mut Node, namespace: &str) -> Result<Publisher<JointState>, Failure> {
    let (name, kind) =
        (Name::new(namespace, "joint_states")?, MessageTypeName::new("sensor_msgs", "JointState"));
    let topic = node.create_topic(&name, kind, &kept(Durability::Volatile))?;
    Ok(node.create_publisher(&topic, None)?)
}

async fn serve(server: &Server, states: &Publisher<JointState>) -> Result<(), Failure> {
    let mut arm = Arm { at: HOME_DEG.map(f64::to_radians), speed: [0.0; 6], motion: None };
    let mut ticks = StreamExt::fuse(smol::Timer::interval(PERIOD));
    loop {
        futures::select! {
            _ = ticks.select_next_some() => {
                if let Some(goal) = arm.step() {
                    end(server, goal, GoalEndStatus::Succeeded, "done").await;
                }
                states.publish(arm.state()?).map_err(|e| format!("{e:?}"))?;
            }
            new = server.receive_new_goal().fuse() => {
                let new = new.map_err(|e| format!("{e:?}"))?;
                let points = server.get_new_goal(new.clone()).and_then(|goal| points_of(&goal));
                let Some(points) = points.filter(|_| arm.motion.is_none()) else {
                    server.reject_goal(new).await.map_err(|e| format!("{e:?}"))?;
                    continue;
                };
                let accepted = server.accept_goal(new).await.map_err(|e| format!("{e:?}"))?;
                let goal = server.start_executing_goal(accepted).await.map_err(|e| format!("{e:?}"))?;
                arm.begin(goal, points);
            }
            cancel = server.receive_cancel_request().fuse() => {
                let cancel = cancel.map_err(|e| format!("{e:?}"))?;
                let mine = arm.motion.take_if(|m| cancel.contains_goal(&m.goal.goal_id()));
                let ids: Vec<_> = mine.iter().map(|m| m.goal.goal_id()).collect();
                server.respond_to_cancel_requests(&cancel, ids.into_iter()).await.map_err(|e| format!("{e:?}"))?;
                if let Some(motion) = mine {
                    arm.speed = [0.0; 6];
                    end(server, motion.goal, GoalEndStatus::Canceled, "cancelled").await;
                }
            }
        }
    }
}

async fn end(server: &Server, goal: ExecutingGoalHandle<Goal>, status: GoalEndStatus, word: &str) {
    let told = server.send_result_response(goal, status, Outcome::default()).map(|r| r.is_ok());
    let late = async {
        smol::Timer::after(RESULT_WITHIN).await;
        false
    };
    println!("{}", if told.or(late).await { word } else { "unasked" });
}

/// In the order of [`NAMES`]; `None`: a joint or a value is missing, or there is no point.
fn points_of(goal: &Goal) -> Option<Vec<(f64, [f64; 6])>> {
    let names = &goal.trajectory.joint_names;
    let places: Vec<usize> =
        NAMES.iter().map(|name| names.iter().position(|n| n == name)).collect::<Option<_>>()?;
    let read = |p: &Point| -> Option<(f64, [f64; 6])> {
        let values: Vec<f64> = places.iter().map(|&i| p.positions.get(i).copied()).collect::<Option<_>>()?;
        let at = f64::from(p.time_from_start.sec) + f64::from(p.time_from_start.nanosec) * 1e-9;
        Some((at, values.try_into().ok()?))
    };
    let last: Vec<_> =
        goal.trajectory.points.last()?.positions.iter().map(|p| format!("{:.4}", p.to_degrees())).collect();
    println!("goal {} {}", goal.trajectory.points.len(), last.join(" "));
    goal.trajectory.points.iter().map(read).collect()
}

impl Arm {
    fn begin(&mut self, goal: ExecutingGoalHandle<Goal>, mut points: Vec<(f64, [f64; 6])>) {
        points.insert(0, (0.0, self.at));
        self.motion = Some(Motion { goal, begun: Instant::now(), points });
    }

    /// The goal that has come to its end.
    fn step(&mut self) -> Option<ExecutingGoalHandle<Goal>> {
        let motion = self.motion.as_ref()?;
        let t = motion.begun.elapsed().as_secs_f64();
        let Some(next) = motion.points.iter().position(|(at, _)| *at > t) else {
            self.at = motion.points.last()?.1;
            self.speed = [0.0; 6];
            return self.motion.take().map(|m| m.goal);
        };
        let ((t0, a), (t1, b)) = (motion.points[next.max(1) - 1], motion.points[next.max(1)]);
        self.speed = core::array::from_fn(|j| (b[j] - a[j]) / (t1 - t0));
        self.at = core::array::from_fn(|j| a[j] + self.speed[j] * (t - t0));
        None
    }

    fn state(&self) -> Result<JointState, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let stamp = Seconds { sec: i32::try_from(now.as_secs())?, nanosec: now.subsec_nanos() };
        Ok(JointState {
            header: Header { stamp, frame_id: String::new() },
            name: NAMES.map(str::to_owned).to_vec(),
            position: self.at.to_vec(),
            velocity: self.speed.to_vec(),
            effort: Vec::new(),
        })
    }
}
