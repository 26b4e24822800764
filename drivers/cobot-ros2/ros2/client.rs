//! What the cell asks of the robot and what ROS answers, without either: requests come by the rings of the link, messages
//! and time are arguments, and what ROS has to be asked comes out as [`Act`]s.
//!
//! A move goes through `Asked` (sent), `Running` (acknowledged) and `Ended` (result there, joints not yet seen at rest).
//! Whatever speaks against it on its way (a state of the robot, silence, a deadline) becomes its *cause*, and it is
//! cancelled; the answer waits for the result and for rest. After `answer_timeout` the link has answered in its place:
//! then the move is nobody's, goes on being cancelled, and nothing else begins until the robot was seen at rest. A goal
//! that is acknowledged after that is cancelled like one under way ([`late`]).

use std::collections::VecDeque;

use cellwright_model::robot::{
    Joints, RobotCommand, RobotRefusal, RobotReply, RobotReport, RobotRequest, RobotState,
};
use cellwright_model::{DurationNs, RequestId, TimeNs};

use super::config::{ConfigError, Ros2Robot};
use super::joints::{JointSample, JointWatch};
use super::status::{RobotStatus, StatusKind};
use super::trajectory::{Point, plan};
use crate::motion::JointLimits;
use crate::twin::CobotEnds;
use late::Late;

/// Stops that wait for rest at once; a further one is refused as busy.
const STOPS_MAX: usize = 4;
/// Room in the ring of reports below which nothing is taken on: every request under way can still be answered (a
/// motion, its stops, a gripper, and the states before them).
const REPORTS_RESERVED: usize = 2 * (STOPS_MAX + 2);
/// Between two states that are reported while it moves, and at rest.
const STATE_PERIOD_MOVING: DurationNs = DurationNs::from_millis(20);
const STATE_PERIOD_AT_REST: DurationNs = DurationNs::from_millis(100);
/// A cancel that was refused or not answered is sent again after this …
const CANCEL_AGAIN: DurationNs = DurationNs::from_millis(300);
/// … so often, for one move.
const CANCELS_MAX: u32 = 20;
/// So long the joints have to be at rest before a goal that nobody knows anything of counts as over.
const LOST_REST: DurationNs = DurationNs::from_millis(1_000);
/// Stands for a request that the link has answered; requests count from 1.
const NOBODY: RequestId = RequestId(0);

/// Names one goal; later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoalId(pub u64);

/// What has to be asked by ROS.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// A goal of `FollowJointTrajectory`; answered by [`RobotClient::acknowledged`], then [`RobotClient::over`].
    Move { goal: GoalId, points: Vec<Point> },
    /// Every goal of that action; answered by [`RobotClient::cancel_answered`].
    CancelAll,
    /// A goal of `GripperCommand`; answered by [`RobotClient::grip_refused`] or [`RobotClient::grip_over`].
    Grip { goal: GoalId, position_m: f64, effort_n: f64 },
    /// The service of this place in `loads`, with its request of a grip or a release; answered by
    /// [`RobotClient::load_told`].
    Load { place: usize, grip: bool },
}

/// Terminal status of a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoalEnd {
    Succeeded,
    Cancelled,
    Aborted,
    /// The server knows no such goal, or said something that is no terminal status.
    Unknown,
}

/// What the server says to a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelAnswer {
    /// Goals are being cancelled.
    Accepted,
    /// There was none.
    Nothing,
    Refused,
}

#[derive(Debug, Clone, Copy)]
struct Move {
    id: RequestId,
    goal: GoalId,
    to: Joints,
    asked: TimeNs,
    /// From the start of the motion to its result, at the most.
    lasts: DurationNs,
    /// What the robot's speed scaling has taken from the time since it was asked: every deadline is that much later.
    behind: DurationNs,
    acknowledged: Option<TimeNs>,
    /// What broke it off.
    cause: Option<RobotRefusal>,
    /// By a `Stop`.
    stopped: bool,
}

#[derive(Debug, Clone, Copy)]
enum Motion {
    Still,
    /// Sent, or acknowledged.
    Under(Move),
    /// Its result is there since `at`.
    Ended {
        of: Move,
        reply: RobotReply,
        at: TimeNs,
    },
}

#[derive(Debug, Clone, Copy)]
struct Gripping {
    id: RequestId,
    goal: GoalId,
    close: bool,
    asked: TimeNs,
    /// The gripper has done it, and what it holds is being told to the service of this place.
    load: Option<usize>,
}

/// Cancels for the move under way, or for a stop without one.
#[derive(Debug, Clone, Copy, Default)]
struct Cancelling {
    sent: u32,
    last: Option<TimeNs>,
    /// The last answer, and when the first one like it came.
    answer: Option<(TimeNs, CancelAnswer)>,
}

/// See the module text.
pub struct RobotClient {
    robot: Ros2Robot,
    limits: JointLimits,
    ends: CobotEnds,
    joints: JointWatch,
    status: RobotStatus,
    /// Every server that is needed was found.
    served: bool,
    motion: Motion,
    cancelling: Cancelling,
    /// Each with the time it was asked at.
    stops: [Option<(RequestId, TimeNs)>; STOPS_MAX],
    /// A goal that was taken on when its motion was given up already may be moving the robot.
    late: Option<Late>,
    /// Goals of moves that the server has neither taken nor refused, that of a move under way among them.
    unanswered: usize,
    gripping: Option<Gripping>,
    holding: bool,
    goals: u64,
    acts: VecDeque<Act>,
    last_state: Option<TimeNs>,
    /// As it was reported last: silent, held by its safeguard, slowed.
    told: (bool, bool, f64),
    /// The driver ends: nothing begins any more.
    leaving: bool,
    stepped: Option<TimeNs>,
    accepted_after: Option<DurationNs>,
    states_dropped: u64,
}

impl RobotClient {
    /// Error: the robot's description, or `limits` that the planner would move wrongly by.
    pub fn new(robot: Ros2Robot, limits: JointLimits, ends: CobotEnds) -> Result<RobotClient, ConfigError> {
        robot.check()?;
        if !limits.usable() {
            return Err(ConfigError {
                robot: robot.name,
                field: "joint limits",
                cause: "a velocity, acceleration or jerk is not positive and finite".into(),
                remedy: "state what the robot can",
            });
        }
        Ok(RobotClient {
            joints: JointWatch::new(&robot),
            status: RobotStatus::new(&robot),
            robot,
            limits,
            ends,
            served: false,
            motion: Motion::Still,
            cancelling: Cancelling::default(),
            stops: [None; STOPS_MAX],
            late: None,
            unanswered: 0,
            gripping: None,
            holding: false,
            goals: 0,
            acts: VecDeque::new(),
            last_state: None,
            told: (false, false, 0.0),
            leaving: false,
            stepped: None,
            accepted_after: None,
            states_dropped: 0,
        })
    }

    pub fn robot(&self) -> &Ros2Robot {
        &self.robot
    }

    /// Takes requests, keeps deadlines, reports. Called at least every few milliseconds, after the messages.
    pub fn step(&mut self, now: TimeNs) {
        while self.ends.reports.slots() >= REPORTS_RESERVED {
            let Ok(request) = self.ends.requests.pop() else { break };
            self.take(now, request);
        }
        self.fall_behind(now);
        self.watch_move(now);
        self.end_late(now);
        self.finish(now);
        self.end_stops(now);
        if self.gripping.is_some_and(|g| self.given_up(now, g.asked, DurationNs(0))) {
            self.gripping = None;
        }
        self.report_state(now);
    }

    /// What ROS has to be asked next. As many as requests were taken, and a cancel.
    pub fn next_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// A message of the joint states.
    pub fn joint_state(&mut self, now: TimeNs, sample: JointSample<'_>) {
        self.joints.take(now, sample);
    }

    /// A message of one of the robot's states.
    pub fn status(&mut self, kind: StatusKind, value: i64) {
        self.status.take(kind, value);
    }

    /// Whether the servers of its actions are there, as far as discovery knows: one that died is there for long.
    pub fn served(&mut self, there: bool) {
        self.served = there;
    }

    /// The joint states are not older than the watchdog.
    pub fn heard(&self, now: TimeNs) -> bool {
        self.joints.fresh(now)
    }

    /// The server has taken the goal of a move, or not.
    pub fn acknowledged(&mut self, now: TimeNs, goal: GoalId, taken: bool) {
        self.unanswered = self.unanswered.saturating_sub(1);
        let of = match &mut self.motion {
            Motion::Under(of) if of.goal == goal => of,
            _ if taken => return self.taken_late(now),
            _ => return,
        };
        if taken {
            of.acknowledged = Some(now);
            self.accepted_after = Some(now.since(of.asked));
            if of.cause.is_some() {
                // What was cancelled before was another goal, or none.
                self.cancelling = Cancelling::default();
            }
        } else {
            let id = of.id;
            let why = self.status.refusal().unwrap_or(RobotRefusal::Aborted);
            self.motion = Motion::Still;
            self.reply(now, id, RobotReply::Rejected(why));
        }
    }

    /// The server has not taken the goal of a grip.
    pub fn grip_refused(&mut self, now: TimeNs, goal: GoalId) {
        if let Some(gripping) = self.gripping.take_if(|g| g.goal == goal) {
            self.reply(now, gripping.id, RobotReply::Rejected(RobotRefusal::Aborted));
        }
    }

    /// The terminal result of a move. `code`: `error_code` of `FollowJointTrajectory`.
    pub fn over(&mut self, now: TimeNs, goal: GoalId, end: GoalEnd, code: i32) {
        let Motion::Under(of) = self.motion else { return };
        if of.goal == goal {
            self.motion = Motion::Ended { of, reply: reply_of(&of, end, code), at: now };
        }
    }

    /// The terminal result of a grip. `stalled`: the fingers push against something.
    pub fn grip_over(&mut self, now: TimeNs, goal: GoalId, end: GoalEnd, stalled: bool) {
        let Some(gripping) = self.gripping.filter(|g| g.goal == goal && g.load.is_none()) else { return };
        // A gripper that is told to close on a part and is stopped by it has done it, whatever it calls that.
        if end == GoalEnd::Succeeded || (gripping.close && stalled) {
            self.holding = gripping.close && stalled;
            return self.tell_load(now, gripping, 0);
        }
        self.gripping = None;
        self.reply(now, gripping.id, RobotReply::Faulted(RobotRefusal::Aborted));
    }

    /// The server's answer to [`Act::CancelAll`].
    pub fn cancel_answered(&mut self, now: TimeNs, answer: CancelAnswer) {
        // A cancel is repeated, and so is its answer: rest counts from the first.
        let before = self.cancelling.answer.filter(|(_, last)| *last == answer);
        self.cancelling.answer = before.or(Some((now, answer)));
    }

    /// What a person has to know of the connection, if anything is wrong with it.
    pub fn problem(&self, now: TimeNs) -> Option<String> {
        let name = &self.robot.name;
        if let Some(problem) = self.joints.problem() {
            return Some(format!("robot {name}: {problem}"));
        }
        if !self.joints.fresh(now) {
            let topic = self.robot.full(&self.robot.joint_states);
            return Some(format!(
                "robot {name}: no joint states on {topic}; {}",
                RobotRefusal::NotConnected.remedy()
            ));
        }
        if !self.served {
            let action = self.robot.full(&self.robot.action);
            return Some(format!(
                "robot {name}: no server of {action}; {}",
                RobotRefusal::NotConnected.remedy()
            ));
        }
        let refused =
            self.status.refusal().map(|why| format!("robot {name}: {}; {}", why.as_str(), why.remedy()));
        refused.or_else(|| self.silent_server())
    }

    /// States that found no room in the ring: nobody read it.
    pub fn states_dropped(&self) -> u64 {
        self.states_dropped
    }

    fn given_up(&self, now: TimeNs, asked: TimeNs, behind: DurationNs) -> bool {
        now.since(asked) >= self.robot.answer_timeout + behind
    }

    fn next_goal(&mut self) -> GoalId {
        self.goals += 1;
        GoalId(self.goals)
    }

    fn take(&mut self, now: TimeNs, request: RobotRequest) {
        let RobotRequest { id, command } = request;
        let begun = match command {
            RobotCommand::Stop => return self.stop(now, id),
            RobotCommand::MoveJ { to, speed } => self.begin_move(now, id, &to, speed),
            RobotCommand::Grip { close } => self.begin_grip(now, id, close),
        };
        if let Err(refusal) = begun {
            self.reply(now, id, RobotReply::Rejected(refusal));
        }
    }

    /// Why nothing may be begun now.
    fn ready(&self, now: TimeNs) -> Result<(), RobotRefusal> {
        if self.gripping.is_some() || !self.still() {
            return Err(RobotRefusal::Busy);
        }
        if let Some(refusal) = self.status.refusal() {
            return Err(refusal);
        }
        if !self.joints.fresh(now) {
            let wrong = self.joints.problem().is_some();
            return Err(if wrong { RobotRefusal::JointNames } else { RobotRefusal::NotConnected });
        }
        if !self.served || self.leaving {
            return Err(RobotRefusal::NotConnected);
        }
        // Somebody else moves it, or it moves by itself.
        if self.joints.rests(now) { Ok(()) } else { Err(RobotRefusal::Busy) }
    }

    fn begin_move(
        &mut self,
        now: TimeNs,
        id: RequestId,
        to: &Joints,
        speed: f64,
    ) -> Result<(), RobotRefusal> {
        self.limits.permit(to, speed)?;
        self.ready(now)?;
        if self.is_unanswered() {
            return Err(RobotRefusal::NotConnected);
        }
        let (_, from, _) = self.joints.last().ok_or(RobotRefusal::NotConnected)?;
        let points = plan(&self.limits, from, to, speed, self.robot.point_period)
            .map_err(|crate::motion::NoTrajectory| RobotRefusal::JointLimit)?;
        let whole = points.last().map_or(DurationNs(0), |p| p.after);
        let goal = self.next_goal();
        self.unanswered += 1;
        self.cancelling = Cancelling::default();
        self.motion = Motion::Under(Move {
            id,
            goal,
            to: *to,
            asked: now,
            lasts: whole + self.robot.result_grace,
            behind: DurationNs(0),
            acknowledged: None,
            cause: None,
            stopped: false,
        });
        self.acts.push_back(Act::Move { goal, points });
        Ok(())
    }

    fn begin_grip(&mut self, now: TimeNs, id: RequestId, close: bool) -> Result<(), RobotRefusal> {
        self.ready(now)?;
        let gripper = self.robot.gripper.as_ref().ok_or(RobotRefusal::NotConnected)?;
        let (position_m, effort_n) =
            (if close { gripper.closed_m } else { gripper.open_m }, gripper.effort_n);
        let goal = self.next_goal();
        self.gripping = Some(Gripping { id, goal, close, asked: now, load: None });
        self.acts.push_back(Act::Grip { goal, position_m, effort_n });
        Ok(())
    }

    /// Answered at rest, at once if it is. Without a move of ours the robot may be moved by a goal that is nobody's.
    fn stop(&mut self, now: TimeNs, id: RequestId) {
        match &mut self.motion {
            Motion::Still if self.late.is_none() && self.joints.rests(now) => {
                return self.reply(now, id, RobotReply::Done { holding: self.holding });
            }
            Motion::Under(of) => of.stopped = true,
            Motion::Still | Motion::Ended { .. } => {}
        }
        match self.stops.iter_mut().find(|s| s.is_none()) {
            Some(free) => *free = Some((id, now)),
            None => return self.reply(now, id, RobotReply::Rejected(RobotRefusal::Busy)),
        }
        if self.still() {
            self.cancelling = Cancelling::default();
        }
    }

    /// What speaks against the move under way, and its cancelling.
    fn watch_move(&mut self, now: TimeNs) {
        let against = self.against(now);
        if let Motion::Under(of) = &mut self.motion {
            of.cause = of.cause.or(against);
            if now.since(of.asked) >= self.robot.answer_timeout + of.behind {
                of.id = NOBODY;
            }
        }
        let wanted = match &self.motion {
            Motion::Under(of) => of.stopped || of.cause.is_some(),
            Motion::Still => self.stops.iter().any(Option::is_some),
            Motion::Ended { .. } => false,
        };
        if !(wanted || self.late.is_some()) || self.cancelling.sent >= CANCELS_MAX {
            return;
        }
        let due = self.cancelling.last.is_none_or(|last| now.since(last) >= CANCEL_AGAIN);
        let accepted = matches!(self.cancelling.answer, Some((_, CancelAnswer::Accepted)));
        if due && !accepted {
            self.cancelling = Cancelling {
                sent: self.cancelling.sent + 1,
                last: Some(now),
                answer: self.cancelling.answer,
            };
            self.acts.push_back(Act::CancelAll);
        }
    }

    fn against(&self, now: TimeNs) -> Option<RobotRefusal> {
        let Motion::Under(of) = &self.motion else { return None };
        // Nobody reads the answers any more: whoever asked for it has ended.
        if self.ends.requests.is_abandoned() {
            return Some(RobotRefusal::Cancelled);
        }
        if let Some(refusal) = self.status.refusal() {
            return Some(refusal);
        }
        if !self.joints.fresh(now) {
            return Some(RobotRefusal::NotConnected);
        }
        let late = match of.acknowledged {
            None => now.since(of.asked) >= self.robot.acknowledge_timeout,
            Some(at) => now.since(at) >= of.lasts + of.behind,
        };
        (late || self.given_up(now, of.asked, of.behind)).then_some(RobotRefusal::TimedOut)
    }

    /// Ends a move that has its result, or that nobody knows anything of, once the joints are at rest.
    fn finish(&mut self, now: TimeNs) {
        if self.late.is_some() {
            return;
        }
        let (of, reply) = match self.motion {
            Motion::Still => return,
            Motion::Ended { of, reply, at } => {
                if !self.joints.rests(now) || self.joints.last().is_none_or(|(seen, ..)| seen < at) {
                    return;
                }
                (of, self.checked(&of, reply))
            }
            Motion::Under(of) => {
                let Some(from) = self.lost_since(&of) else { return };
                if !self.joints.rests_for(now, from, LOST_REST) {
                    return;
                }
                (of, RobotReply::Faulted(of.cause.unwrap_or(RobotRefusal::TimedOut)))
            }
        };
        let id = if self.given_up(now, of.asked, of.behind) { NOBODY } else { of.id };
        self.motion = Motion::Still;
        self.reply(now, id, reply);
    }

    /// Since when the goal may be one that never was or is no more: the server knows none, or did not acknowledge it and
    /// has answered a cancel since, or the link has given it up.
    fn lost_since(&self, of: &Move) -> Option<TimeNs> {
        match self.cancelling.answer {
            Some((at, CancelAnswer::Nothing)) => Some(at),
            Some((at, CancelAnswer::Accepted)) if of.acknowledged.is_none() => Some(at),
            _ => (of.id == NOBODY).then(|| of.asked + self.robot.answer_timeout + of.behind),
        }
    }

    /// `Done` only at the target.
    fn checked(&self, of: &Move, reply: RobotReply) -> RobotReply {
        let Some((_, joints, _)) = self.joints.last() else { return reply };
        let off = (joints.iter().zip(&of.to)).any(|(a, b)| (a - b).abs() > self.robot.target_tolerance);
        match reply {
            RobotReply::Done { .. } if off => RobotReply::Faulted(RobotRefusal::GoalTolerance),
            RobotReply::Done { .. } => RobotReply::Done { holding: self.holding },
            other => other,
        }
    }

    fn end_stops(&mut self, now: TimeNs) {
        let rest = self.still() && self.joints.rests(now);
        for i in 0..STOPS_MAX {
            let Some((id, asked)) = self.stops[i] else { continue };
            if self.given_up(now, asked, DurationNs(0)) {
                self.stops[i] = None;
            } else if rest {
                self.stops[i] = None;
                self.reply(now, id, RobotReply::Done { holding: self.holding });
            }
        }
    }

    /// A state goes before, so that who reads the reply knows where the joints are. The room for the reply was there
    /// when its request was taken on (`REPORTS_RESERVED`).
    fn reply(&mut self, now: TimeNs, id: RequestId, reply: RobotReply) {
        self.last_state = None;
        self.report_state(now);
        if id != NOBODY && self.ends.reports.push(RobotReport::Reply { id, reply }).is_err() {
            self.states_dropped += 1;
        }
    }

    /// The last state with the time of its receipt: in silence that time stays, and the silence itself is told at once.
    fn report_state(&mut self, now: TimeNs) {
        let (lost, safeguard) = (!self.joints.fresh(now), self.status.safeguard());
        let slowed = self.status.slowed();
        let (stamp, joints, speeds) = self.joints.last().unwrap_or_default();
        let moving = !self.still() || !self.joints.rests(now);
        let period = if moving { STATE_PERIOD_MOVING } else { STATE_PERIOD_AT_REST };
        let due = self.last_state.is_none_or(|at| now.since(at) >= period);
        if !due && (lost, safeguard, slowed) == self.told {
            return;
        }
        (self.last_state, self.told) = (Some(now), (lost, safeguard, slowed));
        let holding = self.holding;
        let state = RobotState { stamp, joints, speeds, holding, moving, lost, safeguard, slowed };
        if self.ends.reports.slots() <= REPORTS_RESERVED
            || self.ends.reports.push(RobotReport::State(state)).is_err()
        {
            self.states_dropped += 1;
        }
    }
}

/// What a terminal result means for its move.
fn reply_of(of: &Move, end: GoalEnd, code: i32) -> RobotReply {
    let by_code = match code {
        -2 => RobotRefusal::JointNames,
        -4 => RobotRefusal::PathTolerance,
        -5 => RobotRefusal::GoalTolerance,
        _ => RobotRefusal::Aborted,
    };
    match (end, of.cause) {
        (GoalEnd::Succeeded, _) if code == 0 => RobotReply::Done { holding: false },
        (_, Some(cause)) => RobotReply::Faulted(cause),
        (GoalEnd::Cancelled, None) if of.stopped => RobotReply::Stopped,
        (GoalEnd::Cancelled, None) => RobotReply::Faulted(RobotRefusal::Cancelled),
        (GoalEnd::Succeeded | GoalEnd::Aborted | GoalEnd::Unknown, None) => RobotReply::Faulted(by_code),
    }
}

mod late;
mod slow;
#[cfg(test)]
mod tests;
