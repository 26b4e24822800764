//! A cobot is brought home by hand: at reduced speed, for as long as somebody holds the key.
//!
//! *Leg*: one request to the cobot. A way that would take longer than a cobot may take to answer is gone in
//! several. Believed is the end of its request, never that it was told to stop.

use cellwright_model::cell::Robot;
use cellwright_model::event::AlarmClass;
use cellwright_model::packml::{CellMode, CellState};
use cellwright_model::robot::{Joints, RobotCommand, RobotReply, RobotState};
use cellwright_model::{RequestId, RobotId, TimeNs};

use super::way::known;
use super::{JOG_WINDOW, REST_WITHIN, answered, not_renewed, record_end};
use crate::acting::not_at_rest;
use crate::api::{MachineFault, Source};
use crate::core::Core;
use crate::ledger::{Cx, Reply};
use crate::messages::ANSWER_GRACE;
use crate::zones;

/// Share of its answer's time that one leg takes at its speed; the rest is for ramps and the answer.
const LEG_SHARE: f64 = 0.5;

/// A cobot on its way home.
#[derive(Debug)]
pub(super) struct Homing {
    pub(super) robot: RobotId,
    pub(super) by: Source,
    pub(super) what: String,
    renewed: TimeNs,
    leg: Option<Leg>,
    ending: Option<Ending>,
}

#[derive(Debug)]
struct Leg {
    id: RequestId,
    deadline: TimeNs,
    /// It ends at home.
    last: bool,
}

/// It is to come to rest. `why`: as a person would wish (`Ok`) or not.
#[derive(Debug)]
struct Ending {
    why: Result<String, String>,
    deadline: TimeNs,
}

impl Homing {
    /// The key is still held.
    pub(super) fn renew(&mut self, cx: &mut Cx<'_>) {
        self.renewed = cx.now;
        cx.wake_at(cx.now + JOG_WINDOW);
    }

    /// Brings it to rest, if it is not on its way there.
    pub(super) fn end(&mut self, cx: &mut Cx<'_>, why: Result<String, String>) {
        if self.ending.is_some() {
            return;
        }
        let deadline = cx.now + REST_WITHIN;
        cx.wake_at(deadline);
        if self.leg.is_some() {
            cx.stop_robot(self.robot);
        }
        self.ending = Some(Ending { why, deadline });
    }

    /// Why it was to end, or that it was not.
    pub(super) fn why_or(self, otherwise: Result<String, String>) -> Result<String, String> {
        self.ending.map_or(otherwise, |e| e.why)
    }

    /// Carries it on. `Some`: it has ended, so.
    fn look(&mut self, cx: &mut Cx<'_>) -> Option<Result<String, String>> {
        let Some(leg) = &self.leg else {
            return match self.ending.take() {
                Some(ending) => Some(ending.why),
                None => self.next(cx),
            };
        };
        let (id, last) = (leg.id, leg.last);
        match cx.ledger.take_reply(id) {
            None if cx.now < leg.deadline => None,
            None => {
                // It may be moving: stopped, and believed at rest only by its own state.
                cx.ledger.forget_request(id);
                cx.stop_robot(self.robot);
                Some(Err("the cobot did not answer in time".into()))
            }
            Some(Reply::Robot(RobotReply::Done { .. })) => {
                self.leg = None;
                match self.ending.take() {
                    Some(ending) => Some(ending.why),
                    None if last => Some(Ok("at home".into())),
                    None => self.next(cx),
                }
            }
            Some(Reply::Robot(RobotReply::Rejected(why))) => Some(Err(why.as_str().into())),
            Some(Reply::Robot(RobotReply::Faulted(why))) => {
                cx.stop_robot(self.robot);
                Some(Err(why.as_str().into()))
            }
            Some(_) => Some(self.ending.take().map_or_else(|| Err("stopped".into()), |e| e.why)),
        }
    }

    /// Asks for the next leg, unless it is at home.
    fn next(&mut self, cx: &mut Cx<'_>) -> Option<Result<String, String>> {
        let (robot, state, home) = match whereabouts(cx, self.robot) {
            Ok(found) => found,
            Err(why) => return Some(Err(why)),
        };
        if robot.rests_at_home(&state, cx.now) {
            return Some(Ok("at home".into()));
        }
        let speed = cx.cell.manual.speed;
        let (to, last) = leg(robot, &state.joints, home, speed);
        if let Some((zone, by)) = zones::on_the_way(cx, self.robot, &to) {
            return Some(Err(format!("{by} is in zone {zone}, on its way: bring that out first")));
        }
        let deadline = cx.now + robot.answer_timeout + ANSWER_GRACE;
        cx.wake_at(deadline);
        let id = cx.robot(self.robot, RobotCommand::MoveJ { to, speed });
        self.leg = Some(Leg { id, deadline, last });
        None
    }
}

impl Core {
    pub(super) fn begin_home(&mut self, cx: &mut Cx<'_>, robot: RobotId, by: Source) {
        let name = cx
            .cell
            .robots
            .get(robot.index())
            .map_or_else(|| format!("cobot {}", robot.0), |r| r.name.clone());
        let what = format!("bring {name} home");
        let may = self.by_hand(cx).and_then(|()| {
            self.nothing_moves()?;
            if cx.ledger.robots_busy() {
                return Err("a cobot has not answered yet".into());
            }
            whereabouts(cx, robot).map(drop)
        });
        if may.is_ok() {
            self.manual.deserted = false;
            let mut homing = Homing {
                robot,
                by: by.clone(),
                what: what.clone(),
                renewed: cx.now,
                leg: None,
                ending: None,
            };
            homing.renew(cx);
            self.manual.homing = Some(homing);
        }
        answered(cx, what, by, may);
    }

    pub(super) fn poll_home(&mut self, cx: &mut Cx<'_>) -> Option<MachineFault> {
        let (mode, state) = (self.mode, self.state());
        let homing = self.manual.homing.as_mut()?;
        if homing.ending.as_ref().is_some_and(|e| cx.now >= e.deadline) {
            return Some(not_at_rest(AlarmClass::Abort));
        }
        if cx.now >= homing.renewed + JOG_WINDOW {
            homing.end(cx, Ok(not_renewed()));
        } else if mode != CellMode::Manual || state != CellState::Stopped {
            homing.end(cx, Ok(format!("mode {}, {}", mode.name(), state.name())));
        }
        let why = homing.look(cx)?;
        if let Some(Homing { what, by, .. }) = self.manual.homing.take() {
            let said = record_end(cx, format!("{what} ended"), by, why);
            self.manual.say(said);
        }
        None
    }
}

/// The cobot, where it is, and its home. Errors: that one of them is not known.
fn whereabouts<'c>(cx: &Cx<'c>, robot: RobotId) -> Result<(&'c Robot, RobotState, Joints), String> {
    let described = cx.cell.robots.get(robot.index()).ok_or("there is no such cobot")?;
    let home = described.pose("home").ok_or_else(|| format!("{} has no pose `home`", described.name))?;
    let state = cx.machine.robots.get(robot.index()).copied().unwrap_or_default();
    known(described, &state, cx.now)?;
    Ok((described, state, home))
}

/// Where the next leg ends, and whether that is home.
fn leg(robot: &Robot, from: &Joints, home: Joints, speed: f64) -> (Joints, bool) {
    let ways = home.iter().zip(from).zip(&robot.joint_velocity_max);
    let time_s = ways.map(|((to, from), most)| (to - from).abs() / (most * speed)).fold(0.0, f64::max);
    let most_s = LEG_SHARE * robot.answer_timeout.as_secs_f64();
    if time_s <= most_s {
        return (home, true);
    }
    let share = most_s / time_s;
    (core::array::from_fn(|j| from[j] + share * (home[j] - from[j])), false)
}

#[cfg(test)]
mod tests {
    use cellwright_model::DurationNs;

    use super::*;

    #[test]
    fn a_long_way_is_gone_in_legs_that_a_cobot_answers_in_time() {
        let robot = Robot {
            name: "r".into(),
            joint_lo: [-180.0; 6],
            joint_hi: [180.0; 6],
            joint_velocity_max: [100.0; 6],
            joint_acceleration_max: [500.0; 6],
            joint_jerk_max: [5000.0; 6],
            touch_up_deg: 0.0,
            poses: Vec::new(),
            answer_timeout: DurationNs::from_millis(4_000),
            ros2: None,
        };
        // 10 deg/s, so 20 deg in the half of 4 s.
        let home = [0.0, 10.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(leg(&robot, &[20.0, 0.0, 0.0, 0.0, 0.0, 0.0], home, 0.1), (home, true));
        let mut at = [50.0, 0.0, 0.0, 0.0, 0.0, -170.0];
        let mut legs = 0;
        loop {
            let (to, last) = leg(&robot, &at, home, 0.1);
            let longest = to.iter().zip(&at).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(longest <= 20.0 + 1e-9, "{longest}");
            (at, legs) = (to, legs + 1);
            if last {
                break;
            }
        }
        assert_eq!((at, legs), (home, 9));
    }
}
