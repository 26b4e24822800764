//! The setpoint of one axis: jerk-limited profiles to a position, jerk-limited stops, and the
//! stop at the highest deceleration. All memory is made by [`Motion::new`]; planning and stepping
//! allocate nothing.
//!
//! The planner compares with absolute tolerances (1e-12 for an acceleration), which degrees and
//! millimetres per second squared do not meet. So it is given numbers without dimension, relative to
//! where the profile starts: the unit of time is the one in which the jerk builds the highest
//! acceleration up, that acceleration is 1, and so is the jerk. In these numbers it wants
//! to end within 1e-8 of the target, which doubles cannot say of a long way: of that a short piece is planned, and the
//! rest is driven in the middle of it, at constant velocity.

use rsruckig::prelude::*;

/// A way that is planned in one piece, in the planner's unit: a hundredth of the least that it has failed at.
const PIECE_MAX: f64 = 1e5;

/// What an axis may do, from the cell description (au, s).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    pub(crate) travel_lo: f64,
    pub(crate) travel_hi: f64,
    pub(crate) velocity: f64,
    pub(crate) acceleration: f64,
    pub(crate) jerk: f64,
}

impl Limits {
    /// The same for an axis of which nobody knows where in its travel it is.
    pub(crate) fn unbounded(&self) -> Limits {
        Limits { travel_lo: f64::NEG_INFINITY, travel_hi: f64::INFINITY, ..*self }
    }
}

/// Setpoint with its derivatives (au, au/s, au/s²).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct State {
    pub(crate) p: f64,
    pub(crate) v: f64,
    pub(crate) a: f64,
}

/// The planner found no profile; nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlanFailed;

/// Keeps the messages of the planner off the real-time thread: an empty `String` does not allocate.
#[derive(Debug, Default)]
struct Quiet;

impl RuckigErrorHandler for Quiet {
    fn handle_validation_error(_: &str) -> Result<(), RuckigError> {
        Err(RuckigError::ValidationError(String::new()))
    }
    fn handle_calculator_error(_: &str) -> Result<(), RuckigError> {
        Err(RuckigError::CalculatorError(String::new()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Course {
    Rest,
    /// Along `trajectory` to rest at this position.
    Profile(f64),
    /// Along `trajectory` to rest, jerk-limited, wherever that is.
    Stop,
    /// Constant deceleration from this state.
    Brake(State),
}

/// The part of a long way that is not planned; numbers of the planner.
#[derive(Debug, Clone, Copy)]
struct Cruise {
    /// When it begins, and how long it lasts.
    from: f64,
    lasts: f64,
    velocity: f64,
}

impl Cruise {
    /// Time on the planned trajectory at a time of the whole way, and the way that was driven besides.
    fn at(&self, t: f64) -> (f64, f64) {
        let passed = (t - self.from).clamp(0.0, self.lasts);
        (t - passed, passed * self.velocity)
    }
}

/// Units of the planner in those of the axis.
#[derive(Debug, Clone, Copy)]
struct Units {
    t: f64,
    p: f64,
    v: f64,
    a: f64,
}

impl Units {
    fn of(limits: &Limits) -> Units {
        let t = limits.acceleration / limits.jerk;
        Units { t, p: limits.acceleration * t * t, v: limits.acceleration * t, a: limits.acceleration }
    }
}

/// Setpoint generator of one axis.
pub(crate) struct Motion {
    limits: Limits,
    units: Units,
    /// Where the present trajectory starts, au.
    origin: f64,
    planner: Ruckig<1, Quiet>,
    input: InputParameter<1>,
    trajectory: Trajectory<1>,
    /// In the middle of the trajectory.
    cruise: Option<Cruise>,
    course: Course,
    /// Time on the course, s.
    t: f64,
    state: State,
}

impl Motion {
    pub(crate) fn new(limits: Limits, dt: f64) -> Motion {
        Motion {
            limits,
            units: Units::of(&limits),
            origin: 0.0,
            planner: Ruckig::new(None, dt),
            input: InputParameter::new(None),
            trajectory: Trajectory::new(None),
            cruise: None,
            course: Course::Rest,
            t: 0.0,
            state: State::default(),
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn at_rest(&self) -> bool {
        self.course == Course::Rest
    }

    /// At rest, or on the shortest way there.
    pub(crate) fn brakes(&self) -> bool {
        matches!(self.course, Course::Rest | Course::Brake(_))
    }

    /// At rest at `p`, from now on.
    pub(crate) fn seed(&mut self, p: f64) {
        self.course = Course::Rest;
        self.state = State { p, v: 0.0, a: 0.0 };
    }

    /// Profile from the present state to rest at `target`; both arguments were checked by the caller.
    pub(crate) fn go_to(&mut self, target: f64, velocity: f64) -> Result<(), PlanFailed> {
        self.input.control_interface = ControlInterface::Position;
        let (way, velocity) = ((target - self.state.p) / self.units.p, velocity / self.units.v);
        // Room to reach the velocity from any other, and from it to rest, twice.
        let most = velocity.max((self.state.v / self.units.v).abs());
        let piece = (4.0 * most * (most + 1.0) + 100.0).max(PIECE_MAX).min(way.abs());
        self.input.target_position[0] = piece.copysign(way);
        self.input.max_velocity[0] = velocity;
        let cruise = self.planned(way.abs() - piece)?;
        self.cruise = cruise;
        self.course = Course::Profile(target);
        Ok(())
    }

    /// Jerk-limited stop, the shortest there is. An axis that stops already goes on stopping.
    ///
    /// It ends no further than the profile it leaves: that profile came to rest from here within the
    /// same limits, and none of those keeps a lower speed at every moment.
    pub(crate) fn stop(&mut self) {
        if !matches!(self.course, Course::Profile(_)) {
            return;
        }
        self.input.control_interface = ControlInterface::Velocity;
        match self.plan() {
            Ok(()) => (self.course, self.cruise) = (Course::Stop, None),
            Err(PlanFailed) => self.brake(),
        }
    }

    /// Stop at the highest deceleration, without a limit of jerk. Cannot fail.
    pub(crate) fn brake(&mut self) {
        if matches!(self.course, Course::Profile(_) | Course::Stop) {
            self.brake_from(self.state);
        }
    }

    /// As [`Motion::brake`], from a state that the setpoints really had.
    pub(crate) fn brake_from(&mut self, state: State) {
        self.state = state;
        self.course = if state.v == 0.0 { Course::Rest } else { Course::Brake(state) };
        self.t = 0.0;
    }

    /// Plans a piece, and where in it the rest of the way is driven.
    fn planned(&mut self, rest: f64) -> Result<Option<Cruise>, PlanFailed> {
        self.plan()?;
        if rest <= 0.0 {
            return Ok(None);
        }
        // The fourth of seven phases is the one without acceleration.
        let profile = &self.trajectory.profiles[0][0];
        let (begin, lasts, velocity) = (profile.t_sum[2], profile.t[3], profile.v[3]);
        if lasts <= 0.0 || velocity == 0.0 {
            return Err(PlanFailed);
        }
        let from = profile.brake.duration + begin + lasts / 2.0;
        Ok(Some(Cruise { from, lasts: rest / velocity.abs(), velocity }))
    }

    /// Of the whole course along the trajectory, in the planner's unit.
    fn duration(&self) -> f64 {
        self.trajectory.get_duration() + self.cruise.map_or(0.0, |c| c.lasts)
    }

    fn plan(&mut self) -> Result<(), PlanFailed> {
        self.input.current_position[0] = 0.0;
        self.input.current_velocity[0] = self.state.v / self.units.v;
        self.input.current_acceleration[0] = (self.state.a / self.units.a).clamp(-1.0, 1.0);
        self.input.target_velocity[0] = 0.0;
        self.input.target_acceleration[0] = 0.0;
        self.input.max_acceleration[0] = 1.0;
        self.input.max_jerk[0] = 1.0;
        match self.planner.calculate(&self.input, &mut self.trajectory) {
            Ok(RuckigResult::Working) if self.trajectory.get_duration().is_finite() => {
                self.t = 0.0;
                self.origin = self.state.p;
                Ok(())
            }
            _ => Err(PlanFailed),
        }
    }

    /// Moves the setpoint by one cycle of `dt` seconds.
    pub(crate) fn step(&mut self, dt: f64) -> State {
        self.t += dt;
        match self.course {
            Course::Rest => {}
            Course::Profile(target) => self.follow(Some(target)),
            Course::Stop => self.follow(None),
            Course::Brake(from) => self.decelerate(from),
        }
        self.state
    }

    fn follow(&mut self, target: Option<f64>) {
        let t = self.t / self.units.t;
        let done = t >= self.duration();
        let (t, besides) = self.cruise.map_or((t, 0.0), |cruise| cruise.at(t));
        let t = t.min(self.trajectory.get_duration());
        let (mut p, mut v, mut a) = (single(), single(), single());
        self.trajectory.at_time(
            t,
            &mut Some(&mut p),
            &mut Some(&mut v),
            &mut Some(&mut a),
            &mut None,
            &mut None,
        );
        let p = self.origin + (p[0] + besides) * self.units.p;
        if done {
            self.seed(target.unwrap_or(p));
        } else {
            self.state = State { p, v: v[0] * self.units.v, a: a[0] * self.units.a };
        }
    }

    fn decelerate(&mut self, from: State) {
        let d = self.limits.acceleration.copysign(from.v);
        let t_rest = from.v.abs() / self.limits.acceleration;
        let t = self.t.min(t_rest);
        let p = from.p + t * (from.v - d * t / 2.0);
        if self.t >= t_rest {
            self.seed(p);
        } else {
            self.state = State { p, v: from.v - d * t, a: -d };
        }
    }
}

fn single() -> DataArrayOrVec<f64, 1> {
    DataArrayOrVec::Stack([0.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    const DT: f64 = 0.001;
    const LIMITS: Limits =
        Limits { travel_lo: -1.0, travel_hi: 62.0, velocity: 200.0, acceleration: 3000.0, jerk: 100_000.0 };

    fn run(m: &mut Motion) -> Vec<State> {
        let mut states = vec![m.state()];
        while !m.at_rest() {
            states.push(m.step(DT));
            assert!(states.len() < 100_000);
        }
        states
    }

    fn assert_limits(states: &[State], jerk_limited: bool) {
        for w in states.windows(2) {
            let dv = (w[1].v - w[0].v).abs();
            assert!(w[1].v.abs() <= LIMITS.velocity * (1.0 + 1e-9));
            assert!(dv <= LIMITS.acceleration * DT * (1.0 + 1e-6) + 1e-9, "{w:?}");
            let da = (w[1].a - w[0].a).abs();
            assert!(!jerk_limited || da <= LIMITS.jerk * DT * (1.0 + 1e-6), "{w:?}");
        }
    }

    #[test]
    fn a_profile_ends_exactly_at_its_target() {
        let mut m = Motion::new(LIMITS, DT);
        m.seed(-0.5);
        m.go_to(38.0, 60.0).unwrap();
        let states = run(&mut m);
        assert_limits(&states, true);
        assert_eq!(m.state(), State { p: 38.0, v: 0.0, a: 0.0 });
        assert!(states.iter().all(|s| s.v <= 60.0 + 1e-9 && s.v >= -1e-9));
    }

    /// Some hours, or as long as an axis can creep: Ruckig's bound of 7,600 of its own times (here 228 s) is not one of a
    /// single axis.
    #[test]
    fn a_long_slow_move_is_planned() {
        for (way, velocity) in [(40.0, 0.01), (-60.0, 0.001), (60.0, 1e-4), (1.4e6, 0.5), (-1.4e6, 10.0)] {
            let mut m = Motion::new(LIMITS, DT);
            m.seed(1.0);
            m.go_to(1.0 + way, velocity).unwrap();
            let (duration, sign) = (m.duration() * m.units.t, way.signum());
            let long = way.abs() / velocity;
            assert!(long > 7_600.0 * m.units.t && (long..long + 1.0).contains(&duration), "{duration} s");
            // It has its speed at once, and keeps it until just before the end.
            let ramp = (duration - long) / 2.0;
            for at in [0.01, 0.5, 0.99] {
                m.t = duration * at - DT;
                let State { p, v, a } = m.step(DT);
                let wanted = 1.0 + sign * velocity * (duration * at - ramp);
                assert!((p - wanted).abs() < 1e-9 * way.abs().max(1.0), "{p} instead of {wanted}");
                assert!((v - sign * velocity).abs() < 1e-9 * velocity && a.abs() < 1e-9, "{v} {a}");
            }
            m.t = duration - 2.0 * DT;
            while !m.at_rest() {
                let before = m.state().p;
                let after = m.step(DT).p;
                assert!((after - before).abs() <= velocity * long * 0.02 + 1e-9);
            }
            assert_eq!(m.state(), State { p: 1.0 + way, v: 0.0, a: 0.0 });
        }
    }

    /// Ways of which doubles cannot say where they end by the planner's own measure, from rest and in the middle of
    /// another move.
    #[test]
    fn ways_beyond_the_planner_are_planned() {
        for (jerk, velocity) in [(1e5, 200.0), (1e7, 20.0), (1e9, 1.0), (1e9, 200.0)] {
            let limits = Limits { travel_lo: -2e9, travel_hi: 2e9, velocity, jerk, ..LIMITS };
            for way in [1e4, -1e5, 1e6, -1e9] {
                let mut m = Motion::new(limits, DT);
                m.seed(3.0);
                m.go_to(3.0 - way / 7.0, velocity).unwrap();
                for _ in 0..50 {
                    m.step(DT);
                }
                let from = m.state();
                m.go_to(3.0 + way, velocity).unwrap();
                let duration = m.duration() * m.units.t;
                let mut last = from;
                for at in 1..1_000 {
                    m.t = duration * f64::from(at) / 1_000.0 - DT;
                    let next = m.step(DT);
                    let (way, most) = ((next.p - last.p).abs(), velocity * duration / 1_000.0);
                    assert!(
                        next.v.abs() <= velocity * (1.0 + 1e-9) && way <= most * (1.0 + 1e-6),
                        "{next:?}"
                    );
                    last = next;
                }
                m.t = duration - 3.0 * DT;
                m.step(DT);
                for _ in 0..3 {
                    let (before, now) = (m.state(), m.step(DT));
                    // After years a double has lost some of a cycle.
                    let cycle = DT * (1.0 + 1e-6) + duration * 1e-15;
                    assert!((now.v - before.v).abs() <= LIMITS.acceleration * cycle + 1e-9);
                    assert!((now.p - before.p).abs() <= velocity * DT + 1e-6, "{before:?} {now:?}");
                }
                assert_eq!(m.state(), State { p: 3.0 + way, v: 0.0, a: 0.0 });
            }
        }
    }

    #[test]
    fn a_target_that_is_here_or_next_to_here_is_reached() {
        for way in [0.0, 1e-15, -1e-12, 1e-9, -1e-6] {
            let mut m = Motion::new(LIMITS, DT);
            m.seed(12.4);
            m.go_to(12.4 + way, 60.0).unwrap();
            assert_limits(&run(&mut m), true);
            assert_eq!(m.state().p, 12.4 + way);
        }
    }

    #[test]
    fn stops_from_any_moment_stay_short_of_the_target() {
        for stop_at in 1..400 {
            for brake in [false, true] {
                let mut m = Motion::new(LIMITS, DT);
                m.go_to(40.0, 190.0).unwrap();
                for _ in 0..stop_at {
                    m.step(DT);
                }
                if brake {
                    m.brake()
                } else {
                    m.stop()
                }
                let states = run(&mut m);
                assert_limits(&states, !brake);
                assert!(states.iter().all(|s| s.p <= 40.0 + 1e-9), "stopped at {stop_at}: {:?}", m.state());
                assert!(m.at_rest() && m.state().v == 0.0);
            }
        }
    }

    proptest::proptest! {
        /// Over the limits that axes have, from any moment of any move: a plan is found, never a brake
        /// for want of one, and it stays within limits and short of the target.
        #[test]
        fn profiles_and_stops_are_found_for_any_limits(
            velocity in 1.0..20_000.0f64,
            ramp_s in 0.005..1.0f64,
            jerk_s in 0.001..0.5f64,
            way in proptest::prelude::prop_oneof![-1000.0..1000.0f64, -1.0e6..1.0e6f64, -0.01..0.01f64],
            from in -1000.0..1000.0f64,
            share in 0.01..1.0f64,
            stop_at in 0.0..1.2f64,
        ) {
            let acceleration = velocity / ramp_s;
            let limits = Limits {
                travel_lo: -2.0e6, travel_hi: 2.0e6, velocity, acceleration, jerk: acceleration / jerk_s,
            };
            let mut m = Motion::new(limits, DT);
            m.seed(from);
            let (target, v_max) = (from + way, velocity * share);
            m.go_to(target, v_max).unwrap();
            let cycles = (m.duration() * m.units.t * stop_at / DT) as usize;
            for _ in 0..cycles.min(20_000) {
                m.step(DT);
            }
            m.stop();
            proptest::prop_assert!(!matches!(m.course, Course::Brake(_)), "{:?}", m.state);
            let mut last = m.state();
            for _ in 0..3_000 {
                let next = m.step(DT);
                proptest::prop_assert!((next.v - last.v).abs() <= acceleration * DT * (1.0 + 1e-6) + 1e-9);
                proptest::prop_assert!(next.v.abs() <= v_max * (1.0 + 1e-6));
                last = next;
            }
            let (lo, hi) = (from.min(target), from.max(target));
            let room = 1e-9 * way.abs().max(1.0);
            proptest::prop_assert!((lo - room..=hi + room).contains(&last.p), "{last:?} of {from} to {target}");
        }
    }

    #[test]
    fn a_brake_takes_over_a_stop_and_not_the_other_way() {
        let mut m = Motion::new(LIMITS, DT);
        m.go_to(40.0, 190.0).unwrap();
        for _ in 0..100 {
            m.step(DT);
        }
        m.stop();
        m.step(DT);
        m.brake();
        assert!(matches!(m.course, Course::Brake(_)), "{:?}", m.course);
        m.stop();
        assert!(matches!(m.course, Course::Brake(_)));
        assert_limits(&run(&mut m), false);
    }

    #[test]
    fn at_rest_there_is_nothing_to_stop() {
        let mut m = Motion::new(LIMITS, DT);
        m.seed(3.0);
        m.stop();
        m.brake();
        assert!(m.at_rest());
        assert_eq!(m.step(DT), State { p: 3.0, v: 0.0, a: 0.0 });
    }
}
