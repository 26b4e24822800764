//! The twin cobot: six joints, a gripper, one request at a time.
//!
//! It lives with the plant on the thread of the cycle and is stepped on a 2 ms grid ([`GRID_NS`]); it
//! does not allocate once made. Requests and reports travel over rings (see [`crate::link`]).

use cellwright_model::robot::{
    Joints, RobotCommand, RobotRefusal, RobotReply, RobotReport, RobotRequest, RobotState,
};
use cellwright_model::{DurationNs, RequestId, TimeNs};
use rtrb::{Consumer, Producer};

use crate::follow::{FollowEnds, Pose};
use crate::motion::{Motion, NoTrajectory};

pub use crate::motion::JointLimits;

/// Period of the twin's own controller, and of its steps.
pub const GRID_NS: u64 = 2_000_000;
/// States are reported this often while it moves, and once a second at rest: enough to draw it.
const STATE_PERIOD_MOVING: DurationNs = DurationNs::from_millis(20);
const STATE_PERIOD_AT_REST: DurationNs = DurationNs::from_millis(1000);
/// `Stop` requests that are answered by one stop; a further one is refused as busy.
const STOPS_MAX: usize = 4;
/// Stands for a request of a client that is gone; requests count from 1.
const NOBODY: RequestId = RequestId(0);
/// Room in the ring of reports below which nothing is taken on: every request under way can still be
/// answered (one motion, its stops, one gripper).
const REPORTS_RESERVED: usize = STOPS_MAX + 4;

/// What a twin cobot is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CobotModel {
    pub limits: JointLimits,
    /// Where it stands at power-up.
    pub start: Joints,
    /// From a gripper request to its answer.
    pub grip_time: DurationNs,
}

/// What the gripper meets.
pub trait Workspace {
    /// The gripper closes or has opened with the joints here; true if it holds something afterwards.
    fn grip(&mut self, joints: &Joints, close: bool) -> bool;
    /// The gripper holds something now: a person can have taken it.
    fn holds(&self) -> bool;
}

/// The cobot's ends of the rings.
pub struct CobotEnds {
    pub requests: Consumer<RobotRequest>,
    pub reports: Producer<RobotReport>,
}

#[derive(Debug, Clone, Copy)]
enum Activity {
    AtRest,
    Moving { id: RequestId, since: TimeNs },
    Stopping { moving: RequestId, reply: RobotReply, since: TimeNs },
}

#[derive(Debug, Clone, Copy)]
struct Gripping {
    id: RequestId,
    close: bool,
    done_at: TimeNs,
}

/// See the module text.
pub struct TwinCobot {
    model: CobotModel,
    ends: CobotEnds,
    motion: Motion,
    /// Sum of the steps.
    clock: TimeNs,
    stamp: TimeNs,
    activity: Activity,
    stops: [Option<RequestId>; STOPS_MAX],
    gripping: Option<Gripping>,
    holding: bool,
    emergency_stop: bool,
    protective_stop: bool,
    safeguard_stop: bool,
    /// What its speed scaling takes from the programmed speed, as a share.
    slowed: f64,
    last_state: Option<TimeNs>,
    /// As it was reported last: held by its safeguard, slowed.
    told: (bool, f64),
    states_dropped: u64,
    /// Another robot, whose place is this one's.
    followed: Option<triple_buffer::Output<Pose>>,
}

/// The description of a cobot cannot be simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CobotModelError {
    /// A velocity, acceleration or jerk is no positive finite number.
    Limits,
    /// It would stand outside its joint limits.
    Start,
}

impl core::fmt::Display for CobotModelError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            CobotModelError::Limits => {
                "a joint's velocity, acceleration or jerk limit is not positive and finite"
            }
            CobotModelError::Start => "the pose at power-up is outside the joint limits",
        })
    }
}

impl std::error::Error for CobotModelError {}

impl JointLimits {
    /// From the cell's description.
    pub fn of(robot: &cellwright_model::cell::Robot) -> JointLimits {
        JointLimits {
            lo: robot.joint_lo,
            hi: robot.joint_hi,
            velocity_max: robot.joint_velocity_max,
            acceleration_max: robot.joint_acceleration_max,
            jerk_max: robot.joint_jerk_max,
        }
    }
}

impl CobotModel {
    /// From the cell's description; stands at its pose `home`, or at the middle of its joints if it has none.
    pub fn from_cell(robot: &cellwright_model::cell::Robot, grip_time: DurationNs) -> CobotModel {
        let limits = JointLimits::of(robot);
        let middle = core::array::from_fn(|j| (limits.lo[j] + limits.hi[j]) / 2.0);
        CobotModel { limits, start: robot.pose("home").unwrap_or(middle), grip_time }
    }
}

impl TwinCobot {
    /// At rest at the start of its model, gripper open and empty.
    pub fn new(model: CobotModel, ends: CobotEnds) -> Result<TwinCobot, CobotModelError> {
        if !model.limits.usable() {
            return Err(CobotModelError::Limits);
        }
        if !model.limits.contains(&model.start) {
            return Err(CobotModelError::Start);
        }
        Ok(TwinCobot {
            motion: Motion::new(model.limits, model.start),
            model,
            ends,
            clock: TimeNs(0),
            stamp: TimeNs(0),
            activity: Activity::AtRest,
            stops: [None; STOPS_MAX],
            gripping: None,
            holding: false,
            emergency_stop: false,
            protective_stop: false,
            safeguard_stop: false,
            slowed: 0.0,
            last_state: None,
            told: (false, 0.0),
            states_dropped: 0,
            followed: None,
        })
    }

    /// Another client takes the place of the last one, which is gone: what it asked for is stopped, and
    /// answered to nobody.
    pub fn reconnect(&mut self, ends: CobotEnds) {
        self.ends = ends;
        self.stops = [None; STOPS_MAX];
        self.last_state = None;
        match self.activity {
            Activity::AtRest => {}
            Activity::Moving { .. } => self.begin_stop(self.clock, NOBODY, RobotReply::Stopped),
            Activity::Stopping { reply, since, .. } => {
                self.activity = Activity::Stopping { moving: NOBODY, reply, since };
            }
        }
        if let Some(gripping) = &mut self.gripping {
            gripping.id = NOBODY;
        }
    }

    /// From now on it stands where another robot is, and only its gripper is asked: at once, the other one has taken its
    /// time.
    pub fn follow(&mut self, FollowEnds { ends, pose }: FollowEnds) {
        self.reconnect(ends);
        self.motion.rest();
        self.activity = Activity::AtRest;
        self.model.grip_time = DurationNs(0);
        self.followed = Some(pose);
    }

    /// The emergency stop circuit: while it is active, a move ends in a fault and nothing is begun.
    pub fn emergency_stop(&mut self, active: bool) {
        self.emergency_stop = active;
    }

    /// A protective stop of the cobot's own controller: as the emergency stop, until a person releases it.
    pub fn protective_stop(&mut self, active: bool) {
        self.protective_stop = active;
    }

    /// Its safeguard stop: a guard or a person in its field holds it.
    pub fn safeguard_stop(&mut self, active: bool) {
        self.safeguard_stop = active;
    }

    /// A move goes on at a share of its programmed speed; a stop is as fast as ever.
    pub fn speed_scaling(&mut self, share: f64) {
        self.slowed = 1.0 - share.clamp(0.0, 1.0);
    }

    /// Why it may not move, the gravest first.
    fn stopped_by(&self) -> Option<RobotRefusal> {
        [
            (self.emergency_stop, RobotRefusal::EmergencyStop),
            (self.protective_stop, RobotRefusal::ProtectiveStop),
            (self.safeguard_stop, RobotRefusal::SafeguardStop),
        ]
        .into_iter()
        .find_map(|(active, by)| active.then_some(by))
    }

    /// One step of [`GRID_NS`]. `stamp`: the controller's time, which states bear; motion goes by steps.
    pub fn step(&mut self, stamp: TimeNs, workspace: &mut dyn Workspace) {
        self.stamp = stamp;
        self.clock = self.clock + DurationNs(GRID_NS);
        let now = self.clock;
        while self.ends.reports.slots() >= REPORTS_RESERVED {
            let Ok(request) = self.ends.requests.pop() else { break };
            self.take(now, request);
        }
        self.move_on(now);
        // After the requests: a place was written before the grip that was asked there.
        if let Some(pose) = &mut self.followed {
            let (joints, speeds) = pose.read();
            self.motion.be_at(joints, speeds);
        }
        self.grip_on(now, workspace);
        self.holding = workspace.holds();
        self.report_state(now);
    }

    /// State at the last step.
    pub fn state(&self) -> RobotState {
        RobotState {
            stamp: self.stamp,
            joints: self.motion.position().into(),
            speeds: self.motion.velocity().into(),
            holding: self.holding,
            moving: !matches!(self.activity, Activity::AtRest),
            lost: false,
            safeguard: self.stopped_by() == Some(RobotRefusal::SafeguardStop),
            slowed: self.slowed,
        }
    }

    /// States that found no room in the ring: nobody read it.
    pub fn states_dropped(&self) -> u64 {
        self.states_dropped
    }

    fn busy(&self) -> bool {
        self.gripping.is_some() || !matches!(self.activity, Activity::AtRest)
    }

    fn take(&mut self, now: TimeNs, request: RobotRequest) {
        let RobotRequest { id, command } = request;
        let stopped = self.stopped_by();
        let refusal = match command {
            RobotCommand::Stop => return self.stop(now, id),
            _ if stopped.is_some() => stopped,
            _ if self.busy() => Some(RobotRefusal::Busy),
            RobotCommand::MoveJ { to, speed } => self.begin_move(now, id, &to, speed).err(),
            RobotCommand::Grip { close } => {
                self.gripping = Some(Gripping { id, close, done_at: now + self.model.grip_time });
                None
            }
        };
        if let Some(refusal) = refusal {
            self.reply(now, id, RobotReply::Rejected(refusal));
        }
    }

    fn begin_move(
        &mut self,
        now: TimeNs,
        id: RequestId,
        to: &Joints,
        speed: f64,
    ) -> Result<(), RobotRefusal> {
        self.model.limits.permit(to, speed)?;
        self.motion.plan_move(to, speed).map_err(|NoTrajectory| RobotRefusal::ProtectiveStop)?;
        self.activity = Activity::Moving { id, since: now };
        Ok(())
    }

    fn stop(&mut self, now: TimeNs, id: RequestId) {
        match self.activity {
            Activity::AtRest => return self.reply(now, id, RobotReply::Done { holding: self.holding }),
            Activity::Moving { id: moving, .. } => self.begin_stop(now, moving, RobotReply::Stopped),
            Activity::Stopping { .. } => {}
        }
        match self.stops.iter_mut().find(|s| s.is_none()) {
            Some(free) => *free = Some(id),
            None => self.reply(now, id, RobotReply::Rejected(RobotRefusal::Busy)),
        }
    }

    fn begin_stop(&mut self, now: TimeNs, moving: RequestId, reply: RobotReply) {
        if self.motion.plan_stop().is_err() {
            // Without a trajectory the brakes do it.
            self.motion.rest();
        }
        self.activity = Activity::Stopping { moving, reply, since: now };
    }

    fn move_on(&mut self, now: TimeNs) {
        if let (Some(by), Activity::Moving { id, .. }) = (self.stopped_by(), self.activity) {
            self.begin_stop(now, id, RobotReply::Faulted(by));
        }
        let (id, since, reply) = match self.activity {
            Activity::AtRest => return,
            Activity::Moving { id, since } => {
                // As if it had begun that much later.
                let since = since + DurationNs((GRID_NS as f64 * self.slowed) as u64);
                self.activity = Activity::Moving { id, since };
                (id, since, RobotReply::Done { holding: self.holding })
            }
            Activity::Stopping { moving, reply, since } => (moving, since, reply),
        };
        if self.motion.advance(now.since(since).as_secs_f64()) {
            self.activity = Activity::AtRest;
            self.reply(now, id, reply);
            for i in 0..STOPS_MAX {
                if let Some(stop) = self.stops[i].take() {
                    self.reply(now, stop, RobotReply::Done { holding: self.holding });
                }
            }
        }
    }

    fn grip_on(&mut self, now: TimeNs, workspace: &mut dyn Workspace) {
        let Some(g) = self.gripping.filter(|g| now >= g.done_at) else { return };
        self.gripping = None;
        self.holding = workspace.grip(&self.motion.position().into(), g.close);
        self.reply(now, g.id, RobotReply::Done { holding: self.holding });
    }

    /// A state goes before, so that who reads the reply knows where the joints are. The room for the
    /// reply was there when its request was taken on (`REPORTS_RESERVED`).
    fn reply(&mut self, now: TimeNs, id: RequestId, reply: RobotReply) {
        self.last_state = None;
        self.report_state(now);
        if self.ends.reports.push(RobotReport::Reply { id, reply }).is_err() {
            self.states_dropped += 1;
        }
    }

    fn report_state(&mut self, now: TimeNs) {
        let moving = !matches!(self.activity, Activity::AtRest);
        let period = if moving { STATE_PERIOD_MOVING } else { STATE_PERIOD_AT_REST };
        let said = (self.stopped_by() == Some(RobotRefusal::SafeguardStop), self.slowed);
        if said == self.told && self.last_state.is_some_and(|at| now.since(at) < period) {
            return;
        }
        (self.last_state, self.told) = (Some(now), said);
        if self.ends.reports.slots() <= REPORTS_RESERVED {
            self.states_dropped += 1;
            return;
        }
        let state = self.state();
        if self.ends.reports.push(RobotReport::State(state)).is_err() {
            self.states_dropped += 1;
        }
    }
}
