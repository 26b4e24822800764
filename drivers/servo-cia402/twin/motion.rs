//! The drive loop: interpolation of the setpoint, and the cascade of position, velocity and torque.
//!
//! ```text
//!  target ─ interpolate ─▶ demand ─(−)─ position P ─▶(+)─ limit ─▶(−)─ velocity PI ─▶(+)─ limit ─▶ torque
//!                             │          ▲ actual      ▲            ▲ actual           ▲
//!                             └─ d/dt ───┼─────────────┘            │                  │
//!                                        └─ d²/dt², filtered, × inertia ───────────────┘
//! ```
//! Positions in au, torque in N·m of the motor. Nothing here depends on how the mechanics answer.

/// Gains of the loop; the defaults suit a drive that is stepped once a millisecond or faster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoopGains {
    /// Position loop, 1/s.
    pub position: f64,
    /// Velocity loop, 1/s; with the inertia it makes torque of a velocity error.
    pub velocity: f64,
    /// Integral time of the velocity loop, s.
    pub integral_time_s: f64,
    /// Share of the acceleration demand that is fed forward, 0 to 1.
    pub feed_forward: f64,
}

impl Default for LoopGains {
    fn default() -> LoopGains {
        LoopGains { position: 80.0, velocity: 300.0, integral_time_s: 0.02, feed_forward: 1.0 }
    }
}

/// Time constants of the filter of the acceleration demand and of the current loop.
const ACCELERATION_FILTER_S: f64 = 0.001_5;
const CURRENT_LOOP_S: f64 = 0.000_2;
/// Targets in a row that may be missing before the demand stands: as many as drives usually tolerate (0x10F1:02).
const PERIODS_BEYOND: f64 = 3.0;
/// From so many targets at the interpolation period on, one that does not come is missed; each that comes at another time
/// takes some of them away. A MainDevice that sends at times of its own gets no more than it asks for.
const REGULAR: u8 = 16;
const REGULAR_MAX: u8 = 32;
const IRREGULAR_COSTS: u8 = 8;
/// Below this, au/s², there is no acceleration demand: its filter comes to an end.
const ACCELERATION_LEAST: f64 = 1e-9;
/// The velocity loop is kept below this share of one over the step time, where it would ring.
const VELOCITY_GAIN_MAX: f64 = 0.5;

/// What the loop is limited to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// au/s.
    pub(super) velocity: f64,
    /// N·m.
    pub(super) torque: f64,
    /// Following error within which a standing axis is left alone, au.
    pub(super) standstill: f64,
}

/// Measured by the drive.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Actual {
    pub(super) position: f64,
    pub(super) velocity: f64,
}

#[derive(Debug, Clone)]
pub(super) struct Motion {
    gains: LoopGains,
    /// Torque that accelerates the axis by 1 au/s², in N·m.
    inertia: f64,
    demand: f64,
    demand_velocity: f64,
    acceleration: f64,
    integral: f64,
    /// Time left until the demand has to be at the target.
    remaining_s: f64,
    /// Time left for which the demand goes on beyond a target that no other one has followed.
    beyond_s: f64,
    /// Since the last target came.
    since_s: f64,
    regular: u8,
    /// Velocities at which the last target is, and the one before was, approached.
    approach: [f64; 2],
    /// Torque of the motor.
    torque: f64,
    limited: bool,
    lags: Lags,
}

/// Shares of a step that the first-order lags cover: the exponentials are taken once a step length.
#[derive(Debug, Clone, Copy)]
struct Lags {
    dt: f64,
    acceleration: f64,
    current: f64,
}

impl Lags {
    fn of(dt: f64) -> Lags {
        Lags { dt, acceleration: share(dt, ACCELERATION_FILTER_S), current: share(dt, CURRENT_LOOP_S) }
    }
}

impl Motion {
    pub(super) fn new(gains: LoopGains, inertia: f64) -> Motion {
        Motion {
            gains,
            inertia,
            demand: 0.0,
            demand_velocity: 0.0,
            acceleration: 0.0,
            integral: 0.0,
            remaining_s: 0.0,
            beyond_s: 0.0,
            since_s: 0.0,
            regular: 0,
            approach: [0.0; 2],
            torque: 0.0,
            limited: false,
            lags: Lags::of(0.0),
        }
    }

    fn lags(&mut self, dt: f64) -> Lags {
        if self.lags.dt != dt {
            self.lags = Lags::of(dt);
        }
        self.lags
    }

    /// Begins at the actual position, keeping the torque that is there; a running axis is first
    /// held where it is.
    pub(super) fn seed(&mut self, actual: &Actual) {
        self.demand = actual.position;
        self.demand_velocity = 0.0;
        self.acceleration = 0.0;
        self.integral = self.torque;
        (self.remaining_s, self.beyond_s) = (0.0, 0.0);
        (self.regular, self.approach) = (0, [0.0; 2]);
    }

    /// A stop ramp, or another mode, begins at the actual velocity.
    pub(super) fn seed_moving(&mut self, actual: &Actual) {
        self.seed(actual);
        self.demand_velocity = actual.velocity;
    }

    /// Demand minus actual position, in au.
    pub(super) fn following_error(&self, actual: &Actual) -> f64 {
        self.demand - actual.position
    }

    pub(super) fn demand(&self) -> f64 {
        self.demand
    }

    pub(super) fn torque(&self) -> f64 {
        self.torque
    }

    /// Velocity or torque is at its limit.
    pub(super) fn is_limited(&self) -> bool {
        self.limited
    }

    /// A new target arrived; the demand reaches it in `period_s`.
    pub(super) fn retarget(&mut self, period_s: f64) {
        let regular = (core::mem::take(&mut self.since_s) - period_s).abs() <= 0.5 * period_s;
        self.regular = match regular {
            true => (self.regular + 1).min(REGULAR_MAX),
            false => self.regular.saturating_sub(IRREGULAR_COSTS),
        };
        self.remaining_s = period_s;
        self.beyond_s = if self.regular >= REGULAR { period_s * PERIODS_BEYOND } else { 0.0 };
        self.approach[1] = self.approach[0];
    }

    /// As fast as both targets were approached: a jump of one of them goes on nowhere.
    fn beyond(&self) -> f64 {
        let [last, before] = self.approach;
        if last * before > 0.0 { last.abs().min(before.abs()).copysign(last) } else { 0.0 }
    }

    /// Cyclic synchronous position: the demand goes straight to `target`, and as fast beyond it for a few periods while
    /// the next one of a regular row is missing: frames that are lost or late leave no jolt.
    pub(super) fn follow(&mut self, dt: f64, target: f64, actual: &Actual, limits: &Limits) {
        let before = self.demand_velocity;
        self.since_s += dt;
        if self.remaining_s > dt {
            let step = (target - self.demand) * (dt / self.remaining_s);
            self.demand += step;
            self.demand_velocity = step / dt;
            self.remaining_s -= dt;
            self.approach[0] = self.demand_velocity;
        } else if self.remaining_s > 0.0 {
            self.demand_velocity = (target - self.demand) / self.remaining_s;
            self.demand = target;
            self.remaining_s = 0.0;
            self.approach[0] = self.demand_velocity;
        } else if self.beyond_s >= dt {
            self.demand_velocity = self.beyond();
            self.demand += self.demand_velocity * dt;
            self.beyond_s -= dt;
        } else {
            self.demand_velocity = 0.0;
        }
        self.cascade(dt, before, actual, limits);
    }

    /// Cyclic synchronous velocity: the demand goes evenly to `target` in au/s, without a position loop. The
    /// demand of the position follows the actual one.
    pub(super) fn run(&mut self, dt: f64, target: f64, actual: &Actual, limits: &Limits) {
        let before = self.demand_velocity;
        if self.remaining_s > dt {
            self.demand_velocity += (target - before) * (dt / self.remaining_s);
            self.remaining_s -= dt;
        } else if self.remaining_s > 0.0 {
            self.demand_velocity = target;
            self.remaining_s = 0.0;
        }
        self.demand = actual.position;
        self.cascade(dt, before, actual, limits);
    }

    /// Stays where the demand is.
    pub(super) fn hold(&mut self, dt: f64, actual: &Actual, limits: &Limits) {
        let before = core::mem::take(&mut self.demand_velocity);
        (self.remaining_s, self.beyond_s) = (0.0, 0.0);
        self.cascade(dt, before, actual, limits);
    }

    /// Brings the axis to rest with `deceleration` in au/s². True once it stands.
    pub(super) fn stop(&mut self, dt: f64, deceleration: f64, actual: &Actual, limits: &Limits) -> bool {
        let before = self.demand_velocity;
        let change = (deceleration * dt).min(before.abs());
        self.demand_velocity -= change.copysign(before);
        self.demand += (before + self.demand_velocity) * 0.5 * dt;
        self.cascade(dt, before, actual, limits);
        // Standing: the ramp has ended and what is left would stop within a step of it.
        self.demand_velocity == 0.0 && actual.velocity.abs() <= deceleration * 0.001
    }

    fn cascade(&mut self, dt: f64, velocity_before: f64, actual: &Actual, limits: &Limits) {
        // A jump of the demand asks for more than the motor can do: feed no more than that forward.
        let possible = limits.torque / self.inertia;
        let acceleration = ((self.demand_velocity - velocity_before) / dt).clamp(-possible, possible);
        self.acceleration += (acceleration - self.acceleration) * self.lags(dt).acceleration;
        if acceleration == 0.0 && self.acceleration.abs() < ACCELERATION_LEAST {
            self.acceleration = 0.0;
        }
        let wanted = self.demand_velocity + self.gains.position * self.following_error(actual);
        let velocity = wanted.clamp(-limits.velocity, limits.velocity);
        let gain = self.gains.velocity.min(VELOCITY_GAIN_MAX / dt);
        let error = velocity - actual.velocity;
        let forward = self.gains.feed_forward * self.acceleration;
        let unlimited = self.inertia * (forward + gain * error) + self.integral;
        let torque = unlimited.clamp(-limits.torque, limits.torque);
        // Where the axis stands as near to its target as its encoder can tell, the integral rests: otherwise it
        // would creep for ever, and what the next move begins with would depend on how long the axis stood.
        let stands = self.demand_velocity == 0.0
            && actual.velocity == 0.0
            && self.following_error(actual).abs() <= limits.standstill;
        if torque == unlimited && !stands {
            let rate = self.inertia * gain / self.gains.integral_time_s;
            self.integral = (self.integral + rate * error * dt).clamp(-limits.torque, limits.torque);
        }
        self.limited = torque != unlimited || velocity != wanted;
        self.drive(dt, torque);
    }

    /// Cyclic synchronous torque, held back where the velocity limit is reached. The demand follows
    /// the actual position, so that a change to position mode begins where the axis is.
    pub(super) fn push(&mut self, dt: f64, torque: f64, actual: &Actual, limits: &Limits) {
        let brake = self.inertia * self.gains.velocity.min(VELOCITY_GAIN_MAX / dt);
        let highest = brake * (limits.velocity - actual.velocity);
        let lowest = brake * (-limits.velocity - actual.velocity);
        let wanted = torque.clamp(-limits.torque, limits.torque);
        let given = wanted.clamp(lowest, highest).clamp(-limits.torque, limits.torque);
        self.limited = given != torque;
        self.drive(dt, given);
        self.demand = actual.position;
        self.demand_velocity = 0.0;
    }

    /// The power stage is off: no torque, at once.
    pub(super) fn release(&mut self, actual: &Actual) {
        self.torque = 0.0;
        self.limited = false;
        self.seed(actual);
    }

    /// Torque of the motor follows its demand as the current loop does.
    fn drive(&mut self, dt: f64, torque: f64) {
        self.torque += (torque - self.torque) * self.lags(dt).current;
    }
}

/// Share of a step that a first-order lag covers in `dt`.
fn share(dt: f64, time_constant: f64) -> f64 {
    1.0 - (-dt / time_constant).exp()
}
