//! One robot's client with its topics, actions and services: messages in, goals out.

use std::collections::VecDeque;
use std::time::SystemTime;

use cellwright_model::robot::Joints;
use cellwright_model::{DurationNs, TimeNs};
use futures::future::{FutureExt, LocalBoxFuture};
use futures::stream::{LocalBoxStream, StreamExt};
use r2r::action_msgs::srv::CancelGoal;
use r2r::builtin_interfaces::msg::{Duration as RosDuration, Time};
use r2r::control_msgs::action::{FollowJointTrajectory, GripperCommand};
use r2r::sensor_msgs::msg::JointState;
use r2r::std_msgs::msg::Bool;
use r2r::trajectory_msgs::msg::JointTrajectoryPoint;
use r2r::{ActionClient, Client, ClientUntyped, GoalStatus, Node, QosProfile, WrappedActionTypeSupport};
use serde_json::Value;

use super::super::client::{Act, CancelAnswer, GoalEnd, GoalId, RobotClient};
use super::super::config::{Qos, Ros2Robot};
use super::super::joints::JointSample;
use super::super::status::StatusKind;
use super::super::trajectory::Point;
use super::{Figures, MOCK_TOPIC};

/// Messages of one topic that are taken in one turn: what r2r buffers.
const MESSAGES_A_TURN_MAX: usize = 10;

/// A goal that was sent: not yet taken, or taken and not yet over.
enum Sent<A: WrappedActionTypeSupport> {
    Asked(GoalId, LocalBoxFuture<'static, r2r::Result<Awaited<A>>>),
    Taken(GoalId, Awaited<A>),
}

type Awaited<A> = LocalBoxFuture<'static, r2r::Result<(GoalStatus, <A as WrappedActionTypeSupport>::Result)>>;

type Loading = LocalBoxFuture<'static, r2r::Result<r2r::Result<Value>>>;

/// What came of a goal.
enum Word<R> {
    Taken(GoalId),
    Refused(GoalId),
    Over(GoalId, GoalStatus, R),
}

/// One robot's client with its topics and actions.
pub(super) struct Wire {
    pub(super) client: RobotClient,
    joints: LocalBoxStream<'static, JointState>,
    mock: LocalBoxStream<'static, Bool>,
    pub(super) is_mock: bool,
    states: Vec<(StatusKind, String, LocalBoxStream<'static, r2r::Result<Value>>)>,
    mover: ActionClient<FollowJointTrajectory::Action>,
    canceller: Client<CancelGoal::Service>,
    gripper: Option<ActionClient<GripperCommand::Action>>,
    /// Of `loads`, in its order.
    loaders: Vec<ClientUntyped>,
    loading: Option<(usize, Loading)>,
    moving: Option<Sent<FollowJointTrajectory::Action>>,
    gripping: Option<Sent<GripperCommand::Action>>,
    /// Goals of moves that were replaced unanswered: their server may still take them. As many as the client lets be.
    unanswered: VecDeque<Sent<FollowJointTrajectory::Action>>,
    cancelling: Option<LocalBoxFuture<'static, r2r::Result<CancelGoal::Response>>>,
    /// Servers that were not found yet.
    awaited: Vec<LocalBoxFuture<'static, r2r::Result<()>>>,
    /// It was heard in the turn before.
    heard: bool,
    /// Of the last joint state of this turn, by its own stamp.
    joint_age: Option<DurationNs>,
}
pub(super) fn wire(node: &mut Node, client: RobotClient) -> r2r::Result<Wire> {
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
    let loaders = robot.loads.iter().map(|load| {
        node.create_client_untyped(&robot.full(&load.service), &load.message, QosProfile::services_default())
    });
    let loaders = loaders.collect::<r2r::Result<_>>()?;
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
        loaders,
        loading: None,
        moving: None,
        gripping: None,
        unanswered: VecDeque::new(),
        cancelling: None,
        awaited: Vec::new(),
        heard: false,
        joint_age: None,
    })
}

fn qos(qos: Qos) -> QosProfile {
    let profile = QosProfile::default();
    let profile = if qos.reliable { profile.reliable() } else { profile.best_effort() };
    if qos.latched { profile.transient_local() } else { profile.volatile() }
}

impl Wire {
    /// Hands messages and answers to the client, lets it think, and sends what it asks.
    pub(super) fn turn(&mut self, now: TimeNs) {
        self.hear(now);
        self.hear_of_goals(now);
        self.look_for_servers(now);
        self.client.step(now);
        self.act(now);
    }

    /// What was measured since it was asked last.
    pub(super) fn measured(&mut self, figures: &mut Figures) {
        figures.accepted_after = self.client.accepted_after().or(figures.accepted_after);
        figures.joint_age = self.joint_age.take().or(figures.joint_age);
    }

    /// Sends what the client asks for.
    pub(super) fn act(&mut self, now: TimeNs) {
        while let Some(act) = self.client.next_act() {
            self.carry_out(now, act);
        }
    }

    fn hear(&mut self, now: TimeNs) {
        for _ in 0..MESSAGES_A_TURN_MAX {
            let Some(Some(state)) = self.joints.next().now_or_never() else { break };
            self.joint_age = age(&state.header.stamp);
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
            let loaders = self.loaders.iter().map(|l| Some(Node::is_available(l).map(|f| f.boxed_local())));
            self.awaited = asked.into_iter().chain(loaders).flatten().filter_map(Result::ok).collect();
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
        self.hear_of_late_goals(now);
        match word_of(&mut self.gripping) {
            Some(Word::Taken(_)) => {}
            Some(Word::Refused(goal)) => self.client.grip_refused(now, goal),
            Some(Word::Over(goal, status, result)) => {
                self.client.grip_over(now, goal, end_of(status), result.stalled);
            }
            None => {}
        }
        let told = self.loading.as_mut().and_then(|(place, answer)| Some((*place, answer.now_or_never()?)));
        if let Some((place, answer)) = told {
            self.loading = None;
            let taken = answer.is_ok_and(|a| a.is_ok_and(|answer| self.took_load(place, &answer)));
            self.client.load_told(now, place, taken);
        }
        if let Some(answer) = self.cancelling.as_mut().and_then(|c| c.now_or_never()) {
            self.cancelling = None;
            self.client.cancel_answered(now, cancel_answer(answer));
        }
    }

    /// Of goals that were replaced only the first word counts: taken, they have to be cancelled.
    fn hear_of_late_goals(&mut self, now: TimeNs) {
        for _ in 0..self.unanswered.len() {
            let mut sent = self.unanswered.pop_front();
            match word_of(&mut sent) {
                Some(Word::Taken(goal)) => self.client.acknowledged(now, goal, true),
                Some(Word::Refused(goal)) => self.client.acknowledged(now, goal, false),
                Some(Word::Over(..)) => {}
                None => self.unanswered.extend(sent),
            }
        }
    }

    fn carry_out(&mut self, now: TimeNs, act: Act) {
        match act {
            Act::Move { goal, points } => {
                let message = trajectory(self.client.robot(), &points);
                if let Some(before @ Sent::Asked(..)) = self.moving.take() {
                    self.unanswered.push_back(before);
                }
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
                    self.client.grip_refused(now, goal);
                }
            }
            Act::Load { place, grip } => {
                self.loading = self.ask_load(place, grip).map(|answer| (place, answer));
                if self.loading.is_none() {
                    self.client.load_told(now, place, false);
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

impl Wire {
    /// Tells a service what is held; `None` if it cannot be asked so.
    fn ask_load(&self, place: usize, grip: bool) -> Option<Loading> {
        let load = self.client.robot().loads.get(place)?;
        let request = serde_json::from_str(if grip { &load.grip } else { &load.release }).ok()?;
        Some(self.loaders.get(place)?.request(request).ok()?.boxed_local())
    }

    /// The answer says yes, in the field that the cell file names.
    fn took_load(&self, place: usize, answer: &Value) -> bool {
        let accepted = self.client.robot().loads.get(place).and_then(|load| load.accepted.as_deref());
        accepted.is_none_or(|field| {
            let pointer = format!("/{}", field.replace('.', "/"));
            answer.pointer(&pointer).and_then(Value::as_bool) == Some(true)
        })
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

/// Since a stamp, as far as the robot's clock goes as ours does.
fn age(stamp: &Time) -> Option<DurationNs> {
    let sent = u64::try_from(stamp.sec).ok()? * 1_000_000_000 + u64::from(stamp.nanosec);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?.as_nanos();
    u64::try_from(now).ok()?.checked_sub(sent).map(DurationNs)
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

/// A number or a boolean of a message; percent as a whole number.
fn number(value: &Value) -> Option<i64> {
    let whole = || value.as_f64().map(|v| v.round() as i64);
    value.as_i64().or_else(|| value.as_bool().map(i64::from)).or_else(whole)
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
